/* bind_insert.c - INSERT.
 *
 * The source becomes a plan of whole table rows: the live columns in their order, missing ones by
 * their DEFAULT. ON CONFLICT DO UPDATE is a second plan over pairs of rows, the stored one and the
 * one proposed; RETURNING a third one over the rows that came out. They read their input through
 * virtual tables. */
#include "query/sql/bind_modify_int.h"

typedef struct InsertColumns {
    uint32_t *columns; /* live index of each INSERT column */
    uint32_t count;
} InsertColumns;

static Status target_columns(Binder *b, const AstInsert *insert, const ModifyTarget *target,
                             InsertColumns *ret)
{
    ret->columns = ARENA_NEW_ARRAY(b->arena, uint32_t, target->live_count);
    if (!insert->column_count) {
        for (uint32_t i = 0; i < target->live_count; i++)
            ret->columns[i] = i;
        ret->count = target->live_count;
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < insert->column_count; i++) {
        const AstTarget *column = &insert->columns[i];
        uint32_t idx;
        TRY(sql__modify_column(b, target, column->alias, column->position, &idx));
        for (uint32_t k = 0; k < ret->count; k++)
            if (ret->columns[k] == idx)
                return BIND_ERROR(b, "42701", column->position,
                                  "column \"%.*s\" specified more than once",
                                  STR_FMT(column->alias));
        ret->columns[ret->count++] = idx;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- values */

static Status check_count(Binder *b, const AstInsert *insert, const InsertColumns *columns,
                          uint32_t have, int32_t position)
{
    if (have > columns->count)
        return BIND_ERROR(b, "42601", position, "INSERT has more expressions than target columns");
    if (have < columns->count && insert->column_count)
        return BIND_ERROR(b, "42601", insert->columns[have].position,
                          "INSERT has more target columns than expressions");
    return STATUS_OK;
}

/* OVERRIDING USER VALUE: identity columns take theirs, whatever is given. */
static bool takes_default(const AstInsert *insert, const TableColumn *column)
{
    return insert->overriding == AST_OVERRIDING_USER &&
           (column->source == COLUMN_IDENTITY_ALWAYS || column->source == COLUMN_IDENTITY_DEFAULT);
}

static Status check_value(Binder *b, const AstInsert *insert, const TableColumn *column,
                          const AstExpr *value)
{
    if (insert->overriding && column->source == COLUMN_IDENTITY_ALWAYS)
        return STATUS_OK;
    return sql__check_assignable(b, column, value, false);
}

/* `part`: the subscripts behind the column's name, or NULL. */
static Status bind_value(Binder *b, const AstInsert *insert, const TableColumn *column,
                         const AstExpr *part, const AstExpr *ast, Expr **ret)
{
    Scope scope = {.clause = "VALUES"};
    TRY(check_value(b, insert, column, ast));
    if (takes_default(insert, column)) { /* complete_rows puts it in */
        *ret = expr_const_null(b->arena, column->type);
        return STATUS_OK;
    }
    if (ast->kind == AST_DEFAULT)
        return sql__default_value(b, column, ret);
    TRY(sql__expr(b, &scope, ast, ret));
    if (part)
        return sql__assign_part(b, &scope, column, expr_const_null(b->arena, column->type), part,
                                *ret, ret);
    return sql__assign(b, column, ret);
}

static const AstExpr *part_of(const AstInsert *insert, uint32_t column)
{
    return insert->column_count ? insert->columns[column].expr : NULL;
}

/* VALUES: every item is read as its column's type, DEFAULT stands for the column's. */
static Status bind_values(Binder *b, const AstInsert *insert, const ModifyTarget *target,
                          InsertColumns *into, PlanNode **ret_plan)
{
    const AstSelect *source = insert->source;
    uint32_t columns = source->values_columns;
    if (source->values[0]->kind == AST_UNSUPPORTED &&
        str_eq(source->values[0]->text, STR("VALUES")))
        return BIND_ERROR(b, "42601", source->values[0]->position,
                          "VALUES lists must all be the same length");
    TRY(check_count(b, insert, into, columns,
                    columns > into->count ? source->values[into->count]->position : 0));
    into->count = columns;
    PlanNode *node = plan_node_new(b->arena, PLAN_VALUES);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, columns);
    for (uint32_t i = 0; i < columns; i++) {
        const TableColumn *column = sql__live_column(target, into->columns[i]);
        fields[i] = (Field){.name = column->name, .type = column->type};
    }
    node->schema = (Schema){fields, columns};
    node->values_rows = source->values_rows;
    node->expr_count = columns * source->values_rows;
    node->exprs = ARENA_NEW_ARRAY(b->arena, Expr *, node->expr_count);
    for (uint32_t i = 0; i < node->expr_count; i++)
        TRY(bind_value(b, insert, sql__live_column(target, into->columns[i % columns]),
                       part_of(insert, i % columns), source->values[i], &node->exprs[i]));
    *ret_plan = node;
    return STATUS_OK;
}

static Status bind_query(Binder *b, const AstInsert *insert, const ModifyTarget *target,
                         InsertColumns *into, PlanNode **ret_plan)
{
    PlanNode *plan;
    TRY(sql__select(b, NULL, insert->source, &plan));
    sql__mark_literals(insert->source, plan);
    TRY(check_count(b, insert, into, plan->schema.field_count, insert->source->position));
    into->count = plan->schema.field_count;
    Type *types = ARENA_NEW_ARRAY(b->arena, Type, into->count);
    for (uint32_t i = 0; i < into->count; i++) {
        const TableColumn *column = sql__live_column(target, into->columns[i]);
        types[i] = column->type;
        if (part_of(insert, i))
            return BIND_UNSUPPORTED(b, insert->columns[i].position,
                                    "INSERT of a query into a part of column \"%.*s\" is not "
                                    "supported",
                                    STR_FMT(column->name));
        TRY(check_value(b, insert, column, NULL));
    }
    TRY(sql__retype_literals(b, plan, types));
    *ret_plan = plan;
    return STATUS_OK;
}

/* Whole rows over the source's columns. */
static Status complete_rows(Binder *b, const AstInsert *insert, const ModifyTarget *target,
                            const InsertColumns *from, PlanNode **plan)
{
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, target->live_count);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, target->live_count);
    for (uint32_t i = 0; i < target->live_count; i++) {
        const TableColumn *column = sql__live_column(target, i);
        uint32_t k = 0;
        while (k < from->count && from->columns[k] != i)
            k++;
        if (k < from->count && !takes_default(insert, column)) {
            exprs[i] = sql__plan_column(b, *plan, k);
            TRY(sql__assign(b, column, &exprs[i]));
        } else {
            TRY(sql__default_value(b, column, &exprs[i]));
        }
        fields[i] = sql__live_field(target, i);
    }
    *plan = sql__project(b, *plan, exprs, fields, target->live_count);
    return STATUS_OK;
}

static Status bind_source(Binder *b, const AstInsert *insert, const ModifyTarget *target,
                          PlanNode **ret_plan)
{
    InsertColumns columns = {0};
    const AstSelect *source = insert->source;
    TRY(target_columns(b, insert, target, &columns));
    if (!source) {
        columns.count = 0;
        *ret_plan = plan_node_new(b->arena, PLAN_VALUES);
        (*ret_plan)->values_rows = 1;
    } else if (source->values_rows && !source->order_count && !source->limit && !source->offset &&
               !source->with) {
        TRY(bind_values(b, insert, target, &columns, ret_plan));
    } else {
        TRY(bind_query(b, insert, target, &columns, ret_plan));
    }
    return complete_rows(b, insert, target, &columns, ret_plan);
}

/* ---------------------------------------------------------------- ON CONFLICT */

static bool key_is(const TableKey *key, const uint16_t *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < key->column_count; k++)
            found |= key->columns[k] == columns[i];
        if (!found)
            return false;
    }
    for (uint32_t k = 0; k < key->column_count; k++) {
        bool found = false;
        for (uint32_t i = 0; i < count; i++)
            found |= key->columns[k] == columns[i];
        if (!found)
            return false;
    }
    return true;
}

static Status named_arbiter(Binder *b, const AstOnConflict *conflict, const Table *table,
                            bool *arbiters)
{
    for (uint32_t i = 0; i < table->key_count; i++)
        if (str_eq(table->keys[i].name, conflict->constraint) && !table->keys[i].is_index) {
            arbiters[i] = true;
            return STATUS_OK;
        }
    return BIND_ERROR(b, "42704", 0, "constraint \"%.*s\" for table \"%.*s\" does not exist",
                      STR_FMT(conflict->constraint), STR_FMT(table->name));
}

/* The keys whose columns are those listed, in any order. */
static Status inferred_arbiters(Binder *b, const AstOnConflict *conflict,
                                const ModifyTarget *target, bool *arbiters)
{
    const Table *table = target->table;
    uint16_t *columns = ARENA_NEW_ARRAY(b->arena, uint16_t, conflict->column_count);
    bool found = false;
    bool has_expression = false;
    for (uint32_t i = 0; i < conflict->column_count; i++) {
        const AstTarget *item = &conflict->columns[i];
        uint32_t idx = 0;
        has_expression |= item->expr != NULL;
        if (item->expr)
            continue;
        Status status = sql__modify_column(b, target, item->alias, item->position, &idx);
        if (status != STATUS_OK)
            return BIND_ERROR(b, "42703", item->position, "column \"%.*s\" does not exist",
                              STR_FMT(item->alias));
        columns[i] = target->live[idx];
    }
    for (uint32_t i = 0; i < table->key_count && !has_expression; i++) {
        arbiters[i] = key_is(&table->keys[i], columns, conflict->column_count);
        found |= arbiters[i];
    }
    if (found)
        return STATUS_OK;
    return BIND_ERROR(b, "42P10", 0,
                      "there is no unique or exclusion constraint matching the ON CONFLICT "
                      "specification");
}

static Status find_arbiters(Binder *b, const AstOnConflict *conflict, const ModifyTarget *target,
                            SqlModify *ret)
{
    bool *arbiters = ARENA_NEW_ARRAY(b->arena, bool, target->table->key_count + 1);
    if (conflict->constraint.len)
        TRY(named_arbiter(b, conflict, target->table, arbiters));
    else if (conflict->column_count)
        TRY(inferred_arbiters(b, conflict, target, arbiters));
    else if (conflict->update) {
        Status status = BIND_ERROR(b, "42601", conflict->position,
                                   "ON CONFLICT DO UPDATE requires inference specification or "
                                   "constraint name");
        error_hint(b->err, "For example, ON CONFLICT (column_name).");
        return status;
    } else {
        for (uint32_t i = 0; i < target->table->key_count; i++)
            arbiters[i] = true;
    }
    ret->arbiters = arbiters;
    return STATUS_OK;
}

/* Over (row id, stored columns, proposed columns): row id and the new values. */
static Status bind_conflict_update(Binder *b, const AstOnConflict *conflict,
                                   const ModifyTarget *target, SqlModify *ret)
{
    uint32_t live = target->live_count;
    Scope scope = {.clause = "UPDATE", .width = 1 + 2 * live};
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, 1 + 2 * live);
    Expr **values = ARENA_NEW_ARRAY(b->arena, Expr *, live + 1);
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, live + 1);
    PlanNode *plan;
    ScopeRel stored = sql__target_rel(b, target, target->name, 1);
    ScopeRel proposed = sql__target_rel(b, target, STR("excluded"), 1 + live);
    stored.schema = target->schema;
    sql__add_rel(b, &scope, &stored, 0);
    sql__add_rel(b, &scope, &proposed, 0);
    fields[0] = (Field){.name = STR("row_id"), .type = TYPE_OF(INT8)};
    for (uint32_t i = 0; i < live; i++)
        fields[1 + i] = fields[1 + live + i] = sql__live_field(target, i);
    ret->conflicting = sql__virtual(b, target->table, fields, 1 + 2 * live, &plan);
    if (conflict->where) {
        Expr *where;
        TRY(sql__predicate(b, &scope, conflict->where, "WHERE", &where));
        plan = sql__filter(b, plan, where);
    }
    TRY(sql__assignments(b, &scope, target, conflict->assignments, conflict->assignment_count,
                         values));
    exprs[0] = sql__plan_column(b, plan, 0);
    for (uint32_t i = 0; i < live; i++)
        exprs[1 + i] = values[i] ? values[i] : sql__plan_column(b, plan, 1 + i);
    plan = sql__project(b, plan, exprs, fields, 1 + live);
    uint32_t check_count;
    TRY(sql__finish_rows(b, target, 1, &plan, &check_count));
    ret->conflict.root = plan;
    return STATUS_OK;
}

static Status bind_on_conflict(Binder *b, const AstOnConflict *conflict, const ModifyTarget *target,
                               SqlModify *ret)
{
    ret->on_conflict = true;
    ret->conflict_update = conflict->update;
    TRY(find_arbiters(b, conflict, target, ret));
    return conflict->update ? bind_conflict_update(b, conflict, target, ret) : STATUS_OK;
}

/* ---------------------------------------------------------------- all */

Status sql__insert(Binder *b, const AstInsert *insert, SqlModify *ret)
{
    ModifyTarget target;
    CteFrame frame = {0};
    PlanNode *plan;
    if (insert->with)
        TRY(sql__with(b, NULL, insert->with, &frame));
    TRY(sql__modify_target(b, &insert->table, insert->alias, &target));
    ret->kind = SQL_INSERT;
    ret->table = target.table;
    TRY(bind_source(b, insert, &target, &plan));
    TRY(sql__finish_rows(b, &target, 0, &plan, &ret->check_count));
    if (insert->on_conflict)
        TRY(bind_on_conflict(b, insert->on_conflict, &target, ret));
    if (insert->with) {
        plan = sql__with_close(b, &frame, plan);
        b->ctes = frame.parent;
    }
    ret->plan.root = plan;
    if (insert->returning_count)
        TRY(sql__returning(b, &target, insert->returning, insert->returning_count, NULL, 0, NULL, 0,
                           ret));
    return STATUS_OK;
}
