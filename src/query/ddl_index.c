/* ddl_index.c - CREATE INDEX, REINDEX. A plain unique index is a key of its table, too. */
#include <stdio.h>

#include "query/ddl_int.h"
#include "query/sql/sql_deparse.h"

static Status column_text(const AstIndexColumn *column, Str *ret_text, Query *query, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    if (column->expr) {
        bool call = column->expr->kind == AST_CALL;
        if (!call)
            buf_append_byte(&text, '(');
        TRY(sql_deparse(column->expr, NULL, &text, err));
        if (!call)
            buf_append_byte(&text, ')');
    } else {
        sql_append_name(&text, column->name);
    }
    if (column->collation.len) {
        buf_append_lit(&text, " COLLATE ");
        sql_append_name(&text, column->collation);
    }
    if (column->operator_class.len)
        buf_printf(&text, " %.*s", STR_FMT(column->operator_class));
    if (column->descending)
        buf_append_lit(&text, " DESC");
    /* NULLS FIRST goes with DESC, LAST with ASC. */
    if (column->nulls_given && column->nulls_first != column->descending)
        buf_append_str(&text, column->nulls_first ? STR(" NULLS FIRST") : STR(" NULLS LAST"));
    *ret_text = arena_str(&query->arena, buf_str(&text));
    return STATUS_OK;
}

bool ddl__index_uses(Query *query, Str text, Str column)
{
    AstScript script;
    Str order = arena_printf(&query->arena, "SELECT 1 ORDER BY %.*s", STR_FMT(text));
    if (sql_parse(&query->arena, order, &script, NULL) != STATUS_OK)
        return true; /* an operator class: be on the safe side */
    const AstSelect *select = script.statements[0]->select;
    return select->order_count && sql_uses_column(select->order[0].expr, column);
}

static Str index_name(Query *query, const AstDdl *ast, const Table *table)
{
    Str columns = STR("");
    char label[32] = "idx";
    for (uint32_t i = 0; i < ast->index_column_count - ast->include_count; i++) {
        Str name = ast->index_columns[i].name;
        if (!name.len)
            name = ast->index_columns[i].expr->kind == AST_CALL
                       ? ast->index_columns[i].expr->call->name
                       : STR("expr");
        columns = columns.len
                      ? arena_printf(&query->arena, "%.*s_%.*s", STR_FMT(columns), STR_FMT(name))
                      : name;
    }
    Str name = sql_object_name(&query->arena, table->name, columns, label);
    for (int n = 1; catalog_find(ddl__catalog(query), CATALOG_TABLE, table->schema, name, NULL);
         n++) {
        (void)snprintf(label, sizeof label, "idx%d", n);
        name = sql_object_name(&query->arena, table->name, columns, label);
    }
    return name;
}

static Status check_columns(Query *query, const AstDdl *ast, const Table *table,
                            CatalogIndex *index, uint16_t *key_columns, Error *err)
{
    Str *texts = ARENA_NEW_ARRAY(&query->arena, Str, ast->index_column_count);
    for (uint32_t i = 0; i < ast->index_column_count; i++) {
        const AstIndexColumn *column = &ast->index_columns[i];
        uint32_t at = 0;
        while (column->name.len && at < table->column_count &&
               (table->columns[at].dropped || !str_eq(table->columns[at].name, column->name)))
            at++;
        if (column->name.len && at == table->column_count)
            return error_set_sql(err, STATUS_INVALID, "42703", 0, "column \"%.*s\" does not exist",
                                 STR_FMT(column->name));
        if (column->expr) {
            CLEANUP(buf_done) Buf text = {0};
            Plan plan = {0};
            AstScript script;
            TRY(sql_deparse(column->expr, NULL, &text, err));
            Str select =
                arena_printf(&query->arena, "SELECT %.*s FROM \"%.*s\".\"%.*s\"",
                             STR_FMT(buf_str(&text)), STR_FMT(table->schema), STR_FMT(table->name));
            TRY(sql_parse(&query->arena, select, &script, err));
            TRY(binding__result(
                &query->binding,
                sql_bind_select(&query->binding.options, script.statements[0]->select, &plan, err),
                err));
        }
        key_columns[i] = (uint16_t)at;
        TRY(column_text(column, &texts[i], query, err));
    }
    index->columns = texts;
    index->column_count = ast->index_column_count;
    index->include_count = ast->include_count;
    return STATUS_OK;
}

/* The table's rows get a new store, which builds the key. */
static Status add_key(Query *query, const Table *old, const CatalogIndex *index,
                      const uint16_t *columns, bool nulls_not_distinct, Error *err)
{
    Table *table = ddl__edit_table(query, old);
    TableKey *keys = ARENA_NEW_ARRAY(&query->arena, TableKey, table->key_count + 1);
    memcpy(keys, table->keys, sizeof *keys * table->key_count);
    keys[table->key_count] = (TableKey){.id = index->id,
                                        .name = index->name,
                                        .columns = columns,
                                        .column_count = index->column_count - index->include_count,
                                        .is_index = true,
                                        .nulls_not_distinct = nulls_not_distinct};
    table->keys = keys;
    table->key_count++;
    return ddl__rewrite(query, old, table, err);
}

static bool known_method(Str method)
{
    return str_eq(method, STR("btree")) || str_eq(method, STR("hash")) ||
           str_eq(method, STR("gin")) || str_eq(method, STR("gist")) ||
           str_eq(method, STR("brin")) || str_eq(method, STR("spgist")) ||
           str_eq(method, STR("fulltext"));
}

Status ddl__create_index(Query *query, const AstDdl *ast, Error *err)
{
    const CatalogHead *head;
    bool exists;
    query__set_tag(query, "CREATE INDEX");
    TRY(ddl__relation(query, &ast->table, CATALOG_TABLE, "relation", false, &head, err));
    const Table *table = (const void *)head;
    if (!known_method(ast->method))
        return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                             "access method \"%.*s\" does not exist", STR_FMT(ast->method));
    TRY(ddl__check_owner(query, CATALOG_TABLE, head, err));
    CatalogIndex index = {.schema = table->schema,
                          .name =
                              ast->name.name.len ? ast->name.name : index_name(query, ast, table),
                          .table_id = table->id,
                          .method = ast->method,
                          .unique = ast->unique,
                          .temporary = table->temporary};
    TRY(ddl__check_free(query, index.schema, index.name, ast->if_not_exists, &exists, err));
    if (exists)
        return STATUS_OK;
    uint16_t *columns = ARENA_NEW_ARRAY(&query->arena, uint16_t, ast->index_column_count);
    TRY(check_columns(query, ast, table, &index, columns, err));
    if (ast->where) {
        CLEANUP(buf_done) Buf text = {0};
        TRY(sql_deparse(ast->where, NULL, &text, err));
        index.predicate = arena_str(&query->arena, buf_str(&text));
    }
    index.id = ddl__new_id(query, table->temporary);
    if (ast->unique) {
        for (uint32_t i = 0; i < ast->index_column_count - ast->include_count; i++)
            if (ast->index_columns[i].expr)
                return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                                     "unique indexes on expressions are not supported");
        if (ast->where)
            return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                                 "partial unique indexes are not supported");
        if (table->kind != TABLE_USER || table->id == TABLE_ID_AUDIT_LOG)
            return error_set_sql(err, STATUS_DENIED, "42501", 0,
                                 "built-in table \"%.*s\" cannot be altered", STR_FMT(table->name));
        TRY(add_key(query, table, &index, columns, ast->nulls_not_distinct, err));
    }
    return ddl__put(query, CATALOG_INDEX, &index, err);
}

Status ddl__reindex(Query *query, const AstDdl *ast, Error *err)
{
    const CatalogHead *head;
    query__set_tag(query, "REINDEX");
    if (ast->object == AST_OBJECT_SCHEMA)
        return STATUS_OK; /* indexes are never out of step */
    return ddl__relation(query, &ast->name,
                         ast->object == AST_OBJECT_INDEX ? CATALOG_INDEX : CATALOG_TABLE,
                         "relation", false, &head, err);
}
