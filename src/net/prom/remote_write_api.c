#include "net/prom/remote_write_api.h"

#include <inttypes.h>
#include <stdio.h>

#include "format/compress/compress.h"
#include "ingest/ingest.h"

enum {
    BODY_BYTES_MAX = 32 << 20,   /* as received */
    PLAIN_BYTES_MAX = 128 << 20, /* decompressed */
};

/* One request on its way: loop -> pool -> engine -> answer. Lives in the request's arena. */
typedef struct WriteTask {
    PoolTask task;
    RemoteWriteApi *api;
    HttpRequest *req;
    bool version_2;
    IngestTally tally;
} WriteTask;

static void respond_plain(HttpRequest *req, int status, const char *message, bool retry)
{
    Buf body = {0};
    const HttpField headers[] = {{STR("Content-Type"), STR("text/plain; charset=utf-8")},
                                 {STR("Retry-After"), STR("1")}};
    buf_printf(&body, "%s\n", message);
    http_respond(req, status, headers, retry ? 2 : 1, &body);
}

static void respond_error(HttpRequest *req, Status status, const Error *err)
{
    switch (status) {
    case STATUS_INVALID:
        respond_plain(req, 400, err->message, false);
        break;
    case STATUS_LIMIT:
    case STATUS_NOMEM:
    case STATUS_UNAVAILABLE:
    case STATUS_IO:
    case STATUS_TIMEOUT:
        respond_plain(req, 503, err->message, true);
        break;
    default:
        respond_plain(req, 500, err->message, false);
        break;
    }
}

static void respond_stored(HttpRequest *req, const IngestTally *tally)
{
    char counts[3][24];
    HttpField headers[] = {
        {STR("X-Prometheus-Remote-Write-Samples-Written"), {counts[0], 0}},
        {STR("X-Prometheus-Remote-Write-Histograms-Written"), {counts[1], 0}},
        {STR("X-Prometheus-Remote-Write-Exemplars-Written"), {counts[2], 0}},
        {STR("Content-Type"), STR("text/plain; charset=utf-8")},
    };
    const uint64_t values[] = {tally->samples, tally->histograms, tally->exemplars};

    for (int i = 0; i < 3; i++)
        headers[i].value.len = (size_t)snprintf(counts[i], sizeof counts[i], "%" PRIu64, values[i]);
    if (ingest_refused_total(tally) == 0) {
        http_respond(req, 204, headers, 3, NULL);
        return;
    }
    Buf body = {0};
    ingest_describe_refusals(tally, &body);
    buf_append_byte(&body, '\n');
    http_respond(req, 400, headers, 4, &body);
}

static void on_written(void *ctx, Status status, const Error *err, Lsn lsn)
{
    WriteTask *task = ctx;

    if (status == STATUS_OK)
        respond_stored(task->req, &task->tally);
    else
        respond_error(task->req, status, err);
}

/* Decompresses and decodes; on success the batch is ready. */
static Status decode(WriteTask *task, WriteBatch **ret_batch, Error *err)
{
    CLEANUP(buf_done) Buf plain = {0};
    WriteBatch *batch = NULL;

    Status status = compress_decode(CODEC_SNAPPY, task->req->body, PLAIN_BYTES_MAX, &plain, err);
    if (status != STATUS_OK) {
        error_prefix(err, "the body is not snappy block format within %d bytes", PLAIN_BYTES_MAX);
        return STATUS_INVALID;
    }
    TRY(write_batch_new(task->api->engine, &batch, err));
    status = task->version_2 ? remote_write2_decode(batch, buf_str(&plain), &task->tally, err)
                             : remote_write_decode(batch, buf_str(&plain), &task->tally, err);
    if (status != STATUS_OK) {
        write_batch_free(batch);
        return status;
    }
    *ret_batch = batch;
    return STATUS_OK;
}

static void run_task(PoolTask *pool_task)
{
    WriteTask *task = LUMA_CONTAINER_OF(pool_task, WriteTask, task);
    WriteBatch *batch;
    Error err;

    Status status = decode(task, &batch, &err);
    if (status != STATUS_OK) {
        respond_error(task->req, status, &err);
        return;
    }
    engine_write(task->api->engine, batch, on_written, task);
}

/* Content negotiation of the specification: the proto parameter says which message it is. */
static bool find_version(const HttpRequest *req, bool *ret_version_2)
{
    Str type = http_request_header(req, STR("Content-Type"));
    ptrdiff_t proto = str_find(type, STR("proto="));

    if (!http_request_is_type(req, STR("application/x-protobuf")))
        return false;
    *ret_version_2 = str_find(type, STR("proto=io.prometheus.write.v2.Request")) >= 0;
    return proto < 0 || *ret_version_2 || str_find(type, STR("proto=prometheus.WriteRequest")) >= 0;
}

static void on_write(HttpRequest *req, void *ctx)
{
    RemoteWriteApi *api = ctx;
    Str encoding = http_request_header(req, STR("Content-Encoding"));
    bool version_2;

    if (!find_version(req, &version_2)) {
        respond_plain(req, 415,
                      "remote write 1.0 and 2.0 are spoken here: Content-Type: "
                      "application/x-protobuf, with no proto parameter, "
                      "proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request",
                      false);
        return;
    }
    if (encoding.len && !str_eq_nocase(encoding, STR("snappy"))) {
        respond_plain(req, 415, "Content-Encoding must be snappy", false);
        return;
    }
    WriteTask *task = ARENA_NEW(&req->arena, WriteTask);
    task->task.run = run_task;
    task->api = api;
    task->req = req;
    task->version_2 = version_2;
    pool_submit(api->pool, &task->task);
}

void remote_write_api_register(RemoteWriteApi *api, HttpRouter *router)
{
    http_router_add(router, &(HttpRoute){.methods = HTTP_POST,
                                         .pattern = "/api/v1/write",
                                         .role = ROLE_WRITE,
                                         .flags = HTTP_ROUTE_RAW_BODY,
                                         .body_bytes_max = BODY_BYTES_MAX,
                                         .handler = on_write,
                                         .ctx = api});
}
