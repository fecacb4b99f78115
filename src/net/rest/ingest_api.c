/* ingest_api.c - bodies become COPY statements of one transaction, so that defaults, constraints
 * and types hold as in SQL. */
#include "net/rest/ingest_api.h"

#include "format/copy/copy.h"
#include "format/ipc/ipc_reader.h"
#include "net/rest/ndjson_rows.h"

enum {
    BODY_BYTES_MAX = 64 << 20,
    PIECE_BYTES = 256 << 10, /* handed to COPY at a time; between them a client may go away */
    CSV_COLUMNS_MAX = 1600,  /* of a table, as in PostgreSQL */
};

typedef struct IngestTask {
    PoolTask task;
    RestApi *api;
    HttpRequest *req;
    Str schema; /* of the table */
    Str name;
    const Table *table;
    Arena arena;
    MemBudget budget; /* of the arena */
    Session *session;
    uint64_t rows;
} IngestTask;

/* ---------------------------------------------------------------- COPY */

static void append_identifier(Buf *sql, Str name)
{
    buf_append_byte(sql, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            buf_append_byte(sql, '"');
        buf_append_byte(sql, (uint8_t)name.ptr[i]);
    }
    buf_append_byte(sql, '"');
}

static void append_copy(const IngestTask *task, const Str *columns, uint32_t count,
                        const char *options, Buf *sql)
{
    buf_append_lit(sql, "COPY ");
    append_identifier(sql, task->schema);
    buf_append_byte(sql, '.');
    append_identifier(sql, task->name);
    for (uint32_t i = 0; i < count; i++) {
        buf_append_str(sql, i ? STR(", ") : STR(" ("));
        append_identifier(sql, columns[i]);
    }
    buf_printf(sql, "%s FROM STDIN%s", count ? ")" : "", options);
}

/* "COPY 12" -> 12. */
static uint64_t tag_rows(Str tag)
{
    ptrdiff_t space = str_find_byte(tag, ' ');
    uint64_t rows = 0;

    if (space >= 0)
        (void)str_to_u64(str_sub(tag, (size_t)space + 1, tag.len), &rows);
    return rows;
}

typedef struct CopyRun {
    Script *script;
    Statement *statement;
    Query *query;
} CopyRun;

static void copy_run_done(CopyRun *run)
{
    run->query = query_free(run->query);
    run->statement = statement_free(run->statement);
    run->script = script_free(run->script);
}

static Status copy_begin(IngestTask *task, Str sql, CopyRun *run, Error *err)
{
    TRY(session_parse(task->session, sql, &run->script, err));
    TRY(statement_bind(task->session, run->script, 0, NULL, 0, &run->statement, err));
    return query_start(task->session, run->statement, NULL, 0, &run->query, err);
}

static Status copy_put(IngestTask *task, CopyRun *run, Str rows, Error *err)
{
    for (size_t at = 0; at < rows.len; at += PIECE_BYTES) {
        if (http_request_cancelled(task->req))
            return query_copy_fail(run->query, STR("the client went away"), err);
        TRY(query_copy_put(run->query, str_sub(rows, at, PIECE_BYTES), err));
    }
    return STATUS_OK;
}

static Status copy_end(IngestTask *task, CopyRun *run, Error *err)
{
    TRY(query_copy_end(run->query, err));
    task->rows += tag_rows(query_command_tag(run->query));
    return STATUS_OK;
}

static Status run_copy(IngestTask *task, Str sql, Str rows, Error *err)
{
    CLEANUP(copy_run_done) CopyRun run = {0};

    TRY(copy_begin(task, sql, &run, err));
    TRY(copy_put(task, &run, rows, err));
    return copy_end(task, &run, err);
}

/* ---------------------------------------------------------------- NDJSON */

/* COPY counts the lines it was given; tells which line of the body that was. */
static void name_line(const NdjsonGroup *group, Error *err)
{
    Str context = str_from(err ? err->context : "");
    ptrdiff_t at = str_find(context, STR("line "));
    uint64_t row = 0;

    if (at < 0)
        return;
    for (size_t i = (size_t)at + 5;
         i < context.len && context.ptr[i] >= '0' && context.ptr[i] <= '9'; i++)
        row = row * 10 + (uint64_t)(context.ptr[i] - '0');
    uint64_t line = ndjson_group_line(group, row - 1);
    err->context[0] = 0;
    if (line)
        error_prefix(err, "line %llu", (unsigned long long)line);
}

static Status copy_group(IngestTask *task, const NdjsonRows *rows, const NdjsonGroup *group,
                         Error *err)
{
    CLEANUP(buf_done) Buf sql = {0};
    Str *names = ARENA_NEW_ARRAY(&task->arena, Str, group->column_count);

    if (group->column_count == 0)
        return error_set(err, STATUS_INVALID, "line %llu: the object names no column",
                         (unsigned long long)ndjson_group_line(group, 0));
    for (uint32_t i = 0; i < group->column_count; i++)
        names[i] = rows->table->columns[group->columns[i]].name;
    append_copy(task, names, group->column_count, "", &sql);
    Status status = run_copy(task, buf_str(&sql), buf_str(&group->rows), err);
    if (status != STATUS_OK)
        name_line(group, err);
    return status;
}

static Status copy_groups(IngestTask *task, const NdjsonRows *rows, Error *err)
{
    for (uint32_t g = 0; g < rows->group_count; g++)
        TRY(copy_group(task, rows, rows->groups[g], err));
    return STATUS_OK;
}

static Status ingest_json(IngestTask *task, Error *err)
{
    NdjsonRows rows;

    ndjson_rows_init(&rows, task->table, &task->arena);
    Status status = ndjson_rows_read(&rows, task->req->body, err);
    if (status == STATUS_OK)
        status = copy_groups(task, &rows, err);
    ndjson_rows_done(&rows);
    return status;
}

/* ---------------------------------------------------------------- CSV */

/* The fields of the first line; RFC 4180. */
static Status read_csv_header(IngestTask *task, Str *ret_names, uint32_t *ret_count, Error *err)
{
    Str body = task->req->body;
    CLEANUP(buf_done) Buf field = {0};
    bool quoted = false;

    *ret_count = 0;
    for (size_t i = 0;; i++) {
        char c = i < body.len ? body.ptr[i] : '\n';
        if (quoted && i < body.len) {
            if (c != '"')
                buf_append_byte(&field, (uint8_t)c);
            else if (i + 1 < body.len && body.ptr[i + 1] == '"')
                buf_append_byte(&field, (uint8_t)body.ptr[++i]);
            else
                quoted = false;
            continue;
        }
        if (c == '"') {
            quoted = true;
        } else if (c == ',' || c == '\n' || c == '\r') {
            if (*ret_count == CSV_COLUMNS_MAX)
                return error_set(err, STATUS_LIMIT, "the first line names more than %d columns",
                                 CSV_COLUMNS_MAX);
            ret_names[(*ret_count)++] = arena_str(&task->arena, str_trim(buf_str(&field)));
            buf_clear(&field);
            if (c != ',')
                return STATUS_OK;
        } else {
            buf_append_byte(&field, (uint8_t)c);
        }
    }
}

static Status ingest_csv(IngestTask *task, Error *err)
{
    Str *names = ARENA_NEW_ARRAY(&task->arena, Str, CSV_COLUMNS_MAX);
    CLEANUP(buf_done) Buf sql = {0};
    uint32_t count;

    if (str_trim(task->req->body).len == 0)
        return error_set(err, STATUS_INVALID,
                         "the body is empty: its first line names the columns");
    TRY(read_csv_header(task, names, &count, err));
    append_copy(task, names, count, " (FORMAT csv, HEADER)", &sql);
    return run_copy(task, buf_str(&sql), task->req->body, err);
}

/* ---------------------------------------------------------------- Arrow */

static Status copy_batches(IngestTask *task, IpcReader *reader, CopyRun *run, Error *err)
{
    const CopyOptions format = copy_options_default(COPY_TEXT);
    uint32_t count = reader->schema.field_count;
    CopyColumn *columns = ARENA_NEW_ARRAY(&task->arena, CopyColumn, count);
    CLEANUP(buf_done) Buf rows = {0};
    PgSettings settings;
    CopyWriter writer;
    RecordBatch batch;

    pg_settings_init(&settings);
    for (uint32_t i = 0; i < count; i++)
        columns[i] = (CopyColumn){.name = reader->schema.fields[i].name,
                                  .type = reader->schema.fields[i].type};
    copy_writer_init(&writer, &format, columns, count, &settings, &task->arena);
    for (;;) {
        TRY(ipc_reader_next(reader, &task->arena, &batch, err));
        if (batch.row_count == 0)
            return copy_put(task, run, buf_str(&rows), err);
        for (uint32_t row = 0; row < batch.row_count; row++) {
            copy_writer_row(&writer, &batch, row, &rows);
            if (rows.len < PIECE_BYTES)
                continue;
            TRY(copy_put(task, run, buf_str(&rows), err));
            buf_clear(&rows);
        }
    }
}

static Status ingest_arrow(IngestTask *task, Error *err)
{
    CLEANUP(copy_run_done) CopyRun run = {0};
    CLEANUP(buf_done) Buf sql = {0};
    IpcReader reader;

    TRY(ipc_reader_open(&reader, task->req->body, &task->arena, err));
    uint32_t count = reader.schema.field_count;
    Str *names = ARENA_NEW_ARRAY(&task->arena, Str, count);
    for (uint32_t i = 0; i < count; i++)
        names[i] = reader.schema.fields[i].name;
    append_copy(task, names, count, "", &sql);
    TRY(copy_begin(task, buf_str(&sql), &run, err));
    TRY(copy_batches(task, &reader, &run, err));
    return copy_end(task, &run, err);
}

/* ---------------------------------------------------------------- the request */

typedef Status (*IngestFn)(IngestTask *task, Error *err);

static const struct {
    const char *type;
    IngestFn fn;
} bodies[] = {
    {"application/x-ndjson", ingest_json},
    {"application/jsonl", ingest_json},
    {"application/json", ingest_json},
    {"text/csv", ingest_csv},
    {"application/vnd.apache.arrow.stream", ingest_arrow},
};

static IngestFn find_body(const HttpRequest *req)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(bodies); i++)
        if (http_request_is_type(req, str_from(bodies[i].type)))
            return bodies[i].fn;
    return NULL;
}

static Status ingest_into(IngestTask *task, Snapshot *snapshot, Error *err)
{
    task->table = snapshot_find_table(snapshot, task->schema, task->name);
    if (!task->table)
        return error_set(err, STATUS_NOT_FOUND, "relation \"%.*s.%.*s\" does not exist",
                         STR_FMT(task->schema), STR_FMT(task->name));
    if (task->table->id == TABLE_ID_AUDIT_LOG)
        return error_set_sql(err, STATUS_DENIED, "42501", 0, "only the server writes audit_log");
    TRY(rest_session_new(task->api, task->req, &task->session, err));
    TRY(session_begin_implicit(task->session, err));
    Status status = find_body(task->req)(task, err);
    if (status == STATUS_OK)
        return session_end_implicit(task->session, true, err);
    (void)session_end_implicit(task->session, false, NULL);
    return status;
}

static Status ingest(IngestTask *task, Error *err)
{
    Snapshot *snapshot;

    TRY(engine_snapshot(task->api->engine, &snapshot, err));
    Status status = ingest_into(task, snapshot, err);
    (void)snapshot_free(snapshot);
    return status;
}

static void run_ingest(PoolTask *pool_task)
{
    IngestTask *task = LUMA_CONTAINER_OF(pool_task, IngestTask, task);
    HttpRequest *req = task->req;
    Error err = {0};

    Status status = ingest(task, &err);
    task->session = session_free(task->session);
    arena_done(&task->arena);
    if (status != STATUS_OK) {
        rest_respond_error(req, &err);
        return;
    }
    Buf body = {0};
    CLEANUP(buf_done) Buf name = {0};
    const HttpField type = {STR("Content-Type"), STR("application/json")};
    buf_printf(&name, "%.*s.%.*s", STR_FMT(task->schema), STR_FMT(task->name));
    buf_append_lit(&body, "{\"table\":");
    json_append_string(&body, buf_str(&name));
    buf_printf(&body, ",\"rows\":%llu}\n", (unsigned long long)task->rows);
    http_respond(req, 200, &type, 1, &body);
}

static void on_ingest(HttpRequest *req, void *ctx)
{
    IngestTask *task = ARENA_NEW(&req->arena, IngestTask);
    Str table = http_request_param(req, STR("table"));
    ptrdiff_t dot = str_find_byte(table, '.');

    if (!find_body(req)) {
        http_respond_error(req, 415,
                           "Content-Type is application/x-ndjson, application/json, text/csv or "
                           "application/vnd.apache.arrow.stream");
        return;
    }
    task->task.run = run_ingest;
    task->api = ctx;
    task->req = req;
    task->schema = dot < 0 ? STR("public") : str_sub(table, 0, (size_t)dot);
    task->name = dot < 0 ? table : str_sub(table, (size_t)dot + 1, table.len);
    query_engine_budget(task->api->queries, &task->budget);
    arena_init(&task->arena, &task->budget);
    pool_submit(task->api->pool, &task->task);
}

void ingest_api_register(RestApi *api, HttpRouter *router)
{
    http_router_add(router, &(HttpRoute){.methods = HTTP_POST,
                                         .pattern = "/api/v1/ingest/{table}",
                                         .role = ROLE_WRITE,
                                         .body_bytes_max = BODY_BYTES_MAX,
                                         .handler = on_ingest,
                                         .ctx = api});
}
