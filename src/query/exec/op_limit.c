/* op_limit.c - LIMIT and OFFSET: stops asking its child once it has enough. */
#include "query/exec/exec_int.h"

typedef struct LimitState {
    int64_t skip;
    int64_t left;
} LimitState;

static Status limit_open(Operator *op, Error *err)
{
    LimitState *s = op->state = ARENA_NEW(&op->arena, LimitState);
    bool some;
    s->left = INT64_MAX;
    TRY(exec__eval_i64(op, op->node->limit, &some, &s->left, err));
    if (some && s->left < 0)
        return error_set_sql(err, STATUS_INVALID, "2201W", 0, "LIMIT must not be negative");
    TRY(exec__eval_i64(op, op->node->offset, &some, &s->skip, err));
    if (some && s->skip < 0)
        return error_set_sql(err, STATUS_INVALID, "2201X", 0, "OFFSET must not be negative");
    return operator_open_child(op, err);
}

static Status limit_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    LimitState *s = op->state;
    while (s->left > 0) {
        RecordBatch in;
        TRY(operator_next(op->child, &in, err));
        if (!in.row_count) {
            s->left = 0;
            break;
        }
        if (s->skip >= in.row_count) {
            s->skip -= in.row_count;
            continue;
        }
        uint32_t from = (uint32_t)s->skip;
        uint32_t count = (uint32_t)LUMA_MIN((int64_t)(in.row_count - from), s->left);
        s->skip = 0;
        if (s->left != INT64_MAX)
            s->left -= count;
        if (count == in.row_count) {
            *ret_batch = in;
            return STATUS_OK;
        }
        return batch_slice(&in, from, count, &op->batch_arena, ret_batch, err);
    }
    return STATUS_OK;
}

const OperatorOps op_limit_ops = {"Limit", limit_open, limit_next, NULL};
