/* op_insert.c - rows into a table by way of the caller's WriteBatch; RETURNING's rows come out.
 *
 * The child's columns are spread over the table's live columns; columns that are not targets are
 * NULL (the binder has put DEFAULT expressions into the child). NOT NULL is checked here, 23502. */
#include "query/exec/exec_int.h"

static Status check_not_null(const Table *table, uint32_t column, const Column *c, Error *err)
{
    const TableColumn *tc = &table->columns[column];
    if (!tc->not_null || !c->validity)
        return STATUS_OK;
    for (uint32_t i = 0; i < c->len; i++) {
        if (!column_is_null(c, i))
            continue;
        return error_set_sql(err, STATUS_INVALID, "23502", 0,
                             "null value in column \"%.*s\" of relation \"%.*s\" violates "
                             "not-null constraint",
                             STR_FMT(tc->name), STR_FMT(table->name));
    }
    return STATUS_OK;
}

/* One column per column of the table, in attribute order (dropped ones as NULL). */
static Status table_rows(Operator *op, const RecordBatch *in, RecordBatch *ret, Error *err)
{
    const Table *table = op->node->table;
    *ret = (RecordBatch){.column_count = table->column_count, .row_count = in->row_count};
    TRY(exec__columns(&op->batch_arena, table->column_count, &ret->columns, err));
    for (uint32_t c = 0; c < table->column_count; c++)
        TRY(column_init_null(&ret->columns[c], &op->batch_arena, table->columns[c].type,
                             in->row_count, err));
    for (uint32_t i = 0; i < op->node->target_count; i++)
        TRY(column_flatten(&in->columns[i], &op->batch_arena,
                           &ret->columns[op->node->target_columns[i]], err));
    for (uint32_t c = 0; c < table->column_count; c++)
        if (!table->columns[c].dropped)
            TRY(check_not_null(table, c, &ret->columns[c], err));
    return STATUS_OK;
}

static Status live_columns(Operator *op, const RecordBatch *all, RecordBatch *ret, Error *err)
{
    const Table *table = op->node->table;
    *ret = (RecordBatch){.row_count = all->row_count};
    TRY(exec__columns(&op->batch_arena, table->column_count, &ret->columns, err));
    for (uint32_t c = 0; c < table->column_count; c++)
        if (!table->columns[c].dropped)
            ret->columns[ret->column_count++] = all->columns[c];
    return STATUS_OK;
}

static Status insert_open(Operator *op, Error *err)
{
    if (!op->exec->options.write_batch)
        return error_set_sql(err, STATUS_INVALID, "25006", 0,
                             "cannot execute INSERT in a read-only transaction");
    return operator_open_child(op, err);
}

static Status insert_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    const PlanNode *node = op->node;
    for (;;) {
        RecordBatch in;
        RecordBatch all;
        RecordBatch live;
        TRY(operator_next(op->child, &in, err));
        if (!in.row_count)
            return STATUS_OK;
        arena_reset(&op->batch_arena);
        TRY(table_rows(op, &in, &all, err));
        TRY(live_columns(op, &all, &live, err));
        TRY(write_batch_rows(op->exec->options.write_batch, node->table, &live, err));
        op->exec->rows_written += in.row_count;
        if (!node->returning_count)
            continue;
        ret_batch->row_count = in.row_count;
        ret_batch->column_count = node->returning_count;
        TRY(exec__columns(&op->batch_arena, node->returning_count, &ret_batch->columns, err));
        for (uint32_t i = 0; i < node->returning_count; i++)
            TRY(expr_eval(&op->eval, node->returning[i], &all, NULL, in.row_count,
                          &ret_batch->columns[i], err));
        return STATUS_OK;
    }
}

const OperatorOps op_insert_ops = {"Insert", insert_open, insert_next, NULL};
