#include "query/exec/runtime_filter.h"

#include "base/hash.h"

struct RuntimeFilter {
    RuntimeFilter *next;
    const PlanNode *scan;
    const JoinTable *table;
    uint32_t key_count;
    uint32_t columns[];
};

/* Tests that leave more than this share of the rows are given up, after some rows. */
enum { TRIAL_ROWS = 16384, PASS_PERCENT_MAX = 70 };

/* ---------------------------------------------------------------- finding the scan */

/* The scan that an output column of the node comes from, unchanged, so that dropping its rows drops
 * only rows with that value from the output (or puts a NULL in its place). */
static const PlanNode *trace(const PlanNode *node, uint32_t *column)
{
    for (;;) {
        const Expr *e = NULL;
        uint32_t left;
        switch (node->kind) {
        case PLAN_SCAN:
            return node->row_limit == INT64_MAX ? node : NULL;
        case PLAN_FILTER:
        case PLAN_SORT:
            node = node->children[0];
            continue;
        case PLAN_PROJECT:
            e = node->exprs[*column];
            break;
        case PLAN_AGGREGATE:
            if (*column >= node->group_count || node->grouping_sets)
                return NULL;
            e = node->groups[*column];
            break;
        case PLAN_JOIN:
            left = node->children[0]->schema.field_count;
            if (*column < left) {
                node = node->children[0];
                continue;
            }
            if (node->join_kind != JOIN_INNER && node->join_kind != JOIN_CROSS &&
                node->join_kind != JOIN_LEFT)
                return NULL;
            *column -= left;
            node = node->children[1];
            continue;
        default:
            return NULL;
        }
        if (e->kind != EXPR_COLUMN || e->input)
            return NULL;
        *column = e->column;
        node = node->children[0];
    }
}

void runtime_filter_add(Exec *exec, const PlanNode *join, JoinTable *table)
{
    const PlanNode *scan = NULL;
    uint32_t keys = join->join_key_count;
    bool drops = join->join_kind == JOIN_INNER || join->join_kind == JOIN_SEMI ||
                 join->join_kind == JOIN_RIGHT;
    if (!drops || join->null_safe)
        return;
    RuntimeFilter *filter = mem_zalloc(sizeof *filter + sizeof(uint32_t) * keys);
    filter->table = table;
    filter->key_count = keys;
    for (uint32_t i = 0; i < keys; i++) {
        const Expr *e = join->left_keys[i];
        const PlanNode *found = NULL;
        filter->columns[i] = e->column;
        if (e->kind == EXPR_COLUMN && e->input == 0)
            found = trace(join->children[0], &filter->columns[i]);
        if (!found || (scan && found != scan)) {
            mem_free(filter);
            return;
        }
        scan = found;
    }
    filter->scan = scan;
    mutex_lock(&exec->lock);
    filter->next = exec->filters;
    exec->filters = filter;
    table->has_filter = true;
    mutex_unlock(&exec->lock);
}

void runtime_filter_remove(Exec *exec, const JoinTable *table)
{
    mutex_lock(&exec->lock);
    for (RuntimeFilter **at = &exec->filters; *at;) {
        RuntimeFilter *filter = *at;
        if (filter->table != table) {
            at = &filter->next;
            continue;
        }
        *at = filter->next;
        mem_free(filter);
    }
    mutex_unlock(&exec->lock);
}

ScanFilter *runtime_filter_find(Exec *exec, const PlanNode *scan, Arena *arena)
{
    ScanFilter *all = NULL;
    mutex_lock(&exec->lock);
    for (const RuntimeFilter *f = exec->filters; f; f = f->next) {
        if (f->scan != scan)
            continue;
        ScanFilter *mine = ARENA_NEW(arena, ScanFilter);
        mine->table = f->table;
        mine->columns = arena_dup(arena, f->columns, sizeof(uint32_t) * f->key_count);
        mine->next = all;
        all = mine;
    }
    mutex_unlock(&exec->lock);
    return all;
}

/* ---------------------------------------------------------------- applying */

static bool has_key(const JoinTable *t, const Column *keys, uint32_t row, uint64_t hash)
{
    uint64_t spread = t->narrow ? hash_u64(hash) : hash;
    for (uint32_t at = t->buckets[(uint32_t)spread & t->mask]; at; at = t->next[at - 1])
        if (t->hashes[at - 1] == hash && join_table_equal(t, at - 1, keys, row))
            return true;
    return false;
}

static Status apply_one(ScanFilter *f, RecordBatch *batch, Arena *arena, Error *err)
{
    const JoinTable *t = f->table;
    uint32_t rows = batch->row_count;
    uint32_t kept = 0;
    Column *keys;
    uint64_t *hashes;
    uint8_t *null_row;
    uint32_t *pass;

    TRY(exec__columns(arena, t->key_count, &keys, err));
    for (uint32_t k = 0; k < t->key_count; k++)
        keys[k] = batch->columns[f->columns[k]];
    TRY(arena_try_alloc(arena, sizeof *hashes * ((size_t)rows + 1), &hashes, err));
    TRY(arena_try_alloc(arena, sizeof *pass * ((size_t)rows + 1), &pass, err));
    TRY(arena_try_alloc(arena, (size_t)rows + 1, &null_row, err));
    join_table_hash(t, keys, rows, hashes, null_row);
    for (uint32_t i = 0; i < rows; i++) {
        pass[kept] = i;
        kept += !null_row[i] && has_key(t, keys, i, hashes[i]);
    }
    f->tested += rows;
    f->passed += kept;
    if (kept == rows)
        return STATUS_OK;
    RecordBatch cut = {0};
    if (kept)
        TRY(batch_take(batch, pass, kept, arena, &cut, err));
    *batch = cut;
    return STATUS_OK;
}

Status runtime_filter_apply(ScanFilter *filters, RecordBatch *batch, Arena *arena, Error *err)
{
    for (ScanFilter *f = filters; f && batch->row_count; f = f->next)
        if (f->tested < TRIAL_ROWS || f->passed * 100 < f->tested * PASS_PERCENT_MAX)
            TRY(apply_one(f, batch, arena, err));
    return STATUS_OK;
}
