#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "format/gorilla/gorilla.h"
#include "format/histogram/histogram.h"

static uint64_t random_state = 88172645463325252ULL;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static HistogramBuckets random_side(Arena *arena, bool integer, double *total)
{
    uint32_t span_count = (uint32_t)(next_random() % 5);
    HistogramSpan *spans = ARENA_NEW_ARRAY(arena, HistogramSpan, span_count + 1);
    uint32_t buckets = 0;

    for (uint32_t i = 0; i < span_count; i++) {
        spans[i].offset = (int32_t)(next_random() % 50) - (i ? 0 : 25);
        spans[i].length = (uint32_t)(next_random() % 6);
        buckets += spans[i].length;
    }
    double *counts = ARENA_NEW_ARRAY(arena, double, buckets + 1);
    for (uint32_t i = 0; i < buckets; i++) {
        counts[i] = integer ? (double)(next_random() >> (34 + next_random() % 30))
                            : (double)(next_random() % 1000) / 7;
        *total += counts[i];
    }
    return (HistogramBuckets){spans, counts, span_count, buckets};
}

static NativeHistogram random_histogram(Arena *arena)
{
    NativeHistogram h = {.is_integer = next_random() & 1};

    h.schema = (int32_t)(next_random() % 13) - 4;
    h.reset_hint = (uint8_t)(next_random() % 4);
    h.zero_threshold = 1e-128;
    h.zero_count = (double)(next_random() % 100);
    h.count = h.zero_count;
    h.sum = gorilla_f64(next_random());
    h.positive = random_side(arena, h.is_integer, &h.count);
    if (next_random() % 4) {
        h.negative = random_side(arena, h.is_integer, &h.count);
        return h;
    }
    h.schema = HISTOGRAM_SCHEMA_CUSTOM; /* every bucket index up to 200 has a bound */
    h.count -= h.zero_count;
    h.zero_count = 0;
    if (h.positive.span_count) {
        HistogramSpan *spans = (HistogramSpan *)(uintptr_t)h.positive.spans;
        spans[0].offset = spans[0].offset < 0 ? -spans[0].offset : spans[0].offset;
    }
    double *bounds = ARENA_NEW_ARRAY(arena, double, 250);
    for (int i = 0; i < 250; i++)
        bounds[i] = i - 10;
    h.custom_values = bounds;
    h.custom_count = 250;
    return h;
}

static void test_blobs_come_back(void **state)
{
    Arena arena;
    Error err;

    arena_init(&arena, NULL);
    for (int round = 0; round < 5000; round++) {
        CLEANUP(buf_done) Buf blob = {0};
        CLEANUP(buf_done) Buf again = {0};
        NativeHistogram h = random_histogram(&arena);
        NativeHistogram back;
        Status status = histogram_validate(&h, &err);
        if (status != STATUS_OK)
            fail_msg("%s", err.message);
        histogram_encode(&h, &blob);
        assert_int_equal(histogram_blob_validate(buf_str(&blob), NULL), STATUS_OK);
        assert_int_equal(histogram_decode(buf_str(&blob), &arena, &back, NULL), STATUS_OK);
        assert_true(histogram_equal(&h, &back));
        histogram_encode(&back, &again);
        assert_true(str_eq(buf_str(&blob), buf_str(&again)));
        assert_int_equal(histogram_blob_validate(str_make(blob.ptr, blob.len - 1), NULL),
                         STATUS_CORRUPT);
        arena_reset(&arena);
    }
    arena_done(&arena);
}

static void test_bad_histograms_are_refused(void **state)
{
    static const HistogramSpan span = {0, 2};
    static const HistogramSpan back[2] = {{0, 1}, {-1, 1}};
    static const double counts[2] = {1, 2};
    static const double negative[2] = {1, -2};
    static const double unordered[2] = {2, 1};
    const NativeHistogram good = {
        .schema = 2, .is_integer = true, .count = 3, .positive = {&span, counts, 1, 2}};
    NativeHistogram h;

    assert_int_equal(histogram_validate(&good, NULL), STATUS_OK);
#define REFUSED(change)                                                                            \
    h = good;                                                                                      \
    change;                                                                                        \
    assert_int_equal(histogram_validate(&h, NULL), STATUS_INVALID)
    REFUSED(h.schema = 9);
    REFUSED(h.schema = -5);
    REFUSED(h.reset_hint = 4);
    REFUSED(h.count = 4);
    REFUSED(h.count = 2; h.sum = (double)NAN);
    REFUSED(h.count = -1);
    REFUSED(h.zero_count = 0.5);
    REFUSED(h.zero_threshold = -1);
    REFUSED(h.positive.counts = negative);
    REFUSED(h.positive.bucket_count = 1);
    REFUSED(h.positive.spans = back; h.positive.span_count = 2);
    REFUSED(h.custom_values = counts; h.custom_count = 2);
    REFUSED(h.schema = HISTOGRAM_SCHEMA_CUSTOM; h.custom_values = unordered; h.custom_count = 2);
    REFUSED(h.schema = HISTOGRAM_SCHEMA_CUSTOM); /* two buckets, but only the one above no bound */
#undef REFUSED
    h = good;
    h.sum = gorilla_f64(STALE_NAN_BITS);
    assert_int_equal(histogram_validate(&h, NULL), STATUS_OK);
    assert_true(histogram_is_stale(&h));
    assert_false(histogram_is_stale(&good));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blobs_come_back),
        cmocka_unit_test(test_bad_histograms_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
