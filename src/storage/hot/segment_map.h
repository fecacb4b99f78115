/* segment_map.h - the sealed segments in memory: id -> ref-counted segment.
 *
 * A Segment is the head of whatever a store seals (a generation of metric chunks, a frozen set of
 * record batches). It is immutable to readers and lives until its last reference goes; being taken
 * out of the map only means that nobody new finds it. Ids are given by the map and never used
 * twice.
 *
 * Threads: any. Each shard has a lock of its own, held for a probe; nobody waits for I/O.
 */
#ifndef LUMA_STORAGE_HOT_SEGMENT_MAP_H
#define LUMA_STORAGE_HOT_SEGMENT_MAP_H

#include "base/mem.h"
#include "base/thread.h"

typedef struct Segment Segment;

typedef struct SegmentOps {
    /* Called by the thread that drops the last reference, under no lock. */
    void (*free)(Segment *segment);
} SegmentOps;

struct Segment {
    const SegmentOps *ops;
    uint64_t id;       /* set by segment_map_insert; 0 = never was in a map */
    uint64_t owner;    /* table id, or what the store likes: for segment_map_collect */
    int64_t ref_count; /* atomic */
};

/* One reference, the caller's. */
void segment_init(Segment *segment, const SegmentOps *ops, uint64_t owner);
Segment *segment_ref(Segment *segment);
/* NULL is fine; returns NULL. */
Segment *segment_unref(Segment *segment);

enum { SEGMENT_MAP_SHARDS = 16 };

typedef struct SegmentSlot {
    uint64_t id; /* 0 = empty */
    Segment *segment;
} SegmentSlot;

typedef struct SegmentShard {
    Mutex lock;
    SegmentSlot *slots;  /* guarded by lock: open addressing */
    uint32_t slot_count; /* power of two or 0 */
    uint32_t count;
} __attribute__((aligned(64))) SegmentShard;

typedef struct SegmentMap {
    SegmentShard shards[SEGMENT_MAP_SHARDS];
    uint64_t next_id; /* atomic */
} SegmentMap;

void segment_map_init(SegmentMap *map);
/* Drops the map's references. */
void segment_map_done(SegmentMap *map);
/* Gives the segment an id and keeps a reference of its own. */
uint64_t segment_map_insert(SegmentMap *map, Segment *segment);
/* A new reference for the caller, or NULL. */
Segment *segment_map_get(SegmentMap *map, uint64_t id);
/* Takes it out and hands the map's reference to the caller; NULL when it is not there. */
Segment *segment_map_remove(SegmentMap *map, uint64_t id);
/* References to all segments of an owner, ascending by id; the caller unrefs each and frees the
 * array with mem_free. Shards are visited one by one: an owner that needs one instant keeps writers
 * out. */
void segment_map_collect(SegmentMap *map, uint64_t owner, Segment ***ret_segments,
                         uint32_t *ret_count);

#endif
