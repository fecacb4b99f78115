/* exec.h - runs a plan: pull batches until one has no rows.
 *
 * The plan is read only and must outlive the Exec. Operators form a tree of open/next/close; scans,
 * aggregation, sorts and join builds run on the worker pool, the calling thread takes part. All
 * memory is charged to the given budget (53200 when it is used up); cancellation and the deadline
 * are looked at once per batch.
 *
 *   exec_open(plan, &options, &exec, err)
 *   while (exec_next(exec, &batch, err) == STATUS_OK && batch.row_count) ...
 *   exec_close(exec)
 *
 * Threads: one thread at a time. Writes (PLAN_INSERT) are gathered into options->write_batch; the
 * caller sends it after the last batch.
 */
#ifndef LUMA_QUERY_EXEC_EXEC_H
#define LUMA_QUERY_EXEC_EXEC_H

#include "query/plan/plan.h"
#include "query/plan/plan_explain.h"
#include "storage/engine/engine.h"

typedef struct Exec Exec;

/* Rows of a PLAN_SERIES_ROWS node: the PromQL executor's entry. `next` yields batches of the node's
 * schema, row_count 0 = end; valid until the next call. */
typedef struct ExecSeriesRows {
    Status (*open)(void *ctx, const PlanNode *node, const Column *params, uint32_t param_count,
                   void **ret_rows, Error *err);
    Status (*next)(void *rows, RecordBatch *ret_batch, Error *err);
    void (*close)(void *rows);
    void *ctx;
} ExecSeriesRows;

typedef struct ExecOptions {
    Snapshot *snapshot;            /* may be NULL when the plan scans no table */
    Pool *pool;                    /* NULL = everything on the calling thread */
    MemBudget *budget;             /* NULL = not limited */
    const EvalSettings *settings;  /* NULL = defaults */
    const volatile int *cancelled; /* nonzero = stop; may be NULL */
    int64_t deadline_mono_ns;      /* 0 = none */
    const Column *params;          /* one-row columns */
    uint32_t param_count;
    const ExecSeriesRows *series; /* NULL = plans with PromQL are refused */
    WriteBatch *write_batch;      /* where PLAN_INSERT puts rows; NULL = plan must not write */
    uint32_t workers_max;         /* 0 = pool workers + 1 */
    const char *spill_dir;        /* folder for rows that do not fit; NULL = they must fit */
    MemBudget *spill_budget;      /* bytes on disk of all queries; NULL = no bound */
} ExecOptions;

Status exec_open(const Plan *plan, const ExecOptions *options, Exec **ret_exec, Error *err);
/* The next batch of the root, valid until the next call; row_count 0 = end. */
Status exec_next(Exec *exec, RecordBatch *ret_batch, Error *err);
/* Rows inserted, updated or deleted. */
uint64_t exec_rows_written(const Exec *exec);
Exec *exec_close(Exec *exec); /* NULL is fine; returns NULL */

/* Evaluates an expression without columns, outer references or subqueries. *ret (is_const, one row)
 * lives in `arena`. For constant folding, LIMIT, DEFAULT values, SET. */
Status exec_eval_const(const Expr *expr, const EvalSettings *settings, const Column *params,
                       uint32_t param_count, Arena *arena, Column *ret, Error *err);

/* Bytes written to temporary files so far. */
uint64_t exec_spilled_bytes(const Exec *exec);

/* Closes the operators, so that their figures are whole; nothing more can be read. */
void exec_end(Exec *exec);
/* What the operators of a node did, after exec_end; false = none ran. */
bool exec_node_stats(const Exec *exec, const PlanNode *node, PlanActual *ret);
/* The plan with these figures, a line per node. Ends the execution. */
void exec_append_stats(Exec *exec, Buf *out);

#endif
