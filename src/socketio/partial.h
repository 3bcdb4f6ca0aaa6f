/* socketio/partial.h - a binary packet while its attachments arrive.
 *
 * Its text was decoded and checked, its socket found; then come exactly as many binary messages as
 * it announced, nothing between them (2.3). Blocks come from the slab, so a warm echo of small
 * attachments calls no allocator.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_PARTIAL_H
#define SOCKETIO_PARTIAL_H

#include "proto/sio_packet.h"

struct sio_partial_piece {
    void *block;
    uint8_t class;
};

struct sio_partial {
    struct sio_packet packet; /* its slices point into this block; nsp is not kept */
    uint64_t socket;          /* the ref of whom it is for */
    uint32_t have;            /* attachments so far */
    uint8_t class;
    struct sio_partial_piece *pieces; /* behind the struct: packet.attachments of each */
    str *attachments;
};

/* Copies what it keeps of p, which announces at least one attachment. */
struct sio_partial *sio_partial_new(const struct sio_packet *p, uint64_t socket);
/* Adds the next one. true: it was the last, and all of them lie in p->attachments; the last one is
 * borrowed, the others are p's. */
bool sio_partial_add(struct sio_partial *p, str attachment);
void sio_partial_free(struct sio_partial *p); /* NULL is fine */

#endif
