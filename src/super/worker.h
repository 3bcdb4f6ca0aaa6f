/* super/worker.h - the worker's end: what a process that serves an application says to its
 * supervisor, and is told.
 *
 * A worker listens on a socket of its own (run/NAME.INSTANCE.PID.sock in ATRIUM_HOME); supervisors
 * connect to it: the one that started it, and after its death the next one, by the same path. So a
 * worker neither notices nor cares that there is none for a while. README.md lists the messages.
 *
 * Listening sockets are the supervisor's, which opens each once and lends it to every worker that
 * asks; so is the board (cluster/board.h). The worker keeps copies to give to the next supervisor.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_WORKER_H
#define SUPER_WORKER_H

#include "base/buf.h"
#include "net/link.h"

struct worker {
    struct watch watch; /* the listening socket */
    struct loop *loop;
    struct list peers; /* of struct peer: who connected */
    unsigned peer_count;
    struct list lent; /* of struct lent: listening sockets */
    int board;        /* -1: not asked for */
    char *folder;     /* of its workers' sockets */
    char *name, *path;
    unsigned instance;
    bool listening, ready, draining;
    uint64_t lingers_until_ms; /* 0: as long as it was given */
    struct timer heartbeat;
    uint64_t beat_due_ms;
    /* While worker_listen() or worker_board() waits: */
    struct buf asked;   /* the question; empty: none */
    const char *awaits; /* the type of its answer */
    int answer;         /* a descriptor or a negative code; 0: not yet */
    char *answer_why;
    /* The owner's: */
    /* Close within that time, then end. heir: the process that gets the clients; 0: nobody, -1: the
     * other workers. */
    void (*on_drain)(struct worker *w, uint32_t ms, pid_t heir);
    uint64_t (*connections)(struct worker *w);       /* how many there are now */
};

/* Takes the listening socket fd. name and path are copied. Callbacks are set by the caller. */
int worker_open(struct worker *w, struct loop *l, int fd, const char *name, unsigned instance,
                char *why) MUST_CHECK;
void worker_close(struct worker *w); /* removes the socket's file */

/* A listening descriptor for that place, the caller's. Waits for the supervisor, without turning
 * the loop. */
int worker_listen(struct worker *w, const char *host, uint16_t port, char *why) MUST_CHECK;

/* The board of the application, the caller's, and the folder for its workers' sockets: valid until
 * worker_close(). Waits in the same way. */
int worker_board(struct worker *w, const char **folder, char *why) MUST_CHECK;

/* Says so once, and again to every supervisor that comes. */
void worker_listening(struct worker *w);
void worker_ready(struct worker *w);
/* It is leaving, and has yet to stay for at most so long. */
void worker_lingers(struct worker *w, uint64_t ms);

#endif
