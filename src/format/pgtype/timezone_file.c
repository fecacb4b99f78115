/* timezone_file.c - TZif files (RFC 8536) and POSIX TZ specifications (POSIX.1-2017, 8.3). */
#include "base/buf.h"
#include "format/pgtype/timezone_int.h"

enum {
    TZIF_TRANSITIONS_MAX = 8192,
    TZIF_TYPES_MAX = 256,
    TZIF_CHARS_MAX = 2048,
    HOURS_MAX = 167,
};

/* ---------------------------------------------------------------- POSIX specification */

static bool read_number(Str *s, int32_t max, int32_t *ret)
{
    int32_t v = 0;
    size_t n = 0;

    while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9') {
        v = v * 10 + (s->ptr[n] - '0');
        if (v > max)
            return false;
        n++;
    }
    *s = str_sub(*s, n, s->len);
    *ret = v;
    return n > 0;
}

static bool skip(Str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = str_sub(*s, 1, s->len);
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_clock(Str *s, int32_t *ret_sec)
{
    int32_t hour;
    int32_t minute = 0;
    int32_t second = 0;
    bool negative = skip(s, '-');

    if (!negative)
        (void)skip(s, '+');
    if (!read_number(s, HOURS_MAX, &hour))
        return false;
    if (skip(s, ':') && !read_number(s, 59, &minute))
        return false;
    if (skip(s, ':') && !read_number(s, 59, &second))
        return false;
    int32_t total = hour * 3600 + minute * 60 + second;
    *ret_sec = negative ? -total : total;
    return true;
}

/* Letters, or anything in <...>. None at all is taken, too ("-08:00"), as PostgreSQL does. */
static bool read_abbrev(Str *s, char ret[TIMEZONE_ABBREV_BYTES])
{
    bool quoted = skip(s, '<');
    size_t n = 0;

    while (n < s->len) {
        char c = s->ptr[n];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (quoted ? c == '>' : !letter)
            break;
        n++;
    }
    if (n < (quoted ? 1 : 0) || n >= TIMEZONE_ABBREV_BYTES)
        return false;
    memcpy(ret, s->ptr, n);
    ret[n] = 0;
    *s = str_sub(*s, n, s->len);
    return !quoted || skip(s, '>');
}

static bool read_rule_date(Str *s, TimeZoneRuleDate *ret)
{
    *ret = (TimeZoneRuleDate){.second = 2 * 3600};
    if (skip(s, 'J')) {
        ret->kind = RULE_JULIAN;
        if (!read_number(s, 365, &ret->day) || ret->day < 1)
            return false;
    } else if (skip(s, 'M')) {
        ret->kind = RULE_MONTH;
        if (!read_number(s, 12, &ret->month) || ret->month < 1 || !skip(s, '.') ||
            !read_number(s, 5, &ret->week) || ret->week < 1 || !skip(s, '.') ||
            !read_number(s, 6, &ret->day))
            return false;
    } else {
        ret->kind = RULE_DAY;
        if (!read_number(s, 365, &ret->day))
            return false;
    }
    return !skip(s, '/') || read_clock(s, &ret->second);
}

bool timezone__parse_rule(Str text, TimeZoneRule *ret_rule)
{
    TimeZoneRule rule = {0};
    Str s = text;
    int32_t west;

    if (!read_abbrev(&s, rule.std_abbrev) || !read_clock(&s, &west))
        return false;
    rule.std_offset = -west;
    if (s.len) {
        rule.has_dst = true;
        rule.dst_offset = rule.std_offset + 3600;
        if (!read_abbrev(&s, rule.dst_abbrev) || !rule.dst_abbrev[0])
            return false;
        if (s.len && s.ptr[0] != ',') {
            if (!read_clock(&s, &west))
                return false;
            rule.dst_offset = -west;
        }
        if (s.len == 0)
            s = STR(",M3.2.0,M11.1.0"); /* the rules of the USA, as tzcode's default */
        if (!skip(&s, ',') || !read_rule_date(&s, &rule.start) || !skip(&s, ',') ||
            !read_rule_date(&s, &rule.end))
            return false;
    }
    if (s.len)
        return false;
    *ret_rule = rule;
    return true;
}

/* ---------------------------------------------------------------- TZif */

typedef struct TzifHeader {
    uint8_t version;
    uint32_t isut_count;
    uint32_t isstd_count;
    uint32_t leap_count;
    uint32_t transition_count;
    uint32_t type_count;
    uint32_t char_count;
} TzifHeader;

static bool read_header(BufReader *r, TzifHeader *ret)
{
    Str magic = buf_read_bytes(r, 4);
    ret->version = buf_read_u8(r);
    (void)buf_read_bytes(r, 15);
    ret->isut_count = buf_read_be32(r);
    ret->isstd_count = buf_read_be32(r);
    ret->leap_count = buf_read_be32(r);
    ret->transition_count = buf_read_be32(r);
    ret->type_count = buf_read_be32(r);
    ret->char_count = buf_read_be32(r);
    return !r->failed && str_eq(magic, STR("TZif")) && ret->isut_count <= TZIF_TYPES_MAX &&
           ret->isstd_count <= TZIF_TYPES_MAX && ret->leap_count <= TZIF_TRANSITIONS_MAX &&
           ret->transition_count <= TZIF_TRANSITIONS_MAX && ret->type_count >= 1 &&
           ret->type_count <= TZIF_TYPES_MAX && ret->char_count <= TZIF_CHARS_MAX;
}

static bool read_body(BufReader *r, const TzifHeader *h, TimeZone *tz)
{
    tz->transition_count = h->transition_count;
    tz->transitions = MEM_NEW_ARRAY(int64_t, h->transition_count);
    tz->transition_type = MEM_NEW_ARRAY(uint8_t, h->transition_count);
    tz->type_count = h->type_count;
    tz->types = MEM_NEW_ARRAY(TimeZoneType, h->type_count);
    tz->abbrevs = mem_zalloc(h->char_count + 1);
    for (uint32_t i = 0; i < h->transition_count; i++) {
        tz->transitions[i] = (int64_t)buf_read_be64(r);
        if (i && tz->transitions[i] <= tz->transitions[i - 1])
            return false;
    }
    for (uint32_t i = 0; i < h->transition_count; i++) {
        tz->transition_type[i] = buf_read_u8(r);
        if (tz->transition_type[i] >= h->type_count)
            return false;
    }
    for (uint32_t i = 0; i < h->type_count; i++) {
        int32_t offset = (int32_t)buf_read_be32(r);
        bool is_dst = buf_read_u8(r) != 0;
        uint8_t abbrev = buf_read_u8(r);
        if (abbrev >= h->char_count || offset < -HOURS_MAX * 3600 || offset > HOURS_MAX * 3600)
            return false;
        tz->types[i] = (TimeZoneType){offset, is_dst, abbrev};
    }
    Str chars = buf_read_bytes(r, h->char_count);
    if (chars.ptr)
        memcpy(tz->abbrevs, chars.ptr, chars.len);
    (void)buf_read_bytes(r, (size_t)h->leap_count * 12 + h->isstd_count + h->isut_count);
    return !r->failed;
}

bool timezone__parse_file(Str bytes, TimeZone *tz)
{
    BufReader r = buf_reader(bytes);
    TzifHeader h;

    if (!read_header(&r, &h) || h.version < '2')
        return false;
    /* The first block has 32-bit times; the one after it repeats all with 64 bits. */
    (void)buf_read_bytes(&r, (size_t)h.transition_count * 5 + (size_t)h.type_count * 6 +
                                 h.char_count + (size_t)h.leap_count * 8 + h.isstd_count +
                                 h.isut_count);
    if (!read_header(&r, &h) || !read_body(&r, &h, tz))
        return false;
    Str footer = {(const char *)r.cursor, buf_reader_left(&r)};
    if (footer.len < 2 || footer.ptr[0] != '\n' || footer.ptr[footer.len - 1] != '\n')
        return false;
    footer = str_sub(footer, 1, footer.len - 2);
    if (footer.len == 0)
        return true;
    tz->has_rule = timezone__parse_rule(footer, &tz->rule);
    return tz->has_rule;
}
