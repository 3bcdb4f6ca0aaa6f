/* tests/unit/socketio/test_handover.c - clients that go on in another server of the application:
 * what goes along, and what comes meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <unistd.h>

#include "moves.h"

/* --- A client moves --- */

static void test_everything_moves(void **state)
{
    struct rig *o = &nodes[0].rig, *n = &nodes[1].rig;
    struct sio_socket *s;
    struct peer p;
    (void)state;

    o->saves = "{\"name\":\"ann\"}";
    peer_open(&p, o);
    peer_say(&p, "40{\"token\":\"t\"}");
    assert_heard(&p, "40{\"sid\":\"$\"}");
    assert_log(o, "connect(/)");
    s = o->last;
    assert_int_equal(sio_socket_join(s, STR("red")), 0);
    assert_int_equal(sio_socket_join(s, STR("")), 0);
    hand_over(0, 1, &p);
    assert_log(o, "");
    assert_log(n, "connect(/)");
    assert_int_equal(o->io.stats.sockets_open, 0);
    assert_int_equal(o->main->hub.count, 0);
    assert_int_equal(o->io.stats.handed_out, 1);

    s = n->last;
    assert_true(s->handed_over && s->recovered && !s->arriving);
    assert_memory_equal(s->id, p.sid, SIO_ID_LEN);
    assert_string_equal(s->auth ? "auth" : "none", "auth");
    assert_memory_equal(s->auth, "{\"token\":\"t\"}", s->auth_len);
    assert_true(sio_socket_in(s, STR("red")) && sio_socket_in(s, STR("")));
    assert_true(sio_socket_in(s, sio_socket_id(s)));
    assert_true(str_search(sio_socket_handshake(s)->head, STR("token=t")) > 0);
    assert_true(str_eq(sio_socket_handshake(s)->address, STR("127.0.0.1")));
    assert_int_equal(n->io.stats.handed_in, 1);

    peer_say(&p, "42[\"hello\",1]");
    assert_log(n, "event(/,\"hello\",[\"hello\",1])");
    assert_int_equal(sio_socket_emit(s, DATA("[\"back\"]"), 0), 0);
    assert_heard(&p, "42[\"back\"]");
    /* The one that it left is told when it goes. */
    assert_int_equal(moved_count(0), 1);
    peer_close(&p);
    nodes_settle();
    assert_log(n, "leaving(/,transport close) left(/,transport close)");
    assert_log(o, "moved(/)");
    assert_int_equal(moved_count(0), 0);
}

static const char *data_seen;
static void look_at_data(struct rig *g, struct sio_socket *s)
{
    static char text[64];
    str data = sio_socket_frozen(s);

    (void)g;
    snprintf(text, sizeof text, "%.*s", STR_ARG(data));
    data_seen = text;
}

static void test_data_is_there_when_it_connects(void **state)
{
    struct peer p;
    (void)state;

    nodes[0].rig.saves = "{\"a\":1}";
    nodes[1].rig.on_connection = look_at_data;
    join(&p, &nodes[0].rig);
    hand_over(0, 1, &p);
    assert_string_equal(data_seen, "{\"a\":1}");
    if (!nodes[0].rig.io.options.recovery.enabled)
        assert_int_equal(sio_socket_frozen(socket_of(1)).n, 0);
    peer_close(&p);
}

/* Broadcasts of a third server before, between and after: each is heard once, in order. */
static void test_broadcasts_are_neither_lost_nor_doubled(void **state)
{
    struct peer p;
    char text[32], heard[512] = "";
    (void)state;

    join(&p, &nodes[0].rig);
    for (int i = 0; i < 12; i++) {
        snprintf(text, sizeof text, "[\"n\",%d]", i);
        struct sio_data d = { .json = str_of(text) };
        assert_int_equal(sio_emit(main_of(i % 3), NULL, &d), 0);
        snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s42%s", i ? " " : "", text);
        if (i == 4)
            assert_int_equal(take_off(0, 1, client_of(&p)), 0);
    }
    nodes_settle();
    assert_int_equal(flight.err, 0);
    p.rig = &nodes[1].rig;
    assert_heard(&p, heard);
    peer_close(&p);
}

/* Rooms that are changed by others on the way. */
static void test_rooms_change_on_the_way(void **state)
{
    str id, room = STR("late");
    struct peer p;
    (void)state;

    join(&p, &nodes[0].rig);
    id = (str){ p.sid, SIO_ID_LEN };
    assert_int_equal(take_off(0, 1, client_of(&p)), 0);
    sio_sockets_join(main_of(2), &(struct sio_target){ .rooms = &id, .room_count = 1 }, &room, 1);
    assert_int_equal(sio_emit(main_of(2), &(struct sio_target){ .rooms = &room, .room_count = 1 },
                              DATA("[\"late\"]")),
                     0);
    nodes_settle();
    p.rig = &nodes[1].rig;
    assert_heard(&p, "42[\"late\"]");
    assert_true(sio_socket_in(socket_of(1), room));
    peer_close(&p);
}

static void test_listeners_to_rooms_are_told_before_it_connects(void **state)
{
    struct peer p;
    (void)state;

    sio_namespace_watch_rooms(main_of(0), SIO_WATCH_OWNER, true);
    sio_namespace_watch_rooms(main_of(1), SIO_WATCH_OWNER, true);
    join(&p, &nodes[0].rig);
    assert_int_equal(sio_socket_join(socket_of(0), STR("a")), 0);
    assert_log(&nodes[0].rig, "CJ");
    hand_over(0, 1, &p);
    assert_log(&nodes[0].rig, "");
    assert_log(&nodes[1].rig, "CJCJ connect(/)");
    peer_close(&p);
}

static void test_several_namespaces_and_unknown_ones(void **state)
{
    struct rig *o = &nodes[0].rig, *n = &nodes[1].rig;
    struct peer p;
    (void)state;

    (void)sio_server_of(&o->io, STR("/both"));
    (void)sio_server_of(&n->io, STR("/both"));
    (void)sio_server_of(&o->io, STR("/old"));
    join(&p, o);
    peer_say(&p, "40/both,");
    peer_say(&p, "40/old,");
    nodes_settle();
    peer_hear(&p);
    buf_clear(&p.heard);
    buf_clear(&o->log);
    assert_int_equal(take_off(0, 1, client_of(&p)), 0);
    nodes_settle();
    assert_int_equal(flight.err, 0);
    p.rig = n;
    assert_log(n, "connect(/) connect(/both)");
    assert_heard(&p, "41/old,");
    peer_say(&p, "42/both,[\"x\"]");
    assert_log(n, "event(/both,\"x\",[\"x\"])");
    peer_close(&p);
}

static void test_dynamic_namespaces(void **state)
{
    struct rig *o = &nodes[0].rig, *n = &nodes[1].rig;
    struct peer p;
    (void)state;

    for (int i = 0; i < 2; i++)
        (void)sio_server_of_matching(&nodes[i].rig.io, NULL);
    join(&p, o);
    peer_say(&p, "40/dyn,");
    peer_hear(&p);
    buf_clear(&p.heard);
    hand_over(0, 1, &p);
    assert_log(n, "connect(/) namespace(/dyn) connect(/dyn)");
    assert_int_equal(sio_emit(map_get(&n->io.namespaces, STR("/dyn")), NULL, DATA("[\"d\"]")), 0);
    assert_heard(&p, "42/dyn,[\"d\"]");
    peer_close(&p);
}

static void test_what_cannot_move(void **state)
{
    struct rig *o = &nodes[0].rig;
    struct sio_namespace *slow;
    struct peer p, q;
    int fd;
    (void)state;

    slow = sio_server_of(&o->io, STR("/slow"));
    sio_namespace_use(slow, NULL);
    join(&p, o);
    o->hold = true;
    peer_say(&p, "40/slow,");
    assert_int_equal(take_off(0, 1, client_of(&p)), -EAGAIN); /* a CONNECT is undecided */
    assert_int_equal(flight.bytes.len, 0);
    sio_decide(&o->io, o->owed[0], true, (str){ 0 }, (str){ 0 });
    slow->forgetful = true;
    assert_int_equal(take_off(0, 1, client_of(&p)), ATR_ESTATE); /* is served anew */
    slow->forgetful = false;
    assert_int_equal(take_off(0, 1, client_of(&p)), 0);
    close(flight.fd);
    p.rig = o;
    peer_close(&p);
    join(&q, o);
    struct sio_client *c = client_of(&q);
    eio_session_close(&c->session, EIO_FORCED_CLOSE, true);
    assert_int_equal(sio_client_freeze(c, &flight.bytes, &fd), ATR_ESTATE);
    peer_close(&q);
}

static void test_half_a_binary_packet(void **state)
{
    struct peer p;
    (void)state;

    join(&p, &nodes[0].rig);
    peer_say(&p, "452-[\"b\",{\"_placeholder\":true,\"num\":0},"
                 "{\"_placeholder\":true,\"num\":1}]");
    peer_bytes(&p, STR("one"));
    hand_over(0, 1, &p);
    peer_bytes(&p, STR("two"));
    assert_log(&nodes[1].rig, "connect(/) event(/,\"b\",[\"b\",{\"_placeholder\":true,\"num\":0},"
                              "{\"_placeholder\":true,\"num\":1}]+one+two)");
    peer_close(&p);
}

static void test_other_parsers(void **state)
{
    struct peer p;
    (void)state;

    peer_join_packed(&p, &nodes[0].rig);
    hand_over(0, 1, &p);
    peer_pack(&p, "42[\"x\"]", NULL);
    assert_log(&nodes[1].rig, "connect(/) event(/,\"x\",[\"x\"])");
    sio_emit(main_of(2), NULL, DATA("[\"y\"]"));
    nodes_settle();
    peer_hear(&p);
    assert_true(str_starts(buf_str(&p.heard), STR("(42[\"y\"")));
    peer_close(&p);
}

static void test_older_clients(void **state)
{
    str bytes[] = { STR("first") };
    struct sio_data d = { STR("[\"b\",{\"_placeholder\":true,\"num\":0}]"), bytes, 1 };
    struct peer p;
    (void)state;

    peer_open_v2(&p, &nodes[0].rig);
    nodes_settle();
    struct sio_client *c = socket_of(0)->client;
    buf_clear(&p.heard);
    buf_clear(&nodes[0].rig.log);
    assert_int_equal(take_off(0, 1, c), 0);
    nodes_settle();
    assert_int_equal(flight.err, 0);
    p.rig = &nodes[1].rig;
    assert_true(str_eq(sio_socket_id(socket_of(1)), (str){ p.sid, SIO_ID_LEN }));
    assert_int_equal(sio_emit(main_of(2), NULL, &d), 0);
    nodes_settle();
    peer_hear(&p);
    assert_true(str_search(buf_str(&p.heard), STR("451-[\"b\",{")) >= 0);
    assert_true(str_search(buf_str(&p.heard), STR("b(\004first)")) >= 0);
    peer_close(&p);
}

/* Before it joins any namespace it is a client all the same. */
static void test_who_has_not_joined_yet(void **state)
{
    struct rig *o = &nodes[0].rig;
    struct sio_client *c;
    struct peer p;
    (void)state;

    peer_open(&p, o);
    c = container_of(map_get(&o->io.engine.sessions, str_n(p.sid, SIO_ID_LEN)), struct sio_client,
                     session);
    assert_int_equal(take_off(0, 1, c), 0);
    nodes_settle();
    assert_int_equal(flight.err, 0);
    p.rig = &nodes[1].rig;
    peer_say(&p, "40");
    assert_log(&nodes[1].rig, "connect(/)");
    peer_close(&p);
}

static struct sio_socket *dies;
static void disconnect_it(struct rig *g, struct sio_socket *s)
{
    (void)g;
    dies = s;
    sio_socket_disconnect(s, true);
}

static void test_its_handler_may_disconnect_it(void **state)
{
    struct peer p;
    (void)state;

    nodes[1].rig.on_connection = disconnect_it;
    join(&p, &nodes[0].rig);
    hand_over(0, 1, &p);
    assert_log(&nodes[1].rig,
               "connect(/) leaving(/,server namespace disconnect) left(/,server namespace "
               "disconnect)");
    assert_heard(&p, "41 close(1005)");
    peer_close(&p);
}

/* --- Recovery --- */

/* What the tail emits is kept, in order, and a client that then loses its connection comes back to
 * a third server with all of it. */
static void test_the_session_moves_too(void **state)
{
    struct rig *o = &nodes[0].rig, *n = &nodes[1].rig;
    struct peer p, again;
    char pid[SIO_ID_LEN + 1] = "", text[256], sid[SIO_ID_LEN + 1] = "";
    const struct sio_record *rec;
    struct sio_socket *old;
    (void)state;

    o->saves = n->saves = "{\"k\":1}";
    join(&p, o);
    old = socket_of(0);
    rec = sio_record_of(old);
    memcpy(pid, rec->pid, SIO_ID_LEN);
    memcpy(sid, p.sid, SIO_ID_LEN);
    assert_int_equal(sio_socket_join(old, STR("r")), 0);
    hand_over(0, 1, &p);
    assert_null(sio_record_of(old));
    assert_int_equal(o->main->recovery->by_pid.count, 0);
    rec = sio_record_of(socket_of(1));
    assert_memory_equal(rec->pid, pid, SIO_ID_LEN);
    assert_int_equal(sio_socket_emit(old, DATA("[\"t1\"]"), 0), 0);
    assert_int_equal(sio_emit(main_of(0), NULL, DATA("[\"t2\"]")), 0);
    nodes_settle();
    assert_int_equal(sio_socket_emit(old, DATA("[\"t3\"]"), SIO_VOLATILE), 0);
    nodes_settle();
    peer_hear(&p);
    buf_byte(&p.heard, 0);
    {
        const char *t1 = strstr((char *)p.heard.data, "t1"), *t2 = strstr(t1, "t2"),
                   *t3 = strstr(t2, "t3");

        assert_non_null(t3);
        assert_null(strstr(t1 + 1, "t1"));
    }
    peer_close(&p);
    nodes_settle();
    /* Missed while it was away: from the tail, and to its room. */
    assert_int_equal(sio_emit(main_of(2),
                              &(struct sio_target){ .rooms = (str[]){ STR("r") }, .room_count = 1 },
                              DATA("[\"away\"]")),
                     0);
    peer_open(&again, &nodes[2].rig);
    snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"aaaaaaaaaaa\"}", pid);
    peer_say(&again, text);
    nodes_settle();
    peer_hear(&again);
    buf_byte(&again.heard, 0);
    assert_non_null(strstr((char *)again.heard.data, "[\"t1\""));
    assert_non_null(strstr((char *)again.heard.data, "[\"t2\""));
    assert_non_null(strstr((char *)again.heard.data, "[\"away\""));
    assert_memory_equal(again.sid, sid, SIO_ID_LEN);
    assert_true(socket_of(2)->recovered && !socket_of(2)->handed_over);
    assert_true(sio_socket_in(socket_of(2), STR("r")));
    assert_true(str_eq(sio_socket_frozen(socket_of(2)), STR("{\"k\":1}")));
    peer_close(&again);
}

/* --- What makes no sense --- */

static void test_broken_maps(void **state)
{
    struct rig *o = &nodes[0].rig, *n = &nodes[1].rig;
    struct bus_node self = bus_self(&nodes[0].bus.base);
    struct buf whole = { 0 };
    struct peer p;
    unsigned refused = 0;
    (void)state;

    o->saves = "{\"a\":[1,2]}";
    join(&p, o);
    assert_int_equal(sio_socket_join(socket_of(0), STR("room")), 0);
    peer_say(&p, "451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
    flight.to = -1;
    assert_int_equal(sio_client_freeze(client_of(&p), &whole, &flight.fd), 0);
    /* Cut short anywhere: refused. */
    for (size_t i = 0; i < whole.len; i++) {
        assert_true(sio_server_thaw(&n->io, str_n(whole.data, i), dup(flight.fd), self) < 0);
        refused++;
    }
    assert_int_equal(n->io.stats.handover_failures, refused);
    /* Any byte changed: whatever becomes of it, nothing breaks. */
    for (size_t i = 0; i < whole.len; i++) {
        struct buf other = { 0 };

        buf_add(&other, buf_str(&whole));
        other.data[i] ^= (uint8_t)(1u << (i % 8));
        (void)!sio_server_thaw(&n->io, buf_str(&other), dup(flight.fd), self);
        buf_free(&other);
        if (map_get(&n->main->by_id, (str){ p.sid, SIO_ID_LEN }))
            sio_socket_disconnect(map_get(&n->main->by_id, (str){ p.sid, SIO_ID_LEN }), true);
        while (n->main->hub.count)
            sio_socket_disconnect(container_of(n->main->hub.members[0], struct sio_socket, member),
                                  true);
        rig_settle(n);
    }
    close(flight.fd);
    buf_free(&whole);
    p.rig = n;
    peer_close(&p);
}

static void test_nobody_comes_back_to_a_tail(void **state)
{
    struct peer p;
    (void)state;

    join(&p, &nodes[0].rig);
    hand_over(0, 1, &p);
    assert_int_equal(take_off(1, 0, client_of(&p)), 0);
    nodes_settle();
    assert_int_equal(flight.err, ATR_EEXISTS);
    assert_int_equal(moved_count(0), 1);
    assert_int_equal(nodes[0].rig.io.stats.handover_failures, 1);
    peer_close(&p);
}

static void test_a_closing_server_takes_nobody(void **state)
{
    struct peer p;
    (void)state;

    join(&p, &nodes[0].rig);
    assert_int_equal(take_off(0, -1, client_of(&p)), 0);
    sio_server_close(&nodes[1].rig.io);
    assert_int_equal(sio_server_thaw(&nodes[1].rig.io, buf_str(&flight.bytes), flight.fd,
                                     bus_self(&nodes[0].bus.base)),
                     ATR_ECLOSED);
    peer_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MOVE_TEST(test_everything_moves),
        MOVE_TEST(test_data_is_there_when_it_connects),
        MOVE_TEST(test_broadcasts_are_neither_lost_nor_doubled),
        MOVE_TEST(test_rooms_change_on_the_way),
        MOVE_TEST(test_listeners_to_rooms_are_told_before_it_connects),
        MOVE_TEST(test_several_namespaces_and_unknown_ones),
        MOVE_TEST(test_dynamic_namespaces),
        MOVE_TEST(test_what_cannot_move),
        MOVE_TEST(test_half_a_binary_packet),
        MOVE_TEST(test_other_parsers),
        MOVE_TEST(test_older_clients),
        MOVE_TEST(test_who_has_not_joined_yet),
        MOVE_TEST(test_its_handler_may_disconnect_it),
        RECOVERY_TEST(test_data_is_there_when_it_connects),
        RECOVERY_TEST(test_the_session_moves_too),
        MOVE_TEST(test_broken_maps),
        MOVE_TEST(test_nobody_comes_back_to_a_tail),
        MOVE_TEST(test_a_closing_server_takes_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
