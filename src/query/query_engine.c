/* query_engine.c - the process-wide side of queries: what they run on, and limits that SIGHUP
 * changes. */
#include "query/query_int.h"

#include "query/plan/plan_series.h"

static void explain_series(const PlanNode *node, int indent, Buf *out)
{
    series_plan_explain(node, indent / 2 + 1, out);
}

Status query_engine_new(const QueryOptions *options, QueryEngine **ret_engine, Error *err)
{
    QueryEngine *engine;

    if (!options->engine || !options->pool || !options->budget)
        return error_set(err, STATUS_INVALID, "a query engine needs storage, a pool and a budget");
    settings__verify();
    engine = MEM_NEW(QueryEngine);
    engine->options = *options;
    if (engine->options.lookback_ms <= 0)
        engine->options.lookback_ms = 300'000;
    if (!engine->options.server_version)
        engine->options.server_version = "15.0 (LumaDB " LUMADB_VERSION ")";
    plan_series_explainer = explain_series;
    mem_budget_init(&engine->spill_budget, NULL, "temporary files (query.spill_bytes_max)",
                    options->spill_bytes_max > 0 ? options->spill_bytes_max : INT64_MAX);
    query_engine_set_limits(engine, options->query_bytes_max, options->timeout_ns);
    *ret_engine = engine;
    return STATUS_OK;
}

void query_engine_budget(QueryEngine *engine, MemBudget *ret_budget)
{
    mem_budget_init(ret_budget, engine->options.budget, "query memory",
                    __atomic_load_n(&engine->query_bytes_max, __ATOMIC_RELAXED));
}

QueryEngine *query_engine_free(QueryEngine *engine)
{
    mem_free(engine);
    return NULL;
}

Pool *query_engine_pool(QueryEngine *engine)
{
    return engine->options.pool;
}

void query_engine_set_limits(QueryEngine *engine, int64_t query_bytes_max, int64_t timeout_ns)
{
    __atomic_store_n(&engine->query_bytes_max, query_bytes_max > 0 ? query_bytes_max : INT64_MAX,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&engine->timeout_ns, timeout_ns, __ATOMIC_RELAXED);
}
