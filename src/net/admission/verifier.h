/* verifier.h - SCRAM-SHA-256 verifiers (RFC 5802, 5803, 7677) and PostgreSQL's md5 form. */
#ifndef LUMA_NET_ADMISSION_VERIFIER_H
#define LUMA_NET_ADMISSION_VERIFIER_H

#include "net/admission/admission.h"

/* Of a plain password, with a random salt. */
Status verifier_make(Str name, Str password, Role role, bool md5, Verifier *ret_verifier,
                     Error *err);
/* Reads "SCRAM-SHA-256$4096:salt$stored:server"; STATUS_INVALID otherwise. */
Status verifier_parse(Str text, Role role, Verifier *ret_verifier, Error *err);
bool verifier_is_text(Str text);
/* One that no password fits, derived from the name under `secret`. */
void verifier_fake(const uint8_t secret[32], Str name, Verifier *ret_verifier);

#endif
