/* copy_text.c - COPY's text format: lines of fields between delimiters, with backslash escapes.
 *
 * A line ends at a bare line end; a backslash takes the next byte with it. "\." ends the data. */
#include "format/copy/copy_int.h"
#include "format/copy/copy_scan.h"

static Status bad_marker(const char *what, Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22P04", 0, "end-of-copy marker %s", what);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The value of the escape whose letter is at *p; *p moves behind it. */
static char unescape_one(const char **p, const char *end, bool *ret_check)
{
    static const char letters[] = "bfnrtv";
    static const char values[] = "\b\f\n\r\t\v";
    char c = *(*p)++;
    const char *letter = c ? strchr(letters, c) : NULL;
    int value = 0;

    if (letter)
        return values[letter - letters];
    if (c >= '0' && c <= '7') {
        value = c - '0';
        for (int i = 0; i < 2 && *p < end && **p >= '0' && **p <= '7'; i++)
            value = value * 8 + (*(*p)++ - '0');
    } else if (c == 'x' && *p < end && hex_digit(**p) >= 0) {
        for (int i = 0; i < 2 && *p < end && hex_digit(**p) >= 0; i++)
            value = value * 16 + hex_digit(*(*p)++);
    } else {
        return c;
    }
    *ret_check |= (value & 0xFF) == 0 || (value & 0x80);
    return (char)value;
}

static Status unescape(CopyReader *r, Str raw, Str *ret, Error *err)
{
    char *out = arena_alloc(r->arena, raw.len);
    const char *p = raw.ptr;
    const char *end = raw.ptr + raw.len;
    size_t len = 0;
    bool check = false;

    while (p < end) {
        if (*p != '\\') {
            out[len++] = *p++;
            continue;
        }
        if (++p == end)
            break;
        out[len++] = unescape_one(&p, end, &check);
    }
    *ret = (Str){out, len};
    /* Numbers of bytes may make what is not text; the rest was looked at before. */
    return check ? copy__bad_encoding(*ret, ret->len, err) : STATUS_OK;
}

static Status finish_fields(CopyReader *r, bool escaped, Error *err)
{
    uint32_t kept = LUMA_MIN(r->line_fields_n, r->column_count + 1);

    for (uint32_t i = 0; i < kept; i++) {
        Str *field = &r->line_fields[i];
        if (copy__is_null_text(r, field->ptr, field->len))
            *field = (Str){NULL, 0};
        else if (escaped && field->len && memchr(field->ptr, '\\', field->len))
            TRY(unescape(r, *field, field, err));
    }
    return STATUS_OK;
}

static CopySplit end_row(CopyReader *r, size_t start, size_t end, size_t next, bool escaped,
                         Error *err)
{
    r->rows[r->row_count] = (CopyRow){r->line + 1, start, end};
    r->line_valid = true;
    if (!r->began && r->options.header == COPY_HEADER_ON)
        return copy__take_header(r, start, end, next, err) == STATUS_OK ? SPLIT_ROW : SPLIT_FAIL;
    Status status = finish_fields(r, escaped, err);
    if (status == STATUS_OK)
        status = r->began ? copy__add_row(r, start, end, next, err)
                          : copy__take_header(r, start, end, next, err);
    return status == STATUS_OK ? SPLIT_ROW : SPLIT_FAIL;
}

/* "\." at `pos`. On ROW *ret_next is behind it and its line end. */
static CopySplit end_marker(const CopyReader *r, size_t pos, size_t *ret_next, Error *err)
{
    const char *in = r->in.ptr;
    size_t len = r->in.len;
    size_t p = pos + 2;

    if (p >= len && !r->ended)
        return SPLIT_MORE;
    if (r->eol == EOL_CRNL) {
        char first = p < len ? in[p] : 0;
        if (first == '\n')
            return (void)bad_marker("does not match previous newline style", err), SPLIT_FAIL;
        if (first != '\r')
            return (void)bad_marker("corrupt", err), SPLIT_FAIL;
        if (++p >= len && !r->ended)
            return SPLIT_MORE;
    }
    char last = p < len ? in[p] : 0;
    if (last != '\r' && last != '\n')
        return (void)bad_marker("corrupt", err), SPLIT_FAIL;
    if ((r->eol == EOL_NL && last != '\n') || (r->eol == EOL_CRNL && last != '\n') ||
        (r->eol == EOL_CR && last != '\r'))
        return (void)bad_marker("does not match previous newline style", err), SPLIT_FAIL;
    *ret_next = p + 1;
    return SPLIT_ROW;
}

static CopySplit split_row(CopyReader *r, CopyScan *scan, Error *err)
{
    const char *in = r->in.ptr;
    const char delimiter = r->options.delimiter;
    size_t start = r->at;
    size_t field = start;
    size_t next;
    bool escaped = false;

    r->line_fields_n = 0;
    r->line_valid = false;
    for (;;) {
        size_t pos = copy_scan_next(scan);
        if (pos >= scan->end) {
            if (!r->ended)
                return SPLIT_MORE;
            if (start == scan->end && !copy__misses_header(r))
                return SPLIT_END;
            copy__push_field(r, in + field, pos - field);
            return end_row(r, start, pos, pos, escaped, err);
        }
        char c = in[pos];
        if (c == delimiter) {
            copy__push_field(r, in + field, pos - field);
            field = pos + 1;
            continue;
        }
        if (c == '\\') {
            if (pos + 1 == scan->end) {
                if (!r->ended)
                    return SPLIT_MORE;
                escaped = true;
                continue;
            }
            escaped = true;
            if (in[pos + 1] != '.') {
                copy_scan_skip(scan, pos + 1);
                continue;
            }
            CopySplit split = end_marker(r, pos, &next, err);
            if (split != SPLIT_ROW)
                return split;
            r->marked = true;
            if (pos == start)
                return SPLIT_END;
        } else if (LUMA_LIKELY(c == '\n' && r->eol == EOL_NL)) {
            next = pos + 1;
        } else {
            CopySplit split = copy__line_end(r, pos, &next, err);
            if (split != SPLIT_ROW)
                return split;
            if (next == pos + 2)
                copy_scan_skip(scan, pos + 1);
        }
        copy__push_field(r, in + field, pos - field);
        return end_row(r, start, pos, next, escaped, err);
    }
}

CopySplit copy__split_text(CopyReader *r, Error *err)
{
    CopyScan scan = {.base = r->in.ptr,
                     .end = r->in.len,
                     .marks = {r->options.delimiter, '\n', '\r', '\\', '\\'}};
    CopySplit split = SPLIT_ROW;

    copy_scan_seek(&scan, r->at);
    while (split == SPLIT_ROW && r->row_count < r->row_cap)
        split = r->marked ? SPLIT_END : split_row(r, &scan, err);
    return split;
}
