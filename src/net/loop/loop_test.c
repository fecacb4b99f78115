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
#include "net/loop/loop.h"
#include "test_certificate.h"

/* ---- a line protocol: echo, with a few words of command ---- */

static int opened; /* atomic */
static int closed; /* atomic */

static bool on_open(Connection *conn, void *ctx)
{
    assert_string_equal(ctx, "ctx");
    conn_set_user(conn, mem_alloc(1));
    (void)__atomic_fetch_add(&opened, 1, __ATOMIC_RELAXED);
    return true;
}

static bool run_line(Connection *conn, Str line, size_t used)
{
    Error err;

    if (str_eq(line, STR("STARTTLS"))) {
        conn_write(conn, "S", 1);
        if (conn_start_tls(conn, used, &err) == STATUS_OK)
            return false; /* what follows is not for us */
        conn_write(conn, "denied\n", 7);
        conn_close(conn);
    } else if (str_eq(line, STR("WHO"))) {
        Buf answer = {0};
        buf_printf(&answer, "%s %s\n", conn_is_tls(conn) ? "tls" : "plain",
                   conn_tls_client_name(conn));
        conn_write_buf(conn, &answer);
    } else if (str_eq(line, STR("BYE"))) {
        conn_close(conn);
    } else if (str_eq(line, STR("WAIT"))) {
        conn_set_timeout(conn, 20 * NS_PER_MS);
    } else {
        conn_write(conn, line.ptr, line.len);
        conn_write(conn, "\n", 1);
    }
    return !conn_is_closed(conn);
}

static size_t on_data(Connection *conn, Str bytes)
{
    Str rest = bytes;
    ptrdiff_t lf;

    while ((lf = str_find_byte(rest, '\n')) >= 0) {
        Str line = str_sub(rest, 0, (size_t)lf);
        rest = str_sub(rest, (size_t)lf + 1, rest.len);
        if (!run_line(conn, line, bytes.len - rest.len))
            break;
    }
    return bytes.len - rest.len;
}

static void on_timeout(Connection *conn)
{
    conn_write(conn, "timeout\n", 8);
}

static void on_close(Connection *conn)
{
    mem_free(conn_user(conn));
    (void)__atomic_fetch_add(&closed, 1, __ATOMIC_RELAXED);
}

static const ConnOps line_ops = {
    .on_open = on_open, .on_data = on_data, .on_timeout = on_timeout, .on_close = on_close};

/* ---- client ---- */

static Loops *loops;
static Listener *listener;

static int start(void **state)
{
    static char ctx[] = "ctx";
    ListenerOptions options = {
        .name = "line", .address = "127.0.0.1:0", .ops = &line_ops, .ctx = ctx};

    opened = closed = 0;
    assert_int_equal(loops_new(2, &loops, NULL), STATUS_OK);
    assert_int_equal(listener_new(loops, &options, &listener, NULL), STATUS_OK);
    return 0;
}

static int stop(void **state)
{
    loops = loops_free(loops);
    assert_int_equal(opened, closed);
    return 0;
}

static int dial(const NetAddress *address)
{
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, &address->any, len), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect_line(int fd, const char *line)
{
    char text[256];
    size_t len = 0;

    while (len < sizeof text - 1 && recv(fd, text + len, 1, 0) == 1 && text[len++] != '\n')
        continue;
    text[len] = 0;
    assert_string_equal(text, line);
}

static void expect_end(int fd)
{
    char byte;
    assert_true(recv(fd, &byte, 1, 0) <= 0);
}

/* ---- tests ---- */

static void test_partial_lines_are_kept_and_shown_again(void **state)
{
    int fd = dial(listener_address(listener));

    say(fd, "one\ntw");
    expect_line(fd, "one\n");
    say(fd, "o\nthr");
    expect_line(fd, "two\n");
    say(fd, "ee\nWHO\nWAIT\n");
    expect_line(fd, "three\n");
    expect_line(fd, "plain \n");
    expect_line(fd, "timeout\n");
    say(fd, "last\nBYE\nmore\n");
    expect_line(fd, "last\n");
    expect_end(fd);
    (void)close(fd);
}

static void test_connections_are_spread_over_the_loops(void **state)
{
    enum { COUNT = 20 };
    int fds[COUNT];

    for (int i = 0; i < COUNT; i++) {
        fds[i] = dial(listener_address(listener));
        say(fds[i], "hi\n");
        expect_line(fds[i], "hi\n");
    }
    assert_int_equal(listener_connection_count(listener), COUNT);
    for (int i = 0; i < COUNT; i++)
        (void)close(fds[i]);
}

static void test_the_port_in_use_is_an_error(void **state)
{
    char text[64];
    Listener *second;
    Error err;
    ListenerOptions options = {.name = "second",
                               .address = net_address_format(listener_address(listener), text),
                               .ops = &line_ops};

    assert_int_equal(listener_new(loops, &options, &second, &err), STATUS_IO);
    options.address = "nonsense";
    assert_int_equal(listener_new(loops, &options, &second, &err), STATUS_INVALID);
    options.address = "127.0.0.1:65536";
    assert_int_equal(listener_new(loops, &options, &second, &err), STATUS_INVALID);
}

static void test_all_addresses_are_heard_by_one_listener(void **state)
{
    static char ctx[] = "ctx";
    Listener *wide;
    ListenerOptions options = {.name = "wide", .address = ":0", .ops = &line_ops, .ctx = ctx};
    assert_int_equal(listener_new(loops, &options, &wide, NULL), STATUS_OK);
    assert_true(net_address_is_any(listener_address(wide)));
    NetAddress v4 = {.v4 = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons(net_address_port(listener_address(wide)))}};
    int fd = dial(&v4);
    say(fd, "hi\n");
    expect_line(fd, "hi\n");
    (void)close(fd);
    listener_stop(wide);
}

static int verdict;  /* atomic: AccessVerdict of the next accept */
static int released; /* atomic */

static AccessVerdict on_accept(void *ctx, const char *name, const NetAddress *peer)
{
    assert_string_equal(name, "guarded");
    assert_true(net_address_is_loopback(peer));
    return (AccessVerdict)__atomic_load_n(&verdict, __ATOMIC_RELAXED);
}

static void on_release(void *ctx, const char *name, const NetAddress *peer)
{
    (void)__atomic_fetch_add(&released, 1, __ATOMIC_RELAXED);
}

static void test_admission_is_asked_at_accept(void **state)
{
    static char ctx[] = "ctx";
    static const AccessOps ops = {.on_accept = on_accept, .on_release = on_release};
    Listener *guarded;
    ListenerOptions options = {.name = "guarded",
                               .address = "127.0.0.1:0",
                               .ops = &line_ops,
                               .ctx = ctx,
                               .access = {&ops, NULL},
                               .refusal = STR("go away\n")};
    released = 0;
    assert_int_equal(listener_new(loops, &options, &guarded, NULL), STATUS_OK);
    __atomic_store_n(&verdict, ACCESS_BUSY, __ATOMIC_RELAXED);
    int fd = dial(listener_address(guarded));
    expect_line(fd, "go away\n");
    expect_end(fd);
    (void)close(fd);
    __atomic_store_n(&verdict, ACCESS_BANNED, __ATOMIC_RELAXED);
    fd = dial(listener_address(guarded));
    expect_end(fd);
    (void)close(fd);
    __atomic_store_n(&verdict, ACCESS_GRANTED, __ATOMIC_RELAXED);
    fd = dial(listener_address(guarded));
    say(fd, "BYE\n");
    expect_end(fd);
    (void)close(fd);
    loops_drain(loops, 10 * NS_PER_SEC);
    assert_int_equal(__atomic_load_n(&released, __ATOMIC_RELAXED), 1);
}

/* ---- posting ---- */

enum { SENDERS = 4, TASKS = 20000 };

typedef struct Task {
    LoopTask task;
    int sender;
    int number;
} Task;

static int next_number[SENDERS]; /* loop thread */
static bool out_of_order;        /* loop thread */
static int run_count;            /* atomic */

static void run_task(LoopTask *loop_task)
{
    Task *task = LUMA_CONTAINER_OF(loop_task, Task, task);

    if (next_number[task->sender]++ != task->number)
        out_of_order = true;
    mem_free(task);
    (void)__atomic_fetch_add(&run_count, 1, __ATOMIC_RELEASE);
}

static void run_sender(void *arg)
{
    int sender = *(int *)arg;

    for (int i = 0; i < TASKS; i++) {
        Task *task = MEM_NEW(Task);
        *task = (Task){{.run = run_task}, sender, i};
        loop_post(loops_get(loops, 1), &task->task);
    }
}

static void test_tasks_of_a_sender_run_once_and_in_order(void **state)
{
    Thread threads[SENDERS];
    int numbers[SENDERS];

    memset(next_number, 0, sizeof next_number);
    out_of_order = false;
    run_count = 0;
    for (int i = 0; i < SENDERS; i++) {
        numbers[i] = i;
        assert_int_equal(thread_start(&threads[i], "sender", run_sender, &numbers[i], NULL),
                         STATUS_OK);
    }
    for (int i = 0; i < SENDERS; i++)
        thread_join(&threads[i]);
    while (__atomic_load_n(&run_count, __ATOMIC_ACQUIRE) < SENDERS * TASKS)
        (void)usleep(1000);
    assert_false(out_of_order);
}

typedef struct Clockwork {
    LoopTask task;
    LoopTimer *timer;
    LoopTimer *stopped;
    int fired; /* atomic */
} Clockwork;

static void on_tick(void *ctx)
{
    Clockwork *work = ctx;
    if (__atomic_add_fetch(&work->fired, 1, __ATOMIC_RELEASE) == 3)
        work->timer = loop_timer_free(work->timer);
}

static void on_never(void *ctx)
{
    fail_msg("a stopped timer fired");
}

static void start_clockwork(LoopTask *task)
{
    Clockwork *work = LUMA_CONTAINER_OF(task, Clockwork, task);
    Loop *loop = loops_get(loops, 0);

    work->timer = loop_timer_new(loop, on_tick, work);
    work->stopped = loop_timer_new(loop, on_never, work); /* freed by loops_free */
    loop_timer_start(work->stopped, NS_PER_MS, 0);
    loop_timer_stop(work->stopped);
    loop_timer_start(work->timer, NS_PER_MS, NS_PER_MS);
}

static void test_timers_repeat_until_freed(void **state)
{
    Clockwork work = {.task.run = start_clockwork};

    loop_post(loops_get(loops, 0), &work.task);
    while (__atomic_load_n(&work.fired, __ATOMIC_ACQUIRE) < 3)
        (void)usleep(1000);
    (void)usleep(20000);
    assert_int_equal(__atomic_load_n(&work.fired, __ATOMIC_ACQUIRE), 3);
}

/* ---- TLS in the middle ---- */

static char dir[] = "/tmp/loop_test.XXXXXX";
static char cert_path[64];
static char key_path[64];
static Tls *tls;

static int start_tls(void **state)
{
    static char ctx[] = "ctx";

    (void)memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(cert_path, sizeof cert_path, "%s/cert", dir);
    (void)snprintf(key_path, sizeof key_path, "%s/key", dir);
    test_certificate_make("ann", cert_path, key_path);
    TlsOptions tls_options = {
        .cert_file = cert_path, .key_file = key_path, .client_ca_file = cert_path};
    assert_int_equal(tls_new(&tls_options, &tls, NULL), STATUS_OK);
    ListenerOptions options = {.name = "line",
                               .address = "[::1]:0",
                               .ops = &line_ops,
                               .ctx = ctx,
                               .tls = tls,
                               .tls_mode = TLS_START};
    opened = closed = 0;
    assert_int_equal(loops_new(1, &loops, NULL), STATUS_OK);
    assert_int_equal(listener_new(loops, &options, &listener, NULL), STATUS_OK);
    return 0;
}

static int stop_tls(void **state)
{
    (void)stop(state);
    tls = tls_free(tls);
    (void)unlink(cert_path);
    (void)unlink(key_path);
    (void)rmdir(dir);
    return 0;
}

static void test_plain_connection_turns_to_tls(void **state)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    char answer[64];
    char go;
    int fd = dial(listener_address(listener));

    /* The server's certificate serves as the client's, too. */
    assert_int_equal(SSL_CTX_use_certificate_file(ctx, cert_path, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM), 1);
    SSL *ssl = SSL_new(ctx);
    say(fd, "WHO\nSTARTTLS\n");
    expect_line(fd, "plain \n");
    assert_int_equal(recv(fd, &go, 1, 0), 1);
    assert_int_equal(go, 'S');
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    assert_int_equal(SSL_connect(ssl), 1);
    assert_int_equal(SSL_write(ssl, "WHO\n", 4), 4);
    int len = SSL_read(ssl, answer, sizeof answer - 1);
    assert_true(len > 0);
    answer[len] = 0;
    assert_string_equal(answer, "tls ann\n");
    assert_int_equal(SSL_write(ssl, "BYE\n", 4), 4);
    assert_int_equal(SSL_read(ssl, answer, sizeof answer), 0);
    assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);
}

static void test_plain_text_before_the_handshake_is_refused(void **state)
{
    int fd = dial(listener_address(listener));

    say(fd, "STARTTLS\nWHO\n");
    expect_line(fd, "Sdenied\n");
    expect_end(fd);
    (void)close(fd);
}

static void test_nonsense_instead_of_a_handshake_closes(void **state)
{
    int64_t failures = counter_get(COUNTER_TLS_FAILURES);
    char bytes[256];
    int fd = dial(listener_address(listener));

    say(fd, "STARTTLS\n");
    assert_int_equal(recv(fd, bytes, 1, 0), 1);
    say(fd, "this is no TLS record at all\n");
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        continue;
    assert_int_equal(counter_get(COUNTER_TLS_FAILURES), failures + 1);
    (void)close(fd);
}

static void test_tls_files_are_checked(void **state)
{
    Tls *bad;
    Error err;
    TlsOptions options = {.cert_file = "/nonexistent/cert", .key_file = key_path};

    assert_int_equal(tls_new(&options, &bad, &err), STATUS_INVALID);
    options = (TlsOptions){.cert_file = cert_path, .key_file = key_path, .client_required = true};
    assert_int_equal(tls_new(&options, &bad, &err), STATUS_INVALID);
    options = (TlsOptions){.cert_file = cert_path};
    assert_int_equal(tls_new(&options, &bad, &err), STATUS_INVALID);
}

int main(void)
{
#define PLAIN(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define WITH_TLS(test) cmocka_unit_test_setup_teardown(test, start_tls, stop_tls)
    const struct CMUnitTest tests[] = {
        PLAIN(test_partial_lines_are_kept_and_shown_again),
        PLAIN(test_connections_are_spread_over_the_loops),
        PLAIN(test_the_port_in_use_is_an_error),
        PLAIN(test_all_addresses_are_heard_by_one_listener),
        PLAIN(test_admission_is_asked_at_accept),
        PLAIN(test_tasks_of_a_sender_run_once_and_in_order),
        PLAIN(test_timers_repeat_until_freed),
        WITH_TLS(test_plain_connection_turns_to_tls),
        WITH_TLS(test_plain_text_before_the_handshake_is_refused),
        WITH_TLS(test_nonsense_instead_of_a_handshake_closes),
        WITH_TLS(test_tls_files_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
