/* socketio/encode.h - packets to messages: the text, then one message per attachment.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_ENCODE_H
#define SOCKETIO_ENCODE_H

#include "base/msg.h"
#include "socketio/server.h"

enum { SIO_FRAMES_FEW = 8 };

struct sio_client;

/* The messages of one packet; a reference each. */
struct sio_frames {
    struct msg **msgs; /* few, or a block of its own */
    size_t count;
    struct msg *few[SIO_FRAMES_FEW];
};

/* A packet to be. type is the one without attachments: SIO_EVENT, SIO_ACK, ... */
struct sio_outgoing {
    enum sio_type type;
    str nsp;
    int64_t id;                  /* SIO_NO_ID: none */
    const struct sio_data *data; /* NULL: none */
    str offset;                  /* goes behind the event's arguments (2.6); empty: none */
};

/* v2: attachments are for sessions of Engine.IO 3 alone. ATR_ELIMIT when the packet is too large; f
 * is then empty. */
int sio_encode(struct sio_server *io, const struct sio_outgoing *p, bool v2,
               struct sio_frames *f) MUST_CHECK;
void sio_frames_free(struct sio_frames *f);

/* Encodes and sends to one. ATR_ELIMIT, ATR_ECLOSED. */
int sio_send(struct sio_client *c, const struct sio_outgoing *p, unsigned flags);

#endif
