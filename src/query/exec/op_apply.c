/* op_apply.c - LATERAL and what decorrelation left: the right child runs for each left row.
 *
 * Its rows are kept by the values of the left columns it reads, up to a bound, so that equal left
 * rows share one execution. */
#include "query/exec/correlation.h"
#include "query/exec/join_rows.h"

enum { KEPT_ROWS_MAX = 200000, KEPT_SETS_MAX = 50000 };

typedef struct Apply {
    JoinSide side;
    Correlation correlation;
    RowSet **results; /* per parameter group */
    uint32_t result_cap;
    uint64_t kept_rows;
    uint32_t *groups; /* of the left batch */
    uint8_t *unknown;
    uint32_t row;
    uint32_t right_from;
    bool left_ended;
} Apply;

static void drop_results(Apply *a)
{
    for (uint32_t i = 0; i < a->result_cap; i++) {
        if (a->results[i]) {
            rowset_done(a->results[i]);
            mem_free(a->results[i]);
        }
    }
    mem_free(a->results);
    a->results = NULL;
    a->result_cap = 0;
    a->kept_rows = 0;
}

static Status init_correlation(Operator *op, Apply *a, Error *err)
{
    return correlation_init(&a->correlation, op->exec, op->node->children[1],
                            &op->node->children[0]->schema, NULL, NULL, 0, &op->arena, err);
}

static Status apply_open(Operator *op, Error *err)
{
    Apply *a = op->state = ARENA_NEW(&op->arena, Apply);
    arena_init(&a->side.arena, &op->exec->budget);
    if (op->node->join_kind == JOIN_RIGHT || op->node->join_kind == JOIN_FULL)
        return error_set(err, STATUS_INTERNAL, "apply cannot be a right or full join");
    TRY(init_correlation(op, a, err));
    return operator_open_child(op, err);
}

static Status start_batch(Operator *op, Apply *a, Error *err)
{
    if (a->kept_rows > KEPT_ROWS_MAX || group_table_count(&a->correlation.params) > KEPT_SETS_MAX) {
        drop_results(a);
        correlation_done(&a->correlation);
        TRY(init_correlation(op, a, err));
    }
    TRY(join_side_next(op, &a->side, err));
    uint32_t rows = a->side.in.row_count;
    a->left_ended = rows == 0;
    a->row = 0;
    a->right_from = 0;
    a->unknown = NULL;
    if (a->left_ended)
        return STATUS_OK;
    TRY(correlation_find(&a->correlation, &a->side.in, NULL, NULL, 0, rows, &a->side.arena,
                         &a->groups, err));
    TRY(arena_try_alloc(&a->side.arena, (size_t)rows + 1, &a->unknown, err));
    memset(a->unknown, 0, rows);
    uint32_t need = group_table_count(&a->correlation.params);
    if (need > a->result_cap) {
        uint32_t cap = LUMA_MAX(need, a->result_cap * 2);
        a->results = mem_realloc(a->results, sizeof(RowSet *) * cap);
        memset(a->results + a->result_cap, 0, sizeof(RowSet *) * (cap - a->result_cap));
        a->result_cap = cap;
    }
    return STATUS_OK;
}

/* The right rows for the current left row. */
static Status right_rows(Operator *op, Apply *a, RecordBatch *ret, Error *err)
{
    RowSet **slot = &a->results[a->groups[a->row]];
    if (!*slot) {
        OuterFrame frame = {.up = op->outer, .inputs = {&a->side.in, NULL}, .row = a->row};
        *slot = MEM_NEW(RowSet);
        TRY(exec__materialize(op->exec, op->node->children[1], &frame, *slot, err));
        a->kept_rows += (*slot)->row_count;
    }
    *ret = rowset_batch(*slot);
    return STATUS_OK;
}

/* Pairs of the current left row with a block of its right rows. */
static Status step(Operator *op, Apply *a, RecordBatch *right, uint32_t **ret_rows,
                   uint32_t *ret_count, Error *err)
{
    TRY(right_rows(op, a, right, err));
    uint32_t n = LUMA_MIN(right->row_count - a->right_from, (uint32_t)BATCH_ROWS);
    TRY(arena_try_alloc(&op->batch_arena, sizeof(uint32_t) * ((size_t)n + 1), ret_rows, err));
    *ret_count = n;
    for (uint32_t i = 0; i < n; i++)
        (*ret_rows)[i] = i;
    if (op->node->predicate && n) {
        RecordBatch block;
        RecordBatch one;
        Column c;
        TRY(batch_slice(right, a->right_from, n, &op->batch_arena, &block, err));
        TRY(batch_take(&a->side.in, &a->row, 1, &op->batch_arena, &one, err));
        for (uint32_t i = 0; i < one.column_count; i++) {
            one.columns[i].is_const = true;
            one.columns[i].len = n;
        }
        TRY(expr_eval_plain(&op->eval, op->node->predicate, &one, &block, n, &c, err));
        *ret_count = expr_true_rows(&c, n, *ret_rows);
        for (uint32_t i = 0; i < n && c.validity; i++)
            if (column_is_null(&c, i))
                a->unknown[a->row] = 1;
    }
    for (uint32_t i = 0; i < *ret_count; i++)
        (*ret_rows)[i] += a->right_from;
    a->right_from += n;
    return STATUS_OK;
}

static Status apply_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    Apply *a = op->state;
    for (;;) {
        if (a->left_ended)
            return STATUS_OK;
        if (!a->side.in.row_count) {
            TRY(start_batch(op, a, err));
            continue;
        }
        if (a->row >= a->side.in.row_count) {
            TRY(join_emit_batch_end(op, &a->side, a->unknown, ret_batch, err));
            a->side.in.row_count = 0;
            if (ret_batch->row_count)
                return STATUS_OK;
            continue;
        }
        RecordBatch right;
        uint32_t *rows;
        uint32_t *left;
        uint32_t count;
        uint32_t row = a->row;
        TRY(step(op, a, &right, &rows, &count, err));
        if (a->right_from >= right.row_count) {
            a->row++;
            a->right_from = 0;
        }
        TRY(arena_try_alloc(&op->batch_arena, sizeof *left * ((size_t)count + 1), &left, err));
        for (uint32_t i = 0; i < count; i++)
            left[i] = row;
        TRY(join_note_matches(op->node, &a->side, left, count, err));
        if (join_puts_pairs(op->node->join_kind) && count)
            return join_emit_pairs(op, &a->side.in, left, &right, rows, count, ret_batch, err);
        arena_reset(&op->batch_arena);
        TRY(exec_check(op->exec, err));
    }
}

static void apply_close(Operator *op)
{
    Apply *a = op->state;
    if (!a)
        return;
    drop_results(a);
    correlation_done(&a->correlation);
    arena_done(&a->side.arena);
}

const OperatorOps op_apply_ops = {"Apply", apply_open, apply_next, apply_close};
