/* remote_write.c - remote write 1.0: prometheus.WriteRequest into a batch.
 *
 * The hot path: a TimeSeries begins with its Label fields, and the bytes of all of them are the key
 * by which a known series is found without decoding a label. Senders that put labels elsewhere cost
 * one copy. Numbers are the field numbers of prompb/types.proto.
 */
#include "ingest/remote_write_int.h"

/* Decodes Label messages that stand one after the other, each behind the key of field 1. */
static Status decode_labels(Decoder *d, Str raw, Label *labels, uint32_t *ret_count, bool *ret_many)
{
    PbReader r = pb_reader(raw);
    PbField f;
    uint32_t n = 0;

    *ret_many = false;
    while (pb_next(&r, &f)) {
        Label label = {{"", 0}, {"", 0}};
        PbField part;
        if (f.number != 1 || f.wire != PB_BYTES)
            return remote_write__malformed(d, "a label is no message");
        PbReader inner = pb_reader(f.bytes);
        while (pb_next(&inner, &part)) {
            if (part.number > 2)
                continue;
            if (part.wire != PB_BYTES)
                return remote_write__malformed(d, "a label's name or value is no string");
            if (part.number == 1)
                label.name = part.bytes;
            else
                label.value = part.bytes;
        }
        if (inner.failed)
            return remote_write__malformed(d, "a label is cut short");
        if (n == LABELS_MAX) {
            *ret_many = true;
            continue;
        }
        labels[n++] = label;
    }
    if (r.failed)
        return remote_write__malformed(d, "a label set is cut short");
    *ret_count = n;
    return STATUS_OK;
}

/* Finds or registers the series. *ret_found = false: its labels are bad, and why is in the tally.
 */
static Status resolve_series(Decoder *d, Str raw, uint64_t items, SeriesRef *ret_ref,
                             bool *ret_found)
{
    Label labels[LABELS_MAX];
    uint32_t count;
    bool many;

    *ret_found = true;
    if (LUMA_LIKELY(
            write_batch_find_series(d->batch, d->cursor, LABEL_CODEC_REMOTE_WRITE, raw, ret_ref)))
        return STATUS_OK;
    *ret_found = false;
    TRY(decode_labels(d, raw, labels, &count, &many));
    if (many) {
        ingest_refuse(d->tally, INGEST_REASON_LABELS, items, "a series has more than %d labels",
                      LABELS_MAX);
        return STATUS_OK;
    }
    return remote_write__add_series(d, LABEL_CODEC_REMOTE_WRITE, raw, labels, count, items, ret_ref,
                                    ret_found);
}

/* ---------------------------------------------------------------- exemplars, metadata */

static Status decode_exemplar(Decoder *d, SeriesRef ref, Str message)
{
    PbReader r = pb_reader(message);
    Label labels[LABELS_MAX];
    uint32_t count = 0;
    double value = 0;
    int64_t ts_ms = 0;
    bool many = false;
    PbField f;

    buf_clear(&d->labels);
    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == PB_BYTES)
            pb_put_bytes(&d->labels, 1, f.bytes);
        else if (f.number == 2 && f.wire == PB_FIXED64)
            value = pb_double(&f);
        else if (f.number == 3 && f.wire == PB_VARINT)
            ts_ms = (int64_t)f.value;
        else if (f.number <= 3)
            return remote_write__malformed(d, "an exemplar's field has another type");
    }
    if (r.failed)
        return remote_write__malformed(d, "an exemplar is cut short");
    TRY(decode_labels(d, buf_str(&d->labels), labels, &count, &many));
    if (many) {
        ingest_refuse(d->tally, INGEST_REASON_EXEMPLAR, 1, "an exemplar has too many labels");
        return STATUS_OK;
    }
    return remote_write__exemplar(d, ref, ts_ms, value, labels, count);
}

static Status decode_metadata(Decoder *d, Str message)
{
    PbReader r = pb_reader(message);
    Str texts[6] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}, {"", 0}, {"", 0}};
    uint64_t type = 0;
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == PB_VARINT)
            type = f.value;
        else if ((f.number == 2 || f.number == 4 || f.number == 5) && f.wire == PB_BYTES)
            texts[f.number] = f.bytes;
        else if (f.number <= 5)
            return remote_write__malformed(d, "a metadata field has another type");
    }
    if (r.failed)
        return remote_write__malformed(d, "metadata is cut short");
    return remote_write__metadata(d, type, texts[2], texts[4], texts[5]);
}

/* ---------------------------------------------------------------- series */

/* A TimeSeries split in two: the bytes of all its Label fields, and what follows them. */
typedef struct SeriesParts {
    Str labels;
    Str rest;       /* holds samples, exemplars, histograms (and labels again, to be skipped) */
    uint64_t items; /* fields of rest that are none of the labels */
} SeriesParts;

/* Label fields that do not stand together at the beginning are gathered into d->labels. */
static Status gather_scattered(Decoder *d, Str message, SeriesParts *parts)
{
    PbReader r = pb_reader(message);
    PbField f;

    buf_clear(&d->labels);
    while (pb_next(&r, &f))
        if (f.number == 1)
            pb_put_bytes(&d->labels, 1, f.bytes);
    parts->labels = buf_str(&d->labels);
    parts->rest = message;
    return STATUS_OK;
}

static Status split_series(Decoder *d, Str message, SeriesParts *ret_parts)
{
    enum { LABEL_KEY = 1 << 3 | PB_BYTES };
    PbReader r = pb_reader(message);
    bool scattered = false;
    uint64_t len;
    PbField f;

    while (r.cursor < r.end && *r.cursor == LABEL_KEY) {
        r.cursor++;
        if (!pb_varint(&r, &len) || len > (uint64_t)(r.end - r.cursor))
            return remote_write__malformed(d, "a label set is cut short");
        r.cursor += len;
    }
    size_t labels_len = (size_t)((const char *)r.cursor - message.ptr);
    *ret_parts = (SeriesParts){.labels = str_sub(message, 0, labels_len),
                               .rest = str_sub(message, labels_len, message.len)};
    while (pb_next(&r, &f)) {
        if (f.number > 4)
            continue;
        if (f.wire != PB_BYTES)
            return remote_write__malformed(d, "a field of a series is no message");
        scattered |= f.number == 1;
        ret_parts->items += f.number != 1;
    }
    if (r.failed)
        return remote_write__malformed(d, "a series is cut short");
    return scattered ? gather_scattered(d, message, ret_parts) : STATUS_OK;
}

static Status decode_series(Decoder *d, Str message)
{
    SeriesParts parts;
    SeriesRef ref;
    bool found;
    PbField f;

    TRY(split_series(d, message, &parts));
    TRY(resolve_series(d, parts.labels, parts.items, &ref, &found));
    if (!found)
        return STATUS_OK;
    PbReader r = pb_reader(parts.rest);
    while (pb_next(&r, &f)) {
        switch (f.number) {
        case 2:
            TRY(remote_write__sample(d, ref, f.bytes));
            break;
        case 3:
            TRY(decode_exemplar(d, ref, f.bytes));
            break;
        case 4:
            TRY(remote_write__histogram(d, ref, f.bytes));
            break;
        default:
            break;
        }
    }
    return STATUS_OK;
}

static Status decode_request(Decoder *d, Str message)
{
    PbReader r = pb_reader(message);
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number != 1 && f.number != 3)
            continue;
        if (f.wire != PB_BYTES)
            return remote_write__malformed(d, "a field of the request is no message");
        if (f.number == 1)
            TRY(decode_series(d, f.bytes));
        else
            TRY(decode_metadata(d, f.bytes));
    }
    return r.failed ? remote_write__malformed(d, "it is cut short") : STATUS_OK;
}

Status remote_write_decode(WriteBatch *batch, Str message, IngestTally *tally, Error *err)
{
    Decoder d = {.batch = batch, .tally = tally, .version = "1.0", .err = err};

    /* A cursor holds the series looked up last; predictions live with the series themselves. */
    d.cursor = series_cursor_new();
    arena_init(&d.arena, NULL);
    Status status = decode_request(&d, message);
    arena_done(&d.arena);
    buf_done(&d.labels);
    series_cursor_free(d.cursor);
    return status;
}
