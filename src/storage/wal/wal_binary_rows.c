/* wal_binary_rows.c - the binary encoding of rows (docs/formats/wal.md section 4.4). */
#include "storage/wal/wal_codec_int.h"
#include "storage/wal/wal_pack.h"

enum { FORM = 1 };

/* What stands before the values of a column. */
enum { COLUMN_NULLS = 1, COLUMN_REPEATS = 2 };

static Status corrupt(Error *err)
{
    return error_set(err, STATUS_CORRUPT, "a rows entry of the write-ahead log is malformed");
}

/* Integers of any width go through the same packed form. */
#define WIDEN(type)                                                                                \
    for (uint32_t i = 0; i < c->len; i++)                                                          \
    wide[i] = ((const type *)c->values)[i]
static void put_integers(const Column *c, Buf *out)
{
    int64_t *wide = mem_alloc(sizeof *wide * (c->len + 1u));

    switch (layout_width(type_layout(c->type))) {
    case 1:
        WIDEN(int8_t);
        break;
    case 2:
        WIDEN(int16_t);
        break;
    case 4:
        WIDEN(int32_t);
        break;
    default:
        WIDEN(int64_t);
        break;
    }
    wal__pack_deltas_i64(out, wide, c->len);
    mem_free(wide);
}

/* Is the text the very one of the row before? Decoders hand over what many rows share as one text,
 * so its address tells. */
static bool is_repeated(const Column *c, uint32_t i)
{
    const View *views = c->values;

    return i && views[i].len > VIEW_INLINE_MAX && views[i].len == views[i - 1].len &&
           views[i].ptr == views[i - 1].ptr && !column_is_null(c, i) && !column_is_null(c, i - 1);
}

/* Do enough texts repeat to pay for a bitmap? */
static bool has_repeats(const Column *c)
{
    uint32_t count = 0;

    if (type_layout(c->type) != LAYOUT_VIEW)
        return false;
    for (uint32_t i = 1; i < c->len; i++)
        count += is_repeated(c, i);
    return count > c->len / 32;
}

static void put_views(const Column *c, bool repeats, Buf *out)
{
    const View *views = c->values;
    uint8_t *same = mem_zalloc(bitmap_bytes(c->len) + 1);
    int64_t *lens = mem_alloc(sizeof *lens * (c->len + 1u));

    for (uint32_t i = 0; i < c->len; i++) {
        bool again = repeats && is_repeated(c, i);
        bit_put(same, i, again);
        lens[i] = again || column_is_null(c, i) ? 0 : views[i].len;
    }
    if (repeats)
        buf_append(out, same, bitmap_bytes(c->len));
    wal__pack_u64(out, (const uint64_t *)lens, c->len);
    for (uint32_t i = 0; i < c->len; i++)
        if (!bit_get(same, i) && !column_is_null(c, i))
            buf_append_str(out, view_str(&views[i]));
    mem_free(lens);
    mem_free(same);
}

static void put_column(const Column *c, Buf *out)
{
    Layout layout = type_layout(c->type);
    bool repeats = has_repeats(c);

    buf_append_varint(out, type_oid((Type){c->type.id, c->type.is_array, -1}));
    buf_append_byte(out, (c->validity ? COLUMN_NULLS : 0) | (repeats ? COLUMN_REPEATS : 0));
    buf_append_varint(out, zigzag_encode(c->type.typmod));
    if (c->validity)
        buf_append(out, c->validity, bitmap_bytes(c->len));
    switch (layout) {
    case LAYOUT_BIT:
        buf_append(out, c->values, bitmap_bytes(c->len));
        break;
    case LAYOUT_INT8:
    case LAYOUT_INT16:
    case LAYOUT_INT32:
    case LAYOUT_INT64:
        put_integers(c, out);
        break;
    case LAYOUT_DOUBLE:
        wal__pack_swapped(out, c->values, c->len);
        break;
    case LAYOUT_FLOAT:
    case LAYOUT_FIXED16:
        buf_append(out, c->values, layout_width(layout) * c->len);
        break;
    case LAYOUT_VIEW:
        put_views(c, repeats, out);
        break;
    }
}

void wal__binary_rows_encode(const WalRows *rows, Buf *out)
{
    ASSERT(rows->batch.column_count <= WAL_COLUMNS_MAX);
    buf_append_byte(out, FORM);
    buf_append_varint(out, rows->table_id);
    buf_append_varint(out, rows->schema_version);
    buf_append_varint(out, rows->txn_id);
    buf_append_varint(out, rows->batch.column_count);
    buf_append_varint(out, rows->batch.row_count);
    for (uint32_t i = 0; i < rows->batch.column_count; i++)
        put_column(&rows->batch.columns[i], out);
}

/* False when a value does not fit the column's width. */
#define NARROW(type)                                                                               \
    for (uint32_t i = 0; i < c->len; i++) {                                                        \
        type v = (type)wide[i];                                                                    \
        ((type *)values)[i] = v;                                                                   \
        good &= v == wide[i];                                                                      \
    }
static void read_integers(BufReader *r, Column *c)
{
    void *values = column_values(c);
    size_t width = layout_width(type_layout(c->type));
    bool good = true;

    if (width == 8) {
        wal__unpack_deltas_i64(r, values, c->len);
        return;
    }
    int64_t *wide = mem_zalloc(sizeof *wide * (c->len + 1u));
    wal__unpack_deltas_i64(r, wide, c->len);
    if (width == 1)
        NARROW(int8_t)
    else if (width == 2)
        NARROW(int16_t)
    else
        NARROW(int32_t)
    mem_free(wide);
    r->failed |= !good;
}

static void read_views(BufReader *r, bool repeats, Column *c)
{
    View *views = column_values(c);
    bool check_utf8 = type_is_text(c->type);
    uint64_t *lens = mem_zalloc(sizeof *lens * (c->len + 1u));
    Str same = repeats ? buf_read_bytes(r, bitmap_bytes(c->len)) : (Str){0};

    wal__unpack_u64(r, lens, c->len);
    for (uint32_t i = 0; i < c->len && !r->failed; i++) {
        if (repeats && bit_get((const uint8_t *)same.ptr, i)) {
            r->failed = !i || lens[i] || column_is_null(c, i) || column_is_null(c, i - 1);
            views[i] = views[i ? i - 1 : 0];
            continue;
        }
        if (lens[i] > UINT32_MAX || (lens[i] && column_is_null(c, i))) {
            r->failed = true;
            break;
        }
        Str text = buf_read_bytes(r, (size_t)lens[i]);
        if (r->failed || (check_utf8 && !str_utf8_valid(text)))
            r->failed = true;
        else
            views[i] = view_make(text.ptr, text.len);
    }
    mem_free(lens);
}

static void read_raw(BufReader *r, void *dst, size_t len)
{
    Str bytes = buf_read_bytes(r, len);
    if (!r->failed && len)
        memcpy(dst, bytes.ptr, len);
}

static void read_values(BufReader *r, bool repeats, Column *c)
{
    Layout layout = type_layout(c->type);

    switch (layout) {
    case LAYOUT_BIT:
        read_raw(r, column_values(c), bitmap_bytes(c->len));
        break;
    case LAYOUT_INT8:
    case LAYOUT_INT16:
    case LAYOUT_INT32:
    case LAYOUT_INT64:
        read_integers(r, c);
        break;
    case LAYOUT_DOUBLE:
        wal__unpack_swapped(r, column_values(c), c->len);
        break;
    case LAYOUT_FLOAT:
    case LAYOUT_FIXED16:
        read_raw(r, column_values(c), layout_width(layout) * c->len);
        break;
    case LAYOUT_VIEW:
        read_views(r, repeats, c);
        break;
    }
}

static Status read_column(BufReader *r, uint32_t row_count, Arena *arena, Column *ret, Error *err)
{
    uint64_t oid = buf_read_varint(r);
    uint8_t flags = buf_read_u8(r);
    int64_t typmod = zigzag_decode(buf_read_varint(r));
    Type type;

    if (r->failed || oid == 0 || oid > UINT32_MAX || flags > (COLUMN_NULLS | COLUMN_REPEATS) ||
        typmod < INT32_MIN || typmod > INT32_MAX || !type_from_oid((uint32_t)oid, &type))
        return corrupt(err);
    bool repeats = flags & COLUMN_REPEATS;
    if (repeats && type_layout(type) != LAYOUT_VIEW)
        return corrupt(err);
    type.typmod = (int32_t)typmod;
    TRY(column_init(ret, arena, type, row_count, flags & COLUMN_NULLS, err));
    if (flags & COLUMN_NULLS)
        read_raw(r, column_validity(ret), bitmap_bytes(row_count));
    if (!r->failed)
        read_values(r, repeats, ret);
    return r->failed ? corrupt(err) : STATUS_OK;
}

/* Ids and counts, as they stand before the columns. */
typedef struct RowsHead {
    uint64_t table_id;
    uint64_t schema_version;
    uint64_t txn_id;
    uint64_t column_count;
    uint64_t row_count;
} RowsHead;

static Status read_head(BufReader *r, RowsHead *ret, Error *err)
{
    uint8_t form = buf_read_u8(r);

    if (!r->failed && form != FORM)
        return error_set(
            err, STATUS_UNSUPPORTED,
            "a rows entry of the write-ahead log has form %u, written by a newer LumaDB", form);
    *ret = (RowsHead){buf_read_varint(r)};
    ret->schema_version = buf_read_varint(r);
    ret->txn_id = buf_read_varint(r);
    ret->column_count = buf_read_varint(r);
    ret->row_count = buf_read_varint(r);
    return r->failed || ret->table_id > UINT32_MAX || ret->schema_version > UINT32_MAX
               ? corrupt(err)
               : STATUS_OK;
}

Status wal__binary_rows_txn_decode(Str payload, uint64_t *ret_txn_id, Error *err)
{
    BufReader r = buf_reader(payload);
    RowsHead head;

    TRY(read_head(&r, &head, err));
    *ret_txn_id = head.txn_id;
    return STATUS_OK;
}

Status wal__binary_rows_decode(Str payload, Arena *arena, WalRows *ret, Error *err)
{
    BufReader r = buf_reader(payload);
    RowsHead head;
    Column *columns;

    TRY(read_head(&r, &head, err));
    if (head.column_count > LUMA_MIN((uint64_t)WAL_COLUMNS_MAX, buf_reader_left(&r)) ||
        head.row_count > UINT32_MAX ||
        !wal__rows_in_bounds(head.column_count, head.row_count, payload.len))
        return corrupt(err);
    TRY(WAL_ALLOC(arena, &columns, head.column_count, err));
    for (uint64_t i = 0; i < head.column_count; i++)
        TRY(read_column(&r, (uint32_t)head.row_count, arena, &columns[i], err));
    if (r.cursor != r.end)
        return corrupt(err);
    *ret = (WalRows){
        .table_id = (uint32_t)head.table_id,
        .schema_version = (uint32_t)head.schema_version,
        .txn_id = head.txn_id,
        .batch = {.columns = columns,
                  .column_count = (uint32_t)head.column_count,
                  .row_count = (uint32_t)head.row_count},
    };
    return STATUS_OK;
}
