/* rowset.h - rows kept in growing columns: groups, join builds, sorts, CTEs.
 *
 * A RowSet owns deep copies, one contiguous column each, so that rows are picked by index with
 * column_take. Memory is charged to its budget as it grows. Confined to one thread at a time;
 * read-only use from many threads is fine.
 */
#ifndef LUMA_QUERY_EXEC_ROWSET_H
#define LUMA_QUERY_EXEC_ROWSET_H

#include "arrow/batch.h"

typedef struct RowSetColumn {
    Type type;
    void *values;
    uint8_t *validity; /* NULL while every row is valid */
} RowSetColumn;

typedef struct RowSet {
    MemBudget *budget; /* may be NULL */
    Arena texts;
    RowSetColumn *columns;
    Column *view; /* what rowset_batch hands out */
    uint32_t column_count;
    uint32_t row_count;
    uint32_t row_cap;
    int64_t charged_bytes;
} RowSet;

Status rowset_init(RowSet *set, MemBudget *budget, const Type *types, uint32_t column_count,
                   Error *err);
void rowset_done(RowSet *set); /* safe on a zeroed set */
void rowset_clear(RowSet *set);
/* Appends rows of `columns` (as many as the set has): all of them, or those picked by `rows`. */
Status rowset_append(RowSet *set, const Column *columns, const uint32_t *rows, uint32_t row_count,
                     Error *err);
/* All rows as a batch that borrows; valid until the next append. */
RecordBatch rowset_batch(const RowSet *set);

#endif
