/* row_changes.h - what a write is about to do to one table: rows to come, rows to go.
 *
 * A transaction gathers its changes here, each under the number of its command (statement, from 1
 * on). Its own
 * scans see the changes of earlier commands on top of the snapshot; a savepoint is a number to roll
 * back to. Keys are checked when rows are added, against what is stored and against the own rows,
 * so that a violation is the statement's error. When the write goes to the log, it reserves the
 * rows it deletes and the keys it adds; of two writes of the same row the first one wins and the
 * other gets CONFLICT.
 *
 *   new, insert / delete / truncate / rollback ..., reserve, rows + names (the log's entries),
 *   apply or release, free
 *
 * Rows that are not written have ids, too: ROW_ID_PENDING and their number.
 *
 * Threads: confined to the writer, then (apply, release) to the applier. A scan copies what it
 * needs when it is made.
 */
#ifndef LUMA_STORAGE_ROWS_ROW_CHANGES_H
#define LUMA_STORAGE_ROWS_ROW_CHANGES_H

#include "storage/rows/row_store.h"

#define ROW_ID_PENDING (UINT64_C(1) << 63)

/* A row by the write that stored it, see WalRowName. */
typedef struct RowName {
    Lsn lsn;
    uint64_t position;
} RowName;

/* Takes the reference to the table; what is added lives in `arena`. */
RowChanges *row_changes_new(RowTable *table, Arena *arena);
RowChanges *row_changes_free(RowChanges *changes); /* NULL is fine; returns NULL */
RowTable *row_changes_table(const RowChanges *changes);

/* Adds a copy of the rows. EXISTS 23505; CONFLICT 40001 when another write is about to store the
 * key. After an error the caller rolls the command back. */
Status row_changes_insert(RowChanges *changes, uint32_t command, const RecordBatch *rows,
                          Error *err);
/* As row_changes_insert for rows that live as long as the changes: they are not copied. */
Status row_changes_take(RowChanges *changes, uint32_t command, const RecordBatch *rows, Error *err);
/* Marks rows as deleted, stored or pending ones. Those this write has deleted already are passed
 * over. CONFLICT 40001 when another write has replaced one. */
Status row_changes_delete(RowChanges *changes, uint32_t command, const uint64_t *row_ids,
                          uint32_t count, Error *err);
/* All rows go, whoever wrote them: those stored until this write is applied, and the pending ones.
 */
void row_changes_truncate(RowChanges *changes, uint32_t command);
/* Takes back all commands from `command` on. */
void row_changes_rollback(RowChanges *changes, uint32_t command);
bool row_changes_empty(const RowChanges *changes);

/* Reserves rows and keys. EXISTS, CONFLICT: then nothing is reserved. */
Status row_changes_reserve(RowChanges *changes, Error *err);
/* Gives back what was reserved; no-op when nothing is. */
void row_changes_release(RowChanges *changes);
/* What the log gets, after reserve: the rows that are left of those added, and the names of those
 * to delete (`*ret_all`: and everything stored). In the arena of the changes. */
Status row_changes_rows(RowChanges *changes, const RecordBatch **ret_batches, uint32_t *ret_count,
                        Error *err);
void row_changes_names(RowChanges *changes, RowName **ret_names, uint32_t *ret_count,
                       bool *ret_all);
/* Makes the changes at `lsn`, after rows. The applier. */
void row_changes_apply(RowChanges *changes, Lsn lsn);

#endif
