/* tests/unit/sticky/test_relayed.c - a connection that carries the requests of many sessions: each
 * is answered by its own worker, in order, and the connection stays where it has moved to.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Moves c's connection, which came to another worker, to that one: it will not move any more. */
static void settle_at(struct client *c, int i)
{
    int from = i ? 0 : 1;

    client_open(c, &workers[from].rig);
    assert_int_equal(client_post(c, polling_url(session_of(i)), "4moved").status, 200);
    assert_int_equal(workers[from].sticky.stats.passed, 1);
}

static void many_sessions_over_one_connection(void **state)
{
    const char *sids[2 * WORKERS];
    struct client c;
    struct answer a;
    (void)state;

    for (int i = 0; i < 2 * WORKERS; i++)
        sids[i] = session_of(i % WORKERS);
    settle_at(&c, 0);
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 2 * WORKERS; i++) {
            a = client_post(&c, polling_url(sids[i]), "4hello");
            assert_int_equal(a.status, 200);
            assert_str(a.body, "ok");
            a = client_get(&c, polling_url(sids[i]));
            assert_int_equal(a.status, 200);
            assert_str(a.body, "4hello");
        }
    }
    assert_int_equal(workers[0].sticky.stats.relayed, 3 * 4 * 2);
    assert_int_equal(workers[1].sticky.stats.relayed_in, 3 * 2 * 2);
    assert_int_equal(workers[0].sticky.stats.passed, 0);
    assert_int_equal(workers[0].sticky.stats.waiting, 0);
    client_close(&c);
}

/* The answers come in the order of the requests, though the first is the later one to be made. */
static void pipelined(void **state)
{
    const char *one = session_of(1), *two = session_of(2);
    struct client c, post;
    struct buf b = { 0 };
    (void)state;

    rig_send_text(&workers[2].rig.last->session, "two");
    buf_format(&b, "GET %s HTTP/1.1\r\nHost: x\r\n\r\nGET %s HTTP/1.1\r\nHost: x\r\n\r\n",
               polling_url(one), polling_url(two));
    settle_at(&c, 0);
    client_open(&post, &workers[1].rig);
    client_write(&c, buf_str(&b));
    client_silent(&c);
    assert_int_equal(client_post(&post, polling_url(one), "4one").status, 200);
    assert_str(client_answer(&c).body, "4one");
    assert_str(client_answer(&c).body, "4two");
    client_close(&c);
    client_close(&post);
    buf_free(&b);
}

/* Both over a fresh connection: the first moves it, the second is relayed from there. */
static void pipelined_over_a_fresh_connection(void **state)
{
    const char *one = session_of(1), *two = session_of(2);
    struct buf b = { 0 };
    (void)state;

    buf_format(&b,
               "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n4one"
               "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
               "2\r\n4t\r\n2\r\nwo\r\n0\r\n\r\n"
               "GET %s HTTP/1.1\r\nHost: x\r\n\r\nGET %s HTTP/1.1\r\nHost: x\r\n\r\n",
               polling_url(one), polling_url(two), polling_url(one), polling_url(two));
    for (size_t cut = 1; cut < b.len; cut += 3) {
        struct client c;

        client_open(&c, &workers[0].rig);
        client_write(&c, str_n(b.data, cut));
        workers_settle();
        client_write(&c, str_n(b.data + cut, b.len - cut));
        assert_str(client_answer(&c).body, "ok");
        assert_str(client_answer(&c).body, "ok");
        assert_str(client_answer(&c).body, "4one");
        assert_str(client_answer(&c).body, "4two");
        client_close(&c);
    }
    buf_free(&b);
}

/* More than goes in one message between workers, both ways; with what a client may expect. */
static void large_bodies(void **state)
{
    enum { BIG = 900000 };
    const char *sid = session_of(1);
    struct client c;
    struct answer a;
    struct buf head = { 0 }, body = { 0 };
    (void)state;

    buf_byte(&body, '4');
    for (int i = 1; i < BIG; i++)
        buf_byte(&body, (uint8_t)('a' + i * 7 % 26));
    settle_at(&c, 0);
    buf_format(&head,
               "POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
               polling_url(sid), BIG);
    client_write(&c, buf_str(&head));
    assert_int_equal(client_answer(&c).status, 100); /* from here; there is no second one */
    client_write(&c, buf_str(&body));
    assert_int_equal(client_answer(&c).status, 200);
    a = client_get(&c, polling_url(sid));
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.n, BIG);
    assert_memory_equal(a.body.p, body.data, BIG);
    /* One that is too large is refused here. */
    buf_clear(&head);
    buf_format(&head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n",
               polling_url(sid));
    client_write(&c, buf_str(&head));
    assert_int_equal(client_answer(&c).status, 413);
    assert_int_equal(workers[0].sticky.stats.waiting, 0);
    client_close(&c);
    buf_free(&head);
    buf_free(&body);
}

/* New sessions of a connection that stays begin where they should, and their answers come here. */
static void new_sessions(void **state)
{
    struct client c;
    (void)state;

    settle_at(&c, 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(client_get(&c, polling_url(NULL)).status, 200);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(worker_sessions(i), 3);
    client_close(&c);
}

/* The client leaves while it waits: the session's worker is told. */
static void leaving_is_told(void **state)
{
    const char *sid = session_of(1);
    struct client c;
    (void)state;

    settle_at(&c, 0);
    client_ask(&c, "GET", polling_url(sid), NULL, NULL);
    workers_settle();
    assert_int_equal(workers[0].sticky.stats.waiting, 1);
    client_close(&c);
    rig_await(&workers[1].rig, "close:transport error(poll connection closed prematurely)");
    assert_int_equal(workers[0].sticky.stats.waiting, 0);
}

/* The worker that relays is about to leave: those who wait get an answer, and keep their session.
 */
static void leaving_in_good_order(void **state)
{
    const char *sid = session_of(1);
    struct client c, again;
    (void)state;

    settle_at(&c, 0);
    client_ask(&c, "GET", polling_url(sid), NULL, NULL);
    workers_settle();
    assert_int_equal(workers[0].sticky.stats.waiting, 1);
    sticky_hurry(&workers[0].sticky);
    assert_str(client_answer(&c).body, "6");
    assert_int_equal(workers[0].sticky.stats.waiting, 0);
    sticky_hurry(&workers[0].sticky); /* nobody waits */
    client_close(&c);
    client_open(&again, &workers[2].rig);
    assert_int_equal(client_post(&again, polling_url(sid), "4still").status, 200);
    assert_str(client_get(&again, polling_url(sid)).body, "4still");
    client_close(&again);
}

/* Refusals keep their status, and what they say of the connection is done. */
static void refusals(void **state)
{
    const char *sid = session_of(1);
    struct client c;
    (void)state;

    settle_at(&c, 0);
    client_ask(&c, "PUT", polling_url(sid), NULL, NULL);
    assert_int_equal(client_answer(&c).status, 500);
    client_ask(&c, "GET", polling_url(sid), "Connection: close\r\n", NULL);
    workers_settle();
    rig_send_text(&workers[1].rig.last->session, "bye");
    assert_str(client_answer(&c).body, "4bye");
    client_await_end(&c);
    client_close(&c);
}

/* The worker goes while it owes an answer. */
static void a_worker_that_goes_leaves_an_error(void **state)
{
    const char *sid = session_of(2);
    struct client c;
    (void)state;

    settle_at(&c, 0);
    client_ask(&c, "GET", polling_url(sid), NULL, NULL);
    workers_settle();
    assert_int_equal(workers[0].sticky.stats.waiting, 1);
    http_server_abort(&workers[2].rig.http); /* its ends of pairs close, as by its death */
    assert_int_equal(client_answer(&c).status, 502);
    assert_int_equal(workers[0].sticky.stats.relay_failures, 1);
    /* The connection is as good as before. */
    assert_int_equal(client_get(&c, polling_url("nonsense")).status, 400);
    client_close(&c);
}

/* It goes before it was asked: what begins, begins here; what was there has gone. */
static void what_cannot_be_sent(void **state)
{
    const char *sid = session_of(2);
    struct client c;
    struct buf b = { 0 };
    (void)state;

    buf_format(&b, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n4", polling_url(sid));
    settle_at(&c, 0);
    client_write(&c, buf_str(&b));
    workers_settle();
    assert_int_equal(workers[0].sticky.stats.waiting, 1);
    worker_close(2);
    workers_settle();
    client_write(&c, STR("x"));
    assert_int_equal(client_answer(&c).status, 502);
    client_close(&c);
    buf_free(&b);
}

static void messages_are_looked_at(void **state)
{
    static const char *const bad[] = { "", "\0", "\0\3", "\0\3\0", "\0\3\0\0ab", "\0\0\1\0abc" };
    static const size_t sizes[] = { 0, 1, 2, 3, 6, 7 };
    int fds[2];
    char byte;
    (void)state;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_true(sticky_on_message(&workers[0].sticky, 1, PEERS_KIND_USER + 1,
                                      str_n(bad[i], sizes[i]), fds, 1));
        assert_int_equal(recv(fds[1], &byte, 1, 0), 0); /* closed */
        close(fds[1]);
    }
    assert_int_equal(workers[0].sticky.stats.relayed_in, 0);
}

TEST_MAIN(WORKERS_TEST(many_sessions_over_one_connection), WORKERS_TEST(pipelined),
          WORKERS_TEST(pipelined_over_a_fresh_connection), WORKERS_TEST(large_bodies),
          WORKERS_TEST(new_sessions), WORKERS_TEST(leaving_is_told),
          WORKERS_TEST(leaving_in_good_order), WORKERS_TEST(refusals),
          WORKERS_TEST(a_worker_that_goes_leaves_an_error), WORKERS_TEST(what_cannot_be_sent),
          WORKERS_TEST(messages_are_looked_at))
