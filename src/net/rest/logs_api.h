/* logs_api.h - GET /api/v1/logs, GET /api/v1/traces/{id}, GET /api/v1/tables and
 * /api/v1/tables/{table} on the REST port: questions that are one SQL statement each, so that they
 * use its indexes and formats (?format= or Accept).
 *
 * /api/v1/logs, newest first. All parameters are optional and hold together:
 *   start, end     RFC 3339 or seconds since 1970; start <= ts < end
 *   query          full text of the body, as matches() has it
 *   attributes     full text of the attributes, likewise
 *   severity       least severity: trace, debug, info, warn, error, fatal, or a number 1 to 24
 *   service, trace_id
 *   limit          1 to 10000, default 100
 */
#ifndef LUMA_NET_REST_LOGS_API_H
#define LUMA_NET_REST_LOGS_API_H

#include "net/rest/rest_query.h"

/* Adds the routes; `api` is borrowed until the router is freed. */
void logs_api_register(RestApi *api, HttpRouter *router);

/* ---- shared with the live tail */

/* "error" -> 17, "9" -> 9; INVALID for anything else. */
Status logs_severity(Str text, int *ret_number, Error *err);

#endif
