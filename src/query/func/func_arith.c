/* func_arith.c - + - * / % and the bit operators of integers, floats and numeric.
 *
 * Integer kernels run a checked loop over all lanes and note whether any overflowed; only then are
 * the lanes looked at one by one, as NULL lanes may hold anything. */
#include <math.h>

#include "query/func/func_int.h"

/* ---------------------------------------------------------------- integers */

static const char *int_name(Type t)
{
    return t.id == TYPE_INT2 ? "smallint" : t.id == TYPE_INT4 ? "integer" : "bigint";
}

#define CHECKED(name, L, R, O, builtin)                                                            \
    static Status name##_find(const Column *args, uint32_t n, const Column *ret, Error *err)       \
    {                                                                                              \
        for (uint32_t row = 0; row < n; row++) {                                                   \
            O out;                                                                                 \
            if ((!ret->validity || bit_get(ret->validity, row)) &&                                 \
                builtin((O)ARG(L, 0), (O)ARG(R, 1), &out))                                         \
                return func__out_of_range(err, int_name(ret->type));                               \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    SIMD_CLONES static bool name##_loop(const Column *args, uint32_t n, Column *ret)               \
    {                                                                                              \
        bool over = false;                                                                         \
        O out_;                                                                                    \
        VECTOR_BINARY(L, R, O, n, (over |= builtin((O)x, (O)y, &out_), out_));                     \
        return over;                                                                               \
    }                                                                                              \
    static Status name(const EvalContext *ctx, const Column *args, uint32_t arg_count,             \
                       uint32_t rows, Column *ret, Error *err)                                     \
    {                                                                                              \
        uint32_t n;                                                                                \
        TRY(func__strict_result(ctx, args, arg_count, rows, ret, &n, err));                        \
        if (name##_loop(args, n, ret))                                                             \
            TRY(name##_find(args, n, ret, err));                                                   \
        return STATUS_OK;                                                                          \
    }

#define CHECKED_OPS(suffix, L, R, O)                                                               \
    CHECKED(add_##suffix, L, R, O, __builtin_add_overflow)                                         \
    CHECKED(sub_##suffix, L, R, O, __builtin_sub_overflow)                                         \
    CHECKED(mul_##suffix, L, R, O, __builtin_mul_overflow)

CHECKED_OPS(22, int16_t, int16_t, int16_t)
CHECKED_OPS(44, int32_t, int32_t, int32_t)
CHECKED_OPS(88, int64_t, int64_t, int64_t)
CHECKED_OPS(24, int16_t, int32_t, int32_t)
CHECKED_OPS(42, int32_t, int16_t, int32_t)
CHECKED_OPS(28, int16_t, int64_t, int64_t)
CHECKED_OPS(82, int64_t, int16_t, int64_t)
CHECKED_OPS(48, int32_t, int64_t, int64_t)
CHECKED_OPS(84, int64_t, int32_t, int64_t)

/* Division truncates; INT_MIN / -1 overflows, INT_MIN % -1 is 0. */
#define DIVIDE(suffix, L, R, O, O_MIN)                                                             \
    ROW_KERNEL(div_##suffix)                                                                       \
    {                                                                                              \
        O x = ARG(L, 0);                                                                           \
        O y = ARG(R, 1);                                                                           \
        if (y == 0)                                                                                \
            return func__division_by_zero(err);                                                    \
        if (y == -1 && x == O_MIN)                                                                 \
            return func__out_of_range(err, int_name(ret->type));                                   \
        SET(O, (O)(x / y));                                                                        \
        return STATUS_OK;                                                                          \
    }
#define MODULO(suffix, O)                                                                          \
    ROW_KERNEL(mod_##suffix)                                                                       \
    {                                                                                              \
        O x = ARG(O, 0);                                                                           \
        O y = ARG(O, 1);                                                                           \
        if (y == 0)                                                                                \
            return func__division_by_zero(err);                                                    \
        SET(O, (O)(y == -1 ? 0 : x % y));                                                          \
        return STATUS_OK;                                                                          \
    }
DIVIDE(22, int16_t, int16_t, int16_t, INT16_MIN)
DIVIDE(44, int32_t, int32_t, int32_t, INT32_MIN)
DIVIDE(88, int64_t, int64_t, int64_t, INT64_MIN)
DIVIDE(24, int16_t, int32_t, int32_t, INT32_MIN)
DIVIDE(42, int32_t, int16_t, int32_t, INT32_MIN)
DIVIDE(28, int16_t, int64_t, int64_t, INT64_MIN)
DIVIDE(82, int64_t, int16_t, int64_t, INT64_MIN)
DIVIDE(48, int32_t, int64_t, int64_t, INT64_MIN)
DIVIDE(84, int64_t, int32_t, int64_t, INT64_MIN)
MODULO(22, int16_t)
MODULO(44, int32_t)
MODULO(88, int64_t)

#define UNARY_INT(name, O, O_MIN, expr)                                                            \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        O x = ARG(O, 0);                                                                           \
        if (x == O_MIN)                                                                            \
            return func__out_of_range(err, int_name(ret->type));                                   \
        SET(O, (O)(expr));                                                                         \
        return STATUS_OK;                                                                          \
    }
UNARY_INT(neg_2, int16_t, INT16_MIN, -x)
UNARY_INT(neg_4, int32_t, INT32_MIN, -x)
UNARY_INT(neg_8, int64_t, INT64_MIN, -x)
UNARY_INT(abs_2, int16_t, INT16_MIN, x < 0 ? -x : x)
UNARY_INT(abs_4, int32_t, INT32_MIN, x < 0 ? -x : x)
UNARY_INT(abs_8, int64_t, INT64_MIN, x < 0 ? -x : x)

#define BIT_OPS(suffix, O, U, WIDTH)                                                               \
    ROW_KERNEL(and_##suffix)                                                                       \
    {                                                                                              \
        SET(O, (O)(ARG(O, 0) & ARG(O, 1)));                                                        \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    ROW_KERNEL(or_##suffix)                                                                        \
    {                                                                                              \
        SET(O, (O)(ARG(O, 0) | ARG(O, 1)));                                                        \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    ROW_KERNEL(xor_##suffix)                                                                       \
    {                                                                                              \
        SET(O, (O)(ARG(O, 0) ^ ARG(O, 1)));                                                        \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    ROW_KERNEL(not_##suffix)                                                                       \
    {                                                                                              \
        SET(O, (O)~ARG(O, 0));                                                                     \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    /* The machine takes shift counts modulo the width, as PostgreSQL on x86 shows. */             \
    ROW_KERNEL(shl_##suffix)                                                                       \
    {                                                                                              \
        SET(O, (O)((U)ARG(O, 0) << (ARG(int32_t, 1) & (WIDTH))));                                  \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    ROW_KERNEL(shr_##suffix)                                                                       \
    {                                                                                              \
        SET(O, (O)(ARG(O, 0) >> (ARG(int32_t, 1) & (WIDTH))));                                     \
        return STATUS_OK;                                                                          \
    }
BIT_OPS(2, int16_t, uint32_t, 31)
BIT_OPS(4, int32_t, uint32_t, 31)
BIT_OPS(8, int64_t, uint64_t, 63)

/* ---------------------------------------------------------------- floats */

/* PostgreSQL refuses results that became infinite, or zero, out of finite, non-zero operands. */
static Status float_overflow(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22003", 0, "value out of range: overflow");
}

static Status float_underflow(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22003", 0, "value out of range: underflow");
}

/* `suspect`: could this result be an error at all? Kept to one vector test per batch. */
#define FLOAT_OP(name, L, R, O, expr, SUSPECT, CHECK)                                              \
    SIMD_CLONES static bool name##_loop(const Column *args, uint32_t n, Column *ret)               \
    {                                                                                              \
        VECTOR_BINARY(L, R, O, n, expr);                                                           \
        const O *out = ret->values;                                                                \
        uint32_t suspect = 0;                                                                      \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const O z = out[i];                                                                    \
            suspect |= (SUSPECT);                                                                  \
        }                                                                                          \
        return suspect != 0;                                                                       \
    }                                                                                              \
    static Status name(const EvalContext *ctx, const Column *args, uint32_t arg_count,             \
                       uint32_t rows, Column *ret, Error *err)                                     \
    {                                                                                              \
        uint32_t n;                                                                                \
        TRY(func__strict_result(ctx, args, arg_count, rows, ret, &n, err));                        \
        if (!name##_loop(args, n, ret))                                                            \
            return STATUS_OK;                                                                      \
        for (uint32_t row = 0; row < n; row++) {                                                   \
            if (ret->validity && !bit_get(ret->validity, row))                                     \
                continue;                                                                          \
            O x = (O)ARG(L, 0);                                                                    \
            O y = (O)ARG(R, 1);                                                                    \
            O z = ((const O *)ret->values)[row];                                                   \
            CHECK;                                                                                 \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }

#define IS_INF(z) (((z) - (z)) != 0 && (z) == (z))
#define NOT_FINITE(z) (((z) - (z)) != 0)
#define SUM_CHECK                                                                                  \
    (void)0;                                                                                       \
    if (isinf(z) && !isinf(x) && !isinf(y))                                                        \
    return float_overflow(err)
#define MUL_CHECK                                                                                  \
    SUM_CHECK;                                                                                     \
    if (z == 0 && x != 0 && y != 0)                                                                \
    return float_underflow(err)
#define DIV_CHECK                                                                                  \
    (void)0;                                                                                       \
    if (y == 0 && x == x)                                                                          \
        return func__division_by_zero(err);                                                        \
    if (isinf(z) && !isinf(x))                                                                     \
        return float_overflow(err);                                                                \
    if (z == 0 && x != 0 && !isinf(y))                                                             \
    return float_underflow(err)

#define FLOAT_OPS(suffix, L, R, O)                                                                 \
    FLOAT_OP(add_##suffix, L, R, O, (O)x + (O)y, NOT_FINITE(z), SUM_CHECK)                         \
    FLOAT_OP(sub_##suffix, L, R, O, (O)x - (O)y, NOT_FINITE(z), SUM_CHECK)                         \
    FLOAT_OP(mul_##suffix, L, R, O, (O)x *(O)y, NOT_FINITE(z) | (z == 0), MUL_CHECK)               \
    FLOAT_OP(div_##suffix, L, R, O, (O)x / (O)y, NOT_FINITE(z) | (z == 0), DIV_CHECK)

FLOAT_OPS(dd, double, double, double)
FLOAT_OPS(ff, float, float, float)
FLOAT_OPS(fd, float, double, double)
FLOAT_OPS(df, double, float, double)

ROW_KERNEL(neg_d)
{
    SET(double, -ARG(double, 0));
    return STATUS_OK;
}
ROW_KERNEL(neg_f)
{
    SET(float, -ARG(float, 0));
    return STATUS_OK;
}
ROW_KERNEL(abs_d)
{
    SET(double, fabs(ARG(double, 0)));
    return STATUS_OK;
}
ROW_KERNEL(abs_f)
{
    SET(float, fabsf(ARG(float, 0)));
    return STATUS_OK;
}

/* Unary plus. */
static Status plus(const EvalContext *ctx, const Column *args, uint32_t arg_count, uint32_t rows,
                   Column *ret, Error *err)
{
    *ret = args[0];
    ret->len = rows;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- numeric */

/* Small operands of a sum stay in 64 bits: the common case of money and measurements. */
static bool small_pair(const View *a, const View *b, int64_t *x, int64_t *y, int *scale)
{
    int sa;
    int sb;
    if (!numeric_is_small(a, x, &sa) || !numeric_is_small(b, y, &sb) || sa != sb)
        return false;
    *scale = sa;
    return true;
}

#define NUMERIC_OP(name, call, builtin)                                                            \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        View a = ARG(View, 0);                                                                     \
        View b = ARG(View, 1);                                                                     \
        View *out = (View *)column_values(ret) + row;                                              \
        int64_t x;                                                                                 \
        int64_t y;                                                                                 \
        int64_t z;                                                                                 \
        int scale;                                                                                 \
        if (small_pair(&a, &b, &x, &y, &scale) && !builtin(x, y, &z)) {                            \
            *out = numeric_small(z, scale);                                                        \
            return STATUS_OK;                                                                      \
        }                                                                                          \
        return call(&a, &b, ctx->arena, out, err);                                                 \
    }
NUMERIC_OP(add_n, numeric_add, __builtin_add_overflow)
NUMERIC_OP(sub_n, numeric_sub, __builtin_sub_overflow)

#define NUMERIC_BINARY(name, call)                                                                 \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        View a = ARG(View, 0);                                                                     \
        View b = ARG(View, 1);                                                                     \
        return call(&a, &b, ctx->arena, (View *)column_values(ret) + row, err);                    \
    }
NUMERIC_BINARY(mul_n, numeric_mul)
NUMERIC_BINARY(div_n, numeric_div)
NUMERIC_BINARY(mod_n, numeric_mod)

#define NUMERIC_UNARY(name, call)                                                                  \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        View a = ARG(View, 0);                                                                     \
        return call(&a, ctx->arena, (View *)column_values(ret) + row, err);                        \
    }
NUMERIC_UNARY(neg_n, numeric_neg)
NUMERIC_UNARY(abs_n, numeric_abs)

/* ---------------------------------------------------------------- the table */

#define ARITH4(suffix, a, b, r, add, sub, mul, div)                                                \
    OP("+", add, add_##suffix, r, 2, a, b), OP("-", sub, sub_##suffix, r, 2, a, b),                \
        OP("*", mul, mul_##suffix, r, 2, a, b), OP("/", div, div_##suffix, r, 2, a, b)
#define BITS(n, t, o1, o2, o3, o4, o5, o6)                                                         \
    OP("&", o1, and_##n, t, 2, t, t), OP("|", o2, or_##n, t, 2, t, t),                             \
        OP("#", o3, xor_##n, t, 2, t, t), OP("~", o4, not_##n, t, 1, t),                           \
        OP("<<", o5, shl_##n, t, 2, t, T(INT4)), OP(">>", o6, shr_##n, t, 2, t, T(INT4))
#define SIGNS(suffix, t, neg, abs_op, abs_fn, pos)                                                 \
    OP("-", neg, neg_##suffix, t, 1, t), OP("@", abs_op, abs_##suffix, t, 1, t),                   \
        FN("abs", abs_fn, abs_##suffix, t, 1, t), OP("+", pos, plus, t, 1, t)

static const Function functions[] = {
    ARITH4(44, T(INT4), T(INT4), T(INT4), 177, 181, 141, 154),
    ARITH4(88, T(INT8), T(INT8), T(INT8), 463, 464, 465, 466),
    ARITH4(22, T(INT2), T(INT2), T(INT2), 176, 180, 152, 153),
    ARITH4(24, T(INT2), T(INT4), T(INT4), 178, 182, 170, 172),
    ARITH4(42, T(INT4), T(INT2), T(INT4), 179, 183, 171, 173),
    ARITH4(48, T(INT4), T(INT8), T(INT8), 1278, 1279, 1280, 1281),
    ARITH4(84, T(INT8), T(INT4), T(INT8), 1274, 1275, 1276, 1277),
    ARITH4(28, T(INT2), T(INT8), T(INT8), 837, 838, 839, 840),
    ARITH4(82, T(INT8), T(INT2), T(INT8), 841, 942, 943, 948),
    ARITH4(dd, T(FLOAT8), T(FLOAT8), T(FLOAT8), 218, 219, 216, 217),
    ARITH4(ff, T(FLOAT4), T(FLOAT4), T(FLOAT4), 204, 205, 202, 203),
    ARITH4(fd, T(FLOAT4), T(FLOAT8), T(FLOAT8), 281, 282, 279, 280),
    ARITH4(df, T(FLOAT8), T(FLOAT4), T(FLOAT8), 285, 286, 283, 284),
    ARITH4(n, T(NUMERIC), T(NUMERIC), T(NUMERIC), 1724, 1725, 1726, 1727),
    OP("%", 155, mod_22, T(INT2), 2, T(INT2), T(INT2)),
    OP("%", 156, mod_44, T(INT4), 2, T(INT4), T(INT4)),
    OP("%", 945, mod_88, T(INT8), 2, T(INT8), T(INT8)),
    OP("%", 1729, mod_n, T(NUMERIC), 2, T(NUMERIC), T(NUMERIC)),
    FN("mod", 940, mod_22, T(INT2), 2, T(INT2), T(INT2)),
    FN("mod", 941, mod_44, T(INT4), 2, T(INT4), T(INT4)),
    FN("mod", 947, mod_88, T(INT8), 2, T(INT8), T(INT8)),
    FN("mod", 1728, mod_n, T(NUMERIC), 2, T(NUMERIC), T(NUMERIC)),
    SIGNS(2, T(INT2), 213, 1253, 1398, 1911),
    SIGNS(4, T(INT4), 212, 1251, 1397, 1912),
    SIGNS(8, T(INT8), 462, 1230, 1396, 1910),
    SIGNS(d, T(FLOAT8), 220, 221, 1395, 1914),
    SIGNS(f, T(FLOAT4), 206, 207, 1394, 1913),
    SIGNS(n, T(NUMERIC), 1771, 1704, 1705, 1915),
    BITS(2, T(INT2), 1892, 1893, 1894, 1895, 1896, 1897),
    BITS(4, T(INT4), 1898, 1899, 1900, 1901, 1902, 1903),
    BITS(8, T(INT8), 1904, 1905, 1906, 1907, 1908, 1909),
};
const FuncTable func__arith_table = {functions, LUMA_ARRAY_LEN(functions)};
