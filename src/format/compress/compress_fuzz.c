/* compress_fuzz.c - decoders on any bytes: within their bound, and the same in one piece and in
 * many. */
#include "format/compress/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { PLAIN_BYTES_MAX = 1 << 16 };

static Status inflate_in_pieces(Codec codec, Str packed, size_t step, Buf *out)
{
    Inflater *inflater = inflater_new(codec, PLAIN_BYTES_MAX);
    Status status = STATUS_OK;

    for (size_t at = 0; at < packed.len && status == STATUS_OK; at += step)
        status = inflater_write(inflater, str_sub(packed, at, step), out, NULL);
    if (status == STATUS_OK)
        status = inflater_finish(inflater, NULL);
    (void)inflater_free(inflater);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const Codec codecs[] = {CODEC_SNAPPY, CODEC_ZSTD, CODEC_GZIP, CODEC_ZLIB};
    static char exact[4096];

    if (len < 1)
        return 0;
    Str packed = str_make(bytes + 1, len - 1);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(codecs); i++) {
        Buf whole = {0};
        Status status = compress_decode(codecs[i], packed, PLAIN_BYTES_MAX, &whole, NULL);
        ASSERT(whole.len <= PLAIN_BYTES_MAX && (status == STATUS_OK || whole.len == 0));
        if (codecs[i] == CODEC_GZIP || codecs[i] == CODEC_ZLIB) {
            Buf pieces = {0};
            Status again = inflate_in_pieces(codecs[i], packed, bytes[0] % 31 + 1, &pieces);
            ASSERT((again == STATUS_OK) == (status == STATUS_OK));
            ASSERT(status != STATUS_OK || str_eq(buf_str(&whole), buf_str(&pieces)));
            buf_done(&pieces);
        }
        buf_done(&whole);
        (void)compress_decode_exact(codecs[i], packed, exact, sizeof exact, NULL);
    }
    (void)compress_decode_exact(CODEC_LZ4, packed, exact, sizeof exact, NULL);
    return 0;
}
