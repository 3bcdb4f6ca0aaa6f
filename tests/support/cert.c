/* tests/support/cert.c - see cert.h. P-256 keys, because making them takes no time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cert.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A support file has no test to fail: what cannot go wrong ends the program. */
static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "cert: cannot %s\n", what);
    abort();
}

void certs_open(struct certs *c)
{
    *c = (struct certs){ .folder = "/tmp/atrium-certs-XXXXXX" };
    must(mkdtemp(c->folder) != NULL, "make a folder");
}

const char *certs_path(struct certs *c, const char *file)
{
    static char paths[64][128];
    static unsigned next;
    char *out = paths[next++ % 64];

    (void)snprintf(out, sizeof paths[0], "%.48s/%.64s", c->folder, file);
    return out;
}

void certs_write(struct certs *c, const char *file, const char *text)
{
    FILE *f = fopen(certs_path(c, file), "w");

    must(f && fputs(text, f) >= 0 && fclose(f) == 0, "write a file");
}

void certs_close(struct certs *c)
{
    DIR *dir = opendir(c->folder);
    struct dirent *e;

    must(dir != NULL, "open the folder");
    while ((e = readdir(dir)))
        if (e->d_name[0] != '.')
            (void)unlink(certs_path(c, e->d_name));
    closedir(dir);
    (void)rmdir(c->folder);
    for (int i = 0; i < c->count; i++) {
        X509_free(c->made[i].cert);
        EVP_PKEY_free(c->made[i].key);
    }
}

static int find(const struct certs *c, const char *name)
{
    int i = 0;

    while (i < c->count && strcmp(c->made[i].name, name) != 0)
        i++;
    return i;
}

X509 *cert_of(const struct certs *c, const char *name)
{
    return c->made[find(c, name)].cert;
}

static void set_subject(X509 *x, const struct cert *spec)
{
    X509_NAME *n = X509_get_subject_name(x);

    must(X509_NAME_add_entry_by_txt(n, "O", MBSTRING_UTF8, (const unsigned char *)"Atrium tests",
                                    -1, -1, 0) &&
             X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8,
                                        (const unsigned char *)spec->common_name, -1, -1, 0),
         "name it");
}

static void add_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    must(e && X509_add_ext(x, e, -1), "extend it");
    X509_EXTENSION_free(e);
}

static void save(struct certs *c, const char *name, X509 *x, EVP_PKEY *key, const char *passphrase)
{
    char file[64];
    FILE *f;

    (void)snprintf(file, sizeof file, "%s.crt", name);
    must((f = fopen(certs_path(c, file), "w")) && PEM_write_X509(f, x), "write a certificate");
    fclose(f);
    (void)snprintf(file, sizeof file, "%s.key", name);
    must((f = fopen(certs_path(c, file), "w")) &&
             PEM_write_PrivateKey(f, key, passphrase ? EVP_aes_128_cbc() : NULL,
                                  (const unsigned char *)passphrase,
                                  passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
         "write a key");
    fclose(f);
}

void cert_make(struct certs *c, const char *name, const struct cert *spec)
{
    static long serial = 1;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    int by = spec->issuer ? find(c, spec->issuer) : -1, at = find(c, name);

    must(key && x && at < CERTS_MAX && by < c->count, "make a certificate");
    must(X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), serial++) &&
             X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
             X509_gmtime_adj(X509_getm_notAfter(x), 86400) && X509_set_pubkey(x, key),
         "fill it in");
    set_subject(x, spec);
    must(X509_set_issuer_name(x, X509_get_subject_name(by < 0 ? x : c->made[by].cert)),
         "name its issuer");
    if (spec->authority)
        add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    must(X509_sign(x, by < 0 ? key : c->made[by].key, EVP_sha256()) > 0, "sign it");
    save(c, name, x, key, spec->passphrase);
    if (at < c->count) {
        X509_free(c->made[at].cert);
        EVP_PKEY_free(c->made[at].key);
    } else {
        c->count++;
    }
    (void)snprintf(c->made[at].name, sizeof c->made[at].name, "%s", name);
    c->made[at].cert = x;
    c->made[at].key = key;
}
