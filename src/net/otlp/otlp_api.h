/* otlp_api.h - OTLP over HTTP (OpenTelemetry protocol specification, "OTLP/HTTP").
 *
 *   POST /v1/metrics, /v1/logs, /v1/traces      protobuf or JSON, answered in the same encoding
 *   POST /api/v1/otlp/v1/metrics                where Prometheus has it
 *
 * 200 with partial_success when some items were refused; 400 when the body cannot be decoded; 503
 * with Retry-After when the server cannot take it now; never 429. Bodies of errors are
 * google.rpc.Status messages.
 */
#ifndef LUMA_NET_OTLP_OTLP_API_H
#define LUMA_NET_OTLP_OTLP_API_H

#include "ingest/otlp.h"
#include "net/http/http.h"

enum { OTLP_MESSAGE_BYTES_MAX = 32 << 20 }; /* decompressed */

typedef struct OtlpApi {
    OtlpIngest *ingest;
    Pool *pool; /* decodes; never a loop */
} OtlpApi;

/* Adds the /v1/ routes; `api` is borrowed until the router is freed. */
void otlp_api_register(OtlpApi *api, HttpRouter *router);
/* Adds Prometheus' path. */
void otlp_api_register_prometheus(OtlpApi *api, HttpRouter *router);

#endif
