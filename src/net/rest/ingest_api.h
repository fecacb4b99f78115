/* ingest_api.h - POST /api/v1/ingest/{table} on the REST port: rows into a table.
 *
 * Content-Type says what the body is: application/x-ndjson (also application/json: an array of
 * objects), text/csv whose first line names the columns, or an Arrow IPC stream
 * (application/vnd.apache.arrow.stream). {table} is a name or schema.name. Columns that are not
 * named get their defaults. A request is one transaction: all rows are stored and durable when the
 * answer {"table": "public.t", "rows": 3} comes, or none is, and the error says which line.
 */
#ifndef LUMA_NET_REST_INGEST_API_H
#define LUMA_NET_REST_INGEST_API_H

#include "net/rest/rest_query.h"

/* Adds the route; `api` is borrowed until the router is freed. */
void ingest_api_register(RestApi *api, HttpRouter *router);

#endif
