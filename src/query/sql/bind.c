/* bind.c - the entries of the binder: parameters, finished plans. */
#include "query/sql/bind_int.h"
#include "query/sql/sql_deparse.h"

enum { PARAMS_MAX = 65535 };

static Status binder_init(Binder *b, const SqlBindOptions *options, Error *err)
{
    *b = (Binder){
        .options = options, .arena = options->arena, .catalog = options->catalog, .err = err};
    b->eval = (EvalContext){.arena = options->arena, .settings = options->settings};
    b->param_count = LUMA_MAX(options->param_max, options->param_count);
    if (b->param_count > PARAMS_MAX)
        return BIND_ERROR(b, "54023", 0, "a statement can have at most %d parameters", PARAMS_MAX);
    b->param_types = ARENA_NEW_ARRAY(b->arena, Type, b->param_count + 1);
    for (uint32_t i = 0; i < b->param_count; i++) {
        b->param_types[i] = i < options->param_count ? options->param_types[i] : TYPE_OF(UNKNOWN);
        b->param_types[i] = type_plain(b->param_types[i]);
    }
    return STATUS_OK;
}

/* A parameter that nothing gave a type cannot be bound. */
static Status check_params(Binder *b)
{
    for (uint32_t i = 0; i < b->param_count; i++)
        if (b->param_types[i].id == TYPE_UNKNOWN && !b->param_types[i].is_array)
            return BIND_ERROR(b, "42P18", 0, "could not determine data type of parameter $%u",
                              i + 1);
    return STATUS_OK;
}

static Status finish_plan(Binder *b, PlanNode *root, bool read_only, Plan *ret_plan)
{
    *ret_plan = (Plan){.arena = b->arena,
                       .root = root,
                       .param_types = b->param_types,
                       .param_count = b->param_count,
                       .cte_count = b->cte_count,
                       .read_only = read_only};
#ifdef LUMA_DCHECK
    TRY(plan_verify(ret_plan, b->err));
#endif
    return STATUS_OK;
}

Status sql__finish_modify(Binder *b, SqlModify *modify)
{
    TRY(finish_plan(b, modify->plan.root, false, &modify->plan));
    if (modify->conflict.root)
        TRY(finish_plan(b, modify->conflict.root, true, &modify->conflict));
    if (modify->returning.root)
        TRY(finish_plan(b, modify->returning.root, true, &modify->returning));
    return STATUS_OK;
}

/* Types of parameters and numbers of CTEs may come from behind. */
static Status finish_modifies(Binder *b)
{
    for (uint32_t i = 0; b->options->modifies && i < b->options->modifies->count; i++)
        TRY(sql__finish_modify(b, b->options->modifies->items[i]));
    return STATUS_OK;
}

Status sql_bind_select(const SqlBindOptions *options, const AstSelect *select, Plan *ret_plan,
                       Error *err)
{
    Binder b;
    PlanNode *root;
    TRY(binder_init(&b, options, err));
    TRY(sql__select(&b, NULL, select, &root));
    TRY(check_params(&b));
    TRY(finish_modifies(&b));
    return finish_plan(&b, root, true, ret_plan);
}

Status sql_bind_modify(const SqlBindOptions *options, const AstStatement *statement,
                       SqlModify *ret_modify, Error *err)
{
    Binder b;
    SqlModify bound = {0};
    TRY(binder_init(&b, options, err));
    if (statement->kind == AST_STATEMENT_INSERT)
        TRY(sql__insert(&b, statement->insert, &bound));
    else if (statement->kind == AST_STATEMENT_MERGE)
        TRY(sql__merge(&b, statement->merge, &bound));
    else
        TRY(sql__update(&b, statement->modify, statement->kind == AST_STATEMENT_UPDATE, &bound));
    TRY(check_params(&b));
    TRY(finish_modifies(&b));
    TRY(sql__finish_modify(&b, &bound));
    *ret_modify = bound;
    return STATUS_OK;
}

Status sql_bind_truncate(const SqlBindOptions *options, const AstTruncate *truncate,
                         const Table ***ret_tables, Error *err)
{
    Binder b;
    TRY(binder_init(&b, options, err));
    const Table **tables = ARENA_NEW_ARRAY(b.arena, const Table *, truncate->count);
    for (uint32_t i = 0; i < truncate->count; i++)
        TRY(sql__find_table(&b, &truncate->names[i], &tables[i]));
    *ret_tables = tables;
    return STATUS_OK;
}

Status sql_bind_create_table(const SqlBindOptions *options, const AstCreateTable *create,
                             SqlCreateTable *table, Error *err)
{
    Binder b;
    TRY(binder_init(&b, options, err));
    return sql__create_table(&b, create, table);
}

Status sql_bind_add_column(const SqlBindOptions *options, const AstColumnDef *def,
                           SqlCreateTable *table, Error *err)
{
    Binder b;
    TRY(binder_init(&b, options, err));
    TRY(sql__column_def(&b, def, table));
    return sql__add_pending(&b, table);
}

Status sql_bind_add_constraint(const SqlBindOptions *options, const AstConstraint *constraint,
                               SqlCreateTable *table, Error *err)
{
    Binder b;
    TRY(binder_init(&b, options, err));
    return sql__add_constraint(&b, table, constraint);
}

Status sql_bind_default(const SqlBindOptions *options, Str column, Type type, const AstExpr *expr,
                        Str *ret_text, Error *err)
{
    Binder b;
    TRY(binder_init(&b, options, err));
    return sql__default(&b, column, type, expr, ret_text);
}

Status sql_bind_domain_check(const SqlBindOptions *options, Type type, const AstExpr *expr,
                             Str *ret_text, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    TableColumn value = {.name = STR("value"), .type = type};
    Binder b;
    Expr *bound;
    TRY(binder_init(&b, options, err));
    TRY(sql__check(&b, &value, 1, STR(""), expr, &bound));
    TRY(sql_deparse(expr, &(SqlRename){STR("value"), STR("value")}, &text, err));
    *ret_text = arena_str(options->arena, buf_str(&text));
    return STATUS_OK;
}

Status sql_bind_column_type(const SqlBindOptions *options, const AstType *type, Type *ret_type,
                            uint32_t *ret_domain, Error *err)
{
    Binder b;
    TRY(binder_init(&b, options, err));
    return sql__type_domain(&b, type, ret_type, ret_domain);
}

Status sql_bind_copy(const SqlBindOptions *options, const AstCopy *copy, SqlCopy *ret_copy,
                     Error *err)
{
    Binder b;
    TRY(binder_init(&b, options, err));
    return sql__copy(&b, copy, ret_copy);
}

Status sql_bind_scalar(const SqlBindOptions *options, const AstExpr *ast, Type type, Plan *ret_plan,
                       Error *err)
{
    Binder b;
    Scope scope = {.clause = "EXECUTE parameters"};
    Expr *expr;
    TRY(binder_init(&b, options, err));
    TRY(sql__expr(&b, &scope, ast, &expr));
    if (type.id != TYPE_UNKNOWN || type.is_array) {
        bool ok;
        char have[64], want[64];
        Type from = expr->type;
        TRY(sql__coerce_try(&b, &expr, type, CAST_ASSIGNMENT, &ok));
        if (!ok)
            return error_set_sql(err, STATUS_INVALID, "42804", ast->position,
                                 "parameter of type %s cannot be coerced to the expected type %s",
                                 type_name(from, have), type_name(type, want));
    } else {
        TRY(sql__coerce_unknown(&b, &expr));
    }
    PlanNode *values = plan_node_new(b.arena, PLAN_VALUES);
    Field *field = ARENA_NEW(b.arena, Field);
    *field = (Field){.name = STR("value"), .type = expr->type};
    values->exprs = arena_dup(b.arena, &expr, sizeof expr);
    values->expr_count = values->values_rows = 1;
    values->schema = (Schema){field, 1};
    return finish_plan(&b, values, true, ret_plan);
}

Status sql_bind_type(const SqlBindOptions *options, const AstType *type, Type *ret_type, Error *err)
{
    Binder b;
    TRY(binder_init(&b, options, err));
    return sql__type(&b, type, ret_type);
}
