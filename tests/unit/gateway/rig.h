/* tests/unit/gateway/rig.h - endpoints behind a real HTTP server, and socket pairs as their
 * clients.
 *
 * Nothing here waits for a time: the loop is turned until what is asked for has happened, and a
 * test fails when it does not within a few seconds.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_GATEWAY_RIG_H
#define UNIT_GATEWAY_RIG_H

#include "test.h"

#include "gateway/channel.h"

struct rig {
    struct loop loop;
    struct http_server http;
    struct gateway gateway;
    struct gateway_endpoint endpoint;
    struct gateway_events events;
    struct buf log; /* what the owner was told: "ask;open;text:hello;close:1000:;" */
    struct gateway_conn *last;
    bool echo, hold;
    gateway_handshake held;
    void (*on_close)(struct rig *g, struct gateway_conn *c); /* or NULL */
    int fds; /* open before; -1: there are others that count */
};

struct client {
    struct rig *rig;
    int fd;
    struct buf in;
    size_t used; /* of in, by what was returned last */
    bool ended;
};

struct frame {
    unsigned op;
    str data;
};

/* options NULL: the defaults. asking: handshakes are put to the owner. */
void rig_open(struct rig *g, const struct gateway_options *o, bool asking);
/* Closes everything and checks that nothing is left behind. */
void rig_close(struct rig *g);
void rig_settle(struct rig *g);
void rig_await(struct rig *g, const char *text); /* turns until the log holds text */
/* Sends data over and over until the kernel refuses some and the connection is backed up. Returns
 * how often. */
int rig_stall(struct gateway_conn *c, str data);
bool rig_logged(const struct rig *g, const char *text);

void client_open(struct client *c, struct rig *g);
void client_close(struct client *c);
void client_write(struct client *c, str bytes);
/* Sends a handshake; extra: further header lines, each with CRLF. */
void client_handshake(struct client *c, const char *extra);
str client_head(struct client *c); /* the head of the next answer */
/* Opens a connection of the endpoint: c->rig->last is it. */
void client_connect(struct client *c, struct rig *g);
void client_frame(struct client *c, unsigned op, str data);
struct frame client_next(struct client *c);
void client_silent(struct client *c); /* nothing has come */
void client_await_end(struct client *c);

#define assert_frame(client, opcode, text)                                                         \
    do {                                                                                           \
        struct frame assert_frame_got = client_next(client);                                       \
        assert_int_equal(assert_frame_got.op, opcode);                                             \
        assert_str(assert_frame_got.data, text);                                                   \
    } while (0)

#endif
