/* term_search.h - queries over a TermSource: which rows may match.
 *
 * Answers are supersets; `exact` says that they are the answer itself. Rows without a text (NULL)
 * may be among them. Pure; any thread.
 */
#ifndef LUMA_STORAGE_INDEX_TERM_SEARCH_H
#define LUMA_STORAGE_INDEX_TERM_SEARCH_H

#include "format/text/text_query.h"
#include "storage/index/term_source.h"

/* matches(text, query): bits of all rows are written; term_words(row_count) words. */
Status term_search_query(const TermSource *source, const TextQuery *query, Arena *arena,
                         uint64_t *ret_bits, bool *ret_exact, Error *err);
/* text LIKE pattern, or ILIKE, with backslash as the escape. Plain texts only. *ret_used = false,
 * and no bits, when no word can be had from the pattern. */
Status term_search_like(const TermSource *source, Str pattern, Arena *arena, uint64_t *ret_bits,
                        bool *ret_used, Error *err);
/* Texts that hold all the words of `words`, each whole. */
Status term_search_words(const TermSource *source, Str words, Arena *arena, uint64_t *ret_bits,
                         bool *ret_used, Error *err);

/* The longest stretch without wildcards in a LIKE pattern, escapes resolved, in the arena. Every
 * text that matches holds it. */
Str term_like_literal(Str pattern, Arena *arena);

#endif
