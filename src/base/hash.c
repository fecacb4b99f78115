#define XXH_INLINE_ALL
#include "base/hash.h"

#include <pthread.h>
#include <sys/random.h>
#include <xxhash.h>

static uint8_t secret[192] __attribute__((aligned(64)));
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void draw_secret(void)
{
    ASSERT(getrandom(secret, sizeof secret, 0) == (ssize_t)sizeof secret);
}

uint64_t hash64(const void *bytes, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, len, seed);
}

Hash128 hash128_secret(const void *bytes, size_t len)
{
    (void)pthread_once(&secret_once, draw_secret);
    XXH128_hash_t h = XXH3_128bits_withSecret(bytes, len, secret, sizeof secret);
    return (Hash128){h.low64, h.high64};
}
