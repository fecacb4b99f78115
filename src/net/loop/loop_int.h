/* loop_int.h - the inside of net/loop.
 *
 * Threads: a Loop and all Connections on it are confined to its thread, except the fields marked
 * atomic or guarded. uv handles are touched by their loop's thread only.
 */
#ifndef LUMA_NET_LOOP_LOOP_INT_H
#define LUMA_NET_LOOP_LOOP_INT_H

#include <openssl/ssl.h>
#include <uv.h>

#include "base/list.h"
#include "base/thread.h"
#include "net/loop/loop.h"

enum {
    LOOP_READ_BYTES = 64 << 10, /* one read from a socket at most */
};

struct Loop {
    uv_loop_t uv;
    uv_async_t wake;      /* rung when the inbox gets its first task */
    uv_prepare_t prepare; /* before each wait: resumed connections, then output */
    Thread thread;
    Loops *loops;
    int idx;
    LoopTask *inbox;      /* atomic: see loop_post */
    ListNode connections; /* all that live here */
    ListNode dirty;       /* with output to flush at the end of this turn */
    ListNode ready;       /* resumed, input to be shown */
    ListNode timers;      /* LoopTimers */
    int connection_count; /* atomic, relaxed: accepted for this loop and not yet freed */
    bool stopping;        /* closes what still arrives */
    char *read_bytes;     /* LOOP_READ_BYTES, for every read of this loop */
    char *plain_bytes;    /* LOOP_READ_BYTES, decrypted; NULL until the first TLS connection */
};

struct Loops {
    Loop *loops;
    int count;
    unsigned next;            /* atomic, relaxed: turns of loops_next */
    int64_t output_bytes;     /* atomic, relaxed: of all connections */
    int64_t output_bytes_max; /* immutable; 0 = no bound */
    int draining;             /* atomic, relaxed: set once by loops_drain */
    Mutex lock;
    Cond changed;       /* a connection was freed */
    int alive_count;    /* guarded by lock: connections accepted and not yet freed */
    ListNode listeners; /* guarded by lock */
};

struct Listener {
    ListNode node; /* in loops->listeners */
    Loops *loops;
    ListenerOptions options; /* immutable; defaults filled in */
    NetAddress address;
    int fd;
    uv_poll_t *poll;       /* loop 0; NULL when stopped */
    uv_timer_t retry;      /* loop 0; after EMFILE */
    bool starving;         /* loop 0; no descriptors were left, and that was logged */
    uint8_t alpn_wire[64]; /* the ALPN list as length-prefixed names */
    unsigned alpn_len;
    int connection_count; /* atomic, relaxed */
};

/* Output that waits for the kernel (or for encryption): fixed blocks, which never move. */
typedef struct OutChunk {
    struct OutChunk *next;
    char *ptr;
    size_t pos; /* sent up to here */
    size_t len; /* filled up to here */
    size_t cap;
} OutChunk;

typedef struct OutQueue {
    OutChunk *head;
    OutChunk *tail;
    size_t bytes;
} OutQueue;

void loop__queue_copy(OutQueue *queue, const char *bytes, size_t len);
void loop__queue_take(OutQueue *queue, Buf *take);
void loop__queue_consume(OutQueue *queue, size_t len);
void loop__queue_clear(OutQueue *queue);

typedef enum ConnState {
    CONN_HANDSHAKE, /* implicit TLS, on_open not yet called */
    CONN_OPEN,
    CONN_CLOSING,   /* sends what is queued, drops input */
    CONN_LINGERING, /* our end is shut down; drops input until the client's end */
    CONN_CLOSED,    /* handles are closing or closed */
} ConnState;

struct Connection {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write_req;
    uv_shutdown_t shutdown_req;
    ListNode node;       /* in loop->connections */
    ListNode dirty_node; /* in loop->dirty, or alone */
    ListNode ready_node; /* in loop->ready, or alone */
    Loop *loop;
    Listener *listener;
    const ConnOps *ops;
    void *user;
    NetAddress peer;
    NetAddress local;
    int refs;  /* atomic: acquire-release on the way to zero */
    int state; /* ConnState; atomic: written by the loop, read by any thread, orders nothing */
    int handles_open;    /* uv handles whose close callback is still to come */
    bool opened;         /* on_open was called, so on_close will be */
    bool paused;         /* by conn_pause */
    bool overfull;       /* by input_bytes_max; cleared by conn_resume */
    bool reading;        /* uv_read_start is in force */
    bool eof;            /* the client will send no more */
    bool eof_told;       /* on_eof was called */
    bool shut;           /* close_notify and shutdown were sent */
    bool in_data;        /* inside on_data */
    bool drained;        /* on_drained is due */
    bool write_active;   /* write_req is with libuv; the head of `wire` is pinned */
    size_t write_bytes;  /* length of that write */
    size_t shown_bytes;  /* length of what on_data sees now */
    size_t linger_bytes; /* dropped while closing */
    int64_t deadline_ns; /* of conn_set_timeout, 0 = none */
    int64_t armed_ns;    /* when the uv timer fires, 0 = idle */
    Buf in;              /* shown to on_data and not used */
    OutQueue plain;      /* TLS only: output before encryption */
    OutQueue wire;       /* output for the kernel */
    SSL *ssl;            /* NULL = plain bytes */
    bool handshake_done;
    char client_name[128]; /* of the client certificate */

    Mutex lock;
    Cond writable;        /* not congested any more, or closed */
    int64_t output_bytes; /* written under lock, read by any thread (atomic, relaxed) */
    bool congested;       /* likewise */
};

/* loop.c: runs fn(arg) on the loop's thread and waits for it. Not from a loop thread. */
void loop__call(Loop *loop, void (*fn)(void *arg), void *arg);
/* loop.c: a connection was accepted (+1) or freed (-1). */
void loop__count(Loop *loop, int delta);

/* connection.c: makes a connection of an accepted socket; takes fd. */
void loop__conn_open(Loop *loop, Listener *listener, int fd, const NetAddress *peer);
void loop__conn_drain(Connection *conn);
/* Flushes and calls what became due; end of a turn. */
void loop__conn_flush(Connection *conn);
/* Shows kept input again; after conn_resume. */
void loop__conn_ready(Connection *conn);
/* Hands decrypted or plain input to the protocol. */
void loop__conn_deliver(Connection *conn, const char *bytes, size_t len);
void loop__conn_set_state(Connection *conn, ConnState state);
/* Adds to output_bytes and keeps `congested` true to it. */
void loop__conn_count(Connection *conn, int64_t delta);
void loop__conn_eof(Connection *conn);
/* Calls on_open. */
void loop__conn_opened(Connection *conn);
void loop__conn_mark_dirty(Connection *conn);

/* listener.c: an admitted connection has gone. */
void loop__listener_release(Listener *listener, const NetAddress *peer);
/* listener.c: frees a stopped listener. */
void loop__listener_free(Listener *listener);
/* listener.c: stops accepting; loop 0's thread. */
void loop__listener_stop(void *listener);

/* tls.c */
Status loop__tls_start(Connection *conn, Error *err);
void loop__tls_done(Connection *conn);
/* Bytes from the socket. */
void loop__tls_input(Connection *conn, const char *bytes, size_t len);
/* Decrypts while the protocol wants it. */
void loop__tls_pump(Connection *conn);
/* Moves plain output through OpenSSL into `wire`. */
void loop__tls_encrypt(Connection *conn);
/* Queues close_notify. */
void loop__tls_shutdown(Connection *conn);

#endif
