/* metric_registry.c - label sets and raw label bytes to refs.
 *
 * Raw lookups: every (codec, raw bytes) has an entry with the 128-bit keyed hash of its bytes.
 * Entries lie in the order of their registration, so the entries of one sender are neighbours, and
 * each remembers which entry followed it last: in the common case a lookup is one hash and one
 * compare with a cache line that the prefetcher has brought. Otherwise a sharded table of entry ids
 * is probed.
 */
#include "storage/metrics/metric_int.h"

enum { ENTRY_PAGE = 1024, ENTRY_PAGE_BYTES = ENTRY_PAGE * sizeof(RawEntry) };

/* ---- raw bytes ---- */

static Hash128 raw_hash(uint8_t codec, Str raw)
{
    Hash128 h = hash128_secret(raw.ptr, raw.len);
    h.high ^= (uint64_t)(codec + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return h;
}

/* NULL when its page was dropped. */
static RawEntry *entry_at(const MetricStore *store, uint32_t id)
{
    RawEntry *page = paged_page(&store->entries, id / ENTRY_PAGE);
    return page ? &page[id % ENTRY_PAGE] : NULL;
}

static bool entry_is(const RawEntry *entry, Hash128 h, SeriesRef *ret_ref)
{
    if (!entry || entry->low != h.low || entry->high != h.high || entry->ref == SERIES_REF_NONE)
        return false;
    *ret_ref = entry->ref;
    return true;
}

static RegistryShard *raw_shard(MetricStore *store, Hash128 h)
{
    return &store->by_raw[h.high & (REGISTRY_SHARDS - 1)];
}

/* ID_NONE when unknown. Under the shard's lock. */
static uint32_t find_entry(const MetricStore *store, const RegistryShard *shard, Hash128 h,
                           SeriesRef *ret_ref)
{
    uint32_t pos = 0;
    uint32_t id;

    while ((id = id_table_next(&shard->table, (uint32_t)h.low, &pos)) != ID_NONE)
        if (entry_is(entry_at(store, id), h, ret_ref))
            break;
    return id;
}

/* Moves the cursor to an entry and teaches its predecessor. */
static void cursor_move(MetricStore *store, SeriesCursor *cursor, uint32_t entry)
{
    if (cursor->entry) {
        RawEntry *before = entry_at(store, cursor->entry - 1);
        if (before && __atomic_load_n(&before->next, __ATOMIC_RELAXED) != entry + 1)
            __atomic_store_n(&before->next, entry + 1, __ATOMIC_RELEASE);
    }
    cursor->entry = entry + 1;
}

/* The entry that followed last time; ID_NONE when none has yet. */
static uint32_t predict(const MetricStore *store, const SeriesCursor *cursor)
{
    const RawEntry *last = entry_at(store, cursor->entry - 1);
    return last ? __atomic_load_n(&last->next, __ATOMIC_ACQUIRE) - 1 : ID_NONE;
}

bool metric_store_find(MetricStore *store, SeriesCursor *cursor, uint8_t codec, Str raw,
                       SeriesRef *ret_ref)
{
    Hash128 h = raw_hash(codec, raw);

    if (LUMA_LIKELY(cursor->entry)) {
        uint32_t guess = predict(store, cursor);
        if (LUMA_LIKELY(guess != ID_NONE && entry_is(entry_at(store, guess), h, ret_ref))) {
            cursor->entry = guess + 1;
            return true;
        }
    }
    RegistryShard *shard = raw_shard(store, h);
    mutex_lock(&shard->lock);
    uint32_t id = find_entry(store, shard, h, ret_ref);
    mutex_unlock(&shard->lock);
    if (id == ID_NONE)
        return false;
    cursor_move(store, cursor, id);
    return true;
}

/* Takes a page's dead entries out of their tables; true when none of the page is left. */
static bool sweep_entries(MetricStore *store, RawEntry *page, uint32_t first_id, uint32_t count,
                          const uint8_t *dead)
{
    uint32_t gone = 0;

    for (uint32_t i = 0; i < count; i++) {
        RawEntry *entry = &page[i];
        SeriesRef ref = entry->ref;
        if (ref != SERIES_REF_NONE && dead[ref / 8] >> ref % 8 & 1) {
            RegistryShard *shard = raw_shard(store, (Hash128){entry->low, entry->high});
            id_table_remove(&shard->table, (uint32_t)entry->low, first_id + i);
            entry->ref = SERIES_REF_NONE;
        }
        gone += entry->ref == SERIES_REF_NONE;
    }
    return gone == ENTRY_PAGE;
}

void metric__unregister_raw(MetricStore *store, const uint8_t *dead)
{
    for (uint32_t id = 0; id < store->next_entry; id += ENTRY_PAGE) {
        RawEntry *page = paged_page(&store->entries, id / ENTRY_PAGE);
        uint32_t count = LUMA_MIN(ENTRY_PAGE, store->next_entry - id);
        if (!page || !sweep_entries(store, page, id, count, dead))
            continue;
        paged_set(&store->entries, id / ENTRY_PAGE, NULL);
        mem_free(page);
        metric__charge_anyway(store, -(int64_t)ENTRY_PAGE_BYTES);
    }
}

/* A fresh entry id, its page made when missing. */
static Status new_entry(MetricStore *store, uint32_t *ret_id, Error *err)
{
    MUTEX_GUARD(&store->series_lock);
    uint32_t id = store->next_entry;

    if (id >= ID_NONE - 1)
        return error_set(err, STATUS_UNAVAILABLE, "no series numbers are left; restart the server");
    if (id % ENTRY_PAGE == 0) {
        TRY(metric__charge(store, ENTRY_PAGE_BYTES, err));
        paged_set(&store->entries, id / ENTRY_PAGE, mem_zalloc(ENTRY_PAGE_BYTES));
    }
    store->next_entry++;
    *ret_id = id;
    return STATUS_OK;
}

static Status add_raw(MetricStore *store, SeriesCursor *cursor, uint8_t codec, Str raw,
                      SeriesRef ref, Error *err)
{
    Hash128 h = raw_hash(codec, raw);
    RegistryShard *shard = raw_shard(store, h);
    SeriesRef known;
    uint32_t id;

    {
        MUTEX_GUARD(&shard->lock);
        id = find_entry(store, shard, h, &known);
        if (id == ID_NONE) {
            TRY(metric__charge(store, id_table_growth(&shard->table), err));
            TRY(new_entry(store, &id, err));
            RawEntry *entry = entry_at(store, id);
            entry->low = h.low;
            entry->high = h.high;
            entry->ref = ref;
            id_table_put(&shard->table, (uint32_t)h.low, id);
        }
    }
    cursor_move(store, cursor, id);
    return STATUS_OK;
}

/* ---- label sets ---- */

static bool shape_is(const LabelShape *shape, const uint32_t *names, uint32_t count)
{
    return shape->count == count && memcmp(shape->names, names, count * sizeof *names) == 0;
}

static Status intern_shape(MetricStore *store, const uint32_t *names, uint32_t count,
                           uint32_t *ret_shape, Error *err)
{
    uint32_t hash = (uint32_t)hash64(names, count * sizeof *names, store->index.seed);
    uint32_t pos = 0;
    uint32_t id;

    MUTEX_GUARD(&store->shape_lock);
    while ((id = id_table_next(&store->shape_table, hash, &pos)) != ID_NONE)
        if (shape_is(metric__shape(store, id), names, count))
            break;
    if (id == ID_NONE) {
        size_t bytes = sizeof(LabelShape) + count * sizeof *names;
        id = store->shape_count;
        TRY(metric__charge(store, (int64_t)bytes + id_table_growth(&store->shape_table) + 8, err));
        if (id % LABEL_PAGE_ITEMS == 0)
            paged_set(&store->shapes, id / LABEL_PAGE_ITEMS,
                      mem_zalloc(LABEL_PAGE_ITEMS * sizeof(void *)));
        LabelShape *shape = mem_alloc(bytes);
        shape->count = count;
        memcpy(shape->names, names, count * sizeof *names);
        void **page = paged_page(&store->shapes, id / LABEL_PAGE_ITEMS);
        page[id % LABEL_PAGE_ITEMS] = shape;
        id_table_put(&store->shape_table, hash, id);
        __atomic_store_n(&store->shape_count, id + 1, __ATOMIC_RELEASE);
    }
    *ret_shape = id;
    return STATUS_OK;
}

/* Interns all pairs of a label set and its shape. mem_alloc'ed. */
static Status intern_labels(MetricStore *store, LabelSet labels, SeriesLabels **ret_labels,
                            Error *err)
{
    uint32_t few[64];
    size_t bytes = sizeof(SeriesLabels) + labels.count * sizeof(uint32_t);
    uint32_t *names = labels.count > LUMA_ARRAY_LEN(few) ? mem_alloc(bytes) : few;
    SeriesLabels *series = mem_alloc(bytes);
    Status status = STATUS_OK;

    series->count = labels.count;
    for (uint32_t i = 0; status == STATUS_OK && i < labels.count; i++) {
        status = label_index_intern(&store->index, labels.labels[i].name, labels.labels[i].value,
                                    &series->pairs[i], err);
        if (status == STATUS_OK)
            names[i] = label_index_pair(&store->index, series->pairs[i])->name;
    }
    if (status == STATUS_OK)
        status = intern_shape(store, names, labels.count, &series->shape, err);
    if (names != few)
        mem_free(names);
    if (status != STATUS_OK) {
        mem_free(series);
        return status == STATUS_LIMIT
                   ? error_set(err, STATUS_UNAVAILABLE, "hot memory is full; retry later")
                   : status;
    }
    *ret_labels = series;
    return STATUS_OK;
}

static Status new_ref(MetricStore *store, SeriesRef *ret_ref, Error *err)
{
    MUTEX_GUARD(&store->series_lock);
    SeriesRef ref = store->next_ref;

    if (ref >= SERIES_REF_NONE - 1)
        return error_set(err, STATUS_UNAVAILABLE, "no series numbers are left; restart the server");
    if (ref % PAGE_SERIES == 0) {
        TRY(metric__charge(store, (int64_t)sizeof(SeriesPage), err));
        SeriesPage *page = mem_alloc_aligned(sizeof *page);
        memset(page, 0, sizeof *page);
        mutex_init(&page->lock);
        paged_set(&store->pages, ref / PAGE_SERIES, page);
    }
    store->next_ref++;
    *ret_ref = ref;
    return STATUS_OK;
}

/* SERIES_REF_NONE when there is no such set. Under the shard's lock. */
static SeriesRef find_labels(const MetricStore *store, const RegistryShard *shard, uint32_t hash,
                             const SeriesLabels *labels)
{
    uint32_t pos = 0;
    uint32_t ref;

    while ((ref = id_table_next(&shard->table, hash, &pos)) != ID_NONE) {
        const SeriesLabels *other = metric__labels(store, ref);
        if (other && other->count == labels->count &&
            memcmp(other->pairs, labels->pairs, labels->count * sizeof labels->pairs[0]) == 0)
            break;
    }
    return ref;
}

static uint64_t hash_labels(const MetricStore *store, const SeriesLabels *labels)
{
    return hash64(labels->pairs, labels->count * sizeof labels->pairs[0], store->index.seed);
}

static RegistryShard *label_shard(MetricStore *store, uint64_t hash)
{
    return &store->by_labels[hash >> 32 & (REGISTRY_SHARDS - 1)];
}

void metric__unregister_labels(MetricStore *store, SeriesRef ref)
{
    uint64_t hash = hash_labels(store, metric__labels(store, ref));
    id_table_remove(&label_shard(store, hash)->table, (uint32_t)hash, ref);
}

/* Takes `labels` when a series is made of them, else leaves them to the caller. */
static Status find_or_create(MetricStore *store, SeriesLabels **labels, SeriesRef *ret_ref,
                             bool *ret_created, Error *err)
{
    size_t bytes = (*labels)->count * sizeof(uint32_t);
    uint64_t hash = hash_labels(store, *labels);
    RegistryShard *shard = label_shard(store, hash);
    SeriesRef ref;

    MUTEX_GUARD(&shard->lock);
    ref = find_labels(store, shard, (uint32_t)hash, *labels);
    *ret_created = ref == SERIES_REF_NONE;
    if (ref == SERIES_REF_NONE) {
        TRY(metric__charge(
            store, (int64_t)(sizeof **labels + bytes) + id_table_growth(&shard->table), err));
        TRY(new_ref(store, &ref, err));
        const SeriesLabels *own = STEAL(*labels);
        __atomic_store_n(&metric__series(store, ref)->labels, own, __ATOMIC_RELEASE);
        label_index_add(&store->index, ref, own->pairs, own->count);
        id_table_put(&shard->table, (uint32_t)hash, ref);
        __atomic_add_fetch(&store->series_count, 1, __ATOMIC_RELAXED);
    }
    *ret_ref = ref;
    return STATUS_OK;
}

Status metric_store_add(MetricStore *store, SeriesCursor *cursor, uint8_t codec, Str raw,
                        LabelSet labels, SeriesRef *ret_ref, bool *ret_created, Error *err)
{
    SeriesLabels *interned = NULL;
    SeriesRef ref;
    bool created;

    TRY(intern_labels(store, labels, &interned, err));
    Status status = find_or_create(store, &interned, &ref, &created, err);
    mem_free(interned);
    TRY(status);
    if (raw.len)
        TRY(add_raw(store, cursor, codec, raw, ref, err));
    *ret_ref = ref;
    if (ret_created)
        *ret_created = created;
    return STATUS_OK;
}

/* ---- definitions ---- */

bool metric_store_is_durable(const MetricStore *store, SeriesRef ref)
{
    const SeriesPage *page = metric__page(store, ref);
    uint32_t slot = ref % PAGE_SERIES;
    return __atomic_load_n(&page->durable[slot / 64], __ATOMIC_ACQUIRE) >> (slot % 64) & 1;
}

void metric_store_mark_durable(MetricStore *store, const SeriesRef *refs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SeriesPage *page = metric__page(store, refs[i]);
        uint32_t slot = refs[i] % PAGE_SERIES;
        __atomic_fetch_or(&page->durable[slot / 64], UINT64_C(1) << (slot % 64), __ATOMIC_RELEASE);
    }
}

Status metric_store_definition(MetricStore *store, SeriesRef ref, Arena *arena,
                               LabelSet *ret_labels, Error *err)
{
    const SeriesLabels *own = metric__labels(store, ref);
    Label *labels;

    if (!own)
        return error_set(err, STATUS_NOT_FOUND, "there is no series %u", ref);
    TRY(arena_try_alloc(arena, (own->count + 1) * sizeof *labels, &labels, err));
    for (uint32_t i = 0; i < own->count; i++)
        labels[i] = label_index_label(&store->index, own->pairs[i]);
    *ret_labels = (LabelSet){labels, own->count};
    return STATUS_OK;
}
