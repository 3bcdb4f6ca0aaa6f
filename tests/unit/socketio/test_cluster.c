/* tests/unit/socketio/test_cluster.c - three servers of one application, on one board: clients of
 * each, and what crosses between them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"
#include "nodes.h"

static struct peer a, b, c; /* a client of each node */

static int set_up(void **state)
{
    struct peer *clients[] = { &a, &b, &c };

    (void)state;
    nodes_open(NULL);
    for (int i = 0; i < NODES; i++)
        peer_join(clients[i], &nodes[i].rig);
    nodes_settle();
    return 0;
}

static int tear_down(void **state)
{
    struct peer *clients[] = { &a, &b, &c };

    (void)state;
    for (int i = 0; i < NODES; i++)
        if (nodes[i].open)
            peer_close(clients[i]);
    nodes_close();
    return 0;
}

#define assert_all_heard(at_a, at_b, at_c)                                                         \
    do {                                                                                           \
        nodes_settle();                                                                            \
        assert_heard(&a, at_a);                                                                    \
        assert_heard(&b, at_b);                                                                    \
        assert_heard(&c, at_c);                                                                    \
    } while (0)

static void test_everyone_hears(void **state)
{
    (void)state;
    assert_int_equal(sio_emit(main_of(0), NULL, DATA("[\"hi\",1]")), 0);
    assert_all_heard("42[\"hi\",1]", "42[\"hi\",1]", "42[\"hi\",1]");
    assert_int_equal(sio_server_count(&nodes[1].rig.io), 3);
}

static void test_attachments_cross(void **state)
{
    str bytes[] = { STR("first"), STR("second") };
    struct sio_data d = { STR("[\"b\",{\"_placeholder\":true,\"num\":0},"
                              "{\"_placeholder\":true,\"num\":1}]"),
                          bytes, 2 };
    static const char heard[] = "452-[\"b\",{\"_placeholder\":true,\"num\":0},"
                                "{\"_placeholder\":true,\"num\":1}] b(first) b(second)";

    (void)state;
    assert_int_equal(sio_emit(main_of(1), NULL, &d), 0);
    assert_all_heard(heard, heard, heard);
}

/* What crosses has the form of texts; who speaks MessagePack gets it in his, wherever he is. */
static void test_every_parser_hears(void **state)
{
    str bytes[] = { STR("first") };
    struct sio_data d = { STR("[\"b\",{\"_placeholder\":true,\"num\":0}]"), bytes, 1 };
    static const char heard[] = "451-[\"b\",{\"_placeholder\":true,\"num\":0}] b(first)";
    struct peer packed[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        peer_join_packed(&packed[i], &nodes[i].rig);
    assert_int_equal(sio_emit(main_of(0), NULL, &d), 0);
    assert_all_heard(heard, heard, heard);
    assert_int_equal(sio_emit(main_of(2), NULL, DATA("[\"t\"]")), 0);
    assert_all_heard("42[\"t\"]", "42[\"t\"]", "42[\"t\"]");
    for (int i = 0; i < 2; i++) {
        assert_heard(&packed[i],
                     "(451-[\"b\",{\"_placeholder\":true,\"num\":0}]+first) (42[\"t\"])");
        peer_close(&packed[i]);
    }
}

static void test_rooms_and_exceptions(void **state)
{
    str x = STR("x"), both[] = { STR("x"), STR("y") };
    str id = { c.sid, SIO_ID_LEN };

    (void)state;
    sio_socket_join(socket_of(1), STR("x"));
    sio_socket_join(socket_of(2), STR("x"));
    sio_socket_join(socket_of(0), STR("y"));
    struct sio_target t = { .rooms = &x, .room_count = 1 };
    sio_emit(main_of(0), &t, DATA("[\"to x\"]"));
    t = (struct sio_target){ .rooms = both, .room_count = 2, .except = &id, .except_count = 1 };
    sio_emit(main_of(2), &t, DATA("[\"not c\"]"));
    t = (struct sio_target){ .rooms = &id, .room_count = 1 };
    sio_emit(main_of(0), &t, DATA("[\"by id\"]"));
    t = (struct sio_target){ .flags = SIO_LOCAL };
    sio_emit(main_of(0), &t, DATA("[\"here\"]"));
    assert_all_heard("42[\"not c\"] 42[\"here\"]", "42[\"to x\"] 42[\"not c\"]",
                     "42[\"to x\"] 42[\"by id\"]");
}

static void test_the_sender_is_left_out(void **state)
{
    struct sio_target t = { .sender = socket_of(0) };

    (void)state;
    sio_emit(main_of(0), &t, DATA("[\"others\"]"));
    assert_all_heard("", "42[\"others\"]", "42[\"others\"]");
}

/* Rooms by the thousand: they go in the body. */
static void test_very_many_rooms(void **state)
{
    enum { MANY = 3000 };
    static char names[MANY][8];
    static str rooms[MANY];
    struct sio_target t = { .rooms = rooms, .room_count = MANY };

    (void)state;
    for (int i = 0; i < MANY; i++)
        rooms[i] = (str){ names[i], (size_t)snprintf(names[i], 8, "r%d", i) };
    sio_socket_join(socket_of(1), STR("r2999"));
    sio_emit(main_of(0), &t, DATA("[\"many\"]"));
    sio_sockets_join(main_of(0), &(struct sio_target){ 0 }, rooms, 300);
    assert_all_heard("", "42[\"many\"]", "");
    assert_true(sio_socket_in(socket_of(2), STR("r299")));
}

/* Two servers emit by turns without turning their loops: all clients hear one order, and what one
 * handler sends to one client stays in its order. */
static void test_one_order_for_all(void **state)
{
    char text[64], *heard[3];
    struct peer *clients[] = { &a, &b, &c };

    (void)state;
    for (int i = 0; i < 60; i++) {
        snprintf(text, sizeof text, "[\"n\",%d]", i);
        struct sio_data d = { .json = str_of(text) };
        sio_emit(main_of(i % 2), NULL, &d);
    }
    nodes_settle();
    for (int i = 0; i < 3; i++) {
        peer_hear(clients[i]);
        buf_byte(&clients[i]->heard, 0);
        heard[i] = (char *)clients[i]->heard.data;
    }
    assert_string_equal(heard[0], heard[1]);
    assert_string_equal(heard[0], heard[2]);
    assert_non_null(strstr(heard[0], "42[\"n\",0] 42[\"n\",1] 42[\"n\",2]"));
    for (int i = 0; i < 3; i++)
        buf_clear(&clients[i]->heard);

    sio_emit(main_of(1), NULL, DATA("[\"theirs\"]"));
    sio_emit(main_of(0), NULL, DATA("[\"mine\"]"));
    sio_socket_emit(socket_of(0), DATA("[\"alone\"]"), 0);
    nodes_settle();
    assert_heard(&a, "42[\"theirs\"] 42[\"mine\"] 42[\"alone\"]");
}

static void test_joining_precedes_what_follows(void **state)
{
    str r = STR("r");
    struct sio_target to_r = { .rooms = &r, .room_count = 1 };

    (void)state;
    sio_sockets_join(main_of(0), NULL, &r, 1);
    sio_emit(main_of(0), &to_r, DATA("[\"in\"]"));
    sio_sockets_leave(main_of(0), NULL, &r, 1);
    sio_emit(main_of(0), &to_r, DATA("[\"out\"]"));
    assert_all_heard("42[\"in\"]", "42[\"in\"]", "42[\"in\"]");
}

/* Also inside a publish, where what precedes is dealt with, no listener runs. */
static void test_listeners_of_rooms_are_told_later(void **state)
{
    str r = STR("r");

    (void)state;
    sio_namespace_watch_rooms(main_of(1), SIO_WATCH_OWNER, true);
    sio_sockets_join(main_of(0), NULL, &r, 1);
    sio_emit(main_of(1), NULL, DATA("[\"x\"]"));
    assert_true(sio_socket_in(socket_of(1), r));
    assert_int_equal(nodes[1].rig.log.len, 0);
    nodes_settle();
    assert_log(&nodes[1].rig, "CJ");
}

static void test_listeners_hear_what_others_send(void **state)
{
    str bytes = STR("bytes");
    struct sio_data d = { STR("[\"b\",{\"_placeholder\":true,\"num\":0}]"), &bytes, 1 };

    (void)state;
    main_of(1)->watch_outgoing = SIO_WATCH_OWNER;
    sio_emit(main_of(0), NULL, DATA("[\"x\",1]"));
    sio_emit(main_of(0), NULL, &d);
    sio_emit(main_of(1), NULL, DATA("[\"own\"]"));
    nodes_settle();
    assert_log(&nodes[1].rig, "out(/,[\"own\"]) out(/,[\"x\",1]) "
                              "out(/,[\"b\",{\"_placeholder\":true,\"num\":0}])");
    assert_log(&nodes[2].rig, "");
    assert_heard(&b,
                 "42[\"x\",1] 451-[\"b\",{\"_placeholder\":true,\"num\":0}] b(bytes) 42[\"own\"]");
}

/* What is done to a parent reaches the sockets of its children on all servers. */
static void test_parents(void **state)
{
    struct sio_namespace *parents[NODES];
    struct peer *clients[] = { &a, &b, &c };
    str r = STR("r");

    (void)state;
    for (int i = 0; i < NODES; i++) {
        parents[i] = sio_server_of_matching(&nodes[i].rig.io, NULL);
        peer_say(clients[i], "40/child,");
        peer_hear(clients[i]);
        buf_clear(&clients[i]->heard);
    }
    sio_sockets_join(parents[0], NULL, &r, 1);
    nodes_settle();
    assert_true(sio_socket_in(socket_of(2), r));
    sio_emit(parents[1], &(struct sio_target){ .rooms = &r, .room_count = 1 }, DATA("[\"p\"]"));
    assert_all_heard("42/child,[\"p\"]", "42/child,[\"p\"]", "42/child,[\"p\"]");
    sio_disconnect_sockets(parents[0], NULL, false);
    assert_all_heard("41/child,", "41/child,", "41/child,");
}

static void test_disconnects_everywhere(void **state)
{
    (void)state;
    sio_disconnect_sockets(main_of(0), NULL, false);
    nodes_settle();
    assert_log(&nodes[2].rig,
               "leaving(/,server namespace disconnect) left(/,server namespace disconnect)");
    assert_all_heard("41", "41", "41");
}

static void test_events_between_servers(void **state)
{
    (void)state;
    assert_int_equal(sio_server_side_emit(main_of(0), DATA("[\"tick\",7]")), 0);
    nodes_settle();
    assert_log(&nodes[0].rig, "");
    assert_log(&nodes[1].rig, "side(/,[\"tick\",7])");
    assert_log(&nodes[2].rig, "side(/,[\"tick\",7])");
}

/* --- Questions --- */

struct got {
    int calls, err;
    size_t count, expected, bytes;
    uint32_t missing;
    char text[512];
};

static void on_collected(void *user, int err, const struct sio_collected *all)
{
    struct got *g = user;

    g->calls++;
    g->err = err;
    g->count = all->count;
    g->missing = all->missing;
    for (size_t i = 0; i < all->count; i++)
        strncat(g->text, all->items[i].json.p, all->items[i].json.n);
}

static void on_counted(void *user, int err, const struct sio_collected *all)
{
    struct got *g = user;

    g->calls++;
    g->err = err;
    g->count = all->count;
    g->missing = all->missing;
    for (size_t i = 0; i < all->count; i++)
        g->bytes += all->items[i].json.n;
}

static void on_answers(void *user, int err, const struct sio_answers *all)
{
    struct got *g = user;

    g->calls++;
    g->err = err;
    g->count = all->count;
    g->expected = all->expected;
    for (size_t i = 0; i < all->count; i++)
        strncat(g->text, all->items[i].json.p, all->items[i].json.n);
}

static void test_asks_servers(void **state)
{
    struct got g = { 0 };

    (void)state;
    assert_int_equal(sio_server_side_ask(main_of(0), DATA("[\"q\"]"), 0, on_collected, &g), 0);
    assert_int_equal(g.calls, 0);
    nodes_settle();
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.err, 0);
    assert_string_equal(g.text, "\"yes\"\"yes\"");
    assert_log(&nodes[1].rig, "asked(/,[\"q\"])");
}

static void test_fetches_sockets_and_rooms(void **state)
{
    struct got g = { 0 }, h = { 0 }, i = { 0 };
    str r = STR("deep");
    struct sio_target in_r = { .rooms = &r, .room_count = 1 };

    (void)state;
    sio_socket_join(socket_of(1), r);
    assert_int_equal(sio_fetch(main_of(0), NULL, 0, on_collected, &g), 0);
    assert_int_equal(sio_fetch(main_of(0), &in_r, 0, on_collected, &h), 0);
    assert_int_equal(sio_fetch_rooms(main_of(0), 0, on_collected, &i), 0);
    nodes_settle();
    assert_int_equal(g.count, 2);
    assert_int_equal(h.count, 1);
    assert_string_equal(h.text, "{\"rooms\":1}");
    assert_int_equal(i.count, 2);
    assert_non_null(strstr(i.text, "\"deep\""));
    assert_true(str_search(str_of(i.text), str_n(c.sid, SIO_ID_LEN)) >= 0);
}

/* More than the ring takes, or could: page by page, beside it. */
static void test_fetches_very_many(void **state)
{
    enum { MANY = 2000, BYTES = 5000 };
    struct got g = { 0 }, h = { 0 };
    struct peer *many = mem_zalloc(MANY * sizeof *many);
    uint64_t published = nodes[1].bus.stats.published;

    (void)state;
    nodes[1].rig.describes = BYTES;
    for (int i = 0; i < MANY; i++)
        peer_join(&many[i], &nodes[1].rig);
    published = nodes[1].bus.stats.published;
    assert_int_equal(sio_fetch(main_of(0), NULL, 60000, on_counted, &g), 0);
    nodes_settle();
    assert_int_equal(g.calls, 0);
    while (!g.calls)
        nodes_settle();
    assert_int_equal(g.err, 0);
    assert_int_equal(g.missing, 0);
    assert_int_equal(g.count, MANY + 2);
    assert_true(g.bytes > (size_t)MANY * BYTES);
    assert_int_equal(nodes[1].bus.stats.published, published);
    assert_true(nodes[1].bus.stats.told > 20);
    /* One that is gone before the last page: what came is kept. */
    assert_int_equal(sio_fetch(main_of(0), NULL, 60000, on_counted, &h), 0);
    for (uint64_t heard = nodes[0].bus.stats.heard; nodes[0].bus.stats.heard < heard + 3;)
        for (int i = 0; i < NODES; i++)
            assert_int_equal(loop_turn(&nodes[i].rig.loop, 0), 0);
    for (int i = 0; i < MANY; i++)
        peer_close(&many[i]);
    peer_close(&b);
    node_close(1);
    while (!h.calls)
        nodes_settle();
    assert_int_equal(h.err, ATR_ECLOSED);
    assert_int_equal(h.missing, 1);
    assert_true(h.count > 1 && h.count < MANY);
    mem_free(many);
}

static void test_a_server_that_goes_is_missing(void **state)
{
    struct got g = { 0 };

    (void)state;
    nodes[1].rig.hold = nodes[2].rig.hold = true; /* nobody answers */
    assert_int_equal(sio_server_side_ask(main_of(0), DATA("[\"q\"]"), 60000, on_collected, &g), 0);
    nodes_settle();
    assert_int_equal(g.calls, 0);
    peer_close(&b);
    node_close(1);
    peer_close(&c);
    node_close(2);
    nodes_settle();
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.err, ATR_ECLOSED);
    assert_int_equal(g.missing, 2);
}

/* The exchange outlives a server, whose questions end with it; nothing is asked any more. */
static void test_questions_end_with_their_server(void **state)
{
    struct got g = { 0 };

    (void)state;
    nodes[1].rig.hold = nodes[2].rig.hold = true; /* nobody answers */
    assert_int_equal(sio_server_side_ask(main_of(0), DATA("[\"q\"]"), 60000, on_collected, &g), 0);
    assert_int_equal(sio_emit_ack(main_of(0), NULL, DATA("[\"q\"]"), 60000, on_answers, &g), 0);
    peer_close(&a);
    sio_server_close(&nodes[0].rig.io);
    assert_int_equal(sio_fetch(main_of(0), NULL, 0, on_collected, &g), ATR_ECLOSED);
    sio_cluster_free(&nodes[0].rig.io);
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.err, ATR_ECLOSED);
    assert_true(list_empty(&nodes[0].exchange.requests.asked));
    nodes_settle();
    assert_int_equal(g.calls, 2);
}

static void test_all_clients_acknowledge(void **state)
{
    struct got g = { 0 };

    (void)state;
    assert_int_equal(sio_emit_ack(main_of(0), NULL, DATA("[\"q\"]"), 60000, on_answers, &g), 0);
    nodes_settle();
    assert_heard(&a, "420[\"q\"]");
    assert_heard(&b, "420[\"q\"]");
    peer_say(&b, "430[\"from b\"]");
    nodes_settle();
    peer_say(&a, "430[\"from a\"]");
    nodes_settle();
    assert_int_equal(g.calls, 0);
    peer_say(&c, "430[\"from c\",2]");
    peer_say(&c, "430[\"again\"]");
    nodes_settle();
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.err, 0);
    assert_int_equal(g.expected, 3);
    assert_string_equal(g.text, "\"from b\"\"from a\"\"from c\"");
}

static void test_clients_that_leave_do_not_acknowledge(void **state)
{
    struct got g = { 0 };

    (void)state;
    assert_int_equal(sio_emit_ack(main_of(0), NULL, DATA("[\"q\"]"), 0, on_answers, &g), 0);
    nodes_settle();
    peer_say(&a, "430[1]");
    peer_say(&b, "430[2]");
    peer_say(&c, "41");
    nodes_settle();
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.err, ATR_ECLOSED);
    assert_int_equal(g.count, 2);
    assert_int_equal(g.expected, 3);
}

/* A server that dies is not waited for, whatever the time limit; who has answered counts. */
static void test_a_server_goes_before_its_clients_answer(void **state)
{
    struct got g = { 0 };

    (void)state;
    assert_int_equal(sio_emit_ack(main_of(0), NULL, DATA("[\"q\"]"), 60000, on_answers, &g), 0);
    nodes_settle();
    peer_say(&a, "430[1]");
    peer_say(&b, "430[2]");
    nodes_settle();
    assert_int_equal(g.calls, 0);
    peer_close(&c);
    node_close(2);
    nodes_settle();
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.err, ATR_ECLOSED);
    assert_string_equal(g.text, "12");
}

/* An event that is to be acknowledged keeps its place among those that are not. */
static void test_asking_keeps_its_place(void **state)
{
    struct got g = { 0 };

    (void)state;
    sio_emit(main_of(0), NULL, DATA("[\"before\"]"));
    assert_int_equal(sio_emit_ack(main_of(0), NULL, DATA("[\"q\"]"), 60000, on_answers, &g), 0);
    sio_emit(main_of(0), NULL, DATA("[\"after\"]"));
    nodes_settle();
    assert_heard(&b, "42[\"before\"] 420[\"q\"] 42[\"after\"]");
    peer_say(&a, "430[1]");
    peer_say(&b, "430[2]");
    peer_say(&c, "430[3]");
    nodes_settle();
    assert_int_equal(g.calls, 1);
}

/* Nobody is left to be told: what clients have not answered is forgotten. */
static void test_the_asking_server_goes(void **state)
{
    struct got g = { 0 };

    (void)state;
    assert_int_equal(sio_emit_ack(main_of(0), NULL, DATA("[\"q\"]"), 0, on_answers, &g), 0);
    nodes_settle();
    assert_int_equal(nodes[1].rig.io.questions.count, 1);
    peer_close(&a);
    node_close(0);
    nodes_settle();
    assert_int_equal(nodes[1].rig.io.questions.count, 0);
    assert_int_equal(nodes[2].rig.io.questions.count, 0);
}

static void test_nobody_to_acknowledge(void **state)
{
    str r = STR("empty");
    struct got g = { 0 };
    struct sio_target t = { .rooms = &r, .room_count = 1 };

    (void)state;
    assert_int_equal(sio_emit_ack(main_of(0), &t, DATA("[\"q\"]"), 60000, on_answers, &g), 0);
    nodes_settle();
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.err, 0);
    assert_int_equal(g.expected, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(TEST(test_everyone_hears), TEST(test_attachments_cross), TEST(test_every_parser_hears),
          TEST(test_rooms_and_exceptions), TEST(test_the_sender_is_left_out),
          TEST(test_very_many_rooms), TEST(test_one_order_for_all),
          TEST(test_joining_precedes_what_follows), TEST(test_asking_keeps_its_place),
          TEST(test_listeners_of_rooms_are_told_later), TEST(test_listeners_hear_what_others_send),
          TEST(test_parents), TEST(test_disconnects_everywhere), TEST(test_events_between_servers),
          TEST(test_asks_servers), TEST(test_fetches_sockets_and_rooms),
          TEST(test_fetches_very_many), TEST(test_a_server_that_goes_is_missing),
          TEST(test_questions_end_with_their_server), TEST(test_the_asking_server_goes),
          TEST(test_all_clients_acknowledge), TEST(test_clients_that_leave_do_not_acknowledge),
          TEST(test_a_server_goes_before_its_clients_answer), TEST(test_nobody_to_acknowledge))
