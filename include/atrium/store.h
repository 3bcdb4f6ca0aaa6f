/* atrium/store.h - the store: keys with a time to live, counters, and leases, which all servers of
 * an application share (setting "store"; docs/store.md says what is promised).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_STORE_H
#define ATRIUM_STORE_H

#include "atrium/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum atr_store_op {
    ATR_STORE_GET,     /* value, version, ttl_ms. ATR_EUNKNOWN: there is none */
    ATR_STORE_SET,     /* sets value -> version; see atr_store_flags */
    ATR_STORE_DEL,     /* -> number: how many were there */
    ATR_STORE_INCR,    /* adds number (0: 1) to a decimal number (none: 0) -> number, version.
                          ATR_ETYPE: it is no number; ATR_ERANGE: it would pass 64 bits */
    ATR_STORE_EXPIRE,  /* another ttl_ms. ATR_EUNKNOWN: there is none */
    ATR_STORE_ACQUIRE, /* the lease of that name, for owner and ttl_ms -> epoch, greater than any
                          before. ATR_EEXISTS: somebody else has it -> owner, epoch, ttl_ms */
    ATR_STORE_RENEW,   /* the lease with epoch, for ttl_ms from now on. ATR_EFENCED: it is lost */
    ATR_STORE_RELEASE, /* the lease with epoch. ATR_EFENCED: it was lost */
    ATR_STORE_HOLDER   /* of the lease -> owner, epoch (0: nobody), ttl_ms */
} atr_store_op;

typedef enum atr_store_flags {
    ATR_STORE_IF_ABSENT = 1,  /* SET: ATR_EEXISTS when the key is there */
    ATR_STORE_IF_VERSION = 2, /* SET, DEL, INCR: ATR_ESTATE when it has another version, or none */
    ATR_STORE_KEEP_TTL = 4,   /* SET: the time to live stays as it is */
    ATR_STORE_PREFIX = 8      /* DEL: every key that begins so */
} atr_store_flags;

typedef struct atr_store_request {
    size_t size;
    atr_store_op op;
    unsigned flags;
    atr_str key;   /* or the lease's name; at most 1024 bytes */
    atr_str value; /* at most 16 MiB */
    atr_str owner;
    uint64_t ttl_ms; /* 0: for ever; INCR: as it was; ACQUIRE and RENEW: an error */
    uint64_t version, epoch;
    int64_t number;
    atr_str fence;        /* SET, DEL, INCR: a lease that must be held by */
    uint64_t fence_epoch; /* this epoch, else ATR_EFENCED; empty: none */
} atr_store_request;
#define ATR_STORE_REQUEST_INIT ATR_INIT(atr_store_request)

typedef struct atr_store_result {
    atr_str value, owner;
    uint64_t version, epoch;
    uint64_t ttl_ms; /* what is left of it; 0: it lives for ever */
    int64_t number;
} atr_store_result;

/* r: what the operation says, zero where it says nothing. */
typedef void (*atr_store_fn)(void *user, int err, const atr_store_result *r);

/* Begins an operation; what it is given is copied. When 0 is returned fn is called exactly once,
 * and never inside this call: with 0, with a code as above, with ATR_ELIMIT (too large, too many,
 * or the store is full), ATR_ETIMEOUT (no answer within 10 s: whether it took effect is not known)
 * or ATR_ECLOSED (the application ends: likewise). Operations of an application take effect in the
 * order they were begun in. fn NULL: nobody waits. Without a call of fn: ATR_ECLOSED when the
 * application ends; ATR_EUNKNOWN for an op that is none. */
ATR_API int atr_store(atr_app *app, const atr_store_request *request, atr_store_fn fn, void *user);

#ifdef __cplusplus
}
#endif

#endif
