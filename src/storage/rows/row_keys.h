/* row_keys.h - the primary and unique keys of a table: 128 bits each.
 *
 * A key is the hash of its values under the process' secret, so equal hashes mean equal keys (no
 * client can build a collision). A writer reserves its keys before the log gets the rows; so the
 * log holds only rows whose keys were free, and replay need not ask.
 *
 * Threads: guarded by a lock of its own; any thread.
 */
#ifndef LUMA_STORAGE_ROWS_ROW_KEYS_H
#define LUMA_STORAGE_ROWS_ROW_KEYS_H

#include "arrow/batch.h"
#include "base/hash.h"
#include "base/thread.h"
#include "storage/catalog/catalog.h"

typedef struct RowKeys {
    Mutex lock;
    Hash128 *slots; /* guarded by lock; both halves 0 = empty */
    size_t slot_count;
    size_t count;
    MemBudget *budget;
} RowKeys;

void row_keys_init(RowKeys *keys, MemBudget *budget);
void row_keys_done(RowKeys *keys);
/* Adds the keys of all rows, or none: EXISTS 23505 names the first that is there already. */
Status row_keys_reserve(RowKeys *keys, const Table *table, const RecordBatch *rows, Error *err);
/* Takes back what row_keys_reserve added. */
void row_keys_release(RowKeys *keys, const Table *table, const RecordBatch *rows);
/* Adds keys that are known to be good; those present stay. */
void row_keys_load(RowKeys *keys, const Table *table, const RecordBatch *rows);

#endif
