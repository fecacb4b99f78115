/* bind_type.c - type names, categories, coercion, and the common type of several expressions.
 *
 * The rules are PostgreSQL's (parse_coerce.c, "Type Conversion" in its manual). */
#include "query/sql/bind_int.h"

/* ---------------------------------------------------------------- names */

/* Types that PostgreSQL has and we have not. */
static bool is_foreign_type(Str name)
{
    static const char *const names[] = {
        "money",     "xml",       "inet",      "cidr",          "macaddr",   "macaddr8",
        "point",     "line",      "lseg",      "box",           "path",      "polygon",
        "circle",    "tsvector",  "tsquery",   "int4range",     "int8range", "numrange",
        "tsrange",   "tstzrange", "daterange", "txid_snapshot", "pg_lsn",    "xid",
        "cid",       "tid",       "regoper",   "regprocedure",  "regrole",   "regcollation",
        "regconfig",
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (str_eq(name, str_from(names[i])))
            return true;
    return false;
}

bool sql__type_resolve_name(Str schema, Str name, Type *ret_type)
{
    if (schema.len && !str_eq(schema, STR("pg_catalog")))
        return false;
    return type_from_pg_name(name, ret_type);
}

static Status modifier_value(Binder *b, const AstExpr *ast, int64_t *ret_value)
{
    if (!ast || ast->kind != AST_CONST || ast->constant != AST_CONST_INTEGER)
        return BIND_ERROR(b, "22023", ast ? ast->position : 0,
                          "type modifiers must be simple constants or identifiers");
    *ret_value = ast->number;
    return STATUS_OK;
}

static Status numeric_modifier(Binder *b, const AstType *ast, int32_t *ret_typmod)
{
    int64_t precision;
    int64_t scale = 0;
    TRY(modifier_value(b, ast->modifiers[0], &precision));
    if (ast->modifier_count > 2)
        return BIND_ERROR(b, "22023", ast->position, "invalid NUMERIC type modifier");
    if (ast->modifier_count == 2)
        TRY(modifier_value(b, ast->modifiers[1], &scale));
    if (precision < 1 || precision > 1000)
        return BIND_ERROR(b, "22023", ast->position,
                          "NUMERIC precision %ld must be between 1 and 1000", (long)precision);
    if (scale < -1000 || scale > 1000)
        return BIND_ERROR(b, "22023", ast->position,
                          "NUMERIC scale %ld must be between -1000 and 1000", (long)scale);
    *ret_typmod = (int32_t)((precision << 16) | (scale & 0x7ff)) + 4;
    return STATUS_OK;
}

static Status length_modifier(Binder *b, const AstType *ast, const char *name, int32_t *ret_typmod)
{
    int64_t length;
    TRY(modifier_value(b, ast->modifiers[0], &length));
    if (length < 1)
        return BIND_ERROR(b, "22023", ast->position, "length for type %s must be at least 1", name);
    if (length > 10485760)
        return BIND_ERROR(b, "22023", ast->position, "length for type %s cannot exceed 10485760",
                          name);
    *ret_typmod = (int32_t)length + 4;
    return STATUS_OK;
}

/* The grammar gives interval a mask of fields first, then the precision. */
static Status interval_modifier(Binder *b, const AstType *ast, int32_t *ret_typmod)
{
    int64_t fields;
    int64_t precision = 0xffff;
    TRY(modifier_value(b, ast->modifiers[0], &fields));
    if (ast->modifier_count > 1)
        TRY(modifier_value(b, ast->modifiers[1], &precision));
    if (ast->modifier_count > 1)
        precision = LUMA_MIN(precision, 6);
    *ret_typmod = (int32_t)(((fields & 0x7fff) << 16) | (precision & 0xffff));
    return STATUS_OK;
}

static Status type_modifier(Binder *b, const AstType *ast, Type type, int32_t *ret_typmod)
{
    int64_t precision;
    char name[64];
    switch ((TypeId)type.id) {
    case TYPE_NUMERIC:
        return numeric_modifier(b, ast, ret_typmod);
    case TYPE_VARCHAR:
        return length_modifier(b, ast, "varchar", ret_typmod);
    case TYPE_BPCHAR:
        return length_modifier(b, ast, "char", ret_typmod);
    case TYPE_BIT:
    case TYPE_VARBIT:
        TRY(length_modifier(b, ast, type.id == TYPE_BIT ? "bit" : "varbit", ret_typmod));
        *ret_typmod -= 4;
        return STATUS_OK;
    case TYPE_INTERVAL:
        return interval_modifier(b, ast, ret_typmod);
    case TYPE_TIME:
    case TYPE_TIMETZ:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        TRY(modifier_value(b, ast->modifiers[0], &precision));
        if (precision < 0)
            return BIND_ERROR(b, "22023", ast->position, "%s(%ld) precision must not be negative",
                              type_pg_name(type, name), (long)precision);
        *ret_typmod = (int32_t)LUMA_MIN(precision, 6);
        return STATUS_OK;
    default:
        return BIND_ERROR(b, "42601", ast->position, "type modifier is not allowed for type \"%s\"",
                          type_pg_name(type, name));
    }
}

const CatalogType *sql__find_user_type(Binder *b, Str schema, Str name)
{
    const SqlBindOptions *options = b->options;
    if (!b->catalog || !b->catalog->find_type)
        return NULL;
    if (schema.len)
        return b->catalog->find_type(b->catalog->ctx, schema, name);
    for (uint32_t i = 0; i < options->search_path_count; i++) {
        const CatalogType *type =
            b->catalog->find_type(b->catalog->ctx, options->search_path[i], name);
        if (type)
            return type;
    }
    return NULL;
}

Status sql__type_domain(Binder *b, const AstType *ast, Type *ret_type, uint32_t *ret_domain)
{
    Type known;
    const CatalogType *user = sql__type_resolve_name(ast->schema, ast->name, &known)
                                  ? NULL
                                  : sql__find_user_type(b, ast->schema, ast->name);
    *ret_domain = 0;
    if (!user || user->kind != CATALOG_DOMAIN || ast->array_bounds)
        return sql__type(b, ast, ret_type);
    *ret_type = user->base;
    *ret_domain = user->id;
    return STATUS_OK;
}

static Status user_type(Binder *b, const AstType *ast, const CatalogType *user, Type *ret_type)
{
    if (ast->modifier_count)
        return BIND_ERROR(b, "42601", ast->position,
                          "type modifier is not allowed for type \"%.*s\"", STR_FMT(user->name));
    if (user->kind == CATALOG_COMPOSITE)
        return BIND_UNSUPPORTED(b, ast->position,
                                "columns and values of composite type \"%.*s\" are not supported",
                                STR_FMT(user->name));
    *ret_type = user->base;
    if (ast->array_bounds && user->base.is_array)
        return BIND_UNSUPPORTED(b, ast->position, "arrays of array domains are not supported");
    ret_type->is_array |= ast->array_bounds > 0;
    return STATUS_OK;
}

Status sql__type(Binder *b, const AstType *ast, Type *ret_type)
{
    Type type;
    if (ast->of_column)
        return BIND_UNSUPPORTED(b, ast->position, "%%TYPE references are not supported");
    if (ast->set_of)
        return BIND_UNSUPPORTED(b, ast->position, "SETOF types are not supported");
    if (!sql__type_resolve_name(ast->schema, ast->name, &type)) {
        const CatalogType *user = sql__find_user_type(b, ast->schema, ast->name);
        if (user)
            return user_type(b, ast, user, ret_type);
        if (is_foreign_type(ast->name))
            return BIND_UNSUPPORTED(b, ast->position, "type \"%.*s\" is not supported",
                                    STR_FMT(ast->name));
        if (ast->schema.len)
            return BIND_ERROR(b, "42704", ast->position, "type \"%.*s.%.*s\" does not exist",
                              STR_FMT(ast->schema), STR_FMT(ast->name));
        return BIND_ERROR(b, "42704", ast->position, "type \"%.*s\" does not exist",
                          STR_FMT(ast->name));
    }
    if (type.id == TYPE_ENUM)
        return BIND_UNSUPPORTED(b, ast->position, "type \"anyenum\" is not supported here");
    type.typmod = -1;
    if (ast->modifier_count)
        TRY(type_modifier(b, ast, type, &type.typmod));
    if (ast->array_bounds)
        type.is_array = true;
    *ret_type = type;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- categories */

char sql__type_category(Type type)
{
    if (type.is_array)
        return 'A';
    switch ((TypeId)type.id) {
    case TYPE_UNKNOWN:
        return 'X';
    case TYPE_BOOL:
        return 'B';
    case TYPE_CHAR:
        return 'Z';
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_NUMERIC:
    case TYPE_OID:
    case TYPE_REGCLASS:
    case TYPE_REGTYPE:
    case TYPE_REGPROC:
    case TYPE_REGNAMESPACE:
        return 'N';
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
        return 'S';
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMETZ:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return 'D';
    case TYPE_INTERVAL:
        return 'T';
    case TYPE_BYTEA:
    case TYPE_UUID:
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_JSONPATH:
        return 'U';
    case TYPE_BIT:
    case TYPE_VARBIT:
        return 'V';
    case TYPE_INT2VECTOR:
    case TYPE_OIDVECTOR:
    case TYPE_ANYARRAY:
        return 'A';
    case TYPE_ENUM:
        return 'E';
    case TYPE_VOID:
    case TYPE_RECORD:
    case TYPE_ANYELEMENT:
    case TYPE_ANY:
    case TYPE_COUNT_:
        return 'P';
    }
    return 'U';
}

bool sql__type_preferred(Type type)
{
    if (type.is_array)
        return false;
    switch ((TypeId)type.id) {
    case TYPE_BOOL:
    case TYPE_FLOAT8:
    case TYPE_OID:
    case TYPE_TEXT:
    case TYPE_TIMESTAMPTZ:
    case TYPE_INTERVAL:
    case TYPE_VARBIT:
        return true;
    default:
        return false;
    }
}

/* ---------------------------------------------------------------- coercion */

bool sql__can_coerce(Type from, Type to, CastContext context)
{
    if (type_eq(from, to))
        return true;
    if (!to.is_array && to.id == TYPE_ANY)
        return true;
    if (!to.is_array && to.id == TYPE_ANYELEMENT)
        return true;
    if (!to.is_array && to.id == TYPE_ANYARRAY)
        return from.is_array || (from.id == TYPE_UNKNOWN);
    if (!from.is_array && from.id == TYPE_UNKNOWN)
        return true;
    const Cast *cast = func_find_cast(from, to);
    return cast && cast->context <= context;
}

/* Runs the input function of a literal at once, as PostgreSQL does. */
static Status read_literal(Binder *b, Expr **expr, Type to)
{
    Expr *literal = *expr;
    if (expr_is_null_const(literal)) {
        *expr = expr_const_null(b->arena, to);
        (*expr)->position = literal->position;
        return STATUS_OK;
    }
    const Cast *cast = func_find_cast(TYPE_OF(UNKNOWN), to);
    char name[64];
    if (!cast)
        return BIND_UNSUPPORTED(b, literal->position, "a literal of type %s is not supported",
                                type_name(to, name));
    Column value = {.type = to};
    Error err = {0};
    Status status = STATUS_OK;
    Column arg = literal->value;
    if (cast->binary || !cast->kernel) {
        value = arg;
        value.type = to;
    } else {
        status = cast->kernel(&b->eval, &arg, 1, 1, &value, &err);
    }
    if (status != STATUS_OK) {
        if (!err.position)
            err.position = literal->position;
        if (b->err)
            *b->err = err;
        return status;
    }
    value.is_const = true;
    value.len = 1;
    *expr = expr_const(b->arena, &value);
    (*expr)->position = literal->position;
    return STATUS_OK;
}

/* Length and precision are applied by a cast of their own. */
static void apply_typmod(Binder *b, Expr **expr, Type to, CastContext context)
{
    if (to.typmod < 0 || (*expr)->type.typmod == to.typmod || to.id == TYPE_RECORD ||
        to.id == TYPE_ENUM)
        return; /* a record's typmod names its fields, an enum's is its type */
    if (expr_is_null_const(*expr)) {
        (*expr)->type.typmod = to.typmod;
        (*expr)->value.type.typmod = to.typmod;
        return;
    }
    Expr *cast = sql__new_args(b, EXPR_CAST, to, (*expr)->position, 1, expr);
    cast->assignment = context != CAST_EXPLICIT;
    *expr = cast;
}

static bool coerce_param(Binder *b, Expr *expr, Type to)
{
    if (expr->kind != EXPR_PARAM)
        return false;
    Type *slot = &b->param_types[expr->param_idx];
    to = type_plain(to);
    if (slot->id == TYPE_UNKNOWN && !slot->is_array)
        *slot = to;
    expr->type = *slot;
    return true;
}

static Status coerce_array_items(Binder *b, Expr **expr, Type to, CastContext context, bool *ret_ok)
{
    Expr *array = *expr;
    for (uint32_t i = 0; i < array->arg_count && *ret_ok; i++) {
        Type item = array->args[i]->kind == EXPR_ARRAY ? to : type_element(to);
        TRY(sql__coerce_try(b, &array->args[i], item, context, ret_ok));
    }
    array->type = to;
    return STATUS_OK;
}

Status sql__coerce_try(Binder *b, Expr **expr, Type to, CastContext context, bool *ret_ok)
{
    Type plain = type_plain(to);
    *ret_ok = true;
    /* Nobody knows any more which enum it was: its label decides. */
    if (to.id == TYPE_ENUM && to.typmod != -1 && (*expr)->type.id == TYPE_ENUM &&
        (*expr)->type.typmod == -1 && to.is_array == (*expr)->type.is_array &&
        (*expr)->kind != EXPR_ARRAY) {
        Expr *text = sql__new_args(b, EXPR_CAST, TYPE_OF(TEXT), (*expr)->position, 1, expr);
        text->cast = func_find_cast((*expr)->type, TYPE_OF(TEXT));
        *expr = sql__new_args(b, EXPR_CAST, to, text->position, 1, &text);
        (*expr)->cast = func_find_cast(TYPE_OF(TEXT), to);
        return STATUS_OK;
    }
    if ((*expr)->type.id == TYPE_UNKNOWN && !(*expr)->type.is_array) {
        if ((*expr)->kind == EXPR_CONST) {
            /* The fields of an interval decide how its bare numbers are read. */
            TRY(read_literal(b, expr, to.id == TYPE_INTERVAL && !to.is_array ? to : plain));
            apply_typmod(b, expr, to, context);
            return STATUS_OK;
        }
        if (coerce_param(b, *expr, plain) && type_eq((*expr)->type, plain)) {
            apply_typmod(b, expr, to, context);
            return STATUS_OK;
        }
    }
    if (type_eq((*expr)->type, plain)) {
        apply_typmod(b, expr, to, context);
        return STATUS_OK;
    }
    if (to.is_array && (*expr)->kind == EXPR_ARRAY)
        return coerce_array_items(b, expr, to, context, ret_ok);
    const Cast *cast = func_find_cast((*expr)->type, plain);
    if (!cast || cast->context > context) {
        *ret_ok = false;
        return STATUS_OK;
    }
    /* Integers become as many bits as asked for. */
    bool to_bits = plain.id == TYPE_BIT && !plain.is_array && type_is_integer((*expr)->type);
    Expr *result = sql__new_args(b, EXPR_CAST, to_bits ? to : plain, (*expr)->position, 1, expr);
    result->cast = cast;
    *expr = result;
    apply_typmod(b, expr, to, context);
    return STATUS_OK;
}

Status sql__coerce(Binder *b, Expr **expr, Type to, CastContext context, int32_t position)
{
    bool ok;
    Type from = (*expr)->type;
    char have[64], want[64];
    TRY(sql__coerce_try(b, expr, to, context, &ok));
    if (ok)
        return STATUS_OK;
    return BIND_ERROR(b, "42846", position ? position : (*expr)->position,
                      "cannot cast type %s to %s", type_name(from, have), type_name(to, want));
}

Status sql__coerce_unknown(Binder *b, Expr **expr)
{
    if ((*expr)->type.id != TYPE_UNKNOWN || (*expr)->type.is_array)
        return STATUS_OK;
    return sql__coerce(b, expr, TYPE_OF(TEXT), CAST_IMPLICIT, 0);
}

Status sql__coerce_bool(Binder *b, Expr **expr, const char *clause)
{
    bool ok;
    char have[64];
    Type from = (*expr)->type;
    TRY(sql__coerce_try(b, expr, TYPE_OF(BOOL), CAST_ASSIGNMENT, &ok));
    if (!ok)
        return BIND_ERROR(b, "42804", (*expr)->position,
                          "argument of %s must be type boolean, not type %s", clause,
                          type_name(from, have));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- common types */

/* Takes the next type into account; false when the categories differ. */
bool sql__common_pair(Type *type, Type next)
{
    bool next_unknown = next.id == TYPE_UNKNOWN && !next.is_array;
    bool type_unknown = type->id == TYPE_UNKNOWN && !type->is_array;
    if (next_unknown || type_eq(*type, next))
        return true;
    if (type_unknown) {
        *type = next;
        return true;
    }
    if (sql__type_category(*type) != sql__type_category(next))
        return false;
    if (!sql__type_preferred(*type) && sql__can_coerce(*type, next, CAST_IMPLICIT) &&
        !sql__can_coerce(next, *type, CAST_IMPLICIT))
        *type = next;
    return true;
}

Status sql__common_type_try(Expr *const *exprs, uint32_t count, Type *ret_type, uint32_t *ret_bad,
                            Type *ret_have)
{
    Type type = TYPE_OF(UNKNOWN);
    bool same_typmod = true;
    *ret_bad = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        *ret_have = type;
        if (!sql__common_pair(&type, exprs[i]->type)) {
            *ret_bad = i;
            return STATUS_OK;
        }
        if (i && exprs[i]->type.typmod != exprs[0]->type.typmod)
            same_typmod = false;
    }
    if (type.id == TYPE_UNKNOWN && !type.is_array)
        type = TYPE_OF(TEXT);
    type = type_plain(type);
    if (same_typmod && count && type_eq(type, exprs[0]->type))
        type.typmod = exprs[0]->type.typmod;
    *ret_type = type;
    return STATUS_OK;
}

Status sql__common_type(Binder *b, Expr *const *exprs, uint32_t count, const char *what,
                        Type *ret_type)
{
    uint32_t bad;
    Type type;
    char have[64], want[64];
    TRY(sql__common_type_try(exprs, count, ret_type, &bad, &type));
    if (bad != UINT32_MAX)
        return BIND_ERROR(b, "42804", exprs[bad]->position, "%s types %s and %s cannot be matched",
                          what, type_name(type, want), type_name(exprs[bad]->type, have));
    return STATUS_OK;
}

Status sql__coerce_common(Binder *b, Expr **expr, Type to, const char *what)
{
    bool ok;
    char have[64], want[64];
    Type from = (*expr)->type;
    TRY(sql__coerce_try(b, expr, to, CAST_IMPLICIT, &ok));
    if (!ok)
        return BIND_ERROR(b, "42846", (*expr)->position, "%s could not convert type %s to %s", what,
                          type_name(from, have), type_name(to, want));
    return STATUS_OK;
}
