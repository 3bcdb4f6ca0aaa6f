/* engineio/handover.c - see handover.h.
 *
 * The map: sid, eio3, base64; interval and timeout (of pings, as the client was told), beat (when
 * the heartbeat's timer is due), waits and extended (of the pong), held (since the latest ping);
 * from (the address that limits count it for); and either ws (the connection's map, ws/handover.h)
 * or polling (a map: text, jsonp, queue, compress). What waits behind a transport goes into it
 * first, so neither holds nor a backlog are moved.
 *
 * Times are of CLOCK_MONOTONIC, which the processes of a machine share.
 *
 * Start reading at eio_session_freeze().
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/handover.h"

#include <errno.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "engineio/polling.h"
#include "engineio/waiting.h"
#include "engineio/websocket.h"
#include "proto/frozen.h"
#include "ws/handover.h"

enum { VERSION = 1, PACES_MAX = UINT8_MAX, PACE_MS_MAX = 86400000 };

/* --- Freezing --- */

static bool backlog_empty(const struct eio_session *s)
{
    return !s->pressure || !backlog_first(&s->pressure->backlog);
}

/* Lets a session that polls come to rest. */
static int settle_polling(struct eio_session *s)
{
    struct eio_polling *p = s->polling;

    if (p->post || p->delivering || p->probe != EIO_PROBE_NONE)
        return -EAGAIN;
    if (p->get && s->server->hooks.on_headers) {
        eio_polling_noop_later(p); /* answering runs code of the application, which may do anything */
        return -EAGAIN;
    }
    if (s->ws.stream) /* a failed probe that has not quite gone */
        ws_conn_abort(&s->ws);
    eio_session_pump_all(s);
    if (backlog_empty(s))
        pressure_over(&s->pressure);
    p->waited = false; /* nobody is told that it drained: not here */
    eio_polling_noop(p);
    if (s->state != EIO_STATE_OPEN)
        return ATR_ESTATE;
    return backlog_empty(s) ? 0 : -EAGAIN;
}

static void put_message(struct buf *out, const struct msg *m)
{
    if (m->binary)
        msgpack_write_binary(out, eio_msg_bytes(m));
    else
        msgpack_write_string(out, msg_payload(m));
}

static void freeze_polling(struct frozen_writer *parent, const struct eio_polling *p)
{
    struct frozen_writer w;
    bool compress = false;

    frozen_begin(&w, frozen_put_value(parent, "polling"), VERSION);
    frozen_put_bool(&w, "text", p->text_only);
    if (p->jsonp)
        frozen_put_bytes(&w, "jsonp", str_of(p->jsonp));
    if (p->count) {
        struct buf *out = frozen_put_value(&w, "queue");

        msgpack_write_array(out, p->count);
        for (uint32_t i = 0; i < p->count; i++) {
            put_message(out, p->queue[i]);
            compress = compress || !p->queue[i]->incompressible;
        }
        frozen_put_bool(&w, "compress", compress);
    }
    frozen_end(&w);
}

static void freeze_state(struct frozen_writer *w, const struct eio_session *s)
{
    const struct address *from = s->guard ? rates_guard_address(s->guard) : NULL;
    struct eio_pace pace = eio_session_pace(s);

    frozen_put_bytes(w, "sid", eio_session_sid(s));
    frozen_put_bool(w, "eio3", s->eio3);
    frozen_put_bool(w, "base64", s->base64);
    frozen_put_uint(w, "interval", pace.interval_ms);
    frozen_put_uint(w, "timeout", pace.timeout_ms);
    frozen_put_uint(w, "beat", s->heartbeat.at_ms);
    frozen_put_bool(w, "waits", s->awaiting_pong);
    frozen_put_bool(w, "extended", s->pong_extended);
    frozen_put_bool(w, "held", s->was_held || s->holds > 0);
    if (from)
        frozen_put_bytes(w, "from", str_n(from->bytes, sizeof from->bytes));
}

static int settle(struct eio_session *s)
{
    if (s->state != EIO_STATE_OPEN)
        return ATR_ESTATE;
    if (s->polling)
        return settle_polling(s);
    eio_session_pump_all(s);
    return 0;
}

static void drop_polling(struct eio_session *s)
{
    list_remove(&s->polling->flush.link);
    list_remove(&s->polling->go_on.link);
    eio_polling_free(s->polling);
    s->polling = NULL;
}

int eio_session_freeze(struct eio_session *s, struct buf *out, int *fd)
{
    struct frozen_writer w;
    size_t before = out->len;
    int err = settle(s);

    if (err < 0)
        return err;
    frozen_begin(&w, out, VERSION);
    freeze_state(&w, s);
    if (s->polling) {
        freeze_polling(&w, s->polling);
        *fd = -1;
    } else if ((err = ws_conn_freeze(&s->ws, frozen_put_value(&w, "ws"), fd)) < 0) {
        out->len = before;
        return err;
    }
    frozen_end(&w);
    eio_session_leave(s);
    list_remove(&s->link); /* whoever walks over all meets those that are left */
    pressure_over(&s->pressure);
    s->server->stats.frozen++;
    if (s->polling)
        drop_polling(s);
    return 0;
}

void eio_session_bury(struct eio_session *s)
{
    ASSERT(s->state == EIO_STATE_CLOSED && !s->ws.stream);
    eio_session_doom(s);
}

/* --- Thawing --- */

static struct msg *read_message(struct msgpack_reader *r)
{
    switch (msgpack_reader_next(r)) {
    case MSGPACK_STRING:
        return ws_msg(WS_TEXT, r->bytes);
    case MSGPACK_BINARY:
        return ws_msg(WS_BINARY, r->bytes);
    default:
        return NULL;
    }
}

static int thaw_queue(struct eio_polling *p, const struct frozen *f)
{
    bool compress = frozen_bool(f, "compress");
    struct msgpack_reader r;
    uint32_t count = frozen_array(f, "queue", &r);

    if (count > EIO_MSGS_MAX)
        return ATR_ELIMIT;
    for (uint32_t i = 0; i < count; i++) {
        struct msg *m = read_message(&r);

        if (!m)
            return ATR_ESYNTAX;
        m->incompressible = !compress;
        eio_polling_send(p, &m, 1);
        msg_unref(m);
    }
    return 0;
}

static bool all_digits(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

static int thaw_polling(struct eio_session *s, str map)
{
    struct eio_polling *p = s->polling;
    struct frozen f;
    size_t used;
    str jsonp;

    if (frozen_open(&f, map, &used) < 0)
        return ATR_ESYNTAX;
    p->text_only = frozen_bool(&f, "text");
    jsonp = frozen_bytes(&f, "jsonp");
    if (!all_digits(jsonp))
        return ATR_ESYNTAX;
    if (jsonp.p)
        p->jsonp = str_dup(jsonp);
    return thaw_queue(p, &f);
}

static void thaw_guard(struct eio_session *s, const struct frozen *f, int fd)
{
    struct rates *rates = s->server->rates;
    str from = frozen_bytes(f, "from");
    struct address a;
    bool known = from.n == sizeof a.bytes;

    if (!rates || !rates->guards)
        return;
    if (known)
        memcpy(a.bytes, from.p, sizeof a.bytes);
    else
        known = fd >= 0 && address_of_peer(fd, &a);
    s->guard = rates_guard_new(rates, known ? &a : NULL);
}

static bool same_pace(const struct eio_pace *a, const struct eio_pace *b)
{
    return a->interval_ms == b->interval_ms && a->timeout_ms == b->timeout_ms;
}

/* The client goes by what its handshake said, whatever this server is set to. */
static void thaw_pace(struct eio_session *s, const struct frozen *f)
{
    struct eio_server *e = s->server;
    struct eio_pace usual = eio_session_pace(s);
    uint64_t interval = frozen_uint(f, "interval", usual.interval_ms),
             timeout = frozen_uint(f, "timeout", usual.timeout_ms);
    struct eio_pace pace = { (uint32_t)interval, (uint32_t)timeout };
    uint32_t at = 0;

    if (same_pace(&pace, &usual) || interval == 0 || timeout == 0 || interval > PACE_MS_MAX ||
        timeout > PACE_MS_MAX)
        return;
    while (at < e->pace_count && !same_pace(&e->paces[at], &pace))
        at++;
    if (at == PACES_MAX)
        return;
    if (at == e->pace_count) {
        e->paces = mem_realloc(e->paces, (at + 1) * sizeof *e->paces);
        e->paces[e->pace_count++] = pace;
    }
    s->pace = (uint8_t)(at + 1);
}

static void thaw_heartbeat(struct eio_session *s, const struct frozen *f)
{
    struct eio_pace pace = eio_session_pace(s);
    uint64_t now_ms = s->server->loop->now_ms, at_ms = frozen_uint(f, "beat", now_ms),
             longest_ms = (uint64_t)pace.interval_ms + pace.timeout_ms,
             delay_ms = at_ms > now_ms ? at_ms - now_ms : 0;

    s->awaiting_pong = frozen_bool(f, "waits");
    s->pong_extended = frozen_bool(f, "extended");
    loop_timer(s->server->loop, &s->heartbeat, delay_ms < longest_ms ? delay_ms : longest_ms);
}

static int thaw_state(struct eio_session *s, const struct frozen *f, int fd)
{
    str ws = frozen_value(f, "ws"), polling = frozen_value(f, "polling");
    struct eio_stats *stats = &s->server->stats;

    s->base64 = frozen_bool(f, "base64");
    thaw_guard(s, f, fd);
    thaw_pace(s, f);
    thaw_heartbeat(s, f);
    if (polling.p) {
        s->polling = eio_polling_new(s);
        stats->polling_open++;
        return fd < 0 ? thaw_polling(s, polling) : ATR_ESYNTAX;
    }
    stats->websocket_open++;
    return fd >= 0 && ws.p ? eio_websocket_thaw(s, ws, fd) : ATR_ESYNTAX;
}

static struct eio_session *thaw(struct eio_server *e, str in, size_t *used, int fd)
{
    struct eio_session *s;
    struct frozen f;
    str sid;

    if (e->closing || frozen_open(&f, in, used) < 0)
        return NULL;
    sid = frozen_bytes(&f, "sid");
    if (!eio_sid_valid(sid) || map_get(&e->sessions, sid))
        return NULL;
    s = eio_session_make(e, frozen_bool(&f, "eio3"), sid);
    if (thaw_state(s, &f, fd) < 0) {
        eio_session_leave(s);
        eio_session_doom(s);
        return NULL;
    }
    eio_session_hold(s);
    s->was_held = frozen_bool(&f, "held");
    e->stats.thawed++;
    return s;
}

struct eio_session *eio_session_thaw(struct eio_server *e, str in, size_t *used, int fd)
{
    struct eio_session *s;

    *used = 0;
    if (!(s = thaw(e, in, used, fd)) && fd >= 0)
        close(fd);
    return s;
}
