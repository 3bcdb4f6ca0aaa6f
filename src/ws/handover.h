/* ws/handover.h - a WebSocket connection that goes on in another process, in the middle of whatever
 * it was at: a message half come in, another half sent, the windows of its compression.
 *
 * Freezing writes a map (proto/frozen.h) and gives the descriptor away; thawing makes a connection
 * of the two. The peer notices nothing. Only what is open is moved: no closing handshake is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WS_HANDOVER_H
#define WS_HANDOVER_H

#include "ws/conn.h"

/* Appends w's map to out and takes w apart: w->stream is NULL then, and on_close is not called. *fd
 * is its descriptor, the caller's; of a TLS connection, that of its plain side, which this process
 * relays (net/tether.h). ATR_ESTATE: it closes, or is about to; -EAGAIN: there is no descriptor for
 * a relay. Nothing was changed then. Not from within a callback of w, nor in the loop's flush
 * phase.
 */
int ws_conn_freeze(struct ws_conn *w, struct buf *out, int *fd) MUST_CHECK;

/* Makes of the map and the descriptor, which w owns then, what was frozen; bytes that had come in
 * are delivered from the loop. ATR_ESYNTAX: no such connection can be; fd is still the caller's. */
int ws_conn_thaw(struct ws_conn *w, struct loop *l, str map, int fd,
                 const struct ws_events *events) MUST_CHECK;

#endif
