/* op_cte.c - WITH: materialises a query once, and the scans of what was materialised.
 *
 * exec->ctes[idx] points to the rows while the PLAN_CTE is open; exec->working[idx] to the previous
 * round of a recursion while its step runs. */
#include "query/exec/exec_int.h"
#include "query/exec/group_table.h"

/* ---------------------------------------------------------------- PLAN_CTE */

typedef struct CteState {
    RowSet rows;
    RowSet *outer_rows; /* what the slot held before (a re-executed subplan) */
    bool published;
} CteState;

static Status cte_open(Operator *op, Error *err)
{
    CteState *s = op->state = ARENA_NEW(&op->arena, CteState);
    Exec *exec = op->exec;
    TRY(exec__materialize(exec, op->node->children[0], op->outer, &s->rows, err));
    s->outer_rows = exec->ctes[op->node->cte_idx];
    exec->ctes[op->node->cte_idx] = &s->rows;
    s->published = true;
    return operator_open(exec, op->node->children[1], op->outer, NULL, &op->child, err);
}

static Status cte_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    return operator_next(op->child, ret_batch, err);
}

static void cte_close(Operator *op)
{
    CteState *s = op->state;
    if (!s)
        return;
    op->child = operator_close(op->child); /* it reads the rows */
    if (s->published)
        op->exec->ctes[op->node->cte_idx] = s->outer_rows;
    rowset_done(&s->rows);
}

const OperatorOps op_cte_ops = {"CTE", cte_open, cte_next, cte_close};

/* ---------------------------------------------------------------- PLAN_CTE_SCAN */

typedef struct CteScanState {
    const RowSet *rows;
    uint32_t pos;
} CteScanState;

static Status cte_scan_open(Operator *op, Error *err)
{
    CteScanState *s = op->state = ARENA_NEW(&op->arena, CteScanState);
    uint32_t idx = op->node->cte_idx;
    s->rows = op->exec->working[idx] ? op->exec->working[idx] : op->exec->ctes[idx];
    if (!s->rows)
        return error_set(err, STATUS_INTERNAL, "CTE %u is scanned before it is made", idx);
    return STATUS_OK;
}

static Status cte_scan_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    CteScanState *s = op->state;
    uint32_t count = LUMA_MIN(s->rows->row_count - s->pos, (uint32_t)BATCH_ROWS);
    if (!count)
        return STATUS_OK;
    RecordBatch all = rowset_batch(s->rows);
    TRY(batch_slice(&all, s->pos, count, &op->batch_arena, ret_batch, err));
    s->pos += count;
    return STATUS_OK;
}

const OperatorOps op_cte_scan_ops = {"CTE Scan", cte_scan_open, cte_scan_next, NULL};

/* ---------------------------------------------------------------- PLAN_RECURSIVE */

/* Each round's new rows are put out as they become the next round's input. */
typedef struct RecursiveState {
    RowSet round;    /* being put out, then the step's input */
    GroupTable seen; /* UNION: rows so far */
    uint32_t pos;
    bool started;
} RecursiveState;

static Status init_round(Operator *op, RowSet *round, Error *err)
{
    Type *types;
    TRY(exec__schema_types(&op->node->schema, &op->arena, &types, err));
    return rowset_init(round, &op->exec->budget, types, op->node->schema.field_count, err);
}

static Status recursive_open(Operator *op, Error *err)
{
    RecursiveState *s = op->state = ARENA_NEW(&op->arena, RecursiveState);
    Type *types;
    TRY(exec__schema_types(&op->node->schema, &op->arena, &types, err));
    TRY(group_table_init(&s->seen, &op->exec->budget, types, op->node->schema.field_count, err));
    return init_round(op, &s->round, err);
}

static Status add_new_rows(Operator *op, RecursiveState *s, RowSet *to, const RecordBatch *in,
                           Error *err)
{
    uint32_t *groups;
    uint32_t *rows;
    uint32_t count = 0;
    if (!op->node->distinct_union)
        return rowset_append(to, in->columns, NULL, in->row_count, err);
    arena_reset(&op->batch_arena);
    size_t bytes = sizeof(uint32_t) * ((size_t)in->row_count + 1);
    TRY(arena_try_alloc(&op->batch_arena, bytes, &groups, err));
    TRY(arena_try_alloc(&op->batch_arena, bytes, &rows, err));
    uint32_t next = group_table_count(&s->seen);
    TRY(group_table_find(&s->seen, in->columns, in->row_count, &op->batch_arena, groups, err));
    for (uint32_t i = 0; i < in->row_count; i++) {
        if (groups[i] < next)
            continue;
        next = groups[i] + 1;
        rows[count++] = i;
    }
    return rowset_append(to, in->columns, rows, count, err);
}

/* Runs the seed (first) or the step over the last round; its new rows become the round. */
static Status run_round(Operator *op, RecursiveState *s, const PlanNode *plan, Error *err)
{
    uint32_t idx = op->node->cte_idx;
    const RowSet *before = op->exec->working[idx];
    Operator *source = NULL;
    RowSet next;

    TRY(init_round(op, &next, err));
    op->exec->working[idx] = &s->round;
    Status status = operator_open(op->exec, plan, op->outer, NULL, &source, err);
    while (status == STATUS_OK) {
        RecordBatch in;
        status = operator_next(source, &in, err);
        if (status != STATUS_OK || !in.row_count)
            break;
        status = add_new_rows(op, s, &next, &in, err);
    }
    (void)operator_close(source);
    op->exec->working[idx] = before;
    if (status != STATUS_OK) {
        rowset_done(&next);
        return status;
    }
    rowset_done(&s->round);
    s->round = next;
    s->pos = 0;
    return STATUS_OK;
}

static Status recursive_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    RecursiveState *s = op->state;
    if (s->pos == s->round.row_count) {
        if (s->started && !s->round.row_count)
            return STATUS_OK;
        TRY(run_round(op, s, op->node->children[s->started], err));
        s->started = true;
    }
    uint32_t count = LUMA_MIN(s->round.row_count - s->pos, (uint32_t)BATCH_ROWS);
    if (!count)
        return STATUS_OK;
    RecordBatch all = rowset_batch(&s->round);
    TRY(batch_slice(&all, s->pos, count, &op->batch_arena, ret_batch, err));
    s->pos += count;
    return STATUS_OK;
}

static void recursive_close(Operator *op)
{
    RecursiveState *s = op->state;
    if (!s)
        return;
    rowset_done(&s->round);
    group_table_done(&s->seen);
}

const OperatorOps op_recursive_ops = {"Recursive Union", recursive_open, recursive_next,
                                      recursive_close};
