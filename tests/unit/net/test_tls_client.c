/* tests/unit/net/test_tls_client.c - streams that connect with TLS, against streams that accept it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls_pair.h"

/* A server's stream, and a client's at the other end of the socket pair. */
static void open_both(struct pair *server, struct pair *client, struct tls_context *trusting)
{
    struct tls_options o = tls_options();
    int fds[2];

    *server = *client = (struct pair){ .peer = -1 };
    context_open(&o);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    server->stream = tls_stream_new(&loop, fds[0], context, &pair_events, server);
    client->stream = tls_stream_new(&loop, fds[1], trusting, &pair_events, client);
}

static void turn_until(const struct buf *got, size_t n)
{
    for (int i = 0; i < 100 && got->len < n; i++)
        pair_turn();
    assert_int_equal(got->len, n);
}

/* What was sent before the handshake waits for it. */
static void a_client_speaks_first(void **state)
{
    struct tls_context *trusting = tls_context_new_trusting();
    struct pair server, client;
    (void)state;

    open_both(&server, &client, trusting);
    stream_write(client.stream, STR("hello"));
    turn_until(&server.got, 5);
    assert_str(buf_str(&server.got), "hello");
    stream_write(server.stream, STR("welcome"));
    turn_until(&client.got, 7);
    assert_str(buf_str(&client.got), "welcome");
    assert_int_equal(tls_stats.handshakes, 2);
    assert_string_equal(tls_stream_version(client.stream), "TLSv1.3");
    pair_close(&client);
    pair_close(&server);
    tls_context_free(trusting);
}

/* The server says something else than TLS: the client's stream closes. */
static void a_server_without_tls_is_told(void **state)
{
    struct tls_context *trusting = tls_context_new_trusting();
    struct pair client = { .peer = -1 };
    int fds[2];
    (void)state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    client.stream = tls_stream_new(&loop, fds[0], trusting, &pair_events, &client);
    client.peer = fds[1];
    pair_turn();
    pair_say(&client, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    for (int i = 0; i < 10 && client.closes == 0; i++)
        pair_turn();
    assert_int_equal(client.closes, 1);
    assert_int_equal(client.err, ATR_EPROTOCOL);
    assert_int_equal(tls_stats.handshake_failures, 1);
    pair_close(&client);
    tls_context_free(trusting);
}

TEST_MAIN(TLS_TEST(a_client_speaks_first), TLS_TEST(a_server_without_tls_is_told))
