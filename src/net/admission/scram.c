#include "net/admission/scram.h"

#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

enum { KEY_BYTES = 32, BASE64_KEY_LEN = 44, MESSAGE_BYTES_MAX = 4096 };

void scram_init(Scram *scram, const Verifier *verifier, bool known, const uint8_t *binding,
                size_t binding_len)
{
    *scram = (Scram){.verifier = *verifier, .known = known};
    if (binding_len && binding_len <= sizeof scram->binding) {
        memcpy(scram->binding, binding, binding_len);
        scram->binding_len = binding_len;
    }
}

void scram_done(Scram *scram)
{
    OPENSSL_cleanse(&scram->verifier, sizeof scram->verifier);
    buf_done(&scram->gs2_header);
    buf_done(&scram->auth_message);
    buf_done(&scram->nonce);
}

static Status malformed(Error *err, const char *detail)
{
    (void)error_set_sql(err, STATUS_INVALID, "08P01", 0, "malformed SCRAM message");
    error_detail(err, "%s", detail);
    return STATUS_INVALID;
}

static void append_base64(Buf *out, const uint8_t *bytes, size_t len)
{
    char *at = buf_reserve(out, (len + 2) / 3 * 4 + 1);
    if (at)
        out->len += (size_t)EVP_EncodeBlock((unsigned char *)at, bytes, (int)len);
}

/* Cuts "x=value" off *rest up to the comma; false when the attribute is another. */
static bool take_attribute(Str *rest, char name, Str *ret_value)
{
    Str part;

    if (!str_split(rest, ',', &part) || part.len < 2 || part.ptr[0] != name || part.ptr[1] != '=')
        return false;
    *ret_value = str_sub(part, 2, part.len);
    return true;
}

/* The header that says whether the channel is bound; *message is cut to client-first-bare. */
static Status read_gs2_header(Scram *scram, bool plus, Str *message, Error *err)
{
    Str rest = *message;
    Str flag;
    Str authzid;

    if (!str_split(&rest, ',', &flag) || !str_split(&rest, ',', &authzid) || !rest.ptr)
        return malformed(err, "The message has no GS2 header.");
    if (authzid.len)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "client uses authorization identity, but it is not supported");
    if (str_eq(flag, STR("p=tls-server-end-point"))) {
        if (!plus || !scram->binding_len)
            return malformed(err, "The client selected channel binding, but not the mechanism.");
    } else if (plus) {
        return malformed(err, "The client selected SCRAM-SHA-256-PLUS without channel binding.");
    } else if (str_eq(flag, STR("y"))) {
        /* The client could bind and believes that we cannot: somebody edited our offer. */
        if (scram->binding_len)
            return error_set_sql(err, STATUS_DENIED, "28000", 0,
                                 "SCRAM channel binding negotiation error");
    } else if (!str_eq(flag, STR("n"))) {
        return malformed(err, "Unexpected channel-binding flag.");
    }
    buf_append(&scram->gs2_header, message->ptr, (size_t)(rest.ptr - message->ptr));
    *message = rest;
    return STATUS_OK;
}

static bool is_printable(Str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x21 || s.ptr[i] > 0x7E || s.ptr[i] == ',')
            return false;
    return s.len > 0;
}

Status scram_first(Scram *scram, bool plus, Str message, Buf *answer, Error *err)
{
    uint8_t ours[SCRAM_NONCE_BYTES];
    Str user; /* PostgreSQL takes the name from the startup message and ignores this one */
    Str nonce;

    scram->plus = plus;
    if (message.len > MESSAGE_BYTES_MAX)
        return malformed(err, "The message is too long.");
    TRY(read_gs2_header(scram, plus, &message, err));
    Str rest = message;
    if (message.len && message.ptr[0] == 'm')
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "client requires an unsupported SCRAM extension");
    if (!take_attribute(&rest, 'n', &user) || !take_attribute(&rest, 'r', &nonce) ||
        !is_printable(nonce))
        return malformed(err, "The message has no user name and nonce.");
    if (RAND_bytes(ours, sizeof ours) != 1)
        return error_set(err, STATUS_INTERNAL, "no random bytes for the nonce");
    buf_append_str(&scram->nonce, nonce);
    append_base64(&scram->nonce, ours, sizeof ours);
    size_t begin = answer->len;
    buf_append_lit(answer, "r=");
    buf_append_str(answer, buf_str(&scram->nonce));
    buf_append_lit(answer, ",s=");
    append_base64(answer, scram->verifier.salt, scram->verifier.salt_len);
    buf_printf(answer, ",i=%d", scram->verifier.iterations);
    buf_append_str(&scram->auth_message, message);
    buf_append_byte(&scram->auth_message, ',');
    buf_append(&scram->auth_message, answer->ptr + begin, answer->len - begin);
    return STATUS_OK;
}

static void hmac(const uint8_t key[KEY_BYTES], Str text, uint8_t out[KEY_BYTES])
{
    unsigned len = KEY_BYTES;
    ASSERT(HMAC(EVP_sha256(), key, KEY_BYTES, (const uint8_t *)text.ptr, text.len, out, &len));
}

/* Does "c=" hold the header and, with -PLUS, the certificate's hash? */
static bool binding_matches(const Scram *scram, Str given)
{
    CLEANUP(buf_done) Buf plain = {0};
    CLEANUP(buf_done) Buf expected = {0};

    buf_append_str(&plain, buf_str(&scram->gs2_header));
    if (scram->plus)
        buf_append(&plain, scram->binding, scram->binding_len);
    append_base64(&expected, (const uint8_t *)plain.ptr, plain.len);
    return given.len == expected.len && CRYPTO_memcmp(given.ptr, expected.ptr, given.len) == 0;
}

/* ClientProof XOR ClientSignature must hash to StoredKey. */
static bool proof_is_right(const Scram *scram, const uint8_t proof[KEY_BYTES])
{
    uint8_t signature[KEY_BYTES];
    uint8_t client_key[KEY_BYTES];
    uint8_t stored[KEY_BYTES];

    hmac(scram->verifier.stored_key, buf_str(&scram->auth_message), signature);
    for (int i = 0; i < KEY_BYTES; i++)
        client_key[i] = proof[i] ^ signature[i];
    ASSERT(EVP_Digest(client_key, KEY_BYTES, stored, NULL, EVP_sha256(), NULL) == 1);
    return CRYPTO_memcmp(stored, scram->verifier.stored_key, KEY_BYTES) == 0 && scram->known;
}

Status scram_final(Scram *scram, Str message, Buf *answer, Error *err)
{
    Str rest = message;
    Str binding;
    Str nonce;
    Str proof_text = {0};
    Str part;
    size_t signed_len = 0;
    uint8_t proof[KEY_BYTES + 2];
    uint8_t signature[KEY_BYTES];

    if (message.len > MESSAGE_BYTES_MAX || !take_attribute(&rest, 'c', &binding) ||
        !take_attribute(&rest, 'r', &nonce))
        return malformed(err, "The final message has no channel binding and nonce.");
    while (str_split(&rest, ',', &part))
        if (str_starts(part, STR("p="))) {
            proof_text = str_sub(part, 2, part.len);
            signed_len = (size_t)(part.ptr - message.ptr) - 1;
        }
    if (proof_text.len != BASE64_KEY_LEN ||
        EVP_DecodeBlock(proof, (const unsigned char *)proof_text.ptr, BASE64_KEY_LEN) !=
            KEY_BYTES + 1)
        return malformed(err, "The final message has no proof.");
    if (!binding_matches(scram, binding))
        return error_set_sql(err, STATUS_DENIED, "28000", 0, "SCRAM channel binding check failed");
    if (!str_eq(nonce, buf_str(&scram->nonce)))
        return malformed(err, "The nonce does not match.");
    buf_append_byte(&scram->auth_message, ',');
    buf_append(&scram->auth_message, message.ptr, signed_len);
    if (!proof_is_right(scram, proof))
        return error_set_sql(err, STATUS_DENIED, "28P01", 0, "password authentication failed");
    hmac(scram->verifier.server_key, buf_str(&scram->auth_message), signature);
    buf_append_lit(answer, "v=");
    append_base64(answer, signature, KEY_BYTES);
    return STATUS_OK;
}
