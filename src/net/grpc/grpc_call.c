/* grpc_call.c - a unary call: from an HTTP/2 request to its handler, and the answer back
 * (grpc/doc/PROTOCOL-HTTP2.md).
 *
 * A call lives in its request's arena and dies with it, on the loop. A failed call is answered by
 * "Trailers-Only": the status stands in the response's head, and there is no body.
 *
 * The deadline is kept by a timer of the loop: it answers in the handler's place and cancels the
 * request. The handler's own answer, whenever it comes, gives the memory back.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "net/grpc/grpc_int.h"

enum {
    /* Framing, and what gzip may add to bytes that do not compress. */
    BODY_EXCESS_BYTES = 64 << 10,
};

typedef struct Call {
    GrpcCall pub; /* first: handlers hold &pub */
    const GrpcMethod *method;
    GrpcReader reader;
    LoopTimer *deadline; /* NULL = none running */
} Call;

static const HttpField content_type = {STR_INIT("content-type"), STR_INIT("application/grpc")};
static const HttpField accept_encoding = {STR_INIT("grpc-accept-encoding"),
                                          STR_INIT("identity,gzip")};

/* ---- answers ---- */

static void answer_failure(HttpRequest *req, GrpcStatus status, int64_t retry_after_ms, Str message)
{
    HttpField fields[LUMA_ARRAY_LEN(((GrpcTrailers *)0)->fields) + 2] = {content_type};
    size_t count = 1;
    GrpcTrailers trailers;

    counter_add(COUNTER_GRPC_CALLS_FAILED, 1);
    grpc__trailers_init(&trailers, status, retry_after_ms, message);
    for (size_t i = 0; i < trailers.count; i++)
        fields[count++] = trailers.fields[i];
    if (status == GRPC_UNIMPLEMENTED)
        fields[count++] = accept_encoding;
    http_respond_trailers(req, 200, fields, count, NULL, NULL, 0);
    grpc__trailers_done(&trailers);
}

void grpc_respond(GrpcCall *call, Buf *take)
{
    static const HttpField trailer = {STR_INIT("grpc-status"), STR_INIT("0")};
    const HttpField headers[] = {content_type, accept_encoding};
    Buf body = {0};
    size_t len = take ? take->len : 0;

    ASSERT(len <= UINT32_MAX);
    (void)buf_reserve(&body, GRPC_FRAME_HEAD_BYTES + len);
    buf_append_byte(&body, 0);
    buf_append_be32(&body, (uint32_t)len);
    if (take) {
        buf_append_str(&body, buf_str(take));
        buf_done(take);
    }
    http_respond_trailers(call->http, 200, headers, LUMA_ARRAY_LEN(headers), &body, &trailer, 1);
}

void grpc_fail(GrpcCall *call, GrpcStatus status, int64_t retry_after_ms, const char *format, ...)
{
    char text[sizeof((Error *)0)->message];
    Error message;
    va_list args;

    ASSERT(status > GRPC_OK && status <= GRPC_UNAUTHENTICATED);
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* Cuts at the end of a character. */
    (void)error_set(&message, STATUS_INTERNAL, "%s", text);
    answer_failure(call->http, status, retry_after_ms, str_from(message.message));
}

void grpc_fail_status(GrpcCall *call, const Error *err)
{
    grpc_fail(call, grpc_status_of(err->status), -1, "%s", err->message);
}

/* ---- deadlines ---- */

static void on_deadline(void *ctx)
{
    Call *call = ctx;
    GrpcTrailers trailers;

    if (http_request_cancelled(call->pub.http))
        return;
    counter_add(COUNTER_GRPC_DEADLINES_EXCEEDED, 1);
    grpc__trailers_init(&trailers, GRPC_DEADLINE_EXCEEDED, -1, STR("the deadline is over"));
    grpc__trailers_add(&trailers, content_type.name, content_type.value);
    http_request_preempt(call->pub.http, 200, trailers.fields, trailers.count);
    grpc__trailers_done(&trailers);
}

/* False when it is over already; then the call was answered. */
static bool start_deadline(Call *call)
{
    HttpRequest *req = call->pub.http;
    int64_t left_ns = call->pub.deadline_mono_ns - clock_mono_ns();

    if (!call->pub.deadline_mono_ns)
        return true;
    if (left_ns <= 0) {
        counter_add(COUNTER_GRPC_DEADLINES_EXCEEDED, 1);
        answer_failure(req, GRPC_DEADLINE_EXCEEDED, -1, STR("the deadline is over"));
        return false;
    }
    call->deadline = loop_timer_new(req->loop, on_deadline, call);
    loop_timer_start(call->deadline, left_ns, 0);
    return true;
}

/* ---- requests ---- */

/* "application/grpc", "application/grpc+proto", either with parameters. */
static bool is_grpc(const HttpRequest *req)
{
    return http_request_is_type(req, STR("application/grpc")) ||
           http_request_is_type(req, STR("application/grpc+proto"));
}

static void free_call(void *ctx)
{
    Call *call = ctx;

    grpc__reader_done(&call->reader);
    call->deadline = loop_timer_free(call->deadline);
}

/* Reads the head; NULL when it was refused. */
static Call *open_call(HttpRequest *req)
{
    const GrpcMethod *method = req->route_ctx;
    Str encoding = http_request_header(req, STR("grpc-encoding"));
    Str timeout = http_request_header(req, STR("grpc-timeout"));
    int64_t timeout_ns = 0;

    if (!req->http2) {
        http_respond_error(req, 505, "gRPC needs HTTP/2");
        return NULL;
    }
    if (!is_grpc(req)) {
        http_respond_error(req, 415, "this path takes gRPC calls: application/grpc");
        return NULL;
    }
    if (timeout.ptr && !grpc__parse_timeout(timeout, &timeout_ns)) {
        answer_failure(req, GRPC_INTERNAL, -1, STR("malformed grpc-timeout"));
        return NULL;
    }
    if (encoding.len && !str_eq(encoding, STR("identity")) && !str_eq(encoding, STR("gzip"))) {
        answer_failure(req, GRPC_UNIMPLEMENTED, -1, STR("messages may be coded identity or gzip"));
        return NULL;
    }
    Call *call = ARENA_NEW(&req->arena, Call);
    call->pub.http = req;
    call->method = method;
    call->reader.message_bytes_max = method->message_bytes_max;
    call->reader.gzip = str_eq(encoding, STR("gzip"));
    if (timeout.ptr && timeout_ns < INT64_MAX / 2)
        call->pub.deadline_mono_ns = req->received_ns + timeout_ns;
    arena_on_cleanup(&req->arena, free_call, call);
    req->reader = call;
    return call;
}

static bool on_body(HttpRequest *req, Str bytes, Buf *body)
{
    Call *call = req->reader ? req->reader : open_call(req);
    Error err;

    if (!call)
        return false;
    GrpcStatus status = grpc__reader_add(&call->reader, bytes, body, &err);
    if (status == GRPC_OK)
        return true;
    answer_failure(req, status, -1, str_from(err.message));
    return false;
}

static void on_request(HttpRequest *req, void *ctx)
{
    Call *call = req->reader ? req->reader : open_call(req);
    Error err;

    if (!call)
        return;
    GrpcStatus status = grpc__reader_finish(&call->reader, &err);
    if (status != GRPC_OK) {
        answer_failure(req, status, -1, str_from(err.message));
        return;
    }
    call->pub.message = req->body;
    if (!start_deadline(call))
        return;
    counter_add(COUNTER_GRPC_CALLS, 1);
    call->method->handler(&call->pub, call->method->ctx);
}

/* ---- methods ---- */

/* What the server refuses by itself, in words that a gRPC client understands. */
static bool on_refuse(HttpRequest *req, int status, Str message, int retry_after_s)
{
    if (!req->http2 || !is_grpc(req))
        return false;
    answer_failure(req, grpc__status_of_http(status),
                   retry_after_s >= 0 ? (int64_t)retry_after_s * 1000 : -1, message);
    return true;
}

void grpc_add(HttpRouter *router, const GrpcMethod *method)
{
    GrpcMethod *copy = ARENA_NEW(http_router_arena(router), GrpcMethod);

    *copy = *method;
    http_router_on_refuse(router, on_refuse);
    http_router_add(router,
                    &(HttpRoute){.methods = HTTP_POST,
                                 .pattern = method->path,
                                 .role = method->role,
                                 .flags = HTTP_ROUTE_RAW_BODY | method->flags,
                                 .body_bytes_max = method->message_bytes_max + BODY_EXCESS_BYTES,
                                 .on_body = on_body,
                                 .handler = on_request,
                                 .ctx = copy});
}
