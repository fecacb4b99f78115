#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool str_eq_nocase(Str a, Str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower((unsigned char)a.ptr[i]) != lower((unsigned char)b.ptr[i]))
            return false;
    return true;
}

ptrdiff_t str_find(Str s, Str needle)
{
    if (needle.len == 0)
        return 0;
    const char *at = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
    return at ? at - s.ptr : -1;
}

ptrdiff_t str_find_byte(Str s, char byte)
{
    const char *at = s.len ? memchr(s.ptr, byte, s.len) : NULL;
    return at ? at - s.ptr : -1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

Str str_trim(Str s)
{
    while (s.len && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool str_split(Str *rest, char sep, Str *ret_part)
{
    if (!rest->ptr)
        return false;
    ptrdiff_t at = str_find_byte(*rest, sep);
    if (at < 0) {
        *ret_part = *rest;
        *rest = (Str){0};
        return true;
    }
    *ret_part = (Str){rest->ptr, (size_t)at};
    rest->ptr += at + 1;
    rest->len -= (size_t)at + 1;
    return true;
}

bool str_to_u64(Str s, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool str_to_i64(Str s, int64_t *ret_value)
{
    bool negative = s.len && s.ptr[0] == '-';
    uint64_t magnitude;

    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        s = str_sub(s, 1, s.len);
    if (!str_to_u64(s, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

/* Exactly representable fast path (Clinger): mantissa below 2^53 and a power of ten up to 22. */
static bool simple_f64(Str s, double *ret_value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    size_t i = 0;
    bool negative = false;
    uint64_t mantissa = 0;
    int digits = 0;
    int scale = 0;
    bool any = false;

    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        negative = s.ptr[i++] == '-';
    for (bool point = false; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '.' && !point) {
            point = true;
        } else if (c >= '0' && c <= '9') {
            any = true;
            mantissa = mantissa * 10 + (uint64_t)(c - '0');
            digits += mantissa != 0;
            scale += point;
            if (digits > 15)
                return false;
        } else {
            return false;
        }
    }
    if (!any || scale > 22)
        return false;
    double value = (double)mantissa / powers[scale];
    *ret_value = negative ? -value : value;
    return true;
}

bool str_to_f64(Str s, double *ret_value)
{
    char text[512];
    char *end;

    if (simple_f64(s, ret_value))
        return true;
    if (s.len == 0 || s.len >= sizeof text || is_space(s.ptr[0]))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = lower((unsigned char)s.ptr[i]);
        /* strtod also reads hexadecimal and "nan(...)"; neither is a number here. */
        if (c == 'x' || c == '(' || c == 'p' || c == 0)
            return false;
        text[i] = s.ptr[i];
    }
    text[s.len] = 0;
    double value = strtod(text, &end);
    if (end != text + s.len)
        return false;
    *ret_value = value;
    return true;
}

size_t str_utf8_decode(Str s, uint32_t *ret_code_point)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};

    if (s.len == 0)
        return 0;
    if (p[0] < 0x80) {
        *ret_code_point = p[0];
        return 1;
    }
    size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || s.len < len)
        return 0;
    uint32_t code = p[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3F);
    }
    if (code < smallest[len] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    *ret_code_point = code;
    return len;
}

bool str_utf8_valid(Str s)
{
    size_t i = 0;

    while (i < s.len) {
        uint64_t word;
        if (s.len - i >= 8) {
            memcpy(&word, s.ptr + i, 8);
            if ((word & 0x8080808080808080u) == 0) {
                i += 8;
                continue;
            }
        }
        uint32_t code;
        size_t n = str_utf8_decode(str_sub(s, i, 4), &code);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

size_t str_utf8_count(Str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return count;
}

size_t str_utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    out[0] = (char)((0xF00u >> len) | code_point);
    return len;
}
