/* engineio/server.c - an Engine.IO server: requests of its path, verified and handed to their
 * session.
 *
 * What belongs to another server of the application (struct eio_places) goes there untouched. The
 * owner's middlewares come first, when there are any. Verification runs in engine.io's order:
 * transport, Origin, sid (known, its transport, its version), method, upgrade, allowRequest,
 * version. A POST is verified when its head is there, because an overlap or a limit must be noticed
 * before its body; all else when the request is complete.
 *
 * Start reading at route().
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/server.h"

#include "base/assert.h"
#include "base/mem.h"
#include "engineio/cors.h"
#include "engineio/handshake.h"
#include "engineio/polling.h"
#include "engineio/session.h"
#include "engineio/waiting.h"
#include "engineio/websocket.h"

struct verdict {
    enum eio_error error;
    const char *context;
    struct eio_session *session; /* NULL: a handshake */
};

/* RFC 9110 5.5: characters that no field value may hold. */
static bool has_invalid_char(str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (((uint8_t)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
            return true;
    return false;
}

static struct verdict verify_session(struct eio_server *e, const struct eio_query *q, bool upgrade)
{
    struct eio_session *s = eio_session_find(e, str_n(q->sid, q->sid_len));
    uint8_t transport;

    if (!s)
        return (struct verdict){ EIO_ERROR_SID, "", NULL };
    transport = s->polling ? EIO_POLLING : EIO_WEBSOCKET;
    if (upgrade ? q->transport != EIO_WEBSOCKET : q->transport != transport)
        return (struct verdict){ EIO_ERROR_REQUEST, "TRANSPORT_MISMATCH", NULL };
    if (q->version4 == s->eio3)
        return (struct verdict){ EIO_ERROR_REQUEST, "PROTOCOL_MISMATCH", NULL };
    if ((upgrade && !e->options.allow_upgrades) || (!upgrade && transport == EIO_WEBSOCKET))
        return (struct verdict){ EIO_ERROR_REQUEST, "TRANSPORT_HANDSHAKE_ERROR", NULL };
    return (struct verdict){ EIO_ERROR_NONE, "", s };
}

static struct verdict verify(struct eio_server *e, const struct http_request *r,
                             const struct eio_query *q, bool upgrade)
{
    if (!(q->transport & e->options.transports))
        return (struct verdict){ EIO_ERROR_TRANSPORT, "", NULL };
    if (has_invalid_char(http1_header(&r->head, STR("origin"))))
        return (struct verdict){ EIO_ERROR_REQUEST, "INVALID_ORIGIN", NULL };
    if (q->sid_len > 0)
        return verify_session(e, q, upgrade);
    if (!str_eq(r->head.method, STR("GET")))
        return (struct verdict){ EIO_ERROR_METHOD, "", NULL };
    if ((q->transport == EIO_WEBSOCKET) != upgrade)
        return (struct verdict){ EIO_ERROR_REQUEST, "TRANSPORT_HANDSHAKE_ERROR", NULL };
    return (struct verdict){ EIO_ERROR_NONE, "", NULL };
}

/* A CORS preflight is answered before anything is verified. */
static bool preflight(struct eio_server *e, struct http_request *r)
{
    const struct eio_cors *cors = &e->options.cors;

    if (!cors->enabled || cors->preflight_continue || !str_eq(r->head.method, STR("OPTIONS")))
        return false;
    buf_clear(&e->head);
    eio_cors_preflight(&e->head, cors, &r->head);
    if (cors->options_status == 204) /* which has no body; some agents wait for one all the same */
        buf_add(&e->head, STR("Content-Length: 0\r\n"));
    http_respond(r, &(struct http_response){
                        .status = cors->options_status,
                        .headers = buf_str(&e->head),
                    });
    return true;
}

/* What waits for r, as far as one kind of it does. */
static struct eio_polling *polling_of(const struct http_request *r)
{
    const uint8_t *holder = r->user;

    return holder && *holder == EIO_HOLDER_POLLING ? r->user : NULL;
}

static void post(struct eio_polling *p, struct http_request *r, bool complete)
{
    eio_polling_post(p, r);
    if (complete && polling_of(r) == p)
        eio_polling_body(p, r);
}

void eio_server_admit(struct eio_server *e, struct http_request *r, bool complete)
{
    bool upgrade = eio_request_upgrades(r);
    struct eio_query q;
    struct verdict v;

    eio_query_parse(&q, r->head.query);
    v = verify(e, r, &q, upgrade);
    if (v.error != EIO_ERROR_NONE)
        eio_refuse(e, r, v.error, STR(""), v.context);
    else if (!v.session)
        eio_handshake_begin(e, r, &q);
    else if (upgrade)
        eio_websocket_upgrade(v.session, r, &q);
    else if (str_eq(r->head.method, STR("GET")))
        eio_polling_get(v.session->polling, r);
    else if (str_eq(r->head.method, STR("POST")))
        post(v.session->polling, r, complete);
    else
        eio_answer_empty(e, r, 500, false);
}

/* Whether r would open a session, and its address has opened enough of them lately. */
static bool too_often(struct eio_server *e, struct http_request *r)
{
    struct address from;
    struct eio_query q;

    if (!e->rates || !e->rates->connects)
        return false;
    eio_query_parse(&q, r->head.query);
    return q.sid_len == 0 && http_client(r, &from) &&
           !rates_connect(e->rates, &from, RATES_SESSIONS);
}

static void route(struct eio_server *e, struct http_request *r)
{
    if (preflight(e, r))
        return;
    if (too_often(e, r)) {
        eio_refuse_rate(e, r);
        return;
    }
    if (!e->hooks.on_request) {
        eio_server_admit(e, r, false);
        return;
    }
    r->body_bytes_max = e->options.message_bytes_max; /* it may come in meanwhile */
    e->hooks.on_request(e, eio_wait(e, r, EIO_STAGE_REQUEST, NULL)->id, r);
}

static struct eio_server *server_of(struct http_handler *h)
{
    return container_of(h, struct eio_server, handler);
}

/* Whether r is another server's affair, and on its way there. What another sent to begin here begins
 * here, and what depends on no session is answered here. */
static bool passed_on(struct eio_server *e, struct http_request *r)
{
    struct eio_query q;
    str sid;
    int place;

    if (str_eq(r->head.method, STR("OPTIONS")))
        return false;
    eio_query_parse(&q, r->head.query);
    sid = str_n(q.sid, q.sid_len);
    if (sid.n ? map_get(&e->sessions, sid) != NULL
              : r->arrived || !(q.transport & e->options.transports) || !str_eq(r->head.method, STR("GET")))
        return false;
    if ((place = e->places->locate(e->places, sid, r)) == EIO_HERE)
        return false;
    r->body_bytes_max = e->options.message_bytes_max;
    return e->places->elsewhere(e->places, place, r);
}

static void on_head(struct http_handler *h, struct http_request *r)
{
    struct eio_server *e = server_of(h);

    if (e->places && passed_on(e, r))
        return;
    if (str_eq(r->head.method, STR("POST")))
        route(e, r);
}

static void on_request(struct http_handler *h, struct http_request *r)
{
    struct eio_polling *p = polling_of(r);

    if (p)
        eio_polling_body(p, r);
    else if (r->user)
        ((struct eio_waiting *)r->user)->complete = true;
    else
        route(server_of(h), r);
}

static void on_abort(struct http_handler *h, struct http_request *r)
{
    struct eio_polling *p = polling_of(r);

    (void)h;
    if (p)
        eio_polling_abort(p, r);
    else if (r->user)
        eio_wait_end(r->user);
}

static void on_hurry(struct http_handler *h, struct http_request *r)
{
    struct eio_polling *p = polling_of(r);

    (void)h;
    if (p && p->get == r)
        eio_polling_noop(p);
}

/* The session lives on: the client learns of its mistake by the status. */
static void on_too_large(struct http_handler *h, struct http_request *r)
{
    struct eio_server *e = server_of(h);
    struct eio_polling *p = polling_of(r);

    e->stats.too_large++;
    if (p)
        p->post = NULL;
    else if (r->user)
        eio_wait_end(r->user);
    r->user = NULL;
    eio_answer_empty(e, r, 413, false);
}

void eio_server_init(struct eio_server *e, struct loop *l, const struct eio_options *o,
                     const struct eio_events *events, void *owner)
{
    ASSERT(events->session_bytes >= sizeof(struct eio_session));
    *e = (struct eio_server){
        .loop = l,
        .options = *o,
        .events = events,
        .owner = owner,
        .handler = {
            .on_head = on_head,
            .on_request = on_request,
            .on_abort = on_abort,
            .on_too_large = on_too_large,
            .on_hurry = on_hurry,
        },
        .ping = ws_msg(WS_TEXT, STR("2")),
        .pong = ws_msg(WS_TEXT, STR("3")),
        .probe_pong = ws_msg(WS_TEXT, STR("3probe")),
    };
    pressure_policy_fit(&e->options.output);
    list_init(&e->all);
    list_init(&e->surplus);
}

void eio_server_close(struct eio_server *e, enum eio_reason reason)
{
    e->closing = true;
    /* Ended sessions stay in the list until the iteration's end, so the walk is safe. */
    for (struct list *at = e->all.next; at != &e->all; at = at->next)
        eio_session_close(container_of(at, struct eio_session, link), reason, true);
    eio_websocket_drop_surplus(e);
    eio_wait_refuse_all(e);
}

size_t eio_server_close_some(struct eio_server *e, enum eio_reason reason, size_t *n)
{
    /* Ended sessions stay in the list until the iteration's end, so the walk is safe. */
    for (struct list *at = e->all.next; at != &e->all && *n; at = at->next) {
        struct eio_session *s = container_of(at, struct eio_session, link);

        if (s->state != EIO_STATE_OPEN)
            continue;
        eio_session_close(s, reason, true);
        --*n;
    }
    return e->sessions.count;
}

void eio_server_fini(struct eio_server *e)
{
    ASSERT(e->sessions.count == 0);
    /* Sessions that ended but wait for their peer's close frame, or for the end of the iteration.
     */
    while (!list_empty(&e->all)) {
        struct eio_session *s = container_of(e->all.next, struct eio_session, link);

        list_remove(&s->link);
        if (s->ws.stream)
            ws_conn_abort(&s->ws);
    }
    eio_websocket_drop_surplus(e);
    map_free(&e->sessions);
    mem_free(e->paces);
    id_table_free(&e->waiting);
    msg_unref(e->ping);
    msg_unref(e->pong);
    msg_unref(e->probe_pong);
    buf_free(&e->head);
    buf_free(&e->body);
}
