/* bind_merge.c - MERGE: the source, left-joined with the target, and what each WHEN makes of a row.
 *
 *   join          source columns, target columns, row id (NULL = not matched)
 *   which         the join's columns, number of the first WHEN that holds (NULL = none)
 *   changes       row id, action, live columns: what that WHEN says
 */
#include "query/sql/bind_modify_int.h"

typedef struct MergeRows {
    uint32_t target;   /* flat column where the target's live columns begin */
    uint32_t row_id;   /* flat column */
    uint32_t when;     /* flat column: number of the WHEN, from 1 */
    ScopeRel *visible; /* the target's name, hidden while INSERT is bound */
} MergeRows;

/* Names of the target stand for no row where nothing matched. */
static void see_target(MergeRows *rows, bool seen)
{
    rows->visible->rel_visible = seen;
    rows->visible->cols_visible = seen;
}

static Status bind_join(Binder *b, const AstMerge *merge, const ModifyTarget *target, Scope *scope,
                        MergeRows *ret, PlanNode **plan)
{
    AstFrom *join = ARENA_NEW(b->arena, AstFrom);
    AstSelect select = {.from = &join, .from_count = 1, .position = merge->table->position};
    *join = (AstFrom){.kind = AST_FROM_JOIN,
                      .position = merge->table->position,
                      .join = AST_JOIN_LEFT,
                      .left = merge->source,
                      .right = merge->table,
                      .on = merge->on};
    TRY(sql__from(b, scope, &select, plan));
    ret->row_id = (*plan)->schema.field_count - 1;
    ret->target = ret->row_id - target->live_count;
    ret->visible = &scope->rels[scope->rel_count - 1];
    return STATUS_OK;
}

static Expr *int_const(Binder *b, int64_t value)
{
    return expr_const_i64(b->arena, TYPE_OF(INT4), value);
}

/* Adds the column that says which WHEN applies. */
static Status choose_when(Binder *b, const AstMerge *merge, Scope *scope, MergeRows *rows,
                          PlanNode **plan)
{
    uint32_t width = (*plan)->schema.field_count;
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, width + 1);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, width + 1);
    Expr *which = sql__new(b, EXPR_CASE, TYPE_OF(INT4), 0);
    which->args = ARENA_NEW_ARRAY(b->arena, Expr *, 2 * merge->when_count + 1);
    for (uint32_t i = 0; i < merge->when_count; i++) {
        const AstMergeWhen *when = &merge->whens[i];
        Expr *row_id = sql__plan_column(b, *plan, rows->row_id);
        Expr *holds = sql__new_args(b, EXPR_IS_NULL, TYPE_OF(BOOL), 0, 1, &row_id);
        holds->negated = when->matched;
        if (when->condition) {
            Expr *condition;
            see_target(rows, when->matched);
            TRY(sql__predicate(b, scope, when->condition, "MERGE WHEN AND", &condition));
            see_target(rows, true);
            holds = expr_and(b->arena, holds, condition);
        }
        which->args[which->arg_count++] = holds;
        which->args[which->arg_count++] = when->action == AST_MERGE_NOTHING
                                              ? expr_const_null(b->arena, TYPE_OF(INT4))
                                              : int_const(b, i + 1);
    }
    which->args[which->arg_count++] = expr_const_null(b->arena, TYPE_OF(INT4));
    for (uint32_t i = 0; i < width; i++)
        exprs[i] = sql__plan_column(b, *plan, i);
    memcpy(fields, (*plan)->schema.fields, sizeof *fields * width);
    exprs[width] = which;
    fields[width] = (Field){.name = STR("when"), .type = TYPE_OF(INT4)};
    rows->when = width;
    *plan = sql__project(b, *plan, exprs, fields, width + 1);
    Expr *chosen = sql__plan_column(b, *plan, width);
    Expr *some = sql__new_args(b, EXPR_IS_NULL, TYPE_OF(BOOL), 0, 1, &chosen);
    some->negated = true;
    *plan = sql__filter(b, *plan, some);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- values of one WHEN */

static Status insert_values(Binder *b, Scope *scope, const AstMergeWhen *when,
                            const ModifyTarget *target, Expr **values)
{
    uint32_t count = when->column_count ? when->column_count : target->live_count;
    if (when->value_count > count)
        return BIND_ERROR(b, "42601", when->values[count]->position,
                          "INSERT has more expressions than target columns");
    if (when->value_count < when->column_count)
        return BIND_ERROR(b, "42601", when->columns[when->value_count].position,
                          "INSERT has more target columns than expressions");
    for (uint32_t i = 0; i < when->value_count; i++) {
        uint32_t idx = i;
        if (when->column_count)
            TRY(sql__modify_column(b, target, when->columns[i].alias, when->columns[i].position,
                                   &idx));
        const TableColumn *column = sql__live_column(target, idx);
        if (values[idx])
            return BIND_ERROR(b, "42701", when->columns[i].position,
                              "column \"%.*s\" specified more than once", STR_FMT(column->name));
        TRY(sql__check_assignable(b, column, when->values[i], false));
        if (when->values[i]->kind == AST_DEFAULT) {
            TRY(sql__default_value(b, column, &values[idx]));
            continue;
        }
        TRY(sql__expr(b, scope, when->values[i], &values[idx]));
        TRY(sql__assign(b, column, &values[idx]));
    }
    for (uint32_t i = 0; i < target->live_count; i++)
        if (!values[i])
            TRY(sql__default_value(b, sql__live_column(target, i), &values[i]));
    return STATUS_OK;
}

/* All live columns as the WHEN leaves them; those of the stored row where it says nothing. */
static Status when_values(Binder *b, Scope *scope, const AstMergeWhen *when,
                          const ModifyTarget *target, MergeRows *rows, const PlanNode *plan,
                          Expr **values)
{
    scope->clause = "MERGE";
    if (when->action == AST_MERGE_INSERT) {
        see_target(rows, false);
        Status status = insert_values(b, scope, when, target, values);
        see_target(rows, true);
        return status;
    }
    if (when->action == AST_MERGE_UPDATE)
        TRY(sql__assignments(b, scope, target, when->assignments, when->assignment_count, values));
    for (uint32_t i = 0; i < target->live_count; i++)
        if (!values[i])
            values[i] = sql__plan_column(b, plan, rows->target + i);
    return STATUS_OK;
}

static SqlMergeAction merge_action(AstMergeAction action)
{
    return action == AST_MERGE_INSERT   ? SQL_MERGE_INSERT
           : action == AST_MERGE_UPDATE ? SQL_MERGE_UPDATE
                                        : SQL_MERGE_DELETE;
}

/* CASE which WHEN 1 THEN values[0] ... END */
static Status by_when(Binder *b, const PlanNode *plan, const MergeRows *rows, Expr *const *values,
                      const uint32_t *numbers, uint32_t count, Type type, Expr **ret)
{
    Expr *expr = sql__new(b, EXPR_CASE, type, 0);
    if (!count) { /* every WHEN does nothing */
        *ret = expr_const_null(b->arena, type);
        return STATUS_OK;
    }
    expr->args = ARENA_NEW_ARRAY(b->arena, Expr *, 2 * count + 1);
    for (uint32_t i = 0; i < count; i++) {
        Expr *is;
        TRY(sql__operator(b, STR("="), sql__plan_column(b, plan, rows->when),
                          int_const(b, numbers[i]), 0, &is));
        expr->args[expr->arg_count++] = is;
        expr->args[expr->arg_count++] = values[i];
    }
    expr->args[expr->arg_count++] = expr_const_null(b->arena, type);
    *ret = expr;
    return STATUS_OK;
}

static Status project_changes(Binder *b, const AstMerge *merge, const ModifyTarget *target,
                              Scope *scope, MergeRows *rows, PlanNode **plan)
{
    uint32_t live = target->live_count;
    uint32_t n = merge->when_count;
    Expr **values = ARENA_NEW_ARRAY(b->arena, Expr *, (size_t)n * (live + 1));
    Expr **column = ARENA_NEW_ARRAY(b->arena, Expr *, n + 1);
    uint32_t *numbers = ARENA_NEW_ARRAY(b->arena, uint32_t, n + 1);
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, live + 2);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, live + 2);
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        const AstMergeWhen *when = &merge->whens[i];
        if (when->action == AST_MERGE_NOTHING)
            continue;
        TRY(when_values(b, scope, when, target, rows, *plan, values + (size_t)count * (live + 1)));
        values[(size_t)count * (live + 1) + live] = int_const(b, merge_action(when->action));
        numbers[count++] = i + 1;
    }
    for (uint32_t c = 0; c <= live; c++) {
        bool is_action = c == live;
        Type type = is_action ? TYPE_OF(INT4) : sql__live_column(target, c)->type;
        for (uint32_t i = 0; i < count; i++)
            column[i] = values[(size_t)i * (live + 1) + c];
        TRY(by_when(b, *plan, rows, column, numbers, count, type, &exprs[is_action ? 1 : 2 + c]));
        fields[is_action ? 1 : 2 + c] =
            is_action ? (Field){.name = STR("action"), .type = type} : sql__live_field(target, c);
        fields[is_action ? 1 : 2 + c].not_null = false;
    }
    exprs[0] = sql__plan_column(b, *plan, rows->row_id);
    fields[0] = (Field){.name = STR("row id"), .type = TYPE_OF(INT8)};
    *plan = sql__project(b, *plan, exprs, fields, live + 2);
    return STATUS_OK;
}

Status sql__merge(Binder *b, const AstMerge *merge, SqlModify *ret)
{
    for (uint32_t i = 0; i < merge->when_count; i++)
        if (merge->whens[i].action != AST_MERGE_NOTHING)
            ret->merge_actions |= 1u << merge_action(merge->whens[i].action);
    ModifyTarget target;
    CteFrame frame = {0};
    Scope scope = {.clause = "MERGE"};
    MergeRows rows;
    PlanNode *plan;
    if (merge->with)
        TRY(sql__with(b, NULL, merge->with, &frame));
    TRY(sql__modify_target(b, &merge->table->table, merge->table->alias.name, &target));
    if (target.table->kind != TABLE_USER)
        return BIND_UNSUPPORTED(b, merge->table->position,
                                "MERGE into \"%.*s\" is not supported: it is no user table",
                                STR_FMT(target.table->name));
    ret->kind = SQL_MERGE;
    ret->table = target.table;
    TRY(bind_join(b, merge, &target, &scope, &rows, &plan));
    TRY(choose_when(b, merge, &scope, &rows, &plan));
    TRY(project_changes(b, merge, &target, &scope, &rows, &plan));
    TRY(sql__finish_rows(b, &target, 2, &plan, &ret->check_count));
    if (merge->with) {
        plan = sql__with_close(b, &frame, plan);
        b->ctes = frame.parent;
    }
    ret->plan.root = plan;
    return STATUS_OK;
}
