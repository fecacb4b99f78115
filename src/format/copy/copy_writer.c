/* copy_writer.c - rows to the bytes of COPY TO. */
#include "format/copy/copy_int.h"

static bool is_digit_or_sign(char c)
{
    return (c >= '0' && c <= '9') || c == '-';
}

/* Digits and signs need no escapes, unless the options gave them a meaning. */
static bool prints_plain(const CopyOptions *o, Type type)
{
    if (!type_is_integer(type) && !type_eq(type, TYPE_OF(OID)))
        return false;
    if (is_digit_or_sign(o->delimiter))
        return false;
    if (o->format == COPY_CSV && (is_digit_or_sign(o->quote) || is_digit_or_sign(o->escape)))
        return false;
    for (size_t i = 0; i < o->null_text.len; i++)
        if (!is_digit_or_sign(o->null_text.ptr[i]))
            return true;
    return o->format == COPY_TEXT || !o->null_text.len;
}

void copy_writer_init(CopyWriter *w, const CopyOptions *options, const CopyColumn *columns,
                      uint32_t column_count, const PgSettings *settings, Arena *arena)
{
    *w = (CopyWriter){.options = *options,
                      .columns = columns,
                      .column_count = column_count,
                      .settings = settings,
                      .print = ARENA_NEW_ARRAY(arena, PgPrintFn, column_count + 1),
                      .plain = ARENA_NEW_ARRAY(arena, bool, column_count + 1)};
    for (uint32_t i = 0; i < column_count; i++) {
        w->print[i] = options->format == COPY_BINARY ? pgtype_binary_fn(columns[i].type)
                                                     : pgtype_text_fn(columns[i].type);
        w->plain[i] = !columns[i].force_quote && prints_plain(options, columns[i].type);
    }
}

/* ---------------------------------------------------------------- text */

static char text_escape(const CopyOptions *o, char c)
{
    switch (c) {
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\v':
        return 'v';
    default:
        return c == '\\' || c == o->delimiter ? c : 0;
    }
}

/* Escapes what stands in `out` from `at` on. */
void copy_escape_text(const CopyOptions *o, size_t at, Buf *out)
{
    size_t count = 0;

    for (size_t i = at; i < out->len; i++)
        count += text_escape(o, out->ptr[i]) != 0;
    if (!count || !buf_reserve(out, count))
        return;
    /* From the end, so that one pass moves everything. */
    size_t from = out->len;
    size_t to = out->len + count;
    out->len = to;
    while (from > at) {
        char c = out->ptr[--from];
        char letter = text_escape(o, c);
        out->ptr[--to] = letter ? letter : c;
        if (letter)
            out->ptr[--to] = '\\';
    }
}

/* ---------------------------------------------------------------- csv */

static bool needs_quotes(const CopyWriter *w, Str text)
{
    const CopyOptions *o = &w->options;

    if (str_eq(text, o->null_text))
        return true;
    if (w->column_count == 1 && str_eq(text, STR("\\.")))
        return true;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == o->delimiter || text.ptr[i] == o->quote || text.ptr[i] == '\n' ||
            text.ptr[i] == '\r')
            return true;
    return false;
}

static void quote_csv(const CopyWriter *w, bool force, size_t at, Buf *out)
{
    const CopyOptions *o = &w->options;
    size_t count = 2;

    if (!force && !needs_quotes(w, (Str){out->ptr + at, out->len - at}))
        return;
    for (size_t i = at; i < out->len; i++)
        count += out->ptr[i] == o->quote || out->ptr[i] == o->escape;
    if (!buf_reserve(out, count))
        return;
    size_t from = out->len;
    size_t to = out->len + count;
    out->len = to;
    out->ptr[--to] = o->quote;
    while (from > at) {
        char c = out->ptr[--from];
        out->ptr[--to] = c;
        if (c == o->quote || c == o->escape)
            out->ptr[--to] = o->escape;
    }
    out->ptr[--to] = o->quote;
}

/* ---------------------------------------------------------------- rows */

void copy_writer_begin(const CopyWriter *w, Buf *out)
{
    static const char header[19] = "PGCOPY\n\377\r\n";

    if (w->options.format == COPY_BINARY)
        buf_append(out, header, sizeof header);
}

static void finish_field(const CopyWriter *w, bool force, size_t at, Buf *out)
{
    if (w->options.format == COPY_CSV)
        quote_csv(w, force, at, out);
    else
        copy_escape_text(&w->options, at, out);
}

void copy_writer_header(const CopyWriter *w, Buf *out)
{
    if (w->options.header == COPY_HEADER_OFF || w->options.format == COPY_BINARY)
        return;
    for (uint32_t c = 0; c < w->column_count; c++) {
        if (c)
            buf_append_byte(out, (uint8_t)w->options.delimiter);
        size_t at = out->len;
        buf_append_str(out, w->columns[c].name);
        finish_field(w, false, at, out);
    }
    buf_append_byte(out, '\n');
}

static void binary_row(const CopyWriter *w, const RecordBatch *batch, uint32_t row, Buf *out)
{
    buf_append_be16(out, (uint16_t)w->column_count);
    for (uint32_t c = 0; c < w->column_count; c++) {
        const Column *column = &batch->columns[c];
        if (column_is_null(column, row)) {
            buf_append_be32(out, UINT32_MAX);
            continue;
        }
        size_t at = out->len;
        buf_append_be32(out, 0);
        w->print[c](column, row, w->settings, out);
        if (out->overflowed)
            return;
        uint32_t len = __builtin_bswap32((uint32_t)(out->len - at - 4));
        memcpy(out->ptr + at, &len, sizeof len);
    }
}

void copy_writer_row(const CopyWriter *w, const RecordBatch *batch, uint32_t row, Buf *out)
{
    if (w->options.format == COPY_BINARY) {
        binary_row(w, batch, row, out);
        return;
    }
    for (uint32_t c = 0; c < w->column_count; c++) {
        const Column *column = &batch->columns[c];
        if (c)
            buf_append_byte(out, (uint8_t)w->options.delimiter);
        if (column_is_null(column, row)) {
            buf_append_str(out, w->options.null_text);
            continue;
        }
        size_t at = out->len;
        w->print[c](column, row, w->settings, out);
        if (!w->plain[c])
            finish_field(w, w->columns[c].force_quote, at, out);
    }
    buf_append_byte(out, '\n');
}

void copy_writer_end(const CopyWriter *w, Buf *out)
{
    if (w->options.format == COPY_BINARY)
        buf_append_be16(out, UINT16_MAX);
}
