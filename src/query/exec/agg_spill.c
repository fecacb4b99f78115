#include "query/exec/agg_spill.h"

enum { FREEZE_GROUPS_MIN = 512, FREEZE_BYTES_MIN = 64 << 10 };

struct AggTask {
    AggTask *next;
    SpillFile **files; /* owned; of one partition */
    uint32_t file_count;
    uint32_t level;        /* of the spill that its own overflow makes */
    uint32_t partition;    /* of level 0 */
    Aggregation *partials; /* workers' groups to merge, every `stride`-th; NULL = none */
    uint32_t worker_count;
    uint32_t stride;
};

static inline uint32_t partition_of(uint64_t hash, uint32_t level)
{
    return (uint32_t)(hash >> (36 + 4 * level)) % AGG_PARTITIONS;
}

void agg_spill_done(AggSpill *spill)
{
    for (uint32_t i = 0; i < AGG_PARTITIONS; i++)
        spill->files[i] = spill_file_free(spill->files[i]);
}

/* ---------------------------------------------------------------- adding */

static Status append_rows(AggSpill *spill, Aggregation *agg, const RecordBatch *in, uint32_t p,
                          const uint32_t *rows, uint32_t count, Error *err)
{
    if (!spill->files[p]) {
        CLEANUP(arena_done) Arena scratch = {0};
        const Schema *schema = &agg->node->children[0]->schema;
        Type *types;
        arena_init(&scratch, NULL);
        TRY(exec__schema_types(schema, &scratch, &types, err));
        TRY(spill_file_new(agg->exec, agg->node, types, schema->field_count, &spill->files[p],
                           err));
    }
    return spill_file_append(spill->files[p], in->columns, rows, count, err);
}

/* Rows of no known group, to their partitions. */
static Status spill_rows(AggSpill *spill, Aggregation *agg, ExprEval *ev, const RecordBatch *in,
                         const uint32_t *rows, uint32_t count, const uint64_t *hashes, Error *err)
{
    uint32_t *picked;
    TRY(arena_try_alloc(ev->ctx.arena, sizeof *picked * ((size_t)count + 1), &picked, err));
    for (uint32_t p = 0; p < AGG_PARTITIONS; p++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < count; i++) {
            picked[n] = rows[i];
            n += partition_of(hashes[rows[i]], spill->level) == p;
        }
        if (n)
            TRY(append_rows(spill, agg, in, p, picked, n, err));
    }
    return STATUS_OK;
}

static Status take_keys(ExprEval *ev, const Column *keys, uint32_t key_count, const uint32_t *rows,
                        uint32_t count, Column **ret, Error *err)
{
    TRY(exec__columns(ev->ctx.arena, key_count, ret, err));
    for (uint32_t i = 0; i < key_count; i++)
        TRY(column_take(&keys[i], rows, count, ev->ctx.arena, &(*ret)[i], err));
    return STATUS_OK;
}

static Status add_frozen(AggSpill *spill, Aggregation *agg, ExprEval *ev, const RecordBatch *in,
                         const Column *keys, Error *err)
{
    uint32_t rows = in->row_count;
    size_t bytes = sizeof(uint32_t) * ((size_t)rows + 1);
    uint32_t known_count = 0;
    uint32_t new_count = 0;
    uint32_t *groups;
    uint32_t *known;
    uint32_t *fresh;
    uint64_t *hashes;
    Column *used;

    TRY(aggregation_keys(agg, ev, keys, rows, &used, &hashes, err));
    TRY(arena_try_alloc(ev->ctx.arena, bytes, &groups, err));
    TRY(arena_try_alloc(ev->ctx.arena, bytes, &known, err));
    TRY(arena_try_alloc(ev->ctx.arena, bytes, &fresh, err));
    TRY(group_table_find(&agg->groups, used, rows, ev->ctx.arena, groups, err));
    for (uint32_t i = 0; i < rows; i++) {
        if (groups[i] == GROUP_NONE)
            fresh[new_count++] = i;
        else
            known[known_count++] = i;
    }
    TRY(spill_rows(spill, agg, ev, in, fresh, new_count, hashes, err));
    if (!known_count)
        return STATUS_OK;
    if (known_count == rows)
        return aggregation_add(agg, ev, in, keys, err);
    RecordBatch part;
    Column *part_keys;
    TRY(batch_take(in, known, known_count, ev->ctx.arena, &part, err));
    TRY(take_keys(ev, keys, agg->node->group_count, known, known_count, &part_keys, err));
    return aggregation_add(agg, ev, &part, part_keys, err);
}

Status agg_spill_add(AggSpill *spill, Aggregation *agg, ExprEval *ev, const RecordBatch *in,
                     const Column *keys, Error *err)
{
    if (spill->frozen)
        return add_frozen(spill, agg, ev, in, keys, err);
    TRY(aggregation_add(agg, ev, in, keys, err));
    if (group_table_count(&agg->groups) < FREEZE_GROUPS_MIN || spill->level >= AGG_LEVELS_MAX)
        return STATUS_OK;
    int64_t bytes = aggregation_bytes(agg);
    if (bytes >= FREEZE_BYTES_MIN && spill_wanted(agg->exec, bytes)) {
        spill->frozen = true;
        agg->groups.frozen = true;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- partitions */

static void task_free(AggTask *task)
{
    for (uint32_t i = 0; i < task->file_count; i++)
        (void)spill_file_free(task->files[i]);
    mem_free(task->files);
    mem_free(task);
}

void agg_tasks_free(AggTask *tasks)
{
    while (tasks) {
        AggTask *next = tasks->next;
        task_free(tasks);
        tasks = next;
    }
}

/* A task of partition `p` that takes the spills' files. */
static Status task_new(AggSpill *spills, uint32_t count, uint32_t stride, uint32_t p, AggTask **ret,
                       Error *err)
{
    AggTask *task = MEM_NEW(AggTask);
    Status status = STATUS_OK;
    task->files = MEM_NEW_ARRAY(SpillFile *, count + 1);
    task->partition = p;
    task->level = spills[0].level + 1;
    for (uint32_t i = 0; i < count; i++) {
        AggSpill *spill = &spills[i * stride];
        if (!spill->files[p])
            continue;
        task->files[task->file_count++] = spill->files[p];
        if (status == STATUS_OK)
            status = spill_file_end(spill->files[p], err);
        spill->files[p] = NULL;
    }
    *ret = task;
    return status;
}

Status agg_tasks_begin(AggSpill *spills, Aggregation *partials, uint32_t workers,
                       uint32_t set_count, uint32_t set, AggTask **ret_tasks, Error *err)
{
    for (uint32_t p = AGG_PARTITIONS; p-- > 0;) {
        AggTask *task;
        Status status = task_new(spills + set, workers, set_count, p, &task, err);
        if (workers == 1 && !task->file_count) {
            task_free(task);
            continue;
        }
        task->next = *ret_tasks;
        *ret_tasks = task;
        TRY(status);
        if (workers == 1)
            continue;
        task->partials = partials + set;
        task->worker_count = workers;
        task->stride = set_count;
    }
    return STATUS_OK;
}

static Status merge_partition(const AggTask *task, Aggregation *from, Aggregation *part,
                              ExprEval *ev, Error *err)
{
    uint64_t hashes[BATCH_ROWS];
    uint32_t rows[BATCH_ROWS];
    uint32_t count = group_table_count(&from->groups);
    for (uint32_t done = 0; done < count; done += BATCH_ROWS) {
        uint32_t n = LUMA_MIN(count - done, (uint32_t)BATCH_ROWS);
        uint32_t picked = 0;
        aggregation_hashes(from, done, n, hashes);
        for (uint32_t i = 0; i < n; i++) {
            rows[picked] = done + i;
            picked += partition_of(hashes[i], 0) == task->partition;
        }
        TRY(aggregation_merge_rows(part, from, rows, picked, ev, err));
    }
    return STATUS_OK;
}

static Status add_file(const AggTask *task, const SpillFile *file, AggSpill *spill,
                       Aggregation *part, ExprEval *ev, Error *err)
{
    CLEANUP(arena_done) Arena block = {0};
    SpillReader reader = {.file = file};
    const PlanNode *node = part->node;
    arena_init(&block, &part->exec->budget);
    for (;;) {
        RecordBatch in;
        Column *keys;
        arena_reset(&block);
        arena_reset(ev->ctx.arena);
        TRY(spill_reader_next(&reader, &block, &in, err));
        if (!in.row_count)
            return STATUS_OK;
        in.schema = &node->children[0]->schema;
        TRY(exec__columns(ev->ctx.arena, node->group_count, &keys, err));
        for (uint32_t i = 0; i < node->group_count; i++)
            TRY(expr_eval(ev, node->groups[i], &in, NULL, in.row_count, &keys[i], err));
        TRY(agg_spill_add(spill, part, ev, &in, keys, err));
    }
}

static Status run_task(AggTask **tasks, AggTask *task, AggSpill *spill, Aggregation *part,
                       ExprEval *ev, Error *err)
{
    for (uint32_t w = 0; w < task->worker_count; w++)
        TRY(merge_partition(task, &task->partials[w * task->stride], part, ev, err));
    for (uint32_t i = 0; i < task->file_count; i++)
        TRY(add_file(task, task->files[i], spill, part, ev, err));
    for (uint32_t p = AGG_PARTITIONS; p-- > 0;) {
        AggTask *more;
        if (!spill->files[p])
            continue;
        Status status = task_new(spill, 1, 1, p, &more, err);
        more->next = *tasks;
        *tasks = more;
        TRY(status);
    }
    return STATUS_OK;
}

Status agg_task_run(AggTask **tasks, Aggregation *part, ExprEval *ev, Error *err)
{
    AggTask *task = *tasks;
    AggSpill spill = {.level = task->level};
    *tasks = task->next;
    Status status = run_task(tasks, task, &spill, part, ev, err);
    agg_spill_done(&spill);
    task_free(task);
    return status;
}
