/* catalog_change.c - DDL as bytes: docs/formats/catalog.md section 1. */
#include "storage/catalog/catalog.h"

enum { CHANGE_FORMAT = 1, COLUMNS_MAX = 1600 };

enum { COLUMN_NOT_NULL = 1, COLUMN_DROPPED = 2, COLUMN_ARRAY = 4 };

static void append_text(Buf *out, Str text)
{
    buf_append_varint(out, text.len);
    buf_append_str(out, text);
}

static void append_table(Buf *out, const Table *table)
{
    buf_append_varint(out, table->schema_version);
    buf_append_varint(out, zigzag_encode(table->time_column));
    append_text(out, table->options);
    buf_append_varint(out, table->column_count);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const TableColumn *c = &table->columns[i];
        append_text(out, c->name);
        /* The OID names the type for ever; TypeId is this build's numbering. */
        buf_append_varint(out, type_oid((Type){.id = c->type.id, .typmod = -1}));
        buf_append_varint(out, zigzag_encode(c->type.typmod));
        buf_append_byte(out, (uint8_t)((c->not_null ? COLUMN_NOT_NULL : 0) |
                                       (c->dropped ? COLUMN_DROPPED : 0) |
                                       (c->type.is_array ? COLUMN_ARRAY : 0)));
        append_text(out, c->default_text);
    }
    buf_append_varint(out, table->primary_key_count);
    for (uint32_t i = 0; i < table->primary_key_count; i++)
        buf_append_varint(out, table->primary_key[i]);
}

void catalog_change_encode(const CatalogChange *change, Buf *out)
{
    buf_append_byte(out, CHANGE_FORMAT);
    buf_append_byte(out, (uint8_t)change->kind);
    buf_append_varint(out, change->id);
    append_text(out, change->schema);
    append_text(out, change->name);
    append_text(out, change->query);
    if (change->kind == CATALOG_CREATE_TABLE)
        append_table(out, change->table);
}

static Str read_text(BufReader *r)
{
    uint64_t len = buf_read_varint(r);
    if (len > buf_reader_left(r)) {
        r->failed = true;
        return (Str){"", 0};
    }
    return buf_read_bytes(r, (size_t)len);
}

static Status read_column(BufReader *r, TableColumn *ret, Error *err)
{
    *ret = (TableColumn){.name = read_text(r)};
    uint64_t oid = buf_read_varint(r);
    int64_t typmod = zigzag_decode(buf_read_varint(r));
    uint8_t flags = buf_read_u8(r);
    ret->default_text = read_text(r);
    if (!r->failed && (oid > UINT32_MAX || !type_from_oid((uint32_t)oid, &ret->type) ||
                       ret->type.is_array || typmod < INT32_MIN || typmod > INT32_MAX))
        return error_set(err, STATUS_UNSUPPORTED, "column \"%.*s\" has unknown type %llu",
                         STR_FMT(ret->name), (unsigned long long)oid);
    ret->type.is_array = flags & COLUMN_ARRAY;
    ret->type.typmod = (int32_t)typmod;
    ret->not_null = flags & COLUMN_NOT_NULL;
    ret->dropped = flags & COLUMN_DROPPED;
    return STATUS_OK;
}

static Status read_table(BufReader *r, Arena *arena, Table *table, Error *err)
{
    table->schema_version = (uint32_t)buf_read_varint(r);
    table->time_column = (int32_t)zigzag_decode(buf_read_varint(r));
    table->options = read_text(r);
    uint64_t column_count = buf_read_varint(r);
    if (column_count > COLUMNS_MAX)
        return error_set(err, STATUS_CORRUPT, "catalog change with %llu columns",
                         (unsigned long long)column_count);
    TableColumn *columns = ARENA_NEW_ARRAY(arena, TableColumn, column_count);
    for (uint64_t i = 0; i < column_count; i++)
        TRY(read_column(r, &columns[i], err));
    table->columns = columns;
    table->column_count = (uint32_t)column_count;
    uint64_t key_count = buf_read_varint(r);
    if (key_count > column_count)
        return error_set(err, STATUS_CORRUPT, "catalog change with a key of %llu columns",
                         (unsigned long long)key_count);
    uint16_t *key = ARENA_NEW_ARRAY(arena, uint16_t, key_count);
    for (uint64_t i = 0; i < key_count; i++)
        key[i] = (uint16_t)buf_read_varint(r);
    table->primary_key = key;
    table->primary_key_count = (uint32_t)key_count;
    return STATUS_OK;
}

Status catalog_change_decode(Str bytes, Arena *arena, CatalogChange *ret_change, Error *err)
{
    BufReader r = buf_reader(bytes);
    uint8_t format = buf_read_u8(&r);
    CatalogChange change = {0};

    if (!r.failed && format != CHANGE_FORMAT)
        return error_set(err, STATUS_UNSUPPORTED,
                         "catalog change of format %d; this version reads %d", format,
                         CHANGE_FORMAT);
    change.kind = (CatalogChangeKind)buf_read_u8(&r);
    change.id = (uint32_t)buf_read_varint(&r);
    change.schema = read_text(&r);
    change.name = read_text(&r);
    change.query = read_text(&r);
    if (!r.failed && (change.kind < CATALOG_CREATE_SCHEMA || change.kind > CATALOG_DROP_VIEW))
        return error_set(err, STATUS_UNSUPPORTED, "catalog change of unknown kind %d",
                         (int)change.kind);
    if (change.kind == CATALOG_CREATE_TABLE) {
        Table *table = ARENA_NEW(arena, Table);
        TRY(read_table(&r, arena, table, err));
        *table = (Table){.id = change.id,
                         .schema_version = table->schema_version,
                         .kind = TABLE_USER,
                         .schema = change.schema,
                         .name = change.name,
                         .columns = table->columns,
                         .column_count = table->column_count,
                         .time_column = table->time_column,
                         .options = table->options,
                         .primary_key_count = table->primary_key_count,
                         .primary_key = table->primary_key};
        change.table = table;
    }
    if (r.failed || buf_reader_left(&r) != 0)
        return error_set(err, STATUS_CORRUPT, "catalog change of %zu bytes is malformed",
                         bytes.len);
    *ret_change = change;
    return STATUS_OK;
}
