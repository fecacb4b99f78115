/* server.c - who is built in which order.
 *
 *   budgets -> engine -> pools -> query engine -> loops -> routers -> listeners -> own metrics
 *
 * server_done takes down what was reached, in reverse, so that a failure at any step leaves nothing
 * behind. Signals are blocked in every thread and
 * taken by the main thread with sigwait.
 */
#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "format/json/json.h"
#include "net/admission/admission.h"
#include "net/http/http.h"
#include "net/otlp/otlp_grpc.h"
#include "net/pgwire/pgwire.h"
#include "net/prom/prom_api.h"
#include "net/prom/remote_write_api.h"
#include "net/prom/scrape/scraper.h"
#include "net/prom/scrape/targets_json.h"
#include "net/rest/bans_api.h"
#include "net/rest/ingest_api.h"
#include "net/rest/logs_api.h"
#include "net/rest/openapi_api.h"
#include "net/rest/sql_api.h"
#include "net/rest/tail_api.h"
#include "query/query.h"
#include "server/audit_log.h"
#include "server/auth_config.h"
#include "server/own_logs.h"
#include "server/own_metrics.h"
#include "server/own_spans.h"

enum { LISTENERS_MAX = 8 };

/* A listener that is up: its key in the ready line and where it is. */
typedef struct Listening {
    const char *name;
    NetAddress address;
} Listening;

typedef struct Server {
    Config *config;
    MemBudget hot_budget;
    MemBudget query_budget;
    Engine *engine;
    char spill_dir[4096];
    RowQueue *audit;
    RowQueue *own_logs; /* NULL = not stored */
    OwnSpans own_spans; /* queue NULL = not stored */
    Pool *query_pool;
    Pool *ingest_pool;
    QueryEngine *queries;
    Loops *loops;
    Tls *tls;
    Admission *admission;
    HttpRouter *prometheus_router;
    HttpServer *prometheus_server;
    HttpRouter *otlp_http_router;
    HttpServer *otlp_http_server;
    HttpRouter *otlp_grpc_router;
    HttpServer *otlp_grpc_server;
    HttpRouter *rest_router;
    HttpServer *rest_server;
    PgServer *pg_server;
    PromApi prom_api;
    RemoteWriteApi remote_write;
    OtlpIngest *otlp_ingest;
    OtlpApi otlp_api;
    RestApi rest_api;
    BansApi bans_api;
    ScrapeConfig scrape_config;
    Scraper *scraper; /* atomic: published once, taken back when no request runs */
    bool ready;       /* atomic */
    Str config_text;  /* for /api/v1/status/config */
    OwnMetricsSource own_source;
    OwnMetricsWriter *own_writer;
    char **hosts; /* NULL-terminated lists for the HTTP servers */
    char **cors;
    Listening listening[LISTENERS_MAX];
    int listening_count;
} Server;

/* ---------------------------------------------------------------- small helpers */

/* "a, b" -> {"a", "b", NULL} in the configuration's arena. */
static char **split_list(Config *config, Str text)
{
    size_t cap = 2;
    size_t n = 0;
    Str part;

    for (size_t i = 0; i < text.len; i++)
        cap += text.ptr[i] == ',';
    char **list = ARENA_NEW_ARRAY(&config->arena, char *, cap);
    Str rest = text;
    while (text.len && str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.len)
            list[n++] = (char *)(uintptr_t)arena_str(&config->arena, part).ptr;
    }
    return list;
}

static bool is_off(Str address)
{
    return address.len == 0 || str_eq(address, STR("off"));
}

static void configure_log(const Config *config)
{
    LogLevel level = LOG_LEVEL_INFO;
    (void)log_level_parse(config->log_level, &level); /* the words were checked at load */
    log_configure(level,
                  str_eq(config->log_format, STR("json")) ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT,
                  STDERR_FILENO);
}

static int64_t or_share(int64_t configured, int64_t whole, int divisor)
{
    return configured ? configured : whole / divisor;
}

/* ---------------------------------------------------------------- audit log */

static void on_query_audit(void *ctx, const QueryAudit *audit)
{
    const Server *s = ctx;
    bool denied = audit->error && audit->error->status == STATUS_DENIED;

    audit_log_add(s->audit, &(AuditRecord){.user = audit->user,
                                           .address = audit->address,
                                           .protocol = audit->protocol,
                                           .action = audit->action,
                                           .object = audit->object,
                                           .outcome = denied         ? STR("denied")
                                                      : audit->error ? STR("failed")
                                                                     : STR("ok"),
                                           .detail = audit->error ? str_from(audit->error->message)
                                                                  : audit->tag});
}

static void on_admission_event(void *ctx, const AdmissionEvent *event)
{
    const Server *s = ctx;
    char address[64];
    bool failed = event->kind == ADMISSION_LOGIN_FAILED;

    audit_log_add(s->audit,
                  &(AuditRecord){.user = event->user,
                                 .address = str_from(net_address_host(event->peer, address)),
                                 .protocol = str_from(event->protocol),
                                 .action = event->kind == ADMISSION_BAN ? STR("BAN") : STR("LOGIN"),
                                 .outcome = failed ? STR("denied") : STR("ok"),
                                 .detail = str_from(event->reason)});
}

static void on_bans_changed(void *ctx, const HttpRequest *req, const char *action, Str address)
{
    const Server *s = ctx;
    char host[64];

    audit_log_add(s->audit, &(AuditRecord){.user = str_from(req->principal.user),
                                           .address = str_from(net_address_host(&req->peer, host)),
                                           .protocol = STR("http"),
                                           .action = str_from(action),
                                           .object = address,
                                           .outcome = STR("ok"),
                                           .detail = STR("by an operator")});
}

static void audit_reload(const Server *s, Str outcome, Str detail)
{
    audit_log_add(s->audit,
                  &(AuditRecord){.action = STR("RELOAD"), .outcome = outcome, .detail = detail});
}

/* ---------------------------------------------------------------- start */

static void log_report(const EngineReport *report)
{
    if (report->bytes_cut)
        LOG_WARN("torn tail of the write-ahead log was cut; nothing in it was acknowledged",
                 LOG_FIELD("bytes", LOG_INT(report->bytes_cut)));
    if (report->damaged_places)
        LOG_ERROR("write-ahead log is damaged; the bytes were copied to lost/, the rest is served",
                  LOG_FIELD("places", LOG_INT(report->damaged_places)),
                  LOG_FIELD("first", LOG_STR(report->first_damage)));
    if (report->entries_replayed)
        LOG_INFO("write-ahead log replayed",
                 LOG_FIELD("entries", LOG_INT(report->entries_replayed)),
                 LOG_FIELD("samples", LOG_INT(report->samples_replayed)),
                 LOG_FIELD("rows", LOG_INT(report->rows_replayed)),
                 LOG_FIELD("ms", LOG_INT(report->replay_ns / NS_PER_MS)));
}

/* Own log lines and spans, from here on. */
static Status start_own_rows(Server *s, Error *err)
{
    const Config *c = s->config;

    if (c->self_enabled && c->self_logs) {
        TRY(own_logs_new(s->engine, &s->own_logs, err));
        log_set_sink(own_logs_add, s->own_logs);
    }
    if (c->self_enabled && c->self_traces)
        TRY(own_spans_init(&s->own_spans, s->engine, c->self_slow_query, c->self_traces_per_second,
                           err));
    return STATUS_OK;
}

static Status start_storage(Server *s, Error *err)
{
    const Config *c = s->config;
    int64_t machine = mem_machine_bytes();
    EngineReport report = {0};

    mem_budget_init(&s->hot_budget, NULL, "hot memory (memory.hot_bytes)",
                    or_share(c->memory_hot_bytes, machine, 4));
    mem_budget_init(&s->query_budget, NULL, "query memory (memory.queries_bytes)",
                    or_share(c->memory_queries_bytes, machine, 4));
    EngineOptions options = {
        .data_dir = c->data_dir.ptr,
        .budget = &s->hot_budget,
        .sync = str_eq(c->wal_sync, STR("always"))     ? ENGINE_SYNC_ALWAYS
                : str_eq(c->wal_sync, STR("interval")) ? ENGINE_SYNC_INTERVAL
                                                       : ENGINE_SYNC_OFF,
        .sync_interval_ns = c->wal_sync_interval,
        .wal_json = str_eq(c->wal_encoding, STR("json")),
        .wal_segment_bytes = c->wal_segment_bytes,
    };
    TRY(engine_open(&options, &s->engine, &report, err));
    TRY(start_own_rows(s, err));
    log_report(&report);
    return audit_log_new(s->engine, &s->audit, err);
}

static Status start_queries(Server *s, Error *err)
{
    const Config *c = s->config;
    int cores = thread_core_count();
    int64_t all = s->query_budget.limit_bytes;

    /* A worker waits while its statement's write is synced: more of them than cores, so that writes
     * of many sessions share one sync and heavy queries do not hold up light ones. */
    int query_threads = c->query_threads ? (int)LUMA_MIN(c->query_threads, 256)
                                         : LUMA_MIN(LUMA_MAX(16, 4 * cores), 256);
    TRY(pool_new("query", query_threads, &s->query_pool, err));
    TRY(pool_new("ingest", c->ingest_threads ? (int)LUMA_MIN(c->ingest_threads, 256) : cores,
                 &s->ingest_pool, err));
    snprintf(s->spill_dir, sizeof s->spill_dir, "%s/tmp", c->data_dir.ptr);
    if (mkdir(s->spill_dir, 0700) < 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot make the folder %s", s->spill_dir);
    QueryOptions options = {
        .engine = s->engine,
        .pool = s->query_pool,
        .budget = &s->query_budget,
        .query_bytes_max = or_share(c->query_bytes, all, 2),
        .timeout_ns = c->query_timeout,
        .lookback_ms = c->query_lookback / NS_PER_MS,
        .samples_max = (uint64_t)c->query_samples_max,
        .server_version = "15.0 (LumaDB " LUMADB_VERSION ")",
        .on_audit = on_query_audit,
        .audit_ctx = s,
        .make_verifier = admission_make_verifier,
        .spill_dir = s->spill_dir,
        .spill_bytes_max = c->query_spill_bytes,
        .wants_report = s->own_spans.queue ? own_spans_want : NULL,
        .on_report = own_spans_add,
        .report_ctx = &s->own_spans,
    };
    return query_engine_new(&options, &s->queries, err);
}

static Status start_loops(Server *s, Error *err)
{
    const Config *c = s->config;

    TRY(loops_new((int)LUMA_MIN(c->loops, 64), &s->loops, err));
    /* Answers that nobody takes leave the queries' budget; together they get a quarter as much. */
    loops_set_output_max(s->loops, LUMA_MAX(s->query_budget.limit_bytes / 4, c->output_bytes));
    if (c->tls_cert.len == 0)
        return STATUS_OK;
    TlsOptions options = {.cert_file = c->tls_cert.ptr,
                          .key_file = c->tls_key.ptr,
                          .client_ca_file = c->tls_client_ca.len ? c->tls_client_ca.ptr : NULL,
                          .client_required = c->tls_client_required};
    return tls_new(&options, &s->tls, err);
}

/* A user made by SQL, with a password, who may log in now. */
static bool find_sql_user(void *ctx, Str name, Verifier *ret_verifier)
{
    Server *s = ctx;
    CatalogVersion *catalog = engine_catalog(s->engine);
    const CatalogUser *user = catalog_find_user(catalog, name);
    bool found =
        user && user->can_login && user->verifier.len &&
        user->valid_until_us > clock_wall_ns() / NS_PER_US &&
        admission_parse_verifier(user->verifier, (Role)user->role, ret_verifier, NULL) == STATUS_OK;
    (void)catalog_version_unref(catalog);
    return found;
}

static bool any_sql_user(void *ctx)
{
    Server *s = ctx;
    CatalogVersion *catalog = engine_catalog(s->engine);
    bool any = false;
    size_t pos = 0;

    for (const CatalogUser *user; !any && (user = catalog_next(catalog, CATALOG_USER, &pos));)
        any = user->can_login && user->verifier.len;
    (void)catalog_version_unref(catalog);
    return any;
}

static Status start_admission(Server *s, Error *err)
{
    const Config *c = s->config;
    AdmissionOptions options = {
        .allow_anonymous =
            c->auth_allow_anonymous || (c->auth_username.len && !c->auth_require_auth),
        .md5 = c->auth_md5,
        .find_user = find_sql_user,
        .any_user = any_sql_user,
        .on_event = on_admission_event,
        .ctx = s,
    };

    TRY(admission_new(&options, &s->admission, err));
    s->own_source.gate = admission_gate(s->admission);
    return auth_config_apply(c, s->admission, err);
}

/* How many connections at a time: of the protocol, else of every listener. */
static int connections_of(const Server *s, int64_t own)
{
    return (int)LUMA_MIN(own ? own : s->config->connections_max, 1 << 20);
}

/* Promise 6 of the design: beyond loopback only with users, or when told so. */
static Status check_exposure(const Server *s, const char *key, Str address, Error *err)
{
    NetAddress parsed;

    TRY(net_address_parse(address.ptr, &parsed, err));
    Status status = admission_check_bind(s->admission, &parsed, err);
    if (status != STATUS_OK) {
        error_prefix(err, "%s=%s", key, address.ptr);
        error_hint(err, "Set auth.username and auth.password, or --auth.allow_anonymous=true.");
    }
    return status;
}

static void note_listening(Server *s, const char *name, const NetAddress *address)
{
    ASSERT(s->listening_count < LISTENERS_MAX);
    s->listening[s->listening_count++] = (Listening){name, *address};
}

static Status start_http(Server *s, const char *name, const char *key, Str address,
                         int64_t connections, const HttpRouter *router, HttpServer **ret_server,
                         Error *err)
{
    const Config *c = s->config;

    if (is_off(address))
        return STATUS_OK;
    TRY(check_exposure(s, key, address, err));
    HttpServerOptions options = {
        .listener = {.name = name,
                     .address = address.ptr,
                     .access = admission_access(s->admission),
                     .tls = s->tls,
                     .tls_mode = s->tls ? TLS_IMPLICIT : TLS_OFF,
                     .connections_max = connections_of(s, connections),
                     .output_bytes_high = (size_t)c->output_bytes},
        .hosts = (const char *const *)s->hosts,
        .cors = (const char *const *)s->cors,
        .grpc = router == s->otlp_grpc_router,
        .budget = &s->hot_budget,
    };
    TRY(http_server_new(s->loops, router, &options, ret_server, err));
    note_listening(s, name, http_server_address(*ret_server));
    return STATUS_OK;
}

static void on_metrics(HttpRequest *req, void *ctx)
{
    Buf body = {0};
    const HttpField type = {STR("Content-Type"), STR("text/plain; version=0.0.4; charset=utf-8")};
    own_metrics_render(ctx, &body);
    http_respond(req, 200, &type, 1, &body);
}

static void append_targets(void *ctx, HttpRequest *req, Buf *out)
{
    Server *s = ctx;
    Scraper *scraper = __atomic_load_n(&s->scraper, __ATOMIC_ACQUIRE);
    targets_append_json(scraper, http_request_value(req, STR("state")),
                        http_request_value(req, STR("scrapePool")), out);
}

static void append_scrape_pools(void *ctx, HttpRequest *req, Buf *out)
{
    Server *s = ctx;
    targets_append_pools(__atomic_load_n(&s->scraper, __ATOMIC_ACQUIRE), out);
}

static bool is_ready(void *ctx)
{
    const Server *s = ctx;
    return __atomic_load_n(&s->ready, __ATOMIC_ACQUIRE);
}

static void add_prometheus_routes(Server *s)
{
    s->prometheus_router = http_router_new();
    s->prom_api = (PromApi){.engine = s->engine,
                            .queries = s->queries,
                            .pool = s->query_pool,
                            .started_ms = s->own_source.start_wall_ns / NS_PER_MS,
                            .config_yaml = s->config_text.ptr,
                            .targets = append_targets,
                            .scrape_pools = append_scrape_pools,
                            .provider_ctx = s,
                            .ready = is_ready};
    prom_api_register(&s->prom_api, s->prometheus_router);
    s->remote_write = (RemoteWriteApi){.engine = s->engine, .pool = s->ingest_pool};
    remote_write_api_register(&s->remote_write, s->prometheus_router);
    otlp_api_register_prometheus(&s->otlp_api, s->prometheus_router);
    http_router_add(s->prometheus_router, &(HttpRoute){.methods = HTTP_GET,
                                                       .pattern = "/metrics",
                                                       .role = ROLE_READ,
                                                       .handler = on_metrics,
                                                       .ctx = &s->own_source});
}

static void on_healthy(HttpRequest *req, void *ctx)
{
    http_respond_str(req, 200, STR("text/plain; charset=utf-8"), STR("LumaDB is healthy.\n"));
}

static void on_ready(HttpRequest *req, void *ctx)
{
    bool ready = is_ready(ctx);
    http_respond_str(req, ready ? 200 : 503, STR("text/plain; charset=utf-8"),
                     ready ? STR("LumaDB is ready.\n") : STR("LumaDB is starting.\n"));
}

static void add_health_route(Server *s, const char *pattern, HttpHandler handler)
{
    http_router_add(s->rest_router, &(HttpRoute){.methods = HTTP_GET,
                                                 .pattern = pattern,
                                                 .flags = HTTP_ROUTE_NO_AUTH,
                                                 .handler = handler,
                                                 .ctx = s});
}

static void add_rest_routes(Server *s)
{
    s->rest_router = http_router_new();
    add_health_route(s, "/-/healthy", on_healthy);
    add_health_route(s, "/-/ready", on_ready);
    s->rest_api = (RestApi){.engine = s->engine, .queries = s->queries, .pool = s->query_pool};
    sql_api_register(&s->rest_api, s->rest_router);
    logs_api_register(&s->rest_api, s->rest_router);
    tail_api_register(&s->rest_api, s->rest_router);
    s->bans_api =
        (BansApi){.gate = admission_gate(s->admission), .on_change = on_bans_changed, .ctx = s};
    bans_api_register(&s->bans_api, s->rest_router);
    ingest_api_register(&s->rest_api, s->rest_router);
    openapi_api_register(s->rest_router);
    otlp_api_register(&s->otlp_api, s->rest_router);
}

static void start_otlp_ingest(Server *s)
{
    Config *c = s->config;
    OtlpOptions options = {.promote_scope = c->otlp_promote_scope, .budget = &s->hot_budget};
    char **names = split_list(c, c->otlp_promote);
    uint32_t cap = 0;
    Str *promote = NULL;

    (void)otlp_translation_parse(c->otlp_translation, &options.translation); /* checked at load */
    for (char **name = names; *name; name++)
        ARENA_PUSH(&c->arena, promote, options.promote_count, cap, str_from(*name));
    options.promote = promote;
    s->otlp_ingest = otlp_ingest_new(s->engine, &options);
    s->otlp_api = (OtlpApi){.ingest = s->otlp_ingest, .pool = s->ingest_pool};
}

static Status start_otlp(Server *s, Error *err)
{
    s->otlp_http_router = http_router_new();
    s->otlp_grpc_router = http_router_new();
    otlp_api_register(&s->otlp_api, s->otlp_http_router);
    otlp_grpc_register(&s->otlp_api, s->otlp_grpc_router);
    TRY(start_http(s, "otlp.grpc", "otlp.grpc.listen", s->config->otlp_grpc_listen,
                   s->config->otlp_grpc_connections, s->otlp_grpc_router, &s->otlp_grpc_server,
                   err));
    return start_http(s, "otlp.http", "otlp.http.listen", s->config->otlp_http_listen,
                      s->config->otlp_http_connections, s->otlp_http_router, &s->otlp_http_server,
                      err);
}

static Status start_postgres(Server *s, Error *err)
{
    Str address = s->config->postgres_listen;
    Listener *listener;

    if (is_off(address))
        return STATUS_OK;
    TRY(check_exposure(s, "postgres.listen", address, err));
    PgServerOptions options = {.queries = s->queries,
                               .pool = s->query_pool,
                               .admission = s->admission,
                               .connections_max =
                                   connections_of(s, s->config->postgres_connections)};
    TRY(pg_server_new(&options, &s->pg_server, err));
    TRY(pg_server_listen(s->pg_server, s->loops, address.ptr, s->tls, &listener, err));
    note_listening(s, "postgres", listener_address(listener));
    return STATUS_OK;
}

static Status start_listeners(Server *s, Error *err)
{
    s->hosts = split_list(s->config, s->config->http_hosts);
    s->cors = split_list(s->config, s->config->http_cors);
    TRY(start_postgres(s, err));
    start_otlp_ingest(s);
    TRY(start_otlp(s, err));
    add_prometheus_routes(s);
    TRY(start_http(s, "prometheus", "prometheus.listen", s->config->prometheus_listen,
                   s->config->prometheus_connections, s->prometheus_router, &s->prometheus_server,
                   err));
    add_rest_routes(s);
    return start_http(s, "http", "http.listen", s->config->http_listen, s->config->http_connections,
                      s->rest_router, &s->rest_server, err);
}

static Status start_scraper(Server *s, Error *err)
{
    Config *c = s->config;

    TRY(scrape_config_read(c->global, c->scrape_configs, &c->arena, &s->scrape_config, err));
    if (s->scrape_config.job_count == 0)
        return STATUS_OK;
    Scraper *scraper;
    TRY(scraper_new(&s->scrape_config, s->engine, s->ingest_pool, loops_next(s->loops), &scraper,
                    err));
    __atomic_store_n(&s->scraper, scraper, __ATOMIC_RELEASE);
    return STATUS_OK;
}

static Status start_own_metrics(Server *s, Error *err)
{
    char instance[64] = "lumadb";

    if (!s->config->self_enabled)
        return STATUS_OK;
    for (int i = 0; i < s->listening_count; i++)
        if (strcmp(s->listening[i].name, "prometheus") == 0)
            (void)net_address_format(&s->listening[i].address, instance);
    return own_metrics_start(&s->own_source, s->config->self_interval, str_from(instance),
                             &s->own_writer, err);
}

static Status start(Server *s, Error *err)
{
    TRY(start_storage(s, err));
    TRY(start_queries(s, err));
    s->own_source = (OwnMetricsSource){.engine = s->engine,
                                       .hot = &s->hot_budget,
                                       .queries = &s->query_budget,
                                       .query_pool = s->query_pool,
                                       .ingest_pool = s->ingest_pool,
                                       .start_wall_ns = clock_wall_ns()};
    TRY(start_loops(s, err));
    TRY(start_admission(s, err));
    TRY(start_listeners(s, err));
    TRY(start_scraper(s, err));
    return start_own_metrics(s, err);
}

/* ---------------------------------------------------------------- running */

static void print_ready(const Server *s)
{
    CLEANUP(buf_done) Buf line = {0};
    char address[64];

    buf_append_lit(&line, "{\"ready\":true,\"version\":\"" LUMADB_VERSION "\",\"data_dir\":");
    json_append_string(&line, s->config->data_dir);
    buf_append_lit(&line, ",\"listen\":{");
    for (int i = 0; i < s->listening_count; i++)
        buf_printf(&line, "%s\"%s\":\"%s\"", i ? "," : "", s->listening[i].name,
                   net_address_format(&s->listening[i].address, address));
    buf_append_lit(&line, "}}\n");
    (void)fwrite(line.ptr, 1, line.len, stdout);
    (void)fflush(stdout);
    for (int i = 0; i < s->listening_count; i++)
        LOG_INFO(
            "listening", LOG_FIELD("protocol", LOG_STR(s->listening[i].name)),
            LOG_FIELD("address", LOG_STR(net_address_format(&s->listening[i].address, address))));
    LOG_INFO("ready", LOG_FIELD("version", LOG_STR(LUMADB_VERSION)),
             LOG_FIELD("data_dir", LOG_S(s->config->data_dir)));
}

static void print_hints(const Server *s)
{
    char address[64];
    char host[64];

    for (int i = 0; i < s->listening_count; i++) {
        const Listening *l = &s->listening[i];
        (void)net_address_format(&l->address, address);
        (void)net_address_host(&l->address, host);
        printf("  %-11s %s\n", l->name, address);
    }
    puts("\nTry, in another terminal:");
    for (int i = 0; i < s->listening_count; i++) {
        const Listening *l = &s->listening[i];
        const char *scheme = s->tls ? "https" : "http";
        (void)net_address_format(&l->address, address);
        (void)net_address_host(&l->address, host);
        if (strcmp(l->name, "postgres") == 0)
            printf("  psql -h %s -p %u -c \"select ts, value, labels from metrics where name = "
                   "'lumadb_series' order by ts desc limit 5\"\n",
                   host, net_address_port(&l->address));
        else if (strcmp(l->name, "prometheus") == 0)
            printf("  curl %s://%s/api/v1/query --data-urlencode "
                   "'query=rate(lumadb_wal_syncs_total[1m])'\n",
                   scheme, address);
        else if (strcmp(l->name, "http") == 0)
            printf("  curl -d \"select name, count(*) from metrics group by name\" "
                   "'%s://%s/api/v1/sql'\n",
                   scheme, address);
    }
    (void)fflush(stdout);
}

static void reload(Server *s, const char *const *args, int arg_count)
{
    CLEANUP(buf_done) Buf kept = {0};
    Config next;
    Error err;

    if (config_load(&next, args, arg_count, &err) != STATUS_OK) {
        LOG_ERROR("reload refused; the old settings stay",
                  LOG_FIELD("error", LOG_STR(err.message)));
        audit_reload(s, STR("failed"), str_from(err.message));
        return;
    }
    if (auth_config_apply(&next, s->admission, &err) != STATUS_OK) {
        LOG_ERROR("reload refused; the old settings stay",
                  LOG_FIELD("error", LOG_STR(err.message)));
        audit_reload(s, STR("failed"), str_from(err.message));
        config_done(&next);
        return;
    }
    config_reload(s->config, &next, &kept);
    config_done(&next);
    configure_log(s->config);
    query_engine_set_limits(s->queries,
                            or_share(s->config->query_bytes, s->query_budget.limit_bytes, 2),
                            s->config->query_timeout);
    if (s->tls && tls_reload(s->tls, &err) != STATUS_OK)
        LOG_ERROR("certificates cannot be read; the old ones stay",
                  LOG_FIELD("error", LOG_STR(err.message)));
    audit_reload(s, STR("ok"), buf_str(&kept));
    LOG_INFO("settings reloaded", LOG_FIELD("need_restart", LOG_S(buf_str(&kept))));
}

/* Waits for the signal that ends the server. */
static void wait_for_end(Server *s, const sigset_t *signals, const char *const *args, int arg_count)
{
    for (;;) {
        int number;
        if (sigwait(signals, &number) != 0)
            continue;
        if (number == SIGHUP) {
            reload(s, args, arg_count);
            continue;
        }
        LOG_INFO("stopping", LOG_FIELD("signal", LOG_STR(number == SIGINT ? "INT" : "TERM")));
        return;
    }
}

/* Takes down what start reached, in reverse. */
static void server_done(Server *s)
{
    __atomic_store_n(&s->ready, false, __ATOMIC_RELEASE);
    s->own_writer = own_metrics_stop(s->own_writer);
    if (s->loops)
        loops_drain(s->loops, s->config->drain_timeout);
    s->scraper = scraper_free(s->scraper);
    if (s->pg_server)
        pg_server_stop(s->pg_server);
    /* Tasks of the pools hold requests: they end before the loops do. */
    s->ingest_pool = pool_free(s->ingest_pool);
    s->query_pool = pool_free(s->query_pool);
    s->queries = query_engine_free(s->queries);
    log_set_sink(NULL, NULL);
    row_queue_stop(s->audit);
    row_queue_stop(s->own_logs);
    row_queue_stop(s->own_spans.queue);
    s->engine = engine_close(s->engine);
    s->otlp_ingest = otlp_ingest_free(s->otlp_ingest);
    s->loops = loops_free(s->loops);
    s->otlp_http_server = http_server_free(s->otlp_http_server);
    s->otlp_http_router = http_router_free(s->otlp_http_router);
    s->otlp_grpc_server = http_server_free(s->otlp_grpc_server);
    s->otlp_grpc_router = http_router_free(s->otlp_grpc_router);
    s->prometheus_server = http_server_free(s->prometheus_server);
    s->prometheus_router = http_router_free(s->prometheus_router);
    s->pg_server = pg_server_free(s->pg_server);
    s->rest_server = http_server_free(s->rest_server);
    s->rest_router = http_router_free(s->rest_router);
    s->admission = admission_free(s->admission);
    s->audit = row_queue_free(s->audit);
    s->own_logs = row_queue_free(s->own_logs);
    s->own_spans.queue = row_queue_free(s->own_spans.queue);
    s->tls = tls_free(s->tls);
}

Status server_run(Config *config, const char *const *args, int arg_count, Error *err)
{
    Server s = {.config = config};
    sigset_t signals;

    CLEANUP(buf_done) Buf config_text = {0};
    config_print(config, &config_text);
    s.config_text = arena_str(&config->arena, buf_str(&config_text));
    configure_log(config);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGPIPE);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)sigdelset(&signals, SIGPIPE); /* blocked, never waited for: writes give EPIPE */
    Status status = start(&s, err);
    if (status == STATUS_OK) {
        __atomic_store_n(&s.ready, true, __ATOMIC_RELEASE);
        print_ready(&s);
        if (config->hints)
            print_hints(&s);
        wait_for_end(&s, &signals, args, arg_count);
    }
    server_done(&s);
    return status;
}
