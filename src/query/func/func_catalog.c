/* func_catalog.c - functions that look into the catalog: names, definitions, comments, visibility,
 * privileges and sizes. EvalCatalog knows the answers; names of objects are read as regclass reads
 * them. */
#include "format/pgtype/pgtype.h"
#include "query/func/func_int.h"

static const EvalCatalog *catalog_of(const EvalContext *ctx)
{
    return ctx->settings ? ctx->settings->catalog : NULL;
}

static Status set_text(const EvalContext *ctx, CatalogText what, const int64_t args[3], Column *ret,
                       uint32_t row, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    const EvalCatalog *catalog = catalog_of(ctx);
    if (!catalog || !catalog->text(ctx->settings->catalog_ctx, what, args, &text))
        return func__set_null(ctx, ret, row, err);
    return func__set_copy(ctx, ret, row, buf_str(&text), err);
}

static Status set_truth(const EvalContext *ctx, CatalogTruth truth, Column *ret, uint32_t row,
                        Error *err)
{
    if (truth == CATALOG_NULL)
        return func__set_null(ctx, ret, row, err);
    SET_BOOL(truth == CATALOG_TRUE);
    return STATUS_OK;
}

static CatalogTruth test(const EvalContext *ctx, CatalogTest what, int64_t oid, int64_t bits,
                         Str role)
{
    const EvalCatalog *catalog = catalog_of(ctx);
    const int64_t args[2] = {oid, bits};
    return catalog ? catalog->test(ctx->settings->catalog_ctx, what, args, role) : CATALOG_NULL;
}

/* Reads a name as regclass and its kin do. */
static Status name_oid(const EvalContext *ctx, TypeId type, Str name, int64_t *ret_oid, Error *err)
{
    const PgSettings *pg = ctx->settings ? ctx->settings->pg : NULL;
    uint32_t oid;
    if (!pg || !pg->reg_oid)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "there is no catalog here");
    TRY(pg->reg_oid(pg->reg_ctx, type, name, &oid, err));
    *ret_oid = oid;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- format_type */

static void append_modifier(Type type, Buf *out)
{
    int32_t mod = type.typmod;
    switch ((TypeId)type.id) {
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
        buf_printf(out, "(%d)", mod - 4);
        break;
    case TYPE_NUMERIC:
        /* Scales may be negative: eleven bits, the highest one the sign. */
        buf_printf(out, "(%d,%d)", (mod - 4) >> 16 & 0xffff, (((mod - 4) & 0x7ff) ^ 1024) - 1024);
        break;
    case TYPE_BIT:
    case TYPE_VARBIT:
        buf_printf(out, "(%d)", mod);
        break;
    default:
        buf_printf(out, "(%d)", mod & 0xffff);
        break;
    }
}

/* "timestamp(3) without time zone": the modifier stands behind the first word. */
static void append_time(Type type, Buf *out)
{
    char text[64];
    Str name = str_from(type_name((Type){.id = type.id, .typmod = -1}, text));
    Str first;
    (void)str_split(&name, ' ', &first); /* all of these have several words */
    buf_append_str(out, first);
    append_modifier(type, out);
    buf_append_byte(out, ' ');
    buf_append_str(out, name);
}

static void append_interval(Type type, Buf *out)
{
    static const struct {
        int32_t mask;
        const char *text;
    } ranges[] = {{0x0004, " year"},
                  {0x0002, " month"},
                  {0x0008, " day"},
                  {0x0400, " hour"},
                  {0x0800, " minute"},
                  {0x1000, " second"},
                  {0x0006, " year to month"},
                  {0x0408, " day to hour"},
                  {0x0c08, " day to minute"},
                  {0x1c08, " day to second"},
                  {0x0c00, " hour to minute"},
                  {0x1c00, " hour to second"},
                  {0x1800, " minute to second"}};
    buf_append_str(out, STR("interval"));
    for (size_t i = 0; i < LUMA_ARRAY_LEN(ranges); i++)
        if ((type.typmod >> 16 & 0x7fff) == ranges[i].mask)
            buf_append_str(out, str_from(ranges[i].text));
    if ((type.typmod & 0xffff) != 0xffff)
        append_modifier(type, out);
}

/* `has_modifier`: a typmod was given, be it -1: then character and bit are the types without any
 * length, which SQL has no words for. */
static void append_type(Type type, bool has_modifier, Buf *out)
{
    char text[64];
    Type plain = {.id = type.id, .typmod = -1};
    bool time = type.id == TYPE_TIME || type.id == TYPE_TIMETZ || type.id == TYPE_TIMESTAMP ||
                type.id == TYPE_TIMESTAMPTZ;
    if (type.typmod < 0 && has_modifier && type.id == TYPE_BPCHAR)
        buf_append_str(out, STR("bpchar"));
    else if (type.typmod < 0 && has_modifier && type.id == TYPE_BIT)
        buf_append_str(out, STR("\"bit\""));
    else if (type.typmod < 0)
        buf_append_str(out, str_from(type_name(plain, text)));
    else if (time)
        append_time(type, out);
    else if (type.id == TYPE_INTERVAL)
        append_interval(type, out);
    else {
        buf_append_str(out, str_from(type_name(plain, text)));
        if (type.id == TYPE_VARCHAR || type.id == TYPE_BPCHAR || type.id == TYPE_NUMERIC ||
            type.id == TYPE_BIT || type.id == TYPE_VARBIT)
            append_modifier(type, out);
    }
    if (type.is_array)
        buf_append_str(out, STR("[]"));
}

ROW_KERNEL_NULLABLE(format_type)
{
    CLEANUP(buf_done) Buf text = {0};
    Type type;
    if (column_is_null(&args[0], row))
        return func__set_null(ctx, ret, row, err);
    int64_t oid = ARG(int64_t, 0);
    bool has_modifier = !column_is_null(&args[1], row);
    if (oid == 0)
        buf_append_byte(&text, '-');
    else if (type_from_oid((uint32_t)oid, &type)) {
        type.typmod = has_modifier ? ARG(int32_t, 1) : -1;
        append_type(type, has_modifier, &text);
    } else {
        const EvalCatalog *catalog = catalog_of(ctx);
        const int64_t ask[3] = {oid};
        if (!catalog || !catalog->text(ctx->settings->catalog_ctx, CATALOG_TEXT_TYPE, ask, &text))
            buf_append_str(&text, STR("???"));
    }
    return func__set_copy(ctx, ret, row, buf_str(&text), err);
}

/* ---------------------------------------------------------------- definitions */

ROW_KERNEL(pg_get_userbyid)
{
    CLEANUP(buf_done) Buf text = {0};
    const int64_t ask[3] = {ARG(int64_t, 0)};
    const EvalCatalog *catalog = catalog_of(ctx);
    if (!catalog || !catalog->text(ctx->settings->catalog_ctx, CATALOG_TEXT_ROLE, ask, &text))
        buf_printf(&text, "unknown (OID=%lld)", (long long)ask[0]);
    return func__set_copy(ctx, ret, row, buf_str(&text), err);
}

/* Expressions are kept as texts. */
ROW_KERNEL(pg_get_expr)
{
    func__set_str(ret, row, ARG_STR(0));
    return STATUS_OK;
}

ROW_KERNEL(pg_get_indexdef)
{
    const int64_t ask[3] = {ARG(int64_t, 0), arg_count > 1 ? ARG(int32_t, 1) : 0,
                            arg_count > 2 && ARG_BOOL(2)};
    return set_text(ctx, CATALOG_TEXT_INDEX, ask, ret, row, err);
}

ROW_KERNEL(pg_get_constraintdef)
{
    const int64_t ask[3] = {ARG(int64_t, 0), arg_count > 1 && ARG_BOOL(1)};
    return set_text(ctx, CATALOG_TEXT_CONSTRAINT, ask, ret, row, err);
}

ROW_KERNEL(pg_get_viewdef)
{
    const int64_t ask[3] = {ARG(int64_t, 0)};
    return set_text(ctx, CATALOG_TEXT_VIEW, ask, ret, row, err);
}

ROW_KERNEL(pg_get_viewdef_name)
{
    int64_t ask[3] = {0};
    TRY(name_oid(ctx, TYPE_REGCLASS, ARG_STR(0), &ask[0], err));
    return set_text(ctx, CATALOG_TEXT_VIEW, ask, ret, row, err);
}

ROW_KERNEL(pg_get_function_result)
{
    const int64_t ask[3] = {ARG(int64_t, 0)};
    return set_text(ctx, CATALOG_TEXT_PROC_RESULT, ask, ret, row, err);
}

ROW_KERNEL(pg_get_function_arguments)
{
    const int64_t ask[3] = {ARG(int64_t, 0)};
    return set_text(ctx, CATALOG_TEXT_PROC_ARGUMENTS, ask, ret, row, err);
}

/* Of objects that LumaDB does not have: triggers, rules, partitions, statistics. */
ROW_KERNEL(no_definition)
{
    return func__set_null(ctx, ret, row, err);
}

/* ---------------------------------------------------------------- comments */

static Status class_oid(const EvalContext *ctx, Str name, int64_t *ret_oid, Error *err)
{
    return name_oid(ctx, TYPE_REGCLASS, name, ret_oid, err);
}

ROW_KERNEL(obj_description)
{
    int64_t ask[3] = {ARG(int64_t, 0)};
    if (arg_count > 1 && class_oid(ctx, ARG_STR(1), &ask[1], NULL) != STATUS_OK)
        return func__set_null(ctx, ret, row, err);
    return set_text(ctx, CATALOG_TEXT_COMMENT, ask, ret, row, err);
}

ROW_KERNEL(col_description)
{
    enum { PG_CLASS = 1259 };
    const int64_t ask[3] = {ARG(int64_t, 0), PG_CLASS, ARG(int32_t, 1)};
    return set_text(ctx, CATALOG_TEXT_COMMENT, ask, ret, row, err);
}

/* ---------------------------------------------------------------- visibility */

ROW_KERNEL(relation_is_visible)
{
    return set_truth(ctx, test(ctx, CATALOG_TEST_RELATION, ARG(int64_t, 0), 0, STR("")), ret, row,
                     err);
}

ROW_KERNEL(type_is_visible)
{
    return set_truth(ctx, test(ctx, CATALOG_TEST_TYPE, ARG(int64_t, 0), 0, STR("")), ret, row, err);
}

ROW_KERNEL(proc_is_visible)
{
    return set_truth(ctx, test(ctx, CATALOG_TEST_PROC, ARG(int64_t, 0), 0, STR("")), ret, row, err);
}

/* What is built in stands in pg_catalog, which every path has. */
ROW_KERNEL(is_visible)
{
    SET_BOOL(true);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- names of objects */

static Status to_reg(const EvalContext *ctx, TypeId type, Str name, Column *ret, uint32_t row,
                     Error *err)
{
    int64_t oid;
    Error ignored = {0};
    if (name_oid(ctx, type, name, &oid, &ignored) != STATUS_OK)
        return func__set_null(ctx, ret, row, err);
    SET(int64_t, oid);
    return STATUS_OK;
}

ROW_KERNEL(to_regclass)
{
    return to_reg(ctx, TYPE_REGCLASS, ARG_STR(0), ret, row, err);
}
ROW_KERNEL(to_regtype)
{
    return to_reg(ctx, TYPE_REGTYPE, ARG_STR(0), ret, row, err);
}
ROW_KERNEL(to_regnamespace)
{
    return to_reg(ctx, TYPE_REGNAMESPACE, ARG_STR(0), ret, row, err);
}
ROW_KERNEL(to_regproc)
{
    return to_reg(ctx, TYPE_REGPROC, ARG_STR(0), ret, row, err);
}

/* ---------------------------------------------------------------- privileges */

typedef struct PrivilegeName {
    const char *name;
    int64_t bit;
} PrivilegeName;

/* PRIVILEGE_* of storage/catalog: one list, "SELECT, UPDATE WITH GRANT OPTION". */
static Status parse_privileges(Str list, const PrivilegeName *names, int64_t *ret_bits, Error *err)
{
    Str part;
    *ret_bits = 0;
    while (str_split(&list, ',', &part)) {
        Str word = str_trim(part);
        const Str option = STR(" WITH GRANT OPTION");
        if (word.len > option.len &&
            str_eq_nocase(str_sub(word, word.len - option.len, option.len), option))
            word = str_sub(word, 0, word.len - option.len);
        const PrivilegeName *name = names;
        while (name->name && !str_eq_nocase(word, str_from(name->name)))
            name++;
        if (!name->name)
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "unrecognized privilege type: \"%.*s\"", STR_FMT(word));
        *ret_bits |= name->bit;
    }
    return STATUS_OK;
}

static const PrivilegeName table_privileges[] = {
    {"SELECT", 1},      {"INSERT", 2},   {"UPDATE", 4}, {"DELETE", 8}, {"TRUNCATE", 16},
    {"REFERENCES", 32}, {"TRIGGER", 64}, {"RULE", 0},   {NULL, 0}};
static const PrivilegeName sequence_privileges[] = {
    {"USAGE", 128}, {"SELECT", 1}, {"UPDATE", 4}, {NULL, 0}};
static const PrivilegeName schema_privileges[] = {{"CREATE", 256}, {"USAGE", 128}, {NULL, 0}};
static const PrivilegeName other_privileges[] = {
    {"CREATE", 0},  {"CONNECT", 0}, {"TEMPORARY", 0}, {"TEMP", 0},   {"USAGE", 0},
    {"EXECUTE", 0}, {"MEMBER", 0},  {"SET", 0},       {"SELECT", 0}, {NULL, 0}};

/* The role of an argument: a name, or an OID. */
static Status role_name(const EvalContext *ctx, const Column *arg, uint32_t row, Buf *out,
                        Error *err)
{
    const EvalCatalog *catalog = catalog_of(ctx);
    if (type_layout(arg->type) == LAYOUT_VIEW) {
        buf_append_str(out, func__str(arg, row));
        return STATUS_OK;
    }
    const int64_t ask[3] = {((const int64_t *)arg->values)[column_slot(arg, row)]};
    if (!catalog || !catalog->text(ctx->settings->catalog_ctx, CATALOG_TEXT_ROLE, ask, out))
        return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0, "role with OID %lld does not exist",
                             (long long)ask[0]);
    return STATUS_OK;
}

/* The object of an argument: a name read as `type`, or an OID. */
static Status object_oid(const EvalContext *ctx, const Column *arg, uint32_t row, TypeId type,
                         int64_t *ret_oid, Error *err)
{
    if (type_layout(arg->type) == LAYOUT_VIEW)
        return name_oid(ctx, type, func__str(arg, row), ret_oid, err);
    *ret_oid = ((const int64_t *)arg->values)[column_slot(arg, row)];
    return STATUS_OK;
}

/* [role,] object, [column,] privileges: `columns` arguments stand between the last two. */
static Status has_privilege(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                            uint32_t row, uint32_t columns, TypeId type, CatalogTest what,
                            const PrivilegeName *names, Column *ret, Error *err)
{
    CLEANUP(buf_done) Buf role = {0};
    uint32_t at = arg_count - 2 - columns;
    int64_t oid, bits;
    if (at)
        TRY(role_name(ctx, &args[0], row, &role, err));
    TRY(object_oid(ctx, &args[at], row, type, &oid, err));
    TRY(parse_privileges(func__str(&args[arg_count - 1], row), names, &bits, err));
    return set_truth(ctx, test(ctx, what, oid, bits, buf_str(&role)), ret, row, err);
}

ROW_KERNEL(has_table_privilege)
{
    return has_privilege(ctx, args, arg_count, row, 0, TYPE_REGCLASS, CATALOG_TEST_TABLE_PRIVILEGES,
                         table_privileges, ret, err);
}
ROW_KERNEL(has_column_privilege)
{
    return has_privilege(ctx, args, arg_count, row, 1, TYPE_REGCLASS, CATALOG_TEST_TABLE_PRIVILEGES,
                         table_privileges, ret, err);
}
ROW_KERNEL(has_sequence_privilege)
{
    return has_privilege(ctx, args, arg_count, row, 0, TYPE_REGCLASS, CATALOG_TEST_TABLE_PRIVILEGES,
                         sequence_privileges, ret, err);
}
ROW_KERNEL(has_schema_privilege)
{
    return has_privilege(ctx, args, arg_count, row, 0, TYPE_REGNAMESPACE,
                         CATALOG_TEST_SCHEMA_PRIVILEGES, schema_privileges, ret, err);
}

/* Databases, functions, types and roles: everybody who is here may use them. */
ROW_KERNEL(has_other_privilege)
{
    int64_t bits;
    TRY(parse_privileges(func__str(&args[arg_count - 1], row), other_privileges, &bits, err));
    SET_BOOL(true);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- sizes */

ROW_KERNEL(relation_bytes)
{
    const EvalCatalog *catalog = catalog_of(ctx);
    int64_t bytes =
        catalog ? catalog->bytes(ctx->settings->catalog_ctx, (uint32_t)ARG(int64_t, 0)) : -1;
    if (bytes < 0)
        return func__set_null(ctx, ret, row, err);
    SET(int64_t, bytes);
    return STATUS_OK;
}

/* Of what takes no space of its own: indexes, tablespaces. */
ROW_KERNEL(no_bytes)
{
    SET(int64_t, 0);
    return STATUS_OK;
}

ROW_KERNEL(database_bytes)
{
    const EvalCatalog *catalog = catalog_of(ctx);
    SET(int64_t, catalog ? catalog->bytes(ctx->settings->catalog_ctx, 0) : 0);
    return STATUS_OK;
}

ROW_KERNEL(live_tuples)
{
    const EvalCatalog *catalog = catalog_of(ctx);
    int64_t count =
        catalog ? catalog->row_count(ctx->settings->catalog_ctx, (uint32_t)ARG(int64_t, 0)) : -1;
    SET(int64_t, count < 0 ? 0 : count);
    return STATUS_OK;
}

ROW_KERNEL(zero_oid)
{
    SET(int64_t, 0);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- encodings and settings */

ROW_KERNEL(pg_encoding_to_char)
{
    static const char *const names[] = {"SQL_ASCII", "EUC_JP",        "EUC_CN",
                                        "EUC_KR",    "EUC_TW",        "EUC_JIS_2004",
                                        "UTF8",      "MULE_INTERNAL", "LATIN1"};
    int32_t encoding = ARG(int32_t, 0);
    bool known = encoding >= 0 && (size_t)encoding < LUMA_ARRAY_LEN(names);
    return func__set_copy(ctx, ret, row, str_from(known ? names[encoding] : ""), err);
}

ROW_KERNEL(pg_char_to_encoding)
{
    Str name = ARG_STR(0);
    bool utf8 = str_eq_nocase(name, STR("UTF8")) || str_eq_nocase(name, STR("UTF-8"));
    SET(int32_t, utf8 ? 6 : str_eq_nocase(name, STR("SQL_ASCII")) ? 0 : -1);
    return STATUS_OK;
}

ROW_KERNEL(encoding_name)
{
    return func__set_copy(ctx, ret, row, STR("UTF8"), err);
}

ROW_KERNEL_NULLABLE(set_config)
{
    const EvalCatalog *catalog = catalog_of(ctx);
    if (column_is_null(&args[0], row))
        return error_set_sql(err, STATUS_INVALID, "22004", 0, "SET requires parameter name");
    if (!catalog || !catalog->set)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "set_config: not available here");
    Str value = column_is_null(&args[1], row) ? STR("") : ARG_STR(1);
    bool local = !column_is_null(&args[2], row) && ARG_BOOL(2);
    TRY(catalog->set(ctx->settings->catalog_ctx, ARG_STR(0), value, local, err));
    if (ctx->settings->setting) /* as SHOW prints it */
        (void)ctx->settings->setting(ctx->settings->setting_ctx, ARG_STR(0), &value);
    return func__set_copy(ctx, ret, row, value, err);
}

static Status null_value(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                         uint32_t rows, Column *ret, Error *err)
{
    return column_init_null(ret, ctx->arena, ret->type, rows, err);
}

/* ---------------------------------------------------------------- the tables */

#define STABLE(name_, oid_, kernel_, ret_, argc_, ...)                                             \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .strict = true,                            \
        .volatility = VOLATILITY_STABLE, .args = {__VA_ARGS__}, .ret = T(ret_), .kernel = kernel_  \
    }
#define VISIBLE(name_, oid_, kernel_) STABLE(name_, oid_, kernel_, BOOL, 1, T(OID))
/* The six forms of a privilege question, in the order of PostgreSQL's OIDs. */
#define PRIVILEGE(name_, oid_, kernel_)                                                            \
    STABLE(name_, oid_, kernel_, BOOL, 3, T(NAME), T(TEXT), T(TEXT)),                              \
        STABLE(name_, (oid_) + 1, kernel_, BOOL, 3, T(NAME), T(OID), T(TEXT)),                     \
        STABLE(name_, (oid_) + 2, kernel_, BOOL, 3, T(OID), T(TEXT), T(TEXT)),                     \
        STABLE(name_, (oid_) + 3, kernel_, BOOL, 3, T(OID), T(OID), T(TEXT)),                      \
        STABLE(name_, (oid_) + 4, kernel_, BOOL, 2, T(TEXT), T(TEXT)),                             \
        STABLE(name_, (oid_) + 5, kernel_, BOOL, 2, T(OID), T(TEXT))

static const Function functions[] = {
    {.name = "format_type",
     .oid = 1081,
     .arg_count = 2,
     .volatility = VOLATILITY_STABLE,
     .args = {T(OID), T(INT4)},
     .ret = T(TEXT),
     .kernel = format_type},
    STABLE("pg_get_userbyid", 1642, pg_get_userbyid, NAME, 1, T(OID)),
    STABLE("pg_get_expr", 1716, pg_get_expr, TEXT, 2, T(TEXT), T(OID)),
    STABLE("pg_get_expr", 2509, pg_get_expr, TEXT, 3, T(TEXT), T(OID), T(BOOL)),
    STABLE("pg_get_indexdef", 1643, pg_get_indexdef, TEXT, 1, T(OID)),
    STABLE("pg_get_indexdef", 2507, pg_get_indexdef, TEXT, 3, T(OID), T(INT4), T(BOOL)),
    STABLE("pg_get_constraintdef", 1387, pg_get_constraintdef, TEXT, 1, T(OID)),
    STABLE("pg_get_constraintdef", 2508, pg_get_constraintdef, TEXT, 2, T(OID), T(BOOL)),
    STABLE("pg_get_viewdef", 1640, pg_get_viewdef_name, TEXT, 1, T(TEXT)),
    STABLE("pg_get_viewdef", 2505, pg_get_viewdef_name, TEXT, 2, T(TEXT), T(BOOL)),
    STABLE("pg_get_viewdef", 1641, pg_get_viewdef, TEXT, 1, T(OID)),
    STABLE("pg_get_viewdef", 2506, pg_get_viewdef, TEXT, 2, T(OID), T(BOOL)),
    STABLE("pg_get_viewdef", 3159, pg_get_viewdef, TEXT, 2, T(OID), T(INT4)),
    STABLE("pg_get_function_result", 2165, pg_get_function_result, TEXT, 1, T(OID)),
    STABLE("pg_get_function_arguments", 2162, pg_get_function_arguments, TEXT, 1, T(OID)),
    STABLE("pg_get_function_identity_arguments", 2232, pg_get_function_arguments, TEXT, 1, T(OID)),
    STABLE("pg_get_functiondef", 2098, no_definition, TEXT, 1, T(OID)),
    STABLE("pg_get_function_sqlbody", 6197, no_definition, TEXT, 1, T(OID)),
    STABLE("pg_get_statisticsobjdef_columns", 6174, no_definition, TEXT, 1, T(OID)),
    STABLE("pg_get_partkeydef", 3352, no_definition, TEXT, 1, T(OID)),
    STABLE("pg_get_partition_constraintdef", 3408, no_definition, TEXT, 1, T(OID)),
    STABLE("pg_get_triggerdef", 1662, no_definition, TEXT, 1, T(OID)),
    STABLE("pg_get_triggerdef", 2730, no_definition, TEXT, 2, T(OID), T(BOOL)),
    STABLE("pg_get_ruledef", 1573, no_definition, TEXT, 1, T(OID)),
    STABLE("pg_get_ruledef", 2504, no_definition, TEXT, 2, T(OID), T(BOOL)),
    STABLE("pg_collation_actual_version", 3448, no_definition, TEXT, 1, T(OID)),
    STABLE("obj_description", 1348, obj_description, TEXT, 1, T(OID)),
    STABLE("obj_description", 1215, obj_description, TEXT, 2, T(OID), T(NAME)),
    STABLE("shobj_description", 1993, obj_description, TEXT, 2, T(OID), T(NAME)),
    STABLE("col_description", 1216, col_description, TEXT, 2, T(OID), T(INT4)),
    VISIBLE("pg_table_is_visible", 2079, relation_is_visible),
    VISIBLE("pg_type_is_visible", 2080, type_is_visible),
    VISIBLE("pg_function_is_visible", 2081, proc_is_visible),
    VISIBLE("pg_operator_is_visible", 2082, is_visible),
    VISIBLE("pg_opclass_is_visible", 2083, is_visible),
    VISIBLE("pg_opfamily_is_visible", 3829, is_visible),
    VISIBLE("pg_collation_is_visible", 3815, is_visible),
    VISIBLE("pg_conversion_is_visible", 2093, is_visible),
    VISIBLE("pg_statistics_obj_is_visible", 3403, is_visible),
    VISIBLE("pg_ts_config_is_visible", 3758, is_visible),
    VISIBLE("pg_ts_dict_is_visible", 3757, is_visible),
    VISIBLE("pg_ts_parser_is_visible", 3756, is_visible),
    VISIBLE("pg_ts_template_is_visible", 3768, is_visible),
    STABLE("to_regclass", 3495, to_regclass, REGCLASS, 1, T(TEXT)),
    STABLE("to_regtype", 3493, to_regtype, REGTYPE, 1, T(TEXT)),
    STABLE("to_regnamespace", 4086, to_regnamespace, REGNAMESPACE, 1, T(TEXT)),
    STABLE("to_regproc", 3494, to_regproc, REGPROC, 1, T(TEXT)),
    PRIVILEGE("has_table_privilege", 1922, has_table_privilege),
    PRIVILEGE("has_any_column_privilege", 3024, has_table_privilege),
    PRIVILEGE("has_sequence_privilege", 2181, has_sequence_privilege),
    PRIVILEGE("has_schema_privilege", 2268, has_schema_privilege),
    PRIVILEGE("has_database_privilege", 2250, has_other_privilege),
    PRIVILEGE("has_function_privilege", 2256, has_other_privilege),
    PRIVILEGE("has_language_privilege", 2262, has_other_privilege),
    PRIVILEGE("has_tablespace_privilege", 2390, has_other_privilege),
    PRIVILEGE("has_type_privilege", 3138, has_other_privilege),
    STABLE("has_column_privilege", 3012, has_column_privilege, BOOL, 4, T(NAME), T(TEXT), T(TEXT),
           T(TEXT)),
    STABLE("has_column_privilege", 3013, has_column_privilege, BOOL, 4, T(NAME), T(TEXT), T(INT2),
           T(TEXT)),
    STABLE("has_column_privilege", 3014, has_column_privilege, BOOL, 4, T(NAME), T(OID), T(TEXT),
           T(TEXT)),
    STABLE("has_column_privilege", 3015, has_column_privilege, BOOL, 4, T(NAME), T(OID), T(INT2),
           T(TEXT)),
    STABLE("has_column_privilege", 3020, has_column_privilege, BOOL, 3, T(TEXT), T(TEXT), T(TEXT)),
    STABLE("has_column_privilege", 3021, has_column_privilege, BOOL, 3, T(TEXT), T(INT2), T(TEXT)),
    STABLE("has_column_privilege", 3022, has_column_privilege, BOOL, 3, T(OID), T(TEXT), T(TEXT)),
    STABLE("has_column_privilege", 3023, has_column_privilege, BOOL, 3, T(OID), T(INT2), T(TEXT)),
    STABLE("pg_has_role", 2705, has_other_privilege, BOOL, 3, T(NAME), T(NAME), T(TEXT)),
    STABLE("pg_has_role", 2706, has_other_privilege, BOOL, 3, T(NAME), T(OID), T(TEXT)),
    STABLE("pg_has_role", 2709, has_other_privilege, BOOL, 2, T(NAME), T(TEXT)),
    STABLE("pg_has_role", 2710, has_other_privilege, BOOL, 2, T(OID), T(TEXT)),
    STABLE("pg_table_size", 2997, relation_bytes, INT8, 1, T(REGCLASS)),
    STABLE("pg_total_relation_size", 2286, relation_bytes, INT8, 1, T(REGCLASS)),
    STABLE("pg_relation_size", 2325, relation_bytes, INT8, 1, T(REGCLASS)),
    STABLE("pg_relation_size", 2332, relation_bytes, INT8, 2, T(REGCLASS), T(TEXT)),
    STABLE("pg_indexes_size", 2998, no_bytes, INT8, 1, T(REGCLASS)),
    STABLE("pg_database_size", 2168, database_bytes, INT8, 1, T(NAME)),
    STABLE("pg_database_size", 2324, database_bytes, INT8, 1, T(OID)),
    STABLE("pg_tablespace_size", 2322, database_bytes, INT8, 1, T(OID)),
    STABLE("pg_tablespace_size", 2323, database_bytes, INT8, 1, T(NAME)),
    STABLE("pg_tablespace_location", 3778, no_definition, TEXT, 1, T(OID)),
    STABLE("pg_relation_filenode", 2999, zero_oid, OID, 1, T(REGCLASS)),
    STABLE("pg_stat_get_numscans", 1928, no_bytes, INT8, 1, T(OID)),
    STABLE("pg_stat_get_live_tuples", 2878, live_tuples, INT8, 1, T(OID)),
    STABLE("pg_stat_get_dead_tuples", 2879, no_bytes, INT8, 1, T(OID)),
    STABLE("pg_relation_is_publishable", 6121, is_visible, BOOL, 1, T(REGCLASS)),
    STABLE("pg_my_temp_schema", 2854, zero_oid, OID, 0, {0}),
    STABLE("pg_encoding_to_char", 1597, pg_encoding_to_char, NAME, 1, T(INT4)),
    STABLE("pg_char_to_encoding", 1264, pg_char_to_encoding, INT4, 1, T(NAME)),
    STABLE("getdatabaseencoding", 1039, encoding_name, NAME, 0, {0}),
    STABLE("pg_client_encoding", 810, encoding_name, NAME, 0, {0}),
    STABLE("inet_server_addr", 2198, null_value, TEXT, 0, {0}),
    STABLE("inet_server_port", 2199, null_value, INT4, 0, {0}),
    STABLE("inet_client_addr", 2196, null_value, TEXT, 0, {0}),
    STABLE("inet_client_port", 2197, null_value, INT4, 0, {0}),
    {.name = "set_config",
     .oid = 2078,
     .arg_count = 3,
     .volatility = VOLATILITY_VOLATILE,
     .args = {T(TEXT), T(TEXT), T(BOOL)},
     .ret = T(TEXT),
     .kernel = set_config},
};
const FuncTable func__catalog_table = {functions, LUMA_ARRAY_LEN(functions)};
