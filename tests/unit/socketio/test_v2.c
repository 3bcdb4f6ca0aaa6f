/* tests/unit/socketio/test_v2.c - clients of Socket.IO 2, alone and among others.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include "socketio/client.h"

#define ATTACHED(literal, ...)                                                                     \
    (&(struct sio_data){ .json = STR(literal),                                                     \
                         .attachments = (const str[]){ __VA_ARGS__ },                              \
                         .attachment_count = sizeof((const str[]){ __VA_ARGS__ }) / sizeof(str) })

static void they_are_in_the_main_namespace_without_asking(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_open_v2(&p, g);
    assert_heard(&p, "40");
    assert_log(g, "connect(/)");
    assert_int_equal(sio_socket_id(g->last).n, SIO_ID_LEN);
    assert_memory_equal(sio_socket_id(g->last).p, p.sid, SIO_ID_LEN);
    peer_say(&p, "421[\"x\",1]");
    assert_log(g, "event(/,\"x\",[\"x\",1],1)");
    assert_int_equal(sio_socket_ack(g->last, 1, DATA("[2]")), 0);
    assert_heard(&p, "431[2]");
    peer_say(&p, "41");
    assert_log(g, "leaving(/,client namespace disconnect) left(/,client namespace disconnect)");
    peer_say(&p, "40"); /* and may come back */
    assert_heard(&p, "40");
    assert_log(g, "connect(/)");
    peer_say(&p, "40");
    assert_heard(&p, "close(1005)");
    assert_log(g, "leaving(/,forced server close) left(/,forced server close)");
    peer_close(&p);
}

static void ids_are_the_sessions(void **state)
{
    struct rig *g = *state;
    struct sio_namespace *n = sio_server_of(&g->io, STR("/n"));
    struct peer p, other;
    str id;

    peer_open_v2(&other, g);
    peer_say(&other, "40/n");
    peer_open_v2(&p, g);
    peer_say(&p, "40/n");
    assert_heard(&p, "40 40/n,");
    id = sio_socket_id(g->last);
    assert_int_equal(id.n, 3 + SIO_ID_LEN);
    assert_memory_equal(id.p, "/n#", 3);
    assert_memory_equal(id.p + 3, p.sid, SIO_ID_LEN);
    assert_ptr_equal(sio_namespace_socket(n, id), g->last);
    assert_true(sio_socket_in(g->last, id));
    /* Its own room. */
    assert_int_equal(
        sio_emit(n, &(struct sio_target){ .rooms = &id, .room_count = 1 }, DATA("[\"to\"]")), 0);
    assert_int_equal(sio_emit(n, &(struct sio_target){ .except = &id, .except_count = 1 },
                              DATA("[\"but\"]")),
                     0);
    assert_heard(&p, "42/n,[\"to\"]");
    assert_heard(&other, "40 40/n, 42/n,[\"but\"]");
    peer_close(&p);
    peer_close(&other);
}

static void what_follows_the_name_is_auth(void **state)
{
    static const struct {
        const char *connect, *auth; /* NULL: none */
    } cases[] = {
        { "40/n", NULL },
        { "40/n?", NULL },
        { "40/n,{\"not\":\"this\"}", NULL },
        { "40/n?token=a%20b+c&x&&y=%C3%A9%22&x=2#z=1,",
          "{\"token\":\"a b c\",\"x\":\"\",\"y\":\"\xc3\xa9\\\"\",\"x\":\"2\"}" },
        { "40/n?a=50%&b=%ff", "{\"a\":\"50%\",\"b\":\"\xef\xbf\xbd\"}" },
        { "40/n#a?b=c", NULL },
    };
    struct rig *g = *state;

    (void)sio_server_of(&g->io, STR("/n"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer p;

        peer_open_v2(&p, g);
        peer_say(&p, cases[i].connect);
        assert_heard(&p, "40 40/n,");
        assert_int_equal(g->last->auth_len, cases[i].auth ? strlen(cases[i].auth) : 0);
        if (cases[i].auth)
            assert_memory_equal(g->last->auth, cases[i].auth, g->last->auth_len);
        /* The name is what is in front of it, in every packet. */
        buf_clear(&g->log);
        peer_say(&p, "42/n?a=b,[\"x\"]");
        assert_log(g, "event(/n,\"x\",[\"x\"])");
        peer_close(&p);
        buf_clear(&g->log);
    }
}

static void refuse_all(struct rig *g, struct sio_socket *s, void *middleware, sio_decision d)
{
    static const char *const data[] = { "",  "{\"a\":1}", "\"text\"", "7",    "true", "[]",
                                        "0", "-0.0",      "false",    "null", "\"\"" };
    static size_t at;

    (void)s, (void)middleware;
    sio_decide(&g->io, d, false, STR("no \"entry\""), str_of(data[at++]));
}

/* As Node: err.data || err.message. */
static void refusals_are_bare(void **state)
{
    static const char *const bodies[] = {
        "\"no \\\"entry\\\"\"", "{\"a\":1}", "\"text\"", "7", "true", "[]"
    };
    struct rig *g = *state;
    struct peer p;

    sio_namespace_use(sio_server_of(&g->io, STR("/n")), "mw");
    g->on_middleware = refuse_all;
    peer_open_v2(&p, g);
    assert_heard(&p, "40");
    for (size_t i = 0; i < 11; i++) {
        char want[64];

        (void)snprintf(want, sizeof want, "44/n,%s", bodies[i < 6 ? i : 0]);
        peer_say(&p, "40/n?a=b");
        assert_heard(&p, want);
    }
    peer_say(&p, "40/unknown?a=b");
    assert_heard(&p, "44/unknown,{\"message\":\"Invalid namespace\"}");
    peer_close(&p);
}

static void a_main_namespace_may_refuse(void **state)
{
    struct rig *g = *state;
    struct peer p;

    sio_namespace_use(g->main, "mw");
    g->hold = true;
    peer_open_v2(&p, g);
    assert_heard(&p, "");
    sio_decide(&g->io, g->owed[0], false, STR("not you"), (str){ 0 });
    assert_heard(&p, "44\"not you\"");
    assert_log(g, "mw(/) abandon(/)");
    peer_close(&p);
}

static void connects_that_overlap_are_one(void **state)
{
    struct rig *g = *state;
    struct sio_namespace *n = sio_server_of(&g->io, STR("/n"));
    struct peer p;

    (void)sio_server_of_matching(&g->io, "any");
    peer_open_v2(&p, g);
    peer_say_two(&p, "40/n", "40/n?again=1");
    assert_heard(&p, "40 40/n,");
    assert_int_equal(n->population, 1);
    g->hold = true;
    peer_say_two(&p, "40/m", "40/m"); /* while the namespace is looked for */
    assert_int_equal(g->owed_count, 1);
    sio_decide(&g->io, g->owed[0], true, (str){ 0 }, (str){ 0 });
    assert_heard(&p, "40/m,");
    sio_namespace_use(n, "mw");
    peer_say(&p, "41/n,");
    peer_say_two(&p, "40/n", "40/n"); /* while a middleware decides */
    assert_int_equal(g->owed_count, 2);
    sio_decide(&g->io, g->owed[1], true, (str){ 0 }, (str){ 0 });
    assert_heard(&p, "40/n,");
    peer_say(&p, "40/n");
    assert_heard(&p, "close(1005)");
    peer_close(&p);
}

static void parents_see_name_and_auth(void **state)
{
    struct rig *g = *state;
    struct peer p;

    (void)sio_server_of_matching(&g->io, "any");
    peer_open_v2(&p, g);
    buf_clear(&g->log);
    peer_say(&p, "40/dyn?k=v");
    assert_log(g, "match(/_0,/dyn,{\"k\":\"v\"}) namespace(/dyn) connect(/dyn)");
    peer_close(&p);
}

static void bytes_travel_both_ways(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_open_v2(&p, g);
    assert_heard(&p, "40");
    buf_clear(&g->log);
    peer_say(&p,
             "452-3[\"x\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    peer_bytes(&p, STR("\4one"));
    peer_bytes(&p, STR("\4"));
    assert_log(g, "event(/"
                  ",\"x\",[\"x\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":"
                  "1}]+one+,3)");
    assert_int_equal(
        sio_socket_emit(g->last, ATTACHED("[\"y\",{\"_placeholder\":true,\"num\":0}]", STR("two")),
                        0),
        0);
    assert_heard(&p, "451-[\"y\",{\"_placeholder\":true,\"num\":0}] b(\4two)");
    assert_int_equal(sio_socket_ack(g->last, 3,
                                    ATTACHED("[{\"_placeholder\":true,\"num\":0}]", STR("three"))),
                     0);
    assert_heard(&p, "461-3[{\"_placeholder\":true,\"num\":0}] b(\4three)");
    peer_bytes(&p, STR("\4stray"));
    assert_heard(&p, "close(1005)");
    assert_log(g, "leaving(/,forced close) left(/,forced close)");
    peer_close(&p);
}

/* One room, both kinds: each is sent what it can read, made once however many there are. */
static void broadcasts_reach_both_kinds(void **state)
{
    enum { EACH = 40 };
    static struct peer old[EACH], new[EACH];
    struct rig *g = *state;
    str room = STR("r");
    struct sio_target to = { .rooms = &room, .room_count = 1 };
    struct sio_data *bytes =
        ATTACHED("[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]",
                 STR("one"), STR("two"));

    for (int i = 0; i < EACH; i++) {
        peer_join(&new[i], g);
        assert_int_equal(sio_socket_join(g->last, room), 0);
        peer_open_v2(&old[i], g);
        assert_heard(&old[i], "40");
        assert_int_equal(sio_socket_join(g->last, room), 0);
    }
    g->quiet = true;
    for (int round = 0; round < 4; round++) {
        /* The streams' queues come from the slab, which must hold enough of them first. */
        unsigned most = round ? 0 : 10000;

        assert_allocs(most, sio_emit(g->main, &to, DATA("[\"t\"]")));
        rig_settle(g);
        assert_allocs(most, sio_emit(g->main, &to, bytes));
        for (int i = 0; i < EACH; i++) {
            assert_heard(&new[i], "42[\"t\"] "
                                  "452-[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":"
                                  "true,\"num\":1}] b(one) b(two)");
            assert_heard(&old[i], "42[\"t\"] "
                                  "452-[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":"
                                  "true,\"num\":1}] b(\4one) b(\4two)");
        }
    }
    assert_int_equal(g->io.stats.deliveries, 4 * 2 * 2 * EACH);
    for (int i = 0; i < EACH; i++) {
        peer_close(&old[i]);
        peer_close(&new[i]);
    }
}

static void recovering(struct sio_options *o)
{
    o->recovery.enabled = true;
}

/* They have no session to come back to, and no offsets with what they are sent. */
static void they_do_not_come_back(void **state)
{
    struct rig g;
    struct peer p, q;
    (void)state;

    rig_open(&g, recovering);
    peer_open_v2(&p, &g);
    assert_heard(&p, "40");
    assert_int_equal(sio_socket_emit(g.last, DATA("[\"one\"]"), 0), 0);
    assert_heard(&p, "42[\"one\"]");
    peer_open(&q, &g);
    peer_say(&q, "40");
    peer_hear(&q);
    assert_true(str_search(buf_str(&q.heard), STR("\"pid\":\"")) > 0);
    buf_clear(&q.heard);
    assert_int_equal(sio_emit(g.main, NULL, DATA("[\"all\"]")), 0);
    assert_heard(&p, "42[\"all\"]");
    rig_settle(&g);
    peer_hear(&q);
    assert_true(str_starts(buf_str(&q.heard), STR("42[\"all\",\"")));
    peer_close(&p);
    assert_int_equal(g.io.stats.recovery_saved, 0);
    peer_close(&q);
    assert_int_equal(g.io.stats.recovery_saved, 1);
    rig_close(&g);
}

static void the_server_leaves_politely(void **state)
{
    struct rig *g = *state;
    struct peer p;

    (void)sio_server_of(&g->io, STR("/n"));
    peer_open_v2(&p, g);
    peer_say(&p, "40/n");
    assert_heard(&p, "40 40/n,");
    sio_socket_disconnect(g->last, false);
    assert_heard(&p, "41/n,");
    buf_clear(&g->log);
    sio_disconnect_sockets(g->main, NULL, true);
    assert_heard(&p, "41 close(1005)");
    assert_log(g, "leaving(/,server namespace disconnect) left(/,server namespace disconnect)");
    peer_close(&p);
}

TEST_MAIN(RIG_TEST(they_are_in_the_main_namespace_without_asking), RIG_TEST(ids_are_the_sessions),
          RIG_TEST(what_follows_the_name_is_auth), RIG_TEST(refusals_are_bare),
          RIG_TEST(a_main_namespace_may_refuse), RIG_TEST(connects_that_overlap_are_one),
          RIG_TEST(parents_see_name_and_auth), RIG_TEST(bytes_travel_both_ways),
          RIG_TEST(broadcasts_reach_both_kinds), cmocka_unit_test(they_do_not_come_back),
          RIG_TEST(the_server_leaves_politely))
