/* engineio/waiting.c - see waiting.h.
 *
 * A wait exists from the question to the decision or to the client's leaving. The owner holds an
 * id, so a late or second decision finds nothing.
 *
 * Start reading at eio_server_decide().
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/waiting.h"

#include "base/mem.h"
#include "engineio/cors.h"
#include "engineio/handshake.h"
#include "engineio/polling.h"

struct eio_waiting *eio_wait(struct eio_server *e, struct http_request *r, enum eio_stage stage,
                             const struct eio_query *q)
{
    struct eio_waiting *w = mem_alloc(sizeof *w);

    *w = (struct eio_waiting){
        .holder = EIO_HOLDER_WAITING, .stage = (uint8_t)stage, .server = e, .request = r
    };
    if (q)
        w->query = *q;
    w->id = id_add(&e->waiting, w);
    r->user = w;
    return w;
}

void eio_wait_end(struct eio_waiting *w)
{
    w->request->user = NULL;
    id_remove(&w->server->waiting, w->id);
    mem_free(w);
}

static void refuse(struct eio_server *e, struct http_request *r, enum eio_stage stage,
                   const char *message)
{
    if (stage == EIO_STAGE_ALLOW)
        eio_refuse(e, r, EIO_ERROR_FORBIDDEN, str_of(message ? message : ""), "");
    else
        eio_refuse(e, r, EIO_ERROR_REQUEST, STR(""),
                   stage == EIO_STAGE_ID ? "ID_GENERATION_ERROR" : "MIDDLEWARE_FAILURE");
}

void eio_server_decide(struct eio_server *e, eio_handshake id, bool allow, const char *message)
{
    struct eio_waiting *found = id_get(&e->waiting, id), w;

    if (!found)
        return;
    w = *found;
    eio_wait_end(found);
    if (!allow)
        refuse(e, w.request, w.stage, message);
    else if (w.stage == EIO_STAGE_REQUEST)
        eio_server_admit(e, w.request, w.complete);
    else if (w.stage == EIO_STAGE_ALLOW)
        eio_handshake_allowed(e, w.request, &w.query);
    else
        eio_handshake_finish(e, w.request, &w.query, STR(""));
}

/* RFC 6265 4.1.1, cookie-octet: what needs no escape in a cookie, nor in JSON. */
bool eio_sid_valid(str sid)
{
    for (size_t i = 0; i < sid.n; i++)
        if (sid.p[i] <= ' ' || sid.p[i] >= 0x7f || memchr("\",;\\", sid.p[i], 4))
            return false;
    return sid.n > 0 && sid.n <= EIO_SID_MAX;
}

int eio_server_name(struct eio_server *e, eio_handshake id, str sid)
{
    struct eio_waiting *found = id_get(&e->waiting, id), w;
    int err = 0;

    if (!found || found->stage != EIO_STAGE_ID)
        return ATR_ECLOSED;
    if (!eio_sid_valid(sid))
        err = ATR_ESYNTAX;
    else if (map_get(&e->sessions, sid))
        err = ATR_EEXISTS;
    w = *found;
    eio_wait_end(found);
    if (err < 0)
        refuse(e, w.request, EIO_STAGE_ID, NULL);
    else
        eio_handshake_finish(e, w.request, &w.query, sid);
    return err;
}

int eio_server_answer(struct eio_server *e, eio_handshake id, const struct http_response *res)
{
    struct eio_waiting *w = id_get(&e->waiting, id);
    struct http_response full = *res;
    struct http_request *r;
    struct buf head = { 0 };

    if (!w)
        return ATR_ECLOSED;
    if (w->stage != EIO_STAGE_REQUEST)
        return ATR_ESTATE;
    r = w->request;
    eio_wait_end(w);
    eio_cors_headers(&head, &e->options.cors, &r->head);
    buf_add(&head, res->headers);
    full.headers = buf_str(&head);
    full.close |= eio_request_upgrades(r);
    http_respond(r, &full);
    buf_free(&head);
    return 0;
}

struct http_request *eio_waiting_request(const struct eio_server *e, eio_handshake id)
{
    const struct eio_waiting *w = id_get(&e->waiting, id);

    return w ? w->request : NULL;
}

void eio_wait_refuse_all(struct eio_server *e)
{
    for (uint32_t i = 0; i < e->waiting.cap; i++) {
        struct eio_waiting *w = e->waiting.slots[i].object;
        if (!w)
            continue;
        struct http_request *r = w->request;
        eio_wait_end(w);
        (void)eio_handshake_busy(e, r);
    }
}

bool eio_handshake_open(const struct eio_server *e, eio_handshake id)
{
    return id_get(&e->waiting, id) != NULL;
}
