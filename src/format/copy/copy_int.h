/* copy_int.h - shared by the readers.
 *
 *   copy_reader.c   bytes that wait, rows of fields -> columns, errors and their contexts
 *   copy_text.c     splits text into fields
 *   copy_csv.c      splits csv into fields
 *   copy_binary.c   splits binary into fields
 *   copy_convert.c  fields of one column -> its values
 *   copy_scan.h     finds the bytes that mean something, 64 at a time
 */
#ifndef LUMA_FORMAT_COPY_COPY_INT_H
#define LUMA_FORMAT_COPY_COPY_INT_H

#include "format/copy/copy.h"

enum {
    COPY_SCAN_PAD = 64, /* readable bytes behind the input */
    COPY_BLOCK_BYTES = 256 << 10,
};

typedef enum CopyEol { EOL_UNKNOWN, EOL_NL, EOL_CR, EOL_CRNL } CopyEol;

/* Where a row came from. */
typedef struct CopyRow {
    uint64_t line;
    size_t start; /* of its text, in `in` */
    size_t end;
} CopyRow;

struct CopyReader {
    CopyOptions options;
    CopyColumn *columns;
    uint32_t column_count;
    Str source;
    const PgSettings *settings;
    MemBudget *budget;
    int64_t charged;

    Buf in;          /* what waits begins at `at`; COPY_SCAN_PAD bytes behind it are readable */
    size_t at;       /* start of the next row */
    size_t need;     /* waiting bytes before another attempt is worth it */
    bool ended;      /* copy_reader_end was called */
    bool marked;     /* \. or the binary trailer was seen: the rest is ignored */
    bool began;      /* the header line, or the binary header, is behind us */
    bool line_valid; /* for contexts: the faulty row was split, rows[row_count] tells where it lies
                      */
    CopyEol eol;
    uint64_t line;

    /* The rows split last: field r of column c is fields[c * row_cap + r], ptr NULL = NULL. */
    Arena *arena; /* of the batch under way: unescaped fields */
    uint32_t row_cap;
    uint32_t row_count;
    CopyRow *rows;
    Str *fields;
    Str *line_fields;       /* of the row under way: column_count and one more */
    uint32_t line_fields_n; /* all that there are, even those not kept */
    /* The faulty row rows[row_count] was cut short: its first fields count, and are read before the
     * fault is told. */
    uint32_t short_fields;
    const CopyColumn *bad_column; /* of the faulty row, for its context, or NULL */

    Status failed; /* found behind the rows of the last batch */
    Error error;
};

typedef enum CopySplit {
    SPLIT_ROW,  /* a row was added */
    SPLIT_MORE, /* the input ends within a row */
    SPLIT_END,  /* there are no more rows */
    SPLIT_FAIL, /* *err is set; the row at fault is rows[row_count] */
} CopySplit;

/* Split from `at` until row_cap rows are there, or as they say. */
CopySplit copy__split_text(CopyReader *reader, Error *err);
CopySplit copy__split_csv(CopyReader *reader, Error *err);
CopySplit copy__split_binary(CopyReader *reader, Error *err);

/* Puts line_fields down as the next row, which ends at `end`; `next` is where the one after it
 * begins. Checks the number of fields. */
Status copy__add_row(CopyReader *reader, size_t start, size_t end, size_t next, Error *err);
/* The first line when there is a header: skipped or compared. */
Status copy__take_header(CopyReader *reader, size_t start, size_t end, size_t next, Error *err);
/* One more field of the row under way. */
static inline void copy__push_field(CopyReader *reader, const char *ptr, size_t len)
{
    uint32_t n = reader->line_fields_n++;
    if (LUMA_LIKELY(n <= reader->column_count))
        reader->line_fields[n] = (Str){ptr, len};
}
/* What the \r or \n at `pos` means: ROW = the line ends, and *ret_next begins the next one. */
CopySplit copy__line_end(CopyReader *reader, size_t pos, size_t *ret_next, Error *err);
static inline bool copy__is_null_text(const CopyReader *reader, const char *ptr, size_t len)
{
    Str null_text = reader->options.null_text;
    return len == null_text.len && (len == 0 || memcmp(ptr, null_text.ptr, len) == 0);
}
/* A header to compare with is a line even where the input is empty. */
static inline bool copy__misses_header(const CopyReader *reader)
{
    return !reader->began && reader->options.header == COPY_HEADER_MATCH;
}
/* INVALID 22021 with the bytes at fault, if there are any in `bytes`; up to `readable` follow. */
Status copy__bad_encoding(Str bytes, size_t readable, Error *err);

/* Reads fields [0, count) into `ret`; *ret_row is the first that cannot be read, with *err. */
Status copy__convert(CopyReader *reader, const CopyColumn *column, const Str *fields,
                     uint32_t count, Column *ret, uint32_t *ret_row, Error *err);

#endif
