/* Writers, schema changes and readers at once: a snapshot holds what was acknowledged before it
 * began, each request whole; made for the thread sanitizer as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine_fixture.h"

enum { WRITERS = 2, READERS = 2, REQUESTS = 150, ROWS_EACH = 7, ID_STRIDE = 100000 };

typedef struct Race Race;
typedef struct RaceWriter {
    Thread thread;
    Race *race;
    uint32_t number;
    uint32_t acked; /* atomic: release after the acknowledgement; requests come in order */
} RaceWriter;
struct Race {
    EngineFixture f;
    RaceWriter writers[WRITERS];
    bool stop; /* atomic */
};

static void on_acked(void *ctx, Status status, const Error *err, Lsn lsn)
{
    RaceWriter *w = ctx;

    assert_int_equal(status, STATUS_OK);
    (void)__atomic_add_fetch(&w->acked, 1, __ATOMIC_RELEASE);
}

static void write_requests(void *arg)
{
    RaceWriter *w = arg;
    EngineFixture *f = &w->race->f;
    Error err;

    for (uint32_t n = 0; n < REQUESTS; n++) {
        WriteBatch *batch = fixture_batch(f);
        uint64_t bits = 0;
        for (uint32_t s = 0; s < MODEL_SERIES; s += 3)
            assert_int_equal(write_batch_sample(batch,
                                                fixture_series(batch, (s + n) % MODEL_SERIES),
                                                fixture_ts(n), bits, &err),
                             STATUS_OK);
        int64_t first = (int64_t)w->number * ID_STRIDE + (int64_t)n * ROWS_EACH;
        assert_int_equal(fixture_rows(f, batch, first, ROWS_EACH, &err), STATUS_OK);
        engine_write(f->engine, batch, on_acked, w);
        while (__atomic_load_n(&w->acked, __ATOMIC_ACQUIRE) + 8 < n) /* some in flight */
            ;
    }
    while (__atomic_load_n(&w->acked, __ATOMIC_ACQUIRE) < REQUESTS)
        ;
}

static void count_row(void *ctx, const RecordBatch *batch, uint32_t row)
{
    uint32_t *counts = ctx;
    int64_t id = column_i64(&batch->columns[0], row);
    uint32_t writer = (uint32_t)(id / ID_STRIDE);
    char buf[64];

    assert_true(writer < WRITERS);
    assert_int_equal(id % ID_STRIDE, counts[writer]); /* in order, none left out */
    counts[writer]++;
    assert_true(str_eq(column_str(&batch->columns[1], row), fixture_note(id, buf)));
}

static void read_snapshots(void *arg)
{
    Race *race = arg;
    Error err;

    for (bool last = false; !last;) {
        uint32_t acked[WRITERS];
        uint32_t counts[WRITERS] = {0};
        Snapshot *snapshot;
        last = __atomic_load_n(&race->stop, __ATOMIC_ACQUIRE);
        for (uint32_t w = 0; w < WRITERS; w++)
            acked[w] = __atomic_load_n(&race->writers[w].acked, __ATOMIC_ACQUIRE);
        assert_int_equal(engine_snapshot(race->f.engine, &snapshot, &err), STATUS_OK);
        const Table *table = snapshot_find_table(snapshot, STR("public"), STR("t"));
        (void)fixture_scan(snapshot, table, NULL, 0, count_row, counts);
        for (uint32_t w = 0; w < WRITERS; w++) {
            assert_int_equal(counts[w] % ROWS_EACH, 0);
            assert_true(counts[w] / ROWS_EACH >= acked[w]);
        }
        const Table *metrics = snapshot_find_table(snapshot, STR("public"), STR("metrics"));
        assert_true(fixture_scan(snapshot, metrics, NULL, 0, NULL, NULL) >=
                    LUMA_MAX(acked[0], acked[1]));
        (void)snapshot_find_table(snapshot, STR("prom"), STR("m1"));
        snapshot_free(snapshot);
    }
}

static void change_schema(void *arg)
{
    Race *race = arg;
    Error err;

    while (!__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE)) {
        assert_int_equal(engine_create_schema(race->f.engine, STR("s"), false, &err), STATUS_OK);
        assert_int_equal(
            engine_create_view(race->f.engine, STR("s"), STR("v"), STR("SELECT 1"), true, &err),
            STATUS_OK);
        assert_int_equal(engine_drop_view(race->f.engine, STR("s"), STR("v"), false, &err),
                         STATUS_OK);
        assert_int_equal(engine_drop_schema(race->f.engine, STR("s"), false, &err), STATUS_OK);
    }
}

static void test_snapshots_hold_what_was_acknowledged_and_whole_requests(void **state)
{
    Race *race = MEM_NEW(Race);
    Thread readers[READERS] = {0};
    Thread ddl = {0};
    Error err;

    fixture_init(&race->f, NULL);
    fixture_create_table(&race->f, true);
    for (uint32_t w = 0; w < WRITERS; w++) {
        race->writers[w].race = race;
        race->writers[w].number = w;
        assert_int_equal(thread_start(&race->writers[w].thread, "writer", write_requests,
                                      &race->writers[w], &err),
                         STATUS_OK);
    }
    for (int i = 0; i < READERS; i++)
        assert_int_equal(thread_start(&readers[i], "reader", read_snapshots, race, &err),
                         STATUS_OK);
    assert_int_equal(thread_start(&ddl, "ddl", change_schema, race, &err), STATUS_OK);
    for (uint32_t w = 0; w < WRITERS; w++)
        thread_join(&race->writers[w].thread);
    __atomic_store_n(&race->stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < READERS; i++)
        thread_join(&readers[i]);
    thread_join(&ddl);
    race->f.engine = engine_close(race->f.engine);
    fixture_open(&race->f);
    read_snapshots(race); /* everything is acknowledged by now, and still there */
    fixture_done(&race->f);
    mem_free(race);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshots_hold_what_was_acknowledged_and_whole_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
