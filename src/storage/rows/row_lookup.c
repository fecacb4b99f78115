/* row_lookup.c - rows by id, by the write that stored them, and by key. */
#include "storage/rows/row_changes_int.h"

/* The last segment whose first id is at most row_id. */
bool row_table__locate_mutable(const RowTable *table, uint64_t row_id, RowSegment **ret_segment,
                               uint32_t *ret_row)
{
    uint32_t low = 0;
    uint32_t high = table->segment_count;

    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (table->segments[mid]->row_id_base <= row_id)
            low = mid + 1;
        else
            high = mid;
    }
    if (!low)
        return false;
    *ret_segment = table->segments[low - 1];
    return row_segment_find(*ret_segment, row_id, ret_row);
}

RowDeletes *row_table__deletes(RowTable *table, RowSegment *segment)
{
    RowDeletes *deletes = row_segment_deletes(segment);

    if (!deletes) {
        deletes = row_deletes_new(segment->cap, table->budget);
        __atomic_store_n(&segment->deletes, deletes, __ATOMIC_RELEASE);
    }
    return deletes;
}

void row_table__delete(RowTable *table, Lsn lsn, uint64_t row_id)
{
    RowSegment *segment;
    uint32_t row;

    MUTEX_GUARD(&table->lock);
    if (!row_table__locate_mutable(table, row_id, &segment, &row))
        return;
    RowDeletes *deletes = row_table__deletes(table, segment);
    uint64_t before = row_deletes_get(deletes, row);
    if (before && before != ROW_DELETE_RESERVED)
        return;
    row_deletes_set(deletes, row, row_delete_value(lsn));
    if (segment->truncated)
        return;
    table->dead_rows++;
    (void)__atomic_add_fetch(&deletes->dead_count, 1, __ATOMIC_RELAXED);
    (void)__atomic_sub_fetch(&table->row_count, 1, __ATOMIC_RELAXED);
}

bool row_table_delete_named(RowTable *table, Lsn lsn, Lsn write_lsn, uint64_t position)
{
    uint32_t low = 0;
    uint32_t high = table->segment_count;
    uint64_t write_id;
    uint32_t row;
    const RowSegment *segment;

    /* The first segment that ends at or behind the write: where the write begins. */
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        const RowSegment *s = table->segments[mid];
        if (s->lsn_base + s->marks[s->mark_count - 1].lsn_offset < write_lsn)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == table->segment_count ||
        !row_segment_find_write(table->segments[low], write_lsn, &write_id) ||
        !row_table__locate(table, write_id + position, &segment, &row) ||
        row_segment_write(segment, row, &write_id) != write_lsn)
        return false;
    row_table__delete(table, lsn, row_segment_row_id(segment, row));
    return true;
}

/* ---------------------------------------------------------------- by key */

/* What the newest row with the key tells about the snapshot. */
static RowHit look_at_stored(RowTable *table, Lsn lsn, Hash128 hash, uint64_t *ret_row_id)
{
    const RowSegment *segment;
    uint32_t row;
    uint64_t write_id;

    MUTEX_GUARD(&table->lock);
    if (table->truncate_lsn > lsn)
        return ROW_HIT_UNKNOWN;
    const RowKeySlot *slot = row_keys_find(&table->keys, hash);
    if (!slot || slot->row_id == ROW_ID_NONE ||
        !row_table__locate(table, slot->row_id, &segment, &row))
        return ROW_HIT_NONE;
    if (row_segment_write(segment, row, &write_id) > lsn)
        return ROW_HIT_UNKNOWN;
    if (row_delete_seen(row_deletes_get(row_segment_deletes(segment), row), lsn))
        return ROW_HIT_NONE;
    *ret_row_id = slot->row_id;
    return ROW_HIT_ROW;
}

/* The own rows first: they replace what is stored. */
RowHit row_table__look_up(RowTable *table, Lsn lsn, const RowChanges *changes, Hash128 hash,
                          uint64_t *ret_row_id)
{
    const RowKeySlot *slot = changes ? row_keys_find(&changes->keys, hash) : NULL;

    if (slot && !row_changes__pending_dead(changes, slot->row_id)) {
        *ret_row_id = ROW_ID_PENDING | slot->row_id;
        return ROW_HIT_ROW;
    }
    if (changes && changes->truncated)
        return ROW_HIT_NONE;
    uint64_t row_id;
    RowHit hit = look_at_stored(table, lsn, hash, &row_id);
    if (hit == ROW_HIT_ROW && changes && row_changes__deletes(changes, row_id))
        return ROW_HIT_NONE;
    if (hit == ROW_HIT_ROW)
        *ret_row_id = row_id;
    return hit;
}

struct RowProbe {
    RowTable *table; /* borrowed */
    Lsn lsn;
    const RowChanges *changes;
    const bool *keys;
    RowKeys seen; /* of rows that were not found */
};

RowProbe *row_probe_new(RowTable *table, Lsn lsn, const RowChanges *changes, const bool *keys)
{
    RowProbe *probe = MEM_NEW(RowProbe);

    *probe = (RowProbe){.table = table, .lsn = lsn, .changes = changes, .keys = keys};
    row_keys_init(&probe->seen, NULL);
    return probe;
}

RowProbe *row_probe_free(RowProbe *probe)
{
    if (probe)
        row_keys_done(&probe->seen);
    mem_free(probe);
    return NULL;
}

static Status probe_row(RowProbe *probe, const RecordBatch *rows, uint32_t row, Buf *scratch,
                        uint64_t *ret_row_id, Error *err)
{
    const Table *schema = &probe->table->schema;
    Hash128 hash;

    *ret_row_id = ROW_ID_NONE;
    for (uint32_t k = 0; k < schema->key_count && *ret_row_id == ROW_ID_NONE; k++) {
        if (!probe->keys[k] || !row_key_of_row(&schema->keys[k], rows, row, scratch, &hash))
            continue;
        if (row_keys_find(&probe->seen, hash))
            *ret_row_id = ROW_PROBE_SEEN;
        else if (row_table__look_up(probe->table, probe->lsn, probe->changes, hash, ret_row_id) ==
                 ROW_HIT_UNKNOWN)
            return row_changes__conflict(err);
    }
    for (uint32_t k = 0; k < schema->key_count && *ret_row_id == ROW_ID_NONE; k++)
        if (probe->keys[k] && row_key_of_row(&schema->keys[k], rows, row, scratch, &hash))
            (void)row_keys_put(&probe->seen, hash);
    return STATUS_OK;
}

Status row_probe_rows(RowProbe *probe, const RecordBatch *rows, uint64_t *ret_row_ids, Error *err)
{
    CLEANUP(buf_done) Buf scratch = {0};

    TRY(row_table_check(probe->table, rows, err));
    for (uint32_t row = 0; row < rows->row_count; row++)
        TRY(probe_row(probe, rows, row, &scratch, &ret_row_ids[row], err));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- rows by id */

/* Those of the ids that lie in the same batch as the first. */
static Status fetch_pending(const RowChanges *changes, const RowFetch *fetch, Arena *arena,
                            RecordBatch *ret, Error *err)
{
    uint64_t number = fetch->row_ids[0] & ~ROW_ID_PENDING;
    const PendingBatch *batch = changes->batches;
    uint32_t *rows;

    while (number - batch->first >= batch->rows.row_count)
        batch++;
    TRY(arena_try_alloc(arena, sizeof *rows * fetch->count, &rows, err));
    *ret = (RecordBatch){.column_count = fetch->column_count};
    for (; ret->row_count < fetch->count; ret->row_count++) {
        number = fetch->row_ids[ret->row_count] & ~ROW_ID_PENDING;
        if (!(fetch->row_ids[ret->row_count] & ROW_ID_PENDING) || number < batch->first ||
            number - batch->first >= batch->rows.row_count)
            break;
        rows[ret->row_count] = (uint32_t)(number - batch->first);
    }
    TRY(arena_try_alloc(arena, sizeof *ret->columns * fetch->column_count, &ret->columns, err));
    for (uint32_t i = 0; i < fetch->column_count; i++)
        TRY(column_take(&batch->rows.columns[fetch->columns[i]], rows, ret->row_count, arena,
                        &ret->columns[i], err));
    return STATUS_OK;
}

static Status fetch_stored(const RowSegment *segment, const RowFetch *fetch, Arena *arena,
                           RecordBatch *ret, Error *err)
{
    uint32_t *rows;
    uint32_t end = 0;
    RecordBatch taken = {.column_count = fetch->column_count};

    TRY(arena_try_alloc(arena, sizeof *rows * fetch->count, &rows, err));
    while (taken.row_count < fetch->count &&
           row_segment_find(segment, fetch->row_ids[taken.row_count], &rows[taken.row_count])) {
        end = LUMA_MAX(end, rows[taken.row_count] + 1);
        taken.row_count++;
    }
    TRY(arena_try_alloc(arena, sizeof *taken.columns * fetch->column_count, &taken.columns, err));
    for (uint32_t i = 0; i < fetch->column_count; i++) {
        Column column;
        TRY(row_segment_column(segment, fetch->columns[i],
                               fetch->schema->columns[fetch->columns[i]].type, 0, end, arena,
                               &column, err));
        TRY(column_take(&column, rows, taken.row_count, arena, &taken.columns[i], err));
    }
    return batch_copy(&taken, arena, ret, err); /* the segment may go */
}

Status row_table_fetch(RowTable *table, const RowChanges *changes, const RowFetch *fetch,
                       Arena *arena, RecordBatch *ret, Error *err)
{
    RowSegment *segment;
    uint32_t row;

    if (fetch->row_ids[0] & ROW_ID_PENDING)
        return fetch_pending(changes, fetch, arena, ret, err);
    mutex_lock(&table->lock);
    bool found = row_table__locate_mutable(table, fetch->row_ids[0], &segment, &row);
    if (found)
        (void)row_segment_ref(segment);
    mutex_unlock(&table->lock);
    if (!found)
        return row_changes__conflict(err);
    Status status = fetch_stored(segment, fetch, arena, ret, err);
    row_segment_unref(segment);
    return status;
}
