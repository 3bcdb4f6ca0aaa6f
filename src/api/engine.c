/* api/engine.c - bare Engine.IO servers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/engine.h"

#include "api/decision.h"
#include "api/io.h"
#include "api/shapes.h"
#include "base/assert.h"
#include "base/mem.h"
#include "net/drain.h"
#include "proto/eio_packet.h"
#include "proto/json.h"

static atr_engine *engine_of(const struct eio_session *s)
{
    return s->server->owner;
}

static atr_engine_socket *socket_of(struct eio_session *s)
{
    return container_of(s, atr_engine_socket, session);
}

static void on_handshake(struct eio_server *server, eio_handshake hs, struct http_request *r)
{
    atr_engine *e = server->owner;

    if (e->on_allow_request)
        e->on_allow_request(e->allow_request_user, (atr_request *)r,
                            decision_of_handshake(e->app, server, hs));
    else
        eio_server_decide(server, hs, true, NULL);
}

static void on_open(struct eio_session *s, struct http_request *r)
{
    atr_engine *e = engine_of(s);

    (void)r;
    socket_of(s)->ref = id_add(&e->sockets, s);
    engine_announce(socket_of(s));
}

void engine_announce(atr_engine_socket *s)
{
    atr_engine *e = engine_of(&s->session);

    s->announced = true;
    if (e->handlers.on_connection)
        e->handlers.on_connection(e->user, s);
}

static void on_message(struct eio_session *s, bool binary, uint8_t *data, size_t n)
{
    atr_engine *e = engine_of(s);

    if (e->handlers.on_message)
        e->handlers.on_message(e->user, socket_of(s), (atr_str){ (char *)data, n }, binary);
}

static void on_close(struct eio_session *s, enum eio_reason reason, const char *description)
{
    atr_engine *e = engine_of(s);

    if (e->handlers.on_close && socket_of(s)->announced)
        e->handlers.on_close(e->user, socket_of(s), eio_reason_text(reason), description);
    id_remove(&e->sockets, socket_of(s)->ref);
}

static void on_upgrade(struct eio_session *s)
{
    atr_engine *e = engine_of(s);

    if (e->handlers.on_upgrade)
        e->handlers.on_upgrade(e->user, socket_of(s));
}

static void on_drain(struct eio_session *s)
{
    atr_engine *e = engine_of(s);

    if (e->handlers.on_drain && socket_of(s)->announced)
        e->handlers.on_drain(e->user, socket_of(s));
}

static void on_error(struct eio_server *server, struct http_request *r, int code,
                     const char *message, const char *context)
{
    atr_engine *e = server->owner;

    if (e->on_connection_error)
        e->on_connection_error(e->connection_error_user, (atr_request *)r, code, message, context);
}

static const struct eio_events events = {
    .session_bytes = sizeof(atr_engine_socket),
    .on_handshake = on_handshake,
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
    .on_upgrade = on_upgrade,
    .on_drain = on_drain,
    .on_error = on_error,
};

static int set_options(struct settings *s, str json, char *why)
{
    struct json_iter it;
    struct buf scratch = { 0 };
    str name;
    int err = settings_set(s, SETTING_ENGINE, STR("path"), STR("\"/engine.io\""), ATR_DEFAULT, why);

    if (json.n && (json_check(json, JSON_DEPTH) < 0 || json_type_of(json) != JSON_OBJECT))
        return err_why(why, ATR_ETYPE, "engine options must be an object");
    json_iter_init(&it, json);
    while (err >= 0 && json.n && json_iter_next(&it)) {
        buf_clear(&scratch);
        if ((err = json_string(it.key, &scratch, &name)) == 0)
            err = settings_set(s, SETTING_ENGINE, name, it.value, ATR_SCRIPT, why);
    }
    buf_free(&scratch);
    return err;
}

static void end(atr_engine *e)
{
    list_remove(&e->link);
    engine_handover_free(e);
    engine_hooks_free(&e->hooks);
    settings_fini(&e->settings);
    arena_free(&e->strings);
    id_table_free(&e->sockets);
    mem_free(e);
}

atr_engine *atr_engine_new(atr_app *app, atr_str options_json, const atr_engine_handlers *h,
                           void *user, char *why)
{
    atr_engine *e = mem_zalloc(sizeof *e);
    struct eio_options o;

    e->app = app;
    e->user = user;
    SIZED_COPY(&e->handlers, h);
    list_init(&e->link);
    list_init(&e->hooks.middlewares);
    engine_handover_init(e);
    settings_init(&e->settings);
    if (set_options(&e->settings, str_in(options_json), why) < 0)
        goto fail;
    shapes_engine_options(&e->settings, &e->strings, &o);
    eio_server_init(&e->server, &app->loop, &o, &events, e);
    e->server.rates = &app->rates;
    e->server.streams_open = &app->http.streams_open;
    engine_hooks_init(&e->hooks, app, &e->server);
    if (app->cluster)
        e->server.places = app->cluster->places;
    if (http_router_mount(&app->router, o.path, &e->server.handler) < 0) {
        (void)err_why(why, ATR_EEXISTS, "the path %.*s is taken", STR_ARG(o.path));
        eio_server_fini(&e->server);
        goto fail;
    }
    list_append(&app->engines, &e->link);
    return e;
fail:
    end(e);
    return NULL;
}

void atr_engine_close(atr_engine *e)
{
    eio_server_close(&e->server, EIO_SERVER_SHUTTING_DOWN);
}

void engines_free(atr_app *app)
{
    while (!list_empty(&app->engines)) {
        atr_engine *e = container_of(app->engines.next, atr_engine, link);
        http_router_unmount(&app->router, e->server.options.path);
        eio_server_fini(&e->server);
        end(e);
    }
}

static uint64_t sessions(const struct eio_server *s)
{
    return s->stats.polling_open + s->stats.websocket_open;
}

void io_refuse_new(atr_app *app)
{
    if (app->io)
        app->io->server.engine.closing = true;
    for (struct list *at = app->engines.next; at != &app->engines; at = at->next)
        container_of(at, atr_engine, link)->server.closing = true;
    app->gateway.closing = true;
}

size_t io_close_some(atr_app *app, size_t n)
{
    size_t left = 0;

    if (app->io)
        left += eio_server_close_some(&app->io->server.engine, EIO_SERVER_SHUTTING_DOWN, &n);
    for (struct list *at = app->engines.next; at != &app->engines; at = at->next)
        left += eio_server_close_some(&container_of(at, atr_engine, link)->server,
                                      EIO_SERVER_SHUTTING_DOWN, &n);
    return left + gateway_close_some(&app->gateway, &n);
}

void io_close_all(atr_app *app)
{
    if (app->io)
        atr_io_close(app->io);
    for (struct list *at = app->engines.next; at != &app->engines; at = at->next)
        atr_engine_close(container_of(at, atr_engine, link));
    gateway_close(&app->gateway);
}

bool io_idle(const atr_app *app)
{
    if (app->gateway.conns.count)
        return false;
    if (app->io && sessions(&app->io->server.engine))
        return false;
    for (struct list *at = app->engines.next; at != &app->engines; at = at->next)
        if (sessions(&container_of(at, atr_engine, link)->server))
            return false;
    return true;
}

static void add_stats(struct eio_stats *sum, const struct eio_stats *more)
{
    sum->opened += more->opened;
    sum->closed += more->closed;
    sum->frozen += more->frozen;
    sum->thawed += more->thawed;
    sum->polling_open += more->polling_open;
    sum->websocket_open += more->websocket_open;
    sum->upgrades += more->upgrades;
    sum->upgrade_failures += more->upgrade_failures;
    sum->messages_in += more->messages_in;
    sum->messages_out += more->messages_out;
    sum->bytes_in += more->bytes_in;
    sum->bytes_out += more->bytes_out;
    sum->packets_in += more->packets_in;
    sum->packets_out += more->packets_out;
    sum->ping_timeouts += more->ping_timeouts;
    sum->parse_errors += more->parse_errors;
    sum->too_large += more->too_large;
    sum->overlaps += more->overlaps;
    sum->refused += more->refused;
    sum->queue_overflows += more->queue_overflows;
    sum->rate_limited += more->rate_limited;
    sum->sessions_full += more->sessions_full;
}

void io_sum_stats(const atr_app *app, struct eio_stats *sum, uint64_t *waiting)
{
    *sum = (struct eio_stats){ 0 };
    *waiting = 0;
    if (app->io) {
        add_stats(sum, &app->io->server.engine.stats);
        *waiting += app->io->server.engine.waiting.count;
    }
    for (struct list *at = app->engines.next; at != &app->engines; at = at->next) {
        const struct eio_server *server = &container_of(at, atr_engine, link)->server;

        add_stats(sum, &server->stats);
        *waiting += server->waiting.count;
    }
}

struct engine_hooks *engine_hooks_of(atr_engine *e)
{
    return &e->hooks;
}

size_t atr_engine_count(const atr_engine *e)
{
    return e->sockets.count;
}

void atr_engine_each(atr_engine *e, void (*fn)(void *arg, atr_engine_socket *s), void *arg)
{
    /* A callback may close sockets: their slots empty, the table never shrinks. */
    for (uint32_t i = 0; i < e->sockets.cap; i++)
        if (e->sockets.slots[i].object)
            fn(arg, e->sockets.slots[i].object);
}

void atr_engine_on_allow_request(atr_engine *e,
                                 void (*fn)(void *user, atr_request *r, atr_decision d), void *user)
{
    e->on_allow_request = fn;
    e->allow_request_user = user;
}

void atr_engine_on_connection_error(atr_engine *e,
                                    void (*fn)(void *user, atr_request *r, int code,
                                               const char *message, const char *context),
                                    void *user)
{
    e->on_connection_error = fn;
    e->connection_error_user = user;
}

atr_ref atr_engine_socket_ref(const atr_engine_socket *s)
{
    return s->ref;
}

atr_engine_socket *atr_engine_socket_find(atr_engine *e, atr_ref ref)
{
    struct eio_session *s = id_get(&e->sockets, ref);

    return s ? socket_of(s) : NULL;
}

atr_str atr_engine_socket_id(const atr_engine_socket *s)
{
    return str_out(eio_session_sid(&s->session));
}

const char *atr_engine_socket_transport(const atr_engine_socket *s)
{
    return eio_session_on_websocket(&s->session) ? "websocket" : "polling";
}

int atr_engine_socket_protocol(const atr_engine_socket *s)
{
    return s->session.eio3 ? 3 : 4;
}

int atr_engine_socket_handed_over(const atr_engine_socket *s)
{
    return s->handed_over;
}

int atr_engine_send(atr_engine_socket *s, atr_str data, int binary)
{
    return atr_engine_send_key(s, data, binary, (atr_str){ 0 });
}

int atr_engine_send_key(atr_engine_socket *s, atr_str data, int binary, atr_str key)
{
    struct msg *m = ws_msg_reserve(binary ? WS_BINARY : WS_TEXT, data.n + !binary);
    struct parcel p = parcel_of(&m, 1);
    uint8_t *at = m->data + m->head;

    p.droppable = true;
    p.key = str_in(key);
    drain_forget();

    if (!binary)
        *at++ = '0' + EIO_MESSAGE;
    if (data.n)
        memcpy(at, data.p, data.n);
    int err = eio_session_send_parcel(&s->session, &p, &s->session.server->options.output);
    msg_unref(m);
    return err;
}

void atr_engine_socket_close(atr_engine_socket *s, int discard)
{
    eio_session_close(&s->session, EIO_FORCED_CLOSE, discard);
}

size_t atr_engine_socket_buffered(const atr_engine_socket *s)
{
    struct eio_session *session = (struct eio_session *)(uintptr_t)&s->session;
    size_t bytes = eio_session_queued(session);

    if (bytes > 0) /* who is told so may wait for on_drain */
        eio_session_watch_drain(session);
    return bytes;
}

void atr_engine_socket_pause(atr_engine_socket *s)
{
    eio_session_hold(&s->session);
}

void atr_engine_socket_resume(atr_engine_socket *s)
{
    eio_session_release(&s->session);
}
