/* tests/unit/socketio/test_connect.c - CONNECT, middlewares, refusals, the connect timeout
 * (2.1, 2.2).
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

static const str NONE = { 0 };

static void joins_the_main_namespace(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_open(&p, g);
    peer_say(&p, "40");
    assert_log(g, "connect(/)");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    assert_memory_equal(p.sid, g->last->id, SIO_ID_LEN);
    assert_int_equal(g->io.stats.connects, 1);
    assert_null(g->last->auth);
    peer_close(&p);
    assert_log(g, "leaving(/,transport close) left(/,transport close)");
}

static void keeps_auth_and_handshake(void **state)
{
    struct rig *g = *state;
    struct peer p;
    const struct sio_handshake *h;

    peer_open(&p, g);
    peer_say(&p, "40{\"token\":[1, 2]} ");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    assert_str(str_n(g->last->auth, g->last->auth_len), "{\"token\":[1, 2]}");
    h = sio_socket_handshake(g->last);
    assert_true(str_starts(h->head, STR("GET /socket.io/?EIO=4&transport=websocket&token=t HTTP")));
    assert_true(str_ends(h->head, STR("\r\n\r\n")));
    assert_str(h->address, "127.0.0.1");
    assert_true(h->issued_ms > 1600000000000);
    assert_false(h->secure);
    peer_close(&p);
}

/* Python's clients send an empty object where others send nothing. */
static void empty_auth_is_no_auth(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_open(&p, g);
    peer_say(&p, "40{}");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    assert_null(g->last->auth);
    peer_close(&p);
}

static void joins_others_with_and_without_comma(void **state)
{
    struct rig *g = *state;
    struct peer p;

    (void)sio_server_of(&g->io, STR("custom"));
    assert_ptr_equal(sio_server_of(&g->io, STR("/custom")), sio_server_of(&g->io, STR("custom")));
    (void)sio_server_of(&g->io, STR("/q?a=b"));
    peer_open(&p, g);
    peer_say(&p, "40/custom");
    peer_say(&p, "40/q?a=b,{\"x\":1}");
    peer_say(&p, "40/,");
    assert_log(g, "connect(/custom) connect(/q?a=b) connect(/)");
    assert_heard(&p, "40/custom,{\"sid\":\"$\"} 40/q?a=b,{\"sid\":\"$\"} 40{\"sid\":\"$\"}");
    peer_close(&p);
    buf_clear(&g->log);
}

static void refuses_unknown_namespaces(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_open(&p, g);
    peer_say(&p, "40/random");
    assert_heard(&p, "44/random,{\"message\":\"Invalid namespace\"}");
    /* The connection stands. */
    peer_say(&p, "40");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    assert_int_equal(g->io.stats.connect_errors, 1);
    peer_close(&p);
}

static void nobody(void *arg, struct sio_socket *s)
{
    (void)arg, (void)s;
    fail();
}

static void join_room(struct rig *g, struct sio_socket *s, void *middleware, sio_decision d)
{
    assert_int_equal(sio_socket_join(s, STR("early")), 0);
    assert_false(sio_socket_in(s, sio_socket_id(s)));
    assert_false(sio_socket_connected(s));
    /* Nobody who is not connected is reached. */
    assert_int_equal(sio_emit(g->main,
                              &(struct sio_target){ .rooms = &STR("early"), .room_count = 1 },
                              DATA("[\"no\"]")),
                     0);
    assert_int_equal(sio_emit(g->main, NULL, DATA("[\"no\"]")), 0);
    sio_each(g->main, &(struct sio_target){ .rooms = &STR("early"), .room_count = 1 }, nobody,
             NULL);
    if (str_eq(str_of(middleware), STR("guard")))
        sio_decide(&g->io, d, false, STR("not \"you\""), STR("{\"code\":7}"));
    else
        sio_decide(&g->io, d, true, NONE, NONE);
    sio_decide(&g->io, d, true, NONE, NONE); /* twice is a no-op */
    sio_decide(&g->io, d, false, NONE, NONE);
}

static void middleware_may_refuse_with_data(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_middleware = join_room;
    sio_namespace_use(g->main, "first");
    sio_namespace_use(g->main, "guard");
    sio_namespace_use(g->main, "never");
    peer_open(&p, g);
    peer_say(&p, "40{\"a\":1}");
    assert_log(g, "first(/) guard(/) abandon(/)");
    assert_heard(&p, "44{\"message\":\"not \\\"you\\\"\",\"data\":{\"code\":7}}");
    assert_null(hub_group(&g->main->hub, STR("early")));
    assert_int_equal(g->io.sockets.count, 0);
    peer_close(&p);
    assert_log(g, "");
}

static void rooms_of_middlewares_last(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_middleware = join_room;
    sio_namespace_use(g->main, "first");
    peer_open(&p, g);
    peer_say(&p, "40");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    assert_true(sio_socket_in(g->last, STR("early")));
    assert_true(sio_socket_in(g->last, sio_socket_id(g->last)));
    peer_close(&p);
    buf_clear(&g->log);
}

/* io.use() is for the main namespace: others have their own. */
static void middlewares_are_not_inherited(void **state)
{
    struct rig *g = *state;
    struct peer p;

    sio_namespace_use(g->main, "first");
    (void)sio_server_of(&g->io, STR("/n"));
    peer_open(&p, g);
    peer_say(&p, "40/n,");
    assert_log(g, "connect(/n)");
    peer_close(&p);
    buf_clear(&g->log);
}

static void decides_later_and_in_order(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->hold = true;
    sio_namespace_use(g->main, "a");
    sio_namespace_use(g->main, "b");
    peer_open(&p, g);
    peer_say(&p, "40");
    assert_log(g, "a(/)");
    assert_true(sio_decision_open(&g->io, g->owed[0]));
    sio_decide(&g->io, g->owed[0], true, NONE, NONE);
    assert_false(sio_decision_open(&g->io, g->owed[0]));
    assert_log(g, "b(/)");
    sio_decide(&g->io, g->owed[0], true, NONE, NONE); /* stale */
    assert_log(g, "");
    assert_heard(&p, "");
    sio_decide(&g->io, g->owed[1], true, NONE, NONE);
    assert_log(g, "connect(/)");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    peer_close(&p);
    buf_clear(&g->log);
}

static void many_middlewares_take_no_stack(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->quiet = true;
    for (int i = 0; i < 20000; i++)
        sio_namespace_use(g->main, "m");
    peer_open(&p, g);
    peer_say(&p, "40");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    peer_close(&p);
}

/* What the application adds meanwhile is for those who come later. */
static void add_one(struct rig *g, struct sio_socket *s, void *middleware, sio_decision d)
{
    (void)middleware;
    if (s->nsp->middleware_count < 5)
        sio_namespace_use(s->nsp, "late");
    sio_decide(&g->io, d, true, NONE, NONE);
}

static void middlewares_added_meanwhile_do_not_count(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_middleware = add_one;
    sio_namespace_use(g->main, "a");
    peer_open(&p, g);
    peer_say(&p, "40");
    assert_log(g, "a(/) connect(/)");
    peer_close(&p);
    buf_clear(&g->log);
}

static void a_client_that_left_is_abandoned(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->hold = true;
    sio_namespace_use(g->main, NULL);
    peer_open(&p, g);
    peer_say(&p, "40");
    peer_close(&p);
    assert_log(g, "mw(/) abandon(/)");
    assert_false(sio_decision_open(&g->io, g->owed[0]));
    sio_decide(&g->io, g->owed[0], true, NONE, NONE);
    assert_log(g, "");
}

/* 2.1: an event that does not wait for the CONNECT reply ends the connection. */
static void events_before_connect_close(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->hold = true;
    sio_namespace_use(g->main, NULL);
    (void)sio_server_of(&g->io, STR("/other"));
    peer_open(&p, g);
    peer_say(&p, "40/other");
    peer_say(&p, "40");
    assert_heard(&p, "40/other,{\"sid\":\"$\"}");
    peer_say(&p, "42[\"early\"]");
    assert_log(g, "connect(/other) mw(/) abandon(/) leaving(/other,forced server close) "
                  "left(/other,forced server close)");
    assert_heard(&p, "close(1005)");
    assert_int_equal(g->io.stats.protocol_errors, 1);
    peer_close(&p);
}

static void a_second_connect_closes(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    peer_say(&p, "40");
    assert_log(g, "leaving(/,forced server close) left(/,forced server close)");
    assert_heard(&p, "close(1005)");
    peer_close(&p);
}

/* 2.1: clients send two CONNECTs; both are accepted, whether or not something has to be waited for.
 */
static void overlapping_connects_are_both_accepted(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_open(&p, g);
    peer_say_two(&p, "40", "40");
    assert_log(g, "connect(/) connect(/)");
    assert_heard(&p, "40{\"sid\":\"$\"} 40{\"sid\":\"$\"}");
    /* To the peer it is one namespace: the newest socket hears, and all leave at once. */
    peer_say(&p, "42[\"x\"]");
    assert_log(g, "event(/,\"x\",[\"x\"])");
    peer_say(&p, "41");
    assert_log(g, "leaving(/,client namespace disconnect) left(/,client namespace disconnect) "
                  "leaving(/,client namespace disconnect) left(/,client namespace disconnect)");
    peer_say(&p, "40");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    peer_close(&p);
    buf_clear(&g->log);
}

static void overlapping_pending_connects(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->hold = true;
    sio_namespace_use(g->main, NULL);
    peer_open(&p, g);
    peer_say(&p, "40");
    peer_say(&p, "40");
    assert_log(g, "mw(/) mw(/)");
    sio_decide(&g->io, g->owed[1], true, NONE, NONE);
    sio_decide(&g->io, g->owed[0], true, NONE, NONE);
    assert_log(g, "connect(/) connect(/)");
    assert_heard(&p, "40{\"sid\":\"$\"} 40{\"sid\":\"$\"}");
    sio_socket_disconnect(g->last, false);
    assert_heard(&p, "41");
    assert_int_equal(g->io.stats.sockets_open, 0);
    peer_close(&p);
    buf_clear(&g->log);
}

/* A DISCONNECT comes behind all CONNECTs: also what is pending has been given up. */
static void disconnecting_gives_up_what_is_pending(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->hold = true;
    sio_namespace_use(g->main, NULL);
    peer_open(&p, g);
    peer_say(&p, "40");
    peer_say(&p, "40");
    sio_decide(&g->io, g->owed[0], true, NONE, NONE);
    assert_log(g, "mw(/) mw(/) connect(/)");
    peer_say(&p, "41");
    assert_log(g, "abandon(/) leaving(/,client namespace disconnect) "
                  "left(/,client namespace disconnect)");
    assert_false(sio_decision_open(&g->io, g->owed[1]));
    sio_decide(&g->io, g->owed[1], true, NONE, NONE);
    assert_log(g, "");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    peer_close(&p);
}

/* The middleware lets the socket in, then ends its connection. */
static void let_in_and_end(struct rig *g, struct sio_socket *s, void *middleware, sio_decision d)
{
    (void)s, (void)middleware;
    sio_decide(&g->io, d, true, NONE, NONE);
    sio_socket_disconnect(g->last, true);
}

static void middlewares_may_end_the_client(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_middleware = let_in_and_end;
    sio_namespace_use(sio_server_of(&g->io, STR("/n")), NULL);
    peer_join(&p, g);
    peer_say(&p, "40/n");
    assert_log(g, "mw(/n) leaving(/,server namespace disconnect) "
                  "left(/,server namespace disconnect) abandon(/n)");
    assert_heard(&p, "41 close(1005)");
    peer_close(&p);
}

static void few_namespaces(struct sio_options *o)
{
    o->namespaces_max = 2;
}

static void namespaces_are_limited(void **state)
{
    struct rig g;
    struct peer p;
    (void)state;

    rig_open(&g, few_namespaces);
    sio_namespace_use(sio_server_of(&g.io, STR("/a")), NULL);
    sio_namespace_use(sio_server_of(&g.io, STR("/b")), NULL);
    peer_open(&p, &g);
    peer_say(&p, "40");
    peer_say(&p, "40/a");
    peer_say(&p, "40/b");
    assert_heard(&p, "40{\"sid\":\"$\"} 40/a,{\"sid\":\"$\"} "
                     "44/b,{\"message\":\"Too many namespaces\"}");
    assert_int_equal(g.io.stats.limits_hit, 1);
    peer_say(&p, "41/a");
    peer_say(&p, "40/b");
    assert_heard(&p, "40/b,{\"sid\":\"$\"}");
    peer_close(&p);
    rig_close(&g);
}

static void short_patience(struct sio_options *o)
{
    o->connect_timeout_ms = 20;
}

static void idle_strangers_are_closed(void **state)
{
    struct rig g;
    struct peer p, q;
    (void)state;

    rig_open(&g, short_patience);
    peer_join(&q, &g);
    peer_say(&q, "41"); /* armed only once, at open: it may stay with no namespace */
    peer_open(&p, &g);
    while (g.io.stats.connect_timeouts == 0)
        assert_int_equal(loop_turn(&g.loop, 5), 0);
    assert_heard(&p, "close(1005)");
    assert_heard(&q, "");
    peer_say(&q, "40");
    assert_heard(&q, "40{\"sid\":\"$\"}");
    assert_int_equal(g.io.stats.connect_timeouts, 1);
    peer_close(&p);
    peer_close(&q);
    rig_close(&g);
}

/* A pending decision is no namespace. */
static void patience_ends_pending_connects(void **state)
{
    struct rig g;
    struct peer p;
    (void)state;

    rig_open(&g, short_patience);
    g.hold = true;
    sio_namespace_use(g.main, NULL);
    peer_open(&p, &g);
    peer_say(&p, "40");
    rig_await(&g, "abandon(/)");
    assert_heard(&p, "close(1005)");
    sio_decide(&g.io, g.owed[0], true, NONE, NONE);
    peer_close(&p);
    rig_close(&g);
}

TEST_MAIN(RIG_TEST(joins_the_main_namespace), RIG_TEST(keeps_auth_and_handshake),
          RIG_TEST(empty_auth_is_no_auth), RIG_TEST(joins_others_with_and_without_comma),
          RIG_TEST(refuses_unknown_namespaces), RIG_TEST(middleware_may_refuse_with_data),
          RIG_TEST(rooms_of_middlewares_last), RIG_TEST(middlewares_are_not_inherited),
          RIG_TEST(decides_later_and_in_order), RIG_TEST(many_middlewares_take_no_stack),
          RIG_TEST(middlewares_added_meanwhile_do_not_count),
          RIG_TEST(a_client_that_left_is_abandoned), RIG_TEST(events_before_connect_close),
          RIG_TEST(a_second_connect_closes), RIG_TEST(overlapping_connects_are_both_accepted),
          RIG_TEST(overlapping_pending_connects), RIG_TEST(disconnecting_gives_up_what_is_pending),
          RIG_TEST(middlewares_may_end_the_client), cmocka_unit_test(namespaces_are_limited),
          cmocka_unit_test(idle_strangers_are_closed),
          cmocka_unit_test(patience_ends_pending_connects))
