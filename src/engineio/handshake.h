/* engineio/handshake.h - a session's first request, from its verification to its opening.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_HANDSHAKE_H
#define ENGINEIO_HANDSHAKE_H

#include "engineio/request.h"

/* r is verified and has no sid: asks the owner, then opens a session or refuses. */
void eio_handshake_begin(struct eio_server *e, struct http_request *r, const struct eio_query *q);
/* r's client left before the owner decided. */
void eio_handshake_abort(struct http_request *r);

/* The server is closing: nobody will decide any more. */
void eio_handshake_refuse_all(struct eio_server *e);

#endif
