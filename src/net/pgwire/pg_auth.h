/* pg_auth.h - who is it: authentication of one PostgreSQL connection.
 *
 * Trust where admission asks for nothing; a client certificate that names the user; MD5 where the
 * user has such a verifier (for old clients); SCRAM-SHA-256 otherwise, with channel binding over
 * TLS. Never a password in clear.
 *
 * Threads: the connection's loop; nothing here takes long (PBKDF2 lies in the verifiers).
 */
#ifndef LUMA_NET_PGWIRE_PG_AUTH_H
#define LUMA_NET_PGWIRE_PG_AUTH_H

#include "net/admission/scram.h"
#include "net/loop/loop.h"

typedef enum PgAuthState {
    PG_AUTH_SASL_FIRST,
    PG_AUTH_SASL_FINAL,
    PG_AUTH_MD5,
    PG_AUTH_GRANTED
} PgAuthState;

typedef struct PgAuth {
    PgAuthState state;
    Role role;
    Str user; /* borrows the startup packet */
    Verifier verifier;
    bool known;
    bool authenticated; /* granted for what was shown */
    bool offered_plus;
    uint8_t md5_salt[4];
    Scram scram;
} PgAuth;

/* Asks for what is needed: appends an Authentication message unless it is granted at once. */
Status pg_auth_begin(PgAuth *auth, Admission *admission, Connection *conn, Str user, Buf *out,
                     Error *err);
/* A password message ('p'). STATUS_DENIED (28P01) for a wrong password; at PG_AUTH_GRANTED all is
 * well and AuthenticationOk was not sent yet. */
Status pg_auth_message(PgAuth *auth, Str body, Buf *out, Error *err);
void pg_auth_done(PgAuth *auth);

#endif
