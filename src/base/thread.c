#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/clock.h"
#include "base/mem.h"

void mutex_init(Mutex *mutex)
{
    ASSERT(pthread_mutex_init(mutex, NULL) == 0);
}
void mutex_done(Mutex *mutex)
{
    ASSERT(pthread_mutex_destroy(mutex) == 0);
}
void mutex_lock(Mutex *mutex)
{
    ASSERT(pthread_mutex_lock(mutex) == 0);
}
void mutex_unlock(Mutex *mutex)
{
    ASSERT(pthread_mutex_unlock(mutex) == 0);
}

void cond_init(Cond *cond)
{
    pthread_condattr_t attr;
    ASSERT(pthread_condattr_init(&attr) == 0);
    ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_cond_init(cond, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
}
void cond_done(Cond *cond)
{
    ASSERT(pthread_cond_destroy(cond) == 0);
}
void cond_wait(Cond *cond, Mutex *mutex)
{
    ASSERT(pthread_cond_wait(cond, mutex) == 0);
}
bool cond_wait_until(Cond *cond, Mutex *mutex, int64_t deadline_mono_ns)
{
    struct timespec ts = {deadline_mono_ns / NS_PER_SEC, deadline_mono_ns % NS_PER_SEC};
    int rc = pthread_cond_timedwait(cond, mutex, &ts);
    ASSERT(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}
void cond_signal(Cond *cond)
{
    ASSERT(pthread_cond_signal(cond) == 0);
}
void cond_broadcast(Cond *cond)
{
    ASSERT(pthread_cond_broadcast(cond) == 0);
}

void rwlock_init(RwLock *lock)
{
    ASSERT(pthread_rwlock_init(lock, NULL) == 0);
}
void rwlock_done(RwLock *lock)
{
    ASSERT(pthread_rwlock_destroy(lock) == 0);
}
void rwlock_read(RwLock *lock)
{
    ASSERT(pthread_rwlock_rdlock(lock) == 0);
}
void rwlock_write(RwLock *lock)
{
    ASSERT(pthread_rwlock_wrlock(lock) == 0);
}
void rwlock_unlock(RwLock *lock)
{
    ASSERT(pthread_rwlock_unlock(lock) == 0);
}

typedef struct ThreadStart {
    void (*fn)(void *arg);
    void *arg;
    char name[16];
} ThreadStart;

static void *thread_main(void *raw)
{
    ThreadStart start = *(ThreadStart *)raw;
    mem_free(raw);
    allocator_thread_begin();
    (void)pthread_setname_np(pthread_self(), start.name);
    start.fn(start.arg);
    return NULL;
}

Status thread_start(Thread *thread, const char *name, void (*fn)(void *arg), void *arg, Error *err)
{
    ThreadStart *start = MEM_NEW(ThreadStart);
    sigset_t all;
    sigset_t old;

    start->fn = fn;
    start->arg = arg;
    (void)snprintf(start->name, sizeof start->name, "%s", name);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&thread->handle, NULL, thread_main, start);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        mem_free(start);
        return error_set_errno(err, rc, "cannot start thread %s", name);
    }
    thread->running = true;
    return STATUS_OK;
}

void thread_join(Thread *thread)
{
    if (!thread->running)
        return;
    ASSERT(pthread_join(thread->handle, NULL) == 0);
    thread->running = false;
}

static int count_cores(void)
{
    cpu_set_t set;
    int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    long long quota;
    long long period;

    if (file) {
        if (fscanf(file, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0) {
            long long limit = (quota + period - 1) / period;
            if (limit < cores)
                cores = (int)limit;
        }
        (void)fclose(file);
    }
    return cores > 0 ? cores : 1;
}

int thread_core_count(void)
{
    static int counted; /* atomic: every thread would count the same */
    int cores = __atomic_load_n(&counted, __ATOMIC_RELAXED);

    if (!cores) {
        cores = count_cores();
        __atomic_store_n(&counted, cores, __ATOMIC_RELAXED);
    }
    return cores;
}

struct Pool {
    Mutex lock;
    Cond work;
    PoolTask *head;  /* guarded by lock */
    PoolTask **tail; /* guarded by lock */
    int64_t len;     /* guarded by lock */
    bool stopping;   /* guarded by lock */
    int worker_count;
    Thread workers[];
};

static void worker_main(void *raw)
{
    Pool *pool = raw;

    mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->head && !pool->stopping)
            cond_wait(&pool->work, &pool->lock);
        PoolTask *task = pool->head;
        if (!task)
            break;
        pool->head = task->next;
        if (!pool->head)
            pool->tail = &pool->head;
        pool->len--;
        mutex_unlock(&pool->lock);
        task->run(task);
        mutex_lock(&pool->lock);
    }
    mutex_unlock(&pool->lock);
}

Status pool_new(const char *name, int worker_count, Pool **ret_pool, Error *err)
{
    ASSERT(worker_count > 0);
    Pool *pool = mem_zalloc(sizeof *pool + (size_t)worker_count * sizeof pool->workers[0]);

    mutex_init(&pool->lock);
    cond_init(&pool->work);
    pool->tail = &pool->head;
    pool->worker_count = worker_count;
    for (int i = 0; i < worker_count; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%s-%d", name, i);
        Status status = thread_start(&pool->workers[i], text, worker_main, pool, err);
        if (status != STATUS_OK) {
            pool_free(pool);
            return status;
        }
    }
    *ret_pool = pool;
    return STATUS_OK;
}

Pool *pool_free(Pool *pool)
{
    if (!pool)
        return NULL;
    mutex_lock(&pool->lock);
    pool->stopping = true;
    cond_broadcast(&pool->work);
    mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->worker_count; i++)
        thread_join(&pool->workers[i]);
    cond_done(&pool->work);
    mutex_done(&pool->lock);
    mem_free(pool);
    return NULL;
}

void pool_submit(Pool *pool, PoolTask *task)
{
    task->next = NULL;
    mutex_lock(&pool->lock);
    *pool->tail = task;
    pool->tail = &task->next;
    pool->len++;
    cond_signal(&pool->work);
    mutex_unlock(&pool->lock);
}

int pool_worker_count(const Pool *pool)
{
    return pool->worker_count;
}

int64_t pool_queue_len(Pool *pool)
{
    MUTEX_GUARD(&pool->lock);
    return pool->len;
}
