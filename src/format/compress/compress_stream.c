/* compress_stream.c - gzip and zlib in pieces, over zlib's streaming interface.
 *
 * The inflater counts what it has produced against its maximum before it takes the next step of
 * memory: a bomb costs at most the maximum. gzip data may be several members in a row (RFC
 * 1952 2.2). "deflate" in HTTP means zlib (RFC 9110 8.4.1.2), but old senders use bare deflate; the
 * first two bytes tell which it is.
 */
#include <limits.h>

#include <zlib.h>

#include "format/compress/compress.h"

enum {
    STEP_BYTES = 32 << 10,
    WINDOW_BITS = 15,
    GZIP_BITS = 16, /* added to the window bits: zlib's sign for the gzip wrapper */
};

struct Inflater {
    z_stream z;
    Codec codec;
    size_t plain_bytes_max;
    size_t produced;   /* plain bytes so far, all members */
    uint8_t head[2];   /* first bytes, until the wrapper is known */
    size_t head_len;   /* how many of them are there */
    bool started;      /* inflateInit2 was called */
    bool member_ended; /* the last member is complete */
};

Inflater *inflater_new(Codec codec, size_t plain_bytes_max)
{
    ASSERT(codec == CODEC_GZIP || codec == CODEC_ZLIB);
    Inflater *inflater = MEM_NEW(Inflater);

    inflater->codec = codec;
    inflater->plain_bytes_max = plain_bytes_max;
    return inflater;
}

Inflater *inflater_free(Inflater *inflater)
{
    if (!inflater)
        return NULL;
    if (inflater->started)
        (void)inflateEnd(&inflater->z);
    mem_free(inflater);
    return NULL;
}

static void start_inflate(Inflater *inflater)
{
    int bits = WINDOW_BITS + GZIP_BITS;

    if (inflater->codec == CODEC_ZLIB) {
        unsigned cmf = inflater->head[0];
        unsigned flg = inflater->head[1];
        bool wrapped = (cmf & 0x0F) == 8 && (cmf >> 4) <= 7 && (cmf << 8 | flg) % 31 == 0;
        bits = wrapped ? WINDOW_BITS : -WINDOW_BITS;
    }
    ASSERT(inflateInit2(&inflater->z, bits) == Z_OK);
    inflater->started = true;
}

static Status inflate_bytes(Inflater *inflater, const uint8_t *bytes, size_t len, Buf *out,
                            Error *err)
{
    z_stream *z = &inflater->z;

    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (uInt)len;
    for (;;) {
        if (inflater->member_ended) {
            if (!z->avail_in)
                return STATUS_OK;
            if (inflater->codec != CODEC_GZIP)
                return error_set(err, STATUS_INVALID, "data after the end of a deflate stream");
            ASSERT(inflateReset(z) == Z_OK);
            inflater->member_ended = false;
        }
        size_t room = LUMA_MIN(inflater->plain_bytes_max - inflater->produced, (size_t)STEP_BYTES);
        /* One byte more than allowed tells "full" from "too long". */
        char *at = buf_reserve(out, room + 1);
        if (!at)
            return error_set(err, STATUS_LIMIT, "decompressed data exceeds %zu bytes",
                             out->len_max);
        z->next_out = (Bytef *)at;
        z->avail_out = (uInt)(room + 1);
        int rc = inflate(z, Z_NO_FLUSH);
        size_t got = room + 1 - z->avail_out;
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return error_set(err, STATUS_INVALID, "%s: %s",
                             inflater->codec == CODEC_GZIP ? "gzip" : "deflate",
                             z->msg ? z->msg : "corrupt data");
        if (got > inflater->plain_bytes_max - inflater->produced)
            return error_set(err, STATUS_LIMIT, "compressed data expands to more than %zu bytes",
                             inflater->plain_bytes_max);
        inflater->produced += got;
        out->len += got;
        inflater->member_ended = rc == Z_STREAM_END;
        if (!inflater->member_ended && z->avail_out > 0)
            return STATUS_OK; /* all input used */
    }
}

Status inflater_write(Inflater *inflater, Str packed, Buf *out, Error *err)
{
    const uint8_t *bytes = (const uint8_t *)packed.ptr;
    size_t len = packed.len;

    if (!inflater->started) {
        while (inflater->head_len < sizeof inflater->head && len) {
            inflater->head[inflater->head_len++] = *bytes++;
            len--;
        }
        if (inflater->head_len < sizeof inflater->head)
            return STATUS_OK;
        start_inflate(inflater);
        TRY(inflate_bytes(inflater, inflater->head, inflater->head_len, out, err));
    }
    while (len) {
        size_t n = LUMA_MIN(len, (size_t)INT_MAX);
        TRY(inflate_bytes(inflater, bytes, n, out, err));
        bytes += n;
        len -= n;
    }
    return STATUS_OK;
}

Status inflater_finish(Inflater *inflater, Error *err)
{
    if (inflater->started && inflater->member_ended)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s data ends early",
                     inflater->codec == CODEC_GZIP ? "gzip" : "deflate");
}

struct Deflater {
    z_stream z;
};

Deflater *deflater_new(Codec codec, int level)
{
    ASSERT(codec == CODEC_GZIP || codec == CODEC_ZLIB);
    Deflater *deflater = MEM_NEW(Deflater);

    ASSERT(deflateInit2(&deflater->z, level ? level : 1, Z_DEFLATED,
                        WINDOW_BITS + (codec == CODEC_GZIP ? GZIP_BITS : 0), 8,
                        Z_DEFAULT_STRATEGY) == Z_OK);
    return deflater;
}

Deflater *deflater_free(Deflater *deflater)
{
    if (!deflater)
        return NULL;
    (void)deflateEnd(&deflater->z);
    mem_free(deflater);
    return NULL;
}

static void deflate_piece(Deflater *deflater, const char *bytes, size_t len, int how, Buf *out)
{
    z_stream *z = &deflater->z;

    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (uInt)len;
    do {
        size_t room = LUMA_MAX((size_t)256, LUMA_MIN((size_t)STEP_BYTES, (size_t)z->avail_in));
        char *at = buf_reserve(out, room);
        if (!at)
            return;
        z->next_out = (Bytef *)at;
        z->avail_out = (uInt)room;
        (void)deflate(z, how);
        out->len += room - z->avail_out;
    } while (z->avail_in || z->avail_out == 0);
}

void deflater_write(Deflater *deflater, Str plain, DeflateFlush flush, Buf *out)
{
    static const int hows[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    const char *at = plain.len ? plain.ptr : "";
    size_t left = plain.len;

    while (left > INT_MAX) {
        deflate_piece(deflater, at, INT_MAX, Z_NO_FLUSH, out);
        at += INT_MAX;
        left -= INT_MAX;
    }
    deflate_piece(deflater, at, left, hows[flush], out);
}
