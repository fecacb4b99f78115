/* op_series_fixed.c - a subtree that does not depend on the step: evaluated once, at the first
 * step, and repeated. */
#include "query/exec/series_int.h"

static Status fixed_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    uint32_t steps = op->grid.count;
    SeriesBatch in;

    TRY(series_op_next(op->inputs[0], arena, &in, err));
    for (uint32_t i = 0; i < in.count; i++) {
        SeriesRow *row = &in.rows[i];
        double value = row->values[0];
        TRY(arena_try_alloc(arena, steps * sizeof *row->values, &row->values, err));
        for (uint32_t s = 0; s < steps; s++)
            row->values[s] = value;
        if (row->histograms) {
            const NativeHistogram *h = row->histograms[0];
            TRY(arena_try_alloc(arena, steps * sizeof *row->histograms, &row->histograms, err));
            for (uint32_t s = 0; s < steps; s++)
                row->histograms[s] = h;
        }
    }
    *ret_batch = in;
    return STATUS_OK;
}

static const SeriesOpOps fixed_ops = {fixed_next, NULL};

Status op_series_fixed_open(SeriesOp *op, Error *err)
{
    SeriesGrid once = {op->grid.start_ms, op->grid.step_ms, 1};

    op->ops = &fixed_ops;
    return series_op_open(op->exec, op->node->children[0], once, &op->inputs[0], err);
}
