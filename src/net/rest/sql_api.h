/* sql_api.h - POST /api/v1/sql on the REST port.
 *
 * The body is the SQL text (any Content-Type but the next two), a form with `query`, or JSON
 * {"query": "...", "params": ["text" or null, ...]}; params are $1, $2 ... as texts. Several
 * statements run in one transaction; the answer is the last one's. Accept (or ?format=) picks JSON,
 * CSV, NDJSON or an Arrow IPC stream. Errors: {"error", "sqlstate", "position", "detail", "hint",
 * "status"}.
 */
#ifndef LUMA_NET_REST_SQL_API_H
#define LUMA_NET_REST_SQL_API_H

#include "net/http/http.h"
#include "query/query.h"

typedef struct SqlApi {
    QueryEngine *queries;
    Pool *pool; /* runs the statements; never a loop */
} SqlApi;

/* Adds the routes; `api` is borrowed until the router is freed. */
void sql_api_register(SqlApi *api, HttpRouter *router);

#endif
