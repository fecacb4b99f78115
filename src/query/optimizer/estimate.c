/* estimate.c - how many rows a node may give, how many values a column may have, which share of
 * rows a predicate lets through.
 *
 * Tables know their size and, per column, a range and for dictionaries and integers a number of
 * values; all else is assumed. Estimates choose between plans of equal answers, nothing more. */
#include "query/optimizer/estimate.h"

#include <math.h>

enum { UNKNOWN_ROWS = 1000, CTE_ROWS = 10000 };

static const double SEL_EQ = 0.005;
static const double SEL_RANGE = 0.33;
static const double SEL_LIKE = 0.1;
static const double SEL_PREFIX = 0.03;
static const double SEL_OTHER = 0.3;
static const double SEL_NULL = 0.02;

/* ---------------------------------------------------------------- columns */

static ColumnGuess scan_column(const Estimator *e, const PlanNode *scan, uint32_t column)
{
    ColumnEstimate known;
    ColumnGuess guess = {0};
    if (!e->snapshot || scan->scan_columns[column] >= scan->table->column_count)
        return guess;
    engine_estimate(e->snapshot, scan->table, scan->scan_columns[column], &known);
    guess.distinct = known.distinct;
    if (known.range.kind == COLUMN_RANGE_NONE)
        return guess;
    bool whole = known.range.kind == COLUMN_RANGE_INT;
    guess.has_range = true;
    guess.min = whole ? (double)known.range.int_min : known.range.float_min;
    guess.max = whole ? (double)known.range.int_max : known.range.float_max;
    return guess;
}

static ColumnGuess through_expr(const Estimator *e, const PlanNode *child, const Expr *expr)
{
    if (expr->kind == EXPR_COLUMN && expr->input == 0)
        return estimate_column(e, child, expr->column);
    return (ColumnGuess){0};
}

ColumnGuess estimate_column(const Estimator *e, const PlanNode *node, uint32_t column)
{
    uint32_t left;
    switch (node->kind) {
    case PLAN_SCAN:
        return scan_column(e, node, column);
    case PLAN_FILTER:
    case PLAN_SORT:
    case PLAN_LIMIT:
    case PLAN_DISTINCT:
        return estimate_column(e, node->children[0], column);
    case PLAN_PROJECT:
        return through_expr(e, node->children[0], node->exprs[column]);
    case PLAN_AGGREGATE:
        return column < node->group_count ? through_expr(e, node->children[0], node->groups[column])
                                          : (ColumnGuess){0};
    case PLAN_JOIN:
    case PLAN_APPLY:
        left = node->children[0]->schema.field_count;
        if (column < left)
            return estimate_column(e, node->children[0], column);
        return node->join_kind == JOIN_MARK ? (ColumnGuess){.distinct = 2}
                                            : estimate_column(e, node->children[1], column - left);
    case PLAN_WINDOW:
        return column < node->children[0]->schema.field_count
                   ? estimate_column(e, node->children[0], column)
                   : (ColumnGuess){0};
    case PLAN_CTE:
        return estimate_column(e, node->children[1], column);
    default:
        return (ColumnGuess){0};
    }
}

/* ---------------------------------------------------------------- predicates */

static bool constant_number(const Expr *e, double *ret)
{
    if (e->kind != EXPR_CONST || column_is_null(&e->value, 0))
        return false;
    switch (type_layout(e->type)) {
    case LAYOUT_INT8:
    case LAYOUT_INT16:
    case LAYOUT_INT32:
    case LAYOUT_INT64:
        *ret = (double)column_i64(&e->value, 0);
        return true;
    case LAYOUT_FLOAT:
    case LAYOUT_DOUBLE:
        *ret = column_f64(&e->value, 0);
        return isfinite(*ret);
    default:
        return false;
    }
}

static double equality(const ColumnGuess *guess)
{
    return guess->distinct >= 1 ? 1 / guess->distinct : SEL_EQ;
}

/* Share of [min, max] on the side of the bound that `less` says. */
static double range_share(const ColumnGuess *guess, bool less, double bound)
{
    if (!guess->has_range || guess->max <= guess->min)
        return SEL_RANGE;
    double below = (bound - guess->min) / (guess->max - guess->min);
    below = LUMA_MIN(LUMA_MAX(below, 0.0), 1.0);
    return less ? below : 1 - below;
}

static double like_share(const Expr *pattern)
{
    if (pattern->kind != EXPR_CONST || column_is_null(&pattern->value, 0) ||
        !type_is_text(pattern->type))
        return SEL_LIKE;
    Str text = column_str(&pattern->value, 0);
    return text.len && text.ptr[0] != '%' && text.ptr[0] != '_' ? SEL_PREFIX : SEL_LIKE;
}

/* column <name> value, with `flipped` value <name> column. */
static double comparison(const Estimator *e, const PlanNode *node, const Expr *call, int side)
{
    const char *name = call->function->name;
    const Expr *value = call->args[1 - side];
    ColumnGuess guess = estimate_column(e, node, call->args[side]->column);
    double bound;
    if (strcmp(name, "=") == 0)
        return equality(&guess);
    if (strcmp(name, "<>") == 0)
        return 1 - equality(&guess);
    if (name[0] == '<' || name[0] == '>') {
        bool less = (name[0] == '<') == (side == 0);
        return constant_number(value, &bound) ? range_share(&guess, less, bound) : SEL_RANGE;
    }
    return SEL_OTHER;
}

static double call_share(const Estimator *e, const PlanNode *node, const Expr *call)
{
    const char *name = call->function->name;
    if (call->arg_count != 2)
        return SEL_OTHER;
    if (strcmp(name, "~~") == 0 || strcmp(name, "~~*") == 0)
        return like_share(call->args[1]);
    if (strcmp(name, "!~~") == 0 || strcmp(name, "!~~*") == 0)
        return 1 - like_share(call->args[1]);
    for (int side = 0; side < 2; side++) {
        const Expr *column = call->args[side];
        const Expr *other = call->args[1 - side];
        if (column->kind == EXPR_COLUMN && other->kind != EXPR_COLUMN)
            return comparison(e, node, call, side);
    }
    if (strcmp(name, "=") == 0)
        return SEL_EQ;
    return name[0] == '<' || name[0] == '>' ? 0.4 : SEL_OTHER;
}

static double in_share(const Estimator *e, const PlanNode *node, const Expr *in)
{
    double one = SEL_EQ;
    if (in->args[0]->kind == EXPR_COLUMN) {
        ColumnGuess guess = estimate_column(e, node, in->args[0]->column);
        one = equality(&guess);
    } else {
        one = 0.05;
    }
    double share = LUMA_MIN(one * (in->arg_count - 1), 1.0);
    return in->negated ? 1 - share : share;
}

/* Bounds of one column from both sides are one interval, not two independent tests. */
typedef struct Bounds {
    uint32_t column;
    double low;  /* share above the lower bound */
    double high; /* share below the upper bound */
} Bounds;

enum { BOUNDS_MAX = 8 };

static bool note_bounds(const Estimator *e, const PlanNode *node, const Expr *call, Bounds *bounds,
                        uint32_t *count)
{
    double bound;
    if (call->kind != EXPR_CALL || call->arg_count != 2 ||
        (call->function->name[0] != '<' && call->function->name[0] != '>') ||
        strcmp(call->function->name, "<>") == 0 || strlen(call->function->name) > 2)
        return false;
    int side = call->args[0]->kind == EXPR_COLUMN ? 0 : 1;
    const Expr *column = call->args[side];
    if (column->kind != EXPR_COLUMN || !constant_number(call->args[1 - side], &bound))
        return false;
    bool less = (call->function->name[0] == '<') == (side == 0);
    ColumnGuess guess = estimate_column(e, node, column->column);
    double share = range_share(&guess, less, bound);
    uint32_t i = 0;
    while (i < *count && bounds[i].column != column->column)
        i++;
    if (i == BOUNDS_MAX)
        return false;
    if (i == *count)
        bounds[(*count)++] = (Bounds){column->column, 1, 1};
    double *slot = less ? &bounds[i].high : &bounds[i].low;
    *slot = LUMA_MIN(*slot, share);
    return true;
}

static double and_share(const Estimator *e, const PlanNode *node, Expr *const *args, uint32_t count)
{
    Bounds bounds[BOUNDS_MAX];
    uint32_t bounds_count = 0;
    double share = 1;
    for (uint32_t i = 0; i < count; i++)
        if (!note_bounds(e, node, args[i], bounds, &bounds_count))
            share *= estimate_share(e, node, args[i]);
    for (uint32_t i = 0; i < bounds_count; i++)
        share *= LUMA_MAX(bounds[i].low + bounds[i].high - 1, 0.001);
    return share;
}

double estimate_share(const Estimator *e, const PlanNode *node, const Expr *predicate)
{
    double share = 1;
    switch (predicate->kind) {
    case EXPR_AND:
        return and_share(e, node, predicate->args, predicate->arg_count);
    case EXPR_OR:
        for (uint32_t i = 0; i < predicate->arg_count; i++)
            share *= 1 - estimate_share(e, node, predicate->args[i]);
        return 1 - share;
    case EXPR_NOT:
        return 1 - estimate_share(e, node, predicate->args[0]);
    case EXPR_CALL:
        return call_share(e, node, predicate);
    case EXPR_IN:
        return in_share(e, node, predicate);
    case EXPR_IS_NULL:
        return predicate->negated ? 1 - SEL_NULL : SEL_NULL;
    case EXPR_CONST:
        return !column_is_null(&predicate->value, 0) && column_bool(&predicate->value, 0) ? 1 : 0;
    default:
        return SEL_OTHER;
    }
}

/* ---------------------------------------------------------------- rows */

static double scan_rows(const Estimator *e, const PlanNode *scan)
{
    ColumnEstimate known = {.rows = UNKNOWN_ROWS};
    if (e->snapshot)
        engine_estimate(e->snapshot, scan->table, 0, &known);
    double rows = known.rows;
    for (uint32_t i = 0; i < scan->predicate_count; i++)
        rows *= scan->predicates[i].op == SCAN_EQ ? SEL_EQ : SEL_RANGE;
    return scan->row_limit < rows ? (double)scan->row_limit : rows;
}

static double group_rows(const Estimator *e, const PlanNode *child, Expr *const *groups,
                         uint32_t count)
{
    double rows = estimate_rows(e, child);
    double groups_max = 1;
    for (uint32_t i = 0; i < count; i++) {
        ColumnGuess guess = through_expr(e, child, groups[i]);
        groups_max *= guess.distinct >= 1 ? guess.distinct : LUMA_MAX(rows / 10, 1.0);
    }
    return LUMA_MIN(rows, groups_max);
}

static double join_rows(const Estimator *e, const PlanNode *join)
{
    double left = estimate_rows(e, join->children[0]);
    double right = estimate_rows(e, join->children[1]);
    switch (join->join_kind) {
    case JOIN_SEMI:
    case JOIN_ANTI:
    case JOIN_NULL_ANTI:
        return left * 0.5;
    case JOIN_MARK:
    case JOIN_SINGLE:
        return left;
    case JOIN_LEFT:
        return LUMA_MAX(left, right);
    case JOIN_CROSS:
        return left * right;
    case JOIN_INNER:
    case JOIN_RIGHT:
    case JOIN_FULL:
        break;
    }
    return LUMA_MAX(left, right);
}

double estimate_rows(const Estimator *e, const PlanNode *node)
{
    double rows;
    switch (node->kind) {
    case PLAN_SCAN:
        return scan_rows(e, node);
    case PLAN_VALUES:
        return node->values_rows;
    case PLAN_EMPTY:
        return 0;
    case PLAN_FILTER:
        return LUMA_MAX(estimate_rows(e, node->children[0]) *
                            estimate_share(e, node->children[0], node->predicate),
                        1.0);
    case PLAN_AGGREGATE:
        return node->group_count ? group_rows(e, node->children[0], node->groups, node->group_count)
                                 : 1;
    case PLAN_LIMIT:
        rows = estimate_rows(e, node->children[0]);
        if (node->limit && node->limit->kind == EXPR_CONST && type_is_integer(node->limit->type) &&
            !column_is_null(&node->limit->value, 0))
            rows = LUMA_MIN(rows, (double)column_i64(&node->limit->value, 0));
        return rows;
    case PLAN_JOIN:
    case PLAN_APPLY:
        return join_rows(e, node);
    case PLAN_SET_OP:
        rows = estimate_rows(e, node->children[0]);
        return node->set_op == SET_OP_UNION ? rows + estimate_rows(e, node->children[1]) : rows;
    case PLAN_CTE:
        return estimate_rows(e, node->children[1]);
    case PLAN_CTE_SCAN:
    case PLAN_RECURSIVE:
        return CTE_ROWS;
    case PLAN_PROJECT:
    case PLAN_SORT:
    case PLAN_DISTINCT:
    case PLAN_WINDOW:
    case PLAN_INSERT:
    case PLAN_UPDATE:
    case PLAN_DELETE:
        return node->children[0] ? estimate_rows(e, node->children[0]) : UNKNOWN_ROWS;
    case PLAN_FUNCTION_SCAN:
    case PLAN_PROJECT_SET:
    case PLAN_VIRTUAL_SCAN:
    case PLAN_SERIES_ROWS:
    case PLAN_SERIES:
        return UNKNOWN_ROWS;
    }
    return UNKNOWN_ROWS;
}
