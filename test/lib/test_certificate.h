/* test_certificate.h - self-signed certificates for tests of TLS. */
#ifndef LUMA_TEST_LIB_TEST_CERTIFICATE_H
#define LUMA_TEST_LIB_TEST_CERTIFICATE_H

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "base/status.h"

/* A certificate for the common name `name`, good for an hour, and its key, as PEM files. It can
 * stand as its own CA. Anything that fails asserts. */
static inline void test_certificate_make(const char *name, const char *cert_path,
                                         const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);

    ASSERT(key && X509_set_version(cert, 2) == 1);
    ASSERT(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1);
    ASSERT(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
    ASSERT(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    ASSERT(X509_set_pubkey(cert, key) == 1);
    ASSERT(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                      -1, 0) == 1);
    ASSERT(X509_set_issuer_name(cert, subject) == 1);
    ASSERT(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = fopen(cert_path, "we");
    ASSERT(file && PEM_write_X509(file, cert) == 1 && fclose(file) == 0);
    file = fopen(key_path, "we");
    ASSERT(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
           fclose(file) == 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}

#endif
