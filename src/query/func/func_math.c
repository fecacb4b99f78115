/* func_math.c - mathematical functions of floats, numeric and integers. */
#include <math.h>

#include "base/clock.h"
#include "base/hash.h"
#include "query/func/func_int.h"

/* ---------------------------------------------------------------- doubles */

static Status domain(Error *err, const char *sqlstate, const char *message)
{
    return error_set_sql(err, STATUS_INVALID, sqlstate, 0, "%s", message);
}

static Status input_range(Error *err)
{
    return domain(err, "22003", "input is out of range");
}

/* PostgreSQL's check after a library call: infinite out of finite is an overflow. */
static Status checked(double result, bool input_infinite, double *ret, Error *err)
{
    if (isinf(result) && !input_infinite)
        return domain(err, "22003", "value out of range: overflow");
    *ret = result;
    return STATUS_OK;
}

#define MATH1(name, expr)                                                                          \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        double x = ARG(double, 0);                                                                 \
        SET(double, (expr));                                                                       \
        return STATUS_OK;                                                                          \
    }
#define MATH1_CHECK(name, bad, expr)                                                               \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        double x = ARG(double, 0);                                                                 \
        double out;                                                                                \
        if (bad)                                                                                   \
            return input_range(err);                                                               \
        TRY(checked((expr), isinf(x), &out, err));                                                 \
        SET(double, out);                                                                          \
        return STATUS_OK;                                                                          \
    }

MATH1(ceil_d, ceil(x))
MATH1(floor_d, floor(x))
MATH1(trunc_d, trunc(x))
MATH1(round_d, rint(x)) /* half to even */
MATH1(sign_d, (x > 0) - (x < 0))
MATH1(cbrt_d, cbrt(x))
MATH1_CHECK(exp_d, false, exp(x))
MATH1_CHECK(sin_d, isinf(x), sin(x))
MATH1_CHECK(cos_d, isinf(x), cos(x))
MATH1_CHECK(tan_d, isinf(x), tan(x))
MATH1_CHECK(cot_d, isinf(x), 1.0 / tan(x))
MATH1_CHECK(asin_d, x<-1 || x> 1, asin(x))
MATH1_CHECK(acos_d, x<-1 || x> 1, acos(x))
MATH1(atan_d, atan(x))
MATH1(sinh_d, sinh(x))
MATH1(cosh_d, cosh(x))
MATH1(tanh_d, tanh(x))
MATH1(asinh_d, asinh(x))
MATH1_CHECK(acosh_d, x < 1, acosh(x))
ROW_KERNEL(atanh_d)
{
    double x = ARG(double, 0);
    if (x < -1 || x > 1)
        return input_range(err);
    SET(double, atanh(x));
    return STATUS_OK;
}
/* As PostgreSQL has it, for the same last digits. */
#define RADIANS_PER_DEGREE 0.0174532925199432957692
MATH1(degrees_d, x / RADIANS_PER_DEGREE)
MATH1(radians_d, x *RADIANS_PER_DEGREE)

ROW_KERNEL(sqrt_d)
{
    double x = ARG(double, 0);
    if (x < 0)
        return domain(err, "2201F", "cannot take square root of a negative number");
    SET(double, sqrt(x));
    return STATUS_OK;
}

#define LOG_KERNEL(name, fn)                                                                       \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        double x = ARG(double, 0);                                                                 \
        if (x == 0)                                                                                \
            return domain(err, "2201E", "cannot take logarithm of zero");                          \
        if (x < 0)                                                                                 \
            return domain(err, "2201E", "cannot take logarithm of a negative number");             \
        SET(double, fn(x));                                                                        \
        return STATUS_OK;                                                                          \
    }
LOG_KERNEL(ln_d, log)
LOG_KERNEL(log10_d, log10)

ROW_KERNEL(atan2_d)
{
    SET(double, atan2(ARG(double, 0), ARG(double, 1)));
    return STATUS_OK;
}

ROW_KERNEL(power_d)
{
    double x = ARG(double, 0);
    double y = ARG(double, 1);
    double out;
    if (x == 0 && y < 0)
        return domain(err, "2201F", "zero raised to a negative power is undefined");
    if (x < 0 && isfinite(y) && floor(y) != y)
        return domain(err, "2201F",
                      "a negative number raised to a non-integer power yields a complex result");
    TRY(checked(pow(x, y), isinf(x) || isinf(y), &out, err));
    if (out == 0 && x != 0 && isfinite(x) && isfinite(y))
        return domain(err, "22003", "value out of range: underflow");
    SET(double, out);
    return STATUS_OK;
}

/* Degree functions are exact at the multiples of 30 and 45 where PostgreSQL's are. */
static double sin_degrees(double x)
{
    double y = fmod(x, 360.0);
    double sign = 1;
    if (y < 0) {
        y = -y;
        sign = -1;
    }
    if (y > 180) {
        y = 360 - y;
        sign = -sign;
    }
    if (y > 90)
        y = 180 - y;
    double s = y == 30 ? 0.5 : y == 90 ? 1.0 : y == 0 ? 0.0 : sin(y * (M_PI / 180.0));
    return sign * s;
}

static double cos_degrees(double x)
{
    double y = fabs(fmod(x, 360.0));
    double sign = 1;
    if (y > 180)
        y = 360 - y;
    if (y > 90) {
        y = 180 - y;
        sign = -1;
    }
    double c = y == 60 ? 0.5 : y == 0 ? 1.0 : y == 90 ? 0.0 : cos(y * (M_PI / 180.0));
    return sign * c;
}

MATH1_CHECK(sind_d, isinf(x), sin_degrees(x))
MATH1_CHECK(cosd_d, isinf(x), cos_degrees(x))
ROW_KERNEL(tand_d)
{
    double x = ARG(double, 0);
    if (isinf(x))
        return input_range(err);
    double c = cos_degrees(x);
    double s = sin_degrees(x);
    double y = fabs(fmod(x, 180.0));
    SET(double, y == 45 || y == 135 ? (s * c > 0 ? 1.0 : -1.0) : s / c);
    return STATUS_OK;
}

static Status pi_kernel(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                        uint32_t rows, Column *ret, Error *err)
{
    TRY(column_init(ret, ctx->arena, T(FLOAT8), 1, false, err));
    *(double *)column_values(ret) = M_PI;
    ret->is_const = true;
    ret->len = rows;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- numeric */

#define NUMERIC1(name, call)                                                                       \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        View a = ARG(View, 0);                                                                     \
        return call(&a, ctx->arena, (View *)column_values(ret) + row, err);                        \
    }
#define NUMERIC2(name, call)                                                                       \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        View a = ARG(View, 0);                                                                     \
        View b = ARG(View, 1);                                                                     \
        return call(&a, &b, ctx->arena, (View *)column_values(ret) + row, err);                    \
    }
NUMERIC1(ceil_n, numeric_ceil)
NUMERIC1(floor_n, numeric_floor)
NUMERIC1(sqrt_n, numeric_sqrt)
NUMERIC1(exp_n, numeric_exp)
NUMERIC1(ln_n, numeric_ln)
NUMERIC1(trim_scale_n, numeric_trim_scale)
NUMERIC2(power_n, numeric_power)
NUMERIC2(div_n, numeric_div_trunc)
NUMERIC2(log_nn, numeric_log)

ROW_KERNEL(log_n)
{
    View ten = numeric_from_i64(10);
    View a = ARG(View, 0);
    return numeric_log(&ten, &a, ctx->arena, (View *)column_values(ret) + row, err);
}

ROW_KERNEL(round_n)
{
    View a = ARG(View, 0);
    return numeric_round(&a, arg_count > 1 ? ARG(int32_t, 1) : 0, ctx->arena,
                         (View *)column_values(ret) + row, err);
}

ROW_KERNEL(trunc_n)
{
    View a = ARG(View, 0);
    return numeric_trunc(&a, arg_count > 1 ? ARG(int32_t, 1) : 0, ctx->arena,
                         (View *)column_values(ret) + row, err);
}

ROW_KERNEL(sign_n)
{
    View a = ARG(View, 0);
    SET(View, numeric_is_nan(&a) ? numeric_nan() : numeric_from_i64(numeric_sign(&a)));
    return STATUS_OK;
}

ROW_KERNEL(scale_n)
{
    View a = ARG(View, 0);
    if (numeric_is_nan(&a) || numeric_is_infinite(&a))
        return func__set_null(ctx, ret, row, err);
    SET(int32_t, numeric_scale(&a));
    return STATUS_OK;
}

ROW_KERNEL(min_scale_n)
{
    View a = ARG(View, 0);
    if (numeric_is_nan(&a) || numeric_is_infinite(&a))
        return func__set_null(ctx, ret, row, err);
    SET(int32_t, numeric_min_scale(&a));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- integers */

static uint64_t gcd_u64(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

#define GCD_KERNELS(suffix, O, O_MAX, type_text)                                                   \
    ROW_KERNEL(gcd_##suffix)                                                                       \
    {                                                                                              \
        uint64_t g = gcd_u64(magnitude(ARG(O, 0)), magnitude(ARG(O, 1)));                          \
        if (g > (uint64_t)(O_MAX))                                                                 \
            return func__out_of_range(err, type_text);                                             \
        SET(O, (O)g);                                                                              \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    ROW_KERNEL(lcm_##suffix)                                                                       \
    {                                                                                              \
        uint64_t a = magnitude(ARG(O, 0));                                                         \
        uint64_t b = magnitude(ARG(O, 1));                                                         \
        uint64_t out = 0;                                                                          \
        if (a && b &&                                                                              \
            (__builtin_mul_overflow(a / gcd_u64(a, b), b, &out) || out > (uint64_t)(O_MAX)))       \
            return func__out_of_range(err, type_text);                                             \
        SET(O, (O)out);                                                                            \
        return STATUS_OK;                                                                          \
    }
GCD_KERNELS(4, int32_t, INT32_MAX, "integer")
GCD_KERNELS(8, int64_t, INT64_MAX, "bigint")

ROW_KERNEL(factorial)
{
    int64_t n = ARG(int64_t, 0);
    View product = numeric_from_i64(1);
    if (n < 0)
        return domain(err, "22003", "factorial of a negative number is undefined");
    if (n > 32177)
        return domain(err, "22003", "value overflows numeric format");
    for (int64_t i = 2; i <= n; i++) {
        View factor = numeric_from_i64(i);
        TRY(numeric_mul(&product, &factor, ctx->arena, &product, err));
        if (ctx->cancelled && __atomic_load_n(ctx->cancelled, __ATOMIC_RELAXED))
            return error_set_sql(err, STATUS_CANCELLED, "57014", 0,
                                 "canceling statement due to user request");
    }
    SET(View, product);
    return STATUS_OK;
}

ROW_KERNEL(width_bucket_d)
{
    double x = ARG(double, 0);
    double low = ARG(double, 1);
    double high = ARG(double, 2);
    int32_t count = ARG(int32_t, 3);
    if (count <= 0)
        return domain(err, "2201G", "count must be greater than zero");
    if (x != x || low != low || high != high)
        return domain(err, "2201G", "operand, lower bound, and upper bound cannot be NaN");
    if (isinf(low) || isinf(high))
        return domain(err, "2201G", "lower and upper bounds must be finite");
    if (low == high)
        return domain(err, "2201G", "lower bound cannot equal upper bound");
    bool rising = low < high;
    int64_t bucket;
    if (rising ? x < low : x > low) {
        bucket = 0;
    } else if (rising ? x >= high : x <= high) {
        bucket = (int64_t)count + 1;
    } else {
        double share = rising ? (x - low) / (high - low) : (low - x) / (low - high);
        bucket = (int64_t)(share * count) + 1;
        if (bucket > count)
            bucket = count;
    }
    if (bucket > INT32_MAX)
        return func__out_of_range(err, "integer");
    SET(int32_t, (int32_t)bucket);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- random */

/* xoshiro-like stream per thread, seeded from the clock and its own address; not for secrets. */
static _Thread_local uint64_t random_state;

static uint64_t next_random(void)
{
    if (!random_state)
        random_state = hash_u64((uint64_t)clock_wall_ns() ^ (uint64_t)(uintptr_t)&random_state) | 1;
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    return hash_u64(random_state);
}

static Status random_kernel(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                            uint32_t rows, Column *ret, Error *err)
{
    TRY(column_init(ret, ctx->arena, T(FLOAT8), rows, false, err));
    double *out = column_values(ret);
    for (uint32_t i = 0; i < rows; i++)
        out[i] = (double)(next_random() >> 11) * 0x1p-53;
    return STATUS_OK;
}

ROW_KERNEL(setseed)
{
    double seed = ARG(double, 0);
    if (!(seed >= -1 && seed <= 1))
        return domain(err, "22023", "setseed parameter is out of allowed range [-1,1]");
    uint64_t bits;
    memcpy(&bits, &seed, 8);
    random_state = hash_u64(bits) | 1;
    return STATUS_OK;
}

#define D1(name, oid, kernel) FN(name, oid, kernel, T(FLOAT8), 1, T(FLOAT8))
#define N1(name, oid, kernel) FN(name, oid, kernel, T(NUMERIC), 1, T(NUMERIC))

static const Function functions[] = {
    D1("ceil", 2308, ceil_d),
    D1("ceiling", 2320, ceil_d),
    D1("floor", 2309, floor_d),
    D1("round", 1342, round_d),
    D1("trunc", 1343, trunc_d),
    D1("sign", 2310, sign_d),
    D1("sqrt", 1344, sqrt_d),
    D1("cbrt", 1345, cbrt_d),
    D1("exp", 1347, exp_d),
    D1("ln", 1341, ln_d),
    D1("log", 1340, log10_d),
    D1("log10", 1194, log10_d),
    FN("power", 1368, power_d, T(FLOAT8), 2, T(FLOAT8), T(FLOAT8)),
    FN("pow", 1346, power_d, T(FLOAT8), 2, T(FLOAT8), T(FLOAT8)),
    OP("^", 232, power_d, T(FLOAT8), 2, T(FLOAT8), T(FLOAT8)),
    OP("|/", 230, sqrt_d, T(FLOAT8), 1, T(FLOAT8)),
    OP("||/", 231, cbrt_d, T(FLOAT8), 1, T(FLOAT8)),
    D1("sin", 1604, sin_d),
    D1("cos", 1605, cos_d),
    D1("tan", 1606, tan_d),
    D1("cot", 1607, cot_d),
    D1("asin", 1600, asin_d),
    D1("acos", 1601, acos_d),
    D1("atan", 1602, atan_d),
    FN("atan2", 1603, atan2_d, T(FLOAT8), 2, T(FLOAT8), T(FLOAT8)),
    D1("sinh", 2462, sinh_d),
    D1("cosh", 2463, cosh_d),
    D1("tanh", 2464, tanh_d),
    D1("asinh", 2465, asinh_d),
    D1("acosh", 2466, acosh_d),
    D1("atanh", 2467, atanh_d),
    D1("sind", 2736, sind_d),
    D1("cosd", 2735, cosd_d),
    D1("tand", 2737, tand_d),
    D1("degrees", 1608, degrees_d),
    D1("radians", 1609, radians_d),
    FN("pi", 1610, pi_kernel, T(FLOAT8), 0, {0}),
    N1("ceil", 1711, ceil_n),
    N1("ceiling", 2167, ceil_n),
    N1("floor", 1712, floor_n),
    N1("round", 1708, round_n),
    N1("trunc", 1710, trunc_n),
    N1("sign", 1706, sign_n),
    FN("round", 1707, round_n, T(NUMERIC), 2, T(NUMERIC), T(INT4)),
    FN("trunc", 1709, trunc_n, T(NUMERIC), 2, T(NUMERIC), T(INT4)),
    N1("sqrt", 1730, sqrt_n),
    N1("exp", 1732, exp_n),
    N1("ln", 1734, ln_n),
    N1("log", 1741, log_n),
    N1("log10", 1481, log_n),
    N1("trim_scale", 5046, trim_scale_n),
    FN("log", 1736, log_nn, T(NUMERIC), 2, T(NUMERIC), T(NUMERIC)),
    FN("power", 2169, power_n, T(NUMERIC), 2, T(NUMERIC), T(NUMERIC)),
    FN("pow", 1739, power_n, T(NUMERIC), 2, T(NUMERIC), T(NUMERIC)),
    OP("^", 1738, power_n, T(NUMERIC), 2, T(NUMERIC), T(NUMERIC)),
    FN("div", 1973, div_n, T(NUMERIC), 2, T(NUMERIC), T(NUMERIC)),
    FN("scale", 3281, scale_n, T(INT4), 1, T(NUMERIC)),
    FN("min_scale", 5042, min_scale_n, T(INT4), 1, T(NUMERIC)),
    FN("gcd", 5044, gcd_4, T(INT4), 2, T(INT4), T(INT4)),
    FN("gcd", 5045, gcd_8, T(INT8), 2, T(INT8), T(INT8)),
    FN("lcm", 5047, lcm_4, T(INT4), 2, T(INT4), T(INT4)),
    FN("lcm", 5048, lcm_8, T(INT8), 2, T(INT8), T(INT8)),
    FN("factorial", 1376, factorial, T(NUMERIC), 1, T(INT8)),
    FN("width_bucket", 320, width_bucket_d, T(INT4), 4, T(FLOAT8), T(FLOAT8), T(FLOAT8), T(INT4)),
    {.name = "random",
     .oid = 1598,
     .strict = true,
     .volatility = VOLATILITY_VOLATILE,
     .ret = T(FLOAT8),
     .kernel = random_kernel},
    {.name = "setseed",
     .oid = 1599,
     .strict = true,
     .volatility = VOLATILITY_VOLATILE,
     .arg_count = 1,
     .args = {T(FLOAT8)},
     .ret = T(VOID),
     .kernel = setseed},
};
const FuncTable func__math_table = {functions, LUMA_ARRAY_LEN(functions)};
