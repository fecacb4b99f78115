/* wal_json_rows.c - the JSON encoding of rows (docs/formats/wal.md section 5). */
#include <inttypes.h>

#include "storage/wal/wal_codec_int.h"
#include "storage/wal/wal_json_text.h"

static Status corrupt(Error *err)
{
    return error_set(err, STATUS_CORRUPT, "a rows entry of the write-ahead log is malformed");
}

static void put_view(Buf *out, Str text)
{
    if (str_utf8_valid(text)) {
        json_text_put_str(out, text);
        return;
    }
    buf_append_lit(out, "{\"hex\":");
    json_text_put_hex(out, text);
    buf_append_byte(out, '}');
}

static void put_value(Buf *out, const Column *c, uint32_t i)
{
    if (column_is_null(c, i)) {
        buf_append_lit(out, "null");
        return;
    }
    switch (type_layout(c->type)) {
    case LAYOUT_BIT:
        buf_append_str(out, column_bool(c, i) ? STR("true") : STR("false"));
        break;
    case LAYOUT_INT8:
    case LAYOUT_INT16:
    case LAYOUT_INT32:
    case LAYOUT_INT64:
        buf_printf(out, "%" PRId64, column_i64(c, i));
        break;
    case LAYOUT_FLOAT:
        json_text_put_float(out, ((const uint32_t *)c->values)[i]);
        break;
    case LAYOUT_DOUBLE:
        json_text_put_double(out, ((const uint64_t *)c->values)[i]);
        break;
    case LAYOUT_FIXED16:
        json_text_put_hex(out, (Str){(const char *)c->values + 16 * (size_t)i, 16});
        break;
    case LAYOUT_VIEW:
        put_view(out, view_str((const View *)c->values + i));
        break;
    }
}

void wal__json_rows_encode(const WalRows *rows, Buf *out)
{
    const RecordBatch *batch = &rows->batch;

    buf_printf(out,
               "{\"table\":%" PRIu32 ",\"schema\":%" PRIu32 ",\"txn\":%" PRIu64 ",\"columns\":[",
               rows->table_id, rows->schema_version, rows->txn_id);
    for (uint32_t j = 0; j < batch->column_count; j++) {
        char name[64];
        buf_printf(out, "%s[\"%s\",%" PRId32 "]", j ? "," : "",
                   type_pg_name(batch->columns[j].type, name), batch->columns[j].type.typmod);
    }
    buf_append_lit(out, "],\"rows\":[");
    for (uint32_t i = 0; i < batch->row_count; i++) {
        buf_append_str(out, i ? STR(",[") : STR("["));
        for (uint32_t j = 0; j < batch->column_count; j++) {
            if (j)
                buf_append_byte(out, ',');
            put_value(out, &batch->columns[j], i);
        }
        buf_append_byte(out, ']');
    }
    buf_append_lit(out, "]}");
}

static void read_fixed16(JsonText *t, Column *c, uint32_t i)
{
    Str bytes = json_text_read_hex(t);

    if (bytes.len != 16)
        t->failed = true;
    else
        memcpy((char *)column_values(c) + 16 * (size_t)i, bytes.ptr, 16);
}

static void read_view(JsonText *t, Column *c, uint32_t i)
{
    Str text;

    if (json_text_next(t, "{\"hex\":")) {
        text = json_text_read_hex(t);
        json_text_expect(t, "}");
        t->failed |= type_is_text(c->type); /* texts are UTF-8 */
    } else {
        text = json_text_read_str(t);
    }
    if (!t->failed && text.len <= UINT32_MAX)
        ((View *)column_values(c))[i] = view_make(text.ptr, text.len);
}

static void read_value(JsonText *t, Column *c, uint32_t i)
{
    void *values = column_values(c);

    switch (type_layout(c->type)) {
    case LAYOUT_BIT:
        if (json_text_next(t, "true"))
            bit_set(values, i);
        else
            json_text_expect(t, "false");
        break;
    case LAYOUT_INT8:
        ((int8_t *)values)[i] = (int8_t)json_text_read_int(t, INT8_MIN, INT8_MAX);
        break;
    case LAYOUT_INT16:
        ((int16_t *)values)[i] = (int16_t)json_text_read_int(t, INT16_MIN, INT16_MAX);
        break;
    case LAYOUT_INT32:
        ((int32_t *)values)[i] = (int32_t)json_text_read_int(t, INT32_MIN, INT32_MAX);
        break;
    case LAYOUT_INT64:
        ((int64_t *)values)[i] = json_text_read_int(t, INT64_MIN, INT64_MAX);
        break;
    case LAYOUT_FLOAT:
        ((uint32_t *)values)[i] = json_text_read_float(t);
        break;
    case LAYOUT_DOUBLE:
        ((uint64_t *)values)[i] = json_text_read_double(t);
        break;
    case LAYOUT_FIXED16:
        read_fixed16(t, c, i);
        break;
    case LAYOUT_VIEW:
        read_view(t, c, i);
        break;
    }
}

static void read_types(JsonText *t, Arena *arena, Type **ret_types, uint32_t *ret_count)
{
    Type *types = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    for (bool more = !json_text_next(t, "]"); more && !t->failed; more = json_text_more(t, ']')) {
        Type type = {0};
        json_text_expect(t, "[");
        Str name = json_text_read_str(t);
        json_text_expect(t, ",");
        int32_t typmod = (int32_t)json_text_read_int(t, INT32_MIN, INT32_MAX);
        json_text_expect(t, "]");
        if (t->failed || count == WAL_COLUMNS_MAX || !type_from_pg_name(name, &type))
            t->failed = true;
        type.typmod = typmod;
        if (!t->failed)
            ARENA_PUSH(arena, types, count, cap, type);
    }
    *ret_types = types;
    *ret_count = count;
}

/* A row begins with a bracket, so their number bounds the rows. */
static uint32_t count_rows(const JsonText *t)
{
    uint32_t count = 0;
    for (const char *p = t->at; p < t->end && (p = memchr(p, '[', (size_t)(t->end - p))); p++)
        count++;
    return count;
}

static Status read_row(JsonText *t, Column *columns, uint32_t column_count, uint32_t row_idx,
                       Arena *arena, Error *err)
{
    json_text_expect(t, "[");
    for (uint32_t j = 0; j < column_count && !t->failed; j++) {
        if (j)
            json_text_expect(t, ",");
        if (!json_text_next(t, "null")) {
            read_value(t, &columns[j], row_idx);
            continue;
        }
        TRY(column_need_validity(&columns[j], arena, err));
        bit_clear(column_validity(&columns[j]), row_idx);
    }
    json_text_expect(t, "]");
    return STATUS_OK;
}

static Status read_rows(JsonText *t, const Type *types, uint32_t column_count, Arena *arena,
                        RecordBatch *ret, Error *err)
{
    uint32_t row_max = count_rows(t);
    uint32_t row_count = 0;
    Column *columns;

    /* Every value takes a byte, so honest columns are not larger than the text. */
    if ((uint64_t)row_max * column_count > (uint64_t)(t->end - t->at))
        row_max = (uint32_t)((uint64_t)(t->end - t->at) / column_count);
    TRY(WAL_ALLOC(arena, &columns, column_count, err));
    for (uint32_t j = 0; j < column_count; j++)
        TRY(column_init(&columns[j], arena, types[j], row_max, false, err));
    for (bool more = !json_text_next(t, "]"); more && !t->failed; more = json_text_more(t, ']')) {
        if (row_count == row_max) {
            t->failed = true;
            break;
        }
        TRY(read_row(t, columns, column_count, row_count++, arena, err));
    }
    for (uint32_t j = 0; j < column_count; j++)
        columns[j].len = row_count;
    *ret = (RecordBatch){.columns = columns, .column_count = column_count, .row_count = row_count};
    return STATUS_OK;
}

/* Ids, as they stand before the columns. */
static void read_head(JsonText *t, WalRows *rows)
{
    json_text_expect(t, "{\"table\":");
    rows->table_id = (uint32_t)json_text_read_uint(t, UINT32_MAX);
    json_text_expect(t, ",\"schema\":");
    rows->schema_version = (uint32_t)json_text_read_uint(t, UINT32_MAX);
    json_text_expect(t, ",\"txn\":");
    rows->txn_id = json_text_read_uint(t, UINT64_MAX);
    json_text_expect(t, ",\"columns\":[");
}

Status wal__json_rows_txn_decode(Str payload, uint64_t *ret_txn_id, Error *err)
{
    JsonText t = json_text(payload, NULL);
    WalRows rows = {0};

    read_head(&t, &rows);
    if (t.failed)
        return corrupt(err);
    *ret_txn_id = rows.txn_id;
    return STATUS_OK;
}

Status wal__json_rows_decode(Str payload, Arena *arena, WalRows *ret, Error *err)
{
    JsonText t = json_text(payload, arena);
    WalRows rows = {0};
    Type *types;
    uint32_t column_count;

    read_head(&t, &rows);
    read_types(&t, arena, &types, &column_count);
    json_text_expect(&t, ",\"rows\":[");
    if (t.failed)
        return corrupt(err);
    TRY(read_rows(&t, types, column_count, arena, &rows.batch, err));
    json_text_expect(&t, "}");
    if (t.failed || t.at != t.end)
        return corrupt(err);
    *ret = rows;
    return STATUS_OK;
}
