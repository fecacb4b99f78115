/* otlp_json.c - OTLP/JSON (OpenTelemetry protocol specification, "JSON Protobuf Encoding") as
 * protobuf bytes.
 *
 * The schema is a table: each message lists its fields with their JSON name, number and kind. An
 * object is walked once; a nested message gets a length of a fixed five bytes, filled in at its end
 * (a varint may be padded). Every field that is written is put down, zeros too: members of a oneof
 * have presence.
 */
#include <math.h>

#include "format/json/json.h"
#include "format/protobuf/protobuf.h"
#include "ingest/otlp.h"

enum { DEPTH_MAX = 220, LENGTH_BYTES = 5 };

typedef enum Kind {
    KIND_STRING,
    KIND_BASE64,
    KIND_HEX, /* trace and span ids */
    KIND_BOOL,
    KIND_VARINT, /* int32, uint32, int64, uint64 */
    KIND_ENUM,   /* number or name */
    KIND_SINT32, /* zigzag */
    KIND_FIXED32,
    KIND_FIXED64, /* fixed64, sfixed64 */
    KIND_DOUBLE,
    KIND_MESSAGE,
} Kind;

typedef enum MessageId {
    MESSAGE_METRICS,
    MESSAGE_RESOURCE_METRICS,
    MESSAGE_SCOPE_METRICS,
    MESSAGE_METRIC,
    MESSAGE_GAUGE,
    MESSAGE_SUM,
    MESSAGE_HISTOGRAM,
    MESSAGE_EXPONENTIAL,
    MESSAGE_SUMMARY,
    MESSAGE_NUMBER_POINT,
    MESSAGE_HISTOGRAM_POINT,
    MESSAGE_EXPONENTIAL_POINT,
    MESSAGE_BUCKETS,
    MESSAGE_SUMMARY_POINT,
    MESSAGE_QUANTILE,
    MESSAGE_EXEMPLAR,
    MESSAGE_LOGS,
    MESSAGE_RESOURCE_LOGS,
    MESSAGE_SCOPE_LOGS,
    MESSAGE_LOG_RECORD,
    MESSAGE_TRACES,
    MESSAGE_RESOURCE_SPANS,
    MESSAGE_SCOPE_SPANS,
    MESSAGE_SPAN,
    MESSAGE_EVENT,
    MESSAGE_LINK,
    MESSAGE_STATUS,
    MESSAGE_RESOURCE,
    MESSAGE_SCOPE,
    MESSAGE_KEY_VALUE,
    MESSAGE_ANY_VALUE,
    MESSAGE_ARRAY,
    MESSAGE_MAP,
    MESSAGE_COUNT_,
} MessageId;

typedef struct FieldInfo {
    const char *name; /* camelCase; NULL ends the list */
    uint8_t number;
    uint8_t kind; /* Kind */
    bool repeated;
    uint8_t message;         /* MessageId of KIND_MESSAGE */
    const char *enum_prefix; /* KIND_ENUM: its names are this and one of enum_names */
    const char *enum_names;  /* separated by blanks, from 0 on */
} FieldInfo;

#define ONE(name, number, kind)                                                                    \
    {                                                                                              \
        name, number, KIND_##kind, false, 0, NULL, NULL                                            \
    }
#define MANY(name, number, kind)                                                                   \
    {                                                                                              \
        name, number, KIND_##kind, true, 0, NULL, NULL                                             \
    }
#define SUB(name, number, message)                                                                 \
    {                                                                                              \
        name, number, KIND_MESSAGE, false, MESSAGE_##message, NULL, NULL                           \
    }
#define SUBS(name, number, message)                                                                \
    {                                                                                              \
        name, number, KIND_MESSAGE, true, MESSAGE_##message, NULL, NULL                            \
    }
#define ENUM(name, number, prefix, names)                                                          \
    {                                                                                              \
        name, number, KIND_ENUM, false, 0, prefix, names                                           \
    }
#define TEMPORALITY                                                                                \
    ENUM("aggregationTemporality", 2, "AGGREGATION_TEMPORALITY_", "UNSPECIFIED DELTA CUMULATIVE")
#define SEVERITIES                                                                                 \
    "UNSPECIFIED TRACE TRACE2 TRACE3 TRACE4 DEBUG DEBUG2 DEBUG3 DEBUG4 INFO INFO2 INFO3 INFO4 "    \
    "WARN WARN2 WARN3 WARN4 ERROR ERROR2 ERROR3 ERROR4 FATAL FATAL2 FATAL3 FATAL4"
#define END                                                                                        \
    {                                                                                              \
        NULL, 0, 0, false, 0, NULL, NULL                                                           \
    }
#define ATTRIBUTES(number) SUBS("attributes", number, KEY_VALUE)
#define DROPPED(number) ONE("droppedAttributesCount", number, VARINT)

enum { FIELDS_MAX = 18 };

static const FieldInfo schema[MESSAGE_COUNT_][FIELDS_MAX] = {
    [MESSAGE_METRICS] = {SUBS("resourceMetrics", 1, RESOURCE_METRICS), END},
    [MESSAGE_RESOURCE_METRICS] = {SUB("resource", 1, RESOURCE),
                                  SUBS("scopeMetrics", 2, SCOPE_METRICS),
                                  ONE("schemaUrl", 3, STRING), END},
    [MESSAGE_SCOPE_METRICS] = {SUB("scope", 1, SCOPE), SUBS("metrics", 2, METRIC),
                               ONE("schemaUrl", 3, STRING), END},
    [MESSAGE_METRIC] = {ONE("name", 1, STRING), ONE("description", 2, STRING),
                        ONE("unit", 3, STRING), SUB("gauge", 5, GAUGE), SUB("sum", 7, SUM),
                        SUB("histogram", 9, HISTOGRAM),
                        SUB("exponentialHistogram", 10, EXPONENTIAL), SUB("summary", 11, SUMMARY),
                        SUBS("metadata", 12, KEY_VALUE), END},
    [MESSAGE_GAUGE] = {SUBS("dataPoints", 1, NUMBER_POINT), END},
    [MESSAGE_SUM] = {SUBS("dataPoints", 1, NUMBER_POINT), TEMPORALITY, ONE("isMonotonic", 3, BOOL),
                     END},
    [MESSAGE_HISTOGRAM] = {SUBS("dataPoints", 1, HISTOGRAM_POINT), TEMPORALITY, END},
    [MESSAGE_EXPONENTIAL] = {SUBS("dataPoints", 1, EXPONENTIAL_POINT), TEMPORALITY, END},
    [MESSAGE_SUMMARY] = {SUBS("dataPoints", 1, SUMMARY_POINT), END},
    [MESSAGE_NUMBER_POINT] = {ONE("startTimeUnixNano", 2, FIXED64), ONE("timeUnixNano", 3, FIXED64),
                              ONE("asDouble", 4, DOUBLE), SUBS("exemplars", 5, EXEMPLAR),
                              ONE("asInt", 6, FIXED64), ATTRIBUTES(7), ONE("flags", 8, VARINT),
                              END},
    [MESSAGE_HISTOGRAM_POINT] = {ONE("startTimeUnixNano", 2, FIXED64),
                                 ONE("timeUnixNano", 3, FIXED64), ONE("count", 4, FIXED64),
                                 ONE("sum", 5, DOUBLE), MANY("bucketCounts", 6, FIXED64),
                                 MANY("explicitBounds", 7, DOUBLE), SUBS("exemplars", 8, EXEMPLAR),
                                 ATTRIBUTES(9), ONE("flags", 10, VARINT), ONE("min", 11, DOUBLE),
                                 ONE("max", 12, DOUBLE), END},
    [MESSAGE_EXPONENTIAL_POINT] = {ATTRIBUTES(1), ONE("startTimeUnixNano", 2, FIXED64),
                                   ONE("timeUnixNano", 3, FIXED64), ONE("count", 4, FIXED64),
                                   ONE("sum", 5, DOUBLE), ONE("scale", 6, SINT32),
                                   ONE("zeroCount", 7, FIXED64), SUB("positive", 8, BUCKETS),
                                   SUB("negative", 9, BUCKETS), ONE("flags", 10, VARINT),
                                   SUBS("exemplars", 11, EXEMPLAR), ONE("min", 12, DOUBLE),
                                   ONE("max", 13, DOUBLE), ONE("zeroThreshold", 14, DOUBLE), END},
    [MESSAGE_BUCKETS] = {ONE("offset", 1, SINT32), MANY("bucketCounts", 2, VARINT), END},
    [MESSAGE_SUMMARY_POINT] = {ONE("startTimeUnixNano", 2, FIXED64),
                               ONE("timeUnixNano", 3, FIXED64), ONE("count", 4, FIXED64),
                               ONE("sum", 5, DOUBLE), SUBS("quantileValues", 6, QUANTILE),
                               ATTRIBUTES(7), ONE("flags", 8, VARINT), END},
    [MESSAGE_QUANTILE] = {ONE("quantile", 1, DOUBLE), ONE("value", 2, DOUBLE), END},
    [MESSAGE_EXEMPLAR] = {ONE("timeUnixNano", 2, FIXED64), ONE("asDouble", 3, DOUBLE),
                          ONE("spanId", 4, HEX), ONE("traceId", 5, HEX), ONE("asInt", 6, FIXED64),
                          SUBS("filteredAttributes", 7, KEY_VALUE), END},
    [MESSAGE_LOGS] = {SUBS("resourceLogs", 1, RESOURCE_LOGS), END},
    [MESSAGE_RESOURCE_LOGS] = {SUB("resource", 1, RESOURCE), SUBS("scopeLogs", 2, SCOPE_LOGS),
                               ONE("schemaUrl", 3, STRING), END},
    [MESSAGE_SCOPE_LOGS] = {SUB("scope", 1, SCOPE), SUBS("logRecords", 2, LOG_RECORD),
                            ONE("schemaUrl", 3, STRING), END},
    [MESSAGE_LOG_RECORD] = {ONE("timeUnixNano", 1, FIXED64),
                            ENUM("severityNumber", 2, "SEVERITY_NUMBER_", SEVERITIES),
                            ONE("severityText", 3, STRING), SUB("body", 5, ANY_VALUE),
                            ATTRIBUTES(6), DROPPED(7), ONE("flags", 8, FIXED32),
                            ONE("traceId", 9, HEX), ONE("spanId", 10, HEX),
                            ONE("observedTimeUnixNano", 11, FIXED64), ONE("eventName", 12, STRING),
                            END},
    [MESSAGE_TRACES] = {SUBS("resourceSpans", 1, RESOURCE_SPANS), END},
    [MESSAGE_RESOURCE_SPANS] = {SUB("resource", 1, RESOURCE), SUBS("scopeSpans", 2, SCOPE_SPANS),
                                ONE("schemaUrl", 3, STRING), END},
    [MESSAGE_SCOPE_SPANS] = {SUB("scope", 1, SCOPE), SUBS("spans", 2, SPAN),
                             ONE("schemaUrl", 3, STRING), END},
    [MESSAGE_SPAN] = {ONE("traceId", 1, HEX), ONE("spanId", 2, HEX), ONE("traceState", 3, STRING),
                      ONE("parentSpanId", 4, HEX), ONE("name", 5, STRING),
                      ENUM("kind", 6, "SPAN_KIND_",
                           "UNSPECIFIED INTERNAL SERVER CLIENT PRODUCER CONSUMER"),
                      ONE("startTimeUnixNano", 7, FIXED64), ONE("endTimeUnixNano", 8, FIXED64),
                      ATTRIBUTES(9), DROPPED(10), SUBS("events", 11, EVENT),
                      ONE("droppedEventsCount", 12, VARINT), SUBS("links", 13, LINK),
                      ONE("droppedLinksCount", 14, VARINT), SUB("status", 15, STATUS),
                      ONE("flags", 16, FIXED32), END},
    [MESSAGE_EVENT] = {ONE("timeUnixNano", 1, FIXED64), ONE("name", 2, STRING), ATTRIBUTES(3),
                       DROPPED(4), END},
    [MESSAGE_LINK] = {ONE("traceId", 1, HEX), ONE("spanId", 2, HEX), ONE("traceState", 3, STRING),
                      ATTRIBUTES(4), DROPPED(5), ONE("flags", 6, FIXED32), END},
    [MESSAGE_STATUS] = {ONE("message", 2, STRING),
                        ENUM("code", 3, "STATUS_CODE_", "UNSET OK ERROR"), END},
    [MESSAGE_RESOURCE] = {ATTRIBUTES(1), DROPPED(2), END},
    [MESSAGE_SCOPE] = {ONE("name", 1, STRING), ONE("version", 2, STRING), ATTRIBUTES(3), DROPPED(4),
                       END},
    [MESSAGE_KEY_VALUE] = {ONE("key", 1, STRING), SUB("value", 2, ANY_VALUE), END},
    [MESSAGE_ANY_VALUE] = {ONE("stringValue", 1, STRING), ONE("boolValue", 2, BOOL),
                           ONE("intValue", 3, VARINT), ONE("doubleValue", 4, DOUBLE),
                           SUB("arrayValue", 5, ARRAY), SUB("kvlistValue", 6, MAP),
                           ONE("bytesValue", 7, BASE64), END},
    [MESSAGE_ARRAY] = {SUBS("values", 1, ANY_VALUE), END},
    [MESSAGE_MAP] = {SUBS("values", 1, KEY_VALUE), END},
};

typedef struct Transcoder {
    JsonReader json;
    Arena arena; /* unescaped texts; reset after each */
    Buf *out;
    Error *err;
} Transcoder;

/* ---------------------------------------------------------------- fields */

/* "timeUnixNano" or "time_unix_nano". */
static bool is_name(Str key, const char *name)
{
    size_t at = 0;

    for (size_t i = 0; i < key.len; i++, at++) {
        char c = key.ptr[i];
        if (c == '_' && i + 1 < key.len && key.ptr[i + 1] >= 'a' && key.ptr[i + 1] <= 'z')
            c = (char)(key.ptr[++i] - 'a' + 'A');
        if (!name[at] || c != name[at])
            return false;
    }
    return !name[at];
}

static const FieldInfo *find_field(MessageId message, Str key)
{
    for (const FieldInfo *field = schema[message]; field->name; field++)
        if (is_name(key, field->name))
            return field;
    return NULL;
}

static Status bad_value(const Transcoder *t, const FieldInfo *field, const JsonToken *token)
{
    return error_set(t->err, STATUS_INVALID,
                     "the body is not valid OTLP/JSON: byte %zu: the value of \"%s\" is not what "
                     "this field holds",
                     token->offset, field->name);
}

static void put_key(Transcoder *t, const FieldInfo *field, PbWire wire)
{
    buf_append_varint(t->out, (uint64_t)field->number << 3 | wire);
}

static size_t begin_message(Transcoder *t, const FieldInfo *field)
{
    put_key(t, field, PB_BYTES);
    (void)buf_reserve(t->out, LENGTH_BYTES);
    t->out->len += LENGTH_BYTES;
    return t->out->len;
}

/* Fills in the length of what follows `begin`. */
static void end_message(Transcoder *t, size_t begin)
{
    size_t len = t->out->len - begin;
    char *at = t->out->ptr + begin - LENGTH_BYTES;

    for (int i = 0; i < LENGTH_BYTES; i++, len >>= 7)
        at[i] = (char)((len & 0x7f) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
}

/* ---------------------------------------------------------------- scalars */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool append_hex(Buf *out, Str text)
{
    if (text.len % 2)
        return false;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit(text.ptr[i]);
        int low = hex_digit(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return false;
        buf_append_byte(out, (uint8_t)(high << 4 | low));
    }
    return true;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Either alphabet, with or without padding. */
static bool append_base64(Buf *out, Str text)
{
    uint32_t word = 0;
    unsigned bits = 0;

    while (text.len && text.ptr[text.len - 1] == '=')
        text.len--;
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = base64_digit(text.ptr[i]);
        if (digit < 0)
            return false;
        word = word << 6 | (uint32_t)digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            buf_append_byte(out, (uint8_t)(word >> bits));
        }
    }
    return true;
}

/* An integer of 64 bits, signed or not, from a number or a string; 1.0 and 1e3 count, too. */
static bool read_integer(const JsonToken *token, uint64_t *ret_value)
{
    int64_t negative;
    double number;

    if (token->kind != JSON_TOKEN_NUMBER && token->kind != JSON_TOKEN_STRING)
        return false;
    if (str_to_u64(token->text, ret_value))
        return true;
    if (str_to_i64(token->text, &negative)) {
        *ret_value = (uint64_t)negative;
        return true;
    }
    if (!str_to_f64(token->text, &number) || number != trunc(number) || !(fabs(number) < 0x1p63))
        return false;
    *ret_value = (uint64_t)(int64_t)number;
    return true;
}

static bool read_double(const JsonToken *token, double *ret_value)
{
    if (token->kind != JSON_TOKEN_NUMBER && token->kind != JSON_TOKEN_STRING)
        return false;
    if (str_eq(token->text, STR("Infinity")) || str_eq(token->text, STR("-Infinity"))) {
        *ret_value = token->text.ptr[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    return str_to_f64(token->text, ret_value);
}

static bool read_enum(const FieldInfo *field, const JsonToken *token, uint64_t *ret_value)
{
    Str prefix = str_from(field->enum_prefix);
    Str names = str_from(field->enum_names);
    Str name;

    if (read_integer(token, ret_value))
        return true;
    if (token->kind != JSON_TOKEN_STRING || !str_starts(token->text, prefix))
        return false;
    Str wanted = str_sub(token->text, prefix.len, token->text.len);
    for (*ret_value = 0; str_split(&names, ' ', &name); ++*ret_value)
        if (str_eq(name, wanted))
            return true;
    return false;
}

static bool put_number(Transcoder *t, const FieldInfo *field, const JsonToken *token)
{
    uint64_t value;
    double number;

    switch ((Kind)field->kind) {
    case KIND_DOUBLE:
        if (!read_double(token, &number))
            return false;
        pb_put_double(t->out, field->number, number);
        return true;
    case KIND_ENUM:
        if (!read_enum(field, token, &value))
            return false;
        pb_put_varint(t->out, field->number, value);
        return true;
    case KIND_VARINT:
    case KIND_SINT32:
        if (!read_integer(token, &value))
            return false;
        pb_put_varint(t->out, field->number,
                      field->kind == KIND_SINT32 ? zigzag_encode((int64_t)value) : value);
        return true;
    case KIND_FIXED32:
        if (!read_integer(token, &value) || value > UINT32_MAX)
            return false;
        put_key(t, field, PB_FIXED32);
        buf_append_u32(t->out, (uint32_t)value);
        return true;
    case KIND_FIXED64:
        if (!read_integer(token, &value))
            return false;
        put_key(t, field, PB_FIXED64);
        buf_append_u64(t->out, value);
        return true;
    default:
        return false;
    }
}

static bool put_text(Transcoder *t, const FieldInfo *field, const JsonToken *token)
{
    bool good = true;

    if (token->kind != JSON_TOKEN_STRING)
        return false;
    Str text = token->escaped ? json_unescape(token, &t->arena) : token->text;
    size_t begin = begin_message(t, field);
    if (field->kind == KIND_STRING)
        buf_append_str(t->out, text);
    else
        good = field->kind == KIND_HEX ? append_hex(t->out, text) : append_base64(t->out, text);
    end_message(t, begin);
    if (token->escaped)
        arena_reset(&t->arena);
    return good;
}

/* ---------------------------------------------------------------- messages */

static Status put_object(Transcoder *t, MessageId message, uint32_t depth);

static Status put_value(Transcoder *t, const FieldInfo *field, const JsonToken *token,
                        uint32_t depth)
{
    bool good = false;

    switch ((Kind)field->kind) {
    case KIND_MESSAGE: {
        if (token->kind != JSON_TOKEN_OBJECT)
            break;
        size_t begin = begin_message(t, field);
        TRY(put_object(t, (MessageId)field->message, depth + 1));
        end_message(t, begin);
        return STATUS_OK;
    }
    case KIND_STRING:
    case KIND_BASE64:
    case KIND_HEX:
        good = put_text(t, field, token);
        break;
    case KIND_BOOL:
        good = token->kind == JSON_TOKEN_TRUE || token->kind == JSON_TOKEN_FALSE;
        pb_put_varint(t->out, field->number, token->kind == JSON_TOKEN_TRUE);
        break;
    case KIND_VARINT:
    case KIND_ENUM:
    case KIND_SINT32:
    case KIND_FIXED32:
    case KIND_FIXED64:
    case KIND_DOUBLE:
        good = put_number(t, field, token);
        break;
    }
    return good ? STATUS_OK : bad_value(t, field, token);
}

/* null is the same as leaving the field out. */
static Status put_field(Transcoder *t, const FieldInfo *field, uint32_t depth)
{
    JsonToken token;

    TRY(json_next(&t->json, &token, t->err));
    if (token.kind == JSON_TOKEN_NULL)
        return STATUS_OK;
    if (!field->repeated)
        return put_value(t, field, &token, depth);
    if (token.kind != JSON_TOKEN_ARRAY)
        return bad_value(t, field, &token);
    for (;;) {
        TRY(json_next(&t->json, &token, t->err));
        if (token.kind == JSON_TOKEN_ARRAY_END)
            return STATUS_OK;
        TRY(put_value(t, field, &token, depth));
    }
}

/* After the '{'. Recursion is bounded by DEPTH_MAX. */
static Status put_object(Transcoder *t, MessageId message, uint32_t depth)
{
    JsonToken token;

    if (depth > DEPTH_MAX)
        return error_set(t->err, STATUS_INVALID,
                         "the body is not valid OTLP/JSON: it is nested too deep");
    for (;;) {
        TRY(json_next(&t->json, &token, t->err));
        if (token.kind == JSON_TOKEN_OBJECT_END)
            return STATUS_OK;
        const FieldInfo *field = token.escaped ? NULL : find_field(message, token.text);
        if (field) {
            TRY(put_field(t, field, depth));
            continue;
        }
        TRY(json_next(&t->json, &token, t->err));
        TRY(json_skip(&t->json, &token, t->err));
    }
}

static Status put_document(Transcoder *t, MessageId message)
{
    JsonToken token;

    TRY(json_next(&t->json, &token, t->err));
    if (token.kind != JSON_TOKEN_OBJECT)
        return error_set(t->err, STATUS_INVALID,
                         "the body is not valid OTLP/JSON: it is no object");
    TRY(put_object(t, message, 0));
    return json_next(&t->json, &token, t->err);
}

Status otlp_json_to_protobuf(OtlpSignal signal, Str json, Buf *out, Error *err)
{
    static const MessageId roots[] = {[OTLP_METRICS] = MESSAGE_METRICS,
                                      [OTLP_LOGS] = MESSAGE_LOGS,
                                      [OTLP_TRACES] = MESSAGE_TRACES};
    Transcoder t = {.json = json_reader(json), .out = out, .err = err};

    arena_init(&t.arena, NULL);
    Status status = put_document(&t, roots[signal]);
    arena_done(&t.arena);
    return status == STATUS_LIMIT ? STATUS_INVALID : status;
}
