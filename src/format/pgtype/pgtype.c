/* pgtype.c - the functions of each type behind one switch, and the session settings they read. */
#include "format/pgtype/pgtype.h"
#include "format/pgtype/pgenum.h"

#include "base/clock.h"
#include "format/jsonpath/jsonpath.h"
#include "format/pgtype/datetime.h"
#include "format/pgtype/jsonb.h"
#include "format/pgtype/numeric.h"
#include "format/pgtype/pgarray_int.h"
#include "format/pgtype/pgbit.h"

/* Between 1970 and 2000, PostgreSQL's epoch on the wire. */
#define EPOCH_SHIFT_DAYS 10957
#define EPOCH_SHIFT_US (EPOCH_SHIFT_DAYS * US_PER_DAY)

/* ---------------------------------------------------------------- settings */

void pg_settings_init(PgSettings *settings)
{
    *settings = (PgSettings){
        .extra_float_digits = 1,
        .time_zone = timezone_utc(),
        .now_us = clock_wall_ns() / 1000,
    };
}

static Status bad_setting(Error *err, const char *name, Str value)
{
    return error_set_sql(err, STATUS_INVALID, "22023", 0,
                         "invalid value for parameter \"%s\": \"%.*s\"", name, STR_FMT(value));
}

static bool starts_nocase(Str s, const char *prefix)
{
    Str p = str_from(prefix);
    return s.len >= p.len && str_eq_nocase(str_sub(s, 0, p.len), p);
}

static Status set_date_style(PgSettings *settings, Str value, Error *err)
{
    PgSettings next = *settings;
    bool order_given = false;
    Str rest = value;
    Str word;

    while (str_split(&rest, ',', &word)) {
        word = str_trim(word);
        if (str_eq_nocase(word, STR("iso"))) {
            next.date_style = PG_DATE_ISO;
        } else if (str_eq_nocase(word, STR("sql"))) {
            next.date_style = PG_DATE_SQL;
        } else if (starts_nocase(word, "postgres")) {
            next.date_style = PG_DATE_POSTGRES;
        } else if (str_eq_nocase(word, STR("german"))) {
            next.date_style = PG_DATE_GERMAN;
            if (!order_given)
                next.date_order = PG_ORDER_DMY;
        } else if (str_eq_nocase(word, STR("ymd"))) {
            next.date_order = PG_ORDER_YMD;
            order_given = true;
        } else if (str_eq_nocase(word, STR("dmy")) || starts_nocase(word, "euro")) {
            next.date_order = PG_ORDER_DMY;
            order_given = true;
        } else if (str_eq_nocase(word, STR("mdy")) || str_eq_nocase(word, STR("us")) ||
                   starts_nocase(word, "noneuro")) {
            next.date_order = PG_ORDER_MDY;
            order_given = true;
        } else if (!str_eq_nocase(word, STR("default"))) {
            return bad_setting(err, "DateStyle", value);
        }
    }
    *settings = next;
    return STATUS_OK;
}

static Status set_interval_style(PgSettings *settings, Str value, Error *err)
{
    static const char *const names[] = {"postgres", "postgres_verbose", "sql_standard", "iso_8601"};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (str_eq_nocase(value, str_from(names[i]))) {
            settings->interval_style = (PgIntervalStyle)i;
            return STATUS_OK;
        }
    return bad_setting(err, "IntervalStyle", value);
}

const TimeZone *pg_time_zone_of_setting(Str value)
{
    double hours;
    Interval span;
    PgSettings plain;
    Error ignored = {0};

    if (value.len > 8 && str_eq_nocase(str_sub(value, 0, 8), STR("interval"))) {
        Str text = str_trim(str_sub(value, 8, value.len));
        if (text.len < 2 || text.ptr[0] != '\'' || text.ptr[text.len - 1] != '\'')
            return NULL;
        pg_settings_init(&plain);
        if (interval_parse(str_sub(text, 1, text.len - 2), &plain, -1, &span, &ignored) !=
                STATUS_OK ||
            span.months || span.days || span.us > 168 * US_PER_HOUR || span.us < -168 * US_PER_HOUR)
            return NULL;
        return timezone_fixed((int32_t)(span.us / US_PER_SEC));
    }
    if (str_to_f64(value, &hours))
        return hours >= -167 && hours <= 167 ? timezone_fixed((int32_t)(hours * 3600)) : NULL;
    return timezone_find_zone(value);
}

static Status set_time_zone(PgSettings *settings, Str value, Error *err)
{
    const TimeZone *tz = pg_time_zone_of_setting(value);
    if (!tz)
        return bad_setting(err, "TimeZone", value);
    settings->time_zone = tz;
    return STATUS_OK;
}

Status pg_settings_set(PgSettings *settings, Str name, Str value, Error *err)
{
    int64_t digits;

    if (str_eq_nocase(name, STR("datestyle")))
        return set_date_style(settings, value, err);
    if (str_eq_nocase(name, STR("intervalstyle")))
        return set_interval_style(settings, value, err);
    if (str_eq_nocase(name, STR("timezone")))
        return set_time_zone(settings, value, err);
    if (str_eq_nocase(name, STR("bytea_output"))) {
        bool escape = str_eq_nocase(value, STR("escape"));
        if (!escape && !str_eq_nocase(value, STR("hex")))
            return bad_setting(err, "bytea_output", value);
        settings->bytea_escape = escape;
    } else if (str_eq_nocase(name, STR("extra_float_digits"))) {
        if (!str_to_i64(value, &digits) || digits < -15 || digits > 3)
            return bad_setting(err, "extra_float_digits", value);
        settings->extra_float_digits = (int)digits;
    }
    return STATUS_OK;
}

const char *pg_settings_date_style_name(const PgSettings *settings)
{
    static const char *const names[4][3] = {
        {"ISO, MDY", "ISO, DMY", "ISO, YMD"},
        {"SQL, MDY", "SQL, DMY", "SQL, YMD"},
        {"Postgres, MDY", "Postgres, DMY", "Postgres, YMD"},
        {"German, MDY", "German, DMY", "German, YMD"},
    };
    return names[settings->date_style][settings->date_order];
}

const char *pg_settings_interval_style_name(const PgSettings *settings)
{
    static const char *const names[] = {"postgres", "postgres_verbose", "sql_standard", "iso_8601"};
    return names[settings->interval_style];
}

/* ---------------------------------------------------------------- text output */

static const View *view_at(const Column *c, size_t row)
{
    const Column *at;
    return column_at_(c, row, sizeof(View), &at);
}

static int64_t i64_at(const Column *c, size_t row)
{
    const Column *at;
    return *(const int64_t *)column_at_(c, row, 8, &at);
}

static int32_t i32_at(const Column *c, size_t row)
{
    const Column *at;
    return *(const int32_t *)column_at_(c, row, 4, &at);
}

static int16_t i16_at(const Column *c, size_t row)
{
    const Column *at;
    return *(const int16_t *)column_at_(c, row, 2, &at);
}

static void print_bool(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_byte(out, column_bool(c, row) ? 't' : 'f');
}
static void print_void(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
}
static void print_char(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    char byte = (char)column_i64(c, row);
    if (byte)
        buf_append(out, &byte, 1);
}
static void print_int2(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    pgtype_append_i64(out, i16_at(c, row));
}
static void print_int4(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    pgtype_append_i64(out, i32_at(c, row));
}
static void print_int8(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    pgtype_append_i64(out, i64_at(c, row));
}
static void print_float4(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    const Column *at;
    pgtype_append_float4(out, *(const float *)column_at_(c, row, 4, &at), s->extra_float_digits);
}
static void print_float8(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    const Column *at;
    pgtype_append_float8(out, *(const double *)column_at_(c, row, 8, &at), s->extra_float_digits);
}
static void print_numeric(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    numeric_append_text(view_at(c, row), out);
}
static void print_view(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_str(out, view_str(view_at(c, row)));
}
static void print_bytea(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    pgtype_append_bytea(out, view_str(view_at(c, row)), s->bytea_escape);
}
static void print_date(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    date_append(out, i32_at(c, row), s);
}
static void print_time(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    time_append(out, i64_at(c, row));
}
static void print_timetz(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    timetz_append(out, column_fixed16(c, row));
}
static void print_timestamp(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    timestamp_append(out, i64_at(c, row), s);
}
static void print_timestamptz(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    timestamptz_append(out, i64_at(c, row), s);
}
static void print_interval(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    interval_append(out, column_fixed16(c, row), s->interval_style);
}
static void print_uuid(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    pgtype_append_uuid(out, column_fixed16(c, row));
}
/* regclass and its kin: a name when the session knows one, "-" for 0. */
static void print_reg(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    uint32_t oid = (uint32_t)i64_at(c, row);

    if (oid == 0)
        buf_append_byte(out, '-');
    else if (!s->reg_name || !s->reg_name(s->reg_ctx, (TypeId)c->type.id, oid, out))
        pgtype_append_i64(out, oid);
}

static void print_bits(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    pgbit_append_text(column_str(c, row), out);
}

static void print_enum(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_str(out, pgenum_label(column_str(c, row)));
}

PgPrintFn pgtype_text_fn(Type type)
{
    if (type.is_array)
        return pgarray__print;
    switch ((TypeId)type.id) {
    case TYPE_VOID:
        return print_void;
    case TYPE_BOOL:
        return print_bool;
    case TYPE_CHAR:
        return print_char;
    case TYPE_INT2:
        return print_int2;
    case TYPE_INT4:
        return print_int4;
    case TYPE_INT8:
    case TYPE_OID:
        return print_int8;
    case TYPE_FLOAT4:
        return print_float4;
    case TYPE_FLOAT8:
        return print_float8;
    case TYPE_NUMERIC:
        return print_numeric;
    case TYPE_BYTEA:
        return print_bytea;
    case TYPE_DATE:
        return print_date;
    case TYPE_TIME:
        return print_time;
    case TYPE_TIMETZ:
        return print_timetz;
    case TYPE_TIMESTAMP:
        return print_timestamp;
    case TYPE_TIMESTAMPTZ:
        return print_timestamptz;
    case TYPE_INTERVAL:
        return print_interval;
    case TYPE_UUID:
        return print_uuid;
    case TYPE_REGCLASS:
    case TYPE_REGTYPE:
    case TYPE_REGPROC:
    case TYPE_REGNAMESPACE:
        return print_reg;
    case TYPE_INT2VECTOR:
    case TYPE_OIDVECTOR:
        return pgarray__print_vector;
    case TYPE_RECORD:
        return pgrecord__print;
    case TYPE_BIT:
    case TYPE_VARBIT:
        return print_bits;
    case TYPE_ENUM:
        return print_enum;
    case TYPE_UNKNOWN:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_JSONPATH:
    case TYPE_ANYELEMENT:
    case TYPE_ANYARRAY:
    case TYPE_ANY:
    case TYPE_COUNT_:
        break;
    }
    return print_view;
}

/* ---------------------------------------------------------------- binary output */

static void send_bool(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_byte(out, column_bool(c, row));
}
static void send_char(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_byte(out, (uint8_t)column_i64(c, row));
}
static void send_int2(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_be16(out, (uint16_t)i16_at(c, row));
}
static void send_int4(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_be32(out, (uint32_t)i32_at(c, row)); /* float4, too: the same bits */
}
static void send_int8(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_be64(out, (uint64_t)i64_at(c, row)); /* float8 and time, too */
}
static void send_oid(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_be32(out, (uint32_t)i64_at(c, row));
}
static void send_numeric(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    numeric_append_binary(view_at(c, row), out);
}
static void send_jsonb(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append_byte(out, 1);
    buf_append_str(out, view_str(view_at(c, row)));
}
static void send_date(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    int32_t days = i32_at(c, row);
    buf_append_be32(out, (uint32_t)(date_is_finite(days) ? days - EPOCH_SHIFT_DAYS : days));
}
static void send_timestamp(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    int64_t us = i64_at(c, row);
    buf_append_be64(out, (uint64_t)(timestamp_is_finite(us) ? us - EPOCH_SHIFT_US : us));
}
static void send_timetz(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    const TimeTz *v = column_fixed16(c, row);
    buf_append_be64(out, (uint64_t)v->us);
    buf_append_be32(out, (uint32_t)v->zone_sec);
}
static void send_interval(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    const Interval *v = column_fixed16(c, row);
    buf_append_be64(out, (uint64_t)v->us);
    buf_append_be32(out, (uint32_t)v->days);
    buf_append_be32(out, (uint32_t)v->months);
}
static void send_bits(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    pgbit_append_binary(column_str(c, row), out);
}
static void send_uuid(const Column *c, size_t row, const PgSettings *s, Buf *out)
{
    buf_append(out, column_fixed16(c, row), 16);
}

PgPrintFn pgtype_binary_fn(Type type)
{
    if (type.is_array)
        return pgarray__send;
    switch ((TypeId)type.id) {
    case TYPE_VOID:
        return print_void;
    case TYPE_BOOL:
        return send_bool;
    case TYPE_CHAR:
        return send_char;
    case TYPE_INT2:
        return send_int2;
    case TYPE_INT4:
    case TYPE_FLOAT4:
        return send_int4;
    case TYPE_INT8:
    case TYPE_FLOAT8:
    case TYPE_TIME:
        return send_int8;
    case TYPE_OID:
    case TYPE_REGCLASS:
    case TYPE_REGTYPE:
    case TYPE_REGPROC:
    case TYPE_REGNAMESPACE:
        return send_oid;
    case TYPE_NUMERIC:
        return send_numeric;
    case TYPE_DATE:
        return send_date;
    case TYPE_TIMETZ:
        return send_timetz;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return send_timestamp;
    case TYPE_INTERVAL:
        return send_interval;
    case TYPE_UUID:
        return send_uuid;
    case TYPE_JSONB:
    case TYPE_JSONPATH:
        return send_jsonb;
    case TYPE_INT2VECTOR:
    case TYPE_OIDVECTOR:
        return pgarray__send;
    case TYPE_RECORD:
        return pgrecord__send;
    case TYPE_BIT:
    case TYPE_VARBIT:
        return send_bits;
    case TYPE_ENUM:
        return print_enum;
    case TYPE_UNKNOWN:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_BYTEA:
    case TYPE_JSON:
    case TYPE_ANYELEMENT:
    case TYPE_ANYARRAY:
    case TYPE_ANY:
    case TYPE_COUNT_:
        break;
    }
    return print_view;
}

/* ---------------------------------------------------------------- input */

static Status put_view(Column *ret, size_t row, Str s, Arena *arena, Error *err)
{
    char *copy = NULL;

    if (s.len > UINT32_MAX / 2)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "value of %zu bytes is too long",
                             s.len);
    if (s.len > VIEW_INLINE_MAX) {
        TRY(arena_try_alloc(arena, s.len, &copy, err));
        memcpy(copy, s.ptr, s.len);
        s.ptr = copy;
    }
    ((View *)column_values(ret))[row] = view_make(s.ptr, s.len);
    return STATUS_OK;
}

static Status check_utf8(Str text, Error *err)
{
    if (LUMA_LIKELY(str_utf8_valid(text) && str_find_byte(text, 0) < 0))
        return STATUS_OK;
    size_t i = 0;
    uint32_t code;
    size_t n;
    while (i < text.len && (n = str_utf8_decode(str_sub(text, i, 4), &code)) != 0 && code != 0)
        i += n;
    return error_set_sql(err, STATUS_INVALID, "22021", 0,
                         "invalid byte sequence for encoding \"UTF8\": 0x%02x",
                         i < text.len ? (unsigned char)text.ptr[i] : 0);
}

static Status parse_textual(Str text, Column *ret, size_t row, Arena *arena, Error *err)
{
    Str s = text;

    TRY(check_utf8(text, err));
    switch (ret->type.id) {
    case TYPE_VARCHAR:
        TRY(pgtype_coerce_varchar(text, ret->type.typmod, false, &s, err));
        break;
    case TYPE_BPCHAR:
        TRY(pgtype_coerce_bpchar(text, ret->type.typmod, false, arena, &s, err));
        break;
    case TYPE_NAME:
        s = pgtype_coerce_name(text);
        break;
    case TYPE_JSON:
        TRY(json_validate(text, err));
        break;
    case TYPE_JSONB:
        TRY(jsonb_parse(text, arena, &s, err));
        break;
    case TYPE_JSONPATH:
        TRY(jsonpath_canonical(text, arena, &s, err));
        break;
    default:
        break;
    }
    return put_view(ret, row, s, arena, err);
}

static Status parse_bits(Str text, bool binary, Column *ret, size_t row, Arena *arena, Error *err)
{
    View value;

    if (binary)
        TRY(pgbit_parse_binary(text, arena, &value, err));
    else
        TRY(pgbit_parse(text, arena, &value, err));
    return pgbit_coerce(view_str(&value), ret->type.id == TYPE_VARBIT, ret->type.typmod, false,
                        arena, (View *)column_values(ret) + row, err);
}

static Status parse_reg(Str text, const PgSettings *settings, TypeId type, int64_t *ret, Error *err)
{
    uint32_t oid = 0;

    if (str_eq(text, STR("-"))) {
        *ret = 0;
        return STATUS_OK;
    }
    bool number = text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9';
    if (number || !settings->reg_oid)
        TRY(pgtype_parse_oid(text, &oid, err));
    else
        TRY(settings->reg_oid(settings->reg_ctx, type, text, &oid, err));
    *ret = oid;
    return STATUS_OK;
}

static Status refuse_input(Type type, Error *err)
{
    char name[64];
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "cannot accept a value of type %s",
                         type_name(type, name));
}

Status pgtype_parse_text(Str text, const PgSettings *settings, Column *ret, size_t row,
                         Arena *arena, Error *err)
{
    void *values = column_values(ret);
    int32_t typmod = ret->type.typmod;

    if (ret->type.is_array)
        return pgarray__parse(text, settings, ret->type, arena, (View *)values + row, err);
    switch ((TypeId)ret->type.id) {
    case TYPE_UNKNOWN:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_JSONPATH:
        return parse_textual(text, ret, row, arena, err);
    case TYPE_BIT:
    case TYPE_VARBIT:
        return parse_bits(text, false, ret, row, arena, err);
    case TYPE_ENUM:
        return pgenum_parse(text, settings, ret->type, arena, (View *)values + row, err);
    case TYPE_VOID:
        return STATUS_OK;
    case TYPE_BOOL: {
        bool v;
        TRY(pgtype_parse_bool(text, &v, err));
        bit_put(values, row, v);
        return STATUS_OK;
    }
    case TYPE_CHAR:
        ((int8_t *)values)[row] = (int8_t)(text.len ? text.ptr[0] : 0);
        return STATUS_OK;
    case TYPE_INT2:
        return pgtype_parse_int2(text, (int16_t *)values + row, err);
    case TYPE_INT4:
        return pgtype_parse_int4(text, (int32_t *)values + row, err);
    case TYPE_INT8:
        return pgtype_parse_int8(text, (int64_t *)values + row, err);
    case TYPE_FLOAT4:
        return pgtype_parse_float4(text, (float *)values + row, err);
    case TYPE_FLOAT8:
        return pgtype_parse_float8(text, (double *)values + row, err);
    case TYPE_NUMERIC:
        return numeric_parse(text, typmod, arena, (View *)values + row, err);
    case TYPE_BYTEA: {
        Str bytes;
        TRY(pgtype_parse_bytea(text, arena, &bytes, err));
        ((View *)values)[row] = view_make(bytes.ptr, bytes.len);
        return STATUS_OK;
    }
    case TYPE_DATE:
        return date_parse(text, settings, (int32_t *)values + row, err);
    case TYPE_TIME:
        return time_parse(text, settings, typmod, (int64_t *)values + row, err);
    case TYPE_TIMETZ:
        return timetz_parse(text, settings, typmod, (TimeTz *)values + row, err);
    case TYPE_TIMESTAMP:
        return timestamp_parse(text, settings, typmod, (int64_t *)values + row, err);
    case TYPE_TIMESTAMPTZ:
        return timestamptz_parse(text, settings, typmod, (int64_t *)values + row, err);
    case TYPE_INTERVAL:
        return interval_parse(text, settings, typmod, (Interval *)values + row, err);
    case TYPE_UUID:
        return pgtype_parse_uuid(text, (uint8_t *)values + 16 * row, err);
    case TYPE_OID: {
        uint32_t oid;
        TRY(pgtype_parse_oid(text, &oid, err));
        ((int64_t *)values)[row] = oid;
        return STATUS_OK;
    }
    case TYPE_REGCLASS:
    case TYPE_REGTYPE:
    case TYPE_REGPROC:
    case TYPE_REGNAMESPACE:
        return parse_reg(text, settings, (TypeId)ret->type.id, (int64_t *)values + row, err);
    case TYPE_INT2VECTOR:
    case TYPE_OIDVECTOR:
        return pgarray__parse_vector(text, settings, ret->type, arena, (View *)values + row, err);
    case TYPE_RECORD:
    case TYPE_ANYELEMENT:
    case TYPE_ANYARRAY:
    case TYPE_ANY:
    case TYPE_COUNT_:
        break;
    }
    return refuse_input(ret->type, err);
}

static Status bad_binary(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22P03", 0,
                         "incorrect binary data format in bind parameter");
}

/* The value of a fixed-width type into its slot; INVALID when it is out of the type's range. */
static Status receive_fixed(Str bytes, Column *ret, size_t row, Error *err)
{
    void *values = column_values(ret);
    BufReader r = buf_reader(bytes);

    switch (ret->type.id) {
    case TYPE_BOOL:
        bit_put(values, row, buf_read_u8(&r) != 0);
        break;
    case TYPE_CHAR:
        ((int8_t *)values)[row] = (int8_t)buf_read_u8(&r);
        break;
    case TYPE_INT2:
        ((int16_t *)values)[row] = (int16_t)buf_read_be16(&r);
        break;
    case TYPE_INT4:
    case TYPE_FLOAT4:
        ((uint32_t *)values)[row] = buf_read_be32(&r);
        break;
    case TYPE_INT8:
    case TYPE_FLOAT8:
        ((uint64_t *)values)[row] = buf_read_be64(&r);
        break;
    case TYPE_TIME: {
        int64_t us = (int64_t)buf_read_be64(&r);
        if (us < 0 || us > US_PER_DAY)
            return error_set_sql(err, STATUS_INVALID, "22008", 0, "time out of range");
        ((int64_t *)values)[row] = time_round(us, ret->type.typmod);
        break;
    }
    case TYPE_DATE: {
        int32_t days = (int32_t)buf_read_be32(&r);
        if (date_is_finite(days) && (__builtin_add_overflow(days, EPOCH_SHIFT_DAYS, &days) ||
                                     days < DATE_MIN || days > DATE_MAX))
            return error_set_sql(err, STATUS_INVALID, "22008", 0, "date out of range");
        ((int32_t *)values)[row] = days;
        break;
    }
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ: {
        int64_t us = (int64_t)buf_read_be64(&r);
        if (timestamp_is_finite(us) && (__builtin_add_overflow(us, EPOCH_SHIFT_US, &us) ||
                                        us < TIMESTAMP_MIN || us > TIMESTAMP_MAX))
            return error_set_sql(err, STATUS_INVALID, "22008", 0, "timestamp out of range");
        ((int64_t *)values)[row] = timestamp_round(us, ret->type.typmod);
        break;
    }
    case TYPE_TIMETZ: {
        TimeTz v = {.us = (int64_t)buf_read_be64(&r)};
        v.zone_sec = (int32_t)buf_read_be32(&r);
        if (v.us < 0 || v.us > US_PER_DAY)
            return error_set_sql(err, STATUS_INVALID, "22008", 0, "time out of range");
        if (v.zone_sec <= -16 * 3600 || v.zone_sec >= 16 * 3600)
            return error_set_sql(err, STATUS_INVALID, "22009", 0,
                                 "time zone displacement out of range");
        v.us = time_round(v.us, ret->type.typmod);
        ((TimeTz *)values)[row] = v;
        break;
    }
    case TYPE_INTERVAL: {
        Interval v = {.us = (int64_t)buf_read_be64(&r)};
        v.days = (int32_t)buf_read_be32(&r);
        v.months = (int32_t)buf_read_be32(&r);
        TRY(interval_apply_typmod(&v, ret->type.typmod, err));
        ((Interval *)values)[row] = v;
        break;
    }
    case TYPE_UUID: {
        Str uuid = buf_read_bytes(&r, 16);
        if (uuid.ptr)
            memcpy((char *)values + 16 * row, uuid.ptr, 16);
        break;
    }
    default: /* oid and its kin */
        ((int64_t *)values)[row] = buf_read_be32(&r);
        break;
    }
    return r.failed || buf_reader_left(&r) ? bad_binary(err) : STATUS_OK;
}

Status pgtype_parse_binary(Str bytes, const PgSettings *settings, Column *ret, size_t row,
                           Arena *arena, Error *err)
{
    View *views = column_values(ret);

    if (ret->type.is_array)
        return pgarray__receive(bytes, settings, ret->type, arena, views + row, err);
    switch ((TypeId)ret->type.id) {
    case TYPE_UNKNOWN:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_JSON:
        return parse_textual(bytes, ret, row, arena, err);
    case TYPE_BIT:
    case TYPE_VARBIT:
        return parse_bits(bytes, true, ret, row, arena, err);
    case TYPE_ENUM:
        return pgenum_parse(bytes, settings, ret->type, arena, views + row, err);
    case TYPE_JSONB:
    case TYPE_JSONPATH:
        if (bytes.len == 0 || bytes.ptr[0] != 1)
            return error_set_sql(
                err, STATUS_INVALID, "22P03", 0, "unsupported %s version number %d",
                ret->type.id == TYPE_JSONB ? "jsonb" : "jsonpath", bytes.len ? bytes.ptr[0] : 0);
        return parse_textual(str_sub(bytes, 1, bytes.len), ret, row, arena, err);
    case TYPE_BYTEA:
        return put_view(ret, row, bytes, arena, err);
    case TYPE_NUMERIC:
        return numeric_parse_binary(bytes, ret->type.typmod, arena, views + row, err);
    case TYPE_INT2VECTOR:
    case TYPE_OIDVECTOR:
        return pgarray__receive(bytes, settings, ret->type, arena, views + row, err);
    case TYPE_VOID:
        return STATUS_OK;
    case TYPE_BOOL:
    case TYPE_CHAR:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMETZ:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_INTERVAL:
    case TYPE_UUID:
    case TYPE_OID:
    case TYPE_REGCLASS:
    case TYPE_REGTYPE:
    case TYPE_REGPROC:
    case TYPE_REGNAMESPACE:
        return receive_fixed(bytes, ret, row, err);
    case TYPE_RECORD:
    case TYPE_ANYELEMENT:
    case TYPE_ANYARRAY:
    case TYPE_ANY:
    case TYPE_COUNT_:
        break;
    }
    return refuse_input(ret->type, err);
}

Status pgtype_const_text(Type type, Str text, const PgSettings *settings, uint32_t rows,
                         Arena *arena, Column *ret, Error *err)
{
    Column column;

    TRY(column_init(&column, arena, type, 1, false, err));
    TRY(pgtype_parse_text(text, settings, &column, 0, arena, err));
    column.is_const = true;
    column.len = rows;
    *ret = column;
    return STATUS_OK;
}
