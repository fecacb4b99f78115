/* window_tree.h - aggregates over any range of rows of a partition in logarithmic time.
 *
 *   level 0: a state per row; level k: a state per WINDOW_TREE_FANOUT states of level k - 1
 *
 * For aggregates whose partial states merge in any grouping (window_tree_can). Memory: about one
 * state per row, charged to the arena's budget. Confined to one thread.
 */
#ifndef LUMA_QUERY_EXEC_WINDOW_TREE_H
#define LUMA_QUERY_EXEC_WINDOW_TREE_H

#include "query/exec/exec_int.h"

enum { WINDOW_TREE_FANOUT = 16, WINDOW_TREE_LEVELS_MAX = 9 };

typedef struct WindowTree {
    const Aggregate *aggregate;
    Arena *arena; /* what states point to */
    char *levels[WINDOW_TREE_LEVELS_MAX];
    uint32_t counts[WINDOW_TREE_LEVELS_MAX];
    uint32_t level_count;
} WindowTree;

bool window_tree_can(const Expr *call);
/* Rows [from, to) of the arguments; rows where `filter` (may be NULL) is not true count as absent.
 */
Status window_tree_build(WindowTree *tree, const EvalContext *ctx, const Expr *call,
                         const Column *args, const Column *filter, uint32_t from, uint32_t to,
                         Arena *arena, Error *err);
/* Adds rows [from, to), counted from the tree's first, to a state. */
Status window_tree_add(const WindowTree *tree, void *state, uint32_t from, uint32_t to, Error *err);

#endif
