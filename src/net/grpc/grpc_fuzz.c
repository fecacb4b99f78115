/* grpc_fuzz.c - the frame of a message: what comes of it must not depend on how the bytes were cut,
 * and never exceeds its limit. The first byte says how they are cut and whether gzip was named. */
#include "net/grpc/grpc_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static GrpcStatus read_all(Str stream, size_t step, bool gzip, Buf *message, Error *err)
{
    GrpcReader reader = {.message_bytes_max = 4096, .gzip = gzip};
    GrpcStatus status = GRPC_OK;

    for (size_t at = 0; at < stream.len && status == GRPC_OK; at += step)
        status = grpc__reader_add(&reader, str_sub(stream, at, step), message, err);
    if (status == GRPC_OK)
        status = grpc__reader_finish(&reader, err);
    grpc__reader_done(&reader);
    ASSERT(message->len <= 4096);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    CLEANUP(buf_done) Buf whole = {0};
    CLEANUP(buf_done) Buf cut = {0};
    int64_t timeout_ns;
    Error err;

    if (len < 1)
        return 0;
    Str stream = str_make(bytes + 1, len - 1);
    bool gzip = bytes[0] & 1;
    GrpcStatus status = read_all(stream, stream.len + 1, gzip, &whole, &err);
    ASSERT(read_all(stream, bytes[0] / 2 % 61 + 1u, gzip, &cut, &err) == status);
    if (status == GRPC_OK)
        ASSERT(str_eq(buf_str(&whole), buf_str(&cut)));
    if (grpc__parse_timeout(stream, &timeout_ns))
        ASSERT(timeout_ns >= 0 && timeout_ns <= INT64_MAX / 2);
    return 0;
}
