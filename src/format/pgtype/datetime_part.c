/* datetime_part.c - extract and date_trunc. */
#include <math.h>
#include <stdlib.h>

#include "format/pgtype/datetime_int.h"
#include "format/pgtype/numeric.h"

static Status bad_unit(DatetimeUnit unit, Str field, const char *type_name, Error *err)
{
    if (unit == UNIT_UNKNOWN || unit == UNIT_AGO || unit == UNIT_NOISE)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "unit \"%.*s\" not recognized for type %s", STR_FMT(field), type_name);
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                         "unit \"%.*s\" not supported for type %s", STR_FMT(field), type_name);
}

/* Year 0 is 1 BC: the number a person would say. */
static int32_t shown_year(int32_t year)
{
    return year > 0 ? year : year - 1;
}

static int32_t century_of(int32_t year)
{
    return year > 0 ? (year + 99) / 100 : -((99 - (year - 1)) / 100);
}

static int32_t millennium_of(int32_t year)
{
    return year > 0 ? (year + 999) / 1000 : -((999 - (year - 1)) / 1000);
}

static int32_t decade_of(int32_t year)
{
    return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10);
}

/* ---------------------------------------------------------------- extract */

/* Fields of a calendar day; false when the unit is none of them. */
static bool extract_day(DatetimeUnit unit, CivilDate d, int64_t *ret)
{
    int32_t days = date_from_civil(d.year, d.month, d.day);

    switch (unit) {
    case UNIT_DAY:
        *ret = d.day;
        return true;
    case UNIT_MONTH:
        *ret = d.month;
        return true;
    case UNIT_QUARTER:
        *ret = (d.month - 1) / 3 + 1;
        return true;
    case UNIT_WEEK:
        *ret = date_iso_week(days);
        return true;
    case UNIT_YEAR:
        *ret = shown_year(d.year);
        return true;
    case UNIT_DECADE:
        *ret = decade_of(d.year);
        return true;
    case UNIT_CENTURY:
        *ret = century_of(d.year);
        return true;
    case UNIT_MILLENNIUM:
        *ret = millennium_of(d.year);
        return true;
    case UNIT_ISOYEAR:
        *ret = shown_year(date_iso_year(days));
        return true;
    case UNIT_DOW:
        *ret = date_weekday(days);
        return true;
    case UNIT_ISODOW:
        *ret = date_weekday(days) ? date_weekday(days) : 7;
        return true;
    case UNIT_DOY:
        *ret = date_day_of_year(days);
        return true;
    case UNIT_UNKNOWN:
    case UNIT_MICROSECOND:
    case UNIT_MILLISECOND:
    case UNIT_SECOND:
    case UNIT_MINUTE:
    case UNIT_HOUR:
    case UNIT_JULIAN:
    case UNIT_EPOCH:
    case UNIT_TIMEZONE:
    case UNIT_TIMEZONE_HOUR:
    case UNIT_TIMEZONE_MINUTE:
    case UNIT_AGO:
    case UNIT_NOISE:
        break;
    }
    return false;
}

/* Fields of a time of day (or of an interval's time part); false when the unit is none. */
static bool extract_clock(DatetimeUnit unit, int64_t us, View *ret)
{
    switch (unit) {
    case UNIT_MICROSECOND:
        *ret = numeric_small(us % US_PER_MINUTE, 0);
        return true;
    case UNIT_MILLISECOND:
        *ret = numeric_small(us % US_PER_MINUTE, 3);
        return true;
    case UNIT_SECOND:
        *ret = numeric_small(us % US_PER_MINUTE, 6);
        return true;
    case UNIT_MINUTE:
        *ret = numeric_small(us / US_PER_MINUTE % 60, 0);
        return true;
    case UNIT_HOUR:
        *ret = numeric_small(us / US_PER_HOUR, 0);
        return true;
    default:
        return false;
    }
}

/* Fields of an offset in seconds east. */
static bool extract_zone(DatetimeUnit unit, int32_t east, View *ret)
{
    if (unit == UNIT_TIMEZONE)
        *ret = numeric_small(east, 0);
    else if (unit == UNIT_TIMEZONE_HOUR)
        *ret = numeric_small(east / 3600, 0);
    else if (unit == UNIT_TIMEZONE_MINUTE)
        *ret = numeric_small(east % 3600 / 60, 0);
    else
        return false;
    return true;
}

/* What infinity gives: itself for what grows without end, NULL for what goes round. */
static Status extract_infinite(DatetimeUnit unit, Str field, const char *type_name, bool negative,
                               View *ret, bool *ret_null, Error *err)
{
    switch (unit) {
    case UNIT_YEAR:
    case UNIT_DECADE:
    case UNIT_CENTURY:
    case UNIT_MILLENNIUM:
    case UNIT_JULIAN:
    case UNIT_ISOYEAR:
    case UNIT_EPOCH:
        *ret = numeric_infinity(negative);
        return STATUS_OK;
    case UNIT_UNKNOWN:
    case UNIT_AGO:
    case UNIT_NOISE:
        return bad_unit(unit, field, type_name, err);
    default:
        *ret_null = true;
        return STATUS_OK;
    }
}

static Status extract_date(DatetimeUnit unit, Str field, int32_t days, View *ret, bool *ret_null,
                           Error *err)
{
    int64_t v;

    if (!date_is_finite(days)) {
        if ((unit >= UNIT_MICROSECOND && unit <= UNIT_HOUR) ||
            (unit >= UNIT_TIMEZONE && unit <= UNIT_TIMEZONE_MINUTE))
            return bad_unit(unit, field, "date", err);
        return extract_infinite(unit, field, "date", days < 0, ret, ret_null, err);
    }
    if (unit == UNIT_EPOCH)
        v = days * INT64_C(86400);
    else if (unit == UNIT_JULIAN)
        v = days + INT64_C(2440588);
    else if (!extract_day(unit, date_to_civil(days), &v))
        return bad_unit(unit, field, "date", err);
    *ret = numeric_small(v, 0);
    return STATUS_OK;
}

/* `east` NULL for timestamp. */
static Status extract_timestamp(DatetimeUnit unit, Str field, int64_t us, int64_t local_us,
                                const int32_t *east, const char *type_name, Arena *arena, View *ret,
                                Error *err)
{
    int64_t v;

    if (east && extract_zone(unit, *east, ret))
        return STATUS_OK;
    if (extract_clock(unit, timestamp_to_time(local_us), ret))
        return STATUS_OK;
    if (unit == UNIT_EPOCH) {
        *ret = numeric_small(us, 6);
        return STATUS_OK;
    }
    if (unit == UNIT_JULIAN) {
        View day = numeric_from_i64(timestamp_to_date(local_us) + INT64_C(2440588));
        View part = numeric_from_i64(timestamp_to_time(local_us));
        View whole = numeric_from_i64(US_PER_DAY);
        TRY(numeric_div(&part, &whole, arena, &part, err));
        return numeric_add(&day, &part, arena, ret, err);
    }
    if (!extract_day(unit, date_to_civil(timestamp_to_date(local_us)), &v))
        return bad_unit(unit, field, type_name, err);
    *ret = numeric_small(v, 0);
    return STATUS_OK;
}

static Status extract_interval(DatetimeUnit unit, Str field, const Interval *span, Arena *arena,
                               View *ret, Error *err)
{
    int32_t year = span->months / 12;
    int64_t v;

    if (extract_clock(unit, span->us, ret))
        return STATUS_OK;
    switch (unit) {
    case UNIT_DAY:
        v = span->days;
        break;
    case UNIT_MONTH:
        v = span->months % 12;
        break;
    case UNIT_QUARTER:
        v = span->months % 12 / 3 + 1;
        break;
    case UNIT_YEAR:
        v = year;
        break;
    case UNIT_DECADE:
        v = year / 10;
        break;
    case UNIT_CENTURY:
        v = year / 100;
        break;
    case UNIT_MILLENNIUM:
        v = year / 1000;
        break;
    case UNIT_EPOCH: {
        /* Years of 365.25 days, months of 30. */
        Int128 quarter_days =
            (Int128)year * 1461 + (span->months % 12) * 120 + (Int128)span->days * 4;
        return numeric_from_i128(quarter_days * (US_PER_DAY / 4) + span->us, 6, arena, ret, err);
    }
    default:
        return bad_unit(unit, field, "interval", err);
    }
    *ret = numeric_small(v, 0);
    return STATUS_OK;
}

Status datetime_extract(TypeId type, const void *value, Str field, const TimeZone *tz, Arena *arena,
                        View *ret, bool *ret_null, Error *err)
{
    DatetimeUnit unit = datetime__field_unit(field);

    *ret_null = false;
    switch (type) {
    case TYPE_DATE:
        return extract_date(unit, field, *(const int32_t *)value, ret, ret_null, err);
    case TYPE_TIME: {
        int64_t us = *(const int64_t *)value;
        if (unit == UNIT_EPOCH)
            *ret = numeric_small(us, 6);
        else if (!extract_clock(unit, us, ret))
            return bad_unit(unit, field, "time without time zone", err);
        return STATUS_OK;
    }
    case TYPE_TIMETZ: {
        const TimeTz *v = value;
        if (unit == UNIT_EPOCH)
            *ret = numeric_small(v->us + v->zone_sec * US_PER_SEC, 6);
        else if (!extract_clock(unit, v->us, ret) && !extract_zone(unit, -v->zone_sec, ret))
            return bad_unit(unit, field, "time with time zone", err);
        return STATUS_OK;
    }
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ: {
        bool zoned = type == TYPE_TIMESTAMPTZ;
        const char *name = zoned ? "timestamp with time zone" : "timestamp without time zone";
        int64_t us = *(const int64_t *)value;
        int64_t local = us;
        int32_t east = 0;
        if (!timestamp_is_finite(us))
            return extract_infinite(unit, field, name, us < 0, ret, ret_null, err);
        if (zoned) {
            east = timezone_at_utc(tz, us).offset_sec;
            TRY(timestamptz_to_timestamp(us, tz, &local, err));
        }
        return extract_timestamp(unit, field, us, local, zoned ? &east : NULL, name, arena, ret,
                                 err);
    }
    case TYPE_INTERVAL:
        return extract_interval(unit, field, value, arena, ret, err);
    default:
        return error_set(err, STATUS_INTERNAL, "extract from a type without fields");
    }
}

/* ---------------------------------------------------------------- date_trunc */

/* date_trunc does not know the words that only extract has. */
static DatetimeUnit trunc_unit(Str field)
{
    DatetimeUnit unit = datetime__field_unit(field);
    return unit >= UNIT_DOW && unit <= UNIT_EPOCH ? UNIT_UNKNOWN : unit;
}

static int64_t floor_to(int64_t us, int64_t unit)
{
    int64_t rest = us % unit;
    return us - (rest < 0 ? rest + unit : rest);
}

/* The first day of a unit of a day or more; false when the unit is none. */
static bool trunc_day(DatetimeUnit unit, int32_t days, int32_t *ret)
{
    CivilDate d = date_to_civil(days);
    int32_t year = d.year;
    int32_t month = 1;

    switch (unit) {
    case UNIT_DAY:
        *ret = days;
        return true;
    case UNIT_WEEK:
        *ret = days - (date_weekday(days) + 6) % 7;
        return true;
    case UNIT_MONTH:
        month = d.month;
        break;
    case UNIT_QUARTER:
        month = (d.month - 1) / 3 * 3 + 1;
        break;
    case UNIT_YEAR:
        break;
    case UNIT_DECADE:
        year = year > 0 ? year / 10 * 10 : -((8 - (year - 1)) / 10) * 10;
        break;
    case UNIT_CENTURY:
        year = year > 0 ? (year + 99) / 100 * 100 - 99 : -((99 - (year - 1)) / 100) * 100 + 1;
        break;
    case UNIT_MILLENNIUM:
        year =
            year > 0 ? (year + 999) / 1000 * 1000 - 999 : -((999 - (year - 1)) / 1000) * 1000 + 1;
        break;
    default:
        return false;
    }
    *ret = date_from_civil(year, month, 1);
    return true;
}

/* Units below a day; 0 for others. */
static int64_t unit_us(DatetimeUnit unit)
{
    switch (unit) {
    case UNIT_MICROSECOND:
        return 1;
    case UNIT_MILLISECOND:
        return 1000;
    case UNIT_SECOND:
        return US_PER_SEC;
    case UNIT_MINUTE:
        return US_PER_MINUTE;
    case UNIT_HOUR:
        return US_PER_HOUR;
    default:
        return 0;
    }
}

static Status trunc_local(DatetimeUnit unit, Str field, const char *type_name, int64_t us,
                          int64_t *ret, Error *err)
{
    int32_t day;

    if (unit_us(unit)) {
        *ret = floor_to(us, unit_us(unit));
        return STATUS_OK;
    }
    if (!trunc_day(unit, timestamp_to_date(us), &day))
        return bad_unit(unit, field, type_name, err);
    if (day < DATE_MIN)
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "timestamp out of range");
    *ret = day * US_PER_DAY;
    return STATUS_OK;
}

Status timestamp_trunc(Str field, int64_t us, int64_t *ret, Error *err)
{
    if (!timestamp_is_finite(us)) {
        *ret = us;
        return STATUS_OK;
    }
    return trunc_local(trunc_unit(field), field, "timestamp without time zone", us, ret, err);
}

Status timestamptz_trunc(Str field, int64_t us, const TimeZone *tz, int64_t *ret, Error *err)
{
    DatetimeUnit unit = trunc_unit(field);
    int64_t local;

    if (!timestamp_is_finite(us)) {
        *ret = us;
        return STATUS_OK;
    }
    TRY(timestamptz_to_timestamp(us, tz, &local, err));
    int64_t offset = local - us;
    TRY(trunc_local(unit, field, "timestamp with time zone", local, &local, err));
    if (unit_us(unit)) { /* the same hour has the same offset */
        *ret = local - offset;
        return STATUS_OK;
    }
    return timestamp_to_timestamptz(local, tz, ret, err);
}

Status interval_trunc(Str field, const Interval *a, Interval *ret, Error *err)
{
    DatetimeUnit unit = trunc_unit(field);
    Interval v = {.months = a->months};

    if (unit_us(unit)) {
        *ret = *a;
        ret->us -= a->us % unit_us(unit);
        return STATUS_OK;
    }
    switch (unit) {
    case UNIT_DAY:
        v.days = a->days;
        break;
    case UNIT_MONTH:
        break;
    case UNIT_QUARTER:
        v.months -= v.months % 12 % 3;
        break;
    case UNIT_YEAR:
        v.months -= v.months % 12;
        break;
    case UNIT_DECADE:
        v.months -= v.months % 120;
        break;
    case UNIT_CENTURY:
        v.months -= v.months % 1200;
        break;
    case UNIT_MILLENNIUM:
        v.months -= v.months % 12000;
        break;
    default:
        (void)bad_unit(unit, field, "interval", err);
        if (unit == UNIT_WEEK)
            error_detail(err, "Months usually have fractional weeks.");
        return unit == UNIT_UNKNOWN ? STATUS_INVALID : STATUS_UNSUPPORTED;
    }
    *ret = v;
    return STATUS_OK;
}
