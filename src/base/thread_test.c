#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/mem.h"
#include "base/thread.h"

typedef struct CountTask {
    PoolTask task;
    Pool *pool;
    int64_t *sum; /* atomic */
    int depth;
} CountTask;

static void run_count(PoolTask *task)
{
    CountTask *count = LUMA_CONTAINER_OF(task, CountTask, task);
    __atomic_fetch_add(count->sum, 1, __ATOMIC_RELAXED);
    if (count->depth) {
        count->depth--;
        pool_submit(count->pool, task);
    } else {
        mem_free(count);
    }
}

static void test_pool_runs_every_task_before_it_ends(void **state)
{
    Pool *pool;
    int64_t sum = 0;
    assert_int_equal(pool_new("test", 4, &pool, NULL), STATUS_OK);
    for (int i = 0; i < 1000; i++) {
        CountTask *count = MEM_NEW(CountTask);
        *count = (CountTask){{.run = run_count}, pool, &sum, i % 5};
        pool_submit(pool, &count->task);
    }
    pool_free(pool);
    assert_int_equal(sum, 1000 + 200 * (0 + 1 + 2 + 3 + 4));
}

typedef struct Handshake {
    Mutex lock;
    Cond changed;
    int turn; /* guarded by lock */
} Handshake;

static void answer(void *raw)
{
    Handshake *h = raw;
    for (int i = 0; i < 1000; i++) {
        MUTEX_GUARD(&h->lock);
        while (h->turn % 2 == 0)
            cond_wait(&h->changed, &h->lock);
        h->turn++;
        cond_signal(&h->changed);
    }
}

static void test_conditions_hand_over(void **state)
{
    Handshake h = {.turn = 0};
    Thread thread = {0};
    mutex_init(&h.lock);
    cond_init(&h.changed);
    assert_int_equal(thread_start(&thread, "answer", answer, &h, NULL), STATUS_OK);
    for (int i = 0; i < 1000; i++) {
        MUTEX_GUARD(&h.lock);
        while (h.turn % 2 == 1)
            cond_wait(&h.changed, &h.lock);
        h.turn++;
        cond_signal(&h.changed);
    }
    thread_join(&thread);
    assert_int_equal(h.turn, 2000);
    cond_done(&h.changed);
    mutex_done(&h.lock);
}

static void test_a_timed_wait_ends_at_its_deadline(void **state)
{
    Mutex lock;
    Cond never;
    mutex_init(&lock);
    cond_init(&never);
    mutex_lock(&lock);
    int64_t deadline = clock_mono_ns() + 5 * NS_PER_MS;
    while (cond_wait_until(&never, &lock, deadline))
        ; /* a spurious wake-up */
    assert_true(clock_mono_ns() >= deadline);
    mutex_unlock(&lock);
    cond_done(&never);
    mutex_done(&lock);
}

static void test_families_of_counters_stand_together(void **state)
{
    for (int i = 0; i < COUNTER_COUNT_; i++) {
        assert_true(counter_infos[i].help[0] != 0);
        for (int j = i + 2; j < COUNTER_COUNT_; j++)
            if (strcmp(counter_infos[i].name, counter_infos[j].name) == 0)
                assert_string_equal(counter_infos[j - 1].name, counter_infos[j].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_runs_every_task_before_it_ends),
        cmocka_unit_test(test_conditions_hand_over),
        cmocka_unit_test(test_a_timed_wait_ends_at_its_deadline),
        cmocka_unit_test(test_families_of_counters_stand_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
