/* gateway/handover.c - see handover.h.
 *
 * The map: path (of the endpoint), ws (the connection's map, ws/handover.h), channels, head and
 * client (left out when not kept), from (the address that limits count it for), heard (when the
 * peer was last seen alive, in ms of CLOCK_MONOTONIC), pinged (since then), state (the owner's).
 *
 * Start reading at gateway_conn_freeze().
 *
 * SPDX-License-Identifier: MIT
 */
#include "gateway/handover.h"

#include <unistd.h>

#include "base/mem.h"
#include "proto/frozen.h"
#include "ws/handover.h"

enum { VERSION = 1 };

/* --- Freezing --- */

struct gateway_conn *gateway_conn_next(const struct gateway *g, uint32_t *at)
{
    while (*at < g->conns.cap) {
        struct gateway_conn *c = g->conns.slots[(*at)++].object;

        if (c && gateway_conn_is_open(c))
            return c;
    }
    return NULL;
}

static void freeze_channels(struct frozen_writer *w, const struct hub_member *m)
{
    struct buf *out;

    if (m->group_count == 0)
        return;
    out = frozen_put_value(w, "channels");
    msgpack_write_array(out, m->group_count);
    for (uint32_t i = 0; i < m->group_count; i++)
        msgpack_write_string(out, hub_group_name(m->groups[i].group));
}

/* Behind a relay the peer's address would be this machine's. */
static void freeze_client(struct frozen_writer *w, const struct gateway_conn *c)
{
    const char *client = gateway_conn_client(c);
    const struct stream *s = c->ws.stream;
    char text[ADDRESS_TEXT_MAX];
    uint16_t port;

    if (client) {
        frozen_put_bytes(w, "client", str_of(client));
    } else if (s->secure) {
        stream_peer(s, text, &port);
        frozen_put_bytes(w, "client", str_of(text));
    }
}

static void freeze_state(struct frozen_writer *w, const struct gateway_conn *c)
{
    const struct gateway_endpoint *e = gateway_conn_endpoint(c);
    const struct rates_guard *guard = gateway_conn_guard(c);
    const struct address *from = guard ? rates_guard_address(guard) : NULL;
    bool quiet = !c->ws.heard && !c->holds;

    frozen_put_bytes(w, "path", e->path);
    frozen_put_uint(w, "heard", quiet ? c->heard_ms : (uint32_t)e->gateway->loop->now_ms);
    frozen_put_bool(w, "pinged", quiet && c->pinged);
    if (c->has_head)
        frozen_put_bytes(w, "head", gateway_conn_head(c));
    if (from)
        frozen_put_bytes(w, "from", str_n(from->bytes, sizeof from->bytes));
    freeze_client(w, c);
    freeze_channels(w, &c->member);
}

static void freeze_owner(struct frozen_writer *w, struct gateway_conn *c)
{
    struct buf state = { 0 };

    gateway_conn_endpoint(c)->events->on_freeze(c, &state);
    if (state.len)
        frozen_put_bytes(w, "state", buf_str(&state));
    buf_free(&state);
}

int gateway_conn_freeze(struct gateway_conn *c, struct buf *out, int *fd)
{
    struct gateway_endpoint *e = gateway_conn_endpoint(c);
    const struct gateway_events *events = e->events;
    size_t before = out->len;
    struct frozen_writer w;
    int err;

    if (!gateway_conn_is_open(c) || c->arriving || e->path.n == 0 ||
        (events->on_open && !events->on_thaw))
        return ATR_ESTATE;
    gateway_conn_pump(c, true);
    frozen_begin(&w, out, VERSION);
    freeze_state(&w, c);
    if ((err = ws_conn_freeze(&c->ws, frozen_put_value(&w, "ws"), fd)) < 0) {
        out->len = before;
        return err;
    }
    gateway_conn_leave(c);
    if (events->on_freeze)
        freeze_owner(&w, c);
    frozen_end(&w);
    e->gateway->stats.frozen++;
    gateway_conn_doom(c);
    return 0;
}

/* --- Arriving --- */

struct arrival {
    struct list link; /* in gateway->arrivals */
    uint64_t id;
    size_t n;
    char state[];
};

static void arrive(struct loop_job *job)
{
    struct gateway *g = container_of(job, struct gateway, arrive);
    struct list batch;

    list_take(&batch, &g->arrivals);
    while (!list_empty(&batch)) {
        struct arrival *a = container_of(batch.next, struct arrival, link);
        struct gateway_conn *c = id_get(&g->conns, a->id);

        list_remove(&a->link);
        if (c) {
            const struct gateway_events *events = gateway_conn_endpoint(c)->events;

            c->arriving = false;
            if (events->on_thaw)
                events->on_thaw(c, str_n(a->state, a->n));
        }
        if ((c = id_get(&g->conns, a->id)))
            gateway_conn_release(c);
        mem_free(a);
    }
}

void gateway_arrivals_init(struct gateway *g)
{
    list_init(&g->arrivals);
    loop_job_init(&g->arrive, arrive);
}

void gateway_arrivals_drop(struct gateway *g)
{
    list_remove(&g->arrive.link);
    while (!list_empty(&g->arrivals)) {
        struct arrival *a = container_of(g->arrivals.next, struct arrival, link);

        list_remove(&a->link);
        mem_free(a);
    }
}

static void announce(struct gateway_conn *c, str state)
{
    struct gateway *g = gateway_conn_endpoint(c)->gateway;
    struct arrival *a = mem_alloc(sizeof *a + state.n);

    *a = (struct arrival){ .id = c->id, .n = state.n };
    if (state.n)
        memcpy(a->state, state.p, state.n);
    list_init(&a->link);
    list_append(&g->arrivals, &a->link);
    loop_defer(g->loop, &g->arrive);
    c->arriving = true;
    gateway_conn_hold(c);
}

/* --- Thawing --- */

static struct gateway_endpoint *endpoint_at(const struct gateway *g, str path)
{
    for (struct list *at = g->endpoints.next; at != &g->endpoints; at = at->next) {
        struct gateway_endpoint *e = container_of(at, struct gateway_endpoint, link);

        if (path.n && str_eq(e->path, path))
            return e;
    }
    return NULL;
}

static struct rates_guard *thaw_guard(struct gateway *g, const struct frozen *f, int fd)
{
    str from = frozen_bytes(f, "from");
    struct address a;
    bool known = from.n == sizeof a.bytes;

    if (!g->rates || !g->rates->guards)
        return NULL;
    if (known)
        memcpy(a.bytes, from.p, sizeof a.bytes);
    else
        known = address_of_peer(fd, &a);
    return rates_guard_new(g->rates, known ? &a : NULL);
}

/* Names that another process let in are not looked at again. */
static void thaw_channels(struct gateway_conn *c, const struct frozen *f)
{
    struct hub *h = &gateway_conn_endpoint(c)->gateway->channels;
    struct msgpack_reader r;
    uint32_t count = frozen_array(f, "channels", &r);

    while (count-- > 0 && msgpack_reader_next(&r) == MSGPACK_STRING)
        (void)hub_join(h, &c->member, r.bytes);
}

static int thaw_into(struct gateway_endpoint *e, const struct frozen *f, int fd)
{
    struct gateway *g = e->gateway;
    struct gateway_extras x = { .guard = thaw_guard(g, f, fd),
                                .client = frozen_bytes(f, "client") };
    struct gateway_conn *c;

    if (e->options.keep_head)
        x.head = frozen_bytes(f, "head");
    c = gateway_conn_make(e, &x);
    if (ws_conn_thaw(&c->ws, g->loop, frozen_value(f, "ws"), fd, &e->ws) < 0) {
        gateway_conn_leave(c);
        gateway_conn_doom(c);
        return ATR_ESYNTAX;
    }
    c->ws.guarded = c->has_guard;
    if (g->streams_open) {
        c->ws.stream->counted = g->streams_open;
        ++*g->streams_open;
    }
    c->heard_ms = (uint32_t)frozen_uint(f, "heard", g->loop->now_ms);
    c->pinged = frozen_bool(f, "pinged");
    thaw_channels(c, f);
    g->stats.thawed++;
    announce(c, frozen_bytes(f, "state"));
    return 0;
}

static int thaw(struct gateway *g, str in, size_t *used, int fd)
{
    struct gateway_endpoint *e;
    struct frozen f;

    if (g->closing)
        return ATR_ECLOSED;
    if (fd < 0 || frozen_open(&f, in, used) < 0)
        return ATR_ESYNTAX;
    e = endpoint_at(g, frozen_bytes(&f, "path"));
    return e ? thaw_into(e, &f, fd) : ATR_EUNKNOWN;
}

int gateway_conn_thaw(struct gateway *g, str in, size_t *used, int fd)
{
    int err;

    *used = 0;
    err = thaw(g, in, used, fd);
    if (err < 0 && fd >= 0)
        close(fd);
    return err;
}
