/* parallel.h - a loop shared between the caller and idle workers of the pool.
 *
 * The caller takes part and never waits for a task that has not begun, so it may itself run on the
 * pool without any risk of deadlock.
 */
#ifndef LUMA_QUERY_EXEC_PARALLEL_H
#define LUMA_QUERY_EXEC_PARALLEL_H

#include "base/thread.h"

enum { PARALLEL_WORKERS_MAX = 64 };

/* Handles [from, to); `worker` (0 .. parallel_worker_count - 1) is not used by two threads at once.
 */
typedef Status (*ParallelFn)(void *ctx, uint32_t worker, uint32_t from, uint32_t to, Error *err);

/* Runs fn over [0, count) in pieces of `grain`. The first failure stops the rest and is returned.
 * `pool` NULL = the caller alone. */
Status parallel_for(Pool *pool, uint32_t count, uint32_t grain, ParallelFn fn, void *ctx,
                    Error *err);
uint32_t parallel_worker_count(Pool *pool);

#endif
