/* numeric_math.c - addition, multiplication, division, rounding and sums of numerics.
 *
 * Values of up to 19 digits go through __int128; all else through base-10000 digit arrays by the
 * schoolbook methods (division: Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D).
 */
#include <stdlib.h>

#include "format/pgtype/numeric.h"
#include "format/pgtype/numeric_int.h"

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* ---------------------------------------------------------------- digit arrays */

Status numeric__round(const Num *n, int scale, bool truncate, Arena *arena, Num *ret, Error *err)
{
    uint16_t *digits;
    /* One extra digit in front for a carry. */
    int whole = n->weight + 1;
    int64_t keep_decimals = (int64_t)whole * 4 + scale; /* decimals of the array that stay */
    int new_scale = scale < 0 ? 0 : scale;

    Num result = {.tag = n->tag, .negative = n->negative, .scale = new_scale}; /* ret may be n */
    if (keep_decimals < 0 || n->count == 0) {
        *ret = result; /* all below half of the last place */
        return STATUS_OK;
    }
    int keep = (int)LUMA_MIN((keep_decimals + 3) / 4, (int64_t)n->count);
    TRY(numeric__digits_alloc(arena, keep + 2, &digits, err));
    digits[0] = 0;
    for (int i = 0; i < keep; i++)
        digits[i + 1] = n->digits[i];
    bool carry = false;
    if (keep_decimals < 4 * (int64_t)n->count) {
        int partial = (int)(keep_decimals % 4); /* decimals that stay of the last kept digit */
        if (partial) {
            uint16_t unit = (uint16_t)numeric__pow10(4 - partial);
            uint16_t cut = digits[keep] % unit;
            digits[keep] = (uint16_t)(digits[keep] - cut);
            if (!truncate && cut >= unit / 2) {
                digits[keep] = (uint16_t)(digits[keep] + unit);
                carry = digits[keep] >= 10000;
                if (carry)
                    digits[keep] = (uint16_t)(digits[keep] - 10000);
            }
            for (int i = keep - 1; carry; i--) {
                carry = ++digits[i] == 10000;
                if (carry)
                    digits[i] = 0;
            }
        } else if (!truncate && n->digits[keep] >= 5000) {
            int i = keep;
            while (++digits[i] == 10000)
                digits[i--] = 0;
        }
    }
    result.digits = digits;
    result.count = keep + 1;
    result.weight = n->weight + 1;
    numeric__strip(&result);
    *ret = result;
    return STATUS_OK;
}

/* Digit at an exponent of 10000. */
static uint16_t digit_at(const Num *n, int exponent)
{
    int i = n->weight - exponent;
    return i >= 0 && i < n->count ? n->digits[i] : 0;
}

static int lowest_exponent(const Num *n)
{
    return n->weight - n->count + 1;
}

/* |a| + |b| or |a| - |b| (|a| >= |b|). */
static Status combine_abs(const Num *a, const Num *b, bool subtract, Arena *arena, Num *ret,
                          Error *err)
{
    int high = max_int(a->weight, b->weight) + 1;
    int low = LUMA_MIN(lowest_exponent(a), lowest_exponent(b));
    uint16_t *digits;

    if (a->count == 0 || b->count == 0) {
        const Num *only = a->count ? a : b;
        high = only->weight + 1;
        low = lowest_exponent(only);
    }
    int count = high - low + 1;
    TRY(numeric__digits_alloc(arena, count, &digits, err));
    int carry = 0;
    for (int e = low; e <= high; e++) {
        int x = a->count ? digit_at(a, e) : 0;
        int y = b->count ? digit_at(b, e) : 0;
        int v = subtract ? x - y - carry : x + y + carry;
        carry = subtract ? v < 0 : v >= 10000;
        digits[high - e] = (uint16_t)(carry ? (subtract ? v + 10000 : v - 10000) : v);
    }
    *ret = (Num){.tag = NUMERIC_TAG_LARGE,
                 .scale = max_int(a->scale, b->scale),
                 .weight = high,
                 .count = count,
                 .digits = digits};
    return STATUS_OK;
}

static Status add_signed(const Num *a, const Num *b, bool negate_b, Arena *arena, Num *ret,
                         Error *err)
{
    bool negative_b = b->negative != negate_b;

    if (a->negative == negative_b) {
        bool negative = a->negative;
        TRY(combine_abs(a, b, false, arena, ret, err));
        ret->negative = negative;
    } else if (numeric__cmp_abs(a, b) >= 0) {
        bool negative = a->negative;
        TRY(combine_abs(a, b, true, arena, ret, err));
        ret->negative = negative;
    } else {
        TRY(combine_abs(b, a, true, arena, ret, err));
        ret->negative = negative_b;
    }
    numeric__strip(ret);
    return STATUS_OK;
}

Status numeric__add(const Num *a, const Num *b, Arena *arena, Num *ret, Error *err)
{
    return add_signed(a, b, false, arena, ret, err);
}

Status numeric__sub(const Num *a, const Num *b, Arena *arena, Num *ret, Error *err)
{
    return add_signed(a, b, true, arena, ret, err);
}

Status numeric__mul(const Num *a, const Num *b, Arena *arena, Num *ret, Error *err)
{
    int count = a->count + b->count;
    uint32_t *sums;
    uint16_t *digits;

    TRY(arena_try_alloc(arena, sizeof *sums * (size_t)(count + 1), &sums, err));
    TRY(numeric__digits_alloc(arena, count, &digits, err));
    memset(sums, 0, sizeof *sums * (size_t)(count + 1));
    for (int i = a->count - 1; i >= 0; i--) {
        uint32_t carry = 0;
        for (int j = b->count - 1; j >= 0; j--) {
            uint32_t v = sums[i + j + 1] + (uint32_t)a->digits[i] * b->digits[j] + carry;
            sums[i + j + 1] = v % 10000;
            carry = v / 10000;
        }
        sums[i] += carry;
    }
    for (int i = 0; i < count; i++)
        digits[i] = (uint16_t)sums[i];
    *ret = (Num){.tag = NUMERIC_TAG_LARGE,
                 .negative = a->negative != b->negative,
                 .scale = a->scale + b->scale,
                 .weight = a->weight + b->weight + 1,
                 .count = count,
                 .digits = digits};
    numeric__strip(ret);
    return STATUS_OK;
}

/* Quotient digits of u / v where v has n >= 2 digits and v[0] >= 5000; u has m + n + 1 digits. */
static void divide_knuth(uint16_t *u, const uint16_t *v, int n, int m, uint16_t *q)
{
    for (int j = 0; j <= m; j++) {
        uint32_t top = (uint32_t)u[j] * 10000 + u[j + 1];
        uint32_t guess = top / v[0];
        uint32_t rest = top % v[0];
        while (guess >= 10000 || guess * v[1] > rest * 10000 + u[j + 2]) {
            guess--;
            rest += v[0];
            if (rest >= 10000)
                break;
        }
        int32_t borrow = 0;
        for (int i = n - 1; i >= 0; i--) {
            int32_t t = (int32_t)u[j + 1 + i] - (int32_t)(guess * v[i]) - borrow;
            borrow = t < 0 ? (-t + 9999) / 10000 : 0;
            u[j + 1 + i] = (uint16_t)(t + borrow * 10000);
        }
        int32_t t = (int32_t)u[j] - borrow;
        u[j] = (uint16_t)(t < 0 ? t + 10000 : t);
        if (t < 0) {
            guess--;
            uint32_t carry = 0;
            for (int i = n - 1; i >= 0; i--) {
                uint32_t sum = (uint32_t)u[j + 1 + i] + v[i] + carry;
                carry = sum >= 10000;
                u[j + 1 + i] = (uint16_t)(sum - carry * 10000);
            }
            u[j] = (uint16_t)((u[j] + carry) % 10000);
        }
        q[j] = (uint16_t)guess;
    }
}

static void divide_short(const uint16_t *u, int count, uint16_t v, uint16_t *q)
{
    uint32_t rest = 0;
    for (int i = 0; i < count; i++) {
        rest = rest * 10000 + u[i];
        q[i] = (uint16_t)(rest / v);
        rest %= v;
    }
}

/* q = digits * factor, most significant first, with `count` + 1 digits; q[0] takes the carry. */
static void scale_digits(const uint16_t *digits, int count, uint32_t factor, uint16_t *q)
{
    uint32_t carry = 0;
    for (int i = count - 1; i >= 0; i--) {
        uint32_t v = digits[i] * factor + carry;
        q[i + 1] = (uint16_t)(v % 10000);
        carry = v / 10000;
    }
    q[0] = (uint16_t)carry;
}

Status numeric__div(const Num *a, const Num *b, int rscale, bool truncate, Arena *arena, Num *ret,
                    Error *err)
{
    Num x = *a;
    Num y = *b;
    uint16_t *q;

    numeric__strip(&x);
    numeric__strip(&y);
    *ret = (Num){.tag = NUMERIC_TAG_LARGE, .scale = max_int(rscale, 0)};
    if (x.count == 0)
        return STATUS_OK;
    /* Quotient digits from exponent x.weight - y.weight down to one below the last that matters. */
    int weight = x.weight - y.weight;
    int low = -(rscale >= 0 ? (rscale + 3) / 4 : -((-rscale) / 4)) - 1;
    int count = weight - low + 1;
    if (count <= 0)
        return STATUS_OK;
    TRY(numeric__digits_alloc(arena, count, &q, err));
    if (y.count == 1) {
        uint16_t *u;
        TRY(numeric__digits_alloc(arena, count, &u, err));
        for (int i = 0; i < count; i++)
            u[i] = i < x.count ? x.digits[i] : 0;
        divide_short(u, count, y.digits[0], q);
    } else {
        uint32_t factor = 10000 / (y.digits[0] + 1u);
        int n = y.count;
        int u_count = count + n + 1;
        uint16_t *u;
        uint16_t *v;
        uint16_t *padded;
        TRY(numeric__digits_alloc(arena, u_count, &u, err));
        TRY(numeric__digits_alloc(arena, n + 1, &v, err));
        TRY(numeric__digits_alloc(arena, u_count, &padded, err));
        for (int i = 0; i < u_count - 1; i++)
            padded[i] = i < x.count ? x.digits[i] : 0;
        scale_digits(padded, u_count - 1, factor, u);
        scale_digits(y.digits, n, factor, v);
        /* v[0] is zero now: the scaled divisor starts at v + 1. The quotient's first digit belongs
         * to the exponent where the divisor stands under u[1..n]. */
        divide_knuth(u, v + 1, n, count - 1, q);
    }
    Num quotient = {.tag = NUMERIC_TAG_LARGE,
                    .negative = x.negative != y.negative,
                    .weight = weight,
                    .count = count,
                    .digits = q};
    return numeric__round(&quotient, rscale, truncate, arena, ret, err);
}

int numeric__div_scale(const Num *a, const Num *b)
{
    Num x = *a;
    Num y = *b;

    numeric__strip(&x);
    numeric__strip(&y);
    int weight = (x.count ? x.weight : 0) - (y.count ? y.weight : 0);
    if ((x.count ? x.digits[0] : 0) <= (y.count ? y.digits[0] : 0))
        weight--;
    int scale = NUMERIC_SIG_DIGITS_MIN - weight * 4;
    scale = max_int(max_int(scale, a->scale), max_int(b->scale, 0));
    return LUMA_MIN(scale, NUMERIC_DISPLAY_SCALE_MAX);
}

/* ---------------------------------------------------------------- fast paths */

typedef struct SmallPair {
    Int128 a;
    Int128 b;
    int scale; /* of both */
} SmallPair;

/* Both small and at one scale in 128 bits? */
static bool align_small(const View *a, const View *b, SmallPair *ret)
{
    int64_t va;
    int64_t vb;
    int sa;
    int sb;

    if (!numeric_is_small(a, &va, &sa) || !numeric_is_small(b, &vb, &sb) || abs(sa - sb) > 18)
        return false;
    *ret = (SmallPair){va, vb, max_int(sa, sb)};
    if (sa < sb)
        ret->a *= numeric__pow10(sb - sa);
    else if (sb < sa)
        ret->b *= numeric__pow10(sa - sb);
    return true;
}

static Status open_both(const View *a, const View *b, Arena *arena, Num *ret_a, Num *ret_b,
                        Error *err)
{
    TRY(numeric__open(a, ret_a, arena, err));
    return numeric__open(b, ret_b, arena, err);
}

static bool is_special(const View *n)
{
    return n->len == 1;
}

/* a + b where one is NaN or infinite. */
static View add_special(const View *a, const View *b, bool negate_b)
{
    if (numeric_is_nan(a) || numeric_is_nan(b))
        return numeric_nan();
    int sign_b = negate_b ? -numeric_sign(b) : numeric_sign(b);
    if (!is_special(a))
        return numeric_infinity(sign_b < 0);
    if (is_special(b) && numeric_sign(a) != sign_b)
        return numeric_nan();
    return *a;
}

Status numeric_add(const View *a, const View *b, Arena *arena, View *ret, Error *err)
{
    SmallPair p;
    Num x;
    Num y;
    Num sum;

    if (align_small(a, b, &p))
        return numeric_from_i128(p.a + p.b, p.scale, arena, ret, err);
    if (is_special(a) || is_special(b)) {
        *ret = add_special(a, b, false);
        return STATUS_OK;
    }
    TRY(open_both(a, b, arena, &x, &y, err));
    TRY(numeric__add(&x, &y, arena, &sum, err));
    return numeric__make(&sum, arena, ret, err);
}

Status numeric_sub(const View *a, const View *b, Arena *arena, View *ret, Error *err)
{
    SmallPair p;
    Num x;
    Num y;
    Num sum;

    if (align_small(a, b, &p))
        return numeric_from_i128(p.a - p.b, p.scale, arena, ret, err);
    if (is_special(a) || is_special(b)) {
        *ret = add_special(a, b, true);
        return STATUS_OK;
    }
    TRY(open_both(a, b, arena, &x, &y, err));
    TRY(numeric__sub(&x, &y, arena, &sum, err));
    return numeric__make(&sum, arena, ret, err);
}

Status numeric_mul(const View *a, const View *b, Arena *arena, View *ret, Error *err)
{
    int64_t va;
    int64_t vb;
    int sa;
    int sb;
    Num x;
    Num y;
    Num product;

    if (numeric_is_small(a, &va, &sa) && numeric_is_small(b, &vb, &sb) &&
        sa + sb <= NUMERIC_SMALL_SCALE_MAX)
        return numeric_from_i128((Int128)va * vb, sa + sb, arena, ret, err);
    if (is_special(a) || is_special(b)) {
        int sign = numeric_sign(a) * numeric_sign(b);
        bool nan = numeric_is_nan(a) || numeric_is_nan(b) || sign == 0;
        *ret = nan ? numeric_nan() : numeric_infinity(sign < 0);
        return STATUS_OK;
    }
    TRY(open_both(a, b, arena, &x, &y, err));
    TRY(numeric__mul(&x, &y, arena, &product, err));
    if (product.scale > NUMERIC_SCALE_MAX)
        TRY(numeric__round(&product, NUMERIC_SCALE_MAX, false, arena, &product, err));
    return numeric__make(&product, arena, ret, err);
}

static Status division_by_zero(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22012", 0, "division by zero");
}

/* Division where one operand is special; true when *ret or the error is set. */
static bool divide_special(const View *a, const View *b, View *ret, Status *ret_status, Error *err)
{
    if (!is_special(a) && !is_special(b)) {
        if (numeric_sign(b) != 0)
            return false;
        *ret_status = division_by_zero(err);
        return true;
    }
    *ret_status = STATUS_OK;
    if (numeric_is_nan(a) || numeric_is_nan(b)) {
        *ret = numeric_nan();
    } else if (is_special(a)) {
        int sign = numeric_sign(b);
        if (is_special(b))
            *ret = numeric_nan();
        else if (sign == 0)
            *ret_status = division_by_zero(err);
        else
            *ret = numeric_infinity((numeric_sign(a) < 0) != (sign < 0));
    } else {
        *ret = numeric_small(0, 0); /* finite / infinite */
    }
    return true;
}

/* v = |digits| at a decimal scale: the exponent of 10000 of its first digit, and that digit. */
static int small_weight(uint64_t v, int scale, int *ret_first)
{
    if (v == 0) {
        *ret_first = 0;
        return 0;
    }
    int decimals = numeric__decimal_len(v) - scale; /* before the point */
    int weight = (decimals > 0 ? (decimals + 3) / 4 : -((-decimals) / 4)) - 1;
    int shift = 4 * weight + scale; /* decimals below the first digit */
    *ret_first = shift >= 0 ? (int)((Int128)v / numeric__pow10(shift))
                            : (int)((Int128)v * numeric__pow10(-shift));
    return weight;
}

static bool divide_small(const View *a, const View *b, Arena *arena, View *ret, Status *ret_status,
                         Error *err)
{
    int64_t va;
    int64_t vb;
    int sa;
    int sb;
    int first_a;
    int first_b;
    Int128 numerator;

    if (!numeric_is_small(a, &va, &sa) || !numeric_is_small(b, &vb, &sb) || va == INT64_MIN ||
        vb == INT64_MIN || sa > 18 || sb > 18)
        return false;
    int weight = small_weight((uint64_t)llabs(va), sa, &first_a) -
                 small_weight((uint64_t)llabs(vb), sb, &first_b);
    if (first_a <= first_b)
        weight--;
    int scale = max_int(max_int(NUMERIC_SIG_DIGITS_MIN - weight * 4, sa), max_int(sb, 0));
    int shift = scale + sb - sa;
    if (scale > NUMERIC_SMALL_SCALE_MAX || shift < 0 || shift > 37 ||
        __builtin_mul_overflow((Int128)va, numeric__pow10(shift), &numerator))
        return false;
    Int128 q = numerator / vb;
    Int128 rest = numerator % vb;
    if (2 * (rest < 0 ? -rest : rest) >= llabs(vb))
        q += (va < 0) != (vb < 0) ? -1 : 1;
    *ret_status = numeric_from_i128(q, scale, arena, ret, err);
    return true;
}

Status numeric_div(const View *a, const View *b, Arena *arena, View *ret, Error *err)
{
    Status status;
    Num x;
    Num y;
    Num q;

    if (divide_special(a, b, ret, &status, err) || divide_small(a, b, arena, ret, &status, err))
        return status;
    TRY(open_both(a, b, arena, &x, &y, err));
    TRY(numeric__div(&x, &y, numeric__div_scale(&x, &y), false, arena, &q, err));
    return numeric__make(&q, arena, ret, err);
}

Status numeric_div_trunc(const View *a, const View *b, Arena *arena, View *ret, Error *err)
{
    Status status;
    SmallPair p;
    Num x;
    Num y;
    Num q;

    if (divide_special(a, b, ret, &status, err))
        return status;
    if (align_small(a, b, &p))
        return numeric_from_i128(p.a / p.b, 0, arena, ret, err);
    TRY(open_both(a, b, arena, &x, &y, err));
    TRY(numeric__div(&x, &y, 0, true, arena, &q, err));
    return numeric__make(&q, arena, ret, err);
}

Status numeric_mod(const View *a, const View *b, Arena *arena, View *ret, Error *err)
{
    SmallPair p;
    Num x;
    Num y;
    Num q;
    Num part;
    Num rest;

    if (numeric_is_nan(a) || numeric_is_nan(b)) {
        *ret = numeric_nan();
        return STATUS_OK;
    }
    if (numeric_sign(b) == 0)
        return division_by_zero(err);
    if (is_special(a) || is_special(b)) {
        *ret = is_special(a) ? numeric_nan() : *a; /* x mod inf = x */
        return STATUS_OK;
    }
    if (align_small(a, b, &p))
        return numeric_from_i128(p.a % p.b, p.scale, arena, ret, err);
    TRY(open_both(a, b, arena, &x, &y, err));
    TRY(numeric__div(&x, &y, 0, true, arena, &q, err));
    TRY(numeric__mul(&q, &y, arena, &part, err));
    part.scale = y.scale;
    TRY(numeric__sub(&x, &part, arena, &rest, err));
    return numeric__make(&rest, arena, ret, err);
}

/* ---------------------------------------------------------------- one operand */

Status numeric_neg(const View *n, Arena *arena, View *ret, Error *err)
{
    View zero = numeric_small(0, 0);

    if (n->len == 1) {
        *ret = numeric_is_nan(n) ? *n : numeric_infinity(numeric_sign(n) > 0);
        return STATUS_OK;
    }
    return numeric_sub(&zero, n, arena, ret, err);
}

Status numeric_abs(const View *n, Arena *arena, View *ret, Error *err)
{
    if (numeric_sign(n) < 0)
        return numeric_neg(n, arena, ret, err);
    *ret = *n;
    return STATUS_OK;
}

enum { ROUND_NEAREST, ROUND_ZERO, ROUND_UP, ROUND_DOWN };

static Status round_to(const View *n, int digits, int mode, Arena *arena, View *ret, Error *err)
{
    int64_t v;
    int scale;

    if (n->len == 1) {
        *ret = *n;
        return STATUS_OK;
    }
    digits = LUMA_MAX(digits, -4 * (NUMERIC_WEIGHT_MAX + 1));
    digits = LUMA_MIN(digits, NUMERIC_SCALE_MAX);
    if (numeric_is_small(n, &v, &scale) && digits >= -18 && digits <= 36) {
        if (digits >= scale && digits - scale <= 18)
            return numeric_from_i128(v * numeric__pow10(digits - scale), digits, arena, ret, err);
        if (digits < scale && scale - digits <= 36) {
            Int128 unit = numeric__pow10(scale - digits);
            Int128 q = v / unit;
            Int128 rest = v % unit;
            if (mode == ROUND_NEAREST && (rest < 0 ? -rest : rest) >= unit / 2)
                q += v < 0 ? -1 : 1;
            if (digits < 0)
                q *= numeric__pow10(-digits);
            return numeric_from_i128(q, digits < 0 ? 0 : digits, arena, ret, err);
        }
    }
    Num x;
    Num rounded;
    TRY(numeric__open(n, &x, arena, err));
    TRY(numeric__round(&x, digits, mode != ROUND_NEAREST, arena, &rounded, err));
    return numeric__make(&rounded, arena, ret, err);
}

Status numeric_round(const View *n, int digits, Arena *arena, View *ret, Error *err)
{
    return round_to(n, digits, ROUND_NEAREST, arena, ret, err);
}

Status numeric_trunc(const View *n, int digits, Arena *arena, View *ret, Error *err)
{
    return round_to(n, digits, ROUND_ZERO, arena, ret, err);
}

/* Towards `direction` (+1 ceil, -1 floor). */
static Status round_toward(const View *n, int direction, Arena *arena, View *ret, Error *err)
{
    View whole;
    View step = numeric_small(direction, 0);

    TRY(numeric_trunc(n, 0, arena, &whole, err));
    if (n->len != 1 && numeric_sign(n) == direction && numeric_cmp(&whole, n) != 0)
        return numeric_add(&whole, &step, arena, ret, err);
    *ret = whole;
    return STATUS_OK;
}

Status numeric_ceil(const View *n, Arena *arena, View *ret, Error *err)
{
    return round_toward(n, 1, arena, ret, err);
}

Status numeric_floor(const View *n, Arena *arena, View *ret, Error *err)
{
    return round_toward(n, -1, arena, ret, err);
}

Status numeric_trim_scale(const View *n, Arena *arena, View *ret, Error *err)
{
    return numeric_round(n, numeric_min_scale(n), arena, ret, err);
}

/* ---------------------------------------------------------------- sums */

static Status spill(NumericSum *sum, Arena *arena, Error *err)
{
    View part;

    if (sum->part == 0 && sum->spilled.len)
        return STATUS_OK;
    TRY(numeric_from_i128(sum->part, sum->scale, arena, &part, err));
    if (sum->spilled.len)
        TRY(numeric_add(&sum->spilled, &part, arena, &part, err));
    sum->spilled = part;
    sum->part = 0;
    return STATUS_OK;
}

Status numeric_sum_add(NumericSum *sum, const View *n, Arena *arena, Error *err)
{
    int64_t v;
    int scale;

    sum->count++;
    if (n->len == 1) {
        sum->nan_count += numeric_is_nan(n);
        sum->inf_count += numeric_sign(n) > 0;
        sum->neg_inf_count += numeric_sign(n) < 0;
        return STATUS_OK;
    }
    if (numeric_is_small(n, &v, &scale) && scale <= 18) {
        Int128 value = v;
        sum->scale_max = max_int(sum->scale_max, scale);
        if (scale < sum->scale) {
            value *= numeric__pow10(sum->scale - scale);
        } else if (scale > sum->scale) {
            Int128 wider;
            if (__builtin_mul_overflow(sum->part, numeric__pow10(scale - sum->scale), &wider)) {
                TRY(spill(sum, arena, err));
                wider = 0;
            }
            sum->part = wider;
            sum->scale = scale;
        }
        if (!__builtin_add_overflow(sum->part, value, &value)) {
            sum->part = value;
            return STATUS_OK;
        }
        TRY(spill(sum, arena, err));
        sum->part = (Int128)v * numeric__pow10(sum->scale - scale);
        return STATUS_OK;
    }
    TRY(spill(sum, arena, err));
    sum->scale_max = max_int(sum->scale_max, numeric_scale(n));
    return numeric_add(&sum->spilled, n, arena, &sum->spilled, err);
}

Status numeric_sum_merge(NumericSum *sum, const NumericSum *other, Arena *arena, Error *err)
{
    NumericSum copy = *other;

    TRY(spill(&copy, arena, err));
    TRY(spill(sum, arena, err));
    TRY(numeric_add(&sum->spilled, &copy.spilled, arena, &sum->spilled, err));
    sum->count += other->count;
    sum->nan_count += other->nan_count;
    sum->inf_count += other->inf_count;
    sum->neg_inf_count += other->neg_inf_count;
    sum->scale_max = max_int(sum->scale_max, other->scale_max);
    return STATUS_OK;
}

Status numeric_sum_total(const NumericSum *sum, Arena *arena, View *ret, Error *err)
{
    NumericSum copy = *sum;

    if (sum->nan_count || (sum->inf_count && sum->neg_inf_count)) {
        *ret = numeric_nan();
        return STATUS_OK;
    }
    if (sum->inf_count || sum->neg_inf_count) {
        *ret = numeric_infinity(sum->neg_inf_count != 0);
        return STATUS_OK;
    }
    TRY(spill(&copy, arena, err));
    return numeric_round(&copy.spilled, sum->scale_max, arena, ret, err);
}

Status numeric_sum_avg(const NumericSum *sum, Arena *arena, View *ret, Error *err)
{
    View total;
    View count = numeric_from_i64(sum->count);

    TRY(numeric_sum_total(sum, arena, &total, err));
    return numeric_div(&total, &count, arena, ret, err);
}
