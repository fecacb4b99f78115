/* copy_reader.c - what waits, rows of fields, columns; where an error is.
 *
 * Bytes gather in one buffer; whole rows at its front are split into fields (a matrix by columns),
 * checked for UTF-8 in one go and converted column by column. A fault in row n is kept back until
 * the rows before it have been handed out, so that errors come in the order of rows.
 *
 * A row that is not whole is split anew when more bytes are there; the wait doubles each time, so
 * that a long row costs a constant factor. */
#include <stdio.h>

#include "format/copy/copy_int.h"

enum { FIELDS_MAX = 1 << 16, SHOWN_BYTES_MAX = 100 };

CopyOptions copy_options_default(CopyFormat format)
{
    CopyOptions text = {
        .format = format, .delimiter = '\t', .quote = '"', .escape = '"', .null_text = STR("\\N")};
    if (format == COPY_CSV) {
        text.delimiter = ',';
        text.null_text = STR("");
    }
    return text;
}

/* ---------------------------------------------------------------- life */

CopyReader *copy_reader_new(const CopyReaderOptions *options)
{
    CopyReader *r = MEM_NEW(CopyReader);
    size_t columns = options->column_count;

    r->options = options->format;
    r->options.null_text.ptr =
        mem_dup(options->format.null_text.len ? options->format.null_text.ptr : "",
                options->format.null_text.len + 1);
    r->column_count = options->column_count;
    r->columns = mem_dup(options->columns, sizeof *r->columns * columns);
    r->source = options->source;
    r->settings = options->settings;
    r->budget = options->budget;
    r->began = r->options.format != COPY_BINARY && r->options.header == COPY_HEADER_OFF;
    r->row_cap =
        (uint32_t)LUMA_MIN((size_t)BATCH_ROWS, LUMA_MAX((size_t)64, FIELDS_MAX / (columns + 1)));
    r->rows = MEM_NEW_ARRAY(CopyRow, r->row_cap + 1);
    r->fields = mem_alloc(sizeof *r->fields * (columns * r->row_cap + 1));
    r->line_fields = mem_alloc(sizeof *r->line_fields * (columns + 1));
    return r;
}

CopyReader *copy_reader_free(CopyReader *r)
{
    if (!r)
        return NULL;
    if (r->budget)
        mem_budget_release(r->budget, r->charged);
    buf_done(&r->in);
    mem_free(r->columns);
    mem_free(r->rows);
    mem_free(r->fields);
    mem_free(r->line_fields);
    mem_free((void *)(uintptr_t)r->options.null_text.ptr);
    mem_free(r);
    return NULL;
}

/* ---------------------------------------------------------------- bytes */

Status copy_reader_put(CopyReader *r, Str bytes, Error *err)
{
    if (r->marked)
        bytes.len = r->options.format == COPY_BINARY ? bytes.len : 0;
    if (r->at) {
        buf_consume(&r->in, r->at);
        r->at = 0;
    }
    if (r->in.len + bytes.len > COPY_ROW_BYTES_MAX + (64 << 20))
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "a row of COPY is longer than %d bytes",
                             COPY_ROW_BYTES_MAX);
    int64_t need = (int64_t)(r->in.len + bytes.len + COPY_SCAN_PAD);
    if (r->budget && need > r->charged) {
        need = LUMA_MAX(need, r->charged * 2);
        TRY(mem_budget_charge(r->budget, need - r->charged, err));
        r->charged = need;
    }
    buf_append_str(&r->in, bytes);
    memset(buf_reserve(&r->in, COPY_SCAN_PAD), 0, COPY_SCAN_PAD);
    return STATUS_OK;
}

bool copy_reader_is_full(const CopyReader *r)
{
    return r->in.len - r->at >= LUMA_MAX(r->need, (size_t)COPY_BLOCK_BYTES);
}

void copy_reader_end(CopyReader *r)
{
    r->ended = true;
}

/* ---------------------------------------------------------------- rows */

Status copy__add_row(CopyReader *r, size_t start, size_t end, size_t next, Error *err)
{
    uint32_t row = r->row_count;
    uint32_t have = r->line_fields_n;

    r->rows[row] = (CopyRow){r->line + 1, start, end};
    r->line_valid = true;
    if (r->column_count == 0 && have == 1 && r->line_fields[0].len == 0)
        have = 0;
    if (have > r->column_count)
        return error_set_sql(err, STATUS_INVALID, "22P04", 0,
                             "extra data after last expected column");
    for (uint32_t c = 0; c < have; c++)
        r->fields[(size_t)c * r->row_cap + row] = r->line_fields[c];
    if (have < r->column_count) {
        r->short_fields = have;
        return error_set_sql(err, STATUS_INVALID, "22P04", 0, "missing data for column \"%.*s\"",
                             STR_FMT(r->columns[have].name));
    }
    r->row_count++;
    r->line++;
    r->at = next;
    return STATUS_OK;
}

Status copy__take_header(CopyReader *r, size_t start, size_t end, size_t next, Error *err)
{
    uint32_t have = r->line_fields_n;

    r->began = true;
    if (r->options.header == COPY_HEADER_MATCH) {
        if (have != r->column_count)
            return error_set_sql(err, STATUS_INVALID, "22P04", 0,
                                 "wrong number of fields in header line: got %u, expected %u", have,
                                 r->column_count);
        for (uint32_t c = 0; c < have; c++) {
            Str name = r->columns[c].name;
            Str field = r->line_fields[c];
            if (!field.ptr)
                return error_set_sql(
                    err, STATUS_INVALID, "22P04", 0,
                    "column name mismatch in header line field %u: got null value (\"%.*s\"), "
                    "expected \"%.*s\"",
                    c + 1, STR_FMT(r->options.null_text), STR_FMT(name));
            if (!str_eq(field, name))
                return error_set_sql(err, STATUS_INVALID, "22P04", 0,
                                     "column name mismatch in header line field %u: got \"%.*s\", "
                                     "expected \"%.*s\"",
                                     c + 1, STR_FMT(field), STR_FMT(name));
        }
    }
    r->line++;
    r->at = next;
    return STATUS_OK;
}

static CopySplit literal_in_data(const CopyReader *r, const char *what, const char *escape,
                                 Error *err)
{
    bool csv = r->options.format == COPY_CSV;

    (void)error_set_sql(err, STATUS_INVALID, "22P04", 0, "%s %s found in data",
                        csv ? "unquoted" : "literal", what);
    if (csv)
        error_hint(err, "Use quoted CSV field to represent %s.", what);
    else
        error_hint(err, "Use \"%s\" to represent %s.", escape, what);
    return SPLIT_FAIL;
}

CopySplit copy__line_end(CopyReader *r, size_t pos, size_t *ret_next, Error *err)
{
    const char *in = r->in.ptr;

    *ret_next = pos + 1;
    if (in[pos] == '\n') {
        if (r->eol == EOL_CR || r->eol == EOL_CRNL)
            return literal_in_data(r, "newline", "\\n", err);
        r->eol = EOL_NL;
        return SPLIT_ROW;
    }
    if (r->eol == EOL_NL)
        return literal_in_data(r, "carriage return", "\\r", err);
    if (r->eol == EOL_CR)
        return SPLIT_ROW;
    if (pos + 1 == r->in.len && !r->ended)
        return SPLIT_MORE;
    if (pos + 1 < r->in.len && in[pos + 1] == '\n') {
        r->eol = EOL_CRNL;
        *ret_next = pos + 2;
        return SPLIT_ROW;
    }
    if (r->eol == EOL_CRNL)
        return literal_in_data(r, "carriage return", "\\r", err);
    r->eol = EOL_CR;
    return SPLIT_ROW;
}

/* ---------------------------------------------------------------- text that is none */

Status copy__bad_encoding(Str bytes, size_t readable, Error *err)
{
    char shown[4 * 5 + 1];
    size_t i = 0;
    size_t len = 0;

    while (i < bytes.len) {
        uint32_t code;
        size_t n = bytes.ptr[i] ? str_utf8_decode(str_sub(bytes, i, 4), &code) : 0;
        if (n == 0)
            break;
        i += n;
    }
    if (i == bytes.len)
        return STATUS_OK;
    uint8_t lead = (uint8_t)bytes.ptr[i];
    size_t want = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 1;
    for (size_t k = i; k < readable && k < i + want; k++)
        len += (size_t)snprintf(shown + len, sizeof shown - len, "%s0x%02x", k > i ? " " : "",
                                (uint8_t)bytes.ptr[k]);
    return error_set_sql(err, STATUS_INVALID, "22021", 0,
                         "invalid byte sequence for encoding \"UTF8\": %s", shown);
}

/* Keeps a fault back behind the first `rows` rows. */
static void keep_fault(CopyReader *r, uint32_t rows, Status status)
{
    r->failed = status;
    r->row_count = rows;
    r->short_fields = 0;
}

static void check_encoding(CopyReader *r)
{
    if (!r->row_count || r->options.format == COPY_BINARY)
        return;
    size_t start = r->rows[0].start;
    Str all = {r->in.ptr + start, r->rows[r->row_count - 1].end - start};
    if (!all.len || (!memchr(all.ptr, 0, all.len) && str_utf8_valid(all)))
        return;
    for (uint32_t i = 0; i < r->row_count; i++) {
        const CopyRow *row = &r->rows[i];
        Str text = {r->in.ptr + row->start, row->end - row->start};
        if (copy__bad_encoding(text, r->in.len - row->start, &r->error) == STATUS_OK)
            continue;
        error_context(&r->error, "%.*s, line %llu", STR_FMT(r->source),
                      (unsigned long long)row->line);
        keep_fault(r, i, STATUS_INVALID);
        return;
    }
}

/* ---------------------------------------------------------------- contexts */

/* At most SHOWN_BYTES_MAX of a text, cut at a character. */
static Str shown(Str text, const char **ret_more)
{
    *ret_more = text.len > SHOWN_BYTES_MAX ? "..." : "";
    if (text.len > SHOWN_BYTES_MAX) {
        text.len = SHOWN_BYTES_MAX;
        while (text.len && (text.ptr[text.len] & 0xC0) == 0x80)
            text.len--;
    }
    return text;
}

uint64_t copy_reader_line(const CopyReader *r)
{
    return r->line + 1;
}

void copy_reader_context(const CopyReader *r, uint32_t row, Error *err)
{
    const CopyRow *at = &r->rows[row];
    const char *more;

    if (r->options.format == COPY_BINARY) {
        error_context(err, "%.*s, line %llu", STR_FMT(r->source), (unsigned long long)at->line);
        return;
    }
    Str text = shown((Str){r->in.ptr + at->start, at->end - at->start}, &more);
    error_context(err, "%.*s, line %llu: \"%.*s%s\"", STR_FMT(r->source),
                  (unsigned long long)at->line, STR_FMT(text), more);
}

static void column_context(const CopyReader *r, uint32_t row, const CopyColumn *column, Str field,
                           Error *err)
{
    const char *more;
    unsigned long long line = r->rows[row].line;

    if (r->options.format == COPY_BINARY) {
        error_context(err, "%.*s, line %llu, column %.*s", STR_FMT(r->source), line,
                      STR_FMT(column->name));
        return;
    }
    Str text = shown(field, &more);
    error_context(err, "%.*s, line %llu, column %.*s: \"%.*s%s\"", STR_FMT(r->source), line,
                  STR_FMT(column->name), STR_FMT(text), more);
}

/* ---------------------------------------------------------------- columns */

/* Splits rows until the batch is full, bytes or rows are used up, or one is faulty. */
static void split(CopyReader *r)
{
    CopySplit result = SPLIT_END;

    switch (r->options.format) {
    case COPY_TEXT:
        result = copy__split_text(r, &r->error);
        break;
    case COPY_CSV:
        result = copy__split_csv(r, &r->error);
        break;
    case COPY_BINARY:
        result = copy__split_binary(r, &r->error);
        break;
    }
    r->need = 0;
    if (result == SPLIT_MORE && !r->row_count)
        r->need = 2 * (r->in.len - r->at);
    if (result != SPLIT_FAIL)
        return;
    r->failed = r->error.status;
    if (r->options.format == COPY_BINARY && !r->began)
        return;
    if (r->bad_column)
        error_context(&r->error, "%.*s, line %llu, column %.*s", STR_FMT(r->source),
                      (unsigned long long)r->line + 1, STR_FMT(r->bad_column->name));
    else if (r->line_valid)
        copy_reader_context(r, r->row_count, &r->error);
    else
        error_context(&r->error, "%.*s, line %llu", STR_FMT(r->source),
                      (unsigned long long)r->line + 1);
}

/* A field that cannot be read cuts the rows for the columns behind it. */
static void convert_columns(CopyReader *r, Column *columns)
{
    for (uint32_t c = 0; c < r->column_count; c++) {
        const Str *fields = r->fields + (size_t)c * r->row_cap;
        uint32_t count = r->row_count + (c < r->short_fields);
        Error err = {0};
        uint32_t row;
        if (!count)
            break;
        Status status = copy__convert(r, &r->columns[c], fields, count, &columns[c], &row, &err);
        if (status == STATUS_OK)
            continue;
        r->error = err;
        column_context(r, row, &r->columns[c], fields[row], &r->error);
        keep_fault(r, row, status);
    }
    for (uint32_t c = 0; c < r->column_count; c++)
        columns[c].len = r->row_count;
}

Status copy_reader_next(CopyReader *r, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    *ret_batch = (RecordBatch){0};
    r->row_count = 0;
    if (r->failed == STATUS_OK) {
        r->arena = arena;
        r->short_fields = 0;
        split(r);
        check_encoding(r);
        Column *columns = ARENA_NEW_ARRAY(arena, Column, r->column_count + 1);
        convert_columns(r, columns);
        *ret_batch = (RecordBatch){
            .columns = columns, .column_count = r->column_count, .row_count = r->row_count};
        r->arena = NULL;
    }
    if (r->row_count || r->failed == STATUS_OK)
        return STATUS_OK;
    if (err)
        *err = r->error;
    return r->failed;
}
