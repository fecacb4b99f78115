#include "query/exec/join_rows.h"

bool join_puts_pairs(JoinKind kind)
{
    return kind == JOIN_INNER || kind == JOIN_CROSS || kind == JOIN_LEFT || kind == JOIN_RIGHT ||
           kind == JOIN_FULL || kind == JOIN_SINGLE;
}

Status join_side_next(Operator *op, JoinSide *side, Error *err)
{
    arena_reset(&side->arena);
    TRY(operator_next(op->child, &side->in, err));
    TRY(arena_try_alloc(&side->arena, (size_t)side->in.row_count + 1, &side->matched, err));
    memset(side->matched, 0, side->in.row_count);
    return STATUS_OK;
}

Status join_note_matches(const PlanNode *node, JoinSide *side, const uint32_t *left_rows,
                         uint32_t count, Error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (side->matched[left_rows[i]] && node->join_kind == JOIN_SINGLE)
            return error_set_sql(err, STATUS_INVALID, "21000", node->position,
                                 "more than one row returned by a subquery used as an expression");
        side->matched[left_rows[i]] = 1;
    }
    return STATUS_OK;
}

static Status start_output(Operator *op, uint32_t rows, RecordBatch *ret, Error *err)
{
    *ret = (RecordBatch){.column_count = op->node->schema.field_count, .row_count = rows};
    return exec__columns(&op->batch_arena, ret->column_count, &ret->columns, err);
}

static Status take_side(Operator *op, const RecordBatch *side, const uint32_t *rows, uint32_t count,
                        Column *out, Error *err)
{
    for (uint32_t i = 0; i < side->column_count; i++)
        TRY(column_take(&side->columns[i], rows, count, &op->batch_arena, &out[i], err));
    return STATUS_OK;
}

static Status null_side(Operator *op, uint32_t from, uint32_t to, uint32_t count, Column *out,
                        Error *err)
{
    for (uint32_t i = from; i < to; i++)
        TRY(column_init_null(&out[i], &op->batch_arena, op->node->schema.fields[i].type, count,
                             err));
    return STATUS_OK;
}

Status join_emit_pairs(Operator *op, const RecordBatch *left, const uint32_t *left_rows,
                       const RecordBatch *right, const uint32_t *right_rows, uint32_t count,
                       RecordBatch *ret, Error *err)
{
    uint32_t left_width = left->column_count;
    TRY(start_output(op, count, ret, err));
    RecordBatch right_part = *right;
    right_part.column_count = ret->column_count - left_width;
    TRY(take_side(op, left, left_rows, count, ret->columns, err));
    return take_side(op, &right_part, right_rows, count, ret->columns + left_width, err);
}

/* Left rows whose matched flag equals `matched`. */
static Status rows_with_flag(Operator *op, const JoinSide *side, bool matched, uint32_t **ret_rows,
                             uint32_t *ret_count, Error *err)
{
    TRY(arena_try_alloc(&op->batch_arena, sizeof(uint32_t) * ((size_t)side->in.row_count + 1),
                        ret_rows, err));
    *ret_count = 0;
    for (uint32_t i = 0; i < side->in.row_count; i++)
        if (side->matched[i] == matched)
            (*ret_rows)[(*ret_count)++] = i;
    return STATUS_OK;
}

static Status emit_left(Operator *op, const JoinSide *side, const uint32_t *rows, uint32_t count,
                        RecordBatch *ret, Error *err)
{
    if (!count)
        return STATUS_OK;
    TRY(start_output(op, count, ret, err));
    TRY(take_side(op, &side->in, rows, count, ret->columns, err));
    return null_side(op, side->in.column_count, ret->column_count, count, ret->columns, err);
}

static Status emit_mark(Operator *op, const JoinSide *side, const uint8_t *unknown,
                        RecordBatch *ret, Error *err)
{
    uint32_t rows = side->in.row_count;
    TRY(start_output(op, rows, ret, err));
    memcpy(ret->columns, side->in.columns, sizeof(Column) * side->in.column_count);
    Column *mark = &ret->columns[side->in.column_count];
    TRY(column_init(mark, &op->batch_arena, TYPE_OF(BOOL), rows, true, err));
    for (uint32_t i = 0; i < rows; i++) {
        bit_put(column_values(mark), i, side->matched[i]);
        if (!side->matched[i] && unknown && unknown[i])
            bit_clear(column_validity(mark), i);
    }
    return STATUS_OK;
}

Status join_emit_batch_end(Operator *op, JoinSide *side, const uint8_t *unknown, RecordBatch *ret,
                           Error *err)
{
    uint32_t *rows;
    uint32_t count;
    switch (op->node->join_kind) {
    case JOIN_INNER:
    case JOIN_CROSS:
    case JOIN_RIGHT:
        return STATUS_OK;
    case JOIN_LEFT:
    case JOIN_FULL:
    case JOIN_SINGLE:
    case JOIN_ANTI:
        TRY(rows_with_flag(op, side, false, &rows, &count, err));
        return emit_left(op, side, rows, count, ret, err);
    case JOIN_SEMI:
        TRY(rows_with_flag(op, side, true, &rows, &count, err));
        return emit_left(op, side, rows, count, ret, err);
    case JOIN_NULL_ANTI:
        for (uint32_t i = 0; i < side->in.row_count && unknown; i++)
            side->matched[i] |= unknown[i];
        TRY(rows_with_flag(op, side, false, &rows, &count, err));
        return emit_left(op, side, rows, count, ret, err);
    case JOIN_MARK:
        return emit_mark(op, side, unknown, ret, err);
    }
    return STATUS_OK;
}

Status join_emit_unmatched_right(Operator *op, const RecordBatch *right, const uint8_t *matched,
                                 uint32_t *pos, RecordBatch *ret, Error *err)
{
    uint32_t *rows;
    uint32_t count = 0;
    TRY(arena_try_alloc(&op->batch_arena, sizeof(uint32_t) * BATCH_ROWS, &rows, err));
    for (; *pos < right->row_count && count < BATCH_ROWS; (*pos)++)
        if (!matched[*pos])
            rows[count++] = *pos;
    if (!count)
        return STATUS_OK;
    TRY(start_output(op, count, ret, err));
    uint32_t left_width = op->node->children[0]->schema.field_count;
    RecordBatch right_part = *right;
    right_part.column_count = ret->column_count - left_width;
    TRY(null_side(op, 0, left_width, count, ret->columns, err));
    return take_side(op, &right_part, rows, count, ret->columns + left_width, err);
}
