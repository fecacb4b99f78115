/* promql_range.h - the functions over range vectors, for one series and all its steps at once.
 *
 * The samples of a series are read once; each step has a window of indexes into them. Windows are
 * left-open and right-closed: (end - range, end]. Floats and native histograms stand in separate
 * arrays, both in time order and without staleness markers.
 *
 * Threads: pure functions; results are written by the caller's thread.
 */
#ifndef LUMA_QUERY_FUNC_PROMQL_RANGE_H
#define LUMA_QUERY_FUNC_PROMQL_RANGE_H

#include "base/arena.h"
#include "format/histogram/histogram.h"
#include "query/func/promql_func.h"

/* A value that is not there. It is the staleness marker's pattern, which no sample that counts and
 * no computation yields, so it is not a NaN of the data. */
#define PROM_ABSENT_BITS UINT64_C(0x7ff0000000000002)

static inline bool prom_is_absent(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits == PROM_ABSENT_BITS;
}
static inline double prom_absent(void)
{
    uint64_t bits = PROM_ABSENT_BITS;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* What a function has to say about its input: a bit each, for the caller to word. */
typedef enum PromNote {
    PROM_NOTE_MIXED_FLOATS_HISTOGRAMS = 1 << 0,
    PROM_NOTE_HISTOGRAM_IGNORED = 1 << 1, /* in a range with floats */
    PROM_NOTE_NOT_COUNTER = 1 << 2,       /* a gauge histogram */
    PROM_NOTE_NOT_GAUGE = 1 << 3,         /* a counter histogram */
    PROM_NOTE_MIXED_SCHEMAS = 1 << 4,     /* exponential and custom buckets */
    PROM_NOTE_RESET_COLLISION = 1 << 5,   /* histograms with and without a counter reset */
    PROM_NOTE_RECONCILED_SUB = 1 << 6,    /* custom bounds were intersected */
    PROM_NOTE_RECONCILED_ADD = 1 << 7,
    PROM_NOTE_RECONCILED_AGG = 1 << 8,
    PROM_NOTE_BAD_QUANTILE = 1 << 9,
} PromNote;

typedef struct PromWindow {
    uint32_t lo; /* first index inside */
    uint32_t hi; /* one past the last */
} PromWindow;

typedef struct PromRange {
    const int64_t *ts_ms;
    const double *values;
    const int64_t *start_ms; /* start timestamps, or NULL */
    uint32_t count;
    const int64_t *hist_ts_ms;
    const NativeHistogram *const *hists;
    const int64_t *hist_start_ms; /* or NULL */
    uint32_t hist_count;

    uint32_t step_count;
    const int64_t *step_ms; /* evaluation times */
    const int64_t *end_ms;  /* ends of the windows */
    int64_t range_ms;
    const PromWindow *windows;      /* of floats, per step */
    const PromWindow *hist_windows; /* of histograms; NULL when there are none */
    const double *params[2];        /* scalar arguments per step */
    bool anchored;
    bool smoothed;
    Arena *arena; /* histogram results */
} PromRange;

/* Fills out[step] (absent where there is no result) and, where `hist_out` is given, the histograms;
 * hist_out is needed when hist_count > 0. Returns notes through *ret_notes. */
Status prom_range_call(PromFunc func, const PromRange *r, double *out,
                       const NativeHistogram **hist_out, uint32_t *ret_notes, Error *err);

/* quantile of `count` values, NaN lowest; their order changes. */
double prom_quantile(double q, double *values, uint32_t count);
/* -1, 0, 1; NaN comes first. */
int prom_cmp_f64(const void *a, const void *b);
/* Does a start timestamp tell of a counter reset between two samples? */
bool prom_start_is_reset(int64_t prev_start, int64_t prev_ts, int64_t start, int64_t ts);

#endif
