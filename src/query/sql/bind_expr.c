/* bind_expr.c - expressions: constants, columns, operators, casts, and names of results. */
#include "query/sql/bind_int.h"

Expr *sql__new(Binder *b, ExprKind kind, Type type, int32_t position)
{
    Expr *expr = expr_new(b->arena, kind, type);
    expr->position = position;
    return expr;
}

Expr *sql__new_args(Binder *b, ExprKind kind, Type type, int32_t position, uint32_t count,
                    Expr *const *args)
{
    Expr *expr = sql__new(b, kind, type, position);
    expr->arg_count = count;
    expr->args = count ? arena_dup(b->arena, args, sizeof *args * count) : NULL;
    return expr;
}

/* ---------------------------------------------------------------- constants and parameters */

/* Digits are int4, int8 or numeric, whichever they fit first. */
static Status bind_number(Binder *b, const AstExpr *ast, Expr **ret_expr)
{
    int64_t value;
    if (str_to_i64(ast->text, &value)) {
        /* The sign of -2147483648 belongs to it. */
        Type type = value >= INT32_MIN && value <= INT32_MAX ? TYPE_OF(INT4) : TYPE_OF(INT8);
        *ret_expr = expr_const_i64(b->arena, type, value);
        (*ret_expr)->position = ast->position;
        return STATUS_OK;
    }
    *ret_expr = expr_const_text(b->arena, TYPE_OF(UNKNOWN), ast->text);
    (*ret_expr)->position = ast->position;
    return sql__coerce(b, ret_expr, TYPE_OF(NUMERIC), CAST_IMPLICIT, 0);
}

static Status bind_const(Binder *b, const AstExpr *ast, Expr **ret_expr)
{
    switch (ast->constant) {
    case AST_CONST_NULL:
        *ret_expr = expr_const_null(b->arena, TYPE_OF(UNKNOWN));
        break;
    case AST_CONST_INTEGER:
        *ret_expr = expr_const_i64(b->arena, TYPE_OF(INT4), ast->number);
        break;
    case AST_CONST_NUMBER:
        return bind_number(b, ast, ret_expr);
    case AST_CONST_STRING:
        *ret_expr = expr_const_text(b->arena, TYPE_OF(UNKNOWN), ast->text);
        break;
    case AST_CONST_BOOL:
        *ret_expr = expr_const_bool(b->arena, ast->number);
        break;
    case AST_CONST_BITS:
        *ret_expr = expr_const_text(b->arena, TYPE_OF(UNKNOWN), ast->text);
        (*ret_expr)->position = ast->position;
        return sql__coerce(b, ret_expr, TYPE_OF(BIT), CAST_IMPLICIT, 0);
    }
    (*ret_expr)->position = ast->position;
    return STATUS_OK;
}

static Status bind_param(Binder *b, const AstExpr *ast, Expr **ret_expr)
{
    if (ast->number < 1 || ast->number > b->param_count)
        return BIND_ERROR(b, "42P02", ast->position, "there is no parameter $%ld",
                          (long)ast->number);
    *ret_expr = sql__new(b, EXPR_PARAM, b->param_types[ast->number - 1], ast->position);
    (*ret_expr)->param_idx = (uint32_t)ast->number - 1;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- operators */

static bool is_row(const AstExpr *ast)
{
    return ast->kind == AST_ROW;
}

static Status bind_operator(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr *args[2] = {NULL, NULL};
    if (ast->schema.len && !str_eq(ast->schema, STR("pg_catalog")))
        return BIND_ERROR(b, "42883", ast->position, "operator does not exist: %.*s.%.*s",
                          STR_FMT(ast->schema), STR_FMT(ast->text));
    for (uint32_t i = 0; i < ast->arg_count; i++)
        TRY(sql__expr(b, scope, ast->args[i], &args[i]));
    if (ast->arg_count == 1) {
        /* -2147483648 and -'5': the sign of a literal belongs to it. */
        if (str_eq(ast->text, STR("+")) && args[0]->type.id == TYPE_UNKNOWN)
            TRY(sql__coerce(b, &args[0], TYPE_OF(FLOAT8), CAST_IMPLICIT, 0));
        return sql__operator(b, ast->text, NULL, args[0], ast->position, ret_expr);
    }
    if (is_row(ast->args[0]) && is_row(ast->args[1]))
        return sql__row_compare(b, ast->text, args[0], args[1], ast->position, ret_expr);
    return sql__operator(b, ast->text, args[0], args[1], ast->position, ret_expr);
}

static Status bind_logic(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    ExprKind kind = ast->kind == AST_AND ? EXPR_AND : ast->kind == AST_OR ? EXPR_OR : EXPR_NOT;
    const char *name = kind == EXPR_AND ? "AND" : kind == EXPR_OR ? "OR" : "NOT";
    Expr *expr = sql__new(b, kind, TYPE_OF(BOOL), ast->position);
    expr->args = ARENA_NEW_ARRAY(b->arena, Expr *, ast->arg_count);
    for (; expr->arg_count < ast->arg_count; expr->arg_count++) {
        Expr **arg = &expr->args[expr->arg_count];
        TRY(sql__expr(b, scope, ast->args[expr->arg_count], arg));
        TRY(sql__coerce_bool(b, arg, name));
    }
    *ret_expr = expr;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- casts */

/* The types ARRAY[...]::t[] gives go to the items, so that literals are read as t. */
static Status bind_cast(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Type to;
    uint32_t domain;
    Expr *arg;
    bool ok;
    char have[64], want[64];
    TRY(sql__type_domain(b, ast->type, &to, &domain));
    if (!ast->args[0])
        return BIND_UNSUPPORTED(b, ast->position, "this cast is not supported");
    TRY(sql__expr(b, scope, ast->args[0], &arg));
    Type from = arg->type;
    if (arg->kind == EXPR_ARRAY && !arg->arg_count)
        from = arg->type = to;
    TRY(sql__coerce_try(b, &arg, to, CAST_EXPLICIT, &ok));
    if (!ok)
        return BIND_ERROR(b, "42846", ast->position, "cannot cast type %s to %s",
                          type_name(from, have), type_name(to, want));
    TRY(sql__domain_value(b, domain, &arg));
    *ret_expr = arg;
    return STATUS_OK;
}

static Status bind_collate(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    if (!str_eq(ast->text, STR("C")) && !str_eq(ast->text, STR("POSIX")) &&
        !str_eq(ast->text, STR("default")) && !str_eq(ast->text, STR("ucs_basic")))
        return BIND_UNSUPPORTED(b, ast->position,
                                "collation \"%.*s\" is not supported; \"C\" and \"default\" are",
                                STR_FMT(ast->text));
    TRY(sql__expr(b, scope, ast->args[0], ret_expr));
    Type type = (*ret_expr)->type;
    char name[64];
    if (!type_is_text(type) && !type.is_array)
        return BIND_ERROR(b, "42804", ast->position, "collations are not supported by type %s",
                          type_name(type, name));
    return sql__coerce_unknown(b, ret_expr);
}

/* ---------------------------------------------------------------- all */

static Status bind_null_test(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr *arg;
    TRY(sql__expr_known(b, scope, ast->args[0], &arg));
    *ret_expr = sql__new_args(b, EXPR_IS_NULL, TYPE_OF(BOOL), ast->position, 1, &arg);
    (*ret_expr)->negated = ast->negated;
    return STATUS_OK;
}

static Status bind_bool_test(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    static const char *const names[] = {"IS TRUE", "IS FALSE", "IS UNKNOWN"};
    Expr *arg;
    TRY(sql__expr(b, scope, ast->args[0], &arg));
    TRY(sql__coerce_bool(b, &arg, names[ast->number]));
    *ret_expr = sql__new_args(b, EXPR_BOOL_TEST, TYPE_OF(BOOL), ast->position, 1, &arg);
    (*ret_expr)->test = (BoolTest)ast->number;
    (*ret_expr)->negated = ast->negated;
    return STATUS_OK;
}

static Status bind_node(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    switch (ast->kind) {
    case AST_CONST:
        return bind_const(b, ast, ret_expr);
    case AST_PARAM:
        return bind_param(b, ast, ret_expr);
    case AST_COLUMN:
        return sql__column(b, scope, ast, ret_expr);
    case AST_STAR:
    case AST_FIELD_STAR:
        return BIND_ERROR(b, "42601", ast->position,
                          "row expansion via \"*\" is not supported here");
    case AST_OPERATOR:
        return bind_operator(b, scope, ast, ret_expr);
    case AST_AND:
    case AST_OR:
    case AST_NOT:
        return bind_logic(b, scope, ast, ret_expr);
    case AST_IS_NULL:
        return bind_null_test(b, scope, ast, ret_expr);
    case AST_BOOL_TEST:
        return bind_bool_test(b, scope, ast, ret_expr);
    case AST_CALL:
        return sql__call(b, scope, ast, ret_expr);
    case AST_CAST:
        return bind_cast(b, scope, ast, ret_expr);
    case AST_COLLATE:
        return bind_collate(b, scope, ast, ret_expr);
    case AST_SUBQUERY:
        return sql__subquery(b, scope, ast, ret_expr);
    case AST_DEFAULT:
        return BIND_ERROR(b, "42601", ast->position, "DEFAULT is not allowed in this context");
    case AST_NAMED_ARG:
    case AST_UNSUPPORTED:
        return BIND_UNSUPPORTED(b, ast->position, "%.*s is not supported", STR_FMT(ast->text));
    case AST_OPERATOR_ANY:
    case AST_DISTINCT:
    case AST_NULLIF:
    case AST_IN:
    case AST_BETWEEN:
    case AST_CASE:
    case AST_COALESCE:
    case AST_GREATEST:
    case AST_LEAST:
    case AST_ARRAY:
    case AST_ROW:
    case AST_SUBSCRIPT:
    case AST_FIELD:
    case AST_SQL_VALUE:
    case AST_GROUPING:
        return sql__special(b, scope, ast, ret_expr);
    }
    return BIND_UNSUPPORTED(b, ast->position, "this expression is not supported");
}

Status sql__expr(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    if (++b->expr_count > BIND_EXPRS_MAX)
        return error_set_sql(b->err, STATUS_LIMIT, "54001", ast->position,
                             "the statement has more than %d expressions", BIND_EXPRS_MAX);
    return bind_node(b, scope, ast, ret_expr);
}

Status sql__expr_known(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    TRY(sql__expr(b, scope, ast, ret_expr));
    return sql__coerce_unknown(b, ret_expr);
}

/* A condition of WHERE, ON, HAVING, FILTER ...: `clause` says where it stands. */
Status sql__predicate(Binder *b, Scope *scope, const AstExpr *ast, const char *clause,
                      Expr **ret_expr)
{
    const char *saved = scope->clause;
    scope->clause = clause;
    TRY(sql__expr(b, scope, ast, ret_expr));
    TRY(sql__coerce_bool(b, ret_expr, clause));
    scope->clause = saved;
    return STATUS_OK;
}

Status sql__order(Binder *b, Scope *scope, const AstOrder *order, Expr *expr, SortKey *ret_key)
{
    bool descending = order->descending;
    const Function *less;
    Expr *left = expr;
    Expr *right = expr;
    if (order->using_operator.len) {
        if (!str_eq(order->using_operator, STR("<")) && !str_eq(order->using_operator, STR(">")))
            return BIND_UNSUPPORTED(b, order->position, "ORDER BY USING %.*s is not supported",
                                    STR_FMT(order->using_operator));
        descending = str_eq(order->using_operator, STR(">"));
    }
    char name[64];
    bool ordered = expr->type.id != TYPE_JSON || expr->type.is_array;
    if (ordered && expr->type.id != TYPE_RECORD) {
        Error *err = b->err;
        b->err = NULL;
        ordered = sql__operator_function(b, STR("<"), &left, &right, 0, &less) == STATUS_OK;
        b->err = err;
    }
    if (!ordered) {
        Status status = BIND_ERROR(b, "42883", expr->position,
                                   "could not identify an ordering operator for type %s",
                                   type_name(expr->type, name));
        error_hint(b->err, "Use an explicit ordering operator or modify the query.");
        return status;
    }
    *ret_key = (SortKey){expr, descending, order->nulls_given ? order->nulls_first : descending};
    return STATUS_OK;
}

/* ---------------------------------------------------------------- names of results */

/* `strength` 2 = a real name, 1 = a weak one (a type, CASE), 0 = none: as FigureColname. */
static int figure(const AstExpr *ast, Str *ret_name)
{
    static const char *const sql_values[] = {
        "current_date",   "current_time",    "current_timestamp", "localtime",
        "localtimestamp", "current_role",    "current_user",      "user",
        "session_user",   "current_catalog", "current_schema"};
    int strength;
    if (!ast)
        return 0;
    switch (ast->kind) {
    case AST_COLUMN:
        *ret_name = ast->path.names[ast->path.count - 1];
        return 2;
    case AST_FIELD:
        *ret_name = ast->text;
        return 2;
    case AST_SUBSCRIPT:
        return figure(ast->args[0], ret_name);
    case AST_CALL:
        *ret_name = ast->call->name;
        return 2;
    case AST_NULLIF:
        *ret_name = STR("nullif");
        return 2;
    case AST_CAST:
        strength = figure(ast->args[0], ret_name);
        if (strength <= 1) {
            *ret_name = ast->type->name;
            return 1;
        }
        return strength;
    case AST_COLLATE:
        return figure(ast->args[0], ret_name);
    case AST_GROUPING:
        *ret_name = STR("grouping");
        return 2;
    case AST_SUBQUERY:
        if (ast->number == AST_SUBQUERY_EXISTS) {
            *ret_name = STR("exists");
            return 2;
        }
        if (ast->number == AST_SUBQUERY_ARRAY) {
            *ret_name = STR("array");
            return 2;
        }
        if (ast->number == AST_SUBQUERY_SCALAR && ast->select->target_count) {
            const AstTarget *target = &ast->select->targets[0];
            if (target->alias.len) {
                *ret_name = target->alias;
                return 2;
            }
            return figure(target->expr, ret_name);
        }
        return 0;
    case AST_CASE:
        strength = figure(ast->args[ast->arg_count - 1], ret_name);
        if (strength <= 1) {
            *ret_name = STR("case");
            return 1;
        }
        return strength;
    case AST_ARRAY:
        *ret_name = STR("array");
        return 2;
    case AST_ROW:
        *ret_name = STR("row");
        return 2;
    case AST_COALESCE:
        *ret_name = STR("coalesce");
        return 2;
    case AST_GREATEST:
        *ret_name = STR("greatest");
        return 2;
    case AST_LEAST:
        *ret_name = STR("least");
        return 2;
    case AST_SQL_VALUE:
        *ret_name = str_from(sql_values[ast->number]);
        return 2;
    default:
        return 0;
    }
}

Str sql__figure_name(const AstExpr *ast)
{
    Str name = STR("?column?");
    return figure(ast, &name) ? name : STR("?column?");
}
