/* histogram.c - blob layout, docs/formats/chunk.md, "Histogram blob":
 *
 *   u8 flags: 1 = integer | reset hint << 1
 *   zigzag varint schema | f64 zero threshold | number zero count | number count | f64 sum
 *   positive side | negative side
 *   only for custom buckets: varint n, n x f64
 *   side:   varint span count, spans (zigzag varint offset, varint length), then one number per
 * bucket number: integer histograms: varint (buckets: zigzag varint of the difference to the bucket
 * before); float histograms: f64
 */
#include "format/histogram/histogram.h"

#include <math.h>

#include "format/gorilla/gorilla.h"

enum { FLAG_INTEGER = 1, FLAG_HINT_SHIFT = 1, FLAG_MASK = 7 };

/* ---- validation ---- */

static bool is_count(double v, bool integer)
{
    return v >= 0 && (!integer || (v < 0x1p64 && v == floor(v)));
}

static Status validate_side(const HistogramBuckets *side, bool integer, double *sum, Error *err)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < side->span_count; i++) {
        if (i && side->spans[i].offset < 0)
            return error_set(err, STATUS_INVALID, "histogram span %u has a negative offset", i);
        total += side->spans[i].length;
        if (total > HISTOGRAM_BUCKETS_MAX)
            return error_set(err, STATUS_INVALID, "histogram has more than %d buckets on one side",
                             HISTOGRAM_BUCKETS_MAX);
    }
    if (total != side->bucket_count)
        return error_set(err, STATUS_INVALID, "histogram spans need %llu buckets, have %u",
                         (unsigned long long)total, side->bucket_count);
    for (uint32_t i = 0; i < side->bucket_count; i++) {
        if (!is_count(side->counts[i], integer))
            return error_set(err, STATUS_INVALID, "histogram bucket %u has the bad count %g", i,
                             side->counts[i]);
        *sum += side->counts[i];
    }
    return STATUS_OK;
}

static Status validate_custom(const NativeHistogram *h, Error *err)
{
    if (h->schema != HISTOGRAM_SCHEMA_CUSTOM)
        return h->custom_count == 0
                   ? STATUS_OK
                   : error_set(err, STATUS_INVALID, "histogram schema %d takes no custom buckets",
                               h->schema);
    if (h->custom_count > HISTOGRAM_BUCKETS_MAX)
        return error_set(err, STATUS_INVALID, "histogram has more than %d custom buckets",
                         HISTOGRAM_BUCKETS_MAX);
    if (h->negative.span_count || h->zero_count != 0)
        return error_set(err, STATUS_INVALID,
                         "a histogram with custom buckets has no negative or zero buckets");
    for (uint32_t i = 0; i < h->custom_count; i++)
        if (!isfinite(h->custom_values[i]) ||
            (i && !(h->custom_values[i] > h->custom_values[i - 1])))
            return error_set(err, STATUS_INVALID, "custom bucket bound %u is not ascending", i);
    int64_t end = 0;
    for (uint32_t i = 0; i < h->positive.span_count; i++) {
        end += h->positive.spans[i].offset;
        if (end < 0)
            return error_set(err, STATUS_INVALID, "a custom bucket has a negative index");
        end += h->positive.spans[i].length;
    }
    if (end > (int64_t)h->custom_count + 1)
        return error_set(err, STATUS_INVALID, "histogram has %lld buckets for %u custom bounds",
                         (long long)end, h->custom_count);
    return STATUS_OK;
}

Status histogram_validate(const NativeHistogram *h, Error *err)
{
    double sum = h->zero_count;

    if (h->schema != HISTOGRAM_SCHEMA_CUSTOM &&
        (h->schema < HISTOGRAM_SCHEMA_MIN || h->schema > HISTOGRAM_SCHEMA_MAX))
        return error_set(err, STATUS_INVALID, "histogram schema %d is unknown", h->schema);
    if (h->reset_hint > HISTOGRAM_RESET_GAUGE)
        return error_set(err, STATUS_INVALID, "histogram reset hint %u is unknown", h->reset_hint);
    if (!(h->zero_threshold >= 0))
        return error_set(err, STATUS_INVALID, "histogram zero threshold %g is negative",
                         h->zero_threshold);
    if (!is_count(h->zero_count, h->is_integer) || !is_count(h->count, h->is_integer))
        return error_set(err, STATUS_INVALID, "histogram has a bad count");
    TRY(validate_custom(h, err));
    TRY(validate_side(&h->positive, h->is_integer, &sum, err));
    TRY(validate_side(&h->negative, h->is_integer, &sum, err));
    if (h->is_integer && (isnan(h->sum) ? sum > h->count : sum != h->count))
        return error_set(err, STATUS_INVALID,
                         "histogram buckets hold %g observations, its count is %g", sum, h->count);
    return STATUS_OK;
}

bool histogram_is_stale(const NativeHistogram *h)
{
    return gorilla_bits(h->sum) == STALE_NAN_BITS;
}

/* ---- encoding ---- */

static void put_f64(Buf *out, double v)
{
    buf_append_u64(out, gorilla_bits(v));
}

static void put_number(Buf *out, bool integer, double v)
{
    if (integer)
        buf_append_varint(out, (uint64_t)v);
    else
        put_f64(out, v);
}

static void put_side(Buf *out, const HistogramBuckets *side, bool integer)
{
    uint64_t before = 0;

    buf_append_varint(out, side->span_count);
    for (uint32_t i = 0; i < side->span_count; i++) {
        buf_append_varint(out, zigzag_encode(side->spans[i].offset));
        buf_append_varint(out, side->spans[i].length);
    }
    for (uint32_t i = 0; i < side->bucket_count; i++) {
        if (!integer) {
            put_f64(out, side->counts[i]);
            continue;
        }
        uint64_t count = (uint64_t)side->counts[i];
        buf_append_varint(out, zigzag_encode((int64_t)(count - before)));
        before = count;
    }
}

void histogram_encode(const NativeHistogram *h, Buf *out)
{
    buf_append_byte(
        out, (uint8_t)((h->is_integer ? FLAG_INTEGER : 0) | h->reset_hint << FLAG_HINT_SHIFT));
    buf_append_varint(out, zigzag_encode(h->schema));
    put_f64(out, h->zero_threshold);
    put_number(out, h->is_integer, h->zero_count);
    put_number(out, h->is_integer, h->count);
    put_f64(out, h->sum);
    put_side(out, &h->positive, h->is_integer);
    put_side(out, &h->negative, h->is_integer);
    if (h->schema == HISTOGRAM_SCHEMA_CUSTOM) {
        buf_append_varint(out, h->custom_count);
        for (uint32_t i = 0; i < h->custom_count; i++)
            put_f64(out, h->custom_values[i]);
    }
}

/* ---- decoding ---- */

static double get_f64(BufReader *r)
{
    return gorilla_f64(buf_read_u64(r));
}

static double get_number(BufReader *r, bool integer)
{
    return integer ? (double)buf_read_varint(r) : get_f64(r);
}

/* Allocates nothing when arena is NULL: then the bytes are only walked. */
static Status get_array(Arena *arena, size_t size, void *ret_ptr, Error *err)
{
    *(void **)ret_ptr = NULL;
    return arena && size ? arena_try_alloc(arena, size, ret_ptr, err) : STATUS_OK;
}

static Status get_side(BufReader *r, bool integer, Arena *arena, HistogramBuckets *ret, Error *err)
{
    HistogramSpan *spans;
    double *counts;
    uint64_t total = 0;
    uint64_t before = 0;

    uint64_t span_count = buf_read_varint(r);
    if (r->failed || span_count > buf_reader_left(r) / 2)
        return error_set(err, STATUS_CORRUPT, "histogram blob: bad span count");
    TRY(get_array(arena, span_count * sizeof *spans, &spans, err));
    for (uint64_t i = 0; i < span_count; i++) {
        int64_t offset = zigzag_decode(buf_read_varint(r));
        uint64_t length = buf_read_varint(r);
        if (r->failed || offset < INT32_MIN || offset > INT32_MAX || (i && offset < 0) ||
            length > HISTOGRAM_BUCKETS_MAX || (total += length) > HISTOGRAM_BUCKETS_MAX)
            return error_set(err, STATUS_CORRUPT, "histogram blob: bad span");
        if (spans)
            spans[i] = (HistogramSpan){(int32_t)offset, (uint32_t)length};
    }
    if (total > buf_reader_left(r))
        return error_set(err, STATUS_CORRUPT, "histogram blob: too few buckets");
    TRY(get_array(arena, total * sizeof *counts, &counts, err));
    for (uint64_t i = 0; i < total; i++) {
        double v =
            integer ? (double)(before += (uint64_t)zigzag_decode(buf_read_varint(r))) : get_f64(r);
        if (counts)
            counts[i] = v;
    }
    *ret = (HistogramBuckets){spans, counts, (uint32_t)span_count, (uint32_t)total};
    return STATUS_OK;
}

static Status get_custom(BufReader *r, Arena *arena, NativeHistogram *h, Error *err)
{
    double *values;
    uint64_t count = buf_read_varint(r);

    if (r->failed || count > buf_reader_left(r) / 8)
        return error_set(err, STATUS_CORRUPT, "histogram blob: bad custom bucket count");
    TRY(get_array(arena, count * sizeof *values, &values, err));
    for (uint64_t i = 0; i < count; i++) {
        double v = get_f64(r);
        if (values)
            values[i] = v;
    }
    h->custom_values = values;
    h->custom_count = (uint32_t)count;
    return STATUS_OK;
}

static Status get_histogram(Str blob, Arena *arena, NativeHistogram *ret_h, Error *err)
{
    BufReader r = buf_reader(blob);
    NativeHistogram h = {0};

    if (blob.len > HISTOGRAM_BLOB_BYTES_MAX)
        return error_set(err, STATUS_CORRUPT, "histogram blob is too long");
    uint8_t flags = buf_read_u8(&r);
    int64_t schema = zigzag_decode(buf_read_varint(&r));
    if (r.failed || flags & ~FLAG_MASK ||
        (schema != HISTOGRAM_SCHEMA_CUSTOM &&
         (schema < HISTOGRAM_SCHEMA_MIN || schema > HISTOGRAM_SCHEMA_MAX)))
        return error_set(err, STATUS_CORRUPT, "histogram blob: bad header");
    h.schema = (int32_t)schema;
    h.is_integer = flags & FLAG_INTEGER;
    h.reset_hint = flags >> FLAG_HINT_SHIFT;
    h.zero_threshold = get_f64(&r);
    h.zero_count = get_number(&r, h.is_integer);
    h.count = get_number(&r, h.is_integer);
    h.sum = get_f64(&r);
    TRY(get_side(&r, h.is_integer, arena, &h.positive, err));
    TRY(get_side(&r, h.is_integer, arena, &h.negative, err));
    if (schema == HISTOGRAM_SCHEMA_CUSTOM)
        TRY(get_custom(&r, arena, &h, err));
    if (r.failed || buf_reader_left(&r))
        return error_set(err, STATUS_CORRUPT, "histogram blob: wrong length");
    *ret_h = h;
    return STATUS_OK;
}

Status histogram_blob_validate(Str blob, Error *err)
{
    NativeHistogram h;
    return get_histogram(blob, NULL, &h, err);
}

Status histogram_decode(Str blob, Arena *arena, NativeHistogram *ret_h, Error *err)
{
    return get_histogram(blob, arena, ret_h, err);
}

/* ---- comparison ---- */

static bool same(const double *a, const double *b, size_t count)
{
    return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

static bool side_equal(const HistogramBuckets *a, const HistogramBuckets *b)
{
    if (a->span_count != b->span_count || a->bucket_count != b->bucket_count)
        return false;
    for (uint32_t i = 0; i < a->span_count; i++)
        if (a->spans[i].offset != b->spans[i].offset || a->spans[i].length != b->spans[i].length)
            return false;
    return same(a->counts, b->counts, a->bucket_count);
}

bool histogram_equal(const NativeHistogram *a, const NativeHistogram *b)
{
    return a->schema == b->schema && a->reset_hint == b->reset_hint &&
           a->is_integer == b->is_integer && same(&a->zero_threshold, &b->zero_threshold, 1) &&
           same(&a->zero_count, &b->zero_count, 1) && same(&a->count, &b->count, 1) &&
           same(&a->sum, &b->sum, 1) && side_equal(&a->positive, &b->positive) &&
           side_equal(&a->negative, &b->negative) && a->custom_count == b->custom_count &&
           same(a->custom_values, b->custom_values, a->custom_count);
}
