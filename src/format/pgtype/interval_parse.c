/* interval_parse.c - texts of intervals: PostgreSQL's and SQL's forms, and ISO 8601 durations. */
#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "format/pgtype/datetime_int.h"

/* Fields an interval typmod may restrict to (PostgreSQL's INTERVAL_MASK bits). */
enum {
    RANGE_MONTH = 1 << 1,
    RANGE_YEAR = 1 << 2,
    RANGE_DAY = 1 << 3,
    RANGE_HOUR = 1 << 10,
    RANGE_MINUTE = 1 << 11,
    RANGE_SECOND = 1 << 12,
    RANGE_FULL = 0x7FFF,
    PRECISION_FULL = 0xFFFF,
};

static int typmod_range(int32_t typmod)
{
    return typmod < 0 ? RANGE_FULL : (typmod >> 16) & 0x7FFF;
}

/* What has been read; wider than Interval so that overflow shows at the end. */
typedef struct Reader {
    const PgSettings *settings;
    int range;
    int64_t months;
    int64_t days;
    int64_t us;
    unsigned have;  /* bits by DatetimeUnit: no unit twice */
    bool is_before; /* "ago" */
} Reader;

#define CHECK(expr)                                                                                \
    do {                                                                                           \
        DatetimeProblem problem_ = (expr);                                                         \
        if (problem_ != PROBLEM_NONE)                                                              \
            return problem_;                                                                       \
    } while (0)

static DatetimeProblem add_scaled(int64_t *sum, int64_t v, int64_t scale)
{
    return __builtin_mul_overflow(v, scale, &v) || __builtin_add_overflow(*sum, v, sum)
               ? PROBLEM_FIELD_RANGE
               : PROBLEM_NONE;
}

static DatetimeProblem add_fraction_us(Reader *r, double fraction, int64_t scale)
{
    if (fraction == 0)
        return PROBLEM_NONE;
    fraction *= (double)scale;
    int64_t us = (int64_t)fraction;
    fraction -= (double)us;
    us += fraction > 0.5 ? 1 : fraction < -0.5 ? -1 : 0;
    return add_scaled(&r->us, us, 1);
}

static DatetimeProblem add_fraction_days(Reader *r, double fraction, int scale)
{
    if (fraction == 0)
        return PROBLEM_NONE;
    fraction *= scale;
    int64_t days = (int64_t)fraction;
    r->days += days;
    return add_fraction_us(r, fraction - (double)days, US_PER_DAY);
}

static DatetimeProblem add_years(Reader *r, int64_t v, double fraction, int64_t years)
{
    if (llabs(v) > INT32_MAX)
        return PROBLEM_FIELD_RANGE;
    r->months += (int64_t)rint(fraction * (double)years * 12);
    return add_scaled(&r->months, v, years * 12);
}

/* v + fraction of a unit, both of one sign. */
static DatetimeProblem add_unit(Reader *r, DatetimeUnit unit, int64_t v, double fraction)
{
    static const int64_t us_of[] = {
        [UNIT_MICROSECOND] = 1,        [UNIT_MILLISECOND] = 1000, [UNIT_SECOND] = US_PER_SEC,
        [UNIT_MINUTE] = US_PER_MINUTE, [UNIT_HOUR] = US_PER_HOUR,
    };

    switch (unit) {
    case UNIT_MICROSECOND:
    case UNIT_MILLISECOND:
    case UNIT_SECOND:
    case UNIT_MINUTE:
    case UNIT_HOUR:
        CHECK(add_scaled(&r->us, v, us_of[unit]));
        return add_fraction_us(r, fraction, us_of[unit]);
    case UNIT_DAY:
        CHECK(add_scaled(&r->days, v, 1));
        return add_fraction_us(r, fraction, US_PER_DAY);
    case UNIT_WEEK:
        CHECK(add_scaled(&r->days, v, 7));
        return add_fraction_days(r, fraction, 7);
    case UNIT_MONTH:
        CHECK(add_scaled(&r->months, v, 1));
        return add_fraction_days(r, fraction, 30);
    case UNIT_YEAR:
        return add_years(r, v, fraction, 1);
    case UNIT_DECADE:
        return add_years(r, v, fraction, 10);
    case UNIT_CENTURY:
        return add_years(r, v, fraction, 100);
    case UNIT_MILLENNIUM:
        return add_years(r, v, fraction, 1000);
    case UNIT_UNKNOWN:
    case UNIT_QUARTER:
    case UNIT_DOW:
    case UNIT_ISODOW:
    case UNIT_DOY:
    case UNIT_ISOYEAR:
    case UNIT_JULIAN:
    case UNIT_EPOCH:
    case UNIT_TIMEZONE:
    case UNIT_TIMEZONE_HOUR:
    case UNIT_TIMEZONE_MINUTE:
    case UNIT_AGO:
    case UNIT_NOISE:
        break;
    }
    return PROBLEM_FORMAT;
}

static DatetimeProblem take(Reader *r, unsigned bits)
{
    if (r->have & bits)
        return PROBLEM_FORMAT;
    r->have |= bits;
    return PROBLEM_NONE;
}

/* hh:mm[:ss[.f]], or mm:ss[.f] where the typmod says so */
static DatetimeProblem read_clock(Reader *r, const char *text, bool negative)
{
    const char *end;
    int64_t hour;
    int64_t minute = 0;
    int64_t second = 0;
    int32_t us = 0;

    CHECK(take(r, 1u << UNIT_HOUR | 1u << UNIT_MINUTE | 1u << UNIT_SECOND));
    if (!datetime__read_int(text, &end, 0, INT64_MAX / US_PER_HOUR, &hour))
        return PROBLEM_FIELD_RANGE;
    if (*end != ':')
        return PROBLEM_FORMAT;
    if (!datetime__read_int(end + 1, &end, 0, INT32_MAX, &minute))
        return PROBLEM_FIELD_RANGE;
    if (*end == ':') {
        if (!datetime__read_int(end + 1, &end, 0, INT32_MAX, &second))
            return PROBLEM_FIELD_RANGE;
    } else if (*end == '.' || (*end == 0 && r->range == (RANGE_MINUTE | RANGE_SECOND))) {
        if (hour > INT32_MAX || minute > 59)
            return PROBLEM_FIELD_RANGE;
        second = minute;
        minute = hour % 60;
        hour /= 60;
    }
    if (*end == '.') {
        if (!datetime__read_fraction(end, &us))
            return PROBLEM_FORMAT;
    } else if (*end) {
        return PROBLEM_FORMAT;
    }
    if (minute > 59 || second > 60)
        return PROBLEM_FIELD_RANGE;
    int64_t sign = negative ? -1 : 1;
    CHECK(add_scaled(&r->us, sign * hour, US_PER_HOUR));
    CHECK(add_scaled(&r->us, sign * minute, US_PER_MINUTE));
    CHECK(add_scaled(&r->us, sign * second, US_PER_SEC));
    return add_scaled(&r->us, sign * us, 1);
}

/* The unit of a rightmost number without one. */
static DatetimeUnit default_unit(int range)
{
    if (range == RANGE_YEAR)
        return UNIT_YEAR;
    if (range == RANGE_MONTH || range == (RANGE_YEAR | RANGE_MONTH))
        return UNIT_MONTH;
    if (range == RANGE_DAY)
        return UNIT_DAY;
    if (range == RANGE_HOUR || range == (RANGE_DAY | RANGE_HOUR))
        return UNIT_HOUR;
    if (range == RANGE_MINUTE || range == (RANGE_HOUR | RANGE_MINUTE) ||
        range == (RANGE_DAY | RANGE_HOUR | RANGE_MINUTE))
        return UNIT_MINUTE;
    return UNIT_SECOND;
}

static bool read_real_fraction(const char *text, double *ret)
{
    char *end = NULL;

    *ret = 0;
    if (text[1] == 0)
        return true;
    if (!isdigit((unsigned char)text[1]))
        return false;
    *ret = strtod(text, &end);
    return *end == 0;
}

/* A number: v, v.f, or "years-months". */
static DatetimeProblem read_number(Reader *r, const char *text, DatetimeUnit *unit)
{
    const char *end;
    int64_t v;
    double fraction = 0;
    bool negative = *text == '-';

    if (!datetime__read_int(text, &end, INT64_MIN, INT64_MAX, &v))
        return PROBLEM_FIELD_RANGE;
    if (*unit == UNIT_UNKNOWN)
        *unit = default_unit(r->range);
    if (*end == '-') {
        int64_t months;
        if (!datetime__read_int(end + 1, &end, 0, 11, &months))
            return PROBLEM_FIELD_RANGE;
        if (*end)
            return PROBLEM_FORMAT;
        *unit = UNIT_MONTH;
        if (__builtin_mul_overflow(v, 12, &v) ||
            __builtin_add_overflow(v, negative ? -months : months, &v))
            return PROBLEM_FIELD_RANGE;
    } else if (*end == '.') {
        if (!read_real_fraction(end, &fraction))
            return PROBLEM_FORMAT;
        fraction = negative ? -fraction : fraction;
    } else if (*end) {
        return PROBLEM_FORMAT;
    }
    unsigned bits = 1u << *unit;
    if (*unit == UNIT_SECOND && fraction != 0)
        bits |= 1u << UNIT_MILLISECOND | 1u << UNIT_MICROSECOND;
    CHECK(take(r, bits));
    CHECK(add_unit(r, *unit, v, fraction));
    if (*unit == UNIT_HOUR)
        *unit = UNIT_DAY; /* "2 03:00" */
    return PROBLEM_NONE;
}

/* The standard gives one leading sign to all fields. */
static void apply_sql_sign(Reader *r, const DatetimeFields *f)
{
    if (r->settings->interval_style != PG_INTERVAL_SQL || f->field[0].text[0] != '-')
        return;
    for (int i = 1; i < f->count; i++)
        if (f->field[i].text[0] == '-' || f->field[i].text[0] == '+')
            return;
    r->months = -llabs(r->months);
    r->days = -llabs(r->days);
    r->us = r->us > 0 ? -r->us : r->us;
}

/* Fields are read from the right, so that a unit is known before its number. */
static DatetimeProblem read_fields(Reader *r, const DatetimeFields *f)
{
    DatetimeUnit unit = UNIT_UNKNOWN;

    for (int i = f->count - 1; i >= 0; i--) {
        const char *text = f->field[i].text;
        switch (f->field[i].kind) {
        case FIELD_TIME:
            CHECK(read_clock(r, text, false));
            unit = UNIT_DAY;
            break;
        case FIELD_ZONE:
            if (strchr(text + 1, ':')) {
                CHECK(read_clock(r, text + 1, *text == '-'));
                unit = UNIT_DAY;
                break;
            }
            [[fallthrough]];
        case FIELD_DATE:
        case FIELD_NUMBER:
            CHECK(read_number(r, text, &unit));
            break;
        case FIELD_STRING:
        case FIELD_SPECIAL: {
            DatetimeUnit word = datetime__interval_unit(text);
            if (word == UNIT_NOISE)
                continue;
            if (word == UNIT_AGO) {
                r->is_before = true;
                unit = UNIT_UNKNOWN;
            } else if (word == UNIT_UNKNOWN) {
                int value;
                if (datetime__word(text, &value) != WORD_IGNORE)
                    return PROBLEM_FORMAT;
            } else {
                unit = word;
            }
            break;
        }
        }
    }
    if (r->have == 0)
        return PROBLEM_FORMAT;
    apply_sql_sign(r, f);
    if (r->is_before) {
        if (r->us == INT64_MIN)
            return PROBLEM_FIELD_RANGE;
        r->months = -r->months;
        r->days = -r->days;
        r->us = -r->us;
    }
    return PROBLEM_NONE;
}

/* One number of an ISO 8601 duration. */
static DatetimeProblem read_iso_number(const char **p, int64_t *ret_v, double *ret_fraction)
{
    char *end;

    if (!isdigit((unsigned char)**p) && **p != '-' && **p != '.' && **p != '+')
        return PROBLEM_FORMAT;
    double v = strtod(*p, &end);
    if (end == *p || !(fabs(v) < 1e15))
        return end == *p ? PROBLEM_FORMAT : PROBLEM_FIELD_RANGE;
    for (const char *c = *p; c < end; c++)
        if (!isdigit((unsigned char)*c) && !strchr("+-.eE", *c))
            return PROBLEM_FORMAT;
    *ret_v = (int64_t)v;
    *ret_fraction = v - (double)*ret_v;
    *p = end;
    return PROBLEM_NONE;
}

static DatetimeUnit iso_unit(char c, bool date_part)
{
    switch (c) {
    case 'Y':
        return date_part ? UNIT_YEAR : UNIT_UNKNOWN;
    case 'M':
        return date_part ? UNIT_MONTH : UNIT_MINUTE;
    case 'W':
        return date_part ? UNIT_WEEK : UNIT_UNKNOWN;
    case 'D':
        return date_part ? UNIT_DAY : UNIT_UNKNOWN;
    case 'H':
        return date_part ? UNIT_UNKNOWN : UNIT_HOUR;
    case 'S':
        return date_part ? UNIT_UNKNOWN : UNIT_SECOND;
    default:
        return UNIT_UNKNOWN;
    }
}

/* P1Y2M3DT4H5M6.7S, and the alternative form P0001-02-03T04:05:06. */
static DatetimeProblem read_iso(Reader *r, const char *p)
{
    static const DatetimeUnit dates[] = {UNIT_YEAR, UNIT_MONTH, UNIT_DAY};
    static const DatetimeUnit times[] = {UNIT_HOUR, UNIT_MINUTE, UNIT_SECOND};
    bool date_part = true;
    int position = 0; /* in the alternative form */

    if (p[0] != 'P' || p[1] == 0)
        return PROBLEM_FORMAT;
    for (p++; *p;) {
        int64_t v;
        double fraction;
        if (*p == 'T') {
            if (!date_part)
                return PROBLEM_FORMAT;
            date_part = false;
            position = 0;
            p++;
            continue;
        }
        CHECK(read_iso_number(&p, &v, &fraction));
        DatetimeUnit unit = iso_unit(*p, date_part);
        if (unit != UNIT_UNKNOWN) {
            p++;
        } else if (position < 3 && (*p == 0 || *p == 'T' || *p == (date_part ? '-' : ':'))) {
            unit = (date_part ? dates : times)[position++];
            p += *p == (date_part ? '-' : ':');
        } else {
            return PROBLEM_FORMAT;
        }
        CHECK(add_unit(r, unit, v, fraction));
    }
    return PROBLEM_NONE;
}

Status interval_parse(Str text, const PgSettings *settings, int32_t typmod, Interval *ret,
                      Error *err)
{
    DatetimeFields f;
    Reader r = {.settings = settings, .range = typmod_range(typmod)};
    DatetimeProblem problem = PROBLEM_FORMAT;

    if (datetime__split(text, &f) && f.count)
        problem = read_fields(&r, &f);
    if (problem == PROBLEM_FORMAT && text.len && text.ptr[0] == 'P' && text.len < sizeof f.work) {
        char copy[DATETIME_TEXT_MAX + DATETIME_FIELDS_MAX];
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = 0;
        r = (Reader){.settings = settings, .range = typmod_range(typmod)};
        problem = strlen(copy) == text.len ? read_iso(&r, copy) : PROBLEM_FORMAT;
    }
    if (problem == PROBLEM_FIELD_RANGE)
        problem = PROBLEM_INTERVAL_RANGE;
    if (problem == PROBLEM_NONE && (r.days > INT32_MAX || r.days < INT32_MIN))
        problem = PROBLEM_INTERVAL_RANGE;
    if (problem == PROBLEM_NONE && (r.months > INT32_MAX || r.months < INT32_MIN))
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "interval out of range");
    if (problem != PROBLEM_NONE)
        return datetime__error(err, problem, "interval", text);
    Interval span = {.us = r.us, .days = (int32_t)r.days, .months = (int32_t)r.months};
    TRY(interval_apply_typmod(&span, typmod, err));
    *ret = span;
    return STATUS_OK;
}

Status interval_apply_typmod(Interval *span, int32_t typmod, Error *err)
{
    static const int64_t scales[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    int range = typmod_range(typmod);
    int precision = typmod & 0xFFFF;

    if (typmod < 0)
        return STATUS_OK;
    if (range == RANGE_YEAR)
        span->months = span->months / 12 * 12;
    if (range != RANGE_FULL && !(range & ~(RANGE_YEAR | RANGE_MONTH)))
        span->days = 0;
    if (range != RANGE_FULL && !(range & ~(RANGE_YEAR | RANGE_MONTH | RANGE_DAY)))
        span->us = 0;
    else if (range != RANGE_FULL && !(range & (RANGE_MINUTE | RANGE_SECOND)))
        span->us = span->us / US_PER_HOUR * US_PER_HOUR;
    else if (range != RANGE_FULL && !(range & RANGE_SECOND))
        span->us = span->us / US_PER_MINUTE * US_PER_MINUTE;
    if (precision == PRECISION_FULL)
        return STATUS_OK;
    if (precision > 6)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "interval(%d) precision must be between 0 and 6", precision);
    int64_t scale = scales[precision];
    int64_t half = span->us >= 0 ? scale / 2 : -(scale / 2);
    int64_t rounded;
    if (__builtin_add_overflow(span->us, half, &rounded))
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "interval out of range");
    span->us = rounded / scale * scale;
    return STATUS_OK;
}
