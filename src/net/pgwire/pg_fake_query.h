/* pg_fake_query.h - query.h without an engine, for the protocol's tests and its fuzz target.
 *
 * Statements, separated by ';':
 *   rows N            N rows (i int4, b int8, f float8, t text), NULL text in every 7th row
 *   echo TYPE...      the parameters of those types, as one row
 *   nothing           no rows: "CREATE TABLE"
 *   empty             a SELECT without rows
 *   set NAME VALUE    changes a setting
 *   begin, commit, rollback
 *   fail SQLSTATE     fails in query_start; latefail N fails after N rows
 *   notice            says something
 *   copyin            takes bytes, fails (22P04) at an 'x'; the tag counts them
 *   copyout N         N rows as rows has them, in COPY's text format
 *   sleep             runs until it is cancelled
 * Anything else is a syntax error. To be included by one file of a program.
 */
#ifndef LUMA_NET_PGWIRE_PG_FAKE_QUERY_H
#define LUMA_NET_PGWIRE_PG_FAKE_QUERY_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "query/query.h"

enum { FAKE_PARAMS_MAX = 16, FAKE_SETTINGS_MAX = 16, FAKE_STATEMENTS_MAX = 64 };

struct Session {
    TransactionState state;
    bool implicit;
    int begin_count;
    int rollback_count;
    struct {
        char name[64];
        char value[64];
    } settings[FAKE_SETTINGS_MAX];
    int setting_count;
    void (*on_setting)(void *ctx, Str name, Str value);
    void *ctx;
};

struct Script {
    char *text;
    Str statements[FAKE_STATEMENTS_MAX];
    uint32_t count;
};

struct Statement {
    char *text;
    char word[32];
    char *arg;
    Type params[FAKE_PARAMS_MAX];
    uint32_t param_count;
    Field fields[FAKE_PARAMS_MAX];
    Schema schema;
    StatementKind kind;
};

struct Query {
    Session *session;
    Statement *statement;
    Arena arena;
    const Column *params;
    uint64_t row;
    uint64_t row_count;
    bool notice;
    int cancelled; /* atomic */
    char tag[64];
};

/* Sessions alive; the tests look that all are freed. Atomic. */
static int fake_session_count;

Status session_new(QueryEngine *engine, const SessionOptions *options, Session **ret, Error *err)
{
    if (str_eq(options->database, STR("nodb")))
        return error_set_sql(err, STATUS_NOT_FOUND, "3D000", 0, "database \"nodb\" does not exist");
    Session *s = MEM_NEW(Session);
    s->state = TRANSACTION_IDLE;
    *ret = s;
    (void)__atomic_add_fetch(&fake_session_count, 1, __ATOMIC_RELAXED);
    return session_set(s, STR("server_version"), STR("15.0 (fake)"), err) == STATUS_OK &&
                   session_set(s, STR("DateStyle"), STR("ISO, MDY"), err) == STATUS_OK
               ? STATUS_OK
               : STATUS_INTERNAL;
}

Session *session_free(Session *session)
{
    (void)__atomic_sub_fetch(&fake_session_count, 1, __ATOMIC_RELAXED);
    mem_free(session);
    return NULL;
}

TransactionState session_transaction(const Session *session)
{
    return session->state;
}

const Schema *session_cursor_schema(Session *session, Str name)
{
    return NULL;
}

bool session_object_name(Session *session, TypeId type, uint32_t oid, Buf *out)
{
    return false;
}

bool session_enum_label(Session *session, uint32_t oid, uint32_t idx, PgEnumLabel *ret)
{
    return false;
}

bool session_setting(Session *session, Str name, Str *ret_value)
{
    for (int i = 0; i < session->setting_count; i++)
        if (str_eq_nocase(name, str_from(session->settings[i].name))) {
            *ret_value = str_from(session->settings[i].value);
            return true;
        }
    return false;
}

Status session_set(Session *session, Str name, Str value, Error *err)
{
    int i = 0;

    if (str_eq(name, STR("bogus")))
        return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                             "unrecognized configuration parameter \"bogus\"");
    while (i < session->setting_count && !str_eq_nocase(name, str_from(session->settings[i].name)))
        i++;
    if (i == FAKE_SETTINGS_MAX || name.len > 63 || value.len > 63)
        return error_set(err, STATUS_LIMIT, "too many settings");
    if (i == session->setting_count)
        session->setting_count++;
    (void)snprintf(session->settings[i].name, 64, "%.*s", STR_FMT(name));
    (void)snprintf(session->settings[i].value, 64, "%.*s", STR_FMT(value));
    if (session->on_setting)
        session->on_setting(session->ctx, name, value);
    return STATUS_OK;
}

void session_on_setting(Session *session, void (*fn)(void *ctx, Str name, Str value), void *ctx)
{
    session->on_setting = fn;
    session->ctx = ctx;
}

void session_fail(Session *session)
{
    if (session->state == TRANSACTION_OPEN)
        session->state = TRANSACTION_FAILED;
}

Status session_begin_implicit(Session *session, Error *err)
{
    if (session->state == TRANSACTION_IDLE) {
        session->implicit = true;
        session->begin_count++;
    }
    return STATUS_OK;
}

Status session_end_implicit(Session *session, bool ok, Error *err)
{
    if (session->state != TRANSACTION_IDLE) {
        if (!ok)
            session_fail(session);
        return STATUS_OK;
    }
    session->implicit = false;
    session->rollback_count += !ok;
    return STATUS_OK;
}

Status session_parse(Session *session, Str text, Script **ret, Error *err)
{
    Script *s = MEM_NEW(Script);
    Str rest;
    Str part;

    s->text = mem_zalloc(text.len + 1);
    if (text.len)
        memcpy(s->text, text.ptr, text.len);
    rest = (Str){s->text, text.len};
    while (str_split(&rest, ';', &part))
        if (str_trim(part).len && s->count < FAKE_STATEMENTS_MAX)
            s->statements[s->count++] = str_trim(part);
    *ret = s;
    return STATUS_OK;
}

Script *script_free(Script *script)
{
    if (script)
        mem_free(script->text);
    mem_free(script);
    return NULL;
}

uint32_t script_count(const Script *script)
{
    return script->count;
}

static bool fake_echo(Statement *st)
{
    Str rest = str_from(st->arg);
    Str word;

    while (str_split(&rest, ' ', &word)) {
        if (st->param_count == FAKE_PARAMS_MAX ||
            !type_from_pg_name(word, &st->params[st->param_count]))
            return false;
        uint32_t i = st->param_count++;
        st->fields[i] = (Field){.name = word, .type = st->params[i]};
    }
    st->schema = (Schema){st->fields, st->param_count};
    return true;
}

static bool fake_plan(Statement *st)
{
    static const Field fields[] = {{.name = STR_INIT("i"), .type = {TYPE_INT4, false, -1}},
                                   {.name = STR_INIT("b"), .type = {TYPE_INT8, false, -1}},
                                   {.name = STR_INIT("f"), .type = {TYPE_FLOAT8, false, -1}},
                                   {.name = STR_INIT("t"), .type = {TYPE_TEXT, false, -1}}};

    st->kind = STATEMENT_COMMAND;
    if (!strcmp(st->word, "echo")) {
        st->kind = STATEMENT_QUERY;
        return fake_echo(st);
    }
    if (!strcmp(st->word, "rows") || !strcmp(st->word, "empty") || !strcmp(st->word, "latefail")) {
        st->kind = STATEMENT_QUERY;
        st->schema = (Schema){fields, 4};
        return true;
    }
    if (!strcmp(st->word, "copyin") || !strcmp(st->word, "copyout")) {
        st->kind = st->word[4] == 'i' ? STATEMENT_COPY_IN : STATEMENT_COPY_OUT;
        return true;
    }
    static const char *const others[] = {"nothing",  "set",  "begin",  "commit",
                                         "rollback", "fail", "notice", "sleep"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(others); i++)
        if (!strcmp(st->word, others[i]))
            return true;
    return false;
}

Status statement_bind(Session *session, const Script *script, uint32_t idx, const Type *param_types,
                      uint32_t param_count, Statement **ret, Error *err)
{
    Statement *st = MEM_NEW(Statement);
    Str text = script->statements[idx];

    st->text = mem_zalloc(text.len + 1);
    memcpy(st->text, text.ptr, text.len);
    char *blank = strchr(st->text, ' ');
    st->arg = blank ? blank + 1 : st->text + text.len;
    (void)snprintf(st->word, sizeof st->word, "%.*s",
                   (int)(blank ? blank - st->text : (ptrdiff_t)text.len), st->text);
    Status status = STATUS_OK;
    if (!fake_plan(st))
        status = error_set_sql(err, STATUS_INVALID, "42601", 1, "syntax error at or near \"%s\"",
                               st->word);
    else if (session->state == TRANSACTION_FAILED && strcmp(st->word, "rollback") != 0)
        status = error_set_sql(err, STATUS_INVALID, "25P02", 0, "current transaction is aborted");
    if (status != STATUS_OK) {
        mem_free(st->text);
        mem_free(st);
        return status;
    }
    *ret = st;
    return STATUS_OK;
}

Statement *statement_free(Statement *statement)
{
    if (statement)
        mem_free(statement->text);
    mem_free(statement);
    return NULL;
}

const Type *statement_param_types(const Statement *statement, uint32_t *ret_count)
{
    *ret_count = statement->param_count;
    return statement->params;
}
const Schema *statement_schema(const Statement *statement)
{
    return &statement->schema;
}
bool statement_returns_rows(const Statement *statement)
{
    return statement->kind == STATEMENT_QUERY;
}
bool statement_writes(const Statement *statement)
{
    return !strcmp(statement->word, "nothing");
}
StatementKind statement_kind(const Statement *statement)
{
    return statement->kind;
}

static Status fake_start(Session *session, Query *q, Error *err)
{
    const char *word = q->statement->word;

    if (!strcmp(word, "fail")) {
        char state[6] = "XX000"; /* unless five characters were asked for */
        if (strlen(q->statement->arg) == 5)
            memcpy(state, q->statement->arg, 5);
        return error_set_sql(err, STATUS_INVALID, state, 6, "failed on request");
    }
    if (!strcmp(word, "begin")) {
        session->state = TRANSACTION_OPEN;
    } else if (!strcmp(word, "commit") || !strcmp(word, "rollback")) {
        session->state = TRANSACTION_IDLE;
    } else if (!strcmp(word, "set")) {
        Str rest = str_from(q->statement->arg);
        Str name;
        Str value = {0};
        (void)str_split(&rest, ' ', &name);
        (void)str_split(&rest, 0, &value);
        return session_set(session, name, value, err);
    } else if (!strcmp(word, "echo")) {
        q->row_count = 1;
    } else if (!strcmp(word, "rows") || !strcmp(word, "copyout") || !strcmp(word, "latefail")) {
        q->row_count = strtoull(q->statement->arg, NULL, 10);
    }
    q->notice = !strcmp(word, "notice");
    return STATUS_OK;
}

bool session_is_quick(const Session *session)
{
    return true;
}
bool statement_is_quick(const Session *session, const Statement *statement)
{
    return strcmp(statement->word, "sleep") != 0 && strcmp(statement->word, "rows") != 0;
}
bool script_is_quick(const Session *session, const Script *script)
{
    for (uint32_t i = 0; i < script->count; i++)
        if (str_starts(script->statements[i], STR("sleep")) ||
            str_starts(script->statements[i], STR("rows")))
            return false;
    return true;
}

Status query_start(Session *session, Statement *statement, const Column *params,
                   uint32_t param_count, Query **ret, Error *err)
{
    Query *q = MEM_NEW(Query);

    q->session = session;
    q->statement = statement;
    q->params = params;
    arena_init(&q->arena, NULL);
    Status status = fake_start(session, q, err);
    if (status != STATUS_OK) {
        (void)query_free(q);
        return status;
    }
    *ret = q;
    return STATUS_OK;
}

static void fake_rows(Query *q, uint32_t n, RecordBatch *batch)
{
    static const char texts[] = "abcdefghijklmnopqrstuvwxyz";

    for (uint32_t i = 0; i < n; i++) {
        uint64_t row = q->row + i;
        ((int32_t *)column_values(&batch->columns[0]))[i] = (int32_t)row;
        ((int64_t *)column_values(&batch->columns[1]))[i] = (int64_t)row * 1000003;
        ((double *)column_values(&batch->columns[2]))[i] = (double)row / 8;
        ((View *)column_values(&batch->columns[3]))[i] = view_make(texts, row % 26);
        bit_put(column_validity(&batch->columns[3]), i, row % 7 != 6);
    }
}

Status query_next(Query *q, RecordBatch *ret, Error *err)
{
    const char *word = q->statement->word;

    while (!strcmp(word, "sleep") && !__atomic_load_n(&q->cancelled, __ATOMIC_RELAXED))
        (void)sched_yield();
    if (__atomic_load_n(&q->cancelled, __ATOMIC_RELAXED))
        return error_set_sql(err, STATUS_CANCELLED, "57014", 0,
                             "canceling statement due to user request");
    *ret = (RecordBatch){0};
    if (q->row == q->row_count) {
        if (!strcmp(word, "latefail"))
            return error_set_sql(err, STATUS_INVALID, "22012", 0, "division by zero");
        return STATUS_OK;
    }
    if (!strcmp(word, "echo")) {
        *ret = (RecordBatch){.columns = (Column *)(uintptr_t)q->params,
                             .column_count = q->statement->param_count,
                             .row_count = 1};
        q->row = 1;
        return STATUS_OK;
    }
    uint32_t n = (uint32_t)LUMA_MIN(q->row_count - q->row, (uint64_t)BATCH_ROWS);
    static const Field fields[] = {{.type = {TYPE_INT4, false, -1}},
                                   {.type = {TYPE_INT8, false, -1}},
                                   {.type = {TYPE_FLOAT8, false, -1}},
                                   {.type = {TYPE_TEXT, false, -1}}};
    const Schema schema = {fields, 4};
    arena_reset(&q->arena);
    TRY(batch_init(ret, &q->arena, &schema, n, err));
    TRY(column_need_validity(&ret->columns[3], &q->arena, err));
    fake_rows(q, n, ret);
    q->row += n;
    return STATUS_OK;
}

const CopyOptions *query_copy_format(const Query *query, const CopyColumn **ret_columns,
                                     uint32_t *ret_count)
{
    static const CopyColumn columns[] = {{.name = STR_INIT("i"), .type = {TYPE_INT4, false, -1}},
                                         {.name = STR_INIT("b"), .type = {TYPE_INT8, false, -1}},
                                         {.name = STR_INIT("f"), .type = {TYPE_FLOAT8, false, -1}},
                                         {.name = STR_INIT("t"), .type = {TYPE_TEXT, false, -1}}};
    static const CopyOptions text = {.delimiter = '\t', .null_text = STR_INIT("\\N")};

    *ret_columns = columns;
    *ret_count = 4;
    return &text;
}

static Status fake_copy_failed(Query *q, const char *sqlstate, Error *err)
{
    session_fail(q->session);
    return error_set_sql(err, STATUS_INVALID, sqlstate, 0, "the copy failed");
}

Status query_copy_put(Query *q, Str bytes, Error *err)
{
    if (__atomic_load_n(&q->cancelled, __ATOMIC_RELAXED))
        return fake_copy_failed(q, "57014", err);
    if (str_find_byte(bytes, 'x') >= 0)
        return fake_copy_failed(q, "22P04", err);
    q->row_count += bytes.len;
    return STATUS_OK;
}

Status query_copy_end(Query *q, Error *err)
{
    return STATUS_OK;
}

Status query_copy_fail(Query *q, Str reason, Error *err)
{
    return fake_copy_failed(q, "57014", err);
}

Str query_command_tag(const Query *query)
{
    Query *q = (Query *)(uintptr_t)query;
    const char *word = q->statement->word;

    if (q->statement->kind == STATEMENT_QUERY)
        (void)snprintf(q->tag, sizeof q->tag, "SELECT %llu", (unsigned long long)q->row_count);
    else if (!strncmp(word, "copy", 4))
        (void)snprintf(q->tag, sizeof q->tag, "COPY %llu", (unsigned long long)q->row_count);
    else
        (void)snprintf(q->tag, sizeof q->tag, "%s",
                       !strcmp(word, "begin")      ? "BEGIN"
                       : !strcmp(word, "commit")   ? "COMMIT"
                       : !strcmp(word, "rollback") ? "ROLLBACK"
                       : !strcmp(word, "set")      ? "SET"
                                                   : "CREATE TABLE");
    return str_from(q->tag);
}

bool query_take_notice(Query *query, Error *ret_notice)
{
    bool notice = query->notice;

    query->notice = false;
    if (notice)
        (void)error_set(ret_notice, STATUS_EXISTS, "something exists, skipping");
    return notice;
}

void query_cancel(Query *query)
{
    __atomic_store_n(&query->cancelled, 1, __ATOMIC_RELAXED);
}

Query *query_free(Query *query)
{
    if (query)
        arena_done(&query->arena);
    mem_free(query);
    return NULL;
}

#endif
