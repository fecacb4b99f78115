/* op_window.c - window functions over one PARTITION BY / ORDER BY / frame.
 *
 * Collects and sorts its whole input by (partition, order), then computes each call for one
 * partition at a time. Aggregates whose frame starts at the partition's start are fed once, row by
 * row; wide sliding frames are answered by a tree of states, narrow ones recomputed for each row.
 */
#include "query/exec/window_tree.h"

typedef struct Frame {
    uint32_t start; /* [start, end) in sorted positions */
    uint32_t end;
} Frame;

typedef struct Partition {
    uint32_t from;
    uint32_t to;
} Partition;

typedef struct Window {
    RowSet rows; /* input columns, partition keys, order keys */
    RecordBatch sorted;
    Arena arena;    /* results, bounds */
    uint32_t *peer; /* per row: first row of its peer group */
    uint32_t *peer_end;
    Partition *partitions;
    uint32_t partition_count;
    Frame *frames;
    Column *results; /* per call */
    uint32_t pos;
} Window;

static uint32_t key_base(const PlanNode *node)
{
    return node->children[0]->schema.field_count;
}

/* ---------------------------------------------------------------- collecting */

static Status collect(Operator *op, Window *w, Error *err)
{
    const PlanNode *node = op->node;
    uint32_t width = key_base(node);
    uint32_t all = width + node->group_count + node->key_count;
    Type *types;
    TRY(arena_try_alloc(&op->arena, sizeof(Type) * (all + 1), &types, err));
    for (uint32_t i = 0; i < width; i++)
        types[i] = node->children[0]->schema.fields[i].type;
    for (uint32_t i = 0; i < node->group_count; i++)
        types[width + i] = node->groups[i]->type;
    for (uint32_t i = 0; i < node->key_count; i++)
        types[width + node->group_count + i] = node->keys[i].expr->type;
    TRY(rowset_init(&w->rows, &op->exec->budget, types, all, err));
    TRY(operator_open_child(op, err));
    for (;;) {
        RecordBatch in;
        Column *columns;
        TRY(operator_next(op->child, &in, err));
        if (!in.row_count)
            break;
        arena_reset(&op->batch_arena);
        TRY(exec__columns(&op->batch_arena, all, &columns, err));
        memcpy(columns, in.columns, sizeof(Column) * width);
        for (uint32_t i = 0; i < node->group_count; i++)
            TRY(expr_eval(&op->eval, node->groups[i], &in, NULL, in.row_count, &columns[width + i],
                          err));
        for (uint32_t i = 0; i < node->key_count; i++)
            TRY(expr_eval(&op->eval, node->keys[i].expr, &in, NULL, in.row_count,
                          &columns[width + node->group_count + i], err));
        TRY(rowset_append(&w->rows, columns, NULL, in.row_count, err));
    }
    op->child = operator_close(op->child);
    return STATUS_OK;
}

static Status sort_rows(Operator *op, Window *w, Error *err)
{
    const PlanNode *node = op->node;
    RecordBatch all = rowset_batch(&w->rows);
    uint32_t base = key_base(node);
    uint32_t count = node->group_count + node->key_count;
    SortColumn *keys;
    uint32_t *order;
    TRY(arena_try_alloc(&w->arena, sizeof *keys * (count + 1), &keys, err));
    for (uint32_t i = 0; i < count; i++) {
        bool is_order = i >= node->group_count;
        const SortKey *key = is_order ? &node->keys[i - node->group_count] : NULL;
        keys[i] =
            (SortColumn){&all.columns[base + i], key && key->descending, key && key->nulls_first};
    }
    TRY(exec__sort_rows(op->exec, keys, count, all.row_count, &w->arena, &order, err));
    return batch_take(&all, order, all.row_count, &w->arena, &w->sorted, err);
}

/* Are sorted rows a and b equal in `count` key columns from `first` on? */
static bool same_keys(const Window *w, uint32_t first, uint32_t count, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < count; i++) {
        SortColumn key = {&w->sorted.columns[first + i], false, false};
        if (exec__compare_rows(&key, 1, a, b))
            return false;
    }
    return true;
}

static Status find_bounds(Operator *op, Window *w, Error *err)
{
    const PlanNode *node = op->node;
    uint32_t rows = w->sorted.row_count;
    uint32_t base = key_base(node);
    TRY(arena_try_alloc(&w->arena, sizeof(uint32_t) * ((size_t)rows + 1), &w->peer, err));
    TRY(arena_try_alloc(&w->arena, sizeof(uint32_t) * ((size_t)rows + 1), &w->peer_end, err));
    TRY(arena_try_alloc(&w->arena, sizeof(Partition) * ((size_t)rows + 1), &w->partitions, err));
    for (uint32_t i = 0; i < rows; i++) {
        bool new_partition = i == 0 || !same_keys(w, base, node->group_count, i - 1, i);
        if (new_partition) {
            if (w->partition_count)
                w->partitions[w->partition_count - 1].to = i;
            w->partitions[w->partition_count++] = (Partition){i, rows};
        }
        bool new_peer =
            new_partition || !same_keys(w, base + node->group_count, node->key_count, i - 1, i);
        w->peer[i] = new_peer ? i : w->peer[i - 1];
    }
    for (uint32_t i = rows; i-- > 0;) {
        bool last = i + 1 == rows || w->peer[i + 1] != w->peer[i];
        w->peer_end[i] = last ? i + 1 : w->peer_end[i + 1];
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- frames */

static Status frame_offset(Operator *op, const Expr *expr, const char *what, int64_t *ret,
                           Error *err)
{
    bool some;
    TRY(exec__eval_i64(op, expr, &some, ret, err));
    if (!some)
        return error_set_sql(err, STATUS_INVALID, "22004", 0, "frame %s offset must not be null",
                             what);
    if (*ret < 0)
        return error_set_sql(err, STATUS_INVALID, "22013", 0,
                             "frame %s offset must not be negative", what);
    return STATUS_OK;
}

static uint32_t clamp_row(int64_t row, const Partition *p)
{
    return row < p->from ? p->from : row > p->to ? p->to : (uint32_t)row;
}

/* A GROUPS bound: the start of the peer group `delta` groups away, or the partition's end. */
static uint32_t group_start(const Window *w, const Partition *p, uint32_t row, int64_t delta)
{
    uint32_t at = w->peer[row];
    for (; delta < 0; delta++) {
        if (at == p->from)
            return p->from;
        at = w->peer[at - 1];
    }
    for (; delta > 0; delta--) {
        at = w->peer_end[at];
        if (at >= p->to)
            return p->to;
    }
    return at;
}

/* Whole numbers: bounds outside the type's range are as good as its ends. */
static Status integer_bound(Operator *op, Window *w, const Column *key, const Column *offset,
                            bool minus, Column *ret, Error *err)
{
    int64_t by = column_i64(offset, 0);
    if (by < 0)
        return error_set_sql(err, STATUS_INVALID, "22013", 0,
                             "invalid preceding or following size in window function");
    TRY(column_init(ret, &w->arena, TYPE_OF(INT8), w->sorted.row_count, false, err));
    int64_t *out = column_values(ret);
    for (uint32_t i = 0; i < w->sorted.row_count; i++) {
        int64_t v = column_is_null(key, i) ? 0 : column_i64(key, i);
        if (minus ? __builtin_sub_overflow(v, by, &out[i]) : __builtin_add_overflow(v, by, &out[i]))
            out[i] = minus ? INT64_MIN : INT64_MAX;
    }
    return STATUS_OK;
}

/* order key +- offset for all rows, by the types' own operator. */
static Status range_bound(Operator *op, Window *w, const Expr *offset, bool minus, Column *ret,
                          Error *err)
{
    const Column *key = &w->sorted.columns[key_base(op->node) + op->node->group_count];
    Column pair[2] = {*key};
    uint32_t count;
    TRY(expr_eval_plain(&op->eval, offset, NULL, NULL, w->sorted.row_count, &pair[1], err));
    if (column_is_null(&pair[1], 0))
        return error_set_sql(err, STATUS_INVALID, "22004", 0, "frame offset must not be null");
    if (type_is_integer(pair[0].type) && type_is_integer(pair[1].type))
        return integer_bound(op, w, key, &pair[1], minus, ret, err);
    const Function *const *all = func_find(minus ? STR("-") : STR("+"), true, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (all[i]->arg_count != 2 || !type_eq(all[i]->args[0], pair[0].type) ||
            !type_eq(all[i]->args[1], pair[1].type))
            continue;
        EvalContext ctx = op->eval.ctx;
        ctx.arena = &w->arena;
        *ret = (Column){.type = all[i]->ret};
        TRY(all[i]->kernel(&ctx, pair, 2, w->sorted.row_count, ret, err));
        const Cast *cast =
            type_eq(ret->type, key->type) ? NULL : func_find_cast(ret->type, key->type);
        if (!cast)
            return STATUS_OK;
        Column back = {.type = key->type};
        TRY(cast->kernel(&ctx, ret, 1, w->sorted.row_count, &back, err));
        *ret = back;
        return STATUS_OK;
    }
    char a[64];
    char b[64];
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                         "RANGE with offset is not supported for column type %s and offset type %s",
                         type_name(pair[0].type, a), type_name(pair[1].type, b));
}

typedef struct Bounds {
    int64_t offset; /* ROWS, GROUPS */
    Column values;  /* RANGE */
    bool has_values;
} Bounds;

static bool has_offset(FrameBound bound)
{
    return bound == FRAME_PRECEDING || bound == FRAME_FOLLOWING;
}

static Status prepare_bound(Operator *op, Window *w, FrameBound bound, const Expr *offset,
                            const char *what, Bounds *ret, Error *err)
{
    *ret = (Bounds){0};
    if (!has_offset(bound))
        return STATUS_OK;
    if (op->node->frame.unit != FRAME_RANGE)
        return frame_offset(op, offset, what, &ret->offset, err);
    bool descending = op->node->keys[0].descending;
    ret->has_values = true;
    return range_bound(op, w, offset, (bound == FRAME_PRECEDING) != descending, &ret->values, err);
}

/* First row of the partition whose key is not before (start) or is after (end) the row's bound. */
static uint32_t range_search(Operator *op, Window *w, const Partition *p, const Bounds *b,
                             uint32_t row, bool is_end)
{
    const Column *key = &w->sorted.columns[key_base(op->node) + op->node->group_count];
    const SortKey *order = &op->node->keys[0];
    if (column_is_null(key, row))
        return is_end ? w->peer_end[row] : w->peer[row];
    ValueCmp cmp = value_cmp_fn(key->type);
    uint32_t low = p->from;
    uint32_t high = p->to;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int c;
        if (column_is_null(key, mid)) {
            c = order->nulls_first ? -1 : 1;
        } else {
            c = cmp(key, mid, &b->values, row);
            if (order->descending)
                c = -c;
        }
        if (is_end ? c <= 0 : c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static uint32_t frame_edge(Operator *op, Window *w, const Partition *p, FrameBound bound,
                           const Bounds *b, uint32_t row, bool is_end)
{
    FrameUnit unit = op->node->frame.unit;
    int64_t delta = bound == FRAME_PRECEDING ? -b->offset : b->offset;
    switch (bound) {
    case FRAME_UNBOUNDED_PRECEDING:
        return p->from;
    case FRAME_UNBOUNDED_FOLLOWING:
        return p->to;
    case FRAME_CURRENT:
        if (unit == FRAME_ROWS)
            return is_end ? row + 1 : row;
        return is_end ? w->peer_end[row] : w->peer[row];
    case FRAME_PRECEDING:
    case FRAME_FOLLOWING:
        if (unit == FRAME_RANGE)
            return range_search(op, w, p, b, row, is_end);
        if (unit == FRAME_ROWS) {
            int64_t at;
            if (__builtin_add_overflow((int64_t)row + is_end, delta, &at))
                at = delta < 0 ? p->from : p->to;
            return clamp_row(at, p);
        }
        delta = LUMA_MIN(LUMA_MAX(delta, -(int64_t)UINT32_MAX), (int64_t)UINT32_MAX);
        if (!is_end)
            return group_start(w, p, row, delta);
        if (delta < 0) {
            uint32_t start = w->peer[row];
            int64_t steps = -delta;
            while (steps > 0 && start > p->from) {
                start = w->peer[start - 1];
                steps--;
            }
            return steps ? p->from : w->peer_end[start];
        }
        return group_start(w, p, row, delta + 1);
    }
    return p->to;
}

static Status find_frames(Operator *op, Window *w, Error *err)
{
    const WindowFrame *f = &op->node->frame;
    Bounds start;
    Bounds end;
    TRY(arena_try_alloc(&w->arena, sizeof(Frame) * ((size_t)w->sorted.row_count + 1), &w->frames,
                        err));
    TRY(prepare_bound(op, w, f->start, f->start_offset, "starting", &start, err));
    TRY(prepare_bound(op, w, f->end, f->end_offset, "ending", &end, err));
    for (uint32_t i = 0; i < w->partition_count; i++) {
        const Partition *p = &w->partitions[i];
        for (uint32_t row = p->from; row < p->to; row++) {
            Frame *frame = &w->frames[row];
            frame->start = frame_edge(op, w, p, f->start, &start, row, false);
            frame->end = frame_edge(op, w, p, f->end, &end, row, true);
            if (frame->end < frame->start)
                frame->end = frame->start;
        }
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- values of a frame */

static bool excluded(const Window *w, FrameExclude exclude, uint32_t current, uint32_t row)
{
    bool peer = w->peer[row] == w->peer[current];
    switch (exclude) {
    case FRAME_EXCLUDE_NONE:
        return false;
    case FRAME_EXCLUDE_CURRENT:
        return row == current;
    case FRAME_EXCLUDE_GROUP:
        return peer;
    case FRAME_EXCLUDE_TIES:
        return peer && row != current;
    }
    return false;
}

/* The n-th row of the frame (from 0, or from the end), UINT32_MAX when there is none. */
static uint32_t nth_row(const Operator *op, const Window *w, uint32_t current, int64_t n,
                        bool from_end)
{
    const Frame *f = &w->frames[current];
    FrameExclude exclude = op->node->frame.exclude;
    if (exclude == FRAME_EXCLUDE_NONE) {
        int64_t size = (int64_t)f->end - f->start;
        return n >= size  ? UINT32_MAX
               : from_end ? f->end - 1 - (uint32_t)n
                          : f->start + (uint32_t)n;
    }
    for (uint32_t i = 0; i < f->end - f->start; i++) {
        uint32_t row = from_end ? f->end - 1 - i : f->start + i;
        if (excluded(w, exclude, current, row))
            continue;
        if (n-- == 0)
            return row;
    }
    return UINT32_MAX;
}

static Status eval_args(Operator *op, Window *w, const Expr *call, Column **ret, Error *err)
{
    RecordBatch in = w->sorted;
    ExprEval ev = op->eval;
    ev.ctx.arena = &w->arena;
    in.column_count = key_base(op->node);
    TRY(exec__columns(&w->arena, call->arg_count, ret, err));
    for (uint32_t i = 0; i < call->arg_count; i++)
        TRY(expr_eval_plain(&ev, call->args[i], &in, NULL, in.row_count, &(*ret)[i], err));
    op->eval.caches = ev.caches;
    return STATUS_OK;
}

/* Picks value rows; UINT32_MAX gives NULL. */
static Status pick_rows(Window *w, const Column *value, const uint32_t *rows, Column *ret,
                        Error *err)
{
    uint32_t count = w->sorted.row_count;
    uint32_t *safe;
    TRY(arena_try_alloc(&w->arena, sizeof *safe * ((size_t)count + 1), &safe, err));
    for (uint32_t i = 0; i < count; i++)
        safe[i] = rows[i] == UINT32_MAX ? 0 : rows[i];
    TRY(column_take(value, safe, count, &w->arena, ret, err));
    if (ret->is_const) {
        Column flat;
        TRY(column_flatten(ret, &w->arena, &flat, err));
        *ret = flat;
    }
    TRY(column_need_validity(ret, &w->arena, err));
    for (uint32_t i = 0; i < count; i++)
        if (rows[i] == UINT32_MAX)
            bit_clear(column_validity(ret), i);
    return STATUS_OK;
}

static Status value_call(Operator *op, Window *w, const Expr *call, const Column *args,
                         uint32_t *rows, Error *err)
{
    const char *name = call->window_function;
    bool first = strcmp(name, "first_value") == 0;
    bool last = strcmp(name, "last_value") == 0;
    for (uint32_t i = 0; i < w->sorted.row_count; i++) {
        int64_t n = 0;
        if (!first && !last) {
            if (column_is_null(&args[1], i)) {
                rows[i] = UINT32_MAX;
                continue;
            }
            n = column_i64(&args[1], i) - 1;
            if (n < 0)
                return error_set_sql(err, STATUS_INVALID, "22016", 0,
                                     "argument of nth_value must be greater than zero");
        }
        rows[i] = nth_row(op, w, i, n, last);
    }
    return STATUS_OK;
}

static Status lag_lead(Window *w, const Expr *call, const Column *args, Column *ret, Error *err)
{
    bool lead = strcmp(call->window_function, "lead") == 0;
    uint32_t count = w->sorted.row_count;
    uint32_t *rows;
    uint32_t *outside;
    uint32_t outside_count = 0;
    TRY(arena_try_alloc(&w->arena, sizeof *rows * ((size_t)count + 1), &rows, err));
    TRY(arena_try_alloc(&w->arena, sizeof *rows * ((size_t)count + 1), &outside, err));
    for (uint32_t p = 0; p < w->partition_count; p++) {
        for (uint32_t i = w->partitions[p].from; i < w->partitions[p].to; i++) {
            bool null = call->arg_count > 1 && column_is_null(&args[1], i);
            int64_t by = call->arg_count > 1 && !null ? column_i64(&args[1], i) : 1;
            int64_t at;
            rows[i] = UINT32_MAX;
            if (null)
                continue;
            if (lead ? __builtin_add_overflow((int64_t)i, by, &at)
                     : __builtin_sub_overflow((int64_t)i, by, &at))
                at = -1;
            if (at >= w->partitions[p].from && at < w->partitions[p].to)
                rows[i] = (uint32_t)at;
            else
                outside[outside_count++] = i;
        }
    }
    TRY(pick_rows(w, &args[0], rows, ret, err));
    if (call->arg_count > 2 && outside_count) {
        Column defaults;
        TRY(column_take(&args[2], outside, outside_count, &w->arena, &defaults, err));
        exec__scatter(ret, &defaults, outside, outside_count);
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- ranks */

static int64_t ntile(int64_t position, int64_t rows, int64_t buckets)
{
    int64_t small = rows / buckets;
    int64_t larger = rows % buckets; /* the first buckets get one row more */
    int64_t in_larger = larger * (small + 1);
    if (position < in_larger)
        return position / (small + 1) + 1;
    return small ? larger + (position - in_larger) / small + 1 : position + 1;
}

static Status rank_call(Window *w, const Expr *call, const Column *args, Column *ret, Error *err)
{
    const char *name = call->window_function;
    bool is_double = call->type.id == TYPE_FLOAT8;
    bool is_int4 = call->type.id == TYPE_INT4;
    TRY(column_init(ret, &w->arena, call->type, w->sorted.row_count, true, err));
    for (uint32_t p = 0; p < w->partition_count; p++) {
        uint32_t from = w->partitions[p].from;
        uint32_t to = w->partitions[p].to;
        int64_t dense = 0;
        for (uint32_t i = from; i < to; i++) {
            int64_t number = 0;
            double share = 0;
            dense += w->peer[i] == i;
            if (strcmp(name, "row_number") == 0) {
                number = i - from + 1;
            } else if (strcmp(name, "rank") == 0) {
                number = w->peer[i] - from + 1;
            } else if (strcmp(name, "dense_rank") == 0) {
                number = dense;
            } else if (strcmp(name, "percent_rank") == 0) {
                share = to - from > 1 ? (double)(w->peer[i] - from) / (double)(to - from - 1) : 0;
            } else if (strcmp(name, "cume_dist") == 0) {
                share = (double)(w->peer_end[i] - from) / (double)(to - from);
            } else { /* ntile: the argument of the partition's first row counts */
                if (column_is_null(&args[0], from)) {
                    bit_clear(column_validity(ret), i);
                    continue;
                }
                int64_t buckets = column_i64(&args[0], from);
                if (buckets <= 0)
                    return error_set_sql(err, STATUS_INVALID, "22014", 0,
                                         "argument of ntile must be greater than zero");
                number = ntile(i - from, to - from, buckets);
            }
            if (is_double)
                ((double *)column_values(ret))[i] = share;
            else if (is_int4)
                ((int32_t *)column_values(ret))[i] = (int32_t)number;
            else
                ((int64_t *)column_values(ret))[i] = number;
        }
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- aggregates */

typedef struct Feed {
    Operator *op;
    Window *w;
    const Expr *call;
    const Column *args;
    const Column *filter; /* or NULL */
    Arena *state_arena;
    void *state;
} Feed;

/* Adds sorted rows [from, to) except those the frame excludes for row `current`. */
static Status feed_rows(Feed *f, uint32_t from, uint32_t to, uint32_t current, FrameExclude exclude,
                        Error *err)
{
    EvalContext ctx = f->op->eval.ctx;
    const Aggregate *a = f->call->aggregate;
    for (uint32_t at = from; at < to; at += BATCH_ROWS) {
        uint32_t n = LUMA_MIN(to - at, (uint32_t)BATCH_ROWS);
        uint32_t *rows;
        uint32_t *group_of;
        Column *args;
        uint32_t count = 0;
        arena_reset(ctx.arena);
        TRY(arena_try_alloc(ctx.arena, sizeof *rows * ((size_t)n + 1), &rows, err));
        TRY(arena_try_alloc(ctx.arena, sizeof *rows * ((size_t)n + 1), &group_of, err));
        for (uint32_t i = at; i < at + n; i++) {
            if (excluded(f->w, exclude, current, i))
                continue;
            if (f->filter && (column_is_null(f->filter, i) || !column_bool(f->filter, i)))
                continue;
            rows[count++] = i;
        }
        if (!count)
            continue;
        memset(group_of, 0, sizeof *group_of * count);
        TRY(exec__columns(ctx.arena, f->call->arg_count, &args, err));
        for (uint32_t i = 0; i < f->call->arg_count; i++)
            TRY(column_take(&f->args[i], rows, count, ctx.arena, &args[i], err));
        TRY(a->update(&ctx, f->state, group_of, f->call->arg_count ? args : NULL, count,
                      f->state_arena, err));
    }
    return STATUS_OK;
}

static Status put_result(Feed *f, Column *ret, uint32_t row, Error *err)
{
    EvalContext ctx = f->op->eval.ctx;
    Column one = {.type = f->call->type};
    Column owned;
    arena_reset(ctx.arena);
    TRY(f->call->aggregate->finish(&ctx, f->state, 1, &one, err));
    one.type = f->call->type;
    TRY(column_copy(&one, type_layout(one.type) == LAYOUT_VIEW ? &f->w->arena : ctx.arena, &owned,
                    err));
    exec__scatter(ret, &owned, &row, 1);
    return STATUS_OK;
}

/* Does every frame of the call start at its partition's start? Then states only grow. */
static bool growing(const WindowFrame *frame)
{
    return frame->start == FRAME_UNBOUNDED_PRECEDING && frame->exclude == FRAME_EXCLUDE_NONE;
}

static void reset_state(Feed *f)
{
    arena_reset(f->state_arena);
    memset(f->state, 0, f->call->aggregate->state_bytes);
}

/* Frames narrower than this on average are recomputed; sums of doubles, which depend on the order
 * of addition, up to a larger width. */
enum { TREE_WIDTH_MIN = 24, TREE_DOUBLE_WIDTH_MIN = 2048 };

static bool wants_tree(const Feed *f, const Partition *p)
{
    uint64_t width = 0;
    bool doubles = f->call->arg_count && type_layout(f->call->args[0]->type) == LAYOUT_DOUBLE;
    doubles |= f->call->arg_count && type_layout(f->call->args[0]->type) == LAYOUT_FLOAT;
    if (growing(&f->op->node->frame) || !window_tree_can(f->call))
        return false;
    for (uint32_t row = p->from; row < p->to; row++)
        width += f->w->frames[row].end - f->w->frames[row].start;
    return width / (p->to - p->from) >= (doubles ? TREE_DOUBLE_WIDTH_MIN : TREE_WIDTH_MIN);
}

/* The part of the frame that lies in [from, to). */
static Status add_part(Feed *f, const WindowTree *tree, const Partition *p, const Frame *frame,
                       uint32_t from, uint32_t to, Error *err)
{
    from = LUMA_MAX(from, frame->start);
    to = LUMA_MIN(to, frame->end);
    return from < to ? window_tree_add(tree, f->state, from - p->from, to - p->from, err)
                     : STATUS_OK;
}

static Status tree_partition(Feed *f, const Partition *p, Column *ret, Error *err)
{
    const Window *w = f->w;
    FrameExclude exclude = f->op->node->frame.exclude;
    WindowTree tree;
    arena_reset(f->state_arena);
    TRY(window_tree_build(&tree, &f->op->eval.ctx, f->call, f->args, f->filter, p->from, p->to,
                          f->state_arena, err));
    for (uint32_t row = p->from; row < p->to; row++) {
        const Frame *frame = &w->frames[row];
        bool group = exclude == FRAME_EXCLUDE_GROUP || exclude == FRAME_EXCLUDE_TIES;
        uint32_t hole = group ? w->peer[row] : row;
        uint32_t hole_end = group ? w->peer_end[row] : row + 1;
        TRY(exec_check(f->op->exec, err));
        memset(f->state, 0, f->call->aggregate->state_bytes);
        if (exclude == FRAME_EXCLUDE_NONE)
            hole = hole_end = p->to;
        TRY(add_part(f, &tree, p, frame, p->from, hole, err));
        if (exclude == FRAME_EXCLUDE_TIES)
            TRY(add_part(f, &tree, p, frame, row, row + 1, err));
        TRY(add_part(f, &tree, p, frame, hole_end, p->to, err));
        TRY(put_result(f, ret, row, err));
    }
    return STATUS_OK;
}

static Status aggregate_partition(Feed *f, const Partition *p, Column *ret, Error *err)
{
    const WindowFrame *frame = &f->op->node->frame;
    uint32_t fed = p->from;
    if (wants_tree(f, p))
        return tree_partition(f, p, ret, err);
    reset_state(f);
    for (uint32_t row = p->from; row < p->to; row++) {
        const Frame *bounds = &f->w->frames[row];
        TRY(exec_check(f->op->exec, err));
        if (growing(frame)) {
            bool same = row > p->from && bounds->end == fed;
            TRY(feed_rows(f, fed, bounds->end, row, FRAME_EXCLUDE_NONE, err));
            fed = LUMA_MAX(fed, bounds->end);
            if (same && !f->call->distinct) {
                Column one;
                uint32_t before = row - 1;
                TRY(column_take(ret, &before, 1, f->op->eval.ctx.arena, &one, err));
                exec__scatter(ret, &one, &row, 1);
                continue;
            }
        } else {
            reset_state(f);
            TRY(feed_rows(f, bounds->start, bounds->end, row, frame->exclude, err));
        }
        TRY(put_result(f, ret, row, err));
    }
    return STATUS_OK;
}

static Status aggregate_call(Operator *op, Window *w, const Expr *call, const Column *args,
                             Column *ret, Error *err)
{
    Arena state_arena;
    Column filter;
    Feed f = {.op = op, .w = w, .call = call, .args = args, .state_arena = &state_arena};
    if (call->distinct)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", call->position,
                             "DISTINCT is not implemented for window functions");
    if (call->filter) {
        RecordBatch in = w->sorted;
        ExprEval ev = op->eval;
        ev.ctx.arena = &w->arena;
        in.column_count = key_base(op->node);
        TRY(expr_eval_plain(&ev, call->filter, &in, NULL, in.row_count, &filter, err));
        op->eval.caches = ev.caches;
        f.filter = &filter;
    }
    TRY(column_init(ret, &w->arena, call->type, w->sorted.row_count, true, err));
    TRY(arena_try_alloc(&w->arena, call->aggregate->state_bytes + 64, &f.state, err));
    arena_init(&state_arena, &op->exec->budget);
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < w->partition_count && status == STATUS_OK; i++)
        status = aggregate_partition(&f, &w->partitions[i], ret, err);
    arena_done(&state_arena);
    return status;
}

/* ---------------------------------------------------------------- the operator */

static Status compute_call(Operator *op, Window *w, const Expr *call, Column *ret, Error *err)
{
    Column *args;
    TRY(eval_args(op, w, call, &args, err));
    if (!call->window_function)
        return aggregate_call(op, w, call, args, ret, err);
    const char *name = call->window_function;
    if (strcmp(name, "lag") == 0 || strcmp(name, "lead") == 0)
        return lag_lead(w, call, args, ret, err);
    if (strstr(name, "_value")) {
        uint32_t *rows;
        TRY(arena_try_alloc(&w->arena, sizeof *rows * ((size_t)w->sorted.row_count + 1), &rows,
                            err));
        TRY(value_call(op, w, call, args, rows, err));
        return pick_rows(w, &args[0], rows, ret, err);
    }
    return rank_call(w, call, args, ret, err);
}

static Status window_open(Operator *op, Error *err)
{
    Window *w = op->state = ARENA_NEW(&op->arena, Window);
    arena_init(&w->arena, &op->exec->budget);
    TRY(collect(op, w, err));
    if (!w->rows.row_count)
        return STATUS_OK;
    TRY(sort_rows(op, w, err));
    TRY(find_bounds(op, w, err));
    TRY(find_frames(op, w, err));
    TRY(exec__columns(&w->arena, op->node->aggregate_count, &w->results, err));
    for (uint32_t i = 0; i < op->node->aggregate_count; i++)
        TRY(compute_call(op, w, op->node->aggregates[i], &w->results[i], err));
    return STATUS_OK;
}

static Status window_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    Window *w = op->state;
    uint32_t width = key_base(op->node);
    uint32_t count = LUMA_MIN(w->sorted.row_count - w->pos, (uint32_t)BATCH_ROWS);
    if (!count)
        return STATUS_OK;
    ret_batch->row_count = count;
    ret_batch->column_count = op->node->schema.field_count;
    TRY(exec__columns(&op->batch_arena, ret_batch->column_count, &ret_batch->columns, err));
    for (uint32_t i = 0; i < ret_batch->column_count; i++)
        TRY(column_slice(i < width ? &w->sorted.columns[i] : &w->results[i - width], w->pos, count,
                         &op->batch_arena, &ret_batch->columns[i], err));
    w->pos += count;
    return STATUS_OK;
}

static void window_close(Operator *op)
{
    Window *w = op->state;
    if (!w)
        return;
    rowset_done(&w->rows);
    arena_done(&w->arena);
}

const OperatorOps op_window_ops = {"WindowAgg", window_open, window_next, window_close};
