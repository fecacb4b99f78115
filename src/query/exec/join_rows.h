/* join_rows.h - what hash join, nested loop and apply share: which rows matched, and their output.
 *
 * A JoinSide holds one left batch while its matches are found. Pairs come out as they are found
 * (inner, left, right, full, single); semi, anti and mark rows and the NULL-extended left rows come
 * out when the batch is through, unmatched right rows at the very end.
 */
#ifndef LUMA_QUERY_EXEC_JOIN_ROWS_H
#define LUMA_QUERY_EXEC_JOIN_ROWS_H

#include "query/exec/exec_int.h"

typedef struct JoinSide {
    RecordBatch in;   /* current left batch; row_count 0 = none */
    uint8_t *matched; /* per left row */
    Arena arena;      /* lives as long as the left batch */
} JoinSide;

/* Does the kind put out pairs of rows? */
bool join_puts_pairs(JoinKind kind);
/* Takes the next left batch of the child: row_count 0 at the end. */
Status join_side_next(Operator *op, JoinSide *side, Error *err);
/* Notes the matches of left rows; 21000 for the second one of a row in a single join. */
Status join_note_matches(const PlanNode *node, JoinSide *side, const uint32_t *left_rows,
                         uint32_t count, Error *err);
/* left_rows[i] of the left batch beside right_rows[i] of `right`. */
Status join_emit_pairs(Operator *op, const RecordBatch *left, const uint32_t *left_rows,
                       const RecordBatch *right, const uint32_t *right_rows, uint32_t count,
                       RecordBatch *ret, Error *err);
/* What is due when all matches of the batch are known; may be no rows. `unknown[i]` (or NULL): the
 * comparison of row i with some right row gave NULL. */
Status join_emit_batch_end(Operator *op, JoinSide *side, const uint8_t *unknown, RecordBatch *ret,
                           Error *err);
/* Right rows from *pos on that have no match, NULLs beside them. */
Status join_emit_unmatched_right(Operator *op, const RecordBatch *right, const uint8_t *matched,
                                 uint32_t *pos, RecordBatch *ret, Error *err);

#endif
