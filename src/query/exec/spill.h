/* spill.h - rows that do not fit into the query's memory, in temporary files.
 *
 * A SpillFile takes rows of fixed types and gives them back in order, to any number of readers,
 * once writing has ended. The file has no name (it is unlinked when it is made), so that nothing is
 * left of it whatever happens. Blocks: u32 rows, u32 plain bytes, u32 packed bytes, then LZ4 of the
 * columns (u8 has validity, bitmap, values; texts as u32 lengths, then bytes).
 *
 * Errors: 53100 when the disk is full or query.spill_bytes_max is reached. Threads: a file has one
 * writer; then its readers may be on any threads, each confined.
 */
#ifndef LUMA_QUERY_EXEC_SPILL_H
#define LUMA_QUERY_EXEC_SPILL_H

#include "query/exec/exec_int.h"

typedef struct SpillFile SpillFile;

/* Would the query (or all together) have so much memory, with `more` bytes, that it should go to
 * disk? False when there is no folder to spill to. */
bool spill_wanted(const Exec *exec, int64_t more);
/* As much as an owner of a growing RowSet may ask for with its next batch. */
static inline int64_t spill_growth(const RowSet *rows)
{
    return rows->row_count + BATCH_ROWS > rows->row_cap ? rows->charged_bytes : 0;
}

/* No file is made before rows come. `node` is whose bytes they are. */
Status spill_file_new(Exec *exec, const PlanNode *node, const Type *types, uint32_t column_count,
                      SpillFile **ret_file, Error *err);
SpillFile *spill_file_free(SpillFile *file); /* NULL is fine; returns NULL */
/* Rows of `columns`: all of them, or those picked by `rows`. */
Status spill_file_append(SpillFile *file, const Column *columns, const uint32_t *rows,
                         uint32_t row_count, Error *err);
/* Writes out what is gathered; readers may begin. */
Status spill_file_end(SpillFile *file, Error *err);
uint64_t spill_file_rows(const SpillFile *file);

typedef struct SpillReader {
    const SpillFile *file;
    int64_t pos; /* of the next block; 0 = the first */
} SpillReader;

/* The next block of at most BATCH_ROWS rows in `arena`; row_count 0 = end. */
Status spill_reader_next(SpillReader *reader, Arena *arena, RecordBatch *ret_batch, Error *err);

#endif
