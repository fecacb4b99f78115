/* Failing calls, torn and damaged files: nothing acknowledged is lost, no damage is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/checksum.h"
#include "storage/wal/wal_int.h"
#include "vfs_fault.h"
#include "wal_fixture.h"

typedef struct Rig {
    FaultVfs fault;
    WalFixture fixture;
} Rig;

static void rig_init(Rig *rig)
{
    fault_vfs_init(&rig->fault);
    wal_fixture_init(&rig->fixture, &rig->fault.base);
    rig->fixture.options.segment_bytes_max = 4096;
}

static void rig_done(Rig *rig)
{
    wal_fixture_done(&rig->fixture);
    fault_vfs_done(&rig->fault);
}

/* Appends and settles one at a time until the log stops or `count` are through. */
static void append_each(WalFixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        if (wal_fixture_try_append(f, 20, NULL) != STATUS_OK)
            return;
        (void)wal_flush(f->wal, NULL); /* fails with the log, which the callers look at */
    }
}

/* Opens with a sound disk and compares. */
static void assert_nothing_lost(Rig *rig)
{
    for (int i = 0; i < VFS_CALL_COUNT_; i++)
        fault_vfs_arm(&rig->fault, i, 0, 0, false);
    wal_fixture_close(&rig->fixture);
    wal_fixture_open(&rig->fixture);
    wal_fixture_assert_replayed_acked(&rig->fixture);
}

static void test_failed_sync_is_final_and_never_retried(void **)
{
    for (int n = 1; n <= 12; n++) {
        Rig rig;
        Error err;
        rig_init(&rig);
        wal_fixture_open(&rig.fixture);
        fault_vfs_arm(&rig.fault, VFS_CALL_SYNC, n, EIO, false); /* once: a retry would succeed */
        append_each(&rig.fixture, 60);
        assert_true(wal_failed(rig.fixture.wal, &err));
        assert_int_equal(err.status, STATUS_UNAVAILABLE);
        assert_non_null(strstr(err.message, "write-ahead log failed"));
        assert_non_null(strstr(err.message, "serves reads only"));
        int64_t syncs = fault_vfs_calls(&rig.fault, VFS_CALL_SYNC);
        assert_int_equal(wal_fixture_try_append(&rig.fixture, 1, &err), STATUS_UNAVAILABLE);
        assert_int_equal(wal_flush(rig.fixture.wal, &err), STATUS_UNAVAILABLE);
        wal_fixture_close(&rig.fixture);
        assert_int_equal(fault_vfs_calls(&rig.fault, VFS_CALL_SYNC), syncs);
        assert_int_equal(rig.fixture.failed_count, 1);
        assert_int_equal(rig.fixture.failure.status, STATUS_UNAVAILABLE);
        assert_nothing_lost(&rig);
        rig_done(&rig);
    }
}

static void test_full_sync_is_final_too(void **)
{
    Rig rig;
    rig_init(&rig);
    wal_fixture_open(&rig.fixture);
    append_each(&rig.fixture, 5);
    fault_vfs_arm(&rig.fault, VFS_CALL_SYNC, 1, ENOSPC, false);
    append_each(&rig.fixture, 1);
    assert_true(wal_failed(rig.fixture.wal, NULL));
    assert_nothing_lost(&rig);
    rig_done(&rig);
}

static void test_failed_write_is_final(void **)
{
    for (int n = 1; n <= 40; n++) {
        Rig rig;
        rig_init(&rig);
        wal_fixture_open(&rig.fixture);
        fault_vfs_arm(&rig.fault, VFS_CALL_WRITE, n, EIO, false);
        append_each(&rig.fixture, 60);
        assert_true(wal_failed(rig.fixture.wal, NULL));
        assert_nothing_lost(&rig); /* closes, so that every callback has run */
        assert_int_equal(rig.fixture.failed_count, 1);
        rig_done(&rig);
    }
}

static void test_full_disk_refuses_and_recovers(void **)
{
    for (int n = 1; n <= 40; n++) {
        Rig rig;
        rig_init(&rig);
        wal_fixture_open(&rig.fixture);
        fault_vfs_arm(&rig.fault, VFS_CALL_WRITE, n, ENOSPC, true);
        append_each(&rig.fixture, 45);
        assert_false(wal_failed(rig.fixture.wal, NULL));
        assert_true(rig.fixture.failed_count > 0);
        assert_string_equal(rig.fixture.failure.sqlstate, "53100");
        assert_int_equal(rig.fixture.failure.status, STATUS_UNAVAILABLE);
        size_t acked = rig.fixture.acked_count;
        fault_vfs_arm(&rig.fault, VFS_CALL_WRITE, 0, 0, false);
        append_each(&rig.fixture, 10);
        assert_int_equal(rig.fixture.acked_count, acked + 10);
        assert_nothing_lost(&rig);
        assert_int_equal(rig.fixture.replayed_count, acked + 10);
        assert_int_equal(rig.fixture.report.damage_count, 0);
        rig_done(&rig);
    }
}

static void test_full_disk_whose_torn_bytes_stay_is_final(void **)
{
    Rig rig;
    rig_init(&rig);
    wal_fixture_open(&rig.fixture);
    append_each(&rig.fixture, 3);
    fault_vfs_arm(&rig.fault, VFS_CALL_WRITE, 1, ENOSPC, false);
    fault_vfs_arm(&rig.fault, VFS_CALL_TRUNCATE, 1, EIO, false);
    append_each(&rig.fixture, 1);
    assert_true(wal_failed(rig.fixture.wal, NULL));
    assert_nothing_lost(&rig);
    rig_done(&rig);
}

/* Whatever single call fails, once or for ever, at the first start or a later one. */
static void test_any_failing_call_loses_nothing_acknowledged(void **)
{
    static const int errnums[] = {EIO, ENOSPC};
    for (int call = 0; call < VFS_CALL_COUNT_; call++) {
        for (int n = 1; n <= 12; n++) {
            for (int variant = 0; variant < 4; variant++) {
                Rig rig;
                Error err;
                rig_init(&rig);
                fault_vfs_arm(&rig.fault, call, n, errnums[variant & 1], variant & 2);
                if (wal_fixture_try_open(&rig.fixture, &err) == STATUS_OK) {
                    append_each(&rig.fixture, 30);
                    (void)wal_truncate_below(rig.fixture.wal, 0, NULL); /* nothing is below 0 */
                    wal_fixture_close(&rig.fixture);
                    if (wal_fixture_try_open(&rig.fixture, &err) == STATUS_OK)
                        append_each(&rig.fixture, 30);
                }
                assert_nothing_lost(&rig);
                rig_done(&rig);
            }
        }
    }
}

static void test_preallocation_is_optional(void **)
{
    Rig rig;
    rig_init(&rig);
    fault_vfs_arm(&rig.fault, VFS_CALL_ALLOCATE, 1, EOPNOTSUPP, true);
    wal_fixture_open(&rig.fixture);
    append_each(&rig.fixture, 50);
    assert_int_equal(rig.fixture.acked_count, 50);
    assert_nothing_lost(&rig);
    rig_done(&rig);
}

/* --- damage to a small log --- */

typedef struct Image {
    uint8_t *bytes;
    size_t len;
    char path[4096];
} Image;

/* A closed log of `count` acknowledged entries in one segment, and its bytes. */
static void make_log(WalFixture *f, int count, Image *image)
{
    CLEANUP(arena_done) Arena arena = {0};
    Str bytes;
    wal_fixture_init(f, NULL);
    wal_fixture_open(f);
    append_each(f, count);
    wal_fixture_close(f);
    assert_int_equal(f->acked_count, count);
    assert_int_equal(wal__segment_path(f->dir, "", 1, image->path, NULL), STATUS_OK);
    assert_int_equal(vfs_read_file(vfs_posix(), image->path, 1 << 24, &arena, &bytes, NULL),
                     STATUS_OK);
    image->bytes = mem_dup(bytes.ptr, bytes.len);
    image->len = bytes.len;
}

static void put_image(const Image *image, size_t len)
{
    FILE *file = fopen(image->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(image->bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void remove_others(WalFixture *f)
{
    wal_fixture_close(f);
    wal_fixture_remove_dir(f->dir);
    wal_fixture_remove_dir(f->lost);
    assert_int_equal(vfs_mkdir_all(vfs_posix(), f->dir, NULL), STATUS_OK);
}

static void test_tail_torn_at_every_byte_is_cut(void **)
{
    WalFixture f;
    Image image;
    make_log(&f, 12, &image);
    size_t entry = wal__entry_bytes(4 * 21);
    for (size_t len = 0; len < image.len; len++) {
        remove_others(&f);
        put_image(&image, len);
        wal_fixture_open(&f);
        size_t whole =
            len < WAL_SEGMENT_HEADER_BYTES ? 0 : (len - WAL_SEGMENT_HEADER_BYTES) / entry;
        assert_int_equal(f.replayed_count, whole);
        bool torn = len > WAL_SEGMENT_HEADER_BYTES && (len - WAL_SEGMENT_HEADER_BYTES) % entry != 0;
        assert_int_equal(f.report.damage_count, torn);
        if (torn) {
            assert_int_equal(f.report.damages[0].kind, WAL_DAMAGE_TORN_TAIL);
            assert_false(f.report.damages[0].acked_perhaps);
        }
        assert_int_not_equal(access(f.lost, F_OK), 0);
        /* It goes on behind the cut, and the next start finds nothing amiss. */
        wal_fixture_append(&f, 20);
        wal_fixture_close(&f);
        wal_fixture_open(&f);
        assert_int_equal(f.replayed_count, whole + 1);
        assert_int_equal(f.report.damage_count, 0);
    }
    mem_free(image.bytes);
    wal_fixture_done(&f);
}

static void test_flip_in_every_byte_is_detected_and_the_rest_replays(void **)
{
    WalFixture f;
    Image image;
    make_log(&f, 8, &image);
    size_t entry = wal__entry_bytes(4 * 21);
    for (size_t at = 0; at < image.len; at++) {
        uint8_t bit = (uint8_t)(1 << at * 5 % 8);
        remove_others(&f);
        image.bytes[at] ^= bit;
        put_image(&image, image.len);
        image.bytes[at] ^= bit;
        wal_fixture_open(&f); /* asserts that contents are right */
        bool in_header = at < WAL_SEGMENT_HEADER_BYTES;
        size_t hit = in_header ? SIZE_MAX : (at - WAL_SEGMENT_HEADER_BYTES) / entry;
        assert_int_equal(f.replayed_count, in_header ? 8 : 7);
        for (size_t i = 0, number = 0; i < f.replayed_count; i++, number++) {
            number += number == hit;
            assert_int_equal(f.replayed[i], number);
        }
        assert_int_equal(f.report.damage_count, 1);
        WalDamageKind kind = f.report.damages[0].kind;
        assert_int_equal(kind, in_header  ? WAL_DAMAGE_HEADER
                               : hit == 7 ? WAL_DAMAGE_TORN_TAIL
                                          : WAL_DAMAGE_BYTES);
        if (kind == WAL_DAMAGE_BYTES) {
            assert_int_equal(f.report.damages[0].lsn_first, hit + 1);
            assert_int_equal(f.report.damages[0].lsn_last, hit + 1);
            /* Acknowledged, and the entries behind the next one know it. */
            assert_int_equal(f.report.damages[0].acked_perhaps, true);
        }
        if (kind != WAL_DAMAGE_TORN_TAIL)
            assert_int_equal(access(f.lost, F_OK), 0); /* a copy was set aside */
    }
    mem_free(image.bytes);
    wal_fixture_done(&f);
}

static void test_zeroed_sectors_are_detected_and_the_rest_replays(void **)
{
    WalFixture f;
    Image image;
    make_log(&f, 100, &image);
    for (size_t at = 0; at + 512 < image.len - 512; at += 512) {
        remove_others(&f);
        uint8_t saved[512];
        memcpy(saved, image.bytes + at, 512);
        memset(image.bytes + at, 0, 512);
        put_image(&image, image.len);
        memcpy(image.bytes + at, saved, 512);
        wal_fixture_open(&f);
        assert_true(f.report.damage_count >= 1);
        assert_true(f.replayed_count >= 93 && f.replayed_count < 100);
    }
    mem_free(image.bytes);
    wal_fixture_done(&f);
}

/* Stale or misplaced blocks have good checksums elsewhere, and none here. */
static void test_misplaced_entry_is_not_believed(void **)
{
    WalFixture f;
    Image image;
    make_log(&f, 12, &image);
    size_t entry = wal__entry_bytes(4 * 21);
    remove_others(&f);
    uint8_t *fourth = image.bytes + WAL_SEGMENT_HEADER_BYTES + 3 * entry;
    memcpy(fourth, fourth - entry, entry); /* the third once more */
    put_image(&image, image.len);
    wal_fixture_open(&f);
    assert_int_equal(f.replayed_count, 11);
    assert_int_equal(f.report.damage_count, 1);
    assert_int_equal(f.report.damages[0].lsn_first, 4);
    mem_free(image.bytes);
    wal_fixture_done(&f);
}

static void test_segment_under_a_wrong_name_is_not_believed(void **)
{
    WalFixture f;
    Image image;
    char wrong[4096];
    make_log(&f, 5, &image);
    assert_int_equal(wal__segment_path(f.dir, "", 77, wrong, NULL), STATUS_OK);
    assert_int_equal(rename(image.path, wrong), 0);
    wal_fixture_open(&f);
    assert_int_equal(f.replayed_count, 0);
    assert_true(f.report.damage_count > 0);
    assert_true(wal_next_lsn(f.wal) > 77);
    mem_free(image.bytes);
    wal_fixture_done(&f);
}

static void test_missing_segment_is_reported_as_gap(void **)
{
    WalFixture f;
    CLEANUP(arena_done) Arena arena = {0};
    WalSegmentInfo *segments;
    char path[4096];
    wal_fixture_init(&f, NULL);
    f.options.segment_bytes_max = 1024;
    wal_fixture_open(&f);
    append_each(&f, 40);
    assert_true(wal_segments(f.wal, &arena, &segments) > 3);
    wal_fixture_close(&f);
    assert_int_equal(wal__segment_path(f.dir, "", segments[1].lsn_first, path, NULL), STATUS_OK);
    assert_int_equal(unlink(path), 0);
    wal_fixture_open(&f);
    assert_int_equal(f.report.damage_count, 1);
    assert_int_equal(f.report.damages[0].kind, WAL_DAMAGE_GAP);
    assert_int_equal(f.report.damages[0].lsn_first, segments[1].lsn_first);
    assert_int_equal(f.report.damages[0].lsn_last, segments[1].lsn_last);
    assert_int_equal(f.replayed_count, 40 - (segments[1].lsn_last - segments[1].lsn_first + 1));
    wal_fixture_done(&f);
}

static void test_unreadable_blocks_are_reported_and_the_rest_replays(void **)
{
    Rig rig;
    rig_init(&rig);
    rig.fixture.options.segment_bytes_max = 1 << 20;
    wal_fixture_open(&rig.fixture);
    append_each(&rig.fixture, 200);
    wal_fixture_close(&rig.fixture);
    /* The whole read fails, then the second of the blocks. */
    fault_vfs_arm(&rig.fault, VFS_CALL_READ, 1, EIO, false);
    wal_fixture_open(&rig.fixture);
    assert_int_equal(rig.fixture.replayed_count, 200);
    assert_int_equal(rig.fixture.report.damage_count, 0);
    rig_done(&rig);
}

static void test_newer_format_is_refused(void **)
{
    WalFixture f;
    Image image;
    Error err;
    make_log(&f, 3, &image);
    image.bytes[8] = 2;
    uint32_t crc = crc32c(0, image.bytes, 36);
    memcpy(image.bytes + 36, &crc, 4);
    put_image(&image, image.len);
    assert_int_equal(wal_fixture_try_open(&f, &err), STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "newer LumaDB"));
    mem_free(image.bytes);
    wal_fixture_done(&f);
}

static void test_entry_that_cannot_be_decoded_is_reported(void **)
{
    WalFixture f;
    Image image;
    make_log(&f, 6, &image);
    f.corrupt_number = 2;
    wal_fixture_open(&f);
    assert_int_equal(f.replayed_count, 5);
    assert_int_equal(f.report.damage_count, 1);
    assert_int_equal(f.report.damages[0].kind, WAL_DAMAGE_ENTRY);
    assert_int_equal(f.report.damages[0].lsn_first, 3);
    mem_free(image.bytes);
    wal_fixture_done(&f);
}

static void test_second_opener_is_refused(void **)
{
    WalFixture f;
    Wal *second = NULL;
    WalReport report = {0};
    Error err;
    wal_fixture_init(&f, NULL);
    wal_fixture_open(&f);
    assert_int_equal(wal_open(&f.options, NULL, NULL, &report, &second, &err), STATUS_CONFLICT);
    wal_report_done(&report);
    wal_fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_sync_is_final_and_never_retried),
        cmocka_unit_test(test_full_sync_is_final_too),
        cmocka_unit_test(test_failed_write_is_final),
        cmocka_unit_test(test_full_disk_refuses_and_recovers),
        cmocka_unit_test(test_full_disk_whose_torn_bytes_stay_is_final),
        cmocka_unit_test(test_any_failing_call_loses_nothing_acknowledged),
        cmocka_unit_test(test_preallocation_is_optional),
        cmocka_unit_test(test_tail_torn_at_every_byte_is_cut),
        cmocka_unit_test(test_flip_in_every_byte_is_detected_and_the_rest_replays),
        cmocka_unit_test(test_zeroed_sectors_are_detected_and_the_rest_replays),
        cmocka_unit_test(test_misplaced_entry_is_not_believed),
        cmocka_unit_test(test_segment_under_a_wrong_name_is_not_believed),
        cmocka_unit_test(test_missing_segment_is_reported_as_gap),
        cmocka_unit_test(test_unreadable_blocks_are_reported_and_the_rest_replays),
        cmocka_unit_test(test_newer_format_is_refused),
        cmocka_unit_test(test_entry_that_cannot_be_decoded_is_reported),
        cmocka_unit_test(test_second_opener_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
