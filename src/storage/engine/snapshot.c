/* snapshot.c - what a query sees, and the series door on it. */
#include <stdlib.h>

#include "storage/engine/engine_int.h"

/* Under snapshot_lock. */
static void link_snapshot(Engine *engine, Snapshot *snapshot)
{
    snapshot->next = engine->snapshots;
    snapshot->at = &engine->snapshots;
    if (snapshot->next)
        snapshot->next->at = &snapshot->next;
    engine->snapshots = snapshot;
}

static void unlink_snapshot(Snapshot *snapshot)
{
    MUTEX_GUARD(&snapshot->engine->snapshot_lock);
    *snapshot->at = snapshot->next;
    if (snapshot->next)
        snapshot->next->at = snapshot->at;
}

Lsn engine__horizon(Engine *engine)
{
    MUTEX_GUARD(&engine->snapshot_lock);
    Lsn horizon = engine_visible_lsn(engine);
    for (const Snapshot *snapshot = engine->snapshots; snapshot; snapshot = snapshot->next)
        horizon = LUMA_MIN(horizon, snapshot->lsn);
    return horizon;
}

Status engine_snapshot(Engine *engine, Snapshot **ret_snapshot, Error *err)
{
    Snapshot *snapshot = MEM_NEW(Snapshot);

    snapshot->engine = engine;
    mutex_lock(&engine->snapshot_lock);
    /* The LSN first: what is applied up to it is in all that is taken after it. */
    snapshot->lsn = engine_visible_lsn(engine);
    link_snapshot(engine, snapshot);
    mutex_unlock(&engine->snapshot_lock);
    snapshot->catalog = engine__catalog(engine);
    snapshot->metrics = metric_store_snapshot(engine->metrics);
    mutex_init(&snapshot->lock);
    arena_init(&snapshot->arena, NULL);
    *ret_snapshot = snapshot;
    return STATUS_OK;
}

Snapshot *snapshot_copy(const Snapshot *snapshot)
{
    Snapshot *copy = MEM_NEW(Snapshot);

    copy->engine = snapshot->engine;
    copy->lsn = snapshot->lsn;
    mutex_lock(&copy->engine->snapshot_lock);
    link_snapshot(copy->engine, copy);
    mutex_unlock(&copy->engine->snapshot_lock);
    copy->catalog = catalog_version_ref(snapshot->catalog);
    copy->metrics = metric_snapshot_ref(snapshot->metrics);
    mutex_init(&copy->lock);
    arena_init(&copy->arena, NULL);
    return copy;
}

Snapshot *snapshot_free(Snapshot *snapshot)
{
    if (snapshot) {
        unlink_snapshot(snapshot);
        (void)write_batch_free(snapshot->changes);
        metric_snapshot_unref(snapshot->metrics);
        catalog_version_unref(snapshot->catalog);
        arena_done(&snapshot->arena);
        mutex_done(&snapshot->lock);
        mem_free(snapshot);
    }
    return NULL;
}

const CatalogVersion *snapshot_catalog(const Snapshot *snapshot)
{
    return snapshot->catalog;
}

void snapshot_see(Snapshot *snapshot, WriteBatch *batch)
{
    if (batch)
        (void)__atomic_add_fetch(&batch->ref_count, 1, __ATOMIC_RELAXED);
    (void)write_batch_free(snapshot->changes);
    snapshot->changes = batch;
    snapshot->command = batch ? batch->command : 0;
}

Lsn snapshot_lsn(const Snapshot *snapshot)
{
    return snapshot->lsn;
}

const Table *snapshot_find_table(Snapshot *snapshot, Str schema, Str name)
{
    const Table *table = catalog_find_table(snapshot->catalog, schema, name);

    if (table || !str_eq(schema, STR("prom")))
        return table;
    MUTEX_GUARD(&snapshot->lock);
    Status status = metric_tables_find(snapshot->engine->metric_tables, snapshot->metrics, name,
                                       &snapshot->arena, &table, NULL);
    return status == STATUS_OK ? table : NULL;
}

/* ---------------------------------------------------------------- series */

Status engine_select_series(Snapshot *snapshot, const LabelMatcher *matchers,
                            uint32_t matcher_count, int64_t min_ms, int64_t max_ms, Arena *arena,
                            SeriesList *ret_list, Error *err)
{
    return metric_store_select(snapshot->metrics, matchers, matcher_count, min_ms, max_ms, arena,
                               ret_list, err);
}

Status engine_series_labels(Snapshot *snapshot, SeriesRef ref, Arena *arena, LabelSet *ret_labels,
                            Error *err)
{
    return metric_store_labels(snapshot->metrics, ref, arena, ret_labels, err);
}

Str engine_series_label(Snapshot *snapshot, SeriesRef ref, Str name)
{
    return metric_store_label(snapshot->metrics, ref, name);
}

Status engine_group_series(Snapshot *snapshot, const SeriesRef *refs, uint32_t ref_count,
                           const Str *names, uint32_t name_count, bool without, Arena *arena,
                           uint32_t **ret_group_ids, LabelSet **ret_groups,
                           uint32_t *ret_group_count, Error *err)
{
    uint32_t *ids;

    TRY(arena_try_alloc(arena, sizeof *ids * LUMA_MAX(ref_count, 1), &ids, err));
    TRY(metric_store_group(snapshot->metrics, refs, ref_count, names, name_count, without, arena,
                           ids, ret_groups, ret_group_count, err));
    *ret_group_ids = ids;
    return STATUS_OK;
}

Status engine_read_series(Snapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                          SampleRun *run, Error *err)
{
    return metric_store_read(snapshot->metrics, ref, min_ms, max_ms, run, err);
}

Status engine_last_samples(Snapshot *snapshot, const SeriesRef *refs, uint32_t count,
                           int64_t min_ms, int64_t max_ms, Arena *arena, uint8_t *ret_kinds,
                           int64_t *ret_ts_ms, double *ret_values,
                           const NativeHistogram **ret_histograms, Error *err)
{
    return metric_store_last(snapshot->metrics, refs, count, min_ms, max_ms, arena, ret_kinds,
                             ret_ts_ms, ret_values, ret_histograms, err);
}

Status engine_last_sample(Snapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                          Arena *arena, bool *ret_found, int64_t *ret_ts_ms, double *ret_value,
                          const NativeHistogram **ret_histogram, Error *err)
{
    uint8_t kind = LAST_NONE;

    *ret_histogram = NULL;
    TRY(metric_store_last(snapshot->metrics, &ref, 1, min_ms, max_ms, arena, &kind, ret_ts_ms,
                          ret_value, ret_histogram, err));
    *ret_found = kind != LAST_NONE;
    return STATUS_OK;
}

Status engine_visit_series(Snapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                           const SeriesVisitor *visitor, SampleRun *scratch, Error *err)
{
    return metric_store_visit(snapshot->metrics, ref, min_ms, max_ms, visitor, scratch, err);
}

/* StrList's array as the caller's, who may reorder it. */
static Status take_list(StrList list, Arena *arena, Str **ret_items, uint32_t *ret_count,
                        Error *err)
{
    Str *items;

    TRY(arena_try_alloc(arena, sizeof *items * LUMA_MAX(list.count, 1), &items, err));
    if (list.count)
        memcpy(items, list.items, sizeof *items * list.count);
    *ret_items = items;
    *ret_count = list.count;
    return STATUS_OK;
}

Status engine_label_names(Snapshot *snapshot, const LabelMatcher *matchers, uint32_t matcher_count,
                          int64_t min_ms, int64_t max_ms, Arena *arena, Str **ret_names,
                          uint32_t *ret_count, Error *err)
{
    StrList list;

    TRY(metric_store_label_names(snapshot->metrics, matchers, matcher_count, min_ms, max_ms, arena,
                                 &list, err));
    return take_list(list, arena, ret_names, ret_count, err);
}

Status engine_label_values(Snapshot *snapshot, Str name, const LabelMatcher *matchers,
                           uint32_t matcher_count, int64_t min_ms, int64_t max_ms, Arena *arena,
                           Str **ret_values, uint32_t *ret_count, Error *err)
{
    StrList list;

    TRY(metric_store_label_values(snapshot->metrics, name, matchers, matcher_count, min_ms, max_ms,
                                  arena, &list, err));
    return take_list(list, arena, ret_values, ret_count, err);
}

/* ---------------------------------------------------------------- exemplars, metadata */

static int compare_exemplars(const void *a, const void *b)
{
    const ExemplarRow *x = a;
    const ExemplarRow *y = b;

    if (x->ref != y->ref)
        return x->ref < y->ref ? -1 : 1;
    return (x->ts_ms > y->ts_ms) - (x->ts_ms < y->ts_ms);
}

static bool has_ref(const SeriesList *list, SeriesRef ref)
{
    uint32_t low = 0;
    uint32_t high = list->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (list->refs[mid] < ref)
            low = mid + 1;
        else
            high = mid;
    }
    return low < list->count && list->refs[low] == ref;
}

Status engine_exemplars(Snapshot *snapshot, const LabelMatcher *matchers, uint32_t matcher_count,
                        int64_t min_ms, int64_t max_ms, Arena *arena, ExemplarRow **ret_rows,
                        uint32_t *ret_count, Error *err)
{
    ExemplarStore *store = snapshot->engine->exemplars;
    size_t total = exemplar_store_count(store, snapshot->lsn);
    SeriesList series;
    ExemplarRow *rows = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    TRY(metric_store_select(snapshot->metrics, matchers, matcher_count, INT64_MIN, INT64_MAX, arena,
                            &series, err));
    for (size_t i = 0; i < total; i++) {
        const Exemplar *e = exemplar_store_at(store, i);
        if (e->ts_ms < min_ms || e->ts_ms > max_ms || !has_ref(&series, e->ref))
            continue;
        if (count == cap) {
            ExemplarRow *grown;
            cap = cap ? cap * 2 : 64;
            TRY(arena_try_alloc(arena, sizeof *grown * cap, &grown, err));
            if (count)
                memcpy(grown, rows, sizeof *rows * count);
            rows = grown;
        }
        rows[count++] = (ExemplarRow){e->ref, e->ts_ms, e->value, e->labels};
    }
    if (count)
        qsort(rows, count, sizeof *rows, compare_exemplars);
    *ret_rows = rows;
    *ret_count = count;
    return STATUS_OK;
}

Status engine_metadata(Snapshot *snapshot, Str metric, Arena *arena, MetadataRow **ret_rows,
                       uint32_t *ret_count, Error *err)
{
    return metadata_store_list(snapshot->engine->metadata, metric, arena, ret_rows, ret_count, err);
}

/* ---------------------------------------------------------------- statistics */

void engine_stats(Engine *engine, EngineStats *ret_stats)
{
    CLEANUP(arena_done) Arena arena = {0};
    MetricStats metrics = {.min_ts = INT64_MAX, .max_ts = INT64_MIN};
    WalSegmentInfo *segments;

    arena_init(&arena, NULL);
    MetricSnapshot *snapshot = metric_store_snapshot(engine->metrics);
    /* Only a budget could make this fail, and the arena has none. */
    (void)metric_store_stats(snapshot, 0, &arena, &metrics, NULL);
    metric_snapshot_unref(snapshot);
    *ret_stats = (EngineStats){
        .series = metrics.series_count,
        .samples = metrics.sample_count,
        .chunks = metrics.sealed_chunk_count,
        .label_pairs = metrics.label_pair_count,
        .min_ts_ms = metrics.min_ts,
        .max_ts_ms = metrics.max_ts,
        .wal_bytes = (int64_t)wal_bytes(engine->wal),
        .wal_segments = wal_segments(engine->wal, &arena, &segments),
        .hot_bytes = mem_budget_used(engine->budget),
        .hot_limit_bytes = __atomic_load_n(&engine->budget->limit_bytes, __ATOMIC_RELAXED),
    };
}

Status engine_top(Snapshot *snapshot, EngineTop what, uint32_t limit, Arena *arena,
                  NameCount **ret_rows, uint32_t *ret_count, Error *err)
{
    MetricStats stats = {0};

    TRY(metric_store_stats(snapshot->metrics, limit, arena, &stats, err));
    switch (what) {
    case ENGINE_TOP_SERIES_BY_METRIC:
        *ret_rows = stats.series_by_metric;
        *ret_count = stats.series_by_metric_count;
        break;
    case ENGINE_TOP_VALUES_BY_LABEL:
        *ret_rows = stats.values_by_label;
        *ret_count = stats.values_by_label_count;
        break;
    case ENGINE_TOP_BYTES_BY_LABEL:
        *ret_rows = stats.bytes_by_label;
        *ret_count = stats.bytes_by_label_count;
        break;
    case ENGINE_TOP_SERIES_BY_PAIR:
        *ret_rows = stats.series_by_pair;
        *ret_count = stats.series_by_pair_count;
        break;
    }
    return STATUS_OK;
}
