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

Status engine__apply_change(Engine *engine, const CatalogChange *change, Error *err)
{
    CatalogVersion *next;

    TRY(catalog_apply(engine->catalog, change, &next, err)); /* only this thread replaces it */
    if (change->kind == CATALOG_CREATE_TABLE)
        row_store_create(engine->rows, catalog_table_by_id(next, change->id));
    if (change->kind == CATALOG_DROP_TABLE)
        row_store_drop(engine->rows,
                       catalog_find_table(engine->catalog, change->schema, change->name)->store_id);
    mutex_lock(&engine->catalog_lock);
    CatalogVersion *old = engine->catalog;
    engine->catalog = next;
    mutex_unlock(&engine->catalog_lock);
    catalog_version_unref(old);
    engine->catalog_changes++;
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
    for (size_t i = 0; i < batch->row_batch_count; i++) {
        row_table_append(batch->rows[i].table, batch->lsn, &batch->rows[i].batch, false);
        counter_add(COUNTER_ROWS_STORED, batch->rows[i].batch.row_count);
    }
}
