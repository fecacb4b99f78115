/* func_json.c - json and jsonb: access by key, index and path, containment, building.
 *
 * Values are texts that were checked on the way in; json_scan.h walks them. Depths are bounded all
 * the same. */
#include "format/pgtype/jsonb.h"
#include "query/func/func_int.h"
#include "query/func/json_text.h"

enum { DEPTH_MAX = JSONB_DEPTH_MAX + 8 };

/* ---------------------------------------------------------------- access */

/* ret->ptr NULL = not there. The last of equal keys wins, as in PostgreSQL's json. */
static Status find_key(const EvalContext *ctx, Str s, Str key, Str *ret, Error *err)
{
    Str name;
    Str value;
    *ret = (Str){0};
    s = str_trim(s);
    if (!s.len || s.ptr[0] != '{')
        return STATUS_OK;
    for (size_t pos = 0; json_scan_next(s, &pos, &name, &value);) {
        bool same;
        TRY(json_key_equals(ctx, name, key, &same, err));
        if (same)
            *ret = value;
    }
    return STATUS_OK;
}

static Str find_index(Str s, int64_t idx)
{
    Str name;
    Str value;
    s = str_trim(s);
    if (!s.len || s.ptr[0] != '[')
        return (Str){0};
    if (idx < 0)
        idx += json_scan_count(s);
    if (idx < 0)
        return (Str){0};
    for (size_t pos = 0; json_scan_next(s, &pos, &name, &value);)
        if (idx-- == 0)
            return value;
    return (Str){0};
}

/* Puts a found value out, as json or as text (strings without quotes, null as NULL). */
static Status put_value(const EvalContext *ctx, Str value, bool as_text, Column *ret, uint32_t row,
                        Error *err)
{
    if (!value.ptr)
        return func__set_null(ctx, ret, row, err);
    if (as_text && value.len && value.ptr[0] == 'n')
        return func__set_null(ctx, ret, row, err);
    if (as_text && value.len && value.ptr[0] == '"')
        TRY(json_unquote(ctx, value, &value, err));
    /* A short input lies inside its View, so the result is copied, not borrowed. */
    return func__set_copy(ctx, ret, row, value, err);
}

/* A scalar of jsonb is, to ->, an array of one. */
static Str element_of(const Column *c, uint32_t row, int32_t idx)
{
    Str s = func__str(c, row);
    bool scalar = s.len && s.ptr[0] != '{' && s.ptr[0] != '[';
    if (c->type.id == TYPE_JSONB && scalar)
        return idx == 0 || idx == -1 ? s : (Str){0};
    return find_index(s, idx);
}

#define BY_KEY(name, as_text)                                                                      \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        Str value;                                                                                 \
        TRY(find_key(ctx, ARG_STR(0), ARG_STR(1), &value, err));                                   \
        return put_value(ctx, value, as_text, ret, row, err);                                      \
    }
#define BY_INDEX(name, as_text)                                                                    \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        return put_value(ctx, element_of(&args[0], row, ARG(int32_t, 1)), as_text, ret, row, err); \
    }
BY_KEY(get_key, false)
BY_KEY(get_key_text, true)
BY_INDEX(get_index, false)
BY_INDEX(get_index_text, true)

/* One step of a path: a key of an object, an index of an array. */
static Status path_step(const EvalContext *ctx, Str s, Str step, Str *ret, Error *err)
{
    int64_t idx;
    s = str_trim(s);
    if (s.len && s.ptr[0] == '[') {
        *ret = str_to_i64(step, &idx) ? find_index(s, idx) : (Str){0};
        return STATUS_OK;
    }
    return find_key(ctx, s, step, ret, err);
}

static Status get_path(const EvalContext *ctx, Str s, Type path_type, Str path_bytes, Str *ret,
                       Error *err)
{
    Column steps;
    PgArray path = pgarray_open(path_type, path_bytes);
    TRY(pgarray_elements(&path, ctx->arena, &steps, err));
    *ret = str_trim(s);
    for (uint32_t i = 0; i < path.count && ret->ptr; i++) {
        if (pgarray_is_null(&path, i)) {
            *ret = (Str){0};
            return STATUS_OK;
        }
        TRY(path_step(ctx, *ret, func__str(&steps, i), ret, err));
    }
    return STATUS_OK;
}
#define BY_PATH(name, as_text)                                                                     \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        Str value;                                                                                 \
        TRY(get_path(ctx, ARG_STR(0), args[1].type, ARG_STR(1), &value, err));                     \
        return put_value(ctx, value, as_text, ret, row, err);                                      \
    }
BY_PATH(get_path_json, false)
BY_PATH(get_path_text, true)

/* json_extract_path(j, variadic texts). */
static Status extract_path(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                           uint32_t row, bool as_text, Column *ret, Error *err)
{
    Str value = str_trim(ARG_STR(0));
    for (uint32_t i = 1; i < arg_count && value.ptr; i++)
        TRY(path_step(ctx, value, ARG_STR(i), &value, err));
    return put_value(ctx, value, as_text, ret, row, err);
}
ROW_KERNEL(json_extract_path)
{
    return extract_path(ctx, args, arg_count, row, false, ret, err);
}
ROW_KERNEL(json_extract_path_text)
{
    return extract_path(ctx, args, arg_count, row, true, ret, err);
}

/* ---------------------------------------------------------------- containment, existence */

static bool contains(Str a, Str b, int depth);

static bool array_has(Str array, Str value, int depth)
{
    Str name;
    Str element;
    for (size_t pos = 0; json_scan_next(array, &pos, &name, &element);)
        if (contains(element, value, depth))
            return true;
    return false;
}

/* Numbers are equal by value: 1 = 1.0. */
static bool scalar_eq(Str a, Str b)
{
    if (str_eq(a, b))
        return true;
    double x;
    double y;
    bool numbers = a.len && b.len && a.ptr[0] != '"' && b.ptr[0] != '"' && str_to_f64(a, &x) &&
                   str_to_f64(b, &y);
    return numbers && x == y && a.ptr[0] != 't' && a.ptr[0] != 'f' && a.ptr[0] != 'n';
}

/* jsonb @>, on canonical texts. */
static bool contains(Str a, Str b, int depth)
{
    Str name;
    Str value;
    if (!a.len || !b.len || depth > DEPTH_MAX)
        return false;
    if (b.ptr[0] == '{') {
        if (a.ptr[0] != '{')
            return false;
        for (size_t pos = 0; json_scan_next(b, &pos, &name, &value);) {
            Str key;
            Str have;
            bool found = false;
            for (size_t at = 0; !found && json_scan_next(a, &at, &key, &have);)
                found = str_eq(key, name) && contains(have, value, depth + 1);
            if (!found)
                return false;
        }
        return true;
    }
    if (b.ptr[0] == '[') {
        if (a.ptr[0] != '[')
            return false;
        for (size_t pos = 0; json_scan_next(b, &pos, &name, &value);)
            if (!array_has(a, value, depth + 1))
                return false;
        return true;
    }
    if (a.ptr[0] == '[' && depth == 0)
        return array_has(a, b, depth + 1);
    return a.ptr[0] != '{' && a.ptr[0] != '[' && scalar_eq(a, b);
}
ROW_KERNEL(jsonb_contains)
{
    SET_BOOL(contains(ARG_STR(0), ARG_STR(1), 0));
    return STATUS_OK;
}
ROW_KERNEL(jsonb_contained)
{
    SET_BOOL(contains(ARG_STR(1), ARG_STR(0), 0));
    return STATUS_OK;
}

/* ? : a top-level key, or a string element. */
static Status has_key(const EvalContext *ctx, Str s, Str key, bool *ret, Error *err)
{
    Str name;
    Str value;
    *ret = false;
    if (s.len && s.ptr[0] == '"')
        return json_key_equals(ctx, s, key, ret, err);
    if (!s.len || (s.ptr[0] != '{' && s.ptr[0] != '['))
        return STATUS_OK;
    for (size_t pos = 0; !*ret && json_scan_next(s, &pos, &name, &value);) {
        Str quoted = s.ptr[0] == '{' ? name : value;
        if (quoted.len && quoted.ptr[0] == '"')
            TRY(json_key_equals(ctx, quoted, key, ret, err));
    }
    return STATUS_OK;
}
ROW_KERNEL(jsonb_exists)
{
    bool has;
    TRY(has_key(ctx, ARG_STR(0), ARG_STR(1), &has, err));
    SET_BOOL(has);
    return STATUS_OK;
}
static Status exists_keys(const EvalContext *ctx, const Column *args, uint32_t row, bool all,
                          Column *ret, Error *err)
{
    Column keys;
    PgArray array = pgarray_open(args[1].type, ARG_STR(1));
    bool result = all;
    TRY(pgarray_elements(&array, ctx->arena, &keys, err));
    for (uint32_t i = 0; i < array.count && result == all; i++) {
        if (pgarray_is_null(&array, i))
            continue;
        TRY(has_key(ctx, ARG_STR(0), func__str(&keys, i), &result, err));
    }
    SET_BOOL(result);
    return STATUS_OK;
}
ROW_KERNEL(jsonb_exists_any)
{
    return exists_keys(ctx, args, row, false, ret, err);
}
ROW_KERNEL(jsonb_exists_all)
{
    return exists_keys(ctx, args, row, true, ret, err);
}

/* ---------------------------------------------------------------- kinds, lengths */

ROW_KERNEL(json_typeof)
{
    Str s = str_trim(ARG_STR(0));
    char c = s.len ? s.ptr[0] : 'n';
    Str name = c == '{'               ? STR("object")
               : c == '['             ? STR("array")
               : c == '"'             ? STR("string")
               : c == 't' || c == 'f' ? STR("boolean")
               : c == 'n'             ? STR("null")
                                      : STR("number");
    func__set_str(ret, row, name);
    return STATUS_OK;
}
ROW_KERNEL(json_array_length)
{
    Str s = str_trim(ARG_STR(0));
    if (!s.len || s.ptr[0] != '[')
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             s.len && s.ptr[0] == '{' ? "cannot get array length of a non-array"
                                                      : "cannot get array length of a scalar");
    SET(int32_t, (int32_t)json_scan_count(s));
    return STATUS_OK;
}

static void append_stripped(Str s, Buf *out, int depth)
{
    Str name;
    Str value;
    bool object = s.len && s.ptr[0] == '{';
    bool some = false;
    if (!s.len || (!object && s.ptr[0] != '[') || depth > DEPTH_MAX) {
        buf_append_str(out, s);
        return;
    }
    buf_append_byte(out, (uint8_t)s.ptr[0]);
    for (size_t pos = 0; json_scan_next(s, &pos, &name, &value);) {
        if (object && value.len && value.ptr[0] == 'n')
            continue;
        if (some)
            buf_append_lit(out, ", ");
        some = true;
        if (object) {
            buf_append_str(out, name);
            buf_append_lit(out, ": ");
        }
        append_stripped(value, out, depth + 1);
    }
    buf_append_byte(out, object ? '}' : ']');
}
ROW_KERNEL(jsonb_strip_nulls)
{
    CLEANUP(buf_done) Buf out = {0};
    append_stripped(str_trim(ARG_STR(0)), &out, 0);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

static void append_indent(Buf *out, int depth)
{
    buf_append_byte(out, '\n');
    for (int i = 0; i < depth * 4; i++)
        buf_append_byte(out, ' ');
}

static void append_pretty(Str s, Buf *out, int depth)
{
    Str name;
    Str value;
    bool object = s.len && s.ptr[0] == '{';
    bool some = false;
    if (!s.len || (!object && s.ptr[0] != '[') || depth > DEPTH_MAX) {
        buf_append_str(out, s);
        return;
    }
    buf_append_byte(out, (uint8_t)s.ptr[0]);
    for (size_t pos = 0; json_scan_next(s, &pos, &name, &value);) {
        if (some)
            buf_append_byte(out, ',');
        some = true;
        append_indent(out, depth + 1);
        if (object) {
            buf_append_str(out, name);
            buf_append_lit(out, ": ");
        }
        append_pretty(value, out, depth + 1);
    }
    append_indent(out, depth);
    buf_append_byte(out, object ? '}' : ']');
}
ROW_KERNEL(jsonb_pretty)
{
    CLEANUP(buf_done) Buf out = {0};
    append_pretty(str_trim(ARG_STR(0)), &out, 0);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

/* ---------------------------------------------------------------- changing jsonb */

/* Rebuilt texts go through jsonb_parse, which sorts keys and drops repeated ones. */
static Status put_jsonb(const EvalContext *ctx, const Buf *text, Column *ret, uint32_t row,
                        Error *err)
{
    Str canonical;
    TRY(jsonb_parse(buf_str(text), ctx->arena, &canonical, err));
    func__set_str(ret, row, canonical);
    return STATUS_OK;
}

static Str inside(Str s)
{
    return str_trim(str_sub(s, 1, s.len >= 2 ? s.len - 2 : 0));
}

static void append_joined(Buf *out, char open, Str a, Str b, char close)
{
    buf_append_byte(out, (uint8_t)open);
    buf_append_str(out, a);
    if (a.len && b.len)
        buf_append_lit(out, ", ");
    buf_append_str(out, b);
    buf_append_byte(out, (uint8_t)close);
}

ROW_KERNEL(jsonb_concat)
{
    CLEANUP(buf_done) Buf out = {0};
    Str a = ARG_STR(0);
    Str b = ARG_STR(1);
    bool a_object = a.len && a.ptr[0] == '{';
    bool b_object = b.len && b.ptr[0] == '{';
    if (a_object && b_object) {
        append_joined(&out, '{', inside(a), inside(b), '}');
    } else {
        Str left = a.len && a.ptr[0] == '[' ? inside(a) : a;
        Str right = b.len && b.ptr[0] == '[' ? inside(b) : b;
        append_joined(&out, '[', left, right, ']');
    }
    return put_jsonb(ctx, &out, ret, row, err);
}

/* Members for which keep() holds. */
static Status delete_members(const EvalContext *ctx, Str s, const Str *keys, uint32_t key_count,
                             int64_t index, Column *ret, uint32_t row, Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    Str name;
    Str value;
    bool some = false;
    bool object = s.len && s.ptr[0] == '{';
    int64_t at = 0;
    if (!s.len || (!object && s.ptr[0] != '['))
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "cannot delete from scalar");
    if (object && !keys)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "cannot delete from object using integer index");
    if (index < 0)
        index += json_scan_count(s);
    buf_append_byte(&out, (uint8_t)s.ptr[0]);
    for (size_t pos = 0; json_scan_next(s, &pos, &name, &value); at++) {
        bool drop = !keys && at == index;
        Str quoted = object ? name : value;
        for (uint32_t k = 0; k < key_count && !drop && quoted.len && quoted.ptr[0] == '"'; k++)
            TRY(json_key_equals(ctx, quoted, keys[k], &drop, err));
        if (drop)
            continue;
        if (some)
            buf_append_lit(&out, ", ");
        some = true;
        if (object) {
            buf_append_str(&out, name);
            buf_append_lit(&out, ": ");
        }
        buf_append_str(&out, value);
    }
    buf_append_byte(&out, object ? '}' : ']');
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}
ROW_KERNEL(jsonb_delete_key)
{
    Str key = ARG_STR(1);
    return delete_members(ctx, ARG_STR(0), &key, 1, 0, ret, row, err);
}
ROW_KERNEL(jsonb_delete_keys)
{
    Column elements;
    PgArray array = pgarray_open(args[1].type, ARG_STR(1));
    TRY(pgarray_elements(&array, ctx->arena, &elements, err));
    Str *keys = arena_zalloc(ctx->arena, sizeof *keys * (array.count + 1));
    uint32_t count = 0;
    for (uint32_t i = 0; i < array.count && keys; i++)
        if (!pgarray_is_null(&array, i))
            keys[count++] = func__str(&elements, i);
    return delete_members(ctx, ARG_STR(0), keys, count, 0, ret, row, err);
}
ROW_KERNEL(jsonb_delete_index)
{
    return delete_members(ctx, ARG_STR(0), NULL, 0, ARG(int32_t, 1), ret, row, err);
}

/* ---------------------------------------------------------------- building */

static Status append_json_value(const EvalContext *ctx, const Column *c, uint32_t row, Buf *out,
                                Error *err);

static Status append_json_array(const EvalContext *ctx, const PgArray *array,
                                const Column *elements, uint32_t dim, uint32_t *next, bool lines,
                                Buf *out, Error *err)
{
    buf_append_byte(out, '[');
    for (int32_t i = 0; array->dim_count && i < array->lengths[dim]; i++) {
        if (i)
            buf_append_str(out, lines ? STR(",\n ") : STR(","));
        if (dim + 1 < array->dim_count)
            TRY(append_json_array(ctx, array, elements, dim + 1, next, false, out, err));
        else
            TRY(append_json_value(ctx, elements, (*next)++, out, err));
    }
    buf_append_byte(out, ']');
    return STATUS_OK;
}

static Status append_json_record(const EvalContext *ctx, Str record, bool lines, Buf *out,
                                 Error *err)
{
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < pgrecord_field_count(record); i++) {
        Column field;
        Str name;
        if (!pgrecord_field(record, i, ctx->arena, &field))
            break;
        if (i)
            buf_append_str(out, lines ? STR(",\n ") : STR(","));
        name = pgrecord_field_name(record, i);
        if (name.len)
            jsonb_append_string(out, name);
        else
            buf_printf(out, "\"f%u\"", i + 1);
        buf_append_byte(out, ':');
        TRY(append_json_value(ctx, &field, 0, out, err));
    }
    buf_append_byte(out, '}');
    return STATUS_OK;
}

/* Any SQL value as JSON; with `lines` the outermost items stand on lines of their own. */
static Status append_json_lines(const EvalContext *ctx, const Column *c, uint32_t row, bool lines,
                                Buf *out, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    if (column_is_null(c, row)) {
        buf_append_lit(out, "null");
        return STATUS_OK;
    }
    if (c->type.is_array) {
        Column elements;
        uint32_t next = 0;
        PgArray array = pgarray_open(c->type, column_str(c, row));
        TRY(pgarray_elements(&array, ctx->arena, &elements, err));
        return append_json_array(ctx, &array, &elements, 0, &next, lines, out, err);
    }
    switch (c->type.id) {
    case TYPE_BOOL:
        buf_append_str(out, column_bool(c, row) ? STR("true") : STR("false"));
        return STATUS_OK;
    case TYPE_JSON:
    case TYPE_JSONB:
        buf_append_str(out, column_str(c, row));
        return STATUS_OK;
    case TYPE_RECORD:
        return append_json_record(ctx, column_str(c, row), lines, out, err);
    case TYPE_TIMESTAMP:
        timestamp_append_json(&text, column_i64(c, row));
        break;
    case TYPE_TIMESTAMPTZ:
        timestamptz_append_json(&text, column_i64(c, row), func__settings(ctx));
        break;
    default:
        pgtype_append_text(c, row, func__settings(ctx), &text);
    }
    Str s = buf_str(&text);
    bool finite = s.len && s.ptr[s.len - 1] != 'N' && s.ptr[s.len - 1] != 'y';
    if (type_is_number(c->type) && finite)
        buf_append_str(out, s);
    else
        jsonb_append_string(out, s);
    return STATUS_OK;
}

/* As to_json does. */
static Status append_json_value(const EvalContext *ctx, const Column *c, uint32_t row, Buf *out,
                                Error *err)
{
    return append_json_lines(ctx, c, row, false, out, err);
}

Status func__append_json(const EvalContext *ctx, const Column *c, uint32_t row, Buf *out,
                         Error *err)
{
    return append_json_value(ctx, c, row, out, err);
}

static Status put_json(const EvalContext *ctx, const Buf *text, Column *ret, uint32_t row,
                       Error *err)
{
    return ret->type.id == TYPE_JSONB ? put_jsonb(ctx, text, ret, row, err)
                                      : func__set_copy(ctx, ret, row, buf_str(text), err);
}

ROW_KERNEL(to_json)
{
    CLEANUP(buf_done) Buf out = {0};
    TRY(append_json_lines(ctx, &args[0], row, arg_count > 1 && ARG_BOOL(1), &out, err));
    return put_json(ctx, &out, ret, row, err);
}

ROW_KERNEL_NULLABLE(json_build_array)
{
    CLEANUP(buf_done) Buf out = {0};
    buf_append_byte(&out, '[');
    for (uint32_t i = 0; i < arg_count; i++) {
        if (i)
            buf_append_lit(&out, ", ");
        TRY(append_json_value(ctx, &args[i], row, &out, err));
    }
    buf_append_byte(&out, ']');
    return put_json(ctx, &out, ret, row, err);
}

static Status bad_key(bool jsonb, uint32_t idx, Error *err)
{
    if (jsonb)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "argument %u: key must not be null",
                             idx + 1);
    (void)error_set_sql(err, STATUS_INVALID, "22023", 0, "argument %u cannot be null", idx + 1);
    error_hint(err, "Object keys should be text.");
    return STATUS_INVALID;
}

ROW_KERNEL_NULLABLE(json_build_object)
{
    CLEANUP(buf_done) Buf out = {0};
    if (arg_count % 2) {
        (void)error_set_sql(err, STATUS_INVALID, "22023", 0,
                            "argument list must have even number of elements");
        error_hint(err, "The arguments of %s() must consist of alternating keys and values.",
                   ret->type.id == TYPE_JSONB ? "jsonb_build_object" : "json_build_object");
        return STATUS_INVALID;
    }
    buf_append_byte(&out, '{');
    for (uint32_t i = 0; i < arg_count; i += 2) {
        CLEANUP(buf_done) Buf key = {0};
        if (column_is_null(&args[i], row))
            return bad_key(ret->type.id == TYPE_JSONB, i, err);
        if (args[i].type.is_array || args[i].type.id == TYPE_RECORD ||
            args[i].type.id == TYPE_JSON || args[i].type.id == TYPE_JSONB)
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "key value must be scalar, not array, composite, or json");
        pgtype_append_text(&args[i], row, func__settings(ctx), &key);
        if (i)
            buf_append_lit(&out, ", ");
        jsonb_append_string(&out, buf_str(&key));
        buf_append_lit(&out, " : ");
        TRY(append_json_value(ctx, &args[i + 1], row, &out, err));
    }
    buf_append_byte(&out, '}');
    return put_json(ctx, &out, ret, row, err);
}

/* ---------------------------------------------------------------- the table */

/* The same operator over json and over jsonb. */
#define BOTH_OPS(name, json_oid, jsonb_oid, kernel, ret_json, ret_jsonb, second)                   \
    OP(name, json_oid, kernel, ret_json, 2, T(JSON), second),                                      \
        OP(name, jsonb_oid, kernel, ret_jsonb, 2, T(JSONB), second)

static const Function functions[] = {
    BOTH_OPS("->", 3947, 3478, get_key, T(JSON), T(JSONB), T(TEXT)),
    BOTH_OPS("->>", 3948, 3214, get_key_text, T(TEXT), T(TEXT), T(TEXT)),
    BOTH_OPS("->", 3949, 3215, get_index, T(JSON), T(JSONB), T(INT4)),
    BOTH_OPS("->>", 3950, 3216, get_index_text, T(TEXT), T(TEXT), T(INT4)),
    BOTH_OPS("#>", 3951, 3217, get_path_json, T(JSON), T(JSONB), AT(TEXT)),
    BOTH_OPS("#>>", 3953, 3940, get_path_text, T(TEXT), T(TEXT), AT(TEXT)),
    {.name = "json_extract_path",
     .oid = 0,
     .arg_count = 2,
     .variadic = true,
     .strict = true,
     .args = {T(JSON), T(TEXT)},
     .ret = T(JSON),
     .kernel = json_extract_path},
    {.name = "jsonb_extract_path",
     .oid = 0,
     .arg_count = 2,
     .variadic = true,
     .strict = true,
     .args = {T(JSONB), T(TEXT)},
     .ret = T(JSONB),
     .kernel = json_extract_path},
    {.name = "json_extract_path_text",
     .oid = 0,
     .arg_count = 2,
     .variadic = true,
     .strict = true,
     .args = {T(JSON), T(TEXT)},
     .ret = T(TEXT),
     .kernel = json_extract_path_text},
    {.name = "jsonb_extract_path_text",
     .oid = 0,
     .arg_count = 2,
     .variadic = true,
     .strict = true,
     .args = {T(JSONB), T(TEXT)},
     .ret = T(TEXT),
     .kernel = json_extract_path_text},
    OP("@>", 4046, jsonb_contains, T(BOOL), 2, T(JSONB), T(JSONB)),
    OP("<@", 4050, jsonb_contained, T(BOOL), 2, T(JSONB), T(JSONB)),
    OP("?", 4047, jsonb_exists, T(BOOL), 2, T(JSONB), T(TEXT)),
    OP("?|", 4048, jsonb_exists_any, T(BOOL), 2, T(JSONB), AT(TEXT)),
    OP("?&", 4049, jsonb_exists_all, T(BOOL), 2, T(JSONB), AT(TEXT)),
    FN("jsonb_contains", 4046, jsonb_contains, T(BOOL), 2, T(JSONB), T(JSONB)),
    FN("jsonb_contained", 4050, jsonb_contained, T(BOOL), 2, T(JSONB), T(JSONB)),
    FN("jsonb_exists", 4047, jsonb_exists, T(BOOL), 2, T(JSONB), T(TEXT)),
    FN("jsonb_exists_any", 4048, jsonb_exists_any, T(BOOL), 2, T(JSONB), AT(TEXT)),
    FN("jsonb_exists_all", 4049, jsonb_exists_all, T(BOOL), 2, T(JSONB), AT(TEXT)),
    FN("jsonb_concat", 3301, jsonb_concat, T(JSONB), 2, T(JSONB), T(JSONB)),
    FN("jsonb_delete", 3302, jsonb_delete_key, T(JSONB), 2, T(JSONB), T(TEXT)),
    FN("jsonb_delete", 3343, jsonb_delete_keys, T(JSONB), 2, T(JSONB), AT(TEXT)),
    FN("jsonb_delete", 3303, jsonb_delete_index, T(JSONB), 2, T(JSONB), T(INT4)),
    FN("json_object_field", 3947, get_key, T(JSON), 2, T(JSON), T(TEXT)),
    FN("jsonb_object_field", 3478, get_key, T(JSONB), 2, T(JSONB), T(TEXT)),
    FN("json_array_element", 3949, get_index, T(JSON), 2, T(JSON), T(INT4)),
    FN("jsonb_array_element", 3215, get_index, T(JSONB), 2, T(JSONB), T(INT4)),
    FN("json_typeof", 3968, json_typeof, T(TEXT), 1, T(JSON)),
    FN("jsonb_typeof", 3210, json_typeof, T(TEXT), 1, T(JSONB)),
    FN("json_array_length", 3956, json_array_length, T(INT4), 1, T(JSON)),
    FN("jsonb_array_length", 3207, json_array_length, T(INT4), 1, T(JSONB)),
    FN("jsonb_strip_nulls", 3262, jsonb_strip_nulls, T(JSONB), 1, T(JSONB)),
    FN("jsonb_pretty", 3306, jsonb_pretty, T(TEXT), 1, T(JSONB)),
    OP("||", 3301, jsonb_concat, T(JSONB), 2, T(JSONB), T(JSONB)),
    OP("-", 3302, jsonb_delete_key, T(JSONB), 2, T(JSONB), T(TEXT)),
    OP("-", 3343, jsonb_delete_keys, T(JSONB), 2, T(JSONB), AT(TEXT)),
    OP("-", 3303, jsonb_delete_index, T(JSONB), 2, T(JSONB), T(INT4)),
    {.name = "to_json",
     .oid = 3176,
     .arg_count = 1,
     .strict = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANYELEMENT)},
     .ret = T(JSON),
     .kernel = to_json},
    {.name = "to_jsonb",
     .oid = 3787,
     .arg_count = 1,
     .strict = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANYELEMENT)},
     .ret = T(JSONB),
     .kernel = to_json},
    {.name = "array_to_json",
     .oid = 3153,
     .arg_count = 1,
     .strict = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANYARRAY)},
     .ret = T(JSON),
     .kernel = to_json},
    {.name = "row_to_json",
     .oid = 3155,
     .arg_count = 1,
     .strict = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(RECORD)},
     .ret = T(JSON),
     .kernel = to_json},
    {.name = "array_to_json",
     .oid = 3154,
     .arg_count = 2,
     .strict = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANYARRAY), T(BOOL)},
     .ret = T(JSON),
     .kernel = to_json},
    {.name = "row_to_json",
     .oid = 3156,
     .arg_count = 2,
     .strict = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(RECORD), T(BOOL)},
     .ret = T(JSON),
     .kernel = to_json},
    {.name = "json_build_array", .oid = 3199, .ret = T(JSON), .kernel = json_build_array},
    {.name = "jsonb_build_array", .oid = 3272, .ret = T(JSONB), .kernel = json_build_array},
    {.name = "json_build_object", .oid = 3201, .ret = T(JSON), .kernel = json_build_object},
    {.name = "jsonb_build_object", .oid = 3274, .ret = T(JSONB), .kernel = json_build_object},
    {.name = "json_build_array",
     .oid = 3198,
     .arg_count = 1,
     .variadic = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANY)},
     .ret = T(JSON),
     .kernel = json_build_array},
    {.name = "jsonb_build_array",
     .oid = 3271,
     .arg_count = 1,
     .variadic = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANY)},
     .ret = T(JSONB),
     .kernel = json_build_array},
    {.name = "json_build_object",
     .oid = 3200,
     .arg_count = 1,
     .variadic = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANY)},
     .ret = T(JSON),
     .kernel = json_build_object},
    {.name = "jsonb_build_object",
     .oid = 3273,
     .arg_count = 1,
     .variadic = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANY)},
     .ret = T(JSONB),
     .kernel = json_build_object},
};
const FuncTable func__json_table = {functions, LUMA_ARRAY_LEN(functions)};

/* ---------------------------------------------------------------- sets of members */

typedef struct Members {
    Str value;
    size_t pos;
    bool ended;
    bool text;   /* values as text */
    bool keys;   /* key column */
    bool values; /* value column */
    Type value_type;
} Members;

static Status members_open(const Column *args, Arena *arena, bool object, bool text, bool keys,
                           bool values, void **ret_state, Error *err)
{
    Members *m;
    TRY(arena_try_alloc(arena, sizeof *m, &m, err));
    *m = (Members){
        .text = text, .keys = keys, .values = values, .value_type = text ? T(TEXT) : args[0].type};
    *ret_state = m;
    m->ended = column_is_null(&args[0], 0);
    if (m->ended)
        return STATUS_OK;
    m->value = arena_str(arena, str_trim(column_str(&args[0], 0)));
    if (!m->value.len || m->value.ptr[0] != (object ? '{' : '['))
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             object ? "cannot call this function on a non-object"
                                    : "cannot extract elements from a non-array");
    return STATUS_OK;
}

static Status members_next(const EvalContext *ctx, void *state, RecordBatch *ret_batch,
                           bool *ret_end, Error *err)
{
    Members *m = state;
    Column *columns;
    uint32_t width = (uint32_t)m->keys + m->values;
    uint32_t rows = 0;
    TRY(arena_try_alloc(ctx->arena, sizeof(Column) * 2, &columns, err));
    for (uint32_t i = 0; i < width; i++)
        TRY(column_init(&columns[i], ctx->arena, m->keys && i == 0 ? T(TEXT) : m->value_type,
                        BATCH_ROWS, true, err));
    while (!m->ended && rows < BATCH_ROWS) {
        Str name;
        Str value;
        if (!json_scan_next(m->value, &m->pos, &name, &value)) {
            m->ended = true;
            break;
        }
        if (m->keys) {
            TRY(json_unquote(ctx, name, &name, err));
            TRY(func__set_copy(ctx, &columns[0], rows, name, err));
        }
        if (m->values)
            TRY(put_value(ctx, value, m->text, &columns[width - 1], rows, err));
        rows++;
    }
    for (uint32_t i = 0; i < width; i++)
        columns[i].len = rows;
    *ret_batch = (RecordBatch){.columns = columns, .column_count = width, .row_count = rows};
    *ret_end = m->ended;
    return STATUS_OK;
}

#define MEMBERS_OPEN(name, object, text, keys, values)                                             \
    Status func__##name##_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,     \
                               Arena *arena, void **ret_state, Error *err)                         \
    {                                                                                              \
        return members_open(args, arena, object, text, keys, values, ret_state, err);              \
    }
MEMBERS_OPEN(json_elements, false, false, false, true)
MEMBERS_OPEN(json_elements_text, false, true, false, true)
MEMBERS_OPEN(json_keys, true, false, true, false)
MEMBERS_OPEN(json_each, true, false, true, true)
MEMBERS_OPEN(json_each_text, true, true, true, true)

Status func__json_members_next(const EvalContext *ctx, void *state, RecordBatch *ret_batch,
                               bool *ret_end, Error *err)
{
    return members_next(ctx, state, ret_batch, ret_end, err);
}
