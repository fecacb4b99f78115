/* catalog_views_information.c - information_schema: schemas, tables, columns, routines, roles. */
#include "query/sql/catalog_views_int.h"

static Str database(const ViewRows *rows)
{
    return rows->views->database;
}

/* ---------------------------------------------------------------- schemata, tables, views */

static void add_schema(ViewRows *rows, Str name, uint32_t owner)
{
    view__row(rows);
    view__text(rows, "catalog_name", database(rows));
    view__text(rows, "schema_name", name);
    view__text(rows, "schema_owner", view__role_name(rows->views, owner));
}

void view__fill_info_schemata(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogSchema *schema;
    while ((schema = catalog_next_schema(view__version(rows), &pos)))
        add_schema(rows, schema->name, schema->owner);
    add_schema(rows, STR("information_schema"), 0);
    add_schema(rows, STR("pg_catalog"), 0);
}

static void add_table(ViewRows *rows, Str schema, Str name, const char *type, bool insertable)
{
    view__row(rows);
    view__text(rows, "table_catalog", database(rows));
    view__text(rows, "table_schema", schema);
    view__text(rows, "table_name", name);
    view__name(rows, "table_type", type);
    view__yes_no(rows, "is_insertable_into", insertable);
    view__yes_no(rows, "is_typed", false);
}

/* Materialized views are not in information_schema, as in PostgreSQL. */
void view__fill_info_tables(ViewRows *rows)
{
    size_t pos = 0;
    const Table *table;
    const CatalogView *view;
    while ((table = catalog_next_table(view__version(rows), &pos)))
        if (!table->query.len)
            add_table(rows, table->schema, table->name,
                      table->temporary ? "LOCAL TEMPORARY" : "BASE TABLE", true);
    pos = 0;
    while ((view = catalog_next_view(view__version(rows), &pos)))
        add_table(rows, view->schema, view->name, "VIEW", false);
    for (uint32_t i = 0; i < view__def_count; i++)
        add_table(rows, str_from(view__defs[i].schema), str_from(view__defs[i].name),
                  view__defs[i].kind == 'r' ? "BASE TABLE" : "VIEW", false);
}

void view__fill_info_views(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogView *view;
    while ((view = catalog_next_view(view__version(rows), &pos))) {
        view__row(rows);
        view__text(rows, "table_catalog", database(rows));
        view__text(rows, "table_schema", view->schema);
        view__text(rows, "table_name", view->name);
        view__text(rows, "view_definition",
                   arena_printf(rows->arena, " %.*s;", STR_FMT(view->query)));
        view__name(rows, "check_option", "NONE");
        view__yes_no(rows, "is_updatable", false);
        view__yes_no(rows, "is_insertable_into", false);
        view__yes_no(rows, "is_trigger_updatable", false);
        view__yes_no(rows, "is_trigger_deletable", false);
        view__yes_no(rows, "is_trigger_insertable_into", false);
    }
}

/* ---------------------------------------------------------------- columns */

static void number_if(ViewRows *rows, const char *column, int64_t number)
{
    if (number >= 0)
        view__number(rows, column, number);
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

/* What columns, domains and sequences say of their type. */
static void set_type(ViewRows *rows, Type type)
{
    char name[64];
    bool text = !type.is_array && (type.id == TYPE_VARCHAR || type.id == TYPE_BPCHAR);
    int precision = numeric_precision(type);
    view__text(rows, "data_type",
               type.is_array ? STR("ARRAY")
                             : arena_str(rows->arena, str_from(type_name(type, name))));
    number_if(rows, "character_maximum_length", text && type.typmod >= 4 ? type.typmod - 4 : -1);
    number_if(rows, "character_octet_length",
              !type_is_text(type) || type.id == TYPE_NAME ? -1
              : text && type.typmod >= 4                  ? (int64_t)(type.typmod - 4) * 4
                                                          : 1073741824);
    number_if(rows, "numeric_precision", precision);
    number_if(rows, "numeric_precision_radix",
              type.is_array             ? -1
              : type.id == TYPE_NUMERIC ? 10
              : precision < 0           ? -1
                                        : 2);
    number_if(rows, "numeric_scale", numeric_scale(type));
    number_if(rows, "datetime_precision", datetime_precision(type));
}

static void set_identity(ViewRows *rows, const Table *table, uint32_t idx)
{
    const TableColumn *column = &table->columns[idx];
    bool always = column->source == COLUMN_IDENTITY_ALWAYS;
    bool identity = always || column->source == COLUMN_IDENTITY_DEFAULT;
    bool stored = column->source == COLUMN_STORED;
    view__yes_no(rows, "is_identity", identity);
    if (identity) {
        const CatalogSequence *sequence =
            catalog_by_id(view__version(rows), CATALOG_SEQUENCE, column->sequence_id);
        view__name(rows, "identity_generation", always ? "ALWAYS" : "BY DEFAULT");
        if (sequence) {
            view__text(rows, "identity_start",
                       arena_printf(rows->arena, "%lld", (long long)sequence->start));
            view__text(rows, "identity_increment",
                       arena_printf(rows->arena, "%lld", (long long)sequence->increment));
            view__text(rows, "identity_maximum",
                       arena_printf(rows->arena, "%lld", (long long)sequence->max));
            view__text(rows, "identity_minimum",
                       arena_printf(rows->arena, "%lld", (long long)sequence->min));
        }
    }
    view__yes_no(rows, "identity_cycle", false);
    view__name(rows, "is_generated", stored ? "ALWAYS" : "NEVER");
    if (stored)
        view__text(rows, "generation_expression", column->default_text);
}

static void begin_column(ViewRows *rows, Str schema, Str table, Str name, uint32_t number)
{
    view__row(rows);
    view__text(rows, "table_catalog", database(rows));
    view__text(rows, "table_schema", schema);
    view__text(rows, "table_name", table);
    view__text(rows, "column_name", name);
    view__number(rows, "ordinal_position", number);
}

static void end_column(ViewRows *rows, Type type, uint32_t number)
{
    char name[64];
    set_type(rows, type);
    view__text(rows, "udt_catalog", database(rows));
    view__name(rows, "udt_schema", "pg_catalog");
    view__text(rows, "udt_name", arena_str(rows->arena, str_from(type_pg_name(type, name))));
    view__text(rows, "dtd_identifier", arena_printf(rows->arena, "%u", number));
    view__yes_no(rows, "is_self_referencing", false);
}

static void add_table_column(ViewRows *rows, const Table *table, uint32_t idx)
{
    const TableColumn *column = &table->columns[idx];
    const CatalogType *domain =
        column->domain_id ? catalog_by_id(view__version(rows), CATALOG_TYPE, column->domain_id)
                          : NULL;
    begin_column(rows, table->schema, table->name, column->name, idx + 1);
    if (column->default_text.len && column->source != COLUMN_STORED)
        view__text(rows, "column_default", column->default_text);
    view__yes_no(rows, "is_nullable", !column->not_null);
    end_column(rows, column->type, idx + 1);
    if (domain) {
        view__text(rows, "domain_catalog", database(rows));
        view__text(rows, "domain_schema", domain->schema);
        view__text(rows, "domain_name", domain->name);
    }
    set_identity(rows, table, idx);
    view__yes_no(rows, "is_updatable", true);
}

static void add_plain_column(ViewRows *rows, Str schema, Str table, Str name, Type type,
                             uint32_t number, bool not_null)
{
    begin_column(rows, schema, table, name, number);
    view__yes_no(rows, "is_nullable", !not_null);
    end_column(rows, type, number);
    view__yes_no(rows, "is_identity", false);
    view__yes_no(rows, "identity_cycle", false);
    view__name(rows, "is_generated", "NEVER");
    view__yes_no(rows, "is_updatable", false);
}

void view__fill_info_columns(ViewRows *rows)
{
    CatalogViews *views = rows->views;
    size_t pos = 0;
    const Table *table;
    const CatalogView *view;
    while ((table = catalog_next_table(view__version(rows), &pos)))
        for (uint32_t i = 0; i < table->column_count && !table->query.len; i++)
            if (!table->columns[i].dropped)
                add_table_column(rows, table, i);
    pos = 0;
    while ((view = catalog_next_view(view__version(rows), &pos))) {
        Schema columns;
        if (!views->view_columns || !views->view_columns(views->ctx, view, rows->arena, &columns))
            continue;
        for (uint32_t i = 0; i < columns.field_count; i++)
            add_plain_column(rows, view->schema, view->name, columns.fields[i].name,
                             columns.fields[i].type, i + 1, false);
    }
    for (uint32_t k = 0; k < view__def_count; k++) {
        const ViewDef *def = &view__defs[k];
        const char *columns = def->columns;
        ViewColumn column;
        for (uint32_t i = 1; view__next_column(&columns, &column); i++)
            add_plain_column(rows, str_from(def->schema), str_from(def->name), column.name,
                             column.type, i, column.not_null);
    }
}

/* Elements of array columns. */
void view__fill_info_element_types(ViewRows *rows)
{
    size_t pos = 0;
    const Table *table;
    char name[64];
    while ((table = catalog_next_table(view__version(rows), &pos)))
        for (uint32_t i = 0; i < table->column_count; i++) {
            Type type = table->columns[i].type;
            if (!type.is_array || table->columns[i].dropped)
                continue;
            Type element = type_element(type);
            view__row(rows);
            view__text(rows, "object_catalog", database(rows));
            view__text(rows, "object_schema", table->schema);
            view__text(rows, "object_name", table->name);
            view__name(rows, "object_type", "TABLE");
            view__text(rows, "collection_type_identifier", arena_printf(rows->arena, "%u", i + 1));
            view__text(rows, "data_type",
                       arena_str(rows->arena, str_from(type_name(element, name))));
            view__text(rows, "udt_catalog", database(rows));
            view__name(rows, "udt_schema", "pg_catalog");
            view__text(rows, "udt_name",
                       arena_str(rows->arena, str_from(type_pg_name(element, name))));
            view__text(rows, "dtd_identifier", arena_printf(rows->arena, "a%u", i + 1));
        }
}

/* ---------------------------------------------------------------- domains, sequences */

void view__fill_info_domains(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogType *type;
    char name[64];
    while ((type = catalog_next(view__version(rows), CATALOG_TYPE, &pos))) {
        if (type->kind != CATALOG_DOMAIN)
            continue;
        view__row(rows);
        view__text(rows, "domain_catalog", database(rows));
        view__text(rows, "domain_schema", type->schema);
        view__text(rows, "domain_name", type->name);
        set_type(rows, type->base);
        if (type->default_text.len)
            view__text(rows, "domain_default", type->default_text);
        view__text(rows, "udt_catalog", database(rows));
        view__name(rows, "udt_schema", "pg_catalog");
        view__text(rows, "udt_name",
                   arena_str(rows->arena, str_from(type_pg_name(type->base, name))));
        view__name(rows, "dtd_identifier", "1");
    }
}

void view__fill_info_sequences(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogSequence *s;
    char name[64];
    while ((s = catalog_next(view__version(rows), CATALOG_SEQUENCE, &pos))) {
        if (s->identity)
            continue;
        view__row(rows);
        view__text(rows, "sequence_catalog", database(rows));
        view__text(rows, "sequence_schema", s->schema);
        view__text(rows, "sequence_name", s->name);
        view__text(rows, "data_type", arena_str(rows->arena, str_from(type_name(s->type, name))));
        view__number(rows, "numeric_precision", numeric_precision(s->type));
        view__number(rows, "numeric_precision_radix", 2);
        view__number(rows, "numeric_scale", 0);
        view__text(rows, "start_value", arena_printf(rows->arena, "%lld", (long long)s->start));
        view__text(rows, "minimum_value", arena_printf(rows->arena, "%lld", (long long)s->min));
        view__text(rows, "maximum_value", arena_printf(rows->arena, "%lld", (long long)s->max));
        view__text(rows, "increment", arena_printf(rows->arena, "%lld", (long long)s->increment));
        view__yes_no(rows, "cycle_option", s->cycle);
    }
}

/* ---------------------------------------------------------------- names and roles */

void view__fill_info_information_schema_catalog_name(ViewRows *rows)
{
    view__row(rows);
    view__text(rows, "catalog_name", database(rows));
}

void view__fill_info_character_sets(ViewRows *rows)
{
    view__row(rows);
    view__name(rows, "character_set_name", "UTF8");
    view__name(rows, "character_repertoire", "UCS");
    view__name(rows, "form_of_use", "UTF8");
    view__text(rows, "default_collate_catalog", database(rows));
    view__name(rows, "default_collate_schema", "pg_catalog");
    view__name(rows, "default_collate_name", "default");
}

void view__fill_info_enabled_roles(ViewRows *rows)
{
    view__row(rows);
    view__text(rows, "role_name", rows->views->user);
}

void view__fill_info_applicable_roles(ViewRows *rows)
{
    const CatalogVersion *version = view__version(rows);
    const CatalogUser *user = catalog_find_user(version, rows->views->user);
    for (uint32_t i = 0; user && i < user->member_of_count; i++) {
        view__row(rows);
        view__text(rows, "grantee", user->name);
        view__text(rows, "role_name", view__role_name(rows->views, user->member_of[i]));
        view__yes_no(rows, "is_grantable", false);
    }
}
