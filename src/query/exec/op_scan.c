/* op_scan.c - rows of a table: the engine's scan with projection, predicates and matchers. */
#include "query/exec/runtime_filter.h"

typedef struct ScanState {
    Shared own; /* used when no other instance shares the scan */
    Shared *shared;
    Morsel *morsel;
    ScanFilter *filters; /* what joins above ask for */
    int64_t left;        /* rows still wanted */
    bool ended;
} ScanState;

/* Predicate values are evaluated once; a NULL one matches nothing. */
static Status bind_predicates(Operator *op, Shared *shared, bool *ret_nothing, Error *err)
{
    const PlanNode *node = op->node;
    ScanPredicate *bound;
    TRY(arena_try_alloc(&shared->arena, sizeof *bound * (node->predicate_count + 1), &bound, err));
    for (uint32_t i = 0; i < node->predicate_count; i++) {
        const PlanPredicate *p = &node->predicates[i];
        bound[i] = (ScanPredicate){.column = p->column, .op = (ScanOp)p->op};
        if (!p->value)
            continue;
        Column value;
        TRY(expr_eval_plain(&op->eval, p->value, NULL, NULL, 1, &value, err));
        TRY(column_copy(&value, &shared->arena, &bound[i].value, err));
        bound[i].value.len = 1;
        bound[i].value.is_const = true;
        if (column_is_null(&value, 0))
            *ret_nothing = true;
    }
    shared->spec = (ScanSpec){.table = node->table,
                              .columns = node->scan_columns,
                              .column_count = node->schema.field_count,
                              .predicates = bound,
                              .predicate_count = node->predicate_count,
                              .matchers = node->matchers,
                              .matcher_count = node->matcher_count,
                              .row_limit = node->row_limit};
    if (node->top && !op->outer) {
        ScanBound *top = exec__top_bound(op->exec, node->top);
        scan_bound_init(top, node->top_column, node->top_descending);
        shared->spec.bound = top;
    }
    return STATUS_OK;
}

static Status scan_open(Operator *op, Error *err)
{
    ScanState *s = op->state = ARENA_NEW(&op->arena, ScanState);
    if (!op->exec->options.snapshot)
        return error_set(err, STATUS_INTERNAL, "a table scan needs a snapshot");
    s->shared = op->shared ? shared_find(op->shared, op->node) : &s->own;
    s->left = op->node->row_limit;
    s->filters = runtime_filter_find(op->exec, op->node, &op->arena);
    if (s->shared->scan)
        return STATUS_OK;
    if (!s->shared->arena.budget)
        arena_init(&s->shared->arena, &op->exec->budget);
    bool nothing = false;
    TRY(bind_predicates(op, s->shared, &nothing, err));
    if (nothing) {
        s->ended = true;
        return STATUS_OK;
    }
    return engine_scan(op->exec->options.snapshot, &s->shared->spec, &s->shared->scan, err);
}

static Status scan_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    ScanState *s = op->state;
    while (!s->ended && s->left > 0 && s->shared->scan) {
        if (!s->morsel) {
            TRY(scan_next_morsel(s->shared->scan, &s->morsel, err));
            if (!s->morsel) {
                s->ended = true;
                break;
            }
        }
        TRY(morsel_next(s->morsel, &op->batch_arena, ret_batch, err));
        if (ret_batch->row_count && s->filters) {
            TRY(runtime_filter_apply(s->filters, ret_batch, &op->batch_arena, err));
            if (!ret_batch->row_count) {
                arena_reset(&op->batch_arena);
                continue;
            }
        }
        if (ret_batch->row_count) {
            if (ret_batch->row_count > s->left) {
                RecordBatch cut;
                TRY(batch_slice(ret_batch, 0, (uint32_t)s->left, &op->batch_arena, &cut, err));
                *ret_batch = cut;
            }
            if (s->left != INT64_MAX)
                s->left -= ret_batch->row_count;
            return STATUS_OK;
        }
        s->morsel = morsel_close(s->morsel);
        TRY(exec_check(op->exec, err));
    }
    ret_batch->row_count = 0;
    return STATUS_OK;
}

static void scan_close(Operator *op)
{
    ScanState *s = op->state;
    if (!s)
        return;
    if (s->morsel)
        s->morsel = morsel_close(s->morsel);
    if (s->shared == &s->own) {
        if (s->own.scan)
            s->own.scan = exec__end_scan(op->exec, op->node, s->own.scan);
        arena_done(&s->own.arena);
    }
}

const OperatorOps op_scan_ops = {"Seq Scan", scan_open, scan_next, scan_close};
