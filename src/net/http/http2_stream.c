/* http2_stream.c - one request over HTTP/2, and the queue of its answer.
 *
 *   HEAD -> (WAITING) -> (LOGIN) -> BODY -> ANSWERING -> ENDED
 *
 * Pieces of an answer wait in the stream's queue until the client's windows and the connection's
 * marks let them go. They count against the request's own marks, so that a slow stream stops its
 * producer and no other's.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "net/http/http2_int.h"

enum {
    FIELDS_MAX = 64, /* of an answer */
    /* A client that sends so little while it is refused need not be stopped; some take the reset
     * for a failure of the answer. */
    SMALL_BODY_BYTES = 64 << 10,
    FIELD_OVERHEAD_BYTES = 32,
    /* A head so many times over its limit is an attack. */
    HEAD_EXCESS = 4,
    STREAM_OUTPUT_BYTES_MIN = 64 << 10,
};

/* ---- header fields of answers ---- */

typedef struct FieldList {
    nghttp2_nv fields[FIELDS_MAX];
    size_t count;
} FieldList;

static void add_field(FieldList *list, Str name, Str value)
{
    ASSERT(list->count < FIELDS_MAX);
    list->fields[list->count++] =
        (nghttp2_nv){(uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len,
                     value.len, NGHTTP2_NV_FLAG_NONE};
}

/* "Name: value" lines; names become lower case in place. */
static void add_lines(FieldList *list, const Buf *lines)
{
    char *at = lines->ptr;
    char *end = at + lines->len;

    while (at < end) {
        char *colon = memchr(at, ':', (size_t)(end - at));
        ASSERT(colon);
        for (char *c = at; c < colon; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c | 0x20);
        char *value = colon + 2;
        char *stop = memchr(value, '\r', (size_t)(end - value));
        ASSERT(stop);
        add_field(list, str_make(at, (size_t)(colon - at)),
                  str_make(value, (size_t)(stop - value)));
        at = stop + 2;
    }
}

/* ---- the queue ---- */

static void push_piece(Http2Stream *s, Buf *take)
{
    Http2Piece *piece = MEM_NEW(Http2Piece);

    piece->bytes = *take;
    *take = (Buf){0};
    if (s->last)
        s->last->next = piece;
    else
        s->first = piece;
    s->last = piece;
    s->queued_bytes += (int64_t)piece->bytes.len;
    s->h->queued_bytes += (int64_t)piece->bytes.len;
}

static void pop_piece(Http2Stream *s)
{
    Http2Piece *piece = s->first;

    s->first = piece->next;
    if (!s->first)
        s->last = NULL;
    buf_done(&piece->bytes);
    mem_free(piece);
}

static void clear_queue(Http2Stream *s)
{
    while (s->first)
        pop_piece(s);
    s->h->queued_bytes -= s->queued_bytes;
    s->queued_bytes = 0;
}

/* The client has a period to take something of what waits. */
static void watch_progress(Http2Stream *s)
{
    s->deadline_ns = 0;
    if (!s->queued_bytes && !s->trailers.len)
        return;
    s->deadline_ns = loop_now_ns(conn_loop(s->h->conn)) + s->h->server->options.write_timeout_ns;
    http2__arm(s->h, s->deadline_ns);
}

void http2__stream_send(Http2Stream *s, size_t len)
{
    Connection *conn = s->h->conn;
    size_t left = len;

    while (left) {
        Http2Piece *piece = s->first;
        size_t n = LUMA_MIN(left, piece->bytes.len - piece->pos);
        if (piece->pos == 0 && n == piece->bytes.len)
            conn_write_buf(conn, &piece->bytes);
        else
            conn_write(conn, piece->bytes.ptr + piece->pos, n);
        piece->pos += n;
        left -= n;
        if (!piece->bytes.ptr || piece->pos == piece->bytes.len)
            pop_piece(s);
    }
    s->queued_bytes -= (int64_t)len;
    s->h->queued_bytes -= (int64_t)len;
    if (s->request && len)
        http__request_count(s->request, -(int64_t)len);
    watch_progress(s);
}

static void submit_trailers(Http2Stream *s)
{
    FieldList list = {.count = 0};

    add_lines(&list, &s->trailers);
    (void)nghttp2_submit_trailer(s->h->session, s->id, list.fields, list.count);
    buf_done(&s->trailers);
}

/* How much of the queue may go into the next DATA frame. */
static ssize_t on_source(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    Http2Stream *s = source->ptr;
    size_t n = LUMA_MIN(len, (size_t)s->queued_bytes);

    if (!n && !s->complete)
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (s->complete && n == (size_t)s->queued_bytes) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailers.len) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            submit_trailers(s);
        }
    }
    return (ssize_t)n;
}

/* ---- answers ---- */

static void submit_head(Http2Stream *s, int status, const Buf *lines, int64_t content_length,
                        bool has_body)
{
    FieldList list = {.count = 0};
    nghttp2_data_provider provider = {.source.ptr = s, .read_callback = on_source};
    char code[16];
    char length[24];

    (void)snprintf(code, sizeof code, "%d", status);
    add_field(&list, STR(":status"), str_from(code));
    add_field(&list, STR("date"), http__date());
    add_lines(&list, lines);
    if (content_length >= 0) {
        (void)snprintf(length, sizeof length, "%lld", (long long)content_length);
        add_field(&list, STR("content-length"), str_from(length));
    }
    s->head_sent = true;
    (void)nghttp2_submit_response(s->h->session, s->id, list.fields, list.count,
                                  has_body ? &provider : NULL);
}

static void on_head(Request *r, int64_t content_length)
{
    Http2Stream *s = r->stream;

    if (!s)
        return;
    bool has_body = !r->head_only && !r->no_length && (content_length != 0 || r->trailers.len);
    s->trailers = r->trailers;
    r->trailers = (Buf){0};
    submit_head(s, r->status, &r->headers, r->no_length || r->untold_length ? -1 : content_length,
                has_body);
    if (content_length < 0)
        http2__flush(s->h);
}

static void on_body(Request *r, Buf *take)
{
    Http2Stream *s = r->stream;

    if (!s || !take->len) {
        buf_done(take);
        return;
    }
    bool was_empty = !s->queued_bytes;
    push_piece(s, take);
    if (was_empty)
        watch_progress(s);
    if (r->streaming) {
        (void)nghttp2_session_resume_data(s->h->session, s->id);
        http2__flush(s->h);
    }
}

static void on_end(Request *r, bool cut)
{
    Http2Stream *s = r->stream;

    if (!s) {
        (void)http__request_free(r);
        return;
    }
    s->request = NULL;
    s->phase = HTTP2_ENDED;
    s->complete = true;
    if (cut)
        (void)nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id,
                                        NGHTTP2_INTERNAL_ERROR);
    else
        (void)nghttp2_session_resume_data(s->h->session, s->id);
    (void)http__request_free(r);
    http2__flush(s->h);
}

static void on_preempt(Request *r, int status, const Buf *lines)
{
    Http2Stream *s = r->stream;

    if (s->head_sent)
        (void)nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
    else
        submit_head(s, status, lines, -1, false);
    s->request = NULL;
    r->stream = NULL;
    s->phase = HTTP2_ENDED;
    s->complete = true;
    http2__flush(s->h);
}

/* ---- the body ---- */

static void finish_body(Http2Stream *s)
{
    Request *r = s->request;

    s->phase = HTTP2_ANSWERING;
    s->deadline_ns = 0;
    if (http__body_done(r))
        r->route->handler(&r->pub, r->route->ctx);
}

static void feed_body(Http2Stream *s, Str bytes)
{
    /* A refusal ends the request; the windows do not matter to it. */
    if (http__body_add(s->request, bytes))
        (void)nghttp2_session_consume(s->h->session, s->id, bytes.len);
    else
        (void)nghttp2_session_consume_connection(s->h->session, bytes.len);
}

static void start_body(Http2Stream *s)
{
    static const nghttp2_nv go_on = {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "100",
                                     7, 3, NGHTTP2_NV_FLAG_NONE};
    Buf held = s->held;

    s->held = (Buf){0};
    s->phase = HTTP2_BODY;
    s->deadline_ns = loop_now_ns(conn_loop(s->h->conn)) + s->h->server->options.body_timeout_ns;
    http2__arm(s->h, s->deadline_ns);
    if (!s->remote_ended && !held.len && http_request_header(&s->request->pub, STR("expect")).ptr)
        (void)nghttp2_submit_headers(s->h->session, NGHTTP2_FLAG_NONE, s->id, NULL, &go_on, 1,
                                     NULL);
    if (held.len)
        feed_body(s, buf_str(&held));
    buf_done(&held);
    if (s->remote_ended && s->phase == HTTP2_BODY)
        finish_body(s);
}

static void drop_held(Http2Stream *s)
{
    if (s->held.len)
        (void)nghttp2_session_consume_connection(s->h->session, s->held.len);
    buf_done(&s->held);
}

static void on_granted(Request *r)
{
    Http2Stream *s = r->stream;

    if (!s) {
        (void)http__request_free(r);
        return;
    }
    start_body(s);
    http2__flush(s->h);
}

static const RequestOps request_ops = {.multiplexed = true,
                                       .head = on_head,
                                       .body = on_body,
                                       .end = on_end,
                                       .granted = on_granted,
                                       .preempt = on_preempt};

void http2__stream_data(Http2Stream *s, Str bytes)
{
    switch (s->phase) {
    case HTTP2_HEAD:
    case HTTP2_WAITING:
    case HTTP2_LOGIN:
        buf_append_str(&s->held, bytes);
        break;
    case HTTP2_BODY:
        feed_body(s, bytes);
        break;
    case HTTP2_ANSWERING:
    case HTTP2_ENDED: /* refused before all of it had come */
        (void)nghttp2_session_consume_connection(s->h->session, bytes.len);
        break;
    }
}

void http2__stream_answered_early(Http2Stream *s)
{
    if (!s->small_body) {
        (void)nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
        return;
    }
    s->deadline_ns = loop_now_ns(conn_loop(s->h->conn)) + s->h->server->options.body_timeout_ns;
    http2__arm(s->h, s->deadline_ns);
}

void http2__stream_end(Http2Stream *s)
{
    s->remote_ended = true;
    if (s->phase == HTTP2_BODY)
        finish_body(s);
}

/* ---- the head ---- */

static bool keep_pseudo(Http2Stream *s, Str name, Str value)
{
    HttpRequest *req = &s->request->pub;
    HttpField host = {STR("host"), value};

    if (str_eq(name, STR(":method"))) {
        req->method_text = value;
    } else if (str_eq(name, STR(":path"))) {
        req->target = value;
        if (value.len > s->h->server->options.line_bytes_max)
            s->refusal = 414;
    } else if (str_eq(name, STR(":authority"))) {
        s->has_authority = true;
        ARENA_PUSH(&req->arena, s->headers, s->header_count, s->header_cap, host);
    } else {
        return str_eq(name, STR(":scheme"));
    }
    return true;
}

void http2__stream_field(Http2Stream *s, Str name, Str value)
{
    const HttpServerOptions *o = &s->h->server->options;
    bool in_head = s->phase == HTTP2_HEAD;

    s->fields_seen++;
    s->header_bytes += name.len + value.len + FIELD_OVERHEAD_BYTES;
    if (s->header_bytes > HEAD_EXCESS * o->header_bytes_max ||
        s->fields_seen > HEAD_EXCESS * o->header_count_max) {
        http2__doom(s->h, NGHTTP2_ENHANCE_YOUR_CALM, COUNTER_HTTP2_FLOODS_HEADER);
        return;
    }
    if (!in_head || s->refusal)
        return;
    if (s->header_bytes > o->header_bytes_max || s->fields_seen > o->header_count_max) {
        s->refusal = 431;
        return;
    }
    Arena *arena = &s->request->pub.arena;
    HttpField field = {arena_str(arena, name), arena_str(arena, value)};
    if (name.len && name.ptr[0] == ':' && keep_pseudo(s, field.name, field.value))
        return;
    if (str_eq(name, STR("host"))) {
        if (s->has_authority && !str_eq_nocase(value, s->headers[0].value))
            s->host_differs = true;
        if (s->has_authority)
            return;
    }
    ARENA_PUSH(arena, s->headers, s->header_count, s->header_cap, field);
}

/* nghttp2 has seen that it is a number and not exceeded. */
static int64_t told_length(const HttpRequest *req)
{
    Str text = http_request_header(req, STR("content-length"));
    int64_t length;

    return text.len && str_to_i64(text, &length) ? length : -1;
}

static void refuse_head(Http2Stream *s)
{
    counter_add(COUNTER_HTTP_BAD_REQUESTS, 1);
    s->request->pub.method = HTTP_GET;
    if (s->refusal == 431)
        http__refuse(s->request, 431, "the header fields are too long or too many");
    else if (s->refusal == 414)
        http__refuse(s->request, 414, "the path is too long");
    else
        http__refuse(s->request, 400, "Host differs from :authority");
}

static int64_t output_bytes_high(const Http2Conn *h)
{
    int64_t all = (int64_t)h->server->options.listener.output_bytes_high;

    return LUMA_MAX((int64_t)STREAM_OUTPUT_BYTES_MIN, all / (int64_t)h->stream_count);
}

void http2__stream_begin(Http2Stream *s)
{
    Request *r = s->request;

    s->phase = HTTP2_ANSWERING;
    s->deadline_ns = 0;
    r->output_bytes_high = output_bytes_high(s->h);
    if (s->refusal || s->host_differs) {
        refuse_head(s);
        drop_held(s);
        return;
    }
    int64_t length = told_length(&r->pub);
    s->small_body = length >= 0 && length <= SMALL_BODY_BYTES;
    switch (http__check_head(r, !s->remote_ended, length)) {
    case HEAD_REFUSED:
        drop_held(s);
        break;
    case HEAD_PENDING:
        s->phase = HTTP2_LOGIN;
        break;
    case HEAD_GO_ON:
        start_body(s);
        break;
    }
}

void http2__stream_head(Http2Stream *s)
{
    Http2Conn *h = s->h;
    HttpRequest *req = &s->request->pub;

    req->headers = s->headers;
    req->header_count = s->header_count;
    req->received_ns = clock_mono_ns();
    s->header_bytes = 0; /* trailers may have as many */
    s->fields_seen = 0;
    h->turn_requests++;
    /* Whole answers are made at once, whatever the client takes: its next ones wait. */
    int64_t waiting = h->queued_bytes + conn_output_bytes(h->conn);
    if (waiting > 2 * (int64_t)h->server->options.listener.output_bytes_high) {
        counter_add(COUNTER_HTTP2_STREAMS_DELAYED, 1);
        s->phase = HTTP2_WAITING;
        s->deadline_ns = 0;
        list_push_back(&h->waiting, &s->waiting_node);
        return;
    }
    http2__stream_begin(s);
}

/* ---- life ---- */

Http2Stream *http2__stream_new(Http2Conn *h, int32_t id)
{
    Http2Stream *s = MEM_NEW(Http2Stream);

    counter_add(COUNTER_HTTP2_STREAMS, 1);
    s->h = h;
    s->id = id;
    s->request = http__request_new(h->server, h->conn, &request_ops, s);
    s->request->pub.http2 = true;
    list_init(&s->waiting_node);
    list_push_back(&h->streams, &s->node);
    h->stream_count++;
    s->deadline_ns = loop_now_ns(conn_loop(h->conn)) + h->server->options.head_timeout_ns;
    http2__arm(h, s->deadline_ns);
    return s;
}

/* The request goes on without its client, or ends here when nobody holds it yet. */
static void orphan_request(Http2Stream *s)
{
    Request *r = s->request;

    s->request = NULL;
    if (!r)
        return;
    r->stream = NULL;
    if (s->phase == HTTP2_LOGIN || s->phase == HTTP2_ANSWERING)
        http__request_cancel(r);
    else
        (void)http__request_free(r);
}

void http2__stream_closed(Http2Stream *s)
{
    Http2Conn *h = s->h;

    if (s->request || s->queued_bytes)
        counter_add(COUNTER_HTTP2_STREAMS_CANCELLED, 1);
    orphan_request(s);
    clear_queue(s);
    drop_held(s);
    buf_done(&s->trailers);
    list_remove(&s->waiting_node);
    list_remove(&s->node);
    h->stream_count--;
    mem_free(s);
}

void http2__stream_expire(Http2Stream *s)
{
    s->deadline_ns = 0;
    switch (s->phase) {
    case HTTP2_HEAD:
        /* Nothing else may come on the connection until the head is complete. */
        counter_add(COUNTER_HTTP_BAD_REQUESTS, 1);
        http2__doom(s->h, NGHTTP2_ENHANCE_YOUR_CALM, COUNTER_HTTP2_FLOODS_HEADER);
        break;
    case HTTP2_BODY:
        counter_add(COUNTER_HTTP_BAD_REQUESTS, 1);
        s->phase = HTTP2_ANSWERING;
        http__refuse(s->request, 408, "the request did not come in time");
        break;
    case HTTP2_ANSWERING:
    case HTTP2_ENDED:
        if (conn_is_congested(s->h->conn)) {
            watch_progress(s); /* all streams are held up, and the connection is being watched */
            break;
        }
        counter_add(COUNTER_HTTP2_STREAMS_STALLED, 1);
        (void)nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
        break;
    case HTTP2_WAITING:
    case HTTP2_LOGIN:
        break;
    }
}
