/* http2_server_test.c - the server over HTTP/2: the same rules as over HTTP/1.1, streams that do
 * not hold each other up, and clients that break every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/thread.h"
#include "http2_client.h"
#include "net/http/http.h"
#include "test_certificate.h"

enum { LARGE_BYTES = 1 << 20, STREAM_PIECES = 256, STREAM_PIECE_BYTES = 64 << 10 };

typedef struct World {
    Loops *loops;
    Pool *pool;
    HttpRouter *router;
    HttpServer *server;
    Tls *tls;
    MemBudget budget;
    Mutex lock;
    Cond changed;
    HttpRequest *held;      /* guarded by lock: what /hold has */
    bool entered;           /* guarded by lock */
    bool cancelled;         /* guarded by lock: the holder heard of it */
    int64_t streamed_bytes; /* guarded by lock */
    bool stalled;           /* guarded by lock: the producer was told to stop */
    bool ended;             /* guarded by lock: the producer has ended */
    Status status;          /* guarded by lock: how */
    int64_t counters[COUNTER_COUNT_];
} World;

static World world;
static Http2Client client;
static Http2Client other;

/* ---- what the server serves ---- */

static void on_hello(HttpRequest *req, void *ctx)
{
    assert_true(req->http2);
    http_respond_str(req, 200, STR("text/plain"), STR("hello"));
}

static void on_echo(HttpRequest *req, void *ctx)
{
    http_respond_str(req, 200, STR("application/octet-stream"), req->body);
}

static void on_large(HttpRequest *req, void *ctx)
{
    Buf body = {0};

    memset(buf_reserve(&body, LARGE_BYTES), 'x', LARGE_BYTES);
    body.len = LARGE_BYTES;
    http_respond(req, 200, NULL, 0, &body);
}

static void on_hold_cancel(void *ctx)
{
    MUTEX_GUARD(&world.lock);
    world.cancelled = true;
    cond_broadcast(&world.changed);
}

static void on_hold(HttpRequest *req, void *ctx)
{
    http_request_on_cancel(req, on_hold_cancel, NULL);
    MUTEX_GUARD(&world.lock);
    world.held = req;
    world.entered = true;
    cond_broadcast(&world.changed);
}

/* The test answers for the handler, from its own thread. */
static void answer_held(void)
{
    http_respond_str(world.held, 200, STR("text/plain"), STR("held"));
}

static void wait_for(const bool *what)
{
    MUTEX_GUARD(&world.lock);
    while (!*what)
        cond_wait(&world.changed, &world.lock);
}

typedef struct Producer {
    PoolTask task;
    HttpRequest *request;
    int pieces;
} Producer;

static void run_producer(PoolTask *task)
{
    Producer *producer = LUMA_CONTAINER_OF(task, Producer, task);
    HttpRequest *req = producer->request;
    Status status = STATUS_OK;

    http_response_begin(req, 200, NULL, 0, false);
    for (int i = 0; i < producer->pieces && status == STATUS_OK; i++) {
        Buf piece = {0};
        memset(buf_reserve(&piece, STREAM_PIECE_BYTES), 'a' + i % 26, STREAM_PIECE_BYTES);
        piece.len = STREAM_PIECE_BYTES;
        bool go_on = http_response_write(req, &piece);
        mutex_lock(&world.lock);
        world.streamed_bytes += STREAM_PIECE_BYTES;
        world.stalled = !go_on;
        cond_broadcast(&world.changed);
        mutex_unlock(&world.lock);
        if (!go_on)
            status = http_response_wait(req, INT64_MAX / 2, NULL);
    }
    if (status == STATUS_OK)
        http_response_end(req);
    else
        http_response_abort(req);
    mem_free(producer);
    MUTEX_GUARD(&world.lock);
    world.status = status;
    world.ended = true;
    cond_broadcast(&world.changed);
}

static void on_stream(HttpRequest *req, void *ctx)
{
    Producer *producer = MEM_NEW(Producer);

    producer->task.run = run_producer;
    producer->request = req;
    producer->pieces = http_request_value(req, STR("short")).ptr ? 3 : STREAM_PIECES;
    pool_submit(world.pool, &producer->task);
}

static void on_abort(HttpRequest *req, void *ctx)
{
    Buf piece = {0};

    buf_append_lit(&piece, "a part");
    http_response_begin(req, 200, NULL, 0, false);
    (void)http_response_write(req, &piece);
    http_response_abort(req);
}

/* ---- logins ---- */

typedef struct Login {
    PoolTask task;
    AccessCheck *check;
} Login;

static void run_login(PoolTask *task)
{
    Login *login = LUMA_CONTAINER_OF(task, Login, task);

    login->check->verdict = ACCESS_GRANTED;
    login->check->principal = (Principal){"slow", ROLE_WRITE};
    login->check->done(login->check);
    mem_free(login);
}

/* Whoever has a token is decided about by another thread; others are unknown. */
static bool on_login(void *ctx, AccessCheck *check)
{
    check->verdict = ACCESS_UNAUTHENTICATED;
    if (check->credentials.kind != CREDENTIAL_BEARER)
        return true;
    Login *login = MEM_NEW(Login);
    login->task.run = run_login;
    login->check = check;
    pool_submit(world.pool, &login->task);
    return false;
}

static const AccessOps access_ops = {.on_login = on_login};

/* ---- start and stop ---- */

static void add_route(unsigned methods, const char *pattern, size_t body_bytes_max,
                      HttpHandler handler)
{
    http_router_add(world.router, &(HttpRoute){.methods = methods,
                                               .pattern = pattern,
                                               .body_bytes_max = body_bytes_max,
                                               .handler = handler});
}

static void start(const HttpServerOptions *options)
{
    HttpServerOptions o = *options;

    world = (World){.tls = world.tls};
    for (int i = 0; i < COUNTER_COUNT_; i++)
        world.counters[i] = counter_get((CounterId)i);
    mutex_init(&world.lock);
    cond_init(&world.changed);
    mem_budget_init(&world.budget, NULL, "request bodies", 32 << 20);
    assert_int_equal(loops_new(2, &world.loops, NULL), STATUS_OK);
    assert_int_equal(pool_new("worker", 2, &world.pool, NULL), STATUS_OK);
    world.router = http_router_new();
    add_route(HTTP_GET, "/hello", 0, on_hello);
    add_route(HTTP_POST, "/echo", 1 << 20, on_echo);
    add_route(HTTP_POST, "/huge", 256 << 20, on_echo);
    add_route(HTTP_GET, "/large", 0, on_large);
    add_route(HTTP_GET, "/hold", 0, on_hold);
    add_route(HTTP_GET, "/stream", 0, on_stream);
    add_route(HTTP_GET, "/abort", 0, on_abort);
    o.listener.name = "http";
    o.listener.address = "127.0.0.1:0";
    o.listener.output_bytes_high = 256 << 10;
    o.budget = &world.budget;
    assert_int_equal(http_server_new(world.loops, world.router, &o, &world.server, NULL),
                     STATUS_OK);
}

static void stop(void)
{
    loops_drain(world.loops, 5 * NS_PER_SEC);
    world.pool = pool_free(world.pool);
    world.loops = loops_free(world.loops);
    world.server = http_server_free(world.server);
    world.router = http_router_free(world.router);
    world.tls = tls_free(world.tls);
    assert_int_equal(mem_budget_used(&world.budget), 0);
    cond_done(&world.changed);
    mutex_done(&world.lock);
}

static int start_plain(void **state)
{
    start(&(HttpServerOptions){0});
    return 0;
}

static int start_guarded(void **state)
{
    start(&(HttpServerOptions){.listener = {.access = {.ops = &access_ops}}});
    return 0;
}

static int start_impatient(void **state)
{
    start(&(HttpServerOptions){.idle_timeout_ns = 200 * NS_PER_MS,
                               .head_timeout_ns = 100 * NS_PER_MS,
                               .body_timeout_ns = 100 * NS_PER_MS,
                               .write_timeout_ns = 100 * NS_PER_MS});
    return 0;
}

static int stop_it(void **state)
{
    stop();
    return 0;
}

static int64_t counted(CounterId id)
{
    return counter_get(id) - world.counters[id];
}

static void wait_counted(CounterId id, int64_t count)
{
    while (counted(id) < count)
        (void)usleep(1000);
}

/* ---- clients ---- */

static int dial(void)
{
    const NetAddress *address = http_server_address(world.server);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 20};

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, &address->any, sizeof address->v4), 0);
    return fd;
}

static Http2Answer *ask(const char *method, const char *path, const char *const *headers, Str body)
{
    return http2_wait(&client, http2_ask(&client, method, path, headers, body));
}

static void expect_line(const Http2Answer *a, const char *line)
{
    if (str_find(buf_str(&a->headers), str_from(line)) < 0)
        fail_msg("no \"%s\" in:\n%.*s", line, (int)a->headers.len, a->headers.ptr);
}

static void expect_hello(void)
{
    Http2Answer *a = ask("GET", "/hello", NULL, (Str){0});
    assert_int_equal(a->status, 200);
    assert_true(str_eq(buf_str(&a->body), STR("hello")));
}

static void expect_goaway(const Http2Client *from, uint32_t code)
{
    assert_true(from->goaway);
    assert_int_equal(from->goaway_code, code);
}

/* ---- raw frames ---- */

static const Str preface = STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");

static void put_frame(Buf *out, uint8_t type, uint8_t flags, uint32_t id, Str payload)
{
    buf_append_byte(out, (uint8_t)(payload.len >> 16));
    buf_append_be16(out, (uint16_t)payload.len);
    buf_append_byte(out, type);
    buf_append_byte(out, flags);
    buf_append_be32(out, id);
    buf_append_str(out, payload);
}

/* ":method GET, :scheme http, :path /hello, :authority localhost" without the dynamic table. */
#define HEAD_FIELDS "\x82\x86\x04\x06/hello\x01\x09localhost"

/* Sends; returns the error code of the GOAWAY that comes, or UINT32_MAX when the connection ends
 * without one. */
static uint32_t talk_raw(Str bytes)
{
    int fd = dial();
    CLEANUP(buf_done) Buf heard = {0};
    char piece[4096];
    ssize_t n;
    uint32_t code = UINT32_MAX;

    /* The server may end it before all is sent. */
    while (bytes.len && (n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL)) > 0)
        bytes = str_sub(bytes, (size_t)n, SIZE_MAX);
    while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
        buf_append(&heard, piece, (size_t)n);
    BufReader r = buf_reader(buf_str(&heard));
    while (buf_reader_left(&r) >= 9 && !r.failed) {
        uint32_t len = buf_read_be32(&r);
        uint8_t type = (uint8_t)len;
        (void)buf_read_u8(&r);
        (void)buf_read_be32(&r);
        Str payload = buf_read_bytes(&r, len >> 8);
        if (type == NGHTTP2_GOAWAY && payload.len >= 8) {
            BufReader g = buf_reader(str_sub(payload, 4, 4));
            code = buf_read_be32(&g);
        }
    }
    (void)close(fd);
    return code;
}

/* ---- tests: the same as HTTP/1.1 ---- */

static void test_requests_of_every_kind(void **state)
{
    CLEANUP(buf_done) Buf body = {0};

    http2_open(&client, dial(), false);
    expect_hello();
    Http2Answer *a = ask("HEAD", "/hello", NULL, (Str){0});
    assert_int_equal(a->status, 200);
    assert_int_equal(a->body.len, 0);
    expect_line(a, "content-length: 5\n");
    expect_line(a, "content-type: text/plain\n");
    expect_line(a, "date: ");
    a = ask("OPTIONS", "/echo", NULL, (Str){0});
    assert_int_equal(a->status, 204);
    expect_line(a, "allow: POST, OPTIONS\n");
    a = ask("POST", "/hello", NULL, STR("x"));
    assert_int_equal(a->status, 405);
    assert_int_equal(ask("GET", "/nothing", NULL, (Str){0})->status, 404);
    assert_int_equal(ask("BREW", "/hello", NULL, (Str){0})->status, 501);
    assert_int_equal(ask("GET", "/%zz", NULL, (Str){0})->status, 400);
    /* A body in many frames and windows. */
    for (int i = 0; body.len < 900000; i++)
        buf_printf(&body, "%d ", i);
    a = ask("POST", "/echo", NULL, buf_str(&body));
    assert_true(str_eq(buf_str(&a->body), buf_str(&body)));
    a = ask("POST", "/echo", NULL, STR(""));
    assert_int_equal(a->status, 200);
    /* An answer that is cut is reset; the connection lives on. */
    a = ask("GET", "/abort", NULL, (Str){0});
    assert_int_equal(a->error, NGHTTP2_INTERNAL_ERROR);
    expect_hello();
    http2_close(&client);
}

static void test_foreign_hosts_and_origins(void **state)
{
    static const char *const foreign[] = {"origin", "http://evil.example", NULL};
    static const char *const same[] = {"origin", "http://127.0.0.1", NULL};
    static const char *const host[] = {"host", "127.0.0.1", NULL};
    static const char *const other_host[] = {"host", "other.example", NULL};
    static const char *const embed[] = {"sec-fetch-site", "cross-site", NULL};

    http2_open(&client, dial(), false);
    assert_int_equal(ask("GET", "/hello", foreign, (Str){0})->status, 403);
    assert_int_equal(ask("GET", "/hello", same, (Str){0})->status, 200);
    assert_int_equal(ask("GET", "/hello", embed, (Str){0})->status, 403);
    assert_int_equal(ask("GET", "/hello", host, (Str){0})->status, 200);
    assert_int_equal(ask("GET", "/hello", other_host, (Str){0})->status, 400);
    Http2Answer *a =
        http2_ask_as(&client, "rebound.example", "GET", "/hello", NULL, (Str){0}, false);
    assert_int_equal(http2_wait(&client, a)->status, 421);
    http2_close(&client);
}

static void test_bodies_over_their_limits(void **state)
{
    CLEANUP(buf_done) Buf body = {0};
    static const char *const told[] = {"content-length", "1048577", NULL};
    static const char *const wait[] = {"expect", "100-continue", NULL};
    static const char *const gzip[] = {"content-encoding", "br", NULL};

    memset(buf_reserve(&body, 48 << 20), 0, 48 << 20);
    body.len = 48 << 20;
    http2_open(&client, dial(), false);
    /* Told, and not told: the answer comes before the body is all sent. */
    Http2Answer *a = ask("POST", "/echo", told, str_sub(buf_str(&body), 0, 1048577));
    assert_int_equal(a->status, 413);
    a = ask("POST", "/echo", NULL, buf_str(&body));
    assert_int_equal(a->status, 413);
    assert_true(a->body_left.len > 0);
    /* Over the budget. */
    a = ask("POST", "/huge", NULL, buf_str(&body));
    assert_int_equal(a->status, 503);
    expect_line(a, "retry-after: 1\n");
    assert_int_equal(ask("POST", "/echo", gzip, STR("x"))->status, 415);
    a = ask("POST", "/echo", wait, STR("x"));
    assert_int_equal(a->status, 200);
    assert_int_equal(a->interim, 100);
    /* The windows of the connection were given back. */
    for (int i = 0; i < 8; i++)
        assert_int_equal(ask("POST", "/echo", NULL, str_sub(buf_str(&body), 0, 1 << 20))->body.len,
                         1 << 20);
    http2_close(&client);
}

static void test_heads_over_their_limits(void **state)
{
    static char value[70000];
    static char path[66000];
    const char *long_field[] = {"x-a", value, NULL};
    const char *many[63] = {0};

    memset(value, 'v', sizeof value - 1);
    memset(path, '/', sizeof path - 1);
    http2_open(&client, dial(), false);
    value[40000] = 0;
    assert_int_equal(ask("GET", "/hello", long_field, (Str){0})->status, 200);
    const char *two[] = {"x-a", value, "x-b", value, NULL};
    assert_int_equal(ask("GET", "/hello", two, (Str){0})->status, 431);
    path[50000] = 0;
    assert_int_equal(ask("GET", path, NULL, (Str){0})->status, 404);
    for (int i = 0; i < 62; i++)
        many[i] = i % 2 ? "v" : "x-many";
    assert_int_equal(ask("GET", "/hello", many, (Str){0})->status, 200);
    expect_hello();
    http2_close(&client);
}

static void test_logins_that_take_time(void **state)
{
    static const char *const token[] = {"authorization", "Bearer t", NULL};
    CLEANUP(buf_done) Buf body = {0};
    Http2Answer *answers[20];

    for (int i = 0; body.len < 200000; i++)
        buf_printf(&body, "%d ", i);
    http2_open(&client, dial(), false);
    Http2Answer *a = ask("POST", "/echo", NULL, buf_str(&body));
    assert_int_equal(a->status, 401);
    expect_line(a, "www-authenticate: Basic ");
    /* The bodies come while the credentials are being looked at; more than the windows hold. */
    for (size_t i = 0; i < LUMA_ARRAY_LEN(answers); i++)
        answers[i] = http2_ask(&client, "POST", "/echo", token, buf_str(&body));
    for (size_t i = 0; i < LUMA_ARRAY_LEN(answers); i++)
        assert_true(str_eq(buf_str(&http2_wait(&client, answers[i])->body), buf_str(&body)));
    http2_close(&client);
}

static void test_alpn(void **state)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fd = dial();
    const unsigned char *alpn;
    unsigned alpn_len;
    char bytes[4096];
    CLEANUP(buf_done) Buf heard = {0};
    CLEANUP(buf_done) Buf said = {0};

    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    assert_int_equal(SSL_set_alpn_protos(ssl, (const unsigned char *)"\x08http/1.1\x02h2", 12), 0);
    assert_int_equal(SSL_connect(ssl), 1);
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
    assert_true(str_eq(str_make(alpn, alpn_len), STR("h2")));
    buf_append_str(&said, preface);
    put_frame(&said, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
              STR(HEAD_FIELDS));
    assert_int_equal(SSL_write(ssl, said.ptr, (int)said.len), (int)said.len);
    while (str_find(buf_str(&heard), STR("hello")) < 0) {
        int n = SSL_read(ssl, bytes, sizeof bytes);
        assert_true(n > 0);
        buf_append(&heard, bytes, (size_t)n);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);
}

/* ---- tests: streams ---- */

static void test_streams_do_not_wait_for_each_other(void **state)
{
    http2_open(&client, dial(), false);
    Http2Answer *held = http2_ask(&client, "GET", "/hold", NULL, (Str){0});
    for (int i = 0; i < 1000; i++)
        (void)http2_ask(&client, "GET", "/hello", NULL, (Str){0});
    for (int i = 1; i <= 1000; i++)
        assert_int_equal(http2_wait(&client, &client.answers[i])->status, 200);
    assert_false(held->closed);
    wait_for(&world.entered);
    answer_held();
    assert_true(str_eq(buf_str(&http2_wait(&client, held)->body), STR("held")));
    http2_close(&client);
}

static void test_slow_stream_stops_its_producer_only(void **state)
{
    http2_open(&client, dial(), true);
    Http2Answer *slow = http2_ask(&client, "GET", "/stream", NULL, (Str){0});
    while (slow->body.len < 65535)
        assert_true(http2_turn(&client)); /* the window of the stream, and of the connection */
    wait_for(&world.stalled);
    assert_true(world.streamed_bytes < 2 << 20);
    /* Others go on, as soon as the connection's window is open. */
    assert_int_equal(nghttp2_session_consume_connection(client.session, 65535), 0);
    expect_hello();
    assert_int_equal(nghttp2_session_consume_connection(client.session, 5), 0);
    assert_false(world.ended);
    /* Now it reads on. */
    size_t seen = 0;
    while (!slow->closed) {
        size_t more = slow->body.len - seen;
        if (seen == 0)
            assert_int_equal(nghttp2_session_consume_stream(client.session, slow->id, more), 0);
        else
            assert_int_equal(nghttp2_session_consume(client.session, slow->id, more), 0);
        seen = slow->body.len;
        assert_true(http2_turn(&client));
    }
    assert_int_equal(slow->error, 0);
    assert_int_equal(slow->body.len, STREAM_PIECES * STREAM_PIECE_BYTES);
    for (int i = 0; i < STREAM_PIECES; i++)
        assert_int_equal(slow->body.ptr[(size_t)i * STREAM_PIECE_BYTES + 1], 'a' + i % 26);
    wait_for(&world.ended);
    assert_int_equal(world.status, STATUS_OK);
    http2_close(&client);
}

static void test_reset_cancels_the_request(void **state)
{
    http2_open(&client, dial(), false);
    Http2Answer *a = http2_ask(&client, "GET", "/hold", NULL, (Str){0});
    assert_true(http2_push(&client));
    wait_for(&world.entered);
    assert_int_equal(
        nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, a->id, NGHTTP2_CANCEL), 0);
    expect_hello();
    wait_for(&world.cancelled);
    answer_held();
    expect_hello();
    assert_int_equal(counted(COUNTER_HTTP2_STREAMS_CANCELLED), 1);
    /* A producer that waits for the client hears of it, too. */
    http2_open(&other, dial(), true);
    a = http2_ask(&other, "GET", "/stream", NULL, (Str){0});
    while (a->body.len < 65535)
        assert_true(http2_turn(&other));
    wait_for(&world.stalled);
    assert_int_equal(
        nghttp2_submit_rst_stream(other.session, NGHTTP2_FLAG_NONE, a->id, NGHTTP2_CANCEL), 0);
    assert_true(http2_push(&other));
    wait_for(&world.ended);
    assert_int_equal(world.status, STATUS_CANCELLED);
    http2_close(&other);
    http2_close(&client);
}

static void test_lost_connection_cancels_the_request(void **state)
{
    http2_open(&client, dial(), false);
    (void)http2_ask(&client, "GET", "/hold", NULL, (Str){0});
    assert_true(http2_push(&client));
    wait_for(&world.entered);
    http2_close(&client);
    wait_for(&world.cancelled);
    answer_held();
}

static void run_drain(void *arg)
{
    loops_drain(world.loops, 20 * NS_PER_SEC);
}

static void test_drain_ends_after_the_answers(void **state)
{
    http2_open(&client, dial(), false);
    http2_open(&other, dial(), false);
    Http2Answer *held = http2_ask(&client, "GET", "/hold", NULL, (Str){0});
    Http2Answer *idle = http2_ask(&other, "GET", "/hello", NULL, (Str){0});
    assert_int_equal(http2_wait(&other, idle)->status, 200);
    assert_true(http2_push(&client));
    wait_for(&world.entered);
    Thread drain;
    assert_int_equal(thread_start(&drain, "drain", run_drain, NULL, NULL), STATUS_OK);
    http2_wait_end(&other);
    expect_goaway(&other, NGHTTP2_NO_ERROR);
    assert_int_equal(other.goaway_last_id, idle->id);
    while (!client.goaway)
        assert_true(http2_turn(&client));
    assert_int_equal(client.goaway_last_id, held->id);
    answer_held();
    assert_int_equal(http2_wait(&client, held)->status, 200);
    http2_wait_end(&client);
    thread_join(&drain);
    http2_close(&client);
    http2_close(&other);
}

static void test_requests_wait_while_answers_are_not_taken(void **state)
{
    http2_open(&client, dial(), true);
    /* Ten megabytes of answers; after half of one the mark is reached. */
    for (int i = 0; i < 10; i++)
        (void)http2_ask(&client, "GET", "/large", NULL, (Str){0});
    assert_true(http2_push(&client));
    wait_counted(COUNTER_HTTP2_STREAMS_DELAYED, 9);
    size_t seen[10] = {0};
    for (int open = 10; open;) {
        assert_true(http2_turn(&client));
        open = 0;
        for (int i = 0; i < 10; i++) {
            Http2Answer *a = &client.answers[i];
            size_t more = a->body.len - seen[i];
            seen[i] += more;
            if (!a->closed)
                (void)nghttp2_session_consume(client.session, a->id, more);
            else
                (void)nghttp2_session_consume_connection(client.session, more);
            open += !a->closed;
        }
        assert_true(http2_push(&client));
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(client.answers[i].body.len, LARGE_BYTES);
    http2_close(&client);
}

/* ---- tests: time ---- */

static void test_silence_has_an_end(void **state)
{
    CLEANUP(buf_done) Buf said = {0};

    /* Idle. */
    http2_open(&client, dial(), false);
    expect_hello();
    http2_wait_end(&client);
    expect_goaway(&client, NGHTTP2_NO_ERROR);
    http2_close(&client);
    /* Half a preface. */
    assert_int_equal(talk_raw(STR("PRI * HTTP/2.0\r\n")), UINT32_MAX);
    /* A head that never ends. */
    buf_append_str(&said, preface);
    put_frame(&said, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, STR(HEAD_FIELDS));
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_ENHANCE_YOUR_CALM);
    /* A body that never ends is answered. */
    http2_open(&client, dial(), false);
    Http2Answer *a = http2_ask_as(&client, "127.0.0.1", "POST", "/echo", NULL, STR("a part"), true);
    assert_int_equal(http2_wait(&client, a)->status, 408);
    http2_close(&client);
    /* An answer that is not taken: the stream goes, and its producer. */
    http2_open(&client, dial(), true);
    a = http2_ask(&client, "GET", "/stream", NULL, (Str){0});
    assert_int_equal(http2_wait(&client, a)->error, NGHTTP2_CANCEL);
    wait_for(&world.ended);
    assert_int_equal(world.status, STATUS_CANCELLED);
    assert_int_equal(counted(COUNTER_HTTP2_STREAMS_STALLED), 1);
    http2_close(&client);
}

/* ---- tests: floods ---- */

static void test_rapid_reset(void **state)
{
    CLEANUP(buf_done) Buf said = {0};

    buf_append_str(&said, preface);
    for (uint32_t i = 0; i < 10000; i++) {
        put_frame(&said, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
                  2 * i + 1, STR(HEAD_FIELDS));
        put_frame(&said, NGHTTP2_RST_STREAM, 0, 2 * i + 1, STR("\0\0\0\x08"));
    }
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(counted(COUNTER_HTTP2_FLOODS_RESET), 1);
    assert_true(counted(COUNTER_HTTP2_STREAMS) < 1000);
}

/* The client makes the server reset its streams instead. */
static void test_provoked_resets(void **state)
{
    CLEANUP(buf_done) Buf said = {0};

    buf_append_str(&said, preface);
    for (uint32_t i = 0; i < 10000; i++) {
        put_frame(&said, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2 * i + 1, STR(HEAD_FIELDS));
        /* An increment of zero is an error of the stream. */
        put_frame(&said, NGHTTP2_WINDOW_UPDATE, 0, 2 * i + 1, STR("\0\0\0\0"));
    }
    uint32_t code = talk_raw(buf_str(&said));
    assert_true(code == NGHTTP2_ENHANCE_YOUR_CALM || code == NGHTTP2_PROTOCOL_ERROR);
    assert_true(counted(COUNTER_HTTP2_STREAMS) < 1000);
}

static void expect_frame_flood(uint8_t type, uint8_t flags, uint32_t id, Str payload)
{
    CLEANUP(buf_done) Buf said = {0};
    int64_t before = counted(COUNTER_HTTP2_FLOODS_FRAME);

    buf_append_str(&said, preface);
    if (id) {
        put_frame(&said, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id,
                  STR("\x83\x86\x04\x05/echo\x01\x09localhost"));
    }
    for (int i = 0; i < 20000; i++)
        put_frame(&said, type, flags, id, payload);
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(counted(COUNTER_HTTP2_FLOODS_FRAME) - before, 1);
}

static void test_frames_without_a_request(void **state)
{
    expect_frame_flood(NGHTTP2_PING, 0, 0, STR("12345678"));
    expect_frame_flood(NGHTTP2_SETTINGS, 0, 0, STR("\0\3\0\0\0\1"));
    expect_frame_flood(NGHTTP2_PRIORITY, 0, 7, STR("\0\0\0\0\1"));
    expect_frame_flood(NGHTTP2_WINDOW_UPDATE, 0, 0, STR("\0\0\0\1"));
    expect_frame_flood(NGHTTP2_DATA, 0, 1, STR(""));
    expect_frame_flood(NGHTTP2_DATA, 0, 1, STR("a"));
    http2_open(&client, dial(), false);
    expect_hello();
    http2_close(&client);
}

static void test_header_bombs(void **state)
{
    CLEANUP(buf_done) Buf said = {0};
    CLEANUP(buf_done) Buf fields = {0};
    char value[4000];

    /* One large field in the table, and thousands of references to it, a byte each. */
    memset(value, 'v', sizeof value);
    buf_append_lit(&fields, HEAD_FIELDS "\x40\x03x-a\x7f");
    buf_append_varint(&fields, sizeof value - 127);
    buf_append(&fields, value, sizeof value);
    for (int i = 0; i < 8000; i++)
        buf_append_byte(&fields, 0xbe);
    buf_append_str(&said, preface);
    put_frame(&said, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
              buf_str(&fields));
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(counted(COUNTER_HTTP2_FLOODS_HEADER), 1);
    /* CONTINUATION without end. */
    buf_clear(&said);
    buf_append_str(&said, preface);
    put_frame(&said, NGHTTP2_HEADERS, 0, 1, STR(HEAD_FIELDS));
    for (int i = 0; i < 20000; i++)
        put_frame(&said, NGHTTP2_CONTINUATION, 0, 1, STR(""));
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(counted(COUNTER_HTTP2_FLOODS_HEADER) + counted(COUNTER_HTTP2_FLOODS_FRAME) == 2);
    /* Trailers count as well. */
    buf_clear(&said);
    buf_append_str(&said, preface);
    put_frame(&said, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
              STR("\x83\x86\x04\x05/echo\x01\x09localhost"));
    buf_clear(&fields);
    for (int i = 0; i < 2000; i++)
        buf_append_lit(&fields, "\x00\x03x-a\x01v");
    put_frame(&said, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
              buf_str(&fields));
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_ENHANCE_YOUR_CALM);
}

static void test_malformed_frames(void **state)
{
    CLEANUP(buf_done) Buf said = {0};
    CLEANUP(buf_done) Buf large = {0};

    memset(buf_reserve(&large, 20000), 0, 20000);
    large.len = 20000;
    /* Over SETTINGS_MAX_FRAME_SIZE. */
    buf_append_str(&said, preface);
    put_frame(&said, NGHTTP2_PING, 0, 0, buf_str(&large));
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_FRAME_SIZE_ERROR);
    /* DATA on stream 0, an even stream, one that goes back, a preface that is none. */
    buf_clear(&said);
    buf_append_str(&said, preface);
    put_frame(&said, NGHTTP2_DATA, 0, 0, STR("x"));
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_PROTOCOL_ERROR);
    buf_clear(&said);
    buf_append_str(&said, preface);
    put_frame(&said, NGHTTP2_HEADERS, 5, 2, STR(HEAD_FIELDS));
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_PROTOCOL_ERROR);
    assert_int_equal(talk_raw(STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\n\r\n")),
                     NGHTTP2_PROTOCOL_ERROR);
    /* HPACK that points past the table. */
    buf_clear(&said);
    buf_append_str(&said, preface);
    put_frame(&said, NGHTTP2_HEADERS, 5, 1, STR("\x82\x86\xff\x80\x01"));
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_COMPRESSION_ERROR);
    assert_true(counted(COUNTER_HTTP2_BAD_FRAMES) > 0);
    /* Frames of unknown types are read past; what follows them is seen. */
    buf_clear(&said);
    buf_append_str(&said, preface);
    put_frame(&said, 0xbe, 0xff, 3, STR("unknown"));
    put_frame(&said, NGHTTP2_PING, 0, 1, STR("12345678"));
    assert_int_equal(talk_raw(buf_str(&said)), NGHTTP2_PROTOCOL_ERROR);
    /* Not the preface of HTTP/2: HTTP/1.1 says what it thinks of it. */
    assert_int_equal(talk_raw(STR("PRI / HTTP/1.1\r\n\r\n")), UINT32_MAX);
    http2_open(&client, dial(), false);
    expect_hello();
    http2_close(&client);
}

static char cert_path[128];
static char key_path[128];
static char tls_dir[64];

static int start_tls(void **state)
{
    (void)snprintf(tls_dir, sizeof tls_dir, "/tmp/http2_test.XXXXXX");
    assert_non_null(mkdtemp(tls_dir));
    (void)snprintf(cert_path, sizeof cert_path, "%s/cert.pem", tls_dir);
    (void)snprintf(key_path, sizeof key_path, "%s/key.pem", tls_dir);
    test_certificate_make("localhost", cert_path, key_path);
    assert_int_equal(
        tls_new(&(TlsOptions){.cert_file = cert_path, .key_file = key_path}, &world.tls, NULL),
        STATUS_OK);
    start(&(HttpServerOptions){.listener = {.tls = world.tls, .tls_mode = TLS_IMPLICIT}});
    return 0;
}

static int stop_tls(void **state)
{
    stop();
    (void)unlink(cert_path);
    (void)unlink(key_path);
    (void)rmdir(tls_dir);
    return 0;
}

int main(void)
{
#define PLAIN(test) cmocka_unit_test_setup_teardown(test, start_plain, stop_it)
    const struct CMUnitTest tests[] = {
        PLAIN(test_requests_of_every_kind),
        PLAIN(test_foreign_hosts_and_origins),
        PLAIN(test_bodies_over_their_limits),
        PLAIN(test_heads_over_their_limits),
        cmocka_unit_test_setup_teardown(test_logins_that_take_time, start_guarded, stop_it),
        cmocka_unit_test_setup_teardown(test_alpn, start_tls, stop_tls),
        PLAIN(test_streams_do_not_wait_for_each_other),
        PLAIN(test_slow_stream_stops_its_producer_only),
        PLAIN(test_reset_cancels_the_request),
        PLAIN(test_lost_connection_cancels_the_request),
        PLAIN(test_drain_ends_after_the_answers),
        PLAIN(test_requests_wait_while_answers_are_not_taken),
        cmocka_unit_test_setup_teardown(test_silence_has_an_end, start_impatient, stop_it),
        PLAIN(test_rapid_reset),
        PLAIN(test_provoked_resets),
        PLAIN(test_frames_without_a_request),
        PLAIN(test_header_bombs),
        PLAIN(test_malformed_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
