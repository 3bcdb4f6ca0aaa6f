/* tests/unit/sticky/test_pass.c - a request comes to one worker, and is answered by another, which
 * then has the connection.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers.h"

#include <stdlib.h>
#include <sys/socket.h>

/* More than the kernel takes of one answer; less than overflows a session. */
enum { BIG = 14 << 20 };

/* Says a message to a session and gets it back: the one by a POST, the other by a GET. */
static void converse(struct client *c, const char *sid)
{
    struct answer a = client_post(c, polling_url(sid), "4hello");

    assert_int_equal(a.status, 200);
    assert_str(a.body, "ok");
    a = client_get(c, polling_url(sid));
    assert_int_equal(a.status, 200);
    assert_str(a.body, "4hello");
}

static void any_worker_will_do(void **state)
{
    (void)state;
    for (int owner = 0; owner < WORKERS; owner++) {
        const char *sid = session_of(owner);

        for (int asked = 0; asked < WORKERS; asked++) {
            struct client c;
            uint64_t passed = workers[asked].sticky.stats.passed;

            client_open(&c, &workers[asked].rig);
            converse(&c, sid);
            converse(&c, sid); /* over the same connection, which has moved once */
            assert_int_equal(workers[asked].sticky.stats.passed, passed + (asked != owner));
            assert_int_equal(workers[asked].sticky.stats.relayed, 0);
            client_close(&c);
        }
    }
    assert_int_equal(workers[0].sticky.stats.passed_in, 2);
}

/* A GET that waits for output is answered when there is some, wherever it came to. */
static void long_polling(void **state)
{
    const char *sid = session_of(1);
    struct client get, post;
    (void)state;

    client_open(&get, &workers[0].rig);
    client_open(&post, &workers[2].rig);
    client_ask(&get, "GET", polling_url(sid), NULL, NULL);
    workers_settle();
    client_silent(&get);
    assert_int_equal(client_post(&post, polling_url(sid), "4now").status, 200);
    assert_str(client_answer(&get).body, "4now");
    client_close(&get);
    client_close(&post);
}

/* The client that waits at another worker leaves: its session ends, as it would have there. */
static void leaving_ends_the_session(void **state)
{
    const char *sid = session_of(1);
    struct client c;
    (void)state;

    client_open(&c, &workers[0].rig);
    client_ask(&c, "GET", polling_url(sid), NULL, NULL);
    workers_settle();
    client_close(&c);
    rig_await(&workers[1].rig, "close:transport error(poll connection closed prematurely)");
}

static void a_head_cut_anywhere(void **state)
{
    const char *sid = session_of(2);
    struct buf b = { 0 };
    (void)state;

    buf_format(&b,
               "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\n"
               "Content-Length: 6\r\n\r\n4hello",
               polling_url(sid));
    for (size_t cut = 1; cut < b.len; cut++) {
        struct client c;

        client_open(&c, &workers[0].rig);
        client_write(&c, str_n(b.data, cut));
        workers_settle();
        client_write(&c, str_n(b.data + cut, b.len - cut));
        assert_int_equal(client_answer(&c).status, 200);
        assert_str(client_get(&c, polling_url(sid)).body, "4hello");
        client_close(&c);
    }
    assert_int_equal(workers[0].sticky.stats.passed, b.len - 1);
    buf_free(&b);
}

static void a_body_in_chunks(void **state)
{
    const char *sid = session_of(2);
    struct client c;
    struct buf b = { 0 };
    (void)state;

    buf_format(&b,
               "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\n"
               "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
               polling_url(sid));
    client_open(&c, &workers[0].rig);
    client_write(&c, buf_str(&b));
    assert_int_equal(client_answer(&c).status, 100);
    client_write(&c, STR("3\r\n4he\r\n3\r\nllo\r\n0\r\n\r\n"));
    assert_int_equal(client_answer(&c).status, 200);
    assert_str(client_get(&c, polling_url(sid)).body, "4hello");
    client_close(&c);
    buf_free(&b);
}

static void a_websocket(void **state)
{
    struct client c;
    struct frame f;
    (void)state;

    for (int i = 0; i < WORKERS; i++) /* the session goes to the last one */
        if (i < WORKERS - 1)
            worker_state(i, BOARD_DRAINING);
    client_open(&c, &workers[0].rig);
    (void)websocket_connect(&c, websocket_url(NULL), NULL);
    f = frame_next(&c);
    assert_true(str_starts(f.data, STR("0{\"sid\":\"")));
    frame_text(&c, "4hello");
    assert_str(frame_next(&c).data, "4hello");
    assert_int_equal(workers[2].rig.engine.stats.websocket_open, 1);
    assert_int_equal(workers[0].rig.http.stats.connections_open, 0);
    client_close(&c);
}

/* The probe comes to another worker than the session's, over a connection that has moved before:
 * it moves once more, since it carries one session from now on. */
static void an_upgrade(void **state)
{
    const char *sid = session_of(1), *other = session_of(2);
    struct client c, get;
    (void)state;

    client_open(&get, &workers[2].rig);
    client_open(&c, &workers[0].rig);
    converse(&c, other);
    (void)websocket_connect(&c, websocket_url(sid), NULL);
    frame_text(&c, "2probe");
    assert_str(frame_next(&c).data, "3probe");
    frame_text(&c, "5");
    rig_await(&workers[1].rig, "upgrade;");
    frame_text(&c, "4hello");
    assert_str(frame_next(&c).data, "4hello");
    assert_int_equal(workers[2].sticky.stats.passed, 1);
    assert_int_equal(workers[2].sticky.stats.relayed, 0);
    client_close(&c);
    client_close(&get);
}

/* What was answered before goes out in front, whatever the client has not read yet. */
static void behind_an_answer_that_is_not_read(void **state)
{
    const char *own = session_of(0), *other = session_of(1);
    char *text = malloc(BIG + 1);
    struct client c;
    struct buf b = { 0 };
    struct answer a;
    (void)state;

    memset(text, 'x', BIG);
    text[BIG] = 0;
    rig_send_text(&workers[0].rig.last->session, text);
    client_open(&c, &workers[0].rig);
    buf_format(&b, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", polling_url(own));
    buf_format(&b, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", polling_url(other));
    rig_send_text(&workers[1].rig.last->session, "small");
    client_write(&c, buf_str(&b));
    workers_settle();
    assert_int_equal(workers[0].sticky.stats.passed, 0); /* it waits for the client */
    a = client_answer(&c);
    assert_int_equal(a.body.n, BIG + 1);
    assert_str(client_answer(&c).body, "4small");
    assert_int_equal(workers[0].sticky.stats.passed, 1);
    client_close(&c);
    buf_free(&b);
    free(text);
}

static void leaving_on_the_way(void **state)
{
    const char *own = session_of(0), *other = session_of(1);
    char *text = malloc(BIG + 1);
    struct client c;
    struct buf b = { 0 };
    (void)state;

    memset(text, 'x', BIG);
    text[BIG] = 0;
    rig_send_text(&workers[0].rig.last->session, text);
    client_open(&c, &workers[0].rig);
    buf_format(&b, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", polling_url(own));
    buf_format(&b, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", polling_url(other));
    client_write(&c, buf_str(&b));
    workers_settle();
    client_reset(&c);
    workers_settle();
    assert_true(list_empty(&workers[0].sticky.passing));
    assert_int_equal(workers[0].sticky.stats.passed, 0);
    buf_free(&b);
    free(text);
}

/* Its worker has gone: whoever is asked says that it knows no such session, at once. */
static void sessions_of_who_has_gone(void **state)
{
    const char *sid = session_of(2);
    struct client c;
    (void)state;

    worker_close(2);
    workers_settle();
    client_open(&c, &workers[0].rig);
    assert_int_equal(client_get(&c, polling_url(sid)).status, 400);
    assert_int_equal(client_get(&c, polling_url("nonsense")).status, 400);
    assert_int_equal(workers[0].sticky.stats.passed, 0);
    client_close(&c);
}

/* It goes between the request and its passing on: the connection comes back and is served here. */
static void what_cannot_be_sent_is_served_here(void **state)
{
    struct client c;
    (void)state;

    worker_state(0, BOARD_DRAINING);
    worker_state(1, BOARD_DRAINING);
    client_open(&c, &workers[0].rig);
    workers[0].rig.beside = NULL; /* the others stand still */
    client_write(&c, STR("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n"));
    for (int i = 0; i < 10; i++)
        assert_int_equal(loop_turn(&workers[0].rig.loop, 1), 0);
    /* The link breaks in the very iteration in which the head becomes whole. */
    client_write(&c, STR(""));
    assert_int_equal(send(c.fd, "\r\n", 2, MSG_NOSIGNAL), 2);
    workers[0].peers.by_slot[workers[2].peers.slot] = NULL;
    for (int i = 0; i < 10; i++)
        assert_int_equal(loop_turn(&workers[0].rig.loop, 1), 0);
    assert_int_equal(client_answer(&c).status, 200);
    assert_int_equal(worker_sessions(0), 1);
    client_close(&c);
    workers[0].rig.beside = workers[1].rig.beside;
}

/* Nothing that another worker may say does harm. */
static void messages_are_looked_at(void **state)
{
    int fds[2];
    (void)state;

    for (size_t n = 0; n < 2; n++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_true(sticky_on_message(&workers[0].sticky, 1, PEERS_KIND_USER, str_n("\1", n), fds,
                                      2)); /* which closes them */
    }
    for (size_t n = 0; n < 2; n++)
        assert_true(
            sticky_on_message(&workers[0].sticky, 1, PEERS_KIND_USER, str_n("\1", n), NULL, 0));
    assert_false(
        sticky_on_message(&workers[0].sticky, 1, PEERS_KIND_USER + 100, STR("x"), NULL, 0));
}

TEST_MAIN(WORKERS_TEST(any_worker_will_do), WORKERS_TEST(long_polling),
          WORKERS_TEST(leaving_ends_the_session), WORKERS_TEST(a_head_cut_anywhere),
          WORKERS_TEST(a_body_in_chunks), WORKERS_TEST(a_websocket), WORKERS_TEST(an_upgrade),
          WORKERS_TEST(behind_an_answer_that_is_not_read), WORKERS_TEST(leaving_on_the_way),
          WORKERS_TEST(sessions_of_who_has_gone), WORKERS_TEST(what_cannot_be_sent_is_served_here),
          WORKERS_TEST(messages_are_looked_at))
