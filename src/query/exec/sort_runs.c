#include "query/exec/sort_runs.h"

/* Where the merge is in one run. */
typedef struct Cursor {
    SpillReader reader;
    Arena arena; /* holds the block */
    RecordBatch block;
    uint32_t row;
    uint64_t prefix; /* of the first key of `row` */
} Cursor;

struct SortRuns {
    Exec *exec;
    const PlanNode *node;
    const Type *types;
    uint32_t value_count;
    uint32_t key_count;
    SortColumn *keys; /* direction and NULLs; columns are set per block */
    SpillFile *files[SORT_RUNS_MAX + 1];
    uint32_t count;
    Cursor cursors[SORT_RUNS_MAX + 1];
    uint32_t heap[SORT_RUNS_MAX + 1]; /* cursors with rows, the least first */
    uint32_t heap_count;
    RowSet out;
    uint32_t picks[BATCH_ROWS];
};

SortRuns *sort_runs_new(Exec *exec, const PlanNode *node, const Type *types, uint32_t value_count)
{
    const SortKey *keys = node->keys;
    uint32_t key_count = node->key_count;
    SortRuns *r = MEM_NEW(SortRuns);
    r->exec = exec;
    r->node = node;
    r->types = types;
    r->value_count = value_count;
    r->key_count = key_count;
    r->keys = MEM_NEW_ARRAY(SortColumn, key_count + 1);
    for (uint32_t i = 0; i < key_count; i++)
        r->keys[i] = (SortColumn){NULL, keys[i].descending, keys[i].nulls_first};
    return r;
}

static void close_cursors(SortRuns *r)
{
    for (uint32_t i = 0; i <= SORT_RUNS_MAX; i++) {
        arena_done(&r->cursors[i].arena);
        r->cursors[i] = (Cursor){0};
    }
    r->heap_count = 0;
}

SortRuns *sort_runs_free(SortRuns *r)
{
    if (!r)
        return NULL;
    close_cursors(r);
    for (uint32_t i = 0; i < r->count; i++)
        (void)spill_file_free(r->files[i]);
    rowset_done(&r->out);
    mem_free(r->keys);
    mem_free(r);
    return NULL;
}

/* ---------------------------------------------------------------- the heap */

static bool before(const SortRuns *r, uint32_t a, uint32_t b)
{
    const Cursor *x = &r->cursors[a];
    const Cursor *y = &r->cursors[b];
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix;
    int order = exec__compare_across(r->keys, r->key_count, x->block.columns + r->value_count,
                                     x->row, y->block.columns + r->value_count, y->row);
    return order ? order < 0 : a < b;
}

static void sift_down(SortRuns *r, uint32_t at)
{
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = at * 2 + 1; child <= at * 2 + 2 && child < r->heap_count; child++)
            if (before(r, r->heap[child], r->heap[least]))
                least = child;
        if (least == at)
            return;
        uint32_t swap = r->heap[at];
        r->heap[at] = r->heap[least];
        r->heap[least] = swap;
        at = least;
    }
}

static void set_prefix(SortRuns *r, Cursor *c)
{
    SortColumn first = r->keys[0];
    first.column = &c->block.columns[r->value_count];
    c->prefix = exec__sort_prefix(&first, c->row);
}

/* The next block of a run; *ret_some = false at its end. */
static Status load(SortRuns *r, Cursor *c, bool *ret_some, Error *err)
{
    arena_reset(&c->arena);
    TRY(spill_reader_next(&c->reader, &c->arena, &c->block, err));
    c->row = 0;
    *ret_some = c->block.row_count > 0;
    if (*ret_some)
        set_prefix(r, c);
    return STATUS_OK;
}

static Status open_cursors(SortRuns *r, Error *err)
{
    for (uint32_t i = 0; i < r->count; i++) {
        bool some;
        Cursor *c = &r->cursors[i];
        *c = (Cursor){.reader = {.file = r->files[i]}};
        arena_init(&c->arena, &r->exec->budget);
        TRY(load(r, c, &some, err));
        if (some)
            r->heap[r->heap_count++] = i;
    }
    for (uint32_t i = r->heap_count; i-- > 0;)
        sift_down(r, i);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- merging */

/* Rows of one cursor while it stays the least, up to the end of its block. */
static uint32_t pick(SortRuns *r, Cursor *c, uint32_t max)
{
    uint32_t count = 0;
    uint32_t self = r->heap[0];
    do {
        r->picks[count++] = c->row++;
        if (c->row == c->block.row_count)
            break;
        set_prefix(r, c);
        sift_down(r, 0);
    } while (count < max && r->heap[0] == self);
    return count;
}

Status sort_runs_next(SortRuns *r, RecordBatch *ret_batch, Error *err)
{
    rowset_clear(&r->out);
    while (r->heap_count && r->out.row_count < BATCH_ROWS) {
        Cursor *c = &r->cursors[r->heap[0]];
        uint32_t count = pick(r, c, BATCH_ROWS - r->out.row_count);
        bool some = true;
        TRY(rowset_append(&r->out, c->block.columns, r->picks, count, err));
        if (c->row < c->block.row_count)
            continue;
        TRY(load(r, c, &some, err));
        if (!some)
            r->heap[0] = r->heap[--r->heap_count];
        sift_down(r, 0);
    }
    *ret_batch = rowset_batch(&r->out);
    return exec_check(r->exec, err);
}

static Status init_out(SortRuns *r, Error *err)
{
    rowset_done(&r->out);
    return rowset_init(&r->out, &r->exec->budget, r->types, r->value_count + r->key_count, err);
}

/* All runs become one. */
static Status merge_all(SortRuns *r, Error *err)
{
    SpillFile *merged;
    TRY(init_out(r, err));
    TRY(open_cursors(r, err));
    TRY(spill_file_new(r->exec, r->node, r->types, r->value_count + r->key_count, &merged, err));
    r->files[r->count++] = merged; /* ours to free, whatever happens */
    for (;;) {
        RecordBatch rows;
        TRY(sort_runs_next(r, &rows, err));
        if (!rows.row_count)
            break;
        TRY(spill_file_append(merged, rows.columns, NULL, rows.row_count, err));
    }
    TRY(spill_file_end(merged, err));
    close_cursors(r);
    for (uint32_t i = 0; i + 1 < r->count; i++)
        (void)spill_file_free(r->files[i]);
    r->files[0] = merged;
    r->count = 1;
    return STATUS_OK;
}

Status sort_runs_add(SortRuns *r, const RowSet *rows, const uint32_t *order, Error *err)
{
    SpillFile *file;
    RecordBatch all = rowset_batch(rows);
    if (r->count == SORT_RUNS_MAX)
        TRY(merge_all(r, err));
    TRY(spill_file_new(r->exec, r->node, r->types, r->value_count + r->key_count, &file, err));
    r->files[r->count++] = file;
    TRY(spill_file_append(file, all.columns, order, all.row_count, err));
    return spill_file_end(file, err);
}

Status sort_runs_end(SortRuns *r, Error *err)
{
    TRY(init_out(r, err));
    return open_cursors(r, err);
}
