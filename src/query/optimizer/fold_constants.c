/* fold_constants.c - immutable expressions of constants become constants; AND, OR, NOT and filters
 * shed constant parts. An expression whose evaluation fails stays: it may never be reached. */
#include "query/optimizer/optimizer_int.h"

typedef struct Folder {
    Plan *plan;
    const OptimizerOptions *options;
} Folder;

static PlanNode *fold_node(Folder *f, PlanNode *node);

static bool is_true(const Expr *e)
{
    return e->kind == EXPR_CONST && !column_is_null(&e->value, 0) && column_bool(&e->value, 0);
}

static bool is_false(const Expr *e)
{
    return e->kind == EXPR_CONST && !column_is_null(&e->value, 0) && !column_bool(&e->value, 0);
}

static bool args_const(const Expr *e)
{
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (e->args[i]->kind != EXPR_CONST)
            return false;
    return true;
}

static bool foldable(const Expr *e)
{
    switch (e->kind) {
    case EXPR_CALL:
        return e->function->volatility == VOLATILITY_IMMUTABLE && args_const(e);
    case EXPR_CAST:
        return (!e->cast || cast_volatility(e->cast) == VOLATILITY_IMMUTABLE) && args_const(e);
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_BOOL_TEST:
    case EXPR_DISTINCT:
    case EXPR_GREATEST:
    case EXPR_LEAST:
    case EXPR_NULLIF:
    case EXPR_ARRAY:
    case EXPR_SUBSCRIPT:
        return args_const(e) && (!e->function || e->function->volatility == VOLATILITY_IMMUTABLE);
    default:
        return false;
    }
}

/* A strict function with a NULL argument, whatever its others are. */
static bool never_called(const Expr *e)
{
    if (e->kind != EXPR_CALL || !e->function->strict || e->spread)
        return false;
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (expr_is_null_const(e->args[i]))
            return true;
    return false;
}

/* AND without TRUEs, OR without FALSEs; decided as a whole by the opposite. */
static Expr *fold_logic(Folder *f, Expr *e)
{
    bool is_and = e->kind == EXPR_AND;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < e->arg_count; i++) {
        Expr *arg = e->args[i];
        if (is_and ? is_false(arg) : is_true(arg))
            return arg;
        if (is_and ? is_true(arg) : is_false(arg))
            continue;
        e->args[kept++] = arg;
    }
    e->arg_count = kept;
    if (kept == 0)
        return expr_const_bool(f->plan->arena, is_and);
    return kept == 1 ? e->args[0] : e;
}

static Expr *fold_expr(Folder *f, Expr *e)
{
    for (uint32_t i = 0; i < e->arg_count; i++)
        e->args[i] = fold_expr(f, e->args[i]);
    for (uint32_t i = 0; i < e->order_count; i++)
        e->order[i].expr = fold_expr(f, e->order[i].expr);
    if (e->filter)
        e->filter = fold_expr(f, e->filter);
    if (e->kind == EXPR_SUBQUERY && e->subplan)
        e->subplan = fold_node(f, e->subplan);
    if (e->kind == EXPR_AND || e->kind == EXPR_OR)
        return fold_logic(f, e);
    if (never_called(e)) {
        Expr *null = expr_const_null(f->plan->arena, e->type);
        null->position = e->position;
        return null;
    }
    if (!foldable(e) || !f->options || !f->options->eval_const)
        return e;
    Column value;
    if (f->options->eval_const(f->options->ctx, e, f->plan->arena, &value, NULL) != STATUS_OK)
        return e;
    value.type = e->type;
    Expr *folded = expr_const(f->plan->arena, &value);
    folded->position = e->position;
    return folded;
}

static bool fold_slot(Expr **slot, void *ctx)
{
    *slot = fold_expr(ctx, *slot);
    return true;
}

static PlanNode *fold_node(Folder *f, PlanNode *node)
{
    if (!node || node->kind == PLAN_SERIES)
        return node;
    for (int i = 0; i < 2; i++)
        node->children[i] = fold_node(f, node->children[i]);
    (void)plan_walk_exprs(node, fold_slot, f);
    if (node->kind != PLAN_FILTER || node->predicate->kind != EXPR_CONST)
        return node;
    if (is_true(node->predicate))
        return node->children[0];
    PlanNode *empty = plan_node_new(f->plan->arena, PLAN_EMPTY);
    empty->schema = node->schema;
    return empty;
}

PlanNode *optimizer__fold_constants(Plan *plan, const OptimizerOptions *options, PlanNode *root)
{
    Folder f = {plan, options};
    return fold_node(&f, root);
}
