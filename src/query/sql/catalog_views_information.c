/* catalog_views_information.c - information_schema. */
#include "query/sql/catalog_views_int.h"

static const CatalogVersion *version_of(ViewRows *rows)
{
    return rows->views->version(rows->views->ctx);
}

static const ViewColumn schemata_columns[] = {
    {"catalog_name", TYPE_OF(NAME)},
    {"schema_name", TYPE_OF(NAME)},
    {"schema_owner", TYPE_OF(NAME)},
    {"default_character_set_catalog", TYPE_OF(NAME)},
    {"default_character_set_schema", TYPE_OF(NAME)},
    {"default_character_set_name", TYPE_OF(NAME)},
    {"sql_path", TYPE_OF(VARCHAR)},
};

static void add_schema(ViewRows *rows, Str name)
{
    view__text(rows, rows->views->database);
    view__text(rows, name);
    view__text(rows, rows->views->user);
    for (int i = 0; i < 4; i++)
        view__null(rows);
}

static void fill_schemata(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogSchema *schema;
    while ((schema = catalog_next_schema(version_of(rows), &pos)))
        add_schema(rows, schema->name);
    add_schema(rows, STR("information_schema"));
    add_schema(rows, STR("pg_catalog"));
}

static const ViewColumn tables_columns[] = {
    {"table_catalog", TYPE_OF(NAME)},
    {"table_schema", TYPE_OF(NAME)},
    {"table_name", TYPE_OF(NAME)},
    {"table_type", TYPE_OF(VARCHAR)},
    {"self_referencing_column_name", TYPE_OF(NAME)},
    {"reference_generation", TYPE_OF(VARCHAR)},
    {"user_defined_type_catalog", TYPE_OF(NAME)},
    {"user_defined_type_schema", TYPE_OF(NAME)},
    {"user_defined_type_name", TYPE_OF(NAME)},
    {"is_insertable_into", TYPE_OF(VARCHAR)},
    {"is_typed", TYPE_OF(VARCHAR)},
    {"commit_action", TYPE_OF(VARCHAR)},
};

static void add_table(ViewRows *rows, Str schema, Str name, const char *type, bool insertable)
{
    view__text(rows, rows->views->database);
    view__text(rows, schema);
    view__text(rows, name);
    view__name(rows, type);
    for (int i = 0; i < 5; i++)
        view__null(rows);
    view__name(rows, insertable ? "YES" : "NO");
    view__name(rows, "NO");
    view__null(rows);
}

static void fill_tables(ViewRows *rows)
{
    size_t pos = 0;
    const Table *table;
    const CatalogView *view;
    const ViewDef *def;
    while ((table = catalog_next_table(version_of(rows), &pos)))
        add_table(rows, table->schema, table->name, "BASE TABLE", true);
    pos = 0;
    while ((view = catalog_next_view(version_of(rows), &pos)))
        add_table(rows, view->schema, view->name, "VIEW", false);
    for (uint32_t i = 0; (def = view__at(i)); i++)
        add_table(rows, str_from(def->schema), str_from(def->name), "VIEW", false);
}

static const ViewColumn columns_columns[] = {
    {"table_catalog", TYPE_OF(NAME)},
    {"table_schema", TYPE_OF(NAME)},
    {"table_name", TYPE_OF(NAME)},
    {"column_name", TYPE_OF(NAME)},
    {"ordinal_position", TYPE_OF(INT4)},
    {"column_default", TYPE_OF(VARCHAR)},
    {"is_nullable", TYPE_OF(VARCHAR)},
    {"data_type", TYPE_OF(VARCHAR)},
    {"character_maximum_length", TYPE_OF(INT4)},
    {"character_octet_length", TYPE_OF(INT4)},
    {"numeric_precision", TYPE_OF(INT4)},
    {"numeric_precision_radix", TYPE_OF(INT4)},
    {"numeric_scale", TYPE_OF(INT4)},
    {"datetime_precision", TYPE_OF(INT4)},
    {"udt_catalog", TYPE_OF(NAME)},
    {"udt_schema", TYPE_OF(NAME)},
    {"udt_name", TYPE_OF(NAME)},
    {"is_identity", TYPE_OF(VARCHAR)},
    {"is_generated", TYPE_OF(VARCHAR)},
    {"is_updatable", TYPE_OF(VARCHAR)},
};

static void number_or_null(ViewRows *rows, int64_t number)
{
    if (number < 0)
        view__null(rows);
    else
        view__number(rows, number);
}

static int numeric_precision(Type type)
{
    if (type.is_array)
        return -1;
    switch ((TypeId)type.id) {
    case TYPE_INT2:
        return 16;
    case TYPE_INT4:
        return 32;
    case TYPE_INT8:
        return 64;
    case TYPE_FLOAT4:
        return 24;
    case TYPE_FLOAT8:
        return 53;
    case TYPE_NUMERIC:
        return type.typmod < 0 ? -1 : (type.typmod - 4) >> 16;
    default:
        return -1;
    }
}

static int numeric_scale(Type type)
{
    if (type.is_array)
        return -1;
    if (type_is_integer(type))
        return 0;
    return type.id == TYPE_NUMERIC && type.typmod >= 0 ? (type.typmod - 4) & 0x7ff : -1;
}

static int datetime_precision(Type type)
{
    if (type.is_array)
        return -1;
    switch ((TypeId)type.id) {
    case TYPE_DATE:
        return 0;
    case TYPE_TIME:
    case TYPE_TIMETZ:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return type.typmod < 0 ? 6 : type.typmod;
    case TYPE_INTERVAL:
        return 6;
    default:
        return -1;
    }
}

static void add_column(ViewRows *rows, const Table *table, uint32_t idx)
{
    const TableColumn *column = &table->columns[idx];
    Type type = column->type;
    char name[64];
    bool text = !type.is_array && (type.id == TYPE_VARCHAR || type.id == TYPE_BPCHAR);
    int precision = numeric_precision(type);
    view__text(rows, rows->views->database);
    view__text(rows, table->schema);
    view__text(rows, table->name);
    view__text(rows, column->name);
    view__number(rows, idx + 1);
    if (column->default_text.len)
        view__text(rows, column->default_text);
    else
        view__null(rows);
    view__name(rows, column->not_null ? "NO" : "YES");
    view__text(rows, type.is_array ? STR("ARRAY")
                                   : arena_str(rows->arena, str_from(type_name(type, name))));
    number_or_null(rows, text && type.typmod >= 4 ? type.typmod - 4 : -1);
    number_or_null(rows, type_is_text(type) ? 1073741824 : -1);
    number_or_null(rows, precision);
    number_or_null(rows, precision < 0 ? -1 : type.id == TYPE_NUMERIC ? 10 : 2);
    number_or_null(rows, numeric_scale(type));
    number_or_null(rows, datetime_precision(type));
    view__text(rows, rows->views->database);
    view__name(rows, "pg_catalog");
    view__text(rows, arena_str(rows->arena, str_from(type_pg_name(type, name))));
    view__name(rows, "NO");
    view__name(rows, "NEVER");
    view__name(rows, "YES");
}

static void fill_columns(ViewRows *rows)
{
    size_t pos = 0;
    const Table *table;
    while ((table = catalog_next_table(version_of(rows), &pos)))
        for (uint32_t i = 0; i < table->column_count; i++)
            if (!table->columns[i].dropped)
                add_column(rows, table, i);
}

static const ViewColumn views_columns[] = {
    {"table_catalog", TYPE_OF(NAME)},
    {"table_schema", TYPE_OF(NAME)},
    {"table_name", TYPE_OF(NAME)},
    {"view_definition", TYPE_OF(VARCHAR)},
};

static void fill_views(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogView *view;
    while ((view = catalog_next_view(version_of(rows), &pos))) {
        view__text(rows, rows->views->database);
        view__text(rows, view->schema);
        view__text(rows, view->name);
        view__text(rows, view->query);
    }
}

const ViewDef view__information[] = {
    VIEW("information_schema", "schemata", 13001, schemata_columns, fill_schemata),
    VIEW("information_schema", "tables", 13002, tables_columns, fill_tables),
    VIEW("information_schema", "columns", 13003, columns_columns, fill_columns),
    VIEW("information_schema", "views", 13004, views_columns, fill_views),
};
const uint32_t view__information_count = LUMA_ARRAY_LEN(view__information);
