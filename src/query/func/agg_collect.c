/* agg_collect.c - aggregates that keep their inputs: array_agg, string_agg, json aggregates, mode,
 * ordered sets' values; and first/last by time.
 *
 * A state holds a list of values in growing chunks of the aggregate's arena. */
#include "format/pgtype/jsonb.h"
#include "query/func/agg_int.h"
#include "query/func/collected.h"
#include "query/func/value.h"

/* ---------------------------------------------------------------- the list */

static Status grow(Collected *list, Arena *arena, Error *err)
{
    if (list->count < list->cap)
        return STATUS_OK;
    uint32_t cap = list->cap ? list->cap * 2 : 8;
    char *values;
    bool *nulls;
    TRY(arena_try_alloc(arena, (size_t)cap * 16, &values, err));
    TRY(arena_try_alloc(arena, cap, &nulls, err));
    if (list->count) {
        memcpy(values, list->values, (size_t)list->count * 16);
        memcpy(nulls, list->nulls, list->count);
    }
    list->values = values;
    list->nulls = nulls;
    list->cap = cap;
    return STATUS_OK;
}

Status collected_add(Collected *list, const Column *c, uint32_t row, Arena *arena, Error *err)
{
    TRY(grow(list, arena, err));
    char *slot = list->values + (size_t)list->count * 16;
    bool null = column_is_null(c, row);
    list->type = c->type;
    memset(slot, 0, 16);
    list->nulls[list->count++] = null;
    if (null)
        return STATUS_OK;
    Layout layout = type_layout(c->type);
    if (layout == LAYOUT_BIT) {
        slot[0] = column_bool(c, row);
        return STATUS_OK;
    }
    const Column *at;
    size_t width = layout_width(layout);
    memcpy(slot, column_at_(c, row, width, &at), width);
    if (layout != LAYOUT_VIEW)
        return STATUS_OK;
    Str text = column_str(c, row);
    if (text.len > VIEW_INLINE_MAX) {
        char *copy;
        TRY(arena_try_alloc(arena, text.len, &copy, err));
        memcpy(copy, text.ptr, text.len);
        View v = view_make(copy, text.len);
        memcpy(slot, &v, sizeof v);
    }
    return STATUS_OK;
}

Status collected_column(const Collected *list, Arena *arena, Column *ret, Error *err)
{
    TRY(column_init(ret, arena, list->type, list->count, true, err));
    size_t width = layout_width(type_layout(list->type));
    for (uint32_t i = 0; i < list->count; i++) {
        const char *slot = list->values + (size_t)i * 16;
        bit_put(column_validity(ret), i, !list->nulls[i]);
        if (width)
            memcpy((char *)column_values(ret) + width * i, slot, width);
        else
            bit_put(column_values(ret), i, slot[0]);
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- array_agg */

AGG_UPDATE(array_agg)
{
    Collected *lists = states;
    for (uint32_t i = 0; i < rows; i++)
        TRY(collected_add(&lists[group_of[i]], &args[0], i, arena, err));
    return STATUS_OK;
}

/* Arrays of arrays: one dimension more, all of one shape. */
static Status nested_arrays(const EvalContext *ctx, const Column *parts, Type type, View *ret,
                            Error *err)
{
    int32_t lengths[PGARRAY_DIMS_MAX + 1] = {(int32_t)parts->len};
    int32_t lowers[PGARRAY_DIMS_MAX + 1] = {1, 1, 1, 1, 1, 1, 1};
    Column all = {0};
    uint32_t each = 0;
    uint32_t dims = 0;
    for (uint32_t p = 0; p < parts->len; p++) {
        if (column_is_null(parts, p))
            return error_set_sql(err, STATUS_INVALID, "22004", 0, "cannot accumulate null arrays");
        Column elements;
        PgArray a = pgarray_open(parts->type, column_str(parts, p));
        TRY(pgarray_elements(&a, ctx->arena, &elements, err));
        if (p == 0) {
            each = a.count;
            dims = a.dim_count + 1;
            memcpy(lengths + 1, a.lengths, sizeof a.lengths);
            TRY(column_init(&all, ctx->arena, type_element(type), each * parts->len, true, err));
        }
        if (!a.count || a.count != each || a.dim_count + 1 != dims || dims > PGARRAY_DIMS_MAX)
            return error_set_sql(err, STATUS_INVALID, "2202E", 0,
                                 a.count ? "cannot accumulate arrays of different dimensionality"
                                         : "cannot accumulate empty arrays");
        size_t width = layout_width(type_layout(elements.type));
        for (uint32_t i = 0; i < each; i++) {
            bit_put(column_validity(&all), p * each + i, !column_is_null(&elements, i));
            if (width)
                memcpy((char *)column_values(&all) + width * (p * each + i),
                       (const char *)elements.values + width * i, width);
            else
                bit_put(column_values(&all), p * each + i, column_bool(&elements, i));
        }
    }
    return pgarray_make_dims(type, &all, 0, each * parts->len, dims, lengths, lowers, ctx->arena,
                             ret, err);
}

AGG_FINISH(array_agg)
{
    const Collected *lists = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        Column elements;
        View *out = (View *)column_values(ret) + i;
        if (!lists[i].count) {
            bit_clear(column_validity(ret), i);
            continue;
        }
        TRY(collected_column(&lists[i], ctx->arena, &elements, err));
        if (elements.type.is_array)
            TRY(nested_arrays(ctx, &elements, ret->type, out, err));
        else
            TRY(pgarray_make(ret->type, &elements, 0, elements.len, ctx->arena, out, err));
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- string_agg */

typedef struct Joined {
    char *ptr;
    uint32_t len;
    uint32_t cap;
    bool some;
} Joined;

static Status joined_append(Joined *j, Str text, Arena *arena, Error *err)
{
    uint64_t need = (uint64_t)j->len + text.len;
    if (need > 1 << 30)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "string_agg result is too long");
    if (need > j->cap) {
        uint32_t cap = (uint32_t)LUMA_MAX(need, (uint64_t)j->cap * 2 + 32);
        char *ptr;
        TRY(arena_try_alloc(arena, cap, &ptr, err));
        if (j->len)
            memcpy(ptr, j->ptr, j->len);
        j->ptr = ptr;
        j->cap = cap;
    }
    if (text.len)
        memcpy(j->ptr + j->len, text.ptr, text.len);
    j->len += (uint32_t)text.len;
    return STATUS_OK;
}

AGG_UPDATE(string_agg)
{
    Joined *all = states;
    for (uint32_t i = 0; i < rows; i++) {
        Joined *j = &all[group_of[i]];
        if (column_is_null(&args[0], i))
            continue;
        if (j->some && !column_is_null(&args[1], i))
            TRY(joined_append(j, column_str(&args[1], i), arena, err));
        TRY(joined_append(j, column_str(&args[0], i), arena, err));
        j->some = true;
    }
    return STATUS_OK;
}
static Status put_joined(const EvalContext *ctx, const Joined *j, const char *close, Column *ret,
                         uint32_t i, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    if (!j->some) {
        bit_clear(column_validity(ret), i);
        return STATUS_OK;
    }
    buf_append(&text, j->ptr, j->len);
    buf_append_str(&text, str_from(close));
    if (ret->type.id != TYPE_JSONB)
        return func__set_copy(ctx, ret, i, buf_str(&text), err);
    Str canonical;
    TRY(jsonb_parse(buf_str(&text), ctx->arena, &canonical, err));
    func__set_str(ret, i, canonical);
    return STATUS_OK;
}
#define JOINED_FINISH(name, close)                                                                 \
    AGG_FINISH(name)                                                                               \
    {                                                                                              \
        const Joined *all = states;                                                                \
        TRY(agg_result(ctx, count, ret, err));                                                     \
        for (uint32_t i = 0; i < count; i++)                                                       \
            TRY(put_joined(ctx, &all[i], close, ret, i, err));                                     \
        return STATUS_OK;                                                                          \
    }
JOINED_FINISH(string_agg, "")

/* ---------------------------------------------------------------- json_agg, json_object_agg */

AGG_UPDATE(json_agg)
{
    Joined *all = states;
    for (uint32_t i = 0; i < rows; i++) {
        CLEANUP(buf_done) Buf text = {0};
        Joined *j = &all[group_of[i]];
        buf_append_str(&text, j->some ? STR(", ") : STR("["));
        TRY(func__append_json(ctx, &args[0], i, &text, err));
        TRY(joined_append(j, buf_str(&text), arena, err));
        j->some = true;
    }
    return STATUS_OK;
}
JOINED_FINISH(json_agg, "]")

AGG_UPDATE(json_object_agg)
{
    Joined *all = states;
    for (uint32_t i = 0; i < rows; i++) {
        CLEANUP(buf_done) Buf text = {0};
        CLEANUP(buf_done) Buf key = {0};
        Joined *j = &all[group_of[i]];
        if (column_is_null(&args[0], i))
            return error_set_sql(err, STATUS_INVALID, "22023", 0, "field name must not be null");
        pgtype_append_text(&args[0], i, func__settings(ctx), &key);
        buf_append_str(&text, j->some ? STR(", ") : STR("{ "));
        jsonb_append_string(&text, buf_str(&key));
        buf_append_lit(&text, " : ");
        TRY(func__append_json(ctx, &args[1], i, &text, err));
        TRY(joined_append(j, buf_str(&text), arena, err));
        j->some = true;
    }
    return STATUS_OK;
}
JOINED_FINISH(json_object_agg, " }")

/* ---------------------------------------------------------------- first, last by time */

typedef struct TimedValue {
    Collected value; /* at most one element */
    int64_t at;
    bool some;
} TimedValue;

static Status take_timed(TimedValue *t, const Column *c, uint32_t row, int64_t at, Arena *arena,
                         Error *err)
{
    t->value.count = 0;
    t->at = at;
    t->some = true;
    return collected_add(&t->value, c, row, arena, err);
}

/* A tie keeps the row that came first. NULL times do not count. */
#define TIMED(name, better)                                                                        \
    AGG_UPDATE(name)                                                                               \
    {                                                                                              \
        TimedValue *all = states;                                                                  \
        for (uint32_t i = 0; i < rows; i++) {                                                      \
            if (column_is_null(&args[1], i))                                                       \
                continue;                                                                          \
            TimedValue *t = &all[group_of[i]];                                                     \
            int64_t x = column_i64(&args[1], i);                                                   \
            int64_t y = t->at;                                                                     \
            if (!t->some || (better))                                                              \
                TRY(take_timed(t, &args[0], i, x, arena, err));                                    \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    AGG_MERGE(name)                                                                                \
    {                                                                                              \
        TimedValue *a = dst;                                                                       \
        const TimedValue *b = src;                                                                 \
        int64_t x = b->at;                                                                         \
        int64_t y = a->at;                                                                         \
        if (b->some && (!a->some || (better))) {                                                   \
            *a = *b; /* the other's arena lives as long as ours */                                 \
            a->value.cap = a->value.count;                                                         \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }
TIMED(first, x < y)
TIMED(last, x > y)
AGG_FINISH(first)
{
    const TimedValue *all = states;
    size_t width = layout_width(type_layout(ret->type));
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        bool some = all[i].some && !all[i].value.nulls[0];
        bit_put(column_validity(ret), i, some);
        if (some && width)
            memcpy((char *)column_values(ret) + width * i, all[i].value.values, width);
        else if (some)
            bit_put(column_values(ret), i, all[i].value.values[0]);
    }
    return STATUS_OK;
}
#define last_finish first_finish

#define COLLECT(name_, oid_, fn_, state_, ret_, argc_, ...)                                        \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .args = {__VA_ARGS__}, .ret = ret_,        \
        .state_bytes = sizeof(state_), .order_sensitive = true, .update = fn_##_update,            \
        .finish = fn_##_finish                                                                     \
    }

static const Aggregate aggregates[] = {
    COLLECT("array_agg", 2335, array_agg, Collected, T(ANYARRAY), 1, T(ANYELEMENT)),
    COLLECT("array_agg", 4053, array_agg, Collected, T(ANYARRAY), 1, T(ANYARRAY)),
    COLLECT("string_agg", 3538, string_agg, Joined, T(TEXT), 2, T(TEXT), T(TEXT)),
    COLLECT("string_agg", 3545, string_agg, Joined, T(BYTEA), 2, T(BYTEA), T(BYTEA)),
    COLLECT("json_agg", 3175, json_agg, Joined, T(JSON), 1, T(ANYELEMENT)),
    COLLECT("jsonb_agg", 3267, json_agg, Joined, T(JSONB), 1, T(ANYELEMENT)),
    COLLECT("json_object_agg", 3197, json_object_agg, Joined, T(JSON), 2, T(ANY), T(ANY)),
    COLLECT("jsonb_object_agg", 3270, json_object_agg, Joined, T(JSONB), 2, T(ANY), T(ANY)),
    AGG("first", 0, first, TimedValue, T(ANYELEMENT), 2, T(ANYELEMENT), T(TIMESTAMPTZ)),
    AGG("last", 0, last, TimedValue, T(ANYELEMENT), 2, T(ANYELEMENT), T(TIMESTAMPTZ)),
    AGG("first", 0, first, TimedValue, T(ANYELEMENT), 2, T(ANYELEMENT), T(TIMESTAMP)),
    AGG("last", 0, last, TimedValue, T(ANYELEMENT), 2, T(ANYELEMENT), T(TIMESTAMP)),
    AGG("first", 0, first, TimedValue, T(ANYELEMENT), 2, T(ANYELEMENT), T(INT8)),
    AGG("last", 0, last, TimedValue, T(ANYELEMENT), 2, T(ANYELEMENT), T(INT8)),
};
const AggregateTable func__collect_aggregates = {aggregates, LUMA_ARRAY_LEN(aggregates)};
