/* aggregation.h - groups and their aggregate states, for one worker and one grouping set.
 *
 * Rows go in by batches; partial aggregations of several workers are merged; results come out by
 * ranges of groups. DISTINCT keeps a table of (group, arguments) per call; ORDER BY and ordered
 * sets collect their rows and replay them sorted at the end.
 */
#ifndef LUMA_QUERY_EXEC_AGGREGATION_H
#define LUMA_QUERY_EXEC_AGGREGATION_H

#include "query/exec/exec_int.h"
#include "query/exec/group_table.h"

typedef struct AggregateCall {
    const Expr *expr;
    void *states;         /* group_cap * state_bytes */
    GroupTable *distinct; /* of (group, args), or NULL */
    RowSet *ordered;      /* (group, args..., keys...), or NULL */
} AggregateCall;

typedef struct Aggregation {
    Exec *exec;
    const PlanNode *node;
    uint64_t set_mask; /* which groups[] take part */
    GroupTable groups;
    AggregateCall *calls;
    uint32_t group_cap; /* of the states */
    int64_t charged_bytes;
    Arena arena; /* what states point to */
} Aggregation;

Status aggregation_init(Aggregation *agg, Exec *exec, const PlanNode *node, uint64_t set_mask,
                        Error *err);
void aggregation_done(Aggregation *agg); /* safe on a zeroed one */
/* `keys` are all of node->groups evaluated over the batch; those outside the set count as NULL. */
Status aggregation_add(Aggregation *agg, ExprEval *ev, const RecordBatch *in, const Column *keys,
                       Error *err);
/* Adds `from`'s groups; both of the same node and set. */
Status aggregation_merge(Aggregation *agg, Aggregation *from, ExprEval *ev, Error *err);
/* Adds some groups of `from`. */
Status aggregation_merge_rows(Aggregation *agg, Aggregation *from, const uint32_t *rows,
                              uint32_t count, ExprEval *ev, Error *err);
/* The set's key columns of a batch (NULLs outside the set), and a hash per row. */
Status aggregation_keys(const Aggregation *agg, ExprEval *ev, const Column *keys, uint32_t rows,
                        Column **ret_used, uint64_t **ret_hashes, Error *err);
/* Hashes of groups [from, from + count), as aggregation_keys makes them. */
void aggregation_hashes(const Aggregation *agg, uint32_t from, uint32_t count, uint64_t *hashes);
/* What it holds. */
int64_t aggregation_bytes(const Aggregation *agg);
/* Replays ordered calls; no rows may follow. An ungrouped one gets its only group. */
Status aggregation_end(Aggregation *agg, ExprEval *ev, Error *err);
/* Output columns of groups [from, from + count) in the evaluator's arena. */
Status aggregation_output(Aggregation *agg, ExprEval *ev, uint32_t from, uint32_t count,
                          RecordBatch *ret, Error *err);
/* Can partial results of this node be merged? */
bool aggregation_parallel(const PlanNode *node);

#endif
