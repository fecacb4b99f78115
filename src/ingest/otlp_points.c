/* otlp_points.c - gauges, sums and summaries: NumberDataPoint and SummaryDataPoint; exemplars. */
#include "base/clock.h"
#include "ingest/otlp_int.h"

/* ---------------------------------------------------------------- what all points share */

void otlp__point_refuse(OtlpMetric *m, IngestReason reason, const char *what)
{
    m->d->write->refused++;
    ingest_refuse(m->d->tally, reason, 1, "%s", what);
}

bool otlp__point_admit(OtlpMetric *m, const OtlpPoint *point)
{
    if (!point->time_ns) {
        otlp__point_refuse(m, INGEST_REASON_TIMESTAMP, "a data point has no time_unix_nano");
        return false;
    }
    if (!m->prom_name.len) {
        otlp__point_refuse(m, INGEST_REASON_METRIC,
                           "the name of a metric has no character that a metric name may have");
        return false;
    }
    m->first_ns = LUMA_MIN(m->first_ns, point->time_ns);
    m->last_ns = LUMA_MAX(m->last_ns, point->time_ns);
    return true;
}

Status otlp__store(OtlpMetric *m, SeriesRef ref, const OtlpPoint *point, double value)
{
    WriteBatch *batch = m->d->batch;
    int64_t ts_ms = (int64_t)(point->time_ns / NS_PER_MS);
    bool has_start = m->kind != OTLP_METRIC_GAUGE && m->kind != OTLP_METRIC_SUM;
    uint64_t bits = WRITE_STALE_BITS;

    if (!(point->flags & OTLP_NO_RECORDED_VALUE))
        memcpy(&bits, &value, sizeof bits);
    m->d->tally->samples++;
    return write_batch_sample_start(
        batch, ref, ts_ms, has_start ? (int64_t)(point->start_ns / NS_PER_MS) : 0, bits, m->d->err);
}

/* ---------------------------------------------------------------- exemplars */

Status otlp__exemplar_value(OtlpMetric *m, Str message, double *ret_value, bool *ret_known)
{
    PbReader r = pb_reader(message);
    PbField f;

    *ret_known = false;
    while (pb_next(&r, &f)) {
        if (f.number != 3 && f.number != 6)
            continue;
        if (f.wire != PB_FIXED64)
            return otlp__malformed(m->d, "an exemplar's value has another type");
        *ret_value = f.number == 3 ? pb_double(&f) : (double)(int64_t)f.value;
        *ret_known = true;
    }
    return r.failed ? otlp__malformed(m->d, "an exemplar is cut short") : STATUS_OK;
}

enum { EXEMPLAR_LABELS_MAX = 128 };

/* Adds the trace's or span's id as a label when it is a valid one. */
static void add_id(OtlpDecoder *d, Label *labels, uint32_t *count, Str name, Str id, size_t len)
{
    if (!otlp__id_valid(id, len))
        return;
    otlp_text_hex(&d->scrap, id);
    labels[(*count)++] = (Label){name, otlp_text_end(&d->scrap)};
}

/* Exemplar: time_unix_nano 2, span_id 4, trace_id 5, filtered_attributes 7. */
static Status read_exemplar(OtlpMetric *m, Str message, Label *labels, uint32_t *ret_count,
                            uint64_t *ret_ns)
{
    OtlpDecoder *d = m->d;
    PbReader r = pb_reader(message);
    uint32_t base = d->attributes.count;
    Str span_id = {"", 0};
    Str trace_id = {"", 0};
    uint32_t count = 0;
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number == 2 && f.wire == PB_FIXED64)
            *ret_ns = f.value ? f.value : *ret_ns;
        else if (f.number == 4 && f.wire == PB_BYTES)
            span_id = f.bytes;
        else if (f.number == 5 && f.wire == PB_BYTES)
            trace_id = f.bytes;
        else if (f.number == 7 && f.wire == PB_BYTES)
            TRY(otlp__push_attribute(d, f.bytes));
        else if (f.number == 2 || f.number == 4 || f.number == 5 || f.number == 7)
            return otlp__malformed(d, "a field of an exemplar has another type");
    }
    add_id(d, labels, &count, STR("trace_id"), trace_id, 16);
    add_id(d, labels, &count, STR("span_id"), span_id, 8);
    for (uint32_t i = base; i < d->attributes.count && count < EXEMPLAR_LABELS_MAX; i++) {
        OtlpAttribute item = d->attributes.items[i];
        Str key = otlp_text_repair(&d->scrap, item.key);
        TRY(otlp__put_plain_value(d, &d->scrap, item.value));
        labels[count++] = (Label){key, otlp_text_end(&d->scrap)};
    }
    d->attributes.count = base;
    *ret_count = count;
    return STATUS_OK;
}

Status otlp__exemplar(OtlpMetric *m, SeriesRef ref, Str message, uint64_t point_ns)
{
    Label labels[EXEMPLAR_LABELS_MAX + 2];
    OtlpDecoder *d = m->d;
    uint64_t ns = point_ns;
    uint32_t count;
    double value;
    bool known;
    Error why;

    otlp__scratch_reset(d);
    TRY(otlp__exemplar_value(m, message, &value, &known));
    TRY(read_exemplar(m, message, labels, &count, &ns));
    if (!known) {
        ingest_refuse(d->tally, INGEST_REASON_EXEMPLAR, 1, "an exemplar has no value");
        return STATUS_OK;
    }
    if (label_set_normalize(labels, &count, &why) != STATUS_OK) {
        ingest_refuse(d->tally, INGEST_REASON_EXEMPLAR, 1, "exemplar: %s", why.message);
        return STATUS_OK;
    }
    d->tally->exemplars++;
    return write_batch_exemplar(d->batch, ref, (int64_t)(ns / NS_PER_MS), value,
                                (LabelSet){labels, count}, d->err);
}

/* ---------------------------------------------------------------- NumberDataPoint */

typedef struct Number {
    OtlpPoint point;
    double value;
    bool known;
    uint32_t exemplar_count;
} Number;

/* start 2, time 3, as_double 4, exemplars 5, as_int 6, attributes 7, flags 8. */
static bool take_number_field(const PbField *f, Number *number)
{
    switch (f->number) {
    case 2:
        number->point.start_ns = f->value;
        return f->wire == PB_FIXED64;
    case 3:
        number->point.time_ns = f->value;
        return f->wire == PB_FIXED64;
    case 4:
    case 6:
        number->value = f->number == 4 ? pb_double(f) : (double)(int64_t)f->value;
        number->known = true;
        return f->wire == PB_FIXED64;
    case 5:
        number->exemplar_count++;
        return f->wire == PB_BYTES;
    case 7:
        return f->wire == PB_BYTES;
    case 8:
        number->point.flags = f->value;
        return f->wire == PB_VARINT;
    default:
        return true;
    }
}

/* A delta is added up; what is stored is the sum. */
static Status store_delta(OtlpMetric *m, SeriesRef ref, const Number *number)
{
    OtlpDecoder *d = m->d;
    OtlpDeltas *deltas = d->ingest->deltas;
    OtlpInterval interval = {number->point.start_ns, number->point.time_ns, number->value};
    int64_t start_ms;
    int64_t ts_ms;
    double total;
    bool fresh;
    uint64_t bits;

    if (!__builtin_isfinite(number->value)) {
        otlp__point_refuse(m, INGEST_REASON_METRIC, "a delta is not a finite number");
        return STATUS_OK;
    }
    if (!d->locked)
        otlp__deltas_lock(deltas);
    d->locked = true;
    TRY(otlp__delta_admit(deltas, ref, &interval, &fresh, &ts_ms, d->err));
    if (!fresh)
        return STATUS_OK;
    TRY(otlp__delta_add(deltas, d->write, ref, number->point.start_ns, number->value, &total,
                        &start_ms, d->err));
    memcpy(&bits, &total, sizeof bits);
    d->tally->samples++;
    return write_batch_sample_start(d->batch, ref, ts_ms,
                                    m->kind == OTLP_METRIC_COUNTER ? start_ms : 0, bits, d->err);
}

static Status put_exemplars(OtlpMetric *m, SeriesRef ref, Str message, uint32_t number,
                            uint64_t point_ns)
{
    PbReader r = pb_reader(message);
    PbField f;

    while (pb_next(&r, &f))
        if (f.number == number)
            TRY(otlp__exemplar(m, ref, f.bytes, point_ns));
    return STATUS_OK;
}

Status otlp__number_point(OtlpMetric *m, Str message)
{
    PbReader r = pb_reader(message);
    Number number = {0};
    SeriesRef ref;
    PbField f;
    bool found;

    while (pb_next(&r, &f))
        if (!take_number_field(&f, &number))
            return otlp__malformed(m->d, "a field of a data point has another type");
    if (r.failed)
        return otlp__malformed(m->d, "a data point is cut short");
    if (!otlp__point_admit(m, &number.point))
        return STATUS_OK;
    bool stale = number.point.flags & OTLP_NO_RECORDED_VALUE;
    if (!number.known && !stale) {
        otlp__point_refuse(m, INGEST_REASON_METRIC, "a data point has no value");
        return STATUS_OK;
    }
    TRY(otlp__point_begin(m, message, 7));
    TRY(otlp__point_series(m, OTLP_ROLE_VALUE, 0, 1, &ref, &found));
    if (!found)
        return STATUS_OK;
    if (m->delta && !stale)
        TRY(store_delta(m, ref, &number));
    else
        TRY(otlp__store(m, ref, &number.point, number.value));
    return number.exemplar_count ? put_exemplars(m, ref, message, 5, number.point.time_ns)
                                 : STATUS_OK;
}

/* ---------------------------------------------------------------- SummaryDataPoint */

typedef struct Summary {
    OtlpPoint point;
    uint64_t count;
    double sum;
} Summary;

/* start 2, time 3, count 4, sum 5, quantile_values 6, attributes 7, flags 8. */
static bool take_summary_field(const PbField *f, Summary *summary)
{
    switch (f->number) {
    case 2:
        summary->point.start_ns = f->value;
        return f->wire == PB_FIXED64;
    case 3:
        summary->point.time_ns = f->value;
        return f->wire == PB_FIXED64;
    case 4:
        summary->count = f->value;
        return f->wire == PB_FIXED64;
    case 5:
        summary->sum = pb_double(f);
        return f->wire == PB_FIXED64;
    case 6:
    case 7:
        return f->wire == PB_BYTES;
    case 8:
        summary->point.flags = f->value;
        return f->wire == PB_VARINT;
    default:
        return true;
    }
}

/* ValueAtQuantile: quantile 1, value 2. */
static Status put_quantile(OtlpMetric *m, const OtlpPoint *point, Str message)
{
    PbReader r = pb_reader(message);
    double numbers[3] = {0};
    SeriesRef ref;
    bool found;
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number > 2)
            continue;
        if (f.wire != PB_FIXED64)
            return otlp__malformed(m->d, "a quantile is no number");
        numbers[f.number] = pb_double(&f);
    }
    if (r.failed)
        return otlp__malformed(m->d, "a quantile is cut short");
    TRY(otlp__point_series(m, OTLP_ROLE_QUANTILE, numbers[1], 0, &ref, &found));
    return found ? otlp__store(m, ref, point, numbers[2]) : STATUS_OK;
}

Status otlp__summary_point(OtlpMetric *m, Str message)
{
    PbReader r = pb_reader(message);
    Summary summary = {0};
    SeriesRef refs[2];
    PbField f;
    bool found;

    while (pb_next(&r, &f))
        if (!take_summary_field(&f, &summary))
            return otlp__malformed(m->d, "a field of a summary has another type");
    if (r.failed)
        return otlp__malformed(m->d, "a summary is cut short");
    if (!otlp__point_admit(m, &summary.point))
        return STATUS_OK;
    TRY(otlp__point_begin(m, message, 7));
    TRY(otlp__point_series(m, OTLP_ROLE_SUM, 0, 1, &refs[0], &found));
    if (!found)
        return STATUS_OK;
    TRY(otlp__point_series(m, OTLP_ROLE_COUNT, 0, 0, &refs[1], &found));
    TRY(otlp__store(m, refs[0], &summary.point, summary.sum));
    TRY(otlp__store(m, refs[1], &summary.point, (double)summary.count));
    r = pb_reader(message);
    while (pb_next(&r, &f))
        if (f.number == 6)
            TRY(put_quantile(m, &summary.point, f.bytes));
    return STATUS_OK;
}
