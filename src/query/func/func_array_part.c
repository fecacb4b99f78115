/* func_array_part.c - slices of arrays, and arrays with a part replaced: what a[1:2] and
 * UPDATE ... SET a[1] = x call.
 *
 * Subscripts come as int4[] with one item per dimension; a mask says which bounds of a slice were
 * written (bit i: lower, bit 16 + i: upper), the others are the array's own. */
#include "query/func/func_int.h"

typedef struct Box {
    uint32_t dims;
    int32_t lower[PGARRAY_DIMS_MAX];
    int32_t upper[PGARRAY_DIMS_MAX];
} Box;

static PgArray open_arg(const Column *args, uint32_t idx, uint32_t row)
{
    return pgarray_open(args[idx].type, func__str(&args[idx], row));
}

static void copy_item(Column *to, uint32_t at, const Column *from, uint32_t row)
{
    bool null = column_is_null(from, row);
    bit_put(column_validity(to), at, !null);
    if (null)
        return;
    size_t slot = column_slot(from, row);
    size_t width = layout_width(type_layout(to->type));
    if (!width)
        bit_put(column_values(to), at, column_bool(from, row));
    else
        memcpy((char *)column_values(to) + width * at, (const char *)from->values + width * slot,
               width);
}

static Status wrong_subscripts(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "2202E", 0, "wrong number of array subscripts");
}

static Status out_of_range(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "2202E", 0, "array subscript out of range");
}

static Status too_large(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "54000", 0,
                         "array size exceeds the maximum allowed (134217727)");
}

/* ---------------------------------------------------------------- slices */

/* The flat index of a position; false when the position is outside. */
static bool flat_index(const PgArray *a, const int64_t *at, uint32_t *ret)
{
    uint32_t idx = 0;
    for (uint32_t d = 0; d < a->dim_count; d++) {
        int64_t k = at[d] - a->lowers[d];
        if (k < 0 || k >= a->lengths[d])
            return false;
        idx = idx * (uint32_t)a->lengths[d] + (uint32_t)k;
    }
    *ret = idx;
    return true;
}

/* The next position of the box, last dimension first; false behind the end. */
static bool advance(const Box *box, int64_t *at)
{
    for (uint32_t d = box->dims; d-- > 0;) {
        if (++at[d] <= box->upper[d])
            return true;
        at[d] = box->lower[d];
    }
    return false;
}

/* The bounds that were written, cut to the array; false = nothing is inside. */
static bool slice_box(const PgArray *a, const Column *lower, const Column *upper, uint32_t count,
                      int32_t mask, Box *ret)
{
    ret->dims = a->dim_count;
    if (count > a->dim_count || !a->dim_count)
        return false;
    for (uint32_t d = 0; d < a->dim_count; d++) {
        int64_t low = a->lowers[d];
        int64_t high = low + a->lengths[d] - 1;
        if (d < count && mask >> d & 1)
            low = LUMA_MAX(low, column_i64(lower, d));
        if (d < count && mask >> (16 + d) & 1)
            high = LUMA_MIN(high, column_i64(upper, d));
        if (low > high)
            return false;
        ret->lower[d] = (int32_t)low;
        ret->upper[d] = (int32_t)high;
    }
    return true;
}

/* Is a subscript that was written NULL? */
static bool null_subscript(const Column *lower, const Column *upper, uint32_t count, int32_t mask)
{
    for (uint32_t d = 0; d < count; d++)
        if ((mask >> d & 1 && column_is_null(lower, d)) ||
            (mask >> (16 + d) & 1 && column_is_null(upper, d)))
            return true;
    return false;
}

ROW_KERNEL(array_slice)
{
    Column lower;
    Column upper;
    Column items;
    Column out;
    Box box;
    int64_t at[PGARRAY_DIMS_MAX];
    int32_t lengths[PGARRAY_DIMS_MAX] = {0};
    int32_t ones[PGARRAY_DIMS_MAX] = {1, 1, 1, 1, 1, 1};
    uint32_t count = 1;
    uint32_t n = 0;
    PgArray a = open_arg(args, 0, row);
    PgArray low = open_arg(args, 1, row);
    PgArray high = open_arg(args, 2, row);
    int32_t mask = ARG(int32_t, 3);
    TRY(pgarray_elements(&low, ctx->arena, &lower, err));
    TRY(pgarray_elements(&high, ctx->arena, &upper, err));
    TRY(pgarray_elements(&a, ctx->arena, &items, err));
    if (null_subscript(&lower, &upper, low.count, mask))
        return func__set_null(ctx, ret, row, err);
    View *to = (View *)column_values(ret) + row;
    if (!slice_box(&a, &lower, &upper, low.count, mask, &box))
        return pgarray_make_dims(ret->type, &items, 0, 0, 0, NULL, NULL, ctx->arena, to, err);
    for (uint32_t d = 0; d < box.dims; d++) {
        lengths[d] = box.upper[d] - box.lower[d] + 1;
        count *= (uint32_t)lengths[d];
        at[d] = box.lower[d];
    }
    TRY(column_init(&out, ctx->arena, items.type, count, true, err));
    do {
        uint32_t idx = 0;
        (void)flat_index(&a, at, &idx); /* the box lies inside */
        copy_item(&out, n++, &items, idx);
    } while (advance(&box, at));
    return pgarray_make_dims(ret->type, &out, 0, count, box.dims, lengths, ones, ctx->arena, to,
                             err);
}

/* ---------------------------------------------------------------- assignment */

/* A one-dimensional array grown to hold [lower, upper]; new places are NULL. */
static Status grow(const EvalContext *ctx, const PgArray *a, const Column *items, int64_t lower,
                   int64_t upper, Column *ret, int64_t *ret_lower, Error *err)
{
    int64_t low = a->dim_count ? LUMA_MIN(lower, (int64_t)a->lowers[0]) : lower;
    int64_t high = upper;
    if (a->dim_count)
        high = LUMA_MAX(upper, (int64_t)a->lowers[0] + a->lengths[0] - 1);
    if (high - low + 1 > 134217727 || high >= INT32_MAX)
        return too_large(err);
    uint32_t count = (uint32_t)(high - low + 1);
    TRY(column_init(ret, ctx->arena, items->type, count, true, err));
    memset(column_validity(ret), 0, bitmap_bytes(count));
    for (uint32_t i = 0; i < a->count; i++)
        copy_item(ret, (uint32_t)(a->lowers[0] - low) + i, items, i);
    *ret_lower = low;
    return STATUS_OK;
}

static Status put_line(const EvalContext *ctx, const Column *items, int64_t lower, Column *ret,
                       uint32_t row, Error *err)
{
    int32_t length = (int32_t)items->len;
    int32_t low = (int32_t)lower;
    return pgarray_make_dims(ret->type, items, 0, items->len, 1, &length, &low, ctx->arena,
                             (View *)column_values(ret) + row, err);
}

static Status open_target(const EvalContext *ctx, const Column *args, uint32_t row, PgArray *ret,
                          Column *ret_items, Error *err)
{
    *ret = (PgArray){.element = type_element(args[0].type)};
    *ret_items = (Column){.type = ret->element};
    if (column_is_null(&args[0], row))
        return STATUS_OK;
    *ret = open_arg(args, 0, row);
    return pgarray_elements(ret, ctx->arena, ret_items, err);
}

static Status null_assigned(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22004", 0,
                         "array subscript in assignment must not be null");
}

/* An empty array becomes one of a single element at these subscripts. */
static Status first_element(const EvalContext *ctx, const Column *args, uint32_t row,
                            const Column *subscripts, Column *ret, Error *err)
{
    Column one;
    int32_t lengths[PGARRAY_DIMS_MAX];
    int32_t lowers[PGARRAY_DIMS_MAX];
    for (uint32_t d = 0; d < subscripts->len; d++) {
        lengths[d] = 1;
        lowers[d] = (int32_t)column_i64(subscripts, d);
        if (lowers[d] == INT32_MAX)
            return too_large(err);
    }
    TRY(column_init(&one, ctx->arena, type_element(ret->type), 1, true, err));
    copy_item(&one, 0, &args[1], row);
    return pgarray_make_dims(ret->type, &one, 0, 1, subscripts->len, lengths, lowers, ctx->arena,
                             (View *)column_values(ret) + row, err);
}

/* array_assign(array, value, subscripts) */
ROW_KERNEL_NULLABLE(array_assign)
{
    PgArray a;
    Column items;
    Column subscripts;
    Column out;
    int64_t at[PGARRAY_DIMS_MAX] = {0};
    int64_t low;
    uint32_t idx;
    PgArray subs = open_arg(args, 2, row);
    TRY(open_target(ctx, args, row, &a, &items, err));
    TRY(pgarray_elements(&subs, ctx->arena, &subscripts, err));
    for (uint32_t d = 0; d < subs.count; d++) {
        if (column_is_null(&subscripts, d))
            return null_assigned(err);
        at[d] = column_i64(&subscripts, d);
    }
    if (!a.dim_count)
        return first_element(ctx, args, row, &subscripts, ret, err);
    if (subs.count != a.dim_count)
        return wrong_subscripts(err);
    if (a.dim_count == 1) {
        TRY(grow(ctx, &a, &items, at[0], at[0], &out, &low, err));
        copy_item(&out, (uint32_t)(at[0] - low), &args[1], row);
        return put_line(ctx, &out, low, ret, row, err);
    }
    if (!flat_index(&a, at, &idx))
        return out_of_range(err);
    TRY(column_init(&out, ctx->arena, items.type, a.count, true, err));
    for (uint32_t i = 0; i < a.count; i++)
        copy_item(&out, i, &items, i);
    copy_item(&out, idx, &args[1], row);
    return pgarray_make_dims(ret->type, &out, 0, a.count, a.dim_count, a.lengths, a.lowers,
                             ctx->arena, (View *)column_values(ret) + row, err);
}

/* The box that a slice assignment fills; 2202E when it is not one. */
static Status target_box(const PgArray *a, const Column *lower, const Column *upper, uint32_t count,
                         int32_t mask, Box *ret, Error *err)
{
    if (a->dim_count && count > a->dim_count)
        return wrong_subscripts(err);
    ret->dims = a->dim_count ? a->dim_count : count;
    for (uint32_t d = 0; d < ret->dims; d++) {
        bool has_low = d < count && mask >> d & 1;
        bool has_high = d < count && mask >> (16 + d) & 1;
        if (!a->dim_count && (!has_low || !has_high)) {
            (void)error_set_sql(err, STATUS_INVALID, "2202E", 0,
                                "array slice subscript must provide both boundaries");
            error_detail(err, "When assigning to a slice of an empty array value, slice "
                              "boundaries must be fully specified.");
            return STATUS_INVALID;
        }
        int64_t low = has_low ? column_i64(lower, d) : a->lowers[d];
        int64_t high = has_high ? column_i64(upper, d) : (int64_t)a->lowers[d] + a->lengths[d] - 1;
        if (low > high)
            return error_set_sql(err, STATUS_INVALID, "2202E", 0,
                                 "upper bound cannot be less than lower bound");
        if (a->dim_count > 1 &&
            (low < a->lowers[d] || high > (int64_t)a->lowers[d] + a->lengths[d] - 1))
            return out_of_range(err);
        if (high - low > 134217726)
            return too_large(err);
        ret->lower[d] = (int32_t)low;
        ret->upper[d] = (int32_t)high;
    }
    return STATUS_OK;
}

static uint64_t box_count(const Box *box)
{
    uint64_t count = 1;
    for (uint32_t d = 0; d < box->dims; d++)
        count = LUMA_MIN(count * (uint64_t)(box->upper[d] - (int64_t)box->lower[d] + 1),
                         (uint64_t)1 << 40);
    return count;
}

static Status fill_box(const EvalContext *ctx, const PgArray *a, const Column *items,
                       const Box *box, const Column *values, Column *ret, uint32_t row, Error *err)
{
    Column out;
    int64_t at[PGARRAY_DIMS_MAX];
    int32_t lengths[PGARRAY_DIMS_MAX];
    uint32_t n = 0;
    uint32_t count = a->dim_count ? a->count : (uint32_t)box_count(box);
    TRY(column_init(&out, ctx->arena, items->type, count, true, err));
    for (uint32_t i = 0; i < a->count; i++)
        copy_item(&out, i, items, i);
    for (uint32_t d = 0; d < box->dims; d++) {
        at[d] = box->lower[d];
        lengths[d] = a->dim_count ? a->lengths[d] : box->upper[d] - box->lower[d] + 1;
    }
    do {
        uint32_t idx = n;
        if (a->dim_count)
            (void)flat_index(a, at, &idx);
        copy_item(&out, idx, values, n++);
    } while (advance(box, at));
    return pgarray_make_dims(ret->type, &out, 0, count, box->dims, lengths,
                             a->dim_count ? a->lowers : box->lower, ctx->arena,
                             (View *)column_values(ret) + row, err);
}

/* array_assign_slice(array, values, lower, upper, mask) */
ROW_KERNEL_NULLABLE(array_assign_slice)
{
    PgArray a;
    Column items;
    Column lower;
    Column upper;
    Column values;
    Column out;
    Box box;
    int64_t low;
    PgArray l = open_arg(args, 2, row);
    PgArray u = open_arg(args, 3, row);
    int32_t mask = ARG(int32_t, 4);
    TRY(open_target(ctx, args, row, &a, &items, err));
    TRY(pgarray_elements(&l, ctx->arena, &lower, err));
    TRY(pgarray_elements(&u, ctx->arena, &upper, err));
    if (null_subscript(&lower, &upper, l.count, mask))
        return null_assigned(err);
    if (column_is_null(&args[1], row)) { /* assigning NULL to a slice changes nothing */
        if (column_is_null(&args[0], row))
            return func__set_null(ctx, ret, row, err);
        ((View *)column_values(ret))[row] = func__view(&args[0], row);
        return STATUS_OK;
    }
    PgArray source = open_arg(args, 1, row);
    TRY(pgarray_elements(&source, ctx->arena, &values, err));
    TRY(target_box(&a, &lower, &upper, l.count, mask, &box, err));
    if (source.count < box_count(&box))
        return error_set_sql(err, STATUS_INVALID, "2202E", 0, "source array too small");
    if (a.dim_count != 1)
        return fill_box(ctx, &a, &items, &box, &values, ret, row, err);
    TRY(grow(ctx, &a, &items, box.lower[0], box.upper[0], &out, &low, err));
    for (int64_t i = box.lower[0]; i <= box.upper[0]; i++)
        copy_item(&out, (uint32_t)(i - low), &values, (uint32_t)(i - box.lower[0]));
    return put_line(ctx, &out, low, ret, row, err);
}

#define I4A AT(INT4)
static const Function functions[] = {
    FN("array_slice", 0, array_slice, T(ANYARRAY), 4, T(ANYARRAY), I4A, I4A, T(INT4)),
    {.name = "array_assign",
     .arg_count = 3,
     .args = {T(ANYARRAY), T(ANYELEMENT), I4A},
     .ret = T(ANYARRAY),
     .kernel = array_assign},
    {.name = "array_assign_slice",
     .arg_count = 5,
     .args = {T(ANYARRAY), T(ANYARRAY), I4A, I4A, T(INT4)},
     .ret = T(ANYARRAY),
     .kernel = array_assign_slice},
};
const FuncTable func__array_part_table = {functions, LUMA_ARRAY_LEN(functions)};
