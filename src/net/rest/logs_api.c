/* logs_api.c - builds the statements; texts from the request are parameters, never SQL. */
#include "net/rest/logs_api.h"

enum {
    PARAMS_MAX = 8,
    LIMIT_MAX = 10000,
    LIMIT_DEFAULT = 100,
};

/* A statement with its parameters, in the request's arena. */
typedef struct Builder {
    HttpRequest *req;
    Buf sql;
    Str params[PARAMS_MAX];
    uint32_t count;
} Builder;

static Builder *builder_new(HttpRequest *req)
{
    Builder *b = ARENA_NEW(&req->arena, Builder);
    b->req = req;
    return b;
}

/* Adds a parameter; returns its number. */
static uint32_t add_param(Builder *b, Str value)
{
    ASSERT(b->count < PARAMS_MAX);
    b->params[b->count++] = value;
    return b->count;
}

static void run(RestApi *api, Builder *b, const char *rows_key, const char *none)
{
    RestQuery query = {
        .params = b->params, .param_count = b->count, .rows_key = rows_key, .none = none};
    Error err = {0};

    query.sql = arena_str(&b->req->arena, buf_str(&b->sql));
    buf_done(&b->sql);
    if (rest_query_format(b->req, &query.format, &err) != STATUS_OK)
        rest_respond_error(b->req, &err);
    else
        rest_query_run(api, b->req, &query);
}

/* ---------------------------------------------------------------- logs */

Status logs_severity(Str text, int *ret_number, Error *err)
{
    static const char *const names[] = {"trace", "debug", "info", "warn", "error", "fatal"};
    int64_t number;

    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (str_eq_nocase(text, str_from(names[i]))) {
            *ret_number = (int)(1 + 4 * i); /* OpenTelemetry's SeverityNumber: four steps a name */
            return STATUS_OK;
        }
    if (!str_to_i64(text, &number) || number < 1 || number > 24)
        return error_set(
            err, STATUS_INVALID,
            "severity is trace, debug, info, warn, error, fatal, or a number from 1 to 24");
    *ret_number = (int)number;
    return STATUS_OK;
}

/* Seconds since 1970, or what timestamptz reads. */
static void where_time(Builder *b, const char *name, const char *op)
{
    Str value = http_request_value(b->req, str_from(name));
    double seconds;

    if (!value.ptr)
        return;
    uint32_t n = add_param(b, value);
    if (str_to_f64(value, &seconds))
        buf_printf(&b->sql, " and ts %s to_timestamp($%u::float8)", op, n);
    else
        buf_printf(&b->sql, " and ts %s $%u::timestamptz", op, n);
}

/* "and <before>$n<after>" when the request names it. */
static void where_text(Builder *b, const char *name, const char *before, const char *after)
{
    Str value = http_request_value(b->req, str_from(name));

    if (value.ptr)
        buf_printf(&b->sql, " and %s$%u%s", before, add_param(b, value), after);
}

static Status where_severity(Builder *b, Error *err)
{
    Str value = http_request_value(b->req, STR("severity"));
    int number;

    if (!value.ptr)
        return STATUS_OK;
    TRY(logs_severity(value, &number, err));
    buf_printf(&b->sql, " and severity_number >= %d", number);
    return STATUS_OK;
}

static Status read_limit(HttpRequest *req, int64_t *ret_limit, Error *err)
{
    Str value = http_request_value(req, STR("limit"));

    *ret_limit = LIMIT_DEFAULT;
    if (value.ptr && (!str_to_i64(value, ret_limit) || *ret_limit < 1 || *ret_limit > LIMIT_MAX))
        return error_set(err, STATUS_INVALID, "limit is a number from 1 to %d", LIMIT_MAX);
    return STATUS_OK;
}

static Status build_logs(Builder *b, Error *err)
{
    int64_t limit;

    TRY(read_limit(b->req, &limit, err));
    buf_append_lit(&b->sql, "select * from public.logs where true");
    where_time(b, "start", ">=");
    where_time(b, "end", "<");
    where_text(b, "service", "service = ", "");
    where_text(b, "trace_id", "trace_id = ", "");
    TRY(where_severity(b, err));
    where_text(b, "query", "matches(body, ", ")");
    where_text(b, "attributes", "matches(attributes, ", ")");
    buf_printf(&b->sql, " order by ts desc, time_unix_nano desc limit %lld", (long long)limit);
    return STATUS_OK;
}

static void on_logs(HttpRequest *req, void *ctx)
{
    Builder *b = builder_new(req);
    Error err = {0};

    if (build_logs(b, &err) != STATUS_OK) {
        buf_done(&b->sql);
        rest_respond_error(req, &err);
        return;
    }
    run(ctx, b, "logs", NULL);
}

/* ---------------------------------------------------------------- traces */

static bool is_trace_id(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return text.len == 32;
}

static void on_trace(HttpRequest *req, void *ctx)
{
    Str id = http_request_param(req, STR("id"));
    Builder *b = builder_new(req);
    Error err = {0};

    if (!is_trace_id(id)) {
        (void)error_set(&err, STATUS_INVALID, "a trace id has 32 hexadecimal digits");
        rest_respond_error(req, &err);
        return;
    }
    char *lower = arena_alloc(&req->arena, id.len);
    for (size_t i = 0; i < id.len; i++)
        lower[i] = (char)(id.ptr[i] | (id.ptr[i] >= 'A' && id.ptr[i] <= 'F' ? 0x20 : 0));
    buf_printf(&b->sql,
               "select * from public.traces where trace_id = $%u order by start_unix_nano, span_id",
               add_param(b, (Str){lower, id.len}));
    run(ctx, b, "spans", "there is no span of that trace");
}

/* ---------------------------------------------------------------- tables */

static void on_tables(HttpRequest *req, void *ctx)
{
    Builder *b = builder_new(req);

    buf_append_lit(&b->sql, "select n.nspname as schema, c.relname as name,"
                            " case c.relkind when 'v' then 'view' else 'table' end as kind,"
                            " c.relnatts as columns"
                            " from pg_catalog.pg_class c"
                            " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
                            " where c.relkind in ('r', 'v', 'm', 'p')"
                            " and n.nspname not in ('pg_catalog', 'information_schema')"
                            " order by 1, 2");
    run(ctx, b, "tables", NULL);
}

static void on_table(HttpRequest *req, void *ctx)
{
    Builder *b = builder_new(req);
    Str table = http_request_param(req, STR("table"));

    /* A name without a schema is looked for in all, public first: metrics live in prom. */
    buf_printf(
        &b->sql,
        "select n.nspname as schema, c.relname as table, a.attnum as position,"
        " a.attname as name, a.atttypid::regtype::text as type,"
        " not a.attnotnull as nullable"
        " from pg_catalog.pg_class c"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " join pg_catalog.pg_attribute a on a.attrelid = c.oid"
        " where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'v', 'm', 'p')"
        " and (n.nspname || '.' || c.relname = $%u or n.nspname = 'public' and c.relname = $1)"
        " order by 1, 3",
        add_param(b, table));
    run(ctx, b, "columns", "there is no table of that name");
}

void logs_api_register(RestApi *api, HttpRouter *router)
{
    static const struct {
        const char *pattern;
        HttpHandler handler;
    } routes[] = {
        {"/api/v1/logs", on_logs},
        {"/api/v1/traces/{id}", on_trace},
        {"/api/v1/tables", on_tables},
        {"/api/v1/tables/{table}", on_table},
    };

    for (size_t i = 0; i < LUMA_ARRAY_LEN(routes); i++)
        http_router_add(router, &(HttpRoute){.methods = HTTP_GET,
                                             .pattern = routes[i].pattern,
                                             .role = ROLE_READ,
                                             .handler = routes[i].handler,
                                             .ctx = api});
}
