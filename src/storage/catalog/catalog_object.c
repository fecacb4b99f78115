/* catalog_object.c - what the objects of the catalog are made of, as tables that the copier and the
 * JSON codec walk. The order of fields is that of the JSON text (docs/formats/catalog.md). */
#include "storage/catalog/catalog_int.h"

#define FIELD(type_, member_, name_, kind_)                                                        \
    {                                                                                              \
        .name = (name_), .kind = (kind_), .offset = offsetof(type_, member_)                       \
    }
#define ARRAY(type_, member_, count_, name_, kind_)                                                \
    {                                                                                              \
        .name = (name_), .kind = (kind_), .offset = offsetof(type_, member_),                      \
        .count_offset = offsetof(type_, count_)                                                    \
    }
#define LIST(type_, member_, count_, name_, elements_)                                             \
    {                                                                                              \
        .name = (name_), .kind = FIELD_LIST, .offset = offsetof(type_, member_),                   \
        .count_offset = offsetof(type_, count_), .elements = &(elements_)                          \
    }
#define ENUM(type_, member_, name_, names_)                                                        \
    {                                                                                              \
        .name = (name_), .kind = FIELD_ENUM, .offset = offsetof(type_, member_), .names = (names_) \
    }
#define HEAD(type_, version_)                                                                      \
    FIELD(type_, id, "id", FIELD_ID), FIELD(type_, version_, "version", FIELD_U32),                \
        FIELD(type_, schema, "schema", FIELD_TEXT), FIELD(type_, name, "name", FIELD_TEXT)
#define LAYOUT(name_, type_, fields_)                                                              \
    {                                                                                              \
        .name = (name_), .size = sizeof(type_), .fields = (fields_),                               \
        .field_count = LUMA_ARRAY_LEN(fields_)                                                     \
    }

static const char *const source_names[] = {
    [COLUMN_PLAIN] = "plain",
    [COLUMN_STORED] = "stored",
    [COLUMN_IDENTITY_ALWAYS] = "identity always",
    [COLUMN_IDENTITY_DEFAULT] = "identity default",
    [COLUMN_SERIAL] = "serial",
    NULL,
};
static const char *const type_kind_names[] = {
    [CATALOG_ENUM] = "enum", [CATALOG_DOMAIN] = "domain", [CATALOG_COMPOSITE] = "composite", NULL};
static const char *const table_kind_names[] = {
    [TABLE_METRICS] = "metrics",     [TABLE_METRIC] = "metric",
    [TABLE_EXEMPLARS] = "exemplars", [TABLE_METRIC_METADATA] = "metric metadata",
    [TABLE_LOGS] = "logs",           [TABLE_TRACES] = "traces",
    [TABLE_USER] = "user",           NULL,
};

static const CatalogField column_fields[] = {
    FIELD(TableColumn, name, "name", FIELD_TEXT),
    FIELD(TableColumn, type, "type", FIELD_TYPE),
    FIELD(TableColumn, not_null, "not_null", FIELD_BOOL),
    FIELD(TableColumn, dropped, "dropped", FIELD_BOOL),
    ENUM(TableColumn, source, "source", source_names),
    FIELD(TableColumn, default_text, "default", FIELD_TEXT),
    FIELD(TableColumn, sequence_id, "sequence", FIELD_ID),
    FIELD(TableColumn, domain_id, "domain", FIELD_ID),
};
static const CatalogLayout column_layout = LAYOUT("column", TableColumn, column_fields);

static const CatalogField key_fields[] = {
    FIELD(TableKey, id, "id", FIELD_ID),
    FIELD(TableKey, name, "name", FIELD_TEXT),
    FIELD(TableKey, primary, "primary", FIELD_BOOL),
    FIELD(TableKey, is_index, "index", FIELD_BOOL),
    FIELD(TableKey, nulls_not_distinct, "nulls_equal", FIELD_BOOL),
    ARRAY(TableKey, columns, column_count, "columns", FIELD_U16S),
};
static const CatalogLayout key_layout = LAYOUT("key", TableKey, key_fields);

static const CatalogField check_fields[] = {
    FIELD(TableCheck, id, "id", FIELD_ID),
    FIELD(TableCheck, name, "name", FIELD_TEXT),
    FIELD(TableCheck, text, "text", FIELD_TEXT),
};
static const CatalogLayout check_layout = LAYOUT("check", TableCheck, check_fields);

static const CatalogField label_fields[] = {
    FIELD(EnumLabel, name, "name", FIELD_TEXT),
    FIELD(EnumLabel, value, "value", FIELD_I64),
};
static const CatalogLayout label_layout = LAYOUT("label", EnumLabel, label_fields);

static const CatalogField composite_fields[] = {
    FIELD(CompositeField, name, "name", FIELD_TEXT),
    FIELD(CompositeField, type, "type", FIELD_TYPE),
};
static const CatalogLayout composite_layout = LAYOUT("field", CompositeField, composite_fields);

static const CatalogField schema_fields[] = {
    HEAD(CatalogSchema, version),
    FIELD(CatalogSchema, owner, "owner", FIELD_ID),
};
static const CatalogField table_fields[] = {
    HEAD(Table, schema_version),
    ENUM(Table, kind, "kind", table_kind_names),
    FIELD(Table, store_id, "store", FIELD_ID),
    FIELD(Table, time_column, "time_column", FIELD_I32),
    FIELD(Table, options, "options", FIELD_TEXT),
    LIST(Table, columns, column_count, "columns", column_layout),
    LIST(Table, keys, key_count, "keys", key_layout),
    LIST(Table, checks, check_count, "checks", check_layout),
    FIELD(Table, query, "query", FIELD_TEXT),
    FIELD(Table, populated, "populated", FIELD_BOOL),
    FIELD(Table, owner, "owner", FIELD_ID),
};
static const CatalogField view_fields[] = {
    HEAD(CatalogView, version),
    FIELD(CatalogView, query, "query", FIELD_TEXT),
    ARRAY(CatalogView, columns, column_count, "columns", FIELD_TEXTS),
    FIELD(CatalogView, options, "options", FIELD_TEXT),
    FIELD(CatalogView, owner, "owner", FIELD_ID),
};
static const CatalogField sequence_fields[] = {
    HEAD(CatalogSequence, version),
    FIELD(CatalogSequence, state_id, "state", FIELD_ID),
    FIELD(CatalogSequence, type, "type", FIELD_TYPE),
    FIELD(CatalogSequence, start, "start", FIELD_I64),
    FIELD(CatalogSequence, increment, "increment", FIELD_I64),
    FIELD(CatalogSequence, min, "min", FIELD_I64),
    FIELD(CatalogSequence, max, "max", FIELD_I64),
    FIELD(CatalogSequence, cache, "cache", FIELD_I64),
    FIELD(CatalogSequence, cycle, "cycle", FIELD_BOOL),
    FIELD(CatalogSequence, first, "first", FIELD_I64),
    FIELD(CatalogSequence, first_called, "first_called", FIELD_BOOL),
    FIELD(CatalogSequence, owner_table, "owner_table", FIELD_ID),
    FIELD(CatalogSequence, owner_column, "owner_column", FIELD_U32),
    FIELD(CatalogSequence, identity, "identity", FIELD_BOOL),
    FIELD(CatalogSequence, owner, "owner", FIELD_ID),
};
static const CatalogField type_fields[] = {
    HEAD(CatalogType, version),
    ENUM(CatalogType, kind, "kind", type_kind_names),
    LIST(CatalogType, labels, label_count, "labels", label_layout),
    FIELD(CatalogType, base, "base", FIELD_TYPE),
    FIELD(CatalogType, base_domain, "base_domain", FIELD_ID),
    FIELD(CatalogType, not_null, "not_null", FIELD_BOOL),
    FIELD(CatalogType, default_text, "default", FIELD_TEXT),
    LIST(CatalogType, checks, check_count, "checks", check_layout),
    LIST(CatalogType, fields, field_count, "fields", composite_layout),
    FIELD(CatalogType, owner, "owner", FIELD_ID),
};
static const CatalogField index_fields[] = {
    HEAD(CatalogIndex, version),
    FIELD(CatalogIndex, table_id, "table", FIELD_ID),
    FIELD(CatalogIndex, method, "method", FIELD_TEXT),
    FIELD(CatalogIndex, unique, "unique", FIELD_BOOL),
    ARRAY(CatalogIndex, columns, column_count, "columns", FIELD_TEXTS),
    FIELD(CatalogIndex, include_count, "include", FIELD_U32),
    FIELD(CatalogIndex, predicate, "predicate", FIELD_TEXT),
};
static const CatalogField comment_fields[] = {
    HEAD(CatalogComment, version),
    FIELD(CatalogComment, class_id, "class", FIELD_U32),
    FIELD(CatalogComment, object_id, "object", FIELD_U32),
    FIELD(CatalogComment, sub_id, "sub", FIELD_U32),
    FIELD(CatalogComment, text, "text", FIELD_TEXT),
};
static const CatalogField user_fields[] = {
    HEAD(CatalogUser, version),
    FIELD(CatalogUser, verifier, "verifier", FIELD_TEXT),
    FIELD(CatalogUser, role, "role", FIELD_U32),
    FIELD(CatalogUser, can_login, "login", FIELD_BOOL),
    FIELD(CatalogUser, create_role, "create_role", FIELD_BOOL),
    FIELD(CatalogUser, create_db, "create_db", FIELD_BOOL),
    FIELD(CatalogUser, inherit, "inherit", FIELD_BOOL),
    FIELD(CatalogUser, valid_until_us, "valid_until_us", FIELD_I64),
    ARRAY(CatalogUser, member_of, member_of_count, "member_of", FIELD_IDS),
    FIELD(CatalogUser, connection_limit, "connection_limit", FIELD_I64),
};
static const CatalogField grant_fields[] = {
    HEAD(CatalogGrant, version),
    FIELD(CatalogGrant, object_id, "object", FIELD_U32),
    FIELD(CatalogGrant, user_id, "user", FIELD_ID),
    FIELD(CatalogGrant, privileges, "privileges", FIELD_U32),
    FIELD(CatalogGrant, grantable, "grantable", FIELD_U32),
};

const CatalogLayout catalog__layouts[CATALOG_KIND_COUNT_] = {
    [CATALOG_SCHEMA] = LAYOUT("schema", CatalogSchema, schema_fields),
    [CATALOG_TABLE] = LAYOUT("table", Table, table_fields),
    [CATALOG_VIEW] = LAYOUT("view", CatalogView, view_fields),
    [CATALOG_SEQUENCE] = LAYOUT("sequence", CatalogSequence, sequence_fields),
    [CATALOG_TYPE] = LAYOUT("type", CatalogType, type_fields),
    [CATALOG_INDEX] = LAYOUT("index", CatalogIndex, index_fields),
    [CATALOG_COMMENT] = LAYOUT("comment", CatalogComment, comment_fields),
    [CATALOG_USER] = LAYOUT("user", CatalogUser, user_fields),
    [CATALOG_GRANT] = LAYOUT("grant", CatalogGrant, grant_fields),
};

/* ---------------------------------------------------------------- copying */

static void *copy_object(const CatalogLayout *layout, const void *objects, uint32_t count,
                         Arena *arena);

/* Replaces what the field of a flat copy points to by a copy in the arena. */
static void deepen(const CatalogField *field, char *object, Arena *arena)
{
    void *at = object + field->offset;
    uint32_t count = *(const uint32_t *)(const void *)(object + field->count_offset);

    switch (field->kind) {
    case FIELD_TEXT:
        *(Str *)at = arena_str(arena, *(Str *)at);
        break;
    case FIELD_TEXTS: {
        Str *texts = arena_dup(arena, *(const Str **)at, sizeof *texts * count);
        for (uint32_t i = 0; i < count; i++)
            texts[i] = arena_str(arena, texts[i]);
        *(const Str **)at = texts;
        break;
    }
    case FIELD_IDS:
        *(const uint32_t **)at = arena_dup(arena, *(const uint32_t **)at, sizeof(uint32_t) * count);
        break;
    case FIELD_U16S:
        *(const uint16_t **)at = arena_dup(arena, *(const uint16_t **)at, sizeof(uint16_t) * count);
        break;
    case FIELD_LIST:
        *(const void **)at = copy_object(field->elements, *(const void **)at, count, arena);
        break;
    case FIELD_ID:
    case FIELD_U32:
    case FIELD_I32:
    case FIELD_I64:
    case FIELD_BOOL:
    case FIELD_ENUM:
    case FIELD_TYPE:
        break;
    }
}

static void *copy_object(const CatalogLayout *layout, const void *objects, uint32_t count,
                         Arena *arena)
{
    char *copies = arena_dup(arena, objects, layout->size * count);

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t f = 0; f < layout->field_count; f++)
            deepen(&layout->fields[f], copies + i * layout->size, arena);
    return copies;
}

void *catalog_copy(CatalogKind kind, const void *object, Arena *arena)
{
    return copy_object(&catalog__layouts[kind], object, 1, arena);
}

uint32_t catalog__max_id(const CatalogLayout *layout, const void *object)
{
    uint32_t max = 0;

    for (uint32_t f = 0; f < layout->field_count; f++) {
        const CatalogField *field = &layout->fields[f];
        const char *at = (const char *)object + field->offset;
        if (field->kind == FIELD_ID)
            max = LUMA_MAX(max, *(const uint32_t *)(const void *)at);
        if (field->kind != FIELD_LIST)
            continue;
        uint32_t count =
            *(const uint32_t *)(const void *)((const char *)object + field->count_offset);
        const char *elements = *(const char *const *)(const void *)at;
        for (uint32_t i = 0; i < count; i++)
            max = LUMA_MAX(max,
                           catalog__max_id(field->elements, elements + i * field->elements->size));
    }
    return max;
}
