/* cluster/kv.h - keys and values in the store.
 *
 * Keys are bytes and have an order; a value is bytes. Each write gives the key a version, which
 * grows with every write to anything in the store.
 *
 * A session is a key with a time to live that each use renews (kv_expire).
 *
 * What Redis has more types for is written as keys: a hash H with field f is the key "H", a byte
 * that H cannot contain, "f"; a member of a set is the same with an empty value. So hset and sadd
 * are kv_set(), hget and sismember kv_get(), hincrby kv_incr(), hdel and srem kv_del(), hgetall and
 * smembers kv_list(), hlen and scard kv_list() with KV_COUNT, and deleting all of it kv_del() with
 * KV_PREFIX. Unlike there each field has a time to live of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_KV_H
#define CLUSTER_KV_H

#include "cluster/store.h"

enum kv_flags {
    KV_IF_ABSENT = 1,  /* ATR_EEXISTS with the version when it is there */
    KV_IF_VERSION = 2, /* of `version`; ATR_ESTATE with the version when it has another, or none */
    KV_KEEP_TTL = 4,   /* a set leaves the time to live as it is */
    KV_PREFIX = 8,     /* a del removes every key that begins so */
    KV_KEYS = 16,      /* a list without values */
    KV_COUNT = 32      /* a list of nothing but how many there are, in `number` */
};

/* The conditions of a write; all may be zero. */
struct kv_write {
    uint64_t ttl_ms; /* 0: for ever */
    uint64_t flags, version;
    str fence; /* a lease that must be held by fence_epoch, else ATR_EFENCED; empty: none */
    uint64_t fence_epoch;
};

/* -> value, version, ttl_ms (what is left; 0: for ever). ATR_EUNKNOWN: there is none. */
static inline struct store_call *kv_get(struct store *s, str key, store_fn fn, void *user)
{
    return store_begin(s, &(struct store_request){ .op = STORE_KV_GET, .r = { .key = key } }, fn,
                       user);
}

struct store_call *kv_set(struct store *s, str key, str value, const struct kv_write *w,
                          store_fn fn, void *user); /* -> version */
/* -> number: how many were there. */
struct store_call *kv_del(struct store *s, str key, const struct kv_write *w, store_fn fn,
                          void *user);
/* Adds to a value that is a decimal number (none: 0) -> number, version. ttl_ms 0 leaves the time
 * to live. ATR_ETYPE: it is no such number; ATR_ERANGE: it would pass 64 bits. */
struct store_call *kv_incr(struct store *s, str key, int64_t by, const struct kv_write *w,
                           store_fn fn, void *user);

/* Gives the key another time to live, 0: for ever. ATR_EUNKNOWN: there is none. */
static inline struct store_call *kv_expire(struct store *s, str key, uint64_t ttl_ms, store_fn fn,
                                           void *user)
{
    return store_begin(
        s, &(struct store_request){ .op = STORE_KV_EXPIRE, .r = { .key = key, .ttl_ms = ttl_ms } },
        fn, user);
}

/* A page of the keys that begin with prefix, in order -> items: key, value, version, ttl_ms;
 * `after` and STORE_MORE when there are others: give it to the next call. A key that is there all
 * the time is in exactly one page. */
static inline struct store_call *kv_list(struct store *s, str prefix, str after, uint64_t count,
                                         uint64_t flags, store_fn fn, void *user)
{
    return store_begin(s,
                       &(struct store_request){
                           .op = STORE_KV_LIST,
                           .r = { .key = prefix, .after = after, .count = count, .flags = flags } },
                       fn, user);
}

#endif
