/* http_int.h - the inside of net/http.
 *
 * A Request is what handlers see plus the server's part. The connection (http1_conn.c,
 * http2_stream.c) makes it, the server (http_server.c) judges its head, the router finds its
 * handler, http_response.c turns the answering calls into pieces for the connection's loop, and the
 * maker writes them: RequestOps is the seam.
 */
#ifndef LUMA_NET_HTTP_HTTP_INT_H
#define LUMA_NET_HTTP_HTTP_INT_H

#include "base/thread.h"
#include "format/compress/compress.h"
#include "net/http/http.h"
#include "net/http/http1_parser.h"

typedef struct Request Request;

/* How answers leave; loop thread. The request may be orphaned (client gone): implementations drop.
 */
typedef struct RequestOps {
    /* Many requests share the connection: each has output marks of its own. */
    bool multiplexed;
    /* Status line and headers. `content_length` -1 = in pieces. */
    void (*head)(Request *r, int64_t content_length);
    void (*body)(Request *r, Buf *take);
    /* The answer is complete (or, when `cut`, cannot be completed). Frees the request. */
    void (*end)(Request *r, bool cut);
    /* After HEAD_PENDING the login was granted; frees the request whose client is gone. */
    void (*granted)(Request *r);
    /* http_request_preempt; `headers` as Request.headers. */
    void (*preempt)(Request *r, int status, const Buf *headers);
} RequestOps;

struct Request {
    HttpRequest pub; /* first: handlers hold &pub */
    const RequestOps *ops;
    HttpServer *server;
    Connection *conn; /* a reference */
    void *stream;     /* the maker's; NULL when the client is gone. Loop thread */
    const HttpRoute *route;
    Str host;   /* Host header or authority of the target */
    Str origin; /* allowed foreign Origin, to be echoed; empty = none */
    bool form_parsed;
    Status form_status; /* of http_request_form */
    Error form_error;
    HttpField *form;
    size_t form_count;

    /* body */
    int64_t content_length; /* as told, -1 = chunked */
    Buf body;
    Inflater *inflater;
    int64_t charged_bytes; /* to the server's budget */

    /* credentials under way */
    AccessCheck check;
    LoopTask check_task;

    /* answer */
    int status;
    Buf headers;        /* header lines with CRLF, as the answering thread made them */
    Buf trailers;       /* likewise; what follows the body */
    bool head_only;     /* answer to HEAD */
    bool no_length;     /* 204, 304 */
    bool untold_length; /* whole, but Content-Length is not to be said */
    Deflater *deflater; /* compressed stream */
    LoopTask end_task;
    Buf whole;     /* body of http_respond on its way to the loop */
    bool answered; /* begin or respond was called; by the holder's thread */
    bool streaming;
    bool cut;
    int posted; /* atomic: tasks of this request on their way */

    Mutex lock;
    bool cancelled;            /* written under lock; atomic for readers */
    void (*on_cancel)(void *); /* guarded by lock */
    void *cancel_ctx;
    void (*on_drained)(void *); /* guarded by lock */
    void *drained_ctx;
    /* multiplexed: */
    Cond writable;             /* not slow any more, or cancelled */
    int64_t output_bytes_high; /* the mark; the low one is a quarter. Set before the handler runs */
    int64_t output_bytes;      /* guarded by lock: accepted from the holder, not yet sent */
    bool slow;                 /* written under lock; atomic for readers */
};

static inline Request *request_of(const HttpRequest *pub)
{
    return LUMA_CONTAINER_OF((HttpRequest *)(uintptr_t)pub, Request, pub);
}

struct HttpServer {
    HttpServerOptions options; /* defaults filled in; immutable */
    const HttpRouter *router;
    Listener *listener;
    Http1Limits limits;
};

/* http_request.c */
Request *http__request_new(HttpServer *server, Connection *conn, const RequestOps *ops,
                           void *stream);
Request *http__request_free(Request *r);
/* The client is gone: on_cancel. Loop thread. */
void http__request_cancel(Request *r);
/* A slow client has caught up. Loop thread. */
void http__request_drained(Request *r);
/* Adds to output_bytes of a multiplexed request and acts on its marks; loop thread when negative.
 */
void http__request_count(Request *r, int64_t delta);

/* http_server.c: judges a request whose head is complete. */
typedef enum HeadVerdict {
    HEAD_GO_ON,   /* read the body, call the handler */
    HEAD_PENDING, /* the verdict comes on the loop */
    HEAD_REFUSED, /* was answered with an error */
} HeadVerdict;
HeadVerdict http__check_head(Request *r, bool has_body, int64_t content_length);
/* Answers an error the server found, in the words of the path's API. */
void http__refuse(Request *r, int status, const char *message);
/* As http__refuse with a header. */
void http__refuse_with(Request *r, int status, const char *message, Str name, Str value);
/* Adds body bytes, decoded; false = refused and answered. */
bool http__body_add(Request *r, Str bytes);
/* The body is complete; false = refused and answered. */
bool http__body_done(Request *r);

/* http_router.c */
typedef struct RouteMatch {
    const HttpRoute *route; /* NULL: none for this method */
    unsigned methods;       /* of the path; 0 = unknown path */
    HttpField *params;
    size_t param_count;
} RouteMatch;
/* STATUS_INVALID when an escape in the path is bad. */
Status http__router_find(const HttpRouter *router, HttpMethod method, Str path, Arena *arena,
                         RouteMatch *ret_match);
HttpErrorWriter http__router_error_writer(const HttpRouter *router, Str path);
HttpRefuser http__router_refuser(const HttpRouter *router);

/* http_conn.c: finds out which version a new connection speaks. */
extern const ConnOps http__conn_ops;

/* http1_conn.c, http2_conn.c: the connection speaks this version: gives it its state and callbacks
 * and shows it the first bytes; returns how many were used. */
size_t http1__conn_take(Connection *conn, HttpServer *server, Str bytes);
size_t http2__conn_take(Connection *conn, HttpServer *server, Str bytes);

/* http_text.c */
/* "gzip", "deflate" or none, as Accept-Encoding has it. */
Codec http__accepted_coding(Str accept_encoding);
/* Is it worth compressing? */
bool http__is_compressible(Str content_type);
/* Splits "a;q=0.5, b" at commas: the element without parameters and its q in thousandths. */
bool http__next_weighted(Str *rest, Str *ret_item, int *ret_q);
bool http__base64_decode(Str text, Arena *arena, Str *ret_bytes);
/* "Sun, 06 Nov 1994 08:49:37 GMT" of now. */
Str http__date(void);
/* 0 when unknown. */
HttpMethod http__method_parse(Str text);
const char *http__method_name(HttpMethod method);

#endif
