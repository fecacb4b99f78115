/* catalog_views_relations.c - pg_class, pg_attribute, pg_namespace and what else describes tables.
 */
#include "query/sql/catalog_views_int.h"

static const CatalogVersion *version_of(ViewRows *rows)
{
    return rows->views->version(rows->views->ctx);
}

/* ---------------------------------------------------------------- pg_namespace */

static const ViewColumn namespace_columns[] = {
    {"oid", TYPE_OF(OID)},
    {"nspname", TYPE_OF(NAME)},
    {"nspowner", TYPE_OF(OID)},
    {"nspacl", TYPE_ARRAY_OF(TEXT)},
};

static void add_namespace(ViewRows *rows, uint32_t oid, Str name)
{
    view__number(rows, oid);
    view__text(rows, name);
    view__number(rows, OID_ROLE);
    view__null(rows);
}

static void fill_namespace(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogSchema *schema;
    add_namespace(rows, OID_SCHEMA_PG_CATALOG, STR("pg_catalog"));
    add_namespace(rows, OID_SCHEMA_INFORMATION, STR("information_schema"));
    while ((schema = catalog_next_schema(version_of(rows), &pos)))
        add_namespace(rows, schema->id, schema->name);
}

/* ---------------------------------------------------------------- pg_class */

static const ViewColumn class_columns[] = {
    {"oid", TYPE_OF(OID)},
    {"relname", TYPE_OF(NAME)},
    {"relnamespace", TYPE_OF(OID)},
    {"reltype", TYPE_OF(OID)},
    {"reloftype", TYPE_OF(OID)},
    {"relowner", TYPE_OF(OID)},
    {"relam", TYPE_OF(OID)},
    {"relfilenode", TYPE_OF(OID)},
    {"reltablespace", TYPE_OF(OID)},
    {"relpages", TYPE_OF(INT4)},
    {"reltuples", TYPE_OF(FLOAT4)},
    {"relallvisible", TYPE_OF(INT4)},
    {"reltoastrelid", TYPE_OF(OID)},
    {"relhasindex", TYPE_OF(BOOL)},
    {"relisshared", TYPE_OF(BOOL)},
    {"relpersistence", TYPE_OF(CHAR)},
    {"relkind", TYPE_OF(CHAR)},
    {"relnatts", TYPE_OF(INT2)},
    {"relchecks", TYPE_OF(INT2)},
    {"relhasrules", TYPE_OF(BOOL)},
    {"relhastriggers", TYPE_OF(BOOL)},
    {"relhassubclass", TYPE_OF(BOOL)},
    {"relrowsecurity", TYPE_OF(BOOL)},
    {"relforcerowsecurity", TYPE_OF(BOOL)},
    {"relispopulated", TYPE_OF(BOOL)},
    {"relreplident", TYPE_OF(CHAR)},
    {"relispartition", TYPE_OF(BOOL)},
    {"relrewrite", TYPE_OF(OID)},
    {"relacl", TYPE_ARRAY_OF(TEXT)},
    {"reloptions", TYPE_ARRAY_OF(TEXT)},
};

static void add_class(ViewRows *rows, uint32_t oid, Str name, uint32_t schema, char kind,
                      uint32_t column_count)
{
    view__number(rows, oid);
    view__text(rows, name);
    view__number(rows, schema);
    view__number(rows, 0); /* reltype */
    view__number(rows, 0); /* reloftype */
    view__number(rows, OID_ROLE);
    view__number(rows, kind == 'r' ? OID_AM_HEAP : 0);
    view__number(rows, 0); /* relfilenode */
    view__number(rows, 0); /* reltablespace */
    view__number(rows, 0); /* relpages */
    view__real(rows, -1);
    view__number(rows, 0); /* relallvisible */
    view__number(rows, 0); /* reltoastrelid */
    view__bool(rows, false);
    view__bool(rows, false);
    view__char(rows, 'p');
    view__char(rows, kind);
    view__number(rows, column_count);
    view__number(rows, 0); /* relchecks */
    view__bool(rows, kind == 'v');
    for (int i = 0; i < 4; i++)
        view__bool(rows, false); /* triggers, subclass, row security */
    view__bool(rows, true);
    view__char(rows, kind == 'r' ? 'd' : 'n');
    view__bool(rows, false);
    view__number(rows, 0);
    view__null(rows);
    view__null(rows);
}

static void fill_class(ViewRows *rows)
{
    const CatalogVersion *version = version_of(rows);
    size_t pos = 0;
    const Table *table;
    const CatalogView *view;
    const ViewDef *def;
    while ((table = catalog_next_table(version, &pos)))
        add_class(rows, table->id, table->name, catalog_schema_oid(version, table->schema), 'r',
                  table->column_count);
    pos = 0;
    while ((view = catalog_next_view(version, &pos)))
        add_class(rows, view->id, view->name, catalog_schema_oid(version, view->schema), 'v', 0);
    for (uint32_t i = 0; (def = view__at(i)); i++)
        add_class(rows, def->oid, str_from(def->name),
                  catalog_schema_oid(version, str_from(def->schema)),
                  !strcmp(def->schema, "pg_catalog") ? 'r' : 'v', def->column_count);
}

/* ---------------------------------------------------------------- pg_attribute */

static const ViewColumn attribute_columns[] = {
    {"attrelid", TYPE_OF(OID)},
    {"attname", TYPE_OF(NAME)},
    {"atttypid", TYPE_OF(OID)},
    {"attstattarget", TYPE_OF(INT4)},
    {"attlen", TYPE_OF(INT2)},
    {"attnum", TYPE_OF(INT2)},
    {"attndims", TYPE_OF(INT4)},
    {"attcacheoff", TYPE_OF(INT4)},
    {"atttypmod", TYPE_OF(INT4)},
    {"attbyval", TYPE_OF(BOOL)},
    {"attalign", TYPE_OF(CHAR)},
    {"attstorage", TYPE_OF(CHAR)},
    {"attcompression", TYPE_OF(CHAR)},
    {"attnotnull", TYPE_OF(BOOL)},
    {"atthasdef", TYPE_OF(BOOL)},
    {"atthasmissing", TYPE_OF(BOOL)},
    {"attidentity", TYPE_OF(CHAR)},
    {"attgenerated", TYPE_OF(CHAR)},
    {"attisdropped", TYPE_OF(BOOL)},
    {"attislocal", TYPE_OF(BOOL)},
    {"attinhcount", TYPE_OF(INT4)},
    {"attcollation", TYPE_OF(OID)},
    {"attacl", TYPE_ARRAY_OF(TEXT)},
    {"attoptions", TYPE_ARRAY_OF(TEXT)},
    {"attfdwoptions", TYPE_ARRAY_OF(TEXT)},
};

static void add_attribute(ViewRows *rows, uint32_t relation, Str name, Type type, uint32_t number,
                          bool not_null, bool has_default, bool dropped)
{
    int16_t len = type_len(type);
    view__number(rows, relation);
    view__text(rows, dropped ? STR("........pg.dropped........") : name);
    view__number(rows, dropped ? 0 : type_oid(type));
    view__number(rows, -1);
    view__number(rows, len);
    view__number(rows, number);
    view__number(rows, type.is_array);
    view__number(rows, -1);
    view__number(rows, type.typmod);
    view__bool(rows, len > 0 && len <= 8);
    view__char(rows, len == 1 ? 'c' : len == 2 ? 's' : len == 8 || len == 16 ? 'd' : 'i');
    view__char(rows, len < 0 ? 'x' : 'p');
    view__char(rows, 0);
    view__bool(rows, not_null);
    view__bool(rows, has_default);
    view__bool(rows, false);
    view__char(rows, 0);
    view__char(rows, 0);
    view__bool(rows, dropped);
    view__bool(rows, true);
    view__number(rows, 0);
    view__number(rows, type_is_text(type) ? OID_COLLATION_DEFAULT : 0);
    view__null(rows);
    view__null(rows);
    view__null(rows);
}

static void fill_attribute(ViewRows *rows)
{
    size_t pos = 0;
    const Table *table;
    const ViewDef *def;
    while ((table = catalog_next_table(version_of(rows), &pos)))
        for (uint32_t i = 0; i < table->column_count; i++) {
            const TableColumn *column = &table->columns[i];
            add_attribute(rows, table->id, column->name, column->type, i + 1, column->not_null,
                          column->default_text.len > 0, column->dropped);
        }
    for (uint32_t k = 0; (def = view__at(k)); k++)
        for (uint32_t i = 0; i < def->column_count; i++)
            add_attribute(rows, def->oid, str_from(def->columns[i].name), def->columns[i].type,
                          i + 1, false, false, false);
}

/* ---------------------------------------------------------------- pg_attrdef, pg_tables, pg_views
 */

static const ViewColumn attrdef_columns[] = {
    {"oid", TYPE_OF(OID)},
    {"adrelid", TYPE_OF(OID)},
    {"adnum", TYPE_OF(INT2)},
    {"adbin", TYPE_OF(TEXT)},
};

static void fill_attrdef(ViewRows *rows)
{
    size_t pos = 0;
    const Table *table;
    while ((table = catalog_next_table(version_of(rows), &pos)))
        for (uint32_t i = 0; i < table->column_count; i++) {
            if (!table->columns[i].default_text.len)
                continue;
            view__number(rows, table->id);
            view__number(rows, table->id);
            view__number(rows, i + 1);
            view__text(rows, table->columns[i].default_text);
        }
}

static const ViewColumn tables_columns[] = {
    {"schemaname", TYPE_OF(NAME)},  {"tablename", TYPE_OF(NAME)},   {"tableowner", TYPE_OF(NAME)},
    {"tablespace", TYPE_OF(NAME)},  {"hasindexes", TYPE_OF(BOOL)},  {"hasrules", TYPE_OF(BOOL)},
    {"hastriggers", TYPE_OF(BOOL)}, {"rowsecurity", TYPE_OF(BOOL)},
};

static void fill_tables(ViewRows *rows)
{
    size_t pos = 0;
    const Table *table;
    while ((table = catalog_next_table(version_of(rows), &pos))) {
        view__text(rows, table->schema);
        view__text(rows, table->name);
        view__text(rows, rows->views->user);
        view__null(rows);
        for (int i = 0; i < 4; i++)
            view__bool(rows, false);
    }
}

static const ViewColumn views_columns[] = {
    {"schemaname", TYPE_OF(NAME)},
    {"viewname", TYPE_OF(NAME)},
    {"viewowner", TYPE_OF(NAME)},
    {"definition", TYPE_OF(TEXT)},
};

static void fill_views(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogView *view;
    while ((view = catalog_next_view(version_of(rows), &pos))) {
        view__text(rows, view->schema);
        view__text(rows, view->name);
        view__text(rows, rows->views->user);
        view__text(rows, view->query);
    }
}

const ViewDef view__relations[] = {
    VIEW("pg_catalog", "pg_namespace", 2615, namespace_columns, fill_namespace),
    VIEW("pg_catalog", "pg_class", 1259, class_columns, fill_class),
    VIEW("pg_catalog", "pg_attribute", 1249, attribute_columns, fill_attribute),
    VIEW("pg_catalog", "pg_attrdef", 2604, attrdef_columns, fill_attrdef),
    VIEW("pg_catalog", "pg_tables", 12001, tables_columns, fill_tables),
    VIEW("pg_catalog", "pg_views", 12002, views_columns, fill_views),
};
const uint32_t view__relation_count = LUMA_ARRAY_LEN(view__relations);
