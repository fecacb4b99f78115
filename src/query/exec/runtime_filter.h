/* runtime_filter.h - a hash join tells the scans of its probe side which keys it has.
 *
 * A join that drops rows without a match (inner, semi, right) looks for the scans that its keys
 * come from, through filters, projections, groups and joins. Such a scan leaves out rows whose key
 * is not in the join's table; where nearly all pass it stops asking.
 *
 * Threads: adding and removing lock the Exec's list; a scan copies what concerns it when it opens.
 */
#ifndef LUMA_QUERY_EXEC_RUNTIME_FILTER_H
#define LUMA_QUERY_EXEC_RUNTIME_FILTER_H

#include "query/exec/join_table.h"

typedef struct RuntimeFilter RuntimeFilter;

/* What a scan applies; confined to it. */
typedef struct ScanFilter {
    struct ScanFilter *next;
    const JoinTable *table;
    uint32_t *columns; /* of the scan's output, per key */
    uint64_t tested;
    uint64_t passed;
} ScanFilter;

/* Registers the table of a PLAN_JOIN node; until join_table_free. */
void runtime_filter_add(Exec *exec, const PlanNode *join, JoinTable *table);
void runtime_filter_remove(Exec *exec, const JoinTable *table);
/* The filters on a scan now, in `arena`. */
ScanFilter *runtime_filter_find(Exec *exec, const PlanNode *scan, Arena *arena);
/* Cuts the batch to the rows that pass; what it allocates lies in `arena`. */
Status runtime_filter_apply(ScanFilter *filters, RecordBatch *batch, Arena *arena, Error *err);

#endif
