/* func_to_char.c - to_char of timestamps, to_date and to_timestamp by pattern.
 *
 * Timestamp patterns: Y,YYY YYYY YYY YY Y IYYY IYY IY I MM RM DD DDD IDDD D ID HH HH12 HH24 MI SS
 * MS US FF1-FF6 SSSS Q W WW IW J CC AM BC (both with dots) MONTH MON DAY DY (in three cases), TZ
 * TZH TZM OF, FM TM TH, and text in double quotes. What is not known stands for itself. */
#include <stdio.h>

#include "query/func/func_int.h"

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

typedef enum Piece {
    PIECE_YYYY,
    PIECE_YYY,
    PIECE_YY,
    PIECE_Y,
    PIECE_MM,
    PIECE_DDD,
    PIECE_DD,
    PIECE_D,
    PIECE_HH24,
    PIECE_HH12,
    PIECE_MI,
    PIECE_SSSS,
    PIECE_SS,
    PIECE_MS,
    PIECE_US,
    PIECE_Q,
    PIECE_WW,
    PIECE_IW,
    PIECE_IYYY,
    PIECE_J,
    PIECE_CC,
    PIECE_AM,
    PIECE_MONTH,
    PIECE_MON,
    PIECE_DAY,
    PIECE_DY,
    PIECE_TZ,
    PIECE_OF,
    PIECE_Y_YYY,
    PIECE_IYY,
    PIECE_IY,
    PIECE_I,
    PIECE_IDDD,
    PIECE_ID,
    PIECE_W,
    PIECE_RM,
    PIECE_AM_DOTS,
    PIECE_BC,
    PIECE_BC_DOTS,
    PIECE_FF, /* FF1 to FF6 */
    PIECE_TZH,
    PIECE_TZM
} Piece;

/* Longer names first, so that the first match is the right one. */
static const struct {
    const char *text;
    Piece piece;
} pieces[] = {
    {"Y,YYY", PIECE_Y_YYY},  {"IYYY", PIECE_IYYY},    {"IYY", PIECE_IYY},
    {"IY", PIECE_IY},        {"IDDD", PIECE_IDDD},    {"ID", PIECE_ID},
    {"RM", PIECE_RM},        {"A.M.", PIECE_AM_DOTS}, {"P.M.", PIECE_AM_DOTS},
    {"B.C.", PIECE_BC_DOTS}, {"A.D.", PIECE_BC_DOTS}, {"BC", PIECE_BC},
    {"AD", PIECE_BC},        {"FF1", PIECE_FF},       {"FF2", PIECE_FF},
    {"FF3", PIECE_FF},       {"FF4", PIECE_FF},       {"FF5", PIECE_FF},
    {"FF6", PIECE_FF},       {"TZH", PIECE_TZH},      {"TZM", PIECE_TZM},
    {"YYYY", PIECE_YYYY},    {"YYY", PIECE_YYY},      {"YY", PIECE_YY},
    {"Y", PIECE_Y},          {"MONTH", PIECE_MONTH},  {"MON", PIECE_MON},
    {"MM", PIECE_MM},        {"MI", PIECE_MI},        {"MS", PIECE_MS},
    {"US", PIECE_US},        {"DDD", PIECE_DDD},      {"DAY", PIECE_DAY},
    {"DD", PIECE_DD},        {"DY", PIECE_DY},        {"D", PIECE_D},
    {"HH24", PIECE_HH24},    {"HH12", PIECE_HH12},    {"HH", PIECE_HH12},
    {"SSSSS", PIECE_SSSS},   {"SSSS", PIECE_SSSS},    {"SS", PIECE_SS},
    {"Q", PIECE_Q},          {"WW", PIECE_WW},        {"W", PIECE_W},
    {"IW", PIECE_IW},        {"I", PIECE_I},          {"J", PIECE_J},
    {"CC", PIECE_CC},        {"AM", PIECE_AM},        {"PM", PIECE_AM},
    {"TZ", PIECE_TZ},        {"OF", PIECE_OF},
};

static bool match_piece(Str rest, Piece *ret, size_t *ret_len)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(pieces); i++) {
        size_t len = strlen(pieces[i].text);
        if (rest.len < len || !str_eq_nocase(str_sub(rest, 0, len), str_from(pieces[i].text)))
            continue;
        *ret = pieces[i].piece;
        *ret_len = len;
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- printing timestamps */

typedef struct Moment {
    CivilTime civil;
    int32_t day_number;
    const TimeZone *tz; /* NULL without zone */
    int64_t utc_us;
    bool is_span; /* an interval: `civil` has its fields, hours go past 23 */
} Moment;

static const char *const roman_months[] = {"I",   "II",   "III", "IV", "V",  "VI",
                                           "VII", "VIII", "IX",  "X",  "XI", "XII"};

/* A name in the case of its pattern, blank-padded to `width` unless FM. */
static void append_name(Buf *out, const char *name, size_t name_len, Str pattern, int width,
                        bool fm)
{
    bool upper = pattern.ptr[0] >= 'A' && pattern.ptr[0] <= 'Z';
    bool all_upper = upper && pattern.ptr[1] >= 'A' && pattern.ptr[1] <= 'Z';
    for (size_t i = 0; i < name_len; i++) {
        char c = name[i];
        bool want_upper = all_upper || (upper && i == 0);
        char low = (char)(c | 0x20);
        buf_append_byte(out, (uint8_t)(want_upper ? low & ~0x20 : low));
    }
    for (int i = (int)name_len; !fm && i < width; i++)
        buf_append_byte(out, ' ');
}

static void append_number(Buf *out, int64_t value, int width, bool fm)
{
    buf_printf(out, "%0*lld", fm ? 0 : width + (value < 0), (long long)value);
}

static void append_ordinal(Buf *out, Str pattern)
{
    bool upper = pattern.ptr[0] == 'T';
    char last = out->len ? out->ptr[out->len - 1] : '0';
    bool teen = out->len > 1 && out->ptr[out->len - 2] == '1';
    const char *suffix = teen          ? "th"
                         : last == '1' ? "st"
                         : last == '2' ? "nd"
                         : last == '3' ? "rd"
                                       : "th";
    for (int i = 0; i < 2; i++)
        buf_append_byte(out, (uint8_t)(upper ? suffix[i] & ~0x20 : suffix[i]));
}

static void append_offset(Buf *out, const Moment *m)
{
    int32_t sec = m->tz ? timezone_at_utc(m->tz, m->utc_us).offset_sec : 0;
    int32_t minutes = (sec < 0 ? -sec : sec) / 60;
    buf_printf(out, "%c%02d", sec < 0 ? '-' : '+', minutes / 60);
    if (minutes % 60)
        buf_printf(out, ":%02d", minutes % 60);
}

static bool is_upper(Str pattern)
{
    return pattern.ptr[0] >= 'A' && pattern.ptr[0] <= 'Z';
}

/* One of two words, in the case of the pattern. */
static void append_word(Buf *out, const char *upper, Str pattern)
{
    for (; *upper; upper++)
        buf_append_byte(out,
                        (uint8_t)(is_upper(pattern) || *upper == '.' ? *upper : *upper | 0x20));
}

/* A year as it prints: 1 BC is 1; an interval's stays negative. */
static int32_t shown_year(const Moment *m, int32_t year)
{
    return m->is_span || year > 0 ? year : 1 - year;
}

static int32_t century(const Moment *m)
{
    int32_t year = m->civil.date.year;
    return m->is_span ? year / 100 : year > 0 ? (year - 1) / 100 + 1 : year / 100 - 1;
}

/* ISO weeks have whole years of 52 or 53 weeks; day 1 is the Monday of week 1. */
static int32_t iso_day_of_year(int32_t day_number)
{
    int32_t weekday = date_weekday(day_number);
    return (date_iso_week(day_number) - 1) * 7 + (weekday ? weekday : 7);
}

static int32_t day_of_year(const Moment *m)
{
    const CivilDate *d = &m->civil.date;
    return m->is_span ? (d->year * 12 + d->month) * 30 + d->day : date_day_of_year(m->day_number);
}

static void append_year_piece(Buf *out, Piece piece, const Moment *m, bool fm)
{
    int32_t year = shown_year(m, m->civil.date.year);
    int32_t iso = m->is_span ? year : shown_year(m, date_iso_year(m->day_number));
    switch (piece) {
    case PIECE_Y_YYY:
        buf_printf(out, "%d,%03d", year / 1000, year % 1000);
        break;
    case PIECE_YYYY:
        append_number(out, year, 4, fm);
        break;
    case PIECE_YYY:
        append_number(out, year % 1000, 3, fm);
        break;
    case PIECE_YY:
        append_number(out, year % 100, 2, fm);
        break;
    case PIECE_Y:
        append_number(out, year % 10, 1, fm);
        break;
    case PIECE_IYYY:
        append_number(out, iso, 4, fm);
        break;
    case PIECE_IYY:
        append_number(out, iso % 1000, 3, fm);
        break;
    case PIECE_IY:
        append_number(out, iso % 100, 2, fm);
        break;
    case PIECE_I:
        append_number(out, iso % 10, 1, fm);
        break;
    default: /* PIECE_CC */
        append_number(out, century(m), 2, fm);
        break;
    }
}

static void append_time_piece(Buf *out, Piece piece, Str pattern, const Moment *m, bool fm)
{
    const CivilTime *t = &m->civil;
    bool afternoon = t->hour % 24 >= 12;
    switch (piece) {
    case PIECE_HH24:
        append_number(out, t->hour, 2, fm);
        break;
    case PIECE_HH12:
        append_number(out, t->hour % 12 ? t->hour % 12 : 12, 2, fm);
        break;
    case PIECE_MI:
        append_number(out, t->minute, 2, fm);
        break;
    case PIECE_SS:
        append_number(out, t->second, 2, fm);
        break;
    case PIECE_SSSS:
        append_number(out, (int64_t)t->hour * 3600 + t->minute * 60 + t->second, 1, true);
        break;
    case PIECE_MS:
        append_number(out, t->us / 1000, 3, false);
        break;
    case PIECE_US:
        append_number(out, t->us, 6, false);
        break;
    case PIECE_FF: {
        int digits = pattern.ptr[2] - '0';
        int32_t value = t->us;
        for (int i = digits; i < 6; i++)
            value /= 10;
        append_number(out, value, digits, false);
        break;
    }
    case PIECE_AM:
        append_word(out, afternoon ? "PM" : "AM", pattern);
        break;
    default: /* PIECE_AM_DOTS */
        append_word(out, afternoon ? "P.M." : "A.M.", pattern);
        break;
    }
}

static void append_zone_piece(Buf *out, Piece piece, Str pattern, const Moment *m)
{
    TimeZoneOffset offset = {.abbrev = ""};
    if (m->tz)
        offset = timezone_at_utc(m->tz, m->utc_us);
    int32_t east = offset.offset_sec < 0 ? -offset.offset_sec : offset.offset_sec;
    switch (piece) {
    case PIECE_TZ:
        for (const char *c = offset.abbrev; *c; c++)
            buf_append_byte(out,
                            (uint8_t)(is_upper(pattern) || *c < 'A' || *c > 'Z' ? *c : *c | 0x20));
        break;
    case PIECE_TZH:
        buf_printf(out, "%c%02d", offset.offset_sec < 0 ? '-' : '+', east / 3600);
        break;
    case PIECE_TZM:
        buf_printf(out, "%02d", east % 3600 / 60);
        break;
    default: /* PIECE_OF */
        append_offset(out, m);
        break;
    }
}

static void append_date_piece(Buf *out, Piece piece, Str pattern, const Moment *m, bool fm)
{
    const CivilDate *d = &m->civil.date;
    int32_t weekday = date_weekday(m->day_number);
    const char *month = m->is_span ? "" : months[d->month - 1];
    const char *day = days[weekday];
    bool common_era = d->year > 0;
    switch (piece) {
    case PIECE_MM:
        append_number(out, d->month, 2, fm);
        break;
    case PIECE_RM:
        if (d->month || d->year) { /* whole years of an interval: XII, or I before now */
            int32_t month_idx = d->month > 0   ? d->month - 1
                                : d->month < 0 ? 12 + d->month
                                : d->year > 0  ? 11
                                               : 0;
            const char *roman = roman_months[month_idx];
            size_t from = out->len;
            append_word(out, roman, pattern);
            while (!fm && out->len < from + 4)
                buf_append_byte(out, ' ');
        }
        break;
    case PIECE_DDD:
        append_number(out, day_of_year(m), 3, fm);
        break;
    case PIECE_IDDD:
        append_number(out, iso_day_of_year(m->day_number), 3, fm);
        break;
    case PIECE_DD:
        append_number(out, d->day, 2, fm);
        break;
    case PIECE_D:
        append_number(out, weekday + 1, 1, fm);
        break;
    case PIECE_ID:
        append_number(out, weekday ? weekday : 7, 1, fm);
        break;
    case PIECE_Q:
        if (d->month)
            append_number(out, (d->month - 1) / 3 + 1, 1, fm);
        break;
    case PIECE_W:
        append_number(out, (d->day - 1) / 7 + 1, 1, fm);
        break;
    case PIECE_WW:
        append_number(out, (day_of_year(m) - 1) / 7 + 1, 2, fm);
        break;
    case PIECE_IW:
        append_number(out, date_iso_week(m->day_number), 2, fm);
        break;
    case PIECE_J:
        append_number(out, (int64_t)m->day_number + 2440588, 1, true);
        break;
    case PIECE_MONTH:
        append_name(out, month, strlen(month), pattern, 9, fm);
        break;
    case PIECE_MON:
        append_name(out, month, 3, pattern, 3, fm);
        break;
    case PIECE_DAY:
        append_name(out, day, strlen(day), pattern, 9, fm);
        break;
    case PIECE_DY:
        append_name(out, day, 3, pattern, 3, fm);
        break;
    case PIECE_BC:
        append_word(out, common_era ? "AD" : "BC", pattern);
        break;
    default: /* PIECE_BC_DOTS */
        append_word(out, common_era ? "A.D." : "B.C.", pattern);
        break;
    }
}

static void append_piece(Buf *out, Piece piece, Str pattern, const Moment *m, bool fm)
{
    switch (piece) {
    case PIECE_Y_YYY:
    case PIECE_YYYY:
    case PIECE_YYY:
    case PIECE_YY:
    case PIECE_Y:
    case PIECE_IYYY:
    case PIECE_IYY:
    case PIECE_IY:
    case PIECE_I:
    case PIECE_CC:
        append_year_piece(out, piece, m, fm);
        break;
    case PIECE_HH24:
    case PIECE_HH12:
    case PIECE_MI:
    case PIECE_SS:
    case PIECE_SSSS:
    case PIECE_MS:
    case PIECE_US:
    case PIECE_FF:
    case PIECE_AM:
    case PIECE_AM_DOTS:
        append_time_piece(out, piece, pattern, m, fm);
        break;
    case PIECE_TZ:
    case PIECE_OF:
    case PIECE_TZH:
    case PIECE_TZM:
        append_zone_piece(out, piece, pattern, m);
        break;
    default:
        append_date_piece(out, piece, pattern, m, fm);
        break;
    }
}

/* Pieces that print no number take no TH. */
static bool is_word(Piece piece)
{
    switch (piece) {
    case PIECE_MONTH:
    case PIECE_MON:
    case PIECE_DAY:
    case PIECE_DY:
    case PIECE_RM:
    case PIECE_AM:
    case PIECE_AM_DOTS:
    case PIECE_BC:
    case PIECE_BC_DOTS:
    case PIECE_TZ:
    case PIECE_OF:
    case PIECE_TZH:
    case PIECE_TZM:
        return true;
    default:
        return false;
    }
}

static bool is_for_span(Piece piece)
{
    return (!is_word(piece) || piece == PIECE_RM || piece == PIECE_AM || piece == PIECE_AM_DOTS) &&
           piece != PIECE_D && piece != PIECE_ID;
}

static bool has_prefix(Str pattern, Str prefix)
{
    return str_eq_nocase(str_sub(pattern, 0, 2), prefix);
}

/* Passes over a text in double quotes; a backslash in it takes the next byte. */
static Str append_quoted(Buf *out, Str pattern)
{
    size_t i = 1;
    for (; i < pattern.len && pattern.ptr[i] != '"'; i++) {
        i += pattern.ptr[i] == '\\' && i + 1 < pattern.len;
        buf_append_byte(out, (uint8_t)pattern.ptr[i]);
    }
    return str_sub(pattern, i + 1, pattern.len);
}

static Status append_pattern(Buf *out, Str pattern, const Moment *m, Error *err)
{
    while (pattern.len) {
        bool fm = false;
        Str rest = pattern;
        for (;;) {
            bool fill = has_prefix(rest, STR("FM")) || has_prefix(rest, STR("TM"));
            if (!fill && !has_prefix(rest, STR("FX")))
                break;
            fm |= fill;
            rest = str_sub(rest, 2, rest.len);
        }
        Piece piece;
        size_t len;
        if (match_piece(rest, &piece, &len)) {
            if (m->is_span && !is_for_span(piece)) {
                Status status = error_set_sql(err, STATUS_INVALID, "22007", 0,
                                              "invalid format specification for an interval value");
                error_hint(err, "Intervals are not tied to specific calendar dates.");
                return status;
            }
            append_piece(out, piece, rest, m, fm);
            pattern = str_sub(rest, len, rest.len);
            if (has_prefix(pattern, STR("TH"))) {
                if (!is_word(piece))
                    append_ordinal(out, pattern);
                pattern = str_sub(pattern, 2, pattern.len);
            }
            if (has_prefix(pattern, STR("SP")))
                pattern = str_sub(pattern, 2, pattern.len);
            continue;
        }
        if (rest.len != pattern.len) {
            pattern = rest;
            continue;
        }
        if (pattern.ptr[0] == '"') {
            pattern = append_quoted(out, pattern);
            continue;
        }
        if (pattern.ptr[0] == '\\' && pattern.len > 1 && pattern.ptr[1] == '"')
            pattern = str_sub(pattern, 1, pattern.len);
        buf_append_byte(out, (uint8_t)pattern.ptr[0]);
        pattern = str_sub(pattern, 1, pattern.len);
    }
    return STATUS_OK;
}

static Status put_moment(const EvalContext *ctx, int64_t local_us, const TimeZone *tz,
                         int64_t utc_us, Str pattern, Column *ret, uint32_t row, Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    Moment m = {.civil = timestamp_to_civil(local_us),
                .day_number = timestamp_to_date(local_us),
                .tz = tz,
                .utc_us = utc_us};
    TRY(append_pattern(&out, pattern, &m, err));
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

ROW_KERNEL(to_char_ts)
{
    int64_t us = ARG(int64_t, 0);
    if (!timestamp_is_finite(us))
        return func__set_null(ctx, ret, row, err);
    return put_moment(ctx, us, NULL, us, ARG_STR(1), ret, row, err);
}
ROW_KERNEL(to_char_tstz)
{
    int64_t us = ARG(int64_t, 0);
    const TimeZone *tz = func__time_zone(ctx);
    if (!timestamp_is_finite(us))
        return func__set_null(ctx, ret, row, err);
    return put_moment(ctx, timezone_to_local(tz, us), tz, us, ARG_STR(1), ret, row, err);
}

/* The fields as if they were a date, by the formula of Julian days, whatever their range: what J
 * and the ISO pieces of an interval print. */
static int32_t span_day(const CivilDate *d)
{
    int64_t month = d->month > 2 ? d->month + 1 : d->month + 13;
    int64_t year = d->month > 2 ? (int64_t)d->year + 4800 : (int64_t)d->year + 4799;
    int64_t cent = year / 100;
    int64_t julian = year * 365 - 32167 + year / 4 - cent + cent / 4 + 7834 * month / 256 + d->day;
    return (int32_t)LUMA_MIN(LUMA_MAX(julian - 2440588, INT32_MIN / 2), INT32_MAX / 2);
}

/* An interval prints its own fields: months, days and time are not carried into each other. */
ROW_KERNEL(to_char_span)
{
    CLEANUP(buf_done) Buf out = {0};
    Interval span = ARG(Interval, 0);
    int64_t hours = span.us / US_PER_HOUR;
    if (hours > INT32_MAX || hours < INT32_MIN)
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "interval out of range");
    Moment m = {.is_span = true};
    m.civil.date =
        (CivilDate){.year = span.months / 12, .month = span.months % 12, .day = span.days};
    m.civil.hour = (int32_t)hours;
    m.civil.minute = (int32_t)(span.us / US_PER_SEC / 60 % 60);
    m.civil.second = (int32_t)(span.us / US_PER_SEC % 60);
    m.civil.us = (int32_t)(span.us % US_PER_SEC);
    m.day_number = span_day(&m.civil.date);
    TRY(append_pattern(&out, ARG_STR(1), &m, err));
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

/* ---------------------------------------------------------------- reading timestamps */

static bool read_digits(Str *text, size_t max, int64_t *ret)
{
    size_t n = 0;
    *ret = 0;
    while (n < max && n < text->len && text->ptr[n] >= '0' && text->ptr[n] <= '9')
        *ret = *ret * 10 + (text->ptr[n++] - '0');
    *text = str_sub(*text, n, text->len);
    return n > 0;
}

static bool read_name(Str *text, const char *const *names, int count, bool whole, int32_t *ret)
{
    for (int i = 0; i < count; i++) {
        size_t len = whole ? strlen(names[i]) : 3;
        if (text->len >= len && str_eq_nocase(str_sub(*text, 0, len), str_make(names[i], len))) {
            *text = str_sub(*text, len, text->len);
            *ret = i;
            return true;
        }
    }
    return false;
}

typedef struct Parsed {
    CivilTime civil;
    bool pm;
    bool has_ampm;
    bool bc;
    bool has_julian;
    int32_t julian; /* days since 1970 */
    int64_t day_of_year;
} Parsed;

static bool read_piece(Str *text, Piece piece, Parsed *p)
{
    int64_t v = 0;
    int32_t idx;
    switch (piece) {
    case PIECE_YYYY:
    case PIECE_IYYY:
        if (!read_digits(text, 4, &v))
            return false;
        p->civil.date.year = (int32_t)v;
        return true;
    case PIECE_YYY:
    case PIECE_YY:
    case PIECE_Y:
        if (!read_digits(text, piece == PIECE_YYY ? 3 : piece == PIECE_YY ? 2 : 1, &v))
            return false;
        p->civil.date.year = (int32_t)(v < 70 ? v + 2000 : v < 100 ? v + 1900 : v + 1000);
        return true;
    case PIECE_Y_YYY:
        if (!read_digits(text, 6, &v))
            return false;
        p->civil.date.year = (int32_t)v;
        if (text->len && text->ptr[0] == ',') {
            *text = str_sub(*text, 1, text->len);
            if (!read_digits(text, 3, &v))
                return false;
            p->civil.date.year = p->civil.date.year * 1000 + (int32_t)v;
        }
        return true;
    case PIECE_J:
        if (!read_digits(text, 9, &v))
            return false;
        p->has_julian = true;
        p->julian = (int32_t)(v - 2440588);
        return true;
    case PIECE_BC:
    case PIECE_BC_DOTS:
        p->bc = text->len && (text->ptr[0] | 0x20) == 'b';
        *text = str_sub(*text, piece == PIECE_BC ? 2 : 4, text->len);
        return true;
    case PIECE_RM:
        idx = -1;
        for (int i = 0; i < 12; i++) { /* the longest one that fits */
            Str roman = str_from(roman_months[i]);
            if (str_eq_nocase(str_sub(*text, 0, roman.len), roman) &&
                (idx < 0 || roman.len > strlen(roman_months[idx])))
                idx = i;
        }
        if (idx < 0)
            return false;
        *text = str_sub(*text, strlen(roman_months[idx]), text->len);
        p->civil.date.month = idx + 1;
        return true;
    case PIECE_SSSS:
        if (!read_digits(text, 5, &v) || v >= 86400)
            return false;
        p->civil.hour = (int32_t)(v / 3600);
        p->civil.minute = (int32_t)(v / 60 % 60);
        p->civil.second = (int32_t)(v % 60);
        return true;
    case PIECE_MM:
        return read_digits(text, 2, &v) && (p->civil.date.month = (int32_t)v, true);
    case PIECE_DD:
        return read_digits(text, 2, &v) && (p->civil.date.day = (int32_t)v, true);
    case PIECE_DDD:
        return read_digits(text, 3, &p->day_of_year);
    case PIECE_HH24:
    case PIECE_HH12:
        return read_digits(text, 2, &v) && (p->civil.hour = (int32_t)v, true);
    case PIECE_MI:
        return read_digits(text, 2, &v) && (p->civil.minute = (int32_t)v, true);
    case PIECE_SS:
        return read_digits(text, 2, &v) && (p->civil.second = (int32_t)v, true);
    case PIECE_FF:
    case PIECE_MS:
    case PIECE_US: {
        size_t before = text->len;
        int digits = piece == PIECE_MS ? 3 : 6;
        if (!read_digits(text, (size_t)digits, &v))
            return false;
        for (size_t n = before - text->len; n < 6; n++)
            v *= 10;
        p->civil.us = (int32_t)v;
        return true;
    }
    case PIECE_AM:
    case PIECE_AM_DOTS:
        p->has_ampm = true;
        p->pm = text->len && (text->ptr[0] | 0x20) == 'p';
        *text = str_sub(*text, piece == PIECE_AM ? 2 : 4, text->len);
        return true;
    case PIECE_MONTH:
    case PIECE_MON:
        if (!read_name(text, months, 12, piece == PIECE_MONTH, &idx))
            return false;
        p->civil.date.month = idx + 1;
        return true;
    case PIECE_DAY:
    case PIECE_DY:
        return read_name(text, days, 7, piece == PIECE_DAY, &idx);
    default:
        return read_digits(text, 9, &v);
    }
}

static Status parse_pattern(Str text, Str pattern, Parsed *ret, Error *err)
{
    Str whole = text;
    *ret = (Parsed){.civil = {.date = {.year = 0, .month = 1, .day = 1}}}; /* 1 BC */
    while (pattern.len && text.len) {
        Piece piece;
        size_t len;
        if (pattern.len >= 2 && str_eq_nocase(str_sub(pattern, 0, 2), STR("FM"))) {
            pattern = str_sub(pattern, 2, pattern.len);
            continue;
        }
        if (match_piece(pattern, &piece, &len)) {
            while (text.len && text.ptr[0] == ' ')
                text = str_sub(text, 1, text.len);
            if (!read_piece(&text, piece, ret))
                return error_set_sql(err, STATUS_INVALID, "22007", 0,
                                     "invalid value \"%.*s\" for \"%.*s\"", STR_FMT(text), (int)len,
                                     pattern.ptr);
            pattern = str_sub(pattern, len, pattern.len);
            if (has_prefix(pattern, STR("TH")) && !is_word(piece)) {
                pattern = str_sub(pattern, 2, pattern.len);
                text = str_sub(text, 2, text.len);
            }
            continue;
        }
        /* A separator of the pattern skips one of the text. */
        char c = text.ptr[0];
        bool separator =
            !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
        if (separator || pattern.ptr[0] == c)
            text = str_sub(text, 1, text.len);
        pattern = str_sub(pattern, 1, pattern.len);
    }
    CivilTime *t = &ret->civil;
    if (ret->bc && t->date.year > 0)
        t->date.year = 1 - t->date.year;
    if (ret->has_julian)
        t->date = date_to_civil(ret->julian);
    if (ret->has_ampm)
        t->hour = t->hour % 12 + (ret->pm ? 12 : 0);
    bool ok = t->date.month >= 1 && t->date.month <= 12 && t->date.day >= 1 &&
              t->date.day <= month_days(t->date.year, t->date.month) && t->hour < 24 &&
              t->minute < 60 && t->second < 60;
    if (!ok)
        return error_set_sql(err, STATUS_INVALID, "22008", 0,
                             "date/time field value out of range: \"%.*s\"", STR_FMT(whole));
    return STATUS_OK;
}

static Status parse_local(const Column *args, uint32_t row, int64_t *ret, Error *err)
{
    Parsed p;
    TRY(parse_pattern(ARG_STR(0), ARG_STR(1), &p, err));
    if (p.day_of_year) {
        if (p.day_of_year > 365 + year_is_leap(p.civil.date.year))
            return error_set_sql(err, STATUS_INVALID, "22008", 0,
                                 "date/time field value out of range: \"%.*s\"",
                                 STR_FMT(ARG_STR(0)));
        int32_t day = date_from_civil(p.civil.date.year, 1, 1) + (int32_t)p.day_of_year - 1;
        p.civil.date = date_to_civil(day);
    }
    return timestamp_from_civil(&p.civil, ret, err);
}
ROW_KERNEL(to_timestamp_text)
{
    int64_t local;
    TRY(parse_local(args, row, &local, err));
    return timestamp_to_timestamptz(local, func__time_zone(ctx),
                                    (int64_t *)column_values(ret) + row, err);
}
ROW_KERNEL(to_date)
{
    int64_t local;
    TRY(parse_local(args, row, &local, err));
    SET(int32_t, timestamp_to_date(local));
    return STATUS_OK;
}

#define STABLE_FN(name_, oid_, kernel_, ret_, argc_, ...)                                          \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .strict = true,                            \
        .volatility = VOLATILITY_STABLE, .args = {__VA_ARGS__}, .ret = ret_, .kernel = kernel_     \
    }

static const Function functions[] = {
    STABLE_FN("to_char", 1770, to_char_tstz, T(TEXT), 2, T(TIMESTAMPTZ), T(TEXT)),
    STABLE_FN("to_char", 1768, to_char_span, T(TEXT), 2, T(INTERVAL), T(TEXT)),
    STABLE_FN("to_char", 2049, to_char_ts, T(TEXT), 2, T(TIMESTAMP), T(TEXT)),
    STABLE_FN("to_timestamp", 1778, to_timestamp_text, T(TIMESTAMPTZ), 2, T(TEXT), T(TEXT)),
    STABLE_FN("to_date", 1780, to_date, T(DATE), 2, T(TEXT), T(TEXT)),
};
const FuncTable func__to_char_table = {functions, LUMA_ARRAY_LEN(functions)};
