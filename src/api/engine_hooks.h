/* api/engine_hooks.h - what an application may do to each request of an engine: middlewares,
 * headers, ids. The same for Socket.IO's engine and for bare ones.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_ENGINE_HOOKS_H
#define API_ENGINE_HOOKS_H

#include "api/app.h"

struct engine_hooks {
    atr_app *app;
    struct eio_server *server;
    struct list middlewares; /* of struct engine_middleware, in order */
    void (*generate_id)(void *user, atr_request *r, atr_decision d);
    void *generate_id_user;
    void (*headers)(void *user, atr_request *r, int initial);
    void *headers_user;
};

void engine_hooks_init(struct engine_hooks *h, atr_app *app, struct eio_server *server);
void engine_hooks_free(struct engine_hooks *h);

struct engine_hooks *engine_hooks_of(atr_engine *e);

/* A middleware lets a request pass: to the next one, or to the engine behind the last. */
struct engine_middleware;
void engine_hooks_pass(struct eio_server *server, eio_handshake hs,
                       const struct engine_middleware *m);

#endif
