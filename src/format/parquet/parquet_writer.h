/* parquet_writer.h - record batches as a Parquet file that any reader understands.
 *
 *   ParquetSink sink = {.write = my_write, .ctx = my_file};
 *   parquet_writer_new(&sink, &schema, &options, &writer, err);
 *   parquet_writer_append(writer, &batch, err);            // any number
 *   parquet_writer_metadata(writer, STR("key"), value);    // any time before the end
 *   parquet_writer_finish(writer, &file_bytes, err);
 *   parquet_writer_free(writer);
 *
 * Bytes go out in order and only once. A row group is kept in memory, compressed, until it is
 * closed: by its size, its rows, or parquet_writer_end_group. docs/formats/part.md says how types
 * are stored. After a failure only parquet_writer_free may follow. Threads: confined.
 */
#ifndef LUMA_FORMAT_PARQUET_PARQUET_WRITER_H
#define LUMA_FORMAT_PARQUET_PARQUET_WRITER_H

#include "format/parquet/parquet.h"

typedef struct ParquetSink {
    Status (*write)(void *ctx, const void *bytes, size_t len, Error *err);
    void *ctx;
} ParquetSink;

/* How values stand that are not dictionary codes. What does not fit the type is INVALID. */
typedef enum ParquetLayout {
    PARQUET_LAYOUT_AUTO, /* integers DELTA, floats SPLIT, byte arrays DELTA_LENGTH, else PLAIN */
    PARQUET_LAYOUT_PLAIN,
    PARQUET_LAYOUT_DELTA,        /* DELTA_BINARY_PACKED; integers */
    PARQUET_LAYOUT_SPLIT,        /* BYTE_STREAM_SPLIT; all of fixed width but booleans */
    PARQUET_LAYOUT_DELTA_LENGTH, /* byte arrays */
    PARQUET_LAYOUT_DELTA_BYTES,  /* byte arrays; sorted ones with common prefixes */
} ParquetLayout;

typedef enum ParquetDictionary {
    PARQUET_DICTIONARY_AUTO, /* byte arrays and uuids, while it pays */
    PARQUET_DICTIONARY_OFF,
    PARQUET_DICTIONARY_ON, /* every type but boolean, until dictionary_bytes_max */
} ParquetDictionary;

typedef struct ParquetColumnOptions {
    ParquetLayout layout;
    ParquetDictionary dictionary;
    bool bloom;        /* a filter of the chunk's values */
    bool numeric_text; /* numeric(p,s) as text: holds NaN and infinities, which decimals cannot */
    bool own_codec;    /* codec and level below instead of the file's */
    ParquetCodec codec;
    int level;
} ParquetColumnOptions;

typedef struct ParquetWriterOptions {
    const ParquetColumnOptions *columns; /* one a field, NULL = all zero */
    ParquetCodec codec;                  /* UNCOMPRESSED, SNAPPY, GZIP, ZSTD or LZ4_RAW */
    int level;                           /* 0 = the codec's default */
    bool page_v2;                        /* data pages of version 2 */
    uint32_t page_rows;                  /* most rows of a page, 0 = 20,000 */
    uint32_t page_bytes;                 /* a page ends behind that many plain bytes, 0 = 1 MiB */
    uint32_t dictionary_bytes_max;       /* of a chunk's dictionary, 0 = 1 MiB */
    int64_t group_rows;                  /* most rows of a row group, 0 = 1,048,576 */
    int64_t group_bytes;                 /* memory at which a row group is closed, 0 = 64 MiB */
    const ParquetSorting *sorting;       /* how rows are sorted; leaf = index of the field */
    uint32_t sorting_count;
    MemBudget *budget; /* NULL = uncounted */
} ParquetWriterOptions;

typedef struct ParquetWriter ParquetWriter;

/* Writes the magic. `schema` and `options` are copied. */
Status parquet_writer_new(const ParquetSink *sink, const Schema *schema,
                          const ParquetWriterOptions *options, ParquetWriter **ret, Error *err);
/* Columns as the schema says; constants and dictionaries stay what they are. INVALID for a NULL in
 * a column that is not_null, or a numeric that its decimal cannot hold (NaN, infinity). */
Status parquet_writer_append(ParquetWriter *w, const RecordBatch *batch, Error *err);
/* Closes the row group; nothing when it is empty. */
Status parquet_writer_end_group(ParquetWriter *w, Error *err);
/* Copies key and value into the footer's metadata. */
void parquet_writer_metadata(ParquetWriter *w, Str key, Str value);
/* Rows appended so far, and bytes written so far. */
int64_t parquet_writer_rows(const ParquetWriter *w);
uint64_t parquet_writer_bytes(const ParquetWriter *w);
/* Closes the row group, writes the footer. */
Status parquet_writer_finish(ParquetWriter *w, uint64_t *ret_bytes, Error *err);
ParquetWriter *parquet_writer_free(ParquetWriter *w);

#endif
