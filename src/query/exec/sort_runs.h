/* sort_runs.h - sorted runs on disk and their merge: the external part of a sort.
 *
 * Rows are value columns, then key columns. At most SORT_RUNS_MAX runs are merged at once; when
 * more come, those there are become one. Equal rows keep the order of their runs, so the sort is
 * stable. Confined to one thread.
 */
#ifndef LUMA_QUERY_EXEC_SORT_RUNS_H
#define LUMA_QUERY_EXEC_SORT_RUNS_H

#include "query/exec/spill.h"

enum { SORT_RUNS_MAX = 24 };

typedef struct SortRuns SortRuns;

/* By the keys of `node`; `types` are those of value_count columns and of the keys, borrowed. */
SortRuns *sort_runs_new(Exec *exec, const PlanNode *node, const Type *types, uint32_t value_count);
SortRuns *sort_runs_free(SortRuns *runs); /* NULL is fine; returns NULL */
/* Writes all rows in the given order as one run. */
Status sort_runs_add(SortRuns *runs, const RowSet *rows, const uint32_t *order, Error *err);
/* No run will be added; sort_runs_next may be called. */
Status sort_runs_end(SortRuns *runs, Error *err);
/* The next rows in order, all columns; valid until the next call. row_count 0 = end. */
Status sort_runs_next(SortRuns *runs, RecordBatch *ret_batch, Error *err);

#endif
