/* estimate.h - guesses about rows and values that choose between plans. Pure but for a look at the
 * snapshot's tables; never fails. */
#ifndef LUMA_QUERY_OPTIMIZER_ESTIMATE_H
#define LUMA_QUERY_OPTIMIZER_ESTIMATE_H

#include "query/plan/plan.h"
#include "storage/engine/engine.h"

typedef struct Estimator {
    Snapshot *snapshot; /* NULL = tables are of unknown size */
} Estimator;

typedef struct ColumnGuess {
    double distinct; /* values; 0 = not known */
    bool has_range;
    double min;
    double max;
} ColumnGuess;

double estimate_rows(const Estimator *e, const PlanNode *node);
/* Of an output column of the node. */
ColumnGuess estimate_column(const Estimator *e, const PlanNode *node, uint32_t column);
/* Share of the node's rows, in [0, 1], that a predicate over its output lets through. */
double estimate_share(const Estimator *e, const PlanNode *node, const Expr *predicate);

#endif
