/* tests/unit/script/test_http.c - routes of scripts, and bare Engine.IO servers beside them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

/* Sends a request and reads the whole answer; the server closes behind it. */
static const char *ask(struct rig *r, const char *method, const char *target, const char *body)
{
    static char answer[8192];
    char request[1024];
    int fd = rig_connect(r);
    size_t n = 0;
    ssize_t got;

    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n"
             "X-A: 1\r\nX-A: 2\r\n\r\n%s",
             method, target, strlen(body), body);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    for (int tries = 0; tries < 20000; tries++) {
        rig_turn(r);
        got = rig_receive(fd, answer + n, sizeof answer - 1 - n);
        if (got == 0)
            break;
        if (got > 0)
            n += (size_t)got;
    }
    answer[n] = '\0';
    close(fd);
    return answer;
}

static void check(struct rig *r, const char *method, const char *target, const char *body,
                  const char *status, const char *type, const char *wanted)
{
    const char *answer = ask(r, method, target, body);
    const char *content = strstr(answer, "\r\n\r\n");

    assert_non_null(content);
    if (strncmp(answer + 9, status, 3) != 0 || strcmp(content + 4, wanted) != 0 ||
        (*type && !strstr(answer, type)))
        fail_msg("%s %s: got %s", method, target, answer);
}

static void routes_answer(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "local http = atrium.http\n"
                 "http:get('/text', function() return 'plain' end)\n"
                 "http:get('/table', function() return { a = 1 } end)\n"
                 "http:get('/bytes', function() return atrium.bytes '\\1\\2' end)\n"
                 "http:get('/users/:id/*', function(req) return { req.params.id, req.params['*'], "
                 "req.query.q } end)\n"
                 "http:post('/echo', function(req, res) res:status(201):header('X-B', "
                 "2):json(req:json()) end)\n"
                 "http:any('/any', function(req, res) res:type('html'):send(req.method .. req:get "
                 "'X-A') end)\n"
                 "http:get('/late', function(req, res) atrium.sleep(5) return 'late' end)\n"
                 "http:get('/later', function(req, res) atrium.timer.after(5, function() "
                 "res:send('later') end) end)\n"
                 "http:get('/twice', function(req, res) res:send('1') assert(not pcall(res.send, "
                 "res, '2')) end)\n"
                 "http:get('/go', function(req, res) res:redirect '/there' end)\n"
                 "http:get('/fail', function() error 'secret' end)\n"
                 "http:get('/teapot', function() error { status = 418, message = 'short' } end)\n"
                 "http:get('/odd', function() error { status = 5 } end)\n"
                 "http:get('/split', function(req, res) res:header('X', 'a\\r\\nb'):send '' end)\n"
                 "http:get('/empty', function(req, res) res:sendStatus(204) end)");
    rig_catch_log();
    check(&r, "GET", "/text", "", "200", "text/plain; charset=utf-8", "plain");
    check(&r, "GET", "/table", "", "200", "application/json; charset=utf-8", "{\"a\":1}");
    check(&r, "GET", "/bytes", "", "200", "application/octet-stream", "\1\2");
    check(&r, "GET", "/users/j%20o/a/b?q=%C3%A9", "", "200", "json",
          "[\"j o\",\"a/b\",\"\xc3\xa9\"]");
    check(&r, "POST", "/echo", "{\"x\":[]}", "201", "X-B: 2", "{\"x\":[]}");
    check(&r, "POST", "/echo", "{", "400", "text/plain", "the body is not valid JSON");
    check(&r, "PUT", "/any", "", "200", "text/html", "PUT1, 2");
    check(&r, "GET", "/late", "", "200", "", "late");
    check(&r, "GET", "/later", "", "200", "", "later");
    check(&r, "GET", "/twice", "", "200", "", "1");
    check(&r, "GET", "/go", "", "302", "Location: /there", "");
    assert_int_equal(script_errors(r.script), 0);
    check(&r, "GET", "/fail", "", "500", "text/plain", "Internal Server Error");
    assert_int_equal(script_errors(r.script), 1);
    check(&r, "GET", "/teapot", "", "418", "text/plain", "short");
    assert_int_equal(script_errors(r.script), 1);
    check(&r, "GET", "/odd", "", "500", "text/plain", "Internal Server Error");
    check(&r, "GET", "/split", "", "500", "text/plain", "Internal Server Error");
    check(&r, "GET", "/empty", "", "204", "", "");
    rig_close(&r);
}

static void a_client_that_left_is_answered_to_nobody(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local atrium, told = require 'atrium', nil\n"
                 "atrium.http:get('/slow', function(req, res)\n"
                 "  atrium.sleep(30) told = res:send 'x'\n"
                 "end)\n"
                 "atrium.http:get('/told', function() return tostring(told) end)");
    int fd = rig_connect(&r);
    static const char request[] = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(write(fd, request, sizeof request - 1), (ssize_t)sizeof request - 1);
    for (int i = 0; i < 10; i++)
        rig_turn(&r);
    close(fd);
    for (int i = 0; i < 1000 && !strstr(ask(&r, "GET", "/told", ""), "false"); i++)
        rig_turn(&r);
    check(&r, "GET", "/told", "", "200", "", "false");
    assert_int_equal(script_errors(r.script), 0);
    rig_close(&r);
}

static void an_engine_carries_messages(void **state)
{
    struct rig r;
    char in[64];

    (void)state;
    rig_open(
        &r, "local atrium = require 'atrium'\n"
            "local engine = atrium.engine { path = '/raw', allowRequest = function(req, callback)\n"
            "  callback(nil, req.headers['x-test'] == 'yes')\n"
            "end }\n"
            "local open = {}\n"
            "engine:on('connection', function(s)\n"
            "  open[s.id] = s\n"
            "  assert(s.transport.name == 'websocket' and s.readyState == 'open')\n"
            "  s:on('message', function(data)\n"
            "    if data == 'close' then s:close() else s:send(data) end\n"
            "  end)\n"
            "  s:on('close', function(reason)\n"
            "    open[s.id] = nil s:send('into the void')\n"
            "    for _, other in pairs(open) do other:send(reason .. ' ' .. s.readyState) end\n"
            "  end)\n"
            "end)\n"
            "engine:on('connection_error', function(err)\n"
            "  for _, s in pairs(open) do s:send(err.code .. err.message .. err.context.name) end\n"
            "end)");
    int a = rig_engine_client(&r, "/raw/"), b = rig_engine_client(&r, "/raw/");
    rig_send(a, "4h\xc3\xa9llo");
    rig_expect(&r, a, "4h\xc3\xa9llo");
    rig_send_binary(a, STR("\0\1"));
    assert_int_equal(rig_frame(&r, a, in, sizeof in), 2);
    assert_memory_equal(in, "\0\1", 2);
    rig_send(a, "4close");
    rig_expect(&r, b, "4forced close closed");
    (void)ask(&r, "GET", "/raw/?EIO=4&transport=none", "");
    (void)rig_frame(&r, b, in, sizeof in);
    assert_memory_equal(in, "40Transport unknown", 19);
    (void)ask(&r, "GET", "/raw/?EIO=4&transport=polling", "");
    (void)rig_frame(&r, b, in, sizeof in);
    assert_memory_equal(in, "44Forbidden", 11);
    assert_int_equal(script_errors(r.script), 0);
    close(a);
    close(b);
    rig_close(&r);
}

/* Whatever a handler returns is an answer, or an error that says which route it was: a client is
 * not left waiting. */
static void what_a_handler_returns_is_answered(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "local http = atrium.http\n"
                 "http:get('/number', function() return 5 end)\n"
                 "http:get('/false', function() return false end)\n"
                 "http:get('/null', function() return atrium.null end)\n"
                 "http:get('/bad', function() return { f = print } end)\n"
                 "http:get('/status', function(req, res) res:status('x') end)\n"
                 "http:get('/header', function(req, res) res:header('x') end)\n");
    check(&r, "GET", "/number", "", "200", "text/plain", "5");
    check(&r, "GET", "/false", "", "200", "application/json", "false");
    check(&r, "GET", "/null", "", "200", "application/json", "null");
    rig_catch_log();
    check(&r, "GET", "/bad", "", "500", "", "Internal Server Error");
    assert_non_null(strstr(rig_log(), "GET /bad, what its handler returned: cannot encode function "
                                      "at .f"));
    check(&r, "GET", "/status", "", "500", "", "Internal Server Error");
    assert_non_null(strstr(rig_log(), "app.lua:7: res:status: a number expected, got string"));
    check(&r, "GET", "/header", "", "500", "", "Internal Server Error");
    assert_non_null(strstr(rig_log(), "app.lua:8: res:header: a name and a value expected"));
    rig_close(&r);
}

TEST_MAIN(cmocka_unit_test(routes_answer), cmocka_unit_test(what_a_handler_returns_is_answered),
          cmocka_unit_test(a_client_that_left_is_answered_to_nobody),
          cmocka_unit_test(an_engine_carries_messages))
