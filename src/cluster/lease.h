/* cluster/lease.h - who may: names with one holder at a time.
 *
 * A holder has an epoch: each acquisition gets one that is greater than any before it, of whatever
 * lease, also after the store has restarted or lost power. Writes to the store carry it as a fence
 * and are refused with ATR_EFENCED when the lease is not held by that epoch. It is for the holder
 * to stop in time on what is not the store: see lease_until().
 *
 * A lease lasts for a time to live unless it is renewed, or, bound to a node, as long as the node
 * lives: so a node with thousands of leases sends one heartbeat for all.
 *
 * An owner is one life of something (a node's id with its epoch, say): the same owner that acquires
 * again holds the lease already.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_LEASE_H
#define CLUSTER_LEASE_H

#include "base/clock.h"
#include "cluster/store.h"

struct lease_terms {
    uint64_t ttl_ms; /* 0: bound to the node */
    str node;
    uint64_t node_epoch;
    str value; /* kept with the lease, for others to read */
};

/* -> epoch. ATR_EEXISTS: somebody else holds it, with owner, epoch, value, ttl_ms. ATR_EFENCED: the
 * node is dead. */
struct store_call *lease_acquire(struct store *s, str name, str owner, const struct lease_terms *t,
                                 store_fn fn, void *user);

/* From now on for ttl_ms. ATR_EFENCED: it is lost. */
static inline struct store_call *lease_renew(struct store *s, str name, uint64_t epoch,
                                             uint64_t ttl_ms, store_fn fn, void *user)
{
    return store_begin(s,
                       &(struct store_request){
                           .op = STORE_LEASE_RENEW,
                           .r = { .key = name, .epoch = epoch, .ttl_ms = ttl_ms } },
                       fn, user);
}
/* ATR_EFENCED: it was lost before. */
static inline struct store_call *lease_release(struct store *s, str name, uint64_t epoch,
                                               store_fn fn, void *user)
{
    return store_begin(s,
                       &(struct store_request){ .op = STORE_LEASE_RELEASE,
                                                .r = { .key = name, .epoch = epoch } },
                       fn, user);
}

/* Who holds it -> owner, node, epoch, value, ttl_ms; epoch 0: nobody. With wait_ms the answer comes
 * when the epoch is another than `known`, or when that time is over: so to watch is to ask again
 * with what was told. */
static inline struct store_call *lease_get(struct store *s, str name, uint64_t known,
                                           uint64_t wait_ms, store_fn fn, void *user)
{
    return store_begin(s,
                       &(struct store_request){
                           .op = STORE_LEASE_GET,
                           .r = { .key = name, .epoch = known, .wait_ms = wait_ms } },
                       fn, user);
}

/* Until when (CLOCK_BOOTTIME) a holder may act, given when it *began* the call that acquired or
 * renewed the lease: the store counts from no earlier moment. */
static inline uint64_t lease_until(uint64_t began_boot_ms, uint64_t ttl_ms)
{
    return began_boot_ms + ttl_ms;
}

#endif
