/* catalog_change.c - DDL as JSON text: docs/formats/catalog.md section 1.
 *
 * The text is JSON for people and tools. It is only ever written here, without white space and with
 * its members in one order, so it is read by expecting exactly that.
 */
#include <inttypes.h>

#include "storage/catalog/catalog_int.h"

enum { CHANGE_FORMAT = 2, ELEMENTS_MAX = 100000 };

static const char *const op_names[] = {
    [CATALOG_PUT] = "put", [CATALOG_DROP] = "drop", [CATALOG_SET_SEQUENCE] = "set sequence"};

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

static void append_object(Buf *out, const CatalogLayout *layout, const void *object);

static void append_elements(Buf *out, const CatalogField *field, const char *object)
{
    const void *at = object + field->offset;
    uint32_t count = *(const uint32_t *)(const void *)(object + field->count_offset);

    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_append_byte(out, ',');
        if (field->kind == FIELD_TEXTS)
            append_text(out, (*(const Str *const *)at)[i]);
        else if (field->kind == FIELD_IDS)
            buf_printf(out, "%u", (*(const uint32_t *const *)at)[i]);
        else if (field->kind == FIELD_U16S)
            buf_printf(out, "%u", (*(const uint16_t *const *)at)[i]);
        else
            append_object(out, field->elements,
                          *(const char *const *)at + i * field->elements->size);
    }
    buf_append_byte(out, ']');
}

static void append_type(Buf *out, Type type)
{
    /* The OID names the type for ever; TypeId is this build's numbering. */
    buf_printf(out, "{\"oid\":%u,\"typmod\":%d,\"array\":%s}",
               type_oid((Type){.id = type.id, .typmod = -1}), type.typmod,
               type.is_array ? "true" : "false");
}

static void append_field(Buf *out, const CatalogField *field, const char *object)
{
    const void *at = object + field->offset;

    switch (field->kind) {
    case FIELD_TEXT:
        append_text(out, *(const Str *)at);
        break;
    case FIELD_ID:
    case FIELD_U32:
        buf_printf(out, "%u", *(const uint32_t *)at);
        break;
    case FIELD_I32:
        buf_printf(out, "%d", *(const int32_t *)at);
        break;
    case FIELD_I64:
        buf_printf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case FIELD_BOOL:
        buf_append_str(out, *(const bool *)at ? STR("true") : STR("false"));
        break;
    case FIELD_ENUM:
        append_text(out, str_from(field->names[*(const uint32_t *)at]));
        break;
    case FIELD_TYPE:
        append_type(out, *(const Type *)at);
        break;
    case FIELD_TEXTS:
    case FIELD_IDS:
    case FIELD_U16S:
    case FIELD_LIST:
        append_elements(out, field, object);
        break;
    }
}

static void append_object(Buf *out, const CatalogLayout *layout, const void *object)
{
    for (uint32_t f = 0; f < layout->field_count; f++) {
        buf_printf(out, "%c\"%s\":", f ? ',' : '{', layout->fields[f].name);
        append_field(out, &layout->fields[f], object);
    }
    buf_append_byte(out, '}');
}

void catalog_change_encode(const CatalogChange *change, Buf *out)
{
    buf_printf(out, "{\"format\":%d,\"op\":\"%s\",\"kind\":\"%s\",\"id\":%u,\"before\":%u",
               CHANGE_FORMAT, op_names[change->op], catalog__layouts[change->kind].name, change->id,
               change->version_before);
    if (change->op == CATALOG_PUT) {
        buf_append_lit(out, ",\"object\":");
        append_object(out, &catalog__layouts[change->kind], change->object);
    } else if (change->op == CATALOG_SET_SEQUENCE) {
        buf_printf(out, ",\"value\":%" PRId64 ",\"called\":%s", change->value,
                   change->is_called ? "true" : "false");
    }
    buf_append_byte(out, '}');
}

/* ---------------------------------------------------------------- reading */

/* The rest of the text; after a failure everything reads as empty. */
typedef struct ChangeReader {
    Str rest;
    Arena *arena;
    bool failed;
    uint32_t unknown_type; /* an OID this program has no type for */
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

static void expect_member(ChangeReader *r, const char *before, const char *name)
{
    expect(r, before);
    expect(r, "\"");
    expect(r, name);
    expect(r, "\":");
}

static int64_t read_int(ChangeReader *r, int64_t min, int64_t max)
{
    int64_t value = 0;
    size_t len = 0;

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

static bool read_bool(ChangeReader *r)
{
    if (accept(r, "true"))
        return true;
    expect(r, "false");
    return false;
}

/* Undoes append_text, into the arena. */
static Str read_text(ChangeReader *r)
{
    size_t len = 0;

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
    r->failed |= !str_utf8_valid((Str){text, len});
    return (Str){text, len};
}

static uint32_t read_name(ChangeReader *r, const char *const *names)
{
    Str name = read_text(r);

    for (uint32_t i = 0; names[i]; i++)
        if (str_eq(name, str_from(names[i])))
            return i;
    r->failed = true;
    return 0;
}

static Type read_type(ChangeReader *r)
{
    Type type = {0};

    expect_member(r, "{", "oid");
    uint32_t oid = (uint32_t)read_int(r, 0, UINT32_MAX);
    expect_member(r, ",", "typmod");
    int32_t typmod = (int32_t)read_int(r, INT32_MIN, INT32_MAX);
    expect_member(r, ",", "array");
    bool is_array = read_bool(r);
    expect(r, "}");
    if (!r->failed && (!type_from_oid(oid, &type) || type.is_array)) {
        r->unknown_type = oid;
        r->failed = true;
    }
    return (Type){.id = type.id, .is_array = is_array, .typmod = typmod};
}

static void read_object(ChangeReader *r, const CatalogLayout *layout, void *object);

static size_t element_size(const CatalogField *field)
{
    return field->kind == FIELD_TEXTS  ? sizeof(Str)
           : field->kind == FIELD_IDS  ? sizeof(uint32_t)
           : field->kind == FIELD_U16S ? sizeof(uint16_t)
                                       : field->elements->size;
}

static void read_elements(ChangeReader *r, const CatalogField *field, char *object)
{
    size_t size = element_size(field);
    char *elements = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    expect(r, "[");
    while (!accept(r, "]") && !r->failed) {
        if (count)
            expect(r, ",");
        if (count == cap) {
            cap = cap ? cap * 2 : 8;
            char *more = arena_zalloc(r->arena, cap * size);
            if (count)
                memcpy(more, elements, count * size);
            elements = more;
        }
        void *at = elements + count++ * size;
        if (field->kind == FIELD_TEXTS)
            *(Str *)at = read_text(r);
        else if (field->kind == FIELD_IDS)
            *(uint32_t *)at = (uint32_t)read_int(r, 0, UINT32_MAX);
        else if (field->kind == FIELD_U16S)
            *(uint16_t *)at = (uint16_t)read_int(r, 0, UINT16_MAX);
        else
            read_object(r, field->elements, at);
        r->failed |= count > ELEMENTS_MAX;
    }
    *(const void **)(void *)(object + field->offset) = elements;
    *(uint32_t *)(void *)(object + field->count_offset) = count;
}

static void read_field(ChangeReader *r, const CatalogField *field, char *object)
{
    void *at = object + field->offset;

    switch (field->kind) {
    case FIELD_TEXT:
        *(Str *)at = read_text(r);
        break;
    case FIELD_ID:
    case FIELD_U32:
        *(uint32_t *)at = (uint32_t)read_int(r, 0, UINT32_MAX);
        break;
    case FIELD_I32:
        *(int32_t *)at = (int32_t)read_int(r, INT32_MIN, INT32_MAX);
        break;
    case FIELD_I64:
        *(int64_t *)at = read_int(r, INT64_MIN, INT64_MAX);
        break;
    case FIELD_BOOL:
        *(bool *)at = read_bool(r);
        break;
    case FIELD_ENUM:
        *(uint32_t *)at = read_name(r, field->names);
        break;
    case FIELD_TYPE:
        *(Type *)at = read_type(r);
        break;
    case FIELD_TEXTS:
    case FIELD_IDS:
    case FIELD_U16S:
    case FIELD_LIST:
        read_elements(r, field, object);
        break;
    }
}

/* Layouts nest two levels deep, so this recursion is bounded. */
static void read_object(ChangeReader *r, const CatalogLayout *layout, void *object)
{
    for (uint32_t f = 0; f < layout->field_count && !r->failed; f++) {
        expect_member(r, f ? "," : "{", layout->fields[f].name);
        read_field(r, &layout->fields[f], object);
    }
    expect(r, "}");
}

static CatalogOp read_op(ChangeReader *r)
{
    static const char *const names[] = {"put", "drop", "set sequence", NULL};
    expect_member(r, ",", "op");
    return (CatalogOp)read_name(r, names);
}

static CatalogKind read_kind(ChangeReader *r)
{
    expect_member(r, ",", "kind");
    Str name = read_text(r);
    for (int kind = 0; kind < CATALOG_KIND_COUNT_; kind++)
        if (str_eq(name, str_from(catalog__layouts[kind].name)))
            return (CatalogKind)kind;
    r->failed = true;
    return CATALOG_SCHEMA;
}

static void read_body(ChangeReader *r, CatalogChange *change)
{
    const CatalogLayout *layout = &catalog__layouts[change->kind];

    if (change->op == CATALOG_PUT && !r->failed) {
        CatalogHead *object = arena_zalloc(r->arena, layout->size);
        expect_member(r, ",", "object");
        read_object(r, layout, object);
        r->failed |= object->id != change->id;
        change->object = object;
    } else if (change->op == CATALOG_SET_SEQUENCE) {
        expect_member(r, ",", "value");
        change->value = read_int(r, INT64_MIN, INT64_MAX);
        expect_member(r, ",", "called");
        change->is_called = read_bool(r);
    }
    expect(r, "}");
}

Status catalog_change_decode(Str bytes, Arena *arena, CatalogChange *ret_change, Error *err)
{
    ChangeReader r = {.rest = bytes, .arena = arena};
    CatalogChange change = {0};

    expect_member(&r, "{", "format");
    int64_t format = read_int(&r, 0, INT32_MAX);
    if (!r.failed && format != CHANGE_FORMAT)
        return error_set(err, STATUS_UNSUPPORTED,
                         "catalog change of format %" PRId64 "; this version reads %d", format,
                         CHANGE_FORMAT);
    change.op = read_op(&r);
    change.kind = read_kind(&r);
    expect_member(&r, ",", "id");
    change.id = (uint32_t)read_int(&r, 0, UINT32_MAX);
    expect_member(&r, ",", "before");
    change.version_before = (uint32_t)read_int(&r, 0, UINT32_MAX);
    read_body(&r, &change);
    if (r.unknown_type)
        return error_set(err, STATUS_UNSUPPORTED, "object %u has a column of unknown type %u",
                         change.id, r.unknown_type);
    if (r.failed || r.rest.len != 0)
        return error_set(err, STATUS_CORRUPT, "catalog change of %zu bytes is malformed",
                         bytes.len);
    *ret_change = change;
    return STATUS_OK;
}
