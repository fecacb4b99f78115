/* parquet_bloom.c - split-block bloom filters (parquet-format BloomFilter.md). */
#define XXH_INLINE_ALL
#include "format/parquet/parquet_int.h"

#include <xxhash.h>

enum { BLOCK_BYTES = 32, BLOOM_BYTES_MAX = 128 << 20, BITS_PER_VALUE = 10 };

uint64_t parquet_bloom_hash(Str plain)
{
    return XXH64(plain.ptr, plain.len, 0);
}

uint32_t parquet_bloom_size(uint64_t distinct_count)
{
    uint64_t want = distinct_count * BITS_PER_VALUE / 8;
    uint32_t bytes = BLOCK_BYTES;

    while (bytes < want && bytes < BLOOM_BYTES_MAX)
        bytes *= 2;
    return bytes;
}

/* The block's first byte and the bit of each of its eight words. */
static size_t locate(uint32_t bytes, uint64_t hash, uint32_t bits[8])
{
    static const uint32_t salt[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                     0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};

    for (int i = 0; i < 8; i++)
        bits[i] = 1u << ((uint32_t)hash * salt[i] >> 27);
    return (size_t)((hash >> 32) * (uint64_t)(bytes / BLOCK_BYTES) >> 32) * BLOCK_BYTES;
}

void parquet_bloom_add(uint8_t *bits, uint32_t bytes, uint64_t hash)
{
    uint32_t set[8];
    uint32_t words[8];
    size_t at = locate(bytes, hash, set);

    memcpy(words, bits + at, sizeof words);
    for (int i = 0; i < 8; i++)
        words[i] |= set[i];
    memcpy(bits + at, words, sizeof words);
}

bool parquet_bloom_has(const uint8_t *bits, uint32_t bytes, uint64_t hash)
{
    uint32_t want[8];
    uint32_t words[8];
    size_t at = locate(bytes, hash, want);

    memcpy(words, bits + at, sizeof words);
    for (int i = 0; i < 8; i++)
        if (!(words[i] & want[i]))
            return false;
    return true;
}

void parquet_bloom_header_encode(uint32_t bytes, Buf *out)
{
    ThriftWriter w = {out};

    thrift_put_i32(&w, 1, (int32_t)bytes);
    for (int16_t id = 2; id <= 4; id++) {
        int16_t saved = thrift_begin(&w, id);
        thrift_put_empty(&w, 1);
        thrift_end(&w, saved);
    }
    thrift_stop(&w);
}

bool parquet_bloom_header_decode(Str bytes, uint32_t *ret_bytes, size_t *ret_len)
{
    ThriftReader r = thrift_reader(bytes);
    int32_t len = 0;
    bool known = true;

    for (ThriftField f = {0}; thrift_next(&r, &f);) {
        if (f.id == 1) {
            len = thrift_i32(&r, &f);
        } else if (f.id <= 4 && thrift_struct(&r, &f)) {
            for (ThriftField tag = {0}; thrift_next(&r, &tag);) {
                known &= tag.id == 1;
                thrift_skip(&r, tag.type);
            }
        } else {
            thrift_skip(&r, f.type);
        }
    }
    if (r.in.failed || !known || len < BLOCK_BYTES || len % BLOCK_BYTES || len > BLOOM_BYTES_MAX)
        return false;
    *ret_bytes = (uint32_t)len;
    *ret_len = (size_t)((const char *)r.in.cursor - bytes.ptr);
    return true;
}
