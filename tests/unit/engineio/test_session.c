/* tests/unit/engineio/test_session.c - heartbeat, queues and their limits, drains.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

#include "base/clock.h"

static void quick(struct eio_options *o)
{
    o->ping_interval_ms = 20;
    o->ping_timeout_ms = 60000;
}

static void deadly(struct eio_options *o)
{
    o->ping_interval_ms = 20;
    o->ping_timeout_ms = 20;
}

static void every_reason_has_its_text(void **state)
{
    (void)state;
    assert_string_equal(eio_reason_text(EIO_TRANSPORT_CLOSE), "transport close");
    assert_string_equal(eio_reason_text(EIO_TRANSPORT_ERROR), "transport error");
    assert_string_equal(eio_reason_text(EIO_PING_TIMEOUT), "ping timeout");
    assert_string_equal(eio_reason_text(EIO_PARSE_ERROR), "parse error");
    assert_string_equal(eio_reason_text(EIO_FORCED_CLOSE), "forced close");
    assert_string_equal(eio_reason_text(EIO_FORCED_SERVER_CLOSE), "forced server close");
    assert_string_equal(eio_reason_text(EIO_SERVER_SHUTTING_DOWN), "server shutting down");
}

/* --- Heartbeat --- */

static void pings_follow_pongs_on_websocket(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, quick);
    client_open(&c, &g);
    websocket_session(&c);
    for (int i = 0; i < 3; i++) {
        assert_text_frame(&c, "2");
        assert_true(g.last->session.awaiting_pong);
        frame_text(&c, "3");
    }
    assert_text_frame(&c, "2");
    /* Traffic does not take the place of a pong: no further ping without one. */
    frame_text(&c, "4a");
    rig_await(&g, "text:a;");
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_turn(&g.loop, 3), 0);
    client_silent(&c);
    client_close(&c);
    rig_close(&g);
}

/* Pings, pongs and packet types say nothing: what owners exchange is counted, byte by byte. */
static void messages_are_counted_with_their_bytes(void **state)
{
    struct rig g;
    struct client c;
    struct msg *text = ws_msg(WS_TEXT, STR("4hello")), *binary = ws_msg(WS_BINARY, STR("\1\2\3"));
    (void)state;

    rig_open(&g, quick);
    client_open(&c, &g);
    websocket_session(&c);
    assert_text_frame(&c, "2");
    frame_text(&c, "3");
    frame_text(&c, "4ab");
    rig_await(&g, "text:ab;");
    assert_int_equal(eio_session_send(&g.last->session, (struct msg *[]){ text, binary }, 2), 0);
    assert_int_equal(g.engine.stats.messages_in, 1);
    assert_int_equal(g.engine.stats.bytes_in, 2);
    assert_int_equal(g.engine.stats.messages_out, 2);
    assert_int_equal(g.engine.stats.bytes_out, 8);
    msg_unref(text);
    msg_unref(binary);
    client_close(&c);
    rig_close(&g);
}

static void pings_follow_pongs_on_polling(void **state)
{
    struct rig g;
    struct client c, d;
    const char *url;
    (void)state;

    rig_open(&g, quick);
    client_open(&c, &g);
    client_open(&d, &g);
    url = polling_url(polling_session(&c));
    for (int i = 0; i < 3; i++) {
        assert_answer(client_get(&c, url), 200, "2");
        assert_answer(client_post(&d, url, "3"), 200, "ok");
    }
    client_close(&c);
    client_close(&d);
    rig_close(&g);
}

/* Only a ping resets the client's own timer, so traffic must not keep it back. */
static void traffic_does_not_suppress_pings(void **state)
{
    struct rig g;
    struct client c;
    struct frame f;
    int echoes = 0;
    (void)state;

    rig_open(&g, quick);
    g.echo = true;
    client_open(&c, &g);
    websocket_session(&c);
    for (;;) {
        frame_text(&c, "4x");
        f = frame_next(&c);
        if (str_eq(f.data, STR("2")))
            break;
        assert_in_range(echoes++, 0, 1000000);
    }
    client_close(&c);
    rig_close(&g);
}

static void silence_is_a_ping_timeout(void **state)
{
    struct rig g;
    struct client c, w;
    const char *url;
    (void)state;

    rig_open(&g, deadly);
    client_open(&c, &g);
    client_open(&w, &g);
    websocket_session(&w);
    url = polling_url(polling_session(&c));
    assert_text_frame(&w, "2");
    assert_close_frame(&w, "");
    rig_await(&g, "close:ping timeout;close:ping timeout;");
    assert_answer(client_get(&c, url), 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    assert_int_equal(g.engine.stats.ping_timeouts, 2);
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

static void a_ping_timeout_tells_the_waiting_get(void **state)
{
    struct rig g;
    struct client c;
    const char *url;
    (void)state;

    rig_open(&g, deadly);
    client_open(&c, &g);
    url = polling_url(polling_session(&c));
    assert_answer(client_get(&c, url), 200, "2");
    assert_answer(client_get(&c, url), 200, "1");
    client_close(&c);
    rig_close(&g);
}

/* Sleeps past a time of the loop's clock without turning the loop: what a busy iteration does. */
static void stall_until(uint64_t at_ms)
{
    while (clock_mono_ms() <= at_ms)
        usleep(1000);
}

/* Deadlines count from when the timer was due: a late ping does not put off the timeout. */
static void lateness_does_not_add_up(void **state)
{
    struct rig g;
    struct client c;
    uint64_t due_ms;
    (void)state;

    rig_open(&g, quick);
    client_open(&c, &g);
    websocket_session(&c);
    due_ms = g.last->session.heartbeat.at_ms;
    stall_until(due_ms + 5);
    assert_text_frame(&c, "2");
    if (g.loop.now_ms < due_ms + 50) /* the machine did not sleep on its own account */
        assert_int_equal(g.last->session.heartbeat.at_ms, due_ms + 60000);
    client_close(&c);
    rig_close(&g);
}

/* Input is read before timers run: a request that comes together with the timeout is too late. */
static void an_overdue_session_is_not_found(void **state)
{
    struct rig g;
    struct client c;
    const char *url;
    (void)state;

    rig_open(&g, deadly);
    client_open(&c, &g);
    url = polling_url(polling_session(&c));
    assert_answer(client_get(&c, url), 200, "2");
    stall_until(g.last->session.heartbeat.at_ms);
    assert_answer(client_get(&c, url), 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    assert_int_equal(g.engine.stats.ping_timeouts, 1);
    client_close(&c);
    rig_close(&g);
}

/* While a pong is due, the first other packet moves its deadline once. */
static void traffic_extends_the_deadline_once(void **state)
{
    struct rig g;
    struct client c;
    uint64_t due_ms;
    (void)state;

    rig_open(&g, quick);
    client_open(&c, &g);
    websocket_session(&c);
    assert_text_frame(&c, "2");
    due_ms = g.last->session.heartbeat.at_ms;
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_turn(&g.loop, 3), 0);
    frame_text(&c, "4a");
    rig_await(&g, "text:a;");
    assert_true(g.last->session.pong_extended);
    assert_true(g.last->session.heartbeat.at_ms > due_ms);
    due_ms = g.last->session.heartbeat.at_ms;
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_turn(&g.loop, 3), 0);
    frame_text(&c, "4b");
    rig_await(&g, "text:b;");
    assert_int_equal(g.last->session.heartbeat.at_ms, due_ms);
    frame_text(&c, "3");
    assert_text_frame(&c, "2"); /* the next round starts afresh */
    assert_false(g.last->session.pong_extended);
    client_close(&c);
    rig_close(&g);
}

/* A stray pong only restarts the interval. */
static void a_stray_pong_restarts_the_interval(void **state)
{
    struct rig g;
    struct client c;
    uint64_t due_ms;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    websocket_session(&c);
    due_ms = g.last->session.heartbeat.at_ms;
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_turn(&g.loop, 3), 0);
    frame_text(&c, "3");
    frame_text(&c, "4a");
    rig_await(&g, "text:a;");
    assert_true(g.last->session.heartbeat.at_ms > due_ms);
    assert_false(g.last->session.awaiting_pong);
    client_close(&c);
    rig_close(&g);
}

/* engine.io forgets the pong that is due when the transport changes; a silent client then stays for
 * ever. */
static void the_heartbeat_survives_an_upgrade(void **state)
{
    struct rig g;
    struct client c, w;
    const char *sid;
    (void)state;

    rig_open(&g, deadly);
    g.engine.options.ping_timeout_ms = 300;
    client_open(&c, &g);
    client_open(&w, &g);
    sid = polling_session(&c);
    assert_answer(client_get(&c, polling_url(sid)), 200, "2");
    (void)websocket_connect(&w, websocket_url(sid), NULL);
    frame_text(&w, "5");
    rig_await(&g, "upgrade;");
    rig_await(&g, "close:ping timeout;");
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

/* --- Queues --- */

static void small_queue(struct eio_options *o)
{
    o->output.bytes_max = 64 * 1024;
}

static void writable_means_it_would_leave_at_once(void **state)
{
    struct rig g;
    struct client c, w;
    struct peer *p;
    const char *url;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    client_open(&w, &g);
    url = polling_url(polling_session(&c));
    p = g.last;
    assert_false(eio_session_writable(&p->session));
    client_ask(&c, "GET", url, NULL, NULL);
    client_silent(&c);
    assert_true(eio_session_writable(&p->session));
    rig_send_text(&p->session, "a");
    assert_true(eio_session_writable(&p->session)); /* it goes along */
    assert_answer(client_answer(&c), 200, "4a");
    assert_false(eio_session_writable(&p->session));
    websocket_session(&w);
    assert_true(eio_session_writable(&g.last->session));
    rig_send_text(&g.last->session, "b");
    assert_true(eio_session_writable(&g.last->session));
    eio_session_close(&p->session, EIO_FORCED_CLOSE, false);
    assert_false(eio_session_writable(&p->session));
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

static void a_polling_queue_drains_with_its_get(void **state)
{
    struct rig g;
    struct client c;
    const char *url;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    url = polling_url(polling_session(&c));
    g.log.len = 0;
    rig_send_text(&g.last->session, "abc");
    assert_int_equal(eio_session_queued(&g.last->session), 6); /* frame header included */
    rig_settle(&g);
    assert_str(buf_str(&g.log), "");
    assert_answer(client_get(&c, url), 200, "4abc");
    assert_int_equal(eio_session_queued(&g.last->session), 0);
    assert_str(buf_str(&g.log), "drain;");
    client_ask(&c, "GET", url, NULL, NULL); /* what leaves at once never waited */
    client_silent(&c);
    rig_send_text(&g.last->session, "def");
    assert_answer(client_answer(&c), 200, "4def");
    assert_str(buf_str(&g.log), "drain;");
    client_close(&c);
    rig_close(&g);
}

/* Overflow ends the session, but not within the call: the sender may be walking a group. */
static void a_polling_queue_is_bounded(void **state)
{
    struct rig g;
    struct client c;
    struct msg *m;
    const char *url;
    int err, sent = 0;
    (void)state;

    rig_open(&g, small_queue);
    client_open(&c, &g);
    url = polling_url(polling_session(&c));
    g.log.len = 0;
    m = ws_msg_reserve(WS_TEXT, 1000);
    memset(m->data + m->head, '4', 1000);
    while ((err = eio_session_send(&g.last->session, &m, 1)) == 0)
        sent++;
    assert_int_equal(err, ATR_ELIMIT);
    assert_int_equal(sent, 64 * 1024 / (int)m->len);
    assert_int_equal(m->refs, 1 + sent);
    assert_str(buf_str(&g.log), "");
    assert_int_equal(eio_session_send(&g.last->session, &m, 1), ATR_ECLOSED);
    rig_await(&g, "close:transport error(output queue overflow);");
    assert_int_equal(g.engine.stats.queue_overflows, 1);
    rig_settle(&g);
    assert_int_equal(m->refs, 1);
    msg_unref(m);
    assert_answer(client_get(&c, url), 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    client_close(&c);
    rig_close(&g);
}

static void wide_queue(struct eio_options *o)
{
    o->output.bytes_max = UINT32_MAX;
}

/* Many tiny messages are bounded by their number. */
static void a_polling_queue_is_bounded_in_messages(void **state)
{
    struct rig g;
    struct client c;
    struct msg *m = ws_msg(WS_TEXT, STR("4"));
    int err, sent = 0;
    (void)state;

    rig_open(&g, wide_queue);
    client_open(&c, &g);
    (void)polling_session(&c);
    while ((err = eio_session_send(&g.last->session, &m, 1)) == 0)
        sent++;
    assert_int_equal(err, ATR_ELIMIT);
    assert_int_equal(sent, EIO_MSGS_MAX);
    rig_await(&g, "close:transport error(output queue overflow);");
    msg_unref(m);
    client_close(&c);
    rig_close(&g);
}

/* A reader that stops reading is cut, not given a polite close behind a megabyte of output. */
static void a_websocket_queue_is_bounded(void **state)
{
    struct rig g;
    struct client c;
    struct msg *m;
    int err = 0;
    (void)state;

    rig_open(&g, small_queue);
    client_open(&c, &g);
    websocket_session(&c);
    g.log.len = 0;
    m = ws_msg_reserve(WS_TEXT, 16 * 1024);
    memset(m->data + m->head, '4', 16 * 1024);
    for (int i = 0; i < 10000 && err == 0; i++) {
        err = eio_session_send(&g.last->session, &m, 1);
        if (err == 0)
            assert_int_equal(loop_turn(&g.loop, 0), 0);
    }
    assert_int_equal(err, ATR_ELIMIT);
    assert_false(rig_logged(&g, "close"));
    assert_false(eio_session_writable(&g.last->session));
    rig_settle(&g);
    assert_true(rig_logged(&g, "close:transport error(output queue overflow);"));
    assert_int_equal(g.engine.stats.queue_overflows, 1);
    assert_true(list_empty(&g.engine.all)); /* nothing lingers */
    assert_int_equal(m->refs, 1);
    msg_unref(m);
    client_close(&c);
    rig_close(&g);
}

static void a_websocket_queue_drains(void **state)
{
    struct rig g;
    struct client c;
    struct msg *m;
    (void)state;

    rig_open(&g, wide_queue);
    client_open(&c, &g);
    websocket_session(&c);
    g.log.len = 0;
    m = ws_msg_reserve(WS_TEXT, 64 * 1024);
    memset(m->data + m->head, '4', 64 * 1024);
    while (!g.last->session.ws.stream->blocked) {
        assert_int_equal(eio_session_send(&g.last->session, &m, 1), 0);
        assert_int_equal(loop_turn(&g.loop, 0), 0);
    }
    assert_false(eio_session_writable(&g.last->session));
    while (!rig_logged(&g, "drain;"))
        assert_int_equal(frame_next(&c).op, WS_TEXT);
    assert_true(eio_session_writable(&g.last->session));
    assert_int_equal(eio_session_queued(&g.last->session), 0);
    msg_unref(m);
    client_close(&c);
    rig_close(&g);
}

TEST_MAIN(
    cmocka_unit_test(every_reason_has_its_text), cmocka_unit_test(pings_follow_pongs_on_websocket),
    cmocka_unit_test(pings_follow_pongs_on_polling),
          cmocka_unit_test(messages_are_counted_with_their_bytes),
    cmocka_unit_test(traffic_does_not_suppress_pings), cmocka_unit_test(silence_is_a_ping_timeout),
    cmocka_unit_test(a_ping_timeout_tells_the_waiting_get),
    cmocka_unit_test(lateness_does_not_add_up), cmocka_unit_test(an_overdue_session_is_not_found),
    cmocka_unit_test(traffic_extends_the_deadline_once),
    cmocka_unit_test(a_stray_pong_restarts_the_interval),
    cmocka_unit_test(the_heartbeat_survives_an_upgrade),
    cmocka_unit_test(writable_means_it_would_leave_at_once),
    cmocka_unit_test(a_polling_queue_drains_with_its_get),
    cmocka_unit_test(a_polling_queue_is_bounded),
    cmocka_unit_test(a_polling_queue_is_bounded_in_messages),
    cmocka_unit_test(a_websocket_queue_is_bounded), cmocka_unit_test(a_websocket_queue_drains))
