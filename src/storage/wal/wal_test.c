#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_then_reopen_replays_in_order),
        cmocka_unit_test(test_segments_roll_and_truncate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
