/* tests/unit/ws/test_handover.c - a connection that goes on elsewhere. With compression: see
 * test_deflate.c; at every byte of a message: see engineio/test_handover.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

#include "proto/frozen.h"
#include "ws/deflate.h"

static void fill_queue(struct client *c)
{
    while (!c->ws.stream->blocked) {
        struct msg *big = ws_msg_reserve(WS_BINARY, 10000);

        memset(big->data + big->head, 'x', 10000);
        ws_conn_send(&c->ws, big);
        msg_unref(big);
        turn();
    }
}

/* The pong that waited for room goes behind what is unsent, and no second one comes. */
static void a_pong_that_waits(void **state)
{
    struct client c;
    struct buf ping = { 0 };
    (void)state;

    client_open(&c, MESSAGE_MAX, 4096);
    fill_queue(&c);
    put_frame(&ping, FIN | WS_PING, "a", 1);
    put_frame(&ping, FIN | WS_PING, "b", 1);
    assert_int_equal(send(c.fd, ping.data, ping.len, MSG_NOSIGNAL), ping.len);
    turn();
    assert_non_null(c.ws.pong);
    client_hand_over(&c);
    assert_null(c.ws.pong);
    for (int i = 0; i < 1000 && !strstr(text_of(&c.heard), "pong"); i++)
        settle(&c);
    assert_string_equal(strstr(text_of(&c.heard), "pong"), "pong(b)");
    client_say(&c, FIN | WS_TEXT, "on");
    assert_log(&c, "T(on)");
    buf_free(&ping);
    client_close(&c);
}

/* Its limit is what it was when the peer was told, whatever applies to new ones. */
static void the_limit_goes_along(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, 10, 0);
    client_hand_over(&c);
    assert_int_equal(c.ws.message_bytes_max, 10);
    client_say(&c, WS_TEXT, "12345");
    client_hand_over(&c);
    client_say(&c, FIN | WS_CONT, "67890");
    assert_log(&c, "T(1234567890)");
    client_say(&c, FIN | WS_TEXT, "12345678901");
    assert_heard(&c, "close(1009) end");
    client_close(&c);
}

/* Text is checked as one, across the hand-over. */
static void half_a_character(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, MESSAGE_MAX, 0);
    client_say(&c, WS_TEXT, "a\xe2\x82");
    client_hand_over(&c);
    client_say(&c, FIN | WS_CONT,
               "\xac"
               "b");
    assert_log(&c, "T(a\xe2\x82\xac"
                   "b)");
    client_say(&c, WS_TEXT, "a\xe2\x82");
    client_hand_over(&c);
    client_say(&c, FIN | WS_CONT, "x");
    assert_heard(&c, "close(1007) end");
    client_close(&c);
}

static void not_while_it_closes(void **state)
{
    struct client c;
    struct buf map = { 0 };
    int fd;
    (void)state;

    client_open(&c, MESSAGE_MAX, 0);
    ws_conn_close(&c.ws, 1000, STR("bye"), 1000);
    assert_int_equal(ws_conn_freeze(&c.ws, &map, &fd), ATR_ESTATE);
    settle(&c);
    assert_heard(&c, "close(1000,bye)");
    ws_conn_abort(&c.ws);
    assert_int_equal(ws_conn_freeze(&c.ws, &map, &fd), ATR_ESTATE);
    assert_int_equal(map.len, 0);
    client_close(&c);
}

/* What the kernel will not take any more is noticed before it is too late to tell. */
static void not_when_the_peer_is_gone(void **state)
{
    struct client c;
    struct buf map = { 0 };
    struct msg *m = ws_msg(WS_TEXT, STR("x"));
    int fd;
    (void)state;

    client_open(&c, MESSAGE_MAX, 0);
    close(c.fd);
    c.fd = -1;
    ws_conn_send(&c.ws, m);
    assert_int_equal(ws_conn_freeze(&c.ws, &map, &fd), ATR_ESTATE);
    assert_int_equal(c.closes, 0);
    turn();
    assert_log(&c, "C(1006,,peer)");
    msg_unref(m);
    client_close(&c);
}

/* Of a TLS connection that another process relays: that one's last word sends the peer away. */
static void the_far_end_of_a_tether(void **state)
{
    struct client c;
    (void)state;

    client_open(&c, MESSAGE_MAX, 0);
    c.ws.tethered = true;
    client_hand_over(&c);
    assert_true(c.ws.tethered);
    client_say(&c, FIN | WS_TEXT, "on");
    assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
    settle(&c);
    assert_heard(&c, "close(1001) end");
    assert_log(&c, "T(on) C(1001,,ours)");
    client_close(&c);

    client_open(&c, MESSAGE_MAX, 0);
    c.ws.tethered = true;
    close(c.fd); /* the peer has left */
    c.fd = -1;
    turn();
    assert_log(&c, "C(1006,,peer)");
    client_close(&c);
}

static void refused(const struct buf *map)
{
    struct ws_conn w;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(ws_conn_thaw(&w, &loop, buf_str(map), fds[0], &client_events), ATR_ESYNTAX);
    assert_null(w.stream);
    assert_null(w.partial);
    assert_null(w.deflate);
    assert_int_equal(close(fds[0]), 0); /* it is still ours */
    close(fds[1]);
}

/* A connection's map in which one number of its partial message, or of its compression, is another.
 */
static void refused_with(const char *in, const char *key, uint64_t value, const char *mask)
{
    static const char *const numbers[] = { "op",          "left",  "at",  "ours_bits",
                                           "theirs_bits", "level", "mem", "max" };
    static const uint64_t usual[] = { WS_TEXT, 5, 0, 15, 15, 6, 8, 100 };
    struct frozen_writer w, inner;
    struct buf map = { 0 };

    frozen_begin(&w, &map, 1);
    frozen_put_uint(&w, "max", strcmp(key, "max") == 0 ? value : 100);
    frozen_begin(&inner, frozen_put_value(&w, in), 1);
    for (size_t i = 0; i < 7; i++)
        frozen_put_uint(&inner, numbers[i], strcmp(key, numbers[i]) == 0 ? value : usual[i]);
    frozen_put_bool(&inner, strcmp(key, "bool") == 0 ? "packed" : "none", true);
    frozen_put_bytes(&inner, "mask", str_of(mask));
    frozen_put_bytes(&inner, "data", str_of(strcmp(key, "text") == 0 ? "\xff" : "1234567890"));
    frozen_end(&inner);
    frozen_end(&w);
    refused(&map);
    buf_free(&map);
}

static void what_cannot_be_is_refused(void **state)
{
    struct buf map = { 0 };
    (void)state;

    refused(&map);
    refused_with("partial", "max", 0, "mask");
    refused_with("partial", "max", 1ull << 32, "mask");
    refused_with("partial", "max", 14, "mask"); /* 10 are there, 5 are missing */
    refused_with("partial", "op", WS_PING, "mask");
    refused_with("partial", "left", 91, "mask");
    refused_with("partial", "left", UINT64_MAX, "mask");
    refused_with("partial", "none", 0, "mas");
    refused_with("partial", "text", 0, "mask");
    refused_with("partial", "bool", 0, "mask"); /* compressed, on a connection that is not */
    refused_with("deflate", "ours_bits", 8, "mask");
    refused_with("deflate", "ours_bits", 16, "mask");
    refused_with("deflate", "theirs_bits", 7, "mask");
    refused_with("deflate", "level", 10, "mask");
    refused_with("deflate", "mem", 0, "mask");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CLIENT_TEST(a_pong_that_waits),         CLIENT_TEST(the_limit_goes_along),
        CLIENT_TEST(half_a_character),          CLIENT_TEST(not_while_it_closes),
        CLIENT_TEST(not_when_the_peer_is_gone), CLIENT_TEST(the_far_end_of_a_tether),
        CLIENT_TEST(what_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
