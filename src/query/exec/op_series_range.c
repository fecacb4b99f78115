/* op_series_range.c - functions over range vectors: the samples of each series are read once and
 * the function's kernel runs over all steps.
 *
 * The input is a range selector, read from the source, or a subquery: its child is evaluated over
 * the subquery's own grid first and its values are the samples.
 */
#include <inttypes.h>
#include <math.h>

#include "query/exec/series_reader.h"

typedef struct RangeOp {
    SeriesScanState scan;
    const SeriesPlan *range; /* the selector or subquery */
    int64_t *times;          /* per step: grid time */
    int64_t *ends;           /* per step: end of the window */
    SeriesRow *rows;         /* of the batch under work */
    uint32_t first;          /* index of its first series */
    Arena points_arena;      /* subquery: its values */
    SeriesBatch points;      /* subquery: all its rows */
    SeriesGrid points_grid;
} RangeOp;

_Static_assert(sizeof(RangeOp) <= SERIES_OP_STATE_BYTES, "state fits");

static bool keeps_name(PromFunc func)
{
    return func == PROM_FUNC_LAST_OVER_TIME || func == PROM_FUNC_FIRST_OVER_TIME;
}

/* Floats and histograms of a subquery's row, put where a run of samples would be. */
static Status load_points(RangeOp *range, SeriesWorker *w, const SeriesRow *from, PromRange *r,
                          Error *err)
{
    SampleRun *run = &w->run;
    uint32_t n = range->points_grid.count;
    uint32_t floats = 0;
    uint32_t hists = 0;

    if (run->cap < n) { /* once per worker */
        run->ts_ms = mem_realloc(run->ts_ms, n * sizeof *run->ts_ms);
        run->values = mem_realloc(run->values, n * sizeof *run->values);
        run->cap = n;
    }
    if (from->histograms && w->hist_cap < n) {
        w->hist_ts = mem_realloc(w->hist_ts, n * sizeof *w->hist_ts);
        w->hists = mem_realloc(w->hists, n * sizeof *w->hists);
        w->hist_start = mem_realloc(w->hist_start, n * sizeof *w->hist_start);
        w->hist_cap = n;
    }
    for (uint32_t s = 0; s < n; s++) {
        int64_t ts = series_grid_ms(range->points_grid, s);
        if (!prom_is_absent(from->values[s])) {
            run->ts_ms[floats] = ts;
            run->values[floats++] = from->values[s];
        } else if (from->histograms && from->histograms[s]) {
            w->hist_ts[hists] = ts;
            w->hists[hists++] = from->histograms[s];
        }
    }
    r->ts_ms = run->ts_ms;
    r->values = run->values;
    r->start_ms = NULL;
    r->count = floats;
    r->hist_ts_ms = w->hist_ts;
    r->hists = w->hists;
    r->hist_start_ms = NULL;
    r->hist_count = hists;
    return STATUS_OK;
}

static uint64_t count_samples(const PromRange *r, uint32_t steps)
{
    uint64_t n = 0;
    for (uint32_t s = 0; s < steps; s++) {
        n += r->windows[s].hi - r->windows[s].lo;
        if (r->hist_windows)
            n += r->hist_windows[s].hi - r->hist_windows[s].lo;
    }
    return n;
}

/* Words notes that a kernel left; the metric's name is read only then. */
static Status report(SeriesOp *op, SeriesWorker *w, const SeriesRow *row, uint32_t notes,
                     const PromRange *r, Error *err)
{
    SeriesRow named = *row;

    if (!notes)
        return STATUS_OK;
    TRY(series_row_labels(op->exec, &named, &w->arena, err));
    series__note_range(op->exec, notes, label_set_get(named.labels, LABEL_NAME), op->plan);
    for (uint32_t s = 0; (notes & PROM_NOTE_BAD_QUANTILE) && s < r->step_count; s++) {
        double q = r->params[0][s];
        if (!(q >= 0 && q <= 1))
            series_exec_warn(op->exec, op->plan->param_positions[0],
                             "quantile value should be between 0 and 1, got %s%g",
                             isinf(q) && q > 0 ? "+" : "", q);
    }
    return STATUS_OK;
}

static Status call_row(SeriesOp *op, SeriesWorker *w, SeriesRow *row, const SeriesRow *from,
                       Error *err)
{
    RangeOp *range = series__state(op);
    SeriesExec *exec = op->exec;
    const SeriesPlan *sel = range->range;
    uint32_t steps = op->grid.count;
    bool extended = sel->anchored || sel->smoothed;
    int64_t before = sel->range_ms + (extended ? exec->lookback_ms : 0);
    int64_t after = sel->smoothed ? exec->lookback_ms : 0;
    uint32_t notes = 0;
    PromRange r = {
        .step_count = steps,
        .step_ms = range->times,
        .end_ms = range->ends,
        .range_ms = sel->range_ms,
        .windows = w->windows,
        .anchored = sel->anchored,
        .smoothed = sel->smoothed,
        .arena = &w->arena,
    };

    if (from) {
        TRY(load_points(range, w, from, &r, err));
    } else {
        TRY(exec->source.ops->read(exec->source.ctx, row->ref, range->ends[0] - before + 1,
                                   range->ends[steps - 1] + after, &w->run, err));
        TRY(series__split_run(w, &r, err));
    }
    if (!r.count && !r.hist_count)
        return STATUS_OK;
    for (uint32_t i = 0; i < op->plan->param_count && i < 2; i++)
        r.params[i] = op->param_values[i];
    series__windows(r.ts_ms, r.count, range->ends, steps, before, after, w->windows);
    if (r.hist_count) {
        series__windows(r.hist_ts_ms, r.hist_count, range->ends, steps, before, after,
                        w->hist_windows);
        r.hist_windows = w->hist_windows;
        row->histograms = arena_zalloc(&w->arena, steps * sizeof *row->histograms);
        if (!row->histograms)
            return error_set(err, STATUS_LIMIT, "query memory is used up");
    }
    TRY(series_exec_count(exec, count_samples(&r, steps), err));
    TRY(prom_range_call(op->plan->func, &r, row->values, row->histograms, &notes, err));
    for (uint32_t s = 0; row->histograms && keeps_name(op->plan->func) && s < steps; s++)
        if (row->histograms[s]) /* still the run's */
            row->histograms[s] = series__keep_histogram(&w->arena, row->histograms[s]);
    return report(op, w, row, notes, &r, err);
}

static Status call_rows(void *ctx, uint32_t worker, uint32_t from, uint32_t to, Error *err)
{
    SeriesOp *op = ctx;
    RangeOp *range = series__state(op);
    SeriesWorker *w = &range->scan.workers[worker];

    for (uint32_t i = from; i < to; i++) {
        const SeriesRow *points =
            range->range->kind == SERIES_SUBQUERY ? &range->points.rows[range->first + i] : NULL;
        TRY(series_exec_check(op->exec, err));
        TRY(call_row(op, w, &range->rows[i], points, err));
    }
    return STATUS_OK;
}

static bool is_counter_name(Str name)
{
    return str_ends(name, STR("_total")) || str_ends(name, STR("_sum")) ||
           str_ends(name, STR("_count")) || str_ends(name, STR("_bucket"));
}

/* rate() of something that does not look like a counter; *noted is the name told of last. */
static Status check_counter(SeriesOp *op, SeriesRow *row, Str *noted, Arena *arena, Error *err)
{
    char quoted[320];
    char type_quoted[320];
    bool floats = false;
    Str name;
    Str type;

    for (uint32_t s = 0; s < op->grid.count && !floats; s++)
        floats = !prom_is_absent(row->values[s]);
    if (!floats)
        return STATUS_OK;
    TRY(series_row_labels(op->exec, row, arena, err));
    name = label_set_get(row->labels, LABEL_NAME);
    type = label_set_get(row->labels, STR("__type__"));
    if (!name.len)
        return STATUS_OK;
    if (type.len) {
        if (!str_eq(type, STR("counter")) && !str_eq(type, STR("histogram")))
            series_exec_info(op->exec, op->plan->arg_position,
                             "metric might not be a counter, __type__ label is not set to "
                             "\"counter\" or \"histogram\", got %s: %s",
                             series__quote(type, type_quoted), series__quote(name, quoted));
    } else if (!is_counter_name(name) && !str_eq(name, *noted)) {
        *noted = name;
        series_exec_info(op->exec, op->plan->arg_position,
                         "metric might not be a counter, name does not end in "
                         "_total/_sum/_count/_bucket: %s",
                         series__quote(name, quoted));
    }
    return STATUS_OK;
}

/* Series of one metric share the name: asking once per batch is enough for most. */
static Status check_counters(SeriesOp *op, SeriesBatch *batch, Arena *arena, Error *err)
{
    if (op->plan->func != PROM_FUNC_RATE && op->plan->func != PROM_FUNC_INCREASE)
        return STATUS_OK;
    for (uint32_t i = 0; i < op->node->children[0]->series->matcher_count; i++) {
        const LabelMatcher *m = &op->node->children[0]->series->matchers[i];
        bool plain = m->op == MATCH_EQ && str_eq(m->name, LABEL_NAME) && is_counter_name(m->value);
        bool typed = false;
        for (uint32_t j = 0; plain && j < batch->count && j < 4; j++) {
            TRY(series_row_labels(op->exec, &batch->rows[j], arena, err));
            typed = typed || label_set_get(batch->rows[j].labels, STR("__type__")).len;
        }
        if (plain && !typed)
            return STATUS_OK;
    }
    Str noted = STR("");
    for (uint32_t i = 0; i < batch->count; i++)
        TRY(check_counter(op, &batch->rows[i], &noted, arena, err));
    return STATUS_OK;
}

static Status range_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    RangeOp *range = series__state(op);
    bool subquery = range->range->kind == SERIES_SUBQUERY;
    uint32_t steps = op->grid.count;
    uint32_t total = subquery ? range->points.count : range->scan.list.count;

    TRY(series__params(op, err));
    while (range->scan.next < total) {
        uint32_t n = LUMA_MIN(series__batch_rows(steps), total - range->scan.next);
        double *values;
        range->first = range->scan.next;
        TRY(arena_try_alloc(arena, n * sizeof *range->rows, &range->rows, err));
        TRY(arena_try_alloc(arena, (size_t)n * steps * sizeof *values, &values, err));
        for (size_t i = 0; i < (size_t)n * steps; i++)
            values[i] = prom_absent();
        for (uint32_t i = 0; i < n; i++) {
            SeriesRow *row = &range->rows[i];
            *row = subquery ? range->points.rows[range->first + i]
                            : (SeriesRow){.ref = range->scan.list.refs[range->first + i],
                                          .has_ref = true};
            row->drop_name = !keeps_name(op->plan->func) || (subquery && row->drop_name);
            row->values = values + (size_t)i * steps;
            row->histograms = NULL;
        }
        range->scan.next += n;
        TRY(parallel_for(n > 8 ? op->exec->pool : NULL, n, LUMA_MAX(1u, n / 64), call_rows, op,
                         err));
        *ret_batch = (SeriesBatch){range->rows, n};
        series__drop_empty(ret_batch, steps);
        if (ret_batch->count)
            return check_counters(op, ret_batch, arena, err);
    }
    *ret_batch = (SeriesBatch){0};
    return STATUS_OK;
}

static void range_close(SeriesOp *op)
{
    RangeOp *range = series__state(op);
    series__scan_close(&range->scan);
    arena_done(&range->points_arena);
}

static const SeriesOpOps range_ops = {range_next, range_close};

/* First multiple of step after `t` (the window is left-open). */
static int64_t aligned_after(int64_t t, int64_t step)
{
    int64_t at = step * (t / step);
    return at <= t ? at + step : at;
}

/* Evaluates the child of a subquery over all the time its windows cover. */
static Status open_subquery(SeriesExec *exec, const PlanNode *node, int64_t first_end,
                            int64_t last_end, SeriesGrid *ret_grid, SeriesOp **ret_op, Error *err)
{
    const SeriesPlan *plan = node->series;
    int64_t start = aligned_after(first_end - plan->range_ms, plan->step_ms);
    int64_t count = start > last_end ? 0 : (last_end - start) / plan->step_ms + 1;

    *ret_op = NULL;
    if (count > INT32_MAX)
        return error_set(err, STATUS_LIMIT, "subquery has too many steps: %" PRId64, count);
    *ret_grid = (SeriesGrid){start, plan->step_ms, (uint32_t)count};
    if (count == 0)
        return STATUS_OK;
    return series_op_open(exec, node->children[0], *ret_grid, ret_op, err);
}

static Status fill_subquery(SeriesOp *op, RangeOp *range, Error *err)
{
    const PlanNode *node = op->node->children[0];
    uint32_t steps = op->grid.count;

    arena_init(&range->points_arena, op->exec->budget);
    TRY(series__workers_open(&range->scan, op, err));
    TRY(open_subquery(op->exec, node, range->ends[0], range->ends[steps - 1], &range->points_grid,
                      &op->inputs[0], err));
    if (!op->inputs[0])
        return STATUS_OK;
    return series_op_drain(op->inputs[0], &range->points_arena, &range->points, err);
}

Status op_series_range_open(SeriesOp *op, Error *err)
{
    RangeOp *range = series__state(op);
    const SeriesPlan *sel = op->node->children[0]->series;
    SeriesExec *exec = op->exec;
    uint32_t steps = op->grid.count;
    bool extended = sel->anchored || sel->smoothed;

    op->ops = &range_ops;
    range->range = sel;
    TRY(arena_try_alloc(exec->arena, steps * sizeof *range->times, &range->times, err));
    TRY(arena_try_alloc(exec->arena, steps * sizeof *range->ends, &range->ends, err));
    for (uint32_t s = 0; s < steps; s++) {
        range->times[s] = series_grid_ms(op->grid, s);
        range->ends[s] = (sel->has_at ? sel->at_ms : range->times[s]) - sel->offset_ms;
    }
    if (sel->kind == SERIES_SUBQUERY)
        return fill_subquery(op, range, err);
    return series__scan_open(&range->scan, op, sel,
                             range->ends[0] - sel->range_ms + 1 -
                                 (extended ? exec->lookback_ms : 0),
                             range->ends[steps - 1] + (sel->smoothed ? exec->lookback_ms : 0), err);
}

/* ---------------------------------------------------------------- matrix results */

static Status read_selector_matrix(SeriesOp *head, const SeriesPlan *plan, int64_t end,
                                   Arena *arena, SeriesPoints **ret_series, uint32_t *ret_count,
                                   Error *err)
{
    SeriesScanState scan = {0};
    SeriesExec *exec = head->exec;
    SeriesPoints *out = NULL;
    uint32_t n = 0;
    Status status = series__scan_open(&scan, head, plan, end - plan->range_ms + 1, end, err);

    if (status == STATUS_OK)
        status = arena_try_alloc(arena, (scan.list.count + 1) * sizeof *out, &out, err);
    for (uint32_t i = 0; status == STATUS_OK && i < scan.list.count; i++) {
        SeriesWorker *w = &scan.workers[0];
        SampleRun *run = &w->run;
        SeriesPoints *p = &out[n];
        uint32_t kept = 0;
        double *values;
        int64_t *ts;
        const NativeHistogram **hists = NULL;
        status = series_exec_check(exec, err);
        if (status == STATUS_OK)
            status = exec->source.ops->read(exec->source.ctx, scan.list.refs[i],
                                            end - plan->range_ms + 1, end, run, err);
        if (status == STATUS_OK)
            status = series_exec_count(exec, run->count, err);
        if (status == STATUS_OK)
            status = arena_try_alloc(arena, (run->count + 1) * sizeof *ts, &ts, err);
        if (status == STATUS_OK)
            status = arena_try_alloc(arena, (run->count + 1) * sizeof *values, &values, err);
        if (status == STATUS_OK && run->histograms)
            status = arena_try_alloc(arena, (run->count + 1) * sizeof *hists, &hists, err);
        if (status != STATUS_OK)
            break;
        for (uint32_t k = 0; k < run->count; k++) {
            const NativeHistogram *h = run->histograms ? run->histograms[k] : NULL;
            if (h ? histogram_is_stale(h) : prom_is_absent(run->values[k]))
                continue;
            ts[kept] = run->ts_ms[k];
            values[kept] = h ? 0 : run->values[k];
            if (hists)
                hists[kept] = h ? series__keep_histogram(arena, h) : NULL;
            kept++;
        }
        if (!kept)
            continue;
        *p = (SeriesPoints){.ts_ms = ts, .values = values, .histograms = hists, .count = kept};
        status =
            exec->source.ops->labels(exec->source.ctx, scan.list.refs[i], arena, &p->labels, err);
        n++;
    }
    series__scan_close(&scan);
    *ret_series = out;
    *ret_count = n;
    return status;
}

static void close_op(void *ctx)
{
    (void)series_op_close(ctx);
}

static Status read_subquery_matrix(SeriesExec *exec, const PlanNode *node, int64_t end,
                                   Arena *arena, SeriesPoints **ret_series, uint32_t *ret_count,
                                   Error *err)
{
    SeriesGrid grid;
    SeriesOp *op;
    SeriesBatch all = {0};
    SeriesPoints *out;
    Status status;

    *ret_count = 0;
    TRY(open_subquery(exec, node, end, end, &grid, &op, err));
    if (!op)
        return STATUS_OK;
    status = series_op_drain(op, arena, &all, err);
    if (status == STATUS_OK)
        status = arena_try_alloc(arena, (all.count + 1) * sizeof *out, &out, err);
    for (uint32_t i = 0; status == STATUS_OK && i < all.count; i++) {
        SeriesRow *row = &all.rows[i];
        int64_t *ts = arena_alloc(arena, grid.count * sizeof *ts);
        uint32_t n = 0;
        status = ts ? series_row_labels(exec, row, arena, err)
                    : error_set(err, STATUS_LIMIT, "query memory is used up");
        for (uint32_t s = 0; status == STATUS_OK && s < grid.count; s++) {
            if (!series_row_has(row, s))
                continue;
            ts[n] = series_grid_ms(grid, s);
            row->values[n] = row->values[s];
            if (row->histograms)
                row->histograms[n] = row->histograms[s];
            n++;
        }
        out[i] = (SeriesPoints){row->labels, row->drop_name, ts, row->values, row->histograms, n};
    }
    *ret_series = out;
    *ret_count = status == STATUS_OK ? all.count : 0;
    /* Histograms of the rows may live in the operator. */
    arena_on_cleanup(exec->arena, close_op, op);
    return status;
}

Status series_read_matrix(SeriesExec *exec, const PlanNode *node, int64_t time_ms, Arena *arena,
                          SeriesPoints **ret_series, uint32_t *ret_count, Error *err)
{
    const SeriesPlan *plan = node->series;
    int64_t end = (plan->has_at ? plan->at_ms : time_ms) - plan->offset_ms;
    SeriesOp head = {.exec = exec, .plan = plan, .node = node, .grid = {time_ms, 1, 1}};

    *ret_series = NULL;
    *ret_count = 0;
    if (plan->kind == SERIES_SUBQUERY)
        return read_subquery_matrix(exec, node, end, arena, ret_series, ret_count, err);
    return read_selector_matrix(&head, plan, end, arena, ret_series, ret_count, err);
}
