#include "net/otlp/otlp_api.h"

#include "net/otlp/otlp_answer.h"

static const Str json_type = STR_INIT("application/json");
static const Str protobuf_type = STR_INIT("application/x-protobuf");

/* One request on its way: loop -> pool -> engine -> answer. Lives in the request's arena. */
typedef struct ExportTask {
    PoolTask task;
    OtlpApi *api;
    HttpRequest *req;
    OtlpWrite write;
} ExportTask;

static void respond(HttpRequest *req, int status, bool json, bool retry, Buf *take)
{
    const HttpField headers[] = {{STR("Content-Type"), json ? json_type : protobuf_type},
                                 {STR("Retry-After"), STR("1")}};
    http_respond(req, status, headers, retry ? 2 : 1, take);
}

static void respond_error(HttpRequest *req, bool json, Status status, const Error *err)
{
    int code = otlp__code_of(status);
    int http_status = code == 3 ? 400 : code == 14 ? 503 : 500;
    Buf body = {0};

    otlp__append_status(code, str_from(err ? err->message : "the write failed"), json, &body);
    respond(req, http_status, json, http_status == 503, &body);
}

static void on_written(OtlpWrite *write, Status status, const Error *err)
{
    ExportTask *task = LUMA_CONTAINER_OF(write, ExportTask, write);
    HttpRequest *req = task->req;
    bool json = write->json;
    Buf body = {0};

    if (status == STATUS_OK)
        otlp__append_response(write, json, &body);
    otlp_write_done(write);
    if (status == STATUS_OK)
        respond(req, 200, json, false, &body);
    else
        respond_error(req, json, status, err);
}

static void run_task(PoolTask *pool_task)
{
    ExportTask *task = LUMA_CONTAINER_OF(pool_task, ExportTask, task);
    otlp_write(task->api->ingest, &task->write);
}

static void start(HttpRequest *req, OtlpApi *api, OtlpSignal signal)
{
    bool json = http_request_is_type(req, json_type);

    if (!json && !http_request_is_type(req, protobuf_type)) {
        Buf body = {0};
        otlp__append_status(3,
                            STR("OTLP is spoken here in application/x-protobuf and "
                                "application/json; another Content-Type was sent"),
                            true, &body);
        respond(req, 415, true, false, &body);
        return;
    }
    ExportTask *task = ARENA_NEW(&req->arena, ExportTask);
    task->task.run = run_task;
    task->api = api;
    task->req = req;
    task->write =
        (OtlpWrite){.signal = signal, .json = json, .message = req->body, .on_done = on_written};
    pool_submit(api->pool, &task->task);
}

static void on_metrics(HttpRequest *req, void *ctx)
{
    start(req, ctx, OTLP_METRICS);
}

static void on_logs(HttpRequest *req, void *ctx)
{
    start(req, ctx, OTLP_LOGS);
}

static void on_traces(HttpRequest *req, void *ctx)
{
    start(req, ctx, OTLP_TRACES);
}

/* What the server itself refuses, before the request's encoding is looked at. */
static Str write_error(int status, Str message, Buf *body)
{
    int code = status == 401                    ? 16 /* UNAUTHENTICATED */
               : status == 403                  ? 7  /* PERMISSION_DENIED */
               : status == 404 || status == 405 ? 12 /* UNIMPLEMENTED */
               : status >= 500                  ? 14 /* UNAVAILABLE */
                                                : 3;                  /* INVALID_ARGUMENT */
    otlp__append_status(code, message, true, body);
    return json_type;
}

static void add_route(HttpRouter *router, const char *pattern, HttpHandler handler, OtlpApi *api)
{
    http_router_add(router, &(HttpRoute){.methods = HTTP_POST,
                                         .pattern = pattern,
                                         .role = ROLE_WRITE,
                                         .body_bytes_max = OTLP_MESSAGE_BYTES_MAX,
                                         .handler = handler,
                                         .ctx = api});
}

void otlp_api_register(OtlpApi *api, HttpRouter *router)
{
    add_route(router, "/v1/metrics", on_metrics, api);
    add_route(router, "/v1/logs", on_logs, api);
    add_route(router, "/v1/traces", on_traces, api);
    http_router_on_error(router, "/v1/", write_error);
}

void otlp_api_register_prometheus(OtlpApi *api, HttpRouter *router)
{
    add_route(router, "/api/v1/otlp/v1/metrics", on_metrics, api);
    http_router_on_error(router, "/api/v1/otlp/", write_error);
}
