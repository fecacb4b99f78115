/* batch.h - schemas and record batches.
 *
 * A RecordBatch borrows its schema and columns; whoever hands it out says how long it lives.
 */
#ifndef LUMA_ARROW_BATCH_H
#define LUMA_ARROW_BATCH_H

#include "arrow/column.h"

typedef struct Field {
    Str name;
    Type type;
    bool not_null;
    uint32_t table_oid; /* origin, for PostgreSQL's RowDescription; 0 = computed */
    int16_t attnum;     /* attribute number in that table */
} Field;

typedef struct Schema {
    const Field *fields;
    uint32_t field_count;
} Schema;

typedef struct RecordBatch {
    const Schema *schema; /* may be NULL inside the executor */
    Column *columns;
    uint32_t column_count;
    uint32_t row_count;
} RecordBatch;

/* Columns of `schema`, row_count rows, zeroed and all valid. */
Status batch_init(RecordBatch *batch, Arena *arena, const Schema *schema, uint32_t row_count,
                  Error *err);
/* Every column of `ret` is column_take of src's. */
Status batch_take(const RecordBatch *src, const uint32_t *rows, uint32_t count, Arena *arena,
                  RecordBatch *ret, Error *err);
Status batch_slice(const RecordBatch *src, uint32_t from, uint32_t count, Arena *arena,
                   RecordBatch *ret, Error *err);
Status batch_copy(const RecordBatch *src, Arena *arena, RecordBatch *ret, Error *err);
/* Expands constants and dictionaries of all columns in place (column_flatten). */
Status batch_flatten(RecordBatch *batch, Arena *arena, Error *err);
Schema schema_copy(const Schema *schema, Arena *arena);

#endif
