/* op_hash_join.c - joins with equality keys: builds on the right child, probes with the left one.
 *
 * When the right side went to disk (join_spill.h), the instance that built it takes all left rows
 * to disk as well, and joins partition by partition; other instances of the fragment put out
 * nothing. */
#include "query/exec/join_rows.h"
#include "query/exec/runtime_filter.h"

#include "base/hash.h"

typedef struct HashJoin {
    JoinSide side;
    JoinTable *table;
    bool owns_table;
    Column *keys; /* of the left batch */
    uint64_t *hashes;
    uint8_t *null_row;
    uint8_t *unknown; /* mark and null-aware anti: the answer for an unmatched row is NULL */
    uint32_t row;     /* probe position: left row */
    uint32_t entry;   /* next right row + 1 of its chain; 0 = start the row's chain */
    bool in_chain;
    bool batch_ended; /* all pairs of the batch are out */
    bool left_ended;
    uint32_t right_pos; /* of the unmatched right rows */
    uint32_t *pair_left;
    uint32_t *pair_right;
    /* Of a spilled join: */
    JoinTable *whole; /* borrowed or owned as `table` is otherwise; table is the partition's */
    JoinSpill left;
    SpillReader reader;
    uint32_t partition;
} HashJoin;

static Status left_keys(Operator *op, ExprEval *ev, const RecordBatch *in, Column **ret, Error *err)
{
    TRY(exec__columns(ev->ctx.arena, op->node->join_key_count, ret, err));
    for (uint32_t i = 0; i < op->node->join_key_count; i++)
        TRY(expr_eval(ev, op->node->left_keys[i], in, NULL, in->row_count, &(*ret)[i], err));
    return STATUS_OK;
}

/* The table of the next partition and a reader of its left rows; j->table stays NULL at the end. */
static Status next_partition(Operator *op, HashJoin *j, Error *err)
{
    join_table_free(j->table);
    j->table = NULL;
    if (j->partition == JOIN_PARTITIONS)
        return STATUS_OK;
    TRY(join_table_partition(j->whole, op->node, j->partition, &j->table, err));
    j->reader = (SpillReader){.file = j->left.files[j->partition++]};
    j->left_ended = false;
    j->right_pos = 0;
    return STATUS_OK;
}

/* All left rows to disk. */
static Status start_spilled(Operator *op, HashJoin *j, Error *err)
{
    for (;;) {
        RecordBatch in;
        Column *keys;
        TRY(operator_next(op->child, &in, err));
        if (!in.row_count)
            break;
        arena_reset(&op->batch_arena);
        TRY(left_keys(op, &op->eval, &in, &keys, err));
        TRY(join_spill_add(&j->left, op->exec, op->node, in.columns, in.column_count, keys,
                           op->node->join_key_count, in.row_count, &op->batch_arena, err));
    }
    TRY(join_spill_end(&j->left, err));
    j->partition = 0;
    return next_partition(op, j, err);
}

/* The next left batch, of the child or of the partition. */
static Status next_left(Operator *op, HashJoin *j, Error *err)
{
    JoinSide *side = &j->side;
    if (!j->whole)
        return join_side_next(op, side, err);
    arena_reset(&side->arena);
    side->in = (RecordBatch){0};
    if (j->reader.file)
        TRY(spill_reader_next(&j->reader, &side->arena, &side->in, err));
    TRY(arena_try_alloc(&side->arena, (size_t)side->in.row_count + 1, &side->matched, err));
    memset(side->matched, 0, side->in.row_count);
    return STATUS_OK;
}

static Status hash_join_open(Operator *op, Error *err)
{
    HashJoin *j = op->state = ARENA_NEW(&op->arena, HashJoin);
    arena_init(&j->side.arena, &op->exec->budget);
    TRY(arena_try_alloc(&op->arena, sizeof(uint32_t) * BATCH_ROWS, &j->pair_left, err));
    TRY(arena_try_alloc(&op->arena, sizeof(uint32_t) * BATCH_ROWS, &j->pair_right, err));
    bool builder = false;
    Shared *shared = op->shared ? shared_find(op->shared, op->node) : NULL;
    if (shared && shared->join) {
        j->table = shared->join;
    } else {
        TRY(join_table_build(op->exec, op->node, op->outer, true, &j->table, err));
        if (shared)
            shared->join = j->table;
        else
            j->owns_table = true;
        builder = true;
        if (!j->table->spills)
            runtime_filter_add(op->exec, op->node, j->table);
    }
    TRY(operator_open_child(op, err));
    if (!j->table->spills)
        return STATUS_OK;
    j->whole = j->table;
    j->table = NULL;
    j->left_ended = true;
    j->partition = JOIN_PARTITIONS;
    return builder ? start_spilled(op, j, err) : STATUS_OK;
}

static Status start_batch(Operator *op, HashJoin *j, Error *err)
{
    const PlanNode *node = op->node;
    TRY(next_left(op, j, err));
    uint32_t rows = j->side.in.row_count;
    if (!rows) {
        j->left_ended = true;
        return STATUS_OK;
    }
    Arena *arena = &j->side.arena;
    ExprEval ev = op->eval;
    ev.ctx.arena = arena; /* keys live as long as the left batch */
    TRY(left_keys(op, &ev, &j->side.in, &j->keys, err));
    op->eval.caches = ev.caches;
    TRY(arena_try_alloc(arena, sizeof(uint64_t) * ((size_t)rows + 1), &j->hashes, err));
    TRY(arena_try_alloc(arena, (size_t)rows + 1, &j->null_row, err));
    join_table_hash(j->table, j->keys, rows, j->hashes, j->null_row);
    j->row = 0;
    j->in_chain = false;
    j->batch_ended = false;
    j->unknown = NULL;
    if (node->join_kind == JOIN_MARK || node->join_kind == JOIN_NULL_ANTI) {
        TRY(arena_try_alloc(arena, (size_t)rows + 1, &j->unknown, err));
        for (uint32_t i = 0; i < rows; i++)
            j->unknown[i] = j->table->any_rows && (j->null_row[i] || j->table->has_null_key);
    }
    return STATUS_OK;
}

/* Up to BATCH_ROWS pairs with equal keys. Kinds without pairs stop at a row's first match. */
static uint32_t find_pairs(HashJoin *j, bool first_only)
{
    const JoinTable *t = j->table;
    uint32_t count = 0;
    uint32_t rows = j->side.in.row_count;
    while (j->row < rows && count < BATCH_ROWS) {
        uint64_t hash = j->hashes[j->row];
        if (!j->in_chain) {
            uint64_t spread = t->narrow ? hash_u64(hash) : hash;
            j->entry = j->null_row[j->row] ? 0 : t->buckets[(uint32_t)spread & t->mask];
            j->in_chain = true;
        }
        while (j->entry && count < BATCH_ROWS) {
            uint32_t right = j->entry - 1;
            j->entry = t->next[right];
            if (t->hashes[right] != hash || !join_table_equal(t, right, j->keys, j->row))
                continue;
            j->pair_left[count] = j->row;
            j->pair_right[count++] = right;
            if (first_only)
                j->entry = 0;
        }
        if (!j->entry) {
            j->row++;
            j->in_chain = false;
        }
    }
    j->batch_ended = j->row >= rows;
    return count;
}

/* Pairs that also pass the residual predicate. */
static Status filter_pairs(Operator *op, HashJoin *j, uint32_t *count, Error *err)
{
    if (!op->node->predicate || !*count)
        return STATUS_OK;
    RecordBatch left;
    RecordBatch right;
    uint32_t *rows;
    uint32_t kept;
    RecordBatch build = j->table->batch;
    build.column_count = op->node->children[1]->schema.field_count;
    TRY(batch_take(&j->side.in, j->pair_left, *count, &op->batch_arena, &left, err));
    TRY(batch_take(&build, j->pair_right, *count, &op->batch_arena, &right, err));
    TRY(expr_filter(&op->eval, op->node->predicate, &left, &right, *count, &rows, &kept, err));
    for (uint32_t i = 0; i < kept; i++) {
        j->pair_left[i] = j->pair_left[rows[i]];
        j->pair_right[i] = j->pair_right[rows[i]];
    }
    *count = kept;
    return STATUS_OK;
}

/* Are all unmatched right rows out, if the join puts any out? */
static bool right_is_out(const HashJoin *j)
{
    return !j->table->matched || j->right_pos >= j->table->batch.row_count;
}

static Status hash_join_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    HashJoin *j = op->state;
    const PlanNode *node = op->node;
    bool pairs = join_puts_pairs(node->join_kind);
    for (;;) {
        if (j->left_ended && j->whole && (!j->table || right_is_out(j))) {
            TRY(next_partition(op, j, err));
            if (!j->table)
                return STATUS_OK;
            continue;
        }
        if (j->left_ended) {
            if (right_is_out(j))
                return STATUS_OK;
            TRY(join_emit_unmatched_right(op, &j->table->batch, j->table->matched, &j->right_pos,
                                          ret_batch, err));
            if (ret_batch->row_count)
                return STATUS_OK;
            continue;
        }
        if (!j->side.in.row_count) {
            TRY(start_batch(op, j, err));
            continue;
        }
        if (j->batch_ended) {
            TRY(join_emit_batch_end(op, &j->side, j->unknown, ret_batch, err));
            /* The left batch stays valid until the child is asked again. */
            j->side.in.row_count = 0;
            if (ret_batch->row_count)
                return STATUS_OK;
            continue;
        }
        uint32_t count = find_pairs(j, !pairs && !node->predicate);
        TRY(filter_pairs(op, j, &count, err));
        TRY(join_note_matches(node, &j->side, j->pair_left, count, err));
        for (uint32_t i = 0; i < count && j->table->matched; i++)
            j->table->matched[j->pair_right[i]] = 1;
        if (pairs && count)
            return join_emit_pairs(op, &j->side.in, j->pair_left, &j->table->batch, j->pair_right,
                                   count, ret_batch, err);
        arena_reset(&op->batch_arena);
        TRY(exec_check(op->exec, err));
    }
}

static void hash_join_close(Operator *op)
{
    HashJoin *j = op->state;
    if (!j)
        return;
    if (j->whole) {
        join_table_free(j->table);
        j->table = j->whole;
    }
    join_spill_done(&j->left);
    if (j->owns_table)
        join_table_free(j->table);
    arena_done(&j->side.arena);
}

const OperatorOps op_hash_join_ops = {"Hash Join", hash_join_open, hash_join_next, hash_join_close};
