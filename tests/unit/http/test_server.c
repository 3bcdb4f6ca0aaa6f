/* tests/unit/http/test_server.c - limits, timeouts, upgrades, closing.
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

struct fixture {
    struct site site;
    struct client client;
    struct http_handler handler;
    struct http_request *held;
    struct stream *taken;
    struct buf taken_bytes;
    int aborts;
    bool hold, take, requested, aborted, take_ended;
};

static size_t taken_data(struct stream *s, uint8_t *data, size_t n)
{
    struct fixture *f = s->owner;

    buf_append(&f->taken_bytes, data, n);
    return n;
}

static void taken_end(struct stream *s)
{
    struct fixture *f = s->owner;

    f->take_ended = true;
}

static void taken_close(struct stream *s, int err)
{
    struct fixture *f = s->owner;

    (void)err;
    f->taken = NULL;
}

static void take_over(struct fixture *f, struct http_request *r)
{
    static const struct stream_events events = { .on_data = taken_data,
                                                 .on_end = taken_end,
                                                 .on_close = taken_close };

    f->taken = http_take_stream(r);
    assert_true(r->answered);
    stream_give(f->taken, &events, f);
    stream_write(f->taken, STR("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
}

static void on_request(struct http_handler *h, struct http_request *r)
{
    struct fixture *f = h->user;

    f->requested = true;
    f->held = r;
    if (f->take && r->head.upgrade)
        take_over(f, r);
    else if (!f->hold)
        http_respond(r, &(struct http_response){ .body = http_peer(r) });
}

static void on_abort(struct http_handler *h, struct http_request *r)
{
    struct fixture *f = h->user;

    assert_true(r->answered);
    f->aborts++;
    f->aborted = true;
}

static void start(struct fixture *f, struct http_limits limits)
{
    *f = (struct fixture){ .handler = {
                               .user = f, .on_request = on_request, .on_abort = on_abort } };
    site_open(&f->site, &limits);
    assert_int_equal(http_router_mount(&f->site.router, STR("/"), &f->handler), 0);
    client_open(&f->client, &f->site);
}

static void finish(struct fixture *f)
{
    client_close(&f->client);
    site_close(&f->site);
    buf_free(&f->taken_bytes);
}

static void names_the_peer(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_str(buf_str(&f.client.body), "127.0.0.1");
    finish(&f);
}

static void turns_away_beyond_the_limit(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct client second, third;
    struct fixture f;
    (void)state;

    limits.connections_max = 2;
    start(&f, limits);
    client_open(&second, &f.site);
    client_open(&third, &f.site);
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_int_equal(client_get(&second, "/", ""), 200);
    assert_int_equal(client_response(&third, "GET"), 503);
    client_until_ended(&third);
    assert_int_equal(f.site.server.stats.refused, 1);
    assert_int_equal(f.site.server.stats.connections, 3);
    assert_int_equal(f.site.server.stats.connections_open, 2);
    client_close(&second);
    client_close(&third);
    site_until(&f.site, f.site.server.stats.connections_open == 1);
    client_open(&third, &f.site); /* there is room again */
    assert_int_equal(client_get(&third, "/", ""), 200);
    client_close(&third);
    finish(&f);
}

/* --- Slow clients --- */

static void head_timeout(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct client silent;
    struct fixture f;
    (void)state;

    limits.head_timeout_ms = 60;
    start(&f, limits);
    client_open(&silent, &f.site);
    /* A byte now and then does not help: the head as a whole is late. */
    client_say(&f.client, "GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < 2000 && f.site.server.stats.timeouts < 2; i++) {
        client_say(&f.client, "a");
        site_turns(&f.site, 2);
    }
    assert_int_equal(f.site.server.stats.timeouts, 2);
    assert_int_equal(client_response(&f.client, "GET"), 408);
    assert_str(client_header(&f.client, "connection"), "close");
    client_until_ended(&f.client);
    /* One that sent nothing did not ask, and is not answered. */
    client_until_ended(&silent);
    assert_int_equal(silent.in.len, 0);
    assert_int_equal(f.site.server.stats.bad_requests, 0);
    client_close(&silent);
    finish(&f);
}

static void idle_timeout(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct fixture f;
    (void)state;

    limits.idle_timeout_ms = 30;
    start(&f, limits);
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    client_say(&f.client, "\r\n"); /* a leftover, not a request */
    client_until_ended(&f.client);
    assert_int_equal(f.client.in.len, 0);
    assert_int_equal(f.site.server.stats.timeouts, 1);
    finish(&f);
}

static void body_timeout(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct fixture f;
    (void)state;

    limits.body_timeout_ms = 30;
    start(&f, limits);
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab");
    assert_int_equal(client_response(&f.client, "POST"), 408);
    client_until_ended(&f.client);
    assert_int_equal(f.aborts, 1);
    assert_false(f.requested);
    assert_int_equal(f.site.server.stats.timeouts, 1);
    finish(&f);
}

/* A held request is under no timer but its handler's. */
static void held_requests_do_not_time_out(void **state)
{
    struct http_limits limits = { 16384, 1 << 20, 20, 20, 20, 0, 20 };
    struct fixture f;
    (void)state;

    start(&f, limits);
    f.hold = true;
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.requested);
    for (uint64_t until = f.site.loop.now_ms + 100; f.site.loop.now_ms < until;)
        site_turns(&f.site, 1);
    assert_int_equal(f.site.server.stats.timeouts, 0);
    http_respond_status(f.held, 404);
    assert_int_equal(client_response(&f.client, "GET"), 404);
    assert_str(buf_str(&f.client.body), "Not Found");
    finish(&f);
}

/* A client that reads slowly, but reads, is not idle. */
static void slow_readers_are_not_idle(void **state)
{
    static char large[16 * 1024 * 1024];
    struct fixture f;
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    f.site.server.limits.idle_timeout_ms = 30;
    f.hold = true;
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.requested);
    http_respond(f.held, &(struct http_response){ .body = str_n(large, sizeof large) });
    site_turns(&f.site, 60);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_int_equal(f.client.body.len, sizeof large);
    finish(&f);
}

/* --- Upgrades --- */

static const char upgrade[] = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
                              "Upgrade: test\r\n\r\n";

static void gives_the_stream_away(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    f.take = true;
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    client_send(&f.client, STR(upgrade));
    client_say(&f.client, "early");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_int_equal(client_response(&f.client, "GET"), 101);
    site_until(&f.site, f.taken_bytes.len == 5);
    client_say(&f.client, " late");
    site_until(&f.site, f.taken_bytes.len == 10);
    assert_str(buf_str(&f.taken_bytes), "early late");
    assert_int_equal(f.site.server.stats.upgrades, 1);
    assert_int_equal(f.site.server.stats.connections_open, 0);
    http_server_abort(&f.site.server); /* it is not the server's any more */
    client_say(&f.client, "!");
    site_until(&f.site, f.taken_bytes.len == 11);
    client_close(&f.client);
    site_until(&f.site, f.take_ended);
    stream_close(f.taken, 0);
    assert_null(f.taken);
    finish(&f);
}

/* Decided later: what came meanwhile waits. */
static void gives_the_stream_away_later(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    f.hold = true;
    client_send(&f.client, STR(upgrade));
    client_say(&f.client, "early");
    site_until(&f.site, f.requested);
    site_turns(&f.site, 3);
    client_say(&f.client, " late");
    take_over(&f, f.held);
    assert_int_equal(client_response(&f.client, "GET"), 101);
    site_until(&f.site, f.taken_bytes.len == 10);
    assert_str(buf_str(&f.taken_bytes), "early late");
    assert_int_equal(f.aborts, 0);
    stream_close(f.taken, 0);
    finish(&f);
}

/* What follows a head with a body and an Upgrade would be read in two ways. */
/* A limit of connections that upgraded ones escaped would limit nothing. */
static void upgraded_ones_count(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct client late;
    struct fixture f;
    (void)state;

    limits.connections_max = 1;
    start(&f, limits);
    f.take = true;
    client_send(&f.client, STR(upgrade));
    site_until(&f.site, f.taken);
    assert_int_equal(f.site.server.stats.connections_open, 0);
    client_open(&late, &f.site);
    assert_int_equal(client_response(&late, "GET"), 503);
    client_close(&late);
    stream_close(f.taken, 0);
    client_open(&late, &f.site);
    assert_int_equal(client_get(&late, "/", ""), 200);
    client_close(&late);
    finish(&f);
}

static void no_upgrade_with_a_body(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    f.take = true;
    client_say(&f.client, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
                          "Upgrade: test\r\nContent-Length: 2\r\n\r\nhi");
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_int_equal(f.site.server.stats.upgrades, 0);
    finish(&f);
}

/* --- Closing --- */

static void closes_gracefully(void **state)
{
    struct client idle;
    struct fixture f;
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    client_open(&idle, &f.site);
    assert_int_equal(client_get(&idle, "/", ""), 200);
    f.requested = false;
    f.hold = true;
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.requested);
    http_server_close(&f.site.server);
    client_until_ended(&idle);
    site_turns(&f.site, 5);
    assert_int_equal(f.site.server.stats.connections_open, 1);
    assert_int_equal(f.aborts, 0);
    http_respond_status(f.held, 200);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(client_header(&f.client, "connection"), "close");
    client_until_ended(&f.client);
    assert_int_equal(f.site.server.stats.connections_open, 0);
    client_close(&idle);
    /* One that comes after that is turned away. */
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    http_server_adopt(&f.site.server, pair[0]);
    client_close(&f.client);
    f.client = (struct client){ .site = &f.site, .fd = pair[1] };
    assert_int_equal(client_response(&f.client, "GET"), 503);
    finish(&f);
}

static void aborts_all(void **state)
{
    struct client other;
    struct fixture f;
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    f.hold = true;
    client_open(&other, &f.site);
    client_say(&other, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    client_say(&f.client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab");
    site_until(&f.site, f.requested && f.site.server.stats.requests == 2);
    http_server_abort(&f.site.server);
    assert_int_equal(f.aborts, 2);
    assert_int_equal(f.site.server.stats.connections_open, 0);
    client_until_ended(&f.client);
    client_until_ended(&other);
    client_close(&other);
    finish(&f);
}

static void on_request_abort(struct http_handler *h, struct http_request *r)
{
    struct fixture *f = h->user;

    (void)r;
    http_server_abort(&f->site.server);
}

static void abort_within_a_handler(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    f.handler.on_request = on_request_abort;
    client_say(&f.client, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    client_until_ended(&f.client);
    assert_int_equal(f.aborts, 1);
    finish(&f);
}

static void adopts_a_descriptor(void **state)
{
    struct fixture f;
    int pair[2];
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    http_server_adopt(&f.site.server, pair[0]);
    client_close(&f.client);
    f.client = (struct client){ .site = &f.site, .fd = pair[1] };
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    finish(&f);
}

static void says_why_it_cannot_listen(void **state)
{
    struct http_server other;
    struct fixture f;
    char why[ATR_WHY_MAX] = "";
    (void)state;

    start(&f, HTTP_LIMITS_DEFAULT);
    http_server_init(&other, &f.site.loop, &f.site.server.limits, http_router_find, &f.site.router);
    assert_true(http_server_listen(&other, "127.0.0.1", f.site.server.listener.port, why) < 0);
    assert_true(strlen(why) > 0);
    http_server_close(&other);
    finish(&f);
}

TEST_MAIN(cmocka_unit_test(names_the_peer), cmocka_unit_test(turns_away_beyond_the_limit),
          cmocka_unit_test(head_timeout), cmocka_unit_test(idle_timeout),
          cmocka_unit_test(body_timeout), cmocka_unit_test(held_requests_do_not_time_out),
          cmocka_unit_test(slow_readers_are_not_idle), cmocka_unit_test(gives_the_stream_away),
          cmocka_unit_test(gives_the_stream_away_later), cmocka_unit_test(upgraded_ones_count),
          cmocka_unit_test(no_upgrade_with_a_body), cmocka_unit_test(closes_gracefully),
          cmocka_unit_test(aborts_all), cmocka_unit_test(abort_within_a_handler),
          cmocka_unit_test(adopts_a_descriptor), cmocka_unit_test(says_why_it_cannot_listen))
