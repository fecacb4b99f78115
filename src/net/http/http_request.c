/* http_request.c - the request object and what handlers read from it. */
#include "net/http/http_int.h"

enum { FORM_FIELDS_MAX = 10000 };

Request *http__request_new(HttpServer *server, Connection *conn, const RequestOps *ops,
                           void *stream)
{
    Request *r = MEM_NEW(Request);

    arena_init(&r->pub.arena, NULL);
    mutex_init(&r->lock);
    cond_init(&r->writable);
    r->server = server;
    r->conn = conn_ref(conn);
    r->ops = ops;
    r->stream = stream;
    r->pub.peer = *conn_peer(conn);
    r->pub.tls = conn_is_tls(conn);
    r->pub.loop = conn_loop(conn);
    return r;
}

Request *http__request_free(Request *r)
{
    if (!r)
        return NULL;
    if (r->charged_bytes)
        mem_budget_release(r->server->options.budget, r->charged_bytes);
    loop_output_count(r->pub.loop, -r->output_bytes);
    buf_done(&r->body);
    buf_done(&r->headers);
    buf_done(&r->trailers);
    buf_done(&r->whole);
    (void)inflater_free(r->inflater);
    (void)deflater_free(r->deflater);
    arena_done(&r->pub.arena);
    (void)conn_unref(r->conn);
    cond_done(&r->writable);
    mutex_done(&r->lock);
    mem_free(r);
    return NULL;
}

/* ---- cancellation ---- */

bool http_request_cancelled(const HttpRequest *req)
{
    return __atomic_load_n(&request_of(req)->cancelled, __ATOMIC_RELAXED);
}

void http_request_on_cancel(HttpRequest *req, void (*fn)(void *ctx), void *ctx)
{
    Request *r = request_of(req);

    MUTEX_GUARD(&r->lock);
    r->on_cancel = fn;
    r->cancel_ctx = ctx;
    if (fn && r->cancelled)
        fn(ctx);
}

void http__request_cancel(Request *r)
{
    MUTEX_GUARD(&r->lock);
    __atomic_store_n(&r->cancelled, true, __ATOMIC_RELAXED);
    if (r->on_cancel)
        r->on_cancel(r->cancel_ctx);
    /* A producer that waits for the client must hear that it is gone. */
    if (r->on_drained)
        r->on_drained(r->drained_ctx);
    cond_broadcast(&r->writable);
}

void http_response_on_drained(HttpRequest *req, void (*fn)(void *ctx), void *ctx)
{
    Request *r = request_of(req);

    MUTEX_GUARD(&r->lock);
    r->on_drained = fn;
    r->drained_ctx = ctx;
}

void http__request_drained(Request *r)
{
    MUTEX_GUARD(&r->lock);
    if (r->on_drained)
        r->on_drained(r->drained_ctx);
}

void http__request_count(Request *r, int64_t delta)
{
    int64_t mark = loop_output_mark(r->pub.loop, r->output_bytes_high);
    bool drained = false;

    loop_output_count(r->pub.loop, delta);
    mutex_lock(&r->lock);
    r->output_bytes += delta;
    if (!r->slow && r->output_bytes > mark) {
        __atomic_store_n(&r->slow, true, __ATOMIC_RELAXED);
    } else if (r->slow && r->output_bytes <= mark / 4) {
        __atomic_store_n(&r->slow, false, __ATOMIC_RELAXED);
        cond_broadcast(&r->writable);
        drained = true;
    }
    mutex_unlock(&r->lock);
    if (drained)
        http__request_drained(r);
}

/* ---- headers and parameters ---- */

Str http_request_header(const HttpRequest *req, Str name)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (str_eq_nocase(req->headers[i].name, name))
            return req->headers[i].value;
    return (Str){0};
}

Str http_request_param(const HttpRequest *req, Str name)
{
    for (size_t i = 0; i < req->param_count; i++)
        if (str_eq(req->params[i].name, name))
            return req->params[i].value;
    ASSERT(!"route without that parameter");
    return (Str){0};
}

bool http_request_is_type(const HttpRequest *req, Str media_type)
{
    Str type = http_request_header(req, STR("content-type"));
    ptrdiff_t semicolon = str_find_byte(type, ';');

    if (semicolon >= 0)
        type = str_sub(type, 0, (size_t)semicolon);
    return type.ptr && str_eq_nocase(str_trim(type), media_type);
}

/* How exactly does a media range cover the type? 0 = not, 1 = star/star, 2 = type/star, 3 =
 * exactly. */
static int media_match(Str range, Str type)
{
    ptrdiff_t slash = str_find_byte(type, '/');

    if (str_eq(range, STR("*/*")))
        return 1;
    if (str_ends(range, STR("/*")) && slash >= 0 &&
        str_eq_nocase(str_sub(range, 0, range.len - 1), str_sub(type, 0, (size_t)slash + 1)))
        return 2;
    return str_eq_nocase(range, type) ? 3 : 0;
}

/* RFC 9110 12.5.1: the most specific range that covers the type decides its weight. */
static int media_weight(Str accept, Str type)
{
    int weight = 0;
    int best = 0;
    Str range;
    int q;

    while (http__next_weighted(&accept, &range, &q)) {
        int match = media_match(range, type);
        if (match > best) {
            best = match;
            weight = q;
        }
    }
    return weight;
}

int http_request_accept(const HttpRequest *req, const Str *offered, size_t count)
{
    Str accept = http_request_header(req, STR("accept"));
    int best = -1;
    int best_weight = 0;

    if (!accept.len)
        return 0;
    for (size_t i = 0; i < count; i++) {
        int weight = media_weight(accept, offered[i]);
        if (weight > best_weight) {
            best_weight = weight;
            best = (int)i;
        }
    }
    return best;
}

/* ---- forms ---- */

static Status parse_pairs(Request *r, Str text, size_t *cap, Error *err)
{
    Arena *arena = &r->pub.arena;
    Str pair;

    while (str_split(&text, '&', &pair)) {
        HttpField field = {.value = STR_INIT("")};
        if (!pair.len)
            continue;
        ptrdiff_t equals = str_find_byte(pair, '=');
        size_t name_len = equals < 0 ? pair.len : (size_t)equals;
        if (!http_percent_decode(str_sub(pair, 0, name_len), true, arena, &field.name) ||
            (equals >= 0 && !http_percent_decode(str_sub(pair, name_len + 1, pair.len), true, arena,
                                                 &field.value)))
            return error_set(err, STATUS_INVALID, "malformed percent escape in a parameter");
        if (r->form_count >= FORM_FIELDS_MAX)
            return error_set(err, STATUS_LIMIT, "more than %d parameters", FORM_FIELDS_MAX);
        ARENA_PUSH(arena, r->form, r->form_count, *cap, field);
    }
    return STATUS_OK;
}

static Status parse_form(Request *r, Error *err)
{
    size_t cap = 0;

    if (r->pub.body.len && http_request_is_type(&r->pub, STR("application/x-www-form-urlencoded")))
        TRY(parse_pairs(r, r->pub.body, &cap, err));
    return parse_pairs(r, r->pub.query, &cap, err);
}

Status http_request_form(HttpRequest *req, const HttpField **ret_fields, size_t *ret_count,
                         Error *err)
{
    Request *r = request_of(req);

    if (!r->form_parsed) {
        r->form_parsed = true;
        r->form_status = parse_form(r, &r->form_error);
    }
    if (r->form_status != STATUS_OK)
        return error_set(err, r->form_status, "%s", r->form_error.message);
    *ret_fields = r->form;
    *ret_count = r->form_count;
    return STATUS_OK;
}

Str http_request_value(HttpRequest *req, Str name)
{
    const HttpField *fields;
    size_t count;

    if (http_request_form(req, &fields, &count, NULL) != STATUS_OK)
        return (Str){0};
    for (size_t i = 0; i < count; i++)
        if (str_eq(fields[i].name, name))
            return fields[i].value;
    return (Str){0};
}
