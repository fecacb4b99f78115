/* rest_query.h - runs SQL for the routes of the REST port and streams what it yields.
 *
 * A request is a task of the query pool: parse, bind, run, encode, write. Answers up to 256 KiB go
 * out whole, larger ones are streamed. When the client is slow the task parks: it gives its worker
 * back and goes on when the client has caught up. The client's going away cancels the query.
 *
 * Errors are {"error", "sqlstate", "position", "detail", "hint", "context",
 * "status"}; 503 with Retry-After
 * when the server cannot now.
 */
#ifndef LUMA_NET_REST_REST_QUERY_H
#define LUMA_NET_REST_REST_QUERY_H

#include "net/http/http.h"
#include "net/rest/result_writer.h"
#include "query/query.h"

/* What the routes of the REST port work with. */
typedef struct RestApi {
    Engine *engine;
    QueryEngine *queries;
    Pool *pool; /* runs the statements; never a loop */
} RestApi;

typedef struct RestQuery {
    Str sql;           /* several statements run in one transaction; the answer is the last one's */
    const Str *params; /* $1, $2 ... as texts; ptr NULL = NULL */
    uint32_t param_count;
    ResultFormat format;
    const char *rows_key; /* JSON: {"<key>":[{row}, ...]} instead of columns and rows; or NULL */
    const char *none;     /* 404 with this sentence when there is no row; NULL = an empty answer */
} RestQuery;

/* Takes the request; `query` and what it points to live in the request's arena. */
void rest_query_run(RestApi *api, HttpRequest *req, const RestQuery *query);
/* ?format= or Accept; INVALID for an unknown word. */
Status rest_query_format(HttpRequest *req, ResultFormat *ret_format, Error *err);
/* Answers with the error; ends the request. */
void rest_respond_error(HttpRequest *req, const Error *err);
/* A session for whoever asks. */
Status rest_session_new(RestApi *api, const HttpRequest *req, Session **ret_session, Error *err);

#endif
