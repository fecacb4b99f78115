/* func.h - the registry of scalar functions, operators, casts and aggregates.
 *
 * A function's kernel gets whole columns (all of `rows` rows; constants stay constants, is_const)
 * and fills a column. For `strict` functions the caller has computed nothing: the kernel receives
 * the arguments as they are and must set NULL where any argument is NULL; func_strict_validity does
 * it for whole bitmaps. A kernel raises data errors with the SQLSTATE PostgreSQL gives.
 *
 * Operators are functions called by their symbol ("+", "~~*"), casts by (from, to).
 * The registry is immutable after start. Any thread.
 */
#ifndef LUMA_QUERY_FUNC_FUNC_H
#define LUMA_QUERY_FUNC_FUNC_H

#include "base/buf.h"
#include "query/func/eval.h"

enum { FUNC_ARGS_MAX = 8 };

typedef enum Volatility { VOLATILITY_IMMUTABLE, VOLATILITY_STABLE, VOLATILITY_VOLATILE } Volatility;

typedef Status (*FuncKernel)(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                             uint32_t rows, Column *ret, Error *err);

typedef struct Function {
    const char *name;  /* SQL name or operator symbol */
    uint32_t oid;      /* pg_proc oid (own ones from 9000000), stable */
    uint8_t arg_count; /* fixed arguments; `variadic` repeats the last one */
    bool variadic;
    bool strict; /* NULL in, NULL out */
    bool is_operator;
    Volatility volatility;
    Type args[FUNC_ARGS_MAX];
    Type ret; /* ANYELEMENT and ANYARRAY take the arguments' type */
    FuncKernel kernel;
} Function;

/* All overloads of a name, in an array of *ret_count. NULL when there is none. */
const Function *const *func_find(Str name, bool is_operator, uint32_t *ret_count);

typedef enum CastContext { CAST_IMPLICIT, CAST_ASSIGNMENT, CAST_EXPLICIT } CastContext;
typedef struct Cast {
    Type from;
    Type to;
    CastContext context; /* the weakest context in which it applies */
    bool binary;         /* same bytes: no work */
    FuncKernel kernel;   /* args[0] = value; ret->type.typmod is the target's typmod */
} Cast;
/* NULL when `from` cannot be cast to `to`. Text I/O casts are included. */
const Cast *func_find_cast(Type from, Type to);
/* What a typmod does to a value of its own type: numeric(p, s) rounds, varchar(n) cuts,
 * timestamp(p) rounds. ret->type carries the typmod. `explicit_cast` false (assignment): too long
 * texts are 22001 unless only blanks are lost. A copy of *arg when the typmod says nothing. */
Status func_apply_typmod(const EvalContext *ctx, const Column *arg, uint32_t rows,
                         bool explicit_cast, Column *ret, Error *err);
/* STABLE when the result depends on a setting (time zone, date style), as for timestamptz texts. */
Volatility cast_volatility(const Cast *cast);

/* ---- aggregates: vectorised over groups.
 * The executor keeps for each group `state_bytes` zeroed bytes; update gets for each row the
 * group's state. Variable-size state (arrays, texts, digests) goes into `arena`. Arguments are
 * plain or constant columns; rows that FILTER or DISTINCT excludes are not passed, NULLs are, and
 * the kernel leaves them out where PostgreSQL does. Ordered sets get their direct arguments first,
 * then the ORDER BY values, in order. */
typedef struct Aggregate {
    const char *name;
    uint32_t oid;
    uint8_t arg_count;
    bool variadic;
    bool ordered_set;  /* percentile_cont(...) WITHIN GROUP (ORDER BY ...) */
    bool hypothetical; /* rank(x) WITHIN GROUP: between the arguments stands an int4, bit 0 = the
                          order is descending, bit 1 = NULLs come first */
    Type args[FUNC_ARGS_MAX];
    Type ret;
    uint32_t state_bytes;
    bool order_sensitive; /* array_agg, string_agg, first ...: no parallel partial states */
    /* group_of[i] picks row i's state. */
    Status (*update)(const EvalContext *ctx, void *states, const uint32_t *group_of,
                     const Column *args, uint32_t rows, Arena *arena, Error *err);
    /* One group for all rows: the fast path of ungrouped aggregates. NULL = use update. */
    Status (*update_single)(const EvalContext *ctx, void *state, const Column *args, uint32_t rows,
                            Arena *arena, Error *err);
    /* Adds src to dst (partial aggregates of parallel pipelines). NULL = not mergeable. */
    Status (*merge)(void *dst, const void *src, Arena *arena, Error *err);
    /* Writes results of `count` consecutive states; an empty group gives NULL where PostgreSQL
     * does. ret->type is set by the caller. */
    Status (*finish)(const EvalContext *ctx, void *states, uint32_t count, Column *ret, Error *err);
} Aggregate;
const Aggregate *const *func_find_aggregate(Str name, uint32_t *ret_count);

/* Set-returning functions in FROM (generate_series, unnest ...): called until *ret_end. */
typedef struct TableFunction {
    const char *name;
    uint32_t oid;
    uint8_t arg_count;
    bool variadic;
    Type args[FUNC_ARGS_MAX];
    Type ret; /* type of the one column; RECORD = columns from `columns` */
    const Field *columns;
    uint32_t column_count;
    /* A record whose columns the query names: open gets func_columns_pack's text of them as one
     * argument more. */
    bool needs_columns;
    Status (*open)(const EvalContext *ctx, const Column *args, uint32_t arg_count, Arena *arena,
                   void **ret_state, Error *err);
    Status (*next)(const EvalContext *ctx, void *state, RecordBatch *ret_batch, bool *ret_end,
                   Error *err);
} TableFunction;
const TableFunction *const *func_find_table_function(Str name, uint32_t *ret_count);
/* Describes columns for TableFunction.needs_columns. */
void func_columns_pack(const Field *columns, uint32_t count, Buf *out);

/* Walks everything registered, for pg_proc and the documentation. */
const Function *const *func_all(uint32_t *ret_count);
const Aggregate *const *func_all_aggregates(uint32_t *ret_count);
const TableFunction *const *func_all_table_functions(uint32_t *ret_count);

/* AND of the arguments' validity as a bitmap over `rows` rows, NULL when all are valid. */
Status func_strict_validity(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                            uint32_t rows, const uint8_t **ret_validity, Error *err);

#endif
