/* op_series_select.c - instant selectors: for each step the newest sample of the last lookback_ms,
 * unless that is a staleness marker. The window is left-open: (t - lookback, t]. */
#include "query/exec/series_reader.h"
#include "query/func/promql_hist.h"

typedef struct Select {
    SeriesScanState scan;
    int64_t *times;  /* per step: the time looked at */
    SeriesRow *rows; /* of the batch under work */
} Select;

_Static_assert(sizeof(Select) <= SERIES_OP_STATE_BYTES, "state fits");

/* Step s of the row gets the sample (ts, value, histogram, start). */
static void put(const SeriesPlan *plan, SeriesRow *row, uint32_t s, int64_t ts, double value,
                const NativeHistogram *hist, int64_t start)
{
    switch (plan->what) {
    case SERIES_WHAT_VALUE:
        if (hist)
            row->histograms[s] = hist;
        else
            row->values[s] = value;
        return;
    case SERIES_WHAT_TIMESTAMP:
        row->values[s] = (double)ts / 1000;
        return;
    case SERIES_WHAT_START_TIMESTAMP:
        row->values[s] = (double)start / 1000;
        return;
    }
}

/* The newest samples of some series. */
typedef struct Newest {
    uint8_t *kinds; /* 0 = none */
    int64_t *ts;
    double *values;
    const NativeHistogram **hists;
} Newest;

static Status read_newest(SeriesOp *op, SeriesWorker *w, const SeriesRow *rows, uint32_t count,
                          int64_t time, Newest *ret, Error *err)
{
    SeriesExec *exec = op->exec;
    SeriesRef *refs;

    TRY(arena_try_alloc(&w->arena, count * sizeof *refs, &refs, err));
    TRY(arena_try_alloc(&w->arena, count * sizeof *ret->kinds, &ret->kinds, err));
    TRY(arena_try_alloc(&w->arena, count * sizeof *ret->ts, &ret->ts, err));
    TRY(arena_try_alloc(&w->arena, count * sizeof *ret->values, &ret->values, err));
    TRY(arena_try_alloc(&w->arena, count * sizeof *ret->hists, &ret->hists, err));
    memset((void *)(uintptr_t)ret->hists, 0, count * sizeof *ret->hists);
    for (uint32_t i = 0; i < count; i++)
        refs[i] = rows[i].ref;
    return exec->source.ops->last(exec->source.ctx, refs, count, time - exec->lookback_ms + 1, time,
                                  &w->arena, ret->kinds, ret->ts, ret->values, ret->hists, err);
}

/* One time for all steps: the newest sample only. */
static Status select_newest(SeriesOp *op, SeriesWorker *w, SeriesRow *rows, uint32_t count,
                            int64_t time, Error *err)
{
    Newest newest;
    uint64_t used = 0;

    TRY(read_newest(op, w, rows, count, time, &newest, err));
    for (uint32_t i = 0; i < count; i++) {
        SeriesRow *row = &rows[i];
        const NativeHistogram *hist = newest.hists[i];
        if (!newest.kinds[i] ||
            (hist ? histogram_is_stale(hist) : prom_is_absent(newest.values[i])))
            continue;
        if (hist && op->plan->what == SERIES_WHAT_VALUE) {
            row->histograms = arena_zalloc(&w->arena, op->grid.count * sizeof *row->histograms);
            if (!row->histograms)
                return error_set(err, STATUS_LIMIT, "query memory is used up");
        }
        for (uint32_t s = 0; s < op->grid.count; s++)
            put(op->plan, row, s, newest.ts[i], newest.values[i], hist, 0);
        used++;
    }
    return series_exec_count(op->exec, used, err);
}

static Status select_steps(SeriesOp *op, SeriesWorker *w, SeriesRow *row, const int64_t *times,
                           Error *err)
{
    SeriesExec *exec = op->exec;
    SampleRun *run = &w->run;
    uint32_t at = 0; /* samples at or before the step */
    uint64_t used = 0;
    const NativeHistogram *kept = NULL;
    uint32_t kept_at = UINT32_MAX;

    TRY(exec->source.ops->read(exec->source.ctx, row->ref, times[0] - exec->lookback_ms + 1,
                               times[op->grid.count - 1], run, err));
    if (run->histograms && op->plan->what == SERIES_WHAT_VALUE) {
        row->histograms = arena_zalloc(&w->arena, op->grid.count * sizeof *row->histograms);
        if (!row->histograms)
            return error_set(err, STATUS_LIMIT, "query memory is used up");
    }
    for (uint32_t s = 0; s < op->grid.count; s++) {
        const NativeHistogram *hist;
        while (at < run->count && run->ts_ms[at] <= times[s])
            at++;
        if (at == 0 || run->ts_ms[at - 1] <= times[s] - exec->lookback_ms)
            continue;
        hist = run->histograms ? run->histograms[at - 1] : NULL;
        if (hist ? histogram_is_stale(hist) : prom_is_absent(run->values[at - 1]))
            continue;
        if (hist && kept_at != at) {
            kept = series__keep_histogram(&w->arena, hist);
            kept_at = at;
        } else if (hist && kept && kept->reset_hint == HISTOGRAM_RESET_YES) {
            /* The same sample again is not a reset again. */
            NativeHistogram *again = arena_dup(&w->arena, kept, sizeof *kept);
            if (again)
                again->reset_hint = HISTOGRAM_RESET_UNKNOWN;
            kept = again;
        }
        if (hist && !kept)
            return error_set(err, STATUS_LIMIT, "query memory is used up");
        put(op->plan, row, s, run->ts_ms[at - 1], run->values[at - 1], hist ? kept : NULL,
            run->start_ms ? run->start_ms[at - 1] : 0);
        used++;
    }
    return series_exec_count(exec, used, err);
}

/* The last sample at or before t within lookback (before), and the first after it (after). */
typedef struct Around {
    uint32_t at; /* samples at or before t */
    bool before;
    bool after;
} Around;

static Around look_around(const int64_t *ts, uint32_t count, uint32_t at, int64_t t,
                          int64_t lookback)
{
    while (at < count && ts[at] <= t)
        at++;
    return (Around){at, at > 0 && ts[at - 1] > t - lookback, at < count && ts[at] <= t + lookback};
}

/* The histogram on the line between two. */
static const NativeHistogram *between(SeriesOp *op, SeriesWorker *w, SeriesRow *row,
                                      const PromRange *r, uint32_t at, int64_t t)
{
    const NativeHistogram *a = r->hists[at - 1];
    const NativeHistogram *h;
    char name[320];
    Error ignored;

    h = prom_hist_interpolate(a, r->hists[at],
                              (double)(t - r->hist_ts_ms[at - 1]) /
                                  (double)(r->hist_ts_ms[at] - r->hist_ts_ms[at - 1]),
                              a->reset_hint != HISTOGRAM_RESET_GAUGE, &w->arena);
    if (h)
        return h;
    SeriesRow named = *row;
    if (series_row_labels(op->exec, &named, &w->arena, &ignored) == STATUS_OK)
        series_exec_warn(op->exec, op->plan->position,
                         "vector contains a mix of histograms with exponential and custom buckets "
                         "schemas for metric name %s",
                         series__quote(label_set_get(named.labels, LABEL_NAME), name));
    return NULL;
}

/* `smoothed`: the value on the line between the samples around the step; only within lookback of
 * one before. Floats and histograms are lines of their own, the one that is nearer counts. */
static Status select_smoothed(SeriesOp *op, SeriesWorker *w, SeriesRow *row, const int64_t *times,
                              Error *err)
{
    SeriesExec *exec = op->exec;
    int64_t lookback = exec->lookback_ms;
    PromRange r = {0};
    uint32_t at = 0;
    uint32_t hist_at = 0;

    TRY(exec->source.ops->read(exec->source.ctx, row->ref, times[0] - lookback + 1,
                               times[op->grid.count - 1] + lookback, &w->run, err));
    TRY(series__split_run(w, &r, err));
    if (r.hist_count) {
        row->histograms = arena_zalloc(&w->arena, op->grid.count * sizeof *row->histograms);
        if (!row->histograms)
            return error_set(err, STATUS_LIMIT, "query memory is used up");
    }
    for (uint32_t s = 0; s < op->grid.count; s++) {
        Around f = look_around(r.ts_ms, r.count, at, times[s], lookback);
        Around h = look_around(r.hist_ts_ms, r.hist_count, hist_at, times[s], lookback);
        at = f.at;
        hist_at = h.at;
        if (h.before && !(f.before && r.ts_ms[f.at - 1] > r.hist_ts_ms[h.at - 1])) {
            bool exact = r.hist_ts_ms[h.at - 1] == times[s] || !h.after;
            row->histograms[s] = exact ? series__keep_histogram(&w->arena, r.hists[h.at - 1])
                                       : between(op, w, row, &r, h.at, times[s]);
        } else if (f.before) {
            double y1 = r.values[f.at - 1];
            row->values[s] = y1;
            if (r.ts_ms[f.at - 1] != times[s] && f.after)
                row->values[s] = y1 + (r.values[f.at] - y1) *
                                          (double)(times[s] - r.ts_ms[f.at - 1]) /
                                          (double)(r.ts_ms[f.at] - r.ts_ms[f.at - 1]);
        }
    }
    return series_exec_count(exec, r.count + r.hist_count, err);
}

/* Is one sample all that is needed of a series? */
static bool wants_newest(const SeriesOp *op)
{
    return (op->plan->has_at || op->grid.count == 1) && !op->plan->smoothed &&
           op->plan->what != SERIES_WHAT_START_TIMESTAMP;
}

static Status select_rows(void *ctx, uint32_t worker, uint32_t from, uint32_t to, Error *err)
{
    SeriesOp *op = ctx;
    Select *sel = series__state(op);
    SeriesWorker *w = &sel->scan.workers[worker];

    if (wants_newest(op)) {
        TRY(series_exec_check(op->exec, err));
        return select_newest(op, w, sel->rows + from, to - from, sel->times[0], err);
    }
    for (uint32_t i = from; i < to; i++) {
        SeriesRow *row = &sel->rows[i];
        if ((i & 63) == 0)
            TRY(series_exec_check(op->exec, err));
        if (op->plan->smoothed)
            TRY(select_smoothed(op, w, row, sel->times, err));
        else
            TRY(select_steps(op, w, row, sel->times, err));
    }
    return STATUS_OK;
}

static Status select_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    Select *sel = series__state(op);
    uint32_t steps = op->grid.count;
    uint32_t parallel_min = wants_newest(op) ? 4096 : steps > 64 ? 1 : 256;

    while (sel->scan.next < sel->scan.list.count) {
        uint32_t n = LUMA_MIN(series__batch_rows(steps), sel->scan.list.count - sel->scan.next);
        double *values;
        TRY(arena_try_alloc(arena, n * sizeof *sel->rows, &sel->rows, err));
        TRY(arena_try_alloc(arena, (size_t)n * steps * sizeof *values, &values, err));
        for (size_t i = 0; i < (size_t)n * steps; i++)
            values[i] = prom_absent();
        for (uint32_t i = 0; i < n; i++)
            sel->rows[i] = (SeriesRow){.ref = sel->scan.list.refs[sel->scan.next + i],
                                       .has_ref = true,
                                       .drop_name = op->plan->what != SERIES_WHAT_VALUE,
                                       .values = values + (size_t)i * steps};
        sel->scan.next += n;
        TRY(parallel_for(n >= parallel_min ? op->exec->pool : NULL, n,
                         LUMA_MAX(1u, LUMA_MIN(n / 16, 4096u / LUMA_MIN(steps, 4096u) + 1)),
                         select_rows, op, err));
        *ret_batch = (SeriesBatch){sel->rows, n};
        series__drop_empty(ret_batch, steps);
        if (ret_batch->count)
            return STATUS_OK;
    }
    *ret_batch = (SeriesBatch){0};
    return STATUS_OK;
}

static void select_close(SeriesOp *op)
{
    Select *sel = series__state(op);
    series__scan_close(&sel->scan);
}

static const SeriesOpOps select_ops = {select_next, select_close};

Status op_series_select_open(SeriesOp *op, Error *err)
{
    Select *sel = series__state(op);
    const SeriesPlan *plan = op->plan;
    uint32_t steps = op->grid.count;
    int64_t after = plan->smoothed ? op->exec->lookback_ms : 0;

    op->ops = &select_ops;
    TRY(arena_try_alloc(op->exec->arena, steps * sizeof *sel->times, &sel->times, err));
    for (uint32_t s = 0; s < steps; s++)
        sel->times[s] =
            (plan->has_at ? plan->at_ms : series_grid_ms(op->grid, s)) - plan->offset_ms;
    return series__scan_open(&sel->scan, op, plan, sel->times[0] - op->exec->lookback_ms + 1,
                             sel->times[steps - 1] + after, err);
}
