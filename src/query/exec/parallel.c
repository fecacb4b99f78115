/* parallel.c - the job is shared and counted: the caller and each submitted task hold a reference,
 * so a task that comes too late finds no piece left and only drops its reference.
 *
 * next, failed: relaxed atomics; what a piece wrote is published by `lock`, which every worker
 * takes after its last piece and the caller before it returns.
 */
#include "query/exec/parallel.h"

#include "base/mem.h"

typedef struct Job Job;

typedef struct Helper {
    PoolTask task;
    Job *job;
    uint32_t worker;
} Helper;

struct Job {
    ParallelFn fn;
    void *ctx;
    uint32_t count;
    uint32_t grain;
    uint32_t next;  /* atomic: first index nobody has taken */
    int32_t failed; /* atomic: a piece failed, take no more */
    Mutex lock;
    Cond done;
    uint32_t active;     /* guarded by lock: helpers at work */
    uint32_t references; /* guarded by lock */
    Status status;       /* guarded by lock: the first failure */
    Error error;         /* guarded by lock */
    Helper helpers[PARALLEL_WORKERS_MAX];
};

static void run_pieces(Job *job, uint32_t worker)
{
    while (!__atomic_load_n(&job->failed, __ATOMIC_RELAXED)) {
        Error err = {0};
        Status status;
        uint32_t from = __atomic_fetch_add(&job->next, job->grain, __ATOMIC_RELAXED);
        if (from >= job->count)
            return;
        status = job->fn(job->ctx, worker, from, LUMA_MIN(from + job->grain, job->count), &err);
        if (status == STATUS_OK)
            continue;
        MUTEX_GUARD(&job->lock);
        if (job->status == STATUS_OK) {
            job->status = status;
            job->error = err;
        }
        __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
    }
}

static void drop(Job *job)
{
    bool last;
    mutex_lock(&job->lock);
    last = --job->references == 0;
    mutex_unlock(&job->lock);
    if (!last)
        return;
    cond_done(&job->done);
    mutex_done(&job->lock);
    mem_free(job);
}

static void run_helper(PoolTask *task)
{
    Helper *helper = LUMA_CONTAINER_OF(task, Helper, task);
    Job *job = helper->job;
    bool late;

    mutex_lock(&job->lock);
    late = __atomic_load_n(&job->next, __ATOMIC_RELAXED) >= job->count || job->status != STATUS_OK;
    if (!late)
        job->active++;
    mutex_unlock(&job->lock);
    if (!late) {
        run_pieces(job, helper->worker);
        mutex_lock(&job->lock);
        job->active--;
        cond_signal(&job->done);
        mutex_unlock(&job->lock);
    }
    drop(job);
}

uint32_t parallel_worker_count(Pool *pool)
{
    /* More workers than cores are there for tasks that wait, not for tasks that compute. */
    uint32_t n = pool ? (uint32_t)LUMA_MIN(pool_worker_count(pool), thread_core_count()) : 1;
    return LUMA_MIN(LUMA_MAX(n, 1u), (uint32_t)PARALLEL_WORKERS_MAX);
}

Status parallel_for(Pool *pool, uint32_t count, uint32_t grain, ParallelFn fn, void *ctx,
                    Error *err)
{
    uint32_t workers = parallel_worker_count(pool);
    uint32_t pieces = (count + grain - 1) / grain;
    Status status;
    Job *job;

    if (workers > pieces)
        workers = pieces;
    if (workers <= 1)
        return count ? fn(ctx, 0, 0, count, err) : STATUS_OK;
    job = MEM_NEW(Job);
    job->fn = fn;
    job->ctx = ctx;
    job->count = count;
    job->grain = grain;
    mutex_init(&job->lock);
    cond_init(&job->done);
    job->references = workers;
    for (uint32_t i = 1; i < workers; i++) {
        job->helpers[i] = (Helper){.task.run = run_helper, .job = job, .worker = i};
        pool_submit(pool, &job->helpers[i].task);
    }
    run_pieces(job, 0);
    mutex_lock(&job->lock);
    /* A helper that begins from now on sees that nothing is left. */
    __atomic_store_n(&job->next, job->count, __ATOMIC_RELAXED);
    while (job->active)
        cond_wait(&job->done, &job->lock);
    status = job->status;
    if (status != STATUS_OK && err)
        *err = job->error;
    mutex_unlock(&job->lock);
    drop(job);
    return status;
}
