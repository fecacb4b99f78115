/* op_sort.c - ORDER BY, and top-N when the node is a LIMIT with keys.
 *
 * Collects its input with the evaluated keys in a RowSet, orders row numbers, and hands out batches
 * by index. A top-N cuts the collection back to the best rows whenever it has grown to a multiple
 * of N, so it holds little more than N rows. Another sort whose memory runs out writes what it has
 * as a sorted run to disk (sort_runs.h) and merges the runs at the end. */
#include "query/exec/sort_runs.h"

typedef struct SortState {
    RowSet rows; /* input columns, then key columns */
    uint32_t *order;
    uint32_t from; /* next position in order */
    uint32_t to;
    Arena arena;
    ScanBound *bound; /* of the scan below, NULL = none */
    bool told;        /* the bound has been set */
    SortRuns *runs;   /* NULL = all is in memory */
    int64_t skip;     /* of the merged runs */
    int64_t left;     /* rows of them still to come */
} SortState;

enum { TOP_N_ROWS_MAX = 100000, TOP_N_SLACK = 16384, RUN_ROWS_MIN = 2048, ORDER_BYTES = 40 };

static Status sort_columns(const PlanNode *node, const RowSet *rows, Arena *arena,
                           SortColumn **ret_keys, Error *err)
{
    RecordBatch all = rowset_batch(rows);
    TRY(arena_try_alloc(arena, sizeof **ret_keys * (node->key_count + 1), ret_keys, err));
    for (uint32_t i = 0; i < node->key_count; i++)
        (*ret_keys)[i] = (SortColumn){&all.columns[node->schema.field_count + i],
                                      node->keys[i].descending, node->keys[i].nulls_first};
    return STATUS_OK;
}

static Status row_types(Operator *op, Type **ret_types, Error *err)
{
    const PlanNode *node = op->node;
    uint32_t width = node->schema.field_count;
    TRY(arena_try_alloc(&op->arena, sizeof(Type) * (width + node->key_count + 1), ret_types, err));
    for (uint32_t i = 0; i < width; i++)
        (*ret_types)[i] = node->schema.fields[i].type;
    for (uint32_t i = 0; i < node->key_count; i++)
        (*ret_types)[width + i] = node->keys[i].expr->type;
    return STATUS_OK;
}

static Status init_rows(Operator *op, RowSet *rows, Error *err)
{
    Type *types;
    TRY(row_types(op, &types, err));
    return rowset_init(rows, &op->exec->budget, types,
                       op->node->schema.field_count + op->node->key_count, err);
}

static Status collect_batch(Operator *op, SortState *s, const RecordBatch *in, Error *err)
{
    const PlanNode *node = op->node;
    Column *columns;
    arena_reset(&op->batch_arena);
    TRY(exec__columns(&op->batch_arena, in->column_count + node->key_count, &columns, err));
    memcpy(columns, in->columns, sizeof(Column) * in->column_count);
    for (uint32_t i = 0; i < node->key_count; i++)
        TRY(expr_eval(&op->eval, node->keys[i].expr, in, NULL, in->row_count,
                      &columns[in->column_count + i], err));
    return rowset_append(&s->rows, columns, NULL, in->row_count, err);
}

/* Keeps the first `keep` rows of the order; WITH TIES keeps their equals too. */
static Status cut_back(Operator *op, SortState *s, uint32_t keep, Error *err)
{
    SortColumn *keys;
    uint32_t *order;
    RowSet kept;
    Arena scratch;

    arena_init(&scratch, &op->exec->budget);
    Status status = sort_columns(op->node, &s->rows, &scratch, &keys, err);
    if (status == STATUS_OK)
        status = exec__sort_rows(op->exec, keys, op->node->key_count, s->rows.row_count, &scratch,
                                 &order, err);
    if (status == STATUS_OK)
        status = init_rows(op, &kept, err);
    if (status == STATUS_OK) {
        while (op->node->with_ties && keep && keep < s->rows.row_count &&
               !exec__compare_rows(keys, op->node->key_count, order[keep - 1], order[keep]))
            keep++;
        RecordBatch all = rowset_batch(&s->rows);
        status = rowset_append(&kept, all.columns, order, keep, err);
        if (status == STATUS_OK) {
            rowset_done(&s->rows);
            s->rows = kept;
        } else {
            rowset_done(&kept);
        }
    }
    arena_done(&scratch);
    return status;
}

/* The rows left are in order: the last is the least that is still wanted. */
static void tell_bound(Operator *op, SortState *s, int64_t want)
{
    RecordBatch all = rowset_batch(&s->rows);
    const Column *key = &all.columns[op->node->schema.field_count];
    uint32_t last = s->rows.row_count - 1;

    if (!s->bound || s->rows.row_count < want || column_is_null(key, last))
        return;
    scan_bound_tighten(s->bound, column_i64(key, last));
    s->told = true;
}

/* Time to forget what is not among the best? */
static bool is_grown(const SortState *s, int64_t want)
{
    if (s->bound && !s->told && want && s->rows.row_count >= want)
        return true;
    return s->rows.row_count > want * 2 + (s->bound ? BATCH_ROWS : TOP_N_SLACK);
}

static Status order_all(Operator *op, SortState *s, Error *err)
{
    SortColumn *keys;
    TRY(sort_columns(op->node, &s->rows, &s->arena, &keys, err));
    TRY(exec__sort_rows(op->exec, keys, op->node->key_count, s->rows.row_count, &s->arena,
                        &s->order, err));
    if (op->node->kind == PLAN_LIMIT && op->node->with_ties)
        while (s->to && s->to < s->rows.row_count &&
               !exec__compare_rows(keys, op->node->key_count, s->order[s->to - 1], s->order[s->to]))
            s->to++;
    return STATUS_OK;
}

/* The rows so far become a sorted run on disk. */
static Status write_run(Operator *op, SortState *s, Error *err)
{
    CLEANUP(arena_done) Arena scratch = {0};
    SortColumn *keys;
    uint32_t *order;
    Type *types;

    arena_init(&scratch, &op->exec->budget);
    if (!s->runs) {
        TRY(row_types(op, &types, err));
        s->runs = sort_runs_new(op->exec, op->node, types, op->node->schema.field_count);
    }
    TRY(sort_columns(op->node, &s->rows, &scratch, &keys, err));
    TRY(exec__sort_rows(op->exec, keys, op->node->key_count, s->rows.row_count, &scratch, &order,
                        err));
    TRY(sort_runs_add(s->runs, &s->rows, order, err));
    rowset_done(&s->rows);
    return init_rows(op, &s->rows, err);
}

static Status bounds(Operator *op, int64_t *ret_skip, int64_t *ret_limit, Error *err)
{
    bool some;
    *ret_skip = 0;
    *ret_limit = INT64_MAX;
    if (op->node->kind != PLAN_LIMIT)
        return STATUS_OK;
    TRY(exec__eval_i64(op, op->node->limit, &some, ret_limit, err));
    if (*ret_limit < 0)
        return error_set_sql(err, STATUS_INVALID, "2201W", 0, "LIMIT must not be negative");
    TRY(exec__eval_i64(op, op->node->offset, &some, ret_skip, err));
    if (*ret_skip < 0)
        return error_set_sql(err, STATUS_INVALID, "2201X", 0, "OFFSET must not be negative");
    return STATUS_OK;
}

static Status collect_all(Operator *op, SortState *s, int64_t skip, int64_t limit, Error *err)
{
    int64_t want;
    bool top = !__builtin_add_overflow(skip, limit, &want) && want <= TOP_N_ROWS_MAX;
    if (top && op->node->bounds_scan && !op->outer)
        s->bound = exec__top_bound(op->exec, op->node);
    while (limit > 0) {
        RecordBatch in;
        TRY(operator_next(op->child, &in, err));
        if (!in.row_count)
            return STATUS_OK;
        TRY(collect_batch(op, s, &in, err));
        if (top && is_grown(s, want)) {
            TRY(cut_back(op, s, (uint32_t)want, err));
            tell_bound(op, s, want);
        }
        int64_t more = (int64_t)s->rows.row_count * ORDER_BYTES + spill_growth(&s->rows);
        if (!op->node->with_ties && s->rows.row_count >= RUN_ROWS_MIN &&
            spill_wanted(op->exec, more))
            TRY(write_run(op, s, err));
    }
    return STATUS_OK;
}

static Status sort_open(Operator *op, Error *err)
{
    SortState *s = op->state = ARENA_NEW(&op->arena, SortState);
    int64_t skip;
    int64_t limit;
    arena_init(&s->arena, &op->exec->budget);
    TRY(init_rows(op, &s->rows, err));
    TRY(bounds(op, &skip, &limit, err));
    TRY(operator_open_child(op, err));
    TRY(collect_all(op, s, skip, limit, err));
    op->child = operator_close(op->child);
    if (s->runs) {
        s->skip = skip;
        s->left = limit;
        if (s->rows.row_count)
            TRY(write_run(op, s, err));
        return sort_runs_end(s->runs, err);
    }
    s->from = (uint32_t)LUMA_MIN(skip, (int64_t)s->rows.row_count);
    s->to = (uint32_t)LUMA_MIN(limit, (int64_t)(s->rows.row_count - s->from)) + s->from;
    return order_all(op, s, err);
}

static Status next_of_runs(Operator *op, SortState *s, RecordBatch *ret, Error *err)
{
    for (;;) {
        RecordBatch in;
        if (!s->left)
            return STATUS_OK;
        TRY(sort_runs_next(s->runs, &in, err));
        if (!in.row_count)
            return STATUS_OK;
        uint32_t skip = (uint32_t)LUMA_MIN(s->skip, (int64_t)in.row_count);
        uint32_t count = (uint32_t)LUMA_MIN(s->left, (int64_t)(in.row_count - skip));
        s->skip -= skip;
        if (!count)
            continue;
        if (s->left != INT64_MAX)
            s->left -= count;
        in.column_count = op->node->schema.field_count;
        return batch_slice(&in, skip, count, &op->batch_arena, ret, err);
    }
}

static Status sort_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    SortState *s = op->state;
    if (s->runs)
        return next_of_runs(op, s, ret_batch, err);
    uint32_t count = LUMA_MIN(s->to - s->from, (uint32_t)BATCH_ROWS);
    if (!count)
        return STATUS_OK;
    RecordBatch all = rowset_batch(&s->rows);
    all.column_count = op->node->schema.field_count;
    TRY(batch_take(&all, s->order + s->from, count, &op->batch_arena, ret_batch, err));
    s->from += count;
    return STATUS_OK;
}

static void sort_close(Operator *op)
{
    SortState *s = op->state;
    if (!s)
        return;
    s->runs = sort_runs_free(s->runs);
    rowset_done(&s->rows);
    arena_done(&s->arena);
}

const OperatorOps op_sort_ops = {"Sort", sort_open, sort_next, sort_close};
