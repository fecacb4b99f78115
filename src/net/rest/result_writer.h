/* result_writer.h - result batches as JSON, CSV, NDJSON or an Arrow IPC stream.
 *
 *   result_writer_begin(&writer, format, schema, &settings, NULL, &out);
 *   result_writer_batch(&writer, &batch, &out, err);   // any number
 *   result_writer_end(&writer, command_tag, &out);
 *
 * JSON: {"columns":[{"name":"a","type":"integer"}],"rows":[[1]],"tag":"SELECT 1"}. Numbers are JSON
 * numbers, NaN and infinities strings, json and jsonb values stand as they are, everything else is
 * the text PostgreSQL prints. NDJSON: one object a row. CSV: RFC 4180 with a header; NULL is an
 * empty field, the empty string is "". Threads: confined.
 */
#ifndef LUMA_NET_REST_RESULT_WRITER_H
#define LUMA_NET_REST_RESULT_WRITER_H

#include "arrow/batch.h"
#include "base/buf.h"
#include "format/pgtype/pgtype.h"

typedef enum ResultFormat {
    RESULT_JSON,
    RESULT_CSV,
    RESULT_NDJSON,
    RESULT_ARROW,
    RESULT_FORMAT_COUNT_,
} ResultFormat;

/* Media types by ResultFormat, for Accept. */
extern const Str result_media_types[RESULT_FORMAT_COUNT_];
/* From a word: "json", "csv", "ndjson", "arrow". */
bool result_format_parse(Str word, ResultFormat *ret_format);

typedef struct ResultWriter {
    ResultFormat format;
    const PgSettings *settings; /* borrowed */
    const Schema *schema;       /* borrowed */
    const char *rows_key;       /* JSON: rows are objects under this member; NULL = see above */
    uint64_t row_count;
} ResultWriter;

void result_writer_begin(ResultWriter *writer, ResultFormat format, const Schema *schema,
                         const PgSettings *settings, const char *rows_key, Buf *out);
Status result_writer_batch(ResultWriter *writer, const RecordBatch *batch, Buf *out, Error *err);
void result_writer_end(ResultWriter *writer, Str command_tag, Buf *out);

#endif
