/* shortest.c - R. Giulietti, "The Schubfach way to render doubles" (2020).
 *
 * A double c * 2^q has the rounding interval (cbl, cbr) * 2^(q-2) around cb = 4c. Scaling by 10^-k,
 * with k chosen so that the interval is between 2 and 20 wide, leaves at most one multiple of ten
 * and a few integers inside; three 64x128-bit products, rounded to odd, decide exactly which.
 */
#include "format/pgtype/shortest.h"

#include <stdbool.h>
#include <string.h>

#include "format/pgtype/digits.h"
#include "format/pgtype/shortest_int.h"

__extension__ typedef unsigned __int128 Wide;

static int32_t floor_log2_pow10(int32_t e)
{
    return (e * 1741647) >> 19;
}

/* floor(log10(2^q)), or of 3/4 * 2^q where the lower neighbour is closer. */
static int32_t floor_log10_pow2(int32_t q, bool lower_is_closer)
{
    return (q * 1262611 - (lower_is_closer ? 524031 : 0)) >> 22;
}

static uint64_t round_to_odd(const ShortestPower *g, uint64_t cp)
{
    uint64_t x_high = (uint64_t)(((Wide)g->low * cp) >> 64);
    Wide y = (Wide)g->high * cp + x_high;
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static uint64_t round_to_odd_single(uint64_t g, uint64_t cp)
{
    Wide p = (Wide)g * cp;
    return (uint64_t)(p >> 64) | ((uint32_t)((uint64_t)p >> 32) > 1);
}

/* The choice both widths share, from the scaled interval (in quarters). The bounds themselves are
 * excluded, so that the text reads back the same under any rounding of ties. */
static ShortestDecimal choose(uint64_t vbl, uint64_t vb, uint64_t vbr, int32_t k)
{
    uint64_t lower = vbl + 1;
    uint64_t upper = vbr - 1;
    uint64_t s = vb / 4;

    if (s >= 10) {
        uint64_t tens = s / 10;
        bool under = lower <= 40 * tens;
        bool over = 40 * tens + 40 <= upper;
        if (under != over)
            return (ShortestDecimal){tens + over, k + 1};
    }
    bool under = lower <= 4 * s;
    bool over = 4 * s + 4 <= upper;
    if (under != over)
        return (ShortestDecimal){s + over, k};
    uint64_t mid = 4 * s + 2;
    return (ShortestDecimal){s + (vb > mid || (vb == mid && (s & 1))), k};
}

/* An odd divisor's multiples are the numbers that times its inverse modulo 2^64 stay small
 * (Hacker's Delight, section 10-17); the powers of two come out by rotation. */
static ShortestDecimal strip_zeros(ShortestDecimal d)
{
    static const uint64_t inverse_5 = UINT64_C(0xCCCCCCCCCCCCCCCD);
    static const uint64_t inverse_5_8 = UINT64_C(0xC767074B22E90E21);

    if (d.digits == 0)
        return (ShortestDecimal){0, 0};
    for (;;) {
        uint64_t q = d.digits * inverse_5_8;
        q = q >> 8 | q << 56;
        if (q > UINT64_MAX / 100000000)
            break;
        d.digits = q;
        d.exponent += 8;
    }
    for (;;) {
        uint64_t q = d.digits * inverse_5;
        q = q >> 1 | q << 63;
        if (q > UINT64_MAX / 10)
            return d;
        d.digits = q;
        d.exponent++;
    }
}

ShortestDecimal shortest_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int32_t biased = (int32_t)(bits >> 52 & 0x7FF);
    uint64_t c = biased ? fraction | UINT64_C(1) << 52 : fraction;
    int32_t q = (biased ? biased : 1) - 1075;

    if (c == 0)
        return (ShortestDecimal){0, 0};
    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        return strip_zeros((ShortestDecimal){c >> -q, 0}); /* an integer below 2^53 */
    bool closer = fraction == 0 && biased > 1;
    int32_t k = floor_log10_pow2(q, closer);
    int32_t h = q + floor_log2_pow10(-k) + 1;
    const ShortestPower *g = &shortest__pow10[-k - SHORTEST_POW10_MIN];
    uint64_t vbl = round_to_odd(g, (4 * c - 2 + closer) << h);
    uint64_t vb = round_to_odd(g, (4 * c) << h);
    uint64_t vbr = round_to_odd(g, (4 * c + 2) << h);
    return strip_zeros(choose(vbl, vb, vbr, k));
}

ShortestDecimal shortest_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t fraction = bits & ((UINT32_C(1) << 23) - 1);
    int32_t biased = (int32_t)(bits >> 23 & 0xFF);
    uint64_t c = biased ? fraction | UINT32_C(1) << 23 : fraction;
    int32_t q = (biased ? biased : 1) - 150;

    if (c == 0)
        return (ShortestDecimal){0, 0};
    if (q <= 0 && q > -24 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        return strip_zeros((ShortestDecimal){c >> -q, 0});
    bool closer = fraction == 0 && biased > 1;
    int32_t k = floor_log10_pow2(q, closer);
    int32_t h = q + floor_log2_pow10(-k) + 1;
    const ShortestPower *p = &shortest__pow10[-k - SHORTEST_POW10_MIN];
    uint64_t g = p->high + (p->low != 0);
    uint64_t vbl = round_to_odd_single(g, (4 * c - 2 + closer) << h);
    uint64_t vb = round_to_odd_single(g, (4 * c) << h);
    uint64_t vbr = round_to_odd_single(g, (4 * c + 2) << h);
    return strip_zeros(choose(vbl, vb, vbr, k));
}

/* d.ddde+XX with at least two digits of exponent. */
static size_t print_exponent(const char *digits, size_t n, int32_t exponent, char *out)
{
    size_t len = 0;

    out[len++] = digits[0];
    if (n > 1) {
        out[len++] = '.';
        memcpy(out + len, digits + 1, n - 1);
        len += n - 1;
    }
    out[len++] = 'e';
    out[len++] = exponent < 0 ? '-' : '+';
    uint64_t magnitude = (uint64_t)(exponent < 0 ? -exponent : exponent);
    if (magnitude < 10)
        out[len++] = '0';
    return (size_t)(digits_put(out + len, magnitude) - out);
}

/* Pieces of a text are copied with all the bytes that digits may have; what follows overwrites
 * them, and `out` has room for more than the longest text. */
enum { DIGITS_COPY = 20 };
_Static_assert(1 + 15 + 1 + DIGITS_COPY <= SHORTEST_TEXT_MAX, "the last copy fits");

static size_t print_decimal(ShortestDecimal d, bool negative, int32_t fixed_digits_max, char *out)
{
    char digits[DIGITS_COPY] = {0};
    size_t n = (size_t)(digits_put(digits, d.digits) - digits);
    int32_t exponent = d.exponent + (int32_t)n - 1; /* of the first digit */
    size_t len = 0;

    if (negative)
        out[len++] = '-';
    if (exponent < -4 || exponent >= fixed_digits_max)
        return len + print_exponent(digits, n, exponent, out + len);
    if (exponent < 0) {
        memcpy(out + len, "0.0000", 6);
        len += (size_t)(1 - exponent);
        memcpy(out + len, digits, DIGITS_COPY);
        return len + n;
    }
    size_t whole = (size_t)exponent + 1;
    if (n <= whole) {
        memcpy(out + len, digits, DIGITS_COPY);
        memset(out + len + n, '0', whole - n);
        return len + whole;
    }
    memcpy(out + len, digits, DIGITS_COPY);
    memmove(out + len + whole + 1, out + len + whole, DIGITS_COPY);
    out[len + whole] = '.';
    return len + n + 1;
}

static size_t print_special(bool is_nan, bool negative, char *out)
{
    const char *text = is_nan ? "NaN" : negative ? "-Infinity" : "Infinity";
    size_t len = strlen(text);
    memcpy(out, text, len);
    return len;
}

size_t shortest_print_double(double value, char out[SHORTEST_TEXT_MAX])
{
    if (__builtin_expect(!__builtin_isfinite(value), 0))
        return print_special(__builtin_isnan(value), value < 0, out);
    return print_decimal(shortest_double(value), __builtin_signbit(value) != 0, 15, out);
}

size_t shortest_print_float(float value, char out[SHORTEST_TEXT_MAX])
{
    if (__builtin_expect(!__builtin_isfinite(value), 0))
        return print_special(__builtin_isnan(value), value < 0, out);
    return print_decimal(shortest_float(value), __builtin_signbit(value) != 0, 6, out);
}
