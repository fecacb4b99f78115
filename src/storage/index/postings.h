/* postings.h - an ascending set of u32 refs in 16 bytes: two inline, then a small array, then a
 * roaring bitmap. Threads: guarded by the owner. */
#ifndef LUMA_STORAGE_INDEX_POSTINGS_H
#define LUMA_STORAGE_INDEX_POSTINGS_H

#include "base/arena.h"
#include "base/mem.h"

struct roaring_bitmap_s;

enum { POSTINGS_INLINE = 2, POSTINGS_ARRAY_MAX = 64 };

typedef struct Postings {
    uint32_t count;
    uint32_t cap; /* 0 = inline, <= POSTINGS_ARRAY_MAX = array, else bitmap */
    union {
        uint32_t few[POSTINGS_INLINE];
        uint32_t *refs;
        struct roaring_bitmap_s *bitmap;
    };
} Postings;

void postings_done(Postings *p);
/* No-op when it is there. Returns the bytes of memory that were taken (an estimate for bitmaps). */
int64_t postings_add(Postings *p, uint32_t ref);
/* No-op when it is not there. Returns the bytes given back. */
int64_t postings_remove(Postings *p, uint32_t ref);
bool postings_contains(const Postings *p, uint32_t ref);
/* Writes all refs, ascending, to ret_refs[0..count). */
void postings_copy(const Postings *p, uint32_t *ret_refs);
/* Adds all refs to a bitmap. */
void postings_union_into(const Postings *p, struct roaring_bitmap_s *bitmap);

static inline bool postings_is_bitmap(const Postings *p)
{
    return p->cap > POSTINGS_ARRAY_MAX;
}

#endif
