/* op_set_op.c - UNION, INTERSECT, EXCEPT, each with and without ALL.
 *
 * UNION streams left then right (through a table of seen rows when distinct). The others count the
 * right side's rows per distinct value, then stream the left one against the counts. */
#include "query/exec/exec_int.h"
#include "query/exec/group_table.h"

typedef struct SetOpState {
    GroupTable rows;
    int64_t *counts; /* per group: rows of the right side left over; mem_alloc */
    uint32_t count_cap;
    int64_t charged_bytes;
    bool on_right; /* UNION reads its right child now */
} SetOpState;

static Status grow_counts(Operator *op, SetOpState *s, Error *err)
{
    uint32_t need = group_table_count(&s->rows);
    if (need <= s->count_cap)
        return STATUS_OK;
    uint32_t cap = LUMA_MAX(need, s->count_cap * 2);
    int64_t bytes = (int64_t)sizeof(int64_t) * cap;
    TRY(mem_budget_charge(&op->exec->budget, bytes - s->charged_bytes, err));
    s->charged_bytes = bytes;
    s->counts = mem_realloc(s->counts, (size_t)bytes);
    memset(s->counts + s->count_cap, 0, sizeof(int64_t) * (cap - s->count_cap));
    s->count_cap = cap;
    return STATUS_OK;
}

static Status find_groups(Operator *op, SetOpState *s, const RecordBatch *in, uint32_t **ret_groups,
                          Error *err)
{
    arena_reset(&op->batch_arena);
    TRY(arena_try_alloc(&op->batch_arena, sizeof(uint32_t) * ((size_t)in->row_count + 1),
                        ret_groups, err));
    TRY(group_table_find(&s->rows, in->columns, in->row_count, &op->batch_arena, *ret_groups, err));
    return grow_counts(op, s, err);
}

static Status count_right(Operator *op, SetOpState *s, Error *err)
{
    Operator *right;
    Status status;
    TRY(operator_open(op->exec, op->node->children[1], op->outer, NULL, &right, err));
    for (;;) {
        RecordBatch in;
        uint32_t *groups;
        status = operator_next(right, &in, err);
        if (status != STATUS_OK || !in.row_count)
            break;
        status = find_groups(op, s, &in, &groups, err);
        if (status != STATUS_OK)
            break;
        for (uint32_t i = 0; i < in.row_count; i++)
            s->counts[groups[i]]++;
    }
    (void)operator_close(right);
    return status;
}

static Status set_op_open(Operator *op, Error *err)
{
    SetOpState *s = op->state = ARENA_NEW(&op->arena, SetOpState);
    Type *types;
    TRY(exec__schema_types(&op->node->schema, &op->arena, &types, err));
    TRY(group_table_init(&s->rows, &op->exec->budget, types, op->node->schema.field_count, err));
    if (op->node->set_op != SET_OP_UNION)
        TRY(count_right(op, s, err));
    return operator_open_child(op, err);
}

/* Next input batch of a union: left child, then right one. */
static Status union_input(Operator *op, SetOpState *s, RecordBatch *ret, Error *err)
{
    for (;;) {
        TRY(operator_next(op->child, ret, err));
        if (ret->row_count || s->on_right)
            return STATUS_OK;
        op->child = operator_close(op->child);
        TRY(operator_open(op->exec, op->node->children[1], op->outer, NULL, &op->child, err));
        s->on_right = true;
    }
}

enum { TAKEN = -1 }; /* count of a row that a distinct operation has put out or ruled out */

/* Does this left row come out? Updates its count. */
static bool decide(const PlanNode *node, int64_t *count)
{
    if (node->set_op == SET_OP_UNION) {
        bool first = *count != TAKEN;
        *count = TAKEN;
        return first;
    }
    bool intersect = node->set_op == SET_OP_INTERSECT;
    if (!node->all) {
        bool out = *count != TAKEN && (*count > 0) == intersect;
        *count = TAKEN;
        return out;
    }
    if (*count > 0) {
        (*count)--;
        return intersect;
    }
    return !intersect;
}

static Status set_op_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    SetOpState *s = op->state;
    const PlanNode *node = op->node;
    for (;;) {
        RecordBatch in;
        uint32_t *groups;
        uint32_t *rows;
        uint32_t count = 0;
        if (node->set_op == SET_OP_UNION)
            TRY(union_input(op, s, &in, err));
        else
            TRY(operator_next(op->child, &in, err));
        if (!in.row_count)
            return STATUS_OK;
        if (node->set_op == SET_OP_UNION && node->all) {
            *ret_batch = in;
            return STATUS_OK;
        }
        TRY(find_groups(op, s, &in, &groups, err));
        TRY(arena_try_alloc(&op->batch_arena, sizeof *rows * ((size_t)in.row_count + 1), &rows,
                            err));
        for (uint32_t i = 0; i < in.row_count; i++)
            if (decide(node, &s->counts[groups[i]]))
                rows[count++] = i;
        if (count)
            return batch_take(&in, rows, count, &op->batch_arena, ret_batch, err);
    }
}

static void set_op_close(Operator *op)
{
    SetOpState *s = op->state;
    if (!s)
        return;
    group_table_done(&s->rows);
    mem_free(s->counts);
    if (s->charged_bytes)
        mem_budget_release(&op->exec->budget, s->charged_bytes);
}

const OperatorOps op_set_op_ops = {"SetOp", set_op_open, set_op_next, set_op_close};
