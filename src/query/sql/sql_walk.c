#include "query/sql/sql_walk.h"

typedef struct Hidden {
    const struct Hidden *outer;
    const AstWith *with;
} Hidden;

typedef struct Walk {
    Arena *arena;
    SqlNames *names;
    const Hidden *hidden; /* CTEs around */
} Walk;

static void walk_select(Walk *w, const AstSelect *select);
static void walk_expr(Walk *w, const AstExpr *expr);

static bool is_cte(const Walk *w, const AstName *name)
{
    for (const Hidden *h = w->hidden; h && !name->schema.len; h = h->outer)
        for (uint32_t i = 0; i < h->with->count; i++)
            if (str_eq(h->with->ctes[i].name, name->name))
                return true;
    return false;
}

static void walk_exprs(Walk *w, AstExpr *const *exprs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        walk_expr(w, exprs[i]);
}

static void walk_order(Walk *w, const AstOrder *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        walk_expr(w, order[i].expr);
}

static void walk_call(Walk *w, const AstCall *call)
{
    walk_order(w, call->order, call->order_count);
    walk_expr(w, call->filter);
    if (call->over) {
        walk_exprs(w, call->over->partition, call->over->partition_count);
        walk_order(w, call->over->order, call->over->order_count);
    }
}

/* The tree is at most AST_DEPTH_MAX levels deep. */
static void walk_expr(Walk *w, const AstExpr *expr)
{
    SqlNames *names = w->names;
    if (!expr)
        return;
    if (expr->kind == AST_COLUMN && expr->path.count)
        ARENA_PUSH(w->arena, names->columns, names->column_count, names->column_cap,
                   expr->path.names[expr->path.count - 1]);
    if (expr->kind == AST_STAR)
        names->star = true;
    if (expr->kind == AST_CAST) {
        AstName name = {.schema = expr->type->schema, .name = expr->type->name};
        ARENA_PUSH(w->arena, names->types, names->type_count, names->type_cap, name);
    }
    if (expr->kind == AST_CALL)
        walk_call(w, expr->call);
    if (expr->kind == AST_SUBQUERY)
        walk_select(w, expr->select);
    walk_exprs(w, expr->args, expr->arg_count);
}

static void walk_from(Walk *w, const AstFrom *from)
{
    SqlNames *names = w->names;
    if (!from)
        return;
    switch (from->kind) {
    case AST_FROM_TABLE:
        if (!is_cte(w, &from->table))
            ARENA_PUSH(w->arena, names->tables, names->table_count, names->table_cap, from->table);
        return;
    case AST_FROM_SELECT:
        walk_select(w, from->select);
        return;
    case AST_FROM_FUNCTION:
        walk_exprs(w, from->functions, from->function_count);
        return;
    case AST_FROM_JOIN:
        walk_from(w, from->left);
        walk_from(w, from->right);
        walk_expr(w, from->on);
        for (uint32_t i = 0; i < from->using_columns.count; i++)
            ARENA_PUSH(w->arena, names->columns, names->column_count, names->column_cap,
                       from->using_columns.names[i]);
        names->star |= from->natural;
        return;
    case AST_FROM_UNSUPPORTED:
        return;
    }
}

static void walk_group(Walk *w, const AstGroup *group)
{
    walk_expr(w, group->expr);
    for (uint32_t i = 0; i < group->item_count; i++)
        walk_group(w, &group->items[i]);
}

static void walk_select(Walk *w, const AstSelect *select)
{
    Hidden hidden = {.outer = w->hidden};
    if (!select)
        return;
    if (select->with) {
        hidden.with = select->with;
        w->hidden = &hidden;
        for (uint32_t i = 0; i < select->with->count; i++)
            if (select->with->ctes[i].query &&
                select->with->ctes[i].query->kind == AST_STATEMENT_SELECT)
                walk_select(w, select->with->ctes[i].query->select);
    }
    walk_select(w, select->left);
    walk_select(w, select->right);
    for (uint32_t i = 0; i < select->target_count; i++)
        walk_expr(w, select->targets[i].expr);
    walk_exprs(w, select->distinct_on, select->distinct_on_count);
    for (uint32_t i = 0; i < select->from_count; i++)
        walk_from(w, select->from[i]);
    walk_expr(w, select->where);
    for (uint32_t i = 0; i < select->group_count; i++)
        walk_group(w, &select->groups[i]);
    walk_expr(w, select->having);
    walk_exprs(w, select->values, select->values_rows * select->values_columns);
    walk_order(w, select->order, select->order_count);
    walk_expr(w, select->limit);
    walk_expr(w, select->offset);
    w->hidden = hidden.outer;
}

void sql_collect_names(const AstSelect *select, Arena *arena, SqlNames *ret)
{
    Walk walk = {.arena = arena, .names = ret};
    walk_select(&walk, select);
}
