/* otlp_logs.c - a LogRecord as a row of public.logs (opentelemetry-proto logs/v1/logs.proto). */
#include "base/clock.h"
#include "ingest/otlp_int.h"

/* The columns of public.logs that are filled. */
enum {
    LOG_TS,
    LOG_TIME_UNIX_NANO,
    LOG_OBSERVED_TS,
    LOG_SEVERITY,
    LOG_SEVERITY_NUMBER,
    LOG_SERVICE,
    LOG_BODY,
    LOG_ATTRIBUTES,
    LOG_RESOURCE,
    LOG_SCOPE,
    LOG_TRACE_ID,
    LOG_SPAN_ID,
    LOG_FLAGS,
    LOG_EVENT_NAME,
};

static const OtlpColumn columns[] = {
    [LOG_TS] = {"ts", TYPE_OF(TIMESTAMPTZ), true},
    [LOG_TIME_UNIX_NANO] = {"time_unix_nano", TYPE_OF(INT8), true},
    [LOG_OBSERVED_TS] = {"observed_ts", TYPE_OF(TIMESTAMPTZ), false},
    [LOG_SEVERITY] = {"severity", TYPE_OF(TEXT), false},
    [LOG_SEVERITY_NUMBER] = {"severity_number", TYPE_OF(INT2), false},
    [LOG_SERVICE] = {"service", TYPE_OF(TEXT), false},
    [LOG_BODY] = {"body", TYPE_OF(TEXT), false},
    [LOG_ATTRIBUTES] = {"attributes", TYPE_OF(JSONB), false},
    [LOG_RESOURCE] = {"resource", TYPE_OF(JSONB), false},
    [LOG_SCOPE] = {"scope", TYPE_OF(JSONB), false},
    [LOG_TRACE_ID] = {"trace_id", TYPE_OF(TEXT), false},
    [LOG_SPAN_ID] = {"span_id", TYPE_OF(TEXT), false},
    [LOG_FLAGS] = {"flags", TYPE_OF(INT4), false},
    [LOG_EVENT_NAME] = {"event_name", TYPE_OF(TEXT), false},
};

const OtlpLayout otlp__log_layout = {columns, LUMA_ARRAY_LEN(columns)};

typedef struct LogRecord {
    uint64_t time_ns;
    uint64_t observed_ns;
    uint64_t severity_number;
    Str severity;
    Str body; /* an AnyValue */
    Str trace_id;
    Str span_id;
    Str event_name;
    uint32_t dropped;
    uint32_t flags;
} LogRecord;

/* One field; false when its type is wrong. */
static bool take_field(OtlpDecoder *d, const PbField *f, LogRecord *record, Status *status)
{
    switch (f->number) {
    case 1:
        record->time_ns = f->value;
        return f->wire == PB_FIXED64;
    case 2:
        record->severity_number = f->value;
        return f->wire == PB_VARINT;
    case 3:
        record->severity = f->bytes;
        return f->wire == PB_BYTES;
    case 5:
        record->body = f->bytes;
        return f->wire == PB_BYTES;
    case 6:
        if (f->wire == PB_BYTES)
            *status = otlp__push_attribute(d, f->bytes);
        return f->wire == PB_BYTES;
    case 7:
        record->dropped = (uint32_t)f->value;
        return f->wire == PB_VARINT;
    case 8:
        record->flags = (uint32_t)f->value;
        return f->wire == PB_FIXED32;
    case 9:
        record->trace_id = f->bytes;
        return f->wire == PB_BYTES;
    case 10:
        record->span_id = f->bytes;
        return f->wire == PB_BYTES;
    case 11:
        record->observed_ns = f->value;
        return f->wire == PB_FIXED64;
    case 12:
        record->event_name = f->bytes;
        return f->wire == PB_BYTES;
    default:
        return true;
    }
}

/* The short names of the log data model's severity numbers. */
static const char *const severity_names[] = {
    "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG4",
    "INFO",  "INFO2",  "INFO3",  "INFO4",  "WARN",  "WARN2",  "WARN3",  "WARN4",
    "ERROR", "ERROR2", "ERROR3", "ERROR4", "FATAL", "FATAL2", "FATAL3", "FATAL4",
};

static void set_severity(OtlpDecoder *d, OtlpRows *rows, const LogRecord *record)
{
    Str text = record->severity;
    uint64_t number = record->severity_number;

    if (!text.len && number >= 1 && number <= LUMA_ARRAY_LEN(severity_names))
        text = str_from(severity_names[number - 1]);
    otlp__set_text(d, rows, LOG_SEVERITY, text);
    if (number == 0 || number > INT16_MAX)
        otlp__set_null(rows, LOG_SEVERITY_NUMBER);
    else
        ((int16_t *)otlp__column(rows, LOG_SEVERITY_NUMBER))[rows->row] = (int16_t)number;
}

static Status set_body(OtlpDecoder *d, OtlpRows *rows, Str body)
{
    OtlpValueKind kind;
    PbField f;

    TRY(otlp__value(d, body, &kind, &f));
    if (kind == OTLP_VALUE_NONE) {
        otlp__set_null(rows, LOG_BODY);
        return STATUS_OK;
    }
    if (kind == OTLP_VALUE_STRING) {
        Str sound = otlp_text_repair(&d->text, f.bytes);
        otlp__set_view(rows, LOG_BODY, view_make(sound.ptr, sound.len));
        return STATUS_OK;
    }
    TRY(otlp__put_value(d, &d->text, body, OTLP_STYLE_JSONB, 0));
    otlp__set_view(rows, LOG_BODY, otlp_text_view(&d->text));
    return STATUS_OK;
}

static void set_times(OtlpDecoder *d, OtlpRows *rows, const LogRecord *record)
{
    uint64_t now = (uint64_t)d->now_ns;
    uint64_t ns = record->time_ns       ? record->time_ns
                  : record->observed_ns ? record->observed_ns
                                        : now;

    otlp__set_i64(rows, LOG_TS, (int64_t)ns / NS_PER_US);
    otlp__set_i64(rows, LOG_TIME_UNIX_NANO, (int64_t)ns);
    if (record->observed_ns)
        otlp__set_i64(rows, LOG_OBSERVED_TS, (int64_t)record->observed_ns / NS_PER_US);
    else
        otlp__set_null(rows, LOG_OBSERVED_TS);
}

static Status set_row(OtlpDecoder *d, OtlpRows *rows, const LogRecord *record, uint32_t base)
{
    set_times(d, rows, record);
    set_severity(d, rows, record);
    if (rows->has_service)
        otlp__set_view(rows, LOG_SERVICE, rows->service);
    else
        otlp__set_null(rows, LOG_SERVICE);
    TRY(set_body(d, rows, record->body));
    TRY(otlp__put_object(d, &d->text, base, OTLP_STYLE_JSONB, record->dropped, 0));
    otlp__set_view(rows, LOG_ATTRIBUTES, otlp_text_view(&d->text));
    otlp__set_view(rows, LOG_RESOURCE, rows->resource);
    otlp__set_view(rows, LOG_SCOPE, rows->scope);
    otlp__set_id(d, rows, LOG_TRACE_ID, record->trace_id, 16);
    otlp__set_id(d, rows, LOG_SPAN_ID, record->span_id, 8);
    ((int32_t *)otlp__column(rows, LOG_FLAGS))[rows->row] = (int32_t)record->flags;
    otlp__set_text(d, rows, LOG_EVENT_NAME, record->event_name);
    rows->row++;
    return STATUS_OK;
}

Status otlp__log_record(OtlpDecoder *d, OtlpRows *rows, Str message)
{
    PbReader r = pb_reader(message);
    LogRecord record = {0};
    uint32_t base = d->attributes.count;
    Status status = STATUS_OK;
    PbField f;

    while (pb_next(&r, &f)) {
        if (!take_field(d, &f, &record, &status))
            return otlp__malformed(d, "a field of a log record has another type");
        TRY(status);
    }
    if (r.failed)
        return otlp__malformed(d, "a log record is cut short");
    if (record.time_ns > INT64_MAX || record.observed_ns > INT64_MAX) {
        d->attributes.count = base;
        d->write->refused++;
        ingest_refuse(d->tally, INGEST_REASON_TIMESTAMP, 1,
                      "the time of a log record lies beyond the year 2262");
        return STATUS_OK;
    }
    return set_row(d, rows, &record, base);
}
