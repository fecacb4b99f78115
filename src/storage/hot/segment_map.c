#include "storage/hot/segment_map.h"

#include <stdlib.h>

#include "base/hash.h"

void segment_init(Segment *segment, const SegmentOps *ops, uint64_t owner)
{
    *segment = (Segment){.ops = ops, .owner = owner, .ref_count = 1};
}

Segment *segment_ref(Segment *segment)
{
    __atomic_add_fetch(&segment->ref_count, 1, __ATOMIC_RELAXED);
    return segment;
}

/* Release orders our uses before the count; acquire orders all others' before the free. */
Segment *segment_unref(Segment *segment)
{
    if (segment && __atomic_sub_fetch(&segment->ref_count, 1, __ATOMIC_ACQ_REL) == 0)
        segment->ops->free(segment);
    return NULL;
}

void segment_map_init(SegmentMap *map)
{
    *map = (SegmentMap){.next_id = 1};
    for (int i = 0; i < SEGMENT_MAP_SHARDS; i++)
        mutex_init(&map->shards[i].lock);
}

void segment_map_done(SegmentMap *map)
{
    for (int i = 0; i < SEGMENT_MAP_SHARDS; i++) {
        SegmentShard *shard = &map->shards[i];
        for (uint32_t s = 0; s < shard->slot_count; s++)
            if (shard->slots[s].id)
                segment_unref(shard->slots[s].segment);
        mem_free(shard->slots);
        mutex_done(&shard->lock);
    }
}

static SegmentShard *shard_of(SegmentMap *map, uint64_t id)
{
    return &map->shards[hash_u64(id) >> 32 & (SEGMENT_MAP_SHARDS - 1)];
}

static void place(SegmentShard *shard, SegmentSlot slot)
{
    uint32_t at = (uint32_t)hash_u64(slot.id) & (shard->slot_count - 1);
    while (shard->slots[at].id)
        at = (at + 1) & (shard->slot_count - 1);
    shard->slots[at] = slot;
}

static void grow(SegmentShard *shard)
{
    SegmentSlot *old = shard->slots;
    uint32_t old_count = shard->slot_count;

    shard->slot_count = old_count ? old_count * 2 : 8;
    shard->slots = MEM_NEW_ARRAY(SegmentSlot, shard->slot_count);
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i].id)
            place(shard, old[i]);
    mem_free(old);
}

uint64_t segment_map_insert(SegmentMap *map, Segment *segment)
{
    uint64_t id = __atomic_fetch_add(&map->next_id, 1, __ATOMIC_RELAXED);
    SegmentShard *shard = shard_of(map, id);

    segment->id = id;
    MUTEX_GUARD(&shard->lock);
    if ((shard->count + 1) * 4 > shard->slot_count * 3)
        grow(shard);
    place(shard, (SegmentSlot){id, segment_ref(segment)});
    shard->count++;
    return id;
}

/* The slot's index, or slot_count when absent. */
static uint32_t find(const SegmentShard *shard, uint64_t id)
{
    if (shard->slot_count == 0)
        return 0;
    uint32_t at = (uint32_t)hash_u64(id) & (shard->slot_count - 1);
    while (shard->slots[at].id && shard->slots[at].id != id)
        at = (at + 1) & (shard->slot_count - 1);
    return shard->slots[at].id ? at : shard->slot_count;
}

Segment *segment_map_get(SegmentMap *map, uint64_t id)
{
    SegmentShard *shard = shard_of(map, id);

    MUTEX_GUARD(&shard->lock);
    uint32_t at = find(shard, id);
    return at < shard->slot_count ? segment_ref(shard->slots[at].segment) : NULL;
}

Segment *segment_map_remove(SegmentMap *map, uint64_t id)
{
    SegmentShard *shard = shard_of(map, id);

    MUTEX_GUARD(&shard->lock);
    uint32_t at = find(shard, id);
    if (at >= shard->slot_count)
        return NULL;
    uint32_t mask = shard->slot_count - 1;
    Segment *segment = shard->slots[at].segment;
    for (uint32_t next = (at + 1) & mask; shard->slots[next].id; next = (next + 1) & mask) {
        uint32_t home = (uint32_t)hash_u64(shard->slots[next].id) & mask;
        if (((next - home) & mask) >= ((next - at) & mask)) {
            shard->slots[at] = shard->slots[next];
            at = next;
        }
    }
    shard->slots[at] = (SegmentSlot){0};
    shard->count--;
    return segment;
}

static int cmp_id(const void *a, const void *b)
{
    uint64_t x = (*(Segment *const *)a)->id;
    uint64_t y = (*(Segment *const *)b)->id;
    return (x > y) - (x < y);
}

void segment_map_collect(SegmentMap *map, uint64_t owner, Segment ***ret_segments,
                         uint32_t *ret_count)
{
    Segment **found = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    for (int i = 0; i < SEGMENT_MAP_SHARDS; i++) {
        SegmentShard *shard = &map->shards[i];
        MUTEX_GUARD(&shard->lock);
        for (uint32_t s = 0; s < shard->slot_count; s++) {
            if (!shard->slots[s].id || shard->slots[s].segment->owner != owner)
                continue;
            MEM_GROW(found, cap, count + 1);
            found[count++] = segment_ref(shard->slots[s].segment);
        }
    }
    if (count)
        qsort(found, count, sizeof *found, cmp_id);
    *ret_segments = found;
    *ret_count = count;
}
