/* pgbit.c - text and binary forms of bit strings, and their lengths. */
#include "format/pgtype/pgbit.h"

enum { HEAD_BYTES = 4 };

PgBit pgbit_open(Str value)
{
    PgBit b;
    ASSERT(value.len >= HEAD_BYTES);
    memcpy(&b.bits, value.ptr, HEAD_BYTES);
    b.bytes = (const uint8_t *)value.ptr + HEAD_BYTES;
    ASSERT(value.len == HEAD_BYTES + pgbit_bytes(b.bits));
    return b;
}

Status pgbit_new(uint64_t bits, Arena *arena, View *ret, uint8_t **ret_bytes, Error *err)
{
    char *value;
    if (bits > PGBIT_BITS_MAX)
        return error_set_sql(err, STATUS_INVALID, "54000", 0,
                             "bit string length exceeds the maximum allowed (%d)", PGBIT_BITS_MAX);
    uint32_t count = (uint32_t)bits;
    size_t len = HEAD_BYTES + pgbit_bytes(count);
    if (len <= VIEW_INLINE_MAX) {
        *ret = (View){.len = (uint32_t)len};
        value = ret->inlined;
    } else {
        TRY(arena_try_alloc(arena, len, &value, err));
        memset(value, 0, len);
        memcpy(value, &count, HEAD_BYTES);
        *ret = view_make(value, len);
    }
    memcpy(value, &count, HEAD_BYTES);
    *ret_bytes = (uint8_t *)value + HEAD_BYTES;
    return STATUS_OK;
}

void pgbit_trim(uint8_t *bytes, uint32_t bits)
{
    if (bits & 7)
        bytes[bits >> 3] &= (uint8_t)(0xFF << (8 - (bits & 7)));
}

void pgbit_copy(const PgBit *src, uint32_t from, uint32_t count, uint8_t *dst, uint32_t to)
{
    if (!((from | to) & 7)) {
        memcpy(dst + to / 8, src->bytes + from / 8, count / 8);
        from += count & ~7u;
        to += count & ~7u;
        count &= 7;
    }
    for (uint32_t i = 0; i < count; i++)
        if (pgbit_get(src, from + i))
            dst[(to + i) >> 3] |= (uint8_t)(0x80 >> ((to + i) & 7));
}

static Status bad_digit(Str digits, size_t at, bool hex, Error *err)
{
    uint32_t code;
    size_t len = str_utf8_decode(str_sub(digits, at, 4), &code);
    return error_set_sql(err, STATUS_INVALID, "22P02", 0, "\"%.*s\" is not a valid %s digit",
                         (int)LUMA_MAX(len, (size_t)1), digits.ptr + at,
                         hex ? "hexadecimal" : "binary");
}

Status pgbit_parse(Str text, Arena *arena, View *ret, Error *err)
{
    bool hex = text.len && (text.ptr[0] == 'x' || text.ptr[0] == 'X');
    bool prefix = hex || (text.len && (text.ptr[0] == 'b' || text.ptr[0] == 'B'));
    Str digits = prefix ? str_sub(text, 1, text.len) : text;
    uint8_t *bytes;
    TRY(pgbit_new((uint64_t)digits.len * (hex ? 4 : 1), arena, ret, &bytes, err));
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        int value = c >= '0' && c <= '9'                            ? c - '0'
                    : hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                                    : 99;
        if (value >= (hex ? 16 : 2))
            return bad_digit(digits, i, hex, err);
        if (hex)
            bytes[i >> 1] |= (uint8_t)(value << (i & 1 ? 0 : 4));
        else
            bytes[i >> 3] |= (uint8_t)(value << (7 - (i & 7)));
    }
    return STATUS_OK;
}

void pgbit_append_text(Str value, Buf *out)
{
    PgBit b = pgbit_open(value);
    char *to = buf_reserve(out, b.bits);
    if (!to)
        return;
    for (uint32_t i = 0; i < b.bits; i++)
        to[i] = (char)('0' + pgbit_get(&b, i));
    out->len += b.bits;
}

void pgbit_append_binary(Str value, Buf *out)
{
    PgBit b = pgbit_open(value);
    buf_append_be32(out, b.bits);
    buf_append(out, b.bytes, pgbit_bytes(b.bits));
}

Status pgbit_parse_binary(Str bytes, Arena *arena, View *ret, Error *err)
{
    BufReader r = buf_reader(bytes);
    uint8_t *to;
    uint32_t bits = buf_read_be32(&r);
    if (r.failed || bits > PGBIT_BITS_MAX || buf_reader_left(&r) != pgbit_bytes(bits))
        return error_set_sql(err, STATUS_INVALID, "22P03", 0,
                             "invalid length in external bit string");
    TRY(pgbit_new(bits, arena, ret, &to, err));
    if (bits)
        memcpy(to, r.cursor, pgbit_bytes(bits));
    pgbit_trim(to, bits);
    return STATUS_OK;
}

Status pgbit_coerce(Str value, bool varying, int32_t typmod, bool explicit_cast, Arena *arena,
                    View *ret, Error *err)
{
    PgBit b = pgbit_open(value);
    uint32_t want = (uint32_t)typmod;
    uint8_t *bytes;
    if (typmod <= 0 || b.bits == want || (varying && b.bits < want)) {
        *ret = view_make(value.ptr, value.len);
        return STATUS_OK;
    }
    if (!explicit_cast && varying)
        return error_set_sql(err, STATUS_INVALID, "22001", 0,
                             "bit string too long for type bit varying(%d)", typmod);
    if (!explicit_cast)
        return error_set_sql(err, STATUS_INVALID, "22026", 0,
                             "bit string length %u does not match type bit(%d)", b.bits, typmod);
    TRY(pgbit_new(want, arena, ret, &bytes, err));
    pgbit_copy(&b, 0, LUMA_MIN(b.bits, want), bytes, 0);
    return STATUS_OK;
}

int pgbit_cmp(Str a, Str b)
{
    PgBit x = pgbit_open(a);
    PgBit y = pgbit_open(b);
    size_t bytes = LUMA_MIN(pgbit_bytes(x.bits), pgbit_bytes(y.bits));
    int order = bytes ? memcmp(x.bytes, y.bytes, bytes) : 0;
    return order ? order : (x.bits > y.bits) - (x.bits < y.bits);
}
