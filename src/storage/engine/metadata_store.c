#include "storage/engine/metadata_store.h"

#include <stdlib.h>

#include "base/map.h"

struct MetadataStore {
    MemBudget *budget;
    Mutex lock; /* guards rows */
    Map rows;   /* metric -> MetadataRow, owned; its texts follow it in the same block */
};

MetadataStore *metadata_store_new(MemBudget *budget)
{
    MetadataStore *store = MEM_NEW(MetadataStore);

    store->budget = budget;
    mutex_init(&store->lock);
    return store;
}

static int64_t row_bytes(const MetadataRow *row)
{
    return (int64_t)(sizeof *row + row->metric.len + row->type.len + row->unit.len + row->help.len);
}

static MetadataRow *free_row(MetadataStore *store, MetadataRow *row)
{
    if (row)
        mem_budget_release(store->budget, row_bytes(row));
    mem_free(row);
    return NULL;
}

MetadataStore *metadata_store_free(MetadataStore *store)
{
    size_t pos = 0;

    if (!store)
        return NULL;
    for (const MapSlot *slot; (slot = map_next(&store->rows, &pos));)
        free_row(store, slot->value);
    map_done(&store->rows);
    mutex_done(&store->lock);
    mem_free(store);
    return NULL;
}

static Str put_text(char **at, Str text)
{
    char *to = *at;

    if (text.len)
        memcpy(to, text.ptr, text.len);
    *at += text.len;
    return (Str){to, text.len};
}

static bool row_eq(const MetadataRow *a, const MetadataRow *b)
{
    return str_eq(a->type, b->type) && str_eq(a->unit, b->unit) && str_eq(a->help, b->help);
}

bool metadata_store_has(MetadataStore *store, const MetadataRow *row)
{
    MUTEX_GUARD(&store->lock);
    const MetadataRow *old = map_get(&store->rows, row->metric);
    return old && row_eq(old, row);
}

void metadata_store_put(MetadataStore *store, const MetadataRow *row)
{
    MUTEX_GUARD(&store->lock);
    MetadataRow *old = map_remove(&store->rows, row->metric);
    if (old && row_eq(old, row)) {
        *map_put(&store->rows, old->metric, NULL) = old;
        return;
    }
    free_row(store, old);
    MetadataRow *copy = mem_alloc((size_t)row_bytes(row));
    char *at = (char *)(copy + 1);
    copy->metric = put_text(&at, row->metric);
    copy->type = put_text(&at, row->type);
    copy->unit = put_text(&at, row->unit);
    copy->help = put_text(&at, row->help);
    mem_budget_force(store->budget, row_bytes(copy));
    *map_put(&store->rows, copy->metric, NULL) = copy;
}

static int compare_rows(const void *a, const void *b)
{
    return str_cmp(((const MetadataRow *)a)->metric, ((const MetadataRow *)b)->metric);
}

static Status copy_row(const MetadataRow *row, Arena *arena, MetadataRow *ret, Error *err)
{
    char *at;

    TRY(arena_try_alloc(arena, (size_t)row_bytes(row), &at, err));
    *ret = (MetadataRow){put_text(&at, row->metric), put_text(&at, row->type),
                         put_text(&at, row->unit), put_text(&at, row->help)};
    return STATUS_OK;
}

Status metadata_store_list(MetadataStore *store, Str metric, Arena *arena, MetadataRow **ret_rows,
                           uint32_t *ret_count, Error *err)
{
    MetadataRow *rows;
    uint32_t count = 0;
    size_t pos = 0;

    MUTEX_GUARD(&store->lock);
    size_t cap = metric.len ? 1 : store->rows.count;
    TRY(arena_try_alloc(arena, sizeof *rows * LUMA_MAX(cap, 1), &rows, err));
    if (metric.len) {
        const MetadataRow *row = map_get(&store->rows, metric);
        if (row)
            TRY(copy_row(row, arena, &rows[count++], err));
    } else {
        for (const MapSlot *slot; (slot = map_next(&store->rows, &pos));)
            TRY(copy_row(slot->value, arena, &rows[count++], err));
        qsort(rows, count, sizeof *rows, compare_rows);
    }
    *ret_rows = rows;
    *ret_count = count;
    return STATUS_OK;
}
