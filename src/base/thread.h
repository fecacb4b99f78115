/* thread.h - threads, locks and the worker pool.
 *
 * Locks are plain pthread objects behind short names; a failure of one is a bug and asserts.
 * docs/locking.md has the lock order.
 */
#ifndef LUMA_BASE_THREAD_H
#define LUMA_BASE_THREAD_H

#include <pthread.h>

#include "base/status.h"

typedef pthread_mutex_t Mutex;
typedef pthread_cond_t Cond;
typedef pthread_rwlock_t RwLock;

void mutex_init(Mutex *mutex);
void mutex_done(Mutex *mutex);
void mutex_lock(Mutex *mutex);
void mutex_unlock(Mutex *mutex);
void cond_init(Cond *cond); /* waits on the monotonic clock */
void cond_done(Cond *cond);
void cond_wait(Cond *cond, Mutex *mutex);
/* False when clock_mono_ns() reached the deadline first. */
bool cond_wait_until(Cond *cond, Mutex *mutex, int64_t deadline_mono_ns);
void cond_signal(Cond *cond);
void cond_broadcast(Cond *cond);
void rwlock_init(RwLock *lock);
void rwlock_done(RwLock *lock);
void rwlock_read(RwLock *lock);
void rwlock_write(RwLock *lock);
void rwlock_unlock(RwLock *lock);

/* Unlocks when the guard leaves scope: MUTEX_GUARD(&thing->lock); */
static inline Mutex *mutex_guard_lock(Mutex *mutex)
{
    mutex_lock(mutex);
    return mutex;
}
static inline void mutex_guard_unlock(Mutex **guard)
{
    mutex_unlock(*guard);
}
#define MUTEX_GUARD_NAME_(line) mutex_guard_##line
#define MUTEX_GUARD_NAME(line) MUTEX_GUARD_NAME_(line)
#define MUTEX_GUARD(mutex)                                                                         \
    Mutex *MUTEX_GUARD_NAME(__LINE__) __attribute__((cleanup(mutex_guard_unlock), unused)) =       \
        mutex_guard_lock(mutex)

typedef struct Thread {
    pthread_t handle;
    bool running;
} Thread;

/* Starts fn(arg) with all signals blocked; `name` (at most 15 bytes) shows in ps -L. */
Status thread_start(Thread *thread, const char *name, void (*fn)(void *arg), void *arg, Error *err);
/* Waits for the end; no-op when it never ran. */
void thread_join(Thread *thread);
/* Usable cores (affinity mask and cgroup quota) as of the first call, at least 1. */
int thread_core_count(void);

/* A fixed set of worker threads over one FIFO queue. A task is embedded in the caller's struct. */
typedef struct PoolTask {
    struct PoolTask *next;
    void (*run)(struct PoolTask *task); /* may free the task */
} PoolTask;

typedef struct Pool Pool;

/* `worker_count` threads called name-0, name-1 ... */
Status pool_new(const char *name, int worker_count, Pool **ret_pool, Error *err);
/* Runs what is queued, then ends the workers. NULL is fine; returns NULL. */
Pool *pool_free(Pool *pool);
/* Any thread. Tasks may submit tasks. */
void pool_submit(Pool *pool, PoolTask *task);
int pool_worker_count(const Pool *pool);
/* Tasks waiting now. */
int64_t pool_queue_len(Pool *pool);

#endif
