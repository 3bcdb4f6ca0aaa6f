/* tests/unit/proto/test_http1.c - heads: what is let through, and what is refused as ambiguous.
 *
 * The refused cases are those that parsers in the wild are known to disagree on (request
 * smuggling).
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "test.h"

#include "proto/http1.h"

enum { MAX = 16384 };

/* Parses an exact-size copy, so that reading past the end is seen by the sanitizer. The copy stays
 * until the next call, because the head points into it. */
static enum parse parse_n(str in, size_t scanned, size_t max, struct http_head *h,
                          enum http_bad *bad)
{
    static char *copy;

    free(copy);
    copy = malloc(in.n ? in.n : 1);
    assert_non_null(copy);
    memcpy(copy, in.p, in.n);
    return http1_request(copy, in.n, scanned, max, h, bad);
}

static unsigned status_of(str in)
{
    struct http_head h;
    enum http_bad bad = 0;
    enum parse p = parse_n(in, 0, MAX, &h, &bad);

    return p == PARSE_DONE ? 200 : p == PARSE_MORE ? 0 : bad;
}

#define STATUS(literal) status_of(STR(literal))
/* A request of HTTP/1.1 with a Host and these further lines. */
#define GET(lines)      STATUS("GET / HTTP/1.1\r\nHost: x\r\n" lines "\r\n")
#define LINE(line)      STATUS(line "\r\nHost: x\r\n\r\n")

static const char typical[] = "GET /chat/?EIO=4&transport=polling&t=x HTTP/1.1\r\n"
                              "Host: localhost:3000\r\n"
                              "User-Agent:\tsomething (long; \x80\xff) \t\r\n"
                              "Accept: */*\r\n"
                              "X-Empty:\r\n"
                              "Connection: Upgrade, keep-alive\r\n"
                              "Upgrade: websocket\r\n"
                              "\r\n";

static void reads_a_typical_head(void **state)
{
    struct http_head h;
    enum http_bad bad;
    (void)state;

    assert_int_equal(parse_n(STR(typical), 0, MAX, &h, &bad), PARSE_DONE);
    assert_str(h.method, "GET");
    assert_str(h.target, "/chat/?EIO=4&transport=polling&t=x");
    assert_str(h.path, "/chat/");
    assert_str(h.query, "EIO=4&transport=polling&t=x");
    assert_int_equal(h.minor, 1);
    assert_int_equal(h.status, 0);
    assert_int_equal(h.header_count, 6);
    assert_int_equal(h.bytes, sizeof typical - 1);
    assert_str(http1_header(&h, STR("user-agent")), "something (long; \x80\xff)");
    assert_str(http1_header(&h, STR("x-empty")), "");
    assert_non_null(http1_header(&h, STR("x-empty")).p);
    assert_null(http1_header(&h, STR("x-none")).p);
    assert_true(h.keep_alive && h.upgrade);
    assert_false(h.chunked || h.has_length || h.expect_continue);
}

/* However the bytes come, every strict prefix asks for more, and the end is the same. */
static void head_is_restartable(void **state)
{
    struct http_head h;
    enum http_bad bad;
    str in = STR(typical);
    (void)state;

    for (size_t n = 0; n < in.n; n++) {
        assert_int_equal(parse_n(str_n(in.p, n), 0, MAX, &h, &bad), PARSE_MORE);
        for (size_t scanned = 0; scanned <= n; scanned++)
            assert_int_equal(parse_n(str_n(in.p, n), scanned, MAX, &h, &bad), PARSE_MORE);
        assert_int_equal(parse_n(in, n, MAX, &h, &bad), PARSE_DONE);
        assert_int_equal(h.bytes, in.n);
        assert_int_equal(h.header_count, 6);
    }
}

/* Bytes behind the head are not looked at. */
static void stops_at_the_end(void **state)
{
    struct http_head h;
    enum http_bad bad;
    (void)state;

    assert_int_equal(parse_n(STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n\n\r\0 junk"), 0, MAX, &h, &bad),
                     PARSE_DONE);
    assert_int_equal(h.bytes, sizeof "GET / HTTP/1.1\r\nHost: x\r\n\r\n" - 1);
    assert_int_equal(h.query.n, 0);
}

static void request_lines(void **state)
{
    (void)state;

    assert_int_equal(LINE("GET / HTTP/1.1"), 200);
    assert_int_equal(LINE("GET / HTTP/1.0"), 200);
    assert_int_equal(LINE("\r\nGET / HTTP/1.1"), 200);
    assert_int_equal(LINE("M-SEARCH / HTTP/1.1"), 200);
    assert_int_equal(LINE("\r\n\r\nGET / HTTP/1.1"), 400);
    assert_int_equal(LINE("\nGET / HTTP/1.1"), 400);
    assert_int_equal(LINE(" GET / HTTP/1.1"), 400);
    assert_int_equal(LINE("GET  / HTTP/1.1"), 400);
    assert_int_equal(LINE("GET /  HTTP/1.1"), 400);
    assert_int_equal(LINE("GET\t/ HTTP/1.1"), 400);
    assert_int_equal(LINE("GET / HTTP/1.1 "), 400);
    assert_int_equal(LINE("GET /"), 400);
    assert_int_equal(LINE("GET HTTP/1.1"), 400);
    assert_int_equal(LINE("/ HTTP/1.1"), 400);
    assert_int_equal(LINE("G\"T / HTTP/1.1"), 400);
    assert_int_equal(LINE("GE(T) / HTTP/1.1"), 400);
    assert_int_equal(LINE("GET\0 / HTTP/1.1"), 400);
    assert_int_equal(LINE("G\xc3\x89T / HTTP/1.1"), 400);
    assert_int_equal(LINE("GET: / HTTP/1.1"), 400);
    assert_int_equal(LINE("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1"), 501);
    assert_int_equal(STATUS("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ"), 501);
    assert_int_equal(STATUS("\x16\x03\x01"), 400); /* TLS on the plain port */
}

static void versions(void **state)
{
    (void)state;

    assert_int_equal(LINE("GET / HTTP/1.2"), 505);
    assert_int_equal(LINE("GET / HTTP/2.0"), 505);
    assert_int_equal(LINE("GET / HTTP/0.9"), 505);
    assert_int_equal(STATUS("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    assert_int_equal(LINE("GET / HTTP/1"), 400);
    assert_int_equal(LINE("GET / HTTP/1."), 400);
    assert_int_equal(LINE("GET / HTTP/1.10"), 400);
    assert_int_equal(LINE("GET / HTTP/11.1"), 400);
    assert_int_equal(LINE("GET / HTTP/1,1"), 400);
    assert_int_equal(LINE("GET / http/1.1"), 400);
    assert_int_equal(LINE("GET / HTTP /1.1"), 400);
    assert_int_equal(LINE("GET / ICE/1.1"), 400);
}

static void targets(void **state)
{
    struct http_head h;
    enum http_bad bad;
    (void)state;

    assert_int_equal(LINE("OPTIONS * HTTP/1.1"), 200);
    assert_int_equal(LINE("GET * HTTP/1.1"), 400);
    assert_int_equal(LINE("OPTIONS ** HTTP/1.1"), 400);
    assert_int_equal(LINE("GET x HTTP/1.1"), 400);
    assert_int_equal(LINE("GET x:80 HTTP/1.1"), 400);
    assert_int_equal(LINE("CONNECT x:80 HTTP/1.1"), 501);
    assert_int_equal(LINE("GET /a#b HTTP/1.1"), 400);
    assert_int_equal(LINE("GET /\xc3\xa4 HTTP/1.1"), 400);
    assert_int_equal(LINE("GET /\x7f HTTP/1.1"), 400);
    assert_int_equal(LINE("GET /a\0b HTTP/1.1"), 400);
    assert_int_equal(LINE("GET /a\rb HTTP/1.1"), 400);
    assert_int_equal(LINE("GET /{}|^\"<>\\` HTTP/1.1"), 200);

    assert_int_equal(LINE("GET http:// HTTP/1.1"), 400);
    assert_int_equal(LINE("GET http:///a HTTP/1.1"), 400);
    assert_int_equal(STATUS("GET http:///a HTTP/1.1\r\nHost:\r\n\r\n"), 400);
    assert_int_equal(LINE("GET http://u@x/a HTTP/1.1"), 400);
    assert_int_equal(LINE("GET ftp://x/a HTTP/1.1"), 400);
    assert_int_equal(LINE("GET http://y/a HTTP/1.1"), 400); /* not what Host says */
    assert_int_equal(parse_n(STR("GET HTTP://X/a?b HTTP/1.1\r\nHost: x\r\n\r\n"), 0, MAX, &h, &bad),
                     PARSE_DONE);
    assert_str(h.path, "/a");
    assert_str(h.query, "b");
    assert_str(h.target, "HTTP://X/a?b");
    assert_int_equal(parse_n(STR("GET https://x?b HTTP/1.1\r\nHost: x\r\n\r\n"), 0, MAX, &h, &bad),
                     PARSE_DONE);
    assert_str(h.path, "/");
    assert_str(h.query, "b");
}

static void line_ends(void **state)
{
    (void)state;

    assert_int_equal(STATUS("GET / HTTP/1.1\nHost: x\n\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: x\n\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: x\r\n\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\rHost: x\r\r"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: x\r\r\n\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: x\r\n\rX"), 400);
    assert_int_equal(GET("A: b\rC: d\r\n"), 400);
    assert_int_equal(GET("A: b\nC: d\r\n"), 400);
    assert_int_equal(GET("A: b\r\r\n"), 400);
    assert_int_equal(GET("A: b\r\n\n"), 400);
    assert_int_equal(GET("A: b\n\n"), 400);
    assert_int_equal(GET("A: b\0\n"), 400);
    assert_int_equal(GET("A: b\x01\nC: d\r\n"), 400);
}

/* The same breaks, arriving after a first look at the head. */
static void line_ends_are_seen_while_dribbling(void **state)
{
    static const str broken[] = { { "GET / HTTP/1.1\r\nA: b\nC", 22 },
                                  { "GET / HTTP/1.1\r\nA: b\rC", 22 },
                                  { "GET / HTTP/1.1\r\nA: b\0C", 22 },
                                  { "GET / HTTP/1.1\r\nA: b\x7f"
                                    "C",
                                    22 } };
    struct http_head h;
    enum http_bad bad;
    (void)state;

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        for (size_t scanned = 1; scanned < 21; scanned++)
            assert_int_equal(parse_n(broken[i], scanned, MAX, &h, &bad), PARSE_BAD);
    /* The CR was seen before, what follows it was not. */
    assert_int_equal(parse_n(broken[1], 21, MAX, &h, &bad), PARSE_BAD);
}

static void fields(void **state)
{
    (void)state;

    assert_int_equal(GET("A:b\r\n"), 200);
    assert_int_equal(GET("A: \t b \t\r\n"), 200);
    assert_int_equal(GET("A:\r\n"), 200);
    assert_int_equal(GET("!#$%&'*+-.^_`|~09: x\r\n"), 200);
    assert_int_equal(GET("A : b\r\n"), 400);
    assert_int_equal(GET("A\t: b\r\n"), 400);
    assert_int_equal(GET(" A: b\r\n"), 400);
    assert_int_equal(GET("A: b\r\n c\r\n"), 400); /* obs-fold */
    assert_int_equal(GET("A: b\r\n\tc\r\n"), 400);
    assert_int_equal(GET(": b\r\n"), 400);
    assert_int_equal(GET("A\r\n"), 400);
    assert_int_equal(GET("A b: c\r\n"), 400);
    assert_int_equal(GET("A\xc3\xa4: c\r\n"), 400);
    assert_int_equal(GET("A\0: c\r\n"), 400);
    assert_int_equal(GET("A: b\0c\r\n"), 400);
    assert_int_equal(GET("A: b\x01\r\n"), 400);
    assert_int_equal(GET("A: 01234567\x1f\r\n"), 400);
    assert_int_equal(GET("A: b\x7f\r\n"), 400);
    assert_int_equal(GET("A: b\x0b\r\n"), 400);
    assert_int_equal(GET("A: \xe2\x82\xac\r\n"), 200);
    /* Values are looked at by words: a bad byte at each place of one, good ones around it. */
    for (size_t at = 0; at < 24; at++)
        for (int byte = 0; byte < 256; byte++) {
            char in[] = "GET / HTTP/1.0\r\nA:0123456789abcdef0123456789abcdef\r\n\r\n";
            in[18 + at] = (char)byte;
            bool good = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
            assert_int_equal(status_of(str_n(in, sizeof in - 1)), good ? 200 : 400);
        }
}

static void hosts(void **state)
{
    (void)state;

    assert_int_equal(STATUS("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.0\r\n\r\n"), 200);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 200);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 200);
    assert_int_equal(GET("Host: x\r\n"), 400);
    assert_int_equal(GET("host: y\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: u@b\r\n\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n"), 400);
    assert_int_equal(STATUS("GET / HTTP/1.1\r\nHost : x\r\n\r\n"), 400);
}

static void content_lengths(void **state)
{
    struct http_head h;
    enum http_bad bad;
    (void)state;

    assert_int_equal(parse_n(STR("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 42 \r\n\r\n"), 0,
                             MAX, &h, &bad),
                     PARSE_DONE);
    assert_true(h.has_length);
    assert_int_equal(h.length, 42);
    assert_int_equal(GET("content-LENGTH: 0\r\n"), 200);
    assert_int_equal(GET("Content-Length: 9223372036854775807\r\n"), 200);
    assert_int_equal(GET("Content-Length: 9223372036854775808\r\n"), 400);
    assert_int_equal(GET("Content-Length: 18446744073709551621\r\n"), 400);
    assert_int_equal(GET("Content-Length: 99999999999999999999999999\r\n"), 400);
    assert_int_equal(GET("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
    assert_int_equal(GET("Content-Length: 5\r\nContent-Length: 6\r\n"), 400);
    assert_int_equal(GET("Content-Length: 0\r\ncontent-length: 6\r\n"), 400);
    assert_int_equal(GET("Content-Length: 5, 5\r\n"), 400);
    assert_int_equal(GET("Content-Length: 5,\r\n"), 400);
    assert_int_equal(GET("Content-Length: +5\r\n"), 400);
    assert_int_equal(GET("Content-Length: -5\r\n"), 400);
    assert_int_equal(GET("Content-Length: 0x5\r\n"), 400);
    assert_int_equal(GET("Content-Length: 5.0\r\n"), 400);
    assert_int_equal(GET("Content-Length: 5e1\r\n"), 400);
    assert_int_equal(GET("Content-Length: 1_0\r\n"), 400);
    assert_int_equal(GET("Content-Length: 5 5\r\n"), 400);
    assert_int_equal(GET("Content-Length: \"5\"\r\n"), 400);
    assert_int_equal(GET("Content-Length:\r\n"), 400);
    assert_int_equal(GET("Content-Length: \xd9\xa5\r\n"), 400);
    assert_int_equal(GET("Content-Length : 5\r\n"), 400);
    assert_int_equal(GET("Content-Length: 5\r\n 6\r\n"), 400);
    assert_int_equal(GET("Content_Length: 5\r\n"), 200); /* just another name */
}

static void transfer_codings(void **state)
{
    struct http_head h;
    enum http_bad bad;
    (void)state;

    assert_int_equal(parse_n(STR("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"),
                             0, MAX, &h, &bad),
                     PARSE_DONE);
    assert_true(h.chunked);
    assert_false(h.has_length);
    assert_int_equal(GET("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400);
    assert_int_equal(GET("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400);
    assert_int_equal(GET("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400);
    assert_int_equal(GET("Transfer-Encoding: chunked, chunked\r\n"), 400);
    assert_int_equal(GET("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
    assert_int_equal(GET("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400);
    assert_int_equal(GET("Transfer-Encoding: gzip, chunked\r\n"), 400);
    assert_int_equal(GET("Transfer-Encoding: chunked, gzip\r\n"), 400);
    assert_int_equal(GET("Transfer-Encoding: ,chunked\r\n"), 400);
    assert_int_equal(GET("Transfer-Encoding:\r\n"), 400);
    assert_int_equal(GET("Transfer-Encoding: xchunked\r\n"), 501);
    assert_int_equal(GET("Transfer-Encoding: chunkedx\r\n"), 501);
    assert_int_equal(GET("Transfer-Encoding: identity\r\n"), 501);
    assert_int_equal(GET("Transfer-Encoding: gzip\r\n"), 501);
    assert_int_equal(GET("Transfer-Encoding: \"chunked\"\r\n"), 501);
    assert_int_equal(GET("Transfer-Encoding: chunked;q=1\r\n"), 501);
    assert_int_equal(GET("Transfer-Encoding: \x0b"
                         "chunked\r\n"),
                     400);
    assert_int_equal(GET("Transfer-Encoding : chunked\r\n"), 400);
    assert_int_equal(GET("Transfer-Encoding: identity\r\nContent-Length: 5\r\n"), 501);
    assert_int_equal(STATUS("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

static bool keeps(str in)
{
    struct http_head h;
    enum http_bad bad;

    assert_int_equal(parse_n(in, 0, MAX, &h, &bad), PARSE_DONE);
    return h.keep_alive;
}

static void keep_alive(void **state)
{
    (void)state;

    assert_true(keeps(STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_false(keeps(STR("GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n")));
    assert_false(keeps(STR("GET / HTTP/1.1\r\nHost: x\r\nConnection: a , close,b\r\n\r\n")));
    assert_false(
        keeps(STR("GET / HTTP/1.1\r\nHost: x\r\nConnection: a\r\nConnection: close\r\n\r\n")));
    assert_true(keeps(STR("GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n")));
    assert_false(keeps(STR("GET / HTTP/1.0\r\n\r\n")));
    assert_true(keeps(STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")));
    assert_false(keeps(STR("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n")));
}

static void upgrade_and_expect(void **state)
{
    struct http_head h;
    enum http_bad bad;
    (void)state;

    assert_int_equal(
        parse_n(STR("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nExpect: 100-Continue\r\n\r\n"), 0,
                MAX, &h, &bad),
        PARSE_DONE);
    assert_false(h.upgrade); /* Connection does not say so */
    assert_true(h.expect_continue);
    assert_int_equal(parse_n(STR("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                                 "Expect: 100-continue\r\n\r\n"),
                             0, MAX, &h, &bad),
                     PARSE_DONE);
    assert_false(h.upgrade || h.expect_continue);
    assert_int_equal(parse_n(STR("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n\r\n"), 0,
                             MAX, &h, &bad),
                     PARSE_DONE);
    assert_false(h.upgrade); /* to what? */
}

static void limits(void **state)
{
    struct http_head h;
    enum http_bad bad;
    str in = STR(typical);
    char many[(HTTP_HEADERS_MAX + 2) * 6];
    size_t n;
    (void)state;

    assert_int_equal(parse_n(in, 0, in.n, &h, &bad), PARSE_DONE);
    for (size_t max = 60; max < in.n; max++)
        for (size_t seen = 0; seen <= in.n; seen++) { /* bytes beyond the limit change nothing */
            enum parse p = parse_n(str_n(in.p, seen), seen / 2, max, &h, &bad);
            assert_int_equal(p, seen < max ? PARSE_MORE : PARSE_BAD);
            assert_true(seen < max || bad == HTTP_BAD_HEADERS_LARGE);
        }
    assert_int_equal(parse_n(in, 0, 20, &h, &bad), PARSE_BAD);
    assert_int_equal(bad, HTTP_BAD_TARGET_LONG);

    for (int count = HTTP_HEADERS_MAX; count <= HTTP_HEADERS_MAX + 1; count++) {
        n = (size_t)snprintf(many, sizeof many, "GET / HTTP/1.0\r\n");
        for (int i = 0; i < count; i++)
            n += (size_t)snprintf(many + n, sizeof many - n, "A:b\r\n");
        memcpy(many + n, "\r\n", 2);
        assert_int_equal(status_of(str_n(many, n + 2)), count == HTTP_HEADERS_MAX ? 200 : 431);
    }
}

static enum parse response(str in, struct http_head *h)
{
    return http1_response(in.p, in.n, MAX, h);
}

static void responses(void **state)
{
    str in = STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\n\r\n");
    struct http_head h;
    (void)state;

    for (size_t n = 0; n < in.n; n++)
        assert_int_equal(response(str_n(in.p, n), &h), PARSE_MORE);
    assert_int_equal(response(in, &h), PARSE_DONE);
    assert_int_equal(h.status, 101);
    assert_true(h.upgrade);
    assert_int_equal(h.bytes, in.n);
    assert_int_equal(response(STR("HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nabc"), &h),
                     PARSE_DONE);
    assert_int_equal(h.status, 200);
    assert_int_equal(h.length, 3);
    assert_int_equal(response(STR("HTTP/1.0 204\r\n\r\n"), &h), PARSE_DONE);
    assert_int_equal(response(STR("HTTP/1.1 20 OK\r\n\r\n"), &h), PARSE_BAD);
    assert_int_equal(response(STR("HTTP/1.1 2000 OK\r\n\r\n"), &h), PARSE_BAD);
    assert_int_equal(response(STR("HTTP/1.1 099 OK\r\n\r\n"), &h), PARSE_BAD);
    assert_int_equal(response(STR("HTTP/1.1 200 O\nK\r\n\r\n"), &h), PARSE_BAD);
    assert_int_equal(response(STR("ICY 200 OK\r\n\r\n"), &h), PARSE_BAD);
    assert_int_equal(http1_response(in.p, in.n, in.n - 1, &h), PARSE_BAD);
}

static void tokens(void **state)
{
    (void)state;

    assert_true(http1_has_token(STR("Upgrade"), STR("upgrade")));
    assert_true(http1_has_token(STR("keep-alive,\tUPGRADE ,x"), STR("upgrade")));
    assert_false(http1_has_token(STR("upgrades"), STR("upgrade")));
    assert_false(http1_has_token(STR("up grade"), STR("upgrade")));
    assert_false(http1_has_token((str){ 0 }, STR("upgrade")));
}

TEST_MAIN(cmocka_unit_test(reads_a_typical_head), cmocka_unit_test(head_is_restartable),
          cmocka_unit_test(stops_at_the_end), cmocka_unit_test(request_lines),
          cmocka_unit_test(versions), cmocka_unit_test(targets), cmocka_unit_test(line_ends),
          cmocka_unit_test(line_ends_are_seen_while_dribbling), cmocka_unit_test(fields),
          cmocka_unit_test(hosts), cmocka_unit_test(content_lengths),
          cmocka_unit_test(transfer_codings), cmocka_unit_test(keep_alive),
          cmocka_unit_test(upgrade_and_expect), cmocka_unit_test(limits),
          cmocka_unit_test(responses), cmocka_unit_test(tokens))
