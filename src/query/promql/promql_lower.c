/* promql_lower.c - checked trees to series plans.
 *
 * Parentheses, strings and the functions of the query's own times disappear here. A subtree under @
 * that does not depend on the step is put below SERIES_FIXED, as high up as possible, and runs
 * once; functions whose value depends on the step's time keep what is above them out of it.
 */
#include "query/promql/promql_lower.h"

#include <math.h>

typedef struct Lowering {
    const PromqlTimes *times;
    Arena *arena;
    Error *err;
} Lowering;

typedef struct Lowered {
    PlanNode *node;
    bool invariant; /* the same value at every step */
    bool wrap;      /* worth running once */
} Lowered;

static Status lower(Lowering *l, const PromExpr *expr, Lowered *ret);

/* The input as a node of a parent that does depend on the step. */
static PlanNode *input_of(Lowering *l, Lowered low)
{
    PlanNode *fixed;

    if (!low.invariant || !low.wrap)
        return low.node;
    fixed = series_plan_new(l->arena, SERIES_FIXED, low.node->series->position);
    fixed->series->scalar = low.node->series->scalar;
    fixed->children[0] = low.node;
    return fixed;
}

static Lowered number(Lowering *l, const PromExpr *expr, double value)
{
    PlanNode *node = series_plan_new(l->arena, SERIES_NUMBER, expr->start);
    node->series->scalar = true;
    node->series->number = value;
    return (Lowered){node, true, false};
}

static void lower_mod(Lowering *l, const PromTimeMod *mod, SeriesPlan *plan)
{
    plan->offset_ms = mod->offset_ms;
    plan->has_at = mod->at != PROM_AT_NONE;
    plan->at_ms = mod->at == PROM_AT_START ? l->times->start_ms
                  : mod->at == PROM_AT_END ? l->times->end_ms
                                           : mod->at_ms;
}

static Lowered lower_selector(Lowering *l, const PromExpr *expr, SeriesKind kind)
{
    PlanNode *node = series_plan_new(l->arena, kind, expr->start);
    SeriesPlan *plan = node->series;

    plan->matchers = expr->selector.matchers;
    plan->matcher_count = expr->selector.matcher_count;
    plan->anchored = expr->selector.anchored;
    plan->smoothed = expr->selector.smoothed;
    lower_mod(l, &expr->selector.mod, plan);
    return (Lowered){node, plan->has_at, plan->has_at};
}

static Status lower_subquery(Lowering *l, const PromExpr *expr, Lowered *ret)
{
    PlanNode *node = series_plan_new(l->arena, SERIES_SUBQUERY, expr->start);
    SeriesPlan *plan = node->series;
    Lowered child;

    TRY(lower(l, expr->subquery.expr, &child));
    node->children[0] = input_of(l, child);
    plan->range_ms = expr->subquery.range_ms;
    plan->step_ms = expr->subquery.step_ms ? expr->subquery.step_ms : l->times->subquery_step_ms;
    lower_mod(l, &expr->subquery.mod, plan);
    *ret = (Lowered){node, plan->has_at, false};
    return STATUS_OK;
}

/* Labels that absent() can tell from the selector's equality matchers. */
static LabelSet absent_labels(Lowering *l, const PromExpr *arg)
{
    const PromExpr *selector = arg->kind == PROM_RANGE ? arg->range.selector : arg;
    uint32_t n;
    Label *labels;
    uint32_t count = 0;
    Error ignored;

    if (selector->kind != PROM_SELECTOR)
        return (LabelSet){0};
    n = selector->selector.matcher_count;
    labels = ARENA_NEW_ARRAY(l->arena, Label, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const LabelMatcher *m = &selector->selector.matchers[i];
        uint32_t at = 0;
        if (str_eq(m->name, LABEL_NAME))
            continue;
        while (at < count && !str_eq(labels[at].name, m->name))
            at++;
        if (at == count)
            labels[count++] = (Label){m->name, m->op == MATCH_EQ ? m->value : STR("")};
        else
            labels[at].value = STR(""); /* named twice: unknown */
    }
    if (label_set_normalize(labels, &count, &ignored) != STATUS_OK)
        return (LabelSet){0};
    return (LabelSet){labels, count};
}

static bool extended_ok(const PromExpr *arg, PromFunc func)
{
    bool rates = func == PROM_FUNC_RATE || func == PROM_FUNC_INCREASE || func == PROM_FUNC_DELTA;

    if (arg->kind != PROM_RANGE)
        return true;
    if (arg->range.selector->selector.anchored)
        return rates || func == PROM_FUNC_RESETS || func == PROM_FUNC_CHANGES;
    return !arg->range.selector->selector.smoothed || rates;
}

static Status check_extended(Lowering *l, const PromExpr *arg, PromFunc func)
{
    if (extended_ok(arg, func))
        return STATUS_OK;
    if (arg->range.selector->selector.anchored)
        return error_set(l->err, STATUS_INVALID,
                         "anchored modifier can only be used with: changes, delta, increase, rate, "
                         "resets - not with %s",
                         prom_func_infos[func].name.ptr);
    return error_set(l->err, STATUS_INVALID,
                     "smoothed modifier can only be used with: delta, increase, rate - not with %s",
                     prom_func_infos[func].name.ptr);
}

static bool is_label_name(Str name)
{
    return name.len && str_utf8_valid(name);
}

static Status check_label_call(Lowering *l, const SeriesPlan *plan)
{
    const char *func = prom_func_infos[plan->func].name.ptr;

    for (uint32_t i = 2; plan->func == PROM_FUNC_LABEL_JOIN && i < plan->string_count; i++)
        if (!is_label_name(plan->strings[i]))
            return error_set(l->err, STATUS_INVALID, "invalid source label name in %s(): %.*s",
                             func, STR_FMT(plan->strings[i]));
    if (!is_label_name(plan->strings[0]))
        return error_set(l->err, STATUS_INVALID, "invalid destination label name in %s(): %.*s",
                         func, STR_FMT(plan->strings[0]));
    return STATUS_OK;
}

static SeriesKind call_kind(PromFunc func)
{
    switch (func) {
    case PROM_FUNC_LABEL_JOIN:
    case PROM_FUNC_LABEL_REPLACE:
        return SERIES_LABEL_CALL;
    case PROM_FUNC_HISTOGRAM_QUANTILE:
    case PROM_FUNC_HISTOGRAM_QUANTILES:
    case PROM_FUNC_HISTOGRAM_FRACTION:
        return SERIES_BUCKET_CALL;
    case PROM_FUNC_SORT:
    case PROM_FUNC_SORT_DESC:
    case PROM_FUNC_SORT_BY_LABEL:
    case PROM_FUNC_SORT_BY_LABEL_DESC:
        return SERIES_SORT;
    case PROM_FUNC_SCALAR:
        return SERIES_SCALAR_OF;
    case PROM_FUNC_VECTOR:
        return SERIES_VECTOR_OF;
    case PROM_FUNC_ABSENT:
    case PROM_FUNC_ABSENT_OVER_TIME:
        return SERIES_ABSENT;
    case PROM_FUNC_INFO:
        return SERIES_INFO;
    case PROM_FUNC_TIMESTAMP:
    case PROM_FUNC_START_TIMESTAMP:
        return SERIES_TIMESTAMP;
    default:
        return strchr(prom_func_infos[func].args, 'm') ? SERIES_RANGE_CALL : SERIES_MAP;
    }
}

static bool is_date(PromFunc func)
{
    switch (func) {
    case PROM_FUNC_DAYS_IN_MONTH:
    case PROM_FUNC_DAY_OF_MONTH:
    case PROM_FUNC_DAY_OF_WEEK:
    case PROM_FUNC_DAY_OF_YEAR:
    case PROM_FUNC_HOUR:
    case PROM_FUNC_MINUTE:
    case PROM_FUNC_MONTH:
    case PROM_FUNC_YEAR:
        return true;
    default:
        return false;
    }
}

/* Functions whose value changes with the step's time although their arguments do not. */
static bool depends_on_time(PromFunc func)
{
    return is_date(func) || func == PROM_FUNC_PREDICT_LINEAR || func == PROM_FUNC_TIME ||
           func == PROM_FUNC_TIMESTAMP;
}

/* Functions of the query's own times; false when it is none of them. */
static bool lower_constant(Lowering *l, const PromExpr *expr, Lowered *ret)
{
    const PromqlTimes *t = l->times;

    switch (expr->call.func) {
    case PROM_FUNC_PI:
        *ret = number(l, expr, M_PI);
        return true;
    case PROM_FUNC_START:
        *ret = number(l, expr, (double)t->start_ms / 1000);
        return true;
    case PROM_FUNC_END:
        *ret = number(l, expr, (double)t->end_ms / 1000);
        return true;
    case PROM_FUNC_RANGE:
        *ret = number(l, expr, (double)(t->end_ms - t->start_ms) / 1000);
        return true;
    case PROM_FUNC_STEP:
        *ret = number(l, expr, (double)t->step_ms / 1000);
        return true;
    case PROM_FUNC_TIME: {
        PlanNode *node = series_plan_new(l->arena, SERIES_TIME, expr->start);
        node->series->scalar = true;
        *ret = (Lowered){node, false, false};
        return true;
    }
    default:
        return false;
    }
}

/* timestamp(selector) asks for the samples' own times. */
static bool lower_sample_time(Lowering *l, const PromExpr *expr, Lowered *ret)
{
    const PromExpr *arg;

    if (expr->call.func != PROM_FUNC_TIMESTAMP && expr->call.func != PROM_FUNC_START_TIMESTAMP)
        return false;
    arg = prom_expr_unwrap(expr->call.args[0]);
    if (arg->kind != PROM_SELECTOR)
        return false;
    *ret = lower_selector(l, arg, SERIES_SELECT);
    ret->node->series->what = expr->call.func == PROM_FUNC_TIMESTAMP ? SERIES_WHAT_TIMESTAMP
                                                                     : SERIES_WHAT_START_TIMESTAMP;
    return true;
}

/* Sorts the arguments by type into children, params and strings. */
static Status lower_args(Lowering *l, const PromExpr *expr, PlanNode *node, bool *invariant)
{
    SeriesPlan *plan = node->series;
    uint32_t n = expr->call.arg_count;
    Lowered *lowered = ARENA_NEW_ARRAY(l->arena, Lowered, n + 1);
    uint32_t *positions = ARENA_NEW_ARRAY(l->arena, uint32_t, n + 1);
    Str *strings = ARENA_NEW_ARRAY(l->arena, Str, n + 1);
    uint32_t child = 0;
    bool scalar_children = plan->func == PROM_FUNC_MAX_OF || plan->func == PROM_FUNC_MIN_OF ||
                           plan->func == PROM_FUNC_VECTOR;

    plan->params = ARENA_NEW_ARRAY(l->arena, PlanNode *, n + 1);
    plan->param_positions = positions;
    plan->strings = strings;
    for (uint32_t i = 0; i < n; i++) {
        const PromExpr *arg = prom_expr_unwrap(expr->call.args[i]);
        if (arg->type == PROM_TYPE_STRING) {
            strings[plan->string_count++] = arg->string;
            continue;
        }
        if (arg->type == PROM_TYPE_MATRIX)
            TRY(check_extended(l, arg, plan->func));
        TRY(lower(l, arg, &lowered[i]));
        *invariant = *invariant && lowered[i].invariant;
    }
    for (uint32_t i = 0; i < n; i++) {
        const PromExpr *arg = prom_expr_unwrap(expr->call.args[i]);
        PlanNode *input;
        if (!lowered[i].node)
            continue;
        input = *invariant ? lowered[i].node : input_of(l, lowered[i]);
        if (arg->type == PROM_TYPE_SCALAR && !scalar_children) {
            positions[plan->param_count] = expr->call.args[i]->start;
            plan->params[plan->param_count++] = input;
        } else {
            if (child == 0)
                plan->arg_position = expr->call.args[i]->start;
            node->children[child++] = input;
        }
    }
    return STATUS_OK;
}

static Status lower_call(Lowering *l, const PromExpr *expr, Lowered *ret)
{
    PromFunc func = expr->call.func;
    SeriesKind kind = call_kind(func);
    PlanNode *node;
    bool invariant = !depends_on_time(func);

    if (lower_constant(l, expr, ret) || lower_sample_time(l, expr, ret)) {
        if (func == PROM_FUNC_TIMESTAMP)
            ret->invariant = false;
        return STATUS_OK;
    }
    node = series_plan_new(l->arena, kind, expr->start);
    node->series->func = func;
    node->series->scalar = prom_func_infos[func].result == 's';
    TRY(lower_args(l, expr, node, &invariant));
    if (kind == SERIES_LABEL_CALL)
        TRY(check_label_call(l, node->series));
    if (is_date(func) && !node->children[0]) {
        PlanNode *time = series_plan_new(l->arena, SERIES_TIME, expr->start);
        time->series->scalar = true;
        node->children[0] = series_plan_new(l->arena, SERIES_VECTOR_OF, expr->start);
        node->children[0]->children[0] = time;
    }
    if (kind == SERIES_INFO && !node->children[1])
        node->children[1] = series_plan_new(l->arena, SERIES_SELECT, UINT32_MAX);
    if (kind == SERIES_ABSENT) {
        node->series->absent_labels = absent_labels(l, prom_expr_unwrap(expr->call.args[0]));
        if (func == PROM_FUNC_ABSENT_OVER_TIME) {
            PlanNode *present = series_plan_new(l->arena, SERIES_RANGE_CALL, expr->start);
            present->series->func = PROM_FUNC_PRESENT_OVER_TIME;
            present->series->arg_position = node->series->arg_position;
            present->children[0] = node->children[0];
            node->children[0] = present;
        }
    }
    *ret = (Lowered){node, invariant, invariant};
    return STATUS_OK;
}

static Status lower_agg(Lowering *l, const PromExpr *expr, Lowered *ret)
{
    PlanNode *node = series_plan_new(l->arena, SERIES_AGGREGATE, expr->start);
    SeriesPlan *plan = node->series;
    const PromExpr *param = expr->agg.param ? prom_expr_unwrap(expr->agg.param) : NULL;
    Lowered child;
    Lowered low_param = {.invariant = true};

    plan->agg = expr->agg.op;
    plan->grouping = expr->agg.grouping;
    plan->grouping_count = expr->agg.grouping_count;
    plan->without = expr->agg.without;
    plan->arg_position = expr->agg.expr->start;
    TRY(lower(l, prom_expr_unwrap(expr->agg.expr), &child));
    if (param && param->type == PROM_TYPE_STRING) {
        Str *string = ARENA_NEW(l->arena, Str);
        *string = param->string;
        if (!is_label_name(*string)) {
            CLEANUP(buf_done) Buf quoted = {.len_max = 256};
            prom_text_quote(*string, &quoted);
            return error_set(l->err, STATUS_INVALID, "invalid label name %.*s", (int)quoted.len,
                             quoted.ptr);
        }
        plan->strings = string;
        plan->string_count = 1;
    } else if (param) {
        uint32_t *position = ARENA_NEW(l->arena, uint32_t);
        *position = expr->agg.param->start;
        TRY(lower(l, param, &low_param));
        plan->params = ARENA_NEW_ARRAY(l->arena, PlanNode *, 1);
        plan->param_positions = position;
        plan->param_count = 1;
    }
    bool invariant = child.invariant && low_param.invariant;
    node->children[0] = invariant ? child.node : input_of(l, child);
    if (low_param.node)
        plan->params[0] = invariant ? low_param.node : input_of(l, low_param);
    *ret = (Lowered){node, invariant, invariant};
    return STATUS_OK;
}

static Status lower_binary(Lowering *l, const PromExpr *expr, Lowered *ret)
{
    PlanNode *node = series_plan_new(l->arena, SERIES_BINARY, expr->start);
    SeriesPlan *plan = node->series;
    Lowered left;
    Lowered right;

    TRY(lower(l, expr->binary.left, &left));
    TRY(lower(l, expr->binary.right, &right));
    bool invariant = left.invariant && right.invariant;
    node->children[0] = invariant ? left.node : input_of(l, left);
    node->children[1] = invariant ? right.node : input_of(l, right);
    plan->op = expr->binary.op;
    plan->return_bool = expr->binary.return_bool;
    plan->matching = expr->binary.matching;
    plan->scalar = expr->type == PROM_TYPE_SCALAR;
    *ret = (Lowered){node, invariant, invariant && (left.wrap || right.wrap)};
    return STATUS_OK;
}

static Status lower_unary(Lowering *l, const PromExpr *expr, Lowered *ret)
{
    PlanNode *node;
    Lowered child;

    TRY(lower(l, expr->unary.expr, &child));
    if (!expr->unary.negate) {
        *ret = child;
        return STATUS_OK;
    }
    node = series_plan_new(l->arena, SERIES_MAP, expr->start);
    node->series->negate = true;
    node->series->scalar = expr->type == PROM_TYPE_SCALAR;
    node->children[0] = child.node;
    *ret = (Lowered){node, child.invariant, child.wrap};
    return STATUS_OK;
}

static Status lower(Lowering *l, const PromExpr *expr, Lowered *ret)
{
    switch (expr->kind) {
    case PROM_NUMBER:
        *ret = number(l, expr, expr->number.value);
        return STATUS_OK;
    case PROM_STRING:
        return error_set(l->err, STATUS_INTERNAL, "a string has no series plan");
    case PROM_SELECTOR:
        *ret = lower_selector(l, expr, SERIES_SELECT);
        if (expr->selector.anchored)
            return error_set(l->err, STATUS_INVALID,
                             "anchored modifier can only be used with range selectors");
        return STATUS_OK;
    case PROM_RANGE:
        *ret = lower_selector(l, expr->range.selector, SERIES_RANGE_SELECT);
        ret->node->series->range_ms = expr->range.range_ms;
        ret->wrap = false;
        return STATUS_OK;
    case PROM_SUBQUERY:
        return lower_subquery(l, expr, ret);
    case PROM_CALL:
        return lower_call(l, expr, ret);
    case PROM_AGGREGATE:
        return lower_agg(l, expr, ret);
    case PROM_BINARY:
        return lower_binary(l, expr, ret);
    case PROM_UNARY:
        return lower_unary(l, expr, ret);
    case PROM_PAREN:
        return lower(l, expr->paren, ret);
    }
    return STATUS_OK;
}

Status promql_lower(const PromExpr *expr, const PromqlTimes *times, Arena *arena,
                    PlanNode **ret_node, Error *err)
{
    Lowering l = {times, arena, err};
    Lowered low;

    TRY(lower(&l, expr, &low));
    *ret_node = input_of(&l, low);
    return series_plan_verify(*ret_node, err);
}
