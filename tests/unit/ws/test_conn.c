/* tests/unit/ws/test_conn.c - the life of a connection: closing from either side, pings, callbacks
 * that end it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

static void send_text(struct client *c, const char *text)
{
    struct msg *m = ws_msg(WS_TEXT, str_of(text));

    ws_conn_send(&c->ws, m);
    msg_unref(m);
}

/* --- Closing --- */

static void we_close_and_the_peer_answers(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    send_text(&c, "last words");
    ws_conn_close(&c.ws, 1001, STR("going away"), 5000);
    ws_conn_close(&c.ws, 1000, STR("twice"), 5000);
    send_text(&c, "too late");
    ws_conn_ping(&c.ws, STR("too late"));
    settle(&c);
    assert_heard(&c, "t(last words) close(1001,going away)");
    assert_log(&c, "");
    client_say(&c, FIN | WS_TEXT, "dropped");
    client_say(&c, FIN | WS_PING, "dropped");
    client_say(&c, FIN | WS_PONG, "dropped");
    settle(&c);
    assert_log(&c, "");
    client_say(&c, FIN | WS_CLOSE, "\x03\xe9");
    settle(&c);
    assert_log(&c, "C(1001,,ours)");
    assert_heard(&c, "t(last words) close(1001,going away) end");
    assert_int_equal(c.closes, 1);
    client_close(&c);
    assert_int_equal(c.closes, 1);
}

static void empty_close_frame(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    ws_conn_close(&c.ws, 0, STR("ignored"), 5000);
    settle(&c);
    assert_heard(&c, "close()");
    client_say(&c, FIN | WS_CLOSE, "");
    settle(&c);
    assert_log(&c, "C(1005,,ours)");
    client_close(&c);
}

static void closing_without_waiting(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    send_text(&c, "last words");
    ws_conn_close(&c.ws, 1000, STR(""), 0);
    assert_log(&c, "C(1000,,ours)"); /* told in the call; the stream takes leave by itself */
    settle(&c);
    assert_heard(&c, "t(last words) close(1000) end");
    client_close(&c);
}

static void a_silent_peer_is_cut_off(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    ws_conn_close(&c.ws, 1000, STR(""), 5000);
    turn();
    wheel_advance(&loop.timers, loop.timers.now_ms + 4000);
    assert_int_equal(c.closes, 0);
    wheel_advance(&loop.timers, loop.timers.now_ms + 1100);
    assert_int_equal(c.closes, 1);
    assert_log(&c, "C(1000,,ours)");
    client_hear(&c);
    assert_heard(&c, "close(1000) end");
    client_close(&c);
}

/* Both close at the same time: whoever's frame we sent first counts as ours. */
static void crossing_close_frames(void **state)
{
    struct client c;
    struct buf b = { 0 };
    (void)state;

    client_open(&c, 1000, 0);
    put_frame(&b, FIN | WS_CLOSE, "\x0f\xa0", 2);
    assert_int_equal(send(c.fd, b.data, b.len, 0), b.len);
    ws_conn_close(&c.ws, 1001, STR(""), 5000);
    settle(&c);
    assert_heard(&c, "close(1001) end");
    assert_log(&c, "C(1001,,ours)");
    buf_free(&b);
    client_close(&c);
}

static void broken_answer_to_our_close(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    ws_conn_close(&c.ws, 1000, STR(""), 5000);
    client_say(&c, FIN | WS_CLOSE, "\x03");
    settle(&c);
    assert_log(&c, "C(1000,,ours)");
    assert_heard(&c, "close(1000) end"); /* nothing is sent behind a close frame */
    client_close(&c);
}

static void vanishing_is_1006(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    client_say(&c, WS_TEXT, "half a mess");
    close(c.fd);
    c.fd = -1;
    turn();
    turn();
    assert_log(&c, "C(1006,,peer)");
    client_close(&c);
}

static void abort_is_1006(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    send_text(&c, "lost");
    ws_conn_abort(&c.ws);
    assert_log(&c, "C(1006,,peer)");
    ws_conn_abort(&c.ws);
    ws_conn_close(&c.ws, 1000, STR(""), 0);
    ws_conn_ping(&c.ws, STR(""));
    send_text(&c, "ignored");
    settle(&c);
    assert_heard(&c, "end");
    assert_int_equal(c.closes, 1);
    client_close(&c);
}

static void abort_while_lingering(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    ws_conn_close(&c.ws, 1000, STR(""), 5000);
    ws_conn_abort(&c.ws);
    assert_log(&c, "C(1006,,ours)");
    assert_int_equal(loop.timers.count, 0);
    client_close(&c);
}

static void zeroed_is_closed(void **state)
{
    struct ws_conn w = { 0 };
    (void)state;

    ws_conn_abort(&w);
    ws_conn_close(&w, 1000, STR(""), 10);
    ws_conn_ping(&w, STR(""));
}

/* --- Callbacks that end the connection --- */

static void abort_on_b(struct client *c, bool binary, uint8_t *data, size_t n)
{
    (void)binary;
    if (n == 1 && data[0] == 'b')
        ws_conn_abort(&c->ws);
}

static void close_on_b(struct client *c, bool binary, uint8_t *data, size_t n)
{
    (void)binary;
    if (n == 1 && data[0] == 'b')
        ws_conn_close(&c->ws, 4000, STR("b"), 1000);
}

/* The end of the connection is the end of its messages, also of those in the same read. */
static void ending_within_on_message(void **state)
{
    static const int fragmented[] = { 0, 1 };
    (void)state;

    for (int k = 0; k < 4; k++) {
        struct client c;
        struct buf b = { 0 };
        client_open(&c, 1000, 0);
        c.on_message = k < 2 ? abort_on_b : close_on_b;
        put_frame(&b, FIN | WS_TEXT, "a", 1);
        if (fragmented[k % 2]) {
            put_frame(&b, WS_TEXT, "b", 1);
            put_frame(&b, FIN | WS_CONT, "", 0);
        } else {
            put_frame(&b, FIN | WS_TEXT, "b", 1);
        }
        put_frame(&b, FIN | WS_TEXT, "c", 1);
        put_frame(&b, FIN | WS_PING, "p", 1);
        client_send(&c, &b, 0, b.len);
        settle(&c);
        if (k < 2) {
            assert_log(&c, "T(a) T(b) C(1006,,peer)");
            assert_heard(&c, "end");
        } else {
            assert_log(&c, "T(a) T(b)");
            assert_heard(&c, "close(4000,b)");
            client_say(&c, FIN | WS_CLOSE, "\x0f\xa0");
            settle(&c);
            assert_log(&c, "T(a) T(b) C(4000,,ours)");
        }
        buf_free(&b);
        client_close(&c);
    }
}

static void pause_stream(struct client *c, bool binary, uint8_t *data, size_t n)
{
    (void)binary, (void)data, (void)n;
    stream_pause(c->ws.stream);
}

/* A paused stream delivers no further message, not even one that was read already. */
static void pausing_within_on_message(void **state)
{
    struct client c;
    struct buf b = { 0 };
    (void)state;

    client_open(&c, 1000, 0);
    c.on_message = pause_stream;
    put_frame(&b, FIN | WS_TEXT, "a", 1);
    put_frame(&b, WS_TEXT, "b", 1);
    put_frame(&b, FIN | WS_CONT, "b", 1);
    put_frame(&b, FIN | WS_TEXT, "c", 1);
    client_send(&c, &b, 0, b.len);
    settle(&c);
    assert_log(&c, "T(a)");
    stream_resume(c.ws.stream);
    settle(&c);
    assert_log(&c, "T(a) T(bb)");
    /* Closing ends the pause: the peer's answer has to be read. */
    ws_conn_close(&c.ws, 1000, STR(""), 5000);
    client_say(&c, FIN | WS_CLOSE, "\x03\xe8");
    settle(&c);
    assert_log(&c, "T(a) T(bb) C(1000,,ours)");
    buf_free(&b);
    client_close(&c);
}

/* --- Pings --- */

static void pings_and_pongs(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    ws_conn_ping(&c.ws, STR("are you there?"));
    settle(&c);
    assert_heard(&c, "ping(are you there?)");
    client_say(&c, FIN | WS_PONG, "are you there?");
    settle(&c);
    assert_log(&c, "P(are you there?)");
    client_close(&c);
}

/* 5.5.3: a peer that pings without reading gets the newest pong only, and costs us one. */
static void ping_flood_is_bounded(void **state)
{
    struct client c;
    struct buf b = { 0 };
    uint32_t queued;
    char number[16];
    const char *last;
    (void)state;

    client_open(&c, 1000, 4096);
    for (int i = 0; i < 20; i++) { /* fill the way to the client */
        char filler[1000] = { 0 };
        struct msg *m = ws_msg(WS_BINARY, str_n(filler, sizeof filler));
        ws_conn_send(&c.ws, m);
        msg_unref(m);
    }
    turn();
    assert_true(c.ws.stream->blocked);
    queued = c.ws.stream->queued_bytes;
    for (int i = 0; i < 20000; i++) {
        snprintf(number, sizeof number, "%d", i);
        put_frame(&b, FIN | WS_PING, number, strlen(number));
    }
    for (size_t at = 0; at < b.len;) {
        ssize_t n = send(c.fd, b.data + at, b.len - at, MSG_NOSIGNAL);
        if (n > 0)
            at += (size_t)n;
        turn();
        assert_int_equal(c.ws.stream->queued_bytes, queued);
    }
    turn();
    settle(&c);
    settle(&c);
    assert_int_equal(c.drains, 1);
    last = strstr(text_of(&c.heard), "pong");
    assert_non_null(last);
    assert_string_equal(last, "pong(19999)");
    buf_free(&b);
    client_close(&c);
}

/* The same within one read, where nothing has had a chance to be written. */
static void pings_of_one_read_are_bounded(void **state)
{
    struct client c;
    struct buf b = { 0 };
    int pongs = 0;
    (void)state;

    client_open(&c, 1000, 0);
    for (int i = 0; i < 5000; i++)
        put_frame(&b, FIN | WS_PING, "", 0);
    put_frame(&b, FIN | WS_PING, "last", 4);
    assert_true(b.len < 60000);
    assert_int_equal(send(c.fd, b.data, b.len, 0), b.len);
    settle(&c);
    for (const char *p = text_of(&c.heard); (p = strstr(p, "pong(")); p++)
        pongs++;
    assert_true(pongs >= 10 && pongs <= 65);
    assert_non_null(strstr(text_of(&c.heard), "pong(last)"));
    buf_free(&b);
    client_close(&c);
}

/* A pong that waits does not outlive the connection, nor follow a close frame. */
static void waiting_pong_dies_with_the_connection(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct client c;
        char filler[100000] = { 0 };
        struct msg *m = ws_msg(WS_BINARY, str_n(filler, sizeof filler));
        client_open(&c, 1000, 4096);
        ws_conn_send(&c.ws, m);
        turn();
        client_say(&c, FIN | WS_PING, "p"); /* hears some, but not all */
        client_say(&c, FIN | WS_PING, "q");
        if (k == 0) {
            ws_conn_close(&c.ws, 1000, STR(""), 5000);
            for (int i = 0; i < 200 && !strstr(text_of(&c.heard), "close"); i++)
                settle(&c);
            assert_null(strstr(text_of(&c.heard), "close(1000) pong"));
        }
        client_close(&c);
        assert_int_equal(m->refs, 1);
        msg_unref(m);
    }
}

static void drain_is_passed_on(void **state)
{
    struct client c;
    char filler[100000] = { 0 };
    struct msg *m = ws_msg(WS_BINARY, str_n(filler, sizeof filler));
    (void)state;

    client_open(&c, 1000, 4096);
    ws_conn_send(&c.ws, m);
    turn();
    assert_int_equal(c.drains, 0);
    for (int i = 0; i < 1000 && !c.drains; i++)
        settle(&c);
    assert_int_equal(c.drains, 1);
    settle(&c);
    assert_heard(&c, "b(100000)");
    msg_unref(m);
    client_close(&c);
}

static void counters(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 1000, 0);
    client_say(&c, FIN | WS_TEXT, "hello");
    client_say(&c, FIN | WS_BINARY, "abc");
    client_say(&c, FIN | WS_TEXT, "\xff");
    settle(&c);
    assert_int_equal(ws_stats.opened, 1);
    assert_int_equal(ws_stats.messages_in, 2);
    assert_int_equal(ws_stats.bytes_in, 8);
    assert_int_equal(ws_stats.encoding_errors, 1);
    assert_int_equal(ws_stats.protocol_errors, 0);
    client_close(&c);
}

TEST_MAIN(CLIENT_TEST(we_close_and_the_peer_answers), CLIENT_TEST(empty_close_frame),
          CLIENT_TEST(closing_without_waiting), CLIENT_TEST(a_silent_peer_is_cut_off),
          CLIENT_TEST(crossing_close_frames), CLIENT_TEST(broken_answer_to_our_close),
          CLIENT_TEST(vanishing_is_1006), CLIENT_TEST(abort_is_1006),
          CLIENT_TEST(abort_while_lingering), CLIENT_TEST(zeroed_is_closed),
          CLIENT_TEST(ending_within_on_message), CLIENT_TEST(pausing_within_on_message),
          CLIENT_TEST(pings_and_pongs), CLIENT_TEST(ping_flood_is_bounded),
          CLIENT_TEST(pings_of_one_read_are_bounded),
          CLIENT_TEST(waiting_pong_dies_with_the_connection), CLIENT_TEST(drain_is_passed_on),
          CLIENT_TEST(counters))
