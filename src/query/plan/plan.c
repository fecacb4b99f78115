/* plan.c - constructors and walkers of plan nodes and expressions. Everything lives in the arena
 * that is passed; nothing is freed one by one. */
#include "query/plan/plan.h"

PlanNode *plan_node_new(Arena *arena, PlanKind kind)
{
    PlanNode *node = ARENA_NEW(arena, PlanNode);
    node->kind = kind;
    node->row_estimate = -1;
    node->row_limit = INT64_MAX;
    return node;
}

Expr *expr_new(Arena *arena, ExprKind kind, Type type)
{
    Expr *expr = ARENA_NEW(arena, Expr);
    expr->kind = kind;
    expr->type = type;
    return expr;
}

Expr *expr_column(Arena *arena, uint16_t input, uint32_t column, Type type)
{
    Expr *expr = expr_new(arena, EXPR_COLUMN, type);
    expr->input = input;
    expr->column = column;
    return expr;
}

Expr *expr_const(Arena *arena, const Column *value)
{
    Expr *expr = expr_new(arena, EXPR_CONST, value->type);
    expr->value = *value;
    expr->value.is_const = true;
    expr->value.len = 1;
    return expr;
}

Expr *expr_const_null(Arena *arena, Type type)
{
    static const uint8_t zero_bytes[64] __attribute__((aligned(64)));
    Expr *expr = expr_new(arena, EXPR_CONST, type);
    expr->value = (Column){
        .type = type, .is_const = true, .len = 1, .validity = zero_bytes, .values = zero_bytes};
    return expr;
}

/* One value of at most 16 bytes as a constant, in a padded buffer of its own. */
static Expr *const_bytes(Arena *arena, Type type, const void *bytes, size_t len)
{
    char *values = (char *)LUMA_ALIGN_UP((uintptr_t)arena_zalloc(arena, 128), 64);
    memcpy(values, bytes, len);
    Expr *expr = expr_new(arena, EXPR_CONST, type);
    expr->value = (Column){.type = type, .is_const = true, .len = 1, .values = values};
    return expr;
}

Expr *expr_const_bool(Arena *arena, bool value)
{
    uint8_t byte = value;
    return const_bytes(arena, TYPE_OF(BOOL), &byte, 1);
}

Expr *expr_const_i64(Arena *arena, Type type, int64_t value)
{
    /* Little-endian: the low bytes are the narrower integer. */
    return const_bytes(arena, type, &value, layout_width(type_layout(type)));
}

Expr *expr_const_text(Arena *arena, Type type, Str text)
{
    Str copy = arena_str(arena, text);
    View view = view_make(copy.ptr, copy.len);
    return const_bytes(arena, type, &view, sizeof view);
}

Expr *expr_and(Arena *arena, Expr *a, Expr *b)
{
    if (!a)
        return b;
    if (!b)
        return a;
    uint32_t a_count = a->kind == EXPR_AND ? a->arg_count : 1;
    uint32_t b_count = b->kind == EXPR_AND ? b->arg_count : 1;
    Expr *both = expr_new(arena, EXPR_AND, TYPE_OF(BOOL));
    both->args = ARENA_NEW_ARRAY(arena, Expr *, a_count + b_count);
    both->arg_count = a_count + b_count;
    memcpy(both->args, a->kind == EXPR_AND ? a->args : &a, sizeof(Expr *) * a_count);
    memcpy(both->args + a_count, b->kind == EXPR_AND ? b->args : &b, sizeof(Expr *) * b_count);
    return both;
}

bool expr_is_const(const Expr *expr)
{
    return expr->kind == EXPR_CONST;
}

bool expr_is_null_const(const Expr *expr)
{
    return expr->kind == EXPR_CONST && column_is_null(&expr->value, 0);
}

Expr *expr_clone(Arena *arena, const Expr *expr)
{
    if (!expr)
        return NULL;
    Expr *copy = arena_dup(arena, expr, sizeof *expr);
    if (expr->arg_count) {
        copy->args = ARENA_NEW_ARRAY(arena, Expr *, expr->arg_count);
        for (uint32_t i = 0; i < expr->arg_count; i++)
            copy->args[i] = expr_clone(arena, expr->args[i]);
    }
    copy->filter = expr_clone(arena, expr->filter);
    if (expr->order_count) {
        copy->order = ARENA_NEW_ARRAY(arena, SortKey, expr->order_count);
        for (uint32_t i = 0; i < expr->order_count; i++) {
            copy->order[i] = expr->order[i];
            copy->order[i].expr = expr_clone(arena, expr->order[i].expr);
        }
    }
    return copy;
}

/* Equal bytes of two one-row constants of equal type. */
static bool const_eq(const Column *a, const Column *b)
{
    bool a_null = column_is_null(a, 0);
    if (a_null != column_is_null(b, 0))
        return false;
    if (a_null)
        return true;
    Layout layout = type_layout(a->type);
    if (layout == LAYOUT_VIEW)
        return str_eq(column_str(a, 0), column_str(b, 0));
    if (layout == LAYOUT_BIT)
        return column_bool(a, 0) == column_bool(b, 0);
    const Column *at_a;
    const Column *at_b;
    size_t width = layout_width(layout);
    return memcmp(column_at_(a, 0, width, &at_a), column_at_(b, 0, width, &at_b), width) == 0;
}

static bool node_fields_eq(const Expr *a, const Expr *b)
{
    return a->kind == b->kind && type_eq(a->type, b->type) &&
           (a->type.typmod == b->type.typmod || a->type.id == TYPE_RECORD) &&
           a->arg_count == b->arg_count && a->negated == b->negated && a->all == b->all &&
           a->slice == b->slice && a->test == b->test && a->input == b->input &&
           a->column == b->column && a->depth == b->depth && a->param_idx == b->param_idx &&
           a->function == b->function && a->cast == b->cast &&
           (a->subplan == b->subplan || (a->source && a->source == b->source)) &&
           a->spread == b->spread && a->subquery_kind == b->subquery_kind &&
           a->aggregate == b->aggregate && a->window_function == b->window_function &&
           a->distinct == b->distinct && a->order_count == b->order_count;
}

bool expr_eq(const Expr *a, const Expr *b)
{
    if (a == b)
        return true;
    if (!a || !b || !node_fields_eq(a, b))
        return false;
    if (a->kind == EXPR_CONST && !const_eq(&a->value, &b->value))
        return false;
    for (uint32_t i = 0; i < a->arg_count; i++)
        if (!expr_eq(a->args[i], b->args[i]))
            return false;
    for (uint32_t i = 0; i < a->order_count; i++)
        if (a->order[i].descending != b->order[i].descending ||
            a->order[i].nulls_first != b->order[i].nulls_first ||
            !expr_eq(a->order[i].expr, b->order[i].expr))
            return false;
    return expr_eq(a->filter, b->filter);
}

bool expr_walk(Expr *expr, bool (*fn)(Expr *expr, void *ctx), void *ctx)
{
    if (!expr)
        return true;
    if (!fn(expr, ctx))
        return false;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        if (!expr_walk(expr->args[i], fn, ctx))
            return false;
    for (uint32_t i = 0; i < expr->order_count; i++)
        if (!expr_walk(expr->order[i].expr, fn, ctx))
            return false;
    return expr_walk(expr->filter, fn, ctx);
}

bool plan_walk_exprs(PlanNode *node, bool (*fn)(Expr **slot, void *ctx), void *ctx)
{
    for (uint32_t i = 0; i < node->predicate_count; i++)
        if (node->predicates[i].value && !fn(&node->predicates[i].value, ctx))
            return false;
    for (uint32_t i = 0; i < node->expr_count; i++)
        if (!fn(&node->exprs[i], ctx))
            return false;
    for (uint32_t i = 0; i < node->group_count; i++)
        if (!fn(&node->groups[i], ctx))
            return false;
    for (uint32_t i = 0; i < node->aggregate_count; i++)
        if (!fn(&node->aggregates[i], ctx))
            return false;
    for (uint32_t i = 0; i < node->key_count; i++)
        if (!fn(&node->keys[i].expr, ctx))
            return false;
    for (uint32_t i = 0; i < node->join_key_count; i++)
        if (!fn(&node->left_keys[i], ctx) || !fn(&node->right_keys[i], ctx))
            return false;
    for (uint32_t i = 0; i < node->returning_count; i++)
        if (!fn(&node->returning[i], ctx))
            return false;
    Expr **single[] = {&node->predicate, &node->limit, &node->offset, &node->frame.start_offset,
                       &node->frame.end_offset};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(single); i++)
        if (*single[i] && !fn(single[i], ctx))
            return false;
    return true;
}

static bool note_volatility(Expr *expr, void *ctx)
{
    Volatility *strongest = ctx;
    Volatility own = VOLATILITY_IMMUTABLE;

    if (expr->function)
        own = expr->function->volatility;
    else if (expr->kind == EXPR_CAST && expr->cast)
        own = cast_volatility(expr->cast);
    else if (expr->kind == EXPR_SUBQUERY)
        own = VOLATILITY_VOLATILE;
    else if (expr->kind == EXPR_PARAM)
        own = VOLATILITY_STABLE;
    if (own > *strongest)
        *strongest = own;
    return *strongest != VOLATILITY_VOLATILE;
}

Volatility expr_volatility(const Expr *expr)
{
    Volatility strongest = VOLATILITY_IMMUTABLE;
    Expr *walkable = (Expr *)(uintptr_t)expr; /* note_volatility only reads */
    (void)expr_walk(walkable, note_volatility, &strongest);
    return strongest;
}
