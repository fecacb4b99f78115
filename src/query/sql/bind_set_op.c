/* bind_set_op.c - UNION, INTERSECT, EXCEPT and VALUES. */
#include "query/sql/bind_int.h"

static const char *set_op_name(AstSetOp op)
{
    return op == AST_SET_UNION ? "UNION" : op == AST_SET_INTERSECT ? "INTERSECT" : "EXCEPT";
}

/* ORDER BY of a set operation names or numbers output columns only. */
static Status output_key(Binder *b, const AstOrder *order, const PlanNode *plan, SortKey *ret_key)
{
    const AstExpr *ast = order->expr;
    const Schema *schema = &plan->schema;
    uint32_t column = UINT32_MAX;
    if (ast->kind == AST_CONST && ast->constant == AST_CONST_INTEGER) {
        if (ast->number < 1 || ast->number > schema->field_count)
            return BIND_ERROR(b, "42P10", ast->position,
                              "ORDER BY position %ld is not in select list", (long)ast->number);
        column = (uint32_t)ast->number - 1;
    } else if (ast->kind == AST_COLUMN && ast->path.count == 1) {
        for (uint32_t i = 0; i < schema->field_count; i++) {
            if (!str_eq(schema->fields[i].name, ast->path.names[0]))
                continue;
            if (column != UINT32_MAX)
                return BIND_ERROR(b, "42702", ast->position, "ORDER BY \"%.*s\" is ambiguous",
                                  STR_FMT(ast->path.names[0]));
            column = i;
        }
        if (column == UINT32_MAX)
            return BIND_ERROR(b, "42703", ast->position, "column \"%.*s\" does not exist",
                              STR_FMT(ast->path.names[0]));
    } else {
        Status status =
            BIND_UNSUPPORTED(b, ast->position, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause");
        error_detail(b->err, "Only result column names can be used, not expressions or functions.");
        error_hint(b->err, "Add the expression/function to every SELECT, or move the UNION into a "
                           "FROM clause.");
        return status;
    }
    Scope scope = {0};
    return sql__order(b, &scope, order, sql__plan_column(b, plan, column), ret_key);
}

Status sql__order_output(Binder *b, const AstSelect *select, PlanNode **plan)
{
    if (!select->order_count)
        return STATUS_OK;
    PlanNode *sort = plan_node_new(b->arena, PLAN_SORT);
    sort->keys = ARENA_NEW_ARRAY(b->arena, SortKey, select->order_count);
    for (; sort->key_count < select->order_count; sort->key_count++)
        TRY(output_key(b, &select->order[sort->key_count], *plan, &sort->keys[sort->key_count]));
    sort->children[0] = *plan;
    sort->schema = (*plan)->schema;
    *plan = sort;
    return STATUS_OK;
}

/* NULLs and strings that became text only because nothing else was known take part as UNKNOWN. */
static bool is_literal_column(const PlanNode *plan, uint32_t column)
{
    if (plan->kind != PLAN_PROJECT)
        return false;
    const Expr *expr = plan->exprs[column];
    return expr->kind == EXPR_CONST && expr->type.id == TYPE_TEXT && !expr->type.is_array &&
           expr->all;
}

static Status common_columns(Binder *b, PlanNode **arms, const char *what, Type **ret_types)
{
    uint32_t count = arms[0]->schema.field_count;
    Type *types = ARENA_NEW_ARRAY(b->arena, Type, count);
    for (uint32_t i = 0; i < count; i++) {
        Expr *pair[2] = {sql__plan_column(b, arms[0], i), sql__plan_column(b, arms[1], i)};
        for (int k = 0; k < 2; k++) {
            pair[k]->position = arms[k]->kind == PLAN_PROJECT ? arms[k]->exprs[i]->position : 0;
            if (is_literal_column(arms[k], i))
                pair[k]->type = TYPE_OF(UNKNOWN);
        }
        TRY(sql__common_type(b, pair, 2, what, &types[i]));
    }
    *ret_types = types;
    return STATUS_OK;
}

/* A literal of the select list is read again as the common type. */
Status sql__retype_literals(Binder *b, PlanNode *plan, const Type *types)
{
    for (uint32_t i = 0; i < plan->schema.field_count; i++) {
        if (!is_literal_column(plan, i) || type_eq(types[i], TYPE_OF(TEXT)))
            continue;
        Expr *literal = plan->exprs[i];
        literal->type = literal->value.type = TYPE_OF(UNKNOWN);
        TRY(sql__coerce(b, &plan->exprs[i], types[i], CAST_IMPLICIT, 0));
        Field *fields = (Field *)(uintptr_t)plan->schema.fields; /* our own copy */
        fields[i].type = plan->exprs[i]->type;
    }
    return STATUS_OK;
}

/* Text constants that came from untyped literals carry `all` as a mark while arms are matched. */
void sql__mark_literals(const AstSelect *select, PlanNode *plan)
{
    if (plan->kind != PLAN_PROJECT || select->set_op != AST_SET_NONE || select->distinct)
        return;
    for (uint32_t i = 0; i < select->target_count && i < plan->expr_count; i++) {
        const AstExpr *ast = select->targets[i].expr;
        if (ast->kind == AST_STAR || ast->kind == AST_FIELD_STAR)
            return;
        if (ast->kind == AST_CONST && plan->exprs[i]->kind == EXPR_CONST &&
            (ast->constant == AST_CONST_STRING || ast->constant == AST_CONST_NULL))
            plan->exprs[i]->all = true;
    }
}

Status sql__set_op(Binder *b, Scope *outer, const AstSelect *select, PlanNode **ret_plan)
{
    const char *name = set_op_name(select->set_op);
    PlanNode *arms[2];
    Type *types;
    TRY(sql__select(b, outer, select->left, &arms[0]));
    TRY(sql__select(b, outer, select->right, &arms[1]));
    if (arms[0]->schema.field_count != arms[1]->schema.field_count)
        return BIND_ERROR(b, "42601", select->right->position,
                          "each %s query must have the same number of columns", name);
    sql__mark_literals(select->left, arms[0]);
    sql__mark_literals(select->right, arms[1]);
    TRY(common_columns(b, arms, name, &types));
    for (int i = 0; i < 2; i++) {
        TRY(sql__retype_literals(b, arms[i], types));
        TRY(sql__coerce_plan(b, &arms[i], types, name));
    }
    PlanNode *node = plan_node_new(b->arena, PLAN_SET_OP);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, arms[0]->schema.field_count);
    for (uint32_t i = 0; i < arms[0]->schema.field_count; i++)
        fields[i] =
            (Field){.name = arms[0]->schema.fields[i].name, .type = arms[0]->schema.fields[i].type};
    node->schema = (Schema){fields, arms[0]->schema.field_count};
    node->set_op = select->set_op == AST_SET_UNION       ? SET_OP_UNION
                   : select->set_op == AST_SET_INTERSECT ? SET_OP_INTERSECT
                                                         : SET_OP_EXCEPT;
    node->all = select->all;
    node->children[0] = arms[0];
    node->children[1] = arms[1];
    *ret_plan = node;
    TRY(sql__order_output(b, select, ret_plan));
    return sql__limit(b, outer, select, ret_plan);
}

/* ---------------------------------------------------------------- VALUES */

static Status values_column(Binder *b, PlanNode *node, uint32_t column, Field *field)
{
    uint32_t columns = node->schema.field_count;
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, node->values_rows);
    Type type;
    for (uint32_t row = 0; row < node->values_rows; row++)
        exprs[row] = node->exprs[row * columns + column];
    TRY(sql__common_type(b, exprs, node->values_rows, "VALUES", &type));
    for (uint32_t row = 0; row < node->values_rows; row++)
        TRY(sql__coerce_common(b, &node->exprs[row * columns + column], type, "VALUES"));
    field->name = arena_printf(b->arena, "column%u", column + 1);
    field->type = type;
    return STATUS_OK;
}

Status sql__values(Binder *b, Scope *outer, const AstSelect *select, PlanNode **ret_plan)
{
    Scope scope = {.parent = outer, .clause = "VALUES"};
    PlanNode *node = plan_node_new(b->arena, PLAN_VALUES);
    uint32_t count = select->values_rows * select->values_columns;
    if (select->values[0]->kind == AST_UNSUPPORTED &&
        str_eq(select->values[0]->text, STR("VALUES")))
        return BIND_ERROR(b, "42601", select->values[0]->position,
                          "VALUES lists must all be the same length");
    if (select->values_columns > BIND_COLUMNS_MAX)
        return BIND_ERROR(b, "54011", select->position, "target lists can have at most %d entries",
                          BIND_COLUMNS_MAX);
    node->values_rows = select->values_rows;
    node->expr_count = count;
    node->exprs = ARENA_NEW_ARRAY(b->arena, Expr *, count);
    for (uint32_t i = 0; i < count; i++)
        TRY(sql__expr(b, &scope, select->values[i], &node->exprs[i]));
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, select->values_columns);
    node->schema = (Schema){fields, select->values_columns};
    for (uint32_t column = 0; column < select->values_columns; column++)
        TRY(values_column(b, node, column, &fields[column]));
    *ret_plan = node;
    TRY(sql__order_output(b, select, ret_plan));
    return sql__limit(b, outer, select, ret_plan);
}
