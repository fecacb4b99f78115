/* op_values.c - rows of expressions, and no rows at all. */
#include "query/exec/exec_int.h"

typedef struct ValuesState {
    uint32_t row;
} ValuesState;

static Status values_open(Operator *op, Error *err)
{
    op->state = ARENA_NEW(&op->arena, ValuesState);
    return STATUS_OK;
}

static Status values_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    ValuesState *s = op->state;
    const PlanNode *node = op->node;
    uint32_t width = node->schema.field_count;
    uint32_t rows = LUMA_MIN(node->values_rows - s->row, (uint32_t)BATCH_ROWS);

    ret_batch->row_count = rows;
    ret_batch->column_count = width;
    TRY(exec__columns(&op->batch_arena, width, &ret_batch->columns, err));
    for (uint32_t c = 0; c < width; c++) {
        Column *out = &ret_batch->columns[c];
        TRY(column_init(out, &op->batch_arena, node->schema.fields[c].type, rows, true, err));
        for (uint32_t i = 0; i < rows; i++) {
            Column value;
            TRY(expr_eval_plain(&op->eval, node->exprs[(s->row + i) * width + c], NULL, NULL, 1,
                                &value, err));
            exec__scatter(out, &value, &i, 1);
        }
    }
    s->row += rows;
    return STATUS_OK;
}

const OperatorOps op_values_ops = {"Values Scan", values_open, values_next, NULL};

static Status empty_open(Operator *op, Error *err)
{
    return STATUS_OK;
}

static Status empty_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    return STATUS_OK;
}

const OperatorOps op_empty_ops = {"Empty Result", empty_open, empty_next, NULL};
