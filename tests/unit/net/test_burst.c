/* tests/unit/net/test_burst.c - many streams written by one call: nothing that an owner or a peer
 * can see differs from writing one by one.
 *
 * Each property is tested both ways. Where the kernel has no io_uring, both are the same way, and
 * only what is said of the calls is left out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "pair.h"

#include "count.h"
#include "net/uring.h"
#include "rng.h"

enum { CROWD = 1200 }; /* more than one burst holds */
static struct pair crowd[CROWD];
static bool have_uring;

static void crowd_open(int n, int send_bytes)
{
    for (int i = 0; i < n; i++)
        pair_open(&crowd[i], send_bytes);
}

static void crowd_close(int n)
{
    for (int i = 0; i < n; i++)
        pair_close(&crowd[i]);
}

static void say_to_all(int n, struct msg *m)
{
    for (int i = 0; i < n; i++)
        if (crowd[i].stream)
            stream_send(crowd[i].stream, m);
}

static struct msg *filled(size_t n, uint8_t seed)
{
    struct msg *m = msg_new(n);

    for (size_t i = 0; i < n; i++)
        m->data[i] = (uint8_t)(seed + i * 7);
    return m;
}

static void assert_hears(struct pair *p, const struct msg *m)
{
    uint8_t out[4096];

    assert_int_equal(pair_hear(p, out, sizeof out), m->len);
    assert_memory_equal(out, m->data, m->len);
}

static void everybody_hears_once(void)
{
    struct msg *m = filled(300, 3);

    crowd_open(CROWD, 0);
    for (int round = 0; round < 3; round++) {
        uint64_t calls = stream_stats.bursts, shared = stream_stats.burst_writes;
        say_to_all(CROWD, m);
        pair_turn();
        for (int i = 0; i < CROWD; i++) {
            assert_hears(&crowd[i], m);
            assert_false(stream_has_queue(crowd[i].stream));
        }
        if (have_uring && !loop.no_burst) {
            assert_int_equal(stream_stats.burst_writes - shared, CROWD);
            assert_int_equal(stream_stats.bursts - calls, 5); /* 256 at a time */
        } else {
            assert_int_equal(stream_stats.burst_writes, 0);
        }
    }
    assert_int_equal(stream_stats.writes, 3 * CROWD);
    assert_int_equal(stream_stats.messages_out, 3 * CROWD);
    assert_int_equal(stream_stats.bytes_out, 3 * CROWD * m->len);
    assert_int_equal(m->refs, 1);
    msg_unref(m);
    crowd_close(CROWD);
}

/* Some sockets take a part, some nothing at all: every byte arrives once and in order, and those
 * that had to wait are told when they need not any more. */
static void short_writes_go_on(void)
{
    enum { N = 20, ROUNDS = 40 };
    static uint8_t have[N][ROUNDS * 20000];
    size_t got[N] = { 0 }, total = 0, sum = 0;
    struct msg *all[ROUNDS];
    struct rng rng = { 1 };

    crowd_open(N, 1); /* the kernel's least */
    for (int k = 0; k < ROUNDS; k++) {
        all[k] = filled(1 + rng_below(&rng, 20000), (uint8_t)k);
        total += all[k]->len;
        say_to_all(N, all[k]);
        pair_turn();
        for (int i = 0; i < N; i++) /* some read all, some little, some nothing */
            got[i] += pair_hear(&crowd[i], have[i] + got[i],
                                i % 3 == 0   ? 100000
                                : i % 3 == 1 ? 700
                                             : 0);
    }
    for (int i = 0; i < N; i++) {
        for (int turns = 0; got[i] < total && turns < 100000; turns++) {
            got[i] += pair_hear(&crowd[i], have[i] + got[i], total - got[i]);
            pair_turn();
        }
        assert_int_equal(got[i], total);
        assert_false(crowd[i].stream->blocked);
        assert_true(crowd[i].drains > 0);
    }
    for (int k = 0; k < ROUNDS; k++) {
        for (int i = 0; i < N; i++)
            assert_memory_equal(have[i] + sum, all[k]->data, all[k]->len);
        sum += all[k]->len;
        assert_int_equal(all[k]->refs, 1);
        msg_unref(all[k]);
    }
    crowd_close(N);
}

static void a_peer_that_left_closes_its_stream_alone(void)
{
    struct msg *m = filled(50, 1);

    crowd_open(30, 0);
    for (int i = 0; i < 30; i += 3) {
        stream_pause(crowd[i].stream); /* it is the write that meets it */
        close(crowd[i].peer);
        crowd[i].peer = -1;
    }
    say_to_all(30, m);
    pair_turn();
    for (int i = 0; i < 30; i++)
        if (i % 3 == 0)
            assert_int_equal(crowd[i].closes, 1);
        else
            assert_hears(&crowd[i], m);
    assert_int_equal(m->refs, 1);
    msg_unref(m);
    crowd_close(30);
}

/* Told of its own end, an owner closes everybody: those that were taken have been written. */
static void close_all(struct stream *s, int err)
{
    struct pair *p = s->owner;

    p->closes++;
    p->err = err;
    p->stream = NULL;
    for (int i = 0; i < 30; i++)
        if (crowd[i].stream)
            stream_close(crowd[i].stream, ATR_ECLOSED);
}

static const struct stream_events closing_all = {
    .on_data = pair_on_data, .on_end = pair_on_end, .on_close = close_all, .on_drain = pair_on_drain
};

static void owners_may_close_others(void)
{
    struct msg *m = filled(50, 1);
    char c;

    crowd_open(30, 0);
    stream_give(crowd[10].stream, &closing_all, &crowd[10]);
    pair_turn();
    (void)shutdown(crowd[10].stream->watch.fd, SHUT_WR); /* writing fails */
    say_to_all(30, m);
    pair_turn();
    for (int i = 0; i < 30; i++) {
        assert_int_equal(crowd[i].closes, 1);
        assert_null(crowd[i].stream);
        if (i < 10)
            assert_hears(&crowd[i], m);
        while (recv(crowd[i].peer, &c, 1, 0) > 0)
            ;
        assert_true(pair_heard_end(&crowd[i]));
    }
    assert_int_equal(m->refs, 1);
    msg_unref(m);
    crowd_close(30);
}

/* While others are written, streams that wait for that are closed: what they had said is out. */
static void closed_while_taken(struct loop_job *job)
{
    (void)job;
    for (int i = 0; i < 10; i++)
        stream_close(crowd[i].stream, 0);
}

static void closing_a_taken_stream_writes_first(void)
{
    struct msg *m = filled(50, 1);
    struct loop_job job;

    crowd_open(20, 0);
    loop_job_init(&job, closed_while_taken);
    say_to_all(20, m);
    loop_flush_later(&loop, &job); /* behind all of them */
    pair_turn();
    for (int i = 0; i < 20; i++)
        assert_hears(&crowd[i], m);
    assert_int_equal(m->refs, 1);
    msg_unref(m);
    crowd_close(20);
}

/* Several messages each, the same for some: concatenations come and go while parts wait. */
static void concatenations_do_not_change_under_way(void)
{
    enum { N = 60, KINDS = 4 };
    struct msg *all[KINDS][3];
    uint8_t out[512];

    crowd_open(N, 0);
    for (int k = 0; k < KINDS; k++)
        for (int j = 0; j < 3; j++)
            all[k][j] = filled(40 + (size_t)j, (uint8_t)(k * 50 + j));
    for (int i = 0; i < N; i++)
        for (int j = 0; j < 3; j++)
            stream_send(crowd[i].stream, all[i / 7 % KINDS][j]);
    pair_turn();
    assert_true(stream_stats.coalesced > N / 2);
    for (int i = 0; i < N; i++) {
        size_t at = 0;
        assert_int_equal(pair_hear(&crowd[i], out, sizeof out), 40 + 41 + 42);
        for (int j = 0; j < 3; at += all[i / 7 % KINDS][j++]->len)
            assert_memory_equal(out + at, all[i / 7 % KINDS][j]->data, all[i / 7 % KINDS][j]->len);
    }
    for (int k = 0; k < KINDS; k++)
        for (int j = 0; j < 3; j++)
            msg_unref(all[k][j]);
    crowd_close(N);
}

static void an_ending_stream_says_its_last(void)
{
    struct msg *m = filled(50, 1);

    crowd_open(20, 0);
    say_to_all(20, m);
    for (int i = 0; i < 20; i++)
        stream_end(crowd[i].stream);
    pair_turn();
    for (int i = 0; i < 20; i++) {
        assert_hears(&crowd[i], m);
        assert_true(pair_heard_end(&crowd[i]));
    }
    msg_unref(m);
    crowd_close(20);
}

static void warm_bursts_allocate_nothing(void)
{
    struct msg *m = filled(50, 1);

    crowd_open(600, 0);
    for (int round = 0; round < 5; round++) {
        assert_allocs(round ? 0 : 1000000, (say_to_all(600, m), pair_turn()));
        for (int i = 0; i < 600; i++)
            assert_hears(&crowd[i], m);
    }
    msg_unref(m);
    crowd_close(600);
}

/* A kernel that takes only the first of the sends, or none, is no reason to lose any. */
static void what_a_run_did_not_take_is_forgotten(void **state)
{
    struct uring u;
    int fds[2], result;
    uint32_t tag;
    char out[16];
    (void)state;

    if (!have_uring)
        skip();
    assert_int_equal(uring_open(&u, 8), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    for (int round = 0; round < 100; round++) { /* around the ring, and around again */
        uring_send(&u, fds[0], "one", 3, 1);
        uring_send(&u, -1, "two", 3, 2); /* no descriptor */
        uring_send(&u, fds[0], "three", 5, 3);
        assert_int_equal(uring_run(&u), 3);
        assert_true(uring_next(&u, &tag, &result));
        assert_int_equal(tag, 2);
        assert_int_equal(result, -EBADF);
        assert_false(uring_next(&u, &tag, &result));
        assert_int_equal(recv(fds[1], out, sizeof out, 0), 8);
        assert_memory_equal(out, "onethree", 8);
    }
    int ring = u.fd;
    u.fd = -1; /* no ring: nothing is taken */
    uring_send(&u, fds[0], "lost", 4, 4);
    assert_int_equal(uring_run(&u), 0);
    u.fd = ring;
    uring_send(&u, fds[0], "four", 4, 5);
    assert_int_equal(uring_run(&u), 1);
    assert_int_equal(recv(fds[1], out, sizeof out, 0), 4);
    assert_memory_equal(out, "four", 4);
    close(fds[0]);
    close(fds[1]);
    uring_close(&u);
}

/* A burst whose ring fails writes all the same. */
static void a_ring_that_fails_is_done_without(void **state)
{
    struct msg *m = filled(50, 1);
    (void)state;

    loop.no_uring = true; /* as after a refusal of the kernel */
    crowd_open(50, 0);
    say_to_all(50, m);
    pair_turn();
    for (int i = 0; i < 50; i++)
        assert_hears(&crowd[i], m);
    assert_int_equal(stream_stats.bursts, 0);
    msg_unref(m);
    crowd_close(50);
}

#define BOTH_WAYS(name)                                                                            \
    static void name##_together(void **state)                                                      \
    {                                                                                              \
        (void)state;                                                                               \
        name();                                                                                    \
    }                                                                                              \
    static void name##_one_by_one(void **state)                                                    \
    {                                                                                              \
        (void)state;                                                                               \
        loop.no_burst = true;                                                                      \
        name();                                                                                    \
    }
BOTH_WAYS(everybody_hears_once)
BOTH_WAYS(short_writes_go_on)
BOTH_WAYS(a_peer_that_left_closes_its_stream_alone)
BOTH_WAYS(owners_may_close_others)
BOTH_WAYS(closing_a_taken_stream_writes_first)
BOTH_WAYS(concatenations_do_not_change_under_way)
BOTH_WAYS(an_ending_stream_says_its_last)
BOTH_WAYS(warm_bursts_allocate_nothing)

static int look_for_uring(void **state)
{
    struct uring u;

    (void)state;
    have_uring = uring_open(&u, 8) == 0;
    if (have_uring)
        uring_close(&u);
    else
        print_message("# no io_uring here\n");
    return 0;
}

#define TEST_BOTH(name) PAIR_TEST(name##_together), PAIR_TEST(name##_one_by_one)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_BOTH(everybody_hears_once),
        TEST_BOTH(short_writes_go_on),
        TEST_BOTH(a_peer_that_left_closes_its_stream_alone),
        TEST_BOTH(owners_may_close_others),
        TEST_BOTH(closing_a_taken_stream_writes_first),
        TEST_BOTH(concatenations_do_not_change_under_way),
        TEST_BOTH(an_ending_stream_says_its_last),
        TEST_BOTH(warm_bursts_allocate_nothing),
        PAIR_TEST(what_a_run_did_not_take_is_forgotten),
        PAIR_TEST(a_ring_that_fails_is_done_without),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, look_for_uring, NULL);
}
