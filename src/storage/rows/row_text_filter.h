/* row_text_filter.h - predicates that look into texts: matches() exactly; LIKE, ILIKE and words as
 * a quick no, after which the caller looks again. Threads: confined to its user. */
#ifndef LUMA_STORAGE_ROWS_ROW_TEXT_FILTER_H
#define LUMA_STORAGE_ROWS_ROW_TEXT_FILTER_H

#include "format/text/text_query.h"
#include "storage/rows/row_filter.h"

typedef struct RowTextFilter {
    ScanOp op;
    TextForm form;
    TextQuery query; /* SCAN_MATCHES */
    TextMatcher matcher;
    Str literal; /* what every text holds, "" = not known; folded for all but SCAN_LIKE */
} RowTextFilter;

/* SCAN_MATCHES, SCAN_LIKE, SCAN_ILIKE and SCAN_WORDS. */
bool row_text_filter_op(ScanOp op);
/* jsonb is read as JSON. */
TextForm row_text_form(Type type);
/* Lives in the arena. The text query's
 * errors. */
Status row_text_filter_new(const ScanPredicate *predicate, Type column_type, Arena *arena,
                           RowTextFilter **ret_filter, Error *err);
bool row_text_filter_test(RowTextFilter *filter, Str text);

#endif
