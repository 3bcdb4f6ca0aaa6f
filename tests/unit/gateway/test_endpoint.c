/* tests/unit/gateway/test_endpoint.c - handshakes: checked, asked about, refused, let in.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

static void assert_status(struct client *c, const char *status)
{
    char line[64];

    (void)snprintf(line, sizeof line, "HTTP/1.1 %s ", status);
    str head = client_head(c);
    if (!str_starts(head, str_of(line)))
        fail_msg("not %s: %.*s", status, STR_ARG(head));
}

static bool has_line(struct client *c, const char *line)
{
    return str_search(str_n(c->in.data, c->used), str_of(line)) >= 0;
}

static void lets_in(void **state)
{
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, NULL, false);
    client_open(&c, &g);
    client_handshake(&c, "Sec-WebSocket-Protocol: a, b\r\n");
    assert_status(&c, "101");
    assert_true(has_line(&c, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_false(has_line(&c, "Sec-WebSocket-Protocol"));
    assert_str(buf_str(&g.log), "open;");
    assert_int_equal(g.gateway.stats.open, 1);
    assert_int_equal(g.endpoint.open, 1);
    client_close(&c);
    rig_await(&g, "close:1006:;");
    assert_int_equal(g.endpoint.open, 0);
    assert_int_equal(g.gateway.conns.count, 0);
    rig_close(&g);
}

/* What is asked, and the status it gets; then a header that belongs to it. */
static void refuses(void **state)
{
    static const char *const cases[][3] = {
        { "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", "426", "Upgrade: websocket\r\n" },
        { "GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "400", "" },
        { "GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", "400", "" },
        { "GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
          "426", "Sec-WebSocket-Version: 13\r\n" },
        { "GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
          "400", "" },
        { "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405", "Allow: GET\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig g;
        struct client c;

        rig_open(&g, NULL, true);
        client_open(&c, &g);
        client_write(&c, str_of(cases[i][0]));
        assert_status(&c, cases[i][1]);
        assert_true(has_line(&c, cases[i][2]));
        assert_str(buf_str(&g.log), "");
        assert_int_equal(g.gateway.stats.refused, 1);
        assert_int_equal(g.gateway.stats.opened, 0);
        client_close(&c);
        rig_close(&g);
    }
}

static void asks_and_decides_later(void **state)
{
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, NULL, true);
    g.hold = true;
    client_open(&c, &g);
    client_handshake(&c, "");
    rig_await(&g, "ask;");
    client_silent(&c);
    assert_true(gateway_handshake_open(&g.gateway, g.held));
    gateway_decide(&g.gateway, g.held, true, STR(""));
    assert_false(gateway_handshake_open(&g.gateway, g.held));
    gateway_decide(&g.gateway, g.held, false, STR("twice")); /* nothing happens */
    assert_status(&c, "101");
    client_frame(&c, WS_TEXT, STR("hello"));
    rig_await(&g, "text:hello;");
    client_close(&c);
    rig_close(&g);
}

static void refuses_what_the_owner_refuses(void **state)
{
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, NULL, true);
    g.hold = true;
    client_open(&c, &g);
    client_handshake(&c, "");
    rig_await(&g, "ask;");
    gateway_decide(&g.gateway, g.held, false, STR("not you"));
    assert_status(&c, "403");
    rig_settle(&g);
    assert_str(str_n(c.in.data + c.used, c.in.len - c.used), "not you");
    client_handshake(&c, ""); /* the connection serves another request */
    gateway_decide(&g.gateway, g.held, false, STR(""));
    rig_settle(&g);
    client_close(&c);
    rig_close(&g);
}

static void forgets_who_left(void **state)
{
    struct rig g;
    struct client c;

    (void)state;
    rig_open(&g, NULL, true);
    g.hold = true;
    client_open(&c, &g);
    client_handshake(&c, "");
    rig_await(&g, "ask;");
    client_close(&c);
    for (int i = 0; i < 1000 && gateway_handshake_open(&g.gateway, g.held); i++)
        assert_int_equal(loop_turn(&g.loop, 5), 0);
    assert_int_equal(g.gateway.handshakes.count, 0);
    gateway_decide(&g.gateway, g.held, true, STR(""));
    assert_int_equal(gateway_choose(&g.gateway, g.held, STR("a")), ATR_ECLOSED);
    assert_str(buf_str(&g.log), "ask;");
    rig_close(&g);
}

static void chooses_a_protocol(void **state)
{
    static const str spoken[] = { { STR_PARTS("v2") }, { STR_PARTS("v1") } };
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;
    struct rig g;
    struct client c;

    (void)state;
    o.protocols = spoken;
    o.protocol_count = 2;
    rig_open(&g, &o, false);
    client_open(&c, &g);
    client_handshake(&c, "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: v1 , v2\r\n");
    assert_status(&c, "101");
    assert_true(has_line(&c, "Sec-WebSocket-Protocol: v1\r\n"));
    client_close(&c);
    rig_close(&g);

    rig_open(&g, &o, true);
    g.hold = true;
    client_open(&c, &g);
    client_handshake(&c, "Sec-WebSocket-Protocol: v1, other\r\n");
    rig_await(&g, "ask;");
    assert_int_equal(gateway_choose(&g.gateway, g.held, STR("v2")), ATR_EUNKNOWN);
    assert_int_equal(gateway_choose(&g.gateway, g.held, STR("other")), 0);
    gateway_decide(&g.gateway, g.held, true, STR(""));
    assert_status(&c, "101");
    assert_true(has_line(&c, "Sec-WebSocket-Protocol: other\r\n"));
    client_close(&c);
    rig_close(&g);
}

static void bounds_connections(void **state)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;
    struct rig g;
    struct client a, b;

    (void)state;
    o.connections_max = 1;
    rig_open(&g, &o, false);
    client_connect(&a, &g);
    client_open(&b, &g);
    client_handshake(&b, "");
    assert_status(&b, "503");
    client_close(&a);
    rig_await(&g, "close:");
    client_close(&b);
    client_connect(&b, &g);
    client_close(&b);
    rig_close(&g);
}

static void a_closing_gateway_lets_nobody_in(void **state)
{
    struct rig g;
    struct client a, b, c;

    (void)state;
    rig_open(&g, NULL, true);
    client_connect(&a, &g);
    g.hold = true;
    client_open(&b, &g);
    client_handshake(&b, "");
    rig_settle(&g);
    gateway_close(&g.gateway);
    struct frame f = client_next(&a);
    assert_int_equal(f.op, WS_CLOSE);
    assert_str(str_n(f.data.p + 2, f.data.n - 2), "server shutting down");
    gateway_decide(&g.gateway, g.held, true, STR(""));
    assert_status(&b, "503");
    client_open(&c, &g);
    client_handshake(&c, "");
    assert_status(&c, "503");
    client_frame(&a, WS_CLOSE, STR("\x03\xe9"));
    rig_await(&g, "close:1001:server shutting down;");
    client_close(&a);
    client_close(&b);
    client_close(&c);
    rig_close(&g);
}

static void keeps_the_request_only_where_asked(void **state)
{
    struct gateway_options o = GATEWAY_OPTIONS_DEFAULT;
    struct rig g;
    struct client c;

    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        o.keep_head = keep;
        rig_open(&g, &o, false);
        client_open(&c, &g);
        client_handshake(&c, "X-Word: kept\r\n");
        assert_status(&c, "101");
        str head = gateway_conn_head(g.last);
        assert_int_equal(head.p != NULL, keep);
        assert_int_equal(str_search(head, STR("X-Word: kept\r\n")) > 0, keep);
        client_close(&c);
        rig_close(&g);
    }
}

TEST_MAIN(cmocka_unit_test(lets_in), cmocka_unit_test(refuses),
          cmocka_unit_test(asks_and_decides_later),
          cmocka_unit_test(refuses_what_the_owner_refuses), cmocka_unit_test(forgets_who_left),
          cmocka_unit_test(chooses_a_protocol), cmocka_unit_test(bounds_connections),
          cmocka_unit_test(a_closing_gateway_lets_nobody_in),
          cmocka_unit_test(keeps_the_request_only_where_asked))
