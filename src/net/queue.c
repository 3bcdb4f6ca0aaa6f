/* net/queue.c - a ring of message references that grows by doubling and wraps at its capacity.
 *
 * Invariants
 *   - count > 0 between calls, but for the moment before queue_free();
 *   - offset is less than the length of the oldest message.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/queue.h"

#include "base/assert.h"
#include "base/slab.h"

/* The smallest ring: one cache line with room for five messages. */
enum { QUEUE_BYTES_MIN = 64 };

static struct stream_queue *ring_new(size_t bytes)
{
    uint8_t class;
    struct stream_queue *q = slab_alloc(bytes, &class);

    *q = (struct stream_queue){
        .class = class,
        .cap = (uint32_t)((bytes - sizeof *q) / sizeof q->ring[0]),
    };
    return q;
}

static struct stream_queue *grown(struct stream_queue *q)
{
    struct stream_queue *to = ring_new(2 * (sizeof *q + q->cap * sizeof q->ring[0]));
    uint32_t tail = q->cap - q->first; /* the ring is full: it wraps right before first */

    memcpy(to->ring, q->ring + q->first, tail * sizeof q->ring[0]);
    memcpy(to->ring + tail, q->ring, q->first * sizeof q->ring[0]);
    to->count = q->count;
    to->offset = q->offset;
    slab_free(q, q->class);
    return to;
}

struct stream_queue *queue_push(struct stream_queue *q, struct msg *m)
{
    uint32_t at;

    if (!q)
        q = ring_new(QUEUE_BYTES_MIN);
    else if (q->count == q->cap)
        q = grown(q);
    at = q->first + q->count;
    q->ring[at < q->cap ? at : at - q->cap] = msg_ref(m);
    q->count++;
    return q;
}

int queue_gather(const struct stream_queue *q, struct iovec *iov, int max, size_t *bytes)
{
    uint32_t at = q->first, skip = q->offset;
    int n = (uint32_t)max < q->count ? max : (int)q->count;
    size_t sum = 0;

    for (int i = 0; i < n; i++) {
        struct msg *m = q->ring[at];
        iov[i] = (struct iovec){ m->data + skip, m->len - skip };
        sum += iov[i].iov_len;
        skip = 0;
        at = at + 1 == q->cap ? 0 : at + 1;
    }
    *bytes = sum;
    return n;
}

uint32_t queue_consume(struct stream_queue *q, size_t bytes)
{
    uint32_t done = 0;

    bytes += q->offset;
    while (q->count > 0 && bytes >= queue_front(q)->len) {
        struct msg *m = queue_front(q);
        bytes -= m->len;
        q->first = q->first + 1 == q->cap ? 0 : q->first + 1;
        q->count--;
        done++;
        msg_unref(m);
    }
    ASSERT(q->count > 0 || bytes == 0);
    q->offset = (uint32_t)bytes;
    return done;
}

void queue_free(struct stream_queue *q)
{
    if (!q)
        return;
    for (; q->count > 0; q->count--) {
        msg_unref(queue_front(q));
        q->first = q->first + 1 == q->cap ? 0 : q->first + 1;
    }
    slab_free(q, q->class);
}
