/* func_int.h - what the files of functions share: their tables, and the ways to write a kernel.
 *
 * A kernel sees plain or constant columns only (the evaluator has expanded dictionaries). It finds
 * the result type in ret->type and fills the rest of *ret. When every argument is constant it may
 * (and with these helpers does) return a constant.
 */
#ifndef LUMA_QUERY_FUNC_FUNC_INT_H
#define LUMA_QUERY_FUNC_FUNC_INT_H

#include "base/simd.h"
#include "format/pgtype/datetime.h"
#include "format/pgtype/numeric.h"
#include "format/pgtype/pgarray.h"
#include "format/pgtype/pgtype.h"
#include "query/func/func.h"

#define T(id) TYPE_OF(id)
#define AT(id) TYPE_ARRAY_OF(id)

/* One table per file. Function.oid 0 = LumaDB's own, numbered by the registry. */
typedef struct FuncTable {
    const Function *functions;
    uint32_t count;
} FuncTable;
typedef struct CastTable {
    const Cast *casts;
    uint32_t count;
} CastTable;
typedef struct AggregateTable {
    const Aggregate *aggregates;
    uint32_t count;
} AggregateTable;
typedef struct TableFunctionTable {
    const TableFunction *functions;
    uint32_t count;
} TableFunctionTable;

/* clang-format off */
#define FUNC_TABLES(X)                                                                             \
    X(compare)                                                                                     \
    X(catalog)                                                                                     \
    X(arith)                                                                                       \
    X(math)                                                                                        \
    X(text)                                                                                        \
    X(text_format)                                                                                 \
    X(regexp)                                                                                      \
    X(regexp_find)                                                                                 \
    X(datetime)                                                                                    \
    X(json)                                                                                        \
    X(json_set)                                                                                    \
    X(jsonpath)                                                                                    \
    X(bit)                                                                                         \
    X(array)                                                                                       \
    X(array_part)                                                                                  \
    X(bytea)                                                                                       \
    X(overlaps)                                                                                    \
    X(to_number)                                                                                   \
    X(unicode)                                                                                     \
    X(search)                                                                                      \
    X(domain)                                                                                      \
    X(enum)                                                                                        \
    X(sequence)                                                                                    \
    X(system)                                                                                      \
    X(to_char)                                                                                     \
    X(to_char_number)
/* clang-format on */
#define X(name) extern const FuncTable func__##name##_table;
FUNC_TABLES(X)
#undef X
#define AGGREGATE_TABLES(X) X(basic) X(stats) X(collect) X(ordered) X(approx) X(bit)
#define X(name) extern const AggregateTable func__##name##_aggregates;
AGGREGATE_TABLES(X)
#undef X
extern const CastTable func__casts;
/* Casts by rule: text I/O of every type, arrays by their elements; false when there is none. */
bool func__cast_generic(Type from, Type to, Cast *ret_cast);
/* Casts between bit strings and integers (func_bit.c). */
bool func__cast_bit(Type from, Type to, Cast *ret_cast);
#define TABLE_FUNCTION_TABLES(X) X(basic) X(regexp) X(json_record) X(jsonpath)
#define X(name) extern const TableFunctionTable func__##name##_sets;
TABLE_FUNCTION_TABLES(X)
#undef X

/* Rows of functions: strict, immutable unless the name says otherwise. */
#define FN(name_, oid_, kernel_, ret_, argc_, ...)                                                 \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .strict = true, .args = {__VA_ARGS__},     \
        .ret = ret_, .kernel = kernel_                                                             \
    }
#define OP(name_, oid_, kernel_, ret_, argc_, ...)                                                 \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .strict = true, .is_operator = true,       \
        .args = {__VA_ARGS__}, .ret = ret_, .kernel = kernel_                                      \
    }

/* ---- settings */
const PgSettings *func__settings(const EvalContext *ctx);
const TimeZone *func__time_zone(const EvalContext *ctx);

/* ---- results */

/* Are all arguments constant? Then one row is computed and *ret is constant. */
bool func__all_const(const Column *args, uint32_t arg_count);
/* Initializes *ret (type set by the caller) for `rows` rows with the validity of the strict
 * arguments. *ret_rows = rows to compute: 1 when *ret is constant. */
Status func__strict_result(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                           uint32_t rows, Column *ret, uint32_t *ret_rows, Error *err);
/* The same with an all-valid, writable bitmap when `with_validity`. */
Status func__plain_result(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          uint32_t rows, bool with_validity, Column *ret, uint32_t *ret_rows,
                          Error *err);
/* Stores NULL in a row of a result whose bitmap exists or is made. */
Status func__set_null(const EvalContext *ctx, Column *ret, uint32_t row, Error *err);
/* Stores a text; bytes of `text` must live as long as the arena. */
static inline void func__set_str(Column *ret, uint32_t row, Str text)
{
    ((View *)column_values(ret))[row] = view_make(text.ptr, text.len);
}
/* Copies the text into the arena and stores it. */
Status func__set_copy(const EvalContext *ctx, Column *ret, uint32_t row, Str text, Error *err);
/* A writable text of `len` bytes in the arena. */
Status func__text_new(const EvalContext *ctx, size_t len, char **ret_text, Error *err);

/* ---- row by row: for functions whose work dwarfs an indirect call */

typedef Status (*FuncRow)(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          uint32_t row, Column *ret, Error *err);
/* Calls fn for each row whose arguments are all not NULL; other rows are NULL. */
Status func__each_row(const EvalContext *ctx, const Column *args, uint32_t arg_count, uint32_t rows,
                      FuncRow fn, Column *ret, Error *err);
/* Calls fn for each row, NULL arguments included; fn may call func__set_null. */
Status func__each_row_nullable(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                               uint32_t rows, FuncRow fn, Column *ret, Error *err);

/* Defines kernel `name` from a row body that sees ctx, args, arg_count, row, ret and err. */
#define ROW_KERNEL_WITH(name, each)                                                                \
    static Status name##_row(const EvalContext *ctx, const Column *args, uint32_t arg_count,       \
                             uint32_t row, Column *ret, Error *err);                               \
    static Status name(const EvalContext *ctx, const Column *args, uint32_t arg_count,             \
                       uint32_t rows, Column *ret, Error *err)                                     \
    {                                                                                              \
        return each(ctx, args, arg_count, rows, name##_row, ret, err);                             \
    }                                                                                              \
    static Status name##_row(const EvalContext *ctx, const Column *args, uint32_t arg_count,       \
                             uint32_t row, Column *ret, Error *err)
#define ROW_KERNEL(name) ROW_KERNEL_WITH(name, func__each_row)
#define ROW_KERNEL_NULLABLE(name) ROW_KERNEL_WITH(name, func__each_row_nullable)

/* Typed access inside row kernels. */
#define SET(ctype, value_) (((ctype *)column_values(ret))[row] = (value_))
#define SET_BOOL(value_) bit_put(column_values(ret), row, (value_))
static inline View func__view(const Column *c, uint32_t row)
{
    return ((const View *)c->values)[column_slot(c, row)];
}
/* A View's text may lie in the View itself, so it is read through the column. */
static inline Str func__str(const Column *c, uint32_t row)
{
    return view_str(&((const View *)c->values)[column_slot(c, row)]);
}
#define ARG(ctype, idx) (((const ctype *)args[idx].values)[column_slot(&args[idx], row)])
#define ARG_STR(idx) func__str(&args[idx], row)
#define ARG_BOOL(idx) column_bool(&args[idx], row)

/* ---- whole vectors: branch-free loops that the compiler turns into SIMD */

/* for x of args[0], y of args[1]: out[i] = expr, with constants hoisted. */
#define VECTOR_BINARY(L, R, O, n, expr)                                                            \
    do {                                                                                           \
        const L *va_ = args[0].values;                                                             \
        const R *vb_ = args[1].values;                                                             \
        O *vo_ = column_values(ret);                                                               \
        if (args[1].is_const && !args[0].is_const) {                                               \
            const R y = vb_[0];                                                                    \
            for (uint32_t i_ = 0; i_ < (n); i_++) {                                                \
                const L x = va_[i_];                                                               \
                vo_[i_] = (O)(expr);                                                               \
            }                                                                                      \
        } else if (args[0].is_const && !args[1].is_const) {                                        \
            const L x = va_[0];                                                                    \
            for (uint32_t i_ = 0; i_ < (n); i_++) {                                                \
                const R y = vb_[i_];                                                               \
                vo_[i_] = (O)(expr);                                                               \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t i_ = 0; i_ < (n); i_++) {                                                \
                const L x = va_[i_];                                                               \
                const R y = vb_[i_];                                                               \
                vo_[i_] = (O)(expr);                                                               \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* ---- json */

/* Any SQL value as JSON text, as to_json prints it. */
Status func__append_json(const EvalContext *ctx, const Column *c, uint32_t row, Buf *out,
                         Error *err);
/* Set-returning functions over the members of a json value (func_json.c). */
#define JSON_SETS(X)                                                                               \
    X(json_elements) X(json_elements_text) X(json_keys) X(json_each) X(json_each_text)
#define X(name)                                                                                    \
    Status func__##name##_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,     \
                               Arena *arena, void **ret_state, Error *err);
JSON_SETS(X)
#undef X
Status func__json_members_next(const EvalContext *ctx, void *state, RecordBatch *ret_batch,
                               bool *ret_end, Error *err);

/* ---- regular expressions */

typedef struct Regex Regex; /* base/regex.h */
/* The compiled expression, kept per thread for a while; `flags` are AreFlags. */
Status func__regex(Str pattern, int flags, const Regex **ret, Error *err);

/* ---- functions that have all rows at hand when they are opened */

typedef struct FuncRows {
    Column *columns;
    uint32_t column_count;
    uint32_t rows;
    uint32_t pos;
} FuncRows;
/* An empty set of one column, in the arena of open. */
Status func__rows_new(Arena *arena, FuncRows **ret_rows, Error *err);
/* TableFunction.next for a FuncRows. */
Status func__rows_next(const EvalContext *ctx, void *state, RecordBatch *ret_batch, bool *ret_end,
                       Error *err);
/* Fills one column of a set from the elements of an array value. */
Status func__rows_from_array(Type type, Str array, Arena *arena, FuncRows *rows, Error *err);

/* ---- errors */
Status func__division_by_zero(Error *err);
Status func__out_of_range(Error *err, const char *type_name); /* "integer out of range" */

#endif
