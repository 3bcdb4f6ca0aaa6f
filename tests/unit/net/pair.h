/* tests/unit/net/pair.h - a stream over a socket pair, an owner that records, and the bare other
 * end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_PAIR_H
#define NET_PAIR_H

#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/stream.h"

struct pair {
    struct stream *stream;
    int peer;                                               /* -1: closed */
    struct buf got;                                         /* what on_data used */
    size_t (*use)(struct pair *p, uint8_t *data, size_t n); /* NULL: everything */
    void (*end)(struct pair *p);                            /* NULL: close */
    void (*drain)(struct pair *p);
    int datas, ends, closes, drains, err;
};

static struct loop loop;

static size_t pair_on_data(struct stream *s, uint8_t *data, size_t n)
{
    struct pair *p = s->owner;
    size_t used = n;

    assert_ptr_equal(p->stream, s);
    assert_false(s->paused);
    assert_int_equal(p->closes, 0);
    p->datas++;
    if (p->use)
        return p->use(p, data, n);
    buf_append(&p->got, data, used);
    return used;
}

static void pair_on_end(struct stream *s)
{
    struct pair *p = s->owner;

    p->ends++;
    if (p->end)
        p->end(p);
    else
        stream_close(s, ATR_ECLOSED);
}

static void pair_on_close(struct stream *s, int err)
{
    struct pair *p = s->owner;

    p->closes++;
    p->err = err;
    p->stream = NULL;
}

static void pair_on_drain(struct stream *s)
{
    struct pair *p = s->owner;

    p->drains++;
    assert_false(stream_has_queue(s));
    if (p->drain)
        p->drain(p);
}

static const struct stream_events pair_events = {
    .on_data = pair_on_data,
    .on_end = pair_on_end,
    .on_close = pair_on_close,
    .on_drain = pair_on_drain,
};

/* send_bytes: SO_SNDBUF of the stream's side; 0: the system's. */
static inline void pair_open(struct pair *p, int send_bytes)
{
    int fds[2];

    *p = (struct pair){ .peer = -1 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    if (send_bytes)
        assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes),
                         0);
    p->stream = stream_new(&loop, fds[0], &pair_events, p);
    p->peer = fds[1];
}

static inline void pair_turn(void)
{
    assert_int_equal(loop_turn(&loop, 0), 0);
}

static inline void pair_close(struct pair *p)
{
    if (p->stream)
        stream_close(p->stream, 0);
    if (p->peer >= 0)
        close(p->peer);
    buf_free(&p->got);
    pair_turn();
}

/* Time passes, as far as timers are concerned. */
static inline void pair_jump(uint64_t delay_ms)
{
    wheel_advance(&loop.timers, loop.timers.now_ms + delay_ms);
}

/* The peer sends. */
static inline void pair_say(struct pair *p, const void *data, size_t n)
{
    assert_int_equal(send(p->peer, data, n, MSG_NOSIGNAL), n);
}

/* What the peer can read right now. */
static inline size_t pair_hear(struct pair *p, void *out, size_t n)
{
    size_t at = 0;
    ssize_t got;

    while (at < n && (got = recv(p->peer, (char *)out + at, n - at, 0)) > 0)
        at += (size_t)got;
    return at;
}

/* Whether the peer sees the end of the stream. */
static inline bool pair_heard_end(struct pair *p)
{
    char c;
    return recv(p->peer, &c, 1, 0) == 0;
}

static inline int pair_setup(void **state)
{
    (void)state;
    stream_stats = (struct stream_stats){ 0 };
    return loop_init(&loop);
}

static inline int pair_teardown(void **state)
{
    (void)state;
    assert_int_equal(stream_stats.kept_bytes, 0);
    assert_int_equal(stream_stats.queued_bytes, 0);
    assert_int_equal(loop.timers.count, 0);
    loop_fini(&loop);
    stream_trim();
    msg_trim();
    return 0;
}

#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)

#endif
