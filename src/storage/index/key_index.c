#include "storage/index/key_index.h"

#include "base/hash.h"

enum { ROWS_PER_BUCKET = 4 };

static uint32_t bucket_of(const KeyIndex *index, Str value)
{
    return (uint32_t)hash64(value.ptr, value.len, index->seed) & (index->bucket_count - 1);
}

KeyIndex *key_index_new(const View *texts, const uint8_t *validity, uint32_t count)
{
    uint32_t bucket_count = 1;

    ASSERT(count <= KEY_INDEX_ROWS_MAX);
    while (bucket_count * ROWS_PER_BUCKET < count)
        bucket_count *= 2;
    size_t starts_bytes = sizeof(uint32_t) * (bucket_count + 1);
    size_t bytes = sizeof(KeyIndex) + starts_bytes + sizeof(uint16_t) * count;
    KeyIndex *index = mem_zalloc(bytes);
    uint32_t *starts = (uint32_t *)(void *)(index + 1);
    uint16_t *rows = (uint16_t *)(void *)(starts + bucket_count + 1);
    *index = (KeyIndex){.bytes = bytes,
                        .bucket_count = bucket_count,
                        .seed = hash128_secret("keys", 4).low,
                        .starts = starts,
                        .rows = rows};
    CLEANUP(mem_freep) uint32_t *buckets = mem_alloc(sizeof *buckets * LUMA_MAX(count, 1));
    for (uint32_t i = 0; i < count; i++) {
        buckets[i] = UINT32_MAX;
        if (validity && !bit_get(validity, i))
            continue;
        buckets[i] = bucket_of(index, view_str(&texts[i]));
        starts[buckets[i] + 1]++;
    }
    for (uint32_t i = 0; i < bucket_count; i++)
        starts[i + 1] += starts[i];
    for (uint32_t i = 0; i < count; i++) /* starts[k] moves on to the end of bucket k */
        if (buckets[i] != UINT32_MAX)
            rows[starts[buckets[i]]++] = (uint16_t)i;
    memmove(starts + 1, starts, sizeof *starts * bucket_count);
    starts[0] = 0;
    return index;
}

const uint16_t *key_index_rows(const KeyIndex *index, Str value, uint32_t *ret_count)
{
    uint32_t bucket = bucket_of(index, value);

    *ret_count = index->starts[bucket + 1] - index->starts[bucket];
    return index->rows + index->starts[bucket];
}
