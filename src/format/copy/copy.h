/* copy.h - the formats of COPY: text, csv and binary as PostgreSQL 15 reads and writes them.
 *
 *   copy_reader_new -> copy_reader_put, copy_reader_next ... copy_reader_end, copy_reader_next
 *   copy_writer_init -> copy_writer_begin, copy_writer_row ..., copy_writer_end
 *
 * The reader takes bytes in any pieces and yields columns; the writer appends rows to a buffer.
 * Nothing here knows of protocols: pgwire frames what the writer appends, HTTP bodies go into the
 * reader as they come.
 *
 * Source: PostgreSQL 15 documentation, COPY, "File Formats". Errors are PostgreSQL's (22P04, 22021
 * and those of the types), with its context "COPY t, line 3, column x: \"...\"".
 *
 * Threads: a reader or writer belongs to one thread at a time.
 */
#ifndef LUMA_FORMAT_COPY_COPY_H
#define LUMA_FORMAT_COPY_COPY_H

#include "arrow/batch.h"
#include "base/buf.h"
#include "format/pgtype/pgtype.h"

typedef enum CopyFormat { COPY_TEXT, COPY_CSV, COPY_BINARY } CopyFormat;
typedef enum CopyHeader { COPY_HEADER_OFF, COPY_HEADER_ON, COPY_HEADER_MATCH } CopyHeader;

/* How bytes and rows correspond; copy_options_default fills it. Checked by whoever reads it from a
 * user: delimiter, quote and escape are single bytes below 0x80 that differ where they must. */
typedef struct CopyOptions {
    CopyFormat format;
    CopyHeader header;
    char delimiter;
    char quote;    /* csv */
    char escape;   /* csv */
    Str null_text; /* what stands for NULL, unquoted; borrowed */
} CopyOptions;

/* PostgreSQL's: tab and \N for text, comma, double quotes and the empty string for csv. */
CopyOptions copy_options_default(CopyFormat format);

/* A column of the rows, in the order of the fields. */
typedef struct CopyColumn {
    Str name;
    Type type;
    bool force_null;     /* csv in: a quoted null_text is NULL, too */
    bool force_not_null; /* csv in: an unquoted null_text is a value */
    bool force_quote;    /* csv out */
} CopyColumn;

/* ---------------------------------------------------------------- reading */

typedef struct CopyReader CopyReader;

typedef struct CopyReaderOptions {
    CopyOptions format;        /* null_text is copied */
    const CopyColumn *columns; /* copied, but not the names */
    uint32_t column_count;
    Str source;                 /* "COPY t", for contexts; borrowed */
    const PgSettings *settings; /* borrowed */
    MemBudget *budget;          /* counts the bytes that wait; may be NULL */
} CopyReaderOptions;

CopyReader *copy_reader_new(const CopyReaderOptions *options);
CopyReader *copy_reader_free(CopyReader *reader); /* NULL is fine; returns NULL */
/* Takes bytes: any split of the stream. LIMIT 53200 when they do not fit the budget, 54000 when a
 * row is longer than COPY_ROW_BYTES_MAX. What copy_reader_next handed out stays as it is. */
enum { COPY_ROW_BYTES_MAX = 1 << 28 };
Status copy_reader_put(CopyReader *reader, Str bytes, Error *err);
/* So many bytes wait that it is worth to call copy_reader_next. */
bool copy_reader_is_full(const CopyReader *reader);
/* There are no more bytes. */
void copy_reader_end(CopyReader *reader);
/* The next whole rows as flat columns in `arena`, at most BATCH_ROWS; row_count 0 = more bytes are
 * needed, or the end after copy_reader_end. Rows before a faulty one come before its error. */
Status copy_reader_next(CopyReader *reader, Arena *arena, RecordBatch *ret_batch, Error *err);
/* The line that comes next. */
uint64_t copy_reader_line(const CopyReader *reader);
/* Adds "COPY t, line 3: ..." of a row of the last batch to an error that was found later; until the
 * next copy_reader_put. */
void copy_reader_context(const CopyReader *reader, uint32_t row, Error *err);

/* ---------------------------------------------------------------- writing */

typedef struct CopyWriter {
    CopyOptions options;
    const CopyColumn *columns; /* borrowed */
    uint32_t column_count;
    const PgSettings *settings; /* borrowed */
    PgPrintFn *print;           /* one per column; in the arena */
    PgPutFn *plain;             /* of columns that need no escapes, else NULL; in the arena */
} CopyWriter;

/* `options` and `columns` are borrowed. */
void copy_writer_init(CopyWriter *writer, const CopyOptions *options, const CopyColumn *columns,
                      uint32_t column_count, const PgSettings *settings, Arena *arena);
/* What stands before the first row: the binary header (which PostgreSQL sends together with what
 * follows), or nothing. */
void copy_writer_begin(const CopyWriter *writer, Buf *out);
/* The header line; only when the options ask for one. */
void copy_writer_header(const CopyWriter *writer, Buf *out);
/* One row, its line end included. */
void copy_writer_row(const CopyWriter *writer, const RecordBatch *batch, uint32_t row, Buf *out);
/* Escapes what `out` holds from `at` on as a field of the text format. */
void copy_escape_text(const CopyOptions *options, size_t at, Buf *out);
/* The binary trailer, or nothing. */
void copy_writer_end(const CopyWriter *writer, Buf *out);

#endif
