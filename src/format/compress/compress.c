/* compress.c - the one-shot codecs. Streams are in compress_stream.c.
 *
 * Every decoder knows its maximum before it allocates. Where the format tells the plain length, an
 * untrue length is caught by the ratio the format can reach at best, so a few bytes cannot make us
 * reserve the maximum.
 */
#include "format/compress/compress.h"

#include <pthread.h>

#include <lz4.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

enum {
    /* A snappy copy of 64 bytes takes 3 bytes at least. */
    SNAPPY_RATIO_MAX = 22,
    /* Output is grown in steps of this size where the plain length is unknown. */
    STEP_BYTES = 64 << 10,
    /* zstd windows above 8 MiB are refused: the window is allocated before any output exists. */
    ZSTD_WINDOW_LOG_MAX = 23,
};

/* Each thread keeps its zstd contexts: making one costs more than a small block. */
static _Thread_local struct {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
} zstd_contexts;
static pthread_key_t zstd_key;
static pthread_once_t zstd_once = PTHREAD_ONCE_INIT;

static void free_zstd_contexts(void *unused)
{
    (void)unused;
    (void)ZSTD_freeCCtx(zstd_contexts.compress);
    (void)ZSTD_freeDCtx(zstd_contexts.decompress);
    zstd_contexts.compress = NULL;
    zstd_contexts.decompress = NULL;
}

static void make_zstd_key(void)
{
    ASSERT(pthread_key_create(&zstd_key, free_zstd_contexts) == 0);
}

static void register_zstd_contexts(void)
{
    ASSERT(pthread_once(&zstd_once, make_zstd_key) == 0);
    ASSERT(pthread_setspecific(zstd_key, &zstd_contexts) == 0);
}

static ZSTD_CCtx *zstd_compressor(void)
{
    if (!zstd_contexts.compress) {
        register_zstd_contexts();
        zstd_contexts.compress = ZSTD_createCCtx();
        ASSERT(zstd_contexts.compress);
    }
    return zstd_contexts.compress;
}

static ZSTD_DCtx *zstd_decompressor(void)
{
    if (!zstd_contexts.decompress) {
        register_zstd_contexts();
        zstd_contexts.decompress = ZSTD_createDCtx();
        ASSERT(zstd_contexts.decompress);
        ASSERT(!ZSTD_isError(ZSTD_DCtx_setParameter(zstd_contexts.decompress, ZSTD_d_windowLogMax,
                                                    ZSTD_WINDOW_LOG_MAX)));
    }
    return zstd_contexts.decompress;
}

size_t compress_bound(Codec codec, size_t plain_len)
{
    switch (codec) {
    case CODEC_NONE:
        return plain_len;
    case CODEC_SNAPPY:
        return snappy_max_compressed_length(plain_len);
    case CODEC_LZ4:
        return plain_len + plain_len / 255 + 16;
    case CODEC_ZSTD:
        return ZSTD_compressBound(plain_len);
    case CODEC_GZIP:
    case CODEC_ZLIB:
        return compressBound(plain_len) + 32;
    }
    return 0;
}

static Status output_full(Error *err)
{
    return error_set(err, STATUS_LIMIT, "compressed data does not fit into the output buffer");
}

Status compress_encode(Codec codec, int level, Str plain, Buf *out, Error *err)
{
    if (codec == CODEC_GZIP || codec == CODEC_ZLIB) {
        Deflater *deflater = deflater_new(codec, level);
        deflater_write(deflater, plain, DEFLATE_END, out);
        (void)deflater_free(deflater);
        return out->overflowed ? output_full(err) : STATUS_OK;
    }
    size_t bound = compress_bound(codec, plain.len);
    char *at = buf_reserve(out, bound);
    if (!at)
        return output_full(err);
    const char *src = plain.len ? plain.ptr : "";
    size_t len = bound;
    if (codec == CODEC_NONE) {
        memcpy(at, src, plain.len);
    } else if (codec == CODEC_SNAPPY) {
        if (snappy_compress(src, plain.len, at, &len) != SNAPPY_OK)
            return error_set(err, STATUS_INTERNAL, "snappy refused to compress %zu bytes",
                             plain.len);
    } else if (codec == CODEC_LZ4) {
        if (plain.len > LZ4_MAX_INPUT_SIZE)
            return error_set(err, STATUS_LIMIT, "lz4 blocks end at %d bytes", LZ4_MAX_INPUT_SIZE);
        len = (size_t)LZ4_compress_default(src, at, (int)plain.len, (int)bound);
    } else {
        len = ZSTD_compressCCtx(zstd_compressor(), at, bound, src, plain.len, level ? level : 1);
        if (ZSTD_isError(len))
            return error_set(err, STATUS_INTERNAL, "zstd: %s", ZSTD_getErrorName(len));
    }
    out->len += len;
    return STATUS_OK;
}

static Status too_long(size_t plain_bytes_max, Error *err)
{
    return error_set(err, STATUS_LIMIT, "compressed data expands to more than %zu bytes",
                     plain_bytes_max);
}

static Status decode_snappy(Str packed, size_t plain_bytes_max, Buf *out, Error *err)
{
    size_t len;

    if (!packed.len || snappy_uncompressed_length(packed.ptr, packed.len, &len) != SNAPPY_OK)
        return error_set(err, STATUS_INVALID, "snappy: no valid block");
    if (len > plain_bytes_max)
        return too_long(plain_bytes_max, err);
    if (len / SNAPPY_RATIO_MAX > packed.len)
        return error_set(err, STATUS_INVALID, "snappy: length in the header cannot be true");
    char *at = buf_reserve(out, len + 1);
    if (!at)
        return output_full(err);
    if (snappy_uncompress(packed.ptr, packed.len, at, &len) != SNAPPY_OK)
        return error_set(err, STATUS_INVALID, "snappy: corrupt block");
    out->len += len;
    return STATUS_OK;
}

/* Grows *out step by step, as a frame need not tell its length (and may lie about it). */
static Status decode_zstd(Str packed, size_t plain_bytes_max, Buf *out, Error *err)
{
    ZSTD_DCtx *ctx = zstd_decompressor();
    ZSTD_inBuffer in = {packed.ptr, packed.len, 0};
    unsigned long long told =
        packed.len ? ZSTD_getFrameContentSize(packed.ptr, packed.len) : ZSTD_CONTENTSIZE_ERROR;
    size_t total = 0;
    size_t left = 1;

    if (told == ZSTD_CONTENTSIZE_ERROR)
        return error_set(err, STATUS_INVALID, "zstd: no frame");
    if (told != ZSTD_CONTENTSIZE_UNKNOWN && told > plain_bytes_max)
        return too_long(plain_bytes_max, err);
    (void)ZSTD_DCtx_reset(ctx, ZSTD_reset_session_only);
    while (in.pos < in.size || left != 0) {
        size_t room = LUMA_MIN(plain_bytes_max - total, (size_t)STEP_BYTES);
        size_t in_before = in.pos;
        /* One byte more than allowed tells "full" from "too long". */
        char *at = buf_reserve(out, room + 1);
        if (!at)
            return output_full(err);
        ZSTD_outBuffer to = {at, room + 1, 0};
        left = ZSTD_decompressStream(ctx, &to, &in);
        if (ZSTD_isError(left))
            return error_set(err, STATUS_INVALID, "zstd: %s", ZSTD_getErrorName(left));
        if (to.pos > plain_bytes_max - total)
            return too_long(plain_bytes_max, err);
        total += to.pos;
        out->len += to.pos;
        if (!to.pos && in.pos == in_before)
            return error_set(err, STATUS_INVALID, "zstd: frame ends early");
    }
    return STATUS_OK;
}

static Status decode_zlib(Codec codec, Str packed, size_t plain_bytes_max, Buf *out, Error *err)
{
    Inflater *inflater = inflater_new(codec, plain_bytes_max);
    Status status = inflater_write(inflater, packed, out, err);

    if (status == STATUS_OK)
        status = inflater_finish(inflater, err);
    (void)inflater_free(inflater);
    return status;
}

Status compress_decode(Codec codec, Str packed, size_t plain_bytes_max, Buf *out, Error *err)
{
    size_t len_before = out->len;
    Status status = STATUS_OK;

    switch (codec) {
    case CODEC_NONE:
        if (packed.len > plain_bytes_max)
            return too_long(plain_bytes_max, err);
        buf_append_str(out, packed);
        status = out->overflowed ? output_full(err) : STATUS_OK;
        break;
    case CODEC_SNAPPY:
        status = decode_snappy(packed, plain_bytes_max, out, err);
        break;
    case CODEC_LZ4:
        return error_set(err, STATUS_UNSUPPORTED, "lz4 blocks do not tell their length");
    case CODEC_ZSTD:
        status = decode_zstd(packed, plain_bytes_max, out, err);
        break;
    case CODEC_GZIP:
    case CODEC_ZLIB:
        status = decode_zlib(codec, packed, plain_bytes_max, out, err);
        break;
    }
    if (status != STATUS_OK)
        out->len = len_before;
    return status;
}

static Status wrong_length(size_t plain_len, Error *err)
{
    return error_set(err, STATUS_INVALID, "compressed data does not expand to %zu bytes",
                     plain_len);
}

Status compress_decode_exact(Codec codec, Str packed, void *plain, size_t plain_len, Error *err)
{
    size_t len = plain_len;

    switch (codec) {
    case CODEC_NONE:
        if (packed.len != plain_len)
            return wrong_length(plain_len, err);
        if (plain_len)
            memcpy(plain, packed.ptr, plain_len);
        return STATUS_OK;
    case CODEC_SNAPPY:
        if (!packed.len || snappy_uncompressed_length(packed.ptr, packed.len, &len) != SNAPPY_OK ||
            len != plain_len || snappy_uncompress(packed.ptr, packed.len, plain, &len) != SNAPPY_OK)
            return wrong_length(plain_len, err);
        return STATUS_OK;
    case CODEC_LZ4:
        if (packed.len > INT32_MAX || plain_len > INT32_MAX ||
            LZ4_decompress_safe(packed.ptr, plain, (int)packed.len, (int)plain_len) !=
                (int)plain_len)
            return wrong_length(plain_len, err);
        return STATUS_OK;
    case CODEC_ZSTD:
        if (ZSTD_decompressDCtx(zstd_decompressor(), plain, plain_len, packed.ptr, packed.len) !=
            plain_len)
            return wrong_length(plain_len, err);
        return STATUS_OK;
    case CODEC_GZIP:
    case CODEC_ZLIB: {
        CLEANUP(buf_done) Buf out = {0};
        TRY(decode_zlib(codec, packed, plain_len, &out, err));
        if (out.len != plain_len)
            return wrong_length(plain_len, err);
        if (plain_len)
            memcpy(plain, out.ptr, plain_len);
        return STATUS_OK;
    }
    }
    return error_set(err, STATUS_UNSUPPORTED, "unknown codec %d", (int)codec);
}
