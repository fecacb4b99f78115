/* query.c - runs statements: start, next, cancel.
 *
 * A query owns an arena and a budget, the snapshot it reads, and the Exec of its plan; or a batch
 * of rows made up front (SHOW, EXPLAIN, FETCH); or nothing (commands). Commands do all their work
 * in the first query_next. An error in an open transaction fails the transaction. */
#include <stdio.h>

#include "base/clock.h"
#include "query/optimizer/optimizer.h"
#include "query/query_int.h"

/* ---------------------------------------------------------------- helpers for commands */

void query__set_rows(Query *query, RecordBatch batch)
{
    query->batches = arena_dup(&query->arena, &batch, sizeof batch);
    query->batch_count = 1;
    query->mode = QUERY_ROWS;
}

void query__notice(Query *query, const char *sqlstate, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    Error notice = {0};
    vsnprintf(notice.message, sizeof notice.message, format, args);
    snprintf(notice.sqlstate, sizeof notice.sqlstate, "%s", sqlstate);
    ARENA_PUSH(&query->arena, query->notices, query->notice_count, query->notice_cap, notice);
    va_end(args);
}

void query__set_tag(Query *query, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(query->tag, sizeof query->tag, format, args);
    va_end(args);
}

Status query__text_rows(Query *query, const Str *texts, uint32_t rows, Error *err)
{
    RecordBatch batch;
    uint32_t columns = query->statement->schema.field_count;
    TRY(batch_init(&batch, &query->arena, &query->statement->schema, rows, err));
    for (uint32_t c = 0; c < columns; c++) {
        TRY(column_need_validity(&batch.columns[c], &query->arena, err));
        View *views = column_values(&batch.columns[c]);
        for (uint32_t r = 0; r < rows; r++) {
            Str text = texts[r * columns + c];
            if (!text.ptr) {
                bit_clear(column_validity(&batch.columns[c]), r);
                continue;
            }
            text = arena_str(&query->arena, text);
            views[r] = view_make(text.ptr, text.len);
        }
    }
    query__set_rows(query, batch);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- snapshots and plans */

Status query__snapshot(Query *query, Error *err)
{
    Session *session = query->session;
    Transaction *txn = &session->txn;
    Str isolation;
    if (query->binding.snapshot || !session->engine->options.engine)
        return STATUS_OK;
    bool repeatable =
        txn->state == TRANSACTION_OPEN && !txn->implicit &&
        settings__get(session, STR("transaction_isolation"), &isolation) &&
        (str_eq(isolation, STR("repeatable read")) || str_eq(isolation, STR("serializable")));
    if (repeatable) {
        if (!txn->snapshot)
            TRY(engine_snapshot(session->engine->options.engine, &txn->snapshot, err));
        query->binding.snapshot = snapshot_copy(txn->snapshot);
    } else {
        TRY(engine_snapshot(session->engine->options.engine, &query->binding.snapshot, err));
    }
    query->binding.owns_snapshot = true;
    snapshot_see(query->binding.snapshot, txn->batch);
    return STATUS_OK;
}

static void init_binding(Query *query)
{
    Statement *statement = query->statement;
    binding__init(&query->binding, query->session, NULL, &query->arena, statement->ast->param_max,
                  statement->param_types, statement->param_count);
    query->binding.cancel = &query->cancel;
    query->binding.params = query->params;
    query->binding.param_count = query->param_count;
}

void query__renew_snapshot(Query *query)
{
    binding__done(&query->binding);
    init_binding(query);
}

Status query__check(Query *query, Error *err)
{
    if (__atomic_load_n(&query->cancel.cancelled, __ATOMIC_RELAXED))
        return error_set(err, STATUS_CANCELLED, "cancelled");
    if (query->deadline_ns && clock_mono_ns() > query->deadline_ns)
        return error_set(err, STATUS_TIMEOUT, "timeout");
    return STATUS_OK;
}

static Status check_schema(const Schema *described, const Schema *now, Error *err)
{
    bool same = described->field_count == now->field_count;
    for (uint32_t i = 0; same && i < now->field_count; i++)
        same = type_eq(described->fields[i].type, now->fields[i].type);
    if (same)
        return STATUS_OK;
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                         "cached plan must not change result type");
}

Status query__bind(Query *query, const AstSelect *select, Error *err)
{
    Plan *plan = &query->own_plan;
    Status status = sql_bind_select(&query->binding.options, select, plan, err);
    TRY(binding__result(&query->binding, status, err));
    return query__optimize(plan, query->binding.snapshot, err);
}

/* Only immutable expressions are folded, so settings and parameters do not matter. What needs much
 * memory is left to the query, which has a budget and can be cancelled. */
static Status fold(void *ctx, const Expr *expr, Arena *arena, Column *ret, Error *err)
{
    enum { FOLD_BYTES_MAX = 1 << 20 };
    CLEANUP(arena_done) Arena scratch = {0};
    MemBudget budget;
    Column value;

    mem_budget_init(&budget, NULL, "constant folding", FOLD_BYTES_MAX);
    arena_init(&scratch, &budget);
    TRY(exec_eval_const(expr, NULL, NULL, 0, &scratch, &value, err));
    return column_copy(&value, arena, ret, err);
}

Status query__optimize(Plan *plan, Snapshot *snapshot, Error *err)
{
    return optimize(plan, &(OptimizerOptions){.eval_const = fold, .snapshot = snapshot}, err);
}

static Status open_exec(Query *query, Error *err)
{
    ExecOptions options = {
        .snapshot = query->binding.snapshot,
        .pool = query->session->engine->options.pool,
        .budget = &query->budget,
        .settings = &query->binding.settings,
        .cancelled = &query->cancel.cancelled,
        .deadline_mono_ns = query->deadline_ns,
        .params = query->params,
        .param_count = query->param_count,
        .spill_dir = query->session->engine->options.spill_dir,
        .spill_budget = &query->session->engine->spill_budget,
    };
    return exec_open(query->plan, &options, &query->exec, err);
}

Status query__open(Query *query, const Plan *plan, Error *err)
{
    query->plan = plan;
    TRY(open_exec(query, err));
    query->mode = QUERY_EXEC;
    return STATUS_OK;
}

Status query__eval_scalar(Query *query, const Plan *plan, Column *ret, Error *err)
{
    Exec *exec = NULL;
    RecordBatch batch;
    ExecOptions options = {.snapshot = query->binding.snapshot,
                           .budget = &query->budget,
                           .settings = &query->binding.settings,
                           .cancelled = &query->cancel.cancelled,
                           .deadline_mono_ns = query->deadline_ns};
    TRY(exec_open(plan, &options, &exec, err));
    Status status = exec_next(exec, &batch, err);
    if (status == STATUS_OK && batch.row_count == 1)
        status = column_copy(&batch.columns[0], &query->arena, ret, err);
    (void)exec_close(exec);
    return status;
}

static Status start_select(Query *query, Error *err)
{
    Statement *statement = query->statement;
    const Plan *plan = &statement->plan;
    if (!plan->root) {
        TRY(query__snapshot(query, err));
        TRY(query__bind(query, statement->ast->select, err));
        plan = &query->own_plan;
        TRY(check_schema(&statement->schema, &plan->root->schema, err));
    }
    /* Opening may compute (an aggregate over all rows), so it waits for query_next: by then other
     * threads can reach the query to cancel it. */
    query->plan = plan;
    query->mode = QUERY_EXEC;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- start */

/* As PostgreSQL calls it. */
static const char *write_name(const AstStatement *ast)
{
    switch ((int)ast->kind) {
    case AST_STATEMENT_INSERT:
        return "INSERT";
    case AST_STATEMENT_UPDATE:
        return "UPDATE";
    case AST_STATEMENT_DELETE:
        return "DELETE";
    case AST_STATEMENT_MERGE:
        return "MERGE";
    case AST_STATEMENT_TRUNCATE:
        return "TRUNCATE TABLE";
    case AST_STATEMENT_COPY:
        return "COPY FROM";
    case AST_STATEMENT_SELECT:
        return "SELECT";
    case AST_STATEMENT_CREATE_TABLE:
        return "CREATE TABLE";
    case AST_STATEMENT_CREATE_VIEW:
        return "CREATE VIEW";
    default:
        return "this statement";
    }
}

static Status check_role(const Query *query, Error *err)
{
    const Session *session = query->session;
    Str read_only;
    if (!query->statement->writes)
        return STATUS_OK;
    if (session->role == ROLE_READ)
        return error_set_sql(err, STATUS_DENIED, "42501", 0,
                             "permission denied: user \"%s\" may only read", session->user);
    if (settings__get((Session *)(uintptr_t)session, STR("transaction_read_only"), &read_only) &&
        str_eq(read_only, STR("on")))
        return error_set_sql(err, STATUS_INVALID, "25006", 0,
                             "cannot execute %s in a read-only transaction",
                             write_name(query->statement->ast));
    return STATUS_OK;
}

static Status copy_params(Query *query, const Column *params, uint32_t param_count, Error *err)
{
    if (param_count < query->statement->param_count)
        return error_set_sql(err, STATUS_INVALID, "08P01", 0,
                             "bind message supplies %u parameters, but the statement requires %u",
                             param_count, query->statement->param_count);
    query->params = ARENA_NEW_ARRAY(&query->arena, Column, param_count);
    for (uint32_t i = 0; i < param_count; i++) {
        TRY(column_copy(&params[i], &query->arena, &query->params[i], err));
        query->params[i].is_const = true;
    }
    query->param_count = param_count;
    query->binding.cancel = &query->cancel;
    query->binding.params = query->params;
    query->binding.param_count = param_count;
    return STATUS_OK;
}

static Status start(Query *query, const Column *params, uint32_t param_count, Error *err)
{
    const AstStatement *ast = query->statement->ast;
    TRY(session__check_state(query->session, ast, err));
    TRY(check_role(query, err));
    TRY(copy_params(query, params, param_count, err));
    if (ast->kind == AST_STATEMENT_SELECT && !query->statement->modifies)
        return start_select(query, err);
    if (ast->kind == AST_STATEMENT_COPY)
        return copy__start(query, err);
    query->mode = QUERY_DEFERRED;
    return STATUS_OK;
}

/* Commands and INSERT run in the first query_next: by then other threads can cancel them. */
static Status run_deferred(Query *query, Error *err)
{
    const AstStatement *ast = query->statement->ast;
    query->mode = QUERY_NONE;
    if (ast->kind == AST_STATEMENT_INSERT || ast->kind == AST_STATEMENT_UPDATE ||
        ast->kind == AST_STATEMENT_DELETE || ast->kind == AST_STATEMENT_MERGE ||
        ast->kind == AST_STATEMENT_SELECT)
        return modify__run(query, ast, err);
    return command__run(query, ast, err);
}

static void set_deadline(Query *query)
{
    int64_t timeout = settings__timeout_ns(query->session);
    if (!timeout)
        timeout = __atomic_load_n(&query->session->engine->timeout_ns, __ATOMIC_RELAXED);
    query->deadline_ns = timeout ? clock_mono_ns() + timeout : 0;
}

/* Statement errors in words of PostgreSQL; an open transaction fails with them. */
Status query__note_failure(Query *query, Status status, Error *err)
{
    if (err && status == STATUS_TIMEOUT && !err->sqlstate[0])
        (void)error_set_sql(err, status, "57014", 0,
                            "canceling statement due to statement timeout");
    if (err && status == STATUS_CANCELLED)
        (void)error_set_sql(err, status, "57014", 0, "canceling statement due to user request");
    counter_add(COUNTER_QUERIES_FAILED, 1);
    if (status == STATUS_CANCELLED || status == STATUS_TIMEOUT)
        counter_add(COUNTER_QUERIES_CANCELLED, 1);
    query->ended = true;
    if (err)
        query->failure = arena_dup(&query->arena, err, sizeof *err);
    session_fail(query->session);
    audit__statement(query->session, query->statement->ast, (Str){0}, err);
    return status;
}

Status query_start(Session *session, Statement *statement, const Column *params,
                   uint32_t param_count, Query **ret_query, Error *err)
{
    Query *query = MEM_NEW(Query);
    QueryEngine *engine = session->engine;
    Error own = {0};
    if (!err)
        err = &own;
    query->session = session;
    query->statement = statement;
    query->start_ns = clock_mono_ns();
    query->start_wall_ns = clock_wall_ns();
    mem_budget_init(&query->budget, engine->options.budget, "query memory",
                    __atomic_load_n(&engine->query_bytes_max, __ATOMIC_RELAXED));
    arena_init(&query->arena, &query->budget);
    set_deadline(query);
    init_binding(query);
    counter_add(COUNTER_QUERIES_SQL, 1);
    Status status = start(query, params, param_count, err);
    query->prepare_ns = clock_mono_ns() - query->start_ns;
    if (status != STATUS_OK) {
        (void)query__note_failure(query, status, err);
        (void)query_free(query);
        return status;
    }
    *ret_query = query;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- next, end */

static Status next(Query *query, RecordBatch *ret_batch, Error *err)
{
    *ret_batch = (RecordBatch){.schema = &query->statement->schema};
    if (query->mode == QUERY_DEFERRED)
        TRY(run_deferred(query, err));
    switch (query->mode) {
    case QUERY_EXEC:
        if (!query->exec)
            TRY(open_exec(query, err));
        TRY(exec_next(query->exec, ret_batch, err));
        ret_batch->schema = &query->statement->schema;
        break;
    case QUERY_ROWS:
        while (query->batch_next < query->batch_count && !ret_batch->row_count)
            *ret_batch = query->batches[query->batch_next++];
        break;
    case QUERY_INNER:
        TRY(query_next(query->inner, ret_batch, err));
        break;
    case QUERY_NONE:
    case QUERY_DEFERRED:
        break;
    }
    query->row_count += ret_batch->row_count;
    return STATUS_OK;
}

Status query_next(Query *query, RecordBatch *ret_batch, Error *err)
{
    Error own = {0};
    if (!err)
        err = &own;
    if (query->ended) {
        *ret_batch = (RecordBatch){.schema = &query->statement->schema};
        return STATUS_OK;
    }
    int64_t begin = clock_mono_ns();
    Status status = next(query, ret_batch, err);
    query->execute_ns += clock_mono_ns() - begin;
    if (status != STATUS_OK)
        return query__note_failure(query, status, err);
    query->ended = ret_batch->row_count == 0;
    if (query->ended)
        audit__statement(query->session, query->statement->ast, str_from(query->tag), NULL);
    return STATUS_OK;
}

Str query_command_tag(const Query *query)
{
    Query *self = (Query *)(uintptr_t)query; /* the tag is made when it is asked for */
    if (query->copy && !query->tag[0])
        query__set_tag(self, "COPY %lu", (unsigned long)query->row_count);
    if (query->copy)
        return str_from(query->tag);
    if (query->mode == QUERY_INNER)
        return query_command_tag(query->inner);
    if (!query->tag[0])
        query__set_tag(self, "SELECT %lu", (unsigned long)query->row_count);
    return str_from(query->tag);
}

bool query_take_notice(Query *query, Error *ret_notice)
{
    if (query->mode == QUERY_INNER && query_take_notice(query->inner, ret_notice))
        return true;
    if (query->notice_next == query->notice_count)
        return false;
    *ret_notice = query->notices[query->notice_next++];
    return true;
}

void query_cancel(Query *query)
{
    __atomic_store_n(&query->cancel.cancelled, 1, __ATOMIC_SEQ_CST);
    Query *inner = __atomic_load_n(&query->inner, __ATOMIC_SEQ_CST);
    if (inner)
        query_cancel(inner);
}

Query *query_free(Query *query)
{
    if (!query)
        return NULL;
    if (query->inner)
        query->inner->is_inner = true;
    report__query(query);
    query->exec = exec_close(query->exec);
    copy__done(query);
    explain__done(query);
    binding__done(&query->binding);
    query->inner = query_free(query->inner);
    query->executed = statement_free(query->executed);
    arena_done(&query->arena);
    mem_free(query);
    return NULL;
}
