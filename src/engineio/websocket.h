/* engineio/websocket.h - the WebSocket transport of a session, and the upgrade to it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_WEBSOCKET_H
#define ENGINEIO_WEBSOCKET_H

#include "engineio/request.h"
#include "engineio/session.h"

/* Opens a session on the upgrade request r. */
void eio_websocket_open(struct eio_server *e, struct http_request *r, const struct eio_query *q,
                        str sid);
/* r is a WebSocket for a session that exists: a probe, or one too many. */
void eio_websocket_upgrade(struct eio_session *s, struct http_request *r,
                           const struct eio_query *q);
/* The session has ended: closes its WebSocket, if any, or cuts it. */
void eio_websocket_end(struct eio_session *s, enum eio_reason reason, bool cut);

/* The WebSocket of a session that was frozen; as ws_conn_thaw(). */
int eio_websocket_thaw(struct eio_session *s, str map, int fd) MUST_CHECK;

void eio_websocket_send(struct eio_session *s, struct msg *const *msgs, size_t n);

/* Cuts WebSockets that are being turned away. */
void eio_websocket_drop_surplus(struct eio_server *e);

#endif
