/* What is left after failing files and power loss: every acknowledged request whole, every other
 * one whole or absent. Requests hold samples and rows, so that both must agree. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "vfs_fault.h"
#include "vfs_record.h"

enum { REQUESTS = 120, ROWS_EACH = 20 };

/* Request n: ROWS_EACH rows with ids from n * ROWS_EACH, and a sample at slot n of three series. */
static WriteBatch *make_request(EngineFixture *f, uint32_t n)
{
    WriteBatch *batch = fixture_batch(f);
    double value = n;
    uint64_t bits;
    Error err = {0};

    memcpy(&bits, &value, sizeof bits);
    for (uint32_t s = 0; s < 3; s++)
        assert_int_equal(
            write_batch_sample(batch, fixture_series(batch, n % 17 + s), fixture_ts(n), bits, &err),
            STATUS_OK);
    assert_int_equal(fixture_rows(f, batch, (int64_t)n * ROWS_EACH, ROWS_EACH, &err), STATUS_OK);
    return batch;
}

static void count_row(void *ctx, const RecordBatch *batch, uint32_t row)
{
    uint32_t *counts = ctx;
    int64_t request = column_i64(&batch->columns[0], row) / ROWS_EACH;

    assert_in_range(request, 0, REQUESTS - 1);
    counts[request]++;
}

static uint32_t count_samples(Snapshot *snapshot, uint32_t n)
{
    Arena arena;
    SeriesList series;
    uint32_t count = 0;
    Error err;

    arena_init(&arena, NULL);
    assert_int_equal(
        engine_select_series(snapshot, NULL, 0, INT64_MIN, INT64_MAX, &arena, &series, &err),
        STATUS_OK);
    for (uint32_t i = 0; i < series.count; i++) {
        SampleRun run = {0};
        assert_int_equal(
            engine_read_series(snapshot, series.refs[i], fixture_ts(n), fixture_ts(n), &run, &err),
            STATUS_OK);
        for (uint32_t k = 0; k < run.count; k++)
            assert_true(run.values[k] == n);
        count += run.count;
        sample_run_done(&run);
    }
    arena_done(&arena);
    return count;
}

/* Which requests are there; returns how many are there in part. */
static uint32_t find_requests(EngineFixture *f, bool there[REQUESTS])
{
    uint32_t torn = 0;
    uint32_t counts[REQUESTS] = {0};
    Snapshot *snapshot;
    Error err;

    assert_int_equal(engine_snapshot(f->engine, &snapshot, &err), STATUS_OK);
    const Table *table = snapshot_find_table(snapshot, STR("public"), STR("t"));
    if (table)
        (void)fixture_scan(snapshot, table, NULL, 0, count_row, counts);
    for (uint32_t n = 0; n < REQUESTS; n++) {
        uint32_t samples = count_samples(snapshot, n);
        there[n] = counts[n] != 0;
        torn += counts[n] != (there[n] ? ROWS_EACH : 0) || samples != (there[n] ? 3 : 0);
    }
    snapshot_free(snapshot);
    return torn;
}

static void test_after_a_failed_sync_writes_stop_and_reads_go_on(void **state)
{
    for (int64_t nth = 1; nth <= 9; nth += 2) {
        FaultVfs fault;
        EngineFixture f;
        bool acked[REQUESTS] = {0};
        bool there[REQUESTS];
        bool failed = false;
        Error err = {0};
        fault_vfs_init(&fault);
        fixture_init(&f, &fault.base);
        fixture_create_table(&f, false);
        fault_vfs_arm(&fault, VFS_CALL_SYNC, nth, EIO, false);
        for (uint32_t n = 0; n < 20; n++) {
            if (!engine_writable(f.engine, &err)) {
                WriteBatch *batch;
                assert_true(failed);
                assert_int_equal(write_batch_new(f.engine, &batch, &err), STATUS_UNAVAILABLE);
                break;
            }
            acked[n] = engine_write_wait(f.engine, make_request(&f, n), NULL, &err) == STATUS_OK;
            failed |= !acked[n];
        }
        assert_true(failed);
        /* What was acknowledged is read, the failed one is not. */
        assert_int_equal(find_requests(&f, there), 0);
        assert_memory_equal(there, acked, sizeof there);
        engine_close(f.engine);
        f.options.vfs = NULL;
        fixture_open(&f);
        assert_int_equal(find_requests(&f, there), 0);
        for (uint32_t n = 0; n < REQUESTS; n++)
            assert_true(there[n] || !acked[n]);
        fixture_done(&f);
        fault_vfs_done(&fault);
    }
}

static void test_a_full_disk_fails_the_request_and_later_ones_succeed(void **state)
{
    FaultVfs fault;
    EngineFixture f;
    bool acked[REQUESTS] = {0};
    bool there[REQUESTS];
    Error err = {0};

    fault_vfs_init(&fault);
    fixture_init(&f, &fault.base);
    fixture_create_table(&f, true);
    for (uint32_t n = 0; n < 40; n++) {
        if (n % 7 == 3)
            fault_vfs_arm(&fault, VFS_CALL_WRITE, 1, ENOSPC, false);
        acked[n] = engine_write_wait(f.engine, make_request(&f, n), NULL, &err) == STATUS_OK;
        assert_int_equal(acked[n], n % 7 != 3);
        if (!acked[n])
            assert_string_equal(err.sqlstate, "53100");
    }
    assert_int_equal(find_requests(&f, there), 0);
    assert_memory_equal(there, acked, sizeof there);
    /* The keys of a failed request are free again. */
    acked[3] = engine_write_wait(f.engine, make_request(&f, 3), NULL, &err) == STATUS_OK;
    assert_true(acked[3]);
    fixture_reopen(&f);
    assert_int_equal(find_requests(&f, there), 0);
    assert_memory_equal(there, acked, sizeof there);
    fixture_done(&f);
    fault_vfs_done(&fault);
}

/* ---------------------------------------------------------------- power loss */

static void note_ack(void *ctx, Status status, const Error *err, Lsn lsn)
{
    uint64_t *mark = ctx;

    if (status == STATUS_OK)
        record_mark((RecordVfs *)(uintptr_t)mark[0], mark[1]);
}

static void record_workload(EngineFixture *f, RecordVfs *record)
{
    static uint64_t marks[REQUESTS][2];

    f->options.wal_segment_bytes = 64 << 10;
    fixture_create_table(f, false);
    for (uint32_t n = 0; n < REQUESTS; n++) {
        marks[n][0] = (uintptr_t)record;
        marks[n][1] = n;
        engine_write(f->engine, make_request(f, n), note_ack, marks[n]);
        if (n == REQUESTS / 2) {
            f->engine = engine_close(f->engine);
            fixture_open(f);
        }
    }
    f->engine = engine_close(f->engine);
}

/* Opens what a crash at this point may have left; returns whether an acknowledged request is
 * missing or one is there in part. */
static bool check_crash(EngineFixture *f, RecordVfs *record, size_t point, RecordPolicy policy,
                        uint64_t seed)
{
    EngineFixture crashed = {0};
    bool there[REQUESTS];
    char command[160];

    (void)snprintf(crashed.dir, sizeof crashed.dir, "%.40s-crashed", f->dir);
    assert_int_equal(mkdir(crashed.dir, 0700), 0);
    record_materialise(record, point, policy, seed, f->dir, crashed.dir);
    mem_budget_init(&crashed.budget, NULL, "hot memory", INT64_MAX);
    crashed.options = (EngineOptions){.data_dir = crashed.dir, .budget = &crashed.budget};
    fixture_open(&crashed);
    bool lost = find_requests(&crashed, there) != 0;
    for (size_t i = 0; i < point; i++)
        lost |= record->ops[i].kind == RECORD_MARK && !there[record->ops[i].offset];
    engine_close(crashed.engine);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", crashed.dir);
    assert_int_equal(system(command), 0);
    return lost;
}

static size_t run_power_loss(bool ignore_syncs)
{
    RecordVfs record;
    EngineFixture f;
    size_t lost = 0;

    record_vfs_init(&record);
    record.ignore_syncs = ignore_syncs;
    fixture_init(&f, &record.base);
    record_workload(&f, &record);
    srandom(9);
    for (int i = 0; i < 60; i++)
        lost += check_crash(&f, &record, (size_t)random() % (record.op_count + 1),
                            (RecordPolicy)(i % RECORD_POLICY_COUNT_), (uint64_t)i);
    fixture_done(&f);
    record_vfs_done(&record);
    return lost;
}

static void test_no_acknowledged_request_is_lost_by_power_loss(void **state)
{
    assert_int_equal(run_power_loss(false), 0);
}

static void test_the_rig_sees_a_missing_sync(void **state)
{
    assert_true(run_power_loss(true) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_a_failed_sync_writes_stop_and_reads_go_on),
        cmocka_unit_test(test_a_full_disk_fails_the_request_and_later_ones_succeed),
        cmocka_unit_test(test_no_acknowledged_request_is_lost_by_power_loss),
        cmocka_unit_test(test_the_rig_sees_a_missing_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
