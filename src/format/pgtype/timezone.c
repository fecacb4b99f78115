/* timezone.c - lookup, cache and offsets of time zones. */
#include "format/pgtype/timezone.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/thread.h"
#include "format/pgtype/datetime.h"
#include "format/pgtype/timezone_int.h"

#define ZONEINFO "/usr/share/zoneinfo"

/* Zones are never dropped, so what clients can make of POSIX specifications is bounded. */
enum { ZONES_MAX = 4096, DIR_DEPTH_MAX = 4 };

static struct {
    RwLock lock;
    Map zones; /* lower-case name -> TimeZone *; guarded by `lock` */
    TimeZone utc;
} cache;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;

static void init_cache(void)
{
    rwlock_init(&cache.lock);
    memcpy(cache.utc.name, "UTC", 4);
    cache.utc.has_rule = true;
    memcpy(cache.utc.rule.std_abbrev, "UTC", 4);
    *map_put(&cache.zones, STR("utc"), NULL) = &cache.utc;
}

const TimeZone *timezone_utc(void)
{
    (void)pthread_once(&cache_once, init_cache);
    return &cache.utc;
}

Str timezone_name(const TimeZone *tz)
{
    return str_from(tz->name);
}

/* ---------------------------------------------------------------- loading */

static void free_zone(TimeZone **tz)
{
    if (!*tz)
        return;
    mem_free((*tz)->transitions);
    mem_free((*tz)->transition_type);
    mem_free((*tz)->types);
    mem_free((*tz)->abbrevs);
    mem_free(*tz);
}

static bool read_file(const char *path, Buf *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= TIMEZONE_FILE_MAX;
    while (good) {
        char *at = buf_reserve(out, 4096);
        ssize_t n = read(fd, at, 4096);
        good = n >= 0 && out->len <= TIMEZONE_FILE_MAX;
        if (n <= 0)
            break;
        out->len += (size_t)n;
    }
    (void)close(fd);
    return good;
}

/* Finds the entry of `dir` that equals `name` but for case; writes its true spelling. */
static bool match_entry(const char *dir, Str name, char *ret_spelling)
{
    DIR *d = opendir(dir);
    bool found = false;

    for (struct dirent *e; d && !found && (e = readdir(d));)
        if (str_eq_nocase(str_from(e->d_name), name)) {
            memcpy(ret_spelling, e->d_name, name.len);
            found = true;
        }
    if (d)
        (void)closedir(d);
    return found;
}

/* Turns a name into its path with the spelling of the file system. */
static bool resolve_name(Str name, char path[512], char spelled[TIMEZONE_NAME_MAX + 1])
{
    int len = snprintf(path, 512, "%s/%.*s", ZONEINFO, STR_FMT(name));
    size_t root = strlen(ZONEINFO) + 1;
    struct stat st;

    if (len < 0 || len >= 512)
        return false;
    if (stat(path, &st) != 0) {
        Str rest = name;
        Str part;
        size_t at = root;
        for (int depth = 0; str_split(&rest, '/', &part); depth++) {
            char dir[512];
            memcpy(dir, path, at - 1);
            dir[at - 1] = 0;
            if (depth == DIR_DEPTH_MAX || part.len == 0 || !match_entry(dir, part, path + at))
                return false;
            at += part.len + 1;
        }
    }
    memcpy(spelled, path + root, name.len);
    spelled[name.len] = 0;
    return true;
}

static bool name_is_sane(Str name)
{
    if (name.len == 0 || name.len > TIMEZONE_NAME_MAX || name.ptr[0] == '/' ||
        str_find(name, STR("..")) >= 0)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr("+-_/<>:,.", c)) ||
            c == 0)
            return false;
    }
    return true;
}

/* A new zone from its file or POSIX specification; NULL when there is none of that name. */
static TimeZone *load_zone(Str name)
{
    CLEANUP(free_zone) TimeZone *tz = MEM_NEW(TimeZone);
    CLEANUP(buf_done) Buf bytes = {0};
    char path[512];

    if (resolve_name(name, path, tz->name) && read_file(path, &bytes) &&
        timezone__parse_file(buf_str(&bytes), tz))
        return STEAL(tz);
    free_zone(&tz);
    tz = MEM_NEW(TimeZone);
    if (!timezone__parse_rule(name, &tz->rule))
        return NULL;
    tz->has_rule = true;
    memcpy(tz->name, name.ptr, name.len);
    return STEAL(tz);
}

/* Publishes a zone, or returns the one that another thread published first. */
static const TimeZone *publish(Str key, TimeZone *tz)
{
    const TimeZone *result = NULL;

    rwlock_write(&cache.lock);
    TimeZone *there = map_get(&cache.zones, key);
    if (there) {
        result = there;
    } else if (cache.zones.count < ZONES_MAX) {
        *map_put(&cache.zones, (Str){mem_dup(key.ptr, key.len), key.len}, NULL) = tz;
        result = tz;
    }
    rwlock_unlock(&cache.lock);
    if (result != tz)
        free_zone(&tz);
    return result;
}

const TimeZone *timezone_find_zone(Str name)
{
    char lower[TIMEZONE_NAME_MAX];

    (void)timezone_utc();
    if (!name_is_sane(name))
        return NULL;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    Str key = {lower, name.len};
    rwlock_read(&cache.lock);
    const TimeZone *known = map_get(&cache.zones, key);
    rwlock_unlock(&cache.lock);
    if (known)
        return known;
    TimeZone *tz = load_zone(name);
    return tz ? publish(key, tz) : NULL;
}

const TimeZone *timezone_fixed(int32_t offset_sec)
{
    char name[64];
    char abbrev[24];
    int32_t east = offset_sec < 0 ? -offset_sec : offset_sec;
    char sign = offset_sec < 0 ? '-' : '+';

    if (east > 167 * 3600)
        return NULL;
    int len = snprintf(abbrev, sizeof abbrev, "%02d", east / 3600);
    if (east % 3600)
        len += snprintf(abbrev + len, sizeof abbrev - (size_t)len, ":%02d", east / 60 % 60);
    if (east % 60)
        (void)snprintf(abbrev + len, sizeof abbrev - (size_t)len, ":%02d", east % 60);
    /* The sign after <...> is POSIX's: west. */
    (void)snprintf(name, sizeof name, "<%c%s>%c%s", sign, abbrev, offset_sec < 0 ? '+' : '-',
                   abbrev);
    return timezone_find_zone(str_from(name));
}

static const TimeZoneAbbrev *find_abbrev(Str text)
{
    char lower[TIMEZONE_ABBREV_BYTES];
    size_t low = 0;
    size_t high = timezone__abbrev_count;

    if (text.len == 0 || text.len >= sizeof lower)
        return NULL;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = str_cmp((Str){lower, text.len}, str_from(timezone__abbrevs[mid].name));
        if (c == 0)
            return &timezone__abbrevs[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

bool timezone_abbrev(Str abbrev, int32_t *ret_offset_sec, bool *ret_is_dst,
                     const TimeZone **ret_zone)
{
    const TimeZoneAbbrev *a = find_abbrev(abbrev);
    const TimeZone *zone = a && a->zone ? timezone_find_zone(str_from(a->zone)) : NULL;

    if (!a || (a->zone && !zone))
        return false;
    *ret_offset_sec = a->offset_sec;
    *ret_is_dst = a->is_dst;
    *ret_zone = zone;
    return true;
}

bool timezone_abbrev_at(size_t idx, const char **ret_name, int32_t *ret_offset_sec,
                        bool *ret_is_dst)
{
    if (idx >= timezone__abbrev_count)
        return false;
    *ret_name = timezone__abbrevs[idx].name;
    *ret_offset_sec = timezone__abbrevs[idx].offset_sec;
    *ret_is_dst = timezone__abbrevs[idx].is_dst;
    return true;
}

const TimeZone *timezone_find(Str name)
{
    int32_t offset;
    bool is_dst;
    const TimeZone *zone;

    if (timezone_abbrev(name, &offset, &is_dst, &zone))
        return zone ? zone : timezone_fixed(offset);
    return timezone_find_zone(name);
}

static void each_in(const char *dir, Str prefix, int depth,
                    void (*fn)(void *ctx, const TimeZone *tz), void *ctx)
{
    DIR *d = depth < DIR_DEPTH_MAX ? opendir(dir) : NULL;

    for (struct dirent *e; d && (e = readdir(d));) {
        char path[512];
        char name[TIMEZONE_NAME_MAX + 1];
        struct stat st;
        if (e->d_name[0] == '.' || !strcmp(e->d_name, "posix") || !strcmp(e->d_name, "right") ||
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path ||
            snprintf(name, sizeof name, "%.*s%s", STR_FMT(prefix), e->d_name) >= (int)sizeof name ||
            stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            size_t len = strlen(name);
            if (len < TIMEZONE_NAME_MAX) {
                name[len] = '/';
                each_in(path, (Str){name, len + 1}, depth + 1, fn, ctx);
            }
        } else if (e->d_name[0] >= 'A' && e->d_name[0] <= 'Z' && !strchr(e->d_name, '.')) {
            const TimeZone *tz = timezone_find_zone(str_from(name));
            if (tz)
                fn(ctx, tz);
        }
    }
    if (d)
        (void)closedir(d);
}

void timezone_each(void (*fn)(void *ctx, const TimeZone *tz), void *ctx)
{
    each_in(ZONEINFO, STR(""), 0, fn, ctx);
}

/* ---------------------------------------------------------------- offsets */

static TimeZoneOffset rule_std(const TimeZoneRule *r)
{
    return (TimeZoneOffset){r->std_offset, false, r->std_abbrev};
}
static TimeZoneOffset rule_dst(const TimeZoneRule *r)
{
    return (TimeZoneOffset){r->dst_offset, true, r->dst_abbrev};
}

/* Local seconds since 1970 of a rule's change in a year. */
static int64_t rule_local(const TimeZoneRuleDate *d, int32_t year)
{
    int64_t first = date_from_civil(year, 1, 1);
    int64_t day;

    switch (d->kind) {
    case RULE_JULIAN: /* 29 February is never counted */
        day = first + d->day - 1 + (year_is_leap(year) && d->day >= 60);
        break;
    case RULE_DAY:
        day = first + d->day;
        break;
    case RULE_MONTH: {
        int64_t month_first = date_from_civil(year, d->month, 1);
        int shift = (d->day - date_weekday((int32_t)month_first) + 7) % 7;
        int in_month = shift + (d->week - 1) * 7;
        while (in_month >= month_days(year, d->month))
            in_month -= 7;
        day = month_first + in_month;
        break;
    }
    }
    return day * 86400 + d->second;
}

/* A change of offset: from `at` on `after` holds. */
typedef struct Change {
    int64_t at; /* UTC seconds */
    TimeZoneOffset after;
} Change;

/* The six changes around a year, ascending. */
static void rule_changes(const TimeZoneRule *r, int32_t year, Change ret[6])
{
    for (int i = 0; i < 3; i++) {
        Change on = {rule_local(&r->start, year - 1 + i) - r->std_offset, rule_dst(r)};
        Change off = {rule_local(&r->end, year - 1 + i) - r->dst_offset, rule_std(r)};
        ret[2 * i] = on.at <= off.at ? on : off;
        ret[2 * i + 1] = on.at <= off.at ? off : on;
    }
}

static int32_t year_of(int64_t sec)
{
    int64_t day = sec >= 0 ? sec / 86400 : -((-sec + 86399) / 86400);
    return date_to_civil((int32_t)day).year;
}

static TimeZoneOffset rule_at(const TimeZoneRule *r, int64_t sec)
{
    Change changes[6];

    if (!r->has_dst)
        return rule_std(r);
    rule_changes(r, year_of(sec), changes);
    TimeZoneOffset found = changes[0].after;
    for (int i = 0; i < 6; i++)
        if (changes[i].at <= sec)
            found = changes[i].after;
    return found;
}

static TimeZoneOffset type_offset(const TimeZone *tz, uint8_t type)
{
    const TimeZoneType *t = &tz->types[type];
    return (TimeZoneOffset){t->offset_sec, t->is_dst, tz->abbrevs + t->abbrev};
}

/* Transitions at or before `sec`. */
static uint32_t transitions_until(const TimeZone *tz, int64_t sec)
{
    uint32_t low = 0;
    uint32_t high = tz->transition_count;

    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (tz->transitions[mid] <= sec)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static TimeZoneOffset offset_at(const TimeZone *tz, int64_t sec)
{
    uint32_t n = transitions_until(tz, sec);

    if (n == tz->transition_count && tz->has_rule)
        return rule_at(&tz->rule, sec);
    return type_offset(tz, n ? tz->transition_type[n - 1] : 0);
}

/* The first change after `sec`; false when there is none. */
static bool next_change(const TimeZone *tz, int64_t sec, Change *ret)
{
    uint32_t n = transitions_until(tz, sec);

    if (n < tz->transition_count) {
        *ret = (Change){tz->transitions[n], type_offset(tz, tz->transition_type[n])};
        return true;
    }
    if (!tz->has_rule || !tz->rule.has_dst)
        return false;
    Change changes[6];
    rule_changes(&tz->rule, year_of(sec), changes);
    for (int i = 0; i < 6; i++)
        if (changes[i].at > sec) {
            *ret = changes[i];
            return true;
        }
    return false;
}

static int64_t floor_sec(int64_t us)
{
    return us >= 0 ? us / US_PER_SEC : -((-(us + 1)) / US_PER_SEC) - 1;
}

TimeZoneOffset timezone_at_utc(const TimeZone *tz, int64_t utc_us)
{
    return offset_at(tz, floor_sec(utc_us));
}

/* As PostgreSQL's DetermineTimeZoneOffset: looks at the one change that may lie near. */
TimeZoneOffset timezone_at_local(const TimeZone *tz, int64_t local_us)
{
    int64_t local = floor_sec(local_us);
    TimeZoneOffset before = offset_at(tz, local - 86400);
    Change change;

    if (!next_change(tz, local - 86400, &change))
        return before;
    int64_t as_before = local - before.offset_sec;
    int64_t as_after = local - change.after.offset_sec;
    if (as_before < change.at && as_after < change.at)
        return before;
    if (as_before > change.at && as_after >= change.at)
        return change.after;
    return as_before > as_after ? before : change.after;
}

int32_t timezone_abbrev_offset(const TimeZone *tz, Str abbrev, int64_t local_us)
{
    TimeZoneOffset found = timezone_at_local(tz, local_us);
    int64_t sec = floor_sec(local_us) - found.offset_sec;
    uint32_t until = transitions_until(tz, sec);

    if (str_eq_nocase(str_from(found.abbrev), abbrev))
        return found.offset_sec;
    for (uint32_t i = until; i > 0; i--) {
        TimeZoneOffset o = type_offset(tz, tz->transition_type[i - 1]);
        if (str_eq_nocase(str_from(o.abbrev), abbrev))
            return o.offset_sec;
    }
    for (uint32_t i = until; i < tz->transition_count; i++) {
        TimeZoneOffset o = type_offset(tz, tz->transition_type[i]);
        if (str_eq_nocase(str_from(o.abbrev), abbrev))
            return o.offset_sec;
    }
    return found.offset_sec;
}

bool timezone_is_fixed(const TimeZone *tz)
{
    if (tz->has_rule && tz->rule.has_dst)
        return false;
    return tz->transition_count == 0;
}
