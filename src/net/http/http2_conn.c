/* http2_conn.c - an HTTP/2 connection: nghttp2 between the loop and the streams.
 *
 * What a client may do at the server's cost is bounded:
 *
 *   - open streams: SETTINGS_MAX_CONCURRENT_STREAMS; over it nghttp2 refuses them;
 *   - streams thrown away (it resets them, or makes us do it): a bucket, so that opening and
 *     resetting (CVE-2023-44487) does not go around the first limit;
 *   - frames without a request (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, CONTINUATION, tiny or
 *     empty DATA): a bucket that useful traffic fills. Unknown types cost no more than reading
 * them;
 *   - header fields: per head, http2_stream.c;
 *   - bodies: the flow control windows, the route's maximum and the server's budget;
 *   - answers it does not take: marks per stream and connection, and the write timeout.
 *
 * An empty bucket ends the connection by GOAWAY ENHANCE_YOUR_CALM.
 */
#include "base/clock.h"
#include "base/counter.h"
#include "net/http/http2_int.h"

enum {
    STREAM_WINDOW_BYTES = 1 << 20,
    CONN_WINDOW_BYTES = 4 << 20,
    FRAME_BYTES = 32 << 10, /* a DATA frame of ours at most */
    /* Requests begun before other connections have their turn, and bytes shown to the session
     * between looks at that. */
    REQUESTS_PER_TURN = 64,
    SLICE_BYTES = 8 << 10,
    RESETS_BURST = 200,
    RESETS_PER_SECOND = 20,
    FRAMES_BURST = 2000,
    FRAMES_PER_SECOND = 200,
    TINY_DATA_BYTES = 64,
    /* What useful frames excuse. A client may say WINDOW_UPDATE several times for one DATA. */
    FRAMES_PER_DATA_SENT = 16,
    FRAMES_PER_REQUEST = 16,
    ACKS_MAX = 256, /* PING and SETTINGS answers that wait to be sent */
};

/* ---- limits ---- */

void http2__doom(Http2Conn *h, uint32_t code, CounterId counter)
{
    if (h->doomed)
        return;
    h->doomed = true;
    h->doom_code = code;
    counter_add(counter, 1);
}

static bool spend(Http2Conn *h, Http2Bucket *bucket, int64_t burst, int64_t per_second)
{
    int64_t now_ns = loop_now_ns(conn_loop(h->conn));
    int64_t more = (now_ns - bucket->filled_ns) / (NS_PER_SEC / per_second);

    if (more > 0) {
        bucket->tokens = LUMA_MIN(burst, bucket->tokens + more);
        bucket->filled_ns = now_ns;
    }
    return --bucket->tokens >= 0;
}

static void spend_reset(Http2Conn *h)
{
    if (!spend(h, &h->resets, RESETS_BURST, RESETS_PER_SECOND))
        http2__doom(h, NGHTTP2_ENHANCE_YOUR_CALM, COUNTER_HTTP2_FLOODS_RESET);
}

static void spend_frame(Http2Conn *h)
{
    if (!spend(h, &h->frames, FRAMES_BURST, FRAMES_PER_SECOND))
        http2__doom(h, NGHTTP2_ENHANCE_YOUR_CALM, COUNTER_HTTP2_FLOODS_FRAME);
}

static void excuse_frames(Http2Conn *h, int64_t count)
{
    h->frames.tokens = LUMA_MIN((int64_t)FRAMES_BURST, h->frames.tokens + count);
}

/* What a callback of the session returns. */
static int go_on(const Http2Conn *h)
{
    return h->doomed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* ---- what the session tells ---- */

static Http2Stream *find_stream(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    Http2Conn *h = user;

    switch (hd->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_RST_STREAM: /* counted as such */
        break;
    case NGHTTP2_DATA:
        if (hd->length < TINY_DATA_BYTES && !(hd->flags & NGHTTP2_FLAG_END_STREAM))
            spend_frame(h);
        break;
    default:
        spend_frame(h);
    }
    return go_on(h);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    Http2Conn *h = user;

    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        Http2Stream *s = http2__stream_new(h, frame->hd.stream_id);
        (void)nghttp2_session_set_stream_user_data(session, s->id, s);
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    Http2Conn *h = user;
    Http2Stream *s = find_stream(session, frame->hd.stream_id);

    if (s)
        http2__stream_field(s, str_make(name, name_len), str_make(value, value_len));
    return go_on(h);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    Http2Conn *h = user;
    Http2Stream *s = find_stream(session, frame->hd.stream_id);
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (!s)
            break;
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            excuse_frames(h, FRAMES_PER_REQUEST);
            s->remote_ended = end;
            http2__stream_head(s);
        } else if (end) {
            http2__stream_end(s);
        }
        break;
    case NGHTTP2_DATA:
        if (s && end)
            http2__stream_end(s);
        break;
    case NGHTTP2_RST_STREAM:
        spend_reset(h);
        break;
    default:
        break;
    }
    return go_on(h);
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                         size_t len, void *user)
{
    Http2Conn *h = user;
    Http2Stream *s = find_stream(session, id);

    if (s)
        http2__stream_data(s, str_make(bytes, len));
    else
        (void)nghttp2_session_consume_connection(session, len);
    return go_on(h);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    Http2Conn *h = user;
    Http2Stream *s = find_stream(session, id);

    if (s)
        http2__stream_closed(s);
    if (!h->stream_count) {
        h->idle_ns = loop_now_ns(conn_loop(h->conn)) + h->server->options.idle_timeout_ns;
        http2__arm(h, h->idle_ns);
    }
    return 0;
}

/* ---- what the session sends ---- */

static ssize_t on_send(nghttp2_session *session, const uint8_t *bytes, size_t len, int flags,
                       void *user)
{
    Http2Conn *h = user;

    if (conn_is_congested(h->conn))
        return NGHTTP2_ERR_WOULDBLOCK;
    conn_write(h->conn, bytes, len);
    return (ssize_t)len;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t len, nghttp2_data_source *source, void *user)
{
    Http2Conn *h = user;

    if (conn_is_congested(h->conn))
        return NGHTTP2_ERR_WOULDBLOCK;
    conn_write(h->conn, head, 9);
    http2__stream_send(source->ptr, len);
    return 0;
}

static ssize_t on_source_length(nghttp2_session *session, uint8_t frame_type, int32_t id,
                                int32_t conn_window, int32_t stream_window, uint32_t frame_max,
                                void *user)
{
    int32_t window = LUMA_MIN(conn_window, stream_window);

    return LUMA_MIN(LUMA_MIN(window, (int32_t)frame_max), (int32_t)FRAME_BYTES);
}

/* Errors that only the client's frames can be the cause of. */
static void count_fault(uint32_t code)
{
    if (code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
        code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR ||
        code == NGHTTP2_COMPRESSION_ERROR)
        counter_add(COUNTER_HTTP2_BAD_FRAMES, 1);
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    Http2Conn *h = user;
    Http2Stream *s;

    switch (frame->hd.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
        if (frame->hd.type == NGHTTP2_DATA)
            excuse_frames(h, FRAMES_PER_DATA_SENT);
        s = find_stream(session, frame->hd.stream_id);
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM && s && !s->remote_ended)
            http2__stream_answered_early(s);
        break;
    case NGHTTP2_RST_STREAM:
        if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
            spend_reset(h);
        count_fault(frame->rst_stream.error_code);
        break;
    case NGHTTP2_GOAWAY:
        count_fault(frame->goaway.error_code);
        break;
    default:
        break;
    }
    return 0; /* sending goes on when doomed: GOAWAY is still to leave */
}

/* ---- sending and ending ---- */

/* No stream of this connection goes on. */
static void drop_streams(Http2Conn *h)
{
    LIST_FOREACH (node, &h->streams)
        http2__stream_closed(LUMA_CONTAINER_OF(node, Http2Stream, node));
}

/* Says why, then closes. The session is not called any more. */
static void end_connection(Http2Conn *h, uint32_t code)
{
    h->busy = true;
    (void)nghttp2_session_terminate_session(h->session, code);
    (void)nghttp2_session_send(h->session);
    drop_streams(h);
    conn_close(h->conn);
}

/* True when one was begun. */
static bool begin_waiting(Http2Conn *h)
{
    int64_t mark = (int64_t)h->server->options.listener.output_bytes_high;
    ListNode *node;
    bool begun = false;

    while (h->queued_bytes + conn_output_bytes(h->conn) <= mark &&
           (node = list_pop_front(&h->waiting))) {
        http2__stream_begin(LUMA_CONTAINER_OF(node, Http2Stream, waiting_node));
        begun = true;
    }
    return begun;
}

void http2__flush(Http2Conn *h)
{
    int rc;
    bool more;

    if (h->busy || conn_is_closed(h->conn))
        return;
    h->busy = true;
    do {
        rc = nghttp2_session_send(h->session);
        more = rc == 0 && begin_waiting(h);
    } while (more);
    h->busy = false;
    if (h->doomed)
        end_connection(h, h->doom_code);
    else if (rc != 0)
        end_connection(h, NGHTTP2_INTERNAL_ERROR);
    else if ((!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session)) ||
             (h->draining && !h->stream_count))
        end_connection(h, NGHTTP2_NO_ERROR);
}

/* What the session could not go on after. */
static uint32_t code_of(Http2Conn *h, int error)
{
    switch (error) {
    case NGHTTP2_ERR_FLOODED:
        counter_add(COUNTER_HTTP2_FLOODS_FRAME, 1);
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        counter_add(COUNTER_HTTP2_FLOODS_HEADER, 1);
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_CALLBACK_FAILURE:
        return h->doom_code;
    default:
        return NGHTTP2_PROTOCOL_ERROR;
    }
}

static size_t on_data(Connection *conn, Str bytes)
{
    Http2Conn *h = conn_user(conn);
    size_t used = 0;
    ssize_t rc = 0;

    h->turn_requests = 0;
    h->busy = true;
    while (used < bytes.len && h->turn_requests < REQUESTS_PER_TURN) {
        Str slice = str_sub(bytes, used, SLICE_BYTES);
        rc = nghttp2_session_mem_recv(h->session, (const uint8_t *)slice.ptr, slice.len);
        if (rc < 0)
            break;
        used += (size_t)rc;
    }
    h->busy = false;
    if (rc < 0) {
        end_connection(h, code_of(h, (int)rc));
        return bytes.len;
    }
    http2__flush(h);
    if (used < bytes.len && !conn_is_closed(conn))
        conn_resume(conn);
    return used;
}

/* ---- time ---- */

void http2__arm(Http2Conn *h, int64_t deadline_ns)
{
    if ((h->armed_ns && h->armed_ns <= deadline_ns) || conn_is_closed(h->conn))
        return;
    h->armed_ns = deadline_ns;
    conn_set_timeout(h->conn, LUMA_MAX(deadline_ns - loop_now_ns(conn_loop(h->conn)), NS_PER_MS));
}

/* A client that takes nothing of its answers for a period is gone. */
static bool check_progress(Http2Conn *h, int64_t now_ns)
{
    int64_t waiting = conn_output_bytes(h->conn);
    int64_t period_ns = h->server->options.write_timeout_ns;

    if (!conn_is_congested(h->conn)) {
        h->stalled = false;
        return true;
    }
    if (!h->stalled || waiting < h->stalled_bytes) {
        h->stalled = true;
        h->stalled_ns = now_ns;
        h->stalled_bytes = waiting;
    } else if (now_ns - h->stalled_ns >= period_ns) {
        counter_add(COUNTER_HTTP2_STREAMS_STALLED, (int64_t)h->stream_count);
        counter_add(COUNTER_CONNECTIONS_CUT, 1);
        conn_abort(h->conn);
        return false;
    }
    http2__arm(h, h->stalled_ns + period_ns);
    return true;
}

static void on_timeout(Connection *conn)
{
    Http2Conn *h = conn_user(conn);
    int64_t now_ns = loop_now_ns(conn_loop(conn));

    h->armed_ns = 0;
    if (!check_progress(h, now_ns))
        return;
    if (!h->stream_count && now_ns >= h->idle_ns) {
        counter_add(COUNTER_CONNECTIONS_CUT, 1);
        end_connection(h, NGHTTP2_NO_ERROR);
        return;
    }
    if (!h->stream_count)
        http2__arm(h, h->idle_ns);
    h->busy = true;
    LIST_FOREACH (node, &h->streams) {
        Http2Stream *s = LUMA_CONTAINER_OF(node, Http2Stream, node);
        if (s->deadline_ns && now_ns >= s->deadline_ns)
            http2__stream_expire(s);
        else if (s->deadline_ns)
            http2__arm(h, s->deadline_ns);
    }
    h->busy = false;
    http2__flush(h);
}

/* ---- life ---- */

/* There is no half-closed connection: answers cannot be finished without the client's windows. */
static void on_eof(Connection *conn)
{
    Http2Conn *h = conn_user(conn);

    http2__flush(h);
    if (conn_is_closed(conn))
        return;
    drop_streams(h);
    conn_close(conn);
}

static void on_drained(Connection *conn)
{
    http2__flush(conn_user(conn));
}

static void on_drain(Connection *conn)
{
    Http2Conn *h = conn_user(conn);

    /* What the client sends after the last stream named here it may safely send elsewhere. */
    h->draining = true;
    (void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
    http2__flush(h);
}

static void on_close(Connection *conn)
{
    Http2Conn *h = conn_user(conn);

    h->busy = true;
    drop_streams(h);
    nghttp2_session_del(h->session);
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

static nghttp2_session *new_session(Http2Conn *h)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *session;

    ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, on_source_length);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    ASSERT(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
    ASSERT(nghttp2_session_server_new2(&session, callbacks, h, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

size_t http2__conn_take(Connection *conn, HttpServer *server, Str bytes)
{
    const HttpServerOptions *o = &server->options;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, o->streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)o->header_bytes_max},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    Http2Conn *h = MEM_NEW(Http2Conn);
    int64_t now_ns = loop_now_ns(conn_loop(conn));

    counter_add(COUNTER_HTTP2_CONNECTIONS, 1);
    h->conn = conn;
    h->server = server;
    list_init(&h->streams);
    list_init(&h->waiting);
    h->resets = (Http2Bucket){RESETS_BURST, now_ns};
    h->frames = (Http2Bucket){FRAMES_BURST, now_ns};
    h->session = new_session(h);
    conn_set_user(conn, h);
    conn_set_ops(conn, &conn_ops);
    conn_set_timeout(conn, 0);
    h->idle_ns = now_ns + o->idle_timeout_ns;
    http2__arm(h, h->idle_ns);
    ASSERT(nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                   LUMA_ARRAY_LEN(settings)) == 0);
    ASSERT(nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
                                                 CONN_WINDOW_BYTES) == 0);
    return on_data(conn, bytes);
}
