/* promql_query.c - PromQL from text to result: parse, resolve durations, lower, run, print names.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "query/exec/series_exec.h"
#include "query/promql/promql_lower.h"
#include "query/query_int.h"

enum {
    SUBQUERY_STEP_MS = 60'000, /* of [range:] */
    STEPS_MAX = 11'000,
};

/* Everything a result borrows from; dies with the caller's arena. */
typedef struct Run {
    MemBudget budget;
    Arena arena;
    Snapshot *snapshot;
    SeriesExec exec;
    SeriesOp *op;
    QueryCancel *cancel;
} Run;

static void free_run(void *ctx)
{
    Run *run = ctx;

    run->op = series_op_close(run->op);
    series_exec_done(&run->exec);
    arena_done(&run->arena);
    run->snapshot = snapshot_free(run->snapshot);
    mem_free(run);
}

/* Errors that are the request's fault, as a parse error is. */
static Status bad_request(Error *err, Status status)
{
    if (err)
        memcpy(err->sqlstate, "42601", 6);
    return status;
}

static Status check_request(const PromqlRequest *request, PromType type, Error *err)
{
    if (!request->step_ms)
        return STATUS_OK;
    if (type != PROM_TYPE_SCALAR && type != PROM_TYPE_VECTOR)
        return bad_request(err, error_set(err, STATUS_INVALID,
                                          "invalid expression type \"%s\" for range query, must be "
                                          "Scalar or instant Vector",
                                          prom_type_name(type)));
    if (request->step_ms < 0)
        return bad_request(err, error_set(err, STATUS_INVALID,
                                          "zero or negative query resolution step widths are not "
                                          "accepted. Try a positive integer"));
    if (request->end_ms < request->start_ms)
        return bad_request(
            err, error_set(err, STATUS_INVALID, "end timestamp must not be before start time"));
    if (request->end_ms / request->step_ms - request->start_ms / request->step_ms > STEPS_MAX)
        return bad_request(err, error_set(err, STATUS_INVALID,
                                          "exceeded maximum resolution of 11,000 points per "
                                          "timeseries. Try decreasing the query resolution "
                                          "(?step=XX)"));
    return STATUS_OK;
}

static Status new_run(QueryEngine *engine, const PromqlRequest *request, QueryCancel *cancel,
                      Arena *arena, Run **ret_run, Error *err)
{
    Run *run = MEM_NEW(Run);
    int64_t bytes = __atomic_load_n(&engine->query_bytes_max, __ATOMIC_RELAXED);
    int64_t timeout = __atomic_load_n(&engine->timeout_ns, __ATOMIC_RELAXED);

    if (request->timeout_ns > 0 && (timeout <= 0 || request->timeout_ns < timeout))
        timeout = request->timeout_ns;
    mem_budget_init(&run->budget, engine->options.budget, "query memory", bytes);
    arena_init(&run->arena, &run->budget);
    run->exec = (SeriesExec){
        .pool = engine->options.pool,
        .budget = &run->budget,
        .arena = &run->arena,
        .text = request->query,
        .cancelled = cancel ? &cancel->cancelled : NULL,
        .deadline_mono_ns = timeout > 0 ? clock_mono_ns() + timeout : 0,
        .lookback_ms =
            request->lookback_ms > 0 ? request->lookback_ms : engine->options.lookback_ms,
        .samples_max = engine->options.samples_max,
    };
    series_exec_init(&run->exec);
    arena_on_cleanup(arena, free_run, run);
    TRY(engine_snapshot(engine->options.engine, &run->snapshot, err));
    run->exec.source = series_source_of(run->snapshot);
    *ret_run = run;
    return STATUS_OK;
}

static int cmp_series(const void *a, const void *b)
{
    return label_set_cmp(((const PromqlSeries *)a)->labels, ((const PromqlSeries *)b)->labels);
}

/* The points of a row, one after the other. */
static Status pack_row(SeriesRow *row, SeriesGrid grid, Arena *arena, PromqlSeries *ret, Error *err)
{
    uint32_t n = 0;
    int64_t *ts;

    TRY(arena_try_alloc(arena, grid.count * sizeof *ts, &ts, err));
    for (uint32_t s = 0; s < grid.count; s++) {
        if (!series_row_has(row, s))
            continue;
        ts[n] = series_grid_ms(grid, s);
        row->values[n] = row->values[s];
        if (row->histograms)
            row->histograms[n] = row->histograms[s];
        n++;
    }
    *ret = (PromqlSeries){row->labels, ts, row->values, row->histograms, n};
    return STATUS_OK;
}

/* Labels as printed: names that functions dropped go now; series that became equal are joined. */
static Status finish_rows(Run *run, SeriesBatch *batch, SeriesGrid grid, Error *err)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        SeriesRow *row = &batch->rows[i];
        TRY(series_row_labels(&run->exec, row, &run->arena, err));
        if (row->drop_name)
            row->labels = series_labels_without_metadata(row->labels, &run->arena);
    }
    return series_merge_equal(&run->exec, batch, grid.count, &run->arena, err);
}

static Status run_steps(Run *run, const PlanNode *node, const PromqlRequest *request, PromType type,
                        PromqlResult *ret, Error *err)
{
    bool range = request->step_ms > 0;
    SeriesGrid grid = {
        request->start_ms, range ? request->step_ms : 1,
        range ? (uint32_t)((request->end_ms - request->start_ms) / request->step_ms) + 1 : 1};
    SeriesBatch batch;

    TRY(series_op_open(&run->exec, node, grid, &run->op, err));
    TRY(series_op_drain(run->op, &run->arena, &batch, err));
    if (type == PROM_TYPE_SCALAR && !range) {
        ret->type = PROMQL_SCALAR;
        ret->scalar = batch.rows[0].values[0];
        return STATUS_OK;
    }
    TRY(finish_rows(run, &batch, grid, err));
    ret->type = range ? PROMQL_MATRIX : PROMQL_VECTOR;
    TRY(arena_try_alloc(&run->arena, (batch.count + 1) * sizeof *ret->series, &ret->series, err));
    for (uint32_t i = 0; i < batch.count; i++)
        TRY(pack_row(&batch.rows[i], grid, &run->arena, &ret->series[i], err));
    ret->series_count = batch.count;
    if (range && batch.count)
        qsort(ret->series, batch.count, sizeof *ret->series, cmp_series);
    return STATUS_OK;
}

static Status run_matrix(Run *run, const PlanNode *node, const PromqlRequest *request,
                         PromqlResult *ret, Error *err)
{
    SeriesPoints *points;
    uint32_t count;

    TRY(series_read_matrix(&run->exec, node, request->start_ms, &run->arena, &points, &count, err));
    ret->type = PROMQL_MATRIX;
    TRY(arena_try_alloc(&run->arena, (count + 1) * sizeof *ret->series, &ret->series, err));
    for (uint32_t i = 0; i < count; i++) {
        LabelSet labels = points[i].labels;
        if (points[i].drop_name)
            labels = series_labels_without_metadata(labels, &run->arena);
        ret->series[i] = (PromqlSeries){labels, points[i].ts_ms, points[i].values,
                                        points[i].histograms, points[i].count};
    }
    ret->series_count = count;
    if (count)
        qsort(ret->series, count, sizeof *ret->series, cmp_series);
    return STATUS_OK;
}

/* At most SERIES_NOTES_MAX texts, and how many more there were. */
static Status take_notes(const Str *notes, uint32_t count, const char *kind, Arena *arena,
                         const Str **ret, uint32_t *ret_count, Error *err)
{
    uint32_t kept = LUMA_MIN(count, (uint32_t)SERIES_NOTES_MAX);
    Str *out;

    TRY(arena_try_alloc(arena, (kept + 1) * sizeof *out, &out, err));
    if (kept)
        memcpy(out, notes, kept * sizeof *out);
    if (count > kept)
        out[kept++] =
            arena_printf(arena, "%u more %s annotations omitted", count - SERIES_NOTES_MAX, kind);
    *ret = out;
    *ret_count = kept;
    return STATUS_OK;
}

static Status execute(QueryEngine *engine, const PromqlRequest *request, QueryCancel *cancel,
                      Arena *arena, PromqlResult *ret, Error *err)
{
    PromqlTimes times = {request->start_ms, request->step_ms ? request->end_ms : request->start_ms,
                         request->step_ms, SUBQUERY_STEP_MS};
    int64_t begin = clock_mono_ns();
    const PromExpr *bare;
    PromExpr *expr;
    PlanNode *node;
    Run *run;
    Status status;

    TRY(new_run(engine, request, cancel, arena, &run, err));
    TRY(promql_parse(request->query, &run->arena, &expr, err));
    TRY(check_request(request, expr->type, err));
    status = promql_resolve_durations(expr, times.step_ms, times.end_ms - times.start_ms, err);
    if (status != STATUS_OK)
        return bad_request(err, status);
    ret->stats.parse_ns = clock_mono_ns() - begin;
    bare = prom_expr_unwrap(expr);
    if (bare->type == PROM_TYPE_STRING) {
        ret->type = PROMQL_STRING;
        ret->string = bare->string;
        return STATUS_OK;
    }
    TRY(promql_lower(bare, &times, &run->arena, &node, err));
    ret->stats.prepare_ns = clock_mono_ns() - begin - ret->stats.parse_ns;
    if (bare->type == PROM_TYPE_MATRIX)
        TRY(run_matrix(run, node, request, ret, err));
    else
        TRY(run_steps(run, node, request, bare->type, ret, err));
    TRY(take_notes(run->exec.notes.warnings, run->exec.notes.warning_count, "warning", &run->arena,
                   &ret->warnings, &ret->warning_count, err));
    TRY(take_notes(run->exec.notes.infos, run->exec.notes.info_count, "info", &run->arena,
                   &ret->infos, &ret->info_count, err));
    ret->stats.samples_read = run->exec.samples;
    ret->stats.samples_peak = run->exec.samples;
    ret->stats.eval_ns = clock_mono_ns() - begin - ret->stats.parse_ns - ret->stats.prepare_ns;
    return STATUS_OK;
}

Status promql_execute(QueryEngine *engine, const PromqlRequest *request, QueryCancel *cancel,
                      Arena *arena, PromqlResult *ret_result, Error *err)
{
    PromqlResult result = {0};
    Status status;
    int64_t begin = clock_mono_ns();
    Error own = {0};

    if (!err)
        err = &own;
    counter_add(COUNTER_QUERIES_PROMQL, 1);
    status = execute(engine, request, cancel, arena, &result, err);
    report__promql(engine, request, &result, begin, status == STATUS_OK ? NULL : err);
    if (status == STATUS_OK)
        *ret_result = result;
    else
        counter_add(status == STATUS_CANCELLED || status == STATUS_TIMEOUT
                        ? COUNTER_QUERIES_CANCELLED
                        : COUNTER_QUERIES_FAILED,
                    1);
    return status;
}
