/* decorrelate.c - EXISTS, IN and NOT IN conjuncts of a filter become joins.
 *
 *   EXISTS (Q)      semi join        NOT EXISTS (Q)   anti join
 *   x IN (Q)        semi join        x NOT IN (Q)     null-aware anti join (Q uncorrelated)
 *
 * Q may read the outer row only in filters near its top (below projections): those conjuncts become
 * the join's condition. Subqueries inside other expressions are decorrelate_scalar.c's. Anything
 * else stays a subquery, which the executor runs once per distinct combination of the outer values.
 */
#include "query/optimizer/optimizer_int.h"

static PlanNode *decorrelate(Plan *plan, PlanNode *node);

/* ---------------------------------------------------------------- does a plan read outer rows? */

typedef struct OuterSearch {
    uint32_t level;
    bool found;
} OuterSearch;

static void search_node(OuterSearch *s, PlanNode *node);

static bool search_expr(Expr *e, void *ctx)
{
    OuterSearch *s = ctx;
    if (e->kind == EXPR_OUTER && e->depth >= s->level)
        s->found = true;
    if (e->kind == EXPR_SUBQUERY) {
        s->level++;
        search_node(s, e->subplan);
        s->level--;
    }
    return !s->found;
}

static bool search_slot(Expr **slot, void *ctx)
{
    return expr_walk(*slot, search_expr, ctx);
}

static void search_node(OuterSearch *s, PlanNode *node)
{
    if (!node || s->found || node->kind == PLAN_SERIES)
        return;
    (void)plan_walk_exprs(node, search_slot, s);
    search_node(s, node->children[0]);
    bool apply = node->kind == PLAN_APPLY;
    s->level += apply;
    search_node(s, node->children[1]);
    s->level -= apply;
}

bool optimizer__reads_outer(PlanNode *node)
{
    OuterSearch s = {.level = 1};
    search_node(&s, node);
    return s.found;
}

/* ---------------------------------------------------------------- conditions */

Expr *optimizer__to_join(Plan *plan, const Expr *e)
{
    if (e->kind == EXPR_SUBQUERY || e->kind == EXPR_AGGREGATE || e->kind == EXPR_WINDOW)
        return NULL;
    Expr *copy = arena_dup(plan->arena, e, sizeof *e);
    if (e->kind == EXPR_OUTER) {
        if (e->depth != 1)
            return NULL; /* it would be one level too far in the join */
        copy->kind = EXPR_COLUMN;
        copy->input = 0;
        copy->depth = 0;
        return copy;
    }
    if (e->kind == EXPR_COLUMN) {
        copy->input = 1;
        return copy;
    }
    if (e->arg_count)
        copy->args = ARENA_NEW_ARRAY(plan->arena, Expr *, e->arg_count);
    for (uint32_t i = 0; i < e->arg_count; i++) {
        copy->args[i] = optimizer__to_join(plan, e->args[i]);
        if (!copy->args[i])
            return NULL;
    }
    return copy;
}

bool optimizer__unnest(Plan *plan, PlanNode *node, Unnested *ret)
{
    Conjuncts all = {0};
    Conjuncts kept = {0};
    *ret = (Unnested){0};
    while (node->kind == PLAN_FILTER) {
        optimizer__split(plan->arena, node->predicate, &all);
        node = node->children[0];
    }
    for (uint32_t i = 0; i < all.count; i++) {
        ExprRefs refs = optimizer__refs(all.exprs[i]);
        if (!refs.outer && !refs.subquery) {
            ARENA_PUSH(plan->arena, kept.exprs, kept.count, kept.cap, all.exprs[i]);
            continue;
        }
        if (!refs.outer && refs.subquery) {
            PlanNode *probe = optimizer__filter(plan->arena, node, all.exprs[i]);
            OuterSearch s = {.level = 1};
            (void)plan_walk_exprs(probe, search_slot, &s);
            if (s.found)
                return false;
            ARENA_PUSH(plan->arena, kept.exprs, kept.count, kept.cap, all.exprs[i]);
            continue;
        }
        Expr *moved = refs.is_volatile ? NULL : optimizer__to_join(plan, all.exprs[i]);
        if (!moved)
            return false;
        ARENA_PUSH(plan->arena, ret->condition.exprs, ret->condition.count, ret->condition.cap,
                   moved);
    }
    ret->right =
        optimizer__filter(plan->arena, node, optimizer__join_conjuncts(plan->arena, &kept));
    return !optimizer__reads_outer(ret->right);
}

/* Nodes that do not change whether there are rows. */
static PlanNode *below_projections(PlanNode *node)
{
    while (node->kind == PLAN_PROJECT || node->kind == PLAN_SORT ||
           (node->kind == PLAN_DISTINCT && !node->group_count))
        node = node->children[0];
    return node;
}

static PlanNode *new_join(Plan *plan, PlanNode *left, const Unnested *q, JoinKind kind)
{
    PlanNode *join = plan_node_new(plan->arena, PLAN_JOIN);
    join->join_kind = kind;
    join->children[0] = left;
    join->children[1] = q->right;
    join->schema = left->schema;
    join->predicate = optimizer__join_conjuncts(plan->arena, &q->condition);
    return join;
}

/* ---------------------------------------------------------------- the cases */

static bool exists_join(Plan *plan, PlanNode *left, const Expr *e, bool negated, PlanNode **ret)
{
    Unnested q;
    if (!optimizer__unnest(plan, below_projections(e->subplan), &q))
        return false;
    *ret = new_join(plan, left, &q, negated ? JOIN_ANTI : JOIN_SEMI);
    return true;
}

/* x = ANY (select y from ...): the subquery's column in terms of what is below its projection. */
static bool in_join(Plan *plan, PlanNode *left, const Expr *e, bool negated, PlanNode **ret)
{
    Unnested q;
    PlanNode *sub = e->subplan;
    ExprRefs arg = optimizer__refs(e->args[0]);
    if (strcmp(e->function->name, "=") != 0 || !e->function->strict || arg.subquery ||
        arg.is_volatile || !type_eq(e->args[0]->type, sub->schema.fields[0].type))
        return false;
    Expr *y = expr_column(plan->arena, 1, 0, sub->schema.fields[0].type);
    if (optimizer__reads_outer(sub)) {
        if (negated || sub->kind != PLAN_PROJECT)
            return false;
        y = optimizer__to_join(plan, sub->exprs[0]);
        ExprRefs refs = optimizer__refs(sub->exprs[0]);
        if (!y || refs.is_volatile || !optimizer__unnest(plan, sub->children[0], &q))
            return false;
    } else {
        q = (Unnested){.right = sub};
    }
    *ret = new_join(plan, left, &q, negated ? JOIN_NULL_ANTI : JOIN_SEMI);
    if (negated) {
        (*ret)->left_keys = arena_dup(plan->arena, &e->args[0], sizeof *e->args);
        (*ret)->right_keys = arena_dup(plan->arena, &y, sizeof y);
        (*ret)->join_key_count = 1;
        return true;
    }
    Expr *equal = expr_new(plan->arena, EXPR_CALL, TYPE_OF(BOOL));
    equal->function = e->function;
    equal->args = ARENA_NEW_ARRAY(plan->arena, Expr *, 2);
    equal->args[0] = e->args[0];
    equal->args[1] = y;
    equal->arg_count = 2;
    (*ret)->predicate = expr_and(plan->arena, (*ret)->predicate, equal);
    return true;
}

static bool try_conjunct(Plan *plan, PlanNode *left, const Expr *e, PlanNode **ret)
{
    bool negated = false;
    while (e->kind == EXPR_NOT) {
        negated = !negated;
        e = e->args[0];
    }
    if (e->kind != EXPR_SUBQUERY)
        return false;
    negated ^= e->negated;
    if (e->subquery_kind == SUBQUERY_EXISTS)
        return exists_join(plan, left, e, negated, ret);
    if (e->subquery_kind == SUBQUERY_ANY)
        return in_join(plan, left, e, negated, ret);
    return false;
}

static PlanNode *decorrelate_filter(Plan *plan, PlanNode *filter)
{
    Conjuncts all = {0};
    Conjuncts kept = {0};
    PlanNode *child = filter->children[0];
    optimizer__split(plan->arena, filter->predicate, &all);
    for (uint32_t i = 0; i < all.count; i++) {
        PlanNode *join;
        if (try_conjunct(plan, child, all.exprs[i], &join))
            child = join;
        else
            ARENA_PUSH(plan->arena, kept.exprs, kept.count, kept.cap, all.exprs[i]);
    }
    return optimizer__filter(plan->arena, child, optimizer__join_conjuncts(plan->arena, &kept));
}

static void decorrelate_subquery(void *ctx, Expr *subquery)
{
    subquery->subplan = decorrelate(ctx, subquery->subplan);
}

static PlanNode *decorrelate(Plan *plan, PlanNode *node)
{
    if (!node || node->kind == PLAN_SERIES)
        return node;
    optimizer__each_subplan(node, decorrelate_subquery, plan);
    for (int i = 0; i < 2; i++)
        node->children[i] = decorrelate(plan, node->children[i]);
    if (node->kind == PLAN_FILTER)
        node = decorrelate_filter(plan, node);
    return optimizer__lift_subqueries(plan, node);
}

PlanNode *optimizer__decorrelate(Plan *plan, PlanNode *root)
{
    return decorrelate(plan, root);
}
