/* numeric.h - PostgreSQL's numeric: arbitrary precision decimals.
 *
 * A numeric lies in a View as bytes of LumaDB's own:
 *
 *   small   10 bytes (always inside the View):
 *           u8 tag = 0 | u8 scale (0..36) | i64 little-endian v         value = v * 10^-scale
 *   special 1 byte:  tag 1 = NaN, 2 = Infinity, 3 = -Infinity
 *   large   u8 tag = 4 (positive), 5 (negative) | u8 0 | u16 scale | i16 weight | u16 digit[n], all
 *           little-endian; digits base 10000, most significant first, value = sum digit[i] *
 *           10000^(weight - i), no leading or trailing zero digits
 *
 * The form is canonical: what fits small is small, so one value at one scale has one byte form.
 * `scale` is the count of digits printed after the point (PostgreSQL's dscale); 1.0 and 1.00 differ
 * in bytes and are equal by numeric_cmp and numeric_hash.
 *
 * Results have PostgreSQL's scales. Functions return STATUS_INVALID with SQLSTATE 22003 (out of
 * range), 22012 (division by zero), 2201F, 2201E, 22P02; STATUS_LIMIT over the arena's budget.
 * Bytes must come from these functions. Threads: pure.
 */
#ifndef LUMA_FORMAT_PGTYPE_NUMERIC_H
#define LUMA_FORMAT_PGTYPE_NUMERIC_H

#include "arrow/column.h"
#include "base/buf.h"

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

enum { NUMERIC_SCALE_MAX = 16383, NUMERIC_SMALL_SCALE_MAX = 36, NUMERIC_PRECISION_MAX = 1000 };

/* Is it in small form? Then *ret_v * 10^-*ret_scale. The way into kernels of one's own. */
static inline bool numeric_is_small(const View *n, int64_t *ret_v, int *ret_scale)
{
    if (n->len != 10)
        return false;
    *ret_scale = (uint8_t)n->inlined[1];
    memcpy(ret_v, n->inlined + 2, 8);
    return n->inlined[0] == 0;
}
/* v * 10^-scale in small form; 0 <= scale <= 36. */
static inline View numeric_small(int64_t v, int scale)
{
    View n = {.len = 10};
    n.inlined[1] = (char)scale;
    memcpy(n.inlined + 2, &v, 8);
    return n;
}
static inline View numeric_from_i64(int64_t v)
{
    return numeric_small(v, 0);
}
View numeric_nan(void);
View numeric_infinity(bool negative);
/* Any 128-bit integer and scale; NULL `arena` only if it is sure to be small. */
Status numeric_from_i128(Int128 v, int scale, Arena *arena, View *ret, Error *err);
/* As the casts float8::numeric (15 significant digits) and float4::numeric (6). */
Status numeric_from_f64(double v, Arena *arena, View *ret, Error *err);
Status numeric_from_f32(float v, Arena *arena, View *ret, Error *err);
/* Correctly rounded; magnitudes beyond double give +-Infinity and *ret_overflow (may be NULL). */
double numeric_to_f64(const View *n, bool *ret_overflow);
/* Rounds half away from zero; 22003 "bigint out of range", 0A000 for NaN and infinities.
 * `type_name` stands in the message: "bigint", "integer", "smallint". */
Status numeric_to_i64(const View *n, int64_t min, int64_t max, const char *type_name, int64_t *ret,
                      Error *err);

/* typmod -1 = none. */
Status numeric_parse(Str text, int32_t typmod, Arena *arena, View *ret, Error *err);
void numeric_append_text(const View *n, Buf *out);
/* numeric_send / numeric_recv. */
void numeric_append_binary(const View *n, Buf *out);
Status numeric_parse_binary(Str bytes, int32_t typmod, Arena *arena, View *ret, Error *err);
/* numeric(p, s): rounds, 22003 "numeric field overflow". */
Status numeric_apply_typmod(const View *n, int32_t typmod, Arena *arena, View *ret, Error *err);
static inline int32_t numeric_typmod(int precision, int scale)
{
    return ((precision << 16) | (scale & 0x7FF)) + 4;
}
static inline int numeric_typmod_precision(int32_t typmod)
{
    return ((typmod - 4) >> 16) & 0xFFFF;
}
static inline int numeric_typmod_scale(int32_t typmod)
{
    return (((typmod - 4) & 0x7FF) ^ 1024) - 1024;
}

/* -Infinity < numbers < Infinity < NaN = NaN. */
int numeric_cmp(const View *a, const View *b);
/* Equal numbers have equal hashes whatever their scale. */
uint64_t numeric_hash(const View *n);
bool numeric_is_nan(const View *n);
bool numeric_is_infinite(const View *n);
/* -1, 0, 1 (0 for NaN). */
int numeric_sign(const View *n);
/* Digits after the point; 0 for specials. */
int numeric_scale(const View *n);
/* Fewest digits after the point that hold the value (min_scale()). */
int numeric_min_scale(const View *n);

Status numeric_add(const View *a, const View *b, Arena *arena, View *ret, Error *err);
Status numeric_sub(const View *a, const View *b, Arena *arena, View *ret, Error *err);
Status numeric_mul(const View *a, const View *b, Arena *arena, View *ret, Error *err);
Status numeric_div(const View *a, const View *b, Arena *arena, View *ret, Error *err);
Status numeric_div_trunc(const View *a, const View *b, Arena *arena, View *ret,
                         Error *err); /* div() */
Status numeric_mod(const View *a, const View *b, Arena *arena, View *ret, Error *err);
Status numeric_power(const View *a, const View *b, Arena *arena, View *ret, Error *err);
Status numeric_log(const View *base, const View *n, Arena *arena, View *ret, Error *err);
Status numeric_sqrt(const View *n, Arena *arena, View *ret, Error *err);
Status numeric_ln(const View *n, Arena *arena, View *ret, Error *err);
Status numeric_exp(const View *n, Arena *arena, View *ret, Error *err);
Status numeric_neg(const View *n, Arena *arena, View *ret, Error *err);
Status numeric_abs(const View *n, Arena *arena, View *ret, Error *err);
Status numeric_ceil(const View *n, Arena *arena, View *ret, Error *err);
Status numeric_floor(const View *n, Arena *arena, View *ret, Error *err);
/* Digits may be negative: round(1234.5, -2) = 1200. */
Status numeric_round(const View *n, int digits, Arena *arena, View *ret, Error *err);
Status numeric_trunc(const View *n, int digits, Arena *arena, View *ret, Error *err);
Status numeric_trim_scale(const View *n, Arena *arena, View *ret, Error *err);

/* ---- sums: what sum, avg and the statistics over numeric keep. Zeroed = empty. Adds small values
 * into 128 bits without allocating; spills into a large numeric in `arena` now and then. */
typedef struct NumericSum {
    Int128 part;   /* not yet carried into `spilled`, at `scale` */
    View spilled;  /* len 0 = none */
    int64_t count; /* finite values and specials added */
    int64_t nan_count;
    int64_t inf_count; /* +Infinity */
    int64_t neg_inf_count;
    int32_t scale;     /* of part */
    int32_t scale_max; /* of the result */
} NumericSum;
Status numeric_sum_add(NumericSum *sum, const View *n, Arena *arena, Error *err);
Status numeric_sum_merge(NumericSum *sum, const NumericSum *other, Arena *arena, Error *err);
/* The sum; avg divides it by the count (count > 0). */
Status numeric_sum_total(const NumericSum *sum, Arena *arena, View *ret, Error *err);
Status numeric_sum_avg(const NumericSum *sum, Arena *arena, View *ret, Error *err);

#endif
