/* parquet_delta.c - DELTA_BINARY_PACKED (parquet-format Encodings.md): blocks of differences,
 * packed in miniblocks with a width each. */
#include "format/parquet/parquet_int.h"

enum { STEP = 32, BLOCK_VALUES = 128, MINIS = 4, MINI_SIZE_MAX = 1 << 16, MINIS_MAX = 512 };

bool parquet__delta_open(Delta *d, Str bytes)
{
    BufReader r = buf_reader(bytes);
    uint64_t block_size = buf_read_varint(&r);
    uint64_t mini_count = buf_read_varint(&r);
    uint64_t total = buf_read_varint(&r);
    int64_t first = zigzag_decode(buf_read_varint(&r));

    if (r.failed || mini_count == 0 || mini_count > MINIS_MAX || block_size == 0 ||
        block_size % mini_count || block_size / mini_count % STEP ||
        block_size / mini_count > MINI_SIZE_MAX)
        return false;
    *d = (Delta){
        .cursor = r.cursor,
        .end = r.end,
        .mini_size = (uint32_t)(block_size / mini_count),
        .mini_count = (uint32_t)mini_count,
        .left = total,
        .value = (uint64_t)first,
        .mini_idx = (uint32_t)mini_count,
    };
    if (total) {
        d->buffer[0] = (uint64_t)first;
        d->buffer_len = 1;
    }
    return true;
}

/* Sets widths and min_delta. */
static bool next_block(Delta *d)
{
    BufReader r = {d->cursor, d->end, false};

    d->min_delta = (uint64_t)zigzag_decode(buf_read_varint(&r));
    Str widths = buf_read_bytes(&r, d->mini_count);
    if (r.failed)
        return false;
    d->widths = (const uint8_t *)widths.ptr;
    d->cursor = r.cursor;
    d->mini_idx = 0;
    d->mini_at = 0;
    return true;
}

/* Up to 32 values into out; *left counts those the stream still holds behind the buffer. */
static size_t step(Delta *d, uint64_t left, uint64_t *out)
{
    uint32_t low[STEP];

    if (d->mini_idx == d->mini_count && !next_block(d))
        return 0;
    uint32_t width = d->widths[d->mini_idx];
    size_t n = (size_t)LUMA_MIN(left, (uint64_t)STEP);
    size_t in_len = (size_t)(d->end - d->cursor);
    if (width > 64 || in_len < (n * width + 7) / 8)
        return 0;
    uint64_t value = d->value;
    uint64_t base = d->min_delta;
    if (width <= 25) {
        parquet__unpack32(d->cursor, in_len, width, low, STEP);
        for (size_t i = 0; i < STEP; i++) {
            value += base + low[i];
            out[i] = value;
        }
    } else {
        parquet__unpack64(d->cursor, in_len, width, out, STEP);
        for (size_t i = 0; i < STEP; i++) {
            value += base + out[i];
            out[i] = value;
        }
    }
    d->value = out[n - 1];
    d->cursor += LUMA_MIN((size_t)STEP / 8 * width, in_len);
    d->mini_at += STEP;
    if (d->mini_at == d->mini_size) {
        d->mini_at = 0;
        d->mini_idx++;
    }
    return n;
}

size_t parquet__delta_get(Delta *d, int64_t *out, size_t n)
{
    size_t done = 0;

    n = (size_t)LUMA_MIN(d->left, (uint64_t)n);
    while (done < n) {
        if (d->buffer_at < d->buffer_len) {
            size_t take = LUMA_MIN((size_t)(d->buffer_len - d->buffer_at), n - done);
            memcpy(out + done, d->buffer + d->buffer_at, take * sizeof *out);
            d->buffer_at += (uint32_t)take;
            d->left -= take;
            done += take;
        } else if (n - done >= STEP) {
            size_t got = step(d, d->left, (uint64_t *)out + done);
            if (!got)
                break;
            d->left -= got;
            done += got;
        } else {
            d->buffer_at = 0;
            d->buffer_len = (uint32_t)step(d, d->left, d->buffer);
            if (!d->buffer_len)
                break;
        }
    }
    return done;
}

/* A miniblock is stored whole even if the values end inside it. */
const uint8_t *parquet__delta_end(const Delta *d)
{
    size_t rest = 0;

    if (d->mini_at && d->mini_idx < d->mini_count)
        rest = (size_t)(d->mini_size - d->mini_at) / 8 * d->widths[d->mini_idx];
    return d->cursor + LUMA_MIN(rest, (size_t)(d->end - d->cursor));
}

static void put_mini(const uint64_t *deltas, uint32_t width, Buf *out)
{
    char *to = buf_reserve(out, BLOCK_VALUES / MINIS / 8 * width + 16);
    uint64_t word = 0;
    uint32_t bits = 0;
    size_t at = 0;

    if (!to)
        return;
    for (uint32_t i = 0; i < BLOCK_VALUES / MINIS; i++) {
        word |= deltas[i] << bits;
        if (bits + width >= 64) {
            memcpy(to + at, &word, 8);
            at += 8;
            word = bits ? deltas[i] >> (64 - bits) : 0;
            if (bits + width == 64)
                word = 0;
            bits = bits + width - 64;
        } else {
            bits += width;
        }
    }
    memcpy(to + at, &word, 8);
    out->len += BLOCK_VALUES / MINIS / 8 * width;
}

/* Differences of values taken as `bits` wide integers, sign-extended. */
static int64_t difference(int64_t a, int64_t b, int bits)
{
    int64_t d = (int64_t)((uint64_t)a - (uint64_t)b);
    return bits == 32 ? (int32_t)d : d;
}

static void put_block(const int64_t *values, size_t n, int64_t before, int bits, Buf *out)
{
    uint64_t deltas[BLOCK_VALUES] = {0};
    int64_t min = INT64_MAX;

    for (size_t i = 0; i < n; i++) {
        int64_t d = difference(values[i], i ? values[i - 1] : before, bits);
        deltas[i] = (uint64_t)d;
        min = LUMA_MIN(min, d);
    }
    buf_append_varint(out, zigzag_encode(min));
    size_t widths_at = out->len;
    buf_append(out, "\0\0\0\0", MINIS);
    for (uint32_t m = 0; m < MINIS && m * STEP < n; m++) {
        uint64_t all = 0;
        for (size_t i = (size_t)m * STEP; i < (m + 1) * (size_t)STEP; i++) {
            deltas[i] = i < n ? deltas[i] - (uint64_t)min : 0;
            if (bits == 32)
                deltas[i] &= UINT32_MAX;
            all |= deltas[i];
        }
        uint32_t width = parquet__bit_width(all);
        if (out->overflowed)
            return;
        out->ptr[widths_at + m] = (char)width;
        put_mini(deltas + (size_t)m * STEP, width, out);
    }
}

void parquet__delta_put(const int64_t *values, size_t n, int bits, Buf *out)
{
    buf_append_varint(out, BLOCK_VALUES);
    buf_append_varint(out, MINIS);
    buf_append_varint(out, n);
    buf_append_varint(out, zigzag_encode(n ? values[0] : 0));
    for (size_t at = 1; at < n; at += BLOCK_VALUES)
        put_block(values + at, LUMA_MIN(n - at, (size_t)BLOCK_VALUES), values[at - 1], bits, out);
}
