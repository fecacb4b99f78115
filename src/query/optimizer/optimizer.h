/* optimizer.h - rewrites a bound plan into a faster one with the same rows.
 *
 * Rules run in this order, one per file:
 *   fold_constants      immutable expressions of constants become constants
 *   inline_ctes         WITH queries read once become part of their reader
 *   decorrelate         EXISTS, IN and correlated scalar subqueries become joins
 *   distinct_groups     DISTINCT and UNION become groups
 *   factor_ors          what all branches of an OR demand stands beside it
 *   join_order          inner joins in the cheapest order, the smaller side built
 *   predicate_pushdown  conjuncts move to the scans, equalities become join keys, label equalities
 *                       become matchers
 *   limit_pushdown      LIMIT over ORDER BY becomes top-N, LIMIT reaches scans
 *   projection_pushdown scans read only the columns that are used
 *   mark_once           subqueries that need to run once only
 *
 * The tree is rewritten in place; nodes live in the plan's arena. Threads: none of its own.
 */
#ifndef LUMA_QUERY_OPTIMIZER_OPTIMIZER_H
#define LUMA_QUERY_OPTIMIZER_OPTIMIZER_H

#include "query/plan/plan.h"
#include "storage/engine/engine.h"

typedef struct OptimizerOptions {
    /* Evaluates an expression without columns into `arena` (exec_eval_const); a failure leaves the
     * expression as it is. NULL = no folding. */
    Status (*eval_const)(void *ctx, const Expr *expr, Arena *arena, Column *ret, Error *err);
    void *ctx;
    Snapshot *snapshot; /* sizes of tables; NULL = unknown */
} OptimizerOptions;

Status optimize(Plan *plan, const OptimizerOptions *options, Error *err);
/* Sets row_estimate of all nodes that EXPLAIN shows but those of PromQL. */
void optimizer_estimate(const Plan *plan, Snapshot *snapshot);

#endif
