/* ddl_depend.c - what depends on what: DROP ... RESTRICT and CASCADE.
 *
 * Views are kept as text, so what they depend on is what their text names, looked up along the
 * search path. */
#include "query/ddl_int.h"
#include "query/sql/sql_deparse.h"
#include "query/sql/sql_walk.h"

/* ---------------------------------------------------------------- names for messages */

Str ddl__label(Query *query, CatalogKind kind, const CatalogHead *head)
{
    CLEANUP(buf_done) Buf text = {0};
    const SqlBindOptions *options = &query->binding.options;
    const char *what = "";
    bool visible = false;
    switch (kind) {
    case CATALOG_TABLE:
        what = ((const Table *)(const void *)head)->query.len ? "materialized view" : "table";
        break;
    case CATALOG_VIEW:
        what = "view";
        break;
    case CATALOG_SEQUENCE:
        what = "sequence";
        break;
    case CATALOG_INDEX:
        what = "index";
        break;
    case CATALOG_TYPE:
        what = "type";
        break;
    case CATALOG_SCHEMA:
        what = "schema";
        visible = true;
        break;
    case CATALOG_COMMENT:
    case CATALOG_USER:
    case CATALOG_GRANT:
    case CATALOG_KIND_COUNT_:
        what = "role";
        visible = true;
        break;
    }
    for (uint32_t i = 0; i < options->search_path_count; i++)
        visible |= str_eq(options->search_path[i], head->schema);
    buf_printf(&text, "%s ", what);
    if (!visible) {
        sql_append_name(&text, head->schema);
        buf_append_byte(&text, '.');
    }
    sql_append_name(&text, head->name);
    return arena_str(&query->arena, buf_str(&text));
}

/* ---------------------------------------------------------------- views */

bool ddl__query_names(Query *query, Str text, SqlNames *ret_names)
{
    AstScript script;
    *ret_names = (SqlNames){0};
    if (sql_parse(&query->arena, text, &script, NULL) != STATUS_OK || script.count != 1 ||
        script.statements[0]->kind != AST_STATEMENT_SELECT)
        return false;
    sql_collect_names(script.statements[0]->select, &query->arena, ret_names);
    return true;
}

const CatalogHead *ddl__resolve(Query *query, CatalogKind space, const AstName *name,
                                CatalogKind *ret_kind)
{
    const SqlBindOptions *options = &query->binding.options;
    const CatalogVersion *version = ddl__catalog(query);
    if (name->schema.len) {
        Str schema = str_eq(name->schema, STR("pg_temp")) ? query->session->catalog.temporary_schema
                                                          : name->schema;
        return catalog_find(version, space, schema, name->name, ret_kind);
    }
    for (uint32_t i = 0; i < options->search_path_count; i++) {
        const CatalogHead *head =
            catalog_find(version, space, options->search_path[i], name->name, ret_kind);
        if (head)
            return head;
    }
    return NULL;
}

/* Does the query read the relation (by id), and the column of it when one is given? */
static bool reads_relation(Query *query, Str text, uint32_t id, Str column)
{
    SqlNames names;
    bool found = false;
    if (!ddl__query_names(query, text, &names))
        return false;
    for (uint32_t i = 0; i < names.table_count && !found; i++) {
        const CatalogHead *head = ddl__resolve(query, CATALOG_TABLE, &names.tables[i], NULL);
        found = head && head->id == id;
    }
    if (!found || !column.len || names.star)
        return found;
    for (uint32_t i = 0; i < names.column_count; i++)
        if (str_eq(names.columns[i], column))
            return true;
    return false;
}

static bool uses_type(Query *query, Str text, uint32_t id)
{
    SqlNames names;
    if (!ddl__query_names(query, text, &names))
        return false;
    for (uint32_t i = 0; i < names.type_count; i++) {
        const CatalogHead *head = ddl__resolve(query, CATALOG_TYPE, &names.types[i], NULL);
        if (head && head->id == id)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- collecting */

static bool is_dropped(const DdlDrops *drops, CatalogKind kind, uint32_t id)
{
    for (uint32_t i = 0; i < drops->count; i++)
        if (drops->items[i].action == DDL_DROP_OBJECT && drops->items[i].kind == kind &&
            drops->items[i].id == id)
            return true;
    return false;
}

static void push(Query *query, DdlDrops *drops, DdlDrop item)
{
    ARENA_PUSH(&query->arena, drops->items, drops->count, drops->cap, item);
}

static void add_dependent(Query *query, DdlDrops *drops, CatalogKind kind, const CatalogHead *head,
                          Str on)
{
    if (is_dropped(drops, kind, head->id))
        return;
    push(query, drops,
         (DdlDrop){.kind = kind,
                   .id = head->id,
                   .label = ddl__label(query, kind, head),
                   .on = on,
                   .dependent = true});
    ddl__add_dependents(query, drops, kind, head->id);
}

/* Parts go without being mentioned: sequences of columns, indexes, comments, grants. */
static void add_part(Query *query, DdlDrops *drops, CatalogKind kind, uint32_t id)
{
    if (is_dropped(drops, kind, id))
        return;
    push(query, drops, (DdlDrop){.kind = kind, .id = id});
    ddl__add_dependents(query, drops, kind, id);
}

static void add_readers(Query *query, DdlDrops *drops, uint32_t id, Str column, Str on)
{
    const CatalogVersion *version = ddl__catalog(query);
    const CatalogView *view;
    const Table *table;
    size_t pos = 0;
    while ((view = catalog_next_view(version, &pos)))
        if (reads_relation(query, view->query, id, column))
            add_dependent(query, drops, CATALOG_VIEW, (const void *)view, on);
    pos = 0;
    while ((table = catalog_next_table(version, &pos)))
        if (table->query.len && reads_relation(query, table->query, id, column))
            add_dependent(query, drops, CATALOG_TABLE, (const void *)table, on);
}

static void add_table_parts(Query *query, DdlDrops *drops, uint32_t id)
{
    const CatalogVersion *version = ddl__catalog(query);
    const CatalogSequence *sequence;
    const CatalogIndex *index;
    size_t pos = 0;
    while ((sequence = catalog_next(version, CATALOG_SEQUENCE, &pos)))
        if (sequence->owner_table == id)
            add_part(query, drops, CATALOG_SEQUENCE, sequence->id);
    pos = 0;
    while ((index = catalog_next(version, CATALOG_INDEX, &pos)))
        if (index->table_id == id)
            add_part(query, drops, CATALOG_INDEX, index->id);
}

static void add_about(Query *query, DdlDrops *drops, uint32_t id)
{
    const CatalogVersion *version = ddl__catalog(query);
    const CatalogComment *comment;
    const CatalogGrant *grant;
    size_t pos = 0;
    while ((comment = catalog_next(version, CATALOG_COMMENT, &pos)))
        if (comment->object_id == id)
            push(query, drops, (DdlDrop){.kind = CATALOG_COMMENT, .id = comment->id});
    pos = 0;
    while ((grant = catalog_next(version, CATALOG_GRANT, &pos)))
        if (grant->object_id == id)
            push(query, drops, (DdlDrop){.kind = CATALOG_GRANT, .id = grant->id});
}

/* Columns whose default takes from the sequence. */
static void add_defaults(Query *query, DdlDrops *drops, const CatalogSequence *sequence, Str on)
{
    const CatalogVersion *version = ddl__catalog(query);
    const Table *table;
    size_t pos = 0;
    while ((table = catalog_next_table(version, &pos))) {
        if (is_dropped(drops, CATALOG_TABLE, table->id))
            continue;
        for (uint32_t i = 0; i < table->column_count; i++) {
            const TableColumn *column = &table->columns[i];
            if (column->dropped || column->sequence_id != sequence->id)
                continue;
            push(query, drops,
                 (DdlDrop){.action = DDL_DROP_DEFAULT,
                           .kind = CATALOG_TABLE,
                           .id = table->id,
                           .column = i,
                           .label = arena_printf(
                               &query->arena, "default value for column %.*s of %.*s",
                               STR_FMT(column->name),
                               STR_FMT(ddl__label(query, CATALOG_TABLE, (const void *)table))),
                           .on = on,
                           .dependent = true});
        }
    }
}

static void add_type_users(Query *query, DdlDrops *drops, const CatalogType *type, Str on)
{
    const CatalogVersion *version = ddl__catalog(query);
    const CatalogType *domain;
    const CatalogView *view;
    const Table *table;
    size_t pos = 0;
    while ((table = catalog_next_table(version, &pos))) {
        if (is_dropped(drops, CATALOG_TABLE, table->id))
            continue;
        for (uint32_t i = 0; i < table->column_count; i++) {
            const TableColumn *column = &table->columns[i];
            if (column->dropped || !ddl__column_has_type(column, type))
                continue;
            push(query, drops,
                 (DdlDrop){.action = DDL_DROP_COLUMN,
                           .kind = CATALOG_TABLE,
                           .id = table->id,
                           .column = i,
                           .label = arena_printf(
                               &query->arena, "column %.*s of %.*s", STR_FMT(column->name),
                               STR_FMT(ddl__label(query, CATALOG_TABLE, (const void *)table))),
                           .on = on,
                           .dependent = true});
        }
    }
    pos = 0;
    while ((domain = catalog_next(version, CATALOG_TYPE, &pos)))
        if (domain->kind == CATALOG_DOMAIN &&
            (domain->base_domain == type->id ||
             (domain->base.id == TYPE_ENUM && (uint32_t)domain->base.typmod == type->id)))
            add_dependent(query, drops, CATALOG_TYPE, (const void *)domain, on);
    pos = 0;
    while ((view = catalog_next_view(version, &pos)))
        if (uses_type(query, view->query, type->id))
            add_dependent(query, drops, CATALOG_VIEW, (const void *)view, on);
}

static void add_schema_contents(Query *query, DdlDrops *drops, Str schema, Str on)
{
    static const CatalogKind kinds[] = {CATALOG_TYPE, CATALOG_TABLE, CATALOG_SEQUENCE, CATALOG_VIEW,
                                        CATALOG_INDEX};
    const CatalogVersion *version = ddl__catalog(query);
    for (size_t k = 0; k < LUMA_ARRAY_LEN(kinds); k++) {
        const CatalogHead *head;
        size_t pos = 0;
        while ((head = catalog_next(version, kinds[k], &pos)))
            if (str_eq(head->schema, schema))
                add_dependent(query, drops, kinds[k], head, on);
    }
}

void ddl__add_dependents(Query *query, DdlDrops *drops, CatalogKind kind, uint32_t id)
{
    const CatalogHead *head = catalog_by_id(ddl__catalog(query), kind, id);
    if (!head)
        return;
    Str on = ddl__label(query, kind, head);
    add_about(query, drops, id);
    switch (kind) {
    case CATALOG_TABLE:
        add_table_parts(query, drops, id);
        add_readers(query, drops, id, STR(""), on);
        return;
    case CATALOG_VIEW:
        add_readers(query, drops, id, STR(""), on);
        return;
    case CATALOG_SEQUENCE:
        add_readers(query, drops, id, STR(""), on);
        add_defaults(query, drops, (const void *)head, on);
        return;
    case CATALOG_TYPE:
        add_type_users(query, drops, (const void *)head, on);
        return;
    case CATALOG_SCHEMA:
        add_schema_contents(query, drops, head->name, on);
        return;
    case CATALOG_INDEX:
    case CATALOG_COMMENT:
    case CATALOG_USER:
    case CATALOG_GRANT:
    case CATALOG_KIND_COUNT_:
        return;
    }
}

void ddl__add_column_dependents(Query *query, DdlDrops *drops, const Table *table, uint32_t column)
{
    Str on =
        arena_printf(&query->arena, "column %.*s of %.*s", STR_FMT(table->columns[column].name),
                     STR_FMT(ddl__label(query, CATALOG_TABLE, (const void *)table)));
    add_readers(query, drops, table->id, table->columns[column].name, on);
}

void ddl__add_drop(Query *query, DdlDrops *drops, CatalogKind kind, uint32_t id)
{
    if (is_dropped(drops, kind, id)) {
        /* Asked for by name, too: it is no surprise any more. */
        for (uint32_t i = 0; i < drops->count; i++)
            if (drops->items[i].kind == kind && drops->items[i].id == id)
                drops->items[i].dependent = false;
        return;
    }
    push(query, drops, (DdlDrop){.kind = kind, .id = id});
}

/* ---------------------------------------------------------------- dropping */

static Status restricted(Query *query, const DdlDrops *drops, Str what, Error *err)
{
    CLEANUP(buf_done) Buf detail = {0};
    Status status =
        error_set_sql(err, STATUS_INVALID, "2BP01", 0,
                      "cannot drop %.*s because other objects depend on it", STR_FMT(what));
    for (uint32_t i = 0; i < drops->count; i++)
        if (drops->items[i].dependent)
            buf_printf(&detail, "%s%.*s depends on %.*s", detail.len ? "\n" : "",
                       STR_FMT(drops->items[i].label), STR_FMT(drops->items[i].on));
    (void)query;
    error_detail(err, "%.*s", (int)detail.len, detail.ptr);
    error_hint(err, "Use DROP ... CASCADE to drop the dependent objects too.");
    return status;
}

static void notice_cascade(Query *query, const DdlDrops *drops)
{
    CLEANUP(buf_done) Buf detail = {0};
    uint32_t count = 0;
    Str only = STR("");
    for (uint32_t i = 0; i < drops->count; i++) {
        if (!drops->items[i].dependent)
            continue;
        only = drops->items[i].label;
        buf_printf(&detail, "%sdrop cascades to %.*s", count++ ? "\n" : "", STR_FMT(only));
    }
    if (count == 1)
        query__notice(query, "00000", "drop cascades to %.*s", STR_FMT(only));
    if (count < 2)
        return;
    query__notice(query, "00000", "drop cascades to %u other objects", count);
    error_detail(&query->notices[query->notice_count - 1], "%.*s", (int)detail.len, detail.ptr);
}

static Status drop_item(Query *query, const DdlDrop *item, Error *err)
{
    const Table *table = catalog_table_by_id(ddl__catalog(query), item->id);
    switch (item->action) {
    case DDL_DROP_OBJECT:
        if (item->kind == CATALOG_TABLE && table)
            ddl__forget_rows(query->session, table);
        return ddl__drop(query, item->kind, item->id, err);
    case DDL_DROP_DEFAULT:
        if (!table || is_dropped(&(DdlDrops){0}, CATALOG_TABLE, item->id))
            return STATUS_OK;
        return ddl__drop_default(query, table, item->column, err);
    case DDL_DROP_COLUMN:
        return table ? ddl__drop_column(query, table, item->column, err) : STATUS_OK;
    }
    return STATUS_OK;
}

Status ddl__run_drops(Query *query, const DdlDrops *drops, bool cascade, Str what, Error *err)
{
    bool dependents = false;
    for (uint32_t i = 0; i < drops->count; i++)
        dependents |= drops->items[i].dependent;
    if (dependents && !cascade)
        return restricted(query, drops, what, err);
    notice_cascade(query, drops);
    /* What depends goes before what it depends on; a schema goes last. */
    for (uint32_t i = drops->count; i-- > 0;)
        if (drops->items[i].action != DDL_DROP_OBJECT &&
            !is_dropped(drops, CATALOG_TABLE, drops->items[i].id))
            TRY(drop_item(query, &drops->items[i], err));
    for (uint32_t i = drops->count; i-- > 0;)
        if (drops->items[i].action == DDL_DROP_OBJECT)
            TRY(drop_item(query, &drops->items[i], err));
    return STATUS_OK;
}
