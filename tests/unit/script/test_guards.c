/* tests/unit/script/test_guards.c - what scripts must not be able to do, and what they are told:
 * tracebacks, the log, finalizers that run while the state is closed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

static void send_and_fail(struct rig *r, int fd, const char *packet)
{
    uint64_t before = script_errors(r->script);

    rig_catch_log();
    rig_send(fd, packet);
    while (script_errors(r->script) == before)
        rig_turn(r);
}

static void a_traceback_has_every_line(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local io = require 'atrium'.io\n"
                 "local function inner(t)\n"
                 "  return t.x.y, 1\n" /* line 3 */
                 "end\n"
                 "local function outer(t)\n"
                 "  local v = inner(t)\n" /* line 6 */
                 "  return v\n"
                 "end\n"
                 "io:on('connection', function(s)\n"
                 "  s:on('nil', function() outer({}) return 1 end)\n"               /* line 10 */
                 "  s:on('elsewhere', function() error('app.lua:99: no', 0) end)\n" /* line 11 */
                 "end)\n");
    int fd = rig_client(&r, "");

    send_and_fail(&r, fd, "42[\"nil\"]");
    const char *log = rig_log();
    assert_non_null(strstr(log, "app.lua:3: attempt to index field 'x'"));
    assert_non_null(strstr(log, "app.lua:3: in function 'inner'"));
    assert_non_null(strstr(log, "app.lua:6: in function 'outer'"));
    assert_non_null(strstr(log, "app.lua:10: in function"));

    send_and_fail(&r, fd, "42[\"elsewhere\"]");
    log = rig_log();
    assert_non_null(strstr(log, "app.lua:11: in function"));
    assert_null(strstr(log, "app.lua:99: in function"));
    close(fd);
    rig_close(&r);
}

static void the_log_has_fields(void **state)
{
    struct rig r;

    (void)state;
    rig_catch_log();
    rig_open(&r, "local log = require 'atrium'.log\n"
                 "log.warn('joined', { room = 'a b', n = 1, ['x y'] = true })\n"
                 "log.warn('plain')\n"
                 "log.warn('two words', 5)\n");
    const char *log = rig_log();
    assert_non_null(strstr(log, "warn joined n=1 room=\"a b\" x_y=true"));
    assert_non_null(strstr(log, "warn plain\n"));
    assert_non_null(strstr(log, "warn script \"two words\" 5"));
    rig_close(&r);
}

/* Finalizers of the state run while it is closed, when the API has let go of the script: whatever
 * they begin must not outlive it. The sanitizers watch. */
static void finalizers_begin_nothing(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r,
             "local atrium = require 'atrium'\n"
             "local io, S, A = atrium.io, nil, nil\n"
             "local db, timer = atrium.sqlite.open(':memory:'), atrium.timer.every(1e6, print)\n"
             "local E = atrium.engine { path = '/e' }\n"
             "kept = {}\n"
             "for _, fn in ipairs {\n"
             "  function() atrium.timer.after(1, print) end,\n"
             "  function() atrium.timer.every(1, print) end,\n"
             "  function() timer:stop() end,\n"
             "  function() atrium.spawn(function() atrium.sleep(1) end) end,\n"
             "  function() db:query('SELECT 1') end,\n"
             "  function() db:close() end,\n"
             "  function() atrium.sqlite.open(':memory:') end,\n"
             "  function() atrium.engine { path = '/f' } end,\n"
             "  function() atrium.websocket('/w', { onMessage = print }) end,\n"
             "  function() atrium.http:get('/h', print) end,\n"
             "  function() io:of('/late'):on('connection', print) end,\n"
             "  function() io:of(function() end) end,\n"
             "  function() io:use(print) end,\n"
             "  function() io:emit('x', print) end,\n"
             "  function() io:fetchSockets() end,\n"
             "  function() io.engine:on('connection_error', print) end,\n"
             "  function() io:configure { allowRequest = print } end,\n"
             "  function() E:close() end,\n"
             "  function() S:emit('x') end,\n"
             "  function() S:emit('x', print) end,\n"
             "  function() S:timeout(1):emit('x', print) end,\n"
             "  function() S:onAnyOutgoing(print) end,\n"
             "  function() S:use(print) end,\n"
             "  function() S:join('r') end,\n"
             "  function() S:to('r'):emit('x') end,\n"
             "  function() S:disconnect(true) end,\n"
             "  function() return S.rooms, S.handshake.headers, S.conn.id, S.nsp, S.data end,\n"
             "  function() A(1) end,\n"
             "} do\n"
             "  local proxy = newproxy(true)\n"
             "  getmetatable(proxy).__gc = function() pcall(fn) end\n"
             "  kept[#kept + 1] = proxy\n"
             "end\n"
             "io:on('connection', function(s)\n"
             "  S = s\n"
             "  s:on('ack', function(ack) A = ack s:emit('asked') end)\n"
             "end)\n");
    int fd = rig_client(&r, "");
    rig_send(fd, "421[\"ack\"]");
    rig_expect(&r, fd, "42[\"asked\"]");
    rig_close(&r);
    close(fd);
}

static void what_is_put_on_a_handshake_stays(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local io = require 'atrium'.io\n"
                 "io:use(function(s, next) s.handshake.session = { user = 'ann' } next() end)\n"
                 "io:on('connection', function(s)\n"
                 "  collectgarbage() collectgarbage()\n"
                 "  s:on('who', function(ack) ack(s.handshake.session.user) end)\n"
                 "end)\n");
    int fd = rig_client(&r, "");
    rig_send(fd, "421[\"who\"]");
    rig_expect(&r, fd, "431[\"ann\"]");
    close(fd);
    rig_close(&r);
}

/* As with Socket.IO: what a middleware lets through after its socket has left is dropped. */
static void middleware_that_waits_past_the_end(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "calls = 0\n"
                 "atrium.io:on('connection', function(s)\n"
                 "  s:use(function(event, next) if event[1] == 'slow' then s:disconnect() "
                 "atrium.sleep(1) done = true end next() end)\n"
                 "  s:on('slow', function() calls = calls + 1 end)\n"
                 "  s:on('report', function(ack) while not done do atrium.sleep(1) end ack(calls, "
                 "done) end)\n"
                 "end)\n");
    int fd = rig_client(&r, ""), other = rig_client(&r, "");

    rig_send(fd, "42[\"slow\"]");
    rig_expect(&r, fd, "41");
    rig_send(other, "421[\"report\"]"); /* answered when the middleware is through */
    rig_expect(&r, other, "431[0,true]");
    close(fd);
    close(other);
    rig_close(&r);
}

/* An endless loop cannot be ended, but one that ends is told of. */
static void a_handler_that_holds_up_everybody_is_told_of(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local io = require 'atrium'.io\n"
                 "io:configure { slowHandler = 20 }\n"
                 "io:on('connection', function(s)\n"
                 "  s:on('work', function(ack)\n"
                 "    local start = os.clock()\n"
                 "    while os.clock() - start < 0.03 do end\n"
                 "    ack()\n"
                 "  end)\n"
                 "end)\n");
    int fd = rig_client(&r, "");

    rig_catch_log();
    rig_send(fd, "421[\"work\"]");
    rig_expect(&r, fd, "431[]");
    rig_turn(&r);
    assert_non_null(strstr(rig_log(), "warn slow-handler ms="));
    close(fd);
    rig_close(&r);
}

static void who_outlives_the_namespace_emits_to_nobody(void **state)
{
    struct rig r;
    char in[256];

    (void)state;
    rig_open(&r,
             "local atrium = require 'atrium'\n"
             "local io = atrium.io\n"
             "io:configure { cleanupEmptyChildNamespaces = true }\n"
             "io:of(atrium.pattern '^/d$'):on('connection', function(s)\n"
             "  s:on('disconnect', function()\n"
             "    atrium.sleep(5)\n"
             "    local ended = not pcall(function() s.nsp:emit('x') end)\n"
             "    s.broadcast:emit('x') s:to('a'):except('b'):timeout(1):emit('x', print)\n"
             "    s.volatile.broadcast:emit('x')\n"
             "    io:emit('over', ended, #s.broadcast:fetchSockets(), s:to('a'):emitWithAck('x'))\n"
             "  end)\n"
             "end)\n");
    int fd = rig_client(&r, "");

    rig_send(fd, "40/d,");
    (void)rig_frame(&r, fd, in, sizeof in);
    rig_send(fd, "41/d,");
    rig_expect(&r, fd, "42[\"over\",true,0,[]]");
    assert_int_equal(script_errors(r.script), 0);
    close(fd);
    rig_close(&r);
}

static void a_wait_at_the_end_is_an_error(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "atrium.on('close', function()\n"
                 "  atrium.log.warn('last', { words = select(2, pcall(atrium.sleep, 1)) })\n"
                 "end)\n");
    rig_catch_log();
    rig_close(&r);
    assert_non_null(strstr(rig_log(), "the script is closing: nothing can be waited for"));
}

static void a_wait_that_fails_names_its_line(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local io = require 'atrium'.io\n"
                 "io:on('connection', function(s)\n"
                 "  s:on('one', function() s:timeout(1):emitWithAck('q') end)\n"
                 "  s:on('all', function() io:timeout(1):emitWithAck('q') end)\n"
                 "end)\n");
    int fd = rig_client(&r, "");

    send_and_fail(&r, fd, "42[\"one\"]");
    assert_non_null(strstr(rig_log(), "app.lua:3: operation has timed out"));
    send_and_fail(&r, fd, "42[\"all\"]");
    assert_non_null(strstr(rig_log(), "app.lua:4: operation has timed out"));
    close(fd);
    rig_close(&r);
}

TEST_MAIN(cmocka_unit_test(a_traceback_has_every_line), cmocka_unit_test(the_log_has_fields),
          cmocka_unit_test(finalizers_begin_nothing),
          cmocka_unit_test(a_handler_that_holds_up_everybody_is_told_of),
          cmocka_unit_test(a_wait_at_the_end_is_an_error),
          cmocka_unit_test(who_outlives_the_namespace_emits_to_nobody),
          cmocka_unit_test(a_wait_that_fails_names_its_line),
          cmocka_unit_test(what_is_put_on_a_handshake_stays),
          cmocka_unit_test(middleware_that_waits_past_the_end))
