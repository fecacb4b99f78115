/* otlp_exponential.c - exponential histograms: coarser scales, sums, native histograms.
 *
 * Bucket i of scale s holds (2^(i / 2^s), 2^((i + 1) / 2^s)]; at scale s - 1 it is part of bucket
 * i >> 1. Prometheus numbers the same buckets by their upper bound, so its index is one more.
 */
#include <math.h>

#include "ingest/otlp_int.h"

enum {
    SIDE_BUCKETS_MAX = 4096, /* of a sum; beyond it the scale becomes coarser */
    GAP_MAX = 2,             /* empty buckets that are written rather than begin a new span */
};

static OtlpBuckets downscale_side(OtlpBuckets side, uint32_t steps)
{
    OtlpBuckets out = {.counts = side.counts, .offset = side.offset >> steps};

    for (uint32_t i = 0; i < side.count; i++) {
        uint32_t at = (uint32_t)(((side.offset + i) >> steps) - out.offset);
        double count = side.counts[i];
        if (at < out.count) {
            out.counts[at] += count;
        } else {
            out.counts[at] = count;
            out.count = at + 1;
        }
    }
    return out;
}

void otlp__exponential_downscale(OtlpExponential *h, uint32_t steps)
{
    if (!steps)
        return;
    for (int i = 0; i < 2; i++)
        h->sides[i] = downscale_side(h->sides[i], LUMA_MIN(steps, 62u));
    h->scale -= (int32_t)steps;
}

/* Drops empty buckets at both ends. */
static void trim(OtlpBuckets *side)
{
    while (side->count && side->counts[side->count - 1] == 0)
        side->count--;
    while (side->count && side->counts[0] == 0) {
        side->counts++;
        side->offset++;
        side->count--;
    }
}

/* Buckets that begin inside of the zero bucket move into it; one that reaches beyond widens it. */
static double absorb(OtlpExponential *h, double threshold)
{
    for (int s = 0; s < 2; s++) {
        OtlpBuckets *side = &h->sides[s];
        while (side->count) {
            double width = ldexp(1, -h->scale);
            if (exp2((double)side->offset * width) >= threshold)
                break;
            h->zero_count += side->counts[0];
            if (side->counts[0] > 0)
                threshold = fmax(threshold, exp2((double)(side->offset + 1) * width));
            side->counts++;
            side->offset++;
            side->count--;
        }
    }
    h->zero_threshold = threshold;
    return threshold;
}

static int64_t sum_width(const OtlpBuckets *a, const OtlpBuckets *b)
{
    if (!a->count || !b->count)
        return (int64_t)a->count + b->count;
    return LUMA_MAX(a->offset + a->count, b->offset + b->count) - LUMA_MIN(a->offset, b->offset);
}

static void add_side(OtlpBuckets *total, const OtlpBuckets *delta, Arena *arena)
{
    if (!delta->count)
        return;
    OtlpBuckets sum = {.count = (uint32_t)sum_width(total, delta)};
    sum.offset = total->count ? LUMA_MIN(total->offset, delta->offset) : delta->offset;
    sum.counts = ARENA_NEW_ARRAY(arena, double, sum.count);
    for (uint32_t i = 0; i < total->count; i++)
        sum.counts[total->offset - sum.offset + i] += total->counts[i];
    for (uint32_t i = 0; i < delta->count; i++)
        sum.counts[delta->offset - sum.offset + i] += delta->counts[i];
    *total = sum;
}

static OtlpExponential copy(const OtlpExponential *h, Arena *arena)
{
    OtlpExponential out = *h;

    for (int i = 0; i < 2; i++) {
        out.sides[i].counts =
            arena_dup(arena, h->sides[i].counts, sizeof(double) * h->sides[i].count);
        trim(&out.sides[i]);
    }
    return out;
}

Status otlp__exponential_add(OtlpExponential *total, const OtlpExponential *delta, Arena *arena,
                             Error *err)
{
    OtlpExponential sum = copy(total, arena);
    OtlpExponential more = copy(delta, arena);
    int32_t scale = LUMA_MIN(sum.scale, more.scale);

    otlp__exponential_downscale(&sum, (uint32_t)(sum.scale - scale));
    otlp__exponential_downscale(&more, (uint32_t)(more.scale - scale));
    /* A widened zero bucket may reach buckets of the other histogram, which widen it again. */
    for (double threshold = fmax(sum.zero_threshold, more.zero_threshold);
         sum.zero_threshold != more.zero_threshold || sum.zero_threshold < threshold;) {
        threshold = absorb(&sum, threshold);
        threshold = absorb(&more, threshold);
    }
    while (sum_width(&sum.sides[0], &more.sides[0]) > SIDE_BUCKETS_MAX ||
           sum_width(&sum.sides[1], &more.sides[1]) > SIDE_BUCKETS_MAX) {
        if (sum.scale == HISTOGRAM_SCHEMA_MIN)
            return error_set(err, STATUS_INVALID,
                             "the buckets of an exponential histogram lie too far apart");
        otlp__exponential_downscale(&sum, 1);
        otlp__exponential_downscale(&more, 1);
    }
    for (int i = 0; i < 2; i++)
        add_side(&sum.sides[i], &more.sides[i], arena);
    sum.zero_count += more.zero_count;
    sum.count += more.count;
    sum.sum += more.sum;
    *total = sum;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- native histograms */

/* Spans of the buckets that hold something; small gaps are written as empty buckets. */
static HistogramBuckets native_side(const OtlpBuckets *side, Arena *arena)
{
    HistogramSpan *spans = NULL;
    double *counts = arena_alloc(arena, sizeof *counts * (side->count + 1u));
    uint32_t span_count = 0;
    uint32_t span_cap = 0;
    uint32_t count = 0;
    int64_t end = 0; /* index after the last bucket written */

    for (uint32_t i = 0; i < side->count; i++) {
        int64_t index = side->offset + i + 1;
        if (side->counts[i] == 0)
            continue;
        if (span_count && index - end <= GAP_MAX) {
            for (; end < index; end++, spans[span_count - 1].length++)
                counts[count++] = 0;
        } else {
            HistogramSpan span = {.offset = (int32_t)(span_count ? index - end : index)};
            ARENA_PUSH(arena, spans, span_count, span_cap, span);
        }
        spans[span_count - 1].length++;
        counts[count++] = side->counts[i];
        end = index + 1;
    }
    return (HistogramBuckets){spans, counts, span_count, count};
}

NativeHistogram otlp__exponential_native(const OtlpExponential *h, Arena *arena)
{
    return (NativeHistogram){
        .schema = h->scale,
        .is_integer = true,
        .zero_threshold = h->zero_threshold,
        .zero_count = h->zero_count,
        .count = h->count,
        .sum = h->sum,
        .positive = native_side(&h->sides[0], arena),
        .negative = native_side(&h->sides[1], arena),
    };
}

static OtlpBuckets dense_side(const HistogramBuckets *side, Arena *arena)
{
    OtlpBuckets out = {0};
    int64_t width = 0;
    uint32_t from = 0;

    for (uint32_t i = 0; i < side->span_count; i++)
        width += (i ? side->spans[i].offset : 0) + (int64_t)side->spans[i].length;
    if (width <= 0 || width > 16 * (int64_t)HISTOGRAM_BUCKETS_MAX)
        return out;
    out.counts = ARENA_NEW_ARRAY(arena, double, width);
    out.offset = (int64_t)side->spans[0].offset - 1;
    for (uint32_t i = 0; i < side->span_count; i++) {
        if (i)
            out.count += (uint32_t)side->spans[i].offset;
        for (uint32_t b = 0; b < side->spans[i].length; b++)
            out.counts[out.count++] = side->counts[from++];
    }
    return out;
}

OtlpExponential otlp__exponential_of_native(const NativeHistogram *h, Arena *arena)
{
    return (OtlpExponential){
        .scale = h->schema,
        .zero_threshold = h->zero_threshold,
        .zero_count = h->zero_count,
        .count = h->count,
        .sum = h->sum,
        .sides = {dense_side(&h->positive, arena), dense_side(&h->negative, arena)},
    };
}
