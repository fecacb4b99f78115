#include "arrow/column.h"

size_t bitmap_count(const uint8_t *bits, size_t n)
{
    size_t count = 0;
    size_t i = 0;

    for (; i + 64 <= n; i += 64) {
        uint64_t word;
        memcpy(&word, bits + i / 8, 8);
        count += (size_t)__builtin_popcountll(word);
    }
    for (; i < n; i++)
        count += bit_get(bits, i);
    return count;
}

static size_t values_bytes(Layout layout, uint32_t len)
{
    return layout == LAYOUT_BIT ? bitmap_bytes(len) : layout_width(layout) * len;
}

static Status alloc_zeroed(Arena *arena, size_t bytes, const void **ret, Error *err)
{
    /* Padded to whole 64-byte lines, so that SIMD kernels may read past the end. */
    size_t padded = LUMA_ALIGN_UP(bytes ? bytes : 1, 64);
    void *ptr = arena_alloc_aligned(arena, padded);
    if (!ptr)
        return error_set_sql(err, STATUS_LIMIT, "53200", 0, "out of query memory");
    memset(ptr, 0, padded);
    *ret = ptr;
    return STATUS_OK;
}

Status column_need_validity(Column *c, Arena *arena, Error *err)
{
    if (c->validity)
        return STATUS_OK;
    const void *bits;
    uint32_t slots = c->is_const ? 1 : c->len;
    TRY(alloc_zeroed(arena, bitmap_bytes(slots), &bits, err));
    c->validity = bits;
    memset(column_validity(c), 0xFF, bitmap_bytes(slots));
    return STATUS_OK;
}

Status column_init(Column *c, Arena *arena, Type type, uint32_t len, bool with_validity, Error *err)
{
    *c = (Column){.type = type, .len = len};
    TRY(alloc_zeroed(arena, values_bytes(type_layout(type), len), &c->values, err));
    return with_validity ? column_need_validity(c, arena, err) : STATUS_OK;
}

Column *column_new(Arena *arena, Type type, uint32_t len)
{
    Column *c = arena_alloc(arena, sizeof *c);
    return c && column_init(c, arena, type, len, false, NULL) == STATUS_OK ? c : NULL;
}

Status column_init_null(Column *c, Arena *arena, Type type, uint32_t len, Error *err)
{
    TRY(column_init(c, arena, type, 1, true, err));
    bit_clear(column_validity(c), 0);
    c->len = len;
    c->is_const = true;
    return STATUS_OK;
}

/* Copies rows by index with a fixed width, so that the compiler makes one tight loop of each. */
#define TAKE_LOOP(ctype)                                                                           \
    do {                                                                                           \
        const ctype *in = src->values;                                                             \
        ctype *out = column_values(ret);                                                           \
        for (uint32_t i = 0; i < count; i++)                                                       \
            out[i] = in[rows[i]];                                                                  \
    } while (0)

typedef struct Bytes16 {
    uint64_t a;
    uint64_t b;
} Bytes16;

static void take_values(const Column *src, const uint32_t *rows, uint32_t count, Column *ret)
{
    switch (type_layout(src->type)) {
    case LAYOUT_BIT:
        for (uint32_t i = 0; i < count; i++)
            if (bit_get(src->values, rows[i]))
                bit_set(column_values(ret), i);
        break;
    case LAYOUT_INT8:
        TAKE_LOOP(uint8_t);
        break;
    case LAYOUT_INT16:
        TAKE_LOOP(uint16_t);
        break;
    case LAYOUT_INT32:
    case LAYOUT_FLOAT:
        TAKE_LOOP(uint32_t);
        break;
    case LAYOUT_INT64:
    case LAYOUT_DOUBLE:
        TAKE_LOOP(uint64_t);
        break;
    case LAYOUT_FIXED16:
    case LAYOUT_VIEW:
        TAKE_LOOP(Bytes16);
        break;
    }
}

static Status take_validity(const Column *src, const uint32_t *rows, uint32_t count, Arena *arena,
                            Column *ret, Error *err)
{
    if (!src->validity)
        return STATUS_OK;
    const void *bits;
    TRY(alloc_zeroed(arena, bitmap_bytes(count), &bits, err));
    ret->validity = bits;
    for (uint32_t i = 0; i < count; i++)
        if (bit_get(src->validity, rows[i]))
            bit_set(column_validity(ret), i);
    return STATUS_OK;
}

Status column_take(const Column *src, const uint32_t *rows, uint32_t count, Arena *arena,
                   Column *ret, Error *err)
{
    if (src->is_const) {
        *ret = *src;
        ret->len = count;
        return STATUS_OK;
    }
    if (src->dict) {
        const void *codes;
        TRY(alloc_zeroed(arena, sizeof(uint32_t) * count, &codes, err));
        *ret = *src;
        ret->len = count;
        ret->values = codes;
        ret->validity = NULL;
        TAKE_LOOP(uint32_t);
    } else {
        TRY(column_init(ret, arena, src->type, count, false, err));
        take_values(src, rows, count, ret);
    }
    return take_validity(src, rows, count, arena, ret, err);
}

Status column_flatten(const Column *src, Arena *arena, Column *ret, Error *err)
{
    if (!src->is_const && !src->dict) {
        *ret = *src;
        return STATUS_OK;
    }
    uint32_t *rows = arena_zalloc(arena, sizeof *rows * (src->len ? src->len : 1));
    if (!rows)
        return error_set_sql(err, STATUS_LIMIT, "53200", 0, "out of query memory");
    Column plain = *src;
    plain.is_const = false;
    if (src->is_const) { /* all rows come from slot 0 */
        Column once;
        TRY(column_take(&plain, rows, src->len, arena, &once, err));
        plain = once;
    }
    if (plain.dict) {
        const uint8_t *validity = plain.validity;
        /* A NULL row's code may be anything, so it must not be followed. */
        for (uint32_t i = 0; i < plain.len; i++)
            rows[i] = validity && !bit_get(validity, i) ? 0 : ((const uint32_t *)plain.values)[i];
        if (plain.dict->len == 0)
            TRY(column_init(ret, arena, plain.dict->type, plain.len, false, err));
        else
            TRY(column_take(plain.dict, rows, plain.len, arena, ret, err));
        ret->type = src->type;
        ret->validity = validity;
        return STATUS_OK;
    }
    *ret = plain;
    return STATUS_OK;
}

static Status slice_bits(const uint8_t *bits, uint32_t from, uint32_t count, Arena *arena,
                         const void **ret, Error *err)
{
    if (from % 8 == 0) {
        *ret = bits + from / 8;
        return STATUS_OK;
    }
    TRY(alloc_zeroed(arena, bitmap_bytes(count), ret, err));
    uint8_t *out = (uint8_t *)(uintptr_t)*ret;
    for (uint32_t i = 0; i < count; i++)
        if (bit_get(bits, from + i))
            bit_set(out, i);
    return STATUS_OK;
}

Status column_slice(const Column *src, uint32_t from, uint32_t count, Arena *arena, Column *ret,
                    Error *err)
{
    ASSERT(from + count <= src->len);
    *ret = *src;
    ret->len = count;
    if (src->is_const || from == 0)
        return STATUS_OK;
    Layout layout = src->dict ? LAYOUT_INT32 : type_layout(src->type);
    if (layout == LAYOUT_BIT)
        TRY(slice_bits(src->values, from, count, arena, &ret->values, err));
    else
        ret->values = (const char *)src->values + layout_width(layout) * from;
    if (src->validity) {
        const void *bits;
        TRY(slice_bits(src->validity, from, count, arena, &bits, err));
        ret->validity = bits;
    }
    return STATUS_OK;
}

static Status copy_buffer(const void *src, size_t bytes, Arena *arena, const void **ret, Error *err)
{
    TRY(alloc_zeroed(arena, bytes, ret, err));
    if (bytes)
        memcpy((void *)(uintptr_t)*ret, src, bytes);
    return STATUS_OK;
}

Status column_copy(const Column *src, Arena *arena, Column *ret, Error *err)
{
    uint32_t slots = src->is_const && src->len ? 1 : src->len;
    const void *bits = NULL;

    *ret = *src;
    if (src->validity)
        TRY(copy_buffer(src->validity, bitmap_bytes(slots), arena, &bits, err));
    ret->validity = bits;
    if (src->dict) {
        Column *dict = arena_alloc(arena, sizeof *dict);
        if (!dict)
            return error_set_sql(err, STATUS_LIMIT, "53200", 0, "out of query memory");
        TRY(column_copy(src->dict, arena, dict, err));
        ret->dict = dict;
        return copy_buffer(src->values, sizeof(uint32_t) * slots, arena, &ret->values, err);
    }
    Layout layout = type_layout(src->type);
    TRY(copy_buffer(src->values, values_bytes(layout, slots), arena, &ret->values, err));
    if (layout != LAYOUT_VIEW)
        return STATUS_OK;
    View *views = column_values(ret);
    for (uint32_t i = 0; i < slots; i++) {
        if (views[i].len <= VIEW_INLINE_MAX || (bits && !bit_get(bits, i)))
            continue;
        char *text;
        TRY(arena_try_alloc(arena, views[i].len, &text, err));
        memcpy(text, views[i].ptr, views[i].len);
        views[i].ptr = text;
    }
    return STATUS_OK;
}

size_t column_bytes(const Column *c)
{
    uint32_t slots = c->is_const && c->len ? 1 : c->len;
    size_t bytes = c->validity ? bitmap_bytes(slots) : 0;

    if (c->dict)
        return bytes + sizeof(uint32_t) * slots + column_bytes(c->dict);
    Layout layout = type_layout(c->type);
    bytes += values_bytes(layout, slots);
    if (layout == LAYOUT_VIEW) {
        const View *views = c->values;
        const char *last = NULL; /* a text that neighbours share counts once */
        for (uint32_t i = 0; i < slots; i++) {
            if (views[i].len <= VIEW_INLINE_MAX || (c->validity && !bit_get(c->validity, i)))
                continue;
            bytes += views[i].ptr == last ? 0 : views[i].len;
            last = views[i].ptr;
        }
    }
    return bytes;
}
