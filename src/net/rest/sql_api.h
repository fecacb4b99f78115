/* sql_api.h - POST /api/v1/sql on the REST port.
 *
 * The body is the SQL text (any Content-Type but the next two), a form with `query`, or JSON
 * {"query": "...", "params": ["text" or null, ...]}; params are $1, $2 ... as texts. Several
 * statements run in one transaction; the answer is the last one's. Accept (or ?format=) picks JSON,
 * CSV, NDJSON or an Arrow IPC stream.
 */
#ifndef LUMA_NET_REST_SQL_API_H
#define LUMA_NET_REST_SQL_API_H

#include "net/rest/rest_query.h"

/* Adds the route; `api` is borrowed until the router is freed. */
void sql_api_register(RestApi *api, HttpRouter *router);

#endif
