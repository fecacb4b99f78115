/* distinct_groups.c - DISTINCT over all columns and UNION become groups without aggregates, which
 * work on all cores and spill. Right under a LIMIT they stay: there they stop early. */
#include "query/optimizer/optimizer_int.h"

static PlanNode *group_all(Plan *plan, PlanNode *child, const Schema *schema)
{
    PlanNode *agg = plan_node_new(plan->arena, PLAN_AGGREGATE);
    agg->schema = *schema;
    agg->children[0] = child;
    agg->group_count = schema->field_count;
    agg->groups = ARENA_NEW_ARRAY(plan->arena, Expr *, schema->field_count + 1);
    for (uint32_t i = 0; i < schema->field_count; i++)
        agg->groups[i] = expr_column(plan->arena, 0, i, schema->fields[i].type);
    return agg;
}

static PlanNode *rewrite(Plan *plan, PlanNode *node, bool limited);

static void rewrite_subquery(void *ctx, Expr *subquery)
{
    subquery->subplan = rewrite(ctx, subquery->subplan, true);
}

static PlanNode *rewrite(Plan *plan, PlanNode *node, bool limited)
{
    if (!node || node->kind == PLAN_SERIES)
        return node;
    optimizer__each_subplan(node, rewrite_subquery, plan);
    bool below = node->kind == PLAN_LIMIT || node->kind == PLAN_RECURSIVE ||
                 (limited && (node->kind == PLAN_PROJECT || node->kind == PLAN_SET_OP));
    for (int i = 0; i < 2; i++)
        node->children[i] = rewrite(plan, node->children[i], below);
    bool distinct = node->kind == PLAN_DISTINCT && !node->group_count;
    bool is_union = node->kind == PLAN_SET_OP && node->set_op == SET_OP_UNION && !node->all;
    if (limited || !node->schema.field_count || (!distinct && !is_union))
        return node;
    if (distinct)
        return group_all(plan, node->children[0], &node->schema);
    node->all = true;
    return group_all(plan, node, &node->schema);
}

PlanNode *optimizer__group_distinct(Plan *plan, PlanNode *root)
{
    return rewrite(plan, root, false);
}
