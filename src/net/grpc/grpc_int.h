/* grpc_int.h - the inside of net/grpc. */
#ifndef LUMA_NET_GRPC_GRPC_INT_H
#define LUMA_NET_GRPC_GRPC_INT_H

#include "format/compress/compress.h"
#include "net/grpc/grpc.h"

enum { GRPC_FRAME_HEAD_BYTES = 5 }; /* flag, length in four bytes, the higher first */

/* ---- grpc_reader.c: the one length-prefixed message of a unary call, in any pieces ---- */

typedef struct GrpcReader {
    size_t message_bytes_max;
    bool gzip;                           /* the call's grpc-encoding */
    uint8_t head[GRPC_FRAME_HEAD_BYTES]; /* as far as it has come */
    size_t head_len;
    size_t left;        /* of the message on the wire */
    Inflater *inflater; /* of a compressed message */
} GrpcReader;

/* Appends the message's bytes, decompressed, to *message. Anything but GRPC_OK is final and has its
 * sentence in *err. */
GrpcStatus grpc__reader_add(GrpcReader *reader, Str bytes, Buf *message, Error *err);
/* The stream has ended: was it exactly one message? */
GrpcStatus grpc__reader_finish(GrpcReader *reader, Error *err);
void grpc__reader_done(GrpcReader *reader);

/* ---- grpc_status.c ---- */

/* The fields that tell of a status. */
typedef struct GrpcTrailers {
    HttpField fields[4];
    size_t count;
    char code[4];
    Buf message; /* percent-encoded */
    Buf details; /* base64 of a google.rpc.Status */
} GrpcTrailers;

void grpc__trailers_init(GrpcTrailers *trailers, GrpcStatus status, int64_t retry_after_ms,
                         Str message);
void grpc__trailers_add(GrpcTrailers *trailers, Str name, Str value);
void grpc__trailers_done(GrpcTrailers *trailers);
/* What gRPC calls an HTTP status with which the server refuses. */
GrpcStatus grpc__status_of_http(int status);
/* "10S", "250m": at most eight digits and a unit. Nanoseconds, INT64_MAX / 2 at most. */
bool grpc__parse_timeout(Str text, int64_t *ret_ns);

#endif
