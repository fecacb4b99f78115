/* op_aggregate.c - GROUP BY and its grouping sets: every worker aggregates what it scans, the
 * partial results are merged, then handed out. */
#include "query/exec/aggregation.h"

typedef struct AggregateState {
    Fragment fragment;
    Aggregation *partials; /* worker-major: [worker * set_count + set] */
    uint32_t set_count;
    uint32_t partial_count;
    uint32_t set;  /* being output */
    uint32_t from; /* next group of it */
} AggregateState;

static uint64_t set_mask(const PlanNode *node, uint32_t set)
{
    return node->grouping_sets ? node->grouping_sets[set] : UINT64_MAX;
}

typedef struct Work {
    Operator *op;
    AggregateState *s;
} Work;

static Status add_batch(Operator *op, Aggregation *aggs, uint32_t count, ExprEval *ev,
                        const RecordBatch *in, Error *err)
{
    const PlanNode *node = op->node;
    Column *keys;
    TRY(exec__columns(ev->ctx.arena, node->group_count, &keys, err));
    for (uint32_t i = 0; i < node->group_count; i++)
        TRY(expr_eval(ev, node->groups[i], in, NULL, in->row_count, &keys[i], err));
    for (uint32_t i = 0; i < count; i++)
        TRY(aggregation_add(&aggs[i], ev, in, keys, err));
    return STATUS_OK;
}

static Status aggregate_worker(void *ctx, uint32_t worker, Error *err)
{
    Work *work = ctx;
    AggregateState *s = work->s;
    Operator *child = s->fragment.instances[worker];
    Arena batch;
    Arena lasting;
    ExprEval ev;

    arena_init(&batch, &work->op->exec->budget);
    arena_init(&lasting, &work->op->exec->budget);
    expr_eval_init(&ev, work->op->exec, work->op->outer, &batch, &lasting);
    Status status;
    for (;;) {
        RecordBatch in;
        status = operator_next(child, &in, err);
        if (status != STATUS_OK || !in.row_count)
            break;
        arena_reset(&batch);
        status =
            add_batch(work->op, s->partials + worker * s->set_count, s->set_count, &ev, &in, err);
        if (status != STATUS_OK)
            break;
    }
    arena_done(&batch);
    arena_done(&lasting);
    return status;
}

static Status merge_partials(Operator *op, AggregateState *s, Error *err)
{
    for (uint32_t set = 0; set < s->set_count; set++) {
        for (uint32_t w = 1; w < s->fragment.count; w++) {
            Aggregation *from = &s->partials[w * s->set_count + set];
            TRY(aggregation_merge(&s->partials[set], from, &op->eval, err));
            /* Merged states may point into the other's arena, so it lives as long as ours. */
        }
        arena_reset(&op->batch_arena);
        TRY(aggregation_end(&s->partials[set], &op->eval, err));
    }
    return STATUS_OK;
}

static Status aggregate_open(Operator *op, Error *err)
{
    AggregateState *s = op->state = ARENA_NEW(&op->arena, AggregateState);
    const PlanNode *node = op->node;
    Work work = {op, s};

    s->set_count = node->grouping_sets ? node->grouping_set_count : 1;
    TRY(fragment_open(&s->fragment, op->exec, node->children[0], op->outer,
                      !op->shared && aggregation_parallel(node), err));
    s->partials = MEM_NEW_ARRAY(Aggregation, s->set_count * s->fragment.count + 1);
    for (uint32_t w = 0; w < s->fragment.count; w++)
        for (uint32_t set = 0; set < s->set_count; set++)
            TRY(aggregation_init(&s->partials[s->partial_count++], op->exec, node,
                                 set_mask(node, set), err));
    TRY(fragment_run(&s->fragment, aggregate_worker, &work, err));
    TRY(merge_partials(op, s, err));
    fragment_close(&s->fragment);
    return STATUS_OK;
}

static Status aggregate_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    AggregateState *s = op->state;
    while (s->set < s->set_count) {
        Aggregation *agg = &s->partials[s->set];
        uint32_t left = group_table_count(&agg->groups) - s->from;
        uint32_t count = LUMA_MIN(left, (uint32_t)BATCH_ROWS);
        if (count) {
            TRY(aggregation_output(agg, &op->eval, s->from, count, ret_batch, err));
            s->from += count;
            return STATUS_OK;
        }
        s->set++;
        s->from = 0;
    }
    return STATUS_OK;
}

static void aggregate_close(Operator *op)
{
    AggregateState *s = op->state;
    if (!s)
        return;
    fragment_close(&s->fragment);
    for (uint32_t i = 0; i < s->partial_count; i++)
        aggregation_done(&s->partials[i]);
    mem_free(s->partials);
}

const OperatorOps op_aggregate_ops = {"Aggregate", aggregate_open, aggregate_next, aggregate_close};
