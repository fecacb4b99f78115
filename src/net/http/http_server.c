/* http_server.c - the server: listener, and the judgement of each request before its handler.
 *
 * In this order: target, Host, Origin, route and method, credentials and role, body length and
 * coding. A web page must not reach the server through a visitor's browser: a rebound DNS name
 * shows as a foreign Host, a script as a foreign Origin. An address as Host is safe (it cannot be
 * rebound) if it is loopback, the one the client really reached, or the listener is bound to all
 * addresses.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "format/json/json.h"
#include "net/http/http_int.h"

enum {
    BODY_BYTES_MAX_DEFAULT = 1 << 20,
    LINE_BYTES_DEFAULT = 64 << 10,
    HEADER_BYTES_DEFAULT = 64 << 10,
    HEADER_COUNT_DEFAULT = 128,
    STREAMS_DEFAULT = 128,
    OUTPUT_BYTES_DEFAULT = 4 << 20,
};

static const int64_t idle_timeout_default_ns = 120 * NS_PER_SEC;
static const int64_t head_timeout_default_ns = 10 * NS_PER_SEC;
static const int64_t body_timeout_default_ns = 60 * NS_PER_SEC;
static const int64_t write_timeout_default_ns = 60 * NS_PER_SEC;

/* ---- errors ---- */

void http__refuse_with(Request *r, int status, const char *message, Str name, Str value)
{
    HttpErrorWriter writer = http__router_error_writer(r->server->router, r->pub.path);
    HttpRefuser refuser = http__router_refuser(r->server->router);
    int64_t retry_after_s = -1;
    HttpField headers[2] = {{STR("Content-Type"), STR("application/json")}, {name, value}};
    Buf body = {0};

    if (str_eq(name, STR("Retry-After")))
        (void)str_to_i64(value, &retry_after_s);
    if (refuser && refuser(&r->pub, status, str_from(message), (int)retry_after_s))
        return;
    if (writer) {
        headers[0].value = writer(status, str_from(message), &body);
    } else {
        buf_append_lit(&body, "{\"error\": ");
        json_append_string(&body, str_from(message));
        buf_printf(&body, ", \"status\": %d}\n", status);
    }
    http_respond(&r->pub, status, headers, name.len ? 2 : 1, &body);
}

void http__refuse(Request *r, int status, const char *message)
{
    http__refuse_with(r, status, message, (Str){0}, (Str){0});
}

/* ---- target ---- */

/* "http://host/path" (RFC 9112 3.2.2): the authority replaces Host. */
static bool split_absolute(Request *r, Str *target)
{
    static const Str schemes[] = {STR_INIT("http://"), STR_INIT("https://")};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(schemes); i++) {
        Str scheme = schemes[i];
        if (target->len < scheme.len || !str_eq_nocase(str_sub(*target, 0, scheme.len), scheme))
            continue;
        Str rest = str_sub(*target, scheme.len, target->len);
        size_t end = 0;
        while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
            end++;
        r->host = str_sub(rest, 0, end);
        *target = str_sub(rest, end, rest.len);
        return true;
    }
    return false;
}

static bool split_target(Request *r)
{
    HttpRequest *req = &r->pub;
    Str target = req->target;

    if (!target.len)
        return false;
    r->host = http_request_header(req, STR("host"));
    if (target.ptr[0] != '/' && !split_absolute(r, &target))
        return req->method == HTTP_OPTIONS && str_eq(target, STR("*"));
    ptrdiff_t question = str_find_byte(target, '?');
    req->path = question < 0 ? target : str_sub(target, 0, (size_t)question);
    req->query = question < 0 ? STR("") : str_sub(target, (size_t)question + 1, target.len);
    if (!req->path.len)
        req->path = STR("/");
    return req->path.ptr[0] == '/';
}

/* ---- Host and Origin ---- */

/* "name:80", "1.2.3.4", "[::1]:80" without the port; empty when malformed. */
static Str host_name(Str host)
{
    ptrdiff_t end;

    if (host.len && host.ptr[0] == '[') {
        end = str_find_byte(host, ']');
        return end < 0 ? (Str){0} : str_sub(host, 1, (size_t)end - 1);
    }
    end = str_find_byte(host, ':');
    return end < 0 ? host : str_sub(host, 0, (size_t)end);
}

static bool parse_ip(Str text, NetAddress *ret_address)
{
    char zero_ended[INET6_ADDRSTRLEN];
    NetAddress address = {0};

    if (!text.len || text.len >= sizeof zero_ended)
        return false;
    memcpy(zero_ended, text.ptr, text.len);
    zero_ended[text.len] = 0;
    if (inet_pton(AF_INET, zero_ended, &address.v4.sin_addr) == 1)
        address.any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, zero_ended, &address.v6.sin6_addr) == 1)
        address.any.sa_family = AF_INET6;
    else
        return false;
    *ret_address = address;
    return true;
}

static bool in_list(const char *const *list, Str text)
{
    for (; list && *list; list++)
        if (str_eq(str_from(*list), STR("*")) || str_eq_nocase(str_from(*list), text))
            return true;
    return false;
}

static bool host_is_ours(const Request *r)
{
    const HttpServer *server = r->server;
    Str name = host_name(r->host);
    NetAddress address;
    char here[64];
    char said[64];

    if (name.len && name.ptr[name.len - 1] == '.')
        name.len--; /* the absolute form of a DNS name */
    if (in_list(server->options.hosts, name))
        return true;
    if (parse_ip(name, &address))
        return net_address_is_loopback(&address) ||
               net_address_is_any(listener_address(conn_listener(r->conn))) ||
               strcmp(net_address_host(conn_local(r->conn), here),
                      net_address_host(&address, said)) == 0;
    return str_eq_nocase(name, STR("localhost")) ||
           (name.len > 10 && str_eq_nocase(str_sub(name, name.len - 10, 10), STR(".localhost")));
}

/* Same origin: the authority is that of this request. The scheme may differ, as a proxy in front
 * may have taken the TLS off. */
static bool origin_is_same(const Request *r, Str origin)
{
    static const Str schemes[] = {STR_INIT("http://"), STR_INIT("https://")};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(schemes); i++)
        if (str_starts(origin, schemes[i]) &&
            str_eq_nocase(str_sub(origin, schemes[i].len, origin.len), r->host))
            return true;
    return false;
}

/* Images and scripts that a foreign page embeds carry no Origin, but browsers say where they come
 * from (Fetch Metadata). A link that a person follows is fine. */
static bool is_foreign_embed(const HttpRequest *req)
{
    Str site = http_request_header(req, STR("sec-fetch-site"));

    return (str_eq(site, STR("cross-site")) || str_eq(site, STR("same-site"))) &&
           !str_eq(http_request_header(req, STR("sec-fetch-mode")), STR("navigate"));
}

/* gRPC over HTTP/2. Clients name the server as they find it (a service of Kubernetes, say), and no
 * rebound name is behind that: a browser speaks HTTP/2 only to a certificate of the name it asked
 * for. */
static bool is_grpc(const HttpRequest *req)
{
    return req->http2 &&
           str_starts(http_request_header(req, STR("content-type")), STR("application/grpc"));
}

/* Refuses and returns false. */
static bool check_source(Request *r)
{
    Str origin = http_request_header(&r->pub, STR("origin"));

    /* HTTP/1.0 needs no Host, and no browser speaks it. */
    if (r->host.ptr && !is_grpc(&r->pub) && !host_is_ours(r)) {
        http__refuse(r, 421, "this Host name is not served here; allow it by http.allowed_hosts");
        return false;
    }
    if (origin.ptr ? origin_is_same(r, origin) : !is_foreign_embed(&r->pub))
        return true;
    if (!origin.ptr || !in_list(r->server->options.cors, origin)) {
        http__refuse(r, 403,
                     "requests from this Origin are not allowed; allow it by http.cors_origins");
        return false;
    }
    r->origin = origin;
    return true;
}

/* ---- route ---- */

static Str method_names(unsigned methods, Arena *arena)
{
    Buf names = {0};

    for (HttpMethod m = HTTP_GET; m <= HTTP_OPTIONS; m = (HttpMethod)(m << 1))
        if ((methods | HTTP_OPTIONS) & m)
            buf_printf(&names, "%s%s", names.len ? ", " : "", http__method_name(m));
    Str text = arena_str(arena, buf_str(&names));
    buf_done(&names);
    return text;
}

/* OPTIONS without a route of its own: what may be done here, and the CORS preflight. */
static void answer_options(Request *r, unsigned methods)
{
    Str allow = method_names(methods, &r->pub.arena);
    HttpField headers[4] = {{STR("Allow"), allow}};
    size_t count = 1;

    if (r->origin.len && http_request_header(&r->pub, STR("access-control-request-method")).ptr) {
        headers[count++] = (HttpField){STR("Access-Control-Allow-Methods"), allow};
        headers[count++] = (HttpField){STR("Access-Control-Allow-Headers"),
                                       STR("Authorization, Content-Type, Accept")};
        headers[count++] = (HttpField){STR("Access-Control-Max-Age"), STR("600")};
    }
    http_respond(&r->pub, 204, headers, count, NULL);
}

static bool find_route(Request *r)
{
    HttpRequest *req = &r->pub;
    RouteMatch match;

    if (!req->path.len) { /* OPTIONS * */
        answer_options(r, HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_PUT | HTTP_DELETE);
        return false;
    }
    if (http__router_find(r->server->router, req->method, req->path, &req->arena, &match) !=
        STATUS_OK) {
        http__refuse(r, 400, "malformed percent escape in the path");
        return false;
    }
    if (match.route) {
        r->route = match.route;
        req->params = match.params;
        req->param_count = match.param_count;
        req->route_ctx = match.route->ctx;
        return true;
    }
    if (!match.methods)
        http__refuse(r, 404, "there is nothing at this path");
    else if (req->method == HTTP_OPTIONS)
        answer_options(r, match.methods);
    else
        http__refuse_with(r, 405, "this path does not take that method", STR("Allow"),
                          method_names(match.methods, &req->arena));
    return false;
}

/* ---- credentials ---- */

static bool read_credentials(Request *r)
{
    Str header = http_request_header(&r->pub, STR("authorization"));
    Credentials *credentials = &r->check.credentials;
    ptrdiff_t space = str_find_byte(header, ' ');
    Str plain;

    credentials->client_name = str_from(conn_tls_client_name(r->conn));
    if (!header.ptr)
        return true;
    if (space < 0)
        return false;
    Str scheme = str_sub(header, 0, (size_t)space);
    Str rest = str_trim(str_sub(header, (size_t)space, header.len));
    if (str_eq_nocase(scheme, STR("bearer")) && rest.len) {
        credentials->kind = CREDENTIAL_BEARER;
        credentials->secret = rest;
        return true;
    }
    if (!str_eq_nocase(scheme, STR("basic")) || !http__base64_decode(rest, &r->pub.arena, &plain))
        return false;
    ptrdiff_t colon = str_find_byte(plain, ':');
    if (colon < 0)
        return false;
    credentials->kind = CREDENTIAL_PASSWORD;
    credentials->user = str_sub(plain, 0, (size_t)colon);
    credentials->secret = str_sub(plain, (size_t)colon + 1, plain.len);
    return true;
}

/* Answers a verdict that is not GRANTED, or a role that is too small; true = may go on. */
static bool judge(Request *r)
{
    char seconds[16];

    switch (r->check.verdict) {
    case ACCESS_GRANTED:
        r->pub.principal = r->check.principal;
        if (r->pub.principal.role >= r->route->role)
            return true;
        http__refuse(r, 403, "your role does not allow this");
        return false;
    case ACCESS_UNAUTHENTICATED:
        http__refuse_with(r, 401, "user and password, or a token, are missing or wrong",
                          STR("WWW-Authenticate"),
                          STR("Basic realm=\"lumadb\", charset=\"UTF-8\""));
        return false;
    case ACCESS_FORBIDDEN:
    case ACCESS_BANNED:
        http__refuse(r, 403, "you may not come in");
        return false;
    case ACCESS_BUSY:
        (void)snprintf(seconds, sizeof seconds, "%d", LUMA_MAX(r->check.retry_after_s, 1));
        /* Senders drop what is answered 429, so writes get 503. */
        http__refuse_with(r, r->route->role == ROLE_WRITE ? 503 : 429,
                          "too many requests; try again later", STR("Retry-After"),
                          str_from(seconds));
        return false;
    }
    return false;
}

static void run_check_done(LoopTask *task)
{
    Request *r = LUMA_CONTAINER_OF(task, Request, check_task);

    /* The body's length and coding were judged before the credentials were asked. A refusal is an
     * answer, after which the request is no longer ours. */
    if (judge(r))
        r->ops->granted(r);
}

static void on_check_done(AccessCheck *check)
{
    Request *r = LUMA_CONTAINER_OF(check, Request, check);

    r->check_task.run = run_check_done;
    loop_post(r->pub.loop, &r->check_task);
}

/* Everybody is admin where nobody was told to ask. */
static bool ask_login(Request *r)
{
    const Access *access = &r->server->options.listener.access;

    if (!access->ops || r->route->flags & HTTP_ROUTE_NO_AUTH) {
        r->check.verdict = ACCESS_GRANTED;
        r->check.principal.role = access->ops ? r->route->role : ROLE_ADMIN;
        return true;
    }
    r->check.listener = listener_name(conn_listener(r->conn));
    r->check.peer = r->pub.peer;
    r->check.needs = r->route->role;
    r->check.done = on_check_done;
    return access->ops->on_login(access->ctx, &r->check);
}

/* ---- body ---- */

static size_t body_bytes_max(const Request *r)
{
    return r->route->body_bytes_max ? r->route->body_bytes_max : (size_t)BODY_BYTES_MAX_DEFAULT;
}

/* Length and coding, before any of the body is read. */
static bool check_body_head(Request *r, bool has_body, int64_t content_length)
{
    Str coding = http_request_header(&r->pub, STR("content-encoding"));

    if (!has_body)
        return true;
    r->content_length = content_length;
    if (content_length > 0 && (uint64_t)content_length > body_bytes_max(r)) {
        http__refuse(r, 413, "the body is larger than this path takes");
        return false;
    }
    if (!coding.len || r->route->flags & HTTP_ROUTE_RAW_BODY ||
        str_eq_nocase(coding, STR("identity")))
        return true;
    if (str_eq_nocase(coding, STR("gzip")) || str_eq_nocase(coding, STR("x-gzip")))
        r->inflater = inflater_new(CODEC_GZIP, body_bytes_max(r));
    else if (str_eq_nocase(coding, STR("deflate")))
        r->inflater = inflater_new(CODEC_ZLIB, body_bytes_max(r));
    if (r->inflater)
        return true;
    http__refuse_with(r, 415, "bodies may be coded gzip or deflate", STR("Accept-Encoding"),
                      STR("gzip, deflate"));
    return false;
}

/* Charges what the body has taken since the last time. */
static Status charge_body(Request *r, Error *err)
{
    MemBudget *budget = r->server->options.budget;
    int64_t more = (int64_t)r->body.cap - r->charged_bytes;

    if (!budget || more <= 0)
        return STATUS_OK;
    TRY(mem_budget_charge(budget, more, err));
    r->charged_bytes += more;
    return STATUS_OK;
}

/* Makes room for more of a body whose length was told: a lot at once, but never much more than has
 * come, so that a claim alone takes no memory. */
static void grow_body(Request *r, size_t more)
{
    size_t need = r->body.len + more;
    size_t want = need * 4;

    if (need <= r->body.cap || r->content_length < 0)
        return;
    if (want > (size_t)r->content_length)
        want = (size_t)r->content_length;
    if (want > need)
        (void)buf_reserve(&r->body, want - r->body.len);
}

bool http__body_add(Request *r, Str bytes)
{
    Status status = STATUS_OK;
    Error err;

    if (r->route->on_body) {
        if (!r->route->on_body(&r->pub, bytes, &r->body))
            return false;
    } else if (r->inflater) {
        status = inflater_write(r->inflater, bytes, &r->body, &err);
    } else if (bytes.len > body_bytes_max(r) - r->body.len) {
        status = STATUS_LIMIT;
    } else {
        grow_body(r, bytes.len);
        buf_append_str(&r->body, bytes);
    }
    if (status == STATUS_LIMIT) {
        http__refuse(r, 413, "the body is larger than this path takes");
    } else if (status != STATUS_OK) {
        http__refuse(r, 400, err.message);
    } else if (charge_body(r, &err) != STATUS_OK) {
        http__refuse_with(r, 503, err.message, STR("Retry-After"), STR("1"));
    } else {
        return true;
    }
    return false;
}

bool http__body_done(Request *r)
{
    Error err;

    if (r->inflater && inflater_finish(r->inflater, &err) != STATUS_OK) {
        http__refuse(r, 400, err.message);
        return false;
    }
    r->pub.body = buf_str(&r->body);
    return true;
}

/* ---- the judgement ---- */

HeadVerdict http__check_head(Request *r, bool has_body, int64_t content_length)
{
    r->pub.method = http__method_parse(r->pub.method_text);
    if (!r->pub.method) {
        r->pub.method = HTTP_GET; /* so that the answer has a body */
        http__refuse(r, 501, "this method is not known here");
        return HEAD_REFUSED;
    }
    if (!split_target(r)) {
        http__refuse(r, 400, "malformed request target");
        return HEAD_REFUSED;
    }
    if (!check_source(r) || !find_route(r))
        return HEAD_REFUSED;
    if (!read_credentials(r)) {
        r->check.verdict = ACCESS_UNAUTHENTICATED;
        (void)judge(r);
        return HEAD_REFUSED;
    }
    if (!check_body_head(r, has_body, content_length))
        return HEAD_REFUSED;
    if (!ask_login(r))
        return HEAD_PENDING;
    return judge(r) ? HEAD_GO_ON : HEAD_REFUSED;
}

/* ---- life ---- */

static void default_size(size_t *value, size_t otherwise)
{
    if (!*value)
        *value = otherwise;
}

static void default_time(int64_t *value, int64_t otherwise)
{
    if (!*value)
        *value = otherwise;
}

static const Str refusal_http1 = STR_INIT("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                                          "Content-Length: 0\r\nConnection: close\r\n\r\n");
/* SETTINGS, then GOAWAY with no stream and NO_ERROR: gRPC clients take it as UNAVAILABLE and come
 * again, while some take ENHANCE_YOUR_CALM as final. */
static const Str refusal_http2 = STR_INIT("\0\0\0\4\0\0\0\0\0"
                                          "\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\0");

Status http_server_new(Loops *loops, const HttpRouter *router, const HttpServerOptions *options,
                       HttpServer **ret_server, Error *err)
{
    HttpServer *server = MEM_NEW(HttpServer);
    HttpServerOptions *o = &server->options;

    *o = *options;
    server->router = router;
    default_size(&o->line_bytes_max, LINE_BYTES_DEFAULT);
    default_size(&o->header_bytes_max, HEADER_BYTES_DEFAULT);
    default_size(&o->header_count_max, HEADER_COUNT_DEFAULT);
    default_time(&o->idle_timeout_ns, idle_timeout_default_ns);
    default_time(&o->head_timeout_ns, head_timeout_default_ns);
    default_time(&o->body_timeout_ns, body_timeout_default_ns);
    default_time(&o->write_timeout_ns, write_timeout_default_ns);
    if (!o->streams_max)
        o->streams_max = STREAMS_DEFAULT;
    default_size(&o->listener.output_bytes_high, OUTPUT_BYTES_DEFAULT);
    server->limits = (Http1Limits){o->line_bytes_max, o->header_bytes_max, o->header_count_max};
    o->listener.ops = &http__conn_ops;
    o->listener.ctx = server;
    o->listener.alpn = "h2,http/1.1";
    o->listener.refusal = o->grpc ? refusal_http2 : refusal_http1;
    /* The longest thing the parser waits for in one piece is a line. */
    o->listener.input_bytes_max = LUMA_MAX(o->line_bytes_max, o->header_bytes_max) + (64 << 10);
    Status status = listener_new(loops, &o->listener, &server->listener, err);
    if (status != STATUS_OK) {
        mem_free(server);
        return status;
    }
    *ret_server = server;
    return STATUS_OK;
}

const NetAddress *http_server_address(const HttpServer *server)
{
    return listener_address(server->listener);
}

void http_server_stop(HttpServer *server)
{
    listener_stop(server->listener);
}

HttpServer *http_server_free(HttpServer *server)
{
    mem_free(server);
    return NULL;
}
