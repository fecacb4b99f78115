/* row_filter.h - predicates over columns: exact, by the million.
 *
 * A predicate sets bytes of a mask to 0 where it does not hold; kernels are plain loops that the
 * compiler vectorises. PostgreSQL's order: NaN equals itself and is above every number; text
 * compares by bytes (collation C). A comparison with NULL on either side does not hold.
 *
 * Threads: pure; a RowFilter is confined to its user.
 */
#ifndef LUMA_STORAGE_ROWS_ROW_FILTER_H
#define LUMA_STORAGE_ROWS_ROW_FILTER_H

#include "arrow/column.h"

typedef enum ScanOp {
    SCAN_EQ,
    SCAN_NE,
    SCAN_LT,
    SCAN_LE,
    SCAN_GT,
    SCAN_GE,
    SCAN_IS_NULL,
    SCAN_IS_NOT_NULL
} ScanOp;

/* One conjunct: column <op> constant. */
typedef struct ScanPredicate {
    uint16_t column; /* index in Table.columns */
    ScanOp op;
    Column value; /* constant of the column's type, len 1 */
} ScanPredicate;

/* Least and greatest value of a column, for skipping. */
typedef struct ColumnRange {
    enum { COLUMN_RANGE_NONE, COLUMN_RANGE_INT, COLUMN_RANGE_FLOAT } kind; /* NONE = not known */
    int64_t int_min;
    int64_t int_max;
    double float_min;
    double float_max;
} ColumnRange;

/* Can the type be filtered exactly by this operator? Not where equal values differ in bytes
 * (numeric, bpchar, jsonb, arrays, interval ...): those stay with the executor. */
bool row_filter_can(Type type, ScanOp op);

/* A predicate made ready for columns that share one dictionary (or have none). */
typedef struct RowFilter {
    const ScanPredicate *predicate;
    const Column *dict;       /* what dict_pass was made for, or NULL */
    const uint8_t *dict_pass; /* arena: per code, does it hold? */
} RowFilter;

/* `dict` may be NULL. STATUS_LIMIT of the arena. */
Status row_filter_init(RowFilter *filter, const ScanPredicate *predicate, const Column *dict,
                       Arena *arena, Error *err);
/* mask[i] &= holds(column[i]) for i < column->len. The column's dict is the one given to init. */
void row_filter_apply(const RowFilter *filter, const Column *column, uint8_t *mask);
/* Indexes of the non-zero bytes of mask[0..n); returns how many. */
uint32_t row_filter_rows(const uint8_t *mask, uint32_t n, uint32_t *ret_rows);
/* False only if no value in the range satisfies the predicate. */
bool row_filter_may_match(const ScanPredicate *predicate, const ColumnRange *range);

#endif
