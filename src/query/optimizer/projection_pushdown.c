/* projection_pushdown.c - scans give only the columns that somebody reads.
 *
 * `prune(node, wanted)` makes the node give at least the wanted columns and says where each went;
 * the parent rewrites its expressions. Nodes that pass columns on (filter, sort, limit, joins) pass
 * only what is wanted above or read by themselves. Where positions must stay (set operations, CTEs,
 * subqueries that read the row) all columns are wanted. */
#include "query/optimizer/optimizer_int.h"

/* Which columns of an input are wanted, and where they are afterwards. */
typedef struct ColumnSet {
    bool *wanted;
    uint32_t *position;
    uint32_t count;
} ColumnSet;

static ColumnSet set_new(Arena *arena, const PlanNode *node, bool all)
{
    uint32_t count = node->schema.field_count;
    ColumnSet set = {ARENA_NEW_ARRAY(arena, bool, count + 1),
                     ARENA_NEW_ARRAY(arena, uint32_t, count + 1), count};
    for (uint32_t i = 0; i < count; i++) {
        set.wanted[i] = all;
        set.position[i] = i;
    }
    return set;
}

static void prune(Plan *plan, PlanNode *node, ColumnSet *set);

static void prune_all(Plan *plan, PlanNode *node)
{
    ColumnSet set = set_new(plan->arena, node, true);
    prune(plan, node, &set);
}

static void prune_subquery(void *ctx, Expr *subquery)
{
    prune_all(ctx, subquery->subplan);
}

/* ---------------------------------------------------------------- columns of expressions */

typedef struct Uses {
    ColumnSet *inputs[2];
    bool subquery;
} Uses;

static bool note_use(Expr *e, void *ctx)
{
    Uses *uses = ctx;
    uses->subquery |= e->kind == EXPR_SUBQUERY;
    if (e->kind == EXPR_COLUMN && e->input < 2 && uses->inputs[e->input])
        uses->inputs[e->input]->wanted[e->column] = true;
    return true;
}

static bool note_slot(Expr **slot, void *ctx)
{
    return expr_walk(*slot, note_use, ctx);
}

/* Expressions may share nodes, so each is copied as it is rewritten. */
typedef struct Moves {
    Arena *arena;
    ColumnSet *inputs[2];
} Moves;

static Expr *move_expr(Moves *m, const Expr *e)
{
    if (e->kind == EXPR_COLUMN) {
        Expr *copy = arena_dup(m->arena, e, sizeof *e);
        if (e->input < 2 && m->inputs[e->input])
            copy->column = m->inputs[e->input]->position[e->column];
        return copy;
    }
    Expr *copy = arena_dup(m->arena, e, sizeof *e);
    if (e->arg_count) {
        copy->args = ARENA_NEW_ARRAY(m->arena, Expr *, e->arg_count);
        for (uint32_t i = 0; i < e->arg_count; i++)
            copy->args[i] = move_expr(m, e->args[i]);
    }
    if (e->filter)
        copy->filter = move_expr(m, e->filter);
    if (e->order_count) {
        copy->order = arena_dup(m->arena, e->order, sizeof *e->order * e->order_count);
        for (uint32_t i = 0; i < e->order_count; i++)
            copy->order[i].expr = move_expr(m, e->order[i].expr);
    }
    return copy;
}

static bool move_slot(Expr **slot, void *ctx)
{
    *slot = move_expr(ctx, *slot);
    return true;
}

/* Keys arrays may be shared between nodes (a sort turned top-N), so they are copied first. */
static void own_keys(Plan *plan, PlanNode *node)
{
    if (node->key_count)
        node->keys = arena_dup(plan->arena, node->keys, sizeof *node->keys * node->key_count);
}

/* ---------------------------------------------------------------- nodes */

static void keep_fields(Plan *plan, PlanNode *node, const bool *keep, uint32_t *position)
{
    Field *fields = ARENA_NEW_ARRAY(plan->arena, Field, node->schema.field_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->schema.field_count; i++) {
        if (!keep[i])
            continue;
        position[i] = count;
        fields[count++] = node->schema.fields[i];
    }
    node->schema = (Schema){fields, count};
}

static void prune_scan(Plan *plan, PlanNode *node, ColumnSet *set)
{
    uint16_t *columns = ARENA_NEW_ARRAY(plan->arena, uint16_t, set->count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++)
        if (set->wanted[i])
            columns[count++] = node->scan_columns[i];
    node->scan_columns = columns;
    keep_fields(plan, node, set->wanted, set->position);
}

static void prune_project(Plan *plan, PlanNode *node, ColumnSet *set)
{
    ColumnSet child = set_new(plan->arena, node->children[0], false);
    Uses uses = {.inputs = {&child, NULL}};
    Expr **exprs = ARENA_NEW_ARRAY(plan->arena, Expr *, node->expr_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->expr_count; i++) {
        if (!set->wanted[i])
            continue;
        exprs[count++] = node->exprs[i];
        (void)expr_walk(node->exprs[i], note_use, &uses);
    }
    if (uses.subquery)
        child = set_new(plan->arena, node->children[0], true);
    keep_fields(plan, node, set->wanted, set->position);
    node->exprs = exprs;
    node->expr_count = count;
    prune(plan, node->children[0], &child);
    Moves moves = {plan->arena, {&child, NULL}};
    for (uint32_t i = 0; i < count; i++)
        exprs[i] = move_expr(&moves, exprs[i]);
}

/* A node whose output is its child's columns. */
static void prune_passing(Plan *plan, PlanNode *node, ColumnSet *set)
{
    ColumnSet child = set_new(plan->arena, node->children[0], false);
    memcpy(child.wanted, set->wanted, set->count);
    Uses uses = {.inputs = {&child, NULL}};
    own_keys(plan, node);
    (void)plan_walk_exprs(node, note_slot, &uses);
    if (uses.subquery)
        child = set_new(plan->arena, node->children[0], true);
    prune(plan, node->children[0], &child);
    Moves moves = {plan->arena, {&child, NULL}};
    (void)plan_walk_exprs(node, move_slot, &moves);
    memcpy(set->position, child.position, sizeof *set->position * set->count);
    node->schema = node->children[0]->schema;
}

/* A node whose output does not change (aggregate): only its reads count. */
static void prune_reading(Plan *plan, PlanNode *node)
{
    ColumnSet child = set_new(plan->arena, node->children[0], false);
    Uses uses = {.inputs = {&child, NULL}};
    (void)plan_walk_exprs(node, note_slot, &uses);
    if (uses.subquery)
        child = set_new(plan->arena, node->children[0], true);
    prune(plan, node->children[0], &child);
    Moves moves = {plan->arena, {&child, NULL}};
    (void)plan_walk_exprs(node, move_slot, &moves);
}

static bool left_only(JoinKind kind)
{
    return kind == JOIN_SEMI || kind == JOIN_ANTI || kind == JOIN_NULL_ANTI || kind == JOIN_MARK;
}

static void prune_join(Plan *plan, PlanNode *node, ColumnSet *set)
{
    PlanNode *left = node->children[0];
    PlanNode *right = node->children[1];
    uint32_t left_width = left->schema.field_count;
    bool apply = node->kind == PLAN_APPLY; /* its right child reads the left row by position */
    ColumnSet sides[2] = {set_new(plan->arena, left, apply), set_new(plan->arena, right, false)};
    Uses uses = {.inputs = {&sides[0], &sides[1]}};
    for (uint32_t i = 0; i < set->count; i++) {
        if (!set->wanted[i])
            continue;
        if (i < left_width)
            sides[0].wanted[i] = true;
        else if (!left_only(node->join_kind))
            sides[1].wanted[i - left_width] = true;
    }
    (void)plan_walk_exprs(node, note_slot, &uses);
    if (uses.subquery) {
        sides[0] = set_new(plan->arena, left, true);
        sides[1] = set_new(plan->arena, right, true);
    }
    prune(plan, left, &sides[0]);
    prune(plan, right, &sides[1]);
    Moves moves = {plan->arena, {&sides[0], &sides[1]}};
    (void)plan_walk_exprs(node, move_slot, &moves);
    uint32_t extra = node->join_kind == JOIN_MARK ? 1 : 0;
    uint32_t new_left = left->schema.field_count;
    uint32_t new_right = left_only(node->join_kind) ? extra : right->schema.field_count;
    Field *fields = ARENA_NEW_ARRAY(plan->arena, Field, new_left + new_right + 1);
    if (new_left)
        memcpy(fields, left->schema.fields, sizeof *fields * new_left);
    if (left_only(node->join_kind)) {
        if (extra)
            fields[new_left] = node->schema.fields[left_width];
    } else if (new_right) {
        memcpy(fields + new_left, right->schema.fields, sizeof *fields * new_right);
    }
    for (uint32_t i = 0; i < set->count; i++)
        set->position[i] = i < left_width ? sides[0].position[i]
                           : left_only(node->join_kind)
                               ? new_left
                               : new_left + sides[1].position[i - left_width];
    node->schema = (Schema){fields, new_left + new_right};
}

static void prune(Plan *plan, PlanNode *node, ColumnSet *set)
{
    if (node->kind == PLAN_SERIES)
        return;
    optimizer__each_subplan(node, prune_subquery, plan);
    switch (node->kind) {
    case PLAN_SCAN:
        prune_scan(plan, node, set);
        return;
    case PLAN_PROJECT:
        prune_project(plan, node, set);
        return;
    case PLAN_FILTER:
    case PLAN_SORT:
    case PLAN_LIMIT:
        prune_passing(plan, node, set);
        return;
    case PLAN_AGGREGATE:
        prune_reading(plan, node);
        return;
    case PLAN_JOIN:
    case PLAN_APPLY:
        prune_join(plan, node, set);
        return;
    default:
        for (int i = 0; i < 2; i++)
            if (node->children[i])
                prune_all(plan, node->children[i]);
    }
}

void optimizer__push_projections(Plan *plan, PlanNode *root)
{
    prune_all(plan, root);
}
