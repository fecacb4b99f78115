/* http2_client.h - a client of HTTP/2 for tests: libnghttp2 over a blocking socket.
 *
 *   Http2Client client;
 *   http2_open(&client, fd);
 *   Http2Answer *a = http2_ask(&client, "GET", "/hello", NULL, (Str){0});
 *   http2_wait(&client, a);
 */
#ifndef LUMA_TEST_HTTP2_CLIENT_H
#define LUMA_TEST_HTTP2_CLIENT_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

enum { HTTP2_ANSWERS_MAX = 2048 };

/* A request and what has come back. */
typedef struct Http2Answer {
    int32_t id;
    Str body_left;  /* of the request, borrowed */
    bool body_open; /* more of it may come: no END_STREAM yet */
    int status;
    int interim; /* 100 */
    Buf headers; /* "name: value\n" */
    Buf body;
    Buf trailers; /* "name: value\n" */
    bool closed;
    uint32_t error; /* of the RST_STREAM, or 0 */
} Http2Answer;

typedef struct Http2Client {
    int fd;
    nghttp2_session *session;
    Http2Answer answers[HTTP2_ANSWERS_MAX];
    size_t answer_count;
    bool goaway;
    uint32_t goaway_code;
    int32_t goaway_last_id;
    bool eof;
} Http2Client;

static inline Http2Answer *http2_find(Http2Client *client, int32_t id)
{
    for (size_t i = 0; i < client->answer_count; i++)
        if (client->answers[i].id == id)
            return &client->answers[i];
    return NULL;
}

static inline int http2_on_header(nghttp2_session *session, const nghttp2_frame *frame,
                                  const uint8_t *name, size_t name_len, const uint8_t *value,
                                  size_t value_len, uint8_t flags, void *user)
{
    Http2Answer *a = http2_find(user, frame->hd.stream_id);
    int64_t number;

    if (!a)
        return 0;
    if (str_eq(str_make(name, name_len), STR(":status")) &&
        str_to_i64(str_make(value, value_len), &number)) {
        if (number < 200)
            a->interim = (int)number;
        else
            a->status = (int)number;
    }
    buf_printf(
        a->status && frame->headers.cat == NGHTTP2_HCAT_HEADERS && !a->interim && name[0] != ':'
            ? &a->trailers
            : &a->headers,
        "%.*s: %.*s\n", (int)name_len, (const char *)name, (int)value_len, (const char *)value);
    return 0;
}

static inline int http2_on_chunk(nghttp2_session *session, uint8_t flags, int32_t id,
                                 const uint8_t *bytes, size_t len, void *user)
{
    Http2Answer *a = http2_find(user, id);
    if (a)
        buf_append(&a->body, bytes, len);
    return 0;
}

static inline int http2_on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    Http2Answer *a = http2_find(user, id);
    if (a) {
        a->closed = true;
        a->error = error;
    }
    return 0;
}

static inline int http2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    Http2Client *client = user;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->goaway = true;
        client->goaway_code = frame->goaway.error_code;
        client->goaway_last_id = frame->goaway.last_stream_id;
    }
    return 0;
}

static inline ssize_t http2_on_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
                                    uint32_t *flags, nghttp2_data_source *source, void *user)
{
    Http2Answer *a = source->ptr;
    size_t n = LUMA_MIN(len, a->body_left.len);

    if (!n && a->body_open)
        return NGHTTP2_ERR_DEFERRED;
    if (n)
        memcpy(buf, a->body_left.ptr, n);
    a->body_left = str_sub(a->body_left, n, a->body_left.len);
    if (!a->body_left.len && !a->body_open)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* `manual`: windows open only by nghttp2_session_consume. */
static inline void http2_open(Http2Client *client, int fd, bool manual)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    static const int on = 1;

    *client = (Http2Client){.fd = fd};
    /* WINDOW_UPDATEs must not wait for the acknowledgement of earlier ones. */
    ASSERT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, http2_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, http2_on_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, http2_on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, http2_on_frame);
    ASSERT(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, manual);
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
    ASSERT(nghttp2_session_client_new2(&client->session, callbacks, client, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    ASSERT(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0) == 0);
}

/* Sends what the session has; false when the connection is gone. */
static inline bool http2_push(Http2Client *client)
{
    const uint8_t *bytes;
    ssize_t len;

    while ((len = nghttp2_session_mem_send(client->session, &bytes)) > 0)
        for (ssize_t at = 0, n; at < len; at += n)
            if ((n = send(client->fd, bytes + at, (size_t)(len - at), MSG_NOSIGNAL)) <= 0)
                return false;
    return true;
}

/* Sends, then reads once; false at the end of the connection. */
static inline bool http2_turn(Http2Client *client)
{
    uint8_t bytes[16384];

    (void)http2_push(client); /* what came before a reset is still to be read */
    ssize_t n = recv(client->fd, bytes, sizeof bytes, 0);
    if (n <= 0 || nghttp2_session_mem_recv(client->session, bytes, (size_t)n) < 0) {
        client->eof = true;
        return false;
    }
    (void)http2_push(client);
    return true;
}

/* `headers`: pairs of name and value, NULL-terminated, or NULL. A body with ptr NULL is none; it
 * must live until it is sent. `open`: more of it may come, no END_STREAM yet. */
static inline Http2Answer *http2_ask_as(Http2Client *client, const char *authority,
                                        const char *method, const char *path,
                                        const char *const *headers, Str body, bool open)
{
    nghttp2_nv fields[80];
    const char *fixed[] = {":method",    method,    ":scheme", "http",
                           ":authority", authority, ":path",   path};
    size_t count = 0;

    for (size_t i = 0; i < LUMA_ARRAY_LEN(fixed); i += 2)
        fields[count++] =
            (nghttp2_nv){(uint8_t *)(uintptr_t)fixed[i], (uint8_t *)(uintptr_t)fixed[i + 1],
                         strlen(fixed[i]), strlen(fixed[i + 1]), NGHTTP2_NV_FLAG_NONE};
    for (; headers && *headers; headers += 2)
        fields[count++] =
            (nghttp2_nv){(uint8_t *)(uintptr_t)headers[0], (uint8_t *)(uintptr_t)headers[1],
                         strlen(headers[0]), strlen(headers[1]), NGHTTP2_NV_FLAG_NONE};
    ASSERT(client->answer_count < HTTP2_ANSWERS_MAX);
    Http2Answer *a = &client->answers[client->answer_count++];
    *a = (Http2Answer){.body_left = body, .body_open = open};
    nghttp2_data_provider provider = {.source.ptr = a, .read_callback = http2_on_read};
    a->id = nghttp2_submit_request(client->session, NULL, fields, count,
                                   body.ptr || open ? &provider : NULL, NULL);
    ASSERT(a->id > 0);
    return a;
}

static inline Http2Answer *http2_ask(Http2Client *client, const char *method, const char *path,
                                     const char *const *headers, Str body)
{
    return http2_ask_as(client, "127.0.0.1", method, path, headers, body, false);
}

/* Until the answer is there, or the connection ends. */
static inline Http2Answer *http2_wait(Http2Client *client, Http2Answer *a)
{
    while (!a->closed && http2_turn(client))
        continue;
    return a;
}

/* Until the server has ended the connection. */
static inline void http2_wait_end(Http2Client *client)
{
    while (http2_turn(client))
        continue;
}

static inline void http2_close(Http2Client *client)
{
    nghttp2_session_del(client->session);
    (void)close(client->fd);
    for (size_t i = 0; i < client->answer_count; i++) {
        buf_done(&client->answers[i].headers);
        buf_done(&client->answers[i].body);
        buf_done(&client->answers[i].trailers);
    }
}

#endif
