/* socketio/encode.h - packets to messages: the text, then one message per attachment; or all of it
 * as one message of MessagePack.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_ENCODE_H
#define SOCKETIO_ENCODE_H

#include "base/msg.h"
#include "socketio/server.h"

enum { SIO_FRAMES_FEW = 8 };

struct sio_client;

/* What clients take. Those of Socket.IO 2 have attachments for sessions of Engine.IO 3, and no use
 * for an offset. */
enum sio_form { SIO_FORM_TEXT, SIO_FORM_V2, SIO_FORM_MSGPACK, SIO_FORMS };

/* The messages of one packet; a reference each. */
struct sio_frames {
    struct msg **msgs; /* few, or a block of its own */
    size_t count;
    struct msg *few[SIO_FRAMES_FEW];
};

/* A packet to be. type is the one without attachments: SIO_EVENT, SIO_ACK, ... */
struct sio_outgoing {
    enum sio_type type;
    const struct sio_namespace *of; /* of an event: its policy applies; else NULL */
    str nsp;
    int64_t id;                  /* SIO_NO_ID: none */
    const struct sio_data *data; /* NULL: none */
    str offset;                  /* goes behind the event's arguments (2.6); empty: none */
    unsigned flags;              /* SIO_VOLATILE, ... */
};

/* ATR_ELIMIT when the packet is too large, ATR_ESYNTAX or ATR_EPROTOCOL when it has to be converted
 * and is not what an application may send; f is then empty. */
int sio_encode(struct sio_server *io, const struct sio_outgoing *p, enum sio_form form,
               struct sio_frames *f) MUST_CHECK;
/* An event that there is in the form of texts alone. */
int sio_encode_again(struct sio_server *io, const struct sio_frames *texts, enum sio_form form,
                     struct sio_frames *f) MUST_CHECK;
/* The same for clients of Socket.IO 2. stamped: it ends with an offset, which they do not get. */
void sio_frames_v2(const struct sio_frames *f, bool stamped, struct sio_frames *out);
/* What an event in the form of texts says; free data->attachments with mem_free(). 0 or ATR_ESYNTAX.
 */
int sio_texts_read(const struct sio_frames *texts, struct sio_packet *packet,
                   struct sio_data *data) MUST_CHECK;
void sio_frames_free(struct sio_frames *f);

static inline const struct pressure_policy *sio_output(const struct sio_namespace *n)
{
    return n->output ? n->output : &n->server->engine.options.output;
}
/* What an event replaces where the policy keeps the latest of each name: the name as it stands in
 * data or, where that is NULL, in the packet's text. */
str sio_key(const struct sio_namespace *n, const struct sio_data *data,
            const struct sio_frames *texts);
/* The parcel of an event for sending it under the namespace's policy. An event that is to be
 * acknowledged is never dropped: somebody waits for the answer. */
struct parcel sio_parcel(const struct sio_namespace *n, const struct sio_frames *f, int64_t id,
                         str key);

/* Encodes and sends to one. ATR_ECLOSED, and as sio_encode(). */
int sio_send(struct sio_client *c, const struct sio_outgoing *p);

/* An array without its end: what goes behind its elements follows. */
str sio_array_opened(str json);

/* pack.c: a packet as one message; *out is set on success. */
int sio_pack(struct sio_server *io, const struct sio_outgoing *p, struct msg **out) MUST_CHECK;

#endif
