/* tests/unit/socketio/test_tail.c - what a server still does to sockets that it has handed over,
 * and hears of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "moves.h"

static char acked[256];
static void on_ack(void *user, int err, const struct sio_data *reply)
{
    size_t at = strlen(acked);

    snprintf(acked + at, sizeof acked - at, "%s%s:%.*s", at ? " " : "", (const char *)user,
             reply ? (int)reply->json.n : 6,
             reply                ? reply->json.p
             : err == ATR_ECLOSED ? "closed"
                                  : "other?");
}

static void test_the_tail_speaks_and_hears(void **state)
{
    struct rig *o = &nodes[0].rig, *n = &nodes[1].rig;
    struct sio_socket *old;
    struct peer p;
    uint64_t ref;
    (void)state;

    acked[0] = 0;
    o->on_event = NULL;
    join(&p, o);
    old = socket_of(0);
    ref = old->ref;
    peer_say(&p, "427[\"wait\"]"); /* to be acknowledged from the tail */
    assert_int_equal(sio_socket_emit_ack(old, DATA("[\"before\"]"), 0, 0, on_ack, "before"), 0);
    assert_heard(&p, "420[\"before\"]");
    hand_over(0, 1, &p);
    buf_clear(&n->log);
    buf_clear(&o->log);

    assert_ptr_equal(sio_socket_find(&o->io, ref), old);
    assert_int_equal(old->state, SIO_SOCKET_MOVED);
    assert_false(sio_socket_connected(old));
    assert_true(sio_socket_alive(old));
    assert_int_equal(sio_server_tail(&o->io), 1);
    /* In the order of its calls, among broadcasts. */
    assert_int_equal(sio_socket_emit(old, DATA("[\"one\"]"), 0), 0);
    assert_int_equal(sio_emit(main_of(0), NULL, DATA("[\"all\"]")), 0);
    assert_int_equal(sio_socket_ack(old, 7, DATA("[\"done\"]")), 0);
    assert_int_equal(sio_socket_emit_ack(old, DATA("[\"after\"]"), 0, 0, on_ack, "after"), 0);
    assert_int_equal(sio_socket_join(old, STR("den")), 0);
    assert_true(sio_socket_in(old, STR("den")));
    nodes_settle();
    peer_hear(&p);
    if (!n->io.options.recovery.enabled)
        assert_string_equal((buf_byte(&p.heard, 0), (char *)p.heard.data),
                            "42[\"one\"] 42[\"all\"] 437[\"done\"] 421[\"after\"]");
    buf_clear(&p.heard);
    assert_true(sio_socket_in(socket_of(1), STR("den")));
    assert_int_equal(sio_server_tail(&o->io), 2);
    assert_int_equal(o->io.stats.tail_out, 4); /* all but the broadcast */
    assert_int_equal(n->io.stats.tail_in, 4);
    /* Answers to what was asked before and after come to it, and to nobody else. */
    peer_say(&p, "430[\"b\"]");
    peer_say(&p, "431[\"a\"]");
    nodes_settle();
    assert_string_equal(acked, "before:[\"b\"] after:[\"a\"]");
    assert_int_equal(sio_server_tail(&o->io), 0);
    sio_socket_leave(old, STR("den"));
    assert_false(sio_socket_in(old, STR("den")));
    nodes_settle();
    assert_false(sio_socket_in(socket_of(1), STR("den")));
    sio_socket_disconnect(old, false);
    nodes_settle();
    assert_log(n, "leaving(/,server namespace disconnect) left(/,server namespace disconnect)");
    assert_log(o, "moved(/)");
    assert_null(sio_socket_find(&o->io, ref));
    assert_heard(&p, "41");
    peer_close(&p);
}

static void test_its_own_room(void **state)
{
    struct peer p;
    str room;
    (void)state;

    join(&p, &nodes[0].rig);
    sio_socket_leave(socket_of(0), sio_socket_id(socket_of(0)));
    struct sio_socket *old = socket_of(0);
    hand_over(0, 1, &p);
    room = sio_socket_id(socket_of(1));
    assert_false(sio_socket_in(socket_of(1), room));
    assert_int_equal(sio_socket_join(old, room), 0); /* and it is found without it */
    nodes_settle();
    assert_true(sio_socket_in(socket_of(1), room));
    peer_close(&p);
}

static void test_the_tail_ends(void **state)
{
    struct rig *o = &nodes[0].rig;
    struct sio_socket *old;
    struct peer p, q;
    (void)state;

    acked[0] = 0;
    join(&p, o);
    join(&q, o);
    old = client_of(&p)->sockets;
    assert_int_equal(sio_socket_emit_ack(old, DATA("[\"x\"]"), 0, 0, on_ack, "x"), 0);
    hand_over(0, 1, &p);
    hand_over(0, 1, &q);
    assert_int_equal(sio_server_tail(&o->io), 1);
    sio_server_tail_end(&o->io);
    assert_string_equal(acked, "x:closed");
    assert_log(o, "moved(/) moved(/)");
    assert_int_equal(sio_server_tail(&o->io), 0);
    assert_int_equal(o->io.sockets.count, 0);
    peer_say(&p, "430[]"); /* nobody waits any more */
    nodes_settle();
    peer_close(&p);
    peer_close(&q);
}

static void answers(void *user, int err, const struct sio_answers *a)
{
    size_t at = strlen(acked);

    (void)user;
    snprintf(acked + at, sizeof acked - at, "%d of %zu: %zu", err, a->expected, a->count);
}

/* A broadcast that waits for answers, from the one that they left. */
static void test_questions_are_answered_elsewhere(void **state)
{
    struct peer p, q;
    (void)state;

    acked[0] = 0;
    join(&p, &nodes[0].rig);
    join(&q, &nodes[0].rig);
    assert_int_equal(sio_emit_ack(main_of(0), NULL, DATA("[\"q\"]"), 0, answers, NULL), 0);
    nodes_settle();
    assert_heard(&p, "420[\"q\"]");
    hand_over(0, 1, &p);
    hand_over(0, 2, &q);
    assert_int_equal(sio_server_tail(&nodes[0].rig.io), 1);
    peer_say(&p, "430[1]");
    nodes_settle();
    assert_string_equal(acked, "");
    peer_say(&q, "430[2]");
    nodes_settle();
    assert_string_equal(acked, "0 of 2: 2");
    peer_close(&p);
    peer_close(&q);
}

/* A broadcast that is to be acknowledged, of a third server, before and behind the note: each asks
 * the client once. */
static void test_questions_on_the_way(void **state)
{
    struct peer p;
    (void)state;

    acked[0] = 0;
    join(&p, &nodes[0].rig);
    assert_int_equal(sio_emit_ack(main_of(2), NULL, DATA("[\"q1\"]"), 0, answers, NULL), 0);
    rig_settle(&nodes[0].rig); /* the other one has yet to look */
    assert_int_equal(take_off(0, 1, client_of(&p)), 0);
    assert_int_equal(sio_emit_ack(main_of(2), NULL, DATA("[\"q2\"]"), 0, answers, NULL), 0);
    nodes_settle();
    p.rig = &nodes[1].rig;
    assert_heard(&p, "420[\"q1\"] 421[\"q2\"]");
    peer_say(&p, "430[1]");
    nodes_settle();
    assert_string_equal(acked, "0 of 1: 1");
    acked[0] = 0;
    peer_say(&p, "431[2]");
    nodes_settle();
    assert_string_equal(acked, "0 of 1: 1");
    peer_close(&p);
}

/* From hand to hand: the first one's acknowledgement still finds it. */
static void test_on_and_on(void **state)
{
    struct sio_socket *first;
    struct peer p;
    (void)state;

    acked[0] = 0;
    join(&p, &nodes[0].rig);
    first = socket_of(0);
    assert_int_equal(sio_socket_emit_ack(first, DATA("[\"a\"]"), 0, 0, on_ack, "a"), 0);
    hand_over(0, 1, &p);
    assert_int_equal(sio_socket_emit_ack(socket_of(1), DATA("[\"b\"]"), 0, 0, on_ack, "b"), 0);
    hand_over(1, 2, &p);
    assert_int_equal(sio_socket_emit_ack(first, DATA("[\"c\"]"), 0, 0, on_ack, "c"), 0);
    nodes_settle();
    assert_heard(&p, "420[\"a\"] 421[\"b\"] 422[\"c\"]");
    peer_say(&p, "432[3]");
    peer_say(&p, "430[1]");
    peer_say(&p, "431[2]");
    nodes_settle();
    assert_string_equal(acked, "c:[3] a:[1] b:[2]");
    assert_log(&nodes[2].rig, "connect(/)");
    peer_close(&p);
    nodes_settle();
    assert_int_equal(moved_count(0), 0);
    assert_int_equal(moved_count(1), 0);
}

/* A server that died is told nothing, and what was owed to it is forgotten with the socket. */
static void test_who_handed_it_over_dies(void **state)
{
    struct peer p;
    (void)state;

    acked[0] = 0;
    join(&p, &nodes[0].rig);
    assert_int_equal(sio_socket_emit_ack(socket_of(0), DATA("[\"a\"]"), 0, 0, on_ack, "a"), 0);
    hand_over(0, 1, &p);
    node_close(0);
    nodes_settle();
    assert_string_equal(acked, "a:closed");
    assert_int_equal(nodes[1].rig.io.handover->origin_count, 0);
    peer_say(&p, "430[1]");
    peer_say(&p, "42[\"on\"]");
    assert_log(&nodes[1].rig, "connect(/) event(/,\"on\",[\"on\"])");
    peer_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MOVE_TEST(test_the_tail_speaks_and_hears),
        MOVE_TEST(test_its_own_room),
        MOVE_TEST(test_the_tail_ends),
        MOVE_TEST(test_questions_are_answered_elsewhere),
        MOVE_TEST(test_questions_on_the_way),
        MOVE_TEST(test_on_and_on),
        MOVE_TEST(test_who_handed_it_over_dies),
        RECOVERY_TEST(test_the_tail_speaks_and_hears),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
