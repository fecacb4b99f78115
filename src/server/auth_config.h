/* auth_config.h - the parts of the configuration that admission keeps: users, tokens, limits.
 *
 * Threads: the main one.
 */
#ifndef LUMA_SERVER_AUTH_CONFIG_H
#define LUMA_SERVER_AUTH_CONFIG_H

#include "net/admission/admission.h"
#include "server/config.h"

/* Reads auth.users, the short form and admission.*, and gives all of it to `admission`, in place of
 * what it had. When something is wrong nothing changes: INVALID with its place. Passwords are
 * turned into verifiers here, which takes milliseconds each. */
Status auth_config_apply(const Config *config, Admission *admission, Error *err);

#endif
