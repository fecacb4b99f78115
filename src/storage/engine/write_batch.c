/* write_batch.c - collecting a request before it is written. */
#include "base/counter.h"
#include "format/histogram/histogram.h"
#include "storage/engine/engine_int.h"

/* Writers are refused from FULL of the limit on, until use falls below ROOM again. What is durable
 * already is applied all the same, so a part of the limit stays free for it. */
#define HOT_FULL(limit) ((limit) - (limit) / 32)
#define HOT_ROOM(limit) ((limit) - (limit) / 16)

static Status check_room(Engine *engine, Error *err)
{
    int64_t limit = __atomic_load_n(&engine->budget->limit_bytes, __ATOMIC_RELAXED);
    int64_t used = mem_budget_used(engine->budget);
    bool full = __atomic_load_n(&engine->full, __ATOMIC_RELAXED);

    if (used >= (full ? HOT_ROOM(limit) : HOT_FULL(limit))) {
        __atomic_store_n(&engine->full, true, __ATOMIC_RELAXED);
        return error_set_sql(err, STATUS_UNAVAILABLE, "53200", 0,
                             "hot memory is full: %lld of %lld bytes are in use; retry later",
                             (long long)used, (long long)limit);
    }
    if (full)
        __atomic_store_n(&engine->full, false, __ATOMIC_RELAXED);
    return STATUS_OK;
}

Status write_batch_new(Engine *engine, WriteBatch **ret_batch, Error *err)
{
    if (!engine_writable(engine, err))
        return STATUS_UNAVAILABLE;
    TRY(check_room(engine, err));
    WriteBatch *batch = MEM_NEW(WriteBatch);
    batch->engine = engine;
    batch->ref_count = 1;
    batch->command = 1;
    arena_init(&batch->arena, NULL);
    *ret_batch = batch;
    return STATUS_OK;
}

void write_batch_charge(WriteBatch *batch, MemBudget *budget)
{
    ASSERT(!batch->arena.blocks);
    batch->arena.budget = budget;
}

WriteBatch *write_batch_free(WriteBatch *batch)
{
    /* acq_rel: whoever frees must see every other holder's last use. */
    if (!batch || __atomic_sub_fetch(&batch->ref_count, 1, __ATOMIC_ACQ_REL) != 0)
        return NULL;
    for (size_t i = 0; i < batch->entry_count; i++)
        buf_done(&batch->entries[i]->payload);
    for (size_t i = 0; i < batch->table_count; i++)
        row_changes_free(batch->tables[i].changes);
    mem_free(batch->tables);
    mem_budget_release(batch->engine->budget, batch->charged_bytes);
    mem_free(batch->refs);
    mem_free(batch->ts_ms);
    mem_free(batch->bits);
    mem_free(batch->start_ms);
    mem_free(batch->histograms);
    mem_free(batch->exemplars);
    mem_free(batch->metadata);
    mem_free(batch->rows);
    mem_free(batch->error);
    arena_done(&batch->arena);
    mem_free(batch);
    return NULL;
}

/* ---------------------------------------------------------------- series */

SeriesCursor *series_cursor_new(void)
{
    return MEM_NEW(SeriesCursor);
}

SeriesCursor *series_cursor_free(SeriesCursor *cursor)
{
    mem_free(cursor);
    return NULL;
}

bool write_batch_find_series(WriteBatch *batch, SeriesCursor *cursor, LabelCodec codec, Str raw,
                             SeriesRef *ret_ref)
{
    SeriesCursor fresh = {0};

    return metric_store_find(batch->engine->metrics, cursor ? cursor : &fresh, (uint8_t)codec, raw,
                             ret_ref);
}

Status write_batch_add_series(WriteBatch *batch, SeriesCursor *cursor, LabelCodec codec, Str raw,
                              LabelSet labels, SeriesRef *ret_ref, Error *err)
{
    SeriesCursor fresh = {0};
    bool created = false;

    TRY(metric_store_add(batch->engine->metrics, cursor ? cursor : &fresh, (uint8_t)codec, raw,
                         labels, ret_ref, &created, err));
    if (created)
        counter_add(COUNTER_SERIES_CREATED, 1);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- samples */

static void grow_samples(WriteBatch *batch)
{
    size_t cap = batch->sample_cap ? batch->sample_cap * 2 : 1024;

    batch->refs = mem_realloc(batch->refs, cap * sizeof *batch->refs);
    batch->ts_ms = mem_realloc(batch->ts_ms, cap * sizeof *batch->ts_ms);
    batch->bits = mem_realloc(batch->bits, cap * sizeof *batch->bits);
    if (batch->start_ms)
        batch->start_ms = mem_realloc(batch->start_ms, cap * sizeof *batch->start_ms);
    batch->sample_cap = cap;
}

Status write_batch_sample(WriteBatch *batch, SeriesRef ref, int64_t ts_ms, uint64_t value_bits,
                          Error *err)
{
    if (LUMA_UNLIKELY(batch->sample_count == batch->sample_cap)) {
        if (batch->sample_count >= UINT32_MAX / 2)
            return error_set(err, STATUS_LIMIT, "a write of more than %u samples", UINT32_MAX / 2);
        grow_samples(batch);
    }
    size_t i = batch->sample_count++;
    batch->refs[i] = ref;
    batch->ts_ms[i] = ts_ms;
    batch->bits[i] = value_bits;
    if (LUMA_UNLIKELY(batch->start_ms != NULL))
        batch->start_ms[i] = 0;
    return STATUS_OK;
}

Status write_batch_sample_start(WriteBatch *batch, SeriesRef ref, int64_t ts_ms, int64_t start_ms,
                                uint64_t value_bits, Error *err)
{
    TRY(write_batch_sample(batch, ref, ts_ms, value_bits, err));
    if (start_ms && !batch->start_ms)
        batch->start_ms = MEM_NEW_ARRAY(int64_t, batch->sample_cap);
    if (batch->start_ms)
        batch->start_ms[batch->sample_count - 1] = start_ms;
    return STATUS_OK;
}

Status write_batch_histogram(WriteBatch *batch, SeriesRef ref, int64_t ts_ms, int64_t start_ms,
                             const NativeHistogram *histogram, Error *err)
{
    CLEANUP(buf_done) Buf blob = {0};

    histogram_encode(histogram, &blob);
    if (blob.len > HISTOGRAM_BLOB_BYTES_MAX)
        return error_set(err, STATUS_LIMIT, "a histogram of %zu bytes", blob.len);
    MEM_GROW(batch->histograms, batch->histogram_cap, batch->histogram_count + 1);
    batch->histograms[batch->histogram_count++] =
        (WalHistogram){ref, ts_ms, start_ms, arena_str(&batch->arena, buf_str(&blob))};
    return STATUS_OK;
}

Status write_batch_exemplar(WriteBatch *batch, SeriesRef ref, int64_t ts_ms, double value,
                            LabelSet labels, Error *err)
{
    WalExemplar exemplar = {
        .ref = ref, .ts_ms = ts_ms, .labels = label_set_copy(labels, &batch->arena)};

    memcpy(&exemplar.value_bits, &value, sizeof value);
    MEM_GROW(batch->exemplars, batch->exemplar_cap, batch->exemplar_count + 1);
    batch->exemplars[batch->exemplar_count++] = exemplar;
    return STATUS_OK;
}

Status write_batch_metadata(WriteBatch *batch, Str metric, Str type, Str unit, Str help, Error *err)
{
    if (!metric.len)
        return error_set(err, STATUS_INVALID, "metadata without a metric name");
    /* Senders repeat their metadata for ever; what is stored already needs no entry. */
    if (metadata_store_has(batch->engine->metadata, &(MetadataRow){metric, type, unit, help}))
        return STATUS_OK;
    MEM_GROW(batch->metadata, batch->metadata_cap, batch->metadata_count + 1);
    batch->metadata[batch->metadata_count++] =
        (WalMetadata){arena_str(&batch->arena, metric), arena_str(&batch->arena, type),
                      arena_str(&batch->arena, unit), arena_str(&batch->arena, help)};
    return STATUS_OK;
}

uint64_t write_batch_sample_count(const WriteBatch *batch)
{
    return batch->sample_count + batch->histogram_count;
}

/* ---------------------------------------------------------------- rows */

RowChanges *engine__changes(const WriteBatch *batch, uint32_t store_id)
{
    for (size_t i = 0; i < batch->table_count; i++)
        if (batch->tables[i].store_id == store_id)
            return batch->tables[i].changes;
    return NULL;
}

/* The store is gone: with its table, or because the table has another one now. */
static Status no_store(Engine *engine, const Table *table, Error *err)
{
    CatalogVersion *catalog = engine__catalog(engine);
    bool replaced = catalog_table_by_id(catalog, table->id) != NULL;

    catalog_version_unref(catalog);
    if (replaced)
        return error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                             "could not serialize access due to concurrent schema changes");
    return error_set_sql(err, STATUS_NOT_FOUND, "42P01", 0, "table \"%.*s\" does not exist",
                         STR_FMT(table->name));
}

static Status need_changes(WriteBatch *batch, const Table *table, RowChanges **ret, Error *err)
{
    *ret = engine__changes(batch, table->store_id);
    if (*ret)
        return STATUS_OK;
    RowTable *rows = row_store_find(batch->engine->rows, table->store_id);
    if (!rows)
        return no_store(batch->engine, table, err);
    *ret = row_changes_new(rows, &batch->arena);
    MEM_GROW(batch->tables, batch->table_cap, batch->table_count + 1);
    batch->tables[batch->table_count++] = (WriteTable){
        .store_id = table->store_id, .schema_version = table->schema_version, .changes = *ret};
    return STATUS_OK;
}

Status write_batch_rows(WriteBatch *batch, const Table *table, const RecordBatch *rows, Error *err)
{
    RowChanges *changes;

    if (!rows->row_count)
        return STATUS_OK;
    switch (table->kind) {
    case TABLE_METRICS:
    case TABLE_METRIC:
    case TABLE_EXEMPLARS:
    case TABLE_METRIC_METADATA:
        return engine__write_series_rows(batch, table, rows, err);
    case TABLE_LOGS:
    case TABLE_TRACES:
    case TABLE_USER:
        break;
    }
    TRY(need_changes(batch, table, &changes, err));
    return row_changes_insert(changes, batch->command, rows, err);
}

Arena *write_batch_arena(WriteBatch *batch)
{
    return &batch->arena;
}

Status write_batch_rows_take(WriteBatch *batch, const Table *table, const RecordBatch *rows,
                             Error *err)
{
    RowChanges *changes;

    if (!rows->row_count)
        return STATUS_OK;
    TRY(need_changes(batch, table, &changes, err));
    return row_changes_take(changes, batch->command, rows, err);
}

static Status check_kind(const Table *table, const char *what, Error *err)
{
    switch (table->kind) {
    case TABLE_METRICS:
    case TABLE_METRIC:
    case TABLE_EXEMPLARS:
    case TABLE_METRIC_METADATA:
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "%s of \"%.*s\" is not supported: its rows are samples of series",
                             what, STR_FMT(table->name));
    case TABLE_LOGS:
    case TABLE_TRACES:
    case TABLE_USER:
        break;
    }
    return STATUS_OK;
}

Status write_batch_delete(WriteBatch *batch, const Table *table, const uint64_t *row_ids,
                          uint32_t count, Error *err)
{
    RowChanges *changes;

    TRY(check_kind(table, "DELETE and UPDATE", err));
    if (!count)
        return STATUS_OK;
    TRY(need_changes(batch, table, &changes, err));
    return row_changes_delete(changes, batch->command, row_ids, count, err);
}

Status write_batch_truncate(WriteBatch *batch, const Table *table, Error *err)
{
    RowChanges *changes;

    TRY(check_kind(table, "TRUNCATE", err));
    TRY(need_changes(batch, table, &changes, err));
    row_changes_truncate(changes, batch->command);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- commands */

void write_batch_next_command(WriteBatch *batch)
{
    batch->command++;
}

WriteMark write_batch_mark(const WriteBatch *batch)
{
    return (WriteMark){.command = batch->command,
                       .samples = batch->sample_count,
                       .histograms = batch->histogram_count,
                       .exemplars = batch->exemplar_count,
                       .metadata = batch->metadata_count};
}

void write_batch_rollback(WriteBatch *batch, WriteMark mark)
{
    batch->sample_count = mark.samples;
    batch->histogram_count = mark.histograms;
    batch->exemplar_count = mark.exemplars;
    batch->metadata_count = mark.metadata;
    for (size_t i = 0; i < batch->table_count; i++)
        row_changes_rollback(batch->tables[i].changes, mark.command);
    batch->command = mark.command;
}
