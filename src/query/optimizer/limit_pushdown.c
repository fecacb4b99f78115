/* limit_pushdown.c - LIMIT over ORDER BY becomes top-N; a constant LIMIT reaches a scan through
 * projections, so that the scan stops early. */
#include "query/optimizer/optimizer_int.h"

static bool constant_i64(const Expr *e, int64_t *ret)
{
    if (!e) {
        *ret = 0;
        return true;
    }
    if (!expr_is_const(e) || expr_is_null_const(e) || !type_is_integer(e->type))
        return false;
    *ret = column_i64(&e->value, 0);
    return *ret >= 0;
}

static void limit_scan(PlanNode *limit)
{
    int64_t count;
    int64_t skip;
    if (!limit->limit || !constant_i64(limit->limit, &count) || !constant_i64(limit->offset, &skip))
        return;
    PlanNode *node = limit->children[0];
    while (node->kind == PLAN_PROJECT)
        node = node->children[0];
    if (node->kind == PLAN_SCAN && !__builtin_add_overflow(count, skip, &count))
        node->row_limit = count;
}

/* Top-N by a time or bigint column of a table: the scan reads the best segments first and leaves
 * out what cannot be among the N. */
static void bound_scan(PlanNode *limit)
{
    const Expr *key = limit->keys[0].expr;
    PlanNode *node = limit->children[0];
    while (node->kind == PLAN_FILTER || node->kind == PLAN_PROJECT) {
        if (key->kind != EXPR_COLUMN)
            return;
        if (node->kind == PLAN_PROJECT)
            key = node->exprs[key->column];
        node = node->children[0];
    }
    if (node->kind != PLAN_SCAN || key->kind != EXPR_COLUMN || node->top)
        return;
    const Table *table = node->table;
    uint16_t idx = node->scan_columns[key->column];
    bool has_rows =
        table->kind == TABLE_LOGS || table->kind == TABLE_TRACES || table->kind == TABLE_USER;
    if (!has_rows || idx >= table->column_count || key->type.is_array ||
        (key->type.id != TYPE_TIMESTAMPTZ && key->type.id != TYPE_TIMESTAMP &&
         key->type.id != TYPE_INT8) ||
        (limit->keys[0].nulls_first && !table->columns[idx].not_null))
        return;
    node->top = limit;
    node->top_column = idx;
    node->top_descending = limit->keys[0].descending;
    limit->bounds_scan = true;
}

static void push(PlanNode *node);

static void push_subquery(void *ctx, Expr *subquery)
{
    (void)ctx;
    push(subquery->subplan);
}

static void push(PlanNode *node)
{
    if (!node || node->kind == PLAN_SERIES)
        return;
    optimizer__each_subplan(node, push_subquery, NULL);
    if (node->kind == PLAN_LIMIT && !node->key_count) {
        PlanNode *sort = node->children[0];
        if (sort->kind == PLAN_SORT && node->limit) {
            node->keys = sort->keys;
            node->key_count = sort->key_count;
            node->children[0] = sort->children[0];
            bound_scan(node);
        } else {
            limit_scan(node);
        }
    }
    push(node->children[0]);
    push(node->children[1]);
}

PlanNode *optimizer__push_limits(Plan *plan, PlanNode *root)
{
    (void)plan;
    push(root);
    return root;
}
