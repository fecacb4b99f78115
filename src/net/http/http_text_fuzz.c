/* http_text_fuzz.c - forms, escapes, weights, base64 and the router on any bytes. */
#include "format/json/json.h"
#include "net/http/http_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void never_called(HttpRequest *req, void *ctx)
{
    (void)req;
    (void)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static HttpRouter *router;
    static const char *const patterns[] = {
        "/", "/a", "/a/{x}", "/a/{x}/b", "/{y}/{x}/{z}/b", "/r/{rest...}"};
    Str text = str_make(bytes, len);
    Str rest = text;
    Str out;
    int q;
    RouteMatch match;
    Arena arena;
    Buf json = {0};

    if (!router) {
        router = http_router_new();
        for (size_t i = 0; i < LUMA_ARRAY_LEN(patterns); i++)
            http_router_add(router, &(HttpRoute){.methods = HTTP_GET | HTTP_POST,
                                                 .pattern = patterns[i],
                                                 .handler = never_called});
    }
    arena_init(&arena, NULL);
    if (http_percent_decode(text, true, &arena, &out))
        ASSERT(out.len <= text.len);
    if (http__base64_decode(text, &arena, &out))
        ASSERT(out.len <= text.len);
    while (http__next_weighted(&rest, &out, &q))
        ASSERT(q >= 0 && q <= 1000);
    (void)http__accepted_coding(text);
    (void)http__is_compressible(text);
    if (http__router_find(router, HTTP_GET, text, &arena, &match) == STATUS_OK && match.route)
        ASSERT(match.param_count <= 3);
    json_append_string(&json, text);
    ASSERT(str_utf8_valid(buf_str(&json)));
    buf_done(&json);
    arena_done(&arena);
    return 0;
}
