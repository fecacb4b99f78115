/* admission.h - who may come in, and as what: users, passwords, tokens, and the answers to
 * access.h.
 *
 * Without users everybody who comes over loopback is admin; admission_check_bind refuses to listen
 * wider then, unless anonymous access was allowed. With users, credentials are needed: PostgreSQL
 * asks for a user's verifier and runs SCRAM or MD5 itself; HTTP hands over what it was sent by
 * Access.on_login. Checking a password costs milliseconds on purpose (PBKDF2), so it runs on a
 * thread of its own, and one that was right is remembered for a minute under a keyed hash.
 *
 * Bans, connections of an address and its bucket of tokens for queries are the gate's (gate.h). A
 * write by a user who is known takes no token. Connections of a protocol are counted by its
 * listener.
 *
 * Threads: all functions from any thread.
 */
#ifndef LUMA_NET_ADMISSION_ADMISSION_H
#define LUMA_NET_ADMISSION_ADMISSION_H

#include "base/buf.h"
#include "net/admission/gate.h"
#include "net/loop/access.h"

typedef struct Admission Admission;

/* What PostgreSQL's authentication needs of a user (RFC 5803). */
typedef struct Verifier {
    Role role;
    int iterations;
    uint8_t salt[32];
    size_t salt_len;
    uint8_t stored_key[32];
    uint8_t server_key[32];
    char md5[36]; /* "md5" and 32 digits, NUL-terminated; "" = not kept */
} Verifier;

typedef enum AdmissionEventKind {
    ADMISSION_LOGIN,        /* credentials were checked and are right */
    ADMISSION_LOGIN_FAILED, /* they are wrong */
    ADMISSION_BAN,          /* the gate banned the address */
} AdmissionEventKind;

/* Borrowed during the call. */
typedef struct AdmissionEvent {
    AdmissionEventKind kind;
    const char *protocol; /* the listener's name */
    const NetAddress *peer;
    Str user;
    const char *reason; /* of a ban or a failure */
} AdmissionEvent;

typedef struct AdmissionOptions {
    bool allow_anonymous; /* who shows no credentials is admin, from anywhere */
    bool md5;             /* keep PostgreSQL's md5 verifier of passwords, too */
    /* Users made by SQL, who are looked for after the others: false = there is none who may log in
     * with a password. Any thread; must not wait. NULL = none. */
    bool (*find_user)(void *ctx, Str name, Verifier *ret_verifier);
    /* Is there any of them? */
    bool (*any_user)(void *ctx);
    /* For the audit log: any thread; must not wait. NULL = nobody wants to know. */
    void (*on_event)(void *ctx, const AdmissionEvent *event);
    void *ctx;
    int64_t (*clock_ns)(void); /* of the gate; NULL = clock_mono_ns */
} AdmissionOptions;

Status admission_new(const AdmissionOptions *options, Admission **ret_admission, Error *err);
/* After the loops that ask it. NULL is fine; returns NULL. */
Admission *admission_free(Admission *admission);

/* Adds or replaces a user (at most 63 bytes). `secret` is a password, or a verifier as PostgreSQL
 * prints it: "SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>"; ptr NULL = no password
 * fits, only a client certificate of that name does. */
Status admission_set_user(Admission *admission, Str name, Str secret, Role role, Error *err);
/* Drops all users and tokens that were not set since admission_begin_reload. */
void admission_begin_reload(Admission *admission);
void admission_end_reload(Admission *admission);
/* False when there is none. */
bool admission_remove_user(Admission *admission, Str name);
/* Adds a bearer token that acts as `name`; only its hash is kept. */
Status admission_set_token(Admission *admission, Str name, Str token, Role role, Error *err);

/* The user's verifier. For an unknown one: false, and a made-up verifier that stays the same for
 * that name, so that a failing login does not tell whether the user exists. */
bool admission_find_user(Admission *admission, Str name, Verifier *ret_verifier);
/* Needs this peer no credentials? Then *ret_role is what it may do: admin. (A user made by SQL
 * shows its own all the same.) */
bool admission_is_open(Admission *admission, const NetAddress *peer, Role *ret_role);
/* Is everybody admin from anywhere who shows no credentials (AdmissionOptions)? */
bool admission_allows_anonymous(const Admission *admission);
/* Reads a verifier as PostgreSQL prints it; md5 is left empty. */
Status admission_parse_verifier(Str text, Role role, Verifier *ret_verifier, Error *err);
/* Turns a password into such a verifier; takes milliseconds. A verifier stays as it is. */
Status admission_make_verifier(Str password, Buf *out, Error *err);
/* Its bans and limits. */
Gate *admission_gate(Admission *admission);
/* A protocol that checks logins itself (PostgreSQL's) tells how they ended. */
void admission_login_good(Admission *admission, const char *protocol, const NetAddress *peer,
                          Str user);
void admission_login_failed(Admission *admission, const char *protocol, const NetAddress *peer,
                            Str user);
/* A query of a connection that logged in: GRANTED, BUSY or BANNED (gate_take). */
AccessVerdict admission_take_query(Admission *admission, const char *protocol,
                                   const NetAddress *peer, Str user, int *ret_retry_after_s);
/* Checks a plain password against a verifier; takes milliseconds. */
bool admission_check_password(const Verifier *verifier, Str password);
/* STATUS_DENIED with a sentence when listening there would let strangers in. */
Status admission_check_bind(Admission *admission, const NetAddress *address, Error *err);
/* For ListenerOptions; borrows the admission. */
Access admission_access(Admission *admission);

#endif
