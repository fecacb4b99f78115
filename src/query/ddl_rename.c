/* ddl_rename.c - RENAME, SET SCHEMA, OWNER TO and COMMENT ON. */
#include "query/ddl_int.h"
#include "query/sql/sql_deparse.h"
#include "query/sql/sql_scan.h"

/* pg_description.classoid of what comments are about. */
enum {
    CLASS_RELATION = 1259,
    CLASS_TYPE = 1247,
    CLASS_SCHEMA = 2615,
    CLASS_CONSTRAINT = 2606,
    CLASS_DATABASE = 1262,
    CLASS_ROLE = 1260
};

/* ---------------------------------------------------------------- owners */

Status ddl__owner_id(Query *query, Str name, uint32_t *ret_id, Error *err)
{
    *ret_id = 0;
    if (str_eq(name, STR("current_user")) || str_eq(name, STR("session_user"))) {
        *ret_id = query->session->user_id;
        return STATUS_OK;
    }
    const CatalogUser *user = catalog_find_user(ddl__catalog(query), name);
    if (user)
        *ret_id = user->id;
    if (user || str_eq(name, str_from(query->session->user)))
        return STATUS_OK;
    return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0, "role \"%.*s\" does not exist",
                         STR_FMT(name));
}

Status ddl__change_owner(Query *query, CatalogKind kind, const CatalogHead *head, Str role,
                         Error *err)
{
    void *copy = catalog_copy(kind, head, &query->arena);
    uint32_t owner;
    TRY(ddl__owner_id(query, role, &owner, err));
    switch (kind) {
    case CATALOG_TABLE:
        ((Table *)copy)->owner = owner;
        break;
    case CATALOG_VIEW:
        ((CatalogView *)copy)->owner = owner;
        break;
    case CATALOG_SEQUENCE:
        ((CatalogSequence *)copy)->owner = owner;
        break;
    case CATALOG_TYPE:
        ((CatalogType *)copy)->owner = owner;
        break;
    case CATALOG_SCHEMA:
        ((CatalogSchema *)copy)->owner = owner;
        break;
    case CATALOG_INDEX:
    case CATALOG_COMMENT:
    case CATALOG_USER:
    case CATALOG_GRANT:
    case CATALOG_KIND_COUNT_:
        return STATUS_OK;
    }
    return ddl__put(query, kind, copy, err);
}

/* ---------------------------------------------------------------- finding */

static CatalogKind kind_of(AstObjectKind object)
{
    switch (object) {
    case AST_OBJECT_VIEW:
        return CATALOG_VIEW;
    case AST_OBJECT_INDEX:
        return CATALOG_INDEX;
    case AST_OBJECT_SEQUENCE:
        return CATALOG_SEQUENCE;
    case AST_OBJECT_TYPE:
    case AST_OBJECT_DOMAIN:
    case AST_OBJECT_DOMAIN_CONSTRAINT:
        return CATALOG_TYPE;
    case AST_OBJECT_SCHEMA:
        return CATALOG_SCHEMA;
    case AST_OBJECT_ROLE:
        return CATALOG_USER;
    default:
        return CATALOG_TABLE;
    }
}

/* NULL with a notice under IF EXISTS. ALTER TABLE takes any relation. */
static Status find_object(Query *query, const AstDdl *ast, CatalogKind *kind,
                          const CatalogHead **ret_head, Error *err)
{
    const CatalogVersion *version = ddl__catalog(query);
    CatalogKind wanted = kind_of(ast->object);
    *ret_head = NULL;
    *kind = wanted;
    switch (wanted) {
    case CATALOG_SCHEMA:
        *ret_head = (const void *)catalog_find_schema(version, ast->name.name);
        if (!*ret_head)
            return error_set_sql(err, STATUS_NOT_FOUND, "3F000", 0,
                                 "schema \"%.*s\" does not exist", STR_FMT(ast->name.name));
        return STATUS_OK;
    case CATALOG_USER:
        *ret_head = (const void *)catalog_find_user(version, ast->name.name);
        if (!*ret_head)
            return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0, "role \"%.*s\" does not exist",
                                 STR_FMT(ast->name.name));
        return STATUS_OK;
    case CATALOG_TYPE:
        *ret_head = ddl__resolve(query, CATALOG_TYPE, &ast->name, NULL);
        if (!*ret_head)
            return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0, "type \"%.*s\" does not exist",
                                 STR_FMT(ast->name.name));
        return STATUS_OK;
    case CATALOG_TABLE:
    case CATALOG_VIEW:
    case CATALOG_SEQUENCE:
    case CATALOG_INDEX:
    case CATALOG_COMMENT:
    case CATALOG_GRANT:
    case CATALOG_KIND_COUNT_:
        break;
    }
    *ret_head = ddl__resolve(query, CATALOG_TABLE, &ast->name, kind);
    if (!*ret_head && ast->if_exists) {
        query__notice(query, "00000", "relation \"%.*s\" does not exist, skipping",
                      STR_FMT(ast->name.name));
        return STATUS_OK;
    }
    if (!*ret_head)
        return error_set_sql(err, STATUS_NOT_FOUND, "42P01", ast->name.position,
                             "relation \"%.*s\" does not exist", STR_FMT(ast->name.name));
    bool any = ast->object == AST_OBJECT_TABLE || ast->object == AST_OBJECT_COLUMN ||
               ast->object == AST_OBJECT_CONSTRAINT || ast->object == AST_OBJECT_MATVIEW;
    if (!any && *kind != wanted)
        return error_set_sql(err, STATUS_INVALID, "42809", 0, "\"%.*s\" is not %s",
                             STR_FMT(ast->name.name),
                             wanted == CATALOG_VIEW    ? "a view"
                             : wanted == CATALOG_INDEX ? "an index"
                                                       : "a sequence");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- texts that name it */

static bool reads(Query *query, Str text, uint32_t id)
{
    SqlNames names;
    if (!ddl__query_names(query, text, &names))
        return false;
    for (uint32_t i = 0; i < names.table_count; i++) {
        const CatalogHead *head = ddl__resolve(query, CATALOG_TABLE, &names.tables[i], NULL);
        if (head && head->id == id)
            return true;
    }
    return false;
}

/* The names of the view's columns, fixed, so that its text may call them something else. */
static Status fix_columns(Query *query, CatalogView *view, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    AstScript script;
    Plan plan = {0};
    buf_append_lit(&text, "SELECT * FROM ");
    sql_append_name(&text, view->schema);
    buf_append_byte(&text, '.');
    sql_append_name(&text, view->name);
    TRY(sql_parse(&query->arena, buf_str(&text), &script, err));
    TRY(binding__result(
        &query->binding,
        sql_bind_select(&query->binding.options, script.statements[0]->select, &plan, err), err));
    Str *names = ARENA_NEW_ARRAY(&query->arena, Str, plan.root->schema.field_count);
    for (uint32_t i = 0; i < plan.root->schema.field_count; i++)
        names[i] = plan.root->schema.fields[i].name;
    view->columns = names;
    view->column_count = plan.root->schema.field_count;
    return STATUS_OK;
}

/* Views that read the relation say `to` for `from`. Collected before the change, put after it. */
static Status change_readers(Query *query, uint32_t id, Str from, Str to, bool column, Error *err)
{
    const CatalogVersion *version = ddl__catalog(query);
    const CatalogView *view;
    const Table *table;
    size_t pos = 0;
    while ((view = catalog_next_view(version, &pos))) {
        if (!reads(query, view->query, id))
            continue;
        CatalogView *copy = catalog_copy(CATALOG_VIEW, view, &query->arena);
        if (column)
            TRY(fix_columns(query, copy, err));
        copy->query = sql_scan_replace(&query->arena, view->query, from, to);
        TRY(ddl__put(query, CATALOG_VIEW, copy, err));
    }
    pos = 0;
    while ((table = catalog_next_table(version, &pos))) {
        if (!table->query.len || !reads(query, table->query, id))
            continue;
        Table *copy = ddl__edit_table(query, table);
        copy->query = sql_scan_replace(&query->arena, table->query, from, to);
        TRY(ddl__put(query, CATALOG_TABLE, copy, err));
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- RENAME */

static Status rename_text(Query *query, Str *text, const SqlRename *rename, Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    AstExpr *expr;
    if (!text->len)
        return STATUS_OK;
    TRY(sql_parse_expr(&query->arena, *text, &expr, err));
    if (!sql_uses_column(expr, rename->from))
        return STATUS_OK;
    TRY(sql_deparse(expr, rename, &out, err));
    *text = arena_str(&query->arena, buf_str(&out));
    return STATUS_OK;
}

static Status rename_view_column(Query *query, const CatalogView *view, const AstDdl *ast,
                                 Error *err)
{
    CatalogView *copy = catalog_copy(CATALOG_VIEW, view, &query->arena);
    TRY(fix_columns(query, copy, err));
    for (uint32_t i = 0; i < copy->column_count; i++)
        if (str_eq(copy->columns[i], ast->sub)) {
            ((Str *)(uintptr_t)copy->columns)[i] = ast->new_name;
            return ddl__put(query, CATALOG_VIEW, copy, err);
        }
    return error_set_sql(err, STATUS_INVALID, "42703", 0, "column \"%.*s\" does not exist",
                         STR_FMT(ast->sub));
}

static Status rename_column(Query *query, const Table *old, const AstDdl *ast, Error *err)
{
    Table *table = ddl__edit_table(query, old);
    TableColumn *columns = (TableColumn *)(uintptr_t)table->columns;
    TableCheck *checks = (TableCheck *)(uintptr_t)table->checks;
    const SqlRename rename = {ast->sub, ast->new_name};
    uint32_t at = 0;
    while (at < table->column_count && (columns[at].dropped || !str_eq(columns[at].name, ast->sub)))
        at++;
    if (at == table->column_count)
        return error_set_sql(err, STATUS_INVALID, "42703", 0, "column \"%.*s\" does not exist",
                             STR_FMT(ast->sub));
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!columns[i].dropped && str_eq(columns[i].name, ast->new_name))
            return error_set_sql(err, STATUS_EXISTS, "42701", 0,
                                 "column \"%.*s\" of relation \"%.*s\" already exists",
                                 STR_FMT(ast->new_name), STR_FMT(table->name));
    TRY(change_readers(query, old->id, ast->sub, ast->new_name, true, err));
    columns[at].name = ast->new_name;
    for (uint32_t i = 0; i < table->column_count; i++)
        if (columns[i].source == COLUMN_STORED)
            TRY(rename_text(query, &columns[i].default_text, &rename, err));
    for (uint32_t i = 0; i < table->check_count; i++)
        TRY(rename_text(query, &checks[i].text, &rename, err));
    return ddl__put(query, CATALOG_TABLE, table, err);
}

static Status rename_constraint(Query *query, const Table *old, const AstDdl *ast, Error *err)
{
    Table *table = ddl__edit_table(query, old);
    Str *found = NULL;
    for (uint32_t i = 0; i < table->key_count; i++) {
        if (str_eq(table->keys[i].name, ast->new_name))
            return error_set_sql(err, STATUS_EXISTS, "42710", 0,
                                 "constraint \"%.*s\" for relation \"%.*s\" already exists",
                                 STR_FMT(ast->new_name), STR_FMT(table->name));
        if (str_eq(table->keys[i].name, ast->sub))
            found = &((TableKey *)(uintptr_t)table->keys)[i].name;
    }
    for (uint32_t i = 0; i < table->check_count; i++) {
        if (str_eq(table->checks[i].name, ast->new_name))
            return error_set_sql(err, STATUS_EXISTS, "42710", 0,
                                 "constraint \"%.*s\" for relation \"%.*s\" already exists",
                                 STR_FMT(ast->new_name), STR_FMT(table->name));
        if (str_eq(table->checks[i].name, ast->sub))
            found = &((TableCheck *)(uintptr_t)table->checks)[i].name;
    }
    if (!found)
        return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                             "constraint \"%.*s\" for table \"%.*s\" does not exist",
                             STR_FMT(ast->sub), STR_FMT(table->name));
    *found = ast->new_name;
    return ddl__put(query, CATALOG_TABLE, table, err);
}

static Status rename_domain_constraint(Query *query, const CatalogType *old, const AstDdl *ast,
                                       Error *err)
{
    CatalogType *type = catalog_copy(CATALOG_TYPE, old, &query->arena);
    for (uint32_t i = 0; i < type->check_count; i++)
        if (str_eq(type->checks[i].name, ast->sub)) {
            ((TableCheck *)(uintptr_t)type->checks)[i].name = ast->new_name;
            return ddl__put(query, CATALOG_TYPE, type, err);
        }
    return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                         "constraint \"%.*s\" for domain %.*s does not exist", STR_FMT(ast->sub),
                         STR_FMT(type->name));
}

/* Objects of a schema name it; with the schema they move. */
static Status rename_schema(Query *query, const CatalogHead *head, Str to, Error *err)
{
    static const CatalogKind kinds[] = {CATALOG_TABLE, CATALOG_VIEW, CATALOG_SEQUENCE, CATALOG_TYPE,
                                        CATALOG_INDEX};
    CatalogSchema *schema = catalog_copy(CATALOG_SCHEMA, head, &query->arena);
    const CatalogVersion *version = ddl__catalog(query);
    Str from = schema->name;
    if (str_starts(to, STR("pg_"))) {
        Status status = error_set_sql(err, STATUS_INVALID, "42939", 0,
                                      "unacceptable schema name \"%.*s\"", STR_FMT(to));
        error_detail(err, "The prefix \"pg_\" is reserved for system schemas.");
        return status;
    }
    if (head->id < TABLE_ID_FIRST_USER)
        return error_set_sql(err, STATUS_DENIED, "42501", 0, "schema \"%.*s\" cannot be renamed",
                             STR_FMT(from));
    schema->name = to;
    TRY(ddl__put(query, CATALOG_SCHEMA, schema, err));
    for (size_t k = 0; k < LUMA_ARRAY_LEN(kinds); k++) {
        const CatalogHead *object;
        size_t pos = 0;
        while ((object = catalog_next(version, kinds[k], &pos))) {
            if (!str_eq(object->schema, from))
                continue;
            CatalogHead *copy = catalog_copy(kinds[k], object, &query->arena);
            copy->schema = to;
            TRY(ddl__put(query, kinds[k], copy, err));
        }
    }
    return STATUS_OK;
}

static Status rename_object(Query *query, CatalogKind kind, const CatalogHead *head,
                            const AstDdl *ast, Error *err)
{
    Str old_name = arena_str(&query->arena, head->name);
    CatalogHead *copy = catalog_copy(kind, head, &query->arena);
    if (head->id < TABLE_ID_FIRST_USER)
        return error_set_sql(err, STATUS_DENIED, "42501", 0,
                             "built-in table \"%.*s\" cannot be altered", STR_FMT(head->name));
    const CatalogHead *other =
        catalog_find(ddl__catalog(query), kind, head->schema, ast->new_name, NULL);
    if (other)
        return error_set_sql(err, STATUS_EXISTS,
                             kind == CATALOG_TYPE || kind == CATALOG_USER ? "42710" : "42P07", 0,
                             "%s \"%.*s\" already exists",
                             kind == CATALOG_TYPE   ? "type"
                             : kind == CATALOG_USER ? "role"
                                                    : "relation",
                             STR_FMT(ast->new_name));
    if (kind == CATALOG_TABLE || kind == CATALOG_VIEW)
        TRY(change_readers(query, head->id, old_name, ast->new_name, false, err));
    copy->name = ast->new_name;
    return ddl__put(query, kind, copy, err);
}

/* An index that is the key of a constraint has no object of its own. */
static Status rename_key(Query *query, const AstDdl *ast, bool *ret_done, Error *err)
{
    const CatalogVersion *version = ddl__catalog(query);
    const Table *table;
    size_t pos = 0;
    *ret_done = false;
    while ((table = catalog_next_table(version, &pos)))
        for (uint32_t i = 0; i < table->key_count; i++)
            if (str_eq(table->keys[i].name, ast->name.name) &&
                !catalog_find(version, CATALOG_INDEX, table->schema, ast->name.name, NULL)) {
                AstDdl constraint = *ast;
                constraint.sub = ast->name.name;
                *ret_done = true;
                return rename_constraint(query, table, &constraint, err);
            }
    return STATUS_OK;
}

Status ddl__rename(Query *query, const AstDdl *ast, Error *err)
{
    static const char *const tags[] = {
        [AST_OBJECT_VIEW] = "ALTER VIEW",
        [AST_OBJECT_SCHEMA] = "ALTER SCHEMA",
        [AST_OBJECT_INDEX] = "ALTER INDEX",
        [AST_OBJECT_SEQUENCE] = "ALTER SEQUENCE",
        [AST_OBJECT_TYPE] = "ALTER TYPE",
        [AST_OBJECT_DOMAIN] = "ALTER DOMAIN",
        [AST_OBJECT_ROLE] = "ALTER ROLE",
        [AST_OBJECT_DOMAIN_CONSTRAINT] = "ALTER DOMAIN",
        [AST_OBJECT_MATVIEW] = "ALTER MATERIALIZED VIEW",
        [AST_OBJECT_OTHER] = NULL,
    };
    const CatalogHead *head;
    CatalogKind kind;
    query__set_tag(query, "%s", tags[ast->object] ? tags[ast->object] : "ALTER TABLE");
    if (ast->object == AST_OBJECT_DATABASE || ast->object == AST_OBJECT_FUNCTION ||
        ast->object == AST_OBJECT_OTHER || ast->object == AST_OBJECT_ATTRIBUTE)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "renaming this kind of object is not supported");
    if (ast->object == AST_OBJECT_INDEX) {
        bool done;
        TRY(rename_key(query, ast, &done, err));
        if (done)
            return STATUS_OK;
    }
    TRY(find_object(query, ast, &kind, &head, err));
    if (!head)
        return STATUS_OK;
    TRY(ddl__check_owner(query, kind, head, err));
    if (ast->object == AST_OBJECT_COLUMN && kind == CATALOG_VIEW)
        return rename_view_column(query, (const void *)head, ast, err);
    if (ast->object == AST_OBJECT_COLUMN || ast->object == AST_OBJECT_CONSTRAINT) {
        if (kind != CATALOG_TABLE || head->id < TABLE_ID_FIRST_USER)
            return error_set_sql(err, STATUS_INVALID, "42809", 0,
                                 "cannot rename columns of relation \"%.*s\"", STR_FMT(head->name));
        return ast->object == AST_OBJECT_COLUMN
                   ? rename_column(query, (const void *)head, ast, err)
                   : rename_constraint(query, (const void *)head, ast, err);
    }
    if (ast->object == AST_OBJECT_DOMAIN_CONSTRAINT)
        return rename_domain_constraint(query, (const void *)head, ast, err);
    if (kind == CATALOG_SCHEMA)
        return rename_schema(query, head, ast->new_name, err);
    return rename_object(query, kind, head, ast, err);
}

/* ---------------------------------------------------------------- SET SCHEMA, OWNER */

static Status move_part(Query *query, CatalogKind kind, const CatalogHead *head, Str schema,
                        Error *err)
{
    CatalogHead *copy = catalog_copy(kind, head, &query->arena);
    copy->schema = schema;
    return ddl__put(query, kind, copy, err);
}

Status ddl__set_schema(Query *query, const AstDdl *ast, Error *err)
{
    const CatalogHead *head;
    CatalogKind kind;
    query__set_tag(query, ast->object == AST_OBJECT_VIEW       ? "ALTER VIEW"
                          : ast->object == AST_OBJECT_SEQUENCE ? "ALTER SEQUENCE"
                          : ast->object == AST_OBJECT_TYPE     ? "ALTER TYPE"
                          : ast->object == AST_OBJECT_DOMAIN   ? "ALTER DOMAIN"
                          : ast->object == AST_OBJECT_MATVIEW  ? "ALTER MATERIALIZED VIEW"
                                                               : "ALTER TABLE");
    TRY(find_object(query, ast, &kind, &head, err));
    if (!head)
        return STATUS_OK;
    TRY(ddl__check_owner(query, kind, head, err));
    const CatalogVersion *version = ddl__catalog(query);
    if (!catalog_has_schema(version, ast->new_name))
        return error_set_sql(err, STATUS_NOT_FOUND, "3F000", 0, "schema \"%.*s\" does not exist",
                             STR_FMT(ast->new_name));
    if (head->id < TABLE_ID_FIRST_USER)
        return error_set_sql(err, STATUS_DENIED, "42501", 0,
                             "built-in table \"%.*s\" cannot be altered", STR_FMT(head->name));
    if (str_eq(head->schema, ast->new_name))
        return STATUS_OK;
    uint32_t id = head->id;
    TRY(move_part(query, kind, head, ast->new_name, err));
    if (kind != CATALOG_TABLE)
        return STATUS_OK;
    const CatalogSequence *sequence;
    const CatalogIndex *index;
    size_t pos = 0;
    while ((sequence = catalog_next(version, CATALOG_SEQUENCE, &pos)))
        if (sequence->owner_table == id)
            TRY(move_part(query, CATALOG_SEQUENCE, (const void *)sequence, ast->new_name, err));
    pos = 0;
    while ((index = catalog_next(version, CATALOG_INDEX, &pos)))
        if (index->table_id == id)
            TRY(move_part(query, CATALOG_INDEX, (const void *)index, ast->new_name, err));
    return STATUS_OK;
}

Status ddl__set_owner(Query *query, const AstDdl *ast, Error *err)
{
    const CatalogHead *head;
    CatalogKind kind;
    query__set_tag(query, ast->object == AST_OBJECT_SCHEMA     ? "ALTER SCHEMA"
                          : ast->object == AST_OBJECT_TYPE     ? "ALTER TYPE"
                          : ast->object == AST_OBJECT_DOMAIN   ? "ALTER DOMAIN"
                          : ast->object == AST_OBJECT_DATABASE ? "ALTER DATABASE"
                                                               : "ALTER TABLE");
    if (ast->object == AST_OBJECT_DATABASE)
        return STATUS_OK;
    TRY(find_object(query, ast, &kind, &head, err));
    return head ? ddl__change_owner(query, kind, head, ast->new_name, err) : STATUS_OK;
}

/* ---------------------------------------------------------------- COMMENT */

static Status comment_target(Query *query, const AstDdl *ast, uint32_t *ret_class,
                             uint32_t *ret_object, uint32_t *ret_sub, Error *err)
{
    const CatalogHead *head;
    CatalogKind kind;
    *ret_sub = 0;
    if (ast->object == AST_OBJECT_DATABASE) {
        *ret_class = CLASS_DATABASE;
        *ret_object = 1;
        return STATUS_OK;
    }
    if (ast->object == AST_OBJECT_FUNCTION || ast->object == AST_OBJECT_OTHER)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "comments on this kind of object are not supported");
    TRY(find_object(query, ast, &kind, &head, err));
    *ret_object = head->id;
    *ret_class = kind == CATALOG_TYPE     ? CLASS_TYPE
                 : kind == CATALOG_SCHEMA ? CLASS_SCHEMA
                 : kind == CATALOG_USER   ? CLASS_ROLE
                                          : CLASS_RELATION;
    const Table *table = kind == CATALOG_TABLE ? (const void *)head : NULL;
    if (ast->object == AST_OBJECT_COLUMN) {
        for (uint32_t i = 0; table && i < table->column_count; i++)
            if (!table->columns[i].dropped && str_eq(table->columns[i].name, ast->sub)) {
                *ret_sub = i + 1;
                return STATUS_OK;
            }
        return error_set_sql(err, STATUS_INVALID, "42703", 0,
                             "column \"%.*s\" of relation \"%.*s\" does not exist",
                             STR_FMT(ast->sub), STR_FMT(head->name));
    }
    if (ast->object != AST_OBJECT_CONSTRAINT)
        return STATUS_OK;
    *ret_class = CLASS_CONSTRAINT;
    for (uint32_t i = 0; table && i < table->key_count; i++)
        if (str_eq(table->keys[i].name, ast->sub)) {
            *ret_object = table->keys[i].id;
            return STATUS_OK;
        }
    for (uint32_t i = 0; table && i < table->check_count; i++)
        if (str_eq(table->checks[i].name, ast->sub)) {
            *ret_object = table->checks[i].id;
            return STATUS_OK;
        }
    return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                         "constraint \"%.*s\" for table \"%.*s\" does not exist", STR_FMT(ast->sub),
                         STR_FMT(head->name));
}

Status ddl__comment(Query *query, const AstDdl *ast, Error *err)
{
    CatalogComment comment = {.text = ast->new_name};
    query__set_tag(query, "COMMENT");
    TRY(comment_target(query, ast, &comment.class_id, &comment.object_id, &comment.sub_id, err));
    comment.name = arena_printf(&query->arena, "%u.%u.%u", comment.class_id, comment.object_id,
                                comment.sub_id);
    const CatalogHead *old =
        catalog_find(ddl__catalog(query), CATALOG_COMMENT, STR(""), comment.name, NULL);
    if (!ast->has_text || !ast->new_name.len)
        return old ? ddl__drop(query, CATALOG_COMMENT, old->id, err) : STATUS_OK;
    comment.id = old ? old->id : ddl__new_id(query, comment.object_id >= TABLE_ID_FIRST_TEMPORARY);
    return ddl__put(query, CATALOG_COMMENT, &comment, err);
}
