/* type.h - SQL types and their in-memory layout.
 *
 * A Type is a small value: id, array flag, typmod (PostgreSQL's meaning, -1 = none). `type_layout`
 * says how a column of it lies in memory (Arrow columnar format; views hold a pointer, see
 * column.h).
 */
#ifndef LUMA_ARROW_TYPE_H
#define LUMA_ARROW_TYPE_H

#include "base/str.h"

typedef enum Layout {
    LAYOUT_BIT,     /* bitmap, least significant bit first */
    LAYOUT_INT8,    /* int8_t */
    LAYOUT_INT16,   /* int16_t */
    LAYOUT_INT32,   /* int32_t */
    LAYOUT_INT64,   /* int64_t */
    LAYOUT_FLOAT,   /* float */
    LAYOUT_DOUBLE,  /* double */
    LAYOUT_FIXED16, /* 16 bytes: uuid bytes, or Interval */
    LAYOUT_VIEW,    /* View: text, bytes, or a value in the form its type's header describes */
} Layout;

/* X(id, layout, oid, array oid, name as format_type prints it, pg_type.typname, typlen) */
/* clang-format off */
#define TYPE_LIST(X)                                                                               \
    X(UNKNOWN,     VIEW,    705,  0,    "unknown", "unknown", -2)  /* untyped literal: text */     \
    X(VOID,        BIT,     2278, 0,    "void", "void", 4)                                         \
    X(BOOL,        BIT,     16,   1000, "boolean", "bool", 1)                                      \
    X(CHAR,        INT8,    18,   1002, "\"char\"", "char", 1)                                     \
    X(INT2,        INT16,   21,   1005, "smallint", "int2", 2)                                     \
    X(INT4,        INT32,   23,   1007, "integer", "int4", 4)                                      \
    X(INT8,        INT64,   20,   1016, "bigint", "int8", 8)                                       \
    X(FLOAT4,      FLOAT,   700,  1021, "real", "float4", 4)                                       \
    X(FLOAT8,      DOUBLE,  701,  1022, "double precision", "float8", 8)                           \
    X(NUMERIC,     VIEW,    1700, 1231, "numeric", "numeric", -1)                                  \
    X(TEXT,        VIEW,    25,   1009, "text", "text", -1)                                        \
    X(VARCHAR,     VIEW,    1043, 1015, "character varying", "varchar", -1)                        \
    X(BPCHAR,      VIEW,    1042, 1014, "character", "bpchar", -1)                                 \
    X(NAME,        VIEW,    19,   1003, "name", "name", 64)                                        \
    X(BYTEA,       VIEW,    17,   1001, "bytea", "bytea", -1)                                      \
    X(DATE,        INT32,   1082, 1182, "date", "date", 4)         /* days since 1970-01-01 */     \
    X(TIME,        INT64,   1083, 1183, "time without time zone", "time", 8) /* us since 00:00 */  \
    X(TIMETZ,      FIXED16, 1266, 1270, "time with time zone", "timetz", 12)                       \
    X(TIMESTAMP,   INT64,   1114, 1115, "timestamp without time zone", "timestamp", 8) /* us */    \
    X(TIMESTAMPTZ, INT64,   1184, 1185, "timestamp with time zone", "timestamptz", 8)  /* us UTC */ \
    X(INTERVAL,    FIXED16, 1186, 1187, "interval", "interval", 16)                                \
    X(UUID,        FIXED16, 2950, 2951, "uuid", "uuid", 16)                                        \
    X(JSON,        VIEW,    114,  199,  "json", "json", -1)                                        \
    X(JSONB,       VIEW,    3802, 3807, "jsonb", "jsonb", -1) /* the text PostgreSQL would print */ \
    X(OID,         INT64,   26,   1028, "oid", "oid", 4)                                           \
    X(REGCLASS,    INT64,   2205, 2210, "regclass", "regclass", 4)                                 \
    X(REGTYPE,     INT64,   2206, 2211, "regtype", "regtype", 4)                                   \
    X(REGPROC,     INT64,   24,   1008, "regproc", "regproc", 4)                                   \
    X(REGNAMESPACE, INT64,  4089, 4090, "regnamespace", "regnamespace", 4)                         \
    X(BIT,         VIEW,    1560, 1561, "bit", "bit", -1)                     /* pgbit.h */         \
    X(VARBIT,      VIEW,    1562, 1563, "bit varying", "varbit", -1)                               \
    X(JSONPATH,    VIEW,    4072, 4073, "jsonpath", "jsonpath", -1) /* its printed text */         \
    X(INT2VECTOR,  VIEW,    22,   1006, "int2vector", "int2vector", -1)                            \
    X(OIDVECTOR,   VIEW,    30,   1013, "oidvector", "oidvector", -1)                              \
    X(RECORD,      VIEW,    2249, 2287, "record", "record", -1)                                    \
    X(ENUM,        VIEW,    3500, 3501, "anyenum", "anyenum", 4) /* pgenum.h; typmod: which one */  \
    X(ANYELEMENT,  VIEW,    2283, 0,    "anyelement", "anyelement", 4) /* signatures only */       \
    X(ANYARRAY,    VIEW,    2277, 0,    "anyarray", "anyarray", -1)    /* signatures only */       \
    X(ANY,         VIEW,    2276, 0,    "\"any\"", "any", 4)           /* signatures only */
/* clang-format on */

typedef enum TypeId {
#define X(id, layout, oid, array_oid, name, typname, typlen) TYPE_##id,
    TYPE_LIST(X)
#undef X
        TYPE_COUNT_
} TypeId;

typedef struct Type {
    uint8_t id;     /* TypeId of the value, or of an array's elements */
    bool is_array;  /* any number of dimensions, as in PostgreSQL */
    int32_t typmod; /* PostgreSQL's, -1 = none */
} Type;

#define TYPE_OF(id_) ((Type){.id = TYPE_##id_, .typmod = -1})
#define TYPE_ARRAY_OF(id_) ((Type){.id = TYPE_##id_, .is_array = true, .typmod = -1})

/* Same id and array flag; typmod does not count, but for enums, where -1 is any of them. */
static inline bool type_eq(Type a, Type b)
{
    return a.id == b.id && a.is_array == b.is_array &&
           (a.id != TYPE_ENUM || a.typmod == b.typmod || a.typmod == -1 || b.typmod == -1);
}
/* Without its typmod; an enum's is the OID of its type and stays. */
static inline Type type_plain(Type type)
{
    if (type.id != TYPE_ENUM)
        type.typmod = -1;
    return type;
}
Layout type_layout(Type type); /* arrays are LAYOUT_VIEW */
/* Bytes per value; 0 for LAYOUT_BIT. */
size_t layout_width(Layout layout);
/* Of an enum that is known: its own, or that of its array. */
uint32_t type_oid(Type type);
/* False for an OID that LumaDB has no type for. */
bool type_from_oid(uint32_t oid, Type *ret_type);
/* format_type without typmod: "integer", "text[]". Into buf, returns buf. */
const char *type_name(Type type, char buf[64]);
/* pg_type.typname: "int4", "_text". */
const char *type_pg_name(Type type, char buf[64]);
/* From pg_type.typname or an SQL alias the grammar leaves as it is ("int4", "_int4",
 * "timestamptz"). */
bool type_from_pg_name(Str name, Type *ret_type);
int16_t type_len(Type type); /* pg_type.typlen */
static inline Type type_element(Type array)
{
    return (Type){.id = array.id, .typmod = array.typmod};
}
static inline bool type_is_integer(Type t)
{
    return !t.is_array && (t.id == TYPE_INT2 || t.id == TYPE_INT4 || t.id == TYPE_INT8);
}
static inline bool type_is_number(Type t)
{
    return type_is_integer(t) ||
           (!t.is_array && (t.id == TYPE_FLOAT4 || t.id == TYPE_FLOAT8 || t.id == TYPE_NUMERIC));
}
static inline bool type_is_text(Type t)
{
    return !t.is_array && (t.id == TYPE_TEXT || t.id == TYPE_VARCHAR || t.id == TYPE_BPCHAR ||
                           t.id == TYPE_NAME || t.id == TYPE_UNKNOWN);
}

#endif
