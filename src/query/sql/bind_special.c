/* bind_special.c - expressions with a grammar of their own: CASE, IN, BETWEEN, rows, arrays,
 * subscripts, SQL value functions, subqueries. */
#include "query/sql/bind_int.h"

static Status bind_list(Binder *b, Scope *scope, AstExpr *const *ast, uint32_t count,
                        Expr ***ret_exprs)
{
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, count);
    for (uint32_t i = 0; i < count; i++)
        TRY(sql__expr(b, scope, ast[i], &exprs[i]));
    *ret_exprs = exprs;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- choices */

/* CASE x WHEN y: each condition is x = y, with x bound afresh. */
static Status bind_when(Binder *b, Scope *scope, const AstExpr *ast, uint32_t idx, Expr **ret_expr)
{
    const AstExpr *subject = ast->args[0];
    Expr *when, *value;
    TRY(sql__expr(b, scope, ast->args[idx], &when));
    if (!subject) {
        TRY(sql__coerce_bool(b, &when, "CASE/WHEN"));
        *ret_expr = when;
        return STATUS_OK;
    }
    TRY(sql__expr_known(b, scope, subject, &value));
    return sql__operator(b, STR("="), value, when, ast->args[idx]->position, ret_expr);
}

static Status bind_case(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    uint32_t arms = (ast->arg_count - 2) / 2;
    Expr **args = ARENA_NEW_ARRAY(b->arena, Expr *, 2 * arms + 1);
    Expr **results = ARENA_NEW_ARRAY(b->arena, Expr *, arms + 1);
    bool saved = scope->sets_ok;
    Type type;
    scope->sets_ok = false;
    for (uint32_t i = 0; i < arms; i++) {
        TRY(bind_when(b, scope, ast, 1 + 2 * i, &args[2 * i]));
        TRY(sql__expr(b, scope, ast->args[2 + 2 * i], &results[i + 1]));
    }
    const AstExpr *otherwise = ast->args[ast->arg_count - 1];
    if (otherwise)
        TRY(sql__expr(b, scope, otherwise, &results[0]));
    else
        results[0] = expr_const_null(b->arena, TYPE_OF(UNKNOWN));
    scope->sets_ok = saved;
    TRY(sql__common_type(b, results, arms + 1, "CASE", &type));
    for (uint32_t i = 0; i <= arms; i++)
        TRY(sql__coerce_common(b, &results[i], type, i ? "CASE/WHEN" : "CASE/ELSE"));
    for (uint32_t i = 0; i < arms; i++)
        args[2 * i + 1] = results[i + 1];
    args[2 * arms] = results[0];
    *ret_expr = sql__new_args(b, EXPR_CASE, type, ast->position, 2 * arms + 1, args);
    return STATUS_OK;
}

static Status bind_common_list(Binder *b, Scope *scope, const AstExpr *ast, ExprKind kind,
                               const char *name, Expr **ret_expr)
{
    Expr **args;
    Type type;
    bool saved = scope->sets_ok;
    scope->sets_ok = kind != EXPR_COALESCE && saved;
    TRY(bind_list(b, scope, ast->args, ast->arg_count, &args));
    scope->sets_ok = saved;
    TRY(sql__common_type(b, args, ast->arg_count, name, &type));
    for (uint32_t i = 0; i < ast->arg_count; i++)
        TRY(sql__coerce_common(b, &args[i], type, name));
    *ret_expr = sql__new_args(b, kind, type, ast->position, ast->arg_count, args);
    if (kind != EXPR_COALESCE) {
        Expr *left = args[0];
        Expr *right = args[0];
        TRY(sql__operator_function(b, STR("<"), &left, &right, ast->position,
                                   &(*ret_expr)->function));
    }
    return STATUS_OK;
}

static Status bind_nullif(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr **args;
    const Function *function;
    TRY(bind_list(b, scope, ast->args, 2, &args));
    TRY(sql__operator_function(b, STR("="), &args[0], &args[1], ast->position, &function));
    *ret_expr = sql__new_args(b, EXPR_NULLIF, args[0]->type, ast->position, 2, args);
    (*ret_expr)->function = function;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- comparisons */

static Expr *negate(Binder *b, Expr *expr, int32_t position)
{
    return sql__new_args(b, EXPR_NOT, TYPE_OF(BOOL), position, 1, &expr);
}

static Expr *join_bool(Binder *b, ExprKind kind, Expr *left, Expr *right, int32_t position)
{
    Expr *args[2] = {left, right};
    return sql__new_args(b, kind, TYPE_OF(BOOL), position, 2, args);
}

/* (a, b) < (c, d): a < c OR (a = c AND b < d). */
static Status row_order(Binder *b, Str symbol, const Expr *left, const Expr *right, uint32_t at,
                        int32_t position, Expr **ret_expr)
{
    bool last = at + 1 == left->arg_count;
    Str strict = symbol;
    Expr *less, *equal, *rest;
    if (!last && symbol.len == 2)
        strict.len = 1; /* <= is < before the last column */
    TRY(sql__operator(b, strict, left->args[at], right->args[at], position, &less));
    if (last) {
        *ret_expr = less;
        return STATUS_OK;
    }
    TRY(sql__operator(b, STR("="), left->args[at], right->args[at], position, &equal));
    TRY(row_order(b, symbol, left, right, at + 1, position, &rest));
    *ret_expr =
        join_bool(b, EXPR_OR, less, join_bool(b, EXPR_AND, equal, rest, position), position);
    return STATUS_OK;
}

Status sql__row_compare(Binder *b, Str symbol, Expr *left, Expr *right, int32_t position,
                        Expr **ret_expr)
{
    if (left->arg_count != right->arg_count)
        return BIND_ERROR(b, "42601", position, "unequal number of entries in row expressions");
    if (!left->arg_count)
        return BIND_UNSUPPORTED(b, position, "cannot compare rows of zero length");
    bool differs = str_eq(symbol, STR("<>")) || str_eq(symbol, STR("!="));
    if (str_eq(symbol, STR("=")) || differs) {
        Expr *all = sql__new(b, differs ? EXPR_OR : EXPR_AND, TYPE_OF(BOOL), position);
        all->args = ARENA_NEW_ARRAY(b->arena, Expr *, left->arg_count);
        for (; all->arg_count < left->arg_count; all->arg_count++) {
            uint32_t i = all->arg_count;
            TRY(sql__operator(b, symbol, left->args[i], right->args[i], position, &all->args[i]));
        }
        *ret_expr = all->arg_count == 1 ? all->args[0] : all;
        return STATUS_OK;
    }
    if (str_eq(symbol, STR("<")) || str_eq(symbol, STR("<=")) || str_eq(symbol, STR(">")) ||
        str_eq(symbol, STR(">=")))
        return row_order(b, symbol, left, right, 0, position, ret_expr);
    Status status = BIND_UNSUPPORTED(b, position,
                                     "could not determine interpretation of row comparison "
                                     "operator %.*s",
                                     STR_FMT(symbol));
    error_hint(b->err, "Row comparison operators must be associated with btree operator families.");
    return status;
}

static Status distinct_pair(Binder *b, Expr *left, Expr *right, int32_t position, Expr **ret_expr)
{
    Expr *args[2] = {left, right};
    const Function *function;
    TRY(sql__operator_function(b, STR("="), &args[0], &args[1], position, &function));
    *ret_expr = sql__new_args(b, EXPR_DISTINCT, TYPE_OF(BOOL), position, 2, args);
    (*ret_expr)->function = function;
    return STATUS_OK;
}

static Status bind_distinct(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr **args;
    TRY(bind_list(b, scope, ast->args, 2, &args));
    if (args[0]->kind != EXPR_ROW || args[1]->kind != EXPR_ROW) {
        TRY(distinct_pair(b, args[0], args[1], ast->position, ret_expr));
        (*ret_expr)->negated = ast->negated;
        return STATUS_OK;
    }
    if (args[0]->arg_count != args[1]->arg_count || !args[0]->arg_count)
        return BIND_ERROR(b, "42601", ast->position,
                          "unequal number of entries in row expressions");
    Expr *any = NULL;
    for (uint32_t i = 0; i < args[0]->arg_count; i++) {
        Expr *one;
        TRY(distinct_pair(b, args[0]->args[i], args[1]->args[i], ast->position, &one));
        any = any ? join_bool(b, EXPR_OR, any, one, ast->position) : one;
    }
    *ret_expr = ast->negated ? negate(b, any, ast->position) : any;
    return STATUS_OK;
}

static Status compare_bound(Binder *b, Scope *scope, const char *symbol, const AstExpr *left,
                            const AstExpr *right, int32_t position, Expr **ret_expr)
{
    Expr *l, *r;
    TRY(sql__expr(b, scope, left, &l));
    TRY(sql__expr(b, scope, right, &r));
    if (l->kind == EXPR_ROW && r->kind == EXPR_ROW)
        return sql__row_compare(b, str_from(symbol), l, r, position, ret_expr);
    return sql__operator(b, str_from(symbol), l, r, position, ret_expr);
}

static Status between(Binder *b, Scope *scope, const AstExpr *ast, const AstExpr *low,
                      const AstExpr *high, Expr **ret_expr)
{
    Expr *from, *to;
    TRY(compare_bound(b, scope, ast->negated ? "<" : ">=", ast->args[0], low, ast->position,
                      &from));
    TRY(compare_bound(b, scope, ast->negated ? ">" : "<=", ast->args[0], high, ast->position, &to));
    *ret_expr = join_bool(b, ast->negated ? EXPR_OR : EXPR_AND, from, to, ast->position);
    return STATUS_OK;
}

static Status bind_between(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr *one, *other;
    TRY(between(b, scope, ast, ast->args[1], ast->args[2], &one));
    *ret_expr = one;
    if (!ast->all)
        return STATUS_OK;
    TRY(between(b, scope, ast, ast->args[2], ast->args[1], &other));
    *ret_expr = join_bool(b, ast->negated ? EXPR_AND : EXPR_OR, one, other, ast->position);
    return STATUS_OK;
}

/* One x = y per item: for rows, and for items without a common type. */
static Status in_by_or(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr *any = sql__new(b, EXPR_OR, TYPE_OF(BOOL), ast->position);
    any->args = ARENA_NEW_ARRAY(b->arena, Expr *, ast->arg_count);
    for (uint32_t i = 1; i < ast->arg_count; i++)
        TRY(compare_bound(b, scope, "=", ast->args[0], ast->args[i], ast->position,
                          &any->args[any->arg_count++]));
    *ret_expr = any->arg_count == 1 ? any->args[0] : any;
    if (ast->negated)
        *ret_expr = negate(b, *ret_expr, ast->position);
    return STATUS_OK;
}

static Status bind_in(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr **args;
    Type type, have;
    uint32_t bad;
    if (ast->args[0]->kind == AST_ROW)
        return in_by_or(b, scope, ast, ret_expr);
    TRY(bind_list(b, scope, ast->args, ast->arg_count, &args));
    TRY(sql__common_type_try(args + 1, ast->arg_count - 1, &type, &bad, &have));
    bool all_unknown = true;
    for (uint32_t i = 1; i < ast->arg_count; i++)
        all_unknown &= args[i]->type.id == TYPE_UNKNOWN && !args[i]->type.is_array;
    if (all_unknown)
        type = args[0]->type;
    type = type_plain(type);
    if (bad != UINT32_MAX)
        return in_by_or(b, scope, ast, ret_expr);
    if (all_unknown && type.id == TYPE_UNKNOWN)
        type = TYPE_OF(TEXT);
    Expr *probe = sql__new(b, EXPR_PARAM, type, ast->position); /* stands for an item */
    Expr *left = args[0];
    const Function *function;
    if (left->type.id == TYPE_UNKNOWN && !left->type.is_array)
        TRY(sql__coerce(b, &left, type, CAST_IMPLICIT, 0));
    TRY(sql__operator_function(b, STR("="), &left, &probe, ast->position, &function));
    args[0] = left;
    for (uint32_t i = 1; i < ast->arg_count; i++)
        TRY(sql__coerce(b, &args[i], probe->type, CAST_IMPLICIT, 0));
    *ret_expr = sql__new_args(b, EXPR_IN, TYPE_OF(BOOL), ast->position, ast->arg_count, args);
    (*ret_expr)->function = function;
    (*ret_expr)->negated = ast->negated;
    return STATUS_OK;
}

/* x op ANY (array): the operator is that of x and the elements. */
static Status bind_operator_any(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr **args;
    const Function *function;
    TRY(bind_list(b, scope, ast->args, 2, &args));
    if (args[1]->type.id == TYPE_UNKNOWN && !args[1]->type.is_array) {
        Type array = args[0]->type;
        if (array.id == TYPE_UNKNOWN)
            array = TYPE_OF(TEXT);
        array.is_array = true;
        TRY(sql__coerce(b, &args[1], array, CAST_IMPLICIT, 0));
    }
    if (!args[1]->type.is_array &&
        (args[1]->type.id == TYPE_INT2VECTOR || args[1]->type.id == TYPE_OIDVECTOR)) {
        Type array = args[1]->type.id == TYPE_INT2VECTOR ? TYPE_ARRAY_OF(INT2) : TYPE_ARRAY_OF(OID);
        TRY(sql__coerce(b, &args[1], array, CAST_EXPLICIT, 0));
    }
    if (!args[1]->type.is_array)
        return BIND_ERROR(b, "42809", ast->position,
                          "op ANY/ALL (array) requires array on right side");
    Type element = type_element(args[1]->type);
    Expr *probe = sql__new(b, EXPR_PARAM, element, ast->position);
    Expr *item = probe;
    TRY(sql__operator_function(b, ast->text, &args[0], &item, ast->position, &function));
    if (!type_eq(item->type, element)) {
        Type array = item->type;
        array.is_array = true;
        TRY(sql__coerce(b, &args[1], array, CAST_IMPLICIT, 0));
    }
    if (!type_eq(function->ret, TYPE_OF(BOOL)))
        return BIND_ERROR(b, "42809", ast->position,
                          "op ANY/ALL (array) requires operator to yield boolean");
    *ret_expr = sql__new_args(b, EXPR_ANY, TYPE_OF(BOOL), ast->position, 2, args);
    (*ret_expr)->function = function;
    (*ret_expr)->all = ast->all;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- arrays and rows */

static Status bind_array(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr **args;
    Type type = TYPE_OF(UNKNOWN);
    TRY(bind_list(b, scope, ast->args, ast->arg_count, &args));
    *ret_expr =
        sql__new_args(b, EXPR_ARRAY, TYPE_ARRAY_OF(TEXT), ast->position, ast->arg_count, args);
    if (!ast->arg_count)
        return STATUS_OK; /* a cast around it says which; else 42P18 below */
    TRY(sql__common_type(b, args, ast->arg_count, "ARRAY", &type));
    type = type_plain(type);
    for (uint32_t i = 0; i < ast->arg_count; i++)
        TRY(sql__coerce_common(b, &(*ret_expr)->args[i], type, "ARRAY"));
    type.is_array = true;
    (*ret_expr)->type = type;
    return STATUS_OK;
}

/* Appends t.* of ROW(t.*) column by column. */
static Status push_star(Binder *b, Scope *scope, const AstExpr *star, Expr ***args, uint32_t *count,
                        uint32_t *cap)
{
    uint32_t depth = 0;
    const ScopeRel *rel = NULL;
    if (star->path.count)
        rel = sql__find_rel(scope, star->path.count > 1 ? star->path.names[0] : STR(""),
                            star->path.names[star->path.count - 1], &depth);
    if (star->path.count && !rel)
        return sql__no_rel(b, scope, star->path.names[star->path.count - 1], star->position);
    for (uint32_t r = 0; r < (rel ? 1 : scope->rel_count); r++) {
        const ScopeRel *from = rel ? rel : &scope->rels[r];
        for (uint32_t i = 0; i < from->column_count && (rel || from->cols_visible); i++) {
            Expr *one = sql__scope_expr(b, &from->columns[i], depth, star->position);
            ARENA_PUSH(b->arena, *args, *count, *cap, one);
        }
    }
    return STATUS_OK;
}

static Status bind_row(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr **args = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;
    for (uint32_t i = 0; i < ast->arg_count; i++) {
        Expr *one;
        if (ast->args[i]->kind == AST_STAR) {
            TRY(push_star(b, scope, ast->args[i], &args, &count, &cap));
            continue;
        }
        TRY(sql__expr(b, scope, ast->args[i], &one));
        ARENA_PUSH(b->arena, args, count, cap, one);
    }
    *ret_expr = sql__new_args(b, EXPR_ROW, TYPE_OF(RECORD), ast->position, count, args);
    sql__row_type(b, *ret_expr, NULL);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- fields of records */

Type sql__record_type(Binder *b, const Field *fields, uint32_t count)
{
    RowShape shape = {fields, count};
    Type type = TYPE_OF(RECORD);
    type.typmod = (int32_t)b->shape_count;
    ARENA_PUSH(b->arena, b->shapes, b->shape_count, b->shape_cap, shape);
    return type;
}

void sql__row_type(Binder *b, Expr *row, const Str *names)
{
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, row->arg_count);
    for (uint32_t i = 0; i < row->arg_count; i++) {
        Type type = row->args[i]->type;
        if (type.id == TYPE_UNKNOWN && !type.is_array)
            type = TYPE_OF(TEXT);
        fields[i] =
            (Field){.type = type, .name = names ? names[i] : arena_printf(b->arena, "f%u", i + 1)};
    }
    row->names = names;
    row->type = sql__record_type(b, fields, row->arg_count);
}

const RowShape *sql__row_shape(Binder *b, Type type)
{
    bool known = type.id == TYPE_RECORD && !type.is_array && type.typmod >= 0 &&
                 (uint32_t)type.typmod < b->shape_count;
    return known ? &b->shapes[type.typmod] : NULL;
}

Expr *sql__field(Binder *b, Expr *row, uint32_t idx, const Field *field, int32_t position)
{
    if (row->kind == EXPR_ROW)
        return row->args[idx];
    Expr *expr = sql__new_args(b, EXPR_FIELD, field->type, position, 1, &row);
    expr->column = idx;
    return expr;
}

/* a[i][j] is one node with all indexes. */
static Status bind_subscript(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    const AstExpr *base = ast;
    uint32_t count = 0;
    char name[64];
    bool slice = false;
    for (bool first = false; base->kind == AST_SUBSCRIPT && !first; count++) {
        first = base->number == 0;
        slice |= base->all;
        base = base->args[0];
    }
    Expr *array;
    TRY(sql__expr_known(b, scope, base, &array));
    if (!array->type.is_array && array->type.id == TYPE_JSONB && !slice) {
        Expr *key;
        TRY(sql__expr(b, scope, ast->args[1], &key));
        if (count > 1) {
            AstExpr inner = *ast->args[0];
            TRY(bind_subscript(b, scope, &inner, &array));
        }
        if (key->type.id == TYPE_UNKNOWN)
            TRY(sql__coerce(b, &key, TYPE_OF(TEXT), CAST_IMPLICIT, 0));
        return sql__operator(b, STR("->"), array, key, ast->position, ret_expr);
    }
    /* Vectors are arrays whose subscripts begin at 0. */
    if (!array->type.is_array &&
        (array->type.id == TYPE_INT2VECTOR || array->type.id == TYPE_OIDVECTOR))
        TRY(sql__coerce(
            b, &array, array->type.id == TYPE_INT2VECTOR ? TYPE_ARRAY_OF(INT2) : TYPE_ARRAY_OF(OID),
            CAST_IMPLICIT, 0));
    if (!array->type.is_array)
        return BIND_ERROR(b, "42804", ast->position,
                          "cannot subscript type %s because it does not support subscripting",
                          type_name(array->type, name));
    if (slice)
        return sql__slice(b, scope, ast, base, array, ret_expr);
    Expr **args = ARENA_NEW_ARRAY(b->arena, Expr *, count + 1);
    args[0] = array;
    const AstExpr *level = ast;
    if (count > 6)
        return BIND_ERROR(b, "54000", ast->position,
                          "number of array dimensions (%u) exceeds the maximum allowed (6)", count);
    for (uint32_t i = count; i >= 1; i--) {
        TRY(sql__expr(b, scope, level->args[1], &args[i]));
        TRY(sql__coerce(b, &args[i], TYPE_OF(INT4), CAST_ASSIGNMENT, 0));
        level = level->args[0];
    }
    *ret_expr =
        sql__new_args(b, EXPR_SUBSCRIPT, type_element(array->type), ast->position, count + 1, args);
    return STATUS_OK;
}

/* (x).name of a ROW whose parts are known; t.name written with parentheses. */
static Status bind_field(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    const AstExpr *inner = ast->args[0];
    if (inner->kind == AST_COLUMN && inner->path.count == 1 &&
        sql__find_rel(scope, STR(""), inner->path.names[0], &(uint32_t){0})) {
        AstExpr column = *inner;
        column.path.count = 2;
        column.path.names = ARENA_NEW_ARRAY(b->arena, Str, 2);
        column.path.names[0] = inner->path.names[0];
        column.path.names[1] = ast->text;
        return sql__column(b, scope, &column, ret_expr);
    }
    Expr *row;
    TRY(sql__expr(b, scope, inner, &row));
    const RowShape *shape = sql__row_shape(b, row->type);
    for (uint32_t i = 0; shape && i < shape->field_count; i++) {
        if (!str_eq(shape->fields[i].name, ast->text))
            continue;
        *ret_expr = sql__field(b, row, i, &shape->fields[i], ast->position);
        return sql__coerce_unknown(b, ret_expr);
    }
    if (shape || (row->type.id == TYPE_RECORD && row->kind == EXPR_CONST))
        return BIND_ERROR(b, "42703", ast->position,
                          "could not identify column \"%.*s\" in record data type",
                          STR_FMT(ast->text));
    char name[64];
    if (row->type.id != TYPE_RECORD)
        return BIND_ERROR(b, "42809", ast->position,
                          "column notation .%.*s applied to type %s, which is not a composite type",
                          STR_FMT(ast->text), type_name(row->type, name));
    return BIND_UNSUPPORTED(b, ast->position,
                            "selecting field \"%.*s\" of this record is not supported",
                            STR_FMT(ast->text));
}

/* ---------------------------------------------------------------- SQL value functions */

static Status cast_now(Binder *b, Type type, const AstExpr *ast, Expr **ret_expr)
{
    TRY(sql__call_named(b, STR("now"), NULL, 0, ast->position, ret_expr));
    if (ast->arg_count && ast->args[0]->number >= 0)
        type.typmod = (int32_t)LUMA_MIN(ast->args[0]->number, 6);
    return sql__coerce(b, ret_expr, type, CAST_EXPLICIT, ast->position);
}

static Status bind_sql_value(Binder *b, const AstExpr *ast, Expr **ret_expr)
{
    switch ((AstSqlValue)ast->number) {
    case AST_CURRENT_DATE:
        return cast_now(b, TYPE_OF(DATE), ast, ret_expr);
    case AST_CURRENT_TIME:
        return cast_now(b, TYPE_OF(TIMETZ), ast, ret_expr);
    case AST_CURRENT_TIMESTAMP:
        return cast_now(b, TYPE_OF(TIMESTAMPTZ), ast, ret_expr);
    case AST_LOCALTIME:
        return cast_now(b, TYPE_OF(TIME), ast, ret_expr);
    case AST_LOCALTIMESTAMP:
        return cast_now(b, TYPE_OF(TIMESTAMP), ast, ret_expr);
    case AST_CURRENT_ROLE:
    case AST_CURRENT_USER:
    case AST_USER:
    case AST_SESSION_USER:
        *ret_expr = expr_const_text(b->arena, TYPE_OF(NAME), b->options->settings->user);
        break;
    case AST_CURRENT_CATALOG:
        *ret_expr = expr_const_text(b->arena, TYPE_OF(NAME), b->options->settings->database);
        break;
    case AST_CURRENT_SCHEMA:
        return sql__call_named(b, STR("current_schema"), NULL, 0, ast->position, ret_expr);
    }
    (*ret_expr)->position = ast->position;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- GROUPING */

static Status call2(Binder *b, const char *symbol, Expr *left, int64_t right, Expr **ret_expr)
{
    return sql__operator(b, str_from(symbol), left, expr_const_i64(b->arena, TYPE_OF(INT4), right),
                         0, ret_expr);
}

/* GROUPING(a, b) picks its bits out of the node's grouping column, which stands as a placeholder
 * EXPR_CALL without a function: bind_group.c puts the column in. */
static Status bind_grouping(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    if (ast->arg_count > 31)
        return BIND_ERROR(b, "54023", ast->position, "GROUPING must have fewer than 32 arguments");
    if (!scope->group_count)
        return BIND_ERROR(b, "42803", ast->position,
                          "arguments to GROUPING must be grouping expressions of the associated "
                          "query level");
    Expr *sum = NULL;
    for (uint32_t i = 0; i < ast->arg_count; i++) {
        Expr *arg, *bit;
        uint32_t group = 0;
        TRY(sql__expr_known(b, scope, ast->args[i], &arg));
        while (group < scope->group_count && !expr_eq(scope->groups[group], arg))
            group++;
        if (group == scope->group_count)
            return BIND_ERROR(b, "42803", ast->args[i]->position,
                              "arguments to GROUPING must be grouping expressions of the "
                              "associated query level");
        if (group > 30)
            return BIND_UNSUPPORTED(b, ast->position,
                                    "GROUPING over more than 31 grouping expressions is not "
                                    "supported");
        bit = sql__new(b, EXPR_AGGREGATE, TYPE_OF(INT4), ast->position);
        TRY(call2(b, ">>", bit, group, &bit));
        TRY(call2(b, "&", bit, 1, &bit));
        TRY(call2(b, "<<", bit, ast->arg_count - 1 - i, &bit));
        if (sum)
            TRY(sql__operator(b, STR("|"), sum, bit, ast->position, &bit));
        sum = bit;
    }
    *ret_expr = sum;
    scope->has_aggregates = true;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- subqueries */

static Status one_column(Binder *b, const PlanNode *plan, int32_t position)
{
    if (plan->schema.field_count != 1)
        return BIND_ERROR(b, "42601", position, "subquery must return only one column");
    return STATUS_OK;
}

/* Rows: TRUE op' ANY (SELECT lifted-row op subquery-columns), which has the same three values. */
static Status row_subquery(Binder *b, const AstExpr *ast, Expr *row, PlanNode *plan,
                           Expr **ret_expr)
{
    bool all = ast->number == AST_SUBQUERY_ALL;
    if (row->arg_count != plan->schema.field_count)
        return BIND_ERROR(b, "42601", ast->position,
                          row->arg_count < plan->schema.field_count
                              ? "subquery has too many columns"
                              : "subquery has too few columns");
    sql__lift(row);
    Expr *columns = sql__new(b, EXPR_ROW, TYPE_OF(RECORD), ast->position);
    columns->arg_count = row->arg_count;
    columns->args = ARENA_NEW_ARRAY(b->arena, Expr *, row->arg_count);
    for (uint32_t i = 0; i < row->arg_count; i++)
        columns->args[i] = sql__plan_column(b, plan, i);
    Expr *compare;
    TRY(sql__row_compare(b, ast->text, row, columns, ast->position, &compare));
    Field field = {.name = STR("compare"), .type = TYPE_OF(BOOL)};
    Expr *result = sql__new(b, EXPR_SUBQUERY, TYPE_OF(BOOL), ast->position);
    result->source = ast;
    Expr *yes = expr_const_bool(b->arena, true);
    Expr *other = compare;
    result->subplan = sql__project(b, plan, &compare, &field, 1);
    result->subquery_kind = all ? SUBQUERY_ALL : SUBQUERY_ANY;
    TRY(sql__operator_function(b, STR("="), &yes, &other, ast->position, &result->function));
    result->args = arena_dup(b->arena, &yes, sizeof yes);
    result->arg_count = 1;
    *ret_expr = result;
    return STATUS_OK;
}

static Status any_subquery(Binder *b, Scope *scope, const AstExpr *ast, PlanNode *plan,
                           Expr **ret_expr)
{
    Expr *left;
    TRY(sql__expr(b, scope, ast->args[0], &left));
    if (left->kind == EXPR_ROW)
        return row_subquery(b, ast, left, plan, ret_expr);
    if (plan->schema.field_count != 1)
        return BIND_ERROR(b, "42601", ast->position, "subquery has too many columns");
    Expr *result = sql__new(b, EXPR_SUBQUERY, TYPE_OF(BOOL), ast->position);
    result->source = ast;
    Expr *column = sql__plan_column(b, plan, 0);
    TRY(sql__operator_function(b, ast->text, &left, &column, ast->position, &result->function));
    if (!type_eq(result->function->ret, TYPE_OF(BOOL)))
        return BIND_ERROR(b, "42804", ast->position, "operator %.*s must return type boolean",
                          STR_FMT(ast->text));
    if (column->kind != EXPR_COLUMN) {
        Field field = {.name = plan->schema.fields[0].name, .type = column->type};
        plan = sql__project(b, plan, &column, &field, 1);
    }
    result->subplan = plan;
    result->subquery_kind = ast->number == AST_SUBQUERY_ALL ? SUBQUERY_ALL : SUBQUERY_ANY;
    result->args = arena_dup(b->arena, &left, sizeof left);
    result->arg_count = 1;
    *ret_expr = result;
    return STATUS_OK;
}

Status sql__subquery(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    PlanNode *plan;
    TRY(sql__select(b, scope, ast->select, &plan));
    Expr *result = sql__new(b, EXPR_SUBQUERY, TYPE_OF(BOOL), ast->position);
    result->source = ast;
    result->subplan = plan;
    switch ((AstSubquery)ast->number) {
    case AST_SUBQUERY_EXISTS:
        result->subquery_kind = SUBQUERY_EXISTS;
        break;
    case AST_SUBQUERY_ANY:
    case AST_SUBQUERY_ALL:
        return any_subquery(b, scope, ast, plan, ret_expr);
    case AST_SUBQUERY_SCALAR:
        TRY(one_column(b, plan, ast->position));
        result->subquery_kind = SUBQUERY_SCALAR;
        result->type = plan->schema.fields[0].type;
        break;
    case AST_SUBQUERY_ARRAY:
        TRY(one_column(b, plan, ast->position));
        result->subquery_kind = SUBQUERY_ARRAY;
        result->type = plan->schema.fields[0].type;
        result->type.is_array = true;
        break;
    }
    *ret_expr = result;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- dispatch */

Status sql__special(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    switch (ast->kind) {
    case AST_CASE:
        return bind_case(b, scope, ast, ret_expr);
    case AST_COALESCE:
        return bind_common_list(b, scope, ast, EXPR_COALESCE, "COALESCE", ret_expr);
    case AST_GREATEST:
        return bind_common_list(b, scope, ast, EXPR_GREATEST, "GREATEST", ret_expr);
    case AST_LEAST:
        return bind_common_list(b, scope, ast, EXPR_LEAST, "LEAST", ret_expr);
    case AST_NULLIF:
        return bind_nullif(b, scope, ast, ret_expr);
    case AST_DISTINCT:
        return bind_distinct(b, scope, ast, ret_expr);
    case AST_IN:
        return bind_in(b, scope, ast, ret_expr);
    case AST_BETWEEN:
        return bind_between(b, scope, ast, ret_expr);
    case AST_OPERATOR_ANY:
        return bind_operator_any(b, scope, ast, ret_expr);
    case AST_ARRAY:
        return bind_array(b, scope, ast, ret_expr);
    case AST_ROW:
        return bind_row(b, scope, ast, ret_expr);
    case AST_SUBSCRIPT:
        return bind_subscript(b, scope, ast, ret_expr);
    case AST_FIELD:
        return bind_field(b, scope, ast, ret_expr);
    case AST_SQL_VALUE:
        return bind_sql_value(b, ast, ret_expr);
    case AST_GROUPING:
        return bind_grouping(b, scope, ast, ret_expr);
    default:
        return BIND_UNSUPPORTED(b, ast->position, "this expression is not supported");
    }
}
