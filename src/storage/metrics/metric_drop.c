/* metric_drop.c - samples that went to parts leave memory, and series without samples follow.
 *
 *   live --metric_store_drop_segment--> retired --no snapshot holds it, metric_store_purge--> freed
 *
 * While a segment is retired, snapshots taken before see its samples and those taken after do not.
 * A series that a purge takes out of the index may still be known to snapshots that are about; all
 * of them hold the oldest live segment, so its labels are freed with that one.
 */
#include "storage/metrics/metric_int.h"

Status metric_store_drop_segment(MetricStore *store, uint64_t segment_id, Error *err)
{
    MetricSegment *segment;

    {
        MUTEX_GUARD(&store->segments_lock);
        segment = store->segments[0];
        if (segment->base.id != segment_id || store->segment_count == 1)
            return error_set(err, STATUS_INVALID,
                             "segment %llu is not the oldest frozen segment of the series store",
                             (unsigned long long)segment_id);
        MEM_GROW(store->retired, store->retired_cap, store->retired_count + 1);
        store->retired[store->retired_count++] = segment;
        store->segment_count--;
        memmove(store->segments, store->segments + 1,
                store->segment_count * sizeof *store->segments);
    }
    segment_unref(segment_map_remove(&store->segment_map, segment_id));
    return STATUS_OK;
}

/* What one purge does. */
typedef struct Purge {
    MetricStore *store;
    uint32_t generation; /* samples up to this one go */
    int64_t bytes;       /* freed */
    uint64_t samples;
    uint64_t chunks;
    uint64_t payload_bytes;
    SeriesRef *empty; /* series without samples, ascending */
    uint32_t empty_count;
    uint32_t empty_cap;
} Purge;

static void drop_chunks(Purge *purge, SeriesMore *more)
{
    uint32_t kept = 0;

    more->side_chunk_count = 0;
    for (uint32_t i = 0; i < more->chunk_count; i++) {
        const ChunkMeta *meta = &more->chunks[i];
        if (meta->generation <= purge->generation) {
            purge->chunks++;
            purge->payload_bytes += meta->len;
            purge->samples += meta->summary.count;
            continue;
        }
        more->side_chunk_count += meta->side;
        more->chunks[kept++] = *meta;
    }
    more->chunk_count = kept;
}

/* True when the series has no sample left. */
static bool drop_samples(Purge *purge, SeriesPage *page, Series *series)
{
    SeriesMore *more = series->more;

    if (more)
        drop_chunks(purge, more);
    if (series->generation > purge->generation)
        return series->w.count == 0 && (!more || (!more->chunk_count && !more->side_count));
    /* What is open is old as well, and no chunk is newer. */
    purge->samples += series->w.count + (more ? more->side_count : 0u);
    purge->bytes += metric__series_clear(page, series);
    if (series->flags & SERIES_HAS_LAST)
        series->flags = SERIES_HAS_LAST | SERIES_LAST_ELSEWHERE;
    return true;
}

static void purge_page(Purge *purge, SeriesPage *page, SeriesRef first)
{
    MUTEX_GUARD(&page->lock);
    for (uint32_t i = 0; i < PAGE_SERIES; i++) {
        Series *series = &page->series[i];
        if (!__atomic_load_n(&series->labels, __ATOMIC_ACQUIRE) || series->flags & SERIES_DROPPED ||
            !drop_samples(purge, page, series))
            continue;
        MEM_GROW(purge->empty, purge->empty_cap, purge->empty_count + 1);
        purge->empty[purge->empty_count++] = first + i;
    }
}

static uint32_t ref_count(MetricStore *store)
{
    MUTEX_GUARD(&store->series_lock);
    return store->next_ref;
}

static void drop_samples_of_all(Purge *purge)
{
    MetricStore *store = purge->store;
    uint32_t refs = ref_count(store);

    for (uint32_t first = 0; first < refs; first += PAGE_SERIES) {
        SeriesPage *page = metric__page(store, first);
        if (page)
            purge_page(purge, page, first);
    }
    __atomic_sub_fetch(&store->sealed_chunk_count, purge->chunks, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&store->sealed_bytes, purge->payload_bytes, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&store->sample_count, purge->samples, __ATOMIC_RELAXED);
    metric__charge_anyway(store, -purge->bytes);
}

static void drop_one_series(MetricStore *store, SeriesRef ref)
{
    SeriesPage *page = metric__page(store, ref);
    uint32_t slot = ref % PAGE_SERIES;
    const SeriesLabels *labels = metric__labels(store, ref);

    metric__unregister_labels(store, ref);
    label_index_remove(&store->index, ref, labels->pairs, labels->count);
    __atomic_fetch_and(&page->durable[slot / 64], ~(UINT64_C(1) << slot % 64), __ATOMIC_RELAXED);
    MUTEX_GUARD(&page->lock);
    page->series[slot].flags |= SERIES_DROPPED;
}

/* It stays the oldest until this thread drops it. */
static MetricSegment *oldest_segment(MetricStore *store)
{
    MUTEX_GUARD(&store->segments_lock);
    return store->segments[0];
}

/* Takes the empty series out of registry and index; their labels go with the oldest live segment.
 */
static void drop_empty_series(Purge *purge)
{
    MetricStore *store = purge->store;
    CLEANUP(mem_freep) uint8_t *dead = mem_zalloc(ref_count(store) / 8 + 1);

    for (uint32_t i = 0; i < purge->empty_count; i++) {
        dead[purge->empty[i] / 8] |= (uint8_t)(1u << purge->empty[i] % 8);
        drop_one_series(store, purge->empty[i]);
    }
    metric__unregister_raw(store, dead);
    __atomic_sub_fetch(&store->series_count, purge->empty_count, __ATOMIC_RELAXED);
    MetricSegment *oldest = oldest_segment(store);
    for (uint32_t i = 0; i < purge->empty_count; i++) {
        MEM_GROW(oldest->dropped, oldest->dropped_cap, oldest->dropped_count + 1);
        oldest->dropped[oldest->dropped_count++] = purge->empty[i];
    }
    label_index_sweep(&store->index, &oldest->pairs, &oldest->pair_count, &oldest->pair_cap);
}

/* Frees what was dropped while this segment was the oldest. */
static void release_dropped(MetricStore *store, const MetricSegment *segment)
{
    int64_t bytes = 0;

    for (uint32_t i = 0; i < segment->dropped_count; i++) {
        Series *series = metric__series(store, segment->dropped[i]);
        SeriesLabels *labels = (SeriesLabels *)(uintptr_t)series->labels;
        bytes += (int64_t)(sizeof *labels + labels->count * sizeof labels->pairs[0]);
        __atomic_store_n(&series->labels, NULL, __ATOMIC_RELEASE);
        mem_free(labels);
    }
    label_index_release(&store->index, segment->pairs, segment->pair_count);
    metric__charge_anyway(store, -bytes);
}

/* Pages whose every series was dropped and released. */
static void free_empty_pages(MetricStore *store)
{
    uint32_t refs = ref_count(store);

    for (uint32_t first = 0; first + PAGE_SERIES <= refs; first += PAGE_SERIES) {
        SeriesPage *page = metric__page(store, first);
        uint32_t live = 0;
        for (uint32_t i = 0; page && i < PAGE_SERIES; i++)
            live += __atomic_load_n(&page->series[i].labels, __ATOMIC_ACQUIRE) != NULL;
        if (!page || live)
            continue;
        paged_set(&store->pages, first / PAGE_SERIES, NULL);
        metric__charge_anyway(store, -(int64_t)(sizeof *page + page->open_cap));
        mem_free(page->open_bytes);
        mutex_done(&page->lock);
        mem_free(page);
    }
}

/* Takes the retired segments that only the store holds off the list. No new reference can come, as
 * they are in no list that a snapshot is made of. Acquire: readers' uses come before our freeing.
 */
static uint32_t take_unheld(MetricStore *store, MetricSegment ***ret_segments)
{
    MUTEX_GUARD(&store->segments_lock);
    uint32_t count = 0;

    while (count < store->retired_count &&
           __atomic_load_n(&store->retired[count]->base.ref_count, __ATOMIC_ACQUIRE) == 1)
        count++;
    if (count == 0)
        return 0;
    *ret_segments = mem_dup(store->retired, count * sizeof *store->retired);
    store->retired_count -= count;
    memmove(store->retired, store->retired + count, store->retired_count * sizeof *store->retired);
    return count;
}

uint32_t metric_store_purge(MetricStore *store, bool with_series)
{
    CLEANUP(mem_freep) MetricSegment **segments = NULL;
    uint32_t count = take_unheld(store, &segments);

    if (count == 0)
        return 0;
    Purge purge = {.store = store, .generation = segments[count - 1]->generation};
    drop_samples_of_all(&purge);
    for (uint32_t i = 0; i < count; i++)
        release_dropped(store, segments[i]);
    if (with_series) {
        free_empty_pages(store);
        drop_empty_series(&purge);
    }
    mem_free(purge.empty);
    for (uint32_t i = 0; i < count; i++)
        segment_unref(&segments[i]->base);
    return count;
}
