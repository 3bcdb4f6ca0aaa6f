/* net/tls_context.h - what a TLS server shows and asks for: certificates by host name, the versions
 * and ciphers it speaks, and whether it wants a certificate of the client. Also a client that
 * trusts anybody.
 *
 * A context is loaded from files and can be loaded again at any time: handshakes that begin later
 * use what was read last, connections that exist keep what they began with. Loading again makes new
 * keys for session tickets, so nobody resumes under a certificate or an authority that went.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ssl_ctx_st;
struct ssl_st;

enum tls_client_cert {
    TLS_CLIENT_NONE,    /* not asked for */
    TLS_CLIENT_REQUEST, /* asked for; whoever has none, or a bad one, is let in, unverified */
    TLS_CLIENT_REQUIRE  /* none or a bad one fails the handshake */
};

/* A certificate for the clients that ask for one name, or for any one label: "*.example.com". */
struct tls_host {
    const char *name, *cert, *key;
};

/* Files are PEM: the certificate first, then those that lead to its root. */
struct tls_options {
    const char *cert, *key; /* for every client that asks for no name, or for one not in hosts;
                               key NULL or "": it is in the certificate's file */
    const char *ca;         /* authorities of client certificates; NULL or "": the system's */
    enum tls_client_cert client_cert;
    uint32_t handshake_timeout_ms; /* 0: no limit */
    bool tls13_only;
    const struct tls_host *hosts;
    size_t host_count;
};

struct tls_context;

/* Options are copied. On failure `why` names the file and the reason. */
int tls_context_new(struct tls_context **c, const struct tls_options *o, char *why) MUST_CHECK;
/* For streams that connect, by whoever measures a server: any certificate will do. Never NULL. */
struct tls_context *tls_context_new_trusting(void) __attribute__((returns_nonnull));
void tls_context_free(struct tls_context *c); /* NULL is fine; its streams have been closed */

/* Loads the files of o. On failure everything stays as it was. */
int tls_context_reload(struct tls_context *c, const struct tls_options *o, char *why) MUST_CHECK;

/* Whether a file differs from what it was at the last attempt to load it. */
bool tls_context_changed(const struct tls_context *c);

/* --- for tls_stream.c --- */

/* A new session on the certificates in force; NULL when there is no memory. */
struct ssl_st *tls_context_session(struct tls_context *c);
bool tls_context_connects(const struct tls_context *c); /* its streams are clients */
uint32_t tls_context_handshake_timeout(const struct tls_context *c);

#endif
