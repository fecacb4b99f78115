/* parquet_codec.c - Parquet's codecs (parquet-format Compression.md) by format/compress, plus
 * brotli and Hadoop's framing of LZ4, which are only read. */
#include "format/parquet/parquet_int.h"

#include <brotli/decode.h>

#include "format/compress/compress.h"

static Status decompress_brotli(Str packed, void *plain, size_t plain_len, Error *err)
{
    size_t len = plain_len;

    if (BrotliDecoderDecompress(packed.len, (const uint8_t *)packed.ptr, &len, plain) !=
            BROTLI_DECODER_RESULT_SUCCESS ||
        len != plain_len)
        return error_set(err, STATUS_INVALID, "brotli: data does not expand to %zu bytes",
                         plain_len);
    return STATUS_OK;
}

/* Blocks of (u32 plain length, u32 packed length, both big-endian, block); false when the bytes are
 * not that. */
static bool decompress_hadoop(Str packed, char *plain, size_t plain_len)
{
    BufReader r = buf_reader(packed);
    size_t done = 0;

    while (buf_reader_left(&r)) {
        uint32_t len = buf_read_be32(&r);
        uint32_t packed_len = buf_read_be32(&r);
        if (r.failed || packed_len > buf_reader_left(&r) || len > plain_len - done)
            return false;
        Str block = buf_read_bytes(&r, packed_len);
        if (compress_decode_exact(CODEC_LZ4, block, plain + done, len, NULL) != STATUS_OK)
            return false;
        done += len;
    }
    return done == plain_len;
}

Status parquet__decompress(ParquetCodec codec, Str packed, void *plain, size_t plain_len,
                           Error *err)
{
    switch (codec) {
    case PARQUET_UNCOMPRESSED:
        return compress_decode_exact(CODEC_NONE, packed, plain, plain_len, err);
    case PARQUET_SNAPPY:
        return compress_decode_exact(CODEC_SNAPPY, packed, plain, plain_len, err);
    case PARQUET_GZIP:
        return compress_decode_exact(CODEC_GZIP, packed, plain, plain_len, err);
    case PARQUET_BROTLI:
        return decompress_brotli(packed, plain, plain_len, err);
    case PARQUET_ZSTD:
        return compress_decode_exact(CODEC_ZSTD, packed, plain, plain_len, err);
    case PARQUET_LZ4:
        if (decompress_hadoop(packed, plain, plain_len))
            return STATUS_OK;
        return compress_decode_exact(CODEC_LZ4, packed, plain, plain_len, err);
    case PARQUET_LZ4_RAW:
        return compress_decode_exact(CODEC_LZ4, packed, plain, plain_len, err);
    case PARQUET_LZO:
    case PARQUET_CODEC_COUNT_:
        break;
    }
    return error_set(err, STATUS_UNSUPPORTED, "parquet: codec %s is not supported",
                     parquet_codec_name(codec));
}

Status parquet__compress(ParquetCodec codec, int level, Str plain, Buf *out, Error *err)
{
    switch (codec) {
    case PARQUET_UNCOMPRESSED:
        return compress_encode(CODEC_NONE, 0, plain, out, err);
    case PARQUET_SNAPPY:
        return compress_encode(CODEC_SNAPPY, 0, plain, out, err);
    case PARQUET_GZIP:
        return compress_encode(CODEC_GZIP, level, plain, out, err);
    case PARQUET_ZSTD:
        return compress_encode(CODEC_ZSTD, level, plain, out, err);
    case PARQUET_LZ4_RAW:
        return compress_encode(CODEC_LZ4, 0, plain, out, err);
    case PARQUET_LZO:
    case PARQUET_BROTLI:
    case PARQUET_LZ4:
    case PARQUET_CODEC_COUNT_:
        break;
    }
    return error_set(err, STATUS_UNSUPPORTED, "parquet: files are not written with codec %s",
                     parquet_codec_name(codec));
}
