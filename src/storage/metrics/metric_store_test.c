#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "storage/metrics/metric_store.h"

/* ---- a naive model: every series is a sorted array of samples, the later write replaces ---- */

enum { MODEL_SERIES = 24, MODEL_SAMPLES = 6000 };

typedef struct ModelSample {
    int64_t ts;
    uint64_t bits;
    int64_t start;
    int32_t histogram; /* number of the histogram, -1 = a float */
} ModelSample;

typedef struct ModelSeries {
    ModelSample samples[MODEL_SAMPLES];
    uint32_t count;
    SeriesRef ref;
} ModelSeries;

typedef struct Fixture {
    MemBudget budget;
    MetricStore *store;
    Arena arena;
    uint64_t random;
    ModelSeries *model;
} Fixture;

static uint64_t next_random(Fixture *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

static int setup(void **state)
{
    Fixture *f = MEM_NEW(Fixture);
    mem_budget_init(&f->budget, NULL, "hot memory", INT64_MAX);
    assert_int_equal(metric_store_new(&f->budget, &f->store, NULL), STATUS_OK);
    arena_init(&f->arena, NULL);
    f->random = 88172645463325252ULL;
    f->model = MEM_NEW_ARRAY(ModelSeries, MODEL_SERIES);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    metric_store_free(f->store);
    assert_int_equal(mem_budget_used(&f->budget), 0);
    arena_done(&f->arena);
    mem_free(f->model);
    mem_free(f);
    return 0;
}

static void model_put(ModelSeries *series, ModelSample sample)
{
    uint32_t at = series->count;
    while (at && series->samples[at - 1].ts > sample.ts)
        at--;
    if (at && series->samples[at - 1].ts == sample.ts) {
        series->samples[at - 1] = sample;
        return;
    }
    assert_true(series->count < MODEL_SAMPLES);
    memmove(&series->samples[at + 1], &series->samples[at],
            (series->count - at) * sizeof series->samples[0]);
    series->samples[at] = sample;
    series->count++;
}

/* Registers {__name__="m", a="...", ...} from "name=value" texts. */
static SeriesRef add(Fixture *f, const char *const *pairs, uint32_t count)
{
    Label labels[16];
    SeriesRef ref;
    SeriesCursor cursor = {0};

    for (uint32_t i = 0; i < count; i++) {
        Str s = str_from(pairs[i]);
        ptrdiff_t eq = str_find_byte(s, '=');
        labels[i] = (Label){str_sub(s, 0, (size_t)eq), str_sub(s, (size_t)eq + 1, s.len)};
    }
    assert_int_equal(label_set_normalize(labels, &count, NULL), STATUS_OK);
    assert_int_equal(metric_store_add(f->store, &cursor, 0, (Str){0}, (LabelSet){labels, count},
                                      &ref, NULL, NULL),
                     STATUS_OK);
    return ref;
}
#define ADD(f, ...)                                                                                \
    add(f, (const char *const[]){__VA_ARGS__}, LUMA_ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static void put(Fixture *f, SeriesRef ref, int64_t ts, double value)
{
    uint64_t bits = gorilla_bits(value);
    SampleColumns columns = {.refs = &ref, .ts_ms = &ts, .bits = &bits, .count = 1};
    metric_store_apply(f->store, metric_store_applied_lsn(f->store) + 1, &columns);
}

static NativeHistogram make_histogram(int32_t number, double *space, HistogramSpan *span)
{
    *span = (HistogramSpan){number % 5, 2};
    space[0] = number;
    space[1] = 1;
    return (NativeHistogram){.schema = 3,
                             .is_integer = true,
                             .count = number + 1,
                             .sum = number * 0.5,
                             .positive = {span, space, 1, 2}};
}

static void put_histogram(Fixture *f, SeriesRef ref, int64_t ts, int64_t start, int32_t number)
{
    CLEANUP(buf_done) Buf blob = {0};
    HistogramSpan span;
    double counts[2];
    NativeHistogram h = make_histogram(number, counts, &span);

    assert_int_equal(histogram_validate(&h, NULL), STATUS_OK);
    histogram_encode(&h, &blob);
    Str bytes = buf_str(&blob);
    SampleColumns columns = {.histogram_refs = &ref,
                             .histogram_ts_ms = &ts,
                             .histogram_start_ms = &start,
                             .histogram_blobs = &bytes,
                             .histogram_count = 1};
    metric_store_apply(f->store, metric_store_applied_lsn(f->store) + 1, &columns);
}

/* ---- reading against the model ---- */

static void check_sample(const SampleRun *run, uint32_t i, const ModelSample *want)
{
    assert_int_equal(run->ts_ms[i], want->ts);
    assert_int_equal(run->start_ms ? run->start_ms[i] : 0, want->start);
    const NativeHistogram *got = run->histograms ? run->histograms[i] : NULL;
    if (want->histogram < 0) {
        assert_null(got);
        assert_int_equal(gorilla_bits(run->values[i]), want->bits);
        return;
    }
    HistogramSpan span;
    double counts[2];
    NativeHistogram h = make_histogram(want->histogram, counts, &span);
    assert_non_null(got);
    assert_true(histogram_equal(got, &h));
}

typedef struct Fold {
    uint64_t count;
    double sum;
    int64_t last_ts;
} Fold;

static void fold_chunk(void *ctx, const ChunkSummary *chunk)
{
    Fold *fold = ctx;
    assert_true(chunk->min_ts_ms > fold->last_ts);
    assert_false(chunk->has_nan);
    fold->count += chunk->count;
    fold->sum += chunk->sum;
    fold->last_ts = chunk->max_ts_ms;
}

static void fold_samples(void *ctx, const int64_t *ts, const double *values, uint32_t count)
{
    Fold *fold = ctx;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(ts[i] > fold->last_ts);
        fold->last_ts = ts[i];
        fold->count++;
        if (isfinite(values[i]))
            fold->sum += values[i];
    }
}

static void check_window(Fixture *f, MetricSnapshot *snapshot, const ModelSeries *series,
                         int64_t min_ms, int64_t max_ms, SampleRun *run)
{
    uint32_t from = 0;
    uint32_t n = 0;
    double sum = 0;

    while (from < series->count && series->samples[from].ts < min_ms)
        from++;
    while (from + n < series->count && series->samples[from + n].ts <= max_ms) {
        double v = gorilla_f64(series->samples[from + n].bits);
        sum += series->samples[from + n].histogram < 0 && isfinite(v) ? v : 0;
        n++;
    }
    assert_int_equal(metric_store_read(snapshot, series->ref, min_ms, max_ms, run, NULL),
                     STATUS_OK);
    assert_int_equal(run->count, n);
    for (uint32_t i = 0; i < n; i++)
        check_sample(run, i, &series->samples[from + i]);

    Fold fold = {.last_ts = INT64_MIN};
    SeriesVisitor visitor = {fold_chunk, fold_samples, &fold};
    assert_int_equal(metric_store_visit(snapshot, series->ref, min_ms, max_ms, &visitor, run, NULL),
                     STATUS_OK);
    assert_int_equal(fold.count, n);
    assert_true(fabs(fold.sum - sum) <= 1e-6 * (1 + fabs(sum)));

    uint8_t kind;
    int64_t ts;
    double value;
    const NativeHistogram *histogram = NULL;
    assert_int_equal(metric_store_last(snapshot, &series->ref, 1, min_ms, max_ms, &f->arena, &kind,
                                       &ts, &value, &histogram, NULL),
                     STATUS_OK);
    if (n == 0) {
        assert_int_equal(kind, LAST_NONE);
        return;
    }
    const ModelSample *last = &series->samples[from + n - 1];
    assert_int_equal(kind, last->histogram < 0 ? LAST_FLOAT : LAST_HISTOGRAM);
    assert_int_equal(ts, last->ts);
    if (last->histogram < 0)
        assert_int_equal(gorilla_bits(value), last->bits);
    else
        assert_true(histogram->sum == last->histogram * 0.5);
}

/* ---- tests of samples ---- */

/* How a series' samples come: mostly forward, with late ones, repeats, markers and histograms. */
static ModelSample random_sample(Fixture *f, const ModelSeries *series, uint32_t style)
{
    int64_t newest = series->count ? series->samples[series->count - 1].ts : 1000;
    uint64_t dice = next_random(f) % 100;
    ModelSample s = {.histogram = -1};

    s.ts = newest + 1 + (int64_t)(next_random(f) % 20000);
    if (style & 1 && dice < 20) /* late, or the same ms again */
        s.ts = newest - (int64_t)(next_random(f) % (dice < 5 ? 3 : 400000));
    double value = (double)(int64_t)(next_random(f) % 100000) / (style & 2 ? 100 : 1);
    if (style & 4 && dice % 7 == 0)
        value = (double)NAN;
    s.bits = gorilla_bits(value);
    if (dice == 50)
        s.bits = STALE_NAN_BITS;
    if (style & 8 && dice % 3 == 0)
        s.start = 500 + (int64_t)(dice / 30);
    if (style & 16 && dice % 4 == 1)
        s.histogram = (int32_t)(next_random(f) % 1000);
    return s;
}

static void write_sample(Fixture *f, ModelSeries *series, ModelSample s)
{
    if (s.histogram >= 0) {
        put_histogram(f, series->ref, s.ts, s.start, s.histogram);
    } else {
        SampleColumns columns = {.refs = &series->ref,
                                 .ts_ms = &s.ts,
                                 .bits = &s.bits,
                                 .start_ms = s.start ? &s.start : NULL,
                                 .count = 1};
        metric_store_apply(f->store, metric_store_applied_lsn(f->store) + 1, &columns);
    }
    model_put(series, s);
}

static void test_every_read_equals_the_model(void **state)
{
    Fixture *f = *state;
    CLEANUP(sample_run_done) SampleRun run = {0};

    for (uint32_t i = 0; i < MODEL_SERIES; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "a=%u", i);
        f->model[i].ref = ADD(f, "__name__=m", value);
    }
    for (uint32_t step = 0; step < 40000; step++) {
        uint32_t at = (uint32_t)(next_random(f) % MODEL_SERIES);
        write_sample(f, &f->model[at], random_sample(f, &f->model[at], at));
        if (step % 9001 == 9000) {
            uint64_t segment;
            assert_int_equal(metric_store_freeze(f->store, &segment, NULL), STATUS_OK);
        }
        if (step % 2000 != 1999)
            continue;
        MetricSnapshot *snapshot = metric_store_snapshot(f->store);
        for (uint32_t i = 0; i < MODEL_SERIES; i++) {
            int64_t a = (int64_t)(next_random(f) % 20000000);
            int64_t b = a + (int64_t)(next_random(f) % 6000000);
            check_window(f, snapshot, &f->model[i], INT64_MIN, INT64_MAX, &run);
            check_window(f, snapshot, &f->model[i], a, b, &run);
            check_window(f, snapshot, &f->model[i], b, a, &run);
        }
        metric_snapshot_unref(snapshot);
        arena_reset(&f->arena);
    }
}

static void test_extreme_timestamps_come_back(void **state)
{
    Fixture *f = *state;
    CLEANUP(sample_run_done) SampleRun run = {0};
    static const int64_t ts[] = {0, INT64_MAX, INT64_MIN, -1, 1, INT64_MIN + 1, INT64_MAX - 1, 0};
    ModelSeries *series = &f->model[0];

    series->ref = ADD(f, "__name__=m");
    for (uint32_t i = 0; i < LUMA_ARRAY_LEN(ts); i++)
        write_sample(f, series, (ModelSample){ts[i], i, 0, -1});
    MetricSnapshot *snapshot = metric_store_snapshot(f->store);
    check_window(f, snapshot, series, INT64_MIN + 1, INT64_MAX, &run);
    check_window(f, snapshot, series, -1, 1, &run);
    metric_snapshot_unref(snapshot);
}

static void test_a_read_stays_in_its_budget(void **state)
{
    Fixture *f = *state;
    MemBudget budget;
    SampleRun run = {.budget = &budget};
    SeriesRef ref = ADD(f, "__name__=m");

    mem_budget_init(&budget, NULL, "query memory", 100000);
    for (int i = 0; i < 20000; i++)
        put(f, ref, i % 2 ? i : i - 1000, i);
    MetricSnapshot *snapshot = metric_store_snapshot(f->store);
    assert_int_equal(metric_store_read(snapshot, ref, 0, 300, &run, NULL), STATUS_OK);
    assert_int_equal(run.count, 301);
    assert_int_equal(metric_store_read(snapshot, ref, INT64_MIN, INT64_MAX, &run, NULL),
                     STATUS_LIMIT);
    budget.limit_bytes = INT64_MAX;
    assert_int_equal(metric_store_read(snapshot, ref, INT64_MIN, INT64_MAX, &run, NULL), STATUS_OK);
    assert_true(mem_budget_used(&budget) > 100000);
    sample_run_done(&run);
    assert_int_equal(mem_budget_used(&budget), 0);
    metric_snapshot_unref(snapshot);
}

/* ---- tests of the registry ---- */

static void test_raw_bytes_find_their_series(void **state)
{
    Fixture *f = *state;
    SeriesCursor cursor = {0};
    SeriesRef refs[100];
    SeriesRef ref;
    bool created;

    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 100; i++) {
            char raw[32];
            int len = snprintf(raw, sizeof raw, "raw-%u", i);
            Str bytes = str_make(raw, (size_t)len);
            if (round) {
                assert_true(metric_store_find(f->store, &cursor, 1, bytes, &ref));
                assert_int_equal(ref, refs[i]);
                continue;
            }
            assert_false(metric_store_find(f->store, &cursor, 1, bytes, &ref));
            Label label = {STR("a"), bytes};
            assert_int_equal(metric_store_add(f->store, &cursor, 1, bytes, (LabelSet){&label, 1},
                                              &refs[i], &created, NULL),
                             STATUS_OK);
            assert_true(created);
        }
    }
    Label label = {STR("a"), STR("raw-7")};
    assert_false(metric_store_find(f->store, &cursor, 2, STR("raw-7"), &ref));
    assert_int_equal(metric_store_add(f->store, &cursor, 2, STR("raw-7"), (LabelSet){&label, 1},
                                      &ref, &created, NULL),
                     STATUS_OK);
    assert_false(created);
    assert_int_equal(ref, refs[7]);
    assert_true(metric_store_find(f->store, &cursor, 2, STR("raw-7"), &ref));
    assert_int_equal(metric_store_series_count(f->store), 100);
}

static void test_durable_is_remembered(void **state)
{
    Fixture *f = *state;
    SeriesRef a = ADD(f, "__name__=a");
    SeriesRef b = ADD(f, "__name__=b");

    assert_false(metric_store_is_durable(f->store, a));
    metric_store_mark_durable(f->store, &b, 1);
    assert_false(metric_store_is_durable(f->store, a));
    assert_true(metric_store_is_durable(f->store, b));
}

static void test_full_memory_refuses_registration_and_still_applies(void **state)
{
    Fixture *f = *state;
    SeriesRef ref = ADD(f, "__name__=a");
    Error err = {0};
    Status status = STATUS_OK;
    SeriesCursor cursor = {0};
    uint32_t made = 0;

    f->budget.limit_bytes = mem_budget_used(&f->budget) + 300000;
    for (; status == STATUS_OK; made++) {
        char value[32];
        int len = snprintf(value, sizeof value, "%u", made);
        Label label = {STR("a"), {value, (size_t)len}};
        status = metric_store_add(f->store, &cursor, 0, label.value, (LabelSet){&label, 1}, &ref,
                                  NULL, &err);
    }
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_true(made > 100);
    assert_int_equal(metric_store_admit(f->store, 1000000, &err), STATUS_UNAVAILABLE);
    for (int i = 0; i < 10000; i++)
        put(f, ref, i, i * 0.37);
    CLEANUP(sample_run_done) SampleRun run = {0};
    MetricSnapshot *snapshot = metric_store_snapshot(f->store);
    assert_int_equal(metric_store_read(snapshot, ref, 0, INT64_MAX, &run, NULL), STATUS_OK);
    assert_int_equal(run.count, 10000);
    metric_snapshot_unref(snapshot);
}

/* ---- tests of dropping ---- */

static SeriesRef add_raw(Fixture *f, SeriesCursor *cursor, uint32_t number)
{
    char value[32];
    int len = snprintf(value, sizeof value, "value-%u", number);
    Label labels[2] = {{STR("__name__"), STR("m")}, {STR("a"), {value, (size_t)len}}};
    SeriesRef ref;

    assert_int_equal(metric_store_add(f->store, cursor, 3, labels[1].value, (LabelSet){labels, 2},
                                      &ref, NULL, NULL),
                     STATUS_OK);
    return ref;
}

static uint32_t count_samples(MetricSnapshot *snapshot, SeriesRef ref)
{
    CLEANUP(sample_run_done) SampleRun run = {0};
    assert_int_equal(metric_store_read(snapshot, ref, INT64_MIN, INT64_MAX, &run, NULL), STATUS_OK);
    return run.count;
}

static uint32_t count_series(Fixture *f, MetricSnapshot *snapshot)
{
    SeriesList list;
    assert_int_equal(
        metric_store_select(snapshot, NULL, 0, INT64_MIN, INT64_MAX, &f->arena, &list, NULL),
        STATUS_OK);
    return list.count;
}

static void test_dropped_samples_stay_for_older_snapshots(void **state)
{
    Fixture *f = *state;
    uint64_t segment;
    uint8_t kind;
    int64_t ts;
    double value;
    SeriesRef ref = ADD(f, "__name__=m");

    for (int i = 0; i < 700; i++)
        put(f, ref, i, i);
    put(f, ref, 10, -1); /* late */
    MetricSnapshot *before = metric_store_snapshot(f->store);
    assert_int_equal(metric_store_freeze(f->store, &segment, NULL), STATUS_OK);
    for (int i = 700; i < 710; i++)
        put(f, ref, i, i);
    put(f, ref, 11, -2);
    assert_int_equal(metric_store_drop_segment(f->store, segment + 100, NULL), STATUS_INVALID);
    assert_int_equal(metric_store_drop_segment(f->store, segment, NULL), STATUS_OK);
    MetricSnapshot *after = metric_store_snapshot(f->store);
    assert_int_equal(count_samples(before, ref), 710);
    assert_int_equal(count_samples(after, ref), 11);
    assert_int_equal(metric_store_purge(f->store, true), 0);
    metric_snapshot_unref(before);
    assert_int_equal(metric_store_purge(f->store, true), 1);
    assert_int_equal(count_samples(after, ref), 11);
    metric_snapshot_unref(after);
    assert_int_equal(metric_store_freeze(f->store, &segment, NULL), STATUS_OK);
    assert_int_equal(metric_store_drop_segment(f->store, segment, NULL), STATUS_OK);
    after = metric_store_snapshot(f->store);
    assert_int_equal(
        metric_store_last(after, &ref, 1, 0, 5000, &f->arena, &kind, &ts, &value, NULL, NULL),
        STATUS_OK);
    assert_int_equal(kind, LAST_NONE);
    metric_snapshot_unref(after);
}

static void test_series_without_samples_leave_and_come_back(void **state)
{
    Fixture *f = *state;
    enum { COUNT = 5000 };
    SeriesCursor cursor = {0};
    SeriesRef ref;
    LabelSet labels;
    int64_t used = 0;

    for (uint32_t round = 0; round < 6; round++) {
        uint64_t segment;
        SeriesRef first = add_raw(f, &cursor, round * COUNT);
        put(f, first, 1000 + round, 1);
        for (uint32_t i = 1; i < COUNT; i++)
            put(f, add_raw(f, &cursor, round * COUNT + i), 1000 + round, 1);
        MetricSnapshot *snapshot = metric_store_snapshot(f->store);
        assert_int_equal(count_series(f, snapshot), COUNT);
        metric_snapshot_unref(snapshot);
        assert_int_equal(metric_store_freeze(f->store, &segment, NULL), STATUS_OK);
        assert_int_equal(metric_store_drop_segment(f->store, segment, NULL), STATUS_OK);
        snapshot = metric_store_snapshot(f->store);
        assert_int_equal(metric_store_purge(f->store, true), 1);
        assert_int_equal(count_series(f, snapshot), 0);
        assert_int_equal(metric_store_labels(snapshot, first, &f->arena, &labels, NULL), STATUS_OK);
        assert_int_equal(labels.count, 2);
        metric_snapshot_unref(snapshot);
        assert_int_equal(metric_store_series_count(f->store), 0);
        assert_false(metric_store_find(f->store, &cursor, 3, STR("value-1"), &ref));
        if (round == 2)
            used = mem_budget_used(&f->budget);
        if (round == 5) /* does not grow with the series that were here */
            assert_true(mem_budget_used(&f->budget) < used + used / 10);
    }
}

/* ---- tests of selection ---- */

static void expect_select(Fixture *f, const LabelMatcher *matchers, uint32_t count,
                          const SeriesRef *want, uint32_t want_count)
{
    MetricSnapshot *snapshot = metric_store_snapshot(f->store);
    SeriesList list;

    assert_int_equal(metric_store_select(snapshot, matchers, count, INT64_MIN, INT64_MAX, &f->arena,
                                         &list, NULL),
                     STATUS_OK);
    assert_int_equal(list.count, want_count);
    for (uint32_t i = 0; i < want_count; i++)
        assert_int_equal(list.refs[i], want[i]);
    metric_snapshot_unref(snapshot);
}

static LabelMatcher matcher(Fixture *f, MatchOp op, const char *name, const char *value)
{
    LabelMatcher m;
    assert_int_equal(label_matcher_make(op, str_from(name), str_from(value), &f->arena, &m, NULL),
                     STATUS_OK);
    return m;
}

/* Series with every combination of some odd values and `numbers` others; random matchers select
 * what testing each series selects. */
static void check_selections(Fixture *f, uint32_t numbers, uint32_t rounds)
{
    static const char *const values[] = {"", "a", "ab", "abc", "b", "x.y", "a\nb", "é"};
    static const char *const patterns[] = {
        "",      "a",         "a|b",   "a.*",   ".*b",     ".+",    ".*",     "a.+",   ".*b.*",
        "(a|b)", "(?:a|abc)", "a|",    "x\\.y", "[ab]+c?", ".+b.+", "a.b",    "(?i)A", "é.*",
        "b|a.*", "nothing",   ".*c|b", ".+.+",  "1.*",     "5|6|7", "1?[0-9]"};
    static const char *const names[] = {"l1", "l2", "n", "none"};
    uint32_t all = 64 * numbers;
    LabelSet *sets = ARENA_NEW_ARRAY(&f->arena, LabelSet, all);
    SeriesRef *refs = ARENA_NEW_ARRAY(&f->arena, SeriesRef, all);
    SeriesRef *want = ARENA_NEW_ARRAY(&f->arena, SeriesRef, all);

    for (uint32_t i = 0; i < all; i++) {
        Label *labels = arena_alloc(&f->arena, 3 * sizeof *labels);
        uint32_t count = 3;
        SeriesCursor cursor = {0};
        labels[0] = (Label){STR("l1"), str_from(values[i % 8])};
        labels[1] = (Label){STR("l2"), str_from(values[i / 8 % 8])};
        labels[2] = (Label){STR("n"), arena_printf(&f->arena, "%u", i / 64)};
        assert_int_equal(label_set_normalize(labels, &count, NULL), STATUS_OK);
        sets[i] = (LabelSet){labels, count};
        assert_int_equal(
            metric_store_add(f->store, &cursor, 0, (Str){0}, sets[i], &refs[i], NULL, NULL),
            STATUS_OK);
    }
    for (uint32_t round = 0; round < rounds; round++) {
        LabelMatcher matchers[3];
        uint32_t count = (uint32_t)(next_random(f) % 4);
        uint32_t want_count = 0;
        for (uint32_t m = 0; m < count; m++)
            matchers[m] = matcher(f, (MatchOp)(next_random(f) % 4), names[next_random(f) % 4],
                                  patterns[next_random(f) % LUMA_ARRAY_LEN(patterns)]);
        for (uint32_t i = 0; i < all; i++) {
            bool keep = true;
            for (uint32_t m = 0; m < count; m++)
                keep &= label_matcher_test(&matchers[m], label_set_get(sets[i], matchers[m].name));
            if (keep)
                want[want_count++] = refs[i];
        }
        expect_select(f, matchers, count, want, want_count);
    }
}

static void test_select_agrees_with_testing_every_series(void **state)
{
    check_selections(*state, 3, 3000);
}

static void test_select_agrees_on_large_sets(void **state)
{
    check_selections(*state, 120, 150);
}

static void test_select_leaves_out_series_that_ended(void **state)
{
    Fixture *f = *state;
    SeriesRef a = ADD(f, "__name__=a");
    SeriesRef b = ADD(f, "__name__=b");
    MetricSnapshot *snapshot;
    SeriesList list;

    (void)ADD(f, "__name__=empty");
    put(f, a, 1000, 1);
    put(f, b, 2000, 1);
    snapshot = metric_store_snapshot(f->store);
    assert_int_equal(metric_store_select(snapshot, NULL, 0, 1500, 3000, &f->arena, &list, NULL),
                     STATUS_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.refs[0], b);
    metric_snapshot_unref(snapshot);
}

static void test_labels_come_back(void **state)
{
    Fixture *f = *state;
    SeriesRef ref = ADD(f, "__name__=up", "job=node", "instance=h:9100");
    MetricSnapshot *snapshot = metric_store_snapshot(f->store);
    LabelSet labels;

    assert_int_equal(metric_store_labels(snapshot, ref, &f->arena, &labels, NULL), STATUS_OK);
    assert_int_equal(labels.count, 3);
    assert_true(str_eq(label_set_get(labels, STR("instance")), STR("h:9100")));
    assert_true(str_eq(metric_store_label(snapshot, ref, STR("job")), STR("node")));
    assert_true(str_eq(metric_store_label(snapshot, ref, STR("other")), STR("")));
    assert_int_equal(metric_store_labels(snapshot, 12345678, &f->arena, &labels, NULL),
                     STATUS_NOT_FOUND);
    metric_snapshot_unref(snapshot);
}

static void test_group_agrees_with_label_sets(void **state)
{
    Fixture *f = *state;
    enum { COUNT = 300 };
    static const Str names[2] = {STR_INIT("b"), STR_INIT("c")};
    SeriesRef refs[COUNT];
    uint32_t ids[COUNT];
    LabelSet *groups;
    uint32_t group_count;

    for (uint32_t i = 0; i < COUNT; i++) {
        char a[16];
        char b[16];
        char c[16];
        (void)snprintf(a, sizeof a, "a=%u", i);
        (void)snprintf(b, sizeof b, "b=%s%.0u", i % 3 ? "x" : "", i % 3);
        (void)snprintf(c, sizeof c, "c=%s", i % 2 ? "y" : "");
        refs[i] = ADD(f, "__name__=m", a, b, c);
    }
    MetricSnapshot *snapshot = metric_store_snapshot(f->store);
    for (int without = 0; without < 2; without++) {
        assert_int_equal(metric_store_group(snapshot, refs, COUNT, names, 2, without, &f->arena,
                                            ids, &groups, &group_count, NULL),
                         STATUS_OK);
        assert_int_equal(group_count, without ? COUNT : 6);
        for (uint32_t i = 0; i < COUNT; i++) {
            LabelSet own;
            Label kept[8];
            uint32_t n = 0;
            assert_int_equal(metric_store_labels(snapshot, refs[i], &f->arena, &own, NULL),
                             STATUS_OK);
            for (uint32_t k = 0; k < own.count; k++) {
                Str name = own.labels[k].name;
                bool named = str_eq(name, names[0]) || str_eq(name, names[1]);
                if (without ? !named && !str_eq(name, LABEL_NAME) : named)
                    kept[n++] = own.labels[k];
            }
            assert_true(label_set_eq(groups[ids[i]], (LabelSet){kept, n}));
        }
    }
    metric_snapshot_unref(snapshot);
}

static void expect_strs(const StrList *list, const char *const *want, uint32_t count)
{
    assert_int_equal(list->count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_true(str_eq(list->items[i], str_from(want[i])));
}

static void test_names_and_values_are_listed(void **state)
{
    Fixture *f = *state;
    StrList list;

    put(f, ADD(f, "__name__=up", "job=b", "zone=1"), 1000, 1);
    put(f, ADD(f, "__name__=up", "job=a"), 2000, 1);
    put(f, ADD(f, "__name__=down", "job=c"), 3000, 1);
    MetricSnapshot *snapshot = metric_store_snapshot(f->store);
    LabelMatcher up = matcher(f, MATCH_EQ, "__name__", "up");
    assert_int_equal(
        metric_store_label_names(snapshot, NULL, 0, INT64_MIN, INT64_MAX, &f->arena, &list, NULL),
        STATUS_OK);
    expect_strs(&list, (const char *const[]){"__name__", "job", "zone"}, 3);
    assert_int_equal(
        metric_store_label_names(snapshot, &up, 1, 1500, INT64_MAX, &f->arena, &list, NULL),
        STATUS_OK);
    expect_strs(&list, (const char *const[]){"__name__", "job"}, 2);
    assert_int_equal(metric_store_label_values(snapshot, STR("job"), NULL, 0, INT64_MIN, INT64_MAX,
                                               &f->arena, &list, NULL),
                     STATUS_OK);
    expect_strs(&list, (const char *const[]){"a", "b", "c"}, 3);
    assert_int_equal(metric_store_label_values(snapshot, STR("job"), &up, 1, INT64_MIN, INT64_MAX,
                                               &f->arena, &list, NULL),
                     STATUS_OK);
    expect_strs(&list, (const char *const[]){"a", "b"}, 2);
    MetricStats stats;
    assert_int_equal(metric_store_stats(snapshot, 2, &f->arena, &stats, NULL), STATUS_OK);
    assert_int_equal(stats.series_count, 3);
    assert_int_equal(stats.sample_count, 3);
    assert_int_equal(stats.label_name_count, 3);
    assert_int_equal(stats.label_pair_count, 6);
    assert_int_equal(stats.min_ts, 1000);
    assert_int_equal(stats.max_ts, 3000);
    assert_int_equal(stats.series_by_metric_count, 2);
    assert_true(str_eq(stats.series_by_metric[0].name, STR("up")));
    assert_int_equal(stats.series_by_metric[0].count, 2);
    assert_true(str_eq(stats.values_by_label[0].name, STR("job")));
    assert_true(str_eq(stats.series_by_pair[0].name, STR("__name__=up")));
    metric_snapshot_unref(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_every_read_equals_the_model),
        T(test_extreme_timestamps_come_back),
        T(test_a_read_stays_in_its_budget),
        T(test_raw_bytes_find_their_series),
        T(test_durable_is_remembered),
        T(test_full_memory_refuses_registration_and_still_applies),
        T(test_dropped_samples_stay_for_older_snapshots),
        T(test_series_without_samples_leave_and_come_back),
        T(test_select_agrees_with_testing_every_series),
        T(test_select_agrees_on_large_sets),
        T(test_select_leaves_out_series_that_ended),
        T(test_labels_come_back),
        T(test_group_agrees_with_label_sets),
        T(test_names_and_values_are_listed),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
