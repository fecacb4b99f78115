/* bind_modify.c - what INSERT, UPDATE and DELETE share: targets, assignments, defaults, generated
 * columns, CHECKs and RETURNING. */
#include "query/sql/bind_modify_int.h"

/* ---------------------------------------------------------------- targets */

Status sql__modify_target(Binder *b, const AstName *name, Str alias, ModifyTarget *ret)
{
    const Table *table;
    if (!name->schema.len && sql__find_cte(b, name->name))
        return BIND_ERROR(b, "42809", name->position,
                          "relation \"%.*s\" cannot be the target of a modifying statement",
                          STR_FMT(name->name));
    TRY(sql__find_table(b, name, &table));
    uint16_t *live = ARENA_NEW_ARRAY(b->arena, uint16_t, table->column_count);
    *ret = (ModifyTarget){.table = table,
                          .name = alias.len ? alias : table->name,
                          .schema = alias.len ? STR("") : table->schema,
                          .live = live};
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].dropped)
            live[ret->live_count++] = (uint16_t)i;
    return STATUS_OK;
}

Field sql__live_field(const ModifyTarget *target, uint32_t i)
{
    const TableColumn *column = sql__live_column(target, i);
    return (Field){.name = column->name,
                   .type = column->type,
                   .not_null = column->not_null,
                   .table_oid = target->table->id,
                   .attnum = (int16_t)(target->live[i] + 1)};
}

Status sql__modify_column(Binder *b, const ModifyTarget *target, Str name, int32_t position,
                          uint32_t *ret_idx)
{
    for (uint32_t i = 0; i < target->live_count; i++)
        if (str_eq(sql__live_column(target, i)->name, name)) {
            *ret_idx = i;
            return STATUS_OK;
        }
    return BIND_ERROR(b, "42703", position, "column \"%.*s\" of relation \"%.*s\" does not exist",
                      STR_FMT(name), STR_FMT(target->table->name));
}

ScopeRel sql__target_rel(Binder *b, const ModifyTarget *target, Str name, uint32_t first)
{
    ScopeRel rel = {.name = name,
                    .rel_visible = true,
                    .cols_visible = true,
                    .column_count = target->live_count};
    rel.columns = ARENA_NEW_ARRAY(b->arena, ScopeColumn, rel.column_count);
    for (uint32_t i = 0; i < rel.column_count; i++) {
        Field field = sql__live_field(target, i);
        rel.columns[i] = (ScopeColumn){.name = field.name,
                                       .type = field.type,
                                       .column = first + i,
                                       .table_oid = field.table_oid,
                                       .attnum = field.attnum};
    }
    sql__add_table_oid(b, &rel, target->table->id);
    return rel;
}

/* ---------------------------------------------------------------- values */

Status sql__assign(Binder *b, const TableColumn *column, Expr **expr)
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

/* An expression that the catalog keeps as text; it was checked when it was stored. */
static Status stored_expr(Binder *b, Scope *scope, Str text, Str of, Expr **ret_expr)
{
    AstScript script;
    Str query = arena_printf(b->arena, "SELECT %.*s", STR_FMT(text));
    TRY(sql_parse(b->arena, query, &script, b->err));
    if (script.count != 1 || script.statements[0]->kind != AST_STATEMENT_SELECT ||
        script.statements[0]->select->target_count != 1)
        return error_set_sql(b->err, STATUS_CORRUPT, "XX001", 0,
                             "the stored text of \"%.*s\" is not an expression", STR_FMT(of));
    return sql__expr(b, scope, script.statements[0]->select->targets[0].expr, ret_expr);
}

Status sql__default_value(Binder *b, const TableColumn *column, Expr **ret_expr)
{
    Scope scope = {.clause = "DEFAULT expressions"};
    Str text =
        column->default_text.len ? column->default_text : sql__domain_default(b, column->domain_id);
    if (!text.len || column->source == COLUMN_STORED) {
        *ret_expr = expr_const_null(b->arena, column->type);
        return STATUS_OK;
    }
    TRY(stored_expr(b, &scope, text, column->name, ret_expr));
    return sql__assign(b, column, ret_expr);
}

Status sql__check_assignable(Binder *b, const TableColumn *column, const AstExpr *value,
                             bool update)
{
    Status status;
    bool always = column->source == COLUMN_IDENTITY_ALWAYS;
    if ((column->source != COLUMN_STORED && !always) || (value && value->kind == AST_DEFAULT))
        return STATUS_OK;
    if (update)
        status = BIND_ERROR(b, "428C9", 0, "column \"%.*s\" can only be updated to DEFAULT",
                            STR_FMT(column->name));
    else
        status = BIND_ERROR(b, "428C9", 0, "cannot insert a non-DEFAULT value into column \"%.*s\"",
                            STR_FMT(column->name));
    if (always) {
        error_detail(b->err, "Column \"%.*s\" is an identity column defined as GENERATED ALWAYS.",
                     STR_FMT(column->name));
        if (!update)
            error_hint(b->err, "Use OVERRIDING SYSTEM VALUE to override.");
        return status;
    }
    error_detail(b->err, "Column \"%.*s\" is a generated column.", STR_FMT(column->name));
    return status;
}

static Status check_assignment(Binder *b, const AstAssignment *assignment)
{
    switch (assignment->kind) {
    case AST_ASSIGN_PLAIN:
        return STATUS_OK;
    case AST_ASSIGN_PART:
        return STATUS_OK;
    case AST_ASSIGN_MISMATCH:
        return BIND_ERROR(b, "42601", assignment->position,
                          "number of columns does not match number of values");
    case AST_ASSIGN_SOURCE:
        break;
    }
    return BIND_UNSUPPORTED(b, assignment->position,
                            "source for a multiple-column UPDATE item must be a sub-SELECT or "
                            "ROW() expression");
}

/* Was a part of the column, and nothing else, assigned before? */
static bool has_part(const AstAssignment *assignments, uint32_t count, Str column)
{
    for (uint32_t i = 0; i < count; i++)
        if (str_eq(assignments[i].column, column) && assignments[i].kind != AST_ASSIGN_PART)
            return false;
    return true;
}

/* The stored value of a column of the row that is changed. */
static Status bind_target_column(Binder *b, Scope *scope, const ModifyTarget *target, Str column,
                                 Expr **ret_expr)
{
    Str names[2] = {target->name, column};
    AstExpr ast = {.kind = AST_COLUMN};
    ast.path = (AstNames){names, 2};
    return sql__expr(b, scope, &ast, ret_expr);
}

Status sql__assignments(Binder *b, Scope *scope, const ModifyTarget *target,
                        const AstAssignment *assignments, uint32_t count, Expr **values)
{
    for (uint32_t i = 0; i < count; i++) {
        const AstAssignment *assignment = &assignments[i];
        uint32_t idx;
        TRY(check_assignment(b, assignment));
        TRY(sql__modify_column(b, target, assignment->column, assignment->position, &idx));
        const TableColumn *column = sql__live_column(target, idx);
        bool part = assignment->kind == AST_ASSIGN_PART && assignment->part;
        if (values[idx] && !(part && has_part(assignments, i, assignment->column)))
            return BIND_ERROR(b, "42601", assignment->position,
                              "multiple assignments to same column \"%.*s\"",
                              STR_FMT(column->name));
        TRY(sql__check_assignable(b, column, assignment->value, true));
        if (assignment->value->kind == AST_DEFAULT) {
            TRY(sql__default_value(b, column, &values[idx]));
            continue;
        }
        if (part) {
            Expr *value;
            if (!values[idx])
                TRY(bind_target_column(b, scope, target, column->name, &values[idx]));
            TRY(sql__expr(b, scope, assignment->value, &value));
            TRY(sql__assign_part(b, scope, column, values[idx], assignment->part, value,
                                 &values[idx]));
            continue;
        }
        TRY(sql__expr(b, scope, assignment->value, &values[idx]));
        TRY(sql__assign(b, column, &values[idx]));
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- generated columns, CHECKs */

static bool has_generated(const ModifyTarget *target)
{
    for (uint32_t i = 0; i < target->live_count; i++)
        if (sql__live_column(target, i)->source == COLUMN_STORED)
            return true;
    return false;
}

static Status generate_columns(Binder *b, const ModifyTarget *target, uint32_t first, Scope *scope,
                               PlanNode **plan)
{
    uint32_t count = (*plan)->schema.field_count;
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, count);
    for (uint32_t i = 0; i < count; i++)
        exprs[i] = sql__plan_column(b, *plan, i);
    for (uint32_t i = 0; i < target->live_count; i++) {
        const TableColumn *column = sql__live_column(target, i);
        if (column->source != COLUMN_STORED)
            continue;
        TRY(stored_expr(b, scope, column->default_text, column->name, &exprs[first + i]));
        TRY(sql__assign(b, column, &exprs[first + i]));
    }
    *plan = sql__project(b, *plan, exprs, (*plan)->schema.fields, count);
    return STATUS_OK;
}

/* A row passes where the expression is true or NULL. */
static Status check_columns(Binder *b, const ModifyTarget *target, Scope *scope, PlanNode **plan)
{
    const Table *table = target->table;
    uint32_t count = (*plan)->schema.field_count;
    uint32_t total = count + table->check_count;
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, total);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, total);
    memcpy(fields, (*plan)->schema.fields, sizeof *fields * count);
    for (uint32_t i = 0; i < count; i++)
        exprs[i] = sql__plan_column(b, *plan, i);
    for (uint32_t i = 0; i < table->check_count; i++) {
        Expr *check;
        TRY(stored_expr(b, scope, table->checks[i].text, table->checks[i].name, &check));
        TRY(sql__coerce_bool(b, &check, "CHECK"));
        exprs[count + i] = sql__new_args(b, EXPR_BOOL_TEST, TYPE_OF(BOOL), 0, 1, &check);
        exprs[count + i]->test = BOOL_TEST_FALSE;
        exprs[count + i]->negated = true;
        fields[count + i] = (Field){.name = STR("*check*"), .type = TYPE_OF(BOOL)};
    }
    *plan = sql__project(b, *plan, exprs, fields, total);
    return STATUS_OK;
}

/* Values of domains pass the domain's constraints, or the statement fails. */
static Status check_domains(Binder *b, const ModifyTarget *target, uint32_t first, PlanNode **plan)
{
    uint32_t count = (*plan)->schema.field_count;
    Expr **exprs = ARENA_NEW_ARRAY(b->arena, Expr *, count);
    bool any = false;
    for (uint32_t i = 0; i < target->live_count; i++)
        any |= sql__live_column(target, i)->domain_id != 0;
    if (!any)
        return STATUS_OK;
    for (uint32_t i = 0; i < count; i++)
        exprs[i] = sql__plan_column(b, *plan, i);
    for (uint32_t i = 0; i < target->live_count; i++)
        TRY(sql__domain_value(b, sql__live_column(target, i)->domain_id, &exprs[first + i]));
    *plan = sql__project(b, *plan, exprs, (*plan)->schema.fields, count);
    return STATUS_OK;
}

Status sql__finish_rows(Binder *b, const ModifyTarget *target, uint32_t first, PlanNode **plan,
                        uint32_t *ret_check_count)
{
    Scope scope = {.clause = "CHECK constraints"};
    ScopeRel rel = sql__target_rel(b, target, target->table->name, first);
    sql__add_rel(b, &scope, &rel, 0);
    TRY(check_domains(b, target, first, plan));
    if (has_generated(target))
        TRY(generate_columns(b, target, first, &scope, plan));
    if (target->table->check_count)
        TRY(check_columns(b, target, &scope, plan));
    *ret_check_count = target->table->check_count;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- RETURNING */

VirtualTable *sql__virtual(Binder *b, const Table *table, const Field *fields, uint32_t count,
                           PlanNode **ret_scan)
{
    VirtualTable *rows = ARENA_NEW(b->arena, VirtualTable);
    Schema *schema = ARENA_NEW(b->arena, Schema);
    uint16_t *columns = ARENA_NEW_ARRAY(b->arena, uint16_t, count);
    PlanNode *scan = plan_node_new(b->arena, PLAN_VIRTUAL_SCAN);
    *schema = (Schema){fields, count};
    *rows = (VirtualTable){
        .schema = table->schema, .name = table->name, .oid = table->id, .columns = schema};
    for (uint32_t i = 0; i < count; i++)
        columns[i] = (uint16_t)i;
    scan->virtual_table = rows;
    scan->schema = *schema;
    scan->scan_columns = columns;
    *ret_scan = scan;
    return rows;
}

Status sql__returning(Binder *b, const ModifyTarget *target, const AstTarget *returning,
                      uint32_t returning_count, const Scope *others, uint32_t shift,
                      const Field *extra, uint32_t extra_count, SqlModify *ret)
{
    Scope scope = {.clause = "RETURNING"};
    Targets targets = {0};
    PlanNode *scan;
    uint32_t count = target->live_count + extra_count;
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, count + 1);
    ScopeRel rel = sql__target_rel(b, target, target->name, 0);
    rel.schema = target->schema;
    sql__add_rel(b, &scope, &rel, 0);
    for (uint32_t i = 1; others && i < others->rel_count; i++)
        sql__add_rel(b, &scope, &others->rels[i], 0u - shift);
    for (uint32_t i = 0; i < target->live_count; i++)
        fields[i] = sql__live_field(target, i);
    if (extra_count)
        memcpy(fields + target->live_count, extra, sizeof *fields * extra_count);
    ret->changed = sql__virtual(b, target->table, fields, count, &scan);
    TRY(sql__targets(b, &scope, returning, returning_count, &targets));
    ret->returning.root = sql__project(b, scan, targets.exprs, targets.fields, targets.count);
    return STATUS_OK;
}
