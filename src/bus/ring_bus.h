/* bus/ring_bus.h - the bus of the workers of one machine: notes go through the ring of their board,
 * in one order for all, and stay there as a history.
 *
 * What is told to one goes over the link to it, which is bounded.
 *
 * Nobody relays: who publishes writes to shared memory, and rings for those who sleep, once per
 * iteration of its loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BUS_RING_BUS_H
#define BUS_RING_BUS_H

#include "cluster/bus.h"
#include "cluster/peers.h"

struct ring_bus_stats {
    uint64_t published, seen, skipped, taken, missed;
    uint64_t told, heard; /* notes beside the ring, out and in */
};

struct ring_bus {
    struct bus base;
    struct peers *peers;
    struct loop_inbox inbox;
    struct loop_job bells;
    uint64_t cursor; /* notes up to here are dealt with */
    bool delivering; /* a callback is on the stack */
    struct buf head; /* of the note that is looked at */
    struct buf told; /* scratch of what is told */
    struct ring_bus_stats stats;
};

/* Joins at the ring's end. The loop of peers must have no other inbox; peers' on_peer and
 * on_message must be passed on by the functions below. */
void ring_bus_open(struct ring_bus *r, struct peers *peers, const struct bus_events *events,
                   void *user);
/* peers' on_message: whether it was for the bus. Descriptors are the caller's either way. */
bool ring_bus_on_message(struct ring_bus *r, unsigned slot, uint8_t kind, str data);
/* Tells those who use the bus of a worker that came or went. */
void ring_bus_on_peer(struct ring_bus *r, unsigned slot, uint32_t generation, bool here);

#endif
