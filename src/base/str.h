/* str.h - borrowed byte strings.
 *
 * Str is (pointer, length) and owns nothing. Bytes may hold anything, NUL included.
 */
#ifndef LUMA_BASE_STR_H
#define LUMA_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

typedef struct Str {
    const char *ptr;
    size_t len;
} Str;

#define STR(literal) ((Str){"" literal, sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
/* For printf: "%.*s", STR_FMT(s) */
#define STR_FMT(s) (int)(s).len, (s).ptr

static inline Str str_from(const char *text)
{
    return (Str){text, text ? strlen(text) : 0};
}

static inline Str str_make(const void *ptr, size_t len)
{
    return (Str){(const char *)ptr, len};
}

static inline bool str_eq(Str a, Str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Byte-wise order, shorter first: memcmp's sign. */
static inline int str_cmp(Str a, Str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static inline bool str_starts(Str s, Str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool str_ends(Str s, Str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

static inline Str str_sub(Str s, size_t from, size_t len)
{
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (Str){s.ptr + from, len};
}

/* ASCII case only. */
bool str_eq_nocase(Str a, Str b);
/* Index of the first match, or -1. */
ptrdiff_t str_find(Str s, Str needle);
ptrdiff_t str_find_byte(Str s, char byte);
/* Without ASCII white space at both ends. */
Str str_trim(Str s);
/* Cuts the part before the first `sep` off *rest into *ret_part; false when *rest was used up
 * (*rest.ptr == NULL). "a,b," gives "a", "b", "". */
bool str_split(Str *rest, char sep, Str *ret_part);

/* Whole-string parses; false when the text is not exactly one value in range. */
bool str_to_i64(Str s, int64_t *ret_value);
bool str_to_u64(Str s, uint64_t *ret_value);
/* Decimal and exponent forms, "Inf", "+Inf", "-Inf", "NaN" in any case; correctly rounded. */
bool str_to_f64(Str s, double *ret_value);

/* Is it well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF)? NUL counts as good.
 */
bool str_utf8_valid(Str s);
/* Number of code points of well-formed UTF-8. */
size_t str_utf8_count(Str s);
/* Encodes one code point (<= 0x10FFFF) into out[4]; returns its length. */
size_t str_utf8_encode(uint32_t code_point, char out[4]);
/* Decodes the code point at s[0..]; returns its length, 0 when malformed or empty. */
size_t str_utf8_decode(Str s, uint32_t *ret_code_point);

#endif
