#include "storage/engine/histogram_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The fewest digits that read back as the same double, never with an exponent: as numeric prints.
 */
static void append_number(Buf *out, double value)
{
    char text[40];
    char digits[24];
    int count = 0;

    if (!isfinite(value)) {
        buf_printf(out, "\"%s\"", isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    for (int precision = 14; precision <= 16; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision, fabs(value));
        if (strtod(text, NULL) == fabs(value))
            break;
    }
    for (const char *c = text; *c && *c != 'e'; c++)
        if (*c != '.')
            digits[count++] = *c;
    int exponent =
        (int)strtol(strchr(text, 'e') + 1, NULL, 10); /* of the first digit; printed by us */
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (value < 0)
        buf_append_byte(out, '-');
    if (exponent < 0) {
        buf_append_lit(out, "0.");
        for (int i = -1; i > exponent; i--)
            buf_append_byte(out, '0');
    }
    for (int i = 0; i < count || i <= exponent; i++) {
        if (i && i == exponent + 1)
            buf_append_byte(out, '.');
        buf_append_byte(out, (uint8_t)(i < count ? digits[i] : '0'));
    }
}

static void append_numbers(Buf *out, const double *numbers, uint32_t count)
{
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_append_lit(out, ", ");
        append_number(out, numbers[i]);
    }
    buf_append_byte(out, ']');
}

static void append_buckets(Buf *out, const char *key, const HistogramBuckets *buckets)
{
    if (!buckets->span_count)
        return;
    buf_printf(out, ", \"%s\": {\"spans\": [", key);
    for (uint32_t i = 0; i < buckets->span_count; i++)
        buf_printf(out, "%s[%d, %u]", i ? ", " : "", buckets->spans[i].offset,
                   buckets->spans[i].length);
    buf_append_lit(out, "], \"counts\": ");
    append_numbers(out, buckets->counts, buckets->bucket_count);
    buf_append_byte(out, '}');
}

void histogram_append_jsonb(const NativeHistogram *h, Buf *out)
{
    static const char *const hints[] = {"unknown", "yes", "no", "gauge"};

    buf_append_lit(out, "{\"sum\": ");
    append_number(out, h->sum);
    buf_append_lit(out, ", \"count\": ");
    append_number(out, h->count);
    buf_printf(out, ", \"schema\": %d", h->schema);
    append_buckets(out, "negative", &h->negative);
    append_buckets(out, "positive", &h->positive);
    buf_printf(out, ", \"reset_hint\": \"%s\", \"zero_count\": ",
               h->reset_hint < LUMA_ARRAY_LEN(hints) ? hints[h->reset_hint] : hints[0]);
    append_number(out, h->zero_count);
    if (h->custom_count) {
        buf_append_lit(out, ", \"custom_values\": ");
        append_numbers(out, h->custom_values, h->custom_count);
    }
    buf_append_lit(out, ", \"zero_threshold\": ");
    append_number(out, h->zero_threshold);
    buf_append_byte(out, '}');
}
