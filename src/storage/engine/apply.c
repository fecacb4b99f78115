/* apply.c - durable writes into memory, in LSN order, by one thread. */
#include "base/counter.h"
#include "storage/engine/engine_int.h"

static void apply_histograms(const WriteBatch *batch, SampleColumns *columns, Arena *arena)
{
    size_t count = batch->histogram_count;
    SeriesRef *refs = ARENA_NEW_ARRAY(arena, SeriesRef, count);
    int64_t *ts_ms = ARENA_NEW_ARRAY(arena, int64_t, count);
    int64_t *start_ms = ARENA_NEW_ARRAY(arena, int64_t, count);
    Str *blobs = ARENA_NEW_ARRAY(arena, Str, count);

    for (size_t i = 0; i < count; i++) {
        refs[i] = batch->histograms[i].ref;
        ts_ms[i] = batch->histograms[i].ts_ms;
        start_ms[i] = batch->histograms[i].start_ms;
        blobs[i] = batch->histograms[i].blob;
    }
    columns->histogram_refs = refs;
    columns->histogram_ts_ms = ts_ms;
    columns->histogram_start_ms = start_ms;
    columns->histogram_blobs = blobs;
    columns->histogram_count = count;
}

static void apply_samples(Engine *engine, const WriteBatch *batch)
{
    CLEANUP(arena_done) Arena arena = {0};
    SampleColumns columns = {.refs = batch->refs,
                             .ts_ms = batch->ts_ms,
                             .bits = batch->bits,
                             .start_ms = batch->start_ms,
                             .count = batch->sample_count};

    arena_init(&arena, NULL);
    if (batch->histogram_count)
        apply_histograms(batch, &columns, &arena);
    metric_store_apply(engine->metrics, batch->lsn, &columns);
    counter_add(COUNTER_SAMPLES_STORED, (int64_t)batch->sample_count);
    counter_add(COUNTER_HISTOGRAMS_STORED, (int64_t)batch->histogram_count);
}

static void apply_exemplars(Engine *engine, const WriteBatch *batch)
{
    for (size_t i = 0; i < batch->exemplar_count; i++) {
        const WalExemplar *from = &batch->exemplars[i];
        Exemplar exemplar = {
            .lsn = batch->lsn, .ts_ms = from->ts_ms, .ref = from->ref, .labels = from->labels};
        memcpy(&exemplar.value, &from->value_bits, sizeof exemplar.value);
        exemplar_store_append(engine->exemplars, &exemplar);
    }
}

static void apply_metadata(Engine *engine, const WriteBatch *batch)
{
    for (size_t i = 0; i < batch->metadata_count; i++) {
        const WalMetadata *m = &batch->metadata[i];
        metadata_store_put(engine->metadata, &(MetadataRow){m->metric, m->type, m->unit, m->help});
    }
}

/* The rows of tables, and where sequences stand, follow their definitions. */
static void follow(Engine *engine, const CatalogChange *change, bool replay)
{
    const Table *old_table = catalog_by_id(engine->catalog, CATALOG_TABLE, change->id);
    const CatalogSequence *old = catalog_by_id(engine->catalog, CATALOG_SEQUENCE, change->id);
    const Table *table = change->kind == CATALOG_TABLE ? change->object : NULL;
    const CatalogSequence *sequence = change->kind == CATALOG_SEQUENCE ? change->object : NULL;

    if (change->op == CATALOG_SET_SEQUENCE) {
        sequence_store_apply(engine->sequences, change->id, change->value, change->is_called,
                             replay);
        return;
    }
    if (change->kind == CATALOG_TABLE) {
        if (table)
            row_store_create(engine->rows, table);
        if (old_table && (!table || table->store_id != old_table->store_id))
            row_store_drop(engine->rows, old_table->store_id);
    }
    if (change->kind == CATALOG_SEQUENCE && old &&
        (!sequence || sequence->state_id != old->state_id))
        sequence_store_drop(engine->sequences, old->state_id);
}

/* An index over plain columns; its columns are SQL texts, so a name may stand in quotes. */
void engine__follow_index(Engine *engine, const CatalogIndex *index)
{
    const Table *table = catalog_by_id(engine->catalog, CATALOG_TABLE, index->table_id);

    if (!table || !str_eq(index->method, STR("fulltext")))
        return;
    for (uint32_t i = 0; i < index->column_count; i++) {
        Str name = str_trim(index->columns[i]);
        if (name.len > 2 && name.ptr[0] == '"' && name.ptr[name.len - 1] == '"')
            name = str_sub(name, 1, name.len - 2);
        row_store_index(engine->rows, table->store_id, name);
    }
}

/* Indexes that are new, and those of tables that may have got other rows. */
static void follow_indexes(Engine *engine, const CatalogChange *changes, size_t change_count)
{
    for (size_t i = 0; i < change_count; i++) {
        const CatalogChange *change = &changes[i];
        size_t pos = 0;
        if (change->op != CATALOG_PUT ||
            (change->kind != CATALOG_INDEX && change->kind != CATALOG_TABLE))
            continue;
        for (const CatalogIndex *index;
             (index = catalog_next(engine->catalog, CATALOG_INDEX, &pos));)
            if (index->id == change->id || index->table_id == change->id)
                engine__follow_index(engine, index);
    }
}

Status engine__apply_changes(Engine *engine, const CatalogChange *changes, size_t change_count,
                             bool replay, Error *err)
{
    CatalogVersion *next;

    /* Only this thread replaces the version. */
    TRY(catalog_apply(engine->catalog, changes, change_count, &next, err));
    for (size_t i = 0; i < change_count; i++)
        follow(engine, &changes[i], replay);
    mutex_lock(&engine->catalog_lock);
    CatalogVersion *old = engine->catalog;
    engine->catalog = next;
    mutex_unlock(&engine->catalog_lock);
    catalog_version_unref(old);
    (void)__atomic_add_fetch(&engine->catalog_changes, change_count, __ATOMIC_RELAXED);
    follow_indexes(engine, changes, change_count);
    return STATUS_OK;
}

void engine__apply_batch(Engine *engine, const WriteBatch *batch)
{
    if (batch->def_count)
        metric_store_mark_durable(engine->metrics, batch->defs, batch->def_count);
    if (batch->sample_count || batch->histogram_count)
        apply_samples(engine, batch);
    apply_exemplars(engine, batch);
    apply_metadata(engine, batch);
    for (size_t i = 0; i < batch->table_count; i++) {
        RowTable *table = row_changes_table(batch->tables[i].changes);
        row_changes_apply(batch->tables[i].changes, batch->lsn);
        if (row_table_wants_reclaim(table))
            row_table_reclaim(table, engine__horizon(engine));
    }
    for (size_t i = 0; i < batch->row_batch_count; i++)
        counter_add(COUNTER_ROWS_STORED, batch->rows[i].batch.row_count);
}
