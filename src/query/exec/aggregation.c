#include "query/exec/aggregation.h"

/* ---------------------------------------------------------------- set-up */

static bool is_ordered(const Expr *call)
{
    return call->order_count > 0;
}

bool aggregation_parallel(const PlanNode *node)
{
    for (uint32_t i = 0; i < node->group_count; i++)
        if (expr_is_local(node->groups[i]))
            return false;
    for (uint32_t i = 0; i < node->aggregate_count; i++) {
        const Expr *call = node->aggregates[i];
        if (!call->aggregate->merge || call->aggregate->order_sensitive || call->distinct ||
            is_ordered(call) || expr_is_local(call))
            return false;
    }
    return true;
}

static Status init_distinct(Aggregation *agg, AggregateCall *call, Error *err)
{
    Type types[FUNC_ARGS_MAX * 2 + 1] = {TYPE_OF(INT8)};
    uint32_t count = 1;
    for (uint32_t i = 0; i < call->expr->arg_count && count < LUMA_ARRAY_LEN(types); i++)
        types[count++] = call->expr->args[i]->type;
    call->distinct = MEM_NEW(GroupTable);
    return group_table_init(call->distinct, &agg->exec->budget, types, count, err);
}

/* Columns: group, arguments, keys. */
static Status init_ordered(Aggregation *agg, AggregateCall *call, Error *err)
{
    const Expr *e = call->expr;
    Type *types = MEM_NEW_ARRAY(Type, 1 + e->arg_count + e->order_count);
    types[0] = TYPE_OF(INT8);
    for (uint32_t i = 0; i < e->arg_count; i++)
        types[1 + i] = e->args[i]->type;
    for (uint32_t i = 0; i < e->order_count; i++)
        types[1 + e->arg_count + i] = e->order[i].expr->type;
    call->ordered = MEM_NEW(RowSet);
    Status status = rowset_init(call->ordered, &agg->exec->budget, types,
                                1 + e->arg_count + e->order_count, err);
    mem_free(types);
    return status;
}

Status aggregation_init(Aggregation *agg, Exec *exec, const PlanNode *node, uint64_t set_mask,
                        Error *err)
{
    *agg = (Aggregation){.exec = exec, .node = node, .set_mask = set_mask};
    arena_init(&agg->arena, &exec->budget);
    agg->calls = MEM_NEW_ARRAY(AggregateCall, node->aggregate_count + 1);
    Type *types = MEM_NEW_ARRAY(Type, node->group_count + 1);
    for (uint32_t i = 0; i < node->group_count; i++)
        types[i] = node->groups[i]->type;
    Status status = group_table_init(&agg->groups, &exec->budget, types, node->group_count, err);
    mem_free(types);
    for (uint32_t i = 0; i < node->aggregate_count && status == STATUS_OK; i++) {
        AggregateCall *call = &agg->calls[i];
        call->expr = node->aggregates[i];
        if (call->expr->distinct && !is_ordered(call->expr))
            status = init_distinct(agg, call, err);
        if (is_ordered(call->expr) && status == STATUS_OK)
            status = init_ordered(agg, call, err);
    }
    return status;
}

void aggregation_done(Aggregation *agg)
{
    if (!agg->exec)
        return;
    for (uint32_t i = 0; i < agg->node->aggregate_count; i++) {
        AggregateCall *call = &agg->calls[i];
        mem_free(call->states);
        if (call->distinct)
            group_table_done(call->distinct);
        if (call->ordered)
            rowset_done(call->ordered);
        mem_free(call->distinct);
        mem_free(call->ordered);
    }
    mem_free(agg->calls);
    group_table_done(&agg->groups);
    arena_done(&agg->arena);
    if (agg->charged_bytes)
        mem_budget_release(&agg->exec->budget, agg->charged_bytes);
    *agg = (Aggregation){0};
}

/* States for as many groups as there are, zeroed. */
static Status grow_states(Aggregation *agg, uint32_t need, Error *err)
{
    if (need <= agg->group_cap)
        return STATUS_OK;
    uint64_t cap = agg->group_cap ? agg->group_cap : 16;
    while (cap < need)
        cap *= 2;
    int64_t bytes = 0;
    for (uint32_t i = 0; i < agg->node->aggregate_count; i++)
        bytes += (int64_t)(agg->calls[i].expr->aggregate->state_bytes * cap);
    TRY(mem_budget_charge(&agg->exec->budget, bytes - agg->charged_bytes, err));
    agg->charged_bytes = bytes;
    for (uint32_t i = 0; i < agg->node->aggregate_count; i++) {
        AggregateCall *call = &agg->calls[i];
        size_t width = call->expr->aggregate->state_bytes;
        char *states = mem_alloc_aligned(width * cap);
        if (agg->group_cap)
            memcpy(states, call->states, width * agg->group_cap);
        memset(states + width * agg->group_cap, 0, width * (cap - agg->group_cap));
        mem_free(call->states);
        call->states = states;
    }
    agg->group_cap = (uint32_t)cap;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- adding rows */

static Status group_column(Arena *arena, const uint32_t *group_of, uint32_t rows, Column *ret,
                           Error *err)
{
    TRY(column_init(ret, arena, TYPE_OF(INT8), rows, false, err));
    for (uint32_t i = 0; i < rows; i++)
        ((int64_t *)column_values(ret))[i] = group_of[i];
    return STATUS_OK;
}

/* Rows that FILTER lets through; *ret_rows NULL = all. */
static Status filter_rows(ExprEval *ev, const Expr *call, const RecordBatch *in,
                          uint32_t **ret_rows, uint32_t *ret_count, Error *err)
{
    *ret_rows = NULL;
    *ret_count = in->row_count;
    if (!call->filter)
        return STATUS_OK;
    return expr_filter(ev, call->filter, in, NULL, in->row_count, ret_rows, ret_count, err);
}

static Status take_args(ExprEval *ev, Column *args, uint32_t count, const uint32_t *rows,
                        uint32_t row_count, Error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        Column taken;
        TRY(column_take(&args[i], rows, row_count, ev->ctx.arena, &taken, err));
        args[i] = taken;
    }
    return STATUS_OK;
}

static Status take_groups(ExprEval *ev, const uint32_t **group_of, const uint32_t *rows,
                          uint32_t row_count, Error *err)
{
    uint32_t *taken;
    TRY(arena_try_alloc(ev->ctx.arena, sizeof *taken * ((size_t)row_count + 1), &taken, err));
    for (uint32_t i = 0; i < row_count; i++)
        taken[i] = (*group_of)[rows[i]];
    *group_of = taken;
    return STATUS_OK;
}

/* Rows whose (group, arguments) were not seen before. */
static Status distinct_rows(ExprEval *ev, AggregateCall *call, const uint32_t *group_of,
                            const Column *args, uint32_t rows, uint32_t **ret_rows,
                            uint32_t *ret_count, Error *err)
{
    uint32_t count = call->expr->arg_count;
    Column *keys;
    uint32_t *numbers;
    TRY(exec__columns(ev->ctx.arena, count + 1, &keys, err));
    TRY(group_column(ev->ctx.arena, group_of, rows, &keys[0], err));
    memcpy(keys + 1, args, sizeof(Column) * count);
    TRY(arena_try_alloc(ev->ctx.arena, sizeof(uint32_t) * ((size_t)rows + 1), &numbers, err));
    TRY(arena_try_alloc(ev->ctx.arena, sizeof(uint32_t) * ((size_t)rows + 1), ret_rows, err));
    uint32_t next = group_table_count(call->distinct);
    TRY(group_table_find(call->distinct, keys, rows, ev->ctx.arena, numbers, err));
    *ret_count = 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (numbers[i] < next)
            continue;
        next = numbers[i] + 1;
        (*ret_rows)[(*ret_count)++] = i;
    }
    return STATUS_OK;
}

static Status update(Aggregation *agg, ExprEval *ev, AggregateCall *call, const uint32_t *group_of,
                     const Column *args, uint32_t rows, Error *err)
{
    const Aggregate *a = call->expr->aggregate;
    if (!agg->node->group_count && a->update_single)
        return a->update_single(&ev->ctx, call->states, args, rows, &agg->arena, err);
    return a->update(&ev->ctx, call->states, group_of, args, rows, &agg->arena, err);
}

static Status add_ordered(ExprEval *ev, AggregateCall *call, const RecordBatch *in,
                          const uint32_t *group_of, const uint32_t *rows, uint32_t count,
                          Error *err)
{
    const Expr *e = call->expr;
    Column *columns;
    TRY(exec__columns(ev->ctx.arena, 1 + e->arg_count + e->order_count, &columns, err));
    TRY(group_column(ev->ctx.arena, group_of, in->row_count, &columns[0], err));
    for (uint32_t i = 0; i < e->arg_count; i++)
        TRY(expr_eval(ev, e->args[i], in, NULL, in->row_count, &columns[1 + i], err));
    for (uint32_t i = 0; i < e->order_count; i++)
        TRY(expr_eval(ev, e->order[i].expr, in, NULL, in->row_count, &columns[1 + e->arg_count + i],
                      err));
    return rowset_append(call->ordered, columns, rows, count, err);
}

static Status add_call(Aggregation *agg, ExprEval *ev, AggregateCall *call, const RecordBatch *in,
                       const uint32_t *group_of, Error *err)
{
    const Expr *e = call->expr;
    uint32_t *rows;
    uint32_t count;
    Column *args = NULL;

    TRY(filter_rows(ev, e, in, &rows, &count, err));
    if (call->ordered)
        return add_ordered(ev, call, in, group_of, rows, count, err);
    if (!count)
        return STATUS_OK;
    if (e->arg_count)
        TRY(exec__columns(ev->ctx.arena, e->arg_count, &args, err));
    for (uint32_t i = 0; i < e->arg_count; i++)
        TRY(expr_eval_plain(ev, e->args[i], in, NULL, in->row_count, &args[i], err));
    if (rows) {
        TRY(take_args(ev, args, e->arg_count, rows, count, err));
        TRY(take_groups(ev, &group_of, rows, count, err));
    }
    if (call->distinct) {
        TRY(distinct_rows(ev, call, group_of, args, count, &rows, &count, err));
        TRY(take_args(ev, args, e->arg_count, rows, count, err));
        TRY(take_groups(ev, &group_of, rows, count, err));
    }
    return update(agg, ev, call, group_of, args, count, err);
}

static Status used_keys(const Aggregation *agg, ExprEval *ev, const Column *keys, uint32_t rows,
                        Column **ret_used, Error *err)
{
    const PlanNode *node = agg->node;
    TRY(exec__columns(ev->ctx.arena, node->group_count, ret_used, err));
    for (uint32_t i = 0; i < node->group_count; i++) {
        if (agg->set_mask >> LUMA_MIN(i, 63u) & 1)
            (*ret_used)[i] = keys[i];
        else
            TRY(column_init_null(&(*ret_used)[i], ev->ctx.arena, keys[i].type, rows, err));
    }
    return STATUS_OK;
}

static void hash_keys(const Column *keys, uint32_t key_count, uint32_t rows, uint64_t *hashes)
{
    if (!key_count)
        memset(hashes, 0, sizeof *hashes * rows);
    for (uint32_t k = 0; k < key_count; k++)
        value_hash_column(&keys[k], rows, k > 0, hashes);
}

Status aggregation_keys(const Aggregation *agg, ExprEval *ev, const Column *keys, uint32_t rows,
                        Column **ret_used, uint64_t **ret_hashes, Error *err)
{
    TRY(used_keys(agg, ev, keys, rows, ret_used, err));
    TRY(arena_try_alloc(ev->ctx.arena, sizeof(uint64_t) * ((size_t)rows + 1), ret_hashes, err));
    hash_keys(*ret_used, agg->node->group_count, rows, *ret_hashes);
    return STATUS_OK;
}

void aggregation_hashes(const Aggregation *agg, uint32_t from, uint32_t count, uint64_t *hashes)
{
    CLEANUP(arena_done) Arena scratch = {0};
    RecordBatch keys = rowset_batch(&agg->groups.keys);
    RecordBatch part;
    arena_init(&scratch, NULL);
    if (batch_slice(&keys, from, count, &scratch, &part, NULL) == STATUS_OK)
        hash_keys(part.columns, agg->node->group_count, count, hashes);
}

int64_t aggregation_bytes(const Aggregation *agg)
{
    int64_t bytes = agg->charged_bytes + agg->groups.charged_bytes +
                    agg->groups.keys.charged_bytes + agg->arena.charged_bytes;
    for (uint32_t i = 0; i < agg->node->aggregate_count; i++) {
        const AggregateCall *call = &agg->calls[i];
        if (call->distinct)
            bytes += call->distinct->charged_bytes + call->distinct->keys.charged_bytes;
        if (call->ordered)
            bytes += call->ordered->charged_bytes;
    }
    return bytes;
}

Status aggregation_add(Aggregation *agg, ExprEval *ev, const RecordBatch *in, const Column *keys,
                       Error *err)
{
    const PlanNode *node = agg->node;
    uint32_t *group_of;
    Column *used;

    TRY(arena_try_alloc(ev->ctx.arena, sizeof *group_of * ((size_t)in->row_count + 1), &group_of,
                        err));
    TRY(used_keys(agg, ev, keys, in->row_count, &used, err));
    TRY(group_table_find(&agg->groups, used, in->row_count, ev->ctx.arena, group_of, err));
    TRY(grow_states(agg, group_table_count(&agg->groups), err));
    for (uint32_t i = 0; i < node->aggregate_count; i++)
        TRY(add_call(agg, ev, &agg->calls[i], in, group_of, err));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- merging, ending */

Status aggregation_merge_rows(Aggregation *agg, Aggregation *from, const uint32_t *rows,
                              uint32_t count, ExprEval *ev, Error *err)
{
    RecordBatch all = rowset_batch(&from->groups.keys);
    for (uint32_t done = 0; done < count; done += BATCH_ROWS) {
        uint32_t n = LUMA_MIN(count - done, (uint32_t)BATCH_ROWS);
        const uint32_t *part = rows + done;
        uint32_t *group_of;
        RecordBatch keys;
        TRY(exec_check(agg->exec, err));
        arena_reset(ev->ctx.arena);
        TRY(arena_try_alloc(ev->ctx.arena, sizeof *group_of * ((size_t)n + 1), &group_of, err));
        TRY(batch_take(&all, part, n, ev->ctx.arena, &keys, err));
        TRY(group_table_find(&agg->groups, keys.columns, n, ev->ctx.arena, group_of, err));
        TRY(grow_states(agg, group_table_count(&agg->groups), err));
        for (uint32_t c = 0; c < agg->node->aggregate_count; c++) {
            const Aggregate *a = agg->calls[c].expr->aggregate;
            char *dst = agg->calls[c].states;
            const char *src = from->calls[c].states;
            for (uint32_t i = 0; i < n; i++)
                TRY(a->merge(dst + (size_t)a->state_bytes * group_of[i],
                             src + (size_t)a->state_bytes * part[i], &agg->arena, err));
        }
    }
    return STATUS_OK;
}

Status aggregation_merge(Aggregation *agg, Aggregation *from, ExprEval *ev, Error *err)
{
    uint32_t rows[BATCH_ROWS];
    uint32_t count = group_table_count(&from->groups);
    for (uint32_t done = 0; done < count; done += BATCH_ROWS) {
        uint32_t n = LUMA_MIN(count - done, (uint32_t)BATCH_ROWS);
        for (uint32_t i = 0; i < n; i++)
            rows[i] = done + i;
        TRY(aggregation_merge_rows(agg, from, rows, n, ev, err));
    }
    return STATUS_OK;
}

/* Feeds collected rows in the order of (group, keys) to the aggregate. */
static Status replay(Aggregation *agg, ExprEval *ev, AggregateCall *call, Arena *scratch,
                     Error *err)
{
    const Expr *e = call->expr;
    RecordBatch all = rowset_batch(call->ordered);
    SortColumn *keys;
    uint32_t *order;

    TRY(arena_try_alloc(scratch, sizeof *keys * (1 + e->order_count), &keys, err));
    keys[0] = (SortColumn){&all.columns[0], false, false};
    for (uint32_t i = 0; i < e->order_count; i++)
        keys[1 + i] = (SortColumn){&all.columns[1 + e->arg_count + i], e->order[i].descending,
                                   e->order[i].nulls_first};
    TRY(exec__sort_rows(agg->exec, keys, 1 + e->order_count, all.row_count, scratch, &order, err));
    uint32_t args = e->arg_count + (e->aggregate->ordered_set ? e->order_count : 0);
    for (uint32_t from = 0; from < all.row_count; from += BATCH_ROWS) {
        uint32_t count = LUMA_MIN(all.row_count - from, (uint32_t)BATCH_ROWS);
        uint32_t *group_of;
        RecordBatch part;
        TRY(exec_check(agg->exec, err));
        arena_reset(ev->ctx.arena);
        TRY(batch_take(&all, order + from, count, ev->ctx.arena, &part, err));
        TRY(arena_try_alloc(ev->ctx.arena, sizeof *group_of * ((size_t)count + 1), &group_of, err));
        uint32_t kept = 0;
        uint32_t *rows;
        TRY(arena_try_alloc(ev->ctx.arena, sizeof *rows * ((size_t)count + 1), &rows, err));
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = order[from + i];
            bool repeated = false;
            if (e->distinct && from + i) {
                uint32_t last = order[from + i - 1];
                repeated = true;
                for (uint32_t a = 0; a <= e->arg_count && repeated; a++) {
                    SortColumn one = {&all.columns[a], false, false};
                    repeated = exec__compare_rows(&one, 1, row, last) == 0;
                }
            }
            if (repeated)
                continue;
            group_of[kept] = (uint32_t)column_i64(&all.columns[0], row);
            rows[kept++] = i;
        }
        Column *picked;
        TRY(exec__columns(ev->ctx.arena, args, &picked, err));
        memcpy(picked, part.columns + 1, sizeof(Column) * args);
        if (kept < count)
            TRY(take_args(ev, picked, args, rows, kept, err));
        TRY(e->aggregate->update(&ev->ctx, call->states, group_of, picked, kept, &agg->arena, err));
    }
    return STATUS_OK;
}

Status aggregation_end(Aggregation *agg, ExprEval *ev, Error *err)
{
    if (!group_table_count(&agg->groups) && !(agg->node->group_count && agg->set_mask)) {
        /* An empty input still has the group of everything. */
        uint32_t group;
        Column *keys;
        TRY(exec__columns(ev->ctx.arena, agg->node->group_count, &keys, err));
        for (uint32_t i = 0; i < agg->node->group_count; i++)
            TRY(column_init_null(&keys[i], ev->ctx.arena, agg->node->groups[i]->type, 1, err));
        TRY(group_table_find(&agg->groups, keys, 1, ev->ctx.arena, &group, err));
        TRY(grow_states(agg, 1, err));
    }
    for (uint32_t i = 0; i < agg->node->aggregate_count; i++) {
        if (!agg->calls[i].ordered)
            continue;
        Arena scratch;
        arena_init(&scratch, &agg->exec->budget);
        Status status = replay(agg, ev, &agg->calls[i], &scratch, err);
        arena_done(&scratch);
        TRY(status);
    }
    return STATUS_OK;
}

Status aggregation_output(Aggregation *agg, ExprEval *ev, uint32_t from, uint32_t count,
                          RecordBatch *ret, Error *err)
{
    const PlanNode *node = agg->node;
    RecordBatch keys = rowset_batch(&agg->groups.keys);
    uint32_t column = 0;

    ret->row_count = count;
    ret->column_count = node->schema.field_count;
    TRY(exec__columns(ev->ctx.arena, ret->column_count, &ret->columns, err));
    for (uint32_t i = 0; i < node->group_count; i++)
        TRY(column_slice(&keys.columns[i], from, count, ev->ctx.arena, &ret->columns[column++],
                         err));
    if (node->grouping_column) {
        /* Bit i is set when groups[i] does not take part. */
        int32_t bits = 0;
        Column *out = &ret->columns[column++];
        for (uint32_t i = 0; i < node->group_count && i < 31; i++)
            bits |= (int32_t) !(agg->set_mask >> i & 1) << i;
        TRY(column_init(out, ev->ctx.arena, TYPE_OF(INT4), 1, false, err));
        *(int32_t *)column_values(out) = bits;
        out->is_const = true;
        out->len = count;
    }
    for (uint32_t i = 0; i < node->aggregate_count; i++) {
        const Aggregate *a = agg->calls[i].expr->aggregate;
        Column *out = &ret->columns[column++];
        *out = (Column){.type = agg->calls[i].expr->type};
        TRY(a->finish(&ev->ctx, (char *)agg->calls[i].states + (size_t)a->state_bytes * from, count,
                      out, err));
        out->type = agg->calls[i].expr->type;
    }
    return STATUS_OK;
}
