/* pgbit.h - bit strings: bit(n) and bit varying(n).
 *
 * A value is a View of: number of bits (uint32_t, little endian), then the bits, the first one as
 * the highest of the first byte; unused bits of the last byte are zero. Threads: pure.
 */
#ifndef LUMA_FORMAT_PGTYPE_PGBIT_H
#define LUMA_FORMAT_PGTYPE_PGBIT_H

#include "arrow/column.h"
#include "base/buf.h"

/* PostgreSQL's bound: text output must fit a value. */
enum { PGBIT_BITS_MAX = 83886080 };

typedef struct PgBit {
    uint32_t bits;
    const uint8_t *bytes;
} PgBit;

/* The bytes must come from this module. Borrows. */
PgBit pgbit_open(Str value);
static inline size_t pgbit_bytes(uint32_t bits)
{
    return ((size_t)bits + 7) / 8;
}
static inline bool pgbit_get(const PgBit *b, uint32_t i)
{
    return b->bytes[i >> 3] >> (7 - (i & 7)) & 1;
}
/* A value of zero bits to fill; *ret_bytes are its bits. 54000 when it is too long. */
Status pgbit_new(uint64_t bits, Arena *arena, View *ret, uint8_t **ret_bytes, Error *err);
/* Clears what lies behind the last bit. */
void pgbit_trim(uint8_t *bytes, uint32_t bits);
/* Copies `count` bits from bit `from` of src to bit `to` of dst, whose bits there are zero. */
void pgbit_copy(const PgBit *src, uint32_t from, uint32_t count, uint8_t *dst, uint32_t to);
/* "101", "b101", "x1F"; 22P02. */
Status pgbit_parse(Str text, Arena *arena, View *ret, Error *err);
void pgbit_append_text(Str value, Buf *out);
/* The protocol's form: a length and the bits; 22P03. */
void pgbit_append_binary(Str value, Buf *out);
Status pgbit_parse_binary(Str bytes, Arena *arena, View *ret, Error *err);
/* bit(n): 22026 unless `explicit_cast`, which cuts or adds zeros; bit varying(n): 22001. */
Status pgbit_coerce(Str value, bool varying, int32_t typmod, bool explicit_cast, Arena *arena,
                    View *ret, Error *err);
/* By bits, then by length, as bitcmp. */
int pgbit_cmp(Str a, Str b);

#endif
