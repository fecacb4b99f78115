/* tls.c - TLS over OpenSSL memory BIOs.
 *
 * OpenSSL never sees the socket: bytes read are put into one BIO, bytes it produces are taken from
 * another and queued as output. SSL_write on a memory BIO never blocks, so plain output is
 * encrypted only as `wire` empties; that bounds what is held twice.
 *
 * A Tls is a certificate that can be exchanged: reload builds a new SSL_CTX and swaps it under the
 * lock; connections hold a reference to the one they started with.
 */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/counter.h"
#include "net/loop/loop_int.h"

enum {
    RECORD_BYTES = 16 << 10,    /* one TLS record at most */
    WIRE_BYTES_MAX = 128 << 10, /* encrypt no further while so much waits */
};

struct Tls {
    char *cert_file;
    char *key_file;
    char *client_ca_file;
    bool client_required;
    Mutex lock;
    SSL_CTX *ctx; /* guarded by lock */
};

/* ---- certificates ---- */

static Status tls_error(Error *err, const char *what, const char *file)
{
    char text[256] = "unknown error";
    unsigned long code = ERR_peek_last_error();

    if (code)
        ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return error_set(err, STATUS_INVALID, "TLS: cannot %s%s%s: %s", what, file ? " " : "",
                     file ? file : "", text);
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *unused)
{
    const Connection *conn = SSL_get_app_data(ssl);
    const Listener *listener = conn->listener;
    (void)unused;

    if (!listener->alpn_len)
        return SSL_TLSEXT_ERR_NOACK;
    /* OpenSSL's out parameter is not const, though it points into one of the lists. */
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, listener->alpn_wire, listener->alpn_len, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static Status fill_context(const Tls *tls, SSL_CTX *ctx, Error *err)
{
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    /* Tickets resume sessions; a server-side cache would only hold memory. */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"lumadb", 6);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    if (SSL_CTX_use_certificate_chain_file(ctx, tls->cert_file) != 1)
        return tls_error(err, "read the certificate", tls->cert_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, tls->key_file, SSL_FILETYPE_PEM) != 1)
        return tls_error(err, "read the key", tls->key_file);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return tls_error(err, "use the key with this certificate", tls->key_file);
    if (tls->client_ca_file) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(tls->client_ca_file);
        if (!names || SSL_CTX_load_verify_locations(ctx, tls->client_ca_file, NULL) != 1) {
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            return tls_error(err, "read the client CA", tls->client_ca_file);
        }
        SSL_CTX_set_client_CA_list(ctx, names);
        SSL_CTX_set_verify(
            ctx, SSL_VERIFY_PEER | (tls->client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
            NULL);
    }
    return STATUS_OK;
}

Status tls_reload(Tls *tls, Error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx)
        return tls_error(err, "start OpenSSL", NULL);
    Status status = fill_context(tls, ctx, err);
    if (status != STATUS_OK) {
        SSL_CTX_free(ctx);
        return status;
    }
    mutex_lock(&tls->lock);
    SSL_CTX *old = tls->ctx;
    tls->ctx = ctx;
    mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    return STATUS_OK;
}

Status tls_new(const TlsOptions *options, Tls **ret_tls, Error *err)
{
    if (!options->cert_file || !options->key_file)
        return error_set(err, STATUS_INVALID, "TLS needs a certificate file and a key file");
    if (options->client_required && !options->client_ca_file)
        return error_set(err, STATUS_INVALID, "TLS client certificates need a client CA file");
    Tls *tls = MEM_NEW(Tls);
    tls->cert_file = mem_strdup(options->cert_file);
    tls->key_file = mem_strdup(options->key_file);
    if (options->client_ca_file)
        tls->client_ca_file = mem_strdup(options->client_ca_file);
    tls->client_required = options->client_required;
    mutex_init(&tls->lock);
    Status status = tls_reload(tls, err);
    if (status != STATUS_OK) {
        (void)tls_free(tls);
        return status;
    }
    *ret_tls = tls;
    return STATUS_OK;
}

Tls *tls_free(Tls *tls)
{
    if (!tls)
        return NULL;
    SSL_CTX_free(tls->ctx);
    mutex_done(&tls->lock);
    mem_free(tls->cert_file);
    mem_free(tls->key_file);
    mem_free(tls->client_ca_file);
    mem_free(tls);
    return NULL;
}

/* ---- a connection's side ---- */

Status loop__tls_start(Connection *conn, Error *err)
{
    Tls *tls = conn->listener->options.tls;

    mutex_lock(&tls->lock);
    SSL *ssl = SSL_new(tls->ctx);
    mutex_unlock(&tls->lock);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    if (!ssl || !in || !out) {
        SSL_free(ssl);
        (void)BIO_free(in);
        (void)BIO_free(out);
        return tls_error(err, "start a session", NULL);
    }
    SSL_set_bio(ssl, in, out);
    (void)SSL_set_app_data(ssl, conn);
    SSL_set_accept_state(ssl);
    conn->ssl = ssl;
    if (!conn->loop->plain_bytes)
        conn->loop->plain_bytes = mem_alloc(LOOP_READ_BYTES);
    return STATUS_OK;
}

void loop__tls_done(Connection *conn)
{
    SSL_free(conn->ssl);
    conn->ssl = NULL;
}

/* Queues what OpenSSL has produced. */
static void take_wire(Connection *conn)
{
    BIO *out = SSL_get_wbio(conn->ssl);
    char *bytes;
    long len = BIO_get_mem_data(out, &bytes);

    if (len <= 0)
        return;
    loop__queue_copy(&conn->wire, bytes, (size_t)len);
    loop__conn_count(conn, len);
    (void)BIO_reset(out);
    loop__conn_mark_dirty(conn);
}

/* The session is broken: send the alert, then close. */
static void fail(Connection *conn)
{
    ERR_clear_error();
    counter_add(COUNTER_TLS_FAILURES, 1);
    take_wire(conn);
    conn->shut = true; /* no close_notify after a fatal alert */
    loop__conn_count(conn, -(int64_t)conn->plain.bytes);
    loop__queue_clear(&conn->plain);
    conn_close(conn);
}

static void remember_client(Connection *conn)
{
    X509 *cert = SSL_get0_peer_certificate(conn->ssl);

    if (!cert || SSL_get_verify_result(conn->ssl) != X509_V_OK)
        return;
    int len = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
                                        conn->client_name, sizeof conn->client_name);
    /* A name with a NUL inside, or one that was cut, is no name. */
    if (len < 0 || strlen(conn->client_name) != (size_t)len ||
        len == (int)sizeof conn->client_name - 1)
        conn->client_name[0] = 0;
}

static void shake_hands(Connection *conn)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(conn->ssl);
    if (rc == 1) {
        conn->handshake_done = true;
        counter_add(COUNTER_TLS_HANDSHAKES, 1);
        remember_client(conn);
        take_wire(conn);
        if (!conn->opened)
            loop__conn_opened(conn);
        return;
    }
    int why = SSL_get_error(conn->ssl, rc);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        take_wire(conn);
    else
        fail(conn);
}

void loop__tls_pump(Connection *conn)
{
    while (!conn_is_closed(conn) && !conn->paused && !conn->overfull) {
        if (!conn->handshake_done) {
            shake_hands(conn);
            if (!conn->handshake_done)
                return;
            continue;
        }
        ERR_clear_error();
        int len = SSL_read(conn->ssl, conn->loop->plain_bytes, LOOP_READ_BYTES);
        if (len > 0) {
            loop__conn_deliver(conn, conn->loop->plain_bytes, (size_t)len);
            continue;
        }
        int why = SSL_get_error(conn->ssl, len);
        take_wire(conn);
        if (why == SSL_ERROR_ZERO_RETURN)
            loop__conn_eof(conn);
        else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            fail(conn);
        return;
    }
}

void loop__tls_input(Connection *conn, const char *bytes, size_t len)
{
    ASSERT(BIO_write(SSL_get_rbio(conn->ssl), bytes, (int)len) == (int)len);
    loop__tls_pump(conn);
}

void loop__tls_encrypt(Connection *conn)
{
    if (!conn->handshake_done)
        return;
    while (conn->plain.bytes && conn->wire.bytes < WIRE_BYTES_MAX) {
        OutChunk *chunk = conn->plain.head;
        size_t n = LUMA_MIN(chunk->len - chunk->pos, (size_t)RECORD_BYTES);
        ERR_clear_error();
        if (SSL_write(conn->ssl, chunk->ptr + chunk->pos, (int)n) != (int)n) {
            fail(conn);
            return;
        }
        loop__queue_consume(&conn->plain, n);
        take_wire(conn);
        loop__conn_count(conn, -(int64_t)n);
    }
}

void loop__tls_shutdown(Connection *conn)
{
    if (!conn->handshake_done)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(conn->ssl);
    ERR_clear_error();
    take_wire(conn);
}

Status conn_start_tls(Connection *conn, size_t used_bytes, Error *err)
{
    ASSERT(conn->in_data && !conn->ssl && conn_can_tls(conn));
    if (used_bytes != conn->shown_bytes)
        return error_set(err, STATUS_DENIED, "unencrypted data after the request for TLS");
    return loop__tls_start(conn, err);
}

bool conn_can_tls(const Connection *conn)
{
    return conn->listener->options.tls_mode != TLS_OFF;
}

bool conn_is_tls(const Connection *conn)
{
    return conn->ssl != NULL;
}

const char *conn_tls_version(const Connection *conn)
{
    return conn->ssl ? SSL_get_version(conn->ssl) : "";
}

const char *conn_tls_client_name(const Connection *conn)
{
    return conn->client_name;
}

size_t conn_tls_end_point(const Connection *conn, uint8_t out[64])
{
    X509 *cert = conn->ssl ? SSL_get_certificate(conn->ssl) : NULL;
    int hash_nid = NID_undef;
    unsigned len = 0;

    if (!cert)
        return 0;
    (void)OBJ_find_sigid_algs(X509_get_signature_nid(cert), &hash_nid, NULL);
    /* Certificates signed with MD5, SHA-1 or no separate hash are hashed with SHA-256. */
    const EVP_MD *hash = hash_nid == NID_undef || hash_nid == NID_md5 || hash_nid == NID_sha1
                             ? EVP_sha256()
                             : EVP_get_digestbynid(hash_nid);
    if (!hash || EVP_MD_get_size(hash) > 64 || X509_digest(cert, hash, out, &len) != 1)
        return 0;
    return len;
}

Str conn_alpn(const Connection *conn)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    if (conn->ssl)
        SSL_get0_alpn_selected(conn->ssl, &name, &len);
    return str_make(name, len);
}
