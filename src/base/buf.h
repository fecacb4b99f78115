/* buf.h - growable byte buffer.
 *
 * Owns its bytes. Integers are little-endian unless the name says `be`. A Buf may carry a maximum
 * (`len_max`); writes past it set `overflowed` and are dropped, so an encoder checks once at its
 * end.
 */
#ifndef LUMA_BASE_BUF_H
#define LUMA_BASE_BUF_H

#include "base/mem.h"
#include "base/str.h"

typedef struct Buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t len_max;  /* 0 = none */
    bool overflowed; /* a write did not fit into len_max */
} Buf;

void buf_done(Buf *buf);
/* Keeps the memory. */
static inline void buf_clear(Buf *buf)
{
    buf->len = 0;
    buf->overflowed = false;
}
/* Makes room for `extra` more bytes and returns where they go, or NULL past len_max. */
char *buf_reserve(Buf *buf, size_t extra);
void buf_append(Buf *buf, const void *bytes, size_t len);
void buf_printf(Buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes (moves the rest down). */
void buf_consume(Buf *buf, size_t n);
/* Hands the bytes over; the caller frees them with mem_free. The buffer is empty afterwards. */
char *buf_take(Buf *buf, size_t *ret_len);

static inline Str buf_str(const Buf *buf)
{
    return (Str){buf->ptr, buf->len};
}

static inline void buf_append_str(Buf *buf, Str s)
{
    buf_append(buf, s.ptr, s.len);
}

#define buf_append_lit(buf, literal) buf_append((buf), "" literal, sizeof(literal) - 1)

static inline void buf_append_byte(Buf *buf, uint8_t byte)
{
    if (LUMA_LIKELY(buf->len < buf->cap && !buf->len_max))
        buf->ptr[buf->len++] = (char)byte;
    else
        buf_append(buf, &byte, 1);
}

static inline void buf_append_u16(Buf *buf, uint16_t v)
{
    buf_append(buf, &v, 2);
}
static inline void buf_append_u32(Buf *buf, uint32_t v)
{
    buf_append(buf, &v, 4);
}
static inline void buf_append_u64(Buf *buf, uint64_t v)
{
    buf_append(buf, &v, 8);
}
static inline void buf_append_be16(Buf *buf, uint16_t v)
{
    buf_append_u16(buf, __builtin_bswap16(v));
}
static inline void buf_append_be32(Buf *buf, uint32_t v)
{
    buf_append_u32(buf, __builtin_bswap32(v));
}
static inline void buf_append_be64(Buf *buf, uint64_t v)
{
    buf_append_u64(buf, __builtin_bswap64(v));
}
/* LEB128, as protobuf's varint. */
void buf_append_varint(Buf *buf, uint64_t v);
static inline uint64_t zigzag_encode(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t zigzag_decode(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Bounded reader over bytes from outside. A read past the end returns zeros and sets `failed`;
 * check it once after a group of reads. */
typedef struct BufReader {
    const uint8_t *cursor;
    const uint8_t *end;
    bool failed;
} BufReader;

static inline BufReader buf_reader(Str bytes)
{
    return (BufReader){(const uint8_t *)bytes.ptr, (const uint8_t *)bytes.ptr + bytes.len, false};
}
static inline size_t buf_reader_left(const BufReader *r)
{
    return (size_t)(r->end - r->cursor);
}
/* Borrows `len` bytes; an empty Str and `failed` when there are fewer. */
Str buf_read_bytes(BufReader *r, size_t len);
uint8_t buf_read_u8(BufReader *r);
uint16_t buf_read_u16(BufReader *r);
uint32_t buf_read_u32(BufReader *r);
uint64_t buf_read_u64(BufReader *r);
uint16_t buf_read_be16(BufReader *r);
uint32_t buf_read_be32(BufReader *r);
uint64_t buf_read_be64(BufReader *r);
/* At most ten bytes; a longer one fails. */
uint64_t buf_read_varint(BufReader *r);
/* Bytes up to a NUL, which is skipped. */
Str buf_read_cstr(BufReader *r);

#endif
