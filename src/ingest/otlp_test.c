#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/otlp_int.h"

enum { DELTA = 1, CUMULATIVE = 2 };

#define SEC UINT64_C(1000000000)

static Engine *engine;
static OtlpIngest *ingest;
static MemBudget budget;
static char folder[] = "/tmp/luma-otlp-XXXXXX";
static _Thread_local OtlpWrite last; /* tally of the last request */
static _Thread_local Error err;

/* ---------------------------------------------------------------- building requests */

static void put_fixed64(Buf *out, uint32_t number, uint64_t value)
{
    double bits;
    memcpy(&bits, &value, sizeof bits);
    pb_put_double(out, number, bits);
}

static void put_attribute(Buf *out, uint32_t number, const char *key, const char *value)
{
    CLEANUP(buf_done) Buf any = {0};
    CLEANUP(buf_done) Buf attribute = {0};
    pb_put_bytes(&any, 1, str_from(value));
    pb_put_bytes(&attribute, 1, str_from(key));
    pb_put_bytes(&attribute, 2, buf_str(&any));
    pb_put_bytes(out, number, buf_str(&attribute));
}

/* One item under one resource and scope. */
static void wrap(Buf *item, Buf *ret_request)
{
    CLEANUP(buf_done) Buf scope = {0};
    CLEANUP(buf_done) Buf resource = {0};
    CLEANUP(buf_done) Buf group = {0};
    put_attribute(&resource, 1, "service.name", "api");
    pb_put_bytes(&scope, 2, buf_str(item));
    pb_put_bytes(&group, 1, buf_str(&resource));
    pb_put_bytes(&group, 2, buf_str(&scope));
    pb_put_bytes(ret_request, 1, buf_str(&group));
}

/* A metric of field `kind` with one point. */
static void make_metric(const char *name, uint32_t kind, int temporality, const Buf *point,
                        Buf *ret_request)
{
    CLEANUP(buf_done) Buf data = {0};
    CLEANUP(buf_done) Buf metric = {0};
    pb_put_bytes(&data, 1, buf_str(point));
    if (temporality)
        pb_put_varint(&data, 2, (uint64_t)temporality);
    if (kind == 7)
        pb_put_varint(&data, 3, 1);
    pb_put_bytes(&metric, 1, str_from(name));
    pb_put_bytes(&metric, kind, buf_str(&data));
    wrap(&metric, ret_request);
}

typedef struct Waiter {
    OtlpWrite write;
    Mutex lock;
    Cond cond;
    bool done;
    Status status;
    Error err;
} Waiter;

static void on_done(OtlpWrite *write, Status status, const Error *why)
{
    Waiter *waiter = LUMA_CONTAINER_OF(write, Waiter, write);
    MUTEX_GUARD(&waiter->lock);
    if (why)
        waiter->err = *why;
    waiter->status = status;
    waiter->done = true;
    cond_signal(&waiter->cond);
}

static Status send_bytes(OtlpSignal signal, bool json, Str message)
{
    Waiter waiter = {
        .write = {.signal = signal, .json = json, .message = message, .on_done = on_done}};
    mutex_init(&waiter.lock);
    cond_init(&waiter.cond);
    otlp_write(ingest, &waiter.write);
    mutex_lock(&waiter.lock);
    while (!waiter.done)
        cond_wait(&waiter.cond, &waiter.lock);
    mutex_unlock(&waiter.lock);
    last = waiter.write;
    err = waiter.err;
    otlp_write_done(&waiter.write);
    cond_done(&waiter.cond);
    mutex_done(&waiter.lock);
    return waiter.status;
}

static void send_sum(const char *name, int temporality, uint64_t start_s, uint64_t end_s,
                     double value)
{
    CLEANUP(buf_done) Buf point = {0};
    CLEANUP(buf_done) Buf request = {0};
    put_fixed64(&point, 2, start_s * SEC);
    put_fixed64(&point, 3, end_s * SEC);
    pb_put_double(&point, 4, value);
    put_attribute(&point, 7, "k", "v");
    make_metric(name, 7, temporality, &point, &request);
    assert_int_equal(send_bytes(OTLP_METRICS, false, buf_str(&request)), STATUS_OK);
}

/* The newest sample of the only series with this name; NaN when there is none. */
static double newest(const char *name, int64_t *ret_ts_ms)
{
    CLEANUP(arena_done) Arena arena = {0};
    const NativeHistogram *histogram = NULL;
    LabelMatcher matcher;
    Snapshot *snapshot;
    SeriesList list;
    double value = NAN;
    bool found = false;
    int64_t ts_ms = 0;
    arena_init(&arena, NULL);
    assert_int_equal(engine_snapshot(engine, &snapshot, &err), STATUS_OK);
    assert_int_equal(
        label_matcher_make(MATCH_EQ, LABEL_NAME, str_from(name), &arena, &matcher, &err),
        STATUS_OK);
    assert_int_equal(
        engine_select_series(snapshot, &matcher, 1, INT64_MIN, INT64_MAX, &arena, &list, &err),
        STATUS_OK);
    assert_true(list.count <= 1);
    if (list.count)
        assert_int_equal(engine_last_sample(snapshot, list.refs[0], INT64_MIN, INT64_MAX, &arena,
                                            &found, &ts_ms, &value, &histogram, &err),
                         STATUS_OK);
    if (histogram)
        value = histogram->count;
    snapshot_free(snapshot);
    if (ret_ts_ms)
        *ret_ts_ms = ts_ms;
    return found ? value : NAN;
}

static void assert_newest(const char *name, double value, int64_t ts_s)
{
    int64_t ts_ms;
    double got = newest(name, &ts_ms);
    if (got != value || ts_ms != ts_s * 1000)
        fail_msg("%s: got %g at %lld ms, expected %g at %lld s", name, got, (long long)ts_ms, value,
                 (long long)ts_s);
}

/* ---------------------------------------------------------------- texts */

static void test_doubles_print_as_numeric_and_as_go(void **)
{
    static const struct {
        double value;
        const char *plain;
        const char *go;
    } cases[] = {
        {0, "0", "0"},
        {1.5, "1.5", "1.5"},
        {-0.25, "-0.25", "-0.25"},
        {1e21, "1000000000000000000000", "1e+21"},
        {123456789, "123456789", "123456789"},
        {1e-7, "0.0000001", "1e-7"},
        {1.25e-9, "0.00000000125", "1.25e-9"},
        {0.1, "0.1", "0.1"},
    };
    Arena arena;
    arena_init(&arena, NULL);
    OtlpText text = {.arena = &arena, .chunk_bytes = 16};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        otlp_text_plain_double(&text, cases[i].value);
        assert_true(str_eq(otlp_text_end(&text), str_from(cases[i].plain)));
        otlp_text_go_double(&text, cases[i].value);
        assert_true(str_eq(otlp_text_end(&text), str_from(cases[i].go)));
    }
    arena_done(&arena);
}

static void test_malformed_utf8_becomes_the_replacement_character(void **)
{
    Arena arena;
    arena_init(&arena, NULL);
    OtlpText text = {.arena = &arena, .chunk_bytes = 16};
    Str sound = STR("plain \xC3\xA9 text of some length");
    assert_ptr_equal(otlp_text_repair(&text, sound).ptr, sound.ptr);
    assert_int_equal(text.repaired, 0);
    assert_true(str_eq(otlp_text_repair(&text, STR("a\xFF\0b")), STR("a\xEF\xBF\xBD\xEF\xBF\xBD"
                                                                     "b")));
    otlp_text_json_string(&text, STR("q\"\\\n\x01\xC3\xA9\xC3"), false);
    assert_true(str_eq(otlp_text_end(&text), STR("\"q\\\"\\\\\\n\\u0001\xC3\xA9\xEF\xBF\xBD\"")));
    assert_int_equal(text.repaired, 2);
    arena_done(&arena);
}

/* Every byte in every place of a word, against the definition. */
static void test_plain_texts_are_told_from_others(void **)
{
    for (size_t len = 1; len < 20; len++)
        for (size_t at = 0; at < len; at++)
            for (int c = 0; c < 256; c++) {
                char s[20];
                memset(s, 'x', sizeof s);
                s[at] = (char)c;
                bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
                assert_int_equal(otlp_text_is_plain(str_make(s, len)), plain);
            }
}

/* ---------------------------------------------------------------- requests */

static const char json_logs[] =
    "{\"resourceLogs\":[{\"scope_logs\":[{\"logRecords\":[{\"timeUnixNano\":\"5000000000\","
    "\"severityNumber\":\"SEVERITY_NUMBER_WARN\",\"body\":{\"stringValue\":\"x\\ny\"},"
    "\"traceId\":\"0102030405060708090A0b0c0d0e0f10\",\"attributes\":[{\"key\":\"a\",\"value\":"
    "{\"kvlistValue\":{\"values\":[{\"key\":\"b\",\"value\":{\"bytesValue\":\"AP8\"}}]}}}],"
    "\"nobody\":{\"knows\":[1,null]}}]}]}]}";

static void test_json_and_protobuf_are_the_same_message(void **)
{
    static const uint8_t id[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    CLEANUP(buf_done) Buf out = {0};
    assert_int_equal(otlp_json_to_protobuf(OTLP_LOGS, str_from(json_logs), &out, &err), STATUS_OK);
    Str at = buf_str(&out);
    const uint32_t path[] = {1, 2, 2}; /* resource_logs, scope_logs, log_records */
    PbField f;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(path); i++) {
        PbReader r = pb_reader(at);
        assert_true(pb_next(&r, &f));
        assert_int_equal(f.number, path[i]);
        assert_true(r.cursor == r.end);
        at = f.bytes;
    }
    PbReader r = pb_reader(at);
    assert_true(pb_next(&r, &f) && f.number == 1 && f.wire == PB_FIXED64 && f.value == 5 * SEC);
    assert_true(pb_next(&r, &f) && f.number == 2 && f.value == 13);
    assert_true(pb_next(&r, &f) && f.number == 5);
    assert_true(str_eq(str_sub(f.bytes, 6, 99), STR("x\ny"))); /* key and a length of five bytes */
    assert_true(pb_next(&r, &f) && f.number == 9 && str_eq(f.bytes, str_make(id, sizeof id)));
    assert_true(pb_next(&r, &f) && f.number == 6);
    assert_false(pb_next(&r, &f));
    assert_int_equal(send_bytes(OTLP_LOGS, true, str_from(json_logs)), STATUS_OK);
    assert_int_equal(last.tally.rows, 1);
}

static void test_json_of_another_shape_is_refused(void **)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"resourceLogs\":{}}",
        "{\"resourceLogs\":[1]}",
        "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"traceId\":\"0g\"}]}]}]}",
        "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":1.5}]}]}]}",
        "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"severityNumber\":\"LOUD\"}]}]}]}",
        "{\"resourceLogs\":[]}x",
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(bad); i++)
        if (send_bytes(OTLP_LOGS, true, str_from(bad[i])) != STATUS_INVALID)
            fail_msg("%s was taken", bad[i]);
    assert_int_equal(send_bytes(OTLP_LOGS, true, STR("{\"resourceLogs\":null}")), STATUS_OK);
}

static void test_a_cut_message_stores_nothing(void **)
{
    CLEANUP(buf_done) Buf out = {0};
    CLEANUP(buf_done) Buf point = {0};
    assert_int_equal(otlp_json_to_protobuf(OTLP_LOGS, str_from(json_logs), &out, &err), STATUS_OK);
    for (size_t len = 1; len < out.len; len++)
        assert_int_equal(send_bytes(OTLP_LOGS, false, str_make(out.ptr, len)), STATUS_INVALID);
    buf_clear(&out);
    put_fixed64(&point, 3, SEC);
    pb_put_double(&point, 4, 1);
    make_metric("cut", 5, 0, &point, &out);
    for (size_t len = 1; len < out.len; len++)
        assert_int_equal(send_bytes(OTLP_METRICS, false, str_make(out.ptr, len)), STATUS_INVALID);
    assert_true(isnan(newest("cut", NULL)));
}

static void test_deep_values_are_refused(void **)
{
    CLEANUP(buf_done) Buf value = {0};
    CLEANUP(buf_done) Buf request = {0};
    for (int i = 0; i < 100; i++) { /* an array in an array */
        CLEANUP(buf_done) Buf array = {0};
        pb_put_bytes(&array, 1, buf_str(&value));
        buf_clear(&value);
        pb_put_bytes(&value, 5, buf_str(&array));
    }
    CLEANUP(buf_done) Buf record = {0};
    pb_put_bytes(&record, 5, buf_str(&value));
    wrap(&record, &request);
    assert_int_equal(send_bytes(OTLP_LOGS, false, buf_str(&request)), STATUS_INVALID);
}

static void test_refused_points_are_counted_and_the_others_stored(void **)
{
    CLEANUP(buf_done) Buf point = {0};
    CLEANUP(buf_done) Buf request = {0};
    pb_put_double(&point, 4, 1); /* no time */
    make_metric("timeless", 5, 0, &point, &request);
    put_fixed64(&point, 3, SEC);
    make_metric("whole", 5, 0, &point, &request);
    make_metric("\xE5\xAD\x97", 5, 0, &point, &request); /* no character for a name */
    make_metric("unspecified", 7, 0, &point, &request);
    assert_int_equal(send_bytes(OTLP_METRICS, false, buf_str(&request)), STATUS_OK);
    assert_int_equal(last.refused, 3);
    assert_int_equal(last.tally.refused[INGEST_REASON_TIMESTAMP], 1);
    assert_int_equal(last.tally.refused[INGEST_REASON_METRIC], 2);
    assert_newest("whole", 1, 1);
}

/* ---------------------------------------------------------------- deltas */

static void reopen(void)
{
    EngineReport report;
    EngineOptions options = {.data_dir = folder, .budget = &budget, .wal_segment_bytes = 1 << 20};
    if (engine) {
        engine_close(engine);
        otlp_ingest_free(ingest);
    }
    assert_int_equal(engine_open(&options, &engine, &report, &err), STATUS_OK);
    ingest = otlp_ingest_new(engine, &(OtlpOptions){.delta_streams_max = 100, .budget = &budget});
}

static void test_deltas_add_up_over_restarts(void **)
{
    send_sum("adds", DELTA, 10, 20, 3);
    send_sum("adds", DELTA, 20, 30, 4);
    assert_newest("adds_total", 7, 30);
    reopen();
    send_sum("adds", DELTA, 30, 40, 5);
    assert_newest("adds_total", 12, 40);
    for (int i = 0; i < 300; i++) { /* more streams than are kept */
        char name[32];
        (void)snprintf(name, sizeof name, "crowd_%d", i);
        send_sum(name, DELTA, 10, 20, i);
    }
    send_sum("adds", DELTA, 40, 50, 1);
    assert_newest("adds_total", 13, 50);
    send_sum("crowd_17", DELTA, 20, 30, 1);
    assert_newest("crowd_17_total", 18, 30);
}

static void test_repeated_deltas_count_once_and_late_ones_count(void **)
{
    send_sum("again", DELTA, 10, 20, 3);
    send_sum("again", DELTA, 10, 20, 3); /* the sender saw no answer */
    assert_newest("again_total", 3, 20);
    send_sum("again", DELTA, 20, 30, 4);
    send_sum("again", DELTA, 10, 20, 3);
    assert_newest("again_total", 7, 30);
    send_sum("again", DELTA, 12, 25, 10); /* late: ends where no sample lies */
    assert_newest("again_total", 17, 30);
    send_sum("again", DELTA, 29, 30, 2); /* another interval that ends with the newest */
    assert_newest("again_total", 19, 30);
    reopen();
    send_sum("again", DELTA, 20, 30, 4);
    assert_newest("again_total", 19, 30);
    send_sum("again", DELTA, 30, 40, 1);
    assert_newest("again_total", 20, 40);
}

enum { SENDERS = 4, SENDS = 60 };

/* One series that all senders share, one of their own; every interval ends at another time. */
static void run_sender(void *arg)
{
    uint64_t n = (uint64_t)(uintptr_t)arg;
    char name[32];

    (void)snprintf(name, sizeof name, "own_%d", (int)n);
    for (uint64_t i = 0; i < SENDS; i++) {
        uint64_t end_s = 1000 + i * SENDERS + n;
        send_sum("shared", DELTA, end_s - 1, end_s, 1);
        send_sum(name, DELTA, end_s - 1, end_s, 2);
    }
}

static void test_senders_at_once_lose_no_delta(void **)
{
    Thread threads[SENDERS] = {0};

    for (size_t i = 0; i < SENDERS; i++)
        assert_int_equal(
            thread_start(&threads[i], "sender", run_sender, (void *)(uintptr_t)i, &err), STATUS_OK);
    for (size_t i = 0; i < SENDERS; i++)
        thread_join(&threads[i]);
    assert_newest("shared_total", SENDERS * SENDS, 1000 + SENDERS * SENDS - 1);
    assert_newest("own_2_total", 2 * SENDS, 1000 + (SENDS - 1) * SENDERS + 2);
    reopen();
    assert_newest("shared_total", SENDERS * SENDS, 1000 + SENDERS * SENDS - 1);
}

static void test_cumulative_sums_are_stored_as_they_are(void **)
{
    send_sum("plain", CUMULATIVE, 10, 20, 3);
    send_sum("plain", CUMULATIVE, 10, 30, 4);
    assert_newest("plain_total", 4, 30);
}

static void send_exponential(const char *name, uint64_t end_s, int32_t scale, int32_t offset,
                             uint64_t a, uint64_t b)
{
    CLEANUP(buf_done) Buf counts = {0};
    CLEANUP(buf_done) Buf buckets = {0};
    CLEANUP(buf_done) Buf point = {0};
    CLEANUP(buf_done) Buf request = {0};
    buf_append_varint(&counts, a);
    buf_append_varint(&counts, b);
    pb_put_varint(&buckets, 1, zigzag_encode(offset));
    pb_put_bytes(&buckets, 2, buf_str(&counts));
    put_fixed64(&point, 2, (end_s - 10) * SEC);
    put_fixed64(&point, 3, end_s * SEC);
    put_fixed64(&point, 4, a + b + 1);
    put_fixed64(&point, 7, 1); /* zero_count */
    pb_put_varint(&point, 6, zigzag_encode(scale));
    pb_put_bytes(&point, 8, buf_str(&buckets));
    make_metric(name, 10, DELTA, &point, &request);
    assert_int_equal(send_bytes(OTLP_METRICS, false, buf_str(&request)), STATUS_OK);
    assert_int_equal(last.refused, 0);
}

static void test_exponential_deltas_of_different_scales_add_up(void **)
{
    send_exponential("exp", 20, 20, 100000, 2, 3);
    send_exponential("exp", 30, 2, -5, 4, 1);
    assert_newest("exp", 12, 30);
    reopen();
    send_exponential("exp", 40, -3, 0, 1, 1);
    assert_newest("exp", 15, 40);
}

/* Adding histograms and then making the sum coarser is the same as the other way round. */
static void test_sums_of_exponential_histograms_keep_every_count(void **)
{
    Arena arena;
    uint64_t random = 88172645463325252U;
    arena_init(&arena, NULL);
    for (int round = 0; round < 300; round++) {
        OtlpExponential h[2] = {0};
        double total = 0;
        for (int i = 0; i < 2; i++) {
            random = hash_u64(random + 1);
            h[i].scale = (int32_t)(random % 13) - 4;
            h[i].zero_threshold = random >> 40 & 1 ? 0.5 : 1e-128;
            h[i].zero_count = (double)(random >> 41 & 7);
            h[i].count = h[i].zero_count;
            for (int s = 0; s < 2; s++) {
                OtlpBuckets *side = &h[i].sides[s];
                random = hash_u64(random + 1);
                side->count = (uint32_t)(random % 40);
                side->offset = (int64_t)(random >> 8 & 127) - 64;
                side->counts = ARENA_NEW_ARRAY(&arena, double, side->count + 1);
                for (uint32_t b = 0; b < side->count; b++) {
                    random = hash_u64(random + 1);
                    side->counts[b] = random & 3 ? (double)(random >> 3 & 15) : 0;
                    h[i].count += side->counts[b];
                }
            }
            total += h[i].count;
        }
        assert_int_equal(otlp__exponential_add(&h[0], &h[1], &arena, &err), STATUS_OK);
        NativeHistogram native = otlp__exponential_native(&h[0], &arena);
        assert_true(native.count == total);
        if (histogram_validate(&native, &err) != STATUS_OK)
            fail_msg("round %d: %s", round, err.message);
        OtlpExponential back = otlp__exponential_of_native(&native, &arena);
        NativeHistogram again = otlp__exponential_native(&back, &arena);
        assert_true(histogram_equal(&native, &again));
    }
    arena_done(&arena);
}

static int open_first(void **)
{
    mem_budget_init(&budget, NULL, "test memory", 256 << 20);
    if (!mkdtemp(folder))
        return -1;
    reopen();
    return 0;
}

static int close_last(void **)
{
    char command[128];
    engine_close(engine);
    otlp_ingest_free(ingest);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_print_as_numeric_and_as_go),
        cmocka_unit_test(test_malformed_utf8_becomes_the_replacement_character),
        cmocka_unit_test(test_plain_texts_are_told_from_others),
        cmocka_unit_test(test_json_and_protobuf_are_the_same_message),
        cmocka_unit_test(test_json_of_another_shape_is_refused),
        cmocka_unit_test(test_a_cut_message_stores_nothing),
        cmocka_unit_test(test_deep_values_are_refused),
        cmocka_unit_test(test_refused_points_are_counted_and_the_others_stored),
        cmocka_unit_test(test_deltas_add_up_over_restarts),
        cmocka_unit_test(test_repeated_deltas_count_once_and_late_ones_count),
        cmocka_unit_test(test_senders_at_once_lose_no_delta),
        cmocka_unit_test(test_cumulative_sums_are_stored_as_they_are),
        cmocka_unit_test(test_exponential_deltas_of_different_scales_add_up),
        cmocka_unit_test(test_sums_of_exponential_histograms_keep_every_count),
    };
    return cmocka_run_group_tests(tests, open_first, close_last);
}
