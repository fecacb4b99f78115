/* datetime_parse.c - texts of date, time, timetz, timestamp and timestamptz.
 *
 * A port of rules, not of code: fields are decoded in order, each fills in a part of a calendar
 * time
 * (`have` says which), and no part may come twice. See "Date/Time Input Interpretation" in
 * PostgreSQL's manual.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/pgtype/datetime_int.h"

enum {
    HAVE_YEAR = 1 << 0,
    HAVE_MONTH = 1 << 1,
    HAVE_DAY = 1 << 2,
    HAVE_TIME = 1 << 3,
    HAVE_ZONE = 1 << 4,
    HAVE_DOY = 1 << 5, /* day of year stands in for month and day */
    HAVE_DST = 1 << 6,
    HAVE_AMPM = 1 << 7,
    HAVE_ADBC = 1 << 8,
    HAVE_WEEKDAY = 1 << 9,
    HAVE_DATE = HAVE_YEAR | HAVE_MONTH | HAVE_DAY,
    ZONE_HOUR_MAX = 15,
};

typedef struct Decoder {
    const PgSettings *settings;
    const char *type_name;
    Str text;
    bool time_only;
    Error *err;

    unsigned have;    /* HAVE_* */
    WordKind prefix;  /* WORD_ISO_T or WORD_JULIAN seen, its number not yet; else WORD_UNKNOWN */
    WordKind special; /* EPOCH, LATE, EARLY, or WORD_UNKNOWN: an ordinary value */
    bool text_month;  /* the month came as a word */
    bool two_digit_year;
    bool julian;
    bool bc;
    int ampm; /* -1 none, 0 am, 1 pm */
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t day_of_year;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int32_t us;
    int32_t offset_sec;    /* east */
    const TimeZone *zone;  /* resolve with the date */
    char abbrev[16];       /* `zone` was found by this abbreviation; "" = by its name */
    char unknown_zone[64]; /* the error is about this zone name */
} Decoder;

static DatetimeProblem put(Decoder *d, unsigned parts)
{
    if (d->have & parts)
        return PROBLEM_FORMAT;
    d->have |= parts;
    return PROBLEM_NONE;
}

#define CHECK(expr)                                                                                \
    do {                                                                                           \
        DatetimeProblem problem_ = (expr);                                                         \
        if (problem_ != PROBLEM_NONE)                                                              \
            return problem_;                                                                       \
    } while (0)

static int64_t digits_value(const char *text, size_t n)
{
    int64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (text[i] - '0');
    return v;
}

/* yyyymmdd, yymmdd, hhmmss, hhmm, with a fraction for times. `have` may count a date as given. */
static DatetimeProblem decode_packed(Decoder *d, const char *text, unsigned have)
{
    const char *point = strchr(text, '.');
    size_t len = point ? (size_t)(point - text) : strlen(text);

    for (size_t i = 0; i < len; i++)
        if (!isdigit((unsigned char)text[i]))
            return PROBLEM_FORMAT;
    if (point) {
        d->us = (int32_t)rint(strtod(point, NULL) * 1000000);
    } else if ((have & HAVE_DATE) != HAVE_DATE && len >= 6) {
        if (len > 14)
            return PROBLEM_FIELD_RANGE;
        CHECK(put(d, HAVE_DATE));
        d->day = digits_value(text + len - 2, 2);
        d->month = digits_value(text + len - 4, 2);
        d->year = digits_value(text, len - 4);
        d->two_digit_year = len == 6;
        return PROBLEM_NONE;
    }
    if ((have & HAVE_TIME) || (len != 6 && len != 4))
        return PROBLEM_FORMAT;
    CHECK(put(d, HAVE_TIME));
    d->hour = digits_value(text, 2);
    d->minute = digits_value(text + 2, 2);
    d->second = len == 6 ? digits_value(text + 4, 2) : 0;
    return PROBLEM_NONE;
}

/* One number of a date, in the order that the session's DateStyle gives. */
static DatetimeProblem decode_number(Decoder *d, const char *text)
{
    const char *end;
    int64_t v;
    PgDateOrder order = d->settings->date_order;

    if (!isdigit((unsigned char)text[0]))
        return PROBLEM_FORMAT;
    if (!datetime__read_int(text, &end, 0, INT32_MAX, &v))
        return PROBLEM_FIELD_RANGE;
    size_t len = (size_t)(end - text);
    if (*end == '.') {
        if (len > 2)
            return decode_packed(d, text, d->have | HAVE_DATE);
        if (!datetime__read_fraction(end, &d->us))
            return PROBLEM_FORMAT;
        len = strlen(text);
    } else if (*end) {
        return PROBLEM_FORMAT;
    }
    if (len == 3 && (d->have & HAVE_DATE) == HAVE_YEAR && v >= 1 && v <= 366) {
        d->day_of_year = v;
        return put(d, HAVE_DOY | HAVE_MONTH | HAVE_DAY);
    }
    unsigned part;
    switch (d->have & HAVE_DATE) {
    case 0:
        part = len >= 3 || order == PG_ORDER_YMD ? HAVE_YEAR
               : order == PG_ORDER_DMY           ? HAVE_DAY
                                                 : HAVE_MONTH;
        break;
    case HAVE_YEAR:
        part = HAVE_MONTH;
        break;
    case HAVE_MONTH:
        part = d->text_month && (len >= 3 || order == PG_ORDER_YMD) ? HAVE_YEAR : HAVE_DAY;
        break;
    case HAVE_YEAR | HAVE_MONTH:
        if (d->text_month && len >= 3 && d->two_digit_year) {
            d->day = d->year; /* what was taken for the year was the day */
            d->year = v;
            d->two_digit_year = false;
            return put(d, HAVE_DAY);
        }
        part = HAVE_DAY;
        break;
    case HAVE_DAY:
        part = HAVE_MONTH;
        break;
    case HAVE_MONTH | HAVE_DAY:
        part = HAVE_YEAR;
        break;
    case HAVE_DATE:
        return decode_packed(d, text, d->have);
    default:
        return PROBLEM_FORMAT;
    }
    if (part == HAVE_YEAR) {
        d->year = v;
        d->two_digit_year = len <= 2;
    } else if (part == HAVE_MONTH) {
        d->month = v;
    } else {
        d->day = v;
    }
    return put(d, part);
}

/* Words and numbers joined by punctuation: 1999-01-08, 8.1.1999, jan-08-99. */
static DatetimeProblem decode_date(Decoder *d, char *text)
{
    char *part[DATETIME_FIELDS_MAX];
    int count = 0;

    for (char *p = text; *p;) {
        while (*p && !isalnum((unsigned char)*p))
            p++;
        if (!*p || count == DATETIME_FIELDS_MAX)
            return PROBLEM_FORMAT;
        part[count++] = p;
        if (isdigit((unsigned char)*p))
            while (isdigit((unsigned char)*p))
                p++;
        else
            while (isalpha((unsigned char)*p))
                p++;
        if (*p)
            *p++ = 0;
    }
    for (int i = 0; i < count; i++) {
        int value;
        if (!isalpha((unsigned char)part[i][0]))
            continue;
        WordKind kind = datetime__word(part[i], &value);
        if (kind != WORD_IGNORE) {
            if (kind != WORD_MONTH)
                return PROBLEM_FORMAT;
            CHECK(put(d, HAVE_MONTH));
            d->month = value;
            d->text_month = true;
        }
        part[i] = NULL;
    }
    for (int i = 0; i < count; i++)
        if (part[i])
            CHECK(decode_number(d, part[i]));
    /* A joined date comes before everything else but a zone. */
    return (d->have & ~(unsigned)(HAVE_DOY | HAVE_ZONE)) == HAVE_DATE ? PROBLEM_NONE
                                                                      : PROBLEM_FORMAT;
}

static DatetimeProblem decode_time(Decoder *d, const char *text)
{
    const char *end;

    CHECK(put(d, HAVE_TIME));
    if (!datetime__read_int(text, &end, 0, INT32_MAX, &d->hour))
        return PROBLEM_FIELD_RANGE;
    if (*end != ':')
        return PROBLEM_FORMAT;
    if (!datetime__read_int(end + 1, &end, 0, INT32_MAX, &d->minute))
        return PROBLEM_FIELD_RANGE;
    if (*end == 0) {
        d->second = 0;
    } else if (*end == '.') { /* mm:ss.sss */
        d->second = d->minute;
        d->minute = d->hour;
        d->hour = 0;
    } else if (*end == ':') {
        if (!datetime__read_int(end + 1, &end, 0, INT32_MAX, &d->second))
            return PROBLEM_FIELD_RANGE;
    } else {
        return PROBLEM_FORMAT;
    }
    if (*end == '.') {
        if (!datetime__read_fraction(end, &d->us))
            return PROBLEM_FORMAT;
    } else if (*end) {
        return PROBLEM_FORMAT;
    }
    return d->minute > 59 || d->second > 60 ? PROBLEM_FIELD_RANGE : PROBLEM_NONE;
}

/* +hh, +hhmm, +hh:mm[:ss] */
static DatetimeProblem decode_offset(Decoder *d, const char *text)
{
    const char *end;
    int64_t hour;
    int64_t minute = 0;
    int64_t second = 0;

    if (*text != '+' && *text != '-')
        return PROBLEM_FORMAT;
    if (!datetime__read_int(text + 1, &end, 0, INT32_MAX, &hour))
        return PROBLEM_ZONE_RANGE;
    if (*end == ':') {
        if (!datetime__read_int(end + 1, &end, 0, INT32_MAX, &minute))
            return PROBLEM_ZONE_RANGE;
        if (*end == ':' && !datetime__read_int(end + 1, &end, 0, INT32_MAX, &second))
            return PROBLEM_ZONE_RANGE;
    } else if (*end == 0 && strlen(text) > 3) {
        minute = hour % 100;
        hour /= 100;
    }
    if (*end)
        return PROBLEM_FORMAT;
    if (hour > ZONE_HOUR_MAX || minute > 59 || second > 59)
        return PROBLEM_ZONE_RANGE;
    int32_t total = (int32_t)(hour * 3600 + minute * 60 + second);
    d->offset_sec = *text == '-' ? -total : total;
    return PROBLEM_NONE;
}

static DatetimeProblem decode_zone_name(Decoder *d, const char *text)
{
    d->zone = timezone_find_zone(str_from(text));
    if (!d->zone) {
        if (strpbrk(text, "/+-_0123456789"))
            (void)snprintf(d->unknown_zone, sizeof d->unknown_zone, "%s", text);
        return PROBLEM_FORMAT;
    }
    return put(d, HAVE_ZONE);
}

/* hhmmss-zz, once the date is known */
static DatetimeProblem decode_time_and_offset(Decoder *d, char *text)
{
    char *sign = strchr(text, '-');

    if (!sign || (d->have & HAVE_TIME))
        return PROBLEM_FORMAT;
    CHECK(decode_offset(d, sign));
    *sign = 0;
    CHECK(decode_packed(d, text, d->have | HAVE_DATE));
    return put(d, HAVE_ZONE);
}

static DatetimeProblem decode_date_field(Decoder *d, char *text, bool date_allowed)
{
    if (d->prefix == WORD_JULIAN)
        return PROBLEM_FORMAT;
    if ((d->have & HAVE_DATE) != HAVE_DATE && d->prefix == WORD_UNKNOWN && date_allowed)
        return decode_date(d, text);
    if (isdigit((unsigned char)*text) || d->prefix != WORD_UNKNOWN) {
        d->prefix = WORD_UNKNOWN;
        return decode_time_and_offset(d, text);
    }
    return decode_zone_name(d, text);
}

static DatetimeProblem decode_julian(Decoder *d, const char *text)
{
    const char *end;
    int64_t julian;

    if (!datetime__read_int(text, &end, 0, INT32_MAX, &julian))
        return PROBLEM_FIELD_RANGE;
    CHECK(put(d, HAVE_DATE));
    CivilDate civil = date_to_civil((int32_t)(julian - 2440588));
    d->year = civil.year;
    d->month = civil.month;
    d->day = civil.day;
    d->julian = true;
    if (*end == 0)
        return PROBLEM_NONE;
    if (*end != '.')
        return PROBLEM_FORMAT;
    CHECK(put(d, HAVE_TIME));
    int64_t us = (int64_t)(strtod(end, NULL) * (double)US_PER_DAY);
    d->hour = us / US_PER_HOUR;
    d->minute = us / US_PER_MINUTE % 60;
    d->second = us / US_PER_SEC % 60;
    d->us = (int32_t)(us % US_PER_SEC);
    return PROBLEM_NONE;
}

static DatetimeProblem decode_number_field(Decoder *d, const char *text)
{
    WordKind prefix = d->prefix;

    d->prefix = WORD_UNKNOWN;
    if (prefix == WORD_JULIAN)
        return decode_julian(d, text);
    if (prefix == WORD_ISO_T)
        return decode_packed(d, text, d->have | HAVE_DATE);
    size_t len = strlen(text);
    const char *point = strchr(text, '.');
    if (d->time_only)
        return decode_packed(d, text, d->have | HAVE_DATE);
    if (point && !(d->have & HAVE_DATE)) {
        char copy[DATETIME_TEXT_MAX + DATETIME_FIELDS_MAX];
        memcpy(copy, text, len + 1);
        return decode_date(d, copy);
    }
    if ((point && point - text > 2) ||
        (len >= 6 && (!(d->have & HAVE_DATE) || !(d->have & HAVE_TIME))))
        return decode_packed(d, text, d->have);
    return decode_number(d, text);
}

static void set_date(Decoder *d, CivilDate civil)
{
    d->year = civil.year;
    d->month = civil.month;
    d->day = civil.day;
    d->julian = true; /* a true year: no guess about two digits */
}

static DatetimeProblem decode_now(Decoder *d)
{
    TimeZoneOffset offset = timezone_at_utc(d->settings->time_zone, d->settings->now_us);
    CivilTime now = timestamp_to_civil(d->settings->now_us + offset.offset_sec * US_PER_SEC);

    CHECK(put(d, (d->time_only ? 0u : (unsigned)HAVE_DATE) | HAVE_TIME | HAVE_ZONE));
    if (!d->time_only)
        set_date(d, now.date);
    d->hour = now.hour;
    d->minute = now.minute;
    d->second = now.second;
    d->us = now.us;
    d->offset_sec = offset.offset_sec;
    return PROBLEM_NONE;
}

static DatetimeProblem decode_relative_day(Decoder *d, int32_t days)
{
    int64_t local = timezone_to_local(d->settings->time_zone, d->settings->now_us);

    if (d->time_only)
        return PROBLEM_FORMAT;
    CHECK(put(d, HAVE_DATE));
    set_date(d, date_to_civil(timestamp_to_date(local) + days));
    return PROBLEM_NONE;
}

static DatetimeProblem decode_month_word(Decoder *d, int value)
{
    if ((d->have & HAVE_MONTH) && !d->text_month && !(d->have & HAVE_DAY) && d->month >= 1 &&
        d->month <= 31) {
        d->day = d->month; /* what was taken for the month was the day */
        d->have |= HAVE_DAY;
    } else {
        CHECK(put(d, HAVE_MONTH));
    }
    d->text_month = true;
    d->month = value;
    return PROBLEM_NONE;
}

static DatetimeProblem decode_word_field(Decoder *d, const char *text)
{
    int value;
    bool is_dst;
    const TimeZone *zone;
    int32_t offset;

    if (timezone_abbrev(str_from(text), &offset, &is_dst, &zone)) {
        d->offset_sec = offset;
        d->zone = zone;
        if (zone)
            (void)snprintf(d->abbrev, sizeof d->abbrev, "%s", text);
        return put(d, HAVE_ZONE);
    }
    WordKind kind = datetime__word(text, &value);
    switch (kind) {
    case WORD_UNKNOWN:
        return decode_zone_name(d, text);
    case WORD_IGNORE:
        return PROBLEM_NONE;
    case WORD_MONTH:
        return d->time_only ? PROBLEM_FORMAT : decode_month_word(d, value);
    case WORD_WEEKDAY:
        return d->time_only ? PROBLEM_FORMAT : put(d, HAVE_WEEKDAY);
    case WORD_AMPM:
        d->ampm = value;
        return put(d, HAVE_AMPM);
    case WORD_ADBC:
        d->bc = value == 1;
        return put(d, HAVE_ADBC);
    case WORD_ISO_T:
        if (!d->time_only && (d->have & HAVE_DATE) != HAVE_DATE)
            return PROBLEM_FORMAT;
        [[fallthrough]];
    case WORD_JULIAN:
        if (d->prefix != WORD_UNKNOWN || (d->time_only && kind == WORD_JULIAN))
            return PROBLEM_FORMAT;
        d->prefix = kind;
        return PROBLEM_NONE;
    case WORD_DST:
        if (!(d->have & HAVE_ZONE) || d->zone)
            return PROBLEM_FORMAT;
        d->offset_sec += 3600;
        return put(d, HAVE_DST);
    case WORD_NOW:
        return decode_now(d);
    case WORD_YESTERDAY:
        return decode_relative_day(d, -1);
    case WORD_TODAY:
        return decode_relative_day(d, 0);
    case WORD_TOMORROW:
        return decode_relative_day(d, 1);
    case WORD_ALLBALLS:
        d->hour = d->minute = d->second = d->us = d->offset_sec = 0;
        return put(d, HAVE_TIME | HAVE_ZONE);
    case WORD_EPOCH:
    case WORD_LATE:
    case WORD_EARLY:
        if (d->time_only)
            return PROBLEM_FORMAT;
        d->special = kind;
        return put(d, HAVE_DATE | HAVE_TIME | HAVE_ZONE);
    case WORD_UNIT:
        return PROBLEM_FORMAT;
    }
    return PROBLEM_FORMAT;
}

static DatetimeProblem check_date(Decoder *d)
{
    if ((d->have & HAVE_YEAR) && !d->julian) {
        if (d->bc) {
            if (d->year <= 0)
                return PROBLEM_FIELD_RANGE;
            d->year = 1 - d->year;
        } else if (d->two_digit_year) {
            d->year += d->year < 70 ? 2000 : d->year < 100 ? 1900 : 0;
        } else if (d->year <= 0) {
            return PROBLEM_FIELD_RANGE;
        }
    }
    if (d->year > 5874898 || d->year < -4714)
        return PROBLEM_NONE; /* the type's own range check has the words for it */
    if (d->have & HAVE_DOY) {
        int32_t first = date_from_civil((int32_t)d->year, 1, 1);
        CivilDate civil = date_to_civil(first + (int32_t)d->day_of_year - 1);
        d->year = civil.year;
        d->month = civil.month;
        d->day = civil.day;
    }
    if ((d->have & HAVE_MONTH) && (d->month < 1 || d->month > 12))
        return PROBLEM_MONTH_DAY;
    if ((d->have & HAVE_DAY) && (d->day < 1 || d->day > 31))
        return PROBLEM_MONTH_DAY;
    if ((d->have & HAVE_DATE) == HAVE_DATE &&
        d->day > month_days((int32_t)d->year, (int32_t)d->month))
        return PROBLEM_FIELD_RANGE;
    return PROBLEM_NONE;
}

/* The last checks: hours of the day, and the offset of what was named by a zone. */
static DatetimeProblem finish(Decoder *d)
{
    if (d->prefix != WORD_UNKNOWN)
        return PROBLEM_FORMAT;
    if (d->special != WORD_UNKNOWN)
        return PROBLEM_NONE;
    CHECK(check_date(d));
    if (d->ampm >= 0) {
        if (d->hour > 12)
            return PROBLEM_FIELD_RANGE;
        if (d->ampm == 0 && d->hour == 12)
            d->hour = 0;
        else if (d->ampm == 1 && d->hour != 12)
            d->hour += 12;
    }
    if (d->hour > 24 || d->minute > 59 || d->second > 60 ||
        d->hour * US_PER_HOUR + d->minute * US_PER_MINUTE + d->second * US_PER_SEC + d->us >
            US_PER_DAY)
        return PROBLEM_FIELD_RANGE;
    if (d->time_only && d->zone && !d->abbrev[0] && (d->have & HAVE_DATE) != HAVE_DATE &&
        !timezone_is_fixed(d->zone))
        return PROBLEM_FORMAT; /* the offset of the zone depends on a day */
    if (d->time_only)
        return d->have & HAVE_TIME ? PROBLEM_NONE : PROBLEM_FORMAT;
    return (d->have & HAVE_DATE) == HAVE_DATE ? PROBLEM_NONE : PROBLEM_FORMAT;
}

static DatetimeProblem decode(Decoder *d)
{
    DatetimeFields f;

    if (!datetime__split(d->text, &f) || f.count == 0)
        return PROBLEM_FORMAT;
    for (int i = 0; i < f.count; i++) {
        char *text = f.field[i].text;
        switch (f.field[i].kind) {
        case FIELD_DATE: {
            bool date_allowed =
                !d->time_only ||
                (i == 0 && f.count >= 2 &&
                 (f.field[f.count - 1].kind == FIELD_DATE || f.field[1].kind == FIELD_TIME));
            CHECK(decode_date_field(d, text, date_allowed));
            break;
        }
        case FIELD_TIME:
            if (d->prefix == WORD_JULIAN)
                return PROBLEM_FORMAT;
            d->prefix = WORD_UNKNOWN;
            CHECK(decode_time(d, text));
            break;
        case FIELD_ZONE:
            CHECK(decode_offset(d, text));
            CHECK(put(d, HAVE_ZONE));
            break;
        case FIELD_NUMBER:
            CHECK(decode_number_field(d, text));
            break;
        case FIELD_STRING:
        case FIELD_SPECIAL:
            CHECK(decode_word_field(d, text));
            break;
        }
    }
    return finish(d);
}

static Status run(Decoder *d, const PgSettings *settings, const char *type_name, Str text,
                  bool time_only, Error *err)
{
    *d = (Decoder){.settings = settings, .text = text, .time_only = time_only, .ampm = -1};
    DatetimeProblem problem = decode(d);
    if (problem == PROBLEM_NONE)
        return STATUS_OK;
    if (d->unknown_zone[0])
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "time zone \"%s\" not recognized",
                             d->unknown_zone);
    return datetime__error(err, problem, type_name, text);
}

static int64_t time_of(const Decoder *d)
{
    return d->hour * US_PER_HOUR + d->minute * US_PER_MINUTE + d->second * US_PER_SEC + d->us;
}

/* ---------------------------------------------------------------- the types */

static Status date_of(const Decoder *d, const char *what, int64_t *ret_days, Error *err)
{
    int64_t days = INT64_MAX;

    if (d->year >= -4714 && d->year <= 5874898)
        days = date_from_civil((int32_t)d->year, (int32_t)d->month, (int32_t)d->day);
    if (days < DATE_MIN || days > DATE_MAX)
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "%s out of range: \"%.*s\"", what,
                             STR_FMT(d->text));
    *ret_days = days;
    return STATUS_OK;
}

Status date_parse(Str text, const PgSettings *settings, int32_t *ret, Error *err)
{
    Decoder d;
    int64_t days;

    TRY(run(&d, settings, "date", text, false, err));
    if (d.special != WORD_UNKNOWN) {
        *ret = d.special == WORD_LATE    ? DATE_INFINITY
               : d.special == WORD_EARLY ? DATE_NEG_INFINITY
                                         : 0;
        return STATUS_OK;
    }
    TRY(date_of(&d, "date", &days, err));
    *ret = (int32_t)days;
    return STATUS_OK;
}

Status time_parse(Str text, const PgSettings *settings, int32_t typmod, int64_t *ret, Error *err)
{
    Decoder d;

    TRY(run(&d, settings, "time", text, true, err));
    *ret = time_round(time_of(&d), typmod);
    return STATUS_OK;
}

Status timetz_parse(Str text, const PgSettings *settings, int32_t typmod, TimeTz *ret, Error *err)
{
    Decoder d;

    TRY(run(&d, settings, "time with time zone", text, true, err));
    if (!(d.have & HAVE_ZONE) || d.zone) {
        /* A zone's offset depends on the day: the one given, or today. */
        const TimeZone *zone = d.zone ? d.zone : settings->time_zone;
        int64_t day = timestamp_to_date(timezone_to_local(settings->time_zone, settings->now_us));
        if ((d.have & HAVE_DATE) == HAVE_DATE)
            TRY(date_of(&d, "date", &day, err));
        if (day > TIMESTAMP_MAX / US_PER_DAY - 1)
            return error_set_sql(err, STATUS_INVALID, "22008", 0, "date out of range");
        d.offset_sec = timezone_at_local(zone, day * US_PER_DAY + time_of(&d)).offset_sec;
    }
    *ret = (TimeTz){.us = time_round(time_of(&d), typmod), .zone_sec = -d.offset_sec};
    return STATUS_OK;
}

static Status timestamp_of(Decoder *d, const char *what, bool with_zone, int32_t typmod,
                           int64_t *ret, Error *err)
{
    int64_t days;

    if (d->special != WORD_UNKNOWN) {
        *ret = d->special == WORD_LATE    ? TIMESTAMP_INFINITY
               : d->special == WORD_EARLY ? TIMESTAMP_NEG_INFINITY
                                          : 0;
        return STATUS_OK;
    }
    TRY(date_of(d, "timestamp", &days, err));
    IntervalSpan us = (IntervalSpan)days * US_PER_DAY + time_of(d);
    if (with_zone && us >= TIMESTAMP_MIN && us <= TIMESTAMP_MAX) {
        const TimeZone *zone = d->zone ? d->zone : d->settings->time_zone;
        if (d->abbrev[0])
            d->offset_sec = timezone_abbrev_offset(zone, str_from(d->abbrev), (int64_t)us);
        else if (d->zone || !(d->have & HAVE_ZONE))
            d->offset_sec = timezone_at_local(zone, (int64_t)us).offset_sec;
        us -= d->offset_sec * US_PER_SEC;
    }
    if (us < TIMESTAMP_MIN || us > TIMESTAMP_MAX)
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "%s out of range: \"%.*s\"", what,
                             STR_FMT(d->text));
    *ret = timestamp_round((int64_t)us, typmod);
    return STATUS_OK;
}

/* "YYYY-MM-DD HH:MM:SS[.ffffff]" to its end, or to a zone "Z", "+hh", "+hh:mm" when that is
 * allowed: what nearly every client sends. False = take the long way. */
static bool parse_iso(Str s, bool with_zone, int64_t *ret)
{
    static const char shape[] = "0000-00-00 00:00:00";
    int v[6];
    static const uint8_t at[6] = {0, 5, 8, 11, 14, 17};

    if (s.len < 19)
        return false;
    for (int i = 0; i < 19; i++) {
        char c = s.ptr[i];
        if (shape[i] == '0' ? !(c >= '0' && c <= '9') : c != shape[i] && !(i == 10 && c == 'T'))
            return false;
    }
    for (int i = 0; i < 6; i++)
        v[i] = (int)digits_value(s.ptr + at[i], i == 0 ? 4 : 2);
    if (v[0] < 1 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > month_days(v[0], v[1]) ||
        v[3] > 23 || v[4] > 59 || v[5] > 59)
        return false;
    int64_t us = date_from_civil(v[0], v[1], v[2]) * US_PER_DAY + v[3] * US_PER_HOUR +
                 v[4] * US_PER_MINUTE + v[5] * US_PER_SEC;
    size_t i = 19;
    if (i < s.len && s.ptr[i] == '.') {
        int64_t unit = 100000;
        for (i++; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++, unit /= 10) {
            if (!unit)
                return false;
            us += (s.ptr[i] - '0') * unit;
        }
    }
    *ret = us;
    if (i == s.len)
        return !with_zone;
    if (!with_zone)
        return false;
    if (s.len - i == 1 && s.ptr[i] == 'Z')
        return true;
    bool minutes = s.len - i == 6 && s.ptr[i + 3] == ':';
    if ((s.len - i != 3 && !minutes) || (s.ptr[i] != '+' && s.ptr[i] != '-'))
        return false;
    for (size_t k = 1; k < s.len - i; k++)
        if (k != 3 && !(s.ptr[i + k] >= '0' && s.ptr[i + k] <= '9'))
            return false;
    int64_t hour = digits_value(s.ptr + i + 1, 2);
    int64_t minute = minutes ? digits_value(s.ptr + i + 4, 2) : 0;
    if (hour > ZONE_HOUR_MAX || minute > 59)
        return false;
    int64_t offset = hour * US_PER_HOUR + minute * US_PER_MINUTE;
    *ret = s.ptr[i] == '-' ? us + offset : us - offset;
    return true;
}

Status timestamp_parse(Str text, const PgSettings *settings, int32_t typmod, int64_t *ret,
                       Error *err)
{
    Decoder d;
    int64_t us;

    if (parse_iso(text, false, &us)) {
        *ret = timestamp_round(us, typmod);
        return STATUS_OK;
    }
    TRY(run(&d, settings, "timestamp", text, false, err));
    return timestamp_of(&d, "timestamp", false, typmod, ret, err);
}

Status timestamptz_parse(Str text, const PgSettings *settings, int32_t typmod, int64_t *ret,
                         Error *err)
{
    Decoder d;
    int64_t us;

    if (parse_iso(text, true, &us)) {
        *ret = timestamp_round(us, typmod);
        return STATUS_OK;
    }
    TRY(run(&d, settings, "timestamp with time zone", text, false, err));
    return timestamp_of(&d, "timestamp", true, typmod, ret, err);
}
