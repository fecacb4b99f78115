/* hash.h - XXH3 hashes. Not for wire or disk formats unless docs/formats/ says so. */
#ifndef LUMA_BASE_HASH_H
#define LUMA_BASE_HASH_H

#include "base/str.h"

typedef struct Hash128 {
    uint64_t low;
    uint64_t high;
} Hash128;

/* XXH3-64 with a seed. */
uint64_t hash64(const void *bytes, size_t len, uint64_t seed);
/* XXH3-128 under a secret drawn once per process, so that nobody outside can build collisions. */
Hash128 hash128_secret(const void *bytes, size_t len);
/* Mixes one integer (murmur3 finalizer). */
static inline uint64_t hash_u64(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}
static inline uint64_t hash_str(Str s)
{
    return hash64(s.ptr, s.len, 0);
}

#endif
