/* promql_func.h - the functions, aggregations and operators of PromQL: names and signatures.
 *
 * X(id, name, result, arguments, variadic): types are one letter each - v instant vector, m range
 * vector, s scalar, t string. `variadic` is Prometheus' own notion: 0 = exactly these arguments,
 * n > 0 = the last one may be missing or come up to n times, -1 = any number of times.
 * Kernels live in promql_range.c, promql_math.c, promql_hist.c ...; the operators that call them in
 * query/exec/op_series_*.c.
 */
#ifndef LUMA_QUERY_FUNC_PROMQL_FUNC_H
#define LUMA_QUERY_FUNC_PROMQL_FUNC_H

#include "base/str.h"

/* clang-format off */
#define PROM_FUNC_LIST(X)                                                                          \
    X(ABS, "abs", 'v', "v", 0)                                                                     \
    X(ABSENT, "absent", 'v', "v", 0)                                                               \
    X(ABSENT_OVER_TIME, "absent_over_time", 'v', "m", 0)                                           \
    X(ACOS, "acos", 'v', "v", 0)                                                                   \
    X(ACOSH, "acosh", 'v', "v", 0)                                                                 \
    X(ASIN, "asin", 'v', "v", 0)                                                                   \
    X(ASINH, "asinh", 'v', "v", 0)                                                                 \
    X(ATAN, "atan", 'v', "v", 0)                                                                   \
    X(ATANH, "atanh", 'v', "v", 0)                                                                 \
    X(AVG_OVER_TIME, "avg_over_time", 'v', "m", 0)                                                 \
    X(CEIL, "ceil", 'v', "v", 0)                                                                   \
    X(CHANGES, "changes", 'v', "m", 0)                                                             \
    X(CLAMP, "clamp", 'v', "vss", 0)                                                               \
    X(CLAMP_MAX, "clamp_max", 'v', "vs", 0)                                                        \
    X(CLAMP_MIN, "clamp_min", 'v', "vs", 0)                                                        \
    X(COS, "cos", 'v', "v", 0)                                                                     \
    X(COSH, "cosh", 'v', "v", 0)                                                                   \
    X(COUNT_OVER_TIME, "count_over_time", 'v', "m", 0)                                             \
    X(DAYS_IN_MONTH, "days_in_month", 'v', "v", 1)                                                 \
    X(DAY_OF_MONTH, "day_of_month", 'v', "v", 1)                                                   \
    X(DAY_OF_WEEK, "day_of_week", 'v', "v", 1)                                                     \
    X(DAY_OF_YEAR, "day_of_year", 'v', "v", 1)                                                     \
    X(DEG, "deg", 'v', "v", 0)                                                                     \
    X(DELTA, "delta", 'v', "m", 0)                                                                 \
    X(DERIV, "deriv", 'v', "m", 0)                                                                 \
    X(DOUBLE_EXP_SMOOTHING, "double_exponential_smoothing", 'v', "mss", 0)                         \
    X(END, "end", 's', "", 0)                                                                      \
    X(EXP, "exp", 'v', "v", 0)                                                                     \
    X(FIRST_OVER_TIME, "first_over_time", 'v', "m", 0)                                             \
    X(FLOOR, "floor", 'v', "v", 0)                                                                 \
    X(HISTOGRAM_AVG, "histogram_avg", 'v', "v", 0)                                                 \
    X(HISTOGRAM_COUNT, "histogram_count", 'v', "v", 0)                                             \
    X(HISTOGRAM_FRACTION, "histogram_fraction", 'v', "ssv", 0)                                     \
    X(HISTOGRAM_QUANTILE, "histogram_quantile", 'v', "sv", 0)                                      \
    X(HISTOGRAM_QUANTILES, "histogram_quantiles", 'v', "vtss", 9)                                  \
    X(HISTOGRAM_STDDEV, "histogram_stddev", 'v', "v", 0)                                           \
    X(HISTOGRAM_STDVAR, "histogram_stdvar", 'v', "v", 0)                                           \
    X(HISTOGRAM_SUM, "histogram_sum", 'v', "v", 0)                                                 \
    X(HOUR, "hour", 'v', "v", 1)                                                                   \
    X(IDELTA, "idelta", 'v', "m", 0)                                                               \
    X(INCREASE, "increase", 'v', "m", 0)                                                           \
    X(INFO, "info", 'v', "vv", 1)                                                                  \
    X(IRATE, "irate", 'v', "m", 0)                                                                 \
    X(LABEL_JOIN, "label_join", 'v', "vttt", -1)                                                   \
    X(LABEL_REPLACE, "label_replace", 'v', "vtttt", 0)                                             \
    X(LAST_OVER_TIME, "last_over_time", 'v', "m", 0)                                               \
    X(LN, "ln", 'v', "v", 0)                                                                       \
    X(LOG10, "log10", 'v', "v", 0)                                                                 \
    X(LOG2, "log2", 'v', "v", 0)                                                                   \
    X(MAD_OVER_TIME, "mad_over_time", 'v', "m", 0)                                                 \
    X(MAX_OF, "max_of", 's', "ss", 0)                                                              \
    X(MAX_OVER_TIME, "max_over_time", 'v', "m", 0)                                                 \
    X(MINUTE, "minute", 'v', "v", 1)                                                               \
    X(MIN_OF, "min_of", 's', "ss", 0)                                                              \
    X(MIN_OVER_TIME, "min_over_time", 'v', "m", 0)                                                 \
    X(MONTH, "month", 'v', "v", 1)                                                                 \
    X(PI, "pi", 's', "", 0)                                                                        \
    X(PREDICT_LINEAR, "predict_linear", 'v', "ms", 0)                                              \
    X(PRESENT_OVER_TIME, "present_over_time", 'v', "m", 0)                                         \
    X(QUANTILE_OVER_TIME, "quantile_over_time", 'v', "sm", 0)                                      \
    X(RAD, "rad", 'v', "v", 0)                                                                     \
    X(RANGE, "range", 's', "", 0)                                                                  \
    X(RATE, "rate", 'v', "m", 0)                                                                   \
    X(RESETS, "resets", 'v', "m", 0)                                                               \
    X(ROUND, "round", 'v', "vs", 1)                                                                \
    X(SCALAR, "scalar", 's', "v", 0)                                                               \
    X(SGN, "sgn", 'v', "v", 0)                                                                     \
    X(SIN, "sin", 'v', "v", 0)                                                                     \
    X(SINH, "sinh", 'v', "v", 0)                                                                   \
    X(SORT, "sort", 'v', "v", 0)                                                                   \
    X(SORT_BY_LABEL, "sort_by_label", 'v', "vt", -1)                                               \
    X(SORT_BY_LABEL_DESC, "sort_by_label_desc", 'v', "vt", -1)                                     \
    X(SORT_DESC, "sort_desc", 'v', "v", 0)                                                         \
    X(SQRT, "sqrt", 'v', "v", 0)                                                                   \
    X(START, "start", 's', "", 0)                                                                  \
    X(START_TIMESTAMP, "start_timestamp", 'v', "v", 0)                                             \
    X(STDDEV_OVER_TIME, "stddev_over_time", 'v', "m", 0)                                           \
    X(STDVAR_OVER_TIME, "stdvar_over_time", 'v', "m", 0)                                           \
    X(STEP, "step", 's', "", 0)                                                                    \
    X(SUM_OVER_TIME, "sum_over_time", 'v', "m", 0)                                                 \
    X(TAN, "tan", 'v', "v", 0)                                                                     \
    X(TANH, "tanh", 'v', "v", 0)                                                                   \
    X(TIME, "time", 's', "", 0)                                                                    \
    X(TIMESTAMP, "timestamp", 'v', "v", 0)                                                         \
    X(TS_OF_FIRST_OVER_TIME, "ts_of_first_over_time", 'v', "m", 0)                                 \
    X(TS_OF_LAST_OVER_TIME, "ts_of_last_over_time", 'v', "m", 0)                                   \
    X(TS_OF_MAX_OVER_TIME, "ts_of_max_over_time", 'v', "m", 0)                                     \
    X(TS_OF_MIN_OVER_TIME, "ts_of_min_over_time", 'v', "m", 0)                                     \
    X(VECTOR, "vector", 'v', "s", 0)                                                               \
    X(YEAR, "year", 'v', "v", 1)

/* X(id, name, parameter type or 0) */
#define PROM_AGG_LIST(X)                                                                           \
    X(AVG, "avg", 0)                                                                               \
    X(BOTTOMK, "bottomk", 's')                                                                     \
    X(COUNT, "count", 0)                                                                           \
    X(COUNT_VALUES, "count_values", 't')                                                           \
    X(GROUP, "group", 0)                                                                           \
    X(LIMITK, "limitk", 's')                                                                       \
    X(LIMIT_RATIO, "limit_ratio", 's')                                                             \
    X(MAX, "max", 0)                                                                               \
    X(MIN, "min", 0)                                                                               \
    X(QUANTILE, "quantile", 's')                                                                   \
    X(STDDEV, "stddev", 0)                                                                         \
    X(STDVAR, "stdvar", 0)                                                                         \
    X(SUM, "sum", 0)                                                                               \
    X(TOPK, "topk", 's')
/* clang-format on */

typedef enum PromFunc {
#define X(id, name, result, args, variadic) PROM_FUNC_##id,
    PROM_FUNC_LIST(X)
#undef X
        PROM_FUNC_COUNT_
} PromFunc;

typedef enum PromAgg {
#define X(id, name, param) PROM_AGG_##id,
    PROM_AGG_LIST(X)
#undef X
        PROM_AGG_COUNT_
} PromAgg;

typedef struct PromFuncInfo {
    Str name;
    char result;      /* type letter */
    const char *args; /* type letters */
    int variadic;
} PromFuncInfo;

typedef struct PromAggInfo {
    Str name;
    char param; /* type letter of the parameter, 0 = none */
} PromAggInfo;

extern const PromFuncInfo prom_func_infos[PROM_FUNC_COUNT_];
extern const PromAggInfo prom_agg_infos[PROM_AGG_COUNT_];

/* Names of functions are case-sensitive. */
bool prom_func_find(Str name, PromFunc *ret_func);

typedef enum PromBinaryOp {
    PROM_OP_ADD,
    PROM_OP_SUB,
    PROM_OP_MUL,
    PROM_OP_DIV,
    PROM_OP_MOD,
    PROM_OP_POW,
    PROM_OP_ATAN2,
    PROM_OP_EQ,
    PROM_OP_NE,
    PROM_OP_LT,
    PROM_OP_GT,
    PROM_OP_LE,
    PROM_OP_GE,
    PROM_OP_TRIM_UPPER, /* </ : drop the observations above */
    PROM_OP_TRIM_LOWER, /* >/ : drop the observations below */
    PROM_OP_AND,
    PROM_OP_UNLESS,
    PROM_OP_OR,
} PromBinaryOp;

static inline bool prom_op_is_comparison(PromBinaryOp op)
{
    return op >= PROM_OP_EQ && op <= PROM_OP_GE;
}
static inline bool prom_op_is_set(PromBinaryOp op)
{
    return op >= PROM_OP_AND;
}

typedef enum PromCardinality {
    PROM_ONE_TO_ONE,
    PROM_MANY_TO_ONE,
    PROM_ONE_TO_MANY,
    PROM_MANY_TO_MANY,
} PromCardinality;

/* on/ignoring, group_left/group_right, fill. */
typedef struct PromMatching {
    PromCardinality card;
    bool on; /* `labels` are the ones that count; else the ones that do not */
    const Str *labels;
    uint32_t label_count;
    const Str *include; /* labels of group_left(...) or group_right(...) */
    uint32_t include_count;
    bool has_fill_left;
    bool has_fill_right;
    double fill_left;
    double fill_right;
} PromMatching;

/* "+", "and", "</" */
const char *prom_op_text(PromBinaryOp op);

#endif
