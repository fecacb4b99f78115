/* numeric_func.c - sqrt, exp, ln, log and power of numerics.
 *
 * The scales of results are PostgreSQL's; the digits are computed with guard digits enough to round
 * to them. exp: the argument is halved until it is small, the Taylor series summed, the sum squared
 * as often. ln: square roots bring the argument near 1, where ln x = 2 artanh((x-1)/(x+1)).
 * Intermediate numbers live in an arena of their own under the caller's budget.
 */
#include <math.h>
#include <stdlib.h>

#include "format/pgtype/numeric.h"
#include "format/pgtype/numeric_int.h"

enum { RESULT_SCALE_MAX = 2000, GUARD_DIGITS = 12 };

static int clamp_scale(int scale, int at_least)
{
    scale = LUMA_MAX(scale, LUMA_MAX(at_least, 0));
    return LUMA_MIN(scale, NUMERIC_DISPLAY_SCALE_MAX);
}

static Status overflow_error(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22003", 0, "value overflows numeric format");
}

/* A double of the value; clamped to +-1e300 beyond. */
static double to_double(const Num *n)
{
    double v = 0;
    int used = LUMA_MIN(n->count, 6);

    if (n->weight > 70)
        return n->negative ? -1e300 : 1e300;
    for (int i = 0; i < used; i++)
        v = v * 10000 + n->digits[i];
    v *= pow(10000, n->weight - used + 1);
    return n->negative ? -v : v;
}

/* A double with 15 good digits as a number. */
static Status from_double(double v, Arena *arena, Num *ret, Error *err)
{
    View view;

    TRY(numeric_from_f64(v, arena, &view, err));
    return numeric__open(&view, ret, arena, err);
}

/* a * b rounded to a scale. */
static Status mul_round(const Num *a, const Num *b, int scale, Arena *arena, Num *ret, Error *err)
{
    Num product;

    TRY(numeric__mul(a, b, arena, &product, err));
    return numeric__round(&product, scale, false, arena, ret, err);
}

static Status div_int(const Num *a, int64_t divisor, int scale, Arena *arena, Num *ret, Error *err)
{
    Num d;

    numeric__from_int(divisor, &d);
    return numeric__div(a, &d, scale, false, arena, ret, err);
}

/* ---------------------------------------------------------------- sqrt */

/* Newton's iteration for x > 0; correct to `scale` but for its last digits. */
static Status sqrt_num(const Num *x, int scale, Arena *arena, Num *ret, Error *err)
{
    Num scaled = *x;
    Num y;
    int half = x->weight >= 0 ? x->weight / 2 : -((1 - x->weight) / 2);

    /* Estimate from x / 10000^(2 half), which a double holds whatever the weight. */
    scaled.weight -= 2 * half;
    TRY(from_double(sqrt(to_double(&scaled)), arena, &y, err));
    y.weight += half;
    if (half > 0)
        y.scale = 0;
    int digits = scale + 4 * (LUMA_MAX(half, 0) + 1);
    for (int good = 12;; good *= 2) {
        Num q;
        Num sum;
        TRY(numeric__div(x, &y, scale, false, arena, &q, err));
        TRY(numeric__add(&y, &q, arena, &sum, err));
        TRY(div_int(&sum, 2, scale, arena, &y, err));
        if (good > digits)
            break;
    }
    *ret = y;
    return STATUS_OK;
}

Status numeric_sqrt(const View *n, Arena *arena, View *ret, Error *err)
{
    CLEANUP(arena_done) Arena tmp = {0};
    Num x;
    Num root;

    if (numeric_sign(n) < 0)
        return error_set_sql(err, STATUS_INVALID, "2201F", 0,
                             "cannot take square root of a negative number");
    if (n->len == 1) {
        *ret = *n;
        return STATUS_OK;
    }
    arena_init(&tmp, arena->budget);
    TRY(numeric__open(n, &x, &tmp, err));
    numeric__strip(&x);
    int scale = clamp_scale(NUMERIC_SIG_DIGITS_MIN - (x.weight * 4 / 2 + 1), x.scale);
    if (x.count == 0)
        return numeric_from_i128(0, scale, arena, ret, err);
    TRY(sqrt_num(&x, scale + GUARD_DIGITS, &tmp, &root, err));
    TRY(numeric__round(&root, scale, false, &tmp, &root, err));
    return numeric__make(&root, arena, ret, err);
}

/* ---------------------------------------------------------------- exp */

/* e^x to `scale` digits; |x| < 6000. */
static Status exp_num(const Num *x, int scale, Arena *arena, Num *ret, Error *err)
{
    double value = to_double(x);
    int halvings = 0;
    Num t = *x;
    Num term;
    Num sum;

    for (double left = fabs(value); left > 0.01; left /= 2)
        halvings++;
    /* Digits before the point, and what the squarings lose, come on top. */
    int work = scale + LUMA_MAX((int)(value * 0.4343), 0) + halvings / 3 + GUARD_DIGITS;
    work = LUMA_MAX(work, GUARD_DIGITS);
    TRY(div_int(x, INT64_C(1) << halvings, work, arena, &t, err));
    numeric__from_int(1, &sum);
    term = t;
    TRY(numeric__add(&sum, &t, arena, &sum, err));
    for (int i = 2; term.count; i++) {
        TRY(mul_round(&term, &t, work, arena, &term, err));
        TRY(div_int(&term, i, work, arena, &term, err));
        TRY(numeric__add(&sum, &term, arena, &sum, err));
    }
    while (halvings--)
        TRY(mul_round(&sum, &sum, work, arena, &sum, err));
    return numeric__round(&sum, scale, false, arena, ret, err);
}

/* The bounds around it: far out it overflows or is zero. */
static Status exp_bounded(const Num *x, int scale, Arena *arena, Num *ret, Error *err)
{
    double value = to_double(x);

    if (fabs(value) >= RESULT_SCALE_MAX * 3) {
        if (value > 0)
            return overflow_error(err);
        *ret = (Num){.tag = NUMERIC_TAG_LARGE, .scale = scale};
        return STATUS_OK;
    }
    return exp_num(x, scale, arena, ret, err);
}

Status numeric_exp(const View *n, Arena *arena, View *ret, Error *err)
{
    CLEANUP(arena_done) Arena tmp = {0};
    Num x;
    Num result;

    if (n->len == 1) {
        *ret = numeric_sign(n) < 0 ? numeric_small(0, 0) : *n;
        return STATUS_OK;
    }
    arena_init(&tmp, arena->budget);
    TRY(numeric__open(n, &x, &tmp, err));
    double weight = to_double(&x) * 0.434294481903252;
    weight = LUMA_MIN(LUMA_MAX(weight, (double)-RESULT_SCALE_MAX), (double)RESULT_SCALE_MAX);
    int scale = clamp_scale(NUMERIC_SIG_DIGITS_MIN - (int)weight, x.scale);
    TRY(exp_bounded(&x, scale, &tmp, &result, err));
    result.scale = scale;
    return numeric__make(&result, arena, ret, err);
}

/* ---------------------------------------------------------------- ln */

/* Decimal weight of ln(x)'s first digit, as PostgreSQL estimates it. */
static Status ln_weight(const Num *x, Arena *arena, int *ret, Error *err)
{
    Num s = *x;
    double v = to_double(x);

    numeric__strip(&s);
    *ret = 0;
    if (s.count == 0 || s.negative)
        return STATUS_OK;
    if (v >= 0.9 && v <= 1.1) {
        Num one;
        Num diff;
        numeric__from_int(1, &one);
        TRY(numeric__sub(&s, &one, arena, &diff, err));
        if (diff.count)
            *ret = diff.weight * 4 + (int)log10(diff.digits[0]);
        return STATUS_OK;
    }
    double digits = s.digits[0];
    int weight = s.weight * 4;
    if (s.count > 1) {
        digits = digits * 10000 + s.digits[1];
        weight -= 4;
    }
    *ret = (int)log10(fabs(log(digits) + weight * 2.302585092994046));
    return STATUS_OK;
}

/* 2 artanh((x-1)/(x+1)) for x near 1. */
static Status ln_near_one(const Num *x, int work, Arena *arena, Num *ret, Error *err)
{
    Num one;
    Num below;
    Num above;
    Num z;
    Num z2;
    Num power;
    Num sum;

    numeric__from_int(1, &one);
    TRY(numeric__sub(x, &one, arena, &below, err));
    TRY(numeric__add(x, &one, arena, &above, err));
    TRY(numeric__div(&below, &above, work, false, arena, &z, err));
    TRY(mul_round(&z, &z, work, arena, &z2, err));
    power = z;
    sum = z;
    for (int i = 3; power.count; i += 2) {
        Num term;
        TRY(mul_round(&power, &z2, work, arena, &power, err));
        TRY(div_int(&power, i, work, arena, &term, err));
        TRY(numeric__add(&sum, &term, arena, &sum, err));
    }
    return numeric__add(&sum, &sum, arena, ret, err);
}

/* ln x to `scale` digits (may be negative), x > 0. */
static Status ln_num(const Num *x, int scale, Arena *arena, Num *ret, Error *err)
{
    Num root = *x;
    int roots = 0;
    Num factor;
    Num sum;

    numeric__strip(&root);
    /* Roots of a number with a large weight lose digits only behind the point; 2^roots multiplies
     * what is lost. */
    int work = LUMA_MAX(scale, 0) + GUARD_DIGITS + 8;
    int low = LUMA_MAX(-root.weight, 0) * 4; /* a small x needs its digits behind the point */
    for (;;) {
        double v = to_double(&root);
        if (v > 0.9 && v < 1.1)
            break;
        TRY(sqrt_num(&root, work + low + roots / 3, arena, &root, err));
        low /= 2;
        roots++;
    }
    TRY(ln_near_one(&root, work + roots / 3 + 1, arena, &sum, err));
    numeric__from_int(INT64_C(1) << roots, &factor);
    return mul_round(&sum, &factor, scale, arena, ret, err);
}

static Status check_ln(const View *n, Error *err)
{
    if (numeric_is_nan(n))
        return STATUS_OK;
    if (numeric_sign(n) < 0)
        return error_set_sql(err, STATUS_INVALID, "2201E", 0,
                             "cannot take logarithm of a negative number");
    if (numeric_sign(n) == 0)
        return error_set_sql(err, STATUS_INVALID, "2201E", 0, "cannot take logarithm of zero");
    return STATUS_OK;
}

Status numeric_ln(const View *n, Arena *arena, View *ret, Error *err)
{
    CLEANUP(arena_done) Arena tmp = {0};
    Num x;
    Num result;
    int weight;

    TRY(check_ln(n, err));
    if (n->len == 1) {
        *ret = *n;
        return STATUS_OK;
    }
    arena_init(&tmp, arena->budget);
    TRY(numeric__open(n, &x, &tmp, err));
    TRY(ln_weight(&x, &tmp, &weight, err));
    int scale = clamp_scale(NUMERIC_SIG_DIGITS_MIN - weight, x.scale);
    TRY(ln_num(&x, scale, &tmp, &result, err));
    result.scale = scale;
    return numeric__make(&result, arena, ret, err);
}

/* log where an argument is infinite: limits, as PostgreSQL. */
static View log_special(const View *base, const View *n)
{
    if (numeric_is_nan(base) || numeric_is_nan(n) ||
        (numeric_is_infinite(base) && numeric_is_infinite(n)))
        return numeric_nan();
    return numeric_is_infinite(n) ? *n : numeric_small(0, 0);
}

Status numeric_log(const View *base, const View *n, Arena *arena, View *ret, Error *err)
{
    CLEANUP(arena_done) Arena tmp = {0};
    Num b;
    Num x;
    Num ln_b;
    Num ln_x;
    Num result;
    int weight_b;
    int weight_x;

    if (numeric_is_nan(base) || numeric_is_nan(n)) {
        *ret = numeric_nan();
        return STATUS_OK;
    }
    /* Among specials a negative one comes before zero. */
    TRY(check_ln(n->len == 1 && numeric_sign(n) < 0 ? n : base, err));
    TRY(check_ln(n, err));
    if (base->len == 1 || n->len == 1) {
        *ret = log_special(base, n);
        return STATUS_OK;
    }
    arena_init(&tmp, arena->budget);
    TRY(numeric__open(base, &b, &tmp, err));
    TRY(numeric__open(n, &x, &tmp, err));
    TRY(ln_weight(&b, &tmp, &weight_b, err));
    TRY(ln_weight(&x, &tmp, &weight_x, err));
    int weight = weight_x - weight_b;
    int scale = clamp_scale(NUMERIC_SIG_DIGITS_MIN - weight, LUMA_MAX(b.scale, x.scale));
    TRY(ln_num(&b, LUMA_MAX(scale + weight - weight_b + 8, 0), &tmp, &ln_b, err));
    TRY(ln_num(&x, LUMA_MAX(scale + weight - weight_x + 8, 0), &tmp, &ln_x, err));
    if (numeric__is_zero(&ln_b))
        return error_set_sql(err, STATUS_INVALID, "22012", 0, "division by zero");
    TRY(numeric__div(&ln_x, &ln_b, scale, false, &tmp, &result, err));
    result.scale = scale;
    return numeric__make(&result, arena, ret, err);
}

/* ---------------------------------------------------------------- power */

static bool is_integer(const Num *n)
{
    return n->count <= n->weight + 1;
}

/* Does it fit into int32? The number is stripped. */
static bool to_int32(const Num *n, int32_t *ret)
{
    int64_t v = 0;

    if (!is_integer(n) || n->weight > 2)
        return false;
    for (int i = 0; n->count && i <= n->weight; i++)
        v = v * 10000 + (i < n->count ? n->digits[i] : 0);
    v = n->negative ? -v : v;
    if (v < INT32_MIN || v > INT32_MAX)
        return false;
    *ret = (int32_t)v;
    return true;
}

/* log10(|n|) of a stripped number that is not zero. */
static double log10_abs(const Num *n)
{
    double f = n->digits[0];
    int weight = n->weight * 4;

    for (int i = 1; i < n->count && i < 4; i++) {
        f = f * 10000 + n->digits[i];
        weight -= 4;
    }
    return log10(f) + weight;
}

/* base^exp by squaring, each product cut to the significant digits that the result needs. */
static Status power_int(const Num *base, int32_t exp, int scale, Arena *arena, Num *ret, Error *err)
{
    Num square = *base;
    Num result;
    Num one;

    numeric__from_int(1, &one);
    if (exp == 0) {
        TRY(numeric__add(&one, &(Num){.tag = NUMERIC_TAG_LARGE}, arena, ret, err));
        return STATUS_OK;
    }
    if (base->count == 0) {
        if (exp < 0)
            return error_set_sql(err, STATUS_INVALID, "22012", 0, "division by zero");
        *ret = (Num){.tag = NUMERIC_TAG_LARGE};
        return STATUS_OK;
    }
    double weight = exp * log10_abs(base);
    if (weight > 3.0 * NUMERIC_WEIGHT_MAX * 4)
        return overflow_error(err);
    if (weight + 1 < -scale) {
        *ret = (Num){.tag = NUMERIC_TAG_LARGE};
        return STATUS_OK;
    }
    int digits = 1 + scale + (int)weight + (int)log(fabs((double)exp)) + 8 + GUARD_DIGITS;
    digits = LUMA_MAX(digits, 2 * GUARD_DIGITS);
    bool first = true;
    for (uint32_t bits = exp < 0 ? 0 - (uint32_t)exp : (uint32_t)exp; bits; bits >>= 1) {
        if (bits & 1) {
            if (first) {
                result = square;
            } else {
                TRY(numeric__mul(&result, &square, arena, &result, err));
                TRY(numeric__round(&result, digits - 4 * result.weight, false, arena, &result,
                                   err));
            }
            first = false;
        }
        if (bits > 1) {
            TRY(numeric__mul(&square, &square, arena, &square, err));
            TRY(numeric__round(&square, digits - 4 * square.weight, false, arena, &square, err));
            /* Runaway weights overflow, or vanish when they are inverted. */
            if (abs(square.weight) > 4 * NUMERIC_WEIGHT_MAX || square.count == 0)
                break;
        }
    }
    if (square.count && abs(square.weight) > 4 * NUMERIC_WEIGHT_MAX &&
        (square.weight > 0) == (exp > 0))
        return overflow_error(err);
    if (exp < 0)
        TRY(numeric__div(&one, &result, scale, false, arena, &result, err));
    *ret = result;
    return STATUS_OK;
}

/* exp(ln(base) * exp) with PostgreSQL's scale. */
static Status power_real(const Num *base, const Num *exp, Arena *arena, Num *ret, Error *err)
{
    Num positive = *base;
    Num ln_base;
    Num product;
    int weight;

    positive.negative = false;
    TRY(ln_weight(&positive, arena, &weight, err));
    TRY(ln_num(&positive, LUMA_MAX(8 - weight, 0), arena, &ln_base, err));
    TRY(mul_round(&ln_base, exp, LUMA_MAX(8 - weight, 0), arena, &product, err));
    double value = to_double(&product);
    if (fabs(value) > RESULT_SCALE_MAX * 3.01) {
        if (value > 0)
            return overflow_error(err);
        *ret = (Num){.tag = NUMERIC_TAG_LARGE, .scale = NUMERIC_DISPLAY_SCALE_MAX};
        return STATUS_OK;
    }
    value *= 0.434294481903252;
    int scale = clamp_scale(NUMERIC_SIG_DIGITS_MIN - (int)value, LUMA_MAX(base->scale, exp->scale));
    int local = LUMA_MAX(LUMA_MAX(scale + (int)value, 0) - weight + 8, 0);
    TRY(ln_num(&positive, local, arena, &ln_base, err));
    TRY(mul_round(&ln_base, exp, local, arena, &product, err));
    TRY(exp_bounded(&product, scale, arena, ret, err));
    ret->scale = scale;
    /* Here the exponent is an integer past int32 if the base is negative: even, unless its last
     * digit stands. */
    ret->negative =
        base->negative && exp->count == exp->weight + 1 && exp->digits[exp->count - 1] % 2;
    return STATUS_OK;
}

/* Powers with NaN or infinity (IEEE 754's pow), and those that are undefined. True when settled. */
static bool power_special(const View *a, const View *b, Arena *arena, View *ret, Status *ret_status,
                          Error *err)
{
    View one = numeric_from_i64(1);
    bool b_zero = numeric_sign(b) == 0 && !numeric_is_nan(b);

    *ret_status = STATUS_OK;
    if (a->len != 1 && b->len != 1) {
        if (numeric_sign(a) == 0 && numeric_sign(b) < 0)
            *ret_status = error_set_sql(err, STATUS_INVALID, "2201F", 0,
                                        "zero raised to a negative power is undefined");
        else if (numeric_sign(a) < 0 && numeric_min_scale(b) > 0)
            *ret_status = error_set_sql(
                err, STATUS_INVALID, "2201F", 0,
                "a negative number raised to a non-integer power yields a complex result");
        else
            return false;
        return true;
    }
    if (b_zero || numeric_cmp(a, &one) == 0) {
        *ret = one;
    } else if (numeric_is_nan(a) || numeric_is_nan(b)) {
        *ret = numeric_nan();
    } else if (b->len == 1) { /* +-infinity */
        View minus_one = numeric_from_i64(-1);
        if (numeric_sign(a) == 0 && numeric_sign(b) < 0) {
            *ret_status = error_set_sql(err, STATUS_INVALID, "2201F", 0,
                                        "zero raised to a negative power is undefined");
        } else if (numeric_cmp(a, &minus_one) == 0) {
            *ret = one;
        } else {
            bool large = numeric_cmp(a, &one) > 0 || numeric_cmp(a, &minus_one) < 0;
            bool grows = large == (numeric_sign(b) > 0);
            *ret = grows ? numeric_infinity(false) : numeric_small(0, 0);
        }
    } else if (numeric_sign(a) < 0 && numeric_min_scale(b) > 0) {
        *ret_status = error_set_sql(
            err, STATUS_INVALID, "2201F", 0,
            "a negative number raised to a non-integer power yields a complex result");
    } else if (numeric_sign(b) < 0) { /* infinity to a negative power */
        *ret = numeric_small(0, 0);
    } else if (numeric_sign(a) > 0) {
        *ret = numeric_infinity(false);
    } else {
        View two = numeric_from_i64(2);
        View rest;
        *ret_status = numeric_mod(b, &two, arena, &rest, err);
        if (*ret_status == STATUS_OK)
            *ret = numeric_infinity(numeric_sign(&rest) != 0);
    }
    return true;
}

Status numeric_power(const View *a, const View *b, Arena *arena, View *ret, Error *err)
{
    CLEANUP(arena_done) Arena tmp = {0};
    Status status;
    Num base;
    Num exp;
    Num result;
    int32_t whole;

    arena_init(&tmp, arena->budget);
    if (power_special(a, b, &tmp, ret, &status, err))
        return status;
    TRY(numeric__open(a, &base, &tmp, err));
    TRY(numeric__open(b, &exp, &tmp, err));
    numeric__strip(&base);
    numeric__strip(&exp);
    if (to_int32(&exp, &whole)) {
        int scale = clamp_scale(NUMERIC_SIG_DIGITS_MIN, base.scale);
        TRY(power_int(&base, whole, scale, &tmp, &result, err));
        TRY(numeric__round(&result, scale, false, &tmp, &result, err));
        result.scale = scale;
        return numeric__make(&result, arena, ret, err);
    }
    if (base.count == 0)
        return numeric_from_i128(0, NUMERIC_SIG_DIGITS_MIN, arena, ret, err);
    TRY(power_real(&base, &exp, &tmp, &result, err));
    return numeric__make(&result, arena, ret, err);
}
