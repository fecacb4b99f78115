/* remote_write_api.h - POST /api/v1/write: Prometheus remote write 1.0 and 2.0
 * (prometheus.io/docs/specs/prw/remote_write_spec and remote_write_spec_2_0).
 *
 * 204 when everything is stored, durable and visible; 400 when the body cannot be decoded (nothing
 * is stored) or when some items were refused (the others are stored); 415 for another content type;
 * 503 with Retry-After when the server cannot take it now. Never 429, which senders drop.
 */
#ifndef LUMA_NET_PROM_REMOTE_WRITE_API_H
#define LUMA_NET_PROM_REMOTE_WRITE_API_H

#include "net/http/http.h"
#include "storage/engine/engine.h"

typedef struct RemoteWriteApi {
    Engine *engine;
    Pool *pool; /* decodes; never a loop */
} RemoteWriteApi;

/* Adds the route; `api` is borrowed until the router is freed. */
void remote_write_api_register(RemoteWriteApi *api, HttpRouter *router);

#endif
