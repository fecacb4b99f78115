/* loop.c - loops, their inbox and timers.
 *
 * One turn of a loop: sockets and timers, then tasks from the inbox, then (prepare) input of
 * resumed connections and, last before the wait, all output of the turn. So the answers to many
 * pipelined requests leave in one write.
 *
 * The inbox is a stack that senders push to and the loop takes whole and turns round:
 *   push: release, so that the loop sees the task's fields; only the sender that finds it empty
 * rings the bell (uv_async_send is a system call). take: acquire.
 */
#include "net/loop/loop_int.h"

#include <stdio.h>

#include "base/clock.h"

enum {
    OUTPUT_BYTES_TIGHT = 64 << 10, /* a connection's mark when all together hold too much */
};

static _Thread_local Loop *current_loop;

struct LoopTimer {
    uv_timer_t uv;
    ListNode node; /* in loop->timers */
    void (*on_fire)(void *ctx);
    void *ctx;
};

/* ---- inbox ---- */

void loop_post(Loop *loop, LoopTask *task)
{
    LoopTask *head = __atomic_load_n(&loop->inbox, __ATOMIC_RELAXED);

    do
        task->next = head;
    while (!__atomic_compare_exchange_n(&loop->inbox, &head, task, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED));
    if (!head)
        (void)uv_async_send(&loop->wake);
}

static void run_inbox(Loop *loop)
{
    LoopTask *stack = __atomic_exchange_n(&loop->inbox, NULL, __ATOMIC_ACQUIRE);
    LoopTask *queue = NULL;

    while (stack) {
        LoopTask *next = stack->next;
        stack->next = queue;
        queue = stack;
        stack = next;
    }
    while (queue) {
        LoopTask *next = queue->next;
        queue->run(queue);
        queue = next;
    }
}

static void on_wake(uv_async_t *wake)
{
    run_inbox(LUMA_CONTAINER_OF(wake, Loop, wake));
}

typedef struct Call {
    LoopTask task;
    void (*fn)(void *arg);
    void *arg;
    Mutex lock;
    Cond done;
    bool is_done; /* guarded by lock */
} Call;

static void run_call(LoopTask *task)
{
    Call *call = LUMA_CONTAINER_OF(task, Call, task);

    call->fn(call->arg);
    MUTEX_GUARD(&call->lock);
    call->is_done = true;
    cond_signal(&call->done);
}

void loop__call(Loop *loop, void (*fn)(void *arg), void *arg)
{
    Call call = {.task.run = run_call, .fn = fn, .arg = arg};

    ASSERT(!current_loop);
    mutex_init(&call.lock);
    cond_init(&call.done);
    loop_post(loop, &call.task);
    mutex_lock(&call.lock);
    while (!call.is_done)
        cond_wait(&call.done, &call.lock);
    mutex_unlock(&call.lock);
    cond_done(&call.done);
    mutex_done(&call.lock);
}

/* ---- turns ---- */

static void on_prepare(uv_prepare_t *prepare)
{
    Loop *loop = LUMA_CONTAINER_OF(prepare, Loop, prepare);
    ListNode now;
    ListNode *node;

    /* Only those that were ready when we began: one that resumes itself waits for the next turn. */
    list_init(&now);
    while ((node = list_pop_front(&loop->ready)))
        list_push_back(&now, node);
    while ((node = list_pop_front(&now)))
        loop__conn_ready(LUMA_CONTAINER_OF(node, Connection, ready_node));
    while ((node = list_pop_front(&loop->dirty)))
        loop__conn_flush(LUMA_CONTAINER_OF(node, Connection, dirty_node));
    if (!list_empty(&loop->ready))
        (void)uv_async_send(&loop->wake);
}

static void loop_main(void *arg)
{
    Loop *loop = arg;

    current_loop = loop;
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    /* Answers that came too late still free what they hold. */
    run_inbox(loop);
    current_loop = NULL;
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void abort_connections(Loop *loop)
{
    LIST_FOREACH (node, &loop->connections)
        conn_abort(LUMA_CONTAINER_OF(node, Connection, node));
}

static void stop_loop(void *arg)
{
    Loop *loop = arg;
    ListNode *node;

    loop->stopping = true;
    abort_connections(loop);
    while ((node = list_pop_front(&loop->timers)))
        (void)loop_timer_free(LUMA_CONTAINER_OF(node, LoopTimer, node));
    uv_walk(&loop->uv, close_handle, NULL);
}

/* ---- loops ---- */

static Status init_loop(Loops *loops, int idx, Error *err)
{
    Loop *loop = &loops->loops[idx];
    char name[16];

    loop->loops = loops;
    loop->idx = idx;
    list_init(&loop->connections);
    list_init(&loop->dirty);
    list_init(&loop->ready);
    list_init(&loop->timers);
    loop->read_bytes = mem_alloc(LOOP_READ_BYTES);
    int rc = uv_loop_init(&loop->uv);
    if (rc != 0)
        return error_set(err, STATUS_IO, "cannot start an event loop: %s", uv_strerror(rc));
    rc = uv_async_init(&loop->uv, &loop->wake, on_wake);
    ASSERT(rc == 0);
    ASSERT(uv_prepare_init(&loop->uv, &loop->prepare) == 0);
    ASSERT(uv_prepare_start(&loop->prepare, on_prepare) == 0);
    (void)snprintf(name, sizeof name, "loop-%d", idx);
    return thread_start(&loop->thread, name, loop_main, loop, err);
}

Status loops_new(int count, Loops **ret_loops, Error *err)
{
    Loops *loops = MEM_NEW(Loops);

    if (count <= 0)
        count = LUMA_MIN(2, thread_core_count());
    loops->loops = MEM_NEW_ARRAY(Loop, count);
    list_init(&loops->listeners);
    mutex_init(&loops->lock);
    cond_init(&loops->changed);
    for (int i = 0; i < count; i++) {
        Status status = init_loop(loops, i, err);
        if (status != STATUS_OK) {
            loops->count = i;
            mem_free(loops->loops[i].read_bytes);
            (void)loops_free(loops);
            return status;
        }
    }
    loops->count = count;
    *ret_loops = loops;
    return STATUS_OK;
}

static void stop_listeners(Loops *loops)
{
    /* The list changes in main-thread calls only, so it may be walked without the lock here. */
    LIST_FOREACH (node, &loops->listeners)
        listener_stop(LUMA_CONTAINER_OF(node, Listener, node));
}

Loops *loops_free(Loops *loops)
{
    ListNode *node;

    if (!loops)
        return NULL;
    __atomic_store_n(&loops->draining, 1, __ATOMIC_RELAXED);
    stop_listeners(loops);
    for (int i = 0; i < loops->count; i++)
        loop__call(&loops->loops[i], stop_loop, &loops->loops[i]);
    for (int i = 0; i < loops->count; i++) {
        Loop *loop = &loops->loops[i];
        thread_join(&loop->thread);
        ASSERT(uv_loop_close(&loop->uv) == 0);
        mem_free(loop->read_bytes);
        mem_free(loop->plain_bytes);
    }
    while ((node = list_pop_front(&loops->listeners)))
        loop__listener_free(LUMA_CONTAINER_OF(node, Listener, node));
    cond_done(&loops->changed);
    mutex_done(&loops->lock);
    mem_free(loops->loops);
    mem_free(loops);
    return NULL;
}

static void drain_loop(void *arg)
{
    Loop *loop = arg;

    LIST_FOREACH (node, &loop->connections)
        loop__conn_drain(LUMA_CONTAINER_OF(node, Connection, node));
}

static void abort_loop(void *arg)
{
    abort_connections(arg);
}

void loops_drain(Loops *loops, int64_t timeout_ns)
{
    int64_t deadline_ns = clock_mono_ns() + timeout_ns;

    __atomic_store_n(&loops->draining, 1, __ATOMIC_RELAXED);
    stop_listeners(loops);
    for (int i = 0; i < loops->count; i++)
        loop__call(&loops->loops[i], drain_loop, &loops->loops[i]);
    mutex_lock(&loops->lock);
    while (loops->alive_count > 0)
        if (!cond_wait_until(&loops->changed, &loops->lock, deadline_ns))
            break;
    mutex_unlock(&loops->lock);
    for (int i = 0; i < loops->count; i++)
        loop__call(&loops->loops[i], abort_loop, &loops->loops[i]);
    /* Their on_close comes with the loop's next turn; after that nobody hands work to the pools. */
    mutex_lock(&loops->lock);
    while (loops->alive_count > 0)
        cond_wait(&loops->changed, &loops->lock);
    mutex_unlock(&loops->lock);
}

void loop__count(Loop *loop, int delta)
{
    (void)__atomic_fetch_add(&loop->connection_count, delta, __ATOMIC_RELAXED);
    MUTEX_GUARD(&loop->loops->lock);
    loop->loops->alive_count += delta;
    cond_broadcast(&loop->loops->changed);
}

void loops_set_output_max(Loops *loops, int64_t bytes)
{
    loops->output_bytes_max = bytes;
}

void loop_output_count(Loop *loop, int64_t delta)
{
    (void)__atomic_fetch_add(&loop->loops->output_bytes, delta, __ATOMIC_RELAXED);
}

int64_t loop_output_mark(const Loop *loop, int64_t bytes)
{
    const Loops *loops = loop->loops;

    if (!loops->output_bytes_max ||
        __atomic_load_n(&loops->output_bytes, __ATOMIC_RELAXED) <= loops->output_bytes_max)
        return bytes;
    return LUMA_MIN(bytes, OUTPUT_BYTES_TIGHT);
}

int loops_count(const Loops *loops)
{
    return loops->count;
}

Loop *loops_get(Loops *loops, int idx)
{
    ASSERT(idx >= 0 && idx < loops->count);
    return &loops->loops[idx];
}

Loop *loops_next(Loops *loops)
{
    unsigned turn = __atomic_fetch_add(&loops->next, 1, __ATOMIC_RELAXED);
    return &loops->loops[turn % (unsigned)loops->count];
}

bool loop_is_current(const Loop *loop)
{
    return current_loop == loop;
}

bool loop_is_draining(const Loop *loop)
{
    return __atomic_load_n(&loop->loops->draining, __ATOMIC_RELAXED);
}

int64_t loop_now_ns(const Loop *loop)
{
    return (int64_t)uv_now(&loop->uv) * NS_PER_MS;
}

struct uv_loop_s *loop_uv(Loop *loop)
{
    return &loop->uv;
}

/* ---- timers ---- */

static void on_timer(uv_timer_t *uv)
{
    LoopTimer *timer = LUMA_CONTAINER_OF(uv, LoopTimer, uv);
    timer->on_fire(timer->ctx);
}

LoopTimer *loop_timer_new(Loop *loop, void (*on_fire)(void *ctx), void *ctx)
{
    LoopTimer *timer = MEM_NEW(LoopTimer);

    timer->on_fire = on_fire;
    timer->ctx = ctx;
    ASSERT(uv_timer_init(&loop->uv, &timer->uv) == 0);
    list_push_back(&loop->timers, &timer->node);
    return timer;
}

static uint64_t to_ms(int64_t ns)
{
    return ns <= 0 ? 0 : (uint64_t)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

void loop_timer_start(LoopTimer *timer, int64_t delay_ns, int64_t repeat_ns)
{
    ASSERT(uv_timer_start(&timer->uv, on_timer, to_ms(delay_ns), to_ms(repeat_ns)) == 0);
}

void loop_timer_stop(LoopTimer *timer)
{
    (void)uv_timer_stop(&timer->uv);
}

static void on_timer_closed(uv_handle_t *handle)
{
    mem_free(LUMA_CONTAINER_OF((uv_timer_t *)handle, LoopTimer, uv));
}

LoopTimer *loop_timer_free(LoopTimer *timer)
{
    if (!timer)
        return NULL;
    list_remove(&timer->node);
    uv_close((uv_handle_t *)&timer->uv, on_timer_closed);
    return NULL;
}
