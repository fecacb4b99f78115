/* wal_bench.c - what the write-ahead log costs: codec per sample, group commit, replay.
 *
 *   wal_bench [FOLDER]        the folder (default ".") says which disk is measured
 *
 * CPU is of the whole process (user and system), so the kernel's share of writing is in it.
 */
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/thread.h"
#include "storage/wal/wal_entry.h"

enum { SERIES = 10000, BATCH = 2000 };

static int64_t cpu_ns(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_SEC +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * NS_PER_US;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Values as node_exporter's: zeros, small and large whole numbers, bytes, seconds, fractions. */
static void fill_values(uint64_t *bits, uint32_t count, uint64_t round)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t state = (i + 1) * 0x9e3779b97f4a7c15;
        uint64_t r = next_random(&state);
        double value = 0;
        switch (i % 10) {
        case 0:
        case 1:
            break;
        case 2:
            value = (double)(r % 100);
            break;
        case 3:
        case 4:
            value = (double)(r % 10000000 + round * (r % 50));
            break;
        case 5:
        case 6:
            value = (double)((r % (1ull << 34)) & ~4095ull);
            break;
        case 7:
        case 8:
            value = (double)(r % 100000000 + round * (r % 1500)) / 100;
            break;
        default:
            value = (double)(r >> 11) / (double)(1ull << 53);
            break;
        }
        memcpy(&bits[i], &value, 8);
    }
}

static void bench_codec(void)
{
    enum { ROUNDS = 400 };
    static uint32_t refs[SERIES];
    static int64_t ts_ms[SERIES];
    static uint64_t bits[SERIES];
    CLEANUP(buf_done) Buf buf = {0};
    char *packed = mem_alloc((size_t)LZ4_compressBound(BATCH * 24));
    size_t packed_cap = (size_t)LZ4_compressBound(BATCH * 24);
    int64_t encode_ns = 0;
    int64_t decode_ns = 0;
    int64_t lz4_ns = 0;
    int64_t zstd_ns = 0;
    uint64_t bytes = 0;
    uint64_t lz4_bytes = 0;
    uint64_t zstd_bytes = 0;
    uint64_t samples = 0;
    uint64_t sum = 0;
    Arena arena = {0};

    for (uint32_t i = 0; i < SERIES; i++)
        refs[i] = 1 + i + i / 100; /* now and then a step of two */
    for (uint64_t round = 0; round < ROUNDS; round++) {
        fill_values(bits, SERIES, round);
        for (uint32_t i = 0; i < SERIES; i++)
            ts_ms[i] = INT64_C(1790000000000) + 15000 * (int64_t)round + (i / 500) * 37;
        for (uint32_t at = 0; at < SERIES; at += BATCH) {
            WalSamples in = {{0}, BATCH, refs + at, ts_ms + at, bits + at, NULL, NULL, 0};
            WalSamples out;
            buf_clear(&buf);
            int64_t t0 = clock_thread_cpu_ns();
            wal_samples_encode(&in, WAL_ENCODING_BINARY, &buf);
            int64_t t1 = clock_thread_cpu_ns();
            WalEntry entry = {.payload = buf_str(&buf)};
            if (wal_samples_decode(&entry, &arena, &out, NULL) != STATUS_OK)
                abort();
            int64_t t2 = clock_thread_cpu_ns();
            lz4_bytes +=
                (uint64_t)LZ4_compress_default(buf.ptr, packed, (int)buf.len, (int)packed_cap);
            int64_t t3 = clock_thread_cpu_ns();
            zstd_bytes += ZSTD_compress(packed, packed_cap, buf.ptr, buf.len, 1);
            int64_t t4 = clock_thread_cpu_ns();
            encode_ns += t1 - t0;
            decode_ns += t2 - t1;
            lz4_ns += t3 - t2;
            zstd_ns += t4 - t3;
            sum += out.value_bits[7];
            bytes += buf.len;
            samples += BATCH;
            arena_reset(&arena);
        }
    }
    double n = (double)samples;
    printf("codec      %.2f bytes/sample; encode %.2f ns, decode %.2f ns a sample\n",
           (double)bytes / n, (double)encode_ns / n, (double)decode_ns / n);
    printf(
        "           + lz4 %.2f bytes/sample for %.2f ns more; + zstd-1 %.2f for %.2f ns (%llu)\n",
        (double)lz4_bytes / n, (double)lz4_ns / n, (double)zstd_bytes / n, (double)zstd_ns / n,
        (unsigned long long)(sum & 1));
    arena_done(&arena);
    mem_free(packed);
}

/* A million series of eight labels, as definitions of 2000 at a time. */
static void bench_series(void)
{
    enum { ALL = 1000000 };
    CLEANUP(buf_done) Buf buf = {0};
    Arena arena = {0};
    Arena out_arena = {0};
    int64_t encode_ns = 0;
    int64_t decode_ns = 0;
    uint64_t bytes = 0;

    for (uint32_t at = 0; at < ALL; at += BATCH) {
        WalSeries *series = ARENA_NEW_ARRAY(&arena, WalSeries, BATCH);
        WalSeriesList out;
        for (uint32_t i = 0; i < BATCH; i++) {
            uint32_t id = at + i;
            Label *labels = ARENA_NEW_ARRAY(&arena, Label, 8);
            labels[0] = (Label){LABEL_NAME, arena_printf(&arena, "node_metric_%u_total", id / 100)};
            labels[1] = (Label){STR("cluster"), STR("production-eu-1")};
            labels[2] = (Label){STR("cpu"), arena_printf(&arena, "%u", id % 64)};
            labels[3] = (Label){STR("device"), arena_printf(&arena, "eth%u", id % 4)};
            labels[4] = (Label){STR("instance"), arena_printf(&arena, "host-%04u:9100", id / 1000)};
            labels[5] = (Label){STR("job"), STR("node")};
            labels[6] = (Label){STR("mode"), id & 1 ? STR("idle") : STR("system")};
            labels[7] = (Label){STR("region"), STR("eu-west-1")};
            series[i] = (WalSeries){1 + id, {labels, 8}};
        }
        buf_clear(&buf);
        int64_t t0 = clock_thread_cpu_ns();
        wal_series_encode((WalSeriesList){series, BATCH}, WAL_ENCODING_BINARY, &buf);
        int64_t t1 = clock_thread_cpu_ns();
        WalEntry entry = {.payload = buf_str(&buf)};
        if (wal_series_decode(&entry, &out_arena, &out, NULL) != STATUS_OK)
            abort();
        decode_ns += clock_thread_cpu_ns() - t1;
        encode_ns += t1 - t0;
        bytes += buf.len;
        arena_reset(&arena);
        arena_reset(&out_arena);
    }
    printf("series     %.1f bytes a definition; encode %.0f ns, decode %.0f ns\n",
           (double)bytes / ALL, (double)encode_ns / ALL, (double)decode_ns / ALL);
    arena_done(&arena);
    arena_done(&out_arena);
}

/* --- group commit --- */

typedef struct Appender {
    WalAppend append;
    Wal *wal;
    Mutex lock;
    Cond acked;
    bool done;
    uint32_t count;
    size_t len;
    char *payload;
    int64_t *latencies;
    Thread thread;
} Appender;

static void on_durable(WalAppend *append, Status status, const Error *err)
{
    Appender *a = LUMA_CONTAINER_OF(append, Appender, append);
    if (status != STATUS_OK) {
        fprintf(stderr, "%s\n", err->message);
        exit(1);
    }
    mutex_lock(&a->lock);
    a->done = true;
    cond_signal(&a->acked);
    mutex_unlock(&a->lock);
}

/* One connection that waits for each acknowledgement. */
static void run_appender(void *raw)
{
    Appender *a = raw;

    for (uint32_t i = 0; i < a->count; i++) {
        int64_t began = clock_mono_ns();
        a->append = (WalAppend){
            .type = WAL_ENTRY_CATALOG, .payload = {a->payload, a->len}, .on_durable = on_durable};
        a->done = false;
        if (wal_append(a->wal, &a->append, NULL) != STATUS_OK)
            exit(1);
        mutex_lock(&a->lock);
        while (!a->done)
            cond_wait(&a->acked, &a->lock);
        mutex_unlock(&a->lock);
        a->latencies[i] = clock_mono_ns() - began;
    }
}

static int cmp_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static Wal *open_log(const char *dir, WalSyncMode mode, const WalReplayOps *ops, void *ctx)
{
    WalOptions options = {.dir = dir, .lost_dir = dir, .sync_mode = mode};
    WalReport report = {0};
    Error err = {0};
    Wal *wal = NULL;

    if (wal_open(&options, ops, ctx, &report, &wal, &err) != STATUS_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    wal_report_done(&report);
    return wal;
}

static void remove_log(const char *dir)
{
    Arena arena = {0};
    VfsEntry *entries;
    size_t count = 0;

    if (vfs_list(vfs_posix(), dir, &arena, &entries, &count, NULL) == STATUS_OK)
        for (size_t i = 0; i < count; i++)
            (void)unlink(arena_printf(&arena, "%s/%s", dir, entries[i].name).ptr);
    arena_done(&arena);
}

static void bench_group(const char *dir, int appender_count, size_t len, uint32_t count)
{
    Wal *wal = open_log(dir, WAL_SYNC_ALWAYS, NULL, NULL);
    Appender *appenders = MEM_NEW_ARRAY(Appender, appender_count);
    int64_t *latencies = MEM_NEW_ARRAY(int64_t, (size_t)count * (size_t)appender_count);
    int64_t syncs = counter_get(COUNTER_WAL_SYNCS);
    int64_t cpu = cpu_ns();
    int64_t began = clock_mono_ns();

    for (int i = 0; i < appender_count; i++) {
        Appender *a = &appenders[i];
        *a = (Appender){.wal = wal,
                        .count = count,
                        .len = len,
                        .payload = mem_zalloc(len),
                        .latencies = latencies + (size_t)i * count};
        memset(a->payload, 'a' + i % 26, len);
        mutex_init(&a->lock);
        cond_init(&a->acked);
        if (thread_start(&a->thread, "appender", run_appender, a, NULL) != STATUS_OK)
            exit(1);
    }
    for (int i = 0; i < appender_count; i++) {
        thread_join(&appenders[i].thread);
        mem_free(appenders[i].payload);
    }
    int64_t took = clock_mono_ns() - began;
    cpu = cpu_ns() - cpu;
    syncs = counter_get(COUNTER_WAL_SYNCS) - syncs;
    size_t n = (size_t)count * (size_t)appender_count;
    double mb = (double)n * (double)len / 1e6;
    qsort(latencies, n, sizeof *latencies, cmp_i64);
    printf("append     %3d waiting x %6zu B: %8.0f/s %7.1f MB/s, %5.1f entries a sync, "
           "p50 %.2f p99 %.2f ms, CPU %.1f us an append, %.2f ms a MB\n",
           appender_count, len, (double)n / ((double)took / 1e9), mb / ((double)took / 1e9),
           (double)n / (double)syncs, (double)latencies[n / 2] / 1e6,
           (double)latencies[n * 99 / 100] / 1e6, (double)cpu / 1e3 / (double)n,
           (double)cpu / 1e6 / mb);
    wal_close(wal);
    mem_free(latencies);
    mem_free(appenders);
    remove_log(dir);
}

/* --- replay --- */

static void free_append(WalAppend *append, Status status, const Error *)
{
    if (status != STATUS_OK)
        exit(1);
    mem_free((void *)(uintptr_t)append->payload.ptr);
    mem_free(append);
}

typedef struct ReplayState {
    Arena arena;
    uint64_t samples;
    bool decode;
} ReplayState;

static Status on_entry(void *ctx, const WalEntry *entry, Error *err)
{
    ReplayState *state = ctx;
    WalSamples samples;

    if (!state->decode)
        return STATUS_OK;
    TRY(wal_samples_decode(entry, &state->arena, &samples, err));
    state->samples += samples.count;
    arena_reset(&state->arena);
    return STATUS_OK;
}

static void bench_replay(const char *dir)
{
    enum { ROUNDS = 12000000 / SERIES };
    static const WalReplayOps ops = {.on_entry = on_entry};
    static uint32_t refs[SERIES];
    static int64_t ts_ms[SERIES];
    static uint64_t bits[SERIES];
    Wal *wal = open_log(dir, WAL_SYNC_OFF, NULL, NULL);
    int64_t cpu = cpu_ns();

    for (uint32_t i = 0; i < SERIES; i++)
        refs[i] = 1 + i;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        fill_values(bits, SERIES, round);
        for (uint32_t i = 0; i < SERIES; i++)
            ts_ms[i] = INT64_C(1790000000000) + 15000 * (int64_t)round;
        for (uint32_t at = 0; at < SERIES; at += BATCH) {
            WalSamples in = {{0}, BATCH, refs + at, ts_ms + at, bits + at, NULL, NULL, 0};
            Buf buf = {0};
            WalAppend *append = MEM_NEW(WalAppend);
            wal_samples_encode(&in, WAL_ENCODING_BINARY, &buf);
            *append = (WalAppend){.type = WAL_ENTRY_SAMPLES, .on_durable = free_append};
            append->payload.ptr = buf_take(&buf, &append->payload.len);
            while (wal_append(wal, append, NULL) != STATUS_OK)
                usleep(1000);
        }
    }
    uint64_t bytes = wal_flush(wal, NULL) == STATUS_OK ? wal_bytes(wal) : 0;
    cpu = cpu_ns() - cpu;
    wal_close(wal);
    printf("write      12 M samples, %.1f MB: %.1f ns CPU a sample with making the values\n",
           (double)bytes / 1e6, (double)cpu / 12e6);
    for (int decode = 0; decode < 2; decode++) {
        ReplayState state = {.decode = decode};
        int64_t began = clock_mono_ns();
        wal = open_log(dir, WAL_SYNC_ALWAYS, &ops, &state);
        int64_t took = clock_mono_ns() - began;
        wal_close(wal);
        printf("replay     12 M samples, %s: %.0f ms, %.2f GB/s\n",
               decode ? "read, checked, decoded" : "read, checked", (double)took / 1e6,
               (double)bytes / (double)took);
        arena_done(&state.arena);
    }
    remove_log(dir);
}

int main(int argc, char **argv)
{
    char dir[4000];

    (void)snprintf(dir, sizeof dir, "%s/wal-bench", argc > 1 ? argv[1] : ".");
    bench_codec();
    bench_series();
    bench_group(dir, 1, 200, 2000);
    bench_group(dir, 8, 200, 2000);
    bench_group(dir, 64, 200, 1000);
    bench_group(dir, 1, 16000, 1000);
    bench_group(dir, 8, 16000, 1000);
    bench_group(dir, 4, 256000, 200);
    bench_replay(dir);
    (void)rmdir(dir);
    return 0;
}
