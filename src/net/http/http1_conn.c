/* http1_conn.c - HTTP/1.1 on a connection: one request at a time, answers in order.
 *
 * While a request is being answered the next ones stay in the connection's input, unread by us, and
 * the client's end of stream is still noticed. A client that pipelines without reading is stopped
 * by the high-water mark: no request is begun while the connection is congested.
 *
 *   IDLE -> HEAD -> (LOGIN) -> BODY -> ANSWERING -> IDLE
 *
 * A request outlives its connection when its handler still works: `stream` is NULL then, and its
 * answer is dropped.
 */
#include "base/clock.h"
#include "base/counter.h"
#include "net/http/http_int.h"

enum {
    /* Pipelined requests answered before other connections have their turn. */
    REQUESTS_PER_TURN = 32,
};

typedef enum Phase {
    PHASE_IDLE,  /* nothing of a request seen */
    PHASE_HEAD,  /* some of it */
    PHASE_LOGIN, /* credentials are being checked elsewhere */
    PHASE_BODY,
    PHASE_ANSWERING, /* with the handler, until `end` */
} Phase;

typedef struct Http1Conn {
    Connection *conn;
    HttpServer *server;
    Request *request; /* NULL when idle */
    Http1Parser parser;
    Phase phase;
    int turn_requests;     /* answered since on_data began */
    bool in_data;          /* inside on_data: `end` need not resume */
    bool eof;              /* the client will send no more */
    bool keep_alive;       /* for the request being answered */
    bool in_pieces;        /* its answer is chunked */
    bool stalled;          /* congested at the last tick */
    int64_t stalled_bytes; /* output waiting at the last tick */
} Http1Conn;

/* ---- answers ---- */

static void write_head(Http1Conn *h, Request *r, int64_t content_length)
{
    Buf head = {0};
    Str date = http__date();
    bool old = h->parser.state != HTTP1_AT_FAILURE && h->parser.minor == 0;

    h->in_pieces = content_length < 0 && !old && !r->no_length;
    if (loop_is_draining(conn_loop(h->conn)) || (content_length < 0 && old && !r->no_length))
        h->keep_alive = false;
    buf_printf(&head, "HTTP/1.1 %d %s\r\nDate: %.*s\r\n", r->status, http_status_text(r->status),
               STR_FMT(date));
    buf_append_str(&head, buf_str(&r->headers));
    if (h->in_pieces)
        buf_append_lit(&head, "Transfer-Encoding: chunked\r\n");
    else if (content_length >= 0 && !r->no_length)
        buf_printf(&head, "Content-Length: %lld\r\n", (long long)content_length);
    if (!h->keep_alive)
        buf_append_lit(&head, "Connection: close\r\n");
    else if (old)
        buf_append_lit(&head, "Connection: keep-alive\r\n");
    buf_append_lit(&head, "\r\n");
    conn_write_buf(h->conn, &head);
}

static void on_head(Request *r, int64_t content_length)
{
    Http1Conn *h = r->stream;

    if (!h || conn_is_closed(h->conn))
        return;
    write_head(h, r, content_length);
    h->stalled = false;
    conn_set_timeout(h->conn, h->server->options.write_timeout_ns);
}

static void on_body(Request *r, Buf *take)
{
    Http1Conn *h = r->stream;

    if (!h || !take->len) {
        buf_done(take);
    } else if (h->in_pieces) {
        Buf line = {0};
        buf_printf(&line, "%zx\r\n", take->len);
        conn_write_buf(h->conn, &line);
        conn_write_buf(h->conn, take);
        conn_write(h->conn, "\r\n", 2);
    } else {
        conn_write_buf(h->conn, take);
    }
}

static void start_request(Http1Conn *h)
{
    h->request = NULL;
    h->phase = PHASE_IDLE;
    if (!conn_is_closed(h->conn)) /* else the timeout is that of closing */
        conn_set_timeout(h->conn, h->server->options.idle_timeout_ns);
}

static void on_end(Request *r, bool cut)
{
    Http1Conn *h = r->stream;

    if (!h) {
        (void)http__request_free(r);
        return;
    }
    if (cut) {
        /* Without the last chunk the client sees that it did not get all. */
        conn_abort(h->conn);
    } else {
        if (h->in_pieces && !r->head_only)
            conn_write(h->conn, "0\r\n\r\n", 5);
        if (!h->keep_alive || h->eof || loop_is_draining(conn_loop(h->conn)))
            conn_close(h->conn);
    }
    (void)http__request_free(r);
    start_request(h);
    h->turn_requests++;
    if (!h->in_data)
        conn_resume(h->conn);
}

static void on_granted(Request *r);

static const RequestOps request_ops = {
    .head = on_head, .body = on_body, .end = on_end, .granted = on_granted};

/* ---- requests ---- */

/* Refuses what the parser did not understand; the rest of the stream means nothing then. */
static void refuse_malformed(Http1Conn *h)
{
    counter_add(COUNTER_HTTP_BAD_REQUESTS, 1);
    h->keep_alive = false;
    h->phase = PHASE_ANSWERING;
    h->request->pub.method = HTTP_GET;
    http__refuse(h->request, h->parser.error_status, h->parser.error_text);
}

static void start_body(Http1Conn *h, bool more_here)
{
    h->phase = PHASE_BODY;
    conn_set_timeout(h->conn, h->server->options.body_timeout_ns);
    if (h->parser.has_body && h->parser.expect_continue && !more_here)
        conn_write(h->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* The head is complete. False: answered already, or waiting. */
static bool take_head(Http1Conn *h, bool more_here)
{
    Http1Parser *p = &h->parser;
    HttpRequest *req = &h->request->pub;

    req->method_text = p->method;
    req->target = p->target;
    req->headers = p->headers;
    req->header_count = p->header_count;
    req->received_ns = clock_mono_ns();
    /* Until the body is read the connection is of no use for another request. */
    h->keep_alive = p->keep_alive && !p->has_body;
    h->phase = PHASE_ANSWERING;
    switch (
        http__check_head(h->request, p->has_body, p->chunked ? -1 : (int64_t)p->content_length)) {
    case HEAD_REFUSED:
        return false;
    case HEAD_PENDING:
        h->phase = PHASE_LOGIN;
        conn_set_timeout(h->conn, 0);
        return false;
    case HEAD_GO_ON:
        break;
    }
    start_body(h, more_here);
    return true;
}

static void finish_body(Http1Conn *h)
{
    Request *r = h->request;

    h->phase = PHASE_ANSWERING;
    h->keep_alive = h->parser.keep_alive;
    conn_set_timeout(h->conn, 0);
    if (http__body_done(r))
        r->route->handler(&r->pub, r->route->ctx);
}

static void begin_request(Http1Conn *h)
{
    h->request = http__request_new(h->server, h->conn, &request_ops, h);
    http1_init(&h->parser, &h->server->limits, &h->request->pub.arena);
    h->phase = PHASE_HEAD;
    conn_set_timeout(h->conn, h->server->options.head_timeout_ns);
}

/* One step; false when more bytes or an answer must come first, or the connection is done. */
static bool step(Http1Conn *h, Str *rest)
{
    Str piece = {0};

    if (h->phase == PHASE_IDLE) {
        if (!rest->len || conn_is_congested(h->conn))
            return false;
        begin_request(h);
    }
    switch (http1_next(&h->parser, rest, &piece)) {
    case HTTP1_MORE:
        return false;
    case HTTP1_HEAD:
        (void)take_head(h, rest->len > 0);
        return true;
    case HTTP1_BODY:
        if (!http__body_add(h->request, piece))
            return false;
        return true;
    case HTTP1_DONE:
        finish_body(h);
        return true;
    case HTTP1_ERROR:
        refuse_malformed(h);
        return false;
    }
    return false;
}

static void on_granted(Request *r)
{
    Http1Conn *h = r->stream;
    Str none = {0};

    if (!h) {
        (void)http__request_free(r);
        return;
    }
    start_body(h, false);
    /* Without a body there may be no input to wake us. */
    (void)step(h, &none);
    if (!conn_is_closed(h->conn))
        conn_resume(h->conn);
}

static bool may_step(const Http1Conn *h)
{
    return !conn_is_closed(h->conn) && h->phase != PHASE_LOGIN && h->phase != PHASE_ANSWERING &&
           h->turn_requests < REQUESTS_PER_TURN;
}

static size_t on_data(Connection *conn, Str bytes)
{
    Http1Conn *h = conn_user(conn);
    Str rest = bytes;

    h->in_data = true;
    h->turn_requests = 0;
    while (may_step(h) && step(h, &rest))
        continue;
    h->in_data = false;
    if (h->turn_requests >= REQUESTS_PER_TURN)
        conn_resume(conn);
    return bytes.len - rest.len;
}

/* ---- life ---- */

static void on_eof(Connection *conn)
{
    Http1Conn *h = conn_user(conn);

    h->eof = true;
    if (h->phase == PHASE_ANSWERING || h->phase == PHASE_LOGIN)
        /* It may have shut its half only: the answer is still sent, but nobody may be waiting. */
        http__request_cancel(h->request);
    else
        conn_close(conn);
}

static void on_drained(Connection *conn)
{
    Http1Conn *h = conn_user(conn);

    h->stalled = false;
    if (h->phase == PHASE_IDLE)
        conn_resume(conn);
    else if (h->phase == PHASE_ANSWERING)
        http__request_drained(h->request);
}

static void on_drain(Connection *conn)
{
    Http1Conn *h = conn_user(conn);

    if (h->phase == PHASE_IDLE)
        conn_close(conn);
}

/* A client that takes nothing of its answer for one to two periods is gone. */
static void check_progress(Http1Conn *h)
{
    int64_t waiting = conn_output_bytes(h->conn);

    if (conn_is_congested(h->conn) && h->stalled && waiting >= h->stalled_bytes) {
        counter_add(COUNTER_CONNECTIONS_CUT, 1);
        conn_abort(h->conn);
        return;
    }
    h->stalled = conn_is_congested(h->conn);
    h->stalled_bytes = waiting;
    conn_set_timeout(h->conn, h->server->options.write_timeout_ns);
}

static void on_timeout(Connection *conn)
{
    Http1Conn *h = conn_user(conn);

    switch (h->phase) {
    case PHASE_IDLE:
        counter_add(COUNTER_CONNECTIONS_CUT, 1);
        conn_close(conn);
        break;
    case PHASE_HEAD:
    case PHASE_BODY:
        counter_add(COUNTER_CONNECTIONS_CUT, 1);
        counter_add(COUNTER_HTTP_BAD_REQUESTS, 1);
        h->keep_alive = false;
        if (h->phase == PHASE_HEAD)
            h->request->pub.method = HTTP_GET;
        h->phase = PHASE_ANSWERING;
        http__refuse(h->request, 408, "the request did not come in time");
        break;
    case PHASE_LOGIN:
        break;
    case PHASE_ANSWERING:
        check_progress(h);
        break;
    }
}

static void on_close(Connection *conn)
{
    Http1Conn *h = conn_user(conn);
    Request *r = h->request;

    if (r) {
        r->stream = NULL;
        if (h->phase == PHASE_ANSWERING || h->phase == PHASE_LOGIN)
            http__request_cancel(r); /* its holder frees it */
        else
            (void)http__request_free(r);
    }
    mem_free(h);
}

static const ConnOps conn_ops = {
    .on_data = on_data,
    .on_eof = on_eof,
    .on_drained = on_drained,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_close = on_close,
};

size_t http1__conn_take(Connection *conn, HttpServer *server, Str bytes)
{
    Http1Conn *h = MEM_NEW(Http1Conn);

    h->conn = conn;
    h->server = server;
    conn_set_user(conn, h);
    conn_set_ops(conn, &conn_ops);
    start_request(h);
    return on_data(conn, bytes);
}
