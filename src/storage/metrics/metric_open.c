/* metric_open.c - where open chunks lie.
 *
 * A page's region is given out from its front. A chunk that has outgrown its place gets a bigger
 * one at the end and leaves a hole; sealed chunks leave holes as well. When the end is reached, all
 * open chunks of the page are moved into a new region, each with room for some more samples. So a
 * byte is moved a few times in its life, and memory holds little but what is in use: a heap block
 * per series, growing from size to size, left twice as much behind in holes.
 */
#include "storage/metrics/metric_int.h"

enum {
    SCRATCH_BYTES = 8, /* gorilla_append writes whole words */
    ROOM_BYTES = 20,   /* free bytes of a chunk that is moved; and an eighth of its length */
    REGION_MIN = 1024,
    SPARSE = 3,      /* a region of which not a third is in use shrinks */
    REGION_ROOM = 8, /* an eighth of a region is free for chunks that outgrow their places */
};

static uint32_t place_bytes(const Series *series, uint32_t extra)
{
    uint32_t bytes = gorilla_bytes(&series->w);
    return (bytes + SCRATCH_BYTES + extra + bytes / 8 + 7) & ~7u;
}

/* Sizes that the allocator has: four between powers of two. */
static uint32_t region_bytes(uint32_t need)
{
    uint32_t bytes = LUMA_MAX(need + need / REGION_ROOM, (uint32_t)REGION_MIN);
    uint32_t step = 1u << (29 - __builtin_clz(bytes));
    return LUMA_ALIGN_UP(bytes, step);
}

static void move_to(SeriesPage *page, Series *series, uint32_t cap)
{
    uint8_t *place = page->open_bytes + page->open_used;

    if (series->open)
        memcpy(place, series->open, gorilla_bytes(&series->w));
    page->open_used += cap;
    page->open_live += cap - series->open_cap;
    series->open = place;
    series->open_cap = (uint16_t)cap;
}

/* Moves all open chunks of the page, and the given series (may be NULL) with `extra` bytes of room.
 */
static int64_t move_all(SeriesPage *page, Series *grown, uint32_t extra)
{
    uint8_t *old = page->open_bytes;
    int64_t old_cap = page->open_cap;
    uint32_t need = grown ? place_bytes(grown, extra) : 0;

    for (uint32_t i = 0; i < PAGE_SERIES; i++)
        if (page->series[i].open && &page->series[i] != grown)
            need += place_bytes(&page->series[i], ROOM_BYTES);
    page->open_cap = region_bytes(need);
    page->open_bytes = mem_alloc(page->open_cap);
    page->open_used = 0;
    for (uint32_t i = 0; i < PAGE_SERIES; i++) {
        Series *series = &page->series[i];
        if (series == grown)
            move_to(page, series, place_bytes(series, extra));
        else if (series->open)
            move_to(page, series, place_bytes(series, ROOM_BYTES));
    }
    mem_free(old);
    return page->open_cap - old_cap;
}

int64_t metric__open_grow(SeriesPage *page, Series *series, uint32_t extra)
{
    uint32_t cap = place_bytes(series, extra);

    if (cap > page->open_cap - page->open_used)
        return move_all(page, series, extra);
    move_to(page, series, cap);
    return 0;
}

int64_t metric__open_free(SeriesPage *page, Series *series)
{
    int64_t old_cap = page->open_cap;

    page->open_live -= series->open_cap;
    series->open = NULL;
    series->open_cap = 0;
    if (page->open_live == 0) {
        mem_free(STEAL(page->open_bytes));
        page->open_cap = 0;
        page->open_used = 0;
        return -old_cap;
    }
    return page->open_live < page->open_cap / SPARSE && page->open_cap > REGION_MIN
               ? move_all(page, NULL, 0)
               : 0;
}
