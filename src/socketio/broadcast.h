/* socketio/broadcast.h - many sockets at once: rooms joined, exceptions left out, sender left out;
 * no rooms means everyone. On a parent namespace: every child.
 *
 * A target NULL is everyone. Rooms may be ids of sockets.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_BROADCAST_H
#define SOCKETIO_BROADCAST_H

#include "socketio/namespace.h"
#include "socketio/socket.h"

struct sio_target {
    const str *rooms;
    size_t room_count;
    const str *except;
    size_t except_count;
    struct sio_socket *sender;
    unsigned flags;
};

/* ATR_ELIMIT when data is too large for a packet. */
int sio_emit(struct sio_namespace *n, const struct sio_target *t, const struct sio_data *data);

/* An event of another server, in the form of texts, to the sockets here. */
struct sio_frames;
void sio_cast_received(struct sio_namespace *n, const struct sio_target *t, struct sio_frames *f);
/* The same to one socket, from the server that had it before. */
void sio_sent_received(struct sio_socket *s, unsigned flags, struct sio_frames *f);

struct sio_answers {
    const struct sio_data *items; /* one per client that answered; json is its first argument */
    size_t count, expected;
};
/* One packet with one id to all. fn is called once when 0 was returned, never from within the call:
 * err 0 when all have answered; ATR_ETIMEOUT after timeout_ms with the answers so far (also when
 * those missing have left: Node's rule); without a timeout (0) ATR_ECLOSED when all who have not
 * answered have left. */
typedef void (*sio_answers_fn)(void *user, int err, const struct sio_answers *answers);
int sio_emit_ack(struct sio_namespace *n, const struct sio_target *t, const struct sio_data *data,
                 uint32_t timeout_ms, sio_answers_fn fn, void *user);

/* Calls fn for each socket of the target; fn may do anything with them (they are collected first).
 */
void sio_each(struct sio_namespace *n, const struct sio_target *t,
              void (*fn)(void *arg, struct sio_socket *s), void *arg);
void sio_sockets_join(struct sio_namespace *n, const struct sio_target *t, const str *rooms,
                      size_t count);
void sio_sockets_leave(struct sio_namespace *n, const struct sio_target *t, const str *rooms,
                       size_t count);
void sio_disconnect_sockets(struct sio_namespace *n, const struct sio_target *t, bool close);

#endif
