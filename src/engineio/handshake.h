/* engineio/handshake.h - a session's first request, from its verification to its opening.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_HANDSHAKE_H
#define ENGINEIO_HANDSHAKE_H

#include "engineio/request.h"

/* r is verified and has no sid: asks the owner, then opens a session or refuses. */
void eio_handshake_begin(struct eio_server *e, struct http_request *r, const struct eio_query *q);
/* The owner lets it in. */
void eio_handshake_allowed(struct eio_server *e, struct http_request *r, const struct eio_query *q);
/* Opens the session under that sid, or one of ours when it is empty. */
void eio_handshake_finish(struct eio_server *e, struct http_request *r, const struct eio_query *q,
                          str sid);
/* Refuses when the server is closing or holds as many sessions as it may. */
bool eio_handshake_busy(struct eio_server *e, struct http_request *r);

#endif
