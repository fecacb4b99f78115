/* term_index.h - the words of up to 65,536 texts: token -> rows, in one block of memory.
 *
 *   starts[bucket_count + 1]   u32: where a bucket's entries begin
 *   entries                    by bucket (hash of the term): term 00 rows
 *   lists                      rows of frequent terms
 *
 *   rows = n u16 ...           1 <= n <= TERM_ROWS_INLINE: the rows themselves
 *        | FD u32 u16          the offset in lists and number of rows less 1: steps of one byte,
 *                              or FF and a u16
 *        | FE u32              the offset in lists of a bitmap of all rows
 *
 * No token holds a byte 00, so a search inside of words runs over the entries as one text and then
 * asks whose term it hit. Rare terms, most of all terms of one row, cost their text and 4 bytes.
 *
 * Threads: a TermBuilder is confined to its user; a TermIndex is immutable.
 */
#ifndef LUMA_STORAGE_INDEX_TERM_INDEX_H
#define LUMA_STORAGE_INDEX_TERM_INDEX_H

#include "base/mem.h"
#include "format/text/text_tokens.h"
#include "storage/index/term_source.h"

enum { TERM_INDEX_ROWS_MAX = 65536, TERM_ROWS_INLINE = 8 };

typedef struct TermBuilder TermBuilder;

typedef struct TermIndex {
    TermSource source;     /* first */
    size_t bytes;          /* of the whole block */
    uint32_t bucket_count; /* power of two */
    uint32_t term_count;
    size_t entries_len;
    size_t lists_len;
    uint64_t secrets[2]; /* of the hash */
    const uint32_t *starts;
    const char *entries; /* readable for 64 bytes more */
    const uint8_t *lists;
} TermIndex;

/* Keeps its memory from one index to the next, charged to `budget` (may be NULL). */
TermBuilder *term_builder_new(MemBudget *budget);
TermBuilder *term_builder_free(TermBuilder *builder); /* NULL is fine; returns NULL */
/* Adds a row's text; rows ascend, each once, below TERM_INDEX_ROWS_MAX. */
void term_builder_add(TermBuilder *builder, uint32_t row, Str text, TextForm form);
/* The index of what was added, over `row_count` rows; free with mem_free. The builder is empty. */
TermIndex *term_builder_finish(TermBuilder *builder, uint32_t row_count);

#endif
