/* sequence_store.h - where sequences stand.
 *
 * The log gets a value ahead of what is given out (32 values, as PostgreSQL), so that most values
 * cost no write and none comes twice after a crash; then those that were logged but not given are
 * left out. States have ids of their own (CatalogSequence.state_id): RESTART makes a new state, so
 * it can be rolled back, while nextval never is.
 *
 * Threads: any; guarded by a lock of its own, which is not held while the log is written.
 */
#ifndef LUMA_STORAGE_ENGINE_SEQUENCE_STORE_H
#define LUMA_STORAGE_ENGINE_SEQUENCE_STORE_H

#include "base/thread.h"
#include "storage/catalog/catalog.h"

typedef struct SequenceStore SequenceStore;

/* Makes a value durable; called without locks. */
typedef Status (*SequenceLog)(void *ctx, uint32_t state_id, int64_t value, bool is_called,
                              Error *err);

SequenceStore *sequence_store_new(SequenceLog log, void *ctx);
SequenceStore *sequence_store_free(SequenceStore *store); /* returns NULL */

/* The next `count` values. 2200H when the sequence is at its end. */
Status sequence_store_next(SequenceStore *store, const CatalogSequence *sequence, uint32_t count,
                           int64_t *ret_values, Error *err);
/* setval; the value was checked. */
Status sequence_store_set(SequenceStore *store, const CatalogSequence *sequence, int64_t value,
                          bool is_called, Error *err);
/* What SELECT from the sequence shows. */
void sequence_store_get(SequenceStore *store, const CatalogSequence *sequence, int64_t *ret_value,
                        int64_t *ret_log_count, bool *ret_is_called);
/* Takes a value from the log (the applier, replay). */
void sequence_store_apply(SequenceStore *store, uint32_t state_id, int64_t value, bool is_called,
                          bool replay);
/* Forgets states that no sequence of the version has; returns the highest id there was. */
uint32_t sequence_store_prune(SequenceStore *store, const CatalogVersion *version);
void sequence_store_drop(SequenceStore *store, uint32_t state_id);
/* The durable states of the version's sequences as changes, in the arena. */
size_t sequence_store_list(SequenceStore *store, const CatalogVersion *version, Arena *arena,
                           CatalogChange **ret_changes);

#endif
