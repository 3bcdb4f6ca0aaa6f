/* super/spawn.h - starting a process in two steps: it exists, then it may run.
 *
 * Between the steps the supervisor writes down that the process exists, so that no process runs
 * that the next supervisor would not know of. A process whose supervisor dies in between sees its
 * pipe closed and ends.
 *
 * The process leads a session of its own (a terminal's Ctrl-C is not for it), reads from /dev/null
 * and has no blocked signals.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_SPAWN_H
#define SUPER_SPAWN_H

#include <sys/types.h>

#include "base/err.h"

enum { SPAWN_FD = 3 }; /* what the new process finds its channel at */

struct spawn {
    const char *program;
    char *const *argv, *const *envp;
    const char *cwd;    /* NULL: ours */
    int out_fd, err_fd; /* become 1 and 2; -1: ours */
    /* At most one of the two: */
    int channel_fd;     /* becomes SPAWN_FD; -1: none */
    const char *socket; /* it listens on a SOCK_SEQPACKET socket at "SOCKET.PID.sock", which becomes
                           SPAWN_FD; NULL: none */
};

struct spawned {
    pid_t pid;
    int pidfd;
    int go_fd, report_fd; /* internal; -1 once it runs */
};

int spawn_begin(const struct spawn *s, struct spawned *p, char *why) MUST_CHECK;
/* Lets it run. On failure it has ended, its pidfd is closed, and why says what could not be done.
 * On success its socket takes connections. */
int spawn_finish(struct spawned *p, char *why) MUST_CHECK;
/* Instead: it ends without having run. */
void spawn_cancel(struct spawned *p);

#endif
