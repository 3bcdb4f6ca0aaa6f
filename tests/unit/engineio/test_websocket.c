/* tests/unit/engineio/test_websocket.c - sessions on WebSocket: packets, ends, options.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <sys/socket.h>

#include "count.h"

struct one {
    struct rig g;
    struct client c;
};

static void one_open(struct one *o, void (*change)(struct eio_options *o))
{
    rig_open(&o->g, change);
    client_open(&o->c, &o->g);
    websocket_session(&o->c);
    o->g.log.len = 0;
}

static void one_close(struct one *o)
{
    client_close(&o->c);
    rig_close(&o->g);
}

static void text_and_binary_come_and_go(void **state)
{
    struct one o;
    struct frame f;
    (void)state;

    one_open(&o, NULL);
    o.g.echo = true;
    frame_text(&o.c, "4hello");
    assert_text_frame(&o.c, "4hello");
    frame_text(&o.c, "4");
    assert_text_frame(&o.c, "4");
    frame_send(&o.c, WS_BINARY, STR("\x01\x02"));
    f = frame_next(&o.c);
    assert_int_equal(f.op, WS_BINARY);
    assert_str(f.data, "\x01\x02");
    frame_send(&o.c, WS_BINARY, STR(""));
    f = frame_next(&o.c);
    assert_int_equal(f.op, WS_BINARY);
    assert_int_equal(f.data.n, 0);
    frame_text(&o.c, "bAQI="); /* base64 in a text frame is accepted */
    f = frame_next(&o.c);
    assert_int_equal(f.op, WS_BINARY);
    assert_str(f.data, "\x01\x02");
    one_close(&o);
}

static void fragments_are_joined(void **state)
{
    struct one o;
    (void)state;

    one_open(&o, NULL);
    client_write(&o.c, STR("\x01\x82\0\0\0\0"
                           "4h\x00\x81\0\0\0\0"
                           "e\x89\x80\0\0\0\0\x80\x81\0\0\0\0y"));
    rig_await(&o.g, "text:hey;");
    assert_int_equal(frame_next(&o.c).op, WS_PONG);
    one_close(&o);
}

/* Several messages in one read, at every split of the bytes. */
static void any_split_delivers_the_same(void **state)
{
    static const char bytes[] = "\x81\x84\x01\x02\x03\x04\x35\x6d\x6d\x61\x82\x81\x09\0\0\0\x08"
                                "\x81\x82\0\0\0\0"
                                "4z";
    struct one o;
    (void)state;

    one_open(&o, NULL);
    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        o.g.log.len = 0;
        client_write(&o.c, str_n(bytes, cut));
        rig_settle(&o.g);
        client_write(&o.c, str_n(bytes + cut, sizeof bytes - 1 - cut));
        rig_await(&o.g, "text:z;");
        assert_str(buf_str(&o.g.log), "text:one;binary:\x01;text:z;");
    }
    one_close(&o);
}

static void types_without_meaning_are_ignored(void **state)
{
    struct one o;
    (void)state;

    one_open(&o, NULL);
    frame_text(&o.c, "0");
    frame_text(&o.c, "5");
    frame_text(&o.c, "6");
    frame_text(&o.c, "3");
    frame_text(&o.c, "4a");
    rig_await(&o.g, "text:a;");
    assert_str(buf_str(&o.g.log), "text:a;");
    client_silent(&o.c);
    one_close(&o);
}

static void ended_by(const char *text, const char *log)
{
    struct one o;

    one_open(&o, NULL);
    frame_text(&o.c, text);
    assert_close_frame(&o.c, "");
    assert_true(str_eq(buf_str(&o.g.log), str_of(log)));
    frame_text(&o.c, "4late");
    frame_send(&o.c, WS_CLOSE, STR(""));
    client_await_end(&o.c);
    assert_true(str_eq(buf_str(&o.g.log), str_of(log)));
    one_close(&o);
}

static void packets_that_end_the_session(void **state)
{
    (void)state;
    ended_by("1", "close:transport close;");
    ended_by("abc", "close:parse error;");
    ended_by("", "close:parse error;");
    ended_by("b!", "close:parse error;");
    ended_by("2", "close:transport error(invalid heartbeat direction);");
    ended_by("2probe", "close:transport error(invalid heartbeat direction);");
}

static void the_clients_close_frame(void **state)
{
    struct one o;
    (void)state;

    one_open(&o, NULL);
    frame_send(&o.c, WS_CLOSE,
               STR("\x03\xe8"
                   "bye"));
    assert_close_frame(&o.c, "\x03\xe8");
    client_await_end(&o.c);
    assert_str(buf_str(&o.g.log), "close:transport close;");
    one_close(&o);

    one_open(&o, NULL); /* a fault that the client reports is not one of the client's */
    frame_send(&o.c, WS_CLOSE, STR("\x03\xf1"));
    assert_close_frame(&o.c, "\x03\xf1");
    client_await_end(&o.c);
    assert_str(buf_str(&o.g.log), "close:transport close;");
    assert_int_equal(o.g.engine.stats.too_large, 0);
    one_close(&o);
}

static void a_client_that_vanishes(void **state)
{
    struct one o;
    (void)state;

    one_open(&o, NULL);
    client_reset(&o.c);
    rig_await(&o.g, "close:transport close;");
    one_close(&o);
}

/* --- What WebSocket itself refuses --- */

static void broken(str bytes, const char *close_payload, const char *log)
{
    struct one o;
    struct frame f;

    one_open(&o, NULL);
    client_write(&o.c, bytes);
    f = frame_next(&o.c);
    assert_int_equal(f.op, WS_CLOSE);
    assert_int_equal(f.data.n, 2);
    assert_memory_equal(f.data.p, close_payload, 2);
    rig_await(&o.g, log);
    one_close(&o);
}

static void faults_have_their_codes(void **state)
{
    (void)state;
    broken(STR("\x81\x01z"), "\x03\xea", "close:transport error(invalid WebSocket frame);");
    broken(STR("\x81\x82\0\0\0\0"
               "4\xff"),
           "\x03\xef", "close:transport error(invalid UTF-8 in a text message);");
}

static void small_messages(struct eio_options *o)
{
    o->message_bytes_max = 10;
}

static void too_large_is_1009(void **state)
{
    struct one o;
    (void)state;

    one_open(&o, small_messages);
    frame_text(&o.c, "4234567890"); /* exactly the limit */
    rig_await(&o.g, "text:234567890;");
    frame_text(&o.c, "42345678901");
    assert_close_frame(&o.c, "\x03\xf1");
    rig_await(&o.g, "close:transport error(message larger than the limit);");
    assert_int_equal(o.g.engine.stats.too_large, 1);
    one_close(&o);
}

/* --- Our close --- */

static void our_close_sends_what_is_queued_and_an_empty_frame(void **state)
{
    struct one o;
    (void)state;

    one_open(&o, NULL);
    rig_send_text(&o.g.last->session, "bye");
    eio_session_close(&o.g.last->session, EIO_FORCED_CLOSE, false);
    assert_str(buf_str(&o.g.log), "close:forced close;");
    assert_text_frame(&o.c, "4bye");
    assert_close_frame(&o.c, "");
    one_close(&o);
}

static void close_in_handler(struct rig *g, struct eio_session *s, str text)
{
    (void)g;
    if (str_eq(text, STR("close")))
        eio_session_close(s, EIO_FORCED_CLOSE, false);
}

static void a_handler_may_close(void **state)
{
    struct one o;
    (void)state;

    one_open(&o, NULL);
    o.g.on_message = close_in_handler;
    client_write(&o.c, STR("\x81\x86\0\0\0\0"
                           "4close\x81\x82\0\0\0\0"
                           "4b"));
    assert_close_frame(&o.c, "");
    rig_settle(&o.g);
    assert_str(buf_str(&o.g.log), "text:close;close:forced close;");
    one_close(&o);
}

/* --- The handshake's headers --- */

static void the_first_subprotocol_is_chosen(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    a = websocket_connect(&c, websocket_url(NULL), "Sec-WebSocket-Protocol: chat , superchat\r\n");
    assert_header(&a, "Sec-WebSocket-Protocol", "chat");
    client_close(&c);
    client_open(&c, &g);
    a = websocket_connect(
        &c, websocket_url(NULL),
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
    assert_no_header(&a, "Sec-WebSocket-Protocol");
    assert_no_header(&a, "Sec-WebSocket-Extensions"); /* offered by every client, off by default */
    client_close(&c);
    rig_close(&g);
}

/* Bytes that come with the handshake are not lost. */
static void packets_behind_the_handshake(void **state)
{
    struct rig g;
    struct client c;
    struct buf b = { 0 };
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    buf_format(&b,
               "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
               websocket_url(NULL));
    buf_add(&b, STR("\x81\x82\0\0\0\0"
                    "4a"));
    client_write(&c, buf_str(&b));
    buf_free(&b);
    rig_await(&g, "open;text:a;");
    client_close(&c);
    rig_close(&g);
}

static void base64_clients_get_text(void **state)
{
    struct rig g;
    struct client c;
    (void)state;

    rig_open(&g, NULL);
    client_open(&c, &g);
    (void)websocket_connect(&c, "/engine.io/?EIO=4&transport=websocket&b64=1", NULL);
    (void)frame_next(&c);
    rig_send_binary(&g.last->session, "\x01\x02\x03\x04", 4);
    assert_text_frame(&c, "bAQIDBA==");
    rig_send_text(&g.last->session, "text");
    assert_text_frame(&c, "4text");
    client_close(&c);
    rig_close(&g);
}

/* --- The hot path --- */

static void warm_echo(struct one *o)
{
    frame_text(&o->c, "4a usual message");
    assert_text_frame(&o->c, "4a usual message");
    o->g.log.len = 0;
}

static void an_echo_round(struct one *o)
{
    static const char frame[] = "\x81\x83\0\0\0\0"
                                "4hi";
    char back[16];

    assert_int_equal(send(o->c.fd, frame, sizeof frame - 1, MSG_NOSIGNAL), sizeof frame - 1);
    while (recv(o->c.fd, back, sizeof back, MSG_DONTWAIT) != 5)
        assert_int_equal(loop_turn(&o->g.loop, 1), 0);
    o->g.log.len = 0;
}

static void a_warm_echo_allocates_nothing(void **state)
{
    struct one o;
    (void)state;

    one_open(&o, NULL);
    o.g.echo = true;
    for (int i = 0; i < 3; i++)
        warm_echo(&o);
    an_echo_round(&o);
    assert_allocs(0, {
        for (int i = 0; i < 100; i++)
            an_echo_round(&o);
    });
    one_close(&o);
}

/* An idle session is its struct and its stream; DESIGN counts every byte of it. */
static void sessions_are_small(void **state)
{
    (void)state;
    assert_in_range(sizeof(struct eio_session), 64, 256);
}

/* --- What the owner does while headers are shown to it --- */

static eio_handshake unnamed;

static void close_server(struct eio_server *e, struct http_request *r, bool initial)
{
    (void)r;
    (void)initial;
    eio_server_close(e, EIO_SERVER_SHUTTING_DOWN);
}

static void nothing_opens_after_the_end(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;

    (void)state;
    rig_open(&g, NULL);
    g.engine.hooks.on_headers = close_server;
    client_open(&c, &g);
    websocket_ask(&c, websocket_url(NULL), "");
    a = client_answer(&c);
    assert_int_equal(a.status, 503);
    assert_int_equal(g.engine.stats.opened, 0);
    client_close(&c);
    rig_close(&g);
}

static void name_second(struct eio_server *e, eio_handshake hs, struct http_request *r)
{
    (void)r;
    if (!unnamed)
        unnamed = hs;
    else
        assert_int_equal(eio_server_name(e, hs, STR("same")), 0);
}

static void name_first(struct eio_server *e, struct http_request *r, bool initial)
{
    (void)r;
    (void)initial;
    e->hooks.on_headers = NULL;
    assert_int_equal(eio_server_name(e, unnamed, STR("same")), 0);
}

static void two_do_not_get_one_id(void **state)
{
    struct rig g;
    struct client first, second;
    struct answer a;

    (void)state;
    unnamed = 0;
    rig_open(&g, NULL);
    g.engine.hooks.on_generate_id = name_second;
    g.engine.hooks.on_headers = name_first;
    client_open(&first, &g);
    client_open(&second, &g);
    websocket_ask(&first, websocket_url(NULL), "");
    client_silent(&first);
    websocket_ask(&second, websocket_url(NULL), "");
    a = client_answer(&second);
    assert_int_equal(a.status, 400);
    a = client_answer(&first);
    assert_int_equal(a.status, 101);
    client_close(&first);
    client_close(&second);
    rig_close(&g);
}

TEST_MAIN(cmocka_unit_test(text_and_binary_come_and_go), cmocka_unit_test(fragments_are_joined),
          cmocka_unit_test(any_split_delivers_the_same),
          cmocka_unit_test(types_without_meaning_are_ignored),
          cmocka_unit_test(packets_that_end_the_session), cmocka_unit_test(the_clients_close_frame),
          cmocka_unit_test(a_client_that_vanishes), cmocka_unit_test(faults_have_their_codes),
          cmocka_unit_test(too_large_is_1009),
          cmocka_unit_test(our_close_sends_what_is_queued_and_an_empty_frame),
          cmocka_unit_test(a_handler_may_close), cmocka_unit_test(the_first_subprotocol_is_chosen),
          cmocka_unit_test(packets_behind_the_handshake), cmocka_unit_test(base64_clients_get_text),
          cmocka_unit_test(nothing_opens_after_the_end), cmocka_unit_test(two_do_not_get_one_id),
          cmocka_unit_test(a_warm_echo_allocates_nothing), cmocka_unit_test(sessions_are_small))
