/* verifier.c - derivation and text of password verifiers; OpenSSL does the mathematics. */
#include "net/admission/verifier.h"

#include <limits.h>
#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/mem.h"

enum {
    ITERATIONS = 4096, /* PostgreSQL's number */
    ITERATIONS_MAX = 1000000,
    SALT_BYTES = 16,
    KEY_BYTES = 32,
    PASSWORD_BYTES_MAX = 4096,
};

static void hmac(const uint8_t key[KEY_BYTES], Str text, uint8_t out[KEY_BYTES])
{
    unsigned len = KEY_BYTES;
    ASSERT(HMAC(EVP_sha256(), key, KEY_BYTES, (const uint8_t *)text.ptr, text.len, out, &len));
}

static void sha256(const void *bytes, size_t len, uint8_t out[KEY_BYTES])
{
    ASSERT(EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL) == 1);
}

/* RFC 5802 3: SaltedPassword, ClientKey, StoredKey, ServerKey. */
static bool derive(Str password, const Verifier *v, uint8_t stored[KEY_BYTES],
                   uint8_t server[KEY_BYTES])
{
    uint8_t salted[KEY_BYTES];
    uint8_t client[KEY_BYTES];

    if (password.len > PASSWORD_BYTES_MAX ||
        PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len, v->salt, (int)v->salt_len, v->iterations,
                          EVP_sha256(), KEY_BYTES, salted) != 1)
        return false;
    hmac(salted, STR("Client Key"), client);
    sha256(client, KEY_BYTES, stored);
    hmac(salted, STR("Server Key"), server);
    OPENSSL_cleanse(salted, sizeof salted);
    OPENSSL_cleanse(client, sizeof client);
    return true;
}

bool admission_check_password(const Verifier *verifier, Str password)
{
    uint8_t stored[KEY_BYTES];
    uint8_t server[KEY_BYTES];

    return derive(password, verifier, stored, server) &&
           CRYPTO_memcmp(stored, verifier->stored_key, KEY_BYTES) == 0;
}

/* PostgreSQL: "md5" and the hex of md5(password name). */
static void make_md5(Str name, Str password, char out[36])
{
    uint8_t digest[16];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    ASSERT(ctx);
    out[0] = 0;
    if (EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1 && /* may be missing in a FIPS build */
        EVP_DigestUpdate(ctx, password.ptr, password.len) == 1 &&
        EVP_DigestUpdate(ctx, name.ptr, name.len) == 1 &&
        EVP_DigestFinal_ex(ctx, digest, NULL) == 1) {
        (void)snprintf(out, 4, "md5");
        for (size_t i = 0; i < sizeof digest; i++)
            (void)snprintf(out + 3 + 2 * i, 3, "%02x", digest[i]);
    }
    EVP_MD_CTX_free(ctx);
}

Status verifier_make(Str name, Str password, Role role, bool md5, Verifier *ret_verifier,
                     Error *err)
{
    Verifier v = {.role = role, .iterations = ITERATIONS, .salt_len = SALT_BYTES};

    if (!password.len || password.len > PASSWORD_BYTES_MAX)
        return error_set(err, STATUS_INVALID, "a password has 1 to %d bytes", PASSWORD_BYTES_MAX);
    if (RAND_bytes(v.salt, SALT_BYTES) != 1 || !derive(password, &v, v.stored_key, v.server_key))
        return error_set(err, STATUS_INTERNAL, "OpenSSL cannot derive a password verifier");
    if (md5)
        make_md5(name, password, v.md5);
    *ret_verifier = v;
    return STATUS_OK;
}

bool verifier_is_text(Str text)
{
    return str_starts(text, STR("SCRAM-SHA-256$"));
}

/* Strict base64 with padding into at most `max` bytes. */
static bool decode_base64(Str text, uint8_t *out, size_t max, size_t *ret_len)
{
    uint8_t bytes[100];

    if (!text.len || text.len % 4 || text.len / 4 * 3 > sizeof bytes)
        return false;
    int len = EVP_DecodeBlock(bytes, (const uint8_t *)text.ptr, (int)text.len);
    for (size_t i = 1; i <= 2 && text.ptr[text.len - i] == '='; i++)
        len--;
    if (len < 0 || (size_t)len > max)
        return false;
    memcpy(out, bytes, (size_t)len);
    *ret_len = (size_t)len;
    return true;
}

Status verifier_parse(Str text, Role role, Verifier *ret_verifier, Error *err)
{
    Verifier v = {.role = role};
    Str rest = text;
    Str mechanism;
    Str iterations;
    Str salt;
    Str stored;
    uint64_t count;
    size_t stored_len;
    size_t server_len;

    if (!str_split(&rest, '$', &mechanism) || !str_split(&rest, ':', &iterations) ||
        !str_split(&rest, '$', &salt) || !str_split(&rest, ':', &stored) || !rest.ptr ||
        !verifier_is_text(text) || !str_to_u64(iterations, &count) || count < 1 ||
        count > ITERATIONS_MAX || !decode_base64(salt, v.salt, sizeof v.salt, &v.salt_len) ||
        !decode_base64(stored, v.stored_key, KEY_BYTES, &stored_len) ||
        !decode_base64(rest, v.server_key, KEY_BYTES, &server_len) || stored_len != KEY_BYTES ||
        server_len != KEY_BYTES)
        return error_set(err, STATUS_INVALID, "malformed SCRAM-SHA-256 verifier");
    v.iterations = (int)count;
    *ret_verifier = v;
    return STATUS_OK;
}

void verifier_fake(const uint8_t secret[32], Str name, Verifier *ret_verifier)
{
    Verifier v = {.iterations = ITERATIONS, .salt_len = SALT_BYTES};
    uint8_t bytes[KEY_BYTES];

    hmac(secret, name, bytes);
    memcpy(v.salt, bytes, SALT_BYTES);
    hmac(bytes, STR("stored"), v.stored_key);
    hmac(bytes, STR("server"), v.server_key);
    *ret_verifier = v;
}

static void append_base64(Buf *out, const uint8_t *bytes, size_t len)
{
    char text[64];

    ASSERT(len <= 32);
    buf_append(out, text, (size_t)EVP_EncodeBlock((uint8_t *)text, bytes, (int)len));
}

Status admission_make_verifier(Str password, Buf *out, Error *err)
{
    Verifier v;

    if (verifier_is_text(password)) {
        TRY(verifier_parse(password, ROLE_NONE, &v, err));
        buf_append_str(out, password);
        return STATUS_OK;
    }
    TRY(verifier_make((Str){0}, password, ROLE_NONE, false, &v, err));
    buf_printf(out, "SCRAM-SHA-256$%d:", v.iterations);
    append_base64(out, v.salt, v.salt_len);
    buf_append_byte(out, '$');
    append_base64(out, v.stored_key, sizeof v.stored_key);
    buf_append_byte(out, ':');
    append_base64(out, v.server_key, sizeof v.server_key);
    OPENSSL_cleanse(&v, sizeof v);
    return STATUS_OK;
}
