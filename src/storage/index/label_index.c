#include "storage/index/label_index.h"

#include <sys/random.h>

#include "base/hash.h"

/* ---- life ---- */

/* A reader that comes while a writer waits goes behind it, so that queries never starve
 * registrations. */
static void init_lock(RwLock *lock)
{
    pthread_rwlockattr_t attr;

    ASSERT(pthread_rwlockattr_init(&attr) == 0);
    ASSERT(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    ASSERT(pthread_rwlock_init(lock, &attr) == 0);
    (void)pthread_rwlockattr_destroy(&attr);
}

void label_index_init(LabelIndex *index, MemBudget *budget)
{
    *index = (LabelIndex){.budget = budget};
    ASSERT(getrandom(&index->seed, sizeof index->seed, 0) == (ssize_t)sizeof index->seed);
    init_lock(&index->lock);
    for (int i = 0; i < LABEL_PAIR_SHARDS; i++)
        mutex_init(&index->shards[i].lock);
}

void label_index_done(LabelIndex *index)
{
    for (uint32_t i = 0; i < index->pair_count; i++) {
        LabelPair *pair = (LabelPair *)(uintptr_t)label_index_pair(index, i);
        mem_free((void *)(uintptr_t)pair->text);
        postings_done(&pair->postings);
    }
    for (uint32_t i = 0; i < index->name_count; i++) {
        LabelName *name = (LabelName *)(uintptr_t)label_index_name(index, i);
        mem_free((void *)(uintptr_t)name->text);
        mem_free(name->pairs);
        postings_done(&name->postings);
    }
    postings_done(&index->all);
    paged_done(&index->pairs, mem_free);
    paged_done(&index->names, mem_free);
    id_table_done(&index->name_table);
    mem_free(index->free_pairs);
    for (int i = 0; i < LABEL_PAIR_SHARDS; i++) {
        id_table_done(&index->shards[i].table);
        mutex_done(&index->shards[i].lock);
    }
    rwlock_done(&index->lock);
    mem_budget_release(index->budget, index->charged);
}

static Status charge(LabelIndex *index, int64_t bytes, Error *err)
{
    TRY(mem_budget_charge(index->budget, bytes, err));
    __atomic_add_fetch(&index->charged, bytes, __ATOMIC_RELAXED);
    return STATUS_OK;
}

static void charge_anyway(LabelIndex *index, int64_t bytes)
{
    mem_budget_force(index->budget, bytes);
    __atomic_add_fetch(&index->charged, bytes, __ATOMIC_RELAXED);
}

/* ---- interning ---- */

static uint64_t hash_pair(const LabelIndex *index, Str name, Str value)
{
    return hash64(value.ptr, value.len, hash64(name.ptr, name.len, index->seed));
}

static LabelPairShard *pair_shard(LabelIndex *index, uint64_t hash)
{
    return &index->shards[hash >> 32 & (LABEL_PAIR_SHARDS - 1)];
}

static uint32_t find_name(const LabelIndex *index, Str name)
{
    uint32_t hash = (uint32_t)hash64(name.ptr, name.len, index->seed);
    uint32_t pos = 0;
    uint32_t id;

    while ((id = id_table_next(&index->name_table, hash, &pos)) != ID_NONE) {
        const LabelName *n = label_index_name(index, id);
        if (str_eq(name, str_make(n->text, n->len)))
            break;
    }
    return id;
}

static uint32_t find_pair(const LabelIndex *index, const IdTable *table, uint32_t hash, Str name,
                          Str value)
{
    uint32_t pos = 0;
    uint32_t id;

    while ((id = id_table_next(table, hash, &pos)) != ID_NONE) {
        const LabelPair *p = label_index_pair(index, id);
        if (!str_eq(value, str_make(p->text, p->len)))
            continue;
        const LabelName *n = label_index_name(index, p->name);
        if (str_eq(name, str_make(n->text, n->len)))
            break;
    }
    return id;
}

/* An item of a paged array, its page made when missing; all under the write lock. */
static void *new_item(LabelIndex *index, Paged *paged, uint32_t id, size_t item_bytes)
{
    uint32_t page_idx = id / LABEL_PAGE_ITEMS;

    if (!paged_page(paged, page_idx)) {
        paged_set(paged, page_idx, mem_zalloc(LABEL_PAGE_ITEMS * item_bytes));
        charge_anyway(index, (int64_t)(LABEL_PAGE_ITEMS * item_bytes));
    }
    return (char *)paged_page(paged, page_idx) + id % LABEL_PAGE_ITEMS * item_bytes;
}

static uint32_t new_name(LabelIndex *index, Str name)
{
    uint32_t id = index->name_count;
    LabelName *n = new_item(index, &index->names, id, sizeof *n);

    *n = (LabelName){.text = mem_dup(name.ptr, name.len), .len = (uint32_t)name.len};
    charge_anyway(index, (int64_t)name.len + id_table_growth(&index->name_table));
    id_table_put(&index->name_table, (uint32_t)hash64(name.ptr, name.len, index->seed), id);
    index->name_count++;
    return id;
}

static uint32_t new_pair(LabelIndex *index, Str name, Str value)
{
    rwlock_write(&index->lock);
    uint32_t name_id = find_name(index, name);
    if (name_id == ID_NONE)
        name_id = new_name(index, name);
    uint32_t id = index->free_count ? index->free_pairs[--index->free_count] : index->pair_count++;
    LabelPair *p = new_item(index, &index->pairs, id, sizeof *p);
    *p = (LabelPair){
        .text = mem_dup(value.ptr, value.len), .len = (uint32_t)value.len, .name = name_id};
    LabelName *n = (LabelName *)(uintptr_t)label_index_name(index, name_id);
    uint32_t cap = n->pair_cap;
    MEM_GROW(n->pairs, n->pair_cap, n->pair_count + 1);
    charge_anyway(index, (int64_t)(n->pair_cap - cap) * (int64_t)sizeof *n->pairs);
    n->pairs[n->pair_count++] = id;
    rwlock_unlock(&index->lock);
    return id;
}

Status label_index_intern(LabelIndex *index, Str name, Str value, uint32_t *ret_pair, Error *err)
{
    uint64_t hash = hash_pair(index, name, value);
    LabelPairShard *shard = pair_shard(index, hash);

    MUTEX_GUARD(&shard->lock);
    uint32_t id = find_pair(index, &shard->table, (uint32_t)hash, name, value);
    if (id == ID_NONE) {
        TRY(charge(index, (int64_t)value.len + id_table_growth(&shard->table), err));
        id = new_pair(index, name, value);
        id_table_put(&shard->table, (uint32_t)hash, id);
    }
    *ret_pair = id;
    return STATUS_OK;
}

bool label_index_find(LabelIndex *index, Str name, Str value, uint32_t *ret_pair)
{
    uint64_t hash = hash_pair(index, name, value);
    LabelPairShard *shard = pair_shard(index, hash);

    MUTEX_GUARD(&shard->lock);
    *ret_pair = find_pair(index, &shard->table, (uint32_t)hash, name, value);
    return *ret_pair != ID_NONE;
}

bool label_index_find_name(LabelIndex *index, Str name, uint32_t *ret_name)
{
    rwlock_read(&index->lock);
    *ret_name = find_name(index, name);
    rwlock_unlock(&index->lock);
    return *ret_name != ID_NONE;
}

/* ---- series ---- */

static LabelPair *pair_at(LabelIndex *index, uint32_t pair)
{
    return (LabelPair *)(uintptr_t)label_index_pair(index, pair);
}

static LabelName *name_at(LabelIndex *index, uint32_t name)
{
    return (LabelName *)(uintptr_t)label_index_name(index, name);
}

void label_index_add(LabelIndex *index, uint32_t ref, const uint32_t *pairs, uint32_t pair_count)
{
    int64_t bytes = 0;

    rwlock_write(&index->lock);
    for (uint32_t i = 0; i < pair_count; i++) {
        LabelPair *p = pair_at(index, pairs[i]);
        bytes += postings_add(&p->postings, ref);
        bytes += postings_add(&name_at(index, p->name)->postings, ref) / 8; /* dense: mostly bits */
    }
    bytes += postings_add(&index->all, ref) / 8;
    rwlock_unlock(&index->lock);
    charge_anyway(index, bytes);
}

void label_index_remove(LabelIndex *index, uint32_t ref, const uint32_t *pairs, uint32_t pair_count)
{
    int64_t bytes = 0;

    rwlock_write(&index->lock);
    for (uint32_t i = 0; i < pair_count; i++) {
        LabelPair *p = pair_at(index, pairs[i]);
        bytes += postings_remove(&p->postings, ref);
        bytes += postings_remove(&name_at(index, p->name)->postings, ref) / 8;
    }
    bytes += postings_remove(&index->all, ref) / 8;
    rwlock_unlock(&index->lock);
    charge_anyway(index, -bytes);
}

/* Takes the pairs without series out of one name's list. */
static void sweep_name(LabelIndex *index, LabelName *name, uint32_t **pairs, uint32_t *count,
                       uint32_t *cap)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < name->pair_count; i++) {
        uint32_t id = name->pairs[i];
        const LabelPair *p = label_index_pair(index, id);
        if (p->postings.count) {
            name->pairs[kept++] = id;
            continue;
        }
        uint64_t hash =
            hash_pair(index, str_make(name->text, name->len), str_make(p->text, p->len));
        id_table_remove(&pair_shard(index, hash)->table, (uint32_t)hash, id);
        MEM_GROW(*pairs, *cap, *count + 1);
        (*pairs)[(*count)++] = id;
    }
    name->pair_count = kept;
}

void label_index_sweep(LabelIndex *index, uint32_t **pairs, uint32_t *count, uint32_t *cap)
{
    for (uint32_t i = 0; i < index->name_count; i++) {
        rwlock_write(&index->lock); /* one name at a time: readers get in between */
        sweep_name(index, name_at(index, i), pairs, count, cap);
        rwlock_unlock(&index->lock);
    }
}

void label_index_release(LabelIndex *index, const uint32_t *pairs, uint32_t count)
{
    int64_t bytes = 0;

    rwlock_write(&index->lock);
    for (uint32_t i = 0; i < count; i++) {
        LabelPair *p = pair_at(index, pairs[i]);
        bytes += p->len;
        mem_free((void *)(uintptr_t)p->text);
        *p = (LabelPair){0};
        MEM_GROW(index->free_pairs, index->free_cap, index->free_count + 1);
        index->free_pairs[index->free_count++] = pairs[i];
    }
    rwlock_unlock(&index->lock);
    charge_anyway(index, -bytes);
}

/* ---- metadata ---- */

Status label_index_names(LabelIndex *index, Arena *arena, Str **ret_names, uint32_t *ret_count,
                         Error *err)
{
    Str *names;
    uint32_t count = 0;

    rwlock_read(&index->lock);
    Status status = arena_try_alloc(arena, (index->name_count + 1) * sizeof *names, &names, err);
    for (uint32_t i = 0; status == STATUS_OK && i < index->name_count; i++) {
        const LabelName *n = label_index_name(index, i);
        if (n->postings.count)
            names[count++] = str_make(n->text, n->len);
    }
    rwlock_unlock(&index->lock);
    TRY(status);
    *ret_names = names;
    *ret_count = count;
    return STATUS_OK;
}

Status label_index_values(LabelIndex *index, Str name, Arena *arena, Str **ret_values,
                          uint32_t *ret_count, Error *err)
{
    Str *values = NULL;
    uint32_t count = 0;
    Status status = STATUS_OK;

    rwlock_read(&index->lock);
    uint32_t id = find_name(index, name);
    if (id != ID_NONE) {
        const LabelName *n = label_index_name(index, id);
        status = arena_try_alloc(arena, (n->pair_count + 1) * sizeof *values, &values, err);
        for (uint32_t i = 0; status == STATUS_OK && i < n->pair_count; i++) {
            const LabelPair *p = label_index_pair(index, n->pairs[i]);
            if (p->postings.count)
                values[count++] = str_make(p->text, p->len);
        }
    }
    rwlock_unlock(&index->lock);
    TRY(status);
    *ret_values = values;
    *ret_count = count;
    return STATUS_OK;
}

uint32_t label_index_id_count(LabelIndex *index, bool names)
{
    rwlock_read(&index->lock);
    uint32_t count = names ? index->name_count : index->pair_count;
    rwlock_unlock(&index->lock);
    return count;
}

void label_index_each(LabelIndex *index,
                      void (*on_pair)(void *ctx, Label label, uint32_t pair, uint32_t series_count),
                      void *ctx)
{
    rwlock_read(&index->lock);
    for (uint32_t i = 0; i < index->pair_count; i++) {
        uint32_t count = label_index_pair(index, i)->postings.count;
        if (count)
            on_pair(ctx, label_index_label(index, i), i, count);
    }
    rwlock_unlock(&index->lock);
}
