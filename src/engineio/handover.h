/* engineio/handover.h - sessions that go on in another process: their client notices nothing.
 *
 * Freezing takes a session out of its server and writes down what it is (proto/frozen.h); a
 * WebSocket's descriptor goes along. Thawing makes it anew in another server. Neither runs on_open
 * nor on_close: what the owner keeps of a session is the owner's to move.
 *
 * A session that polls has no connection of its own. A GET that waits is answered before, so its
 * client asks anew at once, and whatever it asks has to be passed on to where the session is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_HANDOVER_H
#define ENGINEIO_HANDOVER_H

#include "engineio/server.h"

/* Appends s's map to out. *fd: its WebSocket's descriptor, which is the caller's; -1: it polls. It
 * is in no table any more and its state is EIO_STATE_CLOSED; its memory lives until
 * eio_session_bury(). Whoever waits for it to drain is told.
 * -EAGAIN: not now, as it is upgrading, or a POST comes in or is being delivered. ATR_ESTATE:
 * never, it is closing or closed. Nothing was changed then, but that what waited behind the
 * transport may be in it and a GET may have been answered. From a job or a timer, not from within a
 * callback of the session. No hook runs. */
int eio_session_freeze(struct eio_session *s, struct buf *out, int *fd) MUST_CHECK;
/* Frees a frozen session at the end of the iteration: exactly once, before its server goes. */
void eio_session_bury(struct eio_session *s);

/* The session that `in` begins with, as an open one, held: eio_session_release() lets it read.
 * *used is the size of its map. NULL: that makes no sense, or its id is taken, or the server
 * closes; fd, which is ours in any case, is closed then. Calls nobody back. */
struct eio_session *eio_session_thaw(struct eio_server *e, str in, size_t *used, int fd);

#endif
