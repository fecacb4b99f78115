/* map.h - hash map from byte strings to pointers.
 *
 * Open addressing with linear probing; the map stores (hash, key, value) and borrows the key bytes,
 * which usually live in the value or in an arena. Grows at 7/8 full.
 *
 * Threads: confined, or guarded by the owner's lock.
 */
#ifndef LUMA_BASE_MAP_H
#define LUMA_BASE_MAP_H

#include "base/mem.h"
#include "base/str.h"

typedef struct MapSlot {
    uint64_t hash; /* 0 = empty; a real 0 is stored as 1 */
    Str key;
    void *value;
} MapSlot;

typedef struct Map {
    MapSlot *slots;
    size_t slot_count; /* power of two, or 0 */
    size_t count;
} Map;

void map_done(Map *map);
void map_clear(Map *map);
/* NULL when absent. */
void *map_get(const Map *map, Str key);
/* The value's place, created with NULL when absent; `key` must outlive the entry. Valid until the
 * next put or remove. *ret_created may be NULL. */
void **map_put(Map *map, Str key, bool *ret_created);
/* Returns the value that was there, or NULL. */
void *map_remove(Map *map, Str key);
/* Walks the entries in no order: start with *pos = 0; NULL at the end. No changes while walking. */
const MapSlot *map_next(const Map *map, size_t *pos);

#endif
