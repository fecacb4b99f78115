/* id_table.h - hash table of 32-bit ids, eight bytes a slot; the caller compares what an id stands
 * for.
 *
 * Linear probing over (hash, id) slots, at most three quarters full. Threads: guarded by the owner.
 */
#ifndef LUMA_STORAGE_INDEX_ID_TABLE_H
#define LUMA_STORAGE_INDEX_ID_TABLE_H

#include "base/mem.h"

enum { ID_NONE = UINT32_MAX };

typedef struct IdSlot {
    uint32_t hash;
    uint32_t id; /* ID_NONE = empty */
} IdSlot;

typedef struct IdTable {
    IdSlot *slots;
    uint32_t mask; /* slot count - 1 */
    uint32_t count;
} IdTable;

static inline void id_table_done(IdTable *table)
{
    mem_free(table->slots);
    *table = (IdTable){0};
}

/* Walks the ids stored under `hash`: start with *pos = 0; ID_NONE at the end. */
static inline uint32_t id_table_next(const IdTable *table, uint32_t hash, uint32_t *pos)
{
    if (!table->slots)
        return ID_NONE;
    for (;;) {
        const IdSlot *slot = &table->slots[(hash + (*pos)++) & table->mask];
        if (slot->id == ID_NONE || slot->hash == hash)
            return slot->id;
    }
}

/* Bytes that the next put takes (a bigger array), 0 = none. */
static inline int64_t id_table_growth(const IdTable *table)
{
    if (!table->slots)
        return 8 * (int64_t)sizeof(IdSlot);
    if ((uint64_t)table->count * 4 < ((uint64_t)table->mask + 1) * 3)
        return 0;
    return ((int64_t)table->mask + 1) * (int64_t)sizeof(IdSlot);
}

static inline void id_table_place(IdTable *table, IdSlot slot)
{
    uint32_t at = slot.hash & table->mask;
    while (table->slots[at].id != ID_NONE)
        at = (at + 1) & table->mask;
    table->slots[at] = slot;
}

/* Adds an id; the same (hash, id) must not be there. */
static inline void id_table_put(IdTable *table, uint32_t hash, uint32_t id)
{
    if (id_table_growth(table)) {
        IdTable grown = {.mask = table->slots ? table->mask * 2 + 1 : 7, .count = table->count};
        grown.slots = mem_alloc(((size_t)grown.mask + 1) * sizeof(IdSlot));
        memset(grown.slots, 0xff, ((size_t)grown.mask + 1) * sizeof(IdSlot));
        for (uint32_t i = 0; table->slots && i <= table->mask; i++)
            if (table->slots[i].id != ID_NONE)
                id_table_place(&grown, table->slots[i]);
        mem_free(table->slots);
        *table = grown;
    }
    id_table_place(table, (IdSlot){hash, id});
    table->count++;
}

/* Takes (hash, id) out, if there; closes the gap by moving later slots of the same run back. */
static inline void id_table_remove(IdTable *table, uint32_t hash, uint32_t id)
{
    if (!table->slots)
        return;
    uint32_t at = hash & table->mask;
    while (table->slots[at].id != id || table->slots[at].hash != hash) {
        if (table->slots[at].id == ID_NONE)
            return;
        at = (at + 1) & table->mask;
    }
    for (uint32_t next = at;;) {
        next = (next + 1) & table->mask;
        if (table->slots[next].id == ID_NONE)
            break;
        uint32_t home = table->slots[next].hash & table->mask;
        if (((next - home) & table->mask) >= ((next - at) & table->mask)) {
            table->slots[at] = table->slots[next];
            at = next;
        }
    }
    table->slots[at].id = ID_NONE;
    table->count--;
}

#endif
