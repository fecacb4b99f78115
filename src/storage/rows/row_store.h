/* row_store.h - rows of user tables (later of logs and traces): the row store.
 *
 *   RowStore -> RowTable (by Table.store_id) -> sealed segments ..., one open segment
 *
 * Segments grow with the table (256 rows, then as many as it has, up to 65,536), so a small table
 * is small and a large one is made of large pieces. The open one is replaced by its sealed copy
 * when it is full, which goes into the segment map (storage/hot). A scan takes references to the
 * segments of one table and reads, without locks, the prefix of each that its snapshot's LSN
 * covers, without the rows that are deleted at that LSN.
 *
 * Threads: row_store_create, row_store_drop, row_table_append and the deletes by the applier, in
 * LSN order; the rest from any thread. Locks are held for the time of copying pointers.
 */
#ifndef LUMA_STORAGE_ROWS_ROW_STORE_H
#define LUMA_STORAGE_ROWS_ROW_STORE_H

#include "storage/catalog/catalog.h"
#include "storage/hot/segment_map.h"
#include "storage/rows/row_filter.h"

typedef uint64_t Lsn;

typedef struct RowStore RowStore;
typedef struct RowTable RowTable;
typedef struct RowScan RowScan;
typedef struct RowChanges RowChanges; /* of a write under way: row_changes.h */
typedef struct RowPiece RowPiece;     /* a segment's part of a scan, worked by one thread */

/* Everything stored is charged to `budget` without asking: it is durable already. `map` gets the
 * sealed segments, with the store id as owner; both outlive the store. */
RowStore *row_store_new(SegmentMap *map, MemBudget *budget);
RowStore *row_store_free(RowStore *store); /* returns NULL; no scan is open */
/* An empty table; the definition is copied. No-op when it is there. */
void row_store_create(RowStore *store, const Table *table);
void row_store_drop(RowStore *store, uint32_t store_id);
/* Indexes the words of a column, of rows there are and rows to come: CREATE INDEX USING fulltext.
 * Does nothing for a column that cannot have them. The applier. */
void row_store_index(RowStore *store, uint32_t store_id, Str column);
/* A reference, or NULL. */
RowTable *row_store_find(RowStore *store, uint32_t store_id);
RowTable *row_table_unref(RowTable *table); /* returns NULL */

/* Does the batch have the table's columns, by number and type? STATUS_INVALID. */
Status row_table_check(const RowTable *table, const RecordBatch *rows, Error *err);
/* Appends all rows as one write of `lsn`, which is at least that of the call before; returns the
 * id of the first. `load_keys` enters their keys (replay). */
uint64_t row_table_append(RowTable *table, Lsn lsn, const RecordBatch *rows, bool load_keys);
/* Deletes the row that the write of `write_lsn` put here as its `position`-th; false = there is
 * none. Replay. */
bool row_table_delete_named(RowTable *table, Lsn lsn, Lsn write_lsn, uint64_t position);
/* Have so many rows been deleted that row_table_reclaim is worth its time? The applier. */
bool row_table_wants_reclaim(const RowTable *table);
/* Frees rows that were deleted at or before `horizon`, which no snapshot is below. The applier. */
void row_table_reclaim(RowTable *table, Lsn horizon);
/* All rows stored so far go at `lsn`. */
void row_table_truncate(RowTable *table, Lsn lsn);
uint64_t row_table_row_count(RowTable *table);
/* While it is closed writes that are not reserved yet get CONFLICT: another store is to take its
 * place. */
void row_table_close(RowTable *table, bool closed);
/* Writes that are reserved and neither applied nor given up. */
uint32_t row_table_writers(RowTable *table);
/* The last write that changed anything since the start of the process, 0 = none. */
Lsn row_table_changed_lsn(RowTable *table);

/* As a column of a scan: the row's id, int8. */
enum { ROW_COLUMN_ID = 0xffff };

/* What a scan reads; the arrays must outlive it, the changes its creation. */
typedef struct RowScanSpec {
    Lsn lsn;
    const Table *schema;     /* the reader's view of the columns */
    const uint16_t *columns; /* index the table's columns, as predicates do; or ROW_COLUMN_ID */
    uint32_t column_count;
    const ScanPredicate *predicates; /* AND */
    uint32_t predicate_count;
    const ScanBound *bound;    /* NULL = all rows are wanted; the best segments come first */
    const RowChanges *changes; /* seen on top, up to ... */
    uint32_t command;          /* ... before this one; NULL = none */
    Lsn after_lsn;             /* only rows of later writes; 0 = all */
} RowScanSpec;

/* Equality on all columns of a key finds its row without looking at others. */
Status row_scan_new(RowTable *table, const RowScanSpec *spec, RowScan **ret_scan, Error *err);

/* For planning; all of it may be a little wrong. */
typedef struct RowColumnEstimate {
    uint64_t rows;     /* of the table */
    ColumnRange range; /* kind NONE = not known */
    double distinct;   /* values; 0 = not known */
} RowColumnEstimate;
void row_table_estimate(RowTable *table, uint32_t column, RowColumnEstimate *ret);

RowScan *row_scan_free(RowScan *scan); /* after every piece is closed; returns NULL */
uint64_t row_scan_estimate(const RowScan *scan);
/* What was skipped and looked at so far. */
ScanStats row_scan_stats(const RowScan *scan);
/* Claims the next piece, NULL at the end. Any thread, concurrently. */
RowPiece *row_scan_next(RowScan *scan);
/* The next batch of 1 .. BATCH_ROWS rows, row_count 0 at the end. It borrows from the segment, the
 * changes and the arena. */
Status row_piece_next(RowPiece *piece, Arena *arena, RecordBatch *ret_batch, Error *err);
RowPiece *row_piece_close(RowPiece *piece); /* returns NULL */

/* Finds rows by key at `lsn`, `changes` (may be NULL) on top; what it does not find it remembers.
 * Everything given outlives the probe. */
typedef struct RowProbe RowProbe;
#define ROW_PROBE_SEEN (UINT64_MAX - 1)
RowProbe *row_probe_new(RowTable *table, Lsn lsn, const RowChanges *changes, const bool *keys);
RowProbe *row_probe_free(RowProbe *probe); /* returns NULL */
/* Per row an id, ROW_ID_NONE, or ROW_PROBE_SEEN for one equal to a row not found before. CONFLICT
 * when a row behind `lsn` has the key. */
Status row_probe_rows(RowProbe *probe, const RecordBatch *rows, uint64_t *ret_row_ids, Error *err);

typedef struct RowFetch {
    const Table *schema;
    const uint16_t *columns;
    uint32_t column_count;
    const uint64_t *row_ids;
    uint32_t count;
} RowFetch;
/* Values of as many of the rows, from the first on, as lie together; CONFLICT when it is gone. */
Status row_table_fetch(RowTable *table, const RowChanges *changes, const RowFetch *fetch,
                       Arena *arena, RecordBatch *ret, Error *err);

#endif
