/* row_changes.c - gathering the changes of a write; row_commit.c writes them. */
#include "storage/rows/row_changes_int.h"

RowChanges *row_changes_new(RowTable *table, Arena *arena)
{
    RowChanges *changes = MEM_NEW(RowChanges);

    changes->table = table;
    changes->arena = arena;
    row_keys_init(&changes->deleted_set, NULL);
    row_keys_init(&changes->keys, NULL);
    return changes;
}

RowChanges *row_changes_free(RowChanges *changes)
{
    if (!changes)
        return NULL;
    row_changes_release(changes);
    row_keys_done(&changes->deleted_set);
    row_keys_done(&changes->keys);
    mem_free(changes->deleted_by);
    row_table_unref(changes->table);
    mem_free(changes);
    return NULL;
}

RowTable *row_changes_table(const RowChanges *changes)
{
    return changes->table;
}

bool row_changes_empty(const RowChanges *changes)
{
    return !changes->batch_count && !changes->deleted_count && !changes->truncated;
}

Status row_changes__conflict(Error *err)
{
    return error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                         "could not serialize access due to concurrent update");
}

/* ---------------------------------------------------------------- keys */

RowKeyState row_changes__key_state(const RowChanges *changes, const RowKeySlot *slot)
{
    const RowSegment *segment;
    uint32_t row;

    if (slot->owner && slot->owner != changes)
        return ROW_KEY_BUSY;
    if (slot->row_id == ROW_ID_NONE || changes->truncated ||
        !row_table__locate(changes->table, slot->row_id, &segment, &row) || segment->truncated ||
        row_changes__deletes(changes, slot->row_id))
        return ROW_KEY_FREE;
    uint64_t deleted = row_deletes_get(row_segment_deletes(segment), row);
    return !deleted ? ROW_KEY_TAKEN : deleted == ROW_DELETE_RESERVED ? ROW_KEY_BUSY : ROW_KEY_FREE;
}

static Status check_stored(const RowChanges *changes, const PendingBatch *batch, uint32_t row,
                           uint32_t key, Error *err)
{
    const Table *schema = &changes->table->schema;
    const RowKeySlot *slot =
        row_keys_find(&changes->table->keys, batch->keys[row * schema->key_count + key]);

    if (!slot)
        return STATUS_OK;
    switch (row_changes__key_state(changes, slot)) {
    case ROW_KEY_FREE:
        return STATUS_OK;
    case ROW_KEY_TAKEN:
        return row_key_exists(&schema->keys[key], schema, &batch->rows, row, err);
    case ROW_KEY_BUSY:
        break;
    }
    return row_changes__conflict(err);
}

/* Against what is stored and against the own rows; the own map gets the keys. */
static Status check_keys(RowChanges *changes, const PendingBatch *batch, Error *err)
{
    const Table *schema = &changes->table->schema;

    MUTEX_GUARD(&changes->table->lock);
    for (uint32_t row = 0; row < batch->rows.row_count; row++)
        for (uint32_t k = 0; k < schema->key_count; k++) {
            Hash128 hash = batch->keys[row * schema->key_count + k];
            if (!hash.low)
                continue;
            RowKeySlot *own = row_keys_put(&changes->keys, hash);
            if (own->row_id != ROW_ID_NONE && !row_changes__pending_dead(changes, own->row_id))
                return row_key_exists(&schema->keys[k], schema, &batch->rows, row, err);
            own->row_id = batch->first + row;
            TRY(check_stored(changes, batch, row, k, err));
        }
    return STATUS_OK;
}

static Status hash_keys(const RowChanges *changes, PendingBatch *batch, Error *err)
{
    CLEANUP(buf_done) Buf scratch = {0};
    const Table *schema = &changes->table->schema;
    size_t count = (size_t)batch->rows.row_count * schema->key_count;

    TRY(arena_try_alloc(changes->arena, sizeof *batch->keys * count, &batch->keys, err));
    for (uint32_t row = 0; row < batch->rows.row_count; row++)
        for (uint32_t k = 0; k < schema->key_count; k++) {
            Hash128 *hash = &batch->keys[row * schema->key_count + k];
            if (!row_key_of_row(&schema->keys[k], &batch->rows, row, &scratch, hash))
                *hash = (Hash128){0};
        }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- changes */

/* A reservation stands for what was there when it was made. */
static void begin_change(RowChanges *changes, uint32_t command)
{
    row_changes_release(changes);
    changes->command_last = LUMA_MAX(changes->command_last, command);
}

Status row_changes_take(RowChanges *changes, uint32_t command, const RecordBatch *rows, Error *err)
{
    PendingBatch batch = {.rows = *rows, .first = changes->row_count, .command = command};

    if (!rows->row_count)
        return STATUS_OK;
    begin_change(changes, command);
    TRY(row_table_check(changes->table, rows, err));
    batch.rows.schema = NULL;
    if (changes->table->schema.key_count)
        TRY(hash_keys(changes, &batch, err));
    ARENA_PUSH(changes->arena, changes->batches, changes->batch_count, changes->batch_cap, batch);
    changes->row_count += batch.rows.row_count;
    return batch.keys ? check_keys(changes, &batch, err) : STATUS_OK;
}

Status row_changes_insert(RowChanges *changes, uint32_t command, const RecordBatch *rows,
                          Error *err)
{
    RecordBatch copy;

    TRY(batch_copy(rows, changes->arena, &copy, err));
    return row_changes_take(changes, command, &copy, err);
}

static void delete_pending(RowChanges *changes, uint32_t command, uint64_t number)
{
    if (number >= changes->row_count)
        return;
    if (changes->deleted_by_cap < changes->row_count) {
        uint64_t cap = LUMA_MAX(changes->deleted_by_cap * 2, changes->row_count);
        changes->deleted_by = mem_realloc(changes->deleted_by, cap * sizeof *changes->deleted_by);
        memset(changes->deleted_by + changes->deleted_by_cap, 0,
               (cap - changes->deleted_by_cap) * sizeof *changes->deleted_by);
        changes->deleted_by_cap = cap;
    }
    if (!changes->deleted_by[number])
        changes->deleted_by[number] = command + 1;
}

/* Nobody else may have deleted the row, or be about to. */
static bool is_live(const RowChanges *changes, uint64_t row_id)
{
    const RowSegment *segment;
    uint32_t row;

    return row_table__locate(changes->table, row_id, &segment, &row) && !segment->truncated &&
           !row_deletes_get(row_segment_deletes(segment), row);
}

Status row_changes_delete(RowChanges *changes, uint32_t command, const uint64_t *row_ids,
                          uint32_t count, Error *err)
{
    begin_change(changes, command);
    MUTEX_GUARD(&changes->table->lock);
    for (uint32_t i = 0; i < count; i++) {
        if (row_ids[i] & ROW_ID_PENDING) {
            delete_pending(changes, command, row_ids[i] & ~ROW_ID_PENDING);
            continue;
        }
        if (row_changes__deletes(changes, row_ids[i]))
            continue;
        if (!is_live(changes, row_ids[i]))
            return row_changes__conflict(err);
        ARENA_PUSH(changes->arena, changes->deleted, changes->deleted_count, changes->deleted_cap,
                   ((DeletedRow){row_ids[i], command}));
        row_keys_put(&changes->deleted_set, row_id_hash(row_ids[i]))->row_id = row_ids[i];
    }
    return STATUS_OK;
}

void row_changes_truncate(RowChanges *changes, uint32_t command)
{
    for (uint64_t i = 0; i < changes->row_count; i++)
        delete_pending(changes, command, i);
    begin_change(changes, command);
    if (!changes->truncated)
        changes->truncated = command + 1;
}

static void restore_pending(RowChanges *changes, uint32_t command)
{
    const Table *schema = &changes->table->schema;

    for (uint64_t i = 0; i < changes->deleted_by_cap; i++)
        if (changes->deleted_by[i] > command || i >= changes->row_count)
            changes->deleted_by[i] = 0;
    row_keys_clear(&changes->keys);
    for (uint32_t b = 0; b < changes->batch_count && schema->key_count; b++) {
        const PendingBatch *batch = &changes->batches[b];
        for (uint32_t i = 0; i < batch->rows.row_count * schema->key_count; i++) {
            uint64_t number = batch->first + i / schema->key_count;
            if (batch->keys[i].low && !row_changes__pending_dead(changes, number))
                row_keys_put(&changes->keys, batch->keys[i])->row_id = number;
        }
    }
}

void row_changes_rollback(RowChanges *changes, uint32_t command)
{
    row_changes_release(changes);
    while (changes->batch_count && changes->batches[changes->batch_count - 1].command >= command)
        changes->row_count = changes->batches[--changes->batch_count].first;
    restore_pending(changes, command);
    while (changes->deleted_count &&
           changes->deleted[changes->deleted_count - 1].command >= command)
        row_keys_erase(&changes->deleted_set,
                       row_id_hash(changes->deleted[--changes->deleted_count].row_id));
    if (changes->truncated > command)
        changes->truncated = 0;
    changes->command_last = LUMA_MIN(changes->command_last, command - 1);
}
