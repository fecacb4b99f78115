/* query_copy_int.h - COPY: what copy.c and copy_options.c share. */
#ifndef LUMA_QUERY_QUERY_COPY_INT_H
#define LUMA_QUERY_QUERY_COPY_INT_H

#include "format/copy/copy.h"
#include "query/query_int.h"

/* The options that name columns; NULL = not given. */
typedef struct CopyForce {
    const AstOption *quote;
    const AstOption *not_null;
    const AstOption *null;
} CopyForce;

/* Reads and checks the options of a statement; texts borrow it. */
Status copy__options(const AstCopy *ast, CopyOptions *ret, CopyForce *ret_force, Error *err);
/* Marks the columns that FORCE_* names; 42P10 for others, 42703 for what is no column of the table
 * (NULL = of a query). */
Status copy__force(const CopyForce *force, const Table *table, CopyColumn *columns, uint32_t count,
                   Error *err);

struct QueryCopy {
    CopyOptions options;
    CopyColumn *columns;
    uint32_t column_count;
    /* FROM */
    CopyReader *reader;
    WriteBatch *batch; /* in: what gets the rows, until it has ended */
    WriteMark mark;
    uint32_t check_count; /* bools behind the live columns of a whole row */
    const Table *table;
    Str source;           /* "COPY t" */
    VirtualTable rows;    /* the chunk under way as a table: what the plan reads */
    VirtualTable whole;   /* whole rows: what WHERE reads */
    RecordBatch chunk;    /* of `rows` */
    RecordBatch complete; /* of `whole` */
    Plan plan;            /* rows -> whole rows */
    Plan where;           /* root NULL = none */
    bool direct;          /* rows are whole rows already */
    bool ended;
    uint64_t row_count; /* written */
};

#endif
