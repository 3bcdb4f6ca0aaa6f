/* tests/support/cert.h - certificates made on the spot, in files of a temporary folder.
 *
 *     struct certs certs;
 *     certs_open(&certs);
 *     cert_make(&certs, "server", &(struct cert){ .common_name = "localhost" });
 *     ... certs_path(&certs, "server.crt") ... certs_path(&certs, "server.key") ...
 *     certs_close(&certs);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPPORT_CERT_H
#define SUPPORT_CERT_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

enum { CERTS_MAX = 16 };

struct certs {
    char folder[64];
    struct {
        char name[32];
        X509 *cert;
        EVP_PKEY *key;
    } made[CERTS_MAX];
    int count;
};

struct cert {
    const char *common_name;
    const char *issuer;     /* one made before; NULL: signed by itself */
    const char *passphrase; /* of the key's file; NULL: none */
    bool authority;
};

void certs_open(struct certs *c);
void certs_close(struct certs *c); /* removes the folder */

/* Writes name.crt and name.key; an older pair of that name is replaced. */
void cert_make(struct certs *c, const char *name, const struct cert *spec);
X509 *cert_of(const struct certs *c, const char *name); /* borrowed */

/* The path of a file in the folder; good for the next 63 calls. */
const char *certs_path(struct certs *c, const char *file);
void certs_write(struct certs *c, const char *file, const char *text);

#endif
