/* otlp_grpc.h - OTLP over gRPC: the Export methods of the three collector services
 * (opentelemetry-proto collector/metrics, logs, trace).
 *
 * OK with partial_success when some items were refused; INVALID_ARGUMENT when the message cannot be
 * decoded; UNAVAILABLE with RetryInfo when the server cannot take it now.
 */
#ifndef LUMA_NET_OTLP_OTLP_GRPC_H
#define LUMA_NET_OTLP_OTLP_GRPC_H

#include "net/otlp/otlp_api.h"

/* Adds the three methods and the health service; `api` is borrowed until the router is freed. */
void otlp_grpc_register(OtlpApi *api, HttpRouter *router);

#endif
