/* grpc_health.c - grpc.health.v1.Health/Check (grpc/doc/health-checking.md). Watch, which streams,
 * is answered UNIMPLEMENTED, as the document allows. */
#include "format/protobuf/protobuf.h"
#include "net/grpc/grpc_int.h"

enum {
    MESSAGE_BYTES_MAX = 4096,
    SERVING = 1, /* HealthCheckResponse.ServingStatus */
    NOT_SERVING = 2,
};

static bool is_known(const char *const *services, Str service)
{
    if (!service.len)
        return true;
    for (; services && *services; services++)
        if (str_eq(str_from(*services), service))
            return true;
    return false;
}

static void on_check(GrpcCall *call, void *ctx)
{
    const char *const *services = *(const char *const **)ctx;
    PbReader r = pb_reader(call->message);
    PbField field;
    Str service = {0};
    Buf answer = {0};

    while (pb_next(&r, &field))
        if (field.number == 1 && field.wire == PB_BYTES)
            service = field.bytes;
    if (r.failed) {
        grpc_fail(call, GRPC_INVALID_ARGUMENT, -1, "the message is no HealthCheckRequest");
        return;
    }
    if (!is_known(services, service)) {
        grpc_fail(call, GRPC_NOT_FOUND, -1, "unknown service");
        return;
    }
    pb_put_varint(&answer, 1, loop_is_draining(call->http->loop) ? NOT_SERVING : SERVING);
    grpc_respond(call, &answer);
}

void grpc_add_health(HttpRouter *router, const char *const *services)
{
    const char *const **ctx = arena_dup(http_router_arena(router), &services, sizeof services);

    grpc_add(router, &(GrpcMethod){.path = "/grpc.health.v1.Health/Check",
                                   .flags = HTTP_ROUTE_NO_AUTH,
                                   .message_bytes_max = MESSAGE_BYTES_MAX,
                                   .handler = on_check,
                                   .ctx = ctx});
}
