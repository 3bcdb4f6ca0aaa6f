/* api/io.c - the Socket.IO server of an application: options, hooks, life.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/io.h"

#include "api/client_bundle.h"
#include "api/shapes.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "socketio/cluster_session.h"

static void options_of(atr_io *io, struct sio_options *o)
{
    struct settings *s = &io->app->settings;

    sio_options_default(o);
    shapes_engine_options(s, &io->strings, &o->engine);
    (void)shapes_parser(settings_json(s, SET_parser), &o->parser); /* checked when set */
    o->connect_timeout_ms = (uint32_t)settings_number(s, SET_connectTimeout);
    o->attachments_max = (uint32_t)settings_number(s, SET_maxAttachments);
    o->json_depth_max = (uint32_t)settings_number(s, SET_maxJsonDepth);
    o->rooms_max = (uint32_t)settings_number(s, SET_maxRooms);
    o->namespaces_max = (uint32_t)settings_number(s, SET_maxNamespaces);
    (void)shapes_recovery(settings_json(s, SET_connectionStateRecovery), &o->recovery,
                          NULL); /* checked when set */
    o->cleanup_empty_child_namespaces = settings_number(s, SET_cleanupEmptyChildNamespaces);
}

static void unmount(atr_io *io)
{
    if (io->mounted.n)
        http_router_unmount(&io->app->router, io->mounted);
    io->mounted = (str){ 0 };
    client_bundle_free(io->bundle);
    io->bundle = NULL;
}

/* Serves the engine and the browser client under the path now in force. */
static void mount(atr_io *io)
{
    atr_app *app = io->app;
    const struct sio_options *o = &io->server.options;

    bool serve = settings_number(&app->settings, SET_serveClient);

    if (str_eq(io->mounted, o->engine.path) && serve == io->serves)
        return;
    unmount(io);
    if (http_router_mount(&app->router, o->engine.path, &io->server.engine.handler) < 0) {
        log_event(LOG_ERROR, "path-taken", "path=%.*s", STR_ARG(o->engine.path));
        return;
    }
    io->mounted = o->engine.path;
    io->serves = serve;
    if (!serve)
        return;
    io->bundle = client_bundle_new(&app->router, o->engine.path, &o->engine.cors);
    if (!io->bundle)
        log_event(LOG_WARN, "client-missing", "hint=%s",
                  "the browser client is not beside the program; set ATRIUM_CLIENT_DIR");
}

void io_apply_settings(atr_io *io)
{
    options_of(io, &io->server.options);
    io->server.engine.options = io->server.options.engine;
    namespaces_apply_output(io);
    mount(io);
}

static void join(atr_io *io, const struct app_cluster *c)
{
    sio_cluster_open(&io->server, c->exchange);
    sio_sessions_open(&io->server, c->journal);
    io->server.engine.places = c->places;
}

atr_io *atr_app_io(atr_app *app)
{
    struct sio_options o;

    if (app->io)
        return app->io;
    atr_io *io = mem_zalloc(sizeof *io);
    io->app = app;
    list_init(&io->namespaces);
    list_init(&io->asks);
    list_init(&io->middlewares);
    list_init(&io->matchers);
    options_of(io, &o);
    sio_server_init(&io->server, &app->loop, &o, &io_events, io);
    io->server.engine.rates = &app->rates;
    io->server.engine.streams_open = &app->http.streams_open;
    engine_hooks_init(&io->hooks, app, &io->server.engine);
    app->io = io;
    if (app->cluster)
        join(io, app->cluster);
    mount(io);
    (void)atr_io_of(io, ATR_STR("/"));
    return io;
}

void atr_io_close(atr_io *io)
{
    sio_server_close(&io->server);
}

void io_free(atr_io *io)
{
    if (!io)
        return;
    unmount(io);
    sio_server_fini(&io->server);
    server_asks_free(io);
    engine_hooks_free(&io->hooks);
    admin_free(io->admin);
    namespaces_free(io);
    arena_free(&io->strings);
    mem_free(io);
}

void atr_io_on_allow_request(atr_io *io, void (*fn)(void *user, atr_request *r, atr_decision d),
                             void *user)
{
    io->on_allow_request = fn;
    io->allow_request_user = user;
}

void atr_io_on_connection_error(atr_io *io,
                                void (*fn)(void *user, atr_request *r, int code,
                                           const char *message, const char *context),
                                void *user)
{
    io->on_connection_error = fn;
    io->connection_error_user = user;
}

void atr_io_on_new_namespace(atr_io *io, void (*fn)(void *user, atr_namespace *n), void *user)
{
    io->on_new_namespace = fn;
    io->new_namespace_user = user;
}
