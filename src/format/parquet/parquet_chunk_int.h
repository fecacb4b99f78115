/* parquet_chunk_int.h - one column of the row group that is being written. */
#ifndef LUMA_FORMAT_PARQUET_PARQUET_CHUNK_INT_H
#define LUMA_FORMAT_PARQUET_PARQUET_CHUNK_INT_H

#include "format/parquet/parquet_int.h"
#include "format/parquet/parquet_writer.h"
#include "format/pgtype/pgtype.h"

/* How a value of ours becomes a physical one. */
typedef enum ChunkKind {
    CHUNK_BOOL,
    CHUNK_INT32, /* from 1, 2 or 4 bytes */
    CHUNK_INT64,
    CHUNK_FLOAT,
    CHUNK_DOUBLE,
    CHUNK_UUID,
    CHUNK_DECIMAL, /* numeric(p, s) as INT32, INT64 or FIXED(16) */
    CHUNK_BYTES,   /* views as they are */
    CHUNK_TEXT,    /* as PostgreSQL prints it */
} ChunkKind;

typedef struct ChunkBound {
    bool known;
    uint8_t fixed[16]; /* fixed types */
    Buf bytes;         /* byte arrays */
} ChunkBound;

typedef struct ChunkPage {
    ParquetPageLocation at; /* offset relative to the first data page */
    int64_t null_count;
    bool all_null;
    bool unbounded;  /* has values, but no bounds (all NaN) */
    uint32_t min_at; /* bounds in index_bytes */
    uint32_t min_len;
    uint32_t max_at;
    uint32_t max_len;
} ChunkPage;

typedef struct ChunkWriter {
    const ParquetWriterOptions *options;
    ParquetColumnOptions column;
    const ParquetNode *node;
    Field field;
    ChunkKind kind;
    ParquetCodec codec;
    int level;
    uint32_t width;         /* physical bytes, 0 = byte array; BOOL 1 */
    ParquetEncoding layout; /* of pages without dictionary */
    bool may_dictionary;
    bool skip_index; /* a page has no bounds */
    /* the page being filled */
    Buf levels;     /* uint32_t each: 1 = not NULL */
    Buf values;     /* fixed values, or bytes of byte arrays, or codes */
    Buf ends;       /* uint32_t each: where a byte array ends in values */
    uint32_t rows;  /* of the page */
    uint32_t count; /* values that are not NULL */
    ChunkBound min;
    ChunkBound max;
    int64_t nan_count;
    /* dictionary */
    bool dictionary; /* the page's values are codes */
    Buf dict_bytes;  /* values one after another */
    Buf dict_ends;   /* uint32_t each: where an entry ends in dict_bytes */
    uint32_t dict_count;
    uint32_t *dict_slots; /* hash table: code + 1 */
    uint32_t dict_slot_count;
    Buf dict_used;       /* uint32_t each: page that used the entry last */
    uint32_t page_epoch; /* number of the page, from 1 */
    Buf code_map;        /* codes of a batch's dictionary -> our code + 1 */
    /* the chunk */
    Buf pages; /* finished pages */
    ChunkPage *page_list;
    uint32_t page_count;
    uint32_t page_cap;
    Buf index_bytes; /* bounds of the pages */
    Buf hashes;      /* uint64_t each: for the bloom filter, of values outside the dictionary */
    ChunkBound chunk_min;
    ChunkBound chunk_max;
    int64_t row_count;
    int64_t null_count;
    int64_t chunk_nans;
    int64_t plain_bytes;
    uint32_t encodings;
    bool only_codes; /* every page is of codes */
    /* scratch */
    Buf plain;
    Buf packed;
    Buf text;
    PgSettings settings;
} ChunkWriter;

/* Fills a schema element for a field; INVALID for types that cannot be stored. */
Status parquet__node_of(const Field *field, const ParquetColumnOptions *options, ParquetNode *ret,
                        ChunkKind *ret_kind, Error *err);
Status parquet__chunk_init(ChunkWriter *c, const Field *field, const ParquetNode *node,
                           ChunkKind kind, const ParquetColumnOptions *column,
                           const ParquetWriterOptions *options, Error *err);
void parquet__chunk_done(ChunkWriter *c);
Status parquet__chunk_append(ChunkWriter *c, const Column *column, uint32_t from, uint32_t n,
                             Error *err);
/* Closes the page; then `pages` and the dictionary are complete. */
Status parquet__chunk_end_page(ChunkWriter *c, Error *err);
/* The dictionary page with its header, when there is one. */
Status parquet__chunk_dictionary_page(ChunkWriter *c, Buf *out, Error *err);
/* Makes it empty for the next row group. */
void parquet__chunk_clear(ChunkWriter *c);
size_t parquet__chunk_bytes(const ChunkWriter *c);
/* Statistics of the chunk; texts cut to a bound live in `arena`. */
ParquetStats parquet__chunk_stats(ChunkWriter *c, Arena *arena);
/* The filter with its header; `out` stays empty without one. */
void parquet__chunk_bloom(ChunkWriter *c, Buf *out);

#endif
