/* promql_hist.h - arithmetic of native histograms.
 *
 * Results are new histograms in the given arena, without empty buckets. Operands of different
 * resolution meet at the coarser one: exponential schemas at the lower schema and the wider zero
 * bucket, custom buckets at the bounds they share. Exponential and custom buckets do not mix.
 *
 * Source of the rules: Prometheus' documentation of native histograms
 * (prometheus.io/docs/specs/native_histograms/). Threads: pure functions.
 */
#ifndef LUMA_QUERY_FUNC_PROMQL_HIST_H
#define LUMA_QUERY_FUNC_PROMQL_HIST_H

#include "base/arena.h"
#include "format/histogram/histogram.h"

/* One bucket with its bounds. */
typedef struct HistBucket {
    double lower;
    double upper;
    double count;
    bool lower_inclusive;
    bool upper_inclusive;
    bool positive;
    int32_t index;
} HistBucket;

/* All buckets with observations from the most negative up, the zero bucket among them. The array is
 * in the arena. */
uint32_t prom_hist_buckets(const NativeHistogram *h, Arena *arena, HistBucket **ret_buckets);
bool prom_hist_is_custom(const NativeHistogram *h);

/* What an addition found: PROM_NOTE_RESET_COLLISION in *ret_collision, bounds intersected in
 * *ret_reconciled. */
typedef struct HistSum {
    NativeHistogram *hist; /* NULL: exponential and custom buckets do not mix */
    bool collision;
    bool reconciled;
} HistSum;
HistSum prom_hist_add(const NativeHistogram *a, const NativeHistogram *b, Arena *arena);
HistSum prom_hist_sub(const NativeHistogram *a, const NativeHistogram *b, Arena *arena);
/* Copies; `factor` may be anything. */
NativeHistogram *prom_hist_mul(const NativeHistogram *h, double factor, Arena *arena);
NativeHistogram *prom_hist_div(const NativeHistogram *h, double divisor, Arena *arena);
/* In place, for histograms that functions of this file returned. */
void prom_hist_scale(NativeHistogram *h, double factor);
void prom_hist_divide(NativeHistogram *h, double divisor);
/* h </ bound (upper: drop what lies above) and h >/ bound. */
NativeHistogram *prom_hist_trim(const NativeHistogram *h, double bound, bool upper, Arena *arena);

/* Same layout and counts, NaNs equal; hints do not count. */
bool prom_hist_eq(const NativeHistogram *a, const NativeHistogram *b);
/* Was the counter reset between prev and h? */
bool prom_hist_is_reset(const NativeHistogram *prev, const NativeHistogram *h);

/* Increase over the points (counter), or last minus first (gauge); notes are PromNote bits. NULL
 * when there is none. */
NativeHistogram *prom_hist_increase(const NativeHistogram *const *points, const int64_t *ts_ms,
                                    const int64_t *start_ms, uint32_t count, bool counter,
                                    Arena *arena, uint32_t *notes);
/* b - a, or b after a reset, as irate and idelta want it. */
NativeHistogram *prom_hist_instant(const NativeHistogram *a, const NativeHistogram *b, bool rate,
                                   bool reset, Arena *arena, uint32_t *notes);
/* The histogram at `fraction` of the way from a to b; a counter that was reset on the way begins at
 * zero. NULL when they do not mix. */
NativeHistogram *prom_hist_interpolate(const NativeHistogram *a, const NativeHistogram *b,
                                       double fraction, bool counter, Arena *arena);
/* Sum or mean of the points. NULL when they do not mix. */
NativeHistogram *prom_hist_sum(const NativeHistogram *const *points, uint32_t count, bool avg,
                               Arena *arena, uint32_t *notes);

/* histogram_quantile; notes: *ret_nan 1 = the result is NaN because of NaN observations, 2 = it is
 * skewed by them. */
double prom_hist_quantile(double q, const NativeHistogram *h, Arena *arena, int *ret_nan);
/* histogram_fraction. */
double prom_hist_fraction(double lower, double upper, const NativeHistogram *h, Arena *arena,
                          bool *ret_nan);
/* histogram_stdvar. */
double prom_hist_variance(const NativeHistogram *h, Arena *arena);
/* {count:6, sum:9.5, [-0.001,0.001]:1, (0.5,1]:2} */
void prom_hist_print(const NativeHistogram *h, Arena *arena, Buf *out);

#endif
