/* tests/unit/gateway/test_channel.c - publish and subscribe.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

#include "count.h"

enum { CROWD = 20 };

static void publishes_to_subscribers_only(void **state)
{
    struct rig g;
    struct client a, b, c;

    (void)state;
    rig_open(&g, NULL, false);
    client_connect(&a, &g);
    struct gateway_conn *ca = g.last;
    client_connect(&b, &g);
    struct gateway_conn *cb = g.last;
    client_connect(&c, &g);
    assert_int_equal(gateway_subscribe(ca, STR("news")), 1);
    assert_int_equal(gateway_subscribe(ca, STR("news")), 0);
    assert_int_equal(gateway_subscribe(cb, STR("news")), 1);
    assert_true(gateway_subscribed(ca, STR("news")));
    assert_false(gateway_subscribed(ca, STR("new")));
    assert_int_equal(gateway_subscribers(&g.gateway, STR("news")), 2);
    assert_int_equal(gateway_publish(&g.gateway, STR("news"), STR("one"), false, STR(""), NULL), 2);
    assert_int_equal(gateway_publish(&g.gateway, STR("news"), STR("two"), true, STR(""), ca), 1);
    assert_int_equal(gateway_publish(&g.gateway, STR("else"), STR("x"), true, STR(""), NULL), 0);
    assert_frame(&a, WS_TEXT, "one");
    assert_frame(&b, WS_TEXT, "one");
    assert_frame(&b, WS_BINARY, "two");
    client_silent(&a);
    client_silent(&c);
    assert_int_equal(gateway_unsubscribe(ca, STR("news")), 1);
    assert_int_equal(gateway_unsubscribe(ca, STR("news")), 0);
    assert_int_equal(gateway_publish(&g.gateway, STR("news"), STR("three"), false, STR(""), ca), 1);
    assert_frame(&b, WS_TEXT, "three");
    client_silent(&a);
    assert_int_equal(g.gateway.stats.publishes, 4);
    assert_int_equal(g.gateway.stats.deliveries, 4);
    client_close(&a);
    client_close(&b);
    client_close(&c);
    rig_close(&g);
}

static void note(void *arg, str channel)
{
    buf_add(arg, channel);
    buf_byte(arg, ',');
}

static void who_closes_is_in_no_channel(struct rig *g, struct gateway_conn *c)
{
    gateway_channels(c, note, &g->log);
    assert_false(gateway_subscribed(c, STR("a")));
    assert_int_equal(gateway_unsubscribe(c, STR("a")), 0);
    assert_int_equal(gateway_publish(&g->gateway, STR("a"), STR("x"), false, STR(""), c), 0);
}

static void leaves_when_it_closes(void **state)
{
    struct rig g;
    struct client c;
    struct buf names = { 0 };

    (void)state;
    rig_open(&g, NULL, false);
    g.on_close = who_closes_is_in_no_channel;
    client_connect(&c, &g);
    assert_int_equal(gateway_subscribe(g.last, STR("a")), 1);
    assert_int_equal(gateway_subscribe(g.last, STR("b")), 1);
    gateway_channels(g.last, note, &names);
    assert_str(buf_str(&names), "a,b,");
    client_close(&c);
    rig_await(&g, "close:1006:;");
    assert_str(buf_str(&g.log), "open;close:1006:;");
    assert_int_equal(gateway_subscribers(&g.gateway, STR("a")), 0);
    buf_free(&names);
    rig_close(&g);
}

/* The memory lives on for the rest of the iteration, but serves another purpose. */
static void nothing_is_left_after_the_end(void **state)
{
    struct rig g;
    struct client c;
    struct buf names = { 0 };

    (void)state;
    rig_open(&g, NULL, false);
    client_connect(&c, &g);
    struct gateway_conn *conn = g.last;
    assert_int_equal(gateway_subscribe(conn, STR("a")), 1);
    gateway_conn_abort(conn);
    gateway_channels(conn, note, &names);
    assert_int_equal(names.len, 0);
    assert_false(gateway_subscribed(conn, STR("a")));
    assert_int_equal(gateway_unsubscribe(conn, STR("a")), 0);
    assert_int_equal(gateway_subscribe(conn, STR("a")), ATR_ECLOSED);
    client_close(&c);
    rig_close(&g);
}

static void allocates_nothing_per_recipient(void **state)
{
    struct rig g;
    struct client all[CROWD];
    uint8_t in[64];

    (void)state;
    rig_open(&g, NULL, false);
    for (int i = 0; i < CROWD; i++) {
        client_connect(&all[i], &g);
        assert_int_equal(gateway_subscribe(g.last, STR("crowd")), 1);
    }
    for (int round = 0; round < 4; round++) {
        uint64_t before = mem_count();

        assert_int_equal(
            gateway_publish(&g.gateway, STR("crowd"), STR("hello"), false, STR(""), NULL), CROWD);
        assert_int_equal(loop_turn(&g.loop, 0), 0);
        for (int i = 0; i < CROWD; i++)
            assert_int_equal(read(all[i].fd, in, sizeof in), 7);
        if (round > 1)
            assert_int_equal(mem_count() - before, 0);
    }
    for (int i = 0; i < CROWD; i++)
        client_close(&all[i]);
    rig_close(&g);
}

/* One of several overflows while a publish walks: nobody else is missed, and it goes later. */
static void an_overflow_does_not_disturb_a_walk(void **state)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;
    struct rig g;
    struct client all[3];
    struct gateway_conn *conns[3];
    static char filler[3000];

    (void)state;
    o.output.bytes_max = 4096;
    rig_open(&g, &o, false);
    for (int i = 0; i < 3; i++) {
        client_connect(&all[i], &g);
        conns[i] = g.last;
        assert_int_equal(gateway_subscribe(g.last, STR("c")), 1);
    }
    (void)rig_stall(conns[1], str_n(filler, 1000));
    while (gateway_conn_queued(conns[1]) < 3000)
        assert_int_equal(gateway_conn_send(conns[1], str_n(filler, 100), true, STR("")), 0);
    assert_int_equal(
        gateway_publish(&g.gateway, STR("c"), str_n(filler, 2000), true, STR(""), NULL), 2);
    assert_int_equal(client_next(&all[0]).data.n, 2000);
    assert_int_equal(client_next(&all[2]).data.n, 2000);
    rig_await(&g, "close:1006:output queue overflow;");
    assert_int_equal(gateway_subscribers(&g.gateway, STR("c")), 2);
    for (int i = 0; i < 3; i++)
        client_close(&all[i]);
    rig_close(&g);
}

static void refuses_what_no_frame_holds(void **state)
{
    struct rig g;

    (void)state;
    rig_open(&g, NULL, false);
    assert_int_equal(gateway_publish(&g.gateway, STR("c"), (str){ "x", (size_t)UINT32_MAX }, true,
                                     STR(""), NULL),
                     ATR_ELIMIT);
    rig_close(&g);
}

TEST_MAIN(cmocka_unit_test(publishes_to_subscribers_only), cmocka_unit_test(leaves_when_it_closes),
          cmocka_unit_test(nothing_is_left_after_the_end),
          cmocka_unit_test(allocates_nothing_per_recipient),
          cmocka_unit_test(an_overflow_does_not_disturb_a_walk),
          cmocka_unit_test(refuses_what_no_frame_holds))
