/* tests/unit/engineio/test_polling.c - GETs, POSTs, payloads, limits, compression.
 *
 * SPDX-License-Identifier: MIT
 */
#include "polling_pair.h"

#include <zlib.h>

static void a_post_brings_a_packet_and_a_get_takes_one(void **state)
{
    struct pair p;
    struct answer a;
    (void)state;

    pair_open(&p, NULL);
    p.g.echo = true;
    a = client_post(&p.post, p.url, "4hello");
    assert_answer(a, 200, "ok");
    assert_header(&a, "Content-Type", "text/html");
    assert_header(&a, "Content-Length", "2");
    assert_header(&a, "cache-control", "no-store");
    assert_no_header(&a, "X-XSS-Protection");
    a = client_get(&p.get, p.url);
    assert_answer(a, 200, "4hello");
    assert_header(&a, "Content-Type", "text/plain; charset=UTF-8");
    assert_header(&a, "Content-Length", "6");
    assert_header(&a, "cache-control", "no-store");
    pair_close(&p);
}

static void old_browsers_get_their_header(void **state)
{
    struct pair p;
    struct answer a;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.post, "POST", p.url, "User-Agent: Mozilla/5.0 (Trident/7.0; rv:11.0)\r\n", "4a");
    a = client_answer(&p.post);
    assert_header(&a, "X-XSS-Protection", "0");
    rig_send_text(&p.g.last->session, "x");
    client_ask(&p.get, "GET", p.url, "User-Agent: Mozilla/4.0 (compatible;MSIE 8.0)\r\n", NULL);
    a = client_answer(&p.get);
    assert_header(&a, "X-XSS-Protection", "0");
    pair_close(&p);
}

static void several_packets_come_and_go_in_order(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    p.g.echo = true;
    assert_answer(client_post(&p.post, p.url,
                              "4one\x1e"
                              "bAQIDBA==\x1e"
                              "4\x1e"
                              "4two"),
                  200, "ok");
    assert_str(buf_str(&p.g.log), "text:one;binary:\1\2\3\4;text:;text:two;");
    assert_answer(client_get(&p.get, p.url), 200,
                  "4one\x1e"
                  "bAQIDBA==\x1e"
                  "4\x1e"
                  "4two");
    assert_int_equal(p.g.engine.stats.packets_in, 4);
    assert_int_equal(p.g.engine.stats.packets_out, 4);
    pair_close(&p);
}

/* One answer for all that an iteration brings, not one per message. */
static void a_waiting_get_takes_all_of_an_iteration(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    p.g.echo = true;
    client_ask(&p.get, "GET", p.url, NULL, NULL);
    client_silent(&p.get);
    assert_answer(client_post(&p.post, p.url,
                              "4a\x1e"
                              "4b\x1e"
                              "4c"),
                  200, "ok");
    assert_answer(client_answer(&p.get), 200,
                  "4a\x1e"
                  "4b\x1e"
                  "4c");
    pair_close(&p);
}

static void a_body_may_come_in_any_pieces(void **state)
{
    static const char body[] = "4one\x1e"
                               "bAQID\x1e"
                               "4two";
    struct pair p;
    char head[300];
    (void)state;

    pair_open(&p, NULL);
    for (size_t cut = 0; cut <= sizeof body - 1; cut++) {
        p.g.log.len = 0;
        (void)snprintf(head, sizeof head,
                       "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", p.url,
                       sizeof body - 1);
        client_write(&p.post, str_of(head));
        client_write(&p.post, str_n(body, cut));
        rig_settle(&p.g);
        if (cut < sizeof body - 1)
            assert_int_equal(p.g.log.len, 0);
        client_write(&p.post, str_n(body + cut, sizeof body - 1 - cut));
        assert_answer(client_answer(&p.post), 200, "ok");
        assert_str(buf_str(&p.g.log), "text:one;binary:\1\2\3;text:two;");
    }
    pair_close(&p);
}

static void chunked_bodies_are_accepted(void **state)
{
    struct pair p;
    char head[300];
    (void)state;

    pair_open(&p, small_limits);
    (void)snprintf(head, sizeof head,
                   "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", p.url);
    client_write(&p.post, str_of(head));
    client_write(&p.post, STR("2\r\n4o\r\n5\r\nne\x1e"
                              "4t\r\n2\r\nwo\r\n0\r\n\r\n"));
    assert_answer(client_answer(&p.post), 200, "ok");
    assert_str(buf_str(&p.g.log), "text:one;text:two;");
    pair_close(&p);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct pair p;
    struct buf b = { 0 };
    (void)state;

    pair_open(&p, NULL);
    p.g.echo = true;
    for (int i = 0; i < 2; i++)
        buf_format(&b, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n4%d", p.url, i);
    buf_format(&b, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", p.url);
    client_write(&p.post, buf_str(&b));
    assert_answer(client_answer(&p.post), 200, "ok");
    assert_answer(client_answer(&p.post), 200, "ok");
    assert_answer(client_answer(&p.post), 200,
                  "40\x1e"
                  "41");
    buf_free(&b);
    pair_close(&p);
}

/* --- Malformed --- */

static void malformed(const char *body, const char *log)
{
    struct pair p;

    pair_open(&p, NULL);
    assert_answer(client_post(&p.post, p.url, body), 400, "");
    assert_true(str_eq(buf_str(&p.g.log), str_of(log)));
    assert_int_equal(p.g.engine.stats.parse_errors, 1);
    assert_gone(&p);
    pair_close(&p);
}

static void malformed_payloads_end_the_session(void **state)
{
    (void)state;
    malformed("abc", "close:parse error;");
    malformed("", "close:parse error;");
    malformed("7", "close:parse error;");
    malformed("b!!!!", "close:parse error;");
    malformed("\x1e"
              "4a",
              "close:parse error;");
    /* What stands before the fault is delivered, what stands behind is not. */
    malformed("4a\x1e", "text:a;close:parse error;");
    malformed("4a\x1e\x1e"
              "4b",
              "text:a;close:parse error;");
    malformed("4a\x1exyz\x1e"
              "4b",
              "text:a;close:parse error;");
    malformed("4a\x1e"
              "4\xff",
              "text:a;close:parse error;");
    malformed("4\xed\xa0\x80", "close:parse error;");
}

static void a_parse_error_releases_the_get(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.get, "GET", p.url, NULL, NULL);
    client_silent(&p.get);
    assert_answer(client_post(&p.post, p.url, "abc"), 400, "");
    assert_answer(client_answer(&p.get), 200, "1");
    pair_close(&p);
}

static void a_post_without_a_body_is_malformed(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.post, "POST", p.url, NULL, NULL);
    assert_answer(client_answer(&p.post), 400, "");
    assert_str(buf_str(&p.g.log), "close:parse error;");
    pair_close(&p);
}

static void revision_3_binary_is_refused(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, NULL);
    client_ask(&p.post, "POST", p.url,
               "Content-Type: application/octet-stream\r\nContent-Length: 2\r\n", NULL);
    client_write(&p.post, STR("4a"));
    assert_answer(client_answer(&p.post), 400, "");
    assert_str(buf_str(&p.g.log), "close:transport error(invalid content);");
    pair_close(&p);
}

/* --- Limits --- */

static void too_large_is_413_and_the_session_lives(void **state)
{
    struct pair p;
    char body[1002];
    (void)state;

    pair_open(&p, small_limits);
    memset(body, '4', sizeof body);
    body[1001] = 0;
    assert_answer(client_post(&p.post, p.url, body), 413, "");
    body[1000] = 0; /* exactly the limit */
    assert_answer(client_post(&p.post, p.url, body), 200, "ok");
    assert_int_equal(p.g.engine.stats.too_large, 1);
    assert_false(rig_logged(&p.g, "close"));
    pair_close(&p);
}

static void too_large_in_chunks_is_413_too(void **state)
{
    struct pair p;
    char head[300], body[1100];
    (void)state;

    pair_open(&p, small_limits);
    (void)snprintf(head, sizeof head,
                   "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", p.url);
    client_write(&p.post, str_of(head));
    memset(body, '4', sizeof body);
    client_write(&p.post, STR("44c\r\n"));
    client_write(&p.post, str_n(body, sizeof body));
    client_write(&p.post, STR("\r\n0\r\n\r\n"));
    assert_answer(client_answer(&p.post), 413, "");
    assert_int_equal(p.g.engine.stats.too_large, 1);
    client_close(&p.post);
    client_open(&p.post, &p.g);
    assert_answer(client_post(&p.post, p.url, "4a"), 200, "ok"); /* the place is free again */
    pair_close(&p);
}

static void any_origin(struct eio_options *o)
{
    small_limits(o);
    o->cors.enabled = o->cors.any_origin = true;
}

/* A browser shows a page nothing of an answer from elsewhere that does not say it may, not even the
 * status. */
static void too_large_says_who_may_read_it(void **state)
{
    struct pair p;
    char head[300], body[1100];
    struct answer got;
    (void)state;

    pair_open(&p, any_origin);
    memset(body, '4', sizeof body);
    body[1099] = 0;
    got = client_post(&p.post, p.url, body);
    assert_answer(got, 413, "");
    assert_header(&got, "Access-Control-Allow-Origin", "*");
    (void)snprintf(head, sizeof head,
                   "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n44b\r\n",
                   p.url);
    client_write(&p.post, str_of(head));
    client_write(&p.post, str_of(body));
    client_write(&p.post, STR("\r\n0\r\n\r\n"));
    got = client_answer(&p.post);
    assert_answer(got, 413, "");
    assert_header(&got, "Access-Control-Allow-Origin", "*");
    assert_answer(client_post(&p.post, p.url, "4a"), 200, "ok");
    pair_close(&p);
}

/* --- Compression --- */

static void send_large_as(struct pair *p, size_t n, bool incompressible)
{
    struct msg *m = ws_msg_reserve(WS_TEXT, n);

    memset(m->data + m->head, '4', n);
    m->incompressible = incompressible;
    assert_int_equal(eio_session_send(&p->g.last->session, &m, 1), 0);
    msg_unref(m);
}

static void send_large(struct pair *p, size_t n)
{
    send_large_as(p, n, false);
}

static void send_large_plain(struct pair *p, size_t n)
{
    send_large_as(p, n, true);
}

static struct answer get_accepting(struct pair *p, const char *accept)
{
    char line[100];

    (void)snprintf(line, sizeof line, "Accept-Encoding: %s\r\n", accept);
    client_ask(&p->get, "GET", p->url, line, NULL);
    return client_answer(&p->get);
}

static void large_payloads_are_compressed(void **state)
{
    struct pair p;
    struct answer a;
    unsigned char plain[5000];
    z_stream z = { 0 };
    (void)state;

    pair_open(&p, NULL);
    send_large(&p, 1024);
    a = get_accepting(&p, "deflate, gzip, br");
    assert_header(&a, "Content-Encoding", "gzip");
    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    z.next_in = (unsigned char *)a.body.p;
    z.avail_in = (unsigned)a.body.n;
    z.next_out = plain;
    z.avail_out = sizeof plain;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, 1024);
    assert_int_equal(plain[1023], '4');
    inflateEnd(&z);
    send_large(&p, 2000);
    a = get_accepting(&p, "deflate");
    assert_header(&a, "Content-Encoding", "deflate");
    pair_close(&p);
}

static void small_or_unwanted_compression_is_left_out(void **state)
{
    struct pair p;
    struct answer a;
    (void)state;

    pair_open(&p, NULL);
    send_large(&p, 1023);
    a = get_accepting(&p, "gzip");
    assert_no_header(&a, "Content-Encoding");
    assert_int_equal(a.body.n, 1023);
    send_large(&p, 2000);
    a = get_accepting(&p, "br");
    assert_no_header(&a, "Content-Encoding");
    assert_int_equal(a.body.n, 2000);
    p.g.engine.options.compress_min = UINT32_MAX;
    send_large(&p, 2000);
    a = get_accepting(&p, "gzip");
    assert_no_header(&a, "Content-Encoding");
    pair_close(&p);
}

/* 1.9: one packet that may be compressed is enough; a payload of others goes as it is. */
static void who_sends_may_decline_compression(void **state)
{
    struct pair p;
    struct answer a;
    (void)state;

    pair_open(&p, NULL);
    send_large_plain(&p, 2000);
    send_large_plain(&p, 2000);
    a = get_accepting(&p, "gzip");
    assert_no_header(&a, "Content-Encoding");
    assert_int_equal(a.body.n, 4001);
    send_large_plain(&p, 2000);
    rig_send_text(&p.g.last->session, "x");
    a = get_accepting(&p, "gzip");
    assert_header(&a, "Content-Encoding", "gzip");
    pair_close(&p);
}

TEST_MAIN(cmocka_unit_test(a_post_brings_a_packet_and_a_get_takes_one),
          cmocka_unit_test(old_browsers_get_their_header),
          cmocka_unit_test(several_packets_come_and_go_in_order),
          cmocka_unit_test(a_waiting_get_takes_all_of_an_iteration),
          cmocka_unit_test(a_body_may_come_in_any_pieces),
          cmocka_unit_test(chunked_bodies_are_accepted),
          cmocka_unit_test(pipelined_requests_are_answered_in_order),
          cmocka_unit_test(malformed_payloads_end_the_session),
          cmocka_unit_test(a_parse_error_releases_the_get),
          cmocka_unit_test(a_post_without_a_body_is_malformed),
          cmocka_unit_test(revision_3_binary_is_refused),
          cmocka_unit_test(too_large_is_413_and_the_session_lives),
          cmocka_unit_test(too_large_in_chunks_is_413_too),
          cmocka_unit_test(too_large_says_who_may_read_it),
          cmocka_unit_test(large_payloads_are_compressed),
          cmocka_unit_test(who_sends_may_decline_compression),
          cmocka_unit_test(small_or_unwanted_compression_is_left_out))
