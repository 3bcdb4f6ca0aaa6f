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

struct gateway_conn {
    struct ws_conn ws;
    union {
        struct hub_member member; /* of channels */
        struct loop_job reap;     /* once closed */
    };
    void *user;        /* the owner's */
    uint64_t id;       /* in gateway->conns */
    uint32_t heard_ms; /* the loop's time, cut to 32 bits, when the peer was last seen alive */
    bool pinged;       /* since then */
    bool overflowed;   /* is about to be cut off */
    uint8_t end;       /* enum gateway_end */
    bool has_head;     /* a uint32_t length and the text of the request stand behind this struct */
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
static inline size_t gateway_conn_queued(const struct gateway_conn *c) /* bytes */
{
    return c->ws.stream ? c->ws.stream->queued_bytes : 0;
}
/* The request's head, when the endpoint keeps it; else p == NULL. */
str gateway_conn_head(const struct gateway_conn *c);

/* Queues a message made by ws_msg(), borrowed. 0; ATR_ECLOSED; or ATR_ELIMIT: the queue is full and
 * the message was dropped, or the connection will be cut off, as the endpoint's options say. No
 * callback runs in this call. */
int gateway_conn_queue(struct gateway_conn *c, struct msg *m);
/* The same with a copy of data. */
int gateway_conn_send(struct gateway_conn *c, str data, bool binary);
/* ATR_ERANGE when the payload is longer than WS_CONTROL_MAX. */
int gateway_conn_ping(struct gateway_conn *c, str payload);
/* Starts the closing handshake. code 0: a frame without one. ATR_ERANGE for a code that must not
 * be sent. on_close comes later. */
int gateway_conn_close(struct gateway_conn *c, unsigned code, str reason);
/* Cuts the connection off; on_close runs in this call. */
void gateway_conn_abort(struct gateway_conn *c);

/* --- implemented for endpoint.c --- */

extern const struct ws_events gateway_ws_events;
void gateway_sweep(struct timer *t);
void gateway_cut(struct loop_job *job);

#endif
