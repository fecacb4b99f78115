/* row_lookup.c - rows by id, by the write that stored them, and by key. */
#include "storage/rows/row_int.h"

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
    row_deletes_set(deletes, row, lsn);
    if (segment->truncated_lsn)
        return;
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
