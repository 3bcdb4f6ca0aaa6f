/* socketio/client.h - one connection: its packets in, its sockets, its pending CONNECTs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_CLIENT_H
#define SOCKETIO_CLIENT_H

#include "socketio/encode.h"
#include "socketio/server.h"

struct sio_connect;
struct sio_partial;
struct sio_patience;

/* Allocated by the engine, which frees it at the end of the iteration in which it closed. */
struct sio_client {
    struct eio_session session;      /* first */
    struct sio_socket *sockets;      /* connecting ones too, newest first */
    struct sio_handshake *handshake; /* lives as long as the client */
    struct sio_connect *connects;    /* waiting for a decision */
    struct sio_partial *partial;     /* a packet whose attachments are arriving; else NULL */
    struct sio_patience *patience;   /* the connect timeout; NULL once it joined or closed */
    uint32_t joined_turn;            /* the loop's iteration of the latest successful CONNECT */
    uint32_t memberships;            /* sockets, and connects that have no socket yet */
    uint8_t parser;                  /* enum sio_parser: AUTO until the first message */
    bool closing;                    /* what still comes in is ignored */
};

static inline struct sio_server *sio_client_server(const struct sio_client *c)
{
    return c->session.server->owner;
}

static inline enum sio_form sio_client_form(const struct sio_client *c)
{
    if (c->session.eio3)
        return SIO_FORM_V2;
    return c->parser == SIO_PARSER_MSGPACK ? SIO_FORM_MSGPACK : SIO_FORM_TEXT;
}

/* The volatile rule (2.3): on WebSocket nothing waits for the kernel or for this iteration's flush,
 * on polling a GET waits and nothing is promised to it yet. */
static inline bool sio_client_idle(const struct sio_client *c)
{
    return eio_session_writable(&c->session) && eio_session_queued(&c->session) == 0;
}

/* The callbacks that make an engine serve clients. */
void sio_client_events(struct eio_events *out);

/* A client counts as connected to the namespace from here on (accept in connect.c). */
void sio_client_joined(struct sio_client *c);
/* Out of the list; the socket's own next stays, so that a walk over the list survives. */
void sio_client_remove(struct sio_client *c, struct sio_socket *s);

/* 2.7: what it sent cannot be understood: counts that and closes the connection. */
void sio_client_malformed(struct sio_client *c);
/* Ends all sockets with the reason and closes the connection, output first. */
void sio_client_close(struct sio_client *c, enum eio_reason reason);
/* The same once the connection is closing: only the sockets, and what is pending. */
void sio_client_end(struct sio_client *c, const char *reason, const char *description);
/* Ends its sockets in one namespace, pending ones too. */
void sio_client_leave(struct sio_client *c, const struct sio_namespace *n, const char *reason);

/* Of a session that came from another server: as on_open does. h is the client's; patience_ms: how
 * long it may take to join a namespace, 0: it has. */
void sio_client_thaw(struct sio_client *c, struct sio_handshake *h, enum sio_parser parser,
                     uint64_t patience_ms);
/* Another server has it now: what came half is forgotten, and nothing comes in any more. */
void sio_client_move(struct sio_client *c);
/* When its patience ends; 0: it has joined a namespace. */
uint64_t sio_client_patience(const struct sio_client *c);

/* handshake.c. Freed with mem_free(). */
struct sio_handshake *sio_handshake_new(struct http_request *r, int64_t now_ms);
/* Of copies of what h points to; cert: of the client, of at most 65535 bytes. */
struct sio_handshake *sio_handshake_copy(const struct sio_handshake *h, str cert);

#endif
