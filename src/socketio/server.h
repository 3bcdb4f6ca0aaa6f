/* socketio/server.h - a Socket.IO v5 server: namespaces, sockets, events, acks, rooms.
 *
 * Objects: a *server* owns one Engine.IO server and the namespaces; a *client* is one connection (an
 * Engine.IO session); a *socket* is a client's membership in one namespace. Applications see sockets.
 *
 * The owner (the api layer) gets every callback through struct sio_events, one table per server; per
 * namespace and per socket it keeps a user pointer. Event arguments are JSON text that was validated,
 * plus attachments; nothing is decoded here.
 *
 * Source: Socket.IO protocol revision 5; behaviour of socket.io 4.8 where the document is silent.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_SERVER_H
#define SOCKETIO_SERVER_H

#include "base/id.h"
#include "base/map.h"
#include "engineio/server.h"
#include "hub/hub.h"
#include "proto/sio_packet.h"

enum { SIO_ID_LEN = 20 };

struct sio_server;
struct sio_namespace;
struct sio_client;
struct sio_socket;

/* What an event or an ack carries: the JSON text of an array (of an event: its name first) and the
 * attachments that its placeholders number. Borrowed. */
struct sio_data {
    str json;
    const str *attachments;
    size_t attachment_count;
};

/* The first request of a connection, kept for handshake objects: one allocation per client. */
struct sio_handshake {
    str head;              /* the request head as received */
    str address;           /* of the peer */
    int64_t issued_ms;     /* Unix time */
    bool secure;
};

/* A decision that somebody owes: a middleware, a dynamic namespace. Keep the id; deciding twice, or
 * after the client left, is a no-op. */
typedef uint64_t sio_decision;

struct sio_events {
    /* A namespace middleware is to run: index counts from 0 in the order of sio_namespace_use(). Must lead
     * to one sio_decide(). The socket may be joined to rooms already. */
    void (*on_middleware)(struct sio_socket *s, void *middleware, sio_decision d);
    void (*on_connection)(struct sio_socket *s);
    /* An event. ack is SIO_NO_ID, or what sio_socket_ack() wants (at most once; the caller sees to it). */
    void (*on_event)(struct sio_socket *s, str event_token, const struct sio_data *data, int64_t ack);
    void (*on_disconnecting)(struct sio_socket *s, const char *reason, const char *description);
    /* Last callback about this socket; it has left its rooms. Memory lives to the iteration's end. */
    void (*on_disconnect)(struct sio_socket *s, const char *reason, const char *description);
    /* A socket that was created for a CONNECT but never got to on_connection is gone. */
    void (*on_abandon)(struct sio_socket *s);
    /* A client asks for a namespace that does not exist, and parent namespaces do: must lead to one
     * sio_decide() per call; asked parent by parent in the order they were added. auth is JSON or empty. */
    void (*on_parent_match)(struct sio_namespace *parent, void *matcher, str name, str auth, sio_decision d);
    void (*on_namespace)(struct sio_namespace *n);            /* a child was created: new_namespace */
    void (*on_namespace_gone)(struct sio_namespace *n);       /* an empty child was cleaned up */
    /* An event goes out to this socket; only called when namespace->watch_outgoing. */
    void (*on_outgoing)(struct sio_socket *s, const struct sio_data *data);
    void (*on_drain)(struct sio_socket *s);                   /* the connection's queue ran empty */
    /* Engine.IO's allowRequest and connection_error; NULL as there. */
    void (*on_handshake)(struct sio_server *io, eio_handshake hs, struct http_request *r);
    void (*on_error)(struct sio_server *io, struct http_request *r, int code, const char *message, const char *context);
};

struct sio_options {
    struct eio_options engine;          /* path "/socket.io/" */
    uint32_t connect_timeout_ms;        /* 45000 */
    uint32_t attachments_max;           /* maxAttachments, 10 */
    uint32_t json_depth_max;            /* 256 */
    uint32_t rooms_max;                 /* per socket; 0: no limit */
    uint32_t namespaces_max;            /* per connection; 64 */
    bool cleanup_empty_child_namespaces;
};
void sio_options_default(struct sio_options *o);

struct sio_stats {
    uint64_t connects, connect_errors, sockets_open, events_in, events_out, acks_in, acks_out;
    uint64_t broadcasts, deliveries, volatile_dropped, protocol_errors, ack_timeouts, connect_timeouts, limits_hit;
};

struct sio_server {
    struct eio_server engine;
    struct sio_options options;
    const struct sio_events *events;
    struct map namespaces;              /* by name */
    struct list parents;                /* of struct sio_namespace, in the order they were added */
    struct id_table sockets;            /* of every namespace: what refs name */
    struct id_table decisions;
    struct map acks;                    /* internal: pending acks by (socket ref, id) */
    struct buf encode;                  /* scratch */
    struct sio_stats stats;
    void *user;
    bool closing;
};

void sio_server_init(struct sio_server *io, struct loop *l, const struct sio_options *o, const struct sio_events *events, void *user);
/* io.close(): transports are closed (no DISCONNECT packets, so clients reconnect elsewhere). */
void sio_server_close(struct sio_server *io);
void sio_server_fini(struct sio_server *io);                  /* after every client has gone */

/* --- Namespaces --- */
struct sio_namespace {
    struct sio_server *server;
    struct hub hub;                     /* of struct sio_socket.member */
    struct map by_id;                   /* connected sockets */
    void **middlewares;
    size_t middleware_count;
    int64_t next_ack;                   /* one counter for sockets and broadcasts */
    struct sio_namespace *parent;       /* NULL unless a dynamic child */
    void *matcher;                      /* of a parent; else NULL */
    struct list link;                   /* in server->parents, or in the parent's children */
    struct list children;
    bool is_parent, watch_outgoing;
    void *user;
    str name;                           /* owned; "/_0", "/_1" for parents */
};

/* The namespace, created when new; name without leading slash gets one. */
struct sio_namespace *sio_server_of(struct sio_server *io, str name);
/* A parent namespace: on_parent_match gets matcher for every unknown name. */
struct sio_namespace *sio_server_of_matching(struct sio_server *io, void *matcher);
void sio_namespace_use(struct sio_namespace *n, void *middleware);
/* Answers a middleware (ok, or the error's message and JSON data) or a matcher (ok: this parent). */
void sio_decide(struct sio_server *io, sio_decision d, bool ok, str message, str data_json);

/* --- Sockets --- */
struct sio_socket {
    struct hub_member member;
    struct sio_namespace *nsp;
    struct sio_client *client;
    struct sio_socket *next;            /* the client's sockets */
    uint64_t ref;                       /* its name in server->sockets */
    void *user;
    char *auth;                         /* JSON text of the CONNECT's payload; NULL: none */
    uint32_t auth_len;
    uint8_t state;                      /* connecting, connected, gone */
    bool left_own_room;
    uint16_t middleware_at;             /* internal */
    uint32_t pending_acks;              /* internal */
    char id[SIO_ID_LEN];
};

struct sio_socket *sio_socket_find(struct sio_server *io, uint64_t ref);         /* NULL: gone */
struct sio_socket *sio_namespace_socket(struct sio_namespace *n, str id);       /* NULL: not here */
static inline str sio_socket_id(const struct sio_socket *s)
{
    return (str){ s->id, SIO_ID_LEN };
}
const struct sio_handshake *sio_socket_handshake(const struct sio_socket *s);
struct eio_session *sio_socket_session(const struct sio_socket *s);

enum { SIO_VOLATILE = 1, SIO_LOCAL = 2, SIO_NO_COMPRESS = 4 };

/* data->json is the whole array, name included. ATR_ECLOSED, ATR_ELIMIT. */
int sio_socket_emit(struct sio_socket *s, const struct sio_data *data, unsigned flags);

/* Asked once per emit: err 0 and the reply's array, ATR_ETIMEOUT, or ATR_ECLOSED when the socket left. */
typedef void (*sio_ack_fn)(void *user, int err, const struct sio_data *reply);
/* timeout_ms 0: wait as long as the socket lives. */
int sio_socket_emit_ack(struct sio_socket *s, const struct sio_data *data, unsigned flags, uint32_t timeout_ms, sio_ack_fn fn, void *user);
/* Answers an event: data->json is the array of the reply's arguments. */
int sio_socket_ack(struct sio_socket *s, int64_t ack, const struct sio_data *data);

int sio_socket_join(struct sio_socket *s, str room);         /* ATR_ELIMIT past rooms_max */
void sio_socket_leave(struct sio_socket *s, str room);       /* its own id's room too */
bool sio_socket_in(const struct sio_socket *s, str room);
/* Calls fn for its own id (unless left) and each room. */
void sio_socket_rooms(const struct sio_socket *s, void (*fn)(void *arg, str room), void *arg);
/* close: the whole connection, else this namespace only. */
void sio_socket_disconnect(struct sio_socket *s, bool close);

/* --- Broadcast: rooms joined, exceptions left out, sender left out; no rooms means everyone.
 * On a parent namespace: every child. --- */
struct sio_target {
    const str *rooms;
    size_t room_count;
    const str *except;
    size_t except_count;
    struct sio_socket *sender;
    unsigned flags;
};
int sio_emit(struct sio_namespace *n, const struct sio_target *t, const struct sio_data *data);

/* One packet with one id to all; fn is called once with what came back: err 0 when all answered,
 * ATR_ETIMEOUT with the answers so far (each is one JSON text: the first argument). */
struct sio_answers {
    const struct sio_data *items;       /* one per client that answered; json is the first argument's text */
    size_t count, expected;
};
typedef void (*sio_answers_fn)(void *user, int err, const struct sio_answers *answers);
int sio_emit_ack(struct sio_namespace *n, const struct sio_target *t, const struct sio_data *data, uint32_t timeout_ms, sio_answers_fn fn, void *user);

/* Calls fn for each socket of the target; fn may do anything with them (they are collected first). */
void sio_each(struct sio_namespace *n, const struct sio_target *t, void (*fn)(void *arg, struct sio_socket *s), void *arg);
void sio_sockets_join(struct sio_namespace *n, const struct sio_target *t, const str *rooms, size_t count);
void sio_sockets_leave(struct sio_namespace *n, const struct sio_target *t, const str *rooms, size_t count);
void sio_disconnect_sockets(struct sio_namespace *n, const struct sio_target *t, bool close);

#endif
