/* paged.h - a growing array that never moves: a directory of pages, read without a lock.
 *
 * Page numbers are at most 2^22 - 1. A page is published with release order and read with acquire
 * order, so whoever sees it sees it filled as it was. Making and dropping pages is serialised by
 * the owner; a dropped page must have no reader left.
 */
#ifndef LUMA_BASE_PAGED_H
#define LUMA_BASE_PAGED_H

#include "base/mem.h"

enum { PAGED_MID_COUNT = 1024, PAGED_ROOT_COUNT = 4096 };

typedef struct Paged {
    void **mids[PAGED_ROOT_COUNT]; /* atomic; each mid is an array of atomic page pointers */
} Paged;

/* NULL when there is no such page. */
static inline void *paged_page(const Paged *paged, uint32_t page)
{
    uint32_t root = page / PAGED_MID_COUNT;
    if (LUMA_UNLIKELY(root >= PAGED_ROOT_COUNT))
        return NULL;
    void **mid = __atomic_load_n(&paged->mids[root], __ATOMIC_ACQUIRE);
    return LUMA_LIKELY(mid != NULL)
               ? __atomic_load_n(mid + page % PAGED_MID_COUNT, __ATOMIC_ACQUIRE)
               : NULL;
}

/* Publishes `ptr` (NULL = none) as a page. */
static inline void paged_set(Paged *paged, uint32_t page, void *ptr)
{
    uint32_t root = page / PAGED_MID_COUNT;
    ASSERT(root < PAGED_ROOT_COUNT);
    void **mid = __atomic_load_n(&paged->mids[root], __ATOMIC_RELAXED);
    if (!mid) {
        mid = mem_zalloc(PAGED_MID_COUNT * sizeof *mid);
        __atomic_store_n(&paged->mids[root], mid, __ATOMIC_RELEASE);
    }
    __atomic_store_n(mid + page % PAGED_MID_COUNT, ptr, __ATOMIC_RELEASE);
}

/* Frees all pages with free_page and the directory. */
static inline void paged_done(Paged *paged, void (*free_page)(void *page))
{
    for (uint32_t root = 0; root < PAGED_ROOT_COUNT; root++) {
        void **mid = paged->mids[root];
        for (uint32_t i = 0; mid && i < PAGED_MID_COUNT; i++)
            if (mid[i])
                free_page(mid[i]);
        mem_free(mid);
        paged->mids[root] = NULL;
    }
}

#endif
