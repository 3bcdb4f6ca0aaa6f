/* socketio/handover.h - clients that go on in another server of the application: their
 * peers notice nothing.
 *
 * A client is frozen into bytes and a descriptor and thawed there, with all of its sockets: their
 * ids, rooms, data, sessions and what they have yet to acknowledge. In the server that it left its
 * sockets live on as moved ones (tail.h) until sio_server_tail_end().
 *
 * Both servers must be of one cluster. Whoever freezes a client has published a note before and
 * publishes nothing until all of its batch is frozen; whoever thaws it does so where that note
 * stands in the bus's order. Then the client misses nothing and gets nothing twice.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_HANDOVER_H
#define SOCKETIO_HANDOVER_H

#include "cluster/bus.h"
#include "socketio/tail.h"

/* Appends all that makes c to out. *fd: the descriptor of its WebSocket, the caller's from now on;
 * -1: it polls. c is gone, but for its moved sockets.
 * -EAGAIN: not now (a CONNECT is undecided, or what eio_session_freeze() says). ATR_ESTATE: never:
 * it is closing, or is one that is served anew (an administrator): close it. Then nothing was
 * appended. From a job or a timer. Runs no code of the application but on_freeze. */
int sio_client_freeze(struct sio_client *c, struct buf *out, int *fd) MUST_CHECK;

/* Makes the client that `in` describes, which the server `from` has frozen. Its sockets are in
 * their rooms at once; on_connection is called from a job, oldest first, then the client is read
 * from. A socket whose namespace there is not is disconnected from it. May run in a callback of the
 * bus. Negative: it made no sense, the server closes, or it was here before and that has
 * not ended (who hands over leaves, and takes none back); fd is closed then, and the client is
 * lost. */
int sio_server_thaw(struct sio_server *io, str in, int fd, struct bus_node from) MUST_CHECK;

#endif
