/* admission.h - who may come in, and as what: users, passwords, tokens, and the answers to
 * access.h.
 *
 * Without users everybody who comes over loopback is admin; admission_check_bind refuses to listen
 * wider then, unless anonymous access was allowed. With users, credentials are needed: PostgreSQL
 * asks for a user's verifier and runs SCRAM or MD5 itself; HTTP hands over what it was sent by
 * Access.on_login. Checking a password costs milliseconds on purpose (PBKDF2), so it runs on a
 * thread of its own, and one that was right is remembered for a minute under a keyed hash.
 *
 * The place for bans, token buckets and semaphores is on_accept and on_release: they are asked for
 * every connection, and grant all today.
 *
 * Threads: all functions from any thread.
 */
#ifndef LUMA_NET_ADMISSION_ADMISSION_H
#define LUMA_NET_ADMISSION_ADMISSION_H

#include "net/loop/access.h"

typedef struct Admission Admission;

typedef struct AdmissionOptions {
    bool allow_anonymous; /* who shows no credentials is admin, from anywhere */
    bool md5;             /* keep PostgreSQL's md5 verifier of passwords, too */
} AdmissionOptions;

Status admission_new(const AdmissionOptions *options, Admission **ret_admission, Error *err);
/* After the loops that ask it. NULL is fine; returns NULL. */
Admission *admission_free(Admission *admission);

/* Adds or replaces a user (at most 63 bytes). `secret` is a password, or a verifier as PostgreSQL
 * prints it: "SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>". */
Status admission_set_user(Admission *admission, Str name, Str secret, Role role, Error *err);
/* False when there is none. */
bool admission_remove_user(Admission *admission, Str name);
/* Adds a bearer token that acts as `name`; only its hash is kept. */
Status admission_set_token(Admission *admission, Str name, Str token, Role role, Error *err);

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

/* The user's verifier. For an unknown one: false, and a made-up verifier that stays the same for
 * that name, so that a failing login does not tell whether the user exists. */
bool admission_find_user(Admission *admission, Str name, Verifier *ret_verifier);
/* Needs this peer no credentials? Then *ret_role is what it may do: admin. */
bool admission_is_open(Admission *admission, const NetAddress *peer, Role *ret_role);
/* Checks a plain password against a verifier; takes milliseconds. */
bool admission_check_password(const Verifier *verifier, Str password);
/* STATUS_DENIED with a sentence when listening there would let strangers in. */
Status admission_check_bind(Admission *admission, const NetAddress *address, Error *err);
/* For ListenerOptions; borrows the admission. */
Access admission_access(Admission *admission);

#endif
