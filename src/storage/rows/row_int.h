/* row_int.h - what the files of storage/rows share. */
#ifndef LUMA_STORAGE_ROWS_ROW_INT_H
#define LUMA_STORAGE_ROWS_ROW_INT_H

#include "base/thread.h"
#include "storage/rows/row_keys.h"
#include "storage/rows/row_segment.h"
#include "storage/rows/row_store.h"

struct RowTable {
    int64_t ref_count; /* atomic */
    MemBudget *budget;
    SegmentMap *map; /* the store's */
    Arena arena;     /* owns the definition */
    Table schema;    /* immutable: id, columns' types, key */
    Type *types;     /* of the columns */
    RowKeys keys;

    Mutex lock;            /* guards the segment list */
    RowSegment **segments; /* owned references; the last one is open */
    uint32_t segment_count;
    uint32_t segment_cap;
    uint64_t row_count; /* atomic: relaxed; written by the applier */
};

/* References to all segments, in an arena array; release each with row_segment_unref. */
uint32_t row_table__segments(RowTable *table, Arena *arena, RowSegment ***ret_segments);

#endif
