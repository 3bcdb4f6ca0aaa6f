/* base/msg.h - immutable outgoing bytes, shared by reference: what a fan-out queues.
 *
 * A message is built once, then never changed; every queue that holds it holds one reference. It is
 * one WebSocket frame ready for the wire: `head` bytes of frame header, then the payload.
 * Long-polling uses the payload alone, so one encoding serves both transports.
 *
 * Small messages come from per-thread free lists by size class: a warm echo calls no allocator.
 * References are not atomic: a message lives on one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct msg {
    uint32_t refs;
    uint32_t len;            /* of data, frame header included */
    uint8_t head;            /* bytes of frame header at the front of data */
    bool binary : 1;         /* the payload is binary, else text */
    bool incompressible : 1; /* the sender wants no compression for its sake */
    uint8_t class;           /* slab class it came from; SLAB_BIG: the heap */
    uint8_t prefix; /* bytes at the front of the payload that belong to its transport's framing */
    uint8_t data[];
};

/* A message of len bytes with one reference; data is not set. head, binary, prefix are 0. */
struct msg *msg_new(size_t len) __attribute__((returns_nonnull));
struct msg *msg_of(str bytes) __attribute__((returns_nonnull));

static inline struct msg *msg_ref(struct msg *m)
{
    m->refs++;
    return m;
}

void msg_release(struct msg *m); /* internal: the last reference went */

static inline void msg_unref(struct msg *m)
{
    if (--m->refs == 0)
        msg_release(m);
}

static inline str msg_payload(const struct msg *m)
{
    return (str){ (const char *)m->data + m->head, m->len - m->head };
}

/* Gives the cached free lists of this thread back to the heap (at exit, and in tests). */
void msg_trim(void);

#endif
