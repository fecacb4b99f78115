/* plan_verify.c - checks every rule of plan.h on a bound or rewritten tree. A broken rule is a bug
 * of the binder or of an optimizer rule; the message has the path to the node ("Limit > Sort >
 * Join"). */
#include "query/plan/plan.h"

#include <stdio.h>

enum { DEPTH_MAX = 4000, PATH_MAX_NODES = 64, OUTER_MAX = 64 };

typedef struct Verifier {
    const Plan *plan;
    Error *err;
    const PlanNode *path[PATH_MAX_NODES];
    uint32_t depth;
    /* Column counts of the enclosing rows, innermost last: what EXPR_OUTER may point into. */
    uint32_t outer_columns[OUTER_MAX];
    uint32_t outer_count;
    bool in_returning;
} Verifier;

static const char *const kind_names[] = {
    [PLAN_SCAN] = "Scan",
    [PLAN_VALUES] = "Values",
    [PLAN_EMPTY] = "Empty",
    [PLAN_FILTER] = "Filter",
    [PLAN_PROJECT] = "Project",
    [PLAN_AGGREGATE] = "Aggregate",
    [PLAN_SORT] = "Sort",
    [PLAN_LIMIT] = "Limit",
    [PLAN_DISTINCT] = "Distinct",
    [PLAN_JOIN] = "Join",
    [PLAN_SET_OP] = "SetOp",
    [PLAN_WINDOW] = "Window",
    [PLAN_FUNCTION_SCAN] = "FunctionScan",
    [PLAN_PROJECT_SET] = "ProjectSet",
    [PLAN_CTE] = "Cte",
    [PLAN_CTE_SCAN] = "CteScan",
    [PLAN_RECURSIVE] = "Recursive",
    [PLAN_VIRTUAL_SCAN] = "VirtualScan",
    [PLAN_APPLY] = "Apply",
    [PLAN_INSERT] = "Insert",
    [PLAN_UPDATE] = "Update",
    [PLAN_DELETE] = "Delete",
    [PLAN_SERIES_ROWS] = "SeriesRows",
    [PLAN_SERIES] = "Series",
};

static Status broken(Verifier *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static Status broken(Verifier *v, const char *format, ...)
{
    char path[512] = "";
    char what[384];
    size_t len = 0;
    va_list args;

    for (uint32_t i = 0; i < v->depth && i < PATH_MAX_NODES && len < sizeof path - 32; i++)
        len += (size_t)snprintf(path + len, sizeof path - len, "%s%s", i ? " > " : "",
                                kind_names[v->path[i]->kind]);
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return error_set(v->err, STATUS_INTERNAL, "invalid plan at %s: %s", path, what);
}

static Status verify_node(Verifier *v, const PlanNode *node);

static Status verify_column_ref(Verifier *v, const Expr *expr, const PlanNode *node)
{
    char want[64];
    char have[64];

    if (v->in_returning) { /* RETURNING sees the table's columns */
        if (expr->column >= node->table->column_count)
            return broken(v, "RETURNING of column %u of %u", expr->column,
                          node->table->column_count);
        return STATUS_OK;
    }
    if (expr->input > 1 || !node->children[expr->input])
        return broken(v, "column #%u.%u has no input", expr->input, expr->column);
    const Schema *schema = &node->children[expr->input]->schema;
    if (expr->column >= schema->field_count)
        return broken(v, "column #%u.%u of %u", expr->input, expr->column, schema->field_count);
    if (!type_eq(schema->fields[expr->column].type, expr->type))
        return broken(v, "column #%u.%u is %s, expression says %s", expr->input, expr->column,
                      type_name(schema->fields[expr->column].type, have),
                      type_name(expr->type, want));
    return STATUS_OK;
}

static Status want_args(Verifier *v, const Expr *expr, const char *what, uint32_t least,
                        uint32_t most)
{
    if (expr->arg_count < least || expr->arg_count > most)
        return broken(v, "%s with %u arguments", what, expr->arg_count);
    return STATUS_OK;
}

static Status want_bool(Verifier *v, const Expr *expr, const char *what)
{
    char name[64];
    if (!type_eq(expr->type, TYPE_OF(BOOL)))
        return broken(v, "%s is %s, not boolean", what, type_name(expr->type, name));
    return STATUS_OK;
}

static Status want_type(Verifier *v, Type have, Type want, const char *what)
{
    char a[64];
    char b[64];
    if (!type_eq(have, want))
        return broken(v, "%s is %s, not %s", what, type_name(have, a), type_name(want, b));
    return STATUS_OK;
}

static bool polymorphic(Type t)
{
    return t.id == TYPE_ANY || t.id == TYPE_ANYELEMENT || t.id == TYPE_ANYARRAY;
}

static Status verify_call(Verifier *v, const Expr *expr)
{
    const Function *f = expr->function;
    if (!f)
        return broken(v, "call without a function");
    if (expr->arg_count < f->arg_count || (expr->arg_count > f->arg_count && !f->variadic))
        return broken(v, "%s called with %u arguments", f->name, expr->arg_count);
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        Type want = f->args[i < f->arg_count ? i : f->arg_count - 1u];
        if (!polymorphic(want))
            TRY(want_type(v, expr->args[i]->type, want, f->name));
    }
    if (!polymorphic(f->ret))
        TRY(want_type(v, expr->type, f->ret, f->name));
    return STATUS_OK;
}

static Status verify_subquery(Verifier *v, const Expr *expr, const PlanNode *node)
{
    if (!expr->subplan)
        return broken(v, "subquery without a plan");
    if (v->outer_count == OUTER_MAX)
        return broken(v, "subqueries nest too deeply");
    uint32_t columns = 0;
    for (int i = 0; i < 2; i++)
        if (node->children[i])
            columns += node->children[i]->schema.field_count;
    uint32_t subplan_columns = expr->subplan->schema.field_count;
    if (expr->subquery_kind != SUBQUERY_EXISTS && subplan_columns < 1)
        return broken(v, "subquery without columns");
    if ((expr->subquery_kind == SUBQUERY_ANY || expr->subquery_kind == SUBQUERY_ALL) &&
        (expr->arg_count != 1 || !expr->function))
        return broken(v, "ANY/ALL subquery needs one argument and an operator");
    if (expr->subquery_kind == SUBQUERY_SCALAR)
        TRY(want_type(v, expr->type, expr->subplan->schema.fields[0].type, "scalar subquery"));
    v->outer_columns[v->outer_count++] = columns;
    TRY(verify_node(v, expr->subplan));
    v->outer_count--;
    return STATUS_OK;
}

static Status verify_cast(Verifier *v, const Expr *expr)
{
    TRY(want_args(v, expr, "cast", 1, 1));
    if (!expr->cast)
        return want_type(v, expr->args[0]->type, expr->type, "cast without a function");
    TRY(want_type(v, expr->args[0]->type, expr->cast->from, "argument of the cast"));
    return want_type(v, expr->type, expr->cast->to, "result of the cast");
}

static Status verify_expr(Verifier *v, const Expr *expr, const PlanNode *node, bool calls_allowed,
                          int depth);

static Status verify_bool_args(Verifier *v, const Expr *expr, const char *what)
{
    TRY(want_bool(v, expr, what));
    for (uint32_t i = 0; i < expr->arg_count; i++)
        TRY(want_bool(v, expr->args[i], what));
    return STATUS_OK;
}

static Status verify_case(Verifier *v, const Expr *expr)
{
    if (expr->arg_count < 3 || expr->arg_count % 2 == 0)
        return broken(v, "CASE with %u arguments", expr->arg_count);
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        bool is_when = i % 2 == 0 && i + 1 < expr->arg_count;
        TRY(is_when ? want_bool(v, expr->args[i], "WHEN")
                    : want_type(v, expr->args[i]->type, expr->type, "branch of CASE"));
    }
    return STATUS_OK;
}

static Status verify_same_types(Verifier *v, const Expr *expr, const char *what)
{
    TRY(want_args(v, expr, what, 1, UINT32_MAX));
    for (uint32_t i = 0; i < expr->arg_count; i++)
        TRY(want_type(v, expr->args[i]->type, expr->type, what));
    return STATUS_OK;
}

static Status want_function(Verifier *v, const Expr *expr, const char *what)
{
    return expr->function ? STATUS_OK : broken(v, "%s without its operator", what);
}

static Status verify_kind(Verifier *v, const Expr *expr, const PlanNode *node, bool calls_allowed)
{
    switch (expr->kind) {
    case EXPR_CONST:
        if (expr->value.len != 1 || !expr->value.is_const)
            return broken(v, "constant of %u rows", expr->value.len);
        return want_type(v, expr->value.type, expr->type, "constant");
    case EXPR_COLUMN:
        return verify_column_ref(v, expr, node);
    case EXPR_OUTER:
        if (expr->depth < 1 || expr->depth > v->outer_count)
            return broken(v, "outer column %u levels up of %u", expr->depth, v->outer_count);
        if (expr->column >= v->outer_columns[v->outer_count - expr->depth])
            return broken(v, "outer column %u of %u", expr->column,
                          v->outer_columns[v->outer_count - expr->depth]);
        return STATUS_OK;
    case EXPR_PARAM:
        if (expr->param_idx >= v->plan->param_count)
            return broken(v, "parameter $%u of %u", expr->param_idx + 1, v->plan->param_count);
        return want_type(v, expr->type, v->plan->param_types[expr->param_idx], "parameter");
    case EXPR_CALL:
        return verify_call(v, expr);
    case EXPR_CAST:
        return verify_cast(v, expr);
    case EXPR_AND:
    case EXPR_OR:
        return verify_bool_args(v, expr, "AND/OR");
    case EXPR_NOT:
        TRY(want_args(v, expr, "NOT", 1, 1));
        return verify_bool_args(v, expr, "NOT");
    case EXPR_IS_NULL:
        TRY(want_args(v, expr, "IS NULL", 1, 1));
        return want_bool(v, expr, "IS NULL");
    case EXPR_BOOL_TEST:
        TRY(want_args(v, expr, "IS TRUE", 1, 1));
        return verify_bool_args(v, expr, "IS TRUE");
    case EXPR_DISTINCT:
        TRY(want_args(v, expr, "IS DISTINCT FROM", 2, 2));
        TRY(want_function(v, expr, "IS DISTINCT FROM"));
        return want_bool(v, expr, "IS DISTINCT FROM");
    case EXPR_CASE:
        return verify_case(v, expr);
    case EXPR_COALESCE:
        return verify_same_types(v, expr, "COALESCE");
    case EXPR_GREATEST:
    case EXPR_LEAST:
        TRY(want_function(v, expr, "GREATEST/LEAST"));
        return verify_same_types(v, expr, "GREATEST/LEAST");
    case EXPR_NULLIF:
        TRY(want_args(v, expr, "NULLIF", 2, 2));
        TRY(want_function(v, expr, "NULLIF"));
        return want_type(v, expr->args[0]->type, expr->type, "NULLIF");
    case EXPR_IN:
        TRY(want_args(v, expr, "IN", 2, UINT32_MAX));
        TRY(want_function(v, expr, "IN"));
        return want_bool(v, expr, "IN");
    case EXPR_ANY:
        TRY(want_args(v, expr, "ANY/ALL", 2, 2));
        TRY(want_function(v, expr, "ANY/ALL"));
        if (!expr->args[1]->type.is_array)
            return broken(v, "ANY/ALL over something that is not an array");
        return want_bool(v, expr, "ANY/ALL");
    case EXPR_ARRAY:
        return expr->type.is_array ? STATUS_OK : broken(v, "ARRAY[] is not an array");
    case EXPR_SUBSCRIPT:
        return want_args(v, expr, "subscript", 2, expr->slice ? 3 : 7);
    case EXPR_ROW:
        return STATUS_OK;
    case EXPR_FIELD:
        return want_args(v, expr, "field selection", 1, 1);
    case EXPR_SUBQUERY:
        return verify_subquery(v, expr, node);
    case EXPR_AGGREGATE:
        if (!calls_allowed || node->kind != PLAN_AGGREGATE || !expr->aggregate)
            return broken(v, "aggregate in the wrong place");
        return STATUS_OK;
    case EXPR_WINDOW:
        if (!calls_allowed || node->kind != PLAN_WINDOW ||
            (!expr->aggregate && !expr->window_function))
            return broken(v, "window call in the wrong place");
        return STATUS_OK;
    }
    return broken(v, "unknown expression %d", (int)expr->kind);
}

static Status verify_expr(Verifier *v, const Expr *expr, const PlanNode *node, bool calls_allowed,
                          int depth)
{
    if (!expr)
        return broken(v, "missing expression");
    if (depth > DEPTH_MAX)
        return broken(v, "expression nests deeper than %d", DEPTH_MAX);
    if (expr->type.id >= TYPE_COUNT_)
        return broken(v, "expression without a type");
    for (uint32_t i = 0; i < expr->arg_count; i++)
        TRY(verify_expr(v, expr->args[i], node, false, depth + 1));
    for (uint32_t i = 0; i < expr->order_count; i++)
        TRY(verify_expr(v, expr->order[i].expr, node, false, depth + 1));
    if (expr->filter) {
        TRY(verify_expr(v, expr->filter, node, false, depth + 1));
        TRY(want_bool(v, expr->filter, "FILTER"));
    }
    return verify_kind(v, expr, node, calls_allowed);
}

/* `exprs` give the node's output columns from `first` on. */
static Status verify_outputs(Verifier *v, const PlanNode *node, Expr *const *exprs, uint32_t count,
                             uint32_t first)
{
    if (first + count > node->schema.field_count)
        return broken(v, "%u output columns for %u expressions", node->schema.field_count,
                      first + count);
    for (uint32_t i = 0; i < count; i++)
        TRY(want_type(v, exprs[i]->type, node->schema.fields[first + i].type, "output column"));
    return STATUS_OK;
}

static Status verify_width(Verifier *v, const PlanNode *node, uint32_t want)
{
    if (node->schema.field_count != want)
        return broken(v, "%u output columns instead of %u", node->schema.field_count, want);
    return STATUS_OK;
}

/* Output columns [first, first + n) are those of `child`. */
static Status verify_passed(Verifier *v, const PlanNode *node, const PlanNode *child,
                            uint32_t first)
{
    for (uint32_t i = 0; i < child->schema.field_count; i++) {
        if (first + i >= node->schema.field_count)
            return broken(v, "input column %u is not passed on", i);
        TRY(want_type(v, node->schema.fields[first + i].type, child->schema.fields[i].type,
                      "passed column"));
    }
    return STATUS_OK;
}

static Status verify_scan(Verifier *v, const PlanNode *node)
{
    if (!node->table)
        return broken(v, "scan without a table");
    for (uint32_t i = 0; i < node->schema.field_count; i++) {
        if (node->scan_columns && node->scan_columns[i] == PLAN_COLUMN_ROW_ID) {
            TRY(want_type(v, node->schema.fields[i].type, TYPE_OF(INT8), "row id"));
            continue;
        }
        if (!node->scan_columns || node->scan_columns[i] >= node->table->column_count)
            return broken(v, "scan column %u is not in the table", i);
        TRY(want_type(v, node->schema.fields[i].type,
                      node->table->columns[node->scan_columns[i]].type, "scan column"));
    }
    for (uint32_t i = 0; i < node->predicate_count; i++)
        if (node->predicates[i].column >= node->table->column_count)
            return broken(v, "predicate on column %u", node->predicates[i].column);
    return STATUS_OK;
}

static Status verify_values(Verifier *v, const PlanNode *node)
{
    if (node->expr_count != node->values_rows * node->schema.field_count)
        return broken(v, "%u values for %u rows of %u columns", node->expr_count, node->values_rows,
                      node->schema.field_count);
    for (uint32_t row = 0; node->expr_count && row < node->values_rows; row++)
        TRY(verify_outputs(v, node, node->exprs + row * node->schema.field_count,
                           node->schema.field_count, 0));
    return STATUS_OK;
}

static Status verify_aggregate(Verifier *v, const PlanNode *node)
{
    uint32_t extra = node->grouping_column ? 1 : 0;
    if (node->group_count > 64 && node->grouping_sets)
        return broken(v, "grouping sets over %u keys", node->group_count);
    TRY(verify_width(v, node, node->group_count + extra + node->aggregate_count));
    TRY(verify_outputs(v, node, node->groups, node->group_count, 0));
    return verify_outputs(v, node, node->aggregates, node->aggregate_count,
                          node->group_count + extra);
}

static Status verify_join(Verifier *v, const PlanNode *node)
{
    const PlanNode *left = node->children[0];
    const PlanNode *right = node->children[1];

    for (uint32_t i = 0; i < node->join_key_count; i++) {
        if (node->kind == PLAN_APPLY)
            return broken(v, "apply with keys");
        TRY(want_type(v, node->left_keys[i]->type, node->right_keys[i]->type, "join key"));
    }
    if (node->predicate)
        TRY(want_bool(v, node->predicate, "join condition"));
    TRY(verify_passed(v, node, left, 0));
    switch (node->join_kind) {
    case JOIN_INNER:
    case JOIN_LEFT:
    case JOIN_RIGHT:
    case JOIN_FULL:
    case JOIN_CROSS:
    case JOIN_SINGLE:
        TRY(verify_width(v, node, left->schema.field_count + right->schema.field_count));
        return verify_passed(v, node, right, left->schema.field_count);
    case JOIN_SEMI:
    case JOIN_ANTI:
    case JOIN_NULL_ANTI:
        return verify_width(v, node, left->schema.field_count);
    case JOIN_MARK:
        TRY(verify_width(v, node, left->schema.field_count + 1));
        return want_type(v, node->schema.fields[left->schema.field_count].type, TYPE_OF(BOOL),
                         "mark");
    }
    return broken(v, "unknown join kind");
}

static Status verify_pass_through(Verifier *v, const PlanNode *node)
{
    TRY(verify_width(v, node, node->children[0]->schema.field_count));
    return verify_passed(v, node, node->children[0], 0);
}

static Status verify_cte(Verifier *v, const PlanNode *node)
{
    if (node->cte_idx >= v->plan->cte_count)
        return broken(v, "CTE %u of %u", node->cte_idx, v->plan->cte_count);
    if (node->kind == PLAN_CTE) {
        TRY(verify_width(v, node, node->children[1]->schema.field_count));
        return verify_passed(v, node, node->children[1], 0);
    }
    if (node->kind == PLAN_RECURSIVE) {
        TRY(verify_pass_through(v, node));
        return verify_passed(v, node, node->children[1], 0);
    }
    return STATUS_OK;
}

static Status verify_project_set(Verifier *v, const PlanNode *node)
{
    if (!node->set_functions)
        return broken(v, "no set functions");
    TRY(verify_width(v, node, node->expr_count));
    for (uint32_t i = 0; i < node->expr_count; i++) {
        if (!node->set_functions[i])
            TRY(want_type(v, node->exprs[i]->type, node->schema.fields[i].type, "output column"));
        else if (node->exprs[i]->kind != EXPR_ROW)
            return broken(v, "arguments of a set function are not a row");
    }
    return STATUS_OK;
}

static Status verify_insert(Verifier *v, const PlanNode *node)
{
    if (!node->table)
        return broken(v, "no target table");
    if (node->kind == PLAN_INSERT) {
        if (node->target_count != node->children[0]->schema.field_count)
            return broken(v, "%u target columns for %u values", node->target_count,
                          node->children[0]->schema.field_count);
        for (uint32_t i = 0; i < node->target_count; i++) {
            if (node->target_columns[i] >= node->table->column_count)
                return broken(v, "target column %u", node->target_columns[i]);
            TRY(want_type(v, node->children[0]->schema.fields[i].type,
                          node->table->columns[node->target_columns[i]].type, "inserted column"));
        }
    }
    TRY(verify_width(v, node, node->returning_count));
    return verify_outputs(v, node, node->returning, node->returning_count, 0);
}

static Status verify_shape(Verifier *v, const PlanNode *node)
{
    switch (node->kind) {
    case PLAN_SCAN:
        return verify_scan(v, node);
    case PLAN_VALUES:
        return verify_values(v, node);
    case PLAN_FILTER:
        if (!node->predicate)
            return broken(v, "filter without a predicate");
        TRY(want_bool(v, node->predicate, "filter"));
        return verify_pass_through(v, node);
    case PLAN_PROJECT:
        TRY(verify_width(v, node, node->expr_count));
        return verify_outputs(v, node, node->exprs, node->expr_count, 0);
    case PLAN_AGGREGATE:
        return verify_aggregate(v, node);
    case PLAN_SORT:
    case PLAN_LIMIT:
    case PLAN_DISTINCT:
        return verify_pass_through(v, node);
    case PLAN_JOIN:
    case PLAN_APPLY:
        return verify_join(v, node);
    case PLAN_SET_OP:
        TRY(verify_pass_through(v, node));
        return verify_passed(v, node, node->children[1], 0);
    case PLAN_WINDOW:
        TRY(verify_width(v, node, node->children[0]->schema.field_count + node->aggregate_count));
        TRY(verify_passed(v, node, node->children[0], 0));
        return verify_outputs(v, node, node->aggregates, node->aggregate_count,
                              node->children[0]->schema.field_count);
    case PLAN_FUNCTION_SCAN:
        return node->table_function ? STATUS_OK : broken(v, "function scan without a function");
    case PLAN_PROJECT_SET:
        return verify_project_set(v, node);
    case PLAN_CTE:
    case PLAN_CTE_SCAN:
    case PLAN_RECURSIVE:
        return verify_cte(v, node);
    case PLAN_VIRTUAL_SCAN:
        if (!node->virtual_table)
            return broken(v, "system scan without a view");
        for (uint32_t i = 0; i < node->schema.field_count; i++)
            if (node->scan_columns &&
                node->scan_columns[i] >= node->virtual_table->columns->field_count)
                return broken(v, "system scan column %u", i);
        return STATUS_OK;
    case PLAN_INSERT:
    case PLAN_UPDATE:
    case PLAN_DELETE:
        return verify_insert(v, node);
    case PLAN_EMPTY:
    case PLAN_SERIES_ROWS:
    case PLAN_SERIES:
        return STATUS_OK;
    }
    return broken(v, "unknown node %d", (int)node->kind);
}

static int child_count(PlanKind kind)
{
    switch (kind) {
    case PLAN_SCAN:
    case PLAN_VALUES:
    case PLAN_EMPTY:
    case PLAN_FUNCTION_SCAN:
    case PLAN_CTE_SCAN:
    case PLAN_VIRTUAL_SCAN:
    case PLAN_SERIES_ROWS:
        return 0;
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_AGGREGATE:
    case PLAN_SORT:
    case PLAN_LIMIT:
    case PLAN_DISTINCT:
    case PLAN_WINDOW:
    case PLAN_PROJECT_SET:
    case PLAN_INSERT:
    case PLAN_UPDATE:
    case PLAN_DELETE:
        return 1;
    case PLAN_JOIN:
    case PLAN_SET_OP:
    case PLAN_CTE:
    case PLAN_RECURSIVE:
    case PLAN_APPLY:
        return 2;
    case PLAN_SERIES:
        return -1; /* plan_series.h has its own rules */
    }
    return -1;
}

typedef struct SlotCheck {
    Verifier *v;
    const PlanNode *node;
    Status status;
} SlotCheck;

static bool check_slot(Expr **slot, void *ctx)
{
    SlotCheck *check = ctx;
    const PlanNode *node = check->node;
    check->v->in_returning = false;
    for (uint32_t i = 0; i < node->returning_count; i++)
        check->v->in_returning |= slot == &node->returning[i];
    check->status = verify_expr(check->v, *slot, node, true, 0);
    check->v->in_returning = false;
    return check->status == STATUS_OK;
}

static Status verify_children(Verifier *v, const PlanNode *node)
{
    for (int i = 0; i < 2; i++) {
        if (!node->children[i])
            continue;
        bool right_of_apply = node->kind == PLAN_APPLY && i == 1;
        if (right_of_apply) {
            if (v->outer_count == OUTER_MAX)
                return broken(v, "subqueries nest too deeply");
            v->outer_columns[v->outer_count++] = node->children[0]->schema.field_count;
        }
        TRY(verify_node(v, node->children[i]));
        if (right_of_apply)
            v->outer_count--;
    }
    return STATUS_OK;
}

static Status verify_node(Verifier *v, const PlanNode *node)
{
    if (v->depth > DEPTH_MAX)
        return broken(v, "plan nests deeper than %d", DEPTH_MAX);
    if (v->depth < PATH_MAX_NODES)
        v->path[v->depth] = node;
    v->depth++;
    int count = child_count(node->kind);
    for (int i = 0; i < 2 && count >= 0; i++)
        if ((node->children[i] != NULL) != (i < count))
            return broken(v, "child %d %s", i, i < count ? "is missing" : "is not allowed");
    if (node->schema.field_count && !node->schema.fields)
        return broken(v, "schema without fields");
    SlotCheck check = {v, node, STATUS_OK};
    PlanNode *walkable = (PlanNode *)(uintptr_t)node; /* check_slot only reads */
    if (!plan_walk_exprs(walkable, check_slot, &check))
        return check.status;
    TRY(verify_shape(v, node));
    TRY(verify_children(v, node));
    v->depth--;
    return STATUS_OK;
}

Status plan_verify(const Plan *plan, Error *err)
{
    Verifier v = {.plan = plan, .err = err};
    if (!plan->root)
        return error_set(err, STATUS_INTERNAL, "invalid plan: no root");
    return verify_node(&v, plan->root);
}
