/* tests/unit/script/test_task.c - errors, runaways and endings: what a script does wrong harms
 * nobody but itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

static const char faulty[] =
    "local atrium = require 'atrium'\n"
    "local keep = {}\n"
    "local function deep(n) return 1 + deep(n + 1) end\n"
    "atrium.io:on('connection', function(s)\n"
    "  s:on('index', function(x) return x.y.z end)\n" /* line 5 */
    "  s:on('table', function() error { message = 'in a table' } end)\n"
    "  s:on('nil', function() error() end)\n"
    "  s:on('deep', function() return deep(1) end)\n"
    "  s:on('grow', function() local t = keep while true do t[#t + 1] = {} end end)\n"
    "  s:on('yield', function() coroutine.yield(1) end)\n" /* line 10 */
    "  s:on('later', function() atrium.sleep(1) error('woken') end)\n"
    "  s:on('inner', function() coroutine.wrap(function() atrium.sleep(1) end)() end)\n"
    "  s:on('emit', function() s:emit('x', { f = print }) end)\n"
    "  s:on('free', function() keep = nil collectgarbage() end)\n"
    "  s:on('ping', function(ack) ack('pong') end)\n"
    "end)\n";

/* Sends the event, waits for its error, and sees that the others are well. */
static void fails(struct rig *r, int fd, int witness, const char *packet, const char *said)
{
    uint64_t before = script_errors(r->script);

    rig_catch_log();
    rig_send(fd, packet);
    while (script_errors(r->script) == before)
        rig_turn(r);
    assert_int_equal(script_errors(r->script), before + 1);
    assert_non_null(strstr(rig_log(), said));
    rig_send(fd, "425[\"ping\"]");
    rig_expect(r, fd, "435[\"pong\"]");
    rig_send(witness, "426[\"ping\"]");
    rig_expect(r, witness, "436[\"pong\"]");
}

static void an_error_harms_no_other(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, faulty);
    int fd = rig_client(&r, ""), witness = rig_client(&r, "");
    fails(&r, fd, witness, "42[\"index\",1]", "app.lua:5: attempt to index");
    fails(&r, fd, witness, "42[\"table\"]", "in a table");
    fails(&r, fd, witness, "42[\"nil\"]", "the error is a nil");
    fails(&r, fd, witness, "42[\"deep\"]", "stack overflow");
    fails(&r, fd, witness, "42[\"yield\"]", "coroutine.yield()");
    fails(&r, fd, witness, "42[\"later\"]", "app.lua:11: woken");
    fails(&r, fd, witness, "42[\"inner\"]", "cannot wait inside a coroutine");
    fails(&r, fd, witness, "42[\"emit\"]", "app.lua:13: cannot encode function at [1].f");
    close(fd);
    close(witness);
    rig_close(&r);
}

static void memory_is_limited(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, faulty);
    r.script->memory_max = r.script->memory + (32 << 20);
    int fd = rig_client(&r, ""), witness = rig_client(&r, "");
    fails(&r, fd, witness, "42[\"grow\"]", "not enough memory");
    rig_send(fd, "42[\"free\"]");
    fails(&r, fd, witness, "42[\"table\"]", "in a table");
    assert_true(script_memory(r.script) < (8 << 20));
    close(fd);
    close(witness);
    rig_close(&r);
}

static void a_flood_of_errors_is_counted_not_logged(void **state)
{
    struct rig r;
    int lines = 0;

    (void)state;
    rig_open(&r, faulty);
    int fd = rig_client(&r, "");
    rig_catch_log();
    for (int i = 0; i < 100; i++)
        rig_send(fd, "42[\"index\",1]");
    while (script_errors(r.script) < 100)
        rig_turn(&r);
    for (const char *p = rig_log(); (p = strstr(p, "attempt to index")); p++)
        lines++;
    assert_in_range(lines, 1, 40); /* twenty, or twice that when a second passed */
    close(fd);
    rig_close(&r);
}

static void what_fails_at_the_start_is_told(void **state)
{
    static const struct {
        const char *source, *said;
    } cases[] = {
        { "x = = 1", "app.lua:1: unexpected symbol near '='" },
        { "\nerror 'no'", "app.lua:2: no" },
        { "require('atrium').sleep(5) error('after a wait')", "app.lua:1: after a wait" },
        { "require 'none'", "module 'none' not found" },
        { "require('atrium').io:configure { pingIntervall = 1 }", "did you mean \"pingInterval\"" },
        { "error {}", "the script failed" },
    };
    struct rig r;

    (void)state;
    rig_catch_log();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rig_try(&r, cases[i].source), ATR_ESCRIPT);
        assert_null(r.script);
        if (!strstr(r.why, cases[i].said))
            fail_msg("%s", r.why);
        rig_close(&r);
    }
}

/* The script goes while handlers wait for a timer, an acknowledgement, a query. */
static void closing_forgets_who_waits(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "local db = atrium.sqlite.open ':memory:'\n"
                 "atrium.on('close', function() db:close() end)\n"
                 "atrium.timer.every(1000, function() end)\n"
                 "atrium.io:on('connection', function(s)\n"
                 "  atrium.spawn(atrium.sleep, 100000)\n"
                 "  atrium.spawn(function() s:emitWithAck('a') end)\n"
                 "  s:emit('b', function() end)\n"
                 "  s:timeout(60000):emit('c', function() end)\n"
                 "  atrium.io:timeout(60000):emit('d', function() end)\n"
                 "  for i = 1, 10 do atrium.spawn(function() db:query 'select 1' end) end\n"
                 "end)");
    int fd = rig_client(&r, "");
    rig_expect(&r, fd, "420[\"a\"]");
    close(fd);
    rig_close(&r); /* nothing may leak, nobody be called */
}

static void disconnect_handlers_may_disconnect(void **state)
{
    enum { CLIENTS = 150 }; /* more than SCRIPT_DEPTH_MAX */
    static int fds[CLIENTS];
    struct rig r;

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "local all, gone = {}, 0\n"
                 "atrium.io:on('connection', function(s)\n"
                 "  all[#all + 1] = s\n"
                 "  local mine = #all\n"
                 "  s:on('disconnect', function()\n"
                 "    gone = gone + 1\n"
                 "    assert(not s.connected and #s.id == 20 and not next(s.rooms))\n"
                 "    if all[mine + 1] then all[mine + 1]:disconnect(true) end\n"
                 "  end)\n"
                 "end)\n"
                 "atrium.http:get('/', function() return tostring(gone) end)");
    rig_catch_log();
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = rig_client(&r, "");
    close(fds[0]);
    for (int i = 0; i < 100; i++)
        rig_turn(&r);
    assert_int_equal(atr_namespace_count(atr_io_of(atr_app_io(r.app), ATR_STR("/"))), 0);
    assert_int_equal(script_errors(r.script), 0);
    for (int i = 1; i < CLIENTS; i++)
        close(fds[i]);
    rig_close(&r);
}

TEST_MAIN(cmocka_unit_test(an_error_harms_no_other), cmocka_unit_test(memory_is_limited),
          cmocka_unit_test(a_flood_of_errors_is_counted_not_logged),
          cmocka_unit_test(what_fails_at_the_start_is_told),
          cmocka_unit_test(closing_forgets_who_waits),
          cmocka_unit_test(disconnect_handlers_may_disconnect))
