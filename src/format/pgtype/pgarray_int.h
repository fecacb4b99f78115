/* pgarray_int.h - input and output of arrays and records, for pgtype.c. */
#ifndef LUMA_FORMAT_PGTYPE_PGARRAY_INT_H
#define LUMA_FORMAT_PGTYPE_PGARRAY_INT_H

#include "format/pgtype/pgarray.h"

void pgarray__print(const Column *c, size_t row, const PgSettings *settings, Buf *out);
void pgarray__send(const Column *c, size_t row, const PgSettings *settings, Buf *out);
/* int2vector and oidvector: numbers with blanks. */
void pgarray__print_vector(const Column *c, size_t row, const PgSettings *settings, Buf *out);
void pgrecord__print(const Column *c, size_t row, const PgSettings *settings, Buf *out);
void pgrecord__send(const Column *c, size_t row, const PgSettings *settings, Buf *out);
Status pgarray__parse(Str text, const PgSettings *settings, Type type, Arena *arena, View *ret,
                      Error *err);
Status pgarray__parse_vector(Str text, const PgSettings *settings, Type type, Arena *arena,
                             View *ret, Error *err);
Status pgarray__receive(Str bytes, const PgSettings *settings, Type type, Arena *arena, View *ret,
                        Error *err);

/* One element as a column of one row, on the stack. */
typedef struct PgSlot {
    Column column;
    union {
        View view;
        int64_t i64;
        uint8_t bytes[16];
    };
} PgSlot;
void pgarray__slot(const PgArray *array, uint32_t i, PgSlot *ret);

#endif
