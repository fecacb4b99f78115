/* otlp_traces.c - a Span as a row of public.traces (opentelemetry-proto trace/v1/trace.proto). */
#include "base/clock.h"
#include "ingest/otlp_int.h"

/* The columns of public.traces that are filled. */
enum {
    SPAN_TS,
    SPAN_START_UNIX_NANO,
    SPAN_DURATION_NS,
    SPAN_TRACE_ID,
    SPAN_SPAN_ID,
    SPAN_PARENT_SPAN_ID,
    SPAN_NAME,
    SPAN_KIND,
    SPAN_SERVICE,
    SPAN_STATUS,
    SPAN_STATUS_MESSAGE,
    SPAN_ATTRIBUTES,
    SPAN_RESOURCE,
    SPAN_SCOPE,
    SPAN_EVENTS,
    SPAN_LINKS,
    SPAN_TRACE_STATE,
};

static const OtlpColumn columns[] = {
    [SPAN_TS] = {"ts", TYPE_OF(TIMESTAMPTZ), true},
    [SPAN_START_UNIX_NANO] = {"start_unix_nano", TYPE_OF(INT8), true},
    [SPAN_DURATION_NS] = {"duration_ns", TYPE_OF(INT8), false},
    [SPAN_TRACE_ID] = {"trace_id", TYPE_OF(TEXT), false},
    [SPAN_SPAN_ID] = {"span_id", TYPE_OF(TEXT), false},
    [SPAN_PARENT_SPAN_ID] = {"parent_span_id", TYPE_OF(TEXT), false},
    [SPAN_NAME] = {"name", TYPE_OF(TEXT), false},
    [SPAN_KIND] = {"kind", TYPE_OF(TEXT), false},
    [SPAN_SERVICE] = {"service", TYPE_OF(TEXT), false},
    [SPAN_STATUS] = {"status", TYPE_OF(TEXT), false},
    [SPAN_STATUS_MESSAGE] = {"status_message", TYPE_OF(TEXT), false},
    [SPAN_ATTRIBUTES] = {"attributes", TYPE_OF(JSONB), false},
    [SPAN_RESOURCE] = {"resource", TYPE_OF(JSONB), false},
    [SPAN_SCOPE] = {"scope", TYPE_OF(JSONB), false},
    [SPAN_EVENTS] = {"events", TYPE_OF(JSONB), false},
    [SPAN_LINKS] = {"links", TYPE_OF(JSONB), false},
    [SPAN_TRACE_STATE] = {"trace_state", TYPE_OF(TEXT), false},
};

const OtlpLayout otlp__span_layout = {columns, LUMA_ARRAY_LEN(columns)};

typedef struct Span {
    Str trace_id;
    Str span_id;
    Str trace_state;
    Str parent_span_id;
    Str name;
    Str status; /* a Status message */
    uint64_t kind;
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t dropped_attributes;
    uint64_t dropped_events;
    uint64_t dropped_links;
    uint32_t event_count;
    uint32_t link_count;
} Span;

/* One field; false when its type is wrong. */
static bool take_field(OtlpDecoder *d, const PbField *f, Span *span, Status *status)
{
    switch (f->number) {
    case 1:
        span->trace_id = f->bytes;
        return f->wire == PB_BYTES;
    case 2:
        span->span_id = f->bytes;
        return f->wire == PB_BYTES;
    case 3:
        span->trace_state = f->bytes;
        return f->wire == PB_BYTES;
    case 4:
        span->parent_span_id = f->bytes;
        return f->wire == PB_BYTES;
    case 5:
        span->name = f->bytes;
        return f->wire == PB_BYTES;
    case 6:
        span->kind = f->value;
        return f->wire == PB_VARINT;
    case 7:
        span->start_ns = f->value;
        return f->wire == PB_FIXED64;
    case 8:
        span->end_ns = f->value;
        return f->wire == PB_FIXED64;
    case 9:
        if (f->wire == PB_BYTES)
            *status = otlp__push_attribute(d, f->bytes);
        return f->wire == PB_BYTES;
    case 10:
        span->dropped_attributes = f->value;
        return f->wire == PB_VARINT;
    case 11:
        span->event_count++;
        return f->wire == PB_BYTES;
    case 12:
        span->dropped_events = f->value;
        return f->wire == PB_VARINT;
    case 13:
        span->link_count++;
        return f->wire == PB_BYTES;
    case 14:
        span->dropped_links = f->value;
        return f->wire == PB_VARINT;
    case 15:
        span->status = f->bytes;
        return f->wire == PB_BYTES;
    case 16:
        return f->wire == PB_FIXED32;
    default:
        return true;
    }
}

/* ---------------------------------------------------------------- events and links */

/* Fields of an Event or a Link by number; `attributes` of them is pushed from `base` on. */
typedef struct Part {
    Str texts[7];
    uint64_t numbers[7];
    uint32_t base;
} Part;

static Status read_part(OtlpDecoder *d, Str message, uint32_t attributes_number, Part *ret)
{
    PbReader r = pb_reader(message);
    PbField f;

    *ret = (Part){.base = d->attributes.count};
    while (pb_next(&r, &f)) {
        if (f.number == attributes_number && f.wire == PB_BYTES)
            TRY(otlp__push_attribute(d, f.bytes));
        else if (f.number == attributes_number)
            return otlp__malformed(d, "an attribute of an event or link is no message");
        else if (f.number < LUMA_ARRAY_LEN(ret->texts) && f.wire == PB_BYTES)
            ret->texts[f.number] = f.bytes;
        else if (f.number < LUMA_ARRAY_LEN(ret->numbers))
            ret->numbers[f.number] = f.value;
    }
    return r.failed ? otlp__malformed(d, "an event or link is cut short") : STATUS_OK;
}

/* Event: time_unix_nano 1, name 2, attributes 3, dropped_attributes_count 4. Keys stand in jsonb's
 * order. */
static Status put_event(OtlpDecoder *d, Str message)
{
    OtlpText *out = &d->text;
    Part part;

    TRY(read_part(d, message, 3, &part));
    otlp_text_str(out, STR("{\"name\": "));
    otlp_text_json_string(out, part.texts[2], false);
    otlp_text_str(out, STR(", \"attributes\": "));
    TRY(otlp__put_object(d, out, part.base, OTLP_STYLE_JSONB, (uint32_t)part.numbers[4], 1));
    otlp_text_str(out, STR(", \"time_unix_nano\": "));
    otlp_text_uint(out, part.numbers[1]);
    otlp_text_byte(out, '}');
    return STATUS_OK;
}

/* Link: trace_id 1, span_id 2, trace_state 3, attributes 4, dropped_attributes_count 5, flags 6. */
static Status put_link(OtlpDecoder *d, Str message)
{
    OtlpText *out = &d->text;
    Part part;

    TRY(read_part(d, message, 4, &part));
    otlp_text_str(out, STR("{\"flags\": "));
    otlp_text_uint(out, part.numbers[6]);
    otlp_text_str(out, STR(", \"span_id\": \""));
    otlp_text_hex(out, part.texts[2]);
    otlp_text_str(out, STR("\", \"trace_id\": \""));
    otlp_text_hex(out, part.texts[1]);
    otlp_text_str(out, STR("\", \"attributes\": "));
    TRY(otlp__put_object(d, out, part.base, OTLP_STYLE_JSONB, (uint32_t)part.numbers[5], 1));
    otlp_text_str(out, STR(", \"trace_state\": "));
    otlp_text_json_string(out, part.texts[3], false);
    otlp_text_byte(out, '}');
    return STATUS_OK;
}

/* The events or links of a span as a JSON array. */
static Status set_parts(OtlpDecoder *d, OtlpRows *rows, uint32_t column, Str message,
                        uint32_t number, uint32_t count, Status (*put)(OtlpDecoder *, Str))
{
    PbReader r = pb_reader(message);
    uint32_t done = 0;
    PbField f;

    otlp_text_byte(&d->text, '[');
    while (done < count && pb_next(&r, &f)) {
        if (f.number != number)
            continue;
        if (done++)
            otlp_text_str(&d->text, STR(", "));
        TRY(put(d, f.bytes));
    }
    otlp_text_byte(&d->text, ']');
    otlp__set_view(rows, column, otlp_text_view(&d->text));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- rows */

static const char *const kind_names[] = {"unspecified", "internal", "server",
                                         "client",      "producer", "consumer"};
static const char *const status_names[] = {"unset", "ok", "error"};

static void set_name(OtlpDecoder *d, OtlpRows *rows, uint32_t column, const char *const *names,
                     size_t name_count, uint64_t number)
{
    if (number < name_count) {
        Str name = str_from(names[number]);
        otlp__set_view(rows, column, view_make(name.ptr, name.len));
        return;
    }
    otlp_text_int(&d->text, (int64_t)number); /* an enum member of a later version */
    otlp__set_view(rows, column, otlp_text_view(&d->text));
}

/* Status: message 2, code 3. */
static Status set_status(OtlpDecoder *d, OtlpRows *rows, Str message)
{
    PbReader r = pb_reader(message);
    Str text = {"", 0};
    uint64_t code = 0;
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number == 2 && f.wire == PB_BYTES)
            text = f.bytes;
        else if (f.number == 3 && f.wire == PB_VARINT)
            code = f.value;
        else if (f.number == 2 || f.number == 3)
            return otlp__malformed(d, "a field of a status has another type");
    }
    if (r.failed)
        return otlp__malformed(d, "a status is cut short");
    set_name(d, rows, SPAN_STATUS, status_names, LUMA_ARRAY_LEN(status_names), code);
    otlp__set_text(d, rows, SPAN_STATUS_MESSAGE, text);
    return STATUS_OK;
}

/* Counts of what the sender left out, as the specification names them outside of OTLP. */
static Status push_count(OtlpDecoder *d, const char *key, uint64_t count)
{
    CLEANUP(buf_done) Buf value = {0};
    CLEANUP(buf_done) Buf attribute = {0};

    if (!count)
        return STATUS_OK;
    pb_put_varint(&value, OTLP_VALUE_INT, count);
    pb_put_bytes(&attribute, 1, str_from(key));
    pb_put_bytes(&attribute, 2, buf_str(&value));
    return otlp__push_attribute(d, arena_str(&d->work, buf_str(&attribute)));
}

static Status set_attributes(OtlpDecoder *d, OtlpRows *rows, const Span *span, uint32_t base)
{
    TRY(push_count(d, "otel.dropped_events_count", span->dropped_events));
    TRY(push_count(d, "otel.dropped_links_count", span->dropped_links));
    TRY(otlp__put_object(d, &d->text, base, OTLP_STYLE_JSONB, (uint32_t)span->dropped_attributes,
                         0));
    otlp__set_view(rows, SPAN_ATTRIBUTES, otlp_text_view(&d->text));
    return STATUS_OK;
}

static Status set_row(OtlpDecoder *d, OtlpRows *rows, const Span *span, Str message, uint32_t base)
{
    otlp__set_i64(rows, SPAN_TS, (int64_t)span->start_ns / NS_PER_US);
    otlp__set_i64(rows, SPAN_START_UNIX_NANO, (int64_t)span->start_ns);
    if (span->end_ns)
        otlp__set_i64(rows, SPAN_DURATION_NS, (int64_t)(span->end_ns - span->start_ns));
    else
        otlp__set_null(rows, SPAN_DURATION_NS);
    otlp__set_id(d, rows, SPAN_TRACE_ID, span->trace_id, 16);
    otlp__set_id(d, rows, SPAN_SPAN_ID, span->span_id, 8);
    otlp__set_id(d, rows, SPAN_PARENT_SPAN_ID, span->parent_span_id, 8);
    otlp__set_text(d, rows, SPAN_NAME, span->name);
    set_name(d, rows, SPAN_KIND, kind_names, LUMA_ARRAY_LEN(kind_names), span->kind);
    if (rows->has_service)
        otlp__set_view(rows, SPAN_SERVICE, rows->service);
    else
        otlp__set_null(rows, SPAN_SERVICE);
    TRY(set_status(d, rows, span->status));
    TRY(set_attributes(d, rows, span, base));
    otlp__set_view(rows, SPAN_RESOURCE, rows->resource);
    otlp__set_view(rows, SPAN_SCOPE, rows->scope);
    TRY(set_parts(d, rows, SPAN_EVENTS, message, 11, span->event_count, put_event));
    TRY(set_parts(d, rows, SPAN_LINKS, message, 13, span->link_count, put_link));
    otlp__set_text(d, rows, SPAN_TRACE_STATE, span->trace_state);
    rows->row++;
    return STATUS_OK;
}

static Status refuse(OtlpDecoder *d, IngestReason reason, const char *what)
{
    d->write->refused++;
    ingest_refuse(d->tally, reason, 1, "%s", what);
    return STATUS_OK;
}

Status otlp__span(OtlpDecoder *d, OtlpRows *rows, Str message)
{
    PbReader r = pb_reader(message);
    uint32_t base = d->attributes.count;
    Status status = STATUS_OK;
    Span span = {0};
    PbField f;

    while (pb_next(&r, &f)) {
        if (!take_field(d, &f, &span, &status))
            return otlp__malformed(d, "a field of a span has another type");
        TRY(status);
    }
    if (r.failed)
        return otlp__malformed(d, "a span is cut short");
    if (otlp__id_valid(span.trace_id, 16) && otlp__id_valid(span.span_id, 8) &&
        span.start_ns <= INT64_MAX && span.end_ns <= INT64_MAX)
        return set_row(d, rows, &span, message, base);
    d->attributes.count = base;
    if (span.start_ns > INT64_MAX || span.end_ns > INT64_MAX)
        return refuse(d, INGEST_REASON_TIMESTAMP, "the time of a span lies beyond the year 2262");
    return refuse(d, INGEST_REASON_ID,
                  "a span needs a trace id of 16 bytes and a span id of 8, not all zero");
}
