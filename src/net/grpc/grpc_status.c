/* grpc_status.c - statuses as gRPC words them: codes, grpc-message, grpc-status-details-bin. */
#include <stdio.h>

#include "base/clock.h"
#include "format/protobuf/protobuf.h"
#include "net/grpc/grpc_int.h"

GrpcStatus grpc_status_of(Status status)
{
    switch (status) {
    case STATUS_OK:
        return GRPC_OK;
    case STATUS_CANCELLED:
        return GRPC_CANCELLED;
    case STATUS_INVALID:
        return GRPC_INVALID_ARGUMENT;
    case STATUS_NOT_FOUND:
        return GRPC_NOT_FOUND;
    case STATUS_EXISTS:
        return GRPC_ALREADY_EXISTS;
    case STATUS_UNSUPPORTED:
        return GRPC_UNIMPLEMENTED;
    case STATUS_LIMIT:
    case STATUS_NOMEM:
        return GRPC_RESOURCE_EXHAUSTED;
    case STATUS_TIMEOUT:
        return GRPC_DEADLINE_EXCEEDED;
    case STATUS_UNAVAILABLE:
        return GRPC_UNAVAILABLE;
    case STATUS_DENIED:
        return GRPC_PERMISSION_DENIED;
    case STATUS_CONFLICT:
        return GRPC_ABORTED;
    case STATUS_IO:
    case STATUS_CORRUPT:
    case STATUS_INTERNAL:
        return GRPC_INTERNAL;
    }
    return GRPC_INTERNAL;
}

GrpcStatus grpc__status_of_http(int status)
{
    switch (status) {
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
    case 421:
        return GRPC_PERMISSION_DENIED;
    case 404:
    case 405:
    case 415:
    case 501:
        return GRPC_UNIMPLEMENTED;
    case 408:
        return GRPC_DEADLINE_EXCEEDED;
    case 413:
    case 414:
    case 429:
    case 431:
        return GRPC_RESOURCE_EXHAUSTED;
    case 503:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_INTERNAL;
    }
}

/* ---- words ---- */

/* Status-Message: all but printable ASCII, and '%', as %XX. */
static void percent_encode(Str text, Buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c <= 0x7E && c != '%')
            buf_append_byte(out, c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

/* Without padding, as binary metadata are written. */
static void base64_encode(Str bytes, Buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = LUMA_MIN((size_t)3, bytes.len - i);
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < n ? (uint8_t)bytes.ptr[i + j] : 0);
        for (size_t j = 0; j <= n; j++)
            buf_append_byte(out, (uint8_t)digits[bits >> (18 - 6 * j) & 63]);
    }
}

/* google.rpc.Status {code = 1, message = 2, details = 3} with a google.rpc.RetryInfo {retry_delay =
 * 1} in an Any {type_url = 1, value = 2}; a Duration is {seconds = 1, nanos = 2}. */
static void encode_details(GrpcStatus status, int64_t retry_after_ms, Str message, Buf *out)
{
    CLEANUP(buf_done) Buf duration = {0};
    CLEANUP(buf_done) Buf info = {0};
    CLEANUP(buf_done) Buf any = {0};
    CLEANUP(buf_done) Buf all = {0};

    pb_put_varint(&duration, 1, (uint64_t)(retry_after_ms / 1000));
    pb_put_varint(&duration, 2, (uint64_t)(retry_after_ms % 1000 * NS_PER_MS));
    pb_put_bytes(&info, 1, buf_str(&duration));
    pb_put_bytes(&any, 1, STR("type.googleapis.com/google.rpc.RetryInfo"));
    pb_put_bytes(&any, 2, buf_str(&info));
    pb_put_varint(&all, 1, (uint64_t)status);
    pb_put_bytes(&all, 2, message);
    pb_put_bytes(&all, 3, buf_str(&any));
    base64_encode(buf_str(&all), out);
}

void grpc__trailers_add(GrpcTrailers *trailers, Str name, Str value)
{
    ASSERT(trailers->count < LUMA_ARRAY_LEN(trailers->fields));
    trailers->fields[trailers->count++] = (HttpField){name, value};
}

void grpc__trailers_init(GrpcTrailers *trailers, GrpcStatus status, int64_t retry_after_ms,
                         Str message)
{
    *trailers = (GrpcTrailers){.count = 0};
    (void)snprintf(trailers->code, sizeof trailers->code, "%u", (unsigned)status % 100);
    grpc__trailers_add(trailers, STR("grpc-status"), str_from(trailers->code));
    if (message.len) {
        percent_encode(message, &trailers->message);
        grpc__trailers_add(trailers, STR("grpc-message"), buf_str(&trailers->message));
    }
    if (retry_after_ms >= 0) {
        encode_details(status, retry_after_ms, message, &trailers->details);
        grpc__trailers_add(trailers, STR("grpc-status-details-bin"), buf_str(&trailers->details));
    }
}

void grpc__trailers_done(GrpcTrailers *trailers)
{
    buf_done(&trailers->message);
    buf_done(&trailers->details);
}

/* ---- grpc-timeout ---- */

bool grpc__parse_timeout(Str text, int64_t *ret_ns)
{
    static const struct {
        char unit;
        int64_t ns;
    } units[] = {{'H', 3600 * NS_PER_SEC}, {'M', 60 * NS_PER_SEC}, {'S', NS_PER_SEC},
                 {'m', NS_PER_MS},         {'u', NS_PER_US},       {'n', 1}};
    uint64_t value = 0;

    if (text.len < 2 || text.len > 9)
        return false;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    for (size_t i = 0; i < LUMA_ARRAY_LEN(units); i++) {
        if (units[i].unit != text.ptr[text.len - 1])
            continue;
        int64_t most = INT64_MAX / 2 / units[i].ns;
        *ret_ns = (int64_t)value > most ? INT64_MAX / 2 : (int64_t)value * units[i].ns;
        return true;
    }
    return false;
}
