/* parquet_split.c - BYTE_STREAM_SPLIT: the n-th bytes of all values stand together. */
#include "format/parquet/parquet_int.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#define HAVE_SSE2 1
#else
#define HAVE_SSE2 0
#endif

#if HAVE_SSE2
static __m128i load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static void store(uint8_t *at, __m128i x)
{
    _mm_storeu_si128((__m128i *)(void *)at, x);
}

/* Sixteen doubles at a time: three rounds of interleaving transpose 8 x 16 bytes. */
static size_t get8(const uint8_t *in, size_t total, size_t count, uint8_t *out)
{
    size_t i = 0;

    for (; i + 16 <= count; i += 16) {
        __m128i a[8];
        __m128i b[8];
        for (size_t s = 0; s < 8; s++)
            a[s] = load(in + s * total + i);
        for (size_t s = 0; s < 4; s++) { /* bytes s and s + 4 */
            b[2 * s] = _mm_unpacklo_epi8(a[s], a[s + 4]);
            b[2 * s + 1] = _mm_unpackhi_epi8(a[s], a[s + 4]);
        }
        for (size_t h = 0; h < 2; h++) { /* half h: pairs (0,4) (1,5) (2,6) (3,7) */
            __m128i even_lo = _mm_unpacklo_epi8(b[h], b[4 + h]);
            __m128i even_hi = _mm_unpackhi_epi8(b[h], b[4 + h]);
            __m128i odd_lo = _mm_unpacklo_epi8(b[2 + h], b[6 + h]);
            __m128i odd_hi = _mm_unpackhi_epi8(b[2 + h], b[6 + h]);
            uint8_t *to = out + (i + h * 8) * 8;
            store(to, _mm_unpacklo_epi8(even_lo, odd_lo));
            store(to + 16, _mm_unpackhi_epi8(even_lo, odd_lo));
            store(to + 32, _mm_unpacklo_epi8(even_hi, odd_hi));
            store(to + 48, _mm_unpackhi_epi8(even_hi, odd_hi));
        }
    }
    return i;
}

static size_t get4(const uint8_t *in, size_t total, size_t count, uint8_t *out)
{
    size_t i = 0;

    for (; i + 16 <= count; i += 16) {
        __m128i a = load(in + i);
        __m128i b = load(in + total + i);
        __m128i c = load(in + 2 * total + i);
        __m128i d = load(in + 3 * total + i);
        __m128i ac_lo = _mm_unpacklo_epi8(a, c);
        __m128i ac_hi = _mm_unpackhi_epi8(a, c);
        __m128i bd_lo = _mm_unpacklo_epi8(b, d);
        __m128i bd_hi = _mm_unpackhi_epi8(b, d);
        store(out + i * 4, _mm_unpacklo_epi8(ac_lo, bd_lo));
        store(out + i * 4 + 16, _mm_unpackhi_epi8(ac_lo, bd_lo));
        store(out + i * 4 + 32, _mm_unpacklo_epi8(ac_hi, bd_hi));
        store(out + i * 4 + 48, _mm_unpackhi_epi8(ac_hi, bd_hi));
    }
    return i;
}
#endif

void parquet__split_get(const uint8_t *in, size_t total, uint32_t width, size_t from, size_t count,
                        void *out)
{
    uint8_t *to = out;
    size_t done = 0;

    in += from;
#if HAVE_SSE2
    if (width == 8)
        done = get8(in, total, count, to);
    else if (width == 4)
        done = get4(in, total, count, to);
#endif
    for (uint32_t s = 0; s < width; s++)
        for (size_t i = done; i < count; i++)
            to[i * width + s] = in[s * total + i];
}

void parquet__split_put(const void *values, size_t count, uint32_t width, Buf *out)
{
    const uint8_t *in = values;
    char *to = buf_reserve(out, count * width);

    if (!to)
        return;
    for (uint32_t s = 0; s < width; s++)
        for (size_t i = 0; i < count; i++)
            to[s * count + i] = (char)in[i * width + s];
    out->len += count * width;
}
