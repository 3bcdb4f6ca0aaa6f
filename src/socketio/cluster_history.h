/* socketio/cluster_history.h - what was sent lately, by whichever server, read from the bus: so
 * that a client that lost its server is told by another what it missed.
 *
 * The counterpart of hub/stream.h for an application of several servers: entries are the bus's
 * notes, their numbers its numbers. Events to many are there anyway; events to one and changes of
 * rooms are published for the history alone, and nobody else looks at them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_CLUSTER_HISTORY_H
#define SOCKETIO_CLUSTER_HISTORY_H

#include "hub/stream.h"
#include "socketio/cluster.h"

/* Of a server whose bus has a history. */
static inline bool sio_has_history(const struct sio_server *io)
{
    const struct bus *bus = io->cluster ? io->cluster->exchange->bus : NULL;

    return bus && bus->ops->epoch(bus) != 0;
}
/* The latest number, once all up to it has been sent to the clients here. */
uint64_t sio_history_seen(const struct sio_namespace *n);
/* As hub_stream_holds(). */
bool sio_history_holds(const struct sio_namespace *n, uint64_t after, uint64_t since_ms);

/* The notes that went to a reader: latest first. */
struct sio_history_list {
    uint64_t *numbers;
    size_t count, cap;
    size_t bytes; /* of their bodies */
};
/* All after a number, up to sio_history_seen(): the reader, if it is among the clients here by
 * then, gets the rest as they do. As hub_stream_each(). Free with sio_history_list_free(). */
void sio_history_missed(struct sio_namespace *n, uint64_t after, const struct hub_reader *r,
                        struct sio_history_list *out);
void sio_history_list_free(struct sio_history_list *l);
/* Calls fn for each packet of a list, oldest first. False: some have gone meanwhile. */
bool sio_history_give(struct sio_namespace *n, const struct sio_history_list *l,
                      void (*fn)(void *arg, struct msg *const *msgs, size_t count), void *arg);

/* Publishes an event to one socket. As sio_cluster_cast(). */
int sio_history_sent(struct sio_namespace *n, str id, const struct sio_frames *f,
                     void (*stamp)(uint8_t *at, uint64_t number), size_t stamp_at,
                     uint64_t *number) MUST_CHECK;
/* A socket joined or left a room: now, or, while the bus delivers, by the note that it delivers. */
void sio_history_moved(struct sio_namespace *n, str id, str room, bool joined);

#endif
