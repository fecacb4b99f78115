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
} EvalSettings;

typedef struct EvalContext {
    Arena *arena; /* results of this batch; reset by the operator */
    const EvalSettings *settings;
    const volatile int *cancelled; /* nonzero = stop; long loops look at it. May be NULL */
} EvalContext;

#endif
