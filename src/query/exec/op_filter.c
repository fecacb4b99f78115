/* op_filter.c - rows for which the predicate is true. A batch that passes whole is handed on as it
 * is; otherwise the rows are gathered. */
#include "query/exec/exec_int.h"

static Status filter_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    for (;;) {
        RecordBatch in;
        uint32_t *rows;
        uint32_t count;
        TRY(operator_next(op->child, &in, err));
        if (!in.row_count)
            return STATUS_OK;
        arena_reset(&op->batch_arena);
        TRY(expr_filter(&op->eval, op->node->predicate, &in, NULL, in.row_count, &rows, &count,
                        err));
        if (count == in.row_count) {
            *ret_batch = in;
            return STATUS_OK;
        }
        if (count)
            return batch_take(&in, rows, count, &op->batch_arena, ret_batch, err);
    }
}

const OperatorOps op_filter_ops = {"Filter", operator_open_child, filter_next, NULL};
