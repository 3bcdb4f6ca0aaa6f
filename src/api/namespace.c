/* api/namespace.c - namespaces: handlers, middleware, matching; and the way events take to them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/decision.h"
#include "api/io.h"
#include "api/output.h"
#include "api/request.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "proto/json.h"

struct named_handler {
    void (*fn)(void *user, atr_socket *s, const atr_event *e);
    void *user;
    uint32_t name_len;
    char name[];
};

struct middleware {
    struct list link;
    void (*fn)(void *user, atr_socket *s, atr_decision d);
    void *user;
};

struct matcher {
    struct list link;
    void (*fn)(void *user, atr_str name, atr_str auth, atr_decision d);
    void *user;
};

atr_namespace *namespace_wrap(atr_io *io, struct sio_namespace *inner)
{
    if (inner->user)
        return inner->user;
    atr_namespace *n = mem_zalloc(sizeof *n);
    *n = (atr_namespace){ .inner = inner, .io = io };
    list_init(&n->link);
    list_append(&io->namespaces, &n->link);
    inner->user = n;
    return n;
}

static void forget_named(atr_namespace *n)
{
    struct named_handler *h;

    for (uint32_t at = 0; (h = map_next(&n->named, &at));)
        mem_free(h);
    map_free(&n->named);
}

static void free_namespace(atr_namespace *n)
{
    forget_named(n);
    list_remove(&n->link);
    mem_free(n);
}

static void free_links(struct list *head)
{
    /* The link is the first member of what hangs on these lists. */
    static_assert(offsetof(struct middleware, link) == 0 && offsetof(struct matcher, link) == 0,
                  "freed through its link");
    while (!list_empty(head)) {
        struct list *first = head->next;
        list_remove(first);
        mem_free(first);
    }
}

void namespaces_free(atr_io *io)
{
    while (!list_empty(&io->namespaces))
        free_namespace(container_of(io->namespaces.next, atr_namespace, link));
    free_links(&io->middlewares);
    free_links(&io->matchers);
}

atr_namespace *atr_io_of(atr_io *io, atr_str name)
{
    return namespace_wrap(io, sio_server_of(&io->server, str_in(name)));
}

atr_namespace *atr_io_of_matching(
    atr_io *io, void (*match)(void *user, atr_str name, atr_str auth, atr_decision d), void *user)
{
    struct matcher *m = mem_alloc(sizeof *m);

    *m = (struct matcher){ .fn = match, .user = user };
    list_init(&m->link);
    list_append(&io->matchers, &m->link);
    return namespace_wrap(io, sio_server_of_matching(&io->server, m));
}

atr_str atr_namespace_name(const atr_namespace *n)
{
    return str_out(n->inner->name);
}

atr_io *atr_namespace_io(const atr_namespace *n)
{
    return n->io;
}

atr_namespace *atr_namespace_parent(const atr_namespace *n)
{
    return n->inner->parent ? n->inner->parent->user : NULL;
}

size_t atr_namespace_count(const atr_namespace *n)
{
    return n->inner->hub.count;
}

void atr_namespace_handle(atr_namespace *n, const atr_namespace_handlers *h, void *user)
{
    SIZED_COPY(&n->handlers, h);
    n->user = user;
    n->inner->watch_outgoing = (uint8_t)((n->inner->watch_outgoing & ~SIO_WATCH_OWNER) |
                                         (n->handlers.on_outgoing ? SIO_WATCH_OWNER : 0));
}

/* --- Output --- */

static void apply_output(atr_namespace *n)
{
    if (n->given)
        output_merge(&n->output, &n->io->server.engine.options.output, &n->own, n->given);
    n->inner->output = n->given ? &n->output : NULL;
}

void namespaces_apply_output(atr_io *io)
{
    for (struct list *at = io->namespaces.next; at != &io->namespaces; at = at->next)
        apply_output(container_of(at, atr_namespace, link));
}

static int read_output(str json, struct pressure_policy *own, unsigned *given, char *why)
{
    struct json_iter it;
    int known;

    if (json_check(json, JSON_DEPTH) < 0 || json_type_of(json) != JSON_OBJECT)
        return err_why(why, ATR_ETYPE, "the options of a namespace must be an object");
    json_iter_init(&it, json);
    while (json_iter_next(&it)) {
        if ((known = output_option(&it, own, given, why)) < 0)
            return known;
        if (!known)
            return err_why(why, ATR_EUNKNOWN, "a namespace has no option %.*s", STR_ARG(it.key));
    }
    return 0;
}

int atr_namespace_configure(atr_namespace *n, atr_str options_json, char *why)
{
    struct pressure_policy own = n->own;
    unsigned given = n->given;
    int err = read_output(str_in(options_json), &own, &given, why);

    if (err < 0)
        return err;
    n->own = own;
    n->given = given;
    apply_output(n);
    return 0;
}

void atr_namespace_on(atr_namespace *n, atr_str event,
                      void (*fn)(void *user, atr_socket *s, const atr_event *e), void *user)
{
    mem_free(map_remove(&n->named, str_in(event)));
    if (!fn)
        return;
    struct named_handler *h = mem_alloc(sizeof *h + event.n);
    *h = (struct named_handler){ .fn = fn, .user = user, .name_len = (uint32_t)event.n };
    memcpy(h->name, event.p, event.n);
    map_put(&n->named, str_n(h->name, event.n), h);
}

void atr_namespace_on_room(atr_namespace *n,
                           void (*fn)(void *user, int what, atr_str room, atr_socket *s),
                           void *user)
{
    n->on_room = fn;
    n->room_user = user;
    sio_namespace_watch_rooms(n->inner, SIO_WATCH_OWNER, fn != NULL);
}

void atr_namespace_use(atr_namespace *n, void (*fn)(void *user, atr_socket *s, atr_decision d),
                       void *user)
{
    struct middleware *m = mem_alloc(sizeof *m);

    *m = (struct middleware){ .fn = fn, .user = user };
    list_init(&m->link);
    list_append(&n->io->middlewares, &m->link);
    sio_namespace_use(n->inner, m);
}

/* --- What the layer below tells --- */

static void on_middleware(struct sio_socket *s, void *middleware, sio_decision d)
{
    struct middleware *m = middleware;
    atr_io *io = s->nsp->server->user;

    (void)namespace_wrap(io, s->nsp);
    m->fn(m->user, socket_out(s), decision_of_socket(io->app, &io->server, d));
}

static void on_connection(struct sio_socket *s)
{
    atr_namespace *n = namespace_of(s);

    if (n->handlers.on_connection)
        n->handlers.on_connection(n->user, socket_out(s));
}

/* The event's name as text: a string token is unescaped, a number stands for itself. */
str event_name(struct sio_server *server, str token)
{
    struct buf scratch = { 0 };
    str name;

    if (token.n == 0 || token.p[0] != '"')
        return token;
    ASSERT(json_string(token, &scratch, &name) == 0);
    if (scratch.len)
        name = arena_copy(&server->engine.loop->scratch, name);
    buf_free(&scratch);
    return name;
}

atr_data data_out(const struct sio_data *d)
{
    /* Attachments cross as they are: str and atr_str have one layout. */
    static_assert(sizeof(str) == sizeof(atr_str) && offsetof(str, n) == offsetof(atr_str, n),
                  "str and atr_str have one layout");
    return (atr_data){ str_out(d->json), (const atr_str *)d->attachments, d->attachment_count };
}

static void deliver(struct sio_socket *s, str token, const atr_data *data, int64_t ack)
{
    atr_namespace *n = namespace_of(s);
    atr_event e = { str_out(event_name(s->nsp->server, token)), *data, ack };
    struct named_handler *h = n->named.count ? map_get(&n->named, str_in(e.name)) : NULL;

    if (h)
        h->fn(h->user, socket_out(s), &e);
    else if (n->handlers.on_event)
        n->handlers.on_event(n->user, socket_out(s), &e);
}

static void deliver_revived(struct sio_socket *s, const atr_data *data, int64_t ack)
{
    struct rewritten r;

    if (rewrite(&io_of(s)->reviver, data, &r) < 0 || event_check(&r.data) < 0)
        sio_socket_reject(s);
    else
        deliver(s, json_at(str_in(r.data.json), 0), &r.data, ack);
    rewrite_end(&r);
}

static void on_event(struct sio_socket *s, str token, const struct sio_data *data, int64_t ack)
{
    atr_data out = data_out(data);

    if (io_of(s)->reviver.fn)
        deliver_revived(s, &out, ack);
    else
        deliver(s, token, &out, ack);
}

static void on_disconnecting(struct sio_socket *s, const char *reason, const char *description)
{
    atr_namespace *n = namespace_of(s);

    if (n->handlers.on_disconnecting)
        n->handlers.on_disconnecting(n->user, socket_out(s), reason, description);
}

static void on_disconnect(struct sio_socket *s, const char *reason, const char *description)
{
    atr_namespace *n = namespace_of(s);

    if (n->handlers.on_disconnect)
        n->handlers.on_disconnect(n->user, socket_out(s), reason, description);
}

static void on_abandon(struct sio_socket *s)
{
    atr_namespace *n = namespace_of(s);

    if (n && n->handlers.on_abandon)
        n->handlers.on_abandon(n->user, socket_out(s));
}

static void on_parent_match(struct sio_namespace *parent, void *matcher, str name, str auth,
                            sio_decision d)
{
    struct matcher *m = matcher;
    atr_io *io = parent->server->user;

    m->fn(m->user, str_out(name), str_out(auth), decision_of_socket(io->app, &io->server, d));
}

static void copy_named(atr_namespace *to, const atr_namespace *from)
{
    struct named_handler *h;

    for (uint32_t at = 0; (h = map_next(&from->named, &at));)
        atr_namespace_on(to, (atr_str){ h->name, h->name_len }, h->fn, h->user);
}

/* A child has its parent's handlers as they are now. */
static void on_namespace(struct sio_namespace *inner)
{
    atr_io *io = inner->server->user;
    atr_namespace *n = namespace_wrap(io, inner),
                  *parent = inner->parent ? inner->parent->user : NULL;

    if (parent) {
        atr_namespace_handle(n, &parent->handlers, parent->user);
        n->handlers = parent->handlers;
        copy_named(n, parent);
        n->own = parent->own;
        n->given = parent->given;
        apply_output(n);
    }
    if (io->on_new_namespace)
        io->on_new_namespace(io->new_namespace_user, n);
}

static void on_namespace_gone(struct sio_namespace *inner)
{
    atr_namespace *n = inner->user;

    if (!n)
        return;
    if (n->handlers.on_end)
        n->handlers.on_end(n->user, n);
    free_namespace(n);
    inner->user = NULL;
}

static void on_outgoing(struct sio_socket *s, const struct sio_data *data)
{
    atr_namespace *n = namespace_of(s);
    atr_data out = data_out(data);

    if (n->handlers.on_outgoing)
        n->handlers.on_outgoing(n->user, socket_out(s), &out);
}

static void on_room(struct sio_namespace *inner, enum sio_room_change what, str room,
                    struct sio_socket *s)
{
    static_assert((int)ATR_ROOM_LEFT == (int)SIO_ROOM_LEFT, "both enumerations have one order");
    const atr_namespace *n = inner->user;

    if (n && n->on_room)
        n->on_room(n->room_user, (int)what, str_out(room), socket_out(s));
}

static void on_forgotten(struct sio_namespace *inner, void *data)
{
    atr_namespace *n = inner->user;

    if (n && n->handlers.on_forgotten)
        n->handlers.on_forgotten(n->user, data);
}

static void on_drain(struct sio_socket *s)
{
    atr_namespace *n = namespace_of(s);

    if (n->handlers.on_drain)
        n->handlers.on_drain(n->user, socket_out(s));
}

static void on_moved(struct sio_socket *s)
{
    atr_namespace *n = namespace_of(s);

    if (n->handlers.on_moved)
        n->handlers.on_moved(n->user, socket_out(s));
}

static void on_handshake(struct sio_server *server, eio_handshake hs, struct http_request *r)
{
    atr_io *io = server->user;

    if (io->on_allow_request)
        io->on_allow_request(io->allow_request_user, (atr_request *)r,
                             decision_of_handshake(io->app, &server->engine, hs));
    else
        eio_server_decide(&server->engine, hs, true, NULL);
}

static void on_error(struct sio_server *server, struct http_request *r, int code,
                     const char *message, const char *context)
{
    atr_io *io = server->user;

    if (io->on_connection_error)
        io->on_connection_error(io->connection_error_user, (atr_request *)r, code, message,
                                context);
}

const struct sio_events io_events = {
    .on_middleware = on_middleware,
    .on_connection = on_connection,
    .on_event = on_event,
    .on_disconnecting = on_disconnecting,
    .on_disconnect = on_disconnect,
    .on_abandon = on_abandon,
    .on_parent_match = on_parent_match,
    .on_namespace = on_namespace,
    .on_namespace_gone = on_namespace_gone,
    .on_outgoing = on_outgoing,
    .on_room = on_room,
    .on_forgotten = on_forgotten,
    .on_drain = on_drain,
    .on_moved = on_moved,
    .on_server_side = on_server_side,
    .on_freeze = on_freeze,
    .on_describe = on_describe,
    .on_handshake = on_handshake,
    .on_error = on_error,
};
