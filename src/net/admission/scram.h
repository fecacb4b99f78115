/* scram.h - the server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 5929, 7677).
 *
 *   scram_init(&scram, &verifier, known, binding, binding_len);
 *   scram_first(&scram, plus, client_first, &answer, err);     -> server-first-message
 *   scram_final(&scram, client_final, &answer, err);           -> server-final-message
 *
 * Costs two HMACs and a hash (the PBKDF2 lies in the verifier), so a loop may run it. An exchange
 * for an unknown user goes on to the end on a made-up verifier and then fails like a wrong
 * password.
 *
 * Threads: confined to one.
 */
#ifndef LUMA_NET_ADMISSION_SCRAM_H
#define LUMA_NET_ADMISSION_SCRAM_H

#include "base/buf.h"
#include "net/admission/admission.h"

enum { SCRAM_NONCE_BYTES = 24, SCRAM_BINDING_BYTES_MAX = 64 };

typedef struct Scram {
    Verifier verifier;
    bool known;                               /* the verifier is a real user's */
    bool plus;                                /* the client chose -PLUS */
    uint8_t binding[SCRAM_BINDING_BYTES_MAX]; /* tls-server-end-point data */
    size_t binding_len;                       /* 0 = no TLS */
    Buf gs2_header;                           /* "n,,", "y,," or "p=tls-server-end-point,," */
    Buf auth_message; /* client-first-bare "," server-first "," client-final-without-proof */
    Buf nonce;        /* client's and ours */
} Scram;

/* `binding`: hash of the server's certificate when the connection is TLS, else length 0. */
void scram_init(Scram *scram, const Verifier *verifier, bool known, const uint8_t *binding,
                size_t binding_len);
void scram_done(Scram *scram);
/* Reads client-first-message; `plus` as the mechanism the client named. Appends the answer.
 * STATUS_INVALID (08P01) for a malformed message, STATUS_DENIED for a downgrade. */
Status scram_first(Scram *scram, bool plus, Str message, Buf *answer, Error *err);
/* Reads client-final-message. STATUS_DENIED when the proof is wrong. */
Status scram_final(Scram *scram, Str message, Buf *answer, Error *err);

#endif
