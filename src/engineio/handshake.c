/* engineio/handshake.c - handshakes: allowRequest, then the protocol version, then a session.
 *
 * A handshake that waits for its owner's decision exists from on_handshake to the decision or to
 * the client's leaving. The owner holds an id, so a late or second decision finds nothing.
 *
 * The order of checks is engine.io's: the version comes after allowRequest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/handshake.h"

#include "base/mem.h"
#include "engineio/polling.h"
#include "engineio/websocket.h"

struct handshake {
    enum eio_holder holder; /* EIO_HOLDER_HANDSHAKE */
    struct eio_server *server;
    struct http_request *request;
    struct eio_query query;
    eio_handshake id;
};

static bool busy(struct eio_server *e, struct http_request *r)
{
    const struct eio_options *o = &e->options;

    if (!e->closing && (o->sessions_max == 0 || e->sessions.count < o->sessions_max))
        return false;
    eio_refuse_busy(e, r, e->closing ? "SERVER_CLOSING" : "SESSIONS_MAX");
    return true;
}

static void finish(struct eio_server *e, struct http_request *r, const struct eio_query *q)
{
    if (!q->version4 && !e->options.allow_eio3)
        eio_refuse(e, r, EIO_ERROR_VERSION, STR(""), "");
    else if (busy(e, r))
        return;
    else if (q->transport == EIO_POLLING)
        eio_polling_open(e, r, q);
    else
        eio_websocket_open(e, r, q);
}

void eio_handshake_begin(struct eio_server *e, struct http_request *r, const struct eio_query *q)
{
    struct handshake *hs;

    if (busy(e, r))
        return;
    if (!e->events->on_handshake) {
        finish(e, r, q);
        return;
    }
    hs = mem_alloc(sizeof *hs);
    *hs = (struct handshake){
        .holder = EIO_HOLDER_HANDSHAKE, .server = e, .request = r, .query = *q
    };
    hs->id = id_add(&e->handshakes, hs);
    r->user = hs;
    e->events->on_handshake(e, hs->id, r);
}

static void forget(struct handshake *hs)
{
    hs->request->user = NULL;
    id_remove(&hs->server->handshakes, hs->id);
    mem_free(hs);
}

void eio_handshake_abort(struct http_request *r)
{
    forget(r->user);
}

void eio_server_decide(struct eio_server *e, eio_handshake id, bool allow, const char *message)
{
    struct handshake *hs = id_get(&e->handshakes, id);
    struct http_request *r;
    struct eio_query q;

    if (!hs)
        return;
    r = hs->request;
    q = hs->query;
    forget(hs);
    if (allow)
        finish(e, r, &q);
    else
        eio_refuse(e, r, EIO_ERROR_FORBIDDEN, str_of(message ? message : ""), "");
}

void eio_handshake_refuse_all(struct eio_server *e)
{
    for (uint32_t i = 0; i < e->handshakes.cap; i++) {
        struct handshake *hs = e->handshakes.slots[i].object;
        if (!hs)
            continue;
        struct http_request *r = hs->request;
        forget(hs);
        (void)busy(e, r);
    }
}

bool eio_handshake_open(const struct eio_server *e, eio_handshake id)
{
    return id_get(&e->handshakes, id) != NULL;
}
