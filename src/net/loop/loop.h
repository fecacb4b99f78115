/* loop.h - event loops, timers, listeners and connections.
 *
 *   Loops *loops;
 *   TRY(loops_new(0, &loops, err));
 *   TRY(listener_new(loops, &(ListenerOptions){.name = "echo", .address = "127.0.0.1:0",
 *                                              .ops = &echo_ops, .ctx = echo}, &listener, err));
 *   ...
 *   loops_drain(loops, 10 * NS_PER_SEC);
 *   loops_free(loops);
 *
 * A few libuv loops, each on its own thread. Loop 0 accepts and hands each connection to the loop
 * that has the fewest; it stays there for life, and everything about it happens on that thread.
 * Other threads reach a loop by loop_post, and a connection by conn_post_write while they hold a
 * reference.
 *
 * Nothing here blocks a loop, except loops_new, listener_new, loops_drain and loops_free, which are
 * for the main thread, and conn_wait_writable, which is for worker threads.
 */
#ifndef LUMA_NET_LOOP_LOOP_H
#define LUMA_NET_LOOP_LOOP_H

#include "base/buf.h"
#include "base/str.h"
#include "net/loop/access.h"

typedef struct Loops Loops;
typedef struct Loop Loop;
typedef struct LoopTimer LoopTimer;
typedef struct Listener Listener;
typedef struct Connection Connection;
typedef struct Tls Tls;

/* ---- loops ---- */

/* Starts `count` loops; 0 = min(2, cores). */
Status loops_new(int count, Loops **ret_loops, Error *err);
/* Bounds the output that waits in all connections together: above `bytes` (0 = no bound) a
 * connection is congested by 64 KiB. Before the first listener. */
void loops_set_output_max(Loops *loops, int64_t bytes);
/* Counts output that waits elsewhere for a connection of this loop. Any thread. */
void loop_output_count(Loop *loop, int64_t delta);
/* The mark above which a producer of output waits; `bytes` while all is well. Any thread. */
int64_t loop_output_mark(const Loop *loop, int64_t bytes);
/* Closes every listener and connection at once, runs tasks posted so far, ends the threads. Threads
 * that post must have ended before. NULL is fine; returns NULL. */
Loops *loops_free(Loops *loops);
int loops_count(const Loops *loops);
Loop *loops_get(Loops *loops, int idx);
/* Any loop, in turns; for work that belongs to no connection. Any thread. */
Loop *loops_next(Loops *loops);
/* Stops accepting, tells every connection (on_drain), waits until all are closed or `timeout_ns`
 * has passed and closes the rest. Main thread. */
void loops_drain(Loops *loops, int64_t timeout_ns);

/* A message to a loop; embedded in the sender's struct. */
typedef struct LoopTask {
    struct LoopTask *next;
    void (*run)(struct LoopTask *task); /* on the loop's thread; may free the task */
} LoopTask;

/* Any thread. Tasks of one sender run in the order they were posted, never inside the call. */
void loop_post(Loop *loop, LoopTask *task);
bool loop_is_current(const Loop *loop);
/* Has loops_drain or loops_free begun? Any thread. */
bool loop_is_draining(const Loop *loop);
/* Monotonic nanoseconds as of this turn of the loop. Loop thread. */
int64_t loop_now_ns(const Loop *loop);
/* The libuv loop, for libraries that bring their own handles (libcurl). Loop thread. */
struct uv_loop_s *loop_uv(Loop *loop);

/* Timers: loop thread only. */
LoopTimer *loop_timer_new(Loop *loop, void (*on_fire)(void *ctx), void *ctx);
/* Fires after delay_ns, then every repeat_ns (0 = once). Restarts a running one. 1 ms grain. */
void loop_timer_start(LoopTimer *timer, int64_t delay_ns, int64_t repeat_ns);
void loop_timer_stop(LoopTimer *timer);
/* on_fire is not called any more. NULL is fine; returns NULL. */
LoopTimer *loop_timer_free(LoopTimer *timer);

/* ---- protocols ---- */

/* A protocol. All callbacks run on the connection's loop thread; those marked optional may be NULL.
 */
typedef struct ConnOps {
    /* A new connection (with implicit TLS: after the handshake). `ctx` is the listener's. Keep own
     * state with conn_set_user. Returning false closes it; on_close still follows. */
    bool (*on_open)(Connection *conn, void *ctx);
    /* Bytes from the client, those left over from last time first. Returns how many were used, at
     * most bytes.len; the rest is shown again when more arrives or after conn_resume. Bytes are
     * gone after the return. When more than input_bytes_max stay unused, reading pauses until
     * conn_resume. */
    size_t (*on_data)(Connection *conn, Str bytes);
    /* Optional. The client will send no more (it may still read). NULL = conn_close. */
    void (*on_eof)(Connection *conn);
    /* Optional. Output was above the high-water mark and has fallen to the low one. */
    void (*on_drained)(Connection *conn);
    /* Optional. The time of conn_set_timeout is over; the timer is off. NULL = conn_abort. */
    void (*on_timeout)(Connection *conn);
    /* Optional. The server is stopping: finish what is under way, then conn_close. NULL =
     * conn_close. */
    void (*on_drain)(Connection *conn);
    /* The last call; free your state. The connection may be used only by conn_unref afterwards. */
    void (*on_close)(Connection *conn);
} ConnOps;

/* ---- listeners ---- */

typedef enum TlsMode {
    TLS_OFF,      /* plain bytes */
    TLS_IMPLICIT, /* a handshake comes first (HTTPS) */
    TLS_START,    /* plain until conn_start_tls (PostgreSQL) */
} TlsMode;

typedef struct ListenerOptions {
    const char *name;    /* static; stands in logs and counters: "http", "postgres" */
    const char *address; /* as net_address_parse */
    const ConnOps *ops;  /* borrowed until the listener is gone */
    void *ctx;           /* given to on_open */
    Access access;       /* asked at accept; zero = everybody */
    Tls *tls;            /* borrowed; needed unless TLS_OFF */
    TlsMode tls_mode;
    const char *alpn;             /* comma-separated, best first: "h2,http/1.1"; NULL = no ALPN */
    Str refusal;                  /* sent in plain before closing when over a limit; borrowed */
    int connections_max;          /* 0 = 4096 */
    size_t input_bytes_max;       /* unconsumed input held per connection; 0 = 256 KiB */
    size_t output_bytes_high;     /* high-water mark; 0 = 4 MiB. The low one is a quarter */
    int64_t handshake_timeout_ns; /* for the TLS handshake; 0 = 10 s */
} ListenerOptions;

/* Binds, listens and accepts from now on. The address in use gives STATUS_IO. Main thread. */
Status listener_new(Loops *loops, const ListenerOptions *options, Listener **ret_listener,
                    Error *err);
/* What it is bound to, with the real port. Any thread. */
const NetAddress *listener_address(const Listener *listener);
const char *listener_name(const Listener *listener);
int listener_connection_count(const Listener *listener);
/* Stops accepting and closes the port; connections live on. Main thread; freed by loops_free. */
void listener_stop(Listener *listener);

/* ---- TLS ---- */

typedef struct TlsOptions {
    const char *cert_file;      /* PEM chain */
    const char *key_file;       /* PEM */
    const char *client_ca_file; /* PEM; NULL = client certificates are not asked for */
    bool client_required;       /* refuse clients without a certificate of that CA */
} TlsOptions;

/* Reads the files (options are copied). STATUS_INVALID or STATUS_IO with OpenSSL's words. */
Status tls_new(const TlsOptions *options, Tls **ret_tls, Error *err);
/* Reads the files again, for new connections; on failure the old ones stay. Main thread. */
Status tls_reload(Tls *tls, Error *err);
/* After loops_free. NULL is fine; returns NULL. */
Tls *tls_free(Tls *tls);

/* ---- connections: loop thread, except where a function says "any thread" ---- */

Loop *conn_loop(const Connection *conn); /* any thread */
void *conn_user(const Connection *conn);
void conn_set_user(Connection *conn, void *user);
/* From now on another protocol gets the callbacks, without on_open; inside on_open or on_data. */
void conn_set_ops(Connection *conn, const ConnOps *ops);
void *conn_listener_ctx(const Connection *conn);
Listener *conn_listener(const Connection *conn);
const NetAddress *conn_peer(const Connection *conn);  /* any thread */
const NetAddress *conn_local(const Connection *conn); /* any thread */

/* A reference keeps the memory, not the socket: after the close writes are dropped. Any thread. */
Connection *conn_ref(Connection *conn);
Connection *conn_unref(Connection *conn); /* NULL is fine; returns NULL */
/* Closed or closing. Any thread; a closing may be under way elsewhere. */
bool conn_is_closed(const Connection *conn);

/* Queues output; it leaves at the end of the loop's turn. The first copies, the second takes the
 * bytes (the Buf is empty afterwards). Dropped after a close. Never blocks: look at
 * conn_is_congested. */
void conn_write(Connection *conn, const void *bytes, size_t len);
void conn_write_buf(Connection *conn, Buf *take);
/* As conn_write_buf, from any thread that holds a reference. */
void conn_post_write(Connection *conn, Buf *take);
/* Bytes that were accepted and are not yet with the kernel. Any thread. */
int64_t conn_output_bytes(const Connection *conn);
/* Counts bytes that another thread has on its way to this connection (negative: they have arrived),
 * so that the marks see them. Any thread with a reference. */
void conn_count_output(Connection *conn, int64_t delta);
/* Above the high-water mark, and not yet back at the low one. Any thread. */
bool conn_is_congested(const Connection *conn);
/* Worker threads that hold a reference: waits while it is congested. STATUS_CANCELLED when it was
 * closed, STATUS_TIMEOUT at the deadline (clock_mono_ns). */
Status conn_wait_writable(Connection *conn, int64_t deadline_mono_ns, Error *err);

/* Stops and restarts reading; on_data shows what is left over, if anything, in the loop's next
 * turn. */
void conn_pause(Connection *conn);
void conn_resume(Connection *conn);

/* on_timeout in `timeout_ns` from now; replaces the former one; 0 = never. */
void conn_set_timeout(Connection *conn, int64_t timeout_ns);

/* Sends what is queued, tells the client the end, drops what still comes for a moment, closes. */
void conn_close(Connection *conn);
/* Closes now and drops queued output. */
void conn_abort(Connection *conn);

/* Inside on_data, after writing the plain-text answer: the bytes from here on are TLS. `used_bytes`
 * is what on_data is going to return; anything after it came before the handshake and is refused
 * with STATUS_DENIED (CVE-2021-23214): close then. */
Status conn_start_tls(Connection *conn, size_t used_bytes, Error *err);
/* Does the listener have a certificate? */
bool conn_can_tls(const Connection *conn);
bool conn_is_tls(const Connection *conn);
/* "TLSv1.3", or "" without TLS. */
const char *conn_tls_version(const Connection *conn);
/* Common name of the verified client certificate, "" when none. Valid as long as the connection. */
const char *conn_tls_client_name(const Connection *conn);
/* tls-server-end-point channel binding (RFC 5929 4.1): a hash of our certificate, at most 64 bytes.
 * Returns its length, 0 without TLS. */
size_t conn_tls_end_point(const Connection *conn, uint8_t out[64]);
/* The ALPN protocol agreed on, "" when none. */
Str conn_alpn(const Connection *conn);

#endif
