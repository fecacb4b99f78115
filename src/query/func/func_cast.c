/* func_cast.c - casts between types: numbers, dates, texts, and by text I/O for the rest.
 *
 * The matrix is pg_cast's: contexts as there. Text input of unknown literals is implicit, text
 * output an assignment cast, text input of text values explicit. Typmods are applied by
 * func_apply_typmod afterwards, as PostgreSQL's length coercion functions are. */
#include <math.h>

#include "format/pgtype/jsonb.h"
#include "format/pgtype/pgbit.h"
#include "query/func/func_int.h"

/* ---------------------------------------------------------------- numbers */

static const char *number_name(Type t)
{
    return t.id == TYPE_INT2     ? "smallint"
           : t.id == TYPE_INT4   ? "integer"
           : t.id == TYPE_OID    ? "oid"
           : t.id == TYPE_FLOAT4 ? "real"
           : t.id == TYPE_FLOAT8 ? "double precision"
                                 : "bigint";
}

#define INT_CAST(name, L, O, fits)                                                                 \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        L x = ARG(L, 0);                                                                           \
        if (!(fits))                                                                               \
            return func__out_of_range(err, number_name(ret->type));                                \
        SET(O, (O)x);                                                                              \
        return STATUS_OK;                                                                          \
    }
INT_CAST(int24, int16_t, int32_t, true)
INT_CAST(int28, int16_t, int64_t, true)
INT_CAST(int48, int32_t, int64_t, true)
INT_CAST(int42, int32_t, int16_t, x >= INT16_MIN && x <= INT16_MAX)
INT_CAST(int82, int64_t, int16_t, x >= INT16_MIN && x <= INT16_MAX)
INT_CAST(int84, int64_t, int32_t, x >= INT32_MIN && x <= INT32_MAX)
INT_CAST(int2d, int16_t, double, true)
INT_CAST(int4d, int32_t, double, true)
INT_CAST(int8d, int64_t, double, true)
INT_CAST(int2f, int16_t, float, true)
INT_CAST(int4f, int32_t, float, true)
INT_CAST(int8f, int64_t, float, true)
INT_CAST(float_double, float, double, true)
INT_CAST(int8oid, int64_t, int64_t, x >= 0 && x <= UINT32_MAX)
INT_CAST(int2oid, int16_t, int64_t, true)
INT_CAST(char_int4, int8_t, int32_t, true)
INT_CAST(int4_char, int32_t, int8_t, x >= -128 && x <= 127)

/* int4 -> oid keeps the bits, as PostgreSQL's binary cast. */
ROW_KERNEL(int4oid)
{
    SET(int64_t, (int64_t)(uint32_t)ARG(int32_t, 0));
    return STATUS_OK;
}
ROW_KERNEL(oid_int4)
{
    SET(int32_t, (int32_t)(uint32_t)ARG(int64_t, 0));
    return STATUS_OK;
}

/* Floats round half to even and must be in range after rounding. */
#define FLOAT_INT_CAST(name, L, O, low, high)                                                      \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        double x = rint((double)ARG(L, 0));                                                        \
        if (!(x >= (low) && x < (high)))                                                           \
            return func__out_of_range(err, number_name(ret->type));                                \
        SET(O, (O)x);                                                                              \
        return STATUS_OK;                                                                          \
    }
FLOAT_INT_CAST(dint2, double, int16_t, -32768.0, 32768.0)
FLOAT_INT_CAST(dint4, double, int32_t, -2147483648.0, 2147483648.0)
FLOAT_INT_CAST(dint8, double, int64_t, -9223372036854775808.0, 9223372036854775808.0)
FLOAT_INT_CAST(fint2, float, int16_t, -32768.0, 32768.0)
FLOAT_INT_CAST(fint4, float, int32_t, -2147483648.0, 2147483648.0)
FLOAT_INT_CAST(fint8, float, int64_t, -9223372036854775808.0, 9223372036854775808.0)

ROW_KERNEL(double_float)
{
    double x = ARG(double, 0);
    float out = (float)x;
    if (isinf(out) && !isinf(x))
        return error_set_sql(err, STATUS_INVALID, "22003", 0, "value out of range: overflow");
    if (out == 0 && x != 0)
        return error_set_sql(err, STATUS_INVALID, "22003", 0, "value out of range: underflow");
    SET(float, out);
    return STATUS_OK;
}

ROW_KERNEL(int_numeric)
{
    SET(View, numeric_from_i64(column_i64(&args[0], row)));
    return STATUS_OK;
}
ROW_KERNEL(double_numeric)
{
    return numeric_from_f64(ARG(double, 0), ctx->arena, (View *)column_values(ret) + row, err);
}
ROW_KERNEL(float_numeric)
{
    return numeric_from_f32(ARG(float, 0), ctx->arena, (View *)column_values(ret) + row, err);
}
#define NUMERIC_INT(name, O, low, high)                                                            \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        View n = ARG(View, 0);                                                                     \
        int64_t v;                                                                                 \
        TRY(numeric_to_i64(&n, low, high, number_name(ret->type), &v, err));                       \
        SET(O, (O)v);                                                                              \
        return STATUS_OK;                                                                          \
    }
NUMERIC_INT(numeric_int2, int16_t, INT16_MIN, INT16_MAX)
NUMERIC_INT(numeric_int4, int32_t, INT32_MIN, INT32_MAX)
NUMERIC_INT(numeric_int8, int64_t, INT64_MIN, INT64_MAX)
ROW_KERNEL(numeric_double)
{
    View n = ARG(View, 0);
    bool overflow = false;
    double v = numeric_to_f64(&n, &overflow);
    if (overflow)
        return error_set_sql(err, STATUS_INVALID, "22003", 0, "value out of range: overflow");
    SET(double, v);
    return STATUS_OK;
}
ROW_KERNEL(numeric_float)
{
    View n = ARG(View, 0);
    double v = numeric_to_f64(&n, NULL);
    float out = (float)v;
    if (isinf(out) && !numeric_is_infinite(&n))
        return error_set_sql(err, STATUS_INVALID, "22003", 0, "value out of range: overflow");
    SET(float, out);
    return STATUS_OK;
}

ROW_KERNEL(bool_int4)
{
    SET(int32_t, ARG_BOOL(0));
    return STATUS_OK;
}
ROW_KERNEL(int4_bool)
{
    SET_BOOL(ARG(int32_t, 0) != 0);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- dates */

ROW_KERNEL(date_ts)
{
    return date_to_timestamp(ARG(int32_t, 0), (int64_t *)column_values(ret) + row, err);
}
ROW_KERNEL(date_tstz)
{
    return date_to_timestamptz(ARG(int32_t, 0), func__time_zone(ctx),
                               (int64_t *)column_values(ret) + row, err);
}
ROW_KERNEL(ts_date)
{
    SET(int32_t, timestamp_to_date(ARG(int64_t, 0)));
    return STATUS_OK;
}
ROW_KERNEL(ts_tstz)
{
    return timestamp_to_timestamptz(ARG(int64_t, 0), func__time_zone(ctx),
                                    (int64_t *)column_values(ret) + row, err);
}
ROW_KERNEL(tstz_ts)
{
    return timestamptz_to_timestamp(ARG(int64_t, 0), func__time_zone(ctx),
                                    (int64_t *)column_values(ret) + row, err);
}
static Status local_time(const EvalContext *ctx, int64_t us, int64_t *ret_local, Error *err)
{
    return timestamptz_to_timestamp(us, func__time_zone(ctx), ret_local, err);
}
ROW_KERNEL(tstz_date)
{
    int64_t local;
    TRY(local_time(ctx, ARG(int64_t, 0), &local, err));
    SET(int32_t, timestamp_to_date(local));
    return STATUS_OK;
}
ROW_KERNEL(ts_time)
{
    int64_t us = ARG(int64_t, 0);
    if (!timestamp_is_finite(us))
        return func__set_null(ctx, ret, row, err);
    SET(int64_t, timestamp_to_time(us));
    return STATUS_OK;
}
ROW_KERNEL(tstz_time)
{
    int64_t us = ARG(int64_t, 0);
    int64_t local;
    if (!timestamp_is_finite(us))
        return func__set_null(ctx, ret, row, err);
    TRY(local_time(ctx, us, &local, err));
    SET(int64_t, timestamp_to_time(local));
    return STATUS_OK;
}
ROW_KERNEL(tstz_timetz)
{
    int64_t us = ARG(int64_t, 0);
    int64_t local;
    if (!timestamp_is_finite(us))
        return func__set_null(ctx, ret, row, err);
    TRY(local_time(ctx, us, &local, err));
    int32_t offset = timezone_at_utc(func__time_zone(ctx), us).offset_sec;
    TimeTz out = {.us = timestamp_to_time(local), .zone_sec = -offset};
    SET(TimeTz, out);
    return STATUS_OK;
}
ROW_KERNEL(time_timetz)
{
    const PgSettings *settings = func__settings(ctx);
    int32_t offset = timezone_at_utc(settings->time_zone, settings->now_us).offset_sec;
    TimeTz out = {.us = ARG(int64_t, 0), .zone_sec = -offset};
    SET(TimeTz, out);
    return STATUS_OK;
}
ROW_KERNEL(timetz_time)
{
    SET(int64_t, ARG(TimeTz, 0).us);
    return STATUS_OK;
}
ROW_KERNEL(time_interval)
{
    Interval out = {.us = ARG(int64_t, 0)};
    SET(Interval, out);
    return STATUS_OK;
}
ROW_KERNEL(interval_time)
{
    int64_t us = ARG(Interval, 0).us % US_PER_DAY;
    SET(int64_t, us < 0 ? us + US_PER_DAY : us);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- texts */

static Status print_text(const EvalContext *ctx, const Column *args, uint32_t row, Column *ret,
                         Buf *scratch, PgPrintFn print, Error *err)
{
    buf_clear(scratch);
    print(&args[0], row, func__settings(ctx), scratch);
    return func__set_copy(ctx, ret, row, buf_str(scratch), err);
}

/* Any value to text by its output function. */
static Status output_cast(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          uint32_t rows, Column *ret, Error *err)
{
    CLEANUP(buf_done) Buf scratch = {0};
    uint32_t n;
    TRY(func__strict_result(ctx, args, arg_count, rows, ret, &n, err));
    PgPrintFn print = pgtype_text_fn(args[0].type);
    for (uint32_t i = 0; i < n; i++)
        if (!column_is_null(ret, i))
            TRY(print_text(ctx, args, i, ret, &scratch, print, err));
    return STATUS_OK;
}

/* Text to any value by its input function; typmods come later, but for interval's fields. */
static Status input_cast(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                         uint32_t rows, Column *ret, Error *err)
{
    uint32_t n;
    int32_t typmod = ret->type.typmod;
    TRY(func__strict_result(ctx, args, arg_count, rows, ret, &n, err));
    if (ret->type.id != TYPE_INTERVAL)
        ret->type = type_plain(ret->type);
    for (uint32_t i = 0; i < n; i++)
        if (!column_is_null(ret, i))
            TRY(pgtype_parse_text(func__str(&args[0], i), func__settings(ctx), ret, i, ctx->arena,
                                  err));
    ret->type.typmod = typmod;
    return STATUS_OK;
}

ROW_KERNEL(bpchar_text)
{
    Str text = ARG_STR(0);
    while (text.len && text.ptr[text.len - 1] == ' ')
        text.len--;
    func__set_str(ret, row, text);
    return STATUS_OK;
}

ROW_KERNEL(text_name)
{
    func__set_str(ret, row, pgtype_coerce_name(ARG_STR(0)));
    return STATUS_OK;
}

ROW_KERNEL(bool_text)
{
    func__set_str(ret, row, ARG_BOOL(0) ? STR("true") : STR("false"));
    return STATUS_OK;
}

ROW_KERNEL(char_text)
{
    char byte = (char)ARG(int8_t, 0);
    func__set_str(ret, row, byte ? str_make(&byte, 1) : STR(""));
    return STATUS_OK;
}

ROW_KERNEL(json_jsonb)
{
    Str out;
    TRY(jsonb_parse(ARG_STR(0), ctx->arena, &out, err));
    func__set_str(ret, row, out);
    return STATUS_OK;
}

/* jsonb scalars to SQL values: (j)::int, ::float8, ::numeric, ::bool. */
static Status jsonb_scalar(const EvalContext *ctx, const Column *args, uint32_t row, Column *ret,
                           bool want_bool, const char *type_text, Error *err)
{
    Str text = ARG_STR(0);
    char first = text.len ? text.ptr[0] : 0;
    bool is_bool = first == 't' || first == 'f';
    bool is_number = first == '-' || (first >= '0' && first <= '9');
    if (first == 'n')
        return func__set_null(ctx, ret, row, err);
    if (want_bool ? !is_bool : !is_number)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "cannot cast jsonb %s to type %s",
                             first == '{'   ? "object"
                             : first == '[' ? "array"
                             : first == '"' ? "string"
                             : is_bool      ? "boolean"
                                            : "numeric",
                             type_text);
    if (want_bool) {
        SET_BOOL(first == 't');
        return STATUS_OK;
    }
    View number;
    TRY(numeric_parse(text, -1, ctx->arena, &number, err));
    Column one = {.type = T(NUMERIC), .is_const = true, .len = 1, .values = &number};
    if (ret->type.id == TYPE_NUMERIC) {
        SET(View, number);
        return STATUS_OK;
    }
    const Cast *cast = func_find_cast(T(NUMERIC), ret->type);
    Column out = {.type = ret->type};
    TRY(cast->kernel(ctx, &one, 1, 1, &out, err));
    size_t width = layout_width(type_layout(ret->type));
    memcpy((char *)column_values(ret) + width * row, out.values, width);
    return STATUS_OK;
}
ROW_KERNEL(jsonb_number)
{
    char name[64];
    return jsonb_scalar(ctx, args, row, ret, false, type_name(ret->type, name), err);
}
ROW_KERNEL(jsonb_bool)
{
    return jsonb_scalar(ctx, args, row, ret, true, "boolean", err);
}

/* ---------------------------------------------------------------- arrays */

/* Casts the elements of each array and keeps its dimensions. */
ROW_KERNEL(array_cast)
{
    PgArray array = pgarray_open(args[0].type, ARG_STR(0));
    Column elements;
    Column cast_elements = {.type = type_element(ret->type)};
    TRY(pgarray_elements(&array, ctx->arena, &elements, err));
    const Cast *cast = func_find_cast(array.element, cast_elements.type);
    if (!cast || cast->binary) {
        elements.type = cast_elements.type;
        cast_elements = elements;
    } else {
        TRY(cast->kernel(ctx, &elements, 1, array.count, &cast_elements, err));
    }
    return pgarray_make_dims(ret->type, &cast_elements, 0, array.count, array.dim_count,
                             array.lengths, array.lowers, ctx->arena,
                             (View *)column_values(ret) + row, err);
}

/* ---------------------------------------------------------------- typmods */

static Status typmod_row(const EvalContext *ctx, const Column *arg, uint32_t row,
                         bool explicit_cast, Column *ret, Error *err)
{
    int32_t typmod = ret->type.typmod;
    Column args[1] = {*arg};
    Str text;

    switch (ret->type.id) {
    case TYPE_VARCHAR:
        TRY(pgtype_coerce_varchar(func__str(arg, row), typmod, explicit_cast, &text, err));
        func__set_str(ret, row, text);
        return STATUS_OK;
    case TYPE_BPCHAR:
        TRY(pgtype_coerce_bpchar(func__str(arg, row), typmod, explicit_cast, ctx->arena, &text,
                                 err));
        func__set_str(ret, row, text);
        return STATUS_OK;
    case TYPE_BIT:
    case TYPE_VARBIT:
        return pgbit_coerce(func__str(arg, row), ret->type.id == TYPE_VARBIT, typmod, explicit_cast,
                            ctx->arena, (View *)column_values(ret) + row, err);
    case TYPE_NUMERIC: {
        View n = ARG(View, 0);
        return numeric_apply_typmod(&n, typmod, ctx->arena, (View *)column_values(ret) + row, err);
    }
    case TYPE_TIME:
        SET(int64_t, time_round(ARG(int64_t, 0), typmod));
        return STATUS_OK;
    case TYPE_TIMETZ: {
        TimeTz value = ARG(TimeTz, 0);
        value.us = time_round(value.us, typmod);
        SET(TimeTz, value);
        return STATUS_OK;
    }
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        SET(int64_t, timestamp_round(ARG(int64_t, 0), typmod));
        return STATUS_OK;
    default: {
        Interval span = ARG(Interval, 0);
        TRY(interval_apply_typmod(&span, typmod, err));
        SET(Interval, span);
        return STATUS_OK;
    }
    }
}

Status func_apply_typmod(const EvalContext *ctx, const Column *arg, uint32_t rows,
                         bool explicit_cast, Column *ret, Error *err)
{
    Type type = ret->type;
    bool has_typmod = type.id == TYPE_VARCHAR || type.id == TYPE_BPCHAR ||
                      type.id == TYPE_NUMERIC || type.id == TYPE_TIME || type.id == TYPE_TIMETZ ||
                      type.id == TYPE_TIMESTAMP || type.id == TYPE_TIMESTAMPTZ ||
                      type.id == TYPE_INTERVAL || type.id == TYPE_BIT || type.id == TYPE_VARBIT;
    if (type.typmod < 0 || !has_typmod || type.is_array) {
        *ret = *arg;
        ret->type = type;
        return STATUS_OK;
    }
    Column plain;
    TRY(column_flatten(arg, ctx->arena, &plain, err));
    const Column *src = arg->dict ? &plain : arg;
    uint32_t n;
    TRY(func__strict_result(ctx, src, 1, rows, ret, &n, err));
    for (uint32_t i = 0; i < n; i++)
        if (!column_is_null(ret, i))
            TRY(typmod_row(ctx, src, i, explicit_cast, ret, err));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- the matrix */

#define CAST(from_, to_, context_, kernel_)                                                        \
    {                                                                                              \
        .from = from_, .to = to_, .context = CAST_##context_, .kernel = kernel_                    \
    }
/* A kernel for callers that do not look at `binary`. */
#define SAME(from_, to_, context_)                                                                 \
    {                                                                                              \
        .from = from_, .to = to_, .context = CAST_##context_, .binary = true, .kernel = same_bytes \
    }

static Status same_bytes(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                         uint32_t rows, Column *ret, Error *err)
{
    Type type = ret->type;
    *ret = args[0];
    ret->type = type;
    ret->len = rows;
    return STATUS_OK;
}

static const Cast casts[] = {
    CAST(T(INT2), T(INT4), IMPLICIT, int24),
    CAST(T(INT2), T(INT8), IMPLICIT, int28),
    CAST(T(INT4), T(INT8), IMPLICIT, int48),
    CAST(T(INT4), T(INT2), ASSIGNMENT, int42),
    CAST(T(INT8), T(INT2), ASSIGNMENT, int82),
    CAST(T(INT8), T(INT4), ASSIGNMENT, int84),
    CAST(T(INT2), T(FLOAT4), IMPLICIT, int2f),
    CAST(T(INT4), T(FLOAT4), IMPLICIT, int4f),
    CAST(T(INT8), T(FLOAT4), IMPLICIT, int8f),
    CAST(T(INT2), T(FLOAT8), IMPLICIT, int2d),
    CAST(T(INT4), T(FLOAT8), IMPLICIT, int4d),
    CAST(T(INT8), T(FLOAT8), IMPLICIT, int8d),
    CAST(T(INT2), T(NUMERIC), IMPLICIT, int_numeric),
    CAST(T(INT4), T(NUMERIC), IMPLICIT, int_numeric),
    CAST(T(INT8), T(NUMERIC), IMPLICIT, int_numeric),
    CAST(T(FLOAT4), T(FLOAT8), IMPLICIT, float_double),
    CAST(T(FLOAT8), T(FLOAT4), ASSIGNMENT, double_float),
    CAST(T(FLOAT8), T(INT2), ASSIGNMENT, dint2),
    CAST(T(FLOAT8), T(INT4), ASSIGNMENT, dint4),
    CAST(T(FLOAT8), T(INT8), ASSIGNMENT, dint8),
    CAST(T(FLOAT4), T(INT2), ASSIGNMENT, fint2),
    CAST(T(FLOAT4), T(INT4), ASSIGNMENT, fint4),
    CAST(T(FLOAT4), T(INT8), ASSIGNMENT, fint8),
    CAST(T(FLOAT8), T(NUMERIC), ASSIGNMENT, double_numeric),
    CAST(T(FLOAT4), T(NUMERIC), ASSIGNMENT, float_numeric),
    CAST(T(NUMERIC), T(INT2), ASSIGNMENT, numeric_int2),
    CAST(T(NUMERIC), T(INT4), ASSIGNMENT, numeric_int4),
    CAST(T(NUMERIC), T(INT8), ASSIGNMENT, numeric_int8),
    CAST(T(NUMERIC), T(FLOAT4), IMPLICIT, numeric_float),
    CAST(T(NUMERIC), T(FLOAT8), IMPLICIT, numeric_double),
    CAST(T(BOOL), T(INT4), EXPLICIT, bool_int4),
    CAST(T(INT4), T(BOOL), EXPLICIT, int4_bool),
    CAST(T(BOOL), T(TEXT), ASSIGNMENT, bool_text),
    CAST(T(BOOL), T(VARCHAR), ASSIGNMENT, bool_text),
    CAST(T(BOOL), T(BPCHAR), ASSIGNMENT, bool_text),
    CAST(T(CHAR), T(INT4), EXPLICIT, char_int4),
    CAST(T(INT4), T(CHAR), EXPLICIT, int4_char),
    CAST(T(CHAR), T(TEXT), IMPLICIT, char_text),
    CAST(T(CHAR), T(VARCHAR), ASSIGNMENT, char_text),
    CAST(T(CHAR), T(BPCHAR), ASSIGNMENT, char_text),
    CAST(T(INT8), T(OID), IMPLICIT, int8oid),
    CAST(T(INT2), T(OID), IMPLICIT, int2oid),
    CAST(T(INT4), T(OID), IMPLICIT, int4oid),
    CAST(T(OID), T(INT4), ASSIGNMENT, oid_int4),
    SAME(T(OID), T(INT8), ASSIGNMENT),
#define REG(type)                                                                                  \
    SAME(T(OID), T(type), IMPLICIT), SAME(T(type), T(OID), IMPLICIT),                              \
        CAST(T(INT8), T(type), IMPLICIT, int8oid), CAST(T(INT4), T(type), IMPLICIT, int4oid),      \
        CAST(T(INT2), T(type), IMPLICIT, int2oid), CAST(T(type), T(INT4), ASSIGNMENT, oid_int4),   \
        SAME(T(type), T(INT8), ASSIGNMENT)
    REG(REGCLASS),
    REG(REGTYPE),
    REG(REGPROC),
    REG(REGNAMESPACE),
    SAME(T(INT2VECTOR), AT(INT2), IMPLICIT),
    SAME(T(OIDVECTOR), AT(OID), IMPLICIT),
    SAME(T(BIT), T(VARBIT), IMPLICIT),
    SAME(T(VARBIT), T(BIT), IMPLICIT),
    SAME(T(TEXT), T(VARCHAR), IMPLICIT),
    SAME(T(VARCHAR), T(TEXT), IMPLICIT),
    SAME(T(TEXT), T(BPCHAR), IMPLICIT),
    SAME(T(VARCHAR), T(BPCHAR), IMPLICIT),
    CAST(T(BPCHAR), T(TEXT), IMPLICIT, bpchar_text),
    CAST(T(BPCHAR), T(VARCHAR), IMPLICIT, bpchar_text),
    CAST(T(BPCHAR), T(NAME), IMPLICIT, text_name),
    CAST(T(TEXT), T(NAME), IMPLICIT, text_name),
    CAST(T(VARCHAR), T(NAME), IMPLICIT, text_name),
    SAME(T(NAME), T(TEXT), IMPLICIT),
    SAME(T(NAME), T(VARCHAR), ASSIGNMENT),
    SAME(T(NAME), T(BPCHAR), ASSIGNMENT),
    SAME(T(UNKNOWN), T(TEXT), IMPLICIT),
    SAME(T(UNKNOWN), T(VARCHAR), IMPLICIT),
    SAME(T(UNKNOWN), T(BPCHAR), IMPLICIT),
    CAST(T(DATE), T(TIMESTAMP), IMPLICIT, date_ts),
    CAST(T(DATE), T(TIMESTAMPTZ), IMPLICIT, date_tstz),
    CAST(T(TIMESTAMP), T(DATE), ASSIGNMENT, ts_date),
    CAST(T(TIMESTAMP), T(TIMESTAMPTZ), IMPLICIT, ts_tstz),
    CAST(T(TIMESTAMP), T(TIME), ASSIGNMENT, ts_time),
    CAST(T(TIMESTAMPTZ), T(TIMESTAMP), ASSIGNMENT, tstz_ts),
    CAST(T(TIMESTAMPTZ), T(DATE), ASSIGNMENT, tstz_date),
    CAST(T(TIMESTAMPTZ), T(TIME), ASSIGNMENT, tstz_time),
    CAST(T(TIMESTAMPTZ), T(TIMETZ), ASSIGNMENT, tstz_timetz),
    CAST(T(TIME), T(TIMETZ), IMPLICIT, time_timetz),
    CAST(T(TIMETZ), T(TIME), ASSIGNMENT, timetz_time),
    CAST(T(TIME), T(INTERVAL), IMPLICIT, time_interval),
    CAST(T(INTERVAL), T(TIME), ASSIGNMENT, interval_time),
    CAST(T(JSON), T(JSONB), ASSIGNMENT, json_jsonb),
    SAME(T(JSONB), T(JSON), ASSIGNMENT),
    SAME(T(JSONB), T(TEXT), ASSIGNMENT),
    SAME(T(JSON), T(TEXT), ASSIGNMENT),
    CAST(T(JSONB), T(BOOL), EXPLICIT, jsonb_bool),
    CAST(T(JSONB), T(NUMERIC), EXPLICIT, jsonb_number),
    CAST(T(JSONB), T(INT2), EXPLICIT, jsonb_number),
    CAST(T(JSONB), T(INT4), EXPLICIT, jsonb_number),
    CAST(T(JSONB), T(INT8), EXPLICIT, jsonb_number),
    CAST(T(JSONB), T(FLOAT4), EXPLICIT, jsonb_number),
    CAST(T(JSONB), T(FLOAT8), EXPLICIT, jsonb_number),
};
const CastTable func__casts = {casts, LUMA_ARRAY_LEN(casts)};

static bool signature_only(Type t)
{
    return t.id == TYPE_ANY || t.id == TYPE_ANYELEMENT || t.id == TYPE_ANYARRAY;
}

bool func__cast_generic(Type from, Type to, Cast *ret_cast)
{
    *ret_cast = (Cast){.from = from, .to = to};
    if (signature_only(from) || signature_only(to) || to.id == TYPE_UNKNOWN || type_eq(from, to))
        return false;
    if (type_is_text(from) && to.id != TYPE_VOID) {
        ret_cast->context = from.id == TYPE_UNKNOWN ? CAST_IMPLICIT : CAST_EXPLICIT;
        ret_cast->kernel = input_cast;
        return true;
    }
    if (type_is_text(to)) {
        ret_cast->context = CAST_ASSIGNMENT;
        ret_cast->kernel = output_cast;
        return true;
    }
    if (func__cast_bit(from, to, ret_cast))
        return true;
    if (from.is_array && to.is_array) {
        Cast element = {0};
        bool found = false;
        for (size_t i = 0; i < LUMA_ARRAY_LEN(casts) && !found; i++) {
            if (type_eq(casts[i].from, type_element(from)) &&
                type_eq(casts[i].to, type_element(to))) {
                element = casts[i];
                found = true;
            }
        }
        if (!found)
            found = func__cast_generic(type_element(from), type_element(to), &element);
        ret_cast->context = element.context;
        ret_cast->kernel = array_cast;
        return found;
    }
    return false;
}

static bool depends_on_settings(Type t)
{
    return t.id == TYPE_TIMESTAMPTZ || t.id == TYPE_TIMETZ || t.id == TYPE_DATE ||
           t.id == TYPE_TIMESTAMP || t.id == TYPE_INTERVAL || t.id == TYPE_REGCLASS ||
           t.id == TYPE_REGTYPE || t.id == TYPE_REGPROC || t.id == TYPE_REGNAMESPACE ||
           t.id == TYPE_ENUM || t.id == TYPE_BYTEA || t.id == TYPE_FLOAT4 || t.id == TYPE_FLOAT8;
}

Volatility cast_volatility(const Cast *cast)
{
    bool through_text = type_is_text(cast->from) != type_is_text(cast->to);
    bool zoned = (cast->from.id == TYPE_TIMESTAMPTZ) != (cast->to.id == TYPE_TIMESTAMPTZ);
    if ((through_text && (depends_on_settings(cast->from) || depends_on_settings(cast->to))) ||
        zoned || cast->to.id == TYPE_TIMETZ)
        return VOLATILITY_STABLE;
    return VOLATILITY_IMMUTABLE;
}
