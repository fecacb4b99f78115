/* prom_api_status.c - status, targets, rules, features, health and readiness. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "format/json/json.h"
#include "net/prom/prom_api_int.h"

enum { TOP_COUNT = 10 };

static void respond_data(HttpRequest *req, const char *json)
{
    Buf out = {0};
    prom_json_begin(&out);
    buf_append_str(&out, str_from(json));
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(req, &out);
}

static void respond_provided(PromTask *task, PromApiProvider provider, const char *empty)
{
    Buf out = {0};

    if (!provider) {
        respond_data(task->req, empty);
        return;
    }
    prom_json_begin(&out);
    provider(task->api->provider_ctx, task->req, &out);
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(task->req, &out);
}

static void run_targets(PromTask *task)
{
    respond_provided(task, task->api->targets,
                     "{\"activeTargets\":[],\"droppedTargets\":[],\"droppedTargetCounts\":{}}");
}

static void run_scrape_pools(PromTask *task)
{
    Buf out = {0};

    prom_json_begin(&out);
    buf_append_lit(&out, "{\"scrapePools\":");
    if (task->api->scrape_pools)
        task->api->scrape_pools(task->api->provider_ctx, task->req, &out);
    else
        buf_append_lit(&out, "[]");
    buf_append_byte(&out, '}');
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(task->req, &out);
}

static void run_flags(PromTask *task)
{
    respond_provided(task, task->api->flags, "{}");
}

static void run_config(PromTask *task)
{
    Buf out = {0};

    prom_json_begin(&out);
    buf_append_lit(&out, "{\"yaml\":");
    json_append_string(&out, str_from(task->api->config_yaml ? task->api->config_yaml : ""));
    buf_append_byte(&out, '}');
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(task->req, &out);
}

static void on_buildinfo(HttpRequest *req, void *ctx)
{
    respond_data(req, "{\"version\":\"3.14.0\",\"revision\":\"lumadb-" LUMADB_VERSION
                      "\",\"branch\":\"main\",\"buildUser\":\"lumadb\",\"buildDate\":\"\","
                      "\"goVersion\":\"none (C)\"}");
}

static void append_utc(int64_t ms, Buf *out)
{
    time_t t = (time_t)(ms / 1000);
    char text[40];
    struct tm tm;

    if (gmtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        buf_printf(out, "\"%s\"", text);
    else
        buf_append_lit(out, "\"\"");
}

static void run_runtimeinfo(PromTask *task)
{
    EngineStats stats;
    Buf out = {0};

    engine_stats(task->api->engine, &stats);
    prom_json_begin(&out);
    buf_append_lit(&out, "{\"startTime\":");
    append_utc(task->api->started_ms, &out);
    buf_append_lit(&out, ",\"CWD\":\"\",\"hostname\":\"\",\"serverTime\":");
    append_utc(clock_wall_ms(), &out);
    buf_printf(&out, ",\"reloadConfigSuccess\":true,\"lastConfigTime\":");
    append_utc(task->api->started_ms, &out);
    buf_printf(
        &out,
        ",\"corruptionCount\":0,\"goroutineCount\":0,\"GOMAXPROCS\":%d,\"GOMEMLIMIT\":%" PRId64
        ",\"GOGC\":\"\",\"GODEBUG\":\"\",\"storageRetention\":\"\"}",
        thread_core_count(), stats.hot_limit_bytes);
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(task->req, &out);
}

static Status append_top(Snapshot *snapshot, const char *key, EngineTop what, uint32_t limit,
                         Arena *arena, Buf *out, Error *err)
{
    NameCount *rows;
    uint32_t count;

    TRY(engine_top(snapshot, what, limit, arena, &rows, &count, err));
    buf_printf(out, ",\"%s\":[", key);
    for (uint32_t i = 0; i < count; i++) {
        buf_append_str(out, i ? STR(",{\"name\":") : STR("{\"name\":"));
        json_append_string(out, rows[i].name);
        buf_printf(out, ",\"value\":%" PRIu64 "}", rows[i].count);
    }
    buf_append_byte(out, ']');
    return STATUS_OK;
}

static void run_tsdb(PromTask *task)
{
    CLEANUP(arena_done) Arena arena = {0};
    EngineStats stats;
    Snapshot *snapshot;
    uint64_t limit;
    Buf out = {0};
    Error err = {0};
    Status status;

    if (!prom_api__limit(task->req, &limit))
        return;
    if (!limit || limit > 10000)
        limit = TOP_COUNT;
    engine_stats(task->api->engine, &stats);
    prom_json_begin(&out);
    buf_printf(&out,
               "{\"headStats\":{\"numSeries\":%" PRIu64 ",\"numLabelPairs\":%" PRIu64
               ",\"chunkCount\":%" PRIu64 ",\"minTime\":%" PRId64 ",\"maxTime\":%" PRId64 "}",
               stats.series, stats.label_pairs, stats.chunks, stats.series ? stats.min_ts_ms : 0,
               stats.series ? stats.max_ts_ms : 0);
    status = engine_snapshot(task->api->engine, &snapshot, &err);
    if (status == STATUS_OK) {
        static const struct {
            const char *key;
            EngineTop what;
        } tops[] = {{"seriesCountByMetricName", ENGINE_TOP_SERIES_BY_METRIC},
                    {"labelValueCountByLabelName", ENGINE_TOP_VALUES_BY_LABEL},
                    {"memoryInBytesByLabelName", ENGINE_TOP_BYTES_BY_LABEL},
                    {"seriesCountByLabelValuePair", ENGINE_TOP_SERIES_BY_PAIR}};
        for (size_t i = 0; i < LUMA_ARRAY_LEN(tops) && status == STATUS_OK; i++)
            status = append_top(snapshot, tops[i].key, tops[i].what, (uint32_t)limit, &arena, &out,
                                &err);
        (void)snapshot_free(snapshot);
    }
    if (status != STATUS_OK) {
        buf_done(&out);
        prom_json_status(task->req, &err);
        return;
    }
    buf_append_byte(&out, '}');
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(task->req, &out);
}

/* Replay is over before the listeners open. */
static void on_walreplay(HttpRequest *req, void *ctx)
{
    respond_data(req, "{\"min\":0,\"max\":0,\"current\":0,\"state\":\"done\"}");
}

static void on_rules(HttpRequest *req, void *ctx)
{
    Str type = http_request_value(req, STR("type"));

    if (type.len && !str_eq(type, STR("alert")) && !str_eq(type, STR("record"))) {
        CLEANUP(buf_done) Buf quoted = {0};
        prom_text_quote(type, &quoted);
        prom_json_error(req, "bad_data", "invalid parameter \"type\": not supported value %.*s",
                        (int)quoted.len, quoted.ptr);
        return;
    }
    respond_data(req, "{\"groups\":[]}");
}

static void on_alerts(HttpRequest *req, void *ctx)
{
    respond_data(req, "{\"alerts\":[]}");
}

static void on_alertmanagers(HttpRequest *req, void *ctx)
{
    respond_data(req, "{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}");
}

static void on_targets_metadata(HttpRequest *req, void *ctx)
{
    respond_data(req, "[]");
}

/* What of Prometheus' optional behaviour is on. */
static void on_features(HttpRequest *req, void *ctx)
{
    Buf out = {0};

    prom_json_begin(&out);
    buf_append_lit(&out, "{\"promql\":{\"anchored\":true,\"at_modifier\":true,"
                         "\"delayed_name_removal\":true,\"duration_expr\":true,"
                         "\"experimental_functions\":true,\"fill\":true,"
                         "\"negative_offset\":true,\"smoothed\":true,\"subqueries\":true,"
                         "\"type_and_unit_labels\":true},\"promql_functions\":{");
    for (int i = 0; i < PROM_FUNC_COUNT_; i++)
        buf_printf(&out, "%s\"%s\":true", i ? "," : "", prom_func_infos[i].name.ptr);
    buf_append_lit(&out, "},\"api\":{\"exemplars\":true,\"remote_write_receiver\":true}}");
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(req, &out);
}

/* Administration is off: the endpoints say so. */
static void on_admin(HttpRequest *req, void *ctx)
{
    prom_json_error(req, "unavailable", "admin APIs disabled");
}

static void on_healthy(HttpRequest *req, void *ctx)
{
    http_respond_str(req, 200, STR("text/plain; charset=utf-8"), STR("LumaDB is Healthy.\n"));
}

static void on_ready(HttpRequest *req, void *ctx)
{
    const PromApi *api = ctx;

    if (api->ready && !api->ready(api->provider_ctx))
        http_respond_str(req, 503, STR("text/plain; charset=utf-8"), STR("Service Unavailable\n"));
    else
        http_respond_str(req, 200, STR("text/plain; charset=utf-8"), STR("LumaDB is Ready.\n"));
}

static void on_targets(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_targets);
}
static void on_scrape_pools(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_scrape_pools);
}
static void on_flags(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_flags);
}
static void on_config(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_config);
}
static void on_runtimeinfo(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_runtimeinfo);
}
static void on_tsdb(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_tsdb);
}

void prom_api__status_routes(PromApi *api, HttpRouter *router)
{
    static const struct {
        unsigned methods;
        const char *pattern;
        HttpHandler handler;
    } routes[] = {
        {HTTP_GET, "/api/v1/targets", on_targets},
        {HTTP_GET, "/api/v1/targets/metadata", on_targets_metadata},
        {HTTP_GET, "/api/v1/scrape_pools", on_scrape_pools},
        {HTTP_GET, "/api/v1/rules", on_rules},
        {HTTP_GET, "/api/v1/alerts", on_alerts},
        {HTTP_GET, "/api/v1/alertmanagers", on_alertmanagers},
        {HTTP_GET, "/api/v1/status/buildinfo", on_buildinfo},
        {HTTP_GET, "/api/v1/status/runtimeinfo", on_runtimeinfo},
        {HTTP_GET, "/api/v1/status/config", on_config},
        {HTTP_GET, "/api/v1/status/flags", on_flags},
        {HTTP_GET, "/api/v1/status/tsdb", on_tsdb},
        {HTTP_GET, "/api/v1/status/walreplay", on_walreplay},
        {HTTP_GET, "/api/v1/features", on_features},
        {HTTP_POST | HTTP_PUT, "/api/v1/admin/tsdb/delete_series", on_admin},
        {HTTP_POST | HTTP_PUT, "/api/v1/admin/tsdb/clean_tombstones", on_admin},
        {HTTP_POST | HTTP_PUT, "/api/v1/admin/tsdb/snapshot", on_admin},
    };

    for (size_t i = 0; i < LUMA_ARRAY_LEN(routes); i++)
        prom_api__route(api, router, routes[i].methods, routes[i].pattern, routes[i].handler);
    http_router_add(router, &(HttpRoute){.methods = HTTP_GET,
                                         .pattern = "/-/healthy",
                                         .flags = HTTP_ROUTE_NO_AUTH,
                                         .handler = on_healthy,
                                         .ctx = api});
    http_router_add(router, &(HttpRoute){.methods = HTTP_GET,
                                         .pattern = "/-/ready",
                                         .flags = HTTP_ROUTE_NO_AUTH,
                                         .handler = on_ready,
                                         .ctx = api});
}
