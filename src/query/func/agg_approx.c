/* agg_approx.c - approximate aggregates with bounded states: distinct counts by HyperLogLog
 * (Flajolet et al. 2007, with linear counting below 2.5 m) and percentiles by logarithmic buckets
 * (DDSketch, Masson et al. 2019: 1 % relative error). */
#include <math.h>

#include "query/func/agg_int.h"
#include "query/func/value.h"

/* ---------------------------------------------------------------- HyperLogLog */

enum { HLL_BITS = 12, HLL_REGISTERS = 1 << HLL_BITS }; /* standard error 1.6 % */

typedef struct Hll {
    uint8_t *registers; /* in the arena; NULL while empty */
} Hll;

static Status hll_registers(Hll *h, Arena *arena, Error *err)
{
    if (h->registers)
        return STATUS_OK;
    TRY(arena_try_alloc(arena, HLL_REGISTERS, &h->registers, err));
    memset(h->registers, 0, HLL_REGISTERS);
    return STATUS_OK;
}
AGG_UPDATE(hll)
{
    Hll *all = states;
    ValueHash hash = value_hash_fn(args[0].type);
    for (uint32_t i = 0; i < rows; i++) {
        if (column_is_null(&args[0], i))
            continue;
        Hll *h = &all[group_of[i]];
        TRY(hll_registers(h, arena, err));
        uint64_t bits = hash(&args[0], i);
        uint32_t slot = (uint32_t)(bits >> (64 - HLL_BITS));
        uint64_t rest = bits << HLL_BITS | (UINT64_C(1) << (HLL_BITS - 1));
        uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
        h->registers[slot] = LUMA_MAX(h->registers[slot], rank);
    }
    return STATUS_OK;
}
AGG_MERGE(hll)
{
    Hll *a = dst;
    const Hll *b = src;
    if (!b->registers)
        return STATUS_OK;
    TRY(hll_registers(a, arena, err));
    for (int i = 0; i < HLL_REGISTERS; i++)
        a->registers[i] = LUMA_MAX(a->registers[i], b->registers[i]);
    return STATUS_OK;
}
static int64_t hll_count(const Hll *h)
{
    const double m = HLL_REGISTERS;
    double sum = 0;
    uint32_t zeros = 0;
    if (!h->registers)
        return 0;
    for (int i = 0; i < HLL_REGISTERS; i++) {
        sum += ldexp(1, -h->registers[i]);
        zeros += h->registers[i] == 0;
    }
    double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
    if (estimate <= 2.5 * m && zeros)
        estimate = m * log(m / zeros);
    return (int64_t)(estimate + 0.5);
}
AGG_FINISH(hll)
{
    const Hll *all = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++)
        ((int64_t *)column_values(ret))[i] = hll_count(&all[i]);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- DDSketch */

/* Bucket k holds |x| in (gamma^(k-1), gamma^k]; keys from -BUCKET_HALF to BUCKET_HALF cover
 * magnitudes from 1e-35 to 1e35, what lies beyond falls into the end buckets. */
enum { BUCKET_HALF = 4096, BUCKETS = 2 * BUCKET_HALF + 1 };
static const double GAMMA = 1.02020202020202; /* (1 + 0.01) / (1 - 0.01) */

typedef struct Sketch {
    double fraction;
    int64_t count; /* finite values */
    int64_t zeros;
    uint32_t *positive; /* BUCKETS counts in the arena, NULL while unused */
    uint32_t *negative;
    bool has_fraction;
} Sketch;

static Status sketch_buckets(uint32_t **buckets, Arena *arena, Error *err)
{
    if (*buckets)
        return STATUS_OK;
    TRY(arena_try_alloc(arena, sizeof(uint32_t) * BUCKETS, buckets, err));
    memset(*buckets, 0, sizeof(uint32_t) * BUCKETS);
    return STATUS_OK;
}

static int bucket_of(double magnitude)
{
    double key = ceil(log(magnitude) / log(GAMMA));
    return (int)fmin(fmax(key, -BUCKET_HALF), BUCKET_HALF) + BUCKET_HALF;
}

AGG_UPDATE(sketch)
{
    Sketch *all = states;
    for (uint32_t i = 0; i < rows; i++) {
        Sketch *s = &all[group_of[i]];
        if (!s->has_fraction && !column_is_null(&args[1], i)) {
            s->fraction = column_f64(&args[1], i);
            s->has_fraction = true;
        }
        double x = column_is_null(&args[0], i) ? NAN : column_f64(&args[0], i);
        if (x != x)
            continue;
        s->count++;
        if (x == 0) {
            s->zeros++;
            continue;
        }
        uint32_t **side = x > 0 ? &s->positive : &s->negative;
        TRY(sketch_buckets(side, arena, err));
        (*side)[bucket_of(fabs(x))]++;
    }
    return STATUS_OK;
}
static Status add_buckets(uint32_t **dst, const uint32_t *src, Arena *arena, Error *err)
{
    if (!src)
        return STATUS_OK;
    TRY(sketch_buckets(dst, arena, err));
    for (int i = 0; i < BUCKETS; i++)
        (*dst)[i] += src[i];
    return STATUS_OK;
}
AGG_MERGE(sketch)
{
    Sketch *a = dst;
    const Sketch *b = src;
    a->count += b->count;
    a->zeros += b->zeros;
    if (!a->has_fraction) {
        a->fraction = b->fraction;
        a->has_fraction = b->has_fraction;
    }
    TRY(add_buckets(&a->positive, b->positive, arena, err));
    return add_buckets(&a->negative, b->negative, arena, err);
}

static double bucket_value(int bucket)
{
    return 2 * pow(GAMMA, bucket - BUCKET_HALF) / (1 + GAMMA);
}

static double sketch_quantile(const Sketch *s)
{
    int64_t rank = (int64_t)(s->fraction * (double)(s->count - 1));
    for (int i = BUCKETS - 1; i >= 0 && s->negative; i--) {
        rank -= s->negative[i];
        if (rank < 0)
            return -bucket_value(i);
    }
    rank -= s->zeros;
    if (rank < 0)
        return 0;
    for (int i = 0; i < BUCKETS && s->positive; i++) {
        rank -= s->positive[i];
        if (rank < 0)
            return bucket_value(i);
    }
    return 0;
}
AGG_FINISH(sketch)
{
    const Sketch *all = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!all[i].count || !all[i].has_fraction) {
            bit_clear(column_validity(ret), i);
            continue;
        }
        if (!(all[i].fraction >= 0 && all[i].fraction <= 1))
            return error_set_sql(err, STATUS_INVALID, "22003", 0,
                                 "percentile value %g is not between 0 and 1", all[i].fraction);
        ((double *)column_values(ret))[i] = sketch_quantile(&all[i]);
    }
    return STATUS_OK;
}

static const Aggregate aggregates[] = {
    AGG("approx_count_distinct", 0, hll, Hll, T(INT8), 1, T(ANY)),
    AGG("approx_percentile", 0, sketch, Sketch, T(FLOAT8), 2, T(FLOAT8), T(FLOAT8)),
};
const AggregateTable func__approx_aggregates = {aggregates, LUMA_ARRAY_LEN(aggregates)};
