/* net/tether.c - see tether.h.
 *
 * A tether is a relay (relay.h) of the TLS stream and the near end of the pair. When the peer
 * leaves the near end is closed whole, once all is written; when it is to be sent away only its way
 * out ends, so that the other process can still answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tether.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

enum { PEER, NEAR }; /* the relay's ends */

/* One that is nobody's. */
struct own_tether {
    struct tether tether;
    struct loop_job reap;
};

_Thread_local struct tether_stats tether_stats;

static _Thread_local struct list tethers; /* zeroed until the first one */

static struct tether *tether_of(struct list *at)
{
    return container_of(at, struct tether, link);
}

static void over(struct tether *t)
{
    tether_stats.open--;
    tether_stats.ending -= t->told;
    tether_stats.bytes_in += t->relay.bytes[PEER];
    tether_stats.bytes_out += t->relay.bytes[NEAR];
    list_remove(&t->link);
}

static void on_done(struct relay *r)
{
    struct tether *t = container_of(r, struct tether, relay);

    over(t);
    t->on_done(t);
}

void tether_join(struct tether *t, struct stream *peer, struct stream *near)
{
    void (*done)(struct tether *) = t->on_done;

    *t = (struct tether){ .relay = { .on_done = on_done, .whole[NEAR] = true }, .on_done = done };
    list_init(&t->link);
    if (!tethers.next)
        list_init(&tethers);
    list_append(&tethers, &t->link);
    tether_stats.open++;
    tether_stats.made++;
    relay_join(&t->relay, peer->loop, peer, near);
}

void tether_close(struct tether *t)
{
    relay_close(&t->relay);
    over(t);
}

/* --- Of streams --- */

static void reap(struct loop_job *job)
{
    mem_free(container_of(job, struct own_tether, reap));
}

static void free_own(struct tether *t)
{
    struct own_tether *own = container_of(t, struct own_tether, tether);

    loop_job_init(&own->reap, reap);
    loop_doom(t->relay.loop, &own->reap);
}

int tether_stream(struct stream *s)
{
    struct own_tether *own;
    int fds[2];

    ASSERT(s->secure && s->paused && !s->closing && !s->ending);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    own = mem_alloc(sizeof *own);
    own->tether.on_done = free_own;
    /* The near end gets the relay's events before any of its own. */
    tether_join(&own->tether, s, stream_new(s->loop, fds[0], s->events, NULL));
    return fds[1];
}

/* --- All of a loop --- */

size_t tether_count(const struct loop *l)
{
    size_t count = 0;

    for (struct list *at = tethers.next; at && at != &tethers; at = at->next)
        count += tether_of(at)->relay.loop == l;
    return count;
}

size_t tether_end_some(struct loop *l, size_t *n)
{
    size_t left = 0;

    for (struct list *at = tethers.next; at && at != &tethers; at = at->next) {
        struct tether *t = tether_of(at);

        if (t->relay.loop != l || t->told)
            continue;
        if (*n == 0 || !relay_end_output(&t->relay, NEAR)) {
            left++;
            continue;
        }
        --*n;
        t->told = true;
        tether_stats.ending++;
    }
    return left;
}

void tether_close_all(struct loop *l)
{
    struct list *at = tethers.next;

    while (at && at != &tethers) {
        struct tether *t = tether_of(at);

        at = at->next;
        if (t->relay.loop != l)
            continue;
        tether_close(t);
        t->on_done(t);
        at = tethers.next; /* which may have ended others */
    }
}

bool tether_far_end(const struct stream *s)
{
    struct pollfd p = { .fd = s->watch.fd };

    return poll(&p, 1, 0) <= 0 || !(p.revents & (POLLHUP | POLLERR));
}
