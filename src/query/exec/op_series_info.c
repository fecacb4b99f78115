/* op_series_info.c - info(v, {...}): adds the labels of info metrics (target_info unless the
 * selector says otherwise) to the series of v that have the same job and instance.
 *
 * Of several info series with the same job and instance the one with the newest sample counts; that
 * may change from step to step, and with it the labels of the result.
 */
#include <math.h>

#include "query/exec/series_group.h"

enum { INFO_METRICS_MAX = 64 }; /* different info metrics that one series may meet */

typedef struct InfoOp {
    Arena arena;
    SeriesGroups out_groups; /* labels of the result's rows */
    SeriesGroups ids;        /* job and instance */
    PlanNode select;         /* of the info series */
    SeriesPlan select_plan;
} InfoOp;

/* The info series found. */
typedef struct Infos {
    SeriesBatch batch; /* values are the samples' times in seconds */
    uint32_t *ids;     /* job and instance of each */
} Infos;

static const Str identifying[2] = {STR_INIT("instance"), STR_INIT("job")};

static bool is_name(const LabelMatcher *m)
{
    return str_eq(m->name, LABEL_NAME);
}

/* Series that are info metrics themselves stay as they are. */
static bool is_info(const SeriesPlan *sel, LabelSet labels)
{
    Str name = label_set_get(labels, LABEL_NAME);
    bool any = false;

    for (uint32_t i = 0; i < sel->matcher_count; i++) {
        if (!is_name(&sel->matchers[i]))
            continue;
        any = any || sel->matchers[i].op == MATCH_EQ || sel->matchers[i].op == MATCH_RE;
        if (!label_matcher_test(&sel->matchers[i], name))
            return false;
    }
    if (sel->position == UINT32_MAX) /* no selector was given */
        return str_eq(name, STR("target_info"));
    return any;
}

/* The info series are looked up at the time at which the first selector of the base is: its @ and
 * offset, and those of the subqueries around it, apply. */
static bool base_time(const PlanNode *node, SeriesPlan *ret)
{
    const SeriesPlan *plan = node->series;

    if (plan->kind == SERIES_SELECT || plan->kind == SERIES_RANGE_SELECT) {
        ret->offset_ms = plan->offset_ms;
        ret->has_at = plan->has_at;
        ret->at_ms = plan->at_ms;
        return true;
    }
    for (int i = 0; i < 2; i++) {
        if (!node->children[i] || !base_time(node->children[i], ret))
            continue;
        if (plan->kind == SERIES_SUBQUERY && !ret->has_at) {
            ret->offset_ms += plan->offset_ms;
            ret->has_at = plan->has_at;
            ret->at_ms = plan->at_ms;
        }
        return true;
    }
    return false;
}

static Status select_infos(SeriesOp *op, InfoOp *info, const SeriesPlan *sel, Infos *ret,
                           Error *err)
{
    LabelMatcher *matchers;
    uint32_t n = sel->matcher_count;
    bool named = false;
    bool excluded = false;

    TRY(arena_try_alloc(op->exec->arena, (n + 1) * sizeof *matchers, &matchers, err));
    for (uint32_t i = 0; i < n; i++) {
        bool negative = sel->matchers[i].op == MATCH_NE || sel->matchers[i].op == MATCH_NRE;
        matchers[i] = sel->matchers[i];
        named = named || (is_name(&matchers[i]) && !negative);
        excluded = excluded || (is_name(&matchers[i]) && negative);
    }
    if (!named && excluded) /* all info metrics but those */
        TRY(label_matcher_make(MATCH_RE, LABEL_NAME, STR(".+_info"), op->exec->arena,
                               &matchers[n++], err));
    else if (!named)
        TRY(label_matcher_make(MATCH_EQ, LABEL_NAME, STR("target_info"), op->exec->arena,
                               &matchers[n++], err));
    info->select_plan = (SeriesPlan){.kind = SERIES_SELECT, .what = SERIES_WHAT_TIMESTAMP};
    (void)base_time(op->node->children[0], &info->select_plan);
    info->select_plan.matchers = matchers;
    info->select_plan.matcher_count = n;
    info->select = (PlanNode){.kind = PLAN_SERIES, .series = &info->select_plan};
    TRY(series_op_open(op->exec, &info->select, op->grid, &op->inputs[1], err));
    TRY(series_op_drain(op->inputs[1], &info->arena, &ret->batch, err));
    return series__group_rows(op->exec, &info->ids, &ret->batch, &info->arena, &ret->ids, err);
}

static bool has_data_matcher(const SeriesPlan *sel, Str label)
{
    bool any = false;

    for (uint32_t i = 0; i < sel->matcher_count; i++) {
        if (is_name(&sel->matchers[i]))
            continue;
        any = true;
        if (str_eq(sel->matchers[i].name, label))
            return true;
    }
    return !any;
}

static bool data_may_be_empty(const SeriesPlan *sel)
{
    for (uint32_t i = 0; i < sel->matcher_count; i++)
        if (!is_name(&sel->matchers[i]) && !label_matcher_matches_empty(&sel->matchers[i]))
            return false;
    return true;
}

/* The newest info series per metric for these identifying labels at step s. */
static Status pick(SeriesOp *op, Infos *infos, uint32_t id, uint32_t s, uint32_t *picked,
                   uint32_t *ret_count, Error *err)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < infos->batch.count; i++) {
        const SeriesRow *row = &infos->batch.rows[i];
        uint32_t k = 0;
        if (infos->ids[i] != id || prom_is_absent(row->values[s]))
            continue;
        for (; k < n; k++)
            if (str_eq(label_set_get(infos->batch.rows[picked[k]].labels, LABEL_NAME),
                       label_set_get(row->labels, LABEL_NAME)))
                break;
        if (k == INFO_METRICS_MAX)
            return error_set(err, STATUS_LIMIT, "info() meets more than %d info metrics",
                             INFO_METRICS_MAX);
        if (k == n) {
            picked[n++] = i;
            continue;
        }
        double have = infos->batch.rows[picked[k]].values[s];
        if (have == row->values[s])
            return error_set(err, STATUS_INVALID, "found duplicate series for info metric");
        if (have < row->values[s])
            picked[k] = i;
    }
    *ret_count = n;
    return STATUS_OK;
}

/* Labels of base with those of the picked info series. */
static Status join_labels(SeriesOp *op, InfoOp *info, const SeriesPlan *sel, const SeriesRow *base,
                          const Infos *infos, const uint32_t *picked, uint32_t count,
                          LabelSet *ret_labels, Error *err)
{
    LabelSet added = {0};
    LabelSet labels = base->labels;

    for (uint32_t k = 0; k < count; k++) {
        LabelSet from = infos->batch.rows[picked[k]].labels;
        for (uint32_t i = 0; i < from.count; i++) {
            Str name = from.labels[i].name;
            Str had = label_set_get(added, name);
            if (str_eq(name, LABEL_NAME) || !has_data_matcher(sel, name))
                continue;
            if (had.len && !str_eq(had, from.labels[i].value))
                return error_set(err, STATUS_INVALID, "conflicting label: %.*s", STR_FMT(name));
            if (label_set_get(base->labels, name).len)
                continue;
            added = series__with_label(added, name, from.labels[i].value, &info->arena);
        }
    }
    for (uint32_t i = 0; i < added.count; i++)
        labels =
            series__with_label(labels, added.labels[i].name, added.labels[i].value, &info->arena);
    *ret_labels = labels;
    return STATUS_OK;
}

typedef struct Output {
    SeriesRow *rows;
    uint32_t count;
    uint32_t cap;
} Output;

/* Puts base's value of step s into the row with these labels. */
static Status put(SeriesOp *op, InfoOp *info, Output *out, const SeriesRow *base, LabelSet labels,
                  uint32_t s, Arena *arena, Error *err)
{
    uint32_t steps = op->grid.count;
    uint32_t id;

    TRY(series__group_exact(&info->out_groups, labels, &info->arena, &id, err));
    if (id == out->count) {
        SeriesRow row;
        TRY(series__row_new(&row, steps, false, arena, err));
        row.labels = info->out_groups.labels[id];
        row.has_labels = true;
        row.drop_name = base->drop_name;
        ARENA_PUSH(arena, out->rows, out->count, out->cap, row);
    }
    SeriesRow *row = &out->rows[id];
    if (series_row_has(row, s))
        return error_set(err, STATUS_INVALID,
                         "vector cannot contain metrics with the same labelset");
    row->values[s] = base->values[s];
    if (series_row_hist(base, s)) {
        TRY(series__row_need_histograms(row, steps, arena, err));
        row->histograms[s] = base->histograms[s];
    }
    return STATUS_OK;
}

static Status info_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    InfoOp *info = *(InfoOp **)series__state(op);
    const SeriesPlan *sel = op->node->children[1]->series;
    uint32_t picked[INFO_METRICS_MAX];
    SeriesBatch base;
    Infos infos = {0};
    Output out = {0};
    uint32_t *ids;

    op->done = true;
    TRY(series_op_drain(op->inputs[0], &info->arena, &base, err));
    for (uint32_t i = 0; i < base.count; i++)
        TRY(series_row_labels(op->exec, &base.rows[i], &info->arena, err));
    TRY(series__group_rows(op->exec, &info->ids, &base, &info->arena, &ids, err));
    TRY(select_infos(op, info, sel, &infos, err));
    for (uint32_t i = 0; i < infos.batch.count; i++)
        TRY(series_row_labels(op->exec, &infos.batch.rows[i], &info->arena, err));
    for (uint32_t i = 0; i < base.count; i++) {
        const SeriesRow *row = &base.rows[i];
        bool plain = is_info(sel, row->labels);
        bool none = info->ids.labels[ids[i]].count == 0; /* nothing to identify it by */
        TRY(series_exec_check(op->exec, err));
        for (uint32_t s = 0; s < op->grid.count; s++) {
            LabelSet labels = row->labels;
            uint32_t count = 0;
            if (!series_row_has(row, s))
                continue;
            if (!plain && !none)
                TRY(pick(op, &infos, ids[i], s, picked, &count, err));
            if (!plain && !count && !data_may_be_empty(sel))
                continue;
            if (count)
                TRY(join_labels(op, info, sel, row, &infos, picked, count, &labels, err));
            TRY(put(op, info, &out, row, labels, s, arena, err));
        }
    }
    *ret_batch = (SeriesBatch){out.rows, out.count};
    return STATUS_OK;
}

static void info_close(SeriesOp *op)
{
    InfoOp *info = *(InfoOp **)series__state(op);
    if (!info)
        return;
    series__groups_done(&info->out_groups);
    series__groups_done(&info->ids);
    arena_done(&info->arena);
}

static const SeriesOpOps info_ops = {info_next, info_close};

Status op_series_info_open(SeriesOp *op, Error *err)
{
    InfoOp *info;

    op->ops = &info_ops;
    TRY(arena_try_alloc(op->exec->arena, sizeof *info, &info, err));
    memset(info, 0, sizeof *info);
    *(InfoOp **)series__state(op) = info;
    arena_init(&info->arena, op->exec->budget);
    series__groups_init(&info->out_groups, NULL, 0, true, op->exec->arena);
    series__groups_init(&info->ids, identifying, 2, false, op->exec->arena);
    return series_op_open(op->exec, op->node->children[0], op->grid, &op->inputs[0], err);
}
