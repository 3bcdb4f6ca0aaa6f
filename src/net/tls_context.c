/* net/tls_context.c - one SSL_CTX per certificate, chosen by the name that the client asks for.
 *
 * All of a load have the same settings but for the certificate, so it does not matter that OpenSSL
 * takes most of them from the first one, on which every session begins.
 *
 * Invariants
 *   - `in_force` is complete or not there: a load is built aside and put in place when it is whole;
 *   - an SSL_CTX is counted by reference, so sessions outlive the load they began with.
 *
 * Start reading at tls_context_reload().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"

/* What tells one state of a file from another. */
struct stamp {
    char *path;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct host {
    char *name;
    SSL_CTX *ssl;
};

struct load {
    SSL_CTX *ssl; /* for whoever asks for no name that we know */
    struct host *hosts;
    size_t host_count;
    uint32_t handshake_timeout_ms;
};

struct tls_context {
    struct load in_force;
    struct stamp *files; /* of the last attempt, failed or not */
    size_t file_count;
    bool connects;
};

/* --- Files that change --- */

static bool given(const char *path)
{
    return path && *path;
}

static void look(struct stamp *s)
{
    struct stat st;

    s->device = 0;
    s->inode = 0;
    s->size = -1; /* it is not there */
    s->changed = (struct timespec){ 0 };
    if (stat(s->path, &st) < 0)
        return;
    s->device = st.st_dev;
    s->inode = st.st_ino;
    s->size = st.st_size;
    s->changed = st.st_mtim;
}

static void forget_files(struct tls_context *c)
{
    for (size_t i = 0; i < c->file_count; i++)
        mem_free(c->files[i].path);
    mem_free(c->files);
    c->files = NULL;
    c->file_count = 0;
}

static void add_file(struct tls_context *c, const char *path)
{
    if (!given(path))
        return;
    c->files[c->file_count].path = str_dup(str_of(path));
    look(&c->files[c->file_count++]);
}

/* Before they are read: what changes meanwhile is noticed later. */
static void watch_files(struct tls_context *c, const struct tls_options *o)
{
    forget_files(c);
    c->files = mem_alloc((3 + 2 * o->host_count) * sizeof *c->files);
    add_file(c, o->cert);
    add_file(c, o->key);
    add_file(c, o->ca);
    for (size_t i = 0; i < o->host_count; i++) {
        add_file(c, o->hosts[i].cert);
        add_file(c, o->hosts[i].key);
    }
}

bool tls_context_changed(const struct tls_context *c)
{
    for (size_t i = 0; i < c->file_count; i++) {
        const struct stamp *was = &c->files[i];
        struct stamp now = { .path = was->path };
        look(&now);
        if (now.device != was->device || now.inode != was->inode || now.size != was->size ||
            now.changed.tv_sec != was->changed.tv_sec ||
            now.changed.tv_nsec != was->changed.tv_nsec)
            return true;
    }
    return false;
}

/* --- What OpenSSL asks us --- */

/* RFC 7301 3.2: a client that offers protocols and none of ours is told so. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* RFC 6125 6.4.3: a star stands for the first label, whole, and for no more. */
static bool host_is(const char *pattern, const char *name)
{
    const char *dot;

    if (pattern[0] != '*')
        return strcasecmp(pattern, name) == 0;
    dot = strchr(name, '.');
    return dot && dot != name && strcasecmp(pattern + 1, dot) == 0;
}

/* RFC 6066 3: a name that we do not know gets the certificate for everyone, as most servers do. */
static int choose_host(SSL *ssl, int *alert, void *arg)
{
    const struct tls_context *c = arg;
    const struct load *l = &c->in_force;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    for (size_t i = 0; name && i < l->host_count; i++)
        if (host_is(l->hosts[i].name, name)) {
            SSL_set_SSL_CTX(ssl, l->hosts[i].ssl);
            break;
        }
    return SSL_TLSEXT_ERR_OK;
}

/* TLS_CLIENT_REQUEST: what is wrong stays to be read in the session's verify result. */
static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok, (void)store;
    return 1;
}

/* Without this OpenSSL would ask at the terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

/* --- Loading --- */

static const char *reason(void)
{
    unsigned long e = ERR_peek_error();
    const char *text = ERR_reason_error_string(e);

    if (ERR_SYSTEM_ERROR(e))
        return strerror(ERR_GET_REASON(e));
    return text ? text : "unknown error";
}

static int load_pair(SSL_CTX *ssl, const char *cert, const char *key, char *why)
{
    if (!given(key))
        key = cert;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ssl, cert) != 1)
        return err_why(why, ATR_ESYNTAX, "cannot read a certificate from %s: %s", cert, reason());
    ERR_clear_error();
    if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH)
            return err_why(why, ATR_ESYNTAX, "the key in %s does not belong to %s", key, cert);
        return err_why(why, ATR_ESYNTAX, "cannot read a private key from %s: %s", key, reason());
    }
    return 0;
}

static int load_authorities(SSL_CTX *ssl, const struct tls_options *o, char *why)
{
    static const unsigned char id[] = "atrium"; /* whatever it is, it is needed for resuming */
    STACK_OF(X509_NAME) * names;

    if (o->client_cert == TLS_CLIENT_NONE)
        return 0;
    SSL_CTX_set_verify(ssl,
                       o->client_cert == TLS_CLIENT_REQUIRE
                           ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                           : SSL_VERIFY_PEER,
                       o->client_cert == TLS_CLIENT_REQUIRE ? NULL : accept_any);
    (void)SSL_CTX_set_session_id_context(ssl, id, sizeof id - 1);
    ERR_clear_error();
    if (!given(o->ca))
        return SSL_CTX_set_default_verify_paths(ssl) == 1
                   ? 0
                   : err_why(why, ATR_EUNKNOWN, "cannot read the system's authorities");
    if (SSL_CTX_load_verify_file(ssl, o->ca) != 1 || !(names = SSL_load_client_CA_file(o->ca)))
        return err_why(why, ATR_ESYNTAX, "cannot read authorities from %s: %s", o->ca, reason());
    SSL_CTX_set_client_CA_list(ssl, names);
    return 0;
}

/* Every suite of TLS 1.3, and those of 1.2 that keep the past secret and authenticate. */
static void set_manners(SSL_CTX *ssl, const struct tls_options *o)
{
    SSL_CTX_set_min_proto_version(ssl, o->tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
    ASSERT(SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
    /* An end without close_notify is an end: what is cut short shows in the protocol above. */
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 1); /* one read per event, not two per record */
    /* Tickets hold the state of a session that may be resumed: we keep none of it. */
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
}

static int load_one(struct tls_context *c, SSL_CTX **out, const struct tls_options *o,
                    const char *cert, const char *key, char *why)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    int err;

    ASSERT(ssl);
    set_manners(ssl, o);
    SSL_CTX_set_tlsext_servername_callback(ssl, choose_host);
    SSL_CTX_set_tlsext_servername_arg(ssl, c);
    if ((err = load_pair(ssl, cert, key, why)) < 0 || (err = load_authorities(ssl, o, why)) < 0) {
        SSL_CTX_free(ssl);
        ERR_clear_error();
        return err;
    }
    *out = ssl;
    return 0;
}

static void unload(struct load *l)
{
    SSL_CTX_free(l->ssl);
    for (size_t i = 0; i < l->host_count; i++) {
        mem_free(l->hosts[i].name);
        SSL_CTX_free(l->hosts[i].ssl);
    }
    mem_free(l->hosts);
    *l = (struct load){ 0 };
}

static int load_all(struct tls_context *c, struct load *l, const struct tls_options *o, char *why)
{
    int err;

    *l = (struct load){ .handshake_timeout_ms = o->handshake_timeout_ms };
    if ((err = load_one(c, &l->ssl, o, o->cert, o->key, why)) < 0)
        return err;
    l->hosts = mem_zalloc((o->host_count + 1) * sizeof *l->hosts);
    for (size_t i = 0; i < o->host_count; i++) {
        struct host *h = &l->hosts[l->host_count++];
        h->name = str_dup(str_of(o->hosts[i].name));
        if ((err = load_one(c, &h->ssl, o, o->hosts[i].cert, o->hosts[i].key, why)) < 0) {
            unload(l);
            return err_wrap(why, err, "%s", o->hosts[i].name);
        }
    }
    return 0;
}

int tls_context_reload(struct tls_context *c, const struct tls_options *o, char *why)
{
    struct load fresh;
    int err;

    watch_files(c, o);
    if ((err = load_all(c, &fresh, o, why)) < 0)
        return err;
    unload(&c->in_force);
    c->in_force = fresh;
    return 0;
}

int tls_context_new(struct tls_context **out, const struct tls_options *o, char *why)
{
    struct tls_context *c = mem_zalloc(sizeof *c);
    int err;

    if ((err = tls_context_reload(c, o, why)) < 0) {
        tls_context_free(c);
        return err;
    }
    *out = c;
    return 0;
}

struct tls_context *tls_context_new_trusting(void)
{
    struct tls_context *c = mem_zalloc(sizeof *c);

    c->connects = true;
    c->in_force.ssl = SSL_CTX_new(TLS_client_method());
    ASSERT(c->in_force.ssl);
    set_manners(c->in_force.ssl, &(struct tls_options){ 0 });
    SSL_CTX_set_verify(c->in_force.ssl, SSL_VERIFY_NONE, NULL);
    return c;
}

void tls_context_free(struct tls_context *c)
{
    if (!c)
        return;
    unload(&c->in_force);
    forget_files(c);
    mem_free(c);
}

SSL *tls_context_session(struct tls_context *c)
{
    return SSL_new(c->in_force.ssl);
}

bool tls_context_connects(const struct tls_context *c)
{
    return c->connects;
}

uint32_t tls_context_handshake_timeout(const struct tls_context *c)
{
    return c->in_force.handshake_timeout_ms;
}
