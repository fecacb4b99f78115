/* grpc_test.c - unary calls as a client of HTTP/2 sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/thread.h"
#include "format/protobuf/protobuf.h"
#include "http2_client.h"
#include "net/grpc/grpc_int.h"

enum { ECHO_BYTES_MAX = 24 << 20 };

typedef struct World {
    Loops *loops;
    Pool *pool;
    HttpRouter *router;
    HttpServer *server;
    MemBudget budget;
    Mutex lock;
    Cond changed;
    bool held;      /* guarded by lock: a handler has the call */
    bool cancelled; /* guarded by lock: it heard that it is over */
    GrpcCall *call; /* guarded by lock: the one held */
} World;

static World world;

/* ---- what the server serves ---- */

static void on_echo(GrpcCall *call, void *ctx)
{
    Buf answer = {0};

    buf_append_str(&answer, call->message);
    grpc_respond(call, &answer);
}

static void on_whoami(GrpcCall *call, void *ctx)
{
    Buf answer = {0};

    buf_append_str(&answer, str_from(call->http->principal.user));
    grpc_respond(call, &answer);
}

static void on_busy(GrpcCall *call, void *ctx)
{
    grpc_fail(call, GRPC_UNAVAILABLE, 1500, "at 100%%,\n\xc3\xa4gain");
}

static void on_over(void *ctx)
{
    MUTEX_GUARD(&world.lock);
    world.cancelled = true;
    cond_broadcast(&world.changed);
}

/* Keeps the call until the test answers it. */
static void on_hold(GrpcCall *call, void *ctx)
{
    http_request_on_cancel(call->http, on_over, NULL);
    MUTEX_GUARD(&world.lock);
    world.call = call;
    world.held = true;
    cond_broadcast(&world.changed);
}

static void wait_for(const bool *what)
{
    MUTEX_GUARD(&world.lock);
    while (!*what)
        cond_wait(&world.changed, &world.lock);
}

static bool on_login(void *ctx, AccessCheck *check)
{
    const Credentials *c = &check->credentials;

    check->verdict = ACCESS_UNAUTHENTICATED;
    if (c->kind == CREDENTIAL_BEARER && str_eq(c->secret, STR("write"))) {
        check->verdict = ACCESS_GRANTED;
        check->principal = (Principal){"writer", ROLE_WRITE};
    } else if (c->kind == CREDENTIAL_BEARER && str_eq(c->secret, STR("read"))) {
        check->verdict = ACCESS_GRANTED;
        check->principal = (Principal){"reader", ROLE_READ};
    } else if (c->kind == CREDENTIAL_BEARER) {
        check->verdict = ACCESS_BUSY;
        check->retry_after_s = 3;
    }
    return true;
}

static const AccessOps access_ops = {.on_login = on_login};

static void start(const Access *access)
{
    static const char *const services[] = {"test.Service", NULL};
    HttpServerOptions options = {.listener = {.name = "grpc", .address = "127.0.0.1:0"},
                                 .budget = &world.budget};

    world = (World){0};
    mutex_init(&world.lock);
    cond_init(&world.changed);
    mem_budget_init(&world.budget, NULL, "request bodies", 64 << 20);
    assert_int_equal(loops_new(2, &world.loops, NULL), STATUS_OK);
    assert_int_equal(pool_new("worker", 1, &world.pool, NULL), STATUS_OK);
    world.router = http_router_new();
    grpc_add(world.router, &(GrpcMethod){.path = "/test.Service/Echo",
                                         .role = ROLE_WRITE,
                                         .message_bytes_max = ECHO_BYTES_MAX,
                                         .handler = on_echo});
    grpc_add(world.router, &(GrpcMethod){.path = "/test.Service/WhoAmI",
                                         .role = ROLE_READ,
                                         .message_bytes_max = 1024,
                                         .handler = on_whoami});
    grpc_add(
        world.router,
        &(GrpcMethod){.path = "/test.Service/Busy", .message_bytes_max = 1024, .handler = on_busy});
    grpc_add(
        world.router,
        &(GrpcMethod){.path = "/test.Service/Hold", .message_bytes_max = 1024, .handler = on_hold});
    grpc_add_health(world.router, services);
    if (access)
        options.listener.access = *access;
    assert_int_equal(http_server_new(world.loops, world.router, &options, &world.server, NULL),
                     STATUS_OK);
}

static int start_open(void **state)
{
    start(NULL);
    return 0;
}

static int start_guarded(void **state)
{
    start(&(Access){.ops = &access_ops});
    return 0;
}

static int stop(void **state)
{
    loops_drain(world.loops, 5 * NS_PER_SEC);
    world.pool = pool_free(world.pool);
    world.loops = loops_free(world.loops);
    world.server = http_server_free(world.server);
    world.router = http_router_free(world.router);
    /* No call has left anything behind. */
    assert_int_equal(mem_budget_used(&world.budget), 0);
    cond_done(&world.changed);
    mutex_done(&world.lock);
    return 0;
}

/* ---- a client ---- */

static Http2Client client;

static int dial(void)
{
    const NetAddress *address = http_server_address(world.server);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 20};

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, &address->any, sizeof address->v4), 0);
    return fd;
}

static void put_frame(Buf *out, uint8_t flag, Str message)
{
    buf_append_byte(out, flag);
    buf_append_be32(out, (uint32_t)message.len);
    buf_append_str(out, message);
}

static Http2Answer *call_raw(const char *path, const char *const *headers, Str body)
{
    const char *all[20] = {"content-type", "application/grpc", "te", "trailers"};
    size_t count = 4;

    for (; headers && *headers; headers++)
        all[count++] = *headers;
    all[count] = NULL;
    return http2_wait(&client, http2_ask(&client, "POST", path, all, body));
}

static Http2Answer *call(const char *path, const char *const *headers, Str message)
{
    CLEANUP(buf_done) Buf body = {0};

    put_frame(&body, 0, message);
    return call_raw(path, headers, buf_str(&body));
}

static void expect_line(const Buf *fields, const char *line)
{
    if (str_find(buf_str(fields), str_from(line)) < 0)
        fail_msg("no \"%s\" in:\n%.*s", line, (int)fields->len, fields->ptr);
}

/* The status of a failed call, which is Trailers-Only. */
static void expect_failure(const Http2Answer *a, GrpcStatus status)
{
    char line[32];

    (void)snprintf(line, sizeof line, "grpc-status: %d\n", (int)status);
    assert_int_equal(a->status, 200);
    expect_line(&a->headers, line);
    expect_line(&a->headers, "content-type: application/grpc\n");
    assert_int_equal(a->body.len, 0);
    assert_int_equal(a->trailers.len, 0);
}

static void expect_message(const Http2Answer *a, Str message)
{
    assert_int_equal(a->status, 200);
    expect_line(&a->headers, "content-type: application/grpc\n");
    expect_line(&a->trailers, "grpc-status: 0\n");
    assert_int_equal(a->body.len, GRPC_FRAME_HEAD_BYTES + message.len);
    assert_int_equal(a->body.ptr[0], 0);
    assert_true(str_eq(str_sub(buf_str(&a->body), GRPC_FRAME_HEAD_BYTES, SIZE_MAX), message));
}

/* ---- tests ---- */

static void test_messages_come_back(void **state)
{
    CLEANUP(buf_done) Buf large = {0};

    http2_open(&client, dial(), false);
    expect_message(call("/test.Service/Echo", NULL, STR("hello")), STR("hello"));
    expect_message(call("/test.Service/Echo", NULL, STR("")), STR(""));
    /* 20 MB, both ways */
    for (int i = 0; large.len < 20000000; i++)
        buf_printf(&large, "%d,", i);
    expect_message(call("/test.Service/Echo", NULL, buf_str(&large)), buf_str(&large));
    http2_close(&client);
}

static void test_gzip_messages(void **state)
{
    CLEANUP(buf_done) Buf packed = {0};
    CLEANUP(buf_done) Buf body = {0};
    CLEANUP(buf_done) Buf zeros = {0};
    static const char *const gzip[] = {"grpc-encoding", "gzip", NULL};
    static const char *const snappy[] = {"grpc-encoding", "snappy", NULL};

    http2_open(&client, dial(), false);
    assert_int_equal(compress_encode(CODEC_GZIP, 0, STR("hello hello"), &packed, NULL), STATUS_OK);
    put_frame(&body, 1, buf_str(&packed));
    expect_message(call_raw("/test.Service/Echo", gzip, buf_str(&body)), STR("hello hello"));
    /* The flag without a coding, a coding not known, one that was not used. */
    expect_failure(call_raw("/test.Service/Echo", NULL, buf_str(&body)), GRPC_INTERNAL);
    Http2Answer *a = call_raw("/test.Service/Echo", snappy, buf_str(&body));
    expect_failure(a, GRPC_UNIMPLEMENTED);
    expect_line(&a->headers, "grpc-accept-encoding: identity,gzip\n");
    expect_message(call("/test.Service/Echo", gzip, STR("plain")), STR("plain"));
    /* Not gzip, cut gzip. */
    buf_clear(&body);
    put_frame(&body, 1, STR("no gzip"));
    expect_failure(call_raw("/test.Service/Echo", gzip, buf_str(&body)), GRPC_INTERNAL);
    buf_clear(&body);
    put_frame(&body, 1, str_sub(buf_str(&packed), 0, packed.len - 4));
    expect_failure(call_raw("/test.Service/Echo", gzip, buf_str(&body)), GRPC_INTERNAL);
    /* A bomb. */
    memset(buf_reserve(&zeros, 64 << 20), 0, 64 << 20);
    zeros.len = 64 << 20;
    buf_clear(&packed);
    buf_clear(&body);
    assert_int_equal(compress_encode(CODEC_GZIP, 0, buf_str(&zeros), &packed, NULL), STATUS_OK);
    put_frame(&body, 1, buf_str(&packed));
    expect_failure(call_raw("/test.Service/Echo", gzip, buf_str(&body)), GRPC_RESOURCE_EXHAUSTED);
    expect_message(call("/test.Service/Echo", NULL, STR("on")), STR("on"));
    http2_close(&client);
}

static void test_malformed_messages(void **state)
{
    http2_open(&client, dial(), false);
    expect_failure(call_raw("/test.Service/Echo", NULL, (Str){0}), GRPC_INTERNAL);
    expect_failure(call_raw("/test.Service/Echo", NULL, STR("\0\0\0")), GRPC_INTERNAL);
    expect_failure(call_raw("/test.Service/Echo", NULL, STR("\0\0\0\0\5abc")), GRPC_INTERNAL);
    expect_failure(call_raw("/test.Service/Echo", NULL, STR("\0\0\0\0\1a\0\0\0\0\1b")),
                   GRPC_INTERNAL);
    expect_failure(call_raw("/test.Service/Echo", NULL, STR("\7\0\0\0\1a")), GRPC_INTERNAL);
    /* Over the maximum: refused when the length is known, not when all has come. */
    expect_failure(call_raw("/test.Service/Echo", NULL, STR("\0\xff\xff\xff\xff")),
                   GRPC_RESOURCE_EXHAUSTED);
    expect_failure(call_raw("/test.Service/WhoAmI", NULL, STR("\0\0\0\4\1")),
                   GRPC_RESOURCE_EXHAUSTED);
    http2_close(&client);
}

static void test_what_is_no_call(void **state)
{
    static const char *const json[] = {"content-type", "application/json", NULL};
    static const char *const grpc_json[] = {"content-type", "application/grpc+json", NULL};
    static const char *const timeout[] = {"grpc-timeout", "soon", NULL};
    static const char *const proto[] = {"content-type", "application/grpc+proto; v=1", NULL};
    CLEANUP(buf_done) Buf heard = {0};
    char bytes[4096];
    ssize_t n;

    http2_open(&client, dial(), false);
    expect_failure(call("/test.Service/Nothing", NULL, STR("")), GRPC_UNIMPLEMENTED);
    expect_failure(call("/", NULL, STR("")), GRPC_UNIMPLEMENTED);
    expect_failure(call("/test.Service/Echo", timeout, STR("")), GRPC_INTERNAL);
    Http2Answer *a = http2_ask(&client, "POST", "/test.Service/Echo", json, STR("{}"));
    assert_int_equal(http2_wait(&client, a)->status, 415);
    a = http2_ask(&client, "POST", "/test.Service/Echo", grpc_json, STR("{}"));
    assert_int_equal(http2_wait(&client, a)->status, 415);
    a = http2_ask(&client, "POST", "/test.Service/Echo", proto, STR("\0\0\0\0\1a"));
    expect_message(http2_wait(&client, a), STR("a"));
    a = http2_ask(&client, "GET", "/test.Service/Echo", NULL, (Str){0});
    assert_int_equal(http2_wait(&client, a)->status, 405);
    http2_close(&client);
    /* HTTP/1.1 */
    int fd = dial();
    Str words = STR("POST /test.Service/Echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
                    "Content-Type: application/grpc\r\nConnection: close\r\n\r\n\0\0\0\0\0");
    assert_int_equal(send(fd, words.ptr, words.len, 0), words.len);
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        buf_append(&heard, bytes, (size_t)n);
    expect_line(&heard, "HTTP/1.1 505 ");
    expect_line(&heard, "gRPC needs HTTP/2");
    (void)close(fd);
}

static void test_failures_have_their_words(void **state)
{
    http2_open(&client, dial(), false);
    Http2Answer *a = call("/test.Service/Busy", NULL, STR(""));
    expect_failure(a, GRPC_UNAVAILABLE);
    expect_line(&a->headers, "grpc-message: at 100%25,%0A%C3%A4gain\n");
    /* google.rpc.Status {14, the message, Any{RetryInfo{1 s, 500,000,000 ns}}}, encoded by hand */
    expect_line(&a->headers, "grpc-status-details-bin: "
                             "CA4SD2F0IDEwMCUsCsOkZ2Fpbho2Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dv"
                             "b2dsZS5ycGMuUmV0cnlJbmZvEgoKCAgBEIDKte4B\n");
    http2_close(&client);
}

static void test_who_asks(void **state)
{
    static const char *const writer[] = {"authorization", "Bearer write", NULL};
    static const char *const reader[] = {"authorization", "Bearer read", NULL};
    static const char *const many[] = {"authorization", "Bearer many", NULL};

    http2_open(&client, dial(), false);
    expect_failure(call("/test.Service/Echo", NULL, STR("a")), GRPC_UNAUTHENTICATED);
    expect_failure(call("/test.Service/Echo", reader, STR("a")), GRPC_PERMISSION_DENIED);
    expect_message(call("/test.Service/Echo", writer, STR("a")), STR("a"));
    expect_message(call("/test.Service/WhoAmI", reader, STR("a")), STR("reader"));
    /* Over a limit: writers come again, and are told when. */
    Http2Answer *a = call("/test.Service/Echo", many, STR("a"));
    expect_failure(a, GRPC_UNAVAILABLE);
    expect_line(&a->headers, "grpc-status-details-bin: ");
    a = call("/test.Service/WhoAmI", many, STR("a"));
    expect_failure(a, GRPC_RESOURCE_EXHAUSTED);
    expect_line(&a->headers, "grpc-status-details-bin: ");
    /* Health is for everybody. */
    expect_message(call("/grpc.health.v1.Health/Check", NULL, STR("")), STR("\x08\x01"));
    http2_close(&client);
}

static void test_health(void **state)
{
    http2_open(&client, dial(), false);
    expect_message(call("/grpc.health.v1.Health/Check", NULL, STR("")), STR("\x08\x01"));
    expect_message(call("/grpc.health.v1.Health/Check", NULL, STR("\x0a\x0ctest.Service")),
                   STR("\x08\x01"));
    expect_failure(call("/grpc.health.v1.Health/Check", NULL, STR("\x0a\x04nope")), GRPC_NOT_FOUND);
    expect_failure(call("/grpc.health.v1.Health/Check", NULL, STR("\x0a\x7f")),
                   GRPC_INVALID_ARGUMENT);
    expect_failure(call("/grpc.health.v1.Health/Watch", NULL, STR("")), GRPC_UNIMPLEMENTED);
    http2_close(&client);
}

typedef struct Late {
    PoolTask task;
    GrpcCall *call;
} Late;

static void run_late(PoolTask *task)
{
    Late *late = LUMA_CONTAINER_OF(task, Late, task);
    Buf answer = {0};

    buf_append_lit(&answer, "late");
    grpc_respond(late->call, &answer);
    mem_free(late);
}

/* Answers the held call from another thread. */
static void answer_held(void)
{
    Late *late = MEM_NEW(Late);

    late->task.run = run_late;
    late->call = world.call;
    pool_submit(world.pool, &late->task);
}

static void test_deadline_ends_a_call(void **state)
{
    static const char *const soon[] = {"grpc-timeout", "50m", NULL};
    static const char *const past[] = {"grpc-timeout", "0n", NULL};
    int64_t before = counter_get(COUNTER_GRPC_DEADLINES_EXCEEDED);

    http2_open(&client, dial(), false);
    expect_failure(call("/test.Service/Hold", soon, STR("")), GRPC_DEADLINE_EXCEEDED);
    wait_for(&world.cancelled);
    assert_true(http_request_cancelled(world.call->http));
    expect_failure(call("/test.Service/Hold", past, STR("")), GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(counter_get(COUNTER_GRPC_DEADLINES_EXCEEDED) - before, 2);
    answer_held();
    /* The connection lives on. */
    expect_message(call("/test.Service/Echo", soon, STR("a")), STR("a"));
    http2_close(&client);
}

static void test_answer_before_the_deadline(void **state)
{
    static const char *const headers[] = {"content-type", "application/grpc", "grpc-timeout", "1H",
                                          NULL};

    http2_open(&client, dial(), false);
    Http2Answer *a = http2_ask(&client, "POST", "/test.Service/Hold", headers, STR("\0\0\0\0\0"));
    assert_true(http2_push(&client));
    wait_for(&world.held);
    assert_true(world.call->deadline_mono_ns > clock_mono_ns());
    answer_held();
    expect_message(http2_wait(&client, a), STR("late"));
    http2_close(&client);
}

static void test_cancelled_calls_are_told_and_leave_nothing(void **state)
{
    static const char *const headers[] = {"content-type", "application/grpc", NULL};

    http2_open(&client, dial(), false);
    Http2Answer *a = http2_ask(&client, "POST", "/test.Service/Hold", headers, STR("\0\0\0\0\0"));
    assert_true(http2_push(&client));
    wait_for(&world.held);
    assert_int_equal(
        nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, a->id, NGHTTP2_CANCEL), 0);
    assert_true(http2_push(&client));
    wait_for(&world.cancelled);
    answer_held();
    expect_message(call("/test.Service/Echo", NULL, STR("a")), STR("a"));
    http2_close(&client);
}

static void test_timeouts_are_parsed(void **state)
{
    int64_t ns;

    assert_true(grpc__parse_timeout(STR("1S"), &ns) && ns == NS_PER_SEC);
    assert_true(grpc__parse_timeout(STR("99999999n"), &ns) && ns == 99999999);
    assert_true(grpc__parse_timeout(STR("2M"), &ns) && ns == 120 * NS_PER_SEC);
    assert_true(grpc__parse_timeout(STR("99999999H"), &ns) && ns == INT64_MAX / 2);
    assert_false(grpc__parse_timeout(STR("100000000n"), &ns));
    assert_false(grpc__parse_timeout(STR("S"), &ns));
    assert_false(grpc__parse_timeout(STR("1"), &ns));
    assert_false(grpc__parse_timeout(STR("-1S"), &ns));
    assert_false(grpc__parse_timeout(STR("1s"), &ns));
    assert_false(grpc__parse_timeout(STR(""), &ns));
}

int main(void)
{
#define OPEN(test) cmocka_unit_test_setup_teardown(test, start_open, stop)
#define GUARDED(test) cmocka_unit_test_setup_teardown(test, start_guarded, stop)
    const struct CMUnitTest tests[] = {
        OPEN(test_messages_come_back),
        OPEN(test_gzip_messages),
        OPEN(test_malformed_messages),
        OPEN(test_what_is_no_call),
        OPEN(test_failures_have_their_words),
        GUARDED(test_who_asks),
        OPEN(test_health),
        OPEN(test_deadline_ends_a_call),
        OPEN(test_answer_before_the_deadline),
        OPEN(test_cancelled_calls_are_told_and_leave_nothing),
        cmocka_unit_test(test_timeouts_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
