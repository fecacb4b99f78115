/* explain.c - EXPLAIN: its options, and the statement planned or, with ANALYZE, run. */
#include "query/query_int.h"

#include "base/clock.h"
#include "query/optimizer/optimizer.h"

/* ---------------------------------------------------------------- options */

typedef struct ExplainOptions {
    ExplainFormat format;
    bool analyze;
    bool costs;
    bool timing;
    bool summary;
} ExplainOptions;

static Status read_bool(const AstOption *option, bool *ret, Error *err)
{
    static const char *const yes[] = {"true", "on", "1"};
    static const char *const no[] = {"false", "off", "0"};
    *ret = true;
    if (!option->has_value)
        return STATUS_OK;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(yes); i++) {
        if (str_eq_nocase(option->value, str_from(yes[i])))
            return STATUS_OK;
        *ret = false;
        if (str_eq_nocase(option->value, str_from(no[i])))
            return STATUS_OK;
        *ret = true;
    }
    return error_set_sql(err, STATUS_INVALID, "42601", option->position,
                         "%.*s requires a Boolean value", STR_FMT(option->name));
}

static bool read_format(Str value, ExplainFormat *ret)
{
    static const char *const names[] = {"text", "json", "yaml", "xml"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (str_eq_nocase(value, str_from(names[i]))) {
            *ret = (ExplainFormat)i;
            return true;
        }
    return false;
}

ExplainFormat explain__format(const AstExplain *ast)
{
    ExplainFormat format = EXPLAIN_TEXT;
    for (uint32_t i = 0; i < ast->option_count; i++)
        if (str_eq(ast->options[i].name, STR("format")))
            (void)read_format(ast->options[i].value, &format); /* running it gives the error */
    return format;
}

bool explain__analyzes(const AstExplain *ast)
{
    bool analyze = false;
    for (uint32_t i = 0; i < ast->option_count; i++)
        if (str_eq(ast->options[i].name, STR("analyze")))
            (void)read_bool(&ast->options[i], &analyze, NULL);
    return analyze;
}

static Status needs_analyze(const char *name, Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22023", 0, "EXPLAIN option %s requires ANALYZE",
                         name);
}

static Status read_options(const AstExplain *explain, ExplainOptions *ret, Error *err)
{
    bool timing_set = false, summary_set = false, wal = false, ignored;
    *ret = (ExplainOptions){.costs = true};
    for (uint32_t i = 0; i < explain->option_count; i++) {
        const AstOption *option = &explain->options[i];
        Str name = option->name;
        if (str_eq(name, STR("analyze"))) {
            TRY(read_bool(option, &ret->analyze, err));
        } else if (str_eq(name, STR("costs"))) {
            TRY(read_bool(option, &ret->costs, err));
        } else if (str_eq(name, STR("timing"))) {
            TRY(read_bool(option, &ret->timing, err));
            timing_set = true;
        } else if (str_eq(name, STR("summary"))) {
            TRY(read_bool(option, &ret->summary, err));
            summary_set = true;
        } else if (str_eq(name, STR("wal"))) {
            TRY(read_bool(option, &wal, err));
        } else if (str_eq(name, STR("verbose")) || str_eq(name, STR("buffers")) ||
                   str_eq(name, STR("settings"))) {
            TRY(read_bool(option, &ignored, err));
        } else if (!str_eq(name, STR("format"))) {
            return error_set_sql(err, STATUS_INVALID, "42601", option->position,
                                 "unrecognized EXPLAIN option \"%.*s\"", STR_FMT(name));
        } else if (!read_format(option->value, &ret->format)) {
            return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                                 "unrecognized value for EXPLAIN option \"format\": \"%.*s\"",
                                 STR_FMT(option->value));
        }
    }
    if (wal && !ret->analyze)
        return needs_analyze("WAL", err);
    if (timing_set && ret->timing && !ret->analyze)
        return needs_analyze("TIMING", err);
    if (!timing_set)
        ret->timing = ret->analyze;
    if (!summary_set)
        ret->summary = ret->analyze;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- showing */

/* A document in the making. */
struct QueryExplain {
    ExplainOptions options;
    ExplainWriter writer;
    Buf text;
};

static bool node_stats(void *ctx, const PlanNode *node, PlanActual *ret)
{
    return exec_node_stats(ctx, node, ret);
}

void explain__show(Query *query, const Plan *plan, const SqlModify *modify)
{
    static const char *const names[] = {[SQL_INSERT] = "Insert",
                                        [SQL_UPDATE] = "Update",
                                        [SQL_DELETE] = "Delete",
                                        [SQL_MERGE] = "Merge"};
    QueryExplain *explain = query->explain;
    PlanExplainOptions options = {.costs = explain->options.costs,
                                  .timing = explain->options.timing};
    optimizer_estimate(plan, query->binding.snapshot);
    if (modify) {
        options.operation = names[modify->kind];
        options.table = modify->table;
    }
    if (query->exec) {
        exec_end(query->exec);
        options.actual = node_stats;
        options.ctx = query->exec;
    }
    buf_clear(&explain->text);
    explain_begin(&explain->writer, explain->options.format, &explain->text);
    plan_explain_with(plan, &options, &explain->writer);
}

static void show_time(QueryExplain *explain, const char *label, int64_t ns)
{
    bool text = explain->options.format == EXPLAIN_TEXT;
    explain_number(&explain->writer, label, text ? "%.3f ms" : "%.3f", (double)ns / 1e6);
}

static void show_summary(QueryExplain *explain, int64_t planning_ns, int64_t execution_ns)
{
    if (explain->options.summary)
        show_time(explain, "Planning Time", planning_ns);
    if (explain->options.analyze && explain->options.format != EXPLAIN_TEXT) {
        explain_open(&explain->writer, "Triggers", true);
        explain_close(&explain->writer);
    }
    if (explain->options.summary && explain->options.analyze)
        show_time(explain, "Execution Time", execution_ns);
    explain_end(&explain->writer);
}

/* A text has a row per line, the other formats are one row. */
static Status give_rows(Query *query, Str text, ExplainFormat format, Error *err)
{
    Str *lines = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;
    Str line;
    if (format != EXPLAIN_TEXT)
        return query__text_rows(query, &text, 1, err);
    if (str_ends(text, STR("\n")))
        text.len--;
    while (str_split(&text, '\n', &line))
        ARENA_PUSH(&query->arena, lines, count, cap, line);
    return query__text_rows(query, lines, count, err);
}

/* ---------------------------------------------------------------- the statement */

static bool is_change(const AstStatement *ast)
{
    return ast->kind == AST_STATEMENT_INSERT || ast->kind == AST_STATEMENT_UPDATE ||
           ast->kind == AST_STATEMENT_DELETE || ast->kind == AST_STATEMENT_MERGE;
}

static Status plan_change(Query *query, const AstStatement *ast, SqlModify *modify, Error *err)
{
    Status status = sql_bind_modify(&query->binding.options, ast, modify, err);
    TRY(binding__result(&query->binding, status, err));
    TRY(query__optimize(&modify->plan, query->binding.snapshot, err));
    query->own_plan = modify->plan;
    return STATUS_OK;
}

static Status run_to_end(Query *query, Error *err)
{
    RecordBatch batch;
    TRY(query__open(query, &query->own_plan, err));
    do
        TRY(exec_next(query->exec, &batch, err));
    while (batch.row_count);
    explain__show(query, &query->own_plan, NULL);
    query->exec = exec_close(query->exec);
    return STATUS_OK;
}

static Status explain(Query *query, const AstStatement *ast, Error *err)
{
    SqlModify modify = {0};
    SqlModifies with = {0};
    bool analyze = query->explain->options.analyze;
    int64_t begin = clock_mono_ns();
    if (!is_change(ast) && ast->kind != AST_STATEMENT_SELECT)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "EXPLAIN of this statement is not supported");
    TRY(query__snapshot(query, err));
    query->binding.options.param_max = ast->param_max;
    query->binding.options.modifies = &with;
    TRY(is_change(ast) ? plan_change(query, ast, &modify, err)
                       : query__bind(query, ast->select, err));
    int64_t planned = clock_mono_ns();
    if (analyze && query->own_plan.param_count)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "EXPLAIN ANALYZE with parameters is not supported");
    if (analyze && with.count && !is_change(ast))
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "EXPLAIN ANALYZE of SELECT with INSERT, UPDATE or DELETE in WITH is "
                             "not supported");
    if (!analyze)
        explain__show(query, &query->own_plan, is_change(ast) ? &modify : NULL);
    else if (is_change(ast))
        TRY(modify__run(query, ast, err)); /* it plans again and shows that plan */
    else
        TRY(run_to_end(query, err));
    show_summary(query->explain, planned - begin, clock_mono_ns() - planned);
    return STATUS_OK;
}

Status explain__run(Query *query, const AstExplain *ast, Error *err)
{
    ExplainOptions options;
    TRY(read_options(ast, &options, err));
    query->explain = MEM_NEW(QueryExplain);
    query->explain->options = options;
    TRY(explain(query, ast->query, err));
    Str text = arena_str(&query->arena, buf_str(&query->explain->text));
    query__set_tag(query, "EXPLAIN");
    return give_rows(query, text, options.format, err);
}

void explain__done(Query *query)
{
    if (!query->explain)
        return;
    buf_done(&query->explain->text);
    mem_free(query->explain);
    query->explain = NULL;
}
