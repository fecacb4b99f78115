/* op_series_map.c - functions of one value: math, clamp, round, dates, the simple histogram
 * functions, unary minus, timestamp() of an expression, min_of and max_of. */
#include <math.h>

#include "query/exec/series_int.h"
#include "query/func/promql_hist.h"
#include "query/func/promql_math.h"

static bool is_histogram_func(PromFunc func)
{
    switch (func) {
    case PROM_FUNC_HISTOGRAM_COUNT:
    case PROM_FUNC_HISTOGRAM_SUM:
    case PROM_FUNC_HISTOGRAM_AVG:
    case PROM_FUNC_HISTOGRAM_STDDEV:
    case PROM_FUNC_HISTOGRAM_STDVAR:
        return true;
    default:
        return false;
    }
}

static double histogram_value(PromFunc func, const NativeHistogram *h, Arena *arena)
{
    switch (func) {
    case PROM_FUNC_HISTOGRAM_COUNT:
        return h->count;
    case PROM_FUNC_HISTOGRAM_SUM:
        return h->sum;
    case PROM_FUNC_HISTOGRAM_AVG:
        return h->sum / h->count;
    case PROM_FUNC_HISTOGRAM_STDDEV:
        return sqrt(prom_hist_variance(h, arena));
    default:
        return prom_hist_variance(h, arena);
    }
}

static Status negate_row(SeriesRow *row, uint32_t steps, Arena *arena, Error *err)
{
    for (uint32_t s = 0; s < steps; s++) {
        if (!prom_is_absent(row->values[s]))
            row->values[s] = -row->values[s];
        else if (row->histograms && row->histograms[s]) {
            row->histograms[s] = prom_hist_mul(row->histograms[s], -1, arena);
            if (!row->histograms[s])
                return error_set(err, STATUS_LIMIT, "query memory is used up");
        }
    }
    return STATUS_OK;
}

static Status map_row(SeriesOp *op, SeriesRow *row, Arena *arena, Error *err)
{
    const SeriesPlan *plan = op->plan;
    uint32_t steps = op->grid.count;

    if (plan->kind == SERIES_TIMESTAMP) {
        /* Values of an expression stand at the step; what they began with is not known. */
        bool start = plan->func == PROM_FUNC_START_TIMESTAMP;
        for (uint32_t s = 0; s < steps; s++)
            if (series_row_has(row, s))
                row->values[s] = start ? prom_absent() : (double)series_grid_ms(op->grid, s) / 1000;
        row->histograms = NULL;
        return STATUS_OK;
    }
    if (plan->negate)
        return negate_row(row, steps, arena, err);
    if (is_histogram_func(plan->func)) {
        for (uint32_t s = 0; s < steps; s++)
            row->values[s] = row->histograms && row->histograms[s]
                                 ? histogram_value(plan->func, row->histograms[s], arena)
                                 : prom_absent();
    } else {
        prom_map(plan->func, op->param_values, plan->param_count, row->values, steps);
    }
    row->histograms = NULL;
    return STATUS_OK;
}

static Status mapped_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    TRY(series__params(op, err));
    do {
        TRY(series_op_next(op->inputs[0], arena, ret_batch, err));
        if (!ret_batch->count)
            return STATUS_OK;
        for (uint32_t i = 0; i < ret_batch->count; i++) {
            TRY(map_row(op, &ret_batch->rows[i], arena, err));
            ret_batch->rows[i].drop_name = true;
        }
        series__drop_empty(ret_batch, op->grid.count);
    } while (!ret_batch->count);
    return STATUS_OK;
}

/* min_of(a, b), max_of(a, b) of scalars: NaN where one is NaN. */
static Status extreme_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    SeriesBatch right;

    TRY(series_op_next(op->inputs[0], arena, ret_batch, err));
    TRY(series_op_next(op->inputs[1], arena, &right, err));
    for (uint32_t s = 0; s < op->grid.count; s++) {
        double a = ret_batch->rows[0].values[s];
        double b = right.rows[0].values[s];
        bool first = op->plan->func == PROM_FUNC_MIN_OF ? a < b : a > b;
        ret_batch->rows[0].values[s] = isnan(a) || isnan(b) ? NAN : first ? a : b;
    }
    op->done = true;
    return STATUS_OK;
}

static const SeriesOpOps map_ops = {mapped_next, NULL};
static const SeriesOpOps extreme_ops = {extreme_next, NULL};

Status op_series_map_open(SeriesOp *op, Error *err)
{
    bool extreme = op->plan->kind == SERIES_MAP && !op->plan->negate &&
                   (op->plan->func == PROM_FUNC_MIN_OF || op->plan->func == PROM_FUNC_MAX_OF);
    op->ops = extreme ? &extreme_ops : &map_ops;
    return STATUS_OK;
}
