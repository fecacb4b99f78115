#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "format/gorilla/bitpack.h"
#include "format/gorilla/chunk.h"

enum { ROUNDS = 4000, STREAM_BYTES = CHUNK_SAMPLES_MAX * 32 };

static uint64_t random_state = 88172645463325252ULL;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

typedef struct Samples {
    int64_t ts[CHUNK_SAMPLES_MAX];
    double values[CHUNK_SAMPLES_MAX];
    int64_t starts[CHUNK_SAMPLES_MAX];
    uint32_t count;
} Samples;

static int64_t next_ts(int64_t before, uint64_t style)
{
    uint64_t r = next_random();
    uint64_t step;

    switch (style % 5) {
    case 0:
        step = 15000;
        break;
    case 1:
        step = 15000 + r % 7;
        break;
    case 2:
        step = r % 20 == 0 ? 15000 * (2 + r % 50) : 15000;
        break;
    case 3:
        step = r % 10000000000;
        break;
    default:
        return (int64_t)r; /* any order, any distance */
    }
    return (int64_t)((uint64_t)before + step);
}

static double next_value(double before, uint64_t style)
{
    static const uint64_t odd[] = {
        STALE_NAN_BITS,     0x7ff8000000000001, 0xfff8000000000000, 0x7ff0000000000000,
        0xfff0000000000000, 0x8000000000000000, 0x7ff4dead0000beef, 1,
        0x7fefffffffffffff};
    uint64_t r = next_random();

    if (style & 8 && r % 16 == 0)
        return gorilla_f64(odd[r / 16 % LUMA_ARRAY_LEN(odd)]);
    switch (style % 8) {
    case 0:
        return before;
    case 1:
        return before + (double)(r % 1000);
    case 2:
        return (double)(int64_t)(r % 200000 - 100000) / 100;
    case 3:
        return r % 50 == 0 ? 0 : before + 17; /* a counter with resets */
    case 4:
        return gorilla_f64(r);
    case 5:
        return (double)(int64_t)r; /* past 2^53 */
    case 6:
        return (double)r / 3e15;
    default:
        return (double)(int64_t)(r % (UINT64_C(1) << (r >> 58))) * (r & 1 ? 1 : -1);
    }
}

static void fill(Samples *s)
{
    uint64_t time_style = next_random();
    uint64_t value_style = next_random();
    int64_t ts = (int64_t)(next_random() % 4000000000000);
    double value = (double)(next_random() % 1000);

    s->count = next_random() % 8 == 0 ? 1 + (uint32_t)(next_random() % 3)
                                      : 1 + (uint32_t)(next_random() % CHUNK_SAMPLES_MAX);
    for (uint32_t i = 0; i < s->count; i++) {
        ts = next_ts(ts, time_style);
        value = next_value(value, value_style);
        s->ts[i] = ts;
        s->values[i] = value;
        s->starts[i] = next_random() % 9 == 0 || i == 0 ? (int64_t)(next_random() >> (i % 64))
                                                        : s->starts[i - 1];
    }
}

static void check_same(const Samples *want, const Samples *got, bool starts)
{
    assert_memory_equal(want->ts, got->ts, want->count * sizeof want->ts[0]);
    assert_memory_equal(want->values, got->values, want->count * sizeof want->values[0]);
    if (starts)
        assert_memory_equal(want->starts, got->starts, want->count * sizeof want->starts[0]);
}

/* A writer that grows its bytes as little as it may. */
static GorillaWriter write_stream(const Samples *s, bool starts, uint8_t *bytes)
{
    GorillaWriter w = {0};
    size_t cap = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t bits = gorilla_bits(s->values[i]);
        int64_t before = i ? s->starts[i - 1] : 0;
        while (!(starts ? gorilla_append_start(&w, bytes, cap, s->ts[i], bits, s->starts[i], before)
                        : gorilla_append(&w, bytes, cap, s->ts[i], bits)))
            cap++;
        assert_true(cap <= STREAM_BYTES);
    }
    assert_int_equal(w.count, s->count);
    return w;
}

static void test_stream_comes_back(void **state)
{
    static uint8_t bytes[STREAM_BYTES];

    for (uint32_t round = 0; round < ROUNDS; round++) {
        Samples want;
        Samples got;
        bool starts = round & 1;
        fill(&want);
        memset(bytes, (int)(round & 0xff), sizeof bytes); /* what lies there must not matter */
        GorillaWriter w = write_stream(&want, starts, bytes);
        /* An exact copy, so that a sanitizer sees reads past the end. */
        uint8_t *exact = mem_dup(bytes, gorilla_bytes(&w));
        assert_true(gorilla_decode(exact, gorilla_bytes(&w), want.count, got.ts, got.values,
                                   starts ? got.starts : NULL));
        check_same(&want, &got, starts);
        assert_false(gorilla_decode(exact, gorilla_bytes(&w) / 2, want.count, got.ts, got.values,
                                    starts ? got.starts : NULL));
        mem_free(exact);
    }
}

static void test_decoding_may_begin_at_a_mark(void **state)
{
    static uint8_t bytes[STREAM_BYTES];

    for (uint32_t round = 0; round < ROUNDS; round++) {
        GorillaWriter w = {0};
        GorillaWriter mark = {0};
        Samples want;
        Samples got;
        fill(&want);
        uint32_t at = 1 + (uint32_t)(next_random() % want.count);
        for (uint32_t i = 0; i < want.count; i++) {
            assert_true(
                gorilla_append(&w, bytes, sizeof bytes, want.ts[i], gorilla_bits(want.values[i])));
            if (i + 1 == at)
                mark = w;
        }
        uint32_t skip = mark.bit_count / 8;
        uint8_t *exact = mem_dup(bytes + skip, gorilla_bytes(&w) - skip);
        assert_true(gorilla_decode_from(&mark, exact, gorilla_bytes(&w) - skip, w.count, got.ts,
                                        got.values));
        assert_memory_equal(got.ts, want.ts + at, (want.count - at) * sizeof got.ts[0]);
        assert_memory_equal(got.values, want.values + at, (want.count - at) * sizeof got.values[0]);
        mem_free(exact);
    }
}

static void test_regular_stream_is_small(void **state)
{
    static uint8_t bytes[STREAM_BYTES];
    GorillaWriter w = {0};

    for (int i = 0; i < 100; i++)
        assert_true(gorilla_append(&w, bytes, sizeof bytes, 1000000 + i * 15000, gorilla_bits(42)));
    assert_true(gorilla_bytes(&w) <= 16 + 4 + 25); /* two bits a sample behind the first two */
}

static void test_chunk_comes_back_on_every_kernel(void **state)
{
    CLEANUP(buf_done) Buf out = {0};

    for (uint32_t round = 0; round < ROUNDS; round++) {
        Samples want;
        bool starts = round & 1;
        uint32_t count;
        fill(&want);
        buf_clear(&out);
        chunk_encode(want.ts, want.values, starts ? want.starts : NULL, want.count, &out);
        char *exact = mem_dup(out.ptr, out.len);
        Str bytes = str_make(exact, out.len);
        assert_int_equal(chunk_count(bytes), want.count);
        assert_int_equal(chunk_has_starts(bytes), starts);
        for (int plain = 0; plain < 2; plain++) {
            Samples got;
            memset(&got, 0xa5, sizeof got);
            bitpack_force_plain(plain);
            assert_int_equal(chunk_decode(bytes, got.ts, got.values, got.starts, &count, NULL),
                             STATUS_OK);
            assert_int_equal(count, want.count);
            check_same(&want, &got, starts);
            for (uint32_t i = 0; !starts && i < count; i++)
                assert_int_equal(got.starts[i], 0);
            memset(&got, 0xa5, sizeof got);
            assert_int_equal(chunk_decode(bytes, got.ts, NULL, NULL, &count, NULL), STATUS_OK);
            assert_memory_equal(want.ts, got.ts, count * sizeof got.ts[0]);
        }
        bitpack_force_plain(false);
        mem_free(exact);
    }
}

static void test_damaged_chunks_are_refused_or_harmless(void **state)
{
    CLEANUP(buf_done) Buf out = {0};

    for (uint32_t round = 0; round < ROUNDS; round++) {
        Samples samples;
        Samples got;
        uint32_t count;
        fill(&samples);
        buf_clear(&out);
        chunk_encode(samples.ts, samples.values, samples.starts, samples.count, &out);
        size_t len = next_random() % (out.len + 1);
        char *exact = mem_dup(out.ptr, len);
        for (int flips = (int)(next_random() % 4); len && flips; flips--)
            exact[next_random() % len] ^= (char)(1 << next_random() % 8);
        (void)chunk_decode(str_make(exact, len), got.ts, got.values, got.starts, &count, NULL);
        mem_free(exact);
    }
    assert_int_equal(chunk_decode(STR(""), NULL, NULL, NULL, NULL, NULL), STATUS_CORRUPT);
}

static void test_summary_equals_a_plain_walk(void **state)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        Samples s;
        ChunkSummary summary;
        __extension__ __float128 sum = 0;
        double low = INFINITY;
        double high = -INFINITY;
        bool nan = false;
        bool finite = true;
        double size = 0;
        fill(&s);
        for (uint32_t i = 0; i < s.count; i++) {
            double v = s.values[i];
            nan |= isnan(v);
            finite &= fabs(v) < 1e300;
            low = v < low ? v : low;
            high = v > high ? v : high;
            sum += v;
            size += fabs(v);
        }
        chunk_summarize(s.ts, s.values, s.count, &summary);
        assert_int_equal(summary.count, s.count);
        assert_int_equal(summary.min_ts_ms, s.ts[0]);
        assert_int_equal(summary.max_ts_ms, s.ts[s.count - 1]);
        assert_int_equal(summary.has_nan, nan);
        assert_int_equal(gorilla_bits(summary.first), gorilla_bits(s.values[0]));
        assert_int_equal(gorilla_bits(summary.last), gorilla_bits(s.values[s.count - 1]));
        if (low <= high) {
            assert_true(summary.min == low && summary.max == high);
        } else {
            assert_true(isnan(summary.min) && isnan(summary.max));
        }
        if (!nan && finite)
            assert_true(fabs((double)(summary.sum - sum)) <= size * 0x1p-52);
        else if (nan)
            assert_true(isnan(summary.sum));
    }
}

static void test_gauges_of_few_digits_take_few_bits(void **state)
{
    CLEANUP(buf_done) Buf out = {0};
    Samples s = {.count = CHUNK_SAMPLES_MAX};

    for (uint32_t i = 0; i < s.count; i++) {
        s.ts[i] = 1767225600000 + i * 15000;
        s.values[i] = (double)(next_random() % 1000) / 10;
    }
    chunk_encode(s.ts, s.values, NULL, s.count, &out);
    assert_true(out.len <= s.count * 10 / 8 + 64);
    for (uint32_t i = 0; i < s.count; i++) /* a counter; one reset among small steps */
        s.values[i] = i < 100 ? 5e9 + i * 3 : i;
    buf_clear(&out);
    chunk_encode(s.ts, s.values, NULL, s.count, &out);
    assert_true(out.len <= s.count * 3 / 8 + 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_comes_back),
        cmocka_unit_test(test_decoding_may_begin_at_a_mark),
        cmocka_unit_test(test_regular_stream_is_small),
        cmocka_unit_test(test_chunk_comes_back_on_every_kernel),
        cmocka_unit_test(test_damaged_chunks_are_refused_or_harmless),
        cmocka_unit_test(test_summary_equals_a_plain_walk),
        cmocka_unit_test(test_gauges_of_few_digits_take_few_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
