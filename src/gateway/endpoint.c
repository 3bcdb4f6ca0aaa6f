/* gateway/endpoint.c - handshakes: checking, asking the owner, accepting; and what all share.
 *
 * Answers that are no 101: 426 to what is no WebSocket handshake at all or of another version (with
 * the version that is spoken, RFC 6455 section 4.4), 405, 400 to what is malformed, 403 to what the
 * owner refuses, 503 when there are too many or the server closes.
 *
 * Start reading at on_request().
 *
 * SPDX-License-Identifier: MIT
 */
#include "gateway/endpoint.h"

#include "base/assert.h"
#include "base/mem.h"
#include "gateway/conn.h"
#include "gateway/handover.h"

/* A sweep looks this many times per shortest interval, but not all the time. */
enum { SWEEPS = 8, SWEEP_MIN_MS = 10, SWEEP_MAX_MS = 5000 };

struct handshake {
    struct gateway_endpoint *endpoint;
    struct http_request *request;
    gateway_handshake id;
    str protocol; /* chosen; a slice of the request, or empty */
};

static void refuse(struct gateway_endpoint *e, struct http_request *r, unsigned status, str why,
                   str headers)
{
    struct http_response res = {
        .status = status, .type = STR("text/plain; charset=utf-8"), .headers = headers, .body = why
    };

    e->gateway->stats.refused++;
    http_respond(r, &res);
}

/* --- Sub-protocols (4.1, 11.3.4: the header may come more than once) --- */

void gateway_offered(const struct http_request *r, bool (*fn)(void *arg, str protocol), void *arg)
{
    for (uint32_t i = 0; i < r->head.header_count; i++) {
        str rest = r->head.headers[i].value, one;

        if (!str_ieq(r->head.headers[i].name, STR("Sec-WebSocket-Protocol")))
            continue;
        while (str_cut(&rest, ',', &one)) {
            one = str_trim(one);
            if (one.n && !fn(arg, one))
                return;
        }
    }
}

struct choice {
    const str *among;
    size_t count;
    str chosen;
};

static bool take_first(void *arg, str protocol)
{
    struct choice *c = arg;

    for (size_t i = 0; i < c->count; i++)
        if (str_eq(c->among[i], protocol)) {
            c->chosen = protocol;
            return false;
        }
    return true;
}

static str choose(const struct http_request *r, const str *among, size_t count)
{
    struct choice c = { .among = among, .count = count };

    gateway_offered(r, take_first, &c);
    return c.chosen;
}

/* --- Handshakes --- */

static bool busy(struct gateway_endpoint *e, struct http_request *r)
{
    const struct gateway_options *o = &e->options;

    if (!e->gateway->closing && (o->connections_max == 0 || e->open < o->connections_max))
        return false;
    e->gateway->stats.full += !e->gateway->closing;
    refuse(e, r, 503, e->gateway->closing ? STR("the server closes") : STR("too many connections"),
           STR(""));
    return true;
}

/* 4.2.1. Returns whether r may go on. */
static bool check(struct gateway_endpoint *e, struct http_request *r)
{
    const char *why;
    int status = ws_handshake_check(r, &why);
    struct ws_deflate_terms terms;

    if (status == 0 && ws_deflate_agree(&terms, r, &e->options.deflate) < 0) {
        status = 400;
        why = "the Sec-WebSocket-Extensions are malformed";
    }
    if (status == 0)
        return true;
    /* RFC 9110, 15.5.22: a plain request for what is only there over another protocol. */
    if (status == 400 && !http1_header(&r->head, STR("Upgrade")).p && r->head.minor >= 1) {
        status = 426;
        why = "this is a WebSocket endpoint";
    }
    refuse(e, r, (unsigned)status, str_of(why),
           status == 426   ? STR("Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n")
           : status == 405 ? STR("Allow: GET\r\n")
                           : STR(""));
    return false;
}

/* Whether r's address has opened enough connections lately. */
static bool too_often(struct gateway_endpoint *e, struct http_request *r)
{
    struct rates *rates = e->gateway->rates;
    struct address from;

    if (!rates || !rates->connects || !http_client(r, &from) ||
        rates_connect(rates, &from, RATES_SESSIONS))
        return false;
    e->gateway->stats.rate_limited++;
    refuse(e, r, 429, STR("too many handshakes"), STR("Retry-After: 1\r\n"));
    return true;
}

static void ask(struct gateway_endpoint *e, struct http_request *r, str protocol)
{
    struct handshake *hs = mem_alloc(sizeof *hs);

    *hs = (struct handshake){ .endpoint = e, .request = r, .protocol = protocol };
    hs->id = id_add(&e->gateway->handshakes, hs);
    r->user = hs;
    e->events->on_handshake(e, hs->id, r);
}

static void on_request(struct http_handler *h, struct http_request *r)
{
    struct gateway_endpoint *e = container_of(h, struct gateway_endpoint, handler);
    str protocol;

    r->user = NULL;
    if (!check(e, r) || busy(e, r) || too_often(e, r))
        return;
    protocol = choose(r, e->options.protocols, e->options.protocol_count);
    if (e->events->on_handshake)
        ask(e, r, protocol);
    else
        (void)gateway_conn_accept(e, r, protocol);
}

static void forget(struct handshake *hs)
{
    hs->request->user = NULL;
    id_remove(&hs->endpoint->gateway->handshakes, hs->id);
    mem_free(hs);
}

static void on_abort(struct http_handler *h, struct http_request *r)
{
    (void)h;
    if (r->user)
        forget(r->user);
}

void gateway_decide(struct gateway *g, gateway_handshake id, bool allow, str message)
{
    struct handshake *found = id_get(&g->handshakes, id), hs;

    if (!found)
        return;
    hs = *found;
    forget(found);
    if (!allow)
        refuse(hs.endpoint, hs.request, 403, message.n ? message : STR("Forbidden"), STR(""));
    else if (!busy(hs.endpoint, hs.request))
        (void)gateway_conn_accept(hs.endpoint, hs.request, hs.protocol);
}

bool gateway_handshake_open(const struct gateway *g, gateway_handshake hs)
{
    return id_get(&g->handshakes, hs) != NULL;
}

int gateway_choose(struct gateway *g, gateway_handshake id, str protocol)
{
    struct handshake *hs = id_get(&g->handshakes, id);

    if (!hs)
        return ATR_ECLOSED;
    str found = protocol.n ? choose(hs->request, &protocol, 1) : STR("");
    if (protocol.n && !found.n)
        return ATR_EUNKNOWN;
    hs->protocol = found;
    return 0;
}

/* --- Life --- */

void gateway_init(struct gateway *g, struct loop *l)
{
    *g = (struct gateway){ .loop = l };
    hub_init(&g->channels, NULL, NULL);
    timer_init(&g->sweep, gateway_sweep);
    loop_job_init(&g->cut, gateway_cut);
    list_init(&g->endpoints);
    gateway_arrivals_init(g);
}

void gateway_fini(struct gateway *g)
{
    struct handshake *hs;
    struct gateway_conn *c;

    g->closing = true;
    for (uint32_t i = 0; i < g->handshakes.cap; i++)
        if ((hs = g->handshakes.slots[i].object))
            gateway_decide(g, hs->id, true, STR("")); /* 503: it closes */
    for (uint32_t i = 0; i < g->conns.cap; i++)
        if ((c = g->conns.slots[i].object))
            gateway_conn_abort(c);
    loop_timer_stop(g->loop, &g->sweep);
    list_remove(&g->cut.link);
    gateway_arrivals_drop(g);
    buf_free(&g->overflowed);
    hub_fini(&g->channels);
    map_free(&g->pressures);
    id_table_free(&g->conns);
    id_table_free(&g->handshakes);
}

static uint32_t shortest(uint32_t a, uint32_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* How often to look, so that silence is noticed within an eighth of the shortest interval. */
static void set_sweep(struct gateway *g, const struct gateway_options *o)
{
    uint32_t ms = shortest(o->ping_interval_ms, o->idle_timeout_ms) / SWEEPS;

    if (o->ping_interval_ms == 0 && o->idle_timeout_ms == 0)
        return;
    ms = ms < SWEEP_MIN_MS ? SWEEP_MIN_MS : ms > SWEEP_MAX_MS ? SWEEP_MAX_MS : ms;
    if (g->sweep_ms && g->sweep_ms <= ms)
        return;
    g->sweep_ms = ms;
    if (g->conns.count)
        loop_timer(g->loop, &g->sweep, ms);
}

void gateway_endpoint_init(struct gateway_endpoint *e, struct gateway *g,
                           const struct gateway_options *o, const struct gateway_events *events,
                           void *owner)
{
    *e = (struct gateway_endpoint){ .gateway = g,
                                    .handler = { .on_request = on_request, .on_abort = on_abort },
                                    .ws = gateway_ws_events,
                                    .events = events,
                                    .options = *o,
                                    .owner = owner };
    pressure_policy_fit(&e->options.output);
    if (!events->on_pong)
        e->ws.on_pong = NULL;
    list_append(&g->endpoints, &e->link);
    set_sweep(g, o);
}
