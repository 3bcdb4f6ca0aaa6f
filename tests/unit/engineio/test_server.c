/* tests/unit/engineio/test_server.c - verification: every refusal's status and body, in order.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

static const char transport_unknown[] = "{\"code\":0,\"message\":\"Transport unknown\"}";
static const char sid_unknown[] = "{\"code\":1,\"message\":\"Session ID unknown\"}";
static const char bad_method[] = "{\"code\":2,\"message\":\"Bad handshake method\"}";
static const char bad_request[] = "{\"code\":3,\"message\":\"Bad request\"}";
static const char bad_version[] = "{\"code\":5,\"message\":\"Unsupported protocol version\"}";

/* Asserts the refusal of one request on a connection of its own. */
static void refused(struct rig *g, const char *method, const char *target, const char *body,
                    const char *context)
{
    struct client c;
    struct answer a;
    char told[200];

    client_open(&c, g);
    g->log.len = 0;
    client_ask(&c, method, target, NULL, NULL);
    a = client_answer(&c);
    assert_int_equal(a.status, 400);
    assert_int_equal(a.body.n, strlen(body));
    assert_memory_equal(a.body.p, body, a.body.n);
    assert_header(&a, "Content-Type", "application/json");
    /* The body's code and message, as on_error gets them. */
    (void)snprintf(told, sizeof told, "error:%c,%.*s,%s;", body[8], (int)strlen(body) - 23,
                   body + 21, context);
    assert_true(rig_logged(g, told));
    client_close(&c);
}

static void transports_are_verified_first(void **state)
{
    struct rig g;
    (void)state;

    rig_open(&g, NULL);
    refused(&g, "GET", "/engine.io/", transport_unknown, "");
    refused(&g, "GET", "/engine.io/?EIO=4", transport_unknown, "");
    refused(&g, "GET", "/engine.io/?EIO=4&transport=abc", transport_unknown, "");
    refused(&g, "GET", "/engine.io/?EIO=4&transport=webtransport", transport_unknown, "");
    refused(&g, "GET", "/engine.io/?EIO=4&transport=__proto__", transport_unknown, "");
    refused(&g, "PUT", "/engine.io/?EIO=3&transport=abc&sid=abc", transport_unknown, "");
    assert_int_equal(g.engine.stats.refused, 6);
    rig_close(&g);
}

static void sids_are_verified_second(void **state)
{
    struct rig g;
    (void)state;

    rig_open(&g, NULL);
    refused(&g, "GET", "/engine.io/?EIO=4&transport=polling&sid=abc", sid_unknown, "");
    refused(&g, "GET", "/engine.io/?EIO=4&transport=polling&sid=__proto__", sid_unknown, "");
    refused(&g, "GET", "/engine.io/?EIO=4&transport=polling&sid=constructor", sid_unknown, "");
    refused(&g, "PUT", "/engine.io/?EIO=9&transport=websocket&sid=abc", sid_unknown, "");
    rig_close(&g);
}

static void handshakes_are_gets(void **state)
{
    struct rig g;
    (void)state;

    rig_open(&g, NULL);
    refused(&g, "POST", "/engine.io/?EIO=4&transport=polling", bad_method, "");
    refused(&g, "PUT", "/engine.io/?EIO=4&transport=polling", bad_method, "");
    refused(&g, "OPTIONS", "/engine.io/?EIO=4&transport=polling", bad_method, "");
    refused(&g, "DELETE", "/engine.io/?EIO=3&transport=websocket", bad_method, "");
    rig_close(&g);
}

static void a_head_request_is_refused_without_a_body(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    client_ask(&c, "HEAD", polling_url(NULL), "Connection: close\r\n", NULL);
    client_await_end(&c);
    assert_true(str_starts(buf_str(&c.in), STR("HTTP/1.1 400 ")));
    assert_true(str_ends(buf_str(&c.in), STR("\r\n\r\n")));
    client_close(&c);
    rig_close(&g);
}

static void a_websocket_needs_an_upgrade(void **state)
{
    struct rig g;
    (void)state;

    rig_open(&g, NULL);
    refused(&g, "GET", "/engine.io/?EIO=4&transport=websocket", bad_request,
            "TRANSPORT_HANDSHAKE_ERROR");
    rig_close(&g);
}

static void the_version_is_verified_last(void **state)
{
    struct rig g;
    (void)state;

    rig_open(&g, NULL);
    refused(&g, "GET", "/engine.io/?transport=polling", bad_version, "");
    refused(&g, "GET", "/engine.io/?EIO=abc&transport=polling", bad_version, "");
    refused(&g, "GET", "/engine.io/?EIO=3&transport=polling", bad_version, "");
    rig_close(&g);
}

static void sessions_have_a_transport_and_a_version(void **state)
{
    struct rig g;
    struct client c, w;
    char url[160], sid[EIO_SID_LEN + 1] = { 0 };
    const char *polling_sid;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    client_open(&w, &g);
    polling_sid = polling_session(&c);
    (void)snprintf(url, sizeof url, "/engine.io/?EIO=3&transport=polling&sid=%s", polling_sid);
    refused(&g, "GET", url, bad_request, "PROTOCOL_MISMATCH");
    refused(&g, "GET", websocket_url(polling_sid), bad_request, "TRANSPORT_MISMATCH");

    websocket_session(&w);
    memcpy(sid, g.last->session.sid, EIO_SID_LEN);
    refused(&g, "GET", polling_url(sid), bad_request, "TRANSPORT_MISMATCH");
    refused(&g, "POST", polling_url(sid), bad_request, "TRANSPORT_MISMATCH");
    refused(&g, "GET", websocket_url(sid), bad_request, "TRANSPORT_HANDSHAKE_ERROR");
    frame_text(&w, "4still here");
    rig_await(&g, "text:still here;");
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

static void other_methods_with_a_sid_are_500(void **state)
{
    struct rig g;
    struct client c;
    const char *sid;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    sid = polling_session(&c);
    client_ask(&c, "PUT", polling_url(sid), NULL, NULL);
    assert_answer(client_answer(&c), 500, "");
    client_ask(&c, "OPTIONS", polling_url(sid), NULL, NULL);
    assert_answer(client_answer(&c), 500, "");
    assert_answer(client_post(&c, polling_url(sid), "4a"), 200, "ok"); /* the session lives */
    client_close(&c);
    rig_close(&g);
}

/* As text, before any 101, always 400, and the connection ends. */
static void refused_upgrade(struct rig *g, const char *target, const char *text)
{
    struct client c;
    struct answer a;

    client_open(&c, g);
    websocket_ask(&c, target, NULL);
    a = client_answer(&c);
    assert_int_equal(a.status, 400);
    assert_header(&a, "Content-Type", "text/html");
    assert_header(&a, "Connection", "close");
    assert_int_equal(a.body.n, strlen(text));
    assert_memory_equal(a.body.p, text, a.body.n);
    client_await_end(&c);
    client_close(&c);
}

static void upgrades_are_refused_as_text(void **state)
{
    struct rig g;
    (void)state;

    rig_open(&g, NULL);
    refused_upgrade(&g, "/engine.io/?EIO=4", "Transport unknown");
    refused_upgrade(&g, "/engine.io/?EIO=4&transport=abc", "Transport unknown");
    refused_upgrade(&g, "/engine.io/?EIO=4&transport=polling", "Bad request");
    refused_upgrade(&g, "/engine.io/?transport=websocket", "Unsupported protocol version");
    refused_upgrade(&g, "/engine.io/?EIO=abc&transport=websocket", "Unsupported protocol version");
    refused_upgrade(&g, websocket_url("abc"), "Session ID unknown");
    assert_int_equal(g.engine.stats.opened, 0);
    rig_close(&g);
}

static void only_polling(struct eio_options *o)
{
    o->transports = EIO_POLLING;
}

static void only_websocket(struct eio_options *o)
{
    o->transports = EIO_WEBSOCKET;
}

static void disabled_transports_are_unknown(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, only_polling);
    client_open(&c, &g);
    assert_true(str_search(client_get(&c, polling_url(NULL)).body, STR("\"upgrades\":[],")) > 0);
    refused_upgrade(&g, websocket_url(NULL), "Transport unknown");
    client_close(&c);
    rig_close(&g);

    rig_open(&g, only_websocket);
    client_open(&c, &g);
    refused(&g, "GET", polling_url(NULL), transport_unknown, "");
    websocket_session(&c);
    client_close(&c);
    rig_close(&g);
}

static void bad_websocket_handshakes(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    client_ask(&c, "GET", websocket_url(NULL),
               "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
               NULL);
    a = client_answer(&c);
    assert_int_equal(a.status, 426);
    assert_header(&a, "Sec-WebSocket-Version", "13");
    client_close(&c);
    client_open(&c, &g);
    client_ask(&c, "GET", websocket_url(NULL),
               "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", NULL);
    assert_int_equal(client_answer(&c).status, 400);
    client_close(&c);
    assert_int_equal(g.engine.stats.opened, 0);
    assert_int_equal(g.engine.stats.refused, 2);
    rig_close(&g);
}

/* An Upgrade to something else may be ignored (RFC 9110 7.8). */
static void other_upgrades_are_ignored(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    client_ask(&c, "GET", polling_url(NULL), "Connection: Upgrade\r\nUpgrade: h2c\r\n", NULL);
    assert_int_equal(client_answer(&c).status, 200);
    client_close(&c);
    rig_close(&g);
}

static void whatever_follows_the_path_is_ours(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    assert_int_equal(client_get(&c, "/engine.io/some/thing?EIO=4&transport=polling").status, 200);
    assert_int_equal(client_get(&c, "/engine.io?EIO=4&transport=polling").status, 404);
    client_close(&c);
    rig_close(&g);
}

static void two_sessions(struct eio_options *o)
{
    o->sessions_max = 2;
}

static void sessions_are_limited(void **state)
{
    struct rig g;
    struct client c, w;
    const char *sid;
    struct answer a;
    (void)state;

    rig_open(&g, two_sessions);
    client_open(&c, &g);
    client_open(&w, &g);
    sid = polling_session(&c);
    websocket_session(&w);
    a = client_get(&c, polling_url(NULL));
    assert_int_equal(a.status, 503);
    assert_int_equal(a.body.n, strlen(bad_request));
    assert_true(rig_logged(&g, "error:3,Bad request,SESSIONS_MAX;"));
    assert_answer(client_post(&c, polling_url(sid), "1"), 200, "ok");
    assert_int_equal(client_get(&c, polling_url(NULL)).status, 200); /* there is room again */
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

static void closing_ends_every_session(void **state)
{
    struct rig g;
    struct client c, d, w;
    const char *sid;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    client_open(&d, &g);
    client_open(&w, &g);
    sid = polling_session(&c);
    client_ask(&c, "GET", polling_url(sid), NULL, NULL);
    (void)polling_session(&d);
    websocket_session(&w);
    client_silent(&c);
    eio_server_close(&g.engine, EIO_SERVER_SHUTTING_DOWN);
    assert_int_equal(g.engine.stats.closed, 3);
    assert_true(rig_logged(&g, "close:server shutting down;"));
    assert_answer(client_answer(&c), 200, "1");
    assert_close_frame(&w, "\x03\xe9"); /* 1001: every client comes back */
    assert_int_equal(client_get(&d, polling_url(NULL)).status, 503);
    client_close(&c);
    client_close(&d);
    client_close(&w);
    rig_close(&g);
}

TEST_MAIN(cmocka_unit_test(transports_are_verified_first),
          cmocka_unit_test(sids_are_verified_second), cmocka_unit_test(handshakes_are_gets),
          cmocka_unit_test(a_head_request_is_refused_without_a_body),
          cmocka_unit_test(a_websocket_needs_an_upgrade),
          cmocka_unit_test(the_version_is_verified_last),
          cmocka_unit_test(sessions_have_a_transport_and_a_version),
          cmocka_unit_test(other_methods_with_a_sid_are_500),
          cmocka_unit_test(upgrades_are_refused_as_text),
          cmocka_unit_test(disabled_transports_are_unknown),
          cmocka_unit_test(bad_websocket_handshakes), cmocka_unit_test(other_upgrades_are_ignored),
          cmocka_unit_test(whatever_follows_the_path_is_ours),
          cmocka_unit_test(sessions_are_limited), cmocka_unit_test(closing_ends_every_session))
