/* func_to_char.c - to_char of timestamps, to_date and to_timestamp by pattern.
 *
 * Timestamp patterns: YYYY YYY YY Y MM DD DDD D HH HH12 HH24 MI SS MS US SSSS Q WW IW IYYY J CC AM
 * PM MONTH MON DAY DY (in three cases), TZ OF, FM, TH, and text in double quotes. Number patterns:
 * 9 0 . , D G S MI PR FM V is refused. What is not known stands for itself, as in PostgreSQL. */
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
    PIECE_OF
} Piece;

/* Longer names first, so that the first match is the right one. */
static const struct {
    const char *text;
    Piece piece;
} pieces[] = {
    {"YYYY", PIECE_YYYY}, {"IYYY", PIECE_IYYY},   {"YYY", PIECE_YYY}, {"YY", PIECE_YY},
    {"Y", PIECE_Y},       {"MONTH", PIECE_MONTH}, {"MON", PIECE_MON}, {"MM", PIECE_MM},
    {"MI", PIECE_MI},     {"MS", PIECE_MS},       {"US", PIECE_US},   {"DDD", PIECE_DDD},
    {"DAY", PIECE_DAY},   {"DD", PIECE_DD},       {"DY", PIECE_DY},   {"D", PIECE_D},
    {"HH24", PIECE_HH24}, {"HH12", PIECE_HH12},   {"HH", PIECE_HH12}, {"SSSSS", PIECE_SSSS},
    {"SSSS", PIECE_SSSS}, {"SS", PIECE_SS},       {"Q", PIECE_Q},     {"WW", PIECE_WW},
    {"IW", PIECE_IW},     {"J", PIECE_J},         {"CC", PIECE_CC},   {"AM", PIECE_AM},
    {"PM", PIECE_AM},     {"TZ", PIECE_TZ},       {"OF", PIECE_OF},
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
} Moment;

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

static void append_piece(Buf *out, Piece piece, Str pattern, const Moment *m, bool fm)
{
    const CivilTime *t = &m->civil;
    int32_t year = t->date.year > 0 ? t->date.year : 1 - t->date.year;
    int hour12 = t->hour % 12 ? t->hour % 12 : 12;
    const char *month = months[t->date.month - 1];
    const char *day = days[date_weekday(m->day_number)];
    switch (piece) {
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
    case PIECE_MM:
        append_number(out, t->date.month, 2, fm);
        break;
    case PIECE_DDD:
        append_number(out, date_day_of_year(m->day_number), 3, fm);
        break;
    case PIECE_DD:
        append_number(out, t->date.day, 2, fm);
        break;
    case PIECE_D:
        append_number(out, date_weekday(m->day_number) + 1, 1, fm);
        break;
    case PIECE_HH24:
        append_number(out, t->hour, 2, fm);
        break;
    case PIECE_HH12:
        append_number(out, hour12, 2, fm);
        break;
    case PIECE_MI:
        append_number(out, t->minute, 2, fm);
        break;
    case PIECE_SSSS:
        append_number(out, t->hour * 3600 + t->minute * 60 + t->second, 1, true);
        break;
    case PIECE_SS:
        append_number(out, t->second, 2, fm);
        break;
    case PIECE_MS:
        append_number(out, t->us / 1000, 3, false);
        break;
    case PIECE_US:
        append_number(out, t->us, 6, false);
        break;
    case PIECE_Q:
        append_number(out, (t->date.month - 1) / 3 + 1, 1, fm);
        break;
    case PIECE_WW:
        append_number(out, (date_day_of_year(m->day_number) - 1) / 7 + 1, 2, fm);
        break;
    case PIECE_IW:
        append_number(out, date_iso_week(m->day_number), 2, fm);
        break;
    case PIECE_IYYY:
        append_number(out, date_iso_year(m->day_number), 4, fm);
        break;
    case PIECE_J:
        append_number(out, (int64_t)m->day_number + 2440588, 1, true);
        break;
    case PIECE_CC:
        append_number(out, (year + 99) / 100, 2, fm);
        break;
    case PIECE_AM: {
        bool upper = pattern.ptr[0] >= 'A' && pattern.ptr[0] <= 'Z';
        buf_append_str(out, t->hour < 12 ? (upper ? STR("AM") : STR("am"))
                                         : (upper ? STR("PM") : STR("pm")));
        break;
    }
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
    case PIECE_TZ:
        if (m->tz)
            buf_append_str(out, str_from(timezone_at_utc(m->tz, m->utc_us).abbrev));
        break;
    case PIECE_OF:
        append_offset(out, m);
        break;
    }
}

static void append_pattern(Buf *out, Str pattern, const Moment *m)
{
    while (pattern.len) {
        bool fm = pattern.len >= 2 && str_eq_nocase(str_sub(pattern, 0, 2), STR("FM"));
        Str rest = fm ? str_sub(pattern, 2, pattern.len) : pattern;
        Piece piece;
        size_t len;
        if (match_piece(rest, &piece, &len)) {
            append_piece(out, piece, rest, m, fm);
            pattern = str_sub(rest, len, rest.len);
            if (pattern.len >= 2 && str_eq_nocase(str_sub(pattern, 0, 2), STR("TH")) &&
                piece != PIECE_MONTH && piece != PIECE_DAY) {
                append_ordinal(out, pattern);
                pattern = str_sub(pattern, 2, pattern.len);
            }
            continue;
        }
        if (pattern.ptr[0] == '"') {
            ptrdiff_t end = str_find_byte(str_sub(pattern, 1, pattern.len), '"');
            size_t inner = end < 0 ? pattern.len - 1 : (size_t)end;
            buf_append(out, pattern.ptr + 1, inner);
            pattern = str_sub(pattern, inner + 2, pattern.len);
            continue;
        }
        if (fm) {
            pattern = rest;
            continue;
        }
        buf_append_byte(out, (uint8_t)pattern.ptr[0]);
        pattern = str_sub(pattern, 1, pattern.len);
    }
}

static Status put_moment(const EvalContext *ctx, int64_t local_us, const TimeZone *tz,
                         int64_t utc_us, Str pattern, Column *ret, uint32_t row, Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    Moment m = {.civil = timestamp_to_civil(local_us),
                .day_number = timestamp_to_date(local_us),
                .tz = tz,
                .utc_us = utc_us};
    append_pattern(&out, pattern, &m);
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
        p->has_ampm = true;
        p->pm = text->len && (text->ptr[0] | 0x20) == 'p';
        *text = str_sub(*text, 2, text->len);
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
    *ret = (Parsed){.civil = {.date = {.year = 1, .month = 1, .day = 1}}};
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
    STABLE_FN("to_char", 2049, to_char_ts, T(TEXT), 2, T(TIMESTAMP), T(TEXT)),
    STABLE_FN("to_timestamp", 1778, to_timestamp_text, T(TIMESTAMPTZ), 2, T(TEXT), T(TEXT)),
    STABLE_FN("to_date", 1780, to_date, T(DATE), 2, T(TEXT), T(TEXT)),
};
const FuncTable func__to_char_table = {functions, LUMA_ARRAY_LEN(functions)};
