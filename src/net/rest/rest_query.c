/* rest_query.c - see rest_query.h. */
#include "net/rest/rest_query.h"

#include "base/clock.h"
#include "base/counter.h"
#include "format/json/json.h"

enum {
    BUFFER_BYTES = 256 << 10,
};

typedef struct RestTask {
    PoolTask task;
    RestApi *api;
    HttpRequest *req;
    RestQuery q;
    Mutex lock;
    Query *running; /* guarded by lock */
    bool cancelled; /* guarded by lock */
    bool parked;    /* guarded by lock: the client is slow; on_drained goes on */
    /* the worker's, kept while parked */
    Session *session;
    Script *script;
    uint32_t statement_idx; /* the one that runs, else the next */
    Statement *statement;
    Query *query;
    PgSettings settings;
    ResultWriter writer;
    Buf out;
    bool streaming; /* the head of the answer has gone out */
} RestTask;

/* ---------------------------------------------------------------- errors */

static int status_code(const Error *err)
{
    Str state = str_from(err->sqlstate);

    if (err->status == STATUS_UNSUPPORTED)
        return 501;
    if (str_starts(state, STR("42501")) || err->status == STATUS_DENIED)
        return 403;
    if (str_starts(state, STR("53")) || err->status == STATUS_LIMIT ||
        err->status == STATUS_UNAVAILABLE)
        return 503;
    if (err->status == STATUS_NOT_FOUND && !err->sqlstate[0])
        return 404;
    if (err->status == STATUS_TIMEOUT || err->status == STATUS_CANCELLED)
        return 504;
    if (err->status == STATUS_IO || err->status == STATUS_CORRUPT ||
        err->status == STATUS_INTERNAL || err->status == STATUS_NOMEM)
        return 500;
    return 400;
}

static void append_member(Buf *body, const char *key, const char *text)
{
    if (!text[0])
        return;
    buf_printf(body, ",\"%s\":", key);
    json_append_string(body, str_from(text));
}

void rest_respond_error(HttpRequest *req, const Error *err)
{
    const HttpField headers[] = {{STR("Content-Type"), STR("application/json")},
                                 {STR("Retry-After"), STR("1")}};
    int status = status_code(err);
    Buf body = {0};

    buf_append_lit(&body, "{\"error\":");
    json_append_string(&body, str_from(err->message));
    append_member(&body, "sqlstate", err->sqlstate);
    if (err->position > 0)
        buf_printf(&body, ",\"position\":%d", err->position);
    append_member(&body, "detail", err->detail);
    append_member(&body, "hint", err->hint);
    append_member(&body, "context", err->context);
    buf_printf(&body, ",\"status\":%d}\n", status);
    http_respond(req, status, headers, status == 503 ? 2 : 1, &body);
}

Status rest_query_format(HttpRequest *req, ResultFormat *ret_format, Error *err)
{
    Str word = http_request_value(req, STR("format"));

    if (word.ptr) {
        if (!result_format_parse(word, ret_format))
            return error_set(err, STATUS_INVALID, "format is json, csv, ndjson or arrow");
        return STATUS_OK;
    }
    int choice = http_request_accept(req, result_media_types, RESULT_FORMAT_COUNT_);
    *ret_format = choice < 0 ? RESULT_JSON : (ResultFormat)choice;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- running */

static void on_cancel(void *ctx)
{
    RestTask *task = ctx;
    MUTEX_GUARD(&task->lock);
    task->cancelled = true;
    if (task->running)
        query_cancel(task->running);
}

static void set_running(RestTask *task, Query *query)
{
    MUTEX_GUARD(&task->lock);
    task->running = query;
    if (query && task->cancelled)
        query_cancel(query);
}

static void on_drained(void *ctx)
{
    RestTask *task = ctx;

    mutex_lock(&task->lock);
    bool wake = task->parked;
    task->parked = false;
    mutex_unlock(&task->lock);
    if (wake)
        pool_submit(task->api->pool, &task->task);
}

/* True when the worker must leave: the task is on_drained's then. That one waits for the lock, so
 * what happens after the look at the connection finds the flag. */
static bool park(RestTask *task)
{
    MUTEX_GUARD(&task->lock);
    task->parked = http_response_is_slow(task->req) && !http_request_cancelled(task->req);
    return task->parked;
}

/* Sends what is buffered when it is enough to be streamed. */
static Status send_full_buffer(RestTask *task, bool *ret_parked, Error *err)
{
    if (task->out.len < BUFFER_BYTES)
        return STATUS_OK;
    if (!task->streaming) {
        const HttpField type = {STR("Content-Type"), result_media_types[task->q.format]};
        http_response_begin(task->req, 200, &type, 1, task->q.format != RESULT_ARROW);
        task->streaming = true;
    }
    if (http_response_write(task->req, &task->out))
        return STATUS_OK;
    if (http_request_cancelled(task->req))
        return error_set(err, STATUS_CANCELLED, "the client went away");
    *ret_parked = park(task);
    return STATUS_OK;
}

/* Runs the statement to its end, or until the client is slow. */
static Status stream_batches(RestTask *task, bool *ret_parked, Error *err)
{
    bool last = task->statement_idx + 1 == script_count(task->script);
    RecordBatch batch;

    while (!*ret_parked) {
        TRY(query_next(task->query, &batch, err));
        if (batch.row_count == 0)
            break;
        if (!last)
            continue;
        TRY(result_writer_batch(&task->writer, &batch, &task->out, err));
        TRY(send_full_buffer(task, ret_parked, err));
    }
    if (last && !*ret_parked && task->q.none && task->writer.row_count == 0)
        return error_set(err, STATUS_NOT_FOUND, "%s", task->q.none);
    if (last && !*ret_parked)
        result_writer_end(&task->writer, query_command_tag(task->query), &task->out);
    return STATUS_OK;
}

/* Texts become columns of the types that the statement wants. */
static Status make_params(RestTask *task, Column **ret_params, uint32_t *ret_count, Error *err)
{
    Arena *arena = &task->req->arena;
    uint32_t count;
    const Type *types = statement_param_types(task->statement, &count);

    if (count != task->q.param_count)
        return error_set_sql(err, STATUS_INVALID, "08P01", 0,
                             "the statement has %u parameters, %u were sent", count,
                             task->q.param_count);
    Column *columns = ARENA_NEW_ARRAY(arena, Column, count);
    for (uint32_t i = 0; i < count; i++) {
        if (task->q.params[i].ptr)
            TRY(pgtype_const_text(types[i], task->q.params[i], &task->settings, 1, arena,
                                  &columns[i], err));
        else
            TRY(column_init_null(&columns[i], arena, types[i], 1, err));
    }
    *ret_params = columns;
    *ret_count = count;
    return STATUS_OK;
}

static Status start_statement(RestTask *task, Error *err)
{
    Column *params = NULL;
    uint32_t param_count = 0;

    TRY(statement_bind(task->session, task->script, task->statement_idx, NULL, 0, &task->statement,
                       err));
    TRY(make_params(task, &params, &param_count, err));
    TRY(query_start(task->session, task->statement, params, param_count, &task->query, err));
    set_running(task, task->query);
    if (task->statement_idx + 1 == script_count(task->script))
        result_writer_begin(&task->writer, task->q.format, statement_schema(task->statement),
                            &task->settings, task->q.rows_key, &task->out);
    return STATUS_OK;
}

static void end_statement(RestTask *task)
{
    set_running(task, NULL);
    task->query = query_free(task->query);
    task->statement = statement_free(task->statement);
}

static Status read_settings(RestTask *task, Error *err)
{
    static const char *const names[] = {"DateStyle", "IntervalStyle", "TimeZone",
                                        "extra_float_digits", "bytea_output"};
    Str value;

    pg_settings_init(&task->settings);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (session_setting(task->session, str_from(names[i]), &value))
            TRY(pg_settings_set(&task->settings, str_from(names[i]), value, err));
    return STATUS_OK;
}

Status rest_session_new(RestApi *api, const HttpRequest *req, Session **ret_session, Error *err)
{
    const Principal *who = &req->principal;
    char address[64];
    SessionOptions options = {
        .address = str_from(net_address_host(&req->peer, address)),
        .protocol = STR("http"),
        .user = who->user[0] ? str_from(who->user) : STR("anonymous"),
        .database = STR("lumadb"),
        .application_name = STR("rest"),
        .role = who->role,
    };

    return session_new(api->queries, &options, ret_session, err);
}

static Status begin_script(RestTask *task, Error *err)
{
    TRY(rest_session_new(task->api, task->req, &task->session, err));
    TRY(read_settings(task, err));
    TRY(session_parse(task->session, task->q.sql, &task->script, err));
    if (script_count(task->script) == 0)
        return error_set_sql(err, STATUS_INVALID, "42601", 0, "there is no statement");
    return session_begin_implicit(task->session, err);
}

/* Goes on until the end, or until the task is parked. */
static Status advance(RestTask *task, bool *ret_parked, Error *err)
{
    if (!task->session)
        TRY(begin_script(task, err));
    while (task->statement_idx < script_count(task->script)) {
        if (!task->query)
            TRY(start_statement(task, err));
        TRY(stream_batches(task, ret_parked, err));
        if (*ret_parked)
            return STATUS_OK;
        end_statement(task);
        task->statement_idx++;
    }
    return session_end_implicit(task->session, true, err);
}

/* Frees what the worker held; after a failure the transaction is rolled back. */
static void end_session(RestTask *task)
{
    end_statement(task);
    if (task->session)
        (void)session_end_implicit(task->session, false, NULL); /* does nothing after success */
    task->script = script_free(task->script);
    task->session = session_free(task->session);
}

static void respond(RestTask *task, Status status, const Error *err)
{
    CLEANUP(buf_done) Buf out = task->out; /* the request goes with the answer */
    HttpRequest *req = task->req;
    const HttpField type = {STR("Content-Type"), result_media_types[task->q.format]};

    http_request_on_cancel(req, NULL, NULL);
    http_response_on_drained(req, NULL, NULL);
    mutex_done(&task->lock);
    if (status != STATUS_OK && task->streaming)
        http_response_abort(req);
    else if (status != STATUS_OK)
        rest_respond_error(req, err);
    else if (task->streaming) {
        (void)http_response_write(req, &out);
        http_response_end(req);
    } else {
        http_respond(req, 200, &type, 1, &out);
    }
}

static void run_task(PoolTask *pool_task)
{
    RestTask *task = LUMA_CONTAINER_OF(pool_task, RestTask, task);
    bool parked = false;
    Error err = {0};

    if (!task->session) {
        http_response_on_drained(task->req, on_drained, task);
        http_request_on_cancel(task->req, on_cancel, task);
    }
    Status status = advance(task, &parked, &err);
    if (parked)
        return;
    end_session(task);
    respond(task, status, &err);
}

void rest_query_run(RestApi *api, HttpRequest *req, const RestQuery *query)
{
    RestTask *task = ARENA_NEW(&req->arena, RestTask);

    task->task.run = run_task;
    task->api = api;
    task->req = req;
    task->q = *query;
    mutex_init(&task->lock);
    pool_submit(api->pool, &task->task);
}
