/* pgput.c - values of the usual types, straight into memory that is known to suffice. */
#include <math.h>
#include <stdio.h>

#include "format/pgtype/datetime.h"
#include "format/pgtype/digits.h"
#include "format/pgtype/pgtype.h"
#include "format/pgtype/shortest.h"

_Static_assert((int)DATETIME_BYTES_MAX <= (int)PG_PUT_BYTES_MAX &&
                   (int)SHORTEST_TEXT_MAX <= (int)PG_PUT_BYTES_MAX,
               "they fit");

/* 2000-01-01, from which the binary format counts. */
#define EPOCH_US (INT64_C(946684800) * 1000000)

static inline const void *value_at(const Column *c, size_t row, size_t width)
{
    const Column *at;
    return column_at_(c, row, width, &at);
}
static inline int64_t i64_at(const Column *c, size_t row)
{
    return *(const int64_t *)value_at(c, row, 8);
}
static inline int32_t i32_at(const Column *c, size_t row)
{
    return *(const int32_t *)value_at(c, row, 4);
}
static inline int16_t i16_at(const Column *c, size_t row)
{
    return *(const int16_t *)value_at(c, row, 2);
}

/* ---------------------------------------------------------------- text */

static char *text_bool(const Column *c, size_t row, const PgSettings *s, char *out)
{
    *out = column_bool(c, row) ? 't' : 'f';
    return out + 1;
}
static char *text_int2(const Column *c, size_t row, const PgSettings *s, char *out)
{
    return digits_put_i64(out, i16_at(c, row));
}
static char *text_int4(const Column *c, size_t row, const PgSettings *s, char *out)
{
    return digits_put_i64(out, i32_at(c, row));
}
static char *text_int8(const Column *c, size_t row, const PgSettings *s, char *out)
{
    return digits_put_i64(out, i64_at(c, row));
}
/* %.*g, as extra_float_digits of 0 and less ask for. */
static char *text_rounded(double value, int digits, char *out)
{
    return out + snprintf(out, PG_PUT_BYTES_MAX, "%.*g", LUMA_MAX(digits, 1), value);
}
static char *text_float4(const Column *c, size_t row, const PgSettings *s, char *out)
{
    float v = *(const float *)value_at(c, row, 4);
    if (s->extra_float_digits <= 0 && isfinite(v))
        return text_rounded((double)v, 6 + s->extra_float_digits, out);
    return out + shortest_print_float(v, out);
}
static char *text_float8(const Column *c, size_t row, const PgSettings *s, char *out)
{
    double v = *(const double *)value_at(c, row, 8);
    if (s->extra_float_digits <= 0 && isfinite(v))
        return text_rounded(v, 15 + s->extra_float_digits, out);
    return out + shortest_print_double(v, out);
}
static char *text_date(const Column *c, size_t row, const PgSettings *s, char *out)
{
    return date_put(out, i32_at(c, row), s);
}
static char *text_timestamp(const Column *c, size_t row, const PgSettings *s, char *out)
{
    return timestamp_put(out, i64_at(c, row), s);
}
static char *text_timestamptz(const Column *c, size_t row, const PgSettings *s, char *out)
{
    return timestamptz_put(out, i64_at(c, row), s);
}

PgPutFn pgtype_text_put_fn(Type type)
{
    if (type.is_array)
        return NULL;
    switch ((int)type.id) {
    case TYPE_BOOL:
        return text_bool;
    case TYPE_INT2:
        return text_int2;
    case TYPE_INT4:
        return text_int4;
    case TYPE_INT8:
    case TYPE_OID:
        return text_int8;
    case TYPE_FLOAT4:
        return text_float4;
    case TYPE_FLOAT8:
        return text_float8;
    case TYPE_DATE:
        return text_date;
    case TYPE_TIMESTAMP:
        return text_timestamp;
    case TYPE_TIMESTAMPTZ:
        return text_timestamptz;
    default:
        return NULL;
    }
}

bool pgtype_text_is_view(Type type)
{
    return !type.is_array &&
           (type.id == TYPE_TEXT || type.id == TYPE_VARCHAR || type.id == TYPE_BPCHAR ||
            type.id == TYPE_NAME || type.id == TYPE_JSON || type.id == TYPE_JSONB);
}

/* ---------------------------------------------------------------- binary */

static char *put_be64(char *out, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(out, &v, sizeof v);
    return out + sizeof v;
}

static char *binary_2(const Column *c, size_t row, const PgSettings *s, char *out)
{
    uint16_t v = __builtin_bswap16((uint16_t)i16_at(c, row));
    memcpy(out, &v, sizeof v);
    return out + sizeof v;
}
static char *binary_4(const Column *c, size_t row, const PgSettings *s, char *out)
{
    uint32_t v = __builtin_bswap32((uint32_t)i32_at(c, row));
    memcpy(out, &v, sizeof v);
    return out + sizeof v;
}
static char *binary_8(const Column *c, size_t row, const PgSettings *s, char *out)
{
    return put_be64(out, (uint64_t)i64_at(c, row));
}
static char *binary_timestamp(const Column *c, size_t row, const PgSettings *s, char *out)
{
    int64_t us = i64_at(c, row);
    return put_be64(out, (uint64_t)(timestamp_is_finite(us) ? us - EPOCH_US : us));
}

PgPutFn pgtype_binary_put_fn(Type type)
{
    if (type.is_array)
        return NULL;
    switch ((int)type.id) {
    case TYPE_INT2:
        return binary_2;
    case TYPE_INT4:
    case TYPE_FLOAT4:
        return binary_4;
    case TYPE_INT8:
    case TYPE_FLOAT8:
        return binary_8;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return binary_timestamp;
    default:
        return NULL;
    }
}

bool pgtype_binary_is_view(Type type)
{
    return !type.is_array &&
           (type.id == TYPE_TEXT || type.id == TYPE_VARCHAR || type.id == TYPE_BPCHAR ||
            type.id == TYPE_NAME || type.id == TYPE_JSON || type.id == TYPE_BYTEA);
}
