/* binding.c - what the binder sees: a snapshot's tables and views, the system views, and the rows
 * that the open transaction has not committed yet. */
#include "query/query_int.h"

/* The snapshot is taken when the first table is asked for, so that SELECT 1 needs none. */
static bool need_snapshot(Binding *binding)
{
    if (binding->snapshot)
        return true;
    if (binding->status != STATUS_OK)
        return false;
    Error err = {0};
    binding->status =
        engine_snapshot(binding->session->engine->options.engine, &binding->snapshot, &err);
    binding->owns_snapshot = binding->status == STATUS_OK;
    if (binding->status != STATUS_OK)
        binding->snapshot_error = err;
    return binding->owns_snapshot;
}

static const Table *find_table(void *ctx, Str schema, Str name)
{
    Binding *binding = ctx;
    if (!binding->session->engine->options.engine || !need_snapshot(binding))
        return NULL;
    const Table *table = snapshot_find_table(binding->snapshot, schema, name);
    binding->used_tables |= table != NULL;
    return table;
}

static const CatalogView *find_view(void *ctx, Str schema, Str name)
{
    Binding *binding = ctx;
    if (!binding->session->engine->options.engine || !need_snapshot(binding))
        return NULL;
    const CatalogView *view =
        catalog_find_view(snapshot_catalog(binding->snapshot), schema, name);
    binding->used_tables |= view != NULL;
    return view;
}

static const VirtualTable *find_virtual(void *ctx, Str schema, Str name)
{
    Binding *binding = ctx;
    if (!str_eq(schema, STR("pg_catalog")) && !str_eq(schema, STR("information_schema")))
        return NULL;
    if (!catalog_view_exists(schema, name) || !binding->session->engine->options.engine ||
        !need_snapshot(binding))
        return NULL;
    binding->used_tables = true;
    return catalog_view_make(&binding->views, schema, name);
}

static Status find_pending(void *ctx, const Table *table, const VirtualTable **ret_rows, Error *err)
{
    Binding *binding = ctx;
    PendingRows *pending = session__pending(binding->session, table->id);
    *ret_rows = NULL;
    for (uint32_t i = 0; i < binding->session->txn.pending_count; i++)
        if (binding->session->txn.pending[i]->series && table->id < TABLE_ID_FIRST_USER)
            return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                                 "reading \"%.*s\" in a transaction that has written samples is "
                                 "not supported before COMMIT",
                                 STR_FMT(table->name));
    if (pending)
        *ret_rows = &pending->view;
    return STATUS_OK;
}

static uint32_t setting_count(void *ctx)
{
    return settings__count();
}

static void setting_at(void *ctx, uint32_t idx, Str *ret_name, Str *ret_value, Str *ret_text)
{
    settings__describe(((Binding *)ctx)->session, idx, ret_name, ret_value, ret_text);
}

static const CatalogVersion *catalog_version(void *ctx)
{
    return snapshot_catalog(((Binding *)ctx)->snapshot);
}

Status binding__snapshot(Binding *binding, Error *err)
{
    if (!binding->session->engine->options.engine)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "there is no storage");
    return binding__result(binding, need_snapshot(binding) ? STATUS_OK : STATUS_INTERNAL, err);
}

void binding__init(Binding *binding, Session *session, Snapshot *snapshot, Arena *arena,
                   uint32_t param_max, const Type *param_types, uint32_t param_count)
{
    *binding = (Binding){.session = session, .snapshot = snapshot, .arena = arena};
    settings__eval(session, arena, &binding->settings);
    uint32_t path_count = settings__search_path(session, binding->path);
    for (uint32_t i = 0; i < path_count; i++)
        binding->path[i] = arena_str(arena, binding->path[i]);
    binding->views = (CatalogViews){.arena = arena,
                                    .version = catalog_version,
                                    .setting_count = setting_count,
                                    .setting_at = setting_at,
                                    .ctx = binding,
                                    .user = binding->settings.user,
                                    .database = binding->settings.database};
    binding->catalog = (SqlCatalog){.find_table = find_table,
                                    .find_view = find_view,
                                    .find_virtual = find_virtual,
                                    .find_pending = find_pending,
                                    .bind_promql = query__bind_promql,
                                    .ctx = binding};
    binding->options = (SqlBindOptions){.arena = arena,
                                        .catalog = &binding->catalog,
                                        .settings = &binding->settings,
                                        .search_path = binding->path,
                                        .search_path_count = path_count,
                                        .param_types = param_types,
                                        .param_count = param_count,
                                        .param_max = param_max};
}

void binding__done(Binding *binding)
{
    if (binding->owns_snapshot)
        binding->snapshot = snapshot_free(binding->snapshot);
    binding->owns_snapshot = false;
}

Status binding__result(const Binding *binding, Status status, Error *err)
{
    if (status == STATUS_OK || binding->status == STATUS_OK)
        return status;
    if (err)
        *err = binding->snapshot_error;
    return binding->status;
}
