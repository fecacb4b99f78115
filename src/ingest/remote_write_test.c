#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/histogram/histogram.h"
#include "format/protobuf/protobuf.h"
#include "ingest/ingest.h"

static Engine *engine;
static MemBudget budget;
static char folder[] = "/tmp/luma-remote-write-XXXXXX";
static IngestTally tally;
static Error err;

static void put_label(Buf *series, const char *name, const char *value)
{
    CLEANUP(buf_done) Buf label = {0};
    pb_put_bytes(&label, 1, str_from(name));
    pb_put_bytes(&label, 2, str_from(value));
    pb_put_bytes(series, 1, buf_str(&label));
}

static void put_sample(Buf *series, double value, int64_t ts_ms)
{
    CLEANUP(buf_done) Buf sample = {0};
    pb_put_double(&sample, 1, value);
    pb_put_varint(&sample, 2, (uint64_t)ts_ms);
    pb_put_bytes(series, 2, buf_str(&sample));
}

typedef Status (*Decode)(WriteBatch *batch, Str message, IngestTally *ret_tally, Error *ret_err);

/* Decodes one request and, when that succeeds, writes it. */
static Status decode_with(Decode fn, const Buf *message)
{
    WriteBatch *batch;
    tally = (IngestTally){0};
    assert_int_equal(write_batch_new(engine, &batch, &err), STATUS_OK);
    Status status = fn(batch, buf_str(message), &tally, &err);
    if (status != STATUS_OK) {
        write_batch_free(batch);
        return status;
    }
    return engine_write_wait(engine, batch, NULL, &err);
}

static Status decode(const Buf *message)
{
    return decode_with(remote_write_decode, message);
}

/* Value of the newest sample of the only series with this name, or NaN. */
static double newest(const char *name, uint32_t *ret_series)
{
    Snapshot *snapshot;
    SeriesList list;
    LabelMatcher matcher;
    Arena arena;
    const NativeHistogram *histogram;
    double value = 0;
    int64_t ts_ms;
    bool found = false;
    arena_init(&arena, NULL);
    assert_int_equal(engine_snapshot(engine, &snapshot, &err), STATUS_OK);
    assert_int_equal(
        label_matcher_make(MATCH_EQ, LABEL_NAME, str_from(name), &arena, &matcher, &err),
        STATUS_OK);
    assert_int_equal(
        engine_select_series(snapshot, &matcher, 1, INT64_MIN, INT64_MAX, &arena, &list, &err),
        STATUS_OK);
    *ret_series = list.count;
    if (list.count)
        assert_int_equal(engine_last_sample(snapshot, list.refs[0], INT64_MIN, INT64_MAX, &arena,
                                            &found, &ts_ms, &value, &histogram, &err),
                         STATUS_OK);
    if (found && histogram)
        value = histogram->count;
    snapshot_free(snapshot);
    arena_done(&arena);
    return value;
}

static void test_labels_in_any_place_name_the_same_series(void **state)
{
    CLEANUP(buf_done) Buf message = {0};
    CLEANUP(buf_done) Buf series = {0};
    uint32_t count;
    put_label(&series, "__name__", "scattered");
    put_label(&series, "a", "1");
    put_sample(&series, 1, 1000);
    pb_put_bytes(&message, 1, buf_str(&series));
    buf_clear(&series);
    put_label(&series, "a", "1");
    put_sample(&series, 2, 2000);
    put_label(&series, "__name__", "scattered");
    put_label(&series, "empty", "");
    pb_put_bytes(&message, 1, buf_str(&series));
    assert_int_equal(decode(&message), STATUS_OK);
    assert_int_equal(tally.samples, 2);
    assert_true(newest("scattered", &count) == 2);
    assert_int_equal(count, 1);
}

static void test_a_cut_message_stores_nothing(void **state)
{
    CLEANUP(buf_done) Buf message = {0};
    CLEANUP(buf_done) Buf series = {0};
    uint32_t count;
    int whole = 0;
    put_label(&series, "__name__", "cut");
    for (int i = 0; i < 3; i++)
        put_sample(&series, i, i);
    pb_put_bytes(&message, 1, buf_str(&series));
    for (size_t len = 1; len < message.len; len++) {
        Buf part = {.ptr = message.ptr, .len = len};
        assert_int_equal(decode(&part), STATUS_INVALID);
        whole++;
    }
    assert_true(whole > 10);
    (void)newest("cut", &count);
    assert_int_equal(count, 0);
}

static void test_bad_series_are_counted_and_the_others_stored(void **state)
{
    CLEANUP(buf_done) Buf message = {0};
    CLEANUP(buf_done) Buf series = {0};
    CLEANUP(buf_done) Buf text = {0};
    uint32_t count;
    put_label(&series, "a", "1");
    put_label(&series, "a", "2");
    put_sample(&series, 1, 1);
    put_sample(&series, 2, 2);
    pb_put_bytes(&message, 1, buf_str(&series));
    buf_clear(&series);
    put_sample(&series, 1, 1); /* no labels at all */
    pb_put_bytes(&message, 1, buf_str(&series));
    buf_clear(&series);
    put_label(&series, "__name__", "good");
    put_sample(&series, 5, INGEST_TS_MAX_MS + 1);
    put_sample(&series, 6, INGEST_TS_MAX_MS);
    pb_put_bytes(&message, 1, buf_str(&series));
    assert_int_equal(decode(&message), STATUS_OK);
    assert_int_equal(tally.samples, 1);
    assert_int_equal(tally.refused[INGEST_REASON_LABELS], 3);
    assert_int_equal(tally.refused[INGEST_REASON_TIMESTAMP], 1);
    ingest_describe_refusals(&tally, &text);
    assert_true(str_starts(buf_str(&text), STR("4 of 5 items were refused (3 bad label set, 1 "
                                               "timestamp out of range)")));
    assert_true(newest("good", &count) == 6);
}

/* A float and an integer histogram; packed and unpacked numbers are both legal protobuf. */
static void test_histograms_of_both_kinds_are_read(void **state)
{
    for (int packed = 0; packed < 2; packed++) {
        CLEANUP(buf_done) Buf message = {0};
        CLEANUP(buf_done) Buf series = {0};
        CLEANUP(buf_done) Buf histogram = {0};
        CLEANUP(buf_done) Buf part = {0};
        uint32_t count;
        put_label(&series, "__name__", packed ? "packed" : "unpacked");
        pb_put_varint(&histogram, 1, 8);
        pb_put_double(&histogram, 3, 9.5);
        pb_put_varint(&histogram, 6, 1); /* one observation in the zero bucket */
        pb_put_varint(&part, 2, 3);
        pb_put_bytes(&histogram, 11, buf_str(&part));
        buf_clear(&part);
        static const int64_t deltas[] = {2, 1, -1};
        for (int i = 0; i < 3; i++) {
            if (packed)
                buf_append_varint(&part, zigzag_encode(deltas[i]));
            else
                pb_put_varint(&histogram, 12, zigzag_encode(deltas[i]));
        }
        if (packed)
            pb_put_bytes(&histogram, 12, buf_str(&part));
        pb_put_varint(&histogram, 15, 1000);
        pb_put_bytes(&series, 4, buf_str(&histogram));
        pb_put_bytes(&message, 1, buf_str(&series));
        assert_int_equal(decode(&message), STATUS_OK);
        assert_int_equal(tally.histograms, 1);
        assert_true(newest(packed ? "packed" : "unpacked", &count) == 8);
    }
}

static void test_a_bad_histogram_is_refused_alone(void **state)
{
    CLEANUP(buf_done) Buf message = {0};
    CLEANUP(buf_done) Buf series = {0};
    CLEANUP(buf_done) Buf histogram = {0};
    uint32_t count;
    pb_put_varint(&histogram, 4, zigzag_encode(99)); /* no such schema */
    pb_put_varint(&histogram, 15, 1000);
    put_label(&series, "__name__", "beside");
    put_sample(&series, 3, 1000);
    pb_put_bytes(&series, 4, buf_str(&histogram));
    pb_put_bytes(&message, 1, buf_str(&series));
    assert_int_equal(decode(&message), STATUS_OK);
    assert_int_equal(tally.refused[INGEST_REASON_HISTOGRAM], 1);
    assert_true(newest("beside", &count) == 3);
}

/* A request of version 2.0: symbols, then one series with a sample, an exemplar and metadata. */
static void make_version_2(Buf *message, uint64_t value_symbol)
{
    static const char *const symbols[] = {"",  "__name__", "second", "a",
                                          "1", "trace_id", "abc",    "What it is."};
    CLEANUP(buf_done) Buf series = {0};
    CLEANUP(buf_done) Buf part = {0};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(symbols); i++)
        pb_put_bytes(message, 4, str_from(symbols[i]));
    const uint64_t refs[] = {1, 2, 3, value_symbol};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(refs); i++)
        buf_append_varint(&part, refs[i]);
    pb_put_bytes(&series, 1, buf_str(&part));
    buf_clear(&part);
    pb_put_double(&part, 1, 2.5);
    pb_put_varint(&part, 2, 5000);
    pb_put_varint(&part, 3, 1000);
    pb_put_bytes(&series, 2, buf_str(&part));
    buf_clear(&part);
    pb_put_bytes(&part, 1, STR("\x05\x06"));
    pb_put_double(&part, 2, 1);
    pb_put_varint(&part, 3, 4000);
    pb_put_bytes(&series, 4, buf_str(&part));
    buf_clear(&part);
    pb_put_varint(&part, 1, 1);
    pb_put_varint(&part, 3, 7);
    pb_put_bytes(&series, 5, buf_str(&part));
    pb_put_bytes(message, 5, buf_str(&series));
}

static void test_version_2_resolves_its_symbols(void **state)
{
    CLEANUP(buf_done) Buf message = {0};
    uint32_t count;
    make_version_2(&message, 4);
    assert_int_equal(decode_with(remote_write2_decode, &message), STATUS_OK);
    assert_int_equal(tally.samples, 1);
    assert_int_equal(tally.exemplars, 1);
    assert_int_equal(tally.metadata, 1);
    assert_true(newest("second", &count) == 2.5);
    assert_int_equal(count, 1);
    assert_int_equal(decode_with(remote_write2_decode, &message), STATUS_OK);
    (void)newest("second", &count);
    assert_int_equal(count, 1);
    buf_clear(&message);
    make_version_2(&message, 99);
    assert_int_equal(decode_with(remote_write2_decode, &message), STATUS_INVALID);
    assert_true(str_find(str_from(err.message), STR("refers to no symbol")) >= 0);
}

static int open_engine(void **state)
{
    EngineReport report;
    mem_budget_init(&budget, NULL, "test memory", 256 << 20);
    EngineOptions options = {.budget = &budget, .wal_segment_bytes = 1 << 20};
    options.data_dir = mkdtemp(folder);
    return options.data_dir && engine_open(&options, &engine, &report, &err) == STATUS_OK ? 0 : -1;
}

static int close_engine(void **state)
{
    char command[128];
    engine_close(engine);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_in_any_place_name_the_same_series),
        cmocka_unit_test(test_a_cut_message_stores_nothing),
        cmocka_unit_test(test_bad_series_are_counted_and_the_others_stored),
        cmocka_unit_test(test_histograms_of_both_kinds_are_read),
        cmocka_unit_test(test_a_bad_histogram_is_refused_alone),
        cmocka_unit_test(test_version_2_resolves_its_symbols),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
