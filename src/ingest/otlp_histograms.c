/* otlp_histograms.c - HistogramDataPoint as the classic series _bucket, _sum and _count;
 * ExponentialHistogramDataPoint as a native histogram. */
#include "base/clock.h"
#include "ingest/otlp_int.h"

enum { BUCKETS_MAX = 65536 }; /* of one point */

/* Prometheus' width of the zero bucket where a sender names none. */
#define ZERO_THRESHOLD_DEFAULT 1e-128

typedef struct Numbers {
    double *items; /* scratch */
    uint32_t count;
    uint32_t cap;
} Numbers;

/* Appends a repeated field, packed or not: doubles, fixed64 or varints. */
static bool push_numbers(OtlpDecoder *d, const PbField *f, PbWire wire, bool integer, Numbers *to)
{
    PbReader packed = pb_reader(f->wire == PB_BYTES ? f->bytes : STR(""));
    PbField one = *f;

    if (f->wire != PB_BYTES && f->wire != wire)
        return false;
    while (f->wire != PB_BYTES || packed.cursor < packed.end) {
        if (f->wire == PB_BYTES && wire == PB_VARINT && !pb_varint(&packed, &one.value))
            return false;
        if (f->wire == PB_BYTES && wire == PB_FIXED64) {
            if (packed.end - packed.cursor < 8)
                return false;
            memcpy(&one.value, packed.cursor, 8);
            packed.cursor += 8;
        }
        if (to->count == BUCKETS_MAX)
            return false;
        double value = integer ? (double)one.value : pb_double(&one);
        ARENA_PUSH(&d->scratch, to->items, to->count, to->cap, value);
        if (f->wire != PB_BYTES)
            break;
    }
    return true;
}

/* ---------------------------------------------------------------- classic histograms */

typedef struct Histogram {
    OtlpPoint point;
    uint64_t count;
    double sum;
    bool has_sum;
    Numbers counts;
    Numbers bounds;
    uint32_t exemplar_count;
} Histogram;

/* start 2, time 3, count 4, sum 5, bucket_counts 6, explicit_bounds 7, exemplars 8, attributes 9,
 * flags 10. */
static bool take_field(OtlpDecoder *d, const PbField *f, Histogram *h)
{
    switch (f->number) {
    case 2:
        h->point.start_ns = f->value;
        return f->wire == PB_FIXED64;
    case 3:
        h->point.time_ns = f->value;
        return f->wire == PB_FIXED64;
    case 4:
        h->count = f->value;
        return f->wire == PB_FIXED64;
    case 5:
        h->sum = pb_double(f);
        h->has_sum = true;
        return f->wire == PB_FIXED64;
    case 6:
        return push_numbers(d, f, PB_FIXED64, true, &h->counts);
    case 7:
        return push_numbers(d, f, PB_FIXED64, false, &h->bounds);
    case 8:
        h->exemplar_count++;
        return f->wire == PB_BYTES;
    case 9:
        return f->wire == PB_BYTES;
    case 10:
        h->point.flags = f->value;
        return f->wire == PB_VARINT;
    default:
        return true;
    }
}

/* Where the series of a point are stored: cumulative as they come, deltas added up. */
typedef struct Target {
    bool delta;
    int64_t ts_ms; /* of the sums */
} Target;

static Status store_part(OtlpMetric *m, SeriesRef ref, const Histogram *h, const Target *target,
                         double value)
{
    OtlpDecoder *d = m->d;
    int64_t start_ms;
    double total;
    uint64_t bits;

    if (!target->delta)
        return otlp__store(m, ref, &h->point, value);
    TRY(otlp__delta_add(d->ingest->deltas, d->write, ref, h->point.start_ns, value, &total,
                        &start_ms, d->err));
    memcpy(&bits, &total, sizeof bits);
    d->tally->samples++;
    return write_batch_sample_start(d->batch, ref, target->ts_ms, start_ms, bits, d->err);
}

static Status store_role(OtlpMetric *m, OtlpRole role, double bound, const Histogram *h,
                         const Target *target, double value, SeriesRef *ret_ref)
{
    bool found;

    TRY(otlp__point_series(m, role, bound, 0, ret_ref, &found));
    return found ? store_part(m, *ret_ref, h, target, value) : STATUS_OK;
}

/* The series of each bucket, for the exemplars: refs[i] for bounds[i], the last one +Inf. */
static Status store_buckets(OtlpMetric *m, const Histogram *h, const Target *target,
                            SeriesRef *refs, uint32_t *ret_count)
{
    uint32_t count = LUMA_MIN(h->bounds.count, h->counts.count);
    double cumulative = 0;

    for (uint32_t i = 0; i < count; i++) {
        cumulative += h->counts.items[i];
        TRY(store_role(m, OTLP_ROLE_BUCKET, h->bounds.items[i], h, target, cumulative, &refs[i]));
    }
    TRY(store_role(m, OTLP_ROLE_BUCKET, __builtin_inf(), h, target, (double)h->count,
                   &refs[count]));
    *ret_count = count;
    return STATUS_OK;
}

/* Each exemplar goes to the first bucket that holds its value. */
static Status put_exemplars(OtlpMetric *m, const Histogram *h, Str message, const SeriesRef *refs,
                            const double *bounds, uint32_t bound_count)
{
    PbReader r = pb_reader(message);
    PbField f;

    while (pb_next(&r, &f)) {
        uint32_t at = 0;
        double value = 0;
        bool known;
        if (f.number != 8)
            continue;
        TRY(otlp__exemplar_value(m, f.bytes, &value, &known));
        while (at < bound_count && !(value <= bounds[at]))
            at++;
        TRY(otlp__exemplar(m, refs[at], f.bytes, h->point.time_ns));
    }
    return STATUS_OK;
}

/* Takes the lock of the deltas and asks whether this point is new. */
static Status admit_delta(OtlpMetric *m, SeriesRef ref, const OtlpPoint *point, double value,
                          bool *ret_new, int64_t *ret_ts_ms)
{
    OtlpDecoder *d = m->d;
    OtlpInterval interval = {point->start_ns, point->time_ns, value};

    if (!d->locked)
        otlp__deltas_lock(d->ingest->deltas);
    d->locked = true;
    return otlp__delta_admit(d->ingest->deltas, ref, &interval, ret_new, ret_ts_ms, d->err);
}

static bool is_stale(const OtlpPoint *point)
{
    return point->flags & OTLP_NO_RECORDED_VALUE;
}

/* Bounds ascend and there is a count for each of them and for what lies above. */
static bool check_layout(OtlpMetric *m, const Histogram *h)
{
    bool good = h->counts.count == 0 || h->counts.count == h->bounds.count + 1 ||
                (h->counts.count == 1 && h->bounds.count == 0);

    for (uint32_t i = 1; i < h->bounds.count; i++)
        good &= h->bounds.items[i] > h->bounds.items[i - 1];
    if (!good)
        otlp__point_refuse(m, INGEST_REASON_HISTOGRAM,
                           "the bounds of a histogram do not ascend or do not suit its counts");
    return good;
}

/* The arrays of `h` leave the scratch, which every new series makes empty. */
static void keep_arrays(OtlpDecoder *d, Histogram *h)
{
    h->counts.items =
        arena_dup(&d->work, h->counts.items, sizeof *h->counts.items * h->counts.count);
    h->bounds.items =
        arena_dup(&d->work, h->bounds.items, sizeof *h->bounds.items * h->bounds.count);
}

static Status store_histogram(OtlpMetric *m, const Histogram *h, Str message)
{
    Target target = {.delta = m->delta && !is_stale(&h->point)};
    SeriesRef *refs = ARENA_NEW_ARRAY(&m->d->work, SeriesRef, h->bounds.count + 1);
    bool fresh = true;
    uint32_t count;
    SeriesRef ref;
    bool found;

    TRY(otlp__point_begin(m, message, 9));
    TRY(otlp__point_series(m, OTLP_ROLE_COUNT, 0, 1, &ref, &found));
    if (!found)
        return STATUS_OK;
    if (target.delta)
        TRY(admit_delta(m, ref, &h->point, (double)h->count, &fresh, &target.ts_ms));
    if (!fresh)
        return STATUS_OK;
    TRY(store_part(m, ref, h, &target, (double)h->count));
    if (h->has_sum)
        TRY(store_role(m, OTLP_ROLE_SUM, 0, h, &target, h->sum, &ref));
    TRY(store_buckets(m, h, &target, refs, &count));
    return h->exemplar_count ? put_exemplars(m, h, message, refs, h->bounds.items, count)
                             : STATUS_OK;
}

Status otlp__histogram_point(OtlpMetric *m, Str message)
{
    OtlpDecoder *d = m->d;
    PbReader r = pb_reader(message);
    Histogram h = {0};
    PbField f;

    otlp__scratch_reset(d);
    while (pb_next(&r, &f))
        if (!take_field(d, &f, &h))
            return otlp__malformed(d, "a field of a histogram has another type");
    if (r.failed)
        return otlp__malformed(d, "a histogram is cut short");
    if (!otlp__point_admit(m, &h.point) || !check_layout(m, &h))
        return STATUS_OK;
    if (m->delta && !__builtin_isfinite(h.sum))
        h.has_sum = false; /* it would be the sum for ever */
    keep_arrays(d, &h);
    return store_histogram(m, &h, message);
}

/* ---------------------------------------------------------------- exponential histograms */

typedef struct Exponential {
    OtlpPoint point;
    OtlpExponential value;
    uint64_t count;
    bool has_zero_threshold;
    uint32_t exemplar_count;
} Exponential;

/* Buckets: offset 1 (sint32), bucket_counts 2 (uint64). */
static bool take_buckets(OtlpDecoder *d, const PbField *f, OtlpBuckets *to)
{
    Numbers counts = {0};
    PbField part;

    if (f->wire != PB_BYTES)
        return false;
    PbReader r = pb_reader(f->bytes);
    *to = (OtlpBuckets){0};
    while (pb_next(&r, &part)) {
        if (part.number == 1 && part.wire == PB_VARINT)
            to->offset = (int32_t)zigzag_decode(part.value);
        else if (part.number == 2 && !push_numbers(d, &part, PB_VARINT, true, &counts))
            return false;
        else if (part.number == 1 && part.wire != PB_VARINT)
            return false;
    }
    to->counts = counts.items;
    to->count = counts.count;
    return !r.failed;
}

/* attributes 1, start 2, time 3, count 4, sum 5, scale 6, zero_count 7, positive 8, negative 9,
 * flags 10, exemplars 11, zero_threshold 14. */
static bool take_exponential_field(OtlpDecoder *d, const PbField *f, Exponential *e)
{
    switch (f->number) {
    case 2:
        e->point.start_ns = f->value;
        return f->wire == PB_FIXED64;
    case 3:
        e->point.time_ns = f->value;
        return f->wire == PB_FIXED64;
    case 4:
        e->count = f->value;
        return f->wire == PB_FIXED64;
    case 5:
        e->value.sum = pb_double(f);
        return f->wire == PB_FIXED64;
    case 6:
        e->value.scale = (int32_t)zigzag_decode(f->value);
        return f->wire == PB_VARINT;
    case 7:
        e->value.zero_count = (double)f->value;
        return f->wire == PB_FIXED64;
    case 8:
    case 9:
        return take_buckets(d, f, &e->value.sides[f->number - 8]);
    case 10:
        e->point.flags = f->value;
        return f->wire == PB_VARINT;
    case 11:
        e->exemplar_count++;
        return f->wire == PB_BYTES;
    case 1:
        return f->wire == PB_BYTES;
    case 14:
        e->value.zero_threshold = pb_double(f);
        e->has_zero_threshold = e->value.zero_threshold > 0;
        return f->wire == PB_FIXED64;
    default:
        return true;
    }
}

static bool check_exponential(OtlpMetric *m, Exponential *e)
{
    OtlpExponential *h = &e->value;

    h->count = (double)e->count;
    if (m->delta && !__builtin_isfinite(h->sum))
        h->sum = 0; /* it would be the sum for ever */
    if (!e->has_zero_threshold)
        h->zero_threshold = ZERO_THRESHOLD_DEFAULT;
    if (h->scale < HISTOGRAM_SCHEMA_MIN) {
        otlp__point_refuse(m, INGEST_REASON_HISTOGRAM,
                           "the scale of an exponential histogram is below -4, the coarsest of a "
                           "native histogram");
        return false;
    }
    if (h->scale > HISTOGRAM_SCHEMA_MAX)
        otlp__exponential_downscale(h, (uint32_t)h->scale - HISTOGRAM_SCHEMA_MAX);
    return true;
}

static NativeHistogram stale_histogram(void)
{
    NativeHistogram stale = {0};
    uint64_t bits = WRITE_STALE_BITS;

    memcpy(&stale.sum, &bits, sizeof bits);
    return stale;
}

static Status write_native(OtlpMetric *m, SeriesRef ref, int64_t ts_ms, int64_t start_ms,
                           const NativeHistogram *native)
{
    m->d->tally->histograms++;
    return write_batch_histogram(m->d->batch, ref, ts_ms, start_ms, native, m->d->err);
}

static Status store_exponential_delta(OtlpMetric *m, SeriesRef ref, const Exponential *e)
{
    OtlpDecoder *d = m->d;
    NativeHistogram native;
    int64_t start_ms;
    int64_t ts_ms;
    bool fresh;
    Error why;

    TRY(admit_delta(m, ref, &e->point, (double)e->count, &fresh, &ts_ms));
    if (!fresh)
        return STATUS_OK;
    Status status = otlp__delta_add_exponential(d->ingest->deltas, d->write, ref, e->point.start_ns,
                                                &e->value, &d->work, &native, &start_ms, &why);
    if (status == STATUS_INVALID) {
        otlp__point_refuse(m, INGEST_REASON_HISTOGRAM, why.message);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        if (d->err)
            *d->err = why;
        return status;
    }
    return write_native(m, ref, ts_ms, start_ms, &native);
}

static Status store_exponential(OtlpMetric *m, const Exponential *e, const NativeHistogram *native,
                                Str message)
{
    int64_t ts_ms = (int64_t)(e->point.time_ns / NS_PER_MS);
    NativeHistogram stale = stale_histogram();
    SeriesRef ref;
    bool found;
    PbField f;

    TRY(otlp__point_begin(m, message, 1));
    TRY(otlp__point_series(m, OTLP_ROLE_VALUE, 0, 1, &ref, &found));
    if (!found)
        return STATUS_OK;
    if (is_stale(&e->point))
        TRY(write_native(m, ref, ts_ms, 0, &stale));
    else if (m->delta)
        TRY(store_exponential_delta(m, ref, e));
    else
        TRY(write_native(m, ref, ts_ms, (int64_t)(e->point.start_ns / NS_PER_MS), native));
    PbReader r = pb_reader(message);
    while (e->exemplar_count && pb_next(&r, &f))
        if (f.number == 11)
            TRY(otlp__exemplar(m, ref, f.bytes, e->point.time_ns));
    return STATUS_OK;
}

Status otlp__exponential_point(OtlpMetric *m, Str message)
{
    OtlpDecoder *d = m->d;
    PbReader r = pb_reader(message);
    Exponential e = {0};
    NativeHistogram native;
    PbField f;
    Error why;

    otlp__scratch_reset(d);
    while (pb_next(&r, &f))
        if (!take_exponential_field(d, &f, &e))
            return otlp__malformed(d, "a field of an exponential histogram has another type");
    if (r.failed)
        return otlp__malformed(d, "an exponential histogram is cut short");
    if (!otlp__point_admit(m, &e.point) || !check_exponential(m, &e))
        return STATUS_OK;
    for (int side = 0; side < 2; side++)
        e.value.sides[side].counts = arena_dup(&d->work, e.value.sides[side].counts,
                                               sizeof(double) * e.value.sides[side].count);
    native = otlp__exponential_native(&e.value, &d->work);
    if (!is_stale(&e.point) && histogram_validate(&native, &why) != STATUS_OK) {
        otlp__point_refuse(m, INGEST_REASON_HISTOGRAM, why.message);
        return STATUS_OK;
    }
    return store_exponential(m, &e, &native, message);
}
