/* row_commit.c - the changes of a write on their way into the table: reserve, name, apply. */
#include "storage/rows/row_changes_int.h"

/* ---------------------------------------------------------------- reserving */

static Status reserve_deletes(RowChanges *changes, Error *err)
{
    RowTable *table = changes->table;
    RowSegment *segment;
    uint32_t row;

    MUTEX_GUARD(&table->lock);
    for (; changes->reserved_deletes < changes->deleted_count; changes->reserved_deletes++) {
        uint64_t row_id = changes->deleted[changes->reserved_deletes].row_id;
        if (!row_table__locate_mutable(table, row_id, &segment, &row) || segment->truncated)
            return row_changes__conflict(err);
        RowDeletes *deletes = row_table__deletes(table, segment);
        if (row_deletes_get(deletes, row))
            return row_changes__conflict(err);
        row_deletes_set(deletes, row, ROW_DELETE_RESERVED);
    }
    return STATUS_OK;
}

static Status reserve_key(RowChanges *changes, const PendingBatch *batch, uint32_t at, Error *err)
{
    const Table *schema = &changes->table->schema;
    RowKeySlot *slot = row_keys_put(&changes->table->keys, batch->keys[at]);

    switch (row_changes__key_state(changes, slot)) {
    case ROW_KEY_FREE:
        slot->owner = changes;
        return STATUS_OK;
    case ROW_KEY_TAKEN:
        return row_key_exists(&schema->keys[at % schema->key_count], schema, &batch->rows,
                              at / schema->key_count, err);
    case ROW_KEY_BUSY:
        break;
    }
    return row_changes__conflict(err);
}

static void release_keys(RowChanges *changes, const PendingBatch *batch, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        RowKeySlot *slot = row_keys_find(&changes->table->keys, batch->keys[i]);
        if (!batch->keys[i].low || !slot || slot->owner != changes)
            continue;
        slot->owner = NULL;
        if (slot->row_id == ROW_ID_NONE)
            row_keys_erase(&changes->table->keys, batch->keys[i]);
    }
}

/* All of a batch or none. */
static Status reserve_batch(RowChanges *changes, const PendingBatch *batch, Error *err)
{
    uint32_t count = batch->rows.row_count * changes->table->schema.key_count;

    MUTEX_GUARD(&changes->table->lock);
    for (uint32_t i = 0; i < count; i++) {
        if (!batch->keys[i].low)
            continue;
        Status status = reserve_key(changes, batch, i, err);
        if (status != STATUS_OK) {
            release_keys(changes, batch, i);
            return status;
        }
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- what is left to write */

static Status take_live(RowChanges *changes, const PendingBatch *batch, PendingBatch *ret,
                        Error *err)
{
    uint32_t key_count = changes->table->schema.key_count;
    uint32_t kept = 0;
    uint32_t *rows;

    TRY(arena_try_alloc(changes->arena, sizeof *rows * batch->rows.row_count, &rows, err));
    for (uint32_t i = 0; i < batch->rows.row_count; i++)
        if (!row_changes__pending_dead(changes, batch->first + i))
            rows[kept++] = i;
    *ret = *batch;
    if (kept == batch->rows.row_count)
        return STATUS_OK;
    TRY(batch_take(&batch->rows, rows, kept, changes->arena, &ret->rows, err));
    if (!batch->keys)
        return STATUS_OK;
    TRY(arena_try_alloc(changes->arena, sizeof *ret->keys * (kept * (size_t)key_count + 1),
                        &ret->keys, err));
    for (uint32_t i = 0; i < kept; i++)
        memcpy(&ret->keys[i * key_count], &batch->keys[rows[i] * key_count],
               sizeof *ret->keys * key_count);
    return STATUS_OK;
}

static Status find_left(RowChanges *changes, Error *err)
{
    PendingBatch *left;

    if (!changes->deleted_by) {
        changes->left = changes->batches;
        changes->left_count = changes->batch_count;
        return STATUS_OK;
    }
    TRY(arena_try_alloc(changes->arena, sizeof *left * (changes->batch_count + 1), &left, err));
    changes->left = left;
    changes->left_count = 0;
    for (uint32_t i = 0; i < changes->batch_count; i++) {
        TRY(take_live(changes, &changes->batches[i], &left[changes->left_count], err));
        if (left[changes->left_count].rows.row_count)
            changes->left_count++;
    }
    return STATUS_OK;
}

/* Rows that are about to be replaced take no more writes; those under way are waited for. */
static Status enter(RowChanges *changes, Error *err)
{
    RowTable *table = changes->table;

    MUTEX_GUARD(&table->lock);
    if (table->closed)
        return error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                             "could not serialize access due to concurrent schema changes");
    table->writers++;
    changes->entered = true;
    return STATUS_OK;
}

/* Under the lock. */
static void leave(RowChanges *changes)
{
    changes->table->writers -= changes->entered;
    changes->entered = false;
}

Status row_changes_reserve(RowChanges *changes, Error *err)
{
    if (changes->reserved)
        return STATUS_OK;
    TRY(enter(changes, err));
    Status status = find_left(changes, err);
    if (status == STATUS_OK)
        status = reserve_deletes(changes, err);
    while (status == STATUS_OK && changes->reserved_batches < changes->left_count) {
        if (changes->left[changes->reserved_batches].keys)
            status = reserve_batch(changes, &changes->left[changes->reserved_batches], err);
        if (status == STATUS_OK)
            changes->reserved_batches++;
    }
    if (status != STATUS_OK)
        row_changes_release(changes);
    changes->reserved = status == STATUS_OK;
    return status;
}

void row_changes_release(RowChanges *changes)
{
    const RowSegment *segment;
    uint32_t row;

    MUTEX_GUARD(&changes->table->lock);
    for (uint32_t i = 0; i < changes->reserved_deletes; i++)
        if (row_table__locate(changes->table, changes->deleted[i].row_id, &segment, &row))
            row_deletes_set(row_segment_deletes(segment), row, 0);
    for (uint32_t i = 0; i < changes->reserved_batches; i++)
        if (changes->left[i].keys)
            release_keys(changes, &changes->left[i],
                         changes->left[i].rows.row_count * changes->table->schema.key_count);
    changes->reserved_deletes = changes->reserved_batches = 0;
    changes->reserved = false;
    leave(changes);
}

/* ---------------------------------------------------------------- for the log */

Status row_changes_rows(RowChanges *changes, const RecordBatch **ret_batches, uint32_t *ret_count,
                        Error *err)
{
    RecordBatch *batches;

    TRY(arena_try_alloc(changes->arena, sizeof *batches * (changes->left_count + 1), &batches,
                        err));
    for (uint32_t i = 0; i < changes->left_count; i++)
        batches[i] = changes->left[i].rows;
    *ret_batches = batches;
    *ret_count = changes->left_count;
    return STATUS_OK;
}

void row_changes_names(RowChanges *changes, RowName **ret_names, uint32_t *ret_count, bool *ret_all)
{
    RowName *names = ARENA_NEW_ARRAY(changes->arena, RowName, changes->deleted_count + 1);
    uint32_t count = 0;
    const RowSegment *segment;
    uint32_t row;

    MUTEX_GUARD(&changes->table->lock);
    for (uint32_t i = 0; i < changes->deleted_count && !changes->truncated; i++) {
        uint64_t write_id;
        uint64_t row_id = changes->deleted[i].row_id;
        if (!row_table__locate(changes->table, row_id, &segment, &row))
            continue; /* reserved rows stay where they are */
        names[count].lsn = row_segment_write(segment, row, &write_id);
        names[count++].position = row_id - write_id;
    }
    *ret_names = names;
    *ret_count = count;
    *ret_all = changes->truncated != 0;
}

/* ---------------------------------------------------------------- applying */

static void apply_batch(RowChanges *changes, Lsn lsn, const PendingBatch *batch)
{
    RowTable *table = changes->table;
    uint32_t key_count = table->schema.key_count;
    uint64_t row_id = row_table_append(table, lsn, &batch->rows, false);

    if (!batch->keys)
        return;
    MUTEX_GUARD(&table->lock);
    for (uint32_t i = 0; i < batch->rows.row_count * key_count; i++) {
        if (!batch->keys[i].low)
            continue;
        RowKeySlot *slot = row_keys_put(&table->keys, batch->keys[i]);
        slot->row_id = row_id + i / key_count;
        slot->owner = NULL;
    }
}

void row_changes_apply(RowChanges *changes, Lsn lsn)
{
    RowTable *table = changes->table;

    __atomic_store_n(&table->changed_lsn, lsn, __ATOMIC_RELAXED);
    if (changes->truncated)
        row_table_truncate(table, lsn);
    for (uint32_t i = 0; i < changes->deleted_count; i++)
        row_table__delete(table, lsn, changes->deleted[i].row_id);
    for (uint32_t i = 0; i < changes->left_count; i++)
        apply_batch(changes, lsn, &changes->left[i]);
    changes->reserved_deletes = changes->reserved_batches = 0;
    changes->reserved = false;
    MUTEX_GUARD(&table->lock);
    leave(changes);
}
