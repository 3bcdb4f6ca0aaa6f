/* What administrators are told, and that a slow one costs nobody anything.
 *
 * SPDX-License-Identifier: MIT
 */
#include "desk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"

static struct desk d;

static int setup(void **state)
{
    (void)state;
    desk_open(&d, "{\"auth\":false}", NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    desk_close(&d);
    return 0;
}

static void the_life_of_a_socket_is_told(void **state)
{
    struct peer p, q;
    (void)state;

    d.data = "{\"name\":\"x\"}";
    desk_sit(&d, &p);
    peer_open(&q, &d.rig);
    peer_say(&q, "40");
    peer_hear(&q);
    assert_told(&p, "42/admin,[\"room_joined\",\"/\",");
    assert_told(&p, "42/admin,[\"socket_connected\",{\"id\":\"");
    assert_told(
        &p, "\"transport\":\"websocket\",\"nsp\":\"/\",\"data\":{\"name\":\"x\"},\"handshake\":{"
            "\"address\":\"127.0.0.1\",\"headers\":{\"host\":\"a\",\"upgrade\":\"websocket\"");
    assert_told(
        &p, "\"query\":{\"EIO\":\"4\",\"transport\":\"websocket\",\"token\":\"t\"},\"issued\":");
    assert_told(&p, "\"url\":\"/socket.io/?EIO=4&transport=websocket&token=t\",\"xdomain\":false}");
    assert_not_told(&p, "\"auth\"");
    desk_forget(&p);
    peer_say(&q, "452-[\"e\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]");
    peer_bytes(&q, STR("one"));
    peer_bytes(&q, STR("two"));
    assert_told(&p, "452-/admin,[\"event_received\",\"/\",\"");
    assert_told(&p,
                "[\"e\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}],\"2");
    assert_told(&p, " b(one) b(two)");
    desk_forget(&p);
    assert_int_equal(sio_emit(d.rig.main, NULL, DATA("[\"all\",1]")), 0);
    assert_told(&p, "[\"event_sent\",\"/\",\"");
    assert_told(&p, "\",[\"all\",1],\"2");
    desk_forget(&p);
    sio_socket_join(d.rig.last, STR("r\"1"));
    assert_told(&p, "[\"room_joined\",\"/\",\"r\\\"1\",\"");
    sio_socket_leave(d.rig.last, STR("r\"1"));
    assert_told(&p, "[\"room_left\",\"/\",\"r\\\"1\",\"");
    sio_socket_join(d.rig.last, STR("last"));
    desk_forget(&p);
    peer_say(&q, "41");
    assert_true(strncmp(desk_heard(&p), "42/admin,[\"socket_disconnected\",\"/\",\"", 37) == 0);
    assert_told(&p, "\",\"client namespace disconnect\",\"2");
    assert_told(&p, "[\"room_left\",\"/\",\"last\",\""); /* behind it, as in Node */
    peer_close(&p);
    peer_close(&q);
    buf_clear(&d.rig.log);
}

/* Without administrators an instrumented server does what it did before. */
static void nobody_looks_nobody_pays(void **state)
{
    struct peer p, q;
    (void)state;

    peer_join(&q, &d.rig);
    assert_int_equal(d.rig.main->watch_outgoing, 0);
    assert_int_equal(d.rig.main->watch_rooms, 0);
    d.rig.quiet = true;
    assert_int_equal(sio_emit(d.rig.main, NULL, DATA("[\"x\"]")), 0);
    rig_settle(&d.rig);
    assert_allocs(0, assert_int_equal(sio_emit(d.rig.main, NULL, DATA("[\"x\"]")), 0));
    desk_sit(&d, &p);
    assert_int_equal(d.rig.main->watch_outgoing, SIO_WATCH_OBSERVER);
    assert_int_equal(d.rig.main->watch_rooms, SIO_WATCH_OBSERVER);
    assert_true(timer_running(&d.admin->tick));
    peer_close(&p);
    assert_int_equal(d.rig.main->watch_outgoing, 0);
    assert_int_equal(d.rig.main->watch_rooms, 0);
    assert_false(timer_running(&d.admin->tick));
    assert_int_equal(d.admin->changes.count, 0);
    peer_close(&q);
    buf_clear(&d.rig.log);
}

static void who_comes_hears_of_everyone(void **state)
{
    struct peer p, q;
    (void)state;

    peer_join(&q, &d.rig);
    sio_socket_join(d.rig.last, STR("r1"));
    peer_open(&p, &d.rig);
    peer_say(&p, "40/admin");
    assert_told(&p,
                "[\"config\",{\"supportedFeatures\":[\"EMIT\",\"JOIN\",\"LEAVE\",\"DISCONNECT\","
                "\"MJOIN\",\"MLEAVE\",\"MDISCONNECT\",\"AGGREGATED_EVENTS\",\"ALL_EVENTS\"]}]");
    assert_told(&p, "[\"all_sockets\",[{\"id\":\"");
    assert_told(&p, ",\"r1\"]}");
    peer_close(&p);
    peer_close(&q);
    buf_clear(&d.rig.log);
}

/* Reads and throws away everything; returns how much it was. */
static size_t drain(struct peer *p)
{
    static char in[1 << 16];
    size_t all = 0;
    ssize_t n;

    do {
        rig_settle(p->rig);
        while ((n = recv(p->fd, in, sizeof in, MSG_DONTWAIT)) > 0)
            all += (size_t)n;
    } while (eio_session_queued(sio_socket_session(d.rig.last)) > 0);
    return all;
}

static void a_slow_administrator_misses_and_catches_up(void **state)
{
    enum { BIG = 100000 };
    char *event = mem_alloc(BIG);
    struct peer slow, quick;
    const struct eio_session *session;
    (void)state;

    memset(event, 'x', BIG);
    memcpy(event, "[\"e\",\"", 6);
    memcpy(event + BIG - 2, "\"]", 2);
    desk_sit(&d, &quick);
    desk_sit(&d, &slow); /* does not read from here on */
    session = sio_socket_session(d.rig.last);
    struct sio_socket *last = d.rig.last;
    for (int i = 0; i < 200; i++) {
        admin_tell_event(d.admin, last, &(struct sio_data){ .json = { event, BIG } }, true);
        assert_in_range(eio_session_queued(session), 0, 5 << 20);
        desk_forget(&quick);
    }
    assert_in_range(d.admin->stats.dropped, 100, 200); /* of the slow one's alone */
    admin_resync(d.admin);
    assert_int_equal(d.admin->stats.resyncs, 0); /* he is not ready for it */
    (void)drain(&slow);
    admin_resync(d.admin);
    assert_int_equal(d.admin->stats.resyncs, 1);
    buf_clear(&slow.in);
    assert_told(&slow, "[\"all_sockets\",[{\"id\":\"");
    admin_resync(d.admin);
    assert_int_equal(d.admin->stats.resyncs, 1);
    assert_not_told(&quick, "all_sockets");
    mem_free(event);
    peer_close(&slow);
    peer_close(&quick);
    buf_clear(&d.rig.log);
}

static void small_queue(struct sio_options *o)
{
    o->engine.output.bytes_max = 4096;
}

/* The list of sockets ends where the queue would; the connection lives. */
static void the_list_of_sockets_is_bounded(void **state)
{
    struct desk few;
    struct peer p, all[8];
    (void)state;

    desk_open(&few, "{\"auth\":false}", small_queue);
    for (int i = 0; i < 8; i++)
        peer_join(&all[i], &few.rig);
    desk_sit(&few, &p);
    assert_in_range(few.admin->stats.left_out, 5, 8);
    assert_int_equal(few.admin->nsp->hub.count, 1);
    peer_close(&p);
    for (int i = 0; i < 8; i++)
        peer_close(&all[i]);
    buf_clear(&few.rig.log);
    desk_close(&few);
}

static void production_tells_figures_alone(void **state)
{
    struct desk quiet;
    struct peer p, q;
    (void)state;

    desk_open(&quiet, "{\"auth\":false,\"mode\":\"production\"}", NULL);
    peer_open(&p, &quiet.rig);
    peer_say(&p, "40/admin");
    assert_told(&p, "\"MDISCONNECT\",\"AGGREGATED_EVENTS\"]}]");
    assert_not_told(&p, "all_sockets");
    assert_not_told(&p, "socket_connected");
    desk_forget(&p);
    peer_join(&q, &quiet.rig);
    sio_socket_join(quiet.rig.last, STR("r"));
    peer_say(&q, "42[\"e\"]");
    assert_int_equal(sio_emit(quiet.rig.main, NULL, DATA("[\"x\"]")), 0);
    assert_string_equal(desk_heard(&p), "");
    assert_int_equal(quiet.rig.main->watch_outgoing, 0);
    desk_await(&p, "server_stats");
    peer_close(&p);
    peer_close(&q);
    buf_clear(&quiet.rig.log);
    desk_close(&quiet);
}

/* The owner is told what he asked for, and nothing else. */
static void owners_hear_what_they_did_before(void **state)
{
    struct peer p, q;
    (void)state;

    desk_sit(&d, &p);
    peer_open(&q, &d.rig);
    peer_say(&q, "40");
    peer_say(&q, "42[\"e\"]");
    assert_int_equal(sio_emit(d.rig.main, NULL, DATA("[\"x\"]")), 0);
    sio_socket_join(d.rig.last, STR("r"));
    assert_log(&d.rig, "connect(/) event(/,\"e\",[\"e\"])");
    d.rig.main->watch_outgoing |= SIO_WATCH_OWNER;
    sio_namespace_watch_rooms(d.rig.main, SIO_WATCH_OWNER, true);
    assert_int_equal(sio_emit(d.rig.main, NULL, DATA("[\"x\"]")), 0);
    sio_socket_leave(d.rig.last, STR("r"));
    assert_log(&d.rig, "out(/,[\"x\"])LD");
    peer_close(&p);
    peer_close(&q);
    buf_clear(&d.rig.log);
}

static void name_short(struct eio_server *e, eio_handshake hs, struct http_request *r)
{
    (void)r;
    assert_int_equal(eio_server_name(e, hs, STR("secret")), 0);
}

/* Whoever knows a session's id is the session: no more than a part is shown, also of a short one.
 */
static void short_ids_stay_secret(void **state)
{
    struct peer p, q;
    (void)state;

    desk_sit(&d, &p);
    d.rig.io.engine.hooks.on_generate_id = name_short;
    peer_open(&q, &d.rig);
    peer_say(&q, "40");
    assert_told(&p, "\"clientId\":\"sec\"");
    peer_close(&p);
    peer_close(&q);
    rig_settle(&d.rig);
    buf_clear(&d.rig.log);
}

#define DESK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TEST_MAIN(DESK_TEST(the_life_of_a_socket_is_told), DESK_TEST(nobody_looks_nobody_pays),
          DESK_TEST(who_comes_hears_of_everyone),
          DESK_TEST(a_slow_administrator_misses_and_catches_up),
          DESK_TEST(the_list_of_sockets_is_bounded), DESK_TEST(production_tells_figures_alone),
          DESK_TEST(owners_hear_what_they_did_before), DESK_TEST(short_ids_stay_secret))
