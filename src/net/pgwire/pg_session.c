#include "net/pgwire/pg_session.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "net/pgwire/pg_session_int.h"

/* ---------------------------------------------------------------- settings */

/* PostgreSQL's GUC_REPORT settings. */
static const char *const reported[] = {
    "server_version",
    "server_encoding",
    "client_encoding",
    "application_name",
    "default_transaction_read_only",
    "in_hot_standby",
    "is_superuser",
    "session_authorization",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
};

void pg_session_append_parameters(PgSession *s)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(reported); i++) {
        Str value;
        if (session_setting(s->session, str_from(reported[i]), &value))
            pg_append_parameter_status(&s->out, str_from(reported[i]), value);
    }
}

static void on_setting(void *ctx, Str name, Str value)
{
    PgSession *s = ctx;

    s->settings_stale = true;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(reported); i++)
        if (str_eq_nocase(name, str_from(reported[i])))
            pg_append_parameter_status(&s->out, str_from(reported[i]), value);
}

void pgwire__refresh_settings(PgSession *s)
{
    static const char *const names[] = {"DateStyle", "IntervalStyle", "TimeZone", "bytea_output",
                                        "extra_float_digits"};

    s->settings.now_us = clock_wall_ns() / 1000;
    if (!s->settings_stale)
        return;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++) {
        Str value;
        /* A value the session took but the formats do not know changes nothing. */
        if (session_setting(s->session, str_from(names[i]), &value))
            (void)pg_settings_set(&s->settings, str_from(names[i]), value, NULL);
    }
    s->settings_stale = false;
}

/* ---------------------------------------------------------------- life */

static bool object_name(void *ctx, TypeId type, uint32_t oid, Buf *out)
{
    return session_object_name(ctx, type, oid, out);
}

static bool enum_label(void *ctx, uint32_t oid, uint32_t idx, PgEnumLabel *ret)
{
    return session_enum_label(ctx, oid, idx, ret);
}

void pg_session_init(PgSession *s, Session *session, uint32_t statements_max,
                     size_t message_bytes_max)
{
    s->session = session;
    s->statements_max = statements_max;
    s->message_bytes_max = message_bytes_max;
    s->settings_stale = true;
    pg_settings_init(&s->settings);
    s->settings.reg_name = object_name;
    s->settings.enum_label = enum_label;
    s->settings.reg_ctx = session;
    session_on_setting(session, on_setting, s);
}

PgPrepared *pgwire__prepared_new(Str name, Statement *take_statement)
{
    PgPrepared *p = MEM_NEW(PgPrepared);

    p->refs = 1;
    p->name = mem_zalloc(name.len + 1);
    if (name.len)
        memcpy(p->name, name.ptr, name.len);
    p->statement = take_statement;
    return p;
}

void pgwire__prepared_unref(PgPrepared *prepared)
{
    if (!prepared || --prepared->refs > 0)
        return;
    (void)statement_free(prepared->statement);
    mem_free(prepared->name);
    mem_free(prepared);
}

static void publish(PgSession *s, Query *query)
{
    if (s->on_query)
        s->on_query(s->ctx, query);
}

/* Frees the portal's query, if any, so that nobody can cancel it any more. */
static void close_query(PgSession *s, PgPortal *portal)
{
    if (!portal->query)
        return;
    publish(s, NULL);
    portal->query = query_free(portal->query);
    portal->batch = (RecordBatch){0};
    portal->row = 0;
}

void pgwire__portal_free(PgSession *s, PgPortal *portal)
{
    if (!portal)
        return;
    if (s->running == portal)
        s->running = NULL;
    if (s->copy_in == portal)
        s->copy_in = NULL;
    close_query(s, portal);
    pgwire__prepared_unref(portal->prepared);
    arena_done(&portal->arena);
    mem_free(portal->name);
    mem_free(portal);
}

static void end_simple(PgSession *s)
{
    pgwire__portal_free(s, STEAL(s->simple));
    s->script = script_free(s->script);
    s->script_next = 0;
}

void pg_session_done(PgSession *s)
{
    end_simple(s);
    pgwire__drop_portals(s);
    pgwire__drop_statements(s);
    map_done(&s->portals);
    map_done(&s->statements);
    s->parsed = script_free(s->parsed);
    s->session = session_free(s->session);
    buf_done(&s->out);
}

/* ---------------------------------------------------------------- transactions and errors */

Status pgwire__begin(PgSession *s, Error *err)
{
    if (s->implicit_open)
        return STATUS_OK;
    TRY(session_begin_implicit(s->session, err));
    s->implicit_open = true;
    return STATUS_OK;
}

Status pgwire__end(PgSession *s, bool ok, Error *err)
{
    if (!s->implicit_open)
        return STATUS_OK;
    s->implicit_open = false;
    return session_end_implicit(s->session, ok, err);
}

void pgwire__fail(PgSession *s, const Error *err)
{
    Error ignored;

    pg_append_error(&s->out, "ERROR", err);
    (void)pgwire__end(s, false, &ignored); /* it is rolled back, whatever this says */
    if (session_transaction(s->session) == TRANSACTION_OPEN)
        session_fail(s->session);
}

Status pgwire__check_text(Str text, Error *err)
{
    if (str_utf8_valid(text))
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "22021", 0,
                         "invalid byte sequence for encoding \"UTF8\"");
}

static void append_ready(PgSession *s)
{
    pg_append_ready(&s->out, (char)session_transaction(s->session));
}

/* ---------------------------------------------------------------- running a portal */

static Status start_portal(PgSession *s, PgPortal *p, Error *err)
{
    Statement *statement = p->prepared->statement;

    if (s->on_start)
        TRY(s->on_start(s->ctx, statement, err));
    pgwire__refresh_settings(s);
    TRY(pgwire__begin(s, err));
    counter_add(COUNTER_PG_QUERIES, 1);
    if (statement_returns_rows(statement))
        TRY(pg_rows_init(&p->rows, statement_schema(statement), p->formats, p->format_count,
                         &s->settings, &p->arena, err));
    TRY(query_start(s->session, statement, p->params, p->param_count, &p->query, err));
    publish(s, p->query);
    return STATUS_OK;
}

static void append_notices(PgSession *s, Query *query)
{
    Error notice;

    while (query_take_notice(query, &notice))
        pg_append_notice(&s->out, &notice);
}

/* The end of a statement: its tag, and what the tag means for us. */
static void complete_portal(PgSession *s, PgPortal *p)
{
    Str tag = query_command_tag(p->query);
    char text[64];

    if (p->suspended && statement_returns_rows(p->prepared->statement)) {
        /* The tag counts the rows of this Execute alone. */
        ptrdiff_t blank = str_find_byte(tag, ' ');
        int len = snprintf(text, sizeof text, "%.*s %llu",
                           (int)LUMA_MIN(blank < 0 ? tag.len : (size_t)blank, (size_t)32), tag.ptr,
                           (unsigned long long)p->row_count);
        pg_append_command_complete(&s->out, (Str){text, (size_t)len});
    } else {
        pg_append_command_complete(&s->out, tag);
    }
    if (!str_starts(tag, STR("SELECT")) && !str_starts(tag, STR("INSERT")) &&
        !str_starts(tag, STR("COPY")))
        s->settings_stale = true;
    bool drop = str_eq(tag, STR("DISCARD ALL")) || str_eq(tag, STR("DEALLOCATE ALL"));
    close_query(s, p);
    p->done = true;
    if (drop)
        pgwire__drop_statements(s);
}

/* In a string of statements the commit comes before the last one's CommandComplete. */
Status pgwire__finish_portal(PgSession *s, PgPortal *p, Error *err)
{
    append_notices(s, p->query);
    if (p == s->simple && s->script_next == script_count(s->script))
        TRY(pgwire__end(s, true, err));
    complete_portal(s, p);
    return STATUS_OK;
}

/* Sends rows until the end, the limit or enough bytes. */
static Status send_rows(PgSession *s, PgPortal *p, PgStep *ret_step, Error *err)
{
    bool returns_rows = statement_returns_rows(p->prepared->statement);

    for (;;) {
        if (returns_rows && p->row < p->batch.row_count) {
            uint64_t left = p->limit ? p->limit - p->row_count : UINT64_MAX;
            p->row_count +=
                pg_rows_append(&p->rows, &p->batch, &p->row, left, PG_FLUSH_BYTES, &s->out);
            if (p->limit && p->row_count == p->limit) {
                p->suspended = true;
                pg_append_simple(&s->out, 's');
                *ret_step = STEP_DONE;
                return STATUS_OK;
            }
            if (s->out.len >= PG_FLUSH_BYTES) {
                *ret_step = STEP_FULL;
                return STATUS_OK;
            }
            continue;
        }
        p->row = 0;
        p->batch = (RecordBatch){0};
        TRY(query_next(p->query, &p->batch, err));
        append_notices(s, p->query);
        if (p->batch.row_count == 0) {
            *ret_step = STEP_DONE;
            return pgwire__finish_portal(s, p, err);
        }
    }
}

static Status advance_portal(PgSession *s, PgPortal *p, PgStep *ret_step, Error *err)
{
    if (!p->query)
        TRY(start_portal(s, p, err));
    switch (statement_kind(p->prepared->statement)) {
    case STATEMENT_COPY_IN:
        pgwire__copy_in(s, p);
        *ret_step = STEP_COPY;
        return STATUS_OK;
    case STATEMENT_COPY_OUT:
        return pgwire__copy_out(s, p, ret_step, err);
    case STATEMENT_QUERY:
    case STATEMENT_COMMAND:
    case STATEMENT_EMPTY:
        break;
    }
    return send_rows(s, p, ret_step, err);
}

void pgwire__fail_portal(PgSession *s, PgPortal *p, const Error *err)
{
    if (p->query)
        append_notices(s, p->query);
    close_query(s, p);
    p->done = true;
    pgwire__fail(s, err);
    s->skip_to_sync = p != s->simple;
    s->script_next = UINT32_MAX; /* the rest of a string is dropped */
}

PgStep pgwire__run_portal(PgSession *s, PgPortal *p)
{
    Error err = {0};
    PgStep step = STEP_DONE;

    s->running = p;
    if (advance_portal(s, p, &step, &err) != STATUS_OK)
        pgwire__fail_portal(s, p, &err);
    if (step != STEP_FULL)
        s->running = NULL;
    return step;
}

/* ---------------------------------------------------------------- simple protocol */

/* Binds the next statement of the string and begins to run it. */
static Status start_statement(PgSession *s, Error *err)
{
    Statement *statement;

    TRY(pgwire__begin(s, err));
    TRY(statement_bind(s->session, s->script, s->script_next++, NULL, 0, &statement, err));
    PgPortal *p = MEM_NEW(PgPortal);
    arena_init(&p->arena, NULL);
    p->prepared = pgwire__prepared_new(STR(""), statement);
    s->simple = p;
    uint32_t param_count;
    (void)statement_param_types(statement, &param_count);
    if (param_count)
        return error_set_sql(err, STATUS_INVALID, "42P02", 0, "there is no parameter $1");
    if (statement_returns_rows(statement))
        pg_append_row_description(&s->out, statement_schema(statement), NULL, 0);
    return STATUS_OK;
}

PgStep pgwire__run_script(PgSession *s)
{
    Error err = {0};

    for (;;) {
        if (s->simple && !s->simple->done) {
            PgStep step = pgwire__run_portal(s, s->simple);
            if (step != STEP_DONE)
                return step;
        }
        pgwire__portal_free(s, STEAL(s->simple));
        if (s->script_next >= script_count(s->script))
            break;
        if (start_statement(s, &err) != STATUS_OK) {
            pgwire__fail(s, &err);
            break;
        }
    }
    end_simple(s);
    append_ready(s);
    return STEP_DONE;
}

static PgStep simple_query(PgSession *s, Str body)
{
    BufReader r = buf_reader(body);
    Str text = buf_read_cstr(&r);
    Error err = {0};
    Status status = STATUS_OK;

    s->skip_to_sync = false;
    if (session_transaction(s->session) == TRANSACTION_IDLE)
        pgwire__drop_portals(s);
    else
        pgwire__portal_free(s, map_remove(&s->portals, STR("")));
    if (r.failed || buf_reader_left(&r))
        status = error_set_sql(&err, STATUS_INVALID, "08P01", 0, "invalid message format");
    if (status == STATUS_OK)
        status = pgwire__check_text(text, &err);
    if (status == STATUS_OK)
        status = pgwire__parse(s, text, &s->script, &err);
    if (status != STATUS_OK) {
        pgwire__fail(s, &err);
        append_ready(s);
        return STEP_DONE;
    }
    s->script_next = 0;
    if (script_count(s->script) == 0) {
        pg_append_simple(&s->out, 'I');
        (void)pgwire__end(s, true, NULL); /* nothing was written */
    }
    return pgwire__run_script(s);
}

/* ---------------------------------------------------------------- messages */

static void sync(PgSession *s)
{
    Error err = {0};

    s->skip_to_sync = false;
    if (pgwire__end(s, true, &err) != STATUS_OK)
        pg_append_error(&s->out, "ERROR", &err);
    if (session_transaction(s->session) == TRANSACTION_IDLE)
        pgwire__drop_portals(s);
    append_ready(s);
}

static void refuse(PgSession *s, const char *sqlstate, const char *text)
{
    Error err;

    (void)error_set_sql(&err, STATUS_UNSUPPORTED, sqlstate, 0, "%s", text);
    pgwire__fail(s, &err);
}

/* False: the client said goodbye, or is beyond understanding. */
static bool handle_message(PgSession *s, const PgMessage *m, PgStep *ret_step)
{
    *ret_step = STEP_DONE;
    if (s->copy_in && m->type != 'X') {
        *ret_step = pgwire__copy_message(s, m);
        return true;
    }
    switch (m->type) {
    case 'Q':
        *ret_step = simple_query(s, m->body);
        return true;
    case 'S':
        sync(s);
        return true;
    case 'H':
        return true; /* output is handed on at the end of the input anyway */
    case 'X':
        return false;
    case 'd':
    case 'c':
    case 'f':
        return true; /* left over from a COPY that failed */
    case 'P':
    case 'B':
    case 'D':
    case 'E':
    case 'C':
        if (!s->skip_to_sync)
            *ret_step = pgwire__extended(s, m);
        return true;
    case 'F':
        if (!s->skip_to_sync)
            refuse(s, "0A000", "function calls by the fast path are not supported");
        append_ready(s);
        return true;
    default: {
        Error err;
        (void)error_set_sql(&err, STATUS_INVALID, "08P01", 0, "invalid frontend message type %d",
                            (unsigned char)m->type);
        pg_append_error(&s->out, "FATAL", &err);
        return false;
    }
    }
}

static bool handle(PgSession *s, const PgMessage *m, PgStep *ret_step)
{
    bool alive = handle_message(s, m, ret_step);

    s->parsed = script_free(s->parsed); /* it was this message's */
    return alive;
}

/* Goes on with what was stopped because `out` was full. */
static PgStep continue_running(PgSession *s)
{
    if (s->copy_in)
        return pgwire__copy_check(s);
    if (s->script)
        return pgwire__run_script(s);
    return s->running ? pgwire__run_portal(s, s->running) : STEP_DONE;
}

PgOutcome pg_session_run_quick(PgSession *s, Str input, uint32_t messages_max, size_t *ret_used)
{
    PgMessage m;
    size_t len;

    *ret_used = 0;
    if (s->copy_in || s->script || s->running)
        return PG_POOL;
    while (pg_message_next(str_sub(input, *ret_used, input.len), s->message_bytes_max, &m, &len) ==
           PG_FRAMING_WHOLE) {
        PgStep step;
        if (messages_max-- == 0 || !pgwire__is_quick(s, &m))
            return PG_POOL;
        *ret_used += len;
        if (!handle(s, &m, &step))
            return PG_CLOSE;
        if (step == STEP_FULL || s->out.len >= PG_FLUSH_BYTES)
            return PG_FULL;
    }
    return PG_IDLE;
}

PgOutcome pg_session_run(PgSession *s, Str input, size_t *ret_used)
{
    PgMessage m;
    size_t len;

    *ret_used = 0;
    if (continue_running(s) == STEP_FULL)
        return PG_FULL;
    while (pg_message_next(str_sub(input, *ret_used, input.len), s->message_bytes_max, &m, &len) ==
           PG_FRAMING_WHOLE) {
        PgStep step;
        *ret_used += len;
        if (!handle(s, &m, &step))
            return PG_CLOSE;
        if (step == STEP_FULL || s->out.len >= PG_FLUSH_BYTES)
            return PG_FULL;
    }
    return PG_IDLE;
}
