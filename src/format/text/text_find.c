/* text_find.c - the first and the last byte of the needle are compared at 32 places at once; what
 * is left is compared in full (W. Mula, "SIMD-friendly algorithms for substring searching"). */
#include "format/text/text_find.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CHUNK = 32 };

/* Bytes as they are compared: with `blur` (0x20 or 0) set in both. */
static bool same(const char *text, const char *needle, size_t len, uint8_t blur)
{
    if (!blur)
        return memcmp(text, needle, len) == 0;
    for (size_t i = 0; i < len; i++)
        if (((uint8_t)text[i] | blur) != ((uint8_t)needle[i] | blur))
            return false;
    return true;
}

static const char *find_plain(const char *at, const char *end, Str needle, uint8_t blur)
{
    for (; (size_t)(end - at) >= needle.len; at++)
        if (((uint8_t)*at | blur) == ((uint8_t)needle.ptr[0] | blur) &&
            same(at, needle.ptr, needle.len, blur))
            return at;
    return NULL;
}

#if defined(__x86_64__)
__attribute__((target("avx2,bmi"))) static const char *find_avx2(const char *at, const char *end,
                                                                 Str needle, uint8_t blur)
{
    const __m256i mix = _mm256_set1_epi8((char)blur);
    const __m256i first = _mm256_set1_epi8((char)((uint8_t)needle.ptr[0] | blur));
    const __m256i last = _mm256_set1_epi8((char)((uint8_t)needle.ptr[needle.len - 1] | blur));

    while ((size_t)(end - at) >= needle.len - 1 + CHUNK) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)at);
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(at + needle.len - 1));
        __m256i hit = _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_or_si256(a, mix), first),
                                       _mm256_cmpeq_epi8(_mm256_or_si256(b, mix), last));
        for (uint32_t bits = (uint32_t)_mm256_movemask_epi8(hit); bits; bits &= bits - 1) {
            const char *place = at + __builtin_ctz(bits);
            if (same(place, needle.ptr, needle.len, blur))
                return place;
        }
        at += CHUNK;
    }
    return find_plain(at, end, needle, blur);
}
#endif

static const char *find(Str text, Str needle, uint8_t blur)
{
    const char *end = text.ptr + text.len;

    if (!needle.len)
        return text.ptr;
    if (text.len < needle.len)
        return NULL;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
        return find_avx2(text.ptr, end, needle, blur);
#endif
    return find_plain(text.ptr, end, needle, blur);
}

const char *text_find(Str text, Str needle)
{
    return find(text, needle, 0);
}

bool text_is_ascii(Str text)
{
    uint64_t word = 0;
    uint64_t any = 0;
    size_t at = 0;

    for (; at + 8 <= text.len; at += 8) {
        memcpy(&word, text.ptr + at, 8);
        any |= word;
    }
    for (; at < text.len; at++)
        any |= (uint8_t)text.ptr[at];
    return !(any & 0x8080808080808080);
}

bool text_may_hold(Str text, Str folded)
{
    return find(text, folded, 0x20) || !text_is_ascii(text);
}

/* What a byte of the text must be for the fold to be the needle's: the blur takes @ for `, [ for {,
 * and control characters for digits. */
static bool is_fold(const char *text, Str folded)
{
    for (size_t i = 0; i < folded.len; i++) {
        char c = text[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != folded.ptr[i])
            return false;
    }
    return true;
}

const char *text_find_folded(Str text, Str folded)
{
    const char *end = text.ptr + text.len;

    for (const char *hit; (hit = find(text, folded, 0x20));) {
        if (is_fold(hit, folded))
            return hit;
        text = (Str){hit + 1, (size_t)(end - hit - 1)};
    }
    return NULL;
}
