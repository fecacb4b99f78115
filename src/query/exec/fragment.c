/* fragment.c - several instances of one chain of operators, run side by side.
 *
 * Only chains of scan, filter, project and the probe side of hash joins are repeated; their leaf,
 * the scan, hands out morsels, so that each instance sees other rows. The calling thread works too.
 * Pool workers may all be busy (with queries that wait for workers of their own): the caller
 * therefore never waits for a task that has not begun, it revokes it. */
#include "query/exec/exec_int.h"

#include "base/clock.h"

enum { PARALLEL_ROWS_MIN = 32 * 1024 };

Shared *shared_find(SharedList *list, const PlanNode *node)
{
    if (!list)
        return NULL;
    for (Shared *s = list->first; s; s = s->next)
        if (s->node == node)
            return s;
    Shared *s = MEM_NEW(Shared);
    s->node = node;
    s->next = list->first;
    list->first = s;
    return s;
}

static bool expr_parallel(const Expr *expr)
{
    return !expr || !expr_is_local(expr);
}

static bool exprs_parallel(Expr *const *exprs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!expr_parallel(exprs[i]))
            return false;
    return true;
}

/* May instances of this chain run side by side? */
static bool chain_parallel(const PlanNode *node)
{
    switch (node->kind) {
    case PLAN_SCAN:
        return node->row_limit == INT64_MAX;
    case PLAN_FILTER:
        return expr_parallel(node->predicate) && chain_parallel(node->children[0]);
    case PLAN_PROJECT:
        return exprs_parallel(node->exprs, node->expr_count) && chain_parallel(node->children[0]);
    case PLAN_JOIN:
        return node->join_key_count && node->join_kind != JOIN_RIGHT &&
               node->join_kind != JOIN_FULL && expr_parallel(node->predicate) &&
               exprs_parallel(node->left_keys, node->join_key_count) &&
               chain_parallel(node->children[0]);
    default:
        return false;
    }
}

static uint64_t scanned_rows(SharedList *list)
{
    uint64_t rows = 0;
    for (Shared *s = list->first; s; s = s->next)
        if (s->scan)
            rows = LUMA_MAX(rows, scan_row_estimate(s->scan));
    return rows;
}

Status fragment_open(Fragment *fragment, Exec *exec, const PlanNode *node, const OuterFrame *outer,
                     bool allow_parallel, Error *err)
{
    *fragment = (Fragment){.exec = exec};
    bool parallel = allow_parallel && exec->options.pool && chain_parallel(node);
    if (!parallel) {
        TRY(operator_open(exec, node, outer, NULL, &fragment->instances[0], err));
        fragment->count = 1;
        return STATUS_OK;
    }
    uint32_t want = (uint32_t)pool_worker_count(exec->options.pool) + 1;
    if (exec->options.workers_max)
        want = LUMA_MIN(want, exec->options.workers_max);
    want = LUMA_MIN(want, (uint32_t)LUMA_MIN(thread_core_count(), (int)FRAGMENT_WORKERS_MAX));
    do {
        Operator **slot = &fragment->instances[fragment->count];
        Status status = operator_open(exec, node, outer, &fragment->shared, slot, err);
        if (status != STATUS_OK) {
            fragment_close(fragment);
            return status;
        }
        fragment->count++;
        fragment->shared.is_opened = true;
        if (fragment->count == 1 && scanned_rows(&fragment->shared) < PARALLEL_ROWS_MIN)
            want = 1;
    } while (fragment->count < want);
    exec__note_workers(exec, node, fragment->count);
    return STATUS_OK;
}

/* One run: shared by the caller and the tasks in the pool's queue; the last one frees it. */
typedef struct Run {
    Mutex lock;
    Cond done;
    Exec *exec;
    Status (*fn)(void *ctx, uint32_t worker, Error *err);
    void *ctx;
    uint32_t running; /* guarded by lock: tasks that have begun and not ended */
    bool revoked;     /* guarded by lock: no further task may begin */
    Status status;    /* guarded by lock: the first failure */
    Error err;
    uint32_t refs; /* guarded by lock */
} Run;

typedef struct RunTask {
    PoolTask task;
    Run *run;
    uint32_t worker;
} RunTask;

static void run_unref(Run *run)
{
    mutex_lock(&run->lock);
    bool last = --run->refs == 0;
    mutex_unlock(&run->lock);
    if (!last)
        return;
    cond_done(&run->done);
    mutex_done(&run->lock);
    mem_free(run);
}

static void run_worker(Run *run, uint32_t worker)
{
    Error err = {0};
    Status status = run->fn(run->ctx, worker, &err);
    if (status == STATUS_OK)
        return;
    mutex_lock(&run->lock);
    if (run->status == STATUS_OK) {
        run->status = status;
        run->err = err;
    }
    mutex_unlock(&run->lock);
    __atomic_store_n(&run->exec->failed, 1, __ATOMIC_RELAXED);
}

static void run_task(PoolTask *task)
{
    RunTask *t = LUMA_CONTAINER_OF(task, RunTask, task);
    Run *run = t->run;
    mutex_lock(&run->lock);
    bool begin = !run->revoked;
    if (begin)
        run->running++;
    mutex_unlock(&run->lock);
    if (begin) {
        run_worker(run, t->worker);
        mutex_lock(&run->lock);
        run->running--;
        cond_signal(&run->done);
        mutex_unlock(&run->lock);
    }
    mem_free(t);
    run_unref(run);
}

Status fragment_run(Fragment *fragment, Status (*fn)(void *ctx, uint32_t worker, Error *err),
                    void *ctx, Error *err)
{
    if (fragment->count == 1)
        return fn(ctx, 0, err);
    Run *run = MEM_NEW(Run);
    mutex_init(&run->lock);
    cond_init(&run->done);
    run->exec = fragment->exec;
    run->fn = fn;
    run->ctx = ctx;
    run->refs = fragment->count;
    for (uint32_t i = 1; i < fragment->count; i++) {
        RunTask *t = MEM_NEW(RunTask);
        t->task.run = run_task;
        t->run = run;
        t->worker = i;
        pool_submit(fragment->exec->options.pool, &t->task);
    }
    run_worker(run, 0);
    mutex_lock(&run->lock);
    run->revoked = true;
    while (run->running)
        cond_wait(&run->done, &run->lock);
    Status status = run->status;
    if (status != STATUS_OK && err)
        *err = run->err;
    mutex_unlock(&run->lock);
    run_unref(run);
    return status;
}

void fragment_close(Fragment *fragment)
{
    for (uint32_t i = 0; i < fragment->count; i++)
        fragment->instances[i] = operator_close(fragment->instances[i]);
    fragment->count = 0;
    while (fragment->shared.first) {
        Shared *s = fragment->shared.first;
        fragment->shared.first = s->next;
        if (s->scan)
            s->scan = exec__end_scan(fragment->exec, s->node, s->scan);
        join_table_free(s->join);
        arena_done(&s->arena);
        mem_free(s);
    }
}
