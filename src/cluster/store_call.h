/* cluster/store_call.h - operations under way: for those who implement a store.
 *
 * store_begin() checks a request, makes a call of it and gives it to the store, which some time
 * ends it with store_end(). Deadlines, cancelling and calling back are done here.
 *
 * A call is in the list `calls`, in order, until it has ended or was cancelled; its seq, which
 * grows, names it for ever.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_STORE_CALL_H
#define CLUSTER_STORE_CALL_H

#include "cluster/store.h"

struct store_call {
    struct list link; /* in a list of the store */
    struct store *store;
    uint64_t seq; /* from 1 */
    enum store_op op;
    store_fn fn; /* NULL: nobody wants to know */
    void *user;
    struct timer deadline;
    uint64_t until_ms;  /* the same as a time of the loop */
    struct buf request; /* the record's bytes */
    struct list own;    /* the store's; self-linked, and out of it before the call ends */
    bool sent;          /* likewise */
    bool ended;
    struct buf answer; /* once ended, without error: record and items */
    int err;
    uint32_t item_count;
};

struct store_ops { /* every slot is filled; no slot may block or call back */
    const char *name;
    void (*begin)(struct store *s, struct store_call *c);
    /* The call, which has not ended, is about to: by its deadline, or because nobody wants it. */
    void (*forget)(struct store *s, struct store_call *c);
    void (*close)(struct store *s); /* frees it; no call is left */
};

void store_init(struct store *s, const struct store_ops *ops, struct loop *l);

/* The call of that number; NULL: it has ended. */
struct store_call *store_find(struct store *s, uint64_t seq);

/* Ends a call, to be told from the loop. answer: the record's bytes and those of its items. */
void store_end(struct store_call *c, int err, str answer, uint32_t item_count);

/* Whether the operation changes nothing, so that it may be done twice. */
bool store_op_reads(enum store_op op);
/* Checks a request, from wherever it comes: 0, ATR_ERANGE, ATR_ELIMIT, ATR_EUNKNOWN. */
int store_request_check(enum store_op op, const struct store_record *r) MUST_CHECK;

#endif
