/* socketio/socket.h - a socket: one client's membership in one namespace. What applications see.
 *
 * A socket may be used in any callback, also after it has left: it then refuses, and its memory
 * lives to the end of the loop's iteration. Across iterations keep its ref.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_SOCKET_H
#define SOCKETIO_SOCKET_H

#include "engineio/server.h"
#include "hub/hub.h"
#include "proto/sio_packet.h"

enum { SIO_ID_LEN = 20 };

struct sio_server;
struct sio_namespace;
struct sio_client;
struct sio_ack;

/* What an event or an ack carries: the JSON text of an array (of an event: its name first) and the
 * attachments that its placeholders number. Borrowed. */
struct sio_data {
    str json;
    const str *attachments;
    size_t attachment_count;
};

/* 0 when it can be sent as an event by whoever made it by hand: an array that begins with a name
 * that is not reserved, and has an attachment for every placeholder. ATR_ESYNTAX, ATR_EPROTOCOL. */
int sio_event_check(const struct sio_data *d) MUST_CHECK;

/* The first request of a connection, kept for handshake objects: one allocation per client. */
struct sio_handshake {
    str head;          /* the request head as received */
    str address;       /* of the peer */
    int64_t issued_ms; /* Unix time */
    bool secure;
    bool client_verified;     /* the client's certificate */
    uint16_t client_cert_len; /* its subject lies behind the address; 0: none */
};

enum sio_socket_state {
    SIO_SOCKET_CONNECTING, /* middlewares decide */
    SIO_SOCKET_CONNECTED,
    SIO_SOCKET_LEAVING, /* on_disconnecting has begun, on_disconnect has not ended */
    SIO_SOCKET_GONE,
    SIO_SOCKET_MOVED /* another server has it now; what is done to it here is done there (tail.h) */
};

struct sio_socket {
    struct hub_member member;
    struct sio_namespace *nsp;
    struct sio_client *client;
    struct sio_socket *next; /* the client's sockets */
    uint64_t ref;            /* its name in server->sockets */
    void *user;
    char *auth;           /* JSON text of the CONNECT's payload; NULL: none */
    struct sio_ack *acks; /* internal: what it has yet to acknowledge */
    uint32_t auth_len;
    uint8_t state; /* enum sio_socket_state */
    uint8_t form;  /* internal: enum sio_form, how its client wants packets */
    bool left_own_room : 1;
    bool recoverable : 1; /* internal: it is a struct sio_recoverable */
    bool recovered : 1;   /* the client came back as who it was (2.6), or was handed over */
    bool handed_over : 1; /* by another server (handover.h) */
    bool arriving : 1;    /* internal: so it was, and on_connection has yet to be called */
    uint32_t id_len;      /* SIO_ID_LEN but for clients of Socket.IO 2 */
    char id[SIO_ID_LEN];  /* one of another length lies behind the struct */
};

struct sio_socket *sio_socket_find(struct sio_server *io, uint64_t ref); /* NULL: gone */
static inline str sio_socket_id(const struct sio_socket *s)
{
    return (str){ s->id_len == SIO_ID_LEN ? s->id : (const char *)(s + 1), s->id_len };
}
static inline bool sio_socket_connected(const struct sio_socket *s)
{
    return s->state == SIO_SOCKET_CONNECTED;
}
/* As whoever holds it on sees it: also while another server has it. */
static inline bool sio_socket_alive(const struct sio_socket *s)
{
    return s->state == SIO_SOCKET_CONNECTED || s->state == SIO_SOCKET_MOVED;
}
const struct sio_handshake *sio_socket_handshake(const struct sio_socket *s);
str sio_handshake_client_cert(const struct sio_handshake *h); /* its subject; empty: none */
struct eio_session *sio_socket_session(const struct sio_socket *s);

/* SIO_LOCAL changes nothing while there is one node. SIO_NO_COMPRESS is for polling alone, as in
 * Node: an answer is not compressed when all of its packets came with it (1.8, 1.9). */
enum { SIO_VOLATILE = 1, SIO_LOCAL = 2, SIO_NO_COMPRESS = 4 };

/* data->json is the whole array, name included. ATR_ECLOSED; ATR_ELIMIT when it is too large or the
 * connection's queue is full (the connection is then closed). A connecting socket may be sent to.
 */
int sio_socket_emit(struct sio_socket *s, const struct sio_data *data, unsigned flags);

/* Called once per emit that returned 0, never from within it: err 0 and the reply's array,
 * ATR_ETIMEOUT, or ATR_ECLOSED when the socket left. */
typedef void (*sio_ack_fn)(void *user, int err, const struct sio_data *reply);
/* timeout_ms 0: wait as long as the socket lives. */
int sio_socket_emit_ack(struct sio_socket *s, const struct sio_data *data, unsigned flags,
                        uint32_t timeout_ms, sio_ack_fn fn, void *user);
/* Answers an event: data->json is the array of the reply's arguments. */
int sio_socket_ack(struct sio_socket *s, int64_t ack, const struct sio_data *data);

/* 0, also when it was in already; ATR_ELIMIT past rooms_max, ATR_ECLOSED once it left. */
int sio_socket_join(struct sio_socket *s, str room);
void sio_socket_leave(struct sio_socket *s, str room); /* its own id's room too */
bool sio_socket_in(const struct sio_socket *s, str room);
/* Calls fn for its own id (unless left) and each room; fn must not change its rooms. */
void sio_socket_rooms(const struct sio_socket *s, void (*fn)(void *arg, str room), void *arg);
/* In on_disconnect and on_abandon: leaves something for the socket as which the client may come
 * back; on_forgotten gets it if it does not. ATR_ECLOSED: it cannot come back. */
int sio_socket_keep(struct sio_socket *s, void *data);
/* Takes what was left; NULL: nothing. */
void *sio_socket_kept(struct sio_socket *s);
/* JSON of its data as another server left it, or as it was last looked at (on_freeze); empty: none.
 * Of one that was handed over and cannot be recovered: until on_connection has returned. */
str sio_socket_frozen(const struct sio_socket *s);
/* What it sent makes no sense to the application: its connection ends as if a packet was malformed.
 */
void sio_socket_reject(struct sio_socket *s);
/* close: the whole connection, else this namespace only. A no-op unless connected. */
void sio_socket_disconnect(struct sio_socket *s, bool close);

#endif
