/* http_server_test.c - the server as a client sees it, over loopback sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/thread.h"
#include "format/compress/compress.h"
#include "net/http/http.h"
#include "test_certificate.h"

/* ---- what the server serves ---- */

enum { STREAM_PIECES = 256, STREAM_PIECE_BYTES = 64 << 10 };

/* A handler that waits for the test to open it. */
typedef struct Gate {
    PoolTask task;
    HttpRequest *request;
    Mutex lock;
    Cond changed;
    bool entered;   /* the handler has the request */
    bool open;      /* it may answer */
    bool cancelled; /* on_cancel was called */
    bool answered;
} Gate;

typedef struct World {
    Loops *loops;
    Pool *pool;
    HttpRouter *router;
    HttpServer *server;
    Tls *tls;
    Gate gate;
    Mutex lock;
    Cond changed;
    int64_t streamed_bytes; /* guarded by lock: accepted from the producer */
    bool stalled;           /* guarded by lock: the producer was told to stop */
    Status stream_status;   /* guarded by lock: how it ended */
    bool stream_ended;      /* guarded by lock */
    char dir[64];
} World;

static World world;

static void on_hello(HttpRequest *req, void *ctx)
{
    http_respond_str(req, 200, STR("text/plain"), STR("hello"));
}

static void on_echo(HttpRequest *req, void *ctx)
{
    http_respond_str(req, 200, STR("application/octet-stream"), req->body);
}

static void on_label(HttpRequest *req, void *ctx)
{
    Str name = http_request_param(req, STR("name"));
    http_respond_str(req, 200, STR("text/plain"), name);
}

static void on_form(HttpRequest *req, void *ctx)
{
    const HttpField *fields;
    size_t count;
    Error err;
    Buf body = {0};

    if (http_request_form(req, &fields, &count, &err) != STATUS_OK) {
        http_respond_status(req, &err);
        return;
    }
    for (size_t i = 0; i < count; i++)
        buf_printf(&body, "%.*s=%.*s;", STR_FMT(fields[i].name), STR_FMT(fields[i].value));
    http_respond(req, 200, NULL, 0, &body);
}

static void on_user(HttpRequest *req, void *ctx)
{
    http_respond_str(req, 200, STR("text/plain"), str_from(req->principal.user));
}

static void on_json(HttpRequest *req, void *ctx)
{
    Buf body = {0};

    for (int i = 0; i < 1000; i++)
        buf_printf(&body, "{\"line\": %d}\n", i);
    http_respond(req, 200, &(HttpField){STR("Content-Type"), STR("application/json")}, 1, &body);
}

static void on_gate_cancel(void *ctx)
{
    Gate *gate = ctx;
    MUTEX_GUARD(&gate->lock);
    gate->cancelled = true;
    cond_broadcast(&gate->changed);
}

static void run_gate(PoolTask *task)
{
    Gate *gate = LUMA_CONTAINER_OF(task, Gate, task);

    http_request_on_cancel(gate->request, on_gate_cancel, gate);
    mutex_lock(&gate->lock);
    gate->entered = true;
    cond_broadcast(&gate->changed);
    while (!gate->open)
        cond_wait(&gate->changed, &gate->lock);
    mutex_unlock(&gate->lock);
    http_respond_str(gate->request, 200, STR("text/plain"), STR("gate"));
    MUTEX_GUARD(&gate->lock);
    gate->answered = true;
    cond_broadcast(&gate->changed);
}

static void on_gate(HttpRequest *req, void *ctx)
{
    world.gate.request = req;
    world.gate.task.run = run_gate;
    pool_submit(world.pool, &world.gate.task);
}

static void gate_reset(void)
{
    MUTEX_GUARD(&world.gate.lock);
    world.gate.entered = world.gate.open = world.gate.cancelled = world.gate.answered = false;
}

static void gate_open(void)
{
    MUTEX_GUARD(&world.gate.lock);
    world.gate.open = true;
    cond_broadcast(&world.gate.changed);
}

static void gate_wait(const bool *what)
{
    mutex_lock(&world.gate.lock);
    while (!*what)
        cond_wait(&world.gate.changed, &world.gate.lock);
    mutex_unlock(&world.gate.lock);
}

typedef struct Stream {
    PoolTask task;
    HttpRequest *request;
    bool compress;
    int pieces;
} Stream;

static void fill_piece(Buf *piece, int idx)
{
    for (int i = 0; i < STREAM_PIECE_BYTES / 16; i++)
        buf_printf(piece, "%07d %07d\n", idx, i);
}

static void run_stream(PoolTask *task)
{
    Stream *stream = LUMA_CONTAINER_OF(task, Stream, task);
    HttpRequest *req = stream->request;
    Status status = STATUS_OK;
    HttpField type = {STR("Content-Type"), STR("text/plain")};

    http_response_begin(req, 200, &type, 1, stream->compress);
    for (int i = 0; i < stream->pieces && status == STATUS_OK; i++) {
        Buf piece = {0};
        fill_piece(&piece, i);
        int64_t len = (int64_t)piece.len;
        bool go_on = http_response_write(req, &piece);
        mutex_lock(&world.lock);
        world.streamed_bytes += len;
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
    mem_free(stream);
    MUTEX_GUARD(&world.lock);
    world.stream_status = status;
    world.stream_ended = true;
    cond_broadcast(&world.changed);
}

static void on_stream(HttpRequest *req, void *ctx)
{
    Stream *stream = MEM_NEW(Stream);

    stream->task.run = run_stream;
    stream->request = req;
    stream->compress = str_eq(http_request_value(req, STR("compress")), STR("yes"));
    stream->pieces = http_request_value(req, STR("short")).ptr ? 3 : STREAM_PIECES;
    pool_submit(world.pool, &stream->task);
}

static Str write_error(int status, Str message, Buf *body)
{
    buf_printf(body, "<%d>", status);
    return STR("text/x-error");
}

/* ---- logins ---- */

typedef struct Login {
    PoolTask task;
    AccessCheck *check;
} Login;

static void run_login(PoolTask *task)
{
    Login *login = LUMA_CONTAINER_OF(task, Login, task);

    if (str_eq(login->check->credentials.secret, STR(""))) {
        login->check->verdict = ACCESS_GRANTED;
        login->check->principal = (Principal){"slow", ROLE_READ};
    }
    login->check->done(login->check);
    mem_free(login);
}

/* "ann:pw" reads, a token writes, "slow" without a password reads and is decided by another thread,
 * others are unknown. */
static bool on_login(void *ctx, AccessCheck *check)
{
    const Credentials *c = &check->credentials;

    check->verdict = ACCESS_UNAUTHENTICATED;
    if (c->kind == CREDENTIAL_PASSWORD && str_eq(c->user, STR("slow"))) {
        Login *login = MEM_NEW(Login);
        login->task.run = run_login;
        login->check = check;
        pool_submit(world.pool, &login->task);
        return false;
    }
    if (c->kind == CREDENTIAL_PASSWORD && str_eq(c->user, STR("ann")) &&
        str_eq(c->secret, STR("pw"))) {
        check->verdict = ACCESS_GRANTED;
        check->principal = (Principal){"ann", ROLE_READ};
    } else if (c->kind == CREDENTIAL_BEARER && str_eq(c->secret, STR("tok"))) {
        check->verdict = ACCESS_GRANTED;
        check->principal = (Principal){"robot", ROLE_WRITE};
    } else if (c->kind == CREDENTIAL_PASSWORD && str_eq(c->user, STR("busy"))) {
        check->verdict = ACCESS_BUSY;
        check->retry_after_s = 7;
    }
    return true;
}

static const AccessOps access_ops = {.on_login = on_login};

/* ---- start and stop ---- */

static void add_route(unsigned methods, const char *pattern, Role role, HttpHandler handler)
{
    HttpRoute route = {.methods = methods,
                       .pattern = pattern,
                       .role = role,
                       .body_bytes_max = 1 << 20,
                       .handler = handler};
    http_router_add(world.router, &route);
}

static void start(const HttpServerOptions *options)
{
    HttpServerOptions o = *options;

    assert_int_equal(loops_new(2, &world.loops, NULL), STATUS_OK);
    assert_int_equal(pool_new("worker", 2, &world.pool, NULL), STATUS_OK);
    mutex_init(&world.lock);
    cond_init(&world.changed);
    mutex_init(&world.gate.lock);
    cond_init(&world.gate.changed);
    gate_reset();
    world.streamed_bytes = 0;
    world.stalled = world.stream_ended = false;
    world.router = http_router_new();
    add_route(HTTP_GET, "/hello", ROLE_NONE, on_hello);
    add_route(HTTP_POST | HTTP_PUT, "/echo", ROLE_WRITE, on_echo);
    add_route(HTTP_GET, "/label/{name}/values", ROLE_READ, on_label);
    add_route(HTTP_GET | HTTP_POST, "/form", ROLE_READ, on_form);
    add_route(HTTP_GET, "/user", ROLE_READ, on_user);
    add_route(HTTP_GET, "/json", ROLE_NONE, on_json);
    add_route(HTTP_GET, "/gate", ROLE_NONE, on_gate);
    add_route(HTTP_GET, "/stream", ROLE_NONE, on_stream);
    http_router_on_error(world.router, "/own/", write_error);
    o.listener.name = "http";
    if (!o.listener.address)
        o.listener.address = "127.0.0.1:0";
    o.listener.output_bytes_high = 256 << 10;
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
    cond_done(&world.gate.changed);
    mutex_done(&world.gate.lock);
    cond_done(&world.changed);
    mutex_done(&world.lock);
}

static int start_plain(void **state)
{
    start(&(HttpServerOptions){0});
    return 0;
}

static int stop_it(void **state)
{
    stop();
    return 0;
}

/* ---- a client ---- */

static int connect_to(const NetAddress *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 20};
    socklen_t len = address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, &address->any, len), 0);
    return fd;
}

static int dial(void)
{
    return connect_to(http_server_address(world.server));
}

static void say(int fd, Str bytes)
{
    while (bytes.len) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        assert_true(n > 0);
        bytes = str_sub(bytes, (size_t)n, bytes.len);
    }
}

/* Reads until the end of the stream; a reset counts as the end. */
static void hear_all(int fd, Buf *heard)
{
    char bytes[16384];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        buf_append(heard, bytes, (size_t)n);
    buf_append_byte(heard, 0);
    heard->len--;
}

/* One conversation: sends, shuts its half, returns all that comes back (NUL-terminated). */
static void talk(Str bytes, Buf *heard)
{
    int fd = dial();

    buf_clear(heard);
    say(fd, bytes);
    (void)shutdown(fd, SHUT_WR);
    hear_all(fd, heard);
    (void)close(fd);
}

/* Reads until `text` was heard. */
static void hear_until(int fd, Buf *heard, const char *text)
{
    char byte;

    while (str_find(buf_str(heard), str_from(text)) < 0) {
        if (recv(fd, &byte, 1, 0) != 1)
            fail_msg("the stream ended after: %.*s", (int)heard->len, heard->ptr);
        buf_append(heard, &byte, 1);
    }
}

static void expect(const Buf *heard, const char *text)
{
    if (str_find(buf_str(heard), str_from(text)) < 0)
        fail_msg("no \"%s\" in:\n%.*s", text, (int)heard->len, heard->ptr);
}

static void expect_not(const Buf *heard, const char *text)
{
    if (str_find(buf_str(heard), str_from(text)) >= 0)
        fail_msg("\"%s\" in:\n%.*s", text, (int)heard->len, heard->ptr);
}

static int count_of(const Buf *heard, const char *text)
{
    Str rest = buf_str(heard);
    int count = 0;

    for (ptrdiff_t at; (at = str_find(rest, str_from(text))) >= 0; count++)
        rest = str_sub(rest, (size_t)at + 1, rest.len);
    return count;
}

static Str body_of(const Buf *heard)
{
    ptrdiff_t at = str_find(buf_str(heard), STR("\r\n\r\n"));
    assert_true(at >= 0);
    return str_sub(buf_str(heard), (size_t)at + 4, heard->len);
}

/* Joins the chunks of a body; *ret_complete: the last chunk was there. */
static void unchunk(Str body, Buf *out, bool *ret_complete)
{
    *ret_complete = false;
    while (body.len) {
        char *end;
        unsigned long len = strtoul(body.ptr, &end, 16);
        size_t head = (size_t)(end - body.ptr) + 2;
        if (len == 0) {
            *ret_complete = str_eq(body, STR("0\r\n\r\n"));
            return;
        }
        if (body.len < head + len + 2)
            return;
        buf_append(out, body.ptr + head, len);
        body = str_sub(body, head + len + 2, body.len);
    }
}

#define HOST "Host: 127.0.0.1\r\n"

/* ---- tests ---- */

static void test_connection_lives_on_for_the_next_request(void **state)
{
    Buf heard = {0};
    int fd = dial();

    for (int i = 0; i < 3; i++) {
        buf_clear(&heard);
        say(fd, STR("GET /hello HTTP/1.1\r\n" HOST "\r\n"));
        hear_until(fd, &heard, "hello");
        expect(&heard, "HTTP/1.1 200 OK\r\n");
        expect(&heard, "Content-Length: 5\r\n");
        expect(&heard, "Date: ");
        expect_not(&heard, "Connection:");
    }
    buf_clear(&heard);
    say(fd, STR("GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    hear_all(fd, &heard);
    expect(&heard, "Connection: close\r\n");
    (void)close(fd);
    buf_done(&heard);
}

static void test_pipelined_answers_come_in_order(void **state)
{
    Buf heard = {0};
    int fd = dial();

    /* The first is answered by a worker, later than the others could be. */
    say(fd, STR("GET /gate HTTP/1.1\r\n" HOST "\r\n"
                "GET /hello HTTP/1.1\r\n" HOST "\r\n"
                "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                "GET /nothing HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    gate_wait(&world.gate.entered);
    gate_open();
    hear_all(fd, &heard);
    ptrdiff_t first = str_find(buf_str(&heard), STR("gate"));
    ptrdiff_t second = str_find(buf_str(&heard), STR("hello"));
    ptrdiff_t third = str_find(buf_str(&heard), STR("abc"));
    ptrdiff_t fourth = str_find(buf_str(&heard), STR("404 Not Found"));
    assert_true(0 < first && first < second && second < third && third < fourth);
    (void)close(fd);
    buf_done(&heard);
}

static void test_many_pipelined_requests_are_all_answered(void **state)
{
    Buf sent = {0};
    Buf heard = {0};

    for (int i = 0; i < 2000; i++)
        buf_append_lit(&sent, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    buf_append_lit(&sent, "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    int fd = dial();
    say(fd, buf_str(&sent));
    hear_all(fd, &heard);
    assert_int_equal(count_of(&heard, "\r\n\r\nhello"), 2001);
    (void)close(fd);
    /* Also when the client has shut its half meanwhile. */
    buf_clear(&sent);
    for (int i = 0; i < 500; i++)
        buf_append_lit(&sent, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    talk(buf_str(&sent), &heard);
    assert_int_equal(count_of(&heard, "\r\n\r\nhello"), 500);
    buf_done(&sent);
    buf_done(&heard);
}

static void test_bodies_chunked_and_compressed(void **state)
{
    Buf heard = {0};
    Buf sent = {0};
    Buf packed = {0};
    char *zeros = mem_zalloc(4 << 20);

    talk(STR("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
             "3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nT: r\r\n\r\n"),
         &heard);
    expect(&heard, "\r\n\r\nabcdefg");
    /* gzip */
    assert_int_equal(compress_encode(CODEC_GZIP, 0, STR("some plain text"), &packed, NULL),
                     STATUS_OK);
    buf_printf(&sent,
               "POST /echo HTTP/1.1\r\n" HOST
               "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
               packed.len);
    buf_append_str(&sent, buf_str(&packed));
    talk(buf_str(&sent), &heard);
    expect(&heard, "\r\n\r\nsome plain text");
    /* cut gzip */
    buf_clear(&sent);
    buf_printf(&sent,
               "POST /echo HTTP/1.1\r\n" HOST
               "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
               packed.len - 3);
    buf_append(&sent, packed.ptr, packed.len - 3);
    talk(buf_str(&sent), &heard);
    expect(&heard, "HTTP/1.1 400 ");
    /* a bomb */
    buf_clear(&sent);
    buf_clear(&packed);
    assert_int_equal(compress_encode(CODEC_GZIP, 0, str_make(zeros, 4 << 20), &packed, NULL),
                     STATUS_OK);
    buf_printf(&sent,
               "POST /echo HTTP/1.1\r\n" HOST
               "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
               packed.len);
    buf_append_str(&sent, buf_str(&packed));
    talk(buf_str(&sent), &heard);
    expect(&heard, "HTTP/1.1 413 ");
    /* too long, said and unsaid */
    talk(STR("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 413 ");
    buf_clear(&sent);
    buf_append_lit(&sent,
                   "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n100001\r\n");
    buf_append(&sent, zeros, 0x100001);
    buf_append_lit(&sent, "\r\n0\r\n\r\n");
    talk(buf_str(&sent), &heard);
    expect(&heard, "HTTP/1.1 413 ");
    talk(STR("POST /echo HTTP/1.1\r\n" HOST "Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx"),
         &heard);
    expect(&heard, "HTTP/1.1 415 ");
    mem_free(zeros);
    buf_done(&packed);
    buf_done(&sent);
    buf_done(&heard);
}

static void test_expect_continue_is_answered_before_the_body(void **state)
{
    Buf heard = {0};
    int fd = dial();

    say(fd,
        STR("POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    hear_until(fd, &heard, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, STR("ok"));
    hear_until(fd, &heard, "\r\n\r\nok");
    (void)close(fd);
    /* Refused before the body is sent. */
    buf_clear(&heard);
    fd = dial();
    say(fd, STR("POST /echo HTTP/1.1\r\n" HOST
                "Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n"));
    hear_all(fd, &heard);
    expect(&heard, "HTTP/1.1 413 ");
    expect_not(&heard, "100 Continue");
    (void)close(fd);
    buf_done(&heard);
}

static void test_routes_parameters_and_methods(void **state)
{
    Buf heard = {0};

    talk(STR("GET /label/a%2Fb%20c/values HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "\r\n\r\na/b c");
    talk(STR("GET /label/%zz/values HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "HTTP/1.1 400 ");
    talk(STR("GET /label//values HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "HTTP/1.1 404 ");
    talk(STR("GET /own/thing HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "Content-Type: text/x-error\r\n");
    expect(&heard, "\r\n\r\n<404>");
    talk(STR("DELETE /echo HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "HTTP/1.1 405 ");
    expect(&heard, "Allow: POST, PUT, OPTIONS\r\n");
    talk(STR("OPTIONS /hello HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "HTTP/1.1 204 ");
    expect(&heard, "Allow: GET, HEAD, OPTIONS\r\n");
    talk(STR("BREW /hello HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "HTTP/1.1 501 ");
    talk(STR("HEAD /hello HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "Content-Length: 5\r\n");
    assert_int_equal(body_of(&heard).len, 0);
    talk(STR("GET http://localhost:9/hello HTTP/1.1\r\nHost: evil\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 200 ");
    talk(STR("GET /hello HTTP/1.1\nHost: a\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 400 ");
    expect(&heard, "{\"error\": \"line does not end in CRLF\", \"status\": 400}\n");
    buf_done(&heard);
}

static void test_forms_join_body_and_query(void **state)
{
    Buf heard = {0};

    talk(STR("POST /form?q=1&match[]=c HTTP/1.1\r\n" HOST
             "Content-Type: Application/X-WWW-form-urlencoded; charset=utf-8\r\n"
             "Content-Length: 36\r\n\r\nmatch%5B%5D=a+b&match[]=%C3%A9&x&&y="),
         &heard);
    expect(&heard, "\r\n\r\nmatch[]=a b;match[]=\xC3\xA9;x=;y=;q=1;match[]=c;");
    talk(STR("GET /form?a=%4 HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "HTTP/1.1 400 ");
    buf_done(&heard);
}

static void test_http_1_0(void **state)
{
    Buf heard = {0};
    Buf all = {0};
    int fd = dial();

    /* No Host; the connection closes unless asked to stay; pieces end with the connection. */
    talk(STR("GET /hello HTTP/1.0\r\n\r\nGET /hello HTTP/1.0\r\n\r\n"), &heard);
    assert_int_equal(count_of(&heard, "hello"), 1);
    expect(&heard, "Connection: close\r\n");
    say(fd, STR("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    buf_clear(&heard);
    hear_until(fd, &heard, "hello");
    expect(&heard, "Connection: keep-alive\r\n");
    buf_clear(&heard);
    say(fd, STR("GET /stream?short=1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    hear_all(fd, &heard);
    expect(&heard, "Connection: close\r\n");
    expect_not(&heard, "Transfer-Encoding");
    for (int i = 0; i < 3; i++)
        fill_piece(&all, i);
    assert_true(str_eq(body_of(&heard), buf_str(&all)));
    (void)close(fd);
    buf_done(&all);
    buf_done(&heard);
}

static void test_answers_are_compressed_when_accepted(void **state)
{
    static const char *const accepts[] = {"gzip", "deflate;q=1, gzip;q=0", "br, *"};
    Buf heard = {0};
    Buf plain = {0};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(accepts); i++) {
        Buf sent = {0};
        buf_printf(&sent, "GET /json HTTP/1.1\r\n" HOST "Accept-Encoding: %s\r\n\r\n", accepts[i]);
        talk(buf_str(&sent), &heard);
        expect(&heard, i == 1 ? "Content-Encoding: deflate\r\n" : "Content-Encoding: gzip\r\n");
        expect(&heard, "Vary: Accept-Encoding\r\n");
        buf_clear(&plain);
        assert_int_equal(compress_decode(i == 1 ? CODEC_ZLIB : CODEC_GZIP, body_of(&heard), 1 << 20,
                                         &plain, NULL),
                         STATUS_OK);
        assert_true(str_ends(buf_str(&plain), STR("{\"line\": 999}\n")));
        buf_done(&sent);
    }
    talk(STR("GET /json HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0\r\n\r\n"), &heard);
    expect_not(&heard, "Content-Encoding");
    talk(STR("GET /hello HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n"), &heard);
    expect_not(&heard, "Content-Encoding"); /* too short to be worth it */
    /* In pieces. */
    int fd = dial();
    buf_clear(&heard);
    say(fd, STR("GET /stream?short=1&compress=yes HTTP/1.1\r\n" HOST
                "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n"));
    hear_all(fd, &heard);
    (void)close(fd);
    Buf joined = {0};
    Buf all = {0};
    bool complete;
    unchunk(body_of(&heard), &joined, &complete);
    assert_true(complete);
    buf_clear(&plain);
    assert_int_equal(compress_decode(CODEC_GZIP, buf_str(&joined), 1 << 20, &plain, NULL),
                     STATUS_OK);
    for (int i = 0; i < 3; i++)
        fill_piece(&all, i);
    assert_true(str_eq(buf_str(&plain), buf_str(&all)));
    buf_done(&joined);
    buf_done(&all);
    buf_done(&plain);
    buf_done(&heard);
}

static void test_foreign_pages_are_kept_out(void **state)
{
    Buf heard = {0};

    talk(STR("GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 421 ");
    talk(STR("GET /hello HTTP/1.1\r\nHost: 192.0.2.7:80\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 421 ");
    talk(STR("GET /hello HTTP/1.1\r\nHost:\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 421 ");
    talk(STR("GET /hello HTTP/1.1\r\nHost: LocalHost:80\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 200 ");
    talk(STR("GET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 200 ");
    talk(STR("GET /hello HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 403 ");
    expect_not(&heard, "Access-Control");
    talk(STR("GET /hello HTTP/1.1\r\n" HOST "Origin: null\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 403 ");
    talk(STR("GET /hello HTTP/1.1\r\n" HOST "Origin: http://127.0.0.1\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 200 ");
    talk(STR("GET /hello HTTP/1.1\r\n" HOST "Origin: http://127.0.0.1:81\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 403 ");
    talk(STR("GET /hello HTTP/1.1\r\n" HOST
             "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n\r\n"),
         &heard);
    expect(&heard, "HTTP/1.1 403 ");
    talk(STR("GET /hello HTTP/1.1\r\n" HOST
             "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\r\n"),
         &heard);
    expect(&heard, "HTTP/1.1 200 ");
    buf_done(&heard);
}

static int start_with_names(void **state)
{
    static const char *const hosts[] = {"metrics.example", NULL};
    static const char *const cors[] = {"https://ui.example", NULL};
    start(&(HttpServerOptions){.hosts = hosts, .cors = cors});
    return 0;
}

static void test_configured_names_are_let_in(void **state)
{
    Buf heard = {0};

    talk(STR("GET /hello HTTP/1.1\r\nHost: Metrics.Example:9090\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 200 ");
    talk(STR("GET /hello HTTP/1.1\r\nHost: x.metrics.example\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 421 ");
    talk(STR("GET /hello HTTP/1.1\r\n" HOST "Origin: https://ui.example\r\n\r\n"), &heard);
    expect(&heard, "Access-Control-Allow-Origin: https://ui.example\r\n");
    expect(&heard, "Vary: Origin\r\n");
    talk(STR("OPTIONS /echo HTTP/1.1\r\n" HOST "Origin: https://ui.example\r\n"
             "Access-Control-Request-Method: PUT\r\n\r\n"),
         &heard);
    expect(&heard, "HTTP/1.1 204 ");
    expect(&heard, "Access-Control-Allow-Methods: POST, PUT, OPTIONS\r\n");
    buf_done(&heard);
}

static int start_with_users(void **state)
{
    start(&(HttpServerOptions){.listener.access = {&access_ops, NULL}});
    return 0;
}

static void test_credentials_and_roles(void **state)
{
    Buf heard = {0};

    talk(STR("GET /user HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "HTTP/1.1 401 ");
    expect(&heard, "WWW-Authenticate: Basic");
    talk(STR("GET /user HTTP/1.1\r\n" HOST "Authorization: Basic YW5uOnB3\r\n\r\n"), &heard);
    expect(&heard, "\r\n\r\nann");
    talk(STR("GET /user HTTP/1.1\r\n" HOST "Authorization: Basic YW5uOnB4\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 401 ");
    talk(STR("GET /user HTTP/1.1\r\n" HOST "Authorization: Basic !!!\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 401 ");
    talk(STR("GET /user HTTP/1.1\r\n" HOST "Authorization: bearer tok\r\n\r\n"), &heard);
    expect(&heard, "\r\n\r\nrobot");
    talk(STR("PUT /echo HTTP/1.1\r\n" HOST "Authorization: Basic YW5uOnB3\r\n"
             "Content-Length: 1\r\n\r\nx"),
         &heard);
    expect(&heard, "HTTP/1.1 403 ");
    talk(STR("PUT /echo HTTP/1.1\r\n" HOST "Authorization: Bearer tok\r\n"
             "Content-Length: 1\r\n\r\nx"),
         &heard);
    expect(&heard, "\r\n\r\nx");
    talk(STR("GET /user HTTP/1.1\r\n" HOST "Authorization: Basic YnVzeTo=\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 429 ");
    expect(&heard, "Retry-After: 7\r\n");
    talk(STR("PUT /echo HTTP/1.1\r\n" HOST "Authorization: Basic YnVzeTo=\r\n"
             "Content-Length: 0\r\n\r\n"),
         &heard);
    expect(&heard, "HTTP/1.1 503 ");
    /* Decided by another thread; the body and a second request wait. */
    int fd = dial();
    buf_clear(&heard);
    say(fd, STR("POST /form HTTP/1.1\r\n" HOST "Authorization: Basic c2xvdzo=\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b"
                "GET /user HTTP/1.1\r\n" HOST "Authorization: Basic c2xvdzo=\r\n"
                "Connection: close\r\n\r\n"));
    hear_all(fd, &heard);
    expect(&heard, "\r\n\r\na=b;");
    expect(&heard, "\r\n\r\nslow");
    (void)close(fd);
    talk(STR("GET /user HTTP/1.1\r\n" HOST "Authorization: Basic c2xvdzpubw==\r\n\r\n"), &heard);
    expect(&heard, "HTTP/1.1 401 ");
    talk(STR("PUT /echo HTTP/1.1\r\n" HOST "Authorization: Basic c2xvdzo=\r\n"
             "Content-Length: 1\r\n\r\nx"),
         &heard);
    expect(&heard, "HTTP/1.1 403 ");
    buf_done(&heard);
}

static void test_slow_client_stops_its_producer(void **state)
{
    Buf heard = {0};
    Buf joined = {0};
    Buf all = {0};
    bool complete;
    int fd = dial();
    int receive_bytes = 64 << 10;

    /* Whatever this machine's defaults are. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    say(fd, STR("GET /stream HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    mutex_lock(&world.lock);
    while (!world.stalled)
        cond_wait(&world.changed, &world.lock);
    /* 16 MiB are to come; the mark is 256 KiB, and socket buffers take some megabytes at most. */
    assert_true(world.streamed_bytes < STREAM_PIECES * STREAM_PIECE_BYTES);
    mutex_unlock(&world.lock);
    hear_all(fd, &heard);
    unchunk(body_of(&heard), &joined, &complete);
    assert_true(complete);
    for (int i = 0; i < STREAM_PIECES; i++)
        fill_piece(&all, i);
    assert_true(str_eq(buf_str(&joined), buf_str(&all)));
    (void)close(fd);
    buf_done(&heard);
    buf_done(&joined);
    buf_done(&all);
}

static void test_vanished_client_ends_its_producer(void **state)
{
    struct linger reset = {1, 0};
    Buf heard = {0};
    int fd = dial();

    say(fd, STR("GET /stream HTTP/1.1\r\n" HOST "\r\n"));
    hear_until(fd, &heard, "200 OK");
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    (void)close(fd);
    mutex_lock(&world.lock);
    while (!world.stream_ended)
        cond_wait(&world.changed, &world.lock);
    assert_int_equal(world.stream_status, STATUS_CANCELLED);
    mutex_unlock(&world.lock);
    buf_done(&heard);
}

static void test_handler_hears_that_the_client_left(void **state)
{
    int fd = dial();

    say(fd, STR("GET /gate HTTP/1.1\r\n" HOST "\r\n"));
    gate_wait(&world.gate.entered);
    (void)close(fd);
    gate_wait(&world.gate.cancelled);
    gate_open();
    gate_wait(&world.gate.answered);
}

typedef struct Drain {
    Thread thread;
    bool ended; /* atomic */
} Drain;

static void run_drain(void *arg)
{
    Drain *drain = arg;
    loops_drain(world.loops, 20 * NS_PER_SEC);
    __atomic_store_n(&drain->ended, true, __ATOMIC_RELEASE);
}

static void test_drain_finishes_what_is_under_way(void **state)
{
    Buf heard = {0};
    Buf idle_heard = {0};
    Drain drain = {0};
    int idle = dial();
    int fd = dial();

    say(idle, STR("GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    hear_until(idle, &idle_heard, "hello");
    say(fd, STR("GET /gate HTTP/1.1\r\n" HOST "\r\n"));
    gate_wait(&world.gate.entered);
    assert_int_equal(thread_start(&drain.thread, "drain", run_drain, &drain, NULL), STATUS_OK);
    hear_all(idle, &idle_heard); /* closed, as it is idle */
    assert_false(__atomic_load_n(&drain.ended, __ATOMIC_ACQUIRE));
    gate_open();
    hear_all(fd, &heard);
    expect(&heard, "Connection: close\r\n");
    expect(&heard, "\r\n\r\ngate");
    (void)close(fd);
    (void)close(idle);
    thread_join(&drain.thread);
    /* Nobody listens any more. */
    const NetAddress *address = http_server_address(world.server);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_not_equal(connect(fd, &address->any, sizeof address->v4), 0);
    (void)close(fd);
    buf_done(&heard);
    buf_done(&idle_heard);
}

/* The idle time must outlast the moment between connecting and sending, on a busy machine, too. */
static int start_hasty(void **state)
{
    start(&(HttpServerOptions){.head_timeout_ns = 50 * NS_PER_MS,
                               .body_timeout_ns = 50 * NS_PER_MS,
                               .idle_timeout_ns = NS_PER_SEC});
    return 0;
}

static int start_for_one(void **state)
{
    start(&(HttpServerOptions){.listener.connections_max = 1});
    return 0;
}

static void test_silent_clients_are_told_and_closed(void **state)
{
    Buf heard = {0};

    for (int i = 0; i < 3; i++) {
        static const char *const sent[] = {
            "", "GET /hello HTT", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab"};
        int fd = dial();
        buf_clear(&heard);
        say(fd, str_from(sent[i]));
        hear_all(fd, &heard);
        if (i == 0)
            assert_int_equal(heard.len, 0);
        else
            expect(&heard, "HTTP/1.1 408 ");
        (void)close(fd);
    }
    buf_done(&heard);
}

static void test_connections_over_the_limit_are_refused(void **state)
{
    Buf heard = {0};
    int first = dial();

    /* The first is counted once it has been answered. */
    say(first, STR("GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    hear_until(first, &heard, "hello");
    buf_clear(&heard);
    int second = dial();
    hear_all(second, &heard);
    expect(&heard, "HTTP/1.1 503 ");
    expect(&heard, "Retry-After: ");
    (void)close(second);
    (void)close(first);
    buf_done(&heard);
}

static int start_impatient(void **state)
{
    start(&(HttpServerOptions){.write_timeout_ns = 30 * NS_PER_MS});
    return 0;
}

static void test_client_that_reads_nothing_is_cut_off(void **state)
{
    int fd = dial();

    say(fd, STR("GET /stream HTTP/1.1\r\n" HOST "\r\n"));
    mutex_lock(&world.lock);
    while (!world.stream_ended)
        cond_wait(&world.changed, &world.lock);
    Status status = world.stream_status;
    mutex_unlock(&world.lock);
    assert_int_equal(status, STATUS_CANCELLED);
    (void)close(fd);
}

static void test_hard_stop_ends_a_stalled_producer(void **state)
{
    int fd = dial();

    say(fd, STR("GET /stream HTTP/1.1\r\n" HOST "\r\n"));
    mutex_lock(&world.lock);
    while (!world.stalled)
        cond_wait(&world.changed, &world.lock);
    mutex_unlock(&world.lock);
    loops_drain(world.loops, 0);
    mutex_lock(&world.lock);
    while (!world.stream_ended)
        cond_wait(&world.changed, &world.lock);
    Status status = world.stream_status;
    mutex_unlock(&world.lock);
    assert_int_equal(status, STATUS_CANCELLED);
    (void)close(fd);
}

static MemBudget budget;

static int start_on_a_budget(void **state)
{
    mem_budget_init(&budget, NULL, "request bodies", 100000);
    start(&(HttpServerOptions){.budget = &budget});
    return 0;
}

static void test_bodies_over_the_budget_are_put_off(void **state)
{
    Buf sent = {0};
    Buf heard = {0};
    char *zeros = mem_zalloc(500000);

    talk(STR("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), &heard);
    expect(&heard, "\r\n\r\nabc");
    buf_append_lit(&sent, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 500000\r\n\r\n");
    buf_append(&sent, zeros, 500000);
    talk(buf_str(&sent), &heard);
    expect(&heard, "HTTP/1.1 503 ");
    expect(&heard, "Retry-After: 1\r\n");
    assert_int_equal(mem_budget_used(&budget), 0);
    mem_free(zeros);
    buf_done(&sent);
    buf_done(&heard);
}

/* ---- a storm ---- */

enum { STORM_CLIENTS = 6, STORM_ROUNDS = 40 };

/* Connects, asks for things, leaves at any point, politely or not. */
static void run_rude_client(void *arg)
{
    static const char *const requests[] = {
        "GET /hello HTTP/1.1\r\n" HOST "\r\n",
        "GET /stream HTTP/1.1\r\n" HOST "\r\n",
        "GET /stream?short=1&compress=yes HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 300000\r\n\r\nxx",
        "GET /json HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n",
        "GET /hel",
        "nonsense\r\n",
    };
    uint64_t seed = (uint64_t) * (int *)arg * 7919;
    struct linger reset = {1, 0};
    char bytes[8192];

    for (int round = 0; round < STORM_ROUNDS; round++) {
        const NetAddress *address = http_server_address(world.server);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, &address->any, sizeof address->v4) != 0) {
            (void)close(fd);
            continue;
        }
        for (int i = 0; i < 3; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            const char *request = requests[(seed >> 33) % LUMA_ARRAY_LEN(requests)];
            (void)send(fd, request, strlen(request), MSG_NOSIGNAL);
            if (seed >> 40 & 1)
                (void)recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        }
        if (seed >> 41 & 1)
            (void)shutdown(fd, SHUT_WR);
        if (seed >> 42 & 1)
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        (void)close(fd);
    }
}

/* Valid requests with a few bytes changed: whatever they are then, each connection ends and the
 * server lives on. */
static void test_garbled_requests_are_answered_or_closed(void **state)
{
    static const char *const requests[] = {
        "POST /form?a=%41&b=c HTTP/1.1\r\n" HOST
        "Origin: http://127.0.0.1\r\nAccept-Encoding: gzip\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nx=%20&y",
        "PUT http://localhost/echo HTTP/1.1\r\nHost: [::1]:1\r\nTransfer-Encoding: chunked\r\n"
        "Content-Encoding: gzip\r\nAuthorization: Basic "
        "YW5uOnB3\r\n\r\n4\r\n\x1f\x8b\x08\r\r\n0\r\n\r\n",
        "OPTIONS /label/a/values HTTP/1.1\r\n" HOST "Access-Control-Request-Method: GET\r\n"
        "Expect: 100-continue\r\n\r\nHEAD /json HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    };
    uint64_t seed = 99;
    Buf heard = {0};

    for (int round = 0; round < 1500; round++) {
        Buf sent = {0};
        buf_append_str(&sent, str_from(requests[round % 3]));
        for (int i = 0; i < 1 + round % 4; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            sent.ptr[(seed >> 20) % sent.len] = (char)(seed >> 52);
        }
        talk(buf_str(&sent), &heard);
        if (heard.len)
            expect(&heard, "HTTP/1.1 ");
        buf_done(&sent);
    }
    talk(STR("GET /hello HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "hello");
    buf_done(&heard);
}

static void test_rude_clients_leave_nothing_behind(void **state)
{
    Thread threads[STORM_CLIENTS];
    int numbers[STORM_CLIENTS];
    Buf heard = {0};

    for (int i = 0; i < STORM_CLIENTS; i++) {
        numbers[i] = i + 1;
        assert_int_equal(thread_start(&threads[i], "rude", run_rude_client, &numbers[i], NULL),
                         STATUS_OK);
    }
    for (int i = 0; i < STORM_CLIENTS; i++)
        thread_join(&threads[i]);
    while (counter_get(COUNTER_CONNECTIONS_OPEN) > 0)
        (void)usleep(1000);
    talk(STR("GET /hello HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect(&heard, "hello");
    buf_done(&heard);
}

/* ---- TLS ---- */

static char cert_path[128];
static char key_path[128];

static int start_tls(void **state)
{
    (void)snprintf(world.dir, sizeof world.dir, "/tmp/http_server_test.XXXXXX");
    assert_non_null(mkdtemp(world.dir));
    (void)snprintf(cert_path, sizeof cert_path, "%s/cert.pem", world.dir);
    (void)snprintf(key_path, sizeof key_path, "%s/key.pem", world.dir);
    test_certificate_make("first", cert_path, key_path);
    TlsOptions options = {
        .cert_file = cert_path, .key_file = key_path, .client_ca_file = cert_path};
    assert_int_equal(tls_new(&options, &world.tls, NULL), STATUS_OK);
    start(&(HttpServerOptions){.listener = {.tls = world.tls, .tls_mode = TLS_IMPLICIT}});
    return 0;
}

static int stop_tls(void **state)
{
    stop();
    (void)unlink(cert_path);
    (void)unlink(key_path);
    (void)rmdir(world.dir);
    return 0;
}

typedef struct TlsClient {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
} TlsClient;

static void tls_dial(TlsClient *client, const char *alpn)
{
    client->fd = dial();
    client->ctx = SSL_CTX_new(TLS_client_method());
    client->ssl = SSL_new(client->ctx);
    assert_int_equal(SSL_set_fd(client->ssl, client->fd), 1);
    if (alpn)
        assert_int_equal(
            SSL_set_alpn_protos(client->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn)),
            0);
    assert_int_equal(SSL_connect(client->ssl), 1);
}

static void tls_close(TlsClient *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->ctx);
    (void)close(client->fd);
}

static void server_name(const TlsClient *client, char name[64])
{
    X509 *cert = SSL_get1_peer_certificate(client->ssl);
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, 64) >
                0);
    X509_free(cert);
}

static void tls_say(TlsClient *client, Str bytes)
{
    assert_int_equal(SSL_write(client->ssl, bytes.ptr, (int)bytes.len), (int)bytes.len);
}

static void tls_hear_all(TlsClient *client, Buf *heard)
{
    char bytes[16384];
    int n;

    while ((n = SSL_read(client->ssl, bytes, sizeof bytes)) > 0)
        buf_append(heard, bytes, (size_t)n);
    /* close_notify came: the stream was not cut. */
    assert_int_equal(SSL_get_error(client->ssl, n), SSL_ERROR_ZERO_RETURN);
}

static void test_tls_serves_and_reloads_its_certificate(void **state)
{
    TlsClient old;
    TlsClient new;
    Buf heard = {0};
    Buf joined = {0};
    bool complete;
    char name[64];

    tls_dial(&old, "\x03spy\x08http/1.1");
    const unsigned char *alpn;
    unsigned alpn_len;
    SSL_get0_alpn_selected(old.ssl, &alpn, &alpn_len);
    assert_true(str_eq(str_make(alpn, alpn_len), STR("http/1.1")));
    test_certificate_make("second", cert_path, key_path);
    assert_int_equal(tls_reload(world.tls, NULL), STATUS_OK);
    tls_dial(&new, NULL);
    server_name(&old, name);
    assert_string_equal(name, "first");
    server_name(&new, name);
    assert_string_equal(name, "second");
    /* The old connection lives on; 16 MiB through the marks. */
    tls_say(&old, STR("GET /hello HTTP/1.1\r\n" HOST "\r\n"
                      "GET /stream HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    tls_hear_all(&old, &heard);
    expect(&heard, "hello");
    ptrdiff_t second = str_find(buf_str(&heard), STR("hello"));
    Buf tail = {.ptr = heard.ptr + second, .len = heard.len - (size_t)second};
    unchunk(body_of(&tail), &joined, &complete);
    assert_true(complete);
    assert_int_equal(joined.len, STREAM_PIECES * STREAM_PIECE_BYTES);
    /* A certificate that cannot be read changes nothing. */
    assert_int_equal(truncate(cert_path, 10), 0);
    assert_int_equal(tls_reload(world.tls, NULL), STATUS_INVALID);
    buf_clear(&heard);
    tls_say(&new, STR("GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    tls_hear_all(&new, &heard);
    expect(&heard, "hello");
    tls_close(&old);
    tls_close(&new);
    buf_done(&joined);
    buf_done(&heard);
}

static void test_plain_bytes_to_a_tls_port_are_no_request(void **state)
{
    Buf heard = {0};

    talk(STR("GET /hello HTTP/1.1\r\n" HOST "\r\n"), &heard);
    expect_not(&heard, "HTTP/1.1 200");
    buf_done(&heard);
}

int main(void)
{
#define PLAIN(test) cmocka_unit_test_setup_teardown(test, start_plain, stop_it)
    const struct CMUnitTest tests[] = {
        PLAIN(test_connection_lives_on_for_the_next_request),
        PLAIN(test_pipelined_answers_come_in_order),
        PLAIN(test_many_pipelined_requests_are_all_answered),
        PLAIN(test_bodies_chunked_and_compressed),
        PLAIN(test_expect_continue_is_answered_before_the_body),
        PLAIN(test_routes_parameters_and_methods),
        PLAIN(test_forms_join_body_and_query),
        PLAIN(test_http_1_0),
        PLAIN(test_answers_are_compressed_when_accepted),
        PLAIN(test_foreign_pages_are_kept_out),
        cmocka_unit_test_setup_teardown(test_configured_names_are_let_in, start_with_names,
                                        stop_it),
        cmocka_unit_test_setup_teardown(test_credentials_and_roles, start_with_users, stop_it),
        PLAIN(test_slow_client_stops_its_producer),
        PLAIN(test_vanished_client_ends_its_producer),
        PLAIN(test_handler_hears_that_the_client_left),
        PLAIN(test_drain_finishes_what_is_under_way),
        cmocka_unit_test_setup_teardown(test_silent_clients_are_told_and_closed, start_hasty,
                                        stop_it),
        cmocka_unit_test_setup_teardown(test_connections_over_the_limit_are_refused, start_for_one,
                                        stop_it),
        cmocka_unit_test_setup_teardown(test_client_that_reads_nothing_is_cut_off, start_impatient,
                                        stop_it),
        PLAIN(test_hard_stop_ends_a_stalled_producer),
        cmocka_unit_test_setup_teardown(test_bodies_over_the_budget_are_put_off, start_on_a_budget,
                                        stop_it),
        PLAIN(test_garbled_requests_are_answered_or_closed),
        PLAIN(test_rude_clients_leave_nothing_behind),
        cmocka_unit_test_setup_teardown(test_tls_serves_and_reloads_its_certificate, start_tls,
                                        stop_tls),
        cmocka_unit_test_setup_teardown(test_plain_bytes_to_a_tls_port_are_no_request, start_tls,
                                        stop_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
