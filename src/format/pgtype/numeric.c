/* numeric.c - the byte form of numeric, its text and binary formats, order and conversions. */
#include "format/pgtype/numeric.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "format/pgtype/numeric_int.h"
#include "format/pgtype/pgtype.h"

static const uint8_t *view_bytes(const View *n)
{
    return (const uint8_t *)view_str(n).ptr;
}

Int128 numeric__pow10(int e)
{
    static const int64_t small[] = {1,
                                    10,
                                    100,
                                    1000,
                                    10000,
                                    100000,
                                    1000000,
                                    10000000,
                                    100000000,
                                    1000000000,
                                    10000000000,
                                    100000000000,
                                    1000000000000,
                                    10000000000000,
                                    100000000000000,
                                    1000000000000000,
                                    10000000000000000,
                                    100000000000000000,
                                    1000000000000000000};
    if (e <= 18)
        return small[e];
    if (e <= 36)
        return (Int128)small[18] * small[e - 18];
    return (Int128)small[18] * small[18] * small[e - 36];
}

int numeric__decimal_len(Uint128 v)
{
    int n = 1;
    while (n < 38 && v >= (Uint128)numeric__pow10(n))
        n++;
    return v >= (Uint128)numeric__pow10(38) ? 39 : n;
}

/* ---------------------------------------------------------------- forms */

static View special(uint8_t tag)
{
    View n = {.len = 1};
    n.inlined[0] = (char)tag;
    return n;
}

View numeric_nan(void)
{
    return special(NUMERIC_TAG_NAN);
}

View numeric_infinity(bool negative)
{
    return special(negative ? NUMERIC_TAG_NEG_INFINITY : NUMERIC_TAG_INFINITY);
}

/* Digits of |v| * 10^-scale into `out` (room for `cap`), aligned at the decimal point. */
static void split_digits(Uint128 v, int scale, Num *ret, uint16_t *out, int cap)
{
    int fraction_digits = (scale + 3) / 4;
    int at = cap;

    /* The lowest digit may hold fewer than four decimals: pad it. */
    int pad = fraction_digits * 4 - scale;
    if (pad) {
        int low = 4 - pad;
        uint32_t unit = (uint32_t)numeric__pow10(low);
        out[--at] = (uint16_t)((uint32_t)(v % unit) * (uint32_t)numeric__pow10(pad));
        v /= unit;
    }
    int lowest = -fraction_digits; /* exponent of the last digit, in base 10000 */
    while (v && v > UINT64_MAX) {
        out[--at] = (uint16_t)(v % 10000);
        v /= 10000;
    }
    for (uint64_t rest = (uint64_t)v; rest; rest /= 10000)
        out[--at] = (uint16_t)(rest % 10000);
    ret->digits = out + at;
    ret->count = cap - at;
    ret->weight = lowest + ret->count - 1;
}

void numeric__from_int(int64_t v, Num *ret)
{
    *ret = (Num){.tag = NUMERIC_TAG_LARGE, .negative = v < 0};
    split_digits(v < 0 ? -(Uint128)v : (Uint128)v, 0, ret, ret->local, NUMERIC_SMALL_DIGITS);
}

Status numeric__open(const View *n, Num *ret, Arena *arena, Error *err)
{
    const uint8_t *bytes = view_bytes(n);
    int64_t v;
    int scale;

    *ret = (Num){.tag = NUMERIC_TAG_LARGE};
    if (numeric_is_small(n, &v, &scale)) {
        ret->negative = v < 0;
        ret->scale = scale;
        split_digits(v < 0 ? -(Uint128)v : (Uint128)v, scale, ret, ret->local,
                     NUMERIC_SMALL_DIGITS);
        return STATUS_OK;
    }
    if (n->len == 1) {
        ret->tag = bytes[0];
        ret->negative = bytes[0] == NUMERIC_TAG_NEG_INFINITY;
        return STATUS_OK;
    }
    uint16_t scale16;
    int16_t weight;
    uint16_t *digits;
    memcpy(&scale16, bytes + 2, 2);
    memcpy(&weight, bytes + 4, 2);
    ret->negative = bytes[0] == NUMERIC_TAG_LARGE + 1;
    ret->scale = scale16;
    ret->weight = weight;
    ret->count = (int)(n->len - NUMERIC_HEAD_BYTES) / 2;
    if (arena)
        TRY(numeric__digits_alloc(arena, ret->count, &digits, err));
    else
        digits = mem_alloc(sizeof(uint16_t) * (size_t)ret->count + 1);
    memcpy(digits, bytes + NUMERIC_HEAD_BYTES, sizeof(uint16_t) * (size_t)ret->count);
    ret->digits = digits;
    return STATUS_OK;
}

/* Frees what numeric__open took without an arena. */
static void close_num(Num *n)
{
    if (n->count && (n->digits < n->local || n->digits > n->local + NUMERIC_SMALL_DIGITS))
        mem_free((void *)(uintptr_t)n->digits);
}

/* numeric__open that cannot fail: memory is taken from the heap. */
static void open_heap(const View *n, Num *ret)
{
    Status status = numeric__open(n, ret, NULL, NULL);
    ASSERT(status == STATUS_OK);
}

void numeric__strip(Num *n)
{
    while (n->count && n->digits[0] == 0) {
        n->digits++;
        n->count--;
        n->weight--;
    }
    while (n->count && n->digits[n->count - 1] == 0)
        n->count--;
    if (n->count == 0) {
        n->weight = 0;
        n->negative = false;
    }
}

/* The value as int64 at its scale, when it fits. */
static bool fits_small(const Num *n, int64_t *ret)
{
    Uint128 v = 0;
    int lowest = -((n->scale + 3) / 4);

    if (n->scale > NUMERIC_SMALL_SCALE_MAX || n->weight > 5)
        return false;
    for (int e = n->weight; n->count && e >= lowest; e--) {
        int i = n->weight - e;
        v = v * 10000 + (i < n->count ? n->digits[i] : 0);
        if (v > (Uint128)numeric__pow10(23))
            return false;
    }
    if (n->count && n->weight - n->count + 1 < lowest)
        return false; /* digits below the scale: not a canonical number */
    v /= (Uint128)numeric__pow10(-4 * lowest - n->scale);
    if (v > (Uint128)INT64_MAX + n->negative)
        return false;
    *ret = (int64_t)(n->negative ? 0 - (uint64_t)v : (uint64_t)v);
    return true;
}

Status numeric__make(const Num *n, Arena *arena, View *ret, Error *err)
{
    Num s = *n;
    int64_t v;

    if (n->tag != NUMERIC_TAG_LARGE) {
        *ret = special(n->tag);
        return STATUS_OK;
    }
    numeric__strip(&s);
    if (fits_small(&s, &v)) {
        *ret = numeric_small(v, s.scale);
        return STATUS_OK;
    }
    if (s.weight > NUMERIC_WEIGHT_MAX || s.weight < -NUMERIC_WEIGHT_MAX ||
        s.scale > NUMERIC_SCALE_MAX)
        return error_set_sql(err, STATUS_INVALID, "22003", 0, "value overflows numeric format");
    size_t len = NUMERIC_HEAD_BYTES + 2 * (size_t)s.count;
    uint8_t *bytes;
    TRY(arena_try_alloc(arena, len, &bytes, err));
    uint16_t scale = (uint16_t)s.scale;
    int16_t weight = (int16_t)s.weight;
    bytes[0] = NUMERIC_TAG_LARGE + s.negative;
    bytes[1] = 0;
    memcpy(bytes + 2, &scale, 2);
    memcpy(bytes + 4, &weight, 2);
    if (s.count)
        memcpy(bytes + NUMERIC_HEAD_BYTES, s.digits, 2 * (size_t)s.count);
    /* A large number of one to three digits fits a View; ten bytes would look small by length, but
     * its tag tells. */
    *ret = view_make((const char *)bytes, len);
    return STATUS_OK;
}

Status numeric_from_i128(Int128 v, int scale, Arena *arena, View *ret, Error *err)
{
    uint16_t digits[NUMERIC_SMALL_DIGITS + 8];

    if (v >= INT64_MIN && v <= INT64_MAX && scale <= NUMERIC_SMALL_SCALE_MAX) {
        *ret = numeric_small((int64_t)v, scale);
        return STATUS_OK;
    }
    ASSERT(arena != NULL);
    Num n = {.tag = NUMERIC_TAG_LARGE, .negative = v < 0, .scale = scale};
    split_digits(v < 0 ? -(Uint128)v : (Uint128)v, scale, &n, digits, LUMA_ARRAY_LEN(digits));
    return numeric__make(&n, arena, ret, err);
}

bool numeric_is_nan(const View *n)
{
    return n->len == 1 && n->inlined[0] == NUMERIC_TAG_NAN;
}

bool numeric_is_infinite(const View *n)
{
    return n->len == 1 && n->inlined[0] != NUMERIC_TAG_NAN;
}

int numeric_sign(const View *n)
{
    int64_t v;
    int scale;

    if (numeric_is_small(n, &v, &scale))
        return (v > 0) - (v < 0);
    if (n->len == 1)
        return n->inlined[0] == NUMERIC_TAG_INFINITY       ? 1
               : n->inlined[0] == NUMERIC_TAG_NEG_INFINITY ? -1
                                                           : 0;
    return view_bytes(n)[0] == NUMERIC_TAG_LARGE ? 1 : -1;
}

int numeric_scale(const View *n)
{
    int64_t v;
    int scale;

    if (numeric_is_small(n, &v, &scale))
        return scale;
    if (n->len == 1)
        return 0;
    uint16_t scale16;
    memcpy(&scale16, view_bytes(n) + 2, 2);
    return scale16;
}

int numeric_min_scale(const View *n)
{
    Num d;

    open_heap(n, &d);
    const uint16_t *digits = d.digits;
    int count = d.count;
    int weight = d.weight;
    while (count && digits[count - 1] == 0)
        count--;
    int scale = (count - 1 - weight) * 4;
    if (count == 0 || scale <= 0)
        scale = 0;
    else
        for (uint16_t last = digits[count - 1]; last % 10 == 0; last /= 10)
            scale--;
    close_num(&d);
    return scale < 0 ? 0 : scale;
}

/* ---------------------------------------------------------------- text */

static Status overflow_error(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22003", 0, "value overflows numeric format");
}

/* The parts of a decimal literal. */
typedef struct Literal {
    Str whole;
    Str fraction;
    int64_t exponent;
    bool negative;
} Literal;

static Str take_digits(Str *s)
{
    size_t n = 0;
    while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9')
        n++;
    Str digits = {s->ptr, n};
    *s = str_sub(*s, n, s->len);
    return digits;
}

/* False for bad syntax. Exponents past the limit are clamped; they overflow anyway. */
static bool parse_literal(Str s, Literal *ret)
{
    *ret = (Literal){0};
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        ret->negative = s.ptr[0] == '-';
        s = str_sub(s, 1, s.len);
    }
    ret->whole = take_digits(&s);
    if (s.len && s.ptr[0] == '.') {
        s = str_sub(s, 1, s.len);
        ret->fraction = take_digits(&s);
    }
    if (ret->whole.len == 0 && ret->fraction.len == 0)
        return false;
    if (s.len && (s.ptr[0] == 'e' || s.ptr[0] == 'E')) {
        s = str_sub(s, 1, s.len);
        bool negative = s.len && s.ptr[0] == '-';
        if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
            s = str_sub(s, 1, s.len);
        Str digits = take_digits(&s);
        if (digits.len == 0)
            return false;
        for (size_t i = 0; i < digits.len; i++)
            if (ret->exponent < INT32_MAX)
                ret->exponent = ret->exponent * 10 + (digits.ptr[i] - '0');
        ret->exponent = negative ? -ret->exponent : ret->exponent;
    }
    return s.len == 0;
}

/* Up to 18 digits without exponent: no digit array needed. */
static bool parse_small(const Literal *lit, View *ret)
{
    int64_t v = 0;

    if (lit->exponent || lit->whole.len + lit->fraction.len > 18)
        return false;
    for (size_t i = 0; i < lit->whole.len; i++)
        v = v * 10 + (lit->whole.ptr[i] - '0');
    for (size_t i = 0; i < lit->fraction.len; i++)
        v = v * 10 + (lit->fraction.ptr[i] - '0');
    *ret = numeric_small(lit->negative ? -v : v, (int)lit->fraction.len);
    return true;
}

static int literal_digit(const Literal *lit, int64_t i)
{
    if (i < 0 || i >= (int64_t)(lit->whole.len + lit->fraction.len))
        return 0;
    return (i < (int64_t)lit->whole.len ? lit->whole.ptr[i]
                                        : lit->fraction.ptr[i - (int64_t)lit->whole.len]) -
           '0';
}

static Status parse_large(const Literal *lit, Arena *arena, View *ret, Error *err)
{
    int64_t total = (int64_t)(lit->whole.len + lit->fraction.len);
    int64_t scale = (int64_t)lit->fraction.len - lit->exponent;
    int64_t point = (int64_t)lit->whole.len + lit->exponent; /* digits before the point */
    int64_t first = 0;

    while (first < total && literal_digit(lit, first) == 0)
        first++;
    scale = scale < 0 ? 0 : scale;
    if (llabs(lit->exponent) >= INT32_MAX / 2 || scale > NUMERIC_SCALE_MAX ||
        (first < total && point - first > 4 * (int64_t)NUMERIC_WEIGHT_MAX))
        return overflow_error(err);
    Num n = {.tag = NUMERIC_TAG_LARGE, .negative = lit->negative, .scale = (int)scale};
    /* Group decimals by four, aligned at the point. */
    int64_t high = point - first; /* decimals before the point from the first non-zero one */
    int64_t weight = (high > 0 ? (high + 3) / 4 : -((-high) / 4)) - 1;
    int64_t lowest = -((scale + 3) / 4);
    int64_t count = first < total ? weight - lowest + 1 : 0;
    uint16_t *digits;
    count = count < 0 ? 0 : count;
    TRY(numeric__digits_alloc(arena, (int)count, &digits, err));
    for (int64_t i = 0; i < count; i++) {
        int64_t at = point - 4 * (weight - i + 1); /* index of the group's first decimal */
        digits[i] = (uint16_t)(literal_digit(lit, at) * 1000 + literal_digit(lit, at + 1) * 100 +
                               literal_digit(lit, at + 2) * 10 + literal_digit(lit, at + 3));
    }
    n.digits = digits;
    n.count = (int)count;
    n.weight = (int)weight;
    return numeric__make(&n, arena, ret, err);
}

Status numeric_parse(Str text, int32_t typmod, Arena *arena, View *ret, Error *err)
{
    Str s = str_trim(text);
    Literal lit;
    View n;

    if (!parse_literal(s, &lit)) {
        Str word = s;
        bool negative = s.len && s.ptr[0] == '-';
        if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
            word = str_sub(s, 1, s.len);
        if (str_eq_nocase(s, STR("nan")))
            n = numeric_nan();
        else if (str_eq_nocase(word, STR("inf")) || str_eq_nocase(word, STR("infinity")))
            n = numeric_infinity(negative);
        else
            return pgtype_error_syntax(err, "numeric", text);
    } else if (!parse_small(&lit, &n)) {
        TRY(parse_large(&lit, arena, &n, err));
    }
    return numeric_apply_typmod(&n, typmod, arena, ret, err);
}

static void append_small(int64_t v, int scale, Buf *out)
{
    char text[64];
    size_t at = sizeof text;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    int printed = 0;

    while (rest || printed <= scale) {
        if (scale && printed == scale)
            text[--at] = '.';
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
        printed++;
    }
    if (v < 0)
        text[--at] = '-';
    buf_append(out, text + at, sizeof text - at);
}

static char *put_four(char *p, uint16_t d)
{
    p[0] = (char)('0' + d / 1000);
    p[1] = (char)('0' + d / 100 % 10);
    p[2] = (char)('0' + d / 10 % 10);
    p[3] = (char)('0' + d % 10);
    return p + 4;
}

static uint16_t large_digit(const uint8_t *bytes, int count, int i)
{
    uint16_t d = 0;
    if (i >= 0 && i < count)
        memcpy(&d, bytes + NUMERIC_HEAD_BYTES + 2 * i, 2);
    return d;
}

static void append_large(const uint8_t *bytes, int count, Buf *out)
{
    uint16_t scale;
    int16_t weight;

    memcpy(&scale, bytes + 2, 2);
    memcpy(&weight, bytes + 4, 2);
    int whole = weight >= 0 ? weight + 1 : 0;
    char *begin = buf_reserve(out, 8 + 4 * (size_t)whole + scale + 4);
    if (!begin)
        return;
    char *p = begin;
    if (bytes[0] == NUMERIC_TAG_LARGE + 1)
        *p++ = '-';
    if (whole == 0) {
        *p++ = '0';
    } else {
        char first[4];
        int skip = 0;
        put_four(first, large_digit(bytes, count, 0));
        while (skip < 3 && first[skip] == '0')
            skip++;
        memcpy(p, first + skip, (size_t)(4 - skip));
        p += 4 - skip;
        for (int i = 1; i < whole; i++)
            p = put_four(p, large_digit(bytes, count, i));
    }
    if (scale) {
        *p++ = '.';
        char *end = p + scale;
        for (int i = weight + 1; p < end; i++)
            p = put_four(p, large_digit(bytes, count, i));
        p = end;
    }
    out->len += (size_t)(p - begin);
}

void numeric_append_text(const View *n, Buf *out)
{
    int64_t v;
    int scale;

    if (numeric_is_small(n, &v, &scale)) {
        append_small(v, scale, out);
    } else if (n->len == 1) {
        buf_append_str(out, n->inlined[0] == NUMERIC_TAG_NAN        ? STR("NaN")
                            : n->inlined[0] == NUMERIC_TAG_INFINITY ? STR("Infinity")
                                                                    : STR("-Infinity"));
    } else {
        append_large(view_bytes(n), (int)(n->len - NUMERIC_HEAD_BYTES) / 2, out);
    }
}

/* ---------------------------------------------------------------- binary */

enum { WIRE_NEGATIVE = 0x4000, WIRE_NAN = 0xC000, WIRE_INF = 0xD000, WIRE_NEG_INF = 0xF000 };

void numeric_append_binary(const View *view, Buf *out)
{
    Num n;
    static const uint16_t signs[] = {
        [NUMERIC_TAG_NAN] = WIRE_NAN,
        [NUMERIC_TAG_INFINITY] = WIRE_INF,
        [NUMERIC_TAG_NEG_INFINITY] = WIRE_NEG_INF,
    };

    open_heap(view, &n);
    Num s = n;
    if (n.tag == NUMERIC_TAG_LARGE)
        numeric__strip(&s);
    buf_append_be16(out, (uint16_t)s.count);
    buf_append_be16(out, (uint16_t)s.weight);
    buf_append_be16(out, n.tag != NUMERIC_TAG_LARGE ? signs[n.tag]
                         : s.negative               ? (uint16_t)WIRE_NEGATIVE
                                                    : 0);
    buf_append_be16(out, (uint16_t)s.scale);
    for (int i = 0; i < s.count; i++)
        buf_append_be16(out, s.digits[i]);
    close_num(&n);
}

Status numeric_parse_binary(Str bytes, int32_t typmod, Arena *arena, View *ret, Error *err)
{
    BufReader r = buf_reader(bytes);
    uint16_t count = buf_read_be16(&r);
    int16_t weight = (int16_t)buf_read_be16(&r);
    uint16_t sign = buf_read_be16(&r);
    uint16_t scale = buf_read_be16(&r);
    uint16_t *digits;
    View n;

    if (r.failed || buf_reader_left(&r) != 2 * (size_t)count)
        return error_set_sql(err, STATUS_INVALID, "22P03", 0,
                             "invalid length in external \"numeric\" value");
    if (sign == WIRE_NAN || sign == WIRE_INF || sign == WIRE_NEG_INF) {
        n = sign == WIRE_NAN ? numeric_nan() : numeric_infinity(sign == WIRE_NEG_INF);
        return numeric_apply_typmod(&n, typmod, arena, ret, err);
    }
    if (sign != 0 && sign != WIRE_NEGATIVE)
        return error_set_sql(err, STATUS_INVALID, "22P03", 0,
                             "invalid sign in external \"numeric\" value");
    if (scale > NUMERIC_SCALE_MAX)
        return error_set_sql(err, STATUS_INVALID, "22P03", 0,
                             "invalid scale in external \"numeric\" value");
    TRY(numeric__digits_alloc(arena, count, &digits, err));
    for (int i = 0; i < count; i++) {
        digits[i] = buf_read_be16(&r);
        if (digits[i] >= 10000)
            return error_set_sql(err, STATUS_INVALID, "22P03", 0,
                                 "invalid digit in external \"numeric\" value");
    }
    Num num = {.tag = NUMERIC_TAG_LARGE,
               .negative = sign == WIRE_NEGATIVE,
               .weight = weight,
               .scale = scale,
               .count = count,
               .digits = digits};
    Num cut; /* digits past the scale are hidden ones; PostgreSQL drops them */
    TRY(numeric__round(&num, scale, true, arena, &cut, err));
    TRY(numeric__make(&cut, arena, &n, err));
    return numeric_apply_typmod(&n, typmod, arena, ret, err);
}

/* ---------------------------------------------------------------- typmod */

static Status field_overflow(int precision, int scale, bool infinite, Error *err)
{
    (void)error_set_sql(err, STATUS_INVALID, "22003", 0, "numeric field overflow");
    if (infinite) {
        error_detail(err, "A field with precision %d, scale %d cannot hold an infinite value.",
                     precision, scale);
        return STATUS_INVALID;
    }
    int max = precision - scale;
    error_detail(err,
                 "A field with precision %d, scale %d must round to an absolute value less than "
                 "%s%d.",
                 precision, scale, max ? "10^" : "", max ? max : 1);
    return STATUS_INVALID;
}

Status numeric_apply_typmod(const View *n, int32_t typmod, Arena *arena, View *ret, Error *err)
{
    if (typmod < 4 || numeric_is_nan(n)) {
        *ret = *n;
        return STATUS_OK;
    }
    int precision = numeric_typmod_precision(typmod);
    int scale = numeric_typmod_scale(typmod);
    if (numeric_is_infinite(n))
        return field_overflow(precision, scale, true, err);
    View rounded;
    TRY(numeric_round(n, scale, arena, &rounded, err));
    Num d;
    TRY(numeric__open(&rounded, &d, arena, err));
    numeric__strip(&d);
    if (d.count) {
        int decimals = d.weight * 4 + numeric__decimal_len(d.digits[0]);
        if (decimals > precision - scale)
            return field_overflow(precision, scale, false, err);
    }
    *ret = rounded;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- order */

static int rank(const View *n)
{
    if (n->len != 1)
        return 0;
    return n->inlined[0] == NUMERIC_TAG_NEG_INFINITY ? -1
           : n->inlined[0] == NUMERIC_TAG_INFINITY   ? 1
                                                     : 2;
}

int numeric__cmp_abs(const Num *a, const Num *b)
{
    int i = 0;
    int j = 0;

    while (i < a->count && a->digits[i] == 0)
        i++;
    while (j < b->count && b->digits[j] == 0)
        j++;
    if (i == a->count || j == b->count)
        return (i < a->count) - (j < b->count);
    if (a->weight - i != b->weight - j)
        return a->weight - i < b->weight - j ? -1 : 1;
    for (; i < a->count || j < b->count; i++, j++) {
        uint16_t x = i < a->count ? a->digits[i] : 0;
        uint16_t y = j < b->count ? b->digits[j] : 0;
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static int cmp_finite(const View *a, const View *b)
{
    Num x;
    Num y;
    int sign_a = numeric_sign(a);
    int sign_b = numeric_sign(b);

    if (sign_a != sign_b)
        return sign_a < sign_b ? -1 : 1;
    open_heap(a, &x);
    open_heap(b, &y);
    int c = numeric__cmp_abs(&x, &y);
    close_num(&x);
    close_num(&y);
    return sign_a < 0 ? -c : c;
}

int numeric_cmp(const View *a, const View *b)
{
    int64_t va;
    int64_t vb;
    int sa;
    int sb;

    if (numeric_is_small(a, &va, &sa) && numeric_is_small(b, &vb, &sb)) {
        if (sa == sb)
            return (va > vb) - (va < vb);
        if (abs(sa - sb) <= 18) {
            Int128 x = sa < sb ? va * numeric__pow10(sb - sa) : va;
            Int128 y = sb < sa ? vb * numeric__pow10(sa - sb) : vb;
            return (x > y) - (x < y);
        }
    }
    int ra = rank(a);
    int rb = rank(b);
    if (ra || rb)
        return (ra > rb) - (ra < rb);
    return cmp_finite(a, b);
}

uint64_t numeric_hash(const View *view)
{
    Num n;
    int64_t v;
    int scale;

    /* Integers, the usual keys, hash as their value; all else as stripped digits. */
    if (numeric_is_small(view, &v, &scale)) {
        while (scale && v % 10 == 0) {
            v /= 10;
            scale--;
        }
        if (v == 0 || scale == 0)
            return hash_u64((uint64_t)v);
    }
    if (view->len == 1)
        return hash_u64((uint64_t)view->inlined[0] + 0x9E3779B97F4A7C15u);
    open_heap(view, &n);
    Num s = n;
    numeric__strip(&s);
    uint64_t hash;
    int64_t whole = 0;
    bool is_int = s.weight <= 4 && s.count <= s.weight + 1;
    for (int i = 0; is_int && i <= s.weight; i++)
        is_int = !__builtin_mul_overflow(whole, 10000, &whole) &&
                 !__builtin_add_overflow(whole, i < s.count ? s.digits[i] : 0, &whole);
    if (is_int)
        hash = hash_u64((uint64_t)(s.negative ? -whole : whole));
    else
        hash = hash64(s.digits, 2 * (size_t)s.count, (uint64_t)(s.weight * 2 + s.negative));
    close_num(&n);
    return hash;
}

/* ---------------------------------------------------------------- conversions */

static Status from_printed(const char *text, Arena *arena, View *ret, Error *err)
{
    return numeric_parse(str_from(text), -1, arena, ret, err);
}

static bool from_special(double v, View *ret)
{
    if (isnan(v))
        *ret = numeric_nan();
    else if (isinf(v))
        *ret = numeric_infinity(v < 0);
    else
        return false;
    return true;
}

Status numeric_from_f64(double v, Arena *arena, View *ret, Error *err)
{
    char text[64];

    if (from_special(v, ret))
        return STATUS_OK;
    (void)snprintf(text, sizeof text, "%.15g", v);
    return from_printed(text, arena, ret, err);
}

Status numeric_from_f32(float v, Arena *arena, View *ret, Error *err)
{
    char text[64];

    if (from_special((double)v, ret))
        return STATUS_OK;
    (void)snprintf(text, sizeof text, "%.6g", (double)v);
    return from_printed(text, arena, ret, err);
}

double numeric_to_f64(const View *n, bool *ret_overflow)
{
    CLEANUP(buf_done) Buf text = {0};
    int64_t v;
    int scale;

    if (ret_overflow)
        *ret_overflow = false;
    if (numeric_is_small(n, &v, &scale) && scale <= 18 && v <= (INT64_C(1) << 53) &&
        v >= -(INT64_C(1) << 53))
        return (double)v / (double)numeric__pow10(scale); /* both exact: one rounding */
    if (n->len == 1)
        return n->inlined[0] == NUMERIC_TAG_NAN        ? (double)NAN
               : n->inlined[0] == NUMERIC_TAG_INFINITY ? (double)INFINITY
                                                       : -(double)INFINITY;
    numeric_append_text(n, &text);
    buf_append_byte(&text, 0);
    double d = strtod(text.ptr, NULL);
    if (ret_overflow)
        *ret_overflow = isinf(d);
    return d;
}

Status numeric_to_i64(const View *n, int64_t min, int64_t max, const char *type_name, int64_t *ret,
                      Error *err)
{
    int64_t v = 0;
    int scale;
    bool fits = true;

    if (n->len == 1)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "cannot convert %s to %s",
                             numeric_is_nan(n) ? "NaN" : "infinity", type_name);
    if (numeric_is_small(n, &v, &scale)) {
        Int128 unit = numeric__pow10(scale);
        Int128 half = v >= 0 ? unit / 2 : -(unit / 2);
        v = (int64_t)(((Int128)v + half) / unit);
    } else {
        Num d;
        open_heap(n, &d);
        Int128 whole = 0;
        fits = d.weight <= 5;
        for (int i = 0; fits && i <= d.weight; i++)
            whole = whole * 10000 + (i < d.count ? d.digits[i] : 0);
        int next = d.weight + 1; /* the first digit after the point */
        if (fits && next >= 0 && next < d.count && d.digits[next] >= 5000)
            whole++;
        whole = d.negative ? -whole : whole;
        fits = fits && whole >= INT64_MIN && whole <= INT64_MAX;
        v = fits ? (int64_t)whole : 0;
        close_num(&d);
    }
    if (!fits || v < min || v > max)
        return error_set_sql(err, STATUS_INVALID, "22003", 0, "%s out of range", type_name);
    *ret = v;
    return STATUS_OK;
}
