/* tests/unit/socketio/test_dynamic.c - parent namespaces and the children they let come to be.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

static const str NONE = { 0 };

static void cleaning(struct sio_options *o)
{
    o->cleanup_empty_child_namespaces = true;
}

/* The matcher's text is a prefix of the names it takes. */
static void by_prefix(struct rig *g, void *matcher, str name, sio_decision d)
{
    sio_decide(&g->io, d, str_starts(name, str_of(matcher)), NONE, NONE);
}

static void asks_parents_in_order(void **state)
{
    struct rig *g = *state;
    struct sio_namespace *a, *b;
    struct peer p;

    g->on_match = by_prefix;
    a = sio_server_of_matching(&g->io, "/room-");
    b = sio_server_of_matching(&g->io, "/r");
    sio_namespace_use(b, "of-b");
    peer_open(&p, g);
    peer_say(&p, "40/room-1,{\"k\":1}");
    assert_log(g, "match(/_0,/room-1,{\"k\":1}) namespace(/room-1) connect(/room-1)");
    assert_ptr_equal(g->last->nsp->parent, a);
    assert_str(str_n(g->last->auth, g->last->auth_len), "{\"k\":1}");
    peer_say(&p, "40/rest");
    assert_log(g,
               "match(/_0,/rest,) match(/_1,/rest,) namespace(/rest) of-b(/rest) connect(/rest)");
    assert_ptr_equal(g->last->nsp->parent, b);
    peer_say(&p, "40/nothing");
    assert_log(g, "match(/_0,/nothing,) match(/_1,/nothing,)");
    assert_heard(&p, "40/room-1,{\"sid\":\"$\"} 40/rest,{\"sid\":\"$\"} "
                     "44/nothing,{\"message\":\"Invalid namespace\"}");
    peer_close(&p);
    buf_clear(&g->log);
    /* The child stays, and its parent is not asked again. */
    peer_open(&p, g);
    peer_say(&p, "40/rest");
    assert_log(g, "of-b(/rest) connect(/rest)");
    peer_close(&p);
    buf_clear(&g->log);
}

/* The names of parents are no names for clients. */
static void parents_cannot_be_joined(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_match = by_prefix;
    (void)sio_server_of_matching(&g->io, "/x");
    peer_open(&p, g);
    peer_say(&p, "40/_0");
    assert_heard(&p, "44/_0,{\"message\":\"Invalid namespace\"}");
    peer_close(&p);
    buf_clear(&g->log);
}

static void two_clients_make_one_child(void **state)
{
    struct rig *g = *state;
    struct peer p, q;

    g->hold = true;
    (void)sio_server_of_matching(&g->io, "");
    peer_open(&p, g);
    peer_open(&q, g);
    peer_say(&p, "40/n");
    peer_say(&q, "40/n");
    assert_log(g, "match(/_0,/n,) match(/_0,/n,)");
    sio_decide(&g->io, g->owed[1], true, NONE, NONE);
    sio_decide(&g->io, g->owed[0], true, NONE, NONE);
    assert_log(g, "namespace(/n) connect(/n) connect(/n)");
    assert_int_equal(sio_server_of(&g->io, STR("/n"))->hub.count, 2);
    peer_close(&p);
    peer_close(&q);
    buf_clear(&g->log);
}

static void a_client_that_leaves_meanwhile(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->hold = true;
    (void)sio_server_of_matching(&g->io, "");
    peer_open(&p, g);
    peer_say(&p, "40/n");
    peer_close(&p);
    sio_decide(&g->io, g->owed[0], true, NONE, NONE);
    assert_log(g, "match(/_0,/n,)");
    assert_null(map_get(&g->io.namespaces, STR("/n")));
}

/* 2.3: what goes to a parent goes to all of its children. */
static void parents_reach_their_children(void **state)
{
    struct rig *g = *state;
    struct sio_namespace *parent;
    struct peer p, q;

    g->on_match = by_prefix;
    parent = sio_server_of_matching(&g->io, "/c");
    peer_open(&p, g);
    peer_open(&q, g);
    peer_say(&p, "40/c1");
    parent->watch_outgoing = true; /* for children to come */
    peer_say(&q, "40/c2");
    sio_socket_join(g->last, STR("r"));
    peer_say(&q, "40");
    peer_hear(&p);
    peer_hear(&q);
    buf_clear(&p.heard);
    buf_clear(&q.heard);
    buf_clear(&g->log);
    assert_int_equal(sio_emit(parent, NULL, DATA("[\"all\"]")), 0);
    assert_int_equal(sio_emit(parent, &(struct sio_target){ .rooms = &STR("r"), .room_count = 1 },
                              DATA("[\"some\"]")),
                     0);
    assert_log(g, "out(/c2,[\"all\"]) out(/c2,[\"some\"])");
    assert_heard(&p, "42/c1,[\"all\"]");
    assert_heard(&q, "42/c2,[\"all\"] 42/c2,[\"some\"]");
    assert_int_equal(sio_emit_ack(parent, NULL, DATA("[\"x\"]"), 0, NULL, NULL), ATR_ESTATE);
    sio_disconnect_sockets(parent, NULL, false);
    assert_heard(&p, "41/c1,");
    assert_heard(&q, "41/c2,");
    assert_int_equal(g->io.stats.sockets_open, 1);
    peer_close(&p);
    peer_close(&q);
    buf_clear(&g->log);
}

static void empty_children_are_cleaned_up(void **state)
{
    struct rig g;
    struct peer p, q;
    (void)state;

    rig_open(&g, cleaning);
    g.on_match = by_prefix;
    (void)sio_server_of_matching(&g.io, "/c");
    (void)sio_server_of(&g.io, STR("/plain"));
    peer_open(&p, &g);
    peer_open(&q, &g);
    peer_say(&p, "40/c");
    peer_say(&q, "40/c");
    peer_say(&p, "40/plain");
    buf_clear(&g.log);
    peer_say(&p, "41/c");
    assert_log(&g, "leaving(/c,client namespace disconnect) left(/c,client namespace disconnect)");
    peer_close(&q);
    assert_log(&g, "leaving(/c,transport close) left(/c,transport close) gone(/c)");
    assert_null(map_get(&g.io.namespaces, STR("/c")));
    peer_say(&p, "40/c");
    assert_log(&g, "match(/_0,/c,) namespace(/c) connect(/c)");
    peer_close(&p);
    assert_non_null(map_get(&g.io.namespaces, STR("/plain")));
    assert_null(map_get(&g.io.namespaces, STR("/c")));
    rig_close(&g);
}

/* Who still waits for a middleware keeps the child alive. */
static void pending_sockets_keep_a_child(void **state)
{
    struct rig g;
    struct peer p, q;
    struct sio_namespace *parent;
    (void)state;

    rig_open(&g, cleaning);
    g.on_match = by_prefix;
    parent = sio_server_of_matching(&g.io, "/c");
    g.hold = true;
    sio_namespace_use(parent, NULL);
    peer_open(&p, &g);
    peer_open(&q, &g);
    peer_say(&p, "40/c");
    peer_say(&q, "40/c");
    sio_decide(&g.io, g.owed[0], true, NONE, NONE);
    buf_clear(&g.log);
    peer_close(&p);
    assert_log(&g, "leaving(/c,transport close) left(/c,transport close)");
    sio_decide(&g.io, g.owed[1], false, STR("no"), NONE);
    assert_log(&g, "abandon(/c) gone(/c)");
    assert_heard(&q, "44/c,{\"message\":\"no\"}");
    peer_close(&q);
    rig_close(&g);
}

static void close_the_client(struct rig *g, struct sio_namespace *n)
{
    (void)n;
    sio_socket_disconnect(g->last, true);
}

static void allow_and_end(struct rig *g, void *matcher, str name, sio_decision d)
{
    (void)matcher, (void)name;
    sio_decide(&g->io, d, true, NONE, NONE);
    sio_socket_disconnect(g->last, true);
}

/* No namespace comes to be for a client that is gone by then. */
static void matchers_may_end_the_client(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_match = allow_and_end;
    (void)sio_server_of_matching(&g->io, "");
    peer_join(&p, g);
    peer_say(&p, "40/c");
    assert_log(g, "match(/_0,/c,) leaving(/,server namespace disconnect) "
                  "left(/,server namespace disconnect)");
    assert_null(map_get(&g->io.namespaces, STR("/c")));
    peer_close(&p);
}

/* The owner ends the client from on_namespace: nobody joins. */
static void callbacks_may_end_the_client(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_match = by_prefix;
    g->on_namespace = close_the_client;
    (void)sio_server_of_matching(&g->io, "/c");
    peer_join(&p, g);
    peer_say(&p, "40/c");
    assert_log(g, "match(/_0,/c,) namespace(/c) leaving(/,server namespace disconnect) "
                  "left(/,server namespace disconnect)");
    assert_heard(&p, "41 close(1005)");
    peer_close(&p);
}

TEST_MAIN(RIG_TEST(asks_parents_in_order), RIG_TEST(parents_cannot_be_joined),
          RIG_TEST(two_clients_make_one_child), RIG_TEST(a_client_that_leaves_meanwhile),
          RIG_TEST(parents_reach_their_children), cmocka_unit_test(empty_children_are_cleaned_up),
          cmocka_unit_test(pending_sockets_keep_a_child), RIG_TEST(matchers_may_end_the_client),
          RIG_TEST(callbacks_may_end_the_client))
