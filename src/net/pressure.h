/* net/pressure.h - what becomes of output that a connection does not take.
 *
 * A connection is *backed up* from the moment when more than high_water bytes wait for it that its
 * transport was offered until nothing waits any more. Only then does it have a struct pressure; a
 * connection that keeps up pays a comparison per packet.
 *
 * Its transport (a stream, a polling queue) holds what is on its way and is never taken back. Under
 * a policy that drops, what comes once high_water bytes are there waits in a backlog, from which
 * packets may go; it follows when the transport has drained. The order never changes.
 *
 * Used by whoever owns a transport: pressure_admit() decides on a packet, pressure_pump() is for
 * when the transport ran empty.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_PRESSURE_H
#define NET_PRESSURE_H

#include "net/backlog.h"

enum overflow {
    OVERFLOW_DISCONNECT,  /* who does not read is cut off */
    OVERFLOW_DROP,        /* what does not fit is not sent */
    OVERFLOW_DROP_OLDEST, /* the oldest in the backlog make room */
    OVERFLOW_KEEP_LATEST, /* a packet replaces those of its key in the backlog; then as before */
    OVERFLOW_BLOCK,       /* who sends waits (drain.h); who cannot goes on, then as DISCONNECT */
    OVERFLOW_POLICIES
};

struct pressure_policy {
    uint32_t bytes_max;  /* queued for a connection, transport and backlog */
    uint32_t high_water; /* 1 to half of that: pressure_policy_fit() */
    uint32_t block_ms;   /* how long who sends waits */
    uint8_t overflow;    /* enum overflow */
};
#define PRESSURE_POLICY_DEFAULT                                                                    \
    ((struct pressure_policy){ .bytes_max = 16 << 20, .high_water = 64 << 10, .block_ms = 10000 })

const char *overflow_name(enum overflow o); /* as settings call it */
int overflow_of(str name);                  /* -1: no policy is called so */

static inline void pressure_policy_fit(struct pressure_policy *p)
{
    if (p->high_water > p->bytes_max / 2)
        p->high_water = p->bytes_max / 2;
    if (p->high_water == 0)
        p->high_water = 1; /* what waits in a backlog waits for something before it */
}

/* Why a packet was dropped. */
enum pressure_drop {
    PRESSURE_DROP_NEW,    /* it did not fit */
    PRESSURE_DROP_OLDEST, /* it made room for a newer one */
    PRESSURE_DROP_LATEST, /* a newer one of its key came */
    PRESSURE_DROPS
};

struct pressure_stats {     /* of this thread */
    uint64_t now, times;    /* connections backed up; how often one became so */
    uint64_t bytes;         /* in backlogs */
    uint64_t polling_bytes; /* in transports of engineio that wait for a GET */
    uint64_t drops[OVERFLOW_POLICIES][PRESSURE_DROPS], dropped_bytes;
    uint64_t disconnects;            /* connections cut off because of it */
    uint64_t waits, waits_timed_out; /* sends that waited for drain */
    uint64_t held;                   /* connections that are not read from meanwhile */
};
extern _Thread_local struct pressure_stats pressure_stats;

/* Of a connection that is backed up. */
struct pressure {
    struct backlog backlog;
    uint32_t high_water; /* the least of the policies that filled the backlog */
    uint8_t class;       /* of the slab */
    struct list waits;   /* internal to drain.c */
    struct list noted;
};

enum pressure_verdict {
    PRESSURE_SEND,    /* give it to the transport */
    PRESSURE_KEPT,    /* it waits in the backlog */
    PRESSURE_DROPPED, /* it is not sent */
    PRESSURE_OVERFLOW /* it cannot be queued, nor dropped: end the connection */
};

/* More than high_water bytes wait in the transport: makes *p. */
void pressure_begin(struct pressure **p, const struct pressure_policy *policy);
/* Decides on a packet when *p exists, or when it would raise what waits above high_water: then *p
 * is made. queued: bytes in the transport. */
enum pressure_verdict pressure_admit(struct pressure **p, size_t queued,
                                     const struct pressure_policy *policy,
                                     const struct parcel *parcel);
static inline size_t pressure_bytes(const struct pressure *p)
{
    return p ? p->backlog.bytes : 0;
}
/* The next unit for a transport that holds `queued` bytes; NULL: none, or it holds enough. Free it
 * with backlog_unit_free(). */
struct backlog_unit *pressure_pump(struct pressure *p, size_t queued);
/* Nothing waits any more, or the connection has ended: who waited is told, *p is freed, and what is
 * left in the backlog lost. A no-op when *p is NULL. */
void pressure_over(struct pressure **p);

#endif
