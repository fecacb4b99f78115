/* inline_ctes.c - a WITH query that is read once becomes part of its reader: rows flow instead of
 * being kept, predicates reach it, and a recursion ends with its reader's LIMIT. One that nobody
 * reads does not run. Kept are those read in places that run again (subqueries, the right side of
 * an apply, the step of a recursion) and those that write. */
#include "query/optimizer/optimizer_int.h"

typedef struct Readers {
    uint32_t cte_idx;
    uint32_t plain;  /* in places that run once */
    uint32_t others; /* elsewhere */
    bool elsewhere;  /* where the walk is */
} Readers;

static void count_readers(Readers *r, PlanNode *node);

static void count_in_subquery(void *ctx, Expr *subquery)
{
    Readers *r = ctx;
    bool outside = r->elsewhere;
    r->elsewhere = true;
    count_readers(r, subquery->subplan);
    r->elsewhere = outside;
}

static void count_readers(Readers *r, PlanNode *node)
{
    if (!node || node->kind == PLAN_SERIES)
        return;
    if (node->kind == PLAN_CTE_SCAN && node->cte_idx == r->cte_idx) {
        r->plain += !r->elsewhere;
        r->others += r->elsewhere;
    }
    optimizer__each_subplan(node, count_in_subquery, r);
    count_readers(r, node->children[0]);
    bool outside = r->elsewhere;
    r->elsewhere |= node->kind == PLAN_APPLY || node->kind == PLAN_RECURSIVE;
    count_readers(r, node->children[1]);
    r->elsewhere = outside;
}

static bool writes(const PlanNode *node)
{
    if (!node)
        return false;
    return node->kind == PLAN_INSERT || node->kind == PLAN_UPDATE || node->kind == PLAN_DELETE ||
           writes(node->children[0]) || writes(node->children[1]);
}

static PlanNode *put_in_place(PlanNode *node, uint32_t cte_idx, PlanNode *rows)
{
    if (!node || node->kind == PLAN_SERIES)
        return node;
    if (node->kind == PLAN_CTE_SCAN && node->cte_idx == cte_idx)
        return rows;
    for (int i = 0; i < 2; i++)
        node->children[i] = put_in_place(node->children[i], cte_idx, rows);
    return node;
}

static PlanNode *inline_node(Plan *plan, PlanNode *node);

static void inline_subquery(void *ctx, Expr *subquery)
{
    subquery->subplan = inline_node(ctx, subquery->subplan);
}

static PlanNode *inline_node(Plan *plan, PlanNode *node)
{
    if (!node || node->kind == PLAN_SERIES)
        return node;
    optimizer__each_subplan(node, inline_subquery, plan);
    for (int i = 0; i < 2; i++)
        node->children[i] = inline_node(plan, node->children[i]);
    if (node->kind != PLAN_CTE || writes(node->children[0]))
        return node;
    Readers readers = {.cte_idx = node->cte_idx};
    count_readers(&readers, node->children[1]);
    if (readers.others || readers.plain > 1)
        return node;
    return put_in_place(node->children[1], node->cte_idx, node->children[0]);
}

PlanNode *optimizer__inline_ctes(Plan *plan, PlanNode *root)
{
    return inline_node(plan, root);
}
