/* digits.h - decimal digits, two at a time. Threads: pure. */
#ifndef LUMA_FORMAT_PGTYPE_DIGITS_H
#define LUMA_FORMAT_PGTYPE_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DIGITS_MAX = 20 };

static const char digits_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "6869707172737475767778798081828384858687888990919293949596979899";

/* How many there are; 1 for 0. */
static inline size_t digits_count(uint64_t v)
{
    static const uint64_t powers[DIGITS_MAX] = {0,
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
                                                1000000000000000000,
                                                10000000000000000000u};
    unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
    unsigned guess = bits * 1233 >> 12; /* log10 of 2 */
    return guess + (v >= powers[guess]);
}

/* The two digits of 0 to 99. */
static inline char *digits_put_two(char *p, uint32_t v)
{
    memcpy(p, digits_pairs + 2 * (size_t)(v % 100), 2);
    return p + 2;
}

/* Writes the digits_count(v) digits; returns the byte behind them. */
static inline char *digits_put(char *p, uint64_t v)
{
    char *end = p + digits_count(v);
    char *at = end;

    while (v >= 100) {
        at -= 2;
        memcpy(at, digits_pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10)
        memcpy(at - 2, digits_pairs + 2 * v, 2);
    else
        at[-1] = (char)('0' + v);
    return end;
}

static inline char *digits_put_i64(char *p, int64_t v)
{
    if (v < 0)
        *p++ = '-';
    return digits_put(p, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

#endif
