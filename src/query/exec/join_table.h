/* join_table.h - the build side of a hash join: its rows, and chains of equal hashes.
 *
 * Immutable once built, so that many probing operators share it; only `matched` is written (relaxed
 * atomics are not needed: right and full joins probe on one thread).
 */
#ifndef LUMA_QUERY_EXEC_JOIN_TABLE_H
#define LUMA_QUERY_EXEC_JOIN_TABLE_H

#include "query/exec/join_spill.h"

struct JoinTable {
    Exec *exec;
    RowSet rows; /* right columns, then the key columns */
    RecordBatch batch;
    const Column *keys; /* batch.columns + width of the right side */
    uint32_t key_count;
    bool narrow; /* one bitwise key of at most 8 bytes: hashes hold its bits */
    bool null_safe;
    bool has_null_key; /* some right row has a NULL key */
    uint64_t *hashes;  /* per row */
    uint32_t *next;    /* per row: next row + 1 of the same bucket */
    uint32_t *buckets; /* row + 1 */
    uint32_t mask;
    uint8_t *matched; /* per row; right and full joins only */
    int64_t charged_bytes;
    bool has_filter; /* scans ask it: runtime_filter.h */
    bool any_rows;   /* the right side is not empty */
    /* The right side went to disk: rows is empty, a spill per worker has them. */
    JoinSpill *spills;
    uint32_t spill_count;
};

/* Runs the right child and builds. */
Status join_table_build(Exec *exec, const PlanNode *node, const OuterFrame *outer,
                        bool allow_parallel, JoinTable **ret_table, Error *err);
/* The table of one partition of a spilled one. */
Status join_table_partition(const JoinTable *whole, const PlanNode *node, uint32_t partition,
                            JoinTable **ret_table, Error *err);
/* Hashes of probe keys; NULL-keyed rows of a table that is not null-safe get null_row[i] = 1. */
void join_table_hash(const JoinTable *table, const Column *keys, uint32_t rows, uint64_t *hashes,
                     uint8_t *null_row);
bool join_table_equal(const JoinTable *table, uint32_t right_row, const Column *keys, uint32_t row);

#endif
