/* socketio/connect.h - a CONNECT on its way to a namespace, as long as somebody has to decide.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_CONNECT_H
#define SOCKETIO_CONNECT_H

#include "socketio/client.h"

/* Takes a CONNECT up. auth: the payload's text or empty. */
void sio_connect(struct sio_client *c, str nsp, str auth);
/* The session that it asks for is here now, or is not to be had. */
void sio_connect_resumed(struct sio_server *io, uint64_t ticket);
/* Whether a CONNECT for nsp is on its way, or has led to a socket that is there. */
bool sio_connect_known(const struct sio_client *c, str nsp);
/* Forgets the one that would have connected s. */
void sio_connect_forget(struct sio_client *c, const struct sio_socket *s);
/* Forgets all of the client's; sockets stay to be abandoned. */
void sio_connects_drop(struct sio_client *c);

#endif
