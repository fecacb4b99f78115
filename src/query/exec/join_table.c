#include "query/exec/join_table.h"

#include "base/hash.h"
#include "query/exec/runtime_filter.h"

typedef struct BuildWork {
    Exec *exec;
    const PlanNode *node;
    const OuterFrame *outer;
    Fragment *fragment;
    RowSet *sets;      /* one per worker */
    JoinSpill *spills; /* one per worker */
    int spilling;      /* atomic: relaxed; all rows go to disk */
} BuildWork;

enum { LINK_BYTES = 32, SPILL_ROWS_MIN = 2048 }; /* of a row in the chains */

static Status init_rows(BuildWork *work, RowSet *set, Error *err)
{
    const PlanNode *node = work->node;
    const Schema *right = &node->children[1]->schema;
    Type *types = MEM_NEW_ARRAY(Type, right->field_count + node->join_key_count + 1);
    for (uint32_t i = 0; i < right->field_count; i++)
        types[i] = right->fields[i].type;
    for (uint32_t i = 0; i < node->join_key_count; i++)
        types[right->field_count + i] = node->right_keys[i]->type;
    Status status = rowset_init(set, &work->exec->budget, types,
                                right->field_count + node->join_key_count, err);
    mem_free(types);
    return status;
}

/* Right key expressions see the right child as input 1. */
static Status collect(BuildWork *work, ExprEval *ev, RowSet *set, const RecordBatch *in, Error *err)
{
    const PlanNode *node = work->node;
    Column *columns;
    TRY(exec__columns(ev->ctx.arena, in->column_count + node->join_key_count, &columns, err));
    memcpy(columns, in->columns, sizeof(Column) * in->column_count);
    for (uint32_t i = 0; i < node->join_key_count; i++)
        TRY(expr_eval(ev, node->right_keys[i], NULL, in, in->row_count,
                      &columns[in->column_count + i], err));
    return rowset_append(set, columns, NULL, in->row_count, err);
}

/* What a worker has kept goes to its files. */
static Status dump(BuildWork *work, uint32_t worker, Arena *scratch, Error *err)
{
    RowSet *set = &work->sets[worker];
    RecordBatch all = rowset_batch(set);
    for (uint32_t from = 0; from < all.row_count; from += BATCH_ROWS) {
        uint32_t n = LUMA_MIN(all.row_count - from, (uint32_t)BATCH_ROWS);
        RecordBatch part;
        arena_reset(scratch);
        TRY(batch_slice(&all, from, n, scratch, &part, err));
        TRY(join_spill_add(&work->spills[worker], work->exec, work->node, part.columns,
                           part.column_count, NULL, work->node->join_key_count, n, scratch, err));
    }
    rowset_done(set);
    return init_rows(work, set, err);
}

static Status spill_if_needed(BuildWork *work, uint32_t worker, Arena *scratch, Error *err)
{
    const RowSet *set = &work->sets[worker];
    int64_t more = (int64_t)set->row_count * LINK_BYTES + spill_growth(set);
    if (set->row_count >= SPILL_ROWS_MIN && spill_wanted(work->exec, more))
        __atomic_store_n(&work->spilling, 1, __ATOMIC_RELAXED);
    if (set->row_count && __atomic_load_n(&work->spilling, __ATOMIC_RELAXED))
        return dump(work, worker, scratch, err);
    return STATUS_OK;
}

static Status build_worker(void *ctx, uint32_t worker, Error *err)
{
    BuildWork *work = ctx;
    Arena batch;
    Arena lasting;
    ExprEval ev;

    arena_init(&batch, &work->exec->budget);
    arena_init(&lasting, &work->exec->budget);
    expr_eval_init(&ev, work->exec, work->outer, &batch, &lasting);
    Status status;
    for (;;) {
        RecordBatch in;
        status = operator_next(work->fragment->instances[worker], &in, err);
        if (status != STATUS_OK || !in.row_count)
            break;
        arena_reset(&batch);
        status = collect(work, &ev, &work->sets[worker], &in, err);
        if (status == STATUS_OK)
            status = spill_if_needed(work, worker, &batch, err);
        if (status != STATUS_OK)
            break;
    }
    arena_done(&batch);
    arena_done(&lasting);
    return status;
}

static Status end_spill(BuildWork *work, JoinTable *table, Error *err)
{
    CLEANUP(arena_done) Arena scratch = {0};
    arena_init(&scratch, &work->exec->budget);
    for (uint32_t i = 0; i < table->spill_count; i++) {
        TRY(dump(work, i, &scratch, err));
        TRY(join_spill_end(&table->spills[i], err));
        table->has_null_key |= table->spills[i].has_null_key;
    }
    return STATUS_OK;
}

static Status collect_rows(BuildWork *work, JoinTable *table, Error *err)
{
    Status status = STATUS_OK;
    uint32_t count = work->fragment->count;
    work->sets = MEM_NEW_ARRAY(RowSet, count);
    work->spills = table->spills = MEM_NEW_ARRAY(JoinSpill, count);
    table->spill_count = count;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        status = init_rows(work, &work->sets[i], err);
    if (status == STATUS_OK)
        status = fragment_run(work->fragment, build_worker, work, err);
    if (status == STATUS_OK && work->spilling)
        status = end_spill(work, table, err);
    if (status == STATUS_OK) {
        table->rows = work->sets[0];
        work->sets[0] = (RowSet){0};
    }
    for (uint32_t i = 1; i < count && status == STATUS_OK; i++) {
        RecordBatch more = rowset_batch(&work->sets[i]);
        status = rowset_append(&table->rows, more.columns, NULL, more.row_count, err);
        rowset_done(&work->sets[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        rowset_done(&work->sets[i]);
    mem_free(work->sets);
    if (!work->spilling) {
        mem_free(table->spills);
        table->spills = NULL;
    }
    return status;
}

void join_table_hash(const JoinTable *table, const Column *keys, uint32_t rows, uint64_t *hashes,
                     uint8_t *null_row)
{
    bool plain = !keys[0].dict && !keys[0].is_const && !keys[0].validity;
    if (table->narrow && plain && type_layout(keys[0].type) == LAYOUT_INT32) {
        for (uint32_t i = 0; i < rows; i++)
            hashes[i] = (uint64_t)(int64_t)((const int32_t *)keys[0].values)[i];
    } else if (table->narrow && plain && type_layout(keys[0].type) == LAYOUT_INT64) {
        memcpy(hashes, keys[0].values, sizeof *hashes * rows);
    } else if (table->narrow) {
        for (uint32_t i = 0; i < rows; i++)
            hashes[i] = column_is_null(&keys[0], i) ? 0 : (uint64_t)column_i64(&keys[0], i);
    } else {
        for (uint32_t k = 0; k < table->key_count; k++)
            value_hash_column(&keys[k], rows, k > 0, hashes);
    }
    memset(null_row, 0, rows);
    if (table->null_safe)
        return;
    for (uint32_t k = 0; k < table->key_count; k++)
        for (uint32_t i = 0; keys[k].validity && i < rows; i++)
            null_row[i] |= column_is_null(&keys[k], i);
}

bool join_table_equal(const JoinTable *table, uint32_t right_row, const Column *keys, uint32_t row)
{
    if (table->narrow && !table->null_safe)
        return true; /* the bits were compared */
    for (uint32_t k = 0; k < table->key_count; k++) {
        bool a_null = column_is_null(&table->keys[k], right_row);
        bool b_null = column_is_null(&keys[k], row);
        if (a_null || b_null) {
            if (a_null != b_null)
                return false;
            continue;
        }
        if (!value_eq_fn(keys[k].type)(&table->keys[k], right_row, &keys[k], row))
            return false;
    }
    return true;
}

static Status alloc_chains(JoinTable *table, bool want_matched, Error *err)
{
    uint32_t rows = table->rows.row_count;
    uint64_t buckets = 64;
    while (buckets < (uint64_t)rows * 2)
        buckets *= 2;
    int64_t bytes = (int64_t)(sizeof(uint64_t) + sizeof(uint32_t) + 1) * rows +
                    (int64_t)(sizeof(uint32_t) * buckets);
    TRY(mem_budget_charge(&table->exec->budget, bytes, err));
    table->charged_bytes = bytes;
    table->hashes = MEM_NEW_ARRAY(uint64_t, rows + 1);
    table->next = MEM_NEW_ARRAY(uint32_t, rows + 1);
    table->buckets = MEM_NEW_ARRAY(uint32_t, buckets);
    table->mask = (uint32_t)(buckets - 1);
    if (want_matched)
        table->matched = MEM_NEW_ARRAY(uint8_t, rows + 1);
    return STATUS_OK;
}

/* Links rows in reverse, so that a chain lists them in their order. */
static Status link_rows(JoinTable *table, Error *err)
{
    uint32_t rows = table->rows.row_count;
    uint8_t *null_row = mem_alloc((size_t)rows + 1);
    join_table_hash(table, table->keys, rows, table->hashes, null_row);
    for (uint32_t i = rows; i-- > 0;) {
        if (null_row[i]) {
            table->has_null_key = true;
            continue;
        }
        uint64_t hash = table->narrow ? hash_u64(table->hashes[i]) : table->hashes[i];
        uint32_t *bucket = &table->buckets[(uint32_t)hash & table->mask];
        table->next[i] = *bucket;
        *bucket = i + 1;
    }
    mem_free(null_row);
    return exec_check(table->exec, err);
}

/* The rows are there: keys, chains. */
static Status index_rows(JoinTable *table, const PlanNode *node, Error *err)
{
    Type first = node->right_keys[0]->type;
    size_t width = layout_width(type_layout(first));
    table->key_count = node->join_key_count;
    table->null_safe = node->null_safe;
    table->narrow = node->join_key_count == 1 && value_is_bitwise(first) && width && width <= 8;
    table->batch = rowset_batch(&table->rows);
    table->any_rows |= table->rows.row_count > 0;
    table->keys = table->batch.columns + node->children[1]->schema.field_count;
    TRY(alloc_chains(table, node->join_kind == JOIN_RIGHT || node->join_kind == JOIN_FULL, err));
    return link_rows(table, err);
}

static Status build(JoinTable *table, const PlanNode *node, const OuterFrame *outer,
                    bool allow_parallel, Error *err)
{
    Fragment fragment;
    BuildWork work = {.exec = table->exec, .node = node, .outer = outer, .fragment = &fragment};
    bool parallel = allow_parallel;
    for (uint32_t i = 0; i < node->join_key_count; i++)
        parallel = parallel && !expr_is_local(node->right_keys[i]);
    TRY(fragment_open(&fragment, table->exec, node->children[1], outer, parallel, err));
    Status status = collect_rows(&work, table, err);
    fragment_close(&fragment);
    TRY(status);
    table->any_rows = work.spilling != 0;
    return index_rows(table, node, err);
}

static Status read_partition(JoinTable *table, const JoinTable *whole, uint32_t partition,
                             Error *err)
{
    CLEANUP(arena_done) Arena block = {0};
    arena_init(&block, &table->exec->budget);
    for (uint32_t i = 0; i < whole->spill_count; i++) {
        SpillReader reader = {.file = whole->spills[i].files[partition]};
        while (reader.file) {
            RecordBatch in;
            arena_reset(&block);
            TRY(spill_reader_next(&reader, &block, &in, err));
            if (!in.row_count)
                break;
            TRY(rowset_append(&table->rows, in.columns, NULL, in.row_count, err));
        }
    }
    return STATUS_OK;
}

Status join_table_partition(const JoinTable *whole, const PlanNode *node, uint32_t partition,
                            JoinTable **ret_table, Error *err)
{
    JoinTable *table = MEM_NEW(JoinTable);
    BuildWork work = {.exec = whole->exec, .node = node};
    table->exec = whole->exec;
    table->any_rows = whole->any_rows;
    table->has_null_key = whole->has_null_key;
    Status status = init_rows(&work, &table->rows, err);
    if (status == STATUS_OK)
        status = read_partition(table, whole, partition, err);
    if (status == STATUS_OK)
        status = index_rows(table, node, err);
    if (status != STATUS_OK) {
        join_table_free(table);
        return status;
    }
    *ret_table = table;
    return STATUS_OK;
}

Status join_table_build(Exec *exec, const PlanNode *node, const OuterFrame *outer,
                        bool allow_parallel, JoinTable **ret_table, Error *err)
{
    JoinTable *table = MEM_NEW(JoinTable);
    table->exec = exec;
    Status status = build(table, node, outer, allow_parallel, err);
    if (status != STATUS_OK) {
        join_table_free(table);
        return status;
    }
    *ret_table = table;
    return STATUS_OK;
}

void join_table_free(JoinTable *table)
{
    if (!table)
        return;
    if (table->has_filter)
        runtime_filter_remove(table->exec, table);
    rowset_done(&table->rows);
    for (uint32_t i = 0; i < table->spill_count && table->spills; i++)
        join_spill_done(&table->spills[i]);
    mem_free(table->spills);
    mem_free(table->hashes);
    mem_free(table->next);
    mem_free(table->buckets);
    mem_free(table->matched);
    if (table->charged_bytes)
        mem_budget_release(&table->exec->budget, table->charged_bytes);
    mem_free(table);
}
