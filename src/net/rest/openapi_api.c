#include "net/rest/openapi_api.h"

/* tools/embed.py makes them of openapi.json. */
extern const unsigned char openapi_json[];
extern const size_t openapi_json_len;

static void on_openapi(HttpRequest *req, void *ctx)
{
    http_respond_str(req, 200, STR("application/json"), str_make(openapi_json, openapi_json_len));
}

void openapi_api_register(HttpRouter *router)
{
    http_router_add(router, &(HttpRoute){.methods = HTTP_GET,
                                         .pattern = "/api/v1/openapi.json",
                                         .flags = HTTP_ROUTE_NO_AUTH,
                                         .handler = on_openapi});
}
