/* numeric_int.h - numerics as digit arrays, for numeric.c, numeric_math.c and numeric_func.c.
 *
 * Digits are base 10000, most significant first: value = sum digits[i] * 10000^(weight - i).
 * Leading and trailing zeros are allowed while computing. Digit arrays live in an arena.
 */
#ifndef LUMA_FORMAT_PGTYPE_NUMERIC_INT_H
#define LUMA_FORMAT_PGTYPE_NUMERIC_INT_H

#include "format/pgtype/numeric.h"

enum {
    NUMERIC_TAG_SMALL = 0,
    NUMERIC_TAG_NAN = 1,
    NUMERIC_TAG_INFINITY = 2,
    NUMERIC_TAG_NEG_INFINITY = 3,
    NUMERIC_TAG_LARGE = 4, /* 5 = negative */
    NUMERIC_HEAD_BYTES = 6,
    NUMERIC_WEIGHT_MAX = 32767,
    NUMERIC_SMALL_DIGITS = 16, /* base-10000 digits a small value may need */
    NUMERIC_DISPLAY_SCALE_MAX = 1000,
    NUMERIC_SIG_DIGITS_MIN = 16,
};

typedef struct Num {
    uint8_t tag; /* NUMERIC_TAG_LARGE for any finite value, or the special's tag */
    bool negative;
    int weight;
    int scale;
    int count; /* digits */
    const uint16_t *digits;
    uint16_t local[NUMERIC_SMALL_DIGITS];
} Num;

/* Opens a value. Digits of a large one are copied into `arena` (NULL: into mem_alloc'd memory the
 * caller frees by numeric__close). */
Status numeric__open(const View *n, Num *ret, Arena *arena, Error *err);
/* Bytes of the large form; count and scale must be in range. Picks the canonical form. */
Status numeric__make(const Num *n, Arena *arena, View *ret, Error *err);
/* Strips zero digits at both ends. */
void numeric__strip(Num *n);
/* 10^e, 0 <= e <= 38. */
Int128 numeric__pow10(int e);
/* Decimal digits of v > 0. */
int numeric__decimal_len(Uint128 v);
/* Rounds (or cuts) to `scale` decimal digits, which may be negative; digits go to new memory. */
Status numeric__round(const Num *n, int scale, bool truncate, Arena *arena, Num *ret, Error *err);
int numeric__cmp_abs(const Num *a, const Num *b);
Status numeric__add(const Num *a, const Num *b, Arena *arena, Num *ret, Error *err);
Status numeric__sub(const Num *a, const Num *b, Arena *arena, Num *ret, Error *err);
/* Exact product; scale = sum of scales. */
Status numeric__mul(const Num *a, const Num *b, Arena *arena, Num *ret, Error *err);
/* Quotient rounded (or cut) to rscale digits; b is not zero. */
Status numeric__div(const Num *a, const Num *b, int rscale, bool truncate, Arena *arena, Num *ret,
                    Error *err);
/* The scale PostgreSQL gives a quotient. */
int numeric__div_scale(const Num *a, const Num *b);
static inline Status numeric__digits_alloc(Arena *arena, int count, uint16_t **ret, Error *err)
{
    return arena_try_alloc(arena, sizeof(uint16_t) * (size_t)(count > 0 ? count : 1), ret, err);
}
/* A finite number of a plain integer. Its digits lie in *ret: do not outlive or move it. */
void numeric__from_int(int64_t v, Num *ret);
static inline bool numeric__is_zero(const Num *n)
{
    for (int i = 0; i < n->count; i++)
        if (n->digits[i])
            return false;
    return true;
}

#endif
