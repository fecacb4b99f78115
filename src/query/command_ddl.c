/* command_ddl.c - statements without a plan of their own: DDL and EXPLAIN; the others are in
 * command_session.c and command_prepared.c. */
#include "format/json/json.h"
#include "query/query_int.h"

static Engine *engine_of(Query *query)
{
    return query->session->engine->options.engine;
}

/* ---------------------------------------------------------------- names */

static bool schema_exists(Query *query, Str schema)
{
    return catalog_has_schema(snapshot_catalog(query->binding.snapshot), schema);
}

/* Where an unqualified name is created: the first schema of the search path that exists. */
static Status creation_schema(Query *query, const AstName *name, Str *ret_schema, Error *err)
{
    const SqlBindOptions *options = &query->binding.options;
    TRY(query__snapshot(query, err));
    if (name->schema.len) {
        *ret_schema = name->schema;
        if (schema_exists(query, name->schema))
            return STATUS_OK;
        return error_set_sql(err, STATUS_NOT_FOUND, "3F000", name->position,
                             "schema \"%.*s\" does not exist", STR_FMT(name->schema));
    }
    for (uint32_t i = 0; i < options->search_path_count; i++)
        if (schema_exists(query, options->search_path[i])) {
            *ret_schema = options->search_path[i];
            return STATUS_OK;
        }
    return error_set_sql(err, STATUS_INVALID, "3F000", name->position,
                         "no schema has been selected to create in");
}

static void remember_undo(Session *session, AstDropKind kind, Str schema, Str name)
{
    Transaction *txn = &session->txn;
    if (!session__in_block(session))
        return;
    Undo undo = {kind, arena_str(&txn->arena, schema), arena_str(&txn->arena, name)};
    ARENA_PUSH(&txn->arena, txn->undo, txn->undo_count, txn->undo_cap, undo);
}

/* A repeatable snapshot would not see what DDL makes. */
static Status check_ddl(Query *query, Error *err)
{
    if (query->session->txn.snapshot)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "schema changes are not supported in a REPEATABLE READ transaction "
                             "that has read");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- CREATE TABLE */

typedef struct TableOptions {
    Str time_column;
    Buf json;
} TableOptions;

static void table_options_done(TableOptions *options)
{
    buf_done(&options->json);
}

static void add_option(TableOptions *ret, const AstOption *option)
{
    buf_append_str(&ret->json, ret->json.len ? STR(", ") : STR("{"));
    json_append_string(&ret->json, option->name);
    buf_append_lit(&ret->json, ": ");
    json_append_string(&ret->json, option->value);
}

/* A number and a unit: 30d, 12h, 2w, 1y. */
static bool is_duration(Str text)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    return digits && digits + 1 == text.len && strchr("smhdwy", text.ptr[digits]);
}

/* "a, b": columns whose words are indexed. */
static Status check_fulltext(const AstOption *option, const SqlCreateTable *bound, Error *err)
{
    Str names = option->value;
    Str name;
    while (str_split(&names, ',', &name)) {
        bool found = false;
        for (uint32_t i = 0; i < bound->column_count; i++)
            found |= str_eq(bound->columns[i].name, str_trim(name)) &&
                     row_filter_can(bound->columns[i].type, SCAN_MATCHES);
        if (!found)
            return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                                 "fulltext column \"%.*s\" is not a text or jsonb column of the table",
                                 STR_FMT(str_trim(name)));
    }
    return STATUS_OK;
}

static Status bind_options(const AstCreateTable *create, const SqlCreateTable *bound,
                           TableOptions *ret, Error *err)
{
    for (uint32_t i = 0; i < create->option_count; i++) {
        const AstOption *option = &create->options[i];
        if (str_eq(option->name, STR("fillfactor")) || str_eq(option->name, STR("oids")))
            continue; /* storage parameters of heaps mean nothing here */
        if (str_eq(option->name, STR("time_column"))) {
            ret->time_column = option->value;
        } else if (str_eq(option->name, STR("retention"))) {
            if (!is_duration(option->value))
                return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                                     "invalid value for \"retention\": \"%.*s\" (a number and one "
                                     "of s, m, h, d, w, y)",
                                     STR_FMT(option->value));
        } else if (str_eq(option->name, STR("fulltext"))) {
            TRY(check_fulltext(option, bound, err));
        } else {
            return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                                 "unrecognized parameter \"%.*s\"", STR_FMT(option->name));
        }
        add_option(ret, option);
    }
    if (ret->json.len)
        buf_append_byte(&ret->json, '}');
    for (uint32_t i = 0; ret->time_column.len && i < bound->column_count; i++) {
        const TableColumn *column = &bound->columns[i];
        if (str_eq(column->name, ret->time_column) && !column->type.is_array &&
            (column->type.id == TYPE_TIMESTAMP || column->type.id == TYPE_TIMESTAMPTZ ||
             column->type.id == TYPE_DATE))
            return STATUS_OK;
    }
    if (ret->time_column.len)
        return error_set_sql(err, STATUS_INVALID, "22023", create->table.position,
                             "time_column \"%.*s\" is not a date or timestamp column of the table",
                             STR_FMT(ret->time_column));
    return STATUS_OK;
}

/* EXISTS becomes a notice under IF NOT EXISTS. */
static Status create_bound(Query *query, const AstCreateTable *ast, const SqlCreateTable *bound,
                           Str schema, bool *ret_created, Error *err)
{
    CLEANUP(table_options_done) TableOptions options = {0};
    uint32_t id;
    TRY(bind_options(ast, bound, &options, err));
    CreateTable create = {.schema = schema,
                          .name = ast->table.name,
                          .columns = bound->columns,
                          .column_count = bound->column_count,
                          .time_column = options.time_column,
                          .options = buf_str(&options.json),
                          .keys = bound->keys,
                          .key_count = bound->key_count,
                          .checks = bound->checks,
                          .check_count = bound->check_count};
    Status status = engine_create_table(engine_of(query), &create, &id, err);
    *ret_created = status == STATUS_OK;
    if (status == STATUS_EXISTS && ast->if_not_exists) {
        query__notice(query, "42P07", "relation \"%.*s\" already exists, skipping",
                      STR_FMT(ast->table.name));
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        remember_undo(query->session, AST_DROP_TABLE, schema, ast->table.name);
    return status;
}

static Status create_table(Query *query, const AstCreateTable *ast, Error *err)
{
    SqlCreateTable bound;
    Str schema;
    bool created;
    TRY(check_ddl(query, err));
    TRY(creation_schema(query, &ast->table, &schema, err));
    TRY(sql_bind_create_table(&query->binding.options, ast, &bound, err));
    TRY(create_bound(query, ast, &bound, schema, &created, err));
    query__set_tag(query, "CREATE TABLE");
    return STATUS_OK;
}

static Status columns_of_plan(Query *query, const AstCreateTable *ast, SqlCreateTable *ret,
                              Error *err)
{
    const Schema *schema = &query->own_plan.root->schema;
    *ret = (SqlCreateTable){.column_count = schema->field_count};
    if (ast->column_names.count > schema->field_count)
        return error_set_sql(err, STATUS_INVALID, "42601", ast->table.position,
                             "too many column names were specified");
    ret->columns = ARENA_NEW_ARRAY(&query->arena, TableColumn, schema->field_count);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const Field *field = &schema->fields[i];
        char name[64];
        ret->columns[i].name =
            i < ast->column_names.count ? ast->column_names.names[i] : field->name;
        ret->columns[i].type = field->type;
        if (field->type.id == TYPE_RECORD || field->type.id == TYPE_VOID)
            return error_set_sql(err, STATUS_INVALID, "42P16", ast->table.position,
                                 "column \"%.*s\" has pseudo-type %s",
                                 STR_FMT(ret->columns[i].name), type_name(field->type, name));
        for (uint32_t k = 0; k < i; k++)
            if (str_eq(ret->columns[k].name, ret->columns[i].name))
                return error_set_sql(err, STATUS_INVALID, "42701", ast->table.position,
                                     "column \"%.*s\" specified more than once",
                                     STR_FMT(ret->columns[i].name));
    }
    return STATUS_OK;
}

static Status create_table_as(Query *query, const AstCreateTable *ast, Error *err)
{
    SqlCreateTable bound;
    AstName name = ast->table;
    bool created;
    if (ast->temporary)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", ast->table.position,
                             "temporary tables are not supported");
    TRY(check_ddl(query, err));
    TRY(creation_schema(query, &ast->table, &name.schema, err));
    TRY(query__bind(query, ast->source, err));
    TRY(columns_of_plan(query, ast, &bound, err));
    TRY(create_bound(query, ast, &bound, name.schema, &created, err));
    query__set_tag(query, created ? "SELECT 0" : "CREATE TABLE AS");
    if (!created || ast->with_no_data)
        return STATUS_OK;
    Status status = modify__create_as(query, &name, err);
    if (status != STATUS_OK)
        (void)engine_drop_table(engine_of(query), name.schema, name.name, true, NULL);
    return status;
}

/* ---------------------------------------------------------------- views, schemas, DROP */

static Status create_view(Query *query, const AstCreateView *ast, Error *err)
{
    Str schema;
    if (ast->temporary || ast->columns.count || ast->unsupported.len)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", ast->view.position,
                             "%s of views are not supported",
                             ast->temporary       ? "temporary kinds"
                             : ast->columns.count ? "column lists"
                                                  : "check options");
    TRY(check_ddl(query, err));
    TRY(creation_schema(query, &ast->view, &schema, err));
    TRY(query__bind(query, ast->query, err));
    if (query->own_plan.param_count)
        return error_set_sql(err, STATUS_INVALID, "42P02", ast->view.position,
                             "there is no parameter $1");
    TRY(engine_create_view(engine_of(query), schema, ast->view.name, ast->query_text, ast->replace,
                           err));
    if (!ast->replace)
        remember_undo(query->session, AST_DROP_VIEW, schema, ast->view.name);
    query__set_tag(query, "CREATE VIEW");
    return STATUS_OK;
}

static Status create_schema(Query *query, const AstStatement *ast, Error *err)
{
    Str name = ast->create_schema.name;
    if (str_starts(name, STR("pg_"))) {
        Status status = error_set_sql(err, STATUS_INVALID, "42939", 0,
                                      "unacceptable schema name \"%.*s\"", STR_FMT(name));
        error_detail(err, "The prefix \"pg_\" is reserved for system schemas.");
        return status;
    }
    TRY(check_ddl(query, err));
    Status status = engine_create_schema(engine_of(query), name, false, err);
    query__set_tag(query, "CREATE SCHEMA");
    if (status == STATUS_EXISTS && ast->create_schema.if_not_exists) {
        query__notice(query, "42P06", "schema \"%.*s\" already exists, skipping", STR_FMT(name));
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        remember_undo(query->session, AST_DROP_SCHEMA, name, name);
    return status;
}

static bool object_exists(Query *query, AstDropKind kind, Str schema, Str name)
{
    if (kind == AST_DROP_TABLE)
        return snapshot_find_table(query->binding.snapshot, schema, name) != NULL;
    return catalog_find_view(snapshot_catalog(query->binding.snapshot), schema, name) != NULL;
}

static bool find_dropped(Query *query, AstDropKind kind, const AstName *name, Str *ret_schema)
{
    const SqlBindOptions *options = &query->binding.options;
    *ret_schema = name->schema;
    if (name->schema.len)
        return object_exists(query, kind, name->schema, name->name);
    for (uint32_t i = 0; i < options->search_path_count; i++) {
        *ret_schema = options->search_path[i];
        if (object_exists(query, kind, *ret_schema, name->name))
            return true;
    }
    return false;
}

static Status drop_missing(Query *query, const AstDrop *drop, const AstName *name, Error *err)
{
    static const char *const kinds[] = {"table", "view", "schema"};
    if (drop->if_exists) {
        query__notice(query, "00000", "%s \"%.*s\" does not exist, skipping", kinds[drop->kind],
                      STR_FMT(name->name));
        return STATUS_OK;
    }
    return error_set_sql(err, STATUS_NOT_FOUND, drop->kind == AST_DROP_SCHEMA ? "3F000" : "42P01",
                         0, "%s \"%.*s\" does not exist", kinds[drop->kind], STR_FMT(name->name));
}

/* Views and tables of a schema, one by one: what a failure leaves is dropped by the next try. */
static Status drop_contents(Query *query, Str schema, Error *err)
{
    const CatalogVersion *version = snapshot_catalog(query->binding.snapshot);
    const CatalogView *view;
    const Table *table;
    size_t pos = 0;
    while ((view = catalog_next_view(version, &pos)))
        if (str_eq(view->schema, schema))
            TRY(engine_drop_view(engine_of(query), schema, view->name, true, err));
    pos = 0;
    while ((table = catalog_next_table(version, &pos)))
        if (str_eq(table->schema, schema))
            TRY(engine_drop_table(engine_of(query), schema, table->name, true, err));
    return STATUS_OK;
}

static Status drop_one(Query *query, const AstDrop *drop, const AstName *name, Error *err)
{
    Engine *engine = engine_of(query);
    Str schema = STR("");
    bool exists = drop->kind == AST_DROP_SCHEMA ? schema_exists(query, name->name)
                                                : find_dropped(query, drop->kind, name, &schema);
    if (!exists)
        return drop_missing(query, drop, name, err);
    if (session__in_block(query->session))
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "DROP inside a transaction block is not supported, as ROLLBACK could "
                             "not bring the data back");
    switch (drop->kind) {
    case AST_DROP_TABLE:
        return engine_drop_table(engine, schema, name->name, false, err);
    case AST_DROP_VIEW:
        return engine_drop_view(engine, schema, name->name, false, err);
    case AST_DROP_SCHEMA:
        if (drop->cascade)
            TRY(drop_contents(query, name->name, err));
        return engine_drop_schema(engine, name->name, false, err);
    }
    return STATUS_OK;
}

static Status drop_objects(Query *query, const AstDrop *drop, Error *err)
{
    static const char *const tags[] = {"DROP TABLE", "DROP VIEW", "DROP SCHEMA"};
    TRY(query__snapshot(query, err));
    TRY(session__flush_implicit(query->session, err));
    for (uint32_t i = 0; i < drop->count; i++)
        TRY(drop_one(query, drop, &drop->names[i], err));
    query__set_tag(query, "%s", tags[drop->kind]);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- EXPLAIN */

typedef struct ExplainOptions {
    bool analyze;
} ExplainOptions;

static bool option_on(const AstOption *option)
{
    return !option->has_value || str_eq_nocase(option->value, STR("true")) ||
           str_eq_nocase(option->value, STR("on")) || str_eq(option->value, STR("1"));
}

static Status explain_options(const AstExplain *explain, ExplainOptions *ret, Error *err)
{
    for (uint32_t i = 0; i < explain->option_count; i++) {
        const AstOption *option = &explain->options[i];
        if (str_eq(option->name, STR("analyze"))) {
            ret->analyze = option_on(option);
        } else if (str_eq(option->name, STR("format"))) {
            if (!str_eq_nocase(option->value, STR("text")))
                return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", option->position,
                                     "EXPLAIN (FORMAT %.*s) is not supported; FORMAT TEXT is",
                                     STR_FMT(option->value));
        } else if (!str_eq(option->name, STR("verbose")) && !str_eq(option->name, STR("costs")) &&
                   !str_eq(option->name, STR("buffers")) && !str_eq(option->name, STR("timing")) &&
                   !str_eq(option->name, STR("summary")) &&
                   !str_eq(option->name, STR("settings")) && !str_eq(option->name, STR("wal"))) {
            return error_set_sql(err, STATUS_INVALID, "42601", option->position,
                                 "unrecognized EXPLAIN option \"%.*s\"", STR_FMT(option->name));
        }
    }
    return STATUS_OK;
}

static Status lines_as_rows(Query *query, Str text, Error *err)
{
    Str *lines = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;
    Str line;
    if (str_ends(text, STR("\n")))
        text.len--;
    while (str_split(&text, '\n', &line))
        ARENA_PUSH(&query->arena, lines, count, cap, line);
    return query__text_rows(query, lines, count, err);
}

static Status run_to_end(Query *query, Error *err)
{
    RecordBatch batch;
    TRY(query__open(query, &query->own_plan, err));
    do
        TRY(exec_next(query->exec, &batch, err));
    while (batch.row_count);
    return STATUS_OK;
}

static Status explain(Query *query, const AstExplain *ast, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    ExplainOptions options = {0};
    TRY(explain_options(ast, &options, err));
    TRY(query__snapshot(query, err));
    query->binding.options.param_max = ast->query->param_max;
    if (ast->query->kind == AST_STATEMENT_SELECT) {
        TRY(query__bind(query, ast->query->select, err));
    } else if ((ast->query->kind == AST_STATEMENT_INSERT ||
                ast->query->kind == AST_STATEMENT_UPDATE ||
                ast->query->kind == AST_STATEMENT_DELETE) &&
               !options.analyze) {
        static const char *const names[] = {
            [SQL_INSERT] = "Insert", [SQL_UPDATE] = "Update", [SQL_DELETE] = "Delete"};
        SqlModify modify = {0};
        Status status = sql_bind_modify(&query->binding.options, ast->query, &modify, err);
        TRY(binding__result(&query->binding, status, err));
        TRY(query__optimize(&modify.plan, query->binding.snapshot, err));
        query->own_plan = modify.plan;
        buf_printf(&text, "%s on %.*s\n", names[modify.kind], STR_FMT(modify.table->name));
    } else {
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "EXPLAIN of this statement is not supported");
    }
    if (options.analyze && query->own_plan.param_count)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "EXPLAIN ANALYZE with parameters is not supported");
    plan_explain(&query->own_plan, &text);
    if (options.analyze) {
        TRY(run_to_end(query, err));
        exec_append_stats(query->exec, &text);
        query->exec = exec_close(query->exec);
    }
    query__set_tag(query, "EXPLAIN");
    return lines_as_rows(query, arena_str(&query->arena, buf_str(&text)), err);
}

/* ---------------------------------------------------------------- all */

Status command__run(Query *query, const AstStatement *ast, Error *err)
{
    switch (ast->kind) {
    case AST_STATEMENT_CREATE_TABLE:
        return create_table(query, ast->create_table, err);
    case AST_STATEMENT_CREATE_TABLE_AS:
        return create_table_as(query, ast->create_table, err);
    case AST_STATEMENT_CREATE_VIEW:
        return create_view(query, ast->create_view, err);
    case AST_STATEMENT_CREATE_SCHEMA:
        return create_schema(query, ast, err);
    case AST_STATEMENT_DROP:
        return drop_objects(query, ast->drop, err);
    case AST_STATEMENT_EXPLAIN:
        return explain(query, ast->explain, err);
    case AST_STATEMENT_SET:
        return command__set(query, ast->set, err);
    case AST_STATEMENT_SHOW:
        return command__show(query, ast->show, err);
    case AST_STATEMENT_DISCARD:
        return command__discard(query, ast->discard, err);
    case AST_STATEMENT_TRANSACTION:
        return command__transaction(query, ast->transaction, err);
    case AST_STATEMENT_PREPARE:
        return command__prepare(query, ast, err);
    case AST_STATEMENT_EXECUTE:
        return command__execute(query, ast->prepared, err);
    case AST_STATEMENT_DEALLOCATE:
        return command__deallocate(query, ast->prepared, err);
    case AST_STATEMENT_DECLARE:
        return command__declare(query, ast, err);
    case AST_STATEMENT_FETCH:
        return command__fetch(query, ast->fetch, err);
    case AST_STATEMENT_CLOSE:
        return command__close(query, ast->prepared, err);
    case AST_STATEMENT_TRUNCATE:
        return modify__truncate(query, ast->truncate, err);
    case AST_STATEMENT_SELECT:
    case AST_STATEMENT_INSERT:
    case AST_STATEMENT_UPDATE:
    case AST_STATEMENT_DELETE:
    case AST_STATEMENT_CHECKPOINT:
    case AST_STATEMENT_COPY:
    case AST_STATEMENT_UNSUPPORTED:
        break;
    }
    return error_set_sql(err, STATUS_INTERNAL, "XX000", 0, "statement kind %d cannot be run",
                         (int)ast->kind);
}
