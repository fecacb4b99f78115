/* otlp_answer.h - the messages that OTLP answers with, in protobuf and JSON. Private to this
 * folder. */
#ifndef LUMA_NET_OTLP_OTLP_ANSWER_H
#define LUMA_NET_OTLP_OTLP_ANSWER_H

#include "ingest/otlp.h"

/* Export…ServiceResponse: partial_success when something was refused. */
void otlp__append_response(const OtlpWrite *write, bool json, Buf *out);
/* google.rpc.Status. */
void otlp__append_status(int code, Str message, bool json, Buf *out);
/* google.rpc.Code of a Status: INVALID 3, what may be tried again 14, others 13. */
int otlp__code_of(Status status);

#endif
