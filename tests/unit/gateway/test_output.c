/* tests/unit/gateway/test_output.c - connections whose peers do not take their output: each policy;
 * and not reading from a peer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdlib.h>

#include "rig.h"

#include "gateway/channel.h"

enum { BOUND = 256 * 1024, HIGH = 16 * 1024, SIZE = 4096, AFTER = 200 };

static struct gateway_options narrow(enum overflow overflow)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;

    o.output = (struct pressure_policy){
        .bytes_max = BOUND, .high_water = HIGH, .block_ms = 1000, .overflow = (uint8_t)overflow
    };
    return o;
}

/* Message number i, of SIZE bytes in all. */
static str numbered(int i)
{
    static char text[SIZE - 4];
    int n;

    memset(text, 'x', sizeof text);
    n = snprintf(text, sizeof text, "%d", i);
    text[n] = ' ';
    return str_n(text, sizeof text);
}

/* Sends until it is backed up and AFTER more have come. key: of message i. */
static int flood(struct gateway_conn *c, str (*key)(int i))
{
    int i = 1, after = 0;

    for (; after < AFTER; i++) {
        assert_int_equal(gateway_conn_send(c, numbered(i), false, key ? key(i) : STR("")), 0);
        assert_true(gateway_conn_queued(c) <= BOUND);
        after += c->pressed;
        assert_true(i < 4000);
    }
    return i - 1;
}

static int next_number(struct client *c)
{
    return atoi(client_next(c).data.p);
}

/* Complete up to somewhere, then complete again up to last. */
static void read_one_gap(struct client *c, int last)
{
    int before = 0, gaps = 0;

    while (before != last) {
        int n = next_number(c);

        assert_true(n > before);
        gaps += n != before + 1;
        before = n;
    }
    assert_int_equal(gaps, 1);
}

static void drops_the_oldest(void **state)
{
    struct gateway_options o = narrow(OVERFLOW_DROP_OLDEST);
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    read_one_gap(&c, flood(g.last, NULL));
    rig_await(&g, "drain;");
    assert_false(g.last->pressed);
    assert_int_equal(g.gateway.pressures.count, 0);
    client_close(&c);
    rig_close(&g);
}

static str one_of_three(int i)
{
    static const char *const keys[] = { "a", "b", "c" };

    return str_of(keys[i % 3]);
}

static void keeps_the_latest_of_each_key(void **state)
{
    struct gateway_options o = narrow(OVERFLOW_KEEP_LATEST);
    struct rig g;
    struct client c;
    int last, n, complete = 0;

    (void)state;
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    last = flood(g.last, one_of_three);
    while ((n = next_number(&c)) == complete + 1)
        complete++;
    for (int i = last - 2; i <= last; i++, n = i <= last ? next_number(&c) : 0)
        assert_int_equal(n, i);
    rig_await(&g, "drain;");
    client_close(&c);
    rig_close(&g);
}

/* What is published replaces what its channel had; keys and channels do not meet. */
static void keeps_the_latest_of_each_channel(void **state)
{
    struct gateway_options o = narrow(OVERFLOW_KEEP_LATEST);
    struct rig g;
    struct client c;
    int n, complete = 0;

    (void)state;
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    assert_int_equal(gateway_subscribe(g.last, STR("a")), 1);
    assert_int_equal(gateway_subscribe(g.last, STR("b")), 1);
    int last = flood(g.last, NULL); /* without a key: none replaces another */
    for (int i = 1; i <= 10; i++) {
        (void)gateway_publish(&g.gateway, STR("a"), numbered(last + i), false, STR(""), NULL);
        (void)gateway_publish(&g.gateway, STR("b"), numbered(last + i), false, STR(""), NULL);
        (void)gateway_publish(&g.gateway, STR("b"), numbered(last + i), false, STR("k"), NULL);
        assert_int_equal(gateway_conn_send(g.last, numbered(last + i), false, STR("a")), 0);
    }
    while ((n = next_number(&c)) == complete + 1)
        complete++;
    while (n != last)
        n = next_number(&c);
    for (int i = 0; i < 4; i++)
        assert_int_equal(next_number(&c), last + 10);
    rig_await(&g, "drain;");
    client_close(&c);
    rig_close(&g);
}

static void a_close_sends_what_waits(void **state)
{
    struct gateway_options o = narrow(OVERFLOW_DROP_OLDEST);
    struct rig g;
    struct client c;
    int last;

    (void)state;
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    last = flood(g.last, NULL);
    assert_int_equal(gateway_conn_close(g.last, 1000, STR("bye")), 0);
    read_one_gap(&c, last);
    assert_int_equal(client_next(&c).op, WS_CLOSE);
    client_close(&c);
    rig_close(&g);
}

static void who_asks_hears_of_drain(void **state)
{
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, NULL, false);
    client_connect(&c, &g);
    assert_int_equal(gateway_conn_send(g.last, STR("a"), false, STR("")), 0);
    gateway_conn_watch_drain(g.last);
    rig_await(&g, "drain;");
    client_close(&c);
    rig_close(&g);
}

static void a_held_peer_is_not_read(void **state)
{
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, NULL, false);
    client_connect(&c, &g);
    gateway_conn_hold(g.last);
    gateway_conn_hold(g.last);
    client_frame(&c, WS_TEXT, STR("hello"));
    rig_settle(&g);
    gateway_conn_release(g.last);
    rig_settle(&g);
    assert_false(rig_logged(&g, "text:hello;"));
    assert_int_equal(pressure_stats.held, 1);
    gateway_conn_release(g.last);
    rig_await(&g, "text:hello;");
    assert_int_equal(pressure_stats.held, 0);
    gateway_conn_hold(g.last);
    client_close(&c); /* its leaving is noticed all the same */
    rig_await(&g, "close:1006:");
    assert_int_equal(pressure_stats.held, 0);
    rig_close(&g);
}

/* We do not listen, so it is not quiet. */
static void a_held_peer_is_not_idle(void **state)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;
    struct rig g;
    struct client c;

    (void)state;
    o.ping_interval_ms = 0;
    o.idle_timeout_ms = 40;
    rig_open(&g, &o, false);
    client_connect(&c, &g);
    gateway_conn_hold(g.last);
    uint64_t until = g.loop.now_ms + 200;
    while (g.loop.now_ms < until)
        assert_int_equal(loop_turn(&g.loop, 10), 0);
    assert_false(rig_logged(&g, "close"));
    gateway_conn_release(g.last);
    assert_int_equal(client_next(&c).op, WS_CLOSE);
    client_close(&c);
    rig_close(&g);
}

TEST_MAIN(cmocka_unit_test(drops_the_oldest), cmocka_unit_test(keeps_the_latest_of_each_key),
          cmocka_unit_test(keeps_the_latest_of_each_channel),
          cmocka_unit_test(a_close_sends_what_waits), cmocka_unit_test(who_asks_hears_of_drain),
          cmocka_unit_test(a_held_peer_is_not_read), cmocka_unit_test(a_held_peer_is_not_idle))
