/* copy_convert.c - the fields of one column become its values.
 *
 * Usual spellings of the usual types are read in tight loops here; whatever else there is goes to
 * pgtype, which knows all of them and their errors. */
#include <math.h>

#include "format/copy/copy_int.h"
#include "format/pgtype/datetime.h"

/* ---------------------------------------------------------------- fast spellings */

/* [-]digits, at most 18 of them. */
static inline bool read_int(Str s, int64_t *ret)
{
    size_t i = s.len && s.ptr[0] == '-';
    uint64_t v = 0;

    if (s.len == i || s.len > 18)
        return false;
    for (size_t k = i; k < s.len; k++) {
        unsigned digit = (unsigned)(s.ptr[k] - '0');
        if (digit > 9)
            return false;
        v = v * 10 + digit;
    }
    *ret = i ? -(int64_t)v : (int64_t)v;
    return true;
}

/* [-]digits[.digits] of at most 15 digits: both parts of the quotient are exact, so it is rounded
 * once, correctly. */
static inline bool read_double(Str s, double *ret)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t i = s.len && s.ptr[0] == '-';
    uint64_t v = 0;
    size_t digits = 0;
    size_t point = s.len;

    if (s.len == i || s.len > 17)
        return false;
    for (size_t k = i; k < s.len; k++) {
        unsigned digit = (unsigned)(s.ptr[k] - '0');
        if (digit <= 9) {
            v = v * 10 + digit;
            digits++;
        } else if (s.ptr[k] == '.' && point == s.len) {
            point = k;
        } else {
            return false;
        }
    }
    if (!digits || digits > 15)
        return false;
    double value = point == s.len ? (double)v : (double)v / powers[s.len - point - 1];
    *ret = i ? -value : value;
    return true;
}

static inline int two_digits(const char *p)
{
    unsigned a = (unsigned)(p[0] - '0');
    unsigned b = (unsigned)(p[1] - '0');
    return a > 9 || b > 9 ? -1000000 : (int)(a * 10 + b);
}

/* YYYY-MM-DD; days since 1970. */
static inline bool read_date(const char *p, int32_t *ret)
{
    static const int8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = two_digits(p) * 100 + two_digits(p + 2);
    int month = two_digits(p + 5);
    int day = two_digits(p + 8);

    if (p[4] != '-' || p[7] != '-' || year < 1 || month < 1 || month > 12 || day < 1)
        return false;
    if (day > month_days[month - 1] &&
        (month != 2 || day > 29 || year % 4 || (year % 100 == 0 && year % 400)))
        return false;
    *ret = date_from_civil(year, month, day);
    return true;
}

/* "YYYY-MM-DD HH:MM:SS[.ffffff]", and then a zone of "Z", "+HH" or "+HH:MM" where there must be
 * one. */
static inline bool read_timestamp(Str s, bool zoned, int64_t *ret)
{
    int32_t days;
    size_t at = 19;
    int64_t us = 0;

    if (s.len < 19 || !read_date(s.ptr, &days) || (s.ptr[10] != ' ' && s.ptr[10] != 'T') ||
        s.ptr[13] != ':' || s.ptr[16] != ':')
        return false;
    int hour = two_digits(s.ptr + 11);
    int minute = two_digits(s.ptr + 14);
    int second = two_digits(s.ptr + 17);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    if (at < s.len && s.ptr[at] == '.') {
        int64_t unit = 100000;
        for (at++; at < s.len && (unsigned)(s.ptr[at] - '0') <= 9; at++, unit /= 10) {
            if (!unit)
                return false;
            us += (s.ptr[at] - '0') * unit;
        }
    }
    us += (((int64_t)days * 24 + hour) * 60 + minute) * 60000000 + (int64_t)second * 1000000;
    if (zoned) {
        Str zone = str_sub(s, at, s.len);
        if (str_eq(zone, STR("Z"))) {
            at++;
        } else {
            bool minutes = zone.len == 6 && zone.ptr[3] == ':';
            if ((zone.len != 3 && !minutes) || (zone.ptr[0] != '+' && zone.ptr[0] != '-'))
                return false;
            int h = two_digits(zone.ptr + 1);
            int m = minutes ? two_digits(zone.ptr + 4) : 0;
            if (h < 0 || h > 14 || m < 0 || m > 59)
                return false;
            us -= (zone.ptr[0] == '-' ? -1 : 1) * (int64_t)(h * 60 + m) * 60000000;
            at += zone.len;
        }
    }
    *ret = us;
    return at == s.len;
}

/* ---------------------------------------------------------------- text columns */

/* The loops skip what is NULL. A value that a fast reader does not know goes to pgtype. */
#define EACH_FIELD(fast)                                                                           \
    for (uint32_t i = 0; i < count; i++) {                                                         \
        if (!fields[i].ptr || (fast))                                                              \
            continue;                                                                              \
        Status status = pgtype_parse_text(fields[i], r->settings, ret, i, r->arena, err);          \
        if (status != STATUS_OK) {                                                                 \
            *ret_row = i;                                                                          \
            return status;                                                                         \
        }                                                                                          \
    }                                                                                              \
    return STATUS_OK

static Status convert_int2(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                           uint32_t *ret_row, Error *err)
{
    int16_t *values = column_values(ret);
    int64_t v;
    EACH_FIELD(read_int(fields[i], &v) && v == (int16_t)v && (values[i] = (int16_t)v, true));
}

static Status convert_int4(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                           uint32_t *ret_row, Error *err)
{
    int32_t *values = column_values(ret);
    int64_t v;
    EACH_FIELD(read_int(fields[i], &v) && v == (int32_t)v && (values[i] = (int32_t)v, true));
}

static Status convert_int8(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                           uint32_t *ret_row, Error *err)
{
    int64_t *values = column_values(ret);
    EACH_FIELD(read_int(fields[i], &values[i]));
}

static Status convert_float8(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                             uint32_t *ret_row, Error *err)
{
    double *values = column_values(ret);
    EACH_FIELD(read_double(fields[i], &values[i]));
}

static Status convert_date(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                           uint32_t *ret_row, Error *err)
{
    int32_t *values = column_values(ret);
    EACH_FIELD(fields[i].len == 10 && read_date(fields[i].ptr, &values[i]));
}

static Status convert_timestamp(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                                uint32_t *ret_row, Error *err)
{
    int64_t *values = column_values(ret);
    bool zoned = ret->type.id == TYPE_TIMESTAMPTZ;
    EACH_FIELD(ret->type.typmod < 0 && read_timestamp(fields[i], zoned, &values[i]));
}

/* Long texts of a column lie behind each other in one piece. */
static Status convert_views(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                            Error *err)
{
    View *values = column_values(ret);
    size_t bytes = 0;
    char *out = NULL;

    for (uint32_t i = 0; i < count; i++)
        bytes += fields[i].len > VIEW_INLINE_MAX ? fields[i].len : 0;
    if (bytes)
        TRY(arena_try_alloc(r->arena, bytes, &out, err));
    for (uint32_t i = 0; i < count; i++) {
        if (fields[i].len > VIEW_INLINE_MAX) {
            memcpy(out, fields[i].ptr, fields[i].len);
            values[i] = view_make(out, fields[i].len);
            out += fields[i].len;
        } else if (fields[i].ptr) {
            values[i] = view_make(fields[i].ptr, fields[i].len);
        }
    }
    return STATUS_OK;
}

static Status convert_any(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                          uint32_t *ret_row, Error *err)
{
    EACH_FIELD(false);
}

/* ---------------------------------------------------------------- binary columns */

static Status convert_binary(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                             uint32_t *ret_row, Error *err)
{
    void *values = column_values(ret);
    size_t width = ret->type.is_array ? 0 : layout_width(type_layout(ret->type));
    bool view = type_layout(ret->type) == LAYOUT_VIEW;
    size_t fixed = view ? 0 : (size_t)type_len(ret->type);
    bool int8 = type_eq(ret->type, TYPE_OF(INT8)) || type_eq(ret->type, TYPE_OF(FLOAT8));
    bool int4 = type_eq(ret->type, TYPE_OF(INT4)) || type_eq(ret->type, TYPE_OF(FLOAT4));

    for (uint32_t i = 0; i < count; i++) {
        if (!fields[i].ptr)
            continue;
        if ((int8 || int4) && fields[i].len == width) {
            if (int8) {
                uint64_t v;
                memcpy(&v, fields[i].ptr, sizeof v);
                ((uint64_t *)values)[i] = __builtin_bswap64(v);
            } else {
                uint32_t v;
                memcpy(&v, fields[i].ptr, sizeof v);
                ((uint32_t *)values)[i] = __builtin_bswap32(v);
            }
            continue;
        }
        if (fields[i].len < fixed) {
            *ret_row = i;
            return error_set_sql(err, STATUS_INVALID, "08P01", 0,
                                 "insufficient data left in message");
        }
        Status status = pgtype_parse_binary(fields[i], r->settings, ret, i, r->arena, err);
        if (status != STATUS_OK) {
            *ret_row = i;
            if (err && !strcmp(err->sqlstate, "22P03") && fixed)
                (void)error_set_sql(err, status, "22P03", 0, "incorrect binary data format");
            return status;
        }
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- the column */

static Status convert_text(CopyReader *r, const Str *fields, uint32_t count, Column *ret,
                           uint32_t *ret_row, Error *err)
{
    if (ret->type.is_array)
        return convert_any(r, fields, count, ret, ret_row, err);
    switch (ret->type.id) {
    case TYPE_INT2:
        return convert_int2(r, fields, count, ret, ret_row, err);
    case TYPE_INT4:
        return convert_int4(r, fields, count, ret, ret_row, err);
    case TYPE_INT8:
        return convert_int8(r, fields, count, ret, ret_row, err);
    case TYPE_FLOAT8:
        return convert_float8(r, fields, count, ret, ret_row, err);
    case TYPE_DATE:
        return convert_date(r, fields, count, ret, ret_row, err);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return convert_timestamp(r, fields, count, ret, ret_row, err);
    case TYPE_TEXT:
        *ret_row = 0;
        return convert_views(r, fields, count, ret, err);
    case TYPE_VARCHAR:
        if (ret->type.typmod < 0) {
            *ret_row = 0;
            return convert_views(r, fields, count, ret, err);
        }
        break;
    default:
        break;
    }
    return convert_any(r, fields, count, ret, ret_row, err);
}

Status copy__convert(CopyReader *r, const CopyColumn *column, const Str *fields, uint32_t count,
                     Column *ret, uint32_t *ret_row, Error *err)
{
    bool nulls = false;

    *ret_row = 0;
    TRY(column_init(ret, r->arena, column->type, count, false, err));
    for (uint32_t i = 0; i < count && !nulls; i++)
        nulls = !fields[i].ptr;
    if (nulls) {
        TRY(column_need_validity(ret, r->arena, err));
        uint8_t *validity = column_validity(ret);
        for (uint32_t i = 0; i < count; i++)
            if (!fields[i].ptr)
                bit_clear(validity, i);
    }
    return r->options.format == COPY_BINARY ? convert_binary(r, fields, count, ret, ret_row, err)
                                            : convert_text(r, fields, count, ret, ret_row, err);
}
