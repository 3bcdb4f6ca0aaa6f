/* tests/unit/http/test_pull.c - streamed answers, to the end and broken off.
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/socket.h>

#include "client.h"

enum { PIECE = 50000 };

struct fixture {
    struct site site;
    struct client client;
    struct http_handler handler;
    struct http_pull pull;
    uint64_t promised, given, have; /* have: what the source can give at all */
    int drains, done, complete;
    bool is_done, from_head;
};

static void on_drain(struct http_pull *p, struct http_request *r)
{
    static char piece[PIECE];
    struct fixture *f = container_of(p, struct fixture, pull);
    uint64_t left = f->have - f->given, n = left < PIECE ? left : PIECE;

    f->drains++;
    assert_true(r->responding);
    assert_false(f->is_done);
    for (size_t i = 0; i < n; i++)
        piece[i] = (char)('a' + (f->given + i) % 23);
    f->given += n;
    if (n > 0)
        http_respond_piece(r, str_n(piece, (size_t)n));
}

static void on_done(struct http_pull *p, bool complete)
{
    struct fixture *f = container_of(p, struct fixture, pull);

    f->done++;
    f->complete += complete;
    f->is_done = true;
}

static void respond(struct http_handler *h, struct http_request *r)
{
    struct fixture *f = h->user;

    f->is_done = false;
    f->given = 0;
    http_respond_stream(r, &(struct http_response){ .type = STR("text/plain") }, f->promised,
                        &f->pull);
}

static void on_head(struct http_handler *h, struct http_request *r)
{
    struct fixture *f = h->user;

    if (f->from_head)
        respond(h, r);
}

static void never(struct http_handler *h, struct http_request *r)
{
    (void)h, (void)r;
    fail_msg("an answered request was aborted");
}

static void start(struct fixture *f, uint64_t promised, uint64_t have)
{
    *f = (struct fixture){
        .handler = { .user = f, .on_head = on_head, .on_request = respond, .on_abort = never },
        .pull = { .on_drain = on_drain, .on_done = on_done },
        .promised = promised,
        .have = have
    };
    site_open(&f->site, NULL);
    assert_int_equal(http_router_mount(&f->site.router, STR("/"), &f->handler), 0);
    client_open(&f->client, &f->site);
}

static void finish(struct fixture *f)
{
    client_close(&f->client);
    site_close(&f->site);
}

static void gives_all_of_it(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 3000000, 3000000);
    for (int i = 1; i <= 2; i++) { /* the connection is good for another */
        assert_int_equal(client_get(&f.client, "/", ""), 200);
        assert_int_equal(f.client.body.len, 3000000);
        for (size_t at = 0; at < f.client.body.len; at++)
            if (f.client.body.data[at] != 'a' + at % 23)
                fail_msg("wrong byte at %zu", at);
        assert_int_equal(f.done, i);
        assert_int_equal(f.complete, i);
    }
    finish(&f);
    assert_int_equal(f.done, 2);
}

static void head_and_nothing(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 1000, 1000);
    client_say(&f.client, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "HEAD"), 200);
    assert_int_equal(f.client.head.length, 1000);
    assert_int_equal(f.drains, 0);
    assert_int_equal(f.complete, 1);
    f.promised = 0;
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_int_equal(f.client.body.len, 0);
    assert_int_equal(f.complete, 2);
    finish(&f);
}

/* Pieces wait for the client: what is queued stays small. */
static void waits_for_a_slow_client(void **state)
{
    struct fixture f;
    uint64_t given;
    (void)state;

    start(&f, 50000000, 50000000);
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.given > 0);
    do { /* until it gives no more */
        given = f.given;
        site_turns(&f.site, 20);
    } while (f.given > given);
    assert_true(given < f.promised);
    assert_true(stream_stats.queued_bytes <= 2 * PIECE);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_int_equal(f.client.body.len, 50000000);
    finish(&f);
}

/* The length was promised: the client must see that it did not come. */
static void cuts_when_the_source_is_short(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 1000000, 400000);
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 0);
    assert_true(f.client.ended);
    assert_int_equal(f.done, 1);
    assert_int_equal(f.complete, 0);
    finish(&f);
}

static void releases_when_the_client_leaves(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 50000000, 50000000);
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.given > 0);
    assert_int_equal(f.done, 0);
    client_close(&f.client);
    site_until(&f.site, f.is_done);
    assert_int_equal(f.complete, 0);
    assert_int_equal(f.site.server.stats.aborted, 0);
    finish(&f);
    assert_int_equal(f.done, 1);
}

static void gives_up_on_who_never_reads(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 50000000, 50000000);
    f.site.server.limits.write_timeout_ms = 30;
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.is_done);
    assert_int_equal(f.complete, 0);
    assert_int_equal(f.site.server.stats.timeouts, 1);
    finish(&f);
}

/* One that says it has no more to ask still reads. */
static void serves_after_half_close(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 1000000, 1000000);
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(f.client.fd, SHUT_WR);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_int_equal(f.client.body.len, 1000000);
    client_until_ended(&f.client);
    finish(&f);
}

/* From on_head, while the body is still coming. */
static void streams_while_the_body_comes(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 1000000, 1000000);
    f.from_head = true;
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234");
    site_turns(&f.site, 5);
    client_say(&f.client, "56789GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 200);
    assert_int_equal(f.client.body.len, 1000000);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_int_equal(f.client.body.len, 1000000);
    finish(&f);
}

/* Too much of a body that nobody wants: the answer is still completed, then the connection ends. */
static void completes_before_it_ends(void **state)
{
    static char chunk[0x1000 + 8];
    struct fixture f;
    (void)state;

    start(&f, 20000000, 20000000);
    f.from_head = true;
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + sizeof chunk - 2, "\r\n", 2);
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 32; i++)
        client_send(&f.client, str_n(chunk, sizeof chunk));
    assert_int_equal(client_response(&f.client, "POST"), 200);
    assert_int_equal(f.client.body.len, 20000000);
    assert_int_equal(f.complete, 1);
    client_until_ended(&f.client);
    assert_int_equal(f.client.in.len, 0); /* the rest was not taken for a request */
    finish(&f);
}

static void completes_in_spite_of_a_bad_body(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 1000000, 1000000);
    f.from_head = true;
    client_say(&f.client,
               "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 200);
    assert_int_equal(f.client.body.len, 1000000);
    assert_int_equal(f.complete, 1);
    client_until_ended(&f.client);
    assert_int_equal(f.client.in.len, 0);
    assert_int_equal(f.site.server.stats.bad_requests, 1);
    finish(&f);
}

static void dies_with_the_server(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 50000000, 50000000);
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.given > 0);
    finish(&f);
    assert_int_equal(f.done, 1);
    assert_int_equal(f.complete, 0);
}

TEST_MAIN(cmocka_unit_test(gives_all_of_it), cmocka_unit_test(head_and_nothing),
          cmocka_unit_test(waits_for_a_slow_client),
          cmocka_unit_test(cuts_when_the_source_is_short),
          cmocka_unit_test(releases_when_the_client_leaves),
          cmocka_unit_test(gives_up_on_who_never_reads), cmocka_unit_test(serves_after_half_close),
          cmocka_unit_test(streams_while_the_body_comes),
          cmocka_unit_test(completes_before_it_ends),
          cmocka_unit_test(completes_in_spite_of_a_bad_body),
          cmocka_unit_test(dies_with_the_server))
