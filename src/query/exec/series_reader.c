#include "query/exec/series_reader.h"

enum {
    BATCH_VALUES = 1 << 19, /* values of a batch: 4 MiB */
    BATCH_ROWS_MIN = 32,
    BATCH_ROWS_MAX = 1 << 14,
};

uint32_t series__batch_rows(uint32_t step_count)
{
    uint32_t rows = BATCH_VALUES / step_count;
    return LUMA_MIN(LUMA_MAX(rows, (uint32_t)BATCH_ROWS_MIN), (uint32_t)BATCH_ROWS_MAX);
}

Status series__workers_open(SeriesScanState *scan, SeriesOp *op, Error *err)
{
    uint32_t n = parallel_worker_count(op->exec->pool);
    Arena *arena = op->exec->arena;
    uint32_t steps = op->grid.count;

    TRY(arena_try_alloc(arena, n * sizeof *scan->workers, &scan->workers, err));
    memset(scan->workers, 0, n * sizeof *scan->workers);
    scan->worker_count = n;
    for (uint32_t i = 0; i < n; i++) {
        SeriesWorker *w = &scan->workers[i];
        arena_init(&w->arena, op->exec->budget);
        w->run.budget = op->exec->budget;
        TRY(arena_try_alloc(arena, steps * sizeof *w->windows, &w->windows, err));
        TRY(arena_try_alloc(arena, steps * sizeof *w->hist_windows, &w->hist_windows, err));
        TRY(arena_try_alloc(arena, steps * sizeof *w->values, &w->values, err));
    }
    return STATUS_OK;
}

Status series__scan_open(SeriesScanState *scan, SeriesOp *op, const SeriesPlan *selector,
                         int64_t min_ms, int64_t max_ms, Error *err)
{
    const SeriesSource *source = &op->exec->source;

    TRY(source->ops->select(source->ctx, selector->matchers, selector->matcher_count, min_ms,
                            max_ms, op->exec->arena, &scan->list, err));
    return series__workers_open(scan, op, err);
}

void series__scan_close(SeriesScanState *scan)
{
    for (uint32_t i = 0; i < scan->worker_count; i++) {
        SeriesWorker *w = &scan->workers[i];
        sample_run_done(&w->run);
        arena_done(&w->arena);
        mem_free(w->hist_ts);
        mem_free(w->hist_start);
        mem_free(w->hists);
    }
    scan->worker_count = 0;
}

static void need_hist_space(SeriesWorker *w, uint32_t count)
{
    uint32_t cap = w->hist_cap;
    if (count <= cap)
        return;
    cap = LUMA_MAX(count, cap * 2);
    w->hist_ts = mem_realloc(w->hist_ts, cap * sizeof *w->hist_ts);
    w->hist_start = mem_realloc(w->hist_start, cap * sizeof *w->hist_start);
    w->hists = mem_realloc(w->hists, cap * sizeof *w->hists);
    w->hist_cap = cap;
}

static bool any_stale(const double *values, uint32_t count)
{
    uint64_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        found |= bits == PROM_ABSENT_BITS;
    }
    return found != 0;
}

Status series__split_run(SeriesWorker *w, PromRange *r, Error *err)
{
    SampleRun *run = &w->run;
    uint32_t floats = 0;
    uint32_t hists = 0;

    r->ts_ms = run->ts_ms;
    r->values = run->values;
    r->start_ms = run->start_ms;
    r->hist_count = 0;
    if (!run->histograms && !any_stale(run->values, run->count)) {
        r->count = run->count;
        return STATUS_OK;
    }
    if (run->histograms)
        need_hist_space(w, run->count);
    for (uint32_t i = 0; i < run->count; i++) {
        const NativeHistogram *h = run->histograms ? run->histograms[i] : NULL;
        if (h) {
            if (histogram_is_stale(h))
                continue;
            w->hist_ts[hists] = run->ts_ms[i];
            w->hist_start[hists] = run->start_ms ? run->start_ms[i] : 0;
            w->hists[hists++] = h;
            continue;
        }
        if (prom_is_absent(run->values[i]))
            continue;
        run->ts_ms[floats] = run->ts_ms[i];
        run->values[floats] = run->values[i];
        if (run->start_ms)
            run->start_ms[floats] = run->start_ms[i];
        floats++;
    }
    r->count = floats;
    r->hist_count = hists;
    r->hist_ts_ms = w->hist_ts;
    r->hist_start_ms = run->start_ms ? w->hist_start : NULL;
    r->hists = w->hists;
    return STATUS_OK;
}

static HistogramBuckets keep_buckets(const HistogramBuckets *b, Arena *arena)
{
    HistogramBuckets out = *b;
    out.spans = arena_dup(arena, b->spans, b->span_count * sizeof *b->spans);
    out.counts = arena_dup(arena, b->counts, b->bucket_count * sizeof *b->counts);
    return out;
}

const NativeHistogram *series__keep_histogram(Arena *arena, const NativeHistogram *h)
{
    NativeHistogram *out = arena_dup(arena, h, sizeof *h);
    if (!out)
        return NULL;
    out->positive = keep_buckets(&h->positive, arena);
    out->negative = keep_buckets(&h->negative, arena);
    out->custom_values =
        arena_dup(arena, h->custom_values, h->custom_count * sizeof *h->custom_values);
    return out;
}

void series__windows(const int64_t *ts, uint32_t count, const int64_t *ends, uint32_t step_count,
                     int64_t width_before, int64_t width_after, PromWindow *windows)
{
    uint32_t lo = 0;
    uint32_t hi = 0;

    for (uint32_t s = 0; s < step_count; s++) {
        int64_t first = ends[s] - width_before;
        int64_t last = ends[s] + width_after;
        while (hi < count && ts[hi] <= last)
            hi++;
        while (lo < hi && ts[lo] <= first)
            lo++;
        windows[s] = (PromWindow){lo, hi};
    }
}
