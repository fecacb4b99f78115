#include "storage/wal/wal_json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool json_text_next(JsonText *t, const char *literal)
{
    size_t len = strlen(literal);

    if (t->failed || (size_t)(t->end - t->at) < len || memcmp(t->at, literal, len) != 0)
        return false;
    t->at += len;
    return true;
}

void json_text_expect(JsonText *t, const char *literal)
{
    if (!json_text_next(t, literal))
        t->failed = true;
}

bool json_text_more(JsonText *t, char close)
{
    if (t->failed || t->at == t->end || (*t->at != ',' && *t->at != close)) {
        t->failed = true;
        return false;
    }
    return *t->at++ == ',';
}

static Str read_number(JsonText *t)
{
    const char *begin = t->at;

    while (!t->failed && t->at < t->end &&
           ((*t->at >= '0' && *t->at <= '9') || memchr("+-.eE", *t->at, 5)))
        t->at++;
    return (Str){begin, (size_t)(t->at - begin)};
}

int64_t json_text_read_int(JsonText *t, int64_t min, int64_t max)
{
    int64_t value;

    if (!str_to_i64(read_number(t), &value) || value < min || value > max) {
        t->failed = true;
        return 0;
    }
    return value;
}

uint64_t json_text_read_uint(JsonText *t, uint64_t max)
{
    uint64_t value;

    if (!str_to_u64(read_number(t), &value) || value > max) {
        t->failed = true;
        return 0;
    }
    return value;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint64_t read_hex_digits(JsonText *t, int count)
{
    uint64_t value = 0;

    for (int i = 0; i < count; i++) {
        int digit = !t->failed && t->at < t->end ? hex_digit(*t->at) : -1;
        if (digit < 0) {
            t->failed = true;
            return 0;
        }
        value = value << 4 | (unsigned)digit;
        t->at++;
    }
    return value;
}

uint64_t json_text_read_double(JsonText *t)
{
    double value;
    uint64_t bits;

    if (json_text_next(t, "\"0x")) {
        bits = read_hex_digits(t, 16);
        json_text_expect(t, "\"");
        return bits;
    }
    if (!str_to_f64(read_number(t), &value) || !isfinite(value)) {
        t->failed = true;
        return 0;
    }
    memcpy(&bits, &value, 8);
    return bits;
}

uint32_t json_text_read_float(JsonText *t)
{
    char text[64];
    uint32_t bits;

    if (json_text_next(t, "\"0x")) {
        bits = (uint32_t)read_hex_digits(t, 8);
        json_text_expect(t, "\"");
        return bits;
    }
    Str number = read_number(t);
    if (number.len == 0 || number.len >= sizeof text) {
        t->failed = true;
        return 0;
    }
    memcpy(text, number.ptr, number.len);
    text[number.len] = 0;
    char *end;
    float value = strtof(text, &end);
    if (*end || !isfinite(value)) {
        t->failed = true;
        return 0;
    }
    memcpy(&bits, &value, 4);
    return bits;
}

/* Reads one escape behind the backslash into *at. */
static void read_escape(JsonText *t, char **at)
{
    static const char letters[] = "\"\\bfnrt";
    static const char bytes[] = "\"\\\b\f\n\r\t";
    char c = t->at < t->end ? *t->at++ : 0;
    const char *letter = c ? strchr(letters, c) : NULL;

    if (letter) {
        *(*at)++ = bytes[letter - letters];
    } else if (c == 'u') {
        uint64_t code = read_hex_digits(t, 4);
        if (code >= 0x20) /* the writer escapes nothing else so */
            t->failed = true;
        *(*at)++ = (char)code;
    } else {
        t->failed = true;
    }
}

Str json_text_read_str(JsonText *t)
{
    json_text_expect(t, "\"");
    const char *begin = t->at;
    bool escaped = false;

    while (!t->failed && t->at < t->end && *t->at != '"') {
        if ((unsigned char)*t->at < 0x20) {
            t->failed = true;
            return (Str){0};
        }
        escaped |= *t->at == '\\';
        t->at += *t->at == '\\' ? 2 : 1;
    }
    if (t->failed || t->at >= t->end) {
        t->failed = true;
        return (Str){0};
    }
    Str raw = {begin, (size_t)(t->at - begin)};
    const char *close = t->at++;
    if (escaped) {
        char *copy = arena_alloc(t->arena, raw.len);
        if (!copy) {
            t->failed = true;
            return (Str){0};
        }
        char *at = copy;
        const char *resume = t->at;
        t->at = begin;
        while (!t->failed && t->at < close) {
            char c = *t->at++;
            if (c == '\\')
                read_escape(t, &at);
            else
                *at++ = c;
        }
        t->at = resume;
        raw = (Str){copy, (size_t)(at - copy)};
    }
    if (!str_utf8_valid(raw))
        t->failed = true;
    return t->failed ? (Str){0} : raw;
}

Str json_text_read_hex(JsonText *t)
{
    json_text_expect(t, "\"");
    const char *close =
        t->failed || t->at == t->end ? NULL : memchr(t->at, '"', (size_t)(t->end - t->at));
    if (!close || (close - t->at) % 2) {
        t->failed = true;
        return (Str){0};
    }
    size_t len = (size_t)(close - t->at) / 2;
    char *bytes = arena_alloc(t->arena, len + 1);
    if (!bytes) {
        t->failed = true;
        return (Str){0};
    }
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)read_hex_digits(t, 2);
    json_text_expect(t, "\"");
    return t->failed ? (Str){0} : (Str){bytes, len};
}

void json_text_put_str(Buf *out, Str s)
{
    size_t from = 0;

    buf_append_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, s.ptr + from, i - from);
        from = i + 1;
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_append_lit(out, "\\n");
        else
            buf_printf(out, "\\u%04x", c);
    }
    buf_append(out, s.ptr + from, s.len - from);
    buf_append_byte(out, '"');
}

void json_text_put_hex(Buf *out, Str bytes)
{
    static const char digits[] = "0123456789abcdef";

    buf_append_byte(out, '"');
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        buf_append_byte(out, (uint8_t)digits[c >> 4]);
        buf_append_byte(out, (uint8_t)digits[c & 15]);
    }
    buf_append_byte(out, '"');
}

void json_text_put_double(Buf *out, uint64_t bits)
{
    double value;

    memcpy(&value, &bits, 8);
    if (!isfinite(value)) {
        buf_printf(out, "\"0x%016" PRIx64 "\"", bits);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        char text[40];
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (digits < 17 && strtod(text, NULL) != value)
            continue;
        buf_append_str(out, str_from(text));
        return;
    }
}

void json_text_put_float(Buf *out, uint32_t bits)
{
    float value;

    memcpy(&value, &bits, 4);
    if (!isfinite(value)) {
        buf_printf(out, "\"0x%08" PRIx32 "\"", bits);
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        char text[40];
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (digits < 9 && strtof(text, NULL) != value)
            continue;
        buf_append_str(out, str_from(text));
        return;
    }
}
