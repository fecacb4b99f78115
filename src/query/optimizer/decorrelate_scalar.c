/* decorrelate_scalar.c - subqueries inside expressions become joins under the node that holds them.
 *
 *   (select f(agg(..)) from T where T.k = outer.k)   left join of T grouped by k; f over its
 * columns (select y from T where T.k = outer.k)            single join: a second match is an error
 *   EXISTS (Q) within an expression                  mark join
 *   x IN (Q) within an expression, Q uncorrelated    null-aware mark join
 *
 * The join's columns stand behind the child's, so the node's other expressions stay as they are. A
 * scalar subquery that reads no outer row is left alone: the executor runs it once. */
#include "query/optimizer/optimizer_int.h"

typedef struct Lift {
    Plan *plan;
    PlanNode *child; /* the node's input, with the joins made so far on top */
    bool guarded;    /* inside something that may skip the subquery: it must not fail */
} Lift;

static PlanNode *join_under(Lift *l, PlanNode *right, JoinKind kind, Expr *condition)
{
    PlanNode *join = plan_node_new(l->plan->arena, PLAN_JOIN);
    join->join_kind = kind;
    join->children[0] = l->child;
    join->children[1] = right;
    join->predicate = condition;
    join->schema = optimizer__join_schema(l->plan->arena, &l->child->schema, &right->schema);
    return join;
}

/* ---------------------------------------------------------------- aggregates */

static bool null_when_empty(const char *name)
{
    static const char *const names[] = {
        "sum",        "avg",      "min",        "max",         "bool_and", "bool_or",  "every",
        "stddev",     "variance", "stddev_pop", "stddev_samp", "var_pop",  "var_samp", "array_agg",
        "string_agg", "first",    "last",       "json_agg",    "jsonb_agg"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_count(const Expr *call)
{
    return strcmp(call->aggregate->name, "count") == 0 && call->type.id == TYPE_INT8;
}

static bool aggregates_fit(const PlanNode *agg)
{
    if (agg->group_count || agg->grouping_sets || agg->grouping_column)
        return false;
    for (uint32_t i = 0; i < agg->aggregate_count; i++) {
        ExprRefs refs = optimizer__refs(agg->aggregates[i]);
        const Expr *call = agg->aggregates[i];
        if (refs.outer || refs.subquery || refs.is_volatile ||
            (!is_count(call) && !null_when_empty(call->aggregate->name)))
            return false;
    }
    return true;
}

/* Conditions outer = inner with one side each: the inner sides become groups. */
static bool group_by_keys(Plan *plan, const Unnested *q, PlanNode *grouped, Expr **ret_condition)
{
    uint32_t count = q->condition.count;
    grouped->groups = ARENA_NEW_ARRAY(plan->arena, Expr *, count + 1);
    *ret_condition = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const Expr *e = q->condition.exprs[i];
        if (!optimizer__is_equality(e))
            return false;
        ExprRefs a = optimizer__refs(e->args[0]);
        ExprRefs b = optimizer__refs(e->args[1]);
        bool straight = !a.inputs[1] && b.inputs[1] && !b.inputs[0];
        bool crossed = !b.inputs[1] && a.inputs[1] && !a.inputs[0];
        if ((!straight && !crossed) || a.is_volatile || b.is_volatile || a.subquery || b.subquery)
            return false;
        Expr *inner = e->args[straight];
        Expr *equal = arena_dup(plan->arena, e, sizeof *e);
        equal->args = ARENA_NEW_ARRAY(plan->arena, Expr *, 2);
        equal->args[crossed] = e->args[crossed];
        equal->args[straight] = expr_column(plan->arena, 1, i, inner->type);
        grouped->groups[grouped->group_count++] = inner;
        *ret_condition = expr_and(plan->arena, *ret_condition, equal);
    }
    return count > 0;
}

static Expr *to_input_zero(void *ctx, const Expr *column)
{
    return expr_column(ctx, 0, column->column, column->type);
}

/* Output columns of the subquery's aggregate, as columns of the join. */
typedef struct AggColumns {
    Arena *arena;
    const PlanNode *agg;
    uint32_t first; /* column of the first aggregate in the join's output */
} AggColumns;

static Expr *agg_column(void *ctx, const Expr *column)
{
    AggColumns *c = ctx;
    if (column->input == 0) /* what to_join made of an outer column */
        return expr_column(c->arena, 0, column->column, column->type);
    Expr *value = expr_column(c->arena, 0, c->first + column->column, column->type);
    if (!is_count(c->agg->aggregates[column->column]))
        return value;
    Expr *zero = expr_new(c->arena, EXPR_COALESCE, column->type);
    zero->args = ARENA_NEW_ARRAY(c->arena, Expr *, 2);
    zero->args[0] = value;
    zero->args[1] = expr_const_i64(c->arena, column->type, 0);
    zero->arg_count = 2;
    return zero;
}

static Expr *lift_aggregate(Lift *l, PlanNode *agg, const Expr *result)
{
    Plan *plan = l->plan;
    Unnested q;
    Expr *condition;
    ExprRefs refs = optimizer__refs(result);
    if (!aggregates_fit(agg) || refs.subquery || refs.is_volatile ||
        !optimizer__unnest(plan, agg->children[0], &q))
        return NULL;
    Expr *over_both = optimizer__to_join(plan, result);
    if (!over_both)
        return NULL;
    PlanNode *grouped = plan_node_new(plan->arena, PLAN_AGGREGATE);
    if (!group_by_keys(plan, &q, grouped, &condition))
        return NULL;
    for (uint32_t i = 0; i < grouped->group_count; i++)
        grouped->groups[i] =
            optimizer__rewrite(plan->arena, grouped->groups[i], to_input_zero, plan->arena);
    grouped->children[0] = q.right;
    grouped->aggregates = agg->aggregates;
    grouped->aggregate_count = agg->aggregate_count;
    Field *fields =
        ARENA_NEW_ARRAY(plan->arena, Field, grouped->group_count + agg->aggregate_count + 1);
    for (uint32_t i = 0; i < grouped->group_count; i++)
        fields[i] = (Field){.name = STR("key"), .type = grouped->groups[i]->type};
    for (uint32_t i = 0; i < agg->aggregate_count; i++)
        fields[grouped->group_count + i] = agg->schema.fields[i];
    grouped->schema = (Schema){fields, grouped->group_count + agg->aggregate_count};
    AggColumns columns = {plan->arena, agg, l->child->schema.field_count + grouped->group_count};
    l->child = join_under(l, grouped, JOIN_LEFT, condition);
    return optimizer__rewrite(plan->arena, over_both, agg_column, &columns);
}

/* ---------------------------------------------------------------- other scalars */

static bool has_equality(const Conjuncts *condition)
{
    for (uint32_t i = 0; i < condition->count; i++)
        if (optimizer__is_equality(condition->exprs[i]))
            return true;
    return false;
}

/* The rows of q.right with one more column, the subquery's value. */
static Expr *lift_value(Lift *l, const PlanNode *sub)
{
    Plan *plan = l->plan;
    Unnested q;
    if (l->guarded || sub->kind != PLAN_PROJECT)
        return NULL;
    ExprRefs refs = optimizer__refs(sub->exprs[0]);
    if (refs.outer || refs.subquery || refs.is_volatile ||
        !optimizer__unnest(plan, sub->children[0], &q) || !has_equality(&q.condition))
        return NULL;
    uint32_t width = q.right->schema.field_count;
    PlanNode *project = plan_node_new(plan->arena, PLAN_PROJECT);
    Field *fields = ARENA_NEW_ARRAY(plan->arena, Field, width + 1);
    if (width)
        memcpy(fields, q.right->schema.fields, sizeof *fields * width);
    fields[width] = sub->schema.fields[0];
    project->schema = (Schema){fields, width + 1};
    project->exprs = ARENA_NEW_ARRAY(plan->arena, Expr *, width + 1);
    project->expr_count = width + 1;
    for (uint32_t i = 0; i < width; i++)
        project->exprs[i] = expr_column(plan->arena, 0, i, fields[i].type);
    project->exprs[width] = sub->exprs[0];
    project->children[0] = q.right;
    uint32_t column = l->child->schema.field_count + width;
    l->child =
        join_under(l, project, JOIN_SINGLE, optimizer__join_conjuncts(plan->arena, &q.condition));
    return expr_column(plan->arena, 0, column, sub->schema.fields[0].type);
}

static Expr *lift_scalar(Lift *l, const Expr *e)
{
    PlanNode *sub = e->subplan;
    if (!optimizer__reads_outer(sub))
        return NULL;
    if (sub->kind == PLAN_AGGREGATE)
        return lift_aggregate(l, sub,
                              expr_column(l->plan->arena, 0, 0, sub->schema.fields[0].type));
    if (sub->kind == PLAN_PROJECT && sub->children[0]->kind == PLAN_AGGREGATE)
        return lift_aggregate(l, sub->children[0], sub->exprs[0]);
    return lift_value(l, sub);
}

/* ---------------------------------------------------------------- marks */

static Expr *mark_join(Lift *l, PlanNode *right, Expr *condition, PlanNode **ret_join)
{
    Arena *arena = l->plan->arena;
    static const Field mark = {.name = {"mark", 4}, .type = {.id = TYPE_BOOL, .typmod = -1}};
    Schema one = {&mark, 1};
    PlanNode *join = join_under(l, right, JOIN_MARK, condition);
    join->schema = optimizer__join_schema(arena, &l->child->schema, &one);
    uint32_t column = l->child->schema.field_count;
    l->child = *ret_join = join;
    return expr_column(arena, 0, column, TYPE_OF(BOOL));
}

static Expr *negate(Arena *arena, Expr *e, bool negated)
{
    if (!negated)
        return e;
    Expr *not = expr_new(arena, EXPR_NOT, TYPE_OF(BOOL));
    not ->args = arena_dup(arena, &e, sizeof e);
    not ->arg_count = 1;
    return not ;
}

static Expr *lift_exists(Lift *l, const Expr *e)
{
    Plan *plan = l->plan;
    PlanNode *node = e->subplan;
    PlanNode *join;
    Unnested q;
    if (!optimizer__reads_outer(node))
        return NULL;
    while (node->kind == PLAN_PROJECT || node->kind == PLAN_SORT)
        node = node->children[0];
    if (!optimizer__unnest(plan, node, &q) || !has_equality(&q.condition))
        return NULL;
    Expr *mark = mark_join(l, q.right, optimizer__join_conjuncts(plan->arena, &q.condition), &join);
    Expr *is_true = expr_new(plan->arena, EXPR_BOOL_TEST, TYPE_OF(BOOL));
    is_true->test = BOOL_TEST_TRUE;
    is_true->args = arena_dup(plan->arena, &mark, sizeof mark);
    is_true->arg_count = 1;
    return negate(plan->arena, is_true, e->negated);
}

static Expr *lift_in(Lift *l, const Expr *e)
{
    Arena *arena = l->plan->arena;
    PlanNode *join;
    ExprRefs arg = optimizer__refs(e->args[0]);
    const Schema *schema = &e->subplan->schema;
    if (optimizer__reads_outer(e->subplan) || strcmp(e->function->name, "=") != 0 ||
        !e->function->strict || arg.subquery || arg.is_volatile ||
        !type_eq(e->args[0]->type, schema->fields[0].type))
        return NULL;
    Expr *y = expr_column(arena, 1, 0, schema->fields[0].type);
    Expr *mark = mark_join(l, e->subplan, NULL, &join);
    join->left_keys = arena_dup(arena, &e->args[0], sizeof *e->args);
    join->right_keys = arena_dup(arena, &y, sizeof y);
    join->join_key_count = 1;
    return negate(arena, mark, e->negated);
}

/* ---------------------------------------------------------------- the walk */

static Expr *lift_subquery(Lift *l, const Expr *e)
{
    switch (e->subquery_kind) {
    case SUBQUERY_SCALAR:
        return lift_scalar(l, e);
    case SUBQUERY_EXISTS:
        return lift_exists(l, e);
    case SUBQUERY_ANY:
        return lift_in(l, e);
    case SUBQUERY_ALL:
    case SUBQUERY_ARRAY:
        break;
    }
    return NULL;
}

static bool guards(const Expr *e)
{
    return e->kind == EXPR_CASE || e->kind == EXPR_COALESCE || e->kind == EXPR_AND ||
           e->kind == EXPR_OR;
}

static Expr *lift_expr(Lift *l, Expr *e)
{
    if (e->kind == EXPR_AGGREGATE || e->kind == EXPR_WINDOW)
        return e;
    bool outside = l->guarded;
    l->guarded |= guards(e);
    for (uint32_t i = 0; i < e->arg_count; i++) {
        Expr *arg = lift_expr(l, e->args[i]);
        if (arg == e->args[i])
            continue;
        Expr *copy = arena_dup(l->plan->arena, e, sizeof *e);
        copy->args = arena_dup(l->plan->arena, e->args, sizeof *e->args * e->arg_count);
        copy->args[i] = arg;
        e = copy;
    }
    l->guarded = outside;
    if (e->kind != EXPR_SUBQUERY || !e->subplan)
        return e;
    Expr *lifted = lift_subquery(l, e);
    return lifted ? lifted : e;
}

static bool note_subquery(Expr *e, void *ctx)
{
    *(bool *)ctx |= e->kind == EXPR_SUBQUERY;
    return true;
}

static bool any_subquery(Expr *e)
{
    bool found = false;
    (void)expr_walk(e, note_subquery, &found);
    return found;
}

/* A filter's output must be its input again. */
static PlanNode *first_columns(Plan *plan, PlanNode *node, const Schema *schema)
{
    PlanNode *project = plan_node_new(plan->arena, PLAN_PROJECT);
    project->schema = *schema;
    project->children[0] = node;
    project->exprs = ARENA_NEW_ARRAY(plan->arena, Expr *, schema->field_count + 1);
    project->expr_count = schema->field_count;
    for (uint32_t i = 0; i < schema->field_count; i++)
        project->exprs[i] = expr_column(plan->arena, 0, i, schema->fields[i].type);
    return project;
}

static PlanNode *lift_filter(Plan *plan, PlanNode *filter)
{
    Lift lift = {.plan = plan, .child = filter->children[0]};
    Conjuncts all = {0};
    optimizer__split(plan->arena, filter->predicate, &all);
    for (uint32_t i = 0; i < all.count; i++)
        all.exprs[i] = lift_expr(&lift, all.exprs[i]);
    if (lift.child == filter->children[0])
        return filter;
    PlanNode *over =
        optimizer__filter(plan->arena, lift.child, optimizer__join_conjuncts(plan->arena, &all));
    return first_columns(plan, over, &filter->schema);
}

PlanNode *optimizer__lift_subqueries(Plan *plan, PlanNode *node)
{
    if (node->kind == PLAN_FILTER && any_subquery(node->predicate))
        return lift_filter(plan, node);
    if (node->kind != PLAN_PROJECT)
        return node;
    Lift lift = {.plan = plan, .child = node->children[0]};
    for (uint32_t i = 0; i < node->expr_count; i++)
        if (any_subquery(node->exprs[i]))
            node->exprs[i] = lift_expr(&lift, node->exprs[i]);
    node->children[0] = lift.child;
    return node;
}
