#include "query/func/promql_hist.h"

#include <float.h>
#include <math.h>

#include "query/func/kahan.h"
#include "query/func/promql_range.h"

/* Buckets of one sign by index, ascending, each once. */
typedef struct Side {
    int32_t *index;
    double *count;
    uint32_t n;
} Side;

/* A histogram to work with. */
typedef struct Work {
    NativeHistogram head; /* everything but the buckets */
    Side pos;
    Side neg;
    Arena *arena;
} Work;

bool prom_hist_is_custom(const NativeHistogram *h)
{
    return h->schema == HISTOGRAM_SCHEMA_CUSTOM;
}

static Side open_side(const HistogramBuckets *b, Arena *arena)
{
    Side side = {arena_alloc(arena, (b->bucket_count + 1) * sizeof(int32_t)),
                 arena_alloc(arena, (b->bucket_count + 1) * sizeof(double)), 0};
    int64_t index = 0;
    uint32_t at = 0;

    if (!side.index || !side.count)
        return (Side){0};
    for (uint32_t s = 0; s < b->span_count; s++) {
        index += b->spans[s].offset;
        for (uint32_t i = 0; i < b->spans[s].length; i++, index++, at++) {
            if (b->counts[at] == 0)
                continue;
            side.index[side.n] = (int32_t)index;
            side.count[side.n++] = b->counts[at];
        }
    }
    return side;
}

static Work open_work(const NativeHistogram *h, Arena *arena)
{
    return (Work){*h, open_side(&h->positive, arena), open_side(&h->negative, arena), arena};
}

static HistogramBuckets close_side(Side side, Arena *arena)
{
    HistogramSpan *spans = arena_alloc(arena, (side.n + 1) * sizeof *spans);
    double *counts = arena_alloc(arena, (side.n + 1) * sizeof *counts);
    HistogramBuckets out = {0};
    int64_t next = 0;

    if (!spans || !counts)
        return out;
    for (uint32_t i = 0; i < side.n; i++) {
        if (side.count[i] == 0)
            continue;
        if (!out.span_count || side.index[i] != next)
            spans[out.span_count++] =
                (HistogramSpan){(int32_t)(side.index[i] - (out.span_count ? next : 0)), 0};
        spans[out.span_count - 1].length++;
        counts[out.bucket_count++] = side.count[i];
        next = (int64_t)side.index[i] + 1;
    }
    out.spans = spans;
    out.counts = counts;
    return out;
}

/* NULL when the arena is over its budget. */
static NativeHistogram *close_work(const Work *w)
{
    NativeHistogram *h = arena_alloc(w->arena, sizeof *h);
    if (!h)
        return NULL;
    *h = w->head;
    h->is_integer = false;
    /* The operands may die before the result. */
    if (h->custom_count)
        h->custom_values =
            arena_dup(w->arena, h->custom_values, h->custom_count * sizeof *h->custom_values);
    if (h->custom_count && !h->custom_values)
        return NULL;
    h->positive = close_side(w->pos, w->arena);
    h->negative = close_side(w->neg, w->arena);
    return h;
}

/* Upper bound of an exponential bucket. */
static double bound_of(int64_t index, int32_t schema)
{
    int64_t exponent;
    double fraction = 1;

    if (schema < 0) {
        exponent = index * (INT64_C(1) << -schema);
    } else {
        int64_t per_octave = INT64_C(1) << schema;
        exponent = index >> schema;
        fraction = exp2((double)(index & (per_octave - 1)) / (double)per_octave);
    }
    if (exponent == 1024 && fraction == 1)
        return DBL_MAX;
    return ldexp(fraction, (int)LUMA_MAX(LUMA_MIN(exponent, 4000), -4000));
}

static double upper_bound(const NativeHistogram *h, int64_t index)
{
    if (!prom_hist_is_custom(h))
        return bound_of(index, h->schema);
    if (index < 0)
        return -INFINITY;
    return index >= (int64_t)h->custom_count ? INFINITY : h->custom_values[index];
}

static HistBucket bucket_at(const NativeHistogram *h, int32_t index, double count, bool positive)
{
    HistBucket b = {.count = count, .positive = positive, .index = index};
    double high = upper_bound(h, index);
    double low = upper_bound(h, (int64_t)index - 1);

    b.lower = positive ? low : -high;
    b.upper = positive ? high : -low;
    if (prom_hist_is_custom(h)) {
        b.lower_inclusive = index == 0;
        b.upper_inclusive = true;
    } else {
        b.lower_inclusive = b.lower < 0;
        b.upper_inclusive = b.upper > 0;
    }
    return b;
}

uint32_t prom_hist_buckets(const NativeHistogram *h, Arena *arena, HistBucket **ret_buckets)
{
    Side pos = open_side(&h->positive, arena);
    Side neg = open_side(&h->negative, arena);
    HistBucket *out = arena_alloc(arena, (pos.n + neg.n + 1) * sizeof *out);
    uint32_t n = 0;

    *ret_buckets = out;
    if (!out)
        return 0;
    for (uint32_t i = neg.n; i > 0; i--)
        out[n++] = bucket_at(h, neg.index[i - 1], neg.count[i - 1], false);
    if (h->zero_count > 0)
        out[n++] =
            (HistBucket){-h->zero_threshold, h->zero_threshold, h->zero_count, true, true, true, 0};
    for (uint32_t i = 0; i < pos.n; i++)
        out[n++] = bucket_at(h, pos.index[i], pos.count[i], true);
    return n;
}

/* ---------------------------------------------------------------- common layouts */

/* Adds neighbours that fell onto the same index. */
static void merge_equal(Side *side)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < side->n; i++) {
        if (n && side->index[n - 1] == side->index[i]) {
            side->count[n - 1] += side->count[i];
        } else {
            side->index[n] = side->index[i];
            side->count[n++] = side->count[i];
        }
    }
    side->n = n;
}

static void lower_side(Side *side, int shift)
{
    for (uint32_t i = 0; i < side->n; i++)
        side->index[i] = (int32_t)((((int64_t)side->index[i] - 1) >> shift) + 1);
    merge_equal(side);
}

static void lower_schema(Work *w, int32_t schema)
{
    if (w->head.schema <= schema)
        return;
    lower_side(&w->pos, w->head.schema - schema);
    lower_side(&w->neg, w->head.schema - schema);
    w->head.schema = schema;
}

/* The zero bucket widened to at least *threshold; *threshold grows to the end of a populated bucket
 * it falls into. Returns its count. */
static double widened_zero(const Work *w, double *threshold)
{
    for (;;) {
        double count = w->head.zero_count;
        bool again = false;
        for (uint32_t i = 0; i < w->pos.n; i++) {
            HistBucket b = bucket_at(&w->head, w->pos.index[i], w->pos.count[i], true);
            if (b.lower >= *threshold)
                break;
            count += b.count;
            if (b.upper > *threshold) {
                *threshold = b.upper;
                break;
            }
        }
        for (uint32_t i = 0; i < w->neg.n && !again; i++) {
            HistBucket b = bucket_at(&w->head, w->neg.index[i], w->neg.count[i], false);
            if (b.upper <= -*threshold)
                break;
            count += b.count;
            if (b.lower < -*threshold) {
                *threshold = -b.lower;
                again = true;
            }
        }
        if (!again)
            return count;
    }
}

/* Drops the buckets that lie in the zero bucket. */
static void trim_side(const Work *w, Side *side)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < side->n; i++) {
        HistBucket b = bucket_at(&w->head, side->index[i], side->count[i], true);
        if (b.upper <= w->head.zero_threshold)
            continue;
        side->index[n] = side->index[i];
        side->count[n++] = side->count[i];
    }
    side->n = n;
}

static void widen_zero(Work *w, double threshold)
{
    w->head.zero_count = widened_zero(w, &threshold);
    w->head.zero_threshold = threshold;
    trim_side(w, &w->pos);
    trim_side(w, &w->neg);
}

static bool same_bounds(const NativeHistogram *a, const NativeHistogram *b)
{
    return a->custom_count == b->custom_count &&
           (a->custom_count == 0 ||
            memcmp(a->custom_values, b->custom_values, a->custom_count * sizeof(double)) == 0);
}

/* Moves the buckets of `side` from the bounds of w to `bounds`, a subset of them. */
static void rebucket(const Work *w, Side *side, const double *bounds, uint32_t bound_count)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < side->n; i++) {
        double upper = upper_bound(&w->head, side->index[i]);
        while (to < bound_count && bounds[to] < upper)
            to++;
        side->index[i] = (int32_t)to;
    }
    merge_equal(side);
}

/* Brings both to the bounds they share; true when they differed. */
static bool share_bounds(Work *a, Work *b)
{
    uint32_t n = 0;
    double *shared;

    if (same_bounds(&a->head, &b->head))
        return false;
    shared = arena_alloc(a->arena, (a->head.custom_count + 1) * sizeof *shared);
    if (!shared)
        return true;
    for (uint32_t i = 0, j = 0; i < a->head.custom_count && j < b->head.custom_count;) {
        double x = a->head.custom_values[i];
        double y = b->head.custom_values[j];
        if (x == y)
            shared[n++] = x;
        i += x <= y;
        j += y <= x;
    }
    rebucket(a, &a->pos, shared, n);
    rebucket(b, &b->pos, shared, n);
    a->head.custom_values = b->head.custom_values = shared;
    a->head.custom_count = b->head.custom_count = n;
    return true;
}

/* Gives both the same layout. False when they cannot have one. */
static bool reconcile(Work *a, Work *b, bool *ret_reconciled)
{
    int32_t schema;

    *ret_reconciled = false;
    if (prom_hist_is_custom(&a->head) != prom_hist_is_custom(&b->head))
        return false;
    if (prom_hist_is_custom(&a->head)) {
        *ret_reconciled = share_bounds(a, b);
        return true;
    }
    while (a->head.zero_threshold != b->head.zero_threshold) {
        if (a->head.zero_threshold > b->head.zero_threshold)
            widen_zero(b, a->head.zero_threshold);
        else
            widen_zero(a, b->head.zero_threshold);
    }
    schema = LUMA_MIN(a->head.schema, b->head.schema);
    lower_schema(a, schema);
    lower_schema(b, schema);
    return true;
}

static Side add_sides(Side a, Side b, double sign, Arena *arena)
{
    Side out = {arena_alloc(arena, (a.n + b.n + 1) * sizeof(int32_t)),
                arena_alloc(arena, (a.n + b.n + 1) * sizeof(double)), 0};
    uint32_t i = 0;
    uint32_t j = 0;

    if (!out.index || !out.count)
        return (Side){0};
    while (i < a.n || j < b.n) {
        bool left = i < a.n && (j == b.n || a.index[i] <= b.index[j]);
        bool right = j < b.n && (i == a.n || b.index[j] <= a.index[i]);
        out.index[out.n] = left ? a.index[i] : b.index[j];
        out.count[out.n++] = (left ? a.count[i] : 0) + (right ? sign * b.count[j] : 0);
        i += left;
        j += right;
    }
    return out;
}

/* The hint of a sum; true when a reset meets a non-reset. */
static bool combine_hints(NativeHistogram *a, const NativeHistogram *b)
{
    if (a->reset_hint == b->reset_hint || a->reset_hint == HISTOGRAM_RESET_GAUGE)
        return false;
    if (b->reset_hint == HISTOGRAM_RESET_GAUGE) {
        a->reset_hint = HISTOGRAM_RESET_GAUGE;
        return false;
    }
    if (a->reset_hint == HISTOGRAM_RESET_UNKNOWN)
        return false;
    if (b->reset_hint == HISTOGRAM_RESET_UNKNOWN) {
        a->reset_hint = HISTOGRAM_RESET_UNKNOWN;
        return false;
    }
    a->reset_hint = HISTOGRAM_RESET_UNKNOWN;
    return true;
}

static HistSum combine(const NativeHistogram *x, const NativeHistogram *y, double sign,
                       Arena *arena)
{
    Work a = open_work(x, arena);
    Work b = open_work(y, arena);
    HistSum sum = {0};

    if (!reconcile(&a, &b, &sum.reconciled))
        return (HistSum){0};
    sum.collision = combine_hints(&a.head, y);
    a.head.zero_count += sign * b.head.zero_count;
    a.head.count += sign * b.head.count;
    a.head.sum += sign * b.head.sum;
    a.pos = add_sides(a.pos, b.pos, sign, arena);
    a.neg = add_sides(a.neg, b.neg, sign, arena);
    sum.hist = close_work(&a);
    return sum;
}

HistSum prom_hist_add(const NativeHistogram *a, const NativeHistogram *b, Arena *arena)
{
    return combine(a, b, 1, arena);
}

HistSum prom_hist_sub(const NativeHistogram *a, const NativeHistogram *b, Arena *arena)
{
    HistSum sum = combine(a, b, -1, arena);
    return sum;
}

/* ---------------------------------------------------------------- scaling */

static void scale_side(HistogramBuckets *b, double factor, bool divide)
{
    double *counts = (double *)(uintptr_t)b->counts; /* ours: see the header */
    for (uint32_t i = 0; i < b->bucket_count; i++)
        counts[i] = divide ? counts[i] / factor : counts[i] * factor;
}

static void scale(NativeHistogram *h, double factor, bool divide)
{
    scale_side(&h->positive, factor, divide);
    scale_side(&h->negative, factor, divide);
    h->zero_count = divide ? h->zero_count / factor : h->zero_count * factor;
    h->count = divide ? h->count / factor : h->count * factor;
    h->sum = divide ? h->sum / factor : h->sum * factor;
    /* A histogram of negative counts, or one divided by zero, can only be a gauge. */
    if (factor < 0)
        h->reset_hint = HISTOGRAM_RESET_GAUGE;
}

void prom_hist_scale(NativeHistogram *h, double factor)
{
    scale(h, factor, false);
}

void prom_hist_divide(NativeHistogram *h, double divisor)
{
    scale(h, divisor, true);
    if (divisor == 0) { /* no buckets are left of it */
        h->positive.bucket_count = h->positive.span_count = 0;
        h->negative.bucket_count = h->negative.span_count = 0;
    }
}

NativeHistogram *prom_hist_mul(const NativeHistogram *h, double factor, Arena *arena)
{
    Work w = open_work(h, arena);
    NativeHistogram *out = close_work(&w);
    if (out)
        prom_hist_scale(out, factor);
    return out;
}

NativeHistogram *prom_hist_div(const NativeHistogram *h, double divisor, Arena *arena)
{
    Work w = open_work(h, arena);
    NativeHistogram *out = close_work(&w);
    if (out)
        prom_hist_divide(out, divisor);
    return out;
}

/* ---------------------------------------------------------------- comparison */

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_side(const HistogramBuckets *x, const HistogramBuckets *y, Arena *arena)
{
    Side a = open_side(x, arena);
    Side b = open_side(y, arena);

    if (a.n != b.n)
        return false;
    for (uint32_t i = 0; i < a.n; i++)
        if (a.index[i] != b.index[i] || !same_number(a.count[i], b.count[i]))
            return false;
    return true;
}

bool prom_hist_eq(const NativeHistogram *a, const NativeHistogram *b)
{
    CLEANUP(arena_done) Arena arena = {0};

    if (a->schema != b->schema || !same_number(a->count, b->count) || !same_number(a->sum, b->sum))
        return false;
    if (prom_hist_is_custom(a)) {
        if (!same_bounds(a, b))
            return false;
    } else if (a->zero_threshold != b->zero_threshold ||
               !same_number(a->zero_count, b->zero_count)) {
        return false;
    }
    return same_side(&a->positive, &b->positive, &arena) &&
           same_side(&a->negative, &b->negative, &arena);
}

/* Did a bucket lose observations (or vanish)? */
static bool side_decreased(Side prev, Side cur)
{
    uint32_t j = 0;
    for (uint32_t i = 0; i < prev.n; i++) {
        while (j < cur.n && cur.index[j] < prev.index[i])
            j++;
        if (j == cur.n || cur.index[j] != prev.index[i] || cur.count[j] < prev.count[i])
            return true;
    }
    return false;
}

bool prom_hist_is_reset(const NativeHistogram *prev, const NativeHistogram *h)
{
    CLEANUP(arena_done) Arena arena = {0};
    Work before;
    Work now;

    if (h->reset_hint == HISTOGRAM_RESET_YES)
        return true;
    if (h->reset_hint == HISTOGRAM_RESET_NO)
        return false;
    if (h->count < prev->count || prom_hist_is_custom(h) != prom_hist_is_custom(prev))
        return true;
    before = open_work(prev, &arena);
    now = open_work(h, &arena);
    if (prom_hist_is_custom(h)) {
        (void)share_bounds(&before, &now);
        return side_decreased(before.pos, now.pos);
    }
    if (h->schema > prev->schema || h->zero_threshold < prev->zero_threshold)
        return true;
    widen_zero(&before, h->zero_threshold);
    if (before.head.zero_threshold != h->zero_threshold || h->zero_count < before.head.zero_count)
        return true;
    lower_schema(&before, h->schema);
    return side_decreased(before.pos, now.pos) || side_decreased(before.neg, now.neg);
}

/* ---------------------------------------------------------------- over time */

static bool hints_are_gauge(const NativeHistogram *a, const NativeHistogram *b)
{
    return a->reset_hint == HISTOGRAM_RESET_GAUGE && b->reset_hint == HISTOGRAM_RESET_GAUGE;
}

static bool reset_between(const NativeHistogram *const *points, const int64_t *ts,
                          const int64_t *start, uint32_t i, const NativeHistogram *prev)
{
    return (start && prom_start_is_reset(start[i - 1], ts[i - 1], start[i], ts[i])) ||
           prom_hist_is_reset(prev, points[i]);
}

NativeHistogram *prom_hist_increase(const NativeHistogram *const *points, const int64_t *ts,
                                    const int64_t *start, uint32_t n, bool counter, Arena *arena,
                                    uint32_t *notes)
{
    const NativeHistogram *prev = points[0];
    const NativeHistogram *last = points[n - 1];
    NativeHistogram empty = {0};
    HistSum sum;

    for (uint32_t i = 0; counter && i < n; i++)
        if (points[i]->reset_hint == HISTOGRAM_RESET_GAUGE)
            *notes |= PROM_NOTE_NOT_COUNTER;
    if (counter && reset_between(points, ts, start, 1, prev)) {
        /* The first sample does not count, nor does its layout. */
        empty.schema = points[1]->schema;
        empty.custom_values = points[1]->custom_values;
        empty.custom_count = points[1]->custom_count;
        empty.zero_threshold = points[1]->zero_threshold;
        empty.reset_hint = points[0]->reset_hint;
        prev = &empty;
    }
    for (uint32_t i = counter ? 1 : n - 1; i < n; i++) {
        if (prom_hist_is_custom(points[i]) != prom_hist_is_custom(prev)) {
            *notes |= PROM_NOTE_MIXED_SCHEMAS;
            return NULL;
        }
    }
    sum = prom_hist_sub(last, prev, arena);
    if (sum.reconciled)
        *notes |= PROM_NOTE_RECONCILED_SUB;
    for (uint32_t i = 1; counter && sum.hist && i < n; i++) {
        if (prev != &empty && reset_between(points, ts, start, i, prev)) {
            sum = prom_hist_add(sum.hist, prev, arena);
            if (sum.reconciled)
                *notes |= PROM_NOTE_RECONCILED_ADD;
        }
        prev = points[i];
    }
    if (!counter && !hints_are_gauge(points[0], last))
        *notes |= PROM_NOTE_NOT_GAUGE;
    if (sum.hist)
        sum.hist->reset_hint = HISTOGRAM_RESET_GAUGE;
    return sum.hist;
}

NativeHistogram *prom_hist_instant(const NativeHistogram *a, const NativeHistogram *b, bool rate,
                                   bool reset, Arena *arena, uint32_t *notes)
{
    NativeHistogram *out;

    if (rate && (a->reset_hint == HISTOGRAM_RESET_GAUGE || b->reset_hint == HISTOGRAM_RESET_GAUGE))
        *notes |= PROM_NOTE_NOT_COUNTER;
    if (!rate && !hints_are_gauge(a, b))
        *notes |= PROM_NOTE_NOT_GAUGE;
    if (!rate || !(reset || prom_hist_is_reset(a, b))) {
        HistSum sum = prom_hist_sub(b, a, arena);
        if (!sum.hist) {
            *notes |= PROM_NOTE_MIXED_SCHEMAS;
            return NULL;
        }
        if (sum.reconciled)
            *notes |= PROM_NOTE_RECONCILED_SUB;
        out = sum.hist;
    } else {
        out = prom_hist_mul(b, 1, arena);
    }
    if (out)
        out->reset_hint = HISTOGRAM_RESET_GAUGE;
    return out;
}

NativeHistogram *prom_hist_interpolate(const NativeHistogram *a, const NativeHistogram *b,
                                       double fraction, bool counter, Arena *arena)
{
    HistSum diff;

    if (prom_hist_is_custom(a) != prom_hist_is_custom(b))
        return NULL;
    if (counter && prom_hist_is_reset(a, b))
        return prom_hist_mul(b, fraction, arena);
    diff = prom_hist_sub(b, a, arena);
    if (!diff.hist)
        return NULL;
    prom_hist_scale(diff.hist, fraction);
    return prom_hist_add(a, diff.hist, arena).hist;
}

static bool overflows(const NativeHistogram *h)
{
    if (isinf(h->count) || isinf(h->sum) || isinf(h->zero_count))
        return true;
    for (uint32_t i = 0; i < h->positive.bucket_count; i++)
        if (isinf(h->positive.counts[i]))
            return true;
    for (uint32_t i = 0; i < h->negative.bucket_count; i++)
        if (isinf(h->negative.counts[i]))
            return true;
    return false;
}

/* mean += (point - mean) / count, written so that nothing overflows. */
static NativeHistogram *next_mean(const NativeHistogram *mean, const NativeHistogram *point,
                                  double count, Arena *arena)
{
    NativeHistogram *part = prom_hist_div(point, count, arena);
    NativeHistogram *rest = prom_hist_mul(mean, (count - 1) / count, arena);
    return part && rest ? prom_hist_add(rest, part, arena).hist : NULL;
}

NativeHistogram *prom_hist_sum(const NativeHistogram *const *points, uint32_t n, bool avg,
                               Arena *arena, uint32_t *notes)
{
    NativeHistogram *sum = prom_hist_mul(points[0], 1, arena);
    bool incremental = false;
    bool yes = points[0]->reset_hint == HISTOGRAM_RESET_YES;
    bool no = points[0]->reset_hint == HISTOGRAM_RESET_NO;

    for (uint32_t i = 1; i < n && sum; i++) {
        HistSum next = prom_hist_add(sum, points[i], arena);
        yes = yes || points[i]->reset_hint == HISTOGRAM_RESET_YES;
        no = no || points[i]->reset_hint == HISTOGRAM_RESET_NO;
        if (!next.hist) {
            *notes |= PROM_NOTE_MIXED_SCHEMAS;
            return NULL;
        }
        if (next.reconciled)
            *notes |= PROM_NOTE_RECONCILED_AGG;
        if (avg && !incremental && overflows(next.hist)) {
            incremental = true;
            prom_hist_divide(sum, i);
        }
        sum = incremental ? next_mean(sum, points[i], (double)i + 1, arena) : next.hist;
    }
    if (yes && no)
        *notes |= PROM_NOTE_RESET_COLLISION;
    if (sum && avg && !incremental)
        prom_hist_divide(sum, n);
    return sum;
}

/* ---------------------------------------------------------------- trimming */

/* Observations of the bucket at or below `at`. */
static double count_below(HistBucket b, double at, bool linear)
{
    double fraction;

    if (at <= b.lower)
        return 0;
    if (at >= b.upper)
        return b.count;
    if (linear) {
        fraction = (at - b.lower) / (b.upper - b.lower);
    } else {
        double low = log2(fabs(b.lower));
        double high = log2(fabs(b.upper));
        double v = log2(fabs(at));
        fraction = b.positive ? (v - low) / (high - low) : 1 - (v - high) / (low - high);
    }
    return b.count * fraction;
}

/* The value that stands for what lies between two bounds. */
static double middle(double lower, double upper, bool linear, bool positive)
{
    if (linear)
        return (lower + upper) / 2;
    return sqrt(lower * upper) * (positive ? 1 : -1);
}

/* What stays of a bucket with an infinite bound (custom buckets have them), and its value. */
static double trim_infinite(HistBucket b, double at, bool upper, double *ret_mid)
{
    bool positive = b.upper > 0 && !isinf(b.upper); /* taken to begin at zero */

    *ret_mid = 0;
    if (isinf(b.lower) && isinf(b.upper)) /* nothing is known of it */
        return isinf(at) && (at > 0) == upper ? b.count : 0;
    if (isinf(b.lower) && b.lower < 0) {
        *ret_mid = positive ? b.upper / 2 : b.upper;
        if (upper ? at >= b.upper : isinf(at) && at < 0)
            return b.count;
        if (positive && at > 0 && at < b.upper) {
            *ret_mid = upper ? at / 2 : (at + b.upper) / 2;
            return b.count * (upper ? at / b.upper : 1 - at / b.upper);
        }
        if (positive && at == 0)
            return upper ? 0 : b.count;
        *ret_mid = at;
        return upper && !positive ? b.count : 0;
    }
    *ret_mid = b.lower;
    if (upper)
        return isinf(at) && at > 0 ? b.count : 0;
    if (at > b.lower)
        *ret_mid = at;
    return isinf(at) && at > 0 ? 0 : b.count;
}

/* What stays of a bucket, and its value. */
static double trim_bucket(HistBucket b, double at, bool upper, bool linear, double *ret_mid)
{
    double below;

    if (isinf(b.lower) || isinf(b.upper))
        return trim_infinite(b, at, upper, ret_mid);
    *ret_mid = middle(b.lower, b.upper, linear, b.positive);
    if (at <= b.lower)
        return upper ? 0 : b.count;
    if (at >= b.upper)
        return upper ? b.count : 0;
    below = count_below(b, at, linear);
    *ret_mid =
        upper ? middle(b.lower, at, linear, b.positive) : middle(at, b.upper, linear, b.positive);
    return upper ? below : b.count - below;
}

typedef struct Trim {
    double at;
    bool upper;
    bool linear;
    bool trimmed; /* something went */
    double count; /* what stays */
    double sum;   /* of what stays */
} Trim;

static double trim_one(HistBucket b, Trim *t)
{
    double mid;
    double keep = trim_bucket(b, t->at, t->upper, t->linear, &mid);

    t->trimmed = t->trimmed || keep != b.count;
    t->count += keep;
    if (keep != 0)
        t->sum += keep * mid;
    return keep;
}

static void clip_zero(const NativeHistogram *h, HistBucket *b);

NativeHistogram *prom_hist_trim(const NativeHistogram *h, double at, bool upper, Arena *arena)
{
    Work w = open_work(h, arena);
    Trim t = {.at = at, .upper = upper, .linear = prom_hist_is_custom(h)};

    for (uint32_t i = 0; i < w.neg.n; i++)
        w.neg.count[i] = trim_one(bucket_at(&w.head, w.neg.index[i], w.neg.count[i], false), &t);
    for (uint32_t i = 0; i < w.pos.n; i++)
        w.pos.count[i] = trim_one(bucket_at(&w.head, w.pos.index[i], w.pos.count[i], true), &t);
    if (w.head.zero_count > 0) {
        HistBucket zero = {
            -h->zero_threshold, h->zero_threshold, h->zero_count, true, true, true, 0};
        clip_zero(h, &zero);
        t.linear = true;
        w.head.zero_count = trim_one(zero, &t);
    }
    if (t.trimmed) {
        w.head.count = t.count;
        w.head.sum = t.sum;
    }
    return close_work(&w);
}

/* ---------------------------------------------------------------- quantiles */

/* The zero bucket reaches only to the side that has buckets. */
static void clip_zero(const NativeHistogram *h, HistBucket *b)
{
    if (!(b->lower < 0 && b->upper > 0))
        return;
    if (!h->negative.bucket_count && h->positive.bucket_count)
        b->lower = 0;
    else if (!h->positive.bucket_count && h->negative.bucket_count)
        b->upper = 0;
}

double prom_hist_quantile(double q, const NativeHistogram *h, Arena *arena, int *ret_nan)
{
    HistBucket *buckets;
    uint32_t n = prom_hist_buckets(h, arena, &buckets);
    bool forward = isnan(h->sum) || q < 0.5;
    HistBucket b = {0};
    double count = 0;
    double rank;
    double fraction;

    *ret_nan = 0;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (h->count == 0 || isnan(q))
        return NAN;
    rank = (forward ? q : 1 - q) * h->count;
    for (uint32_t i = 0; i < n; i++) {
        b = buckets[forward ? i : n - 1 - i];
        if (b.count == 0)
            continue;
        count += b.count;
        if (count >= rank)
            break;
    }
    if (!prom_hist_is_custom(h)) {
        clip_zero(h, &b);
    } else {
        if (isinf(b.lower) && b.lower < 0) {
            if (b.upper <= 0)
                return b.upper;
            b.lower = 0;
        } else if (isinf(b.upper)) {
            return b.lower;
        }
    }
    if (count > h->count)
        count = h->count;
    if (count < rank) { /* NaN observations are in no bucket */
        if (isnan(h->sum)) {
            *ret_nan = 1;
            return NAN;
        }
        return b.upper;
    }
    if (isnan(h->sum)) {
        double in_buckets = 0;
        for (uint32_t i = 0; i < n; i++)
            in_buckets += buckets[i].count;
        *ret_nan = in_buckets < h->count ? 2 : 0;
    }
    rank = forward ? rank - (count - b.count) : count - rank;
    fraction = rank / b.count;
    if (prom_hist_is_custom(h) || (b.lower <= 0 && b.upper >= 0))
        return b.lower + (b.upper - b.lower) * fraction;
    double low = log2(fabs(b.lower));
    double high = log2(fabs(b.upper));
    if (b.lower > 0)
        return exp2(low + (high - low) * fraction);
    return -exp2(high + (low - high) * (1 - fraction));
}

/* Rank of v inside the bucket. */
static double rank_in(const NativeHistogram *h, HistBucket b, double v, double rank)
{
    double fraction;

    if (prom_hist_is_custom(h) || (b.lower <= 0 && b.upper >= 0)) {
        fraction = (v - b.lower) / (b.upper - b.lower);
    } else {
        double low = log2(fabs(b.lower));
        double high = log2(fabs(b.upper));
        double at = log2(fabs(v));
        fraction = v > 0 ? (at - low) / (high - low) : 1 - (at - high) / (low - high);
    }
    return rank + b.count * fraction;
}

double prom_hist_fraction(double lower, double upper, const NativeHistogram *h, Arena *arena,
                          bool *ret_nan)
{
    HistBucket *buckets;
    uint32_t n = prom_hist_buckets(h, arena, &buckets);
    double rank = 0;
    double lower_rank = 0;
    double upper_rank = 0;
    double total = 0;
    bool lower_set = false;
    bool upper_set = false;

    *ret_nan = false;
    if (h->count == 0 || isnan(lower) || isnan(upper))
        return NAN;
    for (uint32_t i = 0; i < n; i++)
        total += buckets[i].count;
    if (isnan(h->sum) && total < h->count)
        *ret_nan = true;
    if (lower >= upper)
        return 0;
    for (uint32_t i = 0; i < n && !(lower_set && upper_set); i++) {
        HistBucket b = buckets[i];
        if (!prom_hist_is_custom(h))
            clip_zero(h, &b);
        else if (isinf(b.lower) && b.upper > 0)
            b.lower = 0;
        if (!lower_set && b.lower >= lower) {
            lower_rank = rank;
            lower_set = true;
        }
        if (!upper_set && b.lower >= upper) {
            upper_rank = rank;
            upper_set = true;
        }
        if (!lower_set && b.lower < lower && b.upper > lower) {
            lower_rank = isinf(b.lower)   ? rank + b.count /* nothing is known of its inside */
                         : isinf(b.upper) ? rank
                                          : rank_in(h, b, lower, rank);
            lower_set = true;
        }
        if (!upper_set && b.lower < upper && b.upper > upper) {
            upper_rank = isinf(b.lower) || isinf(b.upper) ? rank : rank_in(h, b, upper, rank);
            upper_set = true;
        }
        rank += b.count;
    }
    if (!lower_set || lower_rank > h->count)
        lower_rank = total;
    if (!upper_set || upper_rank > h->count)
        upper_rank = total;
    return (upper_rank - lower_rank) / h->count;
}

double prom_hist_variance(const NativeHistogram *h, Arena *arena)
{
    HistBucket *buckets;
    uint32_t n = prom_hist_buckets(h, arena, &buckets);
    double mean = h->sum / h->count;
    double sum = 0;
    double c = 0;

    for (uint32_t i = 0; i < n; i++) {
        HistBucket b = buckets[i];
        double v;
        if (b.count == 0)
            continue;
        if (prom_hist_is_custom(h)) {
            v = (b.upper + b.lower) / 2;
        } else if (b.lower <= 0 && b.upper >= 0) {
            v = 0;
        } else {
            v = sqrt(b.upper * b.lower);
            if (b.upper < 0)
                v = -v;
        }
        kahan_add(b.count * (v - mean) * (v - mean), &sum, &c);
    }
    return (sum + c) / h->count;
}

void prom_hist_print(const NativeHistogram *h, Arena *arena, Buf *out)
{
    HistBucket *buckets;
    uint32_t n = prom_hist_buckets(h, arena, &buckets);

    buf_printf(out, "{count:%.17g, sum:%.17g", h->count, h->sum);
    for (uint32_t i = 0; i < n; i++)
        buf_printf(out, ", %c%.17g,%.17g%c:%.17g", buckets[i].lower_inclusive ? '[' : '(',
                   buckets[i].lower, buckets[i].upper, buckets[i].upper_inclusive ? ']' : ')',
                   buckets[i].count);
    buf_append_byte(out, '}');
}
