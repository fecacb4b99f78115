/* Writers, readers, registrations, freezes and purges at once. The judge: values tell their
 * timestamps, so every sample a reader sees can be checked, and what was applied before a read
 * began must be there. Run it under ThreadSanitizer, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/thread.h"
#include "storage/metrics/metric_store.h"

enum { SERIES = 1500, ROUNDS = 1000, EVERY_FREEZE = 290, LATE_BACK = 37, READERS = 2 };

typedef struct Shared {
    MetricStore *store;
    SeriesRef refs[SERIES];
    int64_t rounds_applied; /* atomic: release after apply */
    int64_t hidden_below;   /* atomic: samples of earlier rounds may be in parts */
    int64_t stop;           /* atomic */
    uint64_t frozen;        /* atomic: segment to drop, 0 = none */
    int64_t frozen_rounds;  /* atomic: rounds in it and before */
} Shared;

static double value_of(int64_t ts, uint32_t series)
{
    return (double)(ts * 2 + series % 7);
}

/* Every 16th series gets its samples late, some get nothing in some rounds. */
static int64_t ts_of(int64_t round, uint32_t series)
{
    return series % 16 == 3 && round % 40 >= LATE_BACK ? round - LATE_BACK + 1000000 : round;
}

static void apply_round(Shared *shared, int64_t round)
{
    static int64_t ts[SERIES];
    static uint64_t bits[SERIES];

    for (uint32_t i = 0; i < SERIES; i++) {
        ts[i] = ts_of(round, i);
        bits[i] = gorilla_bits(value_of(ts[i], i));
    }
    SampleColumns columns = {.refs = shared->refs, .ts_ms = ts, .bits = bits, .count = SERIES};
    metric_store_apply(shared->store, (Lsn)round + 1, &columns);
    __atomic_store_n(&shared->rounds_applied, round + 1, __ATOMIC_RELEASE);
}

static void write_all(void *arg)
{
    Shared *shared = arg;
    uint64_t frozen;

    for (int64_t round = 0; round < ROUNDS; round++) {
        apply_round(shared, round);
        /* Segments are dropped oldest first: the last one must have been taken. */
        if (round % EVERY_FREEZE != EVERY_FREEZE - 1 ||
            __atomic_load_n(&shared->frozen, __ATOMIC_ACQUIRE))
            continue;
        if (metric_store_freeze(shared->store, &frozen, NULL) != STATUS_OK)
            abort();
        __atomic_store_n(&shared->frozen_rounds, round + 1, __ATOMIC_RELAXED);
        __atomic_store_n(&shared->frozen, frozen, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
}

/* Drops what was frozen, as a flush would, and purges all the time. */
static void purge_all(void *arg)
{
    Shared *shared = arg;

    while (!__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE)) {
        uint64_t frozen = __atomic_load_n(&shared->frozen, __ATOMIC_ACQUIRE);
        if (frozen) {
            int64_t rounds = __atomic_load_n(&shared->frozen_rounds, __ATOMIC_RELAXED);
            __atomic_store_n(&shared->hidden_below, rounds, __ATOMIC_SEQ_CST);
            if (metric_store_drop_segment(shared->store, frozen, NULL) != STATUS_OK)
                abort();
            __atomic_store_n(&shared->frozen, 0, __ATOMIC_RELEASE);
        }
        (void)metric_store_purge(shared->store, false);
    }
}

static void register_more(void *arg)
{
    Shared *shared = arg;
    SeriesCursor cursor = {0};

    for (uint32_t i = 0; !__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE); i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "%u", i % 20000);
        Label labels[2] = {{STR("__name__"), STR("other")}, {STR("n"), {text, (size_t)len}}};
        SeriesRef added;
        SeriesRef found;
        if (metric_store_add(shared->store, &cursor, 1, labels[1].value, (LabelSet){labels, 2},
                             &added, NULL, NULL) != STATUS_OK ||
            !metric_store_find(shared->store, &cursor, 1, labels[1].value, &found) ||
            found != added)
            abort();
        metric_store_mark_durable(shared->store, &added, 1);
        if (!metric_store_is_durable(shared->store, found))
            abort();
    }
}

/* Failures abort: cmocka's assertions belong to the main thread. */
static void check_run(const SampleRun *run, uint32_t series, int64_t sure_from, int64_t sure_to)
{
    int64_t next = sure_from;

    for (uint32_t i = 0; i < run->count; i++) {
        int64_t ts = run->ts_ms[i];
        if (i && run->ts_ms[i - 1] >= ts)
            abort();
        if (run->values[i] != value_of(ts, series))
            abort();
        while (next < sure_to && ts_of(next, series) != next)
            next++; /* that round's sample went elsewhere */
        if (next < sure_to && ts == next)
            next++;
    }
    while (next < sure_to && ts_of(next, series) != next)
        next++;
    if (next < sure_to)
        abort();
}

static void check_some(Shared *shared, Arena *arena, SampleRun *run, uint32_t turn)
{
    int64_t applied = __atomic_load_n(&shared->rounds_applied, __ATOMIC_ACQUIRE);
    MetricSnapshot *snapshot = metric_store_snapshot(shared->store);
    int64_t hidden = __atomic_load_n(&shared->hidden_below, __ATOMIC_SEQ_CST);
    LabelMatcher matcher = {MATCH_EQ, STR("__name__"), STR("m"), NULL};
    SeriesList list;
    static const Str names[] = {STR_INIT("mod")};
    LabelSet *groups;
    uint32_t group_count;

    if (metric_store_select(snapshot, &matcher, 1, INT64_MIN, INT64_MAX, arena, &list, NULL) !=
            STATUS_OK ||
        list.count != SERIES)
        abort();
    uint32_t *ids = arena_alloc(arena, list.count * sizeof *ids);
    if (metric_store_group(snapshot, list.refs, list.count, names, 1, false, arena, ids, &groups,
                           &group_count, NULL) != STATUS_OK ||
        group_count != 10)
        abort();
    for (uint32_t i = turn % 13; i < SERIES; i += 97) {
        if (metric_store_read(snapshot, shared->refs[i], INT64_MIN, INT64_MAX, run, NULL) !=
            STATUS_OK)
            abort();
        check_run(run, i, hidden, applied);
    }
    uint8_t kinds[SERIES];
    int64_t ts[SERIES];
    double values[SERIES];
    if (metric_store_last(snapshot, list.refs, SERIES, 0, INT64_MAX, arena, kinds, ts, values, NULL,
                          NULL) != STATUS_OK)
        abort();
    for (uint32_t i = 0; i < SERIES; i++)
        if (kinds[i] == LAST_FLOAT && values[i] != value_of(ts[i], i))
            abort();
    metric_snapshot_unref(snapshot);
    arena_reset(arena);
}

static void read_all(void *arg)
{
    Shared *shared = arg;
    CLEANUP(sample_run_done) SampleRun run = {0};
    Arena arena;

    arena_init(&arena, NULL);
    for (uint32_t turn = 0; !__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE); turn++)
        check_some(shared, &arena, &run, turn);
    arena_done(&arena);
}

static void test_readers_see_all_that_was_applied(void **state)
{
    static Shared shared;
    MemBudget budget;
    SeriesCursor cursor = {0};
    Thread threads[3 + READERS] = {0};

    mem_budget_init(&budget, NULL, "hot memory", INT64_MAX);
    assert_int_equal(metric_store_new(&budget, &shared.store, NULL), STATUS_OK);
    for (uint32_t i = 0; i < SERIES; i++) {
        char n[32];
        char mod[32];
        Label labels[3] = {{LABEL_NAME, STR("m")},
                           {STR("mod"), {mod, (size_t)snprintf(mod, sizeof mod, "%u", i % 10)}},
                           {STR("n"), {n, (size_t)snprintf(n, sizeof n, "%u", i)}}};
        assert_int_equal(metric_store_add(shared.store, &cursor, 0, labels[2].value,
                                          (LabelSet){labels, 3}, &shared.refs[i], NULL, NULL),
                         STATUS_OK);
    }
    assert_int_equal(thread_start(&threads[0], "write", write_all, &shared, NULL), STATUS_OK);
    assert_int_equal(thread_start(&threads[1], "purge", purge_all, &shared, NULL), STATUS_OK);
    assert_int_equal(thread_start(&threads[2], "register", register_more, &shared, NULL),
                     STATUS_OK);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(thread_start(&threads[3 + i], "read", read_all, &shared, NULL), STATUS_OK);
    for (int i = 0; i < 3 + READERS; i++)
        thread_join(&threads[i]);
    metric_store_free(shared.store);
    assert_int_equal(mem_budget_used(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_see_all_that_was_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
