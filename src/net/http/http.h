/* http.h - HTTP server: router, requests, answers.
 *
 *   HttpRouter *router = http_router_new();
 *   http_router_add(router, &(HttpRoute){.methods = HTTP_GET | HTTP_POST, .pattern =
 * "/api/v1/query", .role = ROLE_READ, .handler = on_query, .ctx = api}); TRY(http_server_new(loops,
 * router, &(HttpServerOptions){.listener = {.name = "prometheus", .address = "127.0.0.1:9090"}},
 * &server, err));
 *
 * A handler runs on the connection's loop thread when the whole body is there. It answers at once,
 * or keeps the request and answers later from any thread. A request is answered exactly once: by
 * http_respond (or a short form of it), or by http_response_begin, any number of
 * http_response_write and http_response_end. That last call gives the request back: do not touch it
 * afterwards. It stays valid until then even if the client is gone; answers are then dropped.
 *
 * HTTP/1.1 and HTTP/2 are served on every listener, HTTP/2 by prior knowledge or ALPN; the version
 * does not show here, but for HttpRequest.http2 and trailers.
 * Before a handler runs the server has refused malformed requests, foreign Host and Origin headers,
 * bodies over the route's maximum and callers without the route's role.
 */
#ifndef LUMA_NET_HTTP_HTTP_H
#define LUMA_NET_HTTP_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "net/loop/loop.h"

typedef enum HttpMethod {
    HTTP_GET = 1,
    HTTP_HEAD = 2,
    HTTP_POST = 4,
    HTTP_PUT = 8,
    HTTP_PATCH = 16,
    HTTP_DELETE = 32,
    HTTP_OPTIONS = 64,
} HttpMethod;

/* A header field, path parameter, query-string or form value. */
typedef struct HttpField {
    Str name;
    Str value;
} HttpField;

/* A request. The fields may be read by the thread that holds the request; all bytes live in `arena`
 * or as long as the request. */
typedef struct HttpRequest {
    HttpMethod method;
    Str method_text;          /* as sent */
    Str target;               /* as sent: "/a%20b?x=1" */
    Str path;                 /* of the target, not decoded */
    Str query;                /* after the '?', not decoded */
    const HttpField *headers; /* in order, names as sent */
    size_t header_count;
    const HttpField *params; /* of the route's {names}, decoded */
    size_t param_count;
    Str body;            /* whole, content coding removed (unless HTTP_ROUTE_RAW_BODY) */
    Principal principal; /* who asks */
    NetAddress peer;
    bool tls;            /* came over TLS */
    bool http2;          /* came over HTTP/2 */
    Loop *loop;          /* its loop, for loop_post and timers */
    void *route_ctx;     /* the route's ctx */
    void *reader;        /* for the route's on_body and handler; NULL at first */
    int64_t received_ns; /* clock_mono_ns when the head was complete */
    Arena arena;         /* for whoever holds the request; dies with it */
} HttpRequest;

typedef void (*HttpHandler)(HttpRequest *req, void *ctx);

/* ---- reading a request ---- */

/* First header of that name (any case), or an empty Str with ptr NULL. */
Str http_request_header(const HttpRequest *req, Str name);
/* Path parameter "{name}"; asserts that the route has it. */
Str http_request_param(const HttpRequest *req, Str name);
/* Values of a form-encoded body (application/x-www-form-urlencoded) and then of the query string,
 * in order, decoded; parsed at the first call. STATUS_INVALID for a bad percent escape,
 * STATUS_LIMIT over 10,000 pairs. The list belongs to the request. */
Status http_request_form(HttpRequest *req, const HttpField **ret_fields, size_t *ret_count,
                         Error *err);
/* First value of that name in http_request_form; ptr NULL when absent or when the form is bad. */
Str http_request_value(HttpRequest *req, Str name);
/* Does the Content-Type name this media type (parameters aside, any case)? */
bool http_request_is_type(const HttpRequest *req, Str media_type);
/* Which of the offered media types suits the Accept header best (q-values, wildcards; earlier ones
 * win ties)? -1 when none; 0 when there is no Accept. */
int http_request_accept(const HttpRequest *req, const Str *offered, size_t count);
/* The client went away, the request was preempted, or the server is stopping hard. Any thread that
 * holds the request. */
bool http_request_cancelled(const HttpRequest *req);
/* Calls fn(ctx) on the loop thread when that happens, at once if it has (then inside this call).
 * One callback; fn NULL removes it, and then it is not running any more. It is removed by the last
 * answering call, too. fn runs under a lock: it sets a flag or cancels a query, and calls nothing
 * of this header. */
void http_request_on_cancel(HttpRequest *req, void (*fn)(void *ctx), void *ctx);

/* ---- answering: any thread that holds the request ---- */

/* The whole answer; ends the request. Takes the body's bytes (NULL = none). Content-Length, Date,
 * Connection, Vary and Content-Encoding are added here: do not pass them; headers are copied.
 * Bodies worth it are compressed on the calling thread if the client accepts it and Content-Type is
 * text-like. */
void http_respond(HttpRequest *req, int status, const HttpField *headers, size_t header_count,
                  Buf *take);
/* As http_respond, without Content-Length and with fields behind the body; none are fine. HTTP/1.1
 * drops them. */
void http_respond_trailers(HttpRequest *req, int status, const HttpField *headers,
                           size_t header_count, Buf *take, const HttpField *trailers,
                           size_t trailer_count);
/* Answers in the place of the holder, who has not begun to, without a body; then cancels the
 * request. The holder still gives the request back by an answer, which is dropped. HTTP/1.1 only
 * cancels. Loop thread; not after the request was given back. */
void http_request_preempt(HttpRequest *req, int status, const HttpField *headers,
                          size_t header_count);
/* Short forms: one Content-Type header, body copied. */
void http_respond_str(HttpRequest *req, int status, Str content_type, Str body);
/* {"error": "...", "status": N} and a newline. */
void http_respond_error(HttpRequest *req, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As http_respond_error with the status code that suits (http_status_of) and err's message. */
void http_respond_status(HttpRequest *req, const Error *err);
/* HTTP status for a Status: INVALID 400, DENIED 403, NOT_FOUND 404, EXISTS CONFLICT 409, LIMIT
 * NOMEM UNAVAILABLE 503, TIMEOUT 504, CANCELLED 499, UNSUPPORTED 501, others 500. */
int http_status_of(Status status);

/* An answer in pieces: chunked, or until the end of the connection for HTTP/1.0. Flag: compress
 * pieces if the client accepts it. */
void http_response_begin(HttpRequest *req, int status, const HttpField *headers,
                         size_t header_count, bool compress);
/* Takes the bytes (empty is fine). False when the client is slow: the bytes are queued all the
 * same, but the producer should stop until http_response_wait or the on_drained callback. Also
 * false when http_request_cancelled: then give up by http_response_abort. */
bool http_response_write(HttpRequest *req, Buf *take);
/* Sends what compression holds back. */
void http_response_flush(HttpRequest *req);
/* The regular end; gives the request back. */
void http_response_end(HttpRequest *req);
/* The producer failed midway: cuts the connection, so that the client sees it; gives the request
 * back. */
void http_response_abort(HttpRequest *req);
/* Worker threads: waits while the client is slow. STATUS_CANCELLED when it went away,
 * STATUS_TIMEOUT at the deadline (clock_mono_ns). */
Status http_response_wait(HttpRequest *req, int64_t deadline_mono_ns, Error *err);
/* For producers that do not block: fn(ctx) on the loop thread each time a slow client has caught
 * up. Set before the first write; same rules as http_request_on_cancel. */
void http_response_on_drained(HttpRequest *req, void (*fn)(void *ctx), void *ctx);
/* Is on_drained still to come? */
bool http_response_is_slow(const HttpRequest *req);

/* ---- routes ---- */

typedef enum HttpRouteFlag {
    HTTP_ROUTE_RAW_BODY = 1, /* keep the content coding: the handler decodes (snappy) */
    HTTP_ROUTE_NO_AUTH = 2,  /* health checks: credentials are not looked at */
} HttpRouteFlag;

/* Takes the next bytes of a body in place of the server, which then holds only what is appended to
 * *body (and charges it to the budget). False when it has answered the request. Loop thread. */
typedef bool (*HttpBodyReader)(HttpRequest *req, Str bytes, Buf *body);

typedef struct HttpRoute {
    unsigned methods; /* HttpMethod bits; HEAD comes with GET; OPTIONS is answered by the router */
    const char *pattern; /* "/api/v1/label/{name}/values"; a last segment "{rest...}" takes all that
                          * follows. Literal segments win over parameters. Static text. */
    Role role;           /* least role; ROLE_NONE = any known user */
    unsigned flags;      /* HttpRouteFlag bits */
    size_t body_bytes_max;  /* after decoding; 0 = 1 MiB */
    HttpBodyReader on_body; /* optional, with HTTP_ROUTE_RAW_BODY; it holds to the maximum itself */
    HttpHandler handler;
    void *ctx;
} HttpRoute;

typedef struct HttpRouter HttpRouter;

HttpRouter *http_router_new(void);
/* After the servers that use it. NULL is fine; returns NULL. */
HttpRouter *http_router_free(HttpRouter *router);
/* Copies *route. A bad pattern, or the same pattern and method twice, is a bug and asserts. Before
 * the first server starts; immutable afterwards. */
void http_router_add(HttpRouter *router, const HttpRoute *route);
/* How this API words errors the server finds itself (404, 405, 401, 413 …): appends a body and
 * returns its Content-Type. Applies to paths that start with `prefix`; the longest one wins. */
typedef Str (*HttpErrorWriter)(int status, Str message, Buf *body);
void http_router_on_error(HttpRouter *router, const char *prefix, HttpErrorWriter writer);
/* Asked first about each request the server refuses: true when it has answered it. `retry_after_s`
 * -1 = none. */
typedef bool (*HttpRefuser)(HttpRequest *req, int status, Str message, int retry_after_s);
void http_router_on_refuse(HttpRouter *router, HttpRefuser refuser);
/* Memory that dies with the router, for what routes need. */
Arena *http_router_arena(HttpRouter *router);

/* ---- servers ---- */

typedef struct HttpServer HttpServer;

/* Zero means the default in brackets. */
typedef struct HttpServerOptions {
    /* name, address, access, tls, tls_mode, connections_max and output_bytes_high are used; the
     * rest is the server's. */
    ListenerOptions listener;
    const char *const *hosts; /* allowed Host names besides loopback and the bound address, without
                               * port, "*" = any; NULL-terminated; borrowed; NULL = none */
    const char *const *cors;  /* allowed foreign Origins, "*" = any; NULL-terminated; borrowed */
    size_t line_bytes_max;    /* request line [64 KiB] */
    size_t header_bytes_max;  /* all fields [64 KiB] */
    size_t header_count_max;  /* [128] */
    int64_t idle_timeout_ns;  /* between requests [120 s] */
    int64_t head_timeout_ns;  /* from the first byte to the end of the head [10 s] */
    int64_t body_timeout_ns;  /* whole body [60 s] */
    int64_t write_timeout_ns; /* a client that takes nothing of its answer [60 s] */
    uint32_t streams_max;     /* HTTP/2: open at once on a connection [128] */
    bool grpc;                /* its clients speak HTTP/2 alone: over a limit they get a GOAWAY */
    MemBudget *budget;        /* bodies are charged to it; over it 503; NULL = not counted */
} HttpServerOptions;

/* Listens. `router` is borrowed until http_server_free. Main thread. */
Status http_server_new(Loops *loops, const HttpRouter *router, const HttpServerOptions *options,
                       HttpServer **ret_server, Error *err);
/* The bound address. */
const NetAddress *http_server_address(const HttpServer *server);
/* Stops accepting. Main thread. */
void http_server_stop(HttpServer *server);
/* After loops_free. NULL is fine; returns NULL. */
HttpServer *http_server_free(HttpServer *server);

/* ---- text ---- */

/* "Not Found"; "Unknown" for codes without a name. */
const char *http_status_text(int status);
/* Decodes %XX into the arena (and '+' to a space when `plus`). False for a bad escape. */
bool http_percent_decode(Str text, bool plus, Arena *arena, Str *ret_text);

#endif
