/* metric_append.c - the applier: samples into open chunks, full ones sealed, late ones aside.
 *
 * An open histogram chunk and its sealed form are the same bytes, one record per sample: zigzag
 * varint of the time since the sample before, zigzag varint of the start timestamp's difference,
 * varint length, blob (docs/formats/chunk.md, "Histogram chunk").
 */
#include "storage/metrics/metric_int.h"

enum {
    ROOM_USUAL = 20,      /* free bytes that a growing open chunk gets */
    ROOM_MAX = 40,        /* ... when the sample is longer */
    PREFETCH_SERIES = 12, /* samples ahead whose series is fetched */
    PREFETCH_TAIL = 6,    /* ... whose chunk's tail is fetched */
    LOCKED_SAMPLES_MAX = 256,
};

static SeriesMore *need_more(MetricStore *store, Series *series)
{
    if (!series->more) {
        series->more = MEM_NEW(SeriesMore);
        store->pending_bytes += (int64_t)sizeof(SeriesMore);
    }
    return series->more;
}

/* ---- sealing ---- */

static void push_chunk(MetricStore *store, SeriesMore *more, const ChunkMeta *meta)
{
    if (more->chunk_count == more->chunk_cap) {
        uint32_t cap = more->chunk_cap + more->chunk_cap / 2 + 1;
        more->chunks = mem_realloc(more->chunks, cap * sizeof *more->chunks);
        store->pending_bytes += (int64_t)(cap - more->chunk_cap) * (int64_t)sizeof *more->chunks;
        more->chunk_cap = cap;
    }
    more->chunks[more->chunk_count++] = *meta;
    more->side_chunk_count += meta->side;
    __atomic_add_fetch(&store->sealed_chunk_count, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&store->sealed_bytes, meta->len, __ATOMIC_RELAXED);
}

/* Copies store->scratch into the generation's segment as the payload of a chunk. */
static void store_payload(MetricStore *store, ChunkMeta *meta)
{
    MetricSegment *segment = metric__segment_find(store, meta->generation);
    char *payload = metric__segment_alloc(segment, store->scratch.len);

    memcpy(payload, store->scratch.ptr, store->scratch.len);
    meta->payload = payload;
    meta->len = (uint32_t)store->scratch.len;
}

static void encode_floats(MetricStore *store, const int64_t *ts, const double *values,
                          const int64_t *starts, uint32_t count, ChunkMeta *meta)
{
    chunk_summarize(ts, values, count, &meta->summary);
    buf_clear(&store->scratch);
    chunk_encode(ts, values, starts, count, &store->scratch);
    store_payload(store, meta);
}

/* The open chunk's bytes, copied to store->open_copy, as a sealed chunk. */
static void reencode_open(MetricStore *store, const GorillaWriter *w, bool with_starts,
                          ChunkMeta *meta)
{
    int64_t ts[CHUNK_SAMPLES_MAX];
    double values[CHUNK_SAMPLES_MAX];
    int64_t starts[CHUNK_SAMPLES_MAX];

    ASSERT(gorilla_decode((const uint8_t *)store->open_copy.ptr, store->open_copy.len, w->count, ts,
                          values, with_starts ? starts : NULL));
    encode_floats(store, ts, values, with_starts ? starts : NULL, w->count, meta);
}

/* Readers need not wait for the work: the page's lock is let go meanwhile. Only a purge could
 * change the series then, and it leaves those of the present generation alone. */
static void seal_open_floats(MetricStore *store, Series *series)
{
    ChunkMeta meta = {.generation = series->generation, .kind = CHUNK_FLOAT};
    SeriesMore *more = need_more(store, series);
    GorillaWriter w = series->w;
    bool with_starts = series->flags & SERIES_OPEN_STARTS;
    bool present = series->generation == store->generation;

    buf_clear(&store->open_copy);
    buf_append(&store->open_copy, series->open, gorilla_bytes(&w));
    if (present)
        mutex_unlock(&store->held->lock);
    reencode_open(store, &w, with_starts, &meta);
    if (present)
        mutex_lock(&store->held->lock);
    push_chunk(store, more, &meta);
    store->pending_bytes += metric__open_free(store->held, series);
}

static void seal_open_histograms(MetricStore *store, Series *series)
{
    SeriesMore *more = series->more;
    ChunkMeta meta = {.generation = series->generation, .kind = CHUNK_HISTOGRAM};

    meta.summary = (ChunkSummary){.min_ts_ms = more->open_first_ts,
                                  .max_ts_ms = series->w.ts,
                                  .count = series->w.count,
                                  .has_nan = true};
    buf_clear(&store->scratch);
    buf_append_str(&store->scratch, buf_str(&more->histograms));
    store_payload(store, &meta);
    push_chunk(store, more, &meta);
    store->pending_bytes -= (int64_t)more->histograms.cap;
    buf_done(&more->histograms);
}

static void seal_open(MetricStore *store, Series *series)
{
    if (series->w.count) {
        if (series->flags & SERIES_OPEN_HISTOGRAM)
            seal_open_histograms(store, series);
        else
            seal_open_floats(store, series);
    }
    gorilla_restart(&series->w);
    series->flags &= (uint8_t) ~(SERIES_OPEN_HISTOGRAM | SERIES_OPEN_STARTS);
}

/* ---- histogram records ---- */

static void put_record(Buf *out, int64_t ts, int64_t prev_ts, int64_t start, int64_t prev_start,
                       Str blob)
{
    buf_append_varint(out, zigzag_encode((int64_t)((uint64_t)ts - (uint64_t)prev_ts)));
    buf_append_varint(out, zigzag_encode((int64_t)((uint64_t)start - (uint64_t)prev_start)));
    buf_append_varint(out, blob.len);
    buf_append_str(out, blob);
}

bool metric__histogram_next(HistogramCursor *cursor)
{
    if (buf_reader_left(&cursor->reader) == 0)
        return false;
    cursor->ts =
        (int64_t)((uint64_t)cursor->ts + (uint64_t)zigzag_decode(buf_read_varint(&cursor->reader)));
    cursor->start = (int64_t)((uint64_t)cursor->start +
                              (uint64_t)zigzag_decode(buf_read_varint(&cursor->reader)));
    cursor->blob = buf_read_bytes(&cursor->reader, buf_read_varint(&cursor->reader));
    return !cursor->reader.failed;
}

/* ---- side ---- */

static void side_sample_done(MetricStore *store, SideSample *sample)
{
    if (sample->blob) {
        store->pending_bytes -= sample->blob_len;
        mem_free(sample->blob);
    }
}

static void seal_side(MetricStore *store, Series *series)
{
    SeriesMore *more = series->more;
    int64_t ts[SIDE_SAMPLES_MAX];
    double values[SIDE_SAMPLES_MAX];
    int64_t starts[SIDE_SAMPLES_MAX];
    uint32_t floats = 0;
    int64_t any_start = 0;
    ChunkMeta meta = {.generation = series->generation, .kind = CHUNK_HISTOGRAM, .side = true};
    int64_t prev_ts = 0;
    int64_t prev_start = 0;

    for (uint32_t i = 0; i < more->side_count; i++) {
        const SideSample *s = &more->side[i];
        if (s->blob)
            continue;
        ts[floats] = s->ts;
        values[floats] = gorilla_f64(s->bits);
        starts[floats++] = s->start;
        any_start |= s->start;
    }
    if (floats) {
        ChunkMeta chunk = {.generation = series->generation, .kind = CHUNK_FLOAT, .side = true};
        encode_floats(store, ts, values, any_start ? starts : NULL, floats, &chunk);
        push_chunk(store, more, &chunk);
    }
    buf_clear(&store->scratch);
    for (uint32_t i = 0; i < more->side_count; i++) {
        SideSample *s = &more->side[i];
        if (!s->blob)
            continue;
        put_record(&store->scratch, s->ts, prev_ts, s->start, prev_start,
                   str_make(s->blob, s->blob_len));
        prev_ts = s->ts;
        prev_start = s->start;
        if (meta.summary.count++ == 0)
            meta.summary.min_ts_ms = s->ts;
        meta.summary.max_ts_ms = s->ts;
        side_sample_done(store, s);
    }
    if (meta.summary.count) {
        meta.summary.has_nan = true;
        store_payload(store, &meta);
        push_chunk(store, more, &meta);
    }
    more->side_count = 0;
    store->pending_bytes -= (int64_t)(more->side_cap * sizeof *more->side);
    mem_free(STEAL(more->side));
    more->side_cap = 0;
}

static void add_side(MetricStore *store, Series *series, int64_t ts, uint64_t bits, int64_t start,
                     const Str *blob)
{
    SeriesMore *more = need_more(store, series);
    SideSample sample = {.ts = ts, .bits = bits, .start = start};
    uint32_t at = more->side_count;

    if (more->side_count == SIDE_SAMPLES_MAX) {
        seal_side(store, series);
        at = 0;
    }
    if (blob) {
        sample.blob = mem_dup(blob->ptr, blob->len);
        sample.blob_len = (uint32_t)blob->len;
        store->pending_bytes += (int64_t)blob->len;
    }
    if (ts == series->w.ts)
        series->flags |= SERIES_LAST_ELSEWHERE;
    while (at && more->side[at - 1].ts > ts)
        at--;
    if (at && more->side[at - 1].ts == ts) {
        side_sample_done(store, &more->side[at - 1]);
        more->side[at - 1] = sample;
        return;
    }
    if (more->side_count == more->side_cap) {
        uint16_t cap = more->side_cap ? (uint16_t)(more->side_cap * 2) : 4;
        more->side = mem_realloc(more->side, cap * sizeof *more->side);
        store->pending_bytes += (int64_t)((size_t)(cap - more->side_cap) * sizeof *more->side);
        more->side_cap = cap;
    }
    memmove(more->side + at + 1, more->side + at, (more->side_count - at) * sizeof *more->side);
    more->side[at] = sample;
    more->side_count++;
}

/* ---- appending ---- */

/* Seals what is open of an older generation. */
static void enter_generation(MetricStore *store, Series *series)
{
    seal_open(store, series);
    if (series->more && series->more->side_count)
        seal_side(store, series);
    series->generation = store->generation;
}

/* Makes room for the next sample: for one of usual size, then for any. */
static void grow_open(MetricStore *store, Series *series, uint32_t *extra)
{
    store->pending_bytes += metric__open_grow(store->held, series, *extra);
    *extra = ROOM_MAX;
}

static void append_float(MetricStore *store, Series *series, int64_t ts, uint64_t bits)
{
    uint32_t room = ROOM_USUAL;

    while (LUMA_UNLIKELY(!gorilla_append(&series->w, series->open, series->open_cap, ts, bits)))
        grow_open(store, series, &room);
    if (LUMA_UNLIKELY(series->w.count % MARK_SAMPLES == 0)) {
        if (series->w.count == CHUNK_SAMPLES_MAX)
            seal_open(store, series);
        else
            need_more(store, series)->marks[series->w.count / MARK_SAMPLES - 1] = series->w;
    }
}

static void append_float_start(MetricStore *store, Series *series, int64_t ts, uint64_t bits,
                               int64_t start)
{
    SeriesMore *more = need_more(store, series);
    uint32_t room = ROOM_USUAL;

    if (series->w.count == 0) {
        series->flags |= SERIES_OPEN_STARTS;
        more->open_start = 0;
    }
    while (!gorilla_append_start(&series->w, series->open, series->open_cap, ts, bits, start,
                                 more->open_start))
        grow_open(store, series, &room);
    more->open_start = start;
    if (series->w.count == CHUNK_SAMPLES_MAX)
        seal_open(store, series);
}

static void append_histogram(MetricStore *store, Series *series, int64_t ts, int64_t start,
                             Str blob)
{
    SeriesMore *more = need_more(store, series);
    size_t cap = more->histograms.cap;

    if (series->w.count == 0) {
        series->flags |= SERIES_OPEN_HISTOGRAM;
        more->open_first_ts = ts;
        more->open_base_ts = 0;
        more->open_start = 0;
    }
    put_record(&more->histograms, ts, more->open_base_ts, start, more->open_start, blob);
    store->pending_bytes += (int64_t)(more->histograms.cap - cap);
    more->open_base_ts = ts;
    more->open_start = start;
    series->w.ts = ts;
    series->w.count++;
    if (series->w.count == HISTOGRAMS_PER_CHUNK || more->histograms.len >= HISTOGRAM_CHUNK_BYTES)
        seal_open(store, series);
}

/* A sample that is not newer than all before. The newest once more, bit by bit, is a sender's
 * retry. */
static void append_late(MetricStore *store, Series *series, int64_t ts, uint64_t bits,
                        int64_t start, const Str *blob)
{
    if (ts == series->w.ts && !blob && bits == series->w.bits && start == 0 &&
        !(series->flags & (SERIES_LAST_ELSEWHERE | SERIES_OPEN_STARTS)))
        return;
    add_side(store, series, ts, bits, start, blob);
}

/* All that is not a plain float into an open chunk of plain floats. */
static __attribute__((noinline)) void append_slow(MetricStore *store, Series *series, int64_t ts,
                                                  uint64_t bits, int64_t start, const Str *blob)
{
    if (series->generation != store->generation)
        enter_generation(store, series);
    if (series->flags & SERIES_HAS_LAST && ts <= series->w.ts) {
        append_late(store, series, ts, bits, start, blob);
        return;
    }
    bool open_histogram = series->flags & SERIES_OPEN_HISTOGRAM;
    bool open_starts = series->flags & SERIES_OPEN_STARTS;
    if (series->w.count && (open_histogram != (blob != NULL) || (!blob && start && !open_starts)))
        seal_open(store, series);
    series->flags |= SERIES_HAS_LAST;
    if (blob)
        series->flags |= SERIES_LAST_ELSEWHERE;
    else
        series->flags &= (uint8_t)~SERIES_LAST_ELSEWHERE;
    if (blob)
        append_histogram(store, series, ts, start, *blob);
    else if (start || (series->w.count && open_starts))
        append_float_start(store, series, ts, bits, start);
    else
        append_float(store, series, ts, bits);
}

static inline void append_one(MetricStore *store, Series *series, int64_t ts, uint64_t bits)
{
    if (LUMA_LIKELY(series->flags == SERIES_HAS_LAST && ts > series->w.ts &&
                    series->generation == store->generation))
        append_float(store, series, ts, bits);
    else
        append_slow(store, series, ts, bits, 0, NULL);
}

int64_t metric__series_clear(SeriesPage *page, Series *series)
{
    SeriesMore *more = STEAL(series->more);
    int64_t bytes = series->open ? -metric__open_free(page, series) : 0;

    gorilla_restart(&series->w);
    if (!more)
        return bytes;
    for (uint32_t i = 0; i < more->side_count; i++) {
        bytes += more->side[i].blob_len;
        mem_free(more->side[i].blob);
    }
    bytes += (int64_t)(sizeof *more + more->chunk_cap * sizeof *more->chunks +
                       more->side_cap * sizeof *more->side + more->histograms.cap);
    mem_free(more->side);
    mem_free(more->chunks);
    buf_done(&more->histograms);
    mem_free(more);
    return bytes;
}

/* ---- batches ---- */

/* Holds one page's lock from sample to sample, but not for too many. */
typedef struct PageHold {
    SeriesPage *page;
    uint32_t samples;
} PageHold;

static inline Series *hold_series(MetricStore *store, PageHold *hold, SeriesRef ref)
{
    SeriesPage *page = metric__page(store, ref);

    if (page != hold->page || ++hold->samples > LOCKED_SAMPLES_MAX) {
        if (hold->page)
            mutex_unlock(&hold->page->lock);
        ASSERT(page);
        mutex_lock(&page->lock);
        store->held = page;
        *hold = (PageHold){page, 0};
    }
    return &page->series[ref % PAGE_SERIES];
}

/* Looks at series without their locks: what it reads may be old, and is only fetched. */
static inline __attribute__((no_sanitize("thread"))) void
prefetch(const MetricStore *store, const SeriesRef *refs, size_t at, size_t count)
{
    if (at + PREFETCH_SERIES < count) {
        const Series *ahead = metric__series(store, refs[at + PREFETCH_SERIES]);
        __builtin_prefetch(ahead, 1);
    }
    if (at + PREFETCH_TAIL < count) {
        const Series *near = metric__series(store, refs[at + PREFETCH_TAIL]);
        if (near)
            __builtin_prefetch(near->open + near->w.bit_count / 8, 1);
    }
}

static void apply_floats(MetricStore *store, PageHold *hold, const SampleColumns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        prefetch(store, columns->refs, i, columns->count);
        Series *series = hold_series(store, hold, columns->refs[i]);
        if (LUMA_LIKELY(!columns->start_ms || columns->start_ms[i] == 0))
            append_one(store, series, columns->ts_ms[i], columns->bits[i]);
        else
            append_slow(store, series, columns->ts_ms[i], columns->bits[i], columns->start_ms[i],
                        NULL);
    }
}

static void apply_histograms(MetricStore *store, PageHold *hold, const SampleColumns *columns)
{
    for (size_t i = 0; i < columns->histogram_count; i++) {
        Series *series = hold_series(store, hold, columns->histogram_refs[i]);
        int64_t start = columns->histogram_start_ms ? columns->histogram_start_ms[i] : 0;
        append_slow(store, series, columns->histogram_ts_ms[i], 0, start,
                    &columns->histogram_blobs[i]);
    }
}

static void note_times(MetricStore *store, const int64_t *ts, size_t count)
{
    int64_t low = store->min_ts;
    int64_t high = store->max_ts;

    for (size_t i = 0; i < count; i++) {
        low = LUMA_MIN(low, ts[i]);
        high = LUMA_MAX(high, ts[i]);
    }
    __atomic_store_n(&store->min_ts, low, __ATOMIC_RELAXED);
    __atomic_store_n(&store->max_ts, high, __ATOMIC_RELAXED);
}

void metric_store_apply(MetricStore *store, Lsn lsn, const SampleColumns *columns)
{
    PageHold hold = {0};

    apply_floats(store, &hold, columns);
    apply_histograms(store, &hold, columns);
    if (hold.page)
        mutex_unlock(&hold.page->lock);
    note_times(store, columns->ts_ms, columns->count);
    note_times(store, columns->histogram_ts_ms, columns->histogram_count);
    __atomic_add_fetch(&store->sample_count, columns->count + columns->histogram_count,
                       __ATOMIC_RELAXED);
    metric__charge_anyway(store, store->pending_bytes);
    store->pending_bytes = 0;
    __atomic_store_n(&store->applied_lsn, lsn, __ATOMIC_RELEASE);
}
