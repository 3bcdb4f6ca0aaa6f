/* tests/unit/http/test_response.c - answers in one go: heads, bodies, compression, cost.
 *
 * SPDX-License-Identifier: MIT
 */
#include <zlib.h>

#include "client.h"

#include "base/mem.h"
#include "http/compress.h"

struct fixture {
    struct site site;
    struct client client;
    struct http_handler handler;
    struct http_response res; /* what every request is answered with */
    int count;
};

static void on_request(struct http_handler *h, struct http_request *r)
{
    struct fixture *f = h->user;

    f->count++;
    http_respond(r, &f->res);
}

static void start(struct fixture *f)
{
    *f = (struct fixture){ .handler = { .user = f, .on_request = on_request } };
    site_open(&f->site, NULL);
    assert_int_equal(http_router_mount(&f->site.router, STR("/"), &f->handler), 0);
    client_open(&f->client, &f->site);
}

static void finish(struct fixture *f)
{
    client_close(&f->client);
    site_close(&f->site);
    http_compress_trim();
}

static void writes_what_was_asked(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.res = (struct http_response){ .status = 201,
                                    .type = STR("application/json"),
                                    .headers = STR("X-A: 1\r\nX-B: 2\r\n"),
                                    .body = STR("{}") };
    assert_int_equal(client_get(&f.client, "/", ""), 201);
    assert_true(str_starts(buf_str(&f.client.whole), STR("HTTP/1.1 201 Created\r\n")));
    assert_str(client_header(&f.client, "content-type"), "application/json");
    assert_str(client_header(&f.client, "content-length"), "2");
    assert_str(client_header(&f.client, "x-a"), "1");
    assert_str(client_header(&f.client, "x-b"), "2");
    assert_str(buf_str(&f.client.body), "{}");
    finish(&f);
}

static void statuses_without_bodies(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.res = (struct http_response){ .status = 204, .body = STR("not sent") };
    assert_int_equal(client_get(&f.client, "/", ""), 204);
    assert_null(client_header(&f.client, "content-length").p);
    f.res.status = 304;
    assert_int_equal(client_get(&f.client, "/", ""), 304);
    f.res = (struct http_response){ .body = STR("counted") };
    client_say(&f.client, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "HEAD"), 200);
    assert_str(client_header(&f.client, "content-length"), "7");
    /* Had a body been sent, it would stand in front of this one. */
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_str(buf_str(&f.client.body), "counted");
    f.res = (struct http_response){ 0 };
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_str(client_header(&f.client, "content-length"), "0");
    finish(&f);
}

static void closes_when_told(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.res = (struct http_response){ .body = STR("bye"), .close = true };
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_str(client_header(&f.client, "connection"), "close");
    client_until_ended(&f.client);
    finish(&f);
}

static void shares_a_body(void **state)
{
    struct fixture f;
    struct msg *m = msg_of(STR("shared bytes"));
    (void)state;

    start(&f);
    f.res = (struct http_response){ .shared = m };
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_str(buf_str(&f.client.body), "shared bytes");
    client_say(&f.client, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "HEAD"), 200);
    assert_str(client_header(&f.client, "content-length"), "12");
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    finish(&f);
    assert_int_equal(m->refs, 1);
    msg_unref(m);
}

/* Decompresses gzip or zlib. */
static void inflate_all(const struct buf *in, uint8_t *out, size_t n)
{
    z_stream z = {
        .next_in = in->data, .avail_in = (uInt)in->len, .next_out = out, .avail_out = (uInt)n
    };

    assert_int_equal(inflateInit2(&z, 15 + 32), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_out, 0);
    inflateEnd(&z);
}

static void compresses_when_it_pays(void **state)
{
    static uint8_t text[3000], back[3000];
    struct fixture f;
    (void)state;

    start(&f);
    memset(text, 'x', sizeof text);
    f.res = (struct http_response){ .body = str_n(text, sizeof text), .compress = true };
    assert_int_equal(client_get(&f.client, "/", "Accept-Encoding: deflate, gzip\r\n"), 200);
    assert_str(client_header(&f.client, "content-encoding"), "gzip");
    assert_str(client_header(&f.client, "vary"), "Accept-Encoding");
    assert_true(f.client.body.len < 200);
    inflate_all(&f.client.body, back, sizeof back);
    assert_memory_equal(back, text, sizeof text);
    assert_int_equal(client_get(&f.client, "/", "Accept-Encoding: deflate\r\n"), 200);
    assert_str(client_header(&f.client, "content-encoding"), "deflate");
    inflate_all(&f.client.body, back, sizeof back);

    assert_int_equal(client_get(&f.client, "/", "Accept-Encoding: br\r\n"), 200);
    assert_null(client_header(&f.client, "content-encoding").p);
    assert_str(client_header(&f.client, "vary"), "Accept-Encoding");
    assert_int_equal(f.client.body.len, sizeof text);
    f.res.status = 304;
    assert_int_equal(client_get(&f.client, "/", "Accept-Encoding: gzip\r\n"), 304);
    assert_null(client_header(&f.client, "content-encoding").p);
    f.res.status = 200;
    f.res.body.n = 1000; /* below the default threshold, above an explicit one */
    assert_int_equal(client_get(&f.client, "/", "Accept-Encoding: gzip\r\n"), 200);
    assert_null(client_header(&f.client, "content-encoding").p);
    f.res.compress_min = 100;
    assert_int_equal(client_get(&f.client, "/", "Accept-Encoding: gzip\r\n"), 200);
    assert_str(client_header(&f.client, "content-encoding"), "gzip");
    f.res.body.n = 100;
    for (size_t i = 0; i < 100; i++) /* does not become smaller */
        text[i] = (uint8_t)(i * 37);
    assert_int_equal(client_get(&f.client, "/", "Accept-Encoding: gzip\r\n"), 200);
    assert_null(client_header(&f.client, "content-encoding").p);
    finish(&f);
}

static void checks_headers(void **state)
{
    (void)state;

    assert_true(http_header_valid(STR("X-Name"), STR("any value\t\xc3\xa4")));
    assert_true(http_header_valid(STR("a"), STR("")));
    assert_false(http_header_valid(STR(""), STR("a")));
    assert_false(http_header_valid(STR("a b"), STR("a")));
    assert_false(http_header_valid(STR("a:"), STR("a")));
    assert_false(http_header_valid(STR("a"), STR("b\r\nSet-Cookie: c")));
    assert_false(http_header_valid(STR("a"), STR("b\n")));
    assert_false(http_header_valid(STR("a"), STR("b\0")));
}

/* A client that pipelines for ever and never reads does not fill our memory. */
static void stops_reading_who_does_not_read(void **state)
{
    static char body[64 * 1024], requests[40 * 50];
    struct fixture f;
    str one = STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    uint64_t most;
    int seen;
    (void)state;

    start(&f);
    f.res.body = str_n(body, sizeof body);
    for (int i = 0; i < 40; i++)
        memcpy(requests + (size_t)i * one.n, one.p, one.n);
    for (int i = 0; i < 10; i++)
        client_send(&f.client, str_n(requests, 40 * one.n));
    site_turns(&f.site, 50);
    most = stream_stats.queued_bytes;
    seen = f.count;
    assert_true(most < 1024 * 1024);
    assert_true(seen < 400);
    for (int i = 0; i < 400; i++)
        assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_int_equal(f.count, 400);
    finish(&f);
}

/* Requests on a warm connection come from free lists. */
static void warm_requests_allocate_nothing(void **state)
{
    struct fixture f;
    uint64_t before = 0;
    (void)state;

    start(&f);
    f.res = (struct http_response){ .type = STR("text/plain"), .body = STR("ok") };
    for (int i = 0; i < 20; i++) {
        if (i == 10)
            before = mem_count();
        client_say(&f.client,
                   "GET /healthz HTTP/1.1\r\nHost: localhost:3000\r\nAccept: */*\r\n\r\n");
        for (int turns = 0; f.count <= i && turns < 1000; turns++)
            site_turns(&f.site, 1);
    }
    assert_int_equal(f.count, 20);
    assert_int_equal(mem_count(), before);
    finish(&f);
}

/* A client chooses when its long-polling answer is made, and of how much: it must not be able to
 * hold everybody else up. */
static void does_not_compress_for_long(void **state)
{
    enum { LARGE = 1 << 20 };
    static uint8_t text[LARGE + 1];
    struct fixture f;
    (void)state;

    start(&f);
    f.res = (struct http_response){ .body = str_n(text, LARGE), .compress = true };
    assert_int_equal(client_get(&f.client, "/", "Accept-Encoding: gzip\r\n"), 200);
    assert_str(client_header(&f.client, "content-encoding"), "gzip");
    f.res.body.n = LARGE + 1;
    assert_int_equal(client_get(&f.client, "/", "Accept-Encoding: gzip\r\n"), 200);
    assert_null(client_header(&f.client, "content-encoding").p);
    assert_int_equal(f.client.body.len, LARGE + 1);
    finish(&f);
}

TEST_MAIN(cmocka_unit_test(writes_what_was_asked), cmocka_unit_test(statuses_without_bodies),
          cmocka_unit_test(closes_when_told), cmocka_unit_test(shares_a_body),
          cmocka_unit_test(compresses_when_it_pays), cmocka_unit_test(does_not_compress_for_long),
          cmocka_unit_test(checks_headers), cmocka_unit_test(stops_reading_who_does_not_read),
          cmocka_unit_test(warm_requests_allocate_nothing))
