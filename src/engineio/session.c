/* engineio/session.c - a session's state, whatever carries it: packets in, heartbeat, end.
 *
 * Invariants
 *   - polling != NULL while the session polls (also while a WebSocket probes it); then it owns the
 *     queue. On WebSocket polling is NULL and the stream holds what is queued;
 *   - a session is in server->sessions until it ends, and in server->all until it is freed, which
 *     happens at the end of an iteration and after its WebSocket has gone;
 *
 * Output is in output.c. Start reading at eio_session_packet() and eio_session_end().
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/session.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/mem.h"
#include "base/random.h"
#include "engineio/polling.h"
#include "engineio/websocket.h"

/* A timer that fires less than this late is taken as punctual, so that delays do not add up. */
enum { BEAT_LATE_MS = 100 };

const char *eio_reason_text(enum eio_reason r)
{
    static const char *const texts[] = {
        [EIO_TRANSPORT_CLOSE] = "transport close",
        [EIO_TRANSPORT_ERROR] = "transport error",
        [EIO_PING_TIMEOUT] = "ping timeout",
        [EIO_PARSE_ERROR] = "parse error",
        [EIO_FORCED_CLOSE] = "forced close",
        [EIO_FORCED_SERVER_CLOSE] = "forced server close",
        [EIO_SERVER_SHUTTING_DOWN] = "server shutting down",
    };

    ASSERT((size_t)r < sizeof texts / sizeof texts[0]);
    return texts[r];
}

/* --- Heartbeat --- */

struct eio_pace eio_session_pace(const struct eio_session *s)
{
    const struct eio_server *e = s->server;

    if (s->pace)
        return e->paces[s->pace - 1];
    return (struct eio_pace){ e->options.ping_interval_ms, e->options.ping_timeout_ms };
}

static void beat_in(struct eio_session *s, uint64_t delay_ms)
{
    loop_timer(s->server->loop, &s->heartbeat, delay_ms);
}

/* From when the timer was due, not from when it came to fire. */
static void beat_after(struct eio_session *s, uint64_t delay_ms)
{
    uint64_t now_ms = s->server->loop->now_ms, late_ms = now_ms - s->heartbeat.at_ms;

    if (s->heartbeat.at_ms < now_ms && late_ms < BEAT_LATE_MS && late_ms <= delay_ms)
        delay_ms -= late_ms;
    beat_in(s, delay_ms);
}

/* Protocol 3: the client pings. */
static void await_ping(struct eio_session *s)
{
    struct eio_pace pace = eio_session_pace(s);

    beat_in(s, (uint64_t)pace.interval_ms + pace.timeout_ms);
}

/* Not in time: the pong to our ping, or (eio3) a ping. */
static void miss_heartbeat(struct eio_session *s)
{
    s->server->stats.ping_timeouts++;
    eio_session_end(s, EIO_PING_TIMEOUT, NULL, 0);
}

/* A pong cannot be seen while we do not read, and afterwards stands behind what came meanwhile. */
static bool forgive(struct eio_session *s)
{
    bool held = s->holds > 0 || s->was_held;

    s->was_held = s->holds > 0;
    if (held)
        beat_in(s, eio_session_pace(s).timeout_ms);
    return held;
}

static void send_ping(struct eio_session *s)
{
    struct eio_server *e = s->server;

    s->awaiting_pong = true;
    s->pong_extended = false;
    s->was_held = s->holds > 0;
    beat_after(s, eio_session_pace(s).timeout_ms);
    (void)eio_session_send(s, &e->ping, 1); /* a full queue closes the session by itself */
}

static void on_beat(struct timer *t)
{
    struct eio_session *s = container_of(t, struct eio_session, heartbeat);

    if (s->state == EIO_STATE_CLOSING)
        eio_session_end(s, s->close_reason, s->overflowed ? "output queue overflow" : NULL,
                        s->overflowed ? EIO_END_CUT : 0);
    else if (s->awaiting_pong && !forgive(s))
        miss_heartbeat(s);
    else if (!s->awaiting_pong)
        send_ping(s);
}

/* --- Opening --- */

/* Of a server that is alone; struct eio_places names others. Two bytes that would say who serves
 * the session, 13 random ones: whoever knows a sid can take the session over, so it must not be
 * guessed; sticky balancers expect 20 characters. */
static void make_sid(char out[EIO_SID_LEN])
{
    uint8_t raw[EIO_SID_LEN / 4 * 3] = { 0 };

    random_bytes(raw + 2, sizeof raw - 2);
    base64_encode(out, raw, sizeof raw);
    for (size_t i = 0; i < EIO_SID_LEN; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
}

/* Ids of the application may be longer than what a session has room for. */
static void set_sid(struct eio_session *s, str sid)
{
    char *copy;

    s->sid_len = (uint8_t)sid.n;
    if (sid.n == 0) {
        struct eio_places *places = s->server->places;

        if (places)
            places->make_sid(places, s->sid);
        else
            make_sid(s->sid);
        s->sid_len = EIO_SID_LEN;
    } else if (sid.n <= EIO_SID_LEN) {
        memcpy(s->sid, sid.p, sid.n);
    } else {
        copy = str_dup(sid);
        memcpy(s->sid, &copy, sizeof copy);
    }
}

struct eio_session *eio_session_make(struct eio_server *e, bool eio3, str sid)
{
    struct eio_session *s = mem_zalloc(e->events->session_bytes);
    void *twin;

    s->server = e;
    s->state = EIO_STATE_OPEN;
    timer_init(&s->heartbeat, on_beat);
    set_sid(s, sid);
    twin = map_put(&e->sessions, eio_session_sid(s), s);
    ASSERT(!twin);
    list_append(&e->all, &s->link);
    s->eio3 = s->awaiting_pong = s->pong_extended = eio3;
    if (e->places)
        e->places->count(e->places, 1);
    return s;
}

struct eio_session *eio_session_new(struct eio_server *e, bool eio3, str sid)
{
    struct eio_session *s = eio_session_make(e, eio3, sid);

    if (eio3)
        await_ping(s);
    else
        beat_in(s, eio_session_pace(s).interval_ms);
    e->stats.opened++;
    return s;
}

struct msg *eio_session_open_packet(const struct eio_session *s, bool upgrades)
{
    const struct eio_options *o = &s->server->options;
    str sid = eio_session_sid(s);
    char text[256 + EIO_SID_MAX];
    int n;

    n = snprintf(text, sizeof text,
                 "0{\"sid\":\"%.*s\",\"upgrades\":[%s],\"pingInterval\":%u,\"pingTimeout\":%u,"
                 "\"maxPayload\":%u}",
                 STR_ARG(sid), upgrades ? "\"websocket\"" : "", o->ping_interval_ms,
                 o->ping_timeout_ms, o->message_bytes_max);
    ASSERT(n > 0 && (size_t)n < sizeof text);
    return ws_msg(WS_TEXT, str_n(text, (size_t)n));
}

void eio_session_limit(struct eio_session *s, struct http_request *r)
{
    struct rates *rates = s->server->rates;
    struct address from;

    if (rates && rates->guards)
        s->guard = rates_guard_new(rates, http_client(r, &from) ? &from : NULL);
}

struct msg *eio_session_greeting(const struct eio_session *s)
{
    str text = s->server->options.initial_packet;
    struct msg *m;

    if (text.n == 0)
        return NULL;
    m = ws_msg_reserve(WS_TEXT, 1 + text.n);
    m->data[m->head] = '0' + EIO_MESSAGE;
    memcpy(m->data + m->head + 1, text.p, text.n);
    return m;
}

struct eio_session *eio_session_find(struct eio_server *e, str sid)
{
    struct eio_session *s = map_get(&e->sessions, sid);

    /* Input is read before timers run: who is overdue now must not be seen alive. */
    if (s && s->state == EIO_STATE_OPEN && s->awaiting_pong &&
        s->heartbeat.at_ms <= e->loop->now_ms && !forgive(s)) {
        miss_heartbeat(s);
        return NULL;
    }
    return s;
}

/* --- Input --- */

/* engine.io 6.6.10: whoever talks is alive, though its pong may queue behind what it sends; once.
 */
static void note_traffic(struct eio_session *s)
{
    s->server->stats.packets_in++;
    if (!s->awaiting_pong || s->pong_extended)
        return;
    s->pong_extended = true;
    beat_in(s, eio_session_pace(s).timeout_ms);
}

void eio_session_message(struct eio_session *s, bool binary, uint8_t *data, size_t n)
{
    if (s->state != EIO_STATE_OPEN)
        return;
    note_traffic(s);
    s->server->stats.messages_in += n > 0;
    s->server->stats.bytes_in += n;
    s->server->events->on_message(s, binary, data, n);
}

static void take_pong(struct eio_session *s)
{
    s->server->stats.packets_in++;
    s->awaiting_pong = false;
    beat_in(s, eio_session_pace(s).interval_ms);
}

/* Protocol 3. The pong has no data, whatever the ping had. */
static void take_ping(struct eio_session *s)
{
    s->server->stats.packets_in++;
    await_ping(s);
    (void)eio_session_send(s, &s->server->pong, 1); /* as in send_ping() */
}

static void refuse_heartbeat(struct eio_session *s)
{
    note_traffic(s);
    eio_session_end(s, EIO_TRANSPORT_ERROR, "invalid heartbeat direction", 0);
}

void eio_session_packet(struct eio_session *s, const struct eio_packet *pk)
{
    if (s->state != EIO_STATE_OPEN)
        return;
    switch (pk->type) {
    case EIO_MESSAGE:
        eio_session_message(s, pk->binary, (uint8_t *)pk->data.p, pk->data.n);
        break;
    case EIO_PONG:
        (s->eio3 ? refuse_heartbeat : take_pong)(s);
        break;
    case EIO_PING:
        (s->eio3 ? take_ping : refuse_heartbeat)(s);
        break;
    case EIO_CLOSE:
        note_traffic(s);
        eio_session_end(s, EIO_TRANSPORT_CLOSE, NULL, EIO_END_NOOP);
        break;
    case EIO_OPEN:
    case EIO_UPGRADE:
    case EIO_NOOP:
        note_traffic(s);
        break;
    }
}

/* --- Ending --- */

static void reap(struct loop_job *job)
{
    struct eio_session *s = container_of(job, struct eio_session, reap);

    if (s->polling)
        eio_polling_free(s->polling);
    list_remove(&s->link);
    rates_guard_free(s->guard);
    if (s->sid_len > EIO_SID_LEN)
        mem_free((char *)(uintptr_t)eio_session_sid(s).p);
    mem_free(s);
}

void eio_session_doom(struct eio_session *s)
{
    if (s->doomed)
        return;
    s->doomed = true;
    loop_job_init(&s->reap, reap);
    loop_doom(s->server->loop, &s->reap);
}

static void forget_holds(struct eio_session *s)
{
    if (s->holds)
        pressure_stats.held--;
    s->holds = 0;
}

void eio_session_leave(struct eio_session *s)
{
    struct eio_server *e = s->server;

    s->state = EIO_STATE_CLOSED;
    forget_holds(s);
    loop_timer_stop(e->loop, &s->heartbeat);
    (void)map_remove(&e->sessions, eio_session_sid(s));
    if (e->places)
        e->places->count(e->places, -1);
    if (s->polling)
        e->stats.polling_open--;
    else
        e->stats.websocket_open--;
}

void eio_session_end(struct eio_session *s, enum eio_reason reason, const char *description,
                     unsigned how)
{
    struct eio_server *e = s->server;

    if (s->state == EIO_STATE_CLOSED)
        return;
    if (s->state == EIO_STATE_CLOSING)
        reason = s->close_reason;
    s->state = EIO_STATE_CLOSED;
    if (!(how & EIO_END_CUT))
        eio_session_pump_all(s);
    eio_session_leave(s);
    e->stats.closed++;
    if (s->polling)
        eio_polling_release(s->polling, how & EIO_END_NOOP ? '6' : '1', true);
    eio_websocket_end(s, reason, how & EIO_END_CUT);
    pressure_over(&s->pressure);
    e->events->on_close(s, reason, description);
    if (!s->ws.stream)
        eio_session_doom(s);
}

void eio_session_close(struct eio_session *s, enum eio_reason reason, bool discard)
{
    if (discard) {
        eio_session_end(s, reason, NULL, EIO_END_CUT);
        return;
    }
    if (s->state != EIO_STATE_OPEN)
        return;
    if (!s->polling || s->polling->get) {
        eio_session_end(s, reason, NULL, 0);
        return;
    }
    /* Nobody to tell yet: the next GET, or the WebSocket of an upgrade under way, will hear it. */
    s->state = EIO_STATE_CLOSING;
    s->close_reason = (uint8_t)reason;
    beat_in(s, s->server->options.polling_close_ms);
}
