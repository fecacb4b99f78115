/* op_loop_join.c - joins without equality keys: the right side is materialised and every pair is
 * tried. The side with fewer rows runs in the outer loop, one row at a time as a constant, so each
 * step is one vectorised evaluation of the predicate. */
#include "query/exec/join_rows.h"

typedef struct LoopJoin {
    JoinSide side;
    RowSet rows;
    RecordBatch right;
    uint8_t *right_matched; /* right and full joins */
    uint8_t *unknown;       /* per left row: the predicate was NULL for some right row */
    bool by_right;          /* outer loop over right rows, else over left rows */
    uint32_t outer_row;
    uint32_t inner_from;
    bool left_ended;
    uint32_t right_pos;
} LoopJoin;

static Status loop_join_open(Operator *op, Error *err)
{
    LoopJoin *j = op->state = ARENA_NEW(&op->arena, LoopJoin);
    arena_init(&j->side.arena, &op->exec->budget);
    TRY(exec__materialize(op->exec, op->node->children[1], op->outer, &j->rows, err));
    j->right = rowset_batch(&j->rows);
    if (op->node->join_kind == JOIN_RIGHT || op->node->join_kind == JOIN_FULL) {
        TRY(arena_try_alloc(&op->arena, (size_t)j->right.row_count + 1, &j->right_matched, err));
        memset(j->right_matched, 0, j->right.row_count);
    }
    return operator_open_child(op, err);
}

/* One row of a batch as constants. */
static Status constant_row(Operator *op, const RecordBatch *batch, uint32_t row, uint32_t rows,
                           RecordBatch *ret, Error *err)
{
    TRY(batch_take(batch, &row, 1, &op->batch_arena, ret, err));
    for (uint32_t i = 0; i < ret->column_count; i++) {
        ret->columns[i].is_const = true;
        ret->columns[i].len = rows;
    }
    ret->row_count = rows;
    return STATUS_OK;
}

static Status note_unknown(LoopJoin *j, const Column *c, uint32_t rows, uint32_t left_row)
{
    for (uint32_t i = 0; j->unknown && c->validity && i < rows; i++)
        if (column_is_null(c, i))
            j->unknown[j->by_right ? i : left_row] = 1;
    return STATUS_OK;
}

/* Pairs of one step: the predicate over (left, right) of `rows` rows. */
static Status test_pairs(Operator *op, LoopJoin *j, const RecordBatch *left,
                         const RecordBatch *right, uint32_t rows, uint32_t **ret_rows,
                         uint32_t *ret_count, Error *err)
{
    TRY(arena_try_alloc(&op->batch_arena, sizeof(uint32_t) * ((size_t)rows + 1), ret_rows, err));
    if (!op->node->predicate) {
        for (uint32_t i = 0; i < rows; i++)
            (*ret_rows)[i] = i;
        *ret_count = rows;
        return STATUS_OK;
    }
    Column c;
    TRY(expr_eval_plain(&op->eval, op->node->predicate, left, right, rows, &c, err));
    *ret_count = expr_true_rows(&c, rows, *ret_rows);
    return note_unknown(j, &c, rows, j->outer_row);
}

/* Tries one block of pairs; pairs come out as row numbers of both sides. */
static Status step(Operator *op, LoopJoin *j, uint32_t **ret_left, uint32_t **ret_right,
                   uint32_t *ret_count, Error *err)
{
    RecordBatch one;
    RecordBatch block;
    uint32_t *rows;
    uint32_t *other;
    uint32_t count;
    if (j->by_right) {
        uint32_t n = j->side.in.row_count;
        TRY(constant_row(op, &j->right, j->outer_row, n, &one, err));
        TRY(test_pairs(op, j, &j->side.in, &one, n, &rows, &count, err));
    } else {
        uint32_t n = LUMA_MIN(j->right.row_count - j->inner_from, (uint32_t)BATCH_ROWS);
        TRY(batch_slice(&j->right, j->inner_from, n, &op->batch_arena, &block, err));
        TRY(constant_row(op, &j->side.in, j->outer_row, n, &one, err));
        TRY(test_pairs(op, j, &one, &block, n, &rows, &count, err));
        for (uint32_t i = 0; i < count; i++)
            rows[i] += j->inner_from;
        j->inner_from += n;
    }
    TRY(arena_try_alloc(&op->batch_arena, sizeof(uint32_t) * ((size_t)count + 1), &other, err));
    for (uint32_t i = 0; i < count; i++)
        other[i] = j->outer_row;
    *ret_left = j->by_right ? rows : other;
    *ret_right = j->by_right ? other : rows;
    *ret_count = count;
    if (j->by_right || j->inner_from >= j->right.row_count) {
        j->outer_row++;
        j->inner_from = 0;
    }
    return STATUS_OK;
}

static Status start_batch(Operator *op, LoopJoin *j, Error *err)
{
    TRY(join_side_next(op, &j->side, err));
    uint32_t rows = j->side.in.row_count;
    j->left_ended = rows == 0;
    j->by_right = j->right.row_count <= rows;
    j->outer_row = 0;
    j->inner_from = 0;
    j->unknown = NULL;
    JoinKind kind = op->node->join_kind;
    if (kind == JOIN_MARK || kind == JOIN_NULL_ANTI) {
        TRY(arena_try_alloc(&j->side.arena, (size_t)rows + 1, &j->unknown, err));
        memset(j->unknown, 0, rows);
    }
    return STATUS_OK;
}

static Status loop_join_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    LoopJoin *j = op->state;
    const PlanNode *node = op->node;
    for (;;) {
        if (j->left_ended) {
            if (!j->right_matched || j->right_pos >= j->right.row_count)
                return STATUS_OK;
            TRY(join_emit_unmatched_right(op, &j->right, j->right_matched, &j->right_pos, ret_batch,
                                          err));
            if (ret_batch->row_count)
                return STATUS_OK;
            continue;
        }
        if (!j->side.in.row_count) {
            TRY(start_batch(op, j, err));
            continue;
        }
        uint32_t outer_rows = j->by_right ? j->right.row_count : j->side.in.row_count;
        if (j->outer_row >= outer_rows || !j->right.row_count) {
            TRY(join_emit_batch_end(op, &j->side, j->unknown, ret_batch, err));
            j->side.in.row_count = 0;
            if (ret_batch->row_count)
                return STATUS_OK;
            continue;
        }
        uint32_t *left;
        uint32_t *right;
        uint32_t count;
        TRY(step(op, j, &left, &right, &count, err));
        TRY(join_note_matches(node, &j->side, left, count, err));
        for (uint32_t i = 0; i < count && j->right_matched; i++)
            j->right_matched[right[i]] = 1;
        if (join_puts_pairs(node->join_kind) && count)
            return join_emit_pairs(op, &j->side.in, left, &j->right, right, count, ret_batch, err);
        arena_reset(&op->batch_arena);
        TRY(exec_check(op->exec, err));
    }
}

static void loop_join_close(Operator *op)
{
    LoopJoin *j = op->state;
    if (!j)
        return;
    rowset_done(&j->rows);
    arena_done(&j->side.arena);
}

const OperatorOps op_loop_join_ops = {"Nested Loop", loop_join_open, loop_join_next,
                                      loop_join_close};
