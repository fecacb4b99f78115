/* agg_stats.c - variance, standard deviation, covariance, correlation, regression.
 *
 * Youngs and Cramer's updating formulas, as PostgreSQL uses them for floats, so results agree to
 * the last digits. Integers and numeric go through doubles as well; PostgreSQL computes those in
 * numeric and prints more digits. */
#include <math.h>

#include "query/func/agg_int.h"

typedef struct Moments {
    int64_t n;
    double sx;
    double sxx; /* sum of squared differences from the mean */
} Moments;

static void moments_add(Moments *m, double x)
{
    m->n++;
    m->sx += x;
    if (m->n > 1) {
        double tmp = x * (double)m->n - m->sx;
        m->sxx += tmp * tmp / ((double)m->n * (double)(m->n - 1));
    } else if (!isfinite(x)) {
        m->sxx = NAN;
    }
}

AGG_UPDATE(moments)
{
    Moments *all = states;
    for (uint32_t i = 0; i < rows; i++)
        if (!column_is_null(&args[0], i))
            moments_add(&all[group_of[i]], column_f64(&args[0], i));
    return STATUS_OK;
}
AGG_MERGE(moments)
{
    Moments *a = dst;
    const Moments *b = src;
    if (!b->n)
        return STATUS_OK;
    if (!a->n) {
        *a = *b;
        return STATUS_OK;
    }
    double n = (double)(a->n + b->n);
    double tmp = a->sx / (double)a->n - b->sx / (double)b->n;
    a->sxx += b->sxx + (double)a->n * (double)b->n * tmp * tmp / n;
    a->sx += b->sx;
    a->n += b->n;
    return STATUS_OK;
}

static Status put_double(Column *ret, uint32_t i, bool some, double value)
{
    bit_put(column_validity(ret), i, some);
    if (some)
        ((double *)column_values(ret))[i] = value;
    return STATUS_OK;
}

#define MOMENTS_FINISH(name, least, expr)                                                          \
    AGG_FINISH(name)                                                                               \
    {                                                                                              \
        const Moments *all = states;                                                               \
        TRY(agg_result(ctx, count, ret, err));                                                     \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            double n = (double)all[i].n;                                                           \
            double sxx = all[i].sxx;                                                               \
            bool some = all[i].n >= (least);                                                       \
            TRY(put_double(ret, i, some, some ? (expr) : n));                                      \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }
MOMENTS_FINISH(var_samp, 2, sxx / (n - 1))
MOMENTS_FINISH(var_pop, 1, sxx / n)
MOMENTS_FINISH(stddev_samp, 2, sqrt(sxx / (n - 1)))
MOMENTS_FINISH(stddev_pop, 1, sqrt(sxx / n))

/* ---------------------------------------------------------------- exact */

typedef struct ExactMoments {
    NumericSum x;
    NumericSum xx;
} ExactMoments;

AGG_UPDATE(exact)
{
    ExactMoments *all = states;
    bool is_integer = type_is_integer(args[0].type);
    for (uint32_t i = 0; i < rows; i++) {
        if (column_is_null(&args[0], i))
            continue;
        ExactMoments *m = &all[group_of[i]];
        View x = is_integer ? numeric_from_i64(column_i64(&args[0], i)) : func__view(&args[0], i);
        View xx;
        TRY(numeric_mul(&x, &x, ctx->arena, &xx, err));
        TRY(numeric_sum_add(&m->x, &x, arena, err));
        TRY(numeric_sum_add(&m->xx, &xx, arena, err));
    }
    return STATUS_OK;
}
AGG_MERGE(exact)
{
    ExactMoments *a = dst;
    const ExactMoments *b = src;
    TRY(numeric_sum_merge(&a->x, &b->x, arena, err));
    return numeric_sum_merge(&a->xx, &b->xx, arena, err);
}

/* numeric_stddev_internal: (N * sum(x^2) - sum(x)^2) / (N * (N - 1 or N)), its root for stddev. */
static Status exact_result(const EvalContext *ctx, const ExactMoments *m, bool sample, bool root,
                           View *ret, Error *err)
{
    View n = numeric_from_i64(m->x.count);
    View less = numeric_from_i64(sample ? m->x.count - 1 : m->x.count);
    View sum;
    View square;
    View zero = numeric_from_i64(0);
    TRY(numeric_sum_total(&m->x, ctx->arena, &sum, err));
    TRY(numeric_sum_total(&m->xx, ctx->arena, &square, err));
    TRY(numeric_mul(&sum, &sum, ctx->arena, &sum, err));
    TRY(numeric_mul(&square, &n, ctx->arena, &square, err));
    TRY(numeric_sub(&square, &sum, ctx->arena, ret, err));
    if (numeric_sign(ret) <= 0 && !numeric_is_nan(ret)) {
        *ret = zero;
        return STATUS_OK;
    }
    TRY(numeric_mul(&n, &less, ctx->arena, &n, err));
    TRY(numeric_div(ret, &n, ctx->arena, ret, err));
    if (!root)
        return STATUS_OK;
    int scale = numeric_scale(ret); /* the root has the quotient's digits */
    TRY(numeric_sqrt(ret, ctx->arena, ret, err));
    return numeric_round(ret, scale, ctx->arena, ret, err);
}

#define EXACT_FINISH(name, sample, root)                                                           \
    AGG_FINISH(name)                                                                               \
    {                                                                                              \
        const ExactMoments *all = states;                                                          \
        TRY(agg_result(ctx, count, ret, err));                                                     \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            if (all[i].x.count < ((sample) ? 2 : 1))                                               \
                bit_clear(column_validity(ret), i);                                                \
            else                                                                                   \
                TRY(exact_result(ctx, &all[i], sample, root, (View *)column_values(ret) + i,       \
                                 err));                                                            \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }
EXACT_FINISH(exact_var_samp, true, false)
EXACT_FINISH(exact_var_pop, false, false)
EXACT_FINISH(exact_stddev_samp, true, true)
EXACT_FINISH(exact_stddev_pop, false, true)

/* ---------------------------------------------------------------- two variables: f(Y, X) */

typedef struct Pairs {
    int64_t n;
    double sx, sxx, sy, syy, sxy;
} Pairs;

AGG_UPDATE(pairs)
{
    Pairs *all = states;
    for (uint32_t i = 0; i < rows; i++) {
        if (column_is_null(&args[0], i) || column_is_null(&args[1], i))
            continue;
        Pairs *p = &all[group_of[i]];
        double y = column_f64(&args[0], i);
        double x = column_f64(&args[1], i);
        p->n++;
        p->sx += x;
        p->sy += y;
        if (p->n == 1) {
            if (!isfinite(x))
                p->sxx = p->sxy = NAN;
            if (!isfinite(y))
                p->syy = p->sxy = NAN;
            continue;
        }
        double n = (double)p->n;
        double tx = x * n - p->sx;
        double ty = y * n - p->sy;
        double scale = 1.0 / (n * (n - 1));
        p->sxx += tx * tx * scale;
        p->syy += ty * ty * scale;
        p->sxy += tx * ty * scale;
    }
    return STATUS_OK;
}
AGG_MERGE(pairs)
{
    Pairs *a = dst;
    const Pairs *b = src;
    if (!b->n)
        return STATUS_OK;
    if (!a->n) {
        *a = *b;
        return STATUS_OK;
    }
    double n = (double)(a->n + b->n);
    double weight = (double)a->n * (double)b->n / n;
    double tx = a->sx / (double)a->n - b->sx / (double)b->n;
    double ty = a->sy / (double)a->n - b->sy / (double)b->n;
    a->sxx += b->sxx + weight * tx * tx;
    a->syy += b->syy + weight * ty * ty;
    a->sxy += b->sxy + weight * tx * ty;
    a->sx += b->sx;
    a->sy += b->sy;
    a->n += b->n;
    return STATUS_OK;
}
#define PAIRS_FINISH(name, some_expr, expr)                                                        \
    AGG_FINISH(name)                                                                               \
    {                                                                                              \
        const Pairs *all = states;                                                                 \
        TRY(agg_result(ctx, count, ret, err));                                                     \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            const Pairs *p = &all[i];                                                              \
            double n = (double)p->n;                                                               \
            bool some = (some_expr);                                                               \
            TRY(put_double(ret, i, some, some ? (expr) : n));                                      \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }
PAIRS_FINISH(corr, p->n >= 1 && p->sxx != 0 && p->syy != 0, p->sxy / sqrt(p->sxx * p->syy))
PAIRS_FINISH(covar_pop, p->n >= 1, p->sxy / n)
PAIRS_FINISH(covar_samp, p->n >= 2, p->sxy / (n - 1))
PAIRS_FINISH(regr_avgx, p->n >= 1, p->sx / n)
PAIRS_FINISH(regr_avgy, p->n >= 1, p->sy / n)
PAIRS_FINISH(regr_sxx, p->n >= 1, p->sxx)
PAIRS_FINISH(regr_syy, p->n >= 1, p->syy)
PAIRS_FINISH(regr_sxy, p->n >= 1, p->sxy)
PAIRS_FINISH(regr_slope, p->n >= 1 && p->sxx != 0, p->sxy / p->sxx)
PAIRS_FINISH(regr_intercept, p->n >= 1 && p->sxx != 0, (p->sy - p->sx * p->sxy / p->sxx) / n)
PAIRS_FINISH(regr_r2, p->n >= 1 && p->sxx != 0,
             p->syy == 0 ? 1.0 : p->sxy * p->sxy / (p->sxx * p->syy))
AGG_FINISH(regr_count)
{
    const Pairs *all = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++)
        ((int64_t *)column_values(ret))[i] = all[i].n;
    return STATUS_OK;
}

#define MOMENTS(name_, oid_, finish_, ret_, arg_)                                                  \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = 1, .args = {arg_}, .ret = ret_,                   \
        .state_bytes = sizeof(Moments), .update = moments_update, .merge = moments_merge,          \
        .finish = finish_##_finish                                                                 \
    }
#define EXACT(name_, oid_, finish_, arg_)                                                          \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = 1, .args = {arg_}, .ret = T(NUMERIC),             \
        .state_bytes = sizeof(ExactMoments), .update = exact_update, .merge = exact_merge,         \
        .finish = exact_##finish_##_finish                                                         \
    }
#define MOMENTS_ALL(name, finish, o8, o4, o2, of8, of4, on)                                        \
    EXACT(name, o8, finish, T(INT8)), EXACT(name, o4, finish, T(INT4)),                            \
        EXACT(name, o2, finish, T(INT2)), MOMENTS(name, of8, finish, T(FLOAT8), T(FLOAT8)),        \
        MOMENTS(name, of4, finish, T(FLOAT8), T(FLOAT4)), EXACT(name, on, finish, T(NUMERIC))

#define PAIRS(name_, oid_, finish_, ret_)                                                          \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = 2, .args = {T(FLOAT8), T(FLOAT8)}, .ret = ret_,   \
        .state_bytes = sizeof(Pairs), .update = pairs_update, .merge = pairs_merge,                \
        .finish = finish_##_finish                                                                 \
    }

static const Aggregate aggregates[] = {
    MOMENTS_ALL("var_pop", var_pop, 2718, 2719, 2720, 2722, 2721, 2723),
    MOMENTS_ALL("var_samp", var_samp, 2641, 2642, 2643, 2645, 2644, 2646),
    MOMENTS_ALL("variance", var_samp, 2148, 2149, 2150, 2152, 2151, 2153),
    MOMENTS_ALL("stddev_pop", stddev_pop, 2724, 2725, 2726, 2728, 2727, 2729),
    MOMENTS_ALL("stddev_samp", stddev_samp, 2712, 2713, 2714, 2716, 2715, 2717),
    MOMENTS_ALL("stddev", stddev_samp, 2154, 2155, 2156, 2158, 2157, 2159),
    PAIRS("corr", 2829, corr, T(FLOAT8)),
    PAIRS("covar_pop", 2827, covar_pop, T(FLOAT8)),
    PAIRS("covar_samp", 2828, covar_samp, T(FLOAT8)),
    PAIRS("regr_avgx", 2822, regr_avgx, T(FLOAT8)),
    PAIRS("regr_avgy", 2823, regr_avgy, T(FLOAT8)),
    PAIRS("regr_sxx", 2819, regr_sxx, T(FLOAT8)),
    PAIRS("regr_syy", 2820, regr_syy, T(FLOAT8)),
    PAIRS("regr_sxy", 2821, regr_sxy, T(FLOAT8)),
    PAIRS("regr_slope", 2825, regr_slope, T(FLOAT8)),
    PAIRS("regr_intercept", 2826, regr_intercept, T(FLOAT8)),
    PAIRS("regr_r2", 2824, regr_r2, T(FLOAT8)),
    PAIRS("regr_count", 2818, regr_count, T(INT8)),
};
const AggregateTable func__stats_aggregates = {aggregates, LUMA_ARRAY_LEN(aggregates)};
