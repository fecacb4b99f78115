/* catalog_views_types.c - pg_type, pg_enum, pg_cast, pg_collation, pg_opclass and what else goes
 * with types. */
#include "query/sql/bind_int.h"
#include "query/sql/catalog_views_int.h"

/* clang-format off */
const TypeIo view__type_io[] = {
    /* type, in, out, receive, send, their names, modifiers in and out, align, storage, by value, kind, category */
    {16, 1242, 1243, 2436, 2437, "boolin", "boolout", "boolrecv", "boolsend", 0, 0, 'c', 'p', 1, 'b', 'B'},
    {17, 1244, 31, 2412, 2413, "byteain", "byteaout", "bytearecv", "byteasend", 0, 0, 'i', 'x', 0, 'b', 'U'},
    {18, 1245, 33, 2434, 2435, "charin", "charout", "charrecv", "charsend", 0, 0, 'c', 'p', 1, 'b', 'Z'},
    {19, 34, 35, 2422, 2423, "namein", "nameout", "namerecv", "namesend", 0, 0, 'c', 'p', 0, 'b', 'S'},
    {20, 460, 461, 2408, 2409, "int8in", "int8out", "int8recv", "int8send", 0, 0, 'd', 'p', 1, 'b', 'N'},
    {21, 38, 39, 2404, 2405, "int2in", "int2out", "int2recv", "int2send", 0, 0, 's', 'p', 1, 'b', 'N'},
    {22, 40, 41, 2410, 2411, "int2vectorin", "int2vectorout", "int2vectorrecv", "int2vectorsend", 0, 0, 'i', 'p', 0, 'b', 'A'},
    {23, 42, 43, 2406, 2407, "int4in", "int4out", "int4recv", "int4send", 0, 0, 'i', 'p', 1, 'b', 'N'},
    {24, 44, 45, 2444, 2445, "regprocin", "regprocout", "regprocrecv", "regprocsend", 0, 0, 'i', 'p', 1, 'b', 'N'},
    {25, 46, 47, 2414, 2415, "textin", "textout", "textrecv", "textsend", 0, 0, 'i', 'x', 0, 'b', 'S'},
    {26, 1798, 1799, 2418, 2419, "oidin", "oidout", "oidrecv", "oidsend", 0, 0, 'i', 'p', 1, 'b', 'N'},
    {30, 54, 55, 2420, 2421, "oidvectorin", "oidvectorout", "oidvectorrecv", "oidvectorsend", 0, 0, 'i', 'p', 0, 'b', 'A'},
    {114, 321, 322, 323, 324, "json_in", "json_out", "json_recv", "json_send", 0, 0, 'i', 'x', 0, 'b', 'U'},
    {700, 200, 201, 2424, 2425, "float4in", "float4out", "float4recv", "float4send", 0, 0, 'i', 'p', 1, 'b', 'N'},
    {701, 214, 215, 2426, 2427, "float8in", "float8out", "float8recv", "float8send", 0, 0, 'd', 'p', 1, 'b', 'N'},
    {705, 109, 110, 2416, 2417, "unknownin", "unknownout", "unknownrecv", "unknownsend", 0, 0, 'c', 'p', 0, 'p', 'X'},
    {1042, 1044, 1045, 2430, 2431, "bpcharin", "bpcharout", "bpcharrecv", "bpcharsend", 2913, 2914, 'i', 'x', 0, 'b', 'S'},
    {1043, 1046, 1047, 2432, 2433, "varcharin", "varcharout", "varcharrecv", "varcharsend", 2915, 2916, 'i', 'x', 0, 'b', 'S'},
    {1082, 1084, 1085, 2468, 2469, "date_in", "date_out", "date_recv", "date_send", 0, 0, 'i', 'p', 1, 'b', 'D'},
    {1083, 1143, 1144, 2470, 2471, "time_in", "time_out", "time_recv", "time_send", 2909, 2910, 'd', 'p', 1, 'b', 'D'},
    {1114, 1312, 1313, 2474, 2475, "timestamp_in", "timestamp_out", "timestamp_recv", "timestamp_send", 2905, 2906, 'd', 'p', 1, 'b', 'D'},
    {1184, 1150, 1151, 2476, 2477, "timestamptz_in", "timestamptz_out", "timestamptz_recv", "timestamptz_send", 2907, 2908, 'd', 'p', 1, 'b', 'D'},
    {1186, 1160, 1161, 2478, 2479, "interval_in", "interval_out", "interval_recv", "interval_send", 2903, 2904, 'd', 'p', 0, 'b', 'T'},
    {1266, 1350, 1351, 2472, 2473, "timetz_in", "timetz_out", "timetz_recv", "timetz_send", 2911, 2912, 'd', 'p', 0, 'b', 'D'},
    {1560, 1564, 1565, 2456, 2457, "bit_in", "bit_out", "bit_recv", "bit_send", 2919, 2920, 'i', 'x', 0, 'b', 'V'},
    {1562, 1579, 1580, 2458, 2459, "varbit_in", "varbit_out", "varbit_recv", "varbit_send", 2902, 2921, 'i', 'x', 0, 'b', 'V'},
    {1700, 1701, 1702, 2460, 2461, "numeric_in", "numeric_out", "numeric_recv", "numeric_send", 2917, 2918, 'i', 'm', 0, 'b', 'N'},
    {2205, 2218, 2219, 2452, 2453, "regclassin", "regclassout", "regclassrecv", "regclasssend", 0, 0, 'i', 'p', 1, 'b', 'N'},
    {2206, 2220, 2221, 2454, 2455, "regtypein", "regtypeout", "regtyperecv", "regtypesend", 0, 0, 'i', 'p', 1, 'b', 'N'},
    {2249, 2290, 2291, 2402, 2403, "record_in", "record_out", "record_recv", "record_send", 0, 0, 'd', 'x', 0, 'p', 'P'},
    {2276, 2294, 2295, 0, 0, "any_in", "any_out", "", "", 0, 0, 'i', 'p', 1, 'p', 'P'},
    {2277, 2296, 2297, 2502, 2503, "anyarray_in", "anyarray_out", "anyarray_recv", "anyarray_send", 0, 0, 'd', 'x', 0, 'p', 'P'},
    {2278, 2298, 2299, 3120, 3121, "void_in", "void_out", "void_recv", "void_send", 0, 0, 'i', 'p', 1, 'p', 'P'},
    {2283, 2312, 2313, 0, 0, "anyelement_in", "anyelement_out", "", "", 0, 0, 'i', 'p', 1, 'p', 'P'},
    {2950, 2952, 2953, 2961, 2962, "uuid_in", "uuid_out", "uuid_recv", "uuid_send", 0, 0, 'c', 'p', 0, 'b', 'U'},
    {3802, 3806, 3804, 3805, 3803, "jsonb_in", "jsonb_out", "jsonb_recv", "jsonb_send", 0, 0, 'i', 'x', 0, 'b', 'U'},
    {4072, 4001, 4003, 4002, 4004, "jsonpath_in", "jsonpath_out", "jsonpath_recv", "jsonpath_send", 0, 0, 'i', 'x', 0, 'b', 'U'},
    {4089, 4084, 4085, 4087, 4088, "regnamespacein", "regnamespaceout", "regnamespacerecv", "regnamespacesend", 0, 0, 'i', 'p', 1, 'b', 'N'},
};
static const struct {
    uint32_t oid;
    const char *name;
    uint32_t method, family, input;
    bool is_default;
} operator_classes[] = {
    {1978, "int4_ops", 403, 1976, 23, 1},
    {1979, "int2_ops", 403, 1976, 21, 1},
    {1981, "oid_ops", 403, 1989, 26, 1},
    {3122, "date_ops", 403, 434, 1082, 1},
    {3123, "float8_ops", 403, 1970, 701, 1},
    {3124, "int8_ops", 403, 1976, 20, 1},
    {3125, "numeric_ops", 403, 1988, 1700, 1},
    {3126, "text_ops", 403, 1994, 25, 1},
    {3127, "timestamptz_ops", 403, 434, 1184, 1},
    {3128, "timestamp_ops", 403, 434, 1114, 1},
    {4217, "text_pattern_ops", 403, 2095, 25, 0},
    {4218, "varchar_pattern_ops", 403, 2095, 25, 0},
    {4219, "bpchar_pattern_ops", 403, 2097, 1042, 0},
    {10000, "array_ops", 403, 397, 2277, 1},
    {10002, "bit_ops", 403, 423, 1560, 1},
    {10003, "bool_ops", 403, 424, 16, 1},
    {10004, "bpchar_ops", 403, 426, 1042, 1},
    {10006, "bytea_ops", 403, 428, 17, 1},
    {10007, "char_ops", 403, 429, 18, 1},
    {10012, "float4_ops", 403, 1970, 700, 1},
    {10022, "interval_ops", 403, 1982, 1186, 1},
    {10028, "name_ops", 403, 1994, 19, 1},
    {10032, "oidvector_ops", 403, 1991, 30, 1},
    {10034, "record_ops", 403, 2994, 2249, 1},
    {10036, "record_image_ops", 403, 3194, 2249, 0},
    {10038, "time_ops", 403, 1996, 1083, 1},
    {10041, "timetz_ops", 403, 2000, 1266, 1},
    {10043, "varbit_ops", 403, 2002, 1562, 1},
    {10044, "varchar_ops", 403, 1994, 25, 0},
    {10065, "uuid_ops", 403, 2968, 2950, 1},
    {10088, "jsonb_ops", 403, 4033, 3802, 1},
};
/* clang-format on */
const uint32_t view__type_io_count = LUMA_ARRAY_LEN(view__type_io);

/* ---------------------------------------------------------------- pg_type */

static const TypeIo *find_io(Type type)
{
    for (uint32_t i = 0; i < view__type_io_count; i++)
        if (view__type_io[i].type == type_oid((Type){.id = type.id}))
            return &view__type_io[i];
    return &view__type_io[0];
}

/* Functions of types, which are the elements' but for arrays. */
static void add_io(ViewRows *rows, Type type)
{
    const TypeIo *io = find_io(type);
    view__number(rows, "typinput", type.is_array ? 750 : io->in_oid);
    view__number(rows, "typoutput", type.is_array ? 751 : io->out_oid);
    view__number(rows, "typreceive", type.is_array ? 2400 : io->receive_oid);
    view__number(rows, "typsend", type.is_array ? 2401 : io->send_oid);
    view__number(rows, "typmodin", io->modifier_in);
    view__number(rows, "typmodout", io->modifier_out);
    view__number(rows, "typalign", type.is_array && io->align != 'd' ? 'i' : io->align);
    view__number(rows, "typstorage", type.is_array ? 'x' : io->storage);
}

static void add_type(ViewRows *rows, Type type)
{
    char name[64];
    Type other = type;
    const TypeIo *io = find_io(type);
    other.is_array = !type.is_array;
    view__row(rows);
    view__number(rows, "oid", type_oid(type));
    view__text(rows, "typname", arena_str(rows->arena, str_from(type_pg_name(type, name))));
    view__number(rows, "typnamespace", OID_SCHEMA_PG_CATALOG);
    view__number(rows, "typowner", OID_ROLE);
    view__number(rows, "typlen", type.is_array ? -1 : type_len(type));
    view__bool(rows, "typbyval", !type.is_array && io->by_value);
    view__number(rows, "typtype", type.is_array ? 'b' : io->kind);
    view__number(rows, "typcategory", type.is_array ? 'A' : io->category);
    view__bool(rows, "typispreferred", sql__type_preferred(type));
    view__bool(rows, "typisdefined", true);
    view__number(rows, "typdelim", ',');
    view__number(rows, "typsubscript", type.is_array ? 6179 : 0);
    view__number(rows, "typelem",
                 type.is_array                ? type_oid(other)
                 : type.id == TYPE_INT2VECTOR ? 21
                 : type.id == TYPE_OIDVECTOR  ? 26
                 : type.id == TYPE_NAME       ? 18
                                              : 0);
    view__number(rows, "typarray", type.is_array ? 0 : type_oid(other));
    add_io(rows, type);
    view__number(rows, "typtypmod", -1);
    view__number(rows, "typcollation",
                 !type_is_text((Type){.id = type.id}) || type.id == TYPE_UNKNOWN ? 0
                 : type.id == TYPE_NAME ? (int64_t)OID_COLLATION_C
                                        : (int64_t)OID_COLLATION_DEFAULT);
}

/* Of a type somebody created, and of its array. */
static void add_user_type(ViewRows *rows, const CatalogType *type, bool array)
{
    static const char kinds[] = {
        [CATALOG_ENUM] = 'e', [CATALOG_DOMAIN] = 'd', [CATALOG_COMPOSITE] = 'c'};
    static const char categories[] = {[CATALOG_ENUM] = 'E', [CATALOG_COMPOSITE] = 'C'};
    Type base = type->kind == CATALOG_DOMAIN ? type->base : TYPE_OF(TEXT);
    bool domain = type->kind == CATALOG_DOMAIN && !array;
    view__row(rows);
    view__number(rows, "oid", type->id + array);
    view__text(rows, "typname",
               array ? arena_printf(rows->arena, "_%.*s", STR_FMT(type->name)) : type->name);
    view__number(rows, "typnamespace", catalog_schema_oid(view__version(rows), type->schema));
    view__number(rows, "typowner", view__owner(type->owner));
    view__number(rows, "typlen", array || !domain ? -1 : type_len(base));
    view__number(rows, "typtype", array ? 'b' : kinds[type->kind]);
    view__number(rows, "typcategory",
                 array    ? 'A'
                 : domain ? sql__type_category(base)
                          : categories[type->kind]);
    view__bool(rows, "typisdefined", true);
    view__number(rows, "typdelim", ',');
    view__number(rows, "typrelid", type->kind == CATALOG_COMPOSITE && !array ? type->id : 0);
    view__number(rows, "typelem", array ? type->id : 0);
    view__number(rows, "typarray", array ? 0 : type->id + 1);
    add_io(rows, array ? TYPE_ARRAY_OF(TEXT) : base);
    view__bool(rows, "typnotnull", domain && type->not_null);
    view__number(rows, "typbasetype",
                 !domain             ? 0
                 : type->base_domain ? type->base_domain
                                     : type_oid(base));
    view__number(rows, "typtypmod", domain && base.id != TYPE_ENUM ? base.typmod : -1);
    view__number(rows, "typcollation",
                 domain && type_is_text(base) ? (int64_t)OID_COLLATION_DEFAULT : 0);
    if (domain && type->default_text.len)
        view__text(rows, "typdefault", type->default_text);
}

/* Types that no value has and no expression is of; clients look for them by name. */
static void add_pseudo_types(ViewRows *rows)
{
    static const struct {
        uint32_t oid;
        const char *name;
    } types[] = {{2275, "cstring"},     {2279, "trigger"}, {2281, "internal"},
                 {2776, "anynonarray"}, {3500, "anyenum"}, {3831, "anyrange"}};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(types); i++) {
        view__row(rows);
        view__number(rows, "oid", types[i].oid);
        view__name(rows, "typname", types[i].name);
        view__number(rows, "typnamespace", OID_SCHEMA_PG_CATALOG);
        view__number(rows, "typowner", OID_ROLE);
        view__number(rows, "typlen", types[i].oid == 2275 ? -2 : 4);
        view__number(rows, "typtype", 'p');
        view__number(rows, "typcategory", 'P');
        view__bool(rows, "typisdefined", true);
        view__number(rows, "typdelim", ',');
        view__number(rows, "typalign", 'i');
        view__number(rows, "typstorage", 'p');
        view__number(rows, "typtypmod", -1);
    }
}

void view__fill_type(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogType *type;
    add_pseudo_types(rows);
    for (int id = 0; id < TYPE_COUNT_; id++) {
        Type plain = {.id = (uint8_t)id, .typmod = -1};
        Type array = {.id = (uint8_t)id, .is_array = true, .typmod = -1};
        add_type(rows, plain);
        if (type_oid(array) && id != TYPE_ENUM)
            add_type(rows, array);
    }
    while ((type = catalog_next(view__version(rows), CATALOG_TYPE, &pos))) {
        add_user_type(rows, type, false);
        add_user_type(rows, type, true);
    }
}

void view__fill_enum(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogType *type;
    while ((type = catalog_next(view__version(rows), CATALOG_TYPE, &pos)))
        for (uint32_t i = 0; type->kind == CATALOG_ENUM && i < type->label_count; i++) {
            view__row(rows);
            view__number(rows, "oid", type->id + i + 2);
            view__number(rows, "enumtypid", type->id);
            view__real(rows, "enumsortorder", i + 1);
            view__text(rows, "enumlabel", type->labels[i].name);
        }
}

/* ---------------------------------------------------------------- pg_cast */

static Type type_at(int idx)
{
    return (Type){.id = (uint8_t)(idx % TYPE_COUNT_), .is_array = idx >= TYPE_COUNT_, .typmod = -1};
}

/* Casts through text, which every type has, are not listed; nor are those of arrays. */
void view__fill_cast(ViewRows *rows)
{
    static const char contexts[] = {
        [CAST_IMPLICIT] = 'i', [CAST_ASSIGNMENT] = 'a', [CAST_EXPLICIT] = 'e'};
    for (int from = 0; from < TYPE_COUNT_; from++)
        for (int to = 0; to < TYPE_COUNT_; to++) {
            Type a = type_at(from);
            Type b = type_at(to);
            const Cast *cast = from == to || from == TYPE_UNKNOWN || to == TYPE_UNKNOWN
                                   ? NULL
                                   : func_find_cast(a, b);
            bool by_text = cast && !cast->binary && (type_is_text(a) || type_is_text(b)) &&
                           type_is_text(a) != type_is_text(b);
            if (!cast || by_text)
                continue;
            view__row(rows);
            view__number(rows, "oid", 9800000 + from * TYPE_COUNT_ + to);
            view__number(rows, "castsource", type_oid(a));
            view__number(rows, "casttarget", type_oid(b));
            view__number(rows, "castcontext", contexts[cast->context]);
            view__number(rows, "castmethod", cast->binary ? 'b' : 'f');
        }
}

/* ---------------------------------------------------------------- others */

static void add_collation(ViewRows *rows, uint32_t oid, const char *name, char provider)
{
    view__row(rows);
    view__number(rows, "oid", oid);
    view__name(rows, "collname", name);
    view__number(rows, "collnamespace", OID_SCHEMA_PG_CATALOG);
    view__number(rows, "collowner", OID_ROLE);
    view__number(rows, "collprovider", provider);
    view__bool(rows, "collisdeterministic", true);
    view__number(rows, "collencoding", -1);
    if (provider == 'c') {
        view__name(rows, "collcollate", name);
        view__name(rows, "collctype", name);
    }
}

void view__fill_collation(ViewRows *rows)
{
    add_collation(rows, OID_COLLATION_DEFAULT, "default", 'd');
    add_collation(rows, OID_COLLATION_C, "C", 'c');
    add_collation(rows, 951, "POSIX", 'c');
}

void view__fill_opclass(ViewRows *rows)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(operator_classes); i++) {
        view__row(rows);
        view__number(rows, "oid", operator_classes[i].oid);
        view__number(rows, "opcmethod", operator_classes[i].method);
        view__name(rows, "opcname", operator_classes[i].name);
        view__number(rows, "opcnamespace", OID_SCHEMA_PG_CATALOG);
        view__number(rows, "opcowner", OID_ROLE);
        view__number(rows, "opcfamily", operator_classes[i].family);
        view__number(rows, "opcintype", operator_classes[i].input);
        view__bool(rows, "opcdefault", operator_classes[i].is_default);
    }
}

uint32_t view__operator_class(Type type)
{
    uint32_t oid = type.is_array                                        ? 2277
                   : type.id == TYPE_VARCHAR || type.id == TYPE_UNKNOWN ? 25
                                                                        : type_oid(type);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(operator_classes); i++)
        if (operator_classes[i].input == oid && operator_classes[i].is_default)
            return operator_classes[i].oid;
    return 0;
}

void view__fill_am(ViewRows *rows)
{
    static const struct {
        uint32_t oid;
        const char *name;
        char type;
    } methods[] = {{OID_AM_HEAP, "heap", 't'}, {OID_AM_BTREE, "btree", 'i'},
                   {405, "hash", 'i'},         {783, "gist", 'i'},
                   {2742, "gin", 'i'},         {3580, "brin", 'i'},
                   {4000, "spgist", 'i'},      {OID_AM_FULLTEXT, "fulltext", 'i'}};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(methods); i++) {
        view__row(rows);
        view__number(rows, "oid", methods[i].oid);
        view__name(rows, "amname", methods[i].name);
        view__number(rows, "amtype", methods[i].type);
    }
}
