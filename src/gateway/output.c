/* gateway/output.c - what is sent to a connection: queueing, backing up, draining; and not reading
 * from its peer meanwhile.
 *
 * Invariants
 *   - nothing that sends runs a callback: a queue that overflows is cut from a job of the loop,
 *     because the sender may be walking a channel;
 *   - what a struct pressure holds goes out behind what the stream holds, before anything else.
 *
 * Start reading at gateway_conn_queue().
 *
 * SPDX-License-Identifier: MIT
 */
#include "gateway/conn.h"

/* --- Being backed up: rare, so it has a place in a table, not in the connection --- */

static str id_key(const struct gateway_conn *c)
{
    return (str){ (const char *)&c->id, sizeof c->id };
}

static struct map *pressures(const struct gateway_conn *c)
{
    return &gateway_conn_endpoint(c)->gateway->pressures;
}

static struct pressure *pressure_of(const struct gateway_conn *c)
{
    return c->pressed ? map_get(pressures(c), id_key(c)) : NULL;
}

void gateway_conn_over(struct gateway_conn *c)
{
    struct pressure *p = c->pressed ? map_remove(pressures(c), id_key(c)) : NULL;

    c->pressed = false;
    pressure_over(&p);
}

static size_t in_stream(const struct gateway_conn *c)
{
    return c->ws.stream ? c->ws.stream->queued_bytes : 0;
}

size_t gateway_conn_queued(const struct gateway_conn *c)
{
    return in_stream(c) + pressure_bytes(pressure_of(c));
}

/* --- Queueing --- */

static int overflow(struct gateway_conn *c)
{
    struct gateway *g = gateway_conn_endpoint(c)->gateway;

    g->stats.overflow_disconnects++;
    pressure_stats.disconnects++;
    c->overflowed = true;
    c->end = END_OVERFLOW;
    buf_append(&g->overflowed, &c->id, sizeof c->id);
    loop_defer(g->loop, &g->cut);
    return ATR_ELIMIT;
}

static void press(struct gateway_conn *c, struct pressure *p)
{
    if (!c->pressed)
        map_put(pressures(c), id_key(c), p);
    c->pressed = true;
}

/* More than high_water bytes would wait: the kernel may take them. False: they would be too many
 * for that, or it has refused some already. */
static bool offer(struct gateway_conn *c, const struct parcel *parcel)
{
    const struct pressure_policy *policy = &gateway_conn_endpoint(c)->options.output;
    struct stream *s = c->ws.stream;
    struct pressure *p;

    if (c->pressed || s->blocked || in_stream(c) + parcel->bytes > policy->bytes_max)
        return false;
    ws_conn_send(&c->ws, parcel->msgs[0]);
    stream_offer(s);
    if (in_stream(c) > policy->high_water) {
        pressure_begin(&p, policy);
        press(c, p);
        stream_tell_drain(s);
    }
    return true;
}

/* It is backed up, or will be. */
static enum pressure_verdict admit(struct gateway_conn *c, const struct parcel *parcel)
{
    const struct pressure_policy *policy = &gateway_conn_endpoint(c)->options.output;
    struct pressure *p = pressure_of(c);
    enum pressure_verdict verdict;

    stream_tell_drain(c->ws.stream);
    verdict = pressure_admit(&p, in_stream(c), policy, parcel);
    press(c, p);
    if (verdict == PRESSURE_DROPPED && gateway_conn_queued(c) == 0)
        gateway_conn_over(c); /* it alone was too much */
    return verdict;
}

static int queue_pressed(struct gateway_conn *c, const struct parcel *p)
{
    struct gateway *g = gateway_conn_endpoint(c)->gateway;

    switch (offer(c, p) ? PRESSURE_KEPT : admit(c, p)) {
    case PRESSURE_SEND:
        ws_conn_send(&c->ws, p->msgs[0]);
        break;
    case PRESSURE_KEPT:
        break;
    case PRESSURE_DROPPED:
        g->stats.overflow_drops++;
        return ATR_ELIMIT;
    case PRESSURE_OVERFLOW:
        return overflow(c);
    }
    g->stats.messages_out++;
    return 0;
}

int gateway_conn_queue(struct gateway_conn *c, const struct parcel *p)
{
    struct gateway_endpoint *e = gateway_conn_endpoint(c);

    if (!gateway_conn_is_open(c))
        return ATR_ECLOSED;
    if (c->pressed || c->ws.stream->queued_bytes + p->bytes > e->options.output.high_water)
        return queue_pressed(c, p);
    ws_conn_send(&c->ws, p->msgs[0]);
    e->gateway->stats.messages_out++;
    return 0;
}

int gateway_conn_send(struct gateway_conn *c, str data, bool binary, str key)
{
    struct msg *m;
    struct parcel p;
    int err;

    if (!gateway_conn_is_open(c))
        return ATR_ECLOSED;
    if (data.n > UINT32_MAX - WS_HEAD_MAX)
        return ATR_ELIMIT;
    m = ws_msg(binary ? WS_BINARY : WS_TEXT, data);
    p = parcel_of(&m, 1);
    p.droppable = true;
    p.space = GATEWAY_KEY;
    p.key = key;
    err = gateway_conn_queue(c, &p);
    msg_unref(m);
    return err;
}

/* --- Draining --- */

void gateway_conn_pump(struct gateway_conn *c, bool all)
{
    struct pressure *p = pressure_of(c);
    struct backlog_unit *u;

    if (!p || !c->ws.stream)
        return;
    while ((u = pressure_pump(p, all ? 0 : in_stream(c)))) {
        ws_conn_send(&c->ws, u->msgs[0]);
        backlog_unit_free(u);
    }
    stream_tell_drain(c->ws.stream);
}

void gateway_conn_watch_drain(struct gateway_conn *c)
{
    if (gateway_conn_is_open(c))
        stream_tell_drain(c->ws.stream);
}

/* --- Not reading --- */

void gateway_conn_hold(struct gateway_conn *c)
{
    if (!gateway_conn_is_open(c) || c->holds == UINT16_MAX || c->holds++ > 0)
        return;
    pressure_stats.held++;
    stream_pause(c->ws.stream);
}

void gateway_conn_release(struct gateway_conn *c)
{
    if (c->holds == 0 || --c->holds > 0)
        return;
    pressure_stats.held--;
    if (c->ws.stream)
        stream_resume(c->ws.stream);
}
