/* tail_api.h - GET /api/v1/logs/tail on the REST port: new log rows as they come, as server-sent
 * events (WHATWG HTML, "Server-sent events").
 *
 * Parameters as of GET /api/v1/logs: query, attributes, severity, service, trace_id. Each row is
 * one event whose data is the row as a JSON object. Rows come in the order they were stored, each
 * once, within a quarter of a second. A client that reads too slowly is told what it has missed:
 * an event "skipped" with {"rows": n}. A comment every 15 seconds keeps the connection alive.
 */
#ifndef LUMA_NET_REST_TAIL_API_H
#define LUMA_NET_REST_TAIL_API_H

#include "net/rest/rest_query.h"

enum { TAILS_MAX = 200 }; /* at once; more are refused with 503 */

/* Adds the route; `api` is borrowed until the router is freed. */
void tail_api_register(RestApi *api, HttpRouter *router);

#endif
