/* datetime_math.c - conversions and arithmetic of dates, times, timestamps and intervals. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "format/pgtype/datetime_int.h"

static Status out_of_range(Error *err, const char *what)
{
    return error_set_sql(err, STATUS_INVALID, "22008", 0, "%s out of range", what);
}

int64_t time_round(int64_t us, int32_t typmod)
{
    static const int64_t scales[] = {1000000, 100000, 10000, 1000, 100, 10, 1};

    if (typmod < 0 || typmod > 5)
        return us;
    int64_t scale = scales[typmod];
    return us >= 0 ? (us + scale / 2) / scale * scale : -((-us + scale / 2) / scale * scale);
}

int64_t timestamp_round(int64_t us, int32_t typmod)
{
    return timestamp_is_finite(us) && us < TIMESTAMP_MAX - US_PER_SEC ? time_round(us, typmod) : us;
}

/* ---------------------------------------------------------------- conversions */

Status date_to_timestamp(int32_t days, int64_t *ret, Error *err)
{
    if (!date_is_finite(days)) {
        *ret = days == DATE_INFINITY ? TIMESTAMP_INFINITY : TIMESTAMP_NEG_INFINITY;
        return STATUS_OK;
    }
    if (days > TIMESTAMP_MAX / US_PER_DAY)
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "date out of range for timestamp");
    *ret = days * US_PER_DAY;
    return STATUS_OK;
}

Status timestamp_to_timestamptz(int64_t local_us, const TimeZone *tz, int64_t *ret, Error *err)
{
    int64_t us = local_us;

    if (timestamp_is_finite(local_us)) {
        int64_t offset = timezone_at_local(tz, local_us).offset_sec * US_PER_SEC;
        if (__builtin_sub_overflow(local_us, offset, &us) || us < TIMESTAMP_MIN ||
            us > TIMESTAMP_MAX)
            return out_of_range(err, "timestamp");
    }
    *ret = us;
    return STATUS_OK;
}

Status timestamptz_to_timestamp(int64_t us, const TimeZone *tz, int64_t *ret, Error *err)
{
    int64_t local = us;

    if (timestamp_is_finite(us)) {
        int64_t offset = timezone_at_utc(tz, us).offset_sec * US_PER_SEC;
        if (__builtin_add_overflow(us, offset, &local) || local < TIMESTAMP_MIN ||
            local > TIMESTAMP_MAX)
            return out_of_range(err, "timestamp");
    }
    *ret = local;
    return STATUS_OK;
}

Status date_to_timestamptz(int32_t days, const TimeZone *tz, int64_t *ret, Error *err)
{
    int64_t local;

    TRY(date_to_timestamp(days, &local, err));
    return timestamp_to_timestamptz(local, tz, ret, err);
}

int32_t timestamp_to_date(int64_t us)
{
    if (!timestamp_is_finite(us))
        return us == TIMESTAMP_INFINITY ? DATE_INFINITY : DATE_NEG_INFINITY;
    return (int32_t)(us >= 0 ? us / US_PER_DAY : -((-(us + 1)) / US_PER_DAY) - 1);
}

int64_t timestamp_to_time(int64_t us)
{
    int64_t rest = us % US_PER_DAY;
    return rest < 0 ? rest + US_PER_DAY : rest;
}

int timetz_cmp(const TimeTz *a, const TimeTz *b)
{
    int64_t x = a->us + a->zone_sec * US_PER_SEC;
    int64_t y = b->us + b->zone_sec * US_PER_SEC;

    if (x != y)
        return x < y ? -1 : 1;
    return (a->zone_sec > b->zone_sec) - (a->zone_sec < b->zone_sec);
}

TimeTz timetz_at_offset(const TimeTz *value, int32_t offset_sec)
{
    int64_t us = value->us + (value->zone_sec + offset_sec) * US_PER_SEC;
    return (TimeTz){.us = timestamp_to_time(us), .zone_sec = -offset_sec};
}

/* ---------------------------------------------------------------- dates and timestamps */

Status date_add_days(int32_t days, int64_t n, int32_t *ret, Error *err)
{
    int64_t sum = days;

    if (date_is_finite(days) &&
        (n > INT32_MAX || n < INT32_MIN || (sum = days + n) < DATE_MIN || sum > DATE_MAX))
        return out_of_range(err, "date");
    *ret = (int32_t)sum;
    return STATUS_OK;
}

Status date_sub(int32_t a, int32_t b, int32_t *ret, Error *err)
{
    if (!date_is_finite(a) || !date_is_finite(b))
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "cannot subtract infinite dates");
    *ret = (int32_t)((int64_t)a - b);
    return STATUS_OK;
}

/* Adds months, clamping the day, then days, to a local time. */
static Status add_months_and_days(int64_t us, const Interval *span, int64_t *ret, Error *err)
{
    if (span->months) {
        CivilTime c = timestamp_to_civil(us);
        int64_t month = (int64_t)c.date.year * 12 + c.date.month - 1 + span->months;
        int64_t year = month >= 0 ? month / 12 : -((11 - month) / 12);
        c.date.year = (int32_t)year;
        c.date.month = (int32_t)(month - year * 12) + 1;
        c.date.day = LUMA_MIN(c.date.day, month_days(c.date.year, c.date.month));
        TRY(timestamp_from_civil(&c, &us, err));
    }
    if (__builtin_add_overflow(us, span->days * US_PER_DAY, &us) || us < TIMESTAMP_MIN)
        return out_of_range(err, "timestamp");
    *ret = us;
    return STATUS_OK;
}

static Status add_time(int64_t us, int64_t time_us, int64_t *ret, Error *err)
{
    if (__builtin_add_overflow(us, time_us, &us) || us < TIMESTAMP_MIN || us > TIMESTAMP_MAX)
        return out_of_range(err, "timestamp");
    *ret = us;
    return STATUS_OK;
}

Status timestamp_add_interval(int64_t us, const Interval *span, int64_t *ret, Error *err)
{
    int64_t sum = us;

    if (timestamp_is_finite(us)) {
        TRY(add_months_and_days(us, span, &sum, err));
        TRY(add_time(sum, span->us, &sum, err));
    }
    *ret = sum;
    return STATUS_OK;
}

Status timestamptz_add_interval(int64_t us, const Interval *span, const TimeZone *tz, int64_t *ret,
                                Error *err)
{
    Interval months = {.months = span->months};
    Interval days = {.days = span->days};
    int64_t sum = us;

    if (!timestamp_is_finite(us)) {
        *ret = us;
        return STATUS_OK;
    }
    /* Months and days are local, each found again in UTC before the next step. */
    if (span->months) {
        TRY(timestamptz_to_timestamp(sum, tz, &sum, err));
        TRY(add_months_and_days(sum, &months, &sum, err));
        TRY(timestamp_to_timestamptz(sum, tz, &sum, err));
    }
    if (span->days) {
        TRY(timestamptz_to_timestamp(sum, tz, &sum, err));
        TRY(add_months_and_days(sum, &days, &sum, err));
        TRY(timestamp_to_timestamptz(sum, tz, &sum, err));
    }
    return add_time(sum, span->us, ret, err);
}

Status timestamp_sub(int64_t a, int64_t b, Interval *ret, Error *err)
{
    int64_t us;

    if (!timestamp_is_finite(a) || !timestamp_is_finite(b))
        return error_set_sql(err, STATUS_INVALID, "22008", 0,
                             "cannot subtract infinite timestamps");
    if (__builtin_sub_overflow(a, b, &us))
        return out_of_range(err, "interval");
    *ret = (Interval){.us = us % US_PER_DAY, .days = (int32_t)(us / US_PER_DAY)};
    return STATUS_OK;
}

int64_t time_add_interval(int64_t us, const Interval *span)
{
    return timestamp_to_time(us + span->us % US_PER_DAY);
}

/* Carries a negative field into the one above it. */
static void borrow(int64_t *low, int64_t base, int64_t *high)
{
    while (*low < 0) {
        *low += base;
        *high -= 1;
    }
}

Status timestamp_age(int64_t a, int64_t b, Interval *ret, Error *err)
{
    if (!timestamp_is_finite(a) || !timestamp_is_finite(b))
        return out_of_range(err, "timestamp");
    bool negative = a < b;
    CivilTime late = timestamp_to_civil(negative ? b : a);
    CivilTime early = timestamp_to_civil(negative ? a : b);
    int64_t us = timestamp_to_time(negative ? b : a) - timestamp_to_time(negative ? a : b);
    int64_t day = late.date.day - early.date.day;
    int64_t month =
        ((int64_t)late.date.year - early.date.year) * 12 + late.date.month - early.date.month;

    borrow(&us, US_PER_DAY, &day);
    borrow(&day, month_days(early.date.year, early.date.month), &month);
    int sign = negative ? -1 : 1;
    *ret = (Interval){
        .us = sign * us, .days = (int32_t)(sign * day), .months = (int32_t)(sign * month)};
    return STATUS_OK;
}

Status timestamptz_age(int64_t a, int64_t b, const TimeZone *tz, Interval *ret, Error *err)
{
    int64_t local_a;
    int64_t local_b;

    TRY(timestamptz_to_timestamp(a, tz, &local_a, err));
    TRY(timestamptz_to_timestamp(b, tz, &local_b, err));
    return timestamp_age(local_a, local_b, ret, err);
}

Status timestamp_bin(const Interval *stride, int64_t us, int64_t origin_us, int64_t *ret,
                     Error *err)
{
    int64_t width;
    int64_t diff;

    if (!timestamp_is_finite(us)) {
        *ret = us;
        return STATUS_OK;
    }
    if (!timestamp_is_finite(origin_us))
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "origin out of range");
    if (stride->months)
        return error_set_sql(
            err, STATUS_UNSUPPORTED, "0A000", 0,
            "timestamps cannot be binned into intervals containing months or years");
    if (__builtin_add_overflow(stride->days * US_PER_DAY, stride->us, &width))
        return out_of_range(err, "interval");
    if (width <= 0)
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "stride must be greater than zero");
    if (__builtin_sub_overflow(us, origin_us, &diff))
        return out_of_range(err, "interval");
    int64_t into = diff % width;
    if (into < 0)
        into += width;
    return add_time(us, -into, ret, err);
}

/* ---------------------------------------------------------------- intervals */

static Status make_interval(int64_t months, int64_t days, int64_t us, bool overflow, Interval *ret,
                            Error *err)
{
    if (overflow || months > INT32_MAX || months < INT32_MIN || days > INT32_MAX ||
        days < INT32_MIN)
        return out_of_range(err, "interval");
    *ret = (Interval){.us = us, .days = (int32_t)days, .months = (int32_t)months};
    return STATUS_OK;
}

Status interval_add(const Interval *a, const Interval *b, Interval *ret, Error *err)
{
    int64_t us;
    bool overflow = __builtin_add_overflow(a->us, b->us, &us);
    return make_interval((int64_t)a->months + b->months, (int64_t)a->days + b->days, us, overflow,
                         ret, err);
}

Status interval_sub(const Interval *a, const Interval *b, Interval *ret, Error *err)
{
    int64_t us;
    bool overflow = __builtin_sub_overflow(a->us, b->us, &us);
    return make_interval((int64_t)a->months - b->months, (int64_t)a->days - b->days, us, overflow,
                         ret, err);
}

Status interval_neg(const Interval *a, Interval *ret, Error *err)
{
    return interval_sub(&(Interval){0}, a, ret, err);
}

/* To microseconds and back, so that sums of products lose what doubles cannot tell apart. */
static double round_us(double v)
{
    return rint(v * 1e6) / 1e6;
}

/* months, days and us as exact products or quotients: whole parts stay, fractions cascade down. */
static Status cascade(double months, double days, double us, Interval *ret, Error *err)
{
    if (!(fabs(months) < 2147483648.0) || !(fabs(days) < 2147483648.0))
        return out_of_range(err, "interval");
    int64_t whole_months = (int64_t)months;
    int64_t whole_days = (int64_t)days;
    double extra_days = round_us((months - (double)whole_months) * 30);
    double extra_sec =
        round_us((days - (double)whole_days + extra_days - (double)(int64_t)extra_days) * 86400);
    if (fabs(extra_sec) >= 86400) {
        whole_days += (int64_t)(extra_sec / 86400);
        extra_sec -= (double)((int64_t)(extra_sec / 86400)) * 86400;
    }
    whole_days += (int64_t)extra_days;
    double whole_us = rint(us + extra_sec * 1e6);
    if (!(whole_us >= -9223372036854775808.0 && whole_us < 9223372036854775808.0))
        return out_of_range(err, "interval");
    return make_interval(whole_months, whole_days, (int64_t)whole_us, false, ret, err);
}

Status interval_mul(const Interval *a, double factor, Interval *ret, Error *err)
{
    return cascade(a->months * factor, a->days * factor, (double)a->us * factor, ret, err);
}

Status interval_div(const Interval *a, double divisor, Interval *ret, Error *err)
{
    if (divisor == 0)
        return error_set_sql(err, STATUS_INVALID, "22012", 0, "division by zero");
    return cascade(a->months / divisor, a->days / divisor, (double)a->us / divisor, ret, err);
}

IntervalSpan interval_span(const Interval *a)
{
    return ((IntervalSpan)a->months * 30 + a->days) * US_PER_DAY + a->us;
}

int interval_cmp(const Interval *a, const Interval *b)
{
    IntervalSpan x = interval_span(a);
    IntervalSpan y = interval_span(b);
    return (x > y) - (x < y);
}

uint64_t interval_hash(const Interval *a)
{
    return hash_u64((uint64_t)interval_span(a));
}

/* Gives the low part the sign of the high part. */
static void align_signs(int64_t *high, int64_t *low, int64_t base)
{
    if (*high > 0 && *low < 0) {
        *low += base;
        *high -= 1;
    } else if (*high < 0 && *low > 0) {
        *low -= base;
        *high += 1;
    }
}

Status interval_justify_hours(const Interval *a, Interval *ret, Error *err)
{
    int64_t days = a->days + a->us / US_PER_DAY;
    int64_t us = a->us % US_PER_DAY;

    align_signs(&days, &us, US_PER_DAY);
    return make_interval(a->months, days, us, false, ret, err);
}

Status interval_justify_days(const Interval *a, Interval *ret, Error *err)
{
    int64_t months = (int64_t)a->months + a->days / 30;
    int64_t days = a->days % 30;

    align_signs(&months, &days, 30);
    return make_interval(months, days, a->us, false, ret, err);
}

Status interval_justify(const Interval *a, Interval *ret, Error *err)
{
    int64_t days = a->days + a->us / US_PER_DAY;
    int64_t us = a->us % US_PER_DAY;
    int64_t months = a->months + days / 30;

    days %= 30;
    if (months > 0 && (days < 0 || (days == 0 && us < 0))) {
        days += 30;
        months--;
    } else if (months < 0 && (days > 0 || (days == 0 && us > 0))) {
        days -= 30;
        months++;
    }
    align_signs(&days, &us, US_PER_DAY);
    return make_interval(months, days, us, false, ret, err);
}
