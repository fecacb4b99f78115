/* table_functions.c - functions that return sets: generate_series, unnest, generate_subscripts.
 *
 * State lives in the arena given to open; arguments are one-row constants. Each next fills at most
 * BATCH_ROWS rows in the context's arena. A NULL argument gives no rows, as PostgreSQL's strict
 * functions do. */
#include "query/func/func_int.h"

static bool any_null(const Column *args, uint32_t arg_count)
{
    for (uint32_t i = 0; i < arg_count; i++)
        if (column_is_null(&args[i], 0))
            return true;
    return false;
}

static Status zero_step(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22023", 0, "step size cannot equal zero");
}

/* A batch of one column of `rows` rows. */
static Status one_column(const EvalContext *ctx, Type type, uint32_t rows, RecordBatch *ret,
                         Error *err)
{
    Column *column;
    TRY(arena_try_alloc(ctx->arena, sizeof *column, &column, err));
    TRY(column_init(column, ctx->arena, type, rows, false, err));
    *ret = (RecordBatch){.columns = column, .column_count = 1, .row_count = rows};
    return STATUS_OK;
}

/* ---------------------------------------------------------------- generate_series: integers */

typedef struct IntSeries {
    int64_t next;
    int64_t last;
    int64_t step;
    Type type;
    bool done;
} IntSeries;

static Status int_series_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                              Arena *arena, void **ret_state, Error *err)
{
    IntSeries *s;
    TRY(arena_try_alloc(arena, sizeof *s, &s, err));
    *s = (IntSeries){.step = 1, .type = args[0].type};
    s->type.typmod = -1;
    *ret_state = s;
    if (any_null(args, arg_count)) {
        s->done = true;
        return STATUS_OK;
    }
    s->next = column_i64(&args[0], 0);
    s->last = column_i64(&args[1], 0);
    if (arg_count > 2)
        s->step = column_i64(&args[2], 0);
    return s->step ? STATUS_OK : zero_step(err);
}

static Status int_series_next(const EvalContext *ctx, void *state, RecordBatch *ret_batch,
                              bool *ret_end, Error *err)
{
    IntSeries *s = state;
    uint32_t rows = 0;
    TRY(one_column(ctx, s->type, BATCH_ROWS, ret_batch, err));
    bool narrow = s->type.id == TYPE_INT4;
    int32_t *out4 = column_values(&ret_batch->columns[0]);
    int64_t *out8 = column_values(&ret_batch->columns[0]);
    while (!s->done && rows < BATCH_ROWS) {
        if (s->step > 0 ? s->next > s->last : s->next < s->last) {
            s->done = true;
            break;
        }
        if (narrow)
            out4[rows++] = (int32_t)s->next;
        else
            out8[rows++] = s->next;
        s->done = __builtin_add_overflow(s->next, s->step, &s->next);
    }
    ret_batch->row_count = ret_batch->columns[0].len = rows;
    *ret_end = s->done;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- generate_series: numeric */

typedef struct NumericSeries {
    View next;
    View last;
    View step;
    Arena *arena;
    bool done;
} NumericSeries;

static Status copy_numeric(const Column *c, Arena *arena, View *ret, Error *err)
{
    Column copy;
    TRY(column_copy(c, arena, &copy, err));
    *ret = *(const View *)copy.values;
    return STATUS_OK;
}

static Status special_bound(const View *n, const char *what, Error *err)
{
    if (numeric_is_nan(n))
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "%s cannot be NaN", what);
    if (numeric_is_infinite(n))
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "%s cannot be infinity", what);
    return STATUS_OK;
}

static Status numeric_series_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                                  Arena *arena, void **ret_state, Error *err)
{
    NumericSeries *s;
    TRY(arena_try_alloc(arena, sizeof *s, &s, err));
    *s = (NumericSeries){.arena = arena, .step = numeric_from_i64(1)};
    *ret_state = s;
    if (any_null(args, arg_count)) {
        s->done = true;
        return STATUS_OK;
    }
    TRY(copy_numeric(&args[0], arena, &s->next, err));
    TRY(copy_numeric(&args[1], arena, &s->last, err));
    if (arg_count > 2)
        TRY(copy_numeric(&args[2], arena, &s->step, err));
    TRY(special_bound(&s->next, "start value", err));
    TRY(special_bound(&s->last, "stop value", err));
    TRY(special_bound(&s->step, "step size", err));
    return numeric_sign(&s->step) ? STATUS_OK : zero_step(err);
}

static Status numeric_series_next(const EvalContext *ctx, void *state, RecordBatch *ret_batch,
                                  bool *ret_end, Error *err)
{
    NumericSeries *s = state;
    uint32_t rows = 0;
    TRY(one_column(ctx, T(NUMERIC), BATCH_ROWS, ret_batch, err));
    View *out = column_values(&ret_batch->columns[0]);
    while (!s->done && rows < BATCH_ROWS) {
        if (numeric_cmp(&s->next, &s->last) * numeric_sign(&s->step) > 0) {
            s->done = true;
            break;
        }
        out[rows++] = s->next;
        TRY(numeric_add(&s->next, &s->step, s->arena, &s->next, err));
    }
    ret_batch->row_count = ret_batch->columns[0].len = rows;
    *ret_end = s->done;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- generate_series: timestamps */

typedef struct TimeSeries {
    int64_t next;
    int64_t last;
    Interval step;
    bool falling;
    bool zoned;
    bool done;
} TimeSeries;

static Status time_series_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                               Arena *arena, void **ret_state, Error *err)
{
    TimeSeries *s;
    TRY(arena_try_alloc(arena, sizeof *s, &s, err));
    *s = (TimeSeries){.zoned = args[0].type.id == TYPE_TIMESTAMPTZ};
    *ret_state = s;
    if (any_null(args, arg_count)) {
        s->done = true;
        return STATUS_OK;
    }
    Interval zero = {0};
    s->next = column_i64(&args[0], 0);
    s->last = column_i64(&args[1], 0);
    s->step = *(const Interval *)column_fixed16(&args[2], 0);
    int sign = interval_cmp(&s->step, &zero);
    s->falling = sign < 0;
    if (!timestamp_is_finite(s->next))
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "start value cannot be infinity");
    return sign ? STATUS_OK : zero_step(err);
}

static Status time_series_next(const EvalContext *ctx, void *state, RecordBatch *ret_batch,
                               bool *ret_end, Error *err)
{
    TimeSeries *s = state;
    uint32_t rows = 0;
    TRY(one_column(ctx, s->zoned ? T(TIMESTAMPTZ) : T(TIMESTAMP), BATCH_ROWS, ret_batch, err));
    int64_t *out = column_values(&ret_batch->columns[0]);
    while (!s->done && rows < BATCH_ROWS) {
        if (s->falling ? s->next < s->last : s->next > s->last) {
            s->done = true;
            break;
        }
        out[rows++] = s->next;
        TRY(s->zoned
                ? timestamptz_add_interval(s->next, &s->step, func__time_zone(ctx), &s->next, err)
                : timestamp_add_interval(s->next, &s->step, &s->next, err));
    }
    ret_batch->row_count = ret_batch->columns[0].len = rows;
    *ret_end = s->done;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- unnest, generate_subscripts */

/* ---------------------------------------------------------------- sets made at once */

Status func__rows_new(Arena *arena, FuncRows **ret_rows, Error *err)
{
    TRY(arena_try_alloc(arena, sizeof **ret_rows, ret_rows, err));
    **ret_rows = (FuncRows){.column_count = 1};
    TRY(arena_try_alloc(arena, sizeof(Column), &(*ret_rows)->columns, err));
    (*ret_rows)->columns[0] = (Column){0};
    return STATUS_OK;
}

Status func__rows_next(const EvalContext *ctx, void *state, RecordBatch *ret_batch, bool *ret_end,
                       Error *err)
{
    FuncRows *r = state;
    uint32_t count = LUMA_MIN(r->rows - r->pos, (uint32_t)BATCH_ROWS);
    Column *columns;
    TRY(arena_try_alloc(ctx->arena, sizeof *columns * r->column_count, &columns, err));
    for (uint32_t i = 0; i < r->column_count; i++) {
        if (count)
            TRY(column_slice(&r->columns[i], r->pos, count, ctx->arena, &columns[i], err));
        else
            columns[i] = r->columns[i];
    }
    *ret_batch =
        (RecordBatch){.columns = columns, .column_count = r->column_count, .row_count = count};
    r->pos += count;
    *ret_end = r->pos == r->rows;
    return STATUS_OK;
}

Status func__rows_from_array(Type type, Str array, Arena *arena, FuncRows *rows, Error *err)
{
    Column elements;
    PgArray open = pgarray_open(type, array);
    TRY(pgarray_elements(&open, arena, &elements, err));
    TRY(column_copy(&elements, arena, &rows->columns[0], err));
    rows->rows = open.count;
    return STATUS_OK;
}

/* information_schema._pg_expandarray: the elements and their places, counted from 1. */
static Status expand_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          Arena *arena, void **ret_state, Error *err)
{
    FuncRows *rows;
    TRY(func__rows_new(arena, &rows, err));
    *ret_state = rows;
    TRY(arena_try_alloc(arena, sizeof *rows->columns * 2, &rows->columns, err));
    rows->column_count = 2;
    TRY(column_init(&rows->columns[0], arena, T(INT2), 0, false, err));
    TRY(column_init(&rows->columns[1], arena, T(INT4), 0, false, err));
    if (any_null(args, arg_count))
        return STATUS_OK;
    TRY(func__rows_from_array(args[0].type, column_str(&args[0], 0), arena, rows, err));
    TRY(column_init(&rows->columns[1], arena, T(INT4), rows->rows, false, err));
    for (uint32_t i = 0; i < rows->rows; i++)
        ((int32_t *)column_values(&rows->columns[1]))[i] = (int32_t)i + 1;
    return STATUS_OK;
}

static Status unnest_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          Arena *arena, void **ret_state, Error *err)
{
    FuncRows *rows;
    TRY(func__rows_new(arena, &rows, err));
    *ret_state = rows;
    rows->columns[0].type = type_element(args[0].type);
    if (any_null(args, arg_count))
        return STATUS_OK;
    return func__rows_from_array(args[0].type, column_str(&args[0], 0), arena, rows, err);
}

static Status subscripts_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                              Arena *arena, void **ret_state, Error *err)
{
    IntSeries *s;
    TRY(arena_try_alloc(arena, sizeof *s, &s, err));
    *s = (IntSeries){.step = 1, .type = T(INT4), .done = true};
    *ret_state = s;
    if (any_null(args, arg_count))
        return STATUS_OK;
    PgArray array = pgarray_open(args[0].type, column_str(&args[0], 0));
    int64_t dim = column_i64(&args[1], 0);
    if (dim < 1 || dim > array.dim_count)
        return STATUS_OK;
    s->next = array.lowers[dim - 1];
    s->last = s->next + array.lengths[dim - 1] - 1;
    s->done = false;
    if (arg_count > 2 && column_bool(&args[2], 0)) {
        int64_t first = s->next;
        s->next = s->last;
        s->last = first;
        s->step = -1;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- the table */

#define SERIES(oid_, fn, type, argc, ...)                                                          \
    {                                                                                              \
        .name = "generate_series", .oid = oid_, .arg_count = argc, .args = {__VA_ARGS__},          \
        .ret = type, .open = fn##_open, .next = fn##_next                                          \
    }

#define KEY_AND(type_)                                                                             \
    {                                                                                              \
        {.name = STR_INIT("key"), .type = {.id = TYPE_TEXT, .typmod = -1}},                        \
        {                                                                                          \
            .name = STR_INIT("value"), .type = {.id = TYPE_##type_, .typmod = -1 }                 \
        }                                                                                          \
    }
static const Field each_json[] = KEY_AND(JSON);
static const Field each_jsonb[] = KEY_AND(JSONB);
static const Field each_text[] = KEY_AND(TEXT);

#define JSON_SET(name_, oid_, arg_, ret_, open_)                                                   \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = 1, .args = {arg_}, .ret = ret_,                   \
        .open = func__##open_##_open, .next = func__json_members_next                              \
    }
#define JSON_EACH(name_, oid_, arg_, fields_, open_)                                               \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = 1, .args = {arg_}, .ret = T(RECORD),              \
        .columns = fields_, .column_count = 2, .open = func__##open_##_open,                       \
        .next = func__json_members_next                                                            \
    }

static const Field expanded[] = {{.name = {"x", 1}, .type = T(INT2)},
                                 {.name = {"n", 1}, .type = T(INT4)}};

static const TableFunction functions[] = {
    JSON_SET("json_array_elements", 3955, T(JSON), T(JSON), json_elements),
    JSON_SET("jsonb_array_elements", 3219, T(JSONB), T(JSONB), json_elements),
    JSON_SET("json_array_elements_text", 3969, T(JSON), T(TEXT), json_elements_text),
    JSON_SET("jsonb_array_elements_text", 3465, T(JSONB), T(TEXT), json_elements_text),
    JSON_SET("json_object_keys", 3957, T(JSON), T(TEXT), json_keys),
    JSON_SET("jsonb_object_keys", 3931, T(JSONB), T(TEXT), json_keys),
    JSON_EACH("json_each", 3958, T(JSON), each_json, json_each),
    JSON_EACH("jsonb_each", 3208, T(JSONB), each_jsonb, json_each),
    JSON_EACH("json_each_text", 3959, T(JSON), each_text, json_each_text),
    JSON_EACH("jsonb_each_text", 3932, T(JSONB), each_text, json_each_text),
    SERIES(1067, int_series, T(INT4), 2, T(INT4), T(INT4)),
    SERIES(1066, int_series, T(INT4), 3, T(INT4), T(INT4), T(INT4)),
    SERIES(1069, int_series, T(INT8), 2, T(INT8), T(INT8)),
    SERIES(1068, int_series, T(INT8), 3, T(INT8), T(INT8), T(INT8)),
    SERIES(3260, numeric_series, T(NUMERIC), 2, T(NUMERIC), T(NUMERIC)),
    SERIES(3259, numeric_series, T(NUMERIC), 3, T(NUMERIC), T(NUMERIC), T(NUMERIC)),
    SERIES(938, time_series, T(TIMESTAMP), 3, T(TIMESTAMP), T(TIMESTAMP), T(INTERVAL)),
    SERIES(939, time_series, T(TIMESTAMPTZ), 3, T(TIMESTAMPTZ), T(TIMESTAMPTZ), T(INTERVAL)),
    {.name = "_pg_expandarray",
     .arg_count = 1,
     .args = {AT(INT2)},
     .ret = T(RECORD),
     .columns = expanded,
     .column_count = 2,
     .open = expand_open,
     .next = func__rows_next},
    {.name = "unnest",
     .oid = 2331,
     .arg_count = 1,
     .args = {T(ANYARRAY)},
     .ret = T(ANYELEMENT),
     .open = unnest_open,
     .next = func__rows_next},
    {.name = "generate_subscripts",
     .oid = 1192,
     .arg_count = 2,
     .args = {T(ANYARRAY), T(INT4)},
     .ret = T(INT4),
     .open = subscripts_open,
     .next = int_series_next},
    {.name = "generate_subscripts",
     .oid = 1191,
     .arg_count = 3,
     .args = {T(ANYARRAY), T(INT4), T(BOOL)},
     .ret = T(INT4),
     .open = subscripts_open,
     .next = int_series_next},
};
const TableFunctionTable func__basic_sets = {functions, LUMA_ARRAY_LEN(functions)};
