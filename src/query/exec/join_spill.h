/* join_spill.h - a hash join whose build side does not fit: both sides go to JOIN_PARTITIONS files
 * by the hash of their keys, then each pair of partitions is joined by itself.
 *
 * Rows of the right files are those of a JoinTable (right columns, then keys), rows of the left
 * ones those of the left child. Confined to one thread but for join_spill_right, which workers call
 * with a JoinSpill of their own each.
 */
#ifndef LUMA_QUERY_EXEC_JOIN_SPILL_H
#define LUMA_QUERY_EXEC_JOIN_SPILL_H

#include "query/exec/spill.h"

enum { JOIN_PARTITIONS = 16 };

typedef struct JoinSpill {
    SpillFile *files[JOIN_PARTITIONS];
    bool has_null_key; /* some row has a NULL key */
} JoinSpill;

/* Rows of `columns`, the last key_count of which are the keys, or `keys` when that is not NULL. */
Status join_spill_add(JoinSpill *spill, Exec *exec, const PlanNode *node, const Column *columns,
                      uint32_t column_count, const Column *keys, uint32_t key_count, uint32_t rows,
                      Arena *scratch, Error *err);
Status join_spill_end(JoinSpill *spill, Error *err);
void join_spill_done(JoinSpill *spill); /* safe on a zeroed one */

#endif
