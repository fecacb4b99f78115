/* parquet.h - Parquet's metadata as structs (apache/parquet-format src/main/thrift/parquet.thrift).
 *
 * parquet_reader.h reads files, parquet_writer.h writes them; docs/formats/part.md says what LumaDB
 * itself writes. Everything decoded borrows the bytes it was decoded from or lies in the arena.
 * Threads: pure functions.
 */
#ifndef LUMA_FORMAT_PARQUET_PARQUET_H
#define LUMA_FORMAT_PARQUET_PARQUET_H

#include "arrow/batch.h"
#include "base/buf.h"

enum {
    PARQUET_LEAVES_MAX = 65535,
    PARQUET_DEPTH_MAX = 64,
    PARQUET_PAGE_BYTES_MAX = 256 << 20,   /* of one page, compressed or not */
    PARQUET_FOOTER_BYTES_MAX = 256 << 20, /* of a footer */
};

/* Numbers are the file's. */
typedef enum ParquetPhysical {
    PARQUET_BOOLEAN,
    PARQUET_INT32,
    PARQUET_INT64,
    PARQUET_INT96,
    PARQUET_FLOAT,
    PARQUET_DOUBLE,
    PARQUET_BYTE_ARRAY,
    PARQUET_FIXED, /* FIXED_LEN_BYTE_ARRAY */
    PARQUET_PHYSICAL_COUNT_,
} ParquetPhysical;

typedef enum ParquetRepetition {
    PARQUET_REQUIRED,
    PARQUET_OPTIONAL,
    PARQUET_REPEATED
} ParquetRepetition;

typedef enum ParquetEncoding {
    PARQUET_PLAIN = 0,
    PARQUET_PLAIN_DICTIONARY = 2,
    PARQUET_RLE = 3,
    PARQUET_BIT_PACKED = 4,
    PARQUET_DELTA_BINARY_PACKED = 5,
    PARQUET_DELTA_LENGTH_BYTE_ARRAY = 6,
    PARQUET_DELTA_BYTE_ARRAY = 7,
    PARQUET_RLE_DICTIONARY = 8,
    PARQUET_BYTE_STREAM_SPLIT = 9,
} ParquetEncoding;

typedef enum ParquetCodec {
    PARQUET_UNCOMPRESSED,
    PARQUET_SNAPPY,
    PARQUET_GZIP,
    PARQUET_LZO, /* not read */
    PARQUET_BROTLI,
    PARQUET_LZ4, /* Hadoop's framing, or a bare block as some wrote it; read only */
    PARQUET_ZSTD,
    PARQUET_LZ4_RAW,
    PARQUET_CODEC_COUNT_,
} ParquetCodec;

typedef enum ParquetPageType {
    PARQUET_DATA_PAGE,
    PARQUET_INDEX_PAGE,
    PARQUET_DICTIONARY_PAGE,
    PARQUET_DATA_PAGE_V2
} ParquetPageType;

/* What a value means; converted types of old files are mapped onto these. */
typedef enum ParquetLogical {
    PARQUET_LOGICAL_NONE,
    PARQUET_LOGICAL_STRING,
    PARQUET_LOGICAL_MAP,
    PARQUET_LOGICAL_LIST,
    PARQUET_LOGICAL_ENUM,
    PARQUET_LOGICAL_DECIMAL,
    PARQUET_LOGICAL_DATE,
    PARQUET_LOGICAL_TIME,
    PARQUET_LOGICAL_TIMESTAMP,
    PARQUET_LOGICAL_INTERVAL,
    PARQUET_LOGICAL_INTEGER,
    PARQUET_LOGICAL_NULL,
    PARQUET_LOGICAL_JSON,
    PARQUET_LOGICAL_BSON,
    PARQUET_LOGICAL_UUID,
    PARQUET_LOGICAL_FLOAT16,
    PARQUET_LOGICAL_OTHER, /* known to later versions only: bytes stay bytes */
} ParquetLogical;

typedef enum ParquetUnit { PARQUET_MILLIS, PARQUET_MICROS, PARQUET_NANOS } ParquetUnit;

/* One element of the schema, in depth-first order; element 0 is the root. */
typedef struct ParquetNode {
    Str name;
    ParquetPhysical physical;     /* of a leaf */
    ParquetRepetition repetition; /* the root: REQUIRED */
    ParquetLogical logical;
    ParquetUnit unit;    /* TIME, TIMESTAMP */
    bool utc;            /* TIME, TIMESTAMP: adjusted to UTC */
    bool is_signed;      /* INTEGER */
    uint8_t bit_width;   /* INTEGER: 8, 16, 32, 64 */
    int32_t fixed_bytes; /* FIXED: bytes a value */
    int32_t precision;   /* DECIMAL */
    int32_t scale;       /* DECIMAL */
    int32_t child_count; /* 0 = leaf, except of an empty root */
    bool is_leaf;        /* has a physical type */
    /* derived */
    int32_t parent;   /* index, -1 for the root */
    int32_t end;      /* one past the last element of the subtree */
    int32_t leaf;     /* index among the leaves: of the first one in the subtree */
    uint16_t def_max; /* definition level when all of the path is there */
    uint16_t rep_max; /* repetition level */
} ParquetNode;

/* min and max are PLAIN bytes without length; an inexact bound may be wider than the values. */
typedef struct ParquetStats {
    Str min;
    Str max;
    bool has_min;
    bool has_max;
    bool min_exact;
    bool max_exact;
    int64_t null_count;     /* -1 = unknown */
    int64_t distinct_count; /* -1 = unknown */
    int64_t nan_count;      /* -1 = unknown */
} ParquetStats;

/* A column of a row group. Offsets are the file's; 0 = absent. */
typedef struct ParquetChunk {
    ParquetPhysical physical;
    ParquetCodec codec;
    uint32_t encodings;  /* bit set by ParquetEncoding */
    int64_t value_count; /* nulls included */
    int64_t plain_bytes;
    int64_t packed_bytes;
    int64_t data_offset;
    int64_t dictionary_offset;
    int64_t bloom_offset;
    int32_t bloom_bytes;
    int64_t column_index_offset;
    int32_t column_index_bytes;
    int64_t offset_index_offset;
    int32_t offset_index_bytes;
    ParquetStats stats;
    bool foreign; /* lies in another file, or is encrypted */
} ParquetChunk;

typedef struct ParquetSorting {
    int32_t leaf;
    bool descending;
    bool nulls_first;
} ParquetSorting;

typedef struct ParquetRowGroup {
    ParquetChunk *chunks; /* one a leaf */
    int64_t row_count;
    int64_t plain_bytes;
    int64_t first_row; /* derived: rows of the groups before */
    ParquetSorting *sorting;
    uint32_t sorting_count;
} ParquetRowGroup;

typedef struct ParquetKeyValue {
    Str key;
    Str value;
} ParquetKeyValue;

typedef struct ParquetMeta {
    int32_t version;
    ParquetNode *nodes;
    uint32_t node_count;
    uint32_t leaf_count;
    uint32_t *leaf_nodes; /* node of every leaf */
    int64_t row_count;
    ParquetRowGroup *groups;
    uint32_t group_count;
    ParquetKeyValue *key_values;
    uint32_t key_value_count;
    Str created_by;
} ParquetMeta;

typedef struct ParquetPageHeader {
    ParquetPageType type;
    int32_t plain_bytes;
    int32_t packed_bytes;
    bool has_crc;
    uint32_t crc;
    int32_t value_count; /* nulls included */
    ParquetEncoding encoding;
    ParquetEncoding def_encoding; /* v1 */
    ParquetEncoding rep_encoding; /* v1 */
    int32_t null_count;           /* v2 */
    int32_t row_count;            /* v2 */
    int32_t def_bytes;            /* v2 */
    int32_t rep_bytes;            /* v2 */
    bool packed;                  /* v2: the values are compressed */
} ParquetPageHeader;

/* Where a page lies, and which row of the group it begins with. */
typedef struct ParquetPageLocation {
    int64_t offset;
    int32_t packed_bytes; /* header included */
    int64_t first_row;
} ParquetPageLocation;

/* Offset index and column index of a chunk. */
typedef struct ParquetPageIndex {
    ParquetPageLocation *pages;
    uint32_t page_count;
    ParquetStats *stats; /* one a page, or NULL; a page of nulls only has neither min nor max and
                            null_page set */
    bool *null_pages;    /* with stats */
    uint8_t boundary_order;
} ParquetPageIndex;

/* INVALID for bytes that are no footer or contradict themselves; LIMIT over bounds. */
Status parquet_meta_decode(Str footer, Arena *arena, ParquetMeta *ret, Error *err);
void parquet_meta_encode(const ParquetMeta *meta, Buf *out);
/* *ret_len: bytes of the header itself. False when the bytes end before it does or are bad. */
bool parquet_page_header_decode(Str bytes, ParquetPageHeader *ret, size_t *ret_len);
void parquet_page_header_encode(const ParquetPageHeader *header, Buf *out);
/* Adds to *ret, which is zeroed before the first. `row_count` of the row group bounds both. */
Status parquet_offset_index_decode(Str bytes, int64_t row_count, Arena *arena,
                                   ParquetPageIndex *ret, Error *err);
Status parquet_column_index_decode(Str bytes, Arena *arena, ParquetPageIndex *ret, Error *err);
void parquet_offset_index_encode(const ParquetPageIndex *index, Buf *out);
void parquet_column_index_encode(const ParquetPageIndex *index, Buf *out);

const char *parquet_physical_name(ParquetPhysical physical);
const char *parquet_encoding_name(ParquetEncoding encoding);
const char *parquet_codec_name(ParquetCodec codec);
/* "timestamp(us, utc)", "decimal(10, 2)", "" for none; into buf, returns buf. */
const char *parquet_logical_name(const ParquetNode *node, char buf[64]);
/* Names from below the root, joined by dots, appended. */
void parquet_append_path(const ParquetMeta *meta, uint32_t node, Buf *out);

/* ---- split-block bloom filters (parquet-format BloomFilter.md) ---- */

uint64_t parquet_bloom_hash(Str plain);
/* Bytes of a filter for that many distinct values at one false answer in a hundred. */
uint32_t parquet_bloom_size(uint64_t distinct_count);
void parquet_bloom_add(uint8_t *bits, uint32_t bytes, uint64_t hash);
bool parquet_bloom_has(const uint8_t *bits, uint32_t bytes, uint64_t hash);
void parquet_bloom_header_encode(uint32_t bytes, Buf *out);
/* *ret_bytes: of the bits, which follow the header; false for another algorithm or bad bytes. */
bool parquet_bloom_header_decode(Str bytes, uint32_t *ret_bytes, size_t *ret_len);

#endif
