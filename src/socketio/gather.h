/* socketio/gather.h - the sockets of a target as a list of its own, for what may change membership;
 * and sending to such a list.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_GATHER_H
#define SOCKETIO_GATHER_H

#include "socketio/broadcast.h"

/* Sockets that leave meanwhile stay valid to the end of the iteration: look at their state. */
struct sio_gathered {
    struct sio_socket **sockets;
    uint32_t count, cap;
};

/* Connected ones only. n is no parent. t NULL: everyone. */
void sio_gather(struct sio_namespace *n, const struct sio_target *t, struct sio_gathered *out);
void sio_gathered_free(struct sio_gathered *g);

/* Sends one event to all that are still connected (t: whom they were gathered for), telling
 * on_outgoing when it is watched. */
int sio_broadcast_to(struct sio_namespace *n, const struct sio_gathered *to,
                     const struct sio_target *t, const struct sio_data *data, int64_t id);

#endif
