/* tests/unit/net/test_tether.c - a TLS connection whose plain side is somebody else's: here the
 * test has the far end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tether.h"

#include <poll.h>

#include "tls_pair.h"

struct tied {
    struct tls_pair t;
    int far;
};

static void tied_open(struct tied *d)
{
    struct tls_options o = tls_options();

    context_open(&o);
    tls_pair_open(&d->t, 0);
    assert_int_equal(tls_pair_shake(&d->t), 1);
    tether_stats = (struct tether_stats){ 0 };
}

static void tie(struct tied *d)
{
    stream_pause(d->t.p.stream);
    d->far = tether_stream(d->t.p.stream);
    assert_true(d->far >= 0);
    d->t.p.stream = NULL; /* it is the tether's */
    assert_int_equal(tether_stats.open, 1);
    assert_int_equal(tether_count(&loop), 1);
}

static void tied_close(struct tied *d)
{
    if (d->far >= 0)
        close(d->far);
    tls_pair_close(&d->t);
    for (int i = 0; i < 5; i++)
        pair_turn();
    stream_end_all(&loop);
    pair_turn();
    assert_int_equal(d->t.p.closes, 0);
    assert_int_equal(tether_stats.open, 0);
    assert_int_equal(tether_stats.ending, 0);
    assert_int_equal(tether_count(&loop), 0);
}

static void far_hears(struct tied *d, const char *text)
{
    char got[64] = "";
    ssize_t n;

    for (int i = 0; i < 100 && strlen(got) < strlen(text); i++) {
        pair_turn();
        n = recv(d->far, got + strlen(got), sizeof got - 1 - strlen(got), 0);
        assert_true(n > 0 || errno == EAGAIN);
    }
    assert_string_equal(got, text);
}

static void client_hears(struct tied *d, const char *text)
{
    char got[64] = "";

    for (int i = 0; i < 100 && strlen(got) < strlen(text); i++) {
        pair_turn();
        (void)tls_pair_hear(&d->t, got + strlen(got), sizeof got - 1 - strlen(got));
    }
    assert_string_equal(got, text);
}

static void far_says(struct tied *d, const char *text)
{
    assert_int_equal(send(d->far, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static size_t use_two(struct pair *p, uint8_t *data, size_t n)
{
    (void)data, (void)n;
    stream_pause(p->stream);
    return 2;
}

/* What was read but not used, what came after that, and what was queued: all in order. */
static void nothing_is_lost(void **state)
{
    struct tied d;
    (void)state;

    tied_open(&d);
    d.t.p.use = use_two;
    tls_pair_say(&d.t, "012345", 6);
    pair_turn();
    tls_pair_say(&d.t, "6789", 4);
    stream_write(d.t.p.stream, STR("queued "));
    tie(&d);
    far_says(&d, "and said");
    far_hears(&d, "23456789");
    client_hears(&d, "queued and said");
    tied_close(&d);
    assert_int_equal(tether_stats.made, 1);
    assert_int_equal(tether_stats.bytes_in, 8);
    assert_int_equal(tether_stats.bytes_out, 8);
}

/* Whether the far end has read the last byte; and can still write then. */
static bool far_ended(struct tied *d, bool *peer_there)
{
    struct stream s = { .watch.fd = d->far };
    ssize_t n = -1;
    char c;

    for (int i = 0; i < 100 && n != 0; i++) {
        pair_turn();
        n = recv(d->far, &c, 1, 0);
        assert_true(n <= 0);
    }
    *peer_there = tether_far_end(&s);
    return n == 0;
}

static void the_peer_leaves(void **state)
{
    struct tied d;
    bool there;
    (void)state;

    tied_open(&d);
    tie(&d);
    (void)SSL_shutdown(d.t.client);
    close(d.t.p.peer);
    d.t.p.peer = -1;
    assert_true(far_ended(&d, &there));
    assert_false(there);
    assert_int_equal(tether_stats.open, 0);
    tied_close(&d);
}

/* The far end is told, and its last words reach the peer. */
static void the_peer_is_sent_away(void **state)
{
    struct tied d;
    bool there;
    char c;
    size_t n = 0;
    (void)state;

    tied_open(&d);
    tie(&d);
    assert_int_equal(tether_end_some(&loop, &n), 1);
    n = 5;
    assert_int_equal(tether_end_some(&loop, &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(tether_stats.ending, 1);
    assert_int_equal(tether_end_some(&loop, &n), 0); /* once is enough */
    assert_int_equal(n, 4);
    assert_true(far_ended(&d, &there));
    assert_true(there);
    tls_pair_say(&d.t, "too late", 8); /* dropped */
    pair_turn();
    far_says(&d, "farewell");
    client_hears(&d, "farewell");
    close(d.far);
    d.far = -1;
    for (int i = 0; i < 5; i++)
        pair_turn();
    assert_int_equal(SSL_read(d.t.client, &c, 1), 0);
    assert_int_equal(SSL_get_shutdown(d.t.client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(tether_stats.open, 0);
    tied_close(&d);
}

static void all_can_be_cut(void **state)
{
    struct tied d;
    bool there;
    (void)state;

    tied_open(&d);
    tie(&d);
    tether_close_all(&loop);
    assert_int_equal(tether_stats.open, 0);
    assert_true(far_ended(&d, &there));
    assert_false(there);
    tied_close(&d);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TLS_TEST(nothing_is_lost),
        TLS_TEST(the_peer_leaves),
        TLS_TEST(the_peer_is_sent_away),
        TLS_TEST(all_can_be_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
