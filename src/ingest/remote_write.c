/* remote_write.c - prometheus.WriteRequest into a batch.
 *
 * The hot path: a TimeSeries begins with its Label fields, and the bytes of all of them are the key
 * by which a known series is found without decoding a label. Senders that put labels elsewhere cost
 * one copy. Numbers are the field numbers of prompb/types.proto.
 */
#include "base/counter.h"
#include "format/histogram/histogram.h"
#include "format/protobuf/protobuf.h"
#include "ingest/ingest.h"

enum {
    LABELS_MAX = 512, /* of one series; more is refused */
    LABEL_BYTES_MAX = 1 << 20,
};

typedef struct Decoder {
    WriteBatch *batch;
    IngestTally *tally;
    SeriesCursor *cursor;
    Arena arena; /* what one histogram or exemplar needs; reset per item */
    Buf labels;  /* raw label bytes of a series that scatters them */
    Error *err;
} Decoder;

static Status malformed(Decoder *d, const char *what)
{
    return error_set(d->err, STATUS_INVALID, "the body is not a valid remote write 1.0 request: %s",
                     what);
}

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
            return malformed(d, "a label is no message");
        PbReader inner = pb_reader(f.bytes);
        while (pb_next(&inner, &part)) {
            if (part.number > 2)
                continue;
            if (part.wire != PB_BYTES)
                return malformed(d, "a label's name or value is no string");
            if (part.number == 1)
                label.name = part.bytes;
            else
                label.value = part.bytes;
        }
        if (inner.failed)
            return malformed(d, "a label is cut short");
        if (n == LABELS_MAX) {
            *ret_many = true;
            continue;
        }
        labels[n++] = label;
    }
    if (r.failed)
        return malformed(d, "a label set is cut short");
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
    Error why;

    *ret_found = true;
    if (LUMA_LIKELY(
            write_batch_find_series(d->batch, d->cursor, LABEL_CODEC_REMOTE_WRITE, raw, ret_ref)))
        return STATUS_OK;
    *ret_found = false;
    TRY(decode_labels(d, raw, labels, &count, &many));
    if (many || raw.len > LABEL_BYTES_MAX) {
        ingest_refuse(d->tally, INGEST_REASON_LABELS, items,
                      "a series has more than %d labels or %d bytes of them", LABELS_MAX,
                      LABEL_BYTES_MAX);
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
    TRY(write_batch_add_series(d->batch, d->cursor, LABEL_CODEC_REMOTE_WRITE, raw,
                               (LabelSet){labels, count}, ret_ref, d->err));
    *ret_found = true;
    return STATUS_OK;
}

static Status decode_sample(Decoder *d, SeriesRef ref, Str message)
{
    PbReader r = pb_reader(message);
    PbField f;
    uint64_t bits = 0;
    int64_t ts_ms = 0;

    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == PB_FIXED64)
            bits = f.value;
        else if (f.number == 2 && f.wire == PB_VARINT)
            ts_ms = (int64_t)f.value;
        else if (f.number <= 2)
            return malformed(d, "a sample's field has another type");
    }
    if (r.failed)
        return malformed(d, "a sample is cut short");
    if (LUMA_UNLIKELY(!ingest_ts_valid(ts_ms))) {
        ingest_refuse(d->tally, INGEST_REASON_TIMESTAMP, 1,
                      "timestamp %lld ms lies outside of what timestamptz holds", (long long)ts_ms);
        return STATUS_OK;
    }
    TRY(write_batch_sample(d->batch, ref, ts_ms, bits, d->err));
    d->tally->samples++;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- native histograms */

typedef struct Numbers {
    double *items;
    uint32_t count;
    uint32_t cap;
} Numbers;

typedef struct Spans {
    HistogramSpan *items;
    uint32_t count;
    uint32_t cap;
} Spans;

typedef struct HistogramMessage {
    NativeHistogram histogram;
    Spans spans[2];    /* positive, negative */
    Numbers deltas[2]; /* of integer histograms */
    Numbers counts[2]; /* of float histograms */
    Numbers custom;
    bool integer;
    int64_t ts_ms;
} HistogramMessage;

/* Repeated numbers come packed or one by one. `zigzag` picks sint64, else double. */
static bool push_numbers(Decoder *d, const PbField *f, bool zigzag, Numbers *list)
{
    PbReader r = pb_reader(f->bytes);
    PbField one = *f;

    if (f->wire == (zigzag ? PB_VARINT : PB_FIXED64)) {
        double value = zigzag ? (double)zigzag_decode(f->value) : pb_double(f);
        ARENA_PUSH(&d->arena, list->items, list->count, list->cap, value);
        return true;
    }
    if (f->wire != PB_BYTES)
        return false;
    while (r.cursor < r.end) {
        if (list->count > HISTOGRAM_BUCKETS_MAX)
            return false;
        if (zigzag) {
            if (!pb_varint(&r, &one.value))
                return false;
        } else {
            if (r.end - r.cursor < 8)
                return false;
            memcpy(&one.value, r.cursor, 8);
            r.cursor += 8;
        }
        double value = zigzag ? (double)zigzag_decode(one.value) : pb_double(&one);
        ARENA_PUSH(&d->arena, list->items, list->count, list->cap, value);
    }
    return true;
}

static bool push_span(Decoder *d, const PbField *f, Spans *list)
{
    PbReader r = pb_reader(f->bytes);
    HistogramSpan span = {0};
    PbField part;

    if (f->wire != PB_BYTES || list->count > HISTOGRAM_BUCKETS_MAX)
        return false;
    while (pb_next(&r, &part)) {
        if (part.wire != PB_VARINT)
            return false;
        if (part.number == 1)
            span.offset = (int32_t)zigzag_decode(part.value);
        else if (part.number == 2 && part.value <= HISTOGRAM_BUCKETS_MAX)
            span.length = (uint32_t)part.value;
        else
            return false;
    }
    if (r.failed)
        return false;
    ARENA_PUSH(&d->arena, list->items, list->count, list->cap, span);
    return true;
}

static bool take_number(const PbField *f, PbWire wire, double *ret_value)
{
    if (f->wire != wire)
        return false;
    *ret_value = wire == PB_VARINT ? (double)f->value : pb_double(f);
    return true;
}

/* One field of prometheus.Histogram; false when its type is wrong. */
static bool take_histogram_field(Decoder *d, const PbField *f, HistogramMessage *m)
{
    NativeHistogram *h = &m->histogram;

    switch (f->number) {
    case 1:
        m->integer = true;
        return take_number(f, PB_VARINT, &h->count);
    case 2:
        return take_number(f, PB_FIXED64, &h->count);
    case 3:
        return take_number(f, PB_FIXED64, &h->sum);
    case 4:
        h->schema = (int32_t)zigzag_decode(f->value);
        return f->wire == PB_VARINT;
    case 5:
        return take_number(f, PB_FIXED64, &h->zero_threshold);
    case 6:
        return take_number(f, PB_VARINT, &h->zero_count);
    case 7:
        return take_number(f, PB_FIXED64, &h->zero_count);
    case 8:
        return push_span(d, f, &m->spans[1]);
    case 9:
        return push_numbers(d, f, true, &m->deltas[1]);
    case 10:
        return push_numbers(d, f, false, &m->counts[1]);
    case 11:
        return push_span(d, f, &m->spans[0]);
    case 12:
        return push_numbers(d, f, true, &m->deltas[0]);
    case 13:
        return push_numbers(d, f, false, &m->counts[0]);
    case 14:
        h->reset_hint = (uint8_t)f->value;
        return f->wire == PB_VARINT && f->value <= HISTOGRAM_RESET_GAUGE;
    case 15:
        m->ts_ms = (int64_t)f->value;
        return f->wire == PB_VARINT;
    case 16:
        return push_numbers(d, f, false, &m->custom);
    default:
        return true;
    }
}

static void finish_buckets(HistogramMessage *m, int side, HistogramBuckets *buckets)
{
    Numbers *numbers = m->integer ? &m->deltas[side] : &m->counts[side];

    if (m->integer)
        for (uint32_t i = 1; i < numbers->count; i++)
            numbers->items[i] += numbers->items[i - 1];
    *buckets = (HistogramBuckets){m->spans[side].items, numbers->items, m->spans[side].count,
                                  numbers->count};
}

static Status decode_histogram(Decoder *d, SeriesRef ref, Str message)
{
    PbReader r = pb_reader(message);
    HistogramMessage m = {0};
    PbField f;
    Error why;

    arena_reset(&d->arena);
    while (pb_next(&r, &f))
        if (!take_histogram_field(d, &f, &m))
            return malformed(d, "a histogram's field has another type");
    if (r.failed)
        return malformed(d, "a histogram is cut short");
    m.histogram.is_integer = m.integer;
    finish_buckets(&m, 0, &m.histogram.positive);
    finish_buckets(&m, 1, &m.histogram.negative);
    m.histogram.custom_values = m.custom.items;
    m.histogram.custom_count = m.custom.count;
    if (!ingest_ts_valid(m.ts_ms)) {
        ingest_refuse(d->tally, INGEST_REASON_TIMESTAMP, 1,
                      "timestamp %lld ms of a histogram lies outside of what timestamptz holds",
                      (long long)m.ts_ms);
        return STATUS_OK;
    }
    if (histogram_validate(&m.histogram, &why) != STATUS_OK) {
        ingest_refuse(d->tally, INGEST_REASON_HISTOGRAM, 1, "%s", why.message);
        return STATUS_OK;
    }
    TRY(write_batch_histogram(d->batch, ref, m.ts_ms, 0, &m.histogram, d->err));
    d->tally->histograms++;
    return STATUS_OK;
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
    Error why;
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
            return malformed(d, "an exemplar's field has another type");
    }
    if (r.failed)
        return malformed(d, "an exemplar is cut short");
    TRY(decode_labels(d, buf_str(&d->labels), labels, &count, &many));
    if (many || !ingest_ts_valid(ts_ms)) {
        ingest_refuse(d->tally, INGEST_REASON_EXEMPLAR, 1,
                      many ? "an exemplar has too many labels"
                           : "an exemplar's timestamp lies outside of what timestamptz holds");
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
            return malformed(d, "a metadata field has another type");
    }
    if (r.failed)
        return malformed(d, "metadata is cut short");
    if (texts[2].len == 0 || type >= LUMA_ARRAY_LEN(metadata_types) || !str_utf8_valid(texts[2]) ||
        !str_utf8_valid(texts[4]) || !str_utf8_valid(texts[5])) {
        ingest_refuse(d->tally, INGEST_REASON_METADATA, 1,
                      "metadata without a metric name, of an unknown type or not UTF-8");
        return STATUS_OK;
    }
    TRY(write_batch_metadata(d->batch, texts[2], str_from(metadata_types[type]), texts[5], texts[4],
                             d->err));
    d->tally->metadata++;
    return STATUS_OK;
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
            return malformed(d, "a label set is cut short");
        r.cursor += len;
    }
    size_t labels_len = (size_t)((const char *)r.cursor - message.ptr);
    *ret_parts = (SeriesParts){.labels = str_sub(message, 0, labels_len),
                               .rest = str_sub(message, labels_len, message.len)};
    while (pb_next(&r, &f)) {
        if (f.number > 4)
            continue;
        if (f.wire != PB_BYTES)
            return malformed(d, "a field of a series is no message");
        scattered |= f.number == 1;
        ret_parts->items += f.number != 1;
    }
    if (r.failed)
        return malformed(d, "a series is cut short");
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
            TRY(decode_sample(d, ref, f.bytes));
            break;
        case 3:
            TRY(decode_exemplar(d, ref, f.bytes));
            break;
        case 4:
            TRY(decode_histogram(d, ref, f.bytes));
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
            return malformed(d, "a field of the request is no message");
        if (f.number == 1)
            TRY(decode_series(d, f.bytes));
        else
            TRY(decode_metadata(d, f.bytes));
    }
    return r.failed ? malformed(d, "it is cut short") : STATUS_OK;
}

Status remote_write_decode(WriteBatch *batch, Str message, IngestTally *tally, Error *err)
{
    Decoder d = {.batch = batch, .tally = tally, .err = err};

    /* A cursor holds the series looked up last; predictions live with the series themselves. */
    d.cursor = series_cursor_new();
    arena_init(&d.arena, NULL);
    Status status = decode_request(&d, message);
    arena_done(&d.arena);
    buf_done(&d.labels);
    series_cursor_free(d.cursor);
    return status;
}
