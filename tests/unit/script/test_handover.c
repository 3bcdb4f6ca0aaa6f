/* tests/unit/script/test_handover.c - what scripts see of connections that go from one process to
 * another: two applications in this one stand for them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

#include "api/app.h"
#include "gateway/handover.h"

static struct rig from, to;

/* The first connection of `from` is taken over. */
static void move(void)
{
    struct buf map = { 0 };
    uint32_t at = 0;
    size_t used;
    int fd;

    assert_int_equal(gateway_conn_freeze(gateway_conn_next(&from.app->gateway, &at), &map, &fd), 0);
    assert_int_equal(gateway_conn_thaw(&to.app->gateway, buf_str(&map), &used, fd), 0);
    buf_free(&map);
    for (int i = 0; i < 5; i++) {
        rig_turn(&from);
        rig_turn(&to);
    }
}

static void both_close(int fd)
{
    close(fd);
    rig_close(&to);
    rig_close(&from);
}

static const char app[] =
    "local atrium = require 'atrium'\n"
    "local seen\n"
    "atrium.websocket('/ws', { keepHandshake = KEEP,\n"
    "  onOpen = function(ws, req)\n"
    "    if ws.handedOver then\n"
    "      ws:send(table.concat({ tostring(ws.data.n), ws:channels()[1], req.url, req.path, "
    "req.query.EIO or '-', req.headers['x-test'] or '-', req.address }, ' '))\n"
    "    else\n"
    "      ws.data.n, ws.data.list = 42, { 1, 2 }\n"
    "      ws:subscribe 'news'\n"
    "      ws:send('0' .. tostring(ws.handedOver))\n"
    "      seen = ws\n"
    "    end\n"
    "  end,\n"
    "  onMessage = function(ws, text) ws:send(text .. #ws.data.list) end,\n"
    "  onClose = function() error 'never closed' end })\n"
    "atrium.http:get('/gone', function() return tostring(seen.open) .. tostring(seen:send 'x') .. "
    "seen.data.n end)\n";

static void open_both(bool keep)
{
    char source[4096];

    snprintf(source, sizeof source, "local KEEP = %s\n%s", keep ? "true" : "false", app);
    rig_open(&from, source);
    rig_open(&to, source);
}

static void data_and_channels_go_along(void **state)
{
    int fd;

    (void)state;
    rig_catch_log();
    open_both(true);
    fd = rig_engine_client(&from, "/ws");
    move();
    rig_expect(&to, fd, "42 news /ws?EIO=4&transport=websocket /ws 4 yes 127.0.0.1");
    rig_send(fd, "list ");
    rig_expect(&to, fd, "list 2");
    assert_null(strstr(rig_log(), "handler-error"));

    /* There it is closed, without a word. */
    static const char ask[] = "GET /gone HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[1024] = "";
    int http = rig_connect(&from);
    ssize_t n = -1;
    assert_int_equal(write(http, ask, sizeof ask - 1), sizeof ask - 1);
    for (int tries = 0; n <= 0 && tries < 20000; tries++) {
        rig_turn(&from);
        n = rig_receive(http, answer, sizeof answer - 1);
    }
    assert_true(n > 0);
    assert_non_null(strstr(answer, "\r\n\r\nfalsefalse42"));
    close(http);
    both_close(fd);
}

static void a_request_that_was_not_kept(void **state)
{
    int fd;

    (void)state;
    rig_catch_log();
    open_both(false);
    fd = rig_engine_client(&from, "/ws");
    move();
    rig_expect(&to, fd, "42 news   - - 127.0.0.1");
    assert_null(strstr(rig_log(), "handler-error"));
    both_close(fd);
}

/* It is logged, and the connection goes without. */
static void data_that_is_no_json(void **state)
{
    static const char source[] =
        "require 'atrium'.websocket('/ws', { onOpen = function(ws)\n"
        "  if ws.handedOver then ws:send(tostring(next(ws.data))) else ws.data.f = print; "
        "ws:send '0' end\n"
        "end })\n";
    int fd;

    (void)state;
    rig_catch_log();
    rig_open(&from, source);
    rig_open(&to, source);
    fd = rig_engine_client(&from, "/ws");
    move();
    rig_expect(&to, fd, "nil");
    assert_non_null(strstr(rig_log(), "cannot encode function"));
    both_close(fd);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_and_channels_go_along),
        cmocka_unit_test(a_request_that_was_not_kept),
        cmocka_unit_test(data_that_is_no_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
