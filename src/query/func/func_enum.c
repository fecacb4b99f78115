/* func_enum.c - enum_first, enum_last, enum_range: the labels of the type of their arguments. */
#include "format/pgtype/pgenum.h"
#include "query/func/func_int.h"

static bool label_at(const PgSettings *settings, Type type, uint32_t idx, PgEnumLabel *ret)
{
    return settings->enum_label &&
           settings->enum_label(settings->reg_ctx, (uint32_t)type.typmod, idx, ret);
}

static Status no_labels(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "55000", 0, "enum contains no values");
}

static Status make_value(const PgSettings *settings, Type type, const PgEnumLabel *label,
                         Arena *arena, View *ret, Error *err)
{
    if (!label->usable)
        return pgenum_error_unsafe(settings, type, label->name, err);
    return pgenum_make(label->order, label->name, arena, ret, err);
}

ROW_KERNEL_NULLABLE(enum_first)
{
    PgEnumLabel label;
    const PgSettings *settings = func__settings(ctx);
    if (!label_at(settings, args[0].type, 0, &label))
        return no_labels(err);
    return make_value(settings, args[0].type, &label, ctx->arena, (View *)column_values(ret) + row,
                      err);
}

ROW_KERNEL_NULLABLE(enum_last)
{
    PgEnumLabel label;
    const PgSettings *settings = func__settings(ctx);
    uint32_t count = 0;
    while (label_at(settings, args[0].type, count, &label))
        count++;
    if (!count || !label_at(settings, args[0].type, count - 1, &label))
        return no_labels(err);
    return make_value(settings, args[0].type, &label, ctx->arena, (View *)column_values(ret) + row,
                      err);
}

/* The labels from the one to the other, NULL = no bound. */
static Status range(const EvalContext *ctx, Type type, const Str *from, const Str *to, View *ret,
                    Error *err)
{
    const PgSettings *settings = func__settings(ctx);
    PgEnumLabel label;
    Column values;
    uint32_t total = 0;
    uint32_t count = 0;
    while (label_at(settings, type, total, &label))
        total++;
    type.is_array = false;
    TRY(column_init(&values, ctx->arena, type, total, false, err));
    for (uint32_t i = 0; i < total && label_at(settings, type, i, &label); i++) {
        View *view = (View *)column_values(&values) + count;
        TRY(make_value(settings, type, &label, ctx->arena, view, err));
        if (from && str_cmp(view_str(view), *from) < 0)
            continue;
        if (to && str_cmp(view_str(view), *to) > 0)
            break;
        count++;
    }
    type.is_array = true;
    return pgarray_make(type, &values, 0, count, ctx->arena, ret, err);
}

ROW_KERNEL_NULLABLE(enum_range_all)
{
    return range(ctx, args[0].type, NULL, NULL, (View *)column_values(ret) + row, err);
}

ROW_KERNEL_NULLABLE(enum_range_bounds)
{
    Str bounds[2];
    const Str *given[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++)
        if (!column_is_null(&args[i], row)) {
            bounds[i] = ARG_STR(i);
            given[i] = &bounds[i];
        }
    return range(ctx, args[0].type, given[0], given[1], (View *)column_values(ret) + row, err);
}

#define ENUM_FN(name_, oid_, kernel_, ret_, argc_)                                                 \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .args = {T(ENUM), T(ENUM)}, .ret = ret_,   \
        .volatility = VOLATILITY_STABLE, .kernel = kernel_                                         \
    }
static const Function functions[] = {
    ENUM_FN("enum_first", 3528, enum_first, T(ENUM), 1),
    ENUM_FN("enum_last", 3529, enum_last, T(ENUM), 1),
    ENUM_FN("enum_range", 3530, enum_range_bounds, AT(ENUM), 2),
    ENUM_FN("enum_range", 3531, enum_range_all, AT(ENUM), 1),
};
const FuncTable func__enum_table = {functions, LUMA_ARRAY_LEN(functions)};
