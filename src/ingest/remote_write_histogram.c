/* remote_write_histogram.c - prometheus.Histogram (prompb/types.proto and io/prometheus/write/v2).
 */
#include "format/histogram/histogram.h"
#include "ingest/remote_write_int.h"

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
    int64_t start_ms; /* 0 = unknown */
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
    case 17:
        m->start_ms = (int64_t)f->value;
        return f->wire == PB_VARINT;
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

Status remote_write__histogram(Decoder *d, SeriesRef ref, Str message)
{
    PbReader r = pb_reader(message);
    HistogramMessage m = {0};
    PbField f;
    Error why;

    arena_reset(&d->arena);
    while (pb_next(&r, &f))
        if (!take_histogram_field(d, &f, &m))
            return remote_write__malformed(d, "a histogram's field has another type");
    if (r.failed)
        return remote_write__malformed(d, "a histogram is cut short");
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
    TRY(write_batch_histogram(d->batch, ref, m.ts_ms, m.start_ms, &m.histogram, d->err));
    d->tally->histograms++;
    return STATUS_OK;
}
