/* ndjson_rows.h - JSON objects become the text rows that COPY reads.
 *
 * A body holds one object a line (NDJSON), or one array of objects. Members are columns of the
 * table; a column that an object leaves out gets its default. So rows are gathered by the set of
 * columns they name: each group is one COPY.
 *
 * Strings, numbers and booleans are read by the column's type as PostgreSQL reads such texts; null
 * is NULL; objects and arrays are JSON text, or for array columns the array.
 *
 * Threads: confined.
 */
#ifndef LUMA_NET_REST_NDJSON_ROWS_H
#define LUMA_NET_REST_NDJSON_ROWS_H

#include "base/map.h"
#include "format/json/json.h"
#include "storage/engine/engine.h"

enum { NDJSON_GROUPS_MAX = 1024 };

/* Rows that name the same columns. */
typedef struct NdjsonGroup {
    uint16_t *columns; /* indexes in Table.columns, ascending */
    uint32_t column_count;
    Buf rows; /* COPY's text format */
    uint64_t row_count;
    Buf lines; /* uint64_t of each row: its line, or its number in the array, from 1 */
} NdjsonGroup;

typedef struct NdjsonRows {
    const Table *table;
    Arena *arena;
    NdjsonGroup **groups; /* in the order of their first rows */
    uint32_t group_count;
    Map by_columns;   /* bitmap of columns -> NdjsonGroup */
    Map column_index; /* name -> index + 1 */
    uint8_t *used;    /* bitmap of the row under way */
    Str *cells;       /* its values by column */
} NdjsonRows;

/* `table` and `arena` outlive it. */
void ndjson_rows_init(NdjsonRows *rows, const Table *table, Arena *arena);
void ndjson_rows_done(NdjsonRows *rows);
/* INVALID with the line when the body is not JSON objects (22P02) or names a column that is not
 * there (42703); LIMIT 54000 with more than NDJSON_GROUPS_MAX sets of columns. */
Status ndjson_rows_read(NdjsonRows *rows, Str body, Error *err);
/* Where the group's row `row` (from 0) stood; 0 when there is none. */
uint64_t ndjson_group_line(const NdjsonGroup *group, uint64_t row);

#endif
