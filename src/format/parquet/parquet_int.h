/* parquet_int.h - what the files of this folder share: encodings, conversion, column readers. */
#ifndef LUMA_FORMAT_PARQUET_PARQUET_INT_H
#define LUMA_FORMAT_PARQUET_PARQUET_INT_H

#include "format/parquet/parquet.h"
#include "format/parquet/parquet_reader.h"
#include "format/parquet/thrift.h"

/* Fills parent, end, leaf and the levels of every node, and the leaves. */
Status parquet__schema_derive(ParquetMeta *meta, Arena *arena, Error *err);

/* ---- bit packing (Encodings.md "RLE"): least significant bit first ---- */

/* Unpacks `count` values of `width` bits from in[0..in_len); values past the end of the input are
 * 0. `out` needs room for a multiple of 8. */
void parquet__unpack32(const uint8_t *in, size_t in_len, uint32_t width, uint32_t *out,
                       size_t count);
void parquet__unpack64(const uint8_t *in, size_t in_len, uint32_t width, uint64_t *out,
                       size_t count);
/* Tests compare the SIMD kernels with the plain ones. */
void parquet__force_plain(bool plain);

/* Runs and bit-packed groups; also the deprecated BIT_PACKED levels. */
typedef struct Hybrid {
    const uint8_t *cursor;
    const uint8_t *end;
    uint32_t width;
    bool legacy;           /* BIT_PACKED: most significant bit first, no runs */
    bool is_packed;        /* the current run */
    uint64_t left;         /* values left in the run */
    uint32_t value;        /* of a repeated run */
    const uint8_t *packed; /* of a packed run */
    uint64_t packed_at;    /* values of it already taken */
} Hybrid;

Hybrid parquet__hybrid(Str bytes, uint32_t width);
Hybrid parquet__hybrid_legacy(Str bytes, uint32_t width);
/* Takes up to n values; fewer when the bytes end. `out` needs 8 values more than n. */
size_t parquet__hybrid_get(Hybrid *h, uint32_t *out, size_t n);
/* Takes n values at once when they are one run; false (nothing taken) otherwise. */
bool parquet__hybrid_same(Hybrid *h, size_t n, uint32_t *ret_value);
size_t parquet__hybrid_skip(Hybrid *h, size_t n);
/* Appends values in runs and packed groups. */
void parquet__hybrid_put(const uint32_t *values, size_t n, uint32_t width, Buf *out);
static inline uint32_t parquet__bit_width(uint64_t max)
{
    return max ? 64 - (uint32_t)__builtin_clzll(max) : 0;
}

/* ---- DELTA_BINARY_PACKED ---- */

typedef struct Delta {
    const uint8_t *cursor;
    const uint8_t *end;
    uint32_t mini_size;    /* values a miniblock */
    uint32_t mini_count;   /* miniblocks a block */
    uint64_t left;         /* values not yet taken */
    uint64_t value;        /* the last one */
    uint64_t min_delta;    /* of the block */
    const uint8_t *widths; /* of the block */
    uint32_t mini_idx;     /* miniblock we are in; mini_count = take the next block */
    uint32_t mini_at;      /* values of it unpacked */
    uint32_t buffer_at;    /* values of `buffer` taken */
    uint32_t buffer_len;
    uint64_t buffer[32];
} Delta;

/* False for a bad head. */
bool parquet__delta_open(Delta *d, Str bytes);
/* Takes up to n values; fewer at the end or in bad data. */
size_t parquet__delta_get(Delta *d, int64_t *out, size_t n);
/* Where the data ends once all values are taken. */
const uint8_t *parquet__delta_end(const Delta *d);
/* `bits` is 32 or 64: differences wrap there. */
void parquet__delta_put(const int64_t *values, size_t n, int bits, Buf *out);

/* ---- BYTE_STREAM_SPLIT ---- */

/* Values [from, from + count) of `total` values of `width` bytes. */
void parquet__split_get(const uint8_t *in, size_t total, uint32_t width, size_t from, size_t count,
                        void *out);
void parquet__split_put(const void *values, size_t count, uint32_t width, Buf *out);

/* ---- codecs ---- */

/* Decompresses to exactly plain_len bytes. */
Status parquet__decompress(ParquetCodec codec, Str packed, void *plain, size_t plain_len,
                           Error *err);
/* Appends; UNSUPPORTED for codecs that are only read. */
Status parquet__compress(ParquetCodec codec, int level, Str plain, Buf *out, Error *err);

/* ---- values of one page ---- */

typedef struct PageValues {
    ParquetPhysical physical;
    ParquetEncoding encoding;
    uint32_t width; /* bytes a value of fixed types; BOOLEAN: 1 */
    const uint8_t *begin;
    const uint8_t *at;
    const uint8_t *end;
    uint64_t pos; /* values taken */
    Hybrid codes; /* dictionary codes, RLE booleans */
    Delta delta;
    int32_t *lengths;  /* DELTA_*_BYTE_ARRAY, owned */
    int32_t *prefixes; /* DELTA_BYTE_ARRAY, owned */
    uint64_t length_count;
    Str last; /* DELTA_BYTE_ARRAY: the value before; owned copy in last_bytes */
    Buf last_bytes;
} PageValues;

/* Begins to read a page's values; frees what the one before held. `value_count` bounds the values
 * that can be asked for. */
Status parquet__values_open(PageValues *v, const ParquetNode *node, ParquetEncoding encoding,
                            Str bytes, uint32_t value_count, Error *err);
void parquet__values_done(PageValues *v);
static inline bool parquet__values_are_codes(const PageValues *v)
{
    return v->encoding == PARQUET_RLE_DICTIONARY;
}
/* Each takes exactly n values or fails. `dst` of codes and booleans needs 8 values more. */
Status parquet__values_codes(PageValues *v, uint32_t *dst, size_t n, Error *err);
Status parquet__values_fixed(PageValues *v, void *dst, size_t n, Arena *arena, Error *err);
Status parquet__values_bytes(PageValues *v, View *dst, size_t n, Arena *arena, Error *err);
Status parquet__values_skip(PageValues *v, size_t n, Arena *scratch, Error *err);

/* ---- physical values to our types ---- */

typedef enum ConvertKind {
    CONVERT_COPY,  /* the same bytes */
    CONVERT_BOOL,  /* bytes to bits */
    CONVERT_INT8,  /* int32 cut */
    CONVERT_INT16, /* int32 cut */
    CONVERT_UINT8,
    CONVERT_UINT16,
    CONVERT_UINT32,
    CONVERT_UINT64, /* to numeric */
    CONVERT_TIME_MS,
    CONVERT_TIME_NS,
    CONVERT_TS_MS,
    CONVERT_TS_NS,
    CONVERT_INT96,
    CONVERT_FLOAT16,
    CONVERT_DECIMAL32,
    CONVERT_DECIMAL64,
    CONVERT_DECIMAL_FIXED,
    CONVERT_DECIMAL_BYTES,
    CONVERT_UUID,       /* 16 bytes as they are */
    CONVERT_INTERVAL,   /* 12 bytes */
    CONVERT_VIEW,       /* byte arrays */
    CONVERT_FIXED_VIEW, /* fixed bytes as bytea */
} ConvertKind;

typedef struct Convert {
    ConvertKind kind;
    Type type;
    int32_t scale;  /* decimals */
    uint32_t width; /* bytes of a physical value, 0 = byte array */
} Convert;

/* UNSUPPORTED for pairs of physical and logical type that have no meaning. */
Convert parquet__convert_of(const ParquetNode *node);
/* n physical values (Views for byte arrays, bytes for booleans) into slots [0, n) of `ret`, an
 * array of the type's layout; LAYOUT_BIT: bytes again. COPY and VIEW need no call: decode in place.
 */
Status parquet__convert(const Convert *convert, const void *raw, size_t n, void *ret, Arena *arena,
                        Error *err);
static inline bool parquet__convert_in_place(const Convert *c)
{
    return c->kind == CONVERT_COPY || c->kind == CONVERT_VIEW || c->kind == CONVERT_UUID ||
           c->kind == CONVERT_BOOL;
}

/* ---- one leaf of one row group ---- */

typedef struct LeafReader LeafReader;

LeafReader *parquet__leaf_new(const ParquetFile *file, uint32_t leaf, bool verify_crc,
                              MemBudget *budget);
LeafReader *parquet__leaf_free(LeafReader *r);
/* Goes to the first row of a group. `index` (NULL = none) helps to jump and is borrowed. */
Status parquet__leaf_open(LeafReader *r, uint32_t group, const ParquetPageIndex *index, Error *err);
/* Rows to pass over. */
Status parquet__leaf_skip(LeafReader *r, uint64_t rows, Error *err);
/* The next n rows of a leaf that is not repeated. */
Status parquet__leaf_read(LeafReader *r, uint32_t n, Arena *arena, Column *ret, Error *err);

/* A leaf's entries: levels and, for each entry, a slot of `values` (NULL below def_max). */
typedef struct LeafEntries {
    uint16_t *def;
    uint16_t *rep;
    uint32_t count;
    uint32_t cap;
    uint32_t at; /* the assembler's cursor */
    Column values;
} LeafEntries;
/* The next n rows of any leaf. */
Status parquet__leaf_entries(LeafReader *r, uint32_t n, Arena *arena, LeafEntries *ret, Error *err);

/* ---- nested columns ---- */

/* n rows of the subtree at `node` from the entries of its leaves (in order), as an array or as
 * JSON, see ParquetColumn. */
Status parquet__assemble(const ParquetFile *file, const ParquetColumn *column, LeafEntries *entries,
                         uint32_t n, Arena *arena, Column *ret, Error *err);
/* The list's element node when the subtree is a list of primitives, else -1. */
int32_t parquet__list_element(const ParquetMeta *meta, int32_t node);

#endif
