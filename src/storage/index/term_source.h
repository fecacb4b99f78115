/* term_source.h - rows by their words: what a text index answers, wherever it lies.
 *
 * The index of a segment in memory (term_index.h) is one source, the index file of a part another.
 * Rows are bits of a bitmap, LSB first in 64-bit words. Terms are tokens of format/text. Rows that
 * hold a token cut from a longer run are also found under TERM_CUT, so that a search inside of
 * words can take them along.
 */
#ifndef LUMA_STORAGE_INDEX_TERM_SOURCE_H
#define LUMA_STORAGE_INDEX_TERM_SOURCE_H

#include "base/str.h"

#define TERM_CUT STR("") /* not a token, so no word is in its way */

typedef enum TermMatch { TERM_IS, TERM_BEGINS, TERM_ENDS, TERM_HOLDS } TermMatch;

typedef struct TermSource TermSource;

typedef struct TermSourceOps {
    /* Sets the bits of the rows that have a token for which "token <how> term" is true. Others stay
     * as they are. */
    Status (*add_rows)(const TermSource *source, TermMatch how, Str term, uint64_t *bits,
                       Error *err);
} TermSourceOps;

struct TermSource {
    const TermSourceOps *ops;
    uint32_t row_count;
};

static inline size_t term_words(uint32_t row_count)
{
    return ((size_t)row_count + 63) / 64;
}

#endif
