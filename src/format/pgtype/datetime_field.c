/* datetime_field.c - splits date/time texts and knows their words.
 *
 * The rules are those of PostgreSQL's ParseDateTime (documented in appendix B of its manual,
 * "Date/Time Input Interpretation").
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "format/pgtype/datetime_int.h"

typedef struct Word {
    const char *text;
    uint8_t kind;
    int8_t value;
} Word;

/* clang-format off */
static const Word words[] = {
    {"-infinity", WORD_EARLY, 0}, {"ad", WORD_ADBC, 0}, {"allballs", WORD_ALLBALLS, 0},
    {"am", WORD_AMPM, 0}, {"apr", WORD_MONTH, 4}, {"april", WORD_MONTH, 4}, {"at", WORD_IGNORE, 0},
    {"aug", WORD_MONTH, 8}, {"august", WORD_MONTH, 8}, {"bc", WORD_ADBC, 1}, {"d", WORD_UNIT, 0},
    {"dec", WORD_MONTH, 12}, {"december", WORD_MONTH, 12}, {"dow", WORD_UNIT, 0},
    {"doy", WORD_UNIT, 0}, {"dst", WORD_DST, 0}, {"epoch", WORD_EPOCH, 0}, {"feb", WORD_MONTH, 2},
    {"february", WORD_MONTH, 2}, {"fri", WORD_WEEKDAY, 5}, {"friday", WORD_WEEKDAY, 5},
    {"h", WORD_UNIT, 0}, {"infinity", WORD_LATE, 0}, {"isodow", WORD_UNIT, 0},
    {"isoyear", WORD_UNIT, 0}, {"j", WORD_JULIAN, 0}, {"jan", WORD_MONTH, 1},
    {"january", WORD_MONTH, 1}, {"jd", WORD_JULIAN, 0}, {"jul", WORD_MONTH, 7},
    {"julian", WORD_JULIAN, 0}, {"july", WORD_MONTH, 7}, {"jun", WORD_MONTH, 6},
    {"june", WORD_MONTH, 6}, {"m", WORD_UNIT, 0}, {"mar", WORD_MONTH, 3}, {"march", WORD_MONTH, 3},
    {"may", WORD_MONTH, 5}, {"mm", WORD_UNIT, 0}, {"mon", WORD_WEEKDAY, 1},
    {"monday", WORD_WEEKDAY, 1}, {"nov", WORD_MONTH, 11}, {"november", WORD_MONTH, 11},
    {"now", WORD_NOW, 0}, {"oct", WORD_MONTH, 10}, {"october", WORD_MONTH, 10},
    {"on", WORD_IGNORE, 0}, {"pm", WORD_AMPM, 1}, {"s", WORD_UNIT, 0}, {"sat", WORD_WEEKDAY, 6},
    {"saturday", WORD_WEEKDAY, 6}, {"sep", WORD_MONTH, 9}, {"sept", WORD_MONTH, 9},
    {"september", WORD_MONTH, 9}, {"sun", WORD_WEEKDAY, 0}, {"sunday", WORD_WEEKDAY, 0},
    {"t", WORD_ISO_T, 0}, {"thu", WORD_WEEKDAY, 4}, {"thur", WORD_WEEKDAY, 4},
    {"thurs", WORD_WEEKDAY, 4}, {"thursday", WORD_WEEKDAY, 4}, {"today", WORD_TODAY, 0},
    {"tomorrow", WORD_TOMORROW, 0}, {"tue", WORD_WEEKDAY, 2}, {"tues", WORD_WEEKDAY, 2},
    {"tuesday", WORD_WEEKDAY, 2}, {"wed", WORD_WEEKDAY, 3}, {"wednesday", WORD_WEEKDAY, 3},
    {"weds", WORD_WEEKDAY, 3}, {"y", WORD_UNIT, 0}, {"yesterday", WORD_YESTERDAY, 0},
};

static const Word units[] = {
    {"@", UNIT_NOISE, 0}, {"ago", UNIT_AGO, 0}, {"c", UNIT_CENTURY, 0}, {"cent", UNIT_CENTURY, 0},
    {"centuries", UNIT_CENTURY, 0}, {"century", UNIT_CENTURY, 0}, {"d", UNIT_DAY, 0},
    {"day", UNIT_DAY, 0}, {"days", UNIT_DAY, 0}, {"dec", UNIT_DECADE, 0},
    {"decade", UNIT_DECADE, 0}, {"decades", UNIT_DECADE, 0}, {"decs", UNIT_DECADE, 0},
    {"h", UNIT_HOUR, 0}, {"hour", UNIT_HOUR, 0}, {"hours", UNIT_HOUR, 0}, {"hr", UNIT_HOUR, 0},
    {"hrs", UNIT_HOUR, 0}, {"m", UNIT_MINUTE, 0}, {"microsecon", UNIT_MICROSECOND, 0},
    {"mil", UNIT_MILLENNIUM, 0}, {"millennia", UNIT_MILLENNIUM, 0},
    {"millennium", UNIT_MILLENNIUM, 0}, {"millisecon", UNIT_MILLISECOND, 0},
    {"mils", UNIT_MILLENNIUM, 0}, {"min", UNIT_MINUTE, 0}, {"mins", UNIT_MINUTE, 0},
    {"minute", UNIT_MINUTE, 0}, {"minutes", UNIT_MINUTE, 0}, {"mon", UNIT_MONTH, 0},
    {"mons", UNIT_MONTH, 0}, {"month", UNIT_MONTH, 0}, {"months", UNIT_MONTH, 0},
    {"ms", UNIT_MILLISECOND, 0}, {"msec", UNIT_MILLISECOND, 0}, {"msecs", UNIT_MILLISECOND, 0},
    {"mseconds", UNIT_MILLISECOND, 0}, {"qtr", UNIT_QUARTER, 0}, {"quarter", UNIT_QUARTER, 0},
    {"s", UNIT_SECOND, 0}, {"sec", UNIT_SECOND, 0}, {"second", UNIT_SECOND, 0},
    {"seconds", UNIT_SECOND, 0}, {"secs", UNIT_SECOND, 0}, {"timezone", UNIT_TIMEZONE, 0},
    {"timezone_h", UNIT_TIMEZONE_HOUR, 0}, {"timezone_m", UNIT_TIMEZONE_MINUTE, 0},
    {"us", UNIT_MICROSECOND, 0}, {"usec", UNIT_MICROSECOND, 0}, {"usecond", UNIT_MICROSECOND, 0},
    {"useconds", UNIT_MICROSECOND, 0}, {"usecs", UNIT_MICROSECOND, 0}, {"w", UNIT_WEEK, 0},
    {"week", UNIT_WEEK, 0}, {"weeks", UNIT_WEEK, 0}, {"y", UNIT_YEAR, 0}, {"year", UNIT_YEAR, 0},
    {"years", UNIT_YEAR, 0}, {"yr", UNIT_YEAR, 0}, {"yrs", UNIT_YEAR, 0},
};

/* Further words of extract. */
static const Word field_units[] = {
    {"dow", UNIT_DOW, 0}, {"doy", UNIT_DOY, 0}, {"epoch", UNIT_EPOCH, 0},
    {"isodow", UNIT_ISODOW, 0}, {"isoyear", UNIT_ISOYEAR, 0}, {"j", UNIT_JULIAN, 0},
    {"jd", UNIT_JULIAN, 0}, {"julian", UNIT_JULIAN, 0},
};
/* clang-format on */

/* Words are told apart by their first ten bytes, as in PostgreSQL. */
enum { WORD_LEN_MAX = 10 };

static const Word *find_word(const Word *table, size_t count, const char *text)
{
    for (size_t low = 0; low < count;) {
        size_t mid = (low + count) / 2;
        int c = strncmp(text, table[mid].text, WORD_LEN_MAX);
        if (c == 0)
            return &table[mid];
        if (c < 0)
            count = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

WordKind datetime__word(const char *text, int *ret_value)
{
    const Word *w = find_word(words, LUMA_ARRAY_LEN(words), text);
    *ret_value = w ? w->value : 0;
    return w ? (WordKind)w->kind : WORD_UNKNOWN;
}

DatetimeUnit datetime__interval_unit(const char *text)
{
    const Word *w = find_word(units, LUMA_ARRAY_LEN(units), text);
    return w ? (DatetimeUnit)w->kind : UNIT_UNKNOWN;
}

DatetimeUnit datetime__field_unit(Str text)
{
    char lower[64];

    if (text.len == 0 || text.len >= sizeof lower)
        return UNIT_UNKNOWN;
    for (size_t i = 0; i < text.len; i++)
        lower[i] = (char)tolower((unsigned char)text.ptr[i]);
    lower[text.len] = 0;
    const Word *w = find_word(units, LUMA_ARRAY_LEN(units), lower);
    if (!w)
        w = find_word(field_units, LUMA_ARRAY_LEN(field_units), lower);
    return w ? (DatetimeUnit)w->kind : UNIT_UNKNOWN;
}

bool datetime__read_int(const char *text, const char **ret_end, int64_t min, int64_t max,
                        int64_t *ret)
{
    bool negative = *text == '-';
    int64_t v = 0;

    if (*text == '-' || *text == '+')
        text++;
    for (; isdigit((unsigned char)*text); text++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, *text - '0', &v)) /* downwards: INT64_MIN fits */
            return false;
    *ret_end = text;
    if (!negative && __builtin_sub_overflow(0, v, &v))
        return false;
    *ret = v;
    return v >= min && v <= max;
}

bool datetime__read_fraction(const char *text, int32_t *ret_us)
{
    char *end;
    double v;

    if (text[1] == 0) { /* a point alone is nothing */
        *ret_us = 0;
        return true;
    }
    if (!isdigit((unsigned char)text[1]))
        return false;
    v = strtod(text, &end);
    *ret_us = (int32_t)rint(v * 1000000);
    return *end == 0;
}

/* ---------------------------------------------------------------- splitting */

typedef struct Splitter {
    const char *in;
    const char *in_end;
    char *out;
    const char *out_end;
} Splitter;

static char peek(const Splitter *s)
{
    return s->in < s->in_end ? *s->in : 0;
}
static bool peek_digit(const Splitter *s)
{
    return isdigit((unsigned char)peek(s));
}
static bool peek_alpha(const Splitter *s)
{
    return isalpha((unsigned char)peek(s)) && (unsigned char)peek(s) < 128;
}

/* Moves one character into the field; false when the work space is used up. */
static bool move(Splitter *s)
{
    if (s->out >= s->out_end)
        return false;
    *s->out++ = (char)tolower((unsigned char)*s->in++);
    return true;
}

static bool move_digits(Splitter *s)
{
    while (peek_digit(s))
        if (!move(s))
            return false;
    return true;
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static bool split_number(Splitter *s, DatetimeFieldKind *ret_kind)
{
    if (!move_digits(s))
        return false;
    char delim = peek(s);
    if (delim == ':') {
        *ret_kind = FIELD_TIME;
        while (peek_digit(s) || is_one_of(peek(s), ":."))
            if (!move(s))
                return false;
        return true;
    }
    *ret_kind = FIELD_NUMBER;
    if (!is_one_of(delim, "-/."))
        return true;
    if (!move(s))
        return false;
    if (peek_digit(s)) {
        *ret_kind = delim == '.' ? FIELD_NUMBER : FIELD_DATE;
        if (!move_digits(s))
            return false;
        if (peek(s) == delim) {
            *ret_kind = FIELD_DATE;
            while (peek_digit(s) || peek(s) == delim)
                if (!move(s))
                    return false;
        }
        return true;
    }
    *ret_kind = FIELD_DATE;
    while (peek_digit(s) || peek_alpha(s) || peek(s) == delim)
        if (!move(s))
            return false;
    return true;
}

/* A word, a date that begins with a month, or a zone name with punctuation. */
static bool split_word(Splitter *s, const char *begin, DatetimeFieldKind *ret_kind)
{
    int value;

    *ret_kind = FIELD_STRING;
    while (peek_alpha(s))
        if (!move(s))
            return false;
    bool joined = is_one_of(peek(s), "-/.");
    if (!joined && (peek(s) == '+' || peek_digit(s))) {
        *s->out = 0; /* out < out_end + 1: the buffer keeps room for the NUL */
        joined = datetime__word(begin, &value) == WORD_UNKNOWN;
    }
    if (!joined)
        return true;
    *ret_kind = FIELD_DATE;
    do {
        if (!move(s))
            return false;
    } while (peek_alpha(s) || peek_digit(s) || is_one_of(peek(s), "+-/_.:"));
    return true;
}

static bool split_signed(Splitter *s, DatetimeFieldKind *ret_kind)
{
    if (!move(s))
        return false;
    while (isspace((unsigned char)peek(s)))
        s->in++;
    if (peek_digit(s)) {
        *ret_kind = FIELD_ZONE;
        while (peek_digit(s) || is_one_of(peek(s), ":.-"))
            if (!move(s))
                return false;
        return true;
    }
    *ret_kind = FIELD_SPECIAL;
    if (!peek_alpha(s))
        return false;
    while (peek_alpha(s))
        if (!move(s))
            return false;
    return true;
}

bool datetime__split(Str text, DatetimeFields *ret)
{
    Splitter s = {text.ptr, text.ptr + text.len, ret->work, ret->work + sizeof ret->work - 1};

    ret->count = 0;
    while (s.in < s.in_end) {
        unsigned char c = (unsigned char)*s.in;
        char *begin = s.out;
        DatetimeFieldKind kind = FIELD_NUMBER;
        bool good = true;

        if (c == 0)
            return false;
        if (isspace(c)) {
            s.in++;
            continue;
        }
        if (ret->count == DATETIME_FIELDS_MAX)
            return false;
        if (isdigit(c)) {
            good = split_number(&s, &kind);
        } else if (c == '.') {
            good = move(&s) && move_digits(&s);
        } else if (peek_alpha(&s)) {
            good = split_word(&s, begin, &kind);
        } else if (c == '+' || c == '-') {
            good = split_signed(&s, &kind);
        } else if (c < 128 && ispunct(c)) {
            s.in++;
            continue;
        } else {
            return false;
        }
        if (!good || s.out >= s.out_end)
            return false;
        *s.out++ = 0;
        ret->field[ret->count++] = (DatetimeField){kind, begin};
    }
    return true;
}

Status datetime__error(Error *err, DatetimeProblem problem, const char *type_name, Str text)
{
    switch (problem) {
    case PROBLEM_NONE:
    case PROBLEM_FORMAT:
        break;
    case PROBLEM_FIELD_RANGE:
    case PROBLEM_MONTH_DAY:
        (void)error_set_sql(err, STATUS_INVALID, "22008", 0,
                            "date/time field value out of range: \"%.*s\"", STR_FMT(text));
        if (problem == PROBLEM_MONTH_DAY)
            error_hint(err, "Perhaps you need a different \"datestyle\" setting.");
        return STATUS_INVALID;
    case PROBLEM_INTERVAL_RANGE:
        return error_set_sql(err, STATUS_INVALID, "22015", 0,
                             "interval field value out of range: \"%.*s\"", STR_FMT(text));
    case PROBLEM_ZONE_RANGE:
        return error_set_sql(err, STATUS_INVALID, "22009", 0,
                             "time zone displacement out of range: \"%.*s\"", STR_FMT(text));
    }
    return error_set_sql(err, STATUS_INVALID, "22007", 0,
                         "invalid input syntax for type %s: \"%.*s\"", type_name, STR_FMT(text));
}
