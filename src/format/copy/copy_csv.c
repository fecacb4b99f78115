/* copy_csv.c - COPY's csv format: fields may be quoted, and then hold delimiters and line ends.
 *
 * Within quotes the escape byte stands before a quote or itself; usually it is the quote. "\."
 * alone on a line ends the data. Quotes may open and close within a field. */
#include "format/copy/copy_int.h"
#include "format/copy/copy_scan.h"

/* The field under way. */
typedef struct CsvField {
    size_t start;
    size_t closed; /* the last closing quote */
    bool quoted;   /* there was a quote */
    bool pieces;   /* more than one quoted piece from start to end, or an escape */
} CsvField;

static Str unquote(CopyReader *r, Str raw)
{
    char *out = arena_alloc(r->arena, raw.len);
    char quote = r->options.quote;
    char escape = r->options.escape;
    size_t len = 0;
    bool inside = false;

    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (inside && c == escape && i + 1 < raw.len &&
            (raw.ptr[i + 1] == escape || raw.ptr[i + 1] == quote))
            out[len++] = raw.ptr[++i];
        else if (c == quote)
            inside = !inside;
        else
            out[len++] = c;
    }
    return (Str){out, len};
}

static void push(CopyReader *r, const CsvField *field, size_t end)
{
    const char *ptr = r->in.ptr + field->start;
    size_t len = end - field->start;

    if (!field->quoted) {
        if (copy__is_null_text(r, ptr, len))
            ptr = NULL;
        copy__push_field(r, ptr, len);
        return;
    }
    if (!field->pieces && field->closed + 1 == end) {
        copy__push_field(r, ptr + 1, len - 2);
        return;
    }
    Str text = unquote(r, (Str){ptr, len});
    copy__push_field(r, text.ptr, text.len);
}

static void apply_force(CopyReader *r)
{
    uint32_t count = LUMA_MIN(r->line_fields_n, r->column_count);

    for (uint32_t i = 0; i < count; i++) {
        Str *field = &r->line_fields[i];
        if (!field->ptr && r->columns[i].force_not_null)
            *field = (Str){r->options.null_text.ptr, r->options.null_text.len};
        else if (field->ptr && r->columns[i].force_null &&
                 copy__is_null_text(r, field->ptr, field->len))
            *field = (Str){NULL, 0};
    }
}

static CopySplit end_row(CopyReader *r, size_t start, size_t end, size_t next, uint64_t inner_lines,
                         bool open, Error *err)
{
    r->line += inner_lines;
    r->rows[r->row_count] = (CopyRow){r->line + 1, start, end};
    r->line_valid = true;
    Status status;
    if (!r->began && r->options.header == COPY_HEADER_ON)
        status = copy__take_header(r, start, end, next, err);
    else if (open)
        status = error_set_sql(err, STATUS_INVALID, "22P04", 0, "unterminated CSV quoted field");
    else if (!r->began)
        status = copy__take_header(r, start, end, next, err);
    else {
        apply_force(r);
        status = copy__add_row(r, start, end, next, err);
    }
    return status == STATUS_OK ? SPLIT_ROW : SPLIT_FAIL;
}

/* "\." at the beginning of a line: END when it stands alone, ROW when it is data. */
static CopySplit check_marker(const CopyReader *r, Error *err)
{
    const char *in = r->in.ptr;
    size_t len = r->in.len;
    size_t p = r->at + 1;

    if (p >= len)
        return r->ended ? SPLIT_ROW : SPLIT_MORE;
    if (in[p] != '.')
        return SPLIT_ROW;
    p++;
    if (r->eol == EOL_CRNL) {
        if (p >= len)
            return r->ended ? SPLIT_ROW : SPLIT_MORE;
        if (in[p] != '\r')
            return SPLIT_ROW;
        p++;
    }
    if (p >= len)
        return r->ended ? SPLIT_ROW : SPLIT_MORE;
    if (in[p] != '\r' && in[p] != '\n')
        return SPLIT_ROW;
    if ((r->eol == EOL_NL && in[p] != '\n') || (r->eol == EOL_CRNL && in[p] != '\n') ||
        (r->eol == EOL_CR && in[p] != '\r')) {
        (void)error_set_sql(err, STATUS_INVALID, "22P04", 0,
                            "end-of-copy marker does not match previous newline style");
        return SPLIT_FAIL;
    }
    return SPLIT_END;
}

/* Goes on within quotes from `pos`, which holds a mark. MORE when the byte behind is needed. */
static CopySplit inside_quotes(const CopyReader *r, CopyScan *scan, size_t pos, CsvField *field,
                               bool *inside)
{
    const char *in = r->in.ptr;
    char c = in[pos];

    if (c == r->options.escape) {
        if (pos + 1 == scan->end && !r->ended)
            return SPLIT_MORE;
        char behind = pos + 1 < scan->end ? in[pos + 1] : '\n';
        if (behind == r->options.escape || behind == r->options.quote) {
            field->pieces = true;
            copy_scan_skip(scan, pos + 1);
            return SPLIT_ROW;
        }
    }
    if (c == r->options.quote) {
        *inside = false;
        field->closed = pos;
    }
    return SPLIT_ROW;
}

static CopySplit split_row(CopyReader *r, CopyScan *scan, Error *err)
{
    const char *in = r->in.ptr;
    const char delimiter = r->options.delimiter;
    const char quote = r->options.quote;
    size_t start = r->at;
    CsvField field = {.start = start};
    uint64_t inner_lines = 0;
    bool inside = false;
    size_t next;

    r->line_fields_n = 0;
    r->line_valid = false;
    if (start < scan->end && in[start] == '\\') {
        CopySplit split = check_marker(r, err);
        r->marked = split == SPLIT_END;
        if (split != SPLIT_ROW)
            return split;
    }
    for (;;) {
        size_t pos = copy_scan_next(scan);
        if (pos >= scan->end) {
            if (!r->ended)
                return SPLIT_MORE;
            if (start == scan->end && !copy__misses_header(r))
                return SPLIT_END;
            push(r, &field, pos);
            return end_row(r, start, pos, pos, inner_lines, inside, err);
        }
        char c = in[pos];
        if (inside) {
            inner_lines += c == (r->eol == EOL_NL ? '\n' : '\r');
            if (inside_quotes(r, scan, pos, &field, &inside) == SPLIT_MORE)
                return SPLIT_MORE;
            continue;
        }
        if (c == delimiter) {
            push(r, &field, pos);
            field = (CsvField){.start = pos + 1};
            continue;
        }
        if (c == quote) {
            field.pieces |= field.quoted || pos != field.start;
            field.quoted = true;
            inside = true;
            continue;
        }
        if (c != '\n' && c != '\r')
            continue;
        next = pos + 1;
        if (LUMA_UNLIKELY(c != '\n' || r->eol != EOL_NL)) {
            CopySplit split = copy__line_end(r, pos, &next, err);
            if (split != SPLIT_ROW)
                return split;
            if (next == pos + 2)
                copy_scan_skip(scan, pos + 1);
        }
        push(r, &field, pos);
        return end_row(r, start, pos, next, inner_lines, false, err);
    }
}

CopySplit copy__split_csv(CopyReader *r, Error *err)
{
    CopyScan scan = {
        .base = r->in.ptr,
        .end = r->in.len,
        .marks = {r->options.delimiter, '\n', '\r', r->options.quote, r->options.escape}};
    CopySplit split = SPLIT_ROW;

    copy_scan_seek(&scan, r->at);
    while (split == SPLIT_ROW && r->row_count < r->row_cap)
        split = r->marked ? SPLIT_END : split_row(r, &scan, err);
    return split;
}
