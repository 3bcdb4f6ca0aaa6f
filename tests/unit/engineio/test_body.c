/* tests/unit/engineio/test_body.c - bodies of polling in every form: protocol 3 with and without
 * bytes, JSONP around either protocol.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eio3.h"

static const char unknown[] = "{\"code\":1,\"message\":\"Session ID unknown\"}";

struct talk {
    struct rig g;
    struct client c;
    const char *url;
};

static void talk_open(struct talk *t, const char *more)
{
    rig_open(&t->g, allow);
    client_open(&t->c, &t->g);
    t->url = polling3(&t->c, more);
    t->g.echo = true;
    t->g.log.len = 0;
}

static void talk_close(struct talk *t)
{
    client_close(&t->c);
    rig_close(&t->g);
}

static struct answer post_bytes(struct talk *t, str body)
{
    struct buf b = { 0 };

    buf_format(&b,
               "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
               "Content-Length: %zu\r\n\r\n",
               t->url, body.n);
    buf_add(&b, body);
    client_write(&t->c, buf_str(&b));
    buf_free(&b);
    return client_answer(&t->c);
}

static void the_open_packet_has_its_length(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;
    str text, length;
    uint64_t n;
    (void)state;

    rig_open(&g, allow);
    client_open(&c, &g);
    a = client_get(&c, url_of("polling", NULL, ""));
    assert_header(&a, "Content-Type", "text/plain; charset=UTF-8");
    assert_header(&a, "cache-control", "no-store");
    text = a.body;
    assert_true(str_cut(&text, ':', &length));
    assert_int_equal(str_to_u64(length, 1000, &n), 0);
    assert_int_equal(n, text.n);
    assert_true(str_starts(text, STR("0{\"sid\":\"")));
    assert_true(str_search(text, STR("\"upgrades\":[\"websocket\"],\"pingInterval\":25000,"
                                     "\"pingTimeout\":20000,\"maxPayload\":1000000}")) > 0);
    client_close(&c);
    rig_close(&g);
}

/* Lengths count UTF-16 code units. */
static void texts_come_and_go(void **state)
{
    struct talk t;
    (void)state;

    talk_open(&t, "");
    assert_answer(client_post(&t.c, t.url, "6:4hello5:4\xc3\xa9\xf0\x9f\x98\x80!2:4x"), 200, "ok");
    assert_answer(client_get(&t.c, t.url), 200, "6:4hello5:4\xc3\xa9\xf0\x9f\x98\x80!2:4x");
    talk_close(&t);
}

static void bytes_go_as_they_are_unless_the_client_cannot(void **state)
{
    struct talk t;
    struct answer a;
    (void)state;

    talk_open(&t, "");
    assert_answer(client_post(&t.c, t.url, "3:4\xc3\xa9!6:b4AQID"), 200, "ok");
    a = client_get(&t.c, t.url);
    assert_header(&a, "Content-Type", "application/octet-stream");
    assert_int_equal(a.body.n, 4 + 3 + 3 + 4);
    assert_memory_equal(a.body.p,
                        "\0\4\xff"
                        "4\xc3\xa9!"
                        "\1\4\xff\4\1\2\3",
                        a.body.n);
    /* Without bytes a payload is text again. */
    assert_answer(client_post(&t.c, t.url, "2:4x"), 200, "ok");
    a = client_get(&t.c, t.url);
    assert_header(&a, "Content-Type", "text/plain; charset=UTF-8");
    assert_str(a.body, "2:4x");
    talk_close(&t);

    talk_open(&t, "&b64=1");
    assert_answer(client_post(&t.c, t.url, "2:4x6:b4AQID"), 200, "ok");
    a = client_get(&t.c, t.url);
    assert_header(&a, "Content-Type", "text/plain; charset=UTF-8");
    assert_str(a.body, "2:4x6:b4AQID");
    talk_close(&t);
}

/* Messages made for WebSockets of this protocol lose what they have for these. */
static void typed_messages_go_plain(void **state)
{
    struct msg *typed = eio_msg_typed(STR("\1\2\3"));
    struct talk t;
    struct answer a;
    (void)state;

    talk_open(&t, "");
    assert_int_equal(eio_session_send(&t.g.last->session, &typed, 1), 0);
    a = client_get(&t.c, t.url);
    assert_int_equal(a.body.n, 7);
    assert_memory_equal(a.body.p, "\1\4\xff\4\1\2\3", 7);
    talk_close(&t);
    msg_unref(typed);
}

static void bytes_may_be_posted_as_they_are(void **state)
{
    struct talk t;
    struct answer a;
    (void)state;

    talk_open(&t, "&b64=1");
    assert_answer(post_bytes(&t, STR("\0\4\xff"
                                     "4\xc3\xa9!"
                                     "\1\4\xff\4\1\2\3")),
                  200, "ok");
    a = client_get(&t.c, t.url);
    assert_str(a.body, "3:4\xc3\xa9!6:b4AQID");
    assert_answer(post_bytes(&t, STR("\2\4\xff"
                                     "4abc")),
                  400, "");
    assert_answer(client_get(&t.c, t.url), 400, unknown);
    assert_true(rig_logged(&t.g, "close:parse error;"));
    talk_close(&t);
}

static void malformed_bodies_end_the_session(void **state)
{
    static const char *const bodies[] = { "",    "abc",  "2:4", "3:4x",    "6:4hello2", "0:",
                                          ":4x", "-1:4", "1:7", "2:4\xff", "6:b4A!!!",  "2:4xx" };
    (void)state;

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct talk t;

        talk_open(&t, "");
        assert_answer(client_post(&t.c, t.url, bodies[i]), 400, "");
        assert_answer(client_get(&t.c, t.url), 400, unknown);
        assert_true(rig_logged(&t.g, "close:parse error;"));
        assert_int_equal(t.g.engine.stats.parse_errors, 1);
        talk_close(&t);
    }
}

static void ends_are_told(void **state)
{
    struct client d;
    struct talk t;
    (void)state;

    talk_open(&t, "");
    client_open(&d, &t.g);
    client_ask(&t.c, "GET", t.url, NULL, NULL);
    client_silent(&t.c);
    assert_answer(client_post(&d, t.url, "1:1"), 200, "ok");
    assert_answer(client_answer(&t.c), 200, "1:6");
    t.url = polling3(&t.c, "");
    client_ask(&t.c, "GET", t.url, NULL, NULL);
    client_silent(&t.c);
    assert_answer(client_get(&d, t.url), 400, "");
    assert_answer(client_answer(&t.c), 200, "1:1");
    client_close(&d);
    talk_close(&t);
}

/* --- JSONP --- */

static void jsonp_wraps_answers(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;
    const char *url;
    (void)state;

    rig_open(&g, allow);
    client_open(&c, &g);
    client_ask(&c, "GET", url_of("polling", NULL, "&j=5x6%37"), "User-Agent: x;MSIE 9\r\n", NULL);
    a = client_answer(&c);
    assert_header(&a, "Content-Type", "text/plain; charset=UTF-8");
    assert_header(&a, "X-XSS-Protection", "0");
    assert_header(&a, "cache-control", "no-store");
    assert_true(str_starts(a.body, STR("___eio[567](\"")));
    assert_true(str_search(a.body, STR(":0{\\\"sid\\\":\\\"")) > 0);
    assert_str(str_n(a.body.p + a.body.n - 4, 4), "}\");");
    /* The first request's index counts. */
    url = url_of("polling", sid_in(a.body), "&j=9");
    rig_send_text(&g.last->session, "a\"b\xe2\x80\xa8\n");
    a = client_get(&c, url);
    assert_no_header(&a, "X-XSS-Protection");
    assert_str(a.body, "___eio[567](\"6:4a\\\"b\\u2028\\n\");");
    /* Bytes travel as text: what is wrapped is a string. */
    rig_send_binary(&g.last->session, "\1\2\3", 3);
    a = client_get(&c, url);
    assert_header(&a, "Content-Type", "text/plain; charset=UTF-8");
    assert_str(a.body, "___eio[567](\"6:b4AQID\");");
    /* Refusals are not wrapped. */
    assert_answer(client_get(&c, url_of("polling", "none", "&j=1")), 400, unknown);
    client_close(&c);
    rig_close(&g);
}

static void jsonp_posts_are_forms(void **state)
{
    struct answer a;
    struct talk t;
    (void)state;

    talk_open(&t, "&j=0");
    /* A newline, then what looks like one. */
    a = client_post(&t.c, t.url, "x=1&d=7%3A4a%2B%5Cn%5C%5Cnb");
    assert_int_equal(a.status, 200);
    assert_header(&a, "Content-Type", "text/html");
    assert_str(a.body, "ok");
    assert_answer(client_get(&t.c, t.url), 200, "___eio[0](\"7:4a+\\n\\\\nb\");");
    talk_close(&t);
}

static void malformed_forms_end_the_session(void **state)
{
    static const char *const bodies[] = { "",      "2:4x", "x=2:4x", "d=", "d=2:4x&d=2:4x",
                                          "d=abc", "d=%ff" };
    (void)state;

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct talk t;

        talk_open(&t, "&j=0");
        assert_answer(client_post(&t.c, t.url, bodies[i]), 400, "");
        assert_true(rig_logged(&t.g, "close:parse error;"));
        talk_close(&t);
    }
}

/* Also where protocol 3 is not allowed. */
static void jsonp_speaks_protocol_4_too(void **state)
{
    struct rig g;
    struct client c;
    struct answer a;
    char url[200];
    (void)state;

    rig_open(&g, NULL);
    g.echo = true;
    client_open(&c, &g);
    a = client_get(&c, "/engine.io/?EIO=4&transport=polling&j=");
    assert_true(str_starts(a.body, STR("___eio[](\"0{\\\"sid\\\":\\\"")));
    (void)snprintf(url, sizeof url, "%s", polling_url(sid_in(a.body)));
    assert_answer(client_post(&c, url, "d=4one%1ebAQID"), 200, "ok");
    assert_answer(client_get(&c, url), 200, "___eio[](\"4one\\u001ebAQID\");");
    rig_send_text(&g.last->session, "x");
    eio_session_close(&g.last->session, EIO_FORCED_CLOSE, false);
    assert_answer(client_get(&c, url), 200, "___eio[](\"4x\\u001e1\");");
    client_close(&c);
    rig_close(&g);
}

TEST_MAIN(cmocka_unit_test(the_open_packet_has_its_length), cmocka_unit_test(texts_come_and_go),
          cmocka_unit_test(bytes_go_as_they_are_unless_the_client_cannot),
          cmocka_unit_test(typed_messages_go_plain),
          cmocka_unit_test(bytes_may_be_posted_as_they_are),
          cmocka_unit_test(malformed_bodies_end_the_session), cmocka_unit_test(ends_are_told),
          cmocka_unit_test(jsonp_wraps_answers), cmocka_unit_test(jsonp_posts_are_forms),
          cmocka_unit_test(malformed_forms_end_the_session),
          cmocka_unit_test(jsonp_speaks_protocol_4_too))
