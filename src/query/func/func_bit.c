/* func_bit.c - operators and functions of bit strings (pgbit.h), and their casts to integers. */
#include "format/pgtype/pgbit.h"
#include "query/func/func_int.h"

static PgBit arg_bits(const Column *args, uint32_t idx, uint32_t row)
{
    return pgbit_open(ARG_STR(idx));
}

static Status new_bits(const EvalContext *ctx, uint64_t bits, Column *ret, uint32_t row,
                       uint8_t **ret_bytes, Error *err)
{
    return pgbit_new(bits, ctx->arena, (View *)column_values(ret) + row, ret_bytes, err);
}

/* ---------------------------------------------------------------- logic and shifts */

#define BIT_LOGIC(name, word, expr)                                                                \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        PgBit x = arg_bits(args, 0, row);                                                          \
        PgBit y = arg_bits(args, 1, row);                                                          \
        uint8_t *out;                                                                              \
        if (x.bits != y.bits)                                                                      \
            return error_set_sql(err, STATUS_INVALID, "22026", 0,                                  \
                                 "cannot " word " bit strings of different sizes");                \
        TRY(new_bits(ctx, x.bits, ret, row, &out, err));                                           \
        for (size_t i = 0; i < pgbit_bytes(x.bits); i++) {                                         \
            uint8_t a = x.bytes[i];                                                                \
            uint8_t b = y.bytes[i];                                                                \
            out[i] = (uint8_t)(expr);                                                              \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }
BIT_LOGIC(bit_and, "AND", a &b)
BIT_LOGIC(bit_or, "OR", a | b)
BIT_LOGIC(bit_xor, "XOR", a ^ b)

ROW_KERNEL(bit_not)
{
    PgBit x = arg_bits(args, 0, row);
    uint8_t *out;
    TRY(new_bits(ctx, x.bits, ret, row, &out, err));
    for (size_t i = 0; i < pgbit_bytes(x.bits); i++)
        out[i] = (uint8_t)~x.bytes[i];
    pgbit_trim(out, x.bits);
    return STATUS_OK;
}

/* Positive = to the left. */
static Status shift(const EvalContext *ctx, const PgBit *x, int64_t by, Column *ret, uint32_t row,
                    Error *err)
{
    uint8_t *out;
    uint64_t distance = (uint64_t)(by < 0 ? -by : by);
    TRY(new_bits(ctx, x->bits, ret, row, &out, err));
    if (distance >= x->bits)
        return STATUS_OK;
    uint32_t d = (uint32_t)distance;
    pgbit_copy(x, by > 0 ? d : 0, x->bits - d, out, by > 0 ? 0 : d);
    return STATUS_OK;
}
ROW_KERNEL(bit_shift_left)
{
    PgBit x = arg_bits(args, 0, row);
    return shift(ctx, &x, ARG(int32_t, 1), ret, row, err);
}
ROW_KERNEL(bit_shift_right)
{
    PgBit x = arg_bits(args, 0, row);
    return shift(ctx, &x, -(int64_t)ARG(int32_t, 1), ret, row, err);
}

/* ---------------------------------------------------------------- lengths and parts */

ROW_KERNEL(bit_length)
{
    SET(int32_t, (int32_t)arg_bits(args, 0, row).bits);
    return STATUS_OK;
}
ROW_KERNEL(bit_octet_length)
{
    SET(int32_t, (int32_t)pgbit_bytes(arg_bits(args, 0, row).bits));
    return STATUS_OK;
}
ROW_KERNEL(bit_count)
{
    PgBit x = arg_bits(args, 0, row);
    int64_t count = 0;
    for (size_t i = 0; i < pgbit_bytes(x.bits); i++)
        count += __builtin_popcount(x.bytes[i]);
    SET(int64_t, count);
    return STATUS_OK;
}

static Status concat(const EvalContext *ctx, const PgBit *parts, uint32_t count, Column *ret,
                     uint32_t row, Error *err)
{
    uint64_t total = 0;
    uint32_t at = 0;
    uint8_t *out;
    for (uint32_t i = 0; i < count; i++)
        total += parts[i].bits;
    TRY(new_bits(ctx, total, ret, row, &out, err));
    for (uint32_t i = 0; i < count; i++) {
        pgbit_copy(&parts[i], 0, parts[i].bits, out, at);
        at += parts[i].bits;
    }
    return STATUS_OK;
}
ROW_KERNEL(bit_concat)
{
    PgBit parts[2] = {arg_bits(args, 0, row), arg_bits(args, 1, row)};
    return concat(ctx, parts, 2, ret, row, err);
}

/* Bits [from, from + len) of a string counted from 1, cut to what there is. */
static void cut(const PgBit *x, int64_t from, int64_t end, uint32_t *ret_from, uint32_t *ret_count)
{
    from = LUMA_MAX(from, (int64_t)1);
    end = LUMA_MIN(end, (int64_t)x->bits + 1);
    *ret_from = (uint32_t)(LUMA_MIN(from, (int64_t)x->bits + 1) - 1);
    *ret_count = end > from ? (uint32_t)(end - from) : 0;
}

static Status negative_length(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22011", 0, "negative substring length not allowed");
}

ROW_KERNEL(bit_substring)
{
    PgBit x = arg_bits(args, 0, row);
    int64_t from = ARG(int32_t, 1);
    int64_t end = (int64_t)x.bits + 1;
    uint32_t first;
    uint32_t count;
    uint8_t *out;
    if (arg_count > 2) {
        if (ARG(int32_t, 2) < 0)
            return negative_length(err);
        end = from + ARG(int32_t, 2);
    }
    cut(&x, from, end, &first, &count);
    TRY(new_bits(ctx, count, ret, row, &out, err));
    pgbit_copy(&x, first, count, out, 0);
    return STATUS_OK;
}

ROW_KERNEL(bit_overlay)
{
    PgBit x = arg_bits(args, 0, row);
    PgBit by = arg_bits(args, 1, row);
    int64_t from = ARG(int32_t, 2);
    int64_t len = arg_count > 3 ? ARG(int32_t, 3) : (int64_t)by.bits;
    uint32_t head = 0;
    uint32_t tail = 0;
    uint32_t head_count;
    uint32_t tail_count;
    uint8_t *out;
    if (from <= 0)
        return negative_length(err);
    cut(&x, 1, from, &head, &head_count);
    cut(&x, from + len, (int64_t)x.bits + 1, &tail, &tail_count);
    TRY(new_bits(ctx, (uint64_t)head_count + by.bits + tail_count, ret, row, &out, err));
    pgbit_copy(&x, head, head_count, out, 0);
    pgbit_copy(&by, 0, by.bits, out, head_count);
    pgbit_copy(&x, tail, tail_count, out, head_count + by.bits);
    return STATUS_OK;
}

static bool matches_at(const PgBit *x, const PgBit *part, uint32_t at)
{
    for (uint32_t i = 0; i < part->bits; i++)
        if (pgbit_get(x, at + i) != pgbit_get(part, i))
            return false;
    return true;
}
ROW_KERNEL(bit_position)
{
    PgBit x = arg_bits(args, 0, row);
    PgBit part = arg_bits(args, 1, row);
    int32_t found = 0;
    if (!x.bits || part.bits > x.bits) {
        SET(int32_t, 0);
        return STATUS_OK;
    }
    for (uint32_t at = 0; at + part.bits <= x.bits && !found; at++)
        if (matches_at(&x, &part, at))
            found = (int32_t)at + 1;
    SET(int32_t, found);
    return STATUS_OK;
}

static Status check_index(const PgBit *x, int32_t idx, Error *err)
{
    if (idx >= 0 && (uint32_t)idx < x->bits)
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "2202E", 0, "bit index %d out of valid range (0..%d)",
                         idx, (int)x->bits - 1);
}
ROW_KERNEL(bit_get_bit)
{
    PgBit x = arg_bits(args, 0, row);
    int32_t idx = ARG(int32_t, 1);
    TRY(check_index(&x, idx, err));
    SET(int32_t, pgbit_get(&x, (uint32_t)idx));
    return STATUS_OK;
}
ROW_KERNEL(bit_set_bit)
{
    PgBit x = arg_bits(args, 0, row);
    int32_t idx = ARG(int32_t, 1);
    int32_t value = ARG(int32_t, 2);
    uint8_t *out;
    TRY(check_index(&x, idx, err));
    if (value != 0 && value != 1)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "new bit must be 0 or 1");
    TRY(new_bits(ctx, x.bits, ret, row, &out, err));
    memcpy(out, x.bytes, pgbit_bytes(x.bits));
    uint8_t mask = (uint8_t)(0x80 >> (idx & 7));
    out[idx >> 3] = (uint8_t)((out[idx >> 3] & ~mask) | (value ? mask : 0));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- casts */

/* The low bits of the number, its sign to the left of them; bit without a length is bit(1). */
static Status from_integer(const EvalContext *ctx, int64_t value, Column *ret, uint32_t row,
                           Error *err)
{
    uint32_t bits = ret->type.typmod > 0 ? (uint32_t)ret->type.typmod : 1;
    uint8_t *out;
    TRY(new_bits(ctx, bits, ret, row, &out, err));
    for (uint32_t i = 0; i < bits; i++) {
        uint32_t power = bits - 1 - i;
        bool on = power > 63 ? value < 0 : (value >> power) & 1;
        if (on)
            out[i >> 3] |= (uint8_t)(0x80 >> (i & 7));
    }
    return STATUS_OK;
}
ROW_KERNEL(integer_to_bits)
{
    return from_integer(ctx, column_i64(&args[0], row), ret, row, err);
}

static Status to_integer(const PgBit *x, uint32_t width, const char *type, uint64_t *ret,
                         Error *err)
{
    if (x->bits > width)
        return func__out_of_range(err, type);
    *ret = 0;
    for (uint32_t i = 0; i < x->bits; i++)
        *ret = *ret << 1 | pgbit_get(x, i);
    return STATUS_OK;
}
ROW_KERNEL(bits_to_int4)
{
    PgBit x = arg_bits(args, 0, row);
    uint64_t value;
    TRY(to_integer(&x, 32, "integer", &value, err));
    SET(int32_t, (int32_t)(uint32_t)value);
    return STATUS_OK;
}
ROW_KERNEL(bits_to_int8)
{
    PgBit x = arg_bits(args, 0, row);
    uint64_t value;
    TRY(to_integer(&x, 64, "bigint", &value, err));
    SET(int64_t, (int64_t)value);
    return STATUS_OK;
}

bool func__cast_bit(Type from, Type to, Cast *ret_cast)
{
    bool bit_to = !to.is_array && to.id == TYPE_BIT;
    bool bit_from = !from.is_array && from.id == TYPE_BIT;
    if (from.is_array || to.is_array)
        return false;
    if (bit_to && (from.id == TYPE_INT4 || from.id == TYPE_INT8))
        ret_cast->kernel = integer_to_bits;
    else if (bit_from && to.id == TYPE_INT4)
        ret_cast->kernel = bits_to_int4;
    else if (bit_from && to.id == TYPE_INT8)
        ret_cast->kernel = bits_to_int8;
    else
        return false;
    ret_cast->context = CAST_EXPLICIT;
    return true;
}

#define B T(BIT)
#define I4 T(INT4)
static const Function functions[] = {
    OP("&", 1791, bit_and, B, 2, B, B),
    OP("|", 1792, bit_or, B, 2, B, B),
    OP("#", 1793, bit_xor, B, 2, B, B),
    OP("~", 1794, bit_not, B, 1, B),
    OP("<<", 1795, bit_shift_left, B, 2, B, I4),
    OP(">>", 1796, bit_shift_right, B, 2, B, I4),
    OP("||", 1797, bit_concat, T(VARBIT), 2, T(VARBIT), T(VARBIT)),
    FN("length", 1681, bit_length, I4, 1, B),
    FN("bit_length", 1812, bit_length, I4, 1, B),
    FN("octet_length", 1682, bit_octet_length, I4, 1, B),
    FN("bit_count", 6162, bit_count, T(INT8), 1, B),
    FN("substring", 1680, bit_substring, B, 3, B, I4, I4),
    FN("substring", 1699, bit_substring, B, 2, B, I4),
    FN("overlay", 3030, bit_overlay, B, 4, B, B, I4, I4),
    FN("overlay", 3031, bit_overlay, B, 3, B, B, I4),
    FN("position", 1698, bit_position, I4, 2, B, B),
    FN("get_bit", 3032, bit_get_bit, I4, 2, B, I4),
    FN("set_bit", 3033, bit_set_bit, B, 3, B, I4, I4),
};
const FuncTable func__bit_table = {functions, LUMA_ARRAY_LEN(functions)};
