/* http2_fuzz.c - a server that hears any bytes after the preface. Each input is one connection over
 * loopback: it must end when the client has shut its half, leave the budget empty, and the next one
 * must be served. The first byte says how the rest is cut. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "net/http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static MemBudget budget;

static void on_echo(HttpRequest *req, void *ctx)
{
    http_respond_str(req, 200, STR("text/plain"), req->body);
}

static const NetAddress *server_address(void)
{
    static HttpServer *server;

    if (!server) {
        static const HttpServerOptions options = {
            .listener = {.name = "fuzz", .address = "127.0.0.1:0"}, .budget = &budget};
        Loops *loops;
        HttpRouter *router = http_router_new();
        mem_budget_init(&budget, NULL, "request bodies", 4 << 20);
        http_router_add(router, &(HttpRoute){.methods = HTTP_GET | HTTP_POST,
                                             .pattern = "/a",
                                             .body_bytes_max = 4096,
                                             .handler = on_echo});
        ASSERT(loops_new(1, &loops, NULL) == STATUS_OK);
        ASSERT(http_server_new(loops, router, &options, &server, NULL) == STATUS_OK);
    }
    return http_server_address(server);
}

static void put(int fd, Str bytes)
{
    ssize_t n;

    while (bytes.len && (n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL)) > 0)
        bytes = str_sub(bytes, (size_t)n, SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const Str preface = STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");
    static const int on = 1;
    const NetAddress *address = server_address();
    char heard[4096];

    if (len < 1)
        return 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0 && connect(fd, &address->any, sizeof address->v4) == 0);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Str rest = str_make(bytes + 1, len - 1);
    size_t step = bytes[0] ? bytes[0] * 8u : rest.len + 1;
    put(fd, preface);
    for (size_t at = 0; at < rest.len; at += step)
        put(fd, str_sub(rest, at, step));
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, heard, sizeof heard, 0) > 0)
        continue;
    (void)close(fd);
    return 0;
}
