/* pgarray.h - arrays, int2vector, oidvector and records as bytes in a View.
 *
 * array form, little-endian, no alignment:
 *
 *   u32 dim_count (0 = empty array) | u32 flags (1 = has NULLs) | dim_count * (i32 length, i32
 * lower) [bitmap of count bits, set = not NULL, when flag 1] fixed-width elements: count * width
 * bytes (LAYOUT_BIT: one byte each) views:                u32 end[count] | bytes
 *
 * count is the product of the lengths. int2vector and oidvector have the same form (lower bound 0)
 * with INT2 and OID elements. Equal arrays have equal bytes if their elements do.
 *
 * record form: u32 field_count, then per field: u8 type id | u8 is_array | u8 is_null | u8 0 |
 * i32 typmod | u32 len | bytes (as one array element; nothing when NULL).
 *
 * Threads: pure.
 */
#ifndef LUMA_FORMAT_PGTYPE_PGARRAY_H
#define LUMA_FORMAT_PGTYPE_PGARRAY_H

#include "format/pgtype/pgtype.h"

enum { PGARRAY_DIMS_MAX = 6 };

typedef struct PgArray {
    Type element;
    uint32_t dim_count;
    uint32_t count; /* elements */
    int32_t lengths[PGARRAY_DIMS_MAX];
    int32_t lowers[PGARRAY_DIMS_MAX];
    const uint8_t *validity; /* NULL = no NULLs */
    const char *values;      /* fixed-width values, or the ends array */
    const char *bytes;       /* of views */
} PgArray;

/* Reads the head of an array value; `type` is the column's (array, int2vector or oidvector). The
 * bytes must come from this module. Borrows. */
PgArray pgarray_open(Type type, Str bytes);
static inline bool pgarray_is_null(const PgArray *a, uint32_t i)
{
    return a->validity && !bit_get(a->validity, i);
}
/* The elements as a column of a->element; views borrow the array's bytes. */
Status pgarray_elements(const PgArray *array, Arena *arena, Column *ret, Error *err);
/* An array of column rows [from, from + count): one dimension, lower bound 1 (0 for vectors). */
Status pgarray_make(Type array_type, const Column *elements, uint32_t from, uint32_t count,
                    Arena *arena, View *ret, Error *err);
/* The same with any dimensions (dim_count <= 6, product = count; 0 and count 0 = empty array). */
Status pgarray_make_dims(Type array_type, const Column *elements, uint32_t from, uint32_t count,
                         uint32_t dim_count, const int32_t *lengths, const int32_t *lowers,
                         Arena *arena, View *ret, Error *err);

/* A record of one row of `columns`. `names` (NULL = none) are kept with the fields, at most 255
 * bytes of each, for what prints records as JSON. */
Status pgrecord_make(const Column *columns, const Str *names, uint32_t column_count, size_t row,
                     Arena *arena, View *ret, Error *err);
/* Field `idx` as a one-row column (views borrow); false when there is no such field. */
bool pgrecord_field(Str bytes, uint32_t idx, Arena *arena, Column *ret);
uint32_t pgrecord_field_count(Str bytes);
/* "" when the field has no name or is not there. Borrows. */
Str pgrecord_field_name(Str bytes, uint32_t idx);

#endif
