/* metadata_store.h - type, unit and help of metrics: the last write of each wins.
 *
 * Metadata is small and has no history: readers see what is applied when they ask.
 * Threads: guarded by a lock of its own; any thread.
 */
#ifndef LUMA_STORAGE_ENGINE_METADATA_STORE_H
#define LUMA_STORAGE_ENGINE_METADATA_STORE_H

#include "storage/engine/engine.h"

typedef struct MetadataStore MetadataStore;

MetadataStore *metadata_store_new(MemBudget *budget);
MetadataStore *metadata_store_free(MetadataStore *store); /* returns NULL */
/* Copies the texts. */
void metadata_store_put(MetadataStore *store, const MetadataRow *row);
/* Is exactly this known already? */
bool metadata_store_has(MetadataStore *store, const MetadataRow *row);
/* Copies into the arena, sorted by metric; an empty `metric` means all. STATUS_LIMIT of the arena.
 */
Status metadata_store_list(MetadataStore *store, Str metric, Arena *arena, MetadataRow **ret_rows,
                           uint32_t *ret_count, Error *err);

#endif
