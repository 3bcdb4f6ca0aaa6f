/* gateway/endpoint.h - plain WebSocket endpoints: a path whose handshakes become connections.
 *
 * A struct gateway is what all endpoints of an application share: connections by id, channels, the
 * timer that looks for quiet peers. Handshakes are checked here (RFC 6455 section 4.2), put to the
 * owner if it wants to be asked, and accepted; from then on the connection is gateway/conn.h's.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef GATEWAY_ENDPOINT_H
#define GATEWAY_ENDPOINT_H

#include "base/buf.h"
#include "base/id.h"
#include "http/server.h"
#include "hub/hub.h"
#include "net/pressure.h"
#include "ws/conn.h"
#include "ws/deflate.h"

struct gateway_conn;
struct gateway_endpoint;

/* A handshake that waits for its owner's decision. Dies when decided, or when the client leaves. */
typedef uint64_t gateway_handshake;

struct gateway_options {
    uint32_t message_bytes_max;
    struct pressure_policy output; /* of what waits for a connection */
    uint32_t ping_interval_ms;     /* of silence, after which the peer is pinged; 0: never */
    uint32_t idle_timeout_ms;      /* of silence, after which the connection is closed; 0: never */
    uint32_t connections_max;      /* 0: no limit */
    bool keep_head;                /* each connection keeps the text of its request */
    const str *protocols;          /* sub-protocols spoken; the client's order decides */
    size_t protocol_count;
    struct ws_deflate_options deflate; /* off */
};
#define GATEWAY_OPTIONS_DEFAULT                                                                    \
    ((struct gateway_options){ .message_bytes_max = 1 << 20,                                       \
                               .output = PRESSURE_POLICY_DEFAULT,                                  \
                               .ping_interval_ms = 25000,                                          \
                               .idle_timeout_ms = 45000 })

/* Any but on_message and on_close may be NULL. */
struct gateway_events {
    /* Asks whether to let a well-formed handshake in: leads to gateway_decide(), now or later. */
    void (*on_handshake)(struct gateway_endpoint *e, gateway_handshake hs, struct http_request *r);
    /* The connection may be sent to. r is its request: copy what is to be kept. */
    void (*on_open)(struct gateway_conn *c, struct http_request *r);
    void (*on_message)(struct gateway_conn *c, bool binary, uint8_t *data, size_t n);
    void (*on_pong)(struct gateway_conn *c, str payload);
    /* Exactly once. The connection has left its channels. The memory lives until the end of the
     * iteration. code, reason: as the side that spoke first said, 1005: it did not say, 1006: there
     * was no closing handshake. */
    void (*on_close)(struct gateway_conn *c, unsigned code, str reason);
    /* Nothing waits to be sent any more, after the connection was backed up, the kernel had refused
     * some or gateway_conn_watch_drain() was called. */
    void (*on_drain)(struct gateway_conn *c);
    /* It goes on in another process: the last callback about it, instead of on_close, when it can
     * neither be sent to nor asked any more. What is appended to state goes along. */
    void (*on_freeze)(struct gateway_conn *c, struct buf *state);
    /* It comes from another process, whose on_freeze wrote state: instead of on_open. An owner
     * with on_open that lacks this one has none of its connections moved. */
    void (*on_thaw)(struct gateway_conn *c, str state);
};

struct gateway_stats {
    uint64_t opened, open;
    uint64_t frozen, thawed; /* that went to another process, that came from one */
    uint64_t refused;        /* handshakes that were answered with an error */
    uint64_t messages_in, messages_out;
    uint64_t publishes, deliveries;
    uint64_t pings, idle_timeouts;
    uint64_t overflow_disconnects, overflow_drops;
    uint64_t rate_limited; /* handshakes and connections beyond what may come in per second */
    uint64_t full;         /* handshakes beyond connections_max */
};

struct gateway {
    struct loop *loop;
    struct id_table conns;      /* of struct gateway_conn, until on_close has returned */
    struct id_table handshakes; /* of those that wait for a decision */
    struct hub channels;
    struct map pressures;  /* of struct pressure, by id, of the connections that are backed up */
    struct timer sweep;    /* looks for quiet peers; runs while there are connections */
    uint32_t sweep_ms;     /* 0: no endpoint minds silence */
    struct loop_job cut;   /* ends the connections below */
    struct buf overflowed; /* ids, of those that are to be cut off */
    struct rates *rates;   /* what clients may do per second; NULL: anything */
    struct list endpoints; /* of struct gateway_endpoint */
    struct list arrivals;  /* internal to handover.c: those that on_thaw is still to be told of */
    struct loop_job arrive;
    uint64_t *streams_open; /* counts the connections that were thawed, too; NULL: nobody counts */
    struct gateway_stats stats;
    bool closing;
};

struct gateway_endpoint {
    struct gateway *gateway;
    struct http_handler handler; /* give it to the router */
    struct ws_events ws;         /* a connection finds its endpoint through its events */
    const struct gateway_events *events;
    struct gateway_options options;
    uint32_t open;    /* connections */
    struct list link; /* in gateway->endpoints */
    str path;         /* the owner's to set: by which another process knows it; empty: by none */
    void *owner;
};

void gateway_init(struct gateway *g, struct loop *l);
/* Tells every connection that the server goes away (1001), refuses new ones. */
void gateway_close(struct gateway *g);
/* Tells up to *n of them, and takes them off *n. Returns how many are left that were not told. */
size_t gateway_close_some(struct gateway *g, size_t *n);
/* Cuts what is left; on_close runs in this call. Endpoints must still be there. */
void gateway_fini(struct gateway *g);

/* The strings of options must outlive the endpoint. */
void gateway_endpoint_init(struct gateway_endpoint *e, struct gateway *g,
                           const struct gateway_options *o, const struct gateway_events *events,
                           void *owner);

/* Settles a handshake: lets it in, or answers 403 with the message. A stale one is a no-op. */
void gateway_decide(struct gateway *g, gateway_handshake hs, bool allow, str message);
bool gateway_handshake_open(const struct gateway *g, gateway_handshake hs);
/* Chooses the sub-protocol of a handshake before it is let in. ATR_ECLOSED: there is none any more;
 * ATR_EUNKNOWN: the client does not offer it. Empty: none. */
int gateway_choose(struct gateway *g, gateway_handshake hs, str protocol) MUST_CHECK;

/* Calls fn for each sub-protocol that a request offers, in order, until it returns false. */
void gateway_offered(const struct http_request *r, bool (*fn)(void *arg, str protocol), void *arg);

#endif
