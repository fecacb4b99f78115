/* op_function_scan.c - set-returning functions: in FROM, and in the select list (project set). */
#include "query/exec/exec_int.h"

#include "format/pgtype/pgarray.h"

/* ---------------------------------------------------------------- one running function */

typedef struct SetCall {
    const TableFunction *function; /* NULL once its last batch is here */
    const TableFunction *opened;
    void *state;
    RecordBatch batch; /* what was fetched; copied into `arena` */
    uint32_t pos;
    bool ended;
} SetCall;

static Status set_call_open(ExprEval *ev, const TableFunction *function, Expr *const *args,
                            uint32_t arg_count, const RecordBatch *in, uint32_t row, Arena *arena,
                            SetCall *ret, Error *err)
{
    Column *values;
    TRY(exec__columns(arena, arg_count, &values, err));
    for (uint32_t i = 0; i < arg_count; i++) {
        Column all;
        uint32_t rows = in ? in->row_count : 1;
        TRY(expr_eval_plain(ev, args[i], in, NULL, rows, &all, err));
        Column one = all;
        if (!all.is_const)
            TRY(column_take(&all, &row, 1, arena, &one, err));
        one.len = 1;
        one.is_const = true;
        TRY(column_copy(&one, arena, &values[i], err));
    }
    *ret = (SetCall){.function = function, .opened = function};
    return function->open(&ev->ctx, values, arg_count, arena, &ret->state, err);
}

/* ---------------------------------------------------------------- PLAN_FUNCTION_SCAN */

typedef struct FunctionScan {
    SetCall call;
    int64_t ordinal;
} FunctionScan;

static Status function_scan_open(Operator *op, Error *err)
{
    FunctionScan *s = op->state = ARENA_NEW(&op->arena, FunctionScan);
    return set_call_open(&op->eval, op->node->table_function, op->node->exprs, op->node->expr_count,
                         NULL, 0, &op->arena, &s->call, err);
}

static Status add_ordinality(Operator *op, FunctionScan *s, RecordBatch *batch, Error *err)
{
    Column *columns;
    TRY(exec__columns(&op->batch_arena, batch->column_count + 1, &columns, err));
    memcpy(columns, batch->columns, sizeof(Column) * batch->column_count);
    Column *ordinal = &columns[batch->column_count++];
    TRY(column_init(ordinal, &op->batch_arena, TYPE_OF(INT8), batch->row_count, false, err));
    for (uint32_t i = 0; i < batch->row_count; i++)
        ((int64_t *)column_values(ordinal))[i] = ++s->ordinal;
    batch->columns = columns;
    return STATUS_OK;
}

static Status function_scan_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    FunctionScan *s = op->state;
    while (!s->call.ended) {
        TRY(s->call.function->next(&op->eval.ctx, s->call.state, ret_batch, &s->call.ended, err));
        if (!ret_batch->row_count)
            continue;
        return op->node->ordinality ? add_ordinality(op, s, ret_batch, err) : STATUS_OK;
    }
    ret_batch->row_count = 0;
    return STATUS_OK;
}

const OperatorOps op_function_scan_ops = {"Function Scan", function_scan_open, function_scan_next,
                                          NULL};

/* ---------------------------------------------------------------- PLAN_PROJECT_SET */

/* For each input row all functions run side by side; the shorter ones give NULL at their end. */
typedef struct ProjectSet {
    RecordBatch in;
    uint32_t row;
    SetCall *calls; /* per expression; function NULL = plain */
    bool running;
    Arena row_arena;  /* states and values of the current row */
    Arena call_arena; /* what one next call of a function returns */
    RowSet out;
} ProjectSet;

static Status project_set_open(Operator *op, Error *err)
{
    ProjectSet *s = op->state = ARENA_NEW(&op->arena, ProjectSet);
    Type *types;
    arena_init(&s->row_arena, &op->exec->budget);
    arena_init(&s->call_arena, &op->exec->budget);
    s->calls = ARENA_NEW_ARRAY(&op->arena, SetCall, op->node->expr_count + 1);
    TRY(exec__schema_types(&op->node->schema, &op->arena, &types, err));
    TRY(rowset_init(&s->out, &op->exec->budget, types, op->node->expr_count, err));
    return operator_open_child(op, err);
}

static Status start_row(Operator *op, ProjectSet *s, Error *err)
{
    arena_reset(&s->row_arena);
    for (uint32_t i = 0; i < op->node->expr_count; i++) {
        const TableFunction *function = op->node->set_functions[i];
        const Expr *expr = op->node->exprs[i];
        s->calls[i] = (SetCall){0};
        if (function)
            TRY(set_call_open(&op->eval, function, expr->args, expr->arg_count, &s->in, s->row,
                              &s->row_arena, &s->calls[i], err));
    }
    s->running = true;
    return STATUS_OK;
}

/* Makes sure the call has a row to give, or has ended. */
static Status fetch(Operator *op, ProjectSet *s, SetCall *call, Error *err)
{
    while (!call->ended && call->pos == call->batch.row_count) {
        EvalContext ctx = op->eval.ctx;
        RecordBatch batch = {0};
        ctx.arena = &s->call_arena;
        arena_reset(&s->call_arena);
        call->pos = 0;
        call->batch.row_count = 0;
        TRY(call->function->next(&ctx, call->state, &batch, &call->ended, err));
        if (batch.row_count) {
            bool last = call->ended;
            TRY(batch_copy(&batch, &s->row_arena, &call->batch, err));
            call->ended = false;
            /* An ended function may still have rows in its last batch. */
            if (last)
                call->function = NULL;
            return STATUS_OK;
        }
    }
    if (call->pos == call->batch.row_count)
        call->ended = true;
    return STATUS_OK;
}

/* The row a call stands at; several columns make a record. */
static Status take_result(Operator *op, const SetCall *call, Type type, Column *ret, Error *err)
{
    const TableFunction *function = call->opened;
    Arena *arena = &op->batch_arena;
    if (!function->column_count)
        return column_take(&call->batch.columns[0], &call->pos, 1, arena, ret, err);
    Str *names;
    TRY(arena_try_alloc(arena, sizeof *names * (function->column_count + 1), &names, err));
    for (uint32_t i = 0; i < function->column_count; i++)
        names[i] = function->columns[i].name;
    TRY(column_init(ret, arena, type, 1, false, err));
    return pgrecord_make(call->batch.columns, names, call->batch.column_count, call->pos, arena,
                         column_values(ret), err);
}

/* One output row; *ret_any false when every function has ended. */
static Status next_row(Operator *op, ProjectSet *s, bool *ret_any, Error *err)
{
    uint32_t count = op->node->expr_count;
    Column *columns;
    *ret_any = false;
    TRY(exec__columns(&op->batch_arena, count, &columns, err));
    for (uint32_t i = 0; i < count; i++) {
        SetCall *call = &s->calls[i];
        if (!op->node->set_functions[i])
            continue;
        if (call->pos == call->batch.row_count && !call->function)
            call->ended = true;
        if (!call->ended)
            TRY(fetch(op, s, call, err));
        if (call->ended) {
            TRY(column_init_null(&columns[i], &op->batch_arena, op->node->schema.fields[i].type, 1,
                                 err));
            continue;
        }
        TRY(take_result(op, call, op->node->schema.fields[i].type, &columns[i], err));
        call->pos++;
        *ret_any = true;
    }
    if (!*ret_any)
        return STATUS_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (op->node->set_functions[i])
            continue;
        Column all;
        TRY(expr_eval_plain(&op->eval, op->node->exprs[i], &s->in, NULL, s->in.row_count, &all,
                            err));
        TRY(column_take(&all, &s->row, 1, &op->batch_arena, &columns[i], err));
    }
    return rowset_append(&s->out, columns, NULL, 1, err);
}

static Status project_set_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    ProjectSet *s = op->state;
    rowset_clear(&s->out);
    while (s->out.row_count < BATCH_ROWS) {
        if (!s->running && s->row >= s->in.row_count) {
            if (s->out.row_count)
                break;
            s->row = 0;
            TRY(operator_next(op->child, &s->in, err));
            if (!s->in.row_count)
                return STATUS_OK;
        }
        if (!s->running)
            TRY(start_row(op, s, err));
        bool any;
        arena_reset(&op->batch_arena);
        TRY(next_row(op, s, &any, err));
        if (!any) {
            s->running = false;
            s->row++;
            TRY(exec_check(op->exec, err));
        }
    }
    *ret_batch = rowset_batch(&s->out);
    return STATUS_OK;
}

static void project_set_close(Operator *op)
{
    ProjectSet *s = op->state;
    if (!s)
        return;
    rowset_done(&s->out);
    arena_done(&s->row_arena);
    arena_done(&s->call_arena);
}

const OperatorOps op_project_set_ops = {"ProjectSet", project_set_open, project_set_next,
                                        project_set_close};
