/* http_response.c - the answering calls: from any thread to the connection's loop.
 *
 * Compression and header lines are made on the calling thread. What is for the connection goes
 * there as a message; on the loop's own thread, and when nothing of this request is still on its
 * way, it is done at once. Bytes on their way count as output of the connection, so the high-water
 * mark stops a producer even before the loop has seen them.
 */
#include <stdio.h>

#include "base/counter.h"
#include "format/json/json.h"
#include "net/http/http_int.h"

enum {
    COMPRESS_BYTES_MIN = 1024,
    /* A loop must not compress for long; a handler with a long answer is on a worker anyway. */
    COMPRESS_BYTES_MAX_ON_LOOP = 64 << 10,
};

/* ---- headers ---- */

/* Values may hold text from outside: a line break would start a header of the attacker's choice. */
static void append_header(Buf *headers, Str name, Str value)
{
    buf_append_str(headers, name);
    buf_append_lit(headers, ": ");
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        buf_append_byte(headers, (c < 0x20 && c != '\t') || c == 0x7F ? ' ' : c);
    }
    buf_append_lit(headers, "\r\n");
}

static Str find_header(const HttpField *headers, size_t count, Str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(headers[i].name, name))
            return headers[i].value;
    return (Str){0};
}

static void count_answer(int status)
{
    static const CounterId by_class[] = {COUNTER_HTTP_RESPONSES_2XX, COUNTER_HTTP_RESPONSES_3XX,
                                         COUNTER_HTTP_RESPONSES_4XX, COUNTER_HTTP_RESPONSES_5XX};
    counter_add(COUNTER_HTTP_REQUESTS, 1);
    if (status >= 200 && status < 600)
        counter_add(by_class[status / 100 - 2], 1);
}

/* Status, given headers and those that every answer has; returns the coding to be used. */
static Codec begin_answer(Request *r, int status, const HttpField *headers, size_t count)
{
    Str type = find_header(headers, count, STR("content-type"));
    Codec codec = CODEC_NONE;

    ASSERT(!r->answered && status >= 200 && status <= 599);
    r->answered = true;
    r->status = status;
    r->head_only = r->pub.method == HTTP_HEAD;
    r->no_length = status == 204 || status == 304;
    for (size_t i = 0; i < count; i++)
        append_header(&r->headers, headers[i].name, headers[i].value);
    if (http__is_compressible(type) && !find_header(headers, count, STR("content-encoding")).ptr) {
        append_header(&r->headers, STR("Vary"), STR("Accept-Encoding"));
        codec = http__accepted_coding(http_request_header(&r->pub, STR("accept-encoding")));
    }
    if (r->origin.len) {
        append_header(&r->headers, STR("Access-Control-Allow-Origin"), r->origin);
        append_header(&r->headers, STR("Vary"), STR("Origin"));
    }
    count_answer(status);
    return codec;
}

static void say_coding(Request *r, Codec codec)
{
    append_header(&r->headers, STR("Content-Encoding"),
                  codec == CODEC_GZIP ? STR("gzip") : STR("deflate"));
}

/* Nobody is told any more; the holder gives the request back. */
static void forget_callbacks(Request *r)
{
    MUTEX_GUARD(&r->lock);
    r->on_cancel = NULL;
    r->on_drained = NULL;
}

/* May the caller act on the connection itself? */
static bool on_loop_in_order(Request *r)
{
    return loop_is_current(r->pub.loop) && __atomic_load_n(&r->posted, __ATOMIC_ACQUIRE) == 0;
}

/* Bytes the holder has given, before they are on their way. */
static void count_output(Request *r, size_t len)
{
    if (r->ops->multiplexed)
        http__request_count(r, (int64_t)len);
}

/* ---- whole answers ---- */

static void send_whole(Request *r)
{
    r->ops->head(r, (int64_t)r->whole.len);
    if (!r->head_only && !r->no_length) {
        count_output(r, r->whole.len);
        r->ops->body(r, &r->whole);
    }
    r->ops->end(r, false);
}

static void run_whole(LoopTask *task)
{
    send_whole(LUMA_CONTAINER_OF(task, Request, end_task));
}

static bool worth_compressing(const Request *r, size_t len)
{
    return len >= COMPRESS_BYTES_MIN && !r->head_only &&
           (len <= COMPRESS_BYTES_MAX_ON_LOOP || !loop_is_current(r->pub.loop));
}

void http_respond(HttpRequest *req, int status, const HttpField *headers, size_t header_count,
                  Buf *take)
{
    Request *r = request_of(req);
    Codec codec = begin_answer(r, status, headers, header_count);

    if (take) {
        r->whole = *take;
        *take = (Buf){0};
    }
    if (codec != CODEC_NONE && worth_compressing(r, r->whole.len)) {
        Buf packed = {0};
        if (compress_encode(codec, 0, buf_str(&r->whole), &packed, NULL) == STATUS_OK &&
            packed.len < r->whole.len) {
            say_coding(r, codec);
            buf_done(&r->whole);
            r->whole = packed;
        } else {
            buf_done(&packed);
        }
    }
    forget_callbacks(r);
    if (on_loop_in_order(r)) {
        send_whole(r);
        return;
    }
    r->end_task.run = run_whole;
    loop_post(r->pub.loop, &r->end_task);
}

void http_respond_trailers(HttpRequest *req, int status, const HttpField *headers,
                           size_t header_count, Buf *take, const HttpField *trailers,
                           size_t trailer_count)
{
    Request *r = request_of(req);

    for (size_t i = 0; i < trailer_count; i++)
        append_header(&r->trailers, trailers[i].name, trailers[i].value);
    r->untold_length = true;
    http_respond(req, status, headers, header_count, take);
}

void http_request_preempt(HttpRequest *req, int status, const HttpField *headers,
                          size_t header_count)
{
    Request *r = request_of(req);
    Buf lines = {0};

    ASSERT(loop_is_current(req->loop));
    if (r->stream && r->ops->preempt) {
        for (size_t i = 0; i < header_count; i++)
            append_header(&lines, headers[i].name, headers[i].value);
        count_answer(status);
        r->ops->preempt(r, status, &lines);
        buf_done(&lines);
    }
    http__request_cancel(r);
}

void http_respond_str(HttpRequest *req, int status, Str content_type, Str body)
{
    HttpField type = {STR("Content-Type"), content_type};
    Buf buf = {0};

    buf_append_str(&buf, body);
    http_respond(req, status, &type, 1, &buf);
}

void http_respond_error(HttpRequest *req, int status, const char *format, ...)
{
    static const HttpField type = {STR_INIT("Content-Type"), STR_INIT("application/json")};
    char message[1024];
    va_list args;
    Buf body = {0};

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    buf_append_lit(&body, "{\"error\": ");
    json_append_string(&body, str_from(message));
    buf_printf(&body, ", \"status\": %d}\n", status);
    http_respond(req, status, &type, 1, &body);
}

int http_status_of(Status status)
{
    switch (status) {
    case STATUS_OK:
        return 200;
    case STATUS_INVALID:
        return 400;
    case STATUS_DENIED:
        return 403;
    case STATUS_NOT_FOUND:
        return 404;
    case STATUS_EXISTS:
    case STATUS_CONFLICT:
        return 409;
    case STATUS_CANCELLED:
        return 499;
    case STATUS_UNSUPPORTED:
        return 501;
    case STATUS_LIMIT:
    case STATUS_NOMEM:
    case STATUS_UNAVAILABLE:
        return 503;
    case STATUS_TIMEOUT:
        return 504;
    case STATUS_IO:
    case STATUS_CORRUPT:
    case STATUS_INTERNAL:
        return 500;
    }
    return 500;
}

void http_respond_status(HttpRequest *req, const Error *err)
{
    http_respond_error(req, http_status_of(err->status), "%s", err->message);
}

/* ---- answers in pieces ---- */

typedef enum PieceKind { PIECE_HEAD, PIECE_BODY, PIECE_END } PieceKind;

typedef struct Piece {
    LoopTask task;
    Request *request;
    PieceKind kind;
    Buf bytes;
} Piece;

static void send_piece(Request *r, PieceKind kind, Buf *take)
{
    switch (kind) {
    case PIECE_HEAD:
        r->ops->head(r, -1);
        break;
    case PIECE_BODY:
        r->ops->body(r, take);
        break;
    case PIECE_END:
        r->ops->end(r, r->cut);
        break;
    }
}

static void run_piece(LoopTask *task)
{
    Piece *piece = LUMA_CONTAINER_OF(task, Piece, task);
    Request *r = piece->request;
    Connection *conn = conn_ref(r->conn);
    int64_t len = (int64_t)piece->bytes.len;

    bool counted = len && !r->ops->multiplexed;
    (void)__atomic_fetch_sub(&r->posted, 1, __ATOMIC_RELEASE);
    send_piece(r, piece->kind, &piece->bytes);
    if (counted)
        conn_count_output(conn, -len);
    (void)conn_unref(conn);
    mem_free(piece);
}

static void pass_piece(Request *r, PieceKind kind, Buf *take)
{
    if (take)
        count_output(r, take->len);
    if (on_loop_in_order(r)) {
        send_piece(r, kind, take);
        return;
    }
    Piece *piece = MEM_NEW(Piece);
    piece->task.run = run_piece;
    piece->request = r;
    piece->kind = kind;
    if (take) {
        piece->bytes = *take;
        *take = (Buf){0};
    }
    if (piece->bytes.len && !r->ops->multiplexed)
        conn_count_output(r->conn, (int64_t)piece->bytes.len);
    (void)__atomic_fetch_add(&r->posted, 1, __ATOMIC_RELAXED);
    loop_post(r->pub.loop, &piece->task);
}

void http_response_begin(HttpRequest *req, int status, const HttpField *headers,
                         size_t header_count, bool compress)
{
    Request *r = request_of(req);
    Codec codec = begin_answer(r, status, headers, header_count);

    r->streaming = true;
    if (compress && codec != CODEC_NONE && !r->head_only && !r->no_length) {
        say_coding(r, codec);
        r->deflater = deflater_new(codec, 0);
    }
    pass_piece(r, PIECE_HEAD, NULL);
}

static void write_plain(Request *r, Str plain, DeflateFlush flush)
{
    Buf packed = {0};

    deflater_write(r->deflater, plain, flush, &packed);
    if (packed.len)
        pass_piece(r, PIECE_BODY, &packed);
    buf_done(&packed);
}

bool http_response_write(HttpRequest *req, Buf *take)
{
    Request *r = request_of(req);

    ASSERT(r->streaming);
    if (r->head_only || r->no_length) {
        buf_done(take);
        return true;
    }
    if (r->deflater) {
        write_plain(r, buf_str(take), DEFLATE_MORE);
        buf_done(take);
    } else if (take->len) {
        pass_piece(r, PIECE_BODY, take);
    }
    return !http_response_is_slow(req) && !http_request_cancelled(req);
}

bool http_response_is_slow(const HttpRequest *req)
{
    const Request *r = request_of(req);

    return r->ops->multiplexed ? __atomic_load_n(&r->slow, __ATOMIC_RELAXED)
                               : conn_is_congested(r->conn);
}

void http_response_flush(HttpRequest *req)
{
    Request *r = request_of(req);

    if (r->deflater)
        write_plain(r, (Str){0}, DEFLATE_SYNC);
}

void http_response_end(HttpRequest *req)
{
    Request *r = request_of(req);

    ASSERT(r->streaming);
    forget_callbacks(r);
    if (r->deflater)
        write_plain(r, (Str){0}, DEFLATE_END);
    pass_piece(r, PIECE_END, NULL);
}

void http_response_abort(HttpRequest *req)
{
    Request *r = request_of(req);

    ASSERT(r->streaming);
    forget_callbacks(r);
    r->cut = true;
    pass_piece(r, PIECE_END, NULL);
}

Status http_response_wait(HttpRequest *req, int64_t deadline_mono_ns, Error *err)
{
    Request *r = request_of(req);

    ASSERT(!loop_is_current(req->loop));
    if (http_request_cancelled(req))
        return error_set(err, STATUS_CANCELLED, "the client went away");
    if (!r->ops->multiplexed)
        return conn_wait_writable(r->conn, deadline_mono_ns, err);
    MUTEX_GUARD(&r->lock);
    while (r->slow && !r->cancelled)
        if (!cond_wait_until(&r->writable, &r->lock, deadline_mono_ns))
            return error_set(err, STATUS_TIMEOUT, "the client does not read its answer");
    if (r->cancelled)
        return error_set(err, STATUS_CANCELLED, "the client went away");
    return STATUS_OK;
}
