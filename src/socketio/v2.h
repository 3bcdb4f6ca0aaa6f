/* socketio/v2.h - what clients of Socket.IO 2 say and expect otherwise (1.11): protocol revision 4,
 * which only ever travels over Engine.IO 3.
 *
 * They are in the main namespace without asking, know their ids from the session's, put what they
 * have to say for themselves into a query behind the namespace's name, and take a bare value for
 * the reason of a refusal. Frames with bytes differ too (encode.h).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_V2_H
#define SOCKETIO_V2_H

#include "socketio/client.h"

static inline bool sio_is_v2(const struct sio_client *c)
{
    return c->session.eio3;
}

/* The name without the query behind it, which *query becomes, without its '?'. */
str sio_v2_namespace(str nsp, str *query);
/* Appends a query's parameters as the object that other clients send as auth. */
void sio_v2_auth(struct buf *out, str query);
/* Appends what a refusal says: the data if JavaScript takes it for true, else the message. */
void sio_v2_refusal(struct buf *out, str message, str data_json);

/* How many bytes the id of its socket in n has; and the id itself, written there. */
size_t sio_v2_id_len(const struct sio_client *c, const struct sio_namespace *n);
void sio_v2_id(const struct sio_client *c, const struct sio_namespace *n, char *out);

#endif
