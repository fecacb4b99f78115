/* metric_segment.c - generations of samples and the snapshots that pin them.
 *
 * A freeze starts a new generation; a series seals what it has open of an older one when its next
 * sample comes. So freezing costs nothing and a frozen segment's samples are those whose generation
 * is at most its own. */
#include "storage/metrics/metric_int.h"

static void free_segment(Segment *base)
{
    MetricSegment *segment = LUMA_CONTAINER_OF(base, MetricSegment, base);

    for (Slab *slab = segment->slabs; slab;) {
        Slab *next = slab->next;
        mem_free(slab);
        slab = next;
    }
    mem_free(segment->dropped);
    mem_free(segment->pairs);
    metric__charge_anyway(segment->store, -segment->charged - (int64_t)sizeof *segment);
    mem_free(segment);
}

MetricSegment *metric__segment_new(MetricStore *store, uint32_t generation)
{
    static const SegmentOps ops = {free_segment};
    MetricSegment *segment = MEM_NEW(MetricSegment);

    segment_init(&segment->base, &ops, 0);
    segment->store = store;
    segment->generation = generation;
    segment->slab_bytes = SLAB_BYTES_FIRST;
    metric__charge_anyway(store, (int64_t)sizeof *segment);
    (void)segment_map_insert(&store->segment_map, &segment->base);
    MUTEX_GUARD(&store->segments_lock);
    MEM_GROW(store->segments, store->segment_cap, store->segment_count + 1);
    store->segments[store->segment_count++] = segment;
    return segment;
}

char *metric__segment_alloc(MetricSegment *segment, size_t size)
{
    if (LUMA_UNLIKELY(!segment->cursor || size > (size_t)(segment->limit - segment->cursor))) {
        size_t total = LUMA_MAX(segment->slab_bytes, size + sizeof(Slab));
        Slab *slab = mem_alloc(total);
        *slab = (Slab){segment->slabs, total};
        segment->slabs = slab;
        segment->cursor = (char *)(slab + 1);
        segment->limit = (char *)slab + total;
        segment->charged += (int64_t)total;
        segment->store->pending_bytes += (int64_t)total;
        if (segment->slab_bytes < SLAB_BYTES_MAX)
            segment->slab_bytes *= 2;
    }
    char *at = segment->cursor;
    segment->cursor += size;
    return at;
}

MetricSegment *metric__segment_find(MetricStore *store, uint32_t generation)
{
    if (LUMA_LIKELY(store->current->generation == generation))
        return store->current;
    MUTEX_GUARD(&store->segments_lock);
    for (uint32_t i = 0; i < store->segment_count; i++)
        if (store->segments[i]->generation >= generation)
            return store->segments[i];
    return store->current;
}

Status metric_store_freeze(MetricStore *store, uint64_t *ret_segment_id, Error *err)
{
    if (store->generation + 1 >= 1u << 30)
        return error_set(err, STATUS_LIMIT, "too many freezes in one process");
    *ret_segment_id = store->current->base.id;
    store->generation++;
    store->current = metric__segment_new(store, store->generation);
    return STATUS_OK;
}

/* ---- snapshots ---- */

MetricSnapshot *metric_store_snapshot(MetricStore *store)
{
    MUTEX_GUARD(&store->segments_lock);
    uint32_t count = store->segment_count;
    MetricSnapshot *snapshot = mem_alloc(sizeof *snapshot + count * sizeof snapshot->segments[0]);
    *snapshot = (MetricSnapshot){.store = store,
                                 .ref_count = 1,
                                 .min_generation = store->segments[0]->generation,
                                 .segment_count = count};
    for (uint32_t i = 0; i < count; i++) {
        snapshot->segments[i] = store->segments[i];
        segment_ref(&store->segments[i]->base);
    }
    return snapshot;
}

MetricSnapshot *metric_snapshot_ref(MetricSnapshot *snapshot)
{
    __atomic_add_fetch(&snapshot->ref_count, 1, __ATOMIC_RELAXED);
    return snapshot;
}

MetricSnapshot *metric_snapshot_unref(MetricSnapshot *snapshot)
{
    if (!snapshot || __atomic_sub_fetch(&snapshot->ref_count, 1, __ATOMIC_ACQ_REL))
        return NULL;
    for (uint32_t i = 0; i < snapshot->segment_count; i++)
        segment_unref(&snapshot->segments[i]->base);
    mem_free(snapshot);
    return NULL;
}
