/* net/queue.h - the messages a stream still has to write: a ring of references.
 *
 * Internal to net. The ring comes from the slab and exists only while it holds something.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_QUEUE_H
#define NET_QUEUE_H

#include <sys/uio.h>

#include "base/msg.h"

struct stream_queue {
    uint32_t first, count, cap; /* index of the oldest message; how many; slots */
    uint32_t offset;            /* bytes of the oldest message that are written already */
    uint8_t class;              /* of the slab */
    struct msg *ring[];
};

/* Appends m with a reference of its own. q is NULL at first; returns where it lives now. */
struct stream_queue *queue_push(struct stream_queue *q, struct msg *m)
    __attribute__((returns_nonnull));

/* Describes up to max messages from the front; returns how many, and their bytes. */
int queue_gather(const struct stream_queue *q, struct iovec *iov, int max, size_t *bytes);

/* Drops `bytes` from the front; returns how many messages that finished. */
uint32_t queue_consume(struct stream_queue *q, size_t bytes);

/* Drops everything. NULL is fine. */
void queue_free(struct stream_queue *q);

/* What of the oldest message is not written. */
static inline str queue_rest(const struct stream_queue *q)
{
    const struct msg *m = q->ring[q->first];

    return str_n(m->data + q->offset, m->len - q->offset);
}

static inline struct msg *queue_front(const struct stream_queue *q)
{
    return q->ring[q->first];
}

#endif
