#include "format/protobuf/protobuf.h"

bool pb_varint_slow(PbReader *r, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && r->cursor < r->end; shift += 7) {
        uint8_t byte = *r->cursor++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    r->failed = true;
    return false;
}

void pb_put_varint(Buf *out, uint32_t number, uint64_t value)
{
    buf_append_varint(out, (uint64_t)number << 3 | PB_VARINT);
    buf_append_varint(out, value);
}

void pb_put_double(Buf *out, uint32_t number, double value)
{
    buf_append_varint(out, (uint64_t)number << 3 | PB_FIXED64);
    buf_append(out, &value, 8);
}

void pb_put_bytes(Buf *out, uint32_t number, Str bytes)
{
    buf_append_varint(out, (uint64_t)number << 3 | PB_BYTES);
    buf_append_varint(out, bytes.len);
    buf_append_str(out, bytes);
}
