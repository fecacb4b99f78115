#include "query/exec/window_tree.h"

bool window_tree_can(const Expr *call)
{
    static const char *const names[] = {"sum",     "avg",        "count",       "min",
                                        "max",     "bool_and",   "bool_or",     "every",
                                        "stddev",  "stddev_pop", "stddev_samp", "variance",
                                        "var_pop", "var_samp",   "bit_and",     "bit_or"};
    if (!call->aggregate->merge || call->aggregate->order_sensitive || call->order_count)
        return false;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (strcmp(call->aggregate->name, names[i]) == 0)
            return true;
    return false;
}

/* The states of the rows themselves. */
static Status fill_leaves(WindowTree *tree, const EvalContext *given, const Expr *call,
                          const Column *args, const Column *filter, uint32_t from, uint32_t to,
                          Error *err)
{
    EvalContext ctx = *given;
    for (uint32_t at = from; at < to; at += BATCH_ROWS) {
        uint32_t n = LUMA_MIN(to - at, (uint32_t)BATCH_ROWS);
        uint32_t count = 0;
        uint32_t *rows;
        uint32_t *leaves;
        Column *picked;
        arena_reset(ctx.arena);
        TRY(arena_try_alloc(ctx.arena, sizeof *rows * ((size_t)n + 1), &rows, err));
        TRY(arena_try_alloc(ctx.arena, sizeof *rows * ((size_t)n + 1), &leaves, err));
        for (uint32_t i = at; i < at + n; i++) {
            if (filter && (column_is_null(filter, i) || !column_bool(filter, i)))
                continue;
            leaves[count] = i - from;
            rows[count++] = i;
        }
        TRY(exec__columns(ctx.arena, call->arg_count, &picked, err));
        for (uint32_t i = 0; i < call->arg_count; i++)
            TRY(column_take(&args[i], rows, count, ctx.arena, &picked[i], err));
        if (count)
            TRY(call->aggregate->update(&ctx, tree->levels[0], leaves,
                                        call->arg_count ? picked : NULL, count, tree->arena, err));
    }
    return STATUS_OK;
}

static Status add_states(const WindowTree *tree, void *state, uint32_t level, uint32_t from,
                         uint32_t to, Error *err)
{
    size_t width = tree->aggregate->state_bytes;
    for (uint32_t i = from; i < to; i++)
        TRY(tree->aggregate->merge(state, tree->levels[level] + width * i, tree->arena, err));
    return STATUS_OK;
}

static Status new_level(WindowTree *tree, uint32_t count, Error *err)
{
    size_t bytes = (size_t)tree->aggregate->state_bytes * LUMA_MAX(count, 1u);
    char *states;
    TRY(arena_try_alloc(tree->arena, bytes, &states, err));
    memset(states, 0, bytes);
    tree->levels[tree->level_count] = states;
    tree->counts[tree->level_count++] = count;
    return STATUS_OK;
}

Status window_tree_build(WindowTree *tree, const EvalContext *ctx, const Expr *call,
                         const Column *args, const Column *filter, uint32_t from, uint32_t to,
                         Arena *arena, Error *err)
{
    *tree = (WindowTree){.aggregate = call->aggregate, .arena = arena};
    TRY(new_level(tree, to - from, err));
    TRY(fill_leaves(tree, ctx, call, args, filter, from, to, err));
    while (tree->counts[tree->level_count - 1] > WINDOW_TREE_FANOUT) {
        uint32_t below = tree->level_count - 1;
        uint32_t count = (tree->counts[below] + WINDOW_TREE_FANOUT - 1) / WINDOW_TREE_FANOUT;
        TRY(new_level(tree, count, err));
        for (uint32_t i = 0; i < count; i++) {
            uint32_t first = i * WINDOW_TREE_FANOUT;
            uint32_t last = LUMA_MIN(first + WINDOW_TREE_FANOUT, tree->counts[below]);
            void *state = tree->levels[below + 1] + (size_t)tree->aggregate->state_bytes * i;
            TRY(add_states(tree, state, below, first, last, err));
        }
    }
    return STATUS_OK;
}

Status window_tree_add(const WindowTree *tree, void *state, uint32_t from, uint32_t to, Error *err)
{
    for (uint32_t level = 0; from < to; level++) {
        uint32_t inner_from = (from + WINDOW_TREE_FANOUT - 1) / WINDOW_TREE_FANOUT;
        uint32_t inner_to = to / WINDOW_TREE_FANOUT;
        if (level + 1 == tree->level_count || inner_from >= inner_to)
            return add_states(tree, state, level, from, to, err);
        TRY(add_states(tree, state, level, from, inner_from * WINDOW_TREE_FANOUT, err));
        TRY(add_states(tree, state, level, inner_to * WINDOW_TREE_FANOUT, to, err));
        from = inner_from;
        to = inner_to;
    }
    return STATUS_OK;
}
