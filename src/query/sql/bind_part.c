/* bind_part.c - parts of arrays and jsonb: a[1:2], and SET a[1] = x.
 *
 * All subscripts of one chain are gathered into int4[] (arrays) or text[] (jsonb) and handed to a
 * function with the whole value; assignment gives the whole value back. */
#include "query/sql/bind_int.h"

enum { PART_DIMS_MAX = 6 };

typedef struct Part {
    Expr *lower; /* int4[]; for jsonb text[] */
    Expr *upper;
    int32_t mask; /* which bounds were written: bit i lower, bit 16 + i upper */
    bool slice;
    uint32_t count;
} Part;

static Expr *array_of(Binder *b, Type element, Expr **items, uint32_t count, int32_t position)
{
    Type type = element;
    type.is_array = true;
    return sql__new_args(b, EXPR_ARRAY, type, position, count, items);
}

static Status bind_bound(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    char name[64];
    bool ok;
    if (!ast) {
        *ret_expr = expr_const_null(b->arena, TYPE_OF(INT4));
        return STATUS_OK;
    }
    TRY(sql__expr(b, scope, ast, ret_expr));
    Type have = (*ret_expr)->type;
    TRY(sql__coerce_try(b, ret_expr, TYPE_OF(INT4), CAST_ASSIGNMENT, &ok));
    if (!ok)
        return BIND_ERROR(b, "42804", ast->position,
                          "array subscript must have type integer, not %s", type_name(have, name));
    return STATUS_OK;
}

/* The subscripts from the innermost outwards; `base` is what the chain stands on. */
static Status gather(Binder *b, Scope *scope, const AstExpr *ast, const AstExpr *base, Part *ret)
{
    const AstExpr *steps[PART_DIMS_MAX];
    Expr *lower[PART_DIMS_MAX];
    Expr *upper[PART_DIMS_MAX];
    *ret = (Part){0};
    for (const AstExpr *at = ast; at != base; at = at->args[0]) {
        if (ret->count == PART_DIMS_MAX)
            return BIND_ERROR(b, "54000", ast->position,
                              "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                              PART_DIMS_MAX + 1, PART_DIMS_MAX);
        steps[ret->count++] = at;
        ret->slice |= at->all;
    }
    for (uint32_t i = 0; i < ret->count; i++) {
        const AstExpr *step = steps[ret->count - 1 - i];
        const AstExpr *low = step->all ? step->args[1] : NULL;
        const AstExpr *high = step->all ? step->args[2] : step->args[1];
        TRY(bind_bound(b, scope, low, &lower[i]));
        TRY(bind_bound(b, scope, high, &upper[i]));
        if (!step->all)
            lower[i] = expr_const_i64(b->arena, TYPE_OF(INT4), 1);
        if (low || !step->all)
            ret->mask |= 1 << i;
        if (high)
            ret->mask |= 1 << (16 + i);
    }
    ret->lower = array_of(b, TYPE_OF(INT4), lower, ret->count, ast->position);
    ret->upper = array_of(b, TYPE_OF(INT4), upper, ret->count, ast->position);
    return STATUS_OK;
}

Status sql__slice(Binder *b, Scope *scope, const AstExpr *ast, const AstExpr *base, Expr *array,
                  Expr **ret_expr)
{
    Part part;
    TRY(gather(b, scope, ast, base, &part));
    Expr *args[4] = {array, part.lower, part.upper,
                     expr_const_i64(b->arena, TYPE_OF(INT4), part.mask)};
    return sql__call_named(b, STR("array_slice"), args, 4, ast->position, ret_expr);
}

/* ---------------------------------------------------------------- assignment */

static Status assign_type(Binder *b, const TableColumn *column, Expr **value, Type to)
{
    bool ok;
    char have[64], want[64];
    Type from = (*value)->type;
    TRY(sql__coerce_try(b, value, to, CAST_ASSIGNMENT, &ok));
    if (ok)
        return STATUS_OK;
    Status status = BIND_ERROR(
        b, "42804", (*value)->position,
        "subscripted assignment to \"%.*s\" requires type %s but expression is of type %s",
        STR_FMT(column->name), type_name(to, want), type_name(from, have));
    error_hint(b->err, "You will need to rewrite or cast the expression.");
    return status;
}

static Status assign_array(Binder *b, Scope *scope, const TableColumn *column, Expr *base,
                           const AstExpr *ast, const AstExpr *root, Expr *value, Expr **ret_expr)
{
    Part part;
    TRY(gather(b, scope, ast, root, &part));
    Type to = part.slice ? column->type : type_element(column->type);
    TRY(assign_type(b, column, &value, to));
    if (!part.slice) {
        Expr *args[3] = {base, value, part.upper};
        TRY(sql__call_named(b, STR("array_assign"), args, 3, ast->position, ret_expr));
    } else {
        Expr *args[5] = {base, value, part.lower, part.upper,
                         expr_const_i64(b->arena, TYPE_OF(INT4), part.mask)};
        TRY(sql__call_named(b, STR("array_assign_slice"), args, 5, ast->position, ret_expr));
    }
    (*ret_expr)->type.typmod = column->type.typmod;
    return STATUS_OK;
}

static Status jsonb_step(Binder *b, Scope *scope, const AstExpr *step, Expr **ret_expr)
{
    char name[64];
    if (step->all)
        return BIND_UNSUPPORTED(b, step->position, "jsonb subscript does not support slices");
    TRY(sql__expr(b, scope, step->args[1], ret_expr));
    Type have = (*ret_expr)->type;
    bool known = have.id != TYPE_UNKNOWN && !type_is_text(have);
    if (known && (have.is_array || !type_is_integer(have))) {
        Status status = BIND_ERROR(b, "42804", step->position, "subscript type %s is not supported",
                                   type_name(have, name));
        error_hint(b->err, "jsonb subscript must be coercible to either integer or text.");
        return status;
    }
    return sql__coerce(b, ret_expr, TYPE_OF(TEXT), CAST_ASSIGNMENT, 0);
}

static Status assign_jsonb(Binder *b, Scope *scope, const TableColumn *column, Expr *base,
                           const AstExpr *ast, const AstExpr *root, Expr *value, Expr **ret_expr)
{
    uint32_t count = 0;
    for (const AstExpr *at = ast; at != root; at = at->args[0])
        count++;
    Expr **steps = ARENA_NEW_ARRAY(b->arena, Expr *, count);
    uint32_t i = count;
    for (const AstExpr *at = ast; at != root; at = at->args[0])
        TRY(jsonb_step(b, scope, at, &steps[--i]));
    TRY(assign_type(b, column, &value, TYPE_OF(JSONB)));
    Expr *args[3] = {base, value, array_of(b, TYPE_OF(TEXT), steps, count, ast->position)};
    return sql__call_named(b, STR("jsonb_assign"), args, 3, ast->position, ret_expr);
}

Status sql__assign_part(Binder *b, Scope *scope, const TableColumn *column, Expr *base,
                        const AstExpr *part, Expr *value, Expr **ret_expr)
{
    const AstExpr *root = part;
    char name[64];
    while (root->kind == AST_SUBSCRIPT)
        root = root->args[0];
    if (root->kind != AST_COLUMN)
        return BIND_UNSUPPORTED(b, part->position,
                                "assigning to a field of column \"%.*s\" is not supported",
                                STR_FMT(column->name));
    if (column->type.is_array)
        return assign_array(b, scope, column, base, part, root, value, ret_expr);
    if (column->type.id == TYPE_JSONB)
        return assign_jsonb(b, scope, column, base, part, root, value, ret_expr);
    return BIND_ERROR(b, "42804", part->position,
                      "cannot subscript type %s because it does not support subscripting",
                      type_name(column->type, name));
}
