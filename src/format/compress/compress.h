/* compress.h - compression codecs, every one bounded.
 *
 * Decoders take a maximum and never produce more than it: STATUS_LIMIT when the data would, before
 * memory for it is taken where the format tells its length. STATUS_INVALID for bytes that are not
 * the format.
 *
 * Threads: functions share nothing; objects are confined to one thread at a time.
 */
#ifndef LUMA_FORMAT_COMPRESS_COMPRESS_H
#define LUMA_FORMAT_COMPRESS_COMPRESS_H

#include "base/buf.h"

/* ---- one-shot ---- */

typedef enum Codec {
    CODEC_NONE,
    CODEC_SNAPPY, /* raw block format (remote write, Parquet) */
    CODEC_LZ4,    /* raw block; the length is not in it, see compress_decode_exact */
    CODEC_ZSTD,   /* frame */
    CODEC_GZIP,   /* RFC 1952, one or more members */
    CODEC_ZLIB,   /* RFC 1950; decoding also takes bare deflate, which some call "deflate" */
} Codec;

/* Appends the compressed form of `plain` to *out. `level` 0 = the codec's default (zstd 1, gzip 1).
 */
Status compress_encode(Codec codec, int level, Str plain, Buf *out, Error *err);
/* Appends the decompressed form, at most `plain_bytes_max` bytes. CODEC_LZ4 needs its length known:
 * use compress_decode_exact. */
Status compress_decode(Codec codec, Str packed, size_t plain_bytes_max, Buf *out, Error *err);
/* Decompresses to exactly `plain_len` bytes at `plain`; anything else is STATUS_INVALID. */
Status compress_decode_exact(Codec codec, Str packed, void *plain, size_t plain_len, Error *err);
/* Most bytes compress_encode can append for that many. */
size_t compress_bound(Codec codec, size_t plain_len);

/* ---- streams: gzip and zlib ---- */

typedef struct Inflater Inflater;

/* CODEC_GZIP or CODEC_ZLIB. At most `plain_bytes_max` bytes come out in all. */
Inflater *inflater_new(Codec codec, size_t plain_bytes_max);
/* Appends what `packed` gives to *out. STATUS_LIMIT over the maximum, STATUS_INVALID for bad data
 * or data after the end. */
Status inflater_write(Inflater *inflater, Str packed, Buf *out, Error *err);
/* STATUS_INVALID when the stream is not complete. */
Status inflater_finish(Inflater *inflater, Error *err);
Inflater *inflater_free(Inflater *inflater);

typedef struct Deflater Deflater;

typedef enum DeflateFlush { DEFLATE_MORE, DEFLATE_SYNC, DEFLATE_END } DeflateFlush;

/* CODEC_GZIP or CODEC_ZLIB; level 0 = 1. */
Deflater *deflater_new(Codec codec, int level);
/* Appends compressed bytes to *out; SYNC lets the reader decode all so far, END finishes the
 * stream. */
void deflater_write(Deflater *deflater, Str plain, DeflateFlush flush, Buf *out);
Deflater *deflater_free(Deflater *deflater);

#endif
