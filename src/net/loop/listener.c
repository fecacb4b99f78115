/* listener.c - listening sockets: bind, accept, refuse or hand over.
 *
 * Loop 0 accepts for all listeners and gives each connection to the loop that has the fewest. (With
 * SO_REUSEPORT the kernel would spread them by hash, unevenly when they are few, and a second
 * server could take the port of a running one.)
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "net/loop/loop_int.h"

enum {
    ACCEPT_BATCH = 64,    /* per turn of the loop */
    ACCEPT_RETRY_MS = 50, /* pause after running out of file descriptors */
    LISTEN_BACKLOG = 1024,
    CONNECTIONS_MAX_DEFAULT = 4096,
    INPUT_BYTES_DEFAULT = 256 << 10,
    OUTPUT_BYTES_DEFAULT = 4 << 20,
};

static const int64_t handshake_timeout_default_ns = 10 * NS_PER_SEC;

/* ---- accept ---- */

typedef struct Handover {
    LoopTask task;
    Loop *loop;
    Listener *listener;
    NetAddress peer;
    int fd;
} Handover;

static void run_handover(LoopTask *task)
{
    Handover *handover = LUMA_CONTAINER_OF(task, Handover, task);

    loop__conn_open(handover->loop, handover->listener, handover->fd, &handover->peer);
    mem_free(handover);
}

static Loop *least_loaded(Loops *loops)
{
    Loop *best = &loops->loops[0];
    int best_count = __atomic_load_n(&best->connection_count, __ATOMIC_RELAXED);

    for (int i = 1; i < loops->count; i++) {
        int count = __atomic_load_n(&loops->loops[i].connection_count, __ATOMIC_RELAXED);
        if (count < best_count) {
            best = &loops->loops[i];
            best_count = count;
        }
    }
    return best;
}

/* An IPv4 client of a dual-stack socket shows as IPv4. */
static void unmap(NetAddress *address)
{
    if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
        return;
    NetAddress v4 = {.v4 = {.sin_family = AF_INET, .sin_port = address->v6.sin6_port}};
    memcpy(&v4.v4.sin_addr, &address->v6.sin6_addr.s6_addr[12], 4);
    *address = v4;
}

static void refuse(Listener *listener, int fd, bool say)
{
    Str words = listener->options.refusal;

    if (say && words.len && listener->options.tls_mode != TLS_IMPLICIT)
        (void)send(fd, words.ptr, words.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
    (void)close(fd);
}

/* Asks for admission; refuses or hands the socket over. */
static void admit(Listener *listener, int fd, const NetAddress *peer)
{
    const Access *access = &listener->options.access;
    AccessVerdict verdict = ACCESS_GRANTED;

    if (__atomic_load_n(&listener->connection_count, __ATOMIC_RELAXED) >=
        listener->options.connections_max) {
        counter_add(COUNTER_CONNECTIONS_REFUSED_FULL, 1);
        refuse(listener, fd, true);
        return;
    }
    if (access->ops && access->ops->on_accept)
        verdict = access->ops->on_accept(access->ctx, listener->options.name, peer);
    if (verdict != ACCESS_GRANTED) {
        counter_add(COUNTER_CONNECTIONS_REFUSED_ACCESS, 1);
        refuse(listener, fd, verdict != ACCESS_BANNED);
        return;
    }
    counter_add(COUNTER_CONNECTIONS_OPENED, 1);
    counter_add(COUNTER_CONNECTIONS_OPEN, 1);
    (void)__atomic_fetch_add(&listener->connection_count, 1, __ATOMIC_RELAXED);
    Loop *loop = least_loaded(listener->loops);
    loop__count(loop, 1);
    if (loop_is_current(loop)) {
        loop__conn_open(loop, listener, fd, peer);
        return;
    }
    Handover *handover = MEM_NEW(Handover);
    *handover = (Handover){{.run = run_handover}, loop, listener, *peer, fd};
    loop_post(loop, &handover->task);
}

void loop__listener_release(Listener *listener, const NetAddress *peer)
{
    const Access *access = &listener->options.access;

    counter_add(COUNTER_CONNECTIONS_OPEN, -1);
    (void)__atomic_fetch_sub(&listener->connection_count, 1, __ATOMIC_RELAXED);
    if (access->ops && access->ops->on_release)
        access->ops->on_release(access->ctx, listener->options.name, peer);
}

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void on_retry(uv_timer_t *timer)
{
    Listener *listener = timer->data;
    if (listener->poll)
        (void)uv_poll_start(listener->poll, UV_READABLE, on_acceptable);
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    Listener *listener = poll->data;
    (void)status;
    (void)events;

    for (int i = 0; i < ACCEPT_BATCH; i++) {
        NetAddress peer = {0};
        socklen_t len = sizeof peer;
        int fd = accept4(listener->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->starving = false;
            unmap(&peer);
            admit(listener, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The socket stays readable: without a pause the loop would spin. */
            if (!listener->starving)
                LOG_WARN("cannot accept connections", LOG_FIELD("error", LOG_STR(strerror(errno))));
            listener->starving = true;
            (void)uv_poll_stop(poll);
            (void)uv_timer_start(&listener->retry, on_retry, ACCEPT_RETRY_MS, 0);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
        /* Others (ECONNABORTED, EPERM …) concern one client only. */
    }
}

/* ---- open and close ---- */

static Status bind_socket(Listener *listener, NetAddress *address, Error *err)
{
    static const int on = 1;
    static const int off = 0;
    bool dual = address->any.sa_family == AF_INET6 && net_address_is_any(address);
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char text[64];

    if (fd < 0 && errno == EAFNOSUPPORT && dual) {
        /* A machine without IPv6. */
        NetAddress v4 = {.v4 = {.sin_family = AF_INET, .sin_port = address->v6.sin6_port}};
        *address = v4;
        dual = false;
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd < 0)
        return error_set_errno(err, errno, "cannot make a socket for %s", listener->options.name);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual ? &off : &on, sizeof on);
    socklen_t len = address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
    if (bind(fd, &address->any, len) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        Status status = error_set_errno(err, errno, "cannot listen on %s for %s",
                                        net_address_format(address, text), listener->options.name);
        (void)close(fd);
        return status;
    }
    len = sizeof listener->address;
    ASSERT(getsockname(fd, &listener->address.any, &len) == 0);
    listener->fd = fd;
    return STATUS_OK;
}

static void start_polling(void *arg)
{
    Listener *listener = arg;
    Loop *loop = &listener->loops->loops[0];

    listener->poll = MEM_NEW(uv_poll_t);
    listener->poll->data = listener;
    ASSERT(uv_poll_init(&loop->uv, listener->poll, listener->fd) == 0);
    ASSERT(uv_timer_init(&loop->uv, &listener->retry) == 0);
    listener->retry.data = listener;
    ASSERT(uv_poll_start(listener->poll, UV_READABLE, on_acceptable) == 0);
}

static void on_poll_closed(uv_handle_t *handle)
{
    mem_free(handle);
}

void loop__listener_stop(void *arg)
{
    Listener *listener = arg;

    if (!listener->poll)
        return;
    uv_close((uv_handle_t *)listener->poll, on_poll_closed);
    uv_close((uv_handle_t *)&listener->retry, NULL);
    listener->poll = NULL;
    (void)close(listener->fd);
    listener->fd = -1;
}

void listener_stop(Listener *listener)
{
    loop__call(&listener->loops->loops[0], loop__listener_stop, listener);
}

void loop__listener_free(Listener *listener)
{
    mem_free(listener);
}

/* "h2,http/1.1" as OpenSSL wants it: each name behind its length. */
static void encode_alpn(Listener *listener)
{
    Str rest = str_from(listener->options.alpn);
    Str name;

    while (str_split(&rest, ',', &name)) {
        ASSERT(name.len > 0 && listener->alpn_len + 1 + name.len <= sizeof listener->alpn_wire);
        listener->alpn_wire[listener->alpn_len++] = (uint8_t)name.len;
        memcpy(listener->alpn_wire + listener->alpn_len, name.ptr, name.len);
        listener->alpn_len += (unsigned)name.len;
    }
}

Status listener_new(Loops *loops, const ListenerOptions *options, Listener **ret_listener,
                    Error *err)
{
    NetAddress address;

    ASSERT(options->ops && options->ops->on_open && options->ops->on_data &&
           options->ops->on_close);
    ASSERT(options->tls_mode == TLS_OFF || options->tls);
    TRY(net_address_parse(options->address, &address, err));
    CLEANUP(mem_freep) Listener *listener = MEM_NEW(Listener);
    listener->options = *options;
    listener->options.address = NULL;
    ListenerOptions *o = &listener->options;
    if (!o->connections_max)
        o->connections_max = CONNECTIONS_MAX_DEFAULT;
    if (!o->input_bytes_max)
        o->input_bytes_max = INPUT_BYTES_DEFAULT;
    if (!o->output_bytes_high)
        o->output_bytes_high = OUTPUT_BYTES_DEFAULT;
    if (!o->handshake_timeout_ns)
        o->handshake_timeout_ns = handshake_timeout_default_ns;
    listener->loops = loops;
    if (o->alpn)
        encode_alpn(listener);
    TRY(bind_socket(listener, &address, err));
    list_push_back(&loops->listeners, &listener->node);
    loop__call(&loops->loops[0], start_polling, listener);
    *ret_listener = STEAL(listener);
    return STATUS_OK;
}

const NetAddress *listener_address(const Listener *listener)
{
    return &listener->address;
}

const char *listener_name(const Listener *listener)
{
    return listener->options.name;
}

int listener_connection_count(const Listener *listener)
{
    return __atomic_load_n(&listener->connection_count, __ATOMIC_RELAXED);
}
