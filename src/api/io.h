/* api/io.h - the Socket.IO side of an application: what the api layer keeps per server and
 * namespace.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_IO_H
#define API_IO_H

#include "admin/admin.h"
#include "api/app.h"
#include "api/rewrite.h"
#include "api/engine_hooks.h"

struct atr_io {
    struct sio_server server;
    atr_app *app;
    struct engine_hooks hooks;    /* of its engine */
    struct arena strings;         /* of options */
    str mounted;                  /* the path the handler is mounted at */
    struct client_bundle *bundle; /* NULL: not served, or not there */
    bool serves;                  /* serveClient, as it was when mounted */
    struct list namespaces;       /* of atr_namespace */
    struct list middlewares;      /* of struct middleware */
    struct list matchers;         /* of struct matcher */
    void (*on_allow_request)(void *user, atr_request *r, atr_decision d);
    void *allow_request_user;
    void (*on_connection_error)(void *user, atr_request *r, int code, const char *message,
                                const char *context);
    void *connection_error_user;
    void (*on_new_namespace)(void *user, atr_namespace *n);
    void *new_namespace_user;
    struct rewriter replacer, reviver;
    struct id_table server_asks; /* of struct server_ask: other servers that wait for an answer */
    struct list asks;            /* the same, oldest first */
    struct admin *admin;         /* NULL: not instrumented */
    atr_str (*describe)(void *user, atr_socket *s);
    void *describe_user;
};

struct atr_namespace {
    struct sio_namespace *inner;
    atr_io *io;
    struct list link; /* in io->namespaces */
    atr_namespace_handlers handlers;
    void *user;
    void (*on_room)(void *user, int what, atr_str room, atr_socket *s);
    void *room_user;
    struct map named; /* event name to struct named_handler */
    /* What atr_namespace_configure() gave, and what holds with the server's settings. */
    struct pressure_policy own, output;
    unsigned given; /* OUTPUT_..., 0: nothing */
};

/* The callbacks of the layer below. */
extern const struct sio_events io_events;

static inline atr_namespace *namespace_of(const struct sio_socket *s)
{
    return s->nsp->user;
}
static inline atr_io *io_of(const struct sio_socket *s)
{
    return s->nsp->server->user;
}
static inline struct sio_socket *socket_in(const atr_socket *s)
{
    return (struct sio_socket *)(uintptr_t)s;
}
static inline atr_socket *socket_out(struct sio_socket *s)
{
    return (atr_socket *)s;
}

/* The api object of a namespace, made when new. */
atr_namespace *namespace_wrap(atr_io *io, struct sio_namespace *n);
void namespaces_free(atr_io *io);
/* cluster.c */
void server_asks_free(atr_io *io);
void on_server_side(struct sio_namespace *n, const struct sio_data *data,
                    const struct request_from *to);
void on_freeze(struct sio_socket *s, struct buf *json);
void on_describe(struct sio_socket *s, struct buf *json);
/* The text of an event's first element. */
str event_name(struct sio_server *server, str token);
atr_data data_out(const struct sio_data *d);
struct sio_target target_in(const atr_target *t);
/* The server's settings have changed. */
void namespaces_apply_output(atr_io *io);

#endif
