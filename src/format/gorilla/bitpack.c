#include "format/gorilla/bitpack.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif

enum { EXCEPTION_BYTES = 9, PAD_BYTES = 8 };

static bool force_plain;

void bitpack_force_plain(bool plain)
{
    force_plain = plain;
}

/* ---- planning and encoding ---- */

static uint32_t bit_width(uint64_t range)
{
    return range ? 64 - (uint32_t)__builtin_clzll(range) : 0;
}

static size_t packed_bytes(uint32_t count, uint32_t width, uint32_t exceptions)
{
    return BITPACK_HEADER_BYTES + ((size_t)count * width + 7) / 8 +
           (size_t)exceptions * EXCEPTION_BYTES;
}

static int64_t median3(int64_t a, int64_t b, int64_t c)
{
    int64_t low = LUMA_MIN(a, b);
    int64_t high = LUMA_MAX(a, b);
    return LUMA_MAX(low, LUMA_MIN(high, c));
}

/* A window of 2^width values around a typical one, the rest as exceptions: for a counter's reset or
 * a missed scrape among regular deltas. */
static BitpackPlan plan_around(const int64_t *values, uint32_t count, size_t best_bytes)
{
    BitpackPlan best = {.bytes = best_bytes, .width = UINT32_MAX};
    int64_t typical = median3(values[count / 4], values[count / 2], values[count - 1 - count / 4]);
    uint32_t wide[65] = {0}; /* values by the smallest width of a window that holds them */
    uint32_t outside = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t z = zigzag_encode((int64_t)((uint64_t)values[i] - (uint64_t)typical));
        wide[bit_width(z)]++;
    }
    for (uint32_t width = 64; width-- > 0;) {
        outside += wide[width + 1];
        if (width > BITPACK_WIDTH_MAX || outside > 255)
            continue;
        size_t bytes = packed_bytes(count, width, outside);
        if (bytes < best.bytes)
            best = (BitpackPlan){
                .base = (int64_t)((uint64_t)typical - (UINT64_C(1) << width >> 1)),
                .width = width,
                .exception_count = outside,
                .bytes = bytes,
            };
    }
    return best;
}

/* Is the range of all values much wider than that of a few of them? Then some stand out. */
static bool has_outliers(const int64_t *values, uint32_t count, uint32_t width)
{
    int64_t low = values[0];
    int64_t high = values[0];

    for (uint32_t i = count / 16; i < count; i += count / 16) {
        low = LUMA_MIN(low, values[i]);
        high = LUMA_MAX(high, values[i]);
    }
    return width > bit_width((uint64_t)high - (uint64_t)low) + 1;
}

BitpackPlan bitpack_plan(const int64_t *values, uint32_t count)
{
    int64_t low = count ? values[0] : 0;
    int64_t high = low;

    for (uint32_t i = 1; i < count; i++) {
        low = LUMA_MIN(low, values[i]);
        high = LUMA_MAX(high, values[i]);
    }
    BitpackPlan plan = {.base = low, .width = bit_width((uint64_t)high - (uint64_t)low)};
    plan.bytes = packed_bytes(count, plan.width, 0);
    if (count >= 16 && plan.width > 2 && has_outliers(values, count, plan.width)) {
        BitpackPlan around = plan_around(values, count, plan.bytes);
        if (around.width != UINT32_MAX && around.bytes < plan.bytes)
            plan = around;
    }
    return plan;
}

void bitpack_encode(const BitpackPlan *plan, const int64_t *values, uint32_t count, Buf *out)
{
    ASSERT(plan->width <= BITPACK_WIDTH_MAX && count <= BITPACK_COUNT_MAX);
    size_t bits_bytes = ((size_t)count * plan->width + 7) / 8;
    uint64_t limit = UINT64_C(1) << plan->width;
    uint32_t exceptions = 0;

    buf_append_byte(out, (uint8_t)plan->width);
    buf_append_byte(out, (uint8_t)plan->exception_count);
    buf_append_u64(out, (uint64_t)plan->base);
    uint8_t *bits = (uint8_t *)buf_reserve(out, bits_bytes + 16);
    ASSERT(bits);
    uint64_t word = 0; /* bits not yet stored */
    uint32_t fill = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t v = (uint64_t)values[i] - (uint64_t)plan->base;
        bool exception = v >= limit;
        exceptions += exception;
        v = exception ? 0 : v;
        word |= v << fill;
        fill += plan->width;
        if (fill >= 64) {
            __builtin_memcpy(bits, &word, 8);
            bits += 8;
            fill -= 64;
            word = fill ? v >> (plan->width - fill) : 0;
        }
    }
    __builtin_memcpy(bits, &word, 8);
    out->len += bits_bytes;
    ASSERT(exceptions == plan->exception_count);
    for (uint32_t i = 0; i < count && exceptions; i++) {
        if ((uint64_t)values[i] - (uint64_t)plan->base < limit)
            continue;
        buf_append_byte(out, (uint8_t)i);
        buf_append_u64(out, (uint64_t)values[i]);
        exceptions--;
    }
}

/* ---- kernels: plain C ---- */

static void unpack_plain(const uint8_t *bits, uint32_t width, int64_t base, int64_t *values,
                         uint32_t from, uint32_t count)
{
    uint64_t mask = (UINT64_C(1) << width) - 1;

    for (uint32_t i = from; i < count; i++) {
        size_t at = (size_t)i * width;
        uint64_t word;
        __builtin_memcpy(&word, bits + (at >> 3), 8);
        values[i] = (int64_t)((uint64_t)base + (word >> (at & 7) & mask));
    }
}

static void prefix_plain(uint64_t sum, const int64_t *deltas, int64_t *values, uint32_t from,
                         uint32_t count)
{
    for (uint32_t i = from; i < count; i++) {
        sum += (uint64_t)deltas[i - 1];
        values[i] = (int64_t)sum;
    }
}

static void scale_plain(const int64_t *ints, double divisor, double *values, uint32_t from,
                        uint32_t count)
{
    for (uint32_t i = from; i < count; i++)
        values[i] = (double)ints[i] / divisor;
}

/* ---- kernels: AVX2 ---- */

#if HAVE_X86
static bool use_avx2(void)
{
    return !force_plain && __builtin_cpu_supports("avx2");
}

__attribute__((target("avx2"))) static uint32_t
unpack_avx2(const uint8_t *bits, uint32_t width, int64_t base, int64_t *values, uint32_t count)
{
    const __m256i mask = _mm256_set1_epi64x((long long)((UINT64_C(1) << width) - 1));
    const __m256i add = _mm256_set1_epi64x(base);
    const __m256i seven = _mm256_set1_epi64x(7);
    const __m256i step = _mm256_set1_epi64x(4 * (long long)width);
    __m256i at = _mm256_set_epi64x(3 * (long long)width, 2 * (long long)width, width, 0);
    uint32_t i = 0;

    for (; i + 4 <= count; i += 4) {
        __m256i word = _mm256_i64gather_epi64((const long long *)(const void *)bits,
                                              _mm256_srli_epi64(at, 3), 1);
        word = _mm256_and_si256(_mm256_srlv_epi64(word, _mm256_and_si256(at, seven)), mask);
        _mm256_storeu_si256((__m256i *)(void *)(values + i), _mm256_add_epi64(word, add));
        at = _mm256_add_epi64(at, step);
    }
    return i;
}

__attribute__((target("avx2"))) static uint32_t prefix_avx2(uint64_t first, const int64_t *deltas,
                                                            int64_t *values, uint32_t count,
                                                            uint64_t *ret_sum)
{
    __m256i sum = _mm256_set1_epi64x((long long)first);
    uint32_t i = 1;

    for (; i + 4 <= count; i += 4) {
        __m256i d = _mm256_loadu_si256((const __m256i *)(const void *)(deltas + i - 1));
        d = _mm256_add_epi64(d, _mm256_slli_si256(d, 8)); /* a, a+b | c, c+d */
        __m256i low = _mm256_permute4x64_epi64(d, 0x55);  /* a+b everywhere */
        low = _mm256_blend_epi32(_mm256_setzero_si256(), low, 0xf0);
        d = _mm256_add_epi64(_mm256_add_epi64(d, low), sum);
        _mm256_storeu_si256((__m256i *)(void *)(values + i), d);
        sum = _mm256_permute4x64_epi64(d, 0xff);
    }
    *ret_sum = (uint64_t)_mm256_extract_epi64(sum, 0);
    return i;
}

__attribute__((target("avx2"))) static uint32_t scale_avx2(const int64_t *ints, double divisor,
                                                           double *values, uint32_t count)
{
    /* 2^52 + 2^51 has a mantissa in which an integer of 51 bits and sign can be added as it is. */
    const __m256d magic = _mm256_set1_pd(6755399441055744.0);
    const __m256d by = _mm256_set1_pd(divisor);
    uint32_t i = 0;

    for (; i + 4 <= count; i += 4) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(ints + i));
        v = _mm256_add_epi64(v, _mm256_castpd_si256(magic));
        __m256d d = _mm256_sub_pd(_mm256_castsi256_pd(v), magic);
        if (divisor != 1)
            d = _mm256_div_pd(d, by);
        _mm256_storeu_pd(values + i, d);
    }
    return i;
}
#endif

/* ---- decoding ---- */

static void unpack(const uint8_t *bits, uint32_t width, int64_t base, int64_t *values,
                   uint32_t count)
{
    uint32_t done = 0;

    if (width == 0) {
        for (uint32_t i = 0; i < count; i++)
            values[i] = base;
        return;
    }
#if HAVE_X86
    if (use_avx2())
        done = unpack_avx2(bits, width, base, values, count);
#endif
    unpack_plain(bits, width, base, values, done, count);
}

bool bitpack_decode(const uint8_t *bytes, size_t byte_count, uint32_t count, int64_t *values,
                    size_t *used)
{
    int64_t base;

    if (count > BITPACK_COUNT_MAX || byte_count < BITPACK_HEADER_BYTES)
        return false;
    uint32_t width = bytes[0];
    uint32_t exceptions = bytes[1];
    if (width > BITPACK_WIDTH_MAX || exceptions > count)
        return false;
    size_t bits_bytes = ((size_t)count * width + 7) / 8;
    size_t total = packed_bytes(count, width, exceptions);
    if (byte_count < total || byte_count - BITPACK_HEADER_BYTES - bits_bytes < PAD_BYTES)
        return false;
    __builtin_memcpy(&base, bytes + 2, 8);
    unpack(bytes + BITPACK_HEADER_BYTES, width, base, values, count);
    const uint8_t *at = bytes + BITPACK_HEADER_BYTES + bits_bytes;
    for (uint32_t i = 0; i < exceptions; i++, at += EXCEPTION_BYTES) {
        if (at[0] >= count)
            return false;
        __builtin_memcpy(&values[at[0]], at + 1, 8);
    }
    *used = total;
    return true;
}

void bitpack_prefix_sum(int64_t first, const int64_t *deltas, int64_t *values, uint32_t count)
{
    uint64_t sum = (uint64_t)first;
    uint32_t done = 1;

    if (count == 0)
        return;
#if HAVE_X86
    if (use_avx2())
        done = prefix_avx2(sum, deltas, values, count, &sum);
#endif
    prefix_plain(sum, deltas, values, done, count);
    values[0] = first;
}

void bitpack_scale(const int64_t *ints, double divisor, double *values, uint32_t count)
{
    uint32_t done = 0;
#if HAVE_X86
    if (use_avx2())
        done = scale_avx2(ints, divisor, values, count);
#endif
    scale_plain(ints, divisor, values, done, count);
}
