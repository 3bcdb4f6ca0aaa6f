/* sticky/sticky.h - sticky sessions without a proxy: workers of one application that accept each
 * other's requests.
 *
 * A session lives in one worker, but its requests come to any, since all accept from the same
 * sockets. Its id says whose it is (cluster/sid.h), so the worker that got a request gives it to
 * the one it belongs to, and so does it with a new session's first request when another worker is
 * to have the session:
 *   - it passes the connection on, descriptor and bytes read, where it can: once for a connection,
 *     since most carry one session, and always for one that becomes a WebSocket;
 *   - else (TLS; a reverse proxy's connection, which carries many sessions) it relays the request
 *     alone.
 * And workers share the connections themselves, because the kernel gives them to whoever is quick:
 * those that speak TLS, which have to stay, are as many in each; of others a worker does not get
 * many more than the rest.
 *
 * What another worker has sent is answered where it arrives, unless that worker is handing its
 * sessions over, so nothing goes round in circles; and
 * what cannot be sent is answered here, where the client learns that its session is gone.
 *
 * Start reading at sticky_open(), then elsewhere() in sticky.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STICKY_STICKY_H
#define STICKY_STICKY_H

#include "cluster/peers.h"
#include "engineio/server.h"
#include "http/server.h"

/* Who gets a new session. */
enum sticky_balance { STICKY_LEAST_CONNECTION, STICKY_ROUND_ROBIN, STICKY_RANDOM };

struct sticky_stats {
    uint64_t placed_here, placed_elsewhere; /* new sessions that came to this worker */
    uint64_t passed, relayed;               /* connections, requests that went to others */
    uint64_t passed_in, relayed_in;         /* that came from others */
    uint64_t shared, shared_in;             /* connections, as they were accepted */
    uint64_t returned;                      /* could not be sent, and were answered here */
    uint64_t relay_failures;                /* requests whose worker went away: 502 */
    uint64_t waiting;                       /* relayed requests without an answer yet, now */
    uint64_t pipes;                         /* relayed WebSockets, now */
};

struct sticky {
    struct eio_places places; /* give it to each Engine.IO server of the application */
    struct peers *peers;
    struct http_server *http;
    enum sticky_balance balance; /* the owner's to set */
    bool open, stopped;
    unsigned home; /* in the ids made here */
    unsigned heir; /* the slot that gets this worker's sessions; BOARD_NO_SLOT: they stay */
    unsigned last; /* the slot that got the latest session, for taking turns */
    uint64_t sessions;
    uint64_t arrivals, arrivals_seen, coming_seen; /* of sessions sent to begin here */
    uint64_t due, due_seen; /* of these: requests that have come, and are not sessions yet */
    struct list passing; /* of struct passing: connections about to leave */
    struct list relayed; /* of struct relayed */
    struct list pipes;   /* of struct pipe */
    struct sticky_stats stats;
};

/* Of a worker that is among peers: settles a home. On failure why says. */
int sticky_open(struct sticky *s, struct peers *p, struct http_server *http, char *why) MUST_CHECK;
/* This worker is about to leave: others answer what it relays for them as soon as they can. */
void sticky_hurry(struct sticky *s);
/* Nothing goes to others any more, nor is taken from them: before http closes for good. */
void sticky_stop(struct sticky *s);
/* The sessions of this worker are moving to a slot: a request for one that is not here any more goes
 * there. */
void sticky_move(struct sticky *s, unsigned heir);
/* Whether requests are on their way to others, or wait for their answers. */
bool sticky_busy(const struct sticky *s);
/* Gives a connection without a request to a slot; fd is the caller's still, to be closed. False: it
 * could not be sent. */
bool sticky_give_idle(struct sticky *s, unsigned slot, int fd);
/* Before peers and http go, after the sessions. Idempotent; a zeroed one is closed. */
void sticky_close(struct sticky *s);

/* Each second. */
void sticky_beat(struct sticky *s);

/* For peers_events.on_message. False: the message is none of these; its descriptors are not taken.
 */
bool sticky_on_message(struct sticky *s, unsigned slot, uint8_t kind, str data, const int *fds,
                       size_t fd_count);

#endif
