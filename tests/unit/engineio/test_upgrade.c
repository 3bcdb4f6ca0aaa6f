/* tests/unit/engineio/test_upgrade.c - the probe: from long-polling to WebSocket, or back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <sys/socket.h>

struct pair {
    struct rig g;
    struct client poll, ws;
    const char *url, *ws_url;
};

/* A polling session with a WebSocket that has said nothing yet. */
static void pair_open(struct pair *p, void (*change)(struct eio_options *o))
{
    const char *sid;

    rig_open(&p->g, change);
    client_open(&p->poll, &p->g);
    client_open(&p->ws, &p->g);
    sid = polling_session(&p->poll);
    p->url = polling_url(sid);
    p->ws_url = websocket_url(sid);
    p->g.log.len = 0;
    (void)websocket_connect(&p->ws, p->ws_url, NULL);
}

static void pair_close(struct pair *p)
{
    client_close(&p->poll);
    client_close(&p->ws);
    rig_close(&p->g);
}

static void probe(struct pair *p)
{
    frame_text(&p->ws, "2probe");
    assert_text_frame(&p->ws, "3probe");
}

static void finish(struct pair *p)
{
    frame_text(&p->ws, "5");
    rig_await(&p->g, "upgrade;");
    assert_null(p->g.last->session.polling);
}

static void no_open_packet_on_the_probe(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_silent(&p.ws);
    probe(&p);
    client_silent(&p.ws);
    pair_close(&p);
}

static void the_waiting_get_is_released_at_once(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.poll, "GET", p.url, NULL, NULL);
    client_silent(&p.poll);
    probe(&p);
    assert_answer(client_answer(&p.poll), 200, "6");
    /* The client may poll again when the noop overtakes the pong: each is answered. */
    for (int i = 0; i < 3; i++)
        assert_answer(client_get(&p.poll, p.url), 200, "6");
    finish(&p);
    pair_close(&p);
}

static void an_upgrade_needs_no_get(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    probe(&p);
    finish(&p);
    frame_text(&p.ws, "4hello");
    rig_await(&p.g, "text:hello;");
    assert_int_equal(p.g.engine.stats.upgrades, 1);
    assert_int_equal(p.g.engine.stats.polling_open, 0);
    assert_int_equal(p.g.engine.stats.websocket_open, 1);
    pair_close(&p);
}

/* Data may stand behind the upgrade packet in the same segment. */
static void packets_behind_the_upgrade_are_delivered(void **state)
{
    struct pair p;
    struct buf b = { 0 };
    (void)state;

    pair_open(&p, NULL);
    p.g.echo = true;
    probe(&p);
    buf_add(&b, STR("\x81\x81\0\0\0\0"
                    "5\x81\x82\0\0\0\0"
                    "4a\x82\x81\0\0\0\0\x07"));
    client_write(&p.ws, buf_str(&b));
    buf_free(&b);
    assert_text_frame(&p.ws, "4a");
    struct frame f = frame_next(&p.ws);
    assert_int_equal(f.op, WS_BINARY);
    assert_str(f.data, "\x07");
    assert_str(buf_str(&p.g.log), "upgrade;text:a;binary:\x07;");
    pair_close(&p);
}

/* Before the upgrade is finished data goes with the GETs; what then waits, with the WebSocket: each
 * message once, in order. */
static void the_queue_moves_over(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    probe(&p);
    rig_send_text(&p.g.last->session, "one");
    assert_answer(client_get(&p.poll, p.url), 200, "4one");
    rig_send_text(&p.g.last->session, "two");
    rig_send_binary(&p.g.last->session, "\x01", 1);
    assert_int_equal(eio_session_queued(&p.g.last->session), 9);
    client_silent(&p.ws);
    finish(&p);
    assert_text_frame(&p.ws, "4two");
    assert_int_equal(frame_next(&p.ws).op, WS_BINARY);
    rig_send_text(&p.g.last->session, "three");
    assert_text_frame(&p.ws, "4three");
    assert_true(rig_logged(&p.g, "drain;"));
    pair_close(&p);
}

/* Also output that was about to answer a GET when the upgrade came in the same iteration. */
static void output_under_way_to_a_get_moves_over(void **state)
{
    static const char upgrade[] = "\x81\x81\0\0\0\0"
                                  "5";
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.poll, "GET", p.url, NULL, NULL);
    client_silent(&p.poll);
    assert_int_equal(send(p.ws.fd, upgrade, sizeof upgrade - 1, 0), sizeof upgrade - 1);
    rig_send_text(&p.g.last->session, "once");
    assert_answer(client_answer(&p.poll), 200, "6");
    assert_text_frame(&p.ws, "4once");
    client_silent(&p.ws);
    pair_close(&p);
}

static void base64_is_the_websockets_own_choice(void **state)
{
    struct rig g;
    struct client c, w;
    char url[200];
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    client_open(&w, &g);
    (void)snprintf(url, sizeof url, "%s&b64=1", websocket_url(polling_session(&c)));
    (void)websocket_connect(&w, url, NULL);
    rig_send_binary(&g.last->session, "\x01", 1); /* queued before, moved over */
    frame_text(&w, "5");
    assert_text_frame(&w, "bAQ==");
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

/* A GET that is there when the upgrade is finished ends with a noop. */
static void a_late_get_is_released(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.poll, "GET", p.url, NULL, NULL);
    client_silent(&p.poll);
    finish(&p); /* without a probe, as some clients dare */
    assert_answer(client_answer(&p.poll), 200, "6");
    pair_close(&p);
}

static void a_post_under_way_is_refused(void **state)
{
    struct pair p;
    char head[300];
    (void)state;

    pair_open(&p, NULL);
    (void)snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n4",
                   p.url);
    client_write(&p.poll, str_of(head));
    client_silent(&p.poll);
    finish(&p);
    assert_answer(client_answer(&p.poll), 400, "");
    frame_text(&p.ws, "4a");
    rig_await(&p.g, "text:a;");
    pair_close(&p);
}

static void polling_is_over_after_the_upgrade(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    probe(&p);
    finish(&p);
    assert_answer(client_get(&p.poll, p.url), 400, "{\"code\":3,\"message\":\"Bad request\"}");
    assert_answer(client_post(&p.poll, p.url, "4a"), 400,
                  "{\"code\":3,\"message\":\"Bad request\"}");
    frame_text(&p.ws, "4b");
    rig_await(&p.g, "text:b;");
    assert_false(rig_logged(&p.g, "text:a;"));
    pair_close(&p);
}

static void posts_are_delivered_while_probing(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    probe(&p);
    assert_answer(client_post(&p.poll, p.url,
                              "4a\x1e"
                              "6"),
                  200, "ok"); /* one client posts a noop */
    finish(&p);
    assert_str(buf_str(&p.g.log), "text:a;upgrade;");
    pair_close(&p);
}

/* --- Probes that fail --- */

static void fails(const char *text, bool binary, bool probed)
{
    struct pair p;

    pair_open(&p, NULL);
    if (probed)
        probe(&p);
    frame_send(&p.ws, binary ? WS_BINARY : WS_TEXT, str_of(text));
    assert_close_frame(&p.ws, "");
    assert_int_equal(p.g.engine.stats.upgrade_failures, 1);
    p.g.echo = true;
    assert_answer(client_post(&p.poll, p.url, "4alive"), 200, "ok");
    assert_answer(client_get(&p.poll, p.url), 200, "4alive");
    client_ask(&p.poll, "GET", p.url, NULL, NULL); /* GETs wait again */
    client_silent(&p.poll);
    assert_false(rig_logged(&p.g, "close"));
    pair_close(&p);
}

static void other_packets_end_the_probe_only(void **state)
{
    (void)state;
    fails("4data", false, true);
    fails("4data", false, false);
    fails("2", false, false);
    fails("2probe", true, false);
    fails("3probe", false, true);
    fails("", false, false);
    fails("1", false, true);
    fails("xyz", false, true);
}

static void a_probe_that_leaves_is_forgotten(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    probe(&p);
    client_reset(&p.ws);
    rig_settle(&p.g);
    assert_int_equal(p.g.engine.stats.upgrade_failures, 1);
    client_ask(&p.poll, "GET", p.url, NULL, NULL);
    client_silent(&p.poll); /* no longer answered at once */

    client_open(&p.ws, &p.g); /* and another may try */
    (void)websocket_connect(&p.ws, p.ws_url, NULL);
    probe(&p);
    assert_answer(client_answer(&p.poll), 200, "6");
    finish(&p);
    pair_close(&p);
}

static void short_timeout(struct eio_options *o)
{
    o->upgrade_timeout_ms = 20;
}

static void a_probe_that_does_not_finish_is_closed(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, short_timeout);
    probe(&p);
    assert_close_frame(&p.ws, "");
    assert_answer(client_post(&p.poll, p.url, "4a"), 200, "ok");
    assert_int_equal(p.g.engine.stats.upgrade_failures, 1);

    /* The closed one still waits for its peer's close frame: the next one does not wait for that.
     */
    struct client again;
    client_open(&again, &p.g);
    (void)websocket_connect(&again, p.ws_url, NULL);
    frame_text(&again, "2probe");
    assert_text_frame(&again, "3probe");
    frame_text(&again, "5");
    rig_await(&p.g, "upgrade;");
    client_await_end(&p.ws);
    frame_text(&again, "4a");
    rig_await(&p.g, "text:a;");
    client_close(&again);
    pair_close(&p);
}

static void a_failed_probe_has_no_timeout(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, short_timeout);
    frame_text(&p.ws, "4data");
    assert_close_frame(&p.ws, "");
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_turn(&p.g.loop, 3), 0);
    assert_int_equal(p.g.engine.stats.upgrade_failures, 1);
    pair_close(&p);
}

static void a_finished_upgrade_has_no_timeout(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, short_timeout);
    probe(&p);
    finish(&p);
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_turn(&p.g.loop, 3), 0);
    frame_text(&p.ws, "4a");
    rig_await(&p.g, "text:a;");
    pair_close(&p);
}

static void a_second_websocket_is_turned_away(void **state)
{
    struct pair p;
    struct client more;
    (void)state;

    pair_open(&p, NULL);
    for (int i = 0; i < 3; i++) { /* before the probe, in it, after the upgrade */
        if (i == 1)
            probe(&p);
        if (i == 2)
            finish(&p);
        client_open(&more, &p.g);
        (void)websocket_connect(&more, p.ws_url, NULL);
        assert_close_frame(&more, "");
        if (i == 0)
            client_close(&more);
        else
            frame_send(&more, WS_CLOSE, STR(""));
        rig_settle(&p.g);
        client_close(&more);
    }
    assert_int_equal(p.g.engine.stats.upgrade_failures, 3);
    frame_text(&p.ws, "4a");
    rig_await(&p.g, "text:a;");
    pair_close(&p);
}

/* Left open by its client when the server closes. */
static void a_surplus_websocket_does_not_outlive_the_server(void **state)
{
    struct rig g;
    struct client c, more;
    char sid[EIO_SID_LEN + 1] = { 0 };
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    client_open(&more, &g);
    websocket_session(&c);
    memcpy(sid, g.last->session.sid, EIO_SID_LEN);
    (void)websocket_connect(&more, websocket_url(sid), NULL);
    eio_server_close(&g.engine, EIO_FORCED_CLOSE);
    assert_true(list_empty(&g.engine.surplus));
    client_await_end(&more);
    client_close(&more);
    client_close(&c);
    rig_close(&g);
}

/* Probes are answered as long as the answers are taken: a client cannot make us hoard them. */
static void a_flood_of_probes_ends_the_probe(void **state)
{
    enum { PROBES = 4096, ROUNDS = 1000 };
    const str one = STR("\x81\x86\0\0\0\0"
                        "2probe");
    struct buf many = { 0 };
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    for (int i = 0; i < PROBES; i++)
        buf_add(&many, one);
    for (int i = 0; i < ROUNDS && p.g.engine.stats.upgrade_failures == 0; i++) {
        client_write(&p.ws, buf_str(&many));
        assert_true(stream_stats.queued_bytes < 1 << 20);
    }
    buf_free(&many);
    assert_int_equal(p.g.engine.stats.upgrade_failures, 1);
    assert_answer(client_post(&p.poll, p.url, "4a"), 200, "ok"); /* the session lives */
    pair_close(&p);
}

/* --- The session ends meanwhile --- */

static void a_session_that_ends_takes_its_probe_along(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    probe(&p);
    assert_answer(client_post(&p.poll, p.url, "1"), 200, "ok");
    assert_close_frame(&p.ws, "");
    assert_str(buf_str(&p.g.log), "close:transport close;");
    pair_close(&p);
}

static void a_closing_session_ends_with_the_upgrade(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    probe(&p);
    rig_send_text(&p.g.last->session, "bye");
    eio_session_close(&p.g.last->session, EIO_FORCED_CLOSE, false);
    frame_text(&p.ws, "5");
    assert_text_frame(&p.ws, "4bye");
    assert_close_frame(&p.ws, "");
    assert_str(buf_str(&p.g.log), "close:forced close;");
    pair_close(&p);
}

static void a_closing_session_takes_no_new_probe(void **state)
{
    struct pair p;
    struct client ws;
    (void)state;

    pair_open(&p, NULL);
    client_reset(&p.ws);
    rig_settle(&p.g);
    eio_session_close(&p.g.last->session, EIO_FORCED_CLOSE, false);
    client_open(&ws, &p.g);
    (void)websocket_connect(&ws, p.ws_url, NULL);
    assert_int_equal(p.g.engine.stats.upgrade_failures, 2);
    assert_close_frame(&ws, "");
    assert_answer(client_get(&p.poll, p.url), 200, "1");
    client_close(&ws);
    pair_close(&p);
}

TEST_MAIN(cmocka_unit_test(no_open_packet_on_the_probe),
          cmocka_unit_test(the_waiting_get_is_released_at_once),
          cmocka_unit_test(an_upgrade_needs_no_get),
          cmocka_unit_test(packets_behind_the_upgrade_are_delivered),
          cmocka_unit_test(the_queue_moves_over),
          cmocka_unit_test(output_under_way_to_a_get_moves_over),
          cmocka_unit_test(base64_is_the_websockets_own_choice),
          cmocka_unit_test(a_late_get_is_released), cmocka_unit_test(a_post_under_way_is_refused),
          cmocka_unit_test(polling_is_over_after_the_upgrade),
          cmocka_unit_test(posts_are_delivered_while_probing),
          cmocka_unit_test(other_packets_end_the_probe_only),
          cmocka_unit_test(a_probe_that_leaves_is_forgotten),
          cmocka_unit_test(a_probe_that_does_not_finish_is_closed),
          cmocka_unit_test(a_failed_probe_has_no_timeout),
          cmocka_unit_test(a_finished_upgrade_has_no_timeout),
          cmocka_unit_test(a_second_websocket_is_turned_away),
          cmocka_unit_test(a_surplus_websocket_does_not_outlive_the_server),
          cmocka_unit_test(a_flood_of_probes_ends_the_probe),
          cmocka_unit_test(a_session_that_ends_takes_its_probe_along),
          cmocka_unit_test(a_closing_session_ends_with_the_upgrade),
          cmocka_unit_test(a_closing_session_takes_no_new_probe))
