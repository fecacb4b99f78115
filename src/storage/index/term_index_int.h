/* term_index_int.h - what builder and reader of a TermIndex share. */
#ifndef LUMA_STORAGE_INDEX_TERM_INDEX_INT_H
#define LUMA_STORAGE_INDEX_TERM_INDEX_INT_H

#include "storage/index/term_index.h"

enum { TERM_LIST_STEPS = 0xFD, TERM_LIST_BITMAP = 0xFE, TERM_STEP_WIDE = 0xFF };

extern const TermSourceOps term_index__ops;

/* The last bytes of a term, below 8 of them, as a number. 8 bytes can be read. */
static inline uint64_t term_tail(const char *text, size_t len)
{
    uint64_t word;

    memcpy(&word, text, 8);
    return len >= 8 ? word : word & ((UINT64_C(1) << len * 8) - 1);
}

static inline uint64_t term_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A keyed hash of short texts (multiply and fold, after wyhash). 8 bytes behind the text can be
 * read. */
static inline uint32_t term_hash(const uint64_t secrets[2], const char *text, size_t len)
{
    uint64_t hash = term_mix(term_tail(text, LUMA_MIN(len, (size_t)8)) ^ secrets[0],
                             (uint64_t)len ^ secrets[1]);

    for (size_t at = 8; at < len; at += 8)
        hash = term_mix(term_tail(text + at, LUMA_MIN(len - at, (size_t)8)) ^ secrets[0],
                        hash ^ secrets[1]);
    return (uint32_t)(hash ^ hash >> 32);
}

#endif
