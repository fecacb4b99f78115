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
    SCAN_IS_NOT_NULL,
    SCAN_MATCHES, /* matches(column, value): the value is a text query */
    /* These pass some rows that do not hold: whoever asks looks at the rows again. */
    SCAN_LIKE,  /* column LIKE value */
    SCAN_ILIKE, /* column ILIKE value */
    SCAN_WORDS, /* all words of the value are in the column */
} ScanOp;

/* One conjunct: column <op> constant. */
typedef struct ScanPredicate {
    uint16_t column; /* index in Table.columns */
    ScanOp op;
    Column value; /* constant of the column's type, or text from SCAN_MATCHES on; len 1 */
} ScanPredicate;

/* Only the best rows by a column are wanted: whoever sorts tells how good they must be, while the
 * scan runs. The column is of LAYOUT_INT64; its NULLs sort last. */
typedef struct ScanBound {
    uint16_t column; /* index in Table.columns */
    bool descending; /* large values come first */
    int64_t value;   /* atomic: relaxed; rows behind it are not wanted, equal ones are */
} ScanBound;

static inline void scan_bound_init(ScanBound *bound, uint16_t column, bool descending)
{
    *bound = (ScanBound){column, descending, descending ? INT64_MIN : INT64_MAX};
}
static inline int64_t scan_bound_get(const ScanBound *bound)
{
    return __atomic_load_n(&bound->value, __ATOMIC_RELAXED);
}
/* Rows behind the value are not wanted from now on. Any thread. */
void scan_bound_tighten(ScanBound *bound, int64_t value);

/* What a scan of rows has done so far, for EXPLAIN ANALYZE. */
typedef struct ScanStats {
    uint64_t segments;
    uint64_t segments_skipped; /* by ranges, dictionaries and indexes */
    uint64_t rows_looked_at;   /* by filters, or handed on as they are */
    bool index_used;           /* some segment's index was asked */
} ScanStats;

/* Least and greatest value of a column, for skipping. */
typedef struct ColumnRange {
    enum { COLUMN_RANGE_NONE, COLUMN_RANGE_INT, COLUMN_RANGE_FLOAT } kind; /* NONE = not known */
    int64_t int_min;
    int64_t int_max;
    double float_min;
    double float_max;
} ColumnRange;

/* Can the type be filtered exactly by this operator? Not where equal values differ in bytes
 * (bpchar, jsonb, arrays, interval ...): those stay with the executor. */
bool row_filter_can(Type type, ScanOp op);
/* Is the value a text, whatever the column is? */
static inline bool row_filter_is_text(ScanOp op)
{
    return op >= SCAN_MATCHES;
}

/* A predicate made ready for columns that share one dictionary (or have none). */
typedef struct RowFilter {
    const ScanPredicate *predicate;
    const Column *dict;         /* what dict_pass was made for, or NULL */
    const uint8_t *dict_pass;   /* arena: per code, does it hold? */
    bool none;                  /* no code does */
    bool settled;               /* an index has left no row for which it does not hold, but NULL */
    struct RowTextFilter *text; /* SCAN_MATCHES and the like; lives in the arena */
} RowFilter;

/* `dict` may be NULL. `type` is the column's. STATUS_LIMIT of the arena, errors of a text query. */
Status row_filter_init(RowFilter *filter, const ScanPredicate *predicate, Type type,
                       const Column *dict, Arena *arena, Error *err);
/* mask[i] &= holds(column[i]) for i < column->len. The column's dict is the one given to init. */
void row_filter_apply(const RowFilter *filter, const Column *column, uint8_t *mask);
/* Indexes of the non-zero bytes of mask[0..n); returns how many. */
uint32_t row_filter_rows(const uint8_t *mask, uint32_t n, uint32_t *ret_rows);
/* False only if no value in the range satisfies the predicate. */
bool row_filter_may_match(const ScanPredicate *predicate, const ColumnRange *range);

#endif
