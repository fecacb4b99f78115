/* plan_explain.c - EXPLAIN: the plan as PostgreSQL prints one, a node a line ("  ->  " before
 * children) and its expressions on the lines below. */
#include "query/plan/plan.h"

#include <stdio.h>

PlanSeriesExplain plan_series_explainer;

enum { DEPTH_MAX = 2000 };

static const char *const set_op_names[] = {"Union", "Intersect", "Except"};

/* ---------------------------------------------------------------- expressions */

static void append_ident(Buf *out, Str name)
{
    bool plain = name.len && (name.ptr[0] == '_' || (name.ptr[0] >= 'a' && name.ptr[0] <= 'z'));
    for (size_t i = 0; plain && i < name.len; i++)
        plain = (name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || name.ptr[i] == '_' ||
                (name.ptr[i] >= '0' && name.ptr[i] <= '9');
    if (plain) {
        buf_append_str(out, name);
        return;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)name.ptr[i]);
    }
    buf_append_byte(out, '"');
}

static void append_type(Buf *out, Type type)
{
    char name[64];
    buf_append_str(out, str_from(type_name(type, name)));
}

static void append_quoted(Buf *out, Str text)
{
    buf_append_byte(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            buf_append_byte(out, '\'');
        buf_append_byte(out, (uint8_t)text.ptr[i]);
    }
    buf_append_byte(out, '\'');
}

/* A constant as PostgreSQL deparses it: numbers bare, the rest quoted with its type. */
static void append_const(Buf *out, const Expr *expr)
{
    if (expr_is_null_const(expr)) {
        buf_append_lit(out, "NULL::");
        append_type(out, expr->type);
        return;
    }
    if (type_eq(expr->type, TYPE_OF(BOOL))) {
        buf_append_str(out, column_bool(&expr->value, 0) ? STR("true") : STR("false"));
        return;
    }
    Arena scratch;
    arena_init(&scratch, NULL);
    Column text = {.type = TYPE_OF(TEXT)};
    const Cast *cast = func_find_cast(expr->type, TYPE_OF(TEXT));
    EvalSettings settings = {.date_style = STR("ISO, MDY"),
                             .interval_style = STR("postgres"),
                             .extra_float_digits = 1,
                             .bytea_output = STR("hex")};
    EvalContext ctx = {.arena = &scratch, .settings = &settings};
    Str body = STR("?");
    if (type_is_text(expr->type) || (cast && cast->binary))
        body = column_str(&expr->value, 0);
    else if (cast && cast->kernel(&ctx, &expr->value, 1, 1, &text, NULL) == STATUS_OK)
        body = column_is_null(&text, 0) ? STR("") : column_str(&text, 0);
    if (type_is_integer(expr->type) || type_eq(expr->type, TYPE_OF(NUMERIC))) {
        buf_append_str(out, body);
    } else {
        append_quoted(out, body);
        buf_append_lit(out, "::");
        append_type(out, expr->type);
    }
    arena_done(&scratch);
}

static void append_column(Buf *out, const Expr *expr, const PlanNode *node)
{
    const PlanNode *from = node && expr->input < 2 ? node->children[expr->input] : NULL;
    if (from && expr->column < from->schema.field_count &&
        from->schema.fields[expr->column].name.len) {
        append_ident(out, from->schema.fields[expr->column].name);
        return;
    }
    buf_printf(out, "#%u.%u", expr->input, expr->column);
}

static void append_expr(Buf *out, const Expr *expr, const PlanNode *node, int depth);

static void append_list(Buf *out, Expr *const *args, uint32_t count, const char *separator,
                        const PlanNode *node, int depth)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_append_str(out, str_from(separator));
        append_expr(out, args[i], node, depth);
    }
}

static void append_named_list(Buf *out, const char *name, const Expr *expr, const PlanNode *node,
                              int depth)
{
    buf_printf(out, "%s(", name);
    append_list(out, expr->args, expr->arg_count, ", ", node, depth);
    buf_append_byte(out, ')');
}

static void append_keys(Buf *out, const SortKey *keys, uint32_t count, const PlanNode *node,
                        int depth)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_append_lit(out, ", ");
        append_expr(out, keys[i].expr, node, depth);
        if (keys[i].descending)
            buf_append_lit(out, " DESC");
        if (keys[i].nulls_first != keys[i].descending)
            buf_append_str(out, keys[i].nulls_first ? STR(" NULLS FIRST") : STR(" NULLS LAST"));
    }
}

static void append_call(Buf *out, const Expr *expr, const PlanNode *node, int depth)
{
    const Function *function = expr->function;
    if (!function->is_operator) {
        append_named_list(out, function->name, expr, node, depth);
        return;
    }
    buf_append_byte(out, '(');
    if (expr->arg_count == 2) {
        append_expr(out, expr->args[0], node, depth);
        buf_printf(out, " %s ", function->name);
        append_expr(out, expr->args[1], node, depth);
    } else {
        buf_printf(out, "%s ", function->name);
        append_list(out, expr->args, expr->arg_count, ", ", node, depth);
    }
    buf_append_byte(out, ')');
}

static void append_case(Buf *out, const Expr *expr, const PlanNode *node, int depth)
{
    buf_append_lit(out, "CASE");
    for (uint32_t i = 0; i + 1 < expr->arg_count; i += 2) {
        buf_append_lit(out, " WHEN ");
        append_expr(out, expr->args[i], node, depth);
        buf_append_lit(out, " THEN ");
        append_expr(out, expr->args[i + 1], node, depth);
    }
    buf_append_lit(out, " ELSE ");
    append_expr(out, expr->args[expr->arg_count - 1], node, depth);
    buf_append_lit(out, " END");
}

static void append_aggregate(Buf *out, const Expr *expr, const PlanNode *node, int depth)
{
    buf_printf(out, "%s(", expr->window_function ? expr->window_function : expr->aggregate->name);
    if (expr->distinct)
        buf_append_lit(out, "DISTINCT ");
    bool star = !expr->arg_count && expr->aggregate && !expr->window_function &&
                !expr->aggregate->ordered_set;
    if (star)
        buf_append_byte(out, '*');
    append_list(out, expr->args, expr->arg_count, ", ", node, depth);
    bool within = expr->aggregate && expr->aggregate->ordered_set;
    if (expr->order_count && !within) {
        buf_append_lit(out, " ORDER BY ");
        append_keys(out, expr->order, expr->order_count, node, depth);
    }
    buf_append_byte(out, ')');
    if (within) {
        buf_append_lit(out, " WITHIN GROUP (ORDER BY ");
        append_keys(out, expr->order, expr->order_count, node, depth);
        buf_append_byte(out, ')');
    }
    if (expr->filter) {
        buf_append_lit(out, " FILTER (WHERE ");
        append_expr(out, expr->filter, node, depth);
        buf_append_byte(out, ')');
    }
}

static void append_bool_test(Buf *out, const Expr *expr, const PlanNode *node, int depth)
{
    static const char *const names[] = {"TRUE", "FALSE", "UNKNOWN"};
    buf_append_byte(out, '(');
    append_expr(out, expr->args[0], node, depth);
    buf_printf(out, " IS %s%s)", expr->negated ? "NOT " : "", names[expr->test]);
}

static void append_in(Buf *out, const Expr *expr, const PlanNode *node, int depth)
{
    buf_append_byte(out, '(');
    append_expr(out, expr->args[0], node, depth);
    buf_append_str(out, expr->negated ? STR(" NOT IN (") : STR(" IN ("));
    append_list(out, expr->args + 1, expr->arg_count - 1, ", ", node, depth);
    buf_append_lit(out, "))");
}

static void append_subscript(Buf *out, const Expr *expr, const PlanNode *node, int depth)
{
    buf_append_byte(out, '(');
    append_expr(out, expr->args[0], node, depth);
    buf_append_lit(out, ")[");
    append_list(out, expr->args + 1, expr->arg_count - 1, expr->slice ? ":" : ", ", node, depth);
    buf_append_byte(out, ']');
}

static void append_binary(Buf *out, const char *words, const Expr *expr, const PlanNode *node,
                          int depth)
{
    buf_append_byte(out, '(');
    append_expr(out, expr->args[0], node, depth);
    buf_append_str(out, str_from(words));
    append_expr(out, expr->args[1], node, depth);
    buf_append_byte(out, ')');
}

static void append_expr(Buf *out, const Expr *expr, const PlanNode *node, int depth)
{
    if (depth > DEPTH_MAX) {
        buf_append_lit(out, "...");
        return;
    }
    depth++;
    switch (expr->kind) {
    case EXPR_CONST:
        append_const(out, expr);
        break;
    case EXPR_COLUMN:
        append_column(out, expr, node);
        break;
    case EXPR_OUTER:
        buf_printf(out, "outer%u.#%u", expr->depth, expr->column);
        break;
    case EXPR_PARAM:
        buf_printf(out, "$%u", expr->param_idx + 1);
        break;
    case EXPR_CALL:
        append_call(out, expr, node, depth);
        break;
    case EXPR_CAST:
        buf_append_byte(out, '(');
        append_expr(out, expr->args[0], node, depth);
        buf_append_lit(out, ")::");
        append_type(out, expr->type);
        break;
    case EXPR_AND:
    case EXPR_OR:
        buf_append_byte(out, '(');
        append_list(out, expr->args, expr->arg_count, expr->kind == EXPR_AND ? " AND " : " OR ",
                    node, depth);
        buf_append_byte(out, ')');
        break;
    case EXPR_NOT:
        buf_append_lit(out, "(NOT ");
        append_expr(out, expr->args[0], node, depth);
        buf_append_byte(out, ')');
        break;
    case EXPR_IS_NULL:
        buf_append_byte(out, '(');
        append_expr(out, expr->args[0], node, depth);
        buf_append_str(out, expr->negated ? STR(" IS NOT NULL)") : STR(" IS NULL)"));
        break;
    case EXPR_BOOL_TEST:
        append_bool_test(out, expr, node, depth);
        break;
    case EXPR_DISTINCT:
        append_binary(out, expr->negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ", expr,
                      node, depth);
        break;
    case EXPR_CASE:
        append_case(out, expr, node, depth);
        break;
    case EXPR_COALESCE:
        append_named_list(out, "COALESCE", expr, node, depth);
        break;
    case EXPR_GREATEST:
        append_named_list(out, "GREATEST", expr, node, depth);
        break;
    case EXPR_LEAST:
        append_named_list(out, "LEAST", expr, node, depth);
        break;
    case EXPR_NULLIF:
        append_named_list(out, "NULLIF", expr, node, depth);
        break;
    case EXPR_IN:
        append_in(out, expr, node, depth);
        break;
    case EXPR_ANY:
        buf_append_byte(out, '(');
        append_expr(out, expr->args[0], node, depth);
        buf_printf(out, " %s %s (", expr->function->name, expr->all ? "ALL" : "ANY");
        append_expr(out, expr->args[1], node, depth);
        buf_append_lit(out, "))");
        break;
    case EXPR_ARRAY:
        buf_append_lit(out, "ARRAY[");
        append_list(out, expr->args, expr->arg_count, ", ", node, depth);
        buf_append_byte(out, ']');
        break;
    case EXPR_SUBSCRIPT:
        append_subscript(out, expr, node, depth);
        break;
    case EXPR_ROW:
        append_named_list(out, "ROW", expr, node, depth);
        break;
    case EXPR_FIELD:
        buf_append_byte(out, '(');
        append_expr(out, expr->args[0], node, depth);
        buf_printf(out, ").f%u", expr->column + 1);
        break;
    case EXPR_SUBQUERY:
        buf_append_lit(out, "(SubPlan)");
        break;
    case EXPR_AGGREGATE:
    case EXPR_WINDOW:
        append_aggregate(out, expr, node, depth);
        break;
    }
}

void expr_explain(const Expr *expr, const PlanNode *node, Buf *out)
{
    append_expr(out, expr, node, 0);
}

/* ---------------------------------------------------------------- nodes */

static const char *join_name(const PlanNode *node, char buf[64])
{
    static const char *const kinds[] = {
        [JOIN_INNER] = "",       [JOIN_LEFT] = " Left",
        [JOIN_RIGHT] = " Right", [JOIN_FULL] = " Full",
        [JOIN_CROSS] = "",       [JOIN_SEMI] = " Semi",
        [JOIN_ANTI] = " Anti",   [JOIN_NULL_ANTI] = " Null-Aware Anti",
        [JOIN_MARK] = " Mark",   [JOIN_SINGLE] = " Single",
    };
    if (node->kind == PLAN_APPLY)
        snprintf(buf, 64, "Apply%s", kinds[node->join_kind]);
    else if (node->join_key_count)
        snprintf(buf, 64, "Hash%s Join", kinds[node->join_kind]);
    else if (*kinds[node->join_kind])
        snprintf(buf, 64, "Nested Loop%s Join", kinds[node->join_kind]);
    else
        return "Nested Loop";
    return buf;
}

static const char *aggregate_name(const PlanNode *node)
{
    if (node->grouping_sets)
        return "MixedAggregate";
    return node->group_count ? "HashAggregate" : "Aggregate";
}

/* ScanOp of engine.h, in its order; those from SCAN_OP_PLAIN_COUNT on look into texts. */
static const char *const scan_ops[] = {
    "=", "<>", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL", "matches", "LIKE", "ILIKE", "words"};
enum { SCAN_OP_EQ = 0, SCAN_OP_PLAIN_COUNT = 8 };

/* Does a predicate fix the column? */
static bool is_fixed(const PlanNode *scan, uint16_t column)
{
    for (uint32_t i = 0; i < scan->predicate_count; i++)
        if (scan->predicates[i].column == column && scan->predicates[i].op == SCAN_OP_EQ)
            return true;
    return false;
}

/* The key by which the scan finds its row: the first whose columns are all fixed. */
static const TableKey *scan_key(const PlanNode *scan)
{
    for (uint32_t i = 0; i < scan->table->key_count; i++) {
        const TableKey *key = &scan->table->keys[i];
        uint32_t fixed = 0;
        while (fixed < key->column_count && is_fixed(scan, key->columns[fixed]))
            fixed++;
        if (fixed == key->column_count)
            return key;
    }
    return NULL;
}

static bool is_key_column(const TableKey *key, uint16_t column)
{
    for (uint32_t i = 0; key && i < key->column_count; i++)
        if (key->columns[i] == column)
            return true;
    return false;
}

static const char *scan_name(const PlanNode *node, char buf[64])
{
    const TableKey *key = scan_key(node);
    if (!key)
        return "Seq Scan";
    snprintf(buf, 64, "Index Scan using %.*s", (int)LUMA_MIN(key->name.len, (size_t)40),
             key->name.ptr);
    return buf;
}

static const char *node_name(const PlanNode *node, char buf[64])
{
    switch (node->kind) {
    case PLAN_SCAN:
        return scan_name(node, buf);
    case PLAN_VALUES:
        return node->schema.field_count ? "Values Scan" : "Result";
    case PLAN_EMPTY:
        return "Empty Result";
    case PLAN_FILTER:
        return "Filter";
    case PLAN_PROJECT:
        return "Project";
    case PLAN_AGGREGATE:
        return aggregate_name(node);
    case PLAN_SORT:
        return "Sort";
    case PLAN_LIMIT:
        return node->key_count ? "Top-N Sort" : "Limit";
    case PLAN_DISTINCT:
        return node->group_count ? "Unique" : "HashAggregate";
    case PLAN_JOIN:
    case PLAN_APPLY:
        return join_name(node, buf);
    case PLAN_SET_OP:
        snprintf(buf, 64, "%s%s", set_op_names[node->set_op], node->all ? " All" : "");
        return buf;
    case PLAN_WINDOW:
        return "WindowAgg";
    case PLAN_FUNCTION_SCAN:
        snprintf(buf, 64, "Function Scan on %.40s",
                 node->table_function ? node->table_function->name : "?");
        return buf;
    case PLAN_PROJECT_SET:
        return "ProjectSet";
    case PLAN_CTE:
        snprintf(buf, 64, "CTE %u", node->cte_idx);
        return buf;
    case PLAN_CTE_SCAN:
        snprintf(buf, 64, "CTE Scan on %u", node->cte_idx);
        return buf;
    case PLAN_RECURSIVE:
        return "Recursive Union";
    case PLAN_VIRTUAL_SCAN:
        return "System Scan";
    case PLAN_INSERT:
        return "Insert";
    case PLAN_UPDATE:
        return "Update";
    case PLAN_DELETE:
        return "Delete";
    case PLAN_SERIES_ROWS:
        return "PromQL Rows";
    case PLAN_SERIES:
        return "PromQL";
    }
    return "?";
}

static void append_relation(Buf *out, const PlanNode *node)
{
    if (node->table) {
        buf_append_lit(out, " on ");
        append_ident(out, node->table->schema);
        buf_append_byte(out, '.');
        append_ident(out, node->table->name);
    } else if (node->virtual_table) {
        buf_append_lit(out, " on ");
        append_ident(out, node->virtual_table->schema);
        buf_append_byte(out, '.');
        append_ident(out, node->virtual_table->name);
    }
}

static void detail(Buf *out, int indent, const char *label)
{
    buf_printf(out, "%*s%s: ", indent, "", label);
}

static void detail_expr(Buf *out, int indent, const char *label, const Expr *expr,
                        const PlanNode *node)
{
    if (!expr)
        return;
    detail(out, indent, label);
    append_expr(out, expr, node, 0);
    buf_append_byte(out, '\n');
}

static void detail_list(Buf *out, int indent, const char *label, Expr *const *exprs, uint32_t count,
                        const PlanNode *node)
{
    if (!count)
        return;
    detail(out, indent, label);
    append_list(out, exprs, count, ", ", node, 0);
    buf_append_byte(out, '\n');
}

static void append_matchers(Buf *out, const PlanNode *node, int indent)
{
    static const char *const ops[] = {"=", "!=", "=~", "!~"};
    if (!node->matcher_count)
        return;
    detail(out, indent, "Matchers");
    for (uint32_t i = 0; i < node->matcher_count; i++) {
        const LabelMatcher *m = &node->matchers[i];
        buf_printf(out, "%s%.*s%s\"%.*s\"", i ? ", " : "", STR_FMT(m->name), ops[m->op],
                   STR_FMT(m->value));
    }
    buf_append_byte(out, '\n');
}

static void append_predicate(Buf *out, const PlanNode *node, const PlanPredicate *p)
{
    const char *op = p->op < LUMA_ARRAY_LEN(scan_ops) ? scan_ops[p->op] : "?";
    bool as_call = p->op >= SCAN_OP_PLAIN_COUNT && op[0] >= 'a';

    buf_append_str(out, as_call ? str_from(op) : STR(""));
    buf_append_byte(out, '(');
    append_ident(out, node->table->columns[p->column].name);
    if (as_call)
        buf_append_byte(out, ',');
    else
        buf_printf(out, " %s", op);
    if (p->value) {
        buf_append_byte(out, ' ');
        append_expr(out, p->value, node, 0);
    }
    buf_append_byte(out, ')');
}

/* Does the predicate let the scan skip rows unseen: by time, by dictionary, by words or ids? */
static bool is_indexed(const PlanNode *node, const PlanPredicate *p)
{
    const Table *table = node->table;

    if (p->op >= SCAN_OP_PLAIN_COUNT ||
        (p->op == SCAN_OP_EQ && is_key_column(scan_key(node), p->column)))
        return true;
    if ((table->kind != TABLE_LOGS && table->kind != TABLE_TRACES) || !p->value)
        return false;
    return (int32_t)p->column == table->time_column ||
           (p->op == SCAN_OP_EQ && type_is_text(table->columns[p->column].type));
}

static void append_predicates(Buf *out, const PlanNode *node, int indent, bool indexed)
{
    bool any = false;

    for (uint32_t i = 0; i < node->predicate_count; i++) {
        if (is_indexed(node, &node->predicates[i]) != indexed)
            continue;
        if (any)
            buf_append_lit(out, " AND ");
        else
            detail(out, indent, indexed ? "Index Cond" : "Scan Cond");
        any = true;
        append_predicate(out, node, &node->predicates[i]);
    }
    if (any)
        buf_append_byte(out, '\n');
}

static void append_scan(Buf *out, const PlanNode *node, int indent)
{
    append_matchers(out, node, indent);
    append_predicates(out, node, indent, true);
    append_predicates(out, node, indent, false);
    if (node->top) {
        detail(out, indent, "Best First");
        append_ident(out, node->table->columns[node->top_column].name);
        buf_append_str(out, node->top_descending ? STR(" DESC\n") : STR("\n"));
    }
    if (node->row_limit != INT64_MAX)
        buf_printf(out, "%*sRow Limit: %lld\n", indent, "", (long long)node->row_limit);
}

static void append_window_partition(Buf *out, const PlanNode *node, int indent)
{
    detail_list(out, indent, "Partition By", node->groups, node->group_count, node);
    detail_list(out, indent, "Calls", node->aggregates, node->aggregate_count, node);
}

static void append_groups(Buf *out, const PlanNode *node, int indent)
{
    if (!node->grouping_sets) {
        detail_list(out, indent, "Group Key", node->groups, node->group_count, node);
    } else {
        for (uint32_t s = 0; s < node->grouping_set_count; s++) {
            detail(out, indent, "Group Key");
            bool first = true;
            for (uint32_t g = 0; g < node->group_count; g++) {
                if (!(node->grouping_sets[s] >> g & 1))
                    continue;
                if (!first)
                    buf_append_lit(out, ", ");
                first = false;
                append_expr(out, node->groups[g], node, 0);
            }
            buf_append_str(out, first ? STR("()\n") : STR("\n"));
        }
    }
    detail_list(out, indent, "Aggregates", node->aggregates, node->aggregate_count, node);
}

static void append_join_keys(Buf *out, const PlanNode *node, int indent)
{
    if (!node->join_key_count)
        return;
    detail(out, indent, "Hash Cond");
    for (uint32_t i = 0; i < node->join_key_count; i++) {
        buf_append_str(out, i ? STR(" AND (") : STR("("));
        append_expr(out, node->left_keys[i], node, 0);
        buf_append_str(out, node->null_safe ? STR(" IS NOT DISTINCT FROM ") : STR(" = "));
        append_expr(out, node->right_keys[i], node, 0);
        buf_append_byte(out, ')');
    }
    buf_append_byte(out, '\n');
}

static void append_details(Buf *out, const PlanNode *node, int indent)
{
    switch (node->kind) {
    case PLAN_SCAN:
        append_scan(out, node, indent);
        break;
    case PLAN_FILTER:
        detail_expr(out, indent, "Filter", node->predicate, node);
        break;
    case PLAN_PROJECT:
    case PLAN_PROJECT_SET:
        detail_list(out, indent, "Output", node->exprs, node->expr_count, node);
        break;
    case PLAN_FUNCTION_SCAN:
        detail_list(out, indent, "Arguments", node->exprs, node->expr_count, node);
        break;
    case PLAN_AGGREGATE:
        append_groups(out, node, indent);
        break;
    case PLAN_DISTINCT:
        detail_list(out, indent, "Group Key", node->groups, node->group_count, node);
        break;
    case PLAN_WINDOW:
        append_window_partition(out, node, indent);
        break;
    case PLAN_JOIN:
    case PLAN_APPLY:
        append_join_keys(out, node, indent);
        detail_expr(out, indent, "Join Filter", node->predicate, node);
        break;
    case PLAN_INSERT:
    case PLAN_UPDATE:
    case PLAN_DELETE:
        detail_list(out, indent, "Output", node->returning, node->returning_count, node);
        break;
    case PLAN_SERIES:
    case PLAN_SERIES_ROWS:
        if (plan_series_explainer)
            plan_series_explainer(node, indent, out);
        break;
    case PLAN_VALUES:
        if (node->schema.field_count)
            buf_printf(out, "%*sRows: %u\n", indent, "", node->values_rows);
        break;
    case PLAN_SORT:
    case PLAN_LIMIT:
    case PLAN_EMPTY:
    case PLAN_SET_OP:
    case PLAN_CTE:
    case PLAN_CTE_SCAN:
    case PLAN_RECURSIVE:
    case PLAN_VIRTUAL_SCAN:
        break;
    }
    if (node->key_count) {
        detail(out, indent, "Sort Key");
        append_keys(out, node->keys, node->key_count, node, 0);
        buf_append_byte(out, '\n');
    }
    detail_expr(out, indent, "Limit", node->limit, node);
    detail_expr(out, indent, "Offset", node->offset, node);
}

static bool append_subplans(Expr *expr, void *ctx);

typedef struct SubplanPrinter {
    Buf *out;
    int indent;
    int depth;
} SubplanPrinter;

static void append_node(Buf *out, const PlanNode *node, int indent, bool arrow, int depth);

static bool append_subplans(Expr *expr, void *ctx)
{
    SubplanPrinter *printer = ctx;
    if (expr->kind == EXPR_SUBQUERY && expr->subplan) {
        buf_printf(printer->out, "%*sSubPlan\n", printer->indent, "");
        append_node(printer->out, expr->subplan, printer->indent + 2, true, printer->depth + 1);
    }
    return true;
}

static bool append_slot_subplans(Expr **slot, void *ctx)
{
    return expr_walk(*slot, append_subplans, ctx);
}

static void append_node(Buf *out, const PlanNode *node, int indent, bool arrow, int depth)
{
    char name[64];
    if (depth > DEPTH_MAX || !node)
        return;
    buf_printf(out, "%*s%s%s", indent, "", arrow ? "->  " : "", node_name(node, name));
    append_relation(out, node);
    if (node->row_estimate >= 0)
        buf_printf(out, "  (rows=%.0f)", node->row_estimate);
    buf_append_byte(out, '\n');
    int inner = indent + (arrow ? 6 : 2);
    append_details(out, node, inner);
    SubplanPrinter printer = {out, inner, depth};
    PlanNode *walkable = (PlanNode *)(uintptr_t)node; /* the printer only reads */
    (void)plan_walk_exprs(walkable, append_slot_subplans, &printer);
    for (int i = 0; i < 2; i++)
        append_node(out, node->children[i], inner, true, depth + 1);
}

void plan_explain(const Plan *plan, Buf *out)
{
    append_node(out, plan->root, 0, false, 0);
}
