/* atrium/io.h - a Socket.IO server (protocol 5): namespaces, sockets, events, acknowledgements,
 * rooms.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_IO_H
#define ATRIUM_IO_H

#include "atrium/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The application's Socket.IO server, created by the first call, under the setting "path"
 * ("/socket.io/"). */
ATR_API atr_io *atr_app_io(atr_app *app);

/* Closes every client's transport and refuses new ones; clients will try to reconnect. */
ATR_API void atr_io_close(atr_io *io);

/* allowRequest: called for each handshake before a session exists; answer with atr_decide().
 * fn NULL: everyone is let in. */
ATR_API void atr_io_on_allow_request(atr_io *io,
                                     void (*fn)(void *user, atr_request *r, atr_decision d),
                                     void *user);
/* connection_error: a request was refused. code 0 to 5, context as engine.io names it. */
ATR_API void atr_io_on_connection_error(atr_io *io,
                                        void (*fn)(void *user, atr_request *r, int code,
                                                   const char *message, const char *context),
                                        void *user);
/* new_namespace: a dynamic namespace came to be. */
ATR_API void atr_io_on_new_namespace(atr_io *io, void (*fn)(void *user, atr_namespace *n),
                                     void *user);

/* Settles a decision. message and data_json (may be empty) go to the client when it is refused. */
ATR_API void atr_decide(atr_app *app, atr_decision d, int allow, atr_str message,
                        atr_str data_json);

/* --- Namespaces: live as long as the server; dynamic ones may end when
 * cleanupEmptyChildNamespaces is set. --- */
ATR_API atr_namespace *atr_io_of(atr_io *io, atr_str name); /* created when new */
/* A parent namespace: match is asked for each unknown name; children inherit the parent's
 * middleware and handlers, and what is emitted to the parent reaches them all. auth is JSON text or
 * empty. */
ATR_API atr_namespace *atr_io_of_matching(
    atr_io *io, void (*match)(void *user, atr_str name, atr_str auth, atr_decision d), void *user);
ATR_API atr_str atr_namespace_name(const atr_namespace *n);
ATR_API atr_io *atr_namespace_io(const atr_namespace *n);
/* The parent whose child n is; NULL when n is no dynamic namespace. */
ATR_API atr_namespace *atr_namespace_parent(const atr_namespace *n);
ATR_API size_t atr_namespace_count(const atr_namespace *n); /* connected sockets, of this node */

/* An event from a client. */
typedef struct atr_event {
    atr_str name;  /* unescaped; a numeric name as its digits */
    atr_data data; /* data.json is the whole array, the name first */
    int64_t ack;   /* -1: no acknowledgement is wanted; else what atr_socket_ack() takes, once */
} atr_event;

/* Any callback may be NULL. */
typedef struct atr_namespace_handlers {
    size_t size; /* sizeof(atr_namespace_handlers) */
    void (*on_connection)(void *user, atr_socket *s);
    void (*on_event)(void *user, atr_socket *s, const atr_event *e);
    void (*on_disconnecting)(void *user, atr_socket *s, const char *reason,
                             const char *description);
    /* The last callback about s. It has left its rooms. */
    void (*on_disconnect)(void *user, atr_socket *s, const char *reason, const char *description);
    /* A socket that was seen by a middleware will never connect. */
    void (*on_abandon)(void *user, atr_socket *s);
    /* The connection's output queue, having been backed up, is empty again. */
    void (*on_drain)(void *user, atr_socket *s);
    /* Something goes out to s. Costs a call per recipient: leave NULL when unused. */
    void (*on_outgoing)(void *user, atr_socket *s, const atr_data *data);
    /* A dynamic namespace has ended; n is valid until the callback returns. The last about it. */
    void (*on_end)(void *user, atr_namespace *n);
} atr_namespace_handlers;
#define ATR_NAMESPACE_HANDLERS_INIT                                                                \
    {                                                                                              \
        .size = sizeof(atr_namespace_handlers)                                                     \
    }

/* Replaces the namespace's handlers; h is copied. */
ATR_API void atr_namespace_handle(atr_namespace *n, const atr_namespace_handlers *h, void *user);
/* Handles one event by name, before and instead of on_event. fn NULL removes it. */
ATR_API void atr_namespace_on(atr_namespace *n, atr_str event,
                              void (*fn)(void *user, atr_socket *s, const atr_event *e),
                              void *user);
/* Adds a middleware: runs for each connecting socket, in order of registration; answers with
 * atr_decide(). */
ATR_API void atr_namespace_use(atr_namespace *n,
                               void (*fn)(void *user, atr_socket *s, atr_decision d), void *user);

/* --- Sockets --- */
ATR_API atr_ref atr_socket_ref(const atr_socket *s);
ATR_API atr_socket *atr_socket_find(atr_io *io, atr_ref ref);           /* NULL: gone */
ATR_API atr_socket *atr_namespace_socket(atr_namespace *n, atr_str id); /* by id; NULL: not here */
ATR_API atr_str atr_socket_id(const atr_socket *s);
ATR_API atr_namespace *atr_socket_namespace(const atr_socket *s);
ATR_API void atr_socket_set_user(atr_socket *s, void *user);
ATR_API void *atr_socket_user(const atr_socket *s);
ATR_API int atr_socket_connected(const atr_socket *s);

/* Handshake: what the client's first request said. */
ATR_API atr_str atr_socket_auth(const atr_socket *s);                 /* JSON text; empty: none */
ATR_API atr_str atr_socket_header(const atr_socket *s, atr_str name); /* p == NULL: absent */
/* Walks headers (names lower-cased) or query parameters (unescaped). */
ATR_API void atr_socket_headers(const atr_socket *s,
                                void (*fn)(void *arg, atr_str name, atr_str value), void *arg);
ATR_API void atr_socket_query(const atr_socket *s,
                              void (*fn)(void *arg, atr_str name, atr_str value), void *arg);
ATR_API atr_str atr_socket_address(const atr_socket *s);
ATR_API atr_str atr_socket_url(const atr_socket *s);
ATR_API int64_t atr_socket_issued(const atr_socket *s); /* Unix time in ms */
ATR_API int atr_socket_secure(const atr_socket *s);
/* As atr_request_client_cert(), of the connection's first request. */
ATR_API atr_str atr_socket_client_cert(const atr_socket *s, int *verified);
ATR_API const char *atr_socket_transport(const atr_socket *s); /* "polling" or "websocket" */
ATR_API atr_str atr_socket_connection_id(const atr_socket *s); /* the Engine.IO sid: a secret */
ATR_API size_t atr_socket_buffered(const atr_socket *s);       /* bytes queued for its connection */

enum { ATR_VOLATILE = 1, ATR_LOCAL = 2, ATR_NO_COMPRESS = 4 };

/* Sends an event. ATR_ECLOSED; ATR_ELIMIT when the connection's queue was full (it is then closed);
 * ATR_ESYNTAX when data is no event. */
ATR_API int atr_socket_emit(atr_socket *s, const atr_data *data, unsigned flags);

/* Sends an event and waits for its acknowledgement: fn is called exactly once, with err 0 and the
 * reply, ATR_ETIMEOUT, or ATR_ECLOSED when the socket left first. timeout_ms 0: no time limit. */
typedef void (*atr_ack_fn)(void *user, int err, const atr_data *reply);
ATR_API int atr_socket_emit_with_ack(atr_socket *s, const atr_data *data, unsigned flags,
                                     uint32_t timeout_ms, atr_ack_fn fn, void *user);
/* Acknowledges an event; reply->json is the array of arguments. */
ATR_API int atr_socket_ack(atr_socket *s, int64_t ack, const atr_data *reply);

ATR_API int atr_socket_join(atr_socket *s, atr_str room);
ATR_API void atr_socket_leave(atr_socket *s, atr_str room);
ATR_API int atr_socket_in(const atr_socket *s, atr_str room);
ATR_API void atr_socket_rooms(const atr_socket *s, void (*fn)(void *arg, atr_str room), void *arg);
/* close: the whole connection and every namespace on it. */
ATR_API void atr_socket_disconnect(atr_socket *s, int close);

/* --- Many sockets: those in any of the rooms (no rooms: all), in none of the exceptions, and not
 * the sender. Rooms may be socket ids. --- */
typedef struct atr_target {
    const atr_str *rooms;
    size_t room_count;
    const atr_str *except;
    size_t except_count;
    atr_socket *sender; /* left out; may be NULL */
    unsigned flags;
} atr_target;

/* target NULL: everyone. */
ATR_API int atr_emit(atr_namespace *n, const atr_target *target, const atr_data *data);

typedef struct atr_answers {
    const atr_data *items; /* json is the first argument of each answer */
    size_t count, expected;
} atr_answers;
/* Asks many: fn is called once, with err 0 when all have answered, else ATR_ETIMEOUT and what came.
 */
ATR_API int atr_emit_with_ack(atr_namespace *n, const atr_target *target, const atr_data *data,
                              uint32_t timeout_ms,
                              void (*fn)(void *user, int err, const atr_answers *answers),
                              void *user);

ATR_API void atr_sockets_join(atr_namespace *n, const atr_target *target, const atr_str *rooms,
                              size_t count);
ATR_API void atr_sockets_leave(atr_namespace *n, const atr_target *target, const atr_str *rooms,
                               size_t count);
ATR_API void atr_disconnect_sockets(atr_namespace *n, const atr_target *target, int close);
/* Calls fn for each socket of the target; fn may do anything with them. */
ATR_API void atr_each_socket(atr_namespace *n, const atr_target *target,
                             void (*fn)(void *arg, atr_socket *s), void *arg);
/* Calls fn for each room that has members (rooms named by a socket's own id are not listed). */
ATR_API void atr_each_room(atr_namespace *n, void (*fn)(void *arg, atr_str room, size_t members),
                           void *arg);

#ifdef __cplusplus
}
#endif

#endif
