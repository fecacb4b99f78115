#include "ingest/remote_write_int.h"

Status remote_write__malformed(Decoder *d, const char *what)
{
    return error_set(d->err, STATUS_INVALID, "the body is not a valid remote write %s request: %s",
                     d->version, what);
}

Status remote_write__add_series(Decoder *d, LabelCodec codec, Str raw, Label *labels,
                                uint32_t count, uint64_t items, SeriesRef *ret_ref, bool *ret_found)
{
    Error why;

    *ret_found = false;
    if (raw.len > LABEL_BYTES_MAX) {
        ingest_refuse(d->tally, INGEST_REASON_LABELS, items,
                      "a series has more than %d bytes of labels", LABEL_BYTES_MAX);
        return STATUS_OK;
    }
    if (label_set_normalize(labels, &count, &why) != STATUS_OK) {
        ingest_refuse(d->tally, INGEST_REASON_LABELS, items, "%s", why.message);
        return STATUS_OK;
    }
    if (count == 0) {
        ingest_refuse(d->tally, INGEST_REASON_LABELS, items, "a series has no labels");
        return STATUS_OK;
    }
    TRY(write_batch_add_series(d->batch, d->cursor, codec, raw, (LabelSet){labels, count}, ret_ref,
                               d->err));
    *ret_found = true;
    return STATUS_OK;
}

Status remote_write__sample(Decoder *d, SeriesRef ref, Str message)
{
    PbReader r = pb_reader(message);
    PbField f;
    uint64_t bits = 0;
    int64_t ts_ms = 0;
    int64_t start_ms = 0;

    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == PB_FIXED64)
            bits = f.value;
        else if (f.number == 2 && f.wire == PB_VARINT)
            ts_ms = (int64_t)f.value;
        else if (f.number == 3 && f.wire == PB_VARINT)
            start_ms = (int64_t)f.value;
        else if (f.number <= 3)
            return remote_write__malformed(d, "a sample's field has another type");
    }
    if (r.failed)
        return remote_write__malformed(d, "a sample is cut short");
    if (LUMA_UNLIKELY(!ingest_ts_valid(ts_ms))) {
        ingest_refuse(d->tally, INGEST_REASON_TIMESTAMP, 1,
                      "timestamp %lld ms lies outside of what timestamptz holds", (long long)ts_ms);
        return STATUS_OK;
    }
    d->tally->samples++;
    if (LUMA_LIKELY(start_ms == 0))
        return write_batch_sample(d->batch, ref, ts_ms, bits, d->err);
    return write_batch_sample_start(d->batch, ref, ts_ms, start_ms, bits, d->err);
}

Status remote_write__exemplar(Decoder *d, SeriesRef ref, int64_t ts_ms, double value, Label *labels,
                              uint32_t count)
{
    Error why;

    if (!ingest_ts_valid(ts_ms)) {
        ingest_refuse(d->tally, INGEST_REASON_EXEMPLAR, 1,
                      "an exemplar's timestamp lies outside of what timestamptz holds");
        return STATUS_OK;
    }
    if (label_set_normalize(labels, &count, &why) != STATUS_OK) {
        ingest_refuse(d->tally, INGEST_REASON_EXEMPLAR, 1, "exemplar: %s", why.message);
        return STATUS_OK;
    }
    TRY(write_batch_exemplar(d->batch, ref, ts_ms, value, (LabelSet){labels, count}, d->err));
    d->tally->exemplars++;
    return STATUS_OK;
}

/* MetricMetadata.MetricType, by number. */
static const char *const metadata_types[] = {"unknown",        "counter", "gauge", "histogram",
                                             "gaugehistogram", "summary", "info",  "stateset"};

Status remote_write__metadata(Decoder *d, uint64_t type, Str metric, Str help, Str unit)
{
    if (metric.len == 0 || type >= LUMA_ARRAY_LEN(metadata_types) || !str_utf8_valid(metric) ||
        !str_utf8_valid(help) || !str_utf8_valid(unit)) {
        ingest_refuse(d->tally, INGEST_REASON_METADATA, 1,
                      "metadata without a metric name, of an unknown type or not UTF-8");
        return STATUS_OK;
    }
    TRY(write_batch_metadata(d->batch, metric, str_from(metadata_types[type]), unit, help, d->err));
    d->tally->metadata++;
    return STATUS_OK;
}
