/* copy_binary.c - COPY's binary format: a header, tuples of counted fields, a trailer of -1. */
#include "format/copy/copy_int.h"

enum { FIXED_HEADER_BYTES = 19, FLAG_OIDS = 1 << 16 };

static CopySplit fail(Error *err, const char *text)
{
    (void)error_set_sql(err, STATUS_INVALID, "22P04", 0, "%s", text);
    return SPLIT_FAIL;
}

static CopySplit check_header(Str in, bool ended, size_t *ret_next, Error *err)
{
    static const char signature[11] = "PGCOPY\n\377\r\n";
    BufReader r = buf_reader(in);
    Str have = buf_read_bytes(&r, LUMA_MIN(in.len, sizeof signature));

    if (memcmp(have.ptr ? have.ptr : "", signature, have.len) != 0 ||
        (ended && have.len < sizeof signature))
        return fail(err, "COPY file signature not recognized");
    uint32_t flags = buf_read_be32(&r);
    if (r.failed)
        return ended ? fail(err, "invalid COPY file header (missing flags)") : SPLIT_MORE;
    if (flags & FLAG_OIDS)
        return fail(err, "invalid COPY file header (WITH OIDS)");
    if ((flags & ~(uint32_t)FLAG_OIDS) >> 16)
        return fail(err, "unrecognized critical flags in COPY file header");
    int32_t extra = (int32_t)buf_read_be32(&r);
    if (r.failed || extra < 0)
        return ended || extra < 0 ? fail(err, "invalid COPY file header (missing length)")
                                  : SPLIT_MORE;
    (void)buf_read_bytes(&r, (size_t)extra);
    if (r.failed)
        return ended ? fail(err, "invalid COPY file header (wrong length)") : SPLIT_MORE;
    *ret_next = FIXED_HEADER_BYTES + (size_t)extra;
    return SPLIT_ROW;
}

/* The fields of one tuple behind its count. */
static CopySplit read_fields(CopyReader *r, BufReader *in, Error *err)
{
    for (uint32_t i = 0; i < r->column_count; i++) {
        r->bad_column = &r->columns[i];
        int32_t len = (int32_t)buf_read_be32(in);
        if (len < -1)
            return fail(err, "invalid field size");
        if (in->failed)
            return r->ended ? fail(err, "unexpected EOF in COPY data") : SPLIT_MORE;
        if (len == -1) {
            copy__push_field(r, NULL, 0);
            continue;
        }
        Str bytes = buf_read_bytes(in, (size_t)len);
        if (in->failed)
            return r->ended ? fail(err, "unexpected EOF in COPY data") : SPLIT_MORE;
        copy__push_field(r, len ? bytes.ptr : "", (size_t)len);
    }
    r->bad_column = NULL;
    return SPLIT_ROW;
}

static CopySplit split_row(CopyReader *r, Error *err)
{
    BufReader in = buf_reader((Str){r->in.ptr + r->at, r->in.len - r->at});
    size_t start = r->at;

    r->line_fields_n = 0;
    r->line_valid = false;
    r->bad_column = NULL;
    r->rows[r->row_count] = (CopyRow){r->line + 1, start, start};
    int16_t count = (int16_t)buf_read_be16(&in);
    if (in.failed)
        return r->ended ? SPLIT_END : SPLIT_MORE;
    if (count == -1) {
        if (buf_reader_left(&in))
            return fail(err, "received copy data after EOF marker");
        if (!r->ended)
            return SPLIT_MORE; /* what follows must be the end */
        r->marked = true;
        return SPLIT_END;
    }
    if (count < 0 || (uint32_t)count != r->column_count) {
        (void)error_set_sql(err, STATUS_INVALID, "22P04", 0, "row field count is %d, expected %u",
                            count, r->column_count);
        return SPLIT_FAIL;
    }
    CopySplit split = read_fields(r, &in, err);
    if (split != SPLIT_ROW)
        return split;
    size_t next = r->in.len - buf_reader_left(&in);
    return copy__add_row(r, start, start, next, err) == STATUS_OK ? SPLIT_ROW : SPLIT_FAIL;
}

CopySplit copy__split_binary(CopyReader *r, Error *err)
{
    CopySplit split = SPLIT_ROW;

    if (!r->began) {
        size_t next;
        split = check_header((Str){r->in.ptr + r->at, r->in.len - r->at}, r->ended, &next, err);
        if (split != SPLIT_ROW)
            return split;
        r->began = true;
        r->at += next;
    }
    while (split == SPLIT_ROW && r->row_count < r->row_cap)
        split = r->marked ? SPLIT_END : split_row(r, err);
    return split;
}
