/* func_compare.c - = <> < <= > >= for every type, BETWEEN's and IN's bricks.
 *
 * Fixed-width types compare in loops over bytes that the compiler vectorises, then pack the bytes
 * into the bitmap; the others go through value.h row by row. */
#include "query/func/func_int.h"
#include "query/func/value.h"

/* Packs rows of 0/1 bytes into bits. `flags` is padded to a multiple of 8 with zeros. */
static void pack_bits(const uint8_t *flags, uint32_t rows, uint8_t *bits)
{
    for (uint32_t i = 0; i < rows; i += 8) {
        uint64_t word;
        memcpy(&word, flags + i, 8);
        /* Multiplication gathers the low bit of each byte into the top byte. */
        bits[i / 8] = (uint8_t)((word * UINT64_C(0x0102040810204080)) >> 56);
    }
}

enum { CHUNK = 1024 };

#define COMPARE_LOOP(ctype, expr)                                                                  \
    do {                                                                                           \
        const ctype *a = args[0].values;                                                           \
        const ctype *b = args[1].values;                                                           \
        bool a_const = args[0].is_const;                                                           \
        bool b_const = args[1].is_const;                                                           \
        for (uint32_t from = 0; from < n; from += CHUNK) {                                         \
            uint8_t flags[CHUNK + 8];                                                              \
            uint32_t count = LUMA_MIN(n - from, (uint32_t)CHUNK);                                  \
            if (b_const && !a_const) {                                                             \
                const ctype y = b[0];                                                              \
                for (uint32_t i = 0; i < count; i++) {                                             \
                    const ctype x = a[from + i];                                                   \
                    flags[i] = (expr);                                                             \
                }                                                                                  \
            } else if (a_const && !b_const) {                                                      \
                const ctype x = a[0];                                                              \
                for (uint32_t i = 0; i < count; i++) {                                             \
                    const ctype y = b[from + i];                                                   \
                    flags[i] = (expr);                                                             \
                }                                                                                  \
            } else {                                                                               \
                for (uint32_t i = 0; i < count; i++) {                                             \
                    const ctype x = a[from + i];                                                   \
                    const ctype y = b[from + i];                                                   \
                    flags[i] = (expr);                                                             \
                }                                                                                  \
            }                                                                                      \
            memset(flags + count, 0, 8);                                                           \
            pack_bits(flags, count, (uint8_t *)column_values(ret) + from / 8);                     \
        }                                                                                          \
    } while (0)

#define FIXED_COMPARE(name, ctype, expr)                                                           \
    SIMD_CLONES static void name##_loop(const Column *args, uint32_t n, Column *ret)               \
    {                                                                                              \
        COMPARE_LOOP(ctype, expr);                                                                 \
    }                                                                                              \
    static Status name(const EvalContext *ctx, const Column *args, uint32_t arg_count,             \
                       uint32_t rows, Column *ret, Error *err)                                     \
    {                                                                                              \
        uint32_t n;                                                                                \
        TRY(func__strict_result(ctx, args, arg_count, rows, ret, &n, err));                        \
        name##_loop(args, n, ret);                                                                 \
        return STATUS_OK;                                                                          \
    }

#define FIXED_COMPARES(suffix, ctype)                                                              \
    FIXED_COMPARE(eq_##suffix, ctype, x == y)                                                      \
    FIXED_COMPARE(ne_##suffix, ctype, x != y)                                                      \
    FIXED_COMPARE(lt_##suffix, ctype, x < y)                                                       \
    FIXED_COMPARE(le_##suffix, ctype, x <= y)                                                      \
    FIXED_COMPARE(gt_##suffix, ctype, x > y)                                                       \
    FIXED_COMPARE(ge_##suffix, ctype, x >= y)

FIXED_COMPARES(i8, int8_t)
FIXED_COMPARES(i16, int16_t)
FIXED_COMPARES(i32, int32_t)
FIXED_COMPARES(i64, int64_t)

/* NaN equals NaN and lies above every number. */
#define FLOAT_COMPARES(suffix, ctype)                                                              \
    FIXED_COMPARE(eq_##suffix, ctype, (x == y) | ((x != x) & (y != y)))                            \
    FIXED_COMPARE(ne_##suffix, ctype, !((x == y) | ((x != x) & (y != y))))                         \
    FIXED_COMPARE(lt_##suffix, ctype, (x < y) | ((x == x) & (y != y)))                             \
    FIXED_COMPARE(le_##suffix, ctype, (x <= y) | (y != y))                                         \
    FIXED_COMPARE(gt_##suffix, ctype, (x > y) | ((x != x) & (y == y)))                             \
    FIXED_COMPARE(ge_##suffix, ctype, (x >= y) | (x != x))

FLOAT_COMPARES(f32, float)
FLOAT_COMPARES(f64, double)

/* Mixed widths: both sides widened to the wider type. */
typedef enum Order { ORDER_EQ, ORDER_NE, ORDER_LT, ORDER_LE, ORDER_GT, ORDER_GE } Order;

static inline bool order_holds(Order order, int cmp)
{
    switch (order) {
    case ORDER_EQ:
        return cmp == 0;
    case ORDER_NE:
        return cmp != 0;
    case ORDER_LT:
        return cmp < 0;
    case ORDER_LE:
        return cmp <= 0;
    case ORDER_GT:
        return cmp > 0;
    case ORDER_GE:
        return cmp >= 0;
    }
    return false;
}

/* Widens an integer or float column to int64 or double. */
static Status widen(const EvalContext *ctx, const Column *src, bool to_double, uint32_t rows,
                    Column *ret, Error *err)
{
    uint32_t n = src->is_const ? LUMA_MIN(rows, 1u) : rows;
    TRY(column_init(ret, ctx->arena, to_double ? T(FLOAT8) : T(INT8), n, false, err));
    ret->is_const = src->is_const;
    ret->len = rows;
    ret->validity = src->validity;
    Layout layout = type_layout(src->type);
    bool is_float = layout == LAYOUT_FLOAT || layout == LAYOUT_DOUBLE;
    for (uint32_t i = 0; i < n; i++) {
        if (to_double)
            ((double *)column_values(ret))[i] =
                is_float ? column_f64(src, i) : (double)column_i64(src, i);
        else
            ((int64_t *)column_values(ret))[i] = column_i64(src, i);
    }
    return STATUS_OK;
}

#define WIDE_COMPARE(op)                                                                           \
    static Status op##_wide_int(const EvalContext *ctx, const Column *args, uint32_t arg_count,    \
                                uint32_t rows, Column *ret, Error *err)                            \
    {                                                                                              \
        Column wide[2];                                                                            \
        TRY(widen(ctx, &args[0], false, rows, &wide[0], err));                                     \
        TRY(widen(ctx, &args[1], false, rows, &wide[1], err));                                     \
        return op##_i64(ctx, wide, arg_count, rows, ret, err);                                     \
    }                                                                                              \
    static Status op##_wide_float(const EvalContext *ctx, const Column *args, uint32_t arg_count,  \
                                  uint32_t rows, Column *ret, Error *err)                          \
    {                                                                                              \
        Column wide[2];                                                                            \
        TRY(widen(ctx, &args[0], true, rows, &wide[0], err));                                      \
        TRY(widen(ctx, &args[1], true, rows, &wide[1], err));                                      \
        return op##_f64(ctx, wide, arg_count, rows, ret, err);                                     \
    }
WIDE_COMPARE(eq)
WIDE_COMPARE(ne)
WIDE_COMPARE(lt)
WIDE_COMPARE(le)
WIDE_COMPARE(gt)
WIDE_COMPARE(ge)

static Status compare_values(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                             uint32_t rows, Order order, Column *ret, Error *err)
{
    uint32_t n;
    TRY(func__strict_result(ctx, args, arg_count, rows, ret, &n, err));
    const uint8_t *validity = ret->validity;
    uint8_t *bits = column_values(ret);
    if (order == ORDER_EQ || order == ORDER_NE) {
        ValueEq eq = value_eq_fn(args[0].type);
        for (uint32_t i = 0; i < n; i++)
            if (!validity || bit_get(validity, i))
                bit_put(bits, i, eq(&args[0], i, &args[1], i) == (order == ORDER_EQ));
        return STATUS_OK;
    }
    ValueCmp cmp = value_cmp_fn(args[0].type);
    for (uint32_t i = 0; i < n; i++)
        if (!validity || bit_get(validity, i))
            bit_put(bits, i, order_holds(order, cmp(&args[0], i, &args[1], i)));
    return STATUS_OK;
}

#define VALUE_COMPARE(name, order)                                                                 \
    static Status name##_any(const EvalContext *ctx, const Column *args, uint32_t arg_count,       \
                             uint32_t rows, Column *ret, Error *err)                               \
    {                                                                                              \
        return compare_values(ctx, args, arg_count, rows, order, ret, err);                        \
    }
VALUE_COMPARE(eq, ORDER_EQ)
VALUE_COMPARE(ne, ORDER_NE)
VALUE_COMPARE(lt, ORDER_LT)
VALUE_COMPARE(le, ORDER_LE)
VALUE_COMPARE(gt, ORDER_GT)
VALUE_COMPARE(ge, ORDER_GE)

/* date against timestamp[tz]: the date is midnight, in the session's zone for timestamptz. */
static Status widen_dates(const EvalContext *ctx, const Column *src, Type to, uint32_t rows,
                          Column *ret, Error *err)
{
    if (type_eq(src->type, to)) {
        *ret = *src;
        return STATUS_OK;
    }
    const Cast *cast = func_find_cast(src->type, to);
    *ret = (Column){.type = to};
    return cast->kernel(ctx, src, 1, rows, ret, err);
}

#define DATE_COMPARE(op)                                                                           \
    static Status op##_dates(const EvalContext *ctx, const Column *args, uint32_t arg_count,       \
                             uint32_t rows, Column *ret, Error *err)                               \
    {                                                                                              \
        Column wide[2];                                                                            \
        bool zoned = args[0].type.id == TYPE_TIMESTAMPTZ || args[1].type.id == TYPE_TIMESTAMPTZ;   \
        Type to = zoned ? T(TIMESTAMPTZ) : T(TIMESTAMP);                                           \
        TRY(widen_dates(ctx, &args[0], to, rows, &wide[0], err));                                  \
        TRY(widen_dates(ctx, &args[1], to, rows, &wide[1], err));                                  \
        return op##_i64(ctx, wide, arg_count, rows, ret, err);                                     \
    }
DATE_COMPARE(eq)
DATE_COMPARE(ne)
DATE_COMPARE(lt)
DATE_COMPARE(le)
DATE_COMPARE(gt)
DATE_COMPARE(ge)

#define COMPARE_ROW(name, kernel, a, b, oid) OP(name, oid, kernel, T(BOOL), 2, a, b)
/* Six operators over (a, b); OIDs in the order = <> < <= > >=, 0 = own. */
#define SIX(suffix, a, b, o1, o2, o3, o4, o5, o6)                                                  \
    COMPARE_ROW("=", eq_##suffix, a, b, o1), COMPARE_ROW("<>", ne_##suffix, a, b, o2),             \
        COMPARE_ROW("<", lt_##suffix, a, b, o3), COMPARE_ROW("<=", le_##suffix, a, b, o4),         \
        COMPARE_ROW(">", gt_##suffix, a, b, o5), COMPARE_ROW(">=", ge_##suffix, a, b, o6)

static const Function functions[] = {
    SIX(i32, T(INT4), T(INT4), 65, 144, 66, 149, 147, 150),
    SIX(i64, T(INT8), T(INT8), 467, 468, 469, 471, 470, 472),
    SIX(i16, T(INT2), T(INT2), 63, 145, 64, 148, 146, 151),
    SIX(wide_int, T(INT2), T(INT4), 158, 164, 160, 166, 162, 168),
    SIX(wide_int, T(INT4), T(INT2), 159, 165, 161, 167, 163, 169),
    SIX(wide_int, T(INT4), T(INT8), 852, 853, 854, 856, 855, 857),
    SIX(wide_int, T(INT8), T(INT4), 474, 475, 476, 478, 477, 479),
    SIX(wide_int, T(INT2), T(INT8), 1850, 1851, 1852, 1854, 1853, 1855),
    SIX(wide_int, T(INT8), T(INT2), 1856, 1857, 1858, 1860, 1859, 1861),
    SIX(f64, T(FLOAT8), T(FLOAT8), 293, 294, 295, 296, 297, 298),
    SIX(f32, T(FLOAT4), T(FLOAT4), 287, 288, 289, 290, 291, 292),
    SIX(wide_float, T(FLOAT4), T(FLOAT8), 299, 300, 301, 302, 303, 304),
    SIX(wide_float, T(FLOAT8), T(FLOAT4), 305, 306, 307, 308, 309, 310),
    SIX(any, T(NUMERIC), T(NUMERIC), 1718, 1719, 1722, 1723, 1720, 1721),
    SIX(any, T(TEXT), T(TEXT), 67, 157, 740, 741, 742, 743),
    SIX(any, T(BPCHAR), T(BPCHAR), 1048, 1053, 1049, 1050, 1051, 1052),
    SIX(any, T(NAME), T(NAME), 62, 659, 655, 656, 657, 658),
    SIX(any, T(BOOL), T(BOOL), 60, 84, 56, 1691, 57, 1692),
    SIX(i8, T(CHAR), T(CHAR), 61, 70, 1246, 72, 73, 74),
    SIX(any, T(BYTEA), T(BYTEA), 1948, 1953, 1949, 1950, 1951, 1952),
    SIX(i32, T(DATE), T(DATE), 1086, 1091, 1087, 1088, 1089, 1090),
    SIX(i64, T(TIME), T(TIME), 1145, 1106, 1102, 1103, 1104, 1105),
    SIX(any, T(TIMETZ), T(TIMETZ), 1352, 1353, 1354, 1355, 1357, 1356),
    SIX(i64, T(TIMESTAMP), T(TIMESTAMP), 2052, 2053, 2054, 2055, 2057, 2056),
    SIX(i64, T(TIMESTAMPTZ), T(TIMESTAMPTZ), 1152, 1153, 1154, 1155, 1157, 1156),
    SIX(dates, T(DATE), T(TIMESTAMP), 2340, 2343, 2338, 2339, 2341, 2342),
    SIX(dates, T(DATE), T(TIMESTAMPTZ), 2353, 2356, 2351, 2352, 2354, 2355),
    SIX(dates, T(TIMESTAMP), T(DATE), 2366, 2369, 2364, 2365, 2367, 2368),
    SIX(dates, T(TIMESTAMPTZ), T(DATE), 2379, 2382, 2377, 2378, 2380, 2381),
    SIX(dates, T(TIMESTAMP), T(TIMESTAMPTZ), 2522, 2525, 2520, 2521, 2523, 2524),
    SIX(dates, T(TIMESTAMPTZ), T(TIMESTAMP), 2529, 2532, 2527, 2528, 2530, 2531),
    SIX(any, T(INTERVAL), T(INTERVAL), 1162, 1163, 1164, 1165, 1167, 1166),
    SIX(any, T(UUID), T(UUID), 2956, 2959, 2954, 2955, 2957, 2958),
    SIX(any, T(BIT), T(BIT), 1784, 1785, 1786, 1788, 1787, 1789),
    SIX(any, T(VARBIT), T(VARBIT), 1804, 1805, 1806, 1808, 1807, 1809),
    SIX(any, T(JSONB), T(JSONB), 4043, 4038, 4039, 4041, 4040, 4042),
    SIX(i64, T(OID), T(OID), 184, 185, 716, 717, 1638, 1639),
    SIX(any, T(OIDVECTOR), T(OIDVECTOR), 679, 619, 677, 678, 681, 680),
    SIX(any, T(INT2VECTOR), T(INT2VECTOR), 0, 0, 0, 0, 0, 0),
    SIX(any, T(ENUM), T(ENUM), 3508, 3509, 3510, 3512, 3511, 3513),
    SIX(any, T(RECORD), T(RECORD), 2981, 2982, 2983, 2985, 2984, 2986),
    SIX(any, T(ANYARRAY), T(ANYARRAY), 744, 748, 391, 393, 392, 396),
};
const FuncTable func__compare_table = {functions, LUMA_ARRAY_LEN(functions)};
