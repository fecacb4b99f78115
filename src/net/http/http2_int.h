/* http2_int.h - an HTTP/2 connection and its streams (RFC 9113), over libnghttp2.
 *
 * nghttp2 does frames, HPACK, flow control and the rules of HTTP messages. The connection
 * (http2_conn.c) feeds it bytes, holds clients to limits and keeps the time; a stream
 * (http2_stream.c) is one request and the queue of its answer.
 *
 * 1. The session is called by one of three: on_data, a callback of the connection, an answering
 *    call. None of them nests: inside, `busy` is set, and output is sent when it is over.
 * 2. A stream lives until nghttp2 closes it; its request may end earlier (answered) or later
 *    (client gone: request->stream is NULL then, and its answer is dropped).
 * 3. Bytes of a body are given back to the flow control windows when they have been used. What
 *    waits for a login or a turn is bounded by the connection's window.
 *
 * Threads: confined to the connection's loop.
 */
#ifndef LUMA_NET_HTTP_HTTP2_INT_H
#define LUMA_NET_HTTP_HTTP2_INT_H

#include <nghttp2/nghttp2.h>

#include "base/counter.h"
#include "base/list.h"
#include "net/http/http_int.h"

typedef enum Http2Phase {
    HTTP2_HEAD,      /* header fields are coming */
    HTTP2_WAITING,   /* much output waits for the client: the request's turn comes later */
    HTTP2_LOGIN,     /* credentials are being checked elsewhere */
    HTTP2_BODY,      /* the body is coming */
    HTTP2_ANSWERING, /* with the handler, until `end` */
    HTTP2_ENDED,     /* the rest of the answer is leaving */
} Http2Phase;

/* A bucket of tokens. */
typedef struct Http2Bucket {
    int64_t tokens;
    int64_t filled_ns; /* when it was last filled up */
} Http2Bucket;

typedef struct Http2Conn {
    Connection *conn;
    HttpServer *server;
    nghttp2_session *session;
    ListNode streams; /* Http2Stream.node */
    ListNode waiting; /* Http2Stream.waiting_node, oldest first */
    size_t stream_count;
    int64_t queued_bytes; /* in the streams' queues */
    int turn_requests;    /* begun since on_data began */
    bool busy;            /* the session is being called */
    bool doomed;          /* the client broke a limit: GOAWAY and close */
    bool draining;        /* closes after the last stream */
    uint32_t doom_code;   /* NGHTTP2_… error of the GOAWAY */
    Http2Bucket resets;   /* streams the client may make us throw away */
    Http2Bucket frames;   /* frames it may send that carry no request */
    int64_t idle_ns;      /* deadline while there is no stream */
    int64_t armed_ns;     /* when on_timeout comes, 0 = not */
    bool stalled;         /* congested since stalled_ns */
    int64_t stalled_ns;
    int64_t stalled_bytes; /* output waiting then */
} Http2Conn;

/* A part of an answer. */
typedef struct Http2Piece {
    struct Http2Piece *next;
    Buf bytes;
    size_t pos; /* sent up to here */
} Http2Piece;

typedef struct Http2Stream {
    ListNode node;
    ListNode waiting_node;
    Http2Conn *h;
    Request *request; /* NULL once answered */
    int32_t id;
    Http2Phase phase;
    HttpField *headers; /* in the request's arena */
    size_t header_count;
    size_t header_cap;
    size_t header_bytes; /* of fields seen, kept or not */
    size_t fields_seen;
    bool has_authority; /* headers[0] is Host, made of it */
    bool host_differs;  /* a Host field that contradicts it */
    int refusal;        /* status of a head over the limits, else 0 */
    bool remote_ended;  /* all of the request has come */
    bool small_body;    /* the body was announced, and is worth waiting for */
    bool head_sent;     /* the answer's head is with nghttp2 */
    bool complete;      /* all of the answer is in the queue */
    Buf held;           /* body that came before its time */
    Http2Piece *first;
    Http2Piece *last;
    int64_t queued_bytes; /* in the pieces */
    Buf trailers;         /* header lines, sent behind the last piece */
    int64_t deadline_ns;  /* 0 = none: head, body, or progress of the answer */
} Http2Stream;

/* http2_conn.c */
/* Sends what the session has, begins requests whose turn has come, closes when all is done. Nothing
 * when busy or closed. */
void http2__flush(Http2Conn *h);
/* on_timeout comes at that time or earlier. */
void http2__arm(Http2Conn *h, int64_t deadline_ns);
/* The limit is broken; whoever called the session ends the connection. */
void http2__doom(Http2Conn *h, uint32_t code, CounterId counter);

/* http2_stream.c */
Http2Stream *http2__stream_new(Http2Conn *h, int32_t id);
/* nghttp2 has closed the stream, or the connection is gone. Frees it. */
void http2__stream_closed(Http2Stream *s);
/* A field of the head, or of the trailers. */
void http2__stream_field(Http2Stream *s, Str name, Str value);
/* The head is complete. */
void http2__stream_head(Http2Stream *s);
/* The turn of a waiting stream has come. */
void http2__stream_begin(Http2Stream *s);
void http2__stream_data(Http2Stream *s, Str bytes);
/* The request is complete. */
void http2__stream_end(Http2Stream *s);
/* The answer is complete and the request is not: RFC 9113 8.1. */
void http2__stream_answered_early(Http2Stream *s);
/* Writes the next `len` bytes of the queue to the connection. */
void http2__stream_send(Http2Stream *s, size_t len);
/* The deadline is over. */
void http2__stream_expire(Http2Stream *s);

#endif
