#include "server/own_metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"

typedef struct OwnSample {
    const char *name;
    const char *labels; /* `a="b"`, "" = none */
    const char *help;
    CounterKind kind;
    double value;
} OwnSample;

static const char *type_of(const OwnSample *sample)
{
    return sample->kind == COUNTER_KIND_GAUGE ? "gauge" : "counter";
}

typedef void (*OnSample)(void *ctx, const OwnSample *sample);

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage); /* cannot fail for RUSAGE_SELF */
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = -1; /* the descriptor of this very listing */

    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

/* Calls fn for every sample; members of a family come one after the other. */
static void gather(const OwnMetricsSource *source, OnSample fn, void *ctx)
{
    EngineStats stats;

    for (int i = 0; i < COUNTER_COUNT_; i++) {
        const CounterInfo *info = &counter_infos[i];
        OwnSample sample = {info->name, info->labels, info->help, info->kind,
                            (double)counter_get((CounterId)i)};
        if (info->kind == COUNTER_KIND_NANOSECONDS)
            sample.value /= 1e9;
        fn(ctx, &sample);
    }
    engine_stats(source->engine, &stats);
#define EMIT(kind_, name_, labels_, value_, help_)                                                 \
    fn(ctx, &(OwnSample){name_, labels_, help_, COUNTER_KIND_##kind_, (double)(value_)})
    EMIT(GAUGE, "lumadb_build_info", "version=\"" LUMADB_VERSION "\"", 1,
         "Always 1; the label tells the version.");
    EMIT(GAUGE, "lumadb_writable", "", engine_writable(source->engine, NULL),
         "1 while writes are taken, 0 after the log has failed.");
    EMIT(GAUGE, "lumadb_series", "", stats.series, "Series registered now.");
    EMIT(GAUGE, "lumadb_hot_samples", "", stats.samples, "Samples in hot memory.");
    EMIT(GAUGE, "lumadb_hot_chunks", "", stats.chunks, "Chunks in hot memory.");
    EMIT(GAUGE, "lumadb_wal_bytes", "", stats.wal_bytes, "Bytes of the write-ahead log on disk.");
    EMIT(GAUGE, "lumadb_wal_segments", "", stats.wal_segments,
         "Segments of the write-ahead log on disk.");
    EMIT(GAUGE, "lumadb_memory_bytes", "part=\"hot\"", mem_budget_used(source->hot),
         "Memory charged to a part's budget.");
    EMIT(GAUGE, "lumadb_memory_bytes", "part=\"queries\"", mem_budget_used(source->queries),
         "Memory charged to a part's budget.");
    EMIT(GAUGE, "lumadb_memory_limit_bytes", "part=\"hot\"", source->hot->limit_bytes,
         "Limit of a part's budget.");
    EMIT(GAUGE, "lumadb_memory_limit_bytes", "part=\"queries\"", source->queries->limit_bytes,
         "Limit of a part's budget.");
    EMIT(GAUGE, "lumadb_pool_queue_length", "pool=\"query\"", pool_queue_len(source->query_pool),
         "Tasks that wait for a worker.");
    EMIT(GAUGE, "lumadb_pool_queue_length", "pool=\"ingest\"", pool_queue_len(source->ingest_pool),
         "Tasks that wait for a worker.");
    const GateLimits limits = gate_limits(source->gate);
    static const char limit_help[] = "Limits of admission; 0 = none.";
    EMIT(GAUGE, "lumadb_admission_bans", "", gate_bans(source->gate, NULL, 0), "Bans in force.");
    EMIT(GAUGE, "lumadb_admission_addresses", "", gate_peer_count(source->gate),
         "Addresses that admission counts now.");
    EMIT(GAUGE, "lumadb_admission_limit", "limit=\"queries_per_second\"", limits.queries_per_second,
         limit_help);
    EMIT(GAUGE, "lumadb_admission_limit", "limit=\"queries_burst\"", limits.queries_burst,
         limit_help);
    EMIT(GAUGE, "lumadb_admission_limit", "limit=\"connections_per_address\"",
         limits.connections_per_address, limit_help);
    EMIT(GAUGE, "lumadb_admission_limit", "limit=\"failed_logins_max\"", limits.failed_logins_max,
         limit_help);
    EMIT(GAUGE, "lumadb_admission_limit", "limit=\"refusals_max\"", limits.refusals_max,
         limit_help);
    EMIT(COUNTER, "process_cpu_seconds_total", "", cpu_seconds(),
         "User and system CPU time of the process, in seconds.");
    EMIT(GAUGE, "process_resident_memory_bytes", "", mem_resident_bytes(),
         "Resident memory of the process.");
    EMIT(GAUGE, "process_open_fds", "", open_files(), "Open file descriptors.");
    EMIT(GAUGE, "process_start_time_seconds", "", (double)source->start_wall_ns / 1e9,
         "Start of the process, in seconds since 1970.");
#undef EMIT
}

/* ---------------------------------------------------------------- /metrics */

typedef struct Rendering {
    Buf *out;
    const char *family; /* of the sample before */
} Rendering;

static void render_sample(void *ctx, const OwnSample *sample)
{
    Rendering *rendering = ctx;

    if (!rendering->family || strcmp(rendering->family, sample->name) != 0)
        buf_printf(rendering->out, "# HELP %s %s\n# TYPE %s %s\n", sample->name, sample->help,
                   sample->name, type_of(sample));
    rendering->family = sample->name;
    buf_printf(rendering->out, "%s%s%s%s %.17g\n", sample->name, sample->labels[0] ? "{" : "",
               sample->labels, sample->labels[0] ? "}" : "", sample->value);
}

void own_metrics_render(const OwnMetricsSource *source, Buf *out)
{
    Rendering rendering = {.out = out};
    gather(source, render_sample, &rendering);
}

/* ---------------------------------------------------------------- storing them */

struct OwnMetricsWriter {
    const OwnMetricsSource *source;
    int64_t interval_ns;
    Str instance; /* owned */
    Mutex lock;
    Cond wake;
    bool stopping; /* guarded by lock */
    bool failing;  /* the last write failed; confined to the thread */
    Thread thread;
};

typedef struct Storing {
    OwnMetricsWriter *writer;
    WriteBatch *batch;
    SeriesCursor *cursor;
    int64_t now_ms;
    bool with_metadata;
    const char *family;
    Status status;
    Error *err;
} Storing;

/* Splits `a="b"` (our own fixed texts: one label at most, nothing to unescape). */
static uint32_t split_labels(const char *text, Label *ret_label)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        return 0;
    ret_label->name = (Str){text, (size_t)(equals - text)};
    ret_label->value = (Str){equals + 2, strlen(equals + 2) - 1};
    return 1;
}

static Status store_one(Storing *storing, const OwnSample *sample)
{
    Label labels[4] = {{LABEL_NAME, str_from(sample->name)},
                       {STR("job"), STR("lumadb")},
                       {STR("instance"), storing->writer->instance}};
    uint32_t count = 3 + split_labels(sample->labels, &labels[3]);
    SeriesRef ref;
    uint64_t bits;

    TRY(label_set_normalize(labels, &count, storing->err));
    TRY(write_batch_add_series(storing->batch, storing->cursor, LABEL_CODEC_SQL, (Str){0},
                               (LabelSet){labels, count}, &ref, storing->err));
    memcpy(&bits, &sample->value, sizeof bits);
    TRY(write_batch_sample(storing->batch, ref, storing->now_ms, bits, storing->err));
    if (!storing->with_metadata || (storing->family && !strcmp(storing->family, sample->name)))
        return STATUS_OK;
    storing->family = sample->name;
    return write_batch_metadata(storing->batch, str_from(sample->name), str_from(type_of(sample)),
                                (Str){"", 0}, str_from(sample->help), storing->err);
}

static void store_sample(void *ctx, const OwnSample *sample)
{
    Storing *storing = ctx;
    if (storing->status == STATUS_OK)
        storing->status = store_one(storing, sample);
}

static Status store_all(OwnMetricsWriter *writer, bool with_metadata, Error *err)
{
    Storing storing = {
        .writer = writer, .now_ms = clock_wall_ms(), .with_metadata = with_metadata, .err = err};

    TRY(write_batch_new(writer->source->engine, &storing.batch, err));
    storing.cursor = series_cursor_new();
    gather(writer->source, store_sample, &storing);
    series_cursor_free(storing.cursor);
    if (storing.status != STATUS_OK) {
        write_batch_free(storing.batch);
        return storing.status;
    }
    return engine_write_wait(writer->source->engine, storing.batch, NULL, err);
}

static void writer_main(void *raw)
{
    OwnMetricsWriter *writer = raw;
    int64_t next_ns = clock_mono_ns() + NS_PER_SEC; /* a first visitor finds data soon */
    bool first = true;

    for (;;) {
        Error err;
        mutex_lock(&writer->lock);
        while (!writer->stopping && clock_mono_ns() < next_ns)
            (void)cond_wait_until(&writer->wake, &writer->lock, next_ns);
        bool stopping = writer->stopping;
        mutex_unlock(&writer->lock);
        if (stopping)
            return;
        Status status = store_all(writer, first, &err);
        if (status != STATUS_OK && !writer->failing)
            LOG_WARN("own metrics cannot be stored", LOG_FIELD("error", LOG_STR(err.message)));
        writer->failing = status != STATUS_OK;
        first = first && status != STATUS_OK;
        next_ns += writer->interval_ns;
        if (next_ns < clock_mono_ns())
            next_ns = clock_mono_ns() + writer->interval_ns;
    }
}

Status own_metrics_start(const OwnMetricsSource *source, int64_t interval_ns, Str instance,
                         OwnMetricsWriter **ret_writer, Error *err)
{
    OwnMetricsWriter *writer = MEM_NEW(OwnMetricsWriter);

    writer->source = source;
    writer->interval_ns = LUMA_MAX(interval_ns, NS_PER_MS);
    writer->instance = (Str){mem_dup(instance.ptr, instance.len), instance.len};
    mutex_init(&writer->lock);
    cond_init(&writer->wake);
    Status status = thread_start(&writer->thread, "own-metrics", writer_main, writer, err);
    if (status != STATUS_OK) {
        own_metrics_stop(writer);
        return status;
    }
    *ret_writer = writer;
    return STATUS_OK;
}

OwnMetricsWriter *own_metrics_stop(OwnMetricsWriter *writer)
{
    if (!writer)
        return NULL;
    mutex_lock(&writer->lock);
    writer->stopping = true;
    cond_signal(&writer->wake);
    mutex_unlock(&writer->lock);
    thread_join(&writer->thread);
    cond_done(&writer->wake);
    mutex_done(&writer->lock);
    mem_free((void *)(uintptr_t)writer->instance.ptr);
    mem_free(writer);
    return NULL;
}
