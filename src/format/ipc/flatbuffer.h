/* flatbuffer.h - bounded reading of FlatBuffers (flatbuffers.dev, "FlatBuffer Internals").
 *
 * Every accessor checks its offsets against the buffer; a bad one reads as absent and sets
 * `failed`, to be looked at once after a group of reads.
 */
#ifndef LUMA_FORMAT_IPC_FLATBUFFER_H
#define LUMA_FORMAT_IPC_FLATBUFFER_H

#include "base/str.h"

typedef struct FlatBuffer {
    Str bytes;
    bool failed;
} FlatBuffer;

/* A table's position; 0 = absent (position 0 holds the root offset). */
typedef size_t FlatTable;

typedef struct FlatVector {
    size_t at; /* of the first element */
    uint32_t count;
} FlatVector;

static inline bool flat_holds(FlatBuffer *fb, size_t at, size_t len)
{
    if (at <= fb->bytes.len && len <= fb->bytes.len - at)
        return true;
    fb->failed = true;
    return false;
}

/* Little-endian integers; 0 when out of bounds. */
static inline uint64_t flat_uint(FlatBuffer *fb, size_t at, size_t size)
{
    uint64_t value = 0;
    if (flat_holds(fb, at, size))
        memcpy(&value, fb->bytes.ptr + at, size);
    return value;
}

static inline FlatTable flat_root(FlatBuffer *fb)
{
    return (FlatTable)flat_uint(fb, 0, 4);
}

/* Where field `id` of the table lies; 0 = absent. */
static inline size_t flat_field(FlatBuffer *fb, FlatTable table, uint32_t id, size_t size)
{
    int64_t vtable = (int64_t)table - (int32_t)flat_uint(fb, table, 4);
    if (table == 0 || vtable < 0 || !flat_holds(fb, (size_t)vtable, 4)) {
        fb->failed = true;
        return 0;
    }
    uint64_t len = flat_uint(fb, (size_t)vtable, 2);
    if (4 + 2 * (uint64_t)id + 2 > len)
        return 0;
    size_t offset = (size_t)flat_uint(fb, (size_t)vtable + 4 + 2 * id, 2);
    return offset && flat_holds(fb, table + offset, size) ? table + offset : 0;
}

static inline uint64_t flat_scalar(FlatBuffer *fb, FlatTable table, uint32_t id, size_t size,
                                   uint64_t absent)
{
    size_t at = flat_field(fb, table, id, size);
    return at ? flat_uint(fb, at, size) : absent;
}

/* What an offset field points to; 0 = absent. */
static inline size_t flat_target(FlatBuffer *fb, FlatTable table, uint32_t id)
{
    size_t at = flat_field(fb, table, id, 4);
    size_t target = at ? at + (size_t)flat_uint(fb, at, 4) : 0;
    return target && flat_holds(fb, target, 4) ? target : 0;
}

static inline FlatVector flat_vector(FlatBuffer *fb, FlatTable table, uint32_t id, size_t element)
{
    size_t at = flat_target(fb, table, id);
    FlatVector vector = {at + 4, at ? (uint32_t)flat_uint(fb, at, 4) : 0};
    if (vector.count && !flat_holds(fb, vector.at, (size_t)vector.count * element))
        return (FlatVector){0};
    return vector;
}

static inline Str flat_string(FlatBuffer *fb, FlatTable table, uint32_t id)
{
    FlatVector text = flat_vector(fb, table, id, 1);
    return text.count ? str_sub(fb->bytes, text.at, text.count) : (Str){0};
}

/* Element i of a vector of tables. */
static inline FlatTable flat_element(FlatBuffer *fb, FlatVector vector, uint32_t i)
{
    size_t at = vector.at + 4 * (size_t)i;
    return at + (size_t)flat_uint(fb, at, 4);
}

#endif
