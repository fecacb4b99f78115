/* otlp_delta.c - deltas become cumulative: one accumulator for each series that gets them.
 *
 * The log holds the sums, not the deltas. An accumulator that is not in memory (after a restart,
 * or because it was let go) begins with the newest stored sample of its series, so nothing else
 * needs to be written down.
 *
 * 1. A delta whose interval ends after the newest one is added and stored at its end.
 * 2. A late one is added, too, and the sum is stored at the newest sample's time, which it
 *    replaces: no count is lost, its place in time is. A late one that ends where a sample of the
 *    series lies is a repetition: a sender that did not get its answer. So is one equal to the
 *    newest.
 * 3. Sums are stored in the order in which they were added: the lock is held until the batch is
 *    the engine's.
 * 4. An accumulator is let go only when no write with a sum of it is under way. When a write fails
 *    its accumulators are let go, unless later sums that contain them are on their way.
 *
 * Threads: guarded by `lock`, which a request holds while it decodes its deltas. The engine's
 * threads only leave word of finished writes under `settled_lock`; who takes `lock` next acts on
 * it.
 */
#include "base/clock.h"
#include "base/map.h"
#include "format/gorilla/gorilla.h"
#include "ingest/otlp_int.h"

enum { STREAMS_DEFAULT = 1000000, STALE_STEPS_MAX = 1000 };

typedef struct Stream {
    SeriesRef ref;
    uint32_t pending; /* writes under way that contain its sum */
    bool used;        /* since the last sweep */
    bool started;     /* start_ms and the sum say something */
    bool is_histogram;
    int64_t last_ms;     /* newest sample of the series; INT64_MIN = none */
    OtlpInterval newest; /* end_ns 0 = not seen since it was read from storage */
    int64_t start_ms;    /* of the sum */
    double total;
    OtlpExponential histogram; /* its arrays are owned, in one block */
    double *block;
    size_t block_bytes;
} Stream;

/* A write that has ended, and the accumulators it moved. */
typedef struct Settled {
    struct Settled *next;
    SeriesRef *refs; /* owned */
    size_t count;
    bool stored;
} Settled;

struct OtlpDeltas {
    Engine *engine;
    MemBudget *budget;
    uint32_t streams_max;
    Mutex lock;
    Map streams;        /* guarded by lock: SeriesRef (in the Stream) -> Stream */
    Snapshot *snapshot; /* guarded by lock: taken once while it is held */
    Mutex settled_lock;
    Settled *settled; /* guarded by settled_lock */
};

OtlpDeltas *otlp__deltas_new(Engine *engine, MemBudget *budget, uint32_t streams_max)
{
    OtlpDeltas *deltas = MEM_NEW(OtlpDeltas);

    deltas->engine = engine;
    deltas->budget = budget;
    deltas->streams_max = streams_max ? streams_max : STREAMS_DEFAULT;
    mutex_init(&deltas->lock);
    mutex_init(&deltas->settled_lock);
    return deltas;
}

static Str stream_key(const SeriesRef *ref)
{
    return str_make(ref, sizeof *ref);
}

static void charge(OtlpDeltas *deltas, int64_t bytes)
{
    if (deltas->budget && bytes > 0)
        mem_budget_force(deltas->budget, bytes);
    else if (deltas->budget)
        mem_budget_release(deltas->budget, -bytes);
}

static void free_stream(OtlpDeltas *deltas, Stream *stream)
{
    charge(deltas, -(int64_t)(sizeof *stream + sizeof(MapSlot) + stream->block_bytes));
    mem_free(stream->block);
    mem_free(stream);
}

static void forget(OtlpDeltas *deltas, Stream *stream)
{
    (void)map_remove(&deltas->streams, stream_key(&stream->ref));
    free_stream(deltas, stream);
}

static void act_on_settled(OtlpDeltas *deltas)
{
    mutex_lock(&deltas->settled_lock);
    Settled *settled = STEAL(deltas->settled);
    mutex_unlock(&deltas->settled_lock);
    for (Settled *next; settled; settled = next) {
        next = settled->next;
        for (size_t i = 0; i < settled->count; i++) {
            Stream *stream = map_get(&deltas->streams, stream_key(&settled->refs[i]));
            if (--stream->pending == 0 && !settled->stored)
                forget(deltas, stream);
        }
        mem_free(settled->refs);
        mem_free(settled);
    }
}

OtlpDeltas *otlp__deltas_free(OtlpDeltas *deltas)
{
    size_t pos = 0;

    if (!deltas)
        return NULL;
    act_on_settled(deltas);
    for (const MapSlot *slot; (slot = map_next(&deltas->streams, &pos));)
        free_stream(deltas, slot->value);
    map_done(&deltas->streams);
    mutex_done(&deltas->settled_lock);
    mutex_done(&deltas->lock);
    mem_free(deltas);
    return NULL;
}

void otlp__deltas_lock(OtlpDeltas *deltas)
{
    mutex_lock(&deltas->lock);
    act_on_settled(deltas);
}

void otlp__deltas_unlock(OtlpDeltas *deltas)
{
    deltas->snapshot = snapshot_free(deltas->snapshot);
    mutex_unlock(&deltas->lock);
}

/* Lets streams go that were not used since the last sweep, or all that can be. */
static uint32_t sweep(OtlpDeltas *deltas, bool all)
{
    Stream **gone = mem_alloc(sizeof *gone * (deltas->streams.count + 1));
    uint32_t count = 0;
    size_t pos = 0;

    for (const MapSlot *slot; (slot = map_next(&deltas->streams, &pos));) {
        Stream *stream = slot->value;
        if (!stream->pending && (all || !stream->used))
            gone[count++] = stream;
        stream->used = false;
    }
    for (uint32_t i = 0; i < count; i++)
        forget(deltas, gone[i]);
    mem_free(gone);
    return count;
}

/* ---------------------------------------------------------------- what is stored */

static Status take_snapshot(OtlpDeltas *deltas, Error *err)
{
    return deltas->snapshot ? STATUS_OK : engine_snapshot(deltas->engine, &deltas->snapshot, err);
}

/* Takes the histogram's arrays over into one owned block. */
static void own_histogram(OtlpDeltas *deltas, Stream *stream, const OtlpExponential *h)
{
    size_t bytes = sizeof(double) * ((size_t)h->sides[0].count + h->sides[1].count);
    double *block = mem_alloc(bytes);

    charge(deltas, (int64_t)bytes - (int64_t)stream->block_bytes);
    stream->histogram = *h;
    stream->histogram.sides[0].counts = block;
    stream->histogram.sides[1].counts = block + h->sides[0].count;
    for (int i = 0; i < 2; i++)
        if (h->sides[i].count)
            memcpy(stream->histogram.sides[i].counts, h->sides[i].counts,
                   sizeof(double) * h->sides[i].count);
    mem_free(stream->block);
    stream->block = block;
    stream->block_bytes = bytes;
    stream->is_histogram = true;
}

/* The newest sample that is no staleness marker. */
static Status seed(OtlpDeltas *deltas, Stream *stream, Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    const NativeHistogram *histogram;
    int64_t max_ms = INT64_MAX;
    int64_t ts_ms;
    double value;
    bool found;

    arena_init(&arena, NULL);
    TRY(take_snapshot(deltas, err));
    for (int i = 0; i < STALE_STEPS_MAX; i++) {
        TRY(engine_last_sample(deltas->snapshot, stream->ref, INT64_MIN, max_ms, &arena, &found,
                               &ts_ms, &value, &histogram, err));
        if (!found)
            return STATUS_OK;
        stream->last_ms = LUMA_MAX(stream->last_ms, ts_ms);
        bool stale =
            histogram ? histogram_is_stale(histogram) : gorilla_bits(value) == WRITE_STALE_BITS;
        if (!stale)
            break;
        if (ts_ms == INT64_MIN)
            return STATUS_OK;
        max_ms = ts_ms - 1;
        found = false;
    }
    if (!found)
        return STATUS_OK;
    SampleRun run = {0};
    Status status = engine_read_series(deltas->snapshot, stream->ref, ts_ms, ts_ms, &run, err);
    if (status == STATUS_OK && run.count && run.start_ms)
        stream->start_ms = run.start_ms[0];
    sample_run_done(&run);
    TRY(status);
    stream->started = true;
    stream->total = histogram ? 0 : value;
    if (histogram && histogram->schema != HISTOGRAM_SCHEMA_CUSTOM) {
        OtlpExponential h = otlp__exponential_of_native(histogram, &arena);
        own_histogram(deltas, stream, &h);
    }
    return STATUS_OK;
}

static Status find_stream(OtlpDeltas *deltas, SeriesRef ref, Stream **ret_stream, Error *err)
{
    Stream *stream = map_get(&deltas->streams, stream_key(&ref));

    if (!stream) {
        if (deltas->streams.count >= deltas->streams_max && !sweep(deltas, false))
            (void)sweep(deltas, true);
        stream = MEM_NEW(Stream);
        stream->ref = ref;
        stream->last_ms = INT64_MIN;
        charge(deltas, (int64_t)(sizeof *stream + sizeof(MapSlot)));
        Status status = seed(deltas, stream, err);
        if (status != STATUS_OK) {
            free_stream(deltas, stream);
            return status;
        }
        *map_put(&deltas->streams, stream_key(&stream->ref), NULL) = stream;
    }
    stream->used = true;
    *ret_stream = stream;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- adding up */

static Status has_sample(OtlpDeltas *deltas, SeriesRef ref, int64_t ts_ms, bool *ret_found,
                         Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    const NativeHistogram *histogram;
    int64_t at_ms;
    double value;

    arena_init(&arena, NULL);
    TRY(take_snapshot(deltas, err));
    return engine_last_sample(deltas->snapshot, ref, ts_ms, ts_ms, &arena, ret_found, &at_ms,
                              &value, &histogram, err);
}

Status otlp__delta_admit(OtlpDeltas *deltas, SeriesRef ref, const OtlpInterval *interval,
                         bool *ret_new, int64_t *ret_ts_ms, Error *err)
{
    int64_t ts_ms = (int64_t)(interval->end_ns / NS_PER_MS);
    const OtlpInterval *newest;
    bool repeated = false;
    Stream *stream;

    TRY(find_stream(deltas, ref, &stream, err));
    newest = &stream->newest;
    if (ts_ms > stream->last_ms || (newest->end_ns && interval->end_ns > newest->end_ns)) {
        *ret_new = true;
        *ret_ts_ms = stream->last_ms = LUMA_MAX(ts_ms, stream->last_ms);
        stream->newest = *interval;
        return STATUS_OK;
    }
    if (newest->end_ns == interval->end_ns)
        repeated = newest->start_ns == interval->start_ns && newest->value == interval->value;
    else
        TRY(has_sample(deltas, ref, ts_ms, &repeated, err));
    *ret_new = !repeated;
    *ret_ts_ms = stream->last_ms;
    return STATUS_OK;
}

static void note_use(OtlpWrite *write, Stream *stream)
{
    stream->pending++;
    MEM_GROW(write->delta_refs, write->delta_cap, write->delta_count + 1);
    write->delta_refs[write->delta_count++] = stream->ref;
}

static void note_start(Stream *stream, uint64_t start_ns)
{
    if (!stream->started)
        stream->start_ms = (int64_t)(start_ns / NS_PER_MS);
    stream->started = true;
}

Status otlp__delta_add(OtlpDeltas *deltas, OtlpWrite *write, SeriesRef ref, uint64_t start_ns,
                       double delta, double *ret_total, int64_t *ret_start_ms, Error *err)
{
    Stream *stream;

    TRY(find_stream(deltas, ref, &stream, err));
    note_start(stream, start_ns);
    note_use(write, stream);
    stream->total += delta;
    *ret_total = stream->total;
    *ret_start_ms = stream->start_ms;
    return STATUS_OK;
}

Status otlp__delta_add_exponential(OtlpDeltas *deltas, OtlpWrite *write, SeriesRef ref,
                                   uint64_t start_ns, const OtlpExponential *delta, Arena *arena,
                                   NativeHistogram *ret_total, int64_t *ret_start_ms, Error *err)
{
    OtlpExponential sum = *delta;
    Stream *stream;

    TRY(find_stream(deltas, ref, &stream, err));
    if (stream->is_histogram) {
        sum = stream->histogram;
        TRY(otlp__exponential_add(&sum, delta, arena, err));
    }
    note_start(stream, start_ns);
    note_use(write, stream);
    own_histogram(deltas, stream, &sum);
    *ret_total = otlp__exponential_native(&sum, arena);
    *ret_start_ms = stream->start_ms;
    return STATUS_OK;
}

void otlp__deltas_settle(OtlpDeltas *deltas, OtlpWrite *write, bool stored)
{
    if (!write->delta_count)
        return;
    Settled *settled = MEM_NEW(Settled);
    *settled =
        (Settled){.refs = STEAL(write->delta_refs), .count = write->delta_count, .stored = stored};
    write->delta_count = write->delta_cap = 0;
    MUTEX_GUARD(&deltas->settled_lock);
    settled->next = deltas->settled;
    deltas->settled = settled;
}
