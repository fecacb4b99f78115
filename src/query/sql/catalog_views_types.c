/* catalog_views_types.c - pg_type, pg_proc, pg_database, pg_roles, pg_settings and their like. */
#include "query/sql/bind_int.h"
#include "query/sql/catalog_views_int.h"

/* ---------------------------------------------------------------- pg_type */

static const ViewColumn type_columns[] = {
    {"oid", TYPE_OF(OID)},
    {"typname", TYPE_OF(NAME)},
    {"typnamespace", TYPE_OF(OID)},
    {"typowner", TYPE_OF(OID)},
    {"typlen", TYPE_OF(INT2)},
    {"typbyval", TYPE_OF(BOOL)},
    {"typtype", TYPE_OF(CHAR)},
    {"typcategory", TYPE_OF(CHAR)},
    {"typispreferred", TYPE_OF(BOOL)},
    {"typisdefined", TYPE_OF(BOOL)},
    {"typdelim", TYPE_OF(CHAR)},
    {"typrelid", TYPE_OF(OID)},
    {"typsubscript", TYPE_OF(OID)},
    {"typelem", TYPE_OF(OID)},
    {"typarray", TYPE_OF(OID)},
    {"typinput", TYPE_OF(OID)},
    {"typoutput", TYPE_OF(OID)},
    {"typreceive", TYPE_OF(OID)},
    {"typsend", TYPE_OF(OID)},
    {"typmodin", TYPE_OF(OID)},
    {"typmodout", TYPE_OF(OID)},
    {"typanalyze", TYPE_OF(OID)},
    {"typalign", TYPE_OF(CHAR)},
    {"typstorage", TYPE_OF(CHAR)},
    {"typnotnull", TYPE_OF(BOOL)},
    {"typbasetype", TYPE_OF(OID)},
    {"typtypmod", TYPE_OF(INT4)},
    {"typndims", TYPE_OF(INT4)},
    {"typcollation", TYPE_OF(OID)},
    {"typdefaultbin", TYPE_OF(TEXT)},
    {"typdefault", TYPE_OF(TEXT)},
    {"typacl", TYPE_ARRAY_OF(TEXT)},
};

static bool is_pseudo(Type type)
{
    return !type.is_array && sql__type_category(type) == 'P';
}

static void add_type(ViewRows *rows, Type type)
{
    char name[64];
    Type other = type;
    other.is_array = !type.is_array;
    int16_t len = type.is_array ? -1 : type_len(type);
    view__number(rows, type_oid(type));
    view__text(rows, arena_str(rows->arena, str_from(type_pg_name(type, name))));
    view__number(rows, OID_SCHEMA_PG_CATALOG);
    view__number(rows, OID_ROLE);
    view__number(rows, len);
    view__bool(rows, len > 0 && len <= 8);
    view__char(rows, is_pseudo(type) || type.id == TYPE_UNKNOWN ? 'p' : 'b');
    view__char(rows, sql__type_category(type));
    view__bool(rows, sql__type_preferred(type));
    view__bool(rows, true);
    view__char(rows, ',');
    view__number(rows, 0);
    view__number(rows, 0);
    view__number(rows, type.is_array ? type_oid(other) : 0);
    view__number(rows, type.is_array ? 0 : type_oid(other));
    for (int i = 0; i < 7; i++)
        view__number(rows, 0); /* typinput ... typanalyze */
    view__char(rows, len == 1 ? 'c' : len == 2 ? 's' : len == 8 || len == 16 ? 'd' : 'i');
    view__char(rows, len < 0 ? 'x' : 'p');
    view__bool(rows, false);
    view__number(rows, 0);
    view__number(rows, -1);
    view__number(rows, 0);
    view__number(rows, type_is_text(type) ? OID_COLLATION_DEFAULT : 0);
    for (int i = 0; i < 3; i++)
        view__null(rows);
}

static void fill_type(ViewRows *rows)
{
    for (int id = 0; id < TYPE_COUNT_; id++) {
        Type plain = {.id = (uint8_t)id, .typmod = -1};
        Type array = {.id = (uint8_t)id, .is_array = true, .typmod = -1};
        add_type(rows, plain);
        if (type_oid(array))
            add_type(rows, array);
    }
}

/* ---------------------------------------------------------------- pg_proc */

static const ViewColumn proc_columns[] = {
    {"oid", TYPE_OF(OID)},          {"proname", TYPE_OF(NAME)},
    {"pronamespace", TYPE_OF(OID)}, {"proowner", TYPE_OF(OID)},
    {"prolang", TYPE_OF(OID)},      {"prokind", TYPE_OF(CHAR)},
    {"proisstrict", TYPE_OF(BOOL)}, {"proretset", TYPE_OF(BOOL)},
    {"provolatile", TYPE_OF(CHAR)}, {"pronargs", TYPE_OF(INT2)},
    {"prorettype", TYPE_OF(OID)},   {"proargtypes", TYPE_OF(OIDVECTOR)},
    {"prosrc", TYPE_OF(TEXT)},
};

static void add_proc(ViewRows *rows, uint32_t oid, const char *name, char kind, bool strict,
                     char volatility, const Type *args, uint32_t arg_count, Type ret)
{
    CLEANUP(buf_done) Buf types = {0};
    for (uint32_t i = 0; i < arg_count; i++)
        buf_printf(&types, "%s%u", i ? " " : "", type_oid(args[i]));
    view__number(rows, oid);
    view__name(rows, name);
    view__number(rows, OID_SCHEMA_PG_CATALOG);
    view__number(rows, OID_ROLE);
    view__number(rows, 12); /* internal */
    view__char(rows, kind);
    view__bool(rows, strict);
    view__bool(rows, false);
    view__char(rows, volatility);
    view__number(rows, arg_count);
    view__number(rows, type_oid(ret));
    view__text(rows, arena_str(rows->arena, buf_str(&types)));
    view__name(rows, name);
}

static void fill_proc(ViewRows *rows)
{
    static const char volatilities[] = {'i', 's', 'v'};
    uint32_t count;
    const Function *const *functions = func_all(&count);
    for (uint32_t i = 0; i < count; i++) {
        const Function *f = functions[i];
        if (!f->is_operator)
            add_proc(rows, f->oid, f->name, 'f', f->strict, volatilities[f->volatility], f->args,
                     f->arg_count, f->ret);
    }
    const Aggregate *const *aggregates = func_all_aggregates(&count);
    for (uint32_t i = 0; i < count; i++)
        add_proc(rows, aggregates[i]->oid, aggregates[i]->name, 'a', false, 'i',
                 aggregates[i]->args, aggregates[i]->arg_count, aggregates[i]->ret);
}

/* ---------------------------------------------------------------- database, roles, settings */

static const ViewColumn database_columns[] = {
    {"oid", TYPE_OF(OID)},
    {"datname", TYPE_OF(NAME)},
    {"datdba", TYPE_OF(OID)},
    {"encoding", TYPE_OF(INT4)},
    {"datlocprovider", TYPE_OF(CHAR)},
    {"datistemplate", TYPE_OF(BOOL)},
    {"datallowconn", TYPE_OF(BOOL)},
    {"datconnlimit", TYPE_OF(INT4)},
    {"datfrozenxid", TYPE_OF(INT8)},
    {"datminmxid", TYPE_OF(INT8)},
    {"dattablespace", TYPE_OF(OID)},
    {"datcollate", TYPE_OF(TEXT)},
    {"datctype", TYPE_OF(TEXT)},
    {"daticulocale", TYPE_OF(TEXT)},
    {"datcollversion", TYPE_OF(TEXT)},
    {"datacl", TYPE_ARRAY_OF(TEXT)},
};

static void fill_database(ViewRows *rows)
{
    view__number(rows, OID_DATABASE);
    view__text(rows, rows->views->database);
    view__number(rows, OID_ROLE);
    view__number(rows, 6); /* UTF8 */
    view__char(rows, 'c');
    view__bool(rows, false);
    view__bool(rows, true);
    view__number(rows, -1);
    view__number(rows, 0);
    view__number(rows, 0);
    view__number(rows, OID_TABLESPACE_DEFAULT);
    view__name(rows, "C");
    view__name(rows, "C.UTF-8");
    for (int i = 0; i < 3; i++)
        view__null(rows);
}

static const ViewColumn roles_columns[] = {
    {"rolname", TYPE_OF(NAME)},
    {"rolsuper", TYPE_OF(BOOL)},
    {"rolinherit", TYPE_OF(BOOL)},
    {"rolcreaterole", TYPE_OF(BOOL)},
    {"rolcreatedb", TYPE_OF(BOOL)},
    {"rolcanlogin", TYPE_OF(BOOL)},
    {"rolreplication", TYPE_OF(BOOL)},
    {"rolconnlimit", TYPE_OF(INT4)},
    {"rolpassword", TYPE_OF(TEXT)},
    {"rolvaliduntil", TYPE_OF(TIMESTAMPTZ)},
    {"rolbypassrls", TYPE_OF(BOOL)},
    {"rolconfig", TYPE_ARRAY_OF(TEXT)},
    {"oid", TYPE_OF(OID)},
};

static void fill_roles(ViewRows *rows)
{
    view__text(rows, rows->views->user);
    for (int i = 0; i < 5; i++)
        view__bool(rows, true);
    view__bool(rows, false);
    view__number(rows, -1);
    view__name(rows, "********");
    view__null(rows);
    view__bool(rows, true);
    view__null(rows);
    view__number(rows, OID_ROLE);
}

static const ViewColumn members_columns[] = {
    {"roleid", TYPE_OF(OID)},
    {"member", TYPE_OF(OID)},
    {"grantor", TYPE_OF(OID)},
    {"admin_option", TYPE_OF(BOOL)},
};

static const ViewColumn settings_columns[] = {
    {"name", TYPE_OF(TEXT)},
    {"setting", TYPE_OF(TEXT)},
    {"unit", TYPE_OF(TEXT)},
    {"category", TYPE_OF(TEXT)},
    {"short_desc", TYPE_OF(TEXT)},
    {"extra_desc", TYPE_OF(TEXT)},
    {"context", TYPE_OF(TEXT)},
    {"vartype", TYPE_OF(TEXT)},
    {"source", TYPE_OF(TEXT)},
    {"min_val", TYPE_OF(TEXT)},
    {"max_val", TYPE_OF(TEXT)},
    {"enumvals", TYPE_ARRAY_OF(TEXT)},
    {"boot_val", TYPE_OF(TEXT)},
    {"reset_val", TYPE_OF(TEXT)},
    {"sourcefile", TYPE_OF(TEXT)},
    {"sourceline", TYPE_OF(INT4)},
    {"pending_restart", TYPE_OF(BOOL)},
};

static void fill_settings(ViewRows *rows)
{
    CatalogViews *views = rows->views;
    uint32_t count = views->setting_count(views->ctx);
    for (uint32_t i = 0; i < count; i++) {
        Str name, value, text;
        views->setting_at(views->ctx, i, &name, &value, &text);
        view__text(rows, name);
        view__text(rows, value);
        view__null(rows);
        view__name(rows, "Session");
        view__text(rows, text);
        view__null(rows);
        view__name(rows, "user");
        view__name(rows, "string");
        view__name(rows, "session");
        for (int k = 0; k < 3; k++)
            view__null(rows);
        view__text(rows, value);
        view__text(rows, value);
        view__null(rows);
        view__null(rows);
        view__bool(rows, false);
    }
}

static const ViewColumn am_columns[] = {
    {"oid", TYPE_OF(OID)},
    {"amname", TYPE_OF(NAME)},
    {"amhandler", TYPE_OF(OID)},
    {"amtype", TYPE_OF(CHAR)},
};

static void fill_am(ViewRows *rows)
{
    view__number(rows, OID_AM_HEAP);
    view__name(rows, "heap");
    view__number(rows, 0);
    view__char(rows, 't');
}

static const ViewColumn extension_columns[] = {
    {"oid", TYPE_OF(OID)},
    {"extname", TYPE_OF(NAME)},
    {"extowner", TYPE_OF(OID)},
    {"extnamespace", TYPE_OF(OID)},
    {"extrelocatable", TYPE_OF(BOOL)},
    {"extversion", TYPE_OF(TEXT)},
};

static const ViewColumn description_columns[] = {
    {"objoid", TYPE_OF(OID)},
    {"classoid", TYPE_OF(OID)},
    {"objsubid", TYPE_OF(INT4)},
    {"description", TYPE_OF(TEXT)},
};

static const ViewColumn collation_columns[] = {
    {"oid", TYPE_OF(OID)},
    {"collname", TYPE_OF(NAME)},
    {"collnamespace", TYPE_OF(OID)},
};

static void fill_collation(ViewRows *rows)
{
    view__number(rows, OID_COLLATION_DEFAULT);
    view__name(rows, "default");
    view__number(rows, OID_SCHEMA_PG_CATALOG);
    view__number(rows, 950);
    view__name(rows, "C");
    view__number(rows, OID_SCHEMA_PG_CATALOG);
}

static const ViewColumn enum_columns[] = {
    {"oid", TYPE_OF(OID)},
    {"enumtypid", TYPE_OF(OID)},
    {"enumsortorder", TYPE_OF(FLOAT4)},
    {"enumlabel", TYPE_OF(NAME)},
};

static const ViewColumn range_columns[] = {
    {"rngtypid", TYPE_OF(OID)},
    {"rngsubtype", TYPE_OF(OID)},
    {"rngmultitypid", TYPE_OF(OID)},
};

const ViewDef view__types[] = {
    VIEW("pg_catalog", "pg_type", 1247, type_columns, fill_type),
    VIEW("pg_catalog", "pg_proc", 1255, proc_columns, fill_proc),
    VIEW("pg_catalog", "pg_database", 1262, database_columns, fill_database),
    VIEW("pg_catalog", "pg_roles", 12003, roles_columns, fill_roles),
    VIEW("pg_catalog", "pg_auth_members", 1261, members_columns, NULL),
    VIEW("pg_catalog", "pg_settings", 12004, settings_columns, fill_settings),
    VIEW("pg_catalog", "pg_am", 2601, am_columns, fill_am),
    VIEW("pg_catalog", "pg_extension", 3079, extension_columns, NULL),
    VIEW("pg_catalog", "pg_description", 2609, description_columns, NULL),
    VIEW("pg_catalog", "pg_collation", 3456, collation_columns, fill_collation),
    VIEW("pg_catalog", "pg_enum", 3501, enum_columns, NULL),
    VIEW("pg_catalog", "pg_range", 3541, range_columns, NULL),
};
const uint32_t view__type_count = LUMA_ARRAY_LEN(view__types);
