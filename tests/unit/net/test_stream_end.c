/* tests/unit/net/test_stream_end.c - taking leave of a peer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "pair.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

static void remember_end(struct pair *p)
{
    (void)p;
}

static void ending_writes_then_says_so_then_waits(void **state)
{
    struct pair p;
    char out[8];
    (void)state;

    pair_open(&p, 0);
    stream_write(p.stream, STR("bye"));
    stream_end(p.stream);
    stream_end(p.stream);
    stream_write(p.stream, STR("ignored"));
    assert_int_equal(p.closes, 0);
    pair_turn();
    assert_int_equal(pair_hear(&p, out, 8), 3);
    assert_true(pair_heard_end(&p));
    assert_int_equal(p.closes, 0);
    pair_say(&p, "nobody listens", 14);
    pair_turn();
    assert_int_equal(p.datas, 0);
    close(p.peer);
    p.peer = -1;
    pair_turn();
    assert_int_equal(p.closes, 1);
    assert_int_equal(p.err, 0);
    pair_close(&p);
}

/* A peer that keeps its side open does not hold us for long. */
static void ending_does_not_wait_for_ever(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 0);
    stream_end(p.stream);
    assert_true(pair_heard_end(&p));
    pair_jump(STREAM_LINGER_MS / 2);
    assert_int_equal(p.closes, 0);
    pair_jump(STREAM_LINGER_MS);
    assert_int_equal(p.closes, 1);
    assert_int_equal(p.err, 0);
    pair_close(&p);
}

/* Nothing is left to wait for when the peer ended first: the close is immediate. */
static void ending_after_the_peer_closes_at_once(void **state)
{
    struct pair p;
    char out[8];
    (void)state;

    pair_open(&p, 0);
    p.end = remember_end;
    assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
    pair_turn();
    stream_write(p.stream, STR("bye"));
    stream_end(p.stream);
    assert_int_equal(p.closes, 0);
    pair_turn();
    assert_int_equal(p.closes, 1);
    assert_int_equal(pair_hear(&p, out, 8), 3);
    pair_close(&p);

    pair_open(&p, 0);
    p.end = remember_end;
    assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
    pair_turn();
    stream_end(p.stream);
    assert_int_equal(p.closes, 1);
    pair_close(&p);
}

static void detached_end_tells_nobody(void **state)
{
    struct pair p;
    char out[8];
    (void)state;

    pair_open(&p, 0);
    stream_write(p.stream, STR("bye"));
    stream_end_detached(p.stream);
    pair_say(&p, "abc", 3);
    pair_turn();
    pair_turn();
    assert_int_equal(pair_hear(&p, out, 8), 3);
    assert_true(pair_heard_end(&p));
    close(p.peer);
    p.peer = -1;
    pair_turn();
    assert_int_equal(p.datas + p.ends + p.closes, 0);
    p.stream = NULL; /* freed by itself */
    pair_close(&p);
}

/* Nobody owns a detached stream any more: whoever ends the loop has to close it. */
static void the_end_of_a_loop_ends_all(void **state)
{
    struct pair all[3];
    struct loop other = { 0 };
    (void)state;

    stream_end_all(&loop); /* none yet */
    assert_true(stream_ends_written(&loop));
    for (int i = 0; i < 3; i++)
        pair_open(&all[i], 0);
    stream_end_detached(all[0].stream);
    stream_end(all[1].stream);
    pair_turn();
    assert_int_equal(all[1].closes, 0);
    stream_end_all(&other);
    assert_int_equal(all[1].closes, 0);
    stream_end_all(&loop);
    assert_int_equal(all[1].closes, 1);
    assert_int_equal(all[1].err, ATR_ECLOSED);
    assert_int_equal(all[2].closes, 0);
    assert_int_equal(loop.timers.count, 0);
    all[0].stream = NULL;
    for (int i = 0; i < 3; i++)
        pair_close(&all[i]);
}

/* The answer reaches a client that is still sending: no reset destroys it. Needs real TCP. */
static void answer_survives_unread_input(void **state)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pair p = { 0 };
    static char junk[100000];
    char out[16], peer[64];
    uint16_t port;
    (void)state;

    assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    p.peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(p.peer, (struct sockaddr *)&a, len), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    p.stream = stream_new(&loop, fd, &pair_events, &p);
    stream_peer(p.stream, peer, &port);
    assert_string_equal(peer, "127.0.0.1");
    assert_true(port > 0);
    assert_int_equal(fcntl(p.peer, F_SETFL, O_NONBLOCK), 0);
    (void)setsockopt(p.peer, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);

    pair_say(&p, junk, sizeof junk);
    stream_write(p.stream, STR("too large"));
    stream_end(p.stream);
    pair_turn();
    for (int i = 0; i < 10; i++) { /* it goes on sending, unaware */
        (void)send(p.peer, junk, sizeof junk, MSG_NOSIGNAL);
        pair_turn();
    }
    assert_int_equal(pair_hear(&p, out, sizeof out), 9);
    assert_memory_equal(out, "too large", 9);
    close(p.peer);
    p.peer = -1;
    while (!p.closes)
        assert_int_equal(loop_turn(&loop, -1), 0);
    close(listener);
    pair_close(&p);
}

static void send_more(struct pair *p)
{
    struct msg *m = msg_new(300000);

    memset(m->data, 'x', m->len);
    stream_send(p->stream, m);
    msg_unref(m);
}

/* --- To a peer that takes its time --- */

static void ending_while_blocked(void **state)
{
    struct pair p;
    static uint8_t out[300000];
    size_t got = 0;
    (void)state;

    pair_open(&p, 4096);
    send_more(&p);
    pair_turn();
    stream_end(p.stream);
    assert_int_equal(loop.timers.count, 1); /* a peer that takes nothing is not waited for long */
    assert_false(stream_ends_written(&loop));
    for (int i = 0; i < 10000 && got < sizeof out; i++) {
        got += pair_hear(&p, out + got, 1000);
        pair_say(&p, "x", 1); /* dropped */
        pair_turn();
    }
    assert_int_equal(got, sizeof out);
    assert_true(pair_heard_end(&p));
    assert_true(stream_ends_written(&loop));
    assert_int_equal(p.closes + p.datas + p.drains, 0);
    close(p.peer);
    p.peer = -1;
    pair_turn();
    assert_int_equal(p.closes, 1);
    assert_int_equal(p.err, 0);
    pair_close(&p);
}

/* Whoever takes a little now and then may take long; whoever takes nothing is cut off. */
static void ending_to_a_peer_that_does_not_read(void **state)
{
    struct pair p;
    static uint8_t out[300000];
    (void)state;

    pair_open(&p, 4096);
    send_more(&p);
    pair_turn();
    stream_end(p.stream);
    for (int i = 0; i < 3; i++) {
        assert_true(pair_hear(&p, out, 20000) > 0);
        pair_turn();
        pair_jump(STREAM_STALL_MS + 1);
        assert_int_equal(p.closes, 0);
    }
    pair_jump(STREAM_STALL_MS + 1);
    assert_int_equal(p.closes, 1);
    assert_int_equal(p.err, ATR_ETIMEOUT);
    pair_close(&p);
}

static void ending_while_blocked_and_the_peer_vanishes(void **state)
{
    struct pair p;
    (void)state;

    pair_open(&p, 4096);
    send_more(&p);
    pair_turn();
    stream_end(p.stream);
    close(p.peer);
    p.peer = -1;
    for (int i = 0; i < 3; i++)
        pair_turn();
    assert_int_equal(p.closes, 1);
    assert_true(p.err < 0);
    pair_close(&p);
}

TEST_MAIN(PAIR_TEST(ending_writes_then_says_so_then_waits),
          PAIR_TEST(ending_does_not_wait_for_ever), PAIR_TEST(ending_after_the_peer_closes_at_once),
          PAIR_TEST(detached_end_tells_nobody), PAIR_TEST(the_end_of_a_loop_ends_all),
          PAIR_TEST(answer_survives_unread_input), PAIR_TEST(ending_while_blocked),
          PAIR_TEST(ending_to_a_peer_that_does_not_read),
          PAIR_TEST(ending_while_blocked_and_the_peer_vanishes))
