/* row_changes_int.h - the inside of RowChanges, for the files of storage/rows. */
#ifndef LUMA_STORAGE_ROWS_ROW_CHANGES_INT_H
#define LUMA_STORAGE_ROWS_ROW_CHANGES_INT_H

#include "storage/rows/row_changes.h"
#include "storage/rows/row_int.h"

typedef struct PendingBatch {
    RecordBatch rows;
    uint64_t first; /* number of row 0 */
    uint32_t command;
    Hash128 *keys; /* key_count per row; low 0 = not in that key; NULL = the table has none */
} PendingBatch;

typedef struct DeletedRow {
    uint64_t row_id;
    uint32_t command;
} DeletedRow;

struct RowChanges {
    RowTable *table; /* a reference */
    Arena *arena;
    PendingBatch *batches;
    uint32_t batch_count;
    uint32_t batch_cap;
    uint64_t row_count;   /* pending rows, deleted ones included */
    uint32_t *deleted_by; /* owned: per pending row the command + 1, 0 = live; NULL = all live */
    uint64_t deleted_by_cap;
    DeletedRow *deleted; /* stored rows, in order of commands */
    uint32_t deleted_count;
    uint32_t deleted_cap;
    RowKeys deleted_set;   /* the ids in `deleted` */
    RowKeys keys;          /* keys of pending rows -> their numbers; dead rows may be named */
    uint32_t truncated;    /* command + 1 of the first TRUNCATE, 0 = none */
    uint32_t command_last; /* of any change */
    bool entered;          /* it is one of the table's writers */
    bool reserved;         /* everything below is as of all changes */
    uint32_t reserved_deletes;
    uint32_t reserved_batches; /* of `left` */
    PendingBatch *left;        /* what is written: the batches without deleted rows */
    uint32_t left_count;
};

static inline Hash128 row_id_hash(uint64_t row_id)
{
    return (Hash128){.low = row_id << 1 | 1, .high = hash_u64(row_id)};
}
/* Has this write deleted the stored row? */
static inline bool row_changes__deletes(const RowChanges *changes, uint64_t row_id)
{
    return row_keys_find(&changes->deleted_set, row_id_hash(row_id)) != NULL;
}
static inline bool row_changes__pending_dead(const RowChanges *changes, uint64_t number)
{
    return changes->deleted_by && number < changes->deleted_by_cap && changes->deleted_by[number];
}

typedef enum RowHit {
    ROW_HIT_UNKNOWN, /* an older row may have the key for this snapshot: look at all */
    ROW_HIT_NONE,
    ROW_HIT_ROW,
} RowHit;
/* The row with a key at `lsn`, `changes` (may be NULL) on top. Takes the table's lock. */
RowHit row_table__look_up(RowTable *table, Lsn lsn, const RowChanges *changes, Hash128 hash,
                          uint64_t *ret_row_id);

typedef enum RowKeyState {
    ROW_KEY_FREE,
    ROW_KEY_TAKEN, /* by a row */
    ROW_KEY_BUSY,  /* by a write under way, or its row is being deleted by one */
} RowKeyState;
/* Under the table's lock. */
RowKeyState row_changes__key_state(const RowChanges *changes, const RowKeySlot *slot);
Status row_changes__conflict(Error *err);

#endif
