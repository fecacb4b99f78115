/* row_keys.h - the primary and unique keys of a table: 128 bits each -> row id.
 *
 * A key is the hash of its values under the process' secret, so equal hashes mean equal keys (no
 * client can build a collision). The keys of a table share one set. A slot names the newest row
 * that has the key; when that row is deleted the slot stays, for snapshots that still see the row,
 * and the key is free. A write reserves its keys as their owner before the log gets the rows; so
 * the log holds only rows whose keys were free, and replay need not ask.
 *
 * Threads: guarded by the owner's lock.
 */
#ifndef LUMA_STORAGE_ROWS_ROW_KEYS_H
#define LUMA_STORAGE_ROWS_ROW_KEYS_H

#include "arrow/batch.h"
#include "base/hash.h"
#include "base/mem.h"
#include "storage/catalog/catalog.h"

#define ROW_ID_NONE UINT64_MAX

enum { ROW_KEY_COLUMNS_MAX = 32 }; /* as PostgreSQL; lookups serve keys up to this */

typedef struct RowKeySlot {
    Hash128 hash;      /* low 0 = empty */
    uint64_t row_id;   /* newest row with the key; ROW_ID_NONE = only reserved */
    const void *owner; /* the write under way that reserved the key, NULL = none */
} RowKeySlot;

typedef struct RowKeys {
    RowKeySlot *slots;
    size_t slot_count; /* power of two or 0 */
    size_t count;
    MemBudget *budget; /* charged by force; NULL = not counted */
} RowKeys;

void row_keys_init(RowKeys *keys, MemBudget *budget);
void row_keys_done(RowKeys *keys);
/* Makes it empty. */
void row_keys_clear(RowKeys *keys);
/* NULL when the key is not there. Valid until the next put or erase. */
RowKeySlot *row_keys_find(const RowKeys *keys, Hash128 hash);
/* The key's slot, made when absent. */
RowKeySlot *row_keys_put(RowKeys *keys, Hash128 hash);
void row_keys_erase(RowKeys *keys, Hash128 hash);

/* The key of a row of the table; false when a NULL keeps the row out of it. */
bool row_key_of_row(const TableKey *key, const RecordBatch *rows, uint32_t row, Buf *scratch,
                    Hash128 *ret_hash);
/* The same from the key's own columns, one after another. */
bool row_key_of_values(const TableKey *key, const Column *values, uint32_t row, Buf *scratch,
                       Hash128 *ret_hash);
/* EXISTS 23505 in PostgreSQL's words. */
Status row_key_exists(const TableKey *key, const Table *table, const RecordBatch *rows,
                      uint32_t row, Error *err);

#endif
