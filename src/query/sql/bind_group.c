/* bind_group.c - GROUP BY and aggregates.
 *
 * Keys are bound first. Later every expression above the aggregation is rebuilt over its output:
 * what equals a key becomes the key's column, an aggregate becomes its column, and a column that is
 * left over is an error (42803). Expressions are copied while they are rebuilt, because ORDER BY
 * may share them with the select list. */
#include "query/sql/bind_int.h"

enum { GROUPING_SETS_MAX = 4096, GROUPING_KEYS_MAX = 64 };

/* ---------------------------------------------------------------- keys */

static Status equality_exists(Binder *b, const Expr *expr)
{
    char name[64];
    if (expr->type.id == TYPE_JSON && !expr->type.is_array)
        return BIND_ERROR(b, "42883", expr->position,
                          "could not identify an equality operator for type %s",
                          type_name(expr->type, name));
    return STATUS_OK;
}

/* Select item number `position`, counting what * expands to. */
static Status target_at(Binder *b, Scope *scope, const AstSelect *select, const AstExpr *ast,
                        Expr **ret_expr)
{
    int64_t left = ast->number;
    for (uint32_t i = 0; i < select->target_count && left > 0; i++) {
        const AstTarget *target = &select->targets[i];
        Targets expanded = {0};
        if (target->expr->kind != AST_STAR && target->expr->kind != AST_FIELD_STAR) {
            if (--left == 0)
                return sql__expr_known(b, scope, target->expr, ret_expr);
            continue;
        }
        TRY(sql__targets(b, scope, target, 1, &expanded));
        if (left <= expanded.count) {
            *ret_expr = expanded.exprs[left - 1];
            return STATUS_OK;
        }
        left -= expanded.count;
    }
    return BIND_ERROR(b, "42P10", ast->position, "GROUP BY position %ld is not in select list",
                      (long)ast->number);
}

/* A bare name is a column of FROM first, then an output name. */
static Status key_by_name(Binder *b, Scope *scope, const AstSelect *select, const AstExpr *ast,
                          Expr **ret_expr)
{
    bool found;
    const AstExpr *match = NULL;
    Str name = ast->path.names[0];
    TRY(sql__column_local(b, scope, name, ast->position, ret_expr, &found));
    if (found)
        return STATUS_OK;
    for (uint32_t i = 0; i < select->target_count; i++) {
        const AstTarget *target = &select->targets[i];
        if (target->expr->kind == AST_STAR || target->expr->kind == AST_FIELD_STAR)
            continue;
        Str have = target->alias.len ? target->alias : sql__figure_name(target->expr);
        if (!str_eq(have, name))
            continue;
        if (match)
            return BIND_ERROR(b, "42702", ast->position, "GROUP BY \"%.*s\" is ambiguous",
                              STR_FMT(name));
        match = target->expr;
    }
    return sql__expr_known(b, scope, match ? match : ast, ret_expr);
}

static Status bind_key(Binder *b, Scope *scope, const AstSelect *select, const AstExpr *ast,
                       Expr **ret_expr)
{
    if (ast->kind == AST_CONST && ast->constant == AST_CONST_INTEGER)
        TRY(target_at(b, scope, select, ast, ret_expr));
    else if (ast->kind == AST_CONST && ast->constant != AST_CONST_NULL &&
             ast->constant != AST_CONST_STRING)
        return BIND_ERROR(b, "42601", ast->position, "non-integer constant in GROUP BY");
    else if (ast->kind == AST_CONST && ast->constant == AST_CONST_STRING)
        return BIND_ERROR(b, "42601", ast->position, "non-integer constant in GROUP BY");
    else if (ast->kind == AST_COLUMN && ast->path.count == 1)
        TRY(key_by_name(b, scope, select, ast, ret_expr));
    else
        TRY(sql__expr_known(b, scope, ast, ret_expr));
    return equality_exists(b, *ret_expr);
}

/* The index of a key; equal keys are one. */
static uint32_t add_key(Binder *b, Grouping *grouping, Expr *expr)
{
    for (uint32_t i = 0; i < grouping->group_count; i++)
        if (expr_eq(grouping->groups[i], expr))
            return i;
    ARENA_PUSH(b->arena, grouping->groups, grouping->group_count, grouping->group_cap, expr);
    return grouping->group_count - 1;
}

typedef struct Sets {
    uint64_t *masks;
    uint32_t count;
    uint32_t cap;
} Sets;

static Status add_set(Binder *b, Sets *sets, uint64_t mask, int32_t position)
{
    if (sets->count >= GROUPING_SETS_MAX)
        return error_set_sql(b->err, STATUS_LIMIT, "54001", position,
                             "too many grouping sets present (maximum %d)", GROUPING_SETS_MAX);
    ARENA_PUSH(b->arena, sets->masks, sets->count, sets->cap, mask);
    return STATUS_OK;
}

static Status key_mask(Binder *b, Scope *scope, const AstSelect *select, const AstExpr *ast,
                       Grouping *grouping, uint64_t *mask)
{
    Expr *expr;
    uint32_t idx;
    if (ast->kind == AST_ROW) { /* (a, b) groups by both */
        for (uint32_t i = 0; i < ast->arg_count; i++)
            TRY(key_mask(b, scope, select, ast->args[i], grouping, mask));
        return STATUS_OK;
    }
    TRY(bind_key(b, scope, select, ast, &expr));
    idx = add_key(b, grouping, expr);
    if (idx < GROUPING_KEYS_MAX)
        *mask |= UINT64_C(1) << idx;
    return STATUS_OK;
}

static Status item_sets(Binder *b, Scope *scope, const AstSelect *select, const AstGroup *item,
                        Grouping *grouping, Sets *ret);

static Status item_masks(Binder *b, Scope *scope, const AstSelect *select, const AstGroup *item,
                         Grouping *grouping, uint64_t **ret_masks)
{
    uint64_t *masks = ARENA_NEW_ARRAY(b->arena, uint64_t, item->item_count);
    for (uint32_t i = 0; i < item->item_count; i++)
        TRY(key_mask(b, scope, select, item->items[i].expr, grouping, &masks[i]));
    *ret_masks = masks;
    return STATUS_OK;
}

static Status rollup_sets(Binder *b, const uint64_t *masks, uint32_t count, int32_t position,
                          Sets *ret)
{
    for (uint32_t n = count + 1; n-- > 0;) {
        uint64_t mask = 0;
        for (uint32_t i = 0; i < n; i++)
            mask |= masks[i];
        TRY(add_set(b, ret, mask, position));
    }
    return STATUS_OK;
}

static Status cube_sets(Binder *b, const uint64_t *masks, uint32_t count, int32_t position,
                        Sets *ret)
{
    if (count > 12)
        return error_set_sql(b->err, STATUS_LIMIT, "54011", position,
                             "CUBE is limited to 12 elements");
    for (uint32_t pick = 1u << count; pick-- > 0;) {
        uint64_t mask = 0;
        for (uint32_t i = 0; i < count; i++)
            if (pick >> (count - 1 - i) & 1)
                mask |= masks[i];
        TRY(add_set(b, ret, mask, position));
    }
    return STATUS_OK;
}

static Status item_sets(Binder *b, Scope *scope, const AstSelect *select, const AstGroup *item,
                        Grouping *grouping, Sets *ret)
{
    uint64_t mask = 0;
    uint64_t *masks;
    switch (item->kind) {
    case AST_GROUP_EXPR:
        TRY(key_mask(b, scope, select, item->expr, grouping, &mask));
        return add_set(b, ret, mask, item->position);
    case AST_GROUP_EMPTY:
        return add_set(b, ret, 0, item->position);
    case AST_GROUP_ROLLUP:
        TRY(item_masks(b, scope, select, item, grouping, &masks));
        return rollup_sets(b, masks, item->item_count, item->position, ret);
    case AST_GROUP_CUBE:
        TRY(item_masks(b, scope, select, item, grouping, &masks));
        return cube_sets(b, masks, item->item_count, item->position, ret);
    case AST_GROUP_SETS:
        for (uint32_t i = 0; i < item->item_count; i++)
            TRY(item_sets(b, scope, select, &item->items[i], grouping, ret));
        return STATUS_OK;
    }
    return STATUS_OK;
}

static Status cross_sets(Binder *b, const Sets *left, const Sets *right, int32_t position,
                         Sets *ret)
{
    for (uint32_t i = 0; i < left->count; i++)
        for (uint32_t k = 0; k < right->count; k++)
            TRY(add_set(b, ret, left->masks[i] | right->masks[k], position));
    return STATUS_OK;
}

static void drop_equal_sets(Sets *sets)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sets->count; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < kept; k++)
            seen |= sets->masks[k] == sets->masks[i];
        if (!seen)
            sets->masks[kept++] = sets->masks[i];
    }
    sets->count = kept;
}

Status sql__group_by(Binder *b, Scope *scope, const AstSelect *select, Grouping *ret)
{
    Sets sets = {0};
    bool plain = true;
    scope->clause = "GROUP BY";
    ret->used = select->group_count > 0;
    TRY(add_set(b, &sets, 0, 0));
    for (uint32_t i = 0; i < select->group_count; i++) {
        Sets item = {0}, both = {0};
        plain &= select->groups[i].kind == AST_GROUP_EXPR;
        TRY(item_sets(b, scope, select, &select->groups[i], ret, &item));
        TRY(cross_sets(b, &sets, &item, select->groups[i].position, &both));
        sets = both;
    }
    scope->clause = NULL;
    if (plain)
        return STATUS_OK;
    if (ret->group_count > GROUPING_KEYS_MAX)
        return BIND_UNSUPPORTED(b, select->groups[0].position,
                                "grouping sets over more than %d expressions are not supported",
                                GROUPING_KEYS_MAX);
    if (select->group_distinct)
        drop_equal_sets(&sets);
    ret->sets = sets.masks;
    ret->set_count = sets.count;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- rebuilding over the groups */

typedef struct Rebuild {
    Scope *scope;
    const Grouping *grouping;
    PlanNode *node;
    uint32_t aggregate_cap;
    PlanNode **subplans; /* already moved */
    uint32_t subplan_count;
    uint32_t subplan_cap;
    uint32_t depth; /* of the subquery being moved */
    Binder *b;
    Status status;
} Rebuild;

static Expr *group_column(Binder *b, const Rebuild *r, const Expr *expr)
{
    for (uint32_t i = 0; i < r->grouping->group_count; i++)
        if (expr_eq(r->grouping->groups[i], expr)) {
            Expr *column = expr_column(b->arena, 0, i, expr->type);
            column->position = expr->position;
            return column;
        }
    return NULL;
}

/* Aggregates come behind the keys; where the grouping column stands is known only at the end, so
 * their columns are counted from the keys on and moved then. */
static Expr *aggregate_column(Binder *b, Rebuild *r, Expr *expr)
{
    PlanNode *node = r->node;
    uint32_t at = 0;
    if (!expr->aggregate) {
        node->grouping_column = true;
        return expr_column(b->arena, 0, r->grouping->group_count, TYPE_OF(INT4));
    }
    while (at < node->aggregate_count && !expr_eq(node->aggregates[at], expr))
        at++;
    if (at == node->aggregate_count)
        ARENA_PUSH(b->arena, node->aggregates, node->aggregate_count, r->aggregate_cap, expr);
    /* The column behind the keys is always reserved for grouping(); see finish_node. */
    Expr *column = expr_column(b->arena, 0, r->grouping->group_count + 1 + at, expr->type);
    column->position = expr->position;
    return column;
}

static Status ungrouped(Binder *b, const Rebuild *r, uint32_t column, int32_t position,
                        bool in_subquery)
{
    Str label = sql__column_label(b, r->scope, column);
    if (in_subquery)
        return BIND_ERROR(b, "42803", position,
                          "subquery uses ungrouped column \"%.*s\" from outer query",
                          STR_FMT(label));
    return BIND_ERROR(b, "42803", position,
                      "column \"%.*s\" must appear in the GROUP BY clause or be used in an "
                      "aggregate function",
                      STR_FMT(label));
}

static Status move_subplan(Rebuild *r, PlanNode *plan, uint32_t depth);

/* Inside a subquery: references to our row become references to the grouped row. */
static bool move_outer(Expr *expr, void *ctx)
{
    Rebuild *r = ctx;
    Binder *b = r->b;
    if (expr->kind == EXPR_OUTER && expr->depth == r->depth) {
        Expr plain = *expr;
        plain.kind = EXPR_COLUMN;
        plain.depth = 0;
        const Expr *column = group_column(b, r, &plain);
        if (column)
            expr->column = column->column;
        else
            r->status = ungrouped(b, r, expr->column, expr->position, true);
    } else if (expr->kind == EXPR_SUBQUERY) {
        uint32_t saved = r->depth;
        r->status = move_subplan(r, expr->subplan, r->depth + 1);
        r->depth = saved;
    }
    return r->status == STATUS_OK;
}

static bool move_slot(Expr **slot, void *ctx)
{
    return expr_walk(*slot, move_outer, ctx);
}

static Status move_subplan(Rebuild *r, PlanNode *plan, uint32_t depth)
{
    r->depth = depth;
    (void)plan_walk_exprs(plan, move_slot, r);
    for (int i = 0; i < 2 && r->status == STATUS_OK; i++)
        if (plan->children[i])
            r->status =
                move_subplan(r, plan->children[i], depth + (plan->kind == PLAN_APPLY && i == 1));
    return r->status;
}

static Status move_subplan_once(Rebuild *r, PlanNode *plan)
{
    for (uint32_t i = 0; i < r->subplan_count; i++)
        if (r->subplans[i] == plan)
            return STATUS_OK;
    ARENA_PUSH(r->b->arena, r->subplans, r->subplan_count, r->subplan_cap, plan);
    return move_subplan(r, plan, 1);
}

static Status rebuild(Binder *b, Expr **slot, void *ctx)
{
    Rebuild *r = ctx;
    Expr *expr = *slot;
    if (!expr)
        return STATUS_OK;
    Expr *column = group_column(b, r, expr);
    if (column) {
        *slot = column;
        return STATUS_OK;
    }
    if (expr->kind == EXPR_AGGREGATE) {
        *slot = aggregate_column(b, r, expr);
        return STATUS_OK;
    }
    if (expr->kind == EXPR_COLUMN && expr->input != SET_CALL_INPUT)
        return ungrouped(b, r, expr->column, expr->position, false);
    Expr *copy = arena_dup(b->arena, expr, sizeof *expr);
    if (copy->arg_count)
        copy->args = arena_dup(b->arena, expr->args, sizeof *expr->args * expr->arg_count);
    for (uint32_t i = 0; i < copy->arg_count; i++)
        TRY(rebuild(b, &copy->args[i], ctx));
    if (copy->order_count)
        copy->order = arena_dup(b->arena, expr->order, sizeof *expr->order * expr->order_count);
    for (uint32_t i = 0; i < copy->order_count; i++)
        TRY(rebuild(b, &copy->order[i].expr, ctx));
    TRY(rebuild(b, &copy->filter, ctx));
    if (copy->kind == EXPR_SUBQUERY)
        TRY(move_subplan_once(r, copy->subplan));
    *slot = copy;
    return STATUS_OK;
}

static Status rebuild_windows(Binder *b, Scope *scope, Rebuild *r)
{
    for (uint32_t i = 0; i < scope->window_count; i++) {
        WindowSpec *spec = &scope->windows[i];
        for (uint32_t k = 0; k < spec->partition_count; k++)
            TRY(rebuild(b, &spec->partition[k], r));
        for (uint32_t k = 0; k < spec->order_count; k++)
            TRY(rebuild(b, &spec->order[k].expr, r));
    }
    for (uint32_t i = 0; i < scope->set_call_count; i++)
        TRY(rebuild(b, &scope->set_calls[i].args, r));
    return STATUS_OK;
}

/* ---- the place behind the keys is reserved; without grouping() the aggregates move one down */

typedef struct Close {
    uint32_t group_count;
} Close;

static bool close_one(Expr *expr, void *ctx)
{
    Close *close = ctx;
    if (expr->kind == EXPR_COLUMN && expr->input == 0 && expr->column > close->group_count)
        expr->column--;
    return true;
}

static Status close_gap(Binder *b, Expr **slot, void *ctx)
{
    /* Rebuilt trees do not share nodes, so each column moves once. */
    (void)expr_walk(*slot, close_one, ctx);
    return STATUS_OK;
}

static Status close_gaps(Binder *b, Scope *scope, Outputs *outputs, uint32_t group_count)
{
    Close close = {.group_count = group_count};
    TRY(sql__each_output(b, outputs, close_gap, &close));
    for (uint32_t i = 0; i < scope->window_count; i++) {
        WindowSpec *spec = &scope->windows[i];
        for (uint32_t k = 0; k < spec->partition_count; k++)
            TRY(close_gap(b, &spec->partition[k], &close));
        for (uint32_t k = 0; k < spec->order_count; k++)
            TRY(close_gap(b, &spec->order[k].expr, &close));
    }
    for (uint32_t i = 0; i < scope->set_call_count; i++)
        TRY(close_gap(b, &scope->set_calls[i].args, &close));
    return STATUS_OK;
}

static void node_schema(Binder *b, const Grouping *grouping, PlanNode *node)
{
    uint32_t extra = node->grouping_column;
    uint32_t count = grouping->group_count + extra + node->aggregate_count;
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, count);
    for (uint32_t i = 0; i < grouping->group_count; i++) {
        const Expr *key = grouping->groups[i];
        const Field *from = key->kind == EXPR_COLUMN && key->input == 0
                                ? &node->children[0]->schema.fields[key->column]
                                : NULL;
        fields[i] = (Field){.name = from ? from->name : STR("group"), .type = key->type};
    }
    if (extra)
        fields[grouping->group_count] = (Field){.name = STR("grouping"), .type = TYPE_OF(INT4)};
    for (uint32_t i = 0; i < node->aggregate_count; i++)
        fields[grouping->group_count + extra + i] =
            (Field){.name = str_from(node->aggregates[i]->aggregate->name),
                    .type = node->aggregates[i]->type};
    node->schema = (Schema){fields, count};
}

Status sql__aggregate(Binder *b, Scope *scope, const Grouping *grouping, Outputs *outputs,
                      PlanNode **plan)
{
    PlanNode *node = plan_node_new(b->arena, PLAN_AGGREGATE);
    Rebuild r = {.scope = scope, .grouping = grouping, .node = node, .b = b};
    node->children[0] = *plan;
    node->groups = grouping->groups;
    node->group_count = grouping->group_count;
    node->grouping_sets = grouping->sets;
    node->grouping_set_count = grouping->set_count;
    TRY(sql__each_output(b, outputs, rebuild, &r));
    TRY(rebuild_windows(b, scope, &r));
    if (!node->grouping_column)
        TRY(close_gaps(b, scope, outputs, grouping->group_count));
    node_schema(b, grouping, node);
    *plan = node;
    return STATUS_OK;
}
