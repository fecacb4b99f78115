/* factor_ors.c - (a AND b) OR (a AND c) becomes a AND (b OR c), so that `a` can be a join key or
 * reach a scan. Volatile conjuncts are left alone. */
#include "query/optimizer/optimizer_int.h"

static bool holds(const Conjuncts *list, const Expr *e)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (expr_eq(list->exprs[i], e))
            return true;
    return false;
}

static Conjuncts without(Plan *plan, const Conjuncts *list, const Conjuncts *common)
{
    Conjuncts rest = {0};
    for (uint32_t i = 0; i < list->count; i++)
        if (!holds(common, list->exprs[i]))
            ARENA_PUSH(plan->arena, rest.exprs, rest.count, rest.cap, list->exprs[i]);
    return rest;
}

static Expr *factor(Plan *plan, Expr *e)
{
    if (e->kind == EXPR_AND) {
        for (uint32_t i = 0; i < e->arg_count; i++)
            e->args[i] = factor(plan, e->args[i]);
        return e;
    }
    if (e->kind != EXPR_OR || e->arg_count < 2)
        return e;
    Conjuncts *branches = ARENA_NEW_ARRAY(plan->arena, Conjuncts, e->arg_count);
    Conjuncts common = {0};
    for (uint32_t i = 0; i < e->arg_count; i++)
        optimizer__split(plan->arena, e->args[i], &branches[i]);
    for (uint32_t c = 0; c < branches[0].count; c++) {
        Expr *candidate = branches[0].exprs[c];
        ExprRefs refs = optimizer__refs(candidate);
        bool everywhere = !refs.is_volatile && !refs.subquery;
        for (uint32_t i = 1; i < e->arg_count && everywhere; i++)
            everywhere = holds(&branches[i], candidate);
        if (everywhere)
            ARENA_PUSH(plan->arena, common.exprs, common.count, common.cap, candidate);
    }
    if (!common.count)
        return e;
    Conjuncts rests = {0};
    for (uint32_t i = 0; i < e->arg_count; i++) {
        Conjuncts rest = without(plan, &branches[i], &common);
        if (!rest.count) /* this branch asks for no more */
            return optimizer__join_conjuncts(plan->arena, &common);
        ARENA_PUSH(plan->arena, rests.exprs, rests.count, rests.cap,
                   optimizer__join_conjuncts(plan->arena, &rest));
    }
    Expr *either = expr_new(plan->arena, EXPR_OR, TYPE_OF(BOOL));
    either->args = rests.exprs;
    either->arg_count = rests.count;
    ARENA_PUSH(plan->arena, common.exprs, common.count, common.cap, either);
    return optimizer__join_conjuncts(plan->arena, &common);
}

static void factor_node(Plan *plan, PlanNode *node);

static void factor_subquery(void *ctx, Expr *subquery)
{
    factor_node(ctx, subquery->subplan);
}

static void factor_node(Plan *plan, PlanNode *node)
{
    if (!node || node->kind == PLAN_SERIES)
        return;
    optimizer__each_subplan(node, factor_subquery, plan);
    bool filters = node->kind == PLAN_FILTER || node->kind == PLAN_JOIN;
    if (filters && node->predicate)
        node->predicate = factor(plan, node->predicate);
    factor_node(plan, node->children[0]);
    factor_node(plan, node->children[1]);
}

PlanNode *optimizer__factor_ors(Plan *plan, PlanNode *root)
{
    factor_node(plan, root);
    return root;
}
