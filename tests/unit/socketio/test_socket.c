/* tests/unit/socketio/test_socket.c - emitting, rooms, and every way to leave (2.3, 2.5).
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <sys/socket.h>

static void emits(void **state)
{
    struct rig *g = *state;
    struct peer p;
    str bytes[] = { STR("one"), STR("") };

    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&p, g);
    assert_int_equal(sio_socket_emit(g->last, DATA("[\"a\",{\"x\":[1.50]}]"), 0), 0);
    assert_int_equal(sio_socket_emit(g->last,
                                     &(struct sio_data){ STR("[\"b\",{\"_placeholder\":true,"
                                                             "\"num\":0}]"),
                                                         bytes, 2 },
                                     0),
                     0);
    peer_say(&p, "40/n");
    assert_int_equal(sio_socket_emit(g->last, DATA("[\"c\"]"), SIO_LOCAL | SIO_NO_COMPRESS), 0);
    assert_heard(&p,
                 "42[\"a\",{\"x\":[1.50]}] 452-[\"b\",{\"_placeholder\":true,\"num\":0}] b(one) "
                 "b() 40/n,{\"sid\":\"$\"} 42/n,[\"c\"]");
    assert_int_equal(g->io.stats.events_out, 3);
    peer_close(&p);
}

/* More attachments than fit the small array, and than recent clients take: sent, and noticed. */
static void emits_many_attachments(void **state)
{
    struct rig *g = *state;
    struct peer p;
    str bytes[12];

    for (int i = 0; i < 12; i++)
        bytes[i] = STR("x");
    peer_join(&p, g);
    assert_int_equal(sio_socket_emit(g->last, &(struct sio_data){ STR("[\"b\"]"), bytes, 12 }, 0),
                     0);
    assert_heard(&p, "4512-[\"b\"] b(x) b(x) b(x) b(x) b(x) b(x) b(x) b(x) b(x) b(x) b(x) b(x)");
    assert_int_equal(g->io.stats.limits_hit, 1);
    assert_int_equal(sio_socket_emit(g->last,
                                     &(struct sio_data){ STR("[\"b\"]"), bytes, EIO_MSGS_MAX }, 0),
                     ATR_ELIMIT);
    assert_true(sio_socket_connected(g->last));
    peer_close(&p);
}

/* 2.3: of two volatile emits in one go the first is sent; one behind another emit is dropped. */
static void volatile_emits_are_dropped(void **state)
{
    struct rig *g = *state;
    struct peer p;
    str bytes = STR("bin");

    peer_join(&p, g);
    sio_socket_emit(g->last, &(struct sio_data){ STR("[1]"), &bytes, 1 }, SIO_VOLATILE);
    sio_socket_emit(g->last, DATA("[2]"), SIO_VOLATILE);
    assert_heard(&p, "451-[1] b(bin)");
    sio_socket_emit(g->last, DATA("[3]"), 0);
    sio_socket_emit(g->last, &(struct sio_data){ STR("[4]"), &bytes, 1 }, SIO_VOLATILE);
    assert_heard(&p, "42[3]");
    sio_socket_emit(g->last, DATA("[5]"), SIO_VOLATILE);
    assert_heard(&p, "42[5]");
    assert_int_equal(g->io.stats.volatile_dropped, 2);
    peer_close(&p);
}

/* What is sent to a connecting socket arrives first: clients keep it until they are connected. */
static void emit_early(struct rig *g, struct sio_socket *s, void *middleware, sio_decision d)
{
    (void)middleware;
    assert_int_equal(sio_socket_emit(s, DATA("[\"early\"]"), 0), 0);
    sio_socket_disconnect(s, true); /* a no-op: it is not connected */
    sio_decide(&g->io, d, true, (str){ 0 }, (str){ 0 });
}

static void connecting_sockets_may_be_sent_to(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_middleware = emit_early;
    sio_namespace_use(g->main, NULL);
    peer_open(&p, g);
    peer_say(&p, "40");
    assert_heard(&p, "42[\"early\"] 40{\"sid\":\"$\"}");
    peer_close(&p);
}

static void collect_room(void *arg, str room)
{
    buf_format(arg, "%.*s ", STR_ARG(room));
}

static void keeps_rooms(void **state)
{
    struct rig *g = *state;
    struct peer p;
    struct buf rooms = { 0 };
    struct sio_socket *s;

    peer_join(&p, g);
    s = g->last;
    assert_int_equal(sio_socket_join(s, STR("a")), 0);
    assert_int_equal(sio_socket_join(s, STR("b")), 0);
    assert_int_equal(sio_socket_join(s, STR("a")), 0);
    assert_int_equal(sio_socket_join(s, sio_socket_id(s)), 0);
    sio_socket_rooms(s, collect_room, &rooms);
    assert_true(str_starts(buf_str(&rooms), sio_socket_id(s)));
    assert_str(str_n(rooms.data + SIO_ID_LEN, rooms.len - SIO_ID_LEN), " a b ");
    sio_socket_leave(s, STR("a"));
    sio_socket_leave(s, STR("never"));
    sio_socket_leave(s, sio_socket_id(s));
    assert_false(sio_socket_in(s, STR("a")));
    assert_true(sio_socket_in(s, STR("b")));
    assert_false(sio_socket_in(s, sio_socket_id(s)));
    buf_clear(&rooms);
    sio_socket_rooms(s, collect_room, &rooms);
    assert_str(buf_str(&rooms), "b ");
    assert_int_equal(sio_socket_join(s, sio_socket_id(s)), 0);
    assert_true(sio_socket_in(s, sio_socket_id(s)));
    assert_null(hub_group(&g->main->hub, sio_socket_id(s)));
    buf_free(&rooms);
    peer_close(&p);
}

/* Who listens to rooms hears of a socket's own as of any other. */
static void own_rooms_are_told_like_others(void **state)
{
    struct rig *g = *state;
    struct peer p;

    sio_namespace_watch_rooms(g->main, SIO_WATCH_OWNER, true);
    peer_open(&p, g);
    peer_say(&p, "40");
    assert_log(g, "CJ connect(/)");
    sio_socket_join(g->last, STR("r"));
    assert_log(g, "CJ");
    sio_socket_leave(g->last, sio_socket_id(g->last));
    sio_socket_leave(g->last, sio_socket_id(g->last));
    assert_log(g, "LD");
    sio_socket_join(g->last, sio_socket_id(g->last));
    assert_log(g, "CJ");
    sio_socket_leave(g->last, sio_socket_id(g->last));
    assert_log(g, "LD");
    peer_say(&p, "41");
    assert_log(g, "leaving(/,client namespace disconnect)LD left(/,client namespace disconnect)");
    peer_say(&p, "40");
    assert_log(g, "CJ connect(/)");
    peer_close(&p);
    assert_log(g, "leaving(/,transport close)LD left(/,transport close)");
}

/* One who stops watching takes nothing from the other. */
static void rooms_may_have_two_watchers(void **state)
{
    struct rig *g = *state;
    struct peer p;

    peer_join(&p, g);
    sio_namespace_watch_rooms(g->main, SIO_WATCH_OWNER, true);
    sio_namespace_watch_rooms(g->main, SIO_WATCH_OBSERVER, true);
    sio_namespace_watch_rooms(g->main, SIO_WATCH_OWNER, false);
    sio_socket_join(g->last, STR("r"));
    assert_log(g, "CJ");
    sio_namespace_watch_rooms(g->main, SIO_WATCH_OBSERVER, false);
    sio_socket_leave(g->last, STR("r"));
    assert_log(g, "");
    peer_close(&p);
    buf_clear(&g->log);
}

static void few_rooms(struct sio_options *o)
{
    o->rooms_max = 2;
}

static void rooms_are_limited(void **state)
{
    struct rig g;
    struct peer p;
    (void)state;

    rig_open(&g, few_rooms);
    peer_join(&p, &g);
    assert_int_equal(sio_socket_join(g.last, STR("a")), 0);
    assert_int_equal(sio_socket_join(g.last, STR("b")), 0);
    assert_int_equal(sio_socket_join(g.last, STR("c")), ATR_ELIMIT);
    assert_int_equal(sio_socket_join(g.last, STR("b")), 0);
    assert_int_equal(sio_socket_join(g.last, sio_socket_id(g.last)), 0);
    sio_socket_leave(g.last, STR("a"));
    assert_int_equal(sio_socket_join(g.last, STR("c")), 0);
    assert_int_equal(g.io.stats.limits_hit, 1);
    peer_close(&p);
    rig_close(&g);
}

static void disconnects_from_one_namespace(void **state)
{
    struct rig *g = *state;
    struct peer p;

    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&p, g);
    peer_say(&p, "40/n");
    buf_clear(&g->log);
    sio_socket_disconnect(g->last, false);
    assert_log(g, "leaving(/n,server namespace disconnect) left(/n,server namespace disconnect)");
    assert_heard(&p, "40/n,{\"sid\":\"$\"} 41/n,");
    peer_say(&p, "42[\"on\"]");
    assert_log(g, "event(/,\"on\",[\"on\"])");
    /* 2.1: an event that crossed our 41 finds no namespace. */
    peer_say(&p, "42/n,[\"crossed\"]");
    assert_log(g, "leaving(/,forced server close) left(/,forced server close)");
    peer_close(&p);
}

static void disconnects_all_and_closes(void **state)
{
    struct rig *g = *state;
    struct peer p;

    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&p, g);
    peer_say(&p, "40/n");
    buf_clear(&g->log);
    sio_socket_emit(g->last, DATA("[\"bye\"]"), 0);
    sio_socket_disconnect(g->last, true);
    assert_log(g, "leaving(/n,server namespace disconnect) left(/n,server namespace disconnect) "
                  "leaving(/,server namespace disconnect) left(/,server namespace disconnect)");
    assert_heard(&p, "40/n,{\"sid\":\"$\"} 42/n,[\"bye\"] 41/n, 41 close(1005)");
    peer_close(&p);
}

static void check_leaving(struct rig *g, struct sio_socket *s)
{
    static const str room = { STR_PARTS("r") };

    /* Rooms are still there, and may be said goodbye to; the socket itself hears nothing. */
    assert_true(sio_socket_in(s, room));
    assert_true(sio_socket_in(s, sio_socket_id(s)));
    assert_int_equal(sio_emit(g->main, &(struct sio_target){ .rooms = &room, .room_count = 1 },
                              DATA("[\"bye\"]")),
                     0);
    assert_int_equal(sio_socket_emit(s, DATA("[\"x\"]"), 0), ATR_ECLOSED);
    sio_socket_disconnect(s, false); /* already */
    sio_socket_join(s, STR("last"));
}

static void check_left(struct rig *g, struct sio_socket *s)
{
    assert_false(sio_socket_in(s, STR("r")));
    assert_false(sio_socket_in(s, STR("last")));
    assert_ptr_equal(sio_socket_find(&g->io, s->ref), s);
    assert_true(sio_socket_handshake(s)->head.n > 0);
    assert_non_null(sio_socket_session(s));
}

static void leaves_in_order(void **state)
{
    struct rig *g = *state;
    struct peer p, q;
    uint64_t ref;

    g->on_disconnecting = check_leaving;
    g->on_disconnect = check_left;
    peer_join(&q, g);
    sio_socket_join(g->last, STR("r"));
    peer_join(&p, g);
    sio_socket_join(g->last, STR("r"));
    ref = g->last->ref;
    peer_say(&p, "41");
    assert_log(g, "leaving(/,client namespace disconnect) left(/,client namespace disconnect)");
    assert_heard(&q, "42[\"bye\"]");
    assert_heard(&p, "");
    assert_null(sio_socket_find(&g->io, ref));
    g->on_disconnecting = NULL;
    g->on_disconnect = NULL;
    peer_close(&p);
    peer_close(&q);
}

/* io.close(): no 41, so that clients come again; 1001 for those who would not otherwise (1.8). */
static void close_sends_no_disconnect(void **state)
{
    struct rig *g = *state;
    struct peer p, q, stranger;

    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&p, g);
    peer_join(&q, g);
    peer_say(&q, "40/n");
    peer_open(&stranger, g);
    buf_clear(&g->log);
    sio_server_close(&g->io);
    sio_server_close(&g->io);
    assert_log(g, "leaving(/,server shutting down) left(/,server shutting down) "
                  "leaving(/n,server shutting down) left(/n,server shutting down) "
                  "leaving(/,server shutting down) left(/,server shutting down)");
    assert_heard(&p, "close(1001)");
    assert_heard(&q, "40/n,{\"sid\":\"$\"} close(1001)");
    assert_heard(&stranger, "close(1001)");
    peer_close(&p);
    peer_close(&q);
    peer_close(&stranger);
}

static void disconnect_at_once(struct rig *g, struct sio_socket *s)
{
    (void)g;
    sio_socket_disconnect(s, true);
    assert_false(sio_socket_connected(s));
}

static void handlers_may_disconnect(void **state)
{
    struct rig *g = *state;
    struct peer p;

    g->on_connection = disconnect_at_once;
    peer_open(&p, g);
    peer_say_two(&p, "40", "42[\"x\"]");
    assert_log(g, "connect(/) leaving(/,server namespace disconnect) "
                  "left(/,server namespace disconnect)");
    assert_heard(&p, "40{\"sid\":\"$\"} 41 close(1005)");
    peer_close(&p);
}

static void close_server(struct rig *g, struct sio_socket *s, str event,
                         const struct sio_data *data, int64_t ack)
{
    (void)s, (void)event, (void)data, (void)ack;
    sio_server_close(&g->io);
}

static void handlers_may_close_the_server(void **state)
{
    struct rig *g = *state;
    struct peer p, q;

    g->on_event = close_server;
    peer_join(&q, g);
    peer_join(&p, g);
    peer_say(&p, "451-[\"x\",{\"_placeholder\":true,\"num\":0}]");
    peer_bytes(&p, STR("bin"));
    assert_heard(&p, "close(1001)");
    assert_heard(&q, "close(1001)");
    assert_int_equal(g->io.stats.sockets_open, 0);
    peer_close(&p);
    peer_close(&q);
}

/* Each that leaves takes the next along, deep in each other's callbacks. */
static void take_another_along(struct rig *g, struct sio_socket *s)
{
    (void)s;
    for (uint32_t i = 0; i < g->main->hub.count; i++) {
        struct sio_socket *next = container_of(g->main->hub.members[i], struct sio_socket, member);

        if (sio_socket_connected(next)) {
            sio_socket_disconnect(next, true);
            return;
        }
    }
}

static void leaving_may_cascade(void **state)
{
    enum { CROWD = 20 };
    struct rig *g = *state;
    struct peer p[CROWD];

    g->on_disconnecting = take_another_along;
    for (int i = 0; i < CROWD; i++)
        peer_join(&p[i], g);
    peer_close(&p[7]);
    assert_int_equal(g->io.stats.sockets_open, 0);
    for (int i = 0; i < CROWD; i++) {
        if (i != 7)
            assert_heard(&p[i], "41 close(1005)");
        peer_close(&p[i]);
    }
}

static void narrow(struct sio_options *o)
{
    o->engine.output.bytes_max = 300000;
}

/* A client that does not read is cut off, which its sockets are told once. */
static void slow_readers_are_cut_off(void **state)
{
    static char big[100000];
    struct rig g;
    struct peer p;
    struct sio_data data = { .json = { big, sizeof big } };
    int err = 0;
    (void)state;

    memset(big, '1', sizeof big);
    rig_open(&g, narrow);
    peer_join(&p, &g);
    for (int i = 0; i < 1000 && err == 0; i++) {
        err = sio_socket_emit(g.last, &data, 0);
        if (err == 0)
            rig_settle(&g);
    }
    assert_int_equal(err, ATR_ELIMIT);
    assert_int_equal(sio_socket_emit(g.last, &data, 0), ATR_ECLOSED);
    rig_await(&g, "left(");
    assert_log(&g, "leaving(/,transport error) left(/,transport error)");
    peer_close(&p);
    rig_close(&g);
}

static void drain_is_told(void **state)
{
    static char big[4 << 20];
    struct rig *g = *state;
    struct peer p;
    struct sio_data data = { .json = { big, sizeof big } };

    memset(big, '1', sizeof big);
    (void)sio_server_of(&g->io, STR("/n"));
    peer_join(&p, g);
    peer_say(&p, "40/n");
    buf_clear(&g->log);
    assert_int_equal(sio_socket_emit(g->last, &data, 0), 0);
    for (int i = 0; i < 1000 && g->log.len == 0; i++) {
        rig_settle(g);
        peer_hear(&p);
    }
    assert_log(g, "drain(/n) drain(/)");
    peer_close(&p);
}

TEST_MAIN(RIG_TEST(emits), RIG_TEST(emits_many_attachments), RIG_TEST(volatile_emits_are_dropped),
          RIG_TEST(connecting_sockets_may_be_sent_to), RIG_TEST(keeps_rooms),
          RIG_TEST(own_rooms_are_told_like_others),
          RIG_TEST(rooms_may_have_two_watchers), cmocka_unit_test(rooms_are_limited),
          RIG_TEST(disconnects_from_one_namespace), RIG_TEST(disconnects_all_and_closes),
          RIG_TEST(leaves_in_order), RIG_TEST(close_sends_no_disconnect),
          RIG_TEST(handlers_may_disconnect), RIG_TEST(handlers_may_close_the_server),
          RIG_TEST(leaving_may_cascade), cmocka_unit_test(slow_readers_are_cut_off),
          RIG_TEST(drain_is_told))
