#include "base/map.h"

#include "base/hash.h"

static uint64_t key_hash(Str key)
{
    uint64_t h = hash_str(key);
    return h ? h : 1;
}

void map_done(Map *map)
{
    mem_free(map->slots);
    *map = (Map){0};
}

void map_clear(Map *map)
{
    if (map->slots)
        memset(map->slots, 0, map->slot_count * sizeof *map->slots);
    map->count = 0;
}

/* The slot that holds the key, or the empty one where it belongs. */
static MapSlot *find_slot(const Map *map, Str key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;
    size_t i = hash & mask;

    while (map->slots[i].hash && !(map->slots[i].hash == hash && str_eq(map->slots[i].key, key)))
        i = (i + 1) & mask;
    return &map->slots[i];
}

void *map_get(const Map *map, Str key)
{
    return map->count ? find_slot(map, key, key_hash(key))->value : NULL;
}

static void grow(Map *map)
{
    Map old = *map;

    map->slot_count = old.slot_count ? old.slot_count * 2 : 16;
    map->slots = MEM_NEW_ARRAY(MapSlot, map->slot_count);
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.slots[i].hash)
            *find_slot(map, old.slots[i].key, old.slots[i].hash) = old.slots[i];
    mem_free(old.slots);
}

void **map_put(Map *map, Str key, bool *ret_created)
{
    uint64_t hash = key_hash(key);

    if ((map->count + 1) * 8 > map->slot_count * 7)
        grow(map);
    MapSlot *slot = find_slot(map, key, hash);
    if (ret_created)
        *ret_created = slot->hash == 0;
    if (!slot->hash) {
        *slot = (MapSlot){hash, key, NULL};
        map->count++;
    }
    return &slot->value;
}

void *map_remove(Map *map, Str key)
{
    if (!map->count)
        return NULL;
    MapSlot *slot = find_slot(map, key, key_hash(key));
    if (!slot->hash)
        return NULL;
    void *value = slot->value;
    size_t mask = map->slot_count - 1;
    size_t hole = (size_t)(slot - map->slots);
    /* Backward-shift deletion: pull up every later entry whose probe path crosses the hole. */
    for (size_t i = (hole + 1) & mask; map->slots[i].hash; i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (MapSlot){0};
    map->count--;
    return value;
}

const MapSlot *map_next(const Map *map, size_t *pos)
{
    while (*pos < map->slot_count) {
        const MapSlot *slot = &map->slots[(*pos)++];
        if (slot->hash)
            return slot;
    }
    return NULL;
}
