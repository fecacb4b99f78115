/* correlation.h - results of a correlated subplan, kept by the values of the outer columns it
 * reads.
 */
#ifndef LUMA_QUERY_EXEC_CORRELATION_H
#define LUMA_QUERY_EXEC_CORRELATION_H

#include "query/exec/exec_int.h"
#include "query/exec/group_table.h"

typedef struct Correlation {
    uint32_t *columns; /* of the enclosing row (input 0, then 1) that the subplan reads */
    uint32_t column_count;
    GroupTable params; /* distinct values of those columns, and of `extra` ones */
} Correlation;

/* Which columns of the row one level up does `subplan` read? `types` are the enclosing row's. */
Status correlation_init(Correlation *c, Exec *exec, PlanNode *subplan, const Schema *left,
                        const Schema *right, const Type *extra, uint32_t extra_count, Arena *arena,
                        Error *err);
void correlation_done(Correlation *c);
/* Numbers the parameter values of each row; new numbers follow group_table_count. */
Status correlation_find(Correlation *c, const RecordBatch *left, const RecordBatch *right,
                        const Column *extra, uint32_t extra_count, uint32_t rows, Arena *scratch,
                        uint32_t **ret_groups, Error *err);

#endif
