/* prom_api_int.h - what the files of the query API share. */
#ifndef LUMA_NET_PROM_PROM_API_INT_H
#define LUMA_NET_PROM_PROM_API_INT_H

#include "net/prom/prom_api.h"
#include "net/prom/prom_json.h"
#include "query/promql/promql.h"

enum { PROM_API_BODY_BYTES_MAX = 8 << 20 };

/* A request that runs on the pool; lives in the request's arena. */
typedef struct PromTask PromTask;
struct PromTask {
    PoolTask task;
    PromApi *api;
    HttpRequest *req;
    void (*run)(PromTask *task); /* answers the request */
    QueryCancel cancel;
};

/* Adds a route whose handler runs `run` on the pool. `ctx` of the route is the API. */
void prom_api__route(PromApi *api, HttpRouter *router, unsigned methods, const char *pattern,
                     HttpHandler handler);
/* Puts the request on the pool. */
void prom_api__submit(PromApi *api, HttpRequest *req, void (*run)(PromTask *task));

/* Parameters. Each answers bad_data itself and returns false when the value is bad. */
/* RFC 3339 or seconds; `missing` when there is none. */
bool prom_api__time(HttpRequest *req, const char *name, int64_t missing_ms, int64_t *ret_ms);
/* A duration or seconds. */
bool prom_api__duration(HttpRequest *req, const char *name, int64_t missing_ms, int64_t *ret_ms);
/* Non-negative whole number; 0 when there is none. */
bool prom_api__limit(HttpRequest *req, uint64_t *ret_limit);
/* Times as they stand in parameters; false when the text is no time. */
bool prom_api__parse_time(Str text, int64_t *ret_ms);

/* One match[] parameter. */
typedef struct PromMatch {
    LabelMatcher *matchers;
    uint32_t count;
} PromMatch;
/* All match[] parameters; false after an answer. */
bool prom_api__matches(HttpRequest *req, PromMatch **ret_matches, size_t *ret_count);

void prom_api__query_routes(PromApi *api, HttpRouter *router);
void prom_api__series_routes(PromApi *api, HttpRouter *router);
void prom_api__parse_routes(PromApi *api, HttpRouter *router);
void prom_api__status_routes(PromApi *api, HttpRouter *router);

#endif
