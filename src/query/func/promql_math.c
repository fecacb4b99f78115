#include "query/func/promql_math.h"

#include <math.h>

/* A time of the proleptic Gregorian calendar, UTC. */
typedef struct Date {
    int64_t year;
    int month;       /* 1 .. 12 */
    int day;         /* 1 .. 31 */
    int64_t days;    /* since 1970-01-01 */
    int64_t seconds; /* of the day */
} Date;

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days to civil date: eras of 400 years that begin on March 1st. */
static Date date_of(double value)
{
    Date d;
    int64_t t = isnan(value) || value >= 9.2e18 || value <= -9.2e18 ? INT64_MIN : (int64_t)value;
    int64_t z;
    int64_t era;
    int64_t doe;
    int64_t yoe;
    int64_t doy;
    int64_t mp;

    d.days = floor_div(t, 86400);
    d.seconds = t % 86400 + (t % 86400 < 0 ? 86400 : 0);
    z = d.days + 719468;
    era = floor_div(z, 146097);
    doe = z - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    d.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    d.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    d.year = yoe + era * 400 + (d.month <= 2);
    return d;
}

static bool leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static double date_part(PromFunc func, double value)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    static const int in_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    Date d = date_of(value);

    switch (func) {
    case PROM_FUNC_DAYS_IN_MONTH:
        return in_month[d.month - 1] + (d.month == 2 && leap(d.year));
    case PROM_FUNC_DAY_OF_MONTH:
        return d.day;
    case PROM_FUNC_DAY_OF_WEEK:
        return (double)(((d.days % 7) + 11) % 7); /* 1970-01-01 was a Thursday */
    case PROM_FUNC_DAY_OF_YEAR:
        return before[d.month - 1] + d.day + (d.month > 2 && leap(d.year));
    case PROM_FUNC_HOUR:
        return (double)(d.seconds / 3600);
    case PROM_FUNC_MINUTE:
        return (double)(d.seconds / 60 % 60);
    case PROM_FUNC_MONTH:
        return d.month;
    default:
        return (double)d.year;
    }
}

static double sign(double v)
{
    return v < 0 ? -1 : v > 0 ? 1 : v;
}

static double map_one(PromFunc func, double v)
{
    switch (func) {
    case PROM_FUNC_ABS:
        return fabs(v);
    case PROM_FUNC_ACOS:
        return acos(v);
    case PROM_FUNC_ACOSH:
        return acosh(v);
    case PROM_FUNC_ASIN:
        return asin(v);
    case PROM_FUNC_ASINH:
        return asinh(v);
    case PROM_FUNC_ATAN:
        return atan(v);
    case PROM_FUNC_ATANH:
        return atanh(v);
    case PROM_FUNC_CEIL:
        return ceil(v);
    case PROM_FUNC_COS:
        return cos(v);
    case PROM_FUNC_COSH:
        return cosh(v);
    case PROM_FUNC_DEG:
        return v * 180 / M_PI;
    case PROM_FUNC_EXP:
        return exp(v);
    case PROM_FUNC_FLOOR:
        return floor(v);
    case PROM_FUNC_LN:
        return log(v);
    case PROM_FUNC_LOG10:
        return log10(v);
    case PROM_FUNC_LOG2:
        return log2(v);
    case PROM_FUNC_RAD:
        return v * M_PI / 180;
    case PROM_FUNC_SGN:
        return sign(v);
    case PROM_FUNC_SIN:
        return sin(v);
    case PROM_FUNC_SINH:
        return sinh(v);
    case PROM_FUNC_SQRT:
        return sqrt(v);
    case PROM_FUNC_TAN:
        return tan(v);
    case PROM_FUNC_TANH:
        return tanh(v);
    default:
        return date_part(func, v);
    }
}

/* Go's math.Min and math.Max: NaN wins. */
static double lesser(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : fmin(a, b);
}
static double greater(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}

static void clamp(double *v, uint32_t n, const double *low, const double *high)
{
    for (uint32_t s = 0; s < n; s++) {
        double min = low ? low[s] : -INFINITY;
        double max = high ? high[s] : INFINITY;
        if (prom_is_absent(v[s]))
            continue;
        v[s] = max < min ? prom_absent() : greater(min, lesser(max, v[s]));
    }
}

static void round_to(double *v, uint32_t n, const double *unit)
{
    for (uint32_t s = 0; s < n; s++) {
        double inverse = 1.0 / (unit ? unit[s] : 1);
        if (!prom_is_absent(v[s]))
            v[s] = floor(v[s] * inverse + 0.5) / inverse;
    }
}

void prom_map(PromFunc func, const double *const *params, uint32_t param_count, double *values,
              uint32_t step_count)
{
    switch (func) {
    case PROM_FUNC_CLAMP:
        clamp(values, step_count, params[0], params[1]);
        return;
    case PROM_FUNC_CLAMP_MIN:
        clamp(values, step_count, params[0], NULL);
        return;
    case PROM_FUNC_CLAMP_MAX:
        clamp(values, step_count, NULL, params[0]);
        return;
    case PROM_FUNC_ROUND:
        round_to(values, step_count, param_count ? params[0] : NULL);
        return;
    default:
        for (uint32_t s = 0; s < step_count; s++)
            if (!prom_is_absent(values[s]))
                values[s] = map_one(func, values[s]);
        return;
    }
}

double prom_binary(PromBinaryOp op, double a, double b)
{
    switch (op) {
    case PROM_OP_ADD:
        return a + b;
    case PROM_OP_SUB:
        return a - b;
    case PROM_OP_MUL:
        return a * b;
    case PROM_OP_DIV:
        return a / b;
    case PROM_OP_MOD:
        return fmod(a, b);
    case PROM_OP_POW:
        return pow(a, b);
    case PROM_OP_ATAN2:
        return atan2(a, b);
    case PROM_OP_EQ:
        return a == b;
    case PROM_OP_NE:
        return a != b;
    case PROM_OP_LT:
        return a < b;
    case PROM_OP_GT:
        return a > b;
    case PROM_OP_LE:
        return a <= b;
    case PROM_OP_GE:
        return a >= b;
    case PROM_OP_TRIM_UPPER:
    case PROM_OP_TRIM_LOWER:
    case PROM_OP_AND:
    case PROM_OP_UNLESS:
    case PROM_OP_OR:
        break;
    }
    return NAN;
}
