#include "net/pgwire/pg_auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "net/pgwire/pg_message.h"

/* Codes of Authentication messages. */
enum { AUTH_MD5 = 5, AUTH_SASL = 10, AUTH_SASL_CONTINUE = 11, AUTH_SASL_FINAL = 12 };

static Status wrong_password(const PgAuth *auth, Error *err)
{
    return error_set_sql(err, STATUS_DENIED, "28P01", 0,
                         "password authentication failed for user \"%.*s\"", STR_FMT(auth->user));
}

static Status ask_sasl(PgAuth *auth, Connection *conn, Buf *out)
{
    uint8_t binding[SCRAM_BINDING_BYTES_MAX];
    size_t binding_len = conn_tls_end_point(conn, binding);

    auth->state = PG_AUTH_SASL_FIRST;
    auth->offered_plus = binding_len > 0;
    scram_init(&auth->scram, &auth->verifier, auth->known, binding, binding_len);
    pg_append_auth(out, AUTH_SASL,
                   binding_len ? STR("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
                               : STR("SCRAM-SHA-256\0\0"));
    return STATUS_OK;
}

Status pg_auth_begin(PgAuth *auth, Admission *admission, Connection *conn, Str user, Buf *out,
                     Error *err)
{
    *auth = (PgAuth){.state = PG_AUTH_GRANTED, .role = ROLE_ADMIN, .user = user};
    if (!admission)
        return STATUS_OK;
    bool open = admission_is_open(admission, conn_peer(conn), &auth->role);
    auth->known = admission_find_user(admission, user, &auth->verifier);
    /* Where nobody is configured all are admin but those whom SQL gave a password. */
    if (open && (!auth->known || admission_allows_anonymous(admission)))
        return STATUS_OK;
    auth->role = auth->verifier.role;
    auth->authenticated = true;
    if (auth->known && user.len && str_eq(str_from(conn_tls_client_name(conn)), user))
        return STATUS_OK;
    if (auth->known && auth->verifier.md5[0]) {
        auth->state = PG_AUTH_MD5;
        if (RAND_bytes(auth->md5_salt, sizeof auth->md5_salt) != 1)
            return error_set(err, STATUS_INTERNAL, "no random bytes for the salt");
        pg_append_auth(out, AUTH_MD5, (Str){(const char *)auth->md5_salt, sizeof auth->md5_salt});
        return STATUS_OK;
    }
    return ask_sasl(auth, conn, out);
}

/* "md5" + hex(md5(hex(md5(password user)) salt)); the inner hash is what the verifier holds. */
static Status check_md5(PgAuth *auth, Str body, Error *err)
{
    uint8_t text[36];
    uint8_t digest[16];
    char expected[36] = "md5";

    memcpy(text, auth->verifier.md5 + 3, 32);
    memcpy(text + 32, auth->md5_salt, 4);
    if (EVP_Digest(text, sizeof text, digest, NULL, EVP_md5(), NULL) != 1)
        return error_set(err, STATUS_INTERNAL, "MD5 is not available");
    for (int i = 0; i < 16; i++) {
        expected[3 + 2 * i] = "0123456789abcdef"[digest[i] >> 4];
        expected[4 + 2 * i] = "0123456789abcdef"[digest[i] & 15];
    }
    BufReader r = buf_reader(body);
    Str given = buf_read_cstr(&r);
    if (r.failed || given.len != 35 || CRYPTO_memcmp(given.ptr, expected, 35) != 0 || !auth->known)
        return wrong_password(auth, err);
    auth->state = PG_AUTH_GRANTED;
    return STATUS_OK;
}

static Status sasl_first(PgAuth *auth, Str body, Buf *out, Error *err)
{
    CLEANUP(buf_done) Buf answer = {0};
    BufReader r = buf_reader(body);
    Str mechanism = buf_read_cstr(&r);
    int32_t len = (int32_t)buf_read_be32(&r);
    bool plus = str_eq(mechanism, STR("SCRAM-SHA-256-PLUS"));

    if (r.failed || (!plus && !str_eq(mechanism, STR("SCRAM-SHA-256"))) ||
        (plus && !auth->offered_plus))
        return error_set_sql(err, STATUS_INVALID, "08P01", 0,
                             "client selected an invalid SASL authentication mechanism");
    if (len == -1) { /* no initial response: ask for it */
        pg_append_auth(out, AUTH_SASL_CONTINUE, STR(""));
        return STATUS_OK;
    }
    Str message = buf_read_bytes(&r, len < 0 ? SIZE_MAX : (size_t)len);
    if (r.failed || buf_reader_left(&r))
        return error_set_sql(err, STATUS_INVALID, "08P01", 0, "malformed SASL message");
    TRY(scram_first(&auth->scram, plus, message, &answer, err));
    pg_append_auth(out, AUTH_SASL_CONTINUE, buf_str(&answer));
    auth->state = PG_AUTH_SASL_FINAL;
    return STATUS_OK;
}

static Status sasl_final(PgAuth *auth, Str body, Buf *out, Error *err)
{
    CLEANUP(buf_done) Buf answer = {0};
    Error why;

    Status status = scram_final(&auth->scram, body, &answer, &why);
    if (status == STATUS_DENIED && strcmp(why.sqlstate, "28P01") == 0)
        return wrong_password(auth, err);
    if (status != STATUS_OK) {
        if (err)
            *err = why;
        return status;
    }
    pg_append_auth(out, AUTH_SASL_FINAL, buf_str(&answer));
    auth->state = PG_AUTH_GRANTED;
    return STATUS_OK;
}

Status pg_auth_message(PgAuth *auth, Str body, Buf *out, Error *err)
{
    switch (auth->state) {
    case PG_AUTH_SASL_FIRST:
        return sasl_first(auth, body, out, err);
    case PG_AUTH_SASL_FINAL:
        return sasl_final(auth, body, out, err);
    case PG_AUTH_MD5:
        return check_md5(auth, body, err);
    case PG_AUTH_GRANTED:
        break;
    }
    return error_set_sql(err, STATUS_INVALID, "08P01", 0, "unexpected password message");
}

void pg_auth_done(PgAuth *auth)
{
    scram_done(&auth->scram);
    OPENSSL_cleanse(&auth->verifier, sizeof auth->verifier);
}
