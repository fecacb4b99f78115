/* timezone_int.h - what timezone.c, timezone_file.c and timezone_abbrev.c share. */
#ifndef LUMA_FORMAT_PGTYPE_TIMEZONE_INT_H
#define LUMA_FORMAT_PGTYPE_TIMEZONE_INT_H

#include "format/pgtype/timezone.h"

enum {
    TIMEZONE_ABBREV_BYTES = 12, /* with NUL */
    TIMEZONE_NAME_MAX = 255,
    TIMEZONE_FILE_MAX = 1 << 20,
};

typedef struct TimeZoneAbbrev {
    const char *name; /* lower case */
    int32_t offset_sec;
    bool is_dst;
    const char *zone; /* tzdata name where the meaning changed over time, else NULL */
} TimeZoneAbbrev;

extern const TimeZoneAbbrev timezone__abbrevs[];
extern const size_t timezone__abbrev_count;

/* When a POSIX rule changes the clock: Jn, n, or Mm.w.d, then a time of local day. */
typedef struct TimeZoneRuleDate {
    enum { RULE_JULIAN, RULE_DAY, RULE_MONTH } kind;
    int32_t day; /* Jn, n, or d of Mm.w.d */
    int32_t week;
    int32_t month;
    int32_t second; /* local seconds after midnight, may be negative or past a day */
} TimeZoneRuleDate;

/* A POSIX TZ specification. */
typedef struct TimeZoneRule {
    char std_abbrev[TIMEZONE_ABBREV_BYTES];
    char dst_abbrev[TIMEZONE_ABBREV_BYTES];
    int32_t std_offset; /* seconds east */
    int32_t dst_offset;
    bool has_dst;
    TimeZoneRuleDate start; /* of daylight saving time, in standard time */
    TimeZoneRuleDate end;   /* in daylight saving time */
} TimeZoneRule;

typedef struct TimeZoneType {
    int32_t offset_sec;
    bool is_dst;
    uint8_t abbrev; /* index into abbrevs */
} TimeZoneType;

/* Immutable once published. */
struct TimeZone {
    char name[TIMEZONE_NAME_MAX + 1];
    uint32_t transition_count;
    int64_t *transitions;     /* UTC seconds, ascending */
    uint8_t *transition_type; /* type that begins there */
    uint32_t type_count;      /* >= 1 unless only a rule */
    TimeZoneType *types;
    char *abbrevs; /* NUL-terminated texts */
    bool has_rule; /* holds after the last transition */
    TimeZoneRule rule;
};

/* Parses a POSIX TZ specification; false when it is none. */
bool timezone__parse_rule(Str text, TimeZoneRule *ret_rule);
/* Parses the bytes of a TZif file into *tz (name untouched); false when they are damaged. */
bool timezone__parse_file(Str bytes, TimeZone *tz);

#endif
