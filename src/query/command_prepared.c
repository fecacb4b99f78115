/* command_prepared.c - PREPARE, EXECUTE, DEALLOCATE, and cursors.
 *
 * A prepared statement keeps its script and its declared types; EXECUTE binds it anew. A cursor is
 * a running query of the session; it reads forward and ends with its transaction. */
#include "query/query_int.h"

static char *dup_name(Str name)
{
    char *copy = mem_alloc(name.len + 1);
    if (name.len)
        memcpy(copy, name.ptr, name.len);
    copy[name.len] = 0;
    return copy;
}

static void free_prepared(Prepared *prepared)
{
    (void)script_free(prepared->script);
    mem_free(prepared->param_types);
    mem_free(prepared->name);
    mem_free(prepared);
}

static void free_cursor(Cursor *cursor)
{
    (void)query_free(cursor->query);
    (void)statement_free(cursor->statement);
    mem_free(cursor->name);
    mem_free(cursor);
}

void command__deallocate_all(Session *session)
{
    size_t pos = 0;
    for (const MapSlot *slot; (slot = map_next(&session->prepared, &pos));)
        free_prepared(slot->value);
    map_clear(&session->prepared);
}

void command__close_cursors(Session *session)
{
    size_t pos = 0;
    for (const MapSlot *slot; (slot = map_next(&session->cursors, &pos));)
        free_cursor(slot->value);
    map_clear(&session->cursors);
}

void command__close_cursors_behind(Session *session, uint32_t savepoints)
{
    size_t pos = 0;
    for (const MapSlot *slot; (slot = map_next(&session->cursors, &pos));) {
        Cursor *cursor = slot->value;
        if (cursor->savepoints <= savepoints)
            continue;
        (void)map_remove(&session->cursors, str_from(cursor->name));
        free_cursor(cursor);
        pos = 0; /* the map moved */
    }
}

/* ---------------------------------------------------------------- prepared statements */

Status command__prepare(Query *query, const AstStatement *ast, Error *err)
{
    Session *session = query->session;
    const AstPrepared *prepare = ast->prepared;
    Statement *inner;
    if (map_get(&session->prepared, prepare->name))
        return error_set_sql(err, STATUS_EXISTS, "42P05", 0,
                             "prepared statement \"%.*s\" already exists", STR_FMT(prepare->name));
    if (session->prepared.count >= SESSION_PREPARED_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "too many prepared statements");
    Type *types = ARENA_NEW_ARRAY(&query->arena, Type, prepare->type_count + 1);
    for (uint32_t i = 0; i < prepare->type_count; i++)
        TRY(sql_bind_type(&query->binding.options, prepare->types[i], &types[i], err));
    TRY(statement__bind(session, query->statement->script, prepare->query, types,
                        prepare->type_count, &inner, err));
    Prepared *prepared = MEM_NEW(Prepared);
    prepared->name = dup_name(prepare->name);
    prepared->script = script__ref(query->statement->script);
    prepared->query = prepare->query;
    prepared->param_count = inner->param_count;
    prepared->param_types = mem_dup(inner->param_types, sizeof(Type) * inner->param_count);
    (void)statement_free(inner);
    *map_put(&session->prepared, str_from(prepared->name), NULL) = prepared;
    query__set_tag(query, "PREPARE");
    return STATUS_OK;
}

Status command__prepared_statement(Session *session, const AstPrepared *execute,
                                   const Prepared **ret_prepared, Error *err)
{
    const Prepared *prepared = map_get(&session->prepared, execute->name);
    if (!prepared)
        return error_set_sql(err, STATUS_NOT_FOUND, "26000", 0,
                             "prepared statement \"%.*s\" does not exist", STR_FMT(execute->name));
    if (execute->arg_count != prepared->param_count) {
        Status status = error_set_sql(err, STATUS_INVALID, "42601", 0,
                                      "wrong number of parameters for prepared statement \"%.*s\"",
                                      STR_FMT(execute->name));
        error_detail(err, "Expected %u parameters but got %u.", prepared->param_count,
                     execute->arg_count);
        return status;
    }
    *ret_prepared = prepared;
    return STATUS_OK;
}

static Status execute_args(Query *query, const Prepared *prepared, const AstPrepared *execute,
                           Column **ret_args, Error *err)
{
    Column *args = ARENA_NEW_ARRAY(&query->arena, Column, execute->arg_count + 1);
    for (uint32_t i = 0; i < execute->arg_count; i++) {
        Plan plan;
        TRY(sql_bind_scalar(&query->binding.options, execute->args[i], prepared->param_types[i],
                            &plan, err));
        TRY(query__eval_scalar(query, &plan, &args[i], err));
    }
    *ret_args = args;
    return STATUS_OK;
}

/* The inner statement runs inside this query: its batches and its tag are ours. */
Status command__execute(Query *query, const AstPrepared *execute, Error *err)
{
    const Prepared *prepared;
    Column *args;
    TRY(command__prepared_statement(query->session, execute, &prepared, err));
    TRY(execute_args(query, prepared, execute, &args, err));
    TRY(statement__bind(query->session, prepared->script, prepared->query, prepared->param_types,
                        prepared->param_count, &query->executed, err));
    Query *inner;
    TRY(query_start(query->session, query->executed, args, execute->arg_count, &inner, err));
    /* Publish, then look again: a cancel in between finds one or the other. */
    __atomic_store_n(&query->inner, inner, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&query->cancel.cancelled, __ATOMIC_SEQ_CST))
        query_cancel(inner);
    query->mode = QUERY_INNER;
    return STATUS_OK;
}

Status command__deallocate(Query *query, const AstPrepared *ast, Error *err)
{
    Session *session = query->session;
    if (!ast->name.len) {
        command__deallocate_all(session);
        query__set_tag(query, "DEALLOCATE ALL");
        return STATUS_OK;
    }
    Prepared *prepared = map_remove(&session->prepared, ast->name);
    if (!prepared)
        return error_set_sql(err, STATUS_NOT_FOUND, "26000", 0,
                             "prepared statement \"%.*s\" does not exist", STR_FMT(ast->name));
    free_prepared(prepared);
    query__set_tag(query, "DEALLOCATE");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- cursors */

Status command__declare(Query *query, const AstStatement *ast, Error *err)
{
    Session *session = query->session;
    const AstPrepared *declare = ast->prepared;
    if (!session__in_block(session) && !declare->hold)
        return error_set_sql(err, STATUS_INVALID, "25P01", 0,
                             "DECLARE CURSOR can only be used in transaction blocks");
    if (declare->hold || declare->scroll || declare->binary)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "%s cursors are not supported",
                             declare->hold     ? "WITH HOLD"
                             : declare->scroll ? "SCROLL"
                                               : "BINARY");
    if (map_get(&session->cursors, declare->name))
        return error_set_sql(err, STATUS_EXISTS, "42P03", 0, "cursor \"%.*s\" already exists",
                             STR_FMT(declare->name));
    if (declare->query->kind != AST_STATEMENT_SELECT)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "cursors are supported for SELECT and VALUES only");
    Cursor *cursor = MEM_NEW(Cursor);
    cursor->name = dup_name(declare->name);
    cursor->savepoints = session->txn.savepoint_count;
    Status status = statement__bind(session, query->statement->script, declare->query, NULL, 0,
                                    &cursor->statement, err);
    if (status == STATUS_OK)
        status = query_start(session, cursor->statement, NULL, 0, &cursor->query, err);
    if (status != STATUS_OK) {
        free_cursor(cursor);
        return status;
    }
    *map_put(&session->cursors, str_from(cursor->name), NULL) = cursor;
    query__set_tag(query, "DECLARE CURSOR");
    return STATUS_OK;
}

static Status find_cursor(Session *session, Str name, Cursor **ret_cursor, Error *err)
{
    *ret_cursor = map_get(&session->cursors, name);
    if (*ret_cursor)
        return STATUS_OK;
    return error_set_sql(err, STATUS_NOT_FOUND, "34000", 0, "cursor \"%.*s\" does not exist",
                         STR_FMT(name));
}

Status command__cursor_schema(Session *session, const AstFetch *fetch, const Schema **ret_schema,
                              Error *err)
{
    Cursor *cursor;
    TRY(find_cursor(session, fetch->name, &cursor, err));
    *ret_schema = &cursor->statement->schema;
    return STATUS_OK;
}

const Schema *session_cursor_schema(Session *session, Str name)
{
    const Cursor *cursor = map_get(&session->cursors, name);
    return cursor ? &cursor->statement->schema : NULL;
}

/* Appends up to `count` rows to the list of batches, copied into the arena. */
static Status fetch_rows(Query *query, Cursor *cursor, uint64_t count, RecordBatch **ret_batches,
                         uint32_t *ret_count, Error *err)
{
    uint32_t cap = 0;
    *ret_count = 0;
    *ret_batches = NULL;
    while (count && !cursor->ended) {
        if (cursor->at == cursor->batch.row_count) {
            TRY(query_next(cursor->query, &cursor->batch, err));
            cursor->at = 0;
            cursor->ended = cursor->batch.row_count == 0;
            continue;
        }
        uint32_t take = (uint32_t)LUMA_MIN(count, cursor->batch.row_count - cursor->at);
        RecordBatch part, copy;
        TRY(batch_slice(&cursor->batch, cursor->at, take, &query->arena, &part, err));
        TRY(batch_copy(&part, &query->arena, &copy, err));
        copy.schema = &query->statement->schema;
        ARENA_PUSH(&query->arena, *ret_batches, *ret_count, cap, copy);
        cursor->at += take;
        count -= take;
    }
    return STATUS_OK;
}

Status command__fetch(Query *query, const AstFetch *fetch, Error *err)
{
    Cursor *cursor;
    uint64_t rows = 0;
    TRY(find_cursor(query->session, fetch->name, &cursor, err));
    if ((fetch->direction != AST_FETCH_FORWARD &&
         !(fetch->direction == AST_FETCH_RELATIVE && fetch->count == 1)) ||
        fetch->count < 0) {
        Status status =
            error_set_sql(err, STATUS_INVALID, "55000", 0, "cursor can only scan forward");
        error_hint(err, "Declare it with SCROLL option to enable backward scan.");
        return status;
    }
    TRY(fetch_rows(query, cursor, (uint64_t)fetch->count, &query->batches, &query->batch_count,
                   err));
    for (uint32_t i = 0; i < query->batch_count; i++)
        rows += query->batches[i].row_count;
    query__set_tag(query, "%s %lu", fetch->move ? "MOVE" : "FETCH", (unsigned long)rows);
    query->mode = fetch->move ? QUERY_NONE : QUERY_ROWS;
    return STATUS_OK;
}

Status command__close(Query *query, const AstPrepared *ast, Error *err)
{
    Session *session = query->session;
    Cursor *cursor;
    query__set_tag(query, "CLOSE CURSOR");
    if (!ast->name.len) {
        command__close_cursors(session);
        query__set_tag(query, "CLOSE CURSOR ALL");
        return STATUS_OK;
    }
    TRY(find_cursor(session, ast->name, &cursor, err));
    (void)map_remove(&session->cursors, ast->name);
    free_cursor(cursor);
    return STATUS_OK;
}
