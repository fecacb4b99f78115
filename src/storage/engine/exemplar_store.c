#include "storage/engine/exemplar_store.h"

#include "base/thread.h"

enum { BLOCK_EXEMPLARS = 4096 };

struct ExemplarStore {
    MemBudget *budget;
    Arena arena; /* the appender's: labels and blocks */
    int64_t charged_bytes;
    Mutex lock;        /* guards the directory of blocks */
    Exemplar **blocks; /* owned array of arena blocks */
    size_t block_count;
    size_t block_cap;
    size_t count; /* atomic: release after the exemplar is written */
};

ExemplarStore *exemplar_store_new(MemBudget *budget)
{
    ExemplarStore *store = MEM_NEW(ExemplarStore);

    store->budget = budget;
    arena_init(&store->arena, NULL);
    mutex_init(&store->lock);
    return store;
}

ExemplarStore *exemplar_store_free(ExemplarStore *store)
{
    if (store) {
        mem_budget_release(store->budget, store->charged_bytes);
        arena_done(&store->arena);
        mem_free(store->blocks);
        mutex_done(&store->lock);
        mem_free(store);
    }
    return NULL;
}

static void charge(ExemplarStore *store, size_t bytes)
{
    store->charged_bytes += (int64_t)bytes;
    mem_budget_force(store->budget, (int64_t)bytes);
}

static Exemplar *place(ExemplarStore *store, size_t i)
{
    if (i / BLOCK_EXEMPLARS == store->block_count) {
        Exemplar *block = ARENA_NEW_ARRAY(&store->arena, Exemplar, BLOCK_EXEMPLARS);
        charge(store, sizeof(Exemplar) * BLOCK_EXEMPLARS);
        MUTEX_GUARD(&store->lock);
        MEM_GROW(store->blocks, store->block_cap, store->block_count + 1);
        store->blocks[store->block_count++] = block;
    }
    return &store->blocks[i / BLOCK_EXEMPLARS][i % BLOCK_EXEMPLARS];
}

void exemplar_store_append(ExemplarStore *store, const Exemplar *exemplar)
{
    Exemplar *to = place(store, store->count);

    *to = *exemplar;
    to->labels = label_set_copy(exemplar->labels, &store->arena);
    for (uint32_t i = 0; i < exemplar->labels.count; i++)
        charge(store, sizeof(Label) + exemplar->labels.labels[i].name.len +
                          exemplar->labels.labels[i].value.len);
    __atomic_store_n(&store->count, store->count + 1, __ATOMIC_RELEASE);
}

const Exemplar *exemplar_store_at(ExemplarStore *store, size_t i)
{
    MUTEX_GUARD(&store->lock);
    return &store->blocks[i / BLOCK_EXEMPLARS][i % BLOCK_EXEMPLARS];
}

size_t exemplar_store_count(ExemplarStore *store, Lsn lsn)
{
    size_t low = 0;
    size_t high = __atomic_load_n(&store->count, __ATOMIC_ACQUIRE);

    while (low < high) { /* first one above lsn */
        size_t mid = (low + high) / 2;
        if (exemplar_store_at(store, mid)->lsn <= lsn)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}
