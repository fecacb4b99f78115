/* timezone.h - time zones from the system's tzdata (TZif version 2 and later, RFC 8536).
 *
 * A TimeZone is loaded once, kept for the life of the process and immutable: pointers may be kept
 * anywhere. Times are microseconds since 1970-01-01; offsets are seconds east of UTC.
 *
 * Threads: any; the cache has a lock of its own.
 */
#ifndef LUMA_FORMAT_PGTYPE_TIMEZONE_H
#define LUMA_FORMAT_PGTYPE_TIMEZONE_H

#include "base/str.h"

typedef struct TimeZone TimeZone;

const TimeZone *timezone_utc(void);
/* What SET TIME ZONE and AT TIME ZONE take: a tzdata name in any case ("europe/berlin"), an
 * abbreviation ("CET", "pst"), a POSIX specification ("EST5EDT", "<+03>-3", "UTC+2"), or an offset
 * ("+02", "-7.5" are POSIX specs without a name only through timezone_fixed). NULL when unknown. */
const TimeZone *timezone_find(Str name);
/* A tzdata file or a POSIX specification only; what SET TIME ZONE takes. */
const TimeZone *timezone_find_zone(Str name);
/* Fixed offset, as SET TIME ZONE -7 or INTERVAL makes it; name "<-07>+07". NULL past +-167 h. */
const TimeZone *timezone_fixed(int32_t offset_sec);
/* The canonical name: "Europe/Berlin". */
Str timezone_name(const TimeZone *tz);

typedef struct TimeZoneOffset {
    int32_t offset_sec; /* east of UTC */
    bool is_dst;
    const char *abbrev; /* lives as long as the zone */
} TimeZoneOffset;

/* What holds at an instant. */
TimeZoneOffset timezone_at_utc(const TimeZone *tz, int64_t utc_us);
/* What PostgreSQL takes for a local time: in a gap the offset before the transition, in an overlap
 * the one after it (standard time). */
TimeZoneOffset timezone_at_local(const TimeZone *tz, int64_t local_us);
static inline int64_t timezone_to_local(const TimeZone *tz, int64_t utc_us)
{
    return utc_us + timezone_at_utc(tz, utc_us).offset_sec * INT64_C(1000000);
}
static inline int64_t timezone_to_utc(const TimeZone *tz, int64_t local_us)
{
    return local_us - timezone_at_local(tz, local_us).offset_sec * INT64_C(1000000);
}

/* An abbreviation of PostgreSQL's Default set ("cest"). Either *ret_zone is set (the meaning
 * changed over time: take its offset at the instant) or the fixed offset. False when unknown. */
bool timezone_abbrev(Str abbrev, int32_t *ret_offset_sec, bool *ret_is_dst,
                     const TimeZone **ret_zone);
/* The offset that an abbreviation of `tz` (one with *ret_zone above) has at a local time: what it
 * meant when it was last in use by then, else when it first came into use. */
int32_t timezone_abbrev_offset(const TimeZone *tz, Str abbrev, int64_t local_us);
/* Has it one offset at all times? */
bool timezone_is_fixed(const TimeZone *tz);
/* Walks the abbreviations (pg_timezone_abbrevs); false at the end. */
bool timezone_abbrev_at(size_t idx, const char **ret_name, int32_t *ret_offset_sec,
                        bool *ret_is_dst);
/* Calls fn for each zone name below /usr/share/zoneinfo (pg_timezone_names). */
void timezone_each(void (*fn)(void *ctx, const TimeZone *tz), void *ctx);

#endif
