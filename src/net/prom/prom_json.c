#include "net/prom/prom_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "format/json/json.h"
#include "format/pgtype/shortest.h"
#include "query/func/promql_hist.h"
#include "query/func/promql_text.h"

/* 1.5e+21, 8.62e-07: shortest digits, at least two of the exponent, as Go's FormatFloat. */
static void print_exponent(double value, Buf *out)
{
    ShortestDecimal d = shortest_double(value);
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)d.digits);
    int exponent = d.exponent + len - 1;

    if (signbit(value))
        buf_append_byte(out, '-');
    buf_append_byte(out, (uint8_t)digits[0]);
    if (len > 1) {
        buf_append_byte(out, '.');
        buf_append(out, digits + 1, (size_t)len - 1);
    }
    buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
}

void prom_json_float(double value, Buf *out)
{
    double size = fabs(value);

    /* Whole numbers are most of what is stored. */
    if (size < 1e15 && value == (double)(int64_t)value && !(value == 0 && signbit(value))) {
        char text[24];
        char *p = text + sizeof text;
        uint64_t n = (uint64_t)size;
        do
            *--p = (char)('0' + n % 10);
        while (n /= 10);
        if (value < 0)
            *--p = '-';
        buf_append(out, p, (size_t)(text + sizeof text - p));
    } else if (isfinite(value) && value != 0 && (size < 1e-6 || size >= 1e21)) {
        print_exponent(value, out);
    } else {
        prom_text_float(value, out);
    }
}

void prom_json_time(int64_t ms, Buf *out)
{
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    char text[32];
    char *p = text + sizeof text;
    uint64_t n = size / 1000;

    if (size % 1000) {
        *--p = (char)('0' + size % 10);
        *--p = (char)('0' + size / 10 % 10);
        *--p = (char)('0' + size / 100 % 10);
        *--p = '.';
    }
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    if (ms < 0)
        *--p = '-';
    buf_append(out, p, (size_t)(text + sizeof text - p));
}

void prom_json_labels(LabelSet labels, Buf *out)
{
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < labels.count; i++) {
        if (i)
            buf_append_byte(out, ',');
        json_append_string(out, labels.labels[i].name);
        buf_append_byte(out, ':');
        json_append_string(out, labels.labels[i].value);
    }
    buf_append_byte(out, '}');
}

void prom_json_strings(const Str *texts, uint32_t count, Buf *out)
{
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_append_byte(out, ',');
        json_append_string(out, texts[i]);
    }
    buf_append_byte(out, ']');
}

static void append_quoted_float(double value, Buf *out)
{
    buf_append_byte(out, '"');
    prom_json_float(value, out);
    buf_append_byte(out, '"');
}

void prom_json_histogram(const NativeHistogram *h, Arena *arena, Buf *out)
{
    HistBucket *buckets;
    uint32_t n = prom_hist_buckets(h, arena, &buckets);
    bool first = true;

    buf_append_lit(out, "{\"count\":");
    append_quoted_float(h->count, out);
    buf_append_lit(out, ",\"sum\":");
    append_quoted_float(h->sum, out);
    for (uint32_t i = 0; i < n; i++) {
        const HistBucket *b = &buckets[i];
        if (b->count == 0)
            continue;
        buf_append_str(out, first ? STR(",\"buckets\":[") : STR(","));
        first = false;
        /* 0 open left, 1 open right, 2 open both, 3 closed both */
        buf_printf(out, "[%d,",
                   b->lower_inclusive   ? b->upper_inclusive ? 3 : 1
                   : b->upper_inclusive ? 0
                                        : 2);
        append_quoted_float(b->lower, out);
        buf_append_byte(out, ',');
        append_quoted_float(b->upper, out);
        buf_append_byte(out, ',');
        append_quoted_float(b->count, out);
        buf_append_byte(out, ']');
    }
    if (!first)
        buf_append_byte(out, ']');
    buf_append_byte(out, '}');
}

/* [t,"v"] or [t,{histogram}] */
static void append_point(const PromqlSeries *series, uint32_t i, bool hist, Arena *arena, Buf *out)
{
    buf_append_byte(out, '[');
    prom_json_time(series->ts_ms[i], out);
    buf_append_byte(out, ',');
    if (hist)
        prom_json_histogram(series->histograms[i], arena, out);
    else
        append_quoted_float(series->values[i], out);
    buf_append_byte(out, ']');
}

/* ,"values":[...] of one kind of points; nothing when there are none. */
static void append_points(const PromqlSeries *series, bool hist, Arena *arena, Buf *out)
{
    bool any = false;

    for (uint32_t i = 0; i < series->point_count; i++) {
        if ((series->histograms && series->histograms[i]) != hist)
            continue;
        buf_append_str(out, any    ? STR(",")
                            : hist ? STR(",\"histograms\":[")
                                   : STR(",\"values\":["));
        any = true;
        append_point(series, i, hist, arena, out);
    }
    if (any)
        buf_append_byte(out, ']');
}

static void append_series(const PromqlResult *result, const PromqlSeries *series, Arena *arena,
                          Buf *out)
{
    buf_append_lit(out, "{\"metric\":");
    prom_json_labels(series->labels, out);
    if (result->type == PROMQL_MATRIX) {
        append_points(series, false, arena, out);
        append_points(series, true, arena, out);
    } else {
        bool hist = series->histograms && series->histograms[0];
        buf_append_str(out, hist ? STR(",\"histogram\":") : STR(",\"value\":"));
        append_point(series, 0, hist, arena, out);
    }
    buf_append_byte(out, '}');
}

void prom_json_result(const PromqlResult *result, int64_t time_ms, uint64_t limit, Arena *arena,
                      Buf *out)
{
    static const char *const types[] = {[PROMQL_SCALAR] = "scalar",
                                        [PROMQL_STRING] = "string",
                                        [PROMQL_VECTOR] = "vector",
                                        [PROMQL_MATRIX] = "matrix"};

    buf_printf(out, "{\"resultType\":\"%s\",\"result\":[", types[result->type]);
    if (result->type == PROMQL_SCALAR || result->type == PROMQL_STRING) {
        prom_json_time(time_ms, out);
        buf_append_byte(out, ',');
        if (result->type == PROMQL_STRING) {
            json_append_string(out, result->string);
        } else {
            buf_append_byte(out, '"'); /* a scalar is never in exponent form */
            prom_text_float(result->scalar, out);
            buf_append_byte(out, '"');
        }
    }
    for (uint32_t i = 0; i < result->series_count && (!limit || i < limit); i++) {
        if (i)
            buf_append_byte(out, ',');
        append_series(result, &result->series[i], arena, out);
    }
    buf_append_byte(out, ']');
}

/* ---------------------------------------------------------------- envelopes */

void prom_json_begin(Buf *out)
{
    buf_append_lit(out, "{\"status\":\"success\",\"data\":");
}

void prom_json_end(const Str *warnings, uint32_t warning_count, const Str *infos,
                   uint32_t info_count, Buf *out)
{
    if (warning_count) {
        buf_append_lit(out, ",\"warnings\":");
        prom_json_strings(warnings, warning_count, out);
    }
    if (info_count) {
        buf_append_lit(out, ",\"infos\":");
        prom_json_strings(infos, info_count, out);
    }
    buf_append_byte(out, '}');
}

static const HttpField json_type = {STR_INIT("Content-Type"), STR_INIT("application/json")};

void prom_json_respond(HttpRequest *req, Buf *take)
{
    http_respond(req, 200, &json_type, 1, take);
}

static const struct {
    Str type;
    int status;
} error_types[] = {{STR_INIT("bad_data"), 400},   {STR_INIT("execution"), 422},
                   {STR_INIT("timeout"), 503},    {STR_INIT("canceled"), 499},
                   {STR_INIT("internal"), 500},   {STR_INIT("not_found"), 404},
                   {STR_INIT("unavailable"), 500}};

static void respond_error(HttpRequest *req, const char *type, Str message)
{
    Buf body = {0};
    int status = 500;

    for (size_t i = 0; i < LUMA_ARRAY_LEN(error_types); i++)
        if (str_eq(error_types[i].type, str_from(type)))
            status = error_types[i].status;
    buf_printf(&body, "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":", type);
    json_append_string(&body, message);
    buf_append_byte(&body, '}');
    http_respond(req, status, &json_type, 1, &body);
}

void prom_json_error(HttpRequest *req, const char *type, const char *format, ...)
{
    char message[1400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    respond_error(req, type, str_from(message));
}

void prom_json_status(HttpRequest *req, const Error *err)
{
    const char *type = "execution";

    switch (err->status) {
    case STATUS_CANCELLED:
        type = "canceled";
        break;
    case STATUS_TIMEOUT:
        type = "timeout";
        break;
    case STATUS_IO:
    case STATUS_CORRUPT:
    case STATUS_INTERNAL:
        type = "internal";
        break;
    default:
        break;
    }
    respond_error(req, type, str_from(err->message));
}

Str prom_json_http_error(int status, Str message, Buf *body)
{
    const char *type = status == 404 ? "not_found" : status >= 500 ? "internal" : "bad_data";

    buf_printf(body, "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":", type);
    json_append_string(body, message);
    buf_append_byte(body, '}');
    return STR("application/json");
}
