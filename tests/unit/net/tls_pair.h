/* tests/unit/net/tls_pair.h - a TLS stream over a socket pair, and an OpenSSL client at the other
 * end. Both run in turn on one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_TLS_PAIR_H
#define NET_TLS_PAIR_H

#include "pair.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "cert.h"
#include "net/tls_stream.h"

struct tls_pair {
    struct pair p; /* first: p.stream's owner */
    SSL *client;
};

static struct certs certs;
static struct tls_context *context;
static SSL_CTX *client_context; /* trusts anybody */

/* The options of most tests: "server", asked for nothing. */
static inline struct tls_options tls_options(void)
{
    return (struct tls_options){ .cert = certs_path(&certs, "server.crt"),
                                 .key = certs_path(&certs, "server.key"),
                                 .handshake_timeout_ms = 5000 };
}

static inline void context_open(const struct tls_options *o)
{
    char why[ATR_WHY_MAX] = "";

    if (tls_context_new(&context, o, why) < 0)
        fail_msg("%s", why);
}

static inline void tls_pair_open(struct tls_pair *t, int send_bytes)
{
    int fds[2];

    *t = (struct tls_pair){ .p.peer = -1 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    if (send_bytes)
        assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes),
                         0);
    t->p.stream = tls_stream_new(&loop, fds[0], context, &pair_events, &t->p);
    t->p.peer = fds[1];
    t->client = SSL_new(client_context);
    SSL_set_fd(t->client, fds[1]);
    SSL_set_connect_state(t->client);
}

/* Drives both ends; returns what the client's handshake came to: 1, or 0 when it failed. */
static inline int tls_pair_shake(struct tls_pair *t)
{
    for (int i = 0; i < 50; i++) {
        ERR_clear_error();
        int result = SSL_do_handshake(t->client);
        pair_turn();
        if (result == 1) {
            pair_turn();
            return 1;
        }
        if (SSL_get_error(t->client, result) != SSL_ERROR_WANT_READ)
            return 0;
    }
    return 0;
}

static inline void tls_pair_say(struct tls_pair *t, const void *data, size_t n)
{
    assert_int_equal(SSL_write(t->client, data, (int)n), (int)n);
}

/* What the client can read right now. */
static inline size_t tls_pair_hear(struct tls_pair *t, void *out, size_t n)
{
    size_t at = 0;
    int got;

    ERR_clear_error();
    while (at < n && (got = SSL_read(t->client, (char *)out + at, (int)(n - at))) > 0)
        at += (size_t)got;
    return at;
}

static inline void tls_pair_close(struct tls_pair *t)
{
    SSL_free(t->client);
    pair_close(&t->p);
}

static inline int tls_setup(void **state)
{
    certs_open(&certs);
    cert_make(&certs, "server", &(struct cert){ .common_name = "localhost" });
    client_context = SSL_CTX_new(TLS_client_method());
    tls_stats = (struct tls_stats){ 0 };
    return pair_setup(state);
}

static inline int tls_teardown(void **state)
{
    assert_int_equal(tls_stats.open, 0);
    tls_context_free(context);
    context = NULL;
    SSL_CTX_free(client_context);
    certs_close(&certs);
    return pair_teardown(state);
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, tls_setup, tls_teardown)

#endif
