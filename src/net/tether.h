/* net/tether.h - TLS connections whose plain side is another process's.
 *
 * What makes a TLS connection cannot be passed on: its keys and counters live in this process. So
 * the connection stays, relayed to one end of a socket pair; the other end is what goes to the
 * other process, which reads and writes plain bytes. That costs both processes, and this one lives
 * only as long as it must: in the end the other is told to see the peer off.
 *
 * Two ends of input mean two things at the far end (tether_far_end()): the peer has left, or it is
 * to be sent away, for which the way out is still open.
 *
 * Tethers are known by their loop, on its thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_TETHER_H
#define NET_TETHER_H

#include "net/relay.h"

struct tether {
    struct relay relay;
    struct list link; /* in a list of all, oldest first */
    bool told;        /* the far end knows that the peer is to be sent away */
    /* Both streams are gone, or end by themselves. Not called by tether_close(). */
    void (*on_done)(struct tether *t);
};

struct tether_stats { /* of this thread */
    uint64_t open, made;
    uint64_t ending;              /* of open: whose far end was told */
    uint64_t bytes_in, bytes_out; /* from peers and to them, of those that have ended */
};
extern _Thread_local struct tether_stats tether_stats;

/* Joins a peer's stream and the near end of a pair; both are t's. t->on_done is set by the caller.
 */
void tether_join(struct tether *t, struct stream *peer, struct stream *near);
/* Cuts it. */
void tether_close(struct tether *t);

/* Gives away the plain side of s, which speaks TLS, is paused, and whose on_data is not on the
 * stack: a descriptor, the caller's. What s has read and not used is the first to come from it; its
 * queue is written before what the other process writes. on_close is not called any more. A
 * negative errno: nothing was changed. */
int tether_stream(struct stream *s) MUST_CHECK;

/* How many of a loop's are open. */
size_t tether_count(const struct loop *l);
/* Tells the far ends of up to *n of them, the oldest first, that their peers are to be sent away,
 * and takes them off *n. Returns how many have not been told yet. */
size_t tether_end_some(struct loop *l, size_t *n);
/* Cuts all of them, before the loop goes; their on_done is called. */
void tether_close_all(struct loop *l);

/* At the far end of one, when its input has ended: whether the peer is still there. */
bool tether_far_end(const struct stream *s);

#endif
