/* op_virtual_scan.c - rows that others make: system views, and PromQL results as rows. */
#include "query/exec/exec_int.h"

/* ---------------------------------------------------------------- PLAN_VIRTUAL_SCAN */

typedef struct VirtualScan {
    void *state;
} VirtualScan;

static Status virtual_scan_open(Operator *op, Error *err)
{
    op->state = ARENA_NEW(&op->arena, VirtualScan);
    return STATUS_OK;
}

static Status virtual_scan_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    VirtualScan *s = op->state;
    const PlanNode *node = op->node;
    const VirtualTable *table = node->virtual_table;
    RecordBatch all = {0};
    TRY(table->next(table->ctx, &s->state, &op->arena, &all, err));
    if (!node->scan_columns || !all.row_count) {
        *ret_batch = all;
        return STATUS_OK;
    }
    ret_batch->row_count = all.row_count;
    ret_batch->column_count = node->schema.field_count;
    TRY(exec__columns(&op->batch_arena, ret_batch->column_count, &ret_batch->columns, err));
    for (uint32_t i = 0; i < ret_batch->column_count; i++)
        ret_batch->columns[i] = all.columns[node->scan_columns[i]];
    return STATUS_OK;
}

const OperatorOps op_virtual_scan_ops = {"System Scan", virtual_scan_open, virtual_scan_next, NULL};

/* ---------------------------------------------------------------- PLAN_SERIES_ROWS */

typedef struct SeriesRows {
    void *rows;
} SeriesRows;

static Status series_rows_open(Operator *op, Error *err)
{
    SeriesRows *s = op->state = ARENA_NEW(&op->arena, SeriesRows);
    const ExecOptions *options = &op->exec->options;
    if (!options->series)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", op->node->position,
                             "promql() is not available here");
    return options->series->open(options->series->ctx, op->node, options->params,
                                 options->param_count, &s->rows, err);
}

static Status series_rows_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    return op->exec->options.series->next(((SeriesRows *)op->state)->rows, ret_batch, err);
}

static void series_rows_close(Operator *op)
{
    SeriesRows *s = op->state;
    if (s && s->rows)
        op->exec->options.series->close(s->rows);
}

const OperatorOps op_series_rows_ops = {"PromQL Rows", series_rows_open, series_rows_next,
                                        series_rows_close};
