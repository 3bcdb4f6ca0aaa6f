/* gateway/conn.c - the life of a plain WebSocket connection.
 *
 * Invariants
 *   - a connection is in gateway->conns from on_open until on_close has returned;
 *   - nothing that sends runs a callback: a queue that overflows is cut from a job of the loop,
 *     because the sender may be walking a channel;
 *   - no timer and no clock per connection: what comes in sets a bit (ws.heard), and the sweep
 * turns bits into times. So a peer is never thought quiet too early, but up to a sweep too late.
 *
 * Start reading at gateway_conn_accept(), on_close() and look_at().
 *
 * SPDX-License-Identifier: MIT
 */
#include "gateway/conn.h"

#include "base/assert.h"
#include "base/mem.h"

/* How long the peer may take to answer a close frame; less when it is likely dead. */
enum { LINGER_MS = 30000, LINGER_SHORT_MS = 2000 };
enum { CODE_GOING_AWAY = 1001, CODE_NONE = 1006, CODE_RATE = 1008 };

/* What we ended a connection for, where the frame does not say so. */
static const char *const end_texts[] = { "", "idle timeout", "output queue overflow",
                                         "server shutting down", "rate limit exceeded" };

static_assert(sizeof(struct gateway_conn) <= 120, "an idle connection is small");

static struct rates_guard *guard_of(struct ws_conn *w);

int gateway_conn_ping(struct gateway_conn *c, str payload)
{
    if (payload.n > WS_CONTROL_MAX)
        return ATR_ERANGE;
    if (!gateway_conn_is_open(c))
        return ATR_ECLOSED;
    struct msg *m = ws_msg(WS_PING, payload);
    struct parcel p = parcel_of(&m, 1);
    int err = gateway_conn_queue(c, &p);
    msg_unref(m);
    if (err == 0)
        gateway_conn_endpoint(c)->gateway->stats.pings++;
    return err;
}

int gateway_conn_close(struct gateway_conn *c, unsigned code, str reason)
{
    if (code && !ws_close_code_valid(code))
        return ATR_ERANGE;
    if (!gateway_conn_is_open(c))
        return ATR_ECLOSED;
    gateway_conn_pump(c, true);
    ws_conn_close(&c->ws, code, reason, LINGER_MS);
    return 0;
}

void gateway_conn_abort(struct gateway_conn *c)
{
    ws_conn_abort(&c->ws);
}

void gateway_cut(struct loop_job *job)
{
    struct gateway *g = container_of(job, struct gateway, cut);
    struct buf ids = g->overflowed;
    uint64_t id;

    g->overflowed = (struct buf){ 0 };
    for (size_t at = 0; at < ids.len; at += sizeof id) {
        memcpy(&id, ids.data + at, sizeof id);
        struct gateway_conn *c = id_get(&g->conns, id);
        if (c)
            gateway_conn_abort(c);
    }
    buf_free(&ids);
}

/* --- Silence --- */

static void end_quiet(struct gateway_conn *c)
{
    gateway_conn_endpoint(c)->gateway->stats.idle_timeouts++;
    c->end = END_IDLE;
    gateway_conn_pump(c, true);
    ws_conn_close(&c->ws, CODE_GOING_AWAY, str_of(end_texts[END_IDLE]), LINGER_SHORT_MS);
}

static bool pings(const struct gateway_options *o)
{
    return o->ping_interval_ms &&
           (o->idle_timeout_ms == 0 || o->ping_interval_ms < o->idle_timeout_ms);
}

static void look_at(struct gateway_conn *c, uint32_t now_ms)
{
    const struct gateway_options *o = &gateway_conn_endpoint(c)->options;
    uint32_t quiet_ms;

    if (!gateway_conn_is_open(c))
        return;
    if (c->ws.heard || c->holds) {
        c->ws.heard = false;
        c->pinged = false;
        c->heard_ms = now_ms;
        return;
    }
    quiet_ms = now_ms - c->heard_ms; /* the clock's wrapping does not matter */
    if (pings(o) && !c->pinged && quiet_ms >= o->ping_interval_ms) {
        c->pinged = true;
        c->heard_ms = now_ms - o->ping_interval_ms; /* a late ping leaves as long for its answer */
        (void)gateway_conn_ping(c, STR(""));        /* a full queue sees to itself */
    } else if (o->idle_timeout_ms && quiet_ms >= o->idle_timeout_ms) {
        end_quiet(c);
    }
}

void gateway_sweep(struct timer *t)
{
    struct gateway *g = container_of(t, struct gateway, sweep);
    uint32_t now_ms = (uint32_t)g->loop->now_ms;

    for (uint32_t i = 0; i < g->conns.cap; i++)
        if (g->conns.slots[i].object)
            look_at(g->conns.slots[i].object, now_ms);
    if (g->conns.count)
        loop_timer(g->loop, t, g->sweep_ms);
}

/* --- What the WebSocket tells --- */

static struct gateway_conn *conn_of(struct ws_conn *w)
{
    return container_of(w, struct gateway_conn, ws);
}

static void on_message(struct ws_conn *w, bool binary, uint8_t *data, size_t n)
{
    struct gateway_conn *c = conn_of(w);
    struct gateway_endpoint *e = gateway_conn_endpoint(c);

    if (c->overflowed)
        return;
    e->gateway->stats.messages_in++;
    e->events->on_message(c, binary, data, n);
}

static void on_pong(struct ws_conn *w, str payload)
{
    struct gateway_endpoint *e = gateway_conn_endpoint(conn_of(w));

    if (e->events->on_pong)
        e->events->on_pong(conn_of(w), payload);
}

static void reap(struct loop_job *job)
{
    struct gateway_conn *c = container_of(job, struct gateway_conn, reap);

    if (c->has_guard)
        rates_guard_free(guard_of(&c->ws));
    mem_free(c);
}

void gateway_conn_leave(struct gateway_conn *c)
{
    struct gateway_endpoint *e = gateway_conn_endpoint(c);

    gateway_conn_over(c);
    if (c->holds)
        pressure_stats.held--;
    c->holds = 0;
    hub_exit(&e->gateway->channels, &c->member);
    e->open--;
    e->gateway->stats.open--;
}

void gateway_conn_doom(struct gateway_conn *c)
{
    struct gateway *g = gateway_conn_endpoint(c)->gateway;

    id_remove(&g->conns, c->id);
    loop_job_init(&c->reap, reap); /* over the member, which is in no channel any more */
    loop_doom(g->loop, &c->reap);
}

static void on_close(struct ws_conn *w, unsigned code, str reason, bool ours)
{
    struct gateway_conn *c = conn_of(w);
    struct gateway_endpoint *e = gateway_conn_endpoint(c);

    /* What we ended has the reason we gave, not what the peer's answer says. */
    if (ours && code == CODE_RATE && c->has_guard && guard_of(w)->exceeded) {
        c->end = END_RATE;
        e->gateway->stats.rate_limited++;
    }
    if (c->end != END_OTHER && (ours || code == CODE_NONE))
        reason = str_of(end_texts[c->end]);
    gateway_conn_leave(c);
    if (!c->arriving) /* else its owner knows nothing of it */
        e->events->on_close(c, code, reason);
    gateway_conn_doom(c);
}

static void on_drain(struct ws_conn *w)
{
    struct gateway_conn *c = conn_of(w);
    struct gateway_endpoint *e = gateway_conn_endpoint(c);

    gateway_conn_pump(c, false);
    if (gateway_conn_queued(c) > 0)
        return;
    gateway_conn_over(c);
    if (e->events->on_drain && gateway_conn_is_open(c))
        e->events->on_drain(c);
}

const struct ws_events gateway_ws_events = {
    .on_message = on_message,
    .on_pong = on_pong,
    .on_close = on_close,
    .on_drain = on_drain,
    .guard = guard_of,
};

/* --- Opening --- */

/* What stands behind the struct, written and read in one order. */
static char *behind(const struct gateway_conn *c)
{
    return (char *)(uintptr_t)c + sizeof *c;
}

static struct rates_guard *guard_of(struct ws_conn *w)
{
    struct rates_guard *guard;

    memcpy(&guard, behind(conn_of(w)), sizeof guard);
    return guard;
}

struct rates_guard *gateway_conn_guard(const struct gateway_conn *c)
{
    return c->has_guard ? guard_of((struct ws_conn *)(uintptr_t)&c->ws) : NULL;
}

static struct gateway_conn *conn_new(struct rates_guard *guard, str head, str client)
{
    uint32_t len = (uint32_t)head.n;
    size_t n = sizeof(struct gateway_conn) + (guard ? sizeof guard : 0) +
               (head.n ? sizeof len + head.n : 0) + (client.n ? client.n + 1 : 0);
    struct gateway_conn *c = mem_alloc(n);
    char *at = behind(c);

    *c = (struct gateway_conn){ .has_guard = guard != NULL,
                                .has_head = head.n > 0,
                                .has_client = client.n > 0 };
    if (guard) {
        memcpy(at, &guard, sizeof guard);
        at += sizeof guard;
    }
    if (head.n) {
        memcpy(at, &len, sizeof len);
        memcpy(at + sizeof len, head.p, head.n);
        at += sizeof len + head.n;
    }
    if (client.n) {
        memcpy(at, client.p, client.n);
        at[client.n] = 0;
    }
    return c;
}

str gateway_conn_head(const struct gateway_conn *c)
{
    const char *at = behind(c) + (c->has_guard ? sizeof(struct rates_guard *) : 0);
    uint32_t len;

    if (!c->has_head)
        return (str){ 0 };
    memcpy(&len, at, sizeof len);
    return str_n(at + sizeof len, len);
}

const char *gateway_conn_client(const struct gateway_conn *c)
{
    str head = gateway_conn_head(c);

    if (!c->has_client)
        return NULL;
    return head.p ? head.p + head.n : behind(c) + (c->has_guard ? sizeof(struct rates_guard *) : 0);
}

static void accept(struct gateway_conn *c, struct gateway_endpoint *e, struct http_request *r,
                   str protocol)
{
    struct ws_deflate_terms terms;
    bool deflate = ws_deflate_agree(&terms, r, &e->options.deflate) > 0;
    struct buf extra = { 0 };

    if (deflate)
        ws_deflate_answer(&extra, &terms);
    ws_conn_accept(&c->ws, r, buf_str(&extra), protocol, e->options.message_bytes_max, &e->ws);
    if (deflate)
        ws_conn_deflate(&c->ws, &terms);
    buf_free(&extra);
}

static struct rates_guard *new_guard(struct gateway *g, struct http_request *r)
{
    struct address from;

    if (!g->rates || !g->rates->guards)
        return NULL;
    return rates_guard_new(g->rates, http_client(r, &from) ? &from : NULL);
}

struct gateway_conn *gateway_conn_make(struct gateway_endpoint *e, const struct gateway_extras *x)
{
    struct gateway *g = e->gateway;
    struct gateway_conn *c = conn_new(x->guard, x->head, x->client);

    hub_member_init(&c->member);
    c->ws.events = &e->ws; /* by which it finds its endpoint */
    c->id = id_add(&g->conns, c);
    c->heard_ms = (uint32_t)g->loop->now_ms;
    e->open++;
    g->stats.open++;
    if (g->sweep_ms && !timer_running(&g->sweep))
        loop_timer(g->loop, &g->sweep, g->sweep_ms);
    return c;
}

struct gateway_conn *gateway_conn_accept(struct gateway_endpoint *e, struct http_request *r,
                                         str protocol)
{
    struct gateway_extras x = {
        .guard = new_guard(e->gateway, r),
        .head = e->options.keep_head ? r->head_text : STR(""),
        .client = http_is_forwarded(r) ? http_peer(r) : STR(""),
    };
    struct gateway_conn *c = gateway_conn_make(e, &x);

    if (e->events->on_open)
        (void)http_peer(r); /* on_open may ask for it, when the stream is no longer r's */
    accept(c, e, r, protocol);
    c->ws.guarded = c->has_guard;
    e->gateway->stats.opened++;
    if (e->events->on_open)
        e->events->on_open(c, r);
    return c;
}

size_t gateway_close_some(struct gateway *g, size_t *n)
{
    struct gateway_conn *c;
    size_t left = 0;

    for (uint32_t i = 0; i < g->conns.cap; i++) {
        if (!(c = g->conns.slots[i].object) || !gateway_conn_is_open(c))
            continue;
        if (!*n) {
            left++;
            continue;
        }
        --*n;
        c->end = END_SHUTDOWN;
        gateway_conn_pump(c, true);
        ws_conn_close(&c->ws, CODE_GOING_AWAY, str_of(end_texts[END_SHUTDOWN]), LINGER_SHORT_MS);
    }
    return left;
}

void gateway_close(struct gateway *g)
{
    size_t all = SIZE_MAX;

    g->closing = true;
    (void)gateway_close_some(g, &all);
}
