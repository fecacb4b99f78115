#include "ingest/otlp_text.h"

#include <math.h>

#include "format/pgtype/shortest.h"

enum { ESCAPE_BLOCK = 1024 };

void otlp_text__grow(OtlpText *text, size_t room)
{
    size_t len = (size_t)(text->cursor - text->begin);
    size_t cap = LUMA_MAX(text->chunk_bytes, 2 * (len + room));
    char *chunk = arena_alloc(text->arena, cap);

    if (len)
        memcpy(chunk, text->begin, len);
    text->begin = chunk;
    text->cursor = chunk + len;
    text->limit = chunk + cap;
}

/* ---------------------------------------------------------------- strings */

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* High bits set where a byte of `word` is 0 (and perhaps above a true one). */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - ONES) & ~word & HIGHS;
}

static inline bool word_is_plain(uint64_t word)
{
    uint64_t below_blank = (word - ONES * 0x20) & ~word & HIGHS;
    return ((word & HIGHS) | below_blank | zero_bytes(word ^ ONES * '"') |
            zero_bytes(word ^ ONES * '\\')) == 0;
}

bool otlp_text_is_plain(Str s)
{
    uint64_t word;
    size_t i = 0;

    for (; i + 8 <= s.len; i += 8) {
        memcpy(&word, s.ptr + i, 8);
        if (!word_is_plain(word))
            return false;
    }
    if (i == s.len)
        return true;
    word = ONES * ' ';
    memcpy(&word, s.ptr + i, s.len - i);
    return word_is_plain(word);
}

static bool is_sound(Str s)
{
    return str_utf8_valid(s) && !(s.len && memchr(s.ptr, 0, s.len));
}

Str otlp_text_repair(OtlpText *text, Str s)
{
    uint32_t code_point;

    if (LUMA_LIKELY(otlp_text_is_plain(s)) || is_sound(s))
        return s;
    text->repaired++;
    otlp_text_need(text, 3 * s.len);
    for (size_t i = 0; i < s.len;) {
        size_t len = str_utf8_decode(str_sub(s, i, s.len), &code_point);
        if (!len || !code_point) {
            otlp_text_str(text, STR("\xEF\xBF\xBD"));
            i++;
            continue;
        }
        otlp_text_str(text, str_sub(s, i, len));
        i += len;
    }
    return otlp_text_end(text);
}

static void put_escaped(OtlpText *text, unsigned char c, bool html)
{
    static const char digits[] = "0123456789abcdef";
    static const char shorts[32] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char *at = text->cursor;

    if (c == '"' || c == '\\' || (c < 0x20 && shorts[c])) {
        at[0] = '\\';
        at[1] = c < 0x20 ? shorts[c] : (char)c;
        text->cursor += 2;
    } else if (c < 0x20 || (html && (c == '<' || c == '>' || c == '&'))) {
        memcpy(at, "\\u00", 4);
        at[4] = digits[c >> 4];
        at[5] = digits[c & 15];
        text->cursor += 6;
    } else {
        *text->cursor++ = (char)c;
    }
}

/* Characters that are no single ASCII byte are copied when `sound`, else checked one by one. */
static void put_unplain(OtlpText *text, Str s, bool html)
{
    bool sound = is_sound(s);
    uint32_t code_point;
    size_t room_until = 0;

    text->repaired += !sound;
    otlp_text_byte(text, '"');
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (i >= room_until) { /* six bytes for one, but not for all at once */
            otlp_text_need(text, 6 * (size_t)ESCAPE_BLOCK);
            room_until = i + ESCAPE_BLOCK - 4;
        }
        if ((c && c < 0x80) || sound) {
            put_escaped(text, c, html);
            i++;
            continue;
        }
        size_t len = str_utf8_decode(str_sub(s, i, s.len), &code_point);
        Str piece = len && code_point ? str_sub(s, i, len) : STR("\xEF\xBF\xBD");
        memcpy(text->cursor, piece.ptr, piece.len);
        text->cursor += piece.len;
        i += len ? len : 1;
    }
    otlp_text_byte(text, '"');
}

/* Copies a plain text word by word while it is looked at; false when it is not plain. There is room
 * for a word more than the text. */
static inline bool copy_plain(char *to, Str s)
{
    uint64_t word;
    size_t i = 0;

    for (; i + 8 <= s.len; i += 8) {
        memcpy(&word, s.ptr + i, 8);
        if (LUMA_UNLIKELY(!word_is_plain(word)))
            return false;
        memcpy(to + i, &word, 8);
    }
    if (i == s.len)
        return true;
    word = ONES * ' ';
    memcpy(&word, s.ptr + i, s.len - i);
    memcpy(to + i, &word, 8);
    return word_is_plain(word);
}

void otlp_text_json_string(OtlpText *text, Str s, bool html)
{
    otlp_text_need(text, s.len + 2 + sizeof(uint64_t));
    char *at = text->cursor;
    if (LUMA_UNLIKELY(html || !copy_plain(at + 1, s))) {
        put_unplain(text, s, html);
        return;
    }
    at[0] = at[s.len + 1] = '"';
    text->cursor += s.len + 2;
}

/* ---------------------------------------------------------------- numbers */

void otlp_text_uint(OtlpText *text, uint64_t value)
{
    char digits[20];
    size_t n = sizeof digits;

    do
        digits[--n] = (char)('0' + value % 10);
    while (value /= 10);
    otlp_text_str(text, str_make(digits + n, sizeof digits - n));
}

void otlp_text_int(OtlpText *text, int64_t value)
{
    if (value < 0)
        otlp_text_byte(text, '-');
    otlp_text_uint(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void put_zeros(OtlpText *text, int count)
{
    otlp_text_need(text, (size_t)LUMA_MAX(count, 0));
    for (int i = 0; i < count; i++)
        *text->cursor++ = '0';
}

static size_t print_digits(uint64_t digits, char out[24])
{
    char reversed[24];
    size_t n = 0;

    do
        reversed[n++] = (char)('0' + digits % 10);
    while (digits /= 10);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

void otlp_text_plain_double(OtlpText *text, double value)
{
    ShortestDecimal decimal = shortest_double(value);
    char digits[24];

    if (decimal.digits == 0) {
        otlp_text_byte(text, '0'); /* numeric has no negative zero */
        return;
    }
    size_t count = print_digits(decimal.digits, digits);
    int point = (int)count + decimal.exponent; /* digits before the point */
    if (value < 0)
        otlp_text_byte(text, '-');
    if (point <= 0) {
        otlp_text_str(text, STR("0."));
        put_zeros(text, -point);
        otlp_text_str(text, str_make(digits, count));
    } else if ((size_t)point >= count) {
        otlp_text_str(text, str_make(digits, count));
        put_zeros(text, point - (int)count);
    } else {
        otlp_text_str(text, str_make(digits, (size_t)point));
        otlp_text_byte(text, '.');
        otlp_text_str(text, str_make(digits + point, count - (size_t)point));
    }
}

static Str nonfinite_name(double value, const char *positive, const char *negative)
{
    return isnan(value) ? STR("NaN") : str_from(value > 0 ? positive : negative);
}

void otlp_text_go_double(OtlpText *text, double value)
{
    double magnitude = fabs(value);
    char digits[24];

    if (!isfinite(value)) {
        otlp_text_str(text, nonfinite_name(value, "+Inf", "-Inf"));
        return;
    }
    if (magnitude == 0 || (magnitude >= 1e-6 && magnitude < 1e21)) {
        if (magnitude == 0 && signbit(value))
            otlp_text_byte(text, '-');
        otlp_text_plain_double(text, value);
        return;
    }
    ShortestDecimal decimal = shortest_double(value);
    size_t count = print_digits(decimal.digits, digits);
    int exponent = (int)count - 1 + decimal.exponent;
    if (value < 0)
        otlp_text_byte(text, '-');
    otlp_text_byte(text, digits[0]);
    if (count > 1) {
        otlp_text_byte(text, '.');
        otlp_text_str(text, str_make(digits + 1, count - 1));
    }
    otlp_text_str(text, exponent < 0 ? STR("e") : STR("e+"));
    otlp_text_int(text, exponent);
}

void otlp_text_json_double(OtlpText *text, double value)
{
    if (isfinite(value)) {
        otlp_text_plain_double(text, value);
        return;
    }
    otlp_text_byte(text, '"');
    otlp_text_str(text, nonfinite_name(value, "Infinity", "-Infinity"));
    otlp_text_byte(text, '"');
}

/* ---------------------------------------------------------------- bytes */

void otlp_text_base64(OtlpText *text, Str bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = (const uint8_t *)bytes.ptr;

    otlp_text_need(text, (bytes.len + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t word = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                        (left > 2 ? (uint32_t)in[i + 2] : 0);
        *text->cursor++ = letters[word >> 18];
        *text->cursor++ = letters[word >> 12 & 63];
        *text->cursor++ = left > 1 ? letters[word >> 6 & 63] : '=';
        *text->cursor++ = left > 2 ? letters[word & 63] : '=';
    }
}

void otlp_text_hex(OtlpText *text, Str bytes)
{
    static const char digits[] = "0123456789abcdef";

    otlp_text_need(text, 2 * bytes.len);
    char *at = text->cursor;
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = (uint8_t)bytes.ptr[i];
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    text->cursor = at;
}
