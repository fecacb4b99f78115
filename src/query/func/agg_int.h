/* agg_int.h - what the files of aggregates share. */
#ifndef LUMA_QUERY_FUNC_AGG_INT_H
#define LUMA_QUERY_FUNC_AGG_INT_H

#include "query/func/func_int.h"

#define AGG(name_, oid_, fn_, state_, ret_, argc_, ...)                                            \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .args = {__VA_ARGS__}, .ret = ret_,        \
        .state_bytes = sizeof(state_), .update = fn_##_update, .merge = fn_##_merge,               \
        .finish = fn_##_finish                                                                     \
    }
#define AGG_FAST(name_, oid_, fn_, state_, ret_, argc_, ...)                                       \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .args = {__VA_ARGS__}, .ret = ret_,        \
        .state_bytes = sizeof(state_), .update = fn_##_update, .update_single = fn_##_single,      \
        .merge = fn_##_merge, .finish = fn_##_finish                                               \
    }

#define AGG_UPDATE(name)                                                                           \
    static Status name##_update(const EvalContext *ctx, void *states, const uint32_t *group_of,    \
                                const Column *args, uint32_t rows, Arena *arena, Error *err)
#define AGG_SINGLE(name)                                                                           \
    static Status name##_single(const EvalContext *ctx, void *state, const Column *args,           \
                                uint32_t rows, Arena *arena, Error *err)
#define AGG_MERGE(name)                                                                            \
    static Status name##_merge(void *dst, const void *src, Arena *arena, Error *err)
#define AGG_FINISH(name)                                                                           \
    static Status name##_finish(const EvalContext *ctx, void *states, uint32_t count, Column *ret, \
                                Error *err)

/* A result column of `count` rows with a bitmap of valid bits. */
static inline Status agg_result(const EvalContext *ctx, uint32_t count, Column *ret, Error *err)
{
    return column_init(ret, ctx->arena, ret->type, count, true, err);
}

#endif
