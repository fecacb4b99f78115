/* parquet_bits.c - bit packing and the RLE hybrid (parquet-format Encodings.md).
 *
 * Eight values of w bits take w bytes, so every group of eight looks the same: one byte shuffle
 * moves each value's four bytes into its lane, one variable shift and one mask finish it. That
 * holds to 25 bits; wider values go one by one.
 */
#include "base/simd.h"
#include "format/parquet/parquet_int.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif

enum { SIMD_WIDTH_MAX = 25 };

static bool force_plain;

void parquet__force_plain(bool plain)
{
    force_plain = plain;
}

/* One value at a bit offset; bytes past the end are 0. */
static uint64_t peek(const uint8_t *in, size_t in_len, uint64_t bit, uint32_t width)
{
    size_t byte = (size_t)(bit >> 3);
    uint32_t shift = bit & 7;
    uint64_t low = 0;
    uint64_t high = 0;

    if (byte >= in_len)
        return 0;
    memcpy(&low, in + byte, LUMA_MIN(in_len - byte, (size_t)8));
    if (shift + width > 64 && byte + 8 < in_len)
        high = in[byte + 8];
    low >>= shift;
    if (shift)
        low |= high << (64 - shift);
    return width == 64 ? low : low & ((UINT64_C(1) << width) - 1);
}

/* Values whose 8 bytes lie wholly in the input. */
static size_t whole(size_t in_len, uint32_t width, size_t count)
{
    size_t n = in_len >= 8 ? ((in_len - 8) * 8 + 7) / width + 1 : 0;
    return LUMA_MIN(n, count);
}

#if HAVE_X86
/* Returns how many values it did: groups whose two 16-byte loads lie inside the input. */
SIMD_AVX2 static size_t unpack_avx2(const uint8_t *in, size_t in_len, uint32_t width, uint32_t *out,
                                    size_t count)
{
    uint8_t shuffle[32];
    uint32_t shift[8];
    size_t half = width / 2; /* byte where value 4 begins */
    size_t groups = in_len >= half + 16 ? (in_len - half - 16) / width + 1 : 0;

    groups = LUMA_MIN(groups, (count + 7) / 8);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t bit = i * width - (i < 4 ? 0 : (uint32_t)half * 8);
        shift[i] = bit & 7;
        for (uint32_t b = 0; b < 4; b++)
            shuffle[i * 4 + b] = (uint8_t)(bit / 8 + b < 16 ? bit / 8 + b : 0x80);
    }
    __m256i mix = _mm256_loadu_si256((const __m256i *)(const void *)shuffle);
    __m256i by = _mm256_loadu_si256((const __m256i *)(const void *)shift);
    __m256i mask = _mm256_set1_epi32((int)((1u << width) - 1));
    for (size_t g = 0; g < groups; g++) {
        const uint8_t *at = in + g * width;
        __m256i x = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)at)),
            _mm_loadu_si128((const __m128i *)(const void *)(at + half)), 1);
        x = _mm256_and_si256(_mm256_srlv_epi32(_mm256_shuffle_epi8(x, mix), by), mask);
        _mm256_storeu_si256((__m256i *)(void *)(out + g * 8), x);
    }
    return LUMA_MIN(groups * 8, count);
}
#endif

void parquet__unpack32(const uint8_t *in, size_t in_len, uint32_t width, uint32_t *out,
                       size_t count)
{
    size_t done = 0;

    if (width == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
#if HAVE_X86
    if (width <= SIMD_WIDTH_MAX && !force_plain && __builtin_cpu_supports("avx2"))
        done = unpack_avx2(in, in_len, width, out, count);
#endif
    uint64_t mask = (UINT64_C(1) << width) - 1;
    for (size_t n = whole(in_len, width, count); done < n; done++) {
        uint64_t word;
        uint64_t bit = (uint64_t)done * width;
        memcpy(&word, in + (bit >> 3), 8);
        out[done] = (uint32_t)(word >> (bit & 7) & mask);
    }
    for (; done < count; done++)
        out[done] = (uint32_t)peek(in, in_len, (uint64_t)done * width, width);
}

void parquet__unpack64(const uint8_t *in, size_t in_len, uint32_t width, uint64_t *out,
                       size_t count)
{
    size_t done = 0;

    if (width == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    if (width <= 56) {
        uint64_t mask = (UINT64_C(1) << width) - 1;
        for (size_t n = whole(in_len, width, count); done < n; done++) {
            uint64_t word;
            uint64_t bit = (uint64_t)done * width;
            memcpy(&word, in + (bit >> 3), 8);
            out[done] = word >> (bit & 7) & mask;
        }
    }
    for (; done < count; done++)
        out[done] = peek(in, in_len, (uint64_t)done * width, width);
}

/* ---- hybrid ---- */

Hybrid parquet__hybrid(Str bytes, uint32_t width)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    return (Hybrid){.cursor = at, .end = at + bytes.len, .width = width};
}

Hybrid parquet__hybrid_legacy(Str bytes, uint32_t width)
{
    Hybrid h = parquet__hybrid(bytes, width);

    h.legacy = true;
    h.is_packed = true;
    h.packed = h.cursor;
    h.left = width ? (uint64_t)bytes.len * 8 / width : UINT64_MAX;
    return h;
}

static bool next_run(Hybrid *h)
{
    BufReader r = {h->cursor, h->end, false};

    if (h->legacy)
        return false;
    uint64_t head = buf_read_varint(&r);
    if (r.failed)
        return false;
    h->is_packed = head & 1;
    if (h->is_packed) {
        uint64_t left = buf_reader_left(&r);
        uint64_t groups = head >> 1;
        h->packed = r.cursor;
        h->packed_at = 0;
        /* The last group may be cut by writers that do not pad. */
        if (h->width && groups > (left + h->width - 1) / h->width)
            groups = (left + h->width - 1) / h->width;
        if (groups > UINT32_MAX)
            return false;
        h->left = groups * 8;
        h->cursor = r.cursor + LUMA_MIN(groups * h->width, left);
    } else {
        Str bytes = buf_read_bytes(&r, (h->width + 7) / 8);
        h->value = 0;
        if (r.failed)
            return false;
        memcpy(&h->value, bytes.ptr, bytes.len);
        if (h->width < 32 && h->value >> h->width)
            return false;
        h->left = head >> 1;
        h->cursor = r.cursor;
    }
    return true;
}

static bool need_run(Hybrid *h)
{
    while (h->left == 0)
        if (h->cursor >= h->end || !next_run(h))
            return false;
    return true;
}

static void take_legacy(Hybrid *h, uint32_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t value = 0;
        for (uint32_t b = 0; b < h->width; b++) {
            uint64_t bit = (h->packed_at + i) * h->width + b;
            value = value << 1 | (h->packed[bit >> 3] >> (7 - (bit & 7)) & 1);
        }
        out[i] = value;
    }
}

/* n values of the packed run from any position: whole groups at once, the ends through a group of
 * their own. */
static void take_packed(Hybrid *h, uint32_t *out, size_t n)
{
    uint32_t group[8];
    uint64_t at = h->packed_at;

    while (n) {
        const uint8_t *in = h->packed + at / 8 * h->width;
        size_t in_len = in < h->end ? (size_t)(h->end - in) : 0;
        size_t skip = at & 7;
        if (skip || n < 8) {
            size_t take = LUMA_MIN(8 - skip, n);
            parquet__unpack32(in, in_len, h->width, group, 8);
            memcpy(out, group + skip, take * sizeof *out);
            at += take;
            out += take;
            n -= take;
            continue;
        }
        size_t take = n & ~(size_t)7;
        parquet__unpack32(in, in_len, h->width, out, take);
        at += take;
        out += take;
        n -= take;
    }
}

size_t parquet__hybrid_get(Hybrid *h, uint32_t *out, size_t n)
{
    size_t done = 0;

    while (done < n && need_run(h)) {
        size_t take = (size_t)LUMA_MIN(h->left, (uint64_t)(n - done));
        if (!h->is_packed) {
            for (size_t i = 0; i < take; i++)
                out[done + i] = h->value;
        } else if (h->legacy) {
            take_legacy(h, out + done, take);
        } else {
            take_packed(h, out + done, take);
        }
        h->packed_at += take;
        h->left -= take;
        done += take;
    }
    return done;
}

bool parquet__hybrid_same(Hybrid *h, size_t n, uint32_t *ret_value)
{
    if (!need_run(h) || h->is_packed || h->left < n)
        return false;
    h->left -= n;
    *ret_value = h->value;
    return true;
}

size_t parquet__hybrid_skip(Hybrid *h, size_t n)
{
    size_t done = 0;

    while (done < n && need_run(h)) {
        size_t take = (size_t)LUMA_MIN(h->left, (uint64_t)(n - done));
        h->packed_at += take;
        h->left -= take;
        done += take;
    }
    return done;
}

static void put_packed(const uint32_t *values, size_t n, uint32_t width, Buf *out)
{
    size_t groups = (n + 7) / 8;
    uint64_t word = 0;
    uint32_t bits = 0;

    buf_append_varint(out, groups << 1 | 1);
    for (size_t i = 0; i < groups * 8; i++) {
        word |= (uint64_t)(i < n ? values[i] : 0) << bits;
        bits += width;
        while (bits >= 8) {
            buf_append_byte(out, (uint8_t)word);
            word >>= 8;
            bits -= 8;
        }
    }
}

void parquet__hybrid_put(const uint32_t *values, size_t n, uint32_t width, Buf *out)
{
    size_t packed_from = 0;
    size_t at = 0;

    while (at < n) {
        size_t run = 1;
        while (at + run < n && values[at + run] == values[at])
            run++;
        /* A packed stretch must end at a whole group: values of the run fill it up. */
        size_t fill = (8 - (at - packed_from) % 8) % 8;
        if (run < fill + 8) {
            at += run;
            continue;
        }
        at += fill;
        run -= fill;
        if (at > packed_from)
            put_packed(values + packed_from, at - packed_from, width, out);
        buf_append_varint(out, (uint64_t)run << 1);
        buf_append(out, &values[at], (width + 7) / 8);
        at += run;
        packed_from = at;
    }
    if (at > packed_from)
        put_packed(values + packed_from, at - packed_from, width, out);
}
