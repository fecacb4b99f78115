/* pgscalar.c - text forms of booleans, integers, floats, uuid, bytea and the text types. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/pgtype/digits.h"
#include "format/pgtype/pgtype.h"
#include "format/pgtype/shortest.h"

enum { NAME_BYTES_MAX = 63 };

Status pgtype_error_syntax(Error *err, const char *type_name, Str text)
{
    return error_set_sql(err, STATUS_INVALID, "22P02", 0,
                         "invalid input syntax for type %s: \"%.*s\"", type_name, STR_FMT(text));
}

/* ---------------------------------------------------------------- bool, integers */

static bool is_prefix_of(Str s, const char *word)
{
    Str full = str_from(word);
    return s.len <= full.len && str_eq_nocase(s, str_sub(full, 0, s.len));
}

Status pgtype_parse_bool(Str text, bool *ret, Error *err)
{
    Str s = str_trim(text);
    char c = s.len ? s.ptr[0] : 0;

    if (s.len && (is_prefix_of(s, "true") || is_prefix_of(s, "yes") ||
                  str_eq_nocase(s, STR("on")) || (c == '1' && s.len == 1)))
        *ret = true;
    else if (s.len && (is_prefix_of(s, "false") || is_prefix_of(s, "no") ||
                       (s.len >= 2 && is_prefix_of(s, "off")) || (c == '0' && s.len == 1)))
        *ret = false;
    else
        return pgtype_error_syntax(err, "boolean", text);
    return STATUS_OK;
}

static Status parse_integer(Str text, int64_t min, int64_t max, const char *type_name, int64_t *ret,
                            Error *err)
{
    Str s = str_trim(text);
    bool negative = s.len && s.ptr[0] == '-';
    int64_t v = 0;
    bool overflow = false;

    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        s = str_sub(s, 1, s.len);
    if (s.len == 0)
        return pgtype_error_syntax(err, type_name, text);
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9)
            return pgtype_error_syntax(err, type_name, text);
        if (!overflow)
            overflow =
                __builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, (int64_t)digit, &v);
    }
    if (!negative && !overflow)
        overflow = __builtin_sub_overflow(0, v, &v);
    if (overflow || v < min || v > max)
        return error_set_sql(err, STATUS_INVALID, "22003", 0,
                             "value \"%.*s\" is out of range for type %s", STR_FMT(text),
                             type_name);
    *ret = v;
    return STATUS_OK;
}

Status pgtype_parse_int2(Str text, int16_t *ret, Error *err)
{
    int64_t v;
    TRY(parse_integer(text, INT16_MIN, INT16_MAX, "smallint", &v, err));
    *ret = (int16_t)v;
    return STATUS_OK;
}

Status pgtype_parse_int4(Str text, int32_t *ret, Error *err)
{
    int64_t v;
    TRY(parse_integer(text, INT32_MIN, INT32_MAX, "integer", &v, err));
    *ret = (int32_t)v;
    return STATUS_OK;
}

Status pgtype_parse_int8(Str text, int64_t *ret, Error *err)
{
    return parse_integer(text, INT64_MIN, INT64_MAX, "bigint", ret, err);
}

Status pgtype_parse_oid(Str text, uint32_t *ret, Error *err)
{
    int64_t v;
    TRY(parse_integer(text, INT32_MIN, UINT32_MAX, "oid", &v, err));
    *ret = (uint32_t)v;
    return STATUS_OK;
}

void pgtype_append_i64(Buf *out, int64_t value)
{
    char text[DIGITS_MAX + 1];
    buf_append(out, text, (size_t)(digits_put_i64(text, value) - text));
}

/* ---------------------------------------------------------------- floats */

/* Infinity and NaN as PostgreSQL spells them; false when the text is something else. */
static bool parse_float_word(Str s, double *ret)
{
    Str word = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+') ? str_sub(s, 1, s.len) : s;

    if (str_eq_nocase(s, STR("nan"))) {
        *ret = (double)NAN;
        return true;
    }
    if (!str_eq_nocase(word, STR("inf")) && !str_eq_nocase(word, STR("infinity")))
        return false;
    *ret = s.ptr[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    return true;
}

/* Is it digits, a point and an exponent, and nothing else? Also: has it a digit that is not zero?
 */
static bool is_decimal(Str s, bool *ret_nonzero)
{
    size_t i = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
    bool digits = false;
    bool point = false;

    *ret_nonzero = false;
    for (; i < s.len; i++) {
        char c = s.ptr[i];
        if (c >= '0' && c <= '9') {
            digits = true;
            *ret_nonzero |= c != '0';
        } else if (c == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (!digits || i == s.len)
        return digits;
    if (s.ptr[i] != 'e' && s.ptr[i] != 'E')
        return false;
    i++;
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        i++;
    size_t begin = i;
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
        i++;
    return i == s.len && i > begin;
}

static Status float_out_of_range(Str text, const char *type_name, Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22003", 0, "\"%.*s\" is out of range for type %s",
                         STR_FMT(text), type_name);
}

Status pgtype_parse_float8(Str text, double *ret, Error *err)
{
    Str s = str_trim(text);
    double v;
    bool nonzero;

    if (parse_float_word(s, ret))
        return STATUS_OK;
    if (!is_decimal(s, &nonzero))
        return pgtype_error_syntax(err, "double precision", text);
    if (!str_to_f64(s, &v)) { /* too long for its buffer */
        CLEANUP(buf_done) Buf copy = {0};
        buf_append_str(&copy, s);
        buf_append_byte(&copy, 0);
        v = strtod(copy.ptr, NULL);
    }
    if (isinf(v) || (v == 0 && nonzero))
        return float_out_of_range(s, "double precision", err);
    *ret = v;
    return STATUS_OK;
}

Status pgtype_parse_float4(Str text, float *ret, Error *err)
{
    CLEANUP(buf_done) Buf copy = {0};
    Str s = str_trim(text);
    double word;
    bool nonzero;

    if (parse_float_word(s, &word)) {
        *ret = (float)word;
        return STATUS_OK;
    }
    if (!is_decimal(s, &nonzero))
        return pgtype_error_syntax(err, "real", text);
    buf_append_str(&copy, s);
    buf_append_byte(&copy, 0);
    float v = strtof(copy.ptr, NULL);
    if (isinf(v) || (v == 0 && nonzero))
        return float_out_of_range(s, "real", err);
    *ret = v;
    return STATUS_OK;
}

/* %.*g in PostgreSQL's spelling of what is not finite. */
static void append_rounded(Buf *out, double value, int digits)
{
    if (isnan(value))
        buf_append_lit(out, "NaN");
    else if (isinf(value))
        buf_append_str(out, value < 0 ? STR("-Infinity") : STR("Infinity"));
    else
        buf_printf(out, "%.*g", digits < 1 ? 1 : digits, value);
}

void pgtype_append_float8(Buf *out, double value, int extra_float_digits)
{
    if (extra_float_digits <= 0) {
        append_rounded(out, value, 15 + extra_float_digits);
        return;
    }
    char *at = buf_reserve(out, SHORTEST_TEXT_MAX);
    if (at)
        out->len += shortest_print_double(value, at);
}

void pgtype_append_float4(Buf *out, float value, int extra_float_digits)
{
    if (extra_float_digits <= 0) {
        append_rounded(out, (double)value, 6 + extra_float_digits);
        return;
    }
    char *at = buf_reserve(out, SHORTEST_TEXT_MAX);
    if (at)
        out->len += shortest_print_float(value, at);
}

/* ---------------------------------------------------------------- uuid, bytea */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

Status pgtype_parse_uuid(Str text, uint8_t ret[16], Error *err)
{
    uint8_t uuid[16];
    bool braces = text.len && text.ptr[0] == '{';
    size_t i = braces;

    for (int n = 0; n < 16; n++) {
        if (i + 2 > text.len)
            return pgtype_error_syntax(err, "uuid", text);
        int high = hex_value(text.ptr[i]);
        int low = hex_value(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return pgtype_error_syntax(err, "uuid", text);
        uuid[n] = (uint8_t)(high << 4 | low);
        i += 2;
        if (n % 2 == 1 && n < 15 && i < text.len && text.ptr[i] == '-')
            i++;
    }
    if (braces && (i >= text.len || text.ptr[i++] != '}'))
        return pgtype_error_syntax(err, "uuid", text);
    if (i != text.len)
        return pgtype_error_syntax(err, "uuid", text);
    memcpy(ret, uuid, sizeof uuid);
    return STATUS_OK;
}

static const char hex_digits[] = "0123456789abcdef";

void pgtype_append_uuid(Buf *out, const uint8_t uuid[16])
{
    char *p = buf_reserve(out, 36);

    if (!p)
        return;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex_digits[uuid[i] >> 4];
        *p++ = hex_digits[uuid[i] & 15];
    }
    out->len += 36;
}

void pgtype_append_bytea(Buf *out, Str bytes, bool escape)
{
    if (!escape) {
        char *p = buf_reserve(out, 2 + 2 * bytes.len);
        if (!p)
            return;
        *p++ = '\\';
        *p++ = 'x';
        for (size_t i = 0; i < bytes.len; i++) {
            uint8_t b = (uint8_t)bytes.ptr[i];
            *p++ = hex_digits[b >> 4];
            *p++ = hex_digits[b & 15];
        }
        out->len += 2 + 2 * bytes.len;
        return;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t b = (uint8_t)bytes.ptr[i];
        if (b == '\\') {
            buf_append_lit(out, "\\\\");
        } else if (b < 0x20 || b > 0x7E) {
            char octal[4] = {'\\', (char)('0' + (b >> 6)), (char)('0' + (b >> 3 & 7)),
                             (char)('0' + (b & 7))};
            buf_append(out, octal, sizeof octal);
        } else {
            buf_append_byte(out, b);
        }
    }
}

static Status parse_hex(Str hex, char *out, size_t *ret_len, Error *err)
{
    size_t len = 0;

    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.ptr[i];
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r')
            continue;
        int high = hex_value(c);
        if (high < 0) {
            size_t n = LUMA_MAX(str_utf8_decode(str_sub(hex, i, 4), &(uint32_t){0}), (size_t)1);
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "invalid hexadecimal digit: \"%.*s\"", (int)n, hex.ptr + i);
        }
        if (++i >= hex.len)
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "invalid hexadecimal data: odd number of digits");
        int low = hex_value(hex.ptr[i]);
        if (low < 0) {
            size_t n = LUMA_MAX(str_utf8_decode(str_sub(hex, i, 4), &(uint32_t){0}), (size_t)1);
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "invalid hexadecimal digit: \"%.*s\"", (int)n, hex.ptr + i);
        }
        out[len++] = (char)(high << 4 | low);
    }
    *ret_len = len;
    return STATUS_OK;
}

static bool is_octal(char c, char max)
{
    return c >= '0' && c <= max;
}

Status pgtype_parse_bytea(Str text, Arena *arena, Str *ret, Error *err)
{
    char *out;
    size_t len = 0;

    TRY(arena_try_alloc(arena, text.len + 1, &out, err));
    if (str_starts(text, STR("\\x"))) {
        TRY(parse_hex(str_sub(text, 2, text.len), out, &len, err));
        *ret = (Str){out, len};
        return STATUS_OK;
    }
    for (size_t i = 0; i < text.len; i++) {
        const char *p = text.ptr + i;
        size_t left = text.len - i;
        if (*p != '\\') {
            out[len++] = *p;
        } else if (left >= 4 && is_octal(p[1], '3') && is_octal(p[2], '7') && is_octal(p[3], '7')) {
            out[len++] = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            i += 3;
        } else if (left >= 2 && p[1] == '\\') {
            out[len++] = '\\';
            i++;
        } else {
            return error_set_sql(err, STATUS_INVALID, "22P02", 0,
                                 "invalid input syntax for type bytea");
        }
    }
    *ret = (Str){out, len};
    return STATUS_OK;
}

/* ---------------------------------------------------------------- text with a length */

/* Bytes of the first `count` characters. */
static size_t prefix_bytes(Str text, size_t count)
{
    size_t i = 0;

    if (text.len <= count)
        return text.len;
    while (i < text.len && count--) {
        do
            i++;
        while (i < text.len && ((unsigned char)text.ptr[i] & 0xC0) == 0x80);
    }
    return i;
}

static Status cut_text(Str text, size_t max, const char *type_name, bool explicit_cast, Str *ret,
                       Error *err)
{
    size_t keep = prefix_bytes(text, max);

    for (size_t i = keep; i < text.len && !explicit_cast; i++)
        if (text.ptr[i] != ' ')
            return error_set_sql(err, STATUS_INVALID, "22001", 0, "value too long for type %s(%zu)",
                                 type_name, max);
    *ret = str_sub(text, 0, keep);
    return STATUS_OK;
}

Status pgtype_coerce_varchar(Str text, int32_t typmod, bool explicit_cast, Str *ret, Error *err)
{
    if (typmod < 4) {
        *ret = text;
        return STATUS_OK;
    }
    return cut_text(text, (size_t)typmod - 4, "character varying", explicit_cast, ret, err);
}

Status pgtype_coerce_bpchar(Str text, int32_t typmod, bool explicit_cast, Arena *arena, Str *ret,
                            Error *err)
{
    Str cut = text;
    char *padded;

    if (typmod < 4) {
        *ret = text;
        return STATUS_OK;
    }
    size_t width = (size_t)typmod - 4;
    TRY(cut_text(text, width, "character", explicit_cast, &cut, err));
    size_t count = str_utf8_count(cut);
    if (count >= width) {
        *ret = cut;
        return STATUS_OK;
    }
    size_t pad = width - count;
    TRY(arena_try_alloc(arena, cut.len + pad, &padded, err));
    if (cut.len)
        memcpy(padded, cut.ptr, cut.len);
    memset(padded + cut.len, ' ', pad);
    *ret = (Str){padded, cut.len + pad};
    return STATUS_OK;
}

Str pgtype_coerce_name(Str text)
{
    size_t keep = LUMA_MIN(text.len, (size_t)NAME_BYTES_MAX);

    while (keep && keep < text.len && ((unsigned char)text.ptr[keep] & 0xC0) == 0x80)
        keep--;
    return str_sub(text, 0, keep);
}
