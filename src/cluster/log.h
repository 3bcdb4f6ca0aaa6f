/* cluster/log.h - bounded logs in the store: append at the end, read from anywhere that is left.
 *
 * Entries are numbered from 1. A log keeps its latest entries within bounds of number, bytes and
 * age. Numbers are those of a generation: a log that was dropped, or that may have lost its end
 * with the machine's power, goes on under another, so that a reader never takes new entries for
 * ones that it has seen. Whoever asks for what is no longer there is told so, by LOG_LOST: there is
 * no gap without it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_LOG_H
#define CLUSTER_LOG_H

#include "cluster/store.h"

enum {
    LOG_ENTRIES = 10000, /* bounds, when none is given; and the largest ones: */
    LOG_BYTES = 16 << 20,
    LOG_ENTRIES_MAX = 1000000,
    LOG_BYTES_MAX = 64 << 20
};

enum log_flags { LOG_LOST = 1 /* of an answer: entries from the wanted one on are gone */ };

struct log_terms {
    uint64_t entries, bytes; /* bounds, from now on; 0: as above */
    uint64_t age_ms;         /* 0: of any age */
    uint64_t ttl_ms;         /* the log goes when nobody appends for so long; 0: never */
    str fence;               /* see kv_write */
    uint64_t fence_epoch;
};

/* -> offset, generation. The last entry stays, whatever the bounds of number and bytes. */
struct store_call *log_append(struct store *s, str name, str entry, const struct log_terms *t,
                              store_fn fn, void *user);

struct log_from {
    uint64_t generation;   /* 0: any */
    uint64_t offset;       /* the first that is wanted; 0: the oldest there is */
    uint64_t count, bytes; /* of entries, at most; 0: STORE_PAGE_MAX, STORE_PAGE_BYTES_MAX */
    uint64_t wait_ms;      /* for an entry when there is none */
};

/* -> items: offset, value, age_ms; generation, first, and offset: what to ask for next. STORE_MORE:
 * there is more already. LOG_LOST: the log is of another generation, or no longer has `offset`: the
 * items begin with the oldest there is. A log that does not exist is an empty one of generation 0.
 */
struct store_call *log_read(struct store *s, str name, const struct log_from *from, store_fn fn,
                            void *user);

/* -> number: how many logs that were (0 or 1). */
static inline struct store_call *log_drop(struct store *s, str name, str fence,
                                          uint64_t fence_epoch, store_fn fn, void *user)
{
    return store_begin(s,
                       &(struct store_request){
                           .op = STORE_LOG_DROP,
                           .r = { .key = name, .fence = fence, .fence_epoch = fence_epoch } },
                       fn, user);
}

#endif
