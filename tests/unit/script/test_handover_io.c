/* tests/unit/script/test_handover_io.c - what scripts see of sockets that go from one process to
 * another: two applications in this one stand for them, on one board.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/handover.h"
#include "api/io.h"
#include "bus/ring_bus.h"
#include "cluster/exchange.h"
#include "socketio/client.h"
#include "socketio/cluster.h"
#include "socketio/handover.h"

/* An application's part in the cluster, as the program makes it. */
struct side {
    struct rig rig;
    struct app_cluster joined;
    struct board board;
    struct peers peers;
    struct ring_bus bus;
    struct exchange exchange;
};

static struct side from, to;
static char folder[64];
static int board_fd;

static void on_peer(void *user, unsigned slot, uint32_t generation, bool here)
{
    ring_bus_on_peer(&((struct side *)user)->bus, slot, generation, here);
}

static const struct peers_events peers_events = { .on_peer = on_peer };

static void on_closing(struct app_cluster *c)
{
    (void)c;
}

static void on_ended(struct app_cluster *c)
{
    struct side *s = container_of(c, struct side, joined);

    exchange_fini(&s->exchange);
    s->bus.base.ops->close(&s->bus.base);
    peers_close(&s->peers);
    board_close(&s->board);
}

static void side_open(struct side *s, const char *source)
{
    char why[ATR_WHY_BYTES] = "";
    struct loop *l;

    rig_open(&s->rig, source);
    l = &s->rig.app->loop;
    assert_int_equal(board_open(&s->board, fcntl(board_fd, F_DUPFD_CLOEXEC, 0), why), 0);
    assert_int_equal(peers_open(&s->peers, l, &s->board, folder, 0, &peers_events, s, why), 0);
    exchange_init(&s->exchange, l);
    ring_bus_open(&s->bus, &s->peers, &exchange_events, &s->exchange);
    exchange_use(&s->exchange, &s->bus.base);
    s->joined = (struct app_cluster){ .exchange = &s->exchange,
                                      .on_closing = on_closing,
                                      .on_ending = on_closing,
                                      .on_ended = on_ended };
    s->rig.app->cluster = &s->joined;
    sio_cluster_open(&atr_app_io(s->rig.app)->server, &s->exchange);
}

static void turn_both(void)
{
    rig_turn(&from.rig);
    rig_turn(&to.rig);
}

static void open_both(const char *source)
{
    char why[ATR_WHY_BYTES] = "";

    strcpy(folder, "/tmp/atrium-sio-XXXXXX");
    assert_non_null(mkdtemp(folder));
    board_fd = board_create(&(struct board_options){ 1 << 20, 4096, 1 << 20 }, why);
    assert_true(board_fd >= 0);
    side_open(&from, source);
    side_open(&to, source);
    for (int i = 0; i < 20; i++)
        turn_both();
}

static void close_both(int fd)
{
    close(fd);
    rig_close(&to.rig);
    rig_close(&from.rig);
    close(board_fd);
    assert_int_equal(rmdir(folder), 0);
}

/* The next packet, whichever of the two sends it. */
static void expect(int fd, const char *packet)
{
    char one;

    for (int i = 0; i < 20000 && recv(fd, &one, 1, MSG_PEEK | MSG_DONTWAIT) <= 0; i++)
        turn_both();
    rig_expect(&to.rig, fd, packet);
}

/* The one client of `from` is handed over. */
static void move(void)
{
    struct sio_server *io = &from.rig.app->io->server;
    struct eio_session *s = container_of(io->engine.all.next, struct eio_session, link);
    struct buf map = { 0 };
    int fd;

    assert_int_equal(sio_client_freeze(container_of(s, struct sio_client, session), &map, &fd), 0);
    assert_int_equal(
        sio_server_thaw(&to.rig.app->io->server, buf_str(&map), fd, bus_self(&from.bus.base)), 0);
    buf_free(&map);
}

static const char app[] =
    "local atrium = require 'atrium'\n"
    "local count = 0\n"
    "atrium.onHandover(function() return { count = count } end,\n"
    "  function(saved) count = saved.count + 10 end)\n"
    "atrium.spawn(function() while true do atrium.sleep(1000) end end)\n"
    "atrium.io:on('connection', function(s)\n"
    "  if s.handedOver then\n"
    "    s:emit('again', s.data.n, s.recovered, s.handshake.auth.token, s.rooms.red, count)\n"
    "  else\n"
    "    s.data.n, count = 7, count + 1\n"
    "    s:join 'red'\n"
    "    s:emit('new', s.handedOver)\n"
    "  end\n"
    "  s:on('slow', function(ack)\n"
    "    atrium.sleep(50)\n"
    "    s:emit('late', s.connected, s.data.n)\n"
    "    s:join 'blue'\n"
    "    s:leave 'red'\n"
    "    local said = s:emitWithAck 'ask'\n"
    "    ack('done ' .. said)\n"
    "  end)\n"
    "  s:on('rooms', function() s:emit('rooms', s.rooms.red or false, s.rooms.blue or false) end)\n"
    "  s:on('bye', function() atrium.sleep(50) s:disconnect() end)\n"
    "  s:on('disconnect', function() print('left ' .. tostring(s.handedOver)) end)\n"
    "end)\n";

static void handlers_that_run_go_on_where_they_are(void **state)
{
    struct buf saved = { 0 };
    int fd;

    (void)state;
    rig_catch_log();
    open_both(app);
    fd = rig_client(&from.rig, "{\"token\":\"t\"}");
    expect(fd, "42[\"new\",false]");
    rig_send(fd, "425[\"slow\"]");
    rig_send(fd, "42[\"rooms\"]");
    expect(fd, "42[\"rooms\",true,false]"); /* so the one before has begun */
    assert_int_equal(app_busy(from.rig.app), 1);
    assert_int_equal(app_busy(to.rig.app), 0); /* what the program began itself does not count */

    assert_int_equal(handover_save(from.rig.app, &saved), 0);
    assert_string_equal((buf_byte(&saved, 0), (char *)saved.data), "{\"count\":1}");
    assert_int_equal(handover_restore(to.rig.app, STR("{\"count\":1}")), 0);
    buf_free(&saved);
    move();
    expect(fd, "42[\"again\",7,true,\"t\",true,11]");
    expect(fd, "42[\"late\",true,7]");
    expect(fd, "420[\"ask\"]");
    assert_int_equal(sio_server_tail(&from.rig.app->io->server), 1);
    rig_send(fd, "430[\"yes\"]");
    expect(fd, "435[\"done yes\"]");
    assert_int_equal(app_busy(from.rig.app), 0);
    assert_int_equal(sio_server_tail(&from.rig.app->io->server), 0);
    rig_send(fd, "42[\"rooms\"]");
    expect(fd, "42[\"rooms\",false,true]");
    assert_null(strstr(rig_log(), "error"));
    close_both(fd);
}

static void the_tail_may_say_goodbye(void **state)
{
    int fd;

    (void)state;
    rig_catch_log();
    open_both(app);
    fd = rig_client(&from.rig, "");
    expect(fd, "42[\"new\",false]");
    rig_send(fd, "42[\"bye\"]");
    rig_send(fd, "42[\"rooms\"]");
    expect(fd, "42[\"rooms\",true,false]");
    move();
    expect(fd, "42[\"again\",7,true,null,true,0]");
    expect(fd, "41");
    for (int i = 0; i < 50; i++)
        turn_both();
    assert_int_equal(from.rig.app->io->server.sockets.count, 0);
    assert_int_equal(app_busy(from.rig.app), 0);
    assert_null(strstr(rig_log(), "error"));
    close_both(fd);
}

/* Neither stops the reload. */
static void savers_that_fail(void **state)
{
    static const char source[] = "local atrium = require 'atrium'\n"
                                 "atrium.onHandover(function() error 'no save' end, "
                                 "function() atrium.sleep(1) end)\n";
    struct buf saved = { 0 };
    struct rig r;

    (void)state;
    rig_catch_log();
    rig_open(&r, source);
    assert_int_equal(handover_save(r.app, &saved), ATR_ESCRIPT);
    assert_int_equal(saved.len, 0);
    assert_non_null(strstr(rig_log(), "no save"));
    assert_int_equal(handover_restore(r.app, STR("1")), ATR_ESCRIPT);
    assert_non_null(strstr(rig_log(), "cannot wait"));
    assert_int_equal(handover_restore(r.app, STR("{")), ATR_ESYNTAX);
    assert_int_equal(handover_restore(r.app, STR("")), 0);
    rig_close(&r);
    /* One without the other, and neither. */
    rig_open(&r, "local a = require 'atrium' a.onHandover(nil, print) a.onHandover(nil)\n"
                 "assert(not pcall(a.onHandover, 1))\n");
    assert_int_equal(handover_save(r.app, &saved), 0);
    assert_int_equal(saved.len, 0);
    assert_int_equal(handover_restore(r.app, STR("1")), 0);
    rig_close(&r);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_that_run_go_on_where_they_are),
        cmocka_unit_test(the_tail_may_say_goodbye),
        cmocka_unit_test(savers_that_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
