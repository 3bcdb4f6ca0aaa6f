/* load/client.h - one connection of the generator: connects, shakes hands, counts what arrives.
 *
 * The three protocols differ in their handshake and in which frames are messages:
 *   ws        101, then every text or binary frame
 *   engine    101, the open packet; messages are packets of type 4
 *   socketio  as engine, then CONNECT and its answer; messages are events
 * Engine.IO pings are answered here.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include "load/options.h"
#include "net/stream.h"
#include "net/tls_context.h"

struct load_client;

struct load_events {
    void (*on_ready)(struct load_client *c);                    /* handshakes are done */
    void (*on_messages)(struct load_client *c, uint32_t count); /* so many messages in one read */
    void (*on_lost)(struct load_client *c); /* closed, and not by load_client_close() */
};

/* What all connections of a run share. */
struct load_wire {
    struct loop *loop;
    const struct load_options *options;
    const struct load_events *events;
    struct tls_context *tls;              /* NULL: plain */
    struct msg *upgrade, *connect, *pong; /* request, CONNECT, Engine.IO pong: ready for the wire */
    struct msg *echo, *broadcast;         /* a message of the run's size */
    uint64_t bytes_in;
};

enum load_state { LOAD_CONNECTING, LOAD_UPGRADING, LOAD_OPENING, LOAD_READY, LOAD_CLOSED };

struct load_client {
    struct load_wire *wire;
    struct stream *stream; /* NULL unless connected */
    uint32_t index;
    uint8_t state;           /* enum load_state */
    bool stalled;            /* will not read once all are ready */
    uint32_t sent, received; /* messages of the scenario */
    uint32_t round_left;     /* of all: messages missing until its round is over */
    uint64_t *sent_us;       /* ring of in_flight send times; NULL: not measured */
};

void load_wire_init(struct load_wire *w, struct loop *l, const struct load_options *o,
                    const struct load_events *events);
void load_wire_fini(struct load_wire *w);

/* Connects (over loopback this takes microseconds, so it blocks). -errno on failure. c->stalled and
 * c->sent_us are set before. */
int load_client_open(struct load_client *c, struct load_wire *w, uint32_t index) MUST_CHECK;
/* Stops reading, for good. */
void load_client_stall(struct load_client *c);
void load_client_send(struct load_client *c, struct msg *m);
void load_client_close(struct load_client *c); /* no on_lost; idempotent */

#endif
