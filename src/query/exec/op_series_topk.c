/* op_series_topk.c - topk, bottomk, limitk, limit_ratio: the input's own series, some of them. */
#include <math.h>
#include <stdlib.h>

#include "query/exec/series_group.h"

typedef struct Topk {
    SeriesGroups groups;
    Arena rows_arena;
} Topk;

_Static_assert(sizeof(Topk) <= SERIES_OP_STATE_BYTES, "state fits");

/* A row that has a value at the step. */
typedef struct Candidate {
    double value; /* negated for bottomk: the larger, the better; NaN last */
    uint32_t row;
    uint32_t group;
} Candidate;

/* Groups together, best first. */
static int cmp_candidate(const void *a, const void *b)
{
    const Candidate *x = a;
    const Candidate *y = b;

    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (isnan(x->value) != isnan(y->value))
        return isnan(x->value) ? 1 : -1;
    if (x->value != y->value && !isnan(x->value))
        return x->value > y->value ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static Status check_k(const SeriesOp *op, const double *k, Error *err)
{
    for (uint32_t s = 0; s < op->grid.count; s++) {
        if (isnan(k[s]))
            return error_set(err, STATUS_INVALID,
                             op->plan->agg == PROM_AGG_LIMIT_RATIO ? "Ratio value is NaN"
                                                                   : "Parameter value is NaN");
        if (op->plan->agg == PROM_AGG_LIMIT_RATIO)
            continue;
        if (k[s] >= 9223372036854775808.0)
            return error_set(err, STATUS_INVALID, "Scalar value %g overflows int64", k[s]);
        if (k[s] <= -9223372036854775808.0)
            return error_set(err, STATUS_INVALID, "Scalar value %g underflows int64", k[s]);
    }
    return STATUS_OK;
}

static void note_ratio(SeriesOp *op, const double *r)
{
    double low = 0;
    double high = 0;

    for (uint32_t s = 0; s < op->grid.count; s++) {
        low = r[s] < low ? r[s] : low;
        high = r[s] > high ? r[s] : high;
    }
    if (high > 1)
        series_exec_warn(op->exec, op->plan->param_positions[0],
                         "ratio value should be between -1 and 1, got %s%g, capping to 1",
                         isinf(high) ? "+" : "", high);
    if (low < -1)
        series_exec_warn(op->exec, op->plan->param_positions[0],
                         "ratio value should be between -1 and 1, got %g, capping to -1", low);
}

/* Rows that the step keeps, in the order of an instant result. */
typedef struct Pick {
    uint32_t *rows;
    uint32_t count;
} Pick;

static bool histograms_too(PromAgg agg)
{
    return agg == PROM_AGG_LIMITK || agg == PROM_AGG_LIMIT_RATIO;
}

static void note_ignored(SeriesOp *op)
{
    series_exec_info(op->exec, op->plan->position, "ignored histogram in %s aggregation",
                     prom_agg_infos[op->plan->agg].name.ptr);
}

static uint32_t gather(SeriesOp *op, const SeriesBatch *in, const uint32_t *ids, uint32_t s,
                       Candidate *out)
{
    PromAgg agg = op->plan->agg;
    uint32_t n = 0;

    for (uint32_t i = 0; i < in->count; i++) {
        double v = in->rows[i].values[s];
        if (prom_is_absent(v)) {
            if (!series_row_hist(&in->rows[i], s))
                continue;
            if (!histograms_too(agg)) {
                note_ignored(op);
                continue;
            }
        }
        if (histograms_too(agg))
            v = 0; /* in the order of the labels */
        out[n++] = (Candidate){agg == PROM_AGG_BOTTOMK ? -v : v, i, ids[i]};
    }
    return n;
}

static Pick pick_k(SeriesOp *op, Candidate *candidates, uint32_t n, double k, uint32_t *rows)
{
    Pick pick = {rows, 0};
    uint32_t limit = k < 1 ? 0 : k >= n ? n : (uint32_t)k;
    uint32_t in_group = 0;

    if (limit == 0)
        return pick;
    qsort(candidates, n, sizeof *candidates, cmp_candidate);
    for (uint32_t i = 0; i < n; i++) {
        if (i && candidates[i].group != candidates[i - 1].group)
            in_group = 0;
        if (in_group++ < limit)
            rows[pick.count++] = candidates[i].row;
    }
    return pick;
}

/* Each series has a place in [0, 1) given by its labels. */
static Pick pick_ratio(const SeriesBatch *in, const Candidate *candidates, uint32_t n, double ratio,
                       uint32_t *rows)
{
    Pick pick = {rows, 0};
    double r = ratio > 1 ? 1 : ratio < -1 ? -1 : ratio;

    for (uint32_t i = 0; r != 0 && i < n; i++) {
        uint64_t hash = label_set_hash(in->rows[candidates[i].row].labels);
        double place = (double)(hash >> 11) / 9007199254740992.0;
        if (r > 0 ? place < r : place >= 1 + r)
            rows[pick.count++] = candidates[i].row;
    }
    return pick;
}

static int cmp_row_labels(const void *a, const void *b)
{
    return label_set_cmp(((const SeriesRow *)a)->labels, ((const SeriesRow *)b)->labels);
}

static Status topk_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    Topk *top = series__state(op);
    uint32_t steps = op->grid.count;
    const double *k;
    Candidate *candidates;
    SeriesRow *rows;
    uint32_t *picked;
    uint32_t *ids;
    SeriesBatch in;

    op->done = true;
    TRY(series__params(op, err));
    k = op->param_values[0];
    TRY(check_k(op, k, err));
    if (op->plan->agg == PROM_AGG_LIMIT_RATIO)
        note_ratio(op, k);
    TRY(series_op_drain(op->inputs[0], &top->rows_arena, &in, err));
    if (histograms_too(op->plan->agg)) {
        for (uint32_t i = 0; i < in.count; i++)
            TRY(series_row_labels(op->exec, &in.rows[i], &top->rows_arena, err));
        if (in.count)
            qsort(in.rows, in.count, sizeof *in.rows, cmp_row_labels);
    }
    TRY(series__group_rows(op->exec, &top->groups, &in, &top->rows_arena, &ids, err));
    TRY(arena_try_alloc(arena, (in.count + 1) * sizeof *rows, &rows, err));
    TRY(arena_try_alloc(&top->rows_arena, (in.count + 1) * sizeof *candidates, &candidates, err));
    TRY(arena_try_alloc(&top->rows_arena, (in.count + 1) * sizeof *picked, &picked, err));
    for (uint32_t i = 0; steps > 1 && i < in.count; i++) {
        SeriesRow row = in.rows[i];
        TRY(series__row_new(&rows[i], steps, row.histograms != NULL, arena, err));
        row.values = rows[i].values;
        row.histograms = rows[i].histograms;
        rows[i] = row;
    }
    for (uint32_t s = 0; s < steps; s++) {
        uint32_t n = gather(op, &in, ids, s, candidates);
        Pick pick = op->plan->agg == PROM_AGG_LIMIT_RATIO
                        ? pick_ratio(&in, candidates, n, k[s], picked)
                        : pick_k(op, candidates, n, k[s], picked);
        if (steps == 1) { /* the order is part of the result */
            for (uint32_t i = 0; i < pick.count; i++)
                rows[i] = in.rows[pick.rows[i]];
            *ret_batch = (SeriesBatch){rows, pick.count};
            return STATUS_OK;
        }
        for (uint32_t i = 0; i < pick.count; i++) {
            const SeriesRow *from = &in.rows[pick.rows[i]];
            SeriesRow *to = &rows[pick.rows[i]];
            to->values[s] = from->values[s];
            if (from->histograms)
                to->histograms[s] = from->histograms[s];
        }
        TRY(series_exec_check(op->exec, err));
    }
    *ret_batch = (SeriesBatch){rows, in.count};
    series__drop_empty(ret_batch, steps);
    return STATUS_OK;
}

static void topk_close(SeriesOp *op)
{
    Topk *top = series__state(op);
    series__groups_done(&top->groups);
    arena_done(&top->rows_arena);
}

static const SeriesOpOps topk_ops = {topk_next, topk_close};

Status op_series_topk_open(SeriesOp *op, Error *err)
{
    Topk *top = series__state(op);

    op->ops = &topk_ops;
    arena_init(&top->rows_arena, op->exec->budget);
    series__groups_init(&top->groups, op->plan->grouping, op->plan->grouping_count,
                        op->plan->without, op->exec->arena);
    return STATUS_OK;
}
