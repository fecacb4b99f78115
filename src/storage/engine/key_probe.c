/* key_probe.c - rows by key and by id, for ON CONFLICT. */
#include "storage/engine/engine_int.h"

struct KeyProbe {
    RowTable *table; /* a reference */
    RowProbe *rows;
};

static const RowChanges *changes_of(const Snapshot *snapshot, const Table *table)
{
    return snapshot->changes ? engine__changes(snapshot->changes, table->store_id) : NULL;
}

KeyProbe *key_probe_new(Snapshot *snapshot, const Table *table, const bool *keys)
{
    KeyProbe *probe = MEM_NEW(KeyProbe);

    probe->table = row_store_find(snapshot->engine->rows, table->store_id);
    if (probe->table)
        probe->rows = row_probe_new(probe->table, snapshot->lsn, changes_of(snapshot, table), keys);
    return probe;
}

KeyProbe *key_probe_free(KeyProbe *probe)
{
    if (probe) {
        row_probe_free(probe->rows);
        row_table_unref(probe->table);
        mem_free(probe);
    }
    return NULL;
}

static Status no_table(Error *err)
{
    return error_set_sql(err, STATUS_NOT_FOUND, "42P01", 0,
                         "the table was dropped while the statement ran");
}

Status key_probe_rows(KeyProbe *probe, const RecordBatch *rows, uint64_t *ret_row_ids, Error *err)
{
    return probe->rows ? row_probe_rows(probe->rows, rows, ret_row_ids, err) : no_table(err);
}

Status engine_fetch_rows(Snapshot *snapshot, const Table *table, const uint16_t *columns,
                         uint32_t column_count, const uint64_t *row_ids, uint32_t count,
                         Arena *arena, RecordBatch *ret_rows, Error *err)
{
    RowTable *rows = row_store_find(snapshot->engine->rows, table->store_id);
    RowFetch fetch = {table, columns, column_count, row_ids, count};

    if (!rows)
        return no_table(err);
    Status status =
        row_table_fetch(rows, changes_of(snapshot, table), &fetch, arena, ret_rows, err);
    row_table_unref(rows);
    return status;
}
