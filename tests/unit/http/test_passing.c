/* tests/unit/http/test_passing.c - connections that another server goes on with, and requests that
 * it answers for this one.
 *
 * Two servers on one loop stand for two processes: what is between them is a descriptor and bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "client.h"

struct fixture {
    struct site site;         /* the first server, which clients connect to */
    struct http_server other; /* the second one */
    struct http_router routes;
    struct http_handler first, second;
    struct client client;
    struct stream *moving; /* between the two */
    struct loop_job job;   /* passes it on */
    bool stay;             /* not yet */
    struct buf bytes;
    unsigned moves;
    int closed;                /* what moved closed before it arrived */
    struct http_request *held; /* by the second */
    bool hold;
    struct http_origin origin; /* what the second was told of the last request */
    char peer[64], cert[64];
};

static struct fixture f;

static size_t moving_data(struct stream *s, uint8_t *data, size_t n)
{
    (void)s, (void)data, (void)n;
    fail_msg("read while it moves");
    return 0;
}

static void moving_end(struct stream *s)
{
    stream_close(s, ATR_ECLOSED);
}

static void moving_close(struct stream *s, int err)
{
    (void)s, (void)err;
    f.moving = NULL;
    f.closed++;
}

static const struct stream_events moving_events = { .on_data = moving_data,
                                                    .on_end = moving_end,
                                                    .on_close = moving_close };

/* /second belongs to the second server; a request that came from there is answered all the same. */
static void first_head(struct http_handler *h, struct http_request *r)
{
    (void)h;
    if (!str_starts(r->head.path, STR("/second")) || r->arrived)
        return;
    assert_true(http_may_hand_over(r));
    f.moves = http_moves(r) + 1;
    f.moving = http_hand_over(r, &f.bytes);
    assert_true(r->answered);
    stream_give(f.moving, &moving_events, NULL);
    if (!f.stay)
        loop_defer(&f.site.loop, &f.job);
}

/* Once all that was answered before is written. */
static void pass_on(struct loop_job *job)
{
    int fd;

    if (!f.moving)
        return;
    if (stream_has_queue(f.moving)) {
        loop_defer(&f.site.loop, job);
        return;
    }
    fd = stream_detach(f.moving, &f.bytes, NULL);
    f.moving = NULL;
    assert_true(fd >= 0);
    http_server_adopt_bytes(&f.other, fd, buf_str(&f.bytes), f.moves);
    buf_clear(&f.bytes);
}

static void answer(const char *who, struct http_request *r)
{
    struct buf b = { 0 };

    buf_format(&b, "%s %.*s %.*s", who, STR_ARG(r->head.path), STR_ARG(buf_str(&r->body)));
    http_respond(r, &(struct http_response){ .body = buf_str(&b) });
    buf_free(&b);
}

static void first_request(struct http_handler *h, struct http_request *r)
{
    (void)h;
    answer("first", r);
}

static void second_request(struct http_handler *h, struct http_request *r)
{
    bool verified;
    str cert = http_client_cert(r, &verified);

    (void)h;
    (void)snprintf(f.peer, sizeof f.peer, "%.*s", STR_ARG(http_peer(r)));
    (void)snprintf(f.cert, sizeof f.cert, "%.*s", STR_ARG(cert));
    f.origin.secure = r->secure;
    f.origin.verified = verified;
    if (f.hold)
        f.held = r;
    else
        answer(r->arrived ? "arrived" : "second", r);
}

static void second_abort(struct http_handler *h, struct http_request *r)
{
    (void)h, (void)r;
    f.held = NULL;
}

static int setup(void **state)
{
    (void)state;
    f = (struct fixture){ .first = { .on_head = first_head, .on_request = first_request },
                          .second = { .on_request = second_request, .on_abort = second_abort } };
    loop_job_init(&f.job, pass_on);
    site_open(&f.site, NULL);
    http_router_init(&f.routes);
    http_server_init(&f.other, &f.site.loop, &HTTP_LIMITS_DEFAULT, http_router_find, &f.routes);
    assert_int_equal(http_router_mount(&f.site.router, STR("/"), &f.first), 0);
    assert_int_equal(http_router_mount(&f.routes, STR("/"), &f.second), 0);
    client_open(&f.client, &f.site);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    client_close(&f.client);
    http_server_abort(&f.other);
    http_server_abort(&f.site.server);
    site_close(&f.site);
    assert_int_equal(f.other.stats.connections_open, 0);
    http_router_free(&f.routes);
    buf_free(&f.bytes);
    stream_trim();
    return 0;
}

static void expect(const char *body)
{
    assert_int_equal(client_response(&f.client, "GET"), 200);
    if (!str_eq(buf_str(&f.client.body), str_of(body)))
        fail_msg("%.*s, not %s", STR_ARG(buf_str(&f.client.body)), body);
}

static void a_request_is_answered_elsewhere(void **state)
{
    (void)state;
    client_say(&f.client, "GET /second/a HTTP/1.1\r\nHost: x\r\n\r\n");
    expect("arrived /second/a ");
    client_say(&f.client, "GET /second/b HTTP/1.1\r\nHost: x\r\n\r\n");
    expect("second /second/b "); /* the connection lives there now */
    assert_string_equal(f.peer, "127.0.0.1");
    assert_int_equal(f.site.server.stats.handed_over, 1);
    assert_int_equal(f.site.server.stats.connections_open, 0);
    assert_int_equal(f.site.server.streams_open, 0);
    assert_int_equal(f.other.stats.adopted, 1);
    assert_int_equal(f.other.stats.connections_open, 1);
}

/* Heads, bodies of both kinds, and what is pipelined, cut at every place: nobody can tell. */
static void cut_everywhere(void **state)
{
    static const char text[] =
        "POST /second/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
        "POST /second/2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
        "GET /second/3 HTTP/1.1\r\nHost: x\r\n\r\n";
    size_t n = sizeof text - 1;
    (void)state;

    for (size_t cut = 1; cut < n; cut++) {
        client_close(&f.client);
        client_open(&f.client, &f.site);
        f.stay = cut % 2; /* until the rest has come */
        client_send(&f.client, str_n(text, cut));
        for (int i = 0; i < 4; i++)
            assert_int_equal(loop_turn(&f.site.loop, 0), 0);
        client_send(&f.client, str_n(text + cut, n - cut));
        assert_int_equal(loop_turn(&f.site.loop, 0), 0);
        f.stay = false;
        loop_defer(&f.site.loop, &f.job);
        expect("arrived /second/1 hello");
        expect("second /second/2 abcde");
        expect("second /second/3 ");
    }
}

/* What was answered before is written here first, in order. */
static void pipelined_behind_what_is_answered_here(void **state)
{
    (void)state;
    client_say(&f.client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
                          "GET /second/3 HTTP/1.1\r\nHost: x\r\n\r\n"
                          "GET /4 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect("first /1 ");
    expect("first /2 ");
    expect("arrived /second/3 ");
    expect("second /4 ");
}

static void a_client_that_leaves_while_it_moves(void **state)
{
    (void)state;
    f.stay = true;
    client_say(&f.client, "GET /second HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.moving);
    client_close(&f.client);
    site_until(&f.site, f.closed == 1);
    assert_null(f.moving);
}

static bool take_idle(void *user, int fd)
{
    int *left = user;

    if (*left == 0)
        return false;
    --*left;
    http_server_take(&f.other, dup(fd), NULL);
    return true;
}

static void connections_at_rest_are_given_away(void **state)
{
    int left = 0;

    (void)state;
    client_say(&f.client, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHo");
    expect("first /a ");
    assert_int_equal(http_server_release_idle(&f.site.server, take_idle, &left), 0);
    left = 1; /* but half a request has come */
    assert_int_equal(http_server_release_idle(&f.site.server, take_idle, &left), 0);
    client_say(&f.client, "st: x\r\n\r\n");
    expect("first /b ");
    client_send(&f.client, STR("GET /second/c HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_int_equal(http_server_release_idle(&f.site.server, take_idle, &left), 1);
    expect("second /second/c ");
    assert_int_equal(f.site.server.stats.connections_open, 0);
    assert_int_equal(f.site.server.streams_open, 0);
}

/* Nobody takes it: it comes back, and is answered here. */
static void what_comes_back_is_answered(void **state)
{
    int fd;
    (void)state;

    f.stay = true;
    client_say(&f.client, "GET /second HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.moving);
    fd = stream_detach(f.moving, &f.bytes, NULL);
    f.moving = NULL;
    http_server_adopt_bytes(&f.site.server, fd, buf_str(&f.bytes), 300);
    assert_int_equal(client_response(&f.client, "GET"), 200);
    assert_str(buf_str(&f.client.body), "first /second ");
    buf_clear(&f.bytes);
    client_say(&f.client, "GET /second HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, f.moving);
    assert_int_equal(f.moves, 256);
}

static void what_is_one_too_many_is_turned_away(void **state)
{
    (void)state;
    f.other.limits.connections_max = 1;
    f.other.streams_open = 1;
    client_say(&f.client, "GET /second HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 503);
    assert_int_equal(f.other.stats.refused, 1);
    f.other.streams_open = 0;
}

/* --- Relays --- */

static int relay_open(str bytes, const struct http_origin *o)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    http_server_adopt_relayed(&f.other, fds[0], bytes, o);
    return fds[1];
}

/* The answer of the second server, to its end. */
static void relay_answer(int fd, struct buf *out)
{
    for (int i = 0; i < SITE_TURNS_MAX; i++) {
        char bytes[4096];
        ssize_t n;

        site_turns(&f.site, 1);
        n = recv(fd, bytes, sizeof bytes, 0);
        if (n > 0)
            buf_append(out, bytes, (size_t)n);
        else if (n == 0)
            return;
    }
    fail_msg("no end");
}

static void a_relayed_request_speaks_for_its_client(void **state)
{
    struct http_origin o = { .peer = STR("192.0.2.1"), .cert = STR("CN=me"), true, true };
    struct buf got = { 0 };
    int fd;
    (void)state;

    fd = relay_open(STR("POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                        "Content-Length: 4\r\n\r\n"),
                    &o);
    site_turns(&f.site, 3);
    assert_int_equal(send(fd, "body", 4, MSG_NOSIGNAL), 4);
    relay_answer(fd, &got);
    assert_true(str_starts(buf_str(&got), STR("HTTP/1.1 200 OK\r\n"))); /* no 100 in front */
    assert_true(str_search(buf_str(&got), STR("arrived /x body")) > 0);
    assert_true(str_search(buf_str(&got), STR("Connection")) < 0);
    assert_string_equal(f.peer, "192.0.2.1");
    assert_string_equal(f.cert, "CN=me");
    assert_true(f.origin.secure && f.origin.verified);
    assert_int_equal(f.other.stats.spoken_for, 1);
    close(fd);
    buf_free(&got);
}

/* What the client's connection is to become is said, as the client asked. */
static void a_relayed_answer_speaks_of_the_clients_connection(void **state)
{
    struct http_origin o = { .peer = STR("192.0.2.1") };
    struct buf got = { 0 };
    int fd;
    (void)state;

    fd = relay_open(STR("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), &o);
    relay_answer(fd, &got);
    assert_true(str_search(buf_str(&got), STR("Connection: close\r\n")) > 0);
    assert_string_equal(f.cert, "");
    assert_false(f.origin.secure || f.origin.verified);
    close(fd);
    buf_clear(&got);
    fd = relay_open(STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &o);
    relay_answer(fd, &got);
    assert_true(str_search(buf_str(&got), STR("Connection: keep-alive\r\n")) > 0);
    close(fd);
    buf_free(&got);
}

/* The process that relays closes its end when the client leaves. */
static void a_relayed_request_is_aborted(void **state)
{
    struct http_origin o = { .peer = STR("192.0.2.1") };
    int fd;
    (void)state;

    f.hold = true;
    fd = relay_open(STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), &o);
    site_until(&f.site, f.held);
    close(fd);
    site_until(&f.site, !f.held);
    assert_int_equal(f.other.stats.aborted, 1);
}

static void second_hurry(struct http_handler *h, struct http_request *r)
{
    (void)h;
    answer("hurried", r);
}

/* It has said its last byte, and is there for the answer. */
static void a_relayed_request_in_a_hurry(void **state)
{
    struct http_origin o = { .peer = STR("192.0.2.1") };
    struct buf got = { 0 };
    int fd;
    (void)state;

    f.hold = true;
    f.second.on_hurry = second_hurry;
    fd = relay_open(STR("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"), &o);
    site_until(&f.site, f.held);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    relay_answer(fd, &got);
    assert_true(str_search(buf_str(&got), STR("hurried /x")) > 0);
    assert_int_equal(f.other.stats.aborted, 0);
    close(fd);
    buf_free(&got);
    /* A handler that cannot answer yet is not aborted, and may do so later. */
    buf_clear(&got);
    f.held = NULL;
    f.second.on_hurry = NULL;
    fd = relay_open(STR("GET /y HTTP/1.1\r\nHost: x\r\n\r\n"), &o);
    site_until(&f.site, f.held);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    site_turns(&f.site, 3);
    assert_non_null(f.held);
    answer("later", f.held);
    relay_answer(fd, &got);
    assert_true(str_search(buf_str(&got), STR("later /y")) > 0);
    close(fd);
    buf_free(&got);
}

static void relayed_request(struct http_handler *h, struct http_request *r)
{
    bool last = str_starts(r->head.path, STR("/last"));

    (void)h;
    http_respond_relayed(
        r,
        last ? STR("HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 3\r\n\r\nyes")
             : STR("HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nyes"),
        last);
    assert_true(r->answered);
}

static void an_answer_of_another_goes_out_as_it_is(void **state)
{
    (void)state;
    f.first = (struct http_handler){ .on_request = relayed_request };
    client_say(&f.client, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n."
                          "GET /last HTTP/1.1\r\nHost: x\r\n\r\nGET /no HTTP/1.1\r\n\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 202);
    assert_int_equal(client_response(&f.client, "GET"), 202);
    assert_str(buf_str(&f.client.body), "yes");
    client_until_ended(&f.client);
    assert_int_equal(f.client.in.len, 0);
}

/* The other process does not know that this one closes its connections. */
static void an_answer_says_that_the_connection_ends(void **state)
{
    (void)state;
    f.first = (struct http_handler){ .on_request = relayed_request };
    client_say(&f.client, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 202);
    assert_null(client_header(&f.client, "Connection").p);
    f.site.server.closing = true;
    client_say(&f.client, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "GET"), 202);
    assert_str(client_header(&f.client, "Connection"), "close");
    assert_str(buf_str(&f.client.body), "yes");
    client_until_ended(&f.client);
}

TEST_MAIN(cmocka_unit_test_setup_teardown(a_request_is_answered_elsewhere, setup, teardown),
          cmocka_unit_test_setup_teardown(connections_at_rest_are_given_away, setup, teardown),
          cmocka_unit_test_setup_teardown(cut_everywhere, setup, teardown),
          cmocka_unit_test_setup_teardown(pipelined_behind_what_is_answered_here, setup, teardown),
          cmocka_unit_test_setup_teardown(a_client_that_leaves_while_it_moves, setup, teardown),
          cmocka_unit_test_setup_teardown(what_comes_back_is_answered, setup, teardown),
          cmocka_unit_test_setup_teardown(what_is_one_too_many_is_turned_away, setup, teardown),
          cmocka_unit_test_setup_teardown(a_relayed_request_speaks_for_its_client, setup, teardown),
          cmocka_unit_test_setup_teardown(a_relayed_answer_speaks_of_the_clients_connection, setup,
                                          teardown),
          cmocka_unit_test_setup_teardown(a_relayed_request_is_aborted, setup, teardown),
          cmocka_unit_test_setup_teardown(a_relayed_request_in_a_hurry, setup, teardown),
          cmocka_unit_test_setup_teardown(an_answer_of_another_goes_out_as_it_is, setup, teardown),
          cmocka_unit_test_setup_teardown(an_answer_says_that_the_connection_ends, setup, teardown))
