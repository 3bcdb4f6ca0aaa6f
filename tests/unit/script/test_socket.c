/* tests/unit/script/test_socket.c - what a script does with sockets: asking, rooms, catch-all
 * listeners, middleware of events, properties.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

#include "api/io.h"

static void answers_come_back(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r,
             "local atrium = require 'atrium'\n"
             "atrium.io:on('connection', function(s)\n"
             "  s:emit('say', pcall(function() return s:emitWithAck('ask', 1) end))\n"
             "  s:emit('cb', 2, function(...) s:emit('said', select('#', ...), ...) end)\n"
             "  s:timeout(5000):emit('cb', 3, function(err, ...) s:emit('said', err, ...) end)\n"
             "  local ok, err = pcall(function() return s:timeout(20):emitWithAck 'late' end)\n"
             "  s:emit('say', ok, err:match 'app.lua:6: .*')\n"
             "  s:timeout(20):emit('late', function(err, ...) s:emit('said', err, ...) end)\n"
             "end)");
    int fd = rig_client(&r, "");
    rig_expect(&r, fd, "420[\"ask\",1]");
    rig_send(fd, "430[\"one\",{\"two\":2},[]]");
    rig_expect(&r, fd, "42[\"say\",true,\"one\",{\"two\":2},[]]");
    rig_expect(&r, fd, "421[\"cb\",2]");
    rig_expect(&r, fd, "422[\"cb\",3]");
    rig_expect(&r, fd, "423[\"late\"]");
    rig_send(fd, "431[null,7]");
    rig_expect(&r, fd, "42[\"said\",2,null,7]");
    rig_send(fd, "431[8]"); /* once only */
    rig_send(fd, "432[]");
    rig_expect(&r, fd, "42[\"said\",null]");
    rig_expect(&r, fd, "42[\"say\",false,\"app.lua:6: operation has timed out\"]");
    rig_send(fd, "433[1]"); /* too late */
    rig_expect(&r, fd, "424[\"late\"]");
    rig_expect(&r, fd, "42[\"said\",\"operation has timed out\"]");
    close(fd);
    rig_close(&r);
}

/* Servers look at the data of each socket every second, to keep it. */
static void data_that_cannot_be_saved_is_told_of_once(void **state)
{
    struct rig r;
    struct buf json = { 0 };

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "atrium.io:on('connection', function(s)\n"
                 "  s.data.f = print\n"
                 "end)");
    int fd = rig_client(&r, "");
    struct sio_server *io = &r.app->io->server;
    struct sio_socket *socket = NULL;
    for (uint32_t i = 0; i < io->sockets.cap && !socket; i++)
        socket = io->sockets.slots[i].object;
    rig_catch_log();
    io->events->on_freeze(socket, &json);
    io->events->on_freeze(socket, &json);
    const char *told = strstr(rig_log(), "cannot encode");
    assert_non_null(told);
    assert_null(strstr(told + 1, "cannot encode"));
    assert_int_equal(json.len, 0);
    buf_free(&json);
    close(fd);
    rig_close(&r);
}

static void whoever_leaves_is_not_waited_for(void **state)
{
    struct rig r;

    (void)state;
    rig_open(
        &r,
        "local io = require 'atrium'.io\n"
        "local news = {}\n"
        "io:on('connection', function(s)\n"
        "  s:on('wait', function(why)\n"
        "    local ok, err = pcall(function() return s:emitWithAck 'never' end)\n"
        "    io:emit('news', ok, err:match ': (.*)$')\n"
        "    s:timeout(9):emit('gone', function(e) io:emit('news', e, s.connected, #s.id) end)\n"
        "    s:join 'x' s:leave 'x' s:emit 'x' s:disconnect()\n"
        "    s.broadcast:emit('from the dead')\n"
        "  end)\n"
        "end)");
    int fd = rig_client(&r, ""), other = rig_client(&r, "");
    rig_send(fd, "42[\"wait\"]");
    rig_expect(&r, fd, "420[\"never\"]");
    close(fd);
    rig_expect(&r, other, "42[\"news\",false,\"socket has been disconnected\"]");
    rig_expect(&r, other, "42[\"from the dead\"]");
    rig_expect(&r, other, "42[\"news\",\"socket has been disconnected\",false,20]");
    assert_int_equal(script_errors(r.script), 0);
    close(other);
    rig_close(&r);
}

static void rooms_and_operators_choose(void **state)
{
    struct rig r;

    (void)state;
    rig_open(
        &r,
        "local io = require 'atrium'.io\n"
        "io:on('connection', function(s)\n"
        "  s:join(s.handshake.auth.rooms)\n"
        "  s:on('do', function(what) assert(loadstring('local s, io = ... ' .. what))(s, io) end)\n"
        "  s:on('rooms', function(ack)\n"
        "    local all = {} for room in pairs(s.rooms) do all[#all + 1] = #room == 20 and 'id' or "
        "room end\n"
        "    table.sort(all) ack(all)\n"
        "  end)\n"
        "end)");
    int a = rig_client(&r, "{\"rooms\":[\"a\",\"all\"]}");
    int b = rig_client(&r, "{\"rooms\":[\"b\",\"all\"]}");
    rig_send(a, "421[\"rooms\"]");
    rig_expect(&r, a, "431[[\"a\",\"all\",\"id\"]]");
    rig_send(a, "42[\"do\",\"io:to('a'):to('all'):emit('1') s.broadcast:emit('2')"
                " s:to('all'):emit('3') io:except('a'):emit('4') io.sockets:emit('5')\"]");
    rig_expect(&r, a, "42[\"1\"]");
    rig_expect(&r, a, "42[\"5\"]");
    static const char *const to_b[] = { "1", "2", "3", "4", "5" };
    for (size_t i = 0; i < sizeof to_b / sizeof *to_b; i++) {
        char packet[16];
        snprintf(packet, sizeof packet, "42[\"%s\"]", to_b[i]);
        rig_expect(&r, b, packet);
    }
    rig_send(a, "42[\"do\",\"io:to('b'):socketsJoin({'c','d'}) io:to('c'):socketsLeave('d')"
                " io:to('c'):emit('6', #io:to('c'):fetchSockets(), #io:to('d'):fetchSockets())\"]");
    rig_expect(&r, b, "42[\"6\",1,0]");
    rig_send(a, "42[\"do\",\"s:leave('a') io:to('a'):emit('no') s:timeout(5):emit('7')"
                " s.volatile:to('all'):emit('8') s.broadcast.volatile:to('all'):emit('9')\"]");
    rig_expect(&r, a, "42[\"7\"]");
    rig_expect(&r, b, "42[\"8\"]"); /* the second volatile one of a turn is dropped */
    rig_send(a,
             "42[\"do\",\"local n = 0 for id, o in pairs(io.sockets.sockets) do assert(o.id == id)"
             " n = n + 1 end s:emit('n', n) io:to('b'):disconnectSockets()\"]");
    rig_expect(&r, a, "42[\"n\",2]");
    rig_expect(&r, b, "41");
    rig_send(a, "42[\"do\",\"s:send(io:timeout(500):emitWithAck('q'))\"]");
    rig_expect(&r, a, "420[\"q\"]");
    rig_send(a, "430[{\"x\":[]},\"only the first counts\"]");
    rig_expect(&r, a, "42[\"message\",[{\"x\":[]}]]");
    assert_int_equal(script_errors(r.script), 0);
    close(a);
    close(b);
    rig_close(&r);
}

static void catch_all_listeners_see_everything(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r,
             "require 'atrium'.io:on('connection', function(s)\n"
             "  local seen = {}\n"
             "  local function note(...) seen[#seen + 1] = table.concat({ ... }, ' ', 1, 2) end\n"
             "  s:onAny(note)\n"
             "  s:prependAny(function(name) seen[#seen + 1] = 'first ' .. name end)\n"
             "  s:onAnyOutgoing(function(name, n) seen[#seen + 1] = 'out ' .. name .. n end)\n"
             "  s:on('x', function(n, ack) if ack then ack(n) end seen[#seen + 1] = 'x' end)\n"
             "  s:on('tell', function(_, ack)\n"
             "    assert(#s:listenersAny() == 2) s:offAny(note) s:emit('bye', 1)\n"
             "    s:offAny() s:offAnyOutgoing() s:emit('bye', 2)\n"
             "    ack(seen)\n"
             "  end)\n"
             "end)");
    int fd = rig_client(&r, "");
    rig_send(fd, "42[\"x\",5]");
    rig_send(fd, "42[\"nobody\",6]");
    rig_send(fd, "427[\"tell\",0]");
    rig_expect(&r, fd, "42[\"bye\",1]");
    rig_expect(&r, fd, "42[\"bye\",2]");
    rig_expect(&r, fd,
               "437[[\"first x\",\"x 5\",\"x\",\"first nobody\",\"nobody 6\",\"first tell\","
               "\"tell 0\",\"out bye1\"]]");
    close(fd);
    rig_close(&r);
}

static void event_middleware_decides(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r,
             "local atrium = require 'atrium'\n"
             "atrium.io:on('connection', function(s)\n"
             "  s:use(function(event, next)\n"
             "    if event[1] == 'slow' then atrium.sleep(5) end\n"
             "    if event[1] == 'no' then next 'refused' next() else next() next() end\n"
             "  end)\n"
             "  s:use(function(event, next) event[2] = (event[2] or 0) + 1 next(atrium.null) end)\n"
             "  s:on('error', function(err) s:emit('err', err) end)\n"
             "  for _, name in ipairs { 'slow', 'fast', 'no' } do\n"
             "    s:on(name, function(n, ack) if ack then ack(n) else s:emit(name, n) end end)\n"
             "  end\n"
             "end)");
    int fd = rig_client(&r, "");
    rig_send(fd, "42[\"slow\",1]");
    rig_send(fd, "423[\"fast\",2]");
    rig_send(fd, "42[\"no\"]");
    rig_expect(&r, fd, "433[3]");
    rig_expect(&r, fd, "42[\"err\",\"refused\"]");
    rig_expect(&r, fd, "42[\"slow\",2]");
    rig_expect_silence(&r, fd);
    close(fd);
    rig_close(&r);
}

static void properties_tell(void **state)
{
    struct rig r;

    (void)state;
    rig_open(
        &r,
        "local io = require 'atrium'.io\n"
        "io:on('connection', function(s)\n"
        "  local h = s.handshake\n"
        "  assert(h == s.handshake and h.auth.k == 'v' and h.headers['x-test'] == 'yes')\n"
        "  assert(h.query.EIO == '4' and h.query.transport == 'websocket')\n"
        "  assert(h.url:find('/socket.io/', 1, true) == 1 and not h.secure and not h.xdomain)\n"
        "  assert(h.address:find '127' and h.issued > 1.6e12 and h.time:find 'GMT')\n"
        "  assert(s.conn.transport.name == 'websocket' and #s.conn.id == 20 and s.conn.id ~= "
        "s.id)\n"
        "  assert(s.nsp == io.sockets and s.server == io and s.connected and not s.disconnected)\n"
        "  assert(s.recovered == false and s.rooms[s.id] and s.unknown == nil)\n"
        "  s.data.x = 1 s.mine = 2\n"
        "  assert(s.data.x == 1 and s.mine == 2 and tostring(s) == 'socket ' .. s.id)\n"
        "  s:emit('fine')\n"
        "end)");
    int fd = rig_client(&r, "{\"k\":\"v\"}");
    rig_expect(&r, fd, "42[\"fine\"]");
    close(fd);
    rig_close(&r);
}

TEST_MAIN(cmocka_unit_test(answers_come_back),
          cmocka_unit_test(data_that_cannot_be_saved_is_told_of_once),
          cmocka_unit_test(whoever_leaves_is_not_waited_for),
          cmocka_unit_test(rooms_and_operators_choose),
          cmocka_unit_test(catch_all_listeners_see_everything),
          cmocka_unit_test(event_middleware_decides), cmocka_unit_test(properties_tell))
