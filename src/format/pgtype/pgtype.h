/* pgtype.h - PostgreSQL's types as bytes: text and binary input and output of columns.
 *
 * Prints and parses exactly as PostgreSQL 15 does, with its SQLSTATEs and messages. Values lie in
 * Columns (arrow/column.h); forms that are LumaDB's own (numeric, arrays, record) are described in
 * numeric.h and pgarray.h.
 *
 * To print a column, take its function once and call it per row:
 *
 *   PgPrintFn print = pgtype_text_fn(column->type);
 *   for (uint32_t i = 0; i < column->len; i++)
 *       if (!column_is_null(column, i))
 *           print(column, i, &settings, &out);
 *
 * Threads: everything here is safe from any thread; PgSettings is read only.
 */
#ifndef LUMA_FORMAT_PGTYPE_PGTYPE_H
#define LUMA_FORMAT_PGTYPE_PGTYPE_H

#include "arrow/column.h"
#include "base/buf.h"
#include "format/pgtype/timezone.h"

typedef enum PgDateStyle { PG_DATE_ISO, PG_DATE_SQL, PG_DATE_POSTGRES, PG_DATE_GERMAN } PgDateStyle;
typedef enum PgDateOrder { PG_ORDER_MDY, PG_ORDER_DMY, PG_ORDER_YMD } PgDateOrder;
typedef enum PgIntervalStyle {
    PG_INTERVAL_POSTGRES,
    PG_INTERVAL_VERBOSE,
    PG_INTERVAL_SQL,
    PG_INTERVAL_ISO
} PgIntervalStyle;

/* A label of an enum, as the catalog has it. */
typedef struct PgEnumLabel {
    Str name;
    int64_t order;
    bool usable;   /* false: the open transaction added it */
    char text[64]; /* where `name` may lie: so do not copy a PgEnumLabel */
} PgEnumLabel;

/* The session settings that text input and output depend on. */
typedef struct PgSettings {
    PgDateStyle date_style;
    PgDateOrder date_order;
    PgIntervalStyle interval_style;
    int extra_float_digits;    /* > 0: shortest exact (PostgreSQL's default 1); else %.*g */
    bool bytea_escape;         /* bytea_output = escape */
    const TimeZone *time_zone; /* of timestamptz; never NULL */
    int64_t now_us;            /* transaction time, for 'now', 'today' ...; us since 1970 UTC */
    /* Name of an object for regclass & co.; false = print the number. May be NULL. */
    bool (*reg_name)(void *ctx, TypeId type, uint32_t oid, Buf *out);
    /* OID of a name; returns NOT_FOUND errors of its own. May be NULL (numbers only). */
    Status (*reg_oid)(void *ctx, TypeId type, Str name, uint32_t *ret_oid, Error *err);
    /* Label `idx` of an enum, in order; false = there are no more. May be NULL. */
    bool (*enum_label)(void *ctx, uint32_t oid, uint32_t idx, PgEnumLabel *ret);
    void *reg_ctx;
} PgSettings;

/* What SET timezone takes: a zone's name or POSIX specification, hours east of UTC, or "interval
 * '+02:00'". NULL when it is none. */
const TimeZone *pg_time_zone_of_setting(Str value);

/* ISO, MDY, postgres intervals, shortest floats, hex bytea, UTC, now_us = wall clock. */
void pg_settings_init(PgSettings *settings);
/* Takes one setting by its SQL name, as SET would (any case): DateStyle, IntervalStyle, TimeZone,
 * extra_float_digits, bytea_output. Other names are ignored. INVALID (22023) for a value PostgreSQL
 * refuses; the setting is unchanged then. */
Status pg_settings_set(PgSettings *settings, Str name, Str value, Error *err);
/* DateStyle as SHOW prints it: "ISO, MDY". */
const char *pg_settings_date_style_name(const PgSettings *settings);
const char *pg_settings_interval_style_name(const PgSettings *settings);

/* Appends row `row`, which must not be NULL. Constants and dictionaries are seen through. */
typedef void (*PgPrintFn)(const Column *column, size_t row, const PgSettings *settings, Buf *out);

/* Output functions of a type: text, and the bytes that the protocol's binary format holds (without
 * the length). Never NULL. */
PgPrintFn pgtype_text_fn(Type type);
PgPrintFn pgtype_binary_fn(Type type);
/* Writes the same into memory of PG_PUT_BYTES_MAX bytes; returns the byte behind. */
typedef char *(*PgPutFn)(const Column *column, size_t row, const PgSettings *settings, char *out);
enum { PG_PUT_BYTES_MAX = 128 };
/* For types whose values are short; NULL for others. */
PgPutFn pgtype_text_put_fn(Type type);
PgPutFn pgtype_binary_put_fn(Type type);
/* Is what the value's text (resp. binary form) holds the bytes of its view? */
bool pgtype_text_is_view(Type type);
bool pgtype_binary_is_view(Type type);
static inline void pgtype_append_text(const Column *column, size_t row, const PgSettings *settings,
                                      Buf *out)
{
    pgtype_text_fn(column->type)(column, row, settings, out);
}
static inline void pgtype_append_binary(const Column *column, size_t row,
                                        const PgSettings *settings, Buf *out)
{
    pgtype_binary_fn(column->type)(column, row, settings, out);
}

/* Parses text into row `row` of a column made by column_init (type and typmod are the column's; the
 * validity bit is left alone). Texts are copied into `arena`. As the input function of PostgreSQL
 * with the column's typmod: 22P02 invalid input syntax, 22003 out of range, 22001 too long ... */
Status pgtype_parse_text(Str text, const PgSettings *settings, Column *ret, size_t row,
                         Arena *arena, Error *err);
/* The same for the protocol's binary format: 22P03 incorrect binary data format, 08P01. */
Status pgtype_parse_binary(Str bytes, const PgSettings *settings, Column *ret, size_t row,
                           Arena *arena, Error *err);
/* A constant column of one value; `type` incl. typmod. */
Status pgtype_const_text(Type type, Str text, const PgSettings *settings, uint32_t rows,
                         Arena *arena, Column *ret, Error *err);

/* Typmod coercions of text types. `explicit_cast` cuts in silence; otherwise only blanks may be cut
 * (22001). bpchar is padded. Lengths count characters. The result may borrow `text`. */
Status pgtype_coerce_varchar(Str text, int32_t typmod, bool explicit_cast, Str *ret, Error *err);
Status pgtype_coerce_bpchar(Str text, int32_t typmod, bool explicit_cast, Arena *arena, Str *ret,
                            Error *err);
/* At most 63 bytes, cut at a character, as type name does. */
Str pgtype_coerce_name(Str text);

/* ---- scalar input functions, for casts and literals. White space around is allowed. */
Status pgtype_parse_bool(Str text, bool *ret, Error *err);
Status pgtype_parse_int2(Str text, int16_t *ret, Error *err);
Status pgtype_parse_int4(Str text, int32_t *ret, Error *err);
Status pgtype_parse_int8(Str text, int64_t *ret, Error *err);
Status pgtype_parse_oid(Str text, uint32_t *ret, Error *err);
Status pgtype_parse_float4(Str text, float *ret, Error *err);
Status pgtype_parse_float8(Str text, double *ret, Error *err);
Status pgtype_parse_uuid(Str text, uint8_t ret[16], Error *err);
/* Hex ("\x...") or escape form; result in arena. */
Status pgtype_parse_bytea(Str text, Arena *arena, Str *ret, Error *err);

/* ---- scalar output */
void pgtype_append_i64(Buf *out, int64_t value);
void pgtype_append_float8(Buf *out, double value, int extra_float_digits);
void pgtype_append_float4(Buf *out, float value, int extra_float_digits);
void pgtype_append_uuid(Buf *out, const uint8_t uuid[16]);
void pgtype_append_bytea(Buf *out, Str bytes, bool escape);

/* "invalid input syntax for type %s: \"...\"" (22P02); returns STATUS_INVALID. */
Status pgtype_error_syntax(Error *err, const char *type_name, Str text);

#endif
