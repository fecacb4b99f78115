/* op_project.c - one expression per output column. */
#include "query/exec/exec_int.h"

static Status project_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    const PlanNode *node = op->node;
    RecordBatch in;
    TRY(operator_next(op->child, &in, err));
    ret_batch->row_count = in.row_count;
    ret_batch->column_count = node->expr_count;
    if (!in.row_count)
        return STATUS_OK;
    TRY(exec__columns(&op->batch_arena, node->expr_count, &ret_batch->columns, err));
    for (uint32_t i = 0; i < node->expr_count; i++)
        TRY(expr_eval(&op->eval, node->exprs[i], &in, NULL, in.row_count, &ret_batch->columns[i],
                      err));
    return STATUS_OK;
}

const OperatorOps op_project_ops = {"Project", operator_open_child, project_next, NULL};
