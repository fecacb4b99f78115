/* datetime.h - dates, times and timestamps: calendar, text forms, arithmetic.
 *
 * date is days since 1970-01-01, timestamp and timestamptz are microseconds since then (UTC for
 * timestamptz); INT32_MIN/MAX resp. INT64_MIN/MAX are -infinity/infinity. The calendar is proleptic
 * Gregorian. Dates reach from 4714-11-24 BC to 5874897-12-31, timestamps to 294247-01-10 (what 64
 * bits from 1970 hold; PostgreSQL counts from 2000 and gets 29 years further). Beyond: 22008.
 *
 * Threads: pure, but for the time zone cache.
 */
#ifndef LUMA_FORMAT_PGTYPE_DATETIME_H
#define LUMA_FORMAT_PGTYPE_DATETIME_H

#include "format/pgtype/pgtype.h"

#define US_PER_SEC INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SEC)
#define US_PER_HOUR (3600 * US_PER_SEC)
#define US_PER_DAY (86400 * US_PER_SEC)
#define DATE_INFINITY INT32_MAX
#define DATE_NEG_INFINITY INT32_MIN
#define TIMESTAMP_INFINITY INT64_MAX
#define TIMESTAMP_NEG_INFINITY INT64_MIN
#define DATE_MIN (-2440588) /* Julian day 0 */
#define DATE_MAX 2145042905 /* 5874897-12-31 */
#define TIMESTAMP_MIN (INT64_C(-2440588) * US_PER_DAY)
#define TIMESTAMP_MAX (INT64_MAX - 1)

/* Year 0 is 1 BC, -1 is 2 BC. */
typedef struct CivilDate {
    int32_t year;
    int32_t month; /* 1..12 */
    int32_t day;   /* 1..31 */
} CivilDate;
typedef struct CivilTime {
    CivilDate date;
    int32_t hour;
    int32_t minute;
    int32_t second;
    int32_t us;
} CivilTime;

int32_t date_from_civil(int32_t year, int32_t month, int32_t day);
CivilDate date_to_civil(int32_t days);
int month_days(int32_t year, int32_t month);
static inline bool year_is_leap(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}
/* 0 = Sunday. */
int date_weekday(int32_t days);
int date_iso_week(int32_t days);
int32_t date_iso_year(int32_t days);
int date_day_of_year(int32_t days);
/* Finite only; INVALID (22008) out of range. */
Status timestamp_from_civil(const CivilTime *civil, int64_t *ret, Error *err);
CivilTime timestamp_to_civil(int64_t us);
static inline bool timestamp_is_finite(int64_t us)
{
    return us != TIMESTAMP_INFINITY && us != TIMESTAMP_NEG_INFINITY;
}
static inline bool date_is_finite(int32_t days)
{
    return days != DATE_INFINITY && days != DATE_NEG_INFINITY;
}

/* ---- text. typmod: fractional digits 0..6, -1 = none. 22007 invalid syntax, 22008 out of range.
 */
Status date_parse(Str text, const PgSettings *settings, int32_t *ret, Error *err);
Status time_parse(Str text, const PgSettings *settings, int32_t typmod, int64_t *ret, Error *err);
Status timetz_parse(Str text, const PgSettings *settings, int32_t typmod, TimeTz *ret, Error *err);
Status timestamp_parse(Str text, const PgSettings *settings, int32_t typmod, int64_t *ret,
                       Error *err);
Status timestamptz_parse(Str text, const PgSettings *settings, int32_t typmod, int64_t *ret,
                         Error *err);
void date_append(Buf *out, int32_t days, const PgSettings *settings);
void time_append(Buf *out, int64_t us);
void timetz_append(Buf *out, const TimeTz *value);
void timestamp_append(Buf *out, int64_t us, const PgSettings *settings);
void timestamptz_append(Buf *out, int64_t us, const PgSettings *settings);
/* The same into memory of DATETIME_BYTES_MAX bytes; they return the byte behind the text. */
enum { DATETIME_BYTES_MAX = 128 };
char *date_put(char *out, int32_t days, const PgSettings *settings);
char *timestamp_put(char *out, int64_t us, const PgSettings *settings);
char *timestamptz_put(char *out, int64_t us, const PgSettings *settings);
/* ISO 8601 with T, as to_json prints timestamps. */
void timestamp_append_json(Buf *out, int64_t us);
void timestamptz_append_json(Buf *out, int64_t us, const PgSettings *settings);
/* Rounds to `typmod` fractional digits. */
int64_t timestamp_round(int64_t us, int32_t typmod);
int64_t time_round(int64_t us, int32_t typmod);

/* ---- conversions; infinities map to infinities. 22008 out of range. */
Status date_to_timestamp(int32_t days, int64_t *ret, Error *err);
Status date_to_timestamptz(int32_t days, const TimeZone *tz, int64_t *ret, Error *err);
int32_t timestamp_to_date(int64_t us);
/* Time of day of a finite timestamp. */
int64_t timestamp_to_time(int64_t us);
Status timestamp_to_timestamptz(int64_t local_us, const TimeZone *tz, int64_t *ret, Error *err);
Status timestamptz_to_timestamp(int64_t us, const TimeZone *tz, int64_t *ret, Error *err);
/* Instant order key of a timetz: UTC microseconds; ties are broken by zone. */
int timetz_cmp(const TimeTz *a, const TimeTz *b);
/* timetz AT TIME ZONE with `offset_sec` east. */
TimeTz timetz_at_offset(const TimeTz *value, int32_t offset_sec);

/* ---- arithmetic */
Status date_add_days(int32_t days, int64_t n, int32_t *ret, Error *err);
/* Infinite operands: 22008 "cannot subtract infinite dates". */
Status date_sub(int32_t a, int32_t b, int32_t *ret, Error *err);
/* Months first (day clamped to the month), then days, then time. timestamptz counts days in the
 * zone. */
Status timestamp_add_interval(int64_t us, const Interval *span, int64_t *ret, Error *err);
Status timestamptz_add_interval(int64_t us, const Interval *span, const TimeZone *tz, int64_t *ret,
                                Error *err);
/* a - b as days and time (for timestamptz, too). */
Status timestamp_sub(int64_t a, int64_t b, Interval *ret, Error *err);
/* time +- interval wraps at 24 h. */
int64_t time_add_interval(int64_t us, const Interval *span);
Status timestamp_age(int64_t a, int64_t b, Interval *ret, Error *err);
Status timestamptz_age(int64_t a, int64_t b, const TimeZone *tz, Interval *ret, Error *err);

/* date_trunc(field, ...). 22023 unit not recognized / not supported. */
Status timestamp_trunc(Str field, int64_t us, int64_t *ret, Error *err);
Status timestamptz_trunc(Str field, int64_t us, const TimeZone *tz, int64_t *ret, Error *err);
/* date_bin(stride, source, origin). */
Status timestamp_bin(const Interval *stride, int64_t us, int64_t origin_us, int64_t *ret,
                     Error *err);

/* extract(field from value) for DATE, TIME, TIMETZ, TIMESTAMP, TIMESTAMPTZ, INTERVAL; `value`
 * points at the layout's C type. *ret is numeric; *ret_null where PostgreSQL gives NULL (fields of
 * infinity). `tz` only for TIMESTAMPTZ. date_part is the same as float8: numeric_to_f64(ret). */
Status datetime_extract(TypeId type, const void *value, Str field, const TimeZone *tz, Arena *arena,
                        View *ret, bool *ret_null, Error *err);

/* ---- interval */
Status interval_parse(Str text, const PgSettings *settings, int32_t typmod, Interval *ret,
                      Error *err);
void interval_append(Buf *out, const Interval *span, PgIntervalStyle style);
/* Rounds and restricts to the fields of a typmod (interval day to second(3)). */
Status interval_apply_typmod(Interval *span, int32_t typmod, Error *err);
Status interval_add(const Interval *a, const Interval *b, Interval *ret, Error *err);
Status interval_sub(const Interval *a, const Interval *b, Interval *ret, Error *err);
Status interval_neg(const Interval *a, Interval *ret, Error *err);
Status interval_mul(const Interval *a, double factor, Interval *ret, Error *err);
Status interval_div(const Interval *a, double divisor, Interval *ret, Error *err);
/* 30-day months, 24-hour days, as comparison and hashing see it: microseconds. */
__extension__ typedef __int128 IntervalSpan;
IntervalSpan interval_span(const Interval *a);
int interval_cmp(const Interval *a, const Interval *b);
uint64_t interval_hash(const Interval *a);
Status interval_justify_hours(const Interval *a, Interval *ret, Error *err);
Status interval_justify_days(const Interval *a, Interval *ret, Error *err);
Status interval_justify(const Interval *a, Interval *ret, Error *err);
Status interval_trunc(Str field, const Interval *a, Interval *ret, Error *err);

#endif
