/* tests/unit/engineio/test_output.c - sessions whose peers do not take their output: each policy
 * over each transport; and not reading from a peer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdlib.h>

#include "rig.h"

#include "engineio/session.h"

enum { BOUND = 256 * 1024, HIGH = 16 * 1024, SIZE = 4096 };

static enum overflow overflow_now;

static void narrow(struct eio_options *o)
{
    o->output = (struct pressure_policy){
        .bytes_max = BOUND, .high_water = HIGH, .block_ms = 1000, .overflow = (uint8_t)overflow_now
    };
}

/* Message number i, of SIZE bytes in all: "4<i> xxx". Its key is i % keys; 0 keys: none. */
static int send_number(struct eio_session *s, int i, int keys)
{
    char text[32], key[16];
    int n = snprintf(text, sizeof text, "4%d ", i), k = keys ? i % keys : 0;
    struct msg *m = ws_msg_reserve(WS_TEXT, SIZE - 4);
    struct parcel p = parcel_of(&m, 1);
    int err;

    memset(m->data + m->head, 'x', SIZE - 4);
    memcpy(m->data + m->head, text, (size_t)n);
    p.droppable = true;
    p.key = str_n(key, keys ? (size_t)snprintf(key, sizeof key, "k%d", k) : 0);
    err = eio_session_send_parcel(s, &p, &s->server->options.output);
    msg_unref(m);
    assert_true(eio_session_queued(s) <= BOUND);
    return err;
}

/* The number in a text that begins "4<i> ". */
static int number_in(str text)
{
    assert_true(text.n > 2 && text.p[0] == '4');
    return atoi(text.p + 1);
}

struct reading {
    int numbers[4096], count;
};

static void check_one_gap(const struct reading *got, int last)
{
    int gap = 0;

    assert_int_equal(got->numbers[0], 1);
    assert_int_equal(got->numbers[got->count - 1], last);
    for (int i = 1; i < got->count; i++) {
        assert_true(got->numbers[i] > got->numbers[i - 1]);
        if (got->numbers[i] != got->numbers[i - 1] + 1)
            assert_int_equal(gap++, 0);
    }
    assert_int_equal(gap, 1);
}

static void check_latest(const struct reading *got, int last, int keys)
{
    int complete = 0;

    while (got->numbers[complete] == complete + 1)
        complete++;
    assert_int_equal(got->count - complete, keys);
    for (int i = 0; i < keys; i++)
        assert_int_equal(got->numbers[complete + i], last - keys + 1 + i);
}

/* --- WebSocket --- */

static void read_frames(struct client *c, int last, struct reading *got)
{
    got->count = 0;
    while (got->count == 0 || got->numbers[got->count - 1] != last)
        got->numbers[got->count++] = number_in(frame_next(c).data);
}

/* Sends until the kernel refuses, the session is backed up, and enough has come after that. */
static int stall(struct rig *g, struct eio_session *s, int keys)
{
    int i = 1, after = 0;

    for (; after < 200; i++) {
        assert_int_equal(send_number(s, i, keys), 0);
        if (i % 7 == 0)
            assert_int_equal(loop_turn(&g->loop, 0), 0);
        after += s->ws.stream->blocked && s->pressure;
        assert_true(i < 4000);
    }
    return i - 1;
}

static void a_websocket_drops_the_oldest(void **state)
{
    struct rig g;
    struct client c;
    struct reading got;
    int last;
    (void)state;

    overflow_now = OVERFLOW_DROP_OLDEST;
    rig_open(&g, narrow);
    client_open(&c, &g);
    websocket_session(&c);
    g.log.len = 0;
    last = stall(&g, &g.last->session, 0);
    assert_int_equal(g.engine.stats.queue_overflows, 0);
    read_frames(&c, last, &got);
    check_one_gap(&got, last);
    rig_await(&g, "drain;");
    assert_null(g.last->session.pressure);
    assert_int_equal(eio_session_queued(&g.last->session), 0);
    client_close(&c);
    rig_close(&g);
}

static void a_websocket_keeps_the_latest(void **state)
{
    struct rig g;
    struct client c;
    struct reading got;
    int last;
    (void)state;

    overflow_now = OVERFLOW_KEEP_LATEST;
    rig_open(&g, narrow);
    client_open(&c, &g);
    websocket_session(&c);
    last = stall(&g, &g.last->session, 5);
    read_frames(&c, last, &got);
    check_latest(&got, last, 5);
    client_close(&c);
    rig_close(&g);
}

/* A burst of one iteration far beyond the marks: the kernel takes it, so nothing is dropped. */
static void a_burst_is_no_backlog(void **state)
{
    struct rig g;
    struct client c;
    struct reading got;
    (void)state;

    overflow_now = OVERFLOW_KEEP_LATEST;
    rig_open(&g, narrow);
    client_open(&c, &g);
    websocket_session(&c);
    for (int i = 1; i <= 12; i++) /* less than a socket pair holds, more than HIGH */
        assert_int_equal(send_number(&g.last->session, i, 1), 0);
    assert_null(g.last->session.pressure);
    read_frames(&c, 12, &got);
    assert_int_equal(got.count, 12);
    client_close(&c);
    rig_close(&g);
}

/* What waits goes out before a polite close; a cut loses it. */
static void a_close_sends_what_waits(void **state)
{
    struct rig g;
    struct client c;
    struct reading got;
    int last;
    (void)state;

    overflow_now = OVERFLOW_DROP_OLDEST;
    rig_open(&g, narrow);
    client_open(&c, &g);
    websocket_session(&c);
    last = stall(&g, &g.last->session, 0);
    eio_session_close(&g.last->session, EIO_FORCED_CLOSE, false);
    read_frames(&c, last, &got);
    check_one_gap(&got, last);
    assert_int_equal(frame_next(&c).op, WS_CLOSE);
    client_close(&c);
    rig_close(&g);
}

/* Pings and what is to be acknowledged are not dropped: when they alone are too much, it ends. */
static void what_may_not_be_dropped_ends_it(void **state)
{
    struct rig g;
    struct client c;
    struct msg *m = ws_msg_reserve(WS_TEXT, SIZE);
    int err = 0;
    (void)state;

    overflow_now = OVERFLOW_DROP_OLDEST;
    memset(m->data + m->head, '4', SIZE);
    rig_open(&g, narrow);
    client_open(&c, &g);
    websocket_session(&c);
    (void)stall(&g, &g.last->session, 0);
    uint64_t before = pressure_stats.disconnects;
    while (err == 0)
        err = eio_session_send(&g.last->session, &m, 1);
    assert_int_equal(err, ATR_ELIMIT);
    rig_await(&g, "close:transport error(output queue overflow);");
    assert_int_equal(pressure_stats.disconnects, before + 1);
    msg_unref(m);
    client_close(&c);
    rig_close(&g);
}

/* --- Polling --- */

static void read_payload(str body, struct reading *got)
{
    str text;

    while (str_cut(&body, '\x1e', &text))
        got->numbers[got->count++] = number_in(text);
}

static int flood(struct eio_session *s, int keys)
{
    int last = 3 * BOUND / SIZE;

    for (int i = 1; i <= last; i++)
        assert_int_equal(send_number(s, i, keys), 0);
    return last;
}

static void a_polling_session_drops_the_oldest(void **state)
{
    struct rig g;
    struct client c;
    struct reading got = { .count = 0 };
    const char *url;
    int last;
    (void)state;

    overflow_now = OVERFLOW_DROP_OLDEST;
    rig_open(&g, narrow);
    client_open(&c, &g);
    url = polling_url(polling_session(&c));
    last = flood(&g.last->session, 0);
    assert_int_equal(eio_session_queued(&g.last->session), BOUND);
    read_payload(client_get(&c, url).body, &got);
    check_one_gap(&got, last);
    assert_int_equal(got.count, BOUND / SIZE);
    assert_true(rig_logged(&g, "drain;"));
    assert_null(g.last->session.pressure);
    client_close(&c);
    rig_close(&g);
}

static void a_polling_session_keeps_the_latest(void **state)
{
    struct rig g;
    struct client c;
    struct reading got = { .count = 0 };
    const char *url;
    int last;
    (void)state;

    overflow_now = OVERFLOW_KEEP_LATEST;
    rig_open(&g, narrow);
    client_open(&c, &g);
    url = polling_url(polling_session(&c));
    last = flood(&g.last->session, 3);
    read_payload(client_get(&c, url).body, &got);
    check_latest(&got, last, 3);
    assert_int_equal(got.count, HIGH / SIZE + 3);
    client_close(&c);
    rig_close(&g);
}

/* Backed up on polling, then upgraded: the order stays, and what is left follows on the WebSocket.
 */
static void a_backlog_survives_the_upgrade(void **state)
{
    struct rig g;
    struct client c, w;
    struct reading got;
    const char *sid;
    int last;
    (void)state;

    overflow_now = OVERFLOW_DROP_OLDEST;
    rig_open(&g, narrow);
    client_open(&c, &g);
    client_open(&w, &g);
    sid = polling_session(&c);
    (void)websocket_connect(&w, websocket_url(sid), NULL);
    last = flood(&g.last->session, 0);
    g.log.len = 0;
    frame_text(&w, "2probe");
    assert_text_frame(&w, "3probe");
    frame_text(&w, "5");
    read_frames(&w, last, &got);
    check_one_gap(&got, last);
    rig_await(&g, "drain;");
    assert_null(g.last->session.pressure);
    client_close(&c);
    client_close(&w);
    rig_close(&g);
}

/* --- Watching for drain --- */

static void who_asks_hears_of_drain(void **state)
{
    struct rig g;
    struct client c, p;
    const char *url;
    (void)state;

    overflow_now = OVERFLOW_DISCONNECT;
    rig_open(&g, narrow);
    client_open(&c, &g);
    client_open(&p, &g);
    websocket_session(&c);
    g.log.len = 0;
    rig_send_text(&g.last->session, "a");
    eio_session_watch_drain(&g.last->session);
    rig_await(&g, "drain;");
    url = polling_url(polling_session(&p));
    g.log.len = 0;
    client_ask(&p, "GET", url, NULL, NULL);
    client_silent(&p);
    rig_send_text(&g.last->session, "b"); /* it goes along at once */
    eio_session_watch_drain(&g.last->session);
    assert_answer(client_answer(&p), 200, "4b");
    assert_true(rig_logged(&g, "drain;"));
    client_close(&c);
    client_close(&p);
    rig_close(&g);
}

/* --- Not reading --- */

static void hold_at_stop(struct rig *g, struct eio_session *s, str text)
{
    (void)g;
    if (str_eq(text, STR("stop")))
        eio_session_hold(s);
}

static void a_held_websocket_is_not_read(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, NULL);
    g.on_message = hold_at_stop;
    client_open(&c, &g);
    websocket_session(&c);
    frame_text(&c, "4stop");
    frame_text(&c, "4stop");
    frame_text(&c, "4go");
    rig_settle(&g);
    assert_true(rig_logged(&g, "text:stop;"));
    assert_false(rig_logged(&g, "text:stop;text:stop;"));
    assert_int_equal(pressure_stats.held, 1);
    eio_session_hold(&g.last->session); /* as often as it is held it must be released */
    eio_session_release(&g.last->session);
    rig_settle(&g);
    assert_false(rig_logged(&g, "text:stop;text:stop;"));
    eio_session_release(&g.last->session);
    rig_await(&g, "text:stop;text:stop;");
    assert_false(rig_logged(&g, "text:go;"));
    eio_session_release(&g.last->session);
    rig_await(&g, "text:go;");
    assert_int_equal(pressure_stats.held, 0);
    eio_session_release(&g.last->session); /* too often is a no-op */
    client_close(&c);
    rig_close(&g);
}

/* A POST is answered when its last packet was handed out. */
static void a_held_polling_session_is_not_read(void **state)
{
    struct rig g;
    struct client c;
    const char *url;
    (void)state;

    rig_open(&g, NULL);
    g.on_message = hold_at_stop;
    client_open(&c, &g);
    url = polling_url(polling_session(&c));
    client_ask(&c, "POST", url, "Content-Type: text/plain\r\n",
               "4stop\x1e"
               "4go\x1e"
               "4stop");
    client_silent(&c);
    assert_true(rig_logged(&g, "text:stop;"));
    assert_false(rig_logged(&g, "text:go;"));
    eio_session_release(&g.last->session);
    assert_answer(client_answer(&c), 200, "ok"); /* the last packet holds, but is handed out */
    assert_true(rig_logged(&g, "text:go;text:stop;"));
    client_ask(&c, "POST", url, "Content-Type: text/plain\r\n", "4more");
    client_silent(&c);
    assert_false(rig_logged(&g, "text:more;"));
    eio_session_release(&g.last->session);
    assert_answer(client_answer(&c), 200, "ok");
    assert_true(rig_logged(&g, "text:more;"));
    client_close(&c);
    rig_close(&g);
}

/* The session ends while packets wait: they are not delivered any more, and the POST is answered.
 */
static void a_held_post_ends_with_its_session(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, NULL);
    g.on_message = hold_at_stop;
    client_open(&c, &g);
    client_ask(&c, "POST", polling_url(polling_session(&c)), "Content-Type: text/plain\r\n",
               "4stop\x1e"
               "4go");
    client_silent(&c);
    eio_session_close(&g.last->session, EIO_FORCED_SERVER_CLOSE, true);
    assert_int_equal(client_answer(&c).status, 400);
    assert_false(rig_logged(&g, "text:go;"));
    assert_int_equal(pressure_stats.held, 0);
    client_close(&c);
    rig_close(&g);
}

static void quick_heart(struct eio_options *o)
{
    o->ping_interval_ms = 20;
    o->ping_timeout_ms = 30;
}

/* A pong that we did not read was not missed. */
static void a_held_session_does_not_time_out(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, quick_heart);
    client_open(&c, &g);
    websocket_session(&c);
    eio_session_hold(&g.last->session);
    uint64_t until = g.loop.now_ms + 300;
    while (g.loop.now_ms < until)
        assert_int_equal(loop_turn(&g.loop, 10), 0);
    assert_false(rig_logged(&g, "close"));
    eio_session_release(&g.last->session);
    rig_await(&g, "close:ping timeout;"); /* nobody answers, and we listen */
    client_close(&c);
    rig_close(&g);
}

TEST_MAIN(cmocka_unit_test(a_websocket_drops_the_oldest),
          cmocka_unit_test(a_websocket_keeps_the_latest), cmocka_unit_test(a_burst_is_no_backlog),
          cmocka_unit_test(a_close_sends_what_waits),
          cmocka_unit_test(what_may_not_be_dropped_ends_it),
          cmocka_unit_test(a_polling_session_drops_the_oldest),
          cmocka_unit_test(a_polling_session_keeps_the_latest),
          cmocka_unit_test(a_backlog_survives_the_upgrade),
          cmocka_unit_test(who_asks_hears_of_drain), cmocka_unit_test(a_held_websocket_is_not_read),
          cmocka_unit_test(a_held_polling_session_is_not_read),
          cmocka_unit_test(a_held_post_ends_with_its_session),
          cmocka_unit_test(a_held_session_does_not_time_out))
