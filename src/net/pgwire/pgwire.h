/* pgwire.h - the PostgreSQL front door: protocol 3.0 on its own listener.
 *
 *   pg_server_new(&options, &server, err);
 *   pg_server_listen(server, loops, "127.0.0.1:5432", tls, &listener, err);
 *   ...
 *   loops_drain(loops, ...);
 *   pg_server_stop(server);      // before the query pool ends
 *   pool_free(pool); loops_free(loops);
 *   pg_server_free(server);
 *
 * A connection's loop splits input into messages and authenticates; all that may take time runs as
 * one task at a time on the query pool, which encodes batches straight into output buffers. A slow
 * client parks its task, and so its query; nothing waits on a pool thread for it.
 */
#ifndef LUMA_NET_PGWIRE_PGWIRE_H
#define LUMA_NET_PGWIRE_PGWIRE_H

#include "net/admission/admission.h"
#include "net/loop/loop.h"
#include "query/query.h"

typedef struct PgServer PgServer;

typedef struct PgServerOptions {
    QueryEngine *queries;         /* borrowed */
    Pool *pool;                   /* the query pool; borrowed */
    Admission *admission;         /* borrowed; NULL = everybody is admin */
    size_t message_bytes_max;     /* of one message from a client; 0 = 64 MiB */
    uint32_t statements_max;      /* prepared statements plus portals of a connection; 0 = 10000 */
    int connections_max;          /* at a time; 0 = the listener's own default */
    int64_t handshake_timeout_ns; /* from connecting to the end of authentication; 0 = 60 s */
} PgServerOptions;

Status pg_server_new(const PgServerOptions *options, PgServer **ret_server, Error *err);
/* Listens; `tls` NULL = answers SSLRequest with N. Main thread. The server must outlive the loops.
 */
Status pg_server_listen(PgServer *server, Loops *loops, const char *address, Tls *tls,
                        Listener **ret_listener, Error *err);
/* No task is submitted to the pool any more: call before the pool ends. */
void pg_server_stop(PgServer *server);
/* After loops_free. NULL is fine; returns NULL. */
PgServer *pg_server_free(PgServer *server);

#endif
