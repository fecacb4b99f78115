#include "storage/index/postings.h"

#include <roaring/roaring.h>

enum {
    BITMAP_CAP = UINT32_MAX,
    BITMAP_BYTES = 256,   /* an empty bitmap with one container, about */
    BITMAP_REF_BYTES = 2, /* array container; denser ones take less */
};

static uint32_t *items(Postings *p)
{
    return p->cap ? p->refs : p->few;
}

static const uint32_t *const_items(const Postings *p)
{
    return p->cap ? p->refs : p->few;
}

void postings_done(Postings *p)
{
    if (postings_is_bitmap(p))
        roaring_bitmap_free(p->bitmap);
    else if (p->cap)
        mem_free(p->refs);
    *p = (Postings){0};
}

/* First index whose ref is >= ref. */
static uint32_t lower_bound(const uint32_t *refs, uint32_t count, uint32_t ref)
{
    uint32_t at = count;
    if (count == 0 || refs[count - 1] < ref)
        return count;
    uint32_t low = 0;
    while (low < at) {
        uint32_t mid = (low + at) / 2;
        if (refs[mid] < ref)
            low = mid + 1;
        else
            at = mid;
    }
    return low;
}

static int64_t to_bitmap(Postings *p)
{
    roaring_bitmap_t *bitmap = roaring_bitmap_of_ptr(p->count, p->refs);
    int64_t freed = (int64_t)p->cap * (int64_t)sizeof(uint32_t);

    ASSERT(bitmap);
    mem_free(p->refs);
    p->bitmap = bitmap;
    p->cap = BITMAP_CAP;
    return BITMAP_BYTES + (int64_t)p->count * BITMAP_REF_BYTES - freed;
}

static int64_t grow(Postings *p)
{
    uint32_t cap = p->cap ? p->cap * 2 : POSTINGS_INLINE * 2;
    uint32_t *refs = mem_alloc(cap * sizeof *refs);
    int64_t taken = (int64_t)(cap - p->cap) * (int64_t)sizeof *refs;

    memcpy(refs, const_items(p), p->count * sizeof *refs);
    if (p->cap)
        mem_free(p->refs);
    p->refs = refs;
    p->cap = cap;
    return taken;
}

int64_t postings_add(Postings *p, uint32_t ref)
{
    int64_t taken = 0;

    if (postings_is_bitmap(p)) {
        if (!roaring_bitmap_add_checked(p->bitmap, ref))
            return 0;
        p->count++;
        return BITMAP_REF_BYTES;
    }
    uint32_t at = lower_bound(const_items(p), p->count, ref);
    if (at < p->count && const_items(p)[at] == ref)
        return 0;
    if (p->count == POSTINGS_ARRAY_MAX)
        return to_bitmap(p) + postings_add(p, ref);
    if (p->count == (p->cap ? p->cap : POSTINGS_INLINE))
        taken = grow(p);
    uint32_t *refs = items(p);
    memmove(refs + at + 1, refs + at, (p->count - at) * sizeof *refs);
    refs[at] = ref;
    p->count++;
    return taken;
}

int64_t postings_remove(Postings *p, uint32_t ref)
{
    if (postings_is_bitmap(p)) {
        if (!roaring_bitmap_remove_checked(p->bitmap, ref))
            return 0;
        if (--p->count)
            return BITMAP_REF_BYTES;
        postings_done(p);
        return BITMAP_BYTES + BITMAP_REF_BYTES;
    }
    uint32_t *refs = items(p);
    uint32_t at = lower_bound(refs, p->count, ref);
    if (at == p->count || refs[at] != ref)
        return 0;
    memmove(refs + at, refs + at + 1, (p->count - at - 1) * sizeof *refs);
    if (--p->count)
        return 0;
    int64_t freed = (int64_t)p->cap * (int64_t)sizeof *refs;
    postings_done(p);
    return freed;
}

bool postings_contains(const Postings *p, uint32_t ref)
{
    if (postings_is_bitmap(p))
        return roaring_bitmap_contains(p->bitmap, ref);
    uint32_t at = lower_bound(const_items(p), p->count, ref);
    return at < p->count && const_items(p)[at] == ref;
}

void postings_copy(const Postings *p, uint32_t *ret_refs)
{
    if (postings_is_bitmap(p))
        roaring_bitmap_to_uint32_array(p->bitmap, ret_refs);
    else if (p->count)
        memcpy(ret_refs, const_items(p), p->count * sizeof *ret_refs);
}

void postings_union_into(const Postings *p, roaring_bitmap_t *bitmap)
{
    if (postings_is_bitmap(p))
        roaring_bitmap_or_inplace(bitmap, p->bitmap);
    else
        roaring_bitmap_add_many(bitmap, p->count, const_items(p));
}
