/* session.c - sessions and their transactions.
 *
 * Writes of an open transaction are kept as record batches (PendingRows) and go to the engine as
 * one WriteBatch at COMMIT, which is atomic there. Its own statements see them: a scan of such a
 * table is the scan and the pending rows. CREATE is done at once and taken back by ROLLBACK. */
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
    session->role = options->role;
    session->backend_pid = options->backend_pid;
    session->txn.state = TRANSACTION_IDLE;
    arena_init(&session->txn.arena, engine->options.budget);
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
    settings__done(session);
    arena_done(&session->txn.arena);
    mem_free(session->user);
    mem_free(session->database);
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
    arena_reset(&txn->arena);
    txn->pending = NULL;
    txn->pending_count = txn->pending_cap = 0;
    txn->undo = NULL;
    txn->undo_count = txn->undo_cap = 0;
    txn->state = TRANSACTION_IDLE;
    txn->implicit = false;
    txn->start_us = 0;
}

/* What CREATE made goes again. A failure leaves an empty table behind, nothing worse. */
static void undo_creates(Session *session)
{
    Engine *engine = session->engine->options.engine;
    for (uint32_t i = session->txn.undo_count; i-- > 0;) {
        const Undo *undo = &session->txn.undo[i];
        switch (undo->kind) {
        case AST_DROP_TABLE:
            (void)engine_drop_table(engine, undo->schema, undo->name, true, NULL);
            break;
        case AST_DROP_VIEW:
            (void)engine_drop_view(engine, undo->schema, undo->name, true, NULL);
            break;
        case AST_DROP_SCHEMA:
            (void)engine_drop_schema(engine, undo->name, true, NULL);
            break;
        }
    }
}

void session__rollback(Session *session)
{
    if (session->txn.state == TRANSACTION_IDLE)
        return;
    undo_creates(session);
    end_transaction(session, false);
}

Status session__commit(Session *session, Error *err)
{
    if (session->txn.state == TRANSACTION_IDLE)
        return STATUS_OK;
    Status status = insert__flush_pending(session, err);
    if (status != STATUS_OK)
        session__rollback(session);
    else
        end_transaction(session, true);
    return status;
}

Status session__flush_implicit(Session *session, Error *err)
{
    Transaction *txn = &session->txn;
    if (!txn->implicit || !txn->pending_count)
        return STATUS_OK;
    TRY(insert__flush_pending(session, err));
    txn->pending = NULL; /* the arena keeps the bytes until the end */
    txn->pending_count = txn->pending_cap = 0;
    return STATUS_OK;
}

PendingRows *session__pending(Session *session, uint32_t table_id)
{
    for (uint32_t i = 0; i < session->txn.pending_count; i++)
        if (session->txn.pending[i]->table_id == table_id)
            return session->txn.pending[i];
    return NULL;
}

Status session__check_state(const Session *session, const AstStatement *statement, Error *err)
{
    if (session->txn.state != TRANSACTION_FAILED)
        return STATUS_OK;
    if (statement->kind == AST_STATEMENT_TRANSACTION &&
        (statement->transaction->kind == AST_COMMIT ||
         statement->transaction->kind == AST_ROLLBACK))
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
