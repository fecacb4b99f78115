/* session.c - sessions and their transactions.
 *
 * Writes of an open transaction are gathered in one WriteBatch that goes to the engine at COMMIT,
 * which is atomic there. Its own statements see them: their snapshots look through the batch. A
 * savepoint is a mark in the batch. Schema changes: ddl.h. */
#include "base/clock.h"
#include "query/query_int.h"

static char *dup_str(Str s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = 0;
    return copy;
}

Status session_new(QueryEngine *engine, const SessionOptions *options, Session **ret_session,
                   Error *err)
{
    Session *session = MEM_NEW(Session);
    session->engine = engine;
    session->user = dup_str(options->user.len ? options->user : STR("lumadb"));
    session->database = dup_str(options->database.len ? options->database : STR("lumadb"));
    session->address = dup_str(options->address);
    session->protocol = dup_str(options->protocol);
    session->role = options->role;
    session->backend_pid = options->backend_pid;
    session->txn.state = TRANSACTION_IDLE;
    arena_init(&session->txn.arena, engine->options.budget);
    mutex_init(&session->sequence_lock);
    ddl__init(session);
    ddl__find_user(session);
    Status status = settings__init(session, options, err);
    if (status != STATUS_OK) {
        session_free(session);
        return status;
    }
    *ret_session = session;
    return STATUS_OK;
}

Session *session_free(Session *session)
{
    if (!session)
        return NULL;
    session->on_setting.fn = NULL;
    session__rollback(session);
    command__close_cursors(session);
    command__deallocate_all(session);
    map_done(&session->prepared);
    map_done(&session->cursors);
    ddl__done(session);
    sequences__done(session);
    mutex_done(&session->sequence_lock);
    settings__done(session);
    arena_done(&session->txn.arena);
    mem_free(session->user);
    mem_free(session->database);
    mem_free(session->address);
    mem_free(session->protocol);
    mem_free(session);
    return NULL;
}

TransactionState session_transaction(const Session *session)
{
    return session->txn.implicit && session->txn.state == TRANSACTION_OPEN ? TRANSACTION_IDLE
                                                                           : session->txn.state;
}

bool session_setting(Session *session, Str name, Str *ret_value)
{
    return settings__get(session, name, ret_value);
}

Status session_set(Session *session, Str name, Str value, Error *err)
{
    return settings__set(session, name, &value, false, err);
}

void session_on_setting(Session *session, void (*fn)(void *ctx, Str name, Str value), void *ctx)
{
    session->on_setting = (SettingFn){fn, ctx};
}

void session_fail(Session *session)
{
    if (session->txn.state == TRANSACTION_OPEN)
        session->txn.state = TRANSACTION_FAILED;
}

/* ---------------------------------------------------------------- transactions */

bool session__in_block(const Session *session)
{
    return session->txn.state != TRANSACTION_IDLE && !session->txn.implicit;
}

static bool setting_is(Session *session, const char *name, const char *value)
{
    Str have;
    return settings__get(session, str_from(name), &have) && str_eq(have, str_from(value));
}

Status session__begin(Session *session, bool implicit, Error *err)
{
    Transaction *txn = &session->txn;
    Str isolation = STR("read committed");
    txn->state = TRANSACTION_OPEN;
    txn->implicit = implicit;
    txn->start_us = clock_wall_ns() / 1000;
    (void)settings__get(session, STR("default_transaction_isolation"), &isolation);
    if (!str_eq(isolation, STR("read committed")))
        TRY(settings__set(session, STR("transaction_isolation"), &isolation, true, err));
    if (setting_is(session, "default_transaction_read_only", "on"))
        TRY(settings__set(session, STR("transaction_read_only"), &STR("on"), true, err));
    return STATUS_OK;
}

static void end_transaction(Session *session, bool commit)
{
    Transaction *txn = &session->txn;
    command__close_cursors(session);
    settings__end_transaction(session, commit);
    txn->snapshot = txn->snapshot ? snapshot_free(txn->snapshot) : NULL;
    txn->batch = write_batch_free(txn->batch);
    arena_reset(&txn->arena);
    txn->written = NULL;
    txn->written_count = txn->written_cap = 0;
    txn->savepoints = NULL;
    txn->savepoint_count = txn->savepoint_cap = 0;
    txn->state = TRANSACTION_IDLE;
    txn->implicit = false;
    txn->start_us = 0;
}

void session__rollback(Session *session)
{
    if (session->txn.state == TRANSACTION_IDLE)
        return;
    ddl__rolled_back(session);
    end_transaction(session, false);
}

/* The rows were made for the tables as they were. */
static Status check_written(const Transaction *txn, Snapshot *snapshot,
                            const CatalogVersion *version, Error *err)
{
    for (uint32_t i = 0; i < txn->written_count; i++) {
        const WrittenTable *written = &txn->written[i];
        const Table *table = catalog_table_by_id(version, written->table_id);
        if (!table && written->series)
            table = snapshot_find_table(snapshot, written->schema, written->name);
        /* Dropped, rewritten or altered by the transaction itself: its own changes were checked. */
        if (!written->series && written->own)
            continue;
        if (!table || table->id != written->table_id ||
            (!written->series && table->store_id != written->store_id))
            return error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                                 "could not commit: table \"%.*s\" was changed by another session",
                                 STR_FMT(written->name));
    }
    return STATUS_OK;
}

static Status write_batch_of(Session *session, Error *err)
{
    Engine *engine = session->engine->options.engine;
    Transaction *txn = &session->txn;
    Snapshot *snapshot = NULL;
    CatalogVersion *version = NULL;
    Lsn lsn;
    bool changes = ddl__has_changes(session);
    if (!txn->batch && !changes)
        return STATUS_OK;
    command__close_cursors(session); /* they look through the batch */
    TRY(engine_snapshot(engine, &snapshot, err));
    Status status = ddl__version(session, snapshot, &version, err);
    if (status == STATUS_OK)
        status = check_written(txn, snapshot, version, err);
    if (status == STATUS_OK && !txn->batch)
        status = write_batch_new(engine, &txn->batch, err);
    if (status == STATUS_OK && changes)
        status = ddl__write(session, txn->batch, err);
    if (status == STATUS_OK)
        status = engine_write_wait(engine, STEAL(txn->batch), &lsn, err);
    (void)catalog_version_unref(version);
    (void)snapshot_free(snapshot);
    return status;
}

Status session__commit(Session *session, Error *err)
{
    if (session->txn.state == TRANSACTION_IDLE)
        return STATUS_OK;
    Status status = write_batch_of(session, err);
    if (status != STATUS_OK) {
        session__rollback(session);
        return status;
    }
    ddl__committed(session);
    end_transaction(session, true);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- writing */

static void note_written(Transaction *txn, const Table *table)
{
    for (uint32_t i = 0; i < txn->written_count; i++)
        if (txn->written[i].table_id == table->id)
            return;
    bool series =
        table->kind != TABLE_USER && table->kind != TABLE_LOGS && table->kind != TABLE_TRACES;
    WrittenTable written = {.schema = arena_str(&txn->arena, table->schema),
                            .name = arena_str(&txn->arena, table->name),
                            .table_id = table->id,
                            .store_id = table->store_id,
                            .series = series};
    ARENA_PUSH(&txn->arena, txn->written, txn->written_count, txn->written_cap, written);
}

Status session__begin_write(Session *session, const Table *const *tables, uint32_t table_count,
                            WriteBatch **ret_batch, WriteMark *ret_mark, Error *err)
{
    Transaction *txn = &session->txn;
    WriteBatch *batch = txn->batch;
    if (!batch) {
        TRY(write_batch_new(session->engine->options.engine, &batch, err));
        write_batch_charge(batch, session->engine->options.budget);
    }
    if (txn->state != TRANSACTION_IDLE) {
        txn->batch = batch;
        for (uint32_t i = 0; i < table_count; i++)
            note_written(txn, tables[i]);
    }
    *ret_batch = batch;
    *ret_mark = write_batch_mark(batch);
    return STATUS_OK;
}

Status session__end_write(Session *session, WriteBatch *batch, WriteMark mark, Status status,
                          Error *err)
{
    Transaction *txn = &session->txn;
    Lsn lsn;
    if (txn->state == TRANSACTION_IDLE) {
        if (status == STATUS_OK)
            return engine_write_wait(session->engine->options.engine, batch, &lsn, err);
        (void)write_batch_free(batch);
        return status;
    }
    /* Nobody can run the statement again at the end of an implicit transaction. */
    if (status == STATUS_OK && txn->implicit)
        status = write_batch_reserve(batch, err);
    if (status == STATUS_OK)
        write_batch_next_command(batch);
    else
        write_batch_rollback(batch, mark);
    return status;
}

bool session__wrote_series(const Session *session)
{
    for (uint32_t i = 0; i < session->txn.written_count; i++)
        if (session->txn.written[i].series)
            return true;
    return false;
}

/* ---------------------------------------------------------------- savepoints */

static Status need_block(const Session *session, const char *what, Error *err)
{
    if (session__in_block(session))
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "25P01", 0,
                         "%s can only be used in transaction blocks", what);
}

Status session__savepoint(Session *session, Str name, Error *err)
{
    Transaction *txn = &session->txn;
    TRY(need_block(session, "SAVEPOINT", err));
    Savepoint savepoint = {.name = arena_str(&txn->arena, name),
                           .mark = txn->batch ? write_batch_mark(txn->batch)
                                              : (WriteMark){.command = 1},
                           .settings = settings__mark(session, &txn->arena),
                           .ddl = ddl__mark(session)};
    ARENA_PUSH(&txn->arena, txn->savepoints, txn->savepoint_count, txn->savepoint_cap, savepoint);
    return STATUS_OK;
}

static Status find_savepoint(const Transaction *txn, Str name, uint32_t *ret_idx, Error *err)
{
    for (uint32_t i = txn->savepoint_count; i-- > 0;)
        if (str_eq(txn->savepoints[i].name, name)) {
            *ret_idx = i;
            return STATUS_OK;
        }
    return error_set_sql(err, STATUS_INVALID, "3B001", 0, "savepoint \"%.*s\" does not exist",
                         STR_FMT(name));
}

Status session__release(Session *session, Str name, Error *err)
{
    uint32_t idx;
    TRY(need_block(session, "RELEASE SAVEPOINT", err));
    TRY(find_savepoint(&session->txn, name, &idx, err));
    session->txn.savepoint_count = idx;
    return STATUS_OK;
}

Status session__rollback_to(Session *session, Str name, Error *err)
{
    Transaction *txn = &session->txn;
    uint32_t idx;
    TRY(need_block(session, "ROLLBACK TO SAVEPOINT", err));
    TRY(find_savepoint(txn, name, &idx, err));
    command__close_cursors_behind(session, idx);
    if (txn->batch)
        write_batch_rollback(txn->batch, txn->savepoints[idx].mark);
    ddl__rollback_to(session, txn->savepoints[idx].ddl);
    settings__rollback(session, txn->savepoints[idx].settings);
    txn->savepoint_count = idx + 1; /* it stays */
    txn->state = TRANSACTION_OPEN;
    return STATUS_OK;
}

Status session__check_state(const Session *session, const AstStatement *statement, Error *err)
{
    if (session->txn.state != TRANSACTION_FAILED)
        return STATUS_OK;
    if (statement->kind == AST_STATEMENT_TRANSACTION &&
        (statement->transaction->kind == AST_COMMIT ||
         statement->transaction->kind == AST_ROLLBACK ||
         statement->transaction->kind == AST_ROLLBACK_TO))
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "25P02", 0,
                         "current transaction is aborted, commands ignored until end of "
                         "transaction block");
}

Status session_begin_implicit(Session *session, Error *err)
{
    if (session->txn.state != TRANSACTION_IDLE)
        return STATUS_OK;
    return session__begin(session, true, err);
}

Status session_end_implicit(Session *session, bool ok, Error *err)
{
    if (session->txn.state == TRANSACTION_IDLE || !session->txn.implicit)
        return STATUS_OK;
    if (ok && session->txn.state == TRANSACTION_OPEN)
        return session__commit(session, err);
    session__rollback(session);
    return STATUS_OK;
}
