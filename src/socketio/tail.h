/* socketio/tail.h - what a server still does to sockets that it has handed to another one.
 *
 * Handlers that were running go on here. Their sockets are moved ones (SIO_SOCKET_MOVED): what is
 * done to such a socket is published, and done by the server that has it when the note comes to it,
 * whichever that is by then. So it keeps its place in the bus's order, and a socket that is handed
 * on and on needs nobody to forward anything. Answers of clients come back as notes too.
 *
 * An event that recovery keeps is published for the history anyway (SIO_NOTE_SENT): that note
 * serves.
 *
 * Who a socket was handed to tells the others when it leaves (the moved one then goes as well).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_TAIL_H
#define SOCKETIO_TAIL_H

#include "socketio/ack.h"
#include "socketio/cluster.h"

/* What is done to a socket elsewhere; GONE: it was ours, and has left whoever had it. */
enum sio_tail_op {
    SIO_TAIL_EMIT = 1,
    SIO_TAIL_ACK,
    SIO_TAIL_JOIN,
    SIO_TAIL_LEAVE,
    SIO_TAIL_DISCONNECT,
    SIO_TAIL_GONE
};

/* A moved socket, as this server knows it. */
struct sio_moved {
    struct sio_socket *socket;
    struct buf rooms; /* but its own: as sio_write_str() writes them */
};

/* Of a server that has handed sockets over, or got some. */
struct sio_handover {
    struct map moved;         /* struct sio_moved, by id */
    struct map arrivals;      /* data of sockets that have yet to arrive, by ref */
    struct bus_node *origins; /* servers that are here and may yet speak for sockets of ours */
    uint32_t origin_count, origin_cap;
};

struct sio_handover *sio_handover_of(struct sio_server *io); /* made when new */
void sio_handover_free(struct sio_server *io);

/* --- Where sockets came from --- */

/* Unless it has gone. */
void sio_tail_from(struct sio_server *io, struct bus_node node);
/* An acknowledgement that is another server's to have: user of sio_tail_reply(), an sio_ack_fn. */
struct sio_owner {
    struct sio_server *io;
    struct bus_node node;
    uint64_t ref; /* the socket's and the packet's names there */
    int64_t id;
};
void sio_ack_for(struct sio_socket *s, int64_t id, const struct sio_owner *owner);
void sio_tail_reply(void *user, int err, const struct sio_data *reply);
/* s, which was handed over, has left. */
void sio_tail_tell_gone(struct sio_socket *s);
/* The data of one that cannot be recovered, until it has arrived. */
void sio_arrival_keep(struct sio_socket *s, str data);
str sio_arrival_data(const struct sio_socket *s);
void sio_arrival_over(struct sio_socket *s);

/* --- Moved sockets --- */

struct sio_moved *sio_moved_of(const struct sio_socket *s); /* of a moved one */
/* s is about to be moved. */
void sio_tail_begin(struct sio_socket *s);
/* Whether the event goes through the history. */
bool sio_tail_keeps(const struct sio_socket *s, unsigned flags, int64_t id);
int sio_tail_emit(struct sio_socket *s, const struct sio_data *data, unsigned flags, int64_t id);
int sio_tail_ack(struct sio_socket *s, int64_t ack, const struct sio_data *data);
int sio_tail_join(struct sio_socket *s, str room);
void sio_tail_leave(struct sio_socket *s, str room);
void sio_tail_disconnect(struct sio_socket *s, bool close);
bool sio_tail_in(const struct sio_socket *s, str room);
void sio_tail_rooms(const struct sio_socket *s, void (*fn)(void *arg, str room), void *arg);

/* --- What comes over the bus --- */

bool sio_tail_concerns(struct sio_namespace *n, const struct sio_wire_target *t);
void sio_tail_take(struct sio_cluster *c, const struct bus_message *m, str body);
void sio_tail_lost(struct sio_server *io, struct bus_node node);

/* --- For the owner --- */

/* What is still waited for: acknowledgements of sockets that were handed over, and of broadcasts.
 */
size_t sio_server_tail(const struct sio_server *io);
/* Waits no more: those fail, and moved sockets are gone. */
void sio_server_tail_end(struct sio_server *io);

#endif
