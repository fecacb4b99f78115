/* ddl_rows.c - rows that DDL reads and writes: CREATE TABLE AS, REFRESH, ALTER TABLE that rewrites
 * or tests a table. They are read on the statement's snapshot through the executor, so the open
 * transaction's own changes count. */
#include <stdio.h>

#include "query/ddl_int.h"
#include "query/sql/sql_deparse.h"

Status ddl__read(Query *query, const AstSelect *select, DdlRows *ret_rows, Error *err)
{
    RecordBatch batch;
    query->own_plan = (Plan){0};
    TRY(query__bind(query, select, err));
    if (query->own_plan.param_count)
        return error_set_sql(err, STATUS_INVALID, "42P02", 0, "there is no parameter $1");
    TRY(query__open(query, &query->own_plan, err));
    for (;;) {
        RecordBatch copy;
        TRY(exec_next(query->exec, &batch, err));
        if (!batch.row_count)
            break;
        TRY(batch_copy(&batch, &query->arena, &copy, err));
        for (uint32_t i = 0; i < copy.column_count; i++) {
            Column flat;
            TRY(column_flatten(&copy.columns[i], &query->arena, &flat, err));
            copy.columns[i] = flat;
        }
        ARENA_PUSH(&query->arena, ret_rows->batches, ret_rows->count, ret_rows->cap, copy);
        ret_rows->row_count += copy.row_count;
    }
    query->exec = exec_close(query->exec);
    query->mode = QUERY_NONE;
    return STATUS_OK;
}

Status ddl__read_text(Query *query, Str text, DdlRows *ret_rows, Error *err)
{
    AstScript script;
    TRY(sql_parse(&query->arena, text, &script, err));
    if (script.count != 1 || script.statements[0]->kind != AST_STATEMENT_SELECT)
        return error_set(err, STATUS_INTERNAL, "\"%.*s\" is not a query", STR_FMT(text));
    return ddl__read(query, script.statements[0]->select, ret_rows, err);
}

Status ddl__test(Query *query, Str text, bool *ret_found, Error *err)
{
    DdlRows rows = {0};
    TRY(ddl__read_text(query, text, &rows, err));
    *ret_found = rows.row_count > 0;
    return STATUS_OK;
}

static Status add_rows(WriteBatch *batch, const Table *table, const DdlRows *rows, Arena *arena,
                       Error *err)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        RecordBatch all;
        TRY(modify__all_columns(table, &rows->batches[i], arena, &all, err));
        TRY(write_batch_rows(batch, table, &all, err));
    }
    return STATUS_OK;
}

/* A key that the rows do not keep is one that cannot be built. */
static Status name_index(Status status, Error *err)
{
    if (status != STATUS_EXISTS || !err)
        return status;
    Str message = str_from(err->message);
    Str detail = str_from(err->detail);
    ptrdiff_t quote = str_find_byte(message, '"');
    ptrdiff_t exists = str_find(detail, STR(" already exists."));
    char name[128], key[512];
    (void)snprintf(name, sizeof name, "%s", quote < 0 ? "" : err->message + quote);
    (void)snprintf(key, sizeof key, "%.*s", exists < 0 ? 0 : (int)exists, err->detail);
    status =
        error_set_sql(err, STATUS_EXISTS, "23505", 0, "could not create unique index %s", name);
    if (key[0])
        error_detail(err, "%s is duplicated.", key);
    return status;
}

Status ddl__store(Query *query, const Table *table, const DdlRows *rows, Error *err)
{
    WriteBatch *batch;
    WriteMark mark;
    if (!rows->row_count)
        return STATUS_OK;
    TRY(session__begin_write(query->session, &table, 1, &batch, &mark, err));
    Status status = add_rows(batch, table, rows, &query->arena, err);
    return name_index(session__end_write(query->session, batch, mark, status, err), err);
}

void ddl__forget_rows(Session *session, const Table *table)
{
    Transaction *txn = &session->txn;
    for (uint32_t i = 0; i < txn->written_count; i++)
        txn->written[i].own |= txn->written[i].table_id == table->id;
}

Status ddl__rewrite(Query *query, const Table *old, Table *table, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    DdlRows rows = {0};
    bool any = false;
    buf_append_lit(&text, "SELECT ");
    for (uint32_t i = 0; i < old->column_count; i++) {
        if (old->columns[i].dropped)
            continue;
        if (any)
            buf_append_lit(&text, ", ");
        sql_append_name(&text, old->columns[i].name);
        any = true;
    }
    buf_append_lit(&text, " FROM ");
    sql_append_name(&text, old->schema);
    buf_append_byte(&text, '.');
    sql_append_name(&text, old->name);
    TRY(ddl__read_text(query, buf_str(&text), &rows, err));
    table->store_id = ddl__new_id(query, table->temporary);
    ddl__forget_rows(query->session, old);
    TRY(ddl__put(query, CATALOG_TABLE, table, err));
    return ddl__store(query, table, &rows, err);
}
