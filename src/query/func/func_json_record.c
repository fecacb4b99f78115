/* func_json_record.c - json_to_record, json_populate_record and their sets: JSON objects to rows.
 *
 * The binder appends a text to the arguments that says which columns the row has (func_columns_pack
 * in func.h). Values are read as PostgreSQL's populate functions do: strings by the column type's
 * input function, arrays element by element, anything by its JSON text otherwise. */
#include "query/func/func_int.h"
#include "query/func/json_text.h"

enum { RECORD_COLUMNS_MAX = 1664, ARRAY_ITEMS_MAX = 1 << 24 };

/* ---------------------------------------------------------------- the description of columns */

void func_columns_pack(const Field *columns, uint32_t count, Buf *out)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t name_len = (uint8_t)LUMA_MIN(columns[i].name.len, (size_t)255);
        buf_append_byte(out, columns[i].type.id);
        buf_append_byte(out, columns[i].type.is_array);
        buf_append_u32(out, (uint32_t)columns[i].type.typmod);
        buf_append_byte(out, name_len);
        buf_append(out, columns[i].name.ptr, name_len);
    }
}

static uint32_t unpack_columns(Str packed, Field *ret_columns)
{
    BufReader r = buf_reader(packed);
    uint32_t count = 0;
    while (buf_reader_left(&r) && count < RECORD_COLUMNS_MAX) {
        Field *f = &ret_columns[count++];
        *f = (Field){.type.id = buf_read_u8(&r), .type.is_array = buf_read_u8(&r)};
        f->type.typmod = (int32_t)buf_read_u32(&r);
        f->name.len = buf_read_u8(&r);
        f->name.ptr = (const char *)r.cursor;
        r.cursor += f->name.len;
    }
    return count;
}

/* ---------------------------------------------------------------- one value */

static Status put_value(const EvalContext *ctx, Str json, Str key, Column *ret, uint32_t row,
                        Error *err);

static Status set_null(const EvalContext *ctx, Column *ret, uint32_t row, Error *err)
{
    return func__set_null(ctx, ret, row, err);
}

typedef struct ArrayReader {
    const EvalContext *ctx;
    Str key;
    Str *items;
    uint32_t count;
    uint32_t cap;
    int32_t lengths[PGARRAY_DIMS_MAX];
    uint32_t dims; /* 0 = not known yet */
    Error *err;
} ArrayReader;

static Status malformed(Error *err)
{
    (void)error_set_sql(err, STATUS_INVALID, "22P02", 0, "malformed JSON array");
    error_detail(err, "Multidimensional arrays must have sub-arrays with matching dimensions.");
    return STATUS_INVALID;
}

static Status expected_array(Str key, Error *err)
{
    (void)error_set_sql(err, STATUS_INVALID, "22P02", 0, "expected JSON array");
    if (key.len)
        error_hint(err, "See the value of key \"%.*s\".", STR_FMT(key));
    return STATUS_INVALID;
}

/* Recursion is bounded by the number of dimensions. */
static Status read_items(ArrayReader *a, Str json, uint32_t level)
{
    Str key;
    Str value;
    int32_t length = 0;
    if (level >= PGARRAY_DIMS_MAX)
        return error_set_sql(a->err, STATUS_INVALID, "54000", 0,
                             "number of array dimensions (%u) exceeds the maximum allowed (%d)",
                             level + 1, PGARRAY_DIMS_MAX);
    for (size_t pos = 0; json_scan_next(json, &pos, &key, &value); length++) {
        bool nested = value.len && value.ptr[0] == '[';
        if (nested) {
            if (a->dims && level + 1 >= a->dims)
                return malformed(a->err);
            TRY(read_items(a, value, level + 1));
            continue;
        }
        if (!a->dims)
            a->dims = level + 1;
        if (level + 1 != a->dims)
            return a->dims > level + 1 ? expected_array(a->key, a->err) : malformed(a->err);
        if (a->count >= ARRAY_ITEMS_MAX)
            return error_set_sql(a->err, STATUS_LIMIT, "54000", 0, "array is too large");
        ARENA_PUSH(a->ctx->arena, a->items, a->count, a->cap, value);
    }
    if (a->lengths[level] >= 0 && a->lengths[level] != length)
        return malformed(a->err);
    a->lengths[level] = length;
    return STATUS_OK;
}

static Status put_array(const EvalContext *ctx, Str json, Str key, Column *ret, uint32_t row,
                        Error *err)
{
    ArrayReader a = {.ctx = ctx, .key = key, .err = err};
    int32_t lowers[PGARRAY_DIMS_MAX];
    Column items;
    for (uint32_t i = 0; i < PGARRAY_DIMS_MAX; i++) {
        a.lengths[i] = -1;
        lowers[i] = 1;
    }
    TRY(read_items(&a, json, 0));
    TRY(column_init(&items, ctx->arena, type_element(ret->type), a.count, true, err));
    for (uint32_t i = 0; i < a.count; i++)
        TRY(put_value(ctx, a.items[i], key, &items, i, err));
    return pgarray_make_dims(ret->type, &items, 0, a.count, a.count ? a.dims : 0, a.lengths, lowers,
                             ctx->arena, (View *)column_values(ret) + row, err);
}

/* `json` is a value inside a checked text; ptr NULL = there is none. */
static Status put_value(const EvalContext *ctx, Str json, Str key, Column *ret, uint32_t row,
                        Error *err)
{
    bool is_json = !ret->type.is_array && (ret->type.id == TYPE_JSON || ret->type.id == TYPE_JSONB);
    if (!json.len || json.ptr[0] == 'n')
        return set_null(ctx, ret, row, err);
    if (ret->type.is_array && json.ptr[0] == '[')
        return put_array(ctx, json, key, ret, row, err);
    if (ret->type.is_array && json.ptr[0] != '"')
        return expected_array(key, err);
    if (json.ptr[0] == '"' && !is_json)
        TRY(json_unquote(ctx, json, &json, err));
    return pgtype_parse_text(json, func__settings(ctx), ret, row, ctx->arena, err);
}

/* ---------------------------------------------------------------- rows */

typedef struct Reader {
    const EvalContext *ctx;
    const char *function;
    Field *columns;
    uint32_t column_count;
    const Column *base; /* a record of defaults, or NULL */
    FuncRows *rows;
    Error *err;
} Reader;

static Status wrong_kind(Reader *r, Str json)
{
    bool array = json.len && json.ptr[0] == '[';
    bool object = json.len && json.ptr[0] == '{';
    return error_set_sql(r->err, STATUS_INVALID, "22023", 0, "cannot call %s on %s", r->function,
                         array    ? "an array"
                         : object ? "an object"
                                  : "a scalar");
}

/* The value of a base record's field, or NULL. */
static Status put_default(Reader *r, uint32_t column, uint32_t row)
{
    Column *to = &r->rows->columns[column];
    Column field;
    if (!r->base || column_is_null(r->base, 0) ||
        !pgrecord_field(column_str(r->base, 0), column, r->ctx->arena, &field) ||
        column_is_null(&field, 0))
        return set_null(r->ctx, to, row, r->err);
    CLEANUP(buf_done) Buf text = {0};
    pgtype_append_text(&field, 0, func__settings(r->ctx), &text);
    return pgtype_parse_text(buf_str(&text), func__settings(r->ctx), to, row, r->ctx->arena,
                             r->err);
}

/* One row out of an object. The last of equal keys counts, as in PostgreSQL. */
static Status put_row(Reader *r, Str object, uint32_t row)
{
    Str key;
    Str value;
    Str *found;
    TRY(arena_try_alloc(r->ctx->arena, sizeof *found * (r->column_count + 1), &found, r->err));
    memset(found, 0, sizeof *found * (r->column_count + 1));
    for (size_t pos = 0; json_scan_next(object, &pos, &key, &value);) {
        Str name;
        TRY(json_unquote(r->ctx, key, &name, r->err));
        for (uint32_t i = 0; i < r->column_count; i++)
            if (str_eq(name, r->columns[i].name))
                found[i] = value;
    }
    for (uint32_t i = 0; i < r->column_count; i++) {
        if (found[i].ptr)
            TRY(put_value(r->ctx, found[i], r->columns[i].name, &r->rows->columns[i], row, r->err));
        else
            TRY(put_default(r, i, row));
    }
    return STATUS_OK;
}

static Status new_rows(Reader *r, uint32_t count)
{
    Arena *arena = r->ctx->arena;
    TRY(arena_try_alloc(arena, sizeof(Column) * (r->column_count + 1), &r->rows->columns, r->err));
    for (uint32_t i = 0; i < r->column_count; i++)
        TRY(column_init(&r->rows->columns[i], arena, r->columns[i].type, count, true, r->err));
    r->rows->column_count = r->column_count;
    r->rows->rows = count;
    return STATUS_OK;
}

/* A NULL value gives the defaults, if there are any, else one row of NULLs. */
static Status read_one(Reader *r, const Column *json)
{
    TRY(new_rows(r, 1));
    if (column_is_null(json, 0)) {
        for (uint32_t i = 0; i < r->column_count; i++)
            TRY(put_default(r, i, 0));
        return STATUS_OK;
    }
    Str text = str_trim(column_str(json, 0));
    if (!text.len || text.ptr[0] != '{') {
        r->function = "populate_composite"; /* what PostgreSQL calls it here */
        return wrong_kind(r, text);
    }
    return put_row(r, text, 0);
}

static Status read_set(Reader *r, const Column *json)
{
    Str key;
    Str value;
    uint32_t row = 0;
    if (column_is_null(json, 0))
        return new_rows(r, 0);
    Str text = str_trim(column_str(json, 0));
    if (!text.len || text.ptr[0] != '[')
        return wrong_kind(r, text);
    TRY(new_rows(r, json_scan_count(text)));
    for (size_t pos = 0; json_scan_next(text, &pos, &key, &value); row++) {
        if (!value.len || value.ptr[0] != '{')
            return error_set_sql(r->err, STATUS_INVALID, "22023", 0,
                                 "argument of %s must be an array of objects", r->function);
        TRY(put_row(r, value, row));
    }
    return STATUS_OK;
}

static Status open_rows(const EvalContext *ctx, const char *function, const Column *args,
                        uint32_t arg_count, Arena *arena, bool set, void **ret_state, Error *err)
{
    EvalContext lasting = *ctx;
    Reader r = {.ctx = &lasting, .function = function, .err = err};
    lasting.arena = arena;
    TRY(func__rows_new(arena, &r.rows, err));
    *ret_state = r.rows;
    TRY(arena_try_alloc(arena, sizeof *r.columns * RECORD_COLUMNS_MAX, &r.columns, err));
    r.column_count = unpack_columns(column_str(&args[arg_count - 1], 0), r.columns);
    r.base = arg_count > 2 ? &args[0] : NULL;
    return set ? read_set(&r, &args[arg_count - 2]) : read_one(&r, &args[arg_count - 2]);
}

#define RECORD_OPEN(name, set)                                                                     \
    static Status name##_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,      \
                              Arena *arena, void **ret_state, Error *err)                          \
    {                                                                                              \
        return open_rows(ctx, #name, args, arg_count, arena, set, ret_state, err);                 \
    }
RECORD_OPEN(json_to_record, false)
RECORD_OPEN(jsonb_to_record, false)
RECORD_OPEN(json_to_recordset, true)
RECORD_OPEN(jsonb_to_recordset, true)
RECORD_OPEN(json_populate_record, false)
RECORD_OPEN(jsonb_populate_record, false)
RECORD_OPEN(json_populate_recordset, true)
RECORD_OPEN(jsonb_populate_recordset, true)

#define RECORDS(name_, oid_, argc_, ...)                                                           \
    {                                                                                              \
        .name = #name_, .oid = oid_, .arg_count = argc_, .args = {__VA_ARGS__}, .ret = T(RECORD),  \
        .needs_columns = true, .open = name_##_open, .next = func__rows_next                       \
    }
static const TableFunction sets[] = {
    RECORDS(json_to_record, 3204, 1, T(JSON)),
    RECORDS(jsonb_to_record, 3490, 1, T(JSONB)),
    RECORDS(json_to_recordset, 3205, 1, T(JSON)),
    RECORDS(jsonb_to_recordset, 3491, 1, T(JSONB)),
    RECORDS(json_populate_record, 3960, 2, T(RECORD), T(JSON)),
    RECORDS(jsonb_populate_record, 3209, 2, T(RECORD), T(JSONB)),
    RECORDS(json_populate_recordset, 3961, 2, T(RECORD), T(JSON)),
    RECORDS(jsonb_populate_recordset, 3475, 2, T(RECORD), T(JSONB)),
};
const TableFunctionTable func__json_record_sets = {sets, LUMA_ARRAY_LEN(sets)};
