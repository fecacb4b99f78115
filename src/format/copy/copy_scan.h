/* copy_scan.h - finds the bytes of a text that mean something to its format.
 *
 * A scan compares 64 bytes at a time with up to five marks and yields their positions in order from
 * a bit mask. It reads up to COPY_SCAN_PAD bytes behind the end, and ignores them.
 */
#ifndef LUMA_FORMAT_COPY_COPY_SCAN_H
#define LUMA_FORMAT_COPY_COPY_SCAN_H

#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { COPY_MARKS = 5 };

typedef struct CopyScan {
    const char *base;
    size_t end;
    size_t block; /* of `mask` */
    uint64_t mask;
    char marks[COPY_MARKS]; /* repeat one where there are fewer */
} CopyScan;

static inline uint64_t copy_scan_mask(const CopyScan *scan, size_t block)
{
    uint64_t mask = 0;
#ifdef __SSE2__
    for (int part = 0; part < 4; part++) {
        __m128i bytes =
            _mm_loadu_si128((const __m128i *)(const void *)(scan->base + block + 16 * part));
        __m128i hit = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(scan->marks[0]));
        for (int m = 1; m < COPY_MARKS; m++)
            hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(scan->marks[m])));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << (16 * part);
    }
#else
    for (int i = 0; i < 64; i++) {
        char byte = scan->base[block + (size_t)i];
        bool hit = false;
        for (int m = 0; m < COPY_MARKS; m++)
            hit |= byte == scan->marks[m];
        mask |= (uint64_t)hit << i;
    }
#endif
    return scan->end - block >= 64 ? mask : mask & (((uint64_t)1 << (scan->end - block)) - 1);
}

/* Begins at `from`. */
static inline void copy_scan_seek(CopyScan *scan, size_t from)
{
    scan->block = from;
    scan->mask = from < scan->end ? copy_scan_mask(scan, from) : 0;
}

/* The next position with a mark, or `end`. */
static inline size_t copy_scan_next(CopyScan *scan)
{
    while (!scan->mask) {
        if (scan->end - scan->block <= 64)
            return scan->end;
        scan->block += 64;
        scan->mask = copy_scan_mask(scan, scan->block);
    }
    size_t at = scan->block + (size_t)__builtin_ctzll(scan->mask);
    scan->mask &= scan->mask - 1;
    return at;
}

/* Passes over the byte at `at`, which may be a mark. */
static inline void copy_scan_skip(CopyScan *scan, size_t at)
{
    if (at - scan->block < 64)
        scan->mask &= ~((uint64_t)1 << (at - scan->block));
    else
        copy_scan_seek(scan, at + 1);
}

#endif
