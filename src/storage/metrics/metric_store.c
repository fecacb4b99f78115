#include "storage/metrics/metric_int.h"

Status metric__charge(MetricStore *store, int64_t bytes, Error *err)
{
    if (mem_budget_charge(store->budget, bytes, err) != STATUS_OK)
        return error_set(err, STATUS_UNAVAILABLE,
                         "hot memory is full (%lld bytes in use); retry later",
                         (long long)mem_budget_used(store->budget));
    __atomic_add_fetch(&store->charged, bytes, __ATOMIC_RELAXED);
    return STATUS_OK;
}

void metric__charge_anyway(MetricStore *store, int64_t bytes)
{
    if (bytes == 0)
        return;
    mem_budget_force(store->budget, bytes);
    __atomic_add_fetch(&store->charged, bytes, __ATOMIC_RELAXED);
}

Status metric_store_new(MemBudget *budget, MetricStore **ret_store, Error *err)
{
    MetricStore *store = mem_alloc_aligned(sizeof *store);

    memset(store, 0, sizeof *store);
    store->budget = budget;
    store->min_ts = INT64_MAX;
    store->max_ts = INT64_MIN;
    Status status = metric__charge(store, (int64_t)sizeof *store, err);
    if (status != STATUS_OK) {
        mem_free(store);
        return status;
    }
    label_index_init(&store->index, budget);
    mutex_init(&store->series_lock);
    mutex_init(&store->shape_lock);
    mutex_init(&store->segments_lock);
    for (int i = 0; i < REGISTRY_SHARDS; i++) {
        mutex_init(&store->by_labels[i].lock);
        mutex_init(&store->by_raw[i].lock);
    }
    segment_map_init(&store->segment_map);
    store->current = metric__segment_new(store, 0);
    *ret_store = store;
    return STATUS_OK;
}

static void free_page(void *raw)
{
    SeriesPage *page = raw;

    for (uint32_t i = 0; i < PAGE_SERIES; i++) {
        (void)metric__series_clear(page, &page->series[i]);
        mem_free((void *)(uintptr_t)page->series[i].labels);
    }
    mem_free(page->open_bytes);
    mutex_done(&page->lock);
    mem_free(page);
}

static void free_shape_page(void *raw)
{
    void **page = raw;

    for (uint32_t i = 0; i < LABEL_PAGE_ITEMS; i++)
        mem_free(page[i]);
    mem_free(page);
}

MetricStore *metric_store_free(MetricStore *store)
{
    if (!store)
        return NULL;
    paged_done(&store->pages, free_page);
    paged_done(&store->entries, mem_free);
    paged_done(&store->shapes, free_shape_page);
    id_table_done(&store->shape_table);
    for (int i = 0; i < REGISTRY_SHARDS; i++) {
        id_table_done(&store->by_labels[i].table);
        id_table_done(&store->by_raw[i].table);
        mutex_done(&store->by_labels[i].lock);
        mutex_done(&store->by_raw[i].lock);
    }
    for (uint32_t i = 0; i < store->segment_count; i++)
        segment_unref(&store->segments[i]->base);
    for (uint32_t i = 0; i < store->retired_count; i++)
        segment_unref(&store->retired[i]->base);
    mem_free(store->segments);
    mem_free(store->retired);
    segment_map_done(&store->segment_map);
    label_index_done(&store->index);
    buf_done(&store->scratch);
    buf_done(&store->open_copy);
    mutex_done(&store->series_lock);
    mutex_done(&store->shape_lock);
    mutex_done(&store->segments_lock);
    mem_budget_release(store->budget, store->charged);
    mem_free(store);
    return NULL;
}

Status metric_store_admit(MetricStore *store, size_t sample_count, Error *err)
{
    enum { SAMPLE_BYTES = 4 }; /* what a sample takes before it is sealed, about */
    int64_t bytes = (int64_t)sample_count * SAMPLE_BYTES;

    if (mem_budget_charge(store->budget, bytes, err) != STATUS_OK)
        return error_set(err, STATUS_UNAVAILABLE,
                         "hot memory is full (%lld bytes in use); retry later",
                         (long long)mem_budget_used(store->budget));
    mem_budget_release(store->budget, bytes);
    return STATUS_OK;
}

Lsn metric_store_applied_lsn(const MetricStore *store)
{
    return __atomic_load_n(&store->applied_lsn, __ATOMIC_ACQUIRE);
}

uint64_t metric_store_series_count(const MetricStore *store)
{
    return __atomic_load_n(&store->series_count, __ATOMIC_RELAXED);
}
