/* grpc.h - gRPC servers: unary calls over the HTTP/2 of net/http.
 *
 *   grpc_add(router, &(GrpcMethod){.path = "/grpc.health.v1.Health/Check", .role = ROLE_NONE,
 *                                  .message_bytes_max = 4096, .handler = on_check, .ctx = health});
 *
 * A handler runs on the connection's loop thread when the request message is complete and
 * decompressed. It answers at once, or keeps the call and answers later from any thread; exactly
 * once, by grpc_respond or grpc_fail, which gives the call back: do not touch it afterwards. It
 * stays valid until then even if the client is gone or the deadline is over; answers are dropped
 * then. http_request_on_cancel(call->http, ...) tells of both.
 *
 * Before a handler runs the caller has been judged as for HTTP (call->http->principal is who asks),
 * and malformed, oversized or wrongly encoded messages were refused, in gRPC's words. The rules are
 * in docs/http.md.
 */
#ifndef LUMA_NET_GRPC_GRPC_H
#define LUMA_NET_GRPC_GRPC_H

#include "net/http/http.h"

/* The status codes of gRPC; the numbers are the protocol's. */
typedef enum GrpcStatus {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
} GrpcStatus;

/* A call under way. The fields may be read by the thread that holds the call. */
typedef struct GrpcCall {
    HttpRequest *http;        /* metadata are its headers; its arena lives as long as the call */
    Str message;              /* the request message, whole and decompressed; lives likewise */
    int64_t deadline_mono_ns; /* clock_mono_ns when the client gives up; 0 = none */
} GrpcCall;

typedef void (*GrpcHandler)(GrpcCall *call, void *ctx);

typedef struct GrpcMethod {
    const char *path;         /* "/package.Service/Method"; static text */
    Role role;                /* least role; ROLE_NONE = any known user */
    unsigned flags;           /* HTTP_ROUTE_NO_AUTH or 0 */
    size_t message_bytes_max; /* decompressed; over it RESOURCE_EXHAUSTED */
    GrpcHandler handler;
    void *ctx;
} GrpcMethod;

/* Copies *method. From the first one on, everything that the router's servers refuse is worded for
 * gRPC where the client speaks it. Before the first server starts. */
void grpc_add(HttpRouter *router, const GrpcMethod *method);
/* Adds grpc.health.v1.Health/Check, open to everybody: SERVING for "" and each of `services`
 * (NULL-terminated, borrowed, "package.Service") until the server drains, NOT_FOUND for others. */
void grpc_add_health(HttpRouter *router, const char *const *services);

/* The answer: one message, status OK. Takes the bytes (NULL = the empty message). */
void grpc_respond(GrpcCall *call, Buf *take);
/* The call failed. `retry_after_ms` >= 0 adds google.rpc.RetryInfo: come back after that time; -1 =
 * none. */
void grpc_fail(GrpcCall *call, GrpcStatus status, int64_t retry_after_ms, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* As grpc_fail with the status that suits (grpc_status_of) and err's message. */
void grpc_fail_status(GrpcCall *call, const Error *err);
/* INVALID INVALID_ARGUMENT, DENIED PERMISSION_DENIED, NOT_FOUND NOT_FOUND, EXISTS ALREADY_EXISTS,
 * CONFLICT ABORTED, LIMIT NOMEM RESOURCE_EXHAUSTED, UNAVAILABLE UNAVAILABLE, TIMEOUT
 * DEADLINE_EXCEEDED, CANCELLED CANCELLED, UNSUPPORTED UNIMPLEMENTED, others INTERNAL. */
GrpcStatus grpc_status_of(Status status);

#endif
