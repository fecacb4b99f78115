/* promql_lower.h - checked trees to series plans. */
#ifndef LUMA_QUERY_PROMQL_PROMQL_LOWER_H
#define LUMA_QUERY_PROMQL_PROMQL_LOWER_H

#include "query/plan/plan_series.h"
#include "query/promql/promql.h"

/* The times of the query, in milliseconds. */
typedef struct PromqlTimes {
    int64_t start_ms;
    int64_t end_ms;
    int64_t step_ms;          /* 0 = instant */
    int64_t subquery_step_ms; /* of [range:], > 0 */
} PromqlTimes;

/* Lowers an expression of type scalar, vector or matrix whose durations are resolved. Everything
 * lives in the arena; the tree's matchers and texts are borrowed. INVALID for what the types allow
 * but evaluation does not (anchored with a function that cannot have it, bad label names). */
Status promql_lower(const PromExpr *expr, const PromqlTimes *times, Arena *arena,
                    PlanNode **ret_node, Error *err);

#endif
