/* net/link.h - a connection between two processes of this machine: whole messages both ways, with
 * descriptors where wanted, in order.
 *
 * SOCK_SEQPACKET on a path, so the file system's permissions say who may connect, and the kernel
 * says who did. Messages larger than a packet go in several; what the peer does not take yet waits
 * in a queue, which is bounded.
 *
 * Closing: link_close() may be called anywhere, also in the link's own callbacks. on_close runs
 * exactly once, in the close call; the memory lives until the end of the iteration.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include <sys/types.h>

#include "base/buf.h"
#include "net/loop.h"

enum {
    LINK_FDS_MAX = 16,                /* descriptors of one message */
    LINK_PACKET_BYTES = 64 * 1024,    /* of a message that go in one packet */
    LINK_MESSAGE_BYTES_MAX = 64 << 20 /* a larger one closes the link */
};

struct link;

struct link_events {
    /* One message. The descriptors (close-on-exec) are the callee's, all of them. */
    void (*on_message)(struct link *l, str data, const int *fds, size_t fd_count);
    /* err: what link_close() was given; ATR_ECLOSED when the peer has closed or died; else a
     * negated errno, ATR_ELIMIT, or ATR_ESYNTAX when it does not speak as we do. */
    void (*on_close)(struct link *l, int err);
    /* The queue, having been non-empty, is empty. May be NULL. */
    void (*on_drain)(struct link *l);
};

struct link_packet;

struct link {
    struct watch watch;
    struct loop *loop;
    const struct link_events *events;
    void *owner;
    struct link_packet *queue, **queue_end; /* not yet taken by the kernel */
    size_t queued_bytes, queued_bytes_max;  /* memory; 0: LINK_MESSAGE_BYTES_MAX */
    struct buf gathered;                    /* of a message that comes in several packets */
    int fds[LINK_FDS_MAX];                  /* that came with it */
    size_t fd_count;
    struct loop_job reaper;
    bool closing;
};

/* Takes a connected SOCK_SEQPACKET socket, whether blocking or not. The link frees itself after
 * closing. Returns NULL when it cannot be watched; fd is closed then. */
struct link *link_new(struct loop *l, int fd, const struct link_events *events, void *owner);

/* A socket connected to a path (it cannot take long: both are on this machine), for link_new().
 * Non-blocking, close-on-exec; or a negated errno. */
int link_dial(const char *path) MUST_CHECK;

/* Connects to a path, at once. Returns NULL with a negated errno in *err. */
struct link *link_connect(struct loop *l, const char *path, const struct link_events *events,
                          void *owner, int *err);

/* Two ends of one connection, close-on-exec, for a process and a child. 0 or a negated errno. */
int link_pair(int fds[2]) MUST_CHECK;

/* Sends a message; data is copied, descriptors are duplicated if they must wait. Never runs a
 * callback. Returns 0; ATR_ECLOSED; ATR_ELIMIT when the queue is full or the message too large:
 * nothing was sent then. */
int link_send(struct link *l, str data, const int *fds, size_t fd_count);

/* Waits for at most so long and takes what has come, outside of the loop's turn and on its own
 * memory: for who cannot go on without, in whatever callback. Returns whether there was anything
 * (the link may be closed by now). */
bool link_wait(struct link *l, int timeout_ms);

/* Closes now; what is queued is lost. A no-op when closed already. */
void link_close(struct link *l, int err);

/* Who is at the other end, as the kernel saw it when it connected. 0 or a negated errno. */
int link_peer(const struct link *l, pid_t *pid, uid_t *uid);

/* --- Listening --- */

struct link_listener {
    struct watch watch; /* fd -1: closed */
    struct loop *loop;
    /* fd is connected, close-on-exec, of a process of this user or of root; the callee's. */
    void (*on_accept)(struct link_listener *l, int fd);
    void *owner;
    char *path;        /* removed by closing */
    struct timer rest; /* while out of descriptors */
    uint64_t refused;  /* connections of other users */
    uint64_t rests;    /* times that there was no descriptor left */
};

/* Listens on a path; a socket that lies there with nobody behind it is replaced. Only the user may
 * connect (mode 0600). On failure (-EADDRINUSE when somebody listens there; why names the path) l
 * is closed. */
int link_listen(struct link_listener *l, struct loop *loop, const char *path, char *why) MUST_CHECK;
void link_listener_close(struct link_listener *l); /* idempotent */
/* The same, but the path stays: somebody else has taken it over. */
void link_listener_abandon(struct link_listener *l);

#endif
