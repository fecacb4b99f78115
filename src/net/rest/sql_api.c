/* sql_api.c - a request is one task of the query pool: parse, bind, run, encode, write.
 *
 * Answers up to BUFFER_BYTES go out whole; larger ones are streamed, and a slow client makes the
 * task wait. The client's going away cancels the query that runs.
 */
#include "net/rest/sql_api.h"

#include "base/clock.h"
#include "base/counter.h"
#include "format/json/json.h"
#include "net/rest/result_writer.h"

enum {
    BUFFER_BYTES = 256 << 10,
    BODY_BYTES_MAX = 16 << 20,
    PARAMS_MAX = 1024,
};

typedef struct SqlTask {
    PoolTask task;
    SqlApi *api;
    HttpRequest *req;
    ResultFormat format;
    Str sql;
    Str params[PARAMS_MAX]; /* ptr NULL = NULL */
    uint32_t param_count;
    Mutex lock;
    Query *running; /* guarded by lock */
    bool cancelled; /* guarded by lock */
    bool streaming; /* the head of the answer has gone out */
} SqlTask;

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

static void respond_error(HttpRequest *req, const Error *err)
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
    buf_printf(&body, ",\"status\":%d}\n", status);
    http_respond(req, status, headers, status == 503 ? 2 : 1, &body);
}

/* ---------------------------------------------------------------- the request */

static Status read_params(SqlTask *task, JsonReader *r, Error *err)
{
    JsonToken token;

    TRY(json_next(r, &token, err));
    if (token.kind != JSON_TOKEN_ARRAY)
        return error_set(err, STATUS_INVALID, "\"params\" is an array of texts");
    for (;;) {
        TRY(json_next(r, &token, err));
        if (token.kind == JSON_TOKEN_ARRAY_END)
            return STATUS_OK;
        if (task->param_count == PARAMS_MAX)
            return error_set(err, STATUS_LIMIT, "more than %d parameters", PARAMS_MAX);
        Str *param = &task->params[task->param_count++];
        switch (token.kind) {
        case JSON_TOKEN_NULL:
            *param = (Str){0};
            break;
        case JSON_TOKEN_STRING:
            *param = arena_str(&task->req->arena, json_unescape(&token, &task->req->arena));
            break;
        case JSON_TOKEN_NUMBER:
            *param = token.text;
            break;
        case JSON_TOKEN_TRUE:
        case JSON_TOKEN_FALSE:
            *param = token.kind == JSON_TOKEN_TRUE ? STR("true") : STR("false");
            break;
        default:
            return error_set(err, STATUS_INVALID, "a parameter is a text, number, boolean or null");
        }
    }
}

static Status read_json_body(SqlTask *task, Error *err)
{
    JsonReader r = json_reader(task->req->body);
    JsonToken token;

    TRY(json_next(&r, &token, err));
    if (token.kind != JSON_TOKEN_OBJECT)
        return error_set(err, STATUS_INVALID, "the body is a JSON object with \"query\"");
    for (;;) {
        TRY(json_next(&r, &token, err));
        if (token.kind == JSON_TOKEN_OBJECT_END)
            break;
        Str key = json_unescape(&token, &task->req->arena);
        if (str_eq(key, STR("params"))) {
            TRY(read_params(task, &r, err));
            continue;
        }
        TRY(json_next(&r, &token, err));
        if (str_eq(key, STR("query")) && token.kind == JSON_TOKEN_STRING)
            task->sql = json_unescape(&token, &task->req->arena);
        else
            return error_set(err, STATUS_INVALID,
                             "the body has a member \"%.*s\"; expected are \"query\" (a text) and "
                             "\"params\" (an array)",
                             (int)LUMA_MIN(key.len, 100), key.ptr);
    }
    return json_next(&r, &token, err);
}

static Status read_request(SqlTask *task, Error *err)
{
    HttpRequest *req = task->req;
    Str format = http_request_value(req, STR("format"));

    if (format.ptr) {
        if (!result_format_parse(format, &task->format))
            return error_set(err, STATUS_INVALID, "format is json, csv, ndjson or arrow");
    } else {
        int choice = http_request_accept(req, result_media_types, RESULT_FORMAT_COUNT_);
        task->format = choice < 0 ? RESULT_JSON : (ResultFormat)choice;
    }
    if (http_request_is_type(req, STR("application/json")))
        return read_json_body(task, err);
    if (req->body.len == 0)
        task->sql = http_request_value(req, STR("query"));
    else
        task->sql = req->body;
    /* curl -d labels plain SQL as a form; it is one only when it says query=. */
    if (http_request_is_type(req, STR("application/x-www-form-urlencoded")) &&
        str_starts(req->body, STR("query=")))
        task->sql = http_request_value(req, STR("query"));
    if (!task->sql.ptr)
        return error_set(err, STATUS_INVALID, "the request holds no SQL: send it as the body");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- running */

static void on_cancel(void *ctx)
{
    SqlTask *task = ctx;
    MUTEX_GUARD(&task->lock);
    task->cancelled = true;
    if (task->running)
        query_cancel(task->running);
}

static void set_running(SqlTask *task, Query *query)
{
    MUTEX_GUARD(&task->lock);
    task->running = query;
    if (query && task->cancelled)
        query_cancel(query);
}

/* Sends what is buffered when it is enough to be streamed. */
static Status send_full_buffer(SqlTask *task, Buf *out, Error *err)
{
    if (out->len < BUFFER_BYTES)
        return STATUS_OK;
    if (!task->streaming) {
        const HttpField type = {STR("Content-Type"), result_media_types[task->format]};
        http_response_begin(task->req, 200, &type, 1, task->format != RESULT_ARROW);
        task->streaming = true;
    }
    if (!http_response_write(task->req, out))
        return http_response_wait(task->req, INT64_MAX, err);
    return STATUS_OK;
}

static Status stream_batches(SqlTask *task, Query *query, const Schema *schema, bool last,
                             const PgSettings *settings, Buf *out, Error *err)
{
    ResultWriter writer;
    RecordBatch batch;

    if (last)
        result_writer_begin(&writer, task->format, schema, settings, out);
    for (;;) {
        TRY(query_next(query, &batch, err));
        if (batch.row_count == 0)
            break;
        if (!last)
            continue;
        TRY(result_writer_batch(&writer, &batch, out, err));
        TRY(send_full_buffer(task, out, err));
    }
    if (last)
        result_writer_end(&writer, query_command_tag(query), out);
    return STATUS_OK;
}

/* Texts become columns of the types that the statement wants. */
static Status make_params(SqlTask *task, const Statement *statement, const PgSettings *settings,
                          Column **ret_params, uint32_t *ret_count, Error *err)
{
    Arena *arena = &task->req->arena;
    uint32_t count;
    const Type *types = statement_param_types(statement, &count);

    if (count != task->param_count)
        return error_set_sql(err, STATUS_INVALID, "08P01", 0,
                             "the statement has %u parameters, %u were sent", count,
                             task->param_count);
    Column *columns = ARENA_NEW_ARRAY(arena, Column, count);
    for (uint32_t i = 0; i < count; i++) {
        if (task->params[i].ptr)
            TRY(pgtype_const_text(types[i], task->params[i], settings, 1, arena, &columns[i], err));
        else
            TRY(column_init_null(&columns[i], arena, types[i], 1, err));
    }
    *ret_params = columns;
    *ret_count = count;
    return STATUS_OK;
}

static Status run_statement(SqlTask *task, Session *session, const Script *script, uint32_t idx,
                            const PgSettings *settings, Buf *out, Error *err)
{
    bool last = idx + 1 == script_count(script);
    Statement *statement = NULL;
    Query *query = NULL;
    Column *params = NULL;
    uint32_t param_count = 0;

    TRY(statement_bind(session, script, idx, NULL, 0, &statement, err));
    Status status = make_params(task, statement, settings, &params, &param_count, err);
    if (status == STATUS_OK)
        status = query_start(session, statement, params, param_count, &query, err);
    if (status == STATUS_OK) {
        set_running(task, query);
        status = stream_batches(task, query, statement_schema(statement), last, settings, out, err);
        set_running(task, NULL);
    }
    query_free(query);
    statement_free(statement);
    return status;
}

static Status run_script(SqlTask *task, Session *session, Buf *out, Error *err)
{
    static const char *const names[] = {"DateStyle", "IntervalStyle", "TimeZone",
                                        "extra_float_digits", "bytea_output"};
    Script *script = NULL;
    PgSettings settings;
    Str value;

    pg_settings_init(&settings);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (session_setting(session, str_from(names[i]), &value))
            TRY(pg_settings_set(&settings, str_from(names[i]), value, err));
    TRY(session_parse(session, task->sql, &script, err));
    uint32_t count = script_count(script);
    Status status = count ? session_begin_implicit(session, err)
                          : error_set_sql(err, STATUS_INVALID, "42601", 0, "there is no statement");
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        status = run_statement(task, session, script, i, &settings, out, err);
    if (count) {
        Status end =
            session_end_implicit(session, status == STATUS_OK, status == STATUS_OK ? err : NULL);
        status = status == STATUS_OK ? end : status;
    }
    script_free(script);
    return status;
}

static Status run_session(SqlTask *task, Buf *out, Error *err)
{
    const Principal *who = &task->req->principal;
    Session *session = NULL;
    SessionOptions options = {
        .user = who->user[0] ? str_from(who->user) : STR("anonymous"),
        .database = STR("lumadb"),
        .application_name = STR("rest"),
        .role = who->role,
    };

    TRY(session_new(task->api->queries, &options, &session, err));
    Status status = run_script(task, session, out, err);
    session_free(session);
    return status;
}

static void respond(SqlTask *task, Status status, Buf *out, const Error *err)
{
    HttpRequest *req = task->req;
    const HttpField type = {STR("Content-Type"), result_media_types[task->format]};

    http_request_on_cancel(req, NULL, NULL);
    mutex_done(&task->lock);
    if (status != STATUS_OK && task->streaming)
        http_response_abort(req);
    else if (status != STATUS_OK)
        respond_error(req, err);
    else if (task->streaming) {
        (void)http_response_write(req, out);
        http_response_end(req);
    } else {
        http_respond(req, 200, &type, 1, out);
    }
}

static void run_task(PoolTask *pool_task)
{
    SqlTask *task = LUMA_CONTAINER_OF(pool_task, SqlTask, task);
    CLEANUP(buf_done) Buf out = {0};
    Error err = {0};

    http_request_on_cancel(task->req, on_cancel, task);
    Status status = run_session(task, &out, &err);
    respond(task, status, &out, &err);
}

static void on_sql(HttpRequest *req, void *ctx)
{
    SqlTask *task = ARENA_NEW(&req->arena, SqlTask);
    Error err = {0};

    task->task.run = run_task;
    task->api = ctx;
    task->req = req;
    if (read_request(task, &err) != STATUS_OK) {
        respond_error(req, &err);
        return;
    }
    mutex_init(&task->lock);
    pool_submit(task->api->pool, &task->task);
}

void sql_api_register(SqlApi *api, HttpRouter *router)
{
    http_router_add(router, &(HttpRoute){.methods = HTTP_POST,
                                         .pattern = "/api/v1/sql",
                                         .role = ROLE_READ,
                                         .body_bytes_max = BODY_BYTES_MAX,
                                         .handler = on_sql,
                                         .ctx = api});
}
