/* optimizer.c - runs the rules and has the helpers they share. */
#include "query/optimizer/estimate.h"
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
    refs->subquery |=
        expr->kind == EXPR_SUBQUERY && expr->subplan && optimizer__reads_outer(expr->subplan);
    return true;
}

static bool note_volatile(Expr *e, void *ctx)
{
    bool *found = ctx;
    *found |= e->function && e->function->volatility == VOLATILITY_VOLATILE;
    *found |= e->kind == EXPR_CAST && e->cast && cast_volatility(e->cast) == VOLATILITY_VOLATILE;
    return !*found;
}

/* A subquery that reads no outer row runs once: it is none. */
static bool is_volatile(const Expr *expr)
{
    bool found = false;
    Expr *walkable = (Expr *)(uintptr_t)expr; /* note_volatile only reads */
    (void)expr_walk(walkable, note_volatile, &found);
    return found;
}

ExprRefs optimizer__refs(const Expr *expr)
{
    ExprRefs refs = {0};
    Expr *walkable = (Expr *)(uintptr_t)expr; /* note_refs only reads */
    (void)expr_walk(walkable, note_refs, &refs);
    refs.is_volatile = !refs.subquery && is_volatile(expr);
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

Schema optimizer__join_schema(Arena *arena, const Schema *left, const Schema *right)
{
    uint32_t count = left->field_count + right->field_count;
    Field *fields = ARENA_NEW_ARRAY(arena, Field, count + 1);
    if (left->field_count)
        memcpy(fields, left->fields, sizeof *fields * left->field_count);
    if (right->field_count)
        memcpy(fields + left->field_count, right->fields, sizeof *fields * right->field_count);
    return (Schema){fields, count};
}

bool optimizer__is_equality(const Expr *e)
{
    return e->kind == EXPR_CALL && e->function->is_operator && e->arg_count == 2 &&
           strcmp(e->function->name, "=") == 0 && e->function->strict;
}

/* Is the value NULL when the column is? */
static bool is_strict_in(const Expr *e, bool (*is_column)(const Expr *column, void *ctx), void *ctx)
{
    if (e->kind == EXPR_COLUMN)
        return is_column(e, ctx);
    if (e->kind != EXPR_CAST && (e->kind != EXPR_CALL || !e->function->strict))
        return false;
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (is_strict_in(e->args[i], is_column, ctx))
            return true;
    return false;
}

bool optimizer__rejects_null(const Expr *e, bool (*is_column)(const Expr *column, void *ctx),
                             void *ctx)
{
    switch (e->kind) {
    case EXPR_IS_NULL:
        return e->negated && is_strict_in(e->args[0], is_column, ctx);
    case EXPR_AND:
        for (uint32_t i = 0; i < e->arg_count; i++)
            if (optimizer__rejects_null(e->args[i], is_column, ctx))
                return true;
        return false;
    case EXPR_OR:
        for (uint32_t i = 0; i < e->arg_count; i++)
            if (!optimizer__rejects_null(e->args[i], is_column, ctx))
                return false;
        return true;
    case EXPR_IN:
        return is_strict_in(e->args[0], is_column, ctx);
    default:
        return is_strict_in(e, is_column, ctx);
    }
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
    plan->root = optimizer__inline_ctes(plan, plan->root);
    plan->root = optimizer__decorrelate(plan, plan->root);
    plan->root = optimizer__group_distinct(plan, plan->root);
    plan->root = optimizer__factor_ors(plan, plan->root);
    plan->root = optimizer__order_joins(plan, options, plan->root);
    plan->root = optimizer__push_predicates(plan, plan->root);
    plan->root = optimizer__push_limits(plan, plan->root);
    optimizer__push_projections(plan, plan->root);
    optimizer__mark_once(plan->root);
    return plan_verify(plan, err);
}

typedef struct EstimateWalk {
    Estimator estimator;
    int depth;
} EstimateWalk;

static void set_estimates(PlanNode *node, EstimateWalk *walk);

static bool estimate_subplan(Expr *expr, void *ctx)
{
    if (expr->kind == EXPR_SUBQUERY && expr->subplan)
        set_estimates(expr->subplan, ctx);
    return true;
}

static bool estimate_slot(Expr **slot, void *ctx)
{
    return expr_walk(*slot, estimate_subplan, ctx);
}

static void set_estimates(PlanNode *node, EstimateWalk *walk)
{
    enum { DEPTH_MAX = 250 };
    if (!node || is_series(node) || walk->depth > DEPTH_MAX)
        return;
    walk->depth++;
    (void)plan_walk_exprs(node, estimate_slot, walk);
    for (int i = 0; i < 2; i++)
        set_estimates(node->children[i], walk);
    node->row_estimate = estimate_rows(&walk->estimator, node);
    walk->depth--;
}

void optimizer_estimate(const Plan *plan, Snapshot *snapshot)
{
    EstimateWalk walk = {.estimator = {.snapshot = snapshot}};
    set_estimates(plan->root, &walk);
}
