/* key_index.h - rows by whole values: hash -> rows, for ids that nearly every row has another of.
 *
 * Rows are sorted by a keyed hash into buckets of about four. A look-up gives a bucket's rows, to
 * be compared by the caller. 3 bytes a row. Threads: immutable after it is made.
 */
#ifndef LUMA_STORAGE_INDEX_KEY_INDEX_H
#define LUMA_STORAGE_INDEX_KEY_INDEX_H

#include "arrow/column.h"
#include "base/mem.h"

enum { KEY_INDEX_ROWS_MAX = 65536 };

typedef struct KeyIndex {
    size_t bytes;          /* of the whole block */
    uint32_t bucket_count; /* power of two */
    uint64_t seed;
    const uint32_t *starts; /* [bucket_count + 1] */
    const uint16_t *rows;   /* ascending in a bucket */
} KeyIndex;

/* Over `count` texts; those whose validity bit is 0 are left out (NULL = all there). Free with
 * mem_free. */
KeyIndex *key_index_new(const View *texts, const uint8_t *validity, uint32_t count);
/* Rows that may hold the value, *ret_count of them. */
const uint16_t *key_index_rows(const KeyIndex *index, Str value, uint32_t *ret_count);

#endif
