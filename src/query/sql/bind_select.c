/* bind_select.c - the clauses of a SELECT, in the order in which they work:
 *
 *   FROM -> WHERE -> GROUP BY, aggregates -> HAVING -> windows -> set-returning calls
 *        -> select list -> DISTINCT -> ORDER BY -> LIMIT
 *
 * ORDER BY expressions that are not in the select list ride along as hidden columns behind it and
 * are dropped at the end. */
#include "query/sql/bind_int.h"

/* ---------------------------------------------------------------- plan helpers */

PlanNode *sql__project(Binder *b, PlanNode *child, Expr **exprs, const Field *fields,
                       uint32_t count)
{
    PlanNode *node = plan_node_new(b->arena, PLAN_PROJECT);
    node->children[0] = child;
    node->exprs = arena_dup(b->arena, exprs, sizeof *exprs * count);
    node->expr_count = count;
    node->schema = (Schema){arena_dup(b->arena, fields, sizeof *fields * count), count};
    return node;
}

PlanNode *sql__filter(Binder *b, PlanNode *child, Expr *predicate)
{
    PlanNode *node = plan_node_new(b->arena, PLAN_FILTER);
    node->children[0] = child;
    node->predicate = predicate;
    node->schema = child->schema;
    return node;
}

Expr *sql__plan_column(Binder *b, const PlanNode *plan, uint32_t column)
{
    return expr_column(b->arena, 0, column, plan->schema.fields[column].type);
}

Status sql__coerce_plan(Binder *b, PlanNode **plan, const Type *types, const char *what)
{
    uint32_t count = (*plan)->schema.field_count;
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, count);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, count);
    bool changed = false;
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = (*plan)->schema.fields[i];
        exprs[i] = sql__plan_column(b, *plan, i);
        TRY(sql__coerce_common(b, &exprs[i], types[i], what));
        changed |= exprs[i]->kind != EXPR_COLUMN;
        fields[i].type = exprs[i]->type;
    }
    if (changed)
        *plan = sql__project(b, *plan, exprs, fields, count);
    return STATUS_OK;
}

Status sql__each_output(Binder *b, Outputs *outputs,
                        Status (*fn)(Binder *b, Expr **slot, void *ctx), void *ctx)
{
    for (uint32_t i = 0; i < outputs->targets.count; i++)
        TRY(fn(b, &outputs->targets.exprs[i], ctx));
    if (outputs->having)
        TRY(fn(b, &outputs->having, ctx));
    for (uint32_t i = 0; i < outputs->key_count; i++)
        TRY(fn(b, &outputs->keys[i].expr, ctx));
    for (uint32_t i = 0; i < outputs->on_count; i++)
        TRY(fn(b, &outputs->on[i], ctx));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- select list */

static Status push_target(Binder *b, Targets *targets, Expr *expr, Field field, int32_t position)
{
    if (targets->count >= BIND_COLUMNS_MAX)
        return BIND_ERROR(b, "54011", position, "target lists can have at most %d entries",
                          BIND_COLUMNS_MAX);
    if (targets->count == targets->cap) {
        uint32_t cap = targets->cap ? targets->cap * 2 : 16;
        Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, cap);
        Field *fields = ARENA_NEW_ARRAY(b->arena, Field, cap);
        if (targets->count) {
            memcpy(exprs, targets->exprs, sizeof *exprs * targets->count);
            memcpy(fields, targets->fields, sizeof *fields * targets->count);
        }
        targets->exprs = exprs;
        targets->fields = fields;
        targets->cap = cap;
    }
    field.type = expr->type;
    targets->exprs[targets->count] = expr;
    targets->fields[targets->count++] = field;
    return STATUS_OK;
}

static Status push_rel_columns(Binder *b, const ScopeRel *rel, uint32_t depth, int32_t position,
                               Targets *targets)
{
    for (uint32_t i = 0; i < rel->column_count; i++) {
        const ScopeColumn *column = &rel->columns[i];
        Field field = {
            .name = column->name, .table_oid = column->table_oid, .attnum = column->attnum};
        TRY(push_target(b, targets, sql__scope_expr(b, column, depth, position), field, position));
    }
    return STATUS_OK;
}

static Status bind_star(Binder *b, Scope *scope, const AstExpr *ast, Targets *targets)
{
    uint32_t depth;
    if (ast->path.count) {
        Str name = ast->path.names[ast->path.count - 1];
        Str schema = ast->path.count > 1 ? ast->path.names[ast->path.count - 2] : STR("");
        const ScopeRel *rel = sql__find_rel(scope, schema, name, &depth);
        if (!rel)
            return sql__no_rel(b, scope, name, ast->position);
        return push_rel_columns(b, rel, depth, ast->position, targets);
    }
    if (!scope->rel_count)
        return BIND_ERROR(b, "42601", ast->position,
                          "SELECT * with no tables specified is not valid");
    for (uint32_t i = 0; i < scope->rel_count; i++)
        if (scope->rels[i].cols_visible)
            TRY(push_rel_columns(b, &scope->rels[i], 0, ast->position, targets));
    return STATUS_OK;
}

/* (t).* of a table in FROM, (ROW(...)).*. */
static Status bind_field_star(Binder *b, Scope *scope, const AstExpr *ast, Targets *targets)
{
    Expr *row;
    uint32_t depth;
    const AstExpr *inner = ast->args[0];
    if (inner->kind == AST_COLUMN && inner->path.count == 1) {
        const ScopeRel *rel = sql__find_rel(scope, STR(""), inner->path.names[0], &depth);
        if (rel)
            return push_rel_columns(b, rel, depth, ast->position, targets);
    }
    TRY(sql__expr(b, scope, inner, &row));
    const RowShape *shape = sql__row_shape(b, row->type);
    if (!shape)
        return BIND_UNSUPPORTED(b, ast->position, "expanding this record is not supported");
    uint32_t count = shape->field_count;
    const Field *fields = shape->fields; /* b->shapes may move */
    for (uint32_t i = 0; i < count; i++) {
        Field field = {.name = fields[i].name};
        Expr *one = sql__field(b, row, i, &fields[i], ast->position);
        TRY(sql__coerce_unknown(b, &one));
        TRY(push_target(b, targets, one, field, ast->position));
    }
    return STATUS_OK;
}

/* A plain column keeps its origin, for RowDescription. */
static void set_origin(const Scope *scope, const Expr *expr, Field *field)
{
    if (expr->kind != EXPR_COLUMN || expr->input)
        return;
    for (uint32_t i = 0; i < scope->rel_count; i++)
        for (uint32_t k = 0; k < scope->rels[i].column_count; k++) {
            const ScopeColumn *column = &scope->rels[i].columns[k];
            if (column->merged || column->column != expr->column || !column->table_oid)
                continue;
            field->table_oid = column->table_oid;
            field->attnum = column->attnum;
            return;
        }
}

Status sql__targets(Binder *b, Scope *scope, const AstTarget *ast, uint32_t count, Targets *ret)
{
    for (uint32_t i = 0; i < count; i++) {
        const AstExpr *item = ast[i].expr;
        Expr *expr;
        if (item->kind == AST_STAR) {
            TRY(bind_star(b, scope, item, ret));
            continue;
        }
        if (item->kind == AST_FIELD_STAR) {
            TRY(bind_field_star(b, scope, item, ret));
            continue;
        }
        TRY(sql__expr_known(b, scope, item, &expr));
        Field field = {.name = ast[i].alias.len ? ast[i].alias : sql__figure_name(item)};
        set_origin(scope, expr, &field);
        TRY(push_target(b, ret, expr, field, ast[i].position));
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- ORDER BY, DISTINCT ON */

static Status by_position(Binder *b, const AstExpr *ast, const Targets *targets, uint32_t visible,
                          const char *clause, Expr **ret_expr)
{
    if (ast->number < 1 || ast->number > visible)
        return BIND_ERROR(b, "42P10", ast->position, "%s position %ld is not in select list",
                          clause, (long)ast->number);
    *ret_expr = targets->exprs[ast->number - 1];
    return STATUS_OK;
}

/* SQL92: a bare name means an output column first. */
static Status by_alias(Binder *b, Str name, int32_t position, const Targets *targets,
                       uint32_t visible, const char *clause, Expr **ret_expr)
{
    *ret_expr = NULL;
    for (uint32_t i = 0; i < visible; i++) {
        if (!str_eq(targets->fields[i].name, name))
            continue;
        if (*ret_expr && !expr_eq(*ret_expr, targets->exprs[i]))
            return BIND_ERROR(b, "42702", position, "%s \"%.*s\" is ambiguous", clause,
                              STR_FMT(name));
        *ret_expr = targets->exprs[i];
    }
    return STATUS_OK;
}

static Status order_expr(Binder *b, Scope *scope, const AstExpr *ast, const Targets *targets,
                         const char *clause, Expr **ret_expr)
{
    *ret_expr = NULL;
    if (ast->kind == AST_CONST && ast->constant == AST_CONST_INTEGER)
        return by_position(b, ast, targets, targets->count, clause, ret_expr);
    if (ast->kind == AST_CONST)
        return BIND_ERROR(b, "42601", ast->position, "non-integer constant in %s", clause);
    if (ast->kind == AST_COLUMN && ast->path.count == 1) {
        TRY(by_alias(b, ast->path.names[0], ast->position, targets, targets->count, clause,
                     ret_expr));
        if (*ret_expr)
            return STATUS_OK;
    }
    const char *saved = scope->clause;
    scope->clause = clause;
    TRY(sql__expr_known(b, scope, ast, ret_expr));
    scope->clause = saved;
    return STATUS_OK;
}

static Status bind_order(Binder *b, Scope *scope, const AstSelect *select, Outputs *outputs)
{
    outputs->keys = ARENA_NEW_ARRAY(b->arena, SortKey, select->order_count);
    for (uint32_t i = 0; i < select->order_count; i++) {
        Expr *expr;
        TRY(order_expr(b, scope, select->order[i].expr, &outputs->targets, "ORDER BY", &expr));
        TRY(sql__order(b, scope, &select->order[i], expr, &outputs->keys[outputs->key_count]));
        outputs->key_count++;
    }
    return STATUS_OK;
}

static Status bind_distinct_on(Binder *b, Scope *scope, const AstSelect *select, Outputs *outputs)
{
    outputs->on = ARENA_NEW_ARRAY(b->arena, Expr *, select->distinct_on_count);
    for (; outputs->on_count < select->distinct_on_count; outputs->on_count++)
        TRY(order_expr(b, scope, select->distinct_on[outputs->on_count], &outputs->targets,
                       "DISTINCT ON", &outputs->on[outputs->on_count]));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- the upper part */

static int64_t find_target(const Targets *targets, const Expr *expr)
{
    for (uint32_t i = 0; i < targets->count; i++)
        if (expr_eq(targets->exprs[i], expr))
            return i;
    return -1;
}

/* The output column that holds the expression; hidden ones are added. */
static Status output_column(Binder *b, Targets *targets, Expr **expr)
{
    int64_t at = find_target(targets, *expr);
    if (at < 0) {
        at = targets->count;
        TRY(push_target(b, targets, *expr, (Field){.name = STR("?column?")}, 0));
    }
    *expr = expr_column(b->arena, 0, (uint32_t)at, targets->exprs[at]->type);
    return STATUS_OK;
}

static Status check_distinct_order(Binder *b, const AstSelect *select, const Outputs *outputs)
{
    for (uint32_t i = 0; i < outputs->key_count; i++)
        if (find_target(&outputs->targets, outputs->keys[i].expr) < 0)
            return BIND_ERROR(b, "42P10", select->order[i].expr->position,
                              "for SELECT DISTINCT, ORDER BY expressions must appear in select "
                              "list");
    return STATUS_OK;
}

/* The first ORDER BY keys must be the DISTINCT ON expressions; missing ones are sorted by, too. */
static Status distinct_on_keys(Binder *b, Outputs *outputs)
{
    uint32_t matched = 0;
    SortKey *keys = ARENA_NEW_ARRAY(b->arena, SortKey, outputs->key_count + outputs->on_count);
    for (uint32_t i = 0; i < outputs->key_count; i++) {
        bool is_on = false;
        for (uint32_t k = 0; k < outputs->on_count; k++)
            is_on |= expr_eq(outputs->on[k], outputs->keys[i].expr);
        if (is_on && matched == i)
            matched++;
        else if (matched < outputs->on_count && i < outputs->on_count)
            return BIND_ERROR(b, "42P10", outputs->keys[i].expr->position,
                              "SELECT DISTINCT ON expressions must match initial ORDER BY "
                              "expressions");
        keys[i] = outputs->keys[i];
    }
    uint32_t count = outputs->key_count;
    for (uint32_t k = 0; k < outputs->on_count; k++) {
        bool sorted = false;
        for (uint32_t i = 0; i < outputs->key_count; i++)
            sorted |= expr_eq(outputs->on[k], outputs->keys[i].expr);
        if (!sorted)
            keys[count++] = (SortKey){outputs->on[k], false, false};
    }
    outputs->keys = keys;
    outputs->key_count = count;
    return STATUS_OK;
}

static PlanNode *sort_node(Binder *b, PlanNode *child, SortKey *keys, uint32_t count)
{
    PlanNode *sort = plan_node_new(b->arena, PLAN_SORT);
    sort->children[0] = child;
    sort->keys = keys;
    sort->key_count = count;
    sort->schema = child->schema;
    return sort;
}

static PlanNode *distinct_node(Binder *b, PlanNode *child, Expr **on, uint32_t on_count)
{
    PlanNode *distinct = plan_node_new(b->arena, PLAN_DISTINCT);
    distinct->children[0] = child;
    distinct->groups = on;
    distinct->group_count = on_count;
    distinct->schema = child->schema;
    return distinct;
}

static PlanNode *drop_hidden(Binder *b, PlanNode *plan, uint32_t visible)
{
    if (plan->schema.field_count == visible)
        return plan;
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, visible);
    for (uint32_t i = 0; i < visible; i++)
        exprs[i] = sql__plan_column(b, plan, i);
    return sql__project(b, plan, exprs, plan->schema.fields, visible);
}

static Status limit_expr(Binder *b, Scope *outer, const AstExpr *ast, const char *clause,
                         Expr **ret_expr)
{
    Scope scope = {.parent = outer, .clause = clause};
    if (!ast || (ast->kind == AST_CONST && ast->constant == AST_CONST_NULL))
        return STATUS_OK;
    TRY(sql__expr(b, &scope, ast, ret_expr));
    char name[64];
    bool ok;
    Type from = (*ret_expr)->type;
    TRY(sql__coerce_try(b, ret_expr, TYPE_OF(INT8), CAST_ASSIGNMENT, &ok));
    if (!ok)
        return BIND_ERROR(b, "42804", ast->position,
                          "argument of %s must be type bigint, not type %s", clause,
                          type_name(from, name));
    return STATUS_OK;
}

Status sql__limit(Binder *b, Scope *outer, const AstSelect *select, PlanNode **plan)
{
    PlanNode *limit = plan_node_new(b->arena, PLAN_LIMIT);
    TRY(limit_expr(b, outer, select->limit, "LIMIT", &limit->limit));
    TRY(limit_expr(b, outer, select->offset, "OFFSET", &limit->offset));
    if (!limit->limit && !limit->offset)
        return STATUS_OK;
    if (select->with_ties) {
        if ((*plan)->kind != PLAN_SORT)
            return BIND_ERROR(b, "42601", select->position,
                              "WITH TIES cannot be specified without ORDER BY clause");
        limit->with_ties = true;
        limit->keys = (*plan)->keys;
        limit->key_count = (*plan)->key_count;
    }
    limit->children[0] = *plan;
    limit->schema = (*plan)->schema;
    *plan = limit;
    return STATUS_OK;
}

/* Select list, DISTINCT, ORDER BY, LIMIT over finished expressions. */
static Status build_upper(Binder *b, Scope *scope, const AstSelect *select, Outputs *outputs,
                          PlanNode **plan)
{
    uint32_t visible = outputs->targets.count;
    if (select->distinct_on_count)
        TRY(distinct_on_keys(b, outputs));
    else if (select->distinct)
        TRY(check_distinct_order(b, select, outputs));
    for (uint32_t i = 0; i < outputs->key_count; i++)
        TRY(output_column(b, &outputs->targets, &outputs->keys[i].expr));
    for (uint32_t i = 0; i < outputs->on_count; i++)
        TRY(output_column(b, &outputs->targets, &outputs->on[i]));
    *plan = sql__project(b, *plan, outputs->targets.exprs, outputs->targets.fields,
                         outputs->targets.count);
    if (select->distinct && !select->distinct_on_count)
        *plan = distinct_node(b, *plan, NULL, 0);
    if (outputs->key_count)
        *plan = sort_node(b, *plan, outputs->keys, outputs->key_count);
    if (select->distinct_on_count)
        *plan = distinct_node(b, *plan, outputs->on, outputs->on_count);
    TRY(sql__limit(b, scope->parent, select, plan));
    *plan = drop_hidden(b, *plan, visible);
    return STATUS_OK;
}

static Status check_distinct_types(Binder *b, const AstSelect *select, const Targets *targets)
{
    for (uint32_t i = 0; select->distinct && !select->distinct_on_count && i < targets->count; i++)
        if (!targets->exprs[i]->type.is_array && targets->exprs[i]->type.id == TYPE_JSON)
            return BIND_ERROR(b, "42883", targets->exprs[i]->position,
                              "could not identify an equality operator for type json");
    return STATUS_OK;
}

static Status bind_leaf(Binder *b, Scope *outer, const AstSelect *select, PlanNode **ret_plan)
{
    Scope scope = {.parent = outer, .select = select};
    Outputs outputs = {0};
    Grouping grouping = {0};
    PlanNode *plan;
    TRY(sql__from(b, &scope, select, &plan));
    if (select->where) {
        Expr *where;
        TRY(sql__predicate(b, &scope, select->where, "WHERE", &where));
        plan = sql__filter(b, plan, where);
    }
    TRY(sql__group_by(b, &scope, select, &grouping));
    scope.groups = grouping.groups;
    scope.group_count = grouping.group_count;
    scope.aggregates_ok = scope.windows_ok = scope.sets_ok = true;
    TRY(sql__targets(b, &scope, select->targets, select->target_count, &outputs.targets));
    TRY(check_distinct_types(b, select, &outputs.targets));
    TRY(bind_order(b, &scope, select, &outputs));
    TRY(bind_distinct_on(b, &scope, select, &outputs));
    scope.windows_ok = scope.sets_ok = false;
    if (select->having)
        TRY(sql__predicate(b, &scope, select->having, "HAVING", &outputs.having));
    scope.aggregates_ok = false;
    if (grouping.used || scope.has_aggregates || select->having)
        TRY(sql__aggregate(b, &scope, &grouping, &outputs, &plan));
    if (outputs.having)
        plan = sql__filter(b, plan, outputs.having);
    outputs.having = NULL;
    TRY(sql__window_nodes(b, &scope, &outputs, &plan));
    TRY(sql__set_calls(b, &scope, &outputs, &plan));
    TRY(build_upper(b, &scope, select, &outputs, &plan));
    *ret_plan = plan;
    return STATUS_OK;
}

/* A row that is looked up at run time stands behind every level. */
static Status check_depth(Binder *b, const Scope *outer, int32_t position)
{
    uint32_t depth = 0;
    for (; outer; outer = outer->parent)
        depth++;
    if (depth < BIND_OUTER_MAX)
        return STATUS_OK;
    return error_set_sql(b->err, STATUS_LIMIT, "54001", position,
                         "subqueries are nested more than %d levels deep", BIND_OUTER_MAX);
}

Status sql__select(Binder *b, Scope *outer, const AstSelect *select, PlanNode **ret_plan)
{
    CteFrame frame = {0};
    b->select_depth++;
    TRY(check_depth(b, outer, select->position));
    if (select->into)
        return BIND_UNSUPPORTED(b, select->into_table.position,
                                "SELECT INTO is not supported here; use CREATE TABLE ... AS");
    if (select->with)
        TRY(sql__with(b, outer, select->with, &frame));
    PlanNode *plan;
    if (select->set_op != AST_SET_NONE)
        TRY(sql__set_op(b, outer, select, &plan));
    else if (select->values_rows)
        TRY(sql__values(b, outer, select, &plan));
    else
        TRY(bind_leaf(b, outer, select, &plan));
    if (select->with) {
        plan = sql__with_close(b, &frame, plan);
        b->ctes = frame.parent;
    }
    b->select_depth--;
    *ret_plan = plan;
    return STATUS_OK;
}
