/* op_series_scalar.c - numbers, time(), scalar(), vector(), absent(): operators with one row. */
#include <math.h>

#include "query/exec/series_int.h"

static Status number_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    SeriesRow *row;

    TRY(arena_try_alloc(arena, sizeof *row, &row, err));
    TRY(series__row_new(row, op->grid.count, false, arena, err));
    for (uint32_t s = 0; s < op->grid.count; s++)
        row->values[s] = op->plan->kind == SERIES_TIME ? (double)series_grid_ms(op->grid, s) / 1000
                                                       : op->plan->number;
    row->has_labels = true;
    *ret_batch = (SeriesBatch){row, 1};
    op->done = true;
    return STATUS_OK;
}

/* The only float at a step, NaN when there is none or more than one. */
static Status scalar_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    uint32_t steps = op->grid.count;
    SeriesBatch in;
    SeriesRow *row;
    uint8_t *found;

    TRY(arena_try_alloc(arena, sizeof *row, &row, err));
    TRY(series__row_new(row, steps, false, arena, err));
    TRY(arena_try_alloc(arena, steps, &found, err));
    memset(found, 0, steps);
    for (;;) {
        TRY(series_op_next(op->inputs[0], arena, &in, err));
        if (!in.count)
            break;
        for (uint32_t i = 0; i < in.count; i++) {
            for (uint32_t s = 0; s < steps; s++) {
                if (prom_is_absent(in.rows[i].values[s]))
                    continue;
                row->values[s] = found[s] ? NAN : in.rows[i].values[s];
                found[s] = 1;
            }
        }
    }
    for (uint32_t s = 0; s < steps; s++)
        if (!found[s])
            row->values[s] = NAN;
    row->has_labels = true;
    *ret_batch = (SeriesBatch){row, 1};
    op->done = true;
    return STATUS_OK;
}

static Status vector_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    TRY(series_op_next(op->inputs[0], arena, ret_batch, err));
    op->done = true;
    return STATUS_OK;
}

/* 1 at each step where no row of the input has a value. */
static Status absent_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    uint32_t steps = op->grid.count;
    SeriesBatch in;
    SeriesRow *row;

    TRY(arena_try_alloc(arena, sizeof *row, &row, err));
    TRY(series__row_new(row, steps, false, arena, err));
    for (uint32_t s = 0; s < steps; s++)
        row->values[s] = 1;
    for (;;) {
        TRY(series_op_next(op->inputs[0], arena, &in, err));
        if (!in.count)
            break;
        for (uint32_t i = 0; i < in.count; i++)
            for (uint32_t s = 0; s < steps; s++)
                if (series_row_has(&in.rows[i], s))
                    row->values[s] = prom_absent();
    }
    row->labels = op->plan->absent_labels;
    row->has_labels = true;
    row->drop_name = op->plan->func == PROM_FUNC_ABSENT_OVER_TIME;
    *ret_batch = (SeriesBatch){row, 1};
    series__drop_empty(ret_batch, steps);
    op->done = true;
    return STATUS_OK;
}

static const SeriesOpOps number_ops = {number_next, NULL};
static const SeriesOpOps scalar_ops = {scalar_next, NULL};
static const SeriesOpOps vector_ops = {vector_next, NULL};
static const SeriesOpOps absent_ops = {absent_next, NULL};

Status op_series_scalar_open(SeriesOp *op, Error *err)
{
    switch (op->plan->kind) {
    case SERIES_SCALAR_OF:
        op->ops = &scalar_ops;
        break;
    case SERIES_VECTOR_OF:
        op->ops = &vector_ops;
        break;
    case SERIES_ABSENT:
        op->ops = &absent_ops;
        break;
    default:
        op->ops = &number_ops;
        break;
    }
    return STATUS_OK;
}
