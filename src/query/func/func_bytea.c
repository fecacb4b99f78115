/* func_bytea.c - bits and bytes of bytea, trimming and overlay, and the *send functions. Bits count
 * from the lowest of the first byte, as in PostgreSQL. */
#include "query/func/func_int.h"

static Status check_index(int64_t idx, int64_t count, Error *err)
{
    if (idx >= 0 && idx < count)
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "2202E", 0, "index %lld out of valid range, 0..%lld",
                         (long long)idx, (long long)count - 1);
}

static Status writable_copy(const EvalContext *ctx, Str s, Column *ret, uint32_t row,
                            char **ret_bytes, Error *err)
{
    TRY(func__text_new(ctx, s.len, ret_bytes, err));
    if (s.len)
        memcpy(*ret_bytes, s.ptr, s.len);
    return STATUS_OK;
}

ROW_KERNEL(get_bit)
{
    Str s = ARG_STR(0);
    int64_t n = ARG(int64_t, 1);
    TRY(check_index(n, (int64_t)s.len * 8, err));
    SET(int32_t, (unsigned char)s.ptr[n / 8] >> (n % 8) & 1);
    return STATUS_OK;
}
ROW_KERNEL(set_bit)
{
    Str s = ARG_STR(0);
    int64_t n = ARG(int64_t, 1);
    int32_t bit = ARG(int32_t, 2);
    char *out;
    TRY(check_index(n, (int64_t)s.len * 8, err));
    if (bit != 0 && bit != 1)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "new bit must be 0 or 1");
    TRY(writable_copy(ctx, s, ret, row, &out, err));
    out[n / 8] = (char)((out[n / 8] & ~(1 << (n % 8))) | bit << (n % 8));
    func__set_str(ret, row, str_make(out, s.len));
    return STATUS_OK;
}
ROW_KERNEL(set_byte)
{
    Str s = ARG_STR(0);
    int32_t n = ARG(int32_t, 1);
    char *out;
    TRY(check_index(n, (int64_t)s.len, err));
    TRY(writable_copy(ctx, s, ret, row, &out, err));
    out[n] = (char)ARG(int32_t, 2);
    func__set_str(ret, row, str_make(out, s.len));
    return STATUS_OK;
}
ROW_KERNEL(bit_count_bytes)
{
    Str s = ARG_STR(0);
    int64_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += __builtin_popcount((unsigned char)s.ptr[i]);
    SET(int64_t, count);
    return STATUS_OK;
}

static Status trim(const Column *args, uint32_t row, bool left, bool right, Column *ret)
{
    Str s = ARG_STR(0);
    Str set = ARG_STR(1);
    while (left && s.len && str_find_byte(set, s.ptr[0]) >= 0)
        s = str_sub(s, 1, s.len);
    while (right && s.len && str_find_byte(set, s.ptr[s.len - 1]) >= 0)
        s.len--;
    func__set_str(ret, row, s);
    return STATUS_OK;
}
#define TRIM(name, left, right)                                                                    \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        return trim(args, row, left, right, ret);                                                  \
    }
TRIM(bytea_btrim, true, true)
TRIM(bytea_ltrim, true, false)
TRIM(bytea_rtrim, false, true)

ROW_KERNEL(bytea_overlay)
{
    CLEANUP(buf_done) Buf out = {0};
    Str s = ARG_STR(0);
    Str by = ARG_STR(1);
    int64_t from = ARG(int32_t, 2);
    int64_t count = arg_count > 3 ? ARG(int32_t, 3) : (int64_t)by.len;
    if (from <= 0)
        return error_set_sql(err, STATUS_INVALID, "22011", 0,
                             "negative substring length not allowed");
    size_t tail = (size_t)LUMA_MAX(from - 1 + count, (int64_t)0);
    buf_append_str(&out, str_sub(s, 0, (size_t)from - 1));
    buf_append_str(&out, by);
    if (tail < s.len)
        buf_append_str(&out, str_sub(s, tail, s.len));
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

/* int4send(x) and its like: the protocol's binary form. */
ROW_KERNEL(send)
{
    CLEANUP(buf_done) Buf out = {0};
    pgtype_append_binary(&args[0], row, func__settings(ctx), &out);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

#define BY T(BYTEA)
#define I4 T(INT4)
static const Function functions[] = {
    FN("get_bit", 723, get_bit, I4, 2, BY, T(INT8)),
    FN("set_bit", 724, set_bit, BY, 3, BY, T(INT8), I4),
    FN("set_byte", 722, set_byte, BY, 3, BY, I4, I4),
    FN("bit_count", 6163, bit_count_bytes, T(INT8), 1, BY),
    FN("btrim", 2015, bytea_btrim, BY, 2, BY, BY),
    FN("ltrim", 6195, bytea_ltrim, BY, 2, BY, BY),
    FN("rtrim", 6196, bytea_rtrim, BY, 2, BY, BY),
    FN("overlay", 749, bytea_overlay, BY, 4, BY, BY, I4, I4),
    FN("overlay", 752, bytea_overlay, BY, 3, BY, BY, I4),
    FN("boolsend", 2437, send, BY, 1, T(BOOL)),
    FN("int2send", 2405, send, BY, 1, T(INT2)),
    FN("int4send", 2407, send, BY, 1, I4),
    FN("int8send", 2409, send, BY, 1, T(INT8)),
    FN("float4send", 2425, send, BY, 1, T(FLOAT4)),
    FN("float8send", 2427, send, BY, 1, T(FLOAT8)),
    FN("numeric_send", 2461, send, BY, 1, T(NUMERIC)),
    FN("textsend", 2415, send, BY, 1, T(TEXT)),
    FN("uuid_send", 2962, send, BY, 1, T(UUID)),
    FN("jsonb_send", 3803, send, BY, 1, T(JSONB)),
    FN("date_send", 2469, send, BY, 1, T(DATE)),
    FN("timestamp_send", 2475, send, BY, 1, T(TIMESTAMP)),
    FN("timestamptz_send", 2477, send, BY, 1, T(TIMESTAMPTZ)),
    FN("interval_send", 2479, send, BY, 1, T(INTERVAL)),
};
const FuncTable func__bytea_table = {functions, LUMA_ARRAY_LEN(functions)};
