/* access.h - the questions every front door asks about a visitor.
 *
 * net/loop asks when a connection is accepted and when it is gone; a protocol asks when it holds
 * credentials. net/admission answers. The vocabulary stands here because net/http may not include
 * net/admission.
 *
 * Threads: the callbacks are called from any loop thread and must not block.
 */
#ifndef LUMA_NET_LOOP_ACCESS_H
#define LUMA_NET_LOOP_ACCESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/role.h"
#include "base/str.h"

/* One end of a socket: an IPv4 or IPv6 address with its port. */
typedef struct NetAddress {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
} NetAddress;

/* "127.0.0.1:9090", "[::1]:9090"; fits in 64 bytes. Returns `text`. */
char *net_address_format(const NetAddress *address, char text[64]);
/* The host alone, without brackets and port. Returns `text`. */
char *net_address_host(const NetAddress *address, char text[64]);
/* 127.0.0.0/8, ::1, or the first mapped into IPv6. */
bool net_address_is_loopback(const NetAddress *address);
/* 0.0.0.0 or ::. */
bool net_address_is_any(const NetAddress *address);
uint16_t net_address_port(const NetAddress *address);
/* Reads "127.0.0.1:0", "[::1]:9090", "localhost:80" or ":9090" (all addresses). A host name is
 * looked up, IPv4 first, which may block: not on a loop thread. STATUS_INVALID when it is no
 * address. */
Status net_address_parse(const char *text, NetAddress *ret_address, Error *err);

/* Who is asking, once known. */
typedef struct Principal {
    char user[64]; /* NUL-terminated; "" = anonymous */
    Role role;
} Principal;

typedef enum CredentialKind {
    CREDENTIAL_NONE,     /* nothing was presented */
    CREDENTIAL_PASSWORD, /* user and secret */
    CREDENTIAL_BEARER,   /* secret is a token */
} CredentialKind;

typedef struct Credentials {
    CredentialKind kind;
    Str user;        /* CREDENTIAL_PASSWORD */
    Str secret;      /* password or token */
    Str client_name; /* common name of a verified client certificate, or empty */
} Credentials;

typedef enum AccessVerdict {
    ACCESS_GRANTED,
    ACCESS_UNAUTHENTICATED, /* credentials are missing or wrong: HTTP 401, SQLSTATE 28P01 */
    ACCESS_FORBIDDEN,       /* known, but not allowed: HTTP 403, 42501 */
    ACCESS_BUSY,            /* over a limit; try again: HTTP 429 or 503, SQLSTATE 53300 */
    ACCESS_BANNED,          /* close without a word */
} AccessVerdict;

/* One question about credentials. The asker fills the first part, the answerer the second. */
typedef struct AccessCheck {
    const char *listener; /* name of the listener, static */
    NetAddress peer;
    Credentials credentials; /* borrowed until the answer */
    Role needs;              /* of what is asked for; ROLE_WRITE = a write */

    AccessVerdict verdict;
    Principal principal; /* valid when granted */
    int retry_after_s;   /* with ACCESS_BUSY */
    /* Called once when on_login returned false, by any thread; the asker sets it. */
    void (*done)(struct AccessCheck *check);
} AccessCheck;

typedef struct AccessOps {
    /* A connection was accepted; loop 0's thread. Anything but GRANTED closes it: BUSY sends the
     * listener's refusal bytes first. NULL = everybody may come in. */
    AccessVerdict (*on_accept)(void *ctx, const char *listener, const NetAddress *peer);
    /* A connection that was granted has gone. NULL = not interested. */
    void (*on_release)(void *ctx, const char *listener, const NetAddress *peer);
    /* Decides about credentials: true when *check holds the answer already, false when check->done
     * will bring it (work too long for a loop). Never NULL. */
    bool (*on_login)(void *ctx, AccessCheck *check);
} AccessOps;

/* Both NULL = everybody is admin; for tests. */
typedef struct Access {
    const AccessOps *ops;
    void *ctx;
} Access;

#endif
