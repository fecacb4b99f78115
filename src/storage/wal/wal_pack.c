#include "storage/wal/wal_pack.h"

enum { CHUNK = 512 }; /* even, so that chunks end between bytes of nibbles */

enum { DELTAS_STEP = 0, DELTAS_PACKED = 1 };

static inline unsigned significant_bytes(uint64_t v)
{
    return v ? (unsigned)(71 - __builtin_clzll(v)) >> 3 : 0;
}

/* Where the two parts of a column go while it is written. */
typedef struct Packer {
    uint8_t *nibbles;
    uint8_t *bytes;
} Packer;

/* Room for the whole column at its worst, and 8 bytes for the last store to spill into. */
static bool packer_begin(Buf *out, uint32_t count, Packer *packer)
{
    size_t nibble_bytes = ((size_t)count + 1) / 2;
    uint8_t *at = (uint8_t *)buf_reserve(out, nibble_bytes + 8 * (size_t)count + 8);

    if (!at)
        return false;
    *packer = (Packer){at, at + nibble_bytes};
    return true;
}

static void packer_end(Buf *out, const Packer *packer)
{
    out->len = (size_t)((char *)packer->bytes - out->ptr);
}

static inline uint8_t *put(uint8_t *at, uint64_t v, unsigned n)
{
    memcpy(at, &v, 8);
    return at + n;
}

static void pack_chunk(Packer *packer, const uint64_t *values, uint32_t count)
{
    uint8_t *nibbles = packer->nibbles;
    uint8_t *bytes = packer->bytes;
    uint32_t i = 0;

    for (; i + 2 <= count; i += 2) {
        unsigned a = significant_bytes(values[i]);
        unsigned b = significant_bytes(values[i + 1]);
        *nibbles++ = (uint8_t)(a | b << 4);
        bytes = put(bytes, values[i], a);
        bytes = put(bytes, values[i + 1], b);
    }
    if (i < count) {
        unsigned a = significant_bytes(values[i]);
        *nibbles++ = (uint8_t)a;
        bytes = put(bytes, values[i], a);
    }
    *packer = (Packer){nibbles, bytes};
}

void wal__pack_u64(Buf *out, const uint64_t *values, uint32_t count)
{
    Packer packer;

    if (!packer_begin(out, count, &packer))
        return;
    pack_chunk(&packer, values, count);
    packer_end(out, &packer);
}

void wal__pack_swapped(Buf *out, const uint64_t *values, uint32_t count)
{
    uint64_t chunk[CHUNK];
    Packer packer;

    if (!packer_begin(out, count, &packer))
        return;
    for (uint32_t at = 0; at < count; at += CHUNK) {
        uint32_t n = LUMA_MIN((uint32_t)CHUNK, count - at);
        for (uint32_t i = 0; i < n; i++)
            chunk[i] = __builtin_bswap64(values[at + i]);
        pack_chunk(&packer, chunk, n);
    }
    packer_end(out, &packer);
}

/* Bytes that the nibbles announce; SIZE_MAX when one of them is above 8. */
static size_t announced_bytes(const uint8_t *nibbles, uint32_t count)
{
    size_t sum = 0;
    unsigned bad = 0;

    for (uint32_t i = 0; i < count / 2; i++) {
        unsigned low = nibbles[i] & 15;
        unsigned high = nibbles[i] >> 4;
        bad |= (low > 8) | (high > 8);
        sum += low + high;
    }
    if (count & 1) {
        bad |= nibbles[count / 2] > 8;
        sum += nibbles[count / 2];
    }
    return bad ? SIZE_MAX : sum;
}

static const uint64_t masks[9] = {
    0,
    0xFF,
    0xFFFF,
    0xFFFFFF,
    0xFFFFFFFF,
    0xFFFFFFFFFF,
    0xFFFFFFFFFFFF,
    0xFFFFFFFFFFFFFF,
    0xFFFFFFFFFFFFFFFF,
};

void wal__unpack_u64(BufReader *r, uint64_t *values, uint32_t count)
{
    const uint8_t *nibbles = (const uint8_t *)buf_read_bytes(r, ((size_t)count + 1) / 2).ptr;
    if (r->failed || !count)
        return;
    size_t len = announced_bytes(nibbles, count);
    const uint8_t *bytes = (const uint8_t *)buf_read_bytes(r, len).ptr;
    if (r->failed)
        return;
    uint32_t i = 0;

    /* Whole 8-byte loads as long as they stay inside the payload. */
    for (; i < count && r->end - bytes >= 8; i++) {
        unsigned n = nibbles[i >> 1] >> (i & 1 ? 4 : 0) & 15;
        uint64_t word;
        memcpy(&word, bytes, 8);
        values[i] = word & masks[n];
        bytes += n;
    }
    for (; i < count; i++) {
        unsigned n = nibbles[i >> 1] >> (i & 1 ? 4 : 0) & 15;
        uint64_t word = 0;
        memcpy(&word, bytes, n);
        values[i] = word;
        bytes += n;
    }
}

void wal__unpack_swapped(BufReader *r, uint64_t *values, uint32_t count)
{
    wal__unpack_u64(r, values, count);
    if (!r->failed)
        for (uint32_t i = 0; i < count; i++)
            values[i] = __builtin_bswap64(values[i]);
}

/* The difference wraps around, and so does the sum that undoes it. */
static inline uint64_t delta(uint64_t value, uint64_t before)
{
    return zigzag_encode((int64_t)(value - before));
}

#define DEFINE_PACK_DELTAS(name, type)                                                             \
    static bool steps_##name(const type *values, uint32_t count)                                   \
    {                                                                                              \
        uint64_t step = (uint64_t)values[1] - (uint64_t)values[0];                                 \
        for (uint32_t i = 2; i < count; i++)                                                       \
            if ((uint64_t)values[i] - (uint64_t)values[i - 1] != step)                             \
                return false;                                                                      \
        return true;                                                                               \
    }                                                                                              \
    void name(Buf *out, const type *values, uint32_t count)                                        \
    {                                                                                              \
        uint64_t chunk[CHUNK];                                                                     \
        Packer packer;                                                                             \
        if (!count)                                                                                \
            return;                                                                                \
        buf_append_varint(out, delta((uint64_t)values[0], 0));                                     \
        if (count == 1)                                                                            \
            return;                                                                                \
        if (steps_##name(values, count)) {                                                         \
            buf_append_byte(out, DELTAS_STEP);                                                     \
            buf_append_varint(out, delta((uint64_t)values[1], (uint64_t)values[0]));               \
            return;                                                                                \
        }                                                                                          \
        buf_append_byte(out, DELTAS_PACKED);                                                       \
        if (!packer_begin(out, count - 1, &packer))                                                \
            return;                                                                                \
        for (uint32_t at = 1; at < count; at += CHUNK) {                                           \
            uint32_t n = LUMA_MIN((uint32_t)CHUNK, count - at);                                    \
            for (uint32_t i = 0; i < n; i++)                                                       \
                chunk[i] = delta((uint64_t)values[at + i], (uint64_t)values[at + i - 1]);          \
            pack_chunk(&packer, chunk, n);                                                         \
        }                                                                                          \
        packer_end(out, &packer);                                                                  \
    }
DEFINE_PACK_DELTAS(wal__pack_deltas_i64, int64_t)
DEFINE_PACK_DELTAS(wal__pack_deltas_u32, uint32_t)

void wal__unpack_deltas_i64(BufReader *r, int64_t *values, uint32_t count)
{
    if (!count)
        return;
    uint64_t value = (uint64_t)zigzag_decode(buf_read_varint(r));
    values[0] = (int64_t)value;
    if (count == 1 || r->failed)
        return;
    switch (buf_read_u8(r)) {
    case DELTAS_STEP: {
        uint64_t step = (uint64_t)zigzag_decode(buf_read_varint(r));
        for (uint32_t i = 1; i < count; i++)
            values[i] = (int64_t)(value += step);
        return;
    }
    case DELTAS_PACKED:
        wal__unpack_u64(r, (uint64_t *)values + 1, count - 1);
        if (!r->failed)
            for (uint32_t i = 1; i < count; i++)
                values[i] = (int64_t)(value += (uint64_t)zigzag_decode((uint64_t)values[i]));
        return;
    default:
        r->failed = true;
    }
}

static void unpack_packed_u32(BufReader *r, uint32_t *values, uint32_t count, uint64_t value)
{
    const uint8_t *nibbles = (const uint8_t *)buf_read_bytes(r, ((size_t)count + 1) / 2).ptr;
    if (r->failed)
        return;
    Str bytes = buf_read_bytes(r, announced_bytes(nibbles, count));
    if (r->failed)
        return;
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    uint64_t beyond = 0;

    for (uint32_t i = 0; i < count; i++) {
        unsigned n = nibbles[i >> 1] >> (i & 1 ? 4 : 0) & 15;
        uint64_t word = 0;
        if (LUMA_LIKELY(r->end - at >= 8))
            memcpy(&word, at, 8);
        else
            memcpy(&word, at, n);
        value += (uint64_t)zigzag_decode(word & masks[n]);
        beyond |= value >> 32;
        values[i] = (uint32_t)value;
        at += n;
    }
    r->failed = beyond != 0;
}

void wal__unpack_deltas_u32(BufReader *r, uint32_t *values, uint32_t count)
{
    if (!count)
        return;
    uint64_t value = (uint64_t)zigzag_decode(buf_read_varint(r));
    uint64_t beyond = value >> 32;
    values[0] = (uint32_t)value;
    if (count == 1 || r->failed) {
        r->failed |= beyond != 0;
        return;
    }
    switch (buf_read_u8(r)) {
    case DELTAS_STEP: {
        uint64_t step = (uint64_t)zigzag_decode(buf_read_varint(r));
        for (uint32_t i = 1; i < count; i++) {
            value += step;
            beyond |= value >> 32;
            values[i] = (uint32_t)value;
        }
        break;
    }
    case DELTAS_PACKED:
        unpack_packed_u32(r, values + 1, count - 1, value);
        break;
    default:
        r->failed = true;
    }
    r->failed |= beyond != 0;
}
