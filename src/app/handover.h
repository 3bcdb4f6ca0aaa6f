/* app/handover.h - open connections on their way from one worker to another, so that clients do not
 * notice that the worker which served them ends.
 *
 * The old worker gives (handover_give.c), the new one takes (handover_take.c), over a link that
 * they have to themselves. Connections move in batches. For each batch the old worker publishes a
 * note on the bus, to the new one alone, and freezes the connections in the same breath: what their
 * clients have had is then exactly what precedes the note. When the new worker meets the note it
 * thaws them, before it looks at anything behind. So neither a message nor its place in the order
 * is lost, and nothing is sent twice; and nobody waits, but for the moment that a batch takes.
 *
 * What the old worker's code has still to do for its clients, it does as a *tail*: the layers below
 * pass on what it sends (socketio/tail.h).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_HANDOVER_H
#define APP_HANDOVER_H

#include <sys/types.h>

#include "base/list.h"
#include "cluster/bus.h"

struct cluster;
struct bequest;

enum handover_kind { HANDOVER_SOCKETIO, HANDOVER_ENGINE, HANDOVER_WEBSOCKET, HANDOVER_KINDS };

struct handover_stats {
    uint64_t given, taken; /* connections */
    uint64_t lost;         /* given, but they did not get there */
    uint64_t refused;      /* came, and made no sense here */
    uint64_t late;         /* batches whose connections were not there when their turn came */
    uint64_t left;         /* could not be moved, and were closed */
    uint64_t batches, bytes;
};

struct handover {
    struct cluster *cluster;
    struct bequest *bequest; /* NULL: not, or not any more */
    struct list arrivals;  /* of struct arrival: workers that give to this one */
    struct handover_stats stats;
};

/* Of a cluster whose peers and exchange are there. */
void handover_join(struct handover *h, struct cluster *c);
void handover_part(struct handover *h); /* idempotent; a zeroed one is closed */

struct handover_order {
    pid_t heir; /* the process that gets all, -1: the others get their share */
    uint32_t move_ms; /* for the connections to move */
    uint32_t tail_ms; /* for what then remains to be done for them */
    /* Those that could be moved have, and nothing more is to be done: the rest is the callee's. */
    void (*on_done)(void *user);
    void *user;
};

/* Gives all there is. ATR_EUNKNOWN: there is nobody to take it. */
int handover_give(struct handover *h, const struct handover_order *o) MUST_CHECK;

/* For peers_events.on_message. False: the message is none of these. */
bool handover_on_message(struct handover *h, unsigned slot, uint8_t kind, const int *fds,
                         size_t fd_count);
/* Whether others are still giving to this one. */
bool handover_arriving(const struct handover *h);
/* Whether a worker is giving to this one: what it sends must be looked at behind what it has
 * published. */
bool handover_comes_from(const struct handover *h, unsigned slot);

#endif
