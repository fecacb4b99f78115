/* agg_ordered.c - ordered-set aggregates: percentile_cont, percentile_disc, mode.
 *
 * The executor feeds direct arguments first, then the ORDER BY value, rows in order. */
#include <math.h>

#include "query/func/agg_int.h"
#include "query/func/collected.h"
#include "query/func/value.h"

typedef struct Percentile {
    Collected values;
    Collected fraction; /* the direct argument, once */
} Percentile;

AGG_UPDATE(percentile)
{
    Percentile *all = states;
    for (uint32_t i = 0; i < rows; i++) {
        Percentile *p = &all[group_of[i]];
        if (!p->fraction.count)
            TRY(collected_add(&p->fraction, &args[0], i, arena, err));
        if (!column_is_null(&args[1], i))
            TRY(collected_add(&p->values, &args[1], i, arena, err));
    }
    return STATUS_OK;
}

static Status check_fraction(double f, Error *err)
{
    if (!(f >= 0 && f <= 1))
        return error_set_sql(err, STATUS_INVALID, "22003", 0,
                             "percentile value %g is not between 0 and 1", f);
    return STATUS_OK;
}

static Status interpolate(const Column *values, double f, Column *ret, uint32_t i, Error *err)
{
    double at = f * (double)(values->len - 1);
    uint32_t low = (uint32_t)floor(at);
    uint32_t high = (uint32_t)ceil(at);
    double share = at - low;
    if (values->type.id == TYPE_INTERVAL) {
        Interval a = *(const Interval *)column_fixed16(values, low);
        Interval b = *(const Interval *)column_fixed16(values, high);
        Interval step;
        TRY(interval_sub(&b, &a, &step, err));
        TRY(interval_mul(&step, share, &step, err));
        return interval_add(&a, &step, (Interval *)column_values(ret) + i, err);
    }
    double a = column_f64(values, low);
    double b = column_f64(values, high);
    ((double *)column_values(ret))[i] = low == high ? a : a + share * (b - a);
    return STATUS_OK;
}

static uint32_t discrete_row(uint32_t count, double f)
{
    double at = ceil(f * (double)count);
    return at < 1 ? 0 : (uint32_t)at - 1;
}

static void copy_value(Column *ret, uint32_t i, const Column *values, uint32_t row)
{
    size_t width = layout_width(type_layout(ret->type));
    if (width)
        memcpy((char *)column_values(ret) + width * i, (const char *)values->values + width * row,
               width);
    else
        bit_put(column_values(ret), i, column_bool(values, row));
}

static Status one_percentile(const EvalContext *ctx, const Percentile *p, bool continuous,
                             Column *ret, uint32_t i, Error *err)
{
    Column values;
    if (!p->values.count || !p->fraction.count || p->fraction.nulls[0]) {
        bit_clear(column_validity(ret), i);
        return STATUS_OK;
    }
    double f;
    memcpy(&f, p->fraction.values, sizeof f);
    TRY(check_fraction(f, err));
    TRY(collected_column(&p->values, ctx->arena, &values, err));
    if (continuous)
        return interpolate(&values, f, ret, i, err);
    copy_value(ret, i, &values, discrete_row(values.len, f));
    return STATUS_OK;
}

/* percentile_*(array of fractions): an array of results. */
static Status many_percentiles(const EvalContext *ctx, const Percentile *p, bool continuous,
                               Column *ret, uint32_t i, Error *err)
{
    Column values;
    Column fraction;
    Column fractions;
    Column results;
    if (!p->values.count || !p->fraction.count || p->fraction.nulls[0]) {
        bit_clear(column_validity(ret), i);
        return STATUS_OK;
    }
    TRY(collected_column(&p->values, ctx->arena, &values, err));
    TRY(collected_column(&p->fraction, ctx->arena, &fraction, err));
    PgArray array = pgarray_open(fraction.type, column_str(&fraction, 0));
    TRY(pgarray_elements(&array, ctx->arena, &fractions, err));
    TRY(column_init(&results, ctx->arena, type_element(ret->type), array.count, true, err));
    for (uint32_t k = 0; k < array.count; k++) {
        if (pgarray_is_null(&array, k)) {
            bit_clear(column_validity(&results), k);
            continue;
        }
        double f = column_f64(&fractions, k);
        TRY(check_fraction(f, err));
        if (continuous)
            TRY(interpolate(&values, f, &results, k, err));
        else
            copy_value(&results, k, &values, discrete_row(values.len, f));
    }
    return pgarray_make_dims(ret->type, &results, 0, array.count, array.dim_count, array.lengths,
                             array.lowers, ctx->arena, (View *)column_values(ret) + i, err);
}

static Status finish_all(const EvalContext *ctx, const Percentile *all, uint32_t count,
                         bool continuous, Column *ret, Error *err)
{
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        bool many = all[i].fraction.count && all[i].fraction.type.is_array;
        TRY(many ? many_percentiles(ctx, &all[i], continuous, ret, i, err)
                 : one_percentile(ctx, &all[i], continuous, ret, i, err));
    }
    return STATUS_OK;
}
AGG_FINISH(percentile_cont)
{
    return finish_all(ctx, states, count, true, ret, err);
}
AGG_FINISH(percentile_disc)
{
    return finish_all(ctx, states, count, false, ret, err);
}

/* ---------------------------------------------------------------- mode */

AGG_UPDATE(mode)
{
    Collected *all = states;
    for (uint32_t i = 0; i < rows; i++)
        if (!column_is_null(&args[0], i))
            TRY(collected_add(&all[group_of[i]], &args[0], i, arena, err));
    return STATUS_OK;
}
/* The longest run of equal values; of equally long ones the first. */
AGG_FINISH(mode)
{
    const Collected *all = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        Column values;
        uint32_t best = 0;
        uint32_t best_len = 0;
        if (!all[i].count) {
            bit_clear(column_validity(ret), i);
            continue;
        }
        TRY(collected_column(&all[i], ctx->arena, &values, err));
        ValueEq eq = value_eq_fn(values.type);
        for (uint32_t from = 0; from < values.len;) {
            uint32_t to = from + 1;
            while (to < values.len && eq(&values, from, &values, to))
                to++;
            if (to - from > best_len) {
                best = from;
                best_len = to - from;
            }
            from = to;
        }
        copy_value(ret, i, &values, best);
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- hypothetical rows */

typedef struct Hypothetical {
    int64_t rows;
    int64_t before;   /* rows that sort before the hypothetical one */
    int64_t distinct; /* different values among them */
    int64_t same;     /* its peers */
    Collected last;   /* the value before, to tell different ones apart */
} Hypothetical;

/* Three-way order of a row and the hypothetical value under the sort's direction. */
static int order_of(const Column *value, const Column *wanted, uint32_t row, int64_t flags)
{
    bool value_null = column_is_null(value, row);
    bool wanted_null = column_is_null(wanted, row);
    if (value_null || wanted_null) {
        int order = (int)value_null - (int)wanted_null;
        return flags & 2 ? -order : order;
    }
    int order = value_cmp_fn(value->type)(value, row, wanted, row);
    return flags & 1 ? -order : order;
}

AGG_UPDATE(hypothetical)
{
    Hypothetical *all = states;
    for (uint32_t i = 0; i < rows; i++) {
        Hypothetical *h = &all[group_of[i]];
        int order = order_of(&args[2], &args[0], i, column_i64(&args[1], i));
        h->rows++;
        h->before += order < 0;
        h->same += order == 0;
        if (order >= 0)
            continue;
        bool repeated = false;
        if (h->last.count) {
            Column last;
            TRY(collected_column(&h->last, ctx->arena, &last, err));
            bool null = column_is_null(&args[2], i);
            repeated = h->last.nulls[0] || null ? h->last.nulls[0] && null
                                                : value_eq_fn(last.type)(&last, 0, &args[2], i);
        }
        h->distinct += !repeated;
        h->last.count = 0;
        TRY(collected_add(&h->last, &args[2], i, arena, err));
    }
    return STATUS_OK;
}

#define HYPOTHETICAL_FINISH(name, ctype, expr)                                                     \
    AGG_FINISH(name)                                                                               \
    {                                                                                              \
        const Hypothetical *all = states;                                                          \
        TRY(agg_result(ctx, count, ret, err));                                                     \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            const Hypothetical *h = &all[i];                                                       \
            ((ctype *)column_values(ret))[i] = (ctype)(expr);                                      \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }
HYPOTHETICAL_FINISH(rank, int64_t, h->before + 1)
HYPOTHETICAL_FINISH(dense_rank, int64_t, h->distinct + 1)
HYPOTHETICAL_FINISH(percent_rank, double, h->rows ? (double)h->before / (double)h->rows : 0.0)
HYPOTHETICAL_FINISH(cume_dist, double, (double)(h->before + h->same + 1) / (double)(h->rows + 1))

#define RANKED(name_, oid_, ret_)                                                                  \
    {                                                                                              \
        .name = #name_, .oid = oid_, .arg_count = 2, .ordered_set = true, .hypothetical = true,    \
        .args = {T(ANYELEMENT), T(ANYELEMENT)}, .ret = ret_, .state_bytes = sizeof(Hypothetical),  \
        .order_sensitive = true, .update = hypothetical_update, .finish = name_##_finish           \
    }

#define ORDERED(name_, oid_, update_, finish_, state_, ret_, argc_, ...)                           \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .ordered_set = true,                       \
        .args = {__VA_ARGS__}, .ret = ret_, .state_bytes = sizeof(state_),                         \
        .order_sensitive = true, .update = update_##_update, .finish = finish_##_finish            \
    }

/* args lists the direct arguments, then the type of the ORDER BY value. */
static const Aggregate aggregates[] = {
    ORDERED("percentile_cont", 3974, percentile, percentile_cont, Percentile, T(FLOAT8), 2,
            T(FLOAT8), T(FLOAT8)),
    ORDERED("percentile_cont", 3976, percentile, percentile_cont, Percentile, T(INTERVAL), 2,
            T(FLOAT8), T(INTERVAL)),
    ORDERED("percentile_cont", 3980, percentile, percentile_cont, Percentile, AT(FLOAT8), 2,
            AT(FLOAT8), T(FLOAT8)),
    ORDERED("percentile_disc", 3972, percentile, percentile_disc, Percentile, T(ANYELEMENT), 2,
            T(FLOAT8), T(ANYELEMENT)),
    ORDERED("percentile_disc", 3978, percentile, percentile_disc, Percentile, T(ANYARRAY), 2,
            AT(FLOAT8), T(ANYELEMENT)),
    RANKED(rank, 3986, T(INT8)),
    RANKED(percent_rank, 3988, T(FLOAT8)),
    RANKED(cume_dist, 3990, T(FLOAT8)),
    RANKED(dense_rank, 3992, T(INT8)),
    ORDERED("mode", 3984, mode, mode, Collected, T(ANYELEMENT), 1, T(ANYELEMENT)),
};
const AggregateTable func__ordered_aggregates = {aggregates, LUMA_ARRAY_LEN(aggregates)};
