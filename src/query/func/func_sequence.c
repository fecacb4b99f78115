/* func_sequence.c - nextval, currval, setval, lastval and what names a column's sequence. */
#include "query/func/func_int.h"

static Status sequences_of(const EvalContext *ctx, const EvalSequences **ret, Error *err)
{
    *ret = ctx->settings->sequences;
    return *ret ? STATUS_OK
                : error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "there are no sequences here");
}

/* One sequence for all rows, the usual case, takes all values at once. */
static Status nextval(const EvalContext *ctx, const Column *args, uint32_t arg_count, uint32_t rows,
                      Column *ret, Error *err)
{
    const EvalSequences *sequences;
    TRY(sequences_of(ctx, &sequences, err));
    TRY(column_init(ret, ctx->arena, ret->type, rows, true, err));
    int64_t *values = column_values(ret);
    memset(column_validity(ret), 0xff, (rows + 7) / 8);
    for (uint32_t row = 0; row < rows;) {
        uint32_t end = row + 1;
        if (column_is_null(&args[0], row)) {
            bit_clear(column_validity(ret), row++);
            continue;
        }
        int64_t oid = ARG(int64_t, 0);
        while (end < rows && !column_is_null(&args[0], end) &&
               ((const int64_t *)args[0].values)[column_slot(&args[0], end)] == oid)
            end++;
        TRY(sequences->next(ctx->settings->sequences_ctx, (uint32_t)oid, end - row, values + row,
                            err));
        row = end;
    }
    return STATUS_OK;
}

ROW_KERNEL(currval)
{
    const EvalSequences *sequences;
    int64_t value;
    TRY(sequences_of(ctx, &sequences, err));
    TRY(sequences->current(ctx->settings->sequences_ctx, (uint32_t)ARG(int64_t, 0), &value, err));
    SET(int64_t, value);
    return STATUS_OK;
}

ROW_KERNEL(lastval)
{
    const EvalSequences *sequences;
    int64_t value;
    TRY(sequences_of(ctx, &sequences, err));
    TRY(sequences->last(ctx->settings->sequences_ctx, &value, err));
    SET(int64_t, value);
    return STATUS_OK;
}

ROW_KERNEL(setval)
{
    const EvalSequences *sequences;
    bool is_called = arg_count < 3 || column_bool(&args[2], row);
    TRY(sequences_of(ctx, &sequences, err));
    TRY(sequences->set(ctx->settings->sequences_ctx, (uint32_t)ARG(int64_t, 0), ARG(int64_t, 1),
                       is_called, err));
    SET(int64_t, ARG(int64_t, 1));
    return STATUS_OK;
}

ROW_KERNEL(pg_sequence_last_value)
{
    const EvalSequences *sequences;
    int64_t value;
    bool called;
    TRY(sequences_of(ctx, &sequences, err));
    TRY(sequences->state(ctx->settings->sequences_ctx, (uint32_t)ARG(int64_t, 0), &value, &called,
                         err));
    SET(int64_t, value);
    return called ? STATUS_OK : func__set_null(ctx, ret, row, err);
}

ROW_KERNEL(pg_get_serial_sequence)
{
    const EvalSequences *sequences;
    CLEANUP(buf_done) Buf name = {0};
    bool found;
    TRY(sequences_of(ctx, &sequences, err));
    TRY(sequences->serial(ctx->settings->sequences_ctx, ARG_STR(0), ARG_STR(1), &name, &found,
                          err));
    if (!found) {
        return func__set_null(ctx, ret, row, err);
    }
    return func__set_copy(ctx, ret, row, buf_str(&name), err);
}

#define VOLATILE_FN(name_, oid_, kernel_, ret_, argc_, ...)                                        \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .strict = true,                            \
        .volatility = VOLATILITY_VOLATILE, .args = {__VA_ARGS__}, .ret = ret_, .kernel = kernel_   \
    }

static const Function functions[] = {
    VOLATILE_FN("nextval", 1574, nextval, T(INT8), 1, T(REGCLASS)),
    VOLATILE_FN("currval", 1575, currval, T(INT8), 1, T(REGCLASS)),
    VOLATILE_FN("lastval", 2559, lastval, T(INT8), 0, {0}),
    VOLATILE_FN("setval", 1576, setval, T(INT8), 2, T(REGCLASS), T(INT8)),
    VOLATILE_FN("setval", 1765, setval, T(INT8), 3, T(REGCLASS), T(INT8), T(BOOL)),
    VOLATILE_FN("pg_sequence_last_value", 4032, pg_sequence_last_value, T(INT8), 1, T(REGCLASS)),
    VOLATILE_FN("pg_get_serial_sequence", 1665, pg_get_serial_sequence, T(TEXT), 2, T(TEXT),
                T(TEXT)),
};
const FuncTable func__sequence_table = {functions, LUMA_ARRAY_LEN(functions)};
