#include "query/func/promql_text.h"

#include <math.h>
#include <stdio.h>

#include "format/pgtype/shortest.h"

void prom_text_float(double value, Buf *out)
{
    ShortestDecimal d;
    char digits[24];
    int len;

    if (isnan(value)) {
        buf_append_lit(out, "NaN");
        return;
    }
    if (isinf(value)) {
        buf_append_str(out, value < 0 ? STR("-Inf") : STR("+Inf"));
        return;
    }
    if (signbit(value))
        buf_append_byte(out, '-');
    d = shortest_double(value);
    len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)d.digits);
    if (d.exponent >= 0) {
        buf_append(out, digits, (size_t)len);
        for (int i = 0; i < d.exponent; i++)
            buf_append_byte(out, '0');
    } else if (len + d.exponent > 0) {
        buf_append(out, digits, (size_t)(len + d.exponent));
        buf_append_byte(out, '.');
        buf_append(out, digits + len + d.exponent, (size_t)-d.exponent);
    } else {
        buf_append_lit(out, "0.");
        for (int i = len + d.exponent; i < 0; i++)
            buf_append_byte(out, '0');
        buf_append(out, digits, (size_t)len);
    }
}

void prom_text_quote(Str text, Buf *out)
{
    static const char names[] = "abfnrtv";
    static const char values[] = "\a\b\f\n\r\t\v";

    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len;) {
        uint32_t rune;
        size_t n = str_utf8_decode(str_sub(text, i, 4), &rune);
        unsigned char c = (unsigned char)text.ptr[i];
        const char *special;
        if (n == 0) {
            buf_printf(out, "\\x%02x", c);
            i++;
            continue;
        }
        special = c ? strchr(values, c) : NULL;
        if (c == '"' || c == '\\') {
            buf_append_byte(out, '\\');
            buf_append_byte(out, c);
        } else if (special) {
            buf_append_byte(out, '\\');
            buf_append_byte(out, (uint8_t)names[special - values]);
        } else if (rune < 0x20 || rune == 0x7F) {
            buf_printf(out, "\\x%02x", rune);
        } else if ((rune >= 0x80 && rune < 0xA1) || rune == 0xAD || rune == 0xFEFF ||
                   (rune >= 0x200B && rune <= 0x200F) || (rune >= 0x2028 && rune <= 0x202F)) {
            buf_printf(out, "\\u%04x", rune); /* not printable */
        } else {
            buf_append(out, text.ptr + i, n);
        }
        i += n;
    }
    buf_append_byte(out, '"');
}

void prom_text_position(Str text, uint32_t offset, char out[32])
{
    uint32_t line = 1;
    int64_t line_start = -1;

    if (text.len == 0) {
        (void)snprintf(out, 32, "unknown position");
        return;
    }
    if (offset > text.len) {
        (void)snprintf(out, 32, "invalid position");
        return;
    }
    for (uint32_t i = 0; i < offset; i++) {
        if (text.ptr[i] == '\n') {
            line++;
            line_start = i;
        }
    }
    (void)snprintf(out, 32, "%u:%u", line, (unsigned)((int64_t)offset - line_start));
}
