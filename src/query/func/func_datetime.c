/* func_datetime.c - dates, times and intervals: the current time, fields, arithmetic, rounding.
 *
 * now() and its kin read the statement's settings; what depends on the session's time zone is
 * stable. time_bucket and date_trunc of fixed-length units run as plain integer loops. */
#include "base/clock.h"
#include "query/func/func_int.h"

/* ---------------------------------------------------------------- the current time */

static Status constant_i64(const EvalContext *ctx, uint32_t rows, int64_t value, Column *ret,
                           Error *err)
{
    TRY(column_init(ret, ctx->arena, ret->type, 1, false, err));
    *(int64_t *)column_values(ret) = value;
    ret->is_const = true;
    ret->len = rows;
    return STATUS_OK;
}

static int64_t transaction_us(const EvalContext *ctx)
{
    return ctx->settings && ctx->settings->transaction_us ? ctx->settings->transaction_us
                                                          : clock_wall_ns() / 1000;
}

static Status now_kernel(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                         uint32_t rows, Column *ret, Error *err)
{
    return constant_i64(ctx, rows, transaction_us(ctx), ret, err);
}
static Status statement_timestamp(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                                  uint32_t rows, Column *ret, Error *err)
{
    int64_t us = ctx->settings && ctx->settings->statement_us ? ctx->settings->statement_us
                                                              : transaction_us(ctx);
    return constant_i64(ctx, rows, us, ret, err);
}
static Status clock_timestamp(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                              uint32_t rows, Column *ret, Error *err)
{
    return constant_i64(ctx, rows, clock_wall_ns() / 1000, ret, err);
}
static Status timeofday(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                        uint32_t rows, Column *ret, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    timestamptz_append(&text, clock_wall_ns() / 1000, func__settings(ctx));
    TRY(column_init(ret, ctx->arena, ret->type, 1, false, err));
    TRY(func__set_copy(ctx, ret, 0, buf_str(&text), err));
    ret->is_const = true;
    ret->len = rows;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- fields */

static Status extract_value(const EvalContext *ctx, const Column *args, uint32_t row, View *ret,
                            bool *ret_null, Error *err)
{
    size_t width = layout_width(type_layout(args[1].type));
    const char *at = (const char *)args[1].values + width * column_slot(&args[1], row);
    return datetime_extract(args[1].type.id, at, ARG_STR(0), func__time_zone(ctx), ctx->arena, ret,
                            ret_null, err);
}
ROW_KERNEL(extract)
{
    bool null = false;
    TRY(extract_value(ctx, args, row, (View *)column_values(ret) + row, &null, err));
    return null ? func__set_null(ctx, ret, row, err) : STATUS_OK;
}
ROW_KERNEL(date_part)
{
    View value;
    bool null = false;
    TRY(extract_value(ctx, args, row, &value, &null, err));
    if (null)
        return func__set_null(ctx, ret, row, err);
    SET(double, numeric_to_f64(&value, NULL));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- rounding down */

static int64_t floor_to(int64_t value, int64_t unit)
{
    int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

/* Units that are the same length everywhere, on any scale that starts at midnight UTC. */
static int64_t fixed_unit_us(Str field)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"microseconds", 1},     {"milliseconds", 1000},    {"second", US_PER_SEC},
                 {"seconds", US_PER_SEC}, {"minute", US_PER_MINUTE}, {"minutes", US_PER_MINUTE}};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(units); i++)
        if (str_eq_nocase(field, str_from(units[i].name)))
            return units[i].us;
    return 0;
}

/* Neighbours usually fall into the same bucket, so one comparison replaces most divisions. */
static void floor_runs(const int64_t *in, uint32_t rows, int64_t unit, int64_t origin, int64_t *out)
{
    int64_t bucket = 0;
    int64_t end = INT64_MIN;
    for (uint32_t i = 0; i < rows; i++) {
        if (in[i] < bucket || in[i] >= end) {
            bucket = floor_to(in[i] - origin, unit) + origin;
            if (__builtin_add_overflow(bucket, unit, &end))
                end = INT64_MAX;
        }
        out[i] = bucket;
    }
}

/* Infinities and values near the ends must go through the exact path. */
static bool all_ordinary(const int64_t *in, uint32_t rows)
{
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    for (uint32_t i = 0; i < rows; i++) {
        low = LUMA_MIN(low, in[i]);
        high = LUMA_MAX(high, in[i]);
    }
    return !rows || (low > INT64_MIN / 2 && high < INT64_MAX / 2);
}

static Status floor_column(const EvalContext *ctx, const Column *value, const Column *args,
                           uint32_t arg_count, uint32_t rows, int64_t unit, int64_t origin,
                           bool *ret_done, Column *ret, Error *err)
{
    uint32_t n = value->is_const ? LUMA_MIN(rows, 1u) : rows;
    *ret_done = all_ordinary(value->values, n);
    if (!*ret_done)
        return STATUS_OK;
    uint32_t compute;
    TRY(func__strict_result(ctx, args, arg_count, rows, ret, &compute, err));
    if (compute != n)
        *ret_done = false;
    else
        floor_runs(value->values, n, unit, origin, column_values(ret));
    return STATUS_OK;
}

ROW_KERNEL(trunc_ts_row)
{
    return timestamp_trunc(ARG_STR(0), ARG(int64_t, 1), (int64_t *)column_values(ret) + row, err);
}
ROW_KERNEL(trunc_tstz_row)
{
    const TimeZone *tz = func__time_zone(ctx);
    if (arg_count > 2) {
        Str name = ARG_STR(2);
        tz = timezone_find(name);
        if (!tz)
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "time zone \"%.*s\" not recognized", STR_FMT(name));
    }
    return timestamptz_trunc(ARG_STR(0), ARG(int64_t, 1), tz, (int64_t *)column_values(ret) + row,
                             err);
}

/* Minutes and below start at the same instants in every zone whose offset is whole minutes, which
 * all have had since 1972; earlier instants go row by row. */
static bool zone_free(const Column *value, uint32_t rows)
{
    const int64_t *in = value->values;
    uint32_t n = value->is_const ? LUMA_MIN(rows, 1u) : rows;
    int64_t low = INT64_MAX;
    for (uint32_t i = 0; i < n; i++)
        low = LUMA_MIN(low, in[i]);
    return low >= 2 * 366 * US_PER_DAY;
}

static Status date_trunc_kernel(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                                uint32_t rows, bool zoned, Column *ret, Error *err)
{
    bool done = false;
    if (rows && arg_count == 2 && args[0].is_const && !column_is_null(&args[0], 0)) {
        int64_t unit = fixed_unit_us(func__str(&args[0], 0));
        const TimeZone *tz = func__time_zone(ctx);
        bool utc = str_eq(timezone_name(tz), STR("UTC"));
        if (!unit && (!zoned || utc) && str_eq_nocase(func__str(&args[0], 0), STR("hour")))
            unit = US_PER_HOUR;
        if (!unit && (!zoned || utc) && str_eq_nocase(func__str(&args[0], 0), STR("day")))
            unit = US_PER_DAY;
        if (unit && (!zoned || utc || zone_free(&args[1], rows)))
            TRY(floor_column(ctx, &args[1], args, 2, rows, unit, 0, &done, ret, err));
    }
    if (done)
        return STATUS_OK;
    return zoned ? trunc_tstz_row(ctx, args, arg_count, rows, ret, err)
                 : trunc_ts_row(ctx, args, arg_count, rows, ret, err);
}
static Status date_trunc_ts(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                            uint32_t rows, Column *ret, Error *err)
{
    return date_trunc_kernel(ctx, args, arg_count, rows, false, ret, err);
}
static Status date_trunc_tstz(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                              uint32_t rows, Column *ret, Error *err)
{
    return date_trunc_kernel(ctx, args, arg_count, rows, true, ret, err);
}
ROW_KERNEL(date_trunc_interval)
{
    return interval_trunc(ARG_STR(0), &ARG(Interval, 1), (Interval *)column_values(ret) + row, err);
}

ROW_KERNEL(date_bin)
{
    return timestamp_bin(&ARG(Interval, 0), ARG(int64_t, 1), ARG(int64_t, 2),
                         (int64_t *)column_values(ret) + row, err);
}

/* TimescaleDB's origin of buckets: Monday 2000-01-03; month buckets count from 2000-01-01. */
static const int64_t BUCKET_ORIGIN_US = (int64_t)10959 * US_PER_DAY;
static const int32_t BUCKET_MONTH_ORIGIN = 2000 * 12;

static Status bucket_width(const Interval *width, int64_t *ret_us, int32_t *ret_months, Error *err)
{
    if (width->months && (width->days || width->us))
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "a bucket of months cannot have days or time as well");
    *ret_months = width->months;
    *ret_us = width->days * US_PER_DAY + width->us;
    if (*ret_months <= 0 && *ret_us <= 0)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "period must be greater than 0");
    return STATUS_OK;
}

static Status bucket_of(int64_t us, int64_t width_us, int32_t months, int64_t origin, int64_t *ret,
                        Error *err)
{
    if (!timestamp_is_finite(us)) {
        *ret = us;
        return STATUS_OK;
    }
    if (!months) {
        int64_t shifted;
        if (__builtin_sub_overflow(us, origin, &shifted) ||
            __builtin_add_overflow(floor_to(shifted, width_us), origin, ret))
            return error_set_sql(err, STATUS_INVALID, "22008", 0, "timestamp out of range");
        return STATUS_OK;
    }
    CivilTime civil = timestamp_to_civil(us);
    int64_t month = (int64_t)civil.date.year * 12 + civil.date.month - 1 - BUCKET_MONTH_ORIGIN;
    month = floor_to(month, months) + BUCKET_MONTH_ORIGIN;
    CivilTime start = {.date = {.year = (int32_t)floor_to(month, 12) / 12,
                                .month = (int32_t)(month - floor_to(month, 12)) + 1,
                                .day = 1}};
    return timestamp_from_civil(&start, ret, err);
}

ROW_KERNEL(time_bucket_row)
{
    int64_t width_us;
    int32_t months;
    TRY(bucket_width(&ARG(Interval, 0), &width_us, &months, err));
    return bucket_of(ARG(int64_t, 1), width_us, months,
                     arg_count > 2 ? ARG(int64_t, 2) : BUCKET_ORIGIN_US,
                     (int64_t *)column_values(ret) + row, err);
}
static Status time_bucket(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          uint32_t rows, Column *ret, Error *err)
{
    bool done = false;
    bool constant = args[0].is_const && (arg_count < 3 || args[2].is_const);
    if (rows && constant && !column_is_null(&args[0], 0) &&
        (arg_count < 3 || !column_is_null(&args[2], 0))) {
        int64_t width_us;
        int32_t months;
        TRY(bucket_width(args[0].values, &width_us, &months, err));
        int64_t origin = arg_count > 2 ? *(const int64_t *)args[2].values : BUCKET_ORIGIN_US;
        if (!months && origin > INT64_MIN / 4 && origin < INT64_MAX / 4)
            TRY(floor_column(ctx, &args[1], args, arg_count, rows, width_us,
                             floor_to(origin, width_us) == origin ? 0 : origin, &done, ret, err));
    }
    return done ? STATUS_OK : time_bucket_row(ctx, args, arg_count, rows, ret, err);
}
ROW_KERNEL(time_bucket_date)
{
    int64_t width_us;
    int64_t us;
    int32_t months;
    TRY(bucket_width(&ARG(Interval, 0), &width_us, &months, err));
    TRY(date_to_timestamp(ARG(int32_t, 1), &us, err));
    TRY(bucket_of(us, width_us, months, BUCKET_ORIGIN_US, &us, err));
    SET(int32_t, timestamp_to_date(us));
    return STATUS_OK;
}
ROW_KERNEL(time_bucket_int)
{
    int64_t width = ARG(int64_t, 0);
    if (width <= 0)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "period must be greater than 0");
    SET(int64_t, floor_to(ARG(int64_t, 1), width));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- arithmetic */

#define OUT(ctype) ((ctype *)column_values(ret) + row)

ROW_KERNEL(ts_plus_interval)
{
    return timestamp_add_interval(ARG(int64_t, 0), &ARG(Interval, 1), OUT(int64_t), err);
}
ROW_KERNEL(ts_minus_interval)
{
    Interval span;
    TRY(interval_neg(&ARG(Interval, 1), &span, err));
    return timestamp_add_interval(ARG(int64_t, 0), &span, OUT(int64_t), err);
}
ROW_KERNEL(interval_plus_ts)
{
    return timestamp_add_interval(ARG(int64_t, 1), &ARG(Interval, 0), OUT(int64_t), err);
}
ROW_KERNEL(tstz_plus_interval)
{
    return timestamptz_add_interval(ARG(int64_t, 0), &ARG(Interval, 1), func__time_zone(ctx),
                                    OUT(int64_t), err);
}
ROW_KERNEL(tstz_minus_interval)
{
    Interval span;
    TRY(interval_neg(&ARG(Interval, 1), &span, err));
    return timestamptz_add_interval(ARG(int64_t, 0), &span, func__time_zone(ctx), OUT(int64_t),
                                    err);
}
ROW_KERNEL(interval_plus_tstz)
{
    return timestamptz_add_interval(ARG(int64_t, 1), &ARG(Interval, 0), func__time_zone(ctx),
                                    OUT(int64_t), err);
}
ROW_KERNEL(ts_minus_ts)
{
    return timestamp_sub(ARG(int64_t, 0), ARG(int64_t, 1), OUT(Interval), err);
}
ROW_KERNEL(date_plus_int)
{
    return date_add_days(ARG(int32_t, 0), ARG(int32_t, 1), OUT(int32_t), err);
}
ROW_KERNEL(int_plus_date)
{
    return date_add_days(ARG(int32_t, 1), ARG(int32_t, 0), OUT(int32_t), err);
}
ROW_KERNEL(date_minus_int)
{
    return date_add_days(ARG(int32_t, 0), -(int64_t)ARG(int32_t, 1), OUT(int32_t), err);
}
ROW_KERNEL(date_minus_date)
{
    return date_sub(ARG(int32_t, 0), ARG(int32_t, 1), OUT(int32_t), err);
}

static Status date_and_interval(int32_t days, const Interval *span, int64_t *ret, Error *err)
{
    int64_t us;
    TRY(date_to_timestamp(days, &us, err));
    return timestamp_add_interval(us, span, ret, err);
}
ROW_KERNEL(date_plus_interval)
{
    return date_and_interval(ARG(int32_t, 0), &ARG(Interval, 1), OUT(int64_t), err);
}
ROW_KERNEL(interval_plus_date)
{
    return date_and_interval(ARG(int32_t, 1), &ARG(Interval, 0), OUT(int64_t), err);
}
ROW_KERNEL(date_minus_interval)
{
    Interval span;
    TRY(interval_neg(&ARG(Interval, 1), &span, err));
    return date_and_interval(ARG(int32_t, 0), &span, OUT(int64_t), err);
}
ROW_KERNEL(date_plus_time)
{
    int64_t us;
    TRY(date_to_timestamp(ARG(int32_t, 0), &us, err));
    SET(int64_t, timestamp_is_finite(us) ? us + ARG(int64_t, 1) : us);
    return STATUS_OK;
}
ROW_KERNEL(time_plus_date)
{
    int64_t us;
    TRY(date_to_timestamp(ARG(int32_t, 1), &us, err));
    SET(int64_t, timestamp_is_finite(us) ? us + ARG(int64_t, 0) : us);
    return STATUS_OK;
}
ROW_KERNEL(time_plus_interval)
{
    SET(int64_t, time_add_interval(ARG(int64_t, 0), &ARG(Interval, 1)));
    return STATUS_OK;
}
ROW_KERNEL(time_minus_interval)
{
    Interval span;
    TRY(interval_neg(&ARG(Interval, 1), &span, err));
    SET(int64_t, time_add_interval(ARG(int64_t, 0), &span));
    return STATUS_OK;
}
ROW_KERNEL(time_minus_time)
{
    Interval span = {.us = ARG(int64_t, 0) - ARG(int64_t, 1)};
    SET(Interval, span);
    return STATUS_OK;
}
ROW_KERNEL(interval_plus)
{
    return interval_add(&ARG(Interval, 0), &ARG(Interval, 1), OUT(Interval), err);
}
ROW_KERNEL(interval_minus)
{
    return interval_sub(&ARG(Interval, 0), &ARG(Interval, 1), OUT(Interval), err);
}
ROW_KERNEL(interval_negate)
{
    return interval_neg(&ARG(Interval, 0), OUT(Interval), err);
}
ROW_KERNEL(interval_times)
{
    return interval_mul(&ARG(Interval, 0), ARG(double, 1), OUT(Interval), err);
}
ROW_KERNEL(times_interval)
{
    return interval_mul(&ARG(Interval, 1), ARG(double, 0), OUT(Interval), err);
}
ROW_KERNEL(interval_divide)
{
    if (ARG(double, 1) == 0)
        return func__division_by_zero(err);
    return interval_div(&ARG(Interval, 0), ARG(double, 1), OUT(Interval), err);
}
ROW_KERNEL(justify_hours)
{
    return interval_justify_hours(&ARG(Interval, 0), OUT(Interval), err);
}
ROW_KERNEL(justify_days)
{
    return interval_justify_days(&ARG(Interval, 0), OUT(Interval), err);
}
ROW_KERNEL(justify_interval)
{
    return interval_justify(&ARG(Interval, 0), OUT(Interval), err);
}

/* age(x) counts from the current date's midnight. */
static Status today(const EvalContext *ctx, bool zoned, int64_t *ret, Error *err)
{
    int64_t local;
    TRY(timestamptz_to_timestamp(transaction_us(ctx), func__time_zone(ctx), &local, err));
    local = floor_to(local, US_PER_DAY);
    if (!zoned) {
        *ret = local;
        return STATUS_OK;
    }
    return timestamp_to_timestamptz(local, func__time_zone(ctx), ret, err);
}
ROW_KERNEL(age_ts)
{
    int64_t from = ARG(int64_t, 0);
    int64_t to = from;
    if (arg_count > 1)
        to = ARG(int64_t, 1);
    else
        TRY(today(ctx, false, &from, err));
    return timestamp_age(from, to, OUT(Interval), err);
}
ROW_KERNEL(age_tstz)
{
    int64_t from = ARG(int64_t, 0);
    int64_t to = from;
    if (arg_count > 1)
        to = ARG(int64_t, 1);
    else
        TRY(today(ctx, true, &from, err));
    return timestamptz_age(from, to, func__time_zone(ctx), OUT(Interval), err);
}

/* ---------------------------------------------------------------- zones */

static Status find_zone(Str name, const TimeZone **ret, Error *err)
{
    *ret = timezone_find(name);
    if (*ret)
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "22023", 0, "time zone \"%.*s\" not recognized",
                         STR_FMT(name));
}
static Status interval_zone(const Interval *span, const TimeZone **ret, Error *err)
{
    if (span->months || span->days)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "interval time zone must not include months or days");
    *ret = timezone_fixed((int32_t)(span->us / US_PER_SEC));
    return *ret ? STATUS_OK
                : error_set_sql(err, STATUS_INVALID, "22023", 0, "time zone out of range");
}
ROW_KERNEL(zone_ts)
{
    const TimeZone *tz;
    TRY(find_zone(ARG_STR(0), &tz, err));
    return timestamp_to_timestamptz(ARG(int64_t, 1), tz, OUT(int64_t), err);
}
ROW_KERNEL(zone_tstz)
{
    const TimeZone *tz;
    TRY(find_zone(ARG_STR(0), &tz, err));
    return timestamptz_to_timestamp(ARG(int64_t, 1), tz, OUT(int64_t), err);
}
ROW_KERNEL(izone_ts)
{
    const TimeZone *tz;
    TRY(interval_zone(&ARG(Interval, 0), &tz, err));
    return timestamp_to_timestamptz(ARG(int64_t, 1), tz, OUT(int64_t), err);
}
ROW_KERNEL(izone_tstz)
{
    const TimeZone *tz;
    TRY(interval_zone(&ARG(Interval, 0), &tz, err));
    return timestamptz_to_timestamp(ARG(int64_t, 1), tz, OUT(int64_t), err);
}

/* ---------------------------------------------------------------- making values */

static Status out_of_field(Error *err, const char *what, int32_t y, int32_t m, int32_t d)
{
    return error_set_sql(err, STATUS_INVALID, "22008", 0,
                         "%s field value out of range: %d-%02d-%02d", what, y, m, d);
}

static Status civil_date(int32_t y, int32_t m, int32_t d, CivilDate *ret, Error *err)
{
    int32_t year = y < 0 ? y + 1 : y; /* there is no year 0: -1 is 1 BC */
    if (y == 0 || m < 1 || m > 12 || d < 1 || d > month_days(year, m) || year > 5874897 ||
        year < -4713)
        return out_of_field(err, "date", y, m, d);
    *ret = (CivilDate){year, m, d};
    return STATUS_OK;
}

static Status clock_time(int32_t hour, int32_t minute, double second, int64_t *ret, Error *err)
{
    bool ok = hour >= 0 && minute >= 0 && minute < 60 && second >= 0 && second <= 60 &&
              (hour < 24 || (hour == 24 && minute == 0 && second == 0));
    if (!ok)
        return error_set_sql(err, STATUS_INVALID, "22008", 0,
                             "time field value out of range: %d:%02d:%02g", hour, minute, second);
    *ret = hour * US_PER_HOUR + minute * US_PER_MINUTE + (int64_t)__builtin_rint(second * 1e6);
    return STATUS_OK;
}

ROW_KERNEL(make_date)
{
    CivilDate date;
    TRY(civil_date(ARG(int32_t, 0), ARG(int32_t, 1), ARG(int32_t, 2), &date, err));
    SET(int32_t, date_from_civil(date.year, date.month, date.day));
    return STATUS_OK;
}
ROW_KERNEL(make_time)
{
    return clock_time(ARG(int32_t, 0), ARG(int32_t, 1), ARG(double, 2), OUT(int64_t), err);
}
static Status make_ts(const Column *args, uint32_t row, int64_t *ret, Error *err)
{
    CivilDate date;
    int64_t time;
    int64_t midnight;
    TRY(civil_date(ARG(int32_t, 0), ARG(int32_t, 1), ARG(int32_t, 2), &date, err));
    TRY(clock_time(ARG(int32_t, 3), ARG(int32_t, 4), ARG(double, 5), &time, err));
    TRY(date_to_timestamp(date_from_civil(date.year, date.month, date.day), &midnight, err));
    *ret = midnight + time;
    return STATUS_OK;
}
ROW_KERNEL(make_timestamp)
{
    return make_ts(args, row, OUT(int64_t), err);
}
/* An offset as ISO 8601 counts it, east: "+2", "-0530", "+10:", "+10:00:10". */
static bool read_offset(Str text, const TimeZone **ret)
{
    int32_t part[3] = {0};
    int digits = 0;
    int at = 0;
    bool negative = text.len && text.ptr[0] == '-';
    if (text.len < 2 || text.len > 12 || (!negative && text.ptr[0] != '+'))
        return false;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ':' && at < 2 && (digits || at))
            at++;
        else if (c >= '0' && c <= '9' && part[at] < 10000)
            part[at] = part[at] * 10 + (c - '0');
        else
            return false;
        digits += at == 0;
    }
    if (at == 0 && digits > 2) {
        part[1] = part[0] % 100;
        part[0] /= 100;
    }
    if (part[0] > 15 || part[1] > 59 || part[2] > 59)
        return false;
    int32_t sec = part[0] * 3600 + part[1] * 60 + part[2];
    *ret = timezone_fixed(negative ? -sec : sec);
    return true;
}

ROW_KERNEL(make_timestamptz)
{
    int64_t local;
    const TimeZone *tz = func__time_zone(ctx);
    TRY(make_ts(args, row, &local, err));
    if (arg_count > 6 && !read_offset(ARG_STR(6), &tz))
        TRY(find_zone(ARG_STR(6), &tz, err));
    return timestamp_to_timestamptz(local, tz, OUT(int64_t), err);
}
/* make_interval(years, months, weeks, days, hours, mins, secs): the binder fills defaults with 0.
 */
ROW_KERNEL(make_interval)
{
    int64_t months = (int64_t)ARG(int32_t, 0) * 12 + ARG(int32_t, 1);
    int64_t days = (int64_t)ARG(int32_t, 2) * 7 + ARG(int32_t, 3);
    double us = ARG(double, 6) * 1e6;
    if (months != (int32_t)months || days != (int32_t)days || !(us > -9e18 && us < 9e18))
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "interval out of range");
    Interval span = {.months = (int32_t)months,
                     .days = (int32_t)days,
                     .us = ARG(int32_t, 4) * US_PER_HOUR + ARG(int32_t, 5) * US_PER_MINUTE +
                           (int64_t)__builtin_rint(us)};
    SET(Interval, span);
    return STATUS_OK;
}
ROW_KERNEL(to_timestamp_epoch)
{
    double seconds = ARG(double, 0);
    if (seconds != seconds)
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "timestamp cannot be NaN");
    if (seconds > 9e12 || seconds < -9e12) {
        if (!__builtin_isinf(seconds))
            return error_set_sql(err, STATUS_INVALID, "22008", 0, "timestamp out of range: \"%g\"",
                                 seconds);
        SET(int64_t, seconds > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_NEG_INFINITY);
        return STATUS_OK;
    }
    SET(int64_t, (int64_t)__builtin_rint(seconds * 1e6));
    return STATUS_OK;
}
ROW_KERNEL(is_finite_ts)
{
    SET_BOOL(timestamp_is_finite(ARG(int64_t, 0)));
    return STATUS_OK;
}
ROW_KERNEL(is_finite_date)
{
    SET_BOOL(date_is_finite(ARG(int32_t, 0)));
    return STATUS_OK;
}

/* (s1, e1) OVERLAPS (s2, e2) over timestamps, ends put in order. */
ROW_KERNEL(overlaps_ts)
{
    int64_t s1 = LUMA_MIN(ARG(int64_t, 0), ARG(int64_t, 1));
    int64_t e1 = LUMA_MAX(ARG(int64_t, 0), ARG(int64_t, 1));
    int64_t s2 = LUMA_MIN(ARG(int64_t, 2), ARG(int64_t, 3));
    int64_t e2 = LUMA_MAX(ARG(int64_t, 2), ARG(int64_t, 3));
    SET_BOOL(s1 == s2 || (s1 < s2 ? s2 < e1 : s1 < e2));
    return STATUS_OK;
}

#define STABLE_FN(name_, oid_, kernel_, ret_, argc_, ...)                                          \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .strict = true,                            \
        .volatility = VOLATILITY_STABLE, .args = {__VA_ARGS__}, .ret = ret_, .kernel = kernel_     \
    }
#define STABLE_OP(name_, oid_, kernel_, ret_, argc_, ...)                                          \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .strict = true, .is_operator = true,       \
        .volatility = VOLATILITY_STABLE, .args = {__VA_ARGS__}, .ret = ret_, .kernel = kernel_     \
    }
#define TS T(TIMESTAMP)
#define TSTZ T(TIMESTAMPTZ)
#define IV T(INTERVAL)
#define FIELDS(name, kernel, ret, d, t, tz, ts, tstz, iv)                                          \
    FN(name, d, kernel, ret, 2, T(TEXT), T(DATE)), FN(name, t, kernel, ret, 2, T(TEXT), T(TIME)),  \
        FN(name, tz, kernel, ret, 2, T(TEXT), T(TIMETZ)),                                          \
        FN(name, ts, kernel, ret, 2, T(TEXT), TS),                                                 \
        STABLE_FN(name, tstz, kernel, ret, 2, T(TEXT), TSTZ),                                      \
        FN(name, iv, kernel, ret, 2, T(TEXT), IV)

static const Function functions[] = {
    STABLE_FN("now", 1299, now_kernel, TSTZ, 0, {0}),
    STABLE_FN("transaction_timestamp", 2647, now_kernel, TSTZ, 0, {0}),
    STABLE_FN("statement_timestamp", 2648, statement_timestamp, TSTZ, 0, {0}),
    {.name = "clock_timestamp",
     .oid = 2649,
     .strict = true,
     .volatility = VOLATILITY_VOLATILE,
     .ret = TSTZ,
     .kernel = clock_timestamp},
    {.name = "timeofday",
     .oid = 274,
     .strict = true,
     .volatility = VOLATILITY_VOLATILE,
     .ret = T(TEXT),
     .kernel = timeofday},
    FIELDS("extract", extract, T(NUMERIC), 6199, 6200, 6201, 6202, 6203, 6204),
    FIELDS("date_part", date_part, T(FLOAT8), 1384, 1385, 1273, 2021, 1171, 1172),
    FN("date_trunc", 2020, date_trunc_ts, TS, 2, T(TEXT), TS),
    STABLE_FN("date_trunc", 1217, date_trunc_tstz, TSTZ, 2, T(TEXT), TSTZ),
    STABLE_FN("date_trunc", 1284, date_trunc_tstz, TSTZ, 3, T(TEXT), TSTZ, T(TEXT)),
    FN("date_trunc", 1218, date_trunc_interval, IV, 2, T(TEXT), IV),
    FN("date_bin", 6177, date_bin, TS, 3, IV, TS, TS),
    FN("date_bin", 6178, date_bin, TSTZ, 3, IV, TSTZ, TSTZ),
    FN("time_bucket", 0, time_bucket, TSTZ, 2, IV, TSTZ),
    FN("time_bucket", 0, time_bucket, TSTZ, 3, IV, TSTZ, TSTZ),
    FN("time_bucket", 0, time_bucket, TS, 2, IV, TS),
    FN("time_bucket", 0, time_bucket, TS, 3, IV, TS, TS),
    FN("time_bucket", 0, time_bucket_date, T(DATE), 2, IV, T(DATE)),
    FN("time_bucket", 0, time_bucket_int, T(INT8), 2, T(INT8), T(INT8)),
    OP("+", 2032, ts_plus_interval, TS, 2, TS, IV),
    OP("-", 2033, ts_minus_interval, TS, 2, TS, IV),
    OP("+", 2548, interval_plus_ts, TS, 2, IV, TS),
    STABLE_OP("+", 1189, tstz_plus_interval, TSTZ, 2, TSTZ, IV),
    STABLE_OP("-", 1190, tstz_minus_interval, TSTZ, 2, TSTZ, IV),
    STABLE_OP("+", 2549, interval_plus_tstz, TSTZ, 2, IV, TSTZ),
    OP("-", 2031, ts_minus_ts, IV, 2, TS, TS),
    OP("-", 1188, ts_minus_ts, IV, 2, TSTZ, TSTZ),
    OP("+", 1141, date_plus_int, T(DATE), 2, T(DATE), T(INT4)),
    OP("+", 2550, int_plus_date, T(DATE), 2, T(INT4), T(DATE)),
    OP("-", 1142, date_minus_int, T(DATE), 2, T(DATE), T(INT4)),
    OP("-", 1140, date_minus_date, T(INT4), 2, T(DATE), T(DATE)),
    OP("+", 2071, date_plus_interval, TS, 2, T(DATE), IV),
    OP("+", 2546, interval_plus_date, TS, 2, IV, T(DATE)),
    OP("-", 2072, date_minus_interval, TS, 2, T(DATE), IV),
    OP("+", 2025, date_plus_time, TS, 2, T(DATE), T(TIME)),
    OP("+", 1364, time_plus_date, TS, 2, T(TIME), T(DATE)),
    OP("+", 1747, time_plus_interval, T(TIME), 2, T(TIME), IV),
    OP("-", 1748, time_minus_interval, T(TIME), 2, T(TIME), IV),
    OP("-", 1690, time_minus_time, IV, 2, T(TIME), T(TIME)),
    OP("+", 1169, interval_plus, IV, 2, IV, IV),
    OP("-", 1170, interval_minus, IV, 2, IV, IV),
    OP("-", 1168, interval_negate, IV, 1, IV),
    OP("*", 1618, interval_times, IV, 2, IV, T(FLOAT8)),
    OP("*", 1624, times_interval, IV, 2, T(FLOAT8), IV),
    OP("/", 1326, interval_divide, IV, 2, IV, T(FLOAT8)),
    FN("justify_hours", 1175, justify_hours, IV, 1, IV),
    FN("justify_days", 1295, justify_days, IV, 1, IV),
    FN("justify_interval", 2711, justify_interval, IV, 1, IV),
    FN("age", 2058, age_ts, IV, 2, TS, TS),
    STABLE_FN("age", 2059, age_ts, IV, 1, TS),
    STABLE_FN("age", 1199, age_tstz, IV, 2, TSTZ, TSTZ),
    STABLE_FN("age", 1386, age_tstz, IV, 1, TSTZ),
    FN("timezone", 2069, zone_ts, TSTZ, 2, T(TEXT), TS),
    FN("timezone", 1159, zone_tstz, TS, 2, T(TEXT), TSTZ),
    FN("timezone", 2070, izone_ts, TSTZ, 2, IV, TS),
    FN("timezone", 1026, izone_tstz, TS, 2, IV, TSTZ),
    FN("make_date", 3846, make_date, T(DATE), 3, T(INT4), T(INT4), T(INT4)),
    FN("make_time", 3847, make_time, T(TIME), 3, T(INT4), T(INT4), T(FLOAT8)),
    FN("make_timestamp", 3461, make_timestamp, TS, 6, T(INT4), T(INT4), T(INT4), T(INT4), T(INT4),
       T(FLOAT8)),
    STABLE_FN("make_timestamptz", 3462, make_timestamptz, TSTZ, 6, T(INT4), T(INT4), T(INT4),
              T(INT4), T(INT4), T(FLOAT8)),
    STABLE_FN("make_timestamptz", 3463, make_timestamptz, TSTZ, 7, T(INT4), T(INT4), T(INT4),
              T(INT4), T(INT4), T(FLOAT8), T(TEXT)),
    FN("make_interval", 3464, make_interval, IV, 7, T(INT4), T(INT4), T(INT4), T(INT4), T(INT4),
       T(INT4), T(FLOAT8)),
    FN("to_timestamp", 1158, to_timestamp_epoch, TSTZ, 1, T(FLOAT8)),
    FN("isfinite", 2048, is_finite_ts, T(BOOL), 1, TS),
    FN("isfinite", 1389, is_finite_ts, T(BOOL), 1, TSTZ),
    FN("isfinite", 1373, is_finite_date, T(BOOL), 1, T(DATE)),
    FN("overlaps", 2041, overlaps_ts, T(BOOL), 4, TS, TS, TS, TS),
    FN("overlaps", 1304, overlaps_ts, T(BOOL), 4, TSTZ, TSTZ, TSTZ, TSTZ),
};
const FuncTable func__datetime_table = {functions, LUMA_ARRAY_LEN(functions)};
