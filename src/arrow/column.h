/* column.h - one column of a record batch.
 *
 * The layout is Arrow's columnar format (arrow.apache.org/docs/format/Columnar.html): 64-byte
 * aligned buffers, validity bitmaps with the least significant bit first, and string views; a view
 * longer than 12 bytes holds a pointer where Arrow has (buffer, offset), and is rewritten at the
 * edge.
 *
 * A Column borrows all its buffers: from an arena, a segment the snapshot holds, or a constant.
 * Immutable once handed on; any thread.
 */
#ifndef LUMA_ARROW_COLUMN_H
#define LUMA_ARROW_COLUMN_H

#include "arrow/type.h"
#include "base/arena.h"

/* Rows that operators exchange at a time. */
enum { BATCH_ROWS = 2048 };

enum { VIEW_INLINE_MAX = 12 };

typedef struct View {
    uint32_t len;
    union {
        char inlined[VIEW_INLINE_MAX]; /* len <= 12; unused bytes are zero */
        struct __attribute__((packed)) {
            char prefix[4];  /* first four bytes */
            const char *ptr; /* all bytes */
        };
    };
} View;
_Static_assert(sizeof(View) == 16, "Arrow's view size");

/* PostgreSQL's interval: months, days and time are kept apart. */
typedef struct Interval {
    int64_t us;
    int32_t days;
    int32_t months;
} Interval;

/* time with time zone: local time and zone, seconds west of UTC as PostgreSQL keeps it. */
typedef struct TimeTz {
    int64_t us;
    int32_t zone_sec;
    int32_t pad;
} TimeTz;

typedef struct Column {
    Type type;
    bool is_const;             /* row 0 stands for every row (validity, too) */
    uint32_t len;              /* rows */
    const uint8_t *validity;   /* bit set = not NULL; NULL = all valid */
    const void *values;        /* by type_layout(type); codes (uint32_t) when dict is set */
    const struct Column *dict; /* distinct values of a dictionary-encoded column, or NULL */
} Column;

static inline bool bit_get(const uint8_t *bits, size_t i)
{
    return bits[i >> 3] >> (i & 7) & 1;
}
static inline void bit_set(uint8_t *bits, size_t i)
{
    bits[i >> 3] |= (uint8_t)(1u << (i & 7));
}
static inline void bit_clear(uint8_t *bits, size_t i)
{
    bits[i >> 3] &= (uint8_t) ~(1u << (i & 7));
}
static inline void bit_put(uint8_t *bits, size_t i, bool on)
{
    uint8_t mask = (uint8_t)(1u << (i & 7));
    bits[i >> 3] = (uint8_t)((bits[i >> 3] & ~mask) | (on ? mask : 0));
}
static inline size_t bitmap_bytes(size_t bits)
{
    return (bits + 7) / 8;
}
/* Set bits among the first n. */
size_t bitmap_count(const uint8_t *bits, size_t n);

static inline View view_make(const char *ptr, size_t len)
{
    View v = {.len = (uint32_t)len};
    if (len <= VIEW_INLINE_MAX) {
        if (len)
            memcpy(v.inlined, ptr, len);
    } else {
        memcpy(v.prefix, ptr, 4);
        v.ptr = ptr;
    }
    return v;
}
/* Borrows; an inlined text lies in the View itself, so the View must outlive the Str. */
static inline Str view_str(const View *v)
{
    return (Str){v->len <= VIEW_INLINE_MAX ? v->inlined : v->ptr, v->len};
}
static inline bool view_eq(const View *a, const View *b)
{
    uint64_t x;
    uint64_t y;
    memcpy(&x, a, 8); /* length and prefix in one compare */
    memcpy(&y, b, 8);
    if (x != y)
        return false;
    return a->len <= VIEW_INLINE_MAX ? memcmp(a->inlined + 4, b->inlined + 4, 8) == 0
                                     : memcmp(a->ptr, b->ptr, a->len) == 0;
}

/* Where row i's value lies: 0 for a constant column, the code for a dictionary column. */
static inline size_t column_slot(const Column *c, size_t i)
{
    return c->is_const ? 0 : i;
}
static inline bool column_is_null(const Column *c, size_t i)
{
    return c->validity && !bit_get(c->validity, column_slot(c, i));
}
/* Readers of one value; row must not be NULL. They see through constants and dictionaries. */
static inline const void *column_at_(const Column *c, size_t i, size_t width, const Column **ret)
{
    size_t slot = column_slot(c, i);
    if (c->dict) {
        slot = ((const uint32_t *)c->values)[slot];
        c = c->dict;
    }
    *ret = c;
    return (const char *)c->values + slot * width;
}
static inline bool column_bool(const Column *c, size_t i)
{
    return bit_get(c->values, column_slot(c, i));
}
static inline int64_t column_i64(const Column *c, size_t i) /* INT8..INT64 layouts, widened */
{
    const Column *at;
    switch (type_layout(c->type)) {
    case LAYOUT_INT8:
        return *(const int8_t *)column_at_(c, i, 1, &at);
    case LAYOUT_INT16:
        return *(const int16_t *)column_at_(c, i, 2, &at);
    case LAYOUT_INT32:
        return *(const int32_t *)column_at_(c, i, 4, &at);
    default:
        return *(const int64_t *)column_at_(c, i, 8, &at);
    }
}
static inline double column_f64(const Column *c, size_t i) /* FLOAT and DOUBLE layouts */
{
    const Column *at;
    return type_layout(c->type) == LAYOUT_FLOAT ? (double)*(const float *)column_at_(c, i, 4, &at)
                                                : *(const double *)column_at_(c, i, 8, &at);
}
static inline Str column_str(const Column *c, size_t i) /* LAYOUT_VIEW */
{
    const Column *at;
    return view_str((const View *)column_at_(c, i, sizeof(View), &at));
}
static inline const void *column_fixed16(const Column *c, size_t i)
{
    const Column *at;
    return column_at_(c, i, 16, &at);
}

/* New columns in an arena. NULL when the arena is over its budget. Values are zeroed. */
Column *column_new(Arena *arena, Type type, uint32_t len);
/* Writable buffers of a column made by column_new or column_init. */
static inline void *column_values(Column *c)
{
    return (void *)(uintptr_t)c->values;
}
static inline uint8_t *column_validity(Column *c)
{
    return (uint8_t *)(uintptr_t)c->validity;
}
/* Fills *c in place; `with_validity` allocates a bitmap of all-valid bits. */
Status column_init(Column *c, Arena *arena, Type type, uint32_t len, bool with_validity,
                   Error *err);
/* Adds an all-valid bitmap if there is none. */
Status column_need_validity(Column *c, Arena *arena, Error *err);
/* A constant NULL of the type. */
Status column_init_null(Column *c, Arena *arena, Type type, uint32_t len, Error *err);
/* Expands constants and dictionaries into a plain column; *ret may be a shallow copy of *src. */
Status column_flatten(const Column *src, Arena *arena, Column *ret, Error *err);
/* Rows picked by index: ret[i] = src[rows[i]]. Texts are not copied. */
Status column_take(const Column *src, const uint32_t *rows, uint32_t count, Arena *arena,
                   Column *ret, Error *err);
/* Rows [from, from + count) without copying when possible (bitmaps may be copied to realign). */
Status column_slice(const Column *src, uint32_t from, uint32_t count, Arena *arena, Column *ret,
                    Error *err);
/* Deep copy: nothing of *ret borrows from src. */
Status column_copy(const Column *src, Arena *arena, Column *ret, Error *err);
/* Bytes the column's values occupy, texts included. */
size_t column_bytes(const Column *c);

#endif
