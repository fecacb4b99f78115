/* eval.h - what an expression may know while it runs. */
#ifndef LUMA_QUERY_FUNC_EVAL_H
#define LUMA_QUERY_FUNC_EVAL_H

#include "arrow/batch.h"
#include "base/buf.h"

typedef struct TimeZone TimeZone;     /* format/pgtype/timezone.h */
typedef struct PgSettings PgSettings; /* format/pgtype/pgtype.h */

/* Sequences as nextval and its kin reach them, by OID. Any thread. */
typedef struct EvalSequences {
    Status (*next)(void *ctx, uint32_t oid, uint32_t count, int64_t *ret_values, Error *err);
    Status (*current)(void *ctx, uint32_t oid, int64_t *ret_value, Error *err);
    Status (*last)(void *ctx, int64_t *ret_value, Error *err);
    Status (*set)(void *ctx, uint32_t oid, int64_t value, bool is_called, Error *err);
    /* Where it stands, whoever used it. */
    Status (*state)(void *ctx, uint32_t oid, int64_t *ret_value, bool *ret_called, Error *err);
    /* The name of a column's sequence. */
    Status (*serial)(void *ctx, Str table, Str column, Buf *out, bool *ret_found, Error *err);
} EvalSequences;

/* What functions ask of the catalog; `args` are OIDs and numbers. */
typedef enum CatalogText {
    CATALOG_TEXT_ROLE,           /* pg_get_userbyid(oid) */
    CATALOG_TEXT_TYPE,           /* format_type of a created type: (oid) */
    CATALOG_TEXT_INDEX,          /* pg_get_indexdef(oid, column, pretty) */
    CATALOG_TEXT_CONSTRAINT,     /* pg_get_constraintdef(oid, pretty) */
    CATALOG_TEXT_VIEW,           /* pg_get_viewdef(oid) */
    CATALOG_TEXT_PROC_RESULT,    /* pg_get_function_result(oid) */
    CATALOG_TEXT_PROC_ARGUMENTS, /* pg_get_function_arguments(oid) */
    CATALOG_TEXT_COMMENT,        /* (object, class or 0 = any, attribute number) */
} CatalogText;
typedef enum CatalogTest {
    CATALOG_TEST_RELATION, /* is it visible without its schema? */
    CATALOG_TEST_TYPE,
    CATALOG_TEST_PROC,
    CATALOG_TEST_TABLE_PRIVILEGES,  /* args[1]: bits of PRIVILEGE_*, any of them */
    CATALOG_TEST_SCHEMA_PRIVILEGES, /* the same for a schema */
} CatalogTest;
typedef enum CatalogTruth { CATALOG_FALSE, CATALOG_TRUE, CATALOG_NULL } CatalogTruth;
typedef struct EvalCatalog {
    /* Appends the text; false = NULL. Any thread. */
    bool (*text)(void *ctx, CatalogText what, const int64_t args[3], Buf *out);
    /* `role`: whose privileges, "" = the session's. NULL when there is no such object. */
    CatalogTruth (*test)(void *ctx, CatalogTest what, const int64_t args[2], Str role);
    /* Rows and bytes of a relation, by the planner's estimate; -1 = there is none. */
    int64_t (*row_count)(void *ctx, uint32_t oid);
    int64_t (*bytes)(void *ctx, uint32_t oid);
    Status (*set)(void *ctx, Str name, Str value, bool local, Error *err);
} EvalCatalog;

/* Session settings that functions read; fixed for one statement. */
typedef struct EvalSettings {
    const PgSettings *pg; /* text I/O and the time zone, what casts and date functions read */
    const TimeZone *time_zone;
    Str time_zone_name;
    Str date_style;         /* "ISO, MDY" */
    Str interval_style;     /* "postgres" */
    int extra_float_digits; /* default 1: shortest exact */
    Str bytea_output;       /* "hex" */
    Str user;
    Str database;
    Str search_path;        /* as SHOW prints it */
    int64_t statement_us;   /* statement_timestamp() */
    int64_t transaction_us; /* now() */
    uint32_t backend_pid;
    /* Other settings by name for current_setting(); returns false when unknown. May be NULL. */
    bool (*setting)(void *ctx, Str name, Str *ret_value);
    void *setting_ctx;
    const EvalSequences *sequences; /* NULL = there are none here */
    void *sequences_ctx;
    const EvalCatalog *catalog; /* NULL = there is none here */
    void *catalog_ctx;
} EvalSettings;

typedef struct EvalContext {
    Arena *arena; /* results of this batch; reset by the operator */
    const EvalSettings *settings;
    const volatile int *cancelled; /* nonzero = stop; long loops look at it. May be NULL */
} EvalContext;

#endif
