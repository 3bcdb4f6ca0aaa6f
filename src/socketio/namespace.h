/* socketio/namespace.h - namespaces: where sockets meet, and what decides who gets in.
 *
 * A namespace is plain (made by sio_server_of), a parent (it matches names and has no sockets), or
 * a dynamic child that a parent's matcher let come to be.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_NAMESPACE_H
#define SOCKETIO_NAMESPACE_H

#include "base/list.h"
#include "base/map.h"
#include "hub/hub.h"

struct pressure_policy;
struct sio_recovery;
struct sio_server;
struct sio_socket;

/* A decision that somebody owes: a middleware, a dynamic namespace. Keep the id; deciding twice, or
 * after the client left, is a no-op. */
typedef uint64_t sio_decision;

/* Who wants to be told of what costs a call each. */
enum { SIO_WATCH_OWNER = 1, SIO_WATCH_OBSERVER = 2 };

struct sio_namespace {
    struct sio_server *server;
    struct hub hub;   /* of struct sio_socket.member: everyone is who is connected */
    struct map by_id; /* connected sockets */
    void **middlewares;
    uint32_t middleware_count;
    uint32_t population;           /* sockets, connecting ones included */
    int64_t next_ack;              /* one counter for sockets and broadcasts */
    struct sio_recovery *recovery; /* recovery.h; NULL: off */
    /* What becomes of its events when a connection is backed up; NULL: as the engine's options say.
     * The owner's. */
    const struct pressure_policy *output;
    uint64_t number;              /* of all that the server ever made */
    struct sio_namespace *parent; /* NULL unless a dynamic child */
    void *matcher;                /* of a parent; else NULL */
    struct list link;             /* in server->parents, or in the parent's children */
    struct list children;
    uint8_t watch_outgoing, watch_rooms; /* SIO_WATCH_*; rooms: by sio_namespace_watch_rooms() */
    bool is_parent;
    bool other_ids;   /* a socket had an id of another length than SIO_ID_LEN */
    bool forgetful;   /* nobody comes back to it (recovery.h), whatever the options say */
    bool unannounced; /* internal: on_namespace has yet to be called */
    bool gone;        /* cleaned up; the memory lives to the iteration's end */
    void *user;
    str name; /* owned; "/_0", "/_1" for parents */
};

/* The namespace, created when new; a name without leading slash gets one. */
struct sio_namespace *sio_server_of(struct sio_server *io, str name);
/* A parent namespace: on_parent_match gets matcher for every unknown name. */
struct sio_namespace *sio_server_of_matching(struct sio_server *io, void *matcher);
/* Adds a middleware. Children have those that their parent had when they were created. */
void sio_namespace_use(struct sio_namespace *n, void *middleware);
/* on_room is called for as long as anybody watches. */
void sio_namespace_watch_rooms(struct sio_namespace *n, unsigned who, bool on);
struct sio_socket *sio_namespace_socket(struct sio_namespace *n, str id); /* NULL: not here */

/* Answers a middleware (ok, or the error's message and JSON data) or a matcher (ok: this parent).
 */
void sio_decide(struct sio_server *io, sio_decision d, bool ok, str message, str data_json);
/* Whether a decision is still waited for: false once decided, or when the client has left. */
bool sio_decision_open(const struct sio_server *io, sio_decision d);

#endif
