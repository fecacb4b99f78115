/* parquet_convert.c - physical values with their logical type as values of our types. */
#include "format/parquet/parquet_int.h"
#include "format/pgtype/numeric.h"

static Convert make(ConvertKind kind, Type type, uint32_t width)
{
    return (Convert){.kind = kind, .type = type, .width = width};
}

static Convert integer_of(const ParquetNode *node)
{
    bool is_signed = node->logical != PARQUET_LOGICAL_INTEGER || node->is_signed;
    uint32_t bits = node->logical == PARQUET_LOGICAL_INTEGER ? node->bit_width : 0;

    if (node->physical == PARQUET_INT64) {
        if (is_signed)
            return make(CONVERT_COPY, TYPE_OF(INT8), 8);
        Type type = TYPE_OF(NUMERIC);
        type.typmod = numeric_typmod(20, 0);
        return make(CONVERT_UINT64, type, 8);
    }
    if (bits == 8)
        return make(is_signed ? CONVERT_INT8 : CONVERT_UINT8, TYPE_OF(INT2), 4);
    if (bits == 16)
        return is_signed ? make(CONVERT_INT16, TYPE_OF(INT2), 4)
                         : make(CONVERT_UINT16, TYPE_OF(INT4), 4);
    return is_signed ? make(CONVERT_COPY, TYPE_OF(INT4), 4)
                     : make(CONVERT_UINT32, TYPE_OF(INT8), 4);
}

/* Decimals whose precision or scale is beyond numeric's come as what they are stored in. */
static bool decimal_of(const ParquetNode *node, Convert *ret)
{
    static const ConvertKind kinds[] = {0, CONVERT_DECIMAL32,     CONVERT_DECIMAL64,    0, 0,
                                        0, CONVERT_DECIMAL_BYTES, CONVERT_DECIMAL_FIXED};
    static const uint8_t widths[] = {0, 4, 8, 0, 0, 0, 0, 0};

    if (node->precision < 1 || node->precision > NUMERIC_PRECISION_MAX || node->scale < 0 ||
        node->scale > node->precision || !kinds[node->physical])
        return false;
    *ret = make(kinds[node->physical], TYPE_OF(NUMERIC),
                node->physical == PARQUET_FIXED ? (uint32_t)node->fixed_bytes
                                                : widths[node->physical]);
    ret->type.typmod = numeric_typmod(node->precision, node->scale);
    ret->scale = node->scale;
    return true;
}

static Convert int32_of(const ParquetNode *node)
{
    if (node->logical == PARQUET_LOGICAL_DATE)
        return make(CONVERT_COPY, TYPE_OF(DATE), 4);
    if (node->logical == PARQUET_LOGICAL_TIME && node->unit == PARQUET_MILLIS)
        return make(CONVERT_TIME_MS, TYPE_OF(TIME), 4);
    return integer_of(node);
}

static Convert int64_of(const ParquetNode *node)
{
    static const ConvertKind stamps[] = {CONVERT_TS_MS, CONVERT_COPY, CONVERT_TS_NS};

    if (node->logical == PARQUET_LOGICAL_TIMESTAMP)
        return make(stamps[node->unit], node->utc ? TYPE_OF(TIMESTAMPTZ) : TYPE_OF(TIMESTAMP), 8);
    if (node->logical == PARQUET_LOGICAL_TIME && node->unit != PARQUET_MILLIS)
        return make(node->unit == PARQUET_NANOS ? CONVERT_TIME_NS : CONVERT_COPY, TYPE_OF(TIME), 8);
    return integer_of(node);
}

static Convert fixed_of(const ParquetNode *node)
{
    uint32_t width = (uint32_t)node->fixed_bytes;

    if (node->logical == PARQUET_LOGICAL_UUID && width == 16)
        return make(CONVERT_UUID, TYPE_OF(UUID), 16);
    if (node->logical == PARQUET_LOGICAL_INTERVAL && width == 12)
        return make(CONVERT_INTERVAL, TYPE_OF(INTERVAL), 12);
    if (node->logical == PARQUET_LOGICAL_FLOAT16 && width == 2)
        return make(CONVERT_FLOAT16, TYPE_OF(FLOAT4), 2);
    return make(CONVERT_FIXED_VIEW, TYPE_OF(BYTEA), width);
}

Convert parquet__convert_of(const ParquetNode *node)
{
    Convert decimal;

    if (node->logical == PARQUET_LOGICAL_DECIMAL && decimal_of(node, &decimal))
        return decimal;
    switch (node->physical) {
    case PARQUET_BOOLEAN:
        return make(CONVERT_BOOL, TYPE_OF(BOOL), 1);
    case PARQUET_INT32:
        return int32_of(node);
    case PARQUET_INT64:
        return int64_of(node);
    case PARQUET_INT96:
        return make(CONVERT_INT96, TYPE_OF(TIMESTAMP), 12);
    case PARQUET_FLOAT:
        return make(CONVERT_COPY, TYPE_OF(FLOAT4), 4);
    case PARQUET_DOUBLE:
        return make(CONVERT_COPY, TYPE_OF(FLOAT8), 8);
    case PARQUET_FIXED:
        return fixed_of(node);
    case PARQUET_BYTE_ARRAY:
    case PARQUET_PHYSICAL_COUNT_:
        break;
    }
    if (node->logical == PARQUET_LOGICAL_JSON)
        return make(CONVERT_VIEW, TYPE_OF(JSON), 0);
    bool is_text = node->logical == PARQUET_LOGICAL_STRING || node->logical == PARQUET_LOGICAL_ENUM;
    return make(CONVERT_VIEW, is_text ? TYPE_OF(TEXT) : TYPE_OF(BYTEA), 0);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t int96_us(const uint8_t *in)
{
    int64_t nanos;
    int32_t julian;

    memcpy(&nanos, in, 8);
    memcpy(&julian, in + 8, 4);
    /* Days since 1970-01-01; 32 bits of days fit 64 bits of microseconds. */
    return (int64_t)((uint64_t)((int64_t)julian - 2440588) * UINT64_C(86400000000) +
                     (uint64_t)floor_div(nanos, 1000));
}

static float float16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half >> 15) << 31;
    uint32_t exponent = half >> 10 & 31;
    uint32_t fraction = half & 1023;
    uint32_t bits;
    float value;

    if (exponent == 31) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        value = (float)fraction / 16777216.0f; /* 2^-24 */
        return sign ? -value : value;
    }
    memcpy(&value, &bits, 4);
    return value;
}

/* Two's complement, big-endian. */
static Status decimal_from_bytes(Str bytes, int32_t scale, Arena *arena, View *ret, Error *err)
{
    const uint8_t *in = (const uint8_t *)bytes.ptr;
    uint8_t fill = bytes.len && in[0] & 0x80 ? 0xff : 0;
    Uint128 value = fill ? ~(Uint128)0 : 0;

    while (bytes.len > 16 && in[0] == fill && (in[1] & 0x80) == (fill & 0x80)) {
        in++;
        bytes.len--;
    }
    if (bytes.len > 16)
        return error_set(err, STATUS_UNSUPPORTED, "parquet: a decimal of more than 38 digits");
    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | in[i];
    return numeric_from_i128((Int128)value, scale, arena, ret, err);
}

static Status small_decimal(int64_t value, int32_t scale, Arena *arena, View *ret, Error *err)
{
    if (scale > NUMERIC_SMALL_SCALE_MAX)
        return numeric_from_i128(value, scale, arena, ret, err);
    *ret = numeric_small(value, scale);
    return STATUS_OK;
}

static Status convert_stamps(const int64_t *in, size_t n, int64_t *out, Error *err)
{
    bool overflow = false;

    for (size_t i = 0; i < n; i++)
        overflow |= __builtin_mul_overflow(in[i], 1000, &out[i]);
    return overflow ? error_set_sql(err, STATUS_INVALID, "22008", 0,
                                    "parquet: a timestamp is out of range")
                    : STATUS_OK;
}

static Status convert_decimals(const Convert *c, const void *raw, size_t n, View *out, Arena *arena,
                               Error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (c->kind == CONVERT_DECIMAL32) {
            TRY(small_decimal(((const int32_t *)raw)[i], c->scale, arena, &out[i], err));
        } else if (c->kind == CONVERT_DECIMAL64) {
            TRY(small_decimal(((const int64_t *)raw)[i], c->scale, arena, &out[i], err));
        } else if (c->kind == CONVERT_DECIMAL_FIXED) {
            Str bytes = str_make((const char *)raw + i * c->width, c->width);
            TRY(decimal_from_bytes(bytes, c->scale, arena, &out[i], err));
        } else {
            View view = ((const View *)raw)[i]; /* out may be raw */
            TRY(decimal_from_bytes(view_str(&view), c->scale, arena, &out[i], err));
        }
    }
    return STATUS_OK;
}

static void convert_interval(const uint8_t *in, Interval *out)
{
    uint32_t parts[3];

    memcpy(parts, in, 12);
    *out = (Interval){
        .us = (int64_t)parts[2] * 1000, .days = (int32_t)parts[1], .months = (int32_t)parts[0]};
}

#define CONVERT_LOOP(in_type, out_type, expr)                                                      \
    do {                                                                                           \
        const in_type *in = raw;                                                                   \
        out_type *out = ret;                                                                       \
        for (size_t i = 0; i < n; i++)                                                             \
            out[i] = (out_type)(expr);                                                             \
    } while (0)

Status parquet__convert(const Convert *c, const void *raw, size_t n, void *ret, Arena *arena,
                        Error *err)
{
    switch (c->kind) {
    case CONVERT_COPY:
    case CONVERT_VIEW:
    case CONVERT_UUID:
    case CONVERT_BOOL:
        break;
    case CONVERT_INT8:
        CONVERT_LOOP(int32_t, int16_t, (int8_t)in[i]);
        break;
    case CONVERT_INT16:
        CONVERT_LOOP(int32_t, int16_t, in[i]);
        break;
    case CONVERT_UINT8:
        CONVERT_LOOP(int32_t, int16_t, (uint8_t)in[i]);
        break;
    case CONVERT_UINT16:
        CONVERT_LOOP(int32_t, int32_t, (uint16_t)in[i]);
        break;
    case CONVERT_UINT32:
        CONVERT_LOOP(uint32_t, int64_t, in[i]);
        break;
    case CONVERT_UINT64:
        for (size_t i = 0; i < n; i++)
            TRY(numeric_from_i128((Int128)((const uint64_t *)raw)[i], 0, arena, (View *)ret + i,
                                  err));
        break;
    case CONVERT_TIME_MS:
        CONVERT_LOOP(int32_t, int64_t, (int64_t)in[i] * 1000);
        break;
    case CONVERT_TIME_NS:
    case CONVERT_TS_NS:
        CONVERT_LOOP(int64_t, int64_t, floor_div(in[i], 1000));
        break;
    case CONVERT_TS_MS:
        return convert_stamps(raw, n, ret, err);
    case CONVERT_INT96:
        for (size_t i = 0; i < n; i++)
            ((int64_t *)ret)[i] = int96_us((const uint8_t *)raw + i * 12);
        break;
    case CONVERT_FLOAT16:
        CONVERT_LOOP(uint16_t, float, float16(in[i]));
        break;
    case CONVERT_DECIMAL32:
    case CONVERT_DECIMAL64:
    case CONVERT_DECIMAL_FIXED:
    case CONVERT_DECIMAL_BYTES:
        return convert_decimals(c, raw, n, ret, arena, err);
    case CONVERT_INTERVAL:
        for (size_t i = 0; i < n; i++)
            convert_interval((const uint8_t *)raw + i * 12, (Interval *)ret + i);
        break;
    case CONVERT_FIXED_VIEW:
        for (size_t i = 0; i < n; i++)
            ((View *)ret)[i] = view_make((const char *)raw + i * c->width, c->width);
        break;
    }
    return STATUS_OK;
}
