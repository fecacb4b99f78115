/* row_segment.h - a stretch of rows of one table, in columns.
 *
 * A segment is *open* while the applier appends to it, then *sealed*: an immutable copy, trimmed,
 * with texts of few distinct values dictionary-encoded and the range of each column known.
 *
 *   columns   values | validity | texts          (stable addresses, `cap` rows from the start)
 *   marks     (row_end, lsn) per write           row r belongs to the first mark with row_end > r
 *
 * Invariants:
 *   1. Rows are in LSN order; a write's rows are whole in the marks: a reader at LSN L takes the
 *      prefix up to the last mark with lsn <= L and so sees each write entirely or not at all.
 *   2. What lies before a published mark never changes. mark_count is stored with release after the
 *      rows it covers, and loaded with acquire.
 *   3. Row r has the id row_id_base + r; a segment that reclaim has written anew lists its ids
 *      instead. Ids ascend over the segments of a table, so do LSNs.
 *   4. Bits of published rows may share a byte with bits still being written, so readers of an open
 *      segment copy the last bytes of bitmaps (row_segment_column does).
 *
 * Threads: one appender; any readers that hold a reference.
 */
#ifndef LUMA_STORAGE_ROWS_ROW_SEGMENT_H
#define LUMA_STORAGE_ROWS_ROW_SEGMENT_H

#include "arrow/batch.h"
#include "base/mem.h"
#include "storage/hot/segment_map.h"
#include "storage/rows/row_deletes.h"
#include "storage/rows/row_filter.h"

typedef uint64_t Lsn;

enum { ROW_SEGMENT_ROWS_MAX = 65536 };

typedef struct RowMark {
    uint32_t row_end;
    uint32_t lsn_offset; /* LSN - RowSegment.lsn_base */
} RowMark;

typedef struct RowTextBlock {
    struct RowTextBlock *next;
    size_t len;
    size_t cap;
    char bytes[];
} RowTextBlock;

typedef struct RowColumn {
    Type type;
    void *values;            /* owned; codes when dict is set */
    uint8_t *validity;       /* owned; NULL in a sealed segment = all valid */
    uint32_t null_count;     /* atomic: relaxed, ordered by mark_count */
    RowTextBlock *texts;     /* owned, newest first */
    Column *dict;            /* owned with its values, or NULL */
    ColumnRange range;       /* sealed segments only */
    struct TermIndex *terms; /* owned; sealed segments only, NULL = none (row_index.h) */
    struct KeyIndex *keys;   /* likewise */
} RowColumn;

typedef struct RowSegment {
    Segment base; /* reference count; its id when it is sealed and in the segment map */
    MemBudget *budget;
    int64_t charged_bytes; /* the appender's */
    Lsn lsn_base;
    bool sealed;
    uint32_t cap;            /* rows */
    uint32_t row_count;      /* the appender's; readers use marks */
    uint32_t mark_count;     /* atomic: release after rows and mark are written */
    RowMark *marks;          /* owned, `cap` places */
    uint64_t row_id_base;    /* id of row 0 */
    uint64_t first_write_id; /* id of the first row that the write of mark 0 put into the table */
    uint64_t *row_ids;       /* owned; NULL = from row_id_base on without gaps */
    uint64_t *write_ids;     /* owned, with row_ids: first_write_id of every mark */
    uint64_t truncated;  /* atomic: relaxed; row_delete_value of the TRUNCATE that deleted all rows,
                            0 = none did */
    RowDeletes *deletes; /* owned reference, atomic: published once under the table's lock */
    uint32_t column_count;
    RowColumn columns[];
} RowSegment;

/* An open segment for `cap` rows of these types; reference count 1. */
RowSegment *row_segment_new(const Type *types, uint32_t column_count, uint32_t cap, Lsn lsn_base,
                            uint32_t table_id, MemBudget *budget);
static inline RowSegment *row_segment_ref(RowSegment *segment)
{
    (void)segment_ref(&segment->base);
    return segment;
}
static inline RowSegment *row_segment_unref(RowSegment *segment) /* returns NULL */
{
    (void)segment_unref(segment ? &segment->base : NULL);
    return NULL;
}
/* May rows of this LSN still be marked here? */
bool row_segment_takes(const RowSegment *segment, Lsn lsn);
/* Appends rows [from, from + count) of the batch, which fit, and marks them. The appender. */
void row_segment_append(RowSegment *segment, Lsn lsn, const RecordBatch *rows, uint32_t from,
                        uint32_t count);
/* The sealed copy; reference count 1. The appender. */
RowSegment *row_segment_seal(const RowSegment *open);
/* Rows that a snapshot at `lsn` sees: a prefix; deleted ones among them. */
uint32_t row_segment_visible(const RowSegment *segment, Lsn lsn);
static inline uint64_t row_segment_row_id(const RowSegment *segment, uint32_t row)
{
    return segment->row_ids ? segment->row_ids[row] : segment->row_id_base + row;
}
static inline RowDeletes *row_segment_deletes(const RowSegment *segment)
{
    return __atomic_load_n(&segment->deletes, __ATOMIC_ACQUIRE);
}
/* The row of an id; false when it is not here. Any thread, as the two below. */
bool row_segment_find(const RowSegment *segment, uint64_t row_id, uint32_t *ret_row);
/* The write that stored a row: its LSN, and the id of the first row that it put into the table. */
Lsn row_segment_write(const RowSegment *segment, uint32_t row, uint64_t *ret_write_id);
/* The same by LSN; false when no write of that LSN is here. */
bool row_segment_find_write(const RowSegment *segment, Lsn lsn, uint64_t *ret_write_id);
/* Rows [from, from + count) of a column, `count` of them visible, from a multiple of 8; a column
 * added to the table later is all NULL. Borrows from the segment and the arena. */
Status row_segment_column(const RowSegment *segment, uint32_t column, Type type, uint32_t from,
                          uint32_t count, Arena *arena, Column *ret_column, Error *err);

#endif
