/* plan_explain.h - a plan in one of EXPLAIN's formats, with what its execution did. */
#ifndef LUMA_QUERY_PLAN_PLAN_EXPLAIN_H
#define LUMA_QUERY_PLAN_PLAN_EXPLAIN_H

#include "query/plan/explain_writer.h"
#include "query/plan/plan.h"

/* What one node did, over all its executions. */
typedef struct PlanActual {
    uint64_t rows;
    uint64_t loops;     /* executions; 0 = never */
    uint32_t workers;   /* threads that shared an execution, at most */
    int64_t startup_ns; /* until its first rows, children included */
    int64_t total_ns;
    int64_t spilled_bytes;
    /* scans of tables */
    uint64_t segments;
    uint64_t segments_skipped;
    uint64_t rows_looked_at;
    bool index_used;
} PlanActual;

typedef struct PlanExplainOptions {
    bool costs;
    bool timing;
    const char *operation; /* "Insert" ...: the plan gives the rows of it; NULL = none */
    const Table *table;    /* of the operation */
    /* Figures of ANALYZE, NULL = none; false = the node never ran. */
    bool (*actual)(void *ctx, const PlanNode *node, PlanActual *ret);
    void *ctx;
} PlanExplainOptions;

/* Adds the group "Plan", as text the lines of the tree. */
void plan_explain_with(const Plan *plan, const PlanExplainOptions *options, ExplainWriter *w);

#endif
