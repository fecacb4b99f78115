/* modify.c - INSERT, UPDATE, DELETE, TRUNCATE and CREATE TABLE AS.
 *
 * A statement first gathers: what its plan yields becomes a list of row ids that go and of whole
 * rows that come, checked; RETURNING is computed. Then all of it is stored at once, so a statement
 * never reads what it writes and leaves nothing when it fails. It goes behind what the transaction
 * has gathered, in its WriteBatch; outside of one, to the log (durable when it returns).
 *
 * A conflict with another write runs the whole statement again on a new snapshot, a bounded number
 * of times: unless the transaction reads one snapshot throughout. */
#include "base/clock.h"
#include "query/modify_int.h"

enum {
    ATTEMPTS_MAX = 200,
    CONFLICT_WAIT_NS = 10 * 1000 * 1000, /* for the write in the way, at most, each time */
};

/* ---------------------------------------------------------------- sets of row ids */

/* False when it is there already. */
static bool add_id(IdSet *set, uint64_t id)
{
    if (set->count >= set->slot_count / 4 * 3) {
        IdSet old = *set;
        set->slot_count = LUMA_MAX(old.slot_count * 2, (size_t)64);
        set->slots = MEM_NEW_ARRAY(uint64_t, set->slot_count);
        set->count = 0;
        for (size_t i = 0; i < old.slot_count; i++)
            if (old.slots[i])
                (void)add_id(set, old.slots[i] - 1);
        mem_free(old.slots);
    }
    size_t at = hash_u64(id) & (set->slot_count - 1);
    for (; set->slots[at]; at = (at + 1) & (set->slot_count - 1))
        if (set->slots[at] == id + 1)
            return false;
    set->slots[at] = id + 1;
    set->count++;
    return true;
}

bool modify__first_time(Modify *m, uint64_t row_id)
{
    ModifyRun *run = m->run;
    uint32_t store_id = m->bound->table->store_id;
    for (uint32_t i = 0; i < run->seen_count; i++)
        if (run->seen[i].store_id == store_id)
            return add_id(&run->seen[i], row_id);
    MEM_GROW(run->seen, run->seen_cap, run->seen_count + 1);
    run->seen[run->seen_count] = (IdSet){.store_id = store_id};
    return add_id(&run->seen[run->seen_count++], row_id);
}

/* ---------------------------------------------------------------- lists of rows */

static Status next_row(void *ctx, void **state, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    const RowList *list = ctx;
    uint32_t *next = *state;
    if (!next)
        *state = next = ARENA_NEW(arena, uint32_t);
    *ret_batch = *next < list->count ? list->batches[(*next)++] : (RecordBatch){0};
    return STATUS_OK;
}

void modify__read_list(VirtualTable *table, RowList *list)
{
    table->next = next_row;
    table->ctx = list;
    for (uint32_t i = 0; i < list->count; i++)
        list->batches[i].schema = table->columns;
}

static void push_batch(Arena *arena, RowList *list, RecordBatch batch)
{
    ARENA_PUSH(arena, list->batches, list->count, list->cap, batch);
    list->row_count += batch.row_count;
}

/* Columns [from, from + count) of a batch. */
static RecordBatch some_columns(const RecordBatch *batch, uint32_t from, uint32_t count)
{
    return (RecordBatch){
        .columns = batch->columns + from, .column_count = count, .row_count = batch->row_count};
}

static Status copy_flat(const RecordBatch *batch, Arena *arena, RecordBatch *ret, Error *err)
{
    TRY(batch_copy(batch, arena, ret, err));
    return batch_flatten(ret, arena, err);
}

/* ---------------------------------------------------------------- constraints */

void modify__failing_row(const RecordBatch *rows, uint32_t row, const PgSettings *settings,
                         Error *err)
{
    enum { VALUE_BYTES_MAX = 64 };
    CLEANUP(buf_done) Buf text = {0};
    for (uint32_t i = 0; i < rows->column_count; i++) {
        if (i)
            buf_append_lit(&text, ", ");
        if (column_is_null(&rows->columns[i], row)) {
            buf_append_lit(&text, "null");
            continue;
        }
        size_t at = text.len;
        pgtype_append_text(&rows->columns[i], row, settings, &text);
        if (text.len - at <= VALUE_BYTES_MAX)
            continue;
        text.len = at + VALUE_BYTES_MAX;
        while (text.len > at && ((uint8_t)text.ptr[text.len] & 0xC0) == 0x80)
            text.len--;
        buf_append_lit(&text, "...");
    }
    error_detail(err, "Failing row contains (%.*s).", (int)text.len, text.ptr ? text.ptr : "");
}

/* The first row that is NULL where the column must not be, from `end` rows on. */
static uint32_t first_null(const Column *column, uint32_t end)
{
    for (uint32_t i = 0; column->validity && i < end; i++)
        if (column_is_null(column, i))
            return i;
    return end;
}

static uint32_t first_false(const Column *column, uint32_t end)
{
    for (uint32_t i = 0; i < end; i++)
        if (!column_is_null(column, i) && !column_bool(column, i))
            return i;
    return end;
}

/* PostgreSQL looks at one row after the other: NOT NULL, then CHECKs by name. */
Status modify__check_rows(const Table *table, const RecordBatch *rows, const Column *checks,
                          uint32_t check_count, const PgSettings *settings, uint32_t *ret_row,
                          Error *err)
{
    uint32_t end = rows->row_count;
    int32_t null_column = -1;
    int32_t check = -1;
    uint32_t live = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].dropped)
            continue;
        uint32_t row = table->columns[i].not_null ? first_null(&rows->columns[live], end) : end;
        if (row < end) {
            end = row;
            null_column = (int32_t)i;
        }
        live++;
    }
    for (uint32_t i = 0; i < check_count; i++) {
        uint32_t row = first_false(&checks[i], end);
        if (row < end) {
            end = row;
            check = (int32_t)i;
        }
    }
    if (check >= 0)
        (void)error_set_sql(err, STATUS_INVALID, "23514", 0,
                            "new row for relation \"%.*s\" violates check constraint \"%.*s\"",
                            STR_FMT(table->name), STR_FMT(table->checks[check].name));
    else if (null_column >= 0)
        (void)error_set_sql(err, STATUS_INVALID, "23502", 0,
                            "null value in column \"%.*s\" of relation \"%.*s\" violates not-null "
                            "constraint",
                            STR_FMT(table->columns[null_column].name), STR_FMT(table->name));
    else
        return STATUS_OK;
    modify__failing_row(rows, end, settings, err);
    *ret_row = end;
    return STATUS_INVALID;
}

/* ---------------------------------------------------------------- gathering */

/* Keeps the rows whose id comes for the first time. */
static Status take_first_times(Modify *m, RecordBatch *batch, Error *err)
{
    const int64_t *ids = batch->columns[0].values;
    uint32_t *rows;
    uint32_t kept = 0;
    TRY(arena_try_alloc(m->arena, sizeof *rows * batch->row_count, &rows, err));
    for (uint32_t i = 0; i < batch->row_count; i++)
        if (modify__first_time(m, (uint64_t)ids[i]))
            rows[kept++] = i;
    if (kept == batch->row_count)
        return STATUS_OK;
    RecordBatch all = *batch;
    return batch_take(&all, rows, kept, m->arena, batch, err);
}

static Status merged_twice(Error *err)
{
    (void)error_set_sql(err, STATUS_INVALID, "21000", 0,
                        "MERGE command cannot affect row a second time");
    error_hint(err, "Ensure that not more than one source row matches any one target row.");
    return STATUS_INVALID;
}

/* Row ids, new rows and what RETURNING reads, of one batch of the plan. */
Status modify__take_batch(Modify *m, const RecordBatch *from, SqlModifyKind kind, Error *err)
{
    const SqlModify *bound = m->bound;
    RecordBatch batch;
    uint32_t first = kind != SQL_INSERT;
    uint32_t row;
    TRY(copy_flat(from, m->arena, &batch, err));
    if (first && !bound->on_conflict && bound->kind != SQL_MERGE) /* they have looked already */
        TRY(take_first_times(m, &batch, err));
    if (!batch.row_count)
        return STATUS_OK;
    uint32_t live = batch.column_count - first - bound->extra_count -
                    (kind == SQL_DELETE ? 0 : bound->check_count);
    RecordBatch rows = some_columns(&batch, first, live);
    if (first)
        push_batch(m->arena, &m->deleted, some_columns(&batch, 0, 1));
    if (kind != SQL_DELETE) {
        TRY(modify__check_rows(bound->table, &rows,
                               &batch.columns[first + live + bound->extra_count],
                               bound->check_count, m->query->binding.settings.pg, &row, err));
        push_batch(m->arena, &m->added, rows);
    }
    if (bound->returning.root)
        push_batch(m->arena, &m->returned, some_columns(&batch, first, live + bound->extra_count));
    m->row_count += batch.row_count;
    return STATUS_OK;
}

/* Runs a plan to its end on the query's snapshot. */
Status modify__run_plan(Query *query, const Plan *plan, const SqlModify *shown,
                        Status (*on_batch)(void *ctx, const RecordBatch *batch, Error *err),
                        void *ctx, Error *err)
{
    RecordBatch batch;
    Status status;
    TRY(query__open(query, plan, err));
    while ((status = exec_next(query->exec, &batch, err)) == STATUS_OK && batch.row_count)
        TRY(on_batch(ctx, &batch, err));
    if (query->explain && shown)
        explain__show(query, plan, shown);
    query->exec = exec_close(query->exec);
    query->mode = QUERY_NONE;
    return status;
}

/* The rows of one action; the row id's column stays in front, the action's goes. */
static Status take_action(Modify *m, const RecordBatch *batch, SqlMergeAction action,
                          SqlModifyKind kind, Error *err)
{
    RecordBatch rows;
    uint32_t *picks;
    uint32_t count = 0;
    TRY(arena_try_alloc(m->arena, sizeof *picks * batch->row_count, &picks, err));
    for (uint32_t i = 0; i < batch->row_count; i++) {
        if (column_i64(&batch->columns[1], i) != (int64_t)action)
            continue;
        picks[count++] = i;
        if (action != SQL_MERGE_INSERT &&
            !modify__first_time(m, (uint64_t)column_i64(&batch->columns[0], i)))
            return merged_twice(err);
    }
    if (!count)
        return STATUS_OK;
    TRY(batch_take(batch, picks, count, m->arena, &rows, err));
    uint32_t skip = kind == SQL_INSERT ? 2 : 1;
    if (kind != SQL_INSERT)
        rows.columns[1] = rows.columns[0];
    RecordBatch taken = some_columns(&rows, skip, rows.column_count - skip);
    if (kind == SQL_DELETE)
        taken.column_count = 1;
    return modify__take_batch(m, &taken, kind, err);
}

static Status on_merged(void *ctx, const RecordBatch *batch, Error *err)
{
    TRY(take_action(ctx, batch, SQL_MERGE_UPDATE, SQL_UPDATE, err));
    TRY(take_action(ctx, batch, SQL_MERGE_DELETE, SQL_DELETE, err));
    return take_action(ctx, batch, SQL_MERGE_INSERT, SQL_INSERT, err);
}

static Status on_changed(void *ctx, const RecordBatch *batch, Error *err)
{
    Modify *m = ctx;
    return modify__take_batch(m, batch, m->bound->kind, err);
}

static Status on_proposed(void *ctx, const RecordBatch *batch, Error *err)
{
    Modify *m = ctx;
    RecordBatch copy;
    TRY(copy_flat(batch, m->arena, &copy, err));
    push_batch(m->arena, &m->proposed, copy);
    return STATUS_OK;
}

static Status on_returned(void *ctx, const RecordBatch *batch, Error *err)
{
    Modify *m = ctx;
    RecordBatch copy;
    TRY(copy_flat(batch, m->arena, &copy, err));
    copy.schema = &m->bound->returning.root->schema;
    push_batch(m->arena, &m->results, copy);
    return STATUS_OK;
}

static Status compute_returning(Modify *m, Error *err)
{
    if (!m->bound->returning.root)
        return STATUS_OK;
    modify__read_list(m->bound->changed, &m->returned);
    TRY(query__optimize(&m->bound->returning, m->query->binding.snapshot, err));
    return modify__run_plan(m->query, &m->bound->returning, NULL, on_returned, m, err);
}

static uint32_t needed_privileges(const SqlModify *bound)
{
    static const uint32_t of_merge[] = {[SQL_MERGE_INSERT] = PRIVILEGE_INSERT,
                                        [SQL_MERGE_UPDATE] = PRIVILEGE_UPDATE,
                                        [SQL_MERGE_DELETE] = PRIVILEGE_DELETE};
    uint32_t needed = PRIVILEGE_SELECT;
    switch (bound->kind) {
    case SQL_INSERT:
        return PRIVILEGE_INSERT | (bound->conflict_update ? PRIVILEGE_UPDATE : 0);
    case SQL_UPDATE:
        return PRIVILEGE_UPDATE;
    case SQL_DELETE:
        return PRIVILEGE_DELETE;
    case SQL_MERGE:
        for (uint32_t i = 0; i < LUMA_ARRAY_LEN(of_merge); i++)
            if (bound->merge_actions >> i & 1)
                needed |= of_merge[i];
        break;
    }
    return needed;
}

static Status gather(Modify *m, Error *err)
{
    SqlModify *bound = m->bound;
    TRY(ddl__check_table(&m->query->binding, bound->table, needed_privileges(bound), err));
    TRY(query__optimize(&bound->plan, m->query->binding.snapshot, err));
    if (bound->on_conflict) {
        TRY(modify__run_plan(m->query, &bound->plan, bound, on_proposed, m, err));
        TRY(modify__resolve_conflicts(m, err));
    } else {
        TRY(modify__run_plan(m->query, &bound->plan, bound,
                             bound->kind == SQL_MERGE ? on_merged : on_changed, m, err));
    }
    return compute_returning(m, err);
}

/* ---------------------------------------------------------------- storing */

Status modify__all_columns(const Table *table, const RecordBatch *live, Arena *arena,
                           RecordBatch *ret, Error *err)
{
    uint32_t at = 0;
    *ret = *live;
    if (live->column_count == table->column_count)
        return STATUS_OK;
    *ret = (RecordBatch){.column_count = table->column_count, .row_count = live->row_count};
    TRY(arena_try_alloc(arena, sizeof *ret->columns * table->column_count, &ret->columns, err));
    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->columns[i].dropped)
            TRY(column_init_null(&ret->columns[i], arena, table->columns[i].type, live->row_count,
                                 err));
        else
            ret->columns[i] = live->columns[at++];
    return STATUS_OK;
}

static Status add_to_batch(WriteBatch *batch, const Table *table, const RowList *deleted,
                           const RowList *added, Arena *arena, Error *err)
{
    for (uint32_t i = 0; i < deleted->count; i++)
        TRY(write_batch_delete(batch, table, deleted->batches[i].columns[0].values,
                               deleted->batches[i].row_count, err));
    for (uint32_t i = 0; i < added->count; i++) {
        RecordBatch rows;
        TRY(modify__all_columns(table, &added->batches[i], arena, &rows, err));
        TRY(write_batch_rows(batch, table, &rows, err));
    }
    return STATUS_OK;
}

static Status add_all(WriteBatch *batch, ModifyRun *run, Error *err)
{
    for (uint32_t i = 0; i < run->count; i++) {
        const Modify *m = &run->items[i];
        TRY(add_to_batch(batch, m->bound->table, &m->deleted, &m->added, &run->arena, err));
    }
    return STATUS_OK;
}

static Status store(ModifyRun *run, Error *err)
{
    WriteBatch *batch;
    WriteMark mark;
    uint32_t count = 0;
    const Table **tables = ARENA_NEW_ARRAY(&run->arena, const Table *, run->count + 1);
    for (uint32_t i = 0; i < run->count; i++)
        if (run->items[i].deleted.count || run->items[i].added.count)
            tables[count++] = run->items[i].bound->table;
    if (!count)
        return STATUS_OK;
    TRY(session__begin_write(run->query->session, tables, count, &batch, &mark, err));
    return session__end_write(run->query->session, batch, mark, add_all(batch, run, err), err);
}

/* ---------------------------------------------------------------- running */

static void run_done(void *ctx)
{
    ModifyRun *run = ctx;
    for (uint32_t i = 0; i < run->seen_count; i++)
        mem_free(run->seen[i].slots);
    mem_free(run->seen);
    run->seen = NULL;
    run->seen_count = run->seen_cap = 0;
    arena_done(&run->arena);
}

static ModifyRun *new_run(Query *query)
{
    ModifyRun *run = ARENA_NEW(&query->arena, ModifyRun);
    run->query = query;
    arena_init(&run->arena, &query->budget);
    arena_on_cleanup(&query->arena, run_done, run);
    return run;
}

static Modify *add_item(ModifyRun *run, SqlModify *bound)
{
    Modify *m = &run->items[run->count++];
    *m = (Modify){.run = run, .query = run->query, .bound = bound, .arena = &run->arena};
    return m;
}

static void give_batches(Query *query, const RowList *results)
{
    query->batches = results->batches;
    query->batch_count = results->count;
    query->mode = QUERY_ROWS;
}

static void give_results(Query *query, const Modify *m)
{
    static const char *const tags[] = {[SQL_INSERT] = "INSERT 0",
                                       [SQL_UPDATE] = "UPDATE",
                                       [SQL_DELETE] = "DELETE",
                                       [SQL_MERGE] = "MERGE"};
    query__set_tag(query, "%s %lu", tags[m->bound->kind], (unsigned long)m->row_count);
    if (m->bound->returning.root)
        give_batches(query, &m->results);
}

/* Those in WITH run first, each on the snapshot; what they return is what the rest reads. */
static Status gather_with(ModifyRun *run, Error *err)
{
    run->items = ARENA_NEW_ARRAY(&run->arena, Modify, run->with.count + 1);
    for (uint32_t i = 0; i < run->with.count; i++) {
        Modify *m = add_item(run, run->with.items[i]);
        TRY(gather(m, err));
        modify__read_list(m->bound->results, &m->results);
    }
    return STATUS_OK;
}

/* SELECT with statements in WITH: its rows, made before anything is stored. */
static Status run_select(ModifyRun *run, const AstSelect *select, Error *err)
{
    Query *query = run->query;
    Modify rows = {.run = run, .query = query, .arena = &run->arena};
    TRY(query__bind(query, select, err));
    TRY(gather_with(run, err));
    rows.bound = ARENA_NEW(&run->arena, SqlModify);
    rows.bound->returning = query->own_plan;
    TRY(modify__run_plan(query, &query->own_plan, NULL, on_returned, &rows, err));
    TRY(store(run, err));
    query__set_tag(query, "SELECT %lu", (unsigned long)rows.results.row_count);
    give_batches(query, &rows.results);
    return STATUS_OK;
}

static Status attempt(ModifyRun *run, const AstStatement *ast, Error *err)
{
    Query *query = run->query;
    TRY(query__snapshot(query, err));
    query->binding.options.modifies = &run->with;
    if (ast->kind == AST_STATEMENT_SELECT)
        return run_select(run, ast->select, err);
    SqlModify *bound = ARENA_NEW(&query->arena, SqlModify);
    Status status = sql_bind_modify(&query->binding.options, ast, bound, err);
    TRY(binding__result(&query->binding, status, err));
    TRY(gather_with(run, err));
    Modify *m = add_item(run, bound);
    TRY(gather(m, err));
    TRY(store(run, err));
    give_results(query, m);
    return STATUS_OK;
}

static bool handles_conflicts(const ModifyRun *run)
{
    for (uint32_t i = 0; i < run->count; i++)
        if (run->items[i].bound->on_conflict)
            return true;
    return false;
}

/* A statement with ON CONFLICT never reports the key that it was to handle: it appeared behind the
 * snapshot. */
static Status as_conflict(const ModifyRun *run, Status status, Error *err)
{
    if (status != STATUS_EXISTS || !handles_conflicts(run))
        return status;
    return error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                         "could not serialize access due to concurrent update");
}

Status modify__run(Query *query, const AstStatement *ast, Error *err)
{
    Engine *engine = query->session->engine->options.engine;
    for (uint32_t i = 0;; i++) {
        ModifyRun *run = new_run(query);
        Lsn seen = engine ? engine_visible_lsn(engine) : 0;
        Status status = attempt(run, ast, err);
        if (status == STATUS_OK)
            return STATUS_OK;
        query->exec = exec_close(query->exec);
        query->mode = QUERY_NONE;
        status = as_conflict(run, status, err);
        /* A transaction that reads one snapshot throughout would see the same again. */
        if (status != STATUS_CONFLICT || query->session->txn.snapshot || i + 1 == ATTEMPTS_MAX)
            return status;
        run_done(run);
        *run = (ModifyRun){.query = query};
        TRY(query__check(query, err));
        engine_wait_write(engine, seen, CONFLICT_WAIT_NS);
        query__renew_snapshot(query);
    }
}

/* ---------------------------------------------------------------- TRUNCATE, CREATE TABLE AS */

static Status truncate_tables(WriteBatch *batch, const Table **tables, uint32_t count, Error *err)
{
    for (uint32_t i = 0; i < count; i++)
        TRY(write_batch_truncate(batch, tables[i], err));
    return STATUS_OK;
}

static Status truncate_in_transaction(Query *query, const AstTruncate *ast, Error *err)
{
    const Table **tables;
    WriteBatch *batch;
    WriteMark mark;
    TRY(query__snapshot(query, err));
    Status status = sql_bind_truncate(&query->binding.options, ast, &tables, err);
    TRY(binding__result(&query->binding, status, err));
    for (uint32_t i = 0; i < ast->count; i++)
        TRY(ddl__check_table(&query->binding, tables[i], PRIVILEGE_TRUNCATE, err));
    TRY(session__begin_write(query->session, tables, ast->count, &batch, &mark, err));
    query__set_tag(query, "TRUNCATE TABLE");
    TRY(session__end_write(query->session, batch, mark,
                           truncate_tables(batch, tables, ast->count, err), err));
    return ast->restart_identity ? ddl__restart_sequences(query, tables, ast->count, err)
                                 : STATUS_OK;
}

Status modify__truncate(Query *query, const AstTruncate *ast, Error *err)
{
    Session *session = query->session;
    if (!ast->restart_identity || session->txn.state != TRANSACTION_IDLE)
        return truncate_in_transaction(query, ast, err);
    /* Rows and sequences change together. */
    TRY(session__begin(session, true, err));
    Status status = truncate_in_transaction(query, ast, err);
    if (status != STATUS_OK) {
        session__rollback(session);
        return status;
    }
    return session__commit(session, err);
}
