/* cluster/store.h - what the nodes of an application know together: the interface that stores
 * implement (src/store) and that the layers above use.
 *
 *   kv.h      keys and values, with a time to live; sessions are such keys
 *   lease.h   who may: one holder at a time, with an epoch that only grows
 *   log.h     bounded logs
 *   seats.h   rooms, and seats in them
 *   here      operations in general; which nodes are alive
 *
 * Operations are asynchronous. Each has a deadline and one callback, which is called exactly once,
 * from the loop and never from inside the call that begins it, unless the operation is cancelled.
 * The operations of one store object take effect in the order they were begun in. What an answer
 * says is durable as far as the store is (docs/store.md): nobody hears of what can still be undone.
 *
 * An operation that ends with ATR_ETIMEOUT or ATR_ECLOSED may have taken effect or not.
 *
 * Time is that of CLOCK_BOOTTIME: the wall clock does not matter. A time to live never ends early;
 * it may end late, by a restart of the store.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_STORE_H
#define CLUSTER_STORE_H

#include "base/list.h"
#include "base/map.h"
#include "cluster/record.h"
#include "net/loop.h"

enum {
    STORE_NAME_BYTES_MAX = 1024,      /* of each text of a request but these: */
    STORE_VALUE_BYTES_MAX = 16 << 20, /* a value */
    STORE_FILTER_BYTES_MAX = 16 << 10,
    STORE_CALLS_MAX = 8192,            /* operations of one store object under way at once */
    STORE_CALL_BYTES_MAX = 64 << 20,   /* and their bytes */
    STORE_DEADLINE_MS = 10000,         /* unless the store object says otherwise */
    STORE_DEADLINE_MS_MAX = 5 * 60000, /* waiting included */
    STORE_PAGE_MAX = 1000,             /* items of an answer; also what count 0 means */
    STORE_PAGE_BYTES_MAX = 1 << 20,    /* and bytes, but there is always one item */
    STORE_TTL_MS_MIN = 10,             /* shorter ones are made this long */
};
#define STORE_TTL_MS_MAX (10ull * 366 * 86400 * 1000) /* ATR_ERANGE above */

/* The numbers are those of the wire: new ones are added at the end. */
enum store_op {
    STORE_STATS = 1, /* -> items: key, number: see docs/store.md */
    STORE_NODE_JOIN,
    STORE_NODE_BEAT,
    STORE_NODE_LEAVE,
    STORE_NODE_LIST,
    STORE_KV_GET,
    STORE_KV_SET,
    STORE_KV_DEL,
    STORE_KV_INCR,
    STORE_KV_EXPIRE,
    STORE_KV_LIST,
    STORE_LEASE_ACQUIRE,
    STORE_LEASE_RENEW,
    STORE_LEASE_RELEASE,
    STORE_LEASE_GET,
    STORE_LOG_APPEND,
    STORE_LOG_READ,
    STORE_LOG_DROP,
    STORE_ROOM_PUT,
    STORE_ROOM_DROP,
    STORE_ROOM_LIST,
    STORE_SEAT_RESERVE,
    STORE_SEAT_CONFIRM,
    STORE_SEAT_CANCEL,
    STORE_SEAT_LEAVE,
    STORE_OPS_END
};

/* A flag of answers to any listing: it goes on, ask again with `after`. */
#define STORE_MORE (1ull << 32)

struct store_answer {
    int err;               /* 0 or a negative code */
    struct store_record r; /* also some errors say more by it */
    uint32_t count;        /* of items */
    str items;             /* internal: store_items() */
};

/* Called with the answer, which is borrowed. May begin and cancel operations, and close the store.
 */
typedef void (*store_fn)(void *user, const struct store_answer *a);

struct store_request {
    enum store_op op;
    uint32_t deadline_ms; /* 0: the store object's */
    struct store_record r;
};

struct store_call;

struct store_stats {
    uint64_t calls, answers;      /* begun; ended in any way */
    uint64_t timeouts, cancelled; /* of these */
    uint64_t refused;             /* too large, or too many under way */
    uint64_t connects, losses;    /* of the connection to the centre */
    uint64_t resent;              /* operations, after a loss */
    uint64_t starts;              /* of a centre that was not there */
};

struct store {
    const struct store_ops *ops;
    struct loop *loop;
    uint32_t deadline_ms;
    struct store_stats stats;
    /* Internal: store_call.h */
    struct list calls, ended, telling;
    struct map by_seq;
    bool closing, *gone;
    uint32_t call_count;
    size_t call_bytes;
    uint64_t last_seq;
    struct loop_job deliver;
};

/* Begins an operation; r and its texts are copied. fn NULL: nobody wants to know. What is returned
 * is for store_cancel() alone, until fn is called. NULL, and nothing begins, from a callback while
 * the store closes. */
struct store_call *store_begin(struct store *s, const struct store_request *r, store_fn fn,
                               void *user);
/* fn will not be called. The operation may still take effect. NULL is fine. */
void store_cancel(struct store_call *c);

/* Ends every operation with ATR_ECLOSED, calling back from here, and frees the store. */
void store_close(struct store *s);

/* Walks the items of an answer: for (str at = a->items; store_next(&at, &item);). */
bool store_next(str *at, struct store_record *item);

/* --- Nodes ---
 *
 * A node is one life of a process: it joins with an id and gets an epoch, and has to be heard of
 * within each ttl. A node that leaves, is silent for its ttl, or is succeeded by another of the
 * same id is dead: leases bound to it are free, its rooms are orphaned, and its epoch is refused
 * with ATR_EFENCED. */

/* -> epoch. ttl_ms is not 0. */
static inline struct store_call *node_join(struct store *s, str id, str address, str metadata,
                                           uint64_t ttl_ms, store_fn fn, void *user)
{
    return store_begin(
        s,
        &(struct store_request){
            .op = STORE_NODE_JOIN,
            .r = { .key = id, .address = address, .value = metadata, .ttl_ms = ttl_ms } },
        fn, user);
}
/* ATR_EFENCED: it is dead, and has to join again. */
static inline struct store_call *node_beat(struct store *s, str id, uint64_t epoch, store_fn fn,
                                           void *user)
{
    return store_begin(
        s, &(struct store_request){ .op = STORE_NODE_BEAT, .r = { .key = id, .epoch = epoch } }, fn,
        user);
}
static inline struct store_call *node_leave(struct store *s, str id, uint64_t epoch, store_fn fn,
                                            void *user)
{
    return store_begin(
        s, &(struct store_request){ .op = STORE_NODE_LEAVE, .r = { .key = id, .epoch = epoch } },
        fn, user);
}
/* -> items, by id: key, address, value, epoch, ttl_ms (what is left of it), count (its rooms). */
static inline struct store_call *node_list(struct store *s, str after, uint64_t count, store_fn fn,
                                           void *user)
{
    return store_begin(s,
                       &(struct store_request){ .op = STORE_NODE_LIST,
                                                .r = { .after = after, .count = count } },
                       fn, user);
}

#endif
