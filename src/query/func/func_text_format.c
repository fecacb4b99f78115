/* func_text_format.c - format(), quoting, and texts to arrays and back. */
#include "format/pgtype/reserved_word.h"
#include "query/func/func_int.h"

/* ---------------------------------------------------------------- quoting */

static void append_ident(Buf *out, Str s)
{
    bool plain = s.len && (s.ptr[0] == '_' || (s.ptr[0] >= 'a' && s.ptr[0] <= 'z'));
    for (size_t i = 0; plain && i < s.len; i++)
        plain = s.ptr[i] == '_' || (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') ||
                (s.ptr[i] >= '0' && s.ptr[i] <= '9');
    if (plain && !pg_word_is_reserved(s)) {
        buf_append_str(out, s);
        return;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)s.ptr[i]);
    }
    buf_append_byte(out, '"');
}

static void append_literal(Buf *out, Str s)
{
    if (str_find_byte(s, '\\') >= 0)
        buf_append_byte(out, 'E');
    buf_append_byte(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'' || s.ptr[i] == '\\')
            buf_append_byte(out, (uint8_t)s.ptr[i]);
        buf_append_byte(out, (uint8_t)s.ptr[i]);
    }
    buf_append_byte(out, '\'');
}

ROW_KERNEL(quote_ident)
{
    CLEANUP(buf_done) Buf out = {0};
    append_ident(&out, ARG_STR(0));
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

static Status quote_value(const EvalContext *ctx, const Column *args, uint32_t row, Column *ret,
                          Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    CLEANUP(buf_done) Buf text = {0};
    pgtype_append_text(&args[0], row, func__settings(ctx), &text);
    append_literal(&out, buf_str(&text));
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}
ROW_KERNEL(quote_literal)
{
    return quote_value(ctx, args, row, ret, err);
}
ROW_KERNEL_NULLABLE(quote_nullable)
{
    if (column_is_null(&args[0], row)) {
        func__set_str(ret, row, STR("NULL"));
        return STATUS_OK;
    }
    return quote_value(ctx, args, row, ret, err);
}

/* ---------------------------------------------------------------- format */

typedef struct FormatSpec {
    int32_t position; /* from 1; 0 = the next argument */
    int32_t width;    /* negative = left-justified */
    bool width_from_arg;
    int32_t width_position;
    char type;
} FormatSpec;

static bool read_number(Str *rest, int32_t *ret)
{
    int64_t value = 0;
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] >= '0' && rest->ptr[n] <= '9') {
        value = value * 10 + (rest->ptr[n++] - '0');
        if (value > INT32_MAX)
            return false;
    }
    if (!n)
        return false;
    *ret = (int32_t)value;
    *rest = str_sub(*rest, n, rest->len);
    return true;
}

static bool take_char(Str *rest, char c)
{
    if (!rest->len || rest->ptr[0] != c)
        return false;
    *rest = str_sub(*rest, 1, rest->len);
    return true;
}

static Status bad_format(Error *err, const char *message)
{
    return error_set_sql(err, STATUS_INVALID, "22023", 0, "%s", message);
}

/* %[position$][flags][width]type, behind the percent sign. */
static Status parse_spec(Str *rest, FormatSpec *ret, Error *err)
{
    *ret = (FormatSpec){0};
    Str before = *rest;
    bool left = false;
    int32_t number;
    if (read_number(rest, &number)) {
        if (take_char(rest, '$'))
            ret->position = number;
        else
            *rest = before;
        if (ret->position == 0 && rest->ptr != before.ptr)
            return bad_format(err,
                              "format specifies argument 0, but arguments are numbered from 1");
    }
    while (take_char(rest, '-'))
        left = true;
    if (take_char(rest, '*')) {
        ret->width_from_arg = true;
        if (read_number(rest, &ret->width_position) && !take_char(rest, '$'))
            return bad_format(err, "width argument position must be ended by \"$\"");
    } else {
        (void)read_number(rest, &ret->width); /* no digits: no width */
    }
    if (left)
        ret->width = ret->width_from_arg ? -1 : -ret->width;
    if (!rest->len)
        return bad_format(err, "unterminated format() type specifier");
    ret->type = rest->ptr[0];
    *rest = str_sub(*rest, 1, rest->len);
    return STATUS_OK;
}

static void append_padded(Buf *out, Str text, int64_t width)
{
    size_t len = str_utf8_count(text);
    size_t want = (size_t)(width < 0 ? -width : width);
    if (width > 0)
        for (size_t i = len; i < want; i++)
            buf_append_byte(out, ' ');
    buf_append_str(out, text);
    if (width < 0)
        for (size_t i = len; i < want; i++)
            buf_append_byte(out, ' ');
}

static Status append_spec(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          uint32_t row, const FormatSpec *spec, uint32_t *next, Buf *out,
                          Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    CLEANUP(buf_done) Buf quoted = {0};
    int64_t width = spec->width;
    if (spec->width_from_arg) {
        uint32_t at = spec->width_position ? (uint32_t)spec->width_position : (*next)++;
        if (at >= arg_count)
            return bad_format(err, "too few arguments for format()");
        bool left = spec->width < 0;
        width = column_is_null(&args[at], row) || !type_is_integer(args[at].type)
                    ? 0
                    : column_i64(&args[at], row);
        if (left && width > 0)
            width = -width;
    }
    if (width > 1 << 20 || width < -(1 << 20))
        return bad_format(err, "number is out of range");
    uint32_t at = spec->position ? (uint32_t)spec->position : *next;
    if (at >= arg_count)
        return bad_format(err, "too few arguments for format()");
    *next = at + 1;
    bool null = column_is_null(&args[at], row);
    if (!null)
        pgtype_append_text(&args[at], row, func__settings(ctx), &text);
    switch (spec->type) {
    case 's':
        append_padded(out, buf_str(&text), width);
        return STATUS_OK;
    case 'I':
        if (null)
            return error_set_sql(err, STATUS_INVALID, "22004", 0,
                                 "null values cannot be formatted as an SQL identifier");
        append_ident(&quoted, buf_str(&text));
        append_padded(out, buf_str(&quoted), width);
        return STATUS_OK;
    case 'L':
        if (null)
            buf_append_lit(&quoted, "NULL");
        else
            append_literal(&quoted, buf_str(&text));
        append_padded(out, buf_str(&quoted), width);
        return STATUS_OK;
    default:
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "unrecognized format() type specifier \"%c\"", spec->type);
    }
}

ROW_KERNEL_NULLABLE(format_kernel)
{
    CLEANUP(buf_done) Buf out = {0};
    uint32_t next = 1;
    if (column_is_null(&args[0], row))
        return func__set_null(ctx, ret, row, err);
    Str rest = ARG_STR(0);
    while (rest.len) {
        ptrdiff_t at = str_find_byte(rest, '%');
        if (at < 0) {
            buf_append_str(&out, rest);
            break;
        }
        buf_append(&out, rest.ptr, (size_t)at);
        rest = str_sub(rest, (size_t)at + 1, rest.len);
        if (take_char(&rest, '%')) {
            buf_append_byte(&out, '%');
            continue;
        }
        FormatSpec spec;
        TRY(parse_spec(&rest, &spec, err));
        TRY(append_spec(ctx, args, arg_count, row, &spec, &next, &out, err));
    }
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

/* ---------------------------------------------------------------- arrays of texts */

static Status make_text_array(const EvalContext *ctx, const Str *parts, uint32_t count,
                              const Str *null_text, Column *ret, uint32_t row, Error *err)
{
    Column elements;
    TRY(column_init(&elements, ctx->arena, T(TEXT), count, true, err));
    for (uint32_t i = 0; i < count; i++) {
        func__set_str(&elements, i, parts[i]);
        if (null_text && str_eq(parts[i], *null_text))
            bit_clear(column_validity(&elements), i);
    }
    return pgarray_make(AT(TEXT), &elements, 0, count, ctx->arena, (View *)column_values(ret) + row,
                        err);
}

/* A NULL separator splits into characters; an empty one does not split. */
ROW_KERNEL_NULLABLE(string_to_array)
{
    if (column_is_null(&args[0], row))
        return func__set_null(ctx, ret, row, err);
    Str s = ARG_STR(0);
    bool chars = column_is_null(&args[1], row);
    Str sep = chars ? STR("") : ARG_STR(1);
    Str null_text = STR("");
    bool has_null_text = arg_count > 2 && !column_is_null(&args[2], row);
    Str *parts = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;
    if (has_null_text)
        null_text = ARG_STR(2);
    while (s.len && (chars || sep.len)) {
        if (chars) {
            size_t n = 1;
            while (n < s.len && ((unsigned char)s.ptr[n] & 0xC0) == 0x80)
                n++;
            ARENA_PUSH(ctx->arena, parts, count, cap, str_sub(s, 0, n));
            s = str_sub(s, n, s.len);
            if (!s.len)
                break;
            continue;
        }
        ptrdiff_t at = str_find(s, sep);
        if (at < 0)
            break;
        ARENA_PUSH(ctx->arena, parts, count, cap, str_sub(s, 0, (size_t)at));
        s = str_sub(s, (size_t)at + sep.len, s.len);
        if (!s.len) {
            ARENA_PUSH(ctx->arena, parts, count, cap, STR(""));
            break;
        }
    }
    if (s.len)
        ARENA_PUSH(ctx->arena, parts, count, cap, s);
    return make_text_array(ctx, parts, count, has_null_text ? &null_text : NULL, ret, row, err);
}

ROW_KERNEL_NULLABLE(array_to_string)
{
    CLEANUP(buf_done) Buf out = {0};
    Column elements;
    if (column_is_null(&args[0], row) || column_is_null(&args[1], row))
        return func__set_null(ctx, ret, row, err);
    PgArray array = pgarray_open(args[0].type, ARG_STR(0));
    bool print_null = arg_count > 2 && !column_is_null(&args[2], row);
    bool some = false;
    TRY(pgarray_elements(&array, ctx->arena, &elements, err));
    PgPrintFn print = pgtype_text_fn(array.element);
    for (uint32_t i = 0; i < array.count; i++) {
        bool null = pgarray_is_null(&array, i);
        if (null && !print_null)
            continue;
        if (some)
            buf_append_str(&out, ARG_STR(1));
        some = true;
        if (null)
            buf_append_str(&out, ARG_STR(2));
        else
            print(&elements, i, func__settings(ctx), &out);
    }
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

static const Function functions[] = {
    FN("quote_ident", 1282, quote_ident, T(TEXT), 1, T(TEXT)),
    FN("quote_literal", 1283, quote_literal, T(TEXT), 1, T(TEXT)),
    FN("quote_literal", 1285, quote_literal, T(TEXT), 1, T(ANYELEMENT)),
    {.name = "quote_nullable",
     .oid = 1289,
     .arg_count = 1,
     .args = {T(TEXT)},
     .ret = T(TEXT),
     .kernel = quote_nullable},
    {.name = "quote_nullable",
     .oid = 1290,
     .arg_count = 1,
     .args = {T(ANYELEMENT)},
     .ret = T(TEXT),
     .volatility = VOLATILITY_STABLE,
     .kernel = quote_nullable},
    {.name = "format",
     .oid = 3540,
     .arg_count = 1,
     .args = {T(TEXT)},
     .ret = T(TEXT),
     .volatility = VOLATILITY_STABLE,
     .kernel = format_kernel},
    {.name = "format",
     .oid = 3539,
     .arg_count = 2,
     .variadic = true,
     .args = {T(TEXT), T(ANY)},
     .ret = T(TEXT),
     .volatility = VOLATILITY_STABLE,
     .kernel = format_kernel},
    {.name = "string_to_array",
     .oid = 394,
     .arg_count = 2,
     .args = {T(TEXT), T(TEXT)},
     .ret = AT(TEXT),
     .kernel = string_to_array},
    {.name = "string_to_array",
     .oid = 376,
     .arg_count = 3,
     .args = {T(TEXT), T(TEXT), T(TEXT)},
     .ret = AT(TEXT),
     .kernel = string_to_array},
    {.name = "array_to_string",
     .oid = 395,
     .arg_count = 2,
     .args = {T(ANYARRAY), T(TEXT)},
     .ret = T(TEXT),
     .volatility = VOLATILITY_STABLE,
     .kernel = array_to_string},
    {.name = "array_to_string",
     .oid = 384,
     .arg_count = 3,
     .args = {T(ANYARRAY), T(TEXT), T(TEXT)},
     .ret = T(TEXT),
     .volatility = VOLATILITY_STABLE,
     .kernel = array_to_string},
};
const FuncTable func__text_format_table = {functions, LUMA_ARRAY_LEN(functions)};
