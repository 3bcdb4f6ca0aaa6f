/* api/decision.c - see decision.h.
 *
 * A record lives until the application decides or the application ends. What clients can pile up
 * here is bounded: a record whose question has lapsed (the client left) is dropped when the next
 * one is made.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/decision.h"

#include "api/engine_hooks.h"
#include "api/response.h"
#include "base/mem.h"

struct decision {
    struct list link; /* in app->open_decisions, oldest first */
    struct eio_server *engine;
    const struct engine_middleware *middleware; /* of the engine; NULL: another question */
    struct sio_server *io;
    struct gateway *gateway;
    uint64_t inner;
    atr_ref ref;
};

static void drop(atr_app *app, struct decision *d)
{
    id_remove(&app->decisions, d->ref);
    list_remove(&d->link);
    mem_free(d);
}

static bool lapsed(const struct decision *d)
{
    if (d->gateway)
        return !gateway_handshake_open(d->gateway, d->inner);
    return d->io ? !sio_decision_open(d->io, d->inner) : !eio_handshake_open(d->engine, d->inner);
}

/* Two of the oldest are looked at for each one added, so lapsed records never outnumber open ones
 * for long. One that is still open moves to the end. */
static void sweep(atr_app *app)
{
    for (int i = 0; i < 2 && !list_empty(&app->open_decisions); i++) {
        struct decision *d = container_of(app->open_decisions.next, struct decision, link);
        if (lapsed(d)) {
            drop(app, d);
        } else {
            list_remove(&d->link);
            list_append(&app->open_decisions, &d->link);
        }
    }
}

static atr_decision add(atr_app *app, const struct decision *what)
{
    sweep(app);
    struct decision *d = mem_alloc(sizeof *d);
    *d = *what;
    list_init(&d->link);
    list_append(&app->open_decisions, &d->link);
    return d->ref = id_add(&app->decisions, d);
}

atr_decision decision_of_handshake(atr_app *app, struct eio_server *engine, eio_handshake hs)
{
    return add(app, &(struct decision){ .engine = engine, .inner = hs });
}

atr_decision decision_of_middleware(atr_app *app, struct eio_server *engine, eio_handshake hs,
                                    const struct engine_middleware *m)
{
    return add(app, &(struct decision){ .engine = engine, .inner = hs, .middleware = m });
}

atr_decision decision_of_socket(atr_app *app, struct sio_server *io, sio_decision d)
{
    return add(app, &(struct decision){ .io = io, .inner = d });
}

atr_decision decision_of_upgrade(atr_app *app, struct gateway *gateway, gateway_handshake hs)
{
    return add(app, &(struct decision){ .gateway = gateway, .inner = hs });
}

int atr_ws_choose(atr_app *app, atr_decision ref, atr_str protocol)
{
    struct decision *d = id_get(&app->decisions, ref);

    return d && d->gateway ? gateway_choose(d->gateway, d->inner, str_in(protocol)) : ATR_ECLOSED;
}

void atr_decide(atr_app *app, atr_decision ref, int allow, atr_str message, atr_str data_json)
{
    struct decision *found = id_get(&app->decisions, ref), d;

    if (!found)
        return;
    d = *found;
    drop(app, found); /* first: what follows may run application code */
    if (d.gateway) {
        gateway_decide(d.gateway, d.inner, allow, str_in(message));
    } else if (d.io) {
        sio_decide(d.io, d.inner, allow, str_in(message), str_in(data_json));
    } else if (d.middleware && allow) {
        engine_hooks_pass(d.engine, d.inner, d.middleware);
    } else {
        char *text = message.n ? str_dup(str_in(message)) : NULL;
        eio_server_decide(d.engine, d.inner, allow, text);
        mem_free(text);
    }
}

atr_request *atr_decision_request(atr_app *app, atr_decision ref)
{
    const struct decision *d = id_get(&app->decisions, ref);

    return d && d->engine ? (atr_request *)eio_waiting_request(d->engine, d->inner) : NULL;
}

int atr_decide_id(atr_app *app, atr_decision ref, atr_str id)
{
    struct decision *found = id_get(&app->decisions, ref), d;

    if (!found || !found->engine || found->middleware)
        return ATR_ECLOSED;
    d = *found;
    drop(app, found);
    return eio_server_name(d.engine, d.inner, str_in(id));
}

int atr_decide_response(atr_app *app, atr_decision ref, const atr_response *res)
{
    struct decision *found = id_get(&app->decisions, ref), d;
    struct http_response out;
    struct buf headers = { 0 };
    int err;

    if (!found || !found->middleware)
        return ATR_ECLOSED;
    if ((err = response_read(res, &headers, &out)) == 0) {
        d = *found;
        drop(app, found);
        err = eio_server_answer(d.engine, d.inner, &out);
    }
    buf_free(&headers);
    return err;
}

void decisions_free(atr_app *app)
{
    while (!list_empty(&app->open_decisions))
        drop(app, container_of(app->open_decisions.next, struct decision, link));
    id_table_free(&app->decisions);
}
