/* bind_window.c - windows and set-returning calls of the select list.
 *
 * Calls over equal windows share a PLAN_WINDOW. Its output is the input row and the calls behind
 * it, so columns stay where they are and only the calls themselves turn into columns. */
#include "query/sql/bind_int.h"

/* ---------------------------------------------------------------- specifications */

static const AstWindow *named_window(const Scope *scope, Str name)
{
    for (uint32_t i = 0; scope->select && i < scope->select->window_count; i++)
        if (str_eq(scope->select->windows[i].name, name))
            return &scope->select->windows[i];
    return NULL;
}

static FrameBound frame_bound(AstFrameBound bound)
{
    static const FrameBound bounds[] = {
        [AST_BOUND_UNBOUNDED_PRECEDING] = FRAME_UNBOUNDED_PRECEDING,
        [AST_BOUND_PRECEDING] = FRAME_PRECEDING,
        [AST_BOUND_CURRENT] = FRAME_CURRENT,
        [AST_BOUND_FOLLOWING] = FRAME_FOLLOWING,
        [AST_BOUND_UNBOUNDED_FOLLOWING] = FRAME_UNBOUNDED_FOLLOWING,
    };
    return bounds[bound];
}

/* RANGE offsets are added to the sort key: an interval for times, a number of its kind else. */
static Status range_offset_type(Binder *b, const AstWindow *ast, const WindowSpec *spec, Type *ret)
{
    char name[64];
    if (spec->order_count != 1)
        return BIND_ERROR(b, "42P20", ast->position,
                          "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY "
                          "column");
    Type key = spec->order[0].expr->type;
    switch (sql__type_category(key)) {
    case 'D':
        *ret = TYPE_OF(INTERVAL);
        return STATUS_OK;
    case 'T':
    case 'N':
        *ret = key;
        ret->typmod = -1;
        return STATUS_OK;
    default:
        return BIND_UNSUPPORTED(b, ast->position,
                                "RANGE with offset PRECEDING/FOLLOWING is not supported for column "
                                "type %s",
                                type_name(key, name));
    }
}

static Status frame_offset(Binder *b, Scope *scope, const AstWindow *ast, const WindowSpec *spec,
                           const AstExpr *offset, Expr **ret_expr)
{
    Type type = TYPE_OF(INT8);
    if (!offset)
        return STATUS_OK;
    if (ast->unit == AST_FRAME_RANGE)
        TRY(range_offset_type(b, ast, spec, &type));
    TRY(sql__expr(b, scope, offset, ret_expr));
    return sql__coerce(b, ret_expr, type, CAST_IMPLICIT, 0);
}

static Status bind_frame(Binder *b, Scope *scope, const AstWindow *ast, WindowSpec *spec)
{
    static const FrameUnit units[] = {[AST_FRAME_RANGE] = FRAME_RANGE,
                                      [AST_FRAME_ROWS] = FRAME_ROWS,
                                      [AST_FRAME_GROUPS] = FRAME_GROUPS};
    static const FrameExclude excludes[] = {[AST_EXCLUDE_NONE] = FRAME_EXCLUDE_NONE,
                                            [AST_EXCLUDE_CURRENT] = FRAME_EXCLUDE_CURRENT,
                                            [AST_EXCLUDE_GROUP] = FRAME_EXCLUDE_GROUP,
                                            [AST_EXCLUDE_TIES] = FRAME_EXCLUDE_TIES};
    if (ast->unit == AST_FRAME_GROUPS && !spec->order_count)
        return BIND_ERROR(b, "42P20", ast->position, "GROUPS mode requires an ORDER BY clause");
    spec->frame.unit = units[ast->unit];
    spec->frame.start = frame_bound(ast->start);
    spec->frame.end = frame_bound(ast->end);
    spec->frame.exclude = excludes[ast->exclude];
    TRY(frame_offset(b, scope, ast, spec, ast->start_offset, &spec->frame.start_offset));
    return frame_offset(b, scope, ast, spec, ast->end_offset, &spec->frame.end_offset);
}

static Status bind_partition(Binder *b, Scope *scope, const AstWindow *ast, WindowSpec *spec)
{
    spec->partition = ARENA_NEW_ARRAY(b->arena, Expr *, ast->partition_count);
    for (; spec->partition_count < ast->partition_count; spec->partition_count++)
        TRY(sql__expr_known(b, scope, ast->partition[spec->partition_count],
                            &spec->partition[spec->partition_count]));
    return STATUS_OK;
}

static Status bind_window_order(Binder *b, Scope *scope, const AstWindow *ast, WindowSpec *spec)
{
    spec->order = ARENA_NEW_ARRAY(b->arena, SortKey, ast->order_count);
    for (; spec->order_count < ast->order_count; spec->order_count++) {
        Expr *expr;
        TRY(sql__expr_known(b, scope, ast->order[spec->order_count].expr, &expr));
        TRY(sql__order(b, scope, &ast->order[spec->order_count], expr,
                       &spec->order[spec->order_count]));
    }
    return STATUS_OK;
}

/* OVER (base ...) takes the partition, and the order when it has one, of the window it names. */
static Status resolve_window(Binder *b, Scope *scope, const AstWindow *ast, uint32_t depth,
                             WindowSpec *spec)
{
    const AstWindow *base = NULL;
    Str base_name = ast->base;
    if (base_name.len) {
        base = named_window(scope, base_name);
        if (!base || depth > 64)
            return BIND_ERROR(b, "42704", ast->position, "window \"%.*s\" does not exist",
                              STR_FMT(base_name));
        TRY(resolve_window(b, scope, base, depth + 1, spec));
        if (ast->partition_count)
            return BIND_ERROR(b, "42P20", ast->position,
                              "cannot override PARTITION BY clause of window \"%.*s\"",
                              STR_FMT(base_name));
        if (ast->order_count && spec->order_count)
            return BIND_ERROR(b, "42P20", ast->position,
                              "cannot override ORDER BY clause of window \"%.*s\"",
                              STR_FMT(base_name));
        if (base->frame_given)
            return BIND_ERROR(b, "42P20", ast->position,
                              "cannot copy window \"%.*s\" because it has a frame clause",
                              STR_FMT(base_name));
    } else {
        TRY(bind_partition(b, scope, ast, spec));
    }
    if (ast->order_count)
        TRY(bind_window_order(b, scope, ast, spec));
    return bind_frame(b, scope, ast, spec);
}

static bool same_window(const WindowSpec *a, const WindowSpec *c)
{
    if (a->partition_count != c->partition_count || a->order_count != c->order_count ||
        a->frame.unit != c->frame.unit || a->frame.start != c->frame.start ||
        a->frame.end != c->frame.end || a->frame.exclude != c->frame.exclude ||
        !expr_eq(a->frame.start_offset, c->frame.start_offset) ||
        !expr_eq(a->frame.end_offset, c->frame.end_offset))
        return false;
    for (uint32_t i = 0; i < a->partition_count; i++)
        if (!expr_eq(a->partition[i], c->partition[i]))
            return false;
    for (uint32_t i = 0; i < a->order_count; i++)
        if (!expr_eq(a->order[i].expr, c->order[i].expr) ||
            a->order[i].descending != c->order[i].descending ||
            a->order[i].nulls_first != c->order[i].nulls_first)
            return false;
    return true;
}

Status sql__window_call(Binder *b, Scope *scope, const AstExpr *ast, Expr *call)
{
    const AstWindow *over = ast->call->over;
    WindowSpec spec = {0};
    if (over->name.len) { /* OVER name */
        const AstWindow *named = named_window(scope, over->name);
        if (!named)
            return BIND_ERROR(b, "42704", over->position, "window \"%.*s\" does not exist",
                              STR_FMT(over->name));
        over = named;
    }
    TRY(resolve_window(b, scope, over, 0, &spec));
    uint32_t at = 0;
    while (at < scope->window_count && !same_window(&scope->windows[at], &spec))
        at++;
    if (at == scope->window_count)
        ARENA_PUSH(b->arena, scope->windows, scope->window_count, scope->window_cap, spec);
    call->column = at;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- nodes */

typedef struct Collect {
    PlanNode *node;
    uint32_t cap;
    uint32_t window; /* index of the specification */
    uint32_t width;  /* columns of the input */
} Collect;

typedef struct CollectWalk {
    Collect *collect;
    Binder *b;
} CollectWalk;

/* Turns the calls over one window into columns of its node. */
static bool collect_one(Expr *expr, void *ctx)
{
    Collect *collect = ((CollectWalk *)ctx)->collect;
    Binder *b = ((CollectWalk *)ctx)->b;
    PlanNode *node = collect->node;
    if (expr->kind != EXPR_WINDOW || expr->column != collect->window)
        return true;
    uint32_t at = 0;
    while (at < node->aggregate_count && !expr_eq(node->aggregates[at], expr))
        at++;
    if (at == node->aggregate_count)
        ARENA_PUSH(b->arena, node->aggregates, node->aggregate_count, collect->cap,
                   arena_dup(b->arena, expr, sizeof *expr));
    *expr = (Expr){.kind = EXPR_COLUMN,
                   .type = expr->type,
                   .position = expr->position,
                   .column = collect->width + at};
    return true;
}

static Status collect_slot(Binder *b, Expr **slot, void *ctx)
{
    CollectWalk walk = {ctx, b};
    (void)expr_walk(*slot, collect_one, &walk);
    return STATUS_OK;
}

static Schema window_schema(Binder *b, const PlanNode *child, const PlanNode *node)
{
    uint32_t width = child->schema.field_count;
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, width + node->aggregate_count);
    if (width)
        memcpy(fields, child->schema.fields, sizeof *fields * width);
    for (uint32_t i = 0; i < node->aggregate_count; i++) {
        const Expr *call = node->aggregates[i];
        const char *name = call->window_function ? call->window_function : call->aggregate->name;
        fields[width + i] = (Field){.name = str_from(name), .type = call->type};
    }
    return (Schema){fields, width + node->aggregate_count};
}

Status sql__window_nodes(Binder *b, Scope *scope, Outputs *outputs, PlanNode **plan)
{
    for (uint32_t i = 0; i < scope->window_count; i++) {
        WindowSpec *spec = &scope->windows[i];
        PlanNode *node = plan_node_new(b->arena, PLAN_WINDOW);
        Collect collect = {node, 0, i, (*plan)->schema.field_count};
        TRY(sql__each_output(b, outputs, collect_slot, &collect));
        for (uint32_t k = 0; k < scope->set_call_count; k++)
            TRY(collect_slot(b, &scope->set_calls[k].args, &collect));
        if (!node->aggregate_count)
            continue;
        node->children[0] = *plan;
        node->groups = spec->partition;
        node->group_count = spec->partition_count;
        node->keys = spec->order;
        node->key_count = spec->order_count;
        node->frame = spec->frame;
        node->schema = window_schema(b, *plan, node);
        *plan = node;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- set-returning calls */

/* Calls inside the arguments of others run one node further down. */
typedef struct SetLevels {
    const uint32_t *level_of; /* per call */
    uint32_t *column_of;      /* per call: where its values stand once its node is there */
    uint32_t deepest;         /* of the calls that an expression reads, plus one */
} SetLevels;

static bool deepest_one(Expr *expr, void *ctx)
{
    SetLevels *set = ctx;
    if (expr->kind == EXPR_COLUMN && expr->input == SET_CALL_INPUT)
        set->deepest = LUMA_MAX(set->deepest, set->level_of[expr->column] + 1);
    return true;
}

static bool set_one(Expr *expr, void *ctx)
{
    SetLevels *set = ctx;
    if (expr->kind == EXPR_COLUMN && expr->input == SET_CALL_INPUT) {
        expr->input = 0;
        expr->column = set->column_of[expr->column];
    }
    return true;
}

static Status set_slot(Binder *b, Expr **slot, void *ctx)
{
    (void)expr_walk(*slot, set_one, ctx);
    return STATUS_OK;
}

static PlanNode *set_node(Binder *b, Scope *scope, PlanNode *child, uint32_t level, SetLevels *set)
{
    uint32_t width = child->schema.field_count;
    uint32_t cap = width + scope->set_call_count;
    PlanNode *node = plan_node_new(b->arena, PLAN_PROJECT_SET);
    const TableFunction **functions = ARENA_NEW_ARRAY(b->arena, const TableFunction *, cap);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, cap);
    uint32_t count = width;
    node->exprs = ARENA_NEW_ARRAY(b->arena, Expr *, cap);
    for (uint32_t i = 0; i < width; i++) {
        node->exprs[i] = sql__plan_column(b, child, i);
        fields[i] = child->schema.fields[i];
    }
    for (uint32_t i = 0; i < scope->set_call_count; i++) {
        const SetCall *call = &scope->set_calls[i];
        if (set->level_of[i] != level)
            continue;
        (void)expr_walk(call->args, set_one, set);
        set->column_of[i] = count;
        functions[count] = call->function;
        node->exprs[count] = call->args;
        fields[count++] = (Field){.name = str_from(call->function->name), .type = call->type};
    }
    node->expr_count = count;
    node->set_functions = functions;
    node->schema = (Schema){fields, count};
    node->children[0] = child;
    return node;
}

Status sql__set_calls(Binder *b, Scope *scope, Outputs *outputs, PlanNode **plan)
{
    uint32_t *level_of = ARENA_NEW_ARRAY(b->arena, uint32_t, scope->set_call_count);
    uint32_t levels = 0;
    SetLevels set = {.level_of = level_of};
    set.column_of = ARENA_NEW_ARRAY(b->arena, uint32_t, scope->set_call_count);
    if (!scope->set_call_count)
        return STATUS_OK;
    for (uint32_t i = 0; i < scope->set_call_count; i++) {
        set.deepest = 0;
        (void)expr_walk(scope->set_calls[i].args, deepest_one, &set);
        level_of[i] = set.deepest;
        levels = LUMA_MAX(levels, level_of[i] + 1);
    }
    for (uint32_t level = 0; level < levels; level++)
        *plan = set_node(b, scope, *plan, level, &set);
    return sql__each_output(b, outputs, set_slot, &set);
}
