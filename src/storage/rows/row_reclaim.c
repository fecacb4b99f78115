/* row_reclaim.c - the space of deleted rows that no snapshot can see any more.
 *
 * A sealed segment whose rows are all gone is dropped; one that is mostly gone is written anew with
 * the rows that are left, under their ids. Readers that hold the old segment go on with it. Keys of
 * rows that are gone leave the key set. The open segment waits until it is sealed. */
#include "storage/rows/row_int.h"

enum {
    RECLAIM_DEAD_ROWS_MIN = 512, /* deleted since the last look */
    RECLAIM_LIVE_SHARE = 4,      /* ... and a part of the live rows, so that looking costs little */
};

bool row_table_wants_reclaim(const RowTable *table)
{
    uint64_t live = __atomic_load_n(&table->row_count, __ATOMIC_RELAXED);
    return table->dead_rows > RECLAIM_DEAD_ROWS_MIN + live / RECLAIM_LIVE_SHARE;
}

/* Rows that are left: *ret_rows has their indexes. */
static uint32_t rows_left(const RowSegment *segment, Lsn horizon, Arena *arena, uint32_t **ret_rows)
{
    const RowDeletes *deletes = row_segment_deletes(segment);
    uint32_t *rows = ARENA_NEW_ARRAY(arena, uint32_t, segment->row_count);
    uint32_t count = 0;

    if (!row_delete_seen(segment->truncated, horizon))
        for (uint32_t i = 0; i < segment->row_count; i++)
            if (!row_delete_seen(row_deletes_get(deletes, i), horizon))
                rows[count++] = i;
    *ret_rows = rows;
    return count;
}

/* All columns of a sealed segment; they borrow from it. */
static Status all_rows(const RowSegment *segment, Arena *arena, RecordBatch *ret, Error *err)
{
    Column *columns = ARENA_NEW_ARRAY(arena, Column, segment->column_count);

    for (uint32_t i = 0; i < segment->column_count; i++)
        TRY(row_segment_column(segment, i, segment->columns[i].type, 0, segment->row_count, arena,
                               &columns[i], err));
    *ret = (RecordBatch){
        .columns = columns, .column_count = segment->column_count, .row_count = segment->row_count};
    return STATUS_OK;
}

/* Takes the keys of the rows that are not among the `count` left ones out of the set. Under the
 * lock. */
static void forget_keys(RowTable *table, const RowSegment *segment, const RecordBatch *rows,
                        const uint32_t *left, uint32_t count)
{
    CLEANUP(buf_done) Buf scratch = {0};
    uint32_t next = 0;
    Hash128 hash;

    for (uint32_t row = 0; row < rows->row_count; row++) {
        if (next < count && left[next] == row) {
            next++;
            continue;
        }
        for (uint32_t k = 0; k < table->schema.key_count; k++) {
            if (!row_key_of_row(&table->schema.keys[k], rows, row, &scratch, &hash))
                continue;
            RowKeySlot *slot = row_keys_find(&table->keys, hash);
            if (!slot || slot->row_id != row_segment_row_id(segment, row))
                continue;
            slot->row_id = ROW_ID_NONE;
            if (!slot->owner)
                row_keys_erase(&table->keys, hash);
        }
    }
}

/* A sealed segment of the rows that are left, with their ids and writes. */
static RowSegment *write_anew(RowTable *table, const RowSegment *old, const RecordBatch *taken,
                              const uint32_t *left, Arena *arena)
{
    uint32_t count = taken->row_count;
    Type *types = ARENA_NEW_ARRAY(arena, Type, old->column_count);
    uint64_t *row_ids = mem_alloc(sizeof *row_ids * count);
    uint64_t *write_ids = mem_alloc(sizeof *write_ids * count);
    uint32_t marks = 0;

    for (uint32_t i = 0; i < old->column_count; i++)
        types[i] = old->columns[i].type;
    RowSegment *open = row_segment_new(types, old->column_count, count, old->lsn_base,
                                       (uint32_t)old->base.owner, table->budget);
    for (uint32_t from = 0, end; from < count; from = end) {
        Lsn lsn = row_segment_write(old, left[from], &write_ids[marks]);
        uint64_t write_id;
        for (end = from; end < count && row_segment_write(old, left[end], &write_id) == lsn; end++)
            row_ids[end] = row_segment_row_id(old, left[end]);
        row_segment_append(open, lsn, taken, from, end - from);
        marks++;
    }
    RowSegment *sealed = row_segment_seal(open);
    row_segment_unref(open);
    sealed->row_id_base = row_ids[0];
    sealed->row_ids = row_ids;
    sealed->write_ids = write_ids;
    sealed->truncated = old->truncated;
    row_index_build(sealed, table->index_kinds, table->schema.column_count, table->builder);
    return sealed;
}

/* Deletes that some snapshot does not see yet, and reservations. Under the lock. */
static void carry_deletes(RowTable *table, const RowSegment *old, RowSegment *anew,
                          const uint32_t *left)
{
    const RowDeletes *deletes = row_segment_deletes(old);

    for (uint32_t i = 0; i < anew->row_count; i++) {
        uint64_t lsn = row_deletes_get(deletes, left[i]);
        if (!lsn)
            continue;
        RowDeletes *to = row_table__deletes(table, anew);
        row_deletes_set(to, i, lsn);
        to->dead_count += lsn != ROW_DELETE_RESERVED;
    }
}

/* Puts `anew` (NULL = nothing) where segment `at` is. What the old one's deletes and keys say goes
 * along under one lock, so that no reservation is lost. */
static void replace(RowTable *table, uint32_t at, RowSegment *anew, const RecordBatch *rows,
                    const uint32_t *left, uint32_t count)
{
    RowSegment *old = table->segments[at];

    if (anew)
        (void)segment_map_insert(table->map, &anew->base);
    mutex_lock(&table->lock);
    if (!old->truncated)
        forget_keys(table, old, rows, left, count);
    if (anew) {
        carry_deletes(table, old, anew, left);
        table->segments[at] = anew;
    } else {
        memmove(&table->segments[at], &table->segments[at + 1],
                sizeof *table->segments * (--table->segment_count - at));
    }
    mutex_unlock(&table->lock);
    (void)segment_unref(segment_map_remove(table->map, old->base.id));
    row_segment_unref(old);
}

/* Drops segment `at` or writes it anew; false when it was dropped. */
static bool renew(RowTable *table, uint32_t at, Lsn horizon, Arena *arena)
{
    RowSegment *old = table->segments[at];
    RecordBatch rows, taken;
    uint32_t *left;
    RowSegment *anew = NULL;
    uint32_t count = rows_left(old, horizon, arena, &left);

    if (count > old->row_count / 2)
        return true;
    /* Only a budget could refuse, and the arena has none. */
    if (all_rows(old, arena, &rows, NULL) != STATUS_OK ||
        batch_take(&rows, left, count, arena, &taken, NULL) != STATUS_OK)
        return true;
    if (count)
        anew = write_anew(table, old, &taken, left, arena);
    replace(table, at, anew, &rows, left, count);
    return anew != NULL;
}

/* Is more than half of the segment deleted? */
static bool is_worth_it(const RowSegment *segment, Lsn horizon)
{
    const RowDeletes *deletes = row_segment_deletes(segment);

    if (!segment->sealed)
        return false;
    if (row_delete_seen(segment->truncated, horizon))
        return true;
    return deletes &&
           __atomic_load_n(&deletes->dead_count, __ATOMIC_RELAXED) > segment->row_count / 2;
}

void row_table_reclaim(RowTable *table, Lsn horizon)
{
    CLEANUP(arena_done) Arena arena = {0};

    arena_init(&arena, NULL);
    table->dead_rows = 0;
    for (uint32_t i = 0; i < table->segment_count;) {
        bool stays = !is_worth_it(table->segments[i], horizon) || renew(table, i, horizon, &arena);
        arena_reset(&arena);
        i += stays;
    }
}
