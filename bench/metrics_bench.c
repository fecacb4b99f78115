/* metrics_bench.c - the series store alone: nanoseconds and bytes of what it does all day.
 *
 *   metrics_bench [series] [samples per series]        (default 100000 60)
 *
 * The data is like node_exporter's: every 15 s with a jitter of a few ms per target; of ten series
 * three never change, three count integers, two count hundredths of seconds, two are gauges of few
 * digits. Prints one line per measure; times are of the CPU. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "storage/metrics/metric_store.h"

enum { SERIES_PER_TARGET = 1000, RAW_MAX = 400, BATCH_MAX = 2000 };

static uint64_t random_state = 88172645463325252ULL;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Labels of series i and, as raw bytes, their texts with separators. */
static Str make_labels(uint32_t i, char space[RAW_MAX], Label labels[8])
{
    uint32_t target = i / SERIES_PER_TARGET;
    uint32_t k = i % SERIES_PER_TARGET;
    int len = snprintf(space, RAW_MAX,
                       "__name__|node_metric_%03u_total_bytes|cluster|production-eu-west|"
                       "device|sda%u|instance|node-%05u.example.internal:9100|"
                       "job|node-exporter|mode|mode%u|",
                       k / 20, k % 5, target, k / 5 % 4);
    Str rest = {space, (size_t)len};
    for (int n = 0; n < 6; n++) {
        (void)str_split(&rest, '|', &labels[n].name);
        (void)str_split(&rest, '|', &labels[n].value);
    }
    return (Str){space, (size_t)len};
}

static double next_value(uint32_t series, double before)
{
    switch (series % 10) {
    case 0:
    case 1:
    case 2:
        return before;
    case 3:
    case 4:
    case 5:
        return before + (double)(next_random() % 2000);
    case 6:
    case 7:
        return (double)(int64_t)(before * 100 + 0.5 + (double)(next_random() % 1500)) / 100;
    default:
        return (double)(next_random() % 1000) / 10;
    }
}

static void print(const char *what, double value, const char *unit)
{
    printf("%-52s %12.2f %s\n", what, value, unit);
    fflush(stdout);
}

typedef struct Bench {
    MetricStore *store;
    MemBudget budget;
    SeriesRef *refs;
    double *values;
    uint32_t series_count;
    uint32_t sample_count;
    int64_t first_ts;
    int64_t last_ts;
} Bench;

static void register_all(Bench *b)
{
    enum { CHUNK = 1000 };
    static char spaces[CHUNK][RAW_MAX];
    static Label labels[CHUNK][8];
    Str raws[CHUNK];
    SeriesCursor cursor = {0};
    Error err;
    int64_t resident = mem_resident_bytes();
    int64_t spent = 0;

    for (uint32_t from = 0; from < b->series_count; from += CHUNK) {
        uint32_t count = LUMA_MIN(CHUNK, b->series_count - from);
        for (uint32_t i = 0; i < count; i++)
            raws[i] = make_labels(from + i, spaces[i], labels[i]);
        int64_t begin = clock_thread_cpu_ns();
        for (uint32_t i = 0; i < count; i++)
            if (metric_store_add(b->store, &cursor, 0, raws[i], (LabelSet){labels[i], 6},
                                 &b->refs[from + i], NULL, &err) != STATUS_OK) {
                fprintf(stderr, "%s\n", err.message);
                exit(1);
            }
        spent += clock_thread_cpu_ns() - begin;
    }
    print("register a series", (double)spent / b->series_count, "ns");
    print("registered: resident per series",
          (double)(mem_resident_bytes() - resident) / b->series_count, "B");
    print("registered: charged per series", (double)mem_budget_used(&b->budget) / b->series_count,
          "B");
}

static void find_all(Bench *b)
{
    enum { CHUNK = 1000 };
    static char spaces[CHUNK][RAW_MAX];
    Str raws[CHUNK];
    Label labels[8];
    SeriesCursor cursor = {0};
    SeriesRef ref = 0;
    int64_t predicted = 0;
    int64_t probed = 0;
    uint64_t bad = 0;

    for (uint32_t from = 0; from + CHUNK <= b->series_count; from += CHUNK) {
        for (uint32_t i = 0; i < CHUNK; i++)
            raws[i] = make_labels(from + i, spaces[i], labels);
        int64_t begin = clock_thread_cpu_ns();
        for (uint32_t i = 0; i < CHUNK; i++)
            bad +=
                !metric_store_find(b->store, &cursor, 0, raws[i], &ref) || ref != b->refs[from + i];
        predicted += clock_thread_cpu_ns() - begin;
        begin = clock_thread_cpu_ns();
        for (uint32_t i = 0; i < CHUNK; i++) {
            SeriesCursor fresh = {0};
            bad += !metric_store_find(b->store, &fresh, 0, raws[i], &ref);
        }
        probed += clock_thread_cpu_ns() - begin;
    }
    if (bad)
        exit(2);
    print("find a known series, predicted", (double)predicted / b->series_count, "ns");
    print("find a known series, by the table", (double)probed / b->series_count, "ns");
}

static void append_all(Bench *b)
{
    static SeriesRef refs[BATCH_MAX];
    static int64_t ts[BATCH_MAX];
    static uint64_t bits[BATCH_MAX];
    int64_t resident = mem_resident_bytes();
    int64_t charged = mem_budget_used(&b->budget);
    int64_t spent = 0;
    Lsn lsn = 0;

    b->first_ts = INT64_C(1767225600000);
    for (uint32_t n = 0; n < b->sample_count; n++) {
        int64_t at = b->first_ts + n * INT64_C(15000);
        int64_t target_ts = at;
        for (uint32_t from = 0; from < b->series_count; from += BATCH_MAX) {
            uint32_t count = LUMA_MIN(BATCH_MAX, b->series_count - from);
            for (uint32_t i = 0; i < count; i++) {
                uint32_t s = from + i;
                if (s % SERIES_PER_TARGET == 0)
                    target_ts = at + (int64_t)(next_random() % 5);
                b->values[s] = next_value(s, b->values[s]);
                refs[i] = b->refs[s];
                ts[i] = target_ts;
                bits[i] = gorilla_bits(b->values[s]);
            }
            SampleColumns columns = {.refs = refs, .ts_ms = ts, .bits = bits, .count = count};
            int64_t begin = clock_thread_cpu_ns();
            metric_store_apply(b->store, ++lsn, &columns);
            spent += clock_thread_cpu_ns() - begin;
        }
        b->last_ts = at;
    }
    double total = (double)b->series_count * b->sample_count;
    print("apply a sample (CPU)", (double)spent / total, "ns");
    print("samples: resident per sample", (double)(mem_resident_bytes() - resident) / total, "B");
    print("samples: charged per sample", (double)(mem_budget_used(&b->budget) - charged) / total,
          "B");
    print("all: resident per series", (double)mem_resident_bytes() / b->series_count, "B");
}

static void read_some(Bench *b, MetricSnapshot *snapshot, const char *what, int64_t range_ms,
                      uint32_t series)
{
    SampleRun run = {0};
    uint64_t samples = 0;
    int64_t begin = clock_thread_cpu_ns();

    series = LUMA_MIN(series, b->series_count);
    for (uint32_t i = 0; i < series; i++) {
        if (metric_store_read(snapshot, b->refs[i], b->last_ts - range_ms, b->last_ts + 1000, &run,
                              NULL) != STATUS_OK)
            exit(3);
        samples += run.count;
    }
    int64_t spent = clock_thread_cpu_ns() - begin;
    char text[100];
    (void)snprintf(text, sizeof text, "%s, %u series: a sample", what, series);
    print(text, (double)spent / (double)samples, "ns");
    (void)snprintf(text, sizeof text, "%s, %u series: all", what, series);
    print(text, (double)spent / 1e6, "ms");
    sample_run_done(&run);
}

typedef struct Fold {
    uint64_t count;
    double sum;
} Fold;

static void fold_chunk(void *ctx, const ChunkSummary *chunk)
{
    Fold *fold = ctx;
    fold->count += chunk->count;
    fold->sum += chunk->sum;
}

static void fold_samples(void *ctx, const int64_t *ts, const double *values, uint32_t count)
{
    Fold *fold = ctx;
    for (uint32_t i = 0; i < count; i++)
        fold->sum += values[i];
    fold->count += count;
}

static void visit_some(Bench *b, MetricSnapshot *snapshot, uint32_t series)
{
    SampleRun run = {0};
    Fold fold = {0};
    SeriesVisitor visitor = {fold_chunk, fold_samples, &fold};
    int64_t begin = clock_thread_cpu_ns();

    series = LUMA_MIN(series, b->series_count);
    for (uint32_t i = 0; i < series; i++)
        if (metric_store_visit(snapshot, b->refs[i], b->first_ts, b->last_ts + 1000, &visitor, &run,
                               NULL) != STATUS_OK)
            exit(4);
    char text[100];
    (void)snprintf(text, sizeof text, "count and sum of all samples, %u series", series);
    print(text, (double)(clock_thread_cpu_ns() - begin) / 1e6, "ms");
    sample_run_done(&run);
}

static void query_all(Bench *b, MetricSnapshot *snapshot, uint32_t limit)
{
    Arena arena;
    LabelMatcher matchers[2];
    SeriesList list;
    LabelSet *groups;
    uint32_t group_count;
    char text[100];

    arena_init(&arena, NULL);
    char pattern[64];
    (void)snprintf(pattern, sizeof pattern, "node-0%s.*", limit <= 10000 ? "000" : "00");
    if (label_matcher_make(MATCH_RE, STR("instance"), str_from(pattern), &arena, &matchers[0],
                           NULL) != STATUS_OK ||
        label_matcher_make(MATCH_EQ, STR("job"), STR("node-exporter"), &arena, &matchers[1],
                           NULL) != STATUS_OK)
        exit(5);
    for (int round = 0; round < 2; round++) {
        int64_t begin = clock_thread_cpu_ns();
        if (metric_store_select(snapshot, matchers, 2, b->last_ts - 300000, b->last_ts + 1000,
                                &arena, &list, NULL) != STATUS_OK)
            exit(5);
        int64_t selected = clock_thread_cpu_ns();
        uint8_t *kinds = arena_alloc(&arena, list.count + 1);
        int64_t *ts = arena_alloc(&arena, (list.count + 1) * 8);
        double *values = arena_alloc(&arena, (list.count + 1) * 8);
        uint32_t *ids = arena_alloc(&arena, (list.count + 1) * 4);
        int64_t allocated = clock_thread_cpu_ns();
        if (metric_store_last(snapshot, list.refs, list.count, b->last_ts - 300000,
                              b->last_ts + 1000, &arena, kinds, ts, values, NULL,
                              NULL) != STATUS_OK)
            exit(6);
        int64_t read = clock_thread_cpu_ns();
        static const Str names[] = {STR_INIT("mode"), STR_INIT("device")};
        if (metric_store_group(snapshot, list.refs, list.count, names, 2, false, &arena, ids,
                               &groups, &group_count, NULL) != STATUS_OK)
            exit(7);
        int64_t end = clock_thread_cpu_ns();
        if (round == 0)
            continue;
        (void)snprintf(text, sizeof text, "select %u series", list.count);
        print(text, (double)(selected - begin) / 1e6, "ms");
        (void)snprintf(text, sizeof text, "last sample of %u series", list.count);
        print(text, (double)(read - allocated) / 1e6, "ms");
        (void)snprintf(text, sizeof text, "group %u series into %u", list.count, group_count);
        print(text, (double)(end - read) / 1e6, "ms");
    }
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    Bench b = {.series_count = 100000, .sample_count = 60};
    Error err;

    if (argc > 1)
        b.series_count = (uint32_t)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        b.sample_count = (uint32_t)strtoul(argv[2], NULL, 10);
    b.refs = MEM_NEW_ARRAY(SeriesRef, b.series_count);
    b.values = MEM_NEW_ARRAY(double, b.series_count);
    mem_budget_init(&b.budget, NULL, "hot memory", INT64_MAX);
    if (metric_store_new(&b.budget, &b.store, &err) != STATUS_OK)
        return 1;
    printf("%u series, %u samples each\n", b.series_count, b.sample_count);
    register_all(&b);
    find_all(&b);
    append_all(&b);
    MetricSnapshot *snapshot = metric_store_snapshot(b.store);
    read_some(&b, snapshot, "read 1 h", 3600000, 3200);
    read_some(&b, snapshot, "read 5 m", 300000, 10000);
    read_some(&b, snapshot, "read 24 h", 86400000, 100);
    visit_some(&b, snapshot, 3200);
    query_all(&b, snapshot, 10000);
    query_all(&b, snapshot, 100000);
    metric_snapshot_unref(snapshot);
    metric_store_free(b.store);
    mem_free(b.refs);
    mem_free(b.values);
    return 0;
}
