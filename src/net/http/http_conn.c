/* http_conn.c - a new connection: which version of HTTP does it speak?
 *
 * Over TLS the handshake has agreed on it (ALPN). Otherwise a client of HTTP/2 with prior knowledge
 * begins with the preface (RFC 9113 3.4), which no HTTP/1.1 request begins with.
 */
#include "net/http/http_int.h"

static const Str preface = STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

static bool on_open(Connection *conn, void *ctx)
{
    HttpServer *server = ctx;

    if (str_eq(conn_alpn(conn), STR("h2")))
        (void)http2__conn_take(conn, server, (Str){0});
    else if (str_eq(conn_alpn(conn), STR("http/1.1")))
        (void)http1__conn_take(conn, server, (Str){0});
    else
        conn_set_timeout(conn, server->options.idle_timeout_ns);
    return true;
}

static size_t on_data(Connection *conn, Str bytes)
{
    HttpServer *server = conn_listener_ctx(conn);

    if (!bytes.len)
        return 0;
    if (bytes.len < preface.len && str_starts(preface, bytes)) {
        conn_set_timeout(conn, server->options.head_timeout_ns);
        return 0;
    }
    return str_starts(bytes, preface) ? http2__conn_take(conn, server, bytes)
                                      : http1__conn_take(conn, server, bytes);
}

static void on_timeout(Connection *conn)
{
    conn_close(conn);
}

static void on_close(Connection *conn)
{
    (void)conn;
}

const ConnOps http__conn_ops = {
    .on_open = on_open,
    .on_data = on_data,
    .on_timeout = on_timeout,
    .on_close = on_close,
};
