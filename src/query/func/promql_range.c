/* promql_range.c - kernels of the range functions; the formulas are Prometheus' own, sample order
 * and compensated sums included, so that results agree to the last bits. */
#include "query/func/promql_range.h"

#include <stdlib.h>

#include "query/func/kahan.h"
#include "query/func/promql_hist.h"

static inline uint32_t width(PromWindow w)
{
    return w.hi - w.lo;
}

static uint32_t hist_width(const PromRange *r, uint32_t step)
{
    return r->hist_windows ? width(r->hist_windows[step]) : 0;
}

int prom_cmp_f64(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    if (isnan(x) || isnan(y))
        return (int)isnan(y) - (int)isnan(x);
    return (x > y) - (x < y);
}

static inline void swap_f64(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

static double median_of_three(double a, double b, double c)
{
    if (a > b)
        swap_f64(&a, &b);
    return c <= a ? a : c >= b ? b : c;
}

/* Brings the value of rank k to v[k], no greater ones before it and no lesser ones behind it:
 * Hoare's FIND. No NaN. Values that keep halving from working are sorted. */
static void select_rank(double *v, int64_t count, int64_t k)
{
    int64_t low = 0;
    int64_t high = count - 1;
    int rounds = 64;

    while (low < high && rounds-- > 0) {
        double pivot = median_of_three(v[low], v[low + (high - low) / 2], v[high]);
        int64_t i = low;
        int64_t j = high;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (pivot < v[j])
                j--;
            if (i <= j)
                swap_f64(&v[i++], &v[j--]);
        }
        if (j < k)
            low = i;
        if (k < i)
            high = j;
    }
    if (low < high)
        qsort(v + low, (size_t)(high - low + 1), sizeof *v, prom_cmp_f64);
}

/* The values of ranks `at` and `at` + 1 (or the last one twice), NaN lowest. */
static void two_ranks(double *v, uint32_t count, uint32_t at, double *ret_low, double *ret_high)
{
    uint32_t nans = 0;

    for (uint32_t i = 0; i < count; i++)
        if (isnan(v[i]))
            swap_f64(&v[i], &v[nans++]);
    if (at >= nans)
        select_rank(v + nans, count - nans, at - nans);
    *ret_low = v[at];
    *ret_high = v[LUMA_MIN(at + 1, count - 1)];
    for (uint32_t i = LUMA_MAX(at + 1, nans); i < count && at + 1 >= nans; i++)
        *ret_high = LUMA_MIN(*ret_high, v[i]);
}

double prom_quantile(double q, double *values, uint32_t count)
{
    double rank;
    double low;
    double high;
    double weight;

    if (count == 0 || isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    rank = q * ((double)count - 1);
    two_ranks(values, count, (uint32_t)fmax(0, floor(rank)), &low, &high);
    weight = rank - floor(rank);
    return low * (1 - weight) + high * weight;
}

bool prom_start_is_reset(int64_t prev_start, int64_t prev_ts, int64_t start, int64_t ts)
{
    if (start == 0 || start >= ts || start < prev_ts) /* unknown, invalid, or begun before */
        return false;
    if (start > prev_ts)
        return true;
    /* The start points at the sample before: a delta series, unless that one's start is unknown. */
    return prev_start != 0 && prev_start < prev_ts;
}

/* ---------------------------------------------------------------- rates */

static bool is_reset(const PromRange *r, uint32_t i)
{
    return r->values[i] < r->values[i - 1] ||
           (r->start_ms &&
            prom_start_is_reset(r->start_ms[i - 1], r->ts_ms[i - 1], r->start_ms[i], r->ts_ms[i]));
}

/* Indexes i where the counter was reset between i - 1 and i. */
static uint32_t find_resets(const PromRange *r, uint32_t *resets)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i < r->count; i++)
        if (is_reset(r, i))
            resets[n++] = i;
    return n;
}

/* How far the increase seen between the first and the last sample is stretched, over `divisor`.
 * Prometheus' formula, with comparisons of products where it compares quotients: a step then costs
 * one division instead of six. */
static inline double extrapolation(const PromRange *r, uint32_t step, int64_t first_ts,
                                   int64_t last_ts, uint32_t gaps, bool counter, double first,
                                   double increase, double divisor)
{
    double to_start = (double)(first_ts - (r->end_ms[step] - r->range_ms));
    double to_end = (double)(r->end_ms[step] - last_ts);
    double sampled = (double)(last_ts - first_ts);
    double threshold = sampled * 1.1; /* times gaps: a tenth more than the average distance */

    if (to_start * gaps >= threshold)
        to_start = sampled / gaps / 2;
    /* A counter does not extend below zero. */
    if (counter && increase > 0 && first >= 0 && sampled * first < to_start * increase)
        to_start = sampled * (first / increase);
    if (to_end * gaps >= threshold)
        to_end = sampled / gaps / 2;
    return (sampled + to_start + to_end) / (sampled * divisor);
}

/* Did the counter begin inside the window, before its first sample? Then that sample's value is
 * part of the increase, as the counter was zero at its start, and nothing is extrapolated. */
static bool begins_inside(const PromRange *r, uint32_t step, int64_t start, int64_t first_ts)
{
    return start != 0 && start < first_ts && start > r->end_ms[step] - r->range_ms;
}

static void rate_histograms(const PromRange *r, uint32_t step, bool counter, double divisor,
                            const NativeHistogram **hist_out, uint32_t *notes)
{
    PromWindow w = r->hist_windows[step];
    int64_t start = r->hist_start_ms ? r->hist_start_ms[w.lo] : 0;
    bool begins = counter && begins_inside(r, step, start, r->hist_ts_ms[w.lo]);
    NativeHistogram *increase = NULL;
    double factor;

    if (width(w) + begins < 2)
        return;
    if (width(w) >= 2) {
        increase = prom_hist_increase(r->hists + w.lo, r->hist_ts_ms + w.lo,
                                      r->hist_start_ms ? r->hist_start_ms + w.lo : NULL, width(w),
                                      counter, r->arena, notes);
        if (increase && begins)
            increase = prom_hist_add(increase, r->hists[w.lo], r->arena).hist;
    } else {
        increase = prom_hist_mul(r->hists[w.lo], 1, r->arena);
    }
    if (!increase)
        return;
    increase->reset_hint = HISTOGRAM_RESET_GAUGE;
    factor =
        begins ? 1 / divisor
               : extrapolation(r, step, r->hist_ts_ms[w.lo], r->hist_ts_ms[w.hi - 1], width(w) - 1,
                               counter, increase->count > 0 ? r->hists[w.lo]->count : -1,
                               increase->count, divisor);
    prom_hist_scale(increase, factor);
    hist_out[step] = increase;
}

static double interpolate(const PromRange *r, uint32_t i, int64_t t, bool counter)
{
    double y1 = r->values[i];
    double y2 = r->values[i + 1];

    if (counter && y2 < y1)
        y1 = 0;
    return y1 + (y2 - y1) * (double)(t - r->ts_ms[i]) / (double)(r->ts_ms[i + 1] - r->ts_ms[i]);
}

/* First index >= lo with ts > t (or >= t), at most `last`. */
static uint32_t search(const int64_t *ts, uint32_t lo, uint32_t last, int64_t t, bool or_equal)
{
    while (lo < last) {
        uint32_t mid = lo + (last - lo) / 2;
        if (or_equal ? ts[mid] >= t : ts[mid] > t)
            last = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* rate, increase, delta of an anchored or smoothed selector: nothing is extrapolated, the values at
 * the window's ends are those known there. */
static double extended_rate(const PromRange *r, uint32_t step, bool counter, double divisor)
{
    PromWindow w = r->windows[step];
    int64_t end = r->end_ms[step];
    int64_t start = end - r->range_ms;
    uint32_t last = w.hi - 1;
    uint32_t first;
    double left;
    double right;
    double result;

    if (width(w) == 0)
        return prom_absent();
    first = search(r->ts_ms, w.lo, last, start, false);
    first = first > w.lo ? first - 1 : w.lo;
    if (r->smoothed)
        last = search(r->ts_ms, w.lo, last, end, true);
    if (r->ts_ms[last] <= start)
        return prom_absent();
    left = r->smoothed && r->ts_ms[first] < start ? interpolate(r, first, start, counter)
                                                  : r->values[first];
    right = r->smoothed && last > w.lo && r->ts_ms[last] > end
                ? interpolate(r, last - 1, end, counter)
                : r->values[last];
    result = right - left;
    if (counter) {
        double prev = left;
        uint32_t from = r->ts_ms[first] <= start ? first + 1 : first;
        uint32_t to = r->ts_ms[last] >= end ? last : last + 1;
        double correction = 0;
        for (uint32_t i = from; i < to; i++) {
            if (r->values[i] < prev)
                correction += prev;
            prev = r->values[i];
        }
        if (right < prev)
            correction += prev;
        result += correction;
    }
    return result / divisor;
}

/* The histogram at t between samples i and i + 1. */
static const NativeHistogram *hist_at(const PromRange *r, uint32_t i, int64_t t, bool counter)
{
    double fraction =
        (double)(t - r->hist_ts_ms[i]) / (double)(r->hist_ts_ms[i + 1] - r->hist_ts_ms[i]);
    return prom_hist_interpolate(r->hists[i], r->hists[i + 1], fraction, counter, r->arena);
}

/* Does a counter of the window look like a gauge, or the other way round? */
static void note_extended(const PromRange *r, uint32_t first, uint32_t last, bool counter,
                          uint32_t *notes)
{
    for (uint32_t i = first; counter && i <= last; i++)
        if (r->hists[i]->reset_hint == HISTOGRAM_RESET_GAUGE)
            *notes |= PROM_NOTE_NOT_COUNTER;
    if (!counter && (r->hists[first]->reset_hint != HISTOGRAM_RESET_GAUGE ||
                     r->hists[last]->reset_hint != HISTOGRAM_RESET_GAUGE))
        *notes |= PROM_NOTE_NOT_GAUGE;
}

/* As extended_rate, of histograms. A sample's hint tells of a reset before it, so no sample is held
 * against itself. */
static void extended_histograms(const PromRange *r, uint32_t step, bool counter, double divisor,
                                const NativeHistogram **hist_out, uint32_t *notes)
{
    PromWindow w = r->hist_windows[step];
    const int64_t *ts = r->hist_ts_ms;
    int64_t end = r->end_ms[step];
    int64_t start = end - r->range_ms;
    uint32_t last = w.hi - 1;
    uint32_t first = search(ts, w.lo, last, start, false);
    const NativeHistogram *left;
    const NativeHistogram *right;
    const NativeHistogram *prev;
    HistSum sum;

    first = first > w.lo ? first - 1 : w.lo;
    if (r->smoothed)
        last = search(ts, w.lo, last, end, true);
    if (ts[last] <= start)
        return;
    bool left_between = r->smoothed && ts[first] < start;
    bool right_between = r->smoothed && last > w.lo && ts[last] > end;
    note_extended(r, first, last, counter, notes);
    left = left_between ? hist_at(r, first, start, counter) : r->hists[first];
    right = right_between ? hist_at(r, last - 1, end, counter) : r->hists[last];
    sum = left && right ? prom_hist_sub(right, left, r->arena) : (HistSum){0};
    uint32_t from = left_between || ts[first] <= start ? first + 1 : first;
    uint32_t to = ts[last] >= end ? last : last + 1;
    prev = left;
    if ((left_between || ts[first] > start) && from < to)
        prev = r->hists[from++];
    for (uint32_t i = from; counter && sum.hist && i < to; i++) {
        if (prom_hist_is_reset(prev, r->hists[i]))
            sum = prom_hist_add(sum.hist, prev, r->arena);
        prev = r->hists[i];
    }
    if (counter && sum.hist && to == last && last > first && prom_hist_is_reset(prev, right))
        sum = prom_hist_add(sum.hist, prev, r->arena);
    if (!sum.hist) {
        *notes |= PROM_NOTE_MIXED_SCHEMAS;
        return;
    }
    sum.hist->reset_hint = HISTOGRAM_RESET_GAUGE;
    prom_hist_divide(sum.hist, divisor);
    hist_out[step] = sum.hist;
}

static void call_rate(const PromRange *r, bool counter, bool per_second, double *out,
                      const NativeHistogram **hist_out, uint32_t *notes)
{
    double divisor = per_second ? (double)r->range_ms / 1000 : 1;
    uint32_t *resets = counter && r->count ? mem_alloc(r->count * sizeof *resets) : NULL;
    uint32_t reset_count = resets ? find_resets(r, resets) : 0;
    uint32_t reset = 0;

    for (uint32_t s = 0; s < r->step_count; s++) {
        PromWindow w = r->windows[s];
        bool begins = false;
        double increase;
        out[s] = prom_absent();
        if (hist_width(r, s) && width(w)) {
            *notes |= PROM_NOTE_MIXED_FLOATS_HISTOGRAMS;
            continue;
        }
        if (r->anchored || r->smoothed) {
            if (hist_width(r, s))
                extended_histograms(r, s, counter, divisor, hist_out, notes);
            else
                out[s] = extended_rate(r, s, counter, divisor);
            continue;
        }
        if (hist_width(r, s)) {
            rate_histograms(r, s, counter, divisor, hist_out, notes);
            continue;
        }
        if (counter && r->start_ms && width(w))
            begins = begins_inside(r, s, r->start_ms[w.lo], r->ts_ms[w.lo]);
        if (width(w) + begins < 2)
            continue;
        increase = r->values[w.hi - 1] - (begins ? 0 : r->values[w.lo]);
        while (reset < reset_count && resets[reset] <= w.lo)
            reset++;
        for (uint32_t i = reset; i < reset_count && resets[i] < w.hi; i++)
            increase += r->values[resets[i] - 1];
        double factor = begins
                            ? 1 / divisor
                            : extrapolation(r, s, r->ts_ms[w.lo], r->ts_ms[w.hi - 1], width(w) - 1,
                                            counter, r->values[w.lo], increase, divisor);
        out[s] = increase * factor;
    }
    mem_free(resets);
}

/* One of the last two samples of a window. */
typedef struct Sample {
    double value;
    const NativeHistogram *hist;
    int64_t ts;
    int64_t start;
} Sample;

/* The last two samples of the window, floats and histograms together; false when there are not. */
static bool last_two(const PromRange *r, uint32_t step, Sample ret[2])
{
    PromWindow f = r->windows[step];
    PromWindow h = r->hist_windows ? r->hist_windows[step] : (PromWindow){0};

    if (width(f) + width(h) < 2)
        return false;
    for (int i = 1; i >= 0; i--) {
        bool hist = width(h) && (!width(f) || r->hist_ts_ms[h.hi - 1] > r->ts_ms[f.hi - 1]);
        if (hist) {
            uint32_t at = --h.hi;
            ret[i] = (Sample){0, r->hists[at], r->hist_ts_ms[at],
                              r->hist_start_ms ? r->hist_start_ms[at] : 0};
        } else {
            uint32_t at = --f.hi;
            ret[i] = (Sample){r->values[at], NULL, r->ts_ms[at], r->start_ms ? r->start_ms[at] : 0};
        }
    }
    return ret[0].ts != ret[1].ts;
}

static void call_instant(const PromRange *r, bool rate, double *out,
                         const NativeHistogram **hist_out, uint32_t *notes)
{
    for (uint32_t s = 0; s < r->step_count; s++) {
        Sample at[2];
        double seconds;
        bool reset;
        out[s] = prom_absent();
        if (!last_two(r, s, at))
            continue;
        seconds = (double)(at[1].ts - at[0].ts) / 1000;
        reset = prom_start_is_reset(at[0].start, at[0].ts, at[1].start, at[1].ts);
        if (!at[0].hist != !at[1].hist) {
            *notes |= PROM_NOTE_MIXED_FLOATS_HISTOGRAMS;
        } else if (at[0].hist) {
            NativeHistogram *diff =
                prom_hist_instant(at[0].hist, at[1].hist, rate, reset, r->arena, notes);
            if (diff && rate)
                prom_hist_divide(diff, seconds);
            hist_out[s] = diff;
        } else {
            double v = at[1].value;
            if (!rate || !(at[1].value < at[0].value || reset))
                v = at[1].value - at[0].value;
            out[s] = rate ? v / seconds : v;
        }
    }
}

/* ---------------------------------------------------------------- floats of a window */

static double window_sum(const double *v, uint32_t n)
{
    double sum = 0;
    double c = 0;

    for (uint32_t i = 0; i < n; i++)
        kahan_add(v[i], &sum, &c);
    return isinf(sum) ? sum : sum + c;
}

static double window_avg(const double *v, uint32_t n)
{
    double sum = v[0];
    double mean = 0;
    double c = 0;
    bool incremental = false;

    for (uint32_t i = 1; i < n; i++) {
        double count = (double)i + 1;
        if (!incremental) {
            double new_sum = sum;
            double new_c = c;
            kahan_add(v[i], &new_sum, &new_c);
            if (!isinf(new_sum)) {
                sum = new_sum;
                c = new_c;
                continue;
            }
            /* The sum would overflow: go on with the mean. */
            incremental = true;
            mean = sum / (count - 1);
            c /= count - 1;
        }
        double q = (count - 1) / count;
        mean *= q;
        c *= q;
        kahan_add(v[i] / count, &mean, &c);
    }
    return incremental ? mean + c : sum / n + c / n;
}

static double window_variance(const double *v, uint32_t n)
{
    double mean = 0;
    double mean_c = 0;
    double aux = 0;
    double aux_c = 0;

    for (uint32_t i = 0; i < n; i++) {
        double delta = v[i] - (mean + mean_c);
        kahan_add(delta / ((double)i + 1), &mean, &mean_c);
        kahan_add(delta * (v[i] - (mean + mean_c)), &aux, &aux_c);
    }
    return (aux + aux_c) / n;
}

static double window_min(const double *v, uint32_t n)
{
    double best = v[0];
    for (uint32_t i = 1; i < n; i++)
        if (v[i] < best || isnan(best))
            best = v[i];
    return best;
}

static double window_max(const double *v, uint32_t n)
{
    double best = v[0];
    for (uint32_t i = 1; i < n; i++)
        if (v[i] > best || isnan(best))
            best = v[i];
    return best;
}

/* Time in seconds of the last of the smallest (sign -1) or largest (sign 1) values. */
static double window_ts_of_extreme(const double *v, const int64_t *ts, uint32_t n, int sign)
{
    double best = v[0];
    int64_t best_ts = ts[0];

    for (uint32_t i = 0; i < n; i++) {
        if ((sign > 0 ? v[i] >= best : v[i] <= best) || isnan(best)) {
            best = v[i];
            best_ts = ts[i];
        }
    }
    return (double)best_ts / 1000;
}

static double window_quantile(double q, const double *v, uint32_t n, double *scratch)
{
    memcpy(scratch, v, n * sizeof *v);
    return prom_quantile(q, scratch, n);
}

static double window_mad(const double *v, uint32_t n, double *scratch)
{
    double median = window_quantile(0.5, v, n, scratch);
    for (uint32_t i = 0; i < n; i++)
        scratch[i] = fabs(v[i] - median);
    return prom_quantile(0.5, scratch, n);
}

/* Least squares over (seconds since `at`, value). */
static void regression(const int64_t *ts, const double *v, uint32_t n, int64_t at,
                       double *ret_slope, double *ret_intercept)
{
    double x_sum = 0, x_c = 0, y_sum = 0, y_c = 0, xy_sum = 0, xy_c = 0, xx_sum = 0, xx_c = 0;
    bool constant = true;

    for (uint32_t i = 0; i < n; i++) {
        double x = (double)(ts[i] - at) / 1e3;
        if (i && v[i] != v[0])
            constant = false;
        kahan_add(x, &x_sum, &x_c);
        kahan_add(v[i], &y_sum, &y_c);
        kahan_add(x * v[i], &xy_sum, &xy_c);
        kahan_add(x * x, &xx_sum, &xx_c);
    }
    if (constant) {
        *ret_slope = isinf(v[0]) ? NAN : 0;
        *ret_intercept = isinf(v[0]) ? NAN : v[0];
        return;
    }
    x_sum += x_c;
    y_sum += y_c;
    xy_sum += xy_c;
    xx_sum += xx_c;
    *ret_slope = (xy_sum - x_sum * y_sum / n) / (xx_sum - x_sum * x_sum / n);
    *ret_intercept = y_sum / n - *ret_slope * x_sum / n;
}

static double window_smoothing(const double *v, uint32_t n, double sf, double tf)
{
    double s0 = 0;
    double s1 = v[0];
    double b = v[1] - v[0];

    for (uint32_t i = 1; i < n; i++) {
        double y;
        if (i > 1)
            b = tf * (s1 - s0) + (1 - tf) * b;
        y = (1 - sf) * (s1 + b);
        s0 = s1;
        s1 = sf * v[i] + y;
    }
    return s1;
}

/* Functions that look at the floats only and say so when histograms stand beside them. */
static double float_window(PromFunc func, const PromRange *r, uint32_t s, double *scratch)
{
    PromWindow w = r->windows[s];
    const double *v = r->values + w.lo;
    const int64_t *ts = r->ts_ms + w.lo;
    uint32_t n = width(w);
    double slope;
    double intercept;

    switch (func) {
    case PROM_FUNC_MIN_OVER_TIME:
        return window_min(v, n);
    case PROM_FUNC_MAX_OVER_TIME:
        return window_max(v, n);
    case PROM_FUNC_STDVAR_OVER_TIME:
        return window_variance(v, n);
    case PROM_FUNC_STDDEV_OVER_TIME:
        return sqrt(window_variance(v, n));
    case PROM_FUNC_QUANTILE_OVER_TIME:
        return window_quantile(r->params[0][s], v, n, scratch);
    case PROM_FUNC_MAD_OVER_TIME:
        return window_mad(v, n, scratch);
    case PROM_FUNC_TS_OF_MIN_OVER_TIME:
        return window_ts_of_extreme(v, ts, n, -1);
    case PROM_FUNC_TS_OF_MAX_OVER_TIME:
        return window_ts_of_extreme(v, ts, n, 1);
    case PROM_FUNC_DERIV:
        if (n < 2)
            return prom_absent();
        regression(ts, v, n, ts[0], &slope, &intercept);
        return slope;
    case PROM_FUNC_PREDICT_LINEAR:
        if (n < 2)
            return prom_absent();
        regression(ts, v, n, r->step_ms[s], &slope, &intercept);
        return slope * r->params[0][s] + intercept;
    case PROM_FUNC_DOUBLE_EXP_SMOOTHING:
        if (n < 2)
            return prom_absent();
        return window_smoothing(v, n, r->params[0][s], r->params[1][s]);
    default:
        return prom_absent();
    }
}

static void call_floats(PromFunc func, const PromRange *r, double *out, uint32_t *notes)
{
    double *scratch = r->count ? mem_alloc(r->count * sizeof *scratch) : NULL;

    for (uint32_t s = 0; s < r->step_count; s++) {
        out[s] = prom_absent();
        if (!width(r->windows[s]))
            continue;
        if (hist_width(r, s))
            *notes |= PROM_NOTE_HISTOGRAM_IGNORED;
        if (func == PROM_FUNC_QUANTILE_OVER_TIME && !(r->params[0][s] >= 0 && r->params[0][s] <= 1))
            *notes |= PROM_NOTE_BAD_QUANTILE;
        out[s] = float_window(func, r, s, scratch);
    }
    mem_free(scratch);
}

/* ---------------------------------------------------------------- floats or histograms */

static void call_sum_avg(PromFunc func, const PromRange *r, double *out,
                         const NativeHistogram **hist_out, uint32_t *notes)
{
    bool avg = func == PROM_FUNC_AVG_OVER_TIME;

    for (uint32_t s = 0; s < r->step_count; s++) {
        PromWindow w = r->windows[s];
        out[s] = prom_absent();
        if (width(w) && hist_width(r, s)) {
            *notes |= PROM_NOTE_MIXED_FLOATS_HISTOGRAMS;
        } else if (hist_width(r, s)) {
            PromWindow h = r->hist_windows[s];
            hist_out[s] = prom_hist_sum(r->hists + h.lo, width(h), avg, r->arena, notes);
        } else if (width(w)) {
            out[s] = avg ? window_avg(r->values + w.lo, width(w))
                         : window_sum(r->values + w.lo, width(w));
        }
    }
}

static void call_first_last(bool last, const PromRange *r, double *out,
                            const NativeHistogram **hist_out)
{
    for (uint32_t s = 0; s < r->step_count; s++) {
        PromWindow w = r->windows[s];
        PromWindow h = r->hist_windows ? r->hist_windows[s] : (PromWindow){0};
        uint32_t f_at = last ? w.hi - 1 : w.lo;
        uint32_t h_at = last ? h.hi - 1 : h.lo;
        bool hist = width(h) && (!width(w) || (last ? r->hist_ts_ms[h_at] >= r->ts_ms[f_at]
                                                    : r->ts_ms[f_at] >= r->hist_ts_ms[h_at]));
        out[s] = prom_absent();
        if (hist)
            hist_out[s] = r->hists[h_at];
        else if (width(w))
            out[s] = r->values[f_at];
    }
}

static void call_count(PromFunc func, const PromRange *r, double *out)
{
    for (uint32_t s = 0; s < r->step_count; s++) {
        PromWindow w = r->windows[s];
        PromWindow h = r->hist_windows ? r->hist_windows[s] : (PromWindow){0};
        uint32_t n = width(w) + width(h);
        int64_t f_ts;
        int64_t h_ts;
        out[s] = prom_absent();
        if (!n)
            continue;
        switch (func) {
        case PROM_FUNC_COUNT_OVER_TIME:
            out[s] = n;
            break;
        case PROM_FUNC_TS_OF_FIRST_OVER_TIME:
            f_ts = width(w) ? r->ts_ms[w.lo] : INT64_MAX;
            h_ts = width(h) ? r->hist_ts_ms[h.lo] : INT64_MAX;
            out[s] = (double)LUMA_MIN(f_ts, h_ts) / 1000;
            break;
        case PROM_FUNC_TS_OF_LAST_OVER_TIME:
            f_ts = width(w) ? r->ts_ms[w.hi - 1] : INT64_MIN;
            h_ts = width(h) ? r->hist_ts_ms[h.hi - 1] : INT64_MIN;
            out[s] = (double)LUMA_MAX(f_ts, h_ts) / 1000;
            break;
        default:
            out[s] = 1; /* present_over_time */
            break;
        }
    }
}

/* Is there a change (or a counter reset) from a to b? */
static bool differs(bool resets, Sample a, Sample b)
{
    if (!a.hist != !b.hist)
        return true;
    if (a.hist)
        return resets ? prom_hist_is_reset(a.hist, b.hist) : !prom_hist_eq(a.hist, b.hist);
    if (resets)
        return b.value < a.value || prom_start_is_reset(a.start, a.ts, b.start, b.ts);
    return b.value != a.value && !(isnan(a.value) && isnan(b.value));
}

/* Makes anchored windows begin with the last sample at or before `start`, a float or a histogram;
 * false when there is none after it. */
static bool anchor(const PromRange *r, int64_t start, PromWindow *f, PromWindow *h)
{
    uint32_t f_in = search(r->ts_ms, f->lo, f->hi, start, false);
    uint32_t h_in = search(r->hist_ts_ms, h->lo, h->hi, start, false);
    bool f_before = f_in > f->lo;
    bool h_before = h_in > h->lo;

    if (f_in == f->hi && h_in == h->hi)
        return false;
    if (f_before && h_before) {
        f_before = r->ts_ms[f_in - 1] > r->hist_ts_ms[h_in - 1];
        h_before = !f_before;
    }
    f->lo = f_in - f_before;
    h->lo = h_in - h_before;
    return true;
}

static void call_changes(bool resets, const PromRange *r, double *out)
{
    for (uint32_t s = 0; s < r->step_count; s++) {
        PromWindow f = r->windows[s];
        PromWindow h = r->hist_windows ? r->hist_windows[s] : (PromWindow){0};
        Sample prev = {0};
        bool first = true;
        uint32_t n = 0;
        out[s] = prom_absent();
        if (r->anchored && !anchor(r, r->end_ms[s] - r->range_ms, &f, &h))
            continue;
        if (!width(f) && !width(h))
            continue;
        while (width(f) || width(h)) {
            Sample cur;
            if (width(h) && (!width(f) || r->hist_ts_ms[h.lo] < r->ts_ms[f.lo])) {
                cur = (Sample){0, r->hists[h.lo], r->hist_ts_ms[h.lo],
                               r->hist_start_ms ? r->hist_start_ms[h.lo] : 0};
                h.lo++;
            } else {
                cur = (Sample){r->values[f.lo], NULL, r->ts_ms[f.lo],
                               r->start_ms ? r->start_ms[f.lo] : 0};
                f.lo++;
            }
            n += !first && differs(resets, prev, cur);
            first = false;
            prev = cur;
        }
        out[s] = n;
    }
}

static Status check_smoothing(const PromRange *r, Error *err)
{
    for (uint32_t s = 0; s < r->step_count; s++) {
        if (!width(r->windows[s]) && !hist_width(r, s))
            continue;
        if (r->params[0][s] <= 0 || r->params[0][s] >= 1)
            return error_set(err, STATUS_INVALID,
                             "invalid smoothing factor. Expected: 0 < sf < 1, got: %f",
                             r->params[0][s]);
        if (r->params[1][s] <= 0 || r->params[1][s] >= 1)
            return error_set(err, STATUS_INVALID,
                             "invalid trend factor. Expected: 0 < tf < 1, got: %f",
                             r->params[1][s]);
    }
    return STATUS_OK;
}

Status prom_range_call(PromFunc func, const PromRange *r, double *out,
                       const NativeHistogram **hist_out, uint32_t *ret_notes, Error *err)
{
    uint32_t notes = 0;

    switch (func) {
    case PROM_FUNC_RATE:
        call_rate(r, true, true, out, hist_out, &notes);
        break;
    case PROM_FUNC_INCREASE:
        call_rate(r, true, false, out, hist_out, &notes);
        break;
    case PROM_FUNC_DELTA:
        call_rate(r, false, false, out, hist_out, &notes);
        break;
    case PROM_FUNC_IRATE:
        call_instant(r, true, out, hist_out, &notes);
        break;
    case PROM_FUNC_IDELTA:
        call_instant(r, false, out, hist_out, &notes);
        break;
    case PROM_FUNC_SUM_OVER_TIME:
    case PROM_FUNC_AVG_OVER_TIME:
        call_sum_avg(func, r, out, hist_out, &notes);
        break;
    case PROM_FUNC_FIRST_OVER_TIME:
    case PROM_FUNC_LAST_OVER_TIME:
        call_first_last(func == PROM_FUNC_LAST_OVER_TIME, r, out, hist_out);
        break;
    case PROM_FUNC_COUNT_OVER_TIME:
    case PROM_FUNC_PRESENT_OVER_TIME:
    case PROM_FUNC_TS_OF_FIRST_OVER_TIME:
    case PROM_FUNC_TS_OF_LAST_OVER_TIME:
        call_count(func, r, out);
        break;
    case PROM_FUNC_CHANGES:
    case PROM_FUNC_RESETS:
        call_changes(func == PROM_FUNC_RESETS, r, out);
        break;
    case PROM_FUNC_DOUBLE_EXP_SMOOTHING:
        TRY(check_smoothing(r, err));
        call_floats(func, r, out, &notes);
        break;
    default:
        call_floats(func, r, out, &notes);
        break;
    }
    *ret_notes |= notes;
    return STATUS_OK;
}
