/* sticky/parts.h - what the files of this folder share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STICKY_PARTS_H
#define STICKY_PARTS_H

#include "sticky/sticky.h"

/* Kinds of messages between workers. */
enum {
    STICKY_KIND_PASS = PEERS_KIND_USER, /* flags, moves, bytes; the connection */
    STICKY_KIND_RELAY, /* flags, lengths of two texts, address, certificate, bytes; an end of a pair
                        */
    STICKY_KIND_SHARE, /* flags; a connection that was accepted */
    STICKY_KINDS_END
};
enum {
    STICKY_BEGINS = 1,  /* a session is to begin with it */
    STICKY_SECURE = 2,  /* the client speaks TLS */
    STICKY_VERIFIED = 4 /* its certificate */
};

/* The slot that a new session should begin in. */
unsigned sticky_choose(struct sticky *s);
/* The slot of the worker with the fewest connections, among those that take any. */
unsigned sticky_least_connected(const struct sticky *s);
/* A session was sent to begin at a slot, or (arrived) has arrived there: until then nobody but who
 * sent it knows of it. */
void sticky_sent(struct sticky *s, unsigned slot);
void sticky_unsent(struct sticky *s, unsigned slot);
void sticky_arrived(struct sticky *s);
/* A request has come that a session is to begin with: it arrives when that has begun. */
void sticky_is_due(struct sticky *s);

/* share.c: connections, as they are accepted. */
bool sticky_share(void *s, int fd, bool secure);
void sticky_take_shared(struct sticky *s, str data, int fd);

/* pass.c: r's connection goes to slot. */
void sticky_pass(struct sticky *s, unsigned slot, bool begins, struct http_request *r);
void sticky_take_passed(struct sticky *s, str data, int fd);
void sticky_drop_passing(struct sticky *s);

/* relayed.c: r is answered by slot. */
void sticky_relay(struct sticky *s, unsigned slot, bool begins, struct http_request *r);
void sticky_take_relayed(struct sticky *s, str data, int fd);
void sticky_drop_relayed(struct sticky *s);

#endif
