#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/thread.h"
#include "storage/wal/wal.h"
#include "wal_fixture.h"

static void test_append_then_reopen_replays_in_order(void **)
{
    WalFixture f;
    wal_fixture_init(&f, NULL);
    wal_fixture_open(&f);
    for (int i = 0; i < 1000; i++)
        wal_fixture_append(&f, i % 50);
    wal_fixture_close(&f);
    assert_int_equal(f.acked_count, 1000);
    wal_fixture_open(&f);
    wal_fixture_assert_replayed_acked(&f);
    assert_int_equal(f.report.damage_count, 0);
    assert_int_equal(wal_next_lsn(f.wal), 1001);
    wal_fixture_done(&f);
}

static void test_segments_roll_and_truncate(void **)
{
    WalFixture f;
    Arena arena = {0};
    WalSegmentInfo *segments;
    wal_fixture_init(&f, NULL);
    f.options.segment_bytes_max = 2048;
    wal_fixture_open(&f);
    for (int i = 0; i < 200; i++) {
        wal_fixture_append(&f, 100);
        assert_int_equal(wal_flush(f.wal, NULL), STATUS_OK);
    }
    size_t count = wal_segments(f.wal, &arena, &segments);
    assert_true(count > 10);
    uint64_t bytes = wal_bytes(f.wal);
    assert_int_equal(wal_truncate_below(f.wal, 100, NULL), STATUS_OK);
    size_t left = wal_segments(f.wal, &arena, &segments);
    assert_true(left < count && segments[0].lsn_first <= 100 && segments[0].lsn_last >= 100);
    assert_true(wal_bytes(f.wal) < bytes);
    wal_fixture_close(&f);
    f.options.lsn_min = 100;
    wal_fixture_open(&f);
    assert_int_equal(f.report.damage_count, 0);
    assert_int_equal(f.replayed_count, 101);
    arena_done(&arena);
    wal_fixture_done(&f);
}

/* --- several appenders --- */

enum { APPENDERS = 4, APPENDS_EACH = 3000 };

static void append_many(void *raw)
{
    WalFixture *f = raw;

    for (int i = 0; i < APPENDS_EACH;) {
        Error err;
        if (wal_fixture_try_append(f, i % 30, &err) == STATUS_OK)
            i++;
        else if (err.status != STATUS_UNAVAILABLE)
            return; /* the count of acknowledgements tells */
    }
}

static void test_many_appenders_get_every_entry_once(void **)
{
    WalFixture f;
    Thread threads[APPENDERS] = {0};
    wal_fixture_init(&f, NULL);
    f.options.segment_bytes_max = 64 << 10;
    f.options.queue_bytes_max = 4096; /* so that some are refused and tried again */
    wal_fixture_open(&f);
    for (int i = 0; i < APPENDERS; i++)
        assert_int_equal(thread_start(&threads[i], "appender", append_many, &f, NULL), STATUS_OK);
    for (int i = 0; i < 50; i++) {
        Arena arena = {0};
        WalSegmentInfo *segments;
        assert_int_equal(wal_flush(f.wal, NULL), STATUS_OK);
        assert_false(wal_failed(f.wal, NULL));
        (void)wal_segments(f.wal, &arena, &segments);
        (void)wal_bytes(f.wal);
        arena_done(&arena);
    }
    for (int i = 0; i < APPENDERS; i++)
        thread_join(&threads[i]);
    wal_fixture_close(&f);
    assert_int_equal(f.acked_count, APPENDERS * APPENDS_EACH);
    wal_fixture_open(&f);
    assert_int_equal(f.replayed_count, APPENDERS * APPENDS_EACH);
    wal_fixture_assert_replayed_acked(&f);
    wal_fixture_done(&f);
}

static void test_callbacks_come_in_lsn_order(void **)
{
    WalFixture f;
    wal_fixture_init(&f, NULL);
    wal_fixture_open(&f);
    for (int i = 0; i < 2000; i++)
        wal_fixture_append(&f, 3);
    wal_fixture_close(&f);
    for (size_t i = 0; i < f.acked_count; i++)
        assert_int_equal(f.acked[i], i);
    wal_fixture_done(&f);
}

/* --- bounds --- */

typedef struct Held {
    WalAppend base;
    Mutex gate;
} Held;

static void wait_at_gate(WalAppend *append, Status, const Error *)
{
    Held *held = (Held *)(void *)append;
    mutex_lock(&held->gate);
    mutex_unlock(&held->gate);
}

static void test_full_queue_refuses_retryably(void **)
{
    WalFixture f;
    Held held = {.base = {.type = WAL_ENTRY_CATALOG,
                          .payload = STR("12345678"),
                          .on_durable = wait_at_gate}};
    Error err;
    wal_fixture_init(&f, NULL);
    f.options.queue_bytes_max = 1000;
    wal_fixture_open(&f);
    f.corrupt_number = 0x34333231; /* the held entry is not the fixture's own */
    mutex_init(&held.gate);
    mutex_lock(&held.gate); /* the writer stops in the callback */
    assert_int_equal(wal_append(f.wal, &held.base, NULL), STATUS_OK);
    Status status = STATUS_OK;
    for (int i = 0; i < 100 && status == STATUS_OK; i++)
        status = wal_fixture_try_append(&f, 24, &err);
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_non_null(strstr(err.message, "queue is full"));
    mutex_unlock(&held.gate);
    assert_int_equal(wal_flush(f.wal, NULL), STATUS_OK);
    wal_fixture_append(&f, 24); /* there is room again */
    mutex_done(&held.gate);
    wal_fixture_close(&f);
    wal_fixture_open(&f);
    wal_fixture_assert_replayed_acked(&f);
    wal_fixture_done(&f);
}

typedef struct Waiting {
    Wal *wal;
    WalAppend append;
    Status status;
} Waiting;

static void append_waiting(void *arg)
{
    Waiting *waiting = arg;
    waiting->status = wal_append_wait(waiting->wal, &waiting->append, NULL);
}

static void ignore_durable(WalAppend *, Status, const Error *)
{
}

static void test_who_waits_for_room_is_taken_when_there_is_some(void **)
{
    WalFixture f;
    char text[600] = {0};
    Held held = {.base = {.type = WAL_ENTRY_CATALOG,
                          .payload = str_make(text, sizeof text),
                          .on_durable = wait_at_gate}};
    WalAppend second = {.type = WAL_ENTRY_CATALOG,
                        .payload = str_make(text, sizeof text),
                        .on_durable = ignore_durable};
    Thread thread;
    wal_fixture_init(&f, NULL);
    f.options.queue_bytes_max = 1000;
    wal_fixture_open(&f);
    mutex_init(&held.gate);
    mutex_lock(&held.gate); /* the writer stops in the callback */
    assert_int_equal(wal_append(f.wal, &held.base, NULL), STATUS_OK);
    assert_int_equal(wal_append(f.wal, &second, NULL), STATUS_UNAVAILABLE);
    Waiting waiting = {f.wal, second, STATUS_INTERNAL};
    assert_int_equal(thread_start(&thread, "waiting", append_waiting, &waiting, NULL), STATUS_OK);
    mutex_unlock(&held.gate);
    thread_join(&thread);
    assert_int_equal(waiting.status, STATUS_OK);
    assert_int_equal(wal_flush(f.wal, NULL), STATUS_OK);
    assert_int_equal(wal_next_lsn(f.wal), 3);
    mutex_done(&held.gate);
    wal_fixture_done(&f);
}

static void test_entry_over_the_limit_is_refused(void **)
{
    WalFixture f;
    WalAppend append = {.payload = {"", (size_t)WAL_ENTRY_BYTES_MAX + 1}};
    wal_fixture_init(&f, NULL);
    wal_fixture_open(&f);
    assert_int_equal(wal_append(f.wal, &append, NULL), STATUS_LIMIT);
    assert_int_equal(wal_next_lsn(f.wal), 1);
    wal_fixture_done(&f);
}

static void test_entry_larger_than_a_segment_is_kept(void **)
{
    WalFixture f;
    wal_fixture_init(&f, NULL);
    f.options.segment_bytes_max = 4096;
    wal_fixture_open(&f);
    for (int i = 0; i < 5; i++)
        wal_fixture_append(&f, i % 2 ? 100000 : 10);
    wal_fixture_close(&f);
    wal_fixture_open(&f);
    assert_int_equal(f.replayed_count, 5);
    wal_fixture_done(&f);
}

/* --- sync modes, restarts --- */

static void check_mode(WalSyncMode mode)
{
    WalFixture f;
    wal_fixture_init(&f, NULL);
    f.options.sync_mode = mode;
    f.options.sync_interval_ms = 1;
    f.options.segment_bytes_max = 4096;
    wal_fixture_open(&f);
    for (int i = 0; i < 300; i++) {
        wal_fixture_append(&f, i % 40);
        if (i % 50 == 0)
            assert_int_equal(wal_flush(f.wal, NULL), STATUS_OK);
    }
    wal_fixture_close(&f);
    assert_int_equal(f.acked_count, 300);
    wal_fixture_open(&f);
    assert_int_equal(f.replayed_count, 300);
    assert_int_equal(f.report.damage_count, 0);
    wal_fixture_done(&f);
}

static void test_interval_mode_keeps_everything_over_a_clean_stop(void **)
{
    check_mode(WAL_SYNC_INTERVAL);
}

static void test_off_mode_keeps_everything_over_a_clean_stop(void **)
{
    check_mode(WAL_SYNC_OFF);
}

static void test_start_without_appends_leaves_no_segments(void **)
{
    WalFixture f;
    Arena arena = {0};
    WalSegmentInfo *segments;
    wal_fixture_init(&f, NULL);
    for (int i = 0; i < 3; i++) {
        wal_fixture_open(&f);
        assert_int_equal(wal_segments(f.wal, &arena, &segments), 0);
        wal_fixture_close(&f);
    }
    arena_done(&arena);
    wal_fixture_done(&f);
}

static void test_next_lsn_is_at_least_the_catalogs(void **)
{
    WalFixture f;
    wal_fixture_init(&f, NULL);
    wal_fixture_open(&f);
    wal_fixture_append(&f, 1);
    wal_fixture_close(&f);
    f.options.lsn_min = 1000; /* the log was lost but for its beginning */
    wal_fixture_open(&f);
    assert_int_equal(f.replayed_count, 0);
    assert_int_equal(wal_next_lsn(f.wal), 1000);
    wal_fixture_append(&f, 1);
    wal_fixture_close(&f);
    wal_fixture_open(&f);
    assert_int_equal(f.replayed_count, 1);
    assert_int_equal(f.report.damage_count, 0);
    wal_fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_then_reopen_replays_in_order),
        cmocka_unit_test(test_segments_roll_and_truncate),
        cmocka_unit_test(test_many_appenders_get_every_entry_once),
        cmocka_unit_test(test_callbacks_come_in_lsn_order),
        cmocka_unit_test(test_full_queue_refuses_retryably),
        cmocka_unit_test(test_entry_over_the_limit_is_refused),
        cmocka_unit_test(test_who_waits_for_room_is_taken_when_there_is_some),
        cmocka_unit_test(test_entry_larger_than_a_segment_is_kept),
        cmocka_unit_test(test_interval_mode_keeps_everything_over_a_clean_stop),
        cmocka_unit_test(test_off_mode_keeps_everything_over_a_clean_stop),
        cmocka_unit_test(test_start_without_appends_leaves_no_segments),
        cmocka_unit_test(test_next_lsn_is_at_least_the_catalogs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
