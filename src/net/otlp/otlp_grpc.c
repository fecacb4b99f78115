#include "net/otlp/otlp_grpc.h"

#include "net/grpc/grpc.h"
#include "net/otlp/otlp_answer.h"

enum { RETRY_MS = 1000 };

#define PACKAGE "opentelemetry.proto.collector."

/* One call on its way: loop -> pool -> engine -> answer. Lives in the call's arena. */
typedef struct ExportCall {
    PoolTask task;
    OtlpApi *api;
    GrpcCall *call;
    OtlpWrite write;
} ExportCall;

static void on_written(OtlpWrite *write, Status status, const Error *err)
{
    ExportCall *export = LUMA_CONTAINER_OF(write, ExportCall, write);
    GrpcCall *call = export->call;
    int code = otlp__code_of(status);
    Buf body = {0};

    if (status == STATUS_OK)
        otlp__append_response(write, false, &body);
    otlp_write_done(write);
    if (status == STATUS_OK)
        grpc_respond(call, &body);
    else
        grpc_fail(call, (GrpcStatus)code, code == GRPC_UNAVAILABLE ? RETRY_MS : -1, "%s",
                  err ? err->message : "the write failed");
}

static void run_task(PoolTask *pool_task)
{
    ExportCall *export = LUMA_CONTAINER_OF(pool_task, ExportCall, task);
    otlp_write(export->api->ingest, &export->write);
}

static void start(GrpcCall *call, OtlpApi *api, OtlpSignal signal)
{
    ExportCall *export = ARENA_NEW(&call->http->arena, ExportCall);

    export->task.run = run_task;
    export->api = api;
    export->call = call;
    export->write = (OtlpWrite){.signal = signal, .message = call->message, .on_done = on_written};
    pool_submit(api->pool, &export->task);
}

static void on_metrics(GrpcCall *call, void *ctx)
{
    start(call, ctx, OTLP_METRICS);
}

static void on_logs(GrpcCall *call, void *ctx)
{
    start(call, ctx, OTLP_LOGS);
}

static void on_traces(GrpcCall *call, void *ctx)
{
    start(call, ctx, OTLP_TRACES);
}

static void add_method(HttpRouter *router, const char *path, GrpcHandler handler, OtlpApi *api)
{
    grpc_add(router, &(GrpcMethod){.path = path,
                                   .role = ROLE_WRITE,
                                   .message_bytes_max = OTLP_MESSAGE_BYTES_MAX,
                                   .handler = handler,
                                   .ctx = api});
}

void otlp_grpc_register(OtlpApi *api, HttpRouter *router)
{
    static const char *const services[] = {PACKAGE "metrics.v1.MetricsService",
                                           PACKAGE "logs.v1.LogsService",
                                           PACKAGE "trace.v1.TraceService", NULL};

    add_method(router, "/" PACKAGE "metrics.v1.MetricsService/Export", on_metrics, api);
    add_method(router, "/" PACKAGE "logs.v1.LogsService/Export", on_logs, api);
    add_method(router, "/" PACKAGE "trace.v1.TraceService/Export", on_traces, api);
    grpc_add_health(router, services);
}
