/* socketio/lifecycle.h - how sockets and namespaces come and go; for this layer alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_LIFECYCLE_H
#define SOCKETIO_LIFECYCLE_H

#include "socketio/client.h"
#include "socketio/encode.h"

struct sio_record;

/* A connecting socket of c, in no room yet. auth is copied. */
struct sio_socket *sio_socket_new(struct sio_namespace *n, struct sio_client *c, str auth);
/* One as which the client was here before; the record is the client's by sio_record_claim(). */
struct sio_socket *sio_socket_resume(struct sio_record *rec, struct sio_client *c, str auth);
/* Into its own room, CONNECT reply, on_connection: in this order (2.2). */
void sio_socket_accept(struct sio_socket *s);
/* A connecting one that will never connect. */
void sio_socket_abandon(struct sio_socket *s);
/* A connected one: on_disconnecting, out of its rooms, acks fail, on_disconnect. */
void sio_socket_end(struct sio_socket *s, const char *reason, const char *description);

/* --- Of a socket that comes from, or went to, another server (handover.h) --- */

/* A connected one, in no room but its own; recovered, and on_connection has yet to be called. id is
 * of no interest for clients of Socket.IO 2. */
struct sio_socket *sio_socket_thaw(struct sio_namespace *n, struct sio_client *c, str id, str auth,
                                   bool left_own_room);
/* Calls on_connection, unless that was done. */
void sio_socket_arrived(struct sio_socket *s);
/* Out of the hub and all tables: it is spoken for by tail.h from here on. */
void sio_socket_move(struct sio_socket *s);
/* Nobody speaks for it any more: its acks fail, on_moved, and its memory goes with the iteration.
 */
void sio_socket_end_moved(struct sio_socket *s);

/* An event as it goes out to s, without an offset; id SIO_NO_ID: nobody acknowledges it. */
static inline struct sio_outgoing
sio_event_of(const struct sio_socket *s, const struct sio_data *data, unsigned flags, int64_t id)
{
    return (struct sio_outgoing){
        .type = SIO_EVENT, .of = s->nsp, .nsp = s->nsp->name, .id = id, .data = data, .flags = flags
    };
}

/* Sends an event, with an id if it is to be acknowledged, and tells on_outgoing if that is watched.
 */
int sio_socket_send_event(struct sio_socket *s, const struct sio_data *data, unsigned flags,
                          int64_t id);

/* The child of that name, which does not exist yet. */
struct sio_namespace *sio_namespace_child(struct sio_namespace *parent, str name);
/* The same within a callback of the bus: on_namespace is put off to sio_namespace_announce(), which
 * must come before any other callback about it. */
struct sio_namespace *sio_namespace_child_quietly(struct sio_namespace *parent, str name);
void sio_namespace_announce(struct sio_namespace *n);
/* One socket less; an empty child may be cleaned up. */
void sio_namespace_shrink(struct sio_namespace *n);
void sio_namespace_free(struct sio_namespace *n);

#endif
