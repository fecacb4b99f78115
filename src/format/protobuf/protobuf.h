/* protobuf.h - bounded reader and writer of the protobuf wire format (protobuf.dev, "Encoding").
 *
 * A reader walks the fields of one message without knowing its schema; a nested message is the
 * bytes of a field, read by a reader of its own, so depth is the caller's loop, never recursion in
 * here. Any malformed byte sets `failed` and ends the walk: check it after the loop.
 *
 *   PbReader r = pb_reader(bytes);
 *   PbField f;
 *   while (pb_next(&r, &f))
 *       switch (f.number) { case 1: ... }
 *   if (r.failed) ...
 */
#ifndef LUMA_FORMAT_PROTOBUF_PROTOBUF_H
#define LUMA_FORMAT_PROTOBUF_PROTOBUF_H

#include "base/buf.h"

typedef enum PbWire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 } PbWire;

typedef struct PbReader {
    const uint8_t *cursor;
    const uint8_t *end;
    bool failed;
} PbReader;

typedef struct PbField {
    uint32_t number; /* 1 .. 2^29 - 1 */
    PbWire wire;
    uint64_t value; /* PB_VARINT, PB_FIXED64, PB_FIXED32: the raw bits */
    Str bytes;      /* PB_BYTES: borrowed */
} PbField;

static inline PbReader pb_reader(Str bytes)
{
    const uint8_t *begin = (const uint8_t *)bytes.ptr;
    return (PbReader){begin, bytes.len ? begin + bytes.len : begin, false}; /* may be NULL, 0 */
}

/* The long form of pb_varint: more than one byte, or not enough of them. */
bool pb_varint_slow(PbReader *r, uint64_t *ret_value);

/* False, with `failed` set, when cut short or over ten bytes. */
static inline bool pb_varint(PbReader *r, uint64_t *ret_value)
{
    if (LUMA_LIKELY(r->cursor < r->end && *r->cursor < 0x80)) {
        *ret_value = *r->cursor++;
        return true;
    }
    return pb_varint_slow(r, ret_value);
}

/* The next field, or false at the end or when malformed. Groups are refused. */
static inline bool pb_next(PbReader *r, PbField *ret_field)
{
    uint64_t key;
    uint64_t len;

    if (r->cursor == r->end || r->failed || !pb_varint(r, &key))
        return false;
    ret_field->number = (uint32_t)(key >> 3);
    ret_field->wire = (PbWire)(key & 7);
    if (LUMA_UNLIKELY(key >> 3 == 0 || key >> 32))
        goto bad;
    switch (key & 7) {
    case PB_VARINT:
        return pb_varint(r, &ret_field->value);
    case PB_FIXED64:
        if (r->end - r->cursor < 8)
            goto bad;
        memcpy(&ret_field->value, r->cursor, 8);
        r->cursor += 8;
        return true;
    case PB_BYTES:
        if (!pb_varint(r, &len) || len > (uint64_t)(r->end - r->cursor))
            goto bad;
        ret_field->bytes = (Str){(const char *)r->cursor, (size_t)len};
        r->cursor += len;
        return true;
    case PB_FIXED32: {
        uint32_t bits;
        if (r->end - r->cursor < 4)
            goto bad;
        memcpy(&bits, r->cursor, 4);
        ret_field->value = bits;
        r->cursor += 4;
        return true;
    }
    default:
        break;
    }
bad:
    r->failed = true;
    return false;
}

static inline double pb_double(const PbField *field)
{
    double value;
    memcpy(&value, &field->value, 8);
    return value;
}

/* ---- writing ---- */

void pb_put_varint(Buf *out, uint32_t number, uint64_t value);
void pb_put_double(Buf *out, uint32_t number, double value);
void pb_put_bytes(Buf *out, uint32_t number, Str bytes);

#endif
