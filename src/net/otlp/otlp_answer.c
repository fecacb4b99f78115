#include "net/otlp/otlp_answer.h"

#include <inttypes.h>

#include "format/json/json.h"
#include "format/protobuf/protobuf.h"

static const char *const rejected_names[] = {[OTLP_METRICS] = "rejectedDataPoints",
                                             [OTLP_LOGS] = "rejectedLogRecords",
                                             [OTLP_TRACES] = "rejectedSpans"};

/* ExportXPartialSuccess: rejected 1, error_message 2. A message without a count is a warning. */
void otlp__append_response(const OtlpWrite *write, bool json, Buf *out)
{
    CLEANUP(buf_done) Buf message = {0};
    CLEANUP(buf_done) Buf partial = {0};
    bool whole = ingest_refused_total(&write->tally) == 0;

    if (whole && json)
        buf_append_lit(out, "{}");
    if (whole)
        return;
    ingest_describe_refusals(&write->tally, &message);
    if (json) {
        buf_printf(out, "{\"partialSuccess\":{\"%s\":\"%" PRIu64 "\",\"errorMessage\":",
                   rejected_names[write->signal], write->refused);
        json_append_string(out, buf_str(&message));
        buf_append_lit(out, "}}");
        return;
    }
    if (write->refused)
        pb_put_varint(&partial, 1, write->refused);
    pb_put_bytes(&partial, 2, buf_str(&message));
    pb_put_bytes(out, 1, buf_str(&partial));
}

void otlp__append_status(int code, Str message, bool json, Buf *out)
{
    if (!json) {
        pb_put_varint(out, 1, (uint64_t)code);
        pb_put_bytes(out, 2, message);
        return;
    }
    buf_printf(out, "{\"code\":%d,\"message\":", code);
    json_append_string(out, message);
    buf_append_lit(out, "}");
}

int otlp__code_of(Status status)
{
    switch (status) {
    case STATUS_INVALID:
        return 3; /* INVALID_ARGUMENT */
    case STATUS_LIMIT:
    case STATUS_NOMEM:
    case STATUS_UNAVAILABLE:
    case STATUS_IO:
    case STATUS_TIMEOUT:
        return 14; /* UNAVAILABLE */
    default:
        return 13; /* INTERNAL */
    }
}
