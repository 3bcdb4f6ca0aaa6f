/* engineio/output.c - what is sent to a session, whatever carries it: queueing, backing up,
 * draining; and not reading from its peer meanwhile.
 *
 * Invariants
 *   - no callback but on_message runs in the middle of a send: a queue that overflows closes its
 *     session from the timers, because the sender may be walking a group;
 *   - what waits in session.pressure goes out behind what the transport holds, before anything
 * else.
 *
 * Start reading at eio_session_send_parcel().
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/polling.h"
#include "engineio/websocket.h"

struct msg *eio_msg_typed(str bytes)
{
    struct msg *m = ws_msg_reserve(WS_BINARY, 1 + bytes.n);
    uint8_t *at = m->data + m->head;

    m->prefix = 1;
    *at++ = EIO_MESSAGE;
    if (bytes.n)
        memcpy(at, bytes.p, bytes.n);
    return m;
}

/* --- Queueing --- */

static size_t in_transport(const struct eio_session *s)
{
    if (s->polling)
        return s->polling->bytes;
    return s->ws.stream ? s->ws.stream->queued_bytes : 0;
}

size_t eio_session_queued(const struct eio_session *s)
{
    return in_transport(s) + pressure_bytes(s->pressure);
}

bool eio_session_writable(const struct eio_session *s)
{
    if (s->state != EIO_STATE_OPEN)
        return false;
    if (s->polling)
        return s->polling->get != NULL;
    return s->ws.stream && !s->ws.close_sent && !s->ws.stream->blocked;
}

static int overflow(struct eio_session *s)
{
    s->server->stats.queue_overflows++;
    pressure_stats.disconnects++;
    s->state = EIO_STATE_CLOSING;
    s->close_reason = EIO_TRANSPORT_ERROR;
    s->overflowed = true;
    loop_timer(s->server->loop, &s->heartbeat, 0);
    return ATR_ELIMIT;
}

static void count(struct eio_stats *stats, struct msg *const *msgs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct msg *m = msgs[i];
        /* A text begins with its packet's type, the bytes of revision 3 with theirs. */
        size_t said = m->len - m->head - m->prefix - !m->binary;

        stats->bytes_out += said;
        stats->messages_out += said > 0; /* a ping says nothing */
    }
    stats->packets_out += n;
}

static int transmit(struct eio_session *s, struct msg *const *msgs, size_t n)
{
    if (!s->polling)
        eio_websocket_send(s, msgs, n);
    else if (eio_polling_has_room(s->polling, n))
        eio_polling_send(s->polling, msgs, n);
    else
        return overflow(s);
    count(&s->server->stats, msgs, n);
    return 0;
}

/* More than high_water bytes would wait: the kernel may take them. False: they would be too many
 * for that, or it has refused some already. */
static bool offer(struct eio_session *s, const struct parcel *p,
                  const struct pressure_policy *policy)
{
    struct stream *stream = s->ws.stream;

    if (s->pressure || s->polling || !stream || stream->blocked ||
        in_transport(s) + p->bytes > policy->bytes_max)
        return false;
    (void)transmit(s, p->msgs, p->count);
    stream_offer(stream);
    if (in_transport(s) > policy->high_water) {
        pressure_begin(&s->pressure, policy);
        stream_tell_drain(stream);
    }
    return true;
}

/* It is backed up, or may be. */
static int send_pressed(struct eio_session *s, const struct parcel *p,
                        const struct pressure_policy *policy)
{
    if (offer(s, p, policy))
        return 0;
    if (!s->polling && s->ws.stream)
        stream_tell_drain(s->ws.stream);
    switch (pressure_admit(&s->pressure, in_transport(s), policy, p)) {
    case PRESSURE_SEND:
        return transmit(s, p->msgs, p->count);
    case PRESSURE_KEPT:
        count(&s->server->stats, p->msgs, p->count);
        return 0;
    case PRESSURE_DROPPED:
        if (eio_session_queued(s) == 0) /* it alone was too much */
            pressure_over(&s->pressure);
        return ATR_ELIMIT;
    case PRESSURE_OVERFLOW:
        break;
    }
    return overflow(s);
}

int eio_session_send_parcel(struct eio_session *s, const struct parcel *p,
                            const struct pressure_policy *policy)
{
    if (s->state != EIO_STATE_OPEN)
        return ATR_ECLOSED;
    if (s->pressure || in_transport(s) + p->bytes > policy->high_water)
        return send_pressed(s, p, policy);
    return transmit(s, p->msgs, p->count);
}

int eio_session_send(struct eio_session *s, struct msg *const *msgs, size_t n)
{
    struct parcel p = parcel_of(msgs, n);

    return eio_session_send_parcel(s, &p, &s->server->options.output);
}

/* --- Draining --- */

static bool next_fits(const struct eio_session *s)
{
    const struct backlog_unit *u = backlog_first(&s->pressure->backlog);

    return u && (!s->polling || eio_polling_has_room(s->polling, u->count));
}

static void pump(struct eio_session *s, bool all)
{
    struct backlog_unit *u;

    while (next_fits(s) && (u = pressure_pump(s->pressure, all ? 0 : in_transport(s)))) {
        if (s->polling)
            eio_polling_send(s->polling, u->msgs, u->count);
        else
            eio_websocket_send(s, u->msgs, u->count);
        backlog_unit_free(u);
    }
    if (!s->polling && s->ws.stream)
        stream_tell_drain(s->ws.stream);
}

void eio_session_pump_all(struct eio_session *s)
{
    if (s->pressure)
        pump(s, true);
}

void eio_session_drained(struct eio_session *s)
{
    const struct eio_events *events = s->server->events;

    if (s->pressure) {
        pump(s, false);
        if (eio_session_queued(s) > 0)
            return;
        pressure_over(&s->pressure);
    }
    if (s->state == EIO_STATE_OPEN && events->on_drain)
        events->on_drain(s);
}

void eio_session_watch_drain(struct eio_session *s)
{
    if (s->state != EIO_STATE_OPEN)
        return;
    if (s->polling)
        s->polling->waited = true;
    else if (s->ws.stream)
        stream_tell_drain(s->ws.stream);
}

/* --- Not reading --- */

void eio_session_hold(struct eio_session *s)
{
    if (s->state != EIO_STATE_OPEN || s->holds == UINT16_MAX || s->holds++ > 0)
        return;
    s->was_held = true;
    pressure_stats.held++;
    if (!s->polling && s->ws.stream)
        stream_pause(s->ws.stream);
}

void eio_session_release(struct eio_session *s)
{
    if (s->holds == 0 || --s->holds > 0)
        return;
    pressure_stats.held--;
    if (s->polling)
        eio_polling_go_on(s->polling);
    else if (s->ws.stream)
        stream_resume(s->ws.stream);
}
