/* copy_writer.c - rows to the bytes of COPY TO. */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "format/copy/copy_int.h"

/* May `c` stand in a number or an ISO date or time? Letters of NaN, infinity, BC and exponents. */
static bool is_plain_byte(char c)
{
    return (c >= '0' && c <= '9') || (c && strchr("+-.: NaIinftyeBC", c));
}

/* Numbers and ISO times need no escapes, unless the options gave their bytes a meaning. */
static bool prints_plain(const CopyOptions *o, Type type, const PgSettings *settings)
{
    bool time = type.id == TYPE_DATE || type.id == TYPE_TIMESTAMP || type.id == TYPE_TIMESTAMPTZ;

    if (!pgtype_text_put_fn(type) || type.id == TYPE_BOOL ||
        (time && settings->date_style != PG_DATE_ISO))
        return false;
    if (is_plain_byte(o->delimiter))
        return false;
    if (o->format == COPY_CSV && (is_plain_byte(o->quote) || is_plain_byte(o->escape)))
        return false;
    for (size_t i = 0; i < o->null_text.len; i++)
        if (!is_plain_byte(o->null_text.ptr[i]))
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
                      .plain = ARENA_NEW_ARRAY(arena, PgPutFn, column_count + 1)};
    for (uint32_t i = 0; i < column_count; i++) {
        w->print[i] = options->format == COPY_BINARY ? pgtype_binary_fn(columns[i].type)
                                                     : pgtype_text_fn(columns[i].type);
        if (options->format == COPY_BINARY)
            w->plain[i] = pgtype_binary_put_fn(columns[i].type);
        else if (!columns[i].force_quote && prints_plain(options, columns[i].type, settings))
            w->plain[i] = pgtype_text_put_fn(columns[i].type);
    }
}

/* ---------------------------------------------------------------- text */

/* Is one of the four marks, or a byte of 8 to 13 if `controls`, in the text? */
static bool has_mark(Str text, const char marks[4], bool controls)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; i + 16 <= text.len; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + i));
        __m128i hit = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(marks[0]));
        for (int m = 1; m < 4; m++)
            hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(marks[m])));
        __m128i low = _mm_subs_epu8(_mm_sub_epi8(bytes, _mm_set1_epi8(8)), _mm_set1_epi8(5));
        if (controls)
            hit = _mm_or_si128(hit, _mm_cmpeq_epi8(low, _mm_setzero_si128()));
        if (_mm_movemask_epi8(hit))
            return true;
    }
#endif
    for (; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == marks[0] || c == marks[1] || c == marks[2] || c == marks[3] ||
            (controls && c >= 8 && c <= 13))
            return true;
    }
    return false;
}

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
    const char marks[4] = {'\\', o->delimiter, o->delimiter, o->delimiter};
    size_t count = 0;

    if (!has_mark((Str){out->ptr + at, out->len - at}, marks, true))
        return;
    for (size_t i = at; i < out->len; i++)
        count += text_escape(o, out->ptr[i]) != 0;
    if (!buf_reserve(out, count))
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
    const char marks[4] = {o->delimiter, o->quote, '\n', '\r'};
    return has_mark(text, marks, false);
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

/* What needs no second look. */
static void put_plain(const CopyWriter *w, const Column *column, uint32_t c, uint32_t row, Buf *out)
{
    char *p = buf_reserve(out, PG_PUT_BYTES_MAX);
    if (p)
        out->len += (size_t)(w->plain[c](column, row, w->settings, p) - p);
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
        if (w->plain[c])
            put_plain(w, column, c, row, out);
        else
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
        if (w->plain[c]) {
            put_plain(w, column, c, row, out);
            continue;
        }
        w->print[c](column, row, w->settings, out);
        finish_field(w, w->columns[c].force_quote, at, out);
    }
    buf_append_byte(out, '\n');
}

void copy_writer_end(const CopyWriter *w, Buf *out)
{
    if (w->options.format == COPY_BINARY)
        buf_append_be16(out, UINT16_MAX);
}
