/* socketio/server.c - the server: its engine, its namespaces, its end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/server.h"

#include "base/assert.h"
#include "socketio/ack.h"
#include "socketio/cluster.h"
#include "socketio/lifecycle.h"
#include "socketio/recovery.h"
#include "socketio/tail.h"

static void on_handshake(struct eio_server *e, eio_handshake hs, struct http_request *r)
{
    struct sio_server *io = e->owner;

    io->events->on_handshake(io, hs, r);
}

static void on_error(struct eio_server *e, struct http_request *r, int code, const char *message,
                     const char *context)
{
    struct sio_server *io = e->owner;

    io->events->on_error(io, r, code, message, context);
}

void sio_server_init(struct sio_server *io, struct loop *l, const struct sio_options *o,
                     const struct sio_events *events, void *user)
{
    *io = (struct sio_server){ .options = *o, .events = events, .user = user };
    list_init(&io->parents);
    sio_graves_init(&io->graves, l);
    sio_client_events(&io->engine_events);
    if (events->on_handshake)
        io->engine_events.on_handshake = on_handshake;
    if (events->on_error)
        io->engine_events.on_error = on_error;
    eio_server_init(&io->engine, l, &o->engine, &io->engine_events, io);
}

/* 2.5: sockets are told before transports close; callbacks may end others, so slots are walked by
 * number. No socket joins any more: its client is closing by then, or the engine refuses it. */
static void end_sockets(struct sio_server *io)
{
    for (uint32_t i = 0; i < io->sockets.cap; i++) {
        struct sio_socket *s = io->sockets.slots[i].object;

        if (s)
            sio_client_end(s->client, eio_reason_text(EIO_SERVER_SHUTTING_DOWN), NULL);
    }
}

/* Nobody comes back any more. What is forgotten may be the last of its namespace, and the table of
 * namespaces then changes. */
static void forget_records(struct sio_server *io)
{
    struct sio_namespace *n;

    for (uint32_t at = 0; (n = map_next(&io->namespaces, &at));) {
        sio_recovery_close(n);
        if (n->gone)
            at = 0;
    }
}

void sio_server_close(struct sio_server *io)
{
    if (io->closing)
        return;
    io->closing = true;
    sio_server_tail_end(io);
    end_sockets(io);
    forget_records(io);
    eio_server_close(&io->engine, EIO_SERVER_SHUTTING_DOWN);
    sio_questions_close(io);
}

static void free_namespaces(struct sio_server *io)
{
    struct sio_namespace *n;
    struct list *at, *after;

    for (uint32_t i = 0; (n = map_next(&io->namespaces, &i));)
        sio_namespace_free(n);
    map_free(&io->namespaces);
    list_each(at, after, &io->parents)
        sio_namespace_free(container_of(at, struct sio_namespace, link));
}

void sio_server_fini(struct sio_server *io)
{
    ASSERT(io->sockets.count == 0);
    io->closing = true;
    forget_records(io);
    sio_questions_fini(io);
    sio_handover_free(io);
    sio_cluster_free(io);
    eio_server_fini(&io->engine);
    ASSERT(io->decisions.count == 0);
    free_namespaces(io);
    sio_graves_fini(&io->graves);
    id_table_free(&io->sockets);
    id_table_free(&io->decisions);
    map_free(&io->acks);
    buf_free(&io->head);
    buf_free(&io->packing.json);
    buf_free(&io->packing.shapes);
    buf_free(&io->packing.out);
    sio_msgpack_free(&io->packing.in);
}
