/* func_overlaps.c - OVERLAPS of two periods, and arithmetic of time with time zone. */
#include "query/func/func_int.h"

/* ---------------------------------------------------------------- OVERLAPS */

/* One end of a period as a number that orders it. */
typedef struct Point {
    int64_t at;
    bool is_null;
} Point;

/* The order of PostgreSQL's overlaps_timestamp: a period begins with the earlier of its ends, a
 * NULL end counts as unknown. Returns 1, 0, or -1 for NULL. */
static int overlaps(Point s1, Point e1, Point s2, Point e2)
{
    if (s1.is_null || (!e1.is_null && s1.at > e1.at)) {
        Point swap = s1;
        s1 = e1;
        e1 = swap;
    }
    if (s2.is_null || (!e2.is_null && s2.at > e2.at)) {
        Point swap = s2;
        s2 = e2;
        e2 = swap;
    }
    if (s1.is_null || s2.is_null)
        return -1;
    if (s1.at > s2.at) {
        if (e2.is_null)
            return -1;
        if (s1.at < e2.at)
            return 1;
        return e1.is_null ? -1 : 0;
    }
    if (s1.at < s2.at) {
        if (e1.is_null)
            return -1;
        if (s2.at < e1.at)
            return 1;
        return e2.is_null ? -1 : 0;
    }
    return e1.is_null || e2.is_null ? -1 : 1;
}

static int64_t point_at(const Column *c, uint32_t row)
{
    if (c->type.id != TYPE_TIMETZ)
        return column_i64(c, row);
    const TimeTz *t = column_fixed16(c, row);
    return t->us + t->zone_sec * US_PER_SEC;
}

static Status time_add(int64_t us, const Interval *by, int64_t *ret)
{
    int64_t sum = (us + by->us % US_PER_DAY) % US_PER_DAY;
    *ret = sum < 0 ? sum + US_PER_DAY : sum;
    return STATUS_OK;
}

/* The end of a period: a point, or the start plus an interval. */
static Status end_point(const EvalContext *ctx, const Column *start, const Column *end,
                        uint32_t row, Point *ret, Error *err)
{
    *ret = (Point){.is_null = column_is_null(end, row)};
    if (ret->is_null)
        return STATUS_OK;
    if (end->type.id != TYPE_INTERVAL) {
        ret->at = point_at(end, row);
        return STATUS_OK;
    }
    const Interval *by = column_fixed16(end, row);
    ret->is_null = column_is_null(start, row);
    if (ret->is_null)
        return STATUS_OK;
    int64_t from = column_i64(start, row);
    switch (start->type.id) {
    case TYPE_TIMESTAMPTZ:
        return timestamptz_add_interval(from, by, func__time_zone(ctx), &ret->at, err);
    case TYPE_TIMESTAMP:
        return timestamp_add_interval(from, by, &ret->at, err);
    default:
        return time_add(from, by, &ret->at);
    }
}

ROW_KERNEL_NULLABLE(overlaps_periods)
{
    Point starts[2];
    Point ends[2];
    for (int i = 0; i < 2; i++) {
        const Column *start = &args[2 * i];
        starts[i] = (Point){.is_null = column_is_null(start, row)};
        if (!starts[i].is_null)
            starts[i].at = point_at(start, row);
        TRY(end_point(ctx, start, &args[2 * i + 1], row, &ends[i], err));
    }
    int result = overlaps(starts[0], ends[0], starts[1], ends[1]);
    if (result < 0)
        return func__set_null(ctx, ret, row, err);
    SET_BOOL(result);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- time with time zone */

static Status timetz_add(TimeTz value, const Interval *by, bool minus, Column *ret, uint32_t row)
{
    Interval span = *by;
    if (minus)
        span.us = -(span.us % US_PER_DAY);
    TRY(time_add(value.us, &span, &value.us));
    SET(TimeTz, value);
    return STATUS_OK;
}
ROW_KERNEL(timetz_plus)
{
    return timetz_add(ARG(TimeTz, 0), column_fixed16(&args[1], row), false, ret, row);
}
ROW_KERNEL(plus_timetz)
{
    return timetz_add(ARG(TimeTz, 1), column_fixed16(&args[0], row), false, ret, row);
}
ROW_KERNEL(timetz_minus)
{
    return timetz_add(ARG(TimeTz, 0), column_fixed16(&args[1], row), true, ret, row);
}

static void move_zone(TimeTz value, int32_t zone_sec, Column *ret, uint32_t row)
{
    int64_t us = (value.us + (value.zone_sec - zone_sec) * US_PER_SEC) % US_PER_DAY;
    TimeTz out = {.us = us < 0 ? us + US_PER_DAY : us, .zone_sec = zone_sec};
    SET(TimeTz, out);
}
ROW_KERNEL(timetz_at_interval)
{
    const Interval *zone = column_fixed16(&args[0], row);
    if (zone->months || zone->days)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "interval time zone must not include months or days");
    move_zone(ARG(TimeTz, 1), (int32_t) - (zone->us / US_PER_SEC), ret, row);
    return STATUS_OK;
}

#define OVERLAPS(oid_, a, b, c, d)                                                                 \
    {                                                                                              \
        .name = "overlaps", .oid = oid_, .arg_count = 4, .args = {a, b, c, d}, .ret = T(BOOL),     \
        .volatility = VOLATILITY_STABLE, .kernel = overlaps_periods                                \
    }
#define TS T(TIMESTAMP)
#define TZ T(TIMESTAMPTZ)
#define TM T(TIME)
#define TT T(TIMETZ)
#define IV T(INTERVAL)
static const Function functions[] = {
    OVERLAPS(1304, TZ, TZ, TZ, TZ),
    OVERLAPS(1305, TZ, IV, TZ, IV),
    OVERLAPS(1306, TZ, TZ, TZ, IV),
    OVERLAPS(1307, TZ, IV, TZ, TZ),
    OVERLAPS(2041, TS, TS, TS, TS),
    OVERLAPS(2042, TS, IV, TS, IV),
    OVERLAPS(2043, TS, TS, TS, IV),
    OVERLAPS(2044, TS, IV, TS, TS),
    OVERLAPS(1308, TM, TM, TM, TM),
    OVERLAPS(1309, TM, IV, TM, IV),
    OVERLAPS(1310, TM, TM, TM, IV),
    OVERLAPS(1311, TM, IV, TM, TM),
    OVERLAPS(1271, TT, TT, TT, TT),
    OP("+", 1802, timetz_plus, TT, 2, TT, IV),
    OP("+", 2552, plus_timetz, TT, 2, IV, TT),
    OP("-", 1803, timetz_minus, TT, 2, TT, IV),
    FN("timezone", 2038, timetz_at_interval, TT, 2, IV, TT),
};
const FuncTable func__overlaps_table = {functions, LUMA_ARRAY_LEN(functions)};
