/* prom_api.h - the Prometheus HTTP API (prometheus.io/docs/prometheus/latest/querying/api/).
 *
 * Queries run on the pool, never on a loop; a client that goes away cancels its query. What the
 * server's other parts know (scrape targets, configuration) comes through callbacks that append
 * JSON; without one the answer is an empty list.
 */
#ifndef LUMA_NET_PROM_PROM_API_H
#define LUMA_NET_PROM_PROM_API_H

#include "net/http/http.h"
#include "query/query.h"

/* Appends a JSON value; any thread. */
typedef void (*PromApiProvider)(void *ctx, HttpRequest *req, Buf *out);

typedef struct PromApi {
    Engine *engine;
    QueryEngine *queries;
    Pool *pool;
    int64_t started_ms;      /* for runtimeinfo */
    const char *config_yaml; /* text of /api/v1/status/config; "" = none */
    /* Data of the endpoint of the same name, NULL = empty. */
    PromApiProvider targets;      /* {"activeTargets":[..],"droppedTargets":[..],...} */
    PromApiProvider scrape_pools; /* ["a", ...] */
    PromApiProvider flags;        /* {"name":"value"} */
    void *provider_ctx;
    /* Is the server ready to take requests? NULL = yes. Any thread. */
    bool (*ready)(void *ctx);
} PromApi;

/* Adds the routes; `api` is borrowed until the router is freed. */
void prom_api_register(PromApi *api, HttpRouter *router);

#endif
