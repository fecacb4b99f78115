/* insert.c - rows of INSERT and CREATE TABLE AS.
 *
 * A statement's rows are gathered as copied batches, checked, and then go to the engine in one
 * write (durable when it returns), or behind the rows that the open transaction holds. Gathering
 * first keeps INSERT ... SELECT from reading what it writes. */
#include "query/query_int.h"

typedef struct Gathered {
    RecordBatch *batches;
    uint32_t count;
    uint32_t cap;
    uint64_t row_count;
} Gathered;

/* ---------------------------------------------------------------- reading gathered rows */

typedef struct Reader {
    uint32_t next;
    uint32_t end; /* batches there were at the start */
} Reader;

static Status read_gathered(const RecordBatch *batches, uint32_t count, void **state, Arena *arena,
                            RecordBatch *ret_batch)
{
    Reader *reader = *state;
    if (!reader) {
        *state = reader = ARENA_NEW(arena, Reader);
        reader->end = count;
    }
    if (reader->next < reader->end)
        *ret_batch = batches[reader->next++];
    else
        *ret_batch = (RecordBatch){0};
    return STATUS_OK;
}

static Status next_gathered(void *ctx, void **state, Arena *arena, RecordBatch *ret_batch,
                            Error *err)
{
    const Gathered *gathered = ctx;
    return read_gathered(gathered->batches, gathered->count, state, arena, ret_batch);
}

static Status next_pending(void *ctx, void **state, Arena *arena, RecordBatch *ret_batch,
                           Error *err)
{
    const PendingRows *pending = ctx;
    return read_gathered(pending->batches, pending->batch_count, state, arena, ret_batch);
}

/* ---------------------------------------------------------------- gathering */

void insert__failing_row(const RecordBatch *batch, uint32_t row, const PgSettings *settings,
                         Error *err)
{
    enum { VALUE_BYTES_MAX = 64 };
    CLEANUP(buf_done) Buf text = {0};
    for (uint32_t c = 0; c < batch->column_count; c++) {
        if (c)
            buf_append_lit(&text, ", ");
        if (column_is_null(&batch->columns[c], row)) {
            buf_append_lit(&text, "null");
            continue;
        }
        size_t at = text.len;
        pgtype_append_text(&batch->columns[c], row, settings, &text);
        if (text.len - at <= VALUE_BYTES_MAX)
            continue;
        text.len = at + VALUE_BYTES_MAX;
        while (text.len > at && ((uint8_t)text.ptr[text.len] & 0xC0) == 0x80)
            text.len--;
        buf_append_lit(&text, "...");
    }
    error_detail(err, "Failing row contains (%.*s).", (int)text.len, text.ptr ? text.ptr : "");
}

Status insert__check_rows(const Table *table, const RecordBatch *batch, const PgSettings *settings,
                          uint32_t *ret_row, Error *err)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        const TableColumn *column = &table->columns[i];
        if (column->dropped)
            continue;
        const Column *values = &batch->columns[live++];
        if (!column->not_null || !values->validity)
            continue;
        for (uint32_t r = 0; r < batch->row_count; r++)
            if (column_is_null(values, r)) {
                *ret_row = r;
                (void)error_set_sql(err, STATUS_INVALID, "23502", 0,
                                    "null value in column \"%.*s\" of relation \"%.*s\" violates "
                                    "not-null constraint",
                                    STR_FMT(column->name), STR_FMT(table->name));
                insert__failing_row(batch, r, settings, err);
                return STATUS_INVALID;
            }
    }
    return STATUS_OK;
}

static Status gather(Query *query, const Plan *plan, const Table *table, Gathered *ret, Error *err)
{
    RecordBatch batch, copy;
    uint32_t row;
    TRY(query__open(query, plan, err));
    for (;;) {
        TRY(exec_next(query->exec, &batch, err));
        if (!batch.row_count)
            break;
        TRY(batch_copy(&batch, &query->arena, &copy, err));
        TRY(batch_flatten(&copy, &query->arena, err));
        TRY(insert__check_rows(table, &copy, query->binding.settings.pg, &row, err));
        ARENA_PUSH(&query->arena, ret->batches, ret->count, ret->cap, copy);
        ret->row_count += copy.row_count;
    }
    query->exec = exec_close(query->exec);
    query->mode = QUERY_NONE;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- storing */

static Status write_now(Session *session, const Table *table, const Gathered *rows, Error *err)
{
    WriteBatch *batch = NULL;
    Lsn lsn;
    if (!rows->row_count)
        return STATUS_OK;
    TRY(write_batch_new(session->engine->options.engine, &batch, err));
    for (uint32_t i = 0; i < rows->count; i++) {
        Status status = write_batch_rows(batch, table, &rows->batches[i], err);
        if (status != STATUS_OK) {
            (void)write_batch_free(batch);
            return status;
        }
    }
    return engine_write_wait(session->engine->options.engine, batch, &lsn, err);
}

static PendingRows *new_pending(Session *session, const Table *table)
{
    Transaction *txn = &session->txn;
    PendingRows *pending = ARENA_NEW(&txn->arena, PendingRows);
    Field *fields = ARENA_NEW_ARRAY(&txn->arena, Field, table->column_count);
    uint32_t live = 0;
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].dropped)
            fields[live++] = (Field){.name = arena_str(&txn->arena, table->columns[i].name),
                                     .type = table->columns[i].type,
                                     .not_null = table->columns[i].not_null,
                                     .table_oid = table->id,
                                     .attnum = (int16_t)(i + 1)};
    pending->schema = arena_str(&txn->arena, table->schema);
    pending->name = arena_str(&txn->arena, table->name);
    pending->table_id = table->id;
    pending->schema_version = table->schema_version;
    pending->series = table->kind != TABLE_USER;
    pending->columns = (Schema){fields, live};
    pending->view = (VirtualTable){.schema = pending->schema,
                                   .name = pending->name,
                                   .oid = table->id,
                                   .columns = &pending->columns,
                                   .next = next_pending,
                                   .ctx = pending};
    ARENA_PUSH(&txn->arena, txn->pending, txn->pending_count, txn->pending_cap, pending);
    return pending;
}

Status insert__append_pending(Session *session, const Table *table, const RecordBatch *rows,
                              Error *err)
{
    Transaction *txn = &session->txn;
    PendingRows *pending = session__pending(session, table->id);
    RecordBatch kept = *rows;
    if (!pending)
        pending = new_pending(session, table);
    kept.schema = &pending->columns;
    ARENA_PUSH(&txn->arena, pending->batches, pending->batch_count, pending->batch_cap, kept);
    return STATUS_OK;
}

static Status keep_for_commit(Session *session, const Table *table, const Gathered *rows,
                              Error *err)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        RecordBatch copy;
        TRY(batch_copy(&rows->batches[i], &session->txn.arena, &copy, err));
        TRY(insert__append_pending(session, table, &copy, err));
    }
    return STATUS_OK;
}

static Status store(Session *session, const Table *table, const Gathered *rows, Error *err)
{
    if (session->txn.state == TRANSACTION_IDLE)
        return write_now(session, table, rows, err);
    return keep_for_commit(session, table, rows, err);
}

static Status add_pending(WriteBatch *batch, Snapshot *snapshot, const PendingRows *pending,
                          Error *err)
{
    const Table *table = snapshot_find_table(snapshot, pending->schema, pending->name);
    if (!table || table->id != pending->table_id ||
        (!pending->series && table->schema_version != pending->schema_version))
        return error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                             "could not commit: table \"%.*s\" was changed by another session",
                             STR_FMT(pending->name));
    for (uint32_t i = 0; i < pending->batch_count; i++)
        TRY(write_batch_rows(batch, table, &pending->batches[i], err));
    return STATUS_OK;
}

Status insert__flush_pending(Session *session, Error *err)
{
    Engine *engine = session->engine->options.engine;
    Transaction *txn = &session->txn;
    WriteBatch *batch = NULL;
    Snapshot *snapshot = NULL;
    Lsn lsn;
    if (!txn->pending_count)
        return STATUS_OK;
    TRY(engine_snapshot(engine, &snapshot, err));
    Status status = write_batch_new(engine, &batch, err);
    for (uint32_t i = 0; status == STATUS_OK && i < txn->pending_count; i++)
        status = add_pending(batch, snapshot, txn->pending[i], err);
    if (status == STATUS_OK)
        status = engine_write_wait(engine, STEAL(batch), &lsn, err);
    (void)write_batch_free(batch);
    (void)snapshot_free(snapshot);
    return status;
}

/* ---------------------------------------------------------------- statements */

/* RETURNING reads the gathered rows as a table. */
static Status start_returning(Query *query, SqlInsert *insert, Gathered *rows, Error *err)
{
    Gathered *kept = arena_dup(&query->arena, rows, sizeof *rows);
    insert->inserted->next = next_gathered;
    insert->inserted->ctx = kept;
    for (uint32_t i = 0; i < kept->count; i++)
        kept->batches[i].schema = insert->inserted->columns;
    query->own_plan = insert->returning;
    return query__open(query, &query->own_plan, err);
}

Status insert__run(Query *query, const AstInsert *ast, Error *err)
{
    SqlInsert *insert = ARENA_NEW(&query->arena, SqlInsert);
    Gathered rows = {0};
    Status status = sql_bind_insert(&query->binding.options, ast, insert, err);
    TRY(binding__result(&query->binding, status, err));
    TRY(query__optimize(&insert->plan, query->binding.snapshot, err));
    TRY(gather(query, &insert->plan, insert->table, &rows, err));
    TRY(store(query->session, insert->table, &rows, err));
    query__set_tag(query, "INSERT 0 %lu", (unsigned long)rows.row_count);
    if (insert->returning.root)
        return start_returning(query, insert, &rows, err);
    return STATUS_OK;
}

/* The table exists and is empty; the select is bound in query->own_plan. */
Status insert__create_as(Query *query, const AstName *name, Error *err)
{
    Gathered rows = {0};
    Snapshot *snapshot = NULL;
    TRY(engine_snapshot(query->session->engine->options.engine, &snapshot, err));
    const Table *table = snapshot_find_table(snapshot, name->schema, name->name);
    Status status = table ? gather(query, &query->own_plan, table, &rows, err)
                          : error_set_sql(err, STATUS_NOT_FOUND, "42P01", 0,
                                          "relation \"%.*s\" does not exist", STR_FMT(name->name));
    if (status == STATUS_OK)
        status = store(query->session, table, &rows, err);
    (void)snapshot_free(snapshot);
    query__set_tag(query, "SELECT %lu", (unsigned long)rows.row_count);
    return status;
}
