/* prom_api_query.c - /api/v1/query, query_range, query_exemplars. */
#include "base/clock.h"
#include "net/prom/prom_api_int.h"

enum { STEPS_MAX = 11'000 };

static const Str truncated[1] = {STR_INIT("results truncated due to limit")};

static void append_seconds(const char *name, int64_t ns, Buf *out)
{
    buf_printf(out, "\"%s\":%.9f", name, (double)ns / 1e9);
}

/* ,"stats":{...}} or }: the end of "data". */
static void append_stats(HttpRequest *req, const PromqlResult *result, int64_t queue_ns, Buf *out)
{
    const PromqlStats *s = &result->stats;

    if (http_request_value(req, STR("stats")).len) {
        buf_append_lit(out, ",\"stats\":{\"timings\":{");
        append_seconds("evalTotalTime", s->parse_ns + s->prepare_ns + s->eval_ns, out);
        buf_append_lit(out, ",\"resultSortTime\":0,");
        append_seconds("queryPreparationTime", s->parse_ns + s->prepare_ns, out);
        buf_append_byte(out, ',');
        append_seconds("innerEvalTime", s->eval_ns, out);
        buf_append_byte(out, ',');
        append_seconds("execQueueTime", queue_ns, out);
        buf_append_byte(out, ',');
        append_seconds("execTotalTime", queue_ns + s->parse_ns + s->prepare_ns + s->eval_ns, out);
        buf_printf(out, "},\"samples\":{\"totalQueryableSamples\":%llu,\"peakSamples\":%llu}}",
                   (unsigned long long)s->samples_read, (unsigned long long)s->samples_peak);
    }
    buf_append_byte(out, '}');
}

static void respond_result(PromTask *task, const PromqlRequest *request, const PromqlResult *result,
                           uint64_t limit, int64_t queue_ns, Arena *arena)
{
    Buf out = {0};
    bool cut = limit && result->series_count > limit;
    const Str *warnings = result->warnings;
    uint32_t warning_count = result->warning_count;

    if (cut) {
        Str *more = ARENA_NEW_ARRAY(arena, Str, warning_count + 1);
        if (warning_count)
            memcpy(more, warnings, warning_count * sizeof *more);
        more[warning_count++] = truncated[0];
        warnings = more;
    }
    prom_json_begin(&out);
    prom_json_result(result, request->start_ms, limit, arena, &out);
    append_stats(task->req, result, queue_ns, &out);
    prom_json_end(warnings, warning_count, result->infos, result->info_count, &out);
    prom_json_respond(task->req, &out);
}

/* A parse error, or what else is wrong with the request itself. */
static bool is_request_error(const Error *err)
{
    return strcmp(err->sqlstate, "42601") == 0;
}

static void execute(PromTask *task, const PromqlRequest *request, uint64_t limit)
{
    CLEANUP(arena_done) Arena arena = {0};
    int64_t queue_ns = clock_mono_ns() - task->req->received_ns;
    PromqlResult result = {0};
    Error err = {0};

    Status status =
        promql_execute(task->api->queries, request, &task->cancel, &arena, &result, &err);
    if (status == STATUS_OK)
        respond_result(task, request, &result, limit, queue_ns, &arena);
    else if (is_request_error(&err))
        prom_json_error(task->req, "bad_data", "invalid parameter \"query\": %s", err.message);
    else
        prom_json_status(task->req, &err);
}

/* Parameters that both kinds of queries have. */
static bool common(HttpRequest *req, PromqlRequest *request, uint64_t *ret_limit)
{
    int64_t timeout_ms;

    request->query = http_request_value(req, STR("query"));
    if (!request->query.ptr)
        request->query = STR("");
    if (!prom_api__limit(req, ret_limit) || !prom_api__duration(req, "timeout", 0, &timeout_ms) ||
        !prom_api__duration(req, "lookback_delta", 0, &request->lookback_ms))
        return false;
    request->timeout_ns = timeout_ms * NS_PER_MS;
    return true;
}

static void run_query(PromTask *task)
{
    HttpRequest *req = task->req;
    PromqlRequest request = {0};
    uint64_t limit;

    if (!common(req, &request, &limit) ||
        !prom_api__time(req, "time", clock_wall_ms(), &request.start_ms))
        return;
    request.end_ms = request.start_ms;
    execute(task, &request, limit);
}

static bool need(HttpRequest *req, const char *name)
{
    if (http_request_value(req, str_from(name)).len)
        return true;
    prom_json_error(req, "bad_data",
                    strcmp(name, "step") == 0
                        ? "invalid parameter \"%s\": cannot parse \"\" to a valid duration"
                        : "invalid parameter \"%s\": cannot parse \"\" to a valid timestamp",
                    name);
    return false;
}

static void run_query_range(PromTask *task)
{
    HttpRequest *req = task->req;
    PromqlRequest request = {0};
    uint64_t limit;

    if (!need(req, "start") || !prom_api__time(req, "start", 0, &request.start_ms) ||
        !need(req, "end") || !prom_api__time(req, "end", 0, &request.end_ms))
        return;
    if (request.end_ms < request.start_ms) {
        prom_json_error(req, "bad_data",
                        "invalid parameter \"end\": end timestamp must not be before start time");
        return;
    }
    if (!need(req, "step") || !prom_api__duration(req, "step", 0, &request.step_ms))
        return;
    if (request.step_ms <= 0) {
        prom_json_error(req, "bad_data",
                        "invalid parameter \"step\": zero or negative query resolution step widths "
                        "are not accepted. Try a positive integer");
        return;
    }
    if ((request.end_ms - request.start_ms) / request.step_ms > STEPS_MAX) {
        prom_json_error(req, "bad_data",
                        "exceeded maximum resolution of 11,000 points per timeseries. Try "
                        "decreasing the query resolution (?step=XX)");
        return;
    }
    if (common(req, &request, &limit))
        execute(task, &request, limit);
}

/* ---------------------------------------------------------------- exemplars */

typedef struct Selectors {
    const PromExpr **items;
    uint32_t count;
    uint32_t cap;
    Arena *arena;
} Selectors;

static void find_selectors(const PromExpr *expr, Selectors *found)
{
    switch (expr->kind) {
    case PROM_NUMBER:
    case PROM_STRING:
        return;
    case PROM_SELECTOR:
        ARENA_PUSH(found->arena, found->items, found->count, found->cap, expr);
        return;
    case PROM_RANGE:
        find_selectors(expr->range.selector, found);
        return;
    case PROM_SUBQUERY:
        find_selectors(expr->subquery.expr, found);
        return;
    case PROM_CALL:
        for (uint32_t i = 0; i < expr->call.arg_count; i++)
            find_selectors(expr->call.args[i], found);
        return;
    case PROM_AGGREGATE:
        find_selectors(expr->agg.expr, found);
        return;
    case PROM_BINARY:
        find_selectors(expr->binary.left, found);
        find_selectors(expr->binary.right, found);
        return;
    case PROM_UNARY:
        find_selectors(expr->unary.expr, found);
        return;
    case PROM_PAREN:
        find_selectors(expr->paren, found);
        return;
    }
}

/* Series with their exemplars, each series once. */
static Status append_exemplars(Snapshot *snapshot, const Selectors *found, int64_t start,
                               int64_t end, Arena *arena, Buf *out, Error *err)
{
    SeriesRef *seen = NULL;
    uint32_t seen_count = 0;
    uint32_t seen_cap = 0;
    bool first = true;

    buf_append_byte(out, '[');
    for (uint32_t k = 0; k < found->count; k++) {
        ExemplarRow *rows;
        uint32_t count;
        TRY(engine_exemplars(snapshot, found->items[k]->selector.matchers,
                             found->items[k]->selector.matcher_count, start, end, arena, &rows,
                             &count, err));
        for (uint32_t i = 0; i < count;) {
            SeriesRef ref = rows[i].ref;
            bool again = false;
            LabelSet labels;
            for (uint32_t s = 0; s < seen_count; s++)
                again = again || seen[s] == ref;
            if (again) {
                i++;
                continue;
            }
            ARENA_PUSH(arena, seen, seen_count, seen_cap, ref);
            TRY(engine_series_labels(snapshot, ref, arena, &labels, err));
            buf_append_str(out, first ? STR("{\"seriesLabels\":") : STR(",{\"seriesLabels\":"));
            first = false;
            prom_json_labels(labels, out);
            buf_append_lit(out, ",\"exemplars\":[");
            for (bool one = true; i < count && rows[i].ref == ref; i++, one = false) {
                buf_append_str(out, one ? STR("{\"labels\":") : STR(",{\"labels\":"));
                prom_json_labels(rows[i].labels, out);
                buf_append_lit(out, ",\"value\":\"");
                prom_json_float(rows[i].value, out);
                buf_append_lit(out, "\",\"timestamp\":");
                prom_json_time(rows[i].ts_ms, out);
                buf_append_byte(out, '}');
            }
            buf_append_lit(out, "]}");
        }
    }
    buf_append_byte(out, ']');
    return STATUS_OK;
}

static void run_exemplars(PromTask *task)
{
    CLEANUP(arena_done) Arena arena = {0};
    HttpRequest *req = task->req;
    Selectors found = {.arena = &arena};
    Snapshot *snapshot;
    PromExpr *expr;
    Buf out = {0};
    Error err = {0};
    int64_t start;
    int64_t end;
    Status status;

    if (!prom_api__time(req, "start", INT64_MIN / 4, &start) ||
        !prom_api__time(req, "end", INT64_MAX / 4, &end))
        return;
    if (end < start) {
        prom_json_error(req, "bad_data",
                        "invalid parameter \"end\": end timestamp must not be before start "
                        "timestamp");
        return;
    }
    if (promql_parse(http_request_value(req, STR("query")), &arena, &expr, &err) != STATUS_OK) {
        prom_json_error(req, "bad_data", "invalid parameter \"query\": %s", err.message);
        return;
    }
    find_selectors(expr, &found);
    prom_json_begin(&out);
    status = engine_snapshot(task->api->engine, &snapshot, &err);
    if (status == STATUS_OK) {
        status = append_exemplars(snapshot, &found, start, end, &arena, &out, &err);
        (void)snapshot_free(snapshot);
    }
    if (status != STATUS_OK) {
        buf_done(&out);
        prom_json_status(req, &err);
        return;
    }
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(req, &out);
}

static void on_query(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_query);
}
static void on_query_range(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_query_range);
}
static void on_exemplars(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_exemplars);
}

void prom_api__query_routes(PromApi *api, HttpRouter *router)
{
    prom_api__route(api, router, HTTP_GET | HTTP_POST, "/api/v1/query", on_query);
    prom_api__route(api, router, HTTP_GET | HTTP_POST, "/api/v1/query_range", on_query_range);
    prom_api__route(api, router, HTTP_GET | HTTP_POST, "/api/v1/query_exemplars", on_exemplars);
}
