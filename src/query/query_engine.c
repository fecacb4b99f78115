/* query_engine.c - the process-wide side of queries. */
#include "query/query_int.h"

Status query_engine_new(const QueryOptions *options, QueryEngine **ret_engine, Error *err)
{
    QueryEngine *engine = MEM_NEW(QueryEngine);
    engine->options = *options;
    engine->options.server_version =
        options->server_version ? options->server_version : "15.0 (LumaDB " LUMADB_VERSION ")";
    query_engine_set_limits(engine, options->query_bytes_max, options->timeout_ns);
    *ret_engine = engine;
    return STATUS_OK;
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
    __atomic_store_n(&engine->query_bytes_max, query_bytes_max, __ATOMIC_RELAXED);
    __atomic_store_n(&engine->timeout_ns, timeout_ns, __ATOMIC_RELAXED);
}
