/* bans_api.h - what operators ban while the server runs, on the REST port, for the admin role:
 *
 *   GET    /api/v1/admin/bans            {"bans":[{"address":"192.0.2.0/24","seconds_left":59},
 * ...]} POST   /api/v1/admin/bans            {"address":"192.0.2.0/24","seconds":60}; no seconds =
 * for ever DELETE /api/v1/admin/bans?address=A  lifts it
 *
 * Bans of the configuration are listed with "configured":true and change with it. Bans are not kept
 * over a restart.
 */
#ifndef LUMA_NET_REST_BANS_API_H
#define LUMA_NET_REST_BANS_API_H

#include "net/admission/gate.h"
#include "net/http/http.h"

typedef struct BansApi {
    Gate *gate;
    /* For the audit log: "BAN" or "UNBAN", and what; may be NULL. */
    void (*on_change)(void *ctx, const HttpRequest *req, const char *action, Str address);
    void *ctx;
} BansApi;

/* Adds the routes; `api` is borrowed until the router is freed. */
void bans_api_register(BansApi *api, HttpRouter *router);

#endif
