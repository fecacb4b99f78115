#include "base/buf.h"

#include <stdio.h>

enum { CAP_MIN = 64 };

void buf_done(Buf *buf)
{
    mem_free(buf->ptr);
    *buf = (Buf){0};
}

char *buf_reserve(Buf *buf, size_t extra)
{
    size_t need = buf->len + extra;

    if (need < extra || (buf->len_max && need > buf->len_max)) {
        buf->overflowed = true;
        return NULL;
    }
    if (need > buf->cap) {
        size_t cap = buf->cap < CAP_MIN ? CAP_MIN : buf->cap * 2;
        if (cap < need)
            cap = need;
        buf->ptr = mem_realloc(buf->ptr, cap);
        buf->cap = cap;
    }
    return buf->ptr + buf->len;
}

void buf_append(Buf *buf, const void *bytes, size_t len)
{
    char *at = len ? buf_reserve(buf, len) : NULL;
    if (at) {
        memcpy(at, bytes, len);
        buf->len += len;
    }
}

void buf_printf(Buf *buf, const char *format, ...)
{
    char small[256];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (len < 0)
        return;
    if ((size_t)len < sizeof small) {
        buf_append(buf, small, (size_t)len);
        return;
    }
    char *at = buf_reserve(buf, (size_t)len + 1);
    if (!at)
        return;
    va_start(args, format);
    (void)vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void buf_consume(Buf *buf, size_t n)
{
    ASSERT(n <= buf->len);
    if (n && n < buf->len)
        memmove(buf->ptr, buf->ptr + n, buf->len - n);
    buf->len -= n;
}

char *buf_take(Buf *buf, size_t *ret_len)
{
    char *bytes = buf->ptr;
    *ret_len = buf->len;
    *buf = (Buf){.len_max = buf->len_max};
    return bytes;
}

void buf_append_varint(Buf *buf, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;

    while (v >= 0x80) {
        bytes[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (uint8_t)v;
    buf_append(buf, bytes, n);
}

Str buf_read_bytes(BufReader *r, size_t len)
{
    if (r->failed || len > buf_reader_left(r)) {
        r->failed = true;
        return (Str){0};
    }
    Str bytes = {(const char *)r->cursor, len};
    r->cursor += len;
    return bytes;
}

#define DEFINE_READ(name, type, convert)                                                           \
    type name(BufReader *r)                                                                        \
    {                                                                                              \
        type v = 0;                                                                                \
        Str bytes = buf_read_bytes(r, sizeof v);                                                   \
        if (bytes.ptr)                                                                             \
            memcpy(&v, bytes.ptr, sizeof v);                                                       \
        return convert(v);                                                                         \
    }
DEFINE_READ(buf_read_u8, uint8_t, )
DEFINE_READ(buf_read_u16, uint16_t, )
DEFINE_READ(buf_read_u32, uint32_t, )
DEFINE_READ(buf_read_u64, uint64_t, )
DEFINE_READ(buf_read_be16, uint16_t, __builtin_bswap16)
DEFINE_READ(buf_read_be32, uint32_t, __builtin_bswap32)
DEFINE_READ(buf_read_be64, uint64_t, __builtin_bswap64)

uint64_t buf_read_varint(BufReader *r)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && !r->failed; shift += 7) {
        uint8_t byte = buf_read_u8(r);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return r->failed ? 0 : value;
    }
    r->failed = true;
    return 0;
}

Str buf_read_cstr(BufReader *r)
{
    const uint8_t *nul =
        r->failed || r->cursor == r->end ? NULL : memchr(r->cursor, 0, buf_reader_left(r));
    if (!nul) {
        r->failed = true;
        return (Str){0};
    }
    Str text = {(const char *)r->cursor, (size_t)(nul - r->cursor)};
    r->cursor = nul + 1;
    return text;
}
