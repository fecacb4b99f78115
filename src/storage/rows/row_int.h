/* row_int.h - what the files of storage/rows share. */
#ifndef LUMA_STORAGE_ROWS_ROW_INT_H
#define LUMA_STORAGE_ROWS_ROW_INT_H

#include "base/thread.h"
#include "storage/rows/row_index.h"
#include "storage/rows/row_keys.h"
#include "storage/rows/row_segment.h"
#include "storage/rows/row_store.h"

struct RowTable {
    int64_t ref_count; /* atomic */
    MemBudget *budget;
    SegmentMap *map;        /* the store's */
    Arena arena;            /* owns the definition */
    Table schema;           /* immutable: id, columns' types, key */
    Type *types;            /* of the columns */
    uint8_t *index_kinds;   /* RowIndexKind of each column */
    TermBuilder *builder;   /* the store's; the applier's */
    uint64_t dead_rows;     /* the applier's: deleted since row_table_reclaim looked */
    uint64_t next_row_id;   /* the applier's: rows are numbered in the order they are appended */
    Lsn last_lsn;           /* the applier's: of the last write ... */
    uint64_t last_write_id; /* ... and the id of the first row that it put here */

    Mutex lock; /* guards keys, reservations of rows and the segment list */
    RowKeys keys;
    Lsn truncate_lsn;      /* of the last TRUNCATE, 0 = none */
    RowSegment **segments; /* owned references; the last one is open */
    uint32_t segment_count;
    uint32_t segment_cap;
    uint64_t row_count; /* atomic: relaxed; live rows; written by the applier */
    uint32_t writers;   /* guarded by lock: writes that are reserved and not applied */
    Lsn changed_lsn;    /* atomic: relaxed; of the last write of any kind */
    bool closed;        /* guarded by lock: no write may be reserved any more */
};

/* References to all segments, in an arena array; release each with row_segment_unref. */
uint32_t row_table__segments(RowTable *table, Arena *arena, RowSegment ***ret_segments);

/* ---- row_lookup.c: under the lock, or the applier */
bool row_table__locate_mutable(const RowTable *table, uint64_t row_id, RowSegment **ret_segment,
                               uint32_t *ret_row);
static inline bool row_table__locate(const RowTable *table, uint64_t row_id,
                                     const RowSegment **ret_segment, uint32_t *ret_row)
{
    RowSegment *segment;
    if (!row_table__locate_mutable(table, row_id, &segment, ret_row))
        return false;
    *ret_segment = segment;
    return true;
}
/* The segment's deletes, made when there are none. Under the lock. */
RowDeletes *row_table__deletes(RowTable *table, RowSegment *segment);
/* Marks a row as deleted at `lsn`. The applier. */
void row_table__delete(RowTable *table, Lsn lsn, uint64_t row_id);

#endif
