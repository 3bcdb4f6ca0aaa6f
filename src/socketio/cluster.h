/* socketio/cluster.h - the servers of one application on several nodes, as if they were one.
 *
 * What is done to many is told to the other nodes over the bus, and done there in the bus's order:
 * whoever emits has seen what precedes (bus_publish()), so on an ordered bus all clients see one
 * order, and per connection what one handler emits stays in its order.
 *
 * Notes that only send or change membership act at once, inside the bus's callbacks. What runs
 * application code (listeners of rooms, disconnecting, events between servers) is put off to a job,
 * in the order it came.
 *
 * Without a cluster (server->cluster NULL) nothing here costs more than that look.
 *
 * Source: the message model of Socket.IO's ClusterAdapter (3.2).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_CLUSTER_H
#define SOCKETIO_CLUSTER_H

#include "cluster/exchange.h"
#include "socketio/cluster_wire.h"
#include "socketio/encode.h"
#include "socketio/server.h"

/* Kinds of notes, and of questions. */
enum {
    SIO_NOTE_CAST = BUS_KIND_SOCKETIO, /* an event to many: head, frames; body: the frames' bytes */
    SIO_NOTE_JOIN,                     /* head: target, rooms */
    SIO_NOTE_LEAVE,
    SIO_NOTE_DISCONNECT,
    SIO_NOTE_SIDE,     /* an event between servers; body: its JSON and attachments */
    SIO_NOTE_ANSWERED, /* a client's acknowledgement of a broadcast, to the node that asked */
    SIO_NOTE_SENT,     /* an event to one; for the history (cluster_history.h) */
    SIO_NOTE_MOVED,    /* a socket joined or left a room; for the history */
    SIO_NOTE_TAIL,     /* to whoever has a socket now, from who had it (tail.h); or that it left */
    SIO_NOTE_REPLIED,  /* a socket's acknowledgement, to the server that it was promised to */
    SIO_ASK_FETCH = BUS_KIND_SOCKETIO + 0x40, /* who is there */
    SIO_ASK_ROOMS,
    SIO_ASK_SIDE,    /* an event between servers that is to be answered */
    SIO_ASK_SESSION, /* a session that this node keeps */
    SIO_ASK_CAST,    /* a broadcast that is to be acknowledged: how many clients will */
    SIO_KINDS = 0x80
};

enum { SIO_REQUEST_TIMEOUT_MS = 5000 }; /* Socket.IO's */

struct sio_sessions;

struct sio_cluster {
    struct sio_server *io;
    struct sio_sessions *sessions; /* cluster_session.h; NULL: they stay where they are */
    struct exchange *exchange;
    struct list deferred;   /* of what runs application code */
    struct list describing; /* cluster_fetch.c: answers under way */
    struct loop_job job;
    bool delivering;        /* inside a callback of the bus */
    uint64_t delivered;     /* the number of the note that is delivered */
    uint64_t told;          /* clients here have had nothing of a later number */
    struct buf head, front; /* scratch of what is published: a head, and what begins the body */
    struct {
        uint64_t casts_out, casts_in, controls_in, malformed, missed;
    } stats;
};

/* Joins the servers that use the same exchange's bus; at most once. Ends with sio_server_fini(). */
void sio_cluster_open(struct sio_server *io, struct exchange *x);
void sio_cluster_free(struct sio_server *io);

/* Whether there is anybody to tell: else publishing is spared. */
static inline bool sio_clustered(const struct sio_server *io, unsigned flags)
{
    return io->cluster && !(flags & SIO_LOCAL);
}

/* --- For broadcast.c. Each tells the other nodes, after all that precedes was done here. --- */

/* An event to many, in the form of texts. stamp_at: where in the first message's bytes the number
 * of the note goes, written by `stamp`; NULL: nowhere. *number is the note's. Returns 0 or why the
 * bus does not take it. */
int sio_cluster_cast(struct sio_namespace *n, const struct sio_target *t,
                     const struct sio_frames *f, void (*stamp)(uint8_t *at, uint64_t number),
                     size_t stamp_at, uint64_t *number) MUST_CHECK;
void sio_cluster_rooms(struct sio_namespace *n, const struct sio_target *t, const str *rooms,
                       size_t count, bool join);
void sio_cluster_disconnect(struct sio_namespace *n, const struct sio_target *t, bool close);

/* Tells on_outgoing, from the job, of an event of another server that went to a target. */
void sio_cluster_defer_outgoing(struct sio_namespace *n, const struct sio_target *t,
                                const struct sio_frames *f);

struct sio_gathered;
/* The same to sockets that were gathered. */
void sio_cluster_defer_told(struct sio_namespace *n, const struct sio_gathered *to,
                            const struct sio_data *data);

/* --- For namespace.c: while the bus delivers, listeners of rooms are told later. --- */
void sio_cluster_defer_room(struct sio_namespace *n, enum sio_room_change what, str room,
                            struct sio_socket *s);

/* --- Between servers (2.4). All answers come in one go; err is 0, ATR_ETIMEOUT, or ATR_ECLOSED
 * when a node has gone meanwhile: items are then those of the others. --- */

struct sio_collected {
    struct sio_data *items;
    size_t count;
    uint32_t missing; /* nodes that have not answered */
};
typedef void (*sio_collected_fn)(void *user, int err, const struct sio_collected *c);

/* Sends an event to the other servers; data->json is its array. 0, or ATR_ELIMIT. */
int sio_server_side_emit(struct sio_namespace *n, const struct sio_data *data);
/* The same, and each of them answers with one value. fn is called once if 0 is returned, never
 * within the call. */
int sio_server_side_ask(struct sio_namespace *n, const struct sio_data *data, uint32_t timeout_ms,
                        sio_collected_fn fn, void *user);
/* What the owner answers an on_server_side() that wants an answer with; id as given there. */
void sio_server_side_answer(struct sio_server *io, const struct request_from *to,
                            const struct sio_data *answer);
/* Sockets of other nodes: an object in JSON for each, as their owners describe them. */
int sio_fetch(struct sio_namespace *n, const struct sio_target *t, uint32_t timeout_ms,
              sio_collected_fn fn, void *user);
/* Names of the rooms on other nodes, a JSON array from each; the same room may come from several.
 */
int sio_fetch_rooms(struct sio_namespace *n, uint32_t timeout_ms, sio_collected_fn fn, void *user);
/* How many servers there are, this one included. */
uint32_t sio_server_count(const struct sio_server *io);

#endif
