/* histogram.h - native histograms (Prometheus' exponential and custom-bucket histograms).
 *
 * In memory a NativeHistogram holds absolute bucket counts as doubles, which is what PromQL
 * computes with; integer counts are exact up to 2^53. The blob is the compact form that the WAL and
 * the series store keep: docs/formats/chunk.md, "Histogram blob". Two equal histograms have equal
 * blobs.
 *
 * A NativeHistogram borrows its arrays. Threads: pure functions.
 */
#ifndef LUMA_FORMAT_HISTOGRAM_H
#define LUMA_FORMAT_HISTOGRAM_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    HISTOGRAM_SCHEMA_MIN = -4,
    HISTOGRAM_SCHEMA_MAX = 8,
    HISTOGRAM_SCHEMA_CUSTOM = -53, /* custom_values are the upper bounds of the buckets */
    HISTOGRAM_BUCKETS_MAX = 65536, /* per side */
    HISTOGRAM_BLOB_BYTES_MAX = 1 << 21,
};

typedef enum HistogramResetHint {
    HISTOGRAM_RESET_UNKNOWN, /* as numbered by Prometheus' protobuf */
    HISTOGRAM_RESET_YES,
    HISTOGRAM_RESET_NO,
    HISTOGRAM_RESET_GAUGE,
} HistogramResetHint;

typedef struct HistogramSpan {
    int32_t offset;  /* gap to the previous span; the first one: index of its first bucket */
    uint32_t length; /* buckets */
} HistogramSpan;

typedef struct HistogramBuckets {
    const HistogramSpan *spans;
    const double *counts; /* absolute, one per bucket of the spans, in order */
    uint32_t span_count;
    uint32_t bucket_count; /* sum of the spans' lengths */
} HistogramBuckets;

typedef struct NativeHistogram {
    int32_t schema;
    uint8_t reset_hint; /* HistogramResetHint */
    bool is_integer;    /* came with integer counts */
    double zero_threshold;
    double zero_count;
    double count;
    double sum; /* the stale marker here makes the whole sample a staleness marker */
    HistogramBuckets positive;
    HistogramBuckets negative;
    const double *custom_values; /* ascending; schema HISTOGRAM_SCHEMA_CUSTOM only */
    uint32_t custom_count;
} NativeHistogram;

/* Checks what came from outside: schema, span and bucket numbers, no negative count, sorted finite
 * custom bounds, and for integer histograms that the buckets do not hold more than `count`.
 * STATUS_INVALID says what is wrong. */
Status histogram_validate(const NativeHistogram *h, Error *err);
/* Appends the blob of a validated histogram. */
void histogram_encode(const NativeHistogram *h, Buf *out);
/* Checks blob bytes without decoding them into memory. STATUS_CORRUPT. */
Status histogram_blob_validate(Str blob, Error *err);
/* Decodes into arena memory; nothing borrows from `blob`. STATUS_CORRUPT, or STATUS_LIMIT of the
 * arena's budget. */
Status histogram_decode(Str blob, Arena *arena, NativeHistogram *ret_h, Error *err);
/* Bit-wise equality, NaNs included. */
bool histogram_equal(const NativeHistogram *a, const NativeHistogram *b);
/* Is it a staleness marker? */
bool histogram_is_stale(const NativeHistogram *h);

#endif
