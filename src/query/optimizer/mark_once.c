/* mark_once.c - subqueries whose answer cannot change while the query runs.
 *
 * Such a one reads no outer row and, inside of something that itself runs again and again (a
 * correlated subquery, the right side of an apply, the step of a recursion), no CTE: that may be
 * another one each time. */
#include "query/optimizer/optimizer_int.h"

typedef struct Marker {
    bool repeated; /* inside something that runs again */
} Marker;

static void mark_node(Marker *m, PlanNode *node);

static bool reads_cte(const PlanNode *node)
{
    if (!node)
        return false;
    if (node->kind == PLAN_CTE_SCAN)
        return true;
    return reads_cte(node->children[0]) || reads_cte(node->children[1]);
}

static void mark_subquery(void *ctx, Expr *e)
{
    Marker *m = ctx;
    bool outside = m->repeated;
    bool lone = e->subquery_kind != SUBQUERY_ANY && e->subquery_kind != SUBQUERY_ALL;
    e->once = lone && !optimizer__reads_outer(e->subplan) && !(outside && reads_cte(e->subplan));
    m->repeated |= !e->once;
    mark_node(m, e->subplan);
    m->repeated = outside;
}

static void mark_node(Marker *m, PlanNode *node)
{
    if (!node || node->kind == PLAN_SERIES)
        return;
    optimizer__each_subplan(node, mark_subquery, m);
    mark_node(m, node->children[0]);
    bool outside = m->repeated;
    m->repeated |= node->kind == PLAN_APPLY || node->kind == PLAN_RECURSIVE;
    mark_node(m, node->children[1]);
    m->repeated = outside;
}

void optimizer__mark_once(PlanNode *root)
{
    Marker m = {false};
    mark_node(&m, root);
}
