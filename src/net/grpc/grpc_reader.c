/* grpc_reader.c - Length-Prefixed-Message (gRPC over HTTP2, "Requests").
 *
 * Limits are looked at when the length is known, before the message has come; a message takes no
 * more memory than a few times what has come of it, or what its decompression gave.
 */
#include "net/grpc/grpc_int.h"

static GrpcStatus fail(Error *err, GrpcStatus status, const char *message)
{
    (void)error_set(err, STATUS_INVALID, "%s", message);
    return status;
}

static GrpcStatus read_head(GrpcReader *reader, Error *err)
{
    const uint8_t *head = reader->head;

    reader->left = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
    if (head[0] > 1)
        return fail(err, GRPC_INTERNAL, "unknown flag in the frame of the message");
    if (head[0] && !reader->gzip)
        return fail(err, GRPC_INTERNAL, "the message is compressed but grpc-encoding names no way");
    if (reader->left > reader->message_bytes_max) {
        (void)error_set(err, STATUS_LIMIT, "message of %zu bytes is larger than %zu", reader->left,
                        reader->message_bytes_max);
        return GRPC_RESOURCE_EXHAUSTED;
    }
    if (head[0])
        reader->inflater = inflater_new(CODEC_GZIP, reader->message_bytes_max);
    return GRPC_OK;
}

/* Room for more of a message whose length was told: a lot at once, but a claim alone takes none. */
static void grow(const GrpcReader *reader, size_t more, Buf *message)
{
    size_t need = message->len + more;
    size_t want = LUMA_MIN(need * 4, message->len + reader->left);

    if (need > message->cap && want > need)
        (void)buf_reserve(message, want - message->len);
}

static GrpcStatus inflate(GrpcReader *reader, Str bytes, Buf *message, Error *err)
{
    switch (inflater_write(reader->inflater, bytes, message, err)) {
    case STATUS_OK:
        return GRPC_OK;
    case STATUS_LIMIT:
        (void)error_set(err, STATUS_LIMIT, "message is larger than %zu bytes when decompressed",
                        reader->message_bytes_max);
        return GRPC_RESOURCE_EXHAUSTED;
    default:
        return fail(err, GRPC_INTERNAL, "the message is not the gzip it claims to be");
    }
}

GrpcStatus grpc__reader_add(GrpcReader *reader, Str bytes, Buf *message, Error *err)
{
    GrpcStatus status = GRPC_OK;

    while (bytes.len && reader->head_len < GRPC_FRAME_HEAD_BYTES) {
        reader->head[reader->head_len++] = (uint8_t)bytes.ptr[0];
        bytes = str_sub(bytes, 1, bytes.len);
        if (reader->head_len == GRPC_FRAME_HEAD_BYTES)
            status = read_head(reader, err);
    }
    if (status != GRPC_OK || !bytes.len)
        return status;
    Str part = str_sub(bytes, 0, reader->left);
    if (reader->inflater) {
        status = inflate(reader, part, message, err);
    } else {
        grow(reader, part.len, message);
        buf_append_str(message, part);
    }
    reader->left -= part.len;
    if (status == GRPC_OK && part.len < bytes.len)
        return fail(err, GRPC_INTERNAL, "more than one message in a unary call");
    return status;
}

GrpcStatus grpc__reader_finish(GrpcReader *reader, Error *err)
{
    if (!reader->head_len)
        return fail(err, GRPC_INTERNAL, "no message in a unary call");
    if (reader->head_len < GRPC_FRAME_HEAD_BYTES || reader->left)
        return fail(err, GRPC_INTERNAL, "the message was cut");
    if (reader->inflater && inflater_finish(reader->inflater, NULL) != STATUS_OK)
        return fail(err, GRPC_INTERNAL, "the message is not the gzip it claims to be");
    return GRPC_OK;
}

void grpc__reader_done(GrpcReader *reader)
{
    reader->inflater = inflater_free(reader->inflater);
}
