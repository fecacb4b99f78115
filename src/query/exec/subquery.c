/* subquery.c - EXPR_SUBQUERY where decorrelation left it: the subplan runs once for each distinct
 * combination of the outer values it reads (once at all when it reads none), and its answers are
 * kept for the operator's life. */
#include "format/pgtype/pgarray.h"
#include "query/exec/correlation.h"

typedef struct SubqueryCache {
    Correlation correlation;
    RowSet answers; /* one column of the expression's type, a row per parameter group */
    RowSet rows;    /* ANY/ALL of an uncorrelated subplan: its rows, kept */
    bool has_rows;
} SubqueryCache;

static void cache_done(void *ctx)
{
    SubqueryCache *cache = ctx;
    correlation_done(&cache->correlation);
    rowset_done(&cache->answers);
    rowset_done(&cache->rows);
}

static Schema batch_schema(const RecordBatch *batch, Arena *arena)
{
    Field *fields = ARENA_NEW_ARRAY(arena, Field, batch->column_count + 1);
    for (uint32_t i = 0; i < batch->column_count && fields; i++)
        fields[i].type = batch->columns[i].type;
    return (Schema){fields, fields ? batch->column_count : 0};
}

static Status cache_new(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                        const RecordBatch *right, SubqueryCache **ret, Error *err)
{
    SubqueryCache *cache = ARENA_NEW(ev->lasting, SubqueryCache);
    if (!cache)
        return error_set_sql(err, STATUS_LIMIT, "53200", 0, "out of query memory");
    arena_on_cleanup(ev->lasting, cache_done, cache);
    Schema left_schema = {0};
    Schema right_schema = {0};
    if (left)
        left_schema = batch_schema(left, ev->lasting);
    if (right)
        right_schema = batch_schema(right, ev->lasting);
    Type extra = expr->arg_count ? expr->args[0]->type : TYPE_OF(BOOL);
    TRY(correlation_init(&cache->correlation, ev->exec, expr->subplan, &left_schema, &right_schema,
                         &extra, expr->arg_count, ev->lasting, err));
    TRY(rowset_init(&cache->answers, &ev->exec->budget, &expr->type, 1, err));
    *ret = cache;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- one answer */

static Status scalar_answer(Operator *op, const Expr *expr, Arena *arena, Column *ret, Error *err)
{
    bool some = false;
    TRY(column_init_null(ret, arena, expr->type, 1, err));
    for (;;) {
        RecordBatch in;
        TRY(operator_next(op, &in, err));
        if (!in.row_count)
            return STATUS_OK;
        if (some || in.row_count > 1)
            return error_set_sql(err, STATUS_INVALID, "21000", expr->position,
                                 "more than one row returned by a subquery used as an expression");
        some = true;
        TRY(column_copy(&in.columns[0], arena, ret, err));
    }
}

static Status bool_column(Arena *arena, bool value, bool null, Column *ret, Error *err)
{
    TRY(column_init(ret, arena, TYPE_OF(BOOL), 1, true, err));
    bit_put(column_values(ret), 0, value);
    bit_put(column_validity(ret), 0, !null);
    return STATUS_OK;
}

static Status exists_answer(Operator *op, const Expr *expr, Arena *arena, Column *ret, Error *err)
{
    RecordBatch in;
    TRY(operator_next(op, &in, err));
    return bool_column(arena, (in.row_count > 0) != expr->negated, false, ret, err);
}

static Status array_answer(Operator *op, const Expr *expr, RowSet *rows, Arena *arena, Column *ret,
                           Error *err)
{
    for (;;) {
        RecordBatch in;
        TRY(operator_next(op, &in, err));
        if (!in.row_count)
            break;
        TRY(rowset_append(rows, in.columns, NULL, in.row_count, err));
    }
    RecordBatch all = rowset_batch(rows);
    TRY(column_init(ret, arena, expr->type, 1, false, err));
    if (!all.columns[0].type.is_array)
        return pgarray_make(expr->type, &all.columns[0], 0, all.row_count, arena,
                            column_values(ret), err);
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", expr->position,
                         "ARRAY(subquery) of arrays is not supported");
}

/* args[0] op ANY/ALL (rows): three-valued. */
static Status quantified_answer(ExprEval *ev, const Expr *expr, const Column *arg,
                                const RowSet *rows, Arena *arena, Column *ret, Error *err)
{
    RecordBatch all = rowset_batch(rows);
    bool is_all = expr->subquery_kind == SUBQUERY_ALL;
    bool decided = false;
    bool unknown = false;
    for (uint32_t from = 0; from < all.row_count && !decided; from += BATCH_ROWS) {
        uint32_t count = LUMA_MIN(all.row_count - from, (uint32_t)BATCH_ROWS);
        Column pair[2] = {*arg};
        Column holds = {.type = TYPE_OF(BOOL)};
        TRY(column_slice(&all.columns[0], from, count, ev->ctx.arena, &pair[1], err));
        pair[0].len = count;
        TRY(expr->function->kernel(&ev->ctx, pair, 2, count, &holds, err));
        for (uint32_t i = 0; i < count && !decided; i++) {
            if (column_is_null(&holds, i))
                unknown = true;
            else
                decided = column_bool(&holds, i) != is_all;
        }
    }
    bool value = decided != is_all;
    return bool_column(arena, value != expr->negated, !decided && unknown, ret, err);
}

Status exec__subquery_answer(ExprEval *ev, const Expr *expr, const OuterFrame *frame, Arena *arena,
                             Column *ret, Error *err)
{
    Operator *op = NULL;
    RowSet rows = {0};
    TRY(operator_open(ev->exec, expr->subplan, frame, NULL, &op, err));
    Status status = STATUS_OK;
    if (expr->subquery_kind == SUBQUERY_ARRAY) {
        status =
            rowset_init(&rows, &ev->exec->budget, &expr->subplan->schema.fields[0].type, 1, err);
        if (status == STATUS_OK)
            status = array_answer(op, expr, &rows, arena, ret, err);
    } else {
        status = expr->subquery_kind == SUBQUERY_EXISTS ? exists_answer(op, expr, arena, ret, err)
                                                        : scalar_answer(op, expr, arena, ret, err);
    }
    (void)operator_close(op);
    rowset_done(&rows);
    return status;
}

/* ANY and ALL look at the subplan's rows, which are kept when they are always the same. */
static Status append_quantified(ExprEval *ev, const Expr *expr, SubqueryCache *cache,
                                const OuterFrame *frame, const Column *arg, Arena *arena,
                                Column *ret, Error *err)
{
    RowSet rows = {0};
    bool keep = !cache->correlation.column_count;
    RowSet *used = keep ? &cache->rows : &rows;
    Status status = STATUS_OK;
    if (!keep || !cache->has_rows)
        status = exec__materialize(ev->exec, expr->subplan, frame, used, err);
    cache->has_rows = keep;
    if (status == STATUS_OK)
        status = quantified_answer(ev, expr, arg, used, arena, ret, err);
    rowset_done(&rows);
    return status;
}

static Status append_answer(ExprEval *ev, const Expr *expr, SubqueryCache *cache,
                            const OuterFrame *frame, const Column *arg, Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    Column answer;
    bool quantified = expr->subquery_kind == SUBQUERY_ANY || expr->subquery_kind == SUBQUERY_ALL;

    arena_init(&arena, &ev->exec->budget);
    if (quantified)
        TRY(append_quantified(ev, expr, cache, frame, arg, &arena, &answer, err));
    else
        TRY(exec__subquery_answer(ev, expr, frame, &arena, &answer, err));
    return rowset_append(&cache->answers, &answer, NULL, 1, err);
}

Status exec__subquery(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                      const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    uint32_t *groups;
    Column arg = {0};

    if (expr->once)
        return exec__subquery_once(ev, expr, rows, ret, err);
    SubqueryCache **slot = (SubqueryCache **)expr_cache(ev, expr);
    if (!*slot)
        TRY(cache_new(ev, expr, left, right, slot, err));
    SubqueryCache *cache = *slot;
    if (expr->arg_count)
        TRY(expr_eval_plain(ev, expr->args[0], left, right, rows, &arg, err));
    TRY(correlation_find(&cache->correlation, left, right, &arg, expr->arg_count, rows,
                         ev->ctx.arena, &groups, err));
    for (uint32_t i = 0; i < rows; i++) {
        if (groups[i] < cache->answers.row_count)
            continue;
        OuterFrame frame = {.up = ev->outer, .inputs = {left, right}, .row = i};
        Column one = arg;
        if (expr->arg_count && !arg.is_const)
            TRY(column_take(&arg, &i, 1, ev->ctx.arena, &one, err));
        one.is_const = true;
        TRY(append_answer(ev, expr, cache, &frame, &one, err));
    }
    RecordBatch answers = rowset_batch(&cache->answers);
    Column taken;
    TRY(column_take(&answers.columns[0], groups, rows, ev->ctx.arena, &taken, err));
    /* Long texts stay in the cache's arena, which outlives the batch. */
    *ret = taken;
    ret->type = expr->type;
    return STATUS_OK;
}
