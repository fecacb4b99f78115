/* parquet_reader.h - Parquet files of any writer as record batches.
 *
 *   ParquetSource source = {.read = my_read, .ctx = my_file, .size = bytes};
 *   parquet_open(&source, &arena, &file, err);
 *   ParquetScan *scan = parquet_scan_new(&file, &options);
 *   for (uint32_t g = 0; g < file.meta.group_count; g++) {
 *       parquet_scan_group(scan, g, NULL, 0, err);          // or ranges of rows
 *       while (parquet_scan_next(scan, BATCH_ROWS, &batch_arena, &batch, err) == STATUS_OK &&
 *              batch.row_count)
 *           ...
 *   }
 *
 * Types: integers of 8 and 16 bits are smallint, unsigned ones the next wider type (uint64:
 * numeric(20,0)); strings and enums text; json json; bson and bare byte arrays bytea; decimals
 * numeric(p,s); times and timestamps are microseconds (nanoseconds are rounded down), int96
 * timestamp; uuid, interval and float16 as uuid, interval and real. Lists of primitives are arrays;
 * structs, maps and other nesting are json: objects by field name, maps as objects by key.
 *
 * Byte arrays encoded by a dictionary stay codes with a dictionary, one per row group; Column.dict
 * is the same object for all batches that share it.
 *
 * Nothing in a file can crash the reader: INVALID and CORRUPT (a page's CRC) for bad bytes,
 * UNSUPPORTED for what is not read (encryption, LZO), LIMIT over budgets. Threads: a ParquetFile is
 * immutable after open; a scan is confined to one thread at a time.
 */
#ifndef LUMA_FORMAT_PARQUET_PARQUET_READER_H
#define LUMA_FORMAT_PARQUET_PARQUET_READER_H

#include "base/vfs.h"
#include "format/parquet/parquet.h"

/* Random access to a file's bytes. */
typedef struct ParquetSource {
    /* Reads exactly len bytes, which lie inside the file. Any thread that scans. */
    Status (*read)(void *ctx, uint64_t offset, void *dst, size_t len, Error *err);
    void *ctx;
    uint64_t size;
    /* The whole file in memory, or NULL. Then `read` is not called, and batches may point into it:
     * it must outlive them. */
    const char *mapped;
    size_t read_bytes; /* bytes a read asks for at least where that many are left; 0 = 256 KiB */
} ParquetSource;

/* A file in memory. */
ParquetSource parquet_source_memory(Str bytes);
/* An open file, borrowed. */
Status parquet_source_vfs(VfsFile *file, ParquetSource *ret, Error *err);

/* How a top-level field comes out. */
typedef struct ParquetColumn {
    uint32_t node;
    uint32_t first_leaf;
    uint32_t leaf_count;
    bool is_nested;  /* repeated, or a group */
    int32_t element; /* node of an array's elements, -1 = none */
    Type type;
} ParquetColumn;

typedef struct ParquetFile {
    ParquetSource source;
    ParquetMeta meta;
    Schema schema; /* one field a column */
    const ParquetColumn *columns;
    uint32_t column_count;
} ParquetFile;

/* Reads the footer; everything lies in `arena`. */
Status parquet_open(const ParquetSource *source, Arena *arena, ParquetFile *ret, Error *err);
/* Value of a key in the file's metadata; false when absent. */
bool parquet_metadata(const ParquetFile *file, Str key, Str *ret_value);

/* ---- scanning ---- */

typedef struct ParquetScanOptions {
    const uint32_t *columns; /* indexes into file->columns, NULL = all */
    uint32_t column_count;
    bool skip_crc;     /* do not verify pages' checksums */
    MemBudget *budget; /* for pages and dictionaries; NULL = uncounted */
} ParquetScanOptions;

/* Rows [first, first + count) of a row group. */
typedef struct ParquetRows {
    int64_t first;
    int64_t count;
} ParquetRows;

typedef struct ParquetScan ParquetScan;

/* `file` must outlive the scan. */
ParquetScan *parquet_scan_new(const ParquetFile *file, const ParquetScanOptions *options);
ParquetScan *parquet_scan_free(ParquetScan *scan);
/* Goes to a row group; `ranges` ascend and do not overlap, NULL = all rows; copied. Ranges that
 * leave rows out read the page index to jump. */
Status parquet_scan_group(ParquetScan *scan, uint32_t group, const ParquetRows *ranges,
                          uint32_t range_count, Error *err);
/* Up to rows_max rows that follow each other; row_count 0 at the end of the group. The batch lies
 * in `arena`, which also holds on to the pages it points into. */
Status parquet_scan_next(ParquetScan *scan, uint32_t rows_max, Arena *arena, RecordBatch *ret,
                         Error *err);
/* Row of the group that the last batch began with. */
int64_t parquet_scan_first_row(const ParquetScan *scan);

/* ---- pruning ---- */

/* Offset and column index of a chunk; page_count 0 when the file has none. */
Status parquet_page_index(const ParquetFile *file, uint32_t group, uint32_t leaf, Arena *arena,
                          ParquetPageIndex *ret, Error *err);
/* min and max as one-row columns of the column's type; *ret_known false when they tell nothing
 * (absent, malformed, or an order that is not defined). For numbers of floating point, NaN may lie
 * outside. */
Status parquet_stats_bounds(const ParquetFile *file, uint32_t column, const ParquetStats *stats,
                            Arena *arena, Column *ret_min, Column *ret_max, bool *ret_known,
                            Error *err);

typedef enum ParquetOp {
    PARQUET_OP_EQ,
    PARQUET_OP_LT,
    PARQUET_OP_LE,
    PARQUET_OP_GT,
    PARQUET_OP_GE,
    PARQUET_OP_NULL,
    PARQUET_OP_NOT_NULL,
} ParquetOp;

/* `column op value`; NULLs satisfy only OP_NULL. Text compares by bytes; floats by PostgreSQL's
 * order (NaN above all). */
typedef struct ParquetPredicate {
    uint32_t column;
    ParquetOp op;
    const Column *value; /* row 0, of the column's type; not for NULL tests */
} ParquetPredicate;

/* Ranges of the group's rows outside of which no row satisfies all predicates: by statistics, bloom
 * filters (EQ) and the page index. None = the group can be left out. */
Status parquet_prune(const ParquetFile *file, uint32_t group, const ParquetPredicate *predicates,
                     uint32_t predicate_count, Arena *arena, ParquetRows **ret_ranges,
                     uint32_t *ret_count, Error *err);

#endif
