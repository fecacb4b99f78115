/* calendar.c - the proleptic Gregorian calendar.
 *
 * H. Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, so that the leap
 * day is the last one, and count in eras of 400 years = 146097 days.
 */
#include <stdlib.h>

#include "format/pgtype/datetime.h"

enum { DAYS_TO_1970 = 719468, DAYS_PER_ERA = 146097 };

int32_t date_from_civil(int32_t year, int32_t month, int32_t day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return (int32_t)(era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970);
}

CivilDate date_to_civil(int32_t days)
{
    int64_t z = (int64_t)days + DAYS_TO_1970;
    int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    uint32_t of_era = (uint32_t)(z - era * DAYS_PER_ERA);
    uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t shifted = (5 * of_year + 2) / 153;
    int32_t month = (int32_t)(shifted < 10 ? shifted + 3 : shifted - 9);
    return (CivilDate){
        .year = (int32_t)(era * 400 + year_of_era) + (month <= 2),
        .month = month,
        .day = (int32_t)(of_year - (153 * shifted + 2) / 5 + 1),
    };
}

int month_days(int32_t year, int32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && year_is_leap(year) ? 29 : days[month - 1];
}

int date_weekday(int32_t days)
{
    int64_t d = ((int64_t)days + 4) % 7;
    return (int)(d < 0 ? d + 7 : d);
}

int date_day_of_year(int32_t days)
{
    return days - date_from_civil(date_to_civil(days).year, 1, 1) + 1;
}

/* The Monday that begins ISO week 1 of a year: of the week that holds 4 January. */
static int32_t iso_first_monday(int32_t year)
{
    int32_t fourth = date_from_civil(year, 1, 4);
    return fourth - (date_weekday(fourth) + 6) % 7;
}

int32_t date_iso_year(int32_t days)
{
    int32_t year = date_to_civil(days).year;

    if (days < iso_first_monday(year))
        return year - 1;
    return days >= iso_first_monday(year + 1) ? year + 1 : year;
}

int date_iso_week(int32_t days)
{
    return (days - iso_first_monday(date_iso_year(days))) / 7 + 1;
}

Status timestamp_from_civil(const CivilTime *c, int64_t *ret, Error *err)
{
    int64_t day = date_from_civil(c->date.year, c->date.month, c->date.day);
    int64_t us = c->hour * US_PER_HOUR + c->minute * US_PER_MINUTE + c->second * US_PER_SEC + c->us;

    /* Multiplied and added apart, the earliest day could overflow before the time is added back. */
    if (c->date.year < -4713 || c->date.year > 294277 || day < DATE_MIN ||
        __builtin_mul_overflow(day, US_PER_DAY, &day) || __builtin_add_overflow(day, us, &us) ||
        us > TIMESTAMP_MAX || us < TIMESTAMP_MIN)
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "timestamp out of range");
    *ret = us;
    return STATUS_OK;
}

CivilTime timestamp_to_civil(int64_t us)
{
    int64_t day = us / US_PER_DAY;
    int64_t rest = us % US_PER_DAY;

    if (rest < 0) {
        rest += US_PER_DAY;
        day--;
    }
    int32_t sec = (int32_t)(rest / US_PER_SEC);
    return (CivilTime){
        .date = date_to_civil((int32_t)day),
        .hour = sec / 3600,
        .minute = sec / 60 % 60,
        .second = sec % 60,
        .us = (int32_t)(rest % US_PER_SEC),
    };
}
