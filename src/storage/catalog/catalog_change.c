/* catalog_change.c - DDL as JSON text: docs/formats/catalog.md section 1.
 *
 * The text is JSON for people and tools. It is only ever written here, without white space and with
 * its members in one order, so it is read by expecting exactly that.
 */
#include "storage/catalog/catalog.h"

#include <inttypes.h>

enum { CHANGE_FORMAT = 1, COLUMNS_MAX = 1600, CONSTRAINTS_MAX = 10000 };

static const char *const kind_names[] = {
    [CATALOG_CREATE_SCHEMA] = "create schema", [CATALOG_DROP_SCHEMA] = "drop schema",
    [CATALOG_CREATE_TABLE] = "create table",   [CATALOG_DROP_TABLE] = "drop table",
    [CATALOG_CREATE_VIEW] = "create view",     [CATALOG_DROP_VIEW] = "drop view",
};

static const char *const source_names[] = {
    [COLUMN_PLAIN] = "plain",
    [COLUMN_STORED] = "stored",
    [COLUMN_IDENTITY_ALWAYS] = "identity always",
    [COLUMN_IDENTITY_DEFAULT] = "identity default",
    [COLUMN_SERIAL] = "serial",
};

/* ---------------------------------------------------------------- writing */

static void append_text(Buf *out, Str text)
{
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c < 0x20 || c == '"' || c == '\\')
            buf_printf(out, "\\u%04x", c);
        else
            buf_append_byte(out, c);
    }
    buf_append_byte(out, '"');
}

static void append_text_member(Buf *out, const char *before, Str text)
{
    buf_append_str(out, str_from(before));
    append_text(out, text);
}

static const char *bool_text(bool on)
{
    return on ? "true" : "false";
}

static void append_keys(Buf *out, const Table *table)
{
    buf_append_lit(out, ",\"keys\":[");
    for (uint32_t i = 0; i < table->key_count; i++) {
        const TableKey *key = &table->keys[i];
        buf_printf(out, "%s{\"id\":%u", i ? "," : "", key->id);
        append_text_member(out, ",\"name\":", key->name);
        buf_printf(out, ",\"primary\":%s,\"index\":%s,\"nulls_equal\":%s,\"columns\":[",
                   bool_text(key->primary), bool_text(key->is_index),
                   bool_text(key->nulls_not_distinct));
        for (uint32_t k = 0; k < key->column_count; k++)
            buf_printf(out, k ? ",%u" : "%u", key->columns[k]);
        buf_append_lit(out, "]}");
    }
    buf_append_lit(out, "],\"checks\":[");
    for (uint32_t i = 0; i < table->check_count; i++) {
        buf_printf(out, "%s{\"id\":%u", i ? "," : "", table->checks[i].id);
        append_text_member(out, ",\"name\":", table->checks[i].name);
        append_text_member(out, ",\"text\":", table->checks[i].text);
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
}

static void append_table(Buf *out, const Table *table)
{
    buf_printf(out, ",\"version\":%u,\"store\":%u,\"time_column\":%d", table->schema_version,
               table->store_id, table->time_column);
    append_text_member(out, ",\"options\":", table->options);
    buf_append_lit(out, ",\"columns\":[");
    for (uint32_t i = 0; i < table->column_count; i++) {
        const TableColumn *c = &table->columns[i];
        append_text_member(out, i ? ",{\"name\":" : "{\"name\":", c->name);
        /* The OID names the type for ever; TypeId is this build's numbering. */
        buf_printf(out, ",\"type\":%u,\"typmod\":%d,\"array\":%s,\"not_null\":%s,\"dropped\":%s",
                   type_oid((Type){.id = c->type.id, .typmod = -1}), c->type.typmod,
                   bool_text(c->type.is_array), bool_text(c->not_null), bool_text(c->dropped));
        buf_printf(out, ",\"source\":\"%s\"", source_names[c->source]);
        append_text_member(out, ",\"default\":", c->default_text);
        buf_printf(out, ",\"sequence\":%u,\"domain\":%u}", c->sequence_id, c->domain_id);
    }
    buf_append_byte(out, ']');
    append_keys(out, table);
}

void catalog_change_encode(const CatalogChange *change, Buf *out)
{
    buf_printf(out, "{\"format\":%d,\"kind\":\"%s\",\"id\":%u", CHANGE_FORMAT,
               kind_names[change->kind], change->id);
    append_text_member(out, ",\"schema\":", change->schema);
    append_text_member(out, ",\"name\":", change->name);
    append_text_member(out, ",\"query\":", change->query);
    if (change->kind == CATALOG_CREATE_TABLE)
        append_table(out, change->table);
    buf_append_byte(out, '}');
}

/* ---------------------------------------------------------------- reading */

/* The rest of the text; after a failure everything reads as empty. */
typedef struct ChangeReader {
    Str rest;
    Arena *arena;
    bool failed;
} ChangeReader;

static bool accept(ChangeReader *r, const char *literal)
{
    Str text = str_from(literal);

    if (r->failed || !str_starts(r->rest, text))
        return false;
    r->rest = str_sub(r->rest, text.len, r->rest.len);
    return true;
}

static void expect(ChangeReader *r, const char *literal)
{
    if (!accept(r, literal))
        r->failed = true;
}

static int64_t read_int(ChangeReader *r, const char *before, int64_t min, int64_t max)
{
    int64_t value = 0;
    size_t len = 0;

    expect(r, before);
    while (len < r->rest.len && len < 20 &&
           (r->rest.ptr[len] == '-' || (r->rest.ptr[len] >= '0' && r->rest.ptr[len] <= '9')))
        len++;
    if (r->failed || !str_to_i64(str_sub(r->rest, 0, len), &value) || value < min || value > max) {
        r->failed = true;
        return 0;
    }
    r->rest = str_sub(r->rest, len, r->rest.len);
    return value;
}

static bool read_bool(ChangeReader *r, const char *before)
{
    expect(r, before);
    if (accept(r, "true"))
        return true;
    expect(r, "false");
    return false;
}

/* Undoes append_text, into the arena. */
static Str read_text(ChangeReader *r, const char *before)
{
    size_t len = 0;

    expect(r, before);
    expect(r, "\"");
    ptrdiff_t end = r->failed ? -1 : str_find_byte(r->rest, '"'); /* quotes inside are escaped */
    if (end < 0) {
        r->failed = true;
        return (Str){"", 0};
    }
    Str raw = str_sub(r->rest, 0, (size_t)end);
    char *text = arena_alloc(r->arena, raw.len + 1);
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] != '\\') {
            text[len++] = raw.ptr[i];
            continue;
        }
        unsigned code = 0;
        Str escape = str_sub(raw, i, 6);
        for (size_t k = 2; k < 6 && escape.len == 6; k++) {
            char c = escape.ptr[k];
            unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                             : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                    : 99;
            code = digit > 15 ? 999 : code * 16 + digit;
        }
        r->failed |= escape.len < 6 || escape.ptr[1] != 'u' || code > 0x7F;
        text[len++] = (char)code;
        i += 5;
    }
    r->rest = str_sub(r->rest, (size_t)end + 1, r->rest.len);
    text[len] = '\0';
    return (Str){text, len};
}

static ColumnSource read_source(ChangeReader *r)
{
    Str name = read_text(r, ",\"source\":");

    for (int source = COLUMN_PLAIN; source <= COLUMN_SERIAL; source++)
        if (str_eq(name, str_from(source_names[source])))
            return (ColumnSource)source;
    r->failed = true;
    return COLUMN_PLAIN;
}

static Status read_column(ChangeReader *r, TableColumn *ret, Error *err)
{
    Type type = {0};

    ret->name = read_text(r, "{\"name\":");
    uint32_t oid = (uint32_t)read_int(r, ",\"type\":", 0, UINT32_MAX);
    int32_t typmod = (int32_t)read_int(r, ",\"typmod\":", INT32_MIN, INT32_MAX);
    if (!r->failed && (!type_from_oid(oid, &type) || type.is_array))
        return error_set(err, STATUS_UNSUPPORTED, "column \"%.*s\" has unknown type %u",
                         STR_FMT(ret->name), oid);
    ret->type = type;
    ret->type.typmod = typmod;
    ret->type.is_array = read_bool(r, ",\"array\":");
    ret->not_null = read_bool(r, ",\"not_null\":");
    ret->dropped = read_bool(r, ",\"dropped\":");
    ret->source = read_source(r);
    ret->default_text = read_text(r, ",\"default\":");
    ret->sequence_id = (uint32_t)read_int(r, ",\"sequence\":", 0, UINT32_MAX);
    ret->domain_id = (uint32_t)read_int(r, ",\"domain\":", 0, UINT32_MAX);
    expect(r, "}");
    return STATUS_OK;
}

static void read_key(ChangeReader *r, TableKey *ret)
{
    uint16_t *columns = NULL;
    uint32_t cap = 0;

    ret->id = (uint32_t)read_int(r, "{\"id\":", 0, UINT32_MAX);
    ret->name = read_text(r, ",\"name\":");
    ret->primary = read_bool(r, ",\"primary\":");
    ret->is_index = read_bool(r, ",\"index\":");
    ret->nulls_not_distinct = read_bool(r, ",\"nulls_equal\":");
    expect(r, ",\"columns\":[");
    while (!accept(r, "]") && !r->failed && ret->column_count < COLUMNS_MAX) {
        uint16_t column = (uint16_t)read_int(r, ret->column_count ? "," : "", 0, COLUMNS_MAX);
        ARENA_PUSH(r->arena, columns, ret->column_count, cap, column);
    }
    ret->columns = columns;
    expect(r, "}");
}

static void read_constraints(ChangeReader *r, Table *table)
{
    TableKey *keys = NULL;
    TableCheck *checks = NULL;
    uint32_t key_cap = 0;
    uint32_t check_cap = 0;

    expect(r, ",\"keys\":[");
    while (!accept(r, "]") && !r->failed && table->key_count < CONSTRAINTS_MAX) {
        TableKey key = {0};
        if (table->key_count)
            expect(r, ",");
        read_key(r, &key);
        ARENA_PUSH(r->arena, keys, table->key_count, key_cap, key);
    }
    expect(r, ",\"checks\":[");
    while (!accept(r, "]") && !r->failed && table->check_count < CONSTRAINTS_MAX) {
        TableCheck check = {0};
        if (table->check_count)
            expect(r, ",");
        check.id = (uint32_t)read_int(r, "{\"id\":", 0, UINT32_MAX);
        check.name = read_text(r, ",\"name\":");
        check.text = read_text(r, ",\"text\":");
        expect(r, "}");
        ARENA_PUSH(r->arena, checks, table->check_count, check_cap, check);
    }
    table->keys = keys;
    table->checks = checks;
}

static Status read_table(ChangeReader *r, const CatalogChange *change, Table *ret, Error *err)
{
    Table table = {
        .id = change->id, .kind = TABLE_USER, .schema = change->schema, .name = change->name};
    TableColumn *columns = NULL;
    uint32_t column_cap = 0;

    table.schema_version = (uint32_t)read_int(r, ",\"version\":", 0, UINT32_MAX);
    table.store_id = (uint32_t)read_int(r, ",\"store\":", 0, UINT32_MAX);
    table.time_column = (int32_t)read_int(r, ",\"time_column\":", -1, COLUMNS_MAX);
    table.options = read_text(r, ",\"options\":");
    expect(r, ",\"columns\":[");
    while (!accept(r, "]") && !r->failed && table.column_count < COLUMNS_MAX) {
        TableColumn column = {0};
        if (table.column_count)
            expect(r, ",");
        TRY(read_column(r, &column, err));
        ARENA_PUSH(r->arena, columns, table.column_count, column_cap, column);
    }
    table.columns = columns;
    read_constraints(r, &table);
    *ret = table;
    return STATUS_OK;
}

static CatalogChangeKind read_kind(ChangeReader *r)
{
    Str name = read_text(r, ",\"kind\":");

    for (int kind = CATALOG_CREATE_SCHEMA; kind <= CATALOG_DROP_VIEW; kind++)
        if (str_eq(name, str_from(kind_names[kind])))
            return (CatalogChangeKind)kind;
    r->failed = true;
    return CATALOG_CREATE_SCHEMA;
}

Status catalog_change_decode(Str bytes, Arena *arena, CatalogChange *ret_change, Error *err)
{
    ChangeReader r = {.rest = bytes, .arena = arena};
    CatalogChange change = {0};
    int64_t format = read_int(&r, "{\"format\":", 0, INT32_MAX);

    if (!r.failed && format != CHANGE_FORMAT)
        return error_set(err, STATUS_UNSUPPORTED,
                         "catalog change of format %" PRId64 "; this version reads %d", format,
                         CHANGE_FORMAT);
    change.kind = read_kind(&r);
    change.id = (uint32_t)read_int(&r, ",\"id\":", 0, UINT32_MAX);
    change.schema = read_text(&r, ",\"schema\":");
    change.name = read_text(&r, ",\"name\":");
    change.query = read_text(&r, ",\"query\":");
    if (!r.failed && change.kind == CATALOG_CREATE_TABLE) {
        Table *table = ARENA_NEW(arena, Table);
        TRY(read_table(&r, &change, table, err));
        change.table = table;
    }
    expect(&r, "}");
    if (r.failed || r.rest.len != 0)
        return error_set(err, STATUS_CORRUPT, "catalog change of %zu bytes is malformed",
                         bytes.len);
    *ret_change = change;
    return STATUS_OK;
}
