#include <math.h>

#include "query/promql/promql.h"

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_duration(const PromDuration *a, const PromDuration *b)
{
    if (!a || !b)
        return a == b;
    return a->op == b->op && a->wrapped == b->wrapped && same_number(a->seconds, b->seconds) &&
           same_duration(a->left, b->left) && same_duration(a->right, b->right);
}

static bool same_mod(const PromTimeMod *a, const PromTimeMod *b)
{
    return a->offset_ms == b->offset_ms && a->at == b->at && a->at_ms == b->at_ms &&
           same_duration(a->offset_expr, b->offset_expr);
}

static bool same_strs(const Str *a, uint32_t a_count, const Str *b, uint32_t b_count)
{
    if (a_count != b_count)
        return false;
    for (uint32_t i = 0; i < a_count; i++)
        if (!str_eq(a[i], b[i]))
            return false;
    return true;
}

/* As sets: the printer sorts matchers. */
static bool same_matchers(const PromExpr *a, const PromExpr *b)
{
    if (a->selector.matcher_count != b->selector.matcher_count)
        return false;
    for (uint32_t i = 0; i < a->selector.matcher_count; i++) {
        const LabelMatcher *x = &a->selector.matchers[i];
        bool found = false;
        for (uint32_t j = 0; j < b->selector.matcher_count && !found; j++) {
            const LabelMatcher *y = &b->selector.matchers[j];
            found = x->op == y->op && str_eq(x->name, y->name) && str_eq(x->value, y->value);
        }
        if (!found)
            return false;
    }
    return true;
}

static bool same_matching(const PromMatching *a, const PromMatching *b)
{
    return a->card == b->card && a->on == b->on && a->has_fill_left == b->has_fill_left &&
           a->has_fill_right == b->has_fill_right && same_number(a->fill_left, b->fill_left) &&
           same_number(a->fill_right, b->fill_right) &&
           same_strs(a->labels, a->label_count, b->labels, b->label_count) &&
           same_strs(a->include, a->include_count, b->include, b->include_count);
}

bool promql_expr_eq(const PromExpr *a, const PromExpr *b)
{
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind || a->type != b->type)
        return false;
    switch (a->kind) {
    case PROM_NUMBER:
        return same_number(a->number.value, b->number.value);
    case PROM_STRING:
        return str_eq(a->string, b->string);
    case PROM_SELECTOR:
        return str_eq(a->selector.name, b->selector.name) && same_matchers(a, b) &&
               same_mod(&a->selector.mod, &b->selector.mod) &&
               a->selector.anchored == b->selector.anchored &&
               a->selector.smoothed == b->selector.smoothed;
    case PROM_RANGE:
        return a->range.range_ms == b->range.range_ms &&
               same_duration(a->range.range_expr, b->range.range_expr) &&
               promql_expr_eq(a->range.selector, b->range.selector);
    case PROM_SUBQUERY:
        return a->subquery.range_ms == b->subquery.range_ms &&
               a->subquery.step_ms == b->subquery.step_ms &&
               same_duration(a->subquery.range_expr, b->subquery.range_expr) &&
               same_duration(a->subquery.step_expr, b->subquery.step_expr) &&
               same_mod(&a->subquery.mod, &b->subquery.mod) &&
               promql_expr_eq(a->subquery.expr, b->subquery.expr);
    case PROM_CALL:
        if (a->call.func != b->call.func || a->call.arg_count != b->call.arg_count)
            return false;
        for (uint32_t i = 0; i < a->call.arg_count; i++)
            if (!promql_expr_eq(a->call.args[i], b->call.args[i]))
                return false;
        return true;
    case PROM_AGGREGATE:
        return a->agg.op == b->agg.op && a->agg.without == b->agg.without &&
               same_strs(a->agg.grouping, a->agg.grouping_count, b->agg.grouping,
                         b->agg.grouping_count) &&
               promql_expr_eq(a->agg.param, b->agg.param) &&
               promql_expr_eq(a->agg.expr, b->agg.expr);
    case PROM_BINARY:
        return a->binary.op == b->binary.op && a->binary.return_bool == b->binary.return_bool &&
               (!a->binary.has_matching ||
                same_matching(&a->binary.matching, &b->binary.matching)) &&
               promql_expr_eq(a->binary.left, b->binary.left) &&
               promql_expr_eq(a->binary.right, b->binary.right);
    case PROM_UNARY:
        return a->unary.negate == b->unary.negate && promql_expr_eq(a->unary.expr, b->unary.expr);
    case PROM_PAREN:
        return promql_expr_eq(a->paren, b->paren);
    }
    return false;
}
