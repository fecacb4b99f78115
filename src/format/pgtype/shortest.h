/* shortest.h - the shortest decimal that reads back as the same float.
 *
 * Threads: pure.
 */
#ifndef LUMA_FORMAT_PGTYPE_SHORTEST_H
#define LUMA_FORMAT_PGTYPE_SHORTEST_H

#include <stddef.h>
#include <stdint.h>

/* value = digits * 10^exponent, digits without trailing zeros (0 for zero). Sign is not kept. */
typedef struct ShortestDecimal {
    uint64_t digits;
    int32_t exponent;
} ShortestDecimal;

/* Finite values only. Of the shortest decimals strictly inside the rounding interval, the nearest
 * to the value, as PostgreSQL's. */
ShortestDecimal shortest_double(double value);
ShortestDecimal shortest_float(float value);

enum { SHORTEST_TEXT_MAX = 48 };
/* As PostgreSQL prints float8 and float4 (NaN, Infinity, -Infinity; 1e+15 from 15 resp. 6 digits
 * before the point, 1e-05 below 0.0001). Writes no NUL; returns the length. */
size_t shortest_print_double(double value, char out[SHORTEST_TEXT_MAX]);
size_t shortest_print_float(float value, char out[SHORTEST_TEXT_MAX]);

#endif
