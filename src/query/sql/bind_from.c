/* bind_from.c - FROM: tables, views, subqueries, functions and joins.
 *
 * An item gives a plan and the names (rels) of its output row. Items side by side make the flat row
 * of the query. A LATERAL item runs once per row of what stands left of it: PLAN_APPLY, with that
 * left row as an environment (a Scope) of its own. */
#include "query/sql/bind_int.h"

typedef struct Item {
    PlanNode *plan;
    ScopeRel *rels;
    uint32_t rel_count;
    uint32_t rel_cap;
} Item;

static Status bind_item(Binder *b, Scope *env, const AstFrom *from, Item *ret);

/* ---------------------------------------------------------------- tables */

static Status no_table(Binder *b, const AstName *name)
{
    if (name->schema.len)
        return error_set_sql(b->err, STATUS_NOT_FOUND, "42P01", name->position,
                             "relation \"%.*s.%.*s\" does not exist", STR_FMT(name->schema),
                             STR_FMT(name->name));
    return error_set_sql(b->err, STATUS_NOT_FOUND, "42P01", name->position,
                         "relation \"%.*s\" does not exist", STR_FMT(name->name));
}

static Status check_database(Binder *b, const AstName *name)
{
    if (name->catalog.len && !str_eq(name->catalog, b->options->settings->database))
        return BIND_UNSUPPORTED(b, name->position,
                                "cross-database references are not implemented: "
                                "\"%.*s.%.*s.%.*s\"",
                                STR_FMT(name->catalog), STR_FMT(name->schema), STR_FMT(name->name));
    return STATUS_OK;
}

/* What a name in FROM stands for: one of the three is set. */
typedef struct Relation {
    const Table *table;
    const CatalogView *view;
    const VirtualTable *virtual_table;
    Str schema;
} Relation;

static bool find_in_schema(Binder *b, Str schema, Str name, Relation *ret)
{
    const SqlCatalog *catalog = b->catalog;
    *ret = (Relation){.schema = schema};
    ret->virtual_table =
        catalog->find_virtual ? catalog->find_virtual(catalog->ctx, schema, name) : NULL;
    if (!ret->virtual_table)
        ret->table = catalog->find_table(catalog->ctx, schema, name);
    if (!ret->table && !ret->virtual_table && catalog->find_view)
        ret->view = catalog->find_view(catalog->ctx, schema, name);
    return ret->table || ret->view || ret->virtual_table;
}

/* pg_catalog is looked at first unless the search path names it. */
static bool find_relation(Binder *b, const AstName *name, Relation *ret)
{
    const SqlBindOptions *options = b->options;
    bool named = false;
    if (options->source && str_eq(name->schema, options->source->schema) &&
        str_eq(name->name, options->source->name)) {
        *ret = (Relation){.virtual_table = options->source, .schema = options->source->schema};
        return true;
    }
    if (name->schema.len)
        return find_in_schema(b, name->schema, name->name, ret);
    for (uint32_t i = 0; i < options->search_path_count; i++)
        named |= str_eq(options->search_path[i], STR("pg_catalog"));
    if (!named && find_in_schema(b, STR("pg_catalog"), name->name, ret))
        return true;
    for (uint32_t i = 0; i < options->search_path_count; i++)
        if (find_in_schema(b, options->search_path[i], name->name, ret))
            return true;
    return false;
}

static Status deny_audit_log(Binder *b)
{
    return error_set_sql(b->err, STATUS_DENIED, "42501", 0,
                         "permission denied for table audit_log: only the server writes it");
}

Status sql__find_table(Binder *b, const AstName *name, const Table **ret_table)
{
    Relation relation;
    TRY(check_database(b, name));
    if (!find_relation(b, name, &relation))
        return no_table(b, name);
    if (relation.view)
        return BIND_UNSUPPORTED(b, name->position, "cannot insert into view \"%.*s\"",
                                STR_FMT(name->name));
    if (relation.virtual_table)
        return error_set_sql(b->err, STATUS_DENIED, "42501", name->position,
                             "permission denied: \"%.*s\" is a system catalog",
                             STR_FMT(name->name));
    if (relation.table->id == TABLE_ID_AUDIT_LOG)
        return deny_audit_log(b);
    *ret_table = relation.table;
    return STATUS_OK;
}

Status sql__copy_table(Binder *b, const AstName *name, bool from, const Table **ret_table)
{
    Relation relation;
    AstName unplaced = *name; /* as PostgreSQL, errors have no position */
    unplaced.position = 0;
    TRY(check_database(b, name));
    if (!find_relation(b, name, &relation))
        return no_table(b, &unplaced);
    *ret_table = relation.table;
    if (relation.view) {
        Status status = BIND_ERROR(b, "42809", 0, "cannot copy %s view \"%.*s\"",
                                   from ? "to" : "from", STR_FMT(name->name));
        if (from)
            error_hint(b->err,
                       "To enable copying to a view, provide an INSTEAD OF INSERT trigger.");
        else
            error_hint(b->err, "Try the COPY (SELECT ...) TO variant.");
        return status;
    }
    if (from && relation.table && relation.table->id == TABLE_ID_AUDIT_LOG)
        return deny_audit_log(b);
    if (relation.virtual_table && from)
        return error_set_sql(b->err, STATUS_DENIED, "42501", 0,
                             "permission denied: \"%.*s\" is a system catalog",
                             STR_FMT(name->name));
    return STATUS_OK;
}

static void push_rel(Binder *b, Item *item, ScopeRel rel)
{
    ARENA_PUSH(b->arena, item->rels, item->rel_count, item->rel_cap, rel);
}

/* Names over the output columns of a plan. */
static ScopeRel rel_of_plan(Binder *b, const PlanNode *plan, Str name)
{
    ScopeRel rel = {.name = name, .rel_visible = true, .cols_visible = true};
    rel.column_count = plan->schema.field_count;
    rel.columns = ARENA_NEW_ARRAY(b->arena, ScopeColumn, rel.column_count);
    for (uint32_t i = 0; i < rel.column_count; i++) {
        const Field *field = &plan->schema.fields[i];
        rel.columns[i] = (ScopeColumn){.name = field->name,
                                       .type = field->type,
                                       .column = i,
                                       .table_oid = field->table_oid,
                                       .attnum = field->attnum};
    }
    return rel;
}

static Status rename_columns(Binder *b, ScopeRel *rel, const AstAlias *alias, int32_t position)
{
    if (str_eq_nocase(alias->name, STR("asof")))
        return BIND_UNSUPPORTED(b, position,
                                "ASOF JOIN is not supported (and \"asof\" is not accepted as an "
                                "alias, so that it is not taken for one)");
    if (alias->columns.count > rel->column_count)
        return BIND_ERROR(b, "42P10", position,
                          "table \"%.*s\" has %u columns available but %u columns specified",
                          STR_FMT(rel->name), rel->column_count, alias->columns.count);
    for (uint32_t i = 0; i < alias->columns.count; i++)
        rel->columns[i].name = alias->columns.names[i];
    return STATUS_OK;
}

static Status name_item(Binder *b, Item *item, Str name, Str schema, const AstAlias *alias,
                        int32_t position)
{
    ScopeRel rel = rel_of_plan(b, item->plan, alias->name.len ? alias->name : name);
    if (!alias->name.len)
        rel.schema = schema;
    else
        rel.table = name;
    TRY(rename_columns(b, &rel, alias, position));
    push_rel(b, item, rel);
    return STATUS_OK;
}

Status sql__table_scan(Binder *b, const Table *table, bool row_id, PlanNode **ret_plan)
{
    PlanNode *scan = plan_node_new(b->arena, PLAN_SCAN);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, table->column_count + 1);
    uint16_t *columns = ARENA_NEW_ARRAY(b->arena, uint16_t, table->column_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        const TableColumn *column = &table->columns[i];
        if (column->dropped)
            continue;
        columns[count] = (uint16_t)i;
        fields[count++] = (Field){.name = column->name,
                                  .type = column->type,
                                  .not_null = column->not_null,
                                  .table_oid = table->id,
                                  .attnum = (int16_t)(i + 1)};
    }
    if (row_id) {
        columns[count] = PLAN_COLUMN_ROW_ID;
        fields[count++] = (Field){.name = STR("row id"), .type = TYPE_OF(INT8), .not_null = true};
    }
    scan->table = table;
    scan->schema = (Schema){fields, count};
    scan->scan_columns = columns;
    *ret_plan = scan;
    return STATUS_OK;
}

static PlanNode *virtual_scan(Binder *b, const VirtualTable *table)
{
    PlanNode *scan = plan_node_new(b->arena, PLAN_VIRTUAL_SCAN);
    uint16_t *columns = ARENA_NEW_ARRAY(b->arena, uint16_t, table->columns->field_count);
    for (uint32_t i = 0; i < table->columns->field_count; i++)
        columns[i] = (uint16_t)i;
    scan->virtual_table = table;
    scan->schema = *table->columns;
    scan->scan_columns = columns;
    return scan;
}

/* ---- system columns */

void sql__add_table_oid(Binder *b, ScopeRel *rel, uint32_t oid)
{
    ScopeColumn *column = ARENA_NEW_ARRAY(b->arena, ScopeColumn, 2);
    *column = (ScopeColumn){.name = STR("tableoid"),
                            .type = TYPE_OF(OID),
                            .merged = expr_const_i64(b->arena, TYPE_OF(OID), oid)};
    rel->system = column;
    rel->system_count = 1;
}

/* (block,offset) as PostgreSQL prints a tid: 65,536 rows a block. */
static Status row_id_text(Binder *b, Expr *row_id, Expr **ret)
{
    Expr *args[5];
    Expr *block, *offset;
    args[0] = expr_const_text(b->arena, TYPE_OF(TEXT), STR("("));
    args[2] = expr_const_text(b->arena, TYPE_OF(TEXT), STR(","));
    args[4] = expr_const_text(b->arena, TYPE_OF(TEXT), STR(")"));
    TRY(sql__operator(b, STR(">>"), row_id, expr_const_i64(b->arena, TYPE_OF(INT4), 16), 0,
                      &block));
    TRY(sql__operator(b, STR("&"), expr_clone(b->arena, row_id),
                      expr_const_i64(b->arena, TYPE_OF(INT8), 65535), 0, &offset));
    TRY(sql__coerce(b, &block, TYPE_OF(TEXT), CAST_EXPLICIT, 0));
    TRY(sql__coerce(b, &offset, TYPE_OF(TEXT), CAST_EXPLICIT, 0));
    args[1] = block;
    args[3] = offset;
    *ret = args[0];
    for (int i = 1; i < 5; i++)
        TRY(sql__operator(b, STR("||"), *ret, args[i], 0, ret));
    return STATUS_OK;
}

static Status add_system_columns(Binder *b, ScopeRel *rel, const Table *table, const PlanNode *scan,
                                 bool row_id)
{
    sql__add_table_oid(b, rel, table->id);
    if (!row_id)
        return STATUS_OK;
    ScopeColumn *column = &rel->system[rel->system_count++];
    Expr *id = sql__plan_column(b, scan, scan->schema.field_count - 1);
    *column = (ScopeColumn){.name = STR("ctid"), .type = TYPE_OF(TEXT)};
    return row_id_text(b, id, &column->merged);
}

static bool has_row_ids(const Table *table)
{
    return table->kind == TABLE_USER || table->kind == TABLE_LOGS || table->kind == TABLE_TRACES;
}

static Status bind_stored(Binder *b, const AstFrom *from, const Table *table, Str schema, Item *ret)
{
    bool row_id = (from->row_id || b->row_ids) && has_row_ids(table);
    if (b->catalog->check_read) {
        Status status = b->catalog->check_read(b->catalog->ctx, table, b->err);
        if (status != STATUS_OK && b->err)
            b->err->position = from->position;
        TRY(status);
    }
    TRY(sql__table_scan(b, table, row_id, &ret->plan));
    ret->plan->position = from->position;
    Schema schema_all = ret->plan->schema;
    ret->plan->schema.field_count -= row_id; /* it has no name */
    Status status = name_item(b, ret, from->table.name, schema, &from->alias, from->position);
    ret->plan->schema = schema_all;
    TRY(status);
    return add_system_columns(b, &ret->rels[0], table, ret->plan, row_id);
}

/* The names that the view gives its first columns. */
static void name_columns(Binder *b, const CatalogView *view, PlanNode *plan)
{
    uint32_t count = plan->schema.field_count;
    Field *fields = arena_dup(b->arena, plan->schema.fields, sizeof *fields * count);
    for (uint32_t i = 0; i < view->column_count && i < count; i++)
        fields[i].name = view->columns[i];
    plan->schema.fields = fields;
}

/* The view's text is parsed and bound where it stands, blind to the names around it. */
static Status bind_view(Binder *b, const CatalogView *view, const AstName *name, PlanNode **ret)
{
    AstScript script;
    CteFrame *saved = b->ctes;
    if (b->view_depth >= BIND_VIEW_DEPTH_MAX)
        return error_set_sql(b->err, STATUS_LIMIT, "54001", name->position,
                             "views are nested more than %d levels deep", BIND_VIEW_DEPTH_MAX);
    TRY(sql_parse(b->arena, view->query, &script, b->err));
    if (script.count != 1 || script.statements[0]->kind != AST_STATEMENT_SELECT)
        return error_set_sql(b->err, STATUS_CORRUPT, "XX001", name->position,
                             "the text of view \"%.*s\" is not a query", STR_FMT(view->name));
    bool row_ids = b->row_ids;
    b->ctes = NULL;
    b->view_depth++;
    Status status = sql__select(b, NULL, script.statements[0]->select, ret);
    b->view_depth--;
    b->row_ids = row_ids;
    b->ctes = saved;
    if (status == STATUS_OK && view->column_count)
        name_columns(b, view, *ret);
    if (status != STATUS_OK && b->err)
        b->err->position = name->position;
    return status;
}

static Status bind_table(Binder *b, const AstFrom *from, Item *ret)
{
    const AstName *name = &from->table;
    Relation relation;
    Cte *cte = name->schema.len ? NULL : sql__find_cte(b, name->name);
    TRY(check_database(b, name));
    if (cte && cte->modify && !cte->modify->returning.root)
        return BIND_UNSUPPORTED(b, from->position,
                                "WITH query \"%.*s\" does not have a RETURNING clause",
                                STR_FMT(name->name));
    if (cte) {
        ret->plan = sql__cte_scan(b, cte);
        return name_item(b, ret, name->name, STR(""), &from->alias, from->position);
    }
    if (!find_relation(b, name, &relation))
        return no_table(b, name);
    if (relation.table)
        return bind_stored(b, from, relation.table, relation.schema, ret);
    if (relation.view)
        TRY(bind_view(b, relation.view, name, &ret->plan));
    else
        ret->plan = virtual_scan(b, relation.virtual_table);
    ret->plan->position = from->position;
    TRY(name_item(b, ret, name->name, relation.schema, &from->alias, from->position));
    if (relation.virtual_table && relation.virtual_table->oid)
        sql__add_table_oid(b, &ret->rels[0], relation.virtual_table->oid);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- subqueries */

/* A plain subquery does not see the LATERAL rows around it, though they exist. */
static void hide_lateral(Scope *env, bool hidden)
{
    for (; env && env->lateral; env = env->parent)
        env->hidden = hidden;
}

static Status bind_subselect(Binder *b, Scope *env, const AstFrom *from, Item *ret)
{
    bool was_hidden = env && env->lateral && env->hidden;
    if (!from->lateral)
        hide_lateral(env, true);
    TRY(sql__select(b, env, from->select, &ret->plan));
    hide_lateral(env, was_hidden);
    if (!from->alias.name.len) {
        Status status = BIND_ERROR(b, "42601", from->position, "%s in FROM must have an alias",
                                   from->select->values_rows ? "VALUES" : "subquery");
        error_hint(b->err, from->select->values_rows ? "For example, FROM (VALUES ...) [AS] foo."
                                                     : "For example, FROM (SELECT ...) [AS] foo.");
        return status;
    }
    return name_item(b, ret, STR(""), STR(""), &from->alias, from->position);
}

/* ---------------------------------------------------------------- functions */

static Status bind_function_args(Binder *b, Scope *env, const AstExpr *ast, Expr ***ret_args,
                                 uint32_t *ret_count)
{
    AstExpr **asts;
    TRY(sql__named_args(b, ast, &asts, ret_count));
    Expr **args = ARENA_NEW_ARRAY(b->arena, Expr *, *ret_count);
    /* The arguments see the environments only: a level of their own without columns, taken out
     * again by binding them as if one row further in. */
    Scope level = {.parent = env, .clause = "functions in FROM"};
    for (uint32_t i = 0; i < *ret_count; i++)
        TRY(sql__expr(b, &level, asts[i], &args[i]));
    *ret_args = args;
    return STATUS_OK;
}

static Field *one_field(Binder *b, Str name, Type type)
{
    Field *field = ARENA_NEW(b->arena, Field);
    *field = (Field){.name = name, .type = type};
    return field;
}

static void add_ordinality(Binder *b, PlanNode *plan)
{
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, plan->schema.field_count + 1);
    memcpy(fields, plan->schema.fields, sizeof *fields * plan->schema.field_count);
    fields[plan->schema.field_count] =
        (Field){.name = STR("ordinality"), .type = TYPE_OF(INT8), .not_null = true};
    plan->schema = (Schema){fields, plan->schema.field_count + 1};
    plan->ordinality = true;
}

/* AS t(a int, b text): the columns of a function that returns records. */
static Status record_columns(Binder *b, const AstFrom *from, const TableFunction *function,
                             Expr ***args, uint32_t *arg_count, const TableFunction **ret)
{
    const RowShape *base = *arg_count > 1 ? sql__row_shape(b, (*args)[0]->type) : NULL;
    uint32_t count = from->column_count ? from->column_count : base ? base->field_count : 0;
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, count + 1);
    if (!count)
        return BIND_ERROR(b, "42601", from->position,
                          "a column definition list is required for functions returning "
                          "\"record\"");
    bool same = !base || base->field_count == count;
    for (uint32_t i = 0; i < from->column_count; i++) {
        fields[i] = (Field){.name = from->columns[i].name};
        TRY(sql__type(b, from->columns[i].type, &fields[i].type));
        same = same && (!base || type_eq(fields[i].type, base->fields[i].type));
    }
    if (!same)
        return BIND_ERROR(b, "42804", from->position,
                          "function return row and query-specified return row do not match");
    if (!from->column_count)
        memcpy(fields, base->fields, sizeof *fields * count);
    *ret = sql__with_columns(b, function, fields, count, args, arg_count);
    return STATUS_OK;
}

static Status set_function(Binder *b, const AstFrom *from, const AstExpr *ast, Expr **args,
                           uint32_t arg_count, Item *ret, bool *ret_scalar)
{
    const TableFunction *function;
    Type type;
    PlanNode *scan = plan_node_new(b->arena, PLAN_FUNCTION_SCAN);
    TRY(sql__table_function(b, ast->call->name, args, arg_count, ast->position, &function, &type));
    scan->table_function = function;
    scan->exprs = args;
    scan->expr_count = arg_count;
    if (from->column_count && !function->needs_columns)
        return BIND_ERROR(b, "42601", from->position,
                          "a column definition list is only allowed for functions returning "
                          "\"record\"");
    if (function->needs_columns) {
        TRY(record_columns(b, from, function, &args, &arg_count, &function));
        scan->table_function = function;
        scan->exprs = args;
        scan->expr_count = arg_count;
    }
    *ret_scalar = !function->column_count;
    if (function->column_count)
        scan->schema = (Schema){function->columns, function->column_count};
    else
        scan->schema = (Schema){
            one_field(b, from->alias.name.len ? from->alias.name : ast->call->name, type), 1};
    if (from->ordinality)
        add_ordinality(b, scan);
    ret->plan = scan;
    return STATUS_OK;
}

/* An ordinary function gives one row of one column. */
static Status plain_function(Binder *b, Scope *env, const AstFrom *from, const AstExpr *ast,
                             Item *ret)
{
    Scope level = {.parent = env, .clause = "functions in FROM"};
    Expr *value;
    PlanNode *values = plan_node_new(b->arena, PLAN_VALUES);
    TRY(sql__expr_known(b, &level, ast, &value));
    Str name = from->alias.name.len ? from->alias.name : sql__figure_name(ast);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, 2);
    values->exprs = ARENA_NEW_ARRAY(b->arena, Expr *, 2);
    values->exprs[0] = value;
    fields[0] = (Field){.name = name, .type = value->type};
    values->expr_count = 1;
    if (from->ordinality) {
        values->exprs[values->expr_count++] = expr_const_i64(b->arena, TYPE_OF(INT8), 1);
        fields[1] = (Field){.name = STR("ordinality"), .type = TYPE_OF(INT8)};
    }
    values->values_rows = 1;
    values->schema = (Schema){fields, values->expr_count};
    ret->plan = values;
    return STATUS_OK;
}

/* ---- ROWS FROM (f(...), g(...)), and unnest(a, b), which is the same of two unnests */

typedef struct RowsFrom {
    const TableFunction **functions;
    Expr **args;   /* EXPR_ROW of each */
    Field *fields; /* what each yields; a record for several columns */
    uint32_t count;
    uint32_t cap;
} RowsFrom;

static bool is_unnest_of_many(const AstExpr *ast)
{
    return ast->kind == AST_CALL && str_eq(ast->call->name, STR("unnest")) && ast->arg_count > 1;
}

static Status add_call(Binder *b, RowsFrom *rows, Str name, Expr **args, uint32_t arg_count,
                       Type type, const TableFunction *function, int32_t position)
{
    ASSERT(rows->count < rows->cap);
    if (function->needs_columns)
        return BIND_UNSUPPORTED(b, position,
                                "functions returning \"record\" in ROWS FROM with "
                                "others are not supported");
    if (function->column_count)
        type = sql__record_type(b, function->columns, function->column_count);
    rows->functions[rows->count] = function;
    rows->args[rows->count] =
        sql__new_args(b, EXPR_ROW, TYPE_OF(RECORD), position, arg_count, args);
    rows->fields[rows->count++] = (Field){.name = name, .type = type};
    return STATUS_OK;
}

/* An ordinary function is the unnest of its one value. */
static Status add_scalar(Binder *b, Scope *env, RowsFrom *rows, const AstExpr *ast)
{
    Scope level = {.parent = env, .clause = "functions in FROM"};
    const TableFunction *function;
    Expr *value;
    Type type;
    TRY(sql__expr_known(b, &level, ast, &value));
    if (value->type.is_array)
        return BIND_UNSUPPORTED(b, ast->position,
                                "a function that returns an array in ROWS FROM is not supported");
    type = value->type;
    type.is_array = true;
    Expr *array = sql__new_args(b, EXPR_ARRAY, type, ast->position, 1, &value);
    TRY(sql__table_function(b, STR("unnest"), &array, 1, ast->position, &function, &type));
    return add_call(b, rows, sql__figure_name(ast), &array, 1, type, function, ast->position);
}

static Status add_function(Binder *b, Scope *env, RowsFrom *rows, const AstExpr *ast)
{
    const TableFunction *function;
    Expr **args;
    uint32_t count;
    Type type;
    if (ast->kind != AST_CALL || !sql__is_table_function(ast->call->name))
        return add_scalar(b, env, rows, ast);
    TRY(bind_function_args(b, env, ast, &args, &count));
    for (uint32_t i = 0; is_unnest_of_many(ast) && i < count; i++) {
        TRY(sql__table_function(b, ast->call->name, &args[i], 1, ast->position, &function, &type));
        TRY(add_call(b, rows, ast->call->name, &args[i], 1, type, function, ast->position));
    }
    if (is_unnest_of_many(ast))
        return STATUS_OK;
    TRY(sql__table_function(b, ast->call->name, args, count, ast->position, &function, &type));
    return add_call(b, rows, ast->call->name, args, count, type, function, ast->position);
}

/* WITH ORDINALITY over the rows as they come. */
static PlanNode *number_rows(Binder *b, PlanNode *plan)
{
    PlanNode *node = plan_node_new(b->arena, PLAN_WINDOW);
    uint32_t width = plan->schema.field_count;
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, width + 1);
    Expr *call = sql__new(b, EXPR_WINDOW, TYPE_OF(INT8), 0);
    memcpy(fields, plan->schema.fields, sizeof *fields * width);
    fields[width] = (Field){.name = STR("ordinality"), .type = TYPE_OF(INT8)};
    call->window_function = "row_number";
    node->aggregates = arena_dup(b->arena, &call, sizeof call);
    node->aggregate_count = 1;
    node->frame.start = FRAME_UNBOUNDED_PRECEDING;
    node->frame.end = FRAME_CURRENT;
    node->frame.unit = FRAME_RANGE;
    node->children[0] = plan;
    node->schema = (Schema){fields, width + 1};
    return node;
}

/* Records become their columns. */
static PlanNode *spread_records(Binder *b, PlanNode *plan)
{
    uint32_t count = 0;
    uint32_t field_cap = 0;
    uint32_t expr_count = 0;
    uint32_t expr_cap = 0;
    Field *fields = NULL;
    Expr **exprs = NULL;
    for (uint32_t i = 0; i < plan->schema.field_count; i++) {
        Expr *column = sql__plan_column(b, plan, i);
        const RowShape *shape = sql__row_shape(b, column->type);
        for (uint32_t k = 0; k < (shape ? shape->field_count : 1); k++) {
            const Field *field = shape ? &shape->fields[k] : &plan->schema.fields[i];
            Expr *one = shape ? sql__field(b, column, k, field, 0) : column;
            ARENA_PUSH(b->arena, fields, count, field_cap, *field);
            ARENA_PUSH(b->arena, exprs, expr_count, expr_cap, one);
        }
    }
    return sql__project(b, plan, exprs, fields, count);
}

/* All run side by side; the shorter ones give NULLs at their end. */
static Status bind_rows_from(Binder *b, Scope *env, const AstFrom *from, Item *ret)
{
    RowsFrom rows = {0};
    for (uint32_t i = 0; i < from->function_count; i++)
        rows.cap += 1 + from->functions[i]->arg_count;
    rows.functions = ARENA_NEW_ARRAY(b->arena, const TableFunction *, rows.cap);
    rows.args = ARENA_NEW_ARRAY(b->arena, Expr *, rows.cap);
    rows.fields = ARENA_NEW_ARRAY(b->arena, Field, rows.cap);
    for (uint32_t i = 0; i < from->function_count; i++)
        TRY(add_function(b, env, &rows, from->functions[i]));
    PlanNode *one_row = plan_node_new(b->arena, PLAN_VALUES);
    one_row->values_rows = 1;
    PlanNode *set = plan_node_new(b->arena, PLAN_PROJECT_SET);
    set->exprs = rows.args;
    set->expr_count = rows.count;
    set->set_functions = rows.functions;
    set->schema = (Schema){rows.fields, rows.count};
    set->children[0] = one_row;
    ret->plan = from->ordinality ? number_rows(b, set) : set;
    ret->plan = spread_records(b, ret->plan);
    return name_item(b, ret, sql__figure_name(from->functions[0]), STR(""), &from->alias,
                     from->position);
}

static Status promql_arg(Binder *b, Scope *env, const AstExpr *ast, Type type, Expr **ret_expr)
{
    Scope level = {.parent = env, .clause = "functions in FROM"};
    TRY(sql__expr(b, &level, ast, ret_expr));
    return sql__coerce(b, ret_expr, type, CAST_ASSIGNMENT, 0);
}

/* promql(query [, start [, end [, step]]]), by position or by name. The query is a literal: its
 * label columns are part of the plan. */
static Status bind_promql(Binder *b, Scope *env, const AstFrom *from, const AstExpr *ast, Item *ret)
{
    static const char *const names[] = {"query", "start", "end", "step"};
    const AstExpr *args[4] = {0};
    SqlPromql call = {.position = ast->position};
    if (!b->catalog->bind_promql)
        return BIND_UNSUPPORTED(b, ast->position, "promql() is not available here");
    if (ast->arg_count < 1 || ast->arg_count > 4)
        return BIND_ERROR(b, "42883", ast->position,
                          "promql() takes a query, a start, an end and a step");
    for (uint32_t i = 0; i < ast->arg_count; i++) {
        size_t at = i;
        const AstExpr *arg = ast->args[i];
        if (arg->kind == AST_NAMED_ARG) {
            for (at = 0; at < 4 && !str_eq(arg->text, str_from(names[at])); at++)
                ;
            if (at == 4)
                return BIND_ERROR(b, "42883", arg->position,
                                  "promql() has no argument called \"%.*s\"", STR_FMT(arg->text));
            arg = arg->args[0];
        }
        args[at] = arg;
    }
    if (!args[0] || args[0]->kind != AST_CONST || args[0]->constant != AST_CONST_STRING)
        return BIND_UNSUPPORTED(b, ast->position, "the query of promql() must be a string literal");
    call.query = args[0]->text;
    call.position = args[0]->position;
    if (args[1])
        TRY(promql_arg(b, env, args[1], TYPE_OF(TIMESTAMPTZ), &call.start));
    if (args[2])
        TRY(promql_arg(b, env, args[2], TYPE_OF(TIMESTAMPTZ), &call.end));
    if (args[3])
        TRY(promql_arg(b, env, args[3], TYPE_OF(INTERVAL), &call.step));
    TRY(b->catalog->bind_promql(b->catalog->ctx, &call, b->arena, &ret->plan, b->err));
    if (from->ordinality)
        return BIND_UNSUPPORTED(b, from->position, "WITH ORDINALITY is not supported for promql()");
    return STATUS_OK;
}

static Status bind_function(Binder *b, Scope *env, const AstFrom *from, Item *ret)
{
    const AstExpr *ast = from->functions[0];
    bool scalar = true;
    if (from->function_count > 1 || is_unnest_of_many(ast))
        return bind_rows_from(b, env, from, ret);
    if (ast->kind == AST_CALL && str_eq(ast->call->name, STR("promql")) && !ast->call->schema.len) {
        TRY(bind_promql(b, env, from, ast, ret));
        return name_item(b, ret, STR("promql"), STR(""), &from->alias, from->position);
    }
    if (ast->kind == AST_CALL && sql__is_table_function(ast->call->name)) {
        Expr **args;
        uint32_t count;
        TRY(bind_function_args(b, env, ast, &args, &count));
        TRY(set_function(b, from, ast, args, count, ret, &scalar));
    } else if (from->column_count) {
        return BIND_ERROR(b, "42601", from->position,
                          "a column definition list is only allowed for functions returning "
                          "\"record\"");
    } else {
        TRY(plain_function(b, env, from, ast, ret));
    }
    TRY(name_item(b, ret, sql__figure_name(ast), STR(""), &from->alias, from->position));
    ret->rels[0].scalar = scalar && !from->ordinality;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- LATERAL */

static bool expr_has_columns(const AstExpr *ast)
{
    if (!ast)
        return false;
    if (ast->kind == AST_COLUMN || ast->kind == AST_SUBQUERY)
        return true;
    for (uint32_t i = 0; i < ast->arg_count; i++)
        if (expr_has_columns(ast->args[i]))
            return true;
    return false;
}

/* May the item read the row left of it? Functions may without saying so. */
static bool is_lateral(const AstFrom *from)
{
    switch (from->kind) {
    case AST_FROM_SELECT:
        return from->lateral;
    case AST_FROM_FUNCTION:
        for (uint32_t i = 0; i < from->function_count; i++)
            if (expr_has_columns(from->functions[i]))
                return true;
        return false;
    case AST_FROM_JOIN:
        return is_lateral(from->left) || is_lateral(from->right);
    default:
        return false;
    }
}

/* An environment whose row is the output of `left`. */
static void lateral_env(Binder *b, Scope *parent, const Item *left, Scope *ret_env)
{
    *ret_env = (Scope){.parent = parent, .lateral = true};
    for (uint32_t i = 0; i < left->rel_count; i++)
        sql__add_rel(b, ret_env, &left->rels[i], 0);
}

/* ---------------------------------------------------------------- joins */

static Schema join_schema(Binder *b, const PlanNode *left, const PlanNode *right)
{
    uint32_t n = left->schema.field_count;
    uint32_t m = right->schema.field_count;
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, n + m);
    memcpy(fields, left->schema.fields, sizeof *fields * n);
    memcpy(fields + n, right->schema.fields, sizeof *fields * m);
    return (Schema){fields, n + m};
}

static PlanNode *new_join(Binder *b, PlanKind plan_kind, JoinKind kind, PlanNode *left,
                          PlanNode *right)
{
    PlanNode *join = plan_node_new(b->arena, plan_kind);
    join->join_kind = kind;
    join->children[0] = left;
    join->children[1] = right;
    join->schema = join_schema(b, left, right);
    return join;
}

static void merge_rels(Binder *b, Item *ret, const Item *left, const Item *right, uint32_t shift)
{
    Scope scope = {0};
    for (uint32_t i = 0; i < left->rel_count; i++)
        sql__add_rel(b, &scope, &left->rels[i], 0);
    for (uint32_t i = 0; i < right->rel_count; i++)
        sql__add_rel(b, &scope, &right->rels[i], shift);
    ret->rels = scope.rels;
    ret->rel_count = scope.rel_count;
    ret->rel_cap = scope.rel_cap;
}

typedef struct Split {
    uint32_t width; /* columns of the left input */
} Split;

static bool split_one(Expr *expr, void *ctx)
{
    Split *split = ctx;
    if (expr->kind == EXPR_COLUMN && expr->input == 0 && expr->column >= split->width) {
        expr->input = 1;
        expr->column -= split->width;
    }
    return true;
}

/* The flat columns of a join condition become columns of its two inputs. */
static void split_inputs(Expr *expr, uint32_t width)
{
    Split split = {width};
    (void)expr_walk(expr, split_one, &split);
}

static Status check_duplicate_names(Binder *b, const Item *left, const Item *right,
                                    int32_t position)
{
    for (uint32_t i = 0; i < left->rel_count; i++)
        for (uint32_t k = 0; k < right->rel_count; k++) {
            const ScopeRel *l = &left->rels[i];
            const ScopeRel *r = &right->rels[k];
            if (l->rel_visible && r->rel_visible && l->name.len && str_eq(l->name, r->name) &&
                (!l->schema.len || !r->schema.len || str_eq(l->schema, r->schema)))
                return BIND_ERROR(b, "42712", position,
                                  "table name \"%.*s\" specified more than once", STR_FMT(r->name));
        }
    return STATUS_OK;
}

/* ---- USING */

static Status using_side(Binder *b, const Item *item, Str name, const char *side, int32_t position,
                         const ScopeColumn **ret_column)
{
    const ScopeColumn *found = NULL;
    for (uint32_t i = 0; i < item->rel_count; i++) {
        const ScopeRel *rel = &item->rels[i];
        for (uint32_t k = 0; rel->cols_visible && k < rel->column_count; k++) {
            if (!str_eq(rel->columns[k].name, name))
                continue;
            if (found)
                return BIND_ERROR(b, "42702", position,
                                  "common column name \"%.*s\" appears more than once in %s table",
                                  STR_FMT(name), side);
            found = &rel->columns[k];
        }
    }
    if (!found)
        return BIND_ERROR(b, "42703", position,
                          "column \"%.*s\" specified in USING clause does not exist in %s table",
                          STR_FMT(name), side);
    *ret_column = found;
    return STATUS_OK;
}

static bool item_has_column(const Item *item, Str name)
{
    for (uint32_t i = 0; i < item->rel_count; i++)
        for (uint32_t k = 0; item->rels[i].cols_visible && k < item->rels[i].column_count; k++)
            if (str_eq(item->rels[i].columns[k].name, name))
                return true;
    return false;
}

static AstNames natural_columns(Binder *b, const Item *left, const Item *right)
{
    AstNames names = {0};
    uint32_t cap = 0;
    for (uint32_t i = 0; i < left->rel_count; i++)
        for (uint32_t k = 0; left->rels[i].cols_visible && k < left->rels[i].column_count; k++)
            if (item_has_column(right, left->rels[i].columns[k].name))
                ARENA_PUSH(b->arena, names.names, names.count, cap, left->rels[i].columns[k].name);
    return names;
}

static Status merged_column(Binder *b, AstJoin kind, const ScopeColumn *left,
                            const ScopeColumn *right, uint32_t shift, ScopeColumn *ret,
                            Expr **ret_left, Expr **ret_right)
{
    Expr *sides[2] = {sql__scope_expr(b, left, 0, 0), sql__scope_expr(b, right, 0, 0)};
    ScopeRel moved = {.columns = (ScopeColumn *)(uintptr_t)right, .column_count = 1};
    Scope scratch = {0};
    Type type;
    sql__add_rel(b, &scratch, &moved, shift);
    sides[1] = sql__scope_expr(b, &scratch.rels[0].columns[0], 0, 0);
    *ret_left = expr_clone(b->arena, sides[0]);
    *ret_right = expr_clone(b->arena, sides[1]);
    *ret = kind == AST_JOIN_RIGHT ? scratch.rels[0].columns[0] : *left;
    TRY(sql__common_type(b, sides, 2, "JOIN/USING", &type));
    TRY(sql__coerce_common(b, &sides[0], type, "JOIN/USING"));
    TRY(sql__coerce_common(b, &sides[1], type, "JOIN/USING"));
    if (kind == AST_JOIN_FULL) {
        ret->merged = sql__new_args(b, EXPR_COALESCE, type, 0, 2, sides);
        ret->table_oid = 0;
        ret->attnum = 0;
    } else {
        Expr *side = sides[kind == AST_JOIN_RIGHT];
        if (side->kind != EXPR_COLUMN)
            ret->merged = side;
    }
    ret->type = type;
    return STATUS_OK;
}

/* Adds the join's own columns: the merged ones, then the rest of both sides; bare names and * see
 * only these from now on. */
static Status apply_using(Binder *b, const AstFrom *from, const AstNames *names, const Item *left,
                          const Item *right, Item *ret, Expr **ret_condition)
{
    uint32_t shift = left->plan->schema.field_count;
    uint32_t cap = ret->plan->schema.field_count + names->count;
    ScopeRel join = {.cols_visible = true};
    join.columns = ARENA_NEW_ARRAY(b->arena, ScopeColumn, cap + 1);
    *ret_condition = NULL;
    for (uint32_t i = 0; i < names->count; i++) {
        const ScopeColumn *l, *r;
        Expr *le, *re, *equal;
        TRY(using_side(b, left, names->names[i], "left", from->position, &l));
        TRY(using_side(b, right, names->names[i], "right", from->position, &r));
        TRY(merged_column(b, from->join, l, r, shift, &join.columns[join.column_count++], &le,
                          &re));
        TRY(sql__operator(b, STR("="), le, re, from->position, &equal));
        *ret_condition = expr_and(b->arena, *ret_condition, equal);
    }
    if (from->using_alias.len) {
        ScopeRel alias = {.name = from->using_alias, .rel_visible = true};
        alias.columns = arena_dup(b->arena, join.columns, sizeof(ScopeColumn) * names->count);
        alias.column_count = names->count;
        push_rel(b, ret, alias);
    }
    for (uint32_t i = 0; i < ret->rel_count; i++) {
        ScopeRel *rel = &ret->rels[i];
        for (uint32_t k = 0; rel->cols_visible && k < rel->column_count; k++) {
            bool merged = false;
            for (uint32_t n = 0; n < names->count; n++)
                merged |= str_eq(names->names[n], rel->columns[k].name);
            if (!merged && join.column_count < cap + 1)
                join.columns[join.column_count++] = rel->columns[k];
        }
        rel->cols_visible = false;
    }
    push_rel(b, ret, join);
    return STATUS_OK;
}

/* JOIN ... AS j (a, b): only j is seen. */
static Status alias_join(Binder *b, const AstFrom *from, Item *item)
{
    ScopeRel rel = {.name = from->alias.name, .rel_visible = true, .cols_visible = true};
    uint32_t cap = 0;
    if (!from->alias.name.len)
        return STATUS_OK;
    for (uint32_t i = 0; i < item->rel_count; i++) {
        for (uint32_t k = 0; item->rels[i].cols_visible && k < item->rels[i].column_count; k++)
            ARENA_PUSH(b->arena, rel.columns, rel.column_count, cap, item->rels[i].columns[k]);
        item->rels[i].cols_visible = false;
        item->rels[i].rel_visible = false;
    }
    TRY(rename_columns(b, &rel, &from->alias, from->position));
    push_rel(b, item, rel);
    return STATUS_OK;
}

static JoinKind join_kind(AstJoin join)
{
    static const JoinKind kinds[] = {[AST_JOIN_INNER] = JOIN_INNER,
                                     [AST_JOIN_LEFT] = JOIN_LEFT,
                                     [AST_JOIN_FULL] = JOIN_FULL,
                                     [AST_JOIN_RIGHT] = JOIN_RIGHT};
    return kinds[join];
}

static Status join_condition(Binder *b, Scope *env, const AstFrom *from, const Item *item,
                             Expr **ret_condition)
{
    Scope scope = {.parent = env};
    for (uint32_t i = 0; i < item->rel_count; i++)
        sql__add_rel(b, &scope, &item->rels[i], 0);
    return sql__predicate(b, &scope, from->on, "JOIN/ON", ret_condition);
}

static Status bind_join(Binder *b, Scope *env, const AstFrom *from, Item *ret)
{
    Item left = {0}, right = {0};
    Scope lateral;
    Expr *condition = NULL;
    TRY(bind_item(b, env, from->left, &left));
    bool apply =
        is_lateral(from->right) && (from->join == AST_JOIN_INNER || from->join == AST_JOIN_LEFT);
    if (apply)
        lateral_env(b, env, &left, &lateral);
    TRY(bind_item(b, apply ? &lateral : env, from->right, &right));
    TRY(check_duplicate_names(b, &left, &right, from->right->position));
    uint32_t shift = left.plan->schema.field_count;
    ret->plan =
        new_join(b, apply ? PLAN_APPLY : PLAN_JOIN, join_kind(from->join), left.plan, right.plan);
    ret->plan->position = from->position;
    merge_rels(b, ret, &left, &right, shift);
    AstNames names = from->using_columns;
    if (from->natural)
        names = natural_columns(b, &left, &right);
    if (names.count)
        TRY(apply_using(b, from, &names, &left, &right, ret, &condition));
    else if (from->on)
        TRY(join_condition(b, env, from, ret, &condition));
    if (condition)
        split_inputs(condition, shift);
    else if (from->join == AST_JOIN_INNER)
        ret->plan->join_kind = JOIN_CROSS;
    ret->plan->predicate = condition;
    return alias_join(b, from, ret);
}

/* ---------------------------------------------------------------- all */

static Status bind_item(Binder *b, Scope *env, const AstFrom *from, Item *ret)
{
    switch (from->kind) {
    case AST_FROM_TABLE:
        return bind_table(b, from, ret);
    case AST_FROM_SELECT:
        return bind_subselect(b, env, from, ret);
    case AST_FROM_FUNCTION:
        return bind_function(b, env, from, ret);
    case AST_FROM_JOIN:
        return bind_join(b, env, from, ret);
    case AST_FROM_UNSUPPORTED:
        break;
    }
    return BIND_UNSUPPORTED(b, from->position, "%.*s is not supported", STR_FMT(from->unsupported));
}

/* SELECT without FROM: one row without columns. */
static PlanNode *one_row(Binder *b)
{
    PlanNode *values = plan_node_new(b->arena, PLAN_VALUES);
    values->values_rows = 1;
    return values;
}

/* Every join has the columns of both its sides, so long chains of joins grow with their square. */
static Status count_join(Binder *b, const Item *left, const Item *right, int32_t position)
{
    enum { BIND_JOIN_COLUMNS_MAX = 1000000 };
    b->join_columns += left->plan->schema.field_count + right->plan->schema.field_count;
    if (b->join_columns > BIND_JOIN_COLUMNS_MAX)
        return error_set_sql(b->err, STATUS_LIMIT, "54001", position,
                             "the statement joins too many tables");
    return STATUS_OK;
}

Status sql__from(Binder *b, Scope *scope, const AstSelect *select, PlanNode **ret_plan)
{
    Item all = {0};
    b->row_ids = select->row_ids;
    for (uint32_t i = 0; i < select->from_count; i++) {
        const AstFrom *from = select->from[i];
        Item item = {0};
        Item both = {0};
        Scope lateral;
        bool apply = i && is_lateral(from);
        const Scope *saved = b->siblings;
        lateral_env(b, scope->parent, &all, &lateral);
        if (!apply)
            b->siblings = &lateral;
        TRY(bind_item(b, apply ? &lateral : scope->parent, from, &item));
        b->siblings = saved;
        b->row_ids = select->row_ids;
        if (!i) {
            all = item;
            continue;
        }
        TRY(check_duplicate_names(b, &all, &item, from->position));
        TRY(count_join(b, &all, &item, from->position));
        both.plan = new_join(b, apply ? PLAN_APPLY : PLAN_JOIN, JOIN_CROSS, all.plan, item.plan);
        merge_rels(b, &both, &all, &item, all.plan->schema.field_count);
        all = both;
    }
    *ret_plan = select->from_count ? all.plan : one_row(b);
    scope->width = (*ret_plan)->schema.field_count;
    for (uint32_t i = 0; i < all.rel_count; i++)
        sql__add_rel(b, scope, &all.rels[i], 0);
    return STATUS_OK;
}
