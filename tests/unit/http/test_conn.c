/* tests/unit/http/test_conn.c - requests in order, bodies, aborts and timeouts over real sockets.
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

#include "http/date.h"

/* A handler that answers at once with what it saw, or later, as told. */
struct echo {
    struct http_handler handler;
    struct http_request *held; /* the last request that was not answered */
    bool hold;                 /* do not answer on_request */
    unsigned answer_head;      /* answer on_head with this status; 0: no */
    bool own_413;              /* answer on_too_large itself */
    size_t body_bytes_max;     /* 0: leave the default */
    int heads, requests, aborts, too_large;
    bool aborted, requested, headed;
};

static void answer(struct http_request *r)
{
    struct buf b = { 0 };

    buf_format(&b, "%.*s %.*s %zu:", STR_ARG(r->head.method), STR_ARG(r->head.target), r->body.len);
    buf_append(&b, r->body.data, r->body.len);
    http_respond(r, &(struct http_response){ .type = STR("text/plain"), .body = buf_str(&b) });
    buf_free(&b);
}

static void echo_head(struct http_handler *h, struct http_request *r)
{
    struct echo *e = h->user;

    e->heads++;
    e->headed = true;
    assert_false(r->answered);
    if (e->body_bytes_max)
        r->body_bytes_max = e->body_bytes_max;
    if (e->answer_head)
        http_respond_status(r, e->answer_head);
}

static void echo_request(struct http_handler *h, struct http_request *r)
{
    struct echo *e = h->user;

    e->requests++;
    e->requested = true;
    if (e->hold)
        e->held = r;
    else
        answer(r);
}

static void echo_abort(struct http_handler *h, struct http_request *r)
{
    struct echo *e = h->user;

    assert_true(r->answered);
    e->aborts++;
    e->aborted = true;
}

static void echo_too_large(struct http_handler *h, struct http_request *r)
{
    struct echo *e = h->user;

    assert_false(r->answered);
    e->too_large++;
    if (e->own_413)
        http_respond(r, &(struct http_response){ .status = 413, .body = STR("own") });
}

struct fixture {
    struct site site;
    struct echo echo;
    struct client client;
};

static void open_with(struct fixture *f, const struct http_limits *limits)
{
    *f = (struct fixture){ 0 };
    site_open(&f->site, limits);
    f->echo.handler = (struct http_handler){ .user = &f->echo,
                                             .on_head = echo_head,
                                             .on_request = echo_request,
                                             .on_abort = echo_abort,
                                             .on_too_large = echo_too_large };
    assert_int_equal(http_router_mount(&f->site.router, STR("/"), &f->echo.handler), 0);
    client_open(&f->client, &f->site);
}

static void finish(struct fixture *f)
{
    client_close(&f->client);
    site_close(&f->site);
}

static void answers_a_get(void **state)
{
    struct fixture f;
    int64_t date_s;
    (void)state;

    open_with(&f, NULL);
    assert_int_equal(client_get(&f.client, "/a?b=c", ""), 200);
    assert_str(buf_str(&f.client.body), "GET /a?b=c 0:");
    assert_str(client_header(&f.client, "content-type"), "text/plain");
    assert_true(http_date_read(client_header(&f.client, "date"), &date_s));
    assert_in_range(f.site.loop.wall_ms / 1000 - date_s, 0, 60);
    assert_null(client_header(&f.client, "connection").p);
    assert_int_equal(client_get(&f.client, "/again", ""), 200);
    assert_str(buf_str(&f.client.body), "GET /again 0:");
    assert_int_equal(f.site.server.stats.connections, 1);
    assert_int_equal(f.site.server.stats.requests, 2);
    finish(&f);
}

/* A body may be split anywhere; the answer does not depend on it. */
static void reads_at_every_split(void **state)
{
    static const char *const requests[] = {
        "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: v\r\n\r\n",
    };
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    for (size_t i = 0; i < 2; i++) {
        str whole = str_of(requests[i]);
        for (size_t at = 1; at < whole.n; at++) {
            client_send(&f.client, str_n(whole.p, at));
            site_turns(&f.site, 2);
            client_send(&f.client, str_n(whole.p + at, whole.n - at));
            assert_int_equal(client_response(&f.client, "POST"), 200);
            assert_str(buf_str(&f.client.body), "POST /p 5:hello");
        }
    }
    finish(&f);
}

static void reads_byte_by_byte(void **state)
{
    static const char text[] =
        "\r\nPOST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        client_send(&f.client, str_n(text + i, 1));
        site_turns(&f.site, 1);
    }
    assert_int_equal(client_response(&f.client, "POST"), 200);
    assert_str(buf_str(&f.client.body), "POST /p 5:hello");
    finish(&f);
}

static void answers_pipelined_in_order(void **state)
{
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    client_say(&f.client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
                          "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
                          "HEAD /3 HTTP/1.1\r\nHost: x\r\n\r\n"
                          "GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                          "GET /5 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(buf_str(&f.client.body), "GET /1 0:");
    assert_int_equal(client_response(&f.client, "POST"), 200);
    assert_str(buf_str(&f.client.body), "POST /2 2:hi");
    assert_int_equal(client_response(&f.client, "HEAD"), 200);
    assert_int_equal(f.client.head.length, sizeof "HEAD /3 0:" - 1);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(buf_str(&f.client.body), "GET /4 0:");
    assert_str(client_header(&f.client, "connection"), "close");
    assert_int_equal(client_response(&f.client, "GET"), 0); /* /5 came after the close */
    assert_int_equal(f.echo.requests, 4);
    finish(&f);
}

/* How much of a dribbled head was looked at is forgotten with it. */
static void dribbles_do_not_delay_the_next(void **state)
{
    static const char first[] =
        "GET /first/with/a/long/path HTTP/1.1\r\nHost: x\r\nA: bbbbbbbb\r\n\r";
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    client_send(&f.client, STR(first));
    site_turns(&f.site, 3);
    client_say(&f.client,
               "\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /third/comes/later HTTP/1.1\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(buf_str(&f.client.body), "GET /2 0:");
    client_say(&f.client, "Host: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    finish(&f);
}

/* While one is held, the next is not handled; afterwards it is, in order. */
static void holds_pipelined_back(void **state)
{
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    f.echo.hold = true;
    client_say(&f.client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.echo.requested);
    client_say(&f.client, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    site_turns(&f.site, 5); /* nothing happens */
    assert_int_equal(f.echo.requests, 1);
    f.echo.hold = false;
    assert_str(f.echo.held->head.path, "/1");
    answer(f.echo.held);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(buf_str(&f.client.body), "GET /1 0:");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(buf_str(&f.client.body), "GET /2 0:");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(buf_str(&f.client.body), "GET /3 0:");
    assert_int_equal(f.echo.aborts, 0);
    finish(&f);
}

static void keeps_http10_only_when_asked(void **state)
{
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    client_say(&f.client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(client_header(&f.client, "connection"), "keep-alive");
    client_say(&f.client, "GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(client_header(&f.client, "connection"), "close");
    client_until_ended(&f.client);
    finish(&f);
}

static void sends_100_when_expected(void **state)
{
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                          "Expect: 100-continue\r\n\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 100);
    client_say(&f.client, "ok");
    assert_int_equal(client_response(&f.client, "POST"), 200);
    assert_str(buf_str(&f.client.body), "POST / 2:ok");
    /* With the body already there nobody waits for it. */
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                          "Expect: 100-continue\r\n\r\nok");
    assert_int_equal(client_response(&f.client, "POST"), 200);
    /* A refusal instead of 100 ends the connection: the body may follow, or not. */
    f.echo.answer_head = 403;
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                          "Expect: 100-continue\r\n\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 403);
    assert_str(client_header(&f.client, "connection"), "close");
    client_until_ended(&f.client);
    finish(&f);
}

static void drops_small_rest_of_answered_body(void **state)
{
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    f.echo.answer_head = 404;
    client_say(&f.client, "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234");
    assert_int_equal(client_response(&f.client, "POST"), 404);
    assert_null(client_header(&f.client, "connection").p);
    f.echo.answer_head = 0;
    client_say(&f.client, "56789GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(buf_str(&f.client.body), "GET /2 0:");
    assert_int_equal(f.echo.requests, 1); /* on_request was not called for the answered one */
    f.echo.answer_head = 404;
    client_say(&f.client, "POST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n0");
    assert_int_equal(client_response(&f.client, "POST"), 404);
    assert_str(client_header(&f.client, "connection"), "close");
    client_until_ended(&f.client);
    assert_int_equal(f.echo.aborts, 0);
    finish(&f);
}

/* Chunked: nobody knows how much follows, so it is read up to a bound. */
static void stops_dropping_chunks(void **state)
{
    struct fixture f;
    char chunk[1000 + 7];
    (void)state;

    open_with(&f, NULL);
    memcpy(chunk, "3e8\r\n", 5);
    memset(chunk + 5, 'x', 1000);
    memcpy(chunk + 1005, "\r\n", 2);
    f.echo.answer_head = 404;
    client_say(&f.client, "POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 404);
    for (int i = 0; i < 60; i++)
        client_send(&f.client, str_n(chunk, sizeof chunk));
    site_turns(&f.site, 3);
    assert_int_equal(f.site.server.stats.connections_open, 1);
    for (int i = 0; i < 60; i++)
        client_send(&f.client, str_n(chunk, sizeof chunk));
    client_until_ended(&f.client);
    assert_int_equal(f.site.server.stats.connections_open, 0);
    assert_int_equal(f.echo.aborts, 0);
    finish(&f);
}

static void refuses_large_bodies(void **state)
{
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    f.echo.body_bytes_max = 8;
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n01234567");
    assert_int_equal(client_response(&f.client, "POST"), 200);
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n012345678");
    assert_int_equal(client_response(&f.client, "POST"), 413);
    assert_int_equal(f.client.body.len, 0);
    /* So few bytes are read and dropped: the connection lives. */
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5\r\n01234\r\n4\r\n5678\r\n0\r\n\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 413);
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "9\r\n012345678\r\n0\r\n\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 413);
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    /* What the handler refused itself is not refused again. */
    f.echo.answer_head = 404;
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n012345678");
    assert_int_equal(client_response(&f.client, "POST"), 404);
    f.echo.answer_head = 0;
    f.echo.own_413 = true;
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n012345678");
    assert_int_equal(client_response(&f.client, "POST"), 413);
    assert_str(buf_str(&f.client.body), "own");
    f.echo.own_413 = false;
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n01");
    assert_int_equal(client_response(&f.client, "POST"), 413);
    assert_str(client_header(&f.client, "connection"), "close");
    client_until_ended(&f.client);
    assert_int_equal(f.echo.requests, 2);
    assert_int_equal(f.echo.too_large, 5);
    assert_int_equal(f.echo.aborts, 0);
    assert_int_equal(f.site.server.stats.too_large, 5);
    finish(&f);
}

static void tells_of_a_client_that_left(void **state)
{
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    f.echo.hold = true;
    client_say(&f.client, "GET /poll HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.echo.requested);
    client_close(&f.client);
    site_until(&f.site, f.echo.aborted);
    assert_int_equal(f.echo.aborts, 1);
    assert_int_equal(f.site.server.stats.aborted, 1);

    f.echo.aborted = f.echo.headed = false;
    client_open(&f.client, &f.site);
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n0123");
    site_until(&f.site, f.echo.headed);
    client_close(&f.client);
    site_until(&f.site, f.echo.aborted);
    assert_int_equal(f.echo.aborts, 2);
    assert_int_equal(f.echo.requests, 1);
    finish(&f);
}

static void aborts_on_half_close_and_reset(void **state)
{
    struct linger hard = { .l_onoff = 1 };
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    f.echo.hold = true;
    client_say(&f.client, "GET /poll HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.echo.requested);
    shutdown(f.client.fd, SHUT_WR);
    client_until_ended(&f.client);
    assert_int_equal(f.echo.aborts, 1);
    client_close(&f.client);

    f.echo.aborted = f.echo.requested = false;
    client_open(&f.client, &f.site);
    client_say(&f.client, "GET /poll HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.echo.requested);
    setsockopt(f.client.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_close(&f.client);
    site_until(&f.site, f.echo.aborted);
    assert_int_equal(f.echo.aborts, 2);
    finish(&f);
}

/* A client that asks, says it is done, and reads: it gets what was answered at once. */
static void answers_before_half_close(void **state)
{
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    client_say(&f.client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(f.client.fd, SHUT_WR);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    client_until_ended(&f.client);
    finish(&f);
}

static void refuses_bad_heads(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
    } cases[] = {
        { "GET / HTTP/1.1\r\n\r\n", 400 },
        { "GET / HTTP/1.1\nHost: x\n\n", 400 },
        { "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505 },
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
        { "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          400 },
        { "\x16\x03\x01\x02", 400 },
    };
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client_send(&f.client, str_of(cases[i].text));
        assert_int_equal(client_response(&f.client, "GET"), cases[i].status);
        assert_str(client_header(&f.client, "connection"), "close");
        assert_int_equal(client_response(&f.client, "GET"), 0);
        assert_int_equal(f.site.server.stats.bad_requests, i + 1);
        client_close(&f.client);
        client_open(&f.client, &f.site);
    }
    assert_int_equal(f.echo.heads, 0);
    finish(&f);
}

static void refuses_long_heads(void **state)
{
    char filler[1000];
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    memset(filler, 'a', sizeof filler);
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    for (int i = 0; i < 20; i++)
        client_send(&f.client, str_n(filler, sizeof filler));
    assert_int_equal(client_response(&f.client, "GET"), 431);
    client_close(&f.client);
    client_open(&f.client, &f.site);
    client_say(&f.client, "GET /");
    for (int i = 0; i < 20; i++)
        client_send(&f.client, str_n(filler, sizeof filler));
    assert_int_equal(client_response(&f.client, "GET"), 414);
    finish(&f);
}

static void refuses_bad_chunks(void **state)
{
    struct fixture f;
    (void)state;

    open_with(&f, NULL);
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5\r\nhelloGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 400);
    assert_int_equal(client_response(&f.client, "GET"), 0);
    assert_int_equal(f.echo.requests, 0);
    assert_int_equal(f.echo.aborts, 1);
    assert_int_equal(f.site.server.stats.bad_requests, 1);
    finish(&f);
}

TEST_MAIN(cmocka_unit_test(answers_a_get), cmocka_unit_test(reads_at_every_split),
          cmocka_unit_test(reads_byte_by_byte), cmocka_unit_test(answers_pipelined_in_order),
          cmocka_unit_test(dribbles_do_not_delay_the_next), cmocka_unit_test(holds_pipelined_back),
          cmocka_unit_test(keeps_http10_only_when_asked), cmocka_unit_test(sends_100_when_expected),
          cmocka_unit_test(drops_small_rest_of_answered_body),
          cmocka_unit_test(stops_dropping_chunks), cmocka_unit_test(refuses_large_bodies),
          cmocka_unit_test(tells_of_a_client_that_left),
          cmocka_unit_test(aborts_on_half_close_and_reset),
          cmocka_unit_test(answers_before_half_close), cmocka_unit_test(refuses_bad_heads),
          cmocka_unit_test(refuses_long_heads), cmocka_unit_test(refuses_bad_chunks))
