/* engineio/websocket.c - sessions on WebSocket, and the probe by which a polling session gets
 * there.
 *
 * session.ws serves both: while session.polling exists the WebSocket is a probe (or the remains of
 * one that failed) and only the three probe packets mean anything on it; afterwards it is the
 * transport.
 *
 * A WebSocket too many for its session is accepted and closed (clients treat an HTTP error as an
 * exception there); the session does not notice.
 *
 * Start reading at on_message().
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/websocket.h"

#include "base/assert.h"
#include "base/base64.h"
#include "base/mem.h"
#include "engineio/cors.h"
#include "engineio/handshake.h"
#include "engineio/polling.h"
#include "proto/eio3_payload.h"
#include "ws/handover.h"

/* How long the peer may take to answer a close frame: as the npm package `ws` waits; less where it
 * is likely dead, or about to be turned away. */
enum { LINGER_MS = 30000, LINGER_SHORT_MS = 2000 };
enum { CODE_GOING_AWAY = 1001, CODE_RATE = 1008, CODE_TOO_BIG = 1009 };

/* --- Input --- */

static enum parse decode(const struct eio_session *s, bool binary, uint8_t *data, size_t n,
                         struct eio_packet *out)
{
    if (!s->eio3)
        return eio_packet_decode((char *)data, n, out);
    return binary ? eio3_packet_decode_binary(str_n(data, n), out)
                  : eio3_packet_decode((char *)data, n, out);
}

/* What has a type in front: a text, and in protocol 3 bytes as well. */
static void typed_packet(struct eio_session *s, bool binary, uint8_t *data, size_t n)
{
    struct eio_packet pk;

    if (decode(s, binary, data, n, &pk) != PARSE_DONE) {
        s->server->stats.parse_errors++;
        eio_session_end(s, EIO_PARSE_ERROR, NULL, 0);
        return;
    }
    eio_session_packet(s, &pk);
}

static void probe_drop(struct eio_session *s)
{
    struct eio_polling *p = s->polling;

    p->probe = EIO_PROBE_NONE;
    s->server->stats.upgrade_failures++;
    loop_timer_stop(s->server->loop, &p->upgrade);
    ws_conn_close(&s->ws, 0, STR(""), LINGER_SHORT_MS);
}

static void on_upgrade_timeout(struct timer *t)
{
    probe_drop(container_of(t, struct eio_polling, upgrade)->session);
}

static void probe_answer(struct eio_session *s)
{
    struct eio_polling *p = s->polling;

    if (s->ws.stream->blocked) { /* it asks on and does not read: nothing else bounds the answers */
        probe_drop(s);
        return;
    }
    p->probe = EIO_PROBE_ANSWERED;
    ws_conn_send(&s->ws, s->server->probe_pong);
    eio_polling_noop(p);
}

/* The WebSocket becomes the transport; what waited for a GET goes out on it, in order. */
static void probe_finish(struct eio_session *s)
{
    struct eio_server *e = s->server;
    struct eio_polling *p = s->polling;
    bool drained = p->waited && !s->pressure;

    eio_polling_release(p, '6', false);
    if (s->state == EIO_STATE_CLOSED) /* by a hook of the answer's */
        return;
    s->polling = NULL;
    eio_websocket_send(s, p->queue, p->count);
    eio_polling_free(p);
    if (s->pressure)
        stream_tell_drain(s->ws.stream);
    if (s->holds)
        stream_pause(s->ws.stream);
    e->stats.upgrades++;
    e->stats.polling_open--;
    e->stats.websocket_open++;
    if (e->events->on_upgrade && s->state == EIO_STATE_OPEN)
        e->events->on_upgrade(s);
    if (e->events->on_drain && s->state == EIO_STATE_OPEN && drained)
        e->events->on_drain(s);
    if (s->state == EIO_STATE_CLOSING)
        eio_session_end(s, s->close_reason, NULL, 0);
}

static void probe_packet(struct eio_session *s, bool binary, str text)
{
    if (s->polling->probe == EIO_PROBE_NONE)
        return;
    if (!binary && str_eq(text, STR("2probe")))
        probe_answer(s);
    else if (!binary && str_eq(text, STR("5")))
        probe_finish(s);
    else
        probe_drop(s);
}

static void on_message(struct ws_conn *w, bool binary, uint8_t *data, size_t n)
{
    struct eio_session *s = container_of(w, struct eio_session, ws);

    if (s->state == EIO_STATE_CLOSED)
        return;
    if (s->polling)
        probe_packet(s, binary, str_n(data, n));
    else if (binary && !s->eio3)
        eio_session_message(s, true, data, n);
    else
        typed_packet(s, binary, data, n);
}

/* What we closed a WebSocket for; NULL when the peer did nothing wrong. */
static const char *fault_text(unsigned code)
{
    switch (code) {
    case 1002:
        return "invalid WebSocket frame";
    case 1007:
        return "invalid UTF-8 in a text message";
    case CODE_RATE:
        return "rate limit exceeded";
    case CODE_TOO_BIG:
        return "message larger than the limit";
    default:
        return NULL;
    }
}

static void on_close(struct ws_conn *w, unsigned code, str reason, bool ours)
{
    struct eio_session *s = container_of(w, struct eio_session, ws);
    const char *fault = ours ? fault_text(code) : NULL;

    (void)reason;
    if (ours && code == CODE_TOO_BIG)
        s->server->stats.too_large++;
    if (ours && code == CODE_RATE)
        s->server->stats.rate_limited++;
    if (s->state == EIO_STATE_CLOSED) {
        eio_session_doom(s);
    } else if (!s->polling) {
        eio_session_end(s, fault ? EIO_TRANSPORT_ERROR : EIO_TRANSPORT_CLOSE, fault, 0);
    } else if (s->polling->probe != EIO_PROBE_NONE) {
        s->polling->probe = EIO_PROBE_NONE;
        s->server->stats.upgrade_failures++;
        loop_timer_stop(s->server->loop, &s->polling->upgrade);
    }
}

static void on_drain(struct ws_conn *w)
{
    struct eio_session *s = container_of(w, struct eio_session, ws);

    if (!s->polling && s->state == EIO_STATE_OPEN)
        eio_session_drained(s);
}

static struct rates_guard *guard(struct ws_conn *w)
{
    return container_of(w, struct eio_session, ws)->guard;
}

static const struct ws_events session_events = {
    .guard = guard,
    .on_message = on_message,
    .on_close = on_close,
    .on_drain = on_drain,
};

/* --- Accepting --- */

struct terms {
    struct ws_deflate_terms deflate;
    bool agreed;     /* permessage-deflate */
    struct buf head; /* lines of the 101 */
};

/* Refuses what is no WebSocket handshake. *terms says what to answer, and to compress by, if
 * anything. May run code of the application. */
static bool handshake_good(struct eio_server *e, struct http_request *r, struct terms *terms,
                           bool initial)
{
    const char *why;
    int status;

    if ((status = ws_handshake_check(r, &why)) != 0) {
        eio_refuse_upgrade(e, r, (unsigned)status, str_of(why));
        return false;
    }
    if ((status = ws_deflate_agree(&terms->deflate, r, &e->options.deflate)) < 0) {
        eio_refuse_upgrade(e, r, 400, STR("the Sec-WebSocket-Extensions are malformed"));
        return false;
    }
    terms->agreed = status > 0;
    terms->head = (struct buf){ 0 };
    eio_cors_headers(&terms->head, &e->options.cors, &r->head);
    if (e->hooks.on_headers)
        eio_headers_hook(e, r, &terms->head, initial);
    if (r->answered) /* cut meanwhile */
        buf_free(&terms->head);
    return !r->answered;
}

static void accept(struct ws_conn *w, struct eio_server *e, struct http_request *r,
                   struct terms *terms, const struct ws_events *events)
{
    str offered = http1_header(&r->head, STR("sec-websocket-protocol")), first = STR("");
    struct buf *head = &terms->head;
    str name, value;

    if (str_cut(&offered, ',', &first))
        first = str_trim(first);
    http_preset_yield(r, buf_str(head), false);
    for (size_t at = 0; http_preset_next(r, &at, &name, &value);)
        buf_format(head, "%.*s: %.*s\r\n", STR_ARG(name), STR_ARG(value));
    if (terms->agreed)
        ws_deflate_answer(head, &terms->deflate);
    ws_conn_accept(w, r, buf_str(head), first, e->options.message_bytes_max, events);
    buf_free(head);
    if (terms->agreed)
        ws_conn_deflate(w, &terms->deflate);
}

/* While headers were shown to the owner the server may have closed, or the id have been given to
 * another. */
static bool may_still_open(struct eio_server *e, struct http_request *r, str sid)
{
    if (eio_handshake_busy(e, r))
        return false;
    if (sid.n == 0 || !map_get(&e->sessions, sid))
        return true;
    eio_refuse(e, r, EIO_ERROR_REQUEST, STR(""), "ID_GENERATION_ERROR");
    return false;
}

void eio_websocket_open(struct eio_server *e, struct http_request *r, const struct eio_query *q,
                        str sid)
{
    struct eio_session *s;
    struct terms terms;
    struct msg *open;

    if (!handshake_good(e, r, &terms, true))
        return;
    if (!may_still_open(e, r, sid)) {
        buf_free(&terms.head);
        return;
    }
    s = eio_session_new(e, !q->version4, sid);
    eio_session_limit(s, r);
    s->base64 = q->base64;
    e->stats.websocket_open++;
    (void)http_peer(r); /* on_open may ask for it, when the stream is no longer r's */
    accept(&s->ws, e, r, &terms, &session_events);
    s->ws.guarded = s->guard != NULL;
    open = eio_session_open_packet(s, false);
    ws_conn_send(&s->ws, open);
    msg_unref(open);
    if ((open = eio_session_greeting(s))) {
        ws_conn_send(&s->ws, open);
        msg_unref(open);
    }
    e->events->on_open(s, r);
}

/* --- One too many --- */

struct surplus {
    struct ws_conn ws;
    struct list link; /* in server->surplus */
    struct loop_job reap;
    struct loop *loop;
};

static void surplus_message(struct ws_conn *w, bool binary, uint8_t *data, size_t n)
{
    (void)w, (void)binary, (void)data, (void)n;
}

static void surplus_reap(struct loop_job *job)
{
    mem_free(container_of(job, struct surplus, reap));
}

static void surplus_close(struct ws_conn *w, unsigned code, str reason, bool ours)
{
    struct surplus *x = container_of(w, struct surplus, ws);

    (void)code, (void)reason, (void)ours;
    list_remove(&x->link);
    loop_doom(x->loop, &x->reap);
}

static void turn_away(struct eio_server *e, struct http_request *r, struct terms *terms)
{
    static const struct ws_events events = {
        .on_message = surplus_message,
        .on_close = surplus_close,
    };
    struct surplus *x = mem_zalloc(sizeof *x);

    e->stats.upgrade_failures++;
    x->loop = e->loop;
    loop_job_init(&x->reap, surplus_reap);
    list_append(&e->surplus, &x->link);
    terms->agreed = false;
    accept(&x->ws, e, r, terms, &events);
    ws_conn_close(&x->ws, 0, STR(""), LINGER_SHORT_MS);
}

void eio_websocket_drop_surplus(struct eio_server *e)
{
    while (!list_empty(&e->surplus))
        ws_conn_abort(&container_of(e->surplus.next, struct surplus, link)->ws);
}

/* --- Upgrading --- */

void eio_websocket_upgrade(struct eio_session *s, struct http_request *r, const struct eio_query *q)
{
    struct eio_server *e = s->server;
    struct eio_polling *p;
    struct terms terms;

    if (!handshake_good(e, r, &terms, false))
        return;
    p = s->polling;
    if (!p || p->probe != EIO_PROBE_NONE || s->state != EIO_STATE_OPEN) {
        turn_away(e, r, &terms);
        return;
    }
    if (s->ws.stream) /* a failed probe that has not quite gone */
        ws_conn_abort(&s->ws);
    p->probe = EIO_PROBE_OPEN;
    s->base64 = q->base64;
    timer_init(&p->upgrade, on_upgrade_timeout);
    loop_timer(e->loop, &p->upgrade, e->options.upgrade_timeout_ms);
    accept(&s->ws, e, r, &terms, &session_events);
    s->ws.guarded = s->guard != NULL;
}

/* --- Output and end --- */

/* For clients that cannot take binary: 'b' (eio3: and the type) and base64, as in a polling
 * payload. */
static void send_base64(struct eio_session *s, const struct msg *m)
{
    str raw = eio_msg_bytes(m), mark = s->eio3 ? STR("b4") : STR("b");
    size_t n = base64_encoded_size(raw.n);
    struct msg *text = ws_msg_reserve(WS_TEXT, mark.n + n);
    char *at = (char *)text->data + text->head;

    memcpy(at, mark.p, mark.n);
    base64_encode(at + mark.n, raw.p, raw.n);
    ws_conn_send(&s->ws, text);
    msg_unref(text);
}

static void send_typed(struct eio_session *s, const struct msg *m)
{
    struct msg *typed = eio_msg_typed(msg_payload(m));

    ws_conn_send(&s->ws, typed);
    msg_unref(typed);
}

static void send_binary(struct eio_session *s, struct msg *m)
{
    ASSERT(s->eio3 || !m->prefix);
    if (s->base64)
        send_base64(s, m);
    else if (s->eio3 && !m->prefix)
        send_typed(s, m);
    else
        ws_conn_send(&s->ws, m);
}

void eio_websocket_send(struct eio_session *s, struct msg *const *msgs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (msgs[i]->binary)
            send_binary(s, msgs[i]);
        else
            ws_conn_send(&s->ws, msgs[i]);
    }
}

int eio_websocket_thaw(struct eio_session *s, str map, int fd)
{
    struct eio_server *e = s->server;
    int err = ws_conn_thaw(&s->ws, e->loop, map, fd, &session_events);

    if (err < 0)
        return err;
    s->ws.guarded = s->guard != NULL;
    if (e->streams_open) {
        s->ws.stream->counted = e->streams_open;
        ++*e->streams_open;
    }
    return 0;
}

void eio_websocket_end(struct eio_session *s, enum eio_reason reason, bool cut)
{
    bool going_away = reason == EIO_SERVER_SHUTTING_DOWN;
    unsigned linger_ms = going_away || reason == EIO_PING_TIMEOUT ? LINGER_SHORT_MS : LINGER_MS;

    if (!s->ws.stream)
        return;
    if (cut && s->ws.stream->blocked)
        ws_conn_abort(&s->ws);
    else /* 1001 makes every client reconnect; an empty frame is what engine.io sends */
        ws_conn_close(&s->ws, going_away ? CODE_GOING_AWAY : 0, STR(""), linger_ms);
}
