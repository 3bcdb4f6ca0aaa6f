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
#include "net/relay.h"

enum { PEER, NEAR }; /* the relay's ends */

struct tether {
    struct relay relay;
    struct list link;     /* in tethers, oldest first */
    struct loop_job reap; /* once done */
    bool told;            /* the near end's way out has ended */
};

_Thread_local struct tether_stats tether_stats;

static _Thread_local struct list tethers; /* zeroed until the first one */

static struct tether *tether_of(struct list *at)
{
    return container_of(at, struct tether, link);
}

static void reap(struct loop_job *job)
{
    mem_free(container_of(job, struct tether, reap));
}

static void over(struct tether *t)
{
    tether_stats.open--;
    tether_stats.ending -= t->told;
    tether_stats.bytes_in += t->relay.bytes[PEER];
    tether_stats.bytes_out += t->relay.bytes[NEAR];
    list_remove(&t->link);
    loop_job_init(&t->reap, reap);
    loop_doom(t->relay.loop, &t->reap);
}

static void on_done(struct relay *r)
{
    over(container_of(r, struct tether, relay));
}

int tether_stream(struct stream *s)
{
    struct stream *near;
    struct tether *t;
    int fds[2];

    ASSERT(s->secure && s->paused && !s->closing && !s->ending);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    t = mem_zalloc(sizeof *t);
    t->relay.on_done = on_done;
    t->relay.whole[NEAR] = true;
    list_init(&t->link);
    if (!tethers.next)
        list_init(&tethers);
    list_append(&tethers, &t->link);
    tether_stats.open++;
    tether_stats.made++;
    near = stream_new(s->loop, fds[0], s->events, NULL); /* the relay's events follow at once */
    relay_join(&t->relay, s->loop, s, near);
    return fds[1];
}

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
        relay_close(&t->relay);
        over(t);
    }
}

bool tether_far_end(const struct stream *s)
{
    struct pollfd p = { .fd = s->watch.fd };

    return poll(&p, 1, 0) <= 0 || !(p.revents & (POLLHUP | POLLERR));
}
