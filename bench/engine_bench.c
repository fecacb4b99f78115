/* engine_bench.c - rates of the storage engine alone: write with fsync, replay, scan.
 *
 *   engine_bench DIR SERIES SAMPLES_PER_SERIES THREADS
 *
 * Each thread writes batches of 10,000 samples of its own series with many in flight, as
 * connections do; then the directory is closed, opened again and scanned by SQL's door.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "storage/engine/engine.h"

enum { BATCH_SAMPLES = 10000, IN_FLIGHT_MAX = 8 };

typedef struct Writer {
    Thread thread;
    Engine *engine;
    uint32_t first; /* series [first, end) */
    uint32_t end;
    uint32_t times;
    Mutex lock;
    Cond free;
    int in_flight; /* guarded by lock */
    bool failed;   /* guarded by lock */
} Writer;

static void die(const char *what, const Error *err)
{
    (void)fprintf(stderr, "%s: %s\n", what, err->message);
    exit(1);
}

static void on_done(void *ctx, Status status, const Error *err, Lsn lsn)
{
    Writer *w = ctx;
    MUTEX_GUARD(&w->lock);
    w->in_flight--;
    if (status != STATUS_OK)
        die("write", err);
    cond_signal(&w->free);
}

static SeriesRef series(WriteBatch *batch, SeriesCursor *cursor, uint32_t s)
{
    char raw[160];
    char host[32];
    char cpu[16];
    char mode[16];
    SeriesRef ref;
    Error err;
    int len = snprintf(raw, sizeof raw,
                       "node_cpu_seconds_total\x01host\x02host-%06u\x01"
                       "cpu\x02%u\x01mode\x02m%u",
                       s / 64, s / 8 % 8, s % 8);

    if (write_batch_find_series(batch, cursor, LABEL_CODEC_TEXT, str_make(raw, (size_t)len), &ref))
        return ref;
    (void)snprintf(host, sizeof host, "host-%06u", s / 64);
    (void)snprintf(cpu, sizeof cpu, "%u", s / 8 % 8);
    (void)snprintf(mode, sizeof mode, "m%u", s % 8);
    Label labels[] = {{STR("__name__"), STR("node_cpu_seconds_total")},
                      {STR("cpu"), str_from(cpu)},
                      {STR("host"), str_from(host)},
                      {STR("job"), STR("node")},
                      {STR("mode"), str_from(mode)}};
    if (write_batch_add_series(batch, cursor, LABEL_CODEC_TEXT, str_make(raw, (size_t)len),
                               (LabelSet){labels, 5}, &ref, &err) != STATUS_OK)
        die("series", &err);
    return ref;
}

static void submit(Writer *w, WriteBatch *batch)
{
    mutex_lock(&w->lock);
    while (w->in_flight == IN_FLIGHT_MAX)
        cond_wait(&w->free, &w->lock);
    w->in_flight++;
    mutex_unlock(&w->lock);
    engine_write(w->engine, batch, on_done, w);
}

static void write_all(void *arg)
{
    Writer *w = arg;
    SeriesCursor *cursor = series_cursor_new();
    WriteBatch *batch = NULL;
    Error err;

    for (uint32_t t = 0; t < w->times; t++)
        for (uint32_t s = w->first; s < w->end; s++) {
            double value = (double)(t * 15) * 0.25 + s % 100;
            uint64_t bits;
            memcpy(&bits, &value, sizeof bits);
            if (!batch && write_batch_new(w->engine, &batch, &err) != STATUS_OK)
                die("batch", &err);
            SeriesRef ref = series(batch, cursor, s);
            if (write_batch_sample(batch, ref, 1700000000000 + 15000 * (int64_t)t, bits, &err) !=
                STATUS_OK)
                die("sample", &err);
            if (write_batch_sample_count(batch) == BATCH_SAMPLES) {
                submit(w, batch);
                batch = NULL;
            }
        }
    if (batch)
        submit(w, batch);
    mutex_lock(&w->lock);
    while (w->in_flight)
        cond_wait(&w->free, &w->lock);
    mutex_unlock(&w->lock);
    series_cursor_free(cursor);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static Engine *open_engine(const char *dir)
{
    EngineOptions options = {.data_dir = dir};
    EngineReport report;
    Engine *engine;
    Error err;

    int64_t start = clock_mono_ns();
    if (engine_open(&options, &engine, &report, &err) != STATUS_OK)
        die("open", &err);
    printf("open: %.3f s, %llu entries, %llu samples\n", (double)(clock_mono_ns() - start) / 1e9,
           (unsigned long long)report.entries_replayed,
           (unsigned long long)report.samples_replayed);
    return engine;
}

typedef struct Scanner {
    Thread thread;
    Scan *scan;
    double sum;
    uint64_t rows;
} Scanner;

static void scan_morsels(void *arg)
{
    Scanner *s = arg;
    CLEANUP(arena_done) Arena arena = {0};
    Morsel *morsel;
    RecordBatch batch;
    Error err;

    arena_init(&arena, NULL);
    while (scan_next_morsel(s->scan, &morsel, &err) == STATUS_OK && morsel) {
        while (morsel_next(morsel, &arena, &batch, &err) == STATUS_OK && batch.row_count) {
            const double *values = batch.columns[0].values;
            for (uint32_t i = 0; i < batch.row_count; i++)
                s->sum += values[i];
            s->rows += batch.row_count;
            arena_reset(&arena);
        }
        morsel_close(morsel);
    }
}

static void scan_all(Engine *engine, int threads, const uint16_t *columns, uint32_t count,
                     const char *what)
{
    Snapshot *snapshot;
    Scanner scanners[16] = {0};
    double sum = 0;
    uint64_t rows = 0;
    Error err;

    int64_t start = clock_mono_ns();
    if (engine_snapshot(engine, &snapshot, &err) != STATUS_OK)
        die("snapshot", &err);
    ScanSpec spec = {.table = snapshot_find_table(snapshot, STR("public"), STR("metrics")),
                     .columns = columns,
                     .column_count = count,
                     .row_limit = INT64_MAX};
    Scan *scan;
    if (engine_scan(snapshot, &spec, &scan, &err) != STATUS_OK)
        die("scan", &err);
    for (int i = 0; i < threads; i++) {
        scanners[i].scan = scan;
        (void)thread_start(&scanners[i].thread, "scan", scan_morsels, &scanners[i], &err);
    }
    for (int i = 0; i < threads; i++) {
        thread_join(&scanners[i].thread);
        sum += scanners[i].sum;
        rows += scanners[i].rows;
    }
    scan_free(scan);
    snapshot_free(snapshot);
    double seconds = (double)(clock_mono_ns() - start) / 1e9;
    printf("scan %-12s %d threads: %.1f ms, %.2f ns/row, %llu rows, sum %g\n", what, threads,
           seconds * 1e3, seconds * 1e9 / (double)rows, (unsigned long long)rows, sum);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fputs("usage: engine_bench DIR SERIES SAMPLES_PER_SERIES THREADS\n", stderr);
        return 2;
    }
    uint32_t series_count = (uint32_t)strtoul(argv[2], NULL, 10);
    uint32_t times = (uint32_t)strtoul(argv[3], NULL, 10);
    int threads = (int)strtol(argv[4], NULL, 10);
    Writer writers[16] = {0};
    Error err;
    Engine *engine = open_engine(argv[1]);

    if (threads < 1 || threads > 16)
        return 2;
    int64_t start = clock_mono_ns();
    double cpu = cpu_seconds();
    for (int i = 0; i < threads; i++) {
        Writer *w = &writers[i];
        *w = (Writer){.engine = engine,
                      .first = series_count / (uint32_t)threads * (uint32_t)i,
                      .end = series_count / (uint32_t)threads * (uint32_t)(i + 1),
                      .times = times};
        mutex_init(&w->lock);
        cond_init(&w->free);
        (void)thread_start(&w->thread, "writer", write_all, w, &err);
    }
    for (int i = 0; i < threads; i++)
        thread_join(&writers[i].thread);
    double seconds = (double)(clock_mono_ns() - start) / 1e9;
    double samples = (double)(series_count / (uint32_t)threads * (uint32_t)threads) * times;
    EngineStats stats;
    engine_stats(engine, &stats);
    printf("write: %.2f s, %.2f M samples/s, %.3f CPU-s per million, %.2f WAL bytes/sample\n",
           seconds, samples / seconds / 1e6, (cpu_seconds() - cpu) / samples * 1e6,
           (double)stats.wal_bytes / samples);
    printf("memory: %.0f bytes/series, %.1f MiB\n", (double)stats.hot_bytes / series_count,
           (double)stats.hot_bytes / (1 << 20));
    engine_close(engine);

    engine = open_engine(argv[1]);
    const uint16_t columns[] = {3, 0, 1, 2};
    for (int i = 1; i <= 2; i++) {
        scan_all(engine, i, columns, 1, "value");
        scan_all(engine, i, columns, 2, "value,ts");
        scan_all(engine, i, columns, 4, "all");
    }
    engine_close(engine);
    return 0;
}
