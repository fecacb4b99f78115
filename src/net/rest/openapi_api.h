/* openapi_api.h - GET /api/v1/openapi.json: openapi.json of this folder, which describes the REST
 * port; test/rest/suite_openapi.py holds it against the server. */
#ifndef LUMA_NET_REST_OPENAPI_API_H
#define LUMA_NET_REST_OPENAPI_API_H

#include "net/http/http.h"

void openapi_api_register(HttpRouter *router);

#endif
