/* engineio/waiting.h - requests that wait for a decision of the owner: of a middleware, about a
 * handshake, of a session's id.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_WAITING_H
#define ENGINEIO_WAITING_H

#include "engineio/request.h"

/* What is waited for. */
enum eio_stage {
    EIO_STAGE_REQUEST, /* hooks.on_request */
    EIO_STAGE_ALLOW,   /* events->on_handshake */
    EIO_STAGE_ID       /* hooks.on_generate_id */
};

struct eio_waiting {
    uint8_t holder; /* EIO_HOLDER_WAITING; first */
    uint8_t stage;  /* enum eio_stage */
    bool complete;  /* a POST at EIO_STAGE_REQUEST: its body has come */
    struct eio_server *server;
    struct http_request *request;
    struct eio_query query; /* of a handshake */
    eio_handshake id;
};

/* Makes r wait; r->user names it from then on. q may be NULL. The owner is to be asked then. */
struct eio_waiting *eio_wait(struct eio_server *e, struct http_request *r, enum eio_stage stage,
                             const struct eio_query *q);
/* Ends the wait: it is decided, or the client left. */
void eio_wait_end(struct eio_waiting *w);
/* Whether it may be a session's id: see eio_server_name(). */
bool eio_sid_valid(str sid);
/* The server is closing: nobody will decide any more. */
void eio_wait_refuse_all(struct eio_server *e);

#endif
