/* bind_insert.c - INSERT.
 *
 * The source becomes a plan of whole table rows: the live columns in their order, missing ones by
 * their DEFAULT. RETURNING is a second plan over the rows that were inserted, which it reads
 * through a virtual table. */
#include "query/sql/bind_int.h"

typedef struct Target {
    const Table *table;
    const uint16_t *live; /* table column of each live column */
    uint32_t live_count;
    uint32_t *columns; /* live index of each INSERT column */
    uint32_t column_count;
} Target;

static Status check_insert(Binder *b, const AstInsert *insert)
{
    if (insert->on_conflict)
        return BIND_UNSUPPORTED(b, insert->table.position, "ON CONFLICT is not supported");
    if (insert->overriding)
        return BIND_UNSUPPORTED(b, insert->table.position, "OVERRIDING is not supported");
    return STATUS_OK;
}

static void live_columns(Binder *b, const Table *table, Target *ret)
{
    uint16_t *live = ARENA_NEW_ARRAY(b->arena, uint16_t, table->column_count);
    ret->table = table;
    ret->live = live;
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].dropped)
            live[ret->live_count++] = (uint16_t)i;
}

static Status find_target(Binder *b, const Target *target, const AstTarget *ast, uint32_t *ret_idx)
{
    for (uint32_t i = 0; i < target->live_count; i++)
        if (str_eq(target->table->columns[target->live[i]].name, ast->alias)) {
            *ret_idx = i;
            return STATUS_OK;
        }
    return BIND_ERROR(b, "42703", ast->position,
                      "column \"%.*s\" of relation \"%.*s\" does not exist", STR_FMT(ast->alias),
                      STR_FMT(target->table->name));
}

static Status target_columns(Binder *b, const AstInsert *insert, Target *target)
{
    target->columns = ARENA_NEW_ARRAY(b->arena, uint32_t, target->live_count);
    if (!insert->column_count) {
        for (uint32_t i = 0; i < target->live_count; i++)
            target->columns[i] = i;
        target->column_count = target->live_count;
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < insert->column_count; i++) {
        uint32_t idx;
        TRY(find_target(b, target, &insert->columns[i], &idx));
        for (uint32_t k = 0; k < target->column_count; k++)
            if (target->columns[k] == idx)
                return BIND_ERROR(b, "42701", insert->columns[i].position,
                                  "column \"%.*s\" specified more than once",
                                  STR_FMT(insert->columns[i].alias));
        target->columns[target->column_count++] = idx;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- values */

static const TableColumn *target_column(const Target *target, uint32_t i)
{
    return &target->table->columns[target->live[target->columns[i]]];
}

/* Assignment casts are allowed; the error names the column. */
static Status assign(Binder *b, const TableColumn *column, Expr **expr)
{
    bool ok;
    char have[64], want[64];
    Type from = (*expr)->type;
    TRY(sql__coerce_try(b, expr, column->type, CAST_ASSIGNMENT, &ok));
    if (ok)
        return STATUS_OK;
    Status status = BIND_ERROR(
        b, "42804", (*expr)->position, "column \"%.*s\" is of type %s but expression is of type %s",
        STR_FMT(column->name), type_name(column->type, want), type_name(from, have));
    error_hint(b->err, "You will need to rewrite or cast the expression.");
    return status;
}

/* The DEFAULT of a column; its text was checked by CREATE TABLE. */
static Status default_value(Binder *b, const TableColumn *column, Expr **ret_expr)
{
    AstScript script;
    Scope scope = {.clause = "DEFAULT expressions"};
    if (!column->default_text.len) {
        *ret_expr = expr_const_null(b->arena, column->type);
        return STATUS_OK;
    }
    Str text = arena_printf(b->arena, "SELECT %.*s", STR_FMT(column->default_text));
    TRY(sql_parse(b->arena, text, &script, b->err));
    if (script.count != 1 || script.statements[0]->kind != AST_STATEMENT_SELECT ||
        script.statements[0]->select->target_count != 1)
        return error_set_sql(b->err, STATUS_CORRUPT, "XX001", 0,
                             "the default of column \"%.*s\" is not an expression",
                             STR_FMT(column->name));
    TRY(sql__expr(b, &scope, script.statements[0]->select->targets[0].expr, ret_expr));
    return assign(b, column, ret_expr);
}

static Status check_count(Binder *b, const AstInsert *insert, const Target *target, uint32_t have,
                          int32_t position)
{
    if (have > target->column_count)
        return BIND_ERROR(b, "42601", position, "INSERT has more expressions than target columns");
    if (have < target->column_count && insert->column_count)
        return BIND_ERROR(b, "42601", insert->columns[have].position,
                          "INSERT has more target columns than expressions");
    return STATUS_OK;
}

/* VALUES: every item is read as its column's type, DEFAULT stands for the column's. */
static Status bind_values(Binder *b, const AstInsert *insert, Target *target, PlanNode **ret_plan)
{
    const AstSelect *source = insert->source;
    uint32_t columns = source->values_columns;
    Scope scope = {.clause = "VALUES"};
    if (source->values[0]->kind == AST_UNSUPPORTED &&
        str_eq(source->values[0]->text, STR("VALUES")))
        return BIND_ERROR(b, "42601", source->values[0]->position,
                          "VALUES lists must all be the same length");
    TRY(check_count(b, insert, target, columns,
                    columns > target->column_count ? source->values[target->column_count]->position
                                                   : 0));
    target->column_count = columns;
    PlanNode *node = plan_node_new(b->arena, PLAN_VALUES);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, columns);
    for (uint32_t i = 0; i < columns; i++)
        fields[i] =
            (Field){.name = target_column(target, i)->name, .type = target_column(target, i)->type};
    node->schema = (Schema){fields, columns};
    node->values_rows = source->values_rows;
    node->expr_count = columns * source->values_rows;
    node->exprs = ARENA_NEW_ARRAY(b->arena, Expr *, node->expr_count);
    for (uint32_t i = 0; i < node->expr_count; i++) {
        const TableColumn *column = target_column(target, i % columns);
        if (source->values[i]->kind == AST_DEFAULT) {
            TRY(default_value(b, column, &node->exprs[i]));
            continue;
        }
        TRY(sql__expr(b, &scope, source->values[i], &node->exprs[i]));
        TRY(assign(b, column, &node->exprs[i]));
    }
    *ret_plan = node;
    return STATUS_OK;
}

static Status bind_query(Binder *b, const AstInsert *insert, Target *target, PlanNode **ret_plan)
{
    PlanNode *plan;
    TRY(sql__select(b, NULL, insert->source, &plan));
    sql__mark_literals(insert->source, plan);
    TRY(check_count(b, insert, target, plan->schema.field_count, insert->source->position));
    target->column_count = plan->schema.field_count;
    Type *types = ARENA_NEW_ARRAY(b->arena, Type, target->column_count);
    for (uint32_t i = 0; i < target->column_count; i++)
        types[i] = target_column(target, i)->type;
    TRY(sql__retype_literals(b, plan, types));
    *ret_plan = plan;
    return STATUS_OK;
}

/* Whole rows over the source's columns. */
static Status complete_rows(Binder *b, const Target *target, PlanNode *source, PlanNode **ret_plan)
{
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, target->live_count);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, target->live_count);
    for (uint32_t i = 0; i < target->live_count; i++) {
        const TableColumn *column = &target->table->columns[target->live[i]];
        uint32_t k = 0;
        while (k < target->column_count && target->columns[k] != i)
            k++;
        if (k < target->column_count) {
            exprs[i] = sql__plan_column(b, source, k);
            TRY(assign(b, column, &exprs[i]));
        } else {
            TRY(default_value(b, column, &exprs[i]));
        }
        fields[i] = (Field){.name = column->name,
                            .type = column->type,
                            .not_null = column->not_null,
                            .table_oid = target->table->id,
                            .attnum = (int16_t)(target->live[i] + 1)};
    }
    *ret_plan = sql__project(b, source, exprs, fields, target->live_count);
    return STATUS_OK;
}

static Status bind_returning(Binder *b, const AstInsert *insert, const Target *target,
                             SqlInsert *ret)
{
    Scope scope = {.clause = "RETURNING"};
    Targets targets = {0};
    PlanNode *table;
    TRY(sql__table_scan(b, target->table, &table));
    ScopeRel rel = {.name = insert->alias.len ? insert->alias : target->table->name,
                    .rel_visible = true,
                    .cols_visible = true,
                    .column_count = table->schema.field_count};
    rel.columns = ARENA_NEW_ARRAY(b->arena, ScopeColumn, rel.column_count);
    for (uint32_t i = 0; i < rel.column_count; i++) {
        const Field *field = &table->schema.fields[i];
        rel.columns[i] = (ScopeColumn){.name = field->name,
                                       .type = field->type,
                                       .column = i,
                                       .table_oid = field->table_oid,
                                       .attnum = field->attnum};
    }
    sql__add_rel(b, &scope, &rel, 0);
    TRY(sql__targets(b, &scope, insert->returning, insert->returning_count, &targets));
    VirtualTable *inserted = ARENA_NEW(b->arena, VirtualTable);
    Schema *schema = ARENA_NEW(b->arena, Schema);
    *schema = table->schema;
    *inserted = (VirtualTable){.schema = target->table->schema,
                               .name = target->table->name,
                               .oid = target->table->id,
                               .columns = schema};
    PlanNode *scan = plan_node_new(b->arena, PLAN_VIRTUAL_SCAN);
    scan->virtual_table = inserted;
    scan->schema = *schema;
    uint16_t *columns = ARENA_NEW_ARRAY(b->arena, uint16_t, schema->field_count);
    for (uint32_t i = 0; i < schema->field_count; i++)
        columns[i] = (uint16_t)i;
    scan->scan_columns = columns;
    ret->inserted = inserted;
    ret->returning.root = sql__project(b, scan, targets.exprs, targets.fields, targets.count);
    return STATUS_OK;
}

Status sql__insert(Binder *b, const AstInsert *insert, SqlInsert *ret)
{
    Target target = {0};
    CteFrame frame = {0};
    PlanNode *plan;
    const Table *table;
    TRY(check_insert(b, insert));
    if (insert->with)
        TRY(sql__with(b, NULL, insert->with, &frame));
    TRY(sql__find_table(b, &insert->table, &table));
    live_columns(b, table, &target);
    TRY(target_columns(b, insert, &target));
    const AstSelect *source = insert->source;
    if (!source) {
        target.column_count = 0;
        plan = plan_node_new(b->arena, PLAN_VALUES);
        plan->values_rows = 1;
    } else if (source->values_rows && !source->order_count && !source->limit && !source->offset &&
               !source->with) {
        TRY(bind_values(b, insert, &target, &plan));
    } else {
        TRY(bind_query(b, insert, &target, &plan));
    }
    TRY(complete_rows(b, &target, plan, &plan));
    if (insert->with) {
        plan = sql__with_close(b, &frame, plan);
        b->ctes = frame.parent;
    }
    ret->table = table;
    ret->plan.root = plan;
    if (insert->returning_count)
        TRY(bind_returning(b, insert, &target, ret));
    return STATUS_OK;
}
