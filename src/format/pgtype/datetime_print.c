/* datetime_print.c - dates, times and intervals as text, in every DateStyle and IntervalStyle. */
#include <stdlib.h>

#include "format/pgtype/datetime_int.h"
#include "format/pgtype/digits.h"

/* Writers return the next free byte. */
static char *put_two(char *p, int32_t v)
{
    return digits_put_two(p, (uint32_t)v);
}

/* At least four digits. */
static char *put_year(char *p, int32_t year)
{
    int32_t shown = year > 0 ? year : 1 - year;
    if (shown > 9999)
        return digits_put(p, (uint64_t)shown);
    p = put_two(p, shown / 100);
    return put_two(p, shown % 100);
}

static char *put_text(char *p, const char *text)
{
    size_t len = strlen(text);
    memcpy(p, text, len);
    return p + len;
}

static char *put_fraction(char *p, int32_t us)
{
    if (us == 0)
        return p;
    *p++ = '.';
    p = put_two(p, us / 10000);
    p = put_two(p, us / 100 % 100);
    p = put_two(p, us % 100);
    while (p[-1] == '0')
        p--;
    return p;
}

static char *put_clock(char *p, int32_t hour, int32_t minute, int32_t second, int32_t us)
{
    p = put_two(p, hour);
    *p++ = ':';
    p = put_two(p, minute);
    *p++ = ':';
    p = put_two(p, second);
    return put_fraction(p, us);
}

static char *put_offset(char *p, int32_t east, bool with_minutes)
{
    int32_t sec = abs(east);

    *p++ = east >= 0 ? '+' : '-';
    p = put_two(p, sec / 3600);
    if (sec % 3600 || with_minutes) {
        *p++ = ':';
        p = put_two(p, sec / 60 % 60);
    }
    if (sec % 60) {
        *p++ = ':';
        p = put_two(p, sec % 60);
    }
    return p;
}

static char *put_iso_date(char *p, CivilDate d)
{
    p = put_year(p, d.year);
    *p++ = '-';
    p = put_two(p, d.month);
    *p++ = '-';
    return put_two(p, d.day);
}

static char *put_joined_date(char *p, int32_t first, int32_t second, int32_t year, char by)
{
    p = put_two(p, first);
    *p++ = by;
    p = put_two(p, second);
    *p++ = by;
    return put_year(p, year);
}

static char *put_date(char *p, CivilDate d, const PgSettings *s)
{
    bool day_first = s->date_order == PG_ORDER_DMY;

    switch (s->date_style) {
    case PG_DATE_ISO:
        break;
    case PG_DATE_SQL:
        return put_joined_date(p, day_first ? d.day : d.month, day_first ? d.month : d.day, d.year,
                               '/');
    case PG_DATE_GERMAN:
        return put_joined_date(p, d.day, d.month, d.year, '.');
    case PG_DATE_POSTGRES:
        return put_joined_date(p, day_first ? d.day : d.month, day_first ? d.month : d.day, d.year,
                               '-');
    }
    return put_iso_date(p, d);
}

static void finish(Buf *out, const char *text, const char *end)
{
    buf_append(out, text, (size_t)(end - text));
}

static char *put_infinity(char *p, bool positive)
{
    return put_text(p, positive ? "infinity" : "-infinity");
}

char *date_put(char *p, int32_t days, const PgSettings *settings)
{
    if (!date_is_finite(days))
        return put_infinity(p, days == DATE_INFINITY);
    CivilDate d = date_to_civil(days);
    p = put_date(p, d, settings);
    return d.year <= 0 ? put_text(p, " BC") : p;
}

void date_append(Buf *out, int32_t days, const PgSettings *settings)
{
    char text[DATETIME_BYTES_MAX];
    finish(out, text, date_put(text, days, settings));
}

void time_append(Buf *out, int64_t us)
{
    char text[DATETIME_BYTES_MAX];
    int32_t sec = (int32_t)(us / US_PER_SEC);
    finish(out, text,
           put_clock(text, sec / 3600, sec / 60 % 60, sec % 60, (int32_t)(us % US_PER_SEC)));
}

void timetz_append(Buf *out, const TimeTz *value)
{
    char text[DATETIME_BYTES_MAX];

    time_append(out, value->us);
    finish(out, text, put_offset(text, -value->zone_sec, false));
}

/* Sat Jan 01 12:34:56.5 2000 */
static char *put_postgres(char *p, const CivilTime *c, const PgSettings *s)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int weekday = date_weekday(date_from_civil(c->date.year, c->date.month, c->date.day));
    const char *month = months + 3 * (c->date.month - 1);

    memcpy(p, days + 3 * weekday, 3);
    p += 3;
    *p++ = ' ';
    if (s->date_order == PG_ORDER_DMY) {
        p = put_two(p, c->date.day);
        *p++ = ' ';
        memcpy(p, month, 3);
        p += 3;
    } else {
        memcpy(p, month, 3);
        p += 3;
        *p++ = ' ';
        p = put_two(p, c->date.day);
    }
    *p++ = ' ';
    p = put_clock(p, c->hour, c->minute, c->second, c->us);
    *p++ = ' ';
    return put_year(p, c->date.year);
}

/* `offset` NULL = without a zone. */
static char *put_timestamp(char *p, int64_t local_us, const TimeZoneOffset *offset,
                           const PgSettings *s)
{
    CivilTime c = timestamp_to_civil(local_us);

    if (s->date_style == PG_DATE_POSTGRES) {
        p = put_postgres(p, &c, s);
    } else {
        p = put_date(p, c.date, s);
        *p++ = ' ';
        p = put_clock(p, c.hour, c.minute, c.second, c.us);
    }
    if (offset && s->date_style == PG_DATE_ISO) {
        p = put_offset(p, offset->offset_sec, false);
    } else if (offset) {
        *p++ = ' ';
        p = put_text(p, offset->abbrev);
    }
    return c.date.year <= 0 ? put_text(p, " BC") : p;
}

static bool append_infinite(Buf *out, int64_t us)
{
    if (timestamp_is_finite(us))
        return false;
    buf_append_str(out, us == TIMESTAMP_INFINITY ? STR("infinity") : STR("-infinity"));
    return true;
}

char *timestamp_put(char *p, int64_t us, const PgSettings *settings)
{
    return timestamp_is_finite(us) ? put_timestamp(p, us, NULL, settings)
                                   : put_infinity(p, us == TIMESTAMP_INFINITY);
}

void timestamp_append(Buf *out, int64_t us, const PgSettings *settings)
{
    char text[DATETIME_BYTES_MAX];
    finish(out, text, timestamp_put(text, us, settings));
}

/* An instant near the ends of the range may have no local time of 64 bits. */
static int64_t local_of(int64_t us, const TimeZoneOffset *offset)
{
    int64_t local;
    return __builtin_add_overflow(us, offset->offset_sec * US_PER_SEC, &local) ? us : local;
}

char *timestamptz_put(char *p, int64_t us, const PgSettings *settings)
{
    if (!timestamp_is_finite(us))
        return put_infinity(p, us == TIMESTAMP_INFINITY);
    TimeZoneOffset offset = timezone_at_utc(settings->time_zone, us);
    return put_timestamp(p, local_of(us, &offset), &offset, settings);
}

void timestamptz_append(Buf *out, int64_t us, const PgSettings *settings)
{
    char text[DATETIME_BYTES_MAX];
    finish(out, text, timestamptz_put(text, us, settings));
}

static void append_json(Buf *out, int64_t local_us, const TimeZoneOffset *offset)
{
    char text[DATETIME_BYTES_MAX];
    CivilTime c = timestamp_to_civil(local_us);
    char *p = put_iso_date(text, c.date);

    *p++ = 'T';
    p = put_clock(p, c.hour, c.minute, c.second, c.us);
    if (offset)
        p = put_offset(p, offset->offset_sec, true);
    if (c.date.year <= 0)
        p = put_text(p, " BC");
    finish(out, text, p);
}

void timestamp_append_json(Buf *out, int64_t us)
{
    if (!append_infinite(out, us))
        append_json(out, us, NULL);
}

void timestamptz_append_json(Buf *out, int64_t us, const PgSettings *settings)
{
    if (append_infinite(out, us))
        return;
    TimeZoneOffset offset = timezone_at_utc(settings->time_zone, us);
    append_json(out, local_of(us, &offset), &offset);
}

/* ---------------------------------------------------------------- interval */

/* An interval's fields; all of the time part have one sign. */
typedef struct SpanFields {
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t us;
} SpanFields;

static SpanFields span_fields(const Interval *v)
{
    return (SpanFields){
        .year = v->months / 12,
        .month = v->months % 12,
        .day = v->days,
        .hour = v->us / US_PER_HOUR,
        .minute = v->us / US_PER_MINUTE % 60,
        .second = v->us / US_PER_SEC % 60,
        .us = v->us % US_PER_SEC,
    };
}

static char *put_signed(char *p, int64_t v)
{
    if (v < 0)
        *p++ = '-';
    return digits_put(p, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static char *put_seconds(char *p, int64_t second, int64_t us, bool two_digits)
{
    second = llabs(second);
    p = two_digits ? put_two(p, (int32_t)second) : digits_put(p, (uint64_t)second);
    return put_fraction(p, (int32_t)llabs(us));
}

/* hh:mm:ss without sign, hours of any width */
static char *put_span_clock(char *p, const SpanFields *f, bool two_digit_hour)
{
    uint64_t hour = (uint64_t)llabs(f->hour);
    if (two_digit_hour && hour < 10)
        *p++ = '0';
    p = digits_put(p, hour);
    *p++ = ':';
    p = put_two(p, (int32_t)llabs(f->minute));
    *p++ = ':';
    return put_seconds(p, f->second, f->us, true);
}

typedef struct PartState {
    bool is_zero;   /* nothing printed yet */
    bool is_before; /* the last part was negative (postgres), or all is "ago" (verbose) */
} PartState;

static char *put_postgres_part(char *p, int64_t v, const char *unit, PartState *state)
{
    if (v == 0)
        return p;
    if (!state->is_zero)
        *p++ = ' ';
    if (state->is_before && v > 0)
        *p++ = '+';
    p = put_signed(p, v);
    *p++ = ' ';
    p = put_text(p, unit);
    if (v != 1)
        *p++ = 's';
    *state = (PartState){.is_before = v < 0};
    return p;
}

static char *put_span_postgres(char *p, const SpanFields *f)
{
    PartState state = {.is_zero = true};

    p = put_postgres_part(p, f->year, "year", &state);
    p = put_postgres_part(p, f->month, "mon", &state);
    p = put_postgres_part(p, f->day, "day", &state);
    if (!state.is_zero && !f->hour && !f->minute && !f->second && !f->us)
        return p;
    if (!state.is_zero)
        *p++ = ' ';
    if (f->hour < 0 || f->minute < 0 || f->second < 0 || f->us < 0)
        *p++ = '-';
    else if (state.is_before)
        *p++ = '+';
    return put_span_clock(p, f, true);
}

static char *put_verbose_part(char *p, int64_t v, const char *unit, PartState *state)
{
    if (v == 0)
        return p;
    if (state->is_zero) {
        state->is_before = v < 0;
        v = llabs(v);
    } else if (state->is_before) {
        v = -v;
    }
    *p++ = ' ';
    p = put_signed(p, v);
    *p++ = ' ';
    p = put_text(p, unit);
    if (v != 1)
        *p++ = 's';
    state->is_zero = false;
    return p;
}

static char *put_span_verbose(char *p, const SpanFields *f)
{
    PartState state = {.is_zero = true};

    *p++ = '@';
    p = put_verbose_part(p, f->year, "year", &state);
    p = put_verbose_part(p, f->month, "mon", &state);
    p = put_verbose_part(p, f->day, "day", &state);
    p = put_verbose_part(p, f->hour, "hour", &state);
    p = put_verbose_part(p, f->minute, "min", &state);
    if (f->second || f->us) {
        *p++ = ' ';
        if (f->second < 0 || f->us < 0) {
            if (state.is_zero)
                state.is_before = true;
            else if (!state.is_before)
                *p++ = '-';
        } else if (state.is_before) {
            *p++ = '-';
        }
        p = put_seconds(p, f->second, f->us, false);
        p = put_text(p, " sec");
        if (llabs(f->second) != 1 || f->us)
            *p++ = 's';
        state.is_zero = false;
    }
    if (state.is_zero)
        p = put_text(p, " 0");
    if (state.is_before)
        p = put_text(p, " ago");
    return p;
}

static char *put_iso_part(char *p, int64_t v, char unit)
{
    if (v == 0)
        return p;
    p = put_signed(p, v);
    *p++ = unit;
    return p;
}

static char *put_span_iso(char *p, const SpanFields *f)
{
    bool has_time = f->hour || f->minute || f->second || f->us;

    if (!has_time && !f->year && !f->month && !f->day)
        return put_text(p, "PT0S");
    *p++ = 'P';
    p = put_iso_part(p, f->year, 'Y');
    p = put_iso_part(p, f->month, 'M');
    p = put_iso_part(p, f->day, 'D');
    if (!has_time)
        return p;
    *p++ = 'T';
    p = put_iso_part(p, f->hour, 'H');
    p = put_iso_part(p, f->minute, 'M');
    if (f->second || f->us) {
        if (f->second < 0 || f->us < 0)
            *p++ = '-';
        p = put_seconds(p, f->second, f->us, false);
        *p++ = 'S';
    }
    return p;
}

static char *put_span_sql(char *p, const Interval *v, const SpanFields *f)
{
    bool negative = v->months < 0 || v->days < 0 || v->us < 0;
    bool positive = v->months > 0 || v->days > 0 || v->us > 0;

    if (!negative && !positive)
        return put_text(p, "0");
    if ((negative && positive) || (v->months && (v->days || v->us))) {
        *p++ = v->months < 0 ? '-' : '+';
        p = digits_put(p, (uint64_t)llabs(f->year));
        *p++ = '-';
        p = digits_put(p, (uint64_t)llabs(f->month));
        *p++ = ' ';
        *p++ = v->days < 0 ? '-' : '+';
        p = digits_put(p, (uint64_t)llabs(f->day));
        *p++ = ' ';
        *p++ = v->us < 0 ? '-' : '+';
        return put_span_clock(p, f, false);
    }
    if (negative)
        *p++ = '-';
    if (v->months) {
        p = digits_put(p, (uint64_t)llabs(f->year));
        *p++ = '-';
        return digits_put(p, (uint64_t)llabs(f->month));
    }
    if (v->days) {
        p = digits_put(p, (uint64_t)llabs(f->day));
        *p++ = ' ';
    }
    return put_span_clock(p, f, false);
}

void interval_append(Buf *out, const Interval *span, PgIntervalStyle style)
{
    char text[2 * DATETIME_BYTES_MAX];
    SpanFields f = span_fields(span);
    char *p = text;

    switch (style) {
    case PG_INTERVAL_POSTGRES:
        p = put_span_postgres(p, &f);
        break;
    case PG_INTERVAL_VERBOSE:
        p = put_span_verbose(p, &f);
        break;
    case PG_INTERVAL_SQL:
        p = put_span_sql(p, span, &f);
        break;
    case PG_INTERVAL_ISO:
        p = put_span_iso(p, &f);
        break;
    }
    finish(out, text, p);
}
