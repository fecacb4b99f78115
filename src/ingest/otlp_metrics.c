/* otlp_metrics.c - an ExportMetricsServiceRequest: resources, scopes, metrics, their points. */
#include "base/clock.h"
#include "ingest/otlp_int.h"

/* Prometheus stores target_info this often between the first and the last point of a resource, so
 * that a query's look-back finds it: half of the default look-back. */
#define TARGET_INTERVAL_NS (150 * (uint64_t)NS_PER_SEC)
enum { TARGET_SAMPLES_MAX = 1000 };

enum { TEMPORALITY_DELTA = 1, TEMPORALITY_CUMULATIVE = 2 };

static Status cut_short(OtlpMetric *m)
{
    return otlp__malformed(m->d, "it is cut short");
}

static Status check_message(OtlpMetric *m, const PbField *f)
{
    return f->wire == PB_BYTES ? STATUS_OK
                               : otlp__malformed(m->d, "a field of the request is no message");
}

static Hash128 hash_parts(const Hash128 *above, const Str *parts, uint32_t count, Buf *scratch)
{
    buf_clear(scratch);
    buf_append(scratch, above, sizeof *above);
    for (uint32_t i = 0; i < count; i++) {
        buf_append_u64(scratch, parts[i].len);
        buf_append_str(scratch, parts[i]);
    }
    return hash128_secret(scratch->ptr, scratch->len);
}

/* ---------------------------------------------------------------- metrics */

/* What a Metric says of itself: name 1, description 2, unit 3, and one kind of data. */
typedef struct MetricHead {
    Str data; /* the Gauge, Sum ... message */
    uint32_t kind_number;
    uint64_t temporality;
    bool monotonic;
    uint64_t points;
} MetricHead;

typedef Status (*DecodePoint)(OtlpMetric *m, Str message);

/* By the field number of the data in Metric. */
static const struct {
    DecodePoint decode;
    OtlpMetricKind kind;
    const char *type; /* in Prometheus' metadata */
    bool temporal;    /* has an aggregation temporality */
} kinds[] = {
    [5] = {otlp__number_point, OTLP_METRIC_GAUGE, "gauge", false},
    [7] = {otlp__number_point, OTLP_METRIC_SUM, "gauge", true},
    [9] = {otlp__histogram_point, OTLP_METRIC_HISTOGRAM, "histogram", true},
    [10] = {otlp__exponential_point, OTLP_METRIC_EXPONENTIAL, "histogram", true},
    [11] = {otlp__summary_point, OTLP_METRIC_SUMMARY, "summary", false},
};

static Status read_head(OtlpMetric *m, Str message, MetricHead *ret)
{
    PbReader r = pb_reader(message);
    PbField f;

    *ret = (MetricHead){0};
    m->name = m->unit = m->description = (Str){"", 0};
    while (pb_next(&r, &f)) {
        bool is_data = f.number < LUMA_ARRAY_LEN(kinds) && kinds[f.number].decode;
        if (f.number > 3 && !is_data)
            continue;
        TRY(check_message(m, &f));
        if (f.number == 1)
            m->name = f.bytes;
        else if (f.number == 2)
            m->description = f.bytes;
        else if (f.number == 3)
            m->unit = f.bytes;
        else {
            ret->data = f.bytes;
            ret->kind_number = f.number;
        }
    }
    return r.failed ? cut_short(m) : STATUS_OK;
}

/* Gauge, Sum, Histogram ...: data_points 1, aggregation_temporality 2, is_monotonic 3. */
static Status survey_data(OtlpMetric *m, MetricHead *head)
{
    PbReader r = pb_reader(head->data);
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number == 1) {
            TRY(check_message(m, &f));
            head->points++;
        } else if (f.number <= 3 && f.wire != PB_VARINT) {
            return otlp__malformed(m->d, "a field of a metric has another type");
        } else if (f.number == 2) {
            head->temporality = f.value;
        } else if (f.number == 3) {
            head->monotonic = f.value != 0;
        }
    }
    return r.failed ? cut_short(m) : STATUS_OK;
}

/* Kind, name and key of the metric; false when all of its points are refused. */
static bool prepare(OtlpMetric *m, const MetricHead *head)
{
    OtlpDecoder *d = m->d;
    char kind[4] = {(char)head->kind_number, (char)head->temporality, (char)head->monotonic, 0};
    const Str parts[] = {m->name, m->unit, str_make(kind, sizeof kind)};

    m->kind = kinds[head->kind_number].kind;
    if (m->kind == OTLP_METRIC_SUM && head->monotonic)
        m->kind = OTLP_METRIC_COUNTER;
    m->delta = kinds[head->kind_number].temporal && head->temporality == TEMPORALITY_DELTA;
    m->key = hash_parts(&m->scope_key, parts, LUMA_ARRAY_LEN(parts), &m->series_key);
    otlp__scratch_reset(d);
    m->prom_name = otlp__metric_name(otlp_text_repair(&d->scrap, m->name), m->unit, m->kind,
                                     d->ingest->translation, &d->work);
    if (kinds[head->kind_number].temporal && !m->delta &&
        head->temporality != TEMPORALITY_CUMULATIVE) {
        d->write->refused += head->points;
        ingest_refuse(d->tally, INGEST_REASON_METRIC, head->points,
                      "metric %.*s has no aggregation temporality", (int)LUMA_MIN(m->name.len, 200),
                      m->name.ptr);
        return false;
    }
    return true;
}

static Status put_metadata(OtlpMetric *m, const MetricHead *head)
{
    OtlpDecoder *d = m->d;
    const char *type = m->kind == OTLP_METRIC_COUNTER ? "counter" : kinds[head->kind_number].type;

    if (!m->prom_name.len)
        return STATUS_OK;
    otlp__scratch_reset(d);
    Str unit = otlp_text_repair(&d->scrap, m->unit);
    Str help = otlp_text_repair(&d->scrap, m->description);
    return write_batch_metadata(d->batch, m->prom_name, str_from(type), unit, help, d->err);
}

static Status decode_metric(OtlpMetric *m, Str message)
{
    MetricHead head;
    PbField f;

    TRY(read_head(m, message, &head));
    if (!head.kind_number)
        return STATUS_OK; /* no data, or of a kind of a later version */
    TRY(survey_data(m, &head));
    if (!head.points || !prepare(m, &head))
        return STATUS_OK;
    TRY(put_metadata(m, &head));
    PbReader r = pb_reader(head.data);
    while (pb_next(&r, &f))
        if (f.number == 1)
            TRY(kinds[head.kind_number].decode(m, f.bytes));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- above the metrics */

/* ScopeMetrics: scope 1, metrics 2, schema_url 3. */
static Status decode_scope(OtlpMetric *m, Str message)
{
    PbReader r = pb_reader(message);
    PbField f;

    m->scope = m->scope_schema_url = (Str){"", 0};
    m->labels_ready = false;
    while (pb_next(&r, &f)) {
        if (f.number < 1 || f.number > 3)
            continue;
        TRY(check_message(m, &f));
        if (f.number == 1)
            m->scope = f.bytes;
        else if (f.number == 3)
            m->scope_schema_url = f.bytes;
    }
    if (r.failed)
        return cut_short(m);
    const Str parts[] = {m->scope, m->scope_schema_url};
    m->scope_key = hash_parts(&m->resource_key, parts, LUMA_ARRAY_LEN(parts), &m->series_key);
    r = pb_reader(message);
    while (pb_next(&r, &f))
        if (f.number == 2)
            TRY(decode_metric(m, f.bytes));
    return STATUS_OK;
}

static Status put_target(OtlpMetric *m, SeriesRef ref, uint64_t ns)
{
    double one = 1;
    uint64_t bits;

    memcpy(&bits, &one, sizeof bits);
    m->d->tally->samples++;
    return write_batch_sample(m->d->batch, ref, (int64_t)(ns / NS_PER_MS), bits, m->d->err);
}

static Status put_target_info(OtlpMetric *m)
{
    SeriesRef ref;
    bool found;

    if (!m->last_ns)
        return STATUS_OK;
    TRY(otlp__target_series(m, &ref, &found));
    if (!found)
        return STATUS_OK;
    uint64_t span = m->last_ns - m->first_ns;
    if (span / TARGET_INTERVAL_NS < TARGET_SAMPLES_MAX)
        for (uint64_t ns = m->first_ns; m->last_ns - ns > 0; ns += TARGET_INTERVAL_NS) {
            TRY(put_target(m, ref, ns));
            if (m->last_ns - ns < TARGET_INTERVAL_NS)
                break;
        }
    return put_target(m, ref, m->last_ns);
}

/* ResourceMetrics: resource 1, scope_metrics 2. */
static Status decode_resource(OtlpMetric *m, Str message)
{
    static const Hash128 none;
    PbReader r = pb_reader(message);
    PbField f;

    m->resource = (Str){"", 0};
    m->first_ns = UINT64_MAX;
    m->last_ns = 0;
    while (pb_next(&r, &f)) {
        if (f.number != 1 && f.number != 2)
            continue;
        TRY(check_message(m, &f));
        if (f.number == 1)
            m->resource = f.bytes;
    }
    if (r.failed)
        return cut_short(m);
    m->resource_key = hash_parts(&none, &m->resource, 1, &m->series_key);
    r = pb_reader(message);
    while (pb_next(&r, &f))
        if (f.number == 2)
            TRY(decode_scope(m, f.bytes));
    return put_target_info(m);
}

static Status decode_request(OtlpMetric *m, Str message)
{
    PbReader r = pb_reader(message);
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number != 1)
            continue;
        TRY(check_message(m, &f));
        TRY(decode_resource(m, f.bytes));
    }
    return r.failed ? cut_short(m) : STATUS_OK;
}

Status otlp__metrics(OtlpDecoder *d, Str message)
{
    OtlpMetric m = {.d = d};

    m.cursor = series_cursor_new();
    Status status = decode_request(&m, message);
    buf_done(&m.series_key);
    series_cursor_free(m.cursor);
    return status;
}
