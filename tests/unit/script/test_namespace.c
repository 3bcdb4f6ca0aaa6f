/* tests/unit/script/test_namespace.c - middleware, refusals, dynamic namespaces.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

static void connects(struct rig *r, int fd, const char *packet, const char *begin)
{
    char got[512];

    rig_send(fd, packet);
    (void)rig_frame(r, fd, got, sizeof got);
    if (strncmp(got, begin, strlen(begin)) != 0)
        fail_msg("%s: got %s", packet, got);
}

static void middleware_lets_in_or_not(void **state)
{
    struct rig r;

    (void)state;
    rig_open(
        &r,
        "local atrium = require 'atrium'\n"
        "local nsp, seen = atrium.io:of '/m', 0\n"
        "nsp:use(function(s, next)\n"
        "  local how = s.handshake.auth.how\n"
        "  s.data.first = true\n"
        "  s:join 'early'\n"
        "  if how == 'text' then next 'no' next() end\n"
        "  if how == 'table' then next { message = 'no', data = { code = 7 } } end\n"
        "  if how == 'raise' then error 'raised' end\n"
        "  if how == 'raise table' then error { message = 'told', data = { 1 } } end\n"
        "  if how == 'wait' then atrium.sleep(5) end\n"
        "  if how == 'wait and raise' then atrium.sleep(5) error('late', 0) end\n"
        "  if how == 'null' then next(atrium.null) end\n"
        "  if how == 'odd' then next { data = {} } end\n"
        "  if how ~= 'never' then next() end\n"
        "end)\n"
        "nsp:use(function(s, next) assert(s.data.first) seen = seen + 1 next() end)\n"
        "nsp:on('connection', function(s) s:emit('in', seen, #nsp:to 'early':fetchSockets()) end)");
    int fd = rig_client(&r, "");
    rig_catch_log();
    connects(&r, fd, "40/m,{\"how\":\"text\"}", "44/m,{\"message\":\"no\"}");
    connects(&r, fd, "40/m,{\"how\":\"table\"}", "44/m,{\"message\":\"no\",\"data\":{\"code\":7}}");
    assert_int_equal(script_errors(r.script), 0);
    connects(&r, fd, "40/m,{\"how\":\"raise\"}", "44/m,{\"message\":\"raised\"}");
    assert_int_equal(script_errors(r.script), 1);
    connects(&r, fd, "40/m,{\"how\":\"raise table\"}", "44/m,{\"message\":\"told\",\"data\":[1]}");
    assert_int_equal(script_errors(r.script), 1); /* that was an answer */
    connects(&r, fd, "40/m,{\"how\":\"wait and raise\"}", "44/m,{\"message\":\"late\"}");
    connects(&r, fd, "40/m,{\"how\":\"odd\"}", "44/m,{\"message\":\"refused\",\"data\":{}}");
    connects(&r, fd, "40/m,{\"how\":\"null\"}", "40/m,{\"sid\"");
    rig_expect(&r, fd, "42/m,[\"in\",1,1]");
    rig_send(fd, "41/m,");
    connects(&r, fd, "40/m,{\"how\":\"wait\"}", "40/m,{\"sid\"");
    rig_expect(&r, fd, "42/m,[\"in\",2,1]");
    rig_send(fd, "41/m,");
    rig_send(fd, "40/m,{\"how\":\"never\"}");
    rig_expect_silence(&r, fd);
    close(fd); /* while the middleware has not answered */
    for (int i = 0; i < 20; i++)
        rig_turn(&r);
    rig_close(&r);
}

static void dynamic_namespaces_inherit_and_end(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r,
             "local atrium = require 'atrium'\n"
             "local io = atrium.io\n"
             "io:configure { cleanupEmptyChildNamespaces = true }\n"
             "local made = 0\n"
             "io:on('new_namespace', function(n) made = made + 1 assert(n.name:find '^/%l') end)\n"
             "local rooms = io:of(atrium.pattern '^/r%-%d+$')\n"
             "rooms:use(function(s, next) s.data.used = true next() end)\n"
             "rooms:on('connection', function(s)\n"
             "  assert(s.data.used and s.nsp ~= rooms and s.nsp == io:of(s.nsp.name))\n"
             "  s:emit('in', s.nsp.name, made, #s.nsp:fetchSockets())\n"
             "  s:on('all', function() rooms:emit 'to all' end)\n"
             "  s:on('here', function() s.nsp:emit 'here' end)\n"
             "end)\n"
             "io:of(function(name, auth, next)\n"
             "  atrium.sleep(2)\n"
             "  if auth.raise then error 'x' end\n"
             "  next(auth.err, name == '/f')\n"
             "end):on('connection', function(s) s:emit('in', s.nsp.name) end)\n"
             "local kept\n"
             "io:on('connection', function(s)\n"
             "  s:on('keep', function(name) kept = io:of(name) end)\n"
             "  s:on('use', function(ack) ack(pcall(kept.emit, kept, 'x')) end)\n"
             "end)");
    int a = rig_client(&r, ""), b = rig_client(&r, "");
    connects(&r, a, "40/r-1,", "40/r-1,{\"sid\"");
    rig_expect(&r, a, "42/r-1,[\"in\",\"/r-1\",1,1]");
    connects(&r, b, "40/r-1,", "40/r-1,{\"sid\"");
    rig_expect(&r, b, "42/r-1,[\"in\",\"/r-1\",1,2]");
    connects(&r, b, "40/r-2,", "40/r-2,{\"sid\"");
    rig_expect(&r, b, "42/r-2,[\"in\",\"/r-2\",2,1]");
    rig_send(a, "42/r-1,[\"all\"]");
    rig_expect(&r, a, "42/r-1,[\"to all\"]");
    rig_send(b, "42/r-2,[\"here\"]");
    char one[256], two[256], three[256];
    rig_frame(&r, b, one, sizeof one);
    rig_frame(&r, b, two, sizeof two);
    rig_frame(&r, b, three, sizeof three);
    assert_true(strcmp(one, "42/r-2,[\"to all\"]") == 0 || strcmp(two, "42/r-2,[\"to all\"]") == 0);
    assert_string_equal(three, "42/r-2,[\"here\"]");

    rig_catch_log();
    connects(&r, a, "40/r-x,", "44/r-x,{\"message\":\"Invalid namespace\"}");
    connects(&r, a, "40/f,", "40/f,{\"sid\"");
    rig_expect(&r, a, "42/f,[\"in\",\"/f\"]");
    connects(&r, a, "40/g,", "44/g,{\"message\":\"Invalid namespace\"}");
    connects(&r, a, "40/f2,{\"err\":\"no\"}", "44/f2,{\"message\":");
    connects(&r, a, "40/f2,{\"raise\":1}", "44/f2,{\"message\":");

    /* A namespace that ended is known to have: what still holds it does nothing wrong. */
    rig_send(b, "42[\"keep\",\"/r-2\"]");
    rig_send(b, "41/r-2,");
    rig_send(b, "421[\"use\"]");
    (void)rig_frame(&r, b, one, sizeof one);
    assert_memory_equal(one, "431[false,\"", 11);
    connects(&r, b, "40/r-2,", "40/r-2,{\"sid\"");
    rig_expect(&r, b, "42/r-2,[\"in\",\"/r-2\",4,1]");
    close(a);
    close(b);
    rig_close(&r);
}

/* As many names as a peer likes: each is forgotten when it ends. */
static void ended_namespaces_leave_nothing(void **state)
{
    struct rig r;
    char packet[64], begin[64];

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "atrium.io:configure { cleanupEmptyChildNamespaces = true }\n"
                 "atrium.io:of(atrium.pattern '^/n')\n"
                 "atrium.io:of(atrium.pattern '^/n'):on('connection', function() end)");
    int fd = rig_client(&r, "");
    for (int i = 0; i < 300; i++) {
        snprintf(packet, sizeof packet, "40/n%d,", i);
        snprintf(begin, sizeof begin, "40/n%d,{\"sid\"", i);
        connects(&r, fd, packet, begin);
        packet[1] = '1';
        rig_send(fd, packet);
    }
    for (int i = 0; i < 20; i++)
        rig_turn(&r);
    assert_in_range(r.script->nsp_count, 4, 16);
    close(fd);
    rig_close(&r);
}

TEST_MAIN(cmocka_unit_test(middleware_lets_in_or_not),
          cmocka_unit_test(dynamic_namespaces_inherit_and_end),
          cmocka_unit_test(ended_namespaces_leave_nothing))
