/* tests/unit/socketio/test_broadcast.c - who hears what, and what is done to many (2.3, 2.4).
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

enum { CROWD = 5 };

static struct peer peers[CROWD];
static struct sio_socket *sockets[CROWD];

/* Peers 0, 1, 2 are in room a; 2, 3 in room b; 4 in none. */
static struct rig *crowd(void **state)
{
    struct rig *g = *state;

    for (int i = 0; i < CROWD; i++) {
        peer_join(&peers[i], g);
        sockets[i] = g->last;
        if (i <= 2)
            sio_socket_join(sockets[i], STR("a"));
        if (i == 2 || i == 3)
            sio_socket_join(sockets[i], STR("b"));
    }
    return g;
}

static void disperse(void)
{
    for (int i = 0; i < CROWD; i++)
        peer_close(&peers[i]);
}

/* One character per peer: how many messages it heard. */
static void check_counts(const char *want)
{
    char got[CROWD + 1] = { 0 };

    for (int i = 0; i < CROWD; i++) {
        rig_settle(peers[i].rig);
        peer_hear(&peers[i]);
        got[i] = '0';
        for (size_t k = 0; k < peers[i].heard.len; k++)
            got[i] = (char)(got[i] + (peers[i].heard.data[k] == '['));
        buf_clear(&peers[i].heard);
    }
    assert_string_equal(got, want);
}

#define TARGET(...) (&(struct sio_target){ __VA_ARGS__ })
#define ROOMS(...)                                                                                 \
    .rooms = (str[]){ __VA_ARGS__ }, .room_count = sizeof((str[]){ __VA_ARGS__ }) / sizeof(str)
#define EXCEPT(...)                                                                                \
    .except = (str[]){ __VA_ARGS__ }, .except_count = sizeof((str[]){ __VA_ARGS__ }) / sizeof(str)

static void reaches_who_is_meant(void **state)
{
    struct rig *g = crowd(state);
    str a = STR("a"), b = STR("b"), none = STR("none");
    str id0 = sio_socket_id(sockets[0]), id4 = sio_socket_id(sockets[4]);

    sio_emit(g->main, NULL, DATA("[1]"));
    check_counts("11111");
    sio_emit(g->main, TARGET(ROOMS(a)), DATA("[1]"));
    check_counts("11100");
    sio_emit(g->main, TARGET(ROOMS(a, b, a)), DATA("[1]"));
    check_counts("11110");
    sio_emit(g->main, TARGET(ROOMS(a), EXCEPT(b)), DATA("[1]"));
    check_counts("11000");
    sio_emit(g->main, TARGET(EXCEPT(a)), DATA("[1]"));
    check_counts("00011");
    sio_emit(g->main, TARGET(ROOMS(none)), DATA("[1]"));
    check_counts("00000");
    sio_emit(g->main, TARGET(.sender = sockets[3]), DATA("[1]"));
    check_counts("11101");
    sio_emit(g->main, TARGET(ROOMS(b), .sender = sockets[3]), DATA("[1]"));
    check_counts("00100");
    sio_emit(g->main, TARGET(ROOMS(id4)), DATA("[1]"));
    check_counts("00001");
    sio_emit(g->main, TARGET(ROOMS(id4, a), EXCEPT(id0)), DATA("[1]"));
    check_counts("01101");
    /* Somebody else may be in a room that is called like an id. */
    sio_socket_join(sockets[3], id4);
    sio_emit(g->main, TARGET(ROOMS(id4)), DATA("[1]"));
    check_counts("00011");
    sio_socket_leave(sockets[4], id4);
    sio_emit(g->main, TARGET(ROOMS(id4)), DATA("[1]"));
    check_counts("00010");
    assert_int_equal(g->io.stats.broadcasts, 12);
    assert_int_equal(g->io.stats.deliveries, 5 + 3 + 4 + 2 + 2 + 4 + 1 + 1 + 3 + 2 + 1);
    disperse();
}

static void sends_attachments_to_all(void **state)
{
    struct rig *g = crowd(state);
    str bytes[] = { STR("x"), STR("yy") };

    sio_emit(g->main, NULL, &(struct sio_data){ STR("[\"b\"]"), bytes, 2 });
    for (int i = 0; i < CROWD; i++)
        assert_heard(&peers[i], "452-[\"b\"] b(x) b(yy)");
    disperse();
}

static void volatile_broadcasts_skip_the_busy(void **state)
{
    struct rig *g = crowd(state);

    sio_socket_emit(sockets[1], DATA("[\"busy\"]"), 0);
    sio_emit(g->main, TARGET(.flags = SIO_VOLATILE), DATA("[1]"));
    check_counts("11111"); /* peer 1 heard the first only */
    assert_int_equal(g->io.stats.volatile_dropped, 1);
    assert_int_equal(g->io.stats.deliveries, CROWD - 1);
    disperse();
}

static void other_namespaces_hear_nothing(void **state)
{
    struct rig *g = crowd(state);
    struct sio_namespace *n = sio_server_of(&g->io, STR("/n"));

    peer_say(&peers[0], "40/n");
    sio_socket_join(g->last, STR("a"));
    assert_heard(&peers[0], "40/n,{\"sid\":\"$\"}");
    sio_emit(n, NULL, DATA("[1]"));
    sio_emit(n, TARGET(ROOMS(STR("a"))), DATA("[2]"));
    sio_emit(n, TARGET(ROOMS(sio_socket_id(sockets[0]))), DATA("[3]"));
    assert_heard(&peers[0], "42/n,[1] 42/n,[2]");
    check_counts("00000");
    disperse();
}

static void drop_the_next(struct rig *g, struct sio_socket *s)
{
    (void)g;
    if (s == sockets[0] || s == sockets[1])
        sio_socket_disconnect(sockets[2], true);
}

static void outgoing_is_told_when_watched(void **state)
{
    struct rig *g = crowd(state);

    sio_socket_emit(sockets[0], DATA("[0]"), 0);
    assert_log(g, "");
    g->main->watch_outgoing = true;
    sio_socket_emit(sockets[0], DATA("[1]"), 0);
    sio_emit(g->main, TARGET(ROOMS(STR("b"))), DATA("[2]"));
    assert_log(g, "out(/,[1]) out(/,[2]) out(/,[2])");
    check_counts("20110");
    /* The callback may end one who was to be next. */
    g->on_outgoing = drop_the_next;
    sio_emit(g->main, TARGET(ROOMS(STR("a"))), DATA("[3]"));
    g->on_outgoing = NULL;
    check_counts("11000");
    assert_false(sio_namespace_socket(g->main, str_n(peers[2].sid, SIO_ID_LEN)) != NULL);
    disperse();
}

static void count_one(void *arg, struct sio_socket *s)
{
    assert_true(sio_socket_connected(s));
    ++*(int *)arg;
}

static void drop_all(void *arg, struct sio_socket *s)
{
    ++*(int *)arg;
    sio_disconnect_sockets(s->nsp, NULL, true);
}

static void does_things_to_many(void **state)
{
    struct rig *g = crowd(state);
    str c = STR("c"), d = STR("d");
    int count = 0;

    sio_each(g->main, TARGET(ROOMS(STR("a"), STR("b"))), count_one, &count);
    assert_int_equal(count, 4);
    sio_sockets_join(g->main, TARGET(ROOMS(STR("a"))), (str[]){ c, d }, 2);
    assert_int_equal(hub_group(&g->main->hub, c)->count, 3);
    assert_int_equal(hub_group(&g->main->hub, d)->count, 3);
    sio_sockets_leave(g->main, TARGET(ROOMS(c), EXCEPT(STR("b"))), &d, 1);
    assert_int_equal(hub_group(&g->main->hub, d)->count, 1);
    /* Own rooms too. */
    sio_sockets_leave(g->main, NULL, (str[]){ sio_socket_id(sockets[4]) }, 1);
    assert_false(sio_socket_in(sockets[4], sio_socket_id(sockets[4])));
    sio_disconnect_sockets(g->main, TARGET(ROOMS(STR("b"))), false);
    assert_heard(&peers[2], "41");
    assert_heard(&peers[3], "41");
    check_counts("00000");
    assert_int_equal(g->main->hub.count, 3);
    count = 0;
    sio_each(g->main, NULL, drop_all, &count);
    assert_int_equal(count, 1);
    assert_heard(&peers[0], "41 close(1005)");
    assert_int_equal(g->main->hub.count, 0);
    disperse();
}

static void narrow(struct sio_options *o)
{
    o->engine.output.bytes_max = 300000;
}

/* One who does not read is cut off while a broadcast goes on; the others hear all of it. */
static void slow_readers_do_not_disturb(void **state)
{
    enum { ROUNDS = 100 };
    static char big[100000];
    struct rig g;
    struct peer slow, quick;
    int heard = 0;
    (void)state;

    memset(big, '1', sizeof big);
    rig_open(&g, narrow);
    peer_join(&slow, &g);
    peer_join(&quick, &g);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(sio_emit(g.main, NULL, &(struct sio_data){ .json = { big, sizeof big } }),
                         0);
        for (int k = 0; k < 1000 && quick.heard.len == 0; k++) {
            rig_settle(&g);
            peer_hear(&quick);
        }
        heard += quick.heard.len >= sizeof big;
        buf_clear(&quick.heard);
    }
    assert_int_equal(heard, ROUNDS);
    assert_log(&g, "leaving(/,transport error) left(/,transport error)");
    peer_close(&slow);
    peer_close(&quick);
    rig_close(&g);
}

TEST_MAIN(RIG_TEST(reaches_who_is_meant), RIG_TEST(sends_attachments_to_all),
          RIG_TEST(volatile_broadcasts_skip_the_busy), RIG_TEST(other_namespaces_hear_nothing),
          RIG_TEST(outgoing_is_told_when_watched), RIG_TEST(does_things_to_many),
          cmocka_unit_test(slow_readers_do_not_disturb))
