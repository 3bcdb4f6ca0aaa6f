/* tests/unit/engineio/test_eio3.c - protocol 3: who may open a session of it, its heartbeat, its
 * frames, its upgrade.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eio3.h"

static const char version[] = "{\"code\":5,\"message\":\"Unsupported protocol version\"}",
                  bad[] = "{\"code\":3,\"message\":\"Bad request\"}",
                  unknown[] = "{\"code\":1,\"message\":\"Session ID unknown\"}";

static void strict(struct eio_options *o)
{
    allow(o);
    o->ping_interval_ms = 20;
    o->ping_timeout_ms = 20;
}

static void it_must_be_allowed(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    assert_answer(client_get(&c, url_of("polling", NULL, "")), 400, version);
    assert_answer(client_get(&c, "/engine.io/?transport=polling&j=1"), 400, version);
    g.engine.options.allow_eio3 = true;
    (void)polling3(&c, "");
    assert_true(g.last->session.eio3);
    /* As engine.io, which takes everything that is not 4 for 3. */
    assert_int_equal(client_get(&c, "/engine.io/?transport=polling").status, 200);
    assert_true(g.last->session.eio3);
    (void)polling_session(&c);
    assert_false(g.last->session.eio3);
    client_close(&c);
    rig_close(&g);
}

static void a_session_keeps_its_version(void **state)
{
    struct rig g;
    struct client c, w;
    const char *url, *sid;
    char other[200];
    (void)state;

    rig_open(&g, allow);
    client_open(&c, &g);
    client_open(&w, &g);
    sid = polling_session(&c);
    assert_answer(client_get(&c, url_of("polling", sid, "")), 400, bad);
    assert_answer(client_post(&c, url_of("polling", sid, ""), "6:4hello"), 400, bad);
    rig_await(&g, "error:3,Bad request,PROTOCOL_MISMATCH;");
    assert_answer(client_post(&c, polling_url(sid), "4hello"), 200, "ok");

    url = polling3(&c, "");
    (void)snprintf(other, sizeof other, "%s", polling_url(sid_of(url)));
    assert_answer(client_get(&c, other), 400, bad);
    websocket_ask(&w, websocket_url(sid_of(url)), NULL);
    assert_answer(client_answer(&w), 400, "Bad request");
    assert_answer(client_post(&c, url, "6:4hello"), 200, "ok");
    client_close(&w);
    client_close(&c);
    rig_close(&g);
}

static void pings_are_the_clients(void **state)
{
    struct rig g;
    struct client c, w;
    const char *url;
    (void)state;

    rig_open(&g, allow);
    client_open(&c, &g);
    client_open(&w, &g);
    url = polling3(&c, "");
    for (int i = 0; i < 3; i++) {
        assert_answer(client_post(&c, url, "1:2"), 200, "ok");
        assert_answer(client_get(&c, url), 200, "1:3");
    }
    websocket3(&w, "");
    for (int i = 0; i < 3; i++) {
        frame_text(&w, i ? "2" : "2with data");
        assert_text_frame(&w, "3");
    }
    /* A pong is the server's to send. */
    frame_text(&w, "3");
    assert_close_frame(&w, "");
    rig_await(&g, "close:transport error(invalid heartbeat direction);");
    assert_answer(client_post(&c, url, "1:3"), 200, "ok");
    assert_answer(client_get(&c, url), 400, unknown);
    client_close(&w);
    client_close(&c);
    rig_close(&g);
}

/* Both transports: interval and timeout together, and nothing but a ping counts. */
static void silence_is_a_ping_timeout(void **state)
{
    struct rig g;
    struct client c, w;
    const char *url;
    (void)state;

    rig_open(&g, strict);
    client_open(&c, &g);
    client_open(&w, &g);
    url = polling3(&c, "");
    assert_answer(client_get(&c, url), 200, "1:1");
    websocket3(&w, "");
    assert_close_frame(&w, ""); /* no ping came before it */
    rig_await(&g, "close:ping timeout;open;close:ping timeout;");
    assert_int_equal(g.engine.stats.ping_timeouts, 2);
    client_close(&w);
    client_close(&c);
    rig_close(&g);
}

static void only_a_ping_extends_the_deadline(void **state)
{
    struct rig g;
    struct client w;
    uint64_t deadline;
    (void)state;

    rig_open(&g, allow);
    client_open(&w, &g);
    websocket3(&w, "");
    deadline = g.last->session.heartbeat.at_ms;
    assert_true(deadline >= g.loop.now_ms + 44000);
    for (int i = 0; i < 10; i++)
        (void)loop_turn(&g.loop, 2);
    frame_text(&w, "4hello");
    frame_text(&w, "6");
    rig_await(&g, "text:hello;");
    rig_settle(&g);
    assert_int_equal(g.last->session.heartbeat.at_ms, deadline);
    frame_text(&w, "2");
    assert_text_frame(&w, "3");
    assert_true(g.last->session.heartbeat.at_ms > deadline);
    client_close(&w);
    rig_close(&g);
}

static void bytes_have_their_type_in_front(void **state)
{
    struct rig g;
    struct client w;
    struct frame f;
    struct msg *typed;
    (void)state;

    rig_open(&g, allow);
    g.echo = true;
    client_open(&w, &g);
    websocket3(&w, "");
    frame_send(&w, WS_BINARY, STR("\4\1\2\3"));
    f = frame_next(&w);
    assert_int_equal(f.op, WS_BINARY);
    assert_str(f.data, "\4\1\2\3");
    frame_send(&w, WS_BINARY, STR("\4"));
    assert_str(frame_next(&w).data, "\4");
    frame_text(&w, "b4AQID"); /* base64 is taken as well */
    assert_str(frame_next(&w).data, "\4\1\2\3");
    frame_text(&w, "4\xc3\xa9");
    assert_text_frame(&w, "4\xc3\xa9");
    typed = eio_msg_typed(STR("made before"));
    assert_int_equal(eio_session_send(&g.last->session, &typed, 1), 0);
    msg_unref(typed);
    assert_str(frame_next(&w).data, "\4made before");
    frame_send(&w, WS_BINARY, STR("\5hello"));
    assert_close_frame(&w, "");
    rig_await(&g, "close:parse error;");
    client_close(&w);
    rig_close(&g);
}

static void bytes_may_travel_as_base64(void **state)
{
    struct rig g;
    struct client w;
    struct msg *typed;
    (void)state;

    rig_open(&g, allow);
    g.echo = true;
    client_open(&w, &g);
    websocket3(&w, "&b64=1");
    frame_send(&w, WS_BINARY, STR("\4\1\2\3"));
    assert_text_frame(&w, "b4AQID");
    typed = eio_msg_typed(STR("\1\2\3"));
    assert_int_equal(eio_session_send(&g.last->session, &typed, 1), 0);
    msg_unref(typed);
    assert_text_frame(&w, "b4AQID");
    client_close(&w);
    rig_close(&g);
}

static void malformed_frames_end_the_session(void **state)
{
    static const char *const frames[] = { "abc", "", "7", "bAQID", "b4A", "b2AQID" };
    struct rig g;
    (void)state;

    rig_open(&g, allow);
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct client w;

        client_open(&w, &g);
        websocket3(&w, "");
        frame_text(&w, frames[i]);
        assert_close_frame(&w, "");
        client_close(&w);
    }
    assert_int_equal(g.engine.stats.parse_errors, sizeof frames / sizeof frames[0]);
    rig_close(&g);
}

/* The probe, the GET that it releases, the queue that moves to the WebSocket in its form there. */
static void upgrades(void **state)
{
    struct rig g;
    struct client c, w;
    const char *url;
    (void)state;

    rig_open(&g, allow);
    g.echo = true;
    client_open(&c, &g);
    client_open(&w, &g);
    url = polling3(&c, "&b64=1"); /* of polling alone */
    (void)websocket_connect(&w, url_of("websocket", sid_of(url), ""), NULL);
    client_ask(&c, "GET", url, NULL, NULL);
    client_silent(&c);
    frame_text(&w, "2probe");
    assert_text_frame(&w, "3probe");
    assert_answer(client_answer(&c), 200, "1:6");
    rig_send_binary(&g.last->session, "\1\2", 2);
    frame_text(&w, "5");
    assert_str(frame_next(&w).data, "\4\1\2");
    frame_text(&w, "2");
    assert_text_frame(&w, "3");
    assert_answer(client_get(&c, url), 400, bad);
    client_close(&w);
    client_close(&c);
    rig_close(&g);
}

/* engine.io forgets the deadline with an upgrade. */
static void who_upgraded_must_ping_too(void **state)
{
    struct rig g;
    struct client c, w;
    const char *url;
    (void)state;

    rig_open(&g, strict);
    g.engine.options.ping_timeout_ms = 2000;
    client_open(&c, &g);
    client_open(&w, &g);
    url = polling3(&c, "");
    (void)websocket_connect(&w, url_of("websocket", sid_of(url), ""), NULL);
    frame_text(&w, "2probe");
    assert_text_frame(&w, "3probe");
    frame_text(&w, "5");
    rig_await(&g, "upgrade;");
    assert_close_frame(&w, "");
    rig_await(&g, "close:ping timeout;");
    client_close(&w);
    client_close(&c);
    rig_close(&g);
}

TEST_MAIN(cmocka_unit_test(it_must_be_allowed), cmocka_unit_test(a_session_keeps_its_version),
          cmocka_unit_test(pings_are_the_clients), cmocka_unit_test(silence_is_a_ping_timeout),
          cmocka_unit_test(only_a_ping_extends_the_deadline),
          cmocka_unit_test(bytes_have_their_type_in_front),
          cmocka_unit_test(bytes_may_travel_as_base64),
          cmocka_unit_test(malformed_frames_end_the_session), cmocka_unit_test(upgrades),
          cmocka_unit_test(who_upgraded_must_ping_too))
