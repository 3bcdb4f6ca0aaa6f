/* socketio/partial.c - see partial.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/partial.h"

#include "base/assert.h"
#include "base/slab.h"

/* The slice of the copy that corresponds to a slice of the original. */
static str moved(str slice, str from, const char *to)
{
    return slice.p ? (str){ to + (slice.p - from.p), slice.n } : slice;
}

struct sio_partial *sio_partial_new(const struct sio_packet *packet, uint64_t socket)
{
    size_t n = packet->attachments, arrays = n * (sizeof(str) + sizeof(struct sio_partial_piece));
    uint8_t class;
    struct sio_partial *p = slab_alloc(sizeof *p + arrays + packet->data.n, &class);
    char *text;

    ASSERT(n > 0);
    *p = (struct sio_partial){ .packet = *packet, .socket = socket, .class = class };
    p->attachments = (str *)(p + 1);
    p->pieces = (struct sio_partial_piece *)(p->attachments + n);
    text = (char *)(p->pieces + n);
    if (packet->data.n)
        memcpy(text, packet->data.p, packet->data.n);
    /* The event's name lies within the data. */
    p->packet.event = moved(packet->event, packet->data, text);
    p->packet.data = moved(packet->data, packet->data, text);
    p->packet.nsp = (str){ 0 };
    return p;
}

bool sio_partial_add(struct sio_partial *p, str attachment)
{
    struct sio_partial_piece *piece = &p->pieces[p->have];

    ASSERT(p->have < p->packet.attachments);
    if (p->have + 1 == p->packet.attachments) {
        p->attachments[p->have] = attachment;
        return true;
    }
    piece->block = slab_alloc(attachment.n, &piece->class);
    if (attachment.n)
        memcpy(piece->block, attachment.p, attachment.n);
    p->attachments[p->have++] = (str){ piece->block, attachment.n };
    return false;
}

void sio_partial_free(struct sio_partial *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->have; i++)
        slab_free(p->pieces[i].block, p->pieces[i].class);
    slab_free(p, p->class);
}
