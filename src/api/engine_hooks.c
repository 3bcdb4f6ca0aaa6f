/* api/engine_hooks.c - see engine_hooks.h.
 *
 * What nobody has registered is not even asked for: a hook of the engine is set when the first of
 * its kind comes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/engine_hooks.h"

#include "api/decision.h"
#include "api/io.h"
#include "base/mem.h"

struct engine_middleware {
    struct list link; /* in hooks->middlewares */
    void (*fn)(void *user, atr_request *r, atr_decision d);
    void *user;
};

static struct engine_hooks *hooks_of(const struct eio_server *server)
{
    return server->hooks.user;
}

/* --- Middlewares --- */

static void run(struct engine_hooks *h, struct list *at, eio_handshake hs, struct http_request *r)
{
    struct engine_middleware *m = container_of(at, struct engine_middleware, link);

    m->fn(m->user, (atr_request *)r, decision_of_middleware(h->app, h->server, hs, m));
}

static void on_request(struct eio_server *server, eio_handshake hs, struct http_request *r)
{
    struct engine_hooks *h = hooks_of(server);

    run(h, h->middlewares.next, hs, r);
}

void engine_hooks_pass(struct eio_server *server, eio_handshake hs,
                       const struct engine_middleware *m)
{
    struct engine_hooks *h = hooks_of(server);
    struct http_request *r = eio_waiting_request(server, hs);

    if (!r)
        return;
    if (m->link.next == &h->middlewares)
        eio_server_decide(server, hs, true, NULL);
    else
        run(h, m->link.next, hs, r);
}

static void use(struct engine_hooks *h, void (*fn)(void *user, atr_request *r, atr_decision d),
                void *user)
{
    struct engine_middleware *m = mem_alloc(sizeof *m);

    *m = (struct engine_middleware){ .fn = fn, .user = user };
    list_init(&m->link);
    list_append(&h->middlewares, &m->link);
    h->server->hooks.on_request = on_request;
}

/* --- Ids --- */

static void on_generate_id(struct eio_server *server, eio_handshake hs, struct http_request *r)
{
    struct engine_hooks *h = hooks_of(server);

    h->generate_id(h->generate_id_user, (atr_request *)r,
                   decision_of_handshake(h->app, server, hs));
}

static void set_generate_id(struct engine_hooks *h,
                            void (*fn)(void *user, atr_request *r, atr_decision d), void *user)
{
    h->generate_id = fn;
    h->generate_id_user = user;
    h->server->hooks.on_generate_id = fn ? on_generate_id : NULL;
}

/* --- Headers --- */

static void on_headers(struct eio_server *server, struct http_request *r, bool initial)
{
    struct engine_hooks *h = hooks_of(server);

    h->headers(h->headers_user, (atr_request *)r, initial);
}

static void set_headers(struct engine_hooks *h, void (*fn)(void *user, atr_request *r, int initial),
                        void *user)
{
    h->headers = fn;
    h->headers_user = user;
    h->server->hooks.on_headers = fn ? on_headers : NULL;
}

/* --- Life --- */

void engine_hooks_init(struct engine_hooks *h, atr_app *app, struct eio_server *server)
{
    *h = (struct engine_hooks){ .app = app, .server = server };
    list_init(&h->middlewares);
    server->hooks.user = h;
}

void engine_hooks_free(struct engine_hooks *h)
{
    while (!list_empty(&h->middlewares)) {
        struct engine_middleware *m =
            container_of(h->middlewares.next, struct engine_middleware, link);
        list_remove(&m->link);
        mem_free(m);
    }
}

/* --- The public faces --- */

void atr_engine_use(atr_engine *e, void (*fn)(void *user, atr_request *r, atr_decision d),
                    void *user)
{
    use(engine_hooks_of(e), fn, user);
}

void atr_engine_on_generate_id(atr_engine *e,
                               void (*fn)(void *user, atr_request *r, atr_decision d), void *user)
{
    set_generate_id(engine_hooks_of(e), fn, user);
}

void atr_engine_on_headers(atr_engine *e, void (*fn)(void *user, atr_request *r, int initial),
                           void *user)
{
    set_headers(engine_hooks_of(e), fn, user);
}

void atr_io_engine_use(atr_io *io, void (*fn)(void *user, atr_request *r, atr_decision d),
                       void *user)
{
    use(&io->hooks, fn, user);
}

void atr_io_on_generate_id(atr_io *io, void (*fn)(void *user, atr_request *r, atr_decision d),
                           void *user)
{
    set_generate_id(&io->hooks, fn, user);
}

void atr_io_on_headers(atr_io *io, void (*fn)(void *user, atr_request *r, int initial), void *user)
{
    set_headers(&io->hooks, fn, user);
}
