/* binding.c - what the binder sees: a snapshot's tables and views, and the system views. */
#include <pthread.h>

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

static void unref_version(void *ctx)
{
    (void)catalog_version_unref(ctx);
}

const CatalogVersion *binding__version(Binding *binding)
{
    Error err = {0};
    if (binding->version)
        return binding->version;
    Status status = ddl__version(binding->session, binding->snapshot, &binding->version, &err);
    if (status != STATUS_OK) {
        binding->status = status;
        binding->snapshot_error = err;
        return snapshot_catalog(binding->snapshot);
    }
    arena_on_cleanup(binding->arena, unref_version, binding->version);
    return binding->version;
}

/* pg_temp is the session's own schema. */
static Str own_schema(const Binding *binding, Str schema)
{
    return str_eq(schema, STR("pg_temp")) ? binding->session->catalog.temporary_schema : schema;
}

const Table *binding__table(Binding *binding, Str schema, Str name)
{
    const Table *table =
        catalog_find_table(binding__version(binding), own_schema(binding, schema), name);
    if (table || !str_eq(schema, STR("prom")))
        return table;
    return snapshot_find_table(binding->snapshot, schema, name);
}

static const CatalogType *find_type(void *ctx, Str schema, Str name)
{
    Binding *binding = ctx;
    if (!binding->session->engine->options.engine || !need_snapshot(binding))
        return NULL;
    const CatalogType *type =
        catalog_find_type(binding__version(binding), own_schema(binding, schema), name);
    binding->used_tables |= type != NULL;
    return type;
}

static const CatalogType *type_by_id(void *ctx, uint32_t id)
{
    Binding *binding = ctx;
    if (!binding->session->engine->options.engine || !need_snapshot(binding))
        return NULL;
    return catalog_by_id(binding__version(binding), CATALOG_TYPE, id);
}

static bool relation_taken(void *ctx, Str schema, Str name)
{
    Binding *binding = ctx;
    return need_snapshot(binding) &&
           catalog_find(binding__version(binding), CATALOG_TABLE, schema, name, NULL) != NULL;
}

static const Table *find_table(void *ctx, Str schema, Str name)
{
    Binding *binding = ctx;
    if (!binding->session->engine->options.engine || !need_snapshot(binding))
        return NULL;
    const Table *table = binding__table(binding, schema, name);
    binding->used_tables |= table != NULL;
    if (table && table->id == TABLE_ID_AUDIT_LOG && binding->session->role != ROLE_ADMIN) {
        binding->status =
            error_set_sql(&binding->snapshot_error, STATUS_DENIED, "42501", 0,
                          "permission denied for table audit_log: only admins may read it");
        return NULL;
    }
    return table;
}

static const CatalogView *find_view(void *ctx, Str schema, Str name)
{
    Binding *binding = ctx;
    if (!binding->session->engine->options.engine || !need_snapshot(binding))
        return NULL;
    const CatalogView *view =
        catalog_find_view(binding__version(binding), own_schema(binding, schema), name);
    binding->used_tables |= view != NULL;
    return view;
}

static const VirtualTable *find_sequence(Binding *binding, Str schema, Str name)
{
    if (!binding->session->engine->options.engine || !need_snapshot(binding))
        return NULL;
    const CatalogSequence *sequence =
        catalog_find_sequence(binding__version(binding), own_schema(binding, schema), name);
    binding->used_tables |= sequence != NULL;
    return sequence ? sequences__row(binding, sequence) : NULL;
}

static const VirtualTable *find_virtual(void *ctx, Str schema, Str name)
{
    Binding *binding = ctx;
    if (!str_eq(schema, STR("pg_catalog")) && !str_eq(schema, STR("information_schema")))
        return find_sequence(binding, schema, name);
    if (!catalog_view_exists(schema, name) || !binding->session->engine->options.engine ||
        !need_snapshot(binding))
        return NULL;
    binding->used_tables = true;
    return catalog_view_make(&binding->views, schema, name);
}

static Status check_read(void *ctx, const Table *table, Error *err)
{
    Binding *binding = ctx;
    bool rows =
        table->kind == TABLE_USER || table->kind == TABLE_LOGS || table->kind == TABLE_TRACES;
    TRY(ddl__check_table(binding, table, PRIVILEGE_SELECT, err));
    if (rows || !session__wrote_series(binding->session))
        return STATUS_OK;
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                         "reading \"%.*s\" in a transaction that has written samples is not "
                         "supported before COMMIT",
                         STR_FMT(table->name));
}

Status binding__result(const Binding *binding, Status status, Error *err)
{
    if (status == STATUS_OK || binding->status == STATUS_OK)
        return status;
    if (err)
        *err = binding->snapshot_error;
    return binding->status;
}

Status binding__snapshot(Binding *binding, Error *err)
{
    if (!binding->session->engine->options.engine)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "there is no storage");
    return binding__result(binding, need_snapshot(binding) ? STATUS_OK : STATUS_INTERNAL, err);
}

/* ---------------------------------------------------------------- regclass and its kin */

static bool on_search_path(const Binding *binding, Str schema)
{
    if (str_eq(schema, STR("pg_catalog")))
        return true;
    for (uint32_t i = 0; i < binding->options.search_path_count; i++)
        if (str_eq(binding->path[i], schema))
            return true;
    return false;
}

static bool reg_name(void *ctx, TypeId type, uint32_t oid, Buf *out)
{
    Binding *binding = ctx;
    Str schema, name;
    Type of;
    char text[64];
    if (type == TYPE_REGTYPE && type_from_oid(oid, &of)) {
        buf_append_str(out, str_from(type_name(of, text)));
        return true;
    }
    if (type == TYPE_REGPROC && catalog_proc_name(oid, &name)) {
        buf_append_str(out, name);
        return true;
    }
    if (!need_snapshot(binding))
        return false;
    if (type == TYPE_REGTYPE) {
        const int64_t ask[3] = {oid};
        return catalog_lookup.text(&binding->views, CATALOG_TEXT_TYPE, ask, out);
    }
    if (type == TYPE_REGNAMESPACE && catalog_schema_name(binding__version(binding), oid, &name)) {
        buf_append_str(out, name);
        return true;
    }
    if (type != TYPE_REGCLASS ||
        !catalog_relation_name(binding__version(binding), oid, &schema, &name))
        return false;
    if (!on_search_path(binding, schema)) {
        catalog_append_name(schema, out);
        buf_append_byte(out, '.');
    }
    catalog_append_name(name, out);
    return true;
}

/* "schema"."name", folded to lower case where it is not quoted. */
static Str next_part(Str *rest, Arena *arena)
{
    Buf part = {0};
    size_t at = 0;
    bool quoted = false;
    for (; at < rest->len && (quoted || rest->ptr[at] != '.'); at++) {
        char ch = rest->ptr[at];
        if (ch == '"')
            quoted = !quoted;
        else
            buf_append_byte(&part, (uint8_t)(!quoted && ch >= 'A' && ch <= 'Z' ? ch + 32 : ch));
    }
    *rest = at < rest->len ? str_sub(*rest, at + 1, SIZE_MAX) : (Str){NULL, 0};
    Str copy = arena_str(arena, buf_str(&part));
    buf_done(&part);
    return copy;
}

static bool find_oid(Binding *binding, Str schema, Str name, uint32_t *ret_oid)
{
    const Table *table = binding__table(binding, schema, name);
    const CatalogHead *other = catalog_find(binding__version(binding), CATALOG_TABLE,
                                            own_schema(binding, schema), name, NULL);
    *ret_oid = table ? table->id : other ? other->id : catalog_view_oid(schema, name);
    if (!*ret_oid)
        *ret_oid = catalog_index_oid(binding__version(binding), own_schema(binding, schema), name);
    return *ret_oid != 0;
}

static Status class_oid(Binding *binding, Str text, uint32_t *ret_oid, Error *err)
{
    Str rest = text;
    Str first = next_part(&rest, binding->arena);
    if (rest.ptr) {
        if (find_oid(binding, first, next_part(&rest, binding->arena), ret_oid))
            return STATUS_OK;
    } else {
        if (find_oid(binding, STR("pg_catalog"), first, ret_oid))
            return STATUS_OK;
        for (uint32_t i = 0; i < binding->options.search_path_count; i++)
            if (find_oid(binding, binding->path[i], first, ret_oid))
                return STATUS_OK;
    }
    return error_set_sql(err, STATUS_NOT_FOUND, "42P01", 0, "relation \"%.*s\" does not exist",
                         STR_FMT(text));
}

static Status type_name_oid(Binding *binding, Str text, uint32_t *ret_oid, Error *err)
{
    AstScript script;
    Type type;
    Str query = arena_printf(binding->arena, "SELECT NULL::%.*s", STR_FMT(text));
    if (sql_parse(binding->arena, query, &script, NULL) != STATUS_OK || script.count != 1 ||
        script.statements[0]->kind != AST_STATEMENT_SELECT ||
        script.statements[0]->select->target_count != 1 ||
        script.statements[0]->select->targets[0].expr->kind != AST_CAST)
        return error_set_sql(err, STATUS_INVALID, "42601", 0, "invalid type name \"%.*s\"",
                             STR_FMT(text));
    TRY(sql_bind_type(&binding->options, script.statements[0]->select->targets[0].expr->type, &type,
                      err));
    *ret_oid = type_oid(type);
    return STATUS_OK;
}

static Status reg_oid(void *ctx, TypeId type, Str text, uint32_t *ret_oid, Error *err)
{
    Binding *binding = ctx;
    Str rest = text;
    TRY(binding__snapshot(binding, err));
    if (type == TYPE_REGCLASS)
        return class_oid(binding, text, ret_oid, err);
    if (type == TYPE_REGTYPE)
        return type_name_oid(binding, text, ret_oid, err);
    if (type == TYPE_REGNAMESPACE) {
        *ret_oid = catalog_schema_oid(binding__version(binding), next_part(&rest, binding->arena));
        if (*ret_oid)
            return STATUS_OK;
        return error_set_sql(err, STATUS_NOT_FOUND, "3F000", 0, "schema \"%.*s\" does not exist",
                             STR_FMT(text));
    }
    uint32_t count;
    Str name = next_part(&rest, binding->arena);
    while (rest.ptr)
        name = next_part(&rest, binding->arena);
    *ret_oid = catalog_proc_oid(name, &count);
    if (count == 1)
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, count ? "42725" : "42883", 0,
                         count ? "more than one function named \"%.*s\""
                               : "function \"%.*s\" does not exist",
                         STR_FMT(text));
}

/* A label that the open transaction added to a type must not be used before COMMIT. */
static bool is_committed(const Binding *binding, uint32_t oid, int64_t value)
{
    const CatalogType *type = catalog_by_id(snapshot_catalog(binding->snapshot), CATALOG_TYPE, oid);
    for (uint32_t i = 0; type && i < type->label_count; i++)
        if (type->labels[i].value == value)
            return true;
    return false;
}

static bool enum_label(void *ctx, uint32_t oid, uint32_t idx, PgEnumLabel *ret)
{
    Binding *binding = ctx;
    if (!binding->session->engine->options.engine || !need_snapshot(binding))
        return false;
    const CatalogType *type = catalog_by_id(binding__version(binding), CATALOG_TYPE, oid);
    if (!type || type->kind != CATALOG_ENUM || idx >= type->label_count)
        return false;
    const EnumLabel *label = &type->labels[idx];
    *ret = (PgEnumLabel){.name = label->name,
                         .order = label->value,
                         .usable = !label->added || is_committed(binding, oid, label->value)};
    return true;
}

/* ---------------------------------------------------------------- the binding */

static uint32_t setting_count(void *ctx)
{
    return settings__count();
}

static void setting_at(void *ctx, uint32_t idx, Str *ret_name, Str *ret_value, Str *ret_text)
{
    settings__describe(((Binding *)ctx)->session, idx, ret_name, ret_value, ret_text);
}

static CatalogVersion *builtin_version;

static void make_builtin(void)
{
    builtin_version = catalog_version_builtin();
}

/* Functions may ask where no table was bound: then the snapshot is taken now. */
static const CatalogVersion *catalog_version(void *ctx)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    Binding *binding = ctx;
    if (binding->session->engine->options.engine && need_snapshot(binding))
        return binding__version(binding);
    pthread_once(&once, make_builtin);
    return builtin_version;
}

static bool view_columns(void *ctx, const CatalogView *view, Arena *arena, Schema *ret_columns)
{
    const Binding *binding = ctx;
    SqlBindOptions options = binding->options;
    AstScript script;
    Plan plan;
    Error err = {0};
    Buf text = {0};
    options.arena = arena;
    options.param_types = NULL;
    options.param_count = 0;
    buf_append_str(&text, STR("SELECT * FROM "));
    catalog_append_name(view->schema, &text);
    buf_append_byte(&text, '.');
    catalog_append_name(view->name, &text);
    Str query = arena_str(arena, buf_str(&text));
    buf_done(&text);
    if (sql_parse(arena, query, &script, &err) != STATUS_OK || script.count != 1 ||
        sql_bind_select(&options, script.statements[0]->select, &plan, &err) != STATUS_OK)
        return false;
    *ret_columns = plan.root->schema;
    return true;
}

static int64_t row_count(void *ctx, const Table *table)
{
    Binding *binding = ctx;
    ColumnEstimate estimate = {0};
    if (!need_snapshot(binding) || !table->column_count)
        return -1;
    engine_estimate(binding->snapshot, table, 0, &estimate);
    return (int64_t)estimate.rows;
}

static bool next_prepared(void *ctx, size_t *pos, CatalogPrepared *ret)
{
    const MapSlot *slot = map_next(&((Binding *)ctx)->session->prepared, pos);
    if (!slot)
        return false;
    const Prepared *prepared = slot->value;
    *ret = (CatalogPrepared){.name = str_from(prepared->name),
                             .text = prepared->query->text,
                             .types = prepared->param_types,
                             .type_count = prepared->param_count};
    return true;
}

static bool next_cursor(void *ctx, size_t *pos, CatalogPrepared *ret)
{
    const MapSlot *slot = map_next(&((Binding *)ctx)->session->cursors, pos);
    if (!slot)
        return false;
    const Cursor *cursor = slot->value;
    *ret = (CatalogPrepared){.name = str_from(cursor->name)};
    return true;
}

static Status set_setting(void *ctx, Str name, Str value, bool local, Error *err)
{
    return settings__set(((Binding *)ctx)->session, name, &value, local, err);
}

/* Temporary objects are found first, unless the path says where. */
static void add_temporary_schema(Binding *binding, uint32_t *path_count)
{
    Str schema = binding->session->catalog.temporary_schema;
    if (!schema.len)
        return;
    for (uint32_t i = 0; i < *path_count; i++)
        if (str_eq(binding->path[i], STR("pg_temp"))) {
            binding->path[i] = schema;
            return;
        }
    *path_count = LUMA_MIN(*path_count, (uint32_t)SEARCH_PATH_MAX - 1);
    memmove(binding->path + 1, binding->path, *path_count * sizeof *binding->path);
    binding->path[0] = schema;
    ++*path_count;
}

void binding__init(Binding *binding, Session *session, Snapshot *snapshot, Arena *arena,
                   uint32_t param_max, const Type *param_types, uint32_t param_count)
{
    *binding = (Binding){.session = session, .snapshot = snapshot, .arena = arena};
    PgSettings *pg = settings__eval(session, arena, &binding->settings);
    pg->reg_name = reg_name;
    pg->reg_oid = reg_oid;
    pg->enum_label = enum_label;
    pg->reg_ctx = binding;
    binding->settings.sequences = &sequences__ops;
    binding->settings.sequences_ctx = binding;
    uint32_t path_count = settings__search_path(session, binding->path);
    add_temporary_schema(binding, &path_count);
    for (uint32_t i = 0; i < path_count; i++)
        binding->path[i] = arena_str(arena, binding->path[i]);
    binding->views = (CatalogViews){.arena = arena,
                                    .version = catalog_version,
                                    .setting_count = setting_count,
                                    .setting_at = setting_at,
                                    .ctx = binding,
                                    .user = binding->settings.user,
                                    .database = binding->settings.database,
                                    .role = session->role,
                                    .path = binding->path,
                                    .path_count = path_count,
                                    .settings = &binding->settings,
                                    .view_columns = view_columns,
                                    .row_count = row_count,
                                    .next_prepared = next_prepared,
                                    .next_cursor = next_cursor,
                                    .set = set_setting};
    binding->settings.catalog = &catalog_lookup;
    binding->settings.catalog_ctx = &binding->views;
    binding->catalog = (SqlCatalog){.find_table = find_table,
                                    .find_view = find_view,
                                    .find_virtual = find_virtual,
                                    .check_read = check_read,
                                    .find_type = find_type,
                                    .type_by_id = type_by_id,
                                    .relation_taken = relation_taken,
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

bool session_object_name(Session *session, TypeId type, uint32_t oid, Buf *out)
{
    Binding binding;
    Arena arena;
    arena_init(&arena, session->engine->options.budget);
    binding__init(&binding, session, session->txn.snapshot, &arena, 0, NULL, 0);
    bool found = reg_name(&binding, type, oid, out);
    binding__done(&binding);
    arena_done(&arena);
    return found;
}

bool session_enum_label(Session *session, uint32_t oid, uint32_t idx, PgEnumLabel *ret)
{
    Binding binding;
    Arena arena;
    arena_init(&arena, session->engine->options.budget);
    binding__init(&binding, session, session->txn.snapshot, &arena, 0, NULL, 0);
    bool found = enum_label(&binding, oid, idx, ret);
    if (found) { /* the catalog's version may go with the binding */
        size_t len = LUMA_MIN(ret->name.len, sizeof ret->text);
        memcpy(ret->text, ret->name.ptr, len);
        ret->name = (Str){ret->text, len};
    }
    binding__done(&binding);
    arena_done(&arena);
    return found;
}
