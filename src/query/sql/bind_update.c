/* bind_update.c - UPDATE and DELETE: a plan of (row id, new or old values ...) over the table. */
#include "query/sql/bind_modify_int.h"

static Status check_statement(Binder *b, const AstModify *modify, const Table *table,
                              const char *what)
{
    if (modify->where_current_of)
        return BIND_UNSUPPORTED(b, modify->table->position, "WHERE CURRENT OF is not supported");
    switch (table->kind) {
    case TABLE_METRICS:
    case TABLE_METRIC:
    case TABLE_EXEMPLARS:
    case TABLE_METRIC_METADATA:
        return BIND_UNSUPPORTED(b, modify->table->position,
                                "%s of \"%.*s\" is not supported: its rows are made of the samples "
                                "of series, which are written once",
                                what, STR_FMT(table->name));
    case TABLE_LOGS:
    case TABLE_TRACES:
    case TABLE_USER:
        break;
    }
    return STATUS_OK;
}

/* The rows that the statement is about: the table's columns, its row id, then FROM's. */
static Status bind_rows(Binder *b, Scope *scope, const AstModify *modify, PlanNode **plan)
{
    AstSelect select = {.position = modify->table->position, .from_count = modify->from_count + 1};
    Expr *where;
    select.from = ARENA_NEW_ARRAY(b->arena, AstFrom *, select.from_count);
    select.from[0] = modify->table;
    for (uint32_t i = 0; i < modify->from_count; i++)
        select.from[i + 1] = modify->from[i];
    TRY(sql__from(b, scope, &select, plan));
    if (!modify->where)
        return STATUS_OK;
    TRY(sql__predicate(b, scope, modify->where, "WHERE", &where));
    *plan = sql__filter(b, *plan, where);
    return STATUS_OK;
}

/* Row id, `values` of the live columns, then FROM's columns if RETURNING may want them. */
static Status project_rows(Binder *b, const AstModify *modify, const ModifyTarget *target,
                           Expr **values, PlanNode **plan, uint32_t *ret_extra)
{
    uint32_t row_id = target->live_count;
    uint32_t width = (*plan)->schema.field_count;
    uint32_t extra = modify->returning_count ? width - row_id - 1 : 0;
    uint32_t live = values || modify->returning_count ? target->live_count : 0;
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, 1 + live + extra);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, 1 + live + extra);
    exprs[0] = sql__plan_column(b, *plan, row_id);
    fields[0] = (*plan)->schema.fields[row_id];
    for (uint32_t i = 0; i < live; i++) {
        exprs[1 + i] = values && values[i] ? values[i] : sql__plan_column(b, *plan, i);
        fields[1 + i] = sql__live_field(target, i);
    }
    for (uint32_t i = 0; i < extra; i++) {
        exprs[1 + live + i] = sql__plan_column(b, *plan, row_id + 1 + i);
        fields[1 + live + i] = (*plan)->schema.fields[row_id + 1 + i];
    }
    *plan = sql__project(b, *plan, exprs, fields, 1 + live + extra);
    *ret_extra = extra;
    return STATUS_OK;
}

/* `outer`: the WITH clauses around the statement; RETURNING is a plan of its own and sees only
 * those. */
static Status bind_changes(Binder *b, const AstModify *modify, const ModifyTarget *target,
                           bool update, CteFrame *outer, SqlModify *ret)
{
    Scope scope = {.clause = "WHERE"};
    Expr **values = NULL;
    PlanNode *plan;
    uint32_t extra;
    TRY(bind_rows(b, &scope, modify, &plan));
    if (update) {
        scope.clause = "UPDATE";
        values = ARENA_NEW_ARRAY(b->arena, Expr *, target->live_count + 1);
        TRY(sql__assignments(b, &scope, target, modify->assignments, modify->assignment_count,
                             values));
    }
    TRY(project_rows(b, modify, target, values, &plan, &extra));
    const Field *extra_fields = plan->schema.fields + plan->schema.field_count - extra;
    if (update)
        TRY(sql__finish_rows(b, target, 1, &plan, &ret->check_count));
    ret->plan.root = plan;
    ret->extra_count = extra;
    if (!modify->returning_count)
        return STATUS_OK;
    CteFrame *own = b->ctes;
    b->ctes = outer;
    Status status = sql__returning(b, target, modify->returning, modify->returning_count, &scope, 1,
                                   extra_fields, extra, ret);
    b->ctes = own;
    return status;
}

Status sql__update(Binder *b, const AstModify *modify, bool update, SqlModify *ret)
{
    ModifyTarget target;
    CteFrame frame = {0};
    CteFrame *outer = b->ctes;
    if (modify->with)
        TRY(sql__with(b, NULL, modify->with, &frame));
    TRY(sql__modify_target(b, &modify->table->table, modify->table->alias.name, &target));
    TRY(check_statement(b, modify, target.table, update ? "UPDATE" : "DELETE"));
    ret->kind = update ? SQL_UPDATE : SQL_DELETE;
    ret->table = target.table;
    TRY(bind_changes(b, modify, &target, update, outer, ret));
    if (modify->with) {
        ret->plan.root = sql__with_close(b, &frame, ret->plan.root);
        b->ctes = frame.parent;
    }
    return STATUS_OK;
}
