/* gateway/conn.h - one connection of a plain WebSocket endpoint: sending, ping, closing.
 *
 * 120 bytes beside its stream, whatever the endpoint is set up to do: the endpoint is found through
 * the table of callbacks, silence is noticed by a timer that all share, and a request is kept only
 * where the endpoint asks for it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef GATEWAY_CONN_H
#define GATEWAY_CONN_H

#include "gateway/endpoint.h"

/* What we ended a connection for, where the frame does not say so. */
enum gateway_end { END_OTHER, END_IDLE, END_OVERFLOW, END_SHUTDOWN, END_RATE };

struct gateway_conn {
    struct ws_conn ws;
    union {
        struct hub_member member; /* of channels */
        struct loop_job reap;     /* once closed */
    };
    void *user;          /* the owner's */
    uint64_t id;         /* in gateway->conns */
    uint32_t heard_ms;   /* the loop's time, cut to 32 bits, when the peer was last seen alive */
    bool pinged : 1;     /* since then */
    bool overflowed : 1; /* is about to be cut off */
    bool pressed : 1;    /* is backed up: has a struct pressure in gateway->pressures */
    bool arriving : 1;   /* came from another process; its owner has not been told yet */
    /* What stands behind this struct, in this order: */
    bool has_guard : 1;  /* a pointer: what it may send per second */
    bool has_head : 1;   /* a uint32_t length and the text of the request */
    bool has_client : 1; /* the client's address, terminated, when that is not the peer's */
    uint8_t end;         /* enum gateway_end */
    uint16_t holds;      /* while not 0, the peer is not read from */
};

/* Opens a connection from a request whose handshake was checked. */
struct gateway_conn *gateway_conn_accept(struct gateway_endpoint *e, struct http_request *r,
                                         str protocol);

static inline struct gateway_endpoint *gateway_conn_endpoint(const struct gateway_conn *c)
{
    return container_of(c->ws.events, struct gateway_endpoint, ws);
}
static inline bool gateway_conn_is_open(const struct gateway_conn *c)
{
    return c->ws.stream && !c->ws.close_sent && !c->overflowed;
}
size_t gateway_conn_queued(const struct gateway_conn *c); /* bytes */
/* Something waits, and on_drain is wanted when nothing does any more. */
void gateway_conn_watch_drain(struct gateway_conn *c);
/* Stops reading from the peer, but for the message that is being delivered, until released as
 * often. It is not thought quiet meanwhile. */
void gateway_conn_hold(struct gateway_conn *c);
void gateway_conn_release(struct gateway_conn *c);
/* The request's head, when the endpoint keeps it; else p == NULL. */
str gateway_conn_head(const struct gateway_conn *c);
/* The client's address when the request came through proxies that are trusted; NULL: it is the
 * peer's. */
const char *gateway_conn_client(const struct gateway_conn *c);

/* What keys of messages are apart by. */
enum { GATEWAY_KEY, GATEWAY_CHANNEL };

/* Queues a message made by ws_msg(), borrowed. 0; ATR_ECLOSED; or ATR_ELIMIT: the queue is full and
 * the message was dropped, or the connection will be cut off, as the endpoint's options say. No
 * callback runs in this call. */
int gateway_conn_queue(struct gateway_conn *c, const struct parcel *p);
/* The same with a copy of data. key: what it replaces under OVERFLOW_KEEP_LATEST; may be empty. */
int gateway_conn_send(struct gateway_conn *c, str data, bool binary, str key);
/* ATR_ERANGE when the payload is longer than WS_CONTROL_MAX. */
int gateway_conn_ping(struct gateway_conn *c, str payload);
/* Starts the closing handshake. code 0: a frame without one. ATR_ERANGE for a code that must not
 * be sent. on_close comes later. */
int gateway_conn_close(struct gateway_conn *c, unsigned code, str reason);
/* Cuts the connection off; on_close runs in this call. */
void gateway_conn_abort(struct gateway_conn *c);

/* --- internal to the layer --- */

extern const struct ws_events gateway_ws_events;
/* Gives the stream what waits behind it; `all`: however much that is. */
void gateway_conn_pump(struct gateway_conn *c, bool all);
void gateway_conn_over(struct gateway_conn *c); /* it is backed up no more */
/* What stands behind the struct. */
struct gateway_extras {
    struct rates_guard *guard; /* NULL: none */
    str head, client;          /* empty: not kept; the peer's address */
};
/* A new one, in the tables but without a connection. */
struct gateway_conn *gateway_conn_make(struct gateway_endpoint *e, const struct gateway_extras *x);
struct rates_guard *gateway_conn_guard(const struct gateway_conn *c); /* NULL: none */
/* It is over here: leaves its channels, counts no more. Then, when the owner knows: frees it. */
void gateway_conn_leave(struct gateway_conn *c);
void gateway_conn_doom(struct gateway_conn *c);
void gateway_sweep(struct timer *t);
void gateway_cut(struct loop_job *job);

#endif
