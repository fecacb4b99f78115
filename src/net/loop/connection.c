/* connection.c - one connection: reading, writing, marks, timeouts, closing.
 *
 * Output is queued and leaves at the end of the loop's turn: first by a direct write, the rest by
 * one libuv write at a time. With TLS it waits in `plain` until `wire` has room.
 *
 * Life: HANDSHAKE -> OPEN -> CLOSING -> LINGERING -> CLOSED, each step may be skipped forward.
 * CLOSING sends what is queued. LINGERING has shut our end and drops what the client still sends:
 * closing a socket with unread input makes the kernel reset it, and the client loses our last
 * words.
 *
 * The protocol's callbacks run with no lock held. on_close comes from the close callback of the
 * last handle, so never inside another callback of the protocol.
 */
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "net/loop/loop_int.h"

enum {
    WRITE_VECTORS = 32,
    WRITE_BYTES_MAX = 1 << 30, /* of one write; the kernel's results are ints */
    LINGER_BYTES_MAX = 1 << 20,
    IDLE_INPUT_BYTES = 4096, /* an idle connection keeps no larger buffer */
};

static const int64_t linger_timeout_ns = 2 * NS_PER_SEC;
static const int64_t linger_draining_ns =
    200 * NS_PER_MS;                                     /* the server stops: others wait for it */
static const int64_t flush_timeout_ns = 10 * NS_PER_SEC; /* CLOSING without progress */

static ConnState get_state(const Connection *conn)
{
    return (ConnState)__atomic_load_n(&conn->state, __ATOMIC_RELAXED);
}

void loop__conn_set_state(Connection *conn, ConnState state)
{
    __atomic_store_n(&conn->state, (int)state, __ATOMIC_RELAXED);
}

bool conn_is_closed(const Connection *conn)
{
    return get_state(conn) >= CONN_CLOSING;
}

/* ---- references ---- */

Connection *conn_ref(Connection *conn)
{
    (void)__atomic_fetch_add(&conn->refs, 1, __ATOMIC_RELAXED);
    return conn;
}

Connection *conn_unref(Connection *conn)
{
    if (!conn || __atomic_sub_fetch(&conn->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    cond_done(&conn->writable);
    mutex_done(&conn->lock);
    mem_free(conn);
    return NULL;
}

/* ---- marks ---- */

void loop__conn_count(Connection *conn, int64_t delta)
{
    int64_t mark = loop_output_mark(conn->loop, (int64_t)conn->listener->options.output_bytes_high);
    bool drained = false;

    loop_output_count(conn->loop, delta);
    mutex_lock(&conn->lock);
    int64_t bytes = conn->output_bytes + delta;
    __atomic_store_n(&conn->output_bytes, bytes, __ATOMIC_RELAXED);
    if (!conn->congested && bytes > mark) {
        __atomic_store_n(&conn->congested, true, __ATOMIC_RELAXED);
    } else if (conn->congested && bytes <= mark / 4) {
        __atomic_store_n(&conn->congested, false, __ATOMIC_RELAXED);
        cond_broadcast(&conn->writable);
        drained = true;
    }
    mutex_unlock(&conn->lock);
    /* Only the loop takes bytes away, so this is its thread. */
    if (drained) {
        conn->drained = true;
        loop__conn_mark_dirty(conn);
    }
}

void conn_count_output(Connection *conn, int64_t delta)
{
    loop__conn_count(conn, delta);
}

int64_t conn_output_bytes(const Connection *conn)
{
    return __atomic_load_n(&conn->output_bytes, __ATOMIC_RELAXED);
}

bool conn_is_congested(const Connection *conn)
{
    return __atomic_load_n(&conn->congested, __ATOMIC_RELAXED);
}

Status conn_wait_writable(Connection *conn, int64_t deadline_mono_ns, Error *err)
{
    MUTEX_GUARD(&conn->lock);
    while (conn->congested && !conn_is_closed(conn))
        if (!cond_wait_until(&conn->writable, &conn->lock, deadline_mono_ns))
            return error_set(err, STATUS_TIMEOUT, "the client does not read its answer");
    if (conn_is_closed(conn))
        return error_set(err, STATUS_CANCELLED, "the client closed the connection");
    return STATUS_OK;
}

/* ---- closing ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    Connection *conn = handle->data;
    Loop *loop = conn->loop;

    if (--conn->handles_open > 0)
        return;
    if (conn->opened)
        conn->ops->on_close(conn);
    list_remove(&conn->node);
    loop__listener_release(conn->listener, &conn->peer);
    loop_output_count(loop, -(int64_t)(conn->plain.bytes + conn->wire.bytes));
    loop__queue_clear(&conn->plain);
    loop__queue_clear(&conn->wire);
    buf_done(&conn->in);
    loop__tls_done(conn);
    (void)conn_unref(conn);
    loop__count(loop, -1);
}

void conn_abort(Connection *conn)
{
    if (get_state(conn) == CONN_CLOSED)
        return;
    mutex_lock(&conn->lock);
    loop__conn_set_state(conn, CONN_CLOSED);
    cond_broadcast(&conn->writable);
    mutex_unlock(&conn->lock);
    list_remove(&conn->dirty_node);
    list_remove(&conn->ready_node);
    conn->reading = false;
    uv_close((uv_handle_t *)&conn->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
}

static void read_again(Connection *conn);

void conn_close(Connection *conn)
{
    if (get_state(conn) >= CONN_CLOSING)
        return;
    mutex_lock(&conn->lock);
    loop__conn_set_state(conn, CONN_CLOSING);
    cond_broadcast(&conn->writable);
    mutex_unlock(&conn->lock);
    list_remove(&conn->ready_node);
    conn->paused = conn->overfull = false;
    conn_set_timeout(conn, flush_timeout_ns);
    loop__conn_mark_dirty(conn);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    Connection *conn = req->data;

    if (get_state(conn) != CONN_CLOSED && (status != 0 || conn->eof))
        conn_abort(conn);
}

/* Everything was sent: shut our end and wait for the client's. */
static void finish_closing(Connection *conn)
{
    if (conn->ssl && !conn->shut) {
        conn->shut = true;
        loop__tls_shutdown(conn);
        if (conn->wire.bytes) {
            loop__conn_mark_dirty(conn);
            return;
        }
    }
    if (conn->eof) {
        conn_abort(conn);
        return;
    }
    loop__conn_set_state(conn, CONN_LINGERING);
    conn_set_timeout(conn, loop_is_draining(conn->loop) ? linger_draining_ns : linger_timeout_ns);
    if (uv_shutdown(&conn->shutdown_req, (uv_stream_t *)&conn->tcp, on_shutdown) != 0)
        conn_abort(conn);
    else
        read_again(conn);
}

void loop__conn_drain(Connection *conn)
{
    switch (get_state(conn)) {
    case CONN_HANDSHAKE:
        conn_abort(conn);
        break;
    case CONN_OPEN:
        if (conn->ops->on_drain)
            conn->ops->on_drain(conn);
        else
            conn_close(conn);
        break;
    case CONN_LINGERING:
        conn_set_timeout(conn, linger_draining_ns);
        break;
    case CONN_CLOSING:
    case CONN_CLOSED:
        break;
    }
}

/* ---- timeouts ---- */

static void on_timer(uv_timer_t *timer);

static void arm(Connection *conn, int64_t delay_ns)
{
    uint64_t delay_ms = (uint64_t)((delay_ns + NS_PER_MS - 1) / NS_PER_MS);

    conn->armed_ns = loop_now_ns(conn->loop) + (int64_t)delay_ms * NS_PER_MS;
    ASSERT(uv_timer_start(&conn->timer, on_timer, delay_ms, 0) == 0);
}

/* A timer that fires before the deadline is armed again for the rest: moving a deadline onward,
 * which happens for every request, then costs nothing. */
static void on_timer(uv_timer_t *timer)
{
    Connection *conn = timer->data;
    int64_t left_ns = conn->deadline_ns - loop_now_ns(conn->loop);

    conn->armed_ns = 0;
    if (!conn->deadline_ns)
        return;
    if (left_ns > 0) {
        arm(conn, left_ns);
        return;
    }
    conn->deadline_ns = 0;
    if (get_state(conn) == CONN_OPEN && conn->ops->on_timeout) {
        conn->ops->on_timeout(conn);
        return;
    }
    if (get_state(conn) <= CONN_OPEN)
        counter_add(COUNTER_CONNECTIONS_CUT, 1);
    conn_abort(conn);
}

void conn_set_timeout(Connection *conn, int64_t timeout_ns)
{
    if (get_state(conn) == CONN_CLOSED)
        return;
    conn->deadline_ns = timeout_ns > 0 ? loop_now_ns(conn->loop) + timeout_ns : 0;
    if (conn->deadline_ns && (!conn->armed_ns || conn->armed_ns > conn->deadline_ns))
        arm(conn, timeout_ns);
}

/* ---- output ---- */

void loop__conn_mark_dirty(Connection *conn)
{
    if (list_empty(&conn->dirty_node) && get_state(conn) != CONN_CLOSED)
        list_push_back(&conn->loop->dirty, &conn->dirty_node);
}

void conn_write(Connection *conn, const void *bytes, size_t len)
{
    if (!len || conn_is_closed(conn))
        return;
    loop__queue_copy(conn->ssl ? &conn->plain : &conn->wire, bytes, len);
    loop__conn_count(conn, (int64_t)len);
    loop__conn_mark_dirty(conn);
}

void conn_write_buf(Connection *conn, Buf *take)
{
    size_t len = take->len;

    if (!len || conn_is_closed(conn)) {
        buf_done(take);
        return;
    }
    loop__queue_take(conn->ssl ? &conn->plain : &conn->wire, take);
    loop__conn_count(conn, (int64_t)len);
    loop__conn_mark_dirty(conn);
}

typedef struct PostedWrite {
    LoopTask task;
    Connection *conn; /* a reference */
    Buf bytes;
} PostedWrite;

static void run_posted_write(LoopTask *task)
{
    PostedWrite *write = LUMA_CONTAINER_OF(task, PostedWrite, task);

    int64_t len = (int64_t)write->bytes.len;
    conn_write_buf(write->conn, &write->bytes);
    loop__conn_count(write->conn, -len);
    (void)conn_unref(write->conn);
    mem_free(write);
}

void conn_post_write(Connection *conn, Buf *take)
{
    PostedWrite *write = MEM_NEW(PostedWrite);

    write->task.run = run_posted_write;
    write->conn = conn_ref(conn);
    write->bytes = *take;
    *take = (Buf){0};
    loop__conn_count(conn, (int64_t)write->bytes.len);
    loop_post(conn->loop, &write->task);
}

static void sent(Connection *conn, size_t len)
{
    counter_add(COUNTER_NET_WRITTEN_BYTES, (int64_t)len);
    loop__queue_consume(&conn->wire, len);
    loop__conn_count(conn, -(int64_t)len);
    if (get_state(conn) == CONN_CLOSING && len)
        conn_set_timeout(conn, flush_timeout_ns);
}

static void on_written(uv_write_t *req, int status)
{
    Connection *conn = req->data;

    conn->write_active = false;
    if (get_state(conn) == CONN_CLOSED)
        return;
    if (status != 0) {
        conn_abort(conn);
        return;
    }
    sent(conn, conn->write_bytes);
    loop__conn_mark_dirty(conn);
}

static unsigned gather(const OutQueue *queue, uv_buf_t *vectors, size_t *ret_len)
{
    unsigned n = 0;
    size_t len = 0;

    for (OutChunk *chunk = queue->head; chunk && n < WRITE_VECTORS && len < WRITE_BYTES_MAX;
         chunk = chunk->next) {
        size_t piece = LUMA_MIN(chunk->len - chunk->pos, (size_t)WRITE_BYTES_MAX - len);
        vectors[n++] = uv_buf_init(chunk->ptr + chunk->pos, (unsigned)piece);
        len += piece;
    }
    *ret_len = len;
    return n;
}

/* Writes until the kernel takes no more; then libuv waits for it. */
static void write_wire(Connection *conn)
{
    uv_buf_t vectors[WRITE_VECTORS];
    size_t len;

    while (!conn->write_active) {
        if (conn->ssl && conn->plain.bytes)
            loop__tls_encrypt(conn);
        if (!conn->wire.bytes)
            return;
        unsigned n = gather(&conn->wire, vectors, &len);
        int rc = uv_try_write((uv_stream_t *)&conn->tcp, vectors, n);
        if (rc < 0 && rc != UV_EAGAIN) {
            conn_abort(conn);
            return;
        }
        if (rc > 0)
            sent(conn, (size_t)rc);
        if (rc == (int)len)
            continue;
        n = gather(&conn->wire, vectors, &conn->write_bytes);
        if (uv_write(&conn->write_req, (uv_stream_t *)&conn->tcp, vectors, n, on_written) != 0) {
            conn_abort(conn);
            return;
        }
        conn->write_active = true;
    }
}

void loop__conn_flush(Connection *conn)
{
    write_wire(conn);
    if (conn->drained) {
        conn->drained = false;
        if (get_state(conn) == CONN_OPEN && conn->ops->on_drained)
            conn->ops->on_drained(conn);
    }
    if (get_state(conn) == CONN_CLOSING && !conn->write_active && !conn->wire.bytes &&
        !conn->plain.bytes)
        finish_closing(conn);
}

/* ---- input ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    Connection *conn = handle->data;
    (void)suggested;
    *ret_buf = uv_buf_init(conn->loop->read_bytes, LOOP_READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    Connection *conn = stream->data;

    if (len > 0) {
        counter_add(COUNTER_NET_READ_BYTES, len);
        if (get_state(conn) >= CONN_CLOSING) {
            conn->linger_bytes += (size_t)len;
            if (conn->linger_bytes > LINGER_BYTES_MAX)
                conn_abort(conn);
        } else if (conn->ssl) {
            loop__tls_input(conn, buf->base, (size_t)len);
        } else {
            loop__conn_deliver(conn, buf->base, (size_t)len);
        }
    } else if (len == UV_EOF) {
        loop__conn_eof(conn);
    } else if (len < 0) {
        conn_abort(conn);
    }
}

static void stop_reading(Connection *conn)
{
    if (conn->reading)
        (void)uv_read_stop((uv_stream_t *)&conn->tcp);
    conn->reading = false;
}

static void read_again(Connection *conn)
{
    if (conn->reading || conn->eof || conn->paused || conn->overfull ||
        get_state(conn) == CONN_CLOSED)
        return;
    conn->reading = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) == 0;
    if (!conn->reading)
        conn_abort(conn);
}

/* Not before the protocol has seen the input that it asked to be shown again. */
static void tell_eof(Connection *conn)
{
    if (conn->eof_told || conn->paused || get_state(conn) != CONN_OPEN ||
        !list_empty(&conn->ready_node))
        return;
    conn->eof_told = true;
    if (conn->ops->on_eof)
        conn->ops->on_eof(conn);
    else
        conn_close(conn);
}

void loop__conn_eof(Connection *conn)
{
    conn->eof = true;
    stop_reading(conn);
    switch (get_state(conn)) {
    case CONN_HANDSHAKE:
    case CONN_LINGERING:
        conn_abort(conn);
        break;
    case CONN_OPEN:
        tell_eof(conn);
        break;
    case CONN_CLOSING: /* flushing goes on */
    case CONN_CLOSED:
        break;
    }
}

/* Shows bytes (or, with len 0, what is kept) to the protocol and keeps what it leaves. */
void loop__conn_deliver(Connection *conn, const char *bytes, size_t len)
{
    bool kept = conn->in.len > 0;

    if (kept || conn->paused) {
        /* Reading stops while paused, but decrypted bytes may still come. */
        buf_append(&conn->in, bytes, len);
        if (conn->paused)
            return;
        kept = true;
    }
    Str shown = kept ? buf_str(&conn->in) : str_make(bytes, len);
    conn->shown_bytes = shown.len;
    conn->in_data = true;
    size_t used = conn->ops->on_data(conn, shown);
    conn->in_data = false;
    ASSERT(used <= shown.len);
    if (get_state(conn) != CONN_OPEN)
        return;
    if (kept) {
        buf_consume(&conn->in, used);
        if (!conn->in.len && conn->in.cap > IDLE_INPUT_BYTES)
            buf_done(&conn->in);
    } else if (used < len) {
        buf_append(&conn->in, bytes + used, len - used);
    }
    if (conn->in.len > conn->listener->options.input_bytes_max && !conn->paused) {
        conn->overfull = true;
        stop_reading(conn);
    }
}

void conn_pause(Connection *conn)
{
    if (get_state(conn) != CONN_OPEN)
        return;
    conn->paused = true;
    stop_reading(conn);
}

void conn_resume(Connection *conn)
{
    if (get_state(conn) != CONN_OPEN)
        return;
    conn->paused = false;
    conn->overfull = false;
    if (list_empty(&conn->ready_node))
        list_push_back(&conn->loop->ready, &conn->ready_node);
}

void loop__conn_ready(Connection *conn)
{
    if (get_state(conn) != CONN_OPEN || conn->paused)
        return;
    if (conn->in.len)
        loop__conn_deliver(conn, NULL, 0);
    if (conn->ssl)
        loop__tls_pump(conn);
    if (conn->eof)
        tell_eof(conn);
    else
        read_again(conn);
}

/* ---- opening ---- */

void loop__conn_opened(Connection *conn)
{
    loop__conn_set_state(conn, CONN_OPEN);
    conn_set_timeout(conn, 0);
    conn->opened = true;
    if (!conn->ops->on_open(conn, conn->listener->options.ctx))
        conn_abort(conn);
    else if (loop_is_draining(conn->loop))
        loop__conn_drain(conn);
}

static void set_up_socket(Connection *conn)
{
    int len = sizeof conn->local;
    int fd;
    static const int on = 1;

    (void)uv_tcp_getsockname(&conn->tcp, &conn->local.any, &len);
    if (conn->local.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&conn->local.v6.sin6_addr)) {
        NetAddress v4 = {.v4 = {.sin_family = AF_INET, .sin_port = conn->local.v6.sin6_port}};
        memcpy(&v4.v4.sin_addr, &conn->local.v6.sin6_addr.s6_addr[12], 4);
        conn->local = v4;
    }
    /* Keep-alive finds peers that vanished while a query runs. */
    (void)uv_tcp_nodelay(&conn->tcp, 1);
    if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) == 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

void loop__conn_open(Loop *loop, Listener *listener, int fd, const NetAddress *peer)
{
    Connection *conn;

    if (loop->stopping) {
        (void)close(fd);
        loop__listener_release(listener, peer);
        loop__count(loop, -1);
        return;
    }
    conn = MEM_NEW(Connection);
    conn->loop = loop;
    conn->listener = listener;
    conn->ops = listener->options.ops;
    conn->peer = *peer;
    conn->refs = 1;
    mutex_init(&conn->lock);
    cond_init(&conn->writable);
    list_init(&conn->dirty_node);
    list_init(&conn->ready_node);
    list_push_back(&loop->connections, &conn->node);
    ASSERT(uv_tcp_init(&loop->uv, &conn->tcp) == 0);
    ASSERT(uv_timer_init(&loop->uv, &conn->timer) == 0);
    conn->handles_open = 2;
    conn->tcp.data = conn->timer.data = conn->write_req.data = conn->shutdown_req.data = conn;
    if (uv_tcp_open(&conn->tcp, fd) != 0) {
        (void)close(fd);
        conn_abort(conn);
        return;
    }
    set_up_socket(conn);
    if (listener->options.tls_mode == TLS_IMPLICIT) {
        if (loop__tls_start(conn, NULL) != STATUS_OK) {
            conn_abort(conn);
            return;
        }
        conn_set_timeout(conn, listener->options.handshake_timeout_ns);
    } else {
        loop__conn_opened(conn);
    }
    read_again(conn);
}

/* ---- properties ---- */

Loop *conn_loop(const Connection *conn)
{
    return conn->loop;
}
void *conn_user(const Connection *conn)
{
    return conn->user;
}
void conn_set_user(Connection *conn, void *user)
{
    conn->user = user;
}
void conn_set_ops(Connection *conn, const ConnOps *ops)
{
    conn->ops = ops;
}
void *conn_listener_ctx(const Connection *conn)
{
    return conn->listener->options.ctx;
}
Listener *conn_listener(const Connection *conn)
{
    return conn->listener;
}
const NetAddress *conn_peer(const Connection *conn)
{
    return &conn->peer;
}
const NetAddress *conn_local(const Connection *conn)
{
    return &conn->local;
}
