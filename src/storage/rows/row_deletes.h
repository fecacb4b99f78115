/* row_deletes.h - which rows of a segment are deleted, and since when.
 *
 * One LSN per row beside a segment that has deleted rows: 0 = live, ROW_DELETE_RESERVED = a write
 * under way is about to delete it, else row_delete_value of the LSN of the write that did
 * (temporary tables of an empty directory are written at LSN 0). A snapshot at LSN L does not see
 * the row from its delete's LSN on. An open segment and the sealed copy that replaces it share one
 * RowDeletes, so a reader of either sees the same.
 *
 * Threads: values are atomics. Reservations and their end are made under the table's lock, deletes
 * by the applier; readers take none: visible_lsn is published after the deletes up to it.
 */
#ifndef LUMA_STORAGE_ROWS_ROW_DELETES_H
#define LUMA_STORAGE_ROWS_ROW_DELETES_H

#include "base/mem.h"

#define ROW_DELETE_RESERVED UINT64_MAX

typedef struct RowDeletes {
    int64_t ref_count; /* atomic */
    MemBudget *budget;
    uint32_t cap;        /* rows */
    uint32_t dead_count; /* atomic: relaxed; deleted by the applier */
    uint64_t lsns[];     /* atomic: relaxed */
} RowDeletes;

static inline RowDeletes *row_deletes_new(uint32_t cap, MemBudget *budget)
{
    size_t bytes = sizeof(RowDeletes) + sizeof(uint64_t) * cap;
    RowDeletes *deletes = mem_zalloc(bytes);

    deletes->ref_count = 1;
    deletes->budget = budget;
    deletes->cap = cap;
    mem_budget_force(budget, (int64_t)bytes);
    return deletes;
}

static inline RowDeletes *row_deletes_ref(RowDeletes *deletes)
{
    if (deletes)
        (void)__atomic_add_fetch(&deletes->ref_count, 1, __ATOMIC_RELAXED);
    return deletes;
}

static inline RowDeletes *row_deletes_unref(RowDeletes *deletes) /* NULL is fine; returns NULL */
{
    /* acq_rel: whoever frees must see every other holder's last use. */
    if (deletes && __atomic_sub_fetch(&deletes->ref_count, 1, __ATOMIC_ACQ_REL) == 0) {
        mem_budget_release(deletes->budget,
                           (int64_t)(sizeof *deletes + sizeof(uint64_t) * deletes->cap));
        mem_free(deletes);
    }
    return NULL;
}

static inline uint64_t row_deletes_get(const RowDeletes *deletes, uint32_t row)
{
    return deletes ? __atomic_load_n(&deletes->lsns[row], __ATOMIC_RELAXED) : 0;
}

static inline void row_deletes_set(RowDeletes *deletes, uint32_t row, uint64_t lsn)
{
    __atomic_store_n(&deletes->lsns[row], lsn, __ATOMIC_RELAXED);
}

static inline uint64_t row_delete_value(uint64_t lsn)
{
    return lsn + 1;
}

/* Is a row with this value gone for a snapshot at `lsn`? Live (0) and reserved ones are not. */
static inline bool row_delete_seen(uint64_t value, uint64_t lsn)
{
    return value - 1 <= lsn;
}

#endif
