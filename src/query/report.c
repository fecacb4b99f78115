/* report.c - what the server's traces are told of a query. */
#include "base/clock.h"
#include "query/query_int.h"
#include "query/sql/sql_scan.h"

enum { TEXT_BYTES_MAX = 4096 };

static bool is_wanted(const QueryEngine *engine, int64_t duration_ns, bool failed)
{
    const QueryOptions *options = &engine->options;
    return options->wants_report && options->wants_report(options->report_ctx, duration_ns, failed);
}

void report__query(Query *query)
{
    const Session *session = query->session;
    int64_t duration_ns = clock_mono_ns() - query->start_ns;
    CLEANUP(buf_done) Buf plan = {0};

    if (query->is_inner || !is_wanted(session->engine, duration_ns, query->failure != NULL))
        return;
    if (query->exec)
        exec_append_stats(query->exec, &plan);
    Str text = audit__shown_text(query->statement->ast->text, TEXT_BYTES_MAX);
    Str application = {0};
    (void)settings__get(query->session, STR("application_name"), &application);
    session->engine->options.on_report(session->engine->options.report_ctx,
                                       &(QueryReport){.language = STR("sql"),
                                                      .text = text,
                                                      .command = sql_scan_command(text),
                                                      .user = str_from(session->user),
                                                      .database = str_from(session->database),
                                                      .application = application,
                                                      .address = str_from(session->address),
                                                      .protocol = str_from(session->protocol),
                                                      .start_wall_ns = query->start_wall_ns,
                                                      .duration_ns = duration_ns,
                                                      .prepare_ns = query->prepare_ns,
                                                      .execute_ns = query->execute_ns,
                                                      .row_count = query->row_count,
                                                      .bytes_peak = query->budget.peak_bytes,
                                                      .plan = buf_str(&plan),
                                                      .error = query->failure});
}

static uint64_t count_points(const PromqlResult *result)
{
    uint64_t points = 0;

    for (uint32_t i = 0; i < result->series_count; i++)
        points += result->series[i].point_count;
    return points;
}

void report__promql(const QueryEngine *engine, const PromqlRequest *request,
                    const PromqlResult *result, int64_t start_ns, const Error *error)
{
    int64_t duration_ns = clock_mono_ns() - start_ns;

    if (!is_wanted(engine, duration_ns, error != NULL))
        return;
    engine->options.on_report(
        engine->options.report_ctx,
        &(QueryReport){.language = STR("promql"),
                       .text = str_sub(request->query, 0, TEXT_BYTES_MAX),
                       .command = request->step_ms ? STR("query_range") : STR("query"),
                       .protocol = STR("prometheus"),
                       .start_wall_ns = clock_wall_ns() - duration_ns,
                       .duration_ns = duration_ns,
                       .prepare_ns = result->stats.parse_ns + result->stats.prepare_ns,
                       .execute_ns = result->stats.eval_ns,
                       .row_count = count_points(result),
                       .samples = result->stats.samples_read,
                       .error = error});
}
