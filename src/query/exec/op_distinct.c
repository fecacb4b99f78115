/* op_distinct.c - DISTINCT over all columns, and DISTINCT ON: the first row of each key. */
#include "query/exec/exec_int.h"
#include "query/exec/group_table.h"

typedef struct DistinctState {
    GroupTable seen;
} DistinctState;

static Status distinct_open(Operator *op, Error *err)
{
    DistinctState *s = op->state = ARENA_NEW(&op->arena, DistinctState);
    const PlanNode *node = op->node;
    uint32_t count = node->group_count ? node->group_count : node->schema.field_count;
    Type *types;
    TRY(arena_try_alloc(&op->arena, sizeof(Type) * (count + 1), &types, err));
    for (uint32_t i = 0; i < count; i++)
        types[i] = node->group_count ? node->groups[i]->type : node->schema.fields[i].type;
    TRY(group_table_init(&s->seen, &op->exec->budget, types, count, err));
    return operator_open_child(op, err);
}

static Status distinct_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    DistinctState *s = op->state;
    const PlanNode *node = op->node;
    for (;;) {
        RecordBatch in;
        uint32_t *groups;
        uint32_t *rows;
        TRY(operator_next(op->child, &in, err));
        if (!in.row_count)
            return STATUS_OK;
        arena_reset(&op->batch_arena);
        const Column *keys = in.columns;
        if (node->group_count) {
            Column *evaluated;
            TRY(exec__columns(&op->batch_arena, node->group_count, &evaluated, err));
            for (uint32_t i = 0; i < node->group_count; i++)
                TRY(expr_eval(&op->eval, node->groups[i], &in, NULL, in.row_count, &evaluated[i],
                              err));
            keys = evaluated;
        }
        TRY(arena_try_alloc(&op->batch_arena, sizeof *groups * ((size_t)in.row_count + 1), &groups,
                            err));
        TRY(arena_try_alloc(&op->batch_arena, sizeof *rows * ((size_t)in.row_count + 1), &rows,
                            err));
        uint32_t next = group_table_count(&s->seen);
        uint32_t count = 0;
        TRY(group_table_find(&s->seen, keys, in.row_count, &op->batch_arena, groups, err));
        for (uint32_t i = 0; i < in.row_count; i++) {
            if (groups[i] < next)
                continue;
            next = groups[i] + 1;
            rows[count++] = i;
        }
        if (count)
            return batch_take(&in, rows, count, &op->batch_arena, ret_batch, err);
    }
}

static void distinct_close(Operator *op)
{
    DistinctState *s = op->state;
    if (s)
        group_table_done(&s->seen);
}

const OperatorOps op_distinct_ops = {"Distinct", distinct_open, distinct_next, distinct_close};
