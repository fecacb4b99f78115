/* command_ddl.c - statements without a plan of their own: DDL; the others are in
 * command_session.c and command_prepared.c. */
#include "query/ddl_int.h"
#include "query/sql/sql_deparse.h"

/* ---------------------------------------------------------------- names */

/* Where an unqualified name is created: the first schema of the search path that exists. */
Status ddl__creation_schema(Query *query, const AstName *name, bool temporary, Str *ret_schema,
                            Error *err)
{
    const SqlBindOptions *options = &query->binding.options;
    const CatalogVersion *version = ddl__catalog(query);
    if (temporary) {
        if (name->schema.len && !str_eq(name->schema, STR("pg_temp")) &&
            !ddl__is_temporary(query->session, name->schema))
            return error_set_sql(err, STATUS_INVALID, "42P16", name->position,
                                 "cannot create temporary relation in non-temporary schema");
        return ddl__temporary_schema(query, ret_schema, err);
    }
    *ret_schema = name->schema;
    for (uint32_t i = 0; !name->schema.len && i < options->search_path_count; i++)
        if (catalog_has_schema(version, options->search_path[i]) &&
            !ddl__is_temporary(query->session, options->search_path[i])) {
            *ret_schema = options->search_path[i];
            break;
        }
    if (!ret_schema->len)
        return error_set_sql(err, STATUS_INVALID, "3F000", name->position,
                             "no schema has been selected to create in");
    const CatalogSchema *schema = catalog_find_schema(version, *ret_schema);
    if (!schema && !str_starts(*ret_schema, STR("pg_")))
        return error_set_sql(err, STATUS_NOT_FOUND, "3F000", name->position,
                             "schema \"%.*s\" does not exist", STR_FMT(*ret_schema));
    /* Everybody may create in public, as users of the configuration always could. */
    if (schema && !str_eq(*ret_schema, STR("public")) &&
        !ddl__may(query->session, version, CATALOG_SCHEMA, (const void *)schema, PRIVILEGE_CREATE))
        return error_set_sql(err, STATUS_DENIED, "42501", name->position,
                             "permission denied for schema %.*s", STR_FMT(*ret_schema));
    return STATUS_OK;
}

Status ddl__check_free(Query *query, Str schema, Str name, bool if_not_exists, bool *ret_exists,
                       Error *err)
{
    *ret_exists = catalog_find(ddl__catalog(query), CATALOG_TABLE, schema, name, NULL) != NULL;
    if (!*ret_exists)
        return STATUS_OK;
    if (!if_not_exists)
        return error_set_sql(err, STATUS_EXISTS, "42P07", 0, "relation \"%.*s\" already exists",
                             STR_FMT(name));
    query__notice(query, "42P07", "relation \"%.*s\" already exists, skipping", STR_FMT(name));
    return STATUS_OK;
}

static const char *relation_noun(CatalogKind kind)
{
    switch (kind) {
    case CATALOG_VIEW:
        return "a view";
    case CATALOG_SEQUENCE:
        return "a sequence";
    case CATALOG_INDEX:
        return "an index";
    case CATALOG_TABLE:
    case CATALOG_SCHEMA:
    case CATALOG_TYPE:
    case CATALOG_COMMENT:
    case CATALOG_USER:
    case CATALOG_GRANT:
    case CATALOG_KIND_COUNT_:
        break;
    }
    return "a table";
}

Status ddl__relation(Query *query, const AstName *name, CatalogKind kind, const char *what,
                     bool if_exists, const CatalogHead **ret_head, Error *err)
{
    CatalogKind found;
    *ret_head = ddl__resolve(query, CATALOG_TABLE, name, &found);
    if (!*ret_head && if_exists) {
        query__notice(query, "00000", "%s \"%.*s\" does not exist, skipping", what,
                      STR_FMT(name->name));
        return STATUS_OK;
    }
    if (!*ret_head)
        return error_set_sql(err, STATUS_NOT_FOUND, "42P01", name->position,
                             "%s \"%.*s\" does not exist", what, STR_FMT(name->name));
    if (found != kind)
        return error_set_sql(err, STATUS_INVALID, "42809", name->position, "\"%.*s\" is not %s",
                             STR_FMT(name->name), relation_noun(kind));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- views */

/* CREATE OR REPLACE VIEW may add columns at the end, nothing else. */
static Status check_replaced(const Schema *old, const Schema *now, const AstNames *names,
                             Error *err)
{
    if (now->field_count < old->field_count)
        return error_set_sql(err, STATUS_INVALID, "42P16", 0, "cannot drop columns from view");
    for (uint32_t i = 0; i < old->field_count; i++) {
        Str name = i < names->count ? names->names[i] : now->fields[i].name;
        char have[64], want[64];
        if (!str_eq(name, old->fields[i].name)) {
            Status status = error_set_sql(err, STATUS_INVALID, "42P16", 0,
                                          "cannot change name of view column \"%.*s\" to \"%.*s\"",
                                          STR_FMT(old->fields[i].name), STR_FMT(name));
            error_hint(err, "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column "
                            "instead.");
            return status;
        }
        if (!type_eq(old->fields[i].type, now->fields[i].type))
            return error_set_sql(err, STATUS_INVALID, "42P16", 0,
                                 "cannot change data type of view column \"%.*s\" from %s to %s",
                                 STR_FMT(name), type_name(old->fields[i].type, have),
                                 type_name(now->fields[i].type, want));
    }
    return STATUS_OK;
}

static Status old_schema(Query *query, const CatalogView *view, Schema *ret, Error *err)
{
    AstScript script;
    Plan plan = {0};
    CLEANUP(buf_done) Buf text = {0};
    buf_append_lit(&text, "SELECT * FROM ");
    sql_append_name(&text, view->schema);
    buf_append_byte(&text, '.');
    sql_append_name(&text, view->name);
    TRY(sql_parse(&query->arena, buf_str(&text), &script, err));
    TRY(binding__result(
        &query->binding,
        sql_bind_select(&query->binding.options, script.statements[0]->select, &plan, err), err));
    *ret = plan.root->schema;
    return STATUS_OK;
}

/* Does the query read something temporary? Then so is the view. */
static bool reads_temporary(Query *query, Str text)
{
    SqlNames names;
    if (!ddl__query_names(query, text, &names))
        return false;
    for (uint32_t i = 0; i < names.table_count; i++) {
        const CatalogHead *head = ddl__resolve(query, CATALOG_TABLE, &names.tables[i], NULL);
        if (head && head->id >= TABLE_ID_FIRST_TEMPORARY)
            return true;
    }
    return false;
}

static Status check_view_columns(const Schema *schema, const AstNames *names, Error *err)
{
    if (names->count > schema->field_count)
        return error_set_sql(err, STATUS_INVALID, "42601", 0,
                             "CREATE VIEW specifies more column names than columns");
    for (uint32_t i = 0; i < schema->field_count; i++) {
        Str name = i < names->count ? names->names[i] : schema->fields[i].name;
        for (uint32_t k = 0; k < i; k++)
            if (str_eq(k < names->count ? names->names[k] : schema->fields[k].name, name))
                return error_set_sql(err, STATUS_INVALID, "42701", 0,
                                     "column \"%.*s\" specified more than once", STR_FMT(name));
    }
    return STATUS_OK;
}

static Status create_view(Query *query, const AstCreateView *ast, Error *err)
{
    Str schema;
    CatalogKind kind;
    bool temporary = ast->temporary || str_eq(ast->view.schema, STR("pg_temp"));
    query__set_tag(query, "CREATE VIEW");
    if (ast->check_option.len)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "WITH CHECK OPTION is not supported: views cannot be written to");
    TRY(query__bind(query, ast->query, err));
    const Schema *columns = &query->own_plan.root->schema;
    if (query->own_plan.param_count)
        return error_set_sql(err, STATUS_INVALID, "42P02", ast->view.position,
                             "there is no parameter $1");
    TRY(check_view_columns(columns, &ast->columns, err));
    if (!temporary && reads_temporary(query, ast->query_text)) {
        temporary = true;
        query__notice(query, "00000", "view \"%.*s\" will be a temporary view",
                      STR_FMT(ast->view.name));
    }
    TRY(ddl__creation_schema(query, &ast->view, temporary, &schema, err));
    const CatalogHead *old =
        catalog_find(ddl__catalog(query), CATALOG_TABLE, schema, ast->view.name, &kind);
    if (old && kind != CATALOG_VIEW && ast->replace)
        return error_set_sql(err, STATUS_INVALID, "42809", 0, "\"%.*s\" is not a view",
                             STR_FMT(ast->view.name));
    if (old && !ast->replace)
        return error_set_sql(err, STATUS_EXISTS, "42P07", 0, "relation \"%.*s\" already exists",
                             STR_FMT(ast->view.name));
    if (old) {
        Schema before;
        TRY(old_schema(query, (const void *)old, &before, err));
        TRY(check_replaced(&before, columns, &ast->columns, err));
    }
    CatalogView view = {.id = old ? old->id : ddl__new_id(query, temporary),
                        .schema = schema,
                        .name = ast->view.name,
                        .query = ast->query_text,
                        .columns = ast->columns.names,
                        .column_count = ast->columns.count,
                        .owner = query->session->user_id,
                        .temporary = temporary};
    return ddl__put(query, CATALOG_VIEW, &view, err);
}

/* ---------------------------------------------------------------- schemas */

/* The elements are statements of their own that create in the new schema. */
static Status run_elements(Query *query, const AstStatement *ast, Str schema, Error *err)
{
    Str path[SEARCH_PATH_MAX];
    uint32_t count = query->binding.options.search_path_count;
    memcpy(path, query->binding.path, sizeof path);
    query->binding.path[0] = schema;
    for (uint32_t i = 0; i + 1 < SEARCH_PATH_MAX && i < count; i++)
        query->binding.path[i + 1] = path[i];
    query->binding.options.search_path_count = LUMA_MIN(count + 1, (uint32_t)SEARCH_PATH_MAX);
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < ast->create_schema.element_count && status == STATUS_OK; i++)
        status = command__run(query, ast->create_schema.elements[i], err);
    memcpy(query->binding.path, path, sizeof path);
    query->binding.options.search_path_count = count;
    return status;
}

static Status create_schema(Query *query, const AstStatement *ast, Error *err)
{
    CatalogSchema schema = {.name = ast->create_schema.name, .owner = query->session->user_id};
    if (ast->create_schema.owner.len)
        TRY(ddl__owner_id(query, ast->create_schema.owner, &schema.owner, err));
    if (!schema.name.len)
        schema.name = str_eq(ast->create_schema.owner, STR("current_user"))
                          ? str_from(query->session->user)
                          : ast->create_schema.owner;
    query__set_tag(query, "CREATE SCHEMA");
    if (str_starts(schema.name, STR("pg_"))) {
        Status status = error_set_sql(err, STATUS_INVALID, "42939", 0,
                                      "unacceptable schema name \"%.*s\"", STR_FMT(schema.name));
        error_detail(err, "The prefix \"pg_\" is reserved for system schemas.");
        return status;
    }
    if (ast->create_schema.if_not_exists && catalog_has_schema(ddl__catalog(query), schema.name)) {
        query__notice(query, "42P06", "schema \"%.*s\" already exists, skipping",
                      STR_FMT(schema.name));
        return STATUS_OK;
    }
    schema.id = ddl__new_id(query, false);
    TRY(ddl__put(query, CATALOG_SCHEMA, &schema, err));
    TRY(run_elements(query, ast, schema.name, err));
    query__set_tag(query, "CREATE SCHEMA");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- DROP */

static const char *const drop_nouns[] = {
    [AST_OBJECT_TABLE] = "table",   [AST_OBJECT_VIEW] = "view",
    [AST_OBJECT_SCHEMA] = "schema", [AST_OBJECT_MATVIEW] = "materialized view",
    [AST_OBJECT_INDEX] = "index",   [AST_OBJECT_SEQUENCE] = "sequence",
    [AST_OBJECT_TYPE] = "type",     [AST_OBJECT_DOMAIN] = "type",
};
static const char *const drop_tags[] = {
    [AST_OBJECT_TABLE] = "DROP TABLE",   [AST_OBJECT_VIEW] = "DROP VIEW",
    [AST_OBJECT_SCHEMA] = "DROP SCHEMA", [AST_OBJECT_MATVIEW] = "DROP MATERIALIZED VIEW",
    [AST_OBJECT_INDEX] = "DROP INDEX",   [AST_OBJECT_SEQUENCE] = "DROP SEQUENCE",
    [AST_OBJECT_TYPE] = "DROP TYPE",     [AST_OBJECT_DOMAIN] = "DROP DOMAIN",
};

static bool schema_exists(Query *query, Str schema)
{
    return !schema.len || catalog_has_schema(ddl__catalog(query), schema) ||
           str_eq(schema, STR("pg_temp")) || str_eq(schema, STR("pg_catalog")) ||
           str_eq(schema, STR("information_schema"));
}

static Status drop_missing(Query *query, const AstDrop *drop, const AstName *name, Error *err)
{
    bool no_schema = !schema_exists(query, name->schema);
    const char *noun = no_schema ? "schema" : drop_nouns[drop->kind];
    Str what = no_schema ? name->schema : name->name;
    if (!no_schema && name->schema.len)
        what = arena_printf(&query->arena, "%.*s.%.*s", STR_FMT(name->schema), STR_FMT(name->name));
    if (drop->if_exists) {
        query__notice(query, "00000", "%s \"%.*s\" does not exist, skipping", noun, STR_FMT(what));
        return STATUS_OK;
    }
    const char *state = no_schema || drop->kind == AST_OBJECT_SCHEMA ? "3F000"
                        : drop->kind == AST_OBJECT_TYPE || drop->kind == AST_OBJECT_DOMAIN ||
                                drop->kind == AST_OBJECT_INDEX
                            ? "42704"
                            : "42P01";
    return error_set_sql(err, STATUS_NOT_FOUND, state, 0, "%s \"%.*s\" does not exist", noun,
                         STR_FMT(what));
}

static Status wrong_kind(const AstDrop *drop, const AstName *name, CatalogKind kind,
                         bool materialized, Error *err)
{
    static const char *const nouns[] = {
        [AST_OBJECT_TABLE] = "a table",   [AST_OBJECT_VIEW] = "a view",
        [AST_OBJECT_SCHEMA] = "a schema", [AST_OBJECT_MATVIEW] = "a materialized view",
        [AST_OBJECT_INDEX] = "an index",  [AST_OBJECT_SEQUENCE] = "a sequence",
        [AST_OBJECT_TYPE] = "a type",     [AST_OBJECT_DOMAIN] = "a domain"};
    Status status = error_set_sql(err, STATUS_INVALID, "42809", 0, "\"%.*s\" is not %s",
                                  STR_FMT(name->name), nouns[drop->kind]);
    error_hint(err, "Use DROP %s to remove %s.",
               kind == CATALOG_VIEW       ? "VIEW"
               : kind == CATALOG_SEQUENCE ? "SEQUENCE"
               : kind == CATALOG_INDEX    ? "INDEX"
               : materialized             ? "MATERIALIZED VIEW"
                                          : "TABLE",
               kind == CATALOG_VIEW       ? "a view"
               : kind == CATALOG_SEQUENCE ? "a sequence"
               : kind == CATALOG_INDEX    ? "an index"
               : materialized             ? "a materialized view"
                                          : "a table");
    return status;
}

/* The key of a constraint cannot be dropped as an index; that of CREATE UNIQUE INDEX goes with it.
 */
static Status drop_index_key(Query *query, const CatalogIndex *index, Error *err)
{
    const Table *old = catalog_table_by_id(ddl__catalog(query), index->table_id);
    if (!index->unique || !old)
        return STATUS_OK;
    Table *table = ddl__edit_table(query, old);
    TableKey *keys = (TableKey *)(uintptr_t)table->keys;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < table->key_count; i++)
        if (keys[i].id != index->id)
            keys[kept++] = keys[i];
    table->key_count = kept;
    return ddl__rewrite(query, old, table, err);
}

static Status constraint_index(Query *query, const AstName *name, bool *ret_found, Error *err)
{
    const CatalogVersion *version = ddl__catalog(query);
    const Table *table;
    size_t pos = 0;
    *ret_found = false;
    while ((table = catalog_next_table(version, &pos)))
        for (uint32_t i = 0; i < table->key_count; i++) {
            if (table->keys[i].is_index || !str_eq(table->keys[i].name, name->name))
                continue;
            *ret_found = true;
            Str label = ddl__label(query, CATALOG_TABLE, (const void *)table);
            Status status =
                error_set_sql(err, STATUS_INVALID, "2BP01", 0,
                              "cannot drop index %.*s because constraint %.*s on %.*s requires it",
                              STR_FMT(name->name), STR_FMT(name->name), STR_FMT(label));
            error_hint(err, "You can drop constraint %.*s on %.*s instead.", STR_FMT(name->name),
                       STR_FMT(label));
            return status;
        }
    return STATUS_OK;
}

static Status find_dropped(Query *query, const AstDrop *drop, const AstName *name,
                           CatalogKind *ret_kind, const CatalogHead **ret_head, Error *err)
{
    const CatalogVersion *version = ddl__catalog(query);
    *ret_head = NULL;
    switch (drop->kind) {
    case AST_OBJECT_SCHEMA:
        *ret_kind = CATALOG_SCHEMA;
        *ret_head = (const void *)catalog_find_schema(version, name->name);
        return STATUS_OK;
    case AST_OBJECT_TYPE:
    case AST_OBJECT_DOMAIN:
        *ret_kind = CATALOG_TYPE;
        *ret_head = ddl__resolve(query, CATALOG_TYPE, name, NULL);
        if (*ret_head && drop->kind == AST_OBJECT_DOMAIN &&
            ((const CatalogType *)(const void *)*ret_head)->kind != CATALOG_DOMAIN)
            return error_set_sql(err, STATUS_INVALID, "42809", 0, "\"%.*s\" is not a domain",
                                 STR_FMT(name->name));
        return STATUS_OK;
    case AST_OBJECT_TABLE:
    case AST_OBJECT_VIEW:
    case AST_OBJECT_MATVIEW:
    case AST_OBJECT_INDEX:
    case AST_OBJECT_SEQUENCE:
    case AST_OBJECT_COLUMN:
    case AST_OBJECT_CONSTRAINT:
    case AST_OBJECT_DOMAIN_CONSTRAINT:
    case AST_OBJECT_ATTRIBUTE:
    case AST_OBJECT_ROLE:
    case AST_OBJECT_DATABASE:
    case AST_OBJECT_FUNCTION:
    case AST_OBJECT_OTHER:
        break;
    }
    CatalogKind kind;
    const CatalogHead *head = ddl__resolve(query, CATALOG_TABLE, name, &kind);
    if (!head && drop->kind == AST_OBJECT_INDEX) {
        bool found;
        return constraint_index(query, name, &found, err);
    }
    if (!head)
        return STATUS_OK;
    bool materialized = kind == CATALOG_TABLE && ((const Table *)(const void *)head)->query.len > 0;
    bool fits = drop->kind == AST_OBJECT_TABLE     ? kind == CATALOG_TABLE && !materialized
                : drop->kind == AST_OBJECT_MATVIEW ? materialized
                : drop->kind == AST_OBJECT_VIEW    ? kind == CATALOG_VIEW
                : drop->kind == AST_OBJECT_INDEX   ? kind == CATALOG_INDEX
                                                   : kind == CATALOG_SEQUENCE;
    if (!fits)
        return wrong_kind(drop, name, kind, materialized, err);
    *ret_kind = kind;
    *ret_head = head;
    return STATUS_OK;
}

static Status check_droppable(Query *query, CatalogKind kind, const CatalogHead *head, Error *err)
{
    TRY(ddl__check_owner(query, kind, head, err));
    const CatalogSequence *sequence = kind == CATALOG_SEQUENCE ? (const void *)head : NULL;
    if (sequence && sequence->identity && sequence->owner_table) {
        const Table *table = catalog_table_by_id(ddl__catalog(query), sequence->owner_table);
        Str label = table ? ddl__label(query, CATALOG_TABLE, (const void *)table) : STR("table");
        Str column = table ? table->columns[sequence->owner_column - 1].name : STR("");
        Status status = error_set_sql(err, STATUS_INVALID, "2BP01", 0,
                                      "cannot drop sequence %.*s because column %.*s of %.*s "
                                      "requires it",
                                      STR_FMT(head->name), STR_FMT(column), STR_FMT(label));
        error_hint(err, "You can drop column %.*s of %.*s instead.", STR_FMT(column),
                   STR_FMT(label));
        return status;
    }
    if (kind == CATALOG_INDEX)
        return drop_index_key(query, (const void *)head, err);
    return STATUS_OK;
}

static Status drop_objects(Query *query, const AstDrop *drop, Error *err)
{
    DdlDrops drops = {0};
    Str what = STR("desired object(s)");
    uint32_t asked = 0;
    query__set_tag(query, "%s", drop_tags[drop->kind]);
    for (uint32_t i = 0; i < drop->count; i++) {
        const CatalogHead *head;
        CatalogKind kind;
        TRY(find_dropped(query, drop, &drop->names[i], &kind, &head, err));
        if (!head) {
            TRY(drop_missing(query, drop, &drop->names[i], err));
            continue;
        }
        TRY(check_droppable(query, kind, head, err));
        ddl__add_drop(query, &drops, kind, head->id);
        if (drop->count == 1)
            what = ddl__label(query, kind, head);
        asked++;
    }
    for (uint32_t i = 0; i < asked && i < drops.count; i++)
        ddl__add_dependents(query, &drops, drops.items[i].kind, drops.items[i].id);
    return ddl__run_drops(query, &drops, drop->cascade, what, err);
}

/* ---------------------------------------------------------------- all */

static Status run_ddl(Query *query, const AstDdl *ast, Error *err)
{
    switch (ast->kind) {
    case AST_DDL_ALTER_TABLE:
        return ddl__alter_table(query, ast, err);
    case AST_DDL_RENAME:
        return ddl__rename(query, ast, err);
    case AST_DDL_SET_SCHEMA:
        return ddl__set_schema(query, ast, err);
    case AST_DDL_OWNER:
        return ddl__set_owner(query, ast, err);
    case AST_DDL_CREATE_SEQUENCE:
        return ddl__create_sequence(query, ast, err);
    case AST_DDL_ALTER_SEQUENCE:
        return ddl__alter_sequence(query, ast, err);
    case AST_DDL_CREATE_ENUM:
        return ddl__create_enum(query, ast, err);
    case AST_DDL_ALTER_ENUM:
        return ddl__alter_enum(query, ast, err);
    case AST_DDL_CREATE_COMPOSITE:
        return ddl__create_composite(query, ast, err);
    case AST_DDL_CREATE_DOMAIN:
        return ddl__create_domain(query, ast, err);
    case AST_DDL_ALTER_DOMAIN:
        return ddl__alter_domain(query, ast, err);
    case AST_DDL_CREATE_INDEX:
        return ddl__create_index(query, ast, err);
    case AST_DDL_REINDEX:
        return ddl__reindex(query, ast, err);
    case AST_DDL_COMMENT:
        return ddl__comment(query, ast, err);
    case AST_DDL_CREATE_ROLE:
    case AST_DDL_ALTER_ROLE:
    case AST_DDL_DROP_ROLE:
    case AST_DDL_GRANT_ROLE:
        return ddl__role(query, ast, err);
    case AST_DDL_GRANT:
        return ddl__grant(query, ast, err);
    case AST_DDL_REFRESH:
        return ddl__refresh(query, ast, err);
    }
    return STATUS_OK;
}

static bool is_ddl(AstStatementKind kind)
{
    return kind == AST_STATEMENT_CREATE_TABLE || kind == AST_STATEMENT_CREATE_TABLE_AS ||
           kind == AST_STATEMENT_CREATE_VIEW || kind == AST_STATEMENT_CREATE_SCHEMA ||
           kind == AST_STATEMENT_DROP || kind == AST_STATEMENT_DDL;
}

enum { ATTEMPTS_MAX = 20 }; /* of a statement that meets other writes */

static Status run_in_transaction(Query *query, const AstStatement *ast, Error *err)
{
    TRY(query__snapshot(query, err));
    if (!query->binding.snapshot)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "there is no storage");
    (void)ddl__catalog(query);
    TRY(binding__result(&query->binding, query->binding.status, err));
    switch (ast->kind) {
    case AST_STATEMENT_CREATE_TABLE:
        return ddl__create_table(query, ast->create_table, err);
    case AST_STATEMENT_CREATE_TABLE_AS:
        return ddl__create_table_as(query, ast->create_table, err);
    case AST_STATEMENT_CREATE_VIEW:
        return create_view(query, ast->create_view, err);
    case AST_STATEMENT_CREATE_SCHEMA:
        return create_schema(query, ast, err);
    case AST_STATEMENT_DROP:
        return drop_objects(query, ast->drop, err);
    default:
        return run_ddl(query, ast->ddl, err);
    }
}

/* Outside of a transaction a statement is one of its own. */
static Status run_schema_change(Query *query, const AstStatement *ast, Error *err)
{
    Session *session = query->session;
    if (session->txn.state != TRANSACTION_IDLE)
        return run_in_transaction(query, ast, err);
    for (int attempt = 1;; attempt++) {
        TRY(session__begin(session, true, err));
        Status status = run_in_transaction(query, ast, err);
        if (status != STATUS_OK)
            session__rollback(session);
        else
            status = session__commit(session, err);
        if (status != STATUS_CONFLICT || attempt == ATTEMPTS_MAX)
            return status;
        query__renew_snapshot(query); /* somebody was faster */
        query->binding.version = NULL;
        query->notice_count = query->notice_next;
    }
}

Status command__run(Query *query, const AstStatement *ast, Error *err)
{
    if (is_ddl(ast->kind))
        return run_schema_change(query, ast, err);
    switch (ast->kind) {
    case AST_STATEMENT_EXPLAIN:
        return explain__run(query, ast->explain, err);
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
    case AST_STATEMENT_CREATE_TABLE:
    case AST_STATEMENT_CREATE_TABLE_AS:
    case AST_STATEMENT_CREATE_VIEW:
    case AST_STATEMENT_CREATE_SCHEMA:
    case AST_STATEMENT_DROP:
    case AST_STATEMENT_DDL:
    case AST_STATEMENT_MERGE:
    case AST_STATEMENT_CHECKPOINT:
    case AST_STATEMENT_COPY:
    case AST_STATEMENT_UNSUPPORTED:
        break;
    }
    return error_set_sql(err, STATUS_INTERNAL, "XX000", 0, "statement kind %d cannot be run",
                         (int)ast->kind);
}
