/* bitpack.h - arrays of int64 as base + fixed-width bits, with a few exceptions.
 *
 *   u8 width (0..BITPACK_WIDTH_MAX) | u8 exception count k | i64 base |
 *   n x width bits, least significant first, padded to a byte | k x (u8 index, i64 value)
 *
 * value[i] = base + bits[i], wrapping. Kernels load whole words, so eight readable bytes must
 * follow the packed bits. At most 256 values. Threads: pure functions.
 */
#ifndef LUMA_FORMAT_BITPACK_H
#define LUMA_FORMAT_BITPACK_H

#include "base/buf.h"

enum { BITPACK_WIDTH_MAX = 56, BITPACK_COUNT_MAX = 256, BITPACK_HEADER_BYTES = 10 };

/* How an array would be packed. */
typedef struct BitpackPlan {
    int64_t base;
    uint32_t width; /* > BITPACK_WIDTH_MAX: cannot be packed */
    uint32_t exception_count;
    size_t bytes; /* whole size */
} BitpackPlan;

BitpackPlan bitpack_plan(const int64_t *values, uint32_t count);
/* Appends the packed form; plan->width <= BITPACK_WIDTH_MAX. */
void bitpack_encode(const BitpackPlan *plan, const int64_t *values, uint32_t count, Buf *out);
/* Unpacks `count` values; *used = bytes of the packed form. False when malformed or when fewer than
 * eight bytes follow the packed bits. */
bool bitpack_decode(const uint8_t *bytes, size_t byte_count, uint32_t count, int64_t *values,
                    size_t *used);

/* values[i] = first + sum of deltas[0..i): count values from count - 1 deltas, wrapping. The arrays
 * may be the same when deltas start at values + 1. */
void bitpack_prefix_sum(int64_t first, const int64_t *deltas, int64_t *values, uint32_t count);
/* values[i] = ints[i] / divisor for |ints[i]| < 2^51; divisor 1 converts only. In place is fine. */
void bitpack_scale(const int64_t *ints, double divisor, double *values, uint32_t count);

/* For tests: use only the plain C kernels. */
void bitpack_force_plain(bool plain);

#endif
