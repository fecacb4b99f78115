/* metric_read.c - samples of one series.
 *
 * A read gathers under the page's lock: it copies the metas of the chunks that meet the window, the
 * bytes of the open chunk and the side samples. Everything else happens outside the lock on what
 * was gathered; payloads are pinned by the snapshot's segments. In-order samples are decoded
 * straight into the run; side samples, when there are any, are sorted and merged over them.
 */
#include "storage/metrics/metric_int.h"

#include <math.h>
#include <stdlib.h>

typedef struct SideRow {
    int64_t ts;
    double value;
    int64_t start;
    const NativeHistogram *histogram;
    uint32_t order; /* of writing */
} SideRow;

/* Work memory of a reader, kept with its run. */
struct SampleSpace {
    /* what was gathered */
    ChunkMeta *metas;
    uint32_t meta_count;
    uint32_t meta_cap;
    GorillaWriter open;
    GorillaWriter mark; /* the open bytes begin here; count 0 = at the first sample */
    uint8_t open_flags;
    Buf open_bytes;   /* of the open chunk, either kind */
    SideSample *side; /* blobs are offsets into side_blobs */
    uint32_t side_count;
    uint32_t side_cap;
    Buf side_blobs;
    bool has_side;
    /* what is being built */
    int64_t *starts;
    const NativeHistogram **histograms;
    SideRow *rows;
    uint32_t row_count;
    uint32_t row_cap;
    int64_t charged;
    int64_t work_charged; /* part of it: for the gathered and the rows */
};

static struct SampleSpace *space_of(SampleRun *run)
{
    if (!run->space)
        run->space = MEM_NEW(struct SampleSpace);
    return run->space;
}

void sample_run_done(SampleRun *run)
{
    struct SampleSpace *space = run->space;

    if (space) {
        mem_free(space->metas);
        buf_done(&space->open_bytes);
        mem_free(space->side);
        buf_done(&space->side_blobs);
        mem_free(space->starts);
        mem_free((void *)(uintptr_t)space->histograms);
        mem_free(space->rows);
        if (run->budget)
            mem_budget_release(run->budget, space->charged);
        mem_free(space);
    }
    mem_free(run->ts_ms);
    mem_free(run->values);
    arena_done(&run->histogram_arena);
    *run = (SampleRun){0};
}

/* ---- the run's arrays ---- */

static Status charge(SampleRun *run, int64_t bytes, Error *err)
{
    if (!run->budget)
        return STATUS_OK;
    TRY(mem_budget_charge(run->budget, bytes, err));
    run->space->charged += bytes;
    return STATUS_OK;
}

/* Counts what gathering and sorting have grown to, after the fact: it is in proportion to what the
 * series store itself holds of the series. */
static Status charge_work(SampleRun *run, Error *err)
{
    const struct SampleSpace *space = run->space;
    int64_t bytes = (int64_t)(space->meta_cap * sizeof *space->metas + space->open_bytes.cap +
                              space->side_cap * sizeof *space->side + space->side_blobs.cap +
                              space->row_cap * sizeof *space->rows);

    if (bytes <= space->work_charged)
        return STATUS_OK;
    TRY(charge(run, bytes - space->work_charged, err));
    run->space->work_charged = bytes;
    return STATUS_OK;
}

/* Room for `extra` samples behind run->count. */
static Status reserve(SampleRun *run, uint32_t extra, Error *err)
{
    struct SampleSpace *space = run->space;
    uint64_t need = (uint64_t)run->count + extra;

    if (LUMA_LIKELY(need <= run->cap))
        return STATUS_OK;
    uint64_t cap = LUMA_MAX(need, (uint64_t)run->cap * 2);
    cap = LUMA_MAX(cap, 2 * CHUNK_SAMPLES_MAX);
    if (cap > UINT32_MAX)
        return error_set(err, STATUS_LIMIT, "a series has too many samples for one read");
    TRY(charge(run, (int64_t)(cap - run->cap) * 16, err));
    run->ts_ms = mem_realloc(run->ts_ms, cap * sizeof *run->ts_ms);
    run->values = mem_realloc(run->values, cap * sizeof *run->values);
    if (space->starts) {
        TRY(charge(run, (int64_t)(cap - run->cap) * 8, err));
        space->starts = mem_realloc(space->starts, cap * sizeof *space->starts);
        run->start_ms = run->start_ms ? space->starts : NULL;
    }
    if (space->histograms) {
        TRY(charge(run, (int64_t)(cap - run->cap) * 8, err));
        space->histograms =
            mem_realloc((void *)(uintptr_t)space->histograms, cap * sizeof *space->histograms);
        run->histograms = run->histograms ? space->histograms : NULL;
    }
    run->cap = (uint32_t)cap;
    return STATUS_OK;
}

/* From here on the run has start timestamps; those before have none. */
static Status need_starts(SampleRun *run, Error *err)
{
    struct SampleSpace *space = run->space;

    if (run->start_ms)
        return STATUS_OK;
    if (!space->starts) {
        TRY(charge(run, (int64_t)run->cap * 8, err));
        space->starts = mem_alloc(run->cap * sizeof *space->starts);
    }
    memset(space->starts, 0, run->count * sizeof *space->starts);
    run->start_ms = space->starts;
    return STATUS_OK;
}

static Status need_histograms(SampleRun *run, Error *err)
{
    struct SampleSpace *space = run->space;

    if (run->histograms)
        return STATUS_OK;
    if (!space->histograms) {
        TRY(charge(run, (int64_t)run->cap * 8, err));
        space->histograms = mem_alloc(run->cap * sizeof *space->histograms);
    }
    memset((void *)(uintptr_t)space->histograms, 0, run->count * sizeof *space->histograms);
    run->histograms = space->histograms;
    return STATUS_OK;
}

/* Appends one sample; room was reserved. */
static Status push(SampleRun *run, int64_t ts, double value, int64_t start,
                   const NativeHistogram *histogram, Error *err)
{
    uint32_t at = run->count;

    if (start)
        TRY(need_starts(run, err));
    if (histogram)
        TRY(need_histograms(run, err));
    run->ts_ms[at] = ts;
    run->values[at] = value;
    if (run->start_ms)
        run->start_ms[at] = start;
    if (run->histograms)
        run->histograms[at] = histogram;
    run->count++;
    return STATUS_OK;
}

/* Keeps of the samples from `from` on those inside the window. */
static void trim(SampleRun *run, uint32_t from, uint32_t count, int64_t min_ms, int64_t max_ms)
{
    uint32_t low = from;
    uint32_t high = from + count;

    while (low < high && run->ts_ms[low] < min_ms)
        low++;
    while (high > low && run->ts_ms[high - 1] > max_ms)
        high--;
    run->count = from + high - low;
    if (low == from)
        return;
    memmove(run->ts_ms + from, run->ts_ms + low, (high - low) * sizeof *run->ts_ms);
    memmove(run->values + from, run->values + low, (high - low) * sizeof *run->values);
    if (run->start_ms)
        memmove(run->start_ms + from, run->start_ms + low, (high - low) * sizeof *run->start_ms);
}

/* ---- gathering ---- */

static bool meets(const ChunkSummary *summary, int64_t min_ms, int64_t max_ms)
{
    return summary->min_ts_ms <= max_ms && summary->max_ts_ms >= min_ms;
}

/* In-order chunks ascend, so those before the window are skipped by halving unless side chunks
 * stand among them. */
static uint32_t first_chunk(const SeriesMore *more, int64_t min_ms)
{
    uint32_t low = 0;
    uint32_t high = more->chunk_count;

    if (more->side_chunk_count)
        return 0;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (more->chunks[mid].summary.max_ts_ms < min_ms)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void gather_chunks(struct SampleSpace *space, const SeriesMore *more,
                          uint32_t min_generation, int64_t min_ms, int64_t max_ms)
{
    for (uint32_t i = first_chunk(more, min_ms); i < more->chunk_count; i++) {
        const ChunkMeta *meta = &more->chunks[i];
        if (!meets(&meta->summary, min_ms, max_ms)) {
            if (!more->side_chunk_count)
                break;
            continue;
        }
        if (meta->generation < min_generation)
            continue;
        MEM_GROW(space->metas, space->meta_cap, space->meta_count + 1);
        space->metas[space->meta_count++] = *meta;
        space->has_side |= meta->side;
    }
}

static void gather_side(struct SampleSpace *space, const SeriesMore *more, int64_t min_ms,
                        int64_t max_ms)
{
    for (uint32_t i = 0; i < more->side_count; i++) {
        SideSample sample = more->side[i];
        if (sample.ts < min_ms || sample.ts > max_ms)
            continue;
        if (sample.blob) {
            size_t at = space->side_blobs.len;
            buf_append(&space->side_blobs, sample.blob, sample.blob_len);
            sample.blob =
                (char *)(uintptr_t)(at + 1); /* an offset, until the buffer stands still */
        }
        MEM_GROW(space->side, space->side_cap, space->side_count + 1);
        space->side[space->side_count++] = sample;
        space->has_side = true;
    }
}

/* The last place of the open float chunk that lies before the window. */
static GorillaWriter find_mark(const Series *series, int64_t min_ms)
{
    const GorillaWriter *best = NULL;

    if (!series->more || series->flags & SERIES_OPEN_STARTS)
        return (GorillaWriter){0};
    for (uint32_t i = 0; i < MARK_COUNT && series->w.count >= (i + 1) * MARK_SAMPLES; i++)
        if (series->more->marks[i].ts < min_ms)
            best = &series->more->marks[i];
    return best ? *best : (GorillaWriter){0};
}

static void gather_open_floats(struct SampleSpace *space, const Series *series, int64_t min_ms)
{
    space->mark = find_mark(series, min_ms);
    uint32_t skip = space->mark.bit_count / 8;
    buf_append(&space->open_bytes, series->open + skip, gorilla_bytes(&series->w) - skip);
}

/* Under the page's lock. */
static void gather(struct SampleSpace *space, const Series *series, uint32_t min_generation,
                   int64_t min_ms, int64_t max_ms)
{
    const SeriesMore *more = series->more;

    if (series->generation < min_generation) /* and so is everything that was sealed before */
        return;
    if (more) {
        gather_chunks(space, more, min_generation, min_ms, max_ms);
        gather_side(space, more, min_ms, max_ms);
    }
    if (series->w.count && series->w.ts >= min_ms) {
        space->open = series->w;
        space->open_flags = series->flags;
        if (series->flags & SERIES_OPEN_HISTOGRAM)
            buf_append_str(&space->open_bytes, buf_str(&more->histograms));
        else
            gather_open_floats(space, series, min_ms);
    }
}

/* False when there is nothing in the window. */
static bool gather_series(MetricSnapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                          struct SampleSpace *space)
{
    SeriesPage *page = metric__page(snapshot->store, ref);

    space->meta_count = 0;
    space->side_count = 0;
    space->has_side = false;
    space->open.count = 0;
    space->row_count = 0;
    buf_clear(&space->open_bytes);
    buf_clear(&space->side_blobs);
    if (!page || min_ms > max_ms)
        return false;
    mutex_lock(&page->lock);
    gather(space, &page->series[ref % PAGE_SERIES], snapshot->min_generation, min_ms, max_ms);
    mutex_unlock(&page->lock);
    return space->meta_count || space->side_count || space->open.count;
}

/* ---- decoding in-order samples into the run ---- */

static Status decode_blob(SampleRun *run, Str blob, const NativeHistogram **ret, Error *err)
{
    NativeHistogram *histogram;

    run->histogram_arena.budget = run->budget;
    TRY(arena_try_alloc(&run->histogram_arena, sizeof *histogram, &histogram, err));
    TRY(histogram_decode(blob, &run->histogram_arena, histogram, err));
    *ret = histogram;
    return STATUS_OK;
}

static Status append_histograms(SampleRun *run, Str payload, int64_t min_ms, int64_t max_ms,
                                Error *err)
{
    HistogramCursor cursor = metric__histogram_cursor(payload);
    const NativeHistogram *histogram;

    while (metric__histogram_next(&cursor)) {
        if (cursor.ts < min_ms || cursor.ts > max_ms)
            continue;
        TRY(reserve(run, 1, err));
        TRY(decode_blob(run, cursor.blob, &histogram, err));
        TRY(push(run, cursor.ts, (double)NAN, cursor.start, histogram, err));
    }
    return STATUS_OK;
}

static void clear_histograms(SampleRun *run, uint32_t from, uint32_t count)
{
    if (run->histograms)
        memset((void *)(uintptr_t)(run->histograms + from), 0, count * sizeof *run->histograms);
}

static Status append_chunk(SampleRun *run, const ChunkMeta *meta, int64_t min_ms, int64_t max_ms,
                           Error *err)
{
    Str payload = str_make(meta->payload, meta->len);
    uint32_t from = run->count;
    uint32_t count;

    if (meta->kind == CHUNK_HISTOGRAM)
        return append_histograms(run, payload, min_ms, max_ms, err);
    TRY(reserve(run, CHUNK_SAMPLES_MAX, err));
    if (chunk_has_starts(payload))
        TRY(need_starts(run, err));
    TRY(chunk_decode(payload, run->ts_ms + from, run->values + from,
                     run->start_ms ? run->start_ms + from : NULL, &count, err));
    clear_histograms(run, from, count);
    run->count = from + count;
    if (meta->summary.min_ts_ms < min_ms || meta->summary.max_ts_ms > max_ms)
        trim(run, from, count, min_ms, max_ms);
    return STATUS_OK;
}

static Status append_open(SampleRun *run, int64_t min_ms, int64_t max_ms, Error *err)
{
    struct SampleSpace *space = run->space;
    uint32_t from = run->count;
    uint32_t count = space->open.count;

    if (count == 0)
        return STATUS_OK;
    if (space->open_flags & SERIES_OPEN_HISTOGRAM)
        return append_histograms(run, buf_str(&space->open_bytes), min_ms, max_ms, err);
    TRY(reserve(run, count, err));
    bool starts = space->open_flags & SERIES_OPEN_STARTS;
    const uint8_t *bytes = (const uint8_t *)space->open_bytes.ptr;
    bool good;
    if (starts) {
        TRY(need_starts(run, err));
        good = gorilla_decode(bytes, space->open_bytes.len, count, run->ts_ms + from,
                              run->values + from, run->start_ms + from);
    } else if (space->mark.count) {
        good = gorilla_decode_from(&space->mark, bytes, space->open_bytes.len, count,
                                   run->ts_ms + from, run->values + from);
        count -= space->mark.count;
    } else {
        good = gorilla_decode(bytes, space->open_bytes.len, count, run->ts_ms + from,
                              run->values + from, NULL);
    }
    if (!good)
        return error_set(err, STATUS_INTERNAL, "an open chunk does not decode");
    if (run->start_ms && !starts)
        memset(run->start_ms + from, 0, count * sizeof *run->start_ms);
    clear_histograms(run, from, count);
    trim(run, from, count, min_ms, max_ms);
    return STATUS_OK;
}

/* ---- side samples ---- */

static void push_row(struct SampleSpace *space, SideRow row)
{
    row.order = space->row_count;
    MEM_GROW(space->rows, space->row_cap, space->row_count + 1);
    space->rows[space->row_count++] = row;
}

static Status rows_of_floats(SampleRun *run, Str payload, int64_t min_ms, int64_t max_ms,
                             Error *err)
{
    int64_t ts[CHUNK_SAMPLES_MAX];
    double values[CHUNK_SAMPLES_MAX];
    int64_t starts[CHUNK_SAMPLES_MAX];
    uint32_t count;

    TRY(chunk_decode(payload, ts, values, starts, &count, err));
    for (uint32_t i = 0; i < count; i++)
        if (ts[i] >= min_ms && ts[i] <= max_ms)
            push_row(run->space, (SideRow){.ts = ts[i], .value = values[i], .start = starts[i]});
    return STATUS_OK;
}

static Status rows_of_histograms(SampleRun *run, Str payload, int64_t min_ms, int64_t max_ms,
                                 Error *err)
{
    HistogramCursor cursor = metric__histogram_cursor(payload);
    SideRow row = {.value = (double)NAN};

    while (metric__histogram_next(&cursor)) {
        if (cursor.ts < min_ms || cursor.ts > max_ms)
            continue;
        row.ts = cursor.ts;
        row.start = cursor.start;
        TRY(decode_blob(run, cursor.blob, &row.histogram, err));
        push_row(run->space, row);
    }
    return STATUS_OK;
}

static Status rows_of_buffer(SampleRun *run, Error *err)
{
    struct SampleSpace *space = run->space;

    for (uint32_t i = 0; i < space->side_count; i++) {
        const SideSample *s = &space->side[i];
        SideRow row = {.ts = s->ts, .value = gorilla_f64(s->bits), .start = s->start};
        if (s->blob) {
            const char *at = space->side_blobs.ptr + (uintptr_t)s->blob - 1;
            row.value = (double)NAN;
            TRY(decode_blob(run, str_make(at, s->blob_len), &row.histogram, err));
        }
        push_row(space, row);
    }
    return STATUS_OK;
}

static int cmp_row(const void *a, const void *b)
{
    const SideRow *x = a;
    const SideRow *y = b;
    return x->ts != y->ts ? (x->ts > y->ts) - (x->ts < y->ts)
                          : (x->order > y->order) - (x->order < y->order);
}

/* Sorts the rows and keeps the last written of each ms. */
static void settle_rows(struct SampleSpace *space)
{
    uint32_t kept = 0;
    bool sorted = true;

    for (uint32_t i = 1; sorted && i < space->row_count; i++)
        sorted = space->rows[i - 1].ts < space->rows[i].ts;
    if (sorted)
        return;
    qsort(space->rows, space->row_count, sizeof *space->rows, cmp_row);
    for (uint32_t i = 0; i < space->row_count; i++)
        if (i + 1 == space->row_count || space->rows[i].ts != space->rows[i + 1].ts)
            space->rows[kept++] = space->rows[i];
    space->row_count = kept;
}

static Status collect_rows(SampleRun *run, int64_t min_ms, int64_t max_ms, Error *err)
{
    struct SampleSpace *space = run->space;

    for (uint32_t i = 0; i < space->meta_count; i++) {
        const ChunkMeta *meta = &space->metas[i];
        Str payload = str_make(meta->payload, meta->len);
        if (!meta->side)
            continue;
        if (meta->kind == CHUNK_FLOAT)
            TRY(rows_of_floats(run, payload, min_ms, max_ms, err));
        else
            TRY(rows_of_histograms(run, payload, min_ms, max_ms, err));
    }
    TRY(rows_of_buffer(run, err));
    settle_rows(space);
    return charge_work(run, err);
}

/* Merges the rows into the run from the back, so that no second copy of the run is needed. */
static Status merge_rows(SampleRun *run, Error *err)
{
    struct SampleSpace *space = run->space;
    bool starts = false;
    bool histograms = false;
    uint32_t fresh = 0; /* rows that replace nothing */

    for (uint32_t i = 0, at = 0; i < space->row_count; i++) {
        starts |= space->rows[i].start != 0;
        histograms |= space->rows[i].histogram != NULL;
        while (at < run->count && run->ts_ms[at] < space->rows[i].ts)
            at++;
        fresh += at == run->count || run->ts_ms[at] != space->rows[i].ts;
    }
    TRY(reserve(run, fresh, err));
    if (starts)
        TRY(need_starts(run, err));
    if (histograms)
        TRY(need_histograms(run, err));
    int64_t from = (int64_t)run->count - 1;
    int64_t row = (int64_t)space->row_count - 1;
    run->count += fresh;
    for (int64_t to = (int64_t)run->count - 1; row >= 0; to--) {
        const SideRow *r = &space->rows[row];
        if (from >= 0 && run->ts_ms[from] > r->ts) {
            run->ts_ms[to] = run->ts_ms[from];
            run->values[to] = run->values[from];
            if (run->start_ms)
                run->start_ms[to] = run->start_ms[from];
            if (run->histograms)
                run->histograms[to] = run->histograms[from];
            from--;
            continue;
        }
        if (from >= 0 && run->ts_ms[from] == r->ts)
            from--;
        run->ts_ms[to] = r->ts;
        run->values[to] = r->value;
        if (run->start_ms)
            run->start_ms[to] = r->start;
        if (run->histograms)
            run->histograms[to] = r->histogram;
        row--;
    }
    return STATUS_OK;
}

/* ---- the door ---- */

static void begin_run(SampleRun *run)
{
    run->count = 0;
    run->start_ms = NULL;
    run->histograms = NULL;
    arena_reset(&run->histogram_arena);
}

/* All gathered samples of the window into the run. */
static Status read_gathered(SampleRun *run, int64_t min_ms, int64_t max_ms, Error *err)
{
    struct SampleSpace *space = run->space;

    TRY(charge_work(run, err));
    for (uint32_t i = 0; i < space->meta_count; i++)
        if (!space->metas[i].side)
            TRY(append_chunk(run, &space->metas[i], min_ms, max_ms, err));
    TRY(append_open(run, min_ms, max_ms, err));
    if (!space->has_side)
        return STATUS_OK;
    TRY(collect_rows(run, min_ms, max_ms, err));
    return merge_rows(run, err);
}

Status metric_store_read(MetricSnapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                         SampleRun *run, Error *err)
{
    struct SampleSpace *space = space_of(run);

    begin_run(run);
    if (!gather_series(snapshot, ref, min_ms, max_ms, space))
        return STATUS_OK;
    return read_gathered(run, min_ms, max_ms, err);
}

static void hand_on(const SeriesVisitor *visitor, SampleRun *run)
{
    if (run->count)
        visitor->on_samples(visitor->ctx, run->ts_ms, run->values, run->count);
}

Status metric_store_visit(MetricSnapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                          const SeriesVisitor *visitor, SampleRun *scratch, Error *err)
{
    struct SampleSpace *space = space_of(scratch);

    begin_run(scratch);
    if (!gather_series(snapshot, ref, min_ms, max_ms, space))
        return STATUS_OK;
    if (space->has_side) {
        TRY(read_gathered(scratch, min_ms, max_ms, err));
        hand_on(visitor, scratch);
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < space->meta_count; i++) {
        const ChunkMeta *meta = &space->metas[i];
        if (!meta->summary.has_nan && meta->summary.min_ts_ms >= min_ms &&
            meta->summary.max_ts_ms <= max_ms) {
            visitor->on_chunk(visitor->ctx, &meta->summary);
            continue;
        }
        begin_run(scratch);
        TRY(append_chunk(scratch, meta, min_ms, max_ms, err));
        hand_on(visitor, scratch);
    }
    begin_run(scratch);
    TRY(append_open(scratch, min_ms, max_ms, err));
    hand_on(visitor, scratch);
    return STATUS_OK;
}

/* ---- last samples ---- */

/* The newest sample of a window that the head alone cannot answer: gathers only the newest chunk
 * that has one when nothing lies aside. */
static Status last_slow(MetricSnapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                        SampleRun *run, Error *err)
{
    struct SampleSpace *space = space_of(run);

    begin_run(run);
    if (!gather_series(snapshot, ref, min_ms, max_ms, space))
        return STATUS_OK;
    if (space->has_side)
        return read_gathered(run, min_ms, max_ms, err);
    TRY(append_open(run, min_ms, max_ms, err));
    for (uint32_t i = space->meta_count; i-- > 0 && run->count == 0;)
        TRY(append_chunk(run, &space->metas[i], min_ms, max_ms, err));
    return STATUS_OK;
}

static Status copy_last(const SampleRun *run, Arena *arena, uint8_t *kind, int64_t *ts,
                        double *value, const NativeHistogram **histogram, Error *err)
{
    *kind = LAST_NONE;
    if (run->count == 0)
        return STATUS_OK;
    uint32_t at = run->count - 1;
    const NativeHistogram *found = run->histograms ? run->histograms[at] : NULL;
    *kind = found ? LAST_HISTOGRAM : LAST_FLOAT;
    *ts = run->ts_ms[at];
    *value = run->values[at];
    if (!found || !histogram)
        return STATUS_OK;
    CLEANUP(buf_done) Buf blob = {0};
    NativeHistogram *copy;
    histogram_encode(found, &blob);
    TRY(arena_try_alloc(arena, sizeof *copy, &copy, err));
    TRY(histogram_decode(buf_str(&blob), arena, copy, err));
    *histogram = copy;
    return STATUS_OK;
}

typedef enum HeadAnswer { HEAD_NONE, HEAD_FLOAT, HEAD_ASK } HeadAnswer;

/* What the series' cache line tells. Under the page's lock. */
static inline HeadAnswer ask_head(const Series *series, uint32_t min_generation, int64_t min_ms,
                                  int64_t max_ms, int64_t *ts, double *value)
{
    if (!(series->flags & SERIES_HAS_LAST) || series->w.ts < min_ms ||
        series->generation < min_generation)
        return HEAD_NONE;
    if (series->w.ts > max_ms || series->flags & SERIES_LAST_ELSEWHERE)
        return HEAD_ASK;
    *ts = series->w.ts;
    *value = gorilla_f64(series->w.bits);
    return HEAD_FLOAT;
}

/* Answers refs[from..] as long as they lie in one page; returns the first that does not. */
static uint32_t last_of_page(const MetricSnapshot *snapshot, const SeriesRef *refs, uint32_t from,
                             uint32_t count, int64_t min_ms, int64_t max_ms, uint8_t *kinds,
                             int64_t *ts, double *values, bool *ret_asks)
{
    enum { AHEAD = 8, HELD_MAX = 256 };
    static const uint8_t kind_of[] = {LAST_NONE, LAST_FLOAT, LAST_HISTOGRAM};
    SeriesPage *page = metric__page(snapshot->store, refs[from]);
    uint32_t end = LUMA_MIN(count, from + HELD_MAX);
    uint32_t i = from;

    if (!page) {
        kinds[from] = LAST_NONE;
        return from + 1;
    }
    mutex_lock(&page->lock);
    for (; i < end && refs[i] / PAGE_SERIES == refs[from] / PAGE_SERIES; i++) {
        if (i + AHEAD < end)
            __builtin_prefetch(&page->series[refs[i + AHEAD] % PAGE_SERIES]);
        HeadAnswer answer = ask_head(&page->series[refs[i] % PAGE_SERIES], snapshot->min_generation,
                                     min_ms, max_ms, &ts[i], &values[i]);
        kinds[i] = kind_of[answer]; /* HEAD_ASK: marked, settled outside the lock */
        *ret_asks |= answer == HEAD_ASK;
    }
    mutex_unlock(&page->lock);
    return i;
}

Status metric_store_last(MetricSnapshot *snapshot, const SeriesRef *refs, uint32_t count,
                         int64_t min_ms, int64_t max_ms, Arena *arena, uint8_t *kinds, int64_t *ts,
                         double *values, const NativeHistogram **histograms, Error *err)
{
    CLEANUP(sample_run_done) SampleRun run = {0};
    bool asks = false;

    for (uint32_t i = 0; i < count;)
        i = last_of_page(snapshot, refs, i, count, min_ms, max_ms, kinds, ts, values, &asks);
    for (uint32_t i = 0; asks && i < count; i++) {
        if (kinds[i] != LAST_HISTOGRAM)
            continue;
        TRY(last_slow(snapshot, refs[i], min_ms, max_ms, &run, err));
        TRY(copy_last(&run, arena, &kinds[i], &ts[i], &values[i],
                      histograms ? &histograms[i] : NULL, err));
    }
    return STATUS_OK;
}
