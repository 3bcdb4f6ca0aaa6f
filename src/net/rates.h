/* net/rates.h - how much a connection, and an address, may ask of us per second: token buckets.
 *
 * A struct rates is the table of an application: its limits, and what the addresses have used
 * lately. A struct rates_guard is the share of one connection, made only while there are limits for
 * it to be under. Whatever is refused is counted by what it was too much of.
 *
 * An IPv6 address counts as its /64, which is what one customer gets. The table holds the addresses
 * that have connections, and of the others those used lately, RATES_IDLE_MAX at most: a peer with
 * very many addresses makes it forget, not grow.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_RATES_H
#define NET_RATES_H

#include "base/list.h"
#include "base/map.h"
#include "net/address.h"
#include "net/loop.h"

enum { RATES_IDLE_MAX = 16384 };

struct rate {
    uint32_t per_s; /* 0: no limit */
    uint64_t burst; /* at once; what is larger passes when nothing was used lately */
};

/* What has been used and not yet regained, in thousandths. */
struct bucket {
    uint64_t level, at_ms;
};
/* Takes n. False: it would be too much, and nothing is taken. */
bool bucket_take(struct bucket *b, const struct rate *r, uint64_t n, uint64_t now_ms);
/* Whether nothing of it is in use any more. */
bool bucket_empty(const struct bucket *b, const struct rate *r, uint64_t now_ms);

enum rates_of {
    RATES_MESSAGES,         /* of a connection */
    RATES_BYTES,            /* of a connection */
    RATES_ADDRESS_MESSAGES, /* of all connections of an address */
    RATES_ADDRESS_BYTES,
    RATES_CONNECTS, /* TCP connections of an address */
    RATES_SESSIONS, /* handshakes of an address; under the same limit as TCP connections */
    RATES_COUNT
};

struct rates {
    struct loop *loop;
    struct rate limits[RATES_COUNT]; /* see rates_set() */
    bool connects, guards;           /* whether there are any for rates_connect(), for guards */
    struct map addresses;            /* of struct rates_address */
    struct list idle;                /* those without guards, the one used last at the end */
    uint32_t idle_count;
    uint64_t refused[RATES_COUNT];
    uint64_t forgotten; /* addresses that had used something and had to make room */
};

struct rates_address;

/* What a connection is held to. */
struct rates_guard {
    struct rates *rates;
    struct rates_address *address; /* NULL: unknown */
    struct bucket messages, bytes;
    bool exceeded;
};

void rates_init(struct rates *r, struct loop *l);
void rates_fini(struct rates *r); /* every guard has been freed */
/* Changes one limit, for guards that are there too. */
void rates_set(struct rates *r, enum rates_of what, struct rate limit);

/* A TCP connection from there (what: RATES_CONNECTS), or a handshake (RATES_SESSIONS). False: too
 * many. */
bool rates_connect(struct rates *r, const struct address *a, enum rates_of what);

/* Of a connection from there; address NULL: unknown. NULL when connections have no limits now. */
struct rates_guard *rates_guard_new(struct rates *r, const struct address *a);
void rates_guard_free(struct rates_guard *g); /* NULL is fine */
/* The address that it counts for (of IPv6 the /64); NULL: unknown. */
const struct address *rates_guard_address(const struct rates_guard *g);
/* What came in. False: more than may. */
bool rates_take(struct rates_guard *g, uint64_t messages, uint64_t bytes);

#endif
