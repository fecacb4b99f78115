/* op_aggregate.c - GROUP BY and its grouping sets: every worker aggregates what it scans, the
 * partial results are merged, then handed out.
 *
 * A worker whose memory runs out freezes its groups: rows of those still go to them, rows of others
 * go to disk, by hash (agg_spill.h). Those partitions are aggregated one after the other at the
 * end; each may be divided again. */
#include "query/exec/agg_spill.h"

typedef struct AggregateState {
    Fragment fragment;
    Aggregation *partials; /* worker-major: [worker * set_count + set] */
    AggSpill *spills;      /* as partials; files is NULL while all fits */
    uint32_t set_count;
    uint32_t partial_count;
    bool spilled;
    uint32_t set;     /* being output */
    uint32_t from;    /* next group of it */
    AggTask *tasks;   /* partitions to do, for the set being output */
    Aggregation part; /* of the partition being output */
    bool in_part;
} AggregateState;

static uint64_t set_mask(const PlanNode *node, uint32_t set)
{
    return node->grouping_sets ? node->grouping_sets[set] : UINT64_MAX;
}

typedef struct Work {
    Operator *op;
    AggregateState *s;
} Work;

static Status add_batch(Operator *op, AggregateState *s, uint32_t worker, ExprEval *ev,
                        const RecordBatch *in, Error *err)
{
    const PlanNode *node = op->node;
    Column *keys;
    TRY(exec__columns(ev->ctx.arena, node->group_count, &keys, err));
    for (uint32_t i = 0; i < node->group_count; i++)
        TRY(expr_eval(ev, node->groups[i], in, NULL, in->row_count, &keys[i], err));
    for (uint32_t i = 0; i < s->set_count; i++) {
        uint32_t at = worker * s->set_count + i;
        TRY(agg_spill_add(&s->spills[at], &s->partials[at], ev, in, keys, err));
    }
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
        status = add_batch(work->op, s, worker, &ev, &in, err);
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
    uint32_t count = s->set_count * s->fragment.count;
    s->partials = MEM_NEW_ARRAY(Aggregation, count + 1);
    s->spills = MEM_NEW_ARRAY(AggSpill, count + 1);
    for (uint32_t w = 0; w < s->fragment.count; w++)
        for (uint32_t set = 0; set < s->set_count; set++)
            TRY(aggregation_init(&s->partials[s->partial_count++], op->exec, node,
                                 set_mask(node, set), err));
    TRY(fragment_run(&s->fragment, aggregate_worker, &work, err));
    for (uint32_t i = 0; i < count; i++)
        s->spilled |= s->spills[i].frozen;
    if (!s->spilled) {
        TRY(merge_partials(op, s, err));
        fragment_close(&s->fragment);
        return STATUS_OK;
    }
    /* One worker's groups are complete; those of several meet in the partitions. */
    for (uint32_t i = 0; i < count && s->fragment.count == 1; i++)
        TRY(aggregation_end(&s->partials[i], &op->eval, err));
    s->partial_count = count;
    uint32_t workers = s->fragment.count;
    fragment_close(&s->fragment);
    s->fragment.count = 0;
    if (workers > 1)
        s->in_part = true;
    return agg_tasks_begin(s->spills, s->partials, workers, s->set_count, 0, &s->tasks, err);
}

/* The groups of the next partition that has any into s->part; *ret_some = false when none is left
 * in this set. */
static Status next_part(Operator *op, AggregateState *s, bool *ret_some, Error *err)
{
    *ret_some = false;
    s->from = 0;
    while (s->tasks && !*ret_some) {
        aggregation_done(&s->part);
        TRY(aggregation_init(&s->part, op->exec, op->node, set_mask(op->node, s->set), err));
        TRY(agg_task_run(&s->tasks, &s->part, &op->eval, err));
        arena_reset(&op->batch_arena);
        *ret_some = group_table_count(&s->part.groups) > 0;
    }
    if (*ret_some)
        return aggregation_end(&s->part, &op->eval, err);
    aggregation_done(&s->part);
    return STATUS_OK;
}

static Status put_out(Operator *op, AggregateState *s, Aggregation *agg, RecordBatch *ret,
                      Error *err)
{
    uint32_t left = agg->exec ? group_table_count(&agg->groups) - s->from : 0;
    uint32_t count = LUMA_MIN(left, (uint32_t)BATCH_ROWS);
    if (!count)
        return STATUS_OK;
    TRY(aggregation_output(agg, &op->eval, s->from, count, ret, err));
    s->from += count;
    return STATUS_OK;
}

static Status aggregate_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    AggregateState *s = op->state;
    bool several = s->spilled && s->partial_count > s->set_count;
    while (s->set < s->set_count) {
        TRY(put_out(op, s, s->in_part ? &s->part : &s->partials[s->set], ret_batch, err));
        if (ret_batch->row_count)
            return STATUS_OK;
        bool some = false;
        if (s->spilled) {
            if (!s->in_part) /* its groups are out */
                aggregation_done(&s->partials[s->set]);
            s->in_part = true;
            TRY(next_part(op, s, &some, err));
        }
        if (some)
            continue;
        s->set++;
        s->from = 0;
        s->in_part = several;
        if (s->spilled && s->set < s->set_count)
            TRY(agg_tasks_begin(s->spills, s->partials, s->partial_count / s->set_count,
                                s->set_count, s->set, &s->tasks, err));
    }
    return STATUS_OK;
}

static void aggregate_close(Operator *op)
{
    AggregateState *s = op->state;
    if (!s)
        return;
    uint32_t count = LUMA_MAX(s->partial_count, s->set_count * s->fragment.count);
    fragment_close(&s->fragment);
    for (uint32_t i = 0; i < s->partial_count; i++)
        aggregation_done(&s->partials[i]);
    for (uint32_t i = 0; i < count && s->spills; i++)
        agg_spill_done(&s->spills[i]);
    aggregation_done(&s->part);
    agg_tasks_free(s->tasks);
    mem_free(s->partials);
    mem_free(s->spills);
}

const OperatorOps op_aggregate_ops = {"Aggregate", aggregate_open, aggregate_next, aggregate_close};
