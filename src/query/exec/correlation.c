#include "query/exec/correlation.h"

typedef struct Finder {
    uint32_t level; /* how many rows up the enclosing row is from here */
    Arena *arena;
    uint32_t *columns;
    uint32_t count;
    uint32_t cap;
} Finder;

static void find_in_node(Finder *f, PlanNode *node);

static bool find_in_expr(Expr *expr, void *ctx)
{
    Finder *f = ctx;
    if (expr->kind == EXPR_SUBQUERY) {
        f->level++;
        find_in_node(f, expr->subplan);
        f->level--;
    }
    if (expr->kind != EXPR_OUTER || expr->depth != f->level)
        return true;
    for (uint32_t i = 0; i < f->count; i++)
        if (f->columns[i] == expr->column)
            return true;
    ARENA_PUSH(f->arena, f->columns, f->count, f->cap, expr->column);
    return true;
}

static bool find_in_slot(Expr **slot, void *ctx)
{
    return expr_walk(*slot, find_in_expr, ctx);
}

static void find_in_node(Finder *f, PlanNode *node)
{
    if (!node)
        return;
    (void)plan_walk_exprs(node, find_in_slot, f);
    find_in_node(f, node->children[0]);
    bool apply = node->kind == PLAN_APPLY;
    f->level += apply;
    find_in_node(f, node->children[1]);
    f->level -= apply;
}

Status correlation_init(Correlation *c, Exec *exec, PlanNode *subplan, const Schema *left,
                        const Schema *right, const Type *extra, uint32_t extra_count, Arena *arena,
                        Error *err)
{
    Finder f = {.level = 1, .arena = arena};
    Type *types;
    find_in_node(&f, subplan);
    c->columns = f.columns;
    c->column_count = f.count;
    TRY(arena_try_alloc(arena, sizeof(Type) * (f.count + extra_count + 1), &types, err));
    for (uint32_t i = 0; i < f.count; i++) {
        uint32_t column = f.columns[i];
        uint32_t left_count = left ? left->field_count : 0;
        if (column < left_count)
            types[i] = left->fields[column].type;
        else if (right && column - left_count < right->field_count)
            types[i] = right->fields[column - left_count].type;
        else
            return error_set(err, STATUS_INTERNAL, "a subquery reads outer column %u", column);
    }
    for (uint32_t i = 0; i < extra_count; i++)
        types[f.count + i] = extra[i];
    return group_table_init(&c->params, &exec->budget, types, f.count + extra_count, err);
}

void correlation_done(Correlation *c)
{
    if (c->params.types)
        group_table_done(&c->params);
}

Status correlation_find(Correlation *c, const RecordBatch *left, const RecordBatch *right,
                        const Column *extra, uint32_t extra_count, uint32_t rows, Arena *scratch,
                        uint32_t **ret_groups, Error *err)
{
    Column *keys;
    TRY(exec__columns(scratch, c->column_count + extra_count, &keys, err));
    for (uint32_t i = 0; i < c->column_count; i++) {
        uint32_t column = c->columns[i];
        uint32_t left_count = left ? left->column_count : 0;
        keys[i] = column < left_count ? left->columns[column] : right->columns[column - left_count];
    }
    for (uint32_t i = 0; i < extra_count; i++)
        keys[c->column_count + i] = extra[i];
    TRY(arena_try_alloc(scratch, sizeof(uint32_t) * ((size_t)rows + 1), ret_groups, err));
    return group_table_find(&c->params, keys, rows, scratch, *ret_groups, err);
}
