/* atrium/io.h - a Socket.IO server (protocol 5): namespaces, sockets, events, acknowledgements,
 * rooms.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_IO_H
#define ATRIUM_IO_H

#include "atrium/json.h"
#include "atrium/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- The server --- */
/* The application's Socket.IO server, created by the first call, under the setting "path"
 * ("/socket.io/"). */
ATR_API atr_io *atr_app_io(atr_app *app);

/* Closes every client's transport and refuses new ones, for good; clients will try to reconnect.
 * atr_app_close() does it too. */
ATR_API void atr_io_close(atr_io *io);

/* Each of these, but for middlewares, replaces the callback before; fn NULL removes it.
 *
 * allowRequest: called for each handshake before a session exists; answer with atr_decide().
 * Without it everyone is let in. */
ATR_API void atr_io_on_allow_request(atr_io *io,
                                     void (*fn)(void *user, atr_request *r, atr_decision d),
                                     void *user);
/* connection_error: a request was refused. code 0 to 5 and message as the client was told them,
 * context as engine.io names it. */
ATR_API void atr_io_on_connection_error(atr_io *io,
                                        void (*fn)(void *user, atr_request *r, int code,
                                                   const char *message, const char *context),
                                        void *user);
/* As atr_engine_use(), atr_engine_on_generate_id() and atr_engine_on_headers(), see
 * atrium/engine.h, for the engine beneath. */
ATR_API void atr_io_engine_use(atr_io *io, void (*fn)(void *user, atr_request *r, atr_decision d),
                               void *user);
ATR_API void atr_io_on_generate_id(atr_io *io,
                                   void (*fn)(void *user, atr_request *r, atr_decision d),
                                   void *user);
ATR_API void atr_io_on_headers(atr_io *io, void (*fn)(void *user, atr_request *r, int initial),
                               void *user);
/* new_namespace: a dynamic namespace came to be, with its parent's handlers as they are now. */
ATR_API void atr_io_on_new_namespace(atr_io *io, void (*fn)(void *user, atr_namespace *n),
                                     void *user);

/* Looks over what an event or an acknowledgement carries: data as the application or the client
 * sent it, of an event with its name. 1 when it wrote another array with w, 0 when data stays, or a
 * negative code. When it wrote no bytes, the attachments stay data's, and w's placeholders mean
 * those. It may not send. */
typedef int (*atr_rewrite_fn)(void *user, const atr_data *data, atr_writer *w);
/* The counterparts of the replacer and the reviver of JSON that Socket.IO's parser takes in Node;
 * each replaces the one before, fn NULL: none. Neither sees what servers say to each other.
 *
 * The replacer is for what goes out, of a broadcast once; a negative code is what the emit returns.
 * The reviver is for what comes in, before any handler; on a negative code the client's connection
 * is closed as by atr_socket_reject(), or, of an acknowledgement, whoever asked is told that code,
 * and of several answers this one is null. */
ATR_API void atr_io_set_replacer(atr_io *io, atr_rewrite_fn fn, void *user);
ATR_API void atr_io_set_reviver(atr_io *io, atr_rewrite_fn fn, void *user);

/* --- The Admin UI --- */
/* Opens the namespace that the official Admin UI (@socket.io/admin-ui) connects to. options_json is
 * an object: auth (false, or {"type":"basic","username":...,"password": a bcrypt hash}), which must
 * be there; namespaceName ("/admin"), mode ("development": every socket, room and event;
 * "production": figures), readonly, serverId (the host's name). The same as the setting "admin",
 * which counts if it has a higher rank than ATR_SCRIPT. Returns 0; ATR_ESTATE when it was done
 * already; else the error of the options, with a sentence in why (ATR_WHY_BYTES; may be NULL). */
ATR_API int atr_io_instrument(atr_io *io, atr_str options_json, char *why);
/* What administrators see as a socket's data: fn gives the text of a JSON object, or nothing; the
 * text is borrowed until the next call. fn is called often, so it must be quick, and must not call
 * back into the server. */
ATR_API void atr_io_on_describe(atr_io *io, atr_str (*fn)(void *user, atr_socket *s), void *user);

/* Settles a decision: of a handshake, a middleware, an id, a parent namespace, or an upgrade of a
 * plain WebSocket. When it is refused, message and data_json (JSON text or empty) go to the client;
 * both are ignored when allowed. */
ATR_API void atr_decide(atr_app *app, atr_decision d, int allow, atr_str message,
                        atr_str data_json);

/* --- Namespaces: live as long as the server; dynamic ones may end when
 * cleanupEmptyChildNamespaces is set. --- */
/* The namespace "/admin", "admin" (the slash is added) or "/"; created when new. Never NULL. */
ATR_API atr_namespace *atr_io_of(atr_io *io, atr_str name);
/* A parent namespace: match is asked for each unknown name; children inherit the parent's
 * middleware and handlers, and what is emitted to the parent reaches them all. auth is JSON text or
 * empty; answer with atr_decide(). Never NULL. */
ATR_API atr_namespace *atr_io_of_matching(
    atr_io *io, void (*match)(void *user, atr_str name, atr_str auth, atr_decision d), void *user);
ATR_API atr_str atr_namespace_name(const atr_namespace *n); /* valid as long as n */
ATR_API atr_io *atr_namespace_io(const atr_namespace *n);
/* The parent whose child n is; NULL when n is no dynamic namespace. */
ATR_API atr_namespace *atr_namespace_parent(const atr_namespace *n);
ATR_API size_t atr_namespace_count(const atr_namespace *n); /* connected sockets, of this node */

/* --- What clients say --- */
/* An event from a client. */
typedef struct atr_event {
    atr_str name;  /* unescaped; a numeric name as its digits */
    atr_data data; /* data.json is the whole array, the name first */
    int64_t ack;   /* -1: no acknowledgement is wanted; else what atr_socket_ack() takes, once */
} atr_event;

/* The index-th argument after the event's name, as JSON text; p == NULL: there are fewer. */
ATR_API atr_str atr_event_arg(const atr_event *e, size_t index);
/* That argument as characters, terminated, in out (size bytes). Returns the length, or ATR_ETYPE
 * when it is missing or no string, ATR_ELIMIT when it does not fit. */
ATR_API int atr_event_text(const atr_event *e, size_t index, char *out, size_t size);

/* Any callback may be NULL. Those about a socket come in this order: middleware, then on_connection
 * and events and on_disconnecting and on_disconnect, or else on_abandon. */
typedef struct atr_namespace_handlers {
    size_t size; /* sizeof(atr_namespace_handlers) */
    void (*on_connection)(void *user, atr_socket *s);
    /* An event that atr_namespace_on() names no handler for. */
    void (*on_event)(void *user, atr_socket *s, const atr_event *e);
    /* It is about to leave its rooms. reason as Socket.IO words it; description may be NULL. */
    void (*on_disconnecting)(void *user, atr_socket *s, const char *reason,
                             const char *description);
    /* The last callback about s, which is gone when it returns. It has left its rooms. */
    void (*on_disconnect)(void *user, atr_socket *s, const char *reason, const char *description);
    /* A socket that was seen by a middleware will never connect. */
    void (*on_abandon)(void *user, atr_socket *s);
    /* Nothing waits for the connection any more, after it was backed up, the system had refused
     * some, or atr_socket_buffered() has told of bytes that wait. */
    void (*on_drain)(void *user, atr_socket *s);
    /* Something goes out to s. Costs a call per recipient: leave NULL when unused. */
    void (*on_outgoing)(void *user, atr_socket *s, const atr_data *data);
    /* A dynamic namespace has ended, and is gone when this returns. The last callback about it. */
    void (*on_end)(void *user, atr_namespace *n);
    /* What atr_socket_keep() left for a client that will not come back. */
    void (*on_forgotten)(void *user, void *kept);
    /* An event from another server of the application. e->ack: -1, or what
     * atr_server_side_ack() takes, once. */
    void (*on_server_side)(void *user, atr_namespace *n, const atr_event *e);
    /* What of s is to survive this server, with connection state recovery on several servers: write
     * one JSON value (or nothing); asked after events, and now and then. It is what
     * atr_socket_saved() gives when the client comes back to another server. */
    void (*on_save)(void *user, atr_socket *s, atr_writer *w);
    /* Another server asks who s is (atr_fetch_sockets()): w stands inside an object that has id,
     * handshake and rooms; members may be added, such as "data". */
    void (*on_describe)(void *user, atr_socket *s, atr_writer *w);
    /* s went on in the process that takes this one's place, and what was begun for it here has
     * ended: the last callback about s, instead of on_disconnecting and on_disconnect. */
    void (*on_moved)(void *user, atr_socket *s);
} atr_namespace_handlers;
#define ATR_NAMESPACE_HANDLERS_INIT ATR_INIT(atr_namespace_handlers)

/* What becomes of the namespace's events when a connection does not take them: an object of
 * "overflow", "maxBufferedBytes" (at most the server's), "highWaterMark" and "blockTimeout", each
 * with the meaning of the setting of that name, which holds for what is left out. A dynamic
 * namespace starts with what its parent has. A negative code, with the reason in why
 * (ATR_WHY_BYTES), when an option is unknown or wrong; then nothing changes. */
ATR_API int atr_namespace_configure(atr_namespace *n, atr_str options_json, char *why);

/* Replaces the namespace's handlers; h is copied. */
ATR_API void atr_namespace_handle(atr_namespace *n, const atr_namespace_handlers *h, void *user);
/* Handles one event by name, instead of on_event. Replaces the handler before; fn NULL removes it.
 */
ATR_API void atr_namespace_on(atr_namespace *n, atr_str event,
                              void (*fn)(void *user, atr_socket *s, const atr_event *e),
                              void *user);
/* Adds a middleware: runs for each connecting socket, in order of registration, before
 * on_connection; answers with atr_decide(). The socket may be given a user pointer, rooms and
 * events already. */
ATR_API void atr_namespace_use(atr_namespace *n,
                               void (*fn)(void *user, atr_socket *s, atr_decision d), void *user);

enum { ATR_ROOM_CREATED, ATR_ROOM_DELETED, ATR_ROOM_JOINED, ATR_ROOM_LEFT };
/* Told of rooms, those of socket ids included, when it has happened. s: who joined or left, else
 * NULL. fn NULL: no more. */
ATR_API void atr_namespace_on_room(atr_namespace *n,
                                   void (*fn)(void *user, int what, atr_str room, atr_socket *s),
                                   void *user);

/* --- Sockets. What these functions return about one is valid until its on_disconnect (or
 * on_abandon) has returned, but for what may change: transport, buffered, connected. --- */
ATR_API atr_ref atr_socket_ref(const atr_socket *s);
ATR_API atr_socket *atr_socket_find(atr_io *io, atr_ref ref);           /* NULL: gone */
ATR_API atr_socket *atr_namespace_socket(atr_namespace *n, atr_str id); /* by id; NULL: not here */
/* 20 characters, known to the client. Of a client of Socket.IO 2: its connection's id, with the
 * namespace's name and '#' in front but for "/". */
ATR_API atr_str atr_socket_id(const atr_socket *s);
ATR_API atr_namespace *atr_socket_namespace(const atr_socket *s);
/* A pointer of the application's own, NULL at first; free what it names in on_disconnect,
 * on_abandon and on_moved. */
ATR_API void atr_socket_set_user(atr_socket *s, void *user);
ATR_API void *atr_socket_user(const atr_socket *s);
ATR_API int
atr_socket_connected(const atr_socket *s); /* 1 from on_connection to on_disconnecting */

/* Handshake: what the client's first request said. */
ATR_API atr_str atr_socket_auth(const atr_socket *s);                 /* JSON text; empty: none */
ATR_API atr_str atr_socket_header(const atr_socket *s, atr_str name); /* p == NULL: absent */
/* Walks headers (names lower-cased) or query parameters (unescaped). */
ATR_API void atr_socket_headers(const atr_socket *s,
                                void (*fn)(void *arg, atr_str name, atr_str value), void *arg);
ATR_API void atr_socket_query(const atr_socket *s,
                              void (*fn)(void *arg, atr_str name, atr_str value), void *arg);
ATR_API atr_str atr_socket_address(const atr_socket *s); /* of the peer, without its port */
ATR_API atr_str atr_socket_url(const atr_socket *s);     /* as sent: path and query */
ATR_API int64_t atr_socket_issued(const atr_socket *s);  /* Unix time in ms */
ATR_API int atr_socket_secure(const atr_socket *s);      /* 1: it came over TLS */
/* As atr_request_client_cert(), of the connection's first request. */
ATR_API atr_str atr_socket_client_cert(const atr_socket *s, int *verified);
ATR_API const char *atr_socket_transport(const atr_socket *s); /* "polling" or "websocket" */
/* Of Engine.IO: 4, or 3 for a client of Socket.IO 2 (the setting allowEIO3). */
ATR_API int atr_socket_protocol(const atr_socket *s);
ATR_API atr_str atr_socket_connection_id(const atr_socket *s); /* the Engine.IO sid: a secret */
/* Bytes queued for its connection. When there are any, on_drain follows. */
ATR_API size_t atr_socket_buffered(const atr_socket *s);
/* Stops reading from its connection (all its namespaces) behind the packet that is being delivered,
 * until resumed as often; the client's system then makes the client wait. Heartbeats are not missed
 * meanwhile. */
ATR_API void atr_socket_pause(atr_socket *s);
ATR_API void atr_socket_resume(atr_socket *s);

/* Flags of emits. VOLATILE: not queued while the connection cannot take it; LOCAL: not sent to
 * other nodes; NO_COMPRESS: a polling answer of such packets alone is not compressed. */
enum { ATR_VOLATILE = 1, ATR_LOCAL = 2, ATR_NO_COMPRESS = 4 };

/* Sends an event. data is copied. Returns 0, also when a volatile one was dropped; ATR_ECLOSED when
 * s is no longer connected; ATR_ELIMIT when the connection's queue was full (the namespace's policy
 * has dropped the event, or the connection is closed), or when MessagePack cannot hold data (too
 * deep, or one attachment in very many places);
 * ATR_ESYNTAX when data is no event: an array that begins with a name that is not reserved, and has
 * as many placeholders as attachments. */
ATR_API int atr_socket_emit(atr_socket *s, const atr_data *data, unsigned flags);

/* The same with one argument that is a text, or none when text is NULL. */
ATR_API int atr_socket_emit_text(atr_socket *s, const char *event, const char *text);

/* Sends an event and waits for its acknowledgement. When 0 is returned, fn is called exactly once
 * and never inside this call: with err 0 and the reply (json is the array of its arguments),
 * ATR_ETIMEOUT, or ATR_ECLOSED when the socket left first; reply is NULL on errors. timeout_ms 0:
 * no time limit. Errors as of atr_socket_emit(). */
typedef void (*atr_ack_fn)(void *user, int err, const atr_data *reply);
ATR_API int atr_socket_emit_with_ack(atr_socket *s, const atr_data *data, unsigned flags,
                                     uint32_t timeout_ms, atr_ack_fn fn, void *user);
/* Acknowledges an event, at once or later, but once; reply->json is the array of arguments.
 * ATR_ECLOSED when s has left, ATR_ESTATE when ack is -1, ATR_ESYNTAX when reply is no array. */
ATR_API int atr_socket_ack(atr_socket *s, int64_t ack, const atr_data *reply);
/* The same with one argument that is a text, or none when text is NULL. */
ATR_API int atr_socket_ack_text(atr_socket *s, int64_t ack, const char *text);

/* 0, also when it is in already; ATR_ELIMIT past the setting "maxRooms", ATR_ECLOSED when it left.
 */
ATR_API int atr_socket_join(atr_socket *s, atr_str room);
ATR_API void atr_socket_leave(atr_socket *s, atr_str room); /* a no-op when it is not in */
ATR_API int atr_socket_in(const atr_socket *s, atr_str room);
/* Calls fn for each room, the one named by its own id included; fn must not join or leave. */
ATR_API void atr_socket_rooms(const atr_socket *s, void (*fn)(void *arg, atr_str room), void *arg);
/* Disconnects it from its namespace, or with close the whole connection and every namespace on it.
 * The callbacks run inside this call. A no-op when it is not connected. */
/* Connection state recovery (the setting connectionStateRecovery): whether the client came back as
 * who it was, with its id and rooms, and has been sent what it missed. */
ATR_API int atr_socket_recovered(const atr_socket *s);
/* In on_disconnect and on_abandon: leaves something for the socket as which the client may come
 * back; on_forgotten gets it if the client does not. ATR_ECLOSED: it cannot come back, kept stays
 * yours. */
ATR_API int atr_socket_keep(atr_socket *s, void *kept);
/* Takes what was left, from then on yours again; NULL: nothing. */
ATR_API void *atr_socket_kept(atr_socket *s);

/* Whether it came from a process whose place this one has taken (docs/cluster.md): on_connection
 * ran there before. It counts as recovered, too. In the process that it left it can still be used
 * until on_moved, and what is done to it is done where it is now; nothing comes from it there but
 * acknowledgements. */
ATR_API int atr_socket_handed_over(const atr_socket *s);

/* What on_save wrote, on whichever server; empty: nothing. Of one that was recovered or, in
 * on_connection, handed over. */
ATR_API atr_str atr_socket_saved(const atr_socket *s);

ATR_API void atr_socket_disconnect(atr_socket *s, int close);
/* What it sent makes no sense: closes its connection as a malformed packet does, for the reason
 * "forced close", and counts it with those. The callbacks run inside this call. */
ATR_API void atr_socket_reject(atr_socket *s);

/* --- Many sockets: those in any of the rooms (no rooms: all), in none of the exceptions, and not
 * the sender. Rooms may be socket ids. A target, like rooms, is used during the call only. --- */
typedef struct atr_target {
    size_t size; /* sizeof(atr_target), or 0 */
    const atr_str *rooms;
    size_t room_count;
    const atr_str *except;
    size_t except_count;
    atr_socket *sender; /* left out; may be NULL */
    unsigned flags;     /* ATR_VOLATILE, ... */
} atr_target;
#define ATR_TARGET_INIT ATR_INIT(atr_target)

/* In all of the following, target NULL is everyone in n; n may be a parent namespace, and stands
 * for all its children then.
 *
 * Sends an event, encoded once for each kind of parser among them. Returns 0, also when nobody is
 * there; ATR_ESYNTAX as atr_socket_emit(), ATR_ELIMIT when data is too large for a message, or for
 * one of MessagePack: the others have got it then. */
ATR_API int atr_emit(atr_namespace *n, const atr_target *target, const atr_data *data);

/* An event with one text, or none when text is NULL, to a room, or to everyone when room is NULL.
 */
ATR_API int atr_emit_text(atr_namespace *n, const char *room, const char *event, const char *text);

typedef struct atr_answers {
    const atr_data *items; /* json is the first argument of each answer */
    size_t count, expected;
} atr_answers;
/* Asks many. When 0 is returned, fn is called exactly once and never inside this call: with err 0
 * when all have answered, ATR_ETIMEOUT after timeout_ms with what came, or ATR_ECLOSED, without a
 * time limit (0), when those who have not answered have left. answers is never NULL. */
ATR_API int atr_emit_with_ack(atr_namespace *n, const atr_target *target, const atr_data *data,
                              uint32_t timeout_ms,
                              void (*fn)(void *user, int err, const atr_answers *answers),
                              void *user);

/* The rooms of many; limits apply as to one, silently. */
ATR_API void atr_sockets_join(atr_namespace *n, const atr_target *target, const atr_str *rooms,
                              size_t count);
ATR_API void atr_sockets_leave(atr_namespace *n, const atr_target *target, const atr_str *rooms,
                               size_t count);
/* As atr_socket_disconnect(). */
ATR_API void atr_disconnect_sockets(atr_namespace *n, const atr_target *target, int close);
/* Calls fn for each socket of the target; fn may do anything with them. */
ATR_API void atr_each_socket(atr_namespace *n, const atr_target *target,
                             void (*fn)(void *arg, atr_socket *s), void *arg);
/* Calls fn for each room that has members (rooms named by a socket's own id are not listed); fn
 * must not join or leave. */
ATR_API void atr_each_room(atr_namespace *n, void (*fn)(void *arg, atr_str room, size_t members),
                           void *arg);

/* --- Several servers of one application. A program of one process is alone: there is nobody to
 * tell, and nobody answers. What was done to many above concerns the sockets of all servers, unless
 * with ATR_LOCAL; atr_each_socket() and atr_each_room() are about this server alone. --- */

/* How many there are, this one included. */
ATR_API uint32_t atr_server_count(const atr_io *io);

/* Sends an event to the other servers (their on_server_side). 0, ATR_ESYNTAX as atr_socket_emit(),
 * ATR_ELIMIT when it is too large. */
ATR_API int atr_server_side_emit(atr_namespace *n, const atr_data *data);

/* The same, and each of them answers with one value. When 0 is returned, fn is called exactly once
 * and never inside this call: err 0, ATR_ETIMEOUT after timeout_ms (0: 5000), or ATR_ECLOSED when a
 * server has gone meanwhile; the answers are those that came, expected counts those missing too. */
ATR_API int
atr_server_side_emit_with_ack(atr_namespace *n, const atr_data *data, uint32_t timeout_ms,
                              void (*fn)(void *user, int err, const atr_answers *answers),
                              void *user);
/* Answers an event of on_server_side, at once or later, but once: reply->json is the array of
 * arguments, of which the first counts. ATR_ESTATE when ack is -1 or was answered. */
ATR_API int atr_server_side_ack(atr_io *io, int64_t ack, const atr_data *reply);

/* Asks the other servers for their sockets of the target: each is an object
 * {"id","handshake","rooms",...}, to which on_describe added. fn as above. */
ATR_API int atr_fetch_sockets(atr_namespace *n, const atr_target *target, uint32_t timeout_ms,
                              void (*fn)(void *user, int err, const atr_answers *sockets),
                              void *user);
/* Asks the other servers for the names of their rooms: an array from each. fn as above. */
ATR_API int atr_fetch_rooms(atr_namespace *n, uint32_t timeout_ms,
                            void (*fn)(void *user, int err, const atr_answers *rooms), void *user);

#ifdef __cplusplus
}
#endif

#endif
