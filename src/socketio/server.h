/* socketio/server.h - a Socket.IO v5 server: namespaces, sockets, events, acks, rooms.
 *
 * Objects: a *server* owns one Engine.IO server and the namespaces; a *client* is one connection
 * (an Engine.IO session); a *socket* is a client's membership in one namespace. Applications see
 * sockets.
 *
 * The owner (the api layer) gets every callback through struct sio_events, one table per server;
 * per namespace and per socket it keeps a user pointer. Event arguments are JSON text that was
 * validated, plus attachments; nothing is decoded here. A callback may call anything of this layer.
 *
 * Including this header includes the whole layer.
 *
 * Source: Socket.IO protocol revision 5; behaviour of socket.io 4.8 where the document is silent.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_SERVER_H
#define SOCKETIO_SERVER_H

#include "base/id.h"
#include "engineio/server.h"
#include "proto/sio_msgpack.h"
#include "socketio/broadcast.h"
#include "socketio/graves.h"
#include "socketio/namespace.h"
#include "socketio/options.h"
#include "socketio/socket.h"

enum sio_room_change { SIO_ROOM_CREATED, SIO_ROOM_DELETED, SIO_ROOM_JOINED, SIO_ROOM_LEFT };

struct request_from;
struct sio_cluster;
struct sio_handover;

/* on_middleware, on_connection, on_event, on_disconnecting, on_disconnect and on_parent_match must
 * be there (the first and the last only if there are middlewares and parents); others may be NULL.
 */
struct sio_events {
    /* A namespace middleware is to run, in the order of sio_namespace_use(). Must lead to one
     * sio_decide(). The socket may join rooms already. */
    void (*on_middleware)(struct sio_socket *s, void *middleware, sio_decision d);
    void (*on_connection)(struct sio_socket *s);
    /* An event. event_token is the first element's text: a string with its quotes, or a number. ack
     * is SIO_NO_ID, or what sio_socket_ack() wants (at most once; the caller sees to it). */
    void (*on_event)(struct sio_socket *s, str event_token, const struct sio_data *data,
                     int64_t ack);
    void (*on_disconnecting)(struct sio_socket *s, const char *reason, const char *description);
    /* Last callback about this socket; it has left its rooms. Memory lives to the iteration's end.
     */
    void (*on_disconnect)(struct sio_socket *s, const char *reason, const char *description);
    /* A socket that was created for a CONNECT but never got to on_connection is gone. */
    void (*on_abandon)(struct sio_socket *s);
    /* A client asks for a namespace that does not exist, and parent namespaces do: must lead to one
     * sio_decide() per call; asked parent by parent in the order they were added. auth is JSON or
     * empty. */
    void (*on_parent_match)(struct sio_namespace *parent, void *matcher, str name, str auth,
                            sio_decision d);
    void (*on_namespace)(struct sio_namespace *n);      /* a child was created: new_namespace */
    void (*on_namespace_gone)(struct sio_namespace *n); /* an empty child was cleaned up */
    /* An event goes out to this socket; only called when namespace->watch_outgoing. */
    void (*on_outgoing)(struct sio_socket *s, const struct sio_data *data);
    /* Told of rooms, those of socket ids included, when it has happened; only called when
     * namespace->watch_rooms. s: who joined or left, else NULL. It may change membership. */
    void (*on_room)(struct sio_namespace *n, enum sio_room_change what, str room,
                    struct sio_socket *s);
    /* What sio_socket_keep() left for a client that will not come back. */
    void (*on_forgotten)(struct sio_namespace *n, void *data);
    void (*on_drain)(struct sio_socket *s); /* the connection's queue ran empty */
    /* A socket that was handed to another server (handover.h) is not spoken for here any more: the
     * last callback about it, instead of on_disconnect. */
    void (*on_moved)(struct sio_socket *s);
    /* An event from another server of the application (2.4). to: who waits for
     * sio_server_side_answer(), to be copied; NULL: nobody does. */
    void (*on_server_side)(struct sio_namespace *n, const struct sio_data *data,
                           const struct request_from *to);
    /* The data of a socket, which is to survive its server: appends JSON, or nothing. */
    void (*on_freeze)(struct sio_socket *s, struct buf *json);
    /* What another server is told of a socket: appends a JSON object. */
    void (*on_describe)(struct sio_socket *s, struct buf *json);
    /* Engine.IO's allowRequest and connection_error; NULL as there. */
    void (*on_handshake)(struct sio_server *io, eio_handshake hs, struct http_request *r);
    void (*on_error)(struct sio_server *io, struct http_request *r, int code, const char *message,
                     const char *context);
};

struct sio_stats {
    uint64_t connects, connect_errors, sockets_open;
    uint64_t events_in, events_out, acks_in, acks_out; /* events_out: to single sockets */
    uint64_t broadcasts, deliveries; /* deliveries: of broadcasts, per recipient */
    uint64_t volatile_dropped, protocol_errors, ack_timeouts, connect_timeouts;
    uint64_t recoveries, recovery_packets; /* who came back, and what they had missed */
    uint64_t recovery_unknown; /* asked for a session that was not (or no longer) theirs to have */
    uint64_t recovery_gaps;    /* asked for more than was kept */
    uint64_t recovery_saved, recovery_expired; /* lost their connection; did not come back */
    uint64_t recovery_inherited;               /* from servers that died */
    uint64_t recovery_given;                   /* to servers that their clients came to */
    uint64_t recovery_evicted; /* came back before their old connection was noticed to be lost */
    uint64_t handed_out, handed_in; /* connections that went on in another server; came from one */
    uint64_t handover_failures;     /* came from another server and made no sense here */
    uint64_t tail_out,
        tail_in;              /* what was done to sockets of another server; of ours, by another */
    uint64_t msgpack_clients; /* connections that have spoken MessagePack */
    uint64_t limits_hit;      /* rooms_max, namespaces_max; emits with more than attachments_max */
    uint64_t rooms_full, namespaces_full; /* of these, the first two */
};

struct sio_server {
    struct eio_server engine;
    struct eio_events engine_events; /* internal */
    struct sio_options options;      /* options.engine is read once; see engine.options */
    const struct sio_events *events;
    struct map namespaces;         /* by name; parents are not in it */
    struct list parents;           /* of struct sio_namespace, in the order they were added */
    struct id_table sockets;       /* of every namespace: what refs name */
    struct id_table decisions;     /* internal: of struct sio_connect */
    struct map acks;               /* internal: of struct sio_ack, by socket and id */
    struct map questions;          /* internal: of struct sio_question, by namespace and id */
    struct buf head;               /* internal: scratch of encode.c */
    struct sio_cluster *cluster;   /* cluster.h; NULL: alone */
    struct sio_handover *handover; /* internal: of tail.h; NULL: nothing was handed over */
    struct sio_packing {
        struct buf json, shapes, out; /* of pack.c */
        struct sio_msgpack in;        /* the packet that is being delivered, of client.c */
    } packing;                        /* internal: scratch for MessagePack */
    struct sio_graves graves;         /* internal: what dies with the iteration */
    uint32_t parents_made;            /* names them */
    uint64_t namespaces_made;
    struct sio_stats stats;
    void *user;
    bool closing;
};

/* options and what they point to are copied but for strings. */
void sio_server_init(struct sio_server *io, struct loop *l, const struct sio_options *o,
                     const struct sio_events *events, void *user);
/* io.close(): transports are closed (no DISCONNECT packets, so clients reconnect elsewhere). */
void sio_server_close(struct sio_server *io);
void sio_server_fini(struct sio_server *io); /* after every client has gone */

#endif
