/* modify_conflict.c - INSERT ... ON CONFLICT: which of the proposed rows are there already.
 *
 * Rows whose keys are free are added. DO NOTHING passes over the others; DO UPDATE pairs each with
 * the stored row and runs the plan of SET and WHERE over the pairs. */
#include <stdlib.h>

#include "query/modify_int.h"

/* A proposed row and the stored one that has its key. */
typedef struct Pair {
    uint64_t row_id;
    uint32_t row;
} Pair;

static int compare_pairs(const void *a, const void *b)
{
    const Pair *x = a;
    const Pair *y = b;
    return (x->row_id > y->row_id) - (x->row_id < y->row_id);
}

static Status twice(Error *err)
{
    (void)error_set_sql(err, STATUS_INVALID, "21000", 0,
                        "ON CONFLICT DO UPDATE command cannot affect row a second time");
    error_hint(err, "Ensure that no rows proposed for insertion within the same command have "
                    "duplicate constrained values.");
    return STATUS_INVALID;
}

/* The live columns of the table; `ret` has room for all of them. */
static uint32_t live_columns(const Table *table, uint16_t *ret)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].dropped)
            ret[count++] = (uint16_t)i;
    return count;
}

/* (row id, stored columns, proposed columns) of pairs whose stored rows lie together. */
static Status join_pairs(Modify *m, const RecordBatch *proposed, const Pair *pairs,
                         const RecordBatch *stored, RowList *list, Error *err)
{
    uint32_t live = stored->column_count;
    uint32_t count = stored->row_count;
    RecordBatch joined = {.column_count = 1 + 2 * live, .row_count = count};
    uint32_t *rows;
    TRY(arena_try_alloc(m->arena, sizeof *rows * count, &rows, err));
    TRY(arena_try_alloc(m->arena, sizeof *joined.columns * joined.column_count, &joined.columns,
                        err));
    TRY(column_init(&joined.columns[0], m->arena, TYPE_OF(INT8), count, false, err));
    for (uint32_t i = 0; i < count; i++) {
        ((uint64_t *)column_values(&joined.columns[0]))[i] = pairs[i].row_id;
        rows[i] = pairs[i].row;
    }
    memcpy(&joined.columns[1], stored->columns, sizeof *joined.columns * live);
    for (uint32_t i = 0; i < live; i++)
        TRY(column_take(&proposed->columns[i], rows, count, m->arena, &joined.columns[1 + live + i],
                        err));
    ARENA_PUSH(m->arena, list->batches, list->count, list->cap, joined);
    return STATUS_OK;
}

/* Fetches the stored rows of a batch's pairs, those of one place at a time. */
static Status pair_rows(Modify *m, const RecordBatch *proposed, Pair *pairs, uint32_t count,
                        RowList *list, Error *err)
{
    const Table *table = m->bound->table;
    uint16_t *columns;
    uint64_t *ids;
    TRY(arena_try_alloc(m->arena, sizeof *columns * (table->column_count + 1), &columns, err));
    TRY(arena_try_alloc(m->arena, sizeof *ids * (count + 1), &ids, err));
    uint32_t live = live_columns(table, columns);
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = pairs[i].row_id;
    for (uint32_t at = 0; at < count;) {
        RecordBatch stored;
        TRY(engine_fetch_rows(m->query->binding.snapshot, table, columns, live, ids + at,
                              count - at, m->arena, &stored, err));
        TRY(join_pairs(m, proposed, pairs + at, &stored, list, err));
        at += stored.row_count;
    }
    return STATUS_OK;
}

static Status sort_out(Modify *m, KeyProbe *probe, const RecordBatch *batch, RowList *list,
                       Error *err)
{
    const SqlModify *bound = m->bound;
    uint32_t n = batch->row_count;
    uint32_t live = batch->column_count - bound->check_count;
    RecordBatch all, added;
    RecordBatch rows = {.columns = batch->columns, .column_count = live, .row_count = n};
    uint64_t *ids;
    uint32_t *free_rows;
    Pair *pairs;
    uint32_t free_count = 0;
    uint32_t pair_count = 0;
    uint32_t row;
    TRY(modify__check_rows(bound->table, &rows, &batch->columns[live], bound->check_count,
                           m->query->binding.settings.pg, &row, err));
    TRY(modify__all_columns(bound->table, &rows, m->arena, &all, err));
    TRY(arena_try_alloc(m->arena, sizeof *ids * n, &ids, err));
    TRY(arena_try_alloc(m->arena, sizeof *free_rows * n, &free_rows, err));
    TRY(arena_try_alloc(m->arena, sizeof *pairs * n, &pairs, err));
    TRY(key_probe_rows(probe, &all, ids, err));
    for (uint32_t i = 0; i < n; i++) {
        if (ids[i] == KEY_PROBE_NONE)
            free_rows[free_count++] = i;
        else if (!bound->conflict_update)
            continue;
        else if (ids[i] == KEY_PROBE_SEEN || !modify__first_time(m, ids[i]))
            return twice(err);
        else
            pairs[pair_count++] = (Pair){ids[i], i};
    }
    if (pair_count)
        TRY(pair_rows(m, &rows, pairs, pair_count, list, err));
    if (!free_count)
        return STATUS_OK;
    TRY(batch_take(batch, free_rows, free_count, m->arena, &added, err));
    return modify__take_batch(m, &added, SQL_INSERT, err);
}

static Status on_updated(void *ctx, const RecordBatch *batch, Error *err)
{
    return modify__take_batch(ctx, batch, SQL_UPDATE, err);
}

Status modify__resolve_conflicts(Modify *m, Error *err)
{
    SqlModify *bound = m->bound;
    RowList *pairs = ARENA_NEW(m->arena, RowList);
    Status status = STATUS_OK;
    KeyProbe *probe = key_probe_new(m->query->binding.snapshot, bound->table, bound->arbiters);
    for (uint32_t i = 0; i < m->proposed.count && status == STATUS_OK; i++)
        status = sort_out(m, probe, &m->proposed.batches[i], pairs, err);
    (void)key_probe_free(probe);
    TRY(status);
    if (!pairs->count)
        return STATUS_OK;
    modify__read_list(bound->conflicting, pairs);
    TRY(query__optimize(&bound->conflict, m->query->binding.snapshot, err));
    return modify__run_plan(m->query, &bound->conflict, NULL, on_updated, m, err);
}
