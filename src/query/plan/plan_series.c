#include "query/plan/plan_series.h"

#include <inttypes.h>

static const char *const kind_names[] = {
    [SERIES_NUMBER] = "Number",
    [SERIES_TIME] = "Time",
    [SERIES_SELECT] = "SeriesScan",
    [SERIES_RANGE_SELECT] = "SeriesRangeScan",
    [SERIES_SUBQUERY] = "Subquery",
    [SERIES_RANGE_CALL] = "RangeFunction",
    [SERIES_MAP] = "Map",
    [SERIES_TIMESTAMP] = "Timestamp",
    [SERIES_LABEL_CALL] = "Labels",
    [SERIES_BUCKET_CALL] = "Buckets",
    [SERIES_SORT] = "Sort",
    [SERIES_SCALAR_OF] = "ScalarOf",
    [SERIES_VECTOR_OF] = "VectorOf",
    [SERIES_ABSENT] = "Absent",
    [SERIES_INFO] = "Info",
    [SERIES_AGGREGATE] = "Aggregate",
    [SERIES_BINARY] = "Binary",
    [SERIES_FIXED] = "OncePerQuery",
};

PlanNode *series_plan_new(Arena *arena, SeriesKind kind, uint32_t position)
{
    PlanNode *node = ARENA_NEW(arena, PlanNode);
    node->kind = PLAN_SERIES;
    node->row_estimate = -1;
    node->row_limit = INT64_MAX;
    node->series = ARENA_NEW(arena, SeriesPlan);
    node->series->kind = kind;
    node->series->position = position;
    return node;
}

const char *series_kind_name(SeriesKind kind)
{
    return kind_names[kind];
}

static void describe_labels(const Str *labels, uint32_t count, Buf *out)
{
    buf_append_byte(out, '(');
    for (uint32_t i = 0; i < count; i++)
        buf_printf(out, "%s%.*s", i ? ", " : "", STR_FMT(labels[i]));
    buf_append_byte(out, ')');
}

static void describe_times(const SeriesPlan *plan, Buf *out)
{
    if (plan->range_ms)
        buf_printf(out, " range=%" PRId64 "ms", plan->range_ms);
    if (plan->step_ms)
        buf_printf(out, " step=%" PRId64 "ms", plan->step_ms);
    if (plan->offset_ms)
        buf_printf(out, " offset=%" PRId64 "ms", plan->offset_ms);
    if (plan->has_at)
        buf_printf(out, " at=%" PRId64 "ms", plan->at_ms);
}

static void describe_matchers(const SeriesPlan *plan, Buf *out)
{
    static const char *const ops[] = {
        [MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"};

    buf_append_lit(out, " {");
    for (uint32_t i = 0; i < plan->matcher_count; i++)
        buf_printf(out, "%s%.*s%s\"%.*s\"", i ? "," : "", STR_FMT(plan->matchers[i].name),
                   ops[plan->matchers[i].op], STR_FMT(plan->matchers[i].value));
    buf_append_byte(out, '}');
}

static void describe_matching(const SeriesPlan *plan, Buf *out)
{
    const PromMatching *m = &plan->matching;

    buf_printf(out, " %s%s", prom_op_text(plan->op), plan->return_bool ? " bool" : "");
    if (m->on || m->label_count) {
        buf_append_str(out, m->on ? STR(" on ") : STR(" ignoring "));
        describe_labels(m->labels, m->label_count, out);
    }
    if (m->card == PROM_MANY_TO_ONE || m->card == PROM_ONE_TO_MANY) {
        buf_append_str(out,
                       m->card == PROM_MANY_TO_ONE ? STR(" group_left ") : STR(" group_right "));
        describe_labels(m->include, m->include_count, out);
    }
}

void series_plan_describe(const SeriesPlan *plan, Buf *out)
{
    buf_append_str(out, str_from(kind_names[plan->kind]));
    switch (plan->kind) {
    case SERIES_NUMBER:
        buf_printf(out, " %g", plan->number);
        break;
    case SERIES_SELECT:
    case SERIES_RANGE_SELECT:
        describe_matchers(plan, out);
        describe_times(plan, out);
        break;
    case SERIES_SUBQUERY:
        describe_times(plan, out);
        break;
    case SERIES_MAP:
        if (plan->negate) {
            buf_append_lit(out, " -");
            break;
        }
        buf_printf(out, " %s", prom_func_infos[plan->func].name.ptr);
        break;
    case SERIES_RANGE_CALL:
    case SERIES_LABEL_CALL:
    case SERIES_BUCKET_CALL:
    case SERIES_SORT:
        buf_printf(out, " %s", prom_func_infos[plan->func].name.ptr);
        break;
    case SERIES_AGGREGATE:
        buf_printf(out, " %s", prom_agg_infos[plan->agg].name.ptr);
        if (plan->without || plan->grouping_count) {
            buf_append_str(out, plan->without ? STR(" without ") : STR(" by "));
            describe_labels(plan->grouping, plan->grouping_count, out);
        }
        break;
    case SERIES_BINARY:
        describe_matching(plan, out);
        break;
    case SERIES_TIME:
    case SERIES_TIMESTAMP:
    case SERIES_SCALAR_OF:
    case SERIES_VECTOR_OF:
    case SERIES_ABSENT:
    case SERIES_INFO:
    case SERIES_FIXED:
        break;
    }
}

void series_plan_explain(const PlanNode *node, int indent, Buf *out)
{
    for (int i = 0; i < indent; i++)
        buf_append_lit(out, "  ");
    if (indent)
        buf_append_lit(out, "->  ");
    series_plan_describe(node->series, out);
    buf_append_byte(out, '\n');
    for (int i = 0; i < 2; i++)
        if (node->children[i])
            series_plan_explain(node->children[i], indent + 1, out);
    for (uint32_t i = 0; i < node->series->param_count; i++)
        series_plan_explain(node->series->params[i], indent + 1, out);
}

/* Inputs that a kind must have. */
static uint32_t child_count(const SeriesPlan *plan)
{
    switch (plan->kind) {
    case SERIES_NUMBER:
    case SERIES_TIME:
    case SERIES_SELECT:
    case SERIES_RANGE_SELECT:
        return 0;
    case SERIES_VECTOR_OF:
        return 1;
    case SERIES_MAP:
        return plan->func == PROM_FUNC_MAX_OF || plan->func == PROM_FUNC_MIN_OF ? 2 : 1;
    case SERIES_BINARY:
    case SERIES_INFO:
        return 2;
    case SERIES_SUBQUERY:
    case SERIES_RANGE_CALL:
    case SERIES_TIMESTAMP:
    case SERIES_LABEL_CALL:
    case SERIES_BUCKET_CALL:
    case SERIES_SORT:
    case SERIES_SCALAR_OF:
    case SERIES_ABSENT:
    case SERIES_AGGREGATE:
    case SERIES_FIXED:
        return 1;
    }
    return 0;
}

static Status verify_fail(const PlanNode *node, const char *what, Error *err)
{
    return error_set(err, STATUS_INTERNAL, "series plan: %s: %s",
                     node->series ? kind_names[node->series->kind] : "node", what);
}

Status series_plan_verify(const PlanNode *node, Error *err)
{
    const SeriesPlan *plan = node->series;
    uint32_t want;

    if (node->kind != PLAN_SERIES || !plan)
        return verify_fail(node, "not a series node", err);
    want = child_count(plan);
    for (uint32_t i = 0; i < 2; i++) {
        if ((node->children[i] != NULL) != (i < want))
            return verify_fail(node, "wrong number of inputs", err);
        if (node->children[i])
            TRY(series_plan_verify(node->children[i], err));
    }
    for (uint32_t i = 0; i < plan->param_count; i++) {
        TRY(series_plan_verify(plan->params[i], err));
        if (!plan->params[i]->series->scalar)
            return verify_fail(node, "a parameter is not a scalar", err);
    }
    if (plan->kind == SERIES_RANGE_CALL && node->children[0]->series->kind != SERIES_RANGE_SELECT &&
        node->children[0]->series->kind != SERIES_SUBQUERY)
        return verify_fail(node, "input is not a range", err);
    if ((plan->kind == SERIES_RANGE_SELECT || plan->kind == SERIES_SUBQUERY) && plan->range_ms <= 0)
        return verify_fail(node, "range is not positive", err);
    if (plan->kind == SERIES_SUBQUERY && plan->step_ms <= 0)
        return verify_fail(node, "step is not positive", err);
    if (plan->kind == SERIES_AGGREGATE &&
        (prom_agg_infos[plan->agg].param == 's') != (plan->param_count == 1))
        return verify_fail(node, "wrong number of parameters", err);
    return STATUS_OK;
}
