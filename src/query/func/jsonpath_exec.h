/* jsonpath_exec.h - runs SQL/JSON paths over jsonb texts, as PostgreSQL's jsonpath_exec.c does.
 *
 * Items found are texts of jsonb values in the context's arena. In lax mode arrays are unwrapped
 * and what is not there is skipped; in strict mode it is an error. Depth is bounded by the path's
 * and the value's. Threads: pure.
 */
#ifndef LUMA_QUERY_FUNC_JSONPATH_EXEC_H
#define LUMA_QUERY_FUNC_JSONPATH_EXEC_H

#include "format/jsonpath/jsonpath.h"
#include "query/func/eval.h"

typedef struct JsonPathResult {
    Str *items;
    uint32_t count;
    uint32_t cap;
} JsonPathResult;

/* `vars` is the text of an object. With `silent` errors of the data end the search and *ret_failed
 * is set; otherwise 22033 and its kin, as PostgreSQL. */
Status jsonpath_query(const EvalContext *ctx, const JsonPath *path, Str json, Str vars, bool silent,
                      JsonPathResult *ret, bool *ret_failed, Error *err);

#endif
