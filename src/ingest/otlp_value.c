/* otlp_value.c - attributes and AnyValue as JSON or text. */
#include <stdlib.h>

#include "ingest/otlp_int.h"

Status otlp__malformed(OtlpDecoder *d, const char *what)
{
    return error_set(d->err, STATUS_INVALID, "the body is not a valid OTLP request: %s", what);
}

/* ---------------------------------------------------------------- attributes */

static inline void push(OtlpAttributes *to, Str key, Str value)
{
    if (LUMA_UNLIKELY(to->count == to->cap))
        MEM_GROW(to->items, to->cap, to->count + 1);
    to->items[to->count] = (OtlpAttribute){key, value, to->count};
    to->count++;
}

/* The usual form, in one look: key and value in this order, both lengths in a byte. */
static bool split_usual(Str message, Str *ret_key, Str *ret_value)
{
    enum { KEY = 1 << 3 | PB_BYTES, VALUE = 2 << 3 | PB_BYTES };
    const uint8_t *at = (const uint8_t *)message.ptr;

    if (message.len < 4 || at[0] != KEY || at[1] >= 0x80 || (size_t)at[1] + 4 > message.len)
        return false;
    size_t key_len = at[1];
    const uint8_t *value = at + 2 + key_len;
    if (value[0] != VALUE || value[1] >= 0x80 || key_len + 4 + value[1] != message.len)
        return false;
    *ret_key = str_make(at + 2, key_len);
    *ret_value = str_make(value + 2, value[1]);
    return true;
}

Status otlp__push_attribute(OtlpDecoder *d, Str message)
{
    PbReader r = pb_reader(message);
    Str parts[2] = {{"", 0}, {"", 0}};
    PbField f;

    if (LUMA_LIKELY(split_usual(message, &parts[0], &parts[1]))) {
        push(&d->attributes, parts[0], parts[1]);
        return STATUS_OK;
    }
    while (pb_next(&r, &f)) {
        if (f.number > 2)
            continue;
        if (f.wire != PB_BYTES)
            return otlp__malformed(d, "an attribute's key or value has another type");
        parts[f.number - 1] = f.bytes;
    }
    if (r.failed)
        return otlp__malformed(d, "an attribute is cut short");
    push(&d->attributes, parts[0], parts[1]);
    return STATUS_OK;
}

Status otlp__push_attributes(OtlpDecoder *d, Str message, uint32_t number)
{
    PbReader r = pb_reader(message);
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number != number)
            continue;
        if (f.wire != PB_BYTES)
            return otlp__malformed(d, "an attribute is no message");
        TRY(otlp__push_attribute(d, f.bytes));
    }
    return r.failed ? otlp__malformed(d, "a list of attributes is cut short") : STATUS_OK;
}

/* By length, then bytes; equal ones by position, so that the last one is last. */
static inline int cmp_jsonb(const OtlpAttribute *a, const OtlpAttribute *b)
{
    if (a->key.len != b->key.len)
        return a->key.len < b->key.len ? -1 : 1;
    int c = a->key.len ? memcmp(a->key.ptr, b->key.ptr, a->key.len) : 0;
    return c ? c : (a->idx > b->idx) - (a->idx < b->idx);
}

static int cmp_jsonb_void(const void *a, const void *b)
{
    return cmp_jsonb(a, b);
}

static int cmp_bytes_void(const void *a, const void *b)
{
    const OtlpAttribute *x = a;
    const OtlpAttribute *y = b;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x->idx > y->idx) - (x->idx < y->idx);
}

static void sort(OtlpAttribute *items, uint32_t count, OtlpStyle style)
{
    enum { INSERTION_MAX = 24 };

    if (style == OTLP_STYLE_GO || count > INSERTION_MAX) {
        qsort(items, count, sizeof *items,
              style == OTLP_STYLE_GO ? cmp_bytes_void : cmp_jsonb_void);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        OtlpAttribute item = items[i];
        uint32_t at = i;
        for (; at && cmp_jsonb(&items[at - 1], &item) > 0; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

/* Room on the stack for one more attribute, a count. */
typedef struct CountValue {
    uint8_t bytes[12];
} CountValue;

static void push_dropped(OtlpDecoder *d, uint32_t dropped, CountValue *value)
{
    size_t n = 0;

    value->bytes[n++] = OTLP_VALUE_INT << 3 | PB_VARINT;
    for (; dropped >= 0x80; dropped >>= 7)
        value->bytes[n++] = (uint8_t)(dropped | 0x80);
    value->bytes[n++] = (uint8_t)dropped;
    push(&d->attributes, STR("otel.dropped_attributes_count"), str_make(value->bytes, n));
}

Status otlp__put_object(OtlpDecoder *d, OtlpText *out, uint32_t base, OtlpStyle style,
                        uint32_t dropped, uint32_t depth)
{
    bool go = style == OTLP_STYLE_GO;
    CountValue dropped_value;
    bool first = true;

    if (dropped)
        push_dropped(d, dropped, &dropped_value);
    uint32_t end = d->attributes.count;
    if (end > base + 1)
        sort(d->attributes.items + base, end - base, style);
    otlp_text_byte(out, '{');
    for (uint32_t i = base; i < end; i++) {
        OtlpAttribute item = d->attributes.items[i]; /* inner objects may move the stack */
        if (i + 1 < end && str_eq(item.key, d->attributes.items[i + 1].key))
            continue;
        if (!first)
            otlp_text_str(out, go ? STR(",") : STR(", "));
        first = false;
        otlp_text_json_string(out, item.key, go);
        otlp_text_str(out, go ? STR(":") : STR(": "));
        TRY(otlp__put_value(d, out, item.value, style, depth));
    }
    otlp_text_byte(out, '}');
    d->attributes.count = base;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- values */

Status otlp__value(OtlpDecoder *d, Str value, OtlpValueKind *ret_kind, PbField *ret_field)
{
    static const uint8_t wires[] = {
        [OTLP_VALUE_STRING] = PB_BYTES, [OTLP_VALUE_BOOL] = PB_VARINT,
        [OTLP_VALUE_INT] = PB_VARINT,   [OTLP_VALUE_DOUBLE] = PB_FIXED64,
        [OTLP_VALUE_ARRAY] = PB_BYTES,  [OTLP_VALUE_MAP] = PB_BYTES,
        [OTLP_VALUE_BYTES] = PB_BYTES};
    enum { STRING = OTLP_VALUE_STRING << 3 | PB_BYTES };
    PbReader r = pb_reader(value);
    PbField f;

    /* The usual value is a short string and nothing else. */
    if (LUMA_LIKELY(value.len >= 2 && value.ptr[0] == STRING && !(value.ptr[1] & 0x80) &&
                    (size_t)value.ptr[1] + 2 == value.len)) {
        *ret_kind = OTLP_VALUE_STRING;
        *ret_field = (PbField){
            .number = OTLP_VALUE_STRING, .wire = PB_BYTES, .bytes = str_sub(value, 2, value.len)};
        return STATUS_OK;
    }
    *ret_kind = OTLP_VALUE_NONE;
    while (pb_next(&r, &f)) {
        if (f.number > OTLP_VALUE_BYTES)
            continue;
        if (f.wire != wires[f.number])
            return otlp__malformed(d, "a value has another type than its field");
        *ret_kind = (OtlpValueKind)f.number;
        *ret_field = f;
    }
    return r.failed ? otlp__malformed(d, "a value is cut short") : STATUS_OK;
}

static Status put_array(OtlpDecoder *d, OtlpText *out, Str message, OtlpStyle style, uint32_t depth)
{
    PbReader r = pb_reader(message);
    bool first = true;
    PbField f;

    otlp_text_byte(out, '[');
    while (pb_next(&r, &f)) {
        if (f.number != 1)
            continue;
        if (f.wire != PB_BYTES)
            return otlp__malformed(d, "an element of an array is no value");
        if (!first)
            otlp_text_str(out, style == OTLP_STYLE_GO ? STR(",") : STR(", "));
        first = false;
        TRY(otlp__put_value(d, out, f.bytes, style, depth));
    }
    otlp_text_byte(out, ']');
    return r.failed ? otlp__malformed(d, "an array is cut short") : STATUS_OK;
}

static void put_bytes(OtlpText *out, Str bytes)
{
    otlp_text_byte(out, '"');
    otlp_text_base64(out, bytes);
    otlp_text_byte(out, '"');
}

static void put_double(OtlpText *out, const PbField *field, OtlpStyle style)
{
    double value = pb_double(field);

    if (style == OTLP_STYLE_GO && __builtin_isfinite(value))
        otlp_text_go_double(out, value);
    else
        otlp_text_json_double(out, value);
}

/* Recursion is bounded by OTLP_VALUE_DEPTH_MAX. */
Status otlp__put_value(OtlpDecoder *d, OtlpText *out, Str value, OtlpStyle style, uint32_t depth)
{
    OtlpValueKind kind;
    PbField f;

    if (depth >= OTLP_VALUE_DEPTH_MAX)
        return otlp__malformed(d, "a value is nested too deep");
    TRY(otlp__value(d, value, &kind, &f));
    switch (kind) {
    case OTLP_VALUE_NONE:
        otlp_text_str(out, STR("null"));
        break;
    case OTLP_VALUE_STRING:
        otlp_text_json_string(out, f.bytes, style == OTLP_STYLE_GO);
        break;
    case OTLP_VALUE_BOOL:
        otlp_text_str(out, f.value ? STR("true") : STR("false"));
        break;
    case OTLP_VALUE_INT:
        otlp_text_int(out, (int64_t)f.value);
        break;
    case OTLP_VALUE_DOUBLE:
        put_double(out, &f, style);
        break;
    case OTLP_VALUE_ARRAY:
        return put_array(d, out, f.bytes, style, depth + 1);
    case OTLP_VALUE_MAP: {
        uint32_t base = d->attributes.count;
        TRY(otlp__push_attributes(d, f.bytes, 1));
        return otlp__put_object(d, out, base, style, 0, depth + 1);
    }
    case OTLP_VALUE_BYTES:
        put_bytes(out, f.bytes);
        break;
    }
    return STATUS_OK;
}

Status otlp__put_plain_value(OtlpDecoder *d, OtlpText *out, Str value)
{
    OtlpValueKind kind;
    PbField f;

    TRY(otlp__value(d, value, &kind, &f));
    switch (kind) {
    case OTLP_VALUE_NONE:
        break;
    case OTLP_VALUE_STRING:
        otlp_text_str(out, otlp_text_repair(out, f.bytes));
        break;
    case OTLP_VALUE_DOUBLE:
        otlp_text_go_double(out, pb_double(&f));
        break;
    case OTLP_VALUE_BYTES:
        otlp_text_base64(out, f.bytes);
        break;
    case OTLP_VALUE_BOOL:
    case OTLP_VALUE_INT:
    case OTLP_VALUE_ARRAY:
    case OTLP_VALUE_MAP:
        return otlp__put_value(d, out, value, OTLP_STYLE_GO, 0);
    }
    return STATUS_OK;
}
