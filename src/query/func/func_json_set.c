/* func_json_set.c - jsonb changed at a path: jsonb_set, jsonb_insert, #-, and json without nulls.
 *
 * The new text is written part by part and read again by jsonb_parse, which sorts the keys. The
 * recursion is as deep as the path has steps. */
#include "format/pgtype/jsonb.h"
#include "query/func/func_int.h"
#include "query/func/json_text.h"

typedef enum PathOp {
    PATH_CREATE = 1, /* replaces, or adds what is not there */
    PATH_DELETE = 2,
    PATH_REPLACE = 4,
    PATH_INSERT_BEFORE = 8,
    PATH_INSERT_AFTER = 16,
    PATH_FILL_GAPS = 32 | PATH_CREATE, /* what the path lacks is made, as SET j['a'][3] = x does */
} PathOp;
enum { GAP_MAX = 1 << 22 };
enum { PATH_ADDS = PATH_CREATE | PATH_INSERT_BEFORE | PATH_INSERT_AFTER };

typedef struct PathEdit {
    const EvalContext *ctx;
    Column steps;
    uint32_t step_count;
    PathOp op;
    Str value;
    Buf *out;
    Error *err;
} PathEdit;

static Status edit_value(PathEdit *e, Str s, uint32_t level);

static Status null_step(PathEdit *e, uint32_t level)
{
    if (e->op == PATH_FILL_GAPS)
        return error_set_sql(e->err, STATUS_INVALID, "22004", 0,
                             "jsonb subscript in assignment must not be null");
    return error_set_sql(e->err, STATUS_INVALID, "22004", 0, "path element at position %u is null",
                         level + 1);
}

static Status out_of_range(PathEdit *e, uint32_t level, int32_t idx)
{
    return error_set_sql(e->err, STATUS_INVALID, "22023", 0,
                         "path element at position %u is out of range: %d", level + 1, idx);
}

static Status check_gap(int64_t count, Error *err)
{
    if (count > GAP_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0,
                             "number of jsonb array elements exceeds the maximum allowed (%d)",
                             GAP_MAX);
    return STATUS_OK;
}

static void append_comma(Buf *out)
{
    char last = out->len ? out->ptr[out->len - 1] : 0;
    if (last != '{' && last != '[')
        buf_append_byte(out, ',');
}

static void append_member(PathEdit *e, Str quoted_key, Str value)
{
    append_comma(e->out);
    if (quoted_key.len) {
        buf_append_str(e->out, quoted_key);
        buf_append_byte(e->out, ':');
    }
    buf_append_str(e->out, value);
}

/* The value at the end of steps that are not there yet: arrays for numbers, objects for names. */
static Status append_missing(PathEdit *e, uint32_t level)
{
    if (level == e->step_count) {
        buf_append_str(e->out, e->value);
        return STATUS_OK;
    }
    if (column_is_null(&e->steps, level))
        return null_step(e, level);
    Str step = func__str(&e->steps, level);
    int32_t idx;
    if (pgtype_parse_int4(step, &idx, NULL) != STATUS_OK) {
        buf_append_byte(e->out, '{');
        jsonb_append_string(e->out, step);
        buf_append_byte(e->out, ':');
        TRY(append_missing(e, level + 1));
        buf_append_byte(e->out, '}');
        return STATUS_OK;
    }
    if (idx < 0)
        return out_of_range(e, level, idx);
    TRY(check_gap(idx, e->err));
    buf_append_byte(e->out, '[');
    for (int32_t i = 0; i < idx; i++)
        buf_append_lit(e->out, "null,");
    TRY(append_missing(e, level + 1));
    buf_append_byte(e->out, ']');
    return STATUS_OK;
}

static void append_new_key(PathEdit *e, Str key)
{
    append_comma(e->out);
    jsonb_append_string(e->out, key);
    buf_append_byte(e->out, ':');
    buf_append_str(e->out, e->value);
}

static Status edit_object(PathEdit *e, Str s, uint32_t level)
{
    Str step = func__str(&e->steps, level);
    bool last = level + 1 == e->step_count;
    bool found = false;
    Str key;
    Str value;
    buf_append_byte(e->out, '{');
    for (size_t pos = 0; json_scan_next(s, &pos, &key, &value);) {
        bool same = false;
        if (!found)
            TRY(json_key_equals(e->ctx, key, step, &same, e->err));
        if (!same) {
            append_member(e, key, value);
            continue;
        }
        found = true;
        if (!last) {
            append_member(e, key, STR(""));
            TRY(edit_value(e, value, level + 1));
            continue;
        }
        if (e->op & (PATH_INSERT_BEFORE | PATH_INSERT_AFTER)) {
            (void)error_set_sql(e->err, STATUS_INVALID, "22023", 0, "cannot replace existing key");
            error_hint(e->err, "Try using the function jsonb_set to replace key value.");
            return STATUS_INVALID;
        }
        if (e->op != PATH_DELETE)
            append_member(e, key, e->value);
    }
    if (!found && !last && e->op == PATH_FILL_GAPS) {
        append_comma(e->out);
        jsonb_append_string(e->out, step);
        buf_append_byte(e->out, ':');
        TRY(append_missing(e, level + 1));
    }
    if (!found && last && (e->op & PATH_ADDS))
        append_new_key(e, step);
    buf_append_byte(e->out, '}');
    return STATUS_OK;
}

/* The element a step means: -1 = in front of all; the count = behind all. */
static Status array_index(PathEdit *e, uint32_t level, uint32_t count, int64_t *ret, Error *err)
{
    Str step = func__str(&e->steps, level);
    int32_t idx;
    if (pgtype_parse_int4(step, &idx, NULL) != STATUS_OK)
        return error_set_sql(err, STATUS_INVALID, "22P02", 0,
                             "path element at position %u is not an integer: \"%.*s\"", level + 1,
                             STR_FMT(step));
    if (e->op == PATH_FILL_GAPS && -(int64_t)idx > (int64_t)count)
        return out_of_range(e, level, idx);
    if (idx < 0)
        *ret = -(int64_t)idx > count ? -1 : (int64_t)idx + count;
    else
        *ret = LUMA_MIN((int64_t)idx, (int64_t)count);
    return STATUS_OK;
}

/* Nulls up to the place behind the end that is assigned. */
static Status extend_array(PathEdit *e, Str s, uint32_t level, uint32_t count)
{
    int32_t idx;
    Str key;
    Str value;
    TRY(pgtype_parse_int4(func__str(&e->steps, level), &idx, e->err));
    TRY(check_gap(idx, e->err));
    buf_append_byte(e->out, '[');
    for (size_t pos = 0; json_scan_next(s, &pos, &key, &value);)
        append_member(e, key, value);
    for (int64_t i = count; i < idx; i++)
        append_member(e, STR(""), STR("null"));
    append_comma(e->out);
    TRY(append_missing(e, level + 1));
    buf_append_byte(e->out, ']');
    return STATUS_OK;
}

static Status edit_array(PathEdit *e, Str s, uint32_t level)
{
    uint32_t count = json_scan_count(s);
    bool last = level + 1 == e->step_count;
    bool adds = last && (e->op & PATH_ADDS);
    int64_t idx;
    int64_t i = 0;
    Str key;
    Str value;
    TRY(array_index(e, level, count, &idx, e->err));
    if (e->op == PATH_FILL_GAPS && idx >= (int64_t)count)
        return extend_array(e, s, level, count);
    buf_append_byte(e->out, '[');
    if (adds && (idx < 0 || !count))
        append_member(e, STR(""), e->value);
    for (size_t pos = 0; json_scan_next(s, &pos, &key, &value); i++) {
        if (i != idx) {
            append_member(e, key, value);
            continue;
        }
        if (!last) {
            append_comma(e->out);
            TRY(edit_value(e, value, level + 1));
            continue;
        }
        if (e->op & (PATH_INSERT_BEFORE | PATH_CREATE))
            append_member(e, STR(""), e->value);
        if (e->op & (PATH_INSERT_BEFORE | PATH_INSERT_AFTER))
            append_member(e, STR(""), value);
        if (e->op & (PATH_INSERT_AFTER | PATH_REPLACE))
            append_member(e, STR(""), e->value);
    }
    if (adds && count && idx == (int64_t)count)
        append_member(e, STR(""), e->value);
    buf_append_byte(e->out, ']');
    return STATUS_OK;
}

static Status edit_value(PathEdit *e, Str s, uint32_t level)
{
    if (column_is_null(&e->steps, level))
        return null_step(e, level);
    if (s.len && s.ptr[0] == '{')
        return edit_object(e, s, level);
    if (s.len && s.ptr[0] == '[')
        return edit_array(e, s, level);
    if (e->op == PATH_FILL_GAPS) {
        if (str_eq(s, STR("null")))
            return append_missing(e, level);
        (void)error_set_sql(e->err, STATUS_INVALID, "22023", 0, "cannot replace existing key");
        error_detail(e->err,
                     "The path assumes key is a composite object, but it is a scalar value.");
        return STATUS_INVALID;
    }
    buf_append_str(e->out, s);
    return STATUS_OK;
}

static Status edit_path(const EvalContext *ctx, const Column *args, uint32_t row, PathOp op,
                        Str value, Column *ret, Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    Str s = ARG_STR(0);
    Str canonical;
    PgArray path = pgarray_open(args[1].type, ARG_STR(1));
    PathEdit e = {.ctx = ctx, .step_count = path.count, .op = op, .value = value, .out = &out};
    e.err = err;
    if (path.dim_count > 1)
        return error_set_sql(err, STATUS_INVALID, "2202E", 0, "wrong number of array subscripts");
    if (s.len && s.ptr[0] != '{' && s.ptr[0] != '[')
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             op == PATH_DELETE ? "cannot delete path in scalar"
                                               : "cannot set path in scalar");
    bool empty = !json_scan_count(s);
    if (!path.count || (empty && !(op & PATH_ADDS)))
        return func__set_copy(ctx, ret, row, s, err);
    TRY(pgarray_elements(&path, ctx->arena, &e.steps, err));
    TRY(edit_value(&e, s, 0));
    TRY(jsonb_parse(buf_str(&out), ctx->arena, &canonical, err));
    func__set_str(ret, row, canonical);
    return STATUS_OK;
}

ROW_KERNEL(jsonb_set)
{
    bool create = arg_count < 4 || ARG_BOOL(3);
    return edit_path(ctx, args, row, create ? PATH_CREATE : PATH_REPLACE, ARG_STR(2), ret, err);
}
ROW_KERNEL(jsonb_insert)
{
    bool after = arg_count > 3 && ARG_BOOL(3);
    return edit_path(ctx, args, row, after ? PATH_INSERT_AFTER : PATH_INSERT_BEFORE, ARG_STR(2),
                     ret, err);
}
ROW_KERNEL(jsonb_delete_path)
{
    return edit_path(ctx, args, row, PATH_DELETE, STR(""), ret, err);
}

/* SET column[steps] = value; a NULL column begins as what the first step needs. */
ROW_KERNEL_NULLABLE(jsonb_assign)
{
    CLEANUP(buf_done) Buf out = {0};
    PgArray path = pgarray_open(args[2].type, ARG_STR(2));
    PathEdit e = {.ctx = ctx, .step_count = path.count, .op = PATH_FILL_GAPS, .out = &out};
    Str canonical;
    e.err = err;
    e.value = column_is_null(&args[1], row) ? STR("null") : ARG_STR(1);
    TRY(pgarray_elements(&path, ctx->arena, &e.steps, err));
    if (column_is_null(&args[0], row))
        TRY(append_missing(&e, 0));
    else
        TRY(edit_value(&e, ARG_STR(0), 0));
    TRY(jsonb_parse(buf_str(&out), ctx->arena, &canonical, err));
    func__set_str(ret, row, canonical);
    return STATUS_OK;
}

/* What a NULL value does: the fifth argument says. */
ROW_KERNEL_NULLABLE(jsonb_set_lax)
{
    Str treatment = STR("use_json_null");
    if (column_is_null(&args[0], row) || column_is_null(&args[1], row) ||
        (arg_count > 3 && column_is_null(&args[3], row)))
        return func__set_null(ctx, ret, row, err);
    bool create = arg_count < 4 || ARG_BOOL(3);
    if (arg_count > 4 && column_is_null(&args[4], row))
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "null_value_treatment must be \"delete_key\", \"return_target\", "
                             "\"use_json_null\", or \"raise_exception\"");
    if (arg_count > 4)
        treatment = ARG_STR(4);
    PathOp op = create ? PATH_CREATE : PATH_REPLACE;
    if (!column_is_null(&args[2], row))
        return edit_path(ctx, args, row, op, ARG_STR(2), ret, err);
    if (str_eq(treatment, STR("use_json_null")))
        return edit_path(ctx, args, row, op, STR("null"), ret, err);
    if (str_eq(treatment, STR("delete_key")))
        return edit_path(ctx, args, row, PATH_DELETE, STR(""), ret, err);
    if (str_eq(treatment, STR("return_target")))
        return func__set_copy(ctx, ret, row, ARG_STR(0), err);
    if (!str_eq(treatment, STR("raise_exception")))
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "null_value_treatment must be \"delete_key\", \"return_target\", "
                             "\"use_json_null\", or \"raise_exception\"");
    (void)error_set_sql(err, STATUS_INVALID, "22004", 0, "JSON value must not be null");
    error_detail(err, "Exception was raised because null_value_treatment is \"raise_exception\".");
    error_hint(err, "To avoid, either change the null_value_treatment argument or ensure that an "
                    "SQL NULL is not passed.");
    return STATUS_INVALID;
}

/* ---------------------------------------------------------------- json without nulls */

static void append_compact(Str s, bool strip, Buf *out, int depth)
{
    Str key;
    Str value;
    s = str_trim(s);
    bool object = s.len && s.ptr[0] == '{';
    if (!s.len || (!object && s.ptr[0] != '[') || depth > JSONB_DEPTH_MAX) {
        buf_append_str(out, s);
        return;
    }
    buf_append_byte(out, (uint8_t)s.ptr[0]);
    for (size_t pos = 0; json_scan_next(s, &pos, &key, &value);) {
        if (object && strip && value.len && value.ptr[0] == 'n')
            continue;
        append_comma(out);
        if (object) {
            buf_append_str(out, key);
            buf_append_byte(out, ':');
        }
        append_compact(value, strip, out, depth + 1);
    }
    buf_append_byte(out, object ? '}' : ']');
}

ROW_KERNEL(json_strip_nulls)
{
    CLEANUP(buf_done) Buf out = {0};
    append_compact(ARG_STR(0), true, &out, 0);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

/* ---------------------------------------------------------------- json_object(texts) */

static Status put_object(const EvalContext *ctx, const Buf *text, Column *ret, uint32_t row,
                         Error *err)
{
    Str canonical;
    if (ret->type.id != TYPE_JSONB)
        return func__set_copy(ctx, ret, row, buf_str(text), err);
    TRY(jsonb_parse(buf_str(text), ctx->arena, &canonical, err));
    func__set_str(ret, row, canonical);
    return STATUS_OK;
}

static Status append_pair(const Column *keys, uint32_t key, const Column *values, uint32_t value,
                          Buf *out, Error *err)
{
    if (column_is_null(keys, key))
        return error_set_sql(err, STATUS_INVALID, "22004", 0,
                             "null value not allowed for object key");
    if (out->len > 1)
        buf_append_lit(out, ", ");
    jsonb_append_string(out, func__str(keys, key));
    buf_append_lit(out, " : ");
    if (column_is_null(values, value))
        buf_append_lit(out, "null");
    else
        jsonb_append_string(out, func__str(values, value));
    return STATUS_OK;
}

static Status subscripts_wrong(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "2202E", 0, "wrong number of array subscripts");
}

ROW_KERNEL(json_object)
{
    CLEANUP(buf_done) Buf out = {0};
    PgArray a = pgarray_open(args[0].type, ARG_STR(0));
    Column items;
    if (a.dim_count > 2)
        return subscripts_wrong(err);
    if (a.dim_count == 2 && a.lengths[1] != 2)
        return error_set_sql(err, STATUS_INVALID, "2202E", 0, "array must have two columns");
    if (a.count % 2)
        return error_set_sql(err, STATUS_INVALID, "2202E", 0,
                             "array must have even number of elements");
    TRY(pgarray_elements(&a, ctx->arena, &items, err));
    buf_append_byte(&out, '{');
    for (uint32_t i = 0; i < a.count; i += 2)
        TRY(append_pair(&items, i, &items, i + 1, &out, err));
    buf_append_byte(&out, '}');
    return put_object(ctx, &out, ret, row, err);
}

ROW_KERNEL(json_object_two)
{
    CLEANUP(buf_done) Buf out = {0};
    PgArray k = pgarray_open(args[0].type, ARG_STR(0));
    PgArray v = pgarray_open(args[1].type, ARG_STR(1));
    Column keys;
    Column values;
    if (k.dim_count > 1 || k.dim_count != v.dim_count)
        return subscripts_wrong(err);
    if (k.count != v.count)
        return error_set_sql(err, STATUS_INVALID, "2202E", 0, "mismatched array dimensions");
    TRY(pgarray_elements(&k, ctx->arena, &keys, err));
    TRY(pgarray_elements(&v, ctx->arena, &values, err));
    buf_append_byte(&out, '{');
    for (uint32_t i = 0; i < k.count; i++)
        TRY(append_pair(&keys, i, &values, i, &out, err));
    buf_append_byte(&out, '}');
    return put_object(ctx, &out, ret, row, err);
}

/* ---------------------------------------------------------------- the table */

#define J T(JSONB)
#define LAX(argc_, ...)                                                                            \
    {                                                                                              \
        .name = "jsonb_set_lax", .oid = argc_ == 5 ? 5054 : 0, .arg_count = argc_,                 \
        .args = {__VA_ARGS__}, .ret = J, .kernel = jsonb_set_lax                                   \
    }
static const Function functions[] = {
    FN("jsonb_set", 0, jsonb_set, J, 3, J, AT(TEXT), J),
    FN("jsonb_set", 3305, jsonb_set, J, 4, J, AT(TEXT), J, T(BOOL)),
    LAX(3, J, AT(TEXT), J),
    LAX(4, J, AT(TEXT), J, T(BOOL)),
    LAX(5, J, AT(TEXT), J, T(BOOL), T(TEXT)),
    {.name = "jsonb_assign",
     .arg_count = 3,
     .args = {J, J, AT(TEXT)},
     .ret = J,
     .kernel = jsonb_assign},
    FN("jsonb_insert", 0, jsonb_insert, J, 3, J, AT(TEXT), J),
    FN("jsonb_insert", 3579, jsonb_insert, J, 4, J, AT(TEXT), J, T(BOOL)),
    FN("jsonb_delete_path", 3304, jsonb_delete_path, J, 2, J, AT(TEXT)),
    OP("#-", 0, jsonb_delete_path, J, 2, J, AT(TEXT)),
    FN("json_strip_nulls", 3261, json_strip_nulls, T(JSON), 1, T(JSON)),
    FN("json_object", 3202, json_object, T(JSON), 1, AT(TEXT)),
    FN("json_object", 3203, json_object_two, T(JSON), 2, AT(TEXT), AT(TEXT)),
    FN("jsonb_object", 3263, json_object, J, 1, AT(TEXT)),
    FN("jsonb_object", 3264, json_object_two, J, 2, AT(TEXT), AT(TEXT)),
};
const FuncTable func__json_set_table = {functions, LUMA_ARRAY_LEN(functions)};
