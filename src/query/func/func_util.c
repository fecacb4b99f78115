/* func_util.c - what kernels share: strict validity, result columns, row loops, errors. */
#include <pthread.h>

#include "query/func/func_int.h"

/* ---------------------------------------------------------------- settings */

const PgSettings *func__settings(const EvalContext *ctx)
{
    static PgSettings fallback;
    static bool ready;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    if (ctx->settings && ctx->settings->pg)
        return ctx->settings->pg;
    pthread_mutex_lock(&lock);
    if (!ready)
        pg_settings_init(&fallback);
    ready = true;
    pthread_mutex_unlock(&lock);
    return &fallback;
}

const TimeZone *func__time_zone(const EvalContext *ctx)
{
    return func__settings(ctx)->time_zone;
}

/* ---------------------------------------------------------------- validity */

bool func__all_const(const Column *args, uint32_t arg_count)
{
    for (uint32_t i = 0; i < arg_count; i++)
        if (!args[i].is_const)
            return false;
    return true;
}

static Status zero_bitmap(const EvalContext *ctx, uint32_t rows, uint8_t **ret, Error *err)
{
    size_t bytes = LUMA_ALIGN_UP(bitmap_bytes(rows) + 1, 64);
    *ret = arena_alloc_aligned(ctx->arena, bytes);
    if (!*ret)
        return error_set_sql(err, STATUS_LIMIT, "53200", 0, "out of query memory");
    memset(*ret, 0, bytes);
    return STATUS_OK;
}

Status func_strict_validity(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                            uint32_t rows, const uint8_t **ret_validity, Error *err)
{
    const uint8_t *only = NULL;
    uint8_t *both = NULL;

    for (uint32_t i = 0; i < arg_count; i++) {
        if (!args[i].validity)
            continue;
        if (args[i].is_const) {
            if (bit_get(args[i].validity, 0))
                continue;
            TRY(zero_bitmap(ctx, rows, &both, err)); /* one NULL constant: all rows are NULL */
            *ret_validity = both;
            return STATUS_OK;
        }
        if (!only) {
            only = args[i].validity;
            continue;
        }
        if (!both) {
            TRY(zero_bitmap(ctx, rows, &both, err));
            memcpy(both, only, bitmap_bytes(rows));
            only = both;
        }
        for (size_t b = 0; b < bitmap_bytes(rows); b++)
            both[b] &= args[i].validity[b];
    }
    *ret_validity = only;
    return STATUS_OK;
}

Status func__plain_result(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          uint32_t rows, bool with_validity, Column *ret, uint32_t *ret_rows,
                          Error *err)
{
    bool constant = arg_count > 0 && func__all_const(args, arg_count);
    uint32_t compute = constant ? LUMA_MIN(rows, 1u) : rows;
    TRY(column_init(ret, ctx->arena, ret->type, constant ? 1 : rows, with_validity, err));
    ret->is_const = constant;
    ret->len = rows;
    *ret_rows = compute;
    return STATUS_OK;
}

Status func__strict_result(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                           uint32_t rows, Column *ret, uint32_t *ret_rows, Error *err)
{
    const uint8_t *validity;
    TRY(func__plain_result(ctx, args, arg_count, rows, false, ret, ret_rows, err));
    TRY(func_strict_validity(ctx, args, arg_count, *ret_rows, &validity, err));
    ret->validity = validity;
    return STATUS_OK;
}

Status func__set_null(const EvalContext *ctx, Column *ret, uint32_t row, Error *err)
{
    TRY(column_need_validity(ret, ctx->arena, err));
    bit_clear(column_validity(ret), row);
    return STATUS_OK;
}

/* A result's bitmap may be an argument's: rows that become NULL need one of their own. */
static Status own_validity(const EvalContext *ctx, Column *ret, uint32_t rows, Error *err)
{
    if (!ret->validity)
        return STATUS_OK;
    uint8_t *bits;
    TRY(zero_bitmap(ctx, rows, &bits, err));
    memcpy(bits, ret->validity, bitmap_bytes(rows));
    ret->validity = bits;
    return STATUS_OK;
}

Status func__each_row(const EvalContext *ctx, const Column *args, uint32_t arg_count, uint32_t rows,
                      FuncRow fn, Column *ret, Error *err)
{
    uint32_t compute;
    TRY(func__strict_result(ctx, args, arg_count, rows, ret, &compute, err));
    const uint8_t *validity = ret->validity;
    TRY(own_validity(ctx, ret, compute, err));
    for (uint32_t i = 0; i < compute; i++)
        if (!validity || bit_get(validity, i))
            TRY(fn(ctx, args, arg_count, i, ret, err));
    return STATUS_OK;
}

Status func__each_row_nullable(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                               uint32_t rows, FuncRow fn, Column *ret, Error *err)
{
    uint32_t compute;
    TRY(func__plain_result(ctx, args, arg_count, rows, true, ret, &compute, err));
    for (uint32_t i = 0; i < compute; i++)
        TRY(fn(ctx, args, arg_count, i, ret, err));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- texts, errors */

Status func__text_new(const EvalContext *ctx, size_t len, char **ret_text, Error *err)
{
    /* PostgreSQL's own bound on one value. */
    if (len >= (size_t)1 << 30)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "requested length too large");
    return arena_try_alloc(ctx->arena, len ? len : 1, ret_text, err);
}

Status func__set_copy(const EvalContext *ctx, Column *ret, uint32_t row, Str text, Error *err)
{
    char *copy = NULL;
    if (text.len > VIEW_INLINE_MAX) {
        TRY(func__text_new(ctx, text.len, &copy, err));
        memcpy(copy, text.ptr, text.len);
        text.ptr = copy;
    }
    func__set_str(ret, row, text);
    return STATUS_OK;
}

Status func__division_by_zero(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22012", 0, "division by zero");
}

Status func__out_of_range(Error *err, const char *type_name)
{
    return error_set_sql(err, STATUS_INVALID, "22003", 0, "%s out of range", type_name);
}
