/* agg_basic.c - count, sum, avg, min, max, the boolean and the bit aggregates.
 *
 * Sums of doubles over a whole column keep sixteen lanes that are added in one fixed order at the
 * end of each batch, so that the result does not depend on how wide the machine's vectors are. */
#include <math.h>

#include "query/func/agg_int.h"
#include "query/func/value.h"

/* ---------------------------------------------------------------- count */

/* End of the run of rows of one group that begins at `from`. Data in order of time or series has
 * long ones, whose sums need not go through memory row by row. */
static inline uint32_t run_end(const uint32_t *group_of, uint32_t from, uint32_t rows)
{
    uint32_t group = group_of[from];
    uint32_t end = from + 1;
    while (end < rows && group_of[end] == group)
        end++;
    return end;
}

AGG_UPDATE(count)
{
    int64_t *counts = states;
    if (args && args[0].validity) {
        for (uint32_t i = 0; i < rows; i++)
            counts[group_of[i]] += !column_is_null(&args[0], i);
        return STATUS_OK;
    }
    for (uint32_t i = 0, end; i < rows; i = end) {
        end = run_end(group_of, i, rows);
        counts[group_of[i]] += end - i;
    }
    return STATUS_OK;
}
AGG_SINGLE(count)
{
    int64_t *total = state;
    if (!args || !args[0].validity)
        *total += rows;
    else if (args[0].is_const)
        *total += column_is_null(&args[0], 0) ? 0 : rows;
    else
        *total += (int64_t)bitmap_count(args[0].validity, rows);
    return STATUS_OK;
}
AGG_MERGE(count)
{
    *(int64_t *)dst += *(const int64_t *)src;
    return STATUS_OK;
}
AGG_FINISH(count)
{
    TRY(column_init(ret, ctx->arena, ret->type, count, false, err));
    memcpy(column_values(ret), states, sizeof(int64_t) * count);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- sums of integers */

typedef struct IntSum {
    Int128 sum;
    int64_t count;
} IntSum;

/* The sum of a batch fits 64 bits for int2 and int4; int8 goes through halves of 32 bits. */
#define INT_SUM(name, ctype)                                                                       \
    AGG_UPDATE(name)                                                                               \
    {                                                                                              \
        IntSum *sums = states;                                                                     \
        for (uint32_t i = 0; i < rows; i++) {                                                      \
            if (column_is_null(&args[0], i))                                                       \
                continue;                                                                          \
            IntSum *s = &sums[group_of[i]];                                                        \
            s->sum += ((const ctype *)args[0].values)[column_slot(&args[0], i)];                   \
            s->count++;                                                                            \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    SIMD_CLONES static void name##_halves(const ctype *v, uint32_t rows, int64_t *ret_high,        \
                                          int64_t *ret_low)                                        \
    {                                                                                              \
        int64_t high = 0;                                                                          \
        int64_t low = 0;                                                                           \
        for (uint32_t i = 0; i < rows; i++) {                                                      \
            high += (int64_t)v[i] >> 32;                                                           \
            low += (int64_t)((uint64_t)(int64_t)v[i] & UINT32_MAX);                                \
        }                                                                                          \
        *ret_high = high;                                                                          \
        *ret_low = low;                                                                            \
    }                                                                                              \
    AGG_SINGLE(name)                                                                               \
    {                                                                                              \
        IntSum *s = state;                                                                         \
        const ctype *v = args[0].values;                                                           \
        if (args[0].is_const) {                                                                    \
            if (rows && !column_is_null(&args[0], 0)) {                                            \
                s->sum += (Int128)v[0] * rows;                                                     \
                s->count += rows;                                                                  \
            }                                                                                      \
            return STATUS_OK;                                                                      \
        }                                                                                          \
        if (!args[0].validity) {                                                                   \
            int64_t high;                                                                          \
            int64_t low;                                                                           \
            name##_halves(v, rows, &high, &low);                                                   \
            s->sum += ((Int128)high * ((int64_t)1 << 32)) + low;                                   \
            s->count += rows;                                                                      \
            return STATUS_OK;                                                                      \
        }                                                                                          \
        for (uint32_t i = 0; i < rows; i++) {                                                      \
            if (!bit_get(args[0].validity, i))                                                     \
                continue;                                                                          \
            s->sum += v[i];                                                                        \
            s->count++;                                                                            \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }
INT_SUM(sum2, int16_t)
INT_SUM(sum4, int32_t)
INT_SUM(sum8, int64_t)

AGG_MERGE(int_sum)
{
    ((IntSum *)dst)->sum += ((const IntSum *)src)->sum;
    ((IntSum *)dst)->count += ((const IntSum *)src)->count;
    return STATUS_OK;
}
/* sum(int2), sum(int4): bigint. */
AGG_FINISH(int_sum8)
{
    const IntSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!sums[i].count)
            bit_clear(column_validity(ret), i);
        else if (sums[i].sum > INT64_MAX || sums[i].sum < INT64_MIN)
            return func__out_of_range(err, "bigint");
        ((int64_t *)column_values(ret))[i] = (int64_t)sums[i].sum;
    }
    return STATUS_OK;
}
AGG_FINISH(int_sum_numeric)
{
    const IntSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!sums[i].count)
            bit_clear(column_validity(ret), i);
        else
            TRY(numeric_from_i128(sums[i].sum, 0, ctx->arena, (View *)column_values(ret) + i, err));
    }
    return STATUS_OK;
}
AGG_FINISH(int_avg)
{
    const IntSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        View total;
        View n = numeric_from_i64(sums[i].count);
        if (!sums[i].count) {
            bit_clear(column_validity(ret), i);
            continue;
        }
        TRY(numeric_from_i128(sums[i].sum, 0, ctx->arena, &total, err));
        TRY(numeric_div(&total, &n, ctx->arena, (View *)column_values(ret) + i, err));
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- sums of doubles */

typedef struct DoubleSum {
    double sum;
    int64_t count;
    bool saw_infinity; /* an input was infinite: an infinite sum is no overflow */
} DoubleSum;

enum { SUM_RUN_MIN = 16 }; /* shorter runs are added one by one */

/* Two doubles: every x86-64 and every ARM has registers for eight of these. Wider ones are split by
 * compilers by way of the stack where the machine has none as wide. */
typedef double Pair __attribute__((vector_size(16)));

static inline Pair load_pair(const double *v)
{
    Pair pair;
    memcpy(&pair, v, sizeof pair);
    return pair;
}

/* Sixteen lanes, added in one fixed order at the end. */
static double sum_lanes_f64(const double *v, uint32_t rows)
{
    Pair lane[8] = {0};
    uint32_t i = 0;
    for (; i + 16 <= rows; i += 16) {
        lane[0] += load_pair(v + i);
        lane[1] += load_pair(v + i + 2);
        lane[2] += load_pair(v + i + 4);
        lane[3] += load_pair(v + i + 6);
        lane[4] += load_pair(v + i + 8);
        lane[5] += load_pair(v + i + 10);
        lane[6] += load_pair(v + i + 12);
        lane[7] += load_pair(v + i + 14);
    }
    Pair sums =
        ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    double total = sums[0] + sums[1];
    for (; i < rows; i++)
        total += v[i];
    return total;
}

SIMD_CLONES static double sum_lanes_f32(const float *v, uint32_t rows)
{
    double lane[8] = {0};
    uint32_t i = 0;
    for (; i + 8 <= rows; i += 8)
        for (int k = 0; k < 8; k++)
            lane[k] += v[i + k];
    double total =
        ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    for (; i < rows; i++)
        total += v[i];
    return total;
}

#define DOUBLE_SUM(name, ctype, sum_lanes)                                                         \
    static bool name##_has_infinity(const Column *c, uint32_t rows)                                \
    {                                                                                              \
        const ctype *v = c->values;                                                                \
        for (uint32_t i = 0; i < rows; i++)                                                        \
            if (!column_is_null(c, i) && isinf(v[column_slot(c, i)]))                              \
                return true;                                                                       \
        return false;                                                                              \
    }                                                                                              \
    static void name##_plain(DoubleSum *sums, const uint32_t *group_of, const ctype *v,            \
                             uint32_t rows)                                                        \
    {                                                                                              \
        for (uint32_t i = 0, end; i < rows; i = end) {                                             \
            DoubleSum *s = &sums[group_of[i]];                                                     \
            end = run_end(group_of, i, rows);                                                      \
            double sum = s->sum;                                                                   \
            if (end - i >= SUM_RUN_MIN)                                                            \
                sum += sum_lanes(v + i, end - i);                                                  \
            else                                                                                   \
                for (uint32_t k = i; k < end; k++)                                                 \
                    sum += (double)v[k];                                                           \
            for (uint32_t k = i; LUMA_UNLIKELY(!isfinite(sum)) && k < end; k++)                    \
                s->saw_infinity |= isinf(v[k]);                                                    \
            s->sum = sum;                                                                          \
            s->count += end - i;                                                                   \
        }                                                                                          \
    }                                                                                              \
    AGG_UPDATE(name)                                                                               \
    {                                                                                              \
        DoubleSum *sums = states;                                                                  \
        const ctype *v = args[0].values;                                                           \
        if (!args[0].validity && !args[0].is_const) {                                              \
            name##_plain(sums, group_of, v, rows);                                                 \
            return STATUS_OK;                                                                      \
        }                                                                                          \
        for (uint32_t i = 0; i < rows; i++) {                                                      \
            if (column_is_null(&args[0], i))                                                       \
                continue;                                                                          \
            double x = (double)v[column_slot(&args[0], i)];                                        \
            DoubleSum *s = &sums[group_of[i]];                                                     \
            s->sum += x;                                                                           \
            s->count++;                                                                            \
            if (LUMA_UNLIKELY(isinf(x)))                                                           \
                s->saw_infinity = true;                                                            \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    AGG_SINGLE(name)                                                                               \
    {                                                                                              \
        DoubleSum *s = state;                                                                      \
        const ctype *v = args[0].values;                                                           \
        double before = s->sum;                                                                    \
        if (args[0].is_const) {                                                                    \
            if (!rows || column_is_null(&args[0], 0))                                              \
                return STATUS_OK;                                                                  \
            s->sum += (double)v[0] * rows;                                                         \
            s->count += rows;                                                                      \
        } else if (!args[0].validity) {                                                            \
            s->sum += sum_lanes(v, rows);                                                          \
            s->count += rows;                                                                      \
        } else {                                                                                   \
            double total = 0;                                                                      \
            for (uint32_t i = 0; i < rows; i++) {                                                  \
                if (!bit_get(args[0].validity, i))                                                 \
                    continue;                                                                      \
                total += (double)v[i];                                                             \
                s->count++;                                                                        \
            }                                                                                      \
            s->sum += total;                                                                       \
        }                                                                                          \
        if (LUMA_UNLIKELY(!isfinite(s->sum)) && isfinite(before))                                  \
            s->saw_infinity |= name##_has_infinity(&args[0], rows);                                \
        return STATUS_OK;                                                                          \
    }
DOUBLE_SUM(sum_f64, double, sum_lanes_f64)
DOUBLE_SUM(sum_f32, float, sum_lanes_f32)

AGG_MERGE(double_sum)
{
    DoubleSum *to = dst;
    const DoubleSum *from = src;
    to->sum += from->sum;
    to->count += from->count;
    to->saw_infinity |= from->saw_infinity;
    return STATUS_OK;
}
static Status check_overflow(const DoubleSum *s, Error *err)
{
    if (isinf(s->sum) && !s->saw_infinity)
        return error_set_sql(err, STATUS_INVALID, "22003", 0, "value out of range: overflow");
    return STATUS_OK;
}
AGG_FINISH(sum_f64)
{
    const DoubleSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        TRY(check_overflow(&sums[i], err));
        if (!sums[i].count)
            bit_clear(column_validity(ret), i);
        ((double *)column_values(ret))[i] = sums[i].sum;
    }
    return STATUS_OK;
}
AGG_FINISH(sum_f32)
{
    const DoubleSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        float sum = (float)sums[i].sum;
        if (isinf(sum) && !sums[i].saw_infinity)
            return error_set_sql(err, STATUS_INVALID, "22003", 0, "value out of range: overflow");
        if (!sums[i].count)
            bit_clear(column_validity(ret), i);
        ((float *)column_values(ret))[i] = sum;
    }
    return STATUS_OK;
}
AGG_FINISH(avg_f64)
{
    const DoubleSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        TRY(check_overflow(&sums[i], err));
        if (!sums[i].count)
            bit_clear(column_validity(ret), i);
        else
            ((double *)column_values(ret))[i] = sums[i].sum / (double)sums[i].count;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- sums of numeric and interval */

AGG_UPDATE(sum_numeric)
{
    NumericSum *sums = states;
    for (uint32_t row = 0; row < rows; row++) {
        if (column_is_null(&args[0], row))
            continue;
        View n = ARG(View, 0);
        TRY(numeric_sum_add(&sums[group_of[row]], &n, arena, err));
    }
    return STATUS_OK;
}
AGG_MERGE(sum_numeric)
{
    return numeric_sum_merge(dst, src, arena, err);
}
static bool numeric_sum_empty(const NumericSum *s)
{
    return !s->count;
}
AGG_FINISH(sum_numeric)
{
    const NumericSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        if (numeric_sum_empty(&sums[i]))
            bit_clear(column_validity(ret), i);
        else
            TRY(numeric_sum_total(&sums[i], ctx->arena, (View *)column_values(ret) + i, err));
    }
    return STATUS_OK;
}
AGG_FINISH(avg_numeric)
{
    const NumericSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        if (numeric_sum_empty(&sums[i]))
            bit_clear(column_validity(ret), i);
        else
            TRY(numeric_sum_avg(&sums[i], ctx->arena, (View *)column_values(ret) + i, err));
    }
    return STATUS_OK;
}

typedef struct IntervalSum {
    Interval sum;
    int64_t count;
} IntervalSum;

AGG_UPDATE(sum_interval)
{
    IntervalSum *sums = states;
    for (uint32_t row = 0; row < rows; row++) {
        if (column_is_null(&args[0], row))
            continue;
        IntervalSum *s = &sums[group_of[row]];
        TRY(interval_add(&s->sum, &ARG(Interval, 0), &s->sum, err));
        s->count++;
    }
    return STATUS_OK;
}
AGG_MERGE(sum_interval)
{
    IntervalSum *to = dst;
    const IntervalSum *from = src;
    to->count += from->count;
    return interval_add(&to->sum, &from->sum, &to->sum, err);
}
AGG_FINISH(sum_interval)
{
    const IntervalSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!sums[i].count)
            bit_clear(column_validity(ret), i);
        ((Interval *)column_values(ret))[i] = sums[i].sum;
    }
    return STATUS_OK;
}
AGG_FINISH(avg_interval)
{
    const IntervalSum *sums = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!sums[i].count)
            bit_clear(column_validity(ret), i);
        else
            TRY(interval_div(&sums[i].sum, (double)sums[i].count,
                             (Interval *)column_values(ret) + i, err));
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- min, max: fixed width */

#define EXTREME(name, ctype, better)                                                               \
    typedef struct name##State {                                                                   \
        ctype value;                                                                               \
        bool some;                                                                                 \
    } name##State;                                                                                 \
    static inline void name##_take(name##State *s, ctype x)                                        \
    {                                                                                              \
        const ctype y = s->value;                                                                  \
        if (!s->some || (better)) {                                                                \
            s->value = x;                                                                          \
            s->some = true;                                                                        \
        }                                                                                          \
    }                                                                                              \
    AGG_UPDATE(name)                                                                               \
    {                                                                                              \
        name##State *all = states;                                                                 \
        for (uint32_t row = 0; row < rows; row++)                                                  \
            if (!column_is_null(&args[0], row))                                                    \
                name##_take(&all[group_of[row]], ARG(ctype, 0));                                   \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    SIMD_CLONES static ctype name##_best(const ctype *v, uint32_t rows)                            \
    {                                                                                              \
        ctype y = v[0];                                                                            \
        for (uint32_t i = 1; i < rows; i++) {                                                      \
            const ctype x = v[i];                                                                  \
            y = (better) ? x : y;                                                                  \
        }                                                                                          \
        return y;                                                                                  \
    }                                                                                              \
    AGG_SINGLE(name)                                                                               \
    {                                                                                              \
        name##State *s = state;                                                                    \
        if (!rows)                                                                                 \
            return STATUS_OK;                                                                      \
        if (!args[0].validity) {                                                                   \
            name##_take(s, name##_best(args[0].values, args[0].is_const ? 1 : rows));              \
            return STATUS_OK;                                                                      \
        }                                                                                          \
        for (uint32_t row = 0; row < rows; row++)                                                  \
            if (!column_is_null(&args[0], row))                                                    \
                name##_take(s, ARG(ctype, 0));                                                     \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    AGG_MERGE(name)                                                                                \
    {                                                                                              \
        const name##State *from = src;                                                             \
        if (from->some)                                                                            \
            name##_take(dst, from->value);                                                         \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    AGG_FINISH(name)                                                                               \
    {                                                                                              \
        const name##State *all = states;                                                           \
        TRY(agg_result(ctx, count, ret, err));                                                     \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            if (!all[i].some)                                                                      \
                bit_clear(column_validity(ret), i);                                                \
            ((ctype *)column_values(ret))[i] = all[i].value;                                       \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }
EXTREME(min_i16, int16_t, x < y)
EXTREME(max_i16, int16_t, x > y)
EXTREME(min_i32, int32_t, x < y)
EXTREME(max_i32, int32_t, x > y)
EXTREME(min_i64, int64_t, x < y)
EXTREME(max_i64, int64_t, x > y)
EXTREME(min_f32, float, (x < y) | ((y != y) & (x == x)))
EXTREME(max_f32, float, (x > y) | ((x != x) & (y == y)))
EXTREME(min_f64, double, (x < y) | ((y != y) & (x == x)))
EXTREME(max_f64, double, (x > y) | ((x != x) & (y == y)))

/* ---------------------------------------------------------------- min, max: the rest */

/* The best value so far, as 16 bytes of its layout; texts are copied into the aggregate's arena. */
typedef struct BestValue {
    char value[16];
    uint32_t text_cap; /* room at the View's pointer, reused by the next best */
    uint8_t type_id;
    bool is_array;
    bool some;
} BestValue;

static Status best_set(BestValue *best, const Column *c, size_t i, Arena *arena, Error *err)
{
    best->type_id = c->type.id;
    best->is_array = c->type.is_array;
    if (type_layout(c->type) != LAYOUT_VIEW) {
        memcpy(best->value, column_fixed16(c, i), 16);
        best->some = true;
        return STATUS_OK;
    }
    Str text = column_str(c, i);
    View *view = (View *)(void *)best->value;
    if (text.len > VIEW_INLINE_MAX) {
        char *room = best->some && best->text_cap >= text.len ? (char *)(uintptr_t)view->ptr : NULL;
        if (!room) {
            uint32_t cap = (uint32_t)LUMA_MAX(text.len, (size_t)32);
            TRY(arena_try_alloc(arena, cap, &room, err));
            best->text_cap = cap;
        }
        memmove(room, text.ptr, text.len);
        text.ptr = room;
    } else {
        best->text_cap = 0;
    }
    *view = view_make(text.ptr, text.len);
    best->some = true;
    return STATUS_OK;
}

static Column best_column(const BestValue *best)
{
    return (Column){.type = {.id = best->type_id, .is_array = best->is_array, .typmod = -1},
                    .is_const = true,
                    .len = 1,
                    .values = best->value};
}

static Status best_offer(BestValue *best, const Column *c, size_t i, ValueCmp cmp, int sign,
                         Arena *arena, Error *err)
{
    if (best->some) {
        Column current = best_column(best);
        int order = cmp(c, i, &current, 0) * sign;
        /* Of equal values PostgreSQL keeps the later one: 1.0 and 1.00, 1 day and 24:00:00. */
        bool later = c->type.id == TYPE_NUMERIC || c->type.id == TYPE_INTERVAL;
        if (order < 0 || (order == 0 && !later))
            return STATUS_OK;
    }
    return best_set(best, c, i, arena, err);
}

static Status extreme_any(void *states, const uint32_t *group_of, const Column *args, uint32_t rows,
                          int sign, Arena *arena, Error *err)
{
    BestValue *all = states;
    ValueCmp cmp = value_cmp_fn(args[0].type);
    for (uint32_t i = 0; i < rows; i++)
        if (!column_is_null(&args[0], i))
            TRY(best_offer(&all[group_of[i]], &args[0], i, cmp, sign, arena, err));
    return STATUS_OK;
}
AGG_UPDATE(min_any)
{
    return extreme_any(states, group_of, args, rows, -1, arena, err);
}
AGG_UPDATE(max_any)
{
    return extreme_any(states, group_of, args, rows, 1, arena, err);
}
static Status merge_any(void *dst, const void *src, int sign, Arena *arena, Error *err)
{
    const BestValue *from = src;
    if (!from->some)
        return STATUS_OK;
    Column c = best_column(from);
    return best_offer(dst, &c, 0, value_cmp_fn(c.type), sign, arena, err);
}
AGG_MERGE(min_any)
{
    return merge_any(dst, src, -1, arena, err);
}
AGG_MERGE(max_any)
{
    return merge_any(dst, src, 1, arena, err);
}
AGG_FINISH(min_any)
{
    const BestValue *all = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!all[i].some)
            bit_clear(column_validity(ret), i);
        else
            memcpy((char *)column_values(ret) + 16 * (size_t)i, all[i].value, 16);
    }
    return STATUS_OK;
}
#define max_any_finish min_any_finish

/* ---------------------------------------------------------------- booleans and bits */

typedef struct BoolState {
    bool value;
    bool some;
} BoolState;

#define BOOL_AGG(name, expr)                                                                       \
    static inline void name##_take(BoolState *s, bool x)                                           \
    {                                                                                              \
        bool y = s->value;                                                                         \
        s->value = s->some ? (expr) : x;                                                           \
        s->some = true;                                                                            \
    }                                                                                              \
    AGG_UPDATE(name)                                                                               \
    {                                                                                              \
        BoolState *all = states;                                                                   \
        for (uint32_t i = 0; i < rows; i++)                                                        \
            if (!column_is_null(&args[0], i))                                                      \
                name##_take(&all[group_of[i]], column_bool(&args[0], i));                          \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    AGG_MERGE(name)                                                                                \
    {                                                                                              \
        if (((const BoolState *)src)->some)                                                        \
            name##_take(dst, ((const BoolState *)src)->value);                                     \
        return STATUS_OK;                                                                          \
    }
BOOL_AGG(bool_and, x &&y)
BOOL_AGG(bool_or, x || y)
AGG_FINISH(bool_and)
{
    const BoolState *all = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!all[i].some)
            bit_clear(column_validity(ret), i);
        bit_put(column_values(ret), i, all[i].value);
    }
    return STATUS_OK;
}
#define bool_or_finish bool_and_finish

#define BIT_AGG(name, ctype, expr)                                                                 \
    typedef struct name##State {                                                                   \
        ctype value;                                                                               \
        bool some;                                                                                 \
    } name##State;                                                                                 \
    static inline void name##_take(name##State *s, ctype x)                                        \
    {                                                                                              \
        ctype y = s->value;                                                                        \
        s->value = s->some ? (ctype)(expr) : x;                                                    \
        s->some = true;                                                                            \
    }                                                                                              \
    AGG_UPDATE(name)                                                                               \
    {                                                                                              \
        name##State *all = states;                                                                 \
        for (uint32_t row = 0; row < rows; row++)                                                  \
            if (!column_is_null(&args[0], row))                                                    \
                name##_take(&all[group_of[row]], ARG(ctype, 0));                                   \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    AGG_MERGE(name)                                                                                \
    {                                                                                              \
        if (((const name##State *)src)->some)                                                      \
            name##_take(dst, ((const name##State *)src)->value);                                   \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    AGG_FINISH(name)                                                                               \
    {                                                                                              \
        const name##State *all = states;                                                           \
        TRY(agg_result(ctx, count, ret, err));                                                     \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            if (!all[i].some)                                                                      \
                bit_clear(column_validity(ret), i);                                                \
            ((ctype *)column_values(ret))[i] = all[i].value;                                       \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }
#define BIT_AGGS(suffix, ctype)                                                                    \
    BIT_AGG(bit_and_##suffix, ctype, x &y)                                                         \
    BIT_AGG(bit_or_##suffix, ctype, x | y)                                                         \
    BIT_AGG(bit_xor_##suffix, ctype, x ^ y)
BIT_AGGS(2, int16_t)
BIT_AGGS(4, int32_t)
BIT_AGGS(8, int64_t)

/* ---------------------------------------------------------------- the table */

#define INT_SUM_ROW(name_, oid_, update_, finish_, ret_, arg_)                                     \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = 1, .args = {arg_}, .ret = ret_,                   \
        .state_bytes = sizeof(IntSum), .update = update_##_update,                                 \
        .update_single = update_##_single, .merge = int_sum_merge, .finish = finish_               \
    }
#define DOUBLE_SUM_ROW(name_, oid_, update_, finish_, ret_, arg_)                                  \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = 1, .args = {arg_}, .ret = ret_,                   \
        .state_bytes = sizeof(DoubleSum), .update = update_##_update,                              \
        .update_single = update_##_single, .merge = double_sum_merge, .finish = finish_            \
    }
#define EXTREMES(suffix, type, max_oid, min_oid)                                                   \
    AGG_FAST("max", max_oid, max_##suffix, max_##suffix##State, type, 1, type),                    \
        AGG_FAST("min", min_oid, min_##suffix, min_##suffix##State, type, 1, type)
#define EXTREMES_ANY(type, max_oid, min_oid)                                                       \
    AGG("max", max_oid, max_any, BestValue, type, 1, type),                                        \
        AGG("min", min_oid, min_any, BestValue, type, 1, type)
#define BIT_ROWS(suffix, type, o1, o2, o3)                                                         \
    AGG("bit_and", o1, bit_and_##suffix, bit_and_##suffix##State, type, 1, type),                  \
        AGG("bit_or", o2, bit_or_##suffix, bit_or_##suffix##State, type, 1, type),                 \
        AGG("bit_xor", o3, bit_xor_##suffix, bit_xor_##suffix##State, type, 1, type)

static const Aggregate aggregates[] = {
    AGG_FAST("count", 2803, count, int64_t, T(INT8), 0, {0}),
    AGG_FAST("count", 2147, count, int64_t, T(INT8), 1, T(ANY)),
    INT_SUM_ROW("sum", 2109, sum2, int_sum8_finish, T(INT8), T(INT2)),
    INT_SUM_ROW("sum", 2108, sum4, int_sum8_finish, T(INT8), T(INT4)),
    INT_SUM_ROW("sum", 2107, sum8, int_sum_numeric_finish, T(NUMERIC), T(INT8)),
    INT_SUM_ROW("avg", 2102, sum2, int_avg_finish, T(NUMERIC), T(INT2)),
    INT_SUM_ROW("avg", 2101, sum4, int_avg_finish, T(NUMERIC), T(INT4)),
    INT_SUM_ROW("avg", 2100, sum8, int_avg_finish, T(NUMERIC), T(INT8)),
    DOUBLE_SUM_ROW("sum", 2111, sum_f64, sum_f64_finish, T(FLOAT8), T(FLOAT8)),
    DOUBLE_SUM_ROW("sum", 2110, sum_f32, sum_f32_finish, T(FLOAT4), T(FLOAT4)),
    DOUBLE_SUM_ROW("avg", 2105, sum_f64, avg_f64_finish, T(FLOAT8), T(FLOAT8)),
    DOUBLE_SUM_ROW("avg", 2104, sum_f32, avg_f64_finish, T(FLOAT8), T(FLOAT4)),
    AGG("sum", 2114, sum_numeric, NumericSum, T(NUMERIC), 1, T(NUMERIC)),
    {.name = "avg",
     .oid = 2103,
     .arg_count = 1,
     .args = {T(NUMERIC)},
     .ret = T(NUMERIC),
     .state_bytes = sizeof(NumericSum),
     .update = sum_numeric_update,
     .merge = sum_numeric_merge,
     .finish = avg_numeric_finish},
    AGG("sum", 2113, sum_interval, IntervalSum, T(INTERVAL), 1, T(INTERVAL)),
    {.name = "avg",
     .oid = 2106,
     .arg_count = 1,
     .args = {T(INTERVAL)},
     .ret = T(INTERVAL),
     .state_bytes = sizeof(IntervalSum),
     .update = sum_interval_update,
     .merge = sum_interval_merge,
     .finish = avg_interval_finish},
    EXTREMES(i16, T(INT2), 2117, 2133),
    EXTREMES(i32, T(INT4), 2116, 2132),
    EXTREMES(i64, T(INT8), 2115, 2131),
    EXTREMES(i64, T(OID), 2118, 2134),
    EXTREMES(f32, T(FLOAT4), 2119, 2135),
    EXTREMES(f64, T(FLOAT8), 2120, 2136),
    EXTREMES(i32, T(DATE), 2122, 2138),
    EXTREMES(i64, T(TIME), 2123, 2139),
    EXTREMES(i64, T(TIMESTAMP), 2126, 2142),
    EXTREMES(i64, T(TIMESTAMPTZ), 2127, 2143),
    EXTREMES_ANY(T(TIMETZ), 2124, 2140),
    EXTREMES_ANY(T(INTERVAL), 2128, 2144),
    EXTREMES_ANY(T(TEXT), 2129, 2145),
    EXTREMES_ANY(T(NUMERIC), 2130, 2146),
    EXTREMES_ANY(T(ENUM), 3526, 3527),
    EXTREMES_ANY(T(BPCHAR), 2244, 2245),
    EXTREMES_ANY(T(ANYARRAY), 2050, 2051),
    AGG("bool_and", 2517, bool_and, BoolState, T(BOOL), 1, T(BOOL)),
    AGG("every", 2519, bool_and, BoolState, T(BOOL), 1, T(BOOL)),
    AGG("bool_or", 2518, bool_or, BoolState, T(BOOL), 1, T(BOOL)),
    BIT_ROWS(2, T(INT2), 2236, 2237, 6164),
    BIT_ROWS(4, T(INT4), 2238, 2239, 6165),
    BIT_ROWS(8, T(INT8), 2240, 2241, 6166),
};
const AggregateTable func__basic_aggregates = {aggregates, LUMA_ARRAY_LEN(aggregates)};
