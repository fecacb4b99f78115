/* row_index.h - the live indexes of a table's segments.
 *
 * A sealed segment has, for the columns its table asks for, the words of texts (term_index.h) or
 * the rows of whole values (key_index.h). A column that was sealed as a dictionary has no words:
 * its few values are compared one by one, or looked up by a key index of theirs. The open segment
 * has none either and is scanned. What an index answers is a superset unless it says otherwise; the
 * scan's filters look at the rows.
 *
 * Threads: building by the applier, before others see the segment; searching from any thread.
 */
#ifndef LUMA_STORAGE_ROWS_ROW_INDEX_H
#define LUMA_STORAGE_ROWS_ROW_INDEX_H

#include "storage/catalog/catalog.h"
#include "storage/index/term_index.h"
#include "storage/rows/row_segment.h"

typedef enum RowIndexKind {
    ROW_INDEX_NONE,
    ROW_INDEX_TERMS, /* words of a text or jsonb */
    ROW_INDEX_KEYS,  /* whole texts, for equality */
} RowIndexKind;

/* A RowIndexKind for each column: the built-in tables have theirs, a user's table names columns in
 * its option "fulltext". */
void row_index_kinds(const Table *table, uint8_t *ret_kinds);
/* Indexes a freshly sealed segment; what it takes is charged to the segment. */
void row_index_build(RowSegment *sealed, const uint8_t *kinds, uint32_t column_count,
                     TermBuilder *builder);
/* Adds the words of one column to a sealed segment that others may read. The applier. */
void row_index_add_terms(RowSegment *sealed, uint32_t column, TermBuilder *builder);
/* row_filter_init for a column of a segment (NULL = of rows without one). */
Status row_index_filter(const RowSegment *segment, const ScanPredicate *predicate, Type type,
                        Arena *arena, RowFilter *ret_filter, Error *err);
/* Clears the bits of rows of which an index knows that the filter does not hold; `bits` has a bit
 * for each row of the segment. *ret_used: some index was asked. filter->settled is set when no
 * other row is left, but for NULL. */
Status row_index_narrow(const RowSegment *segment, RowFilter *filter, Arena *arena, uint64_t *bits,
                        bool *ret_used, Error *err);

#endif
