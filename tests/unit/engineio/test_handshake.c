/* tests/unit/engineio/test_handshake.c - the open packet, the sid, and allowRequest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include "proto/json.h"

static void named_limits(struct eio_options *o)
{
    o->ping_interval_ms = 4321;
    o->ping_timeout_ms = 1234;
    o->message_bytes_max = 5678;
}

static void expect_open_packet(str packet, const char *upgrades)
{
    struct buf expected = { 0 };
    str json = str_n(packet.p + 1, packet.n - 1), sid;

    assert_int_equal(packet.p[0], '0');
    assert_int_equal(json_check(json, 4), 0);
    sid = json_get(json, STR("sid"));
    assert_int_equal(sid.n, EIO_SID_LEN + 2);
    buf_format(&expected,
               "{\"sid\":%.*s,\"upgrades\":%s,\"pingInterval\":4321,\"pingTimeout\":1234,"
               "\"maxPayload\":5678}",
               STR_ARG(sid), upgrades);
    assert_true(str_eq(json, buf_str(&expected)));
    buf_free(&expected);
}

static void polling_gets_an_open_packet(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;
    (void)state;

    rig_open(&g, named_limits);
    client_open(&c, &g);
    a = client_get(&c, polling_url(NULL));
    assert_int_equal(a.status, 200);
    assert_header(&a, "Content-Type", "text/plain; charset=UTF-8");
    assert_header(&a, "cache-control", "no-store");
    assert_no_header(&a, "Set-Cookie");
    assert_no_header(&a, "Access-Control-Allow-Origin");
    expect_open_packet(a.body, "[\"websocket\"]");
    assert_str(buf_str(&g.log), "open;");
    client_close(&c);
    rig_close(&g);
}

static void websocket_gets_an_open_packet(void **state)
{
    struct rig g;
    struct client c;
    struct frame f;
    (void)state;

    rig_open(&g, named_limits);
    client_open(&c, &g);
    (void)websocket_connect(&c, websocket_url(NULL), NULL);
    f = frame_next(&c);
    assert_int_equal(f.op, WS_TEXT);
    expect_open_packet(f.data, "[]");
    assert_null(g.last->session.polling);
    client_close(&c);
    rig_close(&g);
}

static void no_upgrades(struct eio_options *o)
{
    named_limits(o);
    o->allow_upgrades = false;
}

static void upgrades_that_are_not_allowed(void **state)
{
    struct rig g;
    struct client c, w;
    struct answer a;
    (void)state;

    rig_open(&g, no_upgrades);
    client_open(&c, &g);
    client_open(&w, &g);
    a = client_get(&c, polling_url(NULL));
    expect_open_packet(a.body, "[]");
    websocket_ask(&w, websocket_url(polling_session(&c)), NULL);
    assert_answer(client_answer(&w), 400, "Bad request");
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

/* 20 characters of [A-Za-z0-9_-], the first two bytes for a slot, no two alike. */
static void sids(void **state)
{
    struct rig g;
    struct client c;
    char seen[64][EIO_SID_LEN];
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    for (int i = 0; i < 64; i++) {
        const char *sid = polling_session(&c);
        assert_int_equal(strspn(sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789_-"),
                         EIO_SID_LEN);
        assert_true(sid[0] == 'A' && sid[1] == 'A' && strchr("ABCDEFGHIJKLMNOP", sid[2]));
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(seen[j], sid, EIO_SID_LEN);
        memcpy(seen[i], sid, EIO_SID_LEN);
    }
    client_close(&c);
    rig_close(&g);
}

static void with_cookie(struct eio_options *o)
{
    o->cookie.enabled = true;
}

static void the_cookie_is_set_once_and_not_on_websocket(void **state)
{
    struct rig g;
    struct client c, w;
    struct answer a;
    char expected[100];
    const char *sid;
    str cookie;
    (void)state;

    rig_open(&g, with_cookie);
    client_open(&c, &g);
    client_open(&w, &g);
    a = client_get(&c, polling_url(NULL));
    cookie = answer_header(&a, "Set-Cookie");
    (void)snprintf(expected, sizeof expected, "io=%.20s; Path=/; HttpOnly; SameSite=Lax",
                   a.body.p + 9);
    assert_true(str_eq(cookie, str_of(expected)));
    sid = polling_session(&c);
    a = client_post(&c, polling_url(sid), "4a");
    assert_no_header(&a, "Set-Cookie");
    rig_send_text(&g.last->session, "x");
    a = client_get(&c, polling_url(sid));
    assert_no_header(&a, "Set-Cookie");
    a = websocket_connect(&w, websocket_url(NULL), NULL);
    assert_no_header(&a, "Set-Cookie");
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

/* --- allowRequest --- */

static void an_owner_may_allow_at_once(void **state)
{
    struct rig g;
    struct client c, w;
    (void)state;

    rig_open_asking(&g, NULL);
    client_open(&c, &g);
    client_open(&w, &g);
    assert_answer(client_post(&c, polling_url(polling_session(&c)), "4a"), 200, "ok");
    websocket_session(&w);
    /* Only requests without a sid are asked about. */
    assert_str(buf_str(&g.log), "ask;open;text:a;ask;open;");
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

static void an_owner_may_take_its_time(void **state)
{
    struct rig g;
    struct client c, w;
    eio_handshake first;
    (void)state;

    rig_open_asking(&g, NULL);
    g.hold = true;
    client_open(&c, &g);
    client_open(&w, &g);
    client_ask(&c, "GET", polling_url(NULL), NULL, NULL);
    client_silent(&c);
    first = g.held;
    assert_true(eio_handshake_open(&g.engine, first));
    websocket_ask(&w, websocket_url(NULL), NULL);
    client_silent(&w);
    assert_true(first != g.held);
    eio_server_decide(&g.engine, g.held, true, NULL);
    eio_server_decide(&g.engine, first, true, NULL);
    eio_server_decide(&g.engine, first, false, "too late"); /* deciding twice does nothing */
    assert_false(eio_handshake_open(&g.engine, first));
    assert_int_equal(client_answer(&c).status, 200);
    assert_int_equal(client_answer(&w).status, 101);
    assert_int_equal(g.engine.stats.opened, 2);
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

static void refusals_are_403_with_the_owners_words(void **state)
{
    struct rig g;
    struct client c, w;
    (void)state;

    rig_open_asking(&g, NULL);
    g.hold = true;
    client_open(&c, &g);
    client_open(&w, &g);
    client_ask(&c, "GET", polling_url(NULL), NULL, NULL);
    client_silent(&c);
    eio_server_decide(&g.engine, g.held, false, NULL);
    assert_answer(client_answer(&c), 403, "{\"code\":4,\"message\":\"Forbidden\"}");
    client_ask(&c, "GET", polling_url(NULL), NULL, NULL);
    client_silent(&c);
    eio_server_decide(&g.engine, g.held, false, "say \"please\"");
    assert_answer(client_answer(&c), 403, "{\"code\":4,\"message\":\"say \\\"please\\\"\"}");
    assert_true(rig_logged(&g, "error:4,say \"please\",;"));
    websocket_ask(&w, websocket_url(NULL), NULL); /* 400 there, whatever the code */
    client_silent(&w);
    eio_server_decide(&g.engine, g.held, false, "not you");
    assert_answer(client_answer(&w), 400, "not you");
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

/* engine.io's order: the owner is asked before the version is looked at, but after the method. */
static void the_owner_is_asked_before_the_version(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open_asking(&g, NULL);
    client_open(&c, &g);
    assert_int_equal(client_get(&c, "/engine.io/?EIO=3&transport=polling").status, 400);
    assert_str(buf_str(&g.log), "ask;error:5,Unsupported protocol version,;");
    g.log.len = 0;
    assert_int_equal(client_post(&c, polling_url(NULL), "4a").status, 400);
    assert_str(buf_str(&g.log), "error:2,Bad handshake method,;");
    client_close(&c);
    rig_close(&g);
}

static void a_client_that_leaves_is_not_decided_about(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open_asking(&g, NULL);
    g.hold = true;
    for (int how = 0; how < 2; how++) {
        client_open(&c, &g);
        if (how == 0)
            client_ask(&c, "GET", polling_url(NULL), NULL, NULL);
        else
            websocket_ask(&c, websocket_url(NULL), NULL);
        client_silent(&c);
        assert_true(eio_handshake_open(&g.engine, g.held));
        client_reset(&c);
        rig_settle(&g);
        assert_false(eio_handshake_open(&g.engine, g.held));
        eio_server_decide(&g.engine, g.held, true, NULL);
    }
    assert_int_equal(g.engine.stats.opened, 0);
    rig_close(&g);
}

static void closing_refuses_those_that_wait(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open_asking(&g, NULL);
    g.hold = true;
    client_open(&c, &g);
    client_ask(&c, "GET", polling_url(NULL), NULL, NULL);
    client_silent(&c);
    eio_server_close(&g.engine, EIO_SERVER_SHUTTING_DOWN);
    assert_int_equal(client_answer(&c).status, 503);
    eio_server_decide(&g.engine, g.held, true, NULL);
    client_close(&c);
    rig_close(&g);
}

/* --- What on_open sends --- */

static void greet(struct rig *g, struct eio_session *s)
{
    (void)g;
    rig_send_text(s, "hello");
    rig_send_binary(s, "\x01\x02", 2);
}

static void a_greeting_follows_the_open_packet(void **state)
{
    struct rig g;
    struct client c, w;
    const char *sid;
    (void)state;

    rig_open(&g, NULL);
    g.on_open = greet;
    client_open(&c, &g);
    client_open(&w, &g);
    sid = polling_session(&c);
    assert_answer(client_get(&c, polling_url(sid)), 200,
                  "4hello\x1e"
                  "bAQI=");
    websocket_session(&w);
    assert_text_frame(&w, "4hello");
    struct frame f = frame_next(&w);
    assert_int_equal(f.op, WS_BINARY);
    assert_str(f.data, "\x01\x02");
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

static void throw_out(struct rig *g, struct eio_session *s)
{
    (void)g;
    eio_session_close(s, EIO_FORCED_CLOSE, true);
}

static void on_open_may_close(void **state)
{
    struct rig g;
    struct client c, w;
    const char *sid;
    (void)state;

    rig_open(&g, NULL);
    g.on_open = throw_out;
    client_open(&c, &g);
    client_open(&w, &g);
    sid = polling_session(&c);
    assert_int_equal(client_get(&c, polling_url(sid)).status, 400);
    websocket_session(&w);
    assert_close_frame(&w, "");
    assert_int_equal(g.engine.stats.closed, 2);
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

TEST_MAIN(cmocka_unit_test(polling_gets_an_open_packet),
          cmocka_unit_test(websocket_gets_an_open_packet),
          cmocka_unit_test(upgrades_that_are_not_allowed), cmocka_unit_test(sids),
          cmocka_unit_test(the_cookie_is_set_once_and_not_on_websocket),
          cmocka_unit_test(an_owner_may_allow_at_once),
          cmocka_unit_test(an_owner_may_take_its_time),
          cmocka_unit_test(refusals_are_403_with_the_owners_words),
          cmocka_unit_test(the_owner_is_asked_before_the_version),
          cmocka_unit_test(a_client_that_leaves_is_not_decided_about),
          cmocka_unit_test(closing_refuses_those_that_wait),
          cmocka_unit_test(a_greeting_follows_the_open_packet), cmocka_unit_test(on_open_may_close))
