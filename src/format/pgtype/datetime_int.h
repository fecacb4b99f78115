/* datetime_int.h - fields and words of date/time texts, for datetime_parse.c and interval_parse.c.
 */
#ifndef LUMA_FORMAT_PGTYPE_DATETIME_INT_H
#define LUMA_FORMAT_PGTYPE_DATETIME_INT_H

#include "format/pgtype/datetime.h"

enum { DATETIME_FIELDS_MAX = 25, DATETIME_TEXT_MAX = 153 };

/* What a field of the input looks like. */
typedef enum DatetimeFieldKind {
    FIELD_NUMBER,  /* digits, perhaps with one point */
    FIELD_DATE,    /* digits or words joined by - / . */
    FIELD_TIME,    /* digits joined by : */
    FIELD_ZONE,    /* signed number */
    FIELD_STRING,  /* a word */
    FIELD_SPECIAL, /* a signed word */
} DatetimeFieldKind;

typedef struct DatetimeField {
    DatetimeFieldKind kind;
    char *text; /* NUL-terminated, lower case, in the work buffer */
} DatetimeField;

typedef struct DatetimeFields {
    char work[DATETIME_TEXT_MAX + DATETIME_FIELDS_MAX];
    DatetimeField field[DATETIME_FIELDS_MAX];
    int count;
} DatetimeFields;

/* Splits a text; false when it cannot be one of date/time. */
bool datetime__split(Str text, DatetimeFields *ret);

/* Why a text is refused. */
typedef enum DatetimeProblem {
    PROBLEM_NONE,
    PROBLEM_FORMAT,         /* 22007 */
    PROBLEM_FIELD_RANGE,    /* 22008 */
    PROBLEM_MONTH_DAY,      /* 22008, with the hint about datestyle */
    PROBLEM_INTERVAL_RANGE, /* 22015 */
    PROBLEM_ZONE_RANGE,     /* 22009 */
} DatetimeProblem;
Status datetime__error(Error *err, DatetimeProblem problem, const char *type_name, Str text);

/* Words. */
typedef enum WordKind {
    WORD_UNKNOWN,
    WORD_IGNORE,
    WORD_MONTH,   /* value 1..12 */
    WORD_WEEKDAY, /* 0 = Sunday */
    WORD_AMPM,    /* value 0 am, 1 pm */
    WORD_ADBC,    /* value 0 ad, 1 bc */
    WORD_ISO_T,   /* "t" before a time */
    WORD_JULIAN,  /* "j" before a day number */
    WORD_DST,     /* "dst" after a zone */
    WORD_NOW,
    WORD_YESTERDAY,
    WORD_TODAY,
    WORD_TOMORROW,
    WORD_ALLBALLS, /* 00:00 UTC */
    WORD_EPOCH,
    WORD_LATE,
    WORD_EARLY,
    WORD_UNIT, /* other words of the table, useless in input */
} WordKind;
WordKind datetime__word(const char *text, int *ret_value);

/* Units of intervals, date_trunc and extract. */
typedef enum DatetimeUnit {
    UNIT_UNKNOWN,
    UNIT_MICROSECOND,
    UNIT_MILLISECOND,
    UNIT_SECOND,
    UNIT_MINUTE,
    UNIT_HOUR,
    UNIT_DAY,
    UNIT_WEEK,
    UNIT_MONTH,
    UNIT_QUARTER,
    UNIT_YEAR,
    UNIT_DECADE,
    UNIT_CENTURY,
    UNIT_MILLENNIUM,
    UNIT_DOW,
    UNIT_ISODOW,
    UNIT_DOY,
    UNIT_ISOYEAR,
    UNIT_JULIAN,
    UNIT_EPOCH,
    UNIT_TIMEZONE,
    UNIT_TIMEZONE_HOUR,
    UNIT_TIMEZONE_MINUTE,
    UNIT_AGO,
    UNIT_NOISE, /* "at", "@" */
} DatetimeUnit;
/* Words of intervals ("mins", "ago"). */
DatetimeUnit datetime__interval_unit(const char *text);
/* Words of extract and date_trunc, any case. */
DatetimeUnit datetime__field_unit(Str text);

/* Digits with an optional sign; *end as strtol's; false when they do not fit. */
bool datetime__read_int(const char *text, const char **ret_end, int64_t min, int64_t max,
                        int64_t *ret);
/* ".123456789" (anything after the point but digits fails) as microseconds, rounded. */
bool datetime__read_fraction(const char *text, int32_t *ret_us);

#endif
