/* engineio/handshake.c - handshakes: allowRequest, then the protocol version, then a session with
 * its id.
 *
 * The order of checks is engine.io's: the version comes after allowRequest, the id after the
 * version.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/handshake.h"

#include "engineio/polling.h"
#include "engineio/waiting.h"
#include "engineio/websocket.h"

bool eio_handshake_busy(struct eio_server *e, struct http_request *r)
{
    const struct eio_options *o = &e->options;

    if (!e->closing && (o->sessions_max == 0 || e->sessions.count < o->sessions_max))
        return false;
    e->stats.sessions_full += !e->closing;
    eio_refuse_busy(e, r, e->closing ? "SERVER_CLOSING" : "SESSIONS_MAX");
    return true;
}

void eio_handshake_finish(struct eio_server *e, struct http_request *r, const struct eio_query *q,
                          str sid)
{
    if (eio_handshake_busy(e, r)) /* there was time to ask for the id */
        return;
    if (q->transport == EIO_POLLING)
        eio_polling_open(e, r, q, sid);
    else
        eio_websocket_open(e, r, q, sid);
}

void eio_handshake_allowed(struct eio_server *e, struct http_request *r, const struct eio_query *q)
{
    if (!q->version4 && !e->options.allow_eio3)
        eio_refuse(e, r, EIO_ERROR_VERSION, STR(""), "");
    else if (eio_handshake_busy(e, r))
        return;
    else if (e->hooks.on_generate_id)
        e->hooks.on_generate_id(e, eio_wait(e, r, EIO_STAGE_ID, q)->id, r);
    else
        eio_handshake_finish(e, r, q, STR(""));
}

void eio_handshake_begin(struct eio_server *e, struct http_request *r, const struct eio_query *q)
{
    if (eio_handshake_busy(e, r))
        return;
    if (e->events->on_handshake)
        e->events->on_handshake(e, eio_wait(e, r, EIO_STAGE_ALLOW, q)->id, r);
    else
        eio_handshake_allowed(e, r, q);
}
