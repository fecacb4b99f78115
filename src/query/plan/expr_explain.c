/* expr_explain.c - EXPLAIN: expressions as PostgreSQL deparses them. */
#include "query/plan/plan_explain_int.h"

enum { DEPTH_MAX = 2000 };

void plan__append_ident(Buf *out, Str name)
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
        plan__append_ident(out, from->schema.fields[expr->column].name);
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

static void append_key(Buf *out, const SortKey *key, const PlanNode *node, int depth)
{
    append_expr(out, key->expr, node, depth);
    if (key->descending)
        buf_append_lit(out, " DESC");
    if (key->nulls_first != key->descending)
        buf_append_str(out, key->nulls_first ? STR(" NULLS FIRST") : STR(" NULLS LAST"));
}

static void append_keys(Buf *out, const SortKey *keys, uint32_t count, const PlanNode *node,
                        int depth)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_append_lit(out, ", ");
        append_key(out, &keys[i], node, depth);
    }
}

void plan__append_key(const SortKey *key, const PlanNode *node, Buf *out)
{
    append_key(out, key, node, 0);
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
