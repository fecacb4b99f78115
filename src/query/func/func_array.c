/* func_array.c - arrays: dimensions, building, searching. Elements keep the array's own type. */
#include "query/func/func_int.h"
#include "query/func/value.h"

static PgArray open_arg(const Column *args, uint32_t idx, uint32_t row)
{
    return pgarray_open(args[idx].type, func__str(&args[idx], row));
}

/* ---------------------------------------------------------------- dimensions */

ROW_KERNEL(array_ndims)
{
    PgArray a = open_arg(args, 0, row);
    if (!a.dim_count)
        return func__set_null(ctx, ret, row, err);
    SET(int32_t, (int32_t)a.dim_count);
    return STATUS_OK;
}
ROW_KERNEL(cardinality)
{
    SET(int32_t, (int32_t)open_arg(args, 0, row).count);
    return STATUS_OK;
}
typedef enum Bound { BOUND_LENGTH, BOUND_LOWER, BOUND_UPPER } Bound;
static Status bound_of(const EvalContext *ctx, const Column *args, uint32_t row, Bound bound,
                       Column *ret, Error *err)
{
    PgArray a = open_arg(args, 0, row);
    int32_t dim = ARG(int32_t, 1);
    if (dim < 1 || (uint32_t)dim > a.dim_count)
        return func__set_null(ctx, ret, row, err);
    int32_t lower = a.lowers[dim - 1];
    int32_t length = a.lengths[dim - 1];
    SET(int32_t, bound == BOUND_LENGTH  ? length
                 : bound == BOUND_LOWER ? lower
                                        : lower + length - 1);
    return STATUS_OK;
}
ROW_KERNEL(array_length)
{
    return bound_of(ctx, args, row, BOUND_LENGTH, ret, err);
}
ROW_KERNEL(array_lower)
{
    return bound_of(ctx, args, row, BOUND_LOWER, ret, err);
}
ROW_KERNEL(array_upper)
{
    return bound_of(ctx, args, row, BOUND_UPPER, ret, err);
}
ROW_KERNEL(array_dims)
{
    CLEANUP(buf_done) Buf out = {0};
    PgArray a = open_arg(args, 0, row);
    if (!a.dim_count)
        return func__set_null(ctx, ret, row, err);
    for (uint32_t d = 0; d < a.dim_count; d++)
        buf_printf(&out, "[%d:%d]", a.lowers[d], a.lowers[d] + a.lengths[d] - 1);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

/* ---------------------------------------------------------------- building */

/* An element list being put together; a column with a bitmap and `count` rows. */
static Status new_elements(const EvalContext *ctx, Type type, uint32_t count, Column *ret,
                           Error *err)
{
    return column_init(ret, ctx->arena, type_element(type), count, true, err);
}

static void copy_element(Column *to, uint32_t at, const Column *from, uint32_t row)
{
    bool null = column_is_null(from, row);
    bit_put(column_validity(to), at, !null);
    if (null)
        return;
    uint32_t slot = (uint32_t)column_slot(from, row);
    size_t width = layout_width(type_layout(to->type));
    if (!width)
        bit_put(column_values(to), at, column_bool(from, row));
    else
        memcpy((char *)column_values(to) + width * at, (const char *)from->values + width * slot,
               width);
}

static Status append_part(const EvalContext *ctx, const Column *arrays, uint32_t row, Column *to,
                          uint32_t *at, Error *err)
{
    Column elements;
    PgArray a = pgarray_open(arrays->type, func__str(arrays, row));
    TRY(pgarray_elements(&a, ctx->arena, &elements, err));
    for (uint32_t i = 0; i < a.count; i++)
        copy_element(to, (*at)++, &elements, i);
    return STATUS_OK;
}

static uint32_t part_count(const Column *args, uint32_t idx, uint32_t row)
{
    return column_is_null(&args[idx], row) ? 0 : open_arg(args, idx, row).count;
}

static Status one_dimension(const EvalContext *ctx, const Column *args, uint32_t idx, uint32_t row,
                            Error *err)
{
    (void)ctx;
    if (!column_is_null(&args[idx], row) && open_arg(args, idx, row).dim_count > 1)
        return error_set_sql(err, STATUS_INVALID, "22000", 0,
                             "argument must be empty or one-dimensional array");
    return STATUS_OK;
}

/* array_append(array, element) and array_prepend(element, array); a NULL array is empty. */
static Status extend(const EvalContext *ctx, const Column *args, uint32_t row, uint32_t array_idx,
                     Column *ret, Error *err)
{
    Column elements;
    uint32_t at = 0;
    uint32_t have = part_count(args, array_idx, row);
    TRY(one_dimension(ctx, args, array_idx, row, err));
    TRY(new_elements(ctx, ret->type, have + 1, &elements, err));
    if (array_idx == 1)
        copy_element(&elements, at++, &args[0], row);
    if (have)
        TRY(append_part(ctx, &args[array_idx], row, &elements, &at, err));
    if (array_idx == 0)
        copy_element(&elements, at++, &args[1], row);
    return pgarray_make(ret->type, &elements, 0, have + 1, ctx->arena,
                        (View *)column_values(ret) + row, err);
}
ROW_KERNEL_NULLABLE(array_append)
{
    return extend(ctx, args, row, 0, ret, err);
}
ROW_KERNEL_NULLABLE(array_prepend)
{
    return extend(ctx, args, row, 1, ret, err);
}

ROW_KERNEL_NULLABLE(array_cat)
{
    Column elements;
    uint32_t at = 0;
    bool a_null = column_is_null(&args[0], row);
    bool b_null = column_is_null(&args[1], row);
    if (a_null && b_null)
        return func__set_null(ctx, ret, row, err);
    PgArray a = a_null ? (PgArray){0} : open_arg(args, 0, row);
    PgArray b = b_null ? (PgArray){0} : open_arg(args, 1, row);
    TRY(new_elements(ctx, ret->type, a.count + b.count, &elements, err));
    if (!a_null)
        TRY(append_part(ctx, &args[0], row, &elements, &at, err));
    if (!b_null)
        TRY(append_part(ctx, &args[1], row, &elements, &at, err));
    const PgArray *shape = a.count ? &a : &b;
    int32_t lengths[PGARRAY_DIMS_MAX];
    int32_t lowers[PGARRAY_DIMS_MAX];
    memcpy(lengths, shape->lengths, sizeof lengths);
    memcpy(lowers, shape->lowers, sizeof lowers);
    if (a.count && b.count) {
        bool same = a.dim_count == b.dim_count;
        for (uint32_t d = 1; d < a.dim_count && same; d++)
            same = a.lengths[d] == b.lengths[d];
        if (!same)
            return error_set_sql(err, STATUS_INVALID, "2202E", 0,
                                 "cannot concatenate incompatible arrays");
        lengths[0] = a.lengths[0] + b.lengths[0];
    }
    return pgarray_make_dims(ret->type, &elements, 0, at, at ? shape->dim_count : 0, lengths,
                             lowers, ctx->arena, (View *)column_values(ret) + row, err);
}

/* Keeps or replaces elements equal (NULL = NULL) to the second argument. */
static Status rewrite_elements(const EvalContext *ctx, const Column *args, uint32_t row,
                               bool replace, Column *ret, Error *err)
{
    Column elements;
    Column out;
    uint32_t at = 0;
    if (column_is_null(&args[0], row))
        return func__set_null(ctx, ret, row, err);
    PgArray a = open_arg(args, 0, row);
    if (!replace)
        TRY(one_dimension(ctx, args, 0, row, err));
    TRY(pgarray_elements(&a, ctx->arena, &elements, err));
    TRY(new_elements(ctx, ret->type, a.count, &out, err));
    ValueEq eq = value_eq_fn(a.element);
    bool want_null = column_is_null(&args[1], row);
    for (uint32_t i = 0; i < a.count; i++) {
        bool null = pgarray_is_null(&a, i);
        bool same = null || want_null ? null && want_null : eq(&elements, i, &args[1], row);
        if (!same)
            copy_element(&out, at++, &elements, i);
        else if (replace)
            copy_element(&out, at++, &args[2], row);
    }
    if (replace)
        return pgarray_make_dims(ret->type, &out, 0, at, a.dim_count, a.lengths, a.lowers,
                                 ctx->arena, (View *)column_values(ret) + row, err);
    return pgarray_make(ret->type, &out, 0, at, ctx->arena, (View *)column_values(ret) + row, err);
}
ROW_KERNEL_NULLABLE(array_remove)
{
    return rewrite_elements(ctx, args, row, false, ret, err);
}
ROW_KERNEL_NULLABLE(array_replace)
{
    return rewrite_elements(ctx, args, row, true, ret, err);
}

ROW_KERNEL_NULLABLE(array_fill)
{
    if (column_is_null(&args[1], row) || (arg_count > 2 && column_is_null(&args[2], row)))
        return error_set_sql(err, STATUS_INVALID, "22004", 0,
                             "dimension array or low bound array cannot be null");
    Column bounds;
    Column lengths;
    PgArray dims = open_arg(args, 1, row);
    int32_t length[PGARRAY_DIMS_MAX] = {0};
    int32_t lower[PGARRAY_DIMS_MAX] = {1, 1, 1, 1, 1, 1};
    uint64_t count = dims.count ? 1 : 0;
    TRY(pgarray_elements(&dims, ctx->arena, &lengths, err));
    if (dims.count > PGARRAY_DIMS_MAX)
        return error_set_sql(err, STATUS_INVALID, "54000", 0,
                             "number of array dimensions (%u) exceeds the maximum allowed (%d)",
                             dims.count, PGARRAY_DIMS_MAX);
    if (arg_count > 2) {
        PgArray lows = open_arg(args, 2, row);
        if (lows.count != dims.count)
            return error_set_sql(err, STATUS_INVALID, "2202E", 0,
                                 "wrong number of array subscripts");
        TRY(pgarray_elements(&lows, ctx->arena, &bounds, err));
        for (uint32_t d = 0; d < lows.count; d++) {
            if (pgarray_is_null(&lows, d))
                return error_set_sql(err, STATUS_INVALID, "22004", 0,
                                     "dimension values cannot be null");
            lower[d] = (int32_t)column_i64(&bounds, d);
        }
    }
    for (uint32_t d = 0; d < dims.count; d++) {
        if (pgarray_is_null(&dims, d))
            return error_set_sql(err, STATUS_INVALID, "22004", 0,
                                 "dimension values cannot be null");
        length[d] = (int32_t)column_i64(&lengths, d);
        if (length[d] < 0 || (count *= (uint64_t)length[d]) > 1 << 27)
            return error_set_sql(err, STATUS_INVALID, "54000", 0,
                                 "array size exceeds the maximum allowed");
    }
    Column elements;
    TRY(new_elements(ctx, ret->type, (uint32_t)count, &elements, err));
    for (uint32_t i = 0; i < count; i++)
        copy_element(&elements, i, &args[0], row);
    return pgarray_make_dims(ret->type, &elements, 0, (uint32_t)count, count ? dims.count : 0,
                             length, lower, ctx->arena, (View *)column_values(ret) + row, err);
}

/* Without its last n elements. */
ROW_KERNEL(trim_array)
{
    Column items;
    PgArray a = open_arg(args, 0, row);
    int32_t n = ARG(int32_t, 1);
    int32_t length = a.dim_count ? a.lengths[0] : 0;
    int32_t lengths[PGARRAY_DIMS_MAX];
    int32_t lowers[PGARRAY_DIMS_MAX];
    if (n < 0 || n > length)
        return error_set_sql(err, STATUS_INVALID, "2202E", 0,
                             "number of elements to trim must be between 0 and %d", length);
    TRY(pgarray_elements(&a, ctx->arena, &items, err));
    uint32_t each = length ? a.count / (uint32_t)length : 0;
    uint32_t count = each * (uint32_t)(length - n);
    for (uint32_t d = 0; d < a.dim_count; d++) {
        lengths[d] = d ? a.lengths[d] : length - n;
        lowers[d] = 1; /* a slice begins at 1 */
    }
    return pgarray_make_dims(ret->type, &items, 0, count, count ? a.dim_count : 0, lengths, lowers,
                             ctx->arena, (View *)column_values(ret) + row, err);
}

/* ---------------------------------------------------------------- searching */

static bool element_is(const PgArray *a, const Column *elements, uint32_t i, const Column *value,
                       uint32_t row, ValueEq eq)
{
    bool null = pgarray_is_null(a, i);
    bool want_null = column_is_null(value, row);
    return null || want_null ? null && want_null : eq(elements, i, value, row);
}

ROW_KERNEL_NULLABLE(array_position)
{
    Column elements;
    if (column_is_null(&args[0], row))
        return func__set_null(ctx, ret, row, err);
    PgArray a = open_arg(args, 0, row);
    TRY(one_dimension(ctx, args, 0, row, err));
    TRY(pgarray_elements(&a, ctx->arena, &elements, err));
    ValueEq eq = value_eq_fn(a.element);
    int64_t from = arg_count > 2 ? (int64_t)ARG(int32_t, 2) - (a.dim_count ? a.lowers[0] : 1) : 0;
    for (uint32_t i = (uint32_t)LUMA_MAX(from, (int64_t)0); i < a.count; i++) {
        if (!element_is(&a, &elements, i, &args[1], row, eq))
            continue;
        SET(int32_t, (int32_t)i + a.lowers[0]);
        return STATUS_OK;
    }
    return func__set_null(ctx, ret, row, err);
}

ROW_KERNEL_NULLABLE(array_positions)
{
    Column elements;
    Column found;
    uint32_t count = 0;
    if (column_is_null(&args[0], row))
        return func__set_null(ctx, ret, row, err);
    PgArray a = open_arg(args, 0, row);
    TRY(pgarray_elements(&a, ctx->arena, &elements, err));
    TRY(column_init(&found, ctx->arena, T(INT4), a.count, false, err));
    ValueEq eq = value_eq_fn(a.element);
    for (uint32_t i = 0; i < a.count; i++)
        if (element_is(&a, &elements, i, &args[1], row, eq))
            ((int32_t *)column_values(&found))[count++] = (int32_t)i + a.lowers[0];
    return pgarray_make(AT(INT4), &found, 0, count, ctx->arena, (View *)column_values(ret) + row,
                        err);
}

/* Is every (non-NULL) element of args[b] in args[a]? With `any`: is one of them? */
static Status containment(const EvalContext *ctx, const Column *args, uint32_t row, uint32_t a_idx,
                          bool any, bool *ret, Error *err)
{
    Column x;
    Column y;
    PgArray a = open_arg(args, a_idx, row);
    PgArray b = open_arg(args, 1 - a_idx, row);
    TRY(pgarray_elements(&a, ctx->arena, &x, err));
    TRY(pgarray_elements(&b, ctx->arena, &y, err));
    ValueEq eq = value_eq_fn(a.element);
    *ret = !any;
    for (uint32_t j = 0; j < b.count; j++) {
        bool found = false;
        for (uint32_t i = 0; i < a.count && !found && !pgarray_is_null(&b, j); i++)
            found = !pgarray_is_null(&a, i) && eq(&x, i, &y, j);
        if (found == any) {
            *ret = any;
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}
#define CONTAINMENT(name, a_idx, any)                                                              \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        bool holds;                                                                                \
        TRY(containment(ctx, args, row, a_idx, any, &holds, err));                                 \
        SET_BOOL(holds);                                                                           \
        return STATUS_OK;                                                                          \
    }
CONTAINMENT(array_contains, 0, false)
CONTAINMENT(array_contained, 1, false)
CONTAINMENT(array_overlap, 0, true)

#define ANYARR T(ANYARRAY)
#define ANYEL T(ANYELEMENT)
#define NULLABLE(name_, oid_, kernel_, ret_, argc_, ...)                                           \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .args = {__VA_ARGS__}, .ret = ret_,        \
        .kernel = kernel_                                                                          \
    }
#define NULLABLE_OP(name_, oid_, kernel_, ret_, argc_, ...)                                        \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .is_operator = true,                       \
        .args = {__VA_ARGS__}, .ret = ret_, .kernel = kernel_                                      \
    }

static const Function functions[] = {
    FN("array_ndims", 0, array_ndims, T(INT4), 1, ANYARR),
    FN("cardinality", 3179, cardinality, T(INT4), 1, ANYARR),
    FN("array_length", 2176, array_length, T(INT4), 2, ANYARR, T(INT4)),
    FN("array_lower", 2091, array_lower, T(INT4), 2, ANYARR, T(INT4)),
    FN("array_upper", 2092, array_upper, T(INT4), 2, ANYARR, T(INT4)),
    FN("array_dims", 747, array_dims, T(TEXT), 1, ANYARR),
    NULLABLE("array_append", 378, array_append, ANYARR, 2, ANYARR, ANYEL),
    NULLABLE("array_prepend", 379, array_prepend, ANYARR, 2, ANYEL, ANYARR),
    NULLABLE("array_cat", 383, array_cat, ANYARR, 2, ANYARR, ANYARR),
    NULLABLE_OP("||", 0, array_cat, ANYARR, 2, ANYARR, ANYARR),
    NULLABLE_OP("||", 0, array_append, ANYARR, 2, ANYARR, ANYEL),
    NULLABLE_OP("||", 0, array_prepend, ANYARR, 2, ANYEL, ANYARR),
    NULLABLE("array_remove", 3167, array_remove, ANYARR, 2, ANYARR, ANYEL),
    NULLABLE("array_replace", 3168, array_replace, ANYARR, 3, ANYARR, ANYEL, ANYEL),
    NULLABLE("array_fill", 1193, array_fill, ANYARR, 2, ANYEL, AT(INT4)),
    NULLABLE("array_fill", 1286, array_fill, ANYARR, 3, ANYEL, AT(INT4), AT(INT4)),
    FN("trim_array", 6172, trim_array, ANYARR, 2, ANYARR, T(INT4)),
    NULLABLE("array_position", 3277, array_position, T(INT4), 2, ANYARR, ANYEL),
    NULLABLE("array_position", 3278, array_position, T(INT4), 3, ANYARR, ANYEL, T(INT4)),
    NULLABLE("array_positions", 3279, array_positions, AT(INT4), 2, ANYARR, ANYEL),
    OP("@>", 2748, array_contains, T(BOOL), 2, ANYARR, ANYARR),
    OP("<@", 2749, array_contained, T(BOOL), 2, ANYARR, ANYARR),
    OP("&&", 2747, array_overlap, T(BOOL), 2, ANYARR, ANYARR),
};
const FuncTable func__array_table = {functions, LUMA_ARRAY_LEN(functions)};
