/* tail_api.c - a timer on the connection's loop looks whether something was written; a task of the
 * pool then reads what is newer than the last look, by LSN, and writes the events. */
#include "net/rest/tail_api.h"

#include <stdio.h>

#include "base/clock.h"
#include "format/json/json.h"
#include "net/rest/logs_api.h"

enum {
    PREDICATES_MAX = 5,
    TICK_NS = 200 * 1000 * 1000,
    PIECE_BYTES = 64 << 10,
};
static const int64_t keep_alive_ns = 15 * NS_PER_SEC;

typedef struct Tail {
    PoolTask task;
    LoopTask ended; /* the pool's part of a look is over */
    RestApi *api;
    HttpRequest *req;
    LoopTimer *timer;
    bool cancelled; /* atomic */
    bool busy;      /* loop: the pool has it */
    bool begun;     /* loop: seen_lsn is known and the answer's head has gone out */
    Lsn seen_lsn;   /* the pool's while busy */
    int64_t sent_ns;
    PgSettings settings;
    ScanPredicate predicates[PREDICATES_MAX];
    uint32_t predicate_count;
    Status status; /* of the last look */
    Error err;
} Tail;

static int tail_count; /* atomic */

/* ---------------------------------------------------------------- reading */

/* Writes the lines of NDJSON as events. */
static bool send_events(Tail *tail, Str lines)
{
    Buf out = {0};
    Str line;

    while (str_split(&lines, '\n', &line)) {
        if (line.len == 0)
            continue;
        buf_append_lit(&out, "data: ");
        buf_append_str(&out, line);
        buf_append_lit(&out, "\n\n");
    }
    return http_response_write(tail->req, &out);
}

static Status read_morsel(Tail *tail, Morsel *morsel, const Schema *schema, Arena *arena,
                          uint64_t *skipped, Error *err)
{
    ResultWriter writer;
    RecordBatch batch;
    CLEANUP(buf_done) Buf rows = {0};

    result_writer_begin(&writer, RESULT_NDJSON, schema, &tail->settings, NULL, &rows);
    for (;;) {
        arena_reset(arena);
        TRY(morsel_next(morsel, arena, &batch, err));
        if (batch.row_count == 0)
            break;
        if (http_response_is_slow(tail->req)) {
            *skipped += batch.row_count;
            continue;
        }
        TRY(result_writer_batch(&writer, &batch, &rows, err));
        if (rows.len >= PIECE_BYTES) {
            (void)send_events(tail, buf_str(&rows));
            buf_clear(&rows);
        }
    }
    (void)send_events(tail, buf_str(&rows));
    return STATUS_OK;
}

static Status read_rows(Tail *tail, Scan *scan, const Schema *schema, Error *err)
{
    uint64_t skipped = 0;
    Status status = STATUS_OK;
    Morsel *morsel;
    Arena arena;

    arena_init(&arena, NULL);
    while (status == STATUS_OK) {
        status = scan_next_morsel(scan, &morsel, err);
        if (status != STATUS_OK || !morsel)
            break;
        status = read_morsel(tail, morsel, schema, &arena, &skipped, err);
        (void)morsel_close(morsel);
    }
    arena_done(&arena);
    if (skipped) {
        Buf out = {0};
        buf_printf(&out, "event: skipped\ndata: {\"rows\": %llu}\n\n", (unsigned long long)skipped);
        (void)http_response_write(tail->req, &out);
    }
    return status;
}

static Status scan_news(Tail *tail, Snapshot *snapshot, Error *err)
{
    const Table *logs = snapshot_find_table(snapshot, STR("public"), STR("logs"));
    uint32_t count = logs->column_count;
    CLEANUP(arena_done) Arena arena;
    Scan *scan;

    arena_init(&arena, NULL);
    Field *fields = ARENA_NEW_ARRAY(&arena, Field, count);
    uint16_t *columns = ARENA_NEW_ARRAY(&arena, uint16_t, count);
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = (Field){.name = logs->columns[i].name, .type = logs->columns[i].type};
        columns[i] = (uint16_t)i;
    }
    const Schema schema = {fields, count};
    ScanSpec spec = {.table = logs,
                     .columns = columns,
                     .column_count = count,
                     .predicates = tail->predicates,
                     .predicate_count = tail->predicate_count,
                     .row_limit = INT64_MAX,
                     .after_lsn = tail->seen_lsn};
    TRY(engine_scan(snapshot, &spec, &scan, err));
    Status status = read_rows(tail, scan, &schema, err);
    (void)scan_free(scan);
    return status;
}

static void look(PoolTask *pool_task)
{
    Tail *tail = LUMA_CONTAINER_OF(pool_task, Tail, task);
    Snapshot *snapshot;

    tail->status = engine_snapshot(tail->api->engine, &snapshot, &tail->err);
    if (tail->status == STATUS_OK) {
        Lsn lsn = snapshot_lsn(snapshot);
        if (!tail->begun)
            tail->seen_lsn = lsn; /* the first look yields nothing, but checks the query */
        tail->status = scan_news(tail, snapshot, &tail->err);
        tail->seen_lsn = lsn;
        (void)snapshot_free(snapshot);
    }
    loop_post(tail->req->loop, &tail->ended);
}

/* ---------------------------------------------------------------- the loop's part */

/* The last of it; the request goes, and the Tail in it. */
static void finish(Tail *tail, bool cut)
{
    HttpRequest *req = tail->req;

    tail->timer = loop_timer_free(tail->timer);
    http_request_on_cancel(req, NULL, NULL);
    __atomic_fetch_sub(&tail_count, 1, __ATOMIC_RELAXED);
    if (!tail->begun)
        rest_respond_error(req, &tail->err);
    else if (cut)
        http_response_abort(req);
    else
        http_response_end(req);
}

static void submit(Tail *tail)
{
    tail->busy = true;
    pool_submit(tail->api->pool, &tail->task);
}

static void begin_answer(Tail *tail)
{
    const HttpField headers[] = {{STR("Content-Type"), STR("text/event-stream")},
                                 {STR("Cache-Control"), STR("no-store")}};
    Buf hello = {0};

    http_response_begin(tail->req, 200, headers, LUMA_ARRAY_LEN(headers), false);
    buf_append_lit(&hello, ": rows follow as they are stored\n\n");
    (void)http_response_write(tail->req, &hello);
    tail->begun = true;
}

static void on_look_ended(LoopTask *task)
{
    Tail *tail = LUMA_CONTAINER_OF(task, Tail, ended);

    tail->busy = false;
    if (tail->status != STATUS_OK) {
        finish(tail, true);
        return;
    }
    if (!tail->begun)
        begin_answer(tail);
    tail->sent_ns = loop_now_ns(tail->req->loop);
}

static void on_tick(void *ctx)
{
    Tail *tail = ctx;
    Loop *loop = tail->req->loop;

    if (tail->busy)
        return;
    if (__atomic_load_n(&tail->cancelled, __ATOMIC_RELAXED)) {
        finish(tail, true);
    } else if (loop_is_draining(loop)) {
        finish(tail, false);
    } else if (engine_visible_lsn(tail->api->engine) != tail->seen_lsn) {
        submit(tail);
    } else if (loop_now_ns(loop) - tail->sent_ns > keep_alive_ns) {
        Buf comment = {0};
        buf_append_lit(&comment, ": nothing new\n\n");
        (void)http_response_write(tail->req, &comment);
        tail->sent_ns = loop_now_ns(loop);
    }
}

static void on_cancel(void *ctx)
{
    Tail *tail = ctx;
    __atomic_store_n(&tail->cancelled, true, __ATOMIC_RELAXED);
}

/* ---------------------------------------------------------------- the request */

static uint16_t column_of(const Table *table, Str name)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (str_eq(table->columns[i].name, name))
            return (uint16_t)i;
    ASSERT(!"a built-in column is missing");
    return 0;
}

/* `type` is the constant's: the column's own, or text for matches(). */
static Status add_predicate(Tail *tail, const Table *logs, const char *column, ScanOp op, Type type,
                            Str value, Error *err)
{
    ScanPredicate *p = &tail->predicates[tail->predicate_count];

    if (!value.ptr)
        return STATUS_OK;
    *p = (ScanPredicate){.column = column_of(logs, str_from(column)), .op = op};
    TRY(pgtype_const_text(type, value, &tail->settings, 1, &tail->req->arena, &p->value, err));
    tail->predicate_count++;
    return STATUS_OK;
}

static Status read_predicates(Tail *tail, const Table *logs, Error *err)
{
    static const struct {
        const char *param;
        const char *column;
        ScanOp op;
    } texts[] = {
        {"service", "service", SCAN_EQ},
        {"trace_id", "trace_id", SCAN_EQ},
        {"query", "body", SCAN_MATCHES},
        {"attributes", "attributes", SCAN_MATCHES},
    };
    Str severity = http_request_value(tail->req, STR("severity"));
    int number;

    for (size_t i = 0; i < LUMA_ARRAY_LEN(texts); i++)
        TRY(add_predicate(tail, logs, texts[i].column, texts[i].op, TYPE_OF(TEXT),
                          http_request_value(tail->req, str_from(texts[i].param)), err));
    if (!severity.ptr)
        return STATUS_OK;
    TRY(logs_severity(severity, &number, err));
    char digits[16];
    int len = snprintf(digits, sizeof digits, "%d", number);
    return add_predicate(tail, logs, "severity_number", SCAN_GE, TYPE_OF(INT2),
                         (Str){digits, (size_t)len}, err);
}

static Status start(Tail *tail, Error *err)
{
    Snapshot *snapshot;

    pg_settings_init(&tail->settings);
    TRY(engine_snapshot(tail->api->engine, &snapshot, err));
    Status status =
        read_predicates(tail, snapshot_find_table(snapshot, STR("public"), STR("logs")), err);
    (void)snapshot_free(snapshot);
    TRY(status);
    if (__atomic_add_fetch(&tail_count, 1, __ATOMIC_RELAXED) > TAILS_MAX) {
        __atomic_fetch_sub(&tail_count, 1, __ATOMIC_RELAXED);
        return error_set(err, STATUS_UNAVAILABLE, "there are %d live tails already", TAILS_MAX);
    }
    return STATUS_OK;
}

static void on_tail(HttpRequest *req, void *ctx)
{
    Tail *tail = ARENA_NEW(&req->arena, Tail);
    Error err = {0};

    tail->task.run = look;
    tail->ended.run = on_look_ended;
    tail->api = ctx;
    tail->req = req;
    if (start(tail, &err) != STATUS_OK) {
        rest_respond_error(req, &err);
        return;
    }
    http_request_on_cancel(req, on_cancel, tail);
    tail->timer = loop_timer_new(req->loop, on_tick, tail);
    loop_timer_start(tail->timer, TICK_NS, TICK_NS);
    submit(tail);
}

void tail_api_register(RestApi *api, HttpRouter *router)
{
    http_router_add(router, &(HttpRoute){.methods = HTTP_GET,
                                         .pattern = "/api/v1/logs/tail",
                                         .role = ROLE_READ,
                                         .handler = on_tail,
                                         .ctx = api});
}
