/* exemplar_store.h - exemplars in memory: appended in LSN order, read by prefix.
 *
 * Threads: one appender (the applier); any readers. Blocks never move; a reader takes the count
 * once.
 */
#ifndef LUMA_STORAGE_ENGINE_EXEMPLAR_STORE_H
#define LUMA_STORAGE_ENGINE_EXEMPLAR_STORE_H

#include "base/label.h"
#include "storage/metrics/sample.h"

typedef struct Exemplar {
    Lsn lsn;
    int64_t ts_ms;
    double value;
    SeriesRef ref;
    LabelSet labels; /* owned by the store */
} Exemplar;

typedef struct ExemplarStore ExemplarStore;

ExemplarStore *exemplar_store_new(MemBudget *budget);
ExemplarStore *exemplar_store_free(ExemplarStore *store); /* returns NULL */
/* Copies it, lsn included, which is at least that of the one before. The appender. */
void exemplar_store_append(ExemplarStore *store, const Exemplar *exemplar);
/* How many belong to writes up to `lsn`: the first ones. */
size_t exemplar_store_count(ExemplarStore *store, Lsn lsn);
/* i < a count got before. Lives as long as the store. */
const Exemplar *exemplar_store_at(ExemplarStore *store, size_t i);

#endif
