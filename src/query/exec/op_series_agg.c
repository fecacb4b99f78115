/* op_series_agg.c - sum, avg, min, max, count, group, stddev, stdvar, quantile, count_values.
 *
 * Input batches are folded into one accumulator per group and step and then forgotten; only
 * quantile keeps its input. Sums are compensated in the order of the input, as Prometheus does.
 */
#include <math.h>

#include "base/simd.h"
#include "query/exec/series_group.h"
#include "query/func/kahan.h"
#include "query/func/promql_hist.h"
#include "query/func/promql_text.h"

enum {
    AGG_FLOAT = 1,        /* a float was seen */
    AGG_HIST = 2,         /* a histogram was seen */
    AGG_INCREMENTAL = 4,  /* avg: the sum would overflow, `a` is the mean */
    AGG_INCOMPATIBLE = 8, /* histograms that do not mix */
    AGG_RESET = 16,       /* histogram with the hint "counter reset" */
    AGG_NO_RESET = 32,    /* histogram with the hint "no counter reset" */
};

/* Accumulators of a group, one per step each; which are used depends on the aggregation. */
typedef struct Group {
    double *a;
    double *b;
    uint32_t *n;
    uint8_t *flags;
    NativeHistogram **hists; /* NULL until there is one */
    bool drop_name;
    uint32_t *rows; /* quantile: rows of the group */
    uint32_t row_count;
    uint32_t row_cap;
} Group;

typedef struct Agg {
    SeriesGroups groups;
    Group *accs;
    uint32_t acc_cap;
    Arena batch_arena; /* one batch at a time */
} Agg;

_Static_assert(sizeof(Agg) <= SERIES_OP_STATE_BYTES, "state fits");

static Status new_group(SeriesOp *op, Group *g, Error *err)
{
    Arena *arena = op->exec->arena;
    uint32_t steps = op->grid.count;

    *g = (Group){0};
    TRY(arena_try_alloc(arena, steps * sizeof *g->a, &g->a, err));
    TRY(arena_try_alloc(arena, steps * sizeof *g->b, &g->b, err));
    TRY(arena_try_alloc(arena, steps * sizeof *g->n, &g->n, err));
    TRY(arena_try_alloc(arena, steps, &g->flags, err));
    memset(g->a, 0, steps * sizeof *g->a);
    memset(g->b, 0, steps * sizeof *g->b);
    memset(g->n, 0, steps * sizeof *g->n);
    memset(g->flags, 0, steps);
    return STATUS_OK;
}

static Status need_groups(SeriesOp *op, Agg *agg, uint32_t from, Error *err)
{
    uint32_t count = agg->groups.count;

    if (count > agg->acc_cap) {
        uint32_t cap = LUMA_MAX(count, agg->acc_cap * 2);
        Group *more;
        TRY(arena_try_alloc(op->exec->arena, cap * sizeof *more, &more, err));
        if (from)
            memcpy(more, agg->accs, from * sizeof *more);
        agg->accs = more;
        agg->acc_cap = cap;
    }
    for (uint32_t i = from; i < count; i++)
        TRY(new_group(op, &agg->accs[i], err));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- floats */

/* As kahan_add, step by step, without a branch. */
SIMD_CLONES static void fold_sum(double *restrict sum, double *restrict c, uint8_t *restrict flags,
                                 const double *restrict v, uint32_t n)
{
    for (uint32_t s = 0; s < n; s++) {
        uint64_t bits;
        memcpy(&bits, &v[s], sizeof bits);
        bool there = bits != PROM_ABSENT_BITS;
        double x = there ? v[s] : 0;
        double t = sum[s] + x;
        double lost = fabs(sum[s]) >= fabs(x) ? (sum[s] - t) + x : (x - t) + sum[s];
        double next = fabs(t) == INFINITY ? 0 : c[s] + lost;
        c[s] = there ? next : c[s];
        sum[s] = there ? t : sum[s];
        flags[s] |= there ? AGG_FLOAT : 0;
    }
}

static void fold_avg(Group *g, const double *v, uint32_t steps)
{
    for (uint32_t s = 0; s < steps; s++) {
        double count;
        if (prom_is_absent(v[s]))
            continue;
        count = ++g->n[s];
        g->flags[s] |= AGG_FLOAT;
        if (!(g->flags[s] & AGG_INCREMENTAL)) {
            double sum = g->a[s];
            double c = g->b[s];
            kahan_add(v[s], &sum, &c);
            if (!isinf(sum) || count == 1) {
                g->a[s] = sum;
                g->b[s] = c;
                continue;
            }
            g->flags[s] |= AGG_INCREMENTAL;
            g->a[s] /= count - 1;
            g->b[s] /= count - 1;
        }
        double q = (count - 1) / count;
        g->a[s] *= q;
        g->b[s] *= q;
        kahan_add(v[s] / count, &g->a[s], &g->b[s]);
    }
}

static void fold_extreme(Group *g, const double *v, uint32_t steps, bool max)
{
    for (uint32_t s = 0; s < steps; s++) {
        if (prom_is_absent(v[s]))
            continue;
        if (!(g->flags[s] & AGG_FLOAT) || isnan(g->a[s]) || (max ? g->a[s] < v[s] : g->a[s] > v[s]))
            g->a[s] = v[s];
        g->flags[s] |= AGG_FLOAT;
    }
}

/* Welford: a = sum of squared differences, b = mean. */
static void fold_variance(Group *g, const double *v, uint32_t steps)
{
    for (uint32_t s = 0; s < steps; s++) {
        double delta;
        if (prom_is_absent(v[s]))
            continue;
        g->n[s]++;
        g->flags[s] |= AGG_FLOAT;
        if (g->n[s] == 1) {
            g->a[s] = isfinite(v[s]) ? 0 : NAN;
            g->b[s] = v[s];
            continue;
        }
        delta = v[s] - g->b[s];
        g->b[s] += delta / g->n[s];
        g->a[s] += delta * (v[s] - g->b[s]);
    }
}

static void fold_count(Group *g, const SeriesRow *row, uint32_t steps)
{
    for (uint32_t s = 0; s < steps; s++) {
        if (!series_row_has(row, s))
            continue;
        g->n[s]++;
        g->flags[s] |= AGG_FLOAT;
    }
}

/* ---------------------------------------------------------------- histograms */

static Status fold_histogram(SeriesOp *op, Group *g, SeriesRow *row, uint32_t s, Error *err)
{
    const NativeHistogram *h = row->histograms[s];
    Arena *arena = op->exec->arena;
    HistSum sum = {0};
    char name[320];

    g->flags[s] |= AGG_HIST;
    if (h->reset_hint == HISTOGRAM_RESET_YES)
        g->flags[s] |= AGG_RESET;
    if (h->reset_hint == HISTOGRAM_RESET_NO)
        g->flags[s] |= AGG_NO_RESET;
    if (g->flags[s] & AGG_INCOMPATIBLE)
        return STATUS_OK;
    g->n[s]++;
    if (!g->hists[s]) {
        g->hists[s] = prom_hist_mul(h, 1, arena);
        return g->hists[s] ? STATUS_OK : error_set(err, STATUS_LIMIT, "query memory is used up");
    }
    sum = prom_hist_add(g->hists[s], h, arena);
    if (!sum.hist) {
        TRY(series_row_labels(op->exec, row, arena, err));
        series_exec_warn(op->exec, op->plan->arg_position,
                         "vector contains a mix of histograms with exponential and custom buckets "
                         "schemas for metric name %s",
                         series__quote(label_set_get(row->labels, LABEL_NAME), name));
        g->flags[s] |= AGG_INCOMPATIBLE;
        return STATUS_OK;
    }
    if (sum.reconciled)
        series_exec_info(op->exec, op->plan->arg_position,
                         "mismatched custom buckets were reconciled during aggregation");
    g->hists[s] = sum.hist;
    return STATUS_OK;
}

static Status fold_histograms(SeriesOp *op, Group *g, SeriesRow *row, Error *err)
{
    uint32_t steps = op->grid.count;

    if (!g->hists) {
        TRY(arena_try_alloc(op->exec->arena, steps * sizeof *g->hists, &g->hists, err));
        memset(g->hists, 0, steps * sizeof *g->hists);
    }
    for (uint32_t s = 0; s < steps; s++)
        if (row->histograms[s])
            TRY(fold_histogram(op, g, row, s, err));
    return STATUS_OK;
}

static void note_ignored(SeriesOp *op, const SeriesRow *row)
{
    for (uint32_t s = 0; row->histograms && s < op->grid.count; s++) {
        if (row->histograms[s]) {
            series_exec_info(op->exec, op->plan->arg_position,
                             "ignored histogram in %s aggregation",
                             prom_agg_infos[op->plan->agg].name.ptr);
            return;
        }
    }
}

/* ---------------------------------------------------------------- folding */

static Status fold_row(SeriesOp *op, Group *g, SeriesRow *row, Error *err)
{
    uint32_t steps = op->grid.count;

    g->drop_name = g->drop_name || row->drop_name;
    switch (op->plan->agg) {
    case PROM_AGG_SUM:
        fold_sum(g->a, g->b, g->flags, row->values, steps);
        return row->histograms ? fold_histograms(op, g, row, err) : STATUS_OK;
    case PROM_AGG_AVG:
        fold_avg(g, row->values, steps);
        return row->histograms ? fold_histograms(op, g, row, err) : STATUS_OK;
    case PROM_AGG_MIN:
    case PROM_AGG_MAX:
        fold_extreme(g, row->values, steps, op->plan->agg == PROM_AGG_MAX);
        break;
    case PROM_AGG_STDDEV:
    case PROM_AGG_STDVAR:
        fold_variance(g, row->values, steps);
        break;
    case PROM_AGG_COUNT:
    case PROM_AGG_GROUP:
        fold_count(g, row, steps);
        return STATUS_OK;
    default:
        break;
    }
    note_ignored(op, row);
    return STATUS_OK;
}

static double finish_float(const SeriesOp *op, const Group *g, uint32_t s)
{
    switch (op->plan->agg) {
    case PROM_AGG_SUM:
        return g->a[s] + g->b[s];
    case PROM_AGG_AVG:
        return g->flags[s] & AGG_INCREMENTAL ? g->a[s] + g->b[s]
                                             : g->a[s] / g->n[s] + g->b[s] / g->n[s];
    case PROM_AGG_STDVAR:
        return g->a[s] / g->n[s];
    case PROM_AGG_STDDEV:
        return sqrt(g->a[s] / g->n[s]);
    case PROM_AGG_COUNT:
        return g->n[s];
    case PROM_AGG_GROUP:
        return 1;
    default:
        return g->a[s];
    }
}

/* Turns the accumulators of a group into its row. */
static Status finish_group(SeriesOp *op, Group *g, SeriesRow *row, Arena *arena, Error *err)
{
    uint32_t steps = op->grid.count;

    if (g->hists)
        TRY(series__row_need_histograms(row, steps, arena, err));
    for (uint32_t s = 0; s < steps; s++) {
        uint8_t flags = g->flags[s];
        if ((flags & AGG_FLOAT) && (flags & AGG_HIST)) {
            series_exec_warn(op->exec, op->plan->arg_position,
                             "encountered a mix of histograms and floats for aggregation");
            continue;
        }
        if (flags & AGG_INCOMPATIBLE)
            continue;
        if ((flags & AGG_RESET) && (flags & AGG_NO_RESET))
            series_exec_warn(op->exec, op->plan->arg_position,
                             "conflicting counter resets during histogram aggregation");
        if (flags & AGG_HIST) {
            if (op->plan->agg == PROM_AGG_AVG)
                prom_hist_divide(g->hists[s], g->n[s]);
            row->histograms[s] = g->hists[s];
        } else if (flags & AGG_FLOAT) {
            row->values[s] = finish_float(op, g, s);
        }
    }
    return STATUS_OK;
}

static Status finish(SeriesOp *op, Agg *agg, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    SeriesRow *rows;

    TRY(arena_try_alloc(arena, (agg->groups.count + 1) * sizeof *rows, &rows, err));
    for (uint32_t i = 0; i < agg->groups.count; i++) {
        TRY(series__row_new(&rows[i], op->grid.count, false, arena, err));
        rows[i].labels = agg->groups.labels[i];
        rows[i].has_labels = true;
        rows[i].drop_name = agg->accs[i].drop_name;
        TRY(finish_group(op, &agg->accs[i], &rows[i], arena, err));
    }
    *ret_batch = (SeriesBatch){rows, agg->groups.count};
    series__drop_empty(ret_batch, op->grid.count);
    op->done = true;
    return STATUS_OK;
}

static Status agg_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    Agg *agg = series__state(op);
    SeriesBatch in;

    for (;;) {
        uint32_t *ids;
        uint32_t before = agg->groups.count;
        arena_reset(&agg->batch_arena);
        TRY(series_op_next(op->inputs[0], &agg->batch_arena, &in, err));
        if (!in.count)
            break;
        TRY(series__group_rows(op->exec, &agg->groups, &in, &agg->batch_arena, &ids, err));
        TRY(need_groups(op, agg, before, err));
        for (uint32_t i = 0; i < in.count; i++)
            TRY(fold_row(op, &agg->accs[ids[i]], &in.rows[i], err));
    }
    return finish(op, agg, arena, ret_batch, err);
}

/* ---------------------------------------------------------------- quantile */

static void note_quantiles(SeriesOp *op, const double *q)
{
    bool nan = false;
    double low = 0;
    double high = 1;

    for (uint32_t s = 0; s < op->grid.count; s++) {
        nan = nan || isnan(q[s]);
        low = q[s] < low ? q[s] : low;
        high = q[s] > high ? q[s] : high;
    }
    uint32_t at = op->plan->param_positions[0];
    if (nan)
        series_exec_warn(op->exec, at, "quantile value should be between 0 and 1, got NaN");
    if (high > 1)
        series_exec_warn(op->exec, at, "quantile value should be between 0 and 1, got %s%g",
                         isinf(high) ? "+" : "", high);
    if (low < 0)
        series_exec_warn(op->exec, at, "quantile value should be between 0 and 1, got %g", low);
}

static Status quantile_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    Agg *agg = series__state(op);
    uint32_t steps = op->grid.count;
    const double *q;
    double *values;
    uint32_t *ids;
    SeriesBatch in;

    TRY(series__params(op, err));
    q = op->param_values[0];
    note_quantiles(op, q);
    TRY(series_op_drain(op->inputs[0], &agg->batch_arena, &in, err));
    TRY(series__group_rows(op->exec, &agg->groups, &in, &agg->batch_arena, &ids, err));
    TRY(need_groups(op, agg, 0, err));
    TRY(arena_try_alloc(&agg->batch_arena, (in.count + 1) * sizeof *values, &values, err));
    for (uint32_t i = 0; i < in.count; i++) {
        Group *g = &agg->accs[ids[i]];
        ARENA_PUSH(op->exec->arena, g->rows, g->row_count, g->row_cap, i);
        g->drop_name = g->drop_name || in.rows[i].drop_name;
        note_ignored(op, &in.rows[i]);
    }
    for (uint32_t k = 0; k < agg->groups.count; k++) {
        Group *g = &agg->accs[k];
        for (uint32_t s = 0; s < steps; s++) {
            uint32_t n = 0;
            for (uint32_t i = 0; i < g->row_count; i++)
                if (!prom_is_absent(in.rows[g->rows[i]].values[s]))
                    values[n++] = in.rows[g->rows[i]].values[s];
            if (!n)
                continue;
            g->a[s] = prom_quantile(q[s], values, n);
            g->flags[s] = AGG_FLOAT;
        }
        TRY(series_exec_check(op->exec, err));
    }
    return finish(op, agg, arena, ret_batch, err);
}

/* ---------------------------------------------------------------- count_values */

static Str value_text(double v, Arena *arena)
{
    CLEANUP(buf_done) Buf text = {0};
    prom_text_float(v, &text);
    return arena_str(arena, buf_str(&text));
}

static Str hist_text(const NativeHistogram *h, Arena *arena)
{
    CLEANUP(buf_done) Buf text = {0};
    prom_hist_print(h, arena, &text);
    return arena_str(arena, buf_str(&text));
}

static Status count_values_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    Agg *agg = series__state(op);
    Str label = op->plan->strings[0];
    SeriesBatch in;

    for (;;) {
        arena_reset(&agg->batch_arena);
        TRY(series_op_next(op->inputs[0], &agg->batch_arena, &in, err));
        if (!in.count)
            break;
        for (uint32_t i = 0; i < in.count; i++) {
            SeriesRow *row = &in.rows[i];
            TRY(series_row_labels(op->exec, row, &agg->batch_arena, err));
            for (uint32_t s = 0; s < op->grid.count; s++) {
                const NativeHistogram *h = series_row_hist(row, s);
                uint32_t before = agg->groups.count;
                uint32_t id;
                Str text;
                if (!series_row_has(row, s))
                    continue;
                text = h ? hist_text(h, &agg->batch_arena)
                         : value_text(row->values[s], &agg->batch_arena);
                TRY(series__group_of(
                    &agg->groups, series__with_label(row->labels, label, text, &agg->batch_arena),
                    &agg->batch_arena, &id, err));
                TRY(need_groups(op, agg, before, err));
                agg->accs[id].flags[s] = AGG_FLOAT;
                agg->accs[id].a[s] += 1;
            }
            TRY(series_exec_check(op->exec, err));
        }
    }
    return finish(op, agg, arena, ret_batch, err);
}

static void agg_close(SeriesOp *op)
{
    Agg *agg = series__state(op);
    series__groups_done(&agg->groups);
    arena_done(&agg->batch_arena);
}

static const SeriesOpOps agg_ops = {agg_next, agg_close};
static const SeriesOpOps quantile_ops = {quantile_next, agg_close};
static const SeriesOpOps count_values_ops = {count_values_next, agg_close};

Status op_series_agg_open(SeriesOp *op, Error *err)
{
    Agg *agg = series__state(op);
    const SeriesPlan *plan = op->plan;
    const Str *names = plan->grouping;
    uint32_t name_count = plan->grouping_count;

    arena_init(&agg->batch_arena, op->exec->budget);
    op->ops = &agg_ops;
    if (plan->agg == PROM_AGG_QUANTILE)
        op->ops = &quantile_ops;
    if (plan->agg == PROM_AGG_COUNT_VALUES) {
        op->ops = &count_values_ops;
        if (!plan->without) { /* the new label is part of the group */
            Str *more;
            TRY(arena_try_alloc(op->exec->arena, (name_count + 1) * sizeof *more, &more, err));
            if (name_count)
                memcpy(more, names, name_count * sizeof *more);
            more[name_count++] = plan->strings[0];
            names = more;
        }
    }
    series__groups_init(&agg->groups, names, name_count, plan->without, op->exec->arena);
    return STATUS_OK;
}
