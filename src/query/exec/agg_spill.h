/* agg_spill.h - aggregation beyond memory.
 *
 *   agg_spill_add     rows of known groups are aggregated; once frozen, the others go to one of
 *                     AGG_PARTITIONS files by the hash of their keys
 *   agg_tasks_begin   a task per partition of a grouping set, over all workers
 *   agg_task_run      takes the first task: merges the workers' groups of the partition, adds the
 *                     files' rows; what does not fit becomes new tasks with other bits of the hash
 *
 * Spilled are rows of the aggregate's input, so any kind of aggregate can be.
 */
#ifndef LUMA_QUERY_EXEC_AGG_SPILL_H
#define LUMA_QUERY_EXEC_AGG_SPILL_H

#include "query/exec/aggregation.h"
#include "query/exec/spill.h"

enum { AGG_PARTITIONS = 16, AGG_LEVELS_MAX = 6 };

/* Beside an Aggregation; zeroed = nothing spilled. */
typedef struct AggSpill {
    bool frozen;
    uint32_t level; /* which bits of the hash divide */
    SpillFile *files[AGG_PARTITIONS];
} AggSpill;

typedef struct AggTask AggTask;

Status agg_spill_add(AggSpill *spill, Aggregation *agg, ExprEval *ev, const RecordBatch *in,
                     const Column *keys, Error *err);
void agg_spill_done(AggSpill *spill);

/* Takes the files of the set's spills. `partials` and `spills` are worker-major; with one worker
 * its groups are complete and stay out of the partitions. */
Status agg_tasks_begin(AggSpill *spills, Aggregation *partials, uint32_t workers,
                       uint32_t set_count, uint32_t set, AggTask **ret_tasks, Error *err);
/* `part` is fresh. */
Status agg_task_run(AggTask **tasks, Aggregation *part, ExprEval *ev, Error *err);
void agg_tasks_free(AggTask *tasks);

#endif
