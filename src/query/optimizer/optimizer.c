/* optimizer.c - runs the rules and has the helpers they share. */
#include "query/optimizer/optimizer_int.h"

void optimizer__split(Arena *arena, Expr *predicate, Conjuncts *list)
{
    if (!predicate)
        return;
    if (predicate->kind == EXPR_AND) {
        for (uint32_t i = 0; i < predicate->arg_count; i++)
            optimizer__split(arena, predicate->args[i], list);
        return;
    }
    ARENA_PUSH(arena, list->exprs, list->count, list->cap, predicate);
}

Expr *optimizer__join_conjuncts(Arena *arena, const Conjuncts *list)
{
    if (list->count <= 1)
        return list->count ? list->exprs[0] : NULL;
    Expr *all = expr_new(arena, EXPR_AND, TYPE_OF(BOOL));
    all->args = arena_dup(arena, list->exprs, sizeof *list->exprs * list->count);
    all->arg_count = list->count;
    return all;
}

static bool note_refs(Expr *expr, void *ctx)
{
    ExprRefs *refs = ctx;
    if (expr->kind == EXPR_COLUMN && expr->input < 2)
        refs->inputs[expr->input] = true;
    refs->outer |= expr->kind == EXPR_OUTER;
    refs->subquery |= expr->kind == EXPR_SUBQUERY;
    return true;
}

ExprRefs optimizer__refs(const Expr *expr)
{
    ExprRefs refs = {0};
    Expr *walkable = (Expr *)(uintptr_t)expr; /* note_refs only reads */
    (void)expr_walk(walkable, note_refs, &refs);
    refs.is_volatile = !refs.subquery && expr_volatility(expr) == VOLATILITY_VOLATILE;
    return refs;
}

Expr *optimizer__rewrite(Arena *arena, const Expr *expr, Expr *(*fn)(void *ctx, const Expr *column),
                         void *ctx)
{
    if (expr->kind == EXPR_COLUMN)
        return fn(ctx, expr);
    Expr *copy = arena_dup(arena, expr, sizeof *expr);
    if (!expr->arg_count)
        return copy;
    copy->args = ARENA_NEW_ARRAY(arena, Expr *, expr->arg_count);
    for (uint32_t i = 0; i < expr->arg_count; i++)
        copy->args[i] = optimizer__rewrite(arena, expr->args[i], fn, ctx);
    return copy;
}

typedef struct SubplanCall {
    void (*fn)(void *ctx, Expr *subquery);
    void *ctx;
} SubplanCall;

static bool call_subplan(Expr *expr, void *ctx)
{
    SubplanCall *call = ctx;
    if (expr->kind == EXPR_SUBQUERY && expr->subplan)
        call->fn(call->ctx, expr);
    return true;
}

static bool call_slot(Expr **slot, void *ctx)
{
    return expr_walk(*slot, call_subplan, ctx);
}

void optimizer__each_subplan(PlanNode *node, void (*fn)(void *ctx, Expr *subquery), void *ctx)
{
    SubplanCall call = {fn, ctx};
    (void)plan_walk_exprs(node, call_slot, &call);
}

PlanNode *optimizer__filter(Arena *arena, PlanNode *child, Expr *predicate)
{
    if (!predicate)
        return child;
    PlanNode *filter = plan_node_new(arena, PLAN_FILTER);
    filter->schema = child->schema;
    filter->children[0] = child;
    filter->predicate = predicate;
    return filter;
}

static bool is_series(const PlanNode *node)
{
    return node->kind == PLAN_SERIES;
}

Status optimize(Plan *plan, const OptimizerOptions *options, Error *err)
{
    if (!plan->root || is_series(plan->root))
        return STATUS_OK;
    plan->root = optimizer__fold_constants(plan, options, plan->root);
    plan->root = optimizer__decorrelate(plan, plan->root);
    plan->root = optimizer__push_predicates(plan, plan->root);
    plan->root = optimizer__push_limits(plan, plan->root);
    optimizer__push_projections(plan, plan->root);
    return plan_verify(plan, err);
}
